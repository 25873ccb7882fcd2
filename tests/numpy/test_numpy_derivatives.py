"""Derivatives of the mirror's compositions: both modes, two orders, against differences; and at every kink by hand."""

from __future__ import annotations

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

R = np.random.default_rng(11)
V = R.normal(size=5)
W = R.normal(size=5)
M = R.normal(size=(3, 4))
N = R.normal(size=(4, 3))
T = R.normal(size=(2, 3, 2))
S = R.normal(size=(3, 3))
POS = R.uniform(0.5, 2.0, size=(3, 4))
SPREAD = np.array([0.3, -1.2, 2.5, 0.9, -0.4])  # no two elements near each other
KNOTS = np.array([-2.0, -1.0, 0.1, 1.0, 3.0])
NANS = np.array([[1.0, np.nan, 3.0], [0.5, 2.0, -1.0]])
BOOL = M > 0

SMOOTH = {
    "mean_dtype": (lambda x: wnp.mean(x, axis=0, where=BOOL[:, :1] | True), M),
    "sum_where_initial": (lambda x: wnp.sum(x, axis=1, where=BOOL, initial=2.0), M),
    "prod_where": (lambda x: wnp.prod(x, axis=1, where=BOOL), M),
    "max_where": (lambda x: wnp.max(x, axis=1, where=BOOL, initial=-9.0), M),
    "var": (lambda x: wnp.var(x), M),
    "var_axis_ddof": (lambda x: wnp.var(x, axis=1, ddof=1, keepdims=True), M),
    "var_where": (lambda x: wnp.var(x, axis=0, where=np.array([[True], [False], [True]])), M),
    "std": (lambda x: wnp.std(x), M),
    "std_tuple": (lambda x: wnp.std(x, axis=(0, 2)), T),
    "ptp": (lambda x: wnp.ptp(x), SPREAD),
    "average": (lambda x, w: wnp.average(x, axis=0, weights=w), M, POS),
    "median_odd": (lambda x: wnp.median(x), SPREAD),
    "median_even": (lambda x: wnp.median(x, axis=1), M),
    "quantile": (lambda x: wnp.quantile(x, [0.2, 0.55]), SPREAD),
    "quantile_of_q": (lambda x, q: wnp.quantile(x, q), SPREAD, np.array([0.3, 0.6])),
    "percentile_axes": (lambda x: wnp.percentile(x, 30, axis=(0, 2)), T),
    "quantile_hazen": (lambda x: wnp.quantile(x, 0.4, method="hazen"), SPREAD),
    "cov": (lambda x: wnp.cov(x), M),
    "corrcoef": (lambda x: wnp.corrcoef(x)[0, 1], M),
    "clip": (lambda x: wnp.clip(x, -0.5, 0.6), M),
    "clip_bounds": (lambda x, a, b: wnp.clip(x, a, b), SPREAD, np.full(5, -0.7), np.full(5, 0.8)),
    "sinc": (lambda x: wnp.sinc(x), np.array([0.0, 1e-9, 1e-4, 0.1, 0.3183, 0.32, 1.0, -2.3])),
    "fmod": (lambda x, y: wnp.fmod(x, y), np.array([5.3, -5.3, 5.3, -0.2]), np.array([2.0, 2.0, -2.0, 3.0])),
    "copysign": (lambda x, y: wnp.copysign(x, y), SPREAD, V),
    "fmax_fmin": (lambda x, y: (wnp.fmax(x, y), wnp.fmin(x, y)), SPREAD, V),
    "logaddexp2": (lambda x, y: wnp.logaddexp2(x, y), V, W),
    "degrees": (lambda x: wnp.deg2rad(x) + wnp.degrees(x), V),
    "nan_to_num": (lambda x: wnp.nan_to_num(x) ** 2, V),
    "modf": (lambda x: wnp.modf(x), SPREAD),
    "divmod": (lambda x: wnp.divmod(x, 0.7), SPREAD),
    "float_power": (lambda x, y: wnp.float_power(x, y), POS, M),
    "ldexp": (lambda x: wnp.ldexp(x, np.arange(5)), V),
    "heaviside": (lambda h: wnp.heaviside([-1.0, 0.0, 2.0], h) ** 2, np.array([0.3, 0.4, 0.5])),
    "unwrap": (lambda x: wnp.unwrap(x) ** 2, np.array([0.0, 3.0, 6.0, 1.0, 4.0])),
    "sort": (lambda x: wnp.sort(x) ** 2, SPREAD),
    "sort_axis": (lambda x: wnp.sort(x, axis=0) * np.arange(12.0).reshape(3, 4), M),
    "partition": (lambda x: wnp.partition(x, 2), SPREAD),
    "unique": (lambda x: wnp.unique(x) ** 2, np.array([1.0, 3.0, -2.0])),
    "cumsum_flat": (lambda x: wnp.cumsum(x), M),
    "cumprod": (lambda x: wnp.cumprod(x), V),
    "cumprod_zeros": (lambda x: wnp.cumprod(x), np.array([2.0, 0.0, 3.0, 0.0, -1.0])),
    "cumprod_axis": (lambda x: wnp.cumprod(x, axis=1), M),
    "cumulative_prod": (lambda x: wnp.cumulative_prod(x, include_initial=True), V),
    "diff": (lambda x: wnp.diff(x, 2, axis=0, prepend=0.0), M),
    "ediff1d": (lambda x: wnp.ediff1d(x, to_end=x[0, :1]), M),
    "gradient": (lambda x: wnp.gradient(x, 0.5), M),
    "gradient_coordinates": (lambda f, x: wnp.gradient(f, x, edge_order=2), V, KNOTS),
    "trapezoid": (lambda y, x: wnp.trapezoid(y, x), V, KNOTS),
    "interp": (lambda x, f: wnp.interp(x, KNOTS, f), np.array([-3.0, -1.5, 0.4, 2.7, 4.0]), V),
    "interp_knots": (lambda k: wnp.interp(np.array([-1.5, 0.4, 2.7]), k, V), KNOTS),
    "interp_period": (
        lambda x: wnp.interp(x, np.array([0.5, 2.0, 3.1]), V[:3], period=4.0),
        np.array([-3.1, 0.7, 5.3]),
    ),
    "convolve": (lambda a, v: wnp.convolve(a, v, "same"), V, W[:3]),
    "correlate": (lambda a, v: wnp.correlate(a, v, "full"), V[:2], W),
    "polyval": (lambda p, x: wnp.polyval(p, x), V, M),
    "dot": (lambda a, b: wnp.dot(a, b), M, N),
    "dot_nd": (lambda a, b: wnp.dot(a, b), M[:, :3], T),
    "inner": (lambda a, b: wnp.inner(a, b), M, M + 1),
    "outer": (lambda a, b: wnp.outer(a, b), V, W),
    "vdot": (lambda a, b: wnp.vdot(a, b), M, POS),
    "vecdot": (lambda a, b: wnp.vecdot(a, b), M, POS),
    "matvec": (lambda a, b: wnp.matvec(a, b), M, M[0]),
    "tensordot": (lambda a, b: wnp.tensordot(a, b, ((0, 2), (2, 1))), T, R.normal(size=(4, 2, 2))),
    "kron": (lambda a, b: wnp.kron(a, b), S, M[:2, :2]),
    "cross": (lambda a, b: wnp.cross(a, b), S, S.T),
    "einsum_pair": (lambda a, b: wnp.einsum("ij,jk->ki", a, b), M, N),
    "einsum_diagonal": (lambda a: wnp.einsum("ii->i", a), S),
    "einsum_batch": (lambda a, b: wnp.einsum("...ij,...kj->...ik", a, b), T, T + 1),
    "einsum_three": (lambda a, b, c: wnp.einsum("ij,jk,ki", a, b, c), M, N, S),
    "einsum_elementwise": (lambda a, b: wnp.einsum("ij,ij->i", a, b), M, POS),
    "multi_dot": (lambda a, b: wnp.linalg.multi_dot([a, b, a]), M, N),
    "matrix_power": (lambda a: wnp.linalg.matrix_power(a, 3), S),
    "norm": (lambda x: wnp.linalg.norm(x), M),
    "norm_large": (lambda x: wnp.linalg.norm(x * 1e200) * 1e-200, V),
    "norm_small": (lambda x: wnp.linalg.norm(x * 1e-200) * 1e200, V),
    "norm_axis": (lambda x: wnp.linalg.norm(x, axis=1, keepdims=True), M),
    "norm_1": (lambda x: wnp.linalg.norm(x, 1, axis=0), M),
    "norm_inf": (lambda x: wnp.linalg.norm(x, np.inf), SPREAD),
    "norm_3": (lambda x: wnp.linalg.norm(x, 3), SPREAD),
    "norm_matrix_1": (lambda x: wnp.linalg.norm(x, 1), M),
    "norm_fro": (lambda x: wnp.linalg.norm(x, "fro", axis=(0, 2)), T),
    "trace": (lambda x: wnp.trace(x, 1) ** 2, S),
    "diag": (lambda x: wnp.diag(x, 1) @ np.ones(6), V),
    "diag_of_matrix": (lambda x: wnp.diag(x, -1) ** 2, S),
    "triu_tril": (lambda x: wnp.triu(x) @ wnp.tril(x), S),
    "vander": (lambda x: wnp.vander(x, 4), V),
    "vstack": (lambda a, b: wnp.vstack((a, b)) ** 2, V, W),
    "hstack_column_stack": (lambda a, b: wnp.hstack((a, b)) @ np.ones(10) * wnp.column_stack((a, b)), V, W),
    "dstack_block": (lambda a: (wnp.dstack((a, a)) ** 2, wnp.block([[a, a], [a, 2.0 * a]]) ** 2), S),
    "append_insert_delete": (lambda a: wnp.delete(wnp.insert(wnp.append(a, a**2), 1, a[0] ** 3), 3), V),
    "split": (lambda x: [p**2 for p in wnp.array_split(x, 3)], V),
    "unstack": (lambda x: [p**2 for p in wnp.unstack(x, axis=1)], M),
    "flips": (lambda x: wnp.flip(x) * wnp.fliplr(x) * wnp.flipud(x), S),
    "roll": (lambda x: wnp.roll(x, (1, -2), axis=(0, 1)) * x, S),
    "roll_flat": (lambda x: wnp.roll(x, 4) * x, M),
    "rot90": (lambda x: wnp.rot90(x) * x, S),
    "tile": (lambda x: wnp.tile(x, (2, 1, 2)) ** 2, S),
    "repeat": (lambda x: wnp.repeat(x, [1, 0, 3], axis=0) ** 2, M),
    "resize": (lambda x: wnp.resize(x, (3, 3)) ** 2, V),
    "pad": (lambda x: wnp.pad(x, ((1, 2), (0, 1))) ** 2, M),
    "pad_value": (lambda x: wnp.pad(x, 1, constant_values=x[0] ** 2), V),
    "pad_reflect": (lambda x: wnp.pad(x, 2, "reflect") ** 2, M),
    "pad_wrap": (lambda x: wnp.pad(x, 7, "wrap") ** 2, V),
    "take": (lambda x: wnp.take(x, [[0, 2], [2, -1]], axis=1) ** 2, M),
    "take_along_axis": (lambda x: wnp.take_along_axis(x, wnp.argsort(x, 1), 1) ** 2, M),
    "select": (lambda x: wnp.select([x > 1, x > 0], [x, x**2], x**3), M),
    "choose": (lambda x: wnp.choose([0, 1, 1, 0, 1], [x, x**2]), V),
    "piecewise": (lambda x: wnp.piecewise(x, [x < 0], [lambda t: t**2, lambda t: t**3]), V),
    "swap_move_roll_axes": (lambda x: wnp.swapaxes(wnp.moveaxis(wnp.rollaxis(x, 2), 0, 1), 0, 2) ** 2, T),
    "ravel_reshape_F": (lambda x: wnp.ravel(x, "F") * wnp.ravel(wnp.reshape(x, (4, 3), order="F")), M),
    "broadcast_arrays": (lambda a, b: [p**2 for p in wnp.broadcast_arrays(a, b)], M[0], M),
    "meshgrid": (lambda a, b: wnp.meshgrid(a, b)[0] * wnp.meshgrid(a, b)[1], V, W),
    "linspace": (lambda a, b: wnp.linspace(a, b, 4) ** 2, V, W),
    "linspace_open": (lambda a, b: wnp.linspace(a, b, 4, endpoint=False, axis=-1) ** 2, V, W),
    "logspace": (lambda a, b: wnp.logspace(a, b, 4, base=2.0), np.array(0.3), np.array(2.0)),
    "geomspace": (lambda a, b: wnp.geomspace(a, b, 4), np.array(0.3), np.array(2.0)),
    "arange": (lambda a: wnp.arange(a, a + 2.1, 0.5) ** 2, np.array(0.3)),
    "full": (lambda a: wnp.full((2, 3), a) ** 2, np.array(0.3)),
    "array_of_scalars": (lambda x: wnp.array([[x[0], 2.0], [x[1] * x[2], x[3]]]) ** 2, V),
    "bincount": (lambda w: wnp.bincount(np.array([0, 2, 2, 1, 0]), w) ** 2, V),
    "nansum": (lambda x: wnp.nansum(wnp.where(np.isnan(NANS), np.nan, x) ** 2, axis=1), np.nan_to_num(NANS)),
    "apply_along_axis": (lambda x: wnp.apply_along_axis(lambda r: r / wnp.sum(r**2), 1, x), M),
    "logsumexp_softmax": (lambda x: (wnp.logsumexp(x, 1), wnp.softmax(x, -1), wnp.log_softmax(x, 0)), M),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_of_both_orders_and_modes(name):
    f, *args = SMOOTH[name]
    wg.check_grads(f, tuple(args), order=2, modes=("fwd", "rev"))


def gradient_and_hessian(f, x):
    x = np.asarray(x, float)
    return np.asarray(wg.grad(f)(x)), np.asarray(wg.hessian(f)(x))


# What the edge-case table of the documentation promises: (function, point, gradient).
KINKS = {
    "std at equal elements": (lambda x: wnp.std(x), [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]),
    "std of one element": (lambda x: wnp.std(x), [3.0], [0.0]),
    "var of one element": (lambda x: wnp.var(x), [3.0], [0.0]),
    "norm at 0": (lambda x: wnp.linalg.norm(x), [0.0, 0.0], [0.0, 0.0]),
    "norm 1 at 0": (lambda x: wnp.linalg.norm(x, 1), [0.0, 2.0], [0.0, 1.0]),
    "norm 3 at 0": (lambda x: wnp.linalg.norm(x, 3), [0.0, 0.0], [0.0, 0.0]),
    "norm 3 with a 0": (lambda x: wnp.linalg.norm(x, 3), [0.0, 2.0], [0.0, 1.0]),
    "norm inf tie": (lambda x: wnp.linalg.norm(x, np.inf), [2.0, -2.0, 1.0], [0.5, -0.5, 0.0]),
    "norm fro at 0": (lambda x: wnp.linalg.norm(x, "fro"), [[0.0, 0.0]], [[0.0, 0.0]]),
    "norm of a row of zeros": (
        lambda x: wnp.sum(wnp.linalg.norm(x, axis=1)),
        [[0.0, 0.0], [3.0, 4.0]],
        [[0.0, 0.0], [0.6, 0.8]],
    ),
    "clip at its bounds": (lambda x: wnp.sum(wnp.clip(x, 0.0, 1.0)), [-1.0, 0.0, 0.5, 1.0, 2.0], [0, 0, 1, 0, 0]),
    "clip below only": (lambda x: wnp.sum(wnp.clip(x, 0.0, None)), [-1.0, 0.0, 2.0], [0.0, 0.0, 1.0]),
    "ptp ties": (lambda x: wnp.ptp(x), [1.0, 3.0, 3.0, 1.0], [-0.5, 0.5, 0.5, -0.5]),
    "max ties": (lambda x: wnp.max(x), [3.0, 1.0, 3.0], [0.5, 0.0, 0.5]),
    "max by sorting": (lambda x: wnp.sort(x)[-1], [3.0, 1.0, 3.0], [0.5, 0.0, 0.5]),
    "max as a quantile": (lambda x: wnp.quantile(x, 1.0), [3.0, 1.0, 3.0], [0.5, 0.0, 0.5]),
    "max as a norm": (lambda x: wnp.linalg.norm(x, np.inf), [3.0, 1.0, 3.0], [0.5, 0.0, 0.5]),
    "nanmax ties": (lambda x: wnp.nanmax(x), [3.0, np.nan, 3.0], [0.5, 0.0, 0.5]),
    "median ties": (lambda x: wnp.median(x), [2.0, 2.0, 5.0], [0.5, 0.5, 0.0]),
    "sort ties in rows": (
        lambda x: wnp.sum(wnp.sort(x, axis=0) * np.array([[1.0, 1.0], [3.0, 5.0]])),
        [[0.1, 4.0], [0.1, 2.0]],
        [[2.0, 5.0], [2.0, 1.0]],
    ),
    "nansum": (lambda x: wnp.nansum(x**2), [1.0, np.nan, 3.0], [2.0, 0.0, 6.0]),
    "nanmean": (lambda x: wnp.nanmean(x), [1.0, np.nan, 3.0], [0.5, 0.0, 0.5]),
    "nanstd": (lambda x: wnp.nanstd(x), [1.0, np.nan, 3.0], [-0.5, 0.0, 0.5]),
    "nanmedian": (lambda x: wnp.nanmedian(x), [1.0, np.nan, 3.0, 9.0], [0.0, 0.0, 1.0, 0.0]),
    "nan_to_num": (lambda x: wnp.sum(wnp.nan_to_num(x) ** 2), [1.0, np.nan, np.inf], [2.0, 0.0, 0.0]),
    "cumprod with zeros": (lambda x: wnp.cumprod(x)[-1], [2.0, 0.0, 3.0], [0.0, 6.0, 0.0]),
    "cumprod with two zeros": (lambda x: wnp.cumprod(x)[-1], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
    "sinc at 0": (lambda x: wnp.sum(wnp.sinc(x)), [0.0], [0.0]),
    "select leaks no NaN": (lambda x: wnp.sum(wnp.select([x > 0], [wnp.log(x)], 0.0)), [-1.0, 2.0], [0.0, 0.5]),
    "piecewise leaks no NaN": (
        lambda x: wnp.sum(wnp.piecewise(x, [x > 0], [wnp.log, 0.0])),
        [-1.0, 2.0],
        [0.0, 0.5],
    ),
    "where= leaks no NaN": (lambda x: wnp.sum(wnp.sqrt(x), where=np.array([False, True])), [-1.0, 4.0], [0.0, 0.25]),
    "take repeats accumulate": (lambda x: wnp.sum(wnp.take(x, [0, 0, 1])), [5.0, 7.0, 9.0], [2.0, 1.0, 0.0]),
    "interp at a knot": (lambda x: wnp.sum(wnp.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 3.0])), [1.0], [1.0]),
    "interp at the ends": (
        lambda x: wnp.sum(wnp.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 3.0])),
        [-1.0, 0.0, 2.0, 5.0],
        [0.0, 0.0, 0.0, 0.0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINKS)
