"""Arrays written down: by NumPy's functions that save and print, and as Python lists."""

import io

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

X = np.array([[1.0, 2.0], [0.5, -3.0]])
MAKE = {
    "Array": wg.array,
    "parameter": lambda x: wg.array(x, requires_grad=True),
    "computed": lambda x: wg.array(x, requires_grad=True) * 1.0,
    "view": lambda x: wg.array(x.T).T,
    "float32": lambda x: wg.array(x.astype(np.float32)),
    "int": lambda x: wg.array(x.astype(int)),
    "bool": lambda x: wg.array(x > 0),
    "number": lambda x: wg.array(2.5),
    "empty": lambda x: wg.array(np.zeros((0, 3))),
}


def value_of(x):
    return np.asarray(x.detach())


@pytest.mark.parametrize("name", MAKE)
def test_saving(name):
    x = MAKE[name](X)
    want = value_of(x)
    f = io.BytesIO()
    np.save(f, x)
    np.save(file=f, arr=x)
    f.seek(0)
    for _ in range(2):
        got = np.load(f)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    for save in (np.savez, np.savez_compressed):
        f = io.BytesIO()
        save(f, x, w=x, plain=X)
        f.seek(0)
        files = np.load(f)
        assert set(files) == {"arr_0", "w", "plain"}
        for key in ("arr_0", "w"):
            assert files[key].dtype == want.dtype
            np.testing.assert_array_equal(files[key], want)
    if x.ndim == 2:
        text, other = io.StringIO(), io.StringIO()
        np.savetxt(text, x, fmt="%.3f", header="h")
        np.savetxt(other, want, fmt="%.3f", header="h")
        assert text.getvalue() == other.getvalue()
    assert np.array2string(x, precision=2) == np.array2string(want, precision=2)
    assert np.array_str(x) == np.array_str(want)


@pytest.mark.parametrize("name", MAKE)
def test_lists(name):
    x = MAKE[name](X)
    assert x.tolist() == value_of(x).tolist()
    assert type(x.tolist()) is (float if x.ndim == 0 else list)


def test_what_optimisers_return_is_saved():
    rule = wg.optim.Adam(lr=0.5)
    p = {"w": X, "b": 0.5}
    p, state = rule.apply(p, p, rule.init(p))
    f = io.BytesIO()
    np.savez(f, **p, steps=state["steps"])
    f.seek(0)
    files = np.load(f)
    np.testing.assert_array_equal(files["w"], np.asarray(p["w"]))
    assert files["steps"] == 1


WRITE = {
    "save": lambda x: np.save(io.BytesIO(), x),
    "savez": lambda x: np.savez(io.BytesIO(), a=x),
    "savetxt": lambda x: np.savetxt(io.StringIO(), x),
}


@pytest.mark.parametrize("name", WRITE)
def test_values_that_are_being_differentiated_are_refused(name):
    def f(x):
        WRITE[name](x)
        return wnp.sum(x)

    for use in (lambda: wg.grad(f)(X), lambda: wg.jacfwd(f)(X), lambda: wg.compile(wg.grad(f))(X)):
        with pytest.raises(TypeError, match="would be lost"):
            use()


def test_a_parameter_is_refused_in_one_sentence():
    w = wg.array(X, requires_grad=True)
    for change in (lambda: w.__isub__(0.1), lambda: w.__setitem__(0, 1.0), lambda: np.add(w, 1.0, out=w)):
        with pytest.raises(RuntimeError, match=r"wengert\.\w+: this array requires gradients; changing it in place"):
            change()
    with pytest.raises(RuntimeError, match="this is a view of an array that requires gradients; changing it in place"):
        w[0].__iadd__(1.0)
