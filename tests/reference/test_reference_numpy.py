"""The NumPy mirror of wengert.reference: values and dtypes are NumPy's, derivatives agree with differences."""

import numpy as np
import pytest
import wengert.reference as wr

wnp = wr.numpy
rng = np.random.default_rng(11)

A, B, C = rng.normal(size=(3, 4)), rng.normal(size=(4, 3)), rng.normal(size=(2, 3, 4))
V, W, S = rng.normal(size=4), rng.normal(size=4), rng.normal(size=(4, 4))
P = np.abs(V) + 0.5

#: each row is run with NumPy and with the mirror as ``xp``
PROGRAMS = [
    (lambda xp, a: xp.var(a, axis=1), (A,)),
    (lambda xp, a: xp.var(a, axis=(0, 2), keepdims=True, ddof=1), (C,)),
    (lambda xp, a: xp.std(a), (A,)),
    (lambda xp, a: xp.std(a, axis=0, ddof=1), (A,)),
    (lambda xp, a: xp.average(a, axis=1, weights=[1.0, 2.0, 3.0, 4.0]), (A,)),
    (lambda xp, a: xp.average(a), (A,)),
    (lambda xp, a: xp.median(a, axis=1), (A,)),
    (lambda xp, a: xp.median(a), (V,)),
    (lambda xp, a: xp.ptp(a, axis=0), (A,)),
    (lambda xp, a: xp.clip(a, -0.5, 0.5), (A,)),
    (lambda xp, a: xp.clip(a, None, 0.5), (A,)),
    (lambda xp, a, b: xp.dot(a, b), (A, B)),
    (lambda xp, a, b: xp.dot(a, b), (V, W)),
    (lambda xp, a, b: xp.dot(a, b), (C, V)),
    (lambda xp, a, b: xp.dot(a, b), (C, B)),
    (lambda xp, a, b: xp.dot(a, b), (V, 2.0)),
    (lambda xp, a, b: xp.inner(a, b), (C, A)),
    (lambda xp, a, b: xp.outer(a, b), (V, W)),
    (lambda xp, a, b: xp.vdot(a, b), (S, S + 1)),
    (lambda xp, a, b: xp.tensordot(a, b), (C, A)),
    (lambda xp, a, b: xp.tensordot(a, b, axes=([0, 2], [1, 0])), (C, rng.normal(size=(4, 2, 5)))),
    (lambda xp, a, b: xp.tensordot(a, b, axes=0), (V, W)),
    (lambda xp, a, b: xp.kron(a, b), (A, np.ones((2, 1)))),
    (lambda xp, a, b: xp.cross(a, b), (A.T[:, :3], B)),
    (lambda xp, a, b: xp.einsum("ij,jk->ik", a, b), (A, B)),
    (lambda xp, a, b: xp.einsum("bij,jk->kb", a, b), (C, B)),
    (lambda xp, a: xp.einsum("ii", a), (S,)),
    (lambda xp, a: xp.einsum("ii->i", a), (S,)),
    (lambda xp, a, b: xp.einsum("i,i->", a, b), (V, W)),
    (lambda xp, a, b: xp.einsum("ij, ij -> j", a, b), (S, S)),
    (lambda xp, a, b: xp.vstack([a, b, 2 * a]), (V, W)),
    (lambda xp, a, b: xp.hstack([a, b]), (V, W)),
    (lambda xp, a, b: xp.hstack([a, b]), (A, A)),
    (lambda xp, a, b: xp.column_stack([a, b]), (V, W)),
    (lambda xp, a, b: xp.append(a, b), (A, V)),
    (lambda xp, a, b: xp.concatenate([a, b], axis=None), (A, V)),
    (lambda xp, a: xp.concatenate(xp.split(a, 2, axis=1)[::-1], axis=1), (A,)),
    (lambda xp, a: xp.concatenate(xp.array_split(a, 3)[1:]), (V,)),
    (lambda xp, a: xp.concatenate(xp.split(a, [1, 3])[::-1]), (V,)),
    (lambda xp, a: xp.flip(a), (A,)),
    (lambda xp, a: xp.flip(a, 1), (A,)),
    (lambda xp, a: xp.rot90(a), (A,)),
    (lambda xp, a: xp.roll(a, 2), (A,)),
    (lambda xp, a: xp.roll(a, (1, -1), axis=(0, 1)), (A,)),
    (lambda xp, a: xp.tile(a, (2, 3)), (A,)),
    (lambda xp, a: xp.repeat(a, 3), (A,)),
    (lambda xp, a: xp.repeat(a, [1, 0, 2], axis=0), (A,)),
    (lambda xp, a: xp.pad(a, 1), (A,)),
    (lambda xp, a: xp.pad(a, ((1, 0), (2, 1)), mode="edge"), (A,)),
    (lambda xp, a: xp.pad(a, (1, 2), constant_values=7.0), (V,)),
    (lambda xp, a: xp.diag(a, 1), (V,)),
    (lambda xp, a: xp.diag(a, -1), (S,)),
    (lambda xp, a: xp.trace(a), (S,)),
    (lambda xp, a: xp.trace(a, 1, 1, 2), (C,)),
    (lambda xp, a: xp.diagonal(a, 0, 1, 2), (C,)),
    (lambda xp, a: xp.triu(a, 1), (A,)),
    (lambda xp, a: xp.tril(a), (C,)),
    (lambda xp, a: xp.linalg.norm(a), (A,)),
    (lambda xp, a: xp.linalg.norm(a, axis=1), (A,)),
    (lambda xp, a: xp.linalg.norm(a, ord=1, axis=0), (A,)),
    (lambda xp, a: xp.linalg.norm(a, ord=3), (V,)),
    (lambda xp, a: xp.linalg.norm(a, ord=np.inf, axis=-1, keepdims=True), (A,)),
    (lambda xp, a: xp.linalg.norm(a, "fro"), (A,)),
    (lambda xp, a: xp.linalg.norm(a, keepdims=True), (A,)),
    (lambda xp, a: xp.swapaxes(a, 0, 2), (C,)),
    (lambda xp, a: xp.moveaxis(a, 0, -1), (C,)),
    (lambda xp, a: xp.ravel(a), (C,)),
    (lambda xp, a: xp.atleast_2d(a), (V,)),
    (lambda xp, a: xp.atleast_1d(a), (2.0,)),
    (lambda xp, a: xp.squeeze(xp.expand_dims(a, (0, 2)), 0), (A,)),
    (lambda xp, a: xp.cumsum(a), (A,)),
    (lambda xp, a: xp.cumsum(a, axis=1), (A,)),
    (lambda xp, a: xp.cumprod(a, axis=-1), (A,)),
    (lambda xp, a: xp.cumprod(a), (V,)),
    (lambda xp, a: xp.sort(a, axis=0), (A,)),
    (lambda xp, a: xp.sort(a, axis=None), (A,)),
    (lambda xp, a: xp.take(a, [0, 2, 2], axis=1), (A,)),
    (lambda xp, a: xp.take(a, [[0, 5], [11, 5]]), (A,)),
    (lambda xp, a: xp.take_along_axis(a, np.array([[0, 1], [3, 3], [2, 0]]), axis=1), (A,)),
    (lambda xp, a: xp.delete(a, 1, axis=0), (A,)),
    (lambda xp, a: xp.compress([True, False, True], a, axis=0), (A,)),
    (lambda xp, a: xp.diff(a, axis=0), (A,)),
    (lambda xp, a: xp.diff(a, n=2), (A,)),
    (lambda xp, a: xp.where(a > 0, a, a**2), (A,)),
    (lambda xp, a: xp.nan_to_num(a), (A,)),
    (lambda xp, a: xp.nansum(xp.where(a > 0, a, np.nan), axis=0), (A,)),
    (lambda xp, a: xp.nanmean(xp.where(a > 0, a, np.nan)), (A,)),
    (lambda xp, a: xp.sinc(a), (A * 3,)),
    (lambda xp, a: xp.rad2deg(xp.deg2rad(a)), (V,)),
    (lambda xp, a, b: xp.logaddexp2(a, b), (V, W)),
    (lambda xp, a, b: xp.float_power(a, b), (P, W)),
    (lambda xp, a: xp.full((2, 4), a), (V,)),
    (lambda xp, a, b: xp.linspace(a, b, 5), (1.0, 3.0)),
    (lambda xp, a, b, c: xp.interp(a, xp.sort(b), c), (V, W, P)),
    (lambda xp, a, b: xp.stack(xp.meshgrid(a, b)), (V, W[:2])),
    (lambda xp, a, b: xp.stack(xp.broadcast_arrays(a, b)), (V, A)),
    (lambda xp, a: xp.matrix_transpose(a), (C,)),
]


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_value_and_derivatives(number):
    program, args = PROGRAMS[number]
    got, want = program(wnp, *map(wnp.asarray, args)), program(np, *args)
    assert got.shape == np.shape(want)
    assert got.dtype == np.asarray(want).dtype
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-13, atol=1e-14)
    tangents = tuple(rng.normal(size=np.shape(x)) for x in args)
    _, tangent = wr.jvp(lambda *x: program(wnp, *x), args, tangents)
    h = 1e-6
    at = [program(np, *(np.asarray(x + s * h * t) for x, t in zip(args, tangents, strict=True))) for s in (1, -1)]
    np.testing.assert_allclose(tangent, (at[0] - at[1]) / (2 * h), rtol=1e-7, atol=1e-7)
    value, pullback = wr.vjp(lambda *x: program(wnp, *x), *args)
    v = rng.normal(size=np.shape(value))
    inner = sum(np.sum(g * t) for g, t in zip(pullback(v), tangents, strict=True))
    assert inner == pytest.approx(np.sum(v * tangent), rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int32, bool])
