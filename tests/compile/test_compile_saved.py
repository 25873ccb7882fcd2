"""Compiled functions saved, loaded and pickled: the same numbers, clear errors, and no file that does harm."""

from __future__ import annotations

import contextlib
import pickle
import random
import signal

import numpy as np
import pytest
import wengert as wg
from primitive_cases import REGISTRY, cases, draw
from wengert import _core
from wengert.program.compiled import _loaded

wnp = wg.numpy
CASES = [c for p in REGISTRY.values() for c in cases(p)]


def file_of(g):
    return _core.compiled_bytes(g, "f", True)


def reloaded(g, max_bytes=2**30):
    return _loaded(file_of(g), max_bytes)


def identical(got, want):
    assert type(got) is type(want)
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            identical(g, w)
    elif isinstance(want, dict):
        assert list(got) == list(want)
        identical(list(got.values()), list(want.values()))
    else:
        np.testing.assert_array_equal(np.asarray(got), np.asarray(want), strict=True)


def survives(f, *calls):
    """A function recorded for all calls, then loaded, gives the same results to the last bit."""
    g = wg.compile(f)
    for args in calls:
        g(*args)
    h = reloaded(g)
    for args in calls:
        identical(h(*args), g(*args))
    return h


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_primitive_and_its_derivatives(case):
    if not case.varied:
        operands = [np.asarray(x) for x in case.operands]
        survives(lambda *xs: wg.apply(case.name, *xs, **case.params), operands)
        return
    xs = case.point(np.float64)
    survives(case.run, xs)
    if REGISTRY[case.name].differentiable:
        out = np.asarray(case.run(*xs))
        w = draw(np.random.default_rng(0), (-np.inf, np.inf), out.shape, out.dtype)
        survives(lambda w, *xs: wg.vjp(case.run, *xs)[1](w), (w, *xs))
        survives(lambda *xs: wg.jvp(case.run, xs, xs), xs)


def test_branches_and_loops():
    def f(x):
        y = x
        while wnp.sum(y * y) > 1.0:
            y = y * 0.7
        return wnp.sin(y) if y[0] > 0 else wnp.cos(y)

    points = [(np.array([s * a, 0.3, 2.0]),) for s in (1.0, -1.0) for a in (0.1, 3.0, 9.0)]
    survives(wg.value_and_grad(lambda x: wnp.sum(f(x))), *points)
    h = survives(f, *points)
    with pytest.raises(ValueError, match=r"a condition was .* at .*test_compile_saved.py:\d+, now it is not, and"):
        h(np.array([1e6, 0.0, 0.0]))


def test_structures():
    def f(p, x, *, scale):
        return {"w": (p["w"] * x, [x, None, "text", 3, 2.5, True]), 7: np.float32(2), ("a", 1): scale * 2}

    p, x = {"w": np.arange(3.0), "unused": (1, [2.0, wg.array([1.0])])}, np.float32(2.0)
    g = wg.compile(f)
    g(p, x, scale=2)
    h = reloaded(g)
    identical(h(p, x, scale=3), g(p, x, scale=3))
    with pytest.raises(ValueError, match=r"no program for the arguments \(ndarray float64 \(4,\), .*only for"):
        h({**p, "w": np.arange(4.0)}, x, scale=3)
    with pytest.raises(ValueError, match="loaded from a file"):
        h(p, x, 3)
    with pytest.raises(ValueError, match="compiled derivative"):
        wg.grad(lambda w: wnp.sum(h({**p, "w": w}, x, scale=3)["w"][0]))(p["w"])


def test_static_arguments_and_cache_size():
    g = wg.compile(lambda x, kind, n: x * n if kind == "times" else x + n, static_argnums=(1, 2), cache_size=5)
    for args in ((2.0, "times", 3), (2.0, "times", 3.0), (2.0, "plus", (1, None))):
        if args[2] != (1, None):
            g(*args)
    h = reloaded(g)
    assert h(5.0, "times", 3) == 15.0
    assert _core.compiled_options(h) == ((1, 2), 5)
    with pytest.raises(ValueError, match="only for"):
        h(5.0, "times", 4)


def test_arguments_changed_in_place():
    def step(w, g):
        w -= 0.1 * g
        g[0] = 0.0

    c = wg.compile(step)
    c(np.ones(3), np.ones(3))
    w, g = np.arange(3.0), np.ones(3)
    reloaded(c)(w, g)
    np.testing.assert_array_equal(w, np.arange(3.0) - 0.1)
    np.testing.assert_array_equal(g, [0.0, 1.0, 1.0])


def test_elements_that_were_looked_at():
    h = survives(lambda x: x[x > 0] * 2.0, (np.ones(50),), (np.array([1.0, -1.0, 2.0] * 20),))
    with pytest.raises(ValueError, match="elements of an array"):
        h(-np.ones(50))


def test_computed_positions():
    h = survives(lambda x, i: wg.vjp(lambda z: z[i] * 2.0, x)[1](np.ones((2, 3))), (np.ones((4, 3)), np.array([1, 2])))
    assert h(np.ones((4, 3)), np.array([0, 0]))[0][0, 0] == 4.0
    with pytest.raises(IndexError, match="out of bounds"):
        h(np.ones((4, 3)), np.array([0, 4]))


def test_repeated_constants_take_no_room():
    g = wg.compile(lambda x: x * wnp.broadcast_to(wg.asarray(3.0), (1000, 1000)))
    g(np.ones((1000, 1000)))
    assert len(file_of(g)) < 1000
    identical(reloaded(g)(np.ones((1000, 1000))), np.full((1000, 1000), 3.0))


def _module_function(x):
    return wnp.sin(x) * 2.0 if x > 0 else x


