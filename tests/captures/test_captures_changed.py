"""What a compiled function changes, draws at random or differentiates of what it reads besides its arguments."""

from __future__ import annotations

import functools
import random

import numpy as np
import pytest
import wengert as wg
from compiled_cases import V, W

SCALE = 1.0


def set_global(name, value):
    globals()[name] = value


# ---- what f changes ------------------------------------------------------------------------------------------------


def counting(x):
    global SCALE
    SCALE = SCALE + 1.0
    return x * SCALE


def test_a_function_that_changes_what_it_reads_runs():
    set_global("SCALE", 1.0)
    g = wg.compile(counting)
    for k in range(6):
        np.testing.assert_array_equal(g(V), V * (k + 2.0))
    assert any("it changes what it reads" in line for line in g.why())


def test_a_list_that_grows():
    seen = []

    def f(x):
        seen.append(x * 2)
        return x + len(seen)

    g = wg.compile(f)
    for k in range(6):
        assert g(1.0 + k) == 1.0 + k + len(seen)
        assert float(seen[-1]) == 2.0 + 2 * k
    assert float(seen[0] + 1) == 3.0


def test_a_cache_that_is_filled_at_first():
    class Lazy:
        table = None

        def f(self, x):
            if self.table is None:
                self.table = np.arange(4.0)
            return x * self.table

    m = Lazy()
    g = wg.compile(m.f)
    for _ in range(4):
        np.testing.assert_array_equal(g(V), V * np.arange(4.0))
    assert g.stats()["replays"] == 2


def test_cached_property():
    class Lazy:
        @functools.cached_property
        def table(self):
            return np.arange(4.0)

        def f(self, x):
            return x * self.table

    m = Lazy()
    g = wg.compile(m.f)
    for _ in range(4):
        np.testing.assert_array_equal(g(V), V * np.arange(4.0))
    m.table = V
    np.testing.assert_array_equal(g(V), V * V)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.normal(),
        lambda rng: np.random.random(),  # noqa: NPY002
        lambda rng: random.random(),
        lambda rng: sum(map(np.random.normal, [0.0])),
        lambda rng: np.random.normal(),  # noqa: NPY002
        lambda rng: random.gauss(0.0, 1.0),
        lambda rng: draw_from_afar(),
        lambda rng: rng.permutation(5)[0] + rng.random(),
    ],
    ids=["generator", "numpy", "python", "mapped", "legacy", "gauss", "another name", "two"],
)
def test_random_draws(draw):
    rng = np.random.default_rng(0)
    g = wg.compile(lambda x: x + draw(rng))
    assert len({g(1.0) for _ in range(4)}) == 4
    assert "random" in g.why()[0]


draw_from_afar = random.random


def test_a_generator_that_does_not_move():
    rng = np.random.default_rng(0)
    g = wg.compile(lambda x: x + (0.0 if rng is None else 1.0))
    for _ in range(3):
        assert g(1.0) == 2.0
    assert g.stats()["replays"] == 2


def test_a_large_array_is_not_guessed_at():
    big = np.ones((200, 100))
    f = lambda x: np.linalg.norm(big) * x  # noqa: E731
    g = wg.compile(f)
    for _ in range(3):
        np.testing.assert_allclose(g(2.0), f(2.0))
        big += 1.0
    assert "big" in g.why()[0]
    assert "160000 bytes" in g.why()[0]


# ---- what carries a derivative -------------------------------------------------------------------------------------


def test_recorded_without_and_called_with_a_derivative():
    cell = {"w": 2.0}
    g = wg.compile(lambda x: x * cell["w"])
    assert g(3.0) == 6.0

    def loss(w):
        cell["w"] = w
        return g(3.0) + w

    for _ in range(3):
        assert wg.value_and_grad(loss)(5.0) == (20.0, 4.0)
        assert wg.jvp(loss, (5.0,), (1.0,)) == (20.0, 4.0)
        assert wg.grad(wg.grad(lambda w: loss(w * w)))(1.0) == 8.0
        cell["w"] = 2.0
        assert g(3.0) == 6.0
    assert g.stats()["replays"] >= 2


def test_recorded_inside_another_recording():
    cell = {"w": 2.0}
    inner = wg.compile(lambda x: x * cell["w"])
    inner(3.0)

    def outer(w):
        cell["w"] = w
        return inner(3.0) + 1

    g = wg.compile(outer)
    for w in (5.0, 7.0, 9.0):
        cell["w"] = 0.0
        assert g(w) == 3.0 * w + 1


def test_requires_grad_and_no_grad():
    w = wg.array(V, requires_grad=True)
    g = wg.compile(lambda x: (x * w).sum())
    with wg.no_grad():
        for _ in range(3):
            np.testing.assert_allclose(np.asarray(g(wg.array(W))), np.sum(V * W))
    loss = g(wg.array(W)) + (w**2).sum()
    loss.backward()
    np.testing.assert_allclose(np.asarray(w.grad), W + 2 * V)
    with wg.no_grad():
        w -= 1.0
        np.testing.assert_allclose(np.asarray(g(wg.array(W))), np.sum((V - 1) * W))


def test_a_model_evaluated_then_trained():
    class Model:
        w = V.copy()

        def __call__(self, x):
            return np.sum(np.tanh(x * self.w))

    m = Model()
    predict = wg.compile(m)
    predict(W)

    def loss(w):
        m.w = w
        return predict(W)

    np.testing.assert_allclose(wg.grad(loss)(V), W / np.cosh(W * V) ** 2)
