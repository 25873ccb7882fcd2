"""Products that end with a sum, a bias or a function: found, and equal to the eager run to the last bit."""

from __future__ import annotations

import re

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

RNG = np.random.default_rng(11)
SIZES = [(1, 40, 33), (2, 5, 33), (32, 16, 8), (33, 70, 17), (64, 256, 256), (200, 300, 96)]


def epilogues(g):
    return int(re.search(r"epilogues: (\d+)", g.explain())[1])


# Of (x, w, b, y): (m, k), (k, n), (n,), (m, n). The number of products that end with something.
PATTERNS = {
    "bias": (lambda x, w, b, y: x @ w + b, 1),
    "bias left": (lambda x, w, b, y: b + x @ w, 1),
    "bias as a row": (lambda x, w, b, y: x @ w + b[None, :], 1),
    "tanh": (lambda x, w, b, y: wnp.tanh(x @ w + b), 1),
    "relu": (lambda x, w, b, y: wnp.relu(x @ w + b), 1),
    "sigmoid": (lambda x, w, b, y: wnp.sigmoid(x @ w), 1),
    "sum": (lambda x, w, b, y: y + x @ w, 1),
    "sum and bias": (lambda x, w, b, y: wnp.tanh(y + x @ w + b), 1),
    "sum after the bias": (lambda x, w, b, y: wnp.tanh(x @ w + b + y), 0),  # a group of three
    "two products": (lambda x, w, b, y: wnp.tanh(x @ w + (-x) @ (w * w) + b), 1),
    "twice": (lambda x, w, b, y: x @ w + x @ w, 0),
    "read elsewhere": (lambda x, w, b, y: (wnp.tanh(x @ w + b), x @ w), 0),
    "sum read elsewhere": (lambda x, w, b, y: (wnp.tanh(x @ w + y), x @ w + y), 0),
    "computed": (lambda x, w, b, y: wnp.tanh(wnp.exp(y) + x @ w), 0),
    "a window": (lambda x, w, b, y: wnp.tanh(wnp.concatenate([y, y], 1)[:, : w.shape[1]] + x @ w), 1),
    "transposed": (lambda x, w, b, y: wnp.tanh((w.T @ x.T).T + y), 0),
    "chain": (lambda x, w, b, y: wnp.tanh(wnp.tanh(x @ w + b) @ w.T + x) @ w + b, 3),
    "a column": (lambda x, w, b, y: x @ w + y[:, :1], 0),
    "a number": (lambda x, w, b, y: wnp.tanh(x @ w + b[0]), 0),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", PATTERNS)
def test_patterns(name, dtype):
    f, count = PATTERNS[name]
    for m, k, n in SIZES:
        args = [RNG.normal(size=s).astype(dtype) for s in ((m, k), (k, n), (n,), (m, n))]
        args[0][0, 0] = np.nan if m > 64 else -0.0
        g = wg.compile(f)
        want = f(*(wg.array(a) for a in args))
        g(*args)
        for _ in range(2):
            got = g(*args)
            for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (got, want)), strict=True):
                np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
        if m > 2:
            assert epilogues(g) == count


def test_derivatives_of_a_recurrence():
    def loss(w, u, b, x, h):
        for t in range(len(x)):
            h = wnp.tanh(x[t] @ u + h @ w + b)
        return wnp.sum(h * h)

    args = [RNG.normal(size=s) * 0.3 for s in ((40, 40), (10, 40), (40,), (6, 8, 10), (8, 40))]
    f = wg.value_and_grad(loss, argnums=(0, 1, 2))
    g = wg.compile(f)
    g(*args)
    for a, b in zip(g(*args)[1], f(*args)[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    assert epilogues(g) >= 6


def test_results_in_outputs_and_joins():
    def f(x, w, b):
        h = wnp.tanh(x @ w + b)
        k = wnp.tanh(h @ w + b)
        return h, wnp.concatenate([h, k]), wnp.stack([k, wnp.relu(k @ w + b)])

    args = [RNG.normal(size=s) for s in ((7, 12), (12, 12), (12,))]
    g = wg.compile(f)
    g(*args)
    for a, b in zip(g(*args), f(*map(wg.array, args)), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert epilogues(g) == 3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("m", "k"), [(16, 40), (33, 100), (64, 301), (250, 261), (300, 280), (8, 300)])
def test_matrices_that_many_products_share(m, k, dtype):
    """They are turned or packed once; to the last bit nothing changes, with any instruction set that comes later."""

    def f(x, w):
        for _ in range(9):
            x = wnp.tanh(x @ w) + x @ w.T
        return x

    args = [(RNG.normal(size=s) / k**0.5).astype(dtype) for s in ((m, k), (k, k))]
    g = wg.compile(f)
    g(*args)
    before = wg._core.active_isa()
    try:
        for isa in wg._core.supported_isas().split(","):
            assert wg._core.set_isa(isa)
            for special in (None, np.inf):
                if special:
                    args[1][3, 5] = special
                with np.errstate(all="ignore"):
                    np.testing.assert_array_equal(g(*args), np.asarray(f(*map(wg.array, args))))
            args[1][3, 5] = 0.1
    finally:
        wg._core.set_isa(before)


def test_shared_matrices_of_derivatives_annihilate():
    """A cotangent that is 0 does not meet the inf of a packed matrix."""

    def f(x, w, weights):
        for _ in range(9):
            x = wnp.sin(x @ w)
        return wnp.sum(x * weights)

    x, w, weights = RNG.normal(size=(20, 200)), RNG.normal(size=(200, 200)), RNG.normal(size=(20, 200))
    gradient = wg.grad(f, argnums=(0, 1))
    compiled = wg.compile(gradient)
    compiled(x, w, weights)
    w[7, 9] = np.inf
    with np.errstate(all="ignore"):
        assert all(np.isnan(g).any() for g in compiled(x, w, weights))
        for a, b in zip(compiled(x, w, 0 * weights), gradient(x, w, 0 * weights), strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(a, np.zeros_like(a))
    assert compiled.stats()["replays"] == 2
