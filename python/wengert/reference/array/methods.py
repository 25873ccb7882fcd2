"""The methods of `Array` that are functions of Arrays: those of the NumPy mirror, NumPy's protocols, ``backward``.

The functions make Arrays, so the class cannot know them; `install` puts them on it when everything is there.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .. import numpy as mirror
from ..eager import backward, get_grad, set_grad
from ..levels import concrete
from ..numpy.protocols import call_function, call_ufunc
from .handle import Array
from .kinds import marked, promoted, stand_for

#: Methods of ``numpy.ndarray`` that are functions of the mirror under the same name.
SAME = (
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "clip",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "max",
    "mean",
    "min",
    "nonzero",
    "prod",
    "ravel",
    "repeat",
    "round",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "trace",
    "var",
)


def install() -> None:
    """Puts everything on the class; called once when wengert.reference is imported."""
    for name in SAME:
        setattr(Array, name, as_method(getattr(mirror, name)))
    for name, method in {
        "T": property(as_method(transpose)),
        "mT": property(as_method(mirror.matrix_transpose)),
        "flat": property(flat),
        "reshape": as_method(reshape),
        "transpose": as_method(transpose),
        "copy": as_method(copy),
        "flatten": as_method(flatten),
        "fill": fill,
        "sort": sort,
        "partition": partition,
        "put": put,
        "resize": resize,
        "grad": property(get_grad, set_grad),
        "backward": backward,
        "__round__": whole,
        "__array_ufunc__": array_ufunc,
        "__array_function__": array_function,
    }.items():
        setattr(Array, name, method)


def as_method(function: Any) -> Any:
    """The function as a method, which gives what NumPy's would: see `kinds`."""

    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        result = marked(function(*args, **kwargs), (*args, *kwargs.values()))
        if function in (mirror.astype, copy):  # of an array of one number: an array
            result.scalar = args[0].scalar
        return result

    return method


def flat(x: Array) -> Any:
    return iter(mirror.ravel(x))


def reshape(x: Array, *shape: Any, **kwargs: Any) -> Array:
    return mirror.reshape(x, *([shape] if len(shape) != 1 and not kwargs else shape), **kwargs)


def transpose(x: Array, *axes: Any) -> Array:
    if x.scalar:
        return x.__copy__()
    return mirror.transpose(x, (axes[0] if len(axes) == 1 else axes) if axes else None)


def copy(x: Array) -> Array:
    """Row-major, as the method of an ndarray; the function ``copy`` keeps the order."""
    made = mirror.copy(x)
    value = made.get()
    return Array(value.copy()) if isinstance(value, np.ndarray) and not made.scalar else made


def flatten(x: Array) -> Array:
    return mirror.copy(mirror.ravel(x))


def whole(x: Array, digits: int | None = None) -> Any:
    """``round(x)`` is a whole number, as of a float; ``round(x, digits)`` is ``np.round``."""
    rounded = mirror.round(x, digits or 0)
    return int(rounded) if digits is None and np.ndim(concrete(x.get())) == 0 else stand_for(rounded, x)


# -- in place ----------------------------------------------------------------------------------------------------------


def fill(x: Array, value: Any) -> None:
    x[...] = value


def sort(x: Array, axis: int = -1) -> None:
    x[...] = mirror.sort(x, axis=axis)


def partition(x: Array, kth: Any, axis: int = -1) -> None:
    sort(x, axis)  # a partition for every kth


def put(x: Array, indices: Any, values: Any) -> None:
    at = np.asarray(indices).ravel()
    if at.size:
        at = np.arange(math.prod(x.shape))[at]  # NumPy says which index is out of bounds
        values = mirror.ravel(values)
        x[np.unravel_index(at, x.shape)] = values[np.arange(at.size) % len(values)]


def resize(x: Array, *_shape: Any, refcheck: bool = True) -> None:
    raise TypeError("wengert.reference: resize in place: an Array keeps its shape; make a new one")


# -- NumPy's protocols -------------------------------------------------------------------------------------------------


def array_ufunc(x: Array, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    return marked(call_ufunc(ufunc, method, promoted(inputs), kwargs), inputs)


def array_function(x: Array, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    return marked(call_function(func, args, kwargs), (*args, *kwargs.values()))
