"""The registry of primitives, as Python sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wengert import _core


@dataclass(frozen=True)
class Primitive:
    """One primitive: what the compiled core knows about it."""

    name: str
    doc: str
    arity: int  # -1: any number of operands
    kind: str  # elementwise, reduction, linalg, shaping, indexing, nn or random
    domain: tuple[tuple[float, float], ...]  # for each operand the interval in which it is smooth
    differentiable: bool
    hidden: bool  # used by derivative rules only
    saves: str  # what the tape keeps for the derivative
    max_ulp: int  # largest error of the value, in units in the last place (0: rounded as IEEE prescribes)
    types: str  # floats, numeric or logical operands
    params: list[tuple[str, str]]


def primitives() -> list[Primitive]:
    """All primitives, in the order of the registry.

    >>> import wengert as wg
    >>> [p.name for p in wg.primitives()][:3]
    ['negative', 'absolute', 'sign']
    """
    return [Primitive(**row) for row in _core.registry()]


def apply(name: str, *operands: Any, **params: Any) -> Any:
    """Runs a primitive by name; raises ValueError if there is none.

    >>> import wengert as wg
    >>> wg.apply("sum", wg.array([1.0, 2.0]), axis=0)
    Array(3.)
    """
    return _core.apply(name, *operands, **params)
