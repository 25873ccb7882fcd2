"""KeyboardInterrupt at every line of nested, compiled and eager programs: nothing stays, the next call is right."""

import contextlib
import gc
import linecache
import sys

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


@wg.custom_vjp
def cube(x):
    return x * x * x


cube.defvjp(lambda x: (x * x * x, x), lambda x, g: (3.0 * x * x * g,))


def nested_program(x):
    """Every kind of level, nested, with writes in place, rules of the user, trees and NumPy's functions."""
    h = wg.numpy.zeros(3)
    for t in range(2):
        h[t] = np.tanh(x[t]) * x[2]
    h += wg.checkpoint(lambda x: np.sin(x))(x)
    inner = wg.grad(lambda y: np.sum(cube(y) * h))(x)
    forward = wg.jvp(lambda y: {"a": y * h, "b": y}, (x,), (inner,))[1]
    jac = wg.jacfwd(lambda y: np.exp(-y * y))(x)
    return np.sum(forward["a"] * forward["b"]) + np.sum(jac @ inner) + np.linalg.norm(h)


def run():
    return wg.value_and_grad(nested_program)(X)


class Injector:
    """Raises KeyboardInterrupt at the n-th event (line, call or return of any Python code) while it is installed."""

    def __init__(self, at):
        self.at, self.count = at, 0

    def __call__(self, frame, event, arg):
        # Python delivers signals between instructions of any frame, so every traced line is a possible place. Frames
        # outside the library and this test are not ours to interrupt.
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(("wengert", __name__)):
            return None
        # Between the body of a with statement and __exit__ trace functions run (at the line of the with), but signals
        # are not delivered: raising here would test what cannot happen.
        if event == "line" and linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with "):
            return self
        self.count += 1
        if self.count == self.at:
            raise KeyboardInterrupt
        return self

    def run(self, f):
        before = sys.gettrace()
        sys.settrace(self)
        try:
            return f()
        finally:
            sys.settrace(before)


# Python ignores an interrupt in the clean-up of a generator, and says so.
ignored = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@ignored
def test_an_interrupt_at_every_line_leaves_nothing_behind():
    value, gradient = run()  # everything imported
    counter = Injector(-1)
    counter.run(run)
    assert counter.count > 300
    interrupted = 0
    for at in range(1, counter.count + 1):
        try:
            Injector(at).run(run)
        except KeyboardInterrupt:
            interrupted += 1
        # The traceback, and with it every frame, is gone here: so must be every level.
        assert _core.depth() == 0, at
        if at % 10 == 0:
            again, g = run()
            assert again == value
            np.testing.assert_array_equal(g, gradient)
    assert interrupted >= counter.count - 10  # the rest came in the clean-up of generators
    again, g = run()
    assert again == value
    np.testing.assert_array_equal(g, gradient)


@ignored
def test_an_interrupt_while_its_traceback_is_alive():
    """Handlers run with the frames still there: the next computation must be right even then."""
    value, gradient = run()
    counter = Injector(-1)
    counter.run(run)
    for at in range(1, counter.count + 1, 7):
        try:
            Injector(at).run(run)
        except KeyboardInterrupt:
            again, g = run()
            assert again == value, at
            np.testing.assert_array_equal(g, gradient)


@ignored
def test_an_interrupt_of_a_compiled_function():
    """While it records, while it replays: afterwards the same object gives the right answer."""
    value, gradient = run()
    counter = Injector(-1)
    counter.run(lambda: wg.compile(wg.value_and_grad(nested_program))(X))
    for at in range(1, counter.count + 1, 5):
        compiled = wg.compile(wg.value_and_grad(nested_program))
        with contextlib.suppress(KeyboardInterrupt):
            Injector(at).run(lambda compiled=compiled: compiled(X))
        assert _core.depth() == 0, at
        for _ in range(2):
            again, g = compiled(X)
            np.testing.assert_allclose(again, value, rtol=1e-13)
            np.testing.assert_allclose(g, gradient, rtol=1e-12)


def test_an_interrupt_in_a_training_step():
    data = np.linspace(-1, 1, 8).reshape(4, 2)

    def step(w, b):
        loss = (np.tanh(data @ w + b) ** 2).sum()
        loss.backward()
        with wg.no_grad():
            w -= 0.1 * w.grad
            b -= 0.1 * b.grad
        w.grad = b.grad = None

    def fresh():
        return wg.array([0.3, -0.2], requires_grad=True), wg.array(0.1, requires_grad=True)

    w, b = fresh()
    step(w, b)
    want = np.asarray(w.detach())
    counter = Injector(-1)
    counter.run(lambda: step(*fresh()))
    for at in range(1, counter.count + 1):
        with pytest.raises(KeyboardInterrupt):
            Injector(at).run(lambda: step(*fresh()))
        assert _core.recording(), at
        w, b = fresh()
        step(w, b)
        np.testing.assert_array_equal(w.detach(), want)
