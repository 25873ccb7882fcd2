"""Running sums and products, differences and numerical integration along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import (
    ArrayLike,
    DType,
    concrete,
    floating,
    normalize_axes,
    normalize_axis,
    operand,
    refuse_out,
)
from wengert.numpy.layout.joining import concatenate
from wengert.numpy.layout.shaping import along, moveaxis, ravel
from wengert.numpy.reducing.reductions import without_nan

__all__ = [
    "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "diff", "ediff1d", "gradient", "nancumprod",
    "nancumsum", "trapezoid",
]  # fmt: skip


def cumsum(a: ArrayLike, axis: int | None = None, dtype: DType = None, out: None = None) -> Array:
    """Running sums; axis=None flattens first. See `numpy.cumsum`."""
    refuse_out("cumsum", out)
    a, axis = _line(a, axis, dtype)
    return ops.cumsum(a, axis)


def cumprod(a: ArrayLike, axis: int | None = None, dtype: DType = None, out: None = None) -> Array:
    """Running products, multiplied one by one: derivatives of every order are right with zeros. See `numpy.cumprod`."""
    refuse_out("cumprod", out)
    a, axis = _line(a, axis, dtype)
    return accumulate(ops.multiply, ops.astype(a, np.int64) if a.dtype.kind == "b" else a, axis)


def _line(a: ArrayLike, axis: int | None, dtype: DType) -> tuple[Array, int]:
    a = operand(a) if dtype is None else ops.astype(operand(a), dtype)
    return (ravel(a), 0) if axis is None else (a, normalize_axis("cumulative", axis, a.ndim))


def accumulate(function: Any, a: Array, axis: int) -> Array:
    """function(…function(function(a0, a1), a2)…) with all intermediate results, along an axis: ufunc.accumulate."""
    if a.shape[axis] < 2:
        return a.copy()
    results = [ops.getitem(a, along(axis, 0))]
    for i in range(1, a.shape[axis]):
        results.append(function(results[-1], ops.getitem(a, along(axis, i))))
    results[0] = ops.astype(results[0], results[-1].dtype)  # a logical function of numbers gives booleans
    return ops.stack(results, axis)


def _cumulative(kind: Any, start: int, x: ArrayLike, axis: int | None, dtype: DType, include_initial: bool) -> Array:
    x = operand(x)
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"{kind.__name__}: shape {x.shape} needs axis=; name the axis to accumulate along")
        axis = 0
    result = kind(x, axis, dtype)
    if not include_initial:
        return result
    first = np.full(tuple(1 if i == axis % x.ndim else n for i, n in enumerate(x.shape)), start, result.dtype)
    return ops.concatenate([operand(first), result], axis)


def cumulative_sum(
    x: ArrayLike, /, *, axis: int | None = None, dtype: DType = None, out: None = None, include_initial: bool = False
) -> Array:
    """Running sums, from 0 if include_initial. See `numpy.cumulative_sum`."""
    refuse_out("cumulative_sum", out)
    return _cumulative(cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: ArrayLike, /, *, axis: int | None = None, dtype: DType = None, out: None = None, include_initial: bool = False
) -> Array:
    """Running products, from 1 if include_initial. See `numpy.cumulative_prod`."""
    refuse_out("cumulative_prod", out)
    return _cumulative(cumprod, 1, x, axis, dtype, include_initial)


def nancumsum(a: ArrayLike, axis: int | None = None, dtype: DType = None, out: None = None) -> Array:
    """Running sums that count NaN as 0. See `numpy.nancumsum`."""
    return cumsum(without_nan(a, 0.0), axis, dtype, out)


def nancumprod(a: ArrayLike, axis: int | None = None, dtype: DType = None, out: None = None) -> Array:
    """Running products that count NaN as 1. See `numpy.nancumprod`."""
    return cumprod(without_nan(a, 1.0), axis, dtype, out)


def diff(
    a: ArrayLike, n: int = 1, axis: int = -1, prepend: ArrayLike | None = None, append: ArrayLike | None = None
) -> Array:
    """n-th difference of neighbours. See `numpy.diff`."""
    a = operand(a)
    if n < 0:
        raise ValueError(f"diff: the order n must not be negative, got {n}")
    axis = normalize_axis("diff", axis, a.ndim)
    if n == 0:
        return a
    if prepend is not None or append is not None:
        a = concatenate([_end(operand(part), a, axis) for part in (prepend, a, append) if part is not None], axis)
    difference = ops.not_equal if a.dtype.kind == "b" else ops.subtract
    for _ in range(min(n, a.shape[axis])):  # then nothing is left
        a = difference(ops.getitem(a, along(axis, slice(1, None))), ops.getitem(a, along(axis, slice(None, -1))))
    return a


def _end(end: Array, a: Array, axis: int) -> Array:
    return end if end.ndim else ops.broadcast_to(end, tuple(1 if i == axis else n for i, n in enumerate(a.shape)))


def ediff1d(ary: ArrayLike, to_end: ArrayLike | None = None, to_begin: ArrayLike | None = None) -> Array:
    """Differences of the flattened array, with something before and after. See `numpy.ediff1d`."""
    middle = diff(ravel(ary))
    parts = [None if to_begin is None else ravel(to_begin), middle, None if to_end is None else ravel(to_end)]
    return concatenate([p for p in parts if p is not None], dtype=middle.dtype)


def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1) -> Array:
    """Integral by the trapezoidal rule. See `numpy.trapezoid`."""
    y = operand(y)
    axis = normalize_axis("trapezoid", axis, y.ndim)
    if x is None:
        step = operand(dx) if isinstance(dx, (list, tuple)) else dx
    else:
        x = operand(x)
        step = diff(x) if x.ndim == 1 else diff(x, axis=axis)
    if isinstance(step, (Array, np.ndarray)) and step.ndim == 1:
        step = ops.reshape(step, tuple(-1 if i == axis else 1 for i in range(y.ndim)))
    pairs = ops.add(ops.getitem(y, along(axis, slice(1, None))), ops.getitem(y, along(axis, slice(None, -1))))
    return ops.sum(ops.divide(ops.multiply(step, pairs), 2.0), axis)


def gradient(f: ArrayLike, *varargs: ArrayLike, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences inside, one-sided at the ends (edge_order 1 or 2). See `numpy.gradient`."""
    f = floating(f)
    axes = normalize_axes("gradient", axis, f.ndim)
    spacings = list(varargs) if varargs else [1.0]
    if len(spacings) == 1 and concrete(spacings[0]).ndim == 0:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(
            f"gradient: {len(spacings)} spacings for {len(axes)} axes; give one for all or one for each axis"
        )
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    results = tuple(_gradient(f, s, ax, edge_order) for s, ax in zip(spacings, axes, strict=True))
    return results[0] if len(axes) == 1 else results


