"""Shapes, joining and splitting.  All of it is moving entries; nothing is computed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..array.handle import Array, apply, raw
from ..array.kinds import stand_for
from ..levels import evaluate
from ..primitive import lookup
from .elementwise import where


def array_of(x: Any) -> Array:
    """``x`` as an Array (the same handle if it is one with a shape)."""
    if isinstance(x, Array):
        return stand_for(Array(x.get()), np.float64()) if x.number else x
    value = raw(x)
    return Array(np.asarray(value) if isinstance(value, (bool, int, float)) else value)


def shape(x: Any) -> tuple[int, ...]:
    return array_of(x).shape


def ndim(x: Any) -> int:
    return array_of(x).ndim


def size(x: Any, axis: int | None = None) -> int:
    """The number of entries, or the length of an axis."""
    return array_of(x).size if axis is None else array_of(x).shape[axis]


def _moved(x: Array, op: str, **params: Any) -> Array:
    """A rearrangement of ``x``, and a view of it where NumPy's is one: writing into it writes into ``x``."""
    value = evaluate(op, x.get(), **params)
    return x.view(value, lookup(op).value(x.places, **params))


def reshape(x: Any, shape: Any = None, order: str = "C") -> Array:
    """The same entries in row-major order in another shape; one length may be -1."""
    if order not in ("C", "A"):
        raise ValueError("wengert.reference.numpy.reshape: only row-major order 'C'; transpose first for 'F'")
    x = array_of(x)
    wanted = (int(shape),) if isinstance(shape, (int, np.integer, Array)) else tuple(int(n) for n in shape)
    try:
        full = np.empty(x.shape, bool).reshape(wanted).shape
    except ValueError:
        raise ValueError(
            f"wengert.reference.numpy.reshape: {x.size} entries of shape {x.shape} do not fit into shape {wanted}"
        ) from None
    return _moved(x, "reshape", shape=full)


def transpose(x: Any, axes: Any = None) -> Array:
    """Axes reversed, or in the order ``axes``."""
    x = array_of(x)
    axes = None if axes is None else tuple(int(a) for a in axes)
    return _moved(x, "transpose", axes=axes)


permute_dims = transpose


def matrix_transpose(x: Any) -> Array:
    """The last two axes exchanged."""
    return swapaxes(x, -1, -2)


def swapaxes(x: Any, axis1: int, axis2: int) -> Array:
    x = array_of(x)
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, order)


def moveaxis(x: Any, source: Any, destination: Any) -> Array:
    """Axes moved to new places, the others in their order."""
    x = array_of(x)
    names = np.empty(tuple(range(x.ndim)), bool)  # an empty array whose axis i has length i: NumPy moves the names
    order = np.moveaxis(names, source, destination).shape
    return transpose(x, order)


def ravel(x: Any) -> Array:
    """All entries in one axis: a view where they lie in row-major order."""
    x = array_of(x)
    return x.view(evaluate("reshape", x.get(), shape=(x.size,)), x.places.ravel())


def expand_dims(x: Any, axis: Any) -> Array:
    x = array_of(x)
    return reshape(x, np.expand_dims(np.empty(x.shape, bool), axis).shape)


def squeeze(x: Any, axis: Any = None) -> Array:
    """Axes of length 1 removed."""
    x = array_of(x)
    return _moved(x, "squeeze", axis=tuple(axis) if isinstance(axis, (list, tuple)) else axis)


def broadcast_to(x: Any, shape: Any) -> Array:
    """``x`` repeated along axes of length 1 and along new leading axes."""
    wanted = (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)
    return _moved(array_of(x), "broadcast_to", shape=wanted)


def broadcast_arrays(*arrays: Any) -> tuple[Array, ...]:
    items = [array_of(x) for x in arrays]
    shape = np.broadcast_shapes(*(x.shape for x in items))
    return tuple(items) if all(x.shape == shape for x in items) else tuple(broadcast_to(x, shape) for x in items)


def atleast_1d(x: Any) -> Array:
    x = array_of(x)
    return x if x.ndim >= 1 else reshape(x, (1,))


def atleast_2d(x: Any) -> Array:
    x = array_of(x)
    return x if x.ndim >= 2 else reshape(x, (1, x.size))


def copy(x: Any) -> Array:
    """A new handle: in-place updates of the copy leave ``x`` as it is."""
    x = array_of(x)
    result = Array(x.get())
    result.scalar = x.scalar
    return result


# -- joining -----------------------------------------------------------------------------------------------------------


