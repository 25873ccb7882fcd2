"""while_loop as one operation, in both modes: against the same loop step by step, for many numbers of steps."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from wengert._internals.tree import tree_flatten
from wengert.program import rolled

W = np.array([[0.9, 0.2], [-0.1, 0.8]])


def power(x):
    return wg.while_loop(lambda v: v < 50.0, lambda v: v * x, x)


def settled(x):
    """A carry of an array, a whole number and a float; closures over traced values; a condition of several."""
    w = W * x

    def more(c):
        h, n, _ = c
        return wnp.logical_and(wnp.sum(h * h) > 1e-3, n < 300)

    def step(c):
        h, n, total = c
        return wnp.tanh(h @ w), n + 1, total + wnp.sin(h[0]) * x

    h, n, total = wg.while_loop(more, step, (wnp.ones(2) * x, 0, 0.0))
    return total + wnp.sum(h) + n * x


def root(a):
    """Newton's method, whose derivative is that of its steps."""
    return wg.while_loop(
        lambda c: wnp.abs(c[0] * c[0] - a) > 1e-9, lambda c: (0.5 * (c[0] + a / c[0]), c[1] + 1), (a, 0)
    )[0]


def roots_in_a_scan(x):
    def step(c, row):
        y = wg.while_loop(lambda v: v * v > row * x + 0.1, lambda v: 0.8 * v * wnp.cos(0.01 * c), c + 3.0)
        return wnp.sin(y) + c * x, y

    last, ys = wg.scan(step, x, np.array([0.5, 1.0, 2.0]))
    return last + wnp.sum(ys**2)


def while_in_while(x):
    inner = lambda v: wg.while_loop(lambda c: c[0] < 4.0 * v, lambda c: (c[0] * 1.7 + x, c[1] + 1.0), (v, 0.0))  # noqa: E731
    return wg.while_loop(lambda v: v < 1e4, lambda v: inner(v)[0] * 1.1 + inner(v)[1], x)


def with_cond(x):
    body = lambda v: wg.cond(v > 10.0, lambda v: v * x, lambda v: v + x * x, v)  # noqa: E731
    return wg.while_loop(lambda v: v < 100.0, body, x)


LOOPS = {  # by the numbers of steps: none, few, and so many that the first stage is not enough
    "power": (power, (1.3, 60.0, 2.0, 1.01, 1.002)),
    "settled": (settled, (0.9, 1.05, 0.01, 0.3)),
    "root": (root, (2.0, 1.0, 1e6, 0.3)),
    "scan": (roots_in_a_scan, (0.7, 5.0, 0.05)),
    "while in while": (while_in_while, (1.3, 2e4, 7.0)),
    "cond": (with_cond, (1.5, 3.0, 200.0)),
}
TRANSFORMS = {
    "value": lambda f: f,
    "grad": wg.value_and_grad,
    "jvp": lambda f: lambda x: wg.jvp(f, (x,), (1.0,)),
    "forward over reverse": lambda f: lambda x: wg.jvp(wg.grad(f), (x,), (1.0,)),
    "reverse over forward": lambda f: wg.grad(lambda x: wg.jvp(f, (x,), (1.0,))[1]),
    "reverse over reverse": lambda f: wg.grad(wg.grad(f)),
    "jacfwd": lambda f: wg.jacfwd(lambda x: f(wnp.sum(x))),
}


def steps_are_few(monkeypatch, most=5):
    monkeypatch.setattr(rolled, "_FEWEST_STEPS", 2)
    monkeypatch.setattr(rolled, "_MOST_STEPS", most)
    monkeypatch.setattr(rolled, "_ROOM", 3000)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", LOOPS)
def test_one_recording_for_every_number_of_steps(name, transform, monkeypatch):
    f, xs = LOOPS[name]
    steps_are_few(monkeypatch)
    t = TRANSFORMS[transform](f)
    g = wg.compile(t)
    for x in (xs[0], *xs):
        x = np.array([x, 0.0]) if transform == "jacfwd" else x
        for got, want in zip(tree_flatten(g(x))[0], tree_flatten(t(x))[0], strict=True):
            assert np.asarray(got).dtype == np.asarray(want).dtype
            np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-10)
    assert g.why() == ["first call"]
    assert (g.stats()["recordings"], g.stats()["eager"]) == (1, 0)


def test_finite_differences():
    g = wg.compile(wg.grad(settled))
    for x in (0.9, 0.5):
        h = 1e-6
        assert g(x) == pytest.approx(float(settled(x + h) - settled(x - h)) / (2 * h), rel=1e-6)


def test_the_reference_agrees():
    from wengert import reference

    def by_hand(x):
        v = x
        while v < 50.0:
            v = v * x
        return v

    g = wg.compile(wg.grad(power))
    for x in (1.3, 60.0, 1.01):
        assert g(x) == pytest.approx(reference.grad(by_hand)(x), rel=1e-10)


def test_single_precision():
    x = np.float32(1.3)
    g = wg.compile(wg.value_and_grad(power))
    for _ in range(2):
        value, slope = g(x)
        assert np.asarray(value).dtype == np.asarray(slope).dtype == np.float32
        np.testing.assert_allclose((value, slope), wg.value_and_grad(power)(x), rtol=1e-4)


