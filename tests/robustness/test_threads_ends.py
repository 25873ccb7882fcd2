"""First calls from many threads, daemon threads at the end of the process, forks: nothing deadlocks or aborts."""

import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import wengert as wg


def run(code, timeout=60, returncode=0):
    prelude = "import os, sys, threading, time\nimport numpy as np, wengert as wg, wengert.numpy as wnp\n"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", prelude + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == returncode, done.stderr[-3000:]
    assert not done.stderr, done.stderr[-3000:]
    return done.stdout


# What the first call of a kind initialises, from many threads at once, in a fresh process: many kinds in one.
FIRST_CALLS = """
sys.setswitchinterval(1e-6)
x = np.arange(1.0, 4.0)
kinds = {
    "compiled": lambda: wg.compile(lambda a: a * 2)(x),
    "compiled scalar": lambda: wg.compile(lambda a: np.sum(a))(x),
    "compiled generic": lambda: wg.compile(lambda a: a * 2)(np.float32(1)),
    "compiled gradient": lambda: wg.compile(wg.value_and_grad(lambda a: np.sum(a * a)))(x),
    "value_and_grad": lambda: wg.value_and_grad(lambda a: np.sum(a * a))(x),
    "float": lambda: wg.grad(lambda a: float(a.detach()) * a)(1.0),
    "structure": lambda: wg.compile(lambda d: d["a"] + d["b"][0])({"a": x, "b": [x]}),
    "loop": lambda: wg.compile(lambda a: wg.fori_loop(0, 5, lambda i, c: c * 1.5, a))(x),
    "scan": lambda: wg.grad(lambda a: wg.scan(lambda c, _: (c * a, None), a, None, length=4)[0])(2.0),
    "custom": lambda: wg.grad(lambda a: np.sum(wg.checkpoint(np.sin)(a)))(x),
    "random": lambda: wg.random.normal(wg.random.key(1), (3,)),
    "mirror": lambda: wnp.std(wnp.cumsum(wg.array(x))),
    "backward": lambda: (wg.array(x, requires_grad=True) * 2).sum().backward(),
    "dtype": lambda: wg.array(x).astype(np.float32).dtype,
    "repr": lambda: repr(wg.array(x)),
    "to_numpy": lambda: wg.array(x).numpy(),
    "large": lambda: np.tanh(wg.array(np.ones(100_000))).sum(),
}
def together(kind, n=%d):
    barrier = threading.Barrier(n)
    def work():
        barrier.wait()
        try: kinds[kind]()
        except BaseException as e: failed.append((kind, e))
    ts = [threading.Thread(target=work, daemon=True) for _ in range(n)]
    [t.start() for t in ts]
    for t in ts:
        t.join(20)
        if t.is_alive():
            print("DEADLOCK in", kind, flush=True)
            os._exit(1)
failed = []
order = list(kinds)
for kind in order[%d:] + order[:%d]: together(kind)
assert not failed, failed
print("ok")
"""


@pytest.mark.parametrize("first", [0, 3, 4, 5])
def test_first_calls_from_many_threads(first):
    assert run(FIRST_CALLS % (8, first, first)) == "ok\n"


AT_EXIT = {
    "gradient of a product": "wg.grad(lambda x: np.sum(np.tanh(x @ B)))(B)",
    "long kernels": "np.tanh(wg.array(big))",
    "threads of products": "wg.array(B) @ wg.array(B)",
    "small gradients": "wg.grad(lambda x: np.sin(x) * x)(1.0)",
    "sleeping in a function": "wg.grad(lambda x: (time.sleep(.01), x * x)[1])(1.0)",
    "Python in a function": "wg.grad(lambda x: sum(i for i in range(2000)) * x)(1.0)",
    "compiled": "compiled(big)",
    "compiled, recorded anew": "wg.compile(lambda x: np.sin(x) * sum(i for i in range(500)))(1.0)",
    "rule": "rule(1.0)",
    "backward": "(np.tanh(wg.array(big, requires_grad=True)) ** 2).sum().backward()",
    "__array__": "wg.array(1.0) + Slow()",
    "__array__ in a list": "wg.array([Slow(), Slow()])",
    "__index__": "wg.array(big).reshape([Slow(), -1])",
    "iterator of lengths": "wg.array(big).reshape(iter(Slow()))",
    "jacrev": "wg.jacrev(lambda x: (time.sleep(.001), x * x)[1])(np.ones(3))",
    "compiled loop": "loop(1.0)",
}


