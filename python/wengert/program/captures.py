"""What a function reads besides its arguments, found in its code before it runs; compared on every replay (C++).

The roots are cells, globals, defaults and ``self``. From there a path leads on by constant attributes and keys
(``self.net.w``, ``CONFIG["rate"]``); what stands at its end is a capture. Where something else is done with that
object (it is passed on, iterated, indexed by a variable), all that can be reached from it counts.
"""

from __future__ import annotations

import builtins
import functools
import os
import random
import sys
import types
from collections import deque
from typing import Any

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert.program.code_paths import Code, Path, mentions, paths
from wengert.program.surroundings import OURS, generator_state, library_file, library_module, random_state

_CONSTANT: tuple[type, ...] = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type,
    type(...),
    slice,
    range,
    np.dtype,
    np.generic,
    np.ufunc,
    types.ModuleType,
    Code,
    property,
    staticmethod,
    classmethod,
)


def _found_in_class(t: type, name: str) -> Any:
    for c in t.__mro__:
        if name in c.__dict__:
            return c.__dict__[name]
    return _MISSING


_MISSING = object()


# ---- one recording ---------------------------------------------------------------------------------------------------


class Watch:
    """Collects the captures of one recording: at its start, and whenever a function is entered for the first time."""

    #: whose methods draw random numbers: a call of one is seen where it happens (C++)
    generators = (np.random.Generator, np.random.RandomState, random.Random)

    def __init__(self, f: Any, arguments: tuple[Any, ...] = (), static: tuple[int, ...] = (), everywhere: bool = False):
        self._everywhere = everywhere  # functions count as entered as soon as they are found
        self.found = _core.Captures()
        self._root = f
        self._held: list[Any] = []  # so that ids stay theirs
        self._whole: set[int] = set()  # all that can be reached from these is captured
        self._parts: set[int] = set()  # these are captured by paths
        self._done: set[Any] = set()
        self._functions: dict[Code, list[tuple[Any, Any]]] = {}
        self._entered: set[Code] = set()
        self._generators: list[tuple[Any, Any]] = []
        self._global_random: Any = None  # the state of the generators that everybody shares, where it may move
        values = {i: arguments[i] for i in static if -len(arguments) <= i < len(arguments)}
        values = {i % len(arguments): v for i, v in values.items()}
        if isinstance(f, types.FunctionType) and not library_file(f.__code__.co_filename):
            names = f.__code__.co_varnames[: f.__code__.co_argcount]
            self.function(f, None)
            self._enter(f.__code__)
            for i, v in values.items():
                if i < len(names):
                    self._parts.add(id(v))
                    self._code(f.__code__, f, {names[i]: v})
                else:
                    self.walk(v, "an argument")
        else:
            self.walk(f, getattr(f, "__name__", "f"))
            for v in values.values():
                self.walk(v, "an argument")
        for v in arguments:
            if callable(v) and not isinstance(v, type):
                self.walk(v, getattr(v, "__name__", "an argument"))

    def look(self) -> Any:
        """What is called with every frame of the user's from now on."""
        from wengert.program.uses import Uses

        return Uses(self.found).enter

    def enter(self, frame: types.FrameType) -> bool:
        """Whether it is the user's."""
        code = frame.f_code
        module = sys.modules.get(str(frame.f_globals.get("__name__")))
        own = (module is None or not library_module(module)) and not library_file(code.co_filename)
        if own and code.co_name != "<module>":  # no import
            self._enter(code, frame)
        return own

    def _enter(self, code: Code, frame: types.FrameType | None = None) -> None:
        if code in self._entered:
            return
        self._entered.add(code)
        for inner in code.co_consts:  # captured with the function they are defined in
            if isinstance(inner, Code):
                self._entered.add(inner)
        known = self._functions.get(code, [])
        for f, owner in known:
            self._code(code, f, self._roots(code, owner))
        if frame is not None and not known:
            first = code.co_varnames[0] if code.co_argcount else None
            owner = frame.f_locals.get(first) if first else None
            self._code(code, None, self._roots(code, owner), frame)

    def _roots(self, code: Code, owner: Any) -> dict[str, Any]:
        known = id(owner) in self._parts or id(owner) in self._whole
        return {code.co_varnames[0]: owner} if owner is not None and code.co_argcount and known else {}

    def function(self, f: Any, owner: Any) -> None:
        code = f.__code__
        key = (code, id(f), id(owner))
        if key in self._done:
            return
        self._done.add(key)
        self._held += (f, owner)
        self._functions.setdefault(code, []).append((f, owner))
        if not library_file(code.co_filename):
            self.found.function(f, f.__name__)
            if f is not self._root:  # whose code a pickle answers for
                self.found.moves()
        self._tuple(f.__defaults__ or (), f"a default of {f.__name__}")
        if f.__kwdefaults__:
            self._container(f.__kwdefaults__, f"a default of {f.__name__}")
        if library_file(code.co_filename):  # ours, or a decorator: what it was made from
            for cell, name in zip(f.__closure__ or (), code.co_freevars, strict=True):
                value = _content(cell)
                ours = code.co_filename.startswith(OURS) and isinstance(value, (list, dict, set))  # a cache
                if value is not _MISSING and not ours:
                    self._bare(value, name)
                    self.walk(value, name)
        elif self._everywhere or code in self._entered:
            self._code(code, f, self._roots(code, owner))

    # ---- paths

    def _code(self, code: Code, f: Any, roots: dict[str, Any], frame: types.FrameType | None = None) -> None:
        names = f.__globals__ if f is not None else frame.f_globals if frame is not None else {}
        cells = dict(zip(code.co_freevars, f.__closure__ or (), strict=True)) if f is not None else {}
        if "errstate" in code.co_names + code.co_varnames and mentions(code, "raise"):
            self.found.refuse("it turns floating-point errors into exceptions")
        if self._global_random is None and any("random" in name for name in code.co_names):
            self._global_random = random_state()
        for path in paths(code):
            where = f" ({os.path.basename(code.co_filename)}:{path.line})"
            if path.kind == "global":
                self._global(names, path, where)
            elif path.kind == "argument":
                if path.root in roots:
                    self._follow(roots[path.root], path, path.root, where)
            elif path.root in cells:
                self._cell(cells[path.root], path, where)
            elif frame is not None and path.root in frame.f_locals:
                self._bare(frame.f_locals[path.root], path.root + where)
                self._follow(frame.f_locals[path.root], path, path.root, where)

    def _once(self, *key: Any) -> bool:
        if key in self._done:
            return False
        self._done.add(key)
        return True

    def _global(self, names: dict[str, Any], path: Path, where: str) -> None:
        if path.root in _REFLECTING and path.root not in names:
            self.found.refuse(f"it calls {path.root}(){where}, which can read anything")
        if path.root in names:
            value = names[path.root]
            if self._once("entry", id(names), path.root):
                self._constant(value)
                self.found.entry(names, path.root, value, path.root + where)
            self._follow(value, path, path.root, where)
        elif self._once("entry", id(names), path.root):
            self.found.no_entry(names, path.root, path.root + where)
            if not hasattr(builtins, path.root):
                self.found.moves()

    def _cell(self, cell: Any, path: Path, where: str) -> None:
        value = _content(cell)
        if self._once("cell", id(cell)):
            self._held.append(cell)
            self.found.moves()
            if value is _MISSING:
                self.found.empty_cell(cell, path.root + where)
            else:
                self.found.cell(cell, value, path.root + where)
        if value is not _MISSING:
            self._follow(value, path, path.root, where)

    def _constant(self, value: Any) -> None:
        """Programs whose captures are all parts of installed packages can be taken along to another process."""
        module = value if isinstance(value, types.ModuleType) else sys.modules.get(getattr(value, "__module__", ""))
        if module is None or not library_module(module):
            self.found.moves()

    def _follow(self, value: Any, path: Path, label: str, where: str) -> None:
        for n, (step, key) in enumerate(path.steps):
            if isinstance(value, types.ModuleType):
                if value is sys and key == "modules":
                    self.found.refuse(f"it reads sys.modules{where}, where it can find anything")
                if library_module(value):
                    return
                own = vars(value)
                label += f".{key}"
                if key not in own:
                    return
                if self._once("entry", id(own), key):
                    self.found.moves()
                    self.found.entry(own, key, own[key], label + where)
                value = own[key]
                continue
            label += f".{key}" if step == "attribute" else f"[{key!r}]"
            found = self._attribute if step == "attribute" else self._item
            value = found(value, key, label + where, n + 1 == len(path.steps))
            if value is _MISSING:
                return
        call = _found_in_class(type(value), "__call__") if path.called else None
        if isinstance(call, types.FunctionType) and not library_file(call.__code__.co_filename):
            self._method(type(value), "__call__", call, value, label + where)
        else:
            self.walk(value, label + where)

    def _method(self, t: type, name: str, f: Any, owner: Any, label: str) -> None:
        if self._once("method", id(t), name):
            self.found.moves()
            self.found.attribute(t, name, f, label)
        self._through(f, owner)

    def _attribute(self, value: Any, name: str, label: str, _last: bool) -> Any:
        t = type(value)
        own: Any = t.__getattribute__
        plain = own is object.__getattribute__ or isinstance(value, type)
        if isinstance(value, (Array, np.ndarray, *_CONSTANT)) and not isinstance(value, type):
            self.walk(value, label)
            return _MISSING
        if not plain:
            self.walk(value, label)
            return _MISSING
        self._parts.add(id(value))
        self._held.append(value)
        if isinstance(value, type):
            held = getattr(value, name, _MISSING)
            user = held is not _MISSING and not library_module(sys.modules.get(value.__module__, np))
            if user and not isinstance(held, types.MethodType) and self._once("attribute", id(value), name):
                self.found.moves()
                self.found.attribute(value, name, held, label)
            return held
        in_class = _found_in_class(t, name)
        if isinstance(in_class, (property, functools.cached_property)) and name not in getattr(value, "__dict__", ()):
            getter = in_class.fget if isinstance(in_class, property) else in_class.func
            if isinstance(in_class, functools.cached_property) and self._once("entry", id(value.__dict__), name):
                self.found.no_entry(value.__dict__, name, label)
            if isinstance(getter, types.FunctionType):
                self._through(getter, value)
            return _MISSING
        own = getattr(value, "__dict__", None)
        data = hasattr(type(in_class), "__set__") and not isinstance(in_class, types.MemberDescriptorType)
        if data or (own is not None and not isinstance(own, dict)):
            self.walk(value, label)
            return _MISSING
        if own is not None and name in own:
            held = own[name]
        elif isinstance(in_class, types.FunctionType):
            self._method(t, name, in_class, value, label)
            return _MISSING
        elif isinstance(in_class, (staticmethod, classmethod)):
            self._through(in_class.__func__, t)
            return _MISSING
        elif in_class is _MISSING and hasattr(t, "__getattr__"):
            self.walk(value, label)
            return _MISSING
        else:
            held = getattr(value, name, _MISSING)
            if isinstance(held, (types.BuiltinMethodType, types.MethodWrapperType)):
                self.walk(value, label)
                return _MISSING
        if self._once("attribute", id(value), name):
            self.found.moves()
            if held is _MISSING:
                self.found.no_attribute(value, name, label)
            elif own is not None and name in own:  # 1 ns where dicts have versions; an attribute takes 17
                self.found.entry(own, name, held, label)
            else:
                self.found.attribute(value, name, held, label)
        return held

    def _through(self, f: Any, owner: Any) -> None:
        """A method: its own code says what it reads of its object, unless that is not looked at."""
        if not isinstance(f, types.FunctionType) or library_file(f.__code__.co_filename):
            self.walk(owner, type(owner).__name__)
            if isinstance(f, types.FunctionType):
                self.function(f, owner)
        else:
            self._parts.add(id(owner))
            self.function(f, owner)

    def _item(self, value: Any, key: Any, label: str, _last: bool) -> Any:
        if type(value) is dict:
            self._held.append(value)
            if self._once("entry", id(value), type(key), key):
                self.found.moves()
                if key in value:
                    self.found.entry(value, key, value[key], label)
                else:
                    self.found.no_entry(value, key, label)
            return value.get(key, _MISSING)
        if type(value) in (list, tuple) and isinstance(key, int) and -len(value) <= key < len(value):
            self._held.append(value)
            if self._once("item", id(value), key) and (type(value) is list or isinstance(value[key], _ARRAYS)):
                self.found.moves()
                self.found.item(value, int(key), value[key], label)
            return value[key]
        self.walk(value, label)
        return _MISSING

    # ---- all that can be reached

    def walk(self, value: Any, label: str) -> None:
        if isinstance(value, type):
            self._class(value, label)
            return
        if isinstance(value, _CONSTANT) and type(value).__module__ in ("builtins", "numpy", "types"):
            return
        if id(value) in self._whole:
            return
        self._whole.add(id(value))
        self._held.append(value)
        if isinstance(value, _ARRAYS):
            return  # captured where it was found
        if isinstance(value, types.FunctionType):
            self.function(value, None)
        elif isinstance(value, types.MethodType):
            self._through(value.__func__, value.__self__)
        elif isinstance(value, (types.BuiltinMethodType, types.MethodWrapperType)):
            if not isinstance(value.__self__, types.ModuleType):
                self._bare(value.__self__, label)
                self.walk(value.__self__, label)
        elif isinstance(value, functools.partial):
            self.walk(value.func, label)
            self._tuple(value.args, label)
            self.walk(value.keywords, label)
        elif isinstance(value, (tuple, frozenset)):
            if isinstance(value, tuple):
                self._tuple(value, label)
            for attribute in vars(value).values() if hasattr(value, "__dict__") else ():
                self.walk(attribute, label)
        elif isinstance(value, (list, dict, set)):
            self._container(value, label)
            if hasattr(value, "__dict__"):
                self._container(value.__dict__, label)
        elif isinstance(value, deque):
            self.found.refuse(f"{label} is a deque; pass it as an argument")
        elif isinstance(value, (*self.generators, np.random.BitGenerator)):
            self._generators.append((value, generator_state(value)))
        elif isinstance(value, _core.Compiled):
            self.walk(getattr(value, "__wrapped__", None), label)
        else:
            self._object(value, label)

    def _bare(self, value: Any, label: str) -> None:
        """An array that was not found in a place: its content counts."""
        if isinstance(value, _ARRAYS):
            self.found.item((value,), 0, value, label)

    def _tuple(self, value: tuple[Any, ...], label: str) -> None:
        for k, part in enumerate(value):
            if isinstance(part, _ARRAYS):
                self.found.moves()
                self.found.item(tuple(value), k, part, label)
            self.walk(part, f"{label}[{k}]")

    def _container(self, value: Any, label: str) -> None:
        self.found.moves()
        self.found.container(value, label)
        if isinstance(value, dict):
            for key, part in value.items():
                if isinstance(part, _ARRAYS):
                    self.found.entry(value, key, part, f"{label}[{key!r}]")
                self.walk(part, f"{label}[{key!r}]")
        else:
            for k, part in enumerate(value):
                if isinstance(part, _ARRAYS) and isinstance(value, list):
                    self.found.item(value, k, part, f"{label}[{k}]")
                self.walk(part, f"{label}[{k}]" if isinstance(value, list) else label)

    def _class(self, value: type, label: str) -> None:
        for c in value.__mro__:
            module = sys.modules.get(c.__module__)
            if id(c) in self._whole or (module is not None and library_module(module)):
                continue
            self._whole.add(id(c))
            self._held.append(c)
            self.found.moves()
            for name, raw in list(vars(c).items()):
                held = getattr(c, name, _MISSING)
                if name.startswith("__") or held is _MISSING or isinstance(held, types.MethodType):
                    continue
                if self._once("attribute", id(c), name):
                    self.found.attribute(c, name, held, f"{label}.{name}")
                if isinstance(raw, types.FunctionType):
                    self.function(raw, None)
                elif not isinstance(raw, (property, types.MemberDescriptorType)):
                    self.walk(held, f"{label}.{name}")

    def _object(self, value: Any, label: str) -> None:
        self._class(type(value), label)
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict):
            self._container(own, label)
        for c in type(value).__mro__:
            for name, slot in c.__dict__.items():
                if isinstance(slot, types.MemberDescriptorType) and slot.__objclass__ is c and _user_class(c):
                    held = getattr(value, name, _MISSING)
                    self.found.moves()
                    if held is _MISSING:
                        self.found.no_attribute(value, name, f"{label}.{name}")
                    else:
                        self.found.attribute(value, name, held, f"{label}.{name}")
                        self.walk(held, f"{label}.{name}")

    # ---- afterwards

    def lasting(self, value: Any) -> bool:
        """Whether a function or class among the results was there before."""
        known = self._functions.get(getattr(value, "__code__", None), [])  # type: ignore[arg-type]
        if id(value) in self._whole or any(f is value for f, _ in known):
            return True
        held: Any = sys.modules.get(getattr(value, "__module__", None) or "")
        for name in getattr(value, "__qualname__", "<locals>").split("."):
            held = getattr(held, name, None)
        return held is value

    def finish(self) -> None:
        """Called when the function has returned."""
        moved = self._global_random is not None and random_state() != self._global_random
        if moved or any(generator_state(g) != s for g, s in self._generators):
            self.found.refuse("it draws random numbers; use wengert.random with keys, or pass them as arguments")


_ARRAYS = (Array, np.ndarray)
_REFLECTING = {"eval", "exec", "globals", "__import__"}


def _user_class(c: type) -> bool:
    return "__slots__" in c.__dict__


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING
