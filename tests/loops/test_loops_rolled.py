"""Loops as single operations of compiled programs: against the same functions step by step, in both modes."""

from __future__ import annotations

import os

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from wengert import _core
from wengert._internals.tree import tree_flatten

RNG = np.random.default_rng(5)
W, X, H = RNG.normal(size=(3, 3)), RNG.normal(size=(12, 3)), RNG.normal(size=3)


def assert_same(f, *args, rolled=True, rtol=1e-9):
    """compile(f) against f itself, whose loops run step by step; on the first call and on replays."""
    expected = tree_flatten(f(*args))[0]
    g = wg.compile(f)
    for _ in range(3):
        for got, want in zip(tree_flatten(g(*args))[0], expected, strict=True):
            assert np.asarray(got).dtype == np.asarray(want).dtype
            np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=rtol, atol=rtol * 1e-2)
    assert ("step by step" in g.why()[0]) is not rolled, g.why()
    assert g.stats()["replays"] == 2
    return g


def rnn(w, x, h, **how):
    def step(h, row):
        h = wnp.tanh(h @ w + row)
        return h, wnp.sum(h)

    h, ys = wg.scan(step, h, x, **how)
    return wnp.sum(h) + wnp.sum(ys**2)


TRANSFORMS = {
    "value": lambda f: f,
    "grad": lambda f: wg.grad(f, argnums=(0, 1, 2)),
    "jvp": lambda f: lambda w, x, h: wg.jvp(f, (w, x, h), (w, x, h + 1.0)),
    "jacfwd": wg.jacfwd,
    "hessian": wg.hessian,
    "grad of grad": lambda f: wg.grad(lambda w, x, h: wnp.sum(wg.grad(f)(w, x, h) ** 2)),
}
HOW = [{}, {"reverse": True}] + [{"checkpoint": c, "reverse": r} for c in (5, "sqrt", "log") for r in (False, True)]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("how", HOW, ids=str)
def test_scan(transform, how):
    plain = TRANSFORMS[transform](lambda w, x, h: rnn(w, x, h, reverse=how.get("reverse", False)))
    f = TRANSFORMS[transform](lambda w, x, h: rnn(w, x, h, **how))
    expected = tree_flatten(plain(W, X, H))[0]
    for g in (f, wg.compile(f)):
        for _ in range(2):
            for got, want in zip(tree_flatten(g(W, X, H))[0], expected, strict=True):
                np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-9, atol=1e-11)


def test_batches_and_single_precision():
    x, h = RNG.normal(size=(7, 4, 3)), np.zeros((4, 3))
    assert_same(wg.value_and_grad(rnn, argnums=(0, 1, 2)), W, x, h)
    single = [a.astype(np.float32) for a in (W, x, h)]
    assert_same(wg.value_and_grad(rnn, argnums=(0, 1, 2)), *single, rtol=2e-5)


def test_the_program_does_not_grow_with_the_number_of_steps():
    sizes = []
    for n in (10, 1000):
        g = wg.compile(wg.value_and_grad(rnn, argnums=(0, 1, 2)))
        g(W, RNG.normal(size=(n, 3)), H)
        sizes.append((g.stats()["steps"], len(g.listing().splitlines())))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 16, 17, 37])
def test_bodies_of_numbers_run_several_steps_at_a_time(n):
    def f(a, b, xs):
        def step(c, x):
            u, v = c
            return (u + 0.1 * (a * v - x), v - 0.1 * b * u * v), u * v

        (u, v), ys = wg.scan(step, (1.0, a), xs, reverse=n % 2 == 1)
        return u * v + (wnp.sum(ys**2) if n else 0.0)

    xs = RNG.normal(size=n)
    assert_same(wg.value_and_grad(f, argnums=(0, 1, 2)), 1.1, 0.4, xs)


def test_closures_trees_and_results_of_every_kind():
    def f(p, x):
        scale = p["b"] * 2.0

        def step(c, row):
            h = wnp.tanh(c["h"] @ p["w"] + row["a"] * scale)
            return {"h": h, "n": c["n"] + 1}, (h, {"s": wnp.sum(h), "big": wnp.sum(h) > 0.0})

        last, (hs, rest) = wg.scan(step, {"h": wnp.zeros(3), "n": 0}, {"a": x})
        return (
            wnp.sum(hs * hs) + wnp.sum(rest["s"]) + wnp.sum(wnp.where(rest["big"], rest["s"], 0.0)) + last["n"] * p["b"]
        )

    assert_same(wg.value_and_grad(f), {"w": W, "b": 0.7}, X)


