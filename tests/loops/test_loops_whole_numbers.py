"""Python's whole numbers in loops that are one operation: they have no limit there either."""

from __future__ import annotations

import numpy as np
import pytest
import wengert as wg


def doubled(n, x):
    last, _ = wg.scan(lambda c, row: ((c[0] * 2, c[1] + row), None), (n, 0.0), x)
    return last


def powers(n, k):
    return wg.fori_loop(0, 70, lambda i, c: c * n, k)


def fibonacci(n, k):
    return wg.fori_loop(0, 100, lambda i, c: (c[0] + c[1], c[0]), (n, k))[0]


def factorial(n, k):
    return wg.fori_loop(1, 25, lambda i, c: c * i, n) + k


def collatz(n, k):
    def body(c):
        n, steps = c
        return (n % 2) * (3 * n + 1) + (1 - n % 2) * (n // 2), steps + 1

    return wg.while_loop(lambda c: c[0] != 1, body, (n, k))


def squares(n, k):
    return wg.while_loop(lambda c: c[1] < 8, lambda c: (c[0] * c[0], c[1] + 1), (n, k))[0]


def squared_condition(n, k):
    return wg.while_loop(lambda c: c[0] * c[0] * c[0] < 10**30, lambda c: (c[0] * 7, c[1] + 1), (n, k))


def generator(n, k):
    return wg.fori_loop(0, 50, lambda i, s: (1103515245 * s + 12345 + i * k) % 2**31, n)


def subtracted(n, k):
    return wg.fori_loop(0, 80, lambda i, c: c - 2**57 * k, n)


def nested(n, k):
    def outer(i, c):
        return wg.fori_loop(0, 5, lambda j, d: d * (n + j), c)

    return wg.fori_loop(0, 4, outer, k)


def branch(n, k):
    return wg.cond(n > 3, lambda a: a * a * a * a, lambda a: a + 1, n) + k


def booleans(n, k):
    return wg.fori_loop(0, 3, lambda i, c: c + (n > 2) + (k > 0), 0)


NUMBERS = [(1, 1), (3, 2), (2, 1), (3_000_000, 1), (2**40, 3), (2**62, 1), (-(2**61), 5), (7, 7)]
CASES = [powers, fibonacci, factorial, squares, squared_condition, generator, subtracted, nested, branch, booleans]


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_as_python_counts(f):
    g = wg.compile(f)
    for n, k in [*NUMBERS, *NUMBERS[:3]]:
        if f is squared_condition and n <= 0:
            continue
        expected = f(n, k)
        got = g(n, k)
        assert got == expected, (n, k, g.why())
        assert type(got) is type(expected)


def test_collatz():
    g = wg.compile(collatz)
    for n in (6, 27, 97, 6):
        assert g(n, 0) == collatz(n, 0)


@pytest.mark.parametrize("n", [1, 3, 2**60])
def test_beside_arrays(n):
    x = np.ones(6)
    g = wg.compile(doubled)
    for _ in range(2):
        assert g(n, x) == doubled(n, x)
    a, b = wg.compile(lambda n, x: wg.grad(lambda x: doubled(n, x)[1])(x))(n, x), np.ones(6)
    assert np.array_equal(a, b)


def test_counters_stay_one_operation():
    def f(n, x):
        return wg.while_loop(lambda c: c[0] < 1000, lambda c: (c[0] + 1, c[1] * 0.5 + n), (0, x))

    g = wg.compile(f)
    for n in (1.0, 2.0):
        assert g(n, 3.0) == f(n, 3.0)
    assert g.stats()["recordings"] == 1
    assert "step by step" not in g.why()[0]
    assert len(g.listing()) < 3000


@pytest.mark.parametrize("kind", [float, np.array, wg.array])
def test_a_condition_may_change_what_it_gets(kind):
    def condition(v):
        v += 1.0
        return np.sum(v) < 10.0

    def f(x):
        return wg.while_loop(condition, lambda v: v * 2.0, x)

    x = kind([1.0, 0.5]) if kind is not float else 1.5
    expected, got = f(x), wg.compile(f)(x)
    assert np.array_equal(np.asarray(expected), np.asarray(got))
    assert np.array_equal(np.asarray(x), np.asarray(kind([1.0, 0.5]) if kind is not float else 1.5))
