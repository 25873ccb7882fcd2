"""Sums, means, extrema and their relatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array.handle import Array, apply
from ..levels import concrete
from ..rules import reduce as rules
from .elementwise import absolute, greater, isnan, logical_not, multiply, sqrt, square, subtract, where
from .shaping import array_of, ravel, reshape, stack
from .sorting import sort


def plain_axis(axis: Any) -> Any:
    """An axis as an int, a tuple of ints or None."""
    if axis is None:
        return None
    return tuple(int(a) for a in axis) if isinstance(axis, (tuple, list)) else int(axis)


def _reduction(name: str, doc: str) -> Any:
    def run(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
        return apply(name, array_of(x), axis=plain_axis(axis), keepdims=bool(keepdims))

    run.__name__ = run.__qualname__ = name
    run.__doc__ = doc
    return run


sum = _reduction("sum", "The sum over an axis, several axes (a tuple) or all entries.")
mean = _reduction("mean", "The arithmetic mean.")
prod = _reduction("prod", "The product; its derivative is right at zeros too.")
max = _reduction("max", "The largest entry; tied entries share the derivative evenly.")
min = _reduction("min", "The smallest entry; tied entries share the derivative evenly.")
any = _reduction("any", "Whether any entry is true.")
all = _reduction("all", "Whether all entries are true.")
argmax = _reduction("argmax", "The index of the first largest entry.")
argmin = _reduction("argmin", "The index of the first smallest entry.")
logsumexp = _reduction("logsumexp", "``log(sum(exp(x)))`` without overflow.")
amax, amin = max, min


def softmax(x: Any, axis: Any = -1) -> Array:
    """``exp(x) / sum(exp(x))`` along an axis, without overflow."""
    return apply("softmax", array_of(x), axis=plain_axis(axis))


def log_softmax(x: Any, axis: Any = -1) -> Array:
    """``x - logsumexp(x)`` along an axis."""
    return apply("log_softmax", array_of(x), axis=plain_axis(axis))


def var(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Array:
    """The variance: mean squared distance from the mean."""
    x = array_of(x)
    axis = plain_axis(axis)
    spread = square(subtract(x, mean(x, axis, True)))
    if ddof == 0:
        return mean(spread, axis, keepdims)
    divisor = np.asarray(np.maximum(rules.count(x, axis) - ddof, 0), spread.dtype)
    return sum(spread, axis, keepdims) / divisor


def std(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Array:
    """The standard deviation; where it is 0 its derivative is taken as 0."""
    return root(var(x, axis, ddof, keepdims))


def root(x: Array) -> Array:
    """``sqrt`` with derivative 0 (to every order) at 0, for lengths."""
    positive = greater(x, 0)
    return where(positive, sqrt(where(positive, x, np.ones((), x.dtype))), strong_zero(x))


def strong_zero(x: Array) -> Array:
    """Zero where ``x`` is zero, but NaN where it is NaN."""
    return where(greater(absolute(x), 0), x, np.zeros((), x.dtype))


def average(x: Any, axis: Any = None, weights: Any = None) -> Array:
    """The weighted mean."""
    if weights is None:
        return mean(x, axis)
    x, weights = array_of(x), array_of(weights)
    if weights.ndim < x.ndim and axis is not None:
        place = int(axis) % x.ndim
        weights = reshape(weights, tuple(x.shape[i] if i == place else 1 for i in range(x.ndim)))
    total = sum(multiply(weights, x), axis)
    return total / sum(multiply(weights, np.ones(x.shape, x.dtype if x.dtype.kind == "f" else float)), axis)


def cumsum(x: Any, axis: int | None = None) -> Array:
    """The running sum; without an axis over all entries in order."""
    x = array_of(x)
    return apply("cumsum", ravel(x), axis=0) if axis is None else apply("cumsum", x, axis=int(axis))


def cumprod(x: Any, axis: int | None = None) -> Array:
    """The running product, multiplied up entry by entry."""
    x = array_of(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis %= x.ndim
    lead = (slice(None),) * axis
    if x.shape[axis] == 0:
        return x
    products = [x[(*lead, 0)]]
    for i in range(1, x.shape[axis]):
        products.append(multiply(products[-1], x[(*lead, i)]))
    return stack(products, axis=axis)


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """Largest minus smallest entry."""
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims))


def median(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """The middle entry (or the mean of the two middle ones) in sorted order.

    Where there is a NaN it is NaN, and so are its derivatives.
    """
    x = array_of(x)
    axes = rules.axes_of(x, plain_axis(axis))
    ordered = sort(Array(rules.flat_axes(x.get(), axes)))
    n = ordered.shape[-1]
    result = mean(ordered[..., (n - 1) // 2 : n // 2 + 1], -1)
    missing = np.isnan(concrete(x.get())).any(axis=axes)
    result = where(missing, multiply(sum(x, axes), result.dtype.type(np.nan)), result)
    return reshape(result, tuple(1 if i in axes else m for i, m in enumerate(x.shape))) if keepdims else result


def count_nonzero(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    return Array(np.asarray(np.count_nonzero(concrete(array_of(x).get()), axis=axis, keepdims=keepdims)))


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """The sum of the entries that are not NaN."""
    x = array_of(x)
    return sum(where(isnan(x), np.zeros((), x.dtype), x), axis, keepdims)


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """The mean of the entries that are not NaN."""
    number = sum(logical_not(isnan(array_of(x))), axis, keepdims)
    return nansum(x, axis, keepdims) / number


__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "average",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "nanmean",
    "nansum",
    "prod",
    "ptp",
    "softmax",
    "std",
    "sum",
    "var",
]
