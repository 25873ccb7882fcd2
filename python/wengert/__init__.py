"""Exact derivatives of NumPy code, at the speed of hand-written C++.

>>> import numpy as np, wengert as wg
>>> wg.grad(lambda x: np.sum(np.tanh(x) ** 2))(np.array([0.0, 1.0]))
array([0.        , 0.63970001])
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from . import _array, hints, pickling, threadpool
from ._array import no_grad
from ._core import Array, array, asarray
from .jacobians import hessian, hvp, jacfwd, jacobian, jacrev
from .registry import Primitive, apply, primitives
from .transforms import elementwise_grad, grad, jvp, linearize, stop_gradient, value_and_grad, vjp

__version__ = "0.1.0"

# Loaded when first used: an import of wengert stays a matter of milliseconds.
_LATER = {
    "check_grads": "testing",
    "numerical_gradient": "testing",
    "custom_vjp": "custom",
    "custom_jvp": "custom",
    "checkpoint": "custom",
    "compile": "compiled",
    "load_program": "compiled",
    "scan": "loops",
    "fori_loop": "loops",
    "while_loop": "loops",
    "cond": "loops",
    "record": "recording",
    "name": "recording",
    "trace": "trace",
    "graph": "trace",
    "paths": "trace",
    "set_num_threads": "config",
    "show_config": "config",
}
_MODULES = ("numpy", "random", "reference", "optim", "testing", "problems")

__all__ = [
    "Array",
    "Primitive",
    "apply",
    "array",
    "asarray",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "no_grad",
    "numpy",
    "primitives",
    "random",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    *_LATER,
]

# A free-threaded Python takes its lock back (and says so) when it loads the core; unless it was told not to.
if not getattr(sys, "_is_gil_enabled", lambda: True)():
    raise ImportError(
        "wengert needs the global interpreter lock, which this free-threaded Python was told to leave off; start it "
        "without PYTHON_GIL=0 (or -X gil=0), and it takes the lock back when wengert is imported"
    )
_array.install()
pickling.install()
threadpool.install()


def __getattr__(name: str) -> Any:
    if name in _LATER:
        module = importlib.import_module(f".{_LATER[name]}", __name__)
        value = getattr(module, name)
        globals()[name] = value  # also where a submodule has the same name: the function is what the user means
        return value
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise hints.missing(__name__, name, _in_mirror)


def _in_mirror(name: str) -> bool:
    return name in vars(importlib.import_module(".numpy", __name__))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
