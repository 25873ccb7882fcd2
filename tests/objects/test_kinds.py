"""What an Array passes for inside a transform or a recording, beside the tables of test_kinds_table.py."""

from __future__ import annotations

import collections.abc
import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
import wengert.reference as wr


def test_python_numbers_of_a_compiled_function():
    seen = []

    def f(n, b, x):
        for v in (n, b, x, n + 1, n / 2, n // 2, n * 2.0, -n, n > 1, ~n, n**2, n << 1, n & 1, n * np.int32(2), abs(n)):
            seen.append(v.__class__)
        return x

    f(3, True, 2.0)
    want, seen = seen, []
    wg.compile(f)(3, True, 2.0)
    assert seen == want


def test_a_derivative_takes_the_way_that_the_value_takes():
    def f(x):
        return np.sum(x**3) if isinstance(x, np.ndarray) else x**2 if isinstance(x, float) else 0.0 * wnp.sum(x)

    assert wg.grad(f)(3.0) == 6.0
    assert wg.grad(wg.grad(f))(3.0) == 2.0
    np.testing.assert_array_equal(wg.grad(f)(np.array([1.0, 2.0])), [3.0, 12.0])
    np.testing.assert_array_equal(wg.grad(f)(wg.array([1.0, 2.0])), [0.0, 0.0])
    assert wg.compile(f)(3.0) == 9.0
    assert wg.grad(wg.compile(f))(np.float64(3.0)) == 6.0  # a float, too


@pytest.mark.parametrize("engine", [wg, wr])
def test_mixed_arguments(engine):
    """A float beside an array stays one; anything with an Array is an Array."""
    seen = {}

    def f(a, x, y):
        seen.update({"a": a, "x": x, "y": y, "a * 2": a * 2, "a * x": a * x, "x + y": x + y, "a + y": a + y})
        seen.update({"np.sin(a)": np.sin(a), "np.sum(x)": np.sum(x), "np.sum(y)": np.sum(y), "a * np.sum(x)": a * x[0]})
        assert {k: v.__class__ for k, v in seen.items()} == {
            "a": float, "x": np.ndarray, "y": engine.Array, "a * 2": float, "a * x": np.ndarray,
            "x + y": engine.Array, "a + y": engine.Array, "np.sin(a)": np.float64, "np.sum(x)": np.float64,
            "np.sum(y)": engine.Array, "a * np.sum(x)": np.float64,
        }  # fmt: skip
        return engine.numpy.sum(x + y) * a

    engine.grad(f, argnums=(0, 1, 2))(2.0, np.ones(2), engine.array([1.0, 2.0]))


def test_outside_of_transforms_an_array_is_an_array():
    x = wg.array([1.0, 2.0])
    assert [v.__class__ for v in (x, x[0], x.sum(), x > 1, wnp.sin(1.0), x.T, np.sin(x))] == [wg.Array] * 7
    kept = []
    wg.grad(lambda x: (kept.append(x), kept.append(x > 0), x * 2)[2])(1.0)
    assert all(v.__class__ is wg.Array and type(v) is wg.Array for v in kept)
    assert wg.Array.__class__ is type
    w = wg.array([1.0], requires_grad=True)
    assert (w * 2).__class__ is wg.Array
    with pytest.raises((AttributeError, TypeError)):
        x.__class__ = int


def test_functions_of_the_mirror_give_arrays():
    def f(x):
        assert isinstance(x, np.ndarray)
        for y in (wnp.sin(x), wnp.sum(x), wnp.reshape(x, (2, 1)), wnp.zeros(2), x * wnp.ones(2), wnp.asarray(3.0)):
            assert isinstance(y, wg.Array)
            assert y.__class__ is wg.Array
        return np.sum(x)

    wg.grad(f)(np.ones(2))


def test_the_type_is_the_same_everywhere():
    """`type(x) is float` cannot be met, and what asks for exact types is not fooled."""

    def f(x, v):
        assert type(x) is type(v) is wg.Array
        assert isinstance(x, wg.Array)
        assert isinstance(x, collections.abc.Iterable)  # a class says so, not a value
        return x * np.sum(v)

    wg.grad(f)(2.0, wg.array([1.0]))
    wg.compile(f)(2.0, np.ones(2))


def test_scalars_are_bound_anew_and_arrays_are_changed():
    def f(x):
        s = t = x.sum()
        s += 1.0
        assert s is not t
        with pytest.raises(TypeError):
            t[...] = 2.0
        y = z = x * 1.0
        y += 1.0
        assert y is z
        n = m = x[0]
        n *= 2.0
        assert n is not m
        return s + t + y.sum() + n

    np.testing.assert_array_equal(wg.grad(f)(np.array([1.0, 2.0])), [5.0, 3.0])
    np.testing.assert_array_equal(wr.grad(f)(np.array([1.0, 2.0])), [5.0, 3.0])


def test_what_every_number_has():
    """`numbers.Complex` promises real, imag and conjugate; a float has is_integer."""

    def f(x):
        assert x.real.__class__ is x.imag.__class__ is x.conjugate().__class__ is x.__class__
        assert not x.is_integer()
        assert (2.0 * x).is_integer()
        return x.real * x.conjugate() + x.imag

    assert wg.grad(f)(1.5) == 3.0
    assert wg.grad(f)(np.float64(1.5)) == 3.0
    assert wg.compile(f)(1.5) == 2.25
    g = wg.compile(lambda x: x * 2.0 if x.is_integer() else x)
    assert [g(v) for v in (1.5, 2.0, 2.5, np.inf)] == [1.5, 4.0, 2.5, np.inf]

    def real_part(x):
        y = x * 1.0
        y.real[0] = 7.0  # a view
        return np.sum(y * x.conj()) + np.sum(x.imag)

    np.testing.assert_array_equal(wg.grad(real_part)(np.array([2.0, 3.0])), [7.0, 6.0])


def test_another_thread_sees_the_same():
    seen = []

    def f(x):
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(lambda: (isinstance(x, float), hasattr(x, "shape"))).result())
        return x * 2.0

    wg.grad(f)(1.0)
    assert seen == [(True, False)]


