"""Unmodified NumPy code on Arrays: it is dispatched to the mirror, so it is differentiated."""

from __future__ import annotations

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from wengert._core import Array, ops
from wengert.numpy import protocols

R = np.random.default_rng(3)
X = R.normal(size=(4, 3))
W = R.normal(size=(3, 2))
V = R.normal(size=3)
POS = R.uniform(0.5, 2.0, size=(4, 3))


# Plain NumPy, as a user writes it: nothing of wengert inside.
def layer(x):
    return np.sum(np.tanh(x @ W + 0.1) ** 2)


def softmax_loss(x):
    z = x - np.max(x, axis=1, keepdims=True)
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(4), [0, 1, 2, 1]]))


def rearranged(x):
    y = np.concatenate([x.T, 2 * x.T], axis=0)
    y = np.stack([y, np.flip(y, 0)])
    return np.einsum("ijk,ijl->kl", y, y) + np.dot(x, x.T)


def branches(x):
    return np.where(x > 0, np.log1p(np.abs(x)), np.clip(x, -0.5, None) ** 3)


def statistics(x):
    return np.std(x, axis=0) * np.var(x) + np.median(x, axis=0) + np.linalg.norm(x, axis=0)


def built(x):
    total = np.zeros_like(x)
    total[1:] = x[:-1] * 2
    total += np.roll(x, 1, axis=1) * np.ones((4, 1))
    return np.split(np.pad(total, 1), 2, axis=0)[0]


def methods(x):
    return (
        np.add.reduce(x**2, axis=1)
        + np.multiply.reduce(x, axis=1)
        + np.maximum.reduce(x, 1)
        + np.hypot.reduce(x, axis=1)
    )


def accumulations(x):
    return np.add.accumulate(x, 1) * np.multiply.accumulate(x) - np.maximum.accumulate(x, axis=0)


def outers(x):
    return np.multiply.outer(x[0], x[:, 1]) + np.subtract.outer(x[1], V).sum() + np.add.outer(V, x[:, 0])


def mixed_operands(x):
    return X * x + x @ W @ W.T + np.float64(2.0) * x - V + np.divide(1.0, 2 + x * x)


def matrices(x):
    return np.linalg.multi_dot([x, x.T, x]) + np.outer(x[:, 0], V) * np.trace(x @ x.T) + np.tensordot(x, W, 1) @ W.T


PLAIN = [
    layer,
    softmax_loss,
    rearranged,
    branches,
    statistics,
    built,
    methods,
    accumulations,
    outers,
    mixed_operands,
    matrices,
]


@pytest.mark.parametrize("f", PLAIN, ids=lambda f: f.__name__)
def test_plain_numpy_code_is_differentiated(f):
    got = f(wg.array(X))
    assert isinstance(got, Array)
    np.testing.assert_allclose(got.numpy(), f(X), rtol=1e-12)
    wg.check_grads(f, (X,), order=2, modes=("fwd", "rev"))


def test_ndarray_on_the_left_gives_an_array():
    x = wg.array(X)
    for result in (X + x, X - x, X * x, X / x, X.T @ x, np.float64(2) * x, x < X):
        assert isinstance(result, Array)


@pytest.mark.parametrize(
    "name",
    ["add", "multiply", "maximum", "minimum", "logical_and", "logical_or", "subtract", "hypot", "logaddexp"],
)
def test_reduce_and_accumulate_equal_numpy(name):
    ufunc = getattr(np, name)
    with np.errstate(all="ignore"):
        for axis in (0, -1):
            want = ufunc.reduce(POS, axis=axis, keepdims=True)
            np.testing.assert_allclose(ufunc.reduce(wg.array(POS), axis=axis, keepdims=True).numpy(), want, rtol=1e-13)
            want = ufunc.accumulate(POS, axis=axis)
            np.testing.assert_allclose(ufunc.accumulate(wg.array(POS), axis=axis).numpy(), want, rtol=1e-13)
    np.testing.assert_allclose(ufunc.outer(wg.array(V), V).numpy(), ufunc.outer(V, V))


def test_reduce_defaults_and_keywords():
    x = wg.array(X)
    assert np.add.reduce(x).shape == (3,)
    assert np.add.reduce(x, axis=None).shape == ()
    np.testing.assert_allclose(np.add.reduce(x, axis=(0, 1), initial=1.0).numpy(), X.sum() + 1)
    np.testing.assert_allclose(np.add.reduce(x, where=X > 0).numpy(), np.add.reduce(X, where=X > 0))
    assert np.add.reduce(x, dtype=np.float32).dtype == np.float32


def test_at_accumulates_repeated_positions():
    def f(x):
        total = np.zeros_like(x)
        np.add.at(total, [0, 0, 2], x**2)
        np.subtract.at(total, [1], x[:1])
        return total

    want = np.zeros(3)
    np.add.at(want, [0, 0, 2], V**2)
    np.subtract.at(want, [1], V[:1])
    np.testing.assert_allclose(f(wg.array(V)).numpy(), want)
    wg.check_grads(f, (V,), order=2, modes=("fwd", "rev"))


