"""What operators, attributes and calls give, and which arrays they expose (see `uses`)."""

from __future__ import annotations

import builtins
import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert
from wengert import _core
from wengert._core import Array
from wengert.numpy.protocols import FUNCTIONS, UFUNCS
from wengert.program.code_paths import Code
from wengert.program.kinds import (
    CLEAN,
    DATA,
    NEVER,
    NUMBER,
    PLAIN,
    SLICE,
    TRACED,
    Bound,
    Each,
    Gives,
    Kind,
    Kinds,
    Known,
    Made,
    Tuple,
    is_array,
    is_sequence,
)
from wengert.program.surroundings import library_file, library_module

_MISSING = object()

# Compositions of the mirror that make Arrays of all their operands first and only compute with these.
LIFTING = {"dot", "inner", "outer", "tensordot", "einsum", "vdot", "vecdot", "matvec", "vecmat"}
# What gives a recorded value whenever it gets one.
_TRACED = {
    "sum", "mean", "max", "min", "amax", "amin", "prod", "cumsum", "std", "var", "reshape", "transpose", "ravel",
    "squeeze", "swapaxes", "expand_dims", "clip", "where", "astype", "copy", "flatten", "dot", "softmax",
    "log_softmax", "logsumexp", *LIFTING,
}  # fmt: skip
_VIEWS = {"reshape", "transpose", "ravel", "squeeze", "swapaxes", "view", "diagonal"}
_TEXT = {"tobytes", "tolist", "dumps", "data", "view", "flat"}
_FACTS = {"shape", "ndim", "size", "dtype", "itemsize", "nbytes"}  # compared on every replay
_PLAIN = {
    abs, all, any, bool, complex, divmod, enumerate, float, hash, int, isinstance, issubclass, iter, len, list, max,
    min, next, pow, print, range, repr, reversed, round, set, slice, sorted, str, sum, tuple, zip, callable, id,
    dict, frozenset, format,
}  # fmt: skip
# Asks for the type or the length of its arguments only.
_STRUCTURAL = {isinstance, issubclass, len, callable, id}
_TRANSFORMS = {wengert.grad, wengert.value_and_grad}
_MODULES = ("numpy", "wengert", "math")
_REFLECTS = {"load", "frombuffer", "vectorize", "apply_along_axis", "fromiter", "fromfunction", "piecewise"}


