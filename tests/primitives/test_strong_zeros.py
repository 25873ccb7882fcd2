"""In a derivative an exact zero annihilates inf and NaN: matrix products, which have no such rule in BLAS."""

import numpy as np
import pytest
import wengert as wg
import wengert.reference as wr

INF, NAN = np.inf, np.nan
A = np.array([[1.0, INF, 2.0], [3.0, 4.0, NAN], [0.0, 5.0, -1.0]])
B = np.array([[1.0, 0.0, -INF], [0.0, 2.0, 3.0], [NAN, 0.0, 1.0]])


def annihilating(a, b):
    """a @ b term by term."""
    with np.errstate(invalid="ignore"):
        terms = np.where(
            (a[..., :, :, None] == 0) | (b[..., None, :, :] == 0), 0.0, a[..., :, :, None] * b[..., None, :, :]
        )
        return terms.sum(axis=-2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_product_itself(dtype):
    rng = np.random.default_rng(0)
    big = rng.normal(size=(2, 9, 17)).astype(dtype)
    wide = rng.normal(size=(17, 5)).astype(dtype)
    for m in (big, wide):
        m[rng.random(m.shape) < 0.3] = 0
        m[rng.random(m.shape) < 0.1] = INF
        m[rng.random(m.shape) < 0.1] = NAN
    for a, b in ((A.astype(dtype), B.astype(dtype)), (A.T.astype(dtype), B[:, ::-1].astype(dtype)), (big, wide)):
        got = np.asarray(wg._core.ops.strong_matmul(a, b))
        assert got.dtype == dtype
        np.testing.assert_allclose(got, annihilating(a, b), rtol=1e-5)


@pytest.mark.parametrize("engine", [wg, wr], ids=["engine", "reference"])
def test_rows_of_zero_cotangents_stay_zero(engine):
    g = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    _, pullback = engine.vjp(lambda a, b: a @ b, A, B)
    ga, gb = pullback(g)
    np.testing.assert_array_equal(ga, annihilating(g, B.T))
    np.testing.assert_array_equal(gb, annihilating(A.T, g))
    assert (np.asarray(ga)[0] == 0).all()
    _, tangent = engine.jvp(lambda a: a @ B, (A,), (g,))
    np.testing.assert_array_equal(tangent, annihilating(g, B))
    _, tangent = engine.jvp(lambda b: A @ b, (B,), (g,))
    np.testing.assert_array_equal(tangent, annihilating(A, g))
    _, pullback = engine.vjp(lambda a, b: a @ b, A[0], B[:, 2])  # vectors
    np.testing.assert_array_equal(pullback(0.0)[0], np.zeros(3))
    jacobian = engine.jacfwd(lambda x: (B @ x)[1])(np.ones(3))
    np.testing.assert_array_equal(jacobian, B[1])


@pytest.mark.parametrize("engine", [wg, wr], ids=["engine", "reference"])
def test_a_branch_not_taken_leaks_nothing_through_a_product(engine):
    xp = wg.numpy if engine is wg else wr.numpy
    w = np.array([[1.0, 2.0], [INF, 4.0]])

    def f(x):
        y = x @ w
        return xp.sum(xp.where(np.array([False, True]), y, 0.0))

    x = np.array([[2.0, 3.0]])
    np.testing.assert_array_equal(engine.grad(f)(x), [[2.0, 4.0]])
    np.testing.assert_array_equal(engine.hessian(f)(x), np.zeros((1, 2, 1, 2)))


@pytest.mark.parametrize("size", [2, 40])  # scalar code, and steps over arrays
def test_replays_decide_for_themselves(size):
    """Recorded with finite numbers, replayed with others: as without compile."""
    rng = np.random.default_rng(0)

    def gradients(w, x, g):
        return wg.vjp(lambda w, x: wg.numpy.tanh(x @ w) @ w, w, x)[1](g)

    def over_time(w, xs):  # products over the steps are gathered
        def loss(w):
            h = wg.numpy.zeros(size)
            for x in xs:
                h = wg.numpy.where(x > 0, h @ w + x, 0.0)
            return wg.numpy.sum(h)

        return wg.grad(loss)(w)

    def in_a_scan(w, xs):
        return wg.grad(lambda w: wg.numpy.sum(wg.scan(lambda h, x: (x @ w + h * 0.5, None), xs[0] * 0, xs)[0]))(w)

    compiled = [wg.compile(f) for f in (gradients, over_time, in_a_scan)]
    for bad in (1.0, INF, -INF, NAN, 1e300, 0.0, -0.0):
        w, x, g = rng.normal(size=(size, size)), rng.normal(size=(size, size)), rng.normal(size=(size, size))
        w[0, 1], x[1, 0], g[0] = bad, bad, 0
        for f, k, args in ((gradients, 0, (w, x, g)), (over_time, 1, (w, x)), (in_a_scan, 2, (w, x))):
            with np.errstate(all="ignore"):
                want, got = f(*args), compiled[k](*args)
            for p, q in zip(got if k == 0 else [got], want if k == 0 else [want], strict=True):
                np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-9)
    assert all(c.why() == ["first call"] for c in compiled)


def test_values_keep_the_rule_of_ieee():
    assert np.isnan(np.asarray(wg.numpy.matmul(np.zeros((1, 1)), np.full((1, 1), INF)))).all()


def test_a_product_that_overflows_is_no_zero():
    big = np.full((2, 2), 1e300)
    np.testing.assert_array_equal(wg.vjp(lambda a: a @ big, big)[1](big)[0], np.full((2, 2), INF))
