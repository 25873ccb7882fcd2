"""Compiled functions against the functions themselves."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
import wengert as wg
from compiled_cases import agree, close

wnp = wg.numpy


RNG = np.random.default_rng(0)


def test_scalars_are_replayed():
    f = wg.value_and_grad(lambda x, w: wnp.sin(x * w) ** 2 / (2.0 + wnp.cos(x)), argnums=(0, 1))
    g = agree(f, (0.7, -1.3), (0.1, 2.0))
    assert g.stats()["recordings"] == 1
    assert g.stats()["replays"] == 3
    assert g.why() == ["first call"]


@pytest.mark.parametrize("shape", [(), (1,), (3,), (4, 5), (2, 3, 7), (200, 33)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_arrays(shape, dtype):
    def f(x, y):
        z = np.tanh(x) * y + np.exp(-x * x) / (1.0 + y * y)
        return np.sum(z), z

    def h(x, y):
        return f(x, y)[0]

    x, y = RNG.normal(size=shape).astype(dtype), RNG.normal(size=shape).astype(dtype)
    agree(f, (x, y), (y, x))
    agree(wg.value_and_grad(h, argnums=(0, 1)), (x, y), (y, x), tol=1e-11)


def test_families():
    f = wg.compile(lambda x: x * 2.0 + 1.0)
    for _ in range(2):
        assert type(f(3.0)) is float
        assert type(f(np.ones(3))) is np.ndarray
        assert type(f(wg.array([1.0, 2.0]))) is wg.Array
        assert isinstance(f(np.float64(2.0)), np.float64)
        assert type(f(np.ones(1))) is np.ndarray
    assert f(3) == 7.0
    assert wg.compile(lambda n: n * 2)(3) == 6
    assert type(wg.compile(lambda n: n * 2)(3)) is int


def test_python_numbers_stay_weak():
    x = np.ones(3, np.float32)
    f = lambda x, lr: (lr * 2.0) * x - (1 - lr) ** 2  # noqa: E731
    agree(f, (x, 0.1), (x, 0.3))
    assert wg.compile(f)(x, 0.1).dtype == np.float32


def test_trees():
    def f(p, batch):
        h = batch["x"] @ p["w"] + p["b"]
        return {"loss": np.sum(h * h), "parts": [h, (h + 1.0, None, "name", 3)]}

    p = {"w": RNG.normal(size=(3, 2)), "b": RNG.normal(size=2)}
    batch = {"x": RNG.normal(size=(5, 3))}
    agree(f, (p, batch))
    agree(wg.grad(lambda p, b: f(p, b)["loss"]), (p, batch))


def test_keywords_and_static_arguments():
    f = lambda x, n, flag=False: x**n if flag else x * n  # noqa: E731
    g = wg.compile(f, static_argnums=1)
    for _ in range(2):
        for n in (2, 3):
            for flag in (True, False):
                assert g(1.5, n, flag=flag) == f(1.5, n, flag=flag)
    assert g.stats()["recordings"] == 4


def test_branches():
    def f(x):
        if x > 0:
            return wnp.sin(x)
        if x < -1:
            return x * x
        return wnp.cos(x)

    g = agree(f, (1.0,), (-0.5,), (-2.0,), (3.0,), (-7.0,))
    assert g.stats()["recordings"] == 3
    assert any("condition was true" in w and "test_compile.py" in w for w in g.why())
    agree(wg.grad(f), (1.0,), (-0.5,), (-2.0,), (3.0,), (-7.0,))


def test_loops_of_unknown_length():
    def f(x):
        n = 0
        while x > 1.0:
            x = x * 0.5
            n += 1
        return x * n

    g = agree(f, *[(float(v),) for v in (0.5, 3.0, 17.0, 100.0, 2.5)])
    assert g.stats()["recordings"] == 4
    agree(wg.value_and_grad(f), *[(float(v),) for v in (0.5, 3.0, 17.0, 100.0, 2.5)])


def test_numbers_taken_out():
    agree(lambda x, n: sum((x**k for k in range(n)), 0.0), (1.5, 3), (1.2, 5), (0.3, 3))
    agree(lambda x: x * float(x), (2.0,), (3.0,))
    agree(lambda x, i: x[i] * 2.0, (np.arange(5.0), 1), (np.arange(5.0), 3))
    agree(lambda x: np.sort(x) * np.arange(4.0), (np.array([3.0, 1.0, 2.0, 0.0]),), (np.array([1.0, 3.0, 2.0, 0.0]),))
    agree(lambda x, i: x[i], (np.arange(5.0), np.array([0, 2])), (np.arange(5.0), np.array([1, 4])))
    agree(lambda x: x[x > 0], (np.array([1.0, -1.0, 2.0]),), (np.array([-1.0, 5.0, 2.0]),))
    agree(lambda x: x * np.asarray(wg.stop_gradient(x)).sum(), (np.ones(3),), (np.arange(3.0),))


def test_positions_are_no_reason_to_record_again():
    f = lambda x, i, j: np.sum(np.sin(x[i, j]) * x[0, j] * x[i].sum(axis=1))  # noqa: E731
    calls = [
        (RNG.normal(size=(5, 4)), RNG.integers(-5, 5, 6), RNG.integers(-4, 4, 6).astype(np.int32)) for _ in range(3)
    ]
    for h in (f, wg.value_and_grad(f), wg.hessian(f)):
        g = agree(h, *calls, tol=1e-11)
        assert g.stats()["recordings"] == 1
    with pytest.raises(IndexError, match="out of bounds"):
        g(calls[0][0], np.full(6, 5), calls[0][2])
    agree(lambda x, i: x[i], (np.arange(3.0), np.array([[0, 2]])), (np.arange(3.0), np.array([[1, -1]])))
    update = lambda x, i: _set(x * 1.0, i)  # noqa: E731
    agree(update, (np.arange(3.0), np.array([0, 0])), (np.arange(3.0), np.array([1, 0])))
    add = lambda x, i: wg._core.ops.index_add(x, i, x[:2] * 2.0)  # noqa: E731
    agree(
        wg.grad(lambda x, i: np.sum(add(x, i) ** 2)),
        (np.arange(3.0), np.array([0, 0])),
        (np.arange(3.0), np.array([1, 0])),
    )


def _set(x, i):
    x[i] = np.array([5.0, 7.0])
    return x


def test_a_value_that_always_changes_ends_in_plain_calls():
    f = lambda x: x * float(x)  # noqa: E731
    g = wg.compile(f)
    for k in range(50):
        assert g(k + 0.5) == f(k + 0.5)
    assert g.stats()["eager"] > 0
    assert g.stats()["programs"] <= 32
    assert "keeps asking" in g.why()[-1]


def test_functions_of_python_take_a_number_out():
    """math.sin(x) asks for the number: it is checked, and refused where it carries a derivative."""
    f = lambda x, y: x * math.sin(x) + float(y) * wnp.cos(x)  # noqa: E731
    g = agree(f, (1.0, 2.0), (1.0, 2.0), (3.0, 2.0))
    assert any("a number taken out was" in w and "test_compile.py" in w for w in g.why())
    g = wg.compile(wg.grad(f))
    for _ in range(3):
        with pytest.raises(TypeError, match=r"math\.sin.*test_compile\.py"):
            g(1.0, 2.0)
    assert g.stats()["programs"] == 0
    f = lambda x, y: x * math.sin(x.detach()) + float(y) * wnp.cos(x)  # noqa: E731
    g = agree(wg.grad(f), *[(0.1 * k, 2.0) for k in range(40)])
    assert any("called as it is" in w for w in g.why())
    assert g.stats()["programs"] == 0


def test_the_cache_is_bounded():
    g = wg.compile(lambda x: np.sum(x * x), cache_size=4)
    for n in range(1, 12):
        assert g(np.ones(n)) == n
    assert g.stats()["programs"] <= 4
    assert g(np.ones(11)) == 11
    assert g.stats()["replays"] == 1
    assert "before ndarray float64 (1,)" in g.why()[1]


def test_transforms_of_compiled_functions():
    f = lambda x: np.sum(np.sin(x) * x)  # noqa: E731
    g = wg.compile(f)
    x = RNG.normal(size=4)
    g(x)
    np.testing.assert_allclose(wg.grad(g)(x), wg.grad(f)(x), rtol=1e-13)
    np.testing.assert_allclose(wg.hessian(g)(x), wg.hessian(f)(x), rtol=1e-13)
    np.testing.assert_allclose(wg.jvp(g, (x,), (x,))[1], wg.jvp(f, (x,), (x,))[1], rtol=1e-13)
    inner = wg.compile(lambda v: g(v) * 2.0)
    for _ in range(2):
        np.testing.assert_allclose(inner(x), 2 * f(x), rtol=1e-13)
    w = wg.array([1.0, 2.0], requires_grad=True)
    g(w).backward()
    np.testing.assert_allclose(np.asarray(w.grad), wg.grad(f)(np.array([1.0, 2.0])), rtol=1e-13)


def test_transforms_inside():
    f = lambda x: np.sum(np.tanh(x) ** 2 * x)  # noqa: E731
    x, v = RNG.normal(size=4), RNG.normal(size=4)
    agree(wg.grad(f), (x,), (v,))
    agree(wg.hessian(f), (x,), (v,), tol=1e-11)
    agree(wg.jacfwd(wg.grad(f)), (x,), (v,), tol=1e-11)
    agree(wg.jacrev(lambda x: np.sin(x) * x[0]), (x,), (v,))
    agree(wg.jacobian(lambda x: np.sin(x) * x[0]), (x,), (v,))
    agree(lambda x, v: wg.hvp(f, x, v), (x, v), (v, x), tol=1e-11)
    agree(lambda x, v: wg.jvp(f, (x,), (v,)), (x, v), (v, x))
    agree(lambda x: wg.vjp(np.sin, x)[1](x), (x,), (v,))
    agree(wg.grad(lambda x: wg.grad(lambda y: np.sum(y**3 * wg.stop_gradient(y)))(x).sum()), (x,), (v,), tol=1e-11)
    agree(wg.grad(wg.checkpoint(f)), (x,), (v,))


def test_a_closure_over_a_differentiated_value_is_not_recorded():
    def outer(a):
        g = wg.compile(lambda x: x * a)
        g(2.0)
        return g(3.0)

    assert wg.grad(outer)(5.0) == 3.0


def test_in_place():
    def f(x):
        h = np.zeros(4)
        h = wg.array(h)
        for t in range(4):
            h[t] = x[t] * 2.0 if t == 0 else np.sin(h[t - 1]) + x[t]
        h[1:3] += 1.0
        return h

    x = RNG.normal(size=4)
    agree(f, (x,), (x + 1,))
    agree(wg.grad(lambda x: np.sum(f(x) ** 2)), (x,), (x + 1,))
    agree(wg.hessian(lambda x: np.sum(f(x) ** 2)), (x,), (x + 1,), tol=1e-11)


@pytest.mark.parametrize("n", [3, 400])
def test_arguments_changed_in_place(n):
    loss = lambda w, x: np.sum(np.tanh(x * w))  # noqa: E731

    def step(w, x):
        value, g = wg.value_and_grad(loss)(w, x)
        w -= 0.1 * g
        return value, w

    compiled = wg.compile(step)
    for make in (np.array, wg.array):
        w, u, x = make(np.ones(n)), make(np.ones(n)), make(np.arange(float(n)) / n)
        for _ in range(4):
            a, b = step(w, x), compiled(u, x)
            assert b[1] is u
            np.testing.assert_allclose(np.asarray(u), np.asarray(w), rtol=1e-13)
            np.testing.assert_allclose(float(a[0]), float(b[0]), rtol=1e-13)


def test_outputs_are_the_callers_own():
    g = wg.compile(lambda x: (x, x * 1.0, np.zeros(3), x[1:], x * 2.0, x * 2.0))
    x = np.ones(300)
    for _ in range(3):
        r = g(x)
        for a in r[1:]:
            a += 5.0
        np.testing.assert_array_equal(x, np.ones(300))
        np.testing.assert_array_equal(r[4], np.full(300, 7.0))
        np.testing.assert_array_equal(g(x)[2], np.zeros(3))


def test_strided_inputs():
    f = lambda x: np.sum(np.sin(x) * x[::-1])  # noqa: E731
    x = RNG.normal(size=(20, 30))
    g = wg.compile(wg.value_and_grad(f))
    for view in (x, x[:, ::2], x.T, x[::-1], np.asfortranarray(x), x.astype(">f8"), x.astype(np.float32)):
        for _ in range(2):
            close(g(view), wg.value_and_grad(f)(view), 1e-11)


def test_a_small_network():
    def loss(p, x, labels):
        h = wnp.tanh(x @ p[0] + p[1])
        z = h @ p[2] + p[3]
        return -wnp.mean(wnp.log_softmax(z)[np.arange(len(labels)), labels])

    p = (RNG.normal(size=(6, 8)), RNG.normal(size=8), RNG.normal(size=(8, 3)), RNG.normal(size=3))
    labels = np.array([0, 1, 2, 1, 0])
    agree(
        wg.value_and_grad(loss), (p, RNG.normal(size=(5, 6)), labels), (p, RNG.normal(size=(5, 6)), labels), tol=1e-11
    )
    q = tuple(v.astype(np.float32) for v in p)
    agree(wg.value_and_grad(loss), (q, RNG.normal(size=(5, 6)).astype(np.float32), labels))


def test_threads():
    f = wg.value_and_grad(lambda x: np.sum(np.tanh(x @ x) * x))
    g = wg.compile(f)
    inputs = [RNG.normal(size=(60, 60)) for _ in range(4)]
    expected = [f(x) for x in inputs]
    g(inputs[0])
    wrong = []

    def work(k):
        for _ in range(20):
            v, d = g(inputs[k])
            if not (
                np.allclose(v, expected[k][0], rtol=1e-10) and np.allclose(d, expected[k][1], rtol=1e-8, atol=1e-8)
            ):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_errors():
    g = wg.compile(lambda x, y: x @ y)
    with pytest.raises(ValueError, match="matmul"):
        g(np.ones((2, 3)), np.ones((2, 3)))
    assert g(np.ones((2, 3)), np.ones((3, 2))).shape == (2, 2)
    with pytest.raises(TypeError, match="static_argnums"):
        wg.compile(lambda x: x)(object())
    with pytest.raises(TypeError, match="hashed"):
        wg.compile(lambda x: x, static_argnums=0)([1])
    with pytest.raises(TypeError, match="must be a function"):
        wg.compile(3)
    with pytest.raises(ValueError, match="cache_size"):
        wg.compile(lambda x: x, cache_size=0)
    with pytest.raises(ZeroDivisionError):
        wg.compile(lambda x: 1 / 0)(1.0)
    assert wg._core.depth() == 0


def test_as_a_method_and_decorator():
    class Model:
        @staticmethod
        @wg.compile(static_argnums=1)
        def f(x, n):
            return x * n

    assert Model.f(2.0, 3) == 6.0
    assert Model.f.__name__ == "f"
    assert "compile(f)" in repr(Model.f)


def test_reports():
    f = wg.compile(wg.grad(lambda x: np.sum(np.sin(x))))
    assert "no program" in f.listing()
    f(np.ones(3))
    f(np.ones(3))
    assert "cos" in str(f)
    assert "scalar code" in f.explain()
    h = wg.compile(wg.grad(lambda x: np.sum(np.sin(x))))
    h(np.ones(1000))
    assert "dead code" in h.explain()
    assert "fusion" in h.explain()
    s = f.stats()
    assert s["replays"] == 1
    assert s["programs"] == 1
    assert s["bytes"] == [2 * 3 * 8]
    product = wg.compile(lambda x, w: wnp.tanh(x @ w))
    product(np.ones((20, 30)), np.ones((30, 40)))
    s = product.stats()
    assert s["flops"] == [2 * 20 * 30 * 40 + 20 * 40]
    assert s["bytes"] == [8 * (20 * 30 + 30 * 40 + 20 * 40)]
    loop = wg.compile(lambda x: wg.fori_loop(0, 50, lambda i, c: wnp.sin(c), x))
    loop(np.ones(100))
    assert loop.stats()["bytes"][0] >= 50 * 2 * 100 * 8


def test_second_derivatives_at_kinks():
    f = lambda x: wnp.sum(wnp.where(x > 0, wnp.sqrt(wnp.abs(x)), 0.0) + wnp.maximum(x, 0.0) + wnp.abs(x))  # noqa: E731
    x = np.array([0.0, 1.0, -1.0, 4.0])
    agree(wg.grad(f), (x,), (x[::-1].copy(),))
    agree(lambda x: wnp.sqrt(x * x), (0.0,), (2.0,))
    agree(wg.grad(lambda x: wnp.sqrt(x * x)), (0.0,), (2.0,), (-3.0,))
    agree(lambda x: (x * 0.0, 0.0 / x, x - x), (np.inf,), (2.0,), (np.nan,))


def test_products_over_time_are_gathered():
    def loss(w, u, v, b, x, h):
        total = 0.0
        for t in range(len(x)):
            h = wnp.tanh(x[t] @ u + h @ w + b)
            total = total + wnp.sum(wnp.sin(h @ v))
        return total

    args = (*(RNG.normal(size=s) * 0.3 for s in ((20, 20), (10, 20), (20, 9), (20,), (7, 5, 10), (5, 20))),)
    g = agree(wg.value_and_grad(loss, argnums=(0, 1, 2, 3)), args, tol=1e-11)
    assert "gathered products" in g.explain()
    assert g.listing().count("matmul(") < 7 + 7 + 6  # the recurrence both ways, and one each for the others
    agree(wg.value_and_grad(loss, argnums=(0, 1, 2)), tuple(a.astype(np.float32) for a in args))
    agree(lambda *a: wg.jvp(loss, a, a), args, tol=1e-11)


def _module_function(x):
    return wnp.sin(x) * 2.0


def test_pickling():
    import pickle

    g = wg.compile(_module_function, cache_size=3)
    g(1.0)
    assert pickle.loads(pickle.dumps(g))(1.0) == _module_function(1.0)
