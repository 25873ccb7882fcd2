"""Joining arrays and cutting them apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import ArrayLike, DType, concrete, normalize_axis, on_values, operand, refuse_out
from wengert.numpy.layout.shaping import along, atleast_1d, atleast_2d, atleast_3d, ravel

__all__ = [
    "append", "array_split", "block", "column_stack", "concat", "concatenate", "delete", "dsplit", "dstack",
    "hsplit", "hstack", "insert", "split", "stack", "unstack", "vsplit", "vstack",
]  # fmt: skip


def _parts(name: str, arrays: ArrayLike) -> list[Array]:
    parts = [operand(a) for a in arrays]
    if not parts:
        raise ValueError(f"{name}: needs at least one array, got an empty sequence")
    return parts


def concatenate(
    arrays: Sequence[ArrayLike],
    /,
    axis: int | None = 0,
    out: None = None,
    *,
    dtype: DType = None,
    casting: str = "same_kind",
) -> Array:
    """Join along an existing axis; axis=None flattens first. See `numpy.concatenate`."""
    refuse_out("concatenate", out)
    parts = _parts("concatenate", arrays)
    result = ops.concatenate([ravel(a) for a in parts], 0) if axis is None else ops.concatenate(parts, axis)
    return result if dtype is None else ops.astype(result, dtype)


concat = concatenate


def stack(
    arrays: Sequence[ArrayLike], axis: int = 0, out: None = None, *, dtype: DType = None, casting: str = "same_kind"
) -> Array:
    """Join along a new axis. See `numpy.stack`."""
    refuse_out("stack", out)
    result = ops.stack(_parts("stack", arrays), axis)
    return result if dtype is None else ops.astype(result, dtype)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices along an axis, which disappears. See `numpy.unstack`."""
    x = operand(x)
    axis = normalize_axis("unstack", axis, x.ndim)
    return tuple(ops.getitem(x, along(axis, i)) for i in range(x.shape[axis]))


def vstack(tup: Sequence[ArrayLike], *, dtype: DType = None, casting: str = "same_kind") -> Array:
    """Stack as rows. See `numpy.vstack`."""
    return concatenate([atleast_2d(a) for a in _parts("vstack", tup)], 0, dtype=dtype)


def hstack(tup: Sequence[ArrayLike], *, dtype: DType = None, casting: str = "same_kind") -> Array:
    """Stack side by side. See `numpy.hstack`."""
    parts = [atleast_1d(a) for a in _parts("hstack", tup)]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1, dtype=dtype)


def dstack(tup: Sequence[ArrayLike]) -> Array:
    """Stack along the third axis. See `numpy.dstack`."""
    return concatenate([atleast_3d(a) for a in _parts("dstack", tup)], 2)


def column_stack(tup: Sequence[ArrayLike]) -> Array:
    """Stack 1-D arrays as columns of a matrix. See `numpy.column_stack`."""
    parts = _parts("column_stack", tup)
    return concatenate([a if a.ndim >= 2 else ops.reshape(a, (a.size, 1)) for a in parts], 1)


def append(arr: ArrayLike, values: ArrayLike, axis: int | None = None) -> Array:
    """Join `values` to the end; flat without axis. See `numpy.append`."""
    return concatenate([arr, values], axis)


def block(arrays: Any) -> Array:
    """Assemble a matrix from nested lists of blocks. See `numpy.block`."""
    depth = _depth(arrays)
    ndim = max(depth, _largest_ndim(arrays))
    return _assemble(arrays, depth, ndim)


def _depth(nested: Any) -> int:
    if not isinstance(nested, list):
        return 0
    if not nested:
        raise ValueError("block: a list of blocks is empty")
    depths = {_depth(item) for item in nested}
    if len(depths) > 1:
        raise ValueError(f"block: lists are nested to different depths {sorted(depths)}; nest all blocks equally deep")
    return 1 + depths.pop()


def _largest_ndim(nested: Any) -> int:
    return max(map(_largest_ndim, nested)) if isinstance(nested, list) else operand(nested).ndim


def _assemble(nested: Any, depth: int, ndim: int) -> Array:
    if not isinstance(nested, list):
        leaf = operand(nested)
        return ops.reshape(leaf, (1,) * (ndim - leaf.ndim) + leaf.shape)
    return ops.concatenate([_assemble(item, depth - 1, ndim) for item in nested], ndim - depth)


def array_split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Cut into pieces of nearly equal length, or at the given positions. See `numpy.array_split`."""
    ary = operand(ary)
    axis = normalize_axis("array_split", axis, ary.ndim)
    length = ary.shape[axis]
    if np.ndim(concrete(indices_or_sections)) == 0:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError(f"array_split: the number of sections must be positive, got {sections}")
        each, extra = divmod(length, sections)
        cuts = np.cumsum([0] + extra * [each + 1] + (sections - extra) * [each]).tolist()
    else:
        cuts = [0, *(int(i) for i in concrete(indices_or_sections)), length]
    return [ops.getitem(ary, along(axis, slice(a, b))) for a, b in pairwise(cuts)]


def split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Cut into pieces of equal length, or at the given positions. See `numpy.split`."""
    ary = operand(ary)
    axis = normalize_axis("split", axis, ary.ndim)
    sections = int(indices_or_sections) if np.ndim(concrete(indices_or_sections)) == 0 else 1
    if sections > 0 and ary.shape[axis] % sections:
        raise ValueError(
            f"split: axis {axis} of shape {ary.shape} does not divide into {sections} equal pieces; "
            "use array_split or give the positions"
        )
    return array_split(ary, indices_or_sections, axis)


def hsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """Split along axis 1 (axis 0 of a vector). See `numpy.hsplit`."""
    return split(ary, indices_or_sections, 1 if operand(ary).ndim > 1 else 0)


def vsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """Split along axis 0 of at least two. See `numpy.vsplit`."""
    if operand(ary).ndim < 2:
        raise ValueError(f"vsplit: needs at least 2 axes, got shape {operand(ary).shape}; use split")
    return split(ary, indices_or_sections, 0)


def dsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """Split along axis 2 of at least three. See `numpy.dsplit`."""
    if operand(ary).ndim < 3:
        raise ValueError(f"dsplit: needs at least 3 axes, got shape {operand(ary).shape}; use split")
    return split(ary, indices_or_sections, 2)


def delete(arr: ArrayLike, obj: Any, axis: int | None = None) -> Array:
    """Leave out the elements at the given positions. See `numpy.delete`."""
    arr = operand(arr)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = normalize_axis("delete", axis, arr.ndim)
    kept = np.delete(np.arange(arr.shape[axis]), on_values(obj))
    return ops.getitem(arr, along(axis, kept))


def insert(arr: ArrayLike, obj: Any, values: ArrayLike, axis: int | None = None) -> Array:
    """Put `values` before the given positions. See `numpy.insert`."""
    arr, values = operand(arr), operand(values)
    values = ops.astype(values, arr.dtype)
    # NumPy arranges position numbers (its own rules and errors), one gather moves the elements.
    old = np.arange(arr.size).reshape(arr.shape)
    new = arr.size + np.arange(values.size).reshape(values.shape)
    places = np.insert(old, on_values(obj), new, axis)
    return ops.getitem(ops.concatenate([ravel(arr), ravel(values)], 0), places)
