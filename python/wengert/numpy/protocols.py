"""NumPy's dispatch protocols: `np.tanh(x) @ w` on Arrays runs the mirror's functions, so it is differentiated.

`connect` fills two tables, NumPy's ufuncs and NumPy's functions, from the mirror's names. A NumPy function that is in
neither raises and says what to do: an Array is never turned into plain numbers silently.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wengert._core import Array, ops, set_ufuncs
from wengert._internals.printing import plain
from wengert.numpy import linalg
from wengert.numpy.arrays import normalize_axes, normalize_axis, operand
from wengert.numpy.layout.shaping import along
from wengert.numpy.reducing import discrete, reductions
from wengert.numpy.reducing.cumulative import accumulate, cumsum

UFUNCS: dict[np.ufunc, Callable[..., Any]] = {}
FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}

# ufunc.reduce where a reduction primitive does the same in one step.
_REDUCE: dict[np.ufunc, Callable[..., Array]] = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.maximum: reductions.max,
    np.minimum: reductions.min,
    np.logical_and: reductions.all,
    np.logical_or: reductions.any,
}
_FOREIGN = {  # scipy.special's ufuncs and the primitives that are the same functions
    "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "expit": "sigmoid", "log_expit": "log_sigmoid",
    "gammaln": "lgamma", "psi": "digamma", "digamma": "digamma",
}  # fmt: skip
_OPERANDS = (Array, np.ndarray, np.generic, bool, int, float, list, tuple)


def connect(mirror: Mapping[str, Any]) -> None:
    """Enter every NumPy function that has a namesake in the mirror into the tables."""
    for source, names in ((np, mirror), (np.linalg, {name: getattr(linalg, name) for name in linalg.__all__})):
        for name, function in names.items():
            theirs = getattr(source, name, None)
            if isinstance(theirs, np.ufunc):
                UFUNCS[theirs] = function
            elif callable(theirs) and theirs is not function and not isinstance(theirs, type):
                FUNCTIONS[theirs] = function
    FUNCTIONS[np.where] = _where
    for function in (np.save, np.savez, np.savez_compressed, np.savetxt):
        FUNCTIONS[function] = _of_plain_values(function)
    set_ufuncs(UFUNCS)  # plain calls do not pass through `array_ufunc` below


def _where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """np.where with one argument asks for positions."""
    if x is None and y is None:
        return discrete.nonzero(condition)  # type: ignore[attr-defined]
    return ops.where(condition, x, y)


def _of_plain_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy function that writes arrays down, on the values of Arrays."""

    def write(*args: Any, **kwargs: Any) -> Any:
        values = [plain(x) if isinstance(x, Array) else x for x in args]
        return function(*values, **{k: plain(x) if isinstance(x, Array) else x for k, x in kwargs.items()})

    return write