def concatenate(arrays: Any, axis: int | None = 0) -> Array:
    """Arrays joined along an existing axis."""
    pieces = [array_of(x) for x in arrays]
    if axis is None:
        pieces, axis = [ravel(x) for x in pieces], 0
    return apply("concatenate", *pieces, axis=int(axis))


def stack(arrays: Any, axis: int = 0) -> Array:
    """Arrays of one shape joined along a new axis."""
    return apply("stack", *[array_of(x) for x in arrays], axis=int(axis))


def vstack(arrays: Any) -> Array:
    return concatenate([atleast_2d(x) for x in arrays], axis=0)


def hstack(arrays: Any) -> Array:
    pieces = [atleast_1d(x) for x in arrays]
    return concatenate(pieces, axis=0 if pieces[0].ndim == 1 else 1)


def column_stack(arrays: Any) -> Array:
    pieces = [array_of(x) for x in arrays]
    return concatenate([reshape(x, (x.size, 1)) if x.ndim < 2 else x for x in pieces], axis=1)


def append(x: Any, values: Any, axis: int | None = None) -> Array:
    return concatenate([x, values], axis)


# -- splitting ---------------------------------------------------------------------------------------------------------


def array_split(x: Any, sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """Pieces along an axis: a number of nearly equal ones, or cut at the given indices."""
    x = array_of(x)
    lead = (slice(None),) * (axis % x.ndim)
    pieces = np.array_split(np.arange(x.shape[axis]), sections)
    cuts = np.cumsum([0] + [len(piece) for piece in pieces])
    if not isinstance(sections, (int, np.integer)):
        n = x.shape[axis]
        edges = [0, *(int(s) if s >= 0 else int(s) + n for s in sections), n]
        return [x[(*lead, slice(a, b))] for a, b in itertools.pairwise(edges)]
    return [x[(*lead, slice(int(a), int(b)))] for a, b in itertools.pairwise(cuts)]


def split(x: Any, sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """As `array_split`, but a number of sections must divide the length."""
    x = array_of(x)
    if isinstance(sections, (int, np.integer)) and x.shape[axis] % sections:
        raise ValueError(
            f"wengert.reference.numpy.split: axis {axis} of length {x.shape[axis]} cannot be cut into {sections} equal "
            "parts; use array_split"
        )
    return array_split(x, sections, axis)


# -- rearranging and repeating -----------------------------------------------------------------------------------------


def _take_by_position(x: Array, positions: Any) -> Array:
    """Entries of ``x`` in the arrangement that NumPy gave their positions."""
    return ravel(x)[positions]


def rearranged(x: Any, rearrange: Any) -> Array:
    """What the NumPy function `rearrange` makes of ``x``: a view where it makes one."""
    x = array_of(x)
    value = _take_by_position(x, rearrange(np.arange(x.size).reshape(x.shape))).get()
    return x.view(value, rearrange(x.places))


def flip(x: Any, axis: Any = None) -> Array:
    """Entries in reverse order along the axes."""
    x = array_of(x)
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    return x[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))]


def fliplr(x: Any) -> Array:
    return flip(x, 1)


def flipud(x: Any) -> Array:
    return flip(x, 0)


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    return rearranged(x, lambda p: np.rot90(p, k, axes))


def roll(x: Any, shift: Any, axis: Any = None) -> Array:
    """Entries moved along an axis; what leaves at the end comes back at the front."""
    return rearranged(x, lambda p: np.roll(p, shift, axis))


def tile(x: Any, reps: Any) -> Array:
    """Copies of ``x`` side by side."""
    return rearranged(x, lambda p: np.tile(p, reps))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Array:
    """Each entry several times."""
    return rearranged(x, lambda p: np.repeat(p, np.asarray(repeats), axis))


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Array:
    """A margin around ``x``: constant, or filled from ``x`` ("edge", "reflect", "symmetric", "wrap")."""
    x = array_of(x)
    positions = np.arange(x.size).reshape(x.shape)
    if mode != "constant":
        return _take_by_position(x, np.pad(positions, pad_width, mode=mode))  # type: ignore[call-overload]
    places = np.pad(positions, pad_width, constant_values=-1)
    margin = np.pad(np.zeros(x.shape, x.dtype), pad_width, constant_values=constant_values)
    if x.size == 0:
        return Array(margin)
    return where(places >= 0, _take_by_position(x, np.maximum(places, 0)), margin)


__all__ = [
    "append",
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "broadcast_arrays",
    "broadcast_to",
    "column_stack",
    "concatenate",
    "copy",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "hstack",
    "matrix_transpose",
    "moveaxis",
    "ndim",
    "pad",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "rot90",
    "shape",
    "size",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "transpose",
    "vstack",
]
