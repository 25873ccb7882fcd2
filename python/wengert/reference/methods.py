"""The methods `Array` shares with ``numpy.ndarray``: each calls the function of the same name in the NumPy mirror."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .array import Array


def _mirror(name: str) -> Any:
    return getattr(importlib.import_module("wengert.reference.numpy"), name)


def _method(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _mirror(name)(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"As ``numpy.ndarray.{name}``."
    return method


class Methods:
    """Mixin: ``x.sum()``, ``x.reshape(2, 3)``, ``x.T`` …"""

    __slots__ = ()

    @property
    def T(self) -> Array:
        return _mirror("transpose")(self)

    @property
    def mT(self) -> Array:
        return _mirror("matrix_transpose")(self)

    @property
    def flat(self) -> Any:
        return iter(_mirror("ravel")(self))

    def reshape(self, *shape: Any, **kwargs: Any) -> Array:
        return _mirror("reshape")(self, *([shape] if len(shape) != 1 and not kwargs else shape), **kwargs)

    def transpose(self, *axes: Any) -> Array:
        return _mirror("transpose")(self, (axes[0] if len(axes) == 1 else axes) if axes else None)

    def flatten(self) -> Array:
        return _mirror("copy")(_mirror("ravel")(self))

    def fill(self, value: Any) -> None:
        self[...] = value  # type: ignore[index]

    def sort(self, axis: int = -1) -> None:
        self[...] = _mirror("sort")(self, axis=axis)  # type: ignore[index]

    def partition(self, kth: Any, axis: int = -1) -> None:
        self.sort(axis)  # a partition for every kth

    def put(self, indices: Any, values: Any) -> None:
        shape = self.shape  # type: ignore[attr-defined]
        at = np.asarray(indices).ravel()
        if at.size:
            at = np.arange(math.prod(shape))[at]  # NumPy says which index is out of bounds
            values = _mirror("ravel")(values)
            self[np.unravel_index(at, shape)] = values[np.arange(at.size) % len(values)]  # type: ignore[index]

    def resize(self, *_shape: Any, refcheck: bool = True) -> None:
        raise TypeError("wengert.reference: resize in place: an Array keeps its shape; make a new one")

    sum = _method("sum")
    mean = _method("mean")
    prod = _method("prod")
    max = _method("max")
    min = _method("min")
    any = _method("any")
    all = _method("all")
    argmax = _method("argmax")
    argmin = _method("argmin")
    argsort = _method("argsort")
    cumsum = _method("cumsum")
    cumprod = _method("cumprod")
    var = _method("var")
    std = _method("std")
    clip = _method("clip")
    dot = _method("dot")
    ravel = _method("ravel")
    squeeze = _method("squeeze")
    swapaxes = _method("swapaxes")
    take = _method("take")
    repeat = _method("repeat")
    trace = _method("trace")
    diagonal = _method("diagonal")
    round = _method("round")
    astype = _method("astype")
    copy = _method("copy")
    nonzero = _method("nonzero")
