"""Rules given by the user (custom_vjp, custom_jvp), checkpoint, linearize, pullbacks that outlive the call."""

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


def close(got, want):
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-11, atol=1e-13)


def cube_by_vjp(engine):
    @engine.custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (3.0 * x**2 * g,))
    return cube


def cube_by_jvp(engine):
    @engine.custom_jvp
    def cube(x):
        return x**3

    @cube.defjvp
    def rule(primals, tangents):
        return cube(primals[0]), 3.0 * primals[0] ** 2 * tangents[0]

    return cube


@pytest.mark.parametrize("make", [cube_by_vjp, cube_by_jvp])
def test_one_rule_serves_every_mode_and_order(engine, make):
    cube = make(engine)
    close(cube(X), X**3)
    close(engine.grad(lambda x: np.sum(cube(x)))(X), 3 * X**2)
    close(engine.jvp(cube, (X,), (X,))[1], 3 * X**3)
    close(engine.jacfwd(cube)(X), np.diag(3 * X**2))
    close(engine.jacrev(cube)(X), np.diag(3 * X**2))
    close(engine.hessian(lambda x: np.sum(cube(x)))(X), np.diag(6 * X))
    close(engine.grad(engine.grad(engine.grad(cube)))(2.0), 6.0)
    close(engine.jacfwd(engine.jacfwd(engine.jacrev(cube)))(2.0), 6.0)
    close(engine.jacrev(engine.jacrev(engine.jacfwd(cube)))(2.0), 6.0)
    close(engine.linearize(cube, X)[1](X), 3 * X**3)


@pytest.mark.parametrize("make", [cube_by_vjp, cube_by_jvp])
def test_rules_pass_the_checker(make):
    wg.check_grads(make(wg), (X,), order=3)


def test_the_rule_is_used_not_the_function(engine):
    """The rules lie on purpose, so that it shows which one ran."""

    @engine.custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: (x * x, None), lambda _, g: (100.0 * g,))
    close(engine.grad(f)(3.0), 100.0)
    close(engine.jvp(f, (3.0,), (1.0,))[1], 100.0)
    close(f(3.0), 9.0)

    @engine.custom_jvp
    def g(x):
        return x * x

    g.defjvp(lambda primals, tangents: (primals[0] * primals[0], 100.0 * tangents[0]))
    close(engine.grad(g)(3.0), 100.0)
    close(engine.jvp(g, (3.0,), (1.0,))[1], 100.0)


def test_several_arguments_trees_and_none(engine):
    @engine.custom_vjp
    def f(p, s, note):
        assert note == "text"
        return {"y": p["w"] * s, "z": s * s}

    def fwd(p, s, note):
        return f(p, s, note), (p["w"], s)

    def bwd(residuals, g):
        w, s = residuals
        return {"w": g["y"] * s}, np.sum(g["y"] * w) + 2.0 * s * g["z"], None

    f.defvjp(fwd, bwd)
    p = {"w": X}

    def loss(p, s):
        out = f(p, s, "text")
        return np.sum(out["y"] ** 2) + out["z"]

    gp, gs = engine.grad(loss, argnums=(0, 1))(p, 2.0)
    close(gp["w"], 2 * X * 4)
    close(gs, np.sum(X**2) * 4 + 4)
    # Only one result is used: the cotangent of the other is zero.
    close(engine.grad(lambda s: f(p, s, "text")["z"])(2.0), 4.0)
    close(engine.jvp(lambda s: f(p, s, "text")["z"], (2.0,), (1.0,))[1], 4.0)


def test_none_as_cotangent_means_no_derivative(engine):
    @engine.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(lambda x, y: (x * y, y), lambda y, g: (g * y, None))
    gx, gy = engine.grad(f, argnums=(0, 1))(2.0, 3.0)
    assert (gx, gy) == (3.0, 0.0)


def test_rules_under_broadcasting_and_constants(engine):
    cube = cube_by_vjp(engine)
    close(cube(2.0), 8.0)
    close(engine.grad(lambda x: np.sum(cube(2.0) * x + cube(x)))(X), 8.0 + 3 * X**2)
    close(engine.grad(lambda x: np.sum(cube(x[:, None] * np.ones((1, 2)))))(X), 6 * X**2)


def test_a_missing_rule_is_named():
    for make in (wg.custom_vjp, wg.custom_jvp):

        @make
        def lonely(x):
            return x

        assert lonely(3.0) == 3.0
        with pytest.raises(AttributeError, match=r"lonely.*def"):
            wg.grad(lonely)(1.0)
        assert _core.depth() == 0


def test_wrong_rules_are_refused():
    def with_bwd(bwd):
        @wg.custom_vjp
        def f(x, y):
            return x * y

        f.defvjp(lambda x, y: (x * y, None), bwd)
        return lambda x: np.sum(f(x, x))

    with pytest.raises(TypeError, match="1 cotangents for 2 arguments"):
        wg.grad(with_bwd(lambda r, g: (g,)))(X)
    with pytest.raises(ValueError, match=r"shape \(2,\).*shape \(3,\)"):
        wg.grad(with_bwd(lambda r, g: (np.ones(2), g)))(X)

    @wg.custom_jvp
    def g(x):
        return x

    g.defjvp(lambda p, t: (p[0], np.ones(2)))
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        wg.jvp(g, (X,), (X,))
    assert _core.depth() == 0


def test_a_closure_over_a_differentiated_value_is_refused_not_dropped():
    def f(x):
        @wg.custom_vjp
        def g(y):
            return y * x

        g.defvjp(lambda y: (y * x, None), lambda _, c: (c,))
        return g(x)

    with pytest.raises(RuntimeError, match="not among its arguments"):
        wg.grad(f)(2.0)
    assert _core.depth() == 0


