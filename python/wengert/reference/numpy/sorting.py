"""Selecting and ordering entries.  The order is found on plain values and has no derivative; the entries have."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array.handle import Array, apply
from ..levels import concrete
from .elementwise import where
from .shaping import array_of, moveaxis, ravel, rearranged


def _plain(x: Any) -> Any:
    return np.asarray(concrete(x.get()) if isinstance(x, Array) else x)


def take(x: Any, indices: Any, axis: int | None = None) -> Array:
    """Entries (or slices along an axis) by their indices."""
    x = array_of(x)
    if axis is None:
        return ravel(x)[_plain(indices)]
    return x[(slice(None),) * (axis % x.ndim) + (_plain(indices),)]


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Array:
    """For each line along an axis the entries with the indices of the same line."""
    x = array_of(x)
    indices = _plain(indices)
    if axis is None:
        return ravel(x)[indices]
    axis %= x.ndim
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    for i in range(x.ndim):
        if i == axis:
            grid[i] = indices
        elif indices.shape[i] == 1 and x.shape[i] != 1:
            grid[i] = np.arange(x.shape[i]).reshape([-1 if j == i else 1 for j in range(x.ndim)])
    return x[tuple(grid)]


def argsort(x: Any, axis: int | None = -1, kind: Any = "stable", stable: bool = True) -> Array:
    """The indices that sort; equal entries stay in their order."""
    return Array(np.argsort(_plain(x), axis=axis, kind="stable"))


def sort(x: Any, axis: int | None = -1) -> Array:
    """Entries in ascending order; equal ones share their derivative evenly, as in max and min."""
    x = array_of(x)
    if axis is None:
        x, axis = ravel(x), 0
    if x.size == 0:
        return x
    lines = moveaxis(take_along_axis(x, argsort(x, axis), axis), axis, -1)
    values = _plain(lines)
    same = values[..., :, None] == values[..., None, :]  # which entries of a line are equal
    if same.sum() == values.size:
        return moveaxis(lines, -1, axis)
    shares = same / np.maximum(same.sum(-1, keepdims=True), 1)
    finite = np.isfinite(values)
    means = (shares * where(finite, lines, 0.0)[..., None, :]).sum(-1)
    return moveaxis(where(finite, values + (means - _plain(means)), lines), -1, axis)


def searchsorted(x: Any, v: Any, side: Any = "left") -> Array:
    return Array(np.asarray(np.searchsorted(_plain(x), _plain(v), side=side)))


def diff(x: Any, n: int = 1, axis: int = -1) -> Array:
    """Differences of neighbours along an axis."""
    x = array_of(x)
    lead = (slice(None),) * (axis % x.ndim)
    for _ in range(n):
        x = x[(*lead, slice(1, None))] - x[(*lead, slice(None, -1))]
    return x


def triu(x: Any, k: int = 0) -> Array:
    """The upper triangle; below it zeros."""
    return _triangle(x, lambda shape: np.triu(np.ones(shape, bool), k))


def tril(x: Any, k: int = 0) -> Array:
    """The lower triangle; above it zeros."""
    return _triangle(x, lambda shape: np.tril(np.ones(shape, bool), k))


def _triangle(x: Any, mask: Any) -> Array:
    x = array_of(x)
    return where(mask(x.shape), x, np.zeros((), x.dtype))


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The entries ``x[i, i + offset]``."""
    return rearranged(x, lambda places: np.diagonal(places, offset, axis1, axis2))


def diag(x: Any, k: int = 0) -> Array:
    """The diagonal of a matrix, or the matrix with a given diagonal."""
    x = array_of(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"wengert.reference.numpy.diag: needs a vector or a matrix, got shape {x.shape}")
    matrix = Array(np.zeros((x.size + abs(k),) * 2, x.dtype))
    rows = np.arange(x.size)
    matrix[rows + max(-k, 0), rows + max(k, 0)] = x
    return matrix


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The sum of the diagonal."""
    return apply("sum", diagonal(x, offset, axis1, axis2), axis=-1, keepdims=False)


def delete(x: Any, obj: Any, axis: int | None = None) -> Array:
    """``x`` without some slices."""
    x = array_of(x)
    if axis is None:
        x, axis = ravel(x), 0
    return take(x, np.delete(np.arange(x.shape[axis]), obj), axis)


def compress(condition: Any, x: Any, axis: int | None = None) -> Array:
    (chosen,) = np.nonzero(_plain(condition))
    return take(x, chosen, axis)


def interp(x: Any, xp: Any, fp: Any) -> Array:
    """Piecewise linear interpolation; constant outside, differentiable in ``x``, ``xp`` and ``fp``.

    At a knot the slope is the smallest one between those of both sides: 0 if their signs differ, and at the ends.
    """
    x, xp, fp = array_of(x), array_of(xp), array_of(fp)

    def slope(below: Any) -> Array:
        inside = (below >= 0) & (below < xp.size - 1)
        low = np.where(inside, below, 0)
        run = where(inside, xp[low + 1] - xp[low], 1.0)
        return where(inside, (fp[low + 1] - fp[low]) / run, 0.0)

    before, upto = (np.searchsorted(_plain(xp), _plain(x), side=side) - 1 for side in ("left", "right"))
    left, right, knot = slope(before), slope(upto), np.clip(upto, 0, xp.size - 1)
    apart = np.sign(_plain(left)) * np.sign(_plain(right)) <= 0
    smaller = where(np.abs(_plain(left)) < np.abs(_plain(right)), left, right)
    at_knot = _plain(x) == _plain(xp)[knot]
    chosen = where(at_knot, where(apart, 0.0, smaller), right)
    outside = (_plain(x) < _plain(xp)[0]) | (_plain(x) > _plain(xp)[-1])
    return fp[knot] + chosen * where(outside, 0.0, x - xp[knot])


def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Array, ...]:
    """Coordinate matrices from coordinate vectors."""
    items = [ravel(x) for x in arrays]
    ranges: Any = [np.arange(x.size) for x in items]
    places = np.meshgrid(*ranges, indexing="ij" if indexing == "ij" else "xy")
    return tuple(x[place] for x, place in zip(items, places, strict=True))


__all__ = [
    "argsort",
    "compress",
    "delete",
    "diag",
    "diagonal",
    "diff",
    "interp",
    "meshgrid",
    "searchsorted",
    "sort",
    "take",
    "take_along_axis",
    "trace",
    "tril",
    "triu",
]