LOOPS = {
    "grad": wg.grad,
    "compile": wg.compile,
    "both": lambda f: wg.compile(wg.grad(f)),
    "inside": lambda f: wg.grad(wg.compile(f)),
}


@pytest.mark.parametrize("transform", LOOPS)
def test_functions_and_results_of_loops(transform):
    """Steps of a loop that is one operation see what they see one by one; so does what comes after it."""
    seen = set()

    def note(place, *values):
        seen.add((place, *(v.__class__ for v in values)))

    def f(x):
        c, ys = wg.scan(lambda c, r: (note("scan", c, r), (c + r, c * 2.0))[1], np.float64(0.0), x)
        y = wg.cond(np.sum(x) > 0, lambda v: (note("cond", v), v * 2.0)[1], lambda v: v * 3.0, x)
        z = wg.fori_loop(0, 3, lambda i, c: (note("fori", i, c), c * 1.5)[1], x)
        w = wg.while_loop(lambda c: c < 10.0, lambda c: (note("while", c), c * 2.0)[1], 1.0)
        note("results", c, ys, y, z, w)
        return np.sum(y * z) * w + c

    f(np.array([1.0, 2.0]))
    want, seen = seen, set()
    LOOPS[transform](f)(np.array([1.0, 2.0]))
    assert seen == want


def test_instances_of_the_mirrors_ndarray():
    assert isinstance(np.ones(2), wnp.ndarray)
    assert isinstance(wg.array(1.0), wnp.ndarray)
    assert not isinstance(1.0, wnp.ndarray)
    assert not isinstance(np.float64(1.0), wnp.ndarray)
    assert issubclass(np.ndarray, wnp.ndarray)
    assert issubclass(wg.Array, wnp.ndarray)
    seen = []
    wg.grad(lambda x: (seen.append(isinstance(x, wnp.ndarray)), x * 1.0)[1])(2.0)
    wg.grad(lambda x: (seen.append(isinstance(x, wnp.ndarray)), np.sum(x))[1])(np.ones(2))
    assert seen == [False, True]
    with pytest.raises(TypeError, match="empty"):
        wnp.ndarray((2,))


def test_what_libraries_call_on_an_array():
    """What passes for an ndarray has the methods that libraries call on one."""
    plain = np.asfortranarray(np.arange(6.0).reshape(2, 3))

    def f(x):
        assert isinstance(x, np.ndarray)
        assert x.strides == plain.strides
        assert (x.flags.c_contiguous, x.flags["F_CONTIGUOUS"]) == (False, True)
        assert x.flags.writeable
        assert x.copy().flags.c_contiguous
        assert x.copy("K").strides == plain.strides
        assert x.transpose().strides == plain.T.strides
        assert x.transpose(1, 0).shape == (3, 2)
        assert x.astype(float, copy=False) is x
        assert x.astype(np.float32).dtype == np.float32
        assert x.view().base is x
        assert x.itemsize == 8
        for y in (x.copy(), x.T, x.transpose(), x.view(), x.astype(np.float32), x[0], x[:1], copy.deepcopy(x)):
            assert isinstance(y, np.ndarray)
        return np.sum(x * x)

    np.testing.assert_array_equal(wg.grad(f)(plain), 2 * plain)
    wg.compile(f)(plain)


def test_pickling_and_copies_see_the_type():
    def f(x):
        for y in (x, x * 2, np.sin(x)):
            assert copy.copy(y).__class__ is y.__class__
            assert copy.deepcopy([y])[0].__class__ is y.__class__
            with pytest.raises(TypeError, match="pickling"):
                pickle.dumps(y)
        plain = x.detach() > 0  # carries no derivative
        assert type(pickle.loads(pickle.dumps(plain))) is wg.Array
        return x * 1.0

    wg.grad(f)(2.0)
    wg.grad(lambda x: np.sum(f(x)))(np.ones(2))


