"""Random numbers under transforms, in compiled programs, in loops that are one operation, and in saved programs."""

import pickle

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
import wengert.reference as wr
from test_optim_compiled import assert_trees_equal
from test_random import CALLS, close, function
from wengert import random as R

KEYS = [R.key(seed) for seed in (1, 2, 3)]
X = np.linspace(0.5, 1.5, 6)

# ---- compiled programs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in CALLS if n != "permutation"])
def test_a_replay_draws_for_its_own_key(name):
    compiled = wg.compile(lambda key: function(R, name)(key, *CALLS[name]))
    for key in KEYS:
        close(compiled(key), function(R, name)(key, *CALLS[name]))
        close(compiled(np.asarray(key)), function(R, name)(key, *CALLS[name]))
    assert compiled.stats()["recordings"] <= 2  # Arrays and ndarrays
    assert compiled.stats()["misses"] == 0


def test_large_draws_in_a_program():
    compiled = wg.compile(lambda key, scale: scale * R.normal(key, (300, 257)) + R.uniform(key, 257))
    for key in KEYS:
        close(compiled(key, wg.array(2.0)), 2.0 * R.normal(key, (300, 257)) + R.uniform(key, 257))


def test_a_stream_is_drawn_once_and_dropped_where_nobody_looks():
    compiled = wg.compile(lambda key: R.uniform(key, 5) + R.uniform(key, 5) + 0 * R.uniform(R.split(key)[0], 7)[0])
    compiled(KEYS[0])
    dead = wg.compile(lambda key: (R.uniform(key, 7), R.uniform(key, 5))[1])
    dead(KEYS[0])
    assert dead.listing().count("random_bits") == 1
    assert compiled.listing().count("shape=(5,)") == 1


def test_a_key_that_is_no_argument_is_a_constant():
    compiled = wg.compile(lambda x: x * R.uniform(KEYS[0], 6))
    for x in (X, 2 * X):
        close(compiled(x), np.asarray(x * R.uniform(KEYS[0], 6)))


def test_fold_in_of_a_counter():
    compiled = wg.compile(lambda key, step: R.uniform(R.fold_in(key, step), 3))
    for step in (0, 1, 77, 2**31 + 5):
        close(compiled(KEYS[0], wg.array(step)), R.uniform(R.fold_in(KEYS[0], step), 3))
        close(R.fold_in(KEYS[0], np.int64(step)), R.fold_in(KEYS[0], wg.array(step)))
    assert compiled.why() == ["first call"]


def test_split_and_indexing_of_keys():
    def f(key):
        first, second = R.split(key)
        return [R.normal(k, 2) for k in R.split(second, 3)], R.uniform(first)

    compiled = wg.compile(f)
    for key in KEYS:
        for got, want in zip(compiled(key)[0], f(key)[0], strict=True):
            close(got, want)
    assert compiled.why() == ["first call"]


def test_threads_share_a_program():
    from concurrent.futures import ThreadPoolExecutor

    compiled = wg.compile(lambda key: R.normal(key, 50_000))
    keys = [R.key(seed) for seed in range(12)]
    compiled(keys[0])
    with ThreadPoolExecutor(4) as pool:
        for got, key in zip(pool.map(compiled, keys), keys, strict=True):
            np.testing.assert_array_equal(np.asarray(got), np.asarray(R.normal(key, 50_000)))


def test_saved_programs(tmp_path):
    def f(key, x):
        key, sub = R.split(key)
        _, y = wg.scan(lambda k, v: (R.split(k)[0], v * R.normal(k)), key, x)
        return wnp.sum(R.dropout(sub, y, 0.5)), key

    compiled = wg.compile(f)
    compiled(KEYS[0], X)
    compiled.save(tmp_path / "f.wg")
    for again in (wg.load_program(tmp_path / "f.wg"), pickle.loads(pickle.dumps(wg.load_program(tmp_path / "f.wg")))):
        for key in KEYS:
            for got, want in zip(again(key, X), f(key, X), strict=True):
                close(got, want)


def test_a_permutation_drawn_outside():
    compiled = wg.compile(lambda order, x: wnp.sum(x[order][:3]))
    for key in KEYS:
        order = R.permutation(key, 6)
        close(compiled(order, wg.array(X)), np.sum(X[np.asarray(order)][:3]))
    assert compiled.why() == ["first call"]


# ---- loops ----------------------------------------------------------------------------------------------------------


def walk(key, w, length=7):
    def step(carry, _):
        key, position = carry
        key, sub = R.split(key)
        position = wnp.tanh(position * w + R.normal(sub, (3,)))
        return (key, position), position

    (_, last), all_positions = wg.scan(step, (key, wnp.zeros(3)), None, length=length)
    return wnp.sum(last**2) + wnp.sum(all_positions)


