"""Order statistics, weighted means, covariance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import ArrayLike, Axis, concrete, floating, normalize_axes, operand, refuse, refuse_out
from wengert.numpy.layout.indexing import take_along_axis
from wengert.numpy.layout.shaping import moveaxis
from wengert.numpy.reducing.reductions import mean, numbers, root
from wengert.numpy.reducing.sorting import sort

__all__ = [
    "average", "corrcoef", "cov", "median", "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile",
]  # fmt: skip

# Plotting positions (alpha, beta) of the continuous methods of Hyndman and Fan, as in NumPy.
_PLOTTING = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
_ROUNDED = ("lower", "higher", "midpoint", "nearest")


def average(
    a: ArrayLike, axis: Axis = None, weights: ArrayLike | None = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """Weighted mean. See `numpy.average`."""
    a = floating(a)
    if weights is None:
        result = mean(a, axis, keepdims=keepdims)
        total = operand(np.asarray(a.size / max(result.size, 1), a.dtype))
    else:
        w = _weights_like(a, operand(weights), axis)
        total = ops.sum(w, axis, keepdims)
        if (concrete(total) == 0).any():
            raise ZeroDivisionError("average: the weights sum to zero, the mean is undefined")
        result = ops.divide(ops.sum(ops.multiply(a, w), axis, keepdims), total)
    return (result, ops.broadcast_to(total, result.shape).copy()) if returned else result


def _weights_like(a: Array, w: Array, axis: Axis) -> Array:
    if w.shape == a.shape:
        return w
    if axis is None:
        raise TypeError(f"average: weights of shape {w.shape} for an array of shape {a.shape} need axis=")
    axes = normalize_axes("average", axis, a.ndim)
    if w.shape != tuple(a.shape[i] for i in axes):
        raise ValueError(f"average: weights of shape {w.shape} do not fit axis={axis} of an array of shape {a.shape}")
    w = ops.transpose(w, tuple(int(i) for i in np.argsort(axes)))
    return ops.broadcast_to(ops.reshape(w, tuple(n if i in axes else 1 for i, n in enumerate(a.shape))), a.shape)


def median(
    a: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Array:
    """Middle element, or the mean of the two. See `numpy.median`."""
    return quantile(a, 0.5, axis, out, keepdims=keepdims)


def quantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: None = None,
) -> Array:
    """q-th quantiles, differentiable in `a` and, for continuous methods, in `q`. See `numpy.quantile`."""
    refuse("quantile", "repeat the elements or sort them with their weights", weights=weights)
    return _quantile("quantile", a, q, axis, out, method, keepdims, ignore_nan=False)


def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: None = None,
) -> Array:
    """q-th percentiles. See `numpy.percentile`."""
    refuse("percentile", "repeat the elements or sort them with their weights", weights=weights)
    return _quantile("percentile", a, ops.divide(floating(q), 100.0), axis, out, method, keepdims, ignore_nan=False)


def nanmedian(
    a: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Array:
    """Median of the elements that are not NaN. See `numpy.nanmedian`."""
    return nanquantile(a, 0.5, axis, out, keepdims=keepdims)


def nanquantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: None = None,
) -> Array:
    """q-th quantiles of the elements that are not NaN. See `numpy.nanquantile`."""
    refuse("nanquantile", "repeat the elements or sort them with their weights", weights=weights)
    return _quantile("nanquantile", a, q, axis, out, method, keepdims, ignore_nan=True)


def nanpercentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: None = None,
) -> Array:
    """q-th percentiles of the elements that are not NaN. See `numpy.nanpercentile`."""
    refuse("nanpercentile", "repeat the elements or sort them with their weights", weights=weights)
    return _quantile("nanpercentile", a, ops.divide(floating(q), 100.0), axis, out, method, keepdims, ignore_nan=True)


def _quantile(
    name: str, a: ArrayLike, q: ArrayLike, axis: Axis, out: None, method: str, keepdims: bool, ignore_nan: bool
) -> Array:
    refuse_out(name, out)
    a, q = floating(a), floating(q)
    if not ((concrete(q) >= 0) & (concrete(q) <= 1)).all():
        raise ValueError(f"{name}: q must lie in [0, {100 if 'percentile' in name else 1}]")
    axes = normalize_axes(name, axis, a.ndim)
    kept = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
    rows = _rows(a, axes)
    if rows.shape[-1] == 0:
        return operand(np.full(q.shape + (kept if keepdims else rows.shape[:-1]), np.nan, a.dtype))
    result = _quantile_of_rows(rows, ops.astype(q, a.dtype), method, ignore_nan)
    return ops.reshape(result, q.shape + kept) if keepdims else result


def _rows(a: Array, axes: Sequence[int]) -> Array:
    """The reduced axes moved to the end and joined into one."""
    a = moveaxis(a, tuple(axes), tuple(range(-len(axes), 0))) if axes else a
    outer = a.shape[: a.ndim - len(axes)]
    return ops.reshape(a, (*outer, math.prod(a.shape[len(outer) :])))


def _quantile_of_rows(rows: Array, q: Array, method: str, ignore_nan: bool) -> Array:
    """Shape q.shape + rows.shape[:-1]."""
    ordered = sort(rows)  # NaN last
    count = ops.sum(ops.astype(numbers(rows), rows.dtype), -1) if ignore_nan else float(rows.shape[-1])
    outer = rows.ndim - 1
    q_column = ops.reshape(q, (q.size,) + (1,) * outer)
    position = ops.broadcast_to(_position(q_column, count, method), (q.size, *rows.shape[:-1]))
    below = np.nan_to_num(np.floor(concrete(position)))
    above = np.minimum(below + 1, np.maximum(np.asarray(concrete(count)) - 1, 0))
    fraction = moveaxis(ops.subtract(position, operand(below)), 0, -1)
    low = take_along_axis(ordered, np.moveaxis(below, 0, -1).astype(np.int64), -1)
    high = take_along_axis(ordered, np.moveaxis(above, 0, -1).astype(np.int64), -1)
    gap = ops.subtract(high, low)
    alone = ops.logical_and(ops.equal(fraction, 0), ops.logical_not(ops.isfinite(gap)))  # no inf - inf at an element
    mixed = ops.where(alone, low, ops.add(low, ops.multiply(gap, fraction)))
    if not ignore_nan:
        missing = ops.any(ops.isnan(rows), -1, True)
        mixed = ops.where(missing, ops.multiply(ops.sum(rows, -1, True), math.nan), mixed)  # its slopes are NaN, too
    else:
        mixed = ops.where(ops.expand_dims(ops.equal(count, 0), -1), math.nan, mixed)
    return ops.reshape(moveaxis(mixed, -1, 0), (*q.shape, *rows.shape[:-1]))


def _position(q: Array, count: Any, method: str) -> Array:
    if method in _PLOTTING:
        alpha, beta = _PLOTTING[method]
        position = q * count + (alpha + q * (1.0 - alpha - beta)) - 1.0
    elif method in _ROUNDED:
        position = q * (count - 1.0)
        lower, upper = ops.floor(position), ops.ceil(position)
        position = {
            "lower": lower, "higher": upper, "nearest": ops.rint(position), "midpoint": (lower + upper) * 0.5
        }[method]  # fmt: skip
    else:
        raise ValueError(f"quantile: method={method!r} has no rule; use one of {', '.join((*_PLOTTING, *_ROUNDED))}")
    return ops.maximum(ops.minimum(position, count - 1.0), 0.0)


def cov(
    m: ArrayLike,
    y: ArrayLike | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: None = None,
    aweights: None = None,
    *,
    dtype: Any = None,
) -> Array:
    """Covariance matrix of variables in rows. See `numpy.cov`."""
    refuse("cov", "repeat or weight the observations yourself", fweights=fweights, aweights=aweights)
    x = _variables(m, rowvar)
    if y is not None:
        x = ops.concatenate([x, _variables(y, rowvar)], 0)
    if dtype is not None:
        x = ops.astype(x, dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    centered = ops.subtract(x, ops.mean(x, 1, True))
    product = ops.matmul(centered, ops.transpose(centered))
    return ops.squeeze(ops.divide(product, float(max(x.shape[1] - ddof, 0))))


def _variables(m: ArrayLike, rowvar: bool) -> Array:
    m = floating(m)
    if m.ndim > 2:
        raise ValueError(f"cov: needs at most 2 axes, got shape {m.shape}; reshape to (variables, observations)")
    m = ops.reshape(m, (1, m.size)) if m.ndim < 2 else m
    return m if rowvar or m.shape[0] == 1 else ops.transpose(m)


def corrcoef(x: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """Correlation matrix of variables in rows. See `numpy.corrcoef`."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return ops.divide(c, c)
    deviation = root(ops.getitem(c, (np.arange(c.shape[0]), np.arange(c.shape[0]))))
    scaled = ops.divide(ops.divide(c, ops.expand_dims(deviation, 1)), ops.expand_dims(deviation, 0))
    return ops.maximum(ops.minimum(scaled, 1.0), -1.0)
