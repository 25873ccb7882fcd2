"""Transforms of transforms: perturbation confusion, closures over outer variables, every order of the modes."""

import itertools
import math

import numpy as np
import pytest
import wengert as wg
import wengert.reference as wr
from wengert import _core

X = np.array([0.5, -1.0, 2.0])


@pytest.fixture(params=[wg, wr], ids=["wengert", "reference"])
def engine(request):
    yield request.param
    assert _core.depth() == 0


def close(got, want, rtol=1e-11):
    np.testing.assert_allclose(np.asarray(got), want, rtol=rtol, atol=1e-12)


def derivatives(engine):
    """d/dx of a scalar function, by every mode."""
    return {
        "reverse": engine.grad,
        "forward": lambda f: lambda x: engine.jvp(f, (x,), (1.0,))[1],
        "jacfwd": engine.jacfwd,
        "jacrev": engine.jacrev,
        "pullback": lambda f: lambda x: engine.vjp(f, x)[1](1.0)[0],
        "pushforward": lambda f: lambda x: engine.linearize(f, x)[1](1.0),
    }


PAIRS = list(itertools.product(["reverse", "forward", "jacfwd", "jacrev", "pullback", "pushforward"], repeat=2))


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_perturbations_are_not_confused(engine, outer, inner):
    d_outer, d_inner = derivatives(engine)[outer], derivatives(engine)[inner]
    # Siskind and Pearlmutter: d/dx (x * d/dy (x + y)) is 1, not 2.
    close(d_outer(lambda x: x * d_inner(lambda y: x + y)(1.0))(1.0), 1.0)
    close(d_outer(lambda x: x * d_inner(lambda y: x * y)(2.0))(3.0), 6.0)
    # The inner function ignores its own variable, or only uses its own.
    close(d_outer(lambda x: x * d_inner(lambda y: x * x)(2.0))(3.0), 0.0)
    close(d_outer(lambda x: x * d_inner(lambda y: y**3)(2.0))(3.0), 12.0)
    # The inner point is the outer variable: d/dx f'(x).
    close(d_outer(lambda x: d_inner(lambda y: y**3 * x)(x))(2.0), 9 * 2.0**2)
    # The inner derivative is linear in the outer variable and evaluated there.
    close(
        d_outer(lambda x: d_inner(lambda y: np.sin(x * y))(x))(0.7), -2 * 0.7**2 * math.sin(0.49) + math.cos(0.49) - 0.0
    )


@pytest.mark.parametrize("modes", list(itertools.product(["reverse", "forward", "jacrev"], repeat=3)), ids="-".join)
def test_third_order_by_every_order_of_the_modes(engine, modes):
    d = derivatives(engine)

    def f(x):
        return np.exp(2.0 * x) * np.sin(x)

    for name in modes:
        f = d[name](f)
    x = 0.3
    # (2 + i)**3 = 2 + 11i
    close(f(x), math.exp(2 * x) * (2 * math.sin(x) + 11 * math.cos(x)))


def test_four_levels_of_a_curried_function(engine):
    """The derivative of each level sees only its own variable."""

    def f(a):
        def g(b):
            def h(c):
                return engine.grad(lambda d: a * b**2 * c**3 * d**4)(a)

            return engine.grad(h)(b)

        return engine.jvp(g, (a,), (1.0,))[1]

    # 4 a b^2 c^3 a^3 -> d/dc at c=b: 12 a^4 b^4 -> d/db at b=a: 48 a^7 -> d/da: 336 a^6
    close(engine.grad(f)(1.1), 336 * 1.1**6)


def test_the_amazing_bug_of_returned_closures(engine):
    """Manzyuk et al., 2019: a derivative of a function that returns a function that is differentiated later."""

    def shift(offset):
        return lambda f: lambda x: f(x + offset)

    def d(f):
        return lambda x: engine.jvp(f, (x,), (1.0,))[1]

    # d/du of shift(u)(d(f))(x) at 0 is f''(x)
    close(d(lambda u: shift(u)(d(np.sin))(0.4))(0.0), -math.sin(0.4))
    close(d(lambda u: d(shift(u)(np.exp))(0.4))(0.0), math.exp(0.4))


def test_a_value_of_an_ended_transform_is_refused():
    """A closure that captured a value of a level that has ended must not take part in another one."""
    kept = []

    def capture(u):
        kept.append(u * u)
        return u * u

    wg.grad(capture)(1.5)
    wg.jvp(capture, (1.5,), (1.0,))
    for dead in kept:
        for f in (lambda x, dead=dead: x * dead, lambda x, dead=dead: wg.grad(lambda y: y * dead)(x)):
            for d in derivatives(wg).values():
                with pytest.raises(RuntimeError, match=r"transform.*ended"):
                    d(f)(2.0)
        with pytest.raises(RuntimeError, match=r"transform.*ended"):
            dead + 1.0
        assert float(dead) == 2.25
        assert _core.depth() == 0


def test_vector_functions_of_closures(engine):
    def f(x):
        return np.sum(engine.grad(lambda y: np.sum(y**3) * np.sum(x))(x) * x)

    # 3 x^2 sum(x) . x
    s = np.sum(X)
    close(engine.grad(f)(X), 9 * X**2 * s + 3 * np.sum(X**3))
    close(engine.jacfwd(f)(X), 9 * X**2 * s + 3 * np.sum(X**3))


