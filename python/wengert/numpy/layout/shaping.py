"""Rearranging without arithmetic: reshape, axes, flips, tiles, padding. All linear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert._core import Array, for_numpy, ops
from wengert.numpy.arrays import (
    ArrayLike,
    Axis,
    Shape,
    concrete,
    lengths,
    normalize_axes,
    normalize_axis,
    operand,
    operands,
    refuse,
)

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_shapes", "broadcast_to", "expand_dims",
    "flip", "fliplr", "flipud", "matrix_transpose", "moveaxis", "pad", "permute_dims", "ravel", "repeat", "reshape",
    "resize", "roll", "rollaxis", "rot90", "squeeze", "swapaxes", "tile", "transpose",
]  # fmt: skip

broadcast_shapes = np.broadcast_shapes


def reshape(a: ArrayLike, /, shape: Shape, order: str = "C", *, copy: bool | None = None) -> Array:
    """The same elements in another shape; one length may be -1. See `numpy.reshape`."""
    a = operand(a)
    if order not in ("C", "F", "A"):
        raise ValueError(f"reshape: order must be 'C', 'F' or 'A', got {order!r}")
    if copy:
        a = a.copy()
    if order == "F" or (order == "A" and a.flags.fnc):
        result = ops.transpose(ops.reshape(ops.transpose(a), lengths(shape)[::-1]))
    else:
        result = ops.reshape(a, lengths(shape))
    if copy is False and result.base is not (a if a.base is None else a.base):
        raise ValueError(f"reshape: shape {a.shape} does not become {result.shape} without a copy; leave copy=None")
    return result


def ravel(a: ArrayLike, order: str = "C") -> Array:
    """All elements in one axis. See `numpy.ravel`."""
    a = operand(a)
    if a.ndim < 2 or order == "C":
        return ops.ravel(a)
    if order not in ("F", "A", "K"):
        raise ValueError(f"ravel: order must be 'C', 'F', 'A' or 'K', got {order!r}")
    if order == "K":
        steps = [abs(step) for step in a.strides]
        return ops.ravel(ops.transpose(a, tuple(sorted(range(a.ndim), key=lambda axis: -steps[axis]))))
    return ops.ravel(ops.transpose(a) if order == "F" or a.flags.fnc else a)


def transpose(a: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """Permute the axes, by default reverse them. See `numpy.transpose`."""
    return ops.transpose(operand(a), None if axes is None else lengths(axes))


permute_dims = transpose


def matrix_transpose(x: ArrayLike, /) -> Array:
    """Swap the last two axes. See `numpy.matrix_transpose`."""
    x = operand(x)
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: needs at least 2 axes, got shape {x.shape}; use reshape first")
    return swapaxes(x, -1, -2)


def broadcast_to(array: ArrayLike, shape: Shape, subok: bool = False) -> Array:
    """Repeat along new or length-1 axes. See `numpy.broadcast_to`."""
    return ops.broadcast_to(operand(array), lengths(shape))


def expand_dims(a: ArrayLike, axis: int | Sequence[int]) -> Array:
    """Insert axes of length 1. See `numpy.expand_dims`."""
    return ops.expand_dims(operand(a), axis)


def squeeze(a: ArrayLike, axis: Axis = None) -> Array:
    """Remove axes of length 1. See `numpy.squeeze`."""
    return ops.squeeze(operand(a), axis)


def swapaxes(a: ArrayLike, axis1: int, axis2: int) -> Array:
    """Exchange two axes. See `numpy.swapaxes`."""
    a = operand(a)
    order = list(range(a.ndim))
    i, j = normalize_axis("swapaxes", axis1, a.ndim), normalize_axis("swapaxes", axis2, a.ndim)
    order[i], order[j] = order[j], order[i]
    return ops.transpose(a, tuple(order))


def moveaxis(a: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Move axes to new positions. See `numpy.moveaxis`."""
    a = operand(a)
    old = normalize_axes("moveaxis", source, a.ndim)
    new = normalize_axes("moveaxis", destination, a.ndim)
    if len(old) != len(new):
        raise ValueError(f"moveaxis: source names {len(old)} axes and destination {len(new)}; give one for one")
    order = [axis for axis in range(a.ndim) if axis not in old]
    for position, axis in sorted(zip(new, old, strict=True)):
        order.insert(position, axis)
    return ops.transpose(a, tuple(order))


