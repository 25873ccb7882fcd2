"""What surrounds a function: whose code is the user's and whose a library's, and what state random numbers are in."""

from __future__ import annotations

import os
import random
import sys
import sysconfig
import types
from typing import Any

import numpy as np

OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_LIBRARY = tuple(
    os.path.join(p, "")
    for p in {
        *(sysconfig.get_path(k) for k in ("stdlib", "platstdlib", "purelib", "platlib")),
        OURS,
        os.path.dirname(os.path.abspath(np.__file__)),
    }
    if p
)


def library_file(name: str | None) -> bool:
    return name is not None and (name.startswith(_LIBRARY) or name.startswith("<frozen") or "site-packages" in name)


_STANDARD = sys.stdlib_module_names - {"__main__"}


def library_module(module: types.ModuleType) -> bool:
    """Installed packages and the standard library: what they hold counts as constant."""
    return module.__name__.split(".")[0] in _STANDARD or library_file(getattr(module, "__file__", None))


def generator_state(g: Any) -> Any:
    if isinstance(g, np.random.Generator):
        g = g.bit_generator
    if isinstance(g, np.random.BitGenerator):
        return (
            repr(g.state)
            if not isinstance(g, np.random.MT19937)
            else (g.state["state"]["pos"], g.state["state"]["key"].tobytes())
        )
    if isinstance(g, np.random.RandomState):
        kind, key, *rest = g.get_state(legacy=True)
        return kind, np.asarray(key).tobytes(), *rest
    return g.getstate()


def random_state() -> Any:
    """Of the two generators that everybody shares."""
    return generator_state(np.random.mtrand._rand), random.getstate()
