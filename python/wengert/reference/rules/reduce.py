"""Reductions: many entries become one, so the reverse rule spreads one cotangent over many entries."""

# A rule may mention the primitive it belongs to, of which mypy then knows no type.
# mypy: disable-error-code="has-type"
from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..levels import concrete
from . import special
from .binary import maximum
from .declare import strong, structured
from .elementwise import exp
from .logical import equal, where
from .shaping import astype, broadcast_to, reshape, transpose


def axes_of(x: Any, axis: Any) -> tuple[int, ...]:
    """The reduced axes, counted from the front."""
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))) if x.ndim else ()


def kept(value: Any, x: Any, axis: Any) -> Any:
    """A reduced value with its axes put back as axes of length 1, so that it broadcasts against ``x``."""
    axes = axes_of(x, axis)
    return reshape(value, shape=tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def spread(value: Any, x: Any, axis: Any) -> Any:
    return broadcast_to(kept(value, x, axis), shape=x.shape)


def count(x: Any, axis: Any) -> int:
    return math.prod(x.shape[a] for a in axes_of(x, axis))


def mean_value(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = np.asarray(x)
    if x.size == 0:  # np.mean would warn
        return np.true_divide(np.sum(x, axis=axis, keepdims=keepdims), count(x, axis))
    return np.mean(x, axis=axis, keepdims=keepdims)


sum = structured(
    "sum",
    "reduction",
    lambda x, axis=None, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims),
    jvp=lambda t, y, x, axis=None, keepdims=False: sum(t, axis=axis, keepdims=keepdims),
    vjp=lambda g, y, x, axis=None, keepdims=False: spread(g, x, axis),
)
mean = structured(
    "mean",
    "reduction",
    mean_value,
    jvp=lambda t, y, x, axis=None, keepdims=False: mean(t, axis=axis, keepdims=keepdims),
    vjp=lambda g, y, x, axis=None, keepdims=False: spread(g / builtins.max(1, count(x, axis)), x, axis),
)


# -- product -----------------------------------------------------------------------------------------------------------
#
# ∂(∏x)/∂xᵢ is the product of all *other* factors.  Dividing ∏x by xᵢ would fail at zeros.


def flat_axes(x: Any, axis: Any) -> Any:
    """``x`` with the reduced axes gathered into one last axis."""
    axes = axes_of(x, axis)
    others = tuple(i for i in range(x.ndim) if i not in axes)
    return reshape(transpose(x, axes=others + axes), shape=(*(x.shape[i] for i in others), count(x, axis)))


def unflat_axes(value: Any, x: Any, axis: Any) -> Any:
    """The inverse of `flat_axes`."""
    axes = axes_of(x, axis)
    order = tuple(i for i in range(x.ndim) if i not in axes) + axes
    return transpose(
        reshape(value, shape=tuple(x.shape[i] for i in order)), axes=tuple(int(i) for i in np.argsort(order))
    )


def product_tangent(t: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product rule, factor by factor: (p, ṗ) ← (p x, ṗ x + p ẋ)."""
    factors, changes = flat_axes(x, axis), flat_axes(t, axis)
    shape = factors.shape[:-1]
    product, change = np.ones(shape, y.dtype), np.zeros(shape, y.dtype)
    for i in range(factors.shape[-1]):
        factor = factors[..., i]
        change = strong(change, factor) + strong(product, changes[..., i])
        product = product * factor
    return reshape(change, shape=y.shape)


def product_cotangent(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """For each i a product in which factor i is replaced by 1."""
    factors = flat_axes(x, axis)
    n = factors.shape[-1]
    table = where(np.eye(n, dtype=bool), np.ones((), x.dtype), factors[..., None, :])
    others = prod(table, axis=-1, keepdims=False)
    return strong(spread(g, x, axis), unflat_axes(others, x, axis))


prod = structured(
    "prod",
    "reduction",
    lambda x, axis=None, keepdims=False: np.prod(x, axis=axis, keepdims=keepdims),
    jvp=product_tangent,
    vjp=product_cotangent,
)


# -- largest and smallest: ties share evenly ---------------------------------------------------------------------------


def winners(y: Any, x: Any, axis: Any) -> Any:
    """The share of each entry: 1/k for each of the k entries that attain the extremum; NaN where that is NaN."""
    won = equal(x, kept(y, x, axis))
    number = sum(won, axis=axes_of(x, axis), keepdims=True)
    none = np.where(concrete(number) == 0, np.nan, 0).astype(x.dtype)
    return where(won, astype(1.0 / maximum(number, 1), dtype=x.dtype), none)


def extremum(name: str, value: Any) -> Any:
    return structured(
        name,
        "reduction",
        lambda x, axis=None, keepdims=False: value(x, axis=axis, keepdims=keepdims),
        jvp=lambda t, y, x, axis=None, keepdims=False: sum(
            strong(t, winners(y, x, axis)), axis=axis, keepdims=keepdims
        ),
        vjp=lambda g, y, x, axis=None, keepdims=False: strong(spread(g, x, axis), winners(y, x, axis)),
    )


max = extremum("max", np.max)
min = extremum("min", np.min)

any = structured("any", "reduction", lambda x, axis=None, keepdims=False: np.any(x, axis=axis, keepdims=keepdims))
all = structured("all", "reduction", lambda x, axis=None, keepdims=False: np.all(x, axis=axis, keepdims=keepdims))
argmax = structured(
    "argmax", "reduction", lambda x, axis=None, keepdims=False: np.argmax(x, axis=axis, keepdims=keepdims)
)
argmin = structured(
    "argmin", "reduction", lambda x, axis=None, keepdims=False: np.argmin(x, axis=axis, keepdims=keepdims)
)


# -- softmax and its relatives -----------------------------------------------------------------------------------------


def along_axes(x: Any, axis: Any) -> Any:
    """``softmax`` over any axes."""
    return unflat_axes(softmax(flat_axes(x, axis), axis=-1), x, axis)


def less_mean(change: Any, weights: Any, axis: Any) -> Any:
    """``change`` without its weighted mean.  It is taken out twice: where one weight is nearly 1, the first time rounds
    away what the others add."""
    for _ in range(2):
        change = change - sum(strong(change, weights), axis=axis, keepdims=True)
    return change


def less_share(change: Any, weights: Any, axis: Any) -> Any:
    """``change`` without its sum, distributed by the weights; the transpose of `less_mean`."""
    for _ in range(2):
        change = change - strong(sum(change, axis=axis, keepdims=True), weights)
    return change


logsumexp = structured(
    "logsumexp",
    "reduction",
    special.logsumexp,
    jvp=lambda t, y, x, axis=None, keepdims=False: sum(strong(t, along_axes(x, axis)), axis=axis, keepdims=keepdims),
    vjp=lambda g, y, x, axis=None, keepdims=False: strong(spread(g, x, axis), along_axes(x, axis)),
)
softmax = structured(
    "softmax",
    "nn",
    special.softmax,
    jvp=lambda t, y, x, axis=-1: strong(less_mean(t, y, axis), y),
    vjp=lambda g, y, x, axis=-1: strong(y, less_mean(g, y, axis)),
)
log_softmax = structured(
    "log_softmax",
    "nn",
    special.log_softmax,
    jvp=lambda t, y, x, axis=-1: less_mean(t, softmax(x, axis=axis), axis),
    vjp=lambda g, y, x, axis=-1: less_share(g, exp(y), axis),
)


# -- running sum -------------------------------------------------------------------------------------------------------


def reversed_along(x: Any, axis: int) -> Any:
    return x[(slice(None),) * (axis % x.ndim) + (slice(None, None, -1),)]


cumsum = structured(
    "cumsum",
    "reduction",
    lambda x, axis: np.cumsum(x, axis=axis),
    jvp=lambda t, y, x, axis: cumsum(t, axis=axis),
    vjp=lambda g, y, x, axis: reversed_along(cumsum(reversed_along(g, axis), axis=axis), axis),
)
