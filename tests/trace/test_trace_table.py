"""Evaluation traces: the rows, their three columns, names, and the printed table."""

import numpy as np
import pytest
from wengert.problems import resolve_engine
from wengert.trace import trace


@pytest.fixture(params=["wengert", "reference"])
def engine(request):
    return resolve_engine(request.param)


def y1(engine):
    """exp(2 x2) + x1 sin(3 x2^2), every step named as in the textbook."""
    wnp, name = engine.numpy, engine.name

    def f(x1, x2):
        v2 = name(2 * x2, "v2")
        v3 = name(wnp.exp(v2), "v3")
        v4 = name(x2**2, "v4")
        v5 = name(3 * v4, "v5")
        v6 = name(wnp.sin(v5), "v6")
        v7 = name(x1 * v6, "v7")
        return name(v3 + v7, "v8")

    return f


def test_primal_tangent_and_adjoint_of_every_row(engine):
    t = trace(y1(engine), 2.0, 1.0, tangents=(0.0, 1.0), engine=engine)
    e2, s3, c3 = np.exp(2), np.sin(3), np.cos(3)
    expected = {
        "x1": (2, 0, s3),
        "x2": (1, 1, 2 * e2 + 12 * c3),
        "v2": (2, 2, e2),
        "v3": (e2, 2 * e2, 1),
        "v4": (1, 2, 6 * c3),
        "v5": (3, 6, 2 * c3),
        "v6": (s3, 6 * c3, 2),
        "v7": (2 * s3, 12 * c3, 1),
        "v8": (e2 + 2 * s3, 2 * e2 + 12 * c3, 1),
    }
    assert [row.name for row in t] == list(expected)
    for name, (primal, tangent, adjoint) in expected.items():
        np.testing.assert_allclose(t[name].value, primal, rtol=1e-14)
        np.testing.assert_allclose(t[name].tangent, tangent, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(t[name].adjoint, adjoint, rtol=1e-14)


def test_the_printed_table(engine):
    t = trace(y1(engine), 2.0, 1.0, tangents={"x2": 1.0}, engine=engine)
    lines = str(t).splitlines()
    assert lines[0].split() == ["w_i", "name", "expression", "primal", "tangent", "adjoint"]
    assert lines[2].split() == ["w0", "x1", "input", "2", "0", "0.14112"]
    assert lines[5].split() == ["w3", "v3", "exp(v2)", "7.38906", "14.7781", "1"]
    assert lines[-1].split() == ["w8", "v8", "v3", "+", "v7", "7.6713", "2.8982", "1"]
    assert len(lines) == 2 + len(t)


def test_columns_only_for_what_was_asked(engine):
    wnp = engine.numpy
    plain = trace(lambda x: wnp.tanh(x), np.array([0.5, -1.0]), engine=engine)
    assert str(plain).splitlines()[0].split() == ["v_i", "name", "expression", "primal"]
    assert plain["x"].tangent is None
    assert plain["x"].adjoint is None
    weighed = trace(lambda x: wnp.tanh(x), np.array([0.5, -1.0]), cotangent=np.array([1.0, 0.0]), engine=engine)
    np.testing.assert_allclose(weighed["x"].adjoint, [1 - np.tanh(0.5) ** 2, 0.0], rtol=1e-14)


def test_unnamed_steps_are_numbered_and_found(engine):
    t = trace(lambda a, b: (a * b - a) / b, 3.0, 4.0, engine=engine)
    assert [row.name for row in t] == ["a", "b", "v2", "v3", "v4"]
    assert [row.expression for row in t] == ["input", "input", "a * b", "v2 - a", "v3 / b"]
    assert t["v3"].value == 9
    assert t[3] is t["v3"]
    assert t["v0"] is t["a"]
    np.testing.assert_allclose(t["v3"].adjoint, 0.25)


def test_named_rows_only_with_nested_formulas(engine):
    wnp, name = engine.numpy, engine.name

    def network(W, x, b):
        h = name(wnp.tanh(W @ x + b), "h")
        return name(wnp.sum((h - 1.0) ** 2), "loss")

    t = trace(network, np.eye(2), np.array([0.5, -0.5]), np.zeros(2), engine=engine)
    assert len(t) > len(t.named())
    assert [row.name for row in t.named()] == ["W", "x", "b", "h", "loss"]
    assert t.named()["h"].expression == "tanh(W @ x + b)"
    assert t.named()["loss"].expression.startswith("sum((h - 1)**2")
    np.testing.assert_allclose(t.named()["h"].adjoint, 2 * (t["h"].value - 1), rtol=1e-14)


def test_arguments_may_be_trees(engine):
    def f(params, x):
        return engine.numpy.sum(params["W"] @ x + params["layers"][0])

    params = {"W": np.ones((2, 2)), "layers": [np.array([1.0, 2.0])]}
    tangents = ({"W": np.zeros((2, 2)), "layers": [np.ones(2)]}, np.zeros(2))
    t = trace(f, params, np.array([1.0, -1.0]), tangents=tangents, engine=engine)
    np.testing.assert_allclose(t["W"].adjoint, [[1, -1], [1, -1]])
    assert t["params['W']"] is t["W"]
    assert t["params['layers'][0]"].adjoint.shape == (2,)
    np.testing.assert_allclose(t.rows[-1].tangent, 2.0)


def test_results_may_be_trees(engine):
    t = trace(lambda x: {"a": x * x, "b": [2 * x]}, 3.0, cotangent={"a": 1.0, "b": [10.0]}, engine=engine)
    assert t.value["a"] == 9
    np.testing.assert_allclose(t["x"].adjoint, 2 * 3.0 + 10 * 2.0)


def test_integer_inputs_have_no_tangent_and_no_adjoint(engine):
    def f(q, y):
        return -q[y]

    t = trace(lambda q: f(q, 1), np.array([0.5, -2.0]), tangents=(np.ones(2),), engine=engine)
    np.testing.assert_array_equal(t["q"].adjoint, [0, -1])
    t = trace(lambda q, n: engine.numpy.sum(q) * n, np.array([0.5, -2.0]), np.array(3), engine=engine)
    assert t["n"].adjoint is None
    np.testing.assert_array_equal(t["q"].adjoint, [3, 3])


def test_a_label_on_an_input_and_its_parameter_both_find_it(engine):
    t = trace(lambda x: engine.name(x, "position") * 2.0, 1.5, engine=engine)
    assert t["position"] is t["x"]
    assert t["x"].expression == "input"


def test_a_name_given_twice_is_numbered(engine):
    def loop(h):
        for _ in range(3):
            h = engine.name(engine.numpy.sin(h), "h")
        return h

    t = trace(lambda x: loop(x), 1.0, engine=engine)
    assert [row.name for row in t] == ["x", "h", "h#2", "h#3"]
    np.testing.assert_allclose(t["h#2"].value, np.sin(np.sin(1.0)))


def test_float32_stays_float32(engine):
    x = np.array([0.5, 1.0], dtype=np.float32)
    t = trace(lambda x: engine.numpy.sum(x * x), x, tangents=(np.ones(2),), engine=engine)
    assert {row.value.dtype for row in t} == {np.dtype(np.float32)}
    assert t["x"].adjoint.dtype == t.rows[-1].tangent.dtype == np.float32


def test_a_signed_zero_survives_the_adjoint_pass(engine):
    t = trace(lambda x: engine.numpy.arctan2(x * 1.0, -1.0), -0.0, engine=engine)
    np.testing.assert_allclose(t.value, -np.pi)
    np.testing.assert_allclose(t["x"].adjoint, -1.0)


def test_a_row_shows_itself(engine):
    t = trace(lambda x: x * x, 3.0, tangents=(1.0,), engine=engine)
    assert repr(t[1]) == "<v1: x * x; value 9, tangent 6, adjoint 1>"
    assert repr(t[1].step) == "<v1: x * x; value 9>"


def test_rows_know_the_line(engine):
    t = trace(lambda x: x * x, 2.0, engine=engine)
    location = t.rows[-1].location
    assert location is None or "test_trace_table.py" in location


def test_errors_name_the_repair(engine):
    f = y1(engine)
    with pytest.raises(KeyError, match=r"no node is called 'v99'; the nodes are x1, x2, v2, v3"):
        trace(f, 2.0, 1.0, engine=engine)["v99"]
    with pytest.raises(KeyError, match=r"no input is called 'x3'; the inputs are x1, x2"):
        trace(f, 2.0, 1.0, tangents={"x3": 1.0}, engine=engine)
    with pytest.raises(ValueError, match="tangents must be a tuple with one entry per argument"):
        trace(f, 2.0, 1.0, tangents=(1.0,), engine=engine)
    with pytest.raises(ValueError, match=r"the tangent of x1 has shape \(2,\), the input has shape \(\)"):
        trace(f, 2.0, 1.0, tangents={"x1": np.ones(2)}, engine=engine)
    with pytest.raises(ValueError, match=r"the cotangent has shape \(3,\), the output has shape \(\)"):
        trace(f, 2.0, 1.0, cotangent=np.ones(3), engine=engine)
    with pytest.raises(ValueError, match="the cotangent must be a tree like the function's result"):
        trace(f, 2.0, 1.0, cotangent=(1.0, 1.0), engine=engine)


def test_writing_into_an_argument(engine):
    def f(x):
        x[0] = 5.0
        return engine.numpy.sum(x * x)

    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(trace(f, x, engine=engine)["x"].adjoint, [0, 4])
    np.testing.assert_array_equal(engine.grad(f)(x), [0, 4])
    np.testing.assert_array_equal(x, [1, 2])
