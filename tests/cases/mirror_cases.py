"""The table of calls that the tests of the mirror make: NumPy's name, arguments, keywords."""

from __future__ import annotations

import numpy as np
import pytest
import wengert.numpy as wnp

R = np.random.default_rng(7)
V = R.normal(size=7)
W = R.normal(size=7)
M = R.normal(size=(3, 4))
N = R.normal(size=(4, 3))
T = R.normal(size=(2, 3, 4))
POS = R.uniform(0.5, 2.0, size=(3, 4))
S = np.asfortranarray(R.normal(size=(8, 6)))[::-2, ::2]  # strided, negative stride: (4, 3)
F32 = M.astype(np.float32)
INT = R.integers(-5, 6, size=(3, 4))
BOOL = INT > 0
ZERO_D = np.array(1.5)
EMPTY = np.empty((0, 4))
NANS = np.where(R.random((3, 4)) < 0.3, np.nan, M)
TIES = np.array([[2.0, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, -1.0, 3.0, 3.0]])
ZEROS = np.array([2.0, 0.0, 3.0, 0.0, -1.0])
SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan])
MATRICES = (M, S, F32, INT, BOOL, EMPTY.T[:, :0], T)
FLOATS = (V, M, S, F32, T, ZERO_D)


CASES: list = []


NUMPY = tuple(map(int, np.__version__.split(".")[:2]))


def add(name: str, *args, since: tuple[int, int] = (2, 0), **kwargs) -> None:
    """A call; `since` is the first NumPy that knows it, and older ones are no oracle for it."""
    if since > NUMPY:
        return
    CASES.append(pytest.param(name, args, kwargs, id=f"{name}-{len(CASES)}"))


for x in (*FLOATS, INT, BOOL):
    for name in (
        "sum",
        "prod",
        "mean",
        "any",
        "all",
        "max",
        "min",
        "amax",
        "amin",
        "ptp",
        "var",
        "std",
        "count_nonzero",
    ):
        if x.dtype == bool and name == "ptp":
            continue
        add(name, x)
        if x.ndim:
            add(name, x, axis=-1, keepdims=True)
            add(name, x, axis=0)
        if x.ndim > 1 and name != "argmax":
            add(name, x, axis=(0, -1))
    for name in ("argmax", "argmin", "ravel", "cumsum", "nansum", "nanmean", "median", "shape", "ndim", "size", "copy"):
        add(name, x)
for x in (EMPTY, np.empty(0)):
    for name in ("sum", "prod", "any", "all", "cumsum", "ravel", "sort", "zeros_like", "flip", "transpose", "diff"):
        add(name, x)
    add("sum", x, axis=0)
    add("max", x, axis=0, initial=-1.0)
add("sum", F32, dtype=np.float64)
add("sum", BOOL, dtype=np.float32)
add("sum", M, initial=2.0, where=BOOL)
add("sum", M, 0, None, None, True)
add("prod", M, axis=1, where=BOOL, initial=3.0)
add("mean", M, axis=0, where=np.array([[True], [False], [True]]))
add("mean", INT, dtype=np.float32)
add("max", M, axis=1, initial=-9.0, where=BOOL)
add("min", INT, axis=1, initial=3, where=BOOL)
add("any", INT, axis=0, where=BOOL)
add("all", INT, axis=0, where=BOOL)
add("var", M, axis=1, ddof=1)
add("var", M, axis=0, where=np.array([[True], [True], [False]]), ddof=1)
add("var", M, axis=0, mean=M.mean(0, keepdims=True))
add("std", M, axis=0, correction=1)
add("std", np.ones(1))
add("std", np.full(5, 0.5))
for name in (
    "nansum",
    "nanprod",
    "nanmean",
    "nanvar",
    "nanstd",
    "nanmax",
    "nanmin",
    "nanmedian",
    "nancumsum",
    "nancumprod",
):
    add(name, NANS)
    add(name, NANS, axis=1)
    add(name, NANS, axis=0)
