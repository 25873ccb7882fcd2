"""Elementwise functions under NumPy's names: the primitives themselves, and compositions of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.handle import Array, apply
from ..levels import concrete
from ..primitive import lookup


def primitive(name: str) -> Callable[..., Any]:
    """The function that applies a primitive to Arrays, NumPy arrays and numbers."""
    arity = lookup(name).arity

    def run(*operands: Any, **params: Any) -> Array:
        if len(operands) != arity:
            raise TypeError(
                f"wengert.reference.{name} takes {arity} array(s), got {len(operands)}; "
                "parameters such as axis are given by keyword"
            )
        return apply(name, *operands, **params)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"The {lookup(name).kind} primitive ``{name}``, with NumPy's meaning of that name."
    return run


# -- one operand -------------------------------------------------------------------------------------------------------
abs = fabs = absolute = primitive("absolute")
acos = arccos = primitive("arccos")
acosh = arccosh = primitive("arccosh")
asin = arcsin = primitive("arcsin")
asinh = arcsinh = primitive("arcsinh")
atan = arctan = primitive("arctan")
atanh = arctanh = primitive("arctanh")
cbrt = primitive("cbrt")
ceil = primitive("ceil")
cos = primitive("cos")
cosh = primitive("cosh")
digamma = primitive("digamma")
erf = primitive("erf")
erfc = primitive("erfc")
erfinv = primitive("erfinv")
exp = primitive("exp")
exp2 = primitive("exp2")
expm1 = primitive("expm1")
floor = primitive("floor")
gelu = primitive("gelu")
isfinite = primitive("isfinite")
isinf = primitive("isinf")
isnan = primitive("isnan")
lgamma = primitive("lgamma")
log = primitive("log")
log1p = primitive("log1p")
log2 = primitive("log2")
log10 = primitive("log10")
log_sigmoid = primitive("log_sigmoid")
logical_not = primitive("logical_not")
negative = primitive("negative")
reciprocal = primitive("reciprocal")
relu = primitive("relu")
rint = primitive("rint")
rsqrt = primitive("rsqrt")
sigmoid = primitive("sigmoid")
sign = primitive("sign")
sin = primitive("sin")
sinh = primitive("sinh")
softplus = primitive("softplus")
sqrt = primitive("sqrt")
square = primitive("square")
tan = primitive("tan")
tanh = primitive("tanh")
fix = trunc = primitive("trunc")

# -- two operands ------------------------------------------------------------------------------------------------------
add = primitive("add")
atan2 = arctan2 = primitive("arctan2")
true_divide = divide = primitive("divide")
equal = primitive("equal")
floor_divide = primitive("floor_divide")
greater = primitive("greater")
greater_equal = primitive("greater_equal")
hypot = primitive("hypot")
less = primitive("less")
less_equal = primitive("less_equal")
logaddexp = primitive("logaddexp")
logical_and = primitive("logical_and")
logical_or = primitive("logical_or")
logical_xor = primitive("logical_xor")
maximum = primitive("maximum")
minimum = primitive("minimum")
multiply = primitive("multiply")
not_equal = primitive("not_equal")
pow = power = primitive("power")
mod = remainder = primitive("remainder")
subtract = primitive("subtract")


# -- compositions ------------------------------------------------------------------------------------------------------


def positive(x: Any) -> Array:
    """``+x``: the same values."""
    return add(x, 0)


def where(condition: Any, a: Any = None, b: Any = None) -> Any:
    """``a`` where the condition holds, else ``b``; with one argument the indices where it holds.

    The branch not taken gets a derivative of exactly zero, even where its own slope is infinite or NaN.
    """
    if a is None and b is None:
        return nonzero(condition)
    return apply("where", condition, a, b)


def nonzero(x: Any) -> tuple[Array, ...]:
    """The indices of the entries that are not zero, one array an axis."""
    value = concrete(x.get()) if isinstance(x, Array) else np.asarray(x)
    return tuple(Array(index) for index in np.nonzero(value))


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Array:
    """``x`` limited to an interval; the derivative is 0 at and beyond the limits."""
    lower, upper = (a_min if a_min is not None else min), (a_max if a_max is not None else max)
    if lower is not None:
        x = maximum(x, lower)
    return minimum(x, upper) if upper is not None else positive(x) if lower is None else x


def deg2rad(x: Any) -> Array:
    return multiply(x, math.pi / 180)


def rad2deg(x: Any) -> Array:
    return multiply(x, 180 / math.pi)


radians, degrees = deg2rad, rad2deg


def sinc(x: Any) -> Array:
    """``sin(πx) / (πx)``, 1 at 0; near 0 by its series, so that every derivative is finite there."""
    near = less(absolute(x), 1e-2)
    u = square(multiply(x, math.pi))
    series = 1.0
    for k in range(7, 0, -1):
        series = 1.0 - u * series / (2 * k * (2 * k + 1))
    far = multiply(where(near, 1.0, x), math.pi)
    return where(near, series, sin(far) / far)


def logaddexp2(a: Any, b: Any) -> Array:
    ln2 = math.log(2.0)
    return divide(logaddexp(multiply(a, ln2), multiply(b, ln2)), ln2)


def float_power(a: Any, b: Any) -> Array:
    return power(multiply(a, 1.0), multiply(b, 1.0))


def heaviside(x: Any, at_zero: Any) -> Array:
    return where(equal(x, 0), at_zero, where(greater(x, 0), 1.0, 0.0))


def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """NaN and infinities replaced by numbers; the derivative is 0 at replaced entries."""
    dtype = np.asarray(concrete(x.get()) if isinstance(x, Array) else x).dtype
    if dtype.kind != "f":
        return positive(x)
    largest = float(np.finfo(dtype).max)
    x = where(isnan(x), nan, x)
    x = where(equal(x, math.inf), largest if posinf is None else posinf, x)
    return where(equal(x, -math.inf), -largest if neginf is None else neginf, x)


def round(x: Any, decimals: int = 0) -> Array:
    """Rounded to even; flat, so without derivative."""
    if decimals == 0:
        return rint(x)
    scale = 10.0**decimals
    return divide(rint(multiply(x, scale)), scale)


around = round


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """Whether ``|a - b| <= atol + rtol |b|``, entry by entry."""
    return Array(np.isclose(_plain(a), _plain(b), rtol=rtol, atol=atol, equal_nan=equal_nan))


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether `isclose` holds for all entries."""
    return bool(np.allclose(_plain(a), _plain(b), rtol=rtol, atol=atol, equal_nan=equal_nan))


def array_equal(a: Any, b: Any, equal_nan: bool = False) -> bool:
    """Whether shapes and entries are the same."""
    return bool(np.array_equal(_plain(a), _plain(b), equal_nan=equal_nan))


def astype(x: Any, dtype: Any, copy: bool = True) -> Array:
    """``x`` with another dtype; between floating-point types the derivative passes through."""
    return apply("astype", x, dtype=np.dtype(dtype))


def _plain(x: Any) -> Any:
    return concrete(x.get()) if isinstance(x, Array) else x


__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "allclose",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "around",
    "array_equal",
    "asin",
    "asinh",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "clip",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "digamma",
    "divide",
    "equal",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "fix",
    "float_power",
    "floor",
    "floor_divide",
    "gelu",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "lgamma",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_sigmoid",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "nan_to_num",
    "negative",
    "nonzero",
    "not_equal",
    "positive",
    "pow",
    "power",
    "rad2deg",
    "radians",
    "reciprocal",
    "relu",
    "remainder",
    "rint",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinc",
    "sinh",
    "softplus",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "where",
]
