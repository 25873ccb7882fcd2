"""What values of primitives are compared with: NumPy, SciPy or the reference by name, and mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special
import wengert.reference as wr

IN_REFERENCE = {name for name, _ in wr.primitives()} | {
    "polygamma",
    "one_minus_square",
    "arctan_slope",
    "sigmoid_slope",
}

# ---- values: what NumPy or SciPy says -------------------------------------------------------------------------------


def _log_sigmoid(x):
    return -np.logaddexp(x.dtype.type(0), -x)


def _lgamma(x):  # C's: SciPy's overflows for subnormal numbers and has another sign at -inf
    def one(v):
        try:
            return math.lgamma(v)
        except (ValueError, OverflowError):
            return math.inf

    return np.vectorize(one, otypes=[x.dtype])(x)


def _strong_zero_product(a, b):
    zero = np.zeros((), np.result_type(a, b))
    return np.where((a == 0) | (b == 0), zero, a * b + zero)  # never -0


ORACLES: dict[str, Callable[..., Any]] = {
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sigmoid": scipy.special.expit,
    "log_sigmoid": _log_sigmoid,
    "softplus": lambda x: np.logaddexp(x.dtype.type(0), x),
    "relu": lambda x: np.maximum(x, x.dtype.type(0)),
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "erfinv": lambda x: np.copysign(scipy.special.erfinv(x), x),  # SciPy's of -0 is 0
    "gelu": lambda x: x * scipy.special.ndtr(x),
    "scale": _strong_zero_product,
    "maximum_of_constant": np.maximum,
    "minimum_of_constant": np.minimum,
    "lgamma": _lgamma,
    "digamma": scipy.special.digamma,
    "silu": lambda x: x * scipy.special.expit(x),
    "one_minus_square": lambda x: (1 - x) * (1 + x),
    "arctan_slope": lambda x: 1 / (1 + x * x),
    "sigmoid_slope": lambda x: scipy.special.expit(x) * scipy.special.expit(-x),
}


def oracle(name: str) -> Callable[..., Any]:
    """NumPy's (or SciPy's) function of this name."""
    return ORACLES.get(name) or getattr(np, name)


# The same primitive in the reference. The rules' own primitives are compared with what they stand for.
REFERENCE: dict[str, Callable[..., Any]] = {
    "scale": lambda a, b: wr.apply("multiply", a, b),
    "strong_matmul": lambda a, b: wr.apply("matmul", a, b),
    "silu": lambda x: wr.apply("multiply", x, wr.apply("sigmoid", x)),
    "maximum_of_constant": lambda a, b: wr.apply("maximum", a, b),
    "minimum_of_constant": lambda a, b: wr.apply("minimum", a, b),
}


def reference(name: str) -> Callable[..., Any]:
    """The primitive of this name as wengert.reference computes it, as a primitive or as a composition of the mirror.

    A function that the reference does not have is still held to its oracle and to differences.
    """
    if name in REFERENCE:
        return REFERENCE[name]
    if name not in IN_REFERENCE and hasattr(wr.numpy, name):
        return getattr(wr.numpy, name)
    if name not in IN_REFERENCE:
        pytest.skip(f"wengert.reference has no {name}")
    return lambda *xs, **params: wr.apply(name, *xs, **params)


# ---- values: what mpmath says ---------------------------------------------------------------------------------------


def _exact_gelu(x):
    return x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def _exact_log1pexp(x):
    return mpmath.log1p(mpmath.exp(x))


EXACT: dict[str, Callable[..., Any]] = {
    "sqrt": mpmath.sqrt,
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.root(abs(x), 3),
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.power(2, x),
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10,
    "log1p": mpmath.log1p,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "log_sigmoid": lambda x: -_exact_log1pexp(-x),
    "softplus": _exact_log1pexp,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "erfinv": mpmath.erfinv,
    "gelu": _exact_gelu,
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "one_minus_square": lambda x: (1 - x) * (1 + x),
    "sigmoid_slope": lambda x: 1 / (2 + 2 * mpmath.cosh(x)),
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "scale": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": mpmath.power,
    "arctan2": mpmath.atan2,
    "hypot": mpmath.hypot,
    "logaddexp": lambda a, b: max(a, b) + _exact_log1pexp(-abs(a - b)),
    "lgamma": mpmath.loggamma,
    "digamma": mpmath.digamma,
}

# Where the registry's interval is for derivatives only: the function itself is defined, and promised, further.
VALUE_DOMAIN: dict[str, tuple[tuple[float, float], ...]] = {
    "cbrt": ((-math.inf, math.inf),),
    "reciprocal": ((-math.inf, math.inf),),
    "tan": ((-math.inf, math.inf),),
    "divide": ((-math.inf, math.inf), (-math.inf, math.inf)),
    "arctan2": ((-math.inf, math.inf), (-math.inf, math.inf)),
    "hypot": ((-math.inf, math.inf), (-math.inf, math.inf)),
}