add("nanquantile", NANS, [0.2, 0.7], axis=1)
add("nanpercentile", NANS, 30, axis=0, keepdims=True)
add("nanargmax", NANS, axis=1)
add("nanargmin", NANS)

UNARY = "fabs signbit sinc deg2rad rad2deg radians degrees positive real imag conj fix nan_to_num modf isreal iscomplex"
for name in (*UNARY.split(), "isposinf", "isneginf"):
    for x in (SPECIAL, M, F32, ZERO_D, EMPTY, S):
        add(name, x)
add("sinc", np.linspace(-3, 3, 25))
add("nan_to_num", SPECIAL, nan=3.0, posinf=5.0, neginf=-5.0)
for name in ("copysign", "fmax", "fmin", "fmod", "heaviside", "float_power", "logaddexp2", "divmod"):
    add(name, POS, R.normal(size=4) if name != "float_power" else POS[0])
    add(name, SPECIAL[:, None] if name != "float_power" else POS, np.array([2.0, -3.0, 0.5, 1.0]))
    add(name, F32 if name != "float_power" else abs(F32), np.float32(1.5))
add("fmod", np.array([1e17, -1e17, 5.5]), np.array([3.0, 7.0, -2.0]))
add("ldexp", V, np.arange(7))
add("ldexp", np.array([2.0**-1074, 1.5]), np.array([1100, -1000]))
add("round", M, 2)
add("round", np.array([123.456, 150.0, 250.0]), -2)
add("around", np.array([0.5, 1.5, -2.5]))
add("clip", M, -0.5, 0.5)
add("clip", M, None, 0.5)
add("clip", M, -0.5, None)
add("clip", M, np.array([-1.0, 0.0, 0.1, 0.2]), M + 0.1)
add("clip", INT, min=-1, max=2)
add("clip", F32, 0.0, 1.0)
add("unwrap", np.cumsum(R.uniform(0, 4, 20)) % (2 * np.pi))

for x in MATRICES:
    add("transpose", x)
    add("flip", x)
    add("fliplr", x)
    add("flipud", x)
    add("flip", x, axis=-1)
    add("swapaxes", x, 0, -1)
    add("moveaxis", x, 0, -1)
    add("rollaxis", x, -1)
    add("rollaxis", x, 0, 2)
    add("tril", x)
    add("triu", x, 1)
    add("triu", x, -1)
    add("trace", x)
    add("diagonal", x, 1)
    add("diagonal", x, -1, -1, 0)
    add("repeat", x, 2)
    add("repeat", x, 3, axis=1)
    add("tile", x, 2)
    add("tile", x, (2, 1, 3))
    add("roll", x, 1)
    add("roll", x, (1, -2), axis=(0, 1))
    add("roll", x, 2, axis=-1)
    add("atleast_1d", x)
    add("atleast_3d", x)
    add("expand_dims", x, (0, -1))
    add("matrix_transpose", x)
    for k in range(-1, 4):
        add("rot90", x, k)
    add("vstack", (x, x))
    add("hstack", (x, x))
    add("dstack", (x, x))
    add("concatenate", (x, x), axis=-1)
    add("concatenate", (x, x), axis=None)
    add("stack", (x, x), axis=-1)
    add("append", x, x)
    add("append", x, x, axis=1)
    add("array_split", x, 2, axis=1)
    add("diff", x)
    add("diff", x, axis=0)
    if x.size:
        add("pad", x, 1)
        add("resize", x, (3, 7))
        add("sort", x)
        add("sort", x, axis=0)
        add("sort", x, axis=None)
        add("argsort", x, kind="stable")
        add("pad", x, ((1, 2),) * x.ndim, "edge")
        add("take", x, [0, 2, 2], axis=1)
        add("take", x, 1)
        add("take", x, [[0, 7], [-9, 1]], mode="wrap")
        add("take", x, [[0, 7], [-9, 1]], axis=0, mode="clip")
        add("delete", x, 1, axis=0)
        add("delete", x, [0, 2])
        add("insert", x, 1, 5, axis=1)
        add("insert", x, [0, 2], [1, 0])
        add("unique", x)
        add("nonzero", x)
        add("argwhere", x)
        add("flatnonzero", x)
        add("cumprod", x, axis=0)
        add("cumsum", x, axis=-1)
