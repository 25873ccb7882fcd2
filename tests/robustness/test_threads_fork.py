"""Threads and processes: levels are per thread, results are right, forks of a used library work."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import wengert as wg
from wengert import _core

X = np.linspace(-1.0, 1.0, 7)


def loss(x, scale):
    h = np.tanh(x * scale)
    for _ in range(3):
        h = h * np.sin(x) + wg.grad(lambda y: np.sum(y * y) * scale)(x)
    return np.sum(h * h)


def gradients(scales):
    return [wg.grad(loss)(X, s) for s in scales]


def test_two_threads_take_independent_gradients():
    scales = [[0.1 * i for i in range(1, 40)], [0.2 * i for i in range(1, 40)]]
    want = [gradients(s) for s in scales]
    barrier = threading.Barrier(2)

    def work(s):
        barrier.wait(10)
        out = gradients(s)
        assert _core.depth() == 0
        return out

    with ThreadPoolExecutor(2) as pool:
        for got, expected in zip(pool.map(work, scales), want, strict=True):
            np.testing.assert_array_equal(got, expected)


def test_levels_belong_to_their_thread():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def slow(x):
        inside.set()
        assert done.wait(10)
        return x * x

    t = threading.Thread(target=lambda: seen.append(wg.grad(slow)(3.0)))
    t.start()
    assert inside.wait(10)
    assert _core.depth() == 0  # the other thread is inside a level, this one is not
    assert wg.grad(lambda x: x**3)(2.0) == 12.0
    assert wg.jvp(lambda x: x**3, (2.0,), (1.0,)) == (8.0, 12.0)
    done.set()
    t.join()
    assert seen == [6.0]


def test_no_grad_belongs_to_its_thread():
    w = wg.array(3.0, requires_grad=True)
    out = []

    def work():
        y = w * w
        y.backward()
        out.append(float(w.grad))

    with wg.no_grad():
        t = threading.Thread(target=work)
        t.start()
        t.join()
        assert not (w * w).requires_grad
    assert out == [6.0]


def test_exceptions_in_one_thread_do_not_disturb_another():
    errors = []

    def work(bad):
        for _ in range(50):
            try:
                wg.grad(lambda x: np.sum(x) / (np.ones(2) if bad else 1.0))(X)
            except (ValueError, TypeError) as e:
                errors.append(e)
        return _core.depth()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, [True, False, True, False])) == [0, 0, 0, 0]
    assert len(errors) == 100


def test_arrays_made_in_one_thread_live_on_in_another():
    """Memory goes back to the pool of whoever frees it; values survive the thread that made them."""
    made = []

    def make():
        made.extend(wg.array(np.full(1000, float(i))) * 2.0 for i in range(50))
        made.append(wg.vjp(lambda x: np.sin(x) * x, X))

    t = threading.Thread(target=make)
    t.start()
    t.join()
    _, pullback = made.pop()
    np.testing.assert_allclose(pullback(np.ones(7))[0], np.cos(X) * X + np.sin(X))
    for i, a in enumerate(made):
        assert float(a[0]) == 2.0 * i
    made.clear()


def test_many_threads_come_and_go():
    for _ in range(30):
        out = []
        threads = [threading.Thread(target=lambda out=out: out.append(wg.grad(loss)(X, 0.5))) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for g in out:
            np.testing.assert_array_equal(g, out[0])
        assert len(out) == 4


def test_large_products_in_two_threads_at_once():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300, 300))

    def work(_):
        return wg.grad(lambda x: np.sum(np.tanh(x @ b) @ a))(a)

    want = work(0)
    with ThreadPoolExecutor(2) as pool:
        for got in pool.map(work, range(6)):
            np.testing.assert_array_equal(got, want)


# ---- one graph, several threads --------------------------------------------------------------------------------------
# The arrays are long enough for their kernels to let other threads run.

LONG = np.linspace(0.5, 1.5, 100_000)


def together(*tasks):
    """Runs the tasks at once; what they return."""
    barrier = threading.Barrier(len(tasks))

    def started(task):
        barrier.wait(10)
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [f.result(timeout=60) for f in [pool.submit(started, t) for t in tasks]]


def test_threads_share_an_intermediate_value_that_requires_gradients():
    for _ in range(5):
        w = wg.array(LONG, requires_grad=True)
        shared = np.sin(w) * w
        for _ in range(6):
            shared = shared * 1.01

        def branch(k, shared=shared):
            y = shared
            for _ in range(10):
                y = y * k + np.sin(y)
            y.sum().backward(retain_graph=True)

        together(*(lambda k=k: branch(k) for k in (0.1, 0.2, 0.3)))
        got = np.asarray(w.grad)
        v = wg.array(LONG, requires_grad=True)
        shared = np.sin(v) * v
        for _ in range(6):
            shared = shared * 1.01
        for k in (0.1, 0.2, 0.3):
            branch(k, shared)
        np.testing.assert_allclose(got, np.asarray(v.grad), rtol=1e-12)


def test_graphs_merge_while_another_thread_sweeps_one_of_them():
    w, u = (wg.array(LONG, requires_grad=True) for _ in range(2))
    a = np.sin(w)
    for _ in range(40):
        a = a * 1.001
    loss = a.sum()

    def sweeps():
        for _ in range(5):
            loss.backward(retain_graph=True)

    def merges():
        for _ in range(20):
            b = np.cos(u)
            for _ in range(60):  # a longer graph takes over the shorter one
                b = b * 1.001
            assert (a * b).requires_grad

    together(sweeps, merges)
    np.testing.assert_allclose(np.asarray(w.grad), 5 * 1.001**40 * np.cos(LONG), rtol=1e-12)
    assert u.grad is None


def test_a_second_thread_that_sweeps_a_spent_graph_gets_the_error():
    w = wg.array(LONG, requires_grad=True)
    loss = w
    for _ in range(30):
        loss = np.sin(loss)
    loss = loss.sum()

    def sweep():
        try:
            loss.backward()
        except RuntimeError as e:
            return str(e)
        return "done"

    first, second = sorted(together(sweep, sweep), key=len)
    assert first == "done"
    assert "retain_graph" in second
    assert np.isfinite(np.asarray(w.grad)).all()


def test_one_pullback_in_several_threads():
    calls = []

    @wg.custom_vjp
    def doubled(x):
        return x * 2.0

    doubled.defvjp(lambda x: (x * 2.0, None), lambda _, g: (calls.append(1) or g * 2.0,))
    _, pullback = wg.vjp(lambda x: np.tanh(doubled(np.sin(x))), LONG)
    want = pullback(np.ones_like(LONG))[0]
    got = together(*(lambda k=k: pullback(np.full_like(LONG, k))[0] for k in (1.0, 2.0, 3.0, 4.0)))
    for k, g in enumerate(got, 1):
        np.testing.assert_allclose(g, k * want, rtol=1e-12)
    assert len(calls) == 5


def test_a_rule_may_sweep_and_record_on_the_graph_that_is_being_swept():
    w = wg.array(2.0, requires_grad=True)
    base = w * w
    other = wg.array(1.0, requires_grad=True)
    for _ in range(50):
        other = other * 1.0  # a longer graph than that of `base`

    @wg.custom_vjp
    def f(x):
        return x * 3.0

    def backward(_, g):
        base.backward(retain_graph=True)  # adds 4
        assert (base * other).requires_grad  # would merge the tape under the sweep into the other
        return (g * 3.0,)

    f.defvjp(lambda x: (x * 3.0, None), backward)
    f(base).backward(retain_graph=True)
    assert float(w.grad) == 4.0 + 12.0


def test_gradients_add_up_across_threads():
    w = wg.array(LONG, requires_grad=True)
    together(*(lambda: [(w * 2.0).sum().backward() for _ in range(20)] for _ in range(3)))
    np.testing.assert_array_equal(np.asarray(w.grad), np.full_like(LONG, 120.0))


def test_a_level_that_ends_while_another_thread_computes_on_it():
    """The other thread's operation fails or is ignored; nothing is recorded on a tape that is being swept."""
    started, errors = threading.Event(), []

    def work(x):
        started.set()
        try:
            y = x
            for _ in range(2000):
                y = y * 1.0000001
        except RuntimeError as e:
            errors.append(str(e))

    def f(x):
        t = threading.Thread(target=work, args=(x,))
        threads.append(t)
        t.start()
        assert started.wait(10)
        return np.sum(np.sin(x))

    threads = []
    np.testing.assert_allclose(wg.grad(f)(LONG), np.cos(LONG), rtol=1e-12)
    threads[0].join()
    assert all("after the transform" in e for e in errors)


