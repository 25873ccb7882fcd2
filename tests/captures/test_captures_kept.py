"""What outlives the run of a compiled function: functions it returns, the user's hooks, files and pickles."""

from __future__ import annotations

import functools
import pickle
import sys

import numpy as np
import pytest
import wengert as wg
from compiled_cases import V, W

SCALE = 1.0


def set_global(name, value):
    globals()[name] = value


def of_module(x):
    return x * SCALE


def with_helper(x):
    return of_module(x) + 1.0


# ---- results that hold on to the run -------------------------------------------------------------------------------


def made_class(x):
    class R:
        value = x * 2

    return R


CLOSURES = {
    "lambda": (lambda x: lambda t: t * x, lambda h: h(10.0)),
    "default": (lambda x: lambda t, y=x * 2: t + y, lambda h: h(10.0)),
    "vjp": (lambda x: wg.vjp(np.sin, x)[1], lambda h: h(1.0)[0]),
    "linearize": (lambda x: wg.linearize(np.sin, x), lambda h: h[1](1.0)),
    "class": (made_class, lambda h: float(h.value)),
    "generator": (lambda x: (x * k for k in (1.0, 2.0)), lambda h: sum(float(v) for v in h)),
    "partial": (lambda x: functools.partial(np.multiply, x * 2), lambda h: h(3.0)),
    "in a tree": (lambda x: {"f": [lambda t: t * x], "x": x}, lambda h: h["f"][0](2.0) + h["x"]),
}


@pytest.mark.parametrize("name", CLOSURES)
def test_returned_functions(name):
    f, use = CLOSURES[name]
    g = wg.compile(f)
    for x in (1.0, 2.0, 3.0):
        assert float(use(g(x))) == pytest.approx(float(use(f(x))), rel=1e-15)


def test_a_function_from_outside_may_be_returned():
    g = wg.compile(lambda x: (of_module, len, x * 2))
    for x in (1.0, 2.0, 3.0):
        assert g(x) == (of_module, len, x * 2)
    assert g.stats()["replays"] == 2


# ---- the user's hooks, files, pickles ------------------------------------------------------------------------------


def test_the_profile_function_of_the_user_stays():
    seen = []

    def hook(frame, event, _):
        if event == "call" and frame.f_code is of_module.__code__:
            seen.append(event)

    g = wg.compile(with_helper)
    before = sys.getprofile()
    sys.setprofile(hook)
    try:
        g(V)
        assert sys.getprofile() is hook
    finally:
        sys.setprofile(before)
    assert seen == ["call"]


def test_an_error_leaves_the_hook_as_it_was():
    def f(x):
        raise ValueError("no")

    before = sys.getprofile()
    with pytest.raises(ValueError, match="no"):
        wg.compile(f)(1.0)
    assert sys.getprofile() is before


def test_a_file_holds_what_was_captured(tmp_path):
    w = V.copy()
    g = wg.compile(lambda x: x * w)
    g(W)
    g.save(tmp_path / "p")
    w += 1.0
    np.testing.assert_array_equal(wg.load_program(tmp_path / "p")(W), W * V)
    with pytest.raises(ValueError, match="not what it was"):
        g.save(tmp_path / "q")
    np.testing.assert_array_equal(g(W), W * w)
    g.save(tmp_path / "q")
    np.testing.assert_array_equal(wg.load_program(tmp_path / "q")(W), W * w)


def scaled(x):
    return x * SCALE


def plain(x):
    return np.tanh(x) * 2.0


def test_pickles_follow_the_source():
    set_global("SCALE", 2.0)
    g, h = wg.compile(scaled), wg.compile(plain)
    g(V), h(V)
    data, other = pickle.dumps(g), pickle.dumps(h)
    set_global("SCALE", 5.0)
    np.testing.assert_array_equal(pickle.loads(data)(V), V * 5.0)
    again = pickle.loads(other)
    again(V)
    assert again.stats()["recordings"] == 0
    code = plain.__code__
    try:
        plain.__code__ = (lambda x: np.tanh(x) * 3.0).__code__
        np.testing.assert_allclose(pickle.loads(other)(V), np.tanh(V) * 3.0)
    finally:
        plain.__code__ = code