class Calls:
    def __init__(self, found: Any, returned: Callable[..., Kind]):
        self.kinds = Kinds(found)
        self.found = found
        self.returned = returned
        self._views: dict[Any, tuple[Any, Any]] = {}

    def once(self, o: Any, how: Any, make: Callable[[], Any]) -> Any:
        """What is made of an object, the same every time: kinds of known objects are equal if these are the same."""
        key = (id(o), repr(how))
        if key not in self._views:
            self._views[key] = o, make()
        return self._views[key][1]

    def name(self, names: Known, name: str) -> Kind:
        (own,) = names.objects
        if name in own:
            return self.kinds.of(own[name])
        given = getattr(builtins, name, _MISSING)
        return NEVER if given is _MISSING else Known(given)

    # ---- operators

    def binary(self, run: Any, text: str, a: Kind, b: Kind) -> Kind:
        if NEVER in (a, b):
            return NEVER
        traced = TRACED in (a, b)
        if text.endswith("=") and isinstance(a, Known) and not _immutable(a):
            return run.refuse("a container is changed")
        if not self.kinds.holds_data(a) and not self.kinds.holds_data(b):
            if self.kinds.plain(a) and self.kinds.plain(b):
                return PLAIN
            if self.kinds.number(a) and self.kinds.number(b):
                return CLEAN
            return TRACED if traced and all(map(self._operand, (a, b))) else CLEAN
        changed = text.endswith("=") and a != TRACED
        if (traced or NUMBER in (a, b)) and not changed and all(map(self._operand, (a, b))):
            return TRACED
        run.expose(a, b)
        return PLAIN if all(self.kinds.plain(k) or self.kinds.arrays(k) for k in (a, b)) else CLEAN

    def _operand(self, k: Kind) -> bool:
        return k == TRACED or self.kinds.number(k) or self.kinds.arrays(k) or self.kinds.plain(k)

    def subscript(self, run: Any, a: Kind, key: Kind) -> Kind:
        run.expose(key)
        key = _index(key)
        if NEVER in (a, key):
            return NEVER
        if a in (TRACED, NUMBER):
            return a
        if self.kinds.plain(a) and (self.kinds.plain(key) or key == SLICE or isinstance(key, Known)):
            return PLAIN
        if isinstance(a, Known):
            return self._items(run, a, key)
        if isinstance(a, Tuple) and isinstance(key, Known) and len(key.objects) == 1:
            (k,) = key.objects
            if isinstance(k, int) and -len(a.parts) <= k < len(a.parts):
                return a.parts[k]
            if isinstance(k, slice):
                return Tuple(a.parts[k])
        if isinstance(a, (Tuple, Each)):
            one = isinstance(key, Known) and all(isinstance(k, int) for k in key.objects)
            item = self.kinds.item(a)
            return item if one or key == PLAIN else self.kinds.join(item, Each(item))
        return DATA if self.kinds.holds_data(a) else CLEAN

    def _items(self, run: Any, a: Known, key: Kind) -> Kind:
        if self.kinds.holds_data(a) and self.kinds.arrays(a):
            if isinstance(key, Known):
                found = [self._part(o, k) for o in a.objects for k in key.objects]
                if all(x is not _MISSING for x in found):
                    return self.kinds.joined(map(self.kinds.of, found))
            ours = any(type(o) is Array for o in a.objects)
            if key == SLICE and not ours:
                return a  # a view, and what it is used for is the same as for the whole
            if key == PLAIN and not ours and all(o.ndim > 1 and len(o) for o in a.objects):
                return Known(*(self._part(o, 0) for o in a.objects))
            return run.clean(a)
        out = NEVER
        for o in a.objects:
            if is_sequence(o) and (isinstance(key, Known) or key in (PLAIN, SLICE)):
                for k in key.objects if isinstance(key, Known) else (None,):
                    if isinstance(k, int) and -len(o) <= k < len(o):
                        out = self.kinds.join(out, self.kinds.of(o[k]))
                    elif isinstance(k, slice):
                        out = self.kinds.join(out, Known(self.once(o, k, functools.partial(o.__getitem__, k))))
                    else:
                        item = self.kinds.item(Known(o))
                        out = self.kinds.join(out, Each(item) if key == SLICE else item)
            elif type(o) is dict:
                known = isinstance(key, Known) and all(isinstance(k, (str, int)) for k in key.objects)
                held = [o[k] for k in key.objects if k in o] if known else o.values()
                out = self.kinds.join(out, self.kinds.joined(map(self.kinds.of, held)))
            else:
                out = self.kinds.join(out, DATA if self.kinds.holds_data(Known(o)) else CLEAN)
        return out

    def _part(self, o: Any, key: Any) -> Any:
        """A part of a hidden array that is a view of it."""
        if key is not None and not isinstance(key, (int, slice, tuple, type(...))):
            return _MISSING
        try:
            return self.once(o, key, lambda: self._view(o[key]))
        except (IndexError, TypeError):
            return _MISSING

    def _view(self, x: Any) -> Any:
        """A view of a hidden array, or a part of one of ours, which is recorded as soon as it is taken."""
        return x if is_array(x) and (self.found.is_hidden(x) or _core.recorded(x)) else _MISSING

    # ---- attributes

    def attribute(self, run: Any, x: Kind, name: str) -> Kind:
        if x in (TRACED, NUMBER):
            if name in ("T", "mT"):
                return x
            if name in _FACTS:
                return Each(PLAIN) if name == "shape" else CLEAN if name == "dtype" else PLAIN
            return Bound(x, name)
        if isinstance(x, Known):
            return self.kinds.mapped(x, lambda o: self._attribute_of(run, o, name))
        if x in (NEVER, DATA):
            return x
        return Bound(x, name) if isinstance(x, (Tuple, Each)) else self.kinds.summary([x])

    def _attribute_of(self, run: Any, o: Any, name: str) -> Kind:
        t = type(o)
        if isinstance(o, types.ModuleType):
            if library_module(o):  # also what it loads late
                return self.kinds.of(getattr(o, name)) if hasattr(o, name) else DATA
            return self.kinds.of(vars(o)[name]) if name in vars(o) else DATA
        if is_array(o):
            if name in _FACTS:
                return Known(getattr(o, name))
            if name == "T" and self.kinds.plain(Known(o)):
                return PLAIN
            if name == "T" and self.kinds.holds_data(Known(o)):
                view = self.once(o, "T", lambda: self._view(o.T))
                return run.clean(Known(o)) if view is _MISSING else self.kinds.of(view)
            return Bound(Known(o), name)
        if t in (list, tuple, dict, str, set, frozenset, range) or issubclass(t, (int, float, np.generic)):
            return Bound(Known(o), name)
        found_by: Any = t.__getattribute__
        if isinstance(o, type) or found_by is not object.__getattribute__ or hasattr(t, "__getattr__"):
            return DATA
        found = next((c.__dict__[name] for c in t.__mro__ if name in c.__dict__), _MISSING)
        own = getattr(o, "__dict__", None)
        if isinstance(found, types.MemberDescriptorType) or (is_sequence(o) and name in getattr(t, "_fields", ())):
            return self.kinds.of(getattr(o, name)) if hasattr(o, name) else DATA
        if found is not _MISSING and hasattr(type(found), "__set__"):
            return DATA  # a property
        if type(own) is dict and name in own:
            return self.kinds.of(own[name])
        if isinstance(found, types.FunctionType):
            return Known(types.MethodType(found, o))
        if isinstance(found, staticmethod):
            return Known(found.__func__)
        if isinstance(found, classmethod):
            return Known(types.MethodType(found.__func__, t))
        plain = found is not _MISSING and not hasattr(type(found), "__get__")
        return self.kinds.of(found) if plain else DATA

    # ---- calls

    def call(self, run: Any, f: Kind, given: list[Kind], named: dict[str, Kind]) -> Kind:
        everything = [*given, *named.values()]
        if f == NEVER or NEVER in everything:
            return NEVER
        if isinstance(f, Known):
            return self.kinds.joined([self._call_of(run, o, given, named) for o in f.objects])
        if isinstance(f, Made):
            return self._function(f.code, dict(f.cells), f.names, given, named, f.defaults)
        if isinstance(f, Gives):  # a gradient: what it is taken of becomes a leaf, the rest is passed on as it is
            run.expose(*given[:1], *named.values())
            return f.result
        if isinstance(f, Bound):
            return self._method(run, f.owner, f.name, given, named)
        run.expose(*everything)
        return CLEAN if f == CLEAN and self.kinds.summary(everything) == CLEAN else DATA

    def _call_of(self, run: Any, f: Any, given: list[Kind], named: dict[str, Kind]) -> Kind:
        if isinstance(f, types.MethodType):
            return self._call_of(run, f.__func__, [self.kinds.of(f.__self__), *given], named)
        if isinstance(f, types.FunctionType) and not library_file(f.__code__.co_filename):
            names = f.__code__.co_freevars
            cells = {n: self._content(c) for n, c in zip(names, f.__closure__ or (), strict=True)}
            defaults = tuple(map(self.kinds.of, f.__defaults__ or ()))
            return self._function(f.__code__, cells, Known(f.__globals__), given, named, defaults)
        if isinstance(f, _core.Compiled):
            inner = getattr(f, "__wrapped__", None)
            return DATA if inner is None else self._call_of(run, inner, given, named)
        if not isinstance(f, type):
            own = next((c.__dict__["__call__"] for c in type(f).__mro__ if "__call__" in c.__dict__), None)
            if isinstance(own, types.FunctionType) and not library_file(own.__code__.co_filename):
                return self._call_of(run, types.MethodType(own, f), given, named)
        if isinstance(f, types.FunctionType) and f in _TRANSFORMS and len(given) == 1 and not named:
            return Gives(CLEAN)
        if isinstance(f, _core.Transform) and _of_first(f):
            return self.call(run, Gives(CLEAN), given, named)
        return self._library(run, f, given, named)

    def _content(self, cell: Any) -> Kind:
        try:
            return self.kinds.of(cell.cell_contents)
        except ValueError:
            return NEVER

    def _function(
        self,
        code: Code,
        cells: dict[str, Kind],
        names: Known,
        given: list[Kind],
        named: dict[str, Kind],
        defaults: tuple[Kind, ...],
    ) -> Kind:
        """What a function of the user's gives. It is looked at by itself when it is entered."""
        count = code.co_argcount
        left = count - len(given)
        if named or code.co_flags & 12 or code.co_kwonlyargcount or not 0 <= left <= len(defaults):
            return DATA
        arguments = [*given, *defaults[len(defaults) - left :]]
        return self.returned(code, {**cells, **dict(zip(code.co_varnames, arguments, strict=False))}, names)

    def _library(self, run: Any, f: Any, given: list[Kind], named: dict[str, Kind]) -> Kind:
        everything = [*given, *named.values()]
        structural = f in _STRUCTURAL if isinstance(f, (type, types.BuiltinFunctionType)) else False
        if structural:
            return PLAIN if f is len else CLEAN
        if f is type and len(given) == 1:
            return self.kinds.mapped(given[0], lambda o: Known(type(o))) if isinstance(given[0], Known) else DATA
        if f in (zip, enumerate, reversed, iter, list, tuple) and given and named.keys() <= {"strict"}:
            items = [self.kinds.item(k) for k in given]
            item = {zip: Tuple(tuple(items)), enumerate: Tuple((PLAIN, items[0]))}.get(f, items[0]) if items else NEVER
            return Each(item)
        if isinstance(f, type) and issubclass(f, BaseException):
            run.expose(*everything)
            return CLEAN
        if f is range:
            run.expose(*everything)
            return Each(PLAIN)
        if f is sum and [self.kinds.item(given[0]), *given[1:]] == [TRACED, TRACED]:
            return TRACED
        recorded = any(k in (TRACED, NUMBER) for k in given)
        fits = recorded and all(map(self._operand, given[:2])) and len(given) <= 2
        texts = [k for k in given if isinstance(k, Known) and all(isinstance(o, str) for o in k.objects)]
        if _name(f) == "einsum":
            fits = recorded and all(self._operand(k) or k in texts for k in given)
        if _name(f) == "where":
            fits = recorded and all(map(self._operand, given))
        if fits and _lifts(f) and not self.kinds.holds_data(Tuple(tuple(named.values()))):
            return TRACED
        run.expose(*everything)
        if not _known_library(f) and any(isinstance(k, Known) and not _immutable(k) for k in everything):
            return run.refuse(f"a call of {getattr(f, '__name__', f)!r} that may change its arguments")
        if _module(f) == "wengert.program.loops":
            return NUMBER  # what its functions return is looked at where they run
        ours = _module(f).split(".")[0] == "wengert"  # calls it in this thread, where it is looked at
        used = [k for k in everything if isinstance(k, (Made, Gives, Known)) and self._runs(run, k, not ours)]
        if used or not _known_library(f):
            return DATA
        ufunc = isinstance(f, np.ufunc) and f.nout == 1 and all(map(self._operand, given))
        recorded = bool(given) and given[0] in (TRACED, NUMBER) and not named.keys() & {"out", "where"}
        known = ufunc or (_name(f) in _TRACED and (_name(f) != "where" or len(given) == 3))
        if recorded and known:
            return given[0]
        numeric = isinstance(f, np.ufunc) or (_hashable(f) and f in FUNCTIONS)
        return PLAIN if numeric and all(self.kinds.plain(k) or self.kinds.arrays(k) for k in everything) else CLEAN

    def _runs(self, run: Any, k: Kind, look: bool) -> bool:
        """A function of the user's that a library may call, in another thread perhaps: it counts as run."""
        if isinstance(k, Gives):
            return True
        functions = [k] if isinstance(k, Made) else [o for o in k.objects if isinstance(o, types.FunctionType)]
        for f in functions if look else ():
            code = f.code if isinstance(f, Made) else f.__code__
            if isinstance(f, Made):
                cells, names = dict(f.cells), f.names
            else:
                cells = {n: self._content(c) for n, c in zip(code.co_freevars, f.__closure__ or (), strict=True)}
                names = Known(f.__globals__)
            if not library_file(code.co_filename):
                more = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
                arguments = dict.fromkeys(code.co_varnames[:more], CLEAN)
                self.returned(code, {**cells, **arguments}, names, look=True)
        return bool(functions) or any(isinstance(o, (types.MethodType, functools.partial)) for o in k.objects)

    def _method(self, run: Any, x: Kind, name: str, given: list[Kind], named: dict[str, Kind]) -> Kind:
        everything = [*given, *named.values()]
        if x in (TRACED, NUMBER):
            if name == "dot" and len(given) == 1 and self._operand(given[0]):
                return x
            run.expose(*everything)
            return x if name in _TRACED and "out" not in named else CLEAN
        if isinstance(x, Known) and self.kinds.arrays(x) and self.kinds.holds_data(x):
            run.expose(*everything)
            if name in _VIEWS and not named and all(isinstance(k, Known) and len(k.objects) == 1 for k in given):
                views = [self._moved(o, name, [k.objects[0] for k in given]) for o in x.objects]
                if all(v is not _MISSING for v in views):
                    return self.kinds.joined(map(self.kinds.of, views))
            run.clean(x)
            return CLEAN if name in _TEXT else PLAIN
        if self.kinds.plain(x) and all(map(self.kinds.plain, everything)):
            return CLEAN if name in _TEXT else PLAIN
        if isinstance(x, Known) and all(type(o) is dict for o in x.objects) and not named:
            if name == "get" and given:
                return self.kinds.join(self.subscript(run, x, given[0]), given[1] if len(given) > 1 else Known(None))
            parts = {
                "keys": lambda d: Known(self.once(d, name, lambda: list(d))),
                "values": lambda d: Known(self.once(d, name, lambda: list(d.values()))),
                "items": lambda d: Known(self.once(d, name, lambda: list(d.items()))),
            }
            if name in parts and not given:
                return self.kinds.joined(Each(self.kinds.item(parts[name](o))) for o in x.objects)
        if self.kinds.holds_data(x) or (isinstance(x, Known) and not _immutable(x) and not self.kinds.arrays(x)):
            run.expose(x)
            return run.refuse(f"{name} of a container")
        run.expose(*everything)
        return CLEAN

    def _moved(self, o: Any, name: str, arguments: list[Any]) -> Any:
        if not all(isinstance(a, (int, tuple)) for a in arguments):
            return _MISSING
        try:
            return self.once(o, (name, arguments), lambda: self._view(getattr(o, name)(*arguments)))
        except (TypeError, ValueError):
            return _MISSING


