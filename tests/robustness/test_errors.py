"""Bad input and interruptions: a clear exception, nothing left behind, never a crash, never a silent zero."""

import gc
import threading

import numpy as np
import pytest
import wengert as wg
from wengert import _core

X = np.array([0.5, -1.0, 2.0])


@pytest.fixture(autouse=True)
def nothing_left_behind():
    yield
    gc.collect()
    assert _core.depth() == 0
    assert _core.recording()
    assert wg.grad(lambda x: np.sum(x * x))(3.0) == 6.0


TRANSFORMS = {
    "grad": wg.grad,
    "value_and_grad": wg.value_and_grad,
    "jacfwd": wg.jacfwd,
    "jacrev": wg.jacrev,
    "jacobian": wg.jacobian,
    "hessian": wg.hessian,
    "elementwise_grad": wg.elementwise_grad,
    "vjp": lambda f: lambda x: wg.vjp(f, x),
    "jvp": lambda f: lambda x: wg.jvp(f, (x,), (np.ones_like(x),)),
    "linearize": lambda f: lambda x: wg.linearize(f, x),
    "checkpoint": lambda f: wg.grad(wg.checkpoint(f)),
    "record": lambda f: lambda x: wg.record(f, (x,)),
}


# ---- exceptions of the user's function ------------------------------------------------------------------------------


class Mine(Exception):
    pass


@pytest.mark.parametrize("kind", [Mine, KeyboardInterrupt, SystemExit, MemoryError, StopIteration, RecursionError])
@pytest.mark.parametrize("outer", TRANSFORMS)
def test_exceptions_pass_through_any_nest(outer, kind):
    def raising(x):
        y = np.sum(np.sin(x))
        if y == y:
            raise kind("on purpose")
        return y

    for inner in TRANSFORMS:
        f = TRANSFORMS[outer](lambda x, d=TRANSFORMS[inner]: np.sum(x) + np.sum(d(raising)(x)))
        with pytest.raises(kind, match="on purpose") as error:
            f(X)
        assert _core.depth() == 0, inner
        assert error.value.__cause__ is None


def test_an_exception_that_is_caught_inside_changes_nothing():
    def f(x):
        y = np.sum(x * x)
        for d in TRANSFORMS.values():
            try:
                d(lambda x: 1 / 0)(x)
            except ZeroDivisionError:
                y = y + np.sum(x)
        assert _core.depth() == 1
        return y

    np.testing.assert_allclose(wg.grad(f)(X), 2 * X + len(TRANSFORMS))


def test_exceptions_in_rules_of_the_user():
    armed = True

    @wg.custom_vjp
    def f(x):
        return x * x

    def bwd(x, g):
        if armed:
            raise Mine("in the sweep")
        return (2.0 * x * g,)

    f.defvjp(lambda x: (x * x, x), bwd)
    _, pullback = wg.vjp(lambda x: np.sin(f(x)) + f(x) * x, X)
    for _ in range(3):
        with pytest.raises(Mine, match="in the sweep"):
            pullback(np.ones(3))
    armed = False
    want = 2 * X * np.cos(X**2) + 3 * X**2
    np.testing.assert_allclose(pullback(np.ones(3))[0], want)
    np.testing.assert_allclose(pullback(np.ones(3))[0], want)


def test_a_sweep_that_was_interrupted_leaves_no_cotangents():
    armed = True

    @wg.custom_vjp
    def pair(x):
        return x * 2.0, x * 3.0

    def bwd(_, g):
        if armed:
            raise Mine
        return (2.0 * g[0] + 3.0 * g[1],)

    pair.defvjp(lambda x: ((x * 2.0, x * 3.0), None), bwd)
    _, pullback = wg.vjp(pair, X)
    with pytest.raises(Mine):
        pullback((np.full(3, 100.0), np.full(3, 100.0)))
    armed = False
    np.testing.assert_allclose(pullback((np.ones(3), np.zeros(3)))[0], np.full(3, 2.0))


# ---- wrong results of the function ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda x: x, r"scalar.*\(3,\).*jacobian"),
        (lambda x: x[:1], r"scalar.*\(1,\)"),
        (lambda x: (np.sum(x), 1), "scalar.*tuple.*has_aux"),
        (lambda x: {"loss": np.sum(x)}, "scalar.*dict"),
        (lambda x: None, "scalar.*None"),
        (lambda x: "text", "scalar.*str"),
        (lambda x: np.argmax(x), "int64"),
        (lambda x: np.sum(x) > 0, "bool"),
        (lambda x: np.ones(3), r"scalar.*\(3,\)"),
    ],
)
def test_grad_needs_a_scalar(result, words):
    for transform in (wg.grad, wg.value_and_grad, wg.hessian):
        with pytest.raises(TypeError, match=f"(?s){words}"):
            transform(result)(X)


@pytest.mark.parametrize("result", ["text", object(), 1j])
def test_jacobians_need_arrays(result):
    for transform in (wg.jacfwd, wg.jacrev, wg.jacobian):
        with pytest.raises(TypeError, match=type(result).__name__):
            transform(lambda x: result)(X)


