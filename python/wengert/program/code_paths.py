"""The paths from the globals, cells and arguments of a function that its code follows (see `captures`)."""

from __future__ import annotations

import dis
import functools
import sys
import types
from itertools import pairwise
from typing import Any, NamedTuple

Code = types.CodeType


class Path(NamedTuple):
    kind: str  # of the root: "global", "cell" (a free variable) or "argument"
    root: str
    steps: tuple[tuple[str, Any], ...]  # ("attribute", name) or ("item", key)
    line: int | None
    called: bool = False  # what stands at its end is called, and nothing else

    def __str__(self) -> str:
        return self.root + "".join(f".{key}" if step == "attribute" else f"[{key!r}]" for step, key in self.steps)


_ROOTS = {
    "LOAD_GLOBAL": "global",
    "LOAD_NAME": "global",
    "STORE_GLOBAL": "global",
    "DELETE_GLOBAL": "global",
    "LOAD_DEREF": "cell",
    "LOAD_CLASSDEREF": "cell",
    "STORE_DEREF": "cell",
    "DELETE_DEREF": "cell",
    "LOAD_FAST": "argument",
    "LOAD_FAST_CHECK": "argument",
    "LOAD_FAST_BORROW": "argument",
}
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR"}
_KEYS = (str, int, bytes, type(None))


@functools.cache
def paths(code: Code) -> tuple[Path, ...]:
    """The paths in a function and in those defined inside it, as far as they do not start in it."""
    found: dict[Path, None] = {}
    arguments = set(code.co_varnames[: _arguments(code)])
    whole = [i for i in dis.get_instructions(code) if i.opname not in _SKIPPED]
    # A PUSH_NULL stands before what is called; from 3.13 on behind it.
    after = {a.offset for a, b in pairwise(whole) if b.opname == "PUSH_NULL"}
    before = {b.offset for a, b in pairwise(whole) if a.opname == "PUSH_NULL"}
    steps = [i for i in whole if i.opname != "PUSH_NULL"]
    line: int | None = code.co_firstlineno
    for k, i in enumerate(steps):
        starts = getattr(i, "line_number", None) or (i.starts_line if type(i.starts_line) is int else None)
        line = starts or line
        several = isinstance(i.argval, tuple) and "LOAD_FAST" in i.opname
        names = i.argval if several else (i.argval,)
        for name in names[:-1]:  # several loads in one instruction: no path goes on from the first of them
            if name in arguments:
                found[Path("argument", name, (), line)] = None
        kind, name = "argument" if several else _ROOTS.get(i.opname), names[-1]
        if kind == "cell" and name in code.co_cellvars:
            kind = "argument"  # that a function inside it uses as well
        if kind is None or (kind == "argument" and name not in arguments):
            continue
        path, end = _steps(steps, k + 1) if "LOAD" in i.opname else ((), k)
        called = steps[end].offset in after if sys.version_info >= (3, 13) else i.offset in before
        if i.opname == "LOAD_GLOBAL" and sys.version_info >= (3, 11) and i.arg is not None and i.arg & 1:
            called = not path
        found[Path(kind, name, path, line, called)] = None
    for constant in code.co_consts:
        if isinstance(constant, Code):
            own = set(code.co_freevars)
            for inner in paths(constant):
                if inner.kind == "cell" and inner.root in arguments:  # an argument that a function inside it uses
                    found[inner._replace(kind="argument")] = None
                elif inner.kind == "global" or (inner.kind == "cell" and inner.root in own):
                    found[inner] = None
    return tuple(found)


_SKIPPED = {"CACHE", "EXTENDED_ARG", "NOP", "RESUME", "PRECALL", "NOT_TAKEN"}


def _arguments(code: Code) -> int:
    more = bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return code.co_argcount + code.co_kwonlyargcount + more


def _steps(steps: list[dis.Instruction], k: int) -> tuple[tuple[tuple[str, Any], ...], int]:
    """The path that goes on at an instruction, and the last instruction of it."""
    out: list[tuple[str, Any]] = []
    while k < len(steps):
        i = steps[k]
        if i.opname in _ATTRIBUTES:
            out.append(("attribute", i.argval))
            k += 1
            if not i.opname.startswith("LOAD"):
                break
        elif (
            i.opname == "LOAD_CONST"
            and isinstance(i.argval, _KEYS)
            and k + 1 < len(steps)
            and (
                steps[k + 1].opname == "BINARY_SUBSCR"
                or (steps[k + 1].opname == "BINARY_OP" and steps[k + 1].argrepr == "[]")
            )
        ):
            out.append(("item", i.argval))
            k += 2
        else:
            break
    return tuple(out), k - 1


def mentions(code: Code, text: str) -> bool:
    return any(text == c or (isinstance(c, tuple) and text in c) for c in code.co_consts)