add("reshape", T, (4, -1))
add("reshape", T, (4, 6), order="F")
add("reshape", M, -1)
add("ravel", T, order="F")
add("squeeze", T[:1])
add("squeeze", T[:1, :, :1], axis=(0, 2))
add("moveaxis", T, (0, 1), (-1, 0))
add("transpose", T, (1, 2, 0))
add("permute_dims", T, (1, 2, 0))
add("broadcast_to", M[0], (3, 4))
add("broadcast_arrays", M, M[0], ZERO_D)
add("broadcast_shapes", (3, 1), (1, 4))
add("atleast_2d", V)
add("atleast_3d", V)
add("atleast_2d", V, M, ZERO_D)
add("flip", V)
add("tile", V, (2, 3))
add("tile", ZERO_D, 3)
add("repeat", M, [0, 1, 2], axis=0)
add("rot90", T, 1, axes=(1, 2))
for mode in ("reflect", "symmetric", "wrap", "edge", "constant"):
    add("pad", V, (3, 2), mode)
    add("pad", M, ((1, 0), (2, 3)), mode)
    add("pad", V, 10, mode)
add("pad", M, ((1, 2), (0, 1)), constant_values=((1.0, 2.0), (3.0, 4.0)))
add("pad", M, {-1: (1, 2)}, since=(2, 3))
add("pad", INT, 1, constant_values=9)

add("column_stack", (V, W))
add("column_stack", (V, np.column_stack((V, W))))
add("vstack", (V, W))
add("hstack", (V, W))
add("dstack", (V, W))
add("concatenate", (F32, M))
add("concatenate", (INT, F32), dtype=np.float64)
add("block", [[M, N.T], [np.zeros((2, 8))]])
add("block", [V, W])
add("block", [[np.eye(2), np.ones((2, 1))], [np.ones((1, 2)), 3.0]])
add("split", V[:6], 3)
add("split", V, [2, 5])
add("array_split", V, 3)
add("hsplit", M, 2)
add("vsplit", N, [1, 3])
add("dsplit", T, 2)
add("hsplit", V, [3])
add("unstack", T, axis=1)
add("insert", V, 3, [1.0, 2.0])
add("insert", M, [1, 1], np.ones((2, 4)), axis=0)
add("delete", V, slice(1, 6, 2))
add("delete", V, V > 0)

add("take_along_axis", M, np.argsort(M, 1), 1)
add("take_along_axis", M, np.argmax(M, 0, keepdims=True), 0)
add("take_along_axis", M, np.array([0, 5, 5]), None)
add("choose", np.array([0, 1, 2, 1]), [M[0], M[1], M[2]])
add("choose", np.array([4, -1, 2, 1]), [M[0], M[1], M[2]], mode="wrap")
add("choose", np.array([4, -1, 2, 1]), [M[0], 1.0, M[2]], mode="clip")
add("select", [M > 1, M > 0], [M, M**2], 5.0)
add("select", [M > 1, M > 0], [1.0, M])
add("piecewise", V, [V < 0, V >= 1], [-1.0, lambda x: x**2, lambda x: 3 * x])
add("piecewise", V, [V < 0, V >= 0], [lambda x: -x, 2.0])
add("piecewise", V, V < 0, [lambda x: -x, lambda x: x])
add("compress", np.array([True, False, True]), M, axis=0)
add("extract", M > 0, M)
add("diag", V)
add("diag", V, 2)
add("diag", V, -1)
add("diag", M)
add("diag", M, -1)
add("diagflat", M[:2, :2], 1)
add("tril", V)
add("vander", V, 4)
add("vander", V, increasing=True)

