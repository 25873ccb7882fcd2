"""Products of vectors, matrices and tensors, reduced to matmul and multiply."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import ArrayLike, normalize_axes, normalize_axis, operand, operands, refuse_out
from wengert.numpy.layout.shaping import moveaxis, ravel

__all__ = ["cross", "dot", "inner", "kron", "matvec", "outer", "tensordot", "vdot", "vecdot", "vecmat"]


def dot(a: ArrayLike, b: ArrayLike, out: None = None) -> Array:
    """Sum over the last axis of a and the second to last of b. See `numpy.dot`."""
    refuse_out("dot", out)
    a, b = operands(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return ops.multiply(a, b)
    if b.ndim <= 2:
        return ops.matmul(a, b)
    return tensordot(a, b, ((a.ndim - 1,), (b.ndim - 2,)))


def inner(a: ArrayLike, b: ArrayLike, /) -> Array:
    """Sum over the last axes. See `numpy.inner`."""
    a, b = operands(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return ops.multiply(a, b)
    return tensordot(a, b, ((a.ndim - 1,), (b.ndim - 1,)))


def outer(a: ArrayLike, b: ArrayLike, out: None = None) -> Array:
    """Product of every pair of elements of two flattened arrays. See `numpy.outer`."""
    refuse_out("outer", out)
    a, b = ravel(a), ravel(b)
    return ops.multiply(ops.expand_dims(a, 1), ops.expand_dims(b, 0))


def vdot(a: ArrayLike, b: ArrayLike, /) -> Array:
    """Dot product of two flattened arrays. See `numpy.vdot`."""
    a, b = ravel(a), ravel(b)
    if a.shape != b.shape:
        raise ValueError(f"vdot: {a.size} and {b.size} elements do not match; give arrays of equal size")
    return ops.matmul(a, b)


def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Dot products of the vectors along an axis, the others broadcast. See `numpy.vecdot`."""
    x1, x2 = operands(x1, x2)
    x1, x2 = (moveaxis(x, normalize_axis("vecdot", axis, x.ndim), -1) for x in (x1, x2))
    if x1.shape[-1] != x2.shape[-1]:
        raise ValueError(
            f"vecdot: lengths {x1.shape[-1]} and {x2.shape[-1]} of axis {axis} differ in {x1.shape}, {x2.shape}"
        )
    return ops.sum(ops.multiply(x1, x2), -1)


def matvec(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Matrices times vectors, outer axes broadcast. See `numpy.matvec`."""
    return ops.squeeze(ops.matmul(operand(x1), ops.expand_dims(operand(x2), -1)), -1)


def vecmat(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Vectors times matrices, outer axes broadcast. See `numpy.vecmat`."""
    return ops.squeeze(ops.matmul(ops.expand_dims(operand(x1), -2), operand(x2)), -2)


def tensordot(a: ArrayLike, b: ArrayLike, axes: int | Sequence[Any] = 2) -> Array:
    """Sum over pairs of axes. See `numpy.tensordot`."""
    a, b = operands(a, b)
    axes_a, axes_b = _summed_axes(a, b, axes)
    if [a.shape[i] for i in axes_a] != [b.shape[i] for i in axes_b]:
        raise ValueError(
            f"tensordot: axes {axes_a} of shape {a.shape} and axes {axes_b} of shape {b.shape} differ in length"
        )
    free_a = tuple(i for i in range(a.ndim) if i not in axes_a)
    free_b = tuple(i for i in range(b.ndim) if i not in axes_b)
    length = math.prod(a.shape[i] for i in axes_a)
    rows, columns = tuple(a.shape[i] for i in free_a), tuple(b.shape[i] for i in free_b)
    left = ops.reshape(_ordered(a, free_a + axes_a), (math.prod(rows), length))
    right = ops.reshape(_ordered(b, axes_b + free_b), (length, math.prod(columns)))
    return ops.reshape(ops.matmul(left, right), rows + columns)


def _ordered(a: Array, order: tuple[int, ...]) -> Array:
    return a if order == tuple(range(a.ndim)) else ops.transpose(a, order)


def _summed_axes(a: Array, b: Array, axes: int | Sequence[Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: axes={axes} does not fit shapes {a.shape} and {b.shape}; sum over fewer axes")
        return tuple(range(a.ndim - int(axes), a.ndim)), tuple(range(int(axes)))
    axes_a, axes_b = normalize_axes("tensordot", axes[0], a.ndim), normalize_axes("tensordot", axes[1], b.ndim)
    if len(axes_a) != len(axes_b):
        raise ValueError(f"tensordot: {len(axes_a)} axes of a and {len(axes_b)} of b; give one for one")
    return axes_a, axes_b


def kron(a: ArrayLike, b: ArrayLike) -> Array:
    """Kronecker product: blocks of b scaled by the elements of a. See `numpy.kron`."""
    a, b = operands(a, b)
    ndim = max(a.ndim, b.ndim)
    shape_a, shape_b = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    spread_a = ops.reshape(a, tuple(n for length in shape_a for n in (length, 1)))
    spread_b = ops.reshape(b, tuple(n for length in shape_b for n in (1, length)))
    return ops.reshape(ops.multiply(spread_a, spread_b), tuple(m * n for m, n in zip(shape_a, shape_b, strict=True)))


def cross(
    a: ArrayLike, b: ArrayLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Array:
    """Vector product in three dimensions. See `numpy.cross`."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = operands(a, b)
    a = moveaxis(a, normalize_axis("cross", axisa, a.ndim), -1)
    b = moveaxis(b, normalize_axis("cross", axisb, b.ndim), -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(
            f"cross: vectors must have 3 elements, got {a.shape[-1]} and {b.shape[-1]}; append a zero to 2-D ones"
        )
    turned = np.array([1, 2, 0])
    product = a * b[..., turned] - a[..., turned] * b
    return moveaxis(product[..., turned], -1, axisc)
