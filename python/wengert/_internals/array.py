"""The Python half of ``wengert.Array``: NumPy's protocols, the methods that are compositions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert._internals import hints, printing


def _lost(*args: Any) -> str:
    from wengert._internals.lost import explain

    return explain(*args)


def _given(x: Array, dtype: Any) -> Any:
    from wengert._internals.lost import given

    return given(x, dtype)


# The mirror is imported at the first need: importing wengert must stay cheap. All of it: while another thread imports
# it, `wengert.numpy.protocols` is there already, but its tables are still empty.
def _ufunc(*args: Any, **kwargs: Any) -> Any:
    from wengert import numpy

    return numpy.protocols.array_ufunc(*args, **kwargs)


def _function(*args: Any, **kwargs: Any) -> Any:
    from wengert import numpy

    return numpy.protocols.array_function(*args, **kwargs)


def _namespace(_array: Any, *, api_version: str | None = None) -> Any:
    from wengert import numpy

    return numpy


# Methods of ndarray that are functions of the mirror under the same name.
_METHODS = [
    "argsort",
    "clip",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "nonzero",
    "ptp",
    "ravel",
    "repeat",
    "round",
    "searchsorted",
    "squeeze",
    "std",
    "swapaxes",
    "take",
    "trace",
    "var",
]


def _method(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        from wengert import numpy

        return _core.marked(getattr(numpy, name)(self, *args, **kwargs), self, *args, *kwargs.values())

    method.__name__ = name
    method.__doc__ = f"wengert.numpy.{name} of this array."
    return method


class Flags:
    """How an Array lies in memory, as `numpy.ndarray.flags` says it."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata", "writeable")
    aligned, writebackifcopy = True, False

    def __init__(self, array: Any) -> None:
        lengths, steps = array.shape, array.strides
        self.c_contiguous = _dense(lengths, steps, array.itemsize)
        self.f_contiguous = _dense(lengths[::-1], steps[::-1], array.itemsize)
        self.owndata = array.base is None
        self.writeable = not (_core.is_read_only(array) or _core.is_scalar(array))

    @property
    def contiguous(self) -> bool:
        """In row-major order without gaps."""
        return self.c_contiguous

    @property
    def forc(self) -> bool:
        """In row-major or column-major order."""
        return self.c_contiguous or self.f_contiguous

    @property
    def fnc(self) -> bool:
        """In column-major order, and not in row-major order."""
        return self.f_contiguous and not self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        return bool(getattr(self, {"C": "c_contiguous", "F": "f_contiguous", "W": "writeable"}.get(name, name.lower())))

    def __repr__(self) -> str:
        names = ("c_contiguous", "f_contiguous", "owndata", "writeable")
        return "\n".join(f"  {name.upper()} : {getattr(self, name)}" for name in names)


def _dense(lengths: tuple[int, ...], steps: tuple[int, ...], itemsize: int) -> bool:
    if 0 in lengths:
        return True
    for length, step in zip(reversed(lengths), reversed(steps), strict=True):
        if length != 1 and step != itemsize:
            return False
        itemsize *= length
    return True


def _flatten(self: Any, order: str = "C") -> Any:
    """A one-dimensional copy."""
    return self.ravel(order).copy()


def _reversed(self: Any) -> Any:
    return _core.elements_backwards(self)


def _floor(self: Any) -> int:
    return int(_core.ops.floor(self))


def _ceil(self: Any) -> int:
    return int(_core.ops.ceil(self))


def _trunc(self: Any) -> int:
    return int(self)


def _round(self: Any, digits: int | None = None) -> Any:
    """round(x) is a whole number, as of a float; round(x, digits) is numpy.round, which is differentiated."""
    from wengert import numpy

    if digits is not None and _core.is_weak(self):  # a Python number of a compiled function: rounded as Python does
        return round(_core.python_number(self), int(digits))
    rounded = numpy.round(self, digits or 0)
    return int(rounded) if digits is None and not _core.shape_of(self) else _core.like(rounded, self)


