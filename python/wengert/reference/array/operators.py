"""The operators of `Array`: each is one primitive, or an in-place update of the handle."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arithmetic import Arithmetic, binary
from ..levels import concrete


def in_place(op: str) -> Any:
    """The method for ``x += y``: a number is bound anew, an array is changed."""

    def method(self: Any, other: Any) -> Any:
        if not self.accepts(other):
            return NotImplemented
        result = self.operate(op, self, other)
        if self.scalar:
            return result
        self.store(result.get(), op)
        return self

    return method


def comparison(op: str) -> Any:
    """The method for ``x < y``; a number is not compared with the items of a list."""
    compare = binary(op)

    def method(self: Any, other: Any) -> Any:
        return NotImplemented if self.number and isinstance(other, (list, tuple)) else compare(self, other)

    return method


class Operators(Arithmetic):
    """Mixin: what Python writes with operators."""

    __slots__ = ()

    def __pos__(self) -> Any:
        return self.operate("add", self, 0)

    def __abs__(self) -> Any:
        return self.operate("absolute", self)

    def __divmod__(self: Any, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __invert__(self: Any) -> Any:
        if np.asarray(concrete(self.get())).dtype != bool:
            raise TypeError("wengert.reference: ~x is defined for boolean arrays only")
        return self.operate("logical_not", self)

    __floordiv__ = binary("floor_divide")
    __rfloordiv__ = binary("floor_divide", swapped=True)
    __mod__ = binary("remainder")
    __rmod__ = binary("remainder", swapped=True)
    __pow__ = binary("power")
    __rpow__ = binary("power", swapped=True)
    __matmul__ = binary("matmul")
    __rmatmul__ = binary("matmul", swapped=True)
    __and__ = binary("logical_and")
    __rand__ = binary("logical_and", swapped=True)
    __or__ = binary("logical_or")
    __ror__ = binary("logical_or", swapped=True)
    __xor__ = binary("logical_xor")
    __rxor__ = binary("logical_xor", swapped=True)

    __iadd__ = in_place("add")
    __isub__ = in_place("subtract")
    __imul__ = in_place("multiply")
    __itruediv__ = in_place("divide")
    __ifloordiv__ = in_place("floor_divide")
    __imod__ = in_place("remainder")
    __ipow__ = in_place("power")
    __imatmul__ = in_place("matmul")
    __iand__ = in_place("logical_and")
    __ior__ = in_place("logical_or")
    __ixor__ = in_place("logical_xor")

    __lt__ = comparison("less")
    __le__ = comparison("less_equal")
    __gt__ = comparison("greater")
    __ge__ = comparison("greater_equal")
    __eq__ = comparison("equal")
    __ne__ = comparison("not_equal")
