"""``compile(f, verify=True)``: every call runs the function as well and compares."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert._internals.tree import tree_flatten

__all__ = ["difference", "verified"]

# Replays add up in another order here and there (sums, gathered products).
_TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 2e-4}


def difference(expected: Any, got: Any, path: str = "the result") -> str | None:
    """Where and how two trees differ; None if they do not.

    >>> difference({"a": 1.0}, {"a": 2.0})
    "the result['a'] is 2.0, expected 1.0"
    """
    a, structure = tree_flatten(expected)
    b, other = tree_flatten(got)
    if structure != other or repr(structure) != repr(other):  # the text tells 1 from True, and the order of dicts
        return f"{path} is {_short(got)}, expected {_short(expected)}"
    pairs = zip(structure.paths(path), a, b, strict=True)
    return next((d for p, x, y in pairs if (d := _leaf_difference(x, y, p))), None)


def _leaf_difference(expected: Any, got: Any, path: str) -> str | None:
    if not isinstance(expected, _NUMBERS) or not isinstance(got, _NUMBERS):
        same = type(expected) is type(got) and (_comparable(expected) is False or expected == got)
        return None if same else f"{path} is {_short(got)}, expected {_short(expected)}"
    a, b = np.asarray(expected), np.asarray(got)
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"{path} is {b.dtype} {b.shape}, expected {a.dtype} {a.shape}"
    if a.dtype not in _TOLERANCE:
        return None if np.array_equal(a, b) else f"{path} is {_short(got)}, expected {_short(expected)}"
    finite = np.abs(a[np.isfinite(a)])
    tolerance = _TOLERANCE[a.dtype] * (1 + (finite.max() if finite.size else 0.0))
    if np.allclose(a, b, rtol=_TOLERANCE[a.dtype], atol=tolerance, equal_nan=True):
        return None
    if not a.shape:
        return f"{path} is {got!r}, expected {expected!r}"
    at = tuple(
        int(k) for k in np.argwhere(~np.isclose(a, b, rtol=_TOLERANCE[a.dtype], atol=tolerance, equal_nan=True))[0]
    )
    return f"{path}[{', '.join(map(str, at))}] is {b[at]!r}, expected {a[at]!r}"


_NUMBERS = (Array, np.ndarray, np.generic, float, int, bool)


def _comparable(x: Any) -> bool:
    return x is None or isinstance(x, (str, bytes, complex))


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 80 else text[:77] + "..."


def verified(f: Callable[..., Any], g: Any) -> Any:
    """``g``, a compiled ``f``, that runs ``f`` on copies of the arguments as well and raises where the two differ."""

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(_core.is_traced(x) for x in tree_flatten((args, kwargs))[0]):
            return g(*args, **kwargs)
        copies, names = copy.deepcopy((args, kwargs))
        try:
            expected, error = f(*copies, **names), None
        except Exception as e:
            expected, error = None, e
        try:
            got = g(*args, **kwargs)
        except Exception as e:
            if error is None:
                raise
            if type(e) is not type(error):
                raise _failed(g, f"it raised {type(e).__name__}, expected {type(error).__name__}: {error}") from e
            raise
        if error is not None:
            raise _failed(g, f"it returned {_short(got)}, expected {type(error).__name__}: {error}") from error
        d = difference(expected, got) or difference((copies, names), (args, kwargs), "(args, kwargs)")
        if d:
            raise _failed(g, d)
        return got

    for name in ("why", "stats", "listing", "explain", "clear_cache", "save"):
        setattr(call, name, getattr(g, name))
    return call


def _failed(g: Any, what: str) -> AssertionError:
    name = g._name
    return AssertionError(
        f"wengert.compile: {name} replayed differs from {name} itself: {what}. Recordings: {g.why()}\n{g.listing()}"
    )