def test_the_carry_takes_the_type_of_what_it_meets():
    x = np.arange(4, dtype=np.float32)
    assert_same(lambda x: wg.scan(lambda c, r: (c + r, c * 2), 0.0, x), x)
    assert_same(lambda x: wg.scan(lambda c, r: (c + 1, r), 0, x)[0] + x[0], x)


def test_no_steps():
    f = lambda w, x: wg.scan(lambda c, r: (c * w + r[0], c), w, x)[0]  # noqa: E731
    assert_same(wg.value_and_grad(f, argnums=(0, 1)), 0.7, np.zeros((0, 3)))


def test_cotangents_of_what_is_read_at_an_index_are_added_in_place():
    def f(x):
        return wg.fori_loop(0, len(x), lambda i, v: v + wnp.sin(x[i]) * v, 1.0)

    g = assert_same(wg.value_and_grad(f), RNG.normal(size=9))
    assert "= gather_add(x1, " in g.listing().split("backwards")[1]  # x1: the carry, which is the result


def test_nested_scans():
    def f(w):
        def outer(c, row):
            c, ys = wg.scan(lambda d, e: (wnp.sin(d * e) * w, d), c, row)
            return c, wnp.sum(ys)

        c, ys = wg.scan(outer, w, X)
        return c + wnp.sum(ys)

    for transform in (wg.value_and_grad, wg.hessian, lambda f: wg.grad(wg.grad(f))):
        assert_same(transform(f), 0.7)


def test_stop_gradient_in_a_body():
    f = lambda x: wg.scan(lambda c, _: (c * x * x + wg.stop_gradient(c) * c, None), x, None, length=3)[0]  # noqa: E731
    for transform in (wg.grad, lambda f: wg.grad(wg.grad(f)), lambda f: lambda x: wg.jvp(f, (x,), (1.0,))):
        assert_same(transform(f), 1.3)


def test_indices_that_are_computed_in_a_body():
    table, tokens = RNG.normal(size=(7, 3)), np.array([1, 2, 6, 2, 0])

    def f(table, w, tokens):
        return wnp.sum(wg.scan(lambda h, i: (wnp.tanh(h @ w + table[i]), None), H, tokens)[0])

    g = assert_same(wg.value_and_grad(f, argnums=(0, 1)), table, W, tokens)
    other = np.array([0, 0, 3, 4, -1])
    np.testing.assert_allclose(g(table, W, other)[0], f(table, W, other))
    with pytest.raises(IndexError):
        g(table, W, np.array([0, 0, 7, 0, 0]))
    assert_same(wg.grad(lambda x: wg.fori_loop(0, 5, lambda i, v: v + x[i] * x[-i] * v, 1.0)), RNG.normal(size=6))


def test_fori_loop():
    assert_same(wg.value_and_grad(lambda x: wg.fori_loop(0, 4, lambda i, v: v * x + i, 1.0)), 1.3)
    assert_same(lambda x: wg.fori_loop(3, 3, lambda i, v: v * x, x), 1.3)
    assert_same(lambda x: wg.fori_loop(0, 3, lambda i, v: v * 2 + i, x), np.float32(1.5))


def test_cond_is_one_program_for_both_branches():
    f = lambda x: wg.cond(x > 1.0, lambda v: v * v * x, lambda v: -v, x)  # noqa: E731
    second = lambda f: wg.grad(wg.grad(f))  # noqa: E731
    for transform in (wg.value_and_grad, second, lambda f: lambda x: wg.jvp(f, (x,), (1.0,))):  # noqa: B023
        g = assert_same(transform(f), 1.3)
        for x in (0.5, 1.5, -2.0):
            np.testing.assert_allclose(g(x), transform(f)(x), rtol=1e-12)
        assert g.stats()["recordings"] == 1
    rows = lambda x: wg.scan(lambda c, r: (wg.cond(r > 0, lambda c: c * x, lambda c: c + x, c), c), x, X[:, 0])[0]  # noqa: E731
    assert_same(wg.value_and_grad(rows), 1.3)
    assert_same(lambda x: wg.cond(x > 0, lambda: x, lambda: 1), np.float32(2.0))
    out_of_range = lambda x: wg.cond(x > 5.0, lambda: X[:, 0][20], lambda: x)  # noqa: E731
    assert_same(out_of_range, 1.0, rolled=False)


