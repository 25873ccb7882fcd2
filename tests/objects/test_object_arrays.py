"""NumPy's arrays of objects hold values with their derivatives; what NumPy only looks at, it may have."""

from __future__ import annotations

import numpy as np
import pytest
import wengert as wg

X = 0.7

MODES = {
    "grad": lambda f, x: wg.grad(f)(x),
    "vjp": lambda f, x: wg.vjp(f, x)[1](1.0)[0],
    "jvp": lambda f, x: wg.jvp(f, (x,), (1.0,))[1],
    "jacfwd": lambda f, x: wg.jacfwd(f)(x),
    "jacrev": lambda f, x: wg.jacrev(f)(x),
    "grad inside jvp": lambda f, x: wg.jvp(lambda t: wg.value_and_grad(f)(t)[0], (x,), (1.0,))[1],
    "seen from an inner level": lambda f, x: wg.grad(lambda t: wg.value_and_grad(lambda u: u * f(t))(1.0)[0])(x),
    "checkpoint": lambda f, x: wg.grad(wg.checkpoint(f))(x),
    "compile of grad": lambda f, x: wg.compile(wg.grad(f))(x),
    "grad of compile": lambda f, x: wg.grad(wg.compile(f))(x),
    "scan": lambda f, x: wg.grad(lambda t: wg.scan(lambda c, _: (f(c), None), t, None, length=1)[0])(x),
}


def slope(f):
    return (float(f(X + 1e-6)) - float(f(X - 1e-6))) / 2e-6


# NumPy takes objects as they are, derivatives included; its tests give nothing that could carry one.
AS_OBJECTS = {
    "array of objects": lambda x: np.array([x * x, 1.0], dtype=object).sum(),
    "array to objects": lambda x: np.asarray(np.stack([x, x * x]), dtype=object)[1] * 2,
    "objects of numbers": lambda x: np.asarray(x * x, dtype=object)[()] * 2,
    "sum of a list": lambda x: np.sum([t * x for t in (x, 2.0, x * x)]),
    "sum of nested lists": lambda x: np.sum([[x, 1.0], [0.5, x * x]]),
    "product of a list": lambda x: np.prod([x, 2.0, x]),
    "ndenumerate": lambda x: sum((i[0] + 1) * t for i, t in np.ndenumerate(np.stack([x, x * x]))),
    "ndenumerate of a matrix": lambda x: sum((i + 2 * j) * t for (i, j), t in np.ndenumerate(x * np.eye(2) + 1.0)),
    "testing": lambda x: (np.testing.assert_allclose(x, X, atol=1.0), np.testing.assert_equal(x, x), x * x)[2],
    "testing arrays": lambda x: (np.testing.assert_array_less(np.stack([x, x]), 9.0), x * x)[1],
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", AS_OBJECTS)
def test_objects_keep_their_derivatives(name, mode):
    f = AS_OBJECTS[name]
    assert float(MODES[mode](f, X)) == pytest.approx(slope(f), abs=1e-4)


def test_objects_are_taken_only_where_numpy_computes_with_them_as_with_numbers():
    with pytest.raises(TypeError, match=r"numpy\.max takes"):  # which would forget a NaN
        wg.grad(lambda x: np.max([x, np.nan, 1.0]))(X)
    with pytest.raises(TypeError, match=r"numpy\.sum takes"):  # an array of objects would come of it
        wg.grad(lambda x: np.sum([x, x * x], axis=0).sum())(np.ones(3))
    with pytest.raises(TypeError, match=r"numpy\.asarray takes"):
        wg.grad(lambda x: np.sum(np.asarray(x)))(X)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        wg.grad(lambda x: (np.testing.assert_allclose(x, 0.0), x)[1])(X)


def test_a_test_of_numpy_that_calls_back_has_no_numbers_to_give():
    def f(x):
        with np.testing.assert_raises(TypeError):
            np.asarray(x)
        np.testing.assert_raises(TypeError, lambda: np.asarray(x))
        return x * x

    assert wg.grad(f)(X) == 2 * X