def array_ufunc(self: Array, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """What `Array.__array_ufunc__` does: call the mirror's function for a NumPy ufunc or one of its methods."""
    for x in inputs:
        if type(x) is not Array and not isinstance(x, _OPERANDS):
            return NotImplemented
    if not isinstance(ufunc, np.ufunc) or not (method == "__call__" or method in _METHODS):
        raise TypeError(
            f"__array_ufunc__: expected a ufunc and the name of one of its methods, got {ufunc!r}, {method!r}"
        )
    if method != "__call__":
        return _METHODS[method](ufunc, *inputs, **kwargs)
    function = UFUNCS.get(ufunc) or _foreign(ufunc)
    if function is None:
        raise _no_rule(f"{_owner(ufunc)}.{ufunc.__name__}")
    return _call_with_keywords(ufunc, function, inputs, **kwargs) if kwargs else function(*inputs)


def _call_with_keywords(
    ufunc: np.ufunc,
    function: Callable[..., Any],
    inputs: Sequence[Any],
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    casting: str = "same_kind",
    order: str = "K",
    subok: bool = True,
    **rest: Any,
) -> Any:
    name = f"numpy.{ufunc.__name__}"
    if rest and set(rest) - {"axis"}:
        raise TypeError(f"{name}: {', '.join(rest)} not supported for Arrays; use the functions of wengert.numpy")
    target = _single_out(name, ufunc, out)
    if where is not True and target is None:
        raise TypeError(f"{name}: where= without out= leaves elements undefined; use np.where(mask, {name}(…), other)")
    arrays = [x if dtype is None else ops.astype(operand(x), dtype) for x in inputs]
    result = function(*arrays, **rest)
    return result if target is None else _write(target, result, where)


def _single_out(name: str, ufunc: np.ufunc, out: Any) -> Array | None:
    if out is None or all(o is None for o in out):
        return None
    if ufunc.nout != 1 or not isinstance(out[0], Array):
        raise TypeError(
            f"{name}: out= is a NumPy array, which cannot carry derivatives; assign the result instead "
            "(write `a = a + x`, not `a += x`), or make the NumPy array an Array first: wengert.numpy.array(a)"
        )
    return out[0]


def _write(target: Array, result: Array, where: Any = True) -> Array:
    if target.shape != result.shape:
        raise ValueError(f"out= has shape {target.shape}, the result {result.shape}; they must be equal")
    target[...] = result if where is True else ops.where(where, result, target)
    return target


def _foreign(ufunc: np.ufunc) -> Callable[..., Any] | None:
    """The primitive for a ufunc of scipy.special (which is never imported for that)."""
    name = _FOREIGN.get(ufunc.__name__)
    special = sys.modules.get("scipy.special")
    if name is None or special is None or getattr(special, ufunc.__name__, None) is not ufunc:
        return None
    return getattr(ops, name, None)


def _owner(ufunc: np.ufunc) -> str:
    return "numpy" if getattr(np, ufunc.__name__, None) is ufunc else "ufunc"


def _no_rule(name: str) -> TypeError:
    return TypeError(
        f"{name} has no derivative rule for an Array: compose it from functions of wengert.numpy, write a rule with "
        "wengert.custom_vjp, or compute with plain values: x.detach().numpy()"
    )


def _reduce(
    ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False, **rest: Any
) -> Any:
    target = _single_out(f"{ufunc.__name__}.reduce", ufunc, out)
    array = operand(array) if dtype is None else ops.astype(operand(array), dtype)
    if ufunc in _REDUCE:
        result = _REDUCE[ufunc](array, axis=axis, keepdims=keepdims, **rest)
    else:
        result = _fold(ufunc, array, axis, keepdims, **rest)
    return result if target is None else _write(target, result)


def _fold(ufunc: np.ufunc, array: Array, axis: Any, keepdims: bool, **rest: Any) -> Array:
    function = _binary(ufunc, "reduce")
    if rest:
        raise TypeError(f"{ufunc.__name__}.reduce: {', '.join(rest)} not supported; slice the array instead")
    (axis, *more) = normalize_axes(f"{ufunc.__name__}.reduce", axis, array.ndim)
    if more or array.shape[axis] == 0:
        raise ValueError(f"{ufunc.__name__}.reduce: needs one non-empty axis, got axis={axis} of shape {array.shape}")
    result = ops.getitem(array, along(axis, 0))
    for i in range(1, array.shape[axis]):
        result = function(result, ops.getitem(array, along(axis, i)))
    return ops.expand_dims(result, axis) if keepdims else result


def _accumulate(ufunc: np.ufunc, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    target = _single_out(f"{ufunc.__name__}.accumulate", ufunc, out)
    array = operand(array) if dtype is None else ops.astype(operand(array), dtype)
    axis = normalize_axis(f"{ufunc.__name__}.accumulate", axis, array.ndim)
    result = cumsum(array, axis) if ufunc is np.add else accumulate(_binary(ufunc, "accumulate"), array, axis)
    return result if target is None else _write(target, result)


def _outer(ufunc: np.ufunc, a: Any, b: Any, **kwargs: Any) -> Any:
    function = _binary(ufunc, "outer")
    a, b = operand(a), operand(b)
    return _call_with_keywords(ufunc, function, (ops.reshape(a, a.shape + (1,) * b.ndim), b), **kwargs)


def _at(ufunc: np.ufunc, a: Any, indices: Any, *values: Any) -> None:
    """ufunc.at for add and subtract: repeated positions accumulate."""
    if ufunc not in (np.add, np.subtract):
        raise TypeError(f"numpy.{ufunc.__name__}.at has no rule for an Array; numpy.add.at has, or write x[i] = …")
    if not isinstance(a, Array):
        raise TypeError(
            f"numpy.{ufunc.__name__}.at: the target is a NumPy array, which cannot carry derivatives; "
            "make it an Array first: wengert.numpy.array(a)"
        )
    change = operand(values[0])
    a[...] = ops.index_add(a, indices, change if ufunc is np.add else ops.negative(change))


def _reduceat(ufunc: np.ufunc, *inputs: Any, **kwargs: Any) -> Any:
    raise TypeError(f"numpy.{ufunc.__name__}.reduceat has no rule for an Array; slice and use {ufunc.__name__}.reduce")


def _binary(ufunc: np.ufunc, method: str) -> Callable[..., Any]:
    function = UFUNCS.get(ufunc)
    if function is None or ufunc.nin != 2 or ufunc.signature is not None:
        raise _no_rule(f"numpy.{ufunc.__name__}.{method}")
    return function


_METHODS: dict[str, Callable[..., Any]] = {
    "reduce": _reduce,
    "accumulate": _accumulate,
    "outer": _outer,
    "at": _at,
    "reduceat": _reduceat,
}


def array_function(
    self: Array, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """What `Array.__array_function__` does: call the mirror's function for a NumPy function."""
    function = FUNCTIONS.get(func)
    if function is not None:
        return function(*args, **kwargs)
    if not all(issubclass(t, (Array, np.ndarray)) for t in types):
        return NotImplemented
    module = (func.__module__ or "numpy").replace("numpy._core", "numpy").split("._")[0]
    raise _no_rule(f"{module}.{func.__name__}")
