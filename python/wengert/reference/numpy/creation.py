"""New arrays.  They are Arrays without a history; float64 unless said otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array.handle import Array
from ..eager import array
from .elementwise import power
from .shaping import array_of, broadcast_to, copy


def asarray(x: Any, dtype: Any = None) -> Array:
    """``x`` as an Array; the same handle if it is one already and has that dtype."""
    x = Array(x.get()) if isinstance(x, Array) and x.scalar else array_of(x)  # of a number, an array of its own
    return x if dtype is None or x.dtype == np.dtype(dtype) else array(x, dtype=dtype)


def zeros(shape: Any, dtype: Any = float) -> Array:
    return Array(np.zeros(shape, dtype))


def ones(shape: Any, dtype: Any = float) -> Array:
    return Array(np.ones(shape, dtype))


def empty(shape: Any, dtype: Any = float) -> Array:
    """Zeros: there are no undefined values here."""
    return zeros(shape, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Array:
    """The same value everywhere; a differentiated value keeps its derivative."""
    filled = copy(broadcast_to(array_of(fill_value), shape))
    return filled if dtype is None else array(filled, dtype=dtype)


def zeros_like(x: Any, dtype: Any = None) -> Array:
    x = array_of(x)
    return zeros(x.shape, dtype or x.dtype)


def ones_like(x: Any, dtype: Any = None) -> Array:
    x = array_of(x)
    return ones(x.shape, dtype or x.dtype)


def empty_like(x: Any, dtype: Any = None) -> Array:
    return zeros_like(x, dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Array:
    x = array_of(x)
    return full(x.shape, fill_value, dtype or x.dtype)


def eye(n: int, m: int | None = None, k: int = 0, dtype: Any = float) -> Array:
    return Array(np.eye(n, m, k, dtype))


def identity(n: int, dtype: Any = float) -> Array:
    return eye(n, dtype=dtype)


def arange(*args: Any, dtype: Any = None) -> Array:
    limits: Any = [np.asarray(arg)[()] for arg in args]
    return Array(np.arange(*limits, dtype=dtype))


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None) -> Array:
    """Equally spaced numbers; differentiable in both ends."""
    if not isinstance(start, Array) and not isinstance(stop, Array):
        return Array(np.linspace(start, stop, num, endpoint, dtype=dtype))
    share = Array(np.linspace(0.0, 1.0, num, endpoint))
    result = array_of(start) * (1 - share) + array_of(stop) * share
    return result if dtype is None else array(result, dtype=dtype)


def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: float = 10.0) -> Array:
    return power(base, linspace(start, stop, num, endpoint))


def tri(n: int, m: int | None = None, k: int = 0, dtype: Any = float) -> Array:
    return Array(np.tri(n, m, k, dtype))


def one_hot(labels: Any, classes: int, dtype: Any = float) -> Array:
    """A row for each label, with a 1 in its column."""
    return Array(np.eye(classes, dtype=dtype)[np.asarray(labels)])


__all__ = [
    "arange",
    "array",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "identity",
    "linspace",
    "logspace",
    "one_hot",
    "ones",
    "ones_like",
    "tri",
    "zeros",
    "zeros_like",
]
