"""The Hessian of every primitive is symmetric, and the same in every nesting, at random and at special points."""

import math

import numpy as np
import pytest
import wengert as wg
import wengert.reference as wr
from primitive_cases import ELEMENTWISE, REGISTRY, cases
from wengert import _core

BINARY = [p.name for p in ELEMENTWISE if p.arity == 2 and p.differentiable]
# Smooth points where a rule could meet a special case: zeros, ones, whole exponents, equal and far apart operands.
SPECIAL = [
    (a, b)
    for a in (0.5, 1.0, 2.0, 3.0, 1e-3, 1e3, 1e-100, 1e100)
    for b in (0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, 1e-3, 40.0, 1e-100, 1e100)
]


def not_smooth(name, a, b):
    return {
        "maximum": a == b, "minimum": a == b, "maximum_of_constant": a == b, "minimum_of_constant": a == b,
        "divide": b == 0, "remainder": b == 0 or (a / b) % 1 == 0 or abs(a / b) > 1e15, "scale": b == 0,
    }.get(name, False)  # fmt: skip


def hessians(engine, f, xs):
    """∂²f/∂a∂b by the four nestings, as nested tuples."""
    argnums = tuple(range(len(xs)))
    return [
        outer(inner(f, argnums), argnums)(*xs)
        for outer in (engine.jacfwd, engine.jacrev)
        for inner in (engine.jacfwd, engine.jacrev)
    ]


@pytest.mark.parametrize("engine", [wg, wr], ids=["wengert", "reference"])
@pytest.mark.parametrize("name", BINARY)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_special_points_of_binary_primitives(name, engine):
    if engine is wr and name.endswith("_of_constant"):
        pytest.skip("the reference decides it by activity")
    op = getattr(_core.ops, name) if engine is wg else lambda a, b: wr.apply(REFERENCE.get(name, name), a, b)
    for a, b in SPECIAL:
        if not_smooth(name, a, b):
            continue
        found = [np.array(h, float) for h in hessians(engine, op, (a, b))]
        for h in found:
            seen = np.isfinite(h)
            scale = np.max(abs(h[seen]), initial=0)
            np.testing.assert_allclose(h, h.T, rtol=1e-9, atol=1e-12 * scale, err_msg=f"{name} at {a}, {b}")
            np.testing.assert_allclose(h, found[0], rtol=1e-9, atol=1e-12 * scale, err_msg=f"{name} at {a}, {b}")


REFERENCE = {"scale": "multiply"}
STRUCTURED = [
    c for p in REGISTRY.values() if p.differentiable and p.name not in {e.name for e in ELEMENTWISE}
    for c in cases(p) if c.varied and sum(np.size(x) for x in c.point()) <= 12
]  # fmt: skip


@pytest.mark.parametrize("case", STRUCTURED, ids=str)
def test_structured_primitives(case):
    xs = case.point()
    weights = np.cos(np.arange(np.size(case.run_numpy(*xs)))).reshape(np.shape(case.run_numpy(*xs)))
    sizes = [np.size(x) for x in xs]

    def f(*operands):
        return np.sum(wg.numpy.square(case.run(*operands)) * weights)

    n = len(xs)
    for h in hessians(wg, f, xs):
        whole = np.block([[np.reshape(h[i][j], (sizes[i], sizes[j])) for j in range(n)] for i in range(n)])
        np.testing.assert_allclose(whole, whole.T, rtol=1e-9, atol=1e-11 * np.max(abs(whole), initial=1.0))


LN2 = math.log(2.0)
POWERS = [  # at (a, b): the Hessian of a**b
    ((2.0, 0.0), [[0.0, 0.5], [0.5, LN2**2]]),
    ((2.0, 1.0), [[0.0, 1 + LN2], [1 + LN2, 2 * LN2**2]]),
    ((1.0, 0.0), [[0.0, 1.0], [1.0, 0.0]]),
    ((0.5, 0.0), [[0.0, 2.0], [2.0, LN2**2]]),
    ((2.0, 2.0), [[2.0, 2 + 4 * LN2], [2 + 4 * LN2, 4 * LN2**2]]),
    ((2.0, -1.0), [[0.25, 0.25 * (1 - LN2)], [0.25 * (1 - LN2), 0.5 * LN2**2]]),
    ((1e-100, 0.0), [[0.0, 1e100], [1e100, math.log(1e-100) ** 2]]),
    ((1e100, 0.0), [[0.0, 1e-100], [1e-100, math.log(1e100) ** 2]]),
]
SPELLINGS = {
    "power": lambda m, a, b: m.power(a, b),
    "**": lambda m, a, b: a**b,
    "float_power": lambda m, a, b: m.float_power(a, b),
    "pow": lambda m, a, b: m.pow(a, b),
}


@pytest.mark.parametrize("engine", [wg, wr], ids=["wengert", "reference"])
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("point", "want"), POWERS, ids=str)
def test_power_near_exponent_zero(point, want, spelling, engine):
    for h in hessians(engine, lambda a, b: SPELLINGS[spelling](engine.numpy, a, b), point):
        np.testing.assert_allclose(np.array(h, float), want, rtol=1e-12, atol=1e-12)


def test_power_near_exponent_zero_compiled():
    for point, want in POWERS:
        for order in (wg.jacfwd, wg.jacrev):
            compiled = wg.compile(order(wg.jacrev(lambda a, b: a**b, (0, 1)), (0, 1)))
            compiled(3.0, 2.5)
            np.testing.assert_allclose(np.array(compiled(*point), float), want, rtol=1e-12, atol=1e-12)