@pytest.mark.parametrize("make", [lambda: walk, lambda: wg.grad(walk, 1), lambda: wg.grad(wg.grad(walk, 1), 1)])
def test_scan_with_a_carried_key(make):
    f = make()
    compiled = wg.compile(f)
    for key in KEYS:
        assert float(compiled(key, 0.7)) == pytest.approx(float(f(key, 0.7)), rel=1e-12)
    assert compiled.why() == ["first call"]


def test_fori_and_while_and_cond():
    def f(key, n):
        total = wg.fori_loop(0, 5, lambda i, c: c + R.uniform(R.fold_in(key, i)), 0.0)
        _, count = wg.while_loop(lambda c: R.uniform(c[0]) < 0.9, lambda c: (R.split(c[0])[0], c[1] + 1.0), (key, 0.0))
        return total + n * count + wg.cond(total > 2.5, lambda: R.normal(key), lambda: R.uniform(key))

    compiled = wg.compile(f)
    for key in [R.key(s) for s in range(8)]:
        assert float(compiled(key, 2.0)) == pytest.approx(float(f(key, 2.0)), rel=1e-13)


# ---- derivatives ----------------------------------------------------------------------------------------------------


def reparameterised(engine):
    r = engine.random
    key = np.asarray(R.key(4))

    def f(low, width, mean, scale):
        u = r.uniform(key, (6,), minval=low, maxval=low + width)
        z = mean + scale * r.normal(key, (6,))
        t = r.truncated_normal(key, low - 1.0, low + width, (6,))
        return engine.numpy.sum(u * z + t * z**2 + r.dropout(key, z, 0.5))

    return f


POINT = (np.array(0.2), np.linspace(0.5, 1.0, 6), np.linspace(-1, 1, 6), np.array(0.7))


def test_derivatives_by_bounds_mean_and_scale():
    f = reparameterised(wg)
    wg.check_grads(f, POINT, order=2)
    argnums = (0, 1, 2, 3)
    for got, want in zip(wg.grad(f, argnums)(*POINT), wr.grad(reparameterised(wr), argnums)(*POINT), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: wg.grad(f, (0, 1, 2, 3)),
        lambda f: wg.jacfwd(f, (0, 1, 2, 3)),
        lambda f: wg.hessian(f, 2),
        lambda f: lambda *x: wg.jvp(f, x, x),
        lambda f: lambda *x: wg.vjp(f, *x)[1](1.0),
        lambda f: wg.grad(wg.checkpoint(f), (0, 1, 2, 3)),
    ],
)
def test_transforms_compiled(transform):
    f = transform(reparameterised(wg))
    compiled = wg.compile(f)
    for point in (POINT, tuple(np.asarray(x * 1.1) for x in POINT)):
        assert_trees_equal(compiled(*point), f(*point), 1e-12)
    assert compiled.why() == ["first call"]


def test_draws_are_constants():
    """What only the key decides has no derivative: comparisons, positions, whole numbers."""

    def f(p):
        hit = R.bernoulli(KEYS[0], p, (6,))
        label = R.categorical(KEYS[0], p * wg.array(X))
        return wnp.sum(wnp.where(hit, p, 2 * p)) + label * p

    hits = np.asarray(R.bernoulli(KEYS[0], 0.4, (6,)))
    label = int(R.categorical(KEYS[0], 0.4 * X))
    assert wg.grad(f)(0.4) == pytest.approx(np.where(hits, 1, 2).sum() + label)
    assert wg.jvp(f, (0.4,), (1.0,))[1] == pytest.approx(np.where(hits, 1, 2).sum() + label)


def test_the_pytorch_style():
    w = wg.array(X, requires_grad=True)
    (R.dropout(KEYS[0], w * w, 0.5).sum() + (w * R.normal(KEYS[1], 6)).sum()).backward()
    want = wg.grad(lambda w: R.dropout(KEYS[0], w * w, 0.5).sum() + (w * R.normal(KEYS[1], 6)).sum())(X)
    np.testing.assert_allclose(np.asarray(w.grad), want, rtol=1e-15)


def test_permutation_has_derivatives():
    order = np.asarray(R.permutation(KEYS[0], 6))
    gradient = wg.grad(lambda x: wnp.sum(R.permutation(KEYS[0], x) * np.arange(6.0)))(X)
    want = np.empty(6)
    want[order] = np.arange(6.0)
    np.testing.assert_array_equal(gradient, want)
