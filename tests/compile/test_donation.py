"""Donated arguments: results computed into the memory of arguments, where that is safe, and right everywhere else."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

RNG = np.random.default_rng(5)


def address(a):
    return np.asarray(memoryview(a)).ctypes.data


def data(a):
    return np.array(a, copy=True)


# Functions of (a, b, w) of shapes (6, 6), (6, 6), (6,), whose first results have the types of a and b.
FUNCTIONS = {
    "update": lambda a, b, w: (a - 0.1 * b, b * 0.9, wnp.sum(w)),
    "product": lambda a, b, w: (a @ b, a + b),
    "both ways": lambda a, b, w: (a * b, b - a),
    "read later": lambda a, b, w: (a + 1.0, wnp.tanh(a + 1.0) @ b @ a),
    "read in the group later": lambda a, b, w: (a + 1.0, wnp.exp(a + 1.0) * a),
    "swapped": lambda a, b, w: (b * 1.0, a * 1.0),
    "transposed": lambda a, b, w: (a.T + b, b.T * 2.0),
    "row": lambda a, b, w: (a + w, b + a[0]),
    "column": lambda a, b, w: (a * a[:, :1], b * b[:1]),
    "sums": lambda a, b, w: (a - wnp.sum(a, 0), b / wnp.sum(b)),
    "gradients": lambda a, b, w: tuple(
        x - 0.1 * g
        for x, g in zip((a, b), wg.grad(lambda a, b: wnp.sum(wnp.tanh(w @ a @ b)), (0, 1))(a, b), strict=True)
    ),
    "joined": lambda a, b, w: (wnp.concatenate([b[:3], a[3:]]), wnp.concatenate([a[:3], b[3:]])),
    "window": lambda a, b, w: (a[::-1] * 1.0, b[:, ::-1] + 0.0),
    "twice": lambda a, b, w: (a * 2.0, a * 2.0, a * 2.0),
    "nothing": lambda a, b, w: (a, b),
    "constant": lambda a, b, w: (np.ones((6, 6), str(a.dtype)), b + a),
}


@pytest.mark.parametrize("family", [np.array, wg.array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_those_of_the_function_without_donation(name, family, dtype):
    f = FUNCTIONS[name]
    plain, donating = wg.compile(f), wg.compile(f, donate_argnums=(0, 1))
    values = [RNG.normal(size=s).astype(dtype) for s in ((6, 6), (6, 6), (6,))]
    state = [family(v) for v in values]
    for _ in range(4):
        want = [data(r) for r in plain(*(family(data(s)) for s in state))]
        results = donating(*state)
        for got, expected in zip(results, want, strict=True):
            np.testing.assert_array_equal(np.asarray(got), expected)
        state = [*results[:2], state[2]]
    assert donating.stats()["recordings"] == 1


@pytest.mark.parametrize("size", [3, 64, 1000, 300_001])
@pytest.mark.parametrize("family", [np.array, wg.array])
def test_an_update_needs_no_new_memory(family, size):
    step = wg.compile(lambda p, m, g: (p - 0.1 * (0.9 * m + g), 0.9 * m + g), donate_argnums=(0, 1))
    p, m, g = (family(RNG.normal(size=size)) for _ in range(3))
    step(p, m, g)  # recorded
    before = address(p), address(m)
    want_m = 0.9 * data(m) + data(g)
    want_p = data(p) - 0.1 * want_m
    gc.collect()
    p2, m2 = step(p, m, g)
    assert p2 is p
    assert m2 is m
    assert (address(p), address(m)) == before
    np.testing.assert_allclose(np.asarray(m), want_m, rtol=1e-15)
    np.testing.assert_allclose(np.asarray(p), want_p, rtol=1e-12)


def test_a_row_is_written_into_a_cache_where_it_lies():
    def put(cache, row):
        cache[3] = row
        return cache, wnp.sum(cache)

    step = wg.compile(put, donate_argnums=0)
    cache = np.zeros((8, 5))
    for k in range(3):
        got, total = step(cache, np.full(5, float(k)))
        assert got is cache
        np.testing.assert_array_equal(cache[3], np.full(5, float(k)))
        assert total == 5.0 * k


def test_arguments_that_share_memory():
    f = FUNCTIONS["both ways"]
    step = wg.compile(f, donate_argnums=(0, 1))
    step(np.ones((6, 6)), np.ones((6, 6)), np.ones(6))
    a = RNG.normal(size=(6, 6))
    want = [data(r) for r in f(data(a), data(a), None)]
    got = step(a, a, np.ones(6))
    np.testing.assert_array_equal(np.asarray(got[1]), want[1])  # stored last
    row = wg.compile(lambda a, w: (a * w[0], a + w), donate_argnums=0)
    row(np.ones((6, 6)), np.ones(6))
    a = RNG.normal(size=(6, 6))
    want = [a * a[0, 0], a + a[0]]
    got = row(a, a[0])
    for x, y in zip(got, want, strict=True):
        np.testing.assert_array_equal(x, y)
    long = RNG.normal(size=54)
    p, q = long[:36].reshape(6, 6), long[18:].reshape(6, 6)
    want = p * q, q - p
    assert np.shares_memory(p, q)
    step(p, q, np.ones(6))
    np.testing.assert_array_equal(q, want[1])  # the later one
    np.testing.assert_array_equal(p[:3], want[0][:3])


def test_layouts_that_are_not_row_major_are_stored_into():
    step = wg.compile(lambda a: a * 2.0 + 1.0, donate_argnums=0)
    for make in (lambda: np.ones((4, 6)).T, lambda: np.ones((12, 8))[::2, ::2], lambda: np.ones((6, 4))[::-1]):
        for _ in range(3):
            a = make()
            assert step(a) is a
            np.testing.assert_array_equal(a, np.full(a.shape, 3.0))


def test_what_others_hold_of_an_array_does_not_change():
    step = wg.compile(lambda a: a * 2.0, donate_argnums=0)
    step(wg.array(np.ones(100)))
    a = wg.array(np.ones(100))
    _, pullback = wg.vjp(lambda x: wnp.sum(x * x), a)
    other = a + 0.0
    part = a.reshape(10, 10)
    assert step(a) is a
    np.testing.assert_array_equal(np.asarray(pullback(1.0)[0]), np.full(100, 2.0))
    np.testing.assert_array_equal(np.asarray(other), np.ones(100))
    np.testing.assert_array_equal(np.asarray(a), np.full(100, 2.0))
    np.testing.assert_array_equal(np.asarray(part), np.full((10, 10), 2.0))  # a view of it, as in NumPy
    export = np.asarray(memoryview(a))
    step(a)
    np.testing.assert_array_equal(np.asarray(a), np.full(100, 4.0))
    assert export[0] in (2.0, 4.0)


def test_a_run_that_is_given_up_leaves_its_arguments_as_they_were():
    def f(a, i):
        b = a + 1.0
        if wnp.sum(b) > 100:
            return b * 10.0
        return b[i] * wnp.ones(10)

    step, plain = wg.compile(f, donate_argnums=0), wg.compile(f)
    for start, i in ((0.0, 1), (0.0, 2), (50.0, 3), (1.0, 1), (60.0, 1)):
        a = np.full(10, start)
        want = plain(data(a), np.int64(i))
        np.testing.assert_array_equal(step(a, np.int64(i)), want)
    a = np.arange(10.0)
    with pytest.raises(IndexError):
        step(a, np.int64(40))
    np.testing.assert_array_equal(a, np.arange(10.0))


def test_arrays_changed_by_the_function_itself():
    def f(a, b):
        a += b
        b[0] = a[0]
        return wnp.sum(a)

    step = wg.compile(f)
    a, b = np.ones(50), np.arange(50.0)
    for k in range(1, 4):
        want = a + b
        assert step(a, b) == want.sum()
        np.testing.assert_array_equal(a, want)
        assert b[0] == a[0]
        assert step.stats()["replays"] == k - 1


def test_saved_programs_donate_too(tmp_path):
    step = wg.compile(lambda a, g: a - 0.5 * g, donate_argnums=0)
    a, g = np.ones(1000), np.ones(1000)
    step(a, g)
    step.save(tmp_path / "p")
    again = wg.load_program(tmp_path / "p")
    before = address(a)
    assert again(a, g) is a
    assert address(a) == before
    np.testing.assert_array_equal(a, np.zeros(1000))
