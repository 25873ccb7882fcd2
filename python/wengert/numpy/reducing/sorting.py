"""Sorting. The order is found on the values; the elements follow by a gather, so their derivatives do too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import ArrayLike, concrete, normalize_axis, operand, refuse
from wengert.numpy.layout.indexing import take_along_axis
from wengert.numpy.layout.shaping import moveaxis, ravel

__all__ = ["argpartition", "argsort", "lexsort", "partition", "searchsorted", "sort", "unique"]


def _order(values: np.ndarray, axis: int | None, descending: bool) -> np.ndarray:
    """The stable order; NaN is last in either direction, as in NumPy 2.5 (older ones know one direction only)."""
    if descending:  # `~` turns whole numbers round without overflow
        values = -values if values.dtype.kind == "f" else ~values
    return np.argsort(values, axis=axis, kind="stable")


def argsort(
    a: ArrayLike, axis: int | None = -1, kind: str | None = None, order: None = None, *, stable: bool | None = None,
    descending: bool = False,
) -> Array:  # fmt: skip
    """The stable order of the elements, integers without derivative. See `numpy.argsort`."""
    refuse("argsort", "there are no structured dtypes", order=order)
    return operand(_order(concrete(a), axis, descending))


def argpartition(a: ArrayLike, kth: Any, axis: int | None = -1, kind: str = "introselect", order: None = None) -> Array:
    """Positions that would partition the array (a full stable order). See `numpy.argpartition`."""
    return argsort(a, axis, order=order)


def sort(
    a: ArrayLike, axis: int | None = -1, kind: str | None = None, order: None = None, *, stable: bool | None = None,
    descending: bool = False,
) -> Array:  # fmt: skip
    """Sorted copy; equal elements share their derivatives evenly, as in max and min. See `numpy.sort`."""
    refuse("sort", "there are no structured dtypes", order=order)
    a = operand(a)
    if axis is None:
        a, axis = ravel(a), 0
    axis = normalize_axis("sort", axis, a.ndim)
    result = take_along_axis(a, _order(concrete(a), axis, descending), axis)
    return moveaxis(_share_ties(moveaxis(result, axis, -1)), -1, axis) if result.dtype.kind == "f" else result


def _share_ties(x: Array) -> Array:
    """`x`, sorted along its last axis, with the same values, and derivatives shared among equal neighbours."""
    values = concrete(x)
    if values.size == 0:
        return x
    fresh = np.ones(values.shape, bool)  # starts of runs of equal finite values
    fresh[..., 1:] = (values[..., 1:] != values[..., :-1]) | ~np.isfinite(values[..., 1:])
    if fresh.all():
        return x
    run = np.cumsum(fresh.ravel()) - 1
    length = np.bincount(run).astype(values.dtype)
    tied = length[run] > 1
    flat = ravel(x)
    totals = ops.index_add(operand(np.zeros(length.size, values.dtype)), run, ops.where(tied, flat, 0.0))
    means = ops.getitem(ops.divide(totals, length), run)
    # The mean of equal numbers may be rounded: keep the values, take only the derivative from it.
    shared = ops.add(flat.detach(), ops.subtract(means, means.detach()))
    return ops.reshape(ops.where(tied, shared, flat), x.shape)


def partition(a: ArrayLike, kth: Any, axis: int | None = -1, kind: str = "introselect", order: None = None) -> Array:
    """A valid partition: the fully sorted array. See `numpy.partition`."""
    return sort(a, axis, order=order)


def lexsort(keys: Sequence[ArrayLike], axis: int = -1) -> Array:
    """Order by several keys, the last one first; integers without derivative. See `numpy.lexsort`."""
    return operand(np.lexsort([concrete(key) for key in keys], axis=axis))


def searchsorted(a: ArrayLike, v: ArrayLike, side: Any = "left", sorter: ArrayLike | None = None) -> Array:
    """Where elements would be inserted to keep the order; integers without derivative. See `numpy.searchsorted`."""
    return operand(np.searchsorted(concrete(a), concrete(v), side, None if sorter is None else concrete(sorter)))


def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """Sorted distinct elements, each taken from its first place (so with derivative). See `numpy.unique`."""
    ar = operand(ar)
    axis = None if axis is None else normalize_axis("unique", axis, ar.ndim)
    found = np.unique(
        concrete(ar), return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=equal_nan
    )
    _, first, inverse, counts = found
    source, along_axis = (ravel(ar), 0) if axis is None else (ar, axis)
    values = ops.getitem(source, (slice(None),) * along_axis + (first,))
    extras = [(return_index, first), (return_inverse, inverse), (return_counts, counts)]
    chosen = tuple(operand(extra) for wanted, extra in extras if wanted)
    return (values, *chosen) if chosen else values