# ---- processes ------------------------------------------------------------------------------------------------------

forking = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
# Python 3.12 warns when a process with threads forks; that is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def child_gradient(scale):
    big = np.ones((200, 200))
    product = wg.grad(lambda x: np.sum(np.tanh(x @ big)))(big * 1e-3)
    return os.getpid(), wg.grad(loss)(X, scale), float(product.sum()), _core.depth()


@forking
def test_fork_after_use():
    parent = child_gradient(0.3)  # the library has run, with its thread pool
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        results = pool.map_async(child_gradient, [0.3, 0.3, 0.3, 0.3]).get(60)
    for pid, g, total, depth in results:
        assert pid != os.getpid()
        assert depth == 0
        np.testing.assert_array_equal(g, parent[1])
        assert total == parent[2]
    np.testing.assert_array_equal(child_gradient(0.3)[1], parent[1])  # and the parent goes on


@forking
def test_fork_inside_a_transform():
    """The child continues the function it is in, and may take gradients of its own."""

    def f(x):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                ok = abs(wg.grad(lambda y: y * y)(3.0) - 6.0) < 1e-12 and _core.depth() == 1
                os.write(write, b"1" if ok else b"0")
            finally:
                os._exit(0)
        os.close(write)
        answer = os.read(read, 1)
        os.close(read)
        os.waitpid(pid, 0)
        assert answer == b"1"
        return x * x

    assert wg.grad(f)(2.0) == 4.0


