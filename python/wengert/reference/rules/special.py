"""Values of functions that NumPy lacks: error function, gamma family, and stable forms of the sigmoid family.

The naive formulas fail for large arguments (``1/(1 + exp(-x))`` overflows, ``log(sigmoid(x))`` becomes ``log 0``).  The
remedy is always to arrange that ``exp`` sees only arguments that are not positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

FloatArray = np.ndarray[Any, Any]


def as_float(x: Any) -> FloatArray:
    """``x`` as an array of floats; float32 stays float32."""
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def elementwise_from_math(function: Callable[[float], float]) -> Callable[[Any], FloatArray]:
    """A function of one number, applied to every entry; computed in double precision, returned in the input's."""
    loop = np.vectorize(function, otypes=[np.float64])

    def over_array(x: Any) -> FloatArray:
        x = as_float(x)
        return np.asarray(loop(x)).astype(x.dtype)

    return over_array


erf = elementwise_from_math(math.erf)
erfc = elementwise_from_math(math.erfc)


def _erfinv(x: float) -> float:
    if not -1 < x < 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    a = abs(x)
    y = NormalDist().inv_cdf((1 + a) / 2) / math.sqrt(2) if 1e-3 < a < 0.999 else a * math.sqrt(math.pi) / 2
    if a >= 0.999:  # the leading term of the tail, from below
        y = math.sqrt(-math.log(1 - a)) * 0.9
    for _ in range(8):  # Newton, on the side where nothing cancels
        error = math.erf(y) - a if a < 0.5 else (1 - a) - math.erfc(y)
        step = error * math.exp(y * y) * math.sqrt(math.pi) / 2
        y -= step / (1 + y * step)  # Halley's correction
    return math.copysign(y, x)


erfinv = elementwise_from_math(_erfinv)


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # a pole at 0, -1, -2, …, or a result beyond the largest number
        return math.inf


lgamma = elementwise_from_math(_lgamma)

#: Bernoulli numbers B2, B4, … B24
BERNOULLI = (
    1 / 6,
    -1 / 30,
    1 / 42,
    -1 / 30,
    5 / 66,
    -691 / 2730,
    7 / 6,
    -3617 / 510,
    43867 / 798,
    -174611 / 330,
    854513 / 138,
    -236364091 / 2730,
)


def _polygamma(n: int, x: float) -> float:
    """The (n+1)-th derivative of log Γ: recurrence up to x ≥ 20, then the asymptotic series."""
    if math.isnan(x) or (x <= 0 and x == math.floor(x)):
        return math.nan
    if math.isinf(x):
        return math.nan if x < 0 else (math.inf if n == 0 else 0.0)
    if x < 0:  # reflection (DLMF 5.15.6): (-1)ⁿ ψₙ(1 - x) - ψₙ(x) = π dⁿ/dxⁿ cot πx
        cot, slope = 1 / math.tan(math.pi * (x - round(x))), np.polynomial.Polynomial([0.0, 1.0])
        for _ in range(n):  # of polynomials in the cotangent, whose own derivative is -π (1 + cot²)
            slope = slope.deriv() * np.polynomial.Polynomial([-1.0, 0.0, -1.0])
        return (-1) ** n * _polygamma(n, 1 - x) - math.pi ** (n + 1) * float(slope(cot))
    sign = -1.0 if n % 2 == 0 else 1.0
    terms = []
    while x < 20 + n:  # ψₙ(x) = ψₙ(x + 1) + (-1)ⁿ⁺¹ n! / xⁿ⁺¹
        terms.append(sign * math.factorial(n) / x ** (n + 1))
        x += 1
    if n == 0:
        terms += [math.log(x), -0.5 / x]
        terms += [-b / (2 * k) * x ** (-2 * k) for k, b in enumerate(BERNOULLI, start=1)]
    else:
        terms += [sign * math.factorial(n - 1) * x**-n, sign * math.factorial(n) / 2 * x ** -(n + 1)]
        terms += [
            sign * b * math.factorial(2 * k + n - 1) / math.factorial(2 * k) * x ** -(2 * k + n)
            for k, b in enumerate(BERNOULLI, start=1)
        ]
    return math.fsum(terms)


def _polygamma_or_inf(n: int, x: float) -> float:
    try:
        return _polygamma(n, x)
    except (OverflowError, ZeroDivisionError):  # closer to a pole than 1/xⁿ⁺¹ can be represented
        return math.inf


def polygamma(x: Any, n: int) -> FloatArray:
    """Derivative number ``n`` of the digamma function."""
    return elementwise_from_math(lambda entry: _polygamma_or_inf(n, entry))(x)


def digamma(x: Any) -> FloatArray:
    return polygamma(x, 0)


def sigmoid(x: Any) -> FloatArray:
    """``1 / (1 + exp(-x))``"""
    x = as_float(x)
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def softplus(x: Any) -> FloatArray:
    """``log(1 + exp(x))``"""
    x = as_float(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def log_sigmoid(x: Any) -> FloatArray:
    return -softplus(-as_float(x))


def gelu(x: Any) -> FloatArray:
    """``x Φ(x)`` with the normal distribution function Φ; erfc keeps the left tail exact."""
    x = as_float(x)
    return np.where(np.isneginf(x), 0, x * 0.5 * erfc(-x / np.sqrt(x.dtype.type(2)))).astype(x.dtype)


def rsqrt(x: Any) -> FloatArray:
    return 1 / np.sqrt(as_float(x))


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> FloatArray:
    """``log(sum(exp(x)))``: the largest entry is taken out before the exponential and put back after the logarithm."""
    x = as_float(x)
    largest = np.max(x, axis=axis, keepdims=True)
    shift = np.where(np.isfinite(largest), largest, 0).astype(x.dtype)
    result = np.log(np.sum(np.exp(x - shift), axis=axis, keepdims=True)) + shift
    result = np.where(np.isposinf(largest), largest, result).astype(x.dtype)
    return result if keepdims else np.squeeze(result, axis=axis) if axis is not None else result.reshape(())


def _below_largest(x: FloatArray, axis: Any) -> FloatArray:
    """Distances to the largest entry; 0 for those equal to it, also where it is infinite."""
    largest = np.max(x, axis=axis, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.where(x == largest, np.zeros((), x.dtype), x - largest)


def softmax(x: Any, axis: Any = -1) -> FloatArray:
    e = np.exp(_below_largest(as_float(x), axis))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = -1) -> FloatArray:
    shifted = _below_largest(as_float(x), axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
