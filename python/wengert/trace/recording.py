"""Recording one run of a function: the list of elementary steps, and its replay.

An *engine* is ``wengert`` or ``wengert.reference`` (anything with ``record``, ``apply`` and the transforms). Both hand
out the same kind of list, so everything in this package works on either.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from wengert._internals.tree import tree_flatten, tree_unflatten


def default_engine(engine: Any = None) -> Any:
    """The engine to use: the compiled ``wengert`` unless another one is given."""
    if engine is None:
        import wengert

        return wengert
    return engine


@dataclass(frozen=True)
class Node:
    """One recorded step: an input, a constant, or a primitive applied to earlier nodes."""

    index: int
    op: str
    args: tuple[int, ...]
    params: Mapping[str, Any]
    value: np.ndarray
    label: str | None
    location: str | None

    @property
    def differentiable(self) -> bool:
        """Whether a derivative with respect to this node makes sense: real floating-point values."""
        return bool(np.issubdtype(self.value.dtype, np.inexact))


@dataclass(frozen=True)
class Recording:
    """The steps of one run in recording order, which is a topological order.

    ``input_names`` are the names of the leaves of the arguments: the parameter, or ``params['W']`` inside a tree.
    ``output_tree`` rebuilds the function's result from the values of ``outputs``.
    """

    engine: Any
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    input_names: tuple[str, ...]
    input_tree: Any
    output_tree: Any
    function: Callable[..., tuple[Any, ...]] | None = None  # the leaves of the result from the leaves of the arguments
    arguments: tuple[Any, ...] = ()  # these leaves as they were given: a number, an ndarray or an Array

    @cached_property
    def active(self) -> frozenset[int]:
        """Inputs, named nodes, and everything that depends on them; the other nodes are constants of the formulas."""
        active = {*self.inputs, *(node.index for node in self.nodes if node.label is not None)}
        for node in self.nodes:
            if any(arg in active for arg in node.args):
                active.add(node.index)
        return frozenset(active)

    def replay(
        self, given: Mapping[int, Any], targets: Iterable[int], offsets: Mapping[int, Any] | None = None
    ) -> dict[int, Any]:
        """Run the recorded steps again from the values in ``given`` up to ``targets``.

        Values may be traced: differentiating a replay differentiates the recorded function. Steps that depend on
        nothing active keep their recorded value. ``offsets`` are added to the nodes they name as soon as these are
        computed.
        """
        wanted, offsets = tuple(targets), offsets or {}
        values = dict(given)
        for index in self.needed(given, wanted):
            node = self.nodes[index]
            if index not in self.active or not node.args:
                value: Any = node.value
            else:
                value = self.engine.apply(node.op, *(values[arg] for arg in node.args), **node.params)
            values[index] = value + offsets[index] if index in offsets else value
        return {index: values[index] for index in wanted}

    def needed(self, given: Container[int], targets: Iterable[int]) -> list[int]:
        """The steps to run for ``targets``, in order; ``given`` nodes stop the search, constants end it."""
        needed: set[int] = set()
        pending = [index for index in targets if index not in given]
        while pending:
            index = pending.pop()
            if index in needed:
                continue
            needed.add(index)
            if index in self.active:
                pending.extend(arg for arg in self.nodes[index].args if arg not in given)
        return sorted(needed)

    def value(self) -> Any:
        """The function's result, as the tree it returned."""
        return tree_unflatten(self.output_tree, [self.nodes[index].value for index in self.outputs])


def record(
    f: Callable[..., Any], args: tuple[Any, ...], engine: Any = None, kwargs: Mapping[str, Any] | None = None
) -> Recording:
    """Run ``f(*args, **kwargs)`` once and keep every elementary step. Arguments and results may be trees.

    Numbers and arrays among ``args`` are the inputs; other leaves and the keyword arguments are passed on as they are.
    """
    engine = default_engine(engine)
    leaves, tree = tree_flatten(args)
    numbers = [k for k, leaf in enumerate(leaves) if _is_number(leaf)]
    # In the tree of the inputs other leaves are None, which counts as a tree without leaves.
    input_tree = tree_flatten(tree_unflatten(tree, [leaf if _is_number(leaf) else None for leaf in leaves]))[1]
    output_tree: Any = None

    def flat(*values: Any) -> tuple[Any, ...]:
        nonlocal output_tree
        given = list(leaves)
        for k, value in zip(numbers, values, strict=True):
            given[k] = value
        results, output_tree = tree_flatten(f(*tree_unflatten(tree, given), **(kwargs or {})))
        return tuple(results)

    raw = engine.record(flat, tuple(leaves[k] for k in numbers))
    nodes = tuple(
        Node(n.index, n.op, tuple(n.args), dict(n.params), np.asarray(n.value), n.label, n.location) for n in raw.nodes
    )
    all_names = _leaf_names(f, args)
    names = tuple(all_names[k] for k in numbers)
    given = tuple(leaves[k].copy() if hasattr(leaves[k], "copy") else leaves[k] for k in numbers)
    return Recording(engine, nodes, tuple(raw.inputs), tuple(raw.outputs), names, input_tree, output_tree, flat, given)


def _is_number(leaf: Any) -> bool:
    if issubclass(type(leaf), (np.ndarray, np.generic)):
        return leaf.dtype.kind in "biuf"
    return issubclass(type(leaf), (bool, int, float)) or hasattr(leaf, "__array_ufunc__")


def _leaf_names(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """One name per leaf: the parameter's name, with the way to the leaf when the argument is a tree."""
    names: list[str] = []
    for parameter, arg in zip(_parameter_names(f, len(args)), args, strict=True):
        names.extend(tree_flatten(arg)[1].paths(parameter))
    return names


def _parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        parameters = []
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names.extend(f"{parameter.name}[{k}]" for k in range(count - len(names)))
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return [*names[:count], *(f"arg{k}" for k in range(len(names), count))]


def short_names(names: Iterable[str]) -> dict[str, str]:
    """The last key of a leaf inside a tree, where it is unique: ``params['W']`` may be called ``W`` as well."""
    last = {name: name[name.rfind("[") + 1 : -1].strip("'\"") for name in names if name.endswith("]")}
    counts = Counter(last.values())
    return {short: name for name, short in last.items() if counts[short] == 1 and short.isidentifier()}
