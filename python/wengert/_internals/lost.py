"""Where a derivative would be lost: what was called, on which line of the user's, what to write instead.

`given` knows the few that may have the numbers, or take the elements as they are. `explain` runs only when an error is
raised. Who asks for a C double (``math.sin``, NumPy's ``out[0] = x``) cannot be seen from the value, so the source of
the running expression is read; without source the message is less precise, never absent.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import itertools
import linecache
import re
import sys
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

from wengert import _core

# Frames of these are not the user's code.
_LIBRARIES = {*sys.stdlib_module_names, "wengert", "numpy", "scipy", "pandas", "sympy", "mpmath", "sklearn"}
_UNKNOWN = object()

_KEEP = "leave it as it is (an Array computes like a number)"
_ARRAY = "use wengert.numpy.array, or np.stack, which is differentiated as it is"
_WRITE = "make the array with wengert.numpy.zeros (empty, full …), or collect the values in a list for np.stack"
_REPAIRS = {
    "float": _KEEP,
    "complex": _KEEP,
    "%": "use an f-string",
    "numpy.array": _ARRAY,
    "numpy.asarray": _ARRAY,
    "numpy.asanyarray": _ARRAY,
    "numpy.fromiter": _ARRAY,
    "numpy.ndarray.__setitem__": _WRITE,
    "numpy.ndarray.put": _WRITE,
    "numpy.ndarray.fill": "make the array with wengert.numpy.full",
    "wengert.Array.item": _KEEP,
    "wengert.Array.numpy": _KEEP,
    "wengert.Array.tolist": "use list(x)",
    "setitem": _WRITE,
}
_NAMESAKES = {  # in wengert.numpy, of functions that have another name there
    "fsum": "sum", "sumprod": "dot", "dist": "linalg.norm", "fmean": "mean", "stdev": "std", "pstdev": "std",
    "variance": "var", "pvariance": "var", "quantiles": "quantile", "covariance": "cov", "correlation": "corrcoef",
    "phase": "angle",
}  # fmt: skip


def explain(how: str, about: str = "") -> str:
    """The message. `how`: what was asked of the value (see lost.cpp); `about`: the array a write was refused for."""
    asking = _outside(sys._getframe(1))
    user, entry = asking, None  # entry: the function of a library that the user called
    while user is not None and _module(user) in _LIBRARIES:
        user, entry = user.f_back, user
    if user is None:
        user, entry = asking, None
    if user is None:
        return "wengert: a value that carries a derivative was asked for its plain number"
    text, node = _running(user)
    if isinstance(node, ast.Subscript):
        text += " = …"
    where = f"{user.f_code.co_filename}:{user.f_lineno}" + (f": {text}" if text else "")
    if how == "outer":
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name)] if node is not None else []
        named = min(names, key=lambda n: (n.lineno, n.col_offset)).id if names else "the array"
        return (
            f"wengert: {named}, a {about} made outside of the transform, cannot hold a value that is being "
            f"differentiated ({where}); make the array inside the function, return the value, or write x.detach()"
        )
    name = _asker(node, user, how, _public(entry) if entry is not None else "")
    if asking is not None and asking.f_code.co_filename.startswith("<lambdify"):
        repair = 'use sympy.lambdify(…, modules="numpy")'
    else:
        repair = _repair(name)
    return (
        f"wengert: {name} takes the plain numbers of a value that carries a derivative, which would be lost "
        f"({where}); {repair}, or x.detach() if no derivative is wanted"
    )


def given(x: Any, dtype: Any) -> np.ndarray[Any, Any] | None:
    """What ``x.__array__(dtype)`` gives of a value that carries a derivative, if none is lost; None: an error it is.

    Arrays of objects hold the elements, with their derivatives. NumPy makes them where it is asked to, and gets them
    where it does with objects what it does with numbers. Its tests give nothing that could carry a derivative.
    """
    if dtype is not None and np.dtype(dtype) == object:
        return _elements(x)
    frame = _outside(sys._getframe(1))
    while frame is not None and _module(frame) == "numpy":
        if frame.f_globals["__name__"].startswith("numpy.testing"):
            return x.detach().numpy()
        if frame.f_code in _of_elements() and (frame.f_code is _of_elements()[0] or not _core.shape_of(x)):
            return _elements(x)
        frame = frame.f_back
    return None


@functools.cache
def _of_elements() -> tuple[CodeType, ...]:
    """The code of `np.ndenumerate`, and of what adds or multiplies a list of numbers (max would forget a NaN)."""
    functions = np.ndenumerate.__init__, inspect.unwrap(np.sum), inspect.unwrap(np.prod)
    return tuple(f.__code__ for f in functions)


def _elements(x: Any) -> np.ndarray[Any, Any]:
    shape = _core.shape_of(x)
    out = np.empty(shape, object)
    for i in np.ndindex(shape):
        out[i] = x[i] if i else x
    return out


def _module(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name.partition(".")[0] if isinstance(name, str) else "wengert"  # code of a library's making


def _outside(frame: FrameType | None) -> FrameType | None:
    while frame is not None and _module(frame) == "wengert":
        frame = frame.f_back
    return frame


def _running(frame: FrameType) -> tuple[str, ast.AST | None]:
    """The source of the expression a frame is at, and its tree (the whole line where Python does not know more)."""
    code, start, end, first, last = frame.f_code, frame.f_lineno, frame.f_lineno, None, None
    if hasattr(code, "co_positions") and frame.f_lasti >= 0:  # Python 3.11
        known = next(itertools.islice(code.co_positions(), frame.f_lasti // 2, None), (None,) * 4)
        if None not in known:
            start, end, first, last = known
    lines = [linecache.getline(code.co_filename, i, frame.f_globals).encode() for i in range(start, end + 1)]
    if last is not None:
        lines[-1] = lines[-1][:last]
        lines[0] = lines[0][first:]
    text = re.sub(r"\s+", " ", b"".join(lines).decode(errors="replace")).strip()
    return text if len(text) < 100 else text[:97] + "...", _tree(text)


def _tree(text: str) -> ast.AST | None:
    for attempt in (f"({text})", text, f"{text} pass"):
        try:
            tree = ast.parse(attempt)
        except (SyntaxError, ValueError):
            continue
        statement = tree.body[0] if tree.body else None
        return statement.value if isinstance(statement, ast.Expr) else statement
    return None


def _asker(node: ast.AST | None, frame: FrameType, how: str, called: str) -> str:
    """The name of what asked for the numbers; `called`: of the function of a library that runs, if one does."""
    if how in ("item", "numpy"):
        method = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else how
        return f"wengert.Array.{method}"
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mod):
            return "%"
        if isinstance(part, ast.Subscript) and (part is node or isinstance(part.ctx, ast.Store)):
            into = type(_value(part.value, frame))
            return "numpy.ndarray.__setitem__" if into in (object, np.ndarray) else f"{into.__qualname__}.__setitem__"
        if not isinstance(part, (ast.Name, ast.Attribute)):
            continue
        name = _name(_value(part, frame))
        if name in _REPAIRS or name.startswith(("math.", "cmath.", "statistics.", "numpy.", "scipy.")):
            return name
        called = called or name
    return called or ("numpy.asarray" if how == "array" else "float, or what takes a C double,")


def _value(node: ast.AST, frame: FrameType) -> Any:
    """What a name or a chain of attributes stands for; nothing of the user's is run for it."""
    if isinstance(node, ast.Name):
        for scope in (frame.f_locals, frame.f_globals, vars(builtins)):
            if node.id in scope:
                return scope[node.id]
    elif isinstance(node, ast.Attribute):
        base = _value(node.value, frame)
        if isinstance(base, ModuleType):
            return getattr(base, node.attr, _UNKNOWN)
        if issubclass(type(base), np.ndarray):
            base = np.ndarray
        return inspect.getattr_static(base, node.attr, _UNKNOWN)
    return _UNKNOWN


