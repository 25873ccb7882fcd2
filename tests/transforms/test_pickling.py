"""Functions that transforms return go through pickle, cloudpickle, copies and pools of processes."""

import copy
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import wengert as wg

X = np.array([0.3, 0.7, 1.1])


def loss(x, scale=1.0):
    """A loss."""
    return np.sum(np.sin(x) * x) * scale


def vector(x):
    return np.sin(x) * x


@wg.custom_vjp
def with_vjp(x):
    return x * x


with_vjp.defvjp(lambda x: (x * x, x), lambda r, g: (3.0 * r * g,))


@wg.custom_jvp
def with_jvp(x):
    return x * x


with_jvp.defjvp(lambda p, t: (p[0] * p[0], 3.0 * p[0] * t[0]))


def sum_of_vjp(x):
    return np.sum(with_vjp(x))


def sum_of_jvp(x):
    return np.sum(with_jvp(x))


def square(x):
    return x * x


def square_rule(p, t):
    return p[0] * p[0], 5.0 * p[0] * t[0]


def square_forward(x):
    return x * x, x


def square_backward(r, g):
    return (5.0 * r * g,)


def unnamed_vjp():
    f = wg.custom_vjp(square)
    f.defvjp(square_forward, square_backward)
    return f


def unnamed_jvp():
    f = wg.custom_jvp(square)
    f.defjvp(square_rule)
    return f


def pair(x):
    return np.sum(x * x), {"n": 1.0}


@wg.grad
def decorated(x):
    return np.sum(x**3)


@wg.compile
@wg.value_and_grad
def decorated_twice(x):
    return np.sum(x**3)


@wg.checkpoint
def decorated_checkpoint(x):
    return np.sin(x) * x


class Model:
    def __init__(self):
        self.w = np.array([1.0, 2.0, 3.0])
        self.gradient = wg.grad(self.loss)
        self.step = wg.compile(self.loss)
        self.all = [wg.hessian(self.loss), wg.checkpoint(self.loss)]

    def loss(self, x):
        return np.sum(self.w * x * x)

    @wg.no_grad()
    def value(self, x):
        return np.sum(self.w * x)

    of_class = wg.grad(lambda self, x: np.sum(self.w * x * x), argnums=1)


FUNCTIONS = {
    "grad": wg.grad(loss),
    "grad argnums": wg.grad(loss, argnums=(0,)),
    "grad aux": wg.grad(pair, has_aux=True),
    "value_and_grad": wg.value_and_grad(loss),
    "value_and_grad aux": wg.value_and_grad(pair, has_aux=True),
    "grad of grad": wg.grad(wg.checkpoint(loss)),
    "jacfwd": wg.jacfwd(vector),
    "jacrev": wg.jacrev(vector),
    "jacobian": wg.jacobian(vector),
    "jacobian explained": wg.jacobian(vector, explain=True),
    "hessian": wg.hessian(loss),
    "elementwise_grad": wg.elementwise_grad(vector),
    "second elementwise_grad": wg.elementwise_grad(wg.elementwise_grad(vector)),
    "grad of a ufunc": wg.elementwise_grad(np.sin),
    "custom_vjp": wg.grad(sum_of_vjp),
    "custom_jvp": wg.grad(sum_of_jvp),
    "custom_vjp itself": with_vjp,
    "custom_jvp itself": with_jvp,
    "unnamed custom_vjp": unnamed_vjp(),
    "unnamed custom_jvp": unnamed_jvp(),
    "jacrev of unnamed custom_vjp": wg.jacrev(unnamed_vjp()),
    "jacfwd of unnamed custom_jvp": wg.jacfwd(unnamed_jvp()),
    "checkpoint": wg.checkpoint(vector),
    "grad of checkpoint": wg.jacrev(wg.checkpoint(vector)),
    "compile": wg.compile(loss),
    "compile grad": wg.compile(wg.value_and_grad(loss)),
    "no_grad": wg.no_grad()(vector),
    "decorated": decorated,
    "decorated twice": decorated_twice,
    "decorated checkpoint": decorated_checkpoint,
    "linearize": wg.linearize(vector, X)[1],
    "bound": Model().value,
}


def same(a, b):
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return (isinstance(a, str) and a == b) or np.allclose(a, b, rtol=1e-14, atol=0)


def ways():
    yield from ((f"pickle {p}", lambda f, p=p: pickle.loads(pickle.dumps(f, p))) for p in range(2, 6))
    yield "python's pickler", lambda f: pickle._loads(pickle._dumps(f))
    yield "copy", copy.copy
    yield "deepcopy", copy.deepcopy


WAYS = dict(ways())


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_travels(name, way):
    f = FUNCTIONS[name]
    g = WAYS[way](f)
    assert same(g(X), f(X))
    if hasattr(f, "__name__"):
        assert g.__name__ == f.__name__
        assert getattr(g, "__doc__", None) == getattr(f, "__doc__", None)
    assert same(WAYS[way](g)(X), f(X))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_travels_by_cloudpickle(name):
    cloudpickle = pytest.importorskip("cloudpickle")
    f = FUNCTIONS[name]
    assert same(pickle.loads(cloudpickle.dumps(f))(X), f(X))


