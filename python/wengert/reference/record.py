"""Recording a program without differentiating it: the evaluation trace.

`record` runs a function once and returns the list of primitives it executed, with values, so that other tools can print
it as a table, draw it as a graph or walk its paths.  A recording is a level like any other, only that it adds no
derivative; recording ``grad(f)`` shows the operations of the derivative too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .array.handle import NUMBERS, Array, raw
from .array.kinds import stand_for
from .levels import Box, Level, bind, concrete
from .primitive import Primitive
from .transforms.trees import flatten

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@dataclass
class NodeRecord:
    """One step: ``value = op(*args, **params)``, where ``args`` are indices of earlier steps."""

    index: int
    op: str
    args: tuple[int, ...]
    params: dict[str, Any]
    value: np.ndarray[Any, Any]
    label: str | None = None
    location: str | None = None


@dataclass
class Recording:
    """The steps of one run in order of execution, and which of them are inputs and outputs."""

    nodes: list[NodeRecord] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)


class Recorded(Box):
    """A value of a recording and the step that made it."""

    __slots__ = ("node",)

    def __init__(self, level: Level, primal: Any, node: NodeRecord) -> None:
        super().__init__(level, primal)
        self.node = node


class RecordLevel(Level):
    differentiates = False

    def __init__(self) -> None:
        super().__init__()
        self.recording = Recording()
        self.constants: dict[int, tuple[Any, NodeRecord]] = {}

    def process(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        primals = tuple(self.lower(operand) for operand in operands)
        nodes = tuple(self.node_of(operand, primals) for operand in operands)
        answer = bind(primitive, primals, params)
        return self.append(answer, primitive.name, tuple(node.index for node in nodes), dict(params))

    def append(self, value: Any, op: str, args: tuple[int, ...] = (), params: dict[str, Any] | None = None) -> Recorded:
        nodes = self.recording.nodes
        node = NodeRecord(len(nodes), op, args, params or {}, np.asarray(concrete(value)), location=user_line())
        nodes.append(node)
        return Recorded(self, value, node)

    def node_of(self, value: Any, others: tuple[Any, ...] = ()) -> NodeRecord:
        """The step behind a value; a value from outside becomes a step with op "constant".

        A Python number takes the dtype it has in the operation, so that a replay promotes as the original did.
        """
        if self.owns(value):
            return value.node
        known = self.constants.get(id(value))
        if known is not None:
            return known[1]
        number = isinstance(value, NUMBERS) and not isinstance(value, np.generic)
        dtype = np.result_type(value, *(concrete(other) for other in others)) if number and others else None
        node = self.append(np.asarray(concrete(value), dtype=dtype), "constant").node
        if not number:
            self.constants[id(value)] = (value, node)  # the value is kept, so that its id stays unique
        return node


def record(f: Callable[..., Any], args: Any) -> Recording:
    """Run ``f(*args)`` and return the primitives it executed.

    ``args`` is a tuple of arrays, numbers or trees; the result's ``inputs`` and ``outputs`` hold one index a leaf.

    >>> import wengert.reference as wr
    >>> rec = wr.record(lambda x, y: wr.numpy.sin(x) * y, (1.0, 2.0))
    >>> [(node.op, node.args) for node in rec.nodes]
    [('input', ()), ('input', ()), ('sin', (0,)), ('multiply', (2, 1))]
    """
    level = RecordLevel()
    leaves, structure = flatten(tuple(args))
    boxes = []
    for leaf in leaves:
        value = raw(leaf)
        if isinstance(value, NUMBERS):
            value = np.asarray(value, float if type(value) is int else None)
        boxes.append(level.append(value, "input"))
    level.recording.inputs = [box.node.index for box in boxes]
    result = f(*structure.unflatten([stand_for(Array(box), leaf) for box, leaf in zip(boxes, leaves, strict=True)]))
    outputs, _ = flatten(result)
    level.recording.outputs = [level.node_of(raw(leaf)).index for leaf in outputs]
    return level.recording


def name(x: Any, label: str) -> Any:
    """Return ``x`` and call its step ``label`` in every recording that is running; otherwise do nothing.

    >>> import wengert.reference as wr
    >>> rec = wr.record(lambda x: wr.name(x * x, "square") + 1.0, (3.0,))
    >>> [node.label for node in rec.nodes]
    [None, 'square', None, None]
    """
    value = x.get() if isinstance(x, Array) else x
    while isinstance(value, Box):
        if isinstance(value, Recorded):
            value.node.label = label
        value = value.primal
    return x


def user_line() -> str | None:
    """``file.py:12`` of the innermost line outside this package."""
    frame = sys._getframe(1)
    while frame is not None:
        filename = os.path.abspath(frame.f_code.co_filename)
        if not filename.startswith(PACKAGE + os.sep):
            return f"{os.path.basename(filename)}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return None
