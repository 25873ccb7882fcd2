"""Reading and writing parts of a value, with NumPy's rules about views, shapes and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..levels import concrete, evaluate, is_differentiated


def is_view(index: Any) -> bool:
    """Whether NumPy would return a view: only integers, slices, None and Ellipsis."""
    entries = index if isinstance(index, tuple) else (index,)
    return all(entry is None or entry is Ellipsis or type(entry) in (int, slice) for entry in entries)


def read_places(root: Any, places: Any) -> Any:
    """The entries of a value at positions in its storage."""
    return evaluate("getitem", root, index=np.unravel_index(places, np.shape(concrete(root))))


def write_places(root: Any, places: Any, part: Any) -> Any:
    """A value with the entries at positions in its storage replaced."""
    return updated(root, np.unravel_index(places, np.shape(concrete(root))), part)


def updated(base: Any, index: Any, part: Any) -> Any:
    """``base`` with ``part`` at ``index``, in the dtype of ``base``."""
    into, what = np.asarray(concrete(base)).dtype, np.asarray(concrete(part)).dtype
    if into.kind in "iub" and is_differentiated(part):
        raise TypeError(
            f"wengert.reference: assigning a differentiated value into an array of dtype {into} loses its derivative; "
            "make the array with a floating-point dtype, for example wnp.zeros(n)"
        )
    if what != into:
        part = evaluate("astype", part, dtype=into)
    return evaluate("index_update", base, part, index=index)


def fitted(part: Any, region: tuple[int, ...]) -> Any:
    """``part`` without leading axes of length 1 that ``region`` does not have; an error if it cannot be stretched."""
    shape = np.shape(concrete(part))
    extra = len(shape) - len(region)
    if extra > 0 and all(length == 1 for length in shape[:extra]):
        part = evaluate("reshape", part, shape=shape[extra:])
        shape = shape[extra:]
    try:
        fits = np.broadcast_shapes(shape, region) == region
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"wengert.reference: cannot assign an array of shape {shape} to a region of shape {region}")
    return part


def in_place_result(old: Any, new: Any, op: str) -> Any:
    """The result of an in-place operation, if shape and dtype allow it to take the place of ``old``."""
    before, after = np.asarray(concrete(old)), np.asarray(concrete(new))
    if after.shape != before.shape:
        raise ValueError(
            f"wengert.reference: in-place {op} would change the shape {before.shape} to {after.shape}; "
            "write x = x + y to make a new array"
        )
    if after.dtype == before.dtype:
        return new
    if not np.can_cast(after.dtype, before.dtype, casting="same_kind"):
        raise TypeError(
            f"wengert.reference: in-place {op} gives {after.dtype}, which does not fit into an array of "
            f"{before.dtype}; use x = x.astype(float) first"
        )
    return evaluate("astype", new, dtype=before.dtype)
