"""Primitives: the finite alphabet in which every program is written.

Automatic differentiation rests on one observation: however long a numerical program is, it is a sequence of
*elementary* operations whose derivatives are known.  Each of them is described here by one `Primitive`:

``value``
    how to compute it with NumPy, on plain arrays;
``jvp``
    how a *tangent* of one operand (a small change) becomes a tangent of the result: the forward rule;
``vjp``
    how a *cotangent* of the result (a sensitivity) becomes a cotangent of one operand: the reverse rule.

The two rules are the two ways of multiplying by the same Jacobian, from the right and from the left.  They are
written independently of each other, in `wengert.reference.rules`, so that each can be used to test the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: rule(position, change, answer, operands, params, active) -> change; ``active`` says which operands are differentiated
Rule = Callable[[int, Any, Any, tuple[Any, ...], dict[str, Any], tuple[bool, ...]], Any]

INFINITY = float("inf")
REALS = (-INFINITY, INFINITY)


@dataclass(frozen=True, eq=False)
class Primitive:
    """One elementary operation: its value and its two derivative rules (`None`: it has no derivative)."""

    name: str
    kind: str  # "elementwise", "reduction", "linalg", "shaping", "indexing" or "nn"
    arity: int  # number of array operands, -1 when there may be any number
    value: Callable[..., Any]
    jvp: Rule | None = None
    vjp: Rule | None = None
    domain: tuple[tuple[float, float], ...] = (REALS,)
    internal: bool = False  # used by rules only, not part of the public list

    @property
    def differentiable(self) -> bool:
        return self.jvp is not None

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


REGISTRY: dict[str, Primitive] = {}


def register(primitive: Primitive) -> Primitive:
    """Enter a primitive in the registry; a name can be used once."""
    if primitive.name in REGISTRY:
        raise ValueError(f"wengert.reference: primitive {primitive.name!r} is registered twice")
    REGISTRY[primitive.name] = primitive
    return primitive


def lookup(name: str) -> Primitive:
    """The primitive of that name, or a `KeyError` that says so."""
    try:
        return REGISTRY[name]
    except KeyError:
        raise KeyError(
            f"wengert.reference: no primitive is called {name!r}; see wengert.reference.primitives()"
        ) from None


def primitives() -> list[tuple[str, Primitive]]:
    """All public primitives as ``(name, rule)`` pairs, in order of registration.

    >>> import wengert.reference as wr
    >>> dict(wr.primitives())["tanh"].kind
    'elementwise'
    """
    return [(name, primitive) for name, primitive in REGISTRY.items() if not primitive.internal]
