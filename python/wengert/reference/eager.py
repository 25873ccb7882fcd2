"""PyTorch style: arrays that remember, ``loss.backward()``, ``x.grad``.

The same nodes, rules and sweep as `grad`, with a level that is always there (number 0, below all others).  Its entries
are not kept in a list but only by the values made from them, so a loop that never calls ``backward`` does not grow; the
sweep collects the entries it needs and sorts them by their number.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from .array import Array, apply, raw
from .levels import Box, bind, carries_derivative, concrete
from .linearization import changes
from .primitive import Primitive
from .tape import Node, Tape, Variable, pull_back
from .trees import SingleLeaf

_mode = threading.local()


class Leaf(Node):
    """An input made by ``array(…, requires_grad=True)``: derivatives are added to its ``grad``."""

    __slots__ = ("grad",)

    def __init__(self, index: int, answer: Any) -> None:
        super().__init__(index, answer)
        self.grad: Array | None = None


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


def array(x: Any, dtype: Any = None, requires_grad: bool = False) -> Array:
    """A new `Array` with a copy of ``x``; with ``requires_grad`` one that collects derivatives in ``grad``.

    >>> import wengert.reference as wr
    >>> x = wr.array([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Array([2., 4.])
    """
    value = raw(x) if not isinstance(x, bool | int | float) else np.array(x)
    if not isinstance(value, Box):
        value = np.array(value, dtype=dtype)
    elif dtype is not None:
        value = apply("astype", x, dtype=np.dtype(dtype)).get()
    if not requires_grad:
        return Array(value)
    if not carries_derivative(value):
        raise TypeError(
            f"wengert.array: requires_grad=True needs floating-point values, got dtype "
            f"{np.asarray(concrete(value)).dtype}; pass dtype=float"
        )
    leaf = Leaf(EAGER.next_index(), concrete(value))
    return Array(Variable(EAGER, leaf.answer, leaf))


def _eager(value: Any) -> Variable | None:
    while isinstance(value, Box):
        if value.level is EAGER:
            return value  # type: ignore[return-value]
        value = value.primal
    return None


def requires_grad(x: Array) -> bool:
    return _eager(x.get()) is not None


def awaits_backward(value: Any) -> bool:
    """Whether `backward` would take a derivative through this value."""
    variable = _eager(value)
    return recording() and variable is not None and variable.node.primitive is not FORGOTTEN


def leaf_of(x: Array) -> Leaf | None:
    variable = _eager(x.get())
    return variable.node if variable is not None and isinstance(variable.node, Leaf) else None


def get_grad(x: Array) -> Array | None:
    leaf = leaf_of(x)
    return leaf.grad if leaf is not None else None


def set_grad(x: Array, value: Any) -> None:
    leaf = leaf_of(x)
    if leaf is None:
        raise AttributeError("wengert: only an array made with requires_grad=True has a grad that can be set")
    leaf.grad = None if value is None else Array(raw(value))


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


def backward(x: Array, cotangent: Any = None, retain_graph: bool = False) -> None:
    """Sweep back from ``x`` and add the derivatives to the ``grad`` of the leaves."""
    variable = x.get()
    if not isinstance(variable, Variable) or variable.level is not EAGER:
        raise RuntimeError(
            "wengert: backward() on a value that does not depend on any array with requires_grad=True; "
            "make the parameters with wengert.array(x, requires_grad=True)"
        )
    if cotangent is None:
        if x.shape != ():
            raise ValueError(
                f"wengert: backward() without a cotangent needs a scalar, this value has shape {x.shape}; "
                "sum it first, or pass backward(cotangent) with an array of that shape"
            )
        cotangent = np.ones((), x.dtype)
    (seed,) = changes(cotangent, SingleLeaf(), [variable], "backward", "cotangent")
    nodes = reachable(variable.node)
    found = pull_back(nodes, [(variable.node, seed)])
    for node in nodes:
        if isinstance(node, Leaf) and node.index in found:
            share = Array(found[node.index])
            node.grad = share if node.grad is None else apply("add", node.grad, share)
        elif not retain_graph and not isinstance(node, Leaf):
            forget(node)


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