def _name(value: Any) -> str:
    """The public name of a function or type; empty for other things."""
    if value is _UNKNOWN or not callable(value):
        return ""
    owner = getattr(value, "__objclass__", None)
    if owner is not None:  # a method of a C type
        return f"{owner.__module__}.{owner.__qualname__}.{value.__name__}"
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name:
        return ""
    return _joined(module, name)


def _public(frame: FrameType) -> str:
    """The name of the function of a library that runs in a frame."""
    return _joined(str(frame.f_globals.get("__name__")), getattr(frame.f_code, "co_qualname", frame.f_code.co_name))


def _joined(module: str, name: str) -> str:
    return ".".join(part for part in (*module.split("."), name) if part != "builtins" and not part.startswith("_"))


def _repair(name: str) -> str:
    from wengert import numpy as mirror

    if name in _REPAIRS:
        return _REPAIRS[name]
    module, _, last = name.rpartition(".")
    last = _NAMESAKES.get(last, last)
    if module in ("math", "cmath", "statistics", "numpy", "numpy.ndarray") and last.partition(".")[0] in mirror.__all__:
        namesake = getattr(mirror, last.partition(".")[0])
        return "write x.astype(dtype)" if isinstance(namesake, type) else f"use wengert.numpy.{last}"
    if module.startswith("numpy.random"):
        return "scale and shift plain random numbers, or use wengert.random"
    if module.startswith("scipy"):
        return "write a rule for it with wengert.custom_vjp"
    return "use functions of wengert.numpy"
