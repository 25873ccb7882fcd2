"""Elementwise functions of one operand.

Each line: name, value, forward slope, reverse slope.  The two slopes are the same function, obtained in two ways: the
forward one from the operand ``x``, the reverse one, where no digits are lost by it, from the result ``y``.

Slopes are differentiated too.  Written out, some of them would cancel then (the derivative of (1 - y) (1 + y) is a
difference of ones for small y) or overflow; these are primitives of their own, with slopes of their own.
"""

# A rule may mention the primitive it belongs to, of which mypy then knows no type.
# mypy: disable-error-code="has-type"
from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import special
from .declare import elementwise
from .lengths import hypot
from .logical import greater
from .shaping import astype

POSITIVE = ((0.0, math.inf),)
UNIT = ((-1.0, 1.0),)

# fmt: off
negative = elementwise("negative", lambda x: np.negative(x), -1, -1)
absolute = elementwise("absolute", np.absolute, lambda y, x: sign(x), lambda y, x: sign(x))  # 0 at 0
sign = elementwise("sign", np.sign)

# -- powers and roots --------------------------------------------------------------------------------------------------
sqrt = elementwise("sqrt", np.sqrt, lambda y, x: 0.5 * rsqrt(x), lambda y, x: 0.5 / y, domain=POSITIVE)
cbrt = elementwise("cbrt", np.cbrt, lambda y, x: reciprocal(3 * square(cbrt(x))), lambda y, x: 1 / (3 * y * y))
square = elementwise("square", np.square, lambda y, x: 2 * x, lambda y, x: x + x)
reciprocal = elementwise(
    "reciprocal", lambda x: 1 / special.as_float(x), lambda y, x: (1 / x, -1 / x), lambda y, x: (y, -y),
    domain=POSITIVE)
rsqrt = elementwise(
    "rsqrt", special.rsqrt, lambda y, x: (-0.5 * rsqrt(x), 1 / x), lambda y, x: (y, -0.5 * y * y), domain=POSITIVE)

# -- exponentials and logarithms ---------------------------------------------------------------------------------------
LN2, LN10 = math.log(2.0), math.log(10.0)
exp = elementwise("exp", np.exp, lambda y, x: exp(x), lambda y, x: y)
exp2 = elementwise("exp2", np.exp2, lambda y, x: LN2 * exp2(x), lambda y, x: LN2 * y)
expm1 = elementwise("expm1", np.expm1, lambda y, x: exp(x), lambda y, x: exp(x))  # y + 1 would lose the left tail
log = elementwise("log", np.log, lambda y, x: reciprocal(x), lambda y, x: 1 / x, domain=POSITIVE)
log2 = elementwise("log2", np.log2, lambda y, x: 1 / (x * LN2), lambda y, x: (1 / LN2) / x, domain=POSITIVE)
log10 = elementwise("log10", np.log10, lambda y, x: 1 / (x * LN10), lambda y, x: (1 / LN10) / x, domain=POSITIVE)
log1p = elementwise("log1p", np.log1p, lambda y, x: 1 / (1 + x), lambda y, x: reciprocal(x + 1),
                    domain=((-1.0, math.inf),))

# -- slopes -----------------------------------------------------------------------------------------------------------
one_minus_square = elementwise(
    "one_minus_square", lambda x: (1 - x) * (1 + x), lambda y, x: -2 * x, lambda y, x: -(x + x), internal=True)
arctan_slope = elementwise(
    "arctan_slope", lambda x: 1 / (1 + x * x), lambda y, x: -2 * (x * y) * y, lambda y, x: y * (x * y) * -2,
    internal=True)
sigmoid_slope = elementwise(
    "sigmoid_slope", lambda x: special.sigmoid(x) * special.sigmoid(-x), lambda y, x: -sigmoid_slope(x) * tanh(0.5 * x),
    lambda y, x: -y * tanh(x / 2), internal=True)

# -- circular and hyperbolic functions ---------------------------------------------------------------------------------
sin = elementwise("sin", np.sin, lambda y, x: cos(x), lambda y, x: cos(x))
cos = elementwise("cos", np.cos, lambda y, x: -sin(x), lambda y, x: -sin(x))
tan = elementwise("tan", np.tan, lambda y, x: reciprocal(square(cos(x))), lambda y, x: 1 + y * y)
arcsin = elementwise(
    "arcsin", np.arcsin, lambda y, x: rsqrt(one_minus_square(x)), lambda y, x: 1 / sqrt(one_minus_square(x)),
    domain=UNIT)
arccos = elementwise(
    "arccos", np.arccos, lambda y, x: -rsqrt(one_minus_square(x)), lambda y, x: -1 / sqrt(one_minus_square(x)),
    domain=UNIT)