def _is_integer(self: Any) -> bool:
    """As of a float."""
    ops, x = _core.ops, _core.operand(self)
    return bool(ops.logical_and(ops.isfinite(x), ops.equal(x, ops.floor(x))))


def _real(self: Any) -> Any:
    return self if _core.is_scalar(self) else self.view()


def _imag(self: Any) -> Any:
    from wengert import numpy

    return _core.like(numpy.zeros_like(self), self)


def _conjugate(self: Any) -> Any:
    """The array itself: it is real."""
    return self


def _as_integer_ratio(self: Any) -> tuple[int, int]:
    """As of a float; functions of `statistics` and `fractions` ask for it."""
    return float(self).as_integer_ratio()


# ---- in place, as ndarray's methods: they change this array and return nothing


def _sort(self: Any, axis: int = -1, **kwargs: Any) -> None:
    """Sorts this array in place along an axis (numpy.sort gives a sorted copy)."""
    from wengert import numpy

    self[...] = numpy.sort(self, axis, **kwargs)


def _partition(self: Any, kth: Any, axis: int = -1, **kwargs: Any) -> None:
    """Partitions this array in place along an axis (numpy.partition gives a copy)."""
    from wengert import numpy

    self[...] = numpy.partition(self, kth, axis, **kwargs)


def _fill(self: Any, value: Any) -> None:
    """Sets every element of this array to one value, whose derivative is kept."""
    if np.ndim(value):
        raise ValueError(f"wengert.Array.fill: one value is needed, got shape {np.shape(value)}; write x[...] = values")
    self[...] = value


def _put(self: Any, indices: Any, values: Any, mode: str = "raise") -> None:
    """Sets elements by their position in the flattened array; values are repeated as needed."""
    from wengert import numpy

    at = np.asarray(_core.for_numpy(indices)).ravel()
    if not at.size:
        return
    if mode == "raise":
        at = np.arange(self.size)[at]  # NumPy says which index is out of bounds
    elif mode in ("wrap", "clip"):
        at = at % self.size if mode == "wrap" else np.clip(at, 0, self.size - 1)
    else:
        raise ValueError(f"wengert.Array.put: mode must be 'raise', 'wrap' or 'clip', got {mode!r}")
    self[np.unravel_index(at, self.shape)] = numpy.resize(values, at.shape)


def _resize(self: Any, *_shape: Any, refcheck: bool = True) -> None:
    """Refused: other names of this array would change their shape."""
    raise TypeError("wengert.Array.resize: an Array keeps its shape; write x = wengert.numpy.resize(x, shape)")


def _deepcopy(self: Any, _memo: Any) -> Any:
    return _core.array(_core.stop_gradient(self), requires_grad=True) if self.requires_grad else self.copy("K")


def _reduce(self: Any) -> tuple[Any, ...]:
    if _core.is_traced(self) and not self.requires_grad:
        raise TypeError(
            "wengert: pickling a value that is being differentiated (or recorded) would lose the derivative; return it "
            "from the function first, or use wengert.stop_gradient(x)"
        )
    return _rebuild, (_core.stop_gradient(self).numpy(), bool(self.requires_grad))


def _rebuild(value: Any, requires_grad: bool) -> Any:
    return _core.array(value, requires_grad=requires_grad)


def _dlpack(self: Any, **kwargs: Any) -> Any:
    return self.numpy().__dlpack__(**kwargs)


def _dlpack_device(_self: Any) -> tuple[int, int]:
    return (1, 0)  # the CPU


def _dir(self: Any) -> list[str]:
    return [name for name in object.__dir__(self) if name not in hints.NAMES["wengert.Array"]]


