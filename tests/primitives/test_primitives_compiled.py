"""Compiled equals eager for every primitive of the registry: values and both derivatives, recorded and replayed."""

import numpy as np
import pytest
import wengert as wg
from primitive_cases import REGISTRY, cases, draw
from wengert import _core

CASES = [c for p in REGISTRY.values() for c in cases(p)]
DIFFERENTIABLE = [c for c in CASES if c.varied and REGISTRY[c.name].differentiable]


def points(case, dtype):
    """The case's point, and two others nearby: the first call records, the others replay."""
    first = case.point(dtype)
    return [first, tuple(np.asarray(x * 0.97, dtype) for x in first), tuple(np.asarray(x * 1.02, dtype) for x in first)]


def equal(got, want, dtype):
    # The same kernels, in fused loops that may contract a product and a sum into one rounding.
    eps = np.finfo(dtype).eps
    for g, w in zip(got, want, strict=True):
        g, w = np.asarray(g), np.asarray(w)
        assert g.shape == w.shape
        assert g.dtype == w.dtype
        if w.dtype.kind == "f":
            np.testing.assert_allclose(g, w, rtol=16 * eps, atol=16 * eps * max(1.0, np.max(np.abs(w), initial=0.0)))
        else:
            np.testing.assert_array_equal(g, w)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_value(case, dtype):
    if not case.varied:
        operands = [np.asarray(x) for x in case.operands]
        operands = [x.astype(dtype) if x.dtype.kind == "f" else x for x in operands]

        def f(*xs):
            return wg.apply(case.name, *xs, **case.params)

        runs = [operands, [x[::-1].copy() if x.ndim else x for x in operands]]
    else:
        f, runs = case.run, points(case, dtype)
    compiled = wg.compile(f)
    for xs in runs:
        equal([compiled(*xs)], [np.asarray(f(*xs))], dtype)
    assert compiled.why() == ["first call"]
    assert _core.depth() == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
def test_derivatives_of_both_modes(case, dtype):
    def reverse(w, *xs):
        return wg.vjp(case.run, *xs)[1](w)

    def forward(vs, *xs):
        return wg.jvp(case.run, xs, vs)

    compiled_reverse, compiled_forward = wg.compile(reverse), wg.compile(forward)
    rng = np.random.default_rng(0)
    for xs in points(case, dtype):
        out = np.asarray(case.run(*xs))
        w = draw(rng, (-np.inf, np.inf), out.shape, out.dtype)
        vs = tuple(draw(rng, (-np.inf, np.inf), x.shape, dtype) for x in xs)
        equal(compiled_reverse(w, *xs), reverse(w, *xs), dtype)
        equal(compiled_forward(vs, *xs), forward(vs, *xs), dtype)
    assert compiled_reverse.why() == ["first call"]
    assert compiled_forward.why() == ["first call"]


# One operation, nothing to reassociate: operands of one shape. The derivative of digamma comes from two kernels; that
# of sigmoid from one exponential eagerly, in programs from the sigmoid that is there already.
EXACT = [
    c
    for c in DIFFERENTIABLE
    if REGISTRY[c.name].kind == "elementwise"
    and len({np.shape(x) for x in c.operands}) == 1
    and c.name not in {"digamma", "sigmoid"}
]


def same_bits(got, want):
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g, w)
        np.testing.assert_array_equal(np.signbit(g) & (g == 0), np.signbit(w) & (w == 0))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", EXACT, ids=str)
def test_to_the_last_bit_with_zeros_of_both_signs(case, dtype):
    def reverse(w, *xs):
        return wg.vjp(case.run, *xs)[1](w)

    def forward(vs, *xs):
        return wg.jvp(case.run, xs, vs)

    compiled_reverse, compiled_forward = wg.compile(reverse), wg.compile(forward)
    first = case.point(dtype)
    out = np.asarray(case.run(*first))
    rng = np.random.default_rng(0)
    w = draw(rng, (-np.inf, np.inf), out.shape, out.dtype)
    vs = tuple(draw(rng, (-np.inf, np.inf), x.shape, dtype) for x in first)
    for special in (None, -0.0, 0.0, np.inf, np.nan):
        xs = tuple(np.array(x) for x in first)
        for x in xs if special is not None else ():
            x.reshape(-1)[::2] = special
        for scale in (1, 0, -0.0):
            a, b = np.asarray(w * scale, dtype), tuple(np.asarray(v * scale, dtype) for v in vs)
            with np.errstate(all="ignore"):
                same_bits(compiled_reverse(a, *xs), reverse(a, *xs))
                same_bits(compiled_forward(b, *xs), forward(b, *xs))


@pytest.mark.parametrize("size", [3, 200])  # scalar code, and groups over arrays
def test_algebra_keeps_the_sign_of_zero(size):
    n = wg.numpy
    zero, minus = np.zeros(size), np.full(size, -0.0)
    functions = [
        lambda x, y: (x + 0.0, 0.0 + x, x - 0.0, 0.0 - x, x + -0.0, x - -0.0, -0.0 - x, -0.0 + x),
        lambda x, y: ((-x) - y, (-x) + y, x - (-y), x + (-y), (-x) * y, (-x) * (-y), x * -1.0, -(x - y)),
        lambda x, y: (x**2 + y, x**1, n.where(x > 0, x, y) + 0.0, n.sum(x[:1]), n.abs(x) + 0.0),
        lambda x, y: wg.vjp(lambda x, y: (x[::2] * y[::2], -x, x - y), x, y)[1]((x[::2], y, x)),
        lambda x, y: wg.vjp(lambda x: (x[1:], x[:2] * 2.0, x**2), x)[1]((y[1:], y[:2], y)),
        lambda x, y: wg.jvp(lambda x, y: (n.concatenate([x, -y]), n.minimum(x, y) * 3.0), (x, y), (y, x))[1],
    ]
    rng = np.random.default_rng(0)
    points = [
        zero,
        minus,
        rng.normal(size=size),
        rng.choice([0.0, -0.0, 1.0, -1.0], size),
        rng.normal(size=size) * 5e-324,
    ]
    for f in functions:
        compiled = wg.compile(f)
        for x in points:
            for y in points:
                same_bits(compiled(x, y.copy()), [np.asarray(v) for v in f(x, y)])
        assert compiled.why() == ["first call"]


def test_every_primitive_is_among_the_cases():
    assert {c.name for c in CASES} == set(REGISTRY)