def test_out_and_where_of_an_array():
    x, target = wg.array(V), wg.array(np.ones(3))
    assert np.add(x, 1.0, out=target) is target
    np.testing.assert_allclose(target.numpy(), V + 1)
    np.multiply(x, 2.0, out=target, where=V > 0)
    np.testing.assert_allclose(target.numpy(), np.where(V > 0, 2 * V, V + 1))
    np.add.reduce(wg.array(X), out=target)
    np.testing.assert_allclose(target.numpy(), X.sum(0))


def test_dtype_of_a_ufunc():
    assert np.add(wg.array([1, 2]), 1, dtype=np.float32).dtype == np.float32


def test_gufuncs_with_axis():
    x = wg.array(X)
    np.testing.assert_allclose(np.vecdot(x, X, axis=0).numpy(), np.vecdot(X, X, axis=0))
    np.testing.assert_allclose(np.matmul(x, W).numpy(), X @ W)


def test_one_argument_where_gives_positions():
    rows, columns = np.where(wg.array(X) > 0)
    want = np.where(X > 0)
    np.testing.assert_array_equal(rows.numpy(), want[0])
    np.testing.assert_array_equal(columns.numpy(), want[1])


def test_questions_about_shape_and_dtype():
    x = wg.array(X.astype(np.float32))

    def f(y):
        assert (np.shape(y), np.ndim(y), np.size(y), np.size(y, 0)) == ((4, 3), 2, 12, 4)
        assert np.result_type(y, 2.0) == np.float32
        assert np.zeros_like(y).dtype == np.ones_like(y).dtype == np.full_like(y, 2).dtype == np.float32
        assert np.empty_like(y, shape=(2,)).shape == (2,)
        assert not np.iscomplexobj(y)
        assert np.isrealobj(y)
        assert not np.isscalar(y)
        assert np.can_cast(y, np.float64)
        assert np.may_share_memory(y, y)
        assert not np.shares_memory(y, y + 1)
        assert isinstance(np.array_repr(y), str)
        assert np.array_str(y) == np.array_str(np.asarray(X, np.float32))
        return np.sum(y)

    np.testing.assert_allclose(wg.grad(f)(x.numpy()), np.ones((4, 3)))


def test_functions_that_write_into_their_argument():
    def f(x):
        y = wnp.zeros((3, 3))
        np.fill_diagonal(y, x)
        np.copyto(y[0], 2 * x, where=np.array([False, True, True]))
        np.put(y, [3, -2], x[:2] ** 2)
        np.putmask(y, y == 0, x[2])
        np.place(y, np.arange(9).reshape(3, 3) == 5, x[:1] ** 3)
        np.put_along_axis(y, np.array([[0], [1], [0]]), 3 * x[:, None], 1)
        return y

    def plain(x):
        y = np.zeros((3, 3))
        np.fill_diagonal(y, x)
        np.copyto(y[0], 2 * x, where=np.array([False, True, True]))
        np.put(y, [3, -2], x[:2] ** 2)
        np.putmask(y, y == 0, x[2])
        np.place(y, np.arange(9).reshape(3, 3) == 5, x[:1] ** 3)
        np.put_along_axis(y, np.array([[0], [1], [0]]), 3 * x[:, None], 1)
        return y

    np.testing.assert_allclose(f(wg.array(V)).numpy(), plain(V))
    wg.check_grads(f, (V,), order=2, modes=("fwd", "rev"))


def test_scipy_special_ufuncs():
    special = pytest.importorskip("scipy.special")
    present = [name for name, primitive in protocols._FOREIGN.items() if hasattr(ops, primitive)]
    assert {"erf", "erfc", "expit", "log_expit"} <= set(present)
    for name in present:
        ufunc = getattr(special, name)
        got = ufunc(wg.array(POS))
        assert isinstance(got, Array)
        np.testing.assert_allclose(got.numpy(), ufunc(POS), rtol=1e-12, atol=1e-14)
    wg.check_grads(lambda x: special.expit(x) * special.erf(x), (POS,), order=2, modes=("fwd", "rev"))


def test_array_namespace_is_the_mirror():
    assert wg.array(V).__array_namespace__() is wnp


def test_every_name_the_mirror_shares_with_numpy_is_dispatched():
    for name in wnp.__all__:
        theirs = getattr(np, name, None)
        if isinstance(theirs, np.ufunc):
            assert protocols.UFUNCS[theirs] is getattr(wnp, name)
        elif callable(theirs) and not isinstance(theirs, type) and theirs is not getattr(wnp, name):
            assert theirs in protocols.FUNCTIONS
