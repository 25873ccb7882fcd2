"""Norms.  At zero the derivative of a norm is taken as zero, the smallest element of its subdifferential."""

from __future__ import annotations

import math
from typing import Any

from ..array import Array
from ..rules.binary import power
from ..rules.elementwise import absolute, square
from .reductions import max, min, root, sum
from .shaping import array_of, ravel, reshape


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """The Euclidean norm (of all entries, or along an axis), or the ``ord``-norm of vectors; "fro" for matrices.

    >>> import wengert.reference as wr, numpy as np
    >>> wr.grad(wr.numpy.linalg.norm)(np.zeros(2))
    array([0., 0.])
    """
    x = array_of(x)
    ndim, axis = x.ndim, tuple(axis) if isinstance(axis, (list, tuple)) else axis
    if axis is None and ord is None:
        length = root(sum(square(ravel(x))))
        return reshape(length, (1,) * ndim) if keepdims else length
    if axis is None:
        axis = 0 if ndim == 1 else tuple(range(ndim))
    if isinstance(axis, tuple) and len(axis) == 2 and ord not in (None, "fro"):
        raise NotImplementedError(
            f"wengert.reference.numpy.linalg.norm: matrix norm of order {ord!r}; only 'fro' is available"
        )
    if ord in (None, 2, "fro"):
        return root(sum(square(x), axis, keepdims))
    if ord == math.inf:
        return max(absolute(x), axis, keepdims)
    if ord == -math.inf:
        return min(absolute(x), axis, keepdims)
    if ord == 1:
        return sum(absolute(x), axis, keepdims)
    if isinstance(ord, (int, float)) and ord > 0:
        total = sum(power(absolute(x), ord), axis, keepdims)
        return power(total, 1.0 / ord)
    raise ValueError(f"wengert.reference.numpy.linalg.norm: unknown order {ord!r}")


__all__ = ["norm"]