def test_while_loop():
    f = lambda x: wg.while_loop(lambda v: v < 50.0, lambda v: v * x, x)  # noqa: E731
    for transform in (lambda f: f, lambda f: lambda x: wg.jvp(f, (x,), (1.0,)), wg.jacfwd, wg.value_and_grad):  # noqa: B023
        g = assert_same(transform(f), 1.3)
        for x in (2.0, 1.01, 60.0):
            np.testing.assert_allclose(g(x), transform(f)(x), rtol=1e-10)
        assert g.stats()["recordings"] == 1


@wg.custom_vjp
def clipped(x):
    return x


clipped.defvjp(lambda x: (x, None), lambda _, g: (wnp.clip(g, -0.1, 0.1),))


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (lambda c, r, w: (c * w if r > 0 else c + w, None), "asks for a number"),
        (lambda c, r, w: (clipped(c * w), None), "rule of its own"),
        (lambda c, r, w: (wnp.concatenate([wnp.atleast_1d(c), wnp.atleast_1d(r * w)]), None), "shape"),
    ],
)
def test_what_cannot_be_rolled_runs_step_by_step(step, why):
    f = wg.grad(lambda w: wnp.sum(wg.scan(lambda c, r: step(c, r, w), w, X[:, 0])[0]))
    g = assert_same(f, 1.3, rolled=False)
    assert why in g.why()[0]


def test_max_with_a_constant_keeps_its_subgradient():
    f = lambda w: wg.scan(lambda c, r: (wnp.maximum(c * w, 0.0) + wnp.maximum(r, 0.0 * r), None), w, X[:, 0])[0]  # noqa: E731
    assert_same(wg.grad(f), 0.0)
    assert_same(wg.grad(f), 0.7)


# ---- memory ----------------------------------------------------------------------------------------------------------


def long_rnn(checkpoint):
    def loss(w, x):
        h, _ = wg.scan(lambda h, r: (wnp.tanh(h @ w + r), None), wnp.zeros(16), x, checkpoint=checkpoint)
        return wnp.sum(h**2)

    return wg.grad(loss)


def eager_bytes(f, *args):
    """Bytes of all buffers that were in use at once, more or less: what the pool holds after a run from nothing."""
    _core.pool_trim()
    result = f(*args)
    return result, _core.pool_bytes()


def test_checkpoints_save_memory():
    w, x = RNG.normal(size=(16, 16)) / 4, RNG.normal(size=(10_000, 16)) / 4
    results, eager, compiled = [], {}, {}
    for how in (None, "sqrt", "log", 100):
        f = long_rnn(how)
        r, eager[how] = eager_bytes(f, w, x)
        g = wg.compile(f)
        results += [r, g(w, x), g(w, x)]
        compiled[how] = g.stats()["arena_bytes"]
    for r in results[1:]:
        np.testing.assert_allclose(r, results[0], rtol=1e-9, atol=1e-12)
    state = 10_000 * 16 * 8  # bytes of one hidden state at every step
    sanitized = "libasan" in os.environ.get("LD_PRELOAD", "")  # then the pool keeps nothing
    for held in (compiled,) if sanitized else (eager, compiled):
        assert held[None] > state
        assert held["sqrt"] < state / 5
        assert held["log"] < state / 8
        assert held[100] < state / 5


def test_log_checkpoints_need_memory_for_a_few_carries_per_level():
    """Four times the steps are one level more: about 20 carries, while the square root doubles."""

    def carries(n, how):
        def f(w):
            h, _ = wg.scan(lambda h, _: (wnp.sin(h) * w, None), wnp.ones(1000) * w, None, length=n, checkpoint=how)
            return wnp.sum(h)

        g = wg.compile(wg.grad(f))
        g(0.9)
        return g.stats()["arena_bytes"] / 8000

    log = [carries(n, "log") for n in (64, 256, 1024, 4096)]
    assert all(5 < more < 25 for more in np.diff(log))
    assert log[-1] < 110 < 200 < carries(4096, "sqrt") < 220 < carries(1024, None)


# ---- donated arguments -----------------------------------------------------------------------------------------------


def adam(params, m, v, t, x, y):
    def loss(p):
        return wnp.mean((wnp.tanh(x @ p["w"]) @ p["u"] - y) ** 2)

    value, g = wg.value_and_grad(loss)(params)
    m = {k: 0.9 * m[k] + 0.1 * g[k] for k in g}
    v = {k: 0.999 * v[k] + 0.001 * g[k] ** 2 for k in g}
    t = t + 1
    rate = 1e-2 * wnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    params = {k: params[k] - rate * m[k] / (wnp.sqrt(v[k]) + 1e-8) for k in g}
    return params, m, v, t, value


