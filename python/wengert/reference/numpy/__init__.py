"""NumPy's functions for `wengert.reference`: the same names and meanings, on values whose derivatives are followed.

Primitives appear as they are; everything else is composed of them, so it needs no derivative rule of its own.

>>> import wengert.reference.numpy as wnp
>>> wnp.linalg.norm(wnp.array([3.0, 4.0]))
Array(5.)
"""

# ruff: noqa: F403
from numpy import bool_, e, float32, float64, inf, int32, int64, nan, newaxis, pi

from . import creation, elementwise, linalg, products, reductions, shaping, sorting
from .creation import *
from .elementwise import *
from .products import *
from .reductions import *
from .shaping import *
from .sorting import *

__all__ = [
    "bool_",
    "e",
    "float32",
    "float64",
    "inf",
    "int32",
    "int64",
    "linalg",
    "nan",
    "newaxis",
    "pi",
    *creation.__all__,
    *elementwise.__all__,
    *products.__all__,
    *reductions.__all__,
    *shaping.__all__,
    *sorting.__all__,
]
