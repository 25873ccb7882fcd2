"""Proof, from the code that runs, that hidden arrays are operands of recorded operations and nothing else.

A hidden array is read where it lies on every replay, so nothing else that a function does may depend on its elements:
no branch, no number taken out, nothing that plain NumPy computes. Every Python function of the user's is looked at when
it is entered, with the arguments it got. Its code is interpreted over *kinds* (see `kinds`): along all its paths, until
nothing changes any more. Where elements of an array may be used in another way, that array is *exposed*: no hidden one
in this recording, before the function has done anything. What is not understood exposes all arrays.

Operations of recorded values (``x @ w``) with hidden arrays are the only ones that do not expose them; views stay the
array; shapes and types are checked on every replay. Functions of libraries see no hidden array but for those in
`calls.LIFTING`, and what they give is no part of one.
"""

from __future__ import annotations

import dis
import functools
import sys
import types
from collections.abc import Iterator
from typing import Any

from wengert.program.calls import Calls
from wengert.program.code_paths import Code
from wengert.program.kinds import CLEAN, DATA, NEVER, Each, Kind, Known
from wengert.program.opcodes import ENDS, Steps, Unknown
from wengert.program.surroundings import library_file

_MOST_STEPS = 20_000  # of one function's code


class Uses:
    """The functions that run in one recording."""

    def __init__(self, found: Any):
        self.calls = Calls(found, self.returned)
        self.kinds = self.calls.kinds
        self.found = found
        self._known: dict[Any, Any] = {}
        self._running = 0
        self._held: list[Any] = []  # so that ids stay theirs

    def enter(self, frame: types.FrameType) -> None:
        code = frame.f_code
        if frame.f_lasti > _first_line(code):  # a generator goes on
            return
        if str(frame.f_globals.get("__name__")).startswith("namedtuple_") and not frame.f_globals["__builtins__"]:
            return  # making one, which is a call of a class where it is written
        given = {name: self.kinds.of(value) for name, value in frame.f_locals.items()}
        self._held.append(given)
        result = self._look(code, given, Known(frame.f_globals))
        caller = frame.f_back
        if caller is not None and library_file(caller.f_code.co_filename):  # which may do anything with it
            self._expose(result, f"{code.co_filename}:{code.co_firstlineno}")

    def _expose(self, kind: Kind, where: str) -> None:
        arrays = self.kinds.exposed(kind)
        for x in (None,) if arrays is None else arrays:
            self.found.expose(x, where)

    def _look(self, code: Code, given: dict[str, Kind], names: Known) -> Kind:
        key = (code, tuple(given.items()), names)
        if key in self._known:
            return self._known[key]
        self._known[key] = DATA  # where it calls itself
        run = Run(self.calls, code, given, names)
        try:
            result = run.result()
        except Unknown as e:
            self.found.expose(None, f"{code.co_name}: {e}")
            result = DATA
        else:
            for kind, line in run.exposed:
                self._expose(kind, f"{code.co_filename}:{line}")
        self._known[key] = result
        return result

    def returned(self, code: Code, given: dict[str, Kind], names: Known, look: bool = False) -> Kind:
        """What a function gives that is called with such arguments. With `look` it counts as run."""
        if look:
            return self._look(code, given, names)
        key = ("returned", code, tuple(given.items()), names)
        if key in self._known:
            return self._known[key]
        self._known[key] = DATA
        if self._running < 12:
            self._running += 1
            try:
                self._known[key] = Run(self.calls, code, given, names).result()
            except Unknown:
                pass
            finally:
                self._running -= 1
        return self._known[key]


@functools.cache
def _first_line(code: Code) -> int:
    """Where a function stands before it has done anything."""
    for i in dis.get_instructions(code):
        if i.opname == "RESUME":
            return i.offset
    return -1


class Run(Steps):
    """One function's code, interpreted."""

    def __init__(self, calls: Calls, code: Code, given: dict[str, Kind], names: Known):
        self.calls, self.kinds, self.code, self.names = calls, calls.kinds, code, names
        self.given = given
        self.own = {*code.co_varnames, *code.co_cellvars}
        self.variables: dict[str, Kind] = {n: k for n, k in given.items() if n in self.own}
        self.steps: list[dis.Instruction] = []
        self.at: dict[int, int] = {}
        for i in dis.get_instructions(code):
            self.at[i.offset] = len(self.steps)  # also of what belongs to the next one
            if i.opname not in ("CACHE", "EXTENDED_ARG"):
                self.steps.append(i)
        self.handlers = list(_handlers(code))
        self.generator = bool(code.co_flags & 0x20)
        self.line: int | None = code.co_firstlineno

    def result(self) -> Kind:
        if self.code.co_flags & 0x280:
            raise Unknown("a coroutine")
        if sys.version_info < (3, 11):
            raise Unknown("this version of Python")
        before = None
        left = _MOST_STEPS
        while before != self.variables:
            before = dict(self.variables)
            self.given_back: Kind = NEVER
            self.exposed: list[tuple[Kind, int | None]] = []
            left = self._walk(left)
        return Each(self.given_back) if self.generator else self.given_back

    def _walk(self, left: int) -> int:
        self.states: dict[int, tuple[Kind, ...]] = {}
        self.todo: list[int] = []
        self._to(0, ())
        while self.todo:
            k = self.todo.pop()
            left -= 1
            if left < 0:
                raise Unknown("it is too long")
            self.k, self.i = k, self.steps[k]
            self.stack = list(self.states[k])
            self.line = getattr(getattr(self.i, "positions", None), "lineno", None) or self.line
            for start, end, target, depth, lasti in self.handlers:
                if start <= self.i.offset < end:
                    self._to(self.at[target], (*self.stack[:depth], *([CLEAN] if lasti else []), CLEAN))
            step = getattr(self, f"do_{self.i.opname}", None)
            if step is None:
                raise Unknown(f"{self.i.opname} in line {self.line}")
            if step() is not ENDS:
                self._check(len(self.states[k]))
                self._to(k + 1, tuple(self.stack))
        return left

    def _check(self, before: int) -> None:
        """The interpreter's own account of the stack."""
        i = self.i
        if i.opname in ("PRECALL", "KW_NAMES"):
            return
        effect = dis.stack_effect(i.opcode, i.arg if i.opcode >= dis.HAVE_ARGUMENT else None, jump=False)
        if i.opname == "CALL" and sys.version_info < (3, 12):
            effect -= i.arg or 0
        if len(self.stack) - before != effect:
            raise Unknown(f"{i.opname} in line {self.line}")

    def _to(self, k: int, stack: tuple[Kind, ...]) -> None:
        known = self.states.get(k)
        if known is None:
            self.states[k] = stack
        else:
            if len(known) != len(stack):
                raise Unknown("branches that do not fit")
            joined = tuple(map(self.kinds.join, known, stack))
            if joined == known:
                return
            self.states[k] = joined
        self.todo.append(k)


def _handlers(code: Code) -> Iterator[tuple[int, int, int, int, bool]]:
    if not getattr(code, "co_exceptiontable", b""):
        return
    try:
        table = dis._parse_exception_table(code)  # type: ignore[attr-defined]
    except AttributeError:
        raise Unknown("exceptions are handled") from None
    for entry in table:
        yield entry.start, entry.end, entry.target, entry.depth, entry.lasti
