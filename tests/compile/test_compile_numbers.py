"""Python numbers among the arguments of a compiled function count as Python counts."""

from __future__ import annotations

import operator

import numpy as np
import pytest
import wengert as wg
from compiled_cases import V, same

BIG = [3, 2**31, 2**32, 2**40 + 7, 2**62, 2**63 - 1, -(2**63), -7, 0, 1]

BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "/": operator.truediv,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "divmod": divmod,
}


@pytest.mark.parametrize("name", BINARY)
def test_whole_numbers(name):
    op = BINARY[name]
    pairs = [(a, b) for a in BIG for b in (3, -2, 2**33, 0, a)]
    if name == "/":  # beyond 2**53 the quotient of doubles is not the double next to the quotient
        pairs = [(a, b) for a, b in pairs if abs(a) < 2**53 and abs(b) < 2**53]
    same(op, *pairs)
    same(lambda n: op(n, 7), *((a,) for a in BIG if name != "/" or abs(a) < 2**53))
    same(lambda n: op(7, n), *((a,) for a in BIG if name != "/" or abs(a) < 2**53))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_powers(n):
    same(lambda a: a**n, *((a,) for a in (3, -3, 0, 3_000_000, 2**40)))
    same(lambda a: a**-n, *((a,) for a in (3, -3, 0)))
    same(lambda a: a**n, *((a,) for a in (1.5, -1.5, 0.0, 1e200, float("inf"), float("nan"))))
    same(lambda a: a**-n, *((a,) for a in (1.5, -1.5, 0.0, 1e-200)))


def test_powers_with_recorded_exponents():
    same(lambda n: 2**n, (3,), (5,), (-1,), (-2,), (70,))
    same(lambda x: x**0.5, (4.0,), (-4.0,), (0.0,))
    same(lambda x, y: x**y, (4.0, 0.5), (-8.0, 1 / 3), (-2.0, 3.0), (0.0, -1.0), (1e300, 2.0))


def test_products_in_a_loop():
    def factorial(n):
        r = 1
        for i in range(2, n + 1):
            r = r * i
        return r

    def power(n, x):
        r = x
        for _ in range(n):
            r = r * x
        return r

    same(factorial, (5,), (25,), (30,))
    same(power, (3, 3), (3, 5), (3, 10**6), (3, 10**4))
    same(lambda n: n * n % 1000003, (2**40 + 7,), (5,))


@pytest.mark.parametrize("f", [lambda x: 1.0 / x, lambda x: 1.0 // x, lambda x: 1.0 % x, lambda x: divmod(1.0, x)])
def test_divisors_of_zero(f):
    same(f, (2.0,), (0.0,), (-0.0,), (4.0,))

    def caught(x):
        try:
            return f(x)
        except ZeroDivisionError:
            return 7.0

    g = same(caught, (2.0,), (0.0,), (4.0,))
    assert g.stats()["programs"] == 2


def test_truth_values_add_up():
    same(lambda x: (x > 1) + (x > 2), (0.5,), (1.5,), (2.5,))
    same(lambda x: (x > 1) - (x < -1), (0.5,), (1.5,), (-2.5,))
    same(lambda x: x * ((x > 0) - (x < 0)), (2.0,), (-3.0,), (0.0,))
    same(lambda x: 2.0 * (x > 1) + 1, (0.5,), (1.5,))
    same(lambda x: (x > 1) & (x < 3), (0.5,), (1.5,))


def test_shifts_and_bits():
    same(lambda n: (n & 6, n | 1, n ^ 3, n << 2, n >> 1, ~n), (5,), (12,), (-7,), (2**62,))


def test_sequences_are_repeated():
    same(lambda n, x: len([x, x] * n) + len((1, 2) * n) + len("ab" * n), (3, 1.0), (2, 1.0), (0, 1.0))
    same(lambda n: sum([0.5] * n), (3,), (2,))
    same(lambda n: (n * [1.0])[0], (3,), (2,))


def test_keys_and_sets():
    same(lambda x: x * 2 if x in {1.0, 2.0} else x, (1.0,), (2.0,), (3.0,))
    same(lambda n: {1: 5.0, 2: 6.0}.get(n, 0.0), (1,), (2,), (3,))


def test_one_program_where_nothing_goes_over():
    g = wg.compile(lambda n, m, x: (n * m + 3 - n, x / 3.0, x * x, x**2, x // 2.0))
    for n in range(1, 40):
        g(n, n + 1, 0.5 * n)
    assert g.stats()["recordings"] == 1


def test_loops_as_operations_stay_one_operation():
    g = wg.compile(lambda x, n: wg.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] / 2.0), (0, x)))
    for n in (3, 5, 9):
        assert g(1.0, n) == (n, 0.5**n)
    assert g.stats()["recordings"] == 1


def test_arrays_are_as_before():
    same(lambda x, n: (x * n, x / n, x**n, n - x), (V, 2), (V, 3), (V, 5))


def test_rounded_and_whole():
    same(lambda x: round(x, 2), (2.675,), (1.005,), (0.125,), (5e-3,), (-2.5,))
    same(lambda x: round(x), (2.5,), (3.5,), (-0.5,))
    same(lambda x: x * 2 if x.is_integer() else x, (0.5,), (2.0,), (float("inf"),), (-3.0,))


def test_whole_numbers_take_what_is_assigned():
    def f(x, y):
        x[:] = y
        x[0] = y[1] * 2.0
        return x

    g = wg.compile(f)
    for y in (V, -1.7 * V, V):
        x, z = np.arange(4), np.arange(4)
        assert np.array_equal(f(x, y), g(z, y))
        assert np.array_equal(x, z)


def test_reports_of_a_function_that_is_gone():
    why = wg.compile(lambda x: x).why
    with pytest.raises(ReferenceError, match="keep the function"):
        why()
