"""In place is in place: operators and methods of ndarray change the array under every name it has, and only it."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
import wengert.reference as wr

M = np.array([[0.3, -1.2, 2.0], [1.1, 0.4, -0.7], [0.2, 0.9, 1.4]])
W = np.array([[0.5, 0.1, 0.0], [0.0, 1.0, 0.2], [0.3, 0.0, 0.7]])
POSITIVE = np.abs(M) + 0.5

# The operator, the left operand, the right one.
OPERATORS = {
    "+=": (operator.iadd, M, W),
    "-=": (operator.isub, M, 2),
    "*=": (operator.imul, M, W[0]),
    "/=": (operator.itruediv, M, POSITIVE),
    "**= 2": (operator.ipow, M, 2),
    "**= 3": (operator.ipow, M, 3),
    "**= array": (operator.ipow, POSITIVE, W),
    "//=": (operator.ifloordiv, M, 0.37),
    "%=": (operator.imod, M, 0.37),
    "@=": (operator.imatmul, M, W),
}
WHOLE = {
    "+= int": (operator.iadd, np.arange(6), 3),
    "**= int": (operator.ipow, np.arange(6), 2),
    "//= int": (operator.ifloordiv, np.arange(6), 4),
    "%= int": (operator.imod, np.arange(6), 4),
    "@= int": (operator.imatmul, np.arange(4).reshape(2, 2), np.array([[1, 2], [0, 1]])),
    "&= bool": (operator.iand, np.array([True, False]), np.array([True, True])),
    "|= bool": (operator.ior, np.array([True, False]), True),
    "^= bool": (operator.ixor, np.array([True, False]), np.array([True, True])),
}
ENGINES = {"wengert": wg, "reference": wr}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", OPERATORS | WHOLE)
def test_an_operator_changes_every_name(name, engine):
    change, left, right = (OPERATORS | WHOLE)[name]
    want = left.copy()
    change(want, right)
    x = ENGINES[engine].array(left)
    other, view = x, x[1:]
    result = change(x, right)
    assert result is x
    for y in (x, other):
        assert y.dtype == want.dtype
        np.testing.assert_allclose(np.asarray(y), want, rtol=1e-14)
    np.testing.assert_allclose(np.asarray(view), want[1:], rtol=1e-14)


def program(change, right, np):
    """Aliases, views and a use before and after the change; the argument itself stays."""

    def f(x):
        y = x * 1.0
        other, row = y, y[0]
        before = np.sum(y * y)
        change(y, right)
        row *= 2.0
        return before + np.sum(np.sin(other)) + np.sum(y[1] * x[1])

    return f


@pytest.mark.parametrize("name", OPERATORS)
def test_derivatives_of_in_place_operators(name):
    change, left, right = OPERATORS[name]
    f = program(change, right, np)
    step = 1e-6
    want = np.zeros_like(left)
    for i in np.ndindex(left.shape):
        d = np.zeros_like(left)
        d[i] = step
        want[i] = (f(left + d) - f(left - d)) / (2 * step)
    for g in (
        wg.grad(f),
        wg.grad(program(change, right, wnp)),
        wg.jacfwd(f),
        wg.compile(wg.grad(f)),
        wr.grad(program(change, right, wr.numpy)),
    ):
        for _ in range(2):
            np.testing.assert_allclose(g(left), want, rtol=1e-7, atol=1e-8)


def test_a_result_that_does_not_fit_is_refused():
    for change, left, right, kind in (
        (operator.itruediv, np.arange(3), 2, TypeError),
        (operator.ipow, np.arange(3), 0.5, TypeError),
        (operator.ifloordiv, np.arange(3), 0.5, TypeError),
        (operator.iadd, np.ones(3), np.ones((2, 3)), ValueError),
        (operator.imatmul, np.ones((3, 3)), np.ones((3, 2)), ValueError),
        (operator.iadd, np.array([True]), 1, TypeError),
        (operator.iand, np.ones(3), np.ones(3), TypeError),
        (operator.ilshift, np.ones(3), 1, TypeError),
        (operator.irshift, np.ones(3), 1, TypeError),
    ):
        with pytest.raises(kind):
            change(left.copy(), right)
        x = wg.array(left)
        with pytest.raises(kind):
            change(x, right)
        np.testing.assert_array_equal(np.asarray(x), left)


METHODS = {
    "sort": lambda x, v: x.sort(),
    "sort axis": lambda x, v: x.sort(0),
    "fill": lambda x, v: x.fill(v),
    "put": lambda x, v: x.put([0, -1, 4], [v, 2.0]),
    "put wrap": lambda x, v: x.put([0, 10, -20], v, mode="wrap"),
    "put clip": lambda x, v: x.put([0, 10, -20], v, mode="clip"),
    "put cycles": lambda x, v: x.put([[0, 1], [2, 3]], [v, 5.0, 6.0]),
    "put nothing": lambda x, v: x.put([], v),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", METHODS)
def test_a_method_changes_every_name_and_gives_nothing(name, engine):
    if engine == "reference" and name in ("put wrap", "put clip"):
        pytest.skip("the reference knows one mode")
    change, lib = METHODS[name], ENGINES[engine]
    want = M.copy()
    change(want, 0.25)
    x = lib.array(M)
    view = x[1:]
    assert change(x, 0.25) is None
    np.testing.assert_array_equal(np.asarray(x), want)
    np.testing.assert_array_equal(np.asarray(view), want[1:])

    def f(m, v):
        y = m + 0.0 * v
        change(y, v)
        return np.sum(y * W) * v

    step = 1e-6
    for g, argnums in ((lib.grad(f, 1), 1), (wg.compile(lib.grad(f, 1)) if lib is wg else lib.grad(f, 1), 1)):
        slope = (f(M, 0.25 + step) - f(M, 0.25 - step)) / (2 * step)
        assert float(g(M, 0.25)) == pytest.approx(slope, rel=1e-6), argnums


def test_partition_puts_the_element_where_it_belongs():
    x, want = wg.array(M), M.copy()
    assert x.partition(1) is None
    want.partition(1)
    got = np.asarray(x)
    np.testing.assert_array_equal(got[:, 1], want[:, 1])
    np.testing.assert_array_equal(np.sort(got), np.sort(M))


def test_what_a_method_refuses():
    x = wg.array(M)
    with pytest.raises(TypeError, match=r"resize.*wengert.numpy.resize"):
        x.resize((9,))
    with pytest.raises(IndexError, match="out of bounds"):
        x.put([9], 1.0)
    with pytest.raises(ValueError, match="one value"):
        x.fill(np.ones(3))
    with pytest.raises(ValueError, match="mode"):
        x.put([0], 1.0, mode="no")
    for name in ("shape", "dtype", "ndim", "size"):
        with pytest.raises(AttributeError):
            setattr(x, name, getattr(x, name))
    np.testing.assert_array_equal(np.asarray(x), M)


# ---- the arguments of transforms are private -------------------------------------------------------------------------


def writes(x):
    x[0] = 5.0
    x += 1.0
    x.sort()
    x **= 2
    return (x * x).sum()


def reads(x):
    y = np.concatenate([np.array([5.0]), x[1:]]) + 1.0
    return (np.sort(y) ** 4).sum()


V = np.array([3.0, 1.0, 2.0])
TRANSFORMS = {
    "grad": lambda lib, f, x: lib.grad(f)(x),
    "value_and_grad": lambda lib, f, x: lib.value_and_grad(f)(x)[1],
    "grad with aux": lambda lib, f, x: lib.grad(lambda t: (f(t), 1.0), has_aux=True)(x)[0],
    "vjp": lambda lib, f, x: lib.vjp(f, x)[1](1.0)[0],
    "jvp": lambda lib, f, x: lib.jvp(f, (x,), (np.ones(3),))[1],
    "linearize": lambda lib, f, x: lib.linearize(f, x)[1](np.ones(3)),
    "jacfwd": lambda lib, f, x: lib.jacfwd(f)(x),
    "jacrev": lambda lib, f, x: lib.jacrev(f)(x),
    "hessian": lambda lib, f, x: lib.hessian(f)(x),
    "hvp": lambda lib, f, x: lib.hvp(f, x, np.ones(3)),
    "checkpoint": lambda lib, f, x: lib.grad(lib.checkpoint(f))(x),
    "numerical": lambda lib, f, x: lib.numerical_gradient(f)(x),
    "tree": lambda lib, f, x: lib.grad(lambda t: f(t["a"]))({"a": x})["a"],
}


@pytest.mark.parametrize("made", ["ndarray", "Array"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_writes_into_an_argument_stay_inside(name, engine, made):
    lib = ENGINES[engine]
    x = lib.array(V) if made == "Array" else V.copy()
    got = TRANSFORMS[name](lib, writes, x)
    np.testing.assert_array_equal(np.asarray(x), V)
    want = TRANSFORMS[name](lib, reads, V.copy())
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-6)


# ---- writing out of a transform --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["setitem", "operator", "view", "slice", "fill", "list"])
@pytest.mark.parametrize("mode", ["grad", "jvp", "vjp", "jacfwd", "nested", "trace"])
def test_a_traced_value_cannot_be_written_into_an_array_from_outside(mode, name, engine):
    lib = ENGINES[engine]
    outside = lib.array(V)

    def f(x):
        if name == "setitem":
            outside[0] = x
        elif name == "operator":
            outside.__iadd__(x)
        elif name == "view":
            outside[1:][0] = x * 2.0
        elif name == "slice":
            outside[:] = x
        elif name == "fill":
            outside.fill(x)
        else:
            outside[0:2] = [x, 1.0]
        return x

    modes = {
        "grad": lambda: lib.grad(f)(2.0),
        "jvp": lambda: lib.jvp(f, (2.0,), (1.0,)),
        "vjp": lambda: lib.vjp(f, 2.0),
        "jacfwd": lambda: lib.jacfwd(f)(2.0),
        "nested": lambda: lib.grad(lambda x: lib.grad(f)(x) * x)(2.0),
        "trace": lambda: wg.trace(f, 2.0) if lib is wg else lib.grad(f)(2.0),
    }
    with pytest.raises(TypeError, match="made outside of the transform") as caught:
        modes[mode]()
    message = str(caught.value)
    assert "test_inplace_methods.py" in message
    assert "outside[" in message or "outside." in message or message.startswith("wengert: outside, a float64")
    np.testing.assert_array_equal(np.asarray(outside), V)


def test_an_array_of_an_outer_transform_holds_values_of_its_own_level_only():
    def outer(x):
        h = wnp.zeros(2)
        h[0] = x  # its own level
        inner = wg.grad(lambda y: y * h[0])(3.0)
        h[1] = inner * x  # x, as a value of the outer level
        return h.sum()

    assert wg.grad(outer)(2.0) == 1.0 + 2 * 2.0

    def leaks(x):
        h = wnp.zeros(2)

        def inner(y):
            h[0] = y * x
            return y

        return wg.grad(inner)(x) + h.sum()

    with pytest.raises(TypeError, match="made outside of the transform"):
        wg.grad(leaks)(2.0)


def test_plain_values_may_be_written_and_compiled_functions_write_through():
    seen = wg.array(np.zeros(2))

    def f(x):
        seen[0] = 7.0
        seen[1] = x.detach()
        return x * x

    assert wg.grad(f)(2.0) == 4.0
    np.testing.assert_array_equal(np.asarray(seen), [7.0, 2.0])

    def step(w, x):
        w += x
        return w.sum()

    w, g = wg.array(V), wg.compile(step)
    for k in (1, 2, 3):
        g(w, np.ones(3))
        np.testing.assert_array_equal(np.asarray(w), V + k)


# ---- shuffling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5,), (5, 2)])
def test_shuffling_an_array_is_right_or_refused(shape):
    """NumPy's shuffle swaps x[i] and x[j] of what is no ndarray; where those are views it would lose rows."""
    start = np.arange(float(np.prod(shape))).reshape(shape)
    for shuffle in (
        np.random.RandomState(3).shuffle,
        np.random.default_rng(3).shuffle,
    ):
        x = wg.array(start)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                shuffle(x)
            except UserWarning as refused:
                text = str(refused)
            else:
                text = ""
        if text:
            assert "not guaranteed" in text
            continue
        assert sorted(map(tuple, np.asarray(x).reshape(5, -1))) == sorted(map(tuple, start.reshape(5, -1)))


