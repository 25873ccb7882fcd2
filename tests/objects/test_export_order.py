"""What leaves an Array for NumPy lies as NumPy's array would."""

import io

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

BASE = np.arange(24.0).reshape(4, 6)
LAYOUTS = {
    "C": lambda x: x,
    "F": lambda x: x.copy("F"),
    "transposed": lambda x: x.T,
    "part": lambda x: x[1:3, ::2],
    "reversed": lambda x: x[::-1, ::-1],
    "column": lambda x: x[:, 1],
    "transposed part": lambda x: x[1:, 2:].T,
    "three axes": lambda x: x.reshape(2, 2, 6).transpose(2, 0, 1),
    "empty": lambda x: x[:0],
    "0-d": lambda x: x[0, 0, ...],
    "computed from F": lambda x: x.T * 2.0,
    "a copy of a part": lambda x: x[::2].copy(),
}
EXPORTS = {
    "np.asarray": np.asarray,
    "__array__": lambda x: x.__array__(),
    "memoryview": lambda x: np.asarray(memoryview(x)),
    "a read-only array from a buffer": lambda x: np.array(x, copy=None),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", EXPORTS)
def test_strides_are_those_of_numpy(layout, way):
    want, x = LAYOUTS[layout](BASE), LAYOUTS[layout](wg.array(BASE))
    got = EXPORTS[way](x)
    np.testing.assert_array_equal(got, want)
    if want.size:
        assert got.strides == want.strides
    assert x.strides == want.strides or not want.size
    assert not got.flags.writeable


@pytest.mark.parametrize("layout", ["C", "F", "transposed", "part", "reversed"])
def test_nothing_is_copied(layout):
    x = LAYOUTS[layout](wg.array(BASE))
    assert np.shares_memory(np.asarray(x), np.asarray(x))
    assert np.shares_memory(np.asarray(x), x.__array__())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_copies_keep_the_order(layout):
    want, x = LAYOUTS[layout](BASE).copy("K"), LAYOUTS[layout](wg.array(BASE))
    for got in (x.numpy(), np.from_dlpack(x)):
        np.testing.assert_array_equal(got, want)
        assert got.flags.f_contiguous == want.flags.f_contiguous
        assert got.flags.c_contiguous == want.flags.c_contiguous
    x.numpy()[...] = 1.0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_saved_files_keep_the_order(layout):
    written, plain = io.BytesIO(), io.BytesIO()
    np.save(written, LAYOUTS[layout](wg.array(BASE)))
    np.save(plain, LAYOUTS[layout](BASE))
    assert written.getvalue() == plain.getvalue()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_who_wants_them_in_order_gets_a_copy(layout):
    want, x = LAYOUTS[layout](BASE), LAYOUTS[layout](wg.array(BASE))
    assert bytes(x) == want.tobytes()
    np.testing.assert_array_equal(np.ascontiguousarray(np.asarray(x)), want)


def test_broadcasts_and_diagonals():
    np.testing.assert_array_equal(np.asarray(wnp.broadcast_to(wg.array([1.0, 2.0]), (3, 2))), [[1.0, 2.0]] * 3)
    d = np.asarray(wnp.diagonal(wg.array(BASE)))
    assert d.strides == np.diagonal(BASE).strides
    np.testing.assert_array_equal(d, np.diagonal(BASE))


def test_a_view_is_exported_as_it_is_after_a_write():
    x = wg.array(BASE)
    t = x.T
    x[0] = 7.0
    got = np.asarray(t)
    np.testing.assert_array_equal(got[:, 0], 7.0)
    assert got.strides == BASE.T.strides
    before = np.asarray(x)
    x[0] = 8.0  # what was exported is not written into
    np.testing.assert_array_equal(before[0], 7.0)
