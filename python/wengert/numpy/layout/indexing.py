"""Selecting elements: take, select, diagonals and triangles."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import ArrayLike, concrete, is_array, normalize_axis, operand, operands, refuse_out
from wengert.numpy.layout.shaping import along, ravel

__all__ = [
    "choose", "compress", "diag", "diagflat", "diagonal", "extract", "piecewise", "select", "take",
    "take_along_axis", "trace", "tril", "triu", "vander",
]  # fmt: skip


def _index(indices: ArrayLike, name: str) -> Any:
    """An integer index for getitem: Arrays pass through, everything else becomes a NumPy array."""
    if is_array(indices):
        indices = operand(indices)
    else:
        indices = concrete(indices)
        indices = indices.astype(np.int64) if indices.size == 0 else indices
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name}: indices must be integers, got {indices.dtype}; convert them with astype(int)")
    return indices


def take(a: ArrayLike, indices: ArrayLike, axis: int | None = None, out: None = None, mode: str = "raise") -> Array:
    """Elements at the positions along an axis; repeated positions accumulate derivatives. See `numpy.take`."""
    refuse_out("take", out)
    a = operand(a)
    if axis is None:
        a, axis = ravel(a), 0
    axis = normalize_axis("take", axis, a.ndim)
    index = _index(indices, "take")
    if mode == "wrap":
        index = concrete(index) % a.shape[axis]
    elif mode == "clip":
        index = np.clip(concrete(index), 0, a.shape[axis] - 1)
    elif mode != "raise":
        raise ValueError(f"take: mode must be 'raise', 'wrap' or 'clip', got {mode!r}")
    return ops.getitem(a, along(axis, index))


def take_along_axis(arr: ArrayLike, indices: ArrayLike, axis: int | None = -1) -> Array:
    """Match 1-D index and data slices along an axis. See `numpy.take_along_axis`."""
    arr = operand(arr)
    index = _index(indices, "take_along_axis")
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = normalize_axis("take_along_axis", axis, arr.ndim)
    if index.ndim != arr.ndim:
        raise ValueError(
            f"take_along_axis: indices have {index.ndim} axes and the array {arr.ndim}; add axes of length 1"
        )
    return ops.getitem(arr, fancy_index(arr.shape, index, axis))


def fancy_index(shape: tuple[int, ...], index: Any, axis: int) -> tuple[Any, ...]:
    """`index` along one axis beside the open grid of the other axes."""
    ndim = len(shape)
    grid = [np.arange(n).reshape((1,) * i + (n,) + (1,) * (ndim - i - 1)) for i, n in enumerate(shape)]
    grid[axis] = index
    return tuple(grid)


def compress(condition: ArrayLike, a: ArrayLike, axis: int | None = None, out: None = None) -> Array:
    """Slices where the 1-D condition is true. See `numpy.compress`."""
    return take(a, np.flatnonzero(concrete(condition)), axis, out)


def extract(condition: ArrayLike, arr: ArrayLike) -> Array:
    """Elements where the condition is true, flat. See `numpy.extract`."""
    return take(ravel(arr), np.flatnonzero(concrete(condition)))


def choose(a: ArrayLike, choices: Sequence[ArrayLike], out: None = None, mode: str = "raise") -> Array:
    """For each element of the integer array `a`, the element of that choice. See `numpy.choose`."""
    refuse_out("choose", out)
    index = concrete(a)
    count = len(choices)
    if mode == "wrap":
        index = index % count
    elif mode == "clip":
        index = np.clip(index, 0, count - 1)
    elif index.size and (index.min() < 0 or index.max() >= count):
        raise ValueError(f"choose: an entry of the index array is outside 0..{count - 1}; use mode='wrap' or 'clip'")
    options = operands(*choices)
    result = options[-1]
    for i in range(count - 2, -1, -1):
        result = ops.where(index == i, options[i], result)
    shape = np.broadcast_shapes(index.shape, result.shape)
    return (result if result.shape == shape else ops.broadcast_to(result, shape)).copy()


def select(condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0) -> Array:
    """The first choice whose condition is true. See `numpy.select`."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(
            f"select: {len(condlist)} conditions and {len(choicelist)} choices; give one choice for each condition"
        )
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        if operand(condition).dtype != np.bool_:
            raise TypeError(f"select: conditions must be boolean, got {operand(condition).dtype}; compare, e.g. x > 0")
        result = ops.where(operand(condition), _scalar_or_array(choice), result)
    return operand(result)


