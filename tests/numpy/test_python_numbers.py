"""Python ints beside arrays follow NumPy 2 (NEP 50), and np.errstate is neither honoured nor disturbed."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

LARGE = [2**31, -(2**31) - 1, 2**40, 2**63 - 1, -(2**63), 2**63, 2**70, -(2**70)]
SMALL = [0, 7, -3, 2**31 - 1, -(2**31)]
ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod]
COMPARISONS = [operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge]
ARRAYS = [
    np.array([1, -2, 3], np.int32),
    np.array([1, -2, 2**63 - 1, -(2**63)], np.int64),
    np.array([True, False]),
    np.array([1.5, -2.0], np.float32),
    np.array([1.5, 2.0**63], np.float64),
]


def outcome(f, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            r = f(*args)
        except (OverflowError, TypeError) as error:
            return type(error)
    r = np.asarray(r)
    return r.dtype, r.tolist()


@pytest.mark.parametrize("number", LARGE + SMALL)
@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: str(a.dtype))
@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS, ids=lambda f: f.__name__)
def test_operators_with_python_ints(op, array, number):
    if op in (operator.floordiv, operator.mod) and (number == 0 or array.dtype == bool):
        pytest.skip("division by zero, or of bools, is another subject")
    for f, args in ((op, (array, number)), (op, (number, array))):
        want = outcome(f, *args)
        got = outcome(f, *(wg.array(a) if a is array else a for a in args))
        if want is OverflowError and array.dtype == bool and op in COMPARISONS:
            want = (np.dtype(bool), [op(*(int(v) if a is array else a for a in args)) for v in array])  # NumPy gives up
        assert got == want


@pytest.mark.parametrize("number", LARGE)
def test_functions_and_writes_with_python_ints(number):
    a = np.array([1, -2, 3], np.int32)
    for f in (np.maximum, np.minimum, np.add):
        assert outcome(f, wg.array(a), number) is outcome(f, a, number) is OverflowError
    assert outcome(lambda x, n: np.where(x > 0, x, n), wg.array(a), number) is OverflowError  # NumPy wraps round

    def write(x, n):
        x[0] = n
        return x

    def add(x, n):
        x += n
        return x

    for f in (write, add, lambda x, n: (x.fill(n), x)[1]):
        x = wg.array(a)
        assert outcome(f, x, number) is outcome(f, a.copy(), number) is OverflowError
        np.testing.assert_array_equal(np.asarray(x), a)
    for make in (wg.array, wnp.array, wnp.asarray):
        with pytest.raises(OverflowError):
            make(number, dtype=np.int32)
    with pytest.raises((OverflowError, TypeError)):
        wnp.array([1, number], dtype=np.int32)
    with pytest.raises(OverflowError):
        wnp.full(2, number, np.int32)


def test_a_compiled_function_raises_where_the_plain_one_does():
    a = np.array([1, 2], np.int32)
    g = wg.compile(lambda x, n: x + n)
    for n in (1, 2, 5):
        np.testing.assert_array_equal(np.asarray(g(a, n)), a + n)
    with pytest.raises(OverflowError):
        g(a, 2**40)
    np.testing.assert_array_equal(np.asarray(g(a, 3)), a + 3)


# ---- np.errstate -----------------------------------------------------------------------------------------------------

FLAGGED = {
    "divide": lambda m, x: m.divide(x, 0.0 * x),
    "log": lambda m, x: m.log(x - x),
    "overflow": lambda m, x: m.exp(x * 1e4),
    "underflow": lambda m, x: m.exp(x * -1e4) * 1e-300,
    "invalid": lambda m, x: m.sqrt(-x),
    "power": lambda m, x: m.power(-x, 0.5),
    "matmul": lambda m, x: m.matmul(x * 1e308, x * 1e308),
    "sum": lambda m, x: m.sum(x * 1e308) + m.sum(x * 1e308),
}


@pytest.mark.parametrize("name", FLAGGED)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_kernels_neither_honour_nor_disturb_errstate(name, size):
    """docs/numpy.md: infinities and NaN come out, no warning and no FloatingPointError, and NumPy is none the wiser."""
    f, x = FLAGGED[name], np.full(size, 2.0)
    with np.errstate(all="ignore"):
        want = np.asarray(f(np, x))
    g = wg.compile(lambda t: f(wnp, t))
    for state in ("raise", "warn", "ignore"):
        with np.errstate(all=state), warnings.catch_warnings():
            warnings.simplefilter("error")
            before = np.geterr()
            for _ in range(2):
                np.testing.assert_allclose(np.asarray(f(wnp, wg.array(x))), want, rtol=1e-14)
                np.testing.assert_allclose(np.asarray(g(x)), want, rtol=1e-14)
                wg.jvp(lambda t: f(wnp, t), (x,), (x,))
                wg.vjp(lambda t: f(wnp, t), x)[1](want)
            assert np.geterr() == before
            assert np.add(1.0, 1.0) == 2.0
            assert np.float64(1.0) / np.float64(4.0) == 0.25
            if state == "raise":
                with pytest.raises(FloatingPointError):
                    np.log(np.zeros(3))