def test_pickling():
    g = wg.compile(_module_function, cache_size=3)
    g(1.0)
    h = pickle.loads(pickle.dumps(g))
    assert h.stats()["programs"] == 1
    assert h(0.5) == _module_function(0.5)
    assert h(-0.5) == -0.5
    assert h.stats()["recordings"] == 1  # of the branch that did not travel
    loaded = pickle.loads(pickle.dumps(reloaded(h)))
    assert loaded(-2.0) == -2.0
    assert loaded(0.5) == h(0.5)


def test_files(tmp_path):
    g = wg.compile(_module_function)
    with pytest.raises(ValueError, match="no program yet"):
        g.save(tmp_path / "f")
    g(1.0)
    g.save(tmp_path / "f")
    h = wg.load_program(tmp_path / "f")
    assert h(2.0) == g(2.0)
    assert h.__name__ == "_module_function"
    assert h.listing() == g.listing()
    assert "sin" in repr(h.listing())
    k = wg.compile(lambda f, x: f(x))
    k(_module_function, 1.0)
    with pytest.raises(ValueError, match="of type function"):
        k.save(tmp_path / "k")


# ---- files that are not what save wrote ------------------------------------------------------------------------------


def a_file():
    def f(x, i, w):
        y = wnp.softmax(x @ w, axis=1)[i] if x[0, 0] > -9 else x
        y[1:] += 2.0
        return wnp.where(y > 0.5, y, 3.0), wnp.concatenate([y, y]).sum(axis=0), "text"

    g = wg.compile(wg.compile(f))
    g(np.ones((3, 4)), np.array([0, 2]), np.ones((4, 5)))
    return file_of(g)


def test_damage_is_noticed():
    data = a_file()
    for what, bad in {
        "no file": b"",
        "no file of": b"PK" + data[2:],
        "version 9": data[:8] + b"\x09" + data[9:],
        "after its header": data[:-1],
        "damaged": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    }.items():
        with pytest.raises(ValueError, match=what):
            _loaded(bad, 2**30)
    with pytest.raises(ValueError, match="max_bytes=64"):
        _loaded(data, 64)


def forged(data, rng):
    """The file with some bytes or numbers changed and the checksum put right."""
    bad = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(28, len(bad))
        match rng.randrange(4):
            case 0:
                bad[at] ^= 1 << rng.randrange(8)
            case 1:
                bad[at] = rng.choice([0, 1, 2, 127, 128, 255])
            case 2:
                bad[at : at + 8] = rng.choice([0, 1, -1, 2**31, 2**40, 2**62]).to_bytes(8, "little", signed=True)
            case _:
                del bad[at : at + rng.randrange(1, 9)]
    return _core.compiled_sealed(bytes(bad))


def test_forged_files_do_no_harm():
    rng, data = random.Random(0), a_file()
    args = (np.ones((3, 4)), np.array([0, 2]), np.ones((4, 5)))
    refused = 0
    for _ in range(3000):
        try:
            h = _loaded(forged(data, rng), 2**20)
        except ValueError:
            refused += 1
            continue
        with contextlib.suppress(ValueError, IndexError, TypeError):
            h(*args)
    assert refused > 500


def recurrence(w, x):
    """Two scans inside one another, the inner one over the outer row."""

    def inner(h, v):
        return wnp.tanh(h * v + w), h

    def outer(h, row):
        last, hs = wg.scan(inner, h, row)
        return last, wnp.sum(hs)

    last, sums = wg.scan(outer, w, x)
    return wnp.sum(last * last) + wnp.sum(sums)


def halved(x):
    return wg.while_loop(lambda c: c[0] > 1.0, lambda c: (c[0] * 0.5, c[1] + 1.0), (x, 0.0))


def either(x):
    return wg.cond(x > 0, lambda v: v * x, lambda v: -v, x)


X = np.random.default_rng(5).normal(size=(4, 3))
LOOPS = {
    "scan": (recurrence, [(np.ones(2), X), (np.arange(2.0), 2 * X)]),
    "its gradient": (wg.grad(recurrence, argnums=(0, 1)), [(np.ones(2), X), (np.arange(2.0), 2 * X)]),
    "its hessian": (wg.hessian(recurrence), [(np.ones(2), X), (np.arange(2.0), 2 * X)]),
    "while_loop": (halved, [(5.0,), (0.5,), (1e6,)]),
    "its tangent": (lambda x: wg.jvp(lambda v: halved(v)[0], (x,), (1.0,)), [(5.0,), (0.5,)]),
    "gradient of while_loop": (wg.grad(lambda x: halved(x)[0]), [(5.0,), (0.5,), (1e300,)]),
    "cond": (wg.value_and_grad(either), [(2.0,), (-3.0,)]),
}


@pytest.mark.parametrize("name", LOOPS)
def test_programs_with_loops(name):
    f, calls = LOOPS[name]
    g = wg.compile(f)
    g(*calls[0])
    h = reloaded(g)
    for args in calls:
        identical(h(*args), g(*args))


@pytest.mark.parametrize("name", ["its gradient", "while_loop", "gradient of while_loop"])
def test_forged_loops_do_no_harm(name):
    f, calls = LOOPS[name]
    g = wg.compile(f)
    g(*calls[0])
    rng, data, refused = random.Random(1), file_of(g), 0

    def enough(number, frame):  # what never ends can be interrupted
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, enough)
    try:
        for _ in range(2000):
            try:
                h = _loaded(forged(data, rng), 2**20)
            except ValueError:
                refused += 1
                continue
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with contextlib.suppress(ValueError, IndexError, TypeError, RuntimeError, TimeoutError):
                h(*calls[0])
            signal.setitimer(signal.ITIMER_REAL, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert refused > 300
