"""Weights at infinity: they sum to 1 wherever a limit exists, and between equal infinities; engines and modes agree."""

import math

import mpmath
import numpy as np
import pytest
import wengert as wg
import wengert.reference as wr
from mpmath import mp

INF, NAN = math.inf, math.nan
ENGINES = pytest.mark.parametrize("m", [wg, wr], ids=["wengert", "reference"])

PAIRS = [  # of two exponents, and the weights of both
    ((INF, 2.0), (1, 0)),
    ((2.0, INF), (0, 1)),
    ((INF, INF), (0.5, 0.5)),
    ((-INF, -INF), (0.5, 0.5)),
    ((INF, -INF), (1, 0)),
    ((-INF, INF), (0, 1)),
    ((-INF, 2.0), (0, 1)),
    ((-INF, -1e300), (0, 1)),
    ((INF, 1e308), (1, 0)),
    ((1e308, -1e308), (1, 0)),
    ((1e308, 1e308), (0.5, 0.5)),
    ((0.0, -0.0), (0.5, 0.5)),
    ((3e-320, 0.0), (0.5, 0.5)),
    ((NAN, 1.0), (NAN, NAN)),
    ((INF, NAN), (NAN, NAN)),
    ((-INF, NAN), (NAN, NAN)),
]


def gradients(m, f, x):
    """By every mode; compiled ones are recorded at a finite point."""
    yield m.grad(f)(x)
    yield m.jacfwd(f)(x)
    yield m.jacrev(f)(x)
    if m is wg:
        for d in (wg.grad, wg.jacfwd):
            compiled = wg.compile(d(f))
            compiled(np.linspace(0.1, 0.7, x.size).reshape(x.shape).astype(x.dtype))
            yield compiled(x)


@ENGINES
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
@pytest.mark.parametrize(("x", "want"), PAIRS, ids=str)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning", "ignore:overflow:RuntimeWarning")
def test_two(x, want, m, dtype):
    given = x
    with np.errstate(over="ignore"):
        x = np.array(x).astype(dtype)
        infinite = np.isinf(x).sum()
    if infinite != np.isinf(given).sum():
        pytest.skip("not a float32")
    n = m.numpy
    functions = [
        lambda v: n.logaddexp(v[0], v[1]),
        lambda v: n.logaddexp2(v[0], v[1]),
        lambda v: n.logsumexp(v),
        lambda v: n.logsumexp(n.reshape(v, (1, 2)), axis=(0, 1)),
    ]
    if m is wg:
        functions += [lambda v: np.logaddexp(v[0], v[1]), lambda v: np.logaddexp2(v[0], v[1])]
    for f in functions:
        for g in gradients(m, f, x):
            np.testing.assert_array_equal(g, np.array(want, dtype))


ROWS = [  # a row, its softmax, its log_softmax
    ([INF, 2.0, 1.0], [1, 0, 0], [0, -INF, -INF]),
    ([2.0, INF, -INF], [0, 1, 0], [-INF, 0, -INF]),
    ([INF, INF, 1.0], [0.5, 0.5, 0], [-math.log(2), -math.log(2), -INF]),
    ([-INF, -INF], [0.5, 0.5], [-math.log(2)] * 2),
    ([-INF, 3.0], [0, 1], [-INF, 0]),
    ([INF, -INF], [1, 0], [0, -INF]),
    ([INF], [1], [0]),
    ([-INF], [1], [0]),
    ([1e308, -1e308], [1, 0], None),
    ([NAN, 1.0], [NAN, NAN], [NAN, NAN]),
    ([NAN, INF, 1.0], [NAN] * 3, [NAN] * 3),
]


@ENGINES
@pytest.mark.parametrize("width", [0, 5, 40], ids="and {} more".format)
@pytest.mark.parametrize(("x", "soft", "logs"), ROWS, ids=str)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_softmax_and_its_logarithm(x, soft, logs, width, m):
    """Short rows and long ones (other kernels): the further elements are -inf and weigh nothing."""
    if width and max(x) == -INF:
        pytest.skip("all of them would share")
    further = [-INF] * width
    x = np.array(x + further)
    is_nan = np.isnan(x).any()
    soft = np.array([*soft, *([NAN if is_nan else 0] * width)], float)
    n = m.numpy
    values = [(n.softmax, soft)]
    if logs is not None:
        values.append((n.log_softmax, np.array([*logs, *([NAN if is_nan else -INF] * width)], float)))
    for f, want in values:
        for axis, shaped in ((-1, np.stack([x, x])), (0, np.stack([x, x]).T)):
            found = np.asarray(f(shaped, axis=axis))
            np.testing.assert_allclose(found, np.stack([want, want]) if axis else np.stack([want, want]).T, rtol=1e-15)
        if m is wg:
            compiled = wg.compile(f)
            compiled(np.linspace(-1.0, 1.0, x.size))
            np.testing.assert_allclose(compiled(x), want, rtol=1e-15)
    for g in gradients(m, n.logsumexp, x):
        np.testing.assert_array_equal(g, soft)
    if not is_nan:  # the sum of all weights is constant
        for g in gradients(m, lambda v: n.sum(n.softmax(v)), x):
            np.testing.assert_array_equal(g, np.zeros_like(x))


# ---- one weight rounds to 1 -----------------------------------------------------------------------------------------

