"""scan, fori_loop, while_loop and cond: against Python loops, in both modes, compiled."""

from __future__ import annotations

import numpy as np
import pytest
import wengert as wg

RNG = np.random.default_rng(2)
X = RNG.normal(size=(12, 3))


def rnn(w, x, h, **how):
    def step(c, row):
        h, w = c
        h = wg.numpy.tanh(h @ w + row)
        return (h, w), wg.numpy.sum(h)

    (h, _), ys = wg.scan(step, (h, w), x, **how)
    return wg.numpy.sum(h) + wg.numpy.sum(ys**2)


def by_loop(w, x, h, reverse=False):
    total = 0.0
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        h = wg.numpy.tanh(h @ w + x[t])
        total = total + wg.numpy.sum(h) ** 2
    return wg.numpy.sum(h) + total


ARGS = (RNG.normal(size=(3, 3)), X, np.zeros(3))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("checkpoint", [None, "sqrt", 5, 100])
def test_scan(reverse, checkpoint):
    f = lambda w, x, h: rnn(w, x, h, reverse=reverse, checkpoint=checkpoint)  # noqa: E731
    g = lambda w, x, h: by_loop(w, x, h, reverse)  # noqa: E731
    for transform in (lambda f: f, wg.grad, wg.jacfwd, lambda f: wg.compile(wg.grad(f, argnums=(0, 1, 2))), wg.hessian):
        a, b = (
            transform(f)(*ARGS),
            (wg.grad(g, argnums=(0, 1, 2)) if isinstance(transform(f), wg._core.Compiled) else transform(g))(*ARGS),
        )
        for p, q in zip(a if isinstance(a, tuple) else (a,), b if isinstance(b, tuple) else (b,), strict=True):
            np.testing.assert_allclose(np.asarray(p), np.asarray(q), rtol=1e-10, atol=1e-12)


def test_scan_trees_and_stacking():
    def step(c, row):
        return c + row["a"], {"sum": c, "twice": (row["b"] * 2.0,)}

    last, ys = wg.scan(step, 0.0, {"a": np.arange(4.0), "b": np.ones((4, 2))})
    assert float(last) == 6.0
    np.testing.assert_array_equal(np.asarray(ys["sum"]), [0.0, 0.0, 1.0, 3.0])
    assert ys["twice"][0].shape == (4, 2)
    assert wg.scan(lambda c, _: (c * 2.0, None), 1.0, None, length=3) == (8.0, None)


def test_scan_errors():
    with pytest.raises(ValueError, match="one leading length"):
        wg.scan(lambda c, x: (c, x), 0.0, (np.ones(2), np.ones(3)))
    with pytest.raises(ValueError, match="no length"):
        wg.scan(lambda c, x: (c, x), 0.0, None)
    with pytest.raises(TypeError, match="pair"):
        wg.scan(lambda c, x: c, 0.0, np.ones(2))
    with pytest.raises(TypeError, match="structure"):
        wg.scan(lambda c, x: ((c, c), x), 0.0, np.ones(2))
    with pytest.raises(ValueError, match="checkpoint"):
        wg.scan(lambda c, x: (c, x), 0.0, np.ones(2), checkpoint="cube")


def test_other_loops():
    f = lambda x: wg.fori_loop(0, 4, lambda i, v: v * x + i, 1.0)  # noqa: E731
    h = 1e-6
    assert wg.grad(f)(1.3) == pytest.approx((f(1.3 + h) - f(1.3 - h)) / (2 * h), rel=1e-6)
    w = lambda x: wg.while_loop(lambda v: v < 50.0, lambda v: v * x, x)  # noqa: E731
    c = lambda x: wg.cond(x > 1.0, lambda v: v * v, lambda v: -v, x)  # noqa: E731
    for g in (f, w, c):
        compiled = wg.compile(wg.value_and_grad(g))
        for x in (1.3, 2.0, 1.3, 5.0) if g is w else (0.5, 1.3, 0.7):
            np.testing.assert_allclose(compiled(x), wg.value_and_grad(g)(x), rtol=1e-12)
    with pytest.raises(TypeError, match="one truth value"):
        wg.cond(np.array([True, False]), lambda: 1, lambda: 2)


def test_int_asks_for_the_whole_number_only():
    """Another number that rounds to the same whole one is no reason to record again; NaN still raises."""
    g = wg.compile(lambda x: x ** int(x * 2.0))
    assert [g(x) for x in (1.6, 1.7, 1.9)] == [1.6**3, 1.7**3, 1.9**3]
    assert g.stats()["recordings"] == 1
    assert g(2.5) == 2.5**5
    assert g(-1.2) == pytest.approx((-1.2) ** -2)
    assert g.stats()["recordings"] == 3
    with pytest.raises(ValueError, match="NaN"):
        g(float("nan"))