def test_decorated_functions_keep_name_and_documentation(engine):
    @engine.custom_vjp
    def shown(x):
        """Documented."""
        return x

    assert shown.__name__ == "shown"
    assert shown.__doc__ == "Documented."


# ---- checkpoint -----------------------------------------------------------------------------------------------------


def test_checkpoint_changes_nothing_but_the_memory(engine):
    runs = []

    def f(x, scale):
        runs.append(1)
        return np.sin(x) * scale + np.sum(x)

    c = engine.checkpoint(f)
    w = np.array([1.0, 2.0, 3.0])
    want = w * np.cos(X) * 2 + np.sum(w)
    runs.clear()
    close(engine.grad(lambda x: np.sum(w * c(x, 2.0)))(X), want)
    assert len(runs) == 2  # once forward, once during the sweep
    close(engine.grad(lambda s: np.sum(c(X, s)))(2.0), np.sum(np.sin(X)))
    close(engine.jvp(lambda x: c(x, 2.0), (X,), (w,))[1], 2 * np.cos(X) * w + np.sum(w))
    close(engine.hessian(lambda x: np.sum(w * c(x, 2.0)))(X), np.diag(-2 * w * np.sin(X)))
    close(engine.grad(engine.grad(engine.checkpoint(lambda x: x**3)))(2.0), 12.0)
    close(c(X, 2.0), f(X, 2.0))


def test_checkpoint_keeps_few_values():
    def f(x):
        for _ in range(50):
            x = np.sin(x)
        return x

    def nodes(g):
        level = _core.ReverseLevel()
        try:
            g(level.input(wg.array(X)))
            return level.nodes
        finally:
            level.close()

    assert nodes(f) > 50
    assert nodes(wg.checkpoint(f)) <= 3


def test_checkpoint_in_a_loop_and_in_itself(engine):
    step = engine.checkpoint(lambda h, w: np.tanh(w * h))

    def rolled(w, step):
        h = 0.5
        for _ in range(8):
            h = step(h, w)
        return np.sum(h)

    plain = engine.grad(lambda w: rolled(w, lambda h, w: np.tanh(w * h)))(X)
    close(engine.grad(lambda w: rolled(w, step))(X), plain)
    nested = engine.checkpoint(lambda w: rolled(w, step))
    close(engine.grad(nested)(X), plain)


# ---- what outlives the call -----------------------------------------------------------------------------------------


def test_a_pullback_may_be_called_many_times(engine):
    y, pullback = engine.vjp(lambda x: np.sin(x) * np.exp(x), X)
    first = pullback(np.ones(3))[0].copy()
    close(pullback(2 * np.ones(3))[0], 2 * first)
    close(pullback(np.ones(3))[0], first)
    close(y, np.sin(X) * np.exp(X))


@pytest.mark.parametrize("n", [1, 3, 4, 5, 100])
def test_changing_an_input_afterwards_changes_nothing(engine, n):
    x = np.linspace(0.5, 1.5, n)
    weights = np.linspace(1.0, 2.0, n)
    want = 3 * weights * x**2
    _, pullback = engine.vjp(lambda x: weights * x**3, x)
    _, push = engine.linearize(lambda x: weights * x**3, x)
    x[:] = np.nan
    close(pullback(np.ones(n))[0], want)
    close(push(np.ones(n)), want)


@pytest.mark.parametrize("n", [3, 100])
def test_changing_a_captured_constant_afterwards_changes_no_pullback(n):
    weights = np.linspace(1.0, 2.0, n)
    x = np.linspace(0.5, 1.5, n)
    _, pullback = wg.vjp(lambda x: x * weights, x)
    loss = wg.array(x, requires_grad=True)
    y = (loss * weights).sum()
    want = weights.copy()
    weights[:] = np.nan
    close(pullback(np.ones(n))[0], want)
    y.backward()
    close(loss.grad, want)


def test_changing_an_argument_inside_the_function_is_local(engine):
    x = X.copy()

    def f(x):
        x[0] = 7.0
        return np.sum(x * x)

    close(engine.grad(f)(x), [0.0, -2.0, 4.0])
    close(x, X)


def test_results_may_be_written_to():
    g = wg.grad(lambda x: np.sum(x * X))(X.copy())
    g += 1.0
    assert g.flags.writeable
    close(X, [0.5, -1.0, 2.0])
    _, pullback = wg.vjp(lambda x: x, X)
    w = np.ones(5)[:3]
    out = pullback(w)[0]
    out[:] = 9.0
    close(w, np.ones(3))
    close(pullback(w)[0], np.ones(3))
    big = np.ones(100)
    y, d = wg.jvp(lambda x: x, (big,), (big,))
    d[:] = 5.0
    y[:] = 7.0
    close(big, np.ones(100))
    _, g = wg.value_and_grad(lambda x: np.sum(x))(big)
    g[:] = 3.0
    close(big, np.ones(100))


@pytest.mark.parametrize("bad", [np.ones(2), 1.0, (np.ones(3),), {"a": np.ones(3)}])
def test_cotangents_and_tangents_must_fit(engine, bad):
    _, pullback = engine.vjp(np.sin, X)
    with pytest.raises((ValueError, TypeError), match="cotangent"):
        pullback(bad)
    with pytest.raises((ValueError, TypeError), match="tangent"):
        engine.jvp(np.sin, (X,), (bad,))


def test_jvp_needs_tuples(engine):
    with pytest.raises(TypeError, match="tuple"):
        engine.jvp(np.sin, X, X)
    with pytest.raises((ValueError, TypeError), match="tangent"):
        engine.jvp(np.sin, (X,), (X, X))