NEARLY = [
    [37.5, 0.0],
    [0.0, 40.0],
    [50.0, 0.0, 3.0],
    [700.0, 0.0, 30.0, 650.0],
    [-3.0, 45.0, 2.0, 1.0, -7.0, 9.0],
    [0.5, 0.2, -0.1],
    [3.0, 3.0, -40.0],
    [2.5, 0.0],
]


def exact_rows(x):
    """Derivatives of softmax and log_softmax, and the second one of logsumexp."""
    with mpmath.workdps(700):
        e = [mp.exp(mp.mpf(v)) for v in x]
        total = mp.fsum(e)
        p = [v / total for v in e]
        others = [mp.fsum(e[:i] + e[i + 1 :]) / total for i in range(len(x))]
        soft = [[p[i] * (others[i] if i == j else -p[j]) for j in range(len(x))] for i in range(len(x))]
        logs = [[others[i] if i == j else -p[j] for j in range(len(x))] for i in range(len(x))]
        third = [p[i] * others[i] * (others[i] - p[i]) for i in range(len(x))]
    return np.array(soft, float), np.array(logs, float), np.array(third, float)


@ENGINES
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
@pytest.mark.parametrize("pad", [0, 40], ids="and {} more".format)
@pytest.mark.parametrize("x", NEARLY, ids=str)
def test_a_weight_that_rounds_to_one(x, pad, dtype, m):
    """Every entry of the Jacobian has all of its digits, also the one in which 1 - 1 would be left."""
    x = np.array([*x, *([-60.0] * pad)], dtype)
    soft, logs, curve = exact_rows(x.astype(float))
    tolerance = {"rtol": 1e-12 if dtype is np.float64 else 1e-4, "atol": 8 * float(np.finfo(dtype).tiny)}
    n = m.numpy
    ways = [m.jacrev, m.jacfwd]
    if m is wg:
        ways += [lambda f: wg.compile(wg.jacrev(f)), lambda f: wg.compile(wg.jacfwd(f))]
        ways += [lambda f: lambda v: np.stack([wg.grad(lambda u, i: f(u)[i])(v, i) for i in range(v.size)])]
    for way in ways:
        np.testing.assert_allclose(way(n.softmax)(x), soft, **tolerance)
        np.testing.assert_allclose(way(n.log_softmax)(x), logs, **tolerance)
        np.testing.assert_allclose(way(m.grad(n.logsumexp))(x), soft, **tolerance)
        np.testing.assert_allclose(way(lambda v: n.softmax(n.reshape(v, (1, -1)), axis=1)[0])(x), soft, **tolerance)
    i = int(np.argmax(x))
    if abs(soft[i, i]) > 0.1:  # near a half the second derivative passes through 0
        return
    for h in (m.hessian(lambda v: n.softmax(v)[i])(x), m.jacrev(m.jacfwd(lambda v: n.softmax(v)[i]))(x)):
        np.testing.assert_allclose(np.asarray(h)[i, i], curve[i], **tolerance)


@ENGINES
@pytest.mark.parametrize("gap", [0.0, 1e-300, 1e-20, 1e-8, 0.1, 1.0, 30.0, 40.0, 300.0, 700.0, 1e4])
def test_second_derivatives_of_logaddexp(gap, m):
    with mpmath.workdps(700):
        slope = 1 / (2 + 2 * mp.cosh(mp.mpf(gap)))
        want = float(slope)
    for a, b in ((gap, 0.0), (0.0, gap), (-gap, 0.0)):
        for h in (
            m.jacfwd(m.jacrev(m.numpy.logaddexp, (0, 1)), (0, 1)),
            m.jacrev(m.jacfwd(m.numpy.logaddexp, (0, 1)), (0, 1)),
        ):
            np.testing.assert_allclose(h(a, b), [[want, -want], [-want, want]], rtol=1e-12, atol=1e-307)


# ---- a slope that overflows though the derivative does not ----------------------------------------------------------

CHAINS = {
    "log(1/x)": (lambda n, x: n.log(1.0 / x), lambda x: -1 / x),
    "log(reciprocal)": (lambda n, x: n.log(n.reciprocal(x)), lambda x: -1 / x),
    "log(rsqrt)": (lambda n, x: n.log(n.rsqrt(x)), lambda x: -0.5 / x),
    "log2(3/x)": (lambda n, x: n.log2(3.0 / x), lambda x: -1 / x / math.log(2)),
    "sqrt(1/x)": (lambda n, x: n.sqrt(1.0 / x), lambda x: -0.5 * x**-1.5),
    "arcsinh(1/x)": (lambda n, x: n.arcsinh(1.0 / x), lambda x: -1 / x / math.hypot(1, x)),
}


@ENGINES
@pytest.mark.parametrize("x", [1e-200, 1e-160, 1e-307, 1e200, 1.0])
@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_overflow_inside_a_slope(chain, x, m):
    """In reverse mode; forward mode has to pass through the derivative of 1/x itself, which is no number."""
    f, slope = CHAINS[chain]
    try:
        want = slope(x)
    except OverflowError:
        want = -INF
    g = m.grad(lambda x: f(m.numpy, x))
    assert g(x) == pytest.approx(want, rel=1e-13, abs=0)
    np.testing.assert_allclose(
        m.grad(lambda v: m.numpy.sum(f(m.numpy, v)))(np.full(20, x)), np.full(20, want), rtol=1e-13
    )
    if m is wg:
        for at in (x, np.full(20, x)):
            compiled = wg.compile(wg.grad(lambda x: np.sum(f(m.numpy, x))))
            compiled(0 * at + 0.5)
            np.testing.assert_allclose(compiled(at), want, rtol=1e-13)