def test_jacobians_inside_jacobians(engine):
    def f(x):
        return np.sin(x) * np.sum(x)

    third = engine.jacfwd(engine.jacrev(engine.jacfwd(f)))(X)
    other = engine.jacrev(engine.jacfwd(engine.jacrev(f)))(X)
    close(third, np.asarray(other))
    assert np.shape(third) == (3, 3, 3, 3)
    for axes in itertools.permutations((1, 2, 3)):
        close(np.transpose(third, (0, *axes)), np.asarray(third))


def test_hessian_of_a_pullback(engine):
    w = np.array([1.0, 0.5, -2.0])

    def weighted(x):
        return np.sum(engine.vjp(lambda x: x**3, x)[1](w)[0] * x)  # 3 w x^3

    close(engine.hessian(weighted)(X), np.diag(18 * w * X))


def test_gradient_of_a_tangent(engine):
    v = np.array([1.0, 0.5, -2.0])
    close(engine.grad(lambda x: np.sum(engine.jvp(np.sin, (x,), (v,))[1]))(X), -np.sin(X) * v)
    close(engine.grad(lambda v: np.sum(engine.jvp(np.sin, (X,), (v,))[1]))(v), np.cos(X))


def test_derivatives_by_cotangents_and_by_tangents(engine):
    """A pullback is linear in the cotangent: its derivative by the cotangent is the pullback itself."""
    _, pullback = engine.vjp(np.sin, X)
    close(engine.jacrev(lambda w: pullback(w)[0])(X), np.diag(np.cos(X)))
    close(engine.jacfwd(lambda w: pullback(w)[0])(X), np.diag(np.cos(X)))
    _, push = engine.linearize(np.sin, X)
    close(engine.jacrev(push)(X), np.diag(np.cos(X)))
    close(engine.jacfwd(push)(X), np.diag(np.cos(X)))


def test_a_pullback_of_outer_values_carries_their_derivative(engine):
    def f(x):
        _, pullback = engine.vjp(lambda y: y * x, x)
        return np.sum(pullback(x)[0])  # x * x

    close(engine.grad(f)(X), 2 * X)
    close(engine.jvp(f, (X,), (np.ones(3),))[1], np.sum(2 * X))


def test_hvp_equals_the_hessian_and_nests(engine):
    def f(x):
        return np.sum(np.sin(x)) * np.sum(x**2)

    v = np.array([0.3, -0.2, 1.0])
    close(engine.hvp(f, X, v), np.asarray(engine.hessian(f)(X)) @ v)
    third = engine.jacfwd(lambda x: engine.hvp(f, x, v))(X)
    close(third, np.asarray(engine.jacrev(engine.hessian(f))(X)) @ v)


def test_jacfwd_with_many_tangents_inside_reverse(engine):
    a = np.random.default_rng(0).normal(size=(4, 3))

    def logdet_like(x):
        jac = engine.jacfwd(lambda x: np.tanh(a @ x))(x)
        return np.sum(jac * jac)

    want = engine.numerical_gradient(logdet_like)(X)
    np.testing.assert_allclose(engine.grad(logdet_like)(X), want, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(engine.jacfwd(logdet_like)(X), want, rtol=1e-6, atol=1e-9)


def test_in_place_writes_inside_nested_derivatives(engine):
    def f(x):
        out = engine.numpy.zeros(3)
        out[0] = x[0] * x[1]
        out[1:] = x[1:] ** 2
        out[0] += x[2]
        return np.sum(out * out)

    def g(x):
        return np.sum(engine.grad(f)(x) * X)

    np.testing.assert_allclose(engine.grad(f)(X), engine.numerical_gradient(f)(X), rtol=1e-7)
    np.testing.assert_allclose(engine.grad(g)(X), engine.numerical_gradient(g)(X), rtol=1e-6)
    np.testing.assert_allclose(engine.jacfwd(g)(X), engine.numerical_gradient(g)(X), rtol=1e-6)


def test_stop_gradient_cuts_every_level(engine):
    def f(x):
        return engine.grad(lambda y: engine.stop_gradient(x) * y * engine.stop_gradient(y))(x)

    # x * stop(y) at y = x, both stopped
    close(f(2.0), 4.0)
    close(engine.grad(f)(2.0), 0.0)


def test_requires_grad_outside_transforms():
    """backward() is one more level, below all others."""
    w = wg.array(X, requires_grad=True)
    g = wg.grad(lambda x: np.sum(x**2 * w))(wg.array([1.0, 2.0, 3.0]))
    (g * g).sum().backward()
    close(w.grad, 8 * X * np.array([1.0, 4.0, 9.0]))


def test_the_deepest_nest_that_is_reasonable(engine):
    f = np.sin
    for _ in range(6):
        f = engine.grad(f)
    close(f(0.3), -math.sin(0.3))
    g = np.exp
    for _ in range(6):
        g = (lambda h: lambda x: engine.jvp(h, (x,), (1.0,))[1])(g)
    close(g(0.3), math.exp(0.3))