@pytest.mark.parametrize("family", [np.array, wg.array])
def test_a_training_step_updates_its_state_in_place(family):
    def start():
        rng = np.random.default_rng(0)
        p = {"u": family(rng.normal(size=(8, 2))), "w": family(rng.normal(size=(5, 8)))}
        zeros = lambda: {k: family(np.zeros(a.shape)) for k, a in p.items()}  # noqa: E731
        return [p, zeros(), zeros(), wg.array(0.0) if family is wg.array else np.float64(0.0)]

    x, y = RNG.normal(size=(20, 5)), RNG.normal(size=(20, 2))
    step = wg.compile(adam, donate_argnums=(0, 1, 2))
    state, held = start(), start()
    alias = held[0]["w"]
    losses = []
    for _ in range(6):
        *state, value = adam(*state, x, y)
        *new, again = step(*held, x, y)
        assert all(new[i][k] is held[i][k] for i in range(3) for k in held[i])
        held = new
        losses.append(float(value))
        np.testing.assert_allclose(float(again), float(value), rtol=1e-10)
    for a, b in zip(tree_flatten(held)[0], tree_flatten(state)[0], strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-9)
    np.testing.assert_array_equal(np.asarray(alias), np.asarray(held[0]["w"]))
    assert losses[-1] < losses[0]
    assert step.stats()["recordings"] == 1


def test_donation_takes_only_what_fits():
    g = wg.compile(lambda a, b: (a + 1.0, np.sum(b)), donate_argnums=(0, 1))
    a, b = np.zeros(3), np.ones(4)
    for n in (1, 2, 3):
        r, s = g(a, b)
        assert r is a
        assert s == 4.0
        np.testing.assert_array_equal(a, np.full(3, float(n)))
        np.testing.assert_array_equal(b, np.ones(4))
    twice = wg.compile(lambda a: (a * 2.0, a * 3.0), donate_argnums=0)
    for _ in range(2):
        a = np.ones(2)
        p, q = twice(a)
        assert p is a
        np.testing.assert_array_equal(p, [2.0, 2.0])
        np.testing.assert_array_equal(q, [3.0, 3.0])
    swapped = wg.compile(lambda a, b: (b, a), donate_argnums=(0, 1))
    for _ in range(2):
        a, b = np.zeros(2), np.ones(2)
        swapped(a, b)
    a = np.ones(2)
    a.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        wg.compile(lambda a: a * 2.0, donate_argnums=0)(a)
    with pytest.raises(ValueError, match="both static and donated"):
        wg.compile(lambda a: a, static_argnums=0, donate_argnums=0)


# ---- around loops ----------------------------------------------------------------------------------------------------


def test_checkpoints_see_values_of_the_function_around():
    scale = 1.5

    def f(w, checkpoint):
        return wg.scan(lambda c, r: (wnp.sin(c * w * scale + r), None), w, X[:, 0], checkpoint=checkpoint)[0]

    for how in (3, "sqrt", "log"):
        for order in (wg.grad, lambda g: wg.grad(wg.grad(g))):
            np.testing.assert_allclose(order(lambda w: f(w, how))(0.7), order(lambda w: f(w, None))(0.7), rtol=1e-9)  # noqa: B023
    x = wg.array(0.7, requires_grad=True)
    f(x, 3).backward()
    np.testing.assert_allclose(float(x.grad), wg.grad(lambda w: f(w, None))(0.7), rtol=1e-9)


def test_a_listed_loop_shows_its_steps():
    def f(x, checkpoint=None):
        return wg.scan(lambda c, r: (c * x + r, None), x, X[:3, 0], checkpoint=checkpoint)[0]

    assert len(list(wg.trace(lambda x: f(x, 2), 0.7))) == len(list(wg.trace(f, 0.7)))


def test_threads_share_a_program_with_a_loop():
    import threading

    f = wg.compile(wg.value_and_grad(lambda w, x: rnn(w, x, H)))
    inputs = [RNG.normal(size=(400, 3)) for _ in range(4)]
    f(W, inputs[0])  # recorded: sums are taken in another order than on replays
    expected = [f(W, x) for x in inputs]
    wrong = []

    def work(k):
        for _ in range(20):
            value, gradient = f(W, inputs[k])
            if value != expected[k][0] or not np.array_equal(gradient, expected[k][1]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_programs_with_loops_travel_with_a_pickle():
    import pickle

    g = wg.compile(_pickled)
    g(0.7)
    h = pickle.loads(pickle.dumps(g))
    assert h.stats()["programs"] == 1
    assert h(0.7) == g(0.7)
    assert h.stats()["recordings"] == 0


def _pickled(x):
    return wg.fori_loop(0, 5, lambda i, v: v * x, x)