add("searchsorted", np.sort(V), W)
add("searchsorted", np.sort(V), W, "right")
add("searchsorted", V, 0.0, sorter=np.argsort(V))
add("sort", TIES)
add("sort", NANS, axis=0)
for x in (TIES, NANS, INT, BOOL, SPECIAL):
    add("sort", x, descending=True, since=(2, 5))
    add("argsort", x, stable=True, descending=True, since=(2, 5))
add("lexsort", (V, np.round(W)))
add("unique", TIES, return_index=True, return_inverse=True, return_counts=True)
add("unique", np.array([[1.0, 2], [1, 2], [0, 3]]), axis=0)
add("digitize", V, np.array([-1.0, 0.0, 1.0]))
add("bincount", np.array([0, 2, 2, 5]))
add("bincount", np.array([0, 2, 2, 5]), weights=V[:4], minlength=8)
add("isin", INT, [1, 2])
add("bitwise_and", INT, 3)
add("bitwise_xor", BOOL, ~BOOL)
add("invert", BOOL)
add("left_shift", INT + 9, 2)
add("gcd", INT, 4)
add("unravel_index", np.array([3, 7]), (3, 4))
add("tril_indices", 4)

METHODS = "linear lower higher nearest midpoint hazen weibull median_unbiased normal_unbiased interpolated_inverted_cdf"
for method in METHODS.split():
    add("quantile", V, np.array([0.0, 0.1, 0.5, 0.77, 1.0]), method=method)
    add("quantile", M, 0.3, axis=0, method=method)
add("quantile", T, np.array([[0.2, 0.4], [0.5, 0.9]]), axis=(0, 2), keepdims=True)
add("quantile", T, [0.25, 0.5], axis=1)
add("percentile", M, [10, 90], axis=-1)
add("percentile", F32, 25)
add("median", M, axis=0)
add("median", T, axis=(0, 2), keepdims=True)
add("median", NANS, axis=0)
add("median", np.array([1.0, np.inf, np.inf]))
add("median", np.array([-np.inf, np.inf, 0.0]))
add("average", M)
add("average", M, axis=0, weights=np.array([1.0, 2.0, 3.0]))
add("average", M, weights=POS, axis=1, returned=True, keepdims=True)
add("average", T, axis=(0, 2), weights=R.random((2, 4)))
add("cov", M)
add("cov", M, bias=True, rowvar=False)
add("cov", V, W)
add("cov", V)
add("corrcoef", M)
add("corrcoef", V, W)

for x in (V, W, ZEROS):
    add("cumsum", x)
    add("cumprod", x)
add("cumprod", np.array([1e-300, 1e200, 1e200]))
add("cumprod", BOOL)
add("cumprod", M)
add("cumsum", F32, axis=1, dtype=np.float64)
add("cumulative_sum", V, include_initial=True)
add("cumulative_prod", M, axis=1, include_initial=True)
add("diff", V, 3)
add("diff", M, 2, axis=0, prepend=0.0)
add("diff", M, append=M[:, :2])
add("ediff1d", M, to_begin=[1.0, 2.0], to_end=9.0)
add("trapezoid", V)
add("trapezoid", V, np.sort(W))
add("trapezoid", M, dx=0.5, axis=0)
add("trapezoid", M, np.array([0.0, 1.0, 3.0, 3.5]))
add("gradient", V)
add("gradient", V, 0.5, edge_order=2)
add("gradient", V, np.sort(W))
add("gradient", V, np.sort(W), edge_order=2)
add("gradient", M)
add("gradient", M, 2.0, np.array([0.0, 1.0, 3.0, 3.5]), edge_order=2)
add("gradient", T, axis=(0, 2))
add("gradient", F32, axis=1)

