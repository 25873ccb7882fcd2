"""A function at a point, as a linear map: recorded once, then swept in either direction.

Near a point every smooth function is its value plus a linear map, the Jacobian.  The Wengert list *is* that map, in
factored form: walked forwards it multiplies by J, walked backwards by Jᵀ.  The transforms are ways of asking it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..array.handle import Array, raw
from ..array.kinds import stand_for
from ..levels import carries_derivative, concrete, evaluate
from ..tape import Tape, pull_back, push_forward
from .trees import common_model, flatten, like, like_tree


def differentiable_leaf(leaf: Any, transform: str, where: str) -> Any:
    """The raw value of a leaf that is to be differentiated, or an error that names the argument."""
    if isinstance(leaf, bool) or not isinstance(leaf, (Array, np.ndarray, np.generic, int, float)):
        raise TypeError(
            f"wengert.{transform}: {where} is a {type(leaf).__name__}; only floating-point numbers and arrays can be "
            "differentiated. Choose other arguments with argnums, or pass it through a closure"
        )
    if isinstance(leaf, int):
        return np.asarray(leaf, float)
    value = raw(leaf)
    if not carries_derivative(value):
        raise TypeError(
            f"wengert.{transform}: {where} has dtype {np.asarray(concrete(value)).dtype}; integers and booleans have "
            "no derivative. Convert it with x.astype(float), or leave it out of argnums"
        )
    return np.asarray(value) if isinstance(value, float) else value


def choose(args: tuple[Any, ...], argnums: int | Sequence[int], transform: str) -> tuple[int, ...]:
    """The positions of the arguments to differentiate, counted from the front."""
    numbers = (argnums,) if isinstance(argnums, (int, np.integer)) else tuple(argnums)
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise ValueError(
                f"wengert.{transform}: argnums={argnums}, but the function was called with {len(args)} positional "
                "argument(s); arguments to be differentiated must be given by position"
            )
    return tuple(int(number) % len(args) for number in numbers)


class Inputs:
    """The leaves of the differentiated arguments and how to put a call together from replacements for them."""

    def __init__(self, args: tuple[Any, ...], argnums: int | Sequence[int], transform: str) -> None:
        self.args = args
        self.transform = transform
        self.single = isinstance(argnums, (int, np.integer))
        self.positions = choose(args, argnums, transform)
        self.models: list[Any] = []
        self.values: list[Any] = []
        self.structures: list[Any] = []
        for position in self.positions:
            leaves, structure = flatten(args[position])
            self.structures.append(structure)
            for number, leaf in enumerate(leaves):
                where = f"argument {position}" + (f" (leaf {number})" if len(leaves) > 1 else "")
                self.models.append(leaf)
                self.values.append(differentiable_leaf(leaf, transform, where))

    def call_arguments(self, boxes: Sequence[Any]) -> list[Any]:
        """The arguments with ``boxes`` in place of the differentiated leaves."""
        call = list(self.args)
        handles = [stand_for(Array(box), model) for box, model in zip(boxes, self.models, strict=True)]
        for position, tree in zip(self.positions, self.split(handles), strict=True):
            call[position] = tree
        return call

    def split(self, leaves: Sequence[Any]) -> list[Any]:
        """One tree for each differentiated argument."""
        trees, start = [], 0
        for structure in self.structures:
            trees.append(structure.unflatten(leaves[start : start + structure.num_leaves]))
            start += structure.num_leaves
        return trees

    def result(self, leaves: Sequence[Any]) -> Any:
        """A tree for ``argnums=0``, a tuple of trees for ``argnums=(0, 1)``."""
        trees = self.split(leaves)
        return trees[0] if self.single else tuple(trees)

    def gradients(self, values: Sequence[Any]) -> Any:
        """Raw values, one a leaf, in the types and trees of the arguments."""
        return self.result([like(value, model) for value, model in zip(values, self.models, strict=True)])

    @property
    def model(self) -> Any:
        return common_model(self.models)


class Linearization:
    """``f`` recorded at a point."""

    def __init__(
        self, f: Callable[..., Any], inputs: Inputs, kwargs: dict[str, Any] | None = None, has_aux: bool = False
    ) -> None:
        self.inputs = inputs
        self.tape = Tape()
        boxes = [self.tape.input(value) for value in inputs.values]
        self.input_nodes = [box.node for box in boxes]
        result = f(*inputs.call_arguments(boxes), **(kwargs or {}))
        result, aux = split_aux(result, inputs.transform) if has_aux else (result, None)
        leaves, self.structure = flatten(result)
        boxed = [raw(leaf) for leaf in leaves]
        self.outputs = [self.tape.lower(value) for value in boxed]
        self.output_nodes = [self.tape.node_of(value) for value in boxed]
        self.aux = like_tree(lower_tree(aux, self.tape), inputs.model) if has_aux else None

    @property
    def value(self) -> Any:
        return self.structure.unflatten([like(output, self.inputs.model) for output in self.outputs])

    def pull_back(self, cotangents: Sequence[Any]) -> list[Any]:
        """Jᵀ times cotangents (one raw value an output leaf): one raw value an input leaf."""
        found = pull_back(self.tape.nodes, zip(self.output_nodes, cotangents, strict=True))
        return [found.get(node.index, zeros_like(node.answer)) for node in self.input_nodes]

    def push_forward(self, tangents: Sequence[Any]) -> list[Any]:
        """J times tangents (one raw value an input leaf): one raw value an output leaf."""
        seeds = {node.index: tangent for node, tangent in zip(self.input_nodes, tangents, strict=True)}
        found = push_forward(self.tape.nodes, seeds)
        return [
            zeros_like(output) if node is None else found.get(node.index, zeros_like(output))
            for node, output in zip(self.output_nodes, self.outputs, strict=True)
        ]


def split_aux(result: Any, transform: str) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            f"wengert.{transform}: with has_aux=True the function must return a pair (value, aux), "
            f"it returned {type(result).__name__}"
        )
    return result


def lower_tree(tree: Any, level: Any) -> Any:
    """A tree of results without the boxes of a level that has ended."""
    leaves, structure = flatten(tree)
    return structure.unflatten([Array(level.lower(leaf.get())) if isinstance(leaf, Array) else leaf for leaf in leaves])


def zeros_like(value: Any) -> Any:
    array = np.asarray(concrete(value))
    return np.zeros(array.shape, array.dtype)


def changes(tree: Any, structure: Any, primals: Sequence[Any], transform: str, what: str) -> list[Any]:
    """Raw tangents or cotangents from user input, checked against the values they belong to."""
    leaves, found = flatten(tree)
    if found != structure:
        raise ValueError(f"wengert.{transform}: the {what} must have the structure {structure}, got {found}")
    result = []
    for leaf, primal in zip(leaves, primals, strict=True):
        value, model = raw(leaf), np.asarray(concrete(primal))
        shape = np.shape(concrete(value))
        if shape != model.shape:
            raise ValueError(
                f"wengert.{transform}: the {what} has shape {shape}, but the value it belongs to has shape "
                f"{model.shape}; a {what} has the shape of its value"
            )
        if np.asarray(concrete(value)).dtype != model.dtype and model.dtype.kind == "f":
            value = evaluate("astype", value, dtype=model.dtype)
        result.append(np.asarray(value) if isinstance(value, (bool, int, float)) else value)
    return result
