"""Reverse mode: the Wengert list.

While the program runs, every primitive that touches a `Variable` is appended to a list: which operation, on which
earlier entries, with which values.  In 1964 R. E. Wengert wrote programs in this form by hand; today it is called the
*tape*.  Each entry uses only earlier entries, so the order of recording is already a sorted order of the graph.

The reverse sweep walks the list backwards with one number beside each entry, its *cotangent*
(or adjoint) ``ȳ = ∂(result)/∂y``.  It starts with 1 at the result, and each entry hands its cotangent down:

    y = op(a, b)      ā += ȳ · ∂y/∂a      b̄ += ȳ · ∂y/∂b

The ``+=`` is the whole chain rule: a value that is used twice collects two contributions.  One sweep gives the
derivative with respect to *all* inputs, at a small multiple of the cost of the program itself.

The same list can be walked forwards, pushing tangents: that is `linearize`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .levels import Box, Level, bind, carries_derivative, evaluate
from .primitive import Primitive


class Node:
    """One entry of the list: ``answer = primitive(*operands, **params)``; an input has no primitive."""

    __slots__ = ("active", "answer", "index", "operands", "params", "parents", "primitive")

    def __init__(
        self,
        index: int,
        answer: Any,
        primitive: Primitive | None = None,
        operands: tuple[Any, ...] = (),
        params: dict[str, Any] | None = None,
        parents: tuple[Node | None, ...] = (),
    ) -> None:
        self.index = index  # position in the list
        self.answer = answer
        self.primitive = primitive
        self.operands = operands  # the values, one level down
        self.params = params or {}
        self.parents = parents  # the entries the operands came from; None for a constant
        self.active = tuple(parent is not None for parent in parents)


class Variable(Box):
    """A value of a reverse level, and the entry of the list that made it."""

    __slots__ = ("node",)

    def __init__(self, level: Level, primal: Any, node: Node) -> None:
        super().__init__(level, primal)
        self.node = node


class Tape(Level):
    """The level of one call of `vjp` or `grad`, and its Wengert list."""

    def __init__(self, serial: int | None = None) -> None:
        super().__init__(serial)
        self.nodes: list[Node] = []

    def input(self, primal: Any) -> Variable:
        """A new independent variable."""
        return self.append(Node(self.next_index(), primal))

    def next_index(self) -> int:
        return len(self.nodes)

    def append(self, node: Node) -> Variable:
        self.nodes.append(node)
        return Variable(self, node.answer, node)

    def process(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        primals = tuple(self.lower(operand) for operand in operands)
        return self.attach(bind(primitive, primals, params), primitive, operands, primals, params)

    def attach(self, answer: Any, primitive: Primitive, operands: Any, primals: Any, params: dict[str, Any]) -> Any:
        """Append ``answer = primitive(*primals)`` to the list."""
        if primitive.vjp is None or not carries_derivative(answer):
            return answer
        parents = tuple(operand.node if self.owns(operand) else None for operand in operands)
        return self.append(Node(self.next_index(), answer, primitive, primals, params, parents))

    def node_of(self, value: Any) -> Node | None:
        """The entry behind a result, or None when it does not depend on the inputs of this level."""
        return value.node if isinstance(value, Variable) and value.level is self else None


def pull_back(nodes: Sequence[Node], seeds: Iterable[tuple[Node | None, Any]]) -> dict[int, Any]:
    """The reverse sweep: cotangents of the inputs, by index, from cotangents (``seeds``) of some results.

    ``nodes`` is the list in order of recording.  Entries without a cotangent do not influence the results and are
    passed over; cotangents of intermediate entries are dropped as soon as they have been handed down.
    """
    cotangents: dict[int, Any] = {}
    for node, cotangent in seeds:
        if node is not None:
            accumulate(cotangents, node.index, cotangent)
    for node in reversed(nodes):
        if node.primitive is None or node.index not in cotangents:
            continue
        cotangent = cotangents.pop(node.index)
        rule = node.primitive.vjp
        assert rule is not None
        for position, parent in enumerate(node.parents):
            if parent is not None:
                share = rule(position, cotangent, node.answer, node.operands, node.params, node.active)
                accumulate(cotangents, parent.index, share)
    return cotangents


def push_forward(nodes: Sequence[Node], tangents: dict[int, Any]) -> dict[int, Any]:
    """The forward sweep over the same list: tangents of all entries, from tangents of the inputs."""
    tangents = dict(tangents)
    for node in nodes:
        rule = node.primitive.jvp if node.primitive is not None else None
        if rule is None:
            continue
        for position, parent in enumerate(node.parents):
            if parent is not None and parent.index in tangents:
                term = rule(position, tangents[parent.index], node.answer, node.operands, node.params, node.active)
                accumulate(tangents, node.index, term)
    return tangents


def accumulate(changes: dict[int, Any], index: int, change: Any) -> None:
    """``changes[index] += change``, at whatever level the changes live."""
    known = changes.get(index)
    changes[index] = change if known is None else evaluate("add", known, change)
