"""Every rule of wengert.reference: forward against differences, reverse against forward, both to second order."""

import math

import numpy as np
import pytest
import wengert.reference as wr

wnp = wr.numpy
RULES = dict(wr.primitives())
rng = np.random.default_rng(7)


def sample(domain, shape):
    """Numbers inside a domain, away from its ends."""
    low, high = domain
    if math.isinf(low) and math.isinf(high):
        return rng.normal(size=shape) * 1.5
    if math.isinf(high):
        return low + 0.3 + rng.gamma(2.0, size=shape)
    return low + (high - low) * (0.1 + 0.8 * rng.random(shape))


def matrix(*shape):
    return rng.normal(size=shape)


INDEX_ARRAY = np.array([2, 0, 2])
MASK = np.array([True, False, True, True])
#: name -> list of (operands, params)
CASES = {
    "where": [((np.array([True, False, True]), matrix(2, 3), matrix(3)), {})],
    "sum": [((matrix(2, 3, 4),), {"axis": a, "keepdims": k}) for a in (None, 1, (0, -1)) for k in (False, True)],
    "mean": [((matrix(2, 3, 4),), {"axis": a, "keepdims": k}) for a in (None, -1, (0, 2)) for k in (False, True)],
    "prod": [
        ((matrix(2, 3),), {"axis": None, "keepdims": False}),
        ((matrix(2, 3, 2),), {"axis": (0, 2), "keepdims": True}),
        ((np.array([2.0, 0.0, 3.0]),), {"axis": 0}),
        ((np.array([0.0, 0.0, 3.0]),), {"axis": 0}),
    ],
    "max": [((matrix(3, 4),), {"axis": a, "keepdims": k}) for a in (None, 0, (0, 1)) for k in (False, True)],
    "min": [((matrix(3, 4),), {"axis": a, "keepdims": k}) for a in (None, -1) for k in (False, True)],
    "logsumexp": [((matrix(3, 4),), {"axis": a, "keepdims": k}) for a in (None, 0, (0, 1)) for k in (False, True)],
    "softmax": [((matrix(3, 4),), {"axis": a}) for a in (-1, 0)],
    "log_softmax": [((matrix(3, 4),), {"axis": a}) for a in (-1, 0)],
    "cumsum": [((matrix(3, 4),), {"axis": a}) for a in (0, -1)],
    "matmul": [
        ((matrix(*a), matrix(*b)), {})
        for a, b in [
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 2)),
            ((2, 3), (3, 4)),
            ((5, 2, 3), (3, 4)),
            ((2, 3), (5, 3, 4)),
            ((1, 2, 3), (5, 3, 4)),
            ((5, 2, 3), (3,)),
            ((3,), (5, 3, 2)),
            ((4, 1, 2, 3), (5, 3, 2)),
        ]
    ],
    "reshape": [((matrix(2, 6),), {"shape": (3, 4)})],
    "transpose": [((matrix(2, 3, 4),), {"axes": a}) for a in (None, (2, 0, 1), (-1, 0, 1))],
    "broadcast_to": [((matrix(3, 1),), {"shape": (2, 3, 4)})],
    "expand_dims": [((matrix(3, 2),), {"axis": a}) for a in (0, -1, (0, 2))],
    "squeeze": [((matrix(1, 3, 1),), {"axis": a}) for a in (None, 0, (0, -1))],
    "concatenate": [
        ((matrix(2, 3), matrix(1, 3), matrix(4, 3)), {"axis": 0}),
        ((matrix(2, 3), matrix(2, 1)), {"axis": -1}),
    ],
    "stack": [((matrix(2, 3), matrix(2, 3)), {"axis": a}) for a in (0, 1, -1)],
    "astype": [((matrix(3),), {"dtype": np.dtype(float)})],
    "getitem": [
        ((matrix(4, 3),), {"index": i})
        for i in (1, (slice(None, None, -2), 0), (Ellipsis, None, 2), INDEX_ARRAY, (INDEX_ARRAY, INDEX_ARRAY), MASK)
    ],
    "index_update": [
        ((matrix(4, 3), matrix(3)), {"index": 1}),
        ((matrix(4, 3), matrix(2, 1)), {"index": (slice(0, 2), slice(None))}),
        ((matrix(4, 3), matrix(3, 3)), {"index": INDEX_ARRAY}),
        ((matrix(4, 3), matrix()), {"index": MASK}),
    ],
    "index_add": [((matrix(4, 3), matrix(3, 3)), {"index": INDEX_ARRAY}), ((matrix(4, 3), matrix(3)), {"index": MASK})],
}

