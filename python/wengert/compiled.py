"""Compiled functions: a run is recorded once, with the operations of its derivatives, and replayed at native speed."""

from __future__ import annotations

import copyreg
import functools
from collections.abc import Callable, Sequence
from typing import Any

from . import _core
from .tree import LEAF, tree_flatten, tree_unflatten

__all__ = ["compile"]

Function = Callable[..., Any]


def _flatten(x: Any) -> tuple[list[Any], Any] | None:
    """Leaves and structure of a container that is no tuple, list or dict; None if it is none."""
    leaves, spec = tree_flatten(x)
    return None if spec is LEAF else (leaves, spec)


def _unflatten(spec: Any, leaves: list[Any]) -> Any:
    return tree_unflatten(spec, leaves)


def compile(f: Function | None = None, *, static_argnums: int | Sequence[int] = (), cache_size: int = 64) -> Any:
    """A function that records ``f`` on its first call and replays the record afterwards, without Python.

    ``f`` may be any function of numbers, arrays and trees of them, transforms of functions included
    (``compile(value_and_grad(loss))``, a whole training step). It is recorded anew for arguments of another
    structure, shape or type. Where ``f`` asks for a number (``if x > 0``, ``float(x)``, ``range(n)``) the answer is
    checked on every replay; if it is another one, another program is used or recorded, so every branch is right.
    Called with values that are being differentiated, ``f`` itself runs: transforms of compiled functions work.

    ``static_argnums`` names arguments that are part of the program: hashable values, one program for each.
    At most ``cache_size`` programs are kept, the ones used last.

    ``f`` should have no side effects: what it prints or stores happens while it is recorded only. Arrays from outside
    that are not arguments count as constants. Arguments that ``f`` changes in place (``w -= 0.1 * g``) are changed on
    every call.

    The result has ``why()`` (the reason for each recording), ``stats()``, ``listing()`` (the program) and ``explain()``
    (what each pass did).

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
        return functools.partial(compile, static_argnums=static_argnums, cache_size=cache_size)
    if not callable(f):
        raise TypeError(f"compile: the first argument must be a function, got {type(f).__name__}")
    if cache_size < 1:
        raise ValueError(f"compile: cache_size must be at least 1, got {cache_size}")
    nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    g = _core.new_compiled(f, nums, cache_size, _flatten, _unflatten)
    functools.update_wrapper(g, f, assigned=[a for a in functools.WRAPPER_ASSIGNMENTS if hasattr(f, a)], updated=())
    name = getattr(f, "__name__", "f")
    reports = _Reports(g, name)
    g.why, g.stats, g.listing, g.explain = reports.why, reports.stats, reports.listing, reports.explain
    g.clear_cache = reports.clear_cache
    g._repr, g._str = reports.repr, reports.listing
    g._options = (nums, cache_size)
    return g


def _recompile(f: Function, static_argnums: tuple[int, ...], cache_size: int) -> Any:
    return compile(f, static_argnums=static_argnums, cache_size=cache_size)


# The function travels, not its programs: they hold addresses, and are recorded again in no time.
def _reduce(g: Any) -> tuple[Any, ...]:
    return _recompile, (g.__wrapped__, *g._options)


copyreg.pickle(_core.Compiled, _reduce)


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
        """Counts of replays, recordings, checks that failed and calls that went to the function "
        "itself; memory, flops."""
        s = dict(_core.compiled_stats(self._g()))
        programs = _core.compiled_programs(self._g())
        s["arena_bytes"] = sum(p["arena"] for p in programs)
        s["flops"] = [p["flops"] for p in programs]
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

    def clear_cache(self) -> None:
        """Forgets all programs."""
        _core.compiled_clear(self._g())

    def repr(self) -> str:
        s = _core.compiled_stats(self._g())
        return f"<compile({self.name}): {s['programs']} program(s), {s['replays']} replay(s)>"
