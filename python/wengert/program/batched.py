"""What loops and branches do inside `vmap`, where a condition has an answer for each example; arrays of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert._internals.tree import tree_flatten, tree_unflatten

Function = Callable[..., Any]


def own(tree: Any, held: Any = None) -> Any:
    """The tree with arrays of its own, which a function may change: what else holds them does not see it.

    An array of ``held``, a tree of the same structure, is the loop's already if it is still in its place: a buffer that
    each step writes a row of is not copied every time.
    """
    kind = type(tree)
    if kind is Array:
        return tree.copy()  # a new handle, no copy of the numbers
    if kind is np.ndarray:
        return tree if tree is held else tree.copy()
    if kind is tuple:
        parts: Sequence[Any] = held if type(held) is tuple and len(held) == len(tree) else (None,) * len(tree)
        return tuple([own(x, y) for x, y in zip(tree, parts, strict=True)])
    if kind is float or tree is None:
        return tree
    leaves, spec = tree_flatten(tree)
    if spec.is_leaf():
        return tree.copy() if isinstance(tree, (Array, np.ndarray)) else tree
    parts = tree_flatten(held)[0]
    if len(parts) != len(leaves):
        parts = [None] * len(leaves)
    return tree_unflatten(spec, list(map(own, leaves, parts)))


def while_any(cond_fun: Function, body_fun: Function, value: Any, again: Any) -> Any:
    """The loop for the examples of a `vmap`: those that have ended keep their values."""
    while _in_any_example(again):
        value = chosen(again, body_fun(own(value)), value, "while_loop")
        again = _core.ops.logical_and(again, cond_fun(own(value)))
    return value


def _in_any_example(x: Any) -> bool:
    while _core.is_batched(x):
        level = _core.top_level([x])
        x = _core.ops.any(level.examples(x)) if level.batch >= 0 else level.primal(x)
    return bool(x)


def chosen(predicate: Any, first: Any, second: Any, name: str) -> Any:
    """The one tree or the other in every example; a derivative flows into that one only."""
    (a, spec), (b, other) = tree_flatten(first), tree_flatten(second)
    if spec != other:
        raise TypeError(f"{name}: inside vmap all examples need results of one structure, got {spec} and {other}")
    pairs = [(x, y) for x, y in zip(a, b, strict=True)]
    for x, y in pairs:
        if _core.shape_of(x) != _core.shape_of(y):
            raise TypeError(
                f"{name}: inside vmap all examples need results of one shape, got {_core.shape_of(x)} and "
                f"{_core.shape_of(y)}"
            )
    return tree_unflatten(spec, [_core.marked(_core.ops.where(predicate, x, y), x) for x, y in pairs])