@pytest.mark.parametrize(
    "make",
    [
        wg.grad,
        wg.value_and_grad,
        wg.jacfwd,
        wg.jacrev,
        wg.jacobian,
        wg.hessian,
        wg.elementwise_grad,
        wg.checkpoint,
        wg.compile,
        wg.no_grad(),
    ],
)
def test_local_functions_travel_by_cloudpickle(make):
    cloudpickle = pytest.importorskip("cloudpickle")
    scale = 3.0
    f = make(lambda x: np.sum(x * x) * scale)
    assert same(pickle.loads(cloudpickle.dumps(f))(X), f(X))
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(f)


def test_decorated_functions_travel_by_name():
    for f in (decorated, decorated_twice, decorated_checkpoint, with_vjp, with_jvp):
        assert pickle.loads(pickle.dumps(f)) is f
        assert copy.deepcopy(f) is f
        assert len(pickle.dumps(f)) < 100


def test_attributes_travel():
    f = wg.grad(loss)
    f.note = [1, 2]
    g = pickle.loads(pickle.dumps(f))
    assert g.note == [1, 2]
    assert g.note is not f.note
    assert g.__wrapped__ is loss
    assert copy.copy(f).note is f.note
    assert copy.deepcopy(f).note is not f.note


@pytest.mark.parametrize("way", WAYS)
def test_models_that_hold_transforms_of_their_methods(way):
    if way == "copy":
        return  # shares what it holds
    m = Model()
    m.step(X)
    for start in (m, m.gradient, m.step, m.all):
        got = WAYS[way](start)
        if start is m:
            assert got.gradient.__wrapped__.__self__ is got
            assert got.step.__wrapped__.__self__ is got
            got.w = got.w * 2  # the copy's gradient is that of the copy
            assert same(got.gradient(X), 2 * m.gradient(X))
            assert same(got.step(X), 2 * m.step(X))  # what a program reads of the model is compared
            assert same(got.of_class(X), 2 * m.of_class(X))
        elif start is m.all:
            assert same(got[0](X), m.all[0](X))
        else:
            assert same(got(X), start(X))


def test_pullbacks_say_why_not():
    pullback = wg.vjp(vector, X)[1]
    for dump in (pickle.dumps, pickle._dumps, lambda p: pickle.dumps({"p": [p]})):
        with pytest.raises(TypeError, match="pullback holds the tape"):
            dump(pullback)
    cloudpickle = pytest.importorskip("cloudpickle")
    with pytest.raises(TypeError, match="pullback holds the tape"):
        cloudpickle.dumps(pullback)
    assert copy.copy(pullback) is pullback
    assert copy.deepcopy([pullback])[0] is pullback


def test_partial_transforms():
    from functools import partial

    for f in (partial(wg.jvp, vector), partial(wg.hvp, loss)):
        g = pickle.loads(pickle.dumps(f))
        if f.func is wg.jvp:
            assert same(g((X,), (X,)), f((X,), (X,)))
        else:
            assert same(g(X, X), f(X, X))
    assert isinstance(pickle.loads(pickle.dumps(wg.no_grad())), wg.no_grad)


def test_a_half_made_function_does_not_crash():
    from wengert import _core

    g = _core.new_transform()
    with pytest.raises(RuntimeError):
        g(1.0)
    with pytest.raises(TypeError):
        _core.become(g, 1)
    with pytest.raises(TypeError):
        _core.become(1, g)
    assert _core.Compiled.__name__ == "Compiled"
    with pytest.raises(TypeError):
        _core.Transform()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools_of_processes(method):
    if method == "fork" and sys.platform != "linux":
        pytest.skip("no fork")
    points = [X * k for k in range(1, 4)]
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        for f in (wg.grad(loss), decorated, wg.jacobian(vector), decorated_twice):
            for got, x in zip(pool.map(f, points), points, strict=True):
                assert same(got, f(x))


def test_joblib():
    joblib = pytest.importorskip("joblib")
    g = wg.grad(lambda x, s: np.sum(x * x) * s)
    got = joblib.Parallel(n_jobs=2)(joblib.delayed(g)(X, float(s)) for s in range(4))
    for s, y in enumerate(got):
        np.testing.assert_array_equal(y, 2 * X * s)


def test_decorated_functions_of_a_script():
    """In __main__ pickle takes the name and cloudpickle the parts, so both fork and joblib work."""
    pytest.importorskip("cloudpickle")
    script = textwrap.dedent(
        """
        import pickle, sys, subprocess, cloudpickle
        import numpy as np, wengert as wg
        @wg.grad
        def df(x): return np.sum(x**3)
        @wg.compile
        def f(x): return x * 2
        @wg.custom_vjp
        def c(x): return x * x
        c.defvjp(lambda x: (x * x, x), lambda r, g: (2 * r * g,))
        for g in (df, f, c):
            assert pickle.loads(pickle.dumps(g)) is g
            there = "import sys, pickle; print(pickle.load(sys.stdin.buffer)(2.0))"
            out = subprocess.run([sys.executable, "-c", there], input=cloudpickle.dumps(g), stdout=-1, check=True)
            assert float(out.stdout) == float(g(2.0)), g
        """
    )
    subprocess.run([sys.executable, "-c", script], check=True)
