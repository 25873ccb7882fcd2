"""Reading and writing entries: the pair ``getitem`` (gather) and ``index_add`` (scatter) are each other's transpose."""

# A rule may mention the primitive it belongs to, of which mypy then knows no type.
# mypy: disable-error-code="has-type"
from __future__ import annotations

from typing import Any

import numpy as np

from .declare import structured, unbroadcast
from .logical import where


def zeros_like(x: Any) -> Any:
    return np.zeros(x.shape, x.dtype)


def scatter_add(x: Any, v: Any, index: Any) -> Any:
    result = np.array(x)
    np.add.at(result, index, v)  # an entry that is addressed twice receives both
    return result


def scatter(x: Any, v: Any, index: Any) -> Any:
    result = np.array(x)
    result[index] = v
    return result


getitem = structured(
    "getitem",
    "indexing",
    lambda x, index: np.asarray(x)[index],
    jvp=lambda t, y, x, index: getitem(t, index=index),
    vjp=lambda g, y, x, index: index_add(zeros_like(x), g, index=index),
)
index_add = structured(
    "index_add",
    "indexing",
    scatter_add,
    jvp=(
        lambda t, y, x, v, index: t,
        lambda t, y, x, v, index: index_add(zeros_like(y), t, index=index),
    ),
    vjp=(
        lambda g, y, x, v, index: g,
        lambda g, y, x, v, index: unbroadcast(getitem(g, index=index), v.shape),
    ),
    arity=2,
)


def survivors(x: Any, index: Any) -> Any:
    """Which of the assigned entries are still there at the end: with ``x[[0, 0]] = v`` only the last one."""
    positions = np.arange(np.zeros(x.shape, bool)[index].size).reshape(np.zeros(x.shape, bool)[index].shape)
    owner = np.full(x.shape, -1)
    owner[index] = positions
    return owner[index] == positions


def surviving(g: Any, x: Any, index: Any) -> Any:
    kept = survivors(x, index)
    share = getitem(g, index=index)
    return share if kept.all() else where(kept, share, np.zeros((), g.dtype))


index_update = structured(
    "index_update",
    "indexing",
    scatter,
    jvp=(
        lambda t, y, x, v, index: index_update(t, np.zeros((), t.dtype), index=index),
        lambda t, y, x, v, index: index_update(zeros_like(y), t, index=index),
    ),
    vjp=(
        lambda g, y, x, v, index: index_update(g, np.zeros((), g.dtype), index=index),
        lambda g, y, x, v, index: unbroadcast(surviving(g, x, index), v.shape),
    ),
    arity=2,
)
