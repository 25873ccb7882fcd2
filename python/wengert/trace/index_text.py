"""Index expressions as Python writes them, from the parameters of indexing primitives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def index_text(params: Mapping[str, Any], shape: tuple[int, ...], abbreviate: Callable[[np.ndarray], str]) -> str:
    """What stands between the brackets, for an array of the given shape.

    An engine keeps the index itself (``index``), or resolves it to ``start``, ``step`` and ``count`` per axis.
    """
    if "start" in params:
        return _resolved(params["start"], params["step"], params["count"], params["shape"], shape)
    if "indices" in params:
        leading = [":"] * (int(params.get("lead", 1)) - 1)
        return ", ".join([*leading, abbreviate(np.asarray(params["indices"]))])
    index = params.get("index")
    entries = index if isinstance(index, tuple) else (index,)
    return ", ".join(_entry(entry, abbreviate) for entry in entries)


def _entry(entry: Any, abbreviate: Callable[[np.ndarray], str]) -> str:
    if isinstance(entry, slice):
        parts = ["" if part is None else str(part) for part in (entry.start, entry.stop)]
        return ":".join(parts if entry.step is None else [*parts, str(entry.step)])
    if entry is Ellipsis:
        return "..."
    if entry is None or isinstance(entry, int | np.integer):
        return str(entry)
    return abbreviate(np.asarray(entry))


def _resolved(
    start: tuple[int, ...],
    step: tuple[int, ...],
    count: tuple[int, ...],
    result: tuple[int, ...],
    shape: tuple[int, ...],
) -> str:
    """Integers, slices and new axes from start, step and count per axis and the shape of the result."""
    entries: list[str] = []
    made = 0  # dimensions of the result that are accounted for
    for axis, size in enumerate(shape):
        while len(result) - made > len(shape) - axis:
            entries.append("None")
            made += 1
        if count[axis] == 1 and len(result) - made < len(shape) - axis:
            entries.append(str(start[axis]))
            continue
        entries.append(_slice(start[axis], step[axis], count[axis], size))
        made += 1
    entries.extend(["None"] * (len(result) - made))
    while len(entries) > 1 and entries[-1] == ":":
        entries.pop()
    return ", ".join(entries) or "..."


def _slice(start: int, step: int, count: int, size: int) -> str:
    stop = start + step * count
    first = "" if start == (0 if step > 0 else size - 1) else str(start)
    last = "" if stop >= size or stop < 0 else str(stop)
    return f"{first}:{last}" + ("" if step == 1 else f":{step}")
