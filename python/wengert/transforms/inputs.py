"""Arguments and results of transforms: which leaves are differentiated, and in what form derivatives go back.

What goes in comes out: derivatives of a Python float are floats, of an ``ndarray`` ndarrays, of an ``Array`` Arrays,
of a tree the same tree.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert._internals.tree import is_leaf, tree_flatten, tree_unflatten

Function = Callable[..., Any]


def check_leaf(x: Any, where: str) -> Any:
    """A leaf that can be differentiated, or an error that names the argument."""
    if type(x) is float:
        return x
    if type(x) is Array and _core.dtype_of(x).kind == "i" and _core.is_weak(x):
        return _core.as_weak(x.astype(float))  # a Python int among the arguments of a compiled function
    if isinstance(x, (Array, np.ndarray, np.generic)):  # before float: np.float64 is one, and stays what it is
        dtype = _core.dtype_of(x)
    elif issubclass(type(x), bool):
        raise TypeError(f"{where} is a bool, which has no derivative; pass a float, or leave it out of argnums")
    elif issubclass(type(x), (float, int)):
        return float(x)
    else:
        raise TypeError(
            f"{where} is a {type(x).__name__}; only numbers, arrays and trees (lists, tuples, dicts …) of them "
            "can be differentiated"
        )
    if dtype.kind != "f":
        raise TypeError(f"{where} is an array of dtype {dtype}; {_REFUSED.get(dtype.kind, _NO_NUMBERS)}")
    return x


_WHOLE = "integer and bool arrays have no derivative: convert it with astype(float), or leave it out of argnums"
_REFUSED = {"b": _WHOLE, "i": _WHOLE, "u": _WHOLE, "c": "complex numbers are not supported: pass its real and imag"}
_NO_NUMBERS = "only arrays of numbers can be differentiated: pass a list (or another tree) of arrays"


def like(result: Any, x: Any) -> Any:
    """The result in the family of the argument it belongs to."""
    if isinstance(x, Array) or _core.is_traced(result):
        return _core.like(result, x)
    if issubclass(type(x), np.generic):
        return x.dtype.type(result.item())
    if issubclass(type(x), (float, int)):
        return float(result)
    return _core.to_numpy(result)


def like_all(result: Any, leaves: Sequence[Any]) -> Any:
    """A function's value in the family of its arguments: NumPy in, NumPy out."""
    if not isinstance(result, Array) or _core.is_traced(result):
        return result
    if any(isinstance(x, Array) for x in leaves):
        return result
    result = _core.operand(result)
    if any(issubclass(type(x), np.ndarray) for x in leaves):
        return _core.to_numpy(result) if result.ndim else np.dtype(result.dtype).type(result.item())
    if leaves and all(issubclass(type(x), (float, int, np.generic)) for x in leaves):
        if result.ndim:
            return _core.to_numpy(result)
        plain = all(not issubclass(type(x), np.generic) for x in leaves)
        return result.item() if plain else np.dtype(result.dtype).type(result.item())
    return result


def like_block(block: Any, x: Any, leaves: Sequence[Any]) -> Any:
    """A block of a Jacobian in the family of its argument; an array by a number in that of all arguments."""
    return like_all(block, leaves) if block.ndim and not isinstance(x, (Array, np.ndarray)) else like(block, x)


def zeros_like(x: Any) -> Any:
    if isinstance(x, Array):
        return _core.like(_core.array(np.zeros(_core.shape_of(x), _core.dtype_of(x))), x)
    if issubclass(type(x), np.generic):
        return x.dtype.type(0)
    return 0.0 if issubclass(type(x), (float, int)) else np.zeros_like(x)


def checked_argnums(argnums: Any, name: str) -> int | tuple[int, ...]:
    """Positions of arguments as Python's numbers: one, or several in order. TypeError for anything else."""
    several = isinstance(argnums, (tuple, list, range)) or (issubclass(type(argnums), np.ndarray) and argnums.ndim == 1)
    nums = []
    for i in argnums if several else (argnums,):
        if not isinstance(i, (int, np.integer)) or isinstance(i, bool):
            raise TypeError(
                f"{name}: argnums must be a position or a tuple of positions (whole numbers), got {argnums!r}"
            )
        if int(i) in nums:
            raise TypeError(f"{name}: argnums {argnums!r} names argument {i} twice; name each once")
        nums.append(int(i))
    return tuple(nums) if several else nums[0]


def argnum_tuple(argnums: int | tuple[int, ...], n: int, name: str) -> tuple[int, ...]:
    nums = (argnums,) if isinstance(argnums, int) else argnums
    for i in nums:
        if not -n <= i < n:
            raise ValueError(
                f"{name}: argnums {argnums} names argument {i}, but the function was called with {n} "
                "positional argument(s)"
            )
    found = tuple(i % n for i in nums)
    if len(set(found)) < len(found):
        raise TypeError(f"{name}: argnums {argnums} names an argument twice, of {n}; name each once")
    return found


