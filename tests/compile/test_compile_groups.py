"""Elementwise groups and joins of compiled programs: whole vectors and remainders, sums at the end, shared memory."""

from __future__ import annotations

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp


def same(got, want):
    """The same bits, whatever the tree."""
    if isinstance(want, tuple | list):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            same(g, w)
        return
    g, w = np.asarray(got), np.asarray(want)
    assert g.dtype == w.dtype
    assert g.shape == w.shape
    assert g.tobytes() == w.tobytes(), f"largest difference {np.max(np.abs(g - w))}"


def replayed(f, *args):
    """What the second call gives: the first one records."""
    g = wg.compile(f)
    g(*args)
    return g(*args), g


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [*range(1, 36), 63, 64, 65, 127, 1000, 1023, 1025, 4099])
def test_every_remainder(size, dtype):
    rng = np.random.default_rng(size)
    x, y = rng.normal(size=(2, size)).astype(dtype)

    def f(x, y):
        z = wnp.exp(x * y) - y / (2.0 + x * x)
        return z, wnp.where(x > y, z, wnp.maximum(x, y) * 3.0)

    same(replayed(f, x, y)[0], f(x, y))


@pytest.mark.parametrize("shape", [(3, 5), (64, 10), (7, 130), (5, 1001), (300, 3), (2, 3, 17), (1, 9)])
def test_rows_and_columns(shape):
    rng = np.random.default_rng(1)
    x, row, column = rng.normal(size=shape), rng.normal(size=shape[-1]), rng.normal(size=(*shape[:-1], 1))

    def f(x, row, column):
        return wnp.tanh(x + row) * row, x * column - column

    def g(x, row):
        return wnp.sin(x * row) + row

    def h(x, column):
        return wnp.sin(x - column) / column

    same(replayed(f, x, row, column)[0], f(x, row, column))
    same(replayed(g, x, row)[0], g(x, row))
    same(replayed(h, x, column)[0], h(x, column))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [32768, 32769, 40000, 100_001, 300_003])
def test_sums_in_a_group_are_those_outside(size, dtype):
    x = np.random.default_rng(2).normal(size=size).astype(dtype)

    def f(x):
        y = wnp.tanh(x) * x
        return wnp.sum(y), wnp.mean(y * x), y + 1.0, wnp.sum(wnp.reshape(x - y, (1, -1))), wnp.sum(y) * 2.0

    want = f(x)
    for threads in (1, 2, 3):
        wg.set_num_threads(threads)
        try:
            got, g = replayed(f, x)
        finally:
            wg.set_num_threads(2)
        same(got, want)
    assert "0 reductions" in g.explain()


def test_long_chain_is_one_group():
    x = np.linspace(0.1, 1.0, 200)

    def f(x):
        for _ in range(200):
            x = wnp.sin(x) * 1.5
        return wnp.sum(x)

    gradient = wg.value_and_grad(f)
    got, g = replayed(gradient, x)
    same(got, gradient(x))
    assert "in 1 groups" in g.explain()


def test_equal_elements_are_a_number():
    x = np.linspace(0.0, 1.0, 5_000)
    ones, nearly = np.ones(5_000), np.ones(5_000)
    nearly[-1] = 2.0
    got, g = replayed(lambda x: x * ones, x)
    same(got, x)
    assert "multiply" not in g.listing()
    got, g = replayed(lambda x: x * nearly, x)
    same(got, x * nearly)
    assert "multiply" in g.listing()


@pytest.mark.parametrize("join", [wnp.stack, wnp.concatenate])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_parts_of_joins(join, axis):
    x = np.random.default_rng(3).normal(size=(40, 30))

    def f(x):
        a, b = wnp.exp(x), wnp.sin(x)
        c = a @ wnp.transpose(b) @ x
        first = join([a, b, a, c], axis=axis)  # a part twice
        second = join([b, c, c], axis=axis)  # parts of two joins
        return first * 2.0, second + 1.0, a - b, wnp.sum(c), join([first, first], axis=0)

    same(replayed(f, x)[0], f(x))


def test_a_join_changed_in_place_leaves_its_parts_alone():
    x = np.random.default_rng(4).normal(size=(64, 40))

    def f(x):
        a, b = wnp.exp(x), wnp.sin(x)
        both = wnp.stack([a, b])
        both[0, 3] = 7.0
        return both, a * 1.0, wnp.sum(a), b

    same(replayed(f, x)[0], f(x))


def test_states_before_and_after_every_step_share_memory():
    rng = np.random.default_rng(5)
    w, h = rng.normal(size=(40, 40)) / 7, rng.normal(size=(30, 40))

    def loss(w, h):
        total = 0.0
        for _ in range(8):
            h = wnp.tanh(h @ w)
            total = total + wnp.sum(h * h)
        return total

    gradient = wg.value_and_grad(loss, argnums=(0, 1))
    got, g = replayed(gradient, w, h)
    want = gradient(w, h)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-13)
    for a, b in zip(got[1], want[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    copies = int(g.explain().split(" copies")[0].split()[-1])
    assert copies <= 2, g.explain()


@pytest.mark.parametrize("size", [3, 100, 5000, 300_000])
def test_functions_of_something_repeated(size):
    x, column = np.float64(0.5), np.linspace(0.0, 1.0, 4).reshape(4, 1)

    def f(x, column):
        repeated = wnp.broadcast_to(x, (size,))
        wide = wnp.broadcast_to(column, (4, size))
        return wnp.exp(repeated), wnp.sin(wide), wnp.cos(np.full(size, 0.25)) * x, wnp.exp(repeated) + repeated

    same(replayed(f, x, column)[0], f(x, column))