def _index(key: Kind) -> Kind:
    """A tuple of indices as one."""
    if isinstance(key, Tuple):
        if all(isinstance(p, Known) and len(p.objects) == 1 for p in key.parts):
            return Known(tuple(p.objects[0] for p in key.parts))
        basic = (slice, int, type(None), type(...))
        if SLICE in key.parts and all(
            p == SLICE or (isinstance(p, Known) and all(isinstance(o, basic) for o in p.objects)) for p in key.parts
        ):
            return SLICE
    return key


def _immutable(k: Known) -> bool:
    plain = (str, bytes, tuple, int, float, complex, np.generic, type(None), types.FunctionType, types.ModuleType, type)
    return all(isinstance(o, plain) or is_array(o) for o in k.objects)


def _of_first(f: Any) -> bool:
    """Is it a gradient with respect to the first argument, and nothing else?"""
    maker, (_, *options) = f._origin
    return maker in _TRANSFORMS and not any(options)


def _name(f: Any) -> str:
    if isinstance(f, np.ufunc) or f in (FUNCTIONS if _hashable(f) else ()):
        return f.__name__
    return getattr(f, "__name__", "") if _module(f).split(".")[0] == "wengert" else ""


def _lifts(f: Any) -> bool:
    """Does it make recorded values of all its operands, and compute with these only?"""
    if isinstance(f, np.ufunc):
        f = UFUNCS.get(f)
    elif _hashable(f) and f in FUNCTIONS:
        if f.__name__ in LIFTING or f is np.where:
            return True
        f = FUNCTIONS[f]
    if isinstance(f, types.BuiltinFunctionType):
        return f.__module__ == "wengert._core.ops"
    return isinstance(f, types.FunctionType) and _module(f).startswith("wengert.numpy") and f.__name__ in LIFTING


def _known_library(f: Any) -> bool:
    """Does it give nothing but what it makes of its arguments?"""
    if isinstance(f, np.ufunc):
        return True
    if not _hashable(f):
        return False
    if _hashable(f) and f in _PLAIN:
        return True
    return _module(f).split(".")[0] in _MODULES and getattr(f, "__name__", "") not in _REFLECTS


def _module(f: Any) -> str:
    return getattr(f, "__module__", None) or ""


def _hashable(f: Any) -> bool:
    return isinstance(f, (type, types.FunctionType, types.BuiltinFunctionType, type(np.sum)))
