"""lgamma, digamma and trigamma where they are hard: beside their zeros and at their poles, on every instruction set."""

import functools
import itertools
import math

import mpmath
import numpy as np
import pytest
import scipy.special
import wengert as wg

FLOATS = [np.float64, np.float32]
ULP = 4  # the promise


def value(name, x):
    return np.asarray(wg.apply(name, x))


def exact(name, x):
    """The value by the reflection formula, to 200 bits less what cancels."""
    if name == "lgamma":
        return mpmath.loggamma(x) if x > 0 else mpmath.log(mpmath.pi / abs(mpmath.sinpi(x))) - mpmath.loggamma(1 - x)
    if name == "digamma":
        return mpmath.digamma(x) if x > 0 else mpmath.digamma(1 - x) - mpmath.pi * mpmath.cospi(x) / mpmath.sinpi(x)
    return mpmath.psi(1, x) if x > 0 else (mpmath.pi / mpmath.sinpi(x)) ** 2 - mpmath.psi(1, 1 - x)


@functools.lru_cache
def zeros(name, last):
    """The zeros from the pole 0 to the pole -last, by bisection; between two poles digamma has one, lgamma two."""
    found = []
    with mpmath.workdps(40):
        near = mpmath.mpf(10) ** -25
        for n in range(last):
            middle = mpmath.mpf(zeros("digamma", last)[n]) if name == "lgamma" else None
            ends = [-n - 1 + near, -n - near] if middle is None else [-n - 1 + near, middle, -n - near]
            for lo, hi in itertools.pairwise(ends):
                side = exact(name, lo) > 0
                if side == (exact(name, hi) > 0):  # lgamma is above 0 between the poles 0, -1 and -2
                    continue
                while hi - lo > mpmath.mpf(2) ** -60 * min(-n - lo, hi + n + 1):
                    t = (lo + hi) / 2
                    lo, hi = (t, hi) if (exact(name, t) > 0) == side else (lo, t)
                found.append(float(lo))
    return tuple(found)


#: Doubles found to lie nearest to zeros of digamma: all zeros down to -2**23, and all arguments that are
#: multiples of 2**-20 down to -2**46.
NEAREST = {
    "lgamma": (-2.7476826467274127, -2.4570247382208006, -3.143580888349980),
    "digamma": (
        -0.5040830082644554,
        -87.80536027839507,
        -2977.8808777877402,
        -6066919.936815942,
        -60.79246998985628,
        -163103138241.96146,
        -22128151158.95826,
        -10775906060323.967,
        -3405080959.9547462,
        -51417573706.95967,
    ),
}
POSITIVE_ZEROS = {"lgamma": (1.0, 2.0), "digamma": (1.4616321449683622,)}


@functools.lru_cache
def hard_points(name, dtype):
    """Arguments and their exact values: the zeros' nearest numbers, those 2**-k away, and some of every size."""
    rng = np.random.default_rng(3)
    x = []
    # From -18 on lgamma's zeros are nearer to the poles than any number.
    for z in [*NEAREST[name], *POSITIVE_ZEROS[name], *zeros(name, 20 if name == "lgamma" else 40)]:
        below = above = dtype(z)
        x.append(below)
        for _ in range(3):
            below, above = np.nextafter(below, dtype(-np.inf)), np.nextafter(above, dtype(np.inf))
            x += [below, above]
    for z in [*POSITIVE_ZEROS[name], *zeros(name, 4)]:
        x += [dtype(z * (1 + side * 2.0**-k)) for k in range(4, 54, 2) for side in (-1, 1)]
    x += list((-20 * rng.random(60)).astype(dtype)) + list((-(10 ** rng.uniform(-9, 4, 40))).astype(dtype))
    x = np.unique(np.array(x, dtype))
    x = x[(x > 0) | (x != np.trunc(x))]
    with mpmath.workdps(60):
        return x, [exact(name, mpmath.mpf(float(v))) for v in x]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_four_ulp_beside_every_zero(name, dtype, target):
    x, want = hard_points(name, dtype)
    got = value(name, x)
    assert got.dtype == dtype
    with mpmath.workdps(60):
        for xi, g, e in zip(x, got, want, strict=True):
            unit = mpmath.mpf(float(np.spacing(dtype(abs(e)))))
            assert abs(mpmath.mpf(float(g)) - e) <= ULP * unit, (xi, g, float(e))


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_all_floats_around_the_zeros(name, target):
    """float32 against float64, which the test above measures."""
    steps = np.arange(-5000, 5001)
    for z in (*POSITIVE_ZEROS[name], *zeros(name, 20)):
        x = (np.float32(z).view(np.int32) + steps.astype(np.int32)).view(np.float32)
        x = x[(x > 0) | (x != np.trunc(x))]
        want = value(name, x.astype(float))
        assert (np.abs(value(name, x) - want) <= ULP * np.spacing(np.abs(want).astype(np.float32))).all()


