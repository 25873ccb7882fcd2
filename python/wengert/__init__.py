"""Exact derivatives of NumPy code, at the speed of hand-written C++.

>>> import numpy as np, wengert as wg
>>> wg.grad(lambda x: np.sum(np.tanh(x) ** 2))(np.array([0.0, 1.0]))
array([0.        , 0.63970001])
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from ._core import Array, array, asarray
from ._internals import array as _array
from ._internals import hints, threadpool, version
from ._internals.array import no_grad
from .transforms import pickling
from .transforms.batch import vmap
from .transforms.forward import jvp, linearize
from .transforms.inputs import stop_gradient
from .transforms.jacobians import hessian, hvp, jacfwd, jacobian, jacrev
from .transforms.reverse import elementwise_grad, grad, value_and_grad, vjp

if TYPE_CHECKING:
    from ._internals.registry import Primitive, apply, primitives  # noqa: F401

__version__ = version

# Loaded when first used: an import of wengert stays a matter of milliseconds.
_LATER = {
    "Primitive": "_internals.registry",
    "apply": "_internals.registry",
    "primitives": "_internals.registry",
    "check_grads": "testing",
    "numerical_gradient": "testing",
    "custom_vjp": "transforms.custom",
    "custom_jvp": "transforms.custom",
    "checkpoint": "transforms.custom",
    "compile": "program.compiled",
    "load_program": "program.compiled",
    "scan": "program.loops",
    "fori_loop": "program.loops",
    "while_loop": "program.loops",
    "cond": "program.loops",
    "record": "_internals.recording",
    "name": "_internals.recording",
    "trace": "trace",
    "graph": "trace",
    "paths": "trace",
    "set_num_threads": "config",
    "show_config": "config",
}
_MODULES = ("numpy", "random", "reference", "optim", "testing", "problems")

__all__ = [
    "Array",
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
    "random",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
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
    raise hints.missing(__name__, name, lambda: importlib.import_module(".numpy", __name__))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