arctan = elementwise("arctan", np.arctan, lambda y, x: arctan_slope(x), lambda y, x: arctan_slope(x))
sinh = elementwise("sinh", np.sinh, lambda y, x: cosh(x), lambda y, x: cosh(x))
cosh = elementwise("cosh", np.cosh, lambda y, x: sinh(x), lambda y, x: sinh(x))
tanh = elementwise(
    "tanh", np.tanh, lambda y, x: one_minus_square(tanh(x)), lambda y, x: one_minus_square(y))
arcsinh = elementwise("arcsinh", np.arcsinh, lambda y, x: 1 / with_one(x), lambda y, x: reciprocal(with_one(x)))
arccosh = elementwise("arccosh", np.arccosh, lambda y, x: rsqrt(x - 1) * rsqrt(x + 1),
                      lambda y, x: 1 / (sqrt(x - 1) * sqrt(x + 1)), domain=((1.0, math.inf),))
arctanh = elementwise("arctanh", np.arctanh, lambda y, x: 1 / one_minus_square(x),
                      lambda y, x: reciprocal(one_minus_square(x)), domain=UNIT)


def with_one(x: Any) -> Any:
    """``sqrt(1 + x²)`` without overflow."""
    return hypot(1.0, x)


# -- neural networks ---------------------------------------------------------------------------------------------------
sigmoid = elementwise(
    "sigmoid", special.sigmoid, lambda y, x: sigmoid_slope(x), lambda y, x: sigmoid_slope(x), kind="nn")
log_sigmoid = elementwise(
    "log_sigmoid", special.log_sigmoid, lambda y, x: sigmoid(-x), lambda y, x: exp(log_sigmoid(-x)), kind="nn")
softplus = elementwise(
    "softplus", special.softplus, lambda y, x: sigmoid(x), lambda y, x: exp(log_sigmoid(x)), kind="nn")


def step(x: Any) -> Any:
    """1 where x > 0, else 0; as a float of x's dtype.  A comparison carries no derivative, which is right: flat."""
    return astype(greater(x, 0), dtype=x.dtype)


relu = elementwise(
    "relu", lambda x: np.maximum(special.as_float(x), 0), lambda y, x: step(x), lambda y, x: step(y), kind="nn")
erf = elementwise("erf", special.erf, lambda y, x: 2 / math.sqrt(math.pi) * exp(-x * x),
                  lambda y, x: exp(-square(x)) * (2 / math.sqrt(math.pi)))
erfc = elementwise("erfc", special.erfc, lambda y, x: -2 / math.sqrt(math.pi) * exp(-x * x),
                   lambda y, x: exp(-square(x)) * (-2 / math.sqrt(math.pi)))
erfinv = elementwise("erfinv", special.erfinv, lambda y, x: exp(y * y) * (math.sqrt(math.pi) / 2),
                     lambda y, x: math.sqrt(math.pi) / 2 / exp(-square(y)), domain=((-1.0, 1.0),))


def normal_cdf(x: Any) -> Any:
    return 0.5 * erfc(x * -math.sqrt(0.5))


def normal_density(x: Any) -> Any:
    return exp(-0.5 * square(x)) * (1 / math.sqrt(2 * math.pi))


gelu = elementwise("gelu", special.gelu, lambda y, x: normal_cdf(x) + x * normal_density(x),
                   lambda y, x: x * normal_density(x) + 0.5 * erfc(x * -math.sqrt(0.5)), kind="nn")

# -- the gamma family --------------------------------------------------------------------------------------------------
lgamma = elementwise("lgamma", special.lgamma, lambda y, x: digamma(x), lambda y, x: digamma(x), domain=POSITIVE)
digamma = elementwise(
    "digamma", special.digamma, lambda y, x: polygamma(x, n=1), lambda y, x: polygamma(x, n=1), domain=POSITIVE)
polygamma = elementwise(
    "polygamma", special.polygamma, lambda y, x, n: polygamma(x, n=n + 1), lambda y, x, n: polygamma(x, n=n + 1),
    domain=POSITIVE, internal=True)

# -- functions that are flat, or tell something: no derivative ---------------------------------------------------------
floor = elementwise("floor", np.floor)
ceil = elementwise("ceil", np.ceil)
trunc = elementwise("trunc", np.trunc)
rint = elementwise("rint", np.rint)
isnan = elementwise("isnan", np.isnan)
isinf = elementwise("isinf", np.isinf)
isfinite = elementwise("isfinite", np.isfinite)
logical_not = elementwise("logical_not", np.logical_not)
# fmt: on
