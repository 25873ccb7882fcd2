"""logaddexp where it is hard: beside the curve exp(a) + exp(b) = 1, where it is 0, on every instruction set."""

import functools

import mpmath
import numpy as np
import pytest
import wengert as wg

FLOATS = [np.float64, np.float32]
ULP = 2  # the promise

#: The pairs found nearest to the curve among some hundred million: the result is down to 2**-82 of a.
NEAREST = [
    (-0.43136561524267125, -1.048740868925872),
    (-0.4667373298842983, -0.9862969059702551),
    (-0.05147153068449808, -2.992351805916331),
    (-0.6946162227479914, -0.6916802932915685),
    (-2.6465486121165517e-08, -17.447424376582752),
    (-6.288759777944858e-08, -16.581916897742758),
    (-1.3941044893933329e-12, -27.29876884987682),
    (-1.5158134469261847e-16, -36.42540926437387),
    (-7.193002575947504e-112, -255.9164217263293),
    (-1.1271282213650603e-150, -345.2680909482359),
    (-9.37476657354595e-253, -580.3160068547688),
]


def value(a, b):
    return np.asarray(wg.apply("logaddexp", a, b))


def other(a):
    """b with exp(a) + exp(b) = 1, rounded."""
    return np.log(-np.expm1(a))


@functools.lru_cache
def hard_points(dtype):
    rng = np.random.default_rng(3)
    n = 150
    smallest = np.log(float(np.finfo(dtype).smallest_subnormal))
    a = np.concatenate([-rng.random(n), -np.exp(rng.uniform(smallest, 0, n))])
    b = other(a)
    distance = rng.choice([-1, 1], 2 * n) * 2.0 ** -rng.uniform(0, 60, 2 * n)
    parts = [(a, b), (a, b * (1 + distance)), (a * (1 + distance), b), tuple(np.array(NEAREST).T)]
    # both a little below 0, the result anything; one at 0, or as good as there
    top = -np.exp(rng.uniform(-12, 0.5, 4 * n))
    parts += [(top, top - rng.uniform(0, 14, 4 * n)), (np.full(n, -np.log(2)), -np.log(2) * (1 + distance[:n]))]
    parts += [(np.zeros(n), rng.uniform(smallest - 2, 0, n)), (np.full(n, -np.exp(smallest)), np.linspace(-800, 0, n))]
    a, b = (np.concatenate([p[i] for p in parts]).astype(dtype) for i in (0, 1))
    swap = rng.random(len(a)) < 0.5
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    with mpmath.workdps(100):
        pairs = [(mpmath.mpf(float(x)), mpmath.mpf(float(y))) for x, y in zip(a, b, strict=True)]
        return a, b, [mpmath.log1p(mpmath.expm1(max(p)) + mpmath.exp(min(p))) for p in pairs]


@pytest.mark.parametrize("dtype", FLOATS)
def test_two_ulp_beside_the_curve(dtype, target):
    a, b, want = hard_points(dtype)
    got = value(a, b)
    assert got.dtype == dtype
    with mpmath.workdps(100):
        for x, y, g, e in zip(a, b, got, want, strict=True):
            unit = mpmath.mpf(float(np.spacing(dtype(abs(e)))))
            assert abs(mpmath.mpf(float(g)) - e) <= ULP * unit, (x, y, g, float(e))


def test_many_floats_around_the_curve(target):
    """float32 against float64, which the test above measures."""
    rng = np.random.default_rng(4)
    n = 20000
    a = -np.exp(rng.uniform(-17, 0.3, n)).astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        b = np.where(a > -0.9, other(a.astype(float)), a - 1).astype(np.float32)
    for ulps in (0, 1, -1, 100, -100, 10**5, -(10**5), 10**6, -(10**6)):
        c = (b.view(np.int32) + np.int32(ulps)).view(np.float32)
        want = value(a.astype(float), c.astype(float))
        assert (np.abs(value(a, c) - want) <= ULP * np.spacing(np.abs(want).astype(np.float32))).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_one_that_cancels_leaves_its_neighbours_alone(dtype, target):
    """A lane is computed again whatever the others hold; these keep their bits."""
    rest = np.array([0.5, -30.0, np.inf, -np.inf, np.nan, 3.0, 1e30, -0.0], dtype)
    a = np.concatenate([rest, rest])
    b = np.concatenate([rest[::-1], rest])
    alone = np.array([value(x, y) for x, y in zip(a, b, strict=True)], dtype)
    a[3] = b[3] = np.log(dtype(0.5))
    together = value(a, b)
    np.testing.assert_array_equal(np.delete(together, 3), np.delete(alone, 3))
    assert together[3] == value(a[3], b[3])
    assert abs(together[3]) < np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", FLOATS)
def test_derivatives_beside_the_curve(dtype, target):
    """exp(a - y) and exp(b - y): as ever."""
    a = np.linspace(-1, -0.1, 50, dtype=dtype)
    b = other(a.astype(float)).astype(dtype)
    weights = wg.vjp(lambda a, b: wg.apply("logaddexp", a, b), a, b)[1](np.ones_like(a))
    for w, x in zip(weights, (a, b), strict=True):
        np.testing.assert_allclose(w, np.exp(x), rtol=8 * np.finfo(dtype).eps)
