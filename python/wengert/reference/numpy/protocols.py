"""Unmodified NumPy code: ``np.tanh(x) @ w`` with a traced ``x`` comes here.

NumPy asks an operand of a foreign type whether it wants to handle a call itself (``__array_ufunc__`` for elementwise
functions, ``__array_function__`` for the others).  The answer is the function of the same name in the mirror.  If there
is none, an error says so: a plain NumPy result would silently lose the derivative.
"""

from __future__ import annotations

from typing import Any

from .. import numpy as _mirror

SAME_MEANING = {
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_xor": "logical_xor",
    "invert": "logical_not",
    "fmax": "maximum",
    "fmin": "minimum",
}
ACCUMULATING = ("sum", "mean", "prod", "cumsum", "cumprod", "var", "std")  # their dtype is that of the accumulator
REDUCING = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}


def mirror(name: str) -> Any:
    return getattr(_mirror, name, None) if name in _mirror.__all__ else None


def unsupported(name: str) -> TypeError:
    return TypeError(
        f"wengert.reference: numpy.{name} has no derivative rule here; compose it from functions of "
        "wengert.reference.numpy, or use x.detach().numpy() if no derivative is wanted"
    )


def call_ufunc(ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """What a NumPy ufunc does when one operand is an `Array`."""
    name = ufunc.__name__
    out = kwargs.pop("out", None)
    kwargs = {key: value for key, value in kwargs.items() if value is not None}
    if out is not None:
        raise TypeError(
            f"wengert.reference: numpy.{name} cannot write a traced result into a NumPy array in place; "
            "write a = a + b instead of a += b, or make the array with wengert.reference.numpy"
        )
    if method == "reduce" and name in REDUCING:
        kwargs.setdefault("axis", 0)
        return mirror(REDUCING[name])(*inputs, **kwargs)
    function = mirror(SAME_MEANING.get(name, name))
    if method == "outer" and function is not None and name == "multiply":
        return mirror("multiply")(*(mirror("asarray")(x) for x in (inputs[0][..., None], inputs[1])))
    if function is None or method != "__call__" or kwargs:
        raise unsupported(name if method == "__call__" else f"{name}.{method}")
    return function(*inputs)


def call_function(func: Any, args: Any, kwargs: Any) -> Any:
    """What another NumPy function does when an argument is an `Array`."""
    name = func.__name__
    in_linalg = func.__module__ == "numpy.linalg"
    function = getattr(mirror("linalg"), name, None) if in_linalg else mirror(name)
    if function is None:
        raise unsupported(f"linalg.{name}" if in_linalg else name)
    if name in ACCUMULATING and "dtype" in kwargs:
        dtype = kwargs.pop("dtype")
        args = args if dtype is None else (mirror("astype")(args[0], dtype), *args[1:])
    result = function(*args, **kwargs)
    if name == "where" and len(args) == 3:
        result.scalar = False  # it is no ufunc: an array of one number is one
    return result
