"""Forward mode: dual numbers.

A dual number ``x + t ε`` with ``ε² = 0`` carries a value and a tangent, the derivative of that value in one chosen
direction.  Arithmetic with dual numbers *is* differentiation:

    (x + t ε)(y + s ε) = xy + (x s + y t) ε          sin(x + t ε) = sin x + (cos x · t) ε

So the derivative is ready the moment the value is: no list is kept and memory does not grow with the length of the
program.  One run gives one directional derivative, that is one column of the Jacobian (times the direction).
"""

from __future__ import annotations

from typing import Any

from .levels import Box, Level, bind, carries_derivative, evaluate
from .primitive import Primitive


class Dual(Box):
    """``primal + tangent ε`` of one forward level."""

    __slots__ = ("tangent",)

    def __init__(self, level: Level, primal: Any, tangent: Any) -> None:
        super().__init__(level, primal)
        self.tangent = tangent


class ForwardLevel(Level):
    """The level of one call of `jvp`."""

    def process(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        primals = tuple(self.lower(operand) for operand in operands)
        return self.attach(bind(primitive, primals, params), primitive, operands, primals, params)

    def attach(self, answer: Any, primitive: Primitive, operands: Any, primals: Any, params: dict[str, Any]) -> Any:
        """Give ``answer = primitive(*primals)`` its tangent."""
        if primitive.jvp is None or not carries_derivative(answer):
            return answer
        active = tuple(self.owns(operand) for operand in operands)
        tangent = None
        for position, operand in enumerate(operands):
            if active[position]:  # the total differential: one term for each operand that varies
                term = primitive.jvp(position, operand.tangent, answer, primals, params, active)
                tangent = term if tangent is None else evaluate("add", tangent, term)
        return Dual(self, answer, tangent)

    def tangent_of(self, value: Any) -> Any:
        """The tangent of a result, or None when it does not depend on the inputs of this level."""
        return value.tangent if isinstance(value, Dual) and value.level is self else None
