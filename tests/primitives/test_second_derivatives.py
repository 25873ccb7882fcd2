"""First and second derivatives of every elementwise primitive over the whole range of numbers, against mpmath.

The points are 10**±k and near the ends of the domain: where a slope written carelessly cancels, overflows or vanishes
when it is differentiated itself.
"""

import math

import mpmath
import numpy as np
import pytest
import wengert as wg
import wengert.reference as wr
from mpmath import mp
from primitive_cases import ELEMENTWISE
from wengert import _core

INF = math.inf
EXPONENTS = [0, 1, 2, 3, 5, 8, 10, 16, 20, 30, 50, 77, 100, 120, 150, 200, 250, 300]


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def sigmoid1(x):
    return 1 / (2 + 2 * mp.cosh(x))


def sigmoid2(x):
    return -sigmoid1(x) * mp.tanh(x / 2)


def normal(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def gauss(x):
    return 2 * mp.exp(-x * x) / mp.sqrt(mp.pi)


#: name -> first and second derivative, and where they are asked for
EXACT = {
    "negative": (lambda x: -1, lambda x: 0),
    "absolute": (mp.sign, lambda x: 0),
    "sqrt": (lambda x: x**-0.5 / 2, lambda x: -(x**-1.5) / 4, 0, INF),
    "rsqrt": (lambda x: -(x**-1.5) / 2, lambda x: 3 * x**-2.5 / 4, 0, INF),
    "cbrt": (lambda x: 1 / (3 * mp.cbrt(abs(x)) ** 2), lambda x: -2 * mp.sign(x) / (9 * mp.cbrt(abs(x)) ** 5)),
    "square": (lambda x: 2 * x, lambda x: 2),
    "reciprocal": (lambda x: -(x**-2), lambda x: 2 * x**-3),
    "exp": (mp.exp, mp.exp, -1e3, 1e3),
    "exp2": (lambda x: mp.ln2 * mp.power(2, x), lambda x: mp.ln2**2 * mp.power(2, x), -2e3, 2e3),
    "expm1": (mp.exp, mp.exp, -1e3, 1e3),
    "log": (lambda x: 1 / x, lambda x: -(x**-2), 0, INF),
    "log2": (lambda x: 1 / x / mp.ln2, lambda x: -(x**-2) / mp.ln2, 0, INF),
    "log10": (lambda x: 1 / x / mp.ln10, lambda x: -(x**-2) / mp.ln10, 0, INF),
    "log1p": (lambda x: 1 / (1 + x), lambda x: -((1 + x) ** -2), -1, INF),
    "sin": (mp.cos, lambda x: -mp.sin(x), -1e8, 1e8),
    "cos": (lambda x: -mp.sin(x), lambda x: -mp.cos(x), -1e8, 1e8),
    "tan": (lambda x: mp.sec(x) ** 2, lambda x: 2 * mp.tan(x) * mp.sec(x) ** 2, -1.5, 1.5),
    "arcsin": (lambda x: (1 - x * x) ** -0.5, lambda x: x * (1 - x * x) ** -1.5, -1, 1),
    "arccos": (lambda x: -((1 - x * x) ** -0.5), lambda x: -x * (1 - x * x) ** -1.5, -1, 1),
    "arctan": (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    "sinh": (mp.cosh, mp.sinh, -1e3, 1e3),
    "cosh": (mp.sinh, mp.cosh, -1e3, 1e3),
    "tanh": (lambda x: mp.sech(x) ** 2, lambda x: -2 * mp.tanh(x) * mp.sech(x) ** 2, -6, 6),  # see docs/edges.md
    "arcsinh": (lambda x: (1 + x * x) ** -0.5, lambda x: -x * (1 + x * x) ** -1.5),
    "arccosh": (lambda x: (x * x - 1) ** -0.5, lambda x: -x * (x * x - 1) ** -1.5, 1, INF),
    "arctanh": (lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2, -1, 1),
    "sigmoid": (sigmoid1, sigmoid2, -1e4, 1e4),
    "log_sigmoid": (lambda x: sigmoid(-x), lambda x: -sigmoid1(x), -1e4, 1e4),
    "softplus": (sigmoid, sigmoid1, -1e4, 1e4),
    "relu": (lambda x: x > 0, lambda x: 0),
    "erf": (gauss, lambda x: -2 * x * gauss(x), -1e3, 1e3),
    "erfc": (lambda x: -gauss(x), lambda x: 2 * x * gauss(x), -1e3, 1e3),
    "gelu": (lambda x: mp.erfc(-x / mp.sqrt(2)) / 2 + x * normal(x), lambda x: normal(x) * (2 - x * x), -1e3, 1e3),
    "silu": (
        lambda x: sigmoid(x) * (1 + x * sigmoid(-x)),
        lambda x: sigmoid1(x) * (2 - x * mp.tanh(x / 2)),
        -1e4,
        1e4,
    ),
    "lgamma": (lambda x: mp.psi(0, x), lambda x: mp.psi(1, x), 0, INF),
    "digamma": (lambda x: mp.psi(1, x), lambda x: mp.psi(2, x), 0, INF),
    "one_minus_square": (lambda x: -2 * x, lambda x: -2),
    "arctan_slope": (lambda x: -2 * x / (1 + x * x) ** 2, lambda x: (6 * x * x - 2) / (1 + x * x) ** 3),
    "sigmoid_slope": (sigmoid2, lambda x: sigmoid1(x) * (1 - 6 * sigmoid1(x)), -1e4, 1e4),
}
#: erfinv' = √π/2 exp(erfinv²): an own list, as mpmath finds erfinv only inside
EXACT["erfinv"] = (
    lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(mp.erfinv(x) ** 2),
    lambda x: mp.pi / 2 * mp.erfinv(x) * mp.exp(2 * mp.erfinv(x) ** 2),
    -1,
    1,
)
UNARY = [p.name for p in ELEMENTWISE if p.arity == 1 and p.differentiable]
# Where the tail of a slope is a difference: the derivative itself passes through zero there.
CROSSING = {"gelu": (-1.5, -0.5), "silu": (-1.6, -1.1), "lgamma": (1.4, 1.5)}


def points(name, dtype):
    low, high = (*EXACT[name][2:], -INF, INF)[:2]
    wide = [sign * m * 10.0**e for k in EXPONENTS for e in (-k, k) for m in (1, 1.7, 3.3) for sign in (-1, 1)]
    near = [end + d for d in (0.1, 1e-3, 1e-8, 1e-15) for end in (1, -1)] + [1 - d for d in (0.1, 1e-3, 1e-8, 1e-15)]
    with np.errstate(over="ignore", under="ignore"):
        xs = np.unique(np.asarray(wide + near).astype(dtype))
    tiny = np.finfo(dtype).tiny
    xs = xs[(xs > low) & (xs < high) & np.isfinite(xs) & (abs(xs) > tiny)]
    if name in CROSSING:
        xs = xs[(xs < CROSSING[name][0]) | (xs > CROSSING[name][1])]
    return xs


def exact(name, order, xs, dtype):
    digits = 60 if name in ("lgamma", "digamma", "erfinv") else 750  # 1 - x*x at 1e-300 needs 600
    with mpmath.workdps(digits):
        values = [mpmath.mpf(EXACT[name][order](mpmath.mpf(float(x)))) for x in xs]
    with np.errstate(over="ignore"):
        return np.array([float(v) for v in values]).astype(dtype)


def derivatives(engine, f):
    """By name, functions of vectors: the first derivatives, then the second, element by element."""

    def reverse(g):
        return lambda x: engine.vjp(g, x)[1](np.ones_like(np.asarray(x)) if type(x) is np.ndarray else x * 0 + 1)[0]

    def forward(g):
        return lambda x: engine.jvp(g, (x,), (x * 0 + 1,))[1]

    first = [reverse(f), forward(f)]
    return first, [outer(inner) for inner in first for outer in (reverse, forward)]


def check(name, xs, found, want, dtype):
    info = np.finfo(dtype)
    tolerance = 2e-12 if dtype is np.float64 else 3e-3
    found = np.asarray(found)
    assert found.dtype == dtype
    beyond = abs(want) >= info.max / 16  # an exact derivative so large may be written inf
    near = abs(found - want) <= tolerance * abs(want) + 16 * info.tiny
    fine = np.where(beyond, abs(found) >= info.max / 64, near)
    wrong = [(x, f, w) for x, f, w in zip(xs[~fine], found[~fine], want[~fine], strict=True)]
    assert not wrong, f"{name}: {len(wrong)} of {len(xs)}: (x, found, exact) = {wrong[:3]} … {wrong[-1]}"


def test_every_elementwise_primitive_is_here():
    assert set(UNARY) == set(EXACT)


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
@pytest.mark.parametrize("engine", [wg, wr], ids=["wengert", "reference"])
@pytest.mark.parametrize("name", UNARY)
def test_to_second_order(name, engine, dtype):
    if engine is wr and name == "silu":
        pytest.skip("the reference composes silu")
    xs = points(name, dtype)
    f = getattr(_core.ops, name) if engine is wg else (lambda x: wr.apply(name, x))
    first, second = derivatives(engine, f)
    for order, each in ((0, first), (1, second)):
        want = exact(name, order, xs, dtype)
        for d in each:
            check(name, xs, d(xs), want, dtype)


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize("name", UNARY)
def test_compiled_to_second_order(name):
    """Programs are recorded at another point."""
    xs = points(name, np.float64)
    _, second = derivatives(wg, getattr(_core.ops, name))
    want = exact(name, 1, xs, np.float64)
    for d in second:
        compiled = wg.compile(d)
        compiled(np.full_like(xs, 0.5 if name != "arccosh" else 1.5))
        check(name, xs, compiled(xs), want, np.float64)