@pytest.mark.parametrize("what", AT_EXIT)
def test_daemon_threads_at_the_end_of_the_process(what):
    run(
        f"""
        B, big = np.ones((300, 300)), np.ones(300_000)
        compiled = wg.compile(lambda x: np.tanh(x) * np.exp(x))
        loop = wg.compile(lambda x: wg.fori_loop(0, 1_000_000, lambda i, c: np.sin(c) + 1.0, x))
        c = wg.custom_vjp(lambda x: x * x)
        c.defvjp(lambda x: (x * x, x), lambda r, g: (time.sleep(.001), (2 * r * g,))[1])
        rule = wg.grad(lambda x: c(x) + c(c(x)))
        class Slow:
            def __array__(self, dtype=None, copy=None):
                time.sleep(.001)
                return np.ones(3)
            def __index__(self):
                time.sleep(.001)
                return 3
            def __iter__(self):
                time.sleep(.001)
                yield 3
                time.sleep(.001)
                yield -1
        def work():
            while True: {AT_EXIT[what]}
        for _ in range(3): threading.Thread(target=work, daemon=True).start()
        time.sleep(.15)
        """
    )


def test_the_main_thread_does_not_wait_for_a_sweep_that_will_not_end():
    run(
        """
        w = wg.array(np.ones(300_000), requires_grad=True)
        y = np.tanh(w)
        loss = (y * y).sum()
        def work():
            while True: loss.backward(retain_graph=True)
        class Last:
            def __del__(self): loss.backward(retain_graph=True)
        last = Last()
        threading.Thread(target=work, daemon=True).start()
        time.sleep(.1)
        """
    )


@pytest.mark.skipif(not hasattr(sys, "_is_gil_enabled") and sys.platform != "linux", reason="forks")
def test_forks_while_threads_work():
    run(
        """
        import warnings; warnings.simplefilter("ignore")
        big = np.ones(200_000)
        def work():
            while not stop.is_set():
                wg.grad(lambda x: np.sum(np.tanh(x) ** 2))(big)
                with wg.no_grad(): wg.compile(lambda x: x * 2)(big)
        stop = threading.Event()
        ts = [threading.Thread(target=work) for _ in range(2)]
        [t.start() for t in ts]
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                ok = wg.grad(lambda x: x * x)(3.0) == 6.0
                ok = ok and (wg.array([1.0], requires_grad=True) * 2).requires_grad
                os._exit(0 if ok else 1)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        [t.join() for t in ts]
        """
    )


def test_an_interpreter_without_the_lock_is_refused():
    code = "import sys; sys._is_gil_enabled = lambda: False\nimport wengert"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode != 0
    assert "ImportError: wengert needs the global interpreter lock" in done.stderr


def test_collections_in_other_threads():
    """Garbage is looked for while others record: what the collector sees is whole at every moment."""
    import gc

    stop = threading.Event()

    def collect():
        while not stop.is_set():
            gc.collect()

    t = threading.Thread(target=collect)
    t.start()
    f = wg.custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), lambda r, g: (2 * r * g,))
    x = np.ones(3)
    try:
        for _ in range(150):
            w = wg.array(x, requires_grad=True)
            (f(w * 2) + wg.checkpoint(np.sin)(w)).sum().backward()
            np.testing.assert_allclose(np.asarray(w.grad), 8 + np.cos(1.0))
            assert wg.grad(lambda x: np.sum(f(f(x))))(x).tolist() == [4.0] * 3
    finally:
        stop.set()
        t.join()