def test_derivatives_inside_pass_for_what_the_argument_is():
    seen = []

    def f(x):
        g = wg.grad(lambda y: np.sum(y * y * x))(x)
        v, pull = wg.vjp(lambda y: y * x, x)
        w, t = wg.jvp(lambda y: y * x, (x,), (x,))
        value = wg.value_and_grad(lambda y: np.sum(y * x))(x)[0]
        seen.append([z.__class__ for z in (g, v, pull(x)[0], w, t, value, wg.stop_gradient(x))])
        return np.sum(g)

    wg.grad(f)(2.0)
    wg.grad(f)(np.ones(2))
    wg.grad(f)(wg.array([1.0]))
    assert seen[0] == [float, float, float, float, float, np.float64, float]
    assert seen[1] == [np.ndarray] * 5 + [np.float64, np.ndarray]
    assert seen[2] == [wg.Array] * 7


def test_rules_of_the_users_own():
    seen = []

    @wg.custom_vjp
    def twice(x):
        seen.append(x.__class__)
        return x * 2.0

    twice.defvjp(
        lambda x: (seen.append(x.__class__), (x * 2.0, x))[1], lambda x, g: (seen.append(x.__class__), (g * 2.0,))[1]
    )
    assert wg.grad(lambda x: twice(x) * (1.0 if isinstance(twice(x), float) else 7.0))(3.0) == 2.0
    assert set(seen) == {float}
    seen.clear()
    wg.grad(lambda x: np.sum(wg.checkpoint(lambda v: (seen.append(v.__class__), v * v)[1])(x)))(np.ones(2))
    assert set(seen) == {np.ndarray}


def test_lists_of_numbers_carry_derivatives():
    def f(x):
        parts = x.tolist()
        assert [[isinstance(v, float) for v in row] for row in parts] == [[True, True]]
        return parts[0][0] ** 2 * parts[0][1]

    np.testing.assert_array_equal(wg.grad(f)(np.array([[3.0, 2.0]])), [[12.0, 9.0]])
    assert wg.grad(lambda x: np.sum(x).tolist() * 2.0)(np.float32(1.0)) == 2.0
    assert wg.compile(lambda x: x.tolist())(np.array([1.0, 2.0])) == [1.0, 2.0]


def test_every_ufunc_gives_scalars_of_scalars():
    """Those that are composed of others, too."""
    from wengert.numpy.protocols import UFUNCS

    wrong, seen = [], 0
    for ufunc in UFUNCS:
        if ufunc.signature is not None:
            continue
        plain = [0.5] * ufunc.nin
        try:
            with np.errstate(all="ignore"):
                want = ufunc(*plain)
        except TypeError:
            continue  # for integers only
        want = want if isinstance(want, tuple) else (want,)
        found = []
        wg.grad(lambda x: (found.append(ufunc(x, *plain[1:])), x * 1.0)[1])(0.5)  # noqa: B023
        got = found[0] if isinstance(found[0], tuple) else (found[0],)
        seen += 1
        if any(type(w) is not _class_when_seen(g) for w, g in zip(want, got, strict=True)):
            wrong.append(ufunc.__name__)
    assert seen > 60
    assert not wrong


def _class_when_seen(x):
    """Of a value that was kept from a transform: asked inside another one."""
    found = []
    wg.grad(lambda y: (found.append(x.__class__), y * 1.0)[1])(1.0)
    return found[0]


@pytest.mark.parametrize("engine", [wg, wr])
def test_an_array_of_a_number_keeps_its_derivative(engine):
    for x in (2.0, np.float64(2.0), np.array(2.0)):
        assert float(engine.grad(lambda x: engine.numpy.array(x * 3.0) * x)(x)) == 12.0
        assert float(engine.grad(lambda x: engine.numpy.asarray(x)[None].sum() * 5.0)(x)) == 5.0


IN_PLACE = {"fill_diagonal", "put", "putmask", "place", "copyto"}  # of numbers: refused, as by NumPy
WAYS = {
    "x": lambda f, x: f(x),
    "x, 1": lambda f, x: f(x, 1.0),
    "1, x": lambda f, x: f(1.0, x),
    "x, x": lambda f, x: f(x, x),
    "[x, 2]": lambda f, x: f([x, 2.0]),
    "v, x": lambda f, x: f(np.ones(3), x),
    "x, v, v": lambda f, x: f(x, np.arange(3.0), np.ones(3)),
}


@pytest.mark.parametrize("transform", [wg.grad, wg.compile])
def test_no_function_of_the_mirror_asks_a_number_for_its_shape(transform):
    wrong = set()
    for name in set(wnp.__all__) - IN_PLACE:
        function = getattr(wnp, name)
        if not callable(function) or isinstance(function, type):
            continue

        def f(x):
            for way, call in WAYS.items():
                try:
                    call(function, x)  # noqa: B023
                except Exception as e:
                    if "this is a number" in str(e):
                        wrong.add(f"{name}({way})")  # noqa: B023
            return x * 1.0

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            transform(f)(0.7)
    assert not wrong


def test_the_mirrors_result_type_knows_numbers():
    seen = []
    wg.grad(lambda x: (seen.append(wnp.result_type(np.float32(1.0), x)), x * 1.0)[1])(2.0)
    assert seen == [np.float32]
