"""What is known of a value of a running function without running it (see `uses`).

``data`` is whatever may hold elements of a *hidden* array, one that programs read where it lies. All other kinds say
that it cannot; ``traced`` says, too, that every operation with the value is recorded and gives a traced one, and
``traced number`` that every operation with it and an array does (with another Python number it may give a plain one).
``plain numbers`` are numbers and NumPy's arrays.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert.program.code_paths import Code
from wengert.program.surroundings import library_module

TRACED, NUMBER, PLAIN, CLEAN, DATA = "traced", "traced number", "plain numbers", "clean", "data"
NEVER = "never"  # no value comes here


class Known:
    """One of these objects."""

    def __init__(self, *objects: Any):
        self.objects = tuple({id(o): o for o in objects}.values())
        self.key = frozenset(map(id, self.objects))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Tuple(NamedTuple):
    parts: tuple[Any, ...]


class Each(NamedTuple):
    """Something to iterate over; all items are of one kind."""

    item: Any


class Bound(NamedTuple):
    """An attribute of a value, to be called."""

    owner: Any
    name: str


class Made(NamedTuple):
    """A function made while the code runs."""

    code: Code
    cells: tuple[tuple[str, Any], ...]
    names: Any  # a Known dict: its globals
    defaults: tuple[Any, ...] = ()


class Gives(NamedTuple):
    """Something that gives this kind when it is called."""

    result: Any


Kind = Any
SLICE = Gives(CLEAN)._replace(result="a slice of plain numbers")

_NUMBERS = (int, float, complex, np.number, np.bool_)
_MOST = 64  # objects in a Known, and items of containers that are looked at


def is_array(x: Any) -> bool:
    return type(x) is np.ndarray or type(x) is Array


def is_sequence(x: Any) -> bool:
    """A list, tuple or named tuple."""
    t = type(x)
    return t is list or (isinstance(x, tuple) and t.__getitem__ is tuple.__getitem__ and t.__iter__ is tuple.__iter__)


class Kinds:
    """Kinds, given the hidden arrays of one recording."""

    def __init__(self, found: Any):
        self.found = found

    def of(self, x: Any) -> Kind:
        """Of an object at hand."""
        if type(x) is Array and _core.recorded(x):
            return NUMBER if _core.is_weak(x) else TRACED
        return Known(x)

    def holds_data(self, k: Kind) -> bool:
        if isinstance(k, Known):
            return any(self._may_hold(o) for o in k.objects)
        if isinstance(k, Tuple):
            return any(map(self.holds_data, k.parts))
        if isinstance(k, Bound):
            return self.holds_data(k.owner)
        if isinstance(k, Each):
            return self.holds_data(k.item)
        return k == DATA

    def _may_hold(self, x: Any, depth: int = 0) -> bool:
        if is_array(x):
            return bool(self.found.is_hidden(x))
        if x is None or isinstance(x, (*_NUMBERS, str, bytes, np.dtype, np.ufunc, slice, range, type(...), Code)):
            return False
        if isinstance(x, types.ModuleType):
            return not library_module(x)
        if isinstance(x, (types.FunctionType, _core.Compiled, _core.Transform)):
            return False  # what they read is looked at where they run
        if isinstance(x, type):
            return True if x.__module__ == "__main__" else not _of_library(x)
        if isinstance(x, types.MethodType):
            return self._may_hold(x.__self__, depth)
        if isinstance(x, types.BuiltinFunctionType):
            return not isinstance(x.__self__, types.ModuleType) and self._may_hold(x.__self__, depth)
        if (is_sequence(x) or type(x) is dict) and depth < 8 and len(x) <= _MOST:
            items = [*x, *x.values()] if type(x) is dict else x
            return any(self._may_hold(y, depth + 1) for y in items)
        return True

    def join(self, a: Kind, b: Kind) -> Kind:
        if a == b or b == NEVER:
            return a
        if a == NEVER:
            return b
        if isinstance(a, Known) and isinstance(b, Known) and len(a.key | b.key) <= _MOST:
            return Known(*a.objects, *b.objects)
        if isinstance(a, Tuple) and isinstance(b, Tuple) and len(a.parts) == len(b.parts):
            return Tuple(tuple(map(self.join, a.parts, b.parts)))
        if isinstance(a, Each) and isinstance(b, Each):
            return Each(self.join(a.item, b.item))
        a, b = self.simple(a), self.simple(b)
        return a if a == b else DATA if DATA in (a, b) else CLEAN

    def simple(self, k: Kind) -> Kind:
        if self.plain(k):
            return PLAIN
        return k if isinstance(k, str) else self.summary([k])

    def summary(self, kinds: Iterable[Kind]) -> Kind:
        """Of something made of these that nothing more is known of."""
        return DATA if any(self.holds_data(k) or self.calls_back(k) for k in kinds) else CLEAN

    def calls_back(self, k: Kind) -> bool:
        """Is it, or does it hold, a function of the user's, which gives what it likes?"""
        if isinstance(k, Known):
            return any(isinstance(o, (types.FunctionType, types.MethodType)) or not _inert(o) for o in k.objects)
        if isinstance(k, Tuple):
            return any(map(self.calls_back, k.parts))
        if isinstance(k, Each):
            return self.calls_back(k.item)
        return isinstance(k, (Made, Gives, Bound))

    def joined(self, kinds: Iterable[Kind]) -> Kind:
        r = NEVER
        for k in kinds:
            r = self.join(r, k)
        return r

    def mapped(self, k: Known, f: Callable[[Any], Any]) -> Kind:
        return self.joined(f(o) for o in k.objects)

    def number(self, k: Kind) -> bool:
        return k in (PLAIN, NUMBER) or (isinstance(k, Known) and all(isinstance(o, _NUMBERS) for o in k.objects))

    def plain(self, k: Kind) -> bool:
        """Numbers and arrays that nobody records, none of them hidden."""
        if isinstance(k, Known):
            numbers = all(isinstance(o, _NUMBERS) or type(o) is np.ndarray for o in k.objects)
            return numbers and not self.holds_data(k)
        return k == PLAIN or (
            isinstance(k, (Tuple, Each)) and all(map(self.plain, k.parts if isinstance(k, Tuple) else (k.item,)))
        )

    def arrays(self, k: Kind) -> bool:
        return isinstance(k, Known) and all(map(is_array, k.objects))

    def item(self, k: Kind) -> Kind:
        """What iterating over it gives."""
        if isinstance(k, Known):
            return self.mapped(k, self._item_of)
        if isinstance(k, Tuple):
            return self.joined(k.parts)
        if isinstance(k, Each):
            return k.item
        return k if k in (NEVER, TRACED, NUMBER, PLAIN, CLEAN) else DATA

    def _item_of(self, x: Any) -> Kind:
        if is_sequence(x) or type(x) is dict:
            return self.joined(map(self.of, x)) if len(x) <= _MOST else self.summary([Known(x)])
        if type(x) is range:
            return PLAIN
        if type(x) in _ITERATORS:  # without taking anything from it
            _, arguments, *_ = x.__reduce__()
            if type(x) is enumerate:
                return Tuple((PLAIN, self._item_of(arguments[0])))
            if type(x) is zip:
                return Tuple(tuple(map(self._item_of, arguments)))
            return self._item_of(arguments[0]) if arguments else NEVER
        return DATA if self._may_hold(x) else CLEAN

    def unpacked(self, k: Kind, n: int) -> list[Kind]:
        if isinstance(k, Tuple) and len(k.parts) == n:
            return list(k.parts)
        if isinstance(k, Known) and all(is_sequence(o) and len(o) == n for o in k.objects):
            return [self.joined(self.of(o[i]) for o in k.objects) for i in range(n)]
        return [self.item(k)] * n

    def exposed(self, k: Kind) -> Iterable[Any] | None:
        """The arrays whose elements a value of this kind may show; None: any."""
        if isinstance(k, Known):
            out: list[Any] = []
            for o in k.objects:
                if is_array(o):
                    out.append(o)
                elif is_sequence(o) or type(o) is dict:
                    parts = [self.exposed(Known(y)) for y in ([*o.values()] if type(o) is dict else o)]
                    if any(p is None for p in parts):
                        return None
                    out += [y for p in parts for y in p or ()]
                elif self._may_hold(o):
                    return None
            return out
        if isinstance(k, (Tuple, Each, Bound)):
            inner = k.parts if isinstance(k, Tuple) else (k.item if isinstance(k, Each) else k.owner,)
            several = [self.exposed(p) for p in inner]
            return None if any(p is None for p in several) else [y for p in several for y in p or ()]
        return None if k == DATA else ()


_ITERATORS = {
    *map(type, (iter([]), iter(()), iter(range(0)), iter({}), iter({}.items()), iter({}.values()))),
    type(reversed([])),
    zip,
    enumerate,
}


def _inert(x: Any, depth: int = 0) -> bool:
    """Numbers, arrays, texts, what libraries define, and plain containers of these."""
    if (is_sequence(x) or type(x) is dict) and depth < 8 and len(x) <= _MOST:
        return all(_inert(y, depth + 1) for y in (x.values() if type(x) is dict else x))
    if isinstance(x, type):
        return _of_library(x)
    return (
        is_array(x) or x is None or isinstance(x, (*_NUMBERS, str, bytes, np.dtype, np.ufunc, slice, range, type(...)))
    )


def _of_library(t: type) -> bool:
    import sys

    module = sys.modules.get(t.__module__)
    return module is not None and library_module(module)
