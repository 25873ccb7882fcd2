"""Operands in every layout: transposed, permuted, with gaps, reversed. Values and derivatives are NumPy's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import wengert as wg
from wengert import _core

rng = np.random.default_rng(3)
BASE = rng.uniform(0.5, 1.5, (6, 20, 34))
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "contiguous": lambda x: x,
    "transposed": lambda x: x.T,
    "rolled": lambda x: x.transpose(2, 0, 1),
    "swapped": lambda x: x.transpose(1, 0, 2),
    "gaps": lambda x: x[:, ::2],
    "reversed": lambda x: x[::-1].T,
    "one row": lambda x: x[:1, :1].T,
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_pairs(first: str, second: str, dtype: Any) -> None:
    a, other = LAYOUTS[first](BASE.astype(dtype)), LAYOUTS[second](BASE.astype(dtype) * 2)
    if other.shape != a.shape:
        other = other[:1, :1, :1]
    x, y = _core.asarray(a), _core.asarray(other)
    ops = _core.ops
    for name in ("add", "multiply", "less", "greater_equal", "equal", "logical_and"):
        np.testing.assert_array_equal(np.asarray(getattr(ops, name)(x, y)), getattr(np, name)(a, other))
        np.testing.assert_array_equal(np.asarray(getattr(ops, name)(y, x)), getattr(np, name)(other, a))
    np.testing.assert_array_equal(np.asarray(ops.where(ops.less(x, 1.0), x, y)), np.where(a < 1, a, other))
    np.testing.assert_array_equal(np.asarray(ops.isnan(x)), np.isnan(a))
    gx, gy = wg.grad(lambda u, v: np.sum(np.sqrt(u) * v + u / v), (0, 1))(a, other)
    tol = 1e-12 if dtype is np.float64 else 1e-4
    np.testing.assert_allclose(gx, 0.5 / np.sqrt(a) * other + 1 / other, rtol=tol)
    want = np.sqrt(a) - a / other**2
    if other.size == 1:
        want = want.sum(keepdims=True)
    np.testing.assert_allclose(gy, want, rtol=tol * 10)
    g = rng.uniform(1, 2, a.shape).astype(dtype)  # a cotangent of another layout
    np.testing.assert_allclose(wg.vjp(np.exp, a)[1](g)[0], g * np.exp(a), rtol=tol)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("axis", [None, 0, 1, 2, (0, 1), (1, 2), (0, 2), (2, 0)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(layout: str, axis: Any, keepdims: bool) -> None:
    a = LAYOUTS[layout](BASE)
    x = _core.asarray(a)
    for name in ("sum", "max", "min", "prod", "mean"):
        got = np.asarray(getattr(_core.ops, name)(x, axis=axis, keepdims=keepdims))
        np.testing.assert_allclose(got, getattr(np, name)(a, axis=axis, keepdims=keepdims), rtol=1e-12)
    for name in ("any", "all"):
        for held in (a > 1, np.where(a > 1.4, a, 0), a):
            got = np.asarray(getattr(_core.ops, name)(held, axis=axis, keepdims=keepdims))
            np.testing.assert_array_equal(got, getattr(np, name)(held, axis=axis, keepdims=keepdims))
    scale = rng.uniform(1, 2, np.sum(a, axis=axis, keepdims=True).shape)
    gradient = wg.grad(lambda v: np.sum(np.sum(v * v, axis=axis, keepdims=True) * scale))(a)
    np.testing.assert_allclose(gradient, 2 * a * scale, rtol=1e-12)


@pytest.mark.parametrize("at", [0, 1023, 1024, 4999])
def test_one_element_decides(at: int) -> None:
    for dtype in (np.bool_, np.float32, np.float64, np.int32, np.int64):
        few = np.zeros(5000, dtype)
        few[at] = 1
        assert np.asarray(_core.ops.any(few))
        assert not np.asarray(_core.ops.any(np.zeros(5000, dtype)))
        assert np.asarray(_core.ops.all(np.ones(5000, dtype)))
        assert not np.asarray(_core.ops.all(1 - few.astype(float)))
    nan = np.zeros(5000)
    nan[at] = np.nan
    assert np.asarray(_core.ops.any(nan))