def test_dtypes_are_numpys(dtype):
    x = (np.abs(A) * 3).astype(dtype)
    for program in (
        lambda xp, x: xp.sum(x, axis=0),
        lambda xp, x: xp.mean(x),
        lambda xp, x: xp.prod(x, axis=1),
        lambda xp, x: xp.max(x),
        lambda xp, x: xp.var(xp.asarray(x) * 1.0),
        lambda xp, x: xp.cumsum(x, axis=0),
        lambda xp, x: xp.asarray(x) * 2,
        lambda xp, x: xp.asarray(x) * 2.5,
        lambda xp, x: xp.asarray(x) / 3,
        lambda xp, x: xp.asarray(x) + np.float32(1),
        lambda xp, x: xp.asarray(x) + np.float64(1),
        lambda xp, x: xp.where(x > 0, x, 1.0),
        lambda xp, x: xp.maximum(x, 0),
        lambda xp, x: xp.matmul(x, x.T),
        lambda xp, x: xp.sqrt(xp.asarray(x) + 1),
        lambda xp, x: xp.zeros_like(x),
        lambda xp, x: xp.linalg.norm(xp.asarray(x) * 1.0),
        lambda xp, x: xp.asarray(x).astype(np.float32),
    ):
        got, want = program(wnp, x), np.asarray(program(np, x))
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-6)