def derivative(f, x):
    return wg.vjp(f, x)[1](np.ones(x.shape, x.dtype))[0]


def tangent(f, x):
    return wg.jvp(f, (x,), (np.ones(x.shape, x.dtype),))[1]


@pytest.mark.parametrize("dtype", FLOATS)
def test_derivatives_beside_the_zeros(dtype, target):
    """lgamma' = digamma and lgamma'' = digamma' = trigamma, in both modes."""
    x = hard_points("digamma", dtype)[0]
    x = x[np.abs(x) > 1e-6][::3]
    with mpmath.workdps(60):
        trigamma = np.array([float(exact("trigamma", mpmath.mpf(float(v)))) for v in x])
    lgamma, digamma = (functools.partial(wg.apply, name) for name in ("lgamma", "digamma"))
    eps = np.finfo(dtype).eps
    for d in (derivative, tangent):
        np.testing.assert_array_equal(d(lgamma, x), value("digamma", x))
        np.testing.assert_allclose(d(digamma, x), trigamma, rtol=64 * eps)  # what polygamma promises
        np.testing.assert_allclose(d(functools.partial(d, lgamma), x), trigamma, rtol=64 * eps)


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_polygamma_left_of_zero(n):
    """As good many periods from 0 as beside it; errors count in units of the largest term."""
    x = np.concatenate([-np.arange(0.0513, 30, 0.37), [-1 - 2.0**-52, -2 + 2.0**-52]])
    with mpmath.workdps(60):
        want = np.array([float(mpmath.psi(n, mpmath.mpf(v))) for v in x])
    size = math.factorial(n) / np.abs(x - np.rint(x)) ** (n + 1)
    assert (np.abs(wg.apply("polygamma", x, n=n) - want) <= 64 * np.finfo(float).eps * size).all()
    far, near = (np.asarray(wg.apply("polygamma", -(2.0**40) * k + np.array([0.25, 0.5]), n=n)) for k in (1, 2))
    np.testing.assert_allclose(far, near, rtol=1e-10, atol=1e-10)
    # The reference does not count its way there, in either direction.
    for far_x in (-(2.0**40) + np.array([0.25, 0.5]), np.array([1e12, 1e200])):
        want = np.asarray(wg.apply("polygamma", far_x, n=n))
        np.testing.assert_allclose(wg.reference.apply("polygamma", far_x, n=n), want, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", FLOATS)
def test_poles_and_ends(dtype, target):
    """As SciPy has them, except lgamma(-inf), which is C's inf."""
    info = np.finfo(dtype)
    tiny, small, top = info.smallest_subnormal, info.smallest_normal, info.max
    poles = np.array([-1, -2, -3, -17, -18, -170, -(2.0**20), -(2.0 ** (info.nmant + 1)), -1e30, -top], dtype)
    inf, nan = np.inf, np.nan
    np.testing.assert_array_equal(value("lgamma", poles), np.full(len(poles), inf))
    np.testing.assert_array_equal(value("digamma", poles), np.full(len(poles), nan))
    np.testing.assert_array_equal(value("digamma", poles), scipy.special.digamma(poles))
    ends = np.array([0.0, -0.0, inf, -inf, nan], dtype)
    np.testing.assert_array_equal(value("lgamma", ends), [inf, inf, inf, inf, nan])
    np.testing.assert_array_equal(value("digamma", ends), [-inf, inf, inf, nan, nan])
    np.testing.assert_array_equal(value("digamma", ends), scipy.special.digamma(ends))
    digamma = functools.partial(wg.apply, "digamma")
    for d in (derivative, tangent):
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(d(digamma, poles), np.full(len(poles), inf))
            np.testing.assert_array_equal(d(digamma, ends[[0, 1, 2, 4]]), [inf, inf, 0, nan])
    # beside 0: lgamma(x) = -log|x|, digamma(x) = -1/x
    beside = np.array([tiny, 3 * tiny, small / 2, small, 1e-30], dtype)
    beside = np.concatenate([beside, -beside])
    with np.errstate(over="ignore"):
        inverse = (-1 / beside.astype(np.longdouble)).astype(dtype)
    logarithm = np.array([-math.log(abs(float(v))) for v in beside])
    np.testing.assert_allclose(value("lgamma", beside), logarithm, rtol=2 * info.eps)
    np.testing.assert_allclose(value("digamma", beside), inverse, rtol=2 * info.eps)
    # the last numbers with an integral part of odd size: no pole between them is missed
    half = dtype(-(2.0**info.nmant) / 2 - 0.5)
    assert np.isfinite(value("lgamma", half))
    assert np.isfinite(value("digamma", half))
    assert value("lgamma", dtype(top)) == inf
    assert value("digamma", dtype(top)) == dtype(math.log(float(top)))
