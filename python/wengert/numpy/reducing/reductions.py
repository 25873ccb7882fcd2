"""Reductions with NumPy's keywords over the reduction primitives; variance, deviation, range, NaN-ignoring forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert._core import Array, ops, scalar
from wengert.numpy.arrays import ArrayLike, Axis, DType, floating, normalize_axes, operand, refuse_out

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "count_nonzero", "max", "mean", "min", "nanmax", "nanmean",
    "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "prod", "ptp", "std", "sum", "var",
]  # fmt: skip


def count(x: Array, axis: Axis) -> int:
    """How many elements a reduction of `x` over `axis` combines."""
    return math.prod(x.shape[i] for i in normalize_axes("reduction", axis, x.ndim))


def _masked(x: Array, where: ArrayLike | None, identity: Any) -> Array:
    """`x` with the identity of the reduction in the places that `where` excludes."""
    if where is None or where is True:
        return x
    return ops.where(operand(where), x, operand(np.asarray(identity, x.dtype)))


def sum(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Sum over the axes. See `numpy.sum`."""
    if dtype is None and out is None and initial is None and where is None:
        return ops.sum(a, axis, keepdims)
    refuse_out("sum", out)
    a = _masked(operand(a) if dtype is None else ops.astype(operand(a), dtype), where, 0)
    result = ops.sum(a, axis, keepdims)
    return result if initial is None else ops.add(result, initial)


