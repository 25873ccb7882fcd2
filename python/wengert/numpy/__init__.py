"""NumPy's names, differentiable: the primitives themselves, and what is composed of them.

Every primitive of the registry appears here by the loop below (`wengert.numpy.tanh` *is* the compiled function); the
other files hold compositions, one topic each. Functions take Arrays, NumPy arrays, numbers and nested sequences, and
return Arrays.

    >>> import wengert.numpy as wnp
    >>> wnp.sum(wnp.tanh(wnp.array([0.0, 1.0]))).item()
    0.7615941559557649
"""

# ruff: noqa: F401, F403 (this file re-exports)

from __future__ import annotations

from typing import Any

import numpy as _np
from numpy import (
    bool_,
    dtype,
    e,
    errstate,
    euler_gamma,
    finfo,
    float32,
    float64,
    floating,
    generic,
    get_printoptions,
    iinfo,
    inexact,
    inf,
    int32,
    int64,
    integer,
    isdtype,
    issubdtype,
    nan,
    newaxis,
    number,
    pi,
    printoptions,
    set_printoptions,
    signedinteger,
)

from wengert._core import ops as _ops
from wengert._core import registry as _registry
from wengert._internals import hints as _hints
from wengert.numpy import elementwise as _elementwise
from wengert.numpy import linalg, protocols
from wengert.numpy.aliases import ALIASES as _ALIASES
from wengert.numpy.arrays import ndarray
from wengert.numpy.contraction import *
from wengert.numpy.creation import *
from wengert.numpy.elementwise import *
from wengert.numpy.functional import *
from wengert.numpy.inplace import *
from wengert.numpy.layout.indexing import *
from wengert.numpy.layout.inspection import *
from wengert.numpy.layout.joining import *
from wengert.numpy.layout.shaping import *
from wengert.numpy.products import *
from wengert.numpy.reducing.cumulative import *
from wengert.numpy.reducing.discrete import *
from wengert.numpy.reducing.reductions import *
from wengert.numpy.reducing.sorting import *
from wengert.numpy.reducing.statistics import *
from wengert.numpy.signals import *

# A primitive replaces a composition of the same name in elementwise.py; the other topics wrap primitives to take all of
# NumPy's keywords (`sum(a, axis, dtype, out, keepdims)`).
_HIDDEN = {"getitem", *globals()} - set(_elementwise.__all__)
_HIDDEN |= {row["name"] for row in _registry() if row["hidden"] or row["kind"] == "indexing"}  # of use to rules only
globals().update({name: op for name, op in vars(_ops).items() if not name.startswith("_") and name not in _HIDDEN})
globals().update({alias: getattr(_ops, name) for alias, name in _ALIASES.items()})

_FILES = {name for name, value in globals().items() if isinstance(value, type(_np)) and name != "linalg"}
__all__ = sorted(name for name in globals() if not name.startswith("_") and name not in {"annotations", "Any", *_FILES})

protocols.connect({name: globals()[name] for name in __all__})


def __getattr__(name: str) -> Any:
    raise _hints.missing(__name__, name)
