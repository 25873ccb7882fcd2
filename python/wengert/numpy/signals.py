"""Interpolation, convolution, polynomials."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from wengert._core import Array, ops, scalar
from wengert.numpy.arrays import ArrayLike, concrete, floating, operand, operands
from wengert.numpy.layout.joining import concatenate
from wengert.numpy.layout.shaping import flip

__all__ = ["convolve", "correlate", "interp", "polyval"]


def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    left: ArrayLike | None = None,
    right: ArrayLike | None = None,
    period: float | None = None,
) -> Array:
    """Piecewise linear interpolation, differentiable in x, xp and fp. See `numpy.interp`.

    At a knot the slope is the smaller one of both sides, 0 if their signs differ; beyond the ends it is 0.
    """
    x, xp, fp = floating(x), floating(xp), floating(fp)
    if xp.ndim != 1 or xp.shape != fp.shape or xp.size == 0:
        raise ValueError(f"interp: xp and fp must be equally long vectors, got shapes {xp.shape} and {fp.shape}")
    if period is not None:
        x, xp, fp = _one_period(x, xp, fp, abs(period))
        left = right = None
    if xp.size == 1:
        inside = ops.broadcast_to(ops.getitem(fp, 0), x.shape)
    else:
        k, after = _interval(x, xp, fp, "right")
        _, before = _interval(x, xp, fp, "left")
        x0, f0 = ops.getitem(xp, k), ops.getitem(fp, k)
        slope = ops.where(ops.equal(x, x0), _smaller(before, after), after)
        inside = ops.add(f0, ops.multiply(slope, ops.subtract(x, x0)))
    inside = ops.where(ops.less(x, ops.getitem(xp, 0)), ops.getitem(fp, 0) if left is None else left, inside)
    above = ops.getitem(fp, -1) if right is None else right
    return scalar(ops.where(ops.greater(x, ops.getitem(xp, -1)), above, inside))


def _interval(x: Array, xp: Array, fp: Array, side: Literal["left", "right"]) -> tuple[np.ndarray, Array]:
    """The last knot before x (not after it, for "right"), and the slope from there; 0 outside of the knots."""
    k = np.searchsorted(concrete(xp), concrete(x), side) - 1
    inside = (k >= 0) & (k < xp.size - 1)
    low = np.where(inside, k, 0)
    rise = ops.subtract(ops.getitem(fp, low + 1), ops.getitem(fp, low))
    run = ops.where(inside, ops.subtract(ops.getitem(xp, low + 1), ops.getitem(xp, low)), 1.0)
    return np.clip(k, 0, xp.size - 1), ops.where(inside, ops.divide(rise, run), 0.0)


def _smaller(a: Array, b: Array) -> Array:
    """Of the numbers between a and b the one nearest to 0."""
    apart = ops.less_equal(ops.multiply(ops.sign(a), ops.sign(b)), 0)
    return ops.where(apart, 0.0, ops.where(ops.less(ops.absolute(a), ops.absolute(b)), a, b))


def _one_period(x: Array, xp: Array, fp: Array, period: float) -> tuple[Array, Array, Array]:
    """Everything moved into [0, period), with one knot more at either end."""
    if period == 0:
        raise ValueError("interp: period must not be 0")
    x, xp = ops.remainder(x, period), ops.remainder(xp, period)
    order = np.argsort(concrete(xp), kind="stable")
    xp, fp = ops.getitem(xp, order), ops.getitem(fp, order)
    xp = concatenate([ops.getitem(xp, slice(-1, None)) - period, xp, ops.getitem(xp, slice(0, 1)) + period])
    return x, xp, concatenate([ops.getitem(fp, slice(-1, None)), fp, ops.getitem(fp, slice(0, 1))])


def convolve(a: ArrayLike, v: ArrayLike, mode: str = "full") -> Array:
    """Discrete convolution of two vectors. See `numpy.convolve`."""
    a, v = _vectors("convolve", a, v)
    if v.size > a.size:
        a, v = v, a
    return _slide(a, flip(v), mode)


def correlate(a: ArrayLike, v: ArrayLike, mode: str = "valid") -> Array:
    """Cross-correlation of two vectors. See `numpy.correlate`."""
    a, v = _vectors("correlate", a, v)
    return _slide(a, v, mode) if v.size <= a.size else flip(_slide(v, a, mode))


def _vectors(name: str, a: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    a, v = operands(a, v)
    a, v = (ops.reshape(x, (1,)) if x.ndim == 0 else x for x in (a, v))
    if a.ndim != 1 or v.ndim != 1 or not a.size or not v.size:
        raise ValueError(f"{name}: needs two non-empty vectors, got shapes {a.shape} and {v.shape}")
    return a, v


def _slide(a: Array, v: Array, mode: str) -> Array:
    """Dot products of v with the windows of a (not shorter than v): one gather, one product."""
    n, m = a.size, v.size
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"convolve: mode must be 'full', 'same' or 'valid', got {mode!r}")
    before = {"full": m - 1, "same": m // 2, "valid": 0}[mode]
    count = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    after = count + m - 1 - n - before
    padded = concatenate([np.zeros(before, a.dtype), a, np.zeros(after, a.dtype)])
    windows = ops.getitem(padded, np.arange(count)[:, None] + np.arange(m))
    return ops.matmul(windows, v)


def polyval(p: ArrayLike, x: ArrayLike) -> Array:
    """The polynomial with coefficients p, highest power first, at x (Horner). See `numpy.polyval`."""
    p, x = operands(p, x)
    if p.ndim != 1:
        raise ValueError(f"polyval: the coefficients must be a vector, got shape {p.shape}")
    result: Any = operand(np.zeros(x.shape, x.dtype))
    for i in range(p.size):
        result = ops.add(ops.multiply(result, x), ops.getitem(p, i))
    return result
