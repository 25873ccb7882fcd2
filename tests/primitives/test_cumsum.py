"""Running sums of float32 are carried in double: the gradients of long ones are exact too."""

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from wengert import _core


@pytest.mark.parametrize("shape", [(100_000,), (3, 50_000), (50_000, 3)])
@pytest.mark.parametrize("reverse", [False, True])
def test_running_sums_of_float32(shape, reverse):
    axis = int(np.argmax(shape))
    rng = np.random.default_rng(0)
    for x in (np.full(shape, 0.1, np.float32), rng.random(shape, np.float32), np.ones(shape, np.float32) / 3):
        y = np.flip(x, axis) if reverse else x
        want = np.cumsum(y.astype(float), axis=axis)
        want = np.flip(want, axis) if reverse else want
        got = _core.ops.cumsum(x, axis=axis, reverse=reverse)
        assert got.dtype == np.float32
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-7)


def test_the_gradient_of_a_long_running_sum():
    n = 100_000
    for f in (wg.grad(lambda x: wnp.mean(wnp.cumsum(x))), wg.compile(wg.grad(lambda x: wnp.mean(wnp.cumsum(x))))):
        g = np.asarray(f(np.ones(n, np.float32)))
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, np.arange(n, 0, -1) / n, rtol=1e-6)
    # the sum of squares of a running sum: both directions
    x = np.full(1000, 0.1, np.float32)
    g = wg.grad(lambda x: wnp.sum(wnp.cumsum(x) ** 2))(x)
    want = wg.grad(lambda x: wnp.sum(wnp.cumsum(x) ** 2))(x.astype(float))
    np.testing.assert_allclose(g, want, rtol=1e-6)
