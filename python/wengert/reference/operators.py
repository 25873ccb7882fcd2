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


class Operators:
    """Mixin: arithmetic, comparison, in-place arithmetic, indexing."""

    __slots__ = ()

    def __neg__(self) -> Array:
        return _apply("negative", self)

    def __pos__(self) -> Array:
        return _apply("add", self, 0)

    def __abs__(self) -> Array:
        return _apply("absolute", self)

    def __invert__(self) -> Array:
        from .array import concrete

        if np.asarray(concrete(self.get())).dtype != bool:  # type: ignore[attr-defined]
            raise TypeError("wengert.reference: ~x is defined for boolean arrays only")
        return _apply("logical_not", self)

    # -- indexing --------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Array:
        from .indexing import read

        return read(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        from .indexing import write

        write(self, index, value)


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
        store(self, raw(_apply(op, self, other)), op)
        return self

    return method


ARITHMETIC = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "matmul": "matmul",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}
COMPARISON = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}

for _name, _op in ARITHMETIC.items():
    setattr(Operators, f"__{_name}__", _binary(_op))
    setattr(Operators, f"__r{_name}__", _binary(_op, swapped=True))
    setattr(Operators, f"__i{_name}__", _in_place(_op))
for _name, _op in COMPARISON.items():
    setattr(Operators, f"__{_name}__", _binary(_op))
