"""Pickles and copies of functions that transforms return.

Functions travel as what they were made from: the function and the options. One that importing finds under its own name
(a decorated function of a module) travels by name, as Python's functions do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from wengert import _core

Function = Callable[..., Any]


def importable_name(g: Any) -> str | None:
    """The name by which ``g`` itself is found in its module, for ``__reduce__``; None if there is none.

    What is defined in ``__main__`` means nothing in another process to cloudpickle (joblib, Dask), which wants the
    parts instead; pickle cannot do that for a decorated function.
    """
    module, name = getattr(g, "__module__", None), getattr(g, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not g:
        return None
    if module == "__main__" and "cloudpickle" in sys._getframe(2).f_globals.get("__name__", ""):
        return None
    return name


def _reduce(g: Any) -> Any:
    name = importable_name(g)
    if name is not None:
        return name
    of_function = getattr(getattr(g, "__wrapped__", None), "__dict__", {})
    own = {k: v for k, v in vars(g).items() if k != "__wrapped__" and of_function.get(k) is not v}
    return _core.new_transform, (), (*g._origin, own)


# The object comes first and what it is made of later: a model may hold the gradient of its own method.
def _setstate(g: Any, state: tuple[Function, tuple[Any, ...], dict[str, Any]]) -> None:
    maker, args, attributes = state
    _core.become(g, maker(*args))
    vars(g).update(attributes)


def install() -> None:
    _core.Transform.__reduce__ = _reduce  # type: ignore[method-assign, assignment]
    _core.Transform.__setstate__ = _setstate  # type: ignore[attr-defined]
