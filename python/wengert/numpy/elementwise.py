"""Elementwise functions composed from primitives. A name that becomes a primitive leaves this file."""

from __future__ import annotations

import math

import numpy as np

from wengert._core import Array, for_numpy, ops, scalar
from wengert.numpy.arrays import ArrayLike, DType, concrete, floating, operand, operands, refuse, refuse_out

__all__ = [
    "around", "clip", "conj", "conjugate", "copysign", "deg2rad", "degrees", "divmod", "fabs", "fix", "float_power",
    "fmax", "fmin", "fmod", "heaviside", "imag", "ldexp", "logaddexp2", "modf", "nan_to_num", "positive", "rad2deg",
    "radians", "real", "round", "signbit", "sinc", "unwrap",
]  # fmt: skip


def clip(
    a: ArrayLike,
    a_min: ArrayLike | None = None,
    a_max: ArrayLike | None = None,
    out: None = None,
    *,
    min: ArrayLike | None = None,
    max: ArrayLike | None = None,
    dtype: DType = None,
) -> Array:
    """Limit the values to [a_min, a_max]; the slope at a constant bound is 0 (minimum norm). See `numpy.clip`."""
    refuse_out("clip", out)
    lower, upper = (min if a_min is None else a_min), (max if a_max is None else a_max)
    result = operand(a)
    if lower is None and upper is None:
        result = positive(result)
    if lower is not None:
        result = ops.maximum(result, _bound(lower))
    if upper is not None:
        result = ops.minimum(result, _bound(upper))
    return result if dtype is None else ops.astype(result, dtype)


def _bound(x: ArrayLike) -> ArrayLike:
    return operand(x) if isinstance(x, (list, tuple)) else x  # a Python number stays one: it promotes weakly


def positive(x: ArrayLike) -> Array:
    """A copy of the argument. See `numpy.positive`."""
    return +operand(x)


def real(val: ArrayLike) -> Array:
    """Real part: the argument itself, as no dtype here is complex. See `numpy.real`."""
    return operand(val)


def imag(val: ArrayLike) -> Array:
    """Imaginary part: exactly zero, as no dtype here is complex, and read-only. See `numpy.imag`."""
    val = operand(val)
    return ops.broadcast_to(operand(np.zeros((), val.dtype)), val.shape)


conjugate = conj = positive


def fabs(x: ArrayLike) -> Array:
    """Absolute value as a floating-point number. See `numpy.fabs`."""
    return ops.absolute(floating(x))


def signbit(x: ArrayLike) -> Array:
    """True where the sign bit is set, -0.0 included. See `numpy.signbit`."""
    x = floating(x)
    return ops.logical_or(ops.less(x, 0), ops.less(ops.divide(1.0, x), 0))


def copysign(x1: ArrayLike, x2: ArrayLike) -> Array:
    """The magnitude of x1 with the sign of x2. See `numpy.copysign`."""
    magnitude = fabs(x1)
    return scalar(ops.where(signbit(x2), ops.negative(magnitude), magnitude))


def heaviside(x1: ArrayLike, x2: ArrayLike) -> Array:
    """0 for negative x1, x2 at zero, 1 for positive x1; NaN stays. See `numpy.heaviside`."""
    x1, x2 = floating(x1), floating(x2)
    return scalar(ops.where(ops.less(x1, 0), 0.0, ops.where(ops.equal(x1, 0), x2, ops.sign(x1))))


def fmax(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Larger element, ignoring NaN. See `numpy.fmax`."""
    x1, x2 = operands(x1, x2)
    return scalar(ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, ops.maximum(x1, x2))))


def fmin(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Smaller element, ignoring NaN. See `numpy.fmin`."""
    x1, x2 = operands(x1, x2)
    return scalar(ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, ops.minimum(x1, x2))))


