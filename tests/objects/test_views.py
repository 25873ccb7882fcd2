"""View or copy, as in NumPy: decided by writing into the base and looking at the result, and the other way round."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from mirror_cases import CASES
from wengert._core import Array

# The same values and shape, lying differently: a base, and how to look at it.
LAYOUTS = {
    "C": lambda a: (a.copy(), lambda base: base),
    "F": lambda a: (np.array(a, order="F"), lambda base: base),
    "whole view": lambda a: (a.copy(), lambda base: base[...]),
    "transposed": lambda a: (np.ascontiguousarray(a.T).reshape(a.T.shape), lambda base: base.T),
    "reversed": lambda a: (_reversed(a).copy(), _reversed),
    "strided": lambda a: (_spread(a), lambda base: base[(slice(None, None, 2),) * a.ndim]),
    "columns": lambda a: (_beside(a), lambda base: base[..., 1:-1]) if a.ndim else (a.copy(), lambda base: base),
    "flat": lambda a: (a.ravel().copy(), lambda base: base.reshape(a.shape)),
}


def _reversed(a):
    return a[(slice(None, None, -1),) * a.ndim] if a.ndim else a[...]


def _spread(a):
    base = np.ones([2 * n for n in a.shape], a.dtype)
    base[(slice(None, None, 2),) * a.ndim] = a
    return base


def _beside(a):
    base = np.ones((*a.shape[:-1], a.shape[-1] + 2), a.dtype)
    base[..., 1:-1] = a
    return base


def lookup(module, name):
    for part in name.split("."):
        module = getattr(module, part)
    return module


def in_place_of(tree, old, new):
    """The arguments with one array exchanged for another."""
    if tree is old:
        return new
    if isinstance(tree, (list, tuple)):
        return type(tree)(in_place_of(item, old, new) for item in tree)
    return {k: in_place_of(v, old, new) for k, v in tree.items()} if isinstance(tree, dict) else tree


def arrays_in(tree, kind):
    if isinstance(tree, kind):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [a for item in tree for a in arrays_in(item, kind)] if isinstance(tree, (list, tuple)) else []


def with_arrays(tree, make):
    """The arguments with every array replaced by one of their own."""
    if isinstance(tree, np.ndarray):
        return make(tree)
    if isinstance(tree, (list, tuple)):
        return type(tree)(with_arrays(item, make) for item in tree)
    return {k: with_arrays(v, make) for k, v in tree.items()} if isinstance(tree, dict) else tree


def same(got, want, what):
    got = got.numpy()
    assert got.shape == want.shape, what
    with np.errstate(all="ignore"):
        scale = float(np.max(np.abs(want), where=np.isfinite(want), initial=0.0)) if want.dtype != bool else 1.0
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6 * max(scale, 1e-30), err_msg=what)


def compare(name, f, g, base, look):
    """f for NumPy and g for us of what `look` sees of the base: values, views, copies."""
    theirs, ours = base.copy("K"), wg.array(base)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        want, got = f(look(theirs)), g(look(ours))
        same(ours, theirs, f"{name}: the base after the call")
        wanted, gotten = arrays_in(want, (np.ndarray, np.generic)), arrays_in(got, Array)
        if len(wanted) != len(gotten):
            return  # Python's numbers for some of NumPy's, or no arrays at all
        for w, o in zip(wanted, gotten, strict=True):
            same(o, np.asarray(w), f"{name}: the value")
        changed = np.logical_not(theirs) if theirs.dtype == bool else theirs + 1
        theirs[...], ours[...] = changed, changed
        for w, o in zip(wanted, gotten, strict=True):
            same(o, np.asarray(w), f"{name}: the result after a write into the base")
        for w, o in zip(wanted, gotten, strict=True):
            if isinstance(w, np.generic):
                continue
            if not w.flags.writeable or (name == "broadcast_arrays" and o.base is not None):  # NumPy warns it will be
                with pytest.raises(ValueError, match="read-only"):
                    o[...] = 0
                continue
            w[...], o[...] = 0, 0
            same(ours, theirs, f"{name}: the base after a write into the result")
            for other, ou in zip(wanted, gotten, strict=True):
                same(ou, np.asarray(other), f"{name}: the results after a write into one of them")


# Where NumPy's answer is not ours to give.
DIFFERENT = {
    "empty": "its elements are undefined",
    "empty_like": "its elements are undefined",
    "from_dlpack": "shares memory with another library",
    "frombuffer": "shares memory with a buffer",
}
EVERY = [c for c in CASES if c.values[0] not in DIFFERENT and arrays_in(c.values[1:], np.ndarray)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "args", "kwargs"), EVERY)
def test_view_or_copy_as_in_numpy(name, args, kwargs, layout):
    for a in {id(a): a for a in arrays_in((args, kwargs), np.ndarray)}.values():
        base, look = LAYOUTS[layout](a)
        rest = in_place_of((args, kwargs), a, slot := object())
        theirs, ours = with_arrays(rest, lambda a: a.copy("K")), with_arrays(rest, wg.array)

        def call(module, arguments, x, slot=slot):
            positional, named = in_place_of(arguments, slot, x)
            return lookup(module, name)(*positional, **named)

        compare(name, lambda x, theirs=theirs: call(np, theirs, x), lambda x, ours=ours: call(wnp, ours, x), base, look)


# ---- the order of what is new ----------------------------------------------------------------------------------------

MATRIX = np.arange(24.0).reshape(2, 3, 4) / 7 - 1
OTHERS = {
    "C": lambda x: x,
    "F": lambda x: x.T,
    "middle": lambda x: x.transpose(0, 2, 1),
    "cycled": lambda x: x.transpose(2, 0, 1),
    "columns": lambda x: x.T[1:, :, ::-1],
    "steps": lambda x: x[:, ::2].transpose(1, 0, 2),
    "row": lambda x: x[0],
    "column": lambda x: x[:, :, 0].T,
    "one of each": lambda x: x[:1].T,
    "flipped": lambda x: x.transpose(1, 2, 0)[::-1, :, ::-1],
}
NEW = {
    "exp": lambda n, x: n.exp(x),
    "negative": lambda n, x: -x,
    "less": lambda n, x: x < 0.5,
    "logical_not": lambda n, x: n.logical_not(x > 0),
    "times a number": lambda n, x: x * 2.0,
    "square": lambda n, x: x**2,
    "astype": lambda n, x: x.astype(np.float32),
    "astype int": lambda n, x: n.rint(x).astype(int) + 1,
    "positive": lambda n, x: +x,
    "np.copy": lambda n, x: n.copy(x),
    "copy": lambda n, x: x.copy(),
    "copy F": lambda n, x: x.copy("F"),
    "copy A": lambda n, x: x.copy(order="A"),
    "array": lambda n, x: n.array(x),
    "zeros_like": lambda n, x: n.zeros_like(x),
    "full_like": lambda n, x: n.full_like(x, 3.0),
    "ones_like F": lambda n, x: n.ones_like(x, order="F"),
    "zeros F": lambda n, x: n.zeros(x.shape, order="F"),
    "ascontiguousarray": lambda n, x: n.ascontiguousarray(x),
    "asfortranarray": lambda n, x: n.asfortranarray(x),
    "broadcast": lambda n, x: x + n.broadcast_to(x[..., :1], x.shape),
    "exp of a broadcast": lambda n, x: n.exp(n.broadcast_to(x[:1], (3, *x.shape))[:, 0]),
    "where": lambda n, x: n.where(x > 0, x, 0.0),
    "clip": lambda n, x: n.clip(x, -0.5, 0.5),
    "reshape": lambda n, x: n.reshape(x, (-1, x.shape[-1])),
    "reshape F": lambda n, x: n.reshape(x, (-1, x.shape[-1]), order="F"),
}


def strides_that_count(a):
    return [step for step, length in zip(a.strides, a.shape, strict=True) if length > 1]


@pytest.mark.parametrize("make", NEW.values(), ids=NEW)
@pytest.mark.parametrize("look", OTHERS.values(), ids=OTHERS)
def test_what_is_new_lies_as_in_numpy(make, look):
    want, got = make(np, look(MATRIX)), make(wnp, look(wg.array(MATRIX)))
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-6)
    assert strides_that_count(got) == strides_that_count(want)
    assert got.flags.c_contiguous == want.flags.c_contiguous
    assert got.flags.f_contiguous == want.flags.f_contiguous


@pytest.mark.parametrize("left", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("right", OTHERS.values(), ids=OTHERS)
def test_two_operands_agree_on_an_order_as_in_numpy(left, right):
    x = wg.array(MATRIX)
    try:
        want = left(MATRIX) + right(MATRIX)
    except ValueError:
        with pytest.raises(ValueError, match="broadcast"):
            left(x) + right(x)
        return
    got = left(x) + right(x)
    np.testing.assert_allclose(got.numpy(), want)
    assert strides_that_count(got) == strides_that_count(want)


@pytest.mark.parametrize("look", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("order", "CFAK")
def test_ravel_in_every_order(look, order):
    theirs, ours = MATRIX.copy(), wg.array(MATRIX)
    want, got = look(theirs).ravel(order), look(ours).ravel(order)
    np.testing.assert_array_equal(got.numpy(), want)
    theirs += 1.0
    ours += 1.0
    np.testing.assert_array_equal(got.numpy(), want)
    np.testing.assert_array_equal(look(ours).flatten(order).numpy(), look(theirs).flatten(order))


# ---- views of views --------------------------------------------------------------------------------------------------

CHAINS = {
    "slice of a transpose": lambda n, x: x.T[1:, ::-1],
    "transpose of a slice": lambda n, x: x[:, 1:3].T,
    "reshape of a slice": lambda n, x: x[1:].reshape(-1, 2),
    "diagonal": lambda n, x: n.einsum("ii->i", x[:, :3]),
    "diagonal of a transpose": lambda n, x: n.einsum("iij->ji", x[:, :3].T.reshape(3, 3, 1)),
    "reversed twice": lambda n, x: x[::-1][::-1][1:],
    "rotated": lambda n, x: n.rot90(x)[1],
    "moved": lambda n, x: n.moveaxis(x.reshape(3, 2, 2), 0, -1)[0],
    "squeezed": lambda n, x: n.squeeze(n.expand_dims(x[1], (0, 2))),
    "of a column-major array": lambda n, x: n.asfortranarray(x.T).T[0],
    "every other": lambda n, x: n.ravel(x)[::5],
    "split": lambda n, x: n.split(x, 2, axis=1)[1].T,
}


def program(n, chain):
    def f(x, v):
        y = n.asarray(x) * 2.0
        view = chain(n, y)
        early = n.sum(view * view)
        view *= 3.0
        y[0] += v
        view[...] = view + n.sum(v)
        return n.sum(y * y * x) + early + n.sum(view)

    return f


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_views_of_views_through_every_transform(chain):
    x, v = np.linspace(0.5, 1.6, 12).reshape(3, 4), np.linspace(-1.0, 1.0, 4)
    f = program(wnp, chain)
    want = program(np, chain)(x, v)
    np.testing.assert_allclose(f(wg.array(x), wg.array(v)).item(), want)
    wg.check_grads(f, (x, v), order=2)
    slopes = wg.grad(f, (0, 1))(x, v)
    compiled = wg.compile(wg.grad(f, (0, 1)))
    for scale in (2.0, 1.0, 1.0):
        got = compiled(x * scale, v)
    for g, w in zip(got, slopes, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-12)
    value = wg.compile(f)
    for scale in (2.0, 1.0, 1.0):
        got = value(x * scale, v)
    np.testing.assert_allclose(got, want)


def test_a_chain_of_views_costs_what_its_links_cost():
    """No view holds another: each knows its root."""
    a = wg.array(np.ones(5000))
    x = a
    for _ in range(4000):
        x = x[1:]
    assert x.base is a
    a[4500] = 7.0
    assert x[500] == 7.0
    x[0] = 5.0
    assert a[4000] == 5.0
    y = wg.array(np.ones((2, 2)))
    for _ in range(100_000):
        y = y.T
    assert y.base.base is None


def test_writing_through_a_view_that_overlaps_itself_is_refused():
    x = wg.array(np.arange(4.0))
    for view in (wnp.broadcast_to(x, (2, 4)), *wnp.broadcast_arrays(x, np.ones((2, 1)))[:1]):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 1.0
        with pytest.raises(ValueError, match="read-only"):
            view += 1.0
    np.testing.assert_array_equal(x, np.arange(4.0))


def test_the_order_of_an_argument_is_part_of_a_compiled_function():
    def f(x):
        flat = x.reshape(-1)  # a view of rows, a copy of columns
        flat += 1.0
        return x * 1.0

    g = wg.compile(f)
    for order in "CFCF":
        a, b = (np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], order=order) for _ in range(2))
        want = f(a)
        np.testing.assert_array_equal(g(b), want)
        np.testing.assert_array_equal(a, b)
    for turn in (False, True, False, True):
        a, b = wg.array(np.ones((2, 3))), wg.array(np.ones((2, 3)))
        a, b = (a.T, b.T) if turn else (a, b)
        np.testing.assert_array_equal(g(b), f(a))
        np.testing.assert_array_equal(a, b)


# ---- numbers and arrays ----------------------------------------------------------------------------------------------


def scalars(n, x):
    """0-d results that are NumPy scalars."""
    return {
        "element": x[0], "two indices": x.reshape(1, -1)[0, 1], "sum": n.sum(x), "method": x.max(), "dot": n.dot(x, x),
        "ufunc": n.sin(x[1]), "product": x[0] * 2.0, "iterated": next(iter(x)), "negative": -x[1],
    }  # fmt: skip


def zero_d(n, x):
    """0-d results that are arrays."""
    return {
        "array": n.array(1.5), "zeros": n.zeros(()), "ellipsis": x[0, ...], "reshape": x[:1].reshape(()),
        "squeeze": n.squeeze(x[:1]), "asarray": n.asarray(2.0), "full": n.full((), 3.0), "copy": n.array(1.5).copy(),
        "view": n.array(1.5)[...], "of a number": n.asarray(x[0]), "where": n.where(x[0] > 0, x[0], 1.0),
    }  # fmt: skip


@pytest.mark.parametrize("name", scalars(np, np.ones(3)))
def test_numbers_are_bound_anew(name):
    def f(x, n=wnp):
        s = scalars(n, x)[name]
        before, also = s, s
        s += 2.0
        s *= 3.0
        assert also is before
        with pytest.raises(TypeError):
            before[...] = 0.0
        return before * 10.0 + s + n.sum(x)

    x = np.array([0.5, 1.5, -1.0])
    np.testing.assert_allclose(f(wg.array(x)).item(), f(x, np))
    np.testing.assert_allclose(wg.value_and_grad(f)(x)[0], f(x, np))
    wg.check_grads(f, (x,))


@pytest.mark.parametrize("name", zero_d(np, np.ones(3)))
def test_arrays_without_axes_are_changed_in_place(name):
    def f(x, n=wnp):
        a = zero_d(n, x)[name]
        also = a
        a += 2.0
        assert a is also
        a[...] = a * 3.0
        return also * 10.0 + n.sum(x)

    x = np.array([0.5, 1.5, -1.0])
    np.testing.assert_allclose(f(wg.array(x)).item(), f(x, np))
    np.testing.assert_allclose(wg.value_and_grad(f)(x)[0], f(x, np))


@pytest.mark.parametrize("make", [float, np.float64, np.array, wg.array], ids=["float", "float64", "ndarray", "Array"])
def test_arguments_without_axes(make):
    def f(x):
        y = x
        y *= 3.0
        return x * 1.0

    want = float(f(np.array(2.0) if make is wg.array else make(2.0)))
    assert float(f(make(2.0))) == want
    value, slope = wg.value_and_grad(f)(make(2.0))
    assert (float(value), float(slope)) == (want, want / 2)
    g = wg.compile(f)
    for _ in range(3):
        assert float(g(make(2.0))) == want


# ---- in place is in place --------------------------------------------------------------------------------------------

IN_PLACE = ["iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "imatmul"]


@pytest.mark.parametrize("name", [*IN_PLACE, "iand", "ior", "ixor"])
def test_augmented_operators_change_the_array_under_every_name(name):
    change = getattr(operator, name)
    x, y = np.array([[1.0, 2.0], [3.0, 4.5]]), np.array([[2.0, 1.1], [1.3, 3.0]])
    if name not in IN_PLACE:
        x, y = x > 2, y > 1

    def f(x, y):
        z = x.copy()
        also, row = z, z[0]
        assert change(z, y) is also
        return also * 1.0, row * 1.0

    for got, want in zip(f(wg.array(x), wg.array(y)), f(x, y), strict=True):
        np.testing.assert_allclose(got.numpy(), want)
    if name in IN_PLACE and name != "ifloordiv":
        wg.check_grads(f, (x, y))
    a, b = x.copy(), x.copy()
    compiled = wg.compile(lambda x, y: (change(x, y), None)[1])
    for _ in range(3):
        change(a, y)
        compiled(b, y)
        np.testing.assert_allclose(b, a)


METHODS = {
    "sort": lambda x: x.sort(),
    "sort columns": lambda x: x.sort(axis=0),
    "partition": lambda x: x.partition(1),
    "fill": lambda x: x.fill(2.0),
    "put": lambda x: x.put([0, 4], [5.0, 6.0]),
    "through a view": lambda x: x.T[0].sort(),
}


@pytest.mark.parametrize("change", METHODS.values(), ids=METHODS)
def test_methods_that_change_the_array(change):
    def f(x):
        y = x.copy()
        view = y[::-1]
        assert change(y) is None
        return view * 1.0

    x = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
    np.testing.assert_allclose(f(wg.array(x)).numpy(), f(x))
    wg.check_grads(f, (x,))
    a, b = x.copy(), x.copy()
    compiled = wg.compile(lambda x: (change(x), x * 1.0)[1])
    for _ in range(3):
        change(a)
        np.testing.assert_allclose(compiled(b), a)
        np.testing.assert_allclose(b, a)


def test_the_size_of_an_array_stays():
    with pytest.raises(TypeError, match="resize"):
        wg.array([1.0, 2.0]).resize(3)


# ---- views that outlive the run that made them -----------------------------------------------------------------------


def stale(x):
    """A view whose root was changed after it was taken."""
    y = x * 1.0
    view = y[1:]
    y *= 2.0
    return view


def test_a_view_of_a_changed_local_can_be_returned():
    x, double = np.array([1.0, 2.0, 3.0]), np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 2.0]])
    value, pullback = wg.vjp(stale, x)
    np.testing.assert_array_equal(value, [4.0, 6.0])
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [0.0, 2.0, 2.0])
    np.testing.assert_array_equal(wg.jvp(stale, (x,), (x,))[1], [4.0, 6.0])
    np.testing.assert_array_equal(wg.jacrev(stale)(x), double)
    np.testing.assert_array_equal(wg.jacfwd(stale)(x), double)
    np.testing.assert_array_equal(wg.linearize(stale, x)[0], [4.0, 6.0])
    np.testing.assert_array_equal(wg.vjp(lambda x: {"a": [stale(x)]}, x)[0]["a"][0], [4.0, 6.0])
    np.testing.assert_array_equal(wg.grad(lambda x: wnp.sum(wg.checkpoint(stale)(x)))(x), [0.0, 2.0, 2.0])
    compiled = wg.compile(lambda x: (stale(x), [stale(x)]))
    for _ in range(2):
        np.testing.assert_array_equal(compiled(x)[1][0], [4.0, 6.0])
