"""`numpy.linalg` as far as it is composed of primitives: norms and products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert._core import Array, ops
from wengert._internals import hints
from wengert.numpy.arrays import ArrayLike, Axis, floating, normalize_axes, operand
from wengert.numpy.layout import indexing
from wengert.numpy.layout.shaping import matrix_transpose
from wengert.numpy.products import cross, outer, tensordot, vecdot
from wengert.numpy.reducing.reductions import root

__all__ = [
    "cross", "diagonal", "matmul", "matrix_norm", "matrix_power", "matrix_transpose", "multi_dot", "norm", "outer",
    "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip

matmul = ops.matmul


def norm(x: ArrayLike, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """Vector or matrix norm, never overflowing inside; where it is 0 its derivative is 0. See `numpy.linalg.norm`."""
    x = floating(x)
    if axis is None and (ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1)):
        return _euclidean(x, tuple(range(x.ndim)), keepdims)
    axes = normalize_axes("norm", axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) != 2:
        raise ValueError(
            f"norm: axis={axis} of shape {x.shape} names {len(axes)} axes; name one (vector) or two (matrix)"
        )
    return _matrix_norm(x, ord, axes, keepdims)


def vector_norm(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Array:
    """Norm of all elements along the axes as one vector. See `numpy.linalg.vector_norm`."""
    x = floating(x)
    return _vector_norm(x, ord, normalize_axes("vector_norm", axis, x.ndim), keepdims)


def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Norm of the matrices in the last two axes. See `numpy.linalg.matrix_norm`."""
    x = floating(x)
    return _matrix_norm(x, ord, normalize_axes("matrix_norm", (-2, -1), x.ndim), keepdims)


def _scale(x: Array, axes: tuple[int, ...]) -> Array:
    """A power of two near the largest |x|, without derivative: x / scale is exact and its powers do not overflow."""
    largest = ops.max(ops.absolute(x.detach()), axes, True)
    usable = ops.logical_and(ops.greater(largest, 0), ops.isfinite(largest))
    return ops.exp2(ops.floor(ops.log2(ops.where(usable, largest, 1.0))))


def _rescaled(length: Array, scale: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    return ops.multiply(length, scale if keepdims else ops.squeeze(scale, axes))


def _euclidean(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    if not axes:
        return ops.absolute(x)
    if any(x.shape[i] == 0 for i in axes):
        return ops.sum(x, axes, keepdims)
    scale = _scale(x, axes)
    return _rescaled(root(ops.sum(ops.square(ops.divide(x, scale)), axes, keepdims)), scale, axes, keepdims)


def _vector_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if ord == 2:
        return _euclidean(x, axes, keepdims)
    size = ops.absolute(x)
    if ord == math.inf:
        return ops.max(size, axes, keepdims)
    if ord == -math.inf:
        return ops.min(size, axes, keepdims)
    if ord == 1:
        return ops.sum(size, axes, keepdims)
    if ord == 0:
        return ops.sum(ops.astype(ops.not_equal(x, 0), x.dtype), axes, keepdims)
    if isinstance(ord, str) or ord is None:
        raise ValueError(f"norm: ord={ord!r} is not a vector norm; use a number, inf or -inf")
    return _p_norm(size, float(ord), axes, keepdims)


def _p_norm(size: Array, p: float, axes: tuple[int, ...], keepdims: bool) -> Array:
    """(sum |x|^p)^(1/p), scaled like the Euclidean norm; flat at 0, and so is each |x|^p at x = 0."""
    if any(size.shape[i] == 0 for i in axes):
        return ops.sum(size, axes, keepdims)
    if p < 0:
        return ops.power(ops.sum(ops.power(size, p), axes, keepdims), 1 / p)
    scale = _scale(size, axes)
    zero = ops.equal(size, 0)
    powers = ops.where(zero, 0.0, ops.power(ops.where(zero, 1.0, ops.divide(size, scale)), p))
    total = ops.sum(powers, axes, keepdims)
    flat = ops.equal(total, 0)
    length = ops.where(flat, 0.0, ops.power(ops.where(flat, 1.0, total), 1 / p))
    return _rescaled(length, scale, axes, keepdims)


def _matrix_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if ord in (None, "f", "fro"):
        return _euclidean(x, axes, keepdims)
    summed, compared = {1: (0, 1), -1: (0, 1), math.inf: (1, 0), -math.inf: (1, 0)}.get(ord, (None, None))
    if summed is None or compared is None:
        raise NotImplementedError(
            f"norm: ord={ord!r} of a matrix needs singular values, which have no rule; use 'fro', 1, -1, inf or -inf"
        )
    sums = ops.sum(ops.absolute(x), axes[summed], True)
    result = (ops.max if ord > 0 else ops.min)(sums, axes[compared], True)
    return result if keepdims else ops.squeeze(result, axes)


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Array:
    """Diagonals of the matrices in the last two axes. See `numpy.linalg.diagonal`."""
    return indexing.diagonal(x, offset, -2, -1)


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """Sums of the diagonals in the last two axes. See `numpy.linalg.trace`."""
    return indexing.trace(x, offset, -2, -1, dtype)


def matrix_power(a: ArrayLike, n: int) -> Array:
    """A square matrix to a non-negative integer power, by squaring. See `numpy.linalg.matrix_power`."""
    a = operand(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"matrix_power: needs square matrices, got shape {a.shape}")
    if n < 0:
        raise NotImplementedError(f"matrix_power: the negative power {n} needs inv, which has no rule yet")
    if n == 0:
        return ops.broadcast_to(operand(np.eye(a.shape[-1], dtype=a.dtype)), a.shape).copy()
    result: Any = None
    while n:
        if n & 1:
            result = a if result is None else ops.matmul(result, a)
        n >>= 1
        a = ops.matmul(a, a) if n else a
    return result


def multi_dot(arrays: Sequence[ArrayLike], *, out: None = None) -> Array:
    """Product of a chain of matrices in the cheapest order. See `numpy.linalg.multi_dot`."""
    from wengert.numpy.contraction import einsum

    chain = [operand(a) for a in arrays]
    if len(chain) < 2:
        raise ValueError("multi_dot: needs at least two arrays")
    if any(a.ndim != 2 for a in chain[1:-1]) or not {chain[0].ndim, chain[-1].ndim} <= {1, 2}:
        raise np.linalg.LinAlgError("multi_dot: needs matrices, only the first and the last may be vectors")
    labels = [[i, i + 1] for i in range(len(chain))]
    labels[0] = labels[0] if chain[0].ndim == 2 else [1]
    labels[-1] = labels[-1] if chain[-1].ndim == 2 else labels[-1][:1]
    free = ([0] if chain[0].ndim == 2 else []) + ([len(chain)] if chain[-1].ndim == 2 else [])
    return einsum(*(part for pair in zip(chain, labels, strict=True) for part in pair), free)


if not TYPE_CHECKING:  # to a type checker a missing name stays an error

    def __getattr__(name: str) -> Any:
        raise hints.missing(__name__, name)
