"""A rule of the user's own is all that a transform sees, value and derivative, in every nesting; never the body."""

import itertools
import math

import numpy as np
import pytest
import wengert as wg
import wengert.reference as wr

ENGINES = pytest.mark.parametrize("engine", [wg, wr], ids=["wengert", "reference"])
MODES = {
    "grad": lambda m: m.grad,
    "jvp": lambda m: lambda f: lambda x: m.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda m: lambda f: lambda x: m.vjp(f, x)[1](1.0)[0],
    "jacfwd": lambda m: m.jacfwd,
    "jacrev": lambda m: m.jacrev,
    "value_and_grad": lambda m: lambda f: lambda x: m.value_and_grad(f)(x)[1],
}


def straight_through(m):
    """round with the derivative of the identity."""

    @m.custom_jvp
    def f(x):
        return m.numpy.round(x)

    f.defjvp(lambda primals, tangents: (f(primals[0]), tangents[0]))
    return f


def doubled_sine(m):
    """sin with twice its derivative."""

    @m.custom_jvp
    def f(x):
        return m.numpy.sin(x)

    f.defjvp(lambda primals, tangents: (f(primals[0]), 2 * m.numpy.cos(primals[0]) * tangents[0]))
    return f


WRAPPINGS = {"as it is": lambda m, f: f, "checkpoint": lambda m, f: m.checkpoint(f)}


@ENGINES
@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("modes", list(itertools.product(MODES, repeat=2)), ids="-".join)
def test_second_order_follows_the_rule(engine, modes, wrapping):
    outer, inner = (MODES[mode](engine) for mode in modes)
    rounded = WRAPPINGS[wrapping](engine, straight_through(engine))
    assert float(outer(inner(lambda x: rounded(x) ** 2))(1.3)) == 2.0
    assert float(outer(inner(lambda x: rounded(x) * x))(1.3)) == 2.0
    sine = doubled_sine(engine)
    twice = WRAPPINGS[wrapping](engine, lambda x: sine(sine(x)))
    s, c = math.sin, math.cos
    want = 4 * (-s(s(2.0)) * 2 * c(2.0) * c(2.0) + c(s(2.0)) * -s(2.0))
    assert float(outer(inner(twice))(2.0)) == pytest.approx(want, rel=1e-13)


@ENGINES
@pytest.mark.parametrize("modes", list(itertools.product(["grad", "jvp", "jacrev"], repeat=3)), ids="-".join)
def test_third_order_follows_the_rule(engine, modes):
    f = straight_through(engine)
    d = [MODES[mode](engine) for mode in modes]
    assert float(d[0](d[1](d[2](lambda x: f(x) ** 3)))(1.3)) == 6.0


@ENGINES
@pytest.mark.parametrize("mode", MODES)
def test_the_value_under_an_outer_transform(engine, mode):
    """The value that an inner transform hands on has the derivative of the rule."""
    d, f = MODES[mode](engine), straight_through(engine)
    assert float(d(lambda x: engine.value_and_grad(f)(x)[0])(1.3)) == 1.0
    assert float(d(lambda x: engine.vjp(f, x)[0])(1.3)) == 1.0
    assert float(d(lambda x: engine.jvp(f, (x,), (1.0,))[0])(1.3)) == 1.0


@ENGINES
def test_the_value_is_that_of_the_rule(engine):
    @engine.custom_jvp
    def f(x):
        raise AssertionError("the body is never run under a transform")

    f.defjvp(lambda primals, tangents: (5.0 * primals[0], 7.0 * tangents[0]))
    assert engine.value_and_grad(f)(2.0) == (10.0, 7.0)
    assert engine.jvp(f, (2.0,), (1.0,)) == (10.0, 7.0)
    value, pullback = engine.vjp(f, 2.0)
    assert (value, pullback(1.0)) == (10.0, (7.0,))


@pytest.mark.parametrize("modes", list(itertools.product(["grad", "jvp", "jacrev", "jacfwd"], repeat=2)), ids="-".join)
def test_compiled(modes):
    outer, inner = (MODES[mode](wg) for mode in modes)
    f = straight_through(wg)
    compiled = wg.compile(outer(inner(lambda x: f(x) ** 2)))
    assert [float(compiled(x)) for x in (0.3, 1.3, 5.9)] == [2.0] * 3
    assert float(outer(inner(wg.compile(lambda x: f(x) ** 2)))(1.3)) == 2.0


def test_arrays_that_require_gradients():
    f = straight_through(wg)
    x = wg.array(np.array([1.3, -2.6]), requires_grad=True)
    np.sum(f(x) ** 2).backward()
    np.testing.assert_array_equal(x.grad, [2.0, -6.0])


def test_in_loops():
    f = straight_through(wg)

    def summed(x):
        return wg.scan(lambda c, _: (f(c) * x, None), x, None, length=2)[0]

    # f(f(x) x) x at 1.3, with f = round and f' = 1: c1 = round(x) x = 1.3, c2 = round(c1) x
    assert wg.grad(summed)(1.3) == pytest.approx((1.3 + 1.0) * 1.3 + 1.0)
    assert wg.jacfwd(summed)(1.3) == pytest.approx((1.3 + 1.0) * 1.3 + 1.0)