def rollaxis(a: ArrayLike, axis: int, start: int = 0) -> Array:
    """Move an axis back until it lies at `start`. See `numpy.rollaxis`."""
    a = operand(a)
    order = list(range(a.ndim))
    axis = normalize_axis("rollaxis", axis, a.ndim)
    if not -a.ndim <= start <= a.ndim:
        raise np.exceptions.AxisError(start, a.ndim, "rollaxis: start")
    start += a.ndim if start < 0 else 0
    order.remove(axis)
    order.insert(start - 1 if axis < start else start, axis)
    return ops.transpose(a, tuple(order))


def atleast_1d(*arys: ArrayLike) -> Any:
    """View inputs with at least one axis. See `numpy.atleast_1d`."""
    return _each(arys, lambda a: a if a.ndim else ops.reshape(a, (1,)))


def atleast_2d(*arys: ArrayLike) -> Any:
    """View inputs with at least two axes. See `numpy.atleast_2d`."""
    return _each(arys, lambda a: a if a.ndim >= 2 else ops.reshape(a, (1, a.size)))


def atleast_3d(*arys: ArrayLike) -> Any:
    """View inputs with at least three axes. See `numpy.atleast_3d`."""
    return _each(arys, lambda a: a if a.ndim >= 3 else ops.reshape(a, _atleast_3d_shape(a.shape)))


def _atleast_3d_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """NumPy's placing of the new axes: (n,) becomes (1, n, 1) and (m, n) becomes (m, n, 1)."""
    return {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)]


def _each(arys: Sequence[ArrayLike], change: Any) -> Any:
    results = tuple(change(operand(a)) for a in arys)
    return results[0] if len(results) == 1 else results


def broadcast_arrays(*args: ArrayLike, subok: bool = False) -> tuple[Array, ...]:
    """All arguments broadcast against each other. See `numpy.broadcast_arrays`."""
    arrays = operands(*args)
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    if all(a.shape == shape for a in arrays):
        return arrays
    return tuple(ops.broadcast_to(a, shape) for a in arrays)


def along(axis: int, index: Any) -> tuple[Any, ...]:
    """The index that applies `index` to one axis (counted from the front) and keeps the others."""
    return (slice(None),) * axis + (index,)


def flip(m: ArrayLike, axis: Axis = None) -> Array:
    """Reverse the order along the axes, by default all of them. See `numpy.flip`."""
    m = operand(m)
    axes = normalize_axes("flip", axis, m.ndim)
    return ops.getitem(m, tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(m.ndim)))


def fliplr(m: ArrayLike) -> Array:
    """Reverse axis 1. See `numpy.fliplr`."""
    return flip(m, 1)


def flipud(m: ArrayLike) -> Array:
    """Reverse axis 0. See `numpy.flipud`."""
    return flip(m, 0)


