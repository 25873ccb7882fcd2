"""Compiled functions: a run is recorded once, with the operations of its derivatives, and replayed at native speed."""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from wengert import _core
from wengert.transforms.pickling import importable_name

__all__ = ["compile", "load_program"]

Function = Callable[..., Any]


def _watch(f: Any, arguments: tuple[Any, ...], static: tuple[int, ...], everywhere: bool) -> Any:
    from wengert.program.captures import Watch

    return Watch(f, arguments, static, everywhere)


def _static_names(f: Any, nums: tuple[int, ...]) -> tuple[str, ...]:
    """Names of the static arguments that may be given by keyword as well."""
    if not nums:
        return ()
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return ()
    given = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return tuple(
        given[i].name
        for i in nums
        if -len(given) <= i < len(given) and given[i].kind is not inspect.Parameter.POSITIONAL_ONLY
    )


def compile(
    f: Function | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    donate_argnums: int | Sequence[int] = (),
    cache_size: int = 64,
    verify: bool = False,
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

    A replay gives what ``f`` would have given now, or ``f`` runs. Arguments that ``f`` changes (``w -= 0.1 * g``,
    ``p["b"] = b``, ``xs.append(y)``) are changed on every call. What ``f`` reads besides its arguments (cells, globals,
    attributes) is compared on every call; docs/compile.md says what is seen. Prints and the like happen while ``f`` is
    recorded only. With ``verify`` every call runs ``f`` as well, on copies of the arguments, and a difference raises
    AssertionError.

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
            compile,
            static_argnums=static_argnums,
            donate_argnums=donate_argnums,
            cache_size=cache_size,
            verify=verify,
        )
    if not callable(f):
        raise TypeError(f"compile: the first argument must be a function, got {type(f).__name__}")
    if cache_size < 1:
        raise ValueError(f"compile: cache_size must be at least 1, got {cache_size}")
    nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    donated = (donate_argnums,) if isinstance(donate_argnums, int) else tuple(donate_argnums)
    if both := set(nums) & set(donated):
        raise ValueError(f"compile: argument {min(both)} is both static and donated; a static argument does not change")
    g = _defined(_new(), f, nums, donated, cache_size)
    if verify:
        from wengert.program.verified import verified

        return verified(f, g)
    return g


def _defined(g: Any, f: Function, nums: tuple[int, ...], donated: tuple[int, ...], cache_size: int) -> Any:
    _core.compiled_define(g, f, nums, donated, cache_size, _static_names(f, nums))
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
    return _core.new_compiled(_watch)


def _fingerprint(f: Any) -> str | None:
    """Of a function's code; None for anything else that can be called."""
    code = getattr(f, "__code__", None)
    if code is None:
        return None
    parts = repr((getattr(f, "__defaults__", None), getattr(f, "__kwdefaults__", None))).encode()
    return hashlib.sha256(parts + _code_bytes(code)).hexdigest()


def _code_bytes(code: types.CodeType) -> bytes:
    constants = [_code_bytes(c) if isinstance(c, types.CodeType) else repr(c).encode() for c in code.co_consts]
    names = repr((sys.version_info[:2], code.co_names, code.co_varnames, code.co_freevars)).encode()
    return b"\0".join([code.co_code, names, *constants])


# The function travels, and those of its programs that are plain data; the others are recorded again.
def _reduce(g: Any) -> Any:
    name = importable_name(g)
    if name is not None:
        return name
    data = _core.compiled_bytes(g, g._name, False)
    f = getattr(g, "__wrapped__", None)
    return _new, (), (f, _core.compiled_options(g), data, getattr(g, "_donated", ()), _fingerprint(f))


# The object comes first and its function later: a model may hold its own compiled method.
def _setstate(
    g: Any, state: tuple[Function | None, tuple[tuple[int, ...], int], bytes, tuple[int, ...], str | None]
) -> None:
    f, (nums, cache_size), data, donated, code = state
    if f is None:
        _load(g, data, 2**63 - 1)
        return
    _defined(g, f, nums, donated, cache_size)
    if code is not None and code == _fingerprint(f):  # else another source: it is recorded anew
        _core.compiled_load(g, data, 2**63 - 1, False)


_core.Compiled.__reduce__ = _reduce  # type: ignore[method-assign, assignment]
_core.Compiled.__setstate__ = _setstate  # type: ignore[attr-defined]


class _Reports:
    """What a compiled function tells about itself."""

    def __init__(self, g: Any, name: str):
        import weakref

        self._held = weakref.ref(g)
        self.name = name

    def _g(self) -> Any:
        g = self._held()
        if g is None:
            raise ReferenceError(f"the compiled {self.name} is gone, and its reports with it; keep the function")
        return g

    def why(self) -> list[str]:
        """One line for each recording: what made it necessary."""
        return list(_core.compiled_reasons(self._g()))

    def stats(self) -> dict[str, Any]:
        """Counts of replays, recordings, guards that failed and calls that went to the function itself; bytes of memory
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

        Plain data: operations by name, constants, guards, the structure of arguments and results. ValueError where
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