for name, rule in RULES.items():
    if rule.differentiable and name not in CASES:
        domain = rule.domain
        shapes = (
            [((3, 2),), ((),), ((0, 3),)]
            if rule.arity == 1
            else [((3, 2), (2,)), ((3, 1), (1, 2)), ((), (2,)), ((), ())]
        )
        CASES[name] = [(tuple(sample(d, s) for d, s in zip(domain, shape, strict=True)), {}) for shape in shapes]

ROWS = [(name, i) for name in CASES for i in range(len(CASES[name]))]


def directions(operands):
    return tuple(rng.normal(size=np.shape(x)) for x in operands)


def by_differences(f, primals, tangents, step=2e-5):
    """A difference of fourth order: error about step**4."""

    def at(s):
        return np.asarray(f(*(np.asarray(x + s * step * t) for x, t in zip(primals, tangents, strict=True))), float)

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)


def check_first_order(f, primals, tol=2e-8):
    """jvp against differences, and <v, J u> against <J' v, u>."""
    u = directions(primals)
    value, tangent = wr.jvp(f, primals, u)
    expected = by_differences(lambda *x: wr.array(f(*x)).numpy(), primals, u)
    np.testing.assert_allclose(tangent, expected, rtol=tol, atol=tol * (1 + np.max(np.abs(expected), initial=0)))
    again, pullback = wr.vjp(f, *primals)
    np.testing.assert_array_equal(value, again)
    v = rng.normal(size=np.shape(value))
    cotangents = pullback(v)
    for x, g in zip(primals, cotangents, strict=True):
        assert np.shape(g) == np.shape(x)
    inner = sum(float(np.sum(g * t)) for g, t in zip(cotangents, u, strict=True))
    size = np.sum(np.abs(v * tangent)) + 1e-30
    assert abs(float(np.sum(v * tangent)) - inner) <= 1e-12 * (1 + size)
    pushed = wr.linearize(f, *primals)[1](*u)
    np.testing.assert_allclose(pushed, tangent, rtol=1e-12, atol=1e-12)


def function_of(name, operands, params):
    """The primitive as a function of its floating-point operands."""
    varying = [i for i, x in enumerate(operands) if np.asarray(x).dtype.kind == "f"]

    def f(*primals):
        full = list(operands)
        for i, x in zip(varying, primals, strict=True):
            full[i] = x
        return wr.apply(name, *full, **params)

    return f, tuple(operands[i] for i in varying)


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_first_and_second_order(name, row):
    f, primals = function_of(name, *CASES[name][row])
    check_first_order(f, primals)
    v = rng.normal(size=np.shape(f(*primals)))
    u = directions(primals)
    check_first_order(lambda *x: wnp.concatenate([wnp.ravel(g) for g in wr.vjp(f, *x)[1](v)]), primals, tol=2e-7)
    check_first_order(lambda *x: wr.jvp(f, x, u)[1], primals, tol=2e-7)


def test_every_differentiable_primitive_has_a_row():
    assert {name for name, rule in RULES.items() if rule.differentiable} == set(CASES)


@pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if rule.kind in ("elementwise", "nn") and rule.arity == 1]
)
def test_float32_stays_float32(name):
    x = sample(RULES[name].domain[0], (5,)).astype(np.float32)
    value = wr.apply(name, x)
    assert value.dtype == np.float32 or value.dtype == bool
    if RULES[name].differentiable:
        value, tangent = wr.jvp(lambda x: wr.apply(name, x), (x,), (np.ones_like(x),))
        (cotangent,) = wr.vjp(lambda x: wr.apply(name, x), x)[1](np.ones_like(x))
        assert value.dtype == tangent.dtype == cotangent.dtype == np.float32
        if name not in ("softmax", "log_softmax"):  # a diagonal Jacobian is its own transpose
            np.testing.assert_allclose(tangent, cotangent, rtol=2e-5)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if not rule.differentiable and rule.arity == 1])
