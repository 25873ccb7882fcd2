"""Compiled functions: a run is recorded once, with the operations of its derivatives, and replayed at native speed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

from . import _core
from .pickling import importable_name
from .tree import LEAF, tree_flatten, tree_unflatten

__all__ = ["compile", "load_program"]

Function = Callable[..., Any]


def _flatten(x: Any) -> tuple[list[Any], Any] | None:
    """Leaves and structure of a container that is no tuple, list or dict; None if it is none."""
    leaves, spec = tree_flatten(x)
    return None if spec is LEAF else (leaves, spec)


def _unflatten(spec: Any, leaves: list[Any]) -> Any:
    return tree_unflatten(spec, leaves)


def compile(
    f: Function | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    donate_argnums: int | Sequence[int] = (),
    cache_size: int = 64,
) -> Any:
    """A function that records ``f`` on its first call and replays the record afterwards, without Python.

    ``f`` may be any function of numbers, arrays and trees of them, transforms of functions included
    (``compile(value_and_grad(loss))``, a whole training step). It is recorded anew for arguments of another
    structure, shape or type. Where ``f`` asks for a number (``if x > 0``, ``float(x)``, ``range(n)``) the answer is
    checked on every replay; if it is another one, another program is used or recorded, so every branch is right.
    Called with values that are being differentiated, ``f`` itself runs: transforms of compiled functions work.

    ``static_argnums`` names arguments that are part of the program: hashable values, one program for each.
    ``donate_argnums`` names arguments (counted by position) whose arrays the results may take over: each donated array
    is overwritten by the first result of its shape and type that no other has taken, and is returned in its place. So
    ``params = step(params, batch)`` updates the parameters in place, and every other name of a donated array sees the
    new values. A donated array must be writable.
    At most ``cache_size`` programs are kept, the ones used last.

    ``f`` should have no side effects: what it prints or stores happens while it is recorded only. Arrays from outside
    that are not arguments count as constants. Arguments that ``f`` changes in place (``w -= 0.1 * g``) are changed on
    every call.

    The result has ``why()`` (the reason for each recording), ``stats()``, ``listing()`` (the program), ``explain()``
    (what each pass did) and ``save(path)`` (see `load_program`). It can be pickled if ``f`` can.

    >>> import numpy as np, wengert as wg
    >>> g = wg.compile(wg.value_and_grad(lambda x: np.sum(x**2)))
    >>> g(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    >>> g(np.array([1.0, 3.0]))
    (np.float64(10.0), array([2., 6.]))
    >>> g.why()
    ['first call']
    """
    if f is None:
        return functools.partial(
            compile, static_argnums=static_argnums, donate_argnums=donate_argnums, cache_size=cache_size
        )
    if not callable(f):
        raise TypeError(f"compile: the first argument must be a function, got {type(f).__name__}")
    if cache_size < 1:
        raise ValueError(f"compile: cache_size must be at least 1, got {cache_size}")
    nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    donated = (donate_argnums,) if isinstance(donate_argnums, int) else tuple(donate_argnums)
    if both := set(nums) & set(donated):
        raise ValueError(f"compile: argument {min(both)} is both static and donated; a static argument does not change")
    return _defined(_new(), f, nums, donated, cache_size)


def _defined(g: Any, f: Function, nums: tuple[int, ...], donated: tuple[int, ...], cache_size: int) -> Any:
    _core.compiled_define(g, f, nums, donated, cache_size)
    g._donated = donated
    functools.update_wrapper(g, f, assigned=[a for a in functools.WRAPPER_ASSIGNMENTS if hasattr(f, a)], updated=())
    return _with_reports(g, getattr(f, "__name__", "f"))


def _with_reports(g: Any, name: str) -> Any:
    reports = _Reports(g, name)
    g.why, g.stats, g.listing, g.explain = reports.why, reports.stats, reports.listing, reports.explain
    g.clear_cache, g.save = reports.clear_cache, reports.save
    g._repr, g._str, g._name = reports.repr, reports.listing, name
    return g


def load_program(path: str | os.PathLike[str], *, max_bytes: int = 2**34) -> Any:
    """The compiled function that ``save`` wrote to ``path``, without its Python source.

    It is called like the one that was saved, with arguments of the structures, shapes and types it had programs for;
    its programs are planned anew for this machine. Other arguments, a branch that was never recorded and values that
    are being differentiated raise ValueError: there is no Python function to record again (save the compiled
    derivative where it is needed).

    The file is plain data and is checked as a whole before anything runs, so that a damaged or forged one raises
    ValueError. No array of it and no run may need more than ``max_bytes``.

    >>> import os, tempfile, numpy as np, wengert as wg
    >>> g = wg.compile(wg.grad(lambda x: np.sum(x**2)))
    >>> g(np.array([1.0, 2.0]))
    array([2., 4.])
    >>> path = os.path.join(tempfile.mkdtemp(), "gradient.wg")
    >>> g.save(path)
    >>> wg.load_program(path)(np.array([3.0, 4.0]))
    array([6., 8.])
    """
    with open(path, "rb") as file:
        return _loaded(file.read(), max_bytes)


def _loaded(data: bytes, max_bytes: int) -> Any:
    return _load(_new(), data, max_bytes)


def _load(g: Any, data: bytes, max_bytes: int) -> Any:
    name = _core.compiled_load(g, data, max_bytes, True)
    g.__name__ = name
    return _with_reports(g, name)


def _new() -> Any:
    return _core.new_compiled(_flatten, _unflatten)


# The function travels, and those of its programs that are plain data; the others are recorded again.
def _reduce(g: Any) -> Any:
    name = importable_name(g)
    if name is not None:
        return name
    data = _core.compiled_bytes(g, g._name, False)
    function = getattr(g, "__wrapped__", None)
    return _new, (), (function, _core.compiled_options(g), data, getattr(g, "_donated", ()))


# The object comes first and its function later: a model may hold its own compiled method.
def _setstate(g: Any, state: tuple[Function | None, tuple[tuple[int, ...], int], bytes, tuple[int, ...]]) -> None:
    f, (nums, cache_size), data, donated = state
    if f is None:
        _load(g, data, 2**63 - 1)
        return
    _defined(g, f, nums, donated, cache_size)
    _core.compiled_load(g, data, 2**63 - 1, False)


_core.Compiled.__reduce__ = _reduce  # type: ignore[method-assign, assignment]
_core.Compiled.__setstate__ = _setstate  # type: ignore[attr-defined]


class _Reports:
    """What a compiled function tells about itself."""

    def __init__(self, g: Any, name: str):
        import weakref

        self._g = weakref.ref(g)
        self.name = name

    def why(self) -> list[str]:
        """One line for each recording: what made it necessary."""
        return list(_core.compiled_reasons(self._g()))

    def stats(self) -> dict[str, Any]:
        """Counts of replays, recordings, checks that failed and calls that went to the function itself; bytes of memory
        that a replay works in; for each program its operations on numbers (a product's multiplications and additions),
        the bytes its steps read and write, and its steps."""
        s = dict(_core.compiled_stats(self._g()))
        programs = _core.compiled_programs(self._g())
        s["arena_bytes"] = sum(p["arena"] for p in programs)
        s["flops"] = [p["flops"] for p in programs]
        s["bytes"] = [p["bytes"] for p in programs]
        s["steps"] = [p["steps"] for p in programs]
        return s

    def listing(self) -> str:
        """The programs as text, the one used last first."""
        programs = _core.compiled_programs(self._g())
        if not programs:
            return f"compile({self.name}): no program yet"
        return "\n".join(f"# {self.name}({p['arguments']})\n{p['listing']}" for p in programs)

    def explain(self) -> str:
        """What each pass did, program by program."""
        programs = _core.compiled_programs(self._g())
        if not programs:
            return f"compile({self.name}): no program yet"
        return "\n".join(f"{self.name}({p['arguments']})\n{p['explanation']}" for p in programs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the programs recorded so far to a file, for `load_program` here or on another machine.

        Plain data: operations by name, constants, checks, the structure of arguments and results. ValueError where
        there is no program yet, or one with arguments or results that are no plain data (functions, classes,
        containers other than tuples, lists and dicts).
        """
        if not _core.compiled_programs(self._g()):
            raise ValueError(f"save: {self.name} has no program yet; call it with the arguments it is to be saved for")
        data = _core.compiled_bytes(self._g(), self.name, True)
        with open(path, "wb") as file:
            file.write(data)

    def clear_cache(self) -> None:
        """Forgets all programs."""
        _core.compiled_clear(self._g())

    def repr(self) -> str:
        s = _core.compiled_stats(self._g())
        return f"<compile({self.name}): {s['programs']} program(s), {s['replays']} replay(s)>"