@forking
def test_fork_while_another_thread_sweeps():
    """The child has no such thread: what that one had claimed is free, and the graph can be swept from the start."""
    w = wg.array(LONG, requires_grad=True)
    loss = w
    for _ in range(30):
        loss = np.sin(loss) * 1.01
    loss = loss.sum()
    loss.backward(retain_graph=True)
    want, stop = np.asarray(w.grad), threading.Event()

    def sweeps():
        while not stop.is_set():
            loss.backward(retain_graph=True)

    def child():
        w.grad = None
        loss.backward(retain_graph=True)
        return np.array_equal(np.asarray(w.grad), want) and wg.grad(lambda y: y * y)(3.0) == 6.0

    thread = threading.Thread(target=sweeps)
    thread.start()
    try:
        for _ in range(8):
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)  # a claim that nobody gives back would be waited for
                try:
                    os._exit(0 if child() else 1)
                finally:
                    os._exit(2)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif("spawn" not in multiprocessing.get_all_start_methods(), reason="no spawn here")
def test_arrays_travel_between_processes():
    import pickle

    for a in (wg.array(X), wg.array(np.arange(3)), wg.array(X, requires_grad=True)):
        b = pickle.loads(pickle.dumps(a))
        np.testing.assert_array_equal(np.asarray(b.detach()), np.asarray(a.detach()))
        assert b.requires_grad == a.requires_grad
        assert b.dtype == a.dtype
    with pytest.raises(TypeError, match="differentiated"):
        wg.grad(lambda x: pickle.loads(pickle.dumps(x)) * x)(2.0)