def install() -> None:
    """Puts everything on the type; called once when wengert is imported."""
    _core.set_hooks(
        {
            "repr": printing.array_repr,
            "lost": _lost,
            "given": _given,
            "array_ufunc": _ufunc,
            "array_function": _function,
            "array_namespace": _namespace,
        }
    )
    for name in _METHODS:
        setattr(Array, name, _method(name))
    for name, function in {
        "tolist": printing.tolist,
        "flatten": _flatten,
        "sort": _sort,
        "partition": _partition,
        "fill": _fill,
        "put": _put,
        "resize": _resize,
        "as_integer_ratio": _as_integer_ratio,
        "is_integer": _is_integer,
        "real": property(_real, doc="The array: there are no complex numbers."),
        "imag": property(_imag, doc="Zeros."),
        "conj": _conjugate,
        "conjugate": _conjugate,
        "__reversed__": _reversed,
        "__floor__": _floor,
        "__ceil__": _ceil,
        "__trunc__": _trunc,
        "__round__": _round,
        "__format__": printing.array_format,
        "__str__": printing.array_str,
        "__deepcopy__": _deepcopy,
        "__reduce__": _reduce,
        "__dlpack__": _dlpack,
        "__dlpack_device__": _dlpack_device,
        "__dir__": _dir,
        "flags": property(Flags, doc="How the array lies in memory."),
    }.items():
        setattr(Array, name, function)
    for name in hints.NAMES["wengert.Array"]:
        if not hasattr(Array, name):
            setattr(Array, name, hints.MissingMethod(name))


class no_grad(_core.NoGrad):
    """Inside, operations on arrays that require gradients are not recorded. Also a decorator, and may be nested.

    It holds for the thread, or the asyncio task, that entered it; tasks started inside inherit it. Blocks may be left
    in any order, as generators do. A decorated generator function does not record while its own code runs, and leaves
    its caller alone between two values; a decorated coroutine function does not record until it has returned.

    >>> import wengert as wg
    >>> w = wg.array([1.0], requires_grad=True)
    >>> with wg.no_grad():
    ...     w -= 0.5
    >>> w
    Array([0.5], requires_grad=True)
    """

    def __call__(self, f: Callable[..., Any]) -> Any:
        if inspect.isgeneratorfunction(f):
            return _generator_without_grad(f)
        if inspect.isasyncgenfunction(f):
            return _async_generator_without_grad(f)
        if inspect.iscoroutinefunction(f):

            @functools.wraps(f)
            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                with no_grad():
                    return await f(*args, **kwargs)

            return coroutine

        def function(*args: Any, **kwargs: Any) -> Any:
            with no_grad():
                return f(*args, **kwargs)

        t: Any = _core.new_transform(function, (_without_grad, (f,)))
        return functools.update_wrapper(t, f)

    def __reduce__(self) -> Any:
        return no_grad, ()


def _without_grad(f: Callable[..., Any]) -> Any:
    return no_grad()(f)


def _generator_without_grad(f: Callable[..., Any]) -> Any:
    @functools.wraps(f)
    def generator(*args: Any, **kwargs: Any) -> Any:
        with no_grad():
            inner = f(*args, **kwargs)
        step, sent = inner.send, None
        while True:
            try:
                with no_grad():
                    value = step(sent)
            except StopIteration as end:
                return end.value
            try:
                step, sent = inner.send, (yield value)
            except GeneratorExit:
                with no_grad():
                    inner.close()
                raise
            except BaseException as e:
                step, sent = inner.throw, e

    return generator


def _async_generator_without_grad(f: Callable[..., Any]) -> Any:
    @functools.wraps(f)
    async def generator(*args: Any, **kwargs: Any) -> Any:
        with no_grad():
            inner = f(*args, **kwargs)
        step, sent = inner.asend, None
        while True:
            try:
                with no_grad():
                    value = await step(sent)
            except StopAsyncIteration:
                return
            try:
                step, sent = inner.asend, (yield value)
            except GeneratorExit:
                with no_grad():
                    await inner.aclose()
                raise
            except BaseException as e:
                step, sent = inner.athrow, e

    return generator
