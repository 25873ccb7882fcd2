"""Nested arguments: dicts, lists and tuples of arrays ("pytrees"), and giving results the type that came in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array.handle import Array, raw
from ..array.kinds import stand_for
from ..levels import Box

LEAF_TYPES = (Array, np.ndarray, np.generic, bool, int, float, complex, Box)


class SingleLeaf:
    """The structure of an argument that is not nested."""

    num_leaves = 1

    def unflatten(self, leaves: Any) -> Any:
        (leaf,) = leaves
        return leaf

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SingleLeaf)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "a single array"


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of a tree and its structure; ``structure.unflatten(leaves)`` puts it together again."""
    if isinstance(tree, LEAF_TYPES):
        return [tree], SingleLeaf()
    import optree

    leaves, structure = optree.tree_flatten(tree)
    return list(leaves), structure


def like(value: Any, model: Any) -> Any:
    """A raw value in the type family of ``model``: what goes in comes out.

    Python number → float, ndarray → ndarray, Array → Array.  A value that is still being followed by some level has to
    stay an Array.
    """
    if isinstance(value, Box) or isinstance(model, Array):
        return stand_for(Array(value), model)
    array = np.array(value)
    if isinstance(model, np.generic):
        return array[()]
    if isinstance(model, (bool, int, float)) and array.ndim == 0:
        return array.item()
    return array


def common_model(leaves: list[Any]) -> Any:
    """The leaf whose family a joint result gets: Array before ndarray before numbers."""
    for kind in (Array, np.ndarray):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0] if leaves else np.zeros(0)


def like_tree(tree: Any, model: Any) -> Any:
    """Every array in a tree of results in the family of ``model``; other leaves are left alone."""
    leaves, structure = flatten(tree)
    return structure.unflatten([like(raw(leaf), model) if isinstance(leaf, Array) else leaf for leaf in leaves])