add("interp", np.linspace(-3, 3, 40), np.sort(V), W)
add("interp", np.sort(V), np.sort(V), W)
add("interp", np.linspace(-3, 3, 10).reshape(2, 5), np.sort(V), W, left=-1.0, right=9.0)
add("interp", np.linspace(-7, 7, 15), np.array([0.5, 2.0, 3.1]), W[:3], period=4.0)
add("interp", 0.2, np.sort(V), W)
for mode in ("full", "same", "valid"):
    for a, b in ((V, W[:3]), (V, W[:4]), (W[:3], V), (V, W), (V, W[:1])):
        add("convolve", a, b, mode)
        add("correlate", a, b, mode)
add("polyval", V, M)
add("polyval", [1.0, -2.0, 3.0], 2.0)

add("dot", M, N)
add("dot", V, W)
add("dot", T, N)
add("dot", M, R.normal(size=(2, 4, 3)))
add("dot", T, M[0])
add("dot", 2.0, M)
add("inner", M, T)
add("inner", V, W)
add("inner", M, 3.0)
add("outer", M, V)
add("vdot", M, N.T)
add("vecdot", T, M)
add("vecdot", M, M[0])
add("matvec", T, M[0])
add("vecmat", M[:, 0], T)
add("tensordot", T, M)
add("tensordot", T, N, 1)
add("tensordot", T, M, ([1, 2], [0, 1]))
add("tensordot", M, N, 0)
add("tensordot", T, M, (-1, -1))
add("kron", M, N)
add("kron", V, M)
add("kron", M, T)
add("cross", R.normal(size=(5, 3)), R.normal(size=(5, 3)))
add("cross", R.normal(size=(3, 5)), R.normal(size=(3, 5)), axis=0)
add("cross", R.normal(size=(2, 3, 5)), R.normal(size=3), axisa=1, axisc=0)
EINSUMS = [
    ("ij,jk->ik", M, N), ("ij,jk", M, N), ("ij->ji", M), ("ij", M), ("ba", M), ("ii", M[:, :3]), ("ii->i", M[:, :3]),
    ("ij->", M), ("ij->j", M), ("i,i", V, W), ("i,j->ij", V, W), ("i,j->ji", V, W),
    ("bij,bjk->bik", T, R.normal(size=(2, 4, 3))), ("...ij,...jk->...ik", T, N), ("...i,...i", T, M),
    ("i...->...", T), ("ij...,j...->i...", T, R.normal(size=(3, 4))), ("ij,ij->ij", M, POS), ("ij,ij", M, POS),
    ("ij,kj->ik", M, POS), ("ij,jk,kl->il", M, N, M), ("ij,jk,ki", M, N, R.normal(size=(3, 3))),
    ("i,ij,j", M[:, 0], M, M[0]), ("ijk,ilm,njm,nlk,abc->", *[R.normal(size=(2, 2, 2))] * 5),
    ("iij->j", R.normal(size=(3, 3, 4))), ("iji->j", R.normal(size=(3, 4, 3))), ("ij,j->i", M, np.ones(1)),
    ("bhqd,bhkd->bhqk", R.normal(size=(2, 2, 3, 4)), R.normal(size=(2, 2, 5, 4))), ("i->", V), (",", ZERO_D, 2.0),
    (",ij", ZERO_D, M), ("...,...", M, M[0]), ("...->...", T), ("ij , jk -> ki", M, N), ("ij,jk", INT, INT.T),
    ("ij,jk", F32, F32.T),
]  # fmt: skip
for args in EINSUMS:
    add("einsum", *args)
add("einsum", "ij,jk,kl", M, N, M, optimize=True)
add("einsum", M, [0, 1], N, [1, 2], [0, 2])
add("einsum", T, [Ellipsis, 0], M, [Ellipsis, 0])
add("einsum", M, [0, 1])

for args, kwargs in (
    ((3,), {}), ((1, 10, 2), {}), ((0.0, 1.0, 0.25), {}), ((5.0, 1.0, -1.5), {}), ((4,), {"dtype": np.float32}),
):  # fmt: skip
    add("arange", *args, **kwargs)
