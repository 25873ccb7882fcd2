"""Custom rules and checkpoints of wengert.reference."""

import math

import numpy as np
import pytest
import wengert.reference as wr

wnp = wr.numpy
rng = np.random.default_rng(3)


def make_custom_vjp():
    @wr.custom_vjp
    def f(x, y):
        return {"p": wnp.sin(x) * y, "s": wnp.sum(x) * y}

    def fwd(x, y):
        return f(x, y), (x, y)

    def bwd(saved, g):
        x, y = saved
        gx = g["p"] * wnp.cos(x) * y + g["s"] * y * wnp.ones(x.shape)
        return gx, wnp.sum(g["p"] * wnp.sin(x)) + g["s"] * wnp.sum(x)

    f.defvjp(fwd, bwd)
    return f


def make_custom_jvp():
    @wr.custom_jvp
    def f(x, y):
        return {"p": wnp.sin(x) * y, "s": wnp.sum(x) * y}

    @f.defjvp
    def rule(primals, tangents):
        (x, y), (dx, dy) = primals, tangents
        return f(x, y), {"p": wnp.cos(x) * dx * y + wnp.sin(x) * dy, "s": wnp.sum(dx) * y + wnp.sum(x) * dy}

    return f


def plain(x, y):
    return {"p": wnp.sin(x) * y, "s": wnp.sum(x) * y}


@pytest.mark.parametrize("make", [make_custom_vjp, make_custom_jvp, lambda: wr.checkpoint(plain)])
def test_custom_rule_serves_both_modes_and_higher_orders(make):
    def scalar(f):
        return lambda x, y: wnp.sum(f(x, y)["p"] ** 2) + f(x, y)["s"] ** 3

    f, x, y = make(), rng.normal(size=3), 0.7
    for transform in (
        lambda f: wr.grad(scalar(f), argnums=(0, 1))(x, y),
        lambda f: wr.jvp(scalar(f), (x, y), (x, 2.0)),
        lambda f: wr.linearize(scalar(f), x, y)[1](x, 1.0),
        lambda f: wr.jacfwd(f, argnums=1)(x, y)["p"],
        lambda f: wr.jacrev(f)(x, y)["s"],
        lambda f: wr.hessian(scalar(f))(x, y),
        lambda f: wr.jacrev(wr.jacfwd(scalar(f), argnums=1))(x, y),
        lambda f: f(wr.array(x), y)["s"],
    ):
        got, want = (r if isinstance(r, tuple) else (r,) for r in (transform(f), transform(plain)))
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-13)


def test_custom_rule_is_used_and_checked():
    @wr.custom_vjp
    def identity(x):
        return x

    identity.defvjp(lambda x: (x, None), lambda _, g: (7.0 * g,))
    assert wr.grad(identity)(1.0) == 7.0
    assert float(wr.jvp(identity, (1.0,), (1.0,))[1]) == 7.0
    assert wr.grad(wr.checkpoint(identity))(1.0) == 7.0
    identity.defvjp(lambda x: (x, None), lambda _, g: (g, g))
    with pytest.raises(ValueError, match=r"one cotangent for each of 1 argument"):
        wr.grad(identity)(1.0)
    identity.defvjp(lambda x: (x, None), lambda _, g: (wnp.ones(3),))
    with pytest.raises(ValueError, match=r"cotangent has shape \(3,\)"):
        wr.grad(identity)(1.0)

    @wr.custom_vjp
    def scaled(x, n):
        return x * n

    scaled.defvjp(lambda x, n: (x * n, n), lambda n, g: (g * n, None))
    assert wr.grad(scaled)(2.0, 3) == 3.0
    outer = wr.custom_vjp(lambda x: x)
    with pytest.raises(TypeError, match="has no rule yet"):
        outer(1.0)


def test_checkpoint_differentiates_what_it_closes_over():
    def f(w):
        inner = wr.checkpoint(lambda x: wnp.sin(w * x))
        return inner(w * 2.0)

    assert wr.grad(f)(0.3) == pytest.approx(4 * 0.3 * math.cos(2 * 0.09), rel=1e-14)