def test_flat_functions_have_zero_gradient(name):
    x = np.array([[0.3, -1.7], [2.5, 0.9]])
    np.testing.assert_array_equal(wr.grad(lambda x: wnp.sum(wr.apply(name, x) * 1.0))(x), np.zeros((2, 2)))
    np.testing.assert_array_equal(wr.jvp(lambda x: wr.apply(name, x) * 1.0, (x,), (x,))[1].ravel()[:1], [0.0])


NUMPY_HAS = [
    name for name, rule in RULES.items() if hasattr(np, name) and rule.kind == "elementwise" and name != "where"
]


@pytest.mark.parametrize("name", NUMPY_HAS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32, bool])
def test_values_and_dtypes_are_numpys(name, dtype):
    rule = RULES[name]
    operands = [np.abs(sample(d, (4,)) * 2 + 0.1).astype(dtype) for d in rule.domain]
    try:
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(*operands)
    except TypeError:
        pytest.skip("NumPy refuses this dtype")
    if name == "reciprocal" and dtype not in (np.float64, np.float32):
        pytest.skip("NumPy's integer reciprocal is an integer division")
    if expected.dtype.kind not in "fiub" or expected.dtype in (np.float16, np.int8):
        pytest.skip("a dtype wengert does not have")
    got = wr.apply(name, *operands)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got.numpy(), expected)


def test_special_values_against_mpmath():
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 40
    x = np.array([-30.7, -3.3, -0.5, 1e-8, 0.1, 1.0, 1.4616321449683623, 2.5, 17.0, 345.6])
    table = {
        "erf": (mpmath.erf, x),
        "erfc": (mpmath.erfc, x),
        "digamma": (mpmath.digamma, x),
        "lgamma": (lambda t: mpmath.re(mpmath.loggamma(t)), np.abs(x)),
        "sigmoid": (lambda t: 1 / (1 + mpmath.exp(-t)), x),
        "log_sigmoid": (lambda t: -mpmath.log1p(mpmath.exp(-t)), x),
        "softplus": (lambda t: mpmath.log1p(mpmath.exp(t)), x),
        "gelu": (lambda t: t * mpmath.ncdf(t), x),
    }
    for name, (exact, points) in table.items():
        want = np.array([float(exact(mpmath.mpf(float(t)))) for t in points])
        np.testing.assert_allclose(wr.apply(name, points).numpy(), want, rtol=1e-13, atol=1e-15, err_msg=name)
    trigamma = wr.elementwise_grad(wnp.digamma)(x)
    want = np.array([float(mpmath.psi(1, mpmath.mpf(float(t)))) for t in x])
    np.testing.assert_allclose(trigamma, want, rtol=1e-12)
    second = wr.elementwise_grad(wr.elementwise_grad(wnp.digamma))(x[3:])
    np.testing.assert_allclose(second, [float(mpmath.psi(2, mpmath.mpf(float(t)))) for t in x[3:]], rtol=1e-12)


@pytest.mark.parametrize("x", [1000.0, -1000.0, 40.0, -40.0, 0.0])
def test_stable_functions_never_overflow(x):
    """No warning, no NaN, and the exact tails; pytest turns warnings into errors."""
    for f in (wnp.sigmoid, wnp.log_sigmoid, wnp.softplus, wnp.tanh, wnp.gelu, wnp.erf, wnp.relu):
        for derivative in (wr.grad(f), wr.grad(wr.grad(f)), lambda x, f=f: wr.jvp(f, (x,), (1.0,))[1]):
            assert math.isfinite(derivative(x))
    assert wr.grad(wnp.sigmoid)(x) == pytest.approx(wnp.sigmoid(x).item() * wnp.sigmoid(-x).item(), rel=1e-15)
    assert wr.grad(wnp.softplus)(x) == pytest.approx(wnp.sigmoid(x).item(), rel=1e-15)
    vector = np.array([x, 0.0, 1.0])
    p = wnp.softmax(vector).numpy()
    np.testing.assert_allclose(wr.grad(wnp.logsumexp)(vector), p, rtol=1e-14)
    assert np.isfinite(wr.jacobian(wnp.log_softmax)(vector)).all()
    assert np.isfinite(wr.jacfwd(wnp.softmax)(vector)).all()
