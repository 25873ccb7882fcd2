"""The operators of `Array`: each is one primitive, or an in-place update of the handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .array import Array


def _apply(op: str, *operands: Any, **params: Any) -> Array:
    from .array import apply

    return apply(op, *operands, **params)


def _acceptable(other: Any) -> bool:
    """Operands of other kinds get the chance to handle the operation themselves."""
    from .array import Array

    return isinstance(other, (Array, np.ndarray, np.generic, bool, int, float, list, tuple))


def _binary(op: str, swapped: bool = False) -> Any:
    def method(self: Any, other: Any) -> Any:
        if not _acceptable(other):
            return NotImplemented
        return _apply(op, other, self) if swapped else _apply(op, self, other)

    return method


def _in_place(op: str) -> Any:
    def method(self: Any, other: Any) -> Any:
        from .array import raw
        from .indexing import store

        if not _acceptable(other):
            return NotImplemented
        if self.scalar:
            return _apply(op, self, other)
        store(self, raw(_apply(op, self, other)), op)
        return self

    return method


class Operators:
    """Mixin: arithmetic, comparison, in-place arithmetic, indexing."""

    __slots__ = ()

    def __neg__(self) -> Array:
        return _apply("negative", self)

    def __pos__(self) -> Array:
        return _apply("add", self, 0)

    def __abs__(self) -> Array:
        return _apply("absolute", self)

    def __round__(self: Any, digits: int | None = None) -> Any:
        """``round(x)`` is a whole number, as of a float; ``round(x, digits)`` is ``np.round``."""
        from .numpy import round

        return int(round(self)) if digits is None and self.ndim == 0 else round(self, digits or 0)

    def __divmod__(self: Any, other: Any) -> tuple[Array, Array]:
        return self // other, self % other

    def __invert__(self) -> Array:
        from .array import concrete

        if np.asarray(concrete(self.get())).dtype != bool:  # type: ignore[attr-defined]
            raise TypeError("wengert.reference: ~x is defined for boolean arrays only")
        return _apply("logical_not", self)

    # -- indexing --------------------------------------------------------------------------------------------------

    def __getitem__(self: Any, index: Any) -> Array:
        from .indexing import read

        return read(self, index)

    def __setitem__(self: Any, index: Any, value: Any) -> None:
        from .indexing import write

        write(self, index, value)

    # -- two operands ----------------------------------------------------------------------------------------------

    __add__ = _binary("add")
    __radd__ = _binary("add", swapped=True)
    __iadd__ = _in_place("add")
    __sub__ = _binary("subtract")
    __rsub__ = _binary("subtract", swapped=True)
    __isub__ = _in_place("subtract")
    __mul__ = _binary("multiply")
    __rmul__ = _binary("multiply", swapped=True)
    __imul__ = _in_place("multiply")
    __truediv__ = _binary("divide")
    __rtruediv__ = _binary("divide", swapped=True)
    __itruediv__ = _in_place("divide")
    __floordiv__ = _binary("floor_divide")
    __rfloordiv__ = _binary("floor_divide", swapped=True)
    __ifloordiv__ = _in_place("floor_divide")
    __mod__ = _binary("remainder")
    __rmod__ = _binary("remainder", swapped=True)
    __imod__ = _in_place("remainder")
    __pow__ = _binary("power")
    __rpow__ = _binary("power", swapped=True)
    __ipow__ = _in_place("power")
    __matmul__ = _binary("matmul")
    __rmatmul__ = _binary("matmul", swapped=True)
    __imatmul__ = _in_place("matmul")
    __and__ = _binary("logical_and")
    __rand__ = _binary("logical_and", swapped=True)
    __iand__ = _in_place("logical_and")
    __or__ = _binary("logical_or")
    __ror__ = _binary("logical_or", swapped=True)
    __ior__ = _in_place("logical_or")
    __xor__ = _binary("logical_xor")
    __rxor__ = _binary("logical_xor", swapped=True)
    __ixor__ = _in_place("logical_xor")
    __lt__ = _binary("less")
    __le__ = _binary("less_equal")
    __gt__ = _binary("greater")
    __ge__ = _binary("greater_equal")

    def __eq__(self, other: Any) -> Any:
        return _apply("equal", self, other) if _acceptable(other) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        return _apply("not_equal", self, other) if _acceptable(other) else NotImplemented
