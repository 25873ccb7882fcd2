"""``a * b`` as a primitive: the operators that values (`Box`, see `levels`) and handles (`Array`) have in common."""

from __future__ import annotations

from typing import Any


def binary(op: str, swapped: bool = False) -> Any:
    """The method for an operator with two operands; others get the chance to handle it if this one cannot."""

    def method(self: Any, other: Any) -> Any:
        if not self.accepts(other):
            return NotImplemented
        return self.operate(op, other, self) if swapped else self.operate(op, self, other)

    return method


class Arithmetic:
    """Mixin: ``-x``, ``x + y``, ``x - y``, ``x * y``, ``x / y``."""

    __slots__ = ()

    @staticmethod
    def operate(op: str, *operands: Any) -> Any:
        """Apply the primitive of that name."""
        raise NotImplementedError

    @staticmethod
    def accepts(other: Any) -> bool:
        """Whether the other operand is of a kind that this one can be combined with."""
        raise NotImplementedError

    def __neg__(self) -> Any:
        return self.operate("negative", self)

    __add__ = binary("add")
    __radd__ = binary("add", swapped=True)
    __sub__ = binary("subtract")
    __rsub__ = binary("subtract", swapped=True)
    __mul__ = binary("multiply")
    __rmul__ = binary("multiply", swapped=True)
    __truediv__ = binary("divide")
    __rtruediv__ = binary("divide", swapped=True)
