"""Formulas of steps: Python's notation with the brackets it needs, and no more parameters than differ from usual."""

import numpy as np
import pytest
from wengert.problems import resolve_engine
from wengert.trace import graph


@pytest.fixture(params=["wengert", "reference"])
def engine(request):
    return resolve_engine(request.param)


X = np.arange(1.0, 7.0).reshape(2, 3)

FORMULAS = {
    "(x + 1) * x - x / (x - 2)": lambda np_, x: (x + 1) * x - x / (x - 2),
    "x - (x - x)": lambda np_, x: x - (x - x),
    "-(x * x)": lambda np_, x: -(x * x),
    "-x * x": lambda np_, x: -x * x,
    "(x * 2)**x": lambda np_, x: (x * 2) ** x,
    "x**(x - 1)": lambda np_, x: x ** (x - 1),
    "exp(-x) @ x.T": lambda np_, x: np_.exp(-x) @ x.T,
    "sum(x)": lambda np_, x: np_.sum(x),
    "sum(x, axis=1)": lambda np_, x: np_.sum(x, axis=1),
    "log_softmax(x)": lambda np_, x: np_.log_softmax(x),
    "log_softmax(x, axis=0)": lambda np_, x: np_.log_softmax(x, axis=0),
    "x[1]": lambda np_, x: x[1],
    "x[0, 2]": lambda np_, x: x[0, 2],
    "x[1:]": lambda np_, x: x[1:],
    "x[0, 1:]": lambda np_, x: x[0, 1:],
    "x[:, 0]": lambda np_, x: x[:, 0],
    "x[::-1]": lambda np_, x: x[::-1],
    "x[[1, 0]]": lambda np_, x: x[np.array([1, 0])],
    "stack(x, x)": lambda np_, x: np_.stack([x, x]),
    "maximum(x, 2)": lambda np_, x: np_.maximum(x, 2.0),
    "x.reshape((3, 2))": lambda np_, x: x.reshape(3, 2),
    "where(x > 2, x, 0)": lambda np_, x: np_.where(x > 2, x, 0.0),
}


@pytest.mark.parametrize("text", FORMULAS)
def test_formula(text, engine):
    f = FORMULAS[text]
    g = graph(lambda x: f(engine.numpy, x), X, named=True, engine=engine)
    assert g.output.expression == text


def test_an_update_in_place(engine):
    def f(x):
        y = x * 1.0
        y[1] = x[0]
        return y

    g = graph(f, X, named=True, engine=engine)
    assert g.output.expression == "x * 1 with [1] = x[0]"
    np.testing.assert_array_equal(g.output.value, X[[0, 0]])


def test_long_formulas_are_cut(engine):
    g = graph(lambda x: sum((x * k for k in range(2, 30)), x), X, named=True, engine=engine)
    assert len(g.output.expression) == 60
    assert g.output.expression.endswith("...")
