"""Trees of arguments. ``_core.flatten`` walks over them.

Containers other than tuples (with names or without), lists and dicts are opened here, by optree, which is imported when
the first of them is met.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from wengert._core import Array, Structure
from wengert._core import flatten as tree_flatten

__all__ = ["is_leaf", "tree_flatten", "tree_unflatten"]

_LEAVES = (Array, np.ndarray, float, int, np.generic, complex, str, bytes)


def is_leaf(x: Any) -> bool:
    """True for numbers, arrays and other single values."""
    return isinstance(x, _LEAVES)


def tree_unflatten(spec: Structure, leaves: Sequence[Any]) -> Any:
    return spec.unflatten(leaves)


class _Star:
    def __repr__(self) -> str:
        return "*"


STAR = _Star()  # a leaf in the text of a structure


class _Dict(NamedTuple):
    """The structure of a dict of a class of its own whose order counts."""

    kind: type
    keys: tuple[Any, ...]
    factory: Any


def opened(x: Any, by_key: bool) -> tuple[list[Any], Any] | None:
    """One level of a container: what is in it, and its structure; None if it is none. With ``by_key`` equal containers
    give their items in one order."""
    if not by_key and type(x) in (OrderedDict, defaultdict):
        return list(x.values()), _Dict(type(x), tuple(x), getattr(x, "default_factory", None))
    import optree

    leaves, spec = optree.tree_flatten(x, is_leaf=lambda y: y is not x)
    return None if spec.is_leaf() else (leaves, spec)


def closed(spec: Any, items: tuple[Any, ...]) -> Any:
    """The container that ``opened`` took apart, with other items."""
    if isinstance(spec, _Dict):
        made = defaultdict(spec.factory) if spec.kind is defaultdict else spec.kind()
        made.update(zip(spec.keys, items, strict=True))
        return made
    import optree

    return optree.tree_unflatten(spec, items)


def steps(spec: Any) -> list[str]:
    """How Python code comes from a container to each of its items."""
    return [accessor.codify("") for accessor in spec.accessors()]


def sorted_keys(keys: list[Any]) -> list[Any]:
    """The keys of a dict in an order that only depends on the keys, if there is one."""
    try:
        return sorted(keys)
    except TypeError:
        pass
    try:
        return sorted(keys, key=lambda k: (f"{type(k).__module__}.{type(k).__qualname__}", k))
    except TypeError:
        return keys