def test_gradients_of_arrays_around_the_loop():
    def f(w, b):
        more = lambda h: wnp.sum(h * h) > 1e-2  # noqa: E731
        return wnp.sum(wg.while_loop(more, lambda h: wnp.tanh(h @ w) * 0.9 + 0.001 * b, b))

    args = (W, np.array([1.0, 2.0]))
    g = wg.compile(wg.grad(f, argnums=(0, 1)))
    for scale in (1.0, 0.5, 1.1):
        for got, want in zip(g(W * scale, args[1]), wg.grad(f, argnums=(0, 1))(W * scale, args[1]), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-9)
    assert g.stats()["recordings"] == 1


def test_memory_does_not_grow_with_the_number_of_steps():
    def f(x, n):
        return wg.while_loop(lambda c: c[1] < n, lambda c: (wnp.sin(c[0]) * x, c[1] + 1.0), (wnp.ones(64) * x, 0.0))[0][
            0
        ]

    g = wg.compile(wg.grad(f))
    g(0.9, 10.0)
    assert g.stats()["arena_bytes"] < 8 << 20
    for n in (0.0, 10.0, 5e4):
        np.testing.assert_allclose(g(0.999, n), wg.grad(f)(0.999, n), rtol=1e-9, atol=1e-300)
    assert g.stats()["recordings"] == 1


def test_more_steps_than_there_is_room_for(monkeypatch):
    """Then the function itself runs, step by step."""
    steps_are_few(monkeypatch, 4)
    monkeypatch.setattr(rolled, "_ROOM", 1)
    t = wg.value_and_grad(power)
    g = wg.compile(t)
    for x in (1.5, 1.01, 1.4):
        np.testing.assert_allclose(g(x), t(x), rtol=1e-10)
    assert (g.stats()["recordings"], g.stats()["eager"]) == (1, 1)
    late = wg.compile(t)
    np.testing.assert_allclose(late(1.01), t(1.01), rtol=1e-10)
    assert "while_loop runs step by step" in late.why()[0]


def test_a_saved_gradient(tmp_path, monkeypatch):
    steps_are_few(monkeypatch, 4)
    monkeypatch.setattr(rolled, "_ROOM", 1)
    g = wg.compile(wg.value_and_grad(power))
    g(1.5)
    g.save(tmp_path / "power.wg")
    h = wg.load_program(tmp_path / "power.wg")
    assert h(1.4) == g(1.4)
    with pytest.raises(RuntimeError, match="more steps"):
        h(1.001)


# ---- interrupts ------------------------------------------------------------------------------------------------------

ENDLESS = """
import signal, sys, threading, time
import numpy as np, wengert as wg, wengert.numpy as wnp

def stop(number, frame):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, stop)

def interrupted(f, *args):
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        f(*args)
    except KeyboardInterrupt:
        return True
    return False

W = np.eye(3) * 0.5
numbers = lambda x: wg.while_loop(lambda v: v < 50.0, lambda v: v * x, x)
arrays = lambda x: wnp.sum(
    wg.while_loop(lambda h: wnp.sum(h) < 50.0, lambda h: wnp.tanh(h @ W) + h * x, wnp.ones(3) * x))
sums = lambda x: wnp.sum(  # an operation that needs the interpreter
    wg.while_loop(lambda h: h[0, 0] < 50.0, lambda h: wnp.cumsum(h, axis=0) * 0.0 + h * x, W + x))
inner = lambda x: wg.scan(lambda v, _: (v + numbers(x + 60.0), None), x, None, length=10**12)[0]
"""


def run_script(text):
    done = subprocess.run([sys.executable, "-c", ENDLESS + text], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["numbers", "arrays", "sums"])
def test_an_endless_loop_can_be_interrupted(name):
    """While it is recorded, while it is replayed, under derivatives; afterwards the same object is right."""
    out = run_script(f"""
for t in (lambda f: f, wg.value_and_grad, lambda f: lambda x: wg.jvp(f, (x,), (1.0,))):
    if t is wg.value_and_grad:
        import wengert.program.rolled
        wengert.program.rolled._ROOM = 10**16  # or the loop ends there
    f = t({name})
    g = wg.compile(f)
    assert interrupted(g, 0.5)
    first = g(1.5)
    np.testing.assert_allclose(first, f(1.5), rtol=1e-9)
    for _ in range(2):
        assert interrupted(g, 0.5)
        np.testing.assert_allclose(g(1.5), first, rtol=1e-12)
    assert wg._core.depth() == 0
print("done")
""")
    assert out == "done\n"


def test_a_long_scan_and_a_loop_in_it_can_be_interrupted():
    out = run_script("""
g = wg.compile(inner)
assert interrupted(g, 0.5)
h = wg.compile(lambda x: wg.scan(lambda v, _: (wnp.sin(v) * x, None), x, None, length=10**12)[0])
assert interrupted(h, 0.5)
print("done")
""")
    assert out == "done\n"


def test_other_threads_run_during_an_endless_loop():
    out = run_script("""
g = wg.compile(numbers)
g(1.5)
ticks = []
def tick():
    for k in range(5):
        time.sleep(0.01)
        ticks.append(g(1.5))
    import _thread
    _thread.interrupt_main()
signal.signal(signal.SIGINT, stop)
t = threading.Thread(target=tick)
t.start()
try:
    g(0.5)
except KeyboardInterrupt:
    print(len(ticks))
t.join()
assert g(1.5) == ticks[0]
""")
    assert out == "5\n"


def test_a_handler_may_call_the_same_function():
    out = run_script("""
g = wg.compile(numbers)
g(1.5)
seen = []
def again(number, frame):
    seen.append(g(1.5))
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, again)
assert interrupted(g, 0.5)
assert seen == [g(1.5)]
print("done")
""")
    assert out == "done\n"
