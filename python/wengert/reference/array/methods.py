"""The methods of `Array` that are functions of Arrays: those of the NumPy mirror, NumPy's protocols, ``backward``.

The functions make Arrays, so the class cannot know them; `install` puts them on it when everything is there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import numpy as mirror
from ..eager import backward, get_grad, set_grad
from ..numpy.protocols import call_function, call_ufunc
from .handle import Array

#: Methods of ``numpy.ndarray`` that are functions of the mirror under the same name.
SAME = (
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "clip",
    "copy",
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
        setattr(Array, name, getattr(mirror, name))
    for name, method in {
        "T": property(mirror.transpose),
        "mT": property(mirror.matrix_transpose),
        "flat": property(flat),
        "reshape": reshape,
        "transpose": transpose,
        "flatten": flatten,
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


def flat(x: Array) -> Any:
    return iter(mirror.ravel(x))


def reshape(x: Array, *shape: Any, **kwargs: Any) -> Array:
    return mirror.reshape(x, *([shape] if len(shape) != 1 and not kwargs else shape), **kwargs)


def transpose(x: Array, *axes: Any) -> Array:
    return mirror.transpose(x, (axes[0] if len(axes) == 1 else axes) if axes else None)


def flatten(x: Array) -> Array:
    return mirror.copy(mirror.ravel(x))


def whole(x: Array, digits: int | None = None) -> Any:
    """``round(x)`` is a whole number, as of a float; ``round(x, digits)`` is ``np.round``."""
    return int(mirror.round(x)) if digits is None and x.ndim == 0 else mirror.round(x, digits or 0)


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
    return call_ufunc(ufunc, method, inputs, kwargs)


def array_function(x: Array, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    return call_function(func, args, kwargs)
