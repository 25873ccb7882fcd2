"""vmap: axes, trees, families, nesting, indices, in-place writes, custom rules, loops; compared with a loop."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

RNG = np.random.default_rng(3)
X = RNG.normal(size=(4, 3))
W = RNG.normal(size=(3, 2))
AT = np.array([2, 0, -1, 1])


def looped(f, *xs):
    return np.stack([np.asarray(f(*row)) for row in zip(*xs, strict=True)])


# ---- axes, trees, families ------------------------------------------------------------------------------------------


def test_axes_of_arguments_and_results():
    f = wg.vmap(lambda x, w: wnp.tanh(x @ w), in_axes=(0, None))
    np.testing.assert_allclose(f(X, W), np.tanh(X @ W))
    np.testing.assert_allclose(wg.vmap(lambda x: x * 2, in_axes=1)(X), 2 * X.T)
    np.testing.assert_allclose(wg.vmap(lambda x: x * 2, in_axes=-1, out_axes=1)(X), 2 * X)
    np.testing.assert_allclose(wg.vmap(lambda x: x * 2, out_axes=-1)(X), 2 * X.T)
    np.testing.assert_allclose(wg.vmap(lambda x, k: x * k, in_axes=[0, 0])(X, AT), X * AT[:, None])
    np.testing.assert_allclose(wg.vmap(lambda x, *, k: x * k)(X, k=AT), X * AT[:, None])


def test_results_that_are_the_same_for_all_examples():
    np.testing.assert_array_equal(wg.vmap(lambda x: 3.0)(X), np.full(4, 3.0))
    a, b = wg.vmap(lambda x: (x, W), out_axes=(0, None))(X)
    np.testing.assert_array_equal(a, X)
    np.testing.assert_array_equal(b, W)
    assert wg.vmap(lambda w: w * 2.0, in_axes=None, axis_size=5)(1.0).shape == (5,)
    with pytest.raises(ValueError, match="out_axes is None for a result that differs"):
        wg.vmap(lambda x: x, out_axes=None)(X)


class Pair(NamedTuple):
    w: object
    b: object


def test_trees():
    def f(p, x):
        return {"y": x @ p.w + p.b, "z": [x, p.b]}

    p = Pair(RNG.normal(size=(4, 3, 2)), RNG.normal(size=2))
    out = wg.vmap(f, in_axes=(Pair(0, None), None))(p, X[0])
    np.testing.assert_allclose(out["y"], np.stack([X[0] @ w + p.b for w in p.w]))
    assert out["z"][0].shape == (4, 3)
    out = wg.vmap(f, in_axes=(Pair(0, None), None), out_axes={"y": 1, "z": [0, 0]})(p, X[0])
    assert out["y"].shape == (2, 4)
    got = wg.vmap(lambda p, x: p["a"] * x, in_axes=({"a": 0, "b": None}, 0))({"a": AT, "b": "text"}, X)
    np.testing.assert_allclose(got, AT[:, None] * X)


def test_families_and_types():
    assert type(wg.vmap(lambda x: x * 2)(X)) is np.ndarray
    assert type(wg.vmap(lambda x: x * 2)(wg.array(X))) is wg.Array
    assert wg.vmap(lambda x: x * 2)(X.astype(np.float32)).dtype == np.float32
    seen = []
    wg.vmap(
        lambda x, k, n: (seen.append((isinstance(x, np.ndarray), x.shape, isinstance(k, np.integer), n)), x)[1],
        (0, 0, None),
    )(X, AT, 3)
    assert seen == [(True, (3,), True, 3)]


def test_arguments_are_private_copies():
    x, shared = X.copy(), np.zeros(3)

    def f(a, b):
        a += 1
        b += 2
        return a * b

    np.testing.assert_allclose(wg.vmap(f, (0, None))(x, shared), (X + 1) * 2)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(shared, np.zeros(3))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: wg.vmap(lambda x, y: x)(X, X[:2]), ValueError, "equally many examples"),
        (lambda: wg.vmap(lambda x: x, axis_size=3)(X), ValueError, "axis_size 3"),
        (lambda: wg.vmap(lambda x: x, in_axes=2)(X), ValueError, "in_axes names axis 2"),
        (lambda: wg.vmap(lambda x: x)(1.0), ValueError, "in_axes names axis 0 of an argument of shape"),
        (lambda: wg.vmap(lambda x: x, in_axes=None)(X), ValueError, "no argument has examples"),
        (lambda: wg.vmap(lambda x: x, in_axes=(0, 0))(X), ValueError, "in_axes has 2 entries"),
        (lambda: wg.vmap(lambda x: x, in_axes=({"a": 0},))([X]), ValueError, "does not fit the structure"),
        (lambda: wg.vmap(lambda x: x, in_axes=("a",))(X), TypeError, "whole numbers or None"),
        (lambda: wg.vmap(lambda x: x, out_axes=3)(X), ValueError, "out_axes names axis 3"),
        (lambda: wg.vmap(lambda x: "text")(X), TypeError, "must return arrays or numbers"),
        (lambda: wg.vmap(lambda x: x if x > 0 else -x)(X[:, 0]), TypeError, "wengert.numpy.where"),
        (lambda: wg.vmap(lambda x: float(x))(X[:, 0]), TypeError, r"wengert\.vmap: a number was asked"),
        (lambda: wg.vmap(lambda x: [1, 2, 3][x])(AT), TypeError, "a number was asked"),
        (lambda: wg.vmap(lambda x: np.asarray(x))(X), TypeError, "a number was asked"),
        (lambda: wg.vmap(lambda x: x[x > 0])(X), TypeError, "mask"),
        (lambda: wg.vmap(lambda x, k: x[k])(X, AT + 2), IndexError, "out of bounds"),
    ],
)
def test_what_cannot_be_says_so(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_value_that_escapes_gives_no_number():
    kept = []
    wg.vmap(lambda x: (kept.append(x), x)[1])(X[:, 0])
    for ask in (float, lambda x: x.numpy(), lambda x: x + 1.0, np.asarray):
        with pytest.raises((TypeError, RuntimeError)):
            ask(kept[0])


def test_text_shows_all_examples():
    seen = []
    wg.vmap(lambda x: (seen.append((repr(x), str(x), f"{x}")), x)[1])(np.array([1.5, 2.5]))
    assert all("1.5, 2.5" in text and "vmap" in text for text in seen[0])


# ---- nesting --------------------------------------------------------------------------------------------------------


def loss(w, x, k):
    logits = wnp.tanh(x) @ w
    return -wnp.log_softmax(logits)[k]


def test_gradients_of_each_example():
    at = AT % 2
    got = wg.vmap(wg.grad(loss), (None, 0, 0))(W, X, at)
    want = np.stack([wg.grad(loss)(W, x, int(k)) for x, k in zip(X, at, strict=True)])
    np.testing.assert_allclose(got, want, rtol=1e-12)
    values, grads = wg.vmap(wg.value_and_grad(loss), (None, 0, 0))(W, X, at)
    np.testing.assert_allclose(grads, want, rtol=1e-12)
    assert values.shape == (4,)


@pytest.mark.parametrize("inner", ["jacfwd", "jacrev", "jacobian", "hessian"])
def test_matrices_of_derivatives(inner):
    def f(x):
        return wnp.sin(x) * x[0] if inner != "hessian" else wnp.sum(wnp.sin(x) * x[0])

    transform = getattr(wg, inner)
    np.testing.assert_allclose(wg.vmap(transform(f))(X), looped(transform(f), X), rtol=1e-12)
    outer = transform(lambda x: wnp.sum(wg.vmap(lambda r: wnp.sum(wnp.sin(r) * r[0]))(x)))(X)
    want = transform(lambda x: sum(wnp.sum(wnp.sin(r) * r[0]) for r in x))(X)
    np.testing.assert_allclose(outer, want, rtol=1e-12, atol=1e-15)


def test_products_pullbacks_and_hvp():
    def f(x):
        return wnp.sum(wnp.exp(x) * x[::-1])

    np.testing.assert_allclose(wg.vmap(lambda x, v: wg.hvp(f, x, v))(X, X), looped(lambda x: wg.hvp(f, x, x), X))
    _, pullback = wg.vjp(lambda x: wnp.tanh(x @ W), X[0])
    got = wg.vmap(lambda g: pullback(g)[0])(np.eye(2))
    np.testing.assert_allclose(got, wg.jacrev(lambda x: wnp.tanh(x @ W))(X[0]), rtol=1e-13)
    _, push = wg.linearize(lambda x: wnp.tanh(x @ W), X[0])
    np.testing.assert_allclose(wg.vmap(push, out_axes=1)(np.eye(3)), wg.jacfwd(lambda x: wnp.tanh(x @ W))(X[0]))


def test_unmodified_numpy_code():
    def f(x):
        y = np.concatenate([x, np.exp(x)]).reshape(2, -1)
        return np.linalg.norm(y, axis=0).sum() + np.where(x > 0, x, 0).max()

    np.testing.assert_allclose(wg.vmap(f)(X), looped(f, X), rtol=1e-13)
    np.testing.assert_allclose(wg.vmap(wg.grad(f))(X), looped(wg.grad(f), X), rtol=1e-13)


def test_requires_grad_outside():
    w = wg.array(W, requires_grad=True)
    wnp.sum(wg.vmap(lambda x: wnp.tanh(x @ w))(X)).backward()
    want = wg.grad(lambda w: wnp.sum(wnp.tanh(X @ w)))(W)
    np.testing.assert_allclose(w.grad, want, rtol=1e-13)


def test_stop_gradient_keeps_the_examples():
    got = wg.vmap(wg.grad(lambda x: wnp.sum(wg.stop_gradient(x) * x)))(X)
    np.testing.assert_array_equal(got, X)


# ---- indices and in-place writes ------------------------------------------------------------------------------------

ROWS = {
    "element": lambda x, k: x[k],
    "element of two axes": lambda x, k: wnp.outer(x, x)[k, k],
    "row": lambda x, k: wnp.outer(x, x)[k],
    "array of positions": lambda x, k: x[wnp.stack([k, k - 1, 0 * k])],
    "shared array": lambda x, k: wnp.array([1.0, 2.0, 3.0])[k] * x,
    "positions in two axes": lambda x, k: wnp.outer(x, x)[wnp.stack([k, 0 * k]), np.array([1, 2])],
    "slice and position": lambda x, k: wnp.outer(x, x)[1:, k],
    "take": lambda x, k: wnp.take(x, k),
    "argmax": lambda x, k: x[wnp.argmax(x)] * x,
}
WRITES = {
    "constant position": lambda y, x, k: y.__setitem__(0, x[1]),
    "slice": lambda y, x, k: y.__setitem__(slice(1, None), x[:2] * 2),
    "position": lambda y, x, k: y.__setitem__(k, x[0] * 3),
    "positions": lambda y, x, k: y.__setitem__(wnp.stack([k, 0 * k]), wnp.stack([x[0], x[1]])),
    "repeated positions": lambda y, x, k: y.__setitem__(wnp.stack([k, k, 0 * k]), x),
    "shared value": lambda y, x, k: y.__setitem__(slice(None), 2.0),
    "view": lambda y, x, k: y[1:].__setitem__(0, x[2]),
    "view of a view": lambda y, x, k: y[::-1][:2].__iadd__(x[:2]),
    "reshaped": lambda y, x, k: y.reshape(3, 1).__setitem__((1, 0), x[0]),
}


@pytest.mark.parametrize("name", ROWS)
def test_positions_of_each_example(name):
    f = ROWS[name]
    np.testing.assert_allclose(wg.vmap(f)(X, AT), looped(f, X, AT))
    g = wg.grad(lambda x, k: wnp.sum(wnp.sin(f(x, k))))
    np.testing.assert_allclose(wg.vmap(g)(X, AT), looped(g, X, AT), rtol=1e-12)
    around = wg.grad(lambda x: wnp.sum(wnp.sin(wg.vmap(f)(x, AT))))(X)
    np.testing.assert_allclose(around, looped(g, X, AT), rtol=1e-12)
    compiled = wg.compile(wg.vmap(g))
    for at in (AT, AT[::-1].copy(), AT):
        np.testing.assert_allclose(compiled(X, at), looped(g, X, at), rtol=1e-12)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", WRITES)
def test_writes_in_place(name, shared):
    def f(x, k):
        y = wnp.zeros(3) + 1.0 if shared else x * 2
        WRITES[name](y, x, k)
        return y * wnp.array([1.0, 2.0, 3.0])

    np.testing.assert_allclose(wg.vmap(f)(X, AT), looped(f, X, AT))
    g = wg.grad(lambda x, k: wnp.sum(wnp.sin(f(x, k))))
    np.testing.assert_allclose(wg.vmap(g)(X, AT), looped(g, X, AT), rtol=1e-12)
    around = wg.grad(lambda x: wnp.sum(wnp.sin(wg.vmap(f)(x, AT))))(X)
    np.testing.assert_allclose(around, looped(g, X, AT), rtol=1e-12)
    compiled = wg.compile(wg.vmap(g))
    for at in (AT, AT[::-1].copy(), AT):
        np.testing.assert_allclose(compiled(X, at), looped(g, X, at), rtol=1e-12)


def test_nested_positions():
    def f(x, k, m):
        return x[k] * x[m] ** 2

    inner = wg.vmap(wg.grad(f), (None, 0, None))
    got = wg.vmap(inner, (0, None, 0))(X, AT, AT)
    want = [[wg.grad(f)(x, int(k), int(m)) for k in AT] for x, m in zip(X, AT, strict=True)]
    np.testing.assert_allclose(got, want, rtol=1e-13)


# ---- rules of the user's own ----------------------------------------------------------------------------------------


def scaled():
    @wg.custom_vjp
    def f(x, s):
        return x * s

    f.defvjp(lambda x, s: (x * s, (x, s, "text")), lambda r, g: (7.0 * g * r[1], None))
    return f


def straight():
    @wg.custom_jvp
    def f(x, s):
        return wnp.round(x) * s

    f.defjvp(lambda p, t: (wnp.round(p[0]) * p[1], 3.0 * t[0] * p[1]))
    return f


def asking():
    """Rules that ask for a number, as they may without vmap."""

    @wg.custom_vjp
    def f(x, s):
        return x * abs(float(wg.stop_gradient(s)))

    f.defvjp(
        lambda x, s: (x * abs(float(wg.stop_gradient(s))), float(wg.stop_gradient(s))),
        lambda s, g: (g * (2.0 if s > 0 else 5.0), None),
    )
    return f


@pytest.mark.parametrize("make", [scaled, straight, asking])
def test_custom_rules_alone_decide(make):
    f = make()
    s = np.array([1.0, -2.0, 0.3, 0.7])

    def value(x, s):
        return wnp.sum(f(x, s) ** 2)

    np.testing.assert_allclose(wg.vmap(f)(X, s), looped(f, X, s))
    for g in (wg.grad(value), wg.grad(lambda x, s: wnp.sum(f(x * x, s)))):
        np.testing.assert_allclose(wg.vmap(g)(X, s), looped(g, X, s), rtol=1e-12)
    around = wg.grad(lambda x: wnp.sum(wg.vmap(value)(x, s)))(X)
    np.testing.assert_allclose(around, looped(wg.grad(value), X, s), rtol=1e-12)
    tangent = wg.jvp(lambda x: wg.vmap(value)(x, s), (X,), (np.ones_like(X),))[1]
    np.testing.assert_allclose(tangent, looped(wg.grad(value), X, s).sum(1), rtol=1e-12)
    shared = wg.grad(lambda x: wnp.sum(wg.vmap(value, (None, 0))(x, s)))(X[0])
    np.testing.assert_allclose(shared, sum(wg.grad(value)(X[0], t) for t in s), rtol=1e-12)


def test_whole_numbers_among_the_arguments_of_a_rule():
    @wg.custom_vjp
    def pick(x, k):
        return x[k]

    pick.defvjp(lambda x, k: (x[k], (x, k)), lambda r, g: (2.0 * g * (wnp.arange(3) == r[1] % 3), None))
    got = wg.vmap(wg.grad(pick))(X, AT)
    np.testing.assert_array_equal(got, 2.0 * np.eye(3)[AT])
    got = wg.grad(lambda x: wnp.sum(wg.vmap(pick)(x, AT)))(X)
    np.testing.assert_array_equal(got, 2.0 * np.eye(3)[AT])


def test_checkpoint():
    f = wg.checkpoint(lambda x: wnp.sum(wnp.sin(x) ** 2))
    np.testing.assert_allclose(wg.vmap(wg.grad(f))(X), np.sin(2 * X))
    np.testing.assert_allclose(wg.grad(lambda x: wnp.sum(wg.vmap(f)(x)))(X), np.sin(2 * X))


def test_a_rule_around_a_value_that_is_no_argument_is_refused():
    def f(x):
        @wg.custom_jvp
        def g(y):
            return y * x

        g.defjvp(lambda p, t: (p[0] * x, t[0] * x))
        return g(x)

    with pytest.raises(RuntimeError, match="not among its arguments"):
        wg.vmap(f)(X)


# ---- loops ----------------------------------------------------------------------------------------------------------

LOOPS = {
    "scan": lambda x, n: wg.scan(lambda c, r: (c * 0.5 + r, c + r), x[0], x)[1],
    "fori_loop": lambda x, n: wg.fori_loop(0, 3, lambda i, v: v * 0.5 + x[i], x),
    "while_loop": lambda x, n: wg.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, wnp.sin(c[1]) * 1.1), (0 * n, x))[
        1
    ],
    "while_loop by a value": lambda x, n: wg.while_loop(lambda v: wnp.sum(v * v) > 0.5, lambda v: v * 0.7, x),
    "cond": lambda x, n: wg.cond(x[0] > 0, lambda v: wnp.sin(v), lambda v: wnp.exp(v), x),
    "cond with nan": lambda x, n: wg.cond(x[0] > 0, lambda v: wnp.log(wnp.abs(v)), lambda v: v * 1.0, x),
    "python loop": lambda x, n: sum(wnp.tanh(r) for r in x) * x,
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops(name):
    f, n = LOOPS[name], np.array([0, 3, 1, 2])
    np.testing.assert_allclose(wg.vmap(f)(X, n), looped(f, X, n))
    g = wg.grad(lambda x, n: wnp.sum(f(x, n) ** 2))
    np.testing.assert_allclose(wg.vmap(g)(X, n), looped(g, X, n), rtol=1e-12)
    around = wg.grad(lambda x: wnp.sum(wg.vmap(f)(x, n) ** 2))(X)
    np.testing.assert_allclose(around, looped(g, X, n), rtol=1e-12)
    compiled = wg.compile(wg.vmap(g))
    for x in (X, X[::-1].copy(), X):
        np.testing.assert_allclose(compiled(x, n), looped(g, x, n), rtol=1e-12)


def test_filling_rows_in_place_is_linear():
    def f(x, steps):
        h = wnp.zeros((steps, 3))
        for t in range(steps):
            h[t] = x if t == 0 else wnp.tanh(h[t - 1])
        return h

    want = [X]
    for _ in range(19):
        want.append(np.tanh(want[-1]))
    np.testing.assert_allclose(wg.vmap(f, (0, None))(X, 20), np.stack(want, 1), rtol=1e-14)