def test_gradient_at_a_kink(name):
    f, point, expected = KINKS[name]
    gradient, hessian = gradient_and_hessian(f, point)
    np.testing.assert_allclose(gradient, expected, rtol=1e-14, atol=1e-15)
    assert np.isfinite(hessian).all()
    tangent = np.arange(1.0, 1.0 + np.size(point)).reshape(np.shape(point))
    _, forward = wg.jvp(f, (np.asarray(point, float),), (tangent,))
    np.testing.assert_allclose(forward, np.sum(np.multiply(expected, tangent)), rtol=1e-14, atol=1e-15)


def test_second_derivative_of_sinc_at_zero():
    hessian = wg.hessian(lambda x: wnp.sinc(x))(0.0)
    np.testing.assert_allclose(hessian, -(np.pi**2) / 3, rtol=1e-14)


def test_norm_does_not_overflow_and_is_exact_for_a_pythagorean_triple():
    value, gradient = wg.value_and_grad(lambda x: wnp.linalg.norm(x))(np.array([3e200, 4e200]))
    np.testing.assert_allclose(value, 5e200, rtol=1e-15)
    np.testing.assert_allclose(gradient, [0.6, 0.8], rtol=1e-15)
    assert float(wnp.linalg.norm(np.array([3.0, 4.0]))) == 5.0


def test_tied_values_of_sort_are_exact():
    x = np.array([0.1, 0.1, 0.1, 0.3, np.inf, np.inf, np.nan, -np.inf])
    np.testing.assert_array_equal(wnp.sort(x).numpy(), np.sort(x))


def test_integers_and_booleans_have_no_derivative_but_break_nothing():
    def f(x):
        return wnp.sum(x * wnp.argsort(x)) + wnp.count_nonzero(x) + wnp.argmax(x) + wnp.searchsorted(x, 0.5)

    np.testing.assert_allclose(wg.grad(f)(np.array([0.3, 0.1, 0.2])), [1.0, 2.0, 0.0])
