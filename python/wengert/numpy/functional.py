"""Applying functions along axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import ArrayLike, normalize_axis, operand
from wengert.numpy.layout.shaping import moveaxis

__all__ = ["apply_along_axis", "apply_over_axes", "ndenumerate"]


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: ArrayLike, *args: Any, **kwargs: Any) -> Array:
    """The function of every vector along an axis. See `numpy.apply_along_axis`."""
    arr = operand(arr)
    axis = normalize_axis("apply_along_axis", axis, arr.ndim)
    rows = moveaxis(arr, axis, -1)
    outer = rows.shape[:-1]
    if math.prod(outer) == 0:
        raise ValueError(
            f"apply_along_axis: shape {arr.shape} has no vector along axis {axis} to apply the function to"
        )
    flat = ops.reshape(rows, (math.prod(outer), rows.shape[-1]))
    results = ops.stack([operand(func1d(ops.getitem(flat, i), *args, **kwargs)) for i in range(flat.shape[0])], 0)
    inner = results.shape[1:]
    results = ops.reshape(results, outer + inner)
    source = tuple(range(len(outer), results.ndim))
    return moveaxis(results, source, tuple(range(axis, axis + len(inner)))) if inner else results


def apply_over_axes(func: Callable[..., Any], a: ArrayLike, axes: int | Sequence[int]) -> Array:
    """Apply a reduction over one axis after the other, keeping their places. See `numpy.apply_over_axes`."""
    result = operand(a)
    for axis in (axes,) if isinstance(axes, int) else axes:
        axis = normalize_axis("apply_over_axes", axis, result.ndim)
        reduced = operand(func(result, axis))
        result = reduced if reduced.ndim == result.ndim else ops.expand_dims(reduced, axis)
    return result


def ndenumerate(arr: ArrayLike) -> Iterator[tuple[tuple[int, ...], Any]]:
    """The elements with their positions, in row-major order. See `numpy.ndenumerate`."""
    arr = operand(arr)
    return ((at, arr[at]) for at in np.ndindex(arr.shape))
