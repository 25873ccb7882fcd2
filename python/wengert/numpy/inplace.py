"""NumPy's functions that write into their first argument, for an Array: the handle is bound to the new value."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import ArrayLike, concrete, normalize_axis, operand
from wengert.numpy.layout.indexing import fancy_index
from wengert.numpy.layout.shaping import resize

__all__ = ["copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"]


def _target(name: str, a: Any) -> Array:
    if not isinstance(a, Array):
        raise TypeError(
            f"{name}: the target is a {type(a).__name__}, which cannot carry derivatives; "
            "make it an Array first: wengert.numpy.array(a)"
        )
    return a


def copyto(dst: Any, src: ArrayLike, casting: str = "same_kind", where: ArrayLike = True) -> None:
    """Write `src` into `dst`, where the mask is true. See `numpy.copyto`."""
    dst = _target("copyto", dst)
    dst[...] = src if where is True else ops.where(operand(where), operand(src), dst)


def fill_diagonal(a: Any, val: ArrayLike, wrap: bool = False) -> None:
    """Write `val` on the main diagonal. See `numpy.fill_diagonal`."""
    a = _target("fill_diagonal", a)
    marks = np.zeros(a.shape, bool)
    np.fill_diagonal(marks, True, wrap)
    _write(a, np.nonzero(marks), val)


def put(a: Any, ind: ArrayLike, v: ArrayLike, mode: str = "raise") -> None:
    """Write `v` at flat positions. See `numpy.put`."""
    a = _target("put", a)
    positions = np.ravel(concrete(ind))
    if mode == "raise" and ((positions < -a.size) | (positions >= a.size)).any():
        raise IndexError(f"put: a position is outside the {a.size} elements; use mode='wrap' or 'clip'")
    positions = np.clip(positions, 0, a.size - 1) if mode == "clip" else positions % a.size
    _write(a, np.unravel_index(positions, a.shape), v)


def putmask(a: Any, mask: ArrayLike, values: ArrayLike) -> None:
    """Write the values of the same place where the mask is true. See `numpy.putmask`."""
    a, values = _target("putmask", a), operand(values)
    a[...] = ops.where(operand(mask), values if values.shape == a.shape else resize(values, a.shape), a)


def place(arr: Any, mask: ArrayLike, vals: ArrayLike) -> None:
    """Write the values one after another where the mask is true. See `numpy.place`."""
    arr = _target("place", arr)
    _write(arr, np.nonzero(concrete(mask)), vals)


def put_along_axis(arr: Any, indices: ArrayLike, values: ArrayLike, axis: int | None) -> None:
    """Write values at the positions along an axis. See `numpy.put_along_axis`."""
    arr = _target("put_along_axis", arr)
    if axis is None:
        _write(arr, np.unravel_index(np.ravel(concrete(indices)), arr.shape), values)
    else:
        axis = normalize_axis("put_along_axis", axis, arr.ndim)
        arr[fancy_index(arr.shape, concrete(indices), axis)] = operand(values)


def _write(a: Array, index: tuple[np.ndarray[Any, Any], ...], values: ArrayLike) -> None:
    """Write the values, repeated as often as needed."""
    values = operand(values)
    a[index] = values if values.ndim == 0 else resize(values, (index[0].size,))
