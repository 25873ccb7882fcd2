"""Norms.  At zero the derivative of a norm is taken as zero, the smallest element of its subdifferential."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..array.handle import Array
from ..levels import concrete
from .elementwise import absolute, equal, power, square, where
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
        length = euclidean(ravel(x), 0, False)
        return reshape(length, (1,) * ndim) if keepdims else length
    if axis is None:
        axis = 0 if ndim == 1 else tuple(range(ndim))
    if isinstance(axis, tuple) and len(axis) == 2 and ord not in (None, "fro"):
        raise NotImplementedError(
            f"wengert.reference.numpy.linalg.norm: matrix norm of order {ord!r}; only 'fro' is available"
        )
    if ord in (None, 2, "fro"):
        return euclidean(x, axis, keepdims)
    if ord == math.inf:
        return max(absolute(x), axis, keepdims)
    if ord == -math.inf:
        return min(absolute(x), axis, keepdims)
    if ord == 1:
        return sum(absolute(x), axis, keepdims)
    if isinstance(ord, (int, float)) and ord > 0:
        return p_norm(absolute(x), ord, axis, keepdims)
    raise ValueError(f"wengert.reference.numpy.linalg.norm: unknown order {ord!r}")


def scale_of(x: Array, axis: Any) -> Any:
    """A power of two near the largest entry, without derivative: dividing by it is exact, and squares then neither
    overflow nor vanish."""
    largest = np.max(np.abs(concrete(x.get())), axis=axis, keepdims=True, initial=0)
    usable = (largest > 0) & np.isfinite(largest)
    return np.exp2(np.floor(np.log2(np.where(usable, largest, 1)))).astype(x.dtype)


def scaled_back(length: Any, scale: Any, axis: Any, keepdims: bool) -> Array:
    return length * (scale if keepdims else np.squeeze(scale, axis))


def euclidean(x: Array, axis: Any, keepdims: bool) -> Array:
    scale = scale_of(x, axis)
    return scaled_back(root(sum(square(x / scale), axis, keepdims)), scale, axis, keepdims)


def p_norm(size: Array, p: float, axis: Any, keepdims: bool) -> Array:
    """``(∑ |x|^p)^(1/p)``, flat (to every order) at 0, and each ``|x|^p`` at x = 0."""
    scale, zero = scale_of(size, axis), equal(size, 0)
    powers = where(zero, np.zeros((), size.dtype), power(where(zero, np.ones((), size.dtype), size / scale), p))
    total = sum(powers, axis, keepdims)
    flat = equal(total, 0)
    length = power(where(flat, np.ones((), size.dtype), total), 1.0 / p)
    return scaled_back(where(flat, np.zeros((), size.dtype), length), scale, axis, keepdims)


__all__ = ["norm"]