def test_creation():
    for got, want in [
        (wnp.zeros((2, 3)), np.zeros((2, 3))),
        (wnp.ones(3, np.float32), np.ones(3, np.float32)),
        (wnp.eye(3, 4, 1), np.eye(3, 4, 1)),
        (wnp.arange(2, 10, 3), np.arange(2, 10, 3)),
        (wnp.linspace(0, 1, 7), np.linspace(0, 1, 7)),
        (wnp.logspace(0, 2, 3), np.logspace(0, 2, 3)),
        (wnp.full((2,), 3), np.full((2,), 3)),
        (wnp.identity(2), np.identity(2)),
        (wnp.tri(3), np.tri(3)),
        (wnp.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]])),
        (wnp.asarray([True, False]), np.asarray([True, False])),
    ]:
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-15)
    assert wnp.isclose(1.0, 1.0 + 1e-9).item() is True
    assert wnp.allclose(wnp.ones(3), np.ones(3))
    assert wr.grad(lambda x: wnp.sum(wnp.array([x, x * x, 1.0])))(3.0) == 7.0


def test_array_behaves_like_an_ndarray():
    x = wnp.asarray(A)
    assert (x.shape, x.ndim, x.size, x.dtype, len(x), x.itemsize, x.nbytes) == ((3, 4), 2, 12, A.dtype, 3, 8, 96)
    assert [row.shape for row in x] == [(4,)] * 3
    for method in [
        "sum",
        "mean",
        "prod",
        "max",
        "min",
        "any",
        "all",
        "argmax",
        "argmin",
        "std",
        "var",
        "ravel",
        "flatten",
        "squeeze",
    ]:
        np.testing.assert_allclose(np.asarray(getattr(x, method)()), getattr(A, method)(), rtol=1e-14)
    np.testing.assert_array_equal(x.T, A.T)
    np.testing.assert_array_equal(x.mT, A.T)
    np.testing.assert_array_equal(x.reshape(4, 3), A.reshape(4, 3))
    np.testing.assert_array_equal(x.reshape((2, -1)), A.reshape(2, -1))
    np.testing.assert_array_equal(x.transpose(1, 0), A.T)
    np.testing.assert_array_equal(x.clip(-1, 1), A.clip(-1, 1))
    np.testing.assert_array_equal(x.astype(np.float32), A.astype(np.float32))
    assert x[1, 2].item() == A[1, 2]
    assert x.tolist() == A.tolist()
    assert f"{x[0, 0]:.3f}" == f"{A[0, 0]:.3f}"
    assert repr(wnp.array([1.0, 2.0])) == "Array([1., 2.])"
    assert int(wnp.array(3)) == 3
    assert list(range(5))[wnp.array(3)] == 3
    assert bool(wnp.array(0.0)) is False
    np.testing.assert_array_equal(2 ** wnp.arange(3), [1, 2, 4])
    np.testing.assert_array_equal(7 // wnp.array([2, 3]), [3, 2])
    np.testing.assert_array_equal(~(x > 0), ~(A > 0))
    np.testing.assert_array_equal((x > 0) & (x < 1), (A > 0) & (A < 1))
    assert x.__eq__("text") is NotImplemented
    with pytest.raises(TypeError, match="0-d"):
        len(wnp.array(1.0))


def test_functions_without_a_rule_are_refused_by_name():
    with pytest.raises(TypeError, match=r"numpy\.linalg\.inv has no derivative rule"):
        wr.grad(lambda x: np.linalg.inv(x * np.eye(2)).sum())(1.0)
    assert wr.grad(lambda x: np.sum(x * np.ones(3), dtype=np.float64))(1.0) == 3.0
    assert wr.grad(lambda x: np.add.reduce(x * np.ones(3)))(1.0) == 3.0
    assert wr.grad(lambda x: divmod(x, 2.0)[1] + round(x))(3.2) == 1.0
