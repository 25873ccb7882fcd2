"""Level 0: values that remember, for a ``backward()`` that may be called later.

The same nodes, rules and sweep as in `tape`, with a level that is always there (number 0, below all others).  Its
entries are not kept in a list but only by the values made from them, so a loop that never calls ``backward`` does not
grow; the sweep collects the entries it needs and sorts them by their number.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from typing import Any

from .levels import Box, bind
from .primitive import Primitive
from .tape import Node, Tape, Variable

_mode = threading.local()


class Leaf(Node):
    """An input made by ``array(…, requires_grad=True)``: derivatives are added to its ``grad``."""

    __slots__ = ("grad",)

    def __init__(self, index: int, answer: Any) -> None:
        super().__init__(index, answer)
        self.grad: Any = None  # an Array, for the user to read and write


class EagerTape(Tape):
    def __init__(self) -> None:
        super().__init__(serial=0)
        self.counter = itertools.count()

    def next_index(self) -> int:
        return next(self.counter)

    def append(self, node: Node) -> Variable:
        return Variable(self, node.answer, node)  # not kept: the value holds its node, the node its parents

    def process(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if not recording():
            return bind(primitive, tuple(self.lower(operand) for operand in operands), params)
        return super().process(primitive, operands, params)


EAGER = EagerTape()


def recording() -> bool:
    return getattr(_mode, "recording", True)


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Within this context nothing is remembered: ``with no_grad(): w -= 0.1 * w.grad``."""
    before = recording()
    _mode.recording = False
    try:
        yield
    finally:
        _mode.recording = before


def leaf_variable(value: Any) -> Variable | None:
    """The box of level 0 inside a value, or None when it remembers nothing."""
    while isinstance(value, Box):
        if value.level is EAGER:
            return value  # type: ignore[return-value]
        value = value.primal
    return None


def depends_on_leaf(value: Any) -> bool:
    return leaf_variable(value) is not None


def awaits_backward(value: Any) -> bool:
    """Whether `backward` would take a derivative through this value."""
    variable = leaf_variable(value)
    return recording() and variable is not None and variable.node.primitive is not FORGOTTEN


def leaf_of(value: Any) -> Leaf | None:
    """The leaf that a value is, or None when it is computed or a constant."""
    variable = leaf_variable(value)
    return variable.node if variable is not None and isinstance(variable.node, Leaf) else None


def check_in_place(value: Any) -> None:
    """An update of a leaf would leave its ``grad`` without a meaning, except where nothing is remembered."""
    if isinstance(value, Variable) and isinstance(value.node, Leaf) and recording():
        raise RuntimeError(
            "wengert: in-place update of an array with requires_grad=True while operations are remembered; "
            "put the update in `with no_grad():`, or work on a copy, y = x + 0"
        )


def keep_leaf(old: Any, new: Any) -> Any:
    """Under `no_grad` an updated leaf stays the same leaf, with its ``grad``."""
    if isinstance(old, Variable) and isinstance(old.node, Leaf) and not isinstance(new, Box):
        return Variable(EAGER, new, old.node)
    return new


def reachable(node: Node) -> list[Node]:
    """All entries a value was made from, in order of recording; no recursion, so a chain may be as long as it likes."""
    seen, stack = {node.index: node}, [node]
    while stack:
        current = stack.pop()
        if current.primitive is FORGOTTEN:
            raise RuntimeError(
                "wengert: backward() reached an operation whose saved values an earlier backward() has dropped; "
                "call the earlier one with retain_graph=True, or compute the value again"
            )
        for parent in current.parents:
            if parent is not None and parent.index not in seen:
                seen[parent.index] = parent
                stack.append(parent)
    return [seen[index] for index in sorted(seen)]


FORGOTTEN = Primitive("forgotten", "internal", 0, lambda: None, internal=True)


def forget(node: Node) -> None:
    """Drop what an entry has saved."""
    node.primitive, node.operands, node.parents, node.answer = FORGOTTEN, (), (), None
