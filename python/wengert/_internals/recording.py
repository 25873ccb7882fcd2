"""Recording a run: every operation with its operands and value, for people to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert import _core
from wengert._internals.tree import tree_flatten


@dataclass(frozen=True)
class Node:
    """One step of a recorded run."""

    index: int
    op: str  # "input", "constant" or a primitive's name
    args: tuple[int, ...]
    params: dict[str, Any]
    value: np.ndarray[Any, Any]
    label: str | None
    location: str | None  # "file.py:12" of the user's line


@dataclass(frozen=True)
class Recording:
    """A recorded run: ``nodes`` in order of execution, and which of them are ``inputs`` and ``outputs``."""

    nodes: list[Node]
    inputs: list[int]
    outputs: list[int]


def record(f: Callable[..., Any], args: Sequence[Any]) -> Recording:
    """Runs ``f(*args)`` and records every primitive operation, operations of derivatives included.

    >>> import wengert as wg
    >>> [n.op for n in wg.record(lambda x: x * x + 1.0, (3.0,)).nodes]
    ['input', 'multiply', 'constant', 'add']
    """
    level = _core.ListingLevel()
    try:
        inputs = [level.input(_core.own(x)) for x in args]
        flat, _ = tree_flatten(f(*inputs))
        outputs = [level.node_of(y) for y in flat]
        nodes = [Node(**e) for e in level.entries()]
    finally:
        level.close()
    return Recording(nodes, list(range(len(inputs))), outputs)


def name(x: Any, label: str) -> Any:
    """Returns ``x`` and labels its node in every recording that is active (see :func:`wengert.trace`).

    >>> import wengert as wg
    >>> float(wg.name(wg.array(2.0), "h1"))
    2.0
    """
    return _core.name(x, label)