# ---- values where they do not belong --------------------------------------------------------------------------------


def test_numpy_arrays_cannot_swallow_derivatives():
    def into_float(x):
        out = np.zeros(3)
        out[0] = x[0]
        return np.sum(out)

    def into_slice(x):
        out = np.zeros(3)
        out[:] = x
        return np.sum(out)

    def by_list(x):
        return np.sum(np.array([x[0], x[1]]))

    def by_float(x):
        return np.sum(np.asarray(x)) * x[0]

    def by_out(x):
        out = np.zeros(3)
        np.sin(x, out=out)
        return np.sum(out)

    def into_flat(x):
        out = np.zeros(3)
        out.flat[1] = x[1]
        return np.sum(out)

    for f in (into_slice, by_list, by_float, by_out, into_float):
        for d in (wg.grad, wg.jacfwd):
            with pytest.raises(TypeError, match=r"wengert|^numpy\.sin: out="):
                d(f)(X)
            with pytest.raises(ValueError, match="single item"):  # NumPy puts its own words in place of ours
                d(into_flat)(X)


def test_an_integer_array_takes_the_whole_number():
    def f(x):
        out = np.zeros(3, int)
        out[0] = x[2] + 0.5
        return np.sum(out) * x[0]

    for d in (wg.grad, wg.jacfwd):
        np.testing.assert_array_equal(d(f)(X), [int(X[2] + 0.5), 0.0, 0.0])


def test_numbers_taken_out_are_allowed_for_control_flow():
    def f(x):
        n = int(x[2])
        seen = np.zeros(2)
        seen[0] = x[0].detach()  # said to be a number
        return np.sum(x) * n if seen[0] > 0.25 and bool(x[1] < 0) else np.sum(x)

    np.testing.assert_allclose(wg.grad(f)(X), np.full(3, 2.0))


def test_truth_of_an_array_is_ambiguous():
    with pytest.raises(ValueError, match=r"shape \(3,\).*any\(\).*all\(\)"):
        bool(wg.array(X) > 0)
    for convert in (float, int, lambda a: a.item()):
        with pytest.raises(TypeError, match=r"one element.*\(3,\)"):
            convert(wg.array(X))


@pytest.mark.parametrize(
    "bad", ["text", object(), None, 1j, [1, "a"], [[1, 2], [3]], np.array(["a"]), np.ones(2, complex), {"a": 1}]
)
def test_arrays_are_made_of_numbers(bad):
    with pytest.raises((TypeError, ValueError)):
        wg.array(bad)
    with pytest.raises((TypeError, ValueError)):
        wg.array(X) + bad


@pytest.mark.parametrize("dtype", ["complex128", "float128", "U3", "int16", "M8[s]", object])
def test_unknown_element_types_are_refused(dtype):
    with pytest.raises(TypeError, match=r"(?i)dtype|float64"):
        wg.array([1.0], dtype=np.dtype(dtype))


# ---- backward -------------------------------------------------------------------------------------------------------


def leaf(values=(1.0, 2.0, 3.0)):
    return wg.array(list(values), requires_grad=True)


def test_a_second_backward_needs_retain_graph():
    w = leaf()
    loss = (w * w).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        loss.backward()
    np.testing.assert_allclose(w.grad, [2.0, 4.0, 6.0])
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    np.testing.assert_allclose(w.grad, [6.0, 12.0, 18.0])


def test_a_part_of_a_graph_that_was_dropped():
    w = leaf()
    shared = w * w
    shared.sum().backward()
    other = (shared * w).sum()
    with pytest.raises(RuntimeError, match="retain_graph"):
        other.backward()


def test_backward_of_what_has_no_graph():
    with pytest.raises(RuntimeError, match="requires_grad"):
        wg.array(1.0).backward()
    with wg.no_grad():
        y = leaf().sum()
    with pytest.raises(RuntimeError, match="no_grad"):
        y.backward()
    with pytest.raises(RuntimeError, match="inside grad"):
        wg.grad(lambda x: x.backward() or x)(wg.array(1.0))


def test_backward_needs_a_fitting_cotangent():
    w = leaf()
    with pytest.raises(RuntimeError, match=r"scalar.*\(3,\)"):
        (w * w).backward()
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        (w * w).backward(np.ones(2))
    with pytest.raises(TypeError, match="cotangent"):
        (w * w).sum().backward(retain=True)
    (w * w).backward(np.array([1.0, 0.0, 2.0]))
    np.testing.assert_allclose(w.grad, [2.0, 0.0, 12.0])


def test_leaves_cannot_be_written_while_recording():
    w = leaf()
    with pytest.raises(RuntimeError, match="no_grad"):
        w[0] = 5.0
    with pytest.raises(RuntimeError, match="no_grad"):
        w += 1.0
    with wg.no_grad():
        w[0] = 5.0
        w += 1.0
    np.testing.assert_allclose(w.detach(), [6.0, 3.0, 4.0])
    assert w.requires_grad