def fmod(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Remainder with the sign of the dividend (C's fmod), exact for any quotient. See `numpy.fmod`."""
    x1, size = operand(x1), ops.absolute(operand(x2))
    below = ops.negative(ops.remainder(ops.negative(x1), size))
    return scalar(ops.where(ops.less(x1, 0), below, ops.remainder(x1, size)))


def divmod(x1: ArrayLike, x2: ArrayLike) -> tuple[Array, Array]:
    """Floor quotient and remainder. See `numpy.divmod`."""
    return ops.floor_divide(x1, x2), ops.remainder(x1, x2)


def modf(x: ArrayLike) -> tuple[Array, Array]:
    """Fractional and integral part, both with the sign of x. See `numpy.modf`."""
    x = floating(x)
    whole = ops.trunc(x)
    return scalar(ops.where(ops.isinf(x), ops.multiply(0.0, ops.sign(x)), ops.subtract(x, whole))), whole


def fix(x: ArrayLike, out: None = None) -> Array:
    """Round towards zero. See `numpy.fix`."""
    refuse_out("fix", out)
    return ops.trunc(operand(x))


def round(a: ArrayLike, decimals: int = 0, out: None = None) -> Array:
    """Round to the given number of decimals, half to even; the slope is 0. See `numpy.round`."""
    refuse_out("round", out)
    a = operand(a)
    if decimals == 0 or (a.dtype.kind in "biu" and decimals > 0):
        return ops.rint(a) if a.dtype.kind == "f" else a
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return ops.divide(ops.rint(ops.multiply(a, scale)), scale)
    return ops.astype(ops.multiply(ops.rint(ops.divide(a, scale)), scale), a.dtype)


around = round


def float_power(x1: ArrayLike, x2: ArrayLike) -> Array:
    """x1**x2 in float64 at least. See `numpy.float_power`."""
    return ops.power(ops.astype(operand(x1), np.float64), ops.astype(operand(x2), np.float64))


def ldexp(x1: ArrayLike, x2: ArrayLike) -> Array:
    """x1 * 2**x2 for an integer x2, without intermediate overflow. See `numpy.ldexp`."""
    exponent = operand(x2)
    if exponent.dtype.kind not in "iu":
        raise TypeError(f"ldexp: the exponent must be an integer, got {exponent.dtype}; use x1 * exp2(x2)")
    half = ops.floor_divide(exponent, 2)
    two = np.float64(2.0) if floating(x1).dtype == np.float64 else np.float32(2.0)
    scales = (ops.power(two, ops.astype(e, two.dtype)) for e in (half, ops.subtract(exponent, half)))
    return ops.multiply(ops.multiply(floating(x1), next(scales)), next(scales))


def logaddexp2(x1: ArrayLike, x2: ArrayLike) -> Array:
    """log2(2**x1 + 2**x2). See `numpy.logaddexp2`."""
    ln2 = math.log(2.0)
    return ops.divide(ops.logaddexp(ops.multiply(floating(x1), ln2), ops.multiply(floating(x2), ln2)), ln2)


def deg2rad(x: ArrayLike) -> Array:
    """Degrees to radians. See `numpy.deg2rad`."""
    return ops.multiply(floating(x), math.pi / 180)


def rad2deg(x: ArrayLike) -> Array:
    """Radians to degrees. See `numpy.rad2deg`."""
    return ops.multiply(floating(x), 180 / math.pi)


radians, degrees = deg2rad, rad2deg

# sin(y) / y = sum of (-1)^k y^(2k) / (2k+1)!: enough terms for |y| < 1 in float64, second derivatives included.
_SINC_SERIES = [(-1) ** k / math.factorial(2 * k + 1) for k in range(12)]


def sinc(x: ArrayLike) -> Array:
    """sin(pi x) / (pi x), smooth through 0 in every order. See `numpy.sinc`."""
    y = ops.multiply(floating(x), math.pi)
    near = ops.less(ops.absolute(y), 1)
    square = ops.square(ops.where(near, y, 0.0))
    series = ops.multiply(square, 0.0) + _SINC_SERIES[-1]
    for coefficient in reversed(_SINC_SERIES[:-1]):
        series = series * square + coefficient
    far = ops.where(near, 1.0, y)
    return scalar(ops.where(near, series, ops.divide(ops.sin(far), far)))


def nan_to_num(
    x: ArrayLike, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Array:
    """Replace NaN and infinities by numbers; the slope there is 0. See `numpy.nan_to_num`."""
    x = operand(x)
    if x.dtype.kind != "f":
        return x.copy("K") if copy else x
    if not copy:
        refuse("nan_to_num", "assign the result instead: x = nan_to_num(x)", copy=copy)
    limits = np.finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    result = ops.where(ops.isnan(x), nan, x)
    result = ops.where(ops.equal(x, math.inf), high, result)
    return scalar(ops.where(ops.equal(x, -math.inf), low, result))


def unwrap(p: ArrayLike, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Array:
    """Remove jumps of more than half a period; the correction is piecewise constant. See `numpy.unwrap`."""
    p, discont, period = floating(p), for_numpy(discont), for_numpy(period)
    correction = np.unwrap(concrete(p), discont=discont, axis=axis, period=period) - concrete(p)
    return ops.add(p, np.round(correction / period).astype(p.dtype) * np.asarray(period, p.dtype))
