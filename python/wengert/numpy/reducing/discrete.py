"""Functions whose results are integers or booleans: computed by NumPy on the values, derivative zero.

Every result is an Array of integers or booleans (a tuple of Arrays from `nonzero` and its like). No function with a
floating-point result belongs here: it would lose a derivative silently.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import ArrayLike, concrete, on_values, operand

_ON_VALUES = (
    "argwhere", "bitwise_and", "bitwise_count", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "diag_indices", "diag_indices_from", "digitize", "flatnonzero", "gcd",
    "invert", "isin", "isneginf", "isposinf", "lcm", "left_shift", "nanargmax", "nanargmin", "nonzero",
    "ravel_multi_index", "right_shift", "tril_indices", "tril_indices_from", "triu_indices", "triu_indices_from",
    "unravel_index",
)  # fmt: skip

__all__ = [*_ON_VALUES, "bincount"]


def _on_values(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        args = tuple(on_values(a) for a in args)
        kwargs = {key: on_values(a) for key, a in kwargs.items()}
        result = function(*args, **kwargs)
        return tuple(operand(r) for r in result) if isinstance(result, tuple) else operand(result)

    wrapped.__name__ = wrapped.__qualname__ = name
    wrapped.__doc__ = f"`numpy.{name}` of the values, an integer or boolean result without derivative."
    return wrapped


_MADE = {function: _on_values(name) for name in _ON_VALUES if (function := getattr(np, name, None))}
globals().update({name: _MADE[getattr(np, name)] for name in _ON_VALUES if hasattr(np, name)})  # one for all spellings


def bincount(x: ArrayLike, /, weights: ArrayLike | None = None, minlength: int = 0) -> Array:
    """How often each integer occurs, or the sum of its weights (with their derivative). See `numpy.bincount`."""
    index = concrete(x)
    if weights is None:
        return operand(np.bincount(index, minlength=minlength))
    length = max(int(index.max()) + 1 if index.size else 0, minlength)
    return ops.index_add(operand(np.zeros(length)), index, ops.astype(operand(weights), np.float64))