class Inputs:
    """The differentiated arguments of one call: their leaves, and how to put the results back."""

    __slots__ = ("args", "leaves", "nums", "single", "specs")

    def __init__(self, name: str, args: tuple[Any, ...], argnums: int | tuple[int, ...]):
        self.nums = argnum_tuple(argnums, len(args), name)
        self.single = isinstance(argnums, int)
        self.args = args
        self.leaves: list[Any] = []
        self.specs: list[tuple[Any, int]] = []
        for i in self.nums:
            x = args[i]
            if is_leaf(x):
                self.leaves.append(check_leaf(x, f"{name}: argument {i}"))
                self.specs.append((None, 1))
                continue
            flat, spec = tree_flatten(x)
            self.leaves.extend(check_leaf(v, f"{name}: a leaf of argument {i}") for v in flat)
            self.specs.append((spec, len(flat)))

    def call(self, f: Function, traced: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        args = list(self.args)
        for i, part in zip(self.nums, self.split(traced), strict=True):
            args[i] = part
        return _core.settled(f(*args, **kwargs))

    def split(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """One tree for each differentiated argument."""
        out, at = [], 0
        for spec, n in self.specs:
            part = values[at : at + n]
            out.append(part[0] if spec is None else tree_unflatten(spec, part))
            at += n
        return tuple(out)

    def gather(self, values: Sequence[Any]) -> Any:
        parts = self.split(values)
        return parts[0] if self.single else parts


def shape_of(x: Any) -> tuple[int, ...]:
    return (
        _core.shape_of(x) if isinstance(x, (Array, np.ndarray, np.generic)) else ()
    )  # numbers have no attribute shape


def check_scalar(y: Any, name: str) -> None:
    if issubclass(type(y), (float, int, np.generic)) or (isinstance(y, (Array, np.ndarray)) and not shape_of(y)):
        dtype = _core.dtype_of(y) if type(y) is Array else getattr(y, "dtype", np.dtype(float))
        if dtype.kind != "f":
            raise TypeError(f"{name}: the function returned a {dtype} scalar, which has no derivative; return a float")
        return
    if isinstance(y, (Array, np.ndarray)):
        raise TypeError(
            f"{name}: the function must return a scalar, got an array of shape {shape_of(y)}; reduce it "
            "(sum, mean), or use "
            "jacobian for its full derivative, vjp for a weighted one"
        )
    raise TypeError(
        f"{name}: the function must return a scalar, got {type(y).__name__}"
        + ("; with has_aux=True it may return (value, auxiliary)" if isinstance(y, tuple) else "")
    )


def named_after(name: str, f: Function, maker: Function, *args: Any) -> Callable[[Function], Function]:
    """Decorator: the function as what ``maker(f, *args)`` returns."""

    def decorate(g: Function) -> Function:
        t: Any = _core.new_transform(g, (maker, (f, *args)))
        if hasattr(f, "__name__"):
            functools.update_wrapper(t, f)
        t.__name__ = f"{name}({getattr(f, '__name__', 'f')})"
        return t

    return decorate


def leave_level(level: Any, tree: Any, leaves: Sequence[Any]) -> Any:
    """Auxiliary results without this level's derivative, in the family of the arguments."""
    if tree is None:
        return None
    if isinstance(tree, Array):
        return like_all(level.primal(tree), leaves)
    if is_leaf(tree):
        return tree
    values, spec = tree_flatten(tree)
    return tree_unflatten(spec, [like_all(level.primal(x), leaves) if isinstance(x, Array) else x for x in values])


def check_output(v: Any, name: str) -> None:
    if not isinstance(v, (Array, np.ndarray, np.generic, float, int)):
        raise TypeError(
            f"{name}: the function must return arrays or numbers (or trees of them), got {type(v).__name__}"
        )


def split_aux(y: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    if not has_aux:
        return y, None
    if not (isinstance(y, tuple) and len(y) == 2):
        raise TypeError(
            f"{name}: with has_aux=True the function must return a pair (value, auxiliary), got {type(y).__name__}"
        )
    return y


def stop_gradient(x: Any) -> Any:
    """The value of ``x`` (an array or a tree) with all derivatives cut off.

    >>> import wengert as wg
    >>> wg.grad(lambda x: x * wg.stop_gradient(x))(3.0)
    3.0
    """
    if isinstance(x, Array):
        return _core.stop_gradient(x)
    if is_leaf(x):
        return x
    leaves, spec = tree_flatten(x)
    return tree_unflatten(spec, [stop_gradient(v) for v in leaves])
