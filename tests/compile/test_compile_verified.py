"""`compile(f, verify=True)`, and what a run leaves behind."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import wengert as wg
from compiled_cases import V, W, same
from wengert.program.verified import difference

COUNT = iter(range(1000))


def test_verified_calls():
    def f(p, x, n):
        p["w"] -= 0.1 * x
        return (np.tanh(p["w"]).sum() if x[0] > 0 else x[n]), {"n": n * 2, "x": x}

    g = wg.compile(f, verify=True)
    for k in range(4):
        p, q = {"w": V.copy()}, {"w": V.copy()}
        x = W * (-1.0) ** k
        assert difference(f(p, x, 1), g(q, x, 1)) is None
        assert difference(p, q) is None
    assert g.stats()["replays"] == 2
    assert g.why()


def test_what_cannot_be_seen_is_caught():
    """An iterator is the stated limit: `verify` says so."""
    g = wg.compile(lambda x: x * float(next(COUNT)), verify=True)
    with pytest.raises(AssertionError, match=r"the result is .*, expected"):
        [g(2.0) for _ in range(3)]


def test_errors_are_compared():
    def f(x):
        if x > 1:
            raise ValueError("no")
        return x

    g = wg.compile(f, verify=True)
    assert g(1.0) == 1.0
    with pytest.raises(ValueError, match="no"):
        g(2.0)


def test_verified_under_a_transform():
    g = wg.compile(lambda x: np.sum(np.sin(x)), verify=True)
    np.testing.assert_allclose(wg.grad(g)(V), np.cos(V))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1.0, 1.0 + 1e-6),
        (1, 1.0),
        (np.ones(2), np.ones(3)),
        (np.ones(2), np.ones(2, np.float32)),
        ([1.0], (1.0,)),
        ({"a": 1}, {"b": 1}),
        ({1: 1}, {1.0: 1}),
        ("a", "b"),
        (np.arange(3), np.array([0, 1, 3])),
        (np.array([1.0, np.nan]), np.array([np.nan, 1.0])),
        (None, 0.0),
    ],
)
def test_differences(a, b):
    assert difference(a, a) is None
    assert difference(a, b)


def test_the_first_difference_is_named():
    a, b = {"x": [np.zeros((2, 3))]}, {"x": [np.zeros((2, 3))]}
    b["x"][0][1, 2] = 5.0
    assert difference(a, b) == "the result['x'][0][1, 2] is np.float64(5.0), expected np.float64(0.0)"


def test_an_error_after_a_change():
    def f(x, p, n):
        x += 1.0
        p["n"] = n
        if n > 1:
            raise ValueError("no")
        return x.sum()

    for n in (2.0, 1.0, 2.0, 1.0):
        g = wg.compile(f)
        g(V.copy(), {"n": 0.0}, 1.0)
        x, p = V.copy(), {"n": 0.0}
        if n > 1:
            with pytest.raises(ValueError, match="no"):
                g(x, p, n)
        else:
            g(x, p, n)
        np.testing.assert_array_equal(x, V + 1.0)
        assert p["n"] == n


def test_a_value_that_was_kept_is_an_ordinary_one():
    kept = []

    def f(x):
        kept.append(x * 2.0)
        return x

    g = wg.compile(f)
    g(V)
    np.testing.assert_array_equal(np.asarray(kept[0] + 1.0), V * 2 + 1)
    np.testing.assert_array_equal(np.asarray(wg.grad(lambda x: np.sum(x * kept[0]))(V)), V * 2)
    assert float(kept[0].sum()) == (V * 2).sum()


def test_captures_make_no_leak():
    class Model:
        def __init__(self):
            self.k = 2.0
            self.step = wg.compile(self.f)

        def f(self, x):
            return x * self.k

    m = Model()
    m.step(1.0), m.step(2.0)
    gone = weakref.ref(m)
    del m
    gc.collect()
    assert gone() is None


def test_floating_point_errors_as_exceptions():
    def f(x):
        try:
            with np.errstate(divide="raise"):
                return 1.0 / x
        except FloatingPointError:
            return x * 0

    g = wg.compile(f)
    for x in (np.ones(2), np.array([1.0, 0.0]), np.ones(2)):
        np.testing.assert_array_equal(g(x), f(x))


# ---- bodies of loops -------------------------------------------------------------------------------------------------


def writes_in_scan(w, xs):
    def body(c, x):
        w[...] = w + x
        return c + w.sum(), c

    return wg.scan(body, 0.0, xs)


def writes_in_cond(w, t):
    def yes(a):
        w[0] = 100.0
        return a * 2

    return wg.cond(t > 0, yes, lambda a: a, w.sum())


def writes_in_while(w, x):
    def body(c):
        w[1:] += 1.0
        return c * 2.0

    return wg.while_loop(lambda c: c < 10.0, body, x), w * 1.0


def writes_in_fori(w, x):
    def body(i, c):
        w.T[0] = c
        return c + 1.0

    return wg.fori_loop(0, 3, body, x)


@pytest.mark.parametrize(
    ("f", "others"),
    [
        (writes_in_scan, [np.ones((3, 4)), np.arange(12.0).reshape(3, 4)]),
        (writes_in_cond, [1.0, -1.0]),
        (writes_in_while, [1.0, 3.0, 20.0]),
        (writes_in_fori, [1.0, 2.0]),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_bodies_that_write_to_arrays_around_them(f, others):
    same(f, *((w, x) for w in (V, W) for x in others))
