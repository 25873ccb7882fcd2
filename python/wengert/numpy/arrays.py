"""What every function of the mirror needs to know about its arguments: operands, concrete values, keywords."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from wengert._core import Array, for_numpy, holds_array, ops
from wengert._core import operand as operand

ArrayLike: TypeAlias = Any  # Array | np.ndarray | np.generic | bool | int | float | nested sequences of these
Axis: TypeAlias = "int | tuple[int, ...] | None"
Shape: TypeAlias = "int | Sequence[int]"
DType: TypeAlias = Any  # whatever np.dtype() accepts

_MOST = 64  # axes of an array, as in NumPy


class _AnyArray(type):
    def __instancecheck__(cls, x: object) -> bool:
        return issubclass(x.__class__, (Array, np.ndarray))

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, (Array, np.ndarray))


if TYPE_CHECKING:
    ndarray: TypeAlias = Array
else:

    class ndarray(metaclass=_AnyArray):
        """What `isinstance` asks for: Arrays and NumPy's arrays are instances. `wengert.numpy.empty` makes one."""

        def __new__(cls, *_args: Any, **_kwargs: Any) -> Any:
            raise TypeError("wengert.numpy.ndarray is for isinstance; use wengert.numpy.empty(shape) or array(x)")


def operands(*xs: ArrayLike) -> tuple[Array, ...]:
    """Every argument as an Array."""
    return tuple(operand(x) for x in xs)


def floating(x: ArrayLike) -> Array:
    """`x` as an Array of floating dtype: integers and booleans become float64, as in NumPy's true division."""
    x = operand(x)
    return x if x.dtype.kind == "f" else ops.astype(x, np.float64)


def concrete(x: ArrayLike) -> np.ndarray[Any, Any]:
    """The values of `x` as a NumPy array, cut off from every derivative.

    Only for results that are integers or booleans (an order, an index, a count), whose derivative is zero
    wherever it exists. Every use inside the mirror goes through this one function.
    """
    if isinstance(x, Array):
        return x.detach().numpy()
    if isinstance(x, (list, tuple)) and holds_array(x):
        return operand(x).detach().numpy()
    return np.asarray(for_numpy(x))


def on_values(x: Any) -> Any:
    """`x` for a function of NumPy's that gets anything: the values of Arrays, all else as it is."""
    return concrete(x) if is_array(x) else for_numpy(x)


def is_array(x: object) -> bool:
    """True when `x` is an Array or a nested sequence with an Array inside."""
    return isinstance(x, Array) or (isinstance(x, (list, tuple)) and holds_array(x))


def refuse_out(name: str, out: object) -> None:
    """Raise if the caller asked for the result in `out`: an Array is a value, not a buffer."""
    if out is not None:
        raise TypeError(
            f"{name}: out= is not supported; assign the result instead: `result = {name}(...)`, or `x[...] = …`"
        )


def refuse(name: str, repair: str, **keywords: object) -> None:
    """Raise if one of the keywords that `name` does not support was given (is not None)."""
    for key, value in keywords.items():
        if value is not None:
            raise TypeError(f"{name}: {key}= is not supported; {repair}")


def lengths(shape: Shape) -> tuple[int, ...]:
    """A shape (or axes), which may be given as one number, as a tuple."""
    if type(shape) is tuple:
        return shape
    if hasattr(shape, "__index__") and not getattr(shape, "ndim", 0):
        return (shape if isinstance(shape, bool | np.bool_) else operator.index(shape),)  # NumPy judges of bools
    found = tuple(islice(shape, _MOST + 1))  # type: ignore[arg-type]  # not more, whatever length it says
    if len(found) > _MOST:
        raise ValueError(f"expected at most {_MOST} lengths or axes, got more in an object of {type(shape).__name__}")
    return found


def normalize_axis(name: str, axis: int, ndim: int) -> int:
    """`axis` counted from the front; NumPy's AxisError, naming the function, if it is out of range."""
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim, name)
    return axis % ndim


def normalize_axes(name: str, axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """All axes for None; otherwise each axis counted from the front, repetitions refused."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(normalize_axis(name, int(a), ndim) for a in lengths(axis))
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name}: repeated axis in axis={axis}; name each axis once")
    return axes