def _gradient(f: Array, spacing: ArrayLike, axis: int, edge_order: int) -> Array:
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(f"gradient: axis {axis} of shape {f.shape} needs at least {edge_order + 1} elements")
    f = moveaxis(f, axis, -1)
    spacing = operand(spacing) if not issubclass(type(spacing), (int, float)) else spacing
    if isinstance(spacing, Array) and spacing.ndim == 1:
        if spacing.size != n:
            raise ValueError(
                f"gradient: {spacing.size} coordinates for an axis of length {n}; give one for each element"
            )
        steps = diff(spacing)
    else:
        steps = ops.multiply(np.ones(n - 1, f.dtype), spacing)
    slopes = ops.divide(diff(f), steps)  # over each interval
    left, right = slopes[..., :-1], slopes[..., 1:]
    a, b = steps[:-1], steps[1:]
    inner = ops.divide(ops.add(ops.multiply(b, left), ops.multiply(a, right)), ops.add(a, b))
    first, last = slopes[..., :1], slopes[..., -1:]
    if edge_order == 2:  # extrapolate with the second difference
        first = first + (first - slopes[..., 1:2]) * (steps[0] / (steps[0] + steps[1]))
        last = last + (last - slopes[..., -2:-1]) * (steps[-1] / (steps[-1] + steps[-2]))
    return moveaxis(ops.concatenate([first, inner, last], -1), -1, axis)