def test_numbers_that_numpy_holds():
    x = wg.array([1.0, 2.0])
    held = np.asarray(x)
    x += 1.0
    np.testing.assert_array_equal(held, [1.0, 2.0])
    np.testing.assert_array_equal(np.asarray(x), [2.0, 3.0])

    writes = {
        "operator": lambda y: y.__iadd__(1.0),
        "element": lambda y: y.__setitem__(0, 5.0),
        "view": lambda y: y[1:].__setitem__(0, 5.0),
        "method": lambda y: y.sort(),
    }
    for write in writes.values():

        def aliased(x, write=write):
            seen = np.asarray(x)
            write(x)
            return seen * 1.0

        def part(x, write=write):
            seen = np.asarray(x)[1:]
            write(x)
            return seen * 1.0

        def let_go(x, write=write):
            total = np.asarray(x).sum()
            write(x)
            return x * total

        def copied(x, write=write):
            seen = np.array(x)
            write(x)
            return seen * x

        for f in (aliased, part):
            with pytest.raises(TypeError, match="inside compile this array was given to NumPy"):
                wg.compile(f)(np.array([3.0, 1.0]))
        for f in (let_go, copied):
            compiled = wg.compile(f)
            for start in ([3.0, 1.0], [2.0, 4.0], [3.0, 1.0]):
                np.testing.assert_array_equal(compiled(np.array(start)), f(np.array(start)))