def rot90(m: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Rotate by k quarter turns in the plane of the axes. See `numpy.rot90`."""
    m = operand(m)
    first, second = normalize_axes("rot90", axes, m.ndim)
    turns = {
        0: lambda: ops.getitem(m, ...),
        1: lambda: swapaxes(flip(m, second), first, second),
        2: lambda: flip(m, (first, second)),
        3: lambda: flip(swapaxes(m, first, second), second),
    }
    return turns[k % 4]()


def roll(a: ArrayLike, shift: int | Sequence[int], axis: Axis = None) -> Array:
    """Shift elements along the axes, those that fall off re-enter. See `numpy.roll`."""
    a, shift = operand(a).copy(), for_numpy(shift)
    if axis is None:
        total = int(np.sum(shift))
        return ops.reshape(roll(ravel(a), total, 0), a.shape)
    for by, ax in np.broadcast(shift, lengths(axis)):
        ax = normalize_axis("roll", int(ax), a.ndim)
        cut = -int(by) % max(a.shape[ax], 1)
        if cut:
            pieces = [ops.getitem(a, along(ax, slice(cut, None))), ops.getitem(a, along(ax, slice(None, cut)))]
            a = ops.concatenate(pieces, ax)
    return a


def tile(A: ArrayLike, reps: int | Sequence[int]) -> Array:
    """Repeat the whole array. See `numpy.tile`."""
    a = operand(A)
    counts = tuple(int(r) for r in lengths(reps))
    ndim = max(a.ndim, len(counts))
    shape = (1,) * (ndim - a.ndim) + a.shape
    counts = (1,) * (ndim - len(counts)) + counts
    spread = ops.reshape(a, tuple(n for length in shape for n in (1, length)))
    spread = ops.broadcast_to(spread, tuple(n for pair in zip(counts, shape, strict=True) for n in pair))
    return ops.reshape(spread, tuple(c * n for c, n in zip(counts, shape, strict=True))).copy()


def repeat(a: ArrayLike, repeats: int | Sequence[int], axis: int | None = None) -> Array:
    """Repeat each element along an axis. See `numpy.repeat`."""
    a = operand(a)
    if axis is None:
        a, axis = ravel(a), 0
    axis = normalize_axis("repeat", axis, a.ndim)
    return ops.getitem(a, along(axis, np.repeat(np.arange(a.shape[axis]), concrete(repeats))))


def resize(a: ArrayLike, new_shape: Shape) -> Array:
    """A new shape filled with repeated copies of the elements. See `numpy.resize`."""
    a = ravel(a)
    return ops.getitem(a, np.resize(np.arange(a.size), lengths(new_shape)))


def pad(array: ArrayLike, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Array:
    """Pad with constants (constant_values=) or existing elements (edge, reflect, symmetric, wrap). See `numpy.pad`."""
    array = operand(array)
    widths = _pairs("pad_width", pad_width, array.ndim)
    if any(width < 0 for pair in widths for width in pair):
        raise ValueError(f"pad: pad_width must not be negative, got {pad_width}; slice the array to make it smaller")
    if not any(width for pair in widths for width in pair):
        return array.copy()
    if mode == "constant":
        return _pad_constant(array, widths, kwargs.pop("constant_values", 0), kwargs)
    if mode not in ("edge", "reflect", "symmetric", "wrap", "empty"):
        raise NotImplementedError(f"pad: mode={mode!r} has no rule; use constant, edge, reflect, symmetric or wrap")
    if kwargs.get("reflect_type", "even") != "even":
        raise NotImplementedError(
            "pad: reflect_type='odd' has no rule; combine pad(mode='edge') with 'even' reflection"
        )
    if mode == "empty":
        return _pad_constant(array, widths, 0, kwargs)
    for axis, width in enumerate(widths):
        if any(width):  # NumPy pads the positions, and one gather moves the elements
            positions = np.pad(np.arange(array.shape[axis]), width, mode=mode, **kwargs)  # type: ignore[call-overload]
            array = ops.getitem(array, along(axis, positions))
    return array


def _pad_constant(array: Array, widths: list[tuple[Any, Any]], values: Any, rest: dict[str, Any]) -> Array:
    refuse("pad", "mode='constant' takes constant_values= only", **rest)
    for axis, (width, value) in enumerate(zip(widths, _pairs("constant_values", values, array.ndim), strict=True)):
        blocks = [_block(array, axis, n, v) for n, v in zip(width, value, strict=True)]
        if any(width):
            array = ops.concatenate([b for b in (blocks[0], array, blocks[1]) if b.shape[axis]], axis)
    return array


def _block(array: Array, axis: int, length: int, value: ArrayLike) -> Array:
    shape = (*array.shape[:axis], length, *array.shape[axis + 1 :])
    return ops.broadcast_to(ops.astype(operand(value), array.dtype), shape)


def _pairs(name: str, given: Any, ndim: int) -> list[tuple[Any, Any]]:
    """One (before, after) for every axis from NumPy's spellings: n, (before, after), ((before, after), …), dict."""
    if isinstance(given, dict):
        chosen = {normalize_axis("pad", axis, ndim): pair for axis, pair in given.items()}
        return [_pairs(name, chosen.get(axis, 0), 1)[0] for axis in range(ndim)]
    if not issubclass(type(given), (list, tuple, np.ndarray)):
        return [(given, given)] * ndim
    rows = list(given)
    if all(issubclass(type(row), (list, tuple, np.ndarray)) for row in rows) and len(rows) in (1, ndim):
        rows = rows * ndim if len(rows) == 1 else rows
        return [(row[0], row[-1]) for row in rows]
    if len(rows) in (1, 2):
        return [(rows[0], rows[-1])] * ndim
    raise ValueError(
        f"pad: {name}={given!r} does not fit {ndim} axes; give n, (before, after) or one pair for each axis"
    )
