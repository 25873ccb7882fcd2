"""Reading and writing parts of an `Array`, with NumPy's rules about views, shapes and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import Array, concrete, raw
from .levels import bind, is_differentiated
from .primitive import lookup


def plain_index(index: Any) -> Any:
    """An index without Arrays or lists in it: integers, slices, None, Ellipsis and NumPy index arrays."""
    if isinstance(index, tuple):
        return tuple(_plain_entry(entry) for entry in index)
    return _plain_entry(index)


def _plain_entry(entry: Any) -> Any:
    if isinstance(entry, slice):
        return slice(*(None if part is None else int(part) for part in (entry.start, entry.stop, entry.step)))
    if entry is None or entry is Ellipsis or isinstance(entry, bool):
        return entry
    array = np.asarray(concrete(raw(entry)))
    if array.size == 0 and array.dtype.kind == "f" and not isinstance(entry, (Array, np.ndarray)):
        array = array.astype(int)  # x[[]]
    if array.dtype.kind not in "iub":
        raise IndexError(
            f"wengert.reference: an index must be integer or boolean, not {array.dtype}; "
            "an index has no derivative, so convert it with int(i) or i.astype(int)"
        )
    return int(array) if array.ndim == 0 and array.dtype != bool else array


def is_view(index: Any) -> bool:
    """Whether NumPy would return a view: only integers, slices, None and Ellipsis."""
    entries = index if isinstance(index, tuple) else (index,)
    return all(entry is None or entry is Ellipsis or type(entry) in (int, slice) for entry in entries)


def read_places(root: Any, places: Any) -> Any:
    """The entries of a value at positions in its storage."""
    return _getitem(root, np.unravel_index(places, np.shape(concrete(root))))


def write_places(root: Any, places: Any, part: Any) -> Any:
    """A value with the entries at positions in its storage replaced."""
    return _update(root, np.unravel_index(places, np.shape(concrete(root))), part)


def read(x: Array, index: Any) -> Array:
    """``x[index]``"""
    index = plain_index(index)
    value = _getitem(x.get(), index)
    result = x.view(value, x.places[index]) if is_view(index) else Array(value)
    entries = index if isinstance(index, tuple) else (index,)
    if result.shape == () and not any(entry is Ellipsis for entry in entries):
        result = Array(value)  # an element: a number, not tied to its array
        result.scalar = True
    return result


def write(x: Array, index: Any, value: Any) -> None:
    """``x[index] = value``"""
    index = plain_index(index)
    if x.scalar:
        raise TypeError("wengert.reference: a number cannot be changed in place; bind the name anew")
    if isinstance(value, Array) and is_view(index) and value._root is (x if x._root is None else x._root):
        value.get()
        if np.array_equal(value.places, x.places[index]):
            return  # the end of ``x[i] += v``: the view has written itself back already
    part = raw(value)
    region = np.shape(np.asarray(concrete(x.get()))[index])
    shape = np.shape(concrete(part))
    extra = len(shape) - len(region)
    if extra > 0 and all(length == 1 for length in shape[:extra]):
        part = bind(lookup("reshape"), (part,), {"shape": shape[extra:]})
        shape = shape[extra:]
    try:
        fits = np.broadcast_shapes(shape, region) == region
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"wengert.reference: cannot assign an array of shape {shape} to a region of shape {region}")
    x.set(_update(x.get(), index, part))


def store(x: Array, value: Any, op: str) -> None:
    """Let the handle ``x`` point to the result of an in-place operation, if shape and dtype allow it."""
    old, new = np.asarray(concrete(x.get())), np.asarray(concrete(value))
    if new.shape != old.shape:
        raise ValueError(
            f"wengert.reference: in-place {op} would change the shape {old.shape} to {new.shape}; "
            "write x = x + y to make a new array"
        )
    if new.dtype != old.dtype:
        if not np.can_cast(new.dtype, old.dtype, casting="same_kind"):
            raise TypeError(
                f"wengert.reference: in-place {op} gives {new.dtype}, which does not fit into an array of {old.dtype}; "
                "use x = x.astype(float) first"
            )
        value = bind(lookup("astype"), (value,), {"dtype": old.dtype})
    x.set(value)


def _getitem(base: Any, index: Any) -> Any:
    return bind(lookup("getitem"), (base,), {"index": index})


def _update(base: Any, index: Any, part: Any) -> Any:
    into, what = np.asarray(concrete(base)).dtype, np.asarray(concrete(part)).dtype
    if into.kind in "iub" and is_differentiated(part):
        raise TypeError(
            f"wengert.reference: assigning a differentiated value into an array of dtype {into} loses its derivative; "
            "make the array with a floating-point dtype, for example wnp.zeros(n)"
        )
    if what != into:
        part = bind(lookup("astype"), (part,), {"dtype": into})
    return bind(lookup("index_update"), (base, part), {"index": index})