def prod(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Product over the axes, its derivative right with zeros too. See `numpy.prod`."""
    if dtype is None and out is None and initial is None and where is None:
        return ops.prod(a, axis, keepdims)
    refuse_out("prod", out)
    a = _masked(operand(a) if dtype is None else ops.astype(operand(a), dtype), where, 1)
    result = ops.prod(a, axis, keepdims)
    return result if initial is None else ops.multiply(result, initial)


def max(
    a: ArrayLike,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Largest element over the axes; ties share the derivative evenly. See `numpy.max`."""
    if out is None and initial is None and where is None:
        return ops.max(a, axis, keepdims)
    return _extremum("max", a, axis, out, keepdims, initial, where)


def min(
    a: ArrayLike,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Smallest element over the axes; ties share the derivative evenly. See `numpy.min`."""
    if out is None and initial is None and where is None:
        return ops.min(a, axis, keepdims)
    return _extremum("min", a, axis, out, keepdims, initial, where)


amax, amin = max, min


def _extremum(
    name: str, a: ArrayLike, axis: Axis, out: None, keepdims: bool, initial: ArrayLike | None, where: ArrayLike | None
) -> Array:
    refuse_out(name, out)
    a = operand(a)
    if initial is None:
        if where is not None and where is not True:
            raise ValueError(f"{name}: where= needs initial=, the result where nothing is selected")
        return getattr(ops, name)(a, axis, keepdims)
    limits = np.iinfo(a.dtype) if a.dtype.kind in "iu" else None
    worst = (limits.min if name == "max" else limits.max) if limits else (-math.inf if name == "max" else math.inf)
    masked = _masked(a, where, worst)
    pair = ops.maximum if name == "max" else ops.minimum
    if count(a, axis) == 0:
        shape = ops.sum(a, axis, keepdims).shape
        return ops.broadcast_to(ops.astype(operand(initial), a.dtype), shape).copy()
    return pair(getattr(ops, name)(masked, axis, keepdims), initial)


def any(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False, *, where: ArrayLike | None = None
) -> Array:
    """True if some element is true. See `numpy.any`."""
    refuse_out("any", out)
    return ops.any(_masked(operand(a), where, 0), axis, keepdims)


def all(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False, *, where: ArrayLike | None = None
) -> Array:
    """True if every element is true. See `numpy.all`."""
    refuse_out("all", out)
    return ops.all(_masked(operand(a), where, 1), axis, keepdims)


def argmax(a: ArrayLike, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
    """Position of the first largest element, an integer without derivative. See `numpy.argmax`."""
    refuse_out("argmax", out)
    return ops.argmax(operand(a), axis, keepdims)


def argmin(a: ArrayLike, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
    """Position of the first smallest element, an integer without derivative. See `numpy.argmin`."""
    refuse_out("argmin", out)
    return ops.argmin(operand(a), axis, keepdims)


def count_nonzero(a: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Number of elements that are not zero, an integer without derivative. See `numpy.count_nonzero`."""
    return ops.sum(ops.astype(ops.not_equal(operand(a), 0), np.int64), axis, keepdims)


def mean(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
) -> Array:
    """Arithmetic mean over the axes. See `numpy.mean`."""
    if dtype is None and out is None and where is None:
        return ops.mean(a, axis, keepdims)
    refuse_out("mean", out)
    a = operand(a) if dtype is None else ops.astype(operand(a), dtype)
    if where is None or where is True:
        return ops.mean(a, axis, keepdims)
    a = floating(a)
    return ops.divide(ops.sum(_masked(a, where, 0), axis, keepdims), _selected(a, where, axis, keepdims))


def _selected(x: Array, where: ArrayLike, axis: Axis, keepdims: bool) -> Array:
    """How many elements `where` selects in each reduction, in the dtype of `x`."""
    chosen = ops.broadcast_to(ops.astype(operand(where), np.bool_), x.shape)
    return ops.sum(ops.astype(chosen, x.dtype), axis, keepdims)


def var(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Array:
    """Variance over the axes, divided by n - ddof. See `numpy.var`."""
    refuse_out("var", out)
    a = floating(a) if dtype is None else ops.astype(operand(a), dtype)
    ddof = ddof if correction is None else correction
    masked = where is not None and where is not True
    center = _mean(a, axis, None, None, True, where=where) if mean is None else operand(mean)
    squares = _masked(ops.square(ops.subtract(a, center)), where, 0)
    if not masked and ddof == 0:
        return ops.mean(squares, axis, keepdims)
    divisor = ops.subtract(_selected(a, where, axis, keepdims), ddof) if masked else count(a, axis) - ddof
    positive = ops.maximum(divisor, 0) if masked else np.maximum(divisor, 0).item()
    return ops.divide(ops.sum(squares, axis, keepdims), positive)


_mean = mean


def std(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Array:
    """Standard deviation over the axes; where it is 0 its derivative is 0 (minimum norm). See `numpy.std`."""
    refuse_out("std", out)
    return root(var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction))


def root(x: Array) -> Array:
    """Square root of a sum of squares, flat at 0: the minimum-norm derivative of a norm, in every order."""
    flat = ops.equal(x, 0)
    return scalar(ops.where(flat, 0.0, ops.sqrt(ops.where(flat, 1.0, x))))


def ptp(a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """Largest minus smallest element. See `numpy.ptp`."""
    refuse_out("ptp", out)
    a = operand(a)
    return ops.subtract(ops.max(a, axis, keepdims), ops.min(a, axis, keepdims))


def numbers(a: Array) -> Array:
    """True where `a` is not NaN."""
    return ops.logical_not(ops.isnan(a))


def without_nan(a: ArrayLike, identity: float) -> Array:
    """`a` with NaN replaced by the identity of a reduction; the derivative there is 0."""
    a = operand(a)
    return ops.where(ops.isnan(a), identity, a) if a.dtype.kind == "f" else a


def nansum(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Sum that counts NaN as 0. See `numpy.nansum`."""
    return sum(without_nan(a, 0.0), axis, dtype, out, keepdims, initial, where)


def nanprod(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Product that counts NaN as 1. See `numpy.nanprod`."""
    return prod(without_nan(a, 1.0), axis, dtype, out, keepdims, initial, where)


def nanmax(
    a: ArrayLike,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Largest element that is not NaN; NaN if there is none. See `numpy.nanmax`."""
    return _nan_extremum("max", a, axis, out, keepdims, initial, where, -math.inf)


def nanmin(
    a: ArrayLike,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Smallest element that is not NaN; NaN if there is none. See `numpy.nanmin`."""
    return _nan_extremum("min", a, axis, out, keepdims, initial, where, math.inf)


def _nan_extremum(
    name: str,
    a: ArrayLike,
    axis: Axis,
    out: None,
    keepdims: bool,
    initial: ArrayLike | None,
    where: ArrayLike | None,
    worst: float,
) -> Array:
    a = operand(a)
    result = _extremum(name, without_nan(a, worst), axis, out, keepdims, initial, where)
    if a.dtype.kind != "f" or initial is not None:
        return result
    return scalar(ops.where(ops.all(ops.isnan(a), axis, keepdims), math.nan, result))


def _and_number(a: Array, where: ArrayLike | None) -> Array:
    return numbers(a) if where is None else ops.logical_and(numbers(a), operand(where))


def nanmean(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
) -> Array:
    """Mean of the elements that are not NaN. See `numpy.nanmean`."""
    return mean(a, axis, dtype, out, keepdims, where=_and_number(floating(a), where))


def nanvar(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Array:
    """Variance of the elements that are not NaN; NaN where too few are left. See `numpy.nanvar`."""
    a = floating(a)
    return var(a, axis, dtype, out, ddof, keepdims, where=_and_number(a, where), mean=mean, correction=correction)


def nanstd(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Array:
    """Standard deviation of the elements that are not NaN. See `numpy.nanstd`."""
    return root(nanvar(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction))
