"""What a handle stands for, and passes for: Python's numbers, NumPy's scalars and arrays, or an Array.

Users' code asks ``isinstance(x, np.ndarray)``, ``isinstance(x, float)``, ``hasattr(x, "shape")``, and would go another
way inside `grad` if an Array did not answer for what it stands for.  Three marks of a handle decide: ``number`` (of
Python; so it has no shape), ``scalar`` (immutable), and ``foreign`` (not an Array by itself).  Anything with an Array
is an Array; number op number is a number; anything else is NumPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..levels import concrete, evaluate

COUNTING = frozenset(("add", "subtract", "multiply", "negative", "absolute"))  # truth values of Python add up
ONLY_ARRAYS = frozenset(("__iter__", "__len__"))
NO_NUMBERS = ONLY_ARRAYS | {"T", "dtype", "flat", "itemsize", "mT", "nbytes", "ndim", "shape", "size"}


class Absent(AttributeError, TypeError):
    """What a number does not have."""


def is_number(x: Any) -> bool:
    return bool(getattr(x, "number", type(x) in (bool, int, float)))


def is_foreign(x: Any) -> bool:
    """Whether nothing of it is an Array by itself."""
    if isinstance(x, (list, tuple)):
        return all(is_foreign(item) for item in x)
    return bool(getattr(x, "foreign", True))


def stand_for(handle: Any, model: Any) -> Any:
    """The handle, standing for what ``model`` is."""
    single = np.shape(concrete(handle.get())) == ()
    handle.scalar = single and getattr(model, "scalar", not issubclass(type(model), np.ndarray))
    handle.number = single and is_number(model)
    handle.foreign = is_foreign(model)
    return handle


def marked(result: Any, operands: Any) -> Any:
    """The result of NumPy's function or of a method: NumPy's if all operands are."""
    if is_foreign(operands):
        for part in result if isinstance(result, (list, tuple)) else [result]:
            if hasattr(part, "foreign"):
                part.foreign = True
    return result


def promoted(operands: Any, counting: bool = False) -> Any:
    """The operands of a ufunc or an operator; numbers take the type of the arrays beside them (NEP 50)."""
    if not any(hasattr(x, "number") and x.number for x in operands):
        return operands
    values = [x.get() if hasattr(x, "get") else x for x in operands]
    plain = [np.asarray(concrete(value)) for value in values]
    if all(map(is_number, operands)):
        truths = counting and all(a.dtype == bool for a in plain)
        return [evaluate("astype", value, dtype=np.dtype(int)) for value in values] if truths else operands
    numbers = [is_number(x) for x in operands]
    weak = {"f": 0.0, "i": 0, "b": False}
    types = [weak[a.dtype.kind] if number else a.dtype for a, number in zip(plain, numbers, strict=True)]
    dtype = np.result_type(*types)
    return [
        evaluate("astype", value, dtype=dtype) if number and a.dtype != dtype and a.dtype.kind != "b" else x
        for x, value, a, number in zip(operands, values, plain, numbers, strict=True)
    ]


def class_of(handle: Any, default: type) -> type:
    """What ``handle.__class__`` answers."""
    if not handle.foreign:
        return default
    dtype = np.asarray(concrete(handle.get())).dtype
    if handle.number:
        return {"f": float, "b": bool}.get(dtype.kind, int)
    return dtype.type if handle.scalar else np.ndarray


def check_present(handle: Any, name: str) -> None:
    """Raise for what the number or scalar does not have that the handle stands for."""
    if handle.foreign and (handle.number or (handle.scalar and name in ONLY_ARRAYS)):
        raise Absent(f"{class_of(handle, type(handle)).__name__!r} object has no attribute {name!r}")
