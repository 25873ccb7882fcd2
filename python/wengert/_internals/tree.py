"""Trees of arguments: optree, imported when the first container is met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert._core import Array, check_depth

_LEAVES = (Array, np.ndarray, float, int, np.generic, complex, str, bytes)


def is_leaf(x: Any) -> bool:
    """True for numbers, arrays and other single values."""
    return isinstance(x, _LEAVES)


class _SingleLeaf:
    """The structure of a value that is a leaf itself."""

    def __repr__(self) -> str:
        return "*"


LEAF = _SingleLeaf()


def tree_flatten(tree: Any) -> tuple[list[Any], Any]:
    """Leaves and structure. None counts as an empty tree."""
    if isinstance(tree, _LEAVES):
        return [tree], LEAF
    check_depth(tree)
    import optree

    leaves, spec = optree.tree_flatten(tree)
    return ([tree], LEAF) if spec.is_leaf() else (leaves, spec)


def tree_unflatten(spec: Any, leaves: Sequence[Any]) -> Any:
    if spec is LEAF:
        return leaves[0]
    import optree

    return optree.tree_unflatten(spec, leaves)