add("linspace", 0.0, 1.0, 7)
add("linspace", M[0], M[1], 5)
add("linspace", M[0], 2.0, 5, endpoint=False, axis=-1, retstep=True)
add("linspace", ZERO_D, np.array(4.0), 1)
add("linspace", ZERO_D, np.array(4.0), 0)
add("linspace", 0, 10, 5, dtype=int)
add("logspace", 0.0, ZERO_D, 5, base=2.0)
add("logspace", 1.0, 3.0, 4)
add("geomspace", ZERO_D, np.array(40.0), 5)
add("geomspace", POS[0], POS[1], 4, axis=1)
add("geomspace", -1.0, -100.0, 3)
add("zeros", (2, 3))
add("ones", 3, dtype=np.int64)
add("full", (2, 2), 7)
add("full", (2, 3), V[:3])
add("zeros_like", INT)
add("ones_like", F32)
add("ones_like", M, shape=(2,), dtype=np.float32)
add("full_like", INT, 2.7)
add("full_like", M, ZERO_D)
add("eye", 3, 4, 1)
add("identity", 3)
add("tri", 3, 4, -1)
add("indices", (2, 3))
add("meshgrid", V, W)
add("meshgrid", V, W, M[0], indexing="ij")
add("meshgrid", V, W, sparse=True)
add("array", [[1, 2], [3, 4]])
add("array", [1.0, 2.0], ndmin=2)
add("array", [1, 2], dtype=np.float32)
add("asarray", V, dtype=np.float32)
add("fromfunction", lambda i, j: i + 2 * j, (2, 3))

add("isclose", M, M + 1e-9)
add("isclose", SPECIAL, SPECIAL, equal_nan=True)
add("isclose", SPECIAL, SPECIAL[::-1])
add("allclose", M, M + 1e-9)
add("array_equal", M, M)
add("array_equal", M, N)
add("array_equiv", M[0], np.stack([M[0]] * 2))
add("result_type", F32, 2.0)
add("result_type", F32, INT)
add("can_cast", np.float64, np.float32)
add("common_type", F32, INT)
add("iscomplexobj", M)
add("isrealobj", M)
add("isscalar", 2.0)
add("array_str", V)
add("array2string", V, precision=2)
add("apply_along_axis", lambda r: r - r.mean() if isinstance(r, np.ndarray) else r - wnp.mean(r), 1, M)
add("apply_along_axis", lambda r: r.sum() if isinstance(r, np.ndarray) else wnp.sum(r), 0, T)
add("apply_over_axes", lambda a, axis: np.sum(a, axis), T, (0, 2))

for x in (V, M, S, T, np.zeros(3), 1e150 * V, 1e-150 * V, F32, np.empty(0)):
    add("linalg.norm", x)
add("linalg.norm", ZERO_D)
for ord in (None, "fro", 1, -1, np.inf, -np.inf):
    add("linalg.norm", M, ord)
    add("linalg.norm", T, ord, axis=(0, 2), keepdims=True)
    add("linalg.norm", T, ord, axis=(2, 0))
for ord in (None, 0, 1, 2, 3, 2.5, -1, -2, np.inf, -np.inf):
    if ord is not None:
        add("linalg.norm", V, ord)
        add("linalg.vector_norm", T, ord=ord, axis=(0, 1))
    add("linalg.norm", M, ord, axis=0)
    add("linalg.norm", T, ord, axis=-1, keepdims=True)
add("linalg.matrix_norm", T)
add("linalg.matrix_power", M[:, :3], 5)
add("linalg.matrix_power", M[:, :3], 0)
add("linalg.multi_dot", [M, N, M, N])
add("linalg.multi_dot", [M[0], N, M[:, 0]])
add("linalg.outer", V, W)
add("linalg.trace", T)
add("linalg.diagonal", T, offset=1)
add("linalg.matmul", T, N)
add("linalg.vecdot", T, M)
add("linalg.tensordot", T, M)
add("linalg.cross", R.normal(size=(5, 3)), R.normal(size=(5, 3)))