def _scalar_or_array(x: ArrayLike) -> ArrayLike:
    return x if issubclass(type(x), (bool, int, float)) else operand(x)


def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """Apply each function where its condition is true, each to those elements only. See `numpy.piecewise`."""
    x = operand(x)
    masks = _piecewise_masks(x, condlist, len(funclist))
    result = operand(np.zeros(x.shape, x.dtype))
    for mask, function in zip(masks, funclist, strict=True):
        if mask.any():
            value = function(ops.getitem(x, mask), *args, **kw) if isinstance(function, Callable) else function  # type: ignore[arg-type]
            result = ops.index_update(result, mask, ops.astype(operand(value), x.dtype))
    return result


def _piecewise_masks(x: Array, condlist: Any, count: int) -> list[np.ndarray[Any, Any]]:
    single = not isinstance(condlist, (list, tuple)) or (
        x.ndim and not is_array(condlist) and np.ndim(condlist[0]) == 0
    )
    masks = [np.broadcast_to(concrete(c).astype(bool), x.shape) for c in ([condlist] if single else condlist)]
    if count == len(masks) + 1:
        masks.append(~np.any(masks, axis=0))
    if count != len(masks):
        raise ValueError(
            f"piecewise: {len(masks)} conditions need {len(masks)} or {len(masks) + 1} functions, got {count}"
        )
    return masks


def _diagonal_index(rows: int, columns: int, offset: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    step = np.arange(length)
    return step - min(offset, 0), step + max(offset, 0)


def diagonal(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Diagonals of the matrices in two axes, as the last axis. See `numpy.diagonal`."""
    a = operand(a)
    if a.ndim < 2:
        raise ValueError(f"diagonal: needs at least 2 axes, got shape {a.shape}; use diag to build a matrix")
    return ops.diagonal(a, offset, axis1, axis2, True)


def diag(v: ArrayLike, k: int = 0) -> Array:
    """The diagonal of a matrix, or the matrix with the vector v on its diagonal. See `numpy.diag`."""
    v = operand(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"diag: needs 1 or 2 axes, got shape {v.shape}; use diagonal or diagflat")
    size = v.shape[0] + abs(k)
    return ops.index_update(operand(np.zeros((size, size), v.dtype)), _diagonal_index(size, size, k), v)


def diagflat(v: ArrayLike, k: int = 0) -> Array:
    """The matrix with the flattened v on its diagonal. See `numpy.diagflat`."""
    return diag(ravel(v), k)


def trace(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None) -> Array:
    """Sum along a diagonal. See `numpy.trace`."""
    refuse_out("trace", out)
    line = diagonal(a, offset, axis1, axis2)
    return ops.sum(line if dtype is None else ops.astype(line, dtype), -1)


def _triangle(name: str, m: ArrayLike, keep: Callable[[int, int], np.ndarray[Any, Any]]) -> Array:
    m = operand(m)
    if m.ndim < 1:
        raise ValueError(f"{name}: needs at least 1 axis, got shape (); use reshape")
    mask = keep(m.shape[-2] if m.ndim > 1 else m.shape[0], m.shape[-1])
    return ops.where(mask, m, operand(np.zeros((), m.dtype)))


def tril(m: ArrayLike, k: int = 0) -> Array:
    """Lower triangle, zeros above diagonal k. See `numpy.tril`."""
    return _triangle("tril", m, lambda rows, columns: np.tri(rows, columns, k, dtype=bool))


def triu(m: ArrayLike, k: int = 0) -> Array:
    """Upper triangle, zeros below diagonal k. See `numpy.triu`."""
    return _triangle("triu", m, lambda rows, columns: ~np.tri(rows, columns, k - 1, dtype=bool))


def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Array:
    """Columns of powers of x. See `numpy.vander`."""
    x = operand(x)
    powers = np.arange(x.size if N is None else operator.index(N))
    return ops.power(ops.reshape(x, (x.size, 1)), powers if increasing else powers[::-1].copy())
