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


def test_every_primitive_is_among_the_cases():
    assert {c.name for c in CASES} == set(REGISTRY)