def test_only_floats_require_gradients():
    for bad in ([1, 2], [True]):
        with pytest.raises(TypeError, match="float"):
            wg.array(bad, requires_grad=True)
        with pytest.raises(TypeError, match="float"):
            wg.array(bad).requires_grad = True
    with pytest.raises(RuntimeError, match="detach"):
        wg.grad(lambda x: wg.array(x, requires_grad=True))(wg.array(1.0))
    with pytest.raises(RuntimeError, match="detach"):
        (leaf() * 2).requires_grad = False


def test_gradients_must_fit():
    w = leaf()
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        w.grad = np.ones(2)
    with pytest.raises(TypeError, match="requires_grad"):
        wg.array([1.0]).grad = np.ones(1)


def test_no_grad_is_restored_by_exceptions():
    with pytest.raises(Mine), wg.no_grad(), wg.no_grad():
        raise Mine
    assert _core.recording()


# ---- odd callers ----------------------------------------------------------------------------------------------------


def test_an_index_that_looks_at_the_array_while_it_is_written():
    class Nosy:
        def __init__(self, array):
            self.array = array

        def __index__(self):
            return int(self.array.shape[0]) - 3 + int(float(self.array[0]) * 0)

    a = wg.array(X)
    a[Nosy(a)] = 9.0
    np.testing.assert_array_equal(a, [9.0, -1.0, 2.0])


def test_an_index_that_writes_the_array_while_it_is_written():
    class Meddler:
        def __init__(self, array):
            self.array = array

        def __index__(self):
            self.array[1] = 7.0
            return 0

    a = wg.array(X)
    a[Meddler(a)] = 9.0
    assert a.shape == (3,)
    assert float(a[0]) == 9.0


def test_an_operand_whose_conversion_writes_the_other():
    class Meddler:
        def __init__(self, array):
            self.array = array

        def __array__(self, dtype=None, copy=None):
            self.array[:] = 0.0
            return np.ones(3)

    a = wg.array(X)
    out = np.asarray(wg.apply("add", a, Meddler(a)))
    assert out.shape == (3,)


def test_values_do_not_cross_threads():
    """While a transform waits for a thread, its values are right in there, whatever the depths; never constants."""
    results = []

    def elsewhere(x):
        results.append(wg.grad(lambda y: y * x)(2.0))
        results.append(wg.jvp(lambda y: y * x, (2.0,), (1.0,))[1])
        results.append(wg.grad(wg.grad(lambda y: y * y * x * 0.5))(2.0))
        results.append(wg.jacrev(lambda y: y * x)(2.0))

    def f(x):
        t = threading.Thread(target=elsewhere, args=(x,))
        t.start()
        t.join()
        return x * x * results[-1]  # 3 x**2: what came back carries the derivative

    for nested in (
        lambda: wg.grad(f)(3.0),
        lambda: wg.grad(lambda z: wg.grad(f)(3.0) * z)(1.0),
        lambda: wg.jvp(lambda z: wg.grad(f)(z), (3.0,), (1.0,))[0],
        lambda: wg.jvp(lambda z: wg.jvp(f, (3.0,), (1.0,))[1] * z, (1.0,), (1.0,))[1],
    ):
        results.clear()
        assert float(nested()) == 27.0
        assert [float(r) for r in results] == [3.0] * 4


def test_a_value_of_a_transform_in_another_thread_is_no_result():
    inside, done = threading.Event(), threading.Event()
    shared = []

    def other(y):
        shared.append(y * 2.0)
        inside.set()
        assert done.wait(10)
        return y * y

    def f(x):
        t = threading.Thread(target=wg.grad(other), args=(5.0,))
        t.start()
        assert inside.wait(10)
        try:
            return x * shared[0]
        finally:
            done.set()
            t.join()

    for transform in (wg.grad, wg.value_and_grad, wg.jacrev, wg.jacfwd, wg.hessian, lambda f: lambda x: wg.vjp(f, x)):
        shared.clear()
        inside.clear()
        done.clear()
        with pytest.raises(RuntimeError, match="another transform"):
            transform(f)(3.0)


def test_a_kept_value_is_no_result():
    kept = []
    wg.grad(lambda x: kept.append(x * 2.0) or x)(1.0)
    for transform in (wg.grad, wg.jacrev, wg.jacfwd, lambda f: lambda x: wg.vjp(f, x)):
        with pytest.raises(RuntimeError, match="another transform"):
            transform(lambda x: kept[0])(3.0)
        with pytest.raises(RuntimeError, match="another transform"):
            wg.grad(lambda x: (x, kept[0]), has_aux=True)(3.0)


def test_deep_python_recursion_inside_a_transform():
    def deep(x, n):
        return np.sin(x) if n == 0 else deep(x, n - 1) * 1.0

    assert wg.grad(lambda x: deep(x, 500))(0.3) == pytest.approx(np.cos(0.3))
    with pytest.raises(RecursionError):
        wg.grad(lambda x: deep(x, 10**6))(0.3)

    def forever(x):
        return wg.grad(forever)(x)

    with pytest.raises(RecursionError):
        forever(1.0)