def test_the_rule_runs_once_for_a_gradient():
    runs = []

    @wg.custom_jvp
    def f(x):
        return np.sum(x * x)

    @f.defjvp
    def rule(primals, tangents):
        runs.append(1)
        return f(primals[0]), np.sum(2 * primals[0] * tangents[0])

    np.testing.assert_array_equal(wg.grad(f)(np.arange(3.0)), [0, 2, 4])
    assert len(runs) == 1
    assert wg.jacrev(lambda x: np.stack([f(x), f(2 * x)]))(np.arange(3.0)).tolist() == [[0, 2, 4], [0, 8, 16]]
    _, pullback = wg.vjp(f, np.arange(3.0))
    assert [pullback(g)[0].tolist() for g in (1.0, 2.0)] == [[0, 2, 4], [0, 4, 8]]


# ---- rules that ask for numbers, or call what wengert cannot follow -------------------------------------------------

A = np.array([[1.0, 2.0], [3.0, 5.0]])


def by_library(m, x):
    """A @ x @ A by something that takes NumPy arrays only."""
    return m.numpy.array(np.einsum("ij,jk,kl", A, np.asarray(x), A))


def as_float(x):
    return math.sin(float(x))


LOST = {  # what a rule may do with a tangent that no level can follow
    "float": lambda t: float(np.ravel(t)[0]) if isinstance(t, np.ndarray) else float(t),
    "asarray": lambda t: np.asarray(t, dtype=float),
    "item": lambda t: t.item(),
    "tolist": lambda t: np.array(t.tolist()),
    "math": lambda t: math.fsum([t]),
    "one place only": lambda t: 0.5 * t + 0.5 * float(t),
}


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("modes", [("grad",), ("jvp",), ("jacrev",), ("jacfwd",), ("vjp",)], ids="-".join)
def test_tangents_as_numbers(lost, modes):
    @wg.custom_jvp
    def f(x):
        return np.sin(x)

    @f.defjvp
    def rule(primals, tangents):
        return f(primals[0]), math.cos(float(primals[0])) * LOST[lost](wg.array(tangents[0]))

    assert float(MODES[modes[0]](wg)(lambda x: 3.0 * f(x))(0.7)) == pytest.approx(3 * math.cos(0.7), rel=1e-15)


def library_product():
    @wg.custom_jvp
    def f(x):
        return by_library(wg, x)

    @f.defjvp
    def rule(primals, tangents):
        return f(primals[0]), by_library(wg, tangents[0])

    return f


def library_product_by_cotangents():
    @wg.custom_vjp
    def f(x):
        return by_library(wg, x)

    f.defvjp(lambda x: (f(x), None), lambda _, g: (wg.numpy.array(A.T @ np.asarray(g) @ A.T),))
    return f


@pytest.mark.parametrize("make", [library_product, library_product_by_cotangents])
@pytest.mark.parametrize("jacobian", [wg.jacrev, wg.jacfwd], ids=["jacrev", "jacfwd"])
def test_a_rule_that_calls_numpy(make, jacobian):
    f = make()
    x = np.array([[0.3, -1.0], [2.0, 0.7]])
    np.testing.assert_allclose(jacobian(f)(x), np.einsum("ij,kl->iljk", A, A), rtol=1e-14)
    g = np.array([[1.0, -2.0], [0.5, 4.0]])
    np.testing.assert_allclose(wg.grad(lambda x: np.sum(f(x) * g))(x), A.T @ g @ A.T, rtol=1e-14)
    np.testing.assert_allclose(wg.jvp(f, (x,), (g,))[1], A @ g @ A, rtol=1e-14)


@pytest.mark.parametrize("make", [library_product, library_product_by_cotangents])
def test_float32_stays(make):
    f, x = make(), np.ones((2, 2), np.float32)
    assert wg.grad(lambda x: np.sum(f(x)))(x).dtype == np.float32


def test_trees_of_operands_and_results():
    @wg.custom_jvp
    def f(p, k):
        return {"a": p["x"] * k, "b": p["y"] @ p["x"]}

    @f.defjvp
    def rule(primals, tangents):
        (p, k), (t, none) = primals, tangents
        assert none is None  # a whole number has no tangent
        tx, ty = np.asarray(t["x"]), np.asarray(t["y"])
        return f(p, k), {"a": tx * k, "b": ty @ np.asarray(p["x"]) + np.asarray(p["y"]) @ tx}

    p = {"x": np.array([1.0, 2.0]), "y": np.array([3.0, 5.0])}

    def loss(p):
        out = f(p, 3)
        return np.sum(out["a"] ** 2) + out["b"]

    g = wg.grad(loss)(p)
    np.testing.assert_allclose(g["x"], 18 * p["x"] + p["y"])
    np.testing.assert_allclose(g["y"], p["x"])


def test_once_for_each_slice():
    """A batch of tangents reaches the rule one after the other."""
    shapes = []

    @wg.custom_jvp
    def f(x):
        return x * x

    @f.defjvp
    def rule(primals, tangents):
        shapes.append(np.shape(tangents[0]))
        return f(primals[0]), 2 * np.asarray(primals[0]) * np.asarray(tangents[0])

    np.testing.assert_array_equal(wg.jacfwd(f)(np.array([1.0, 2.0, 3.0])), np.diag([2.0, 4.0, 6.0]))
    assert shapes == [(3,)] * 3


def test_errors_of_the_rule_come_through():
    @wg.custom_jvp
    def f(x):
        return x

    f.defjvp(lambda primals, tangents: (primals[0], np.ones(3) @ np.ones(4)))
    with pytest.raises(ValueError, match="matmul"):
        wg.grad(f)(1.0)
    f.defjvp(lambda primals, tangents: ((primals[0], primals[0]), tangents[0]))
    with pytest.raises(TypeError, match="returned 2 values and 1 tangents"):
        wg.grad(lambda x: f(x)[0])(1.0)
