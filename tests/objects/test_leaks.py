"""Nothing grows: objects, recordings, arguments of compiled functions, tapes.

The long form, of 100,000 rounds: ``WENGERT_LONG=1 python -m pytest tests/objects/test_leaks.py``.
"""

import contextlib
import gc
import os
import weakref

import numpy as np
import pytest
import wengert as wg
from garbage_cases import Box, X, leaf, rematerialised, scalar, vector, vjp_rule
from wengert import _core

ROUNDS = 100_000 if os.environ.get("WENGERT_LONG") else 1500


def loop_of(body):
    def run(n):
        for _ in range(n):
            body()

    return run


def raising(x):
    raise KeyError(x)


def raise_in_gradient():
    with contextlib.suppress(KeyError):
        wg.grad(lambda x: raising(vjp_rule(1)(x)))(X)


def step_backward():
    w = leaf()
    (rematerialised(1)(w * 2)).sum().backward()


def drop_unused():
    b = Box()
    b.y = vjp_rule(b)(leaf())
    b.g = wg.grad(scalar(b))
    b.p = wg.vjp(vector(b), X)[1]


LEAKS = {
    "gradients": lambda: wg.grad(scalar(1))(X),
    "backward": step_backward,
    "exceptions": raise_in_gradient,
    "pullbacks": lambda: wg.vjp(vector(1), X)[1](X),
    "dropped": drop_unused,
    "weak references": lambda: weakref.ref(wg.array(X)),
    "no_grad": lambda: wg.no_grad()(vector(1))(X),
}


@pytest.mark.parametrize("name", LEAKS)
def test_nothing_grows(name):
    body = LEAKS[name]

    def held():
        gc.collect()
        return len(gc.get_objects())

    for _ in range(20):
        body()
    before = held()
    loop_of(body)(ROUNDS)
    assert held() - before < 50


def test_recordings_do_not_grow():
    g = wg.compile(lambda x: x * 2, cache_size=2)
    rounds = max(ROUNDS // 10, 100)
    for n in range(1, 20):
        g(np.ones(n))
    gc.collect()
    before = len(gc.get_objects())
    for n in range(rounds):
        g(np.ones(n % 50 + 1))
    gc.collect()
    assert len(gc.get_objects()) - before < 50


def test_functions_as_arguments_live_no_longer_than_the_cache():
    seen = []

    def call(g, k):
        def step(x):
            return x * k

        seen.append(weakref.ref(step))
        assert g(step, 2.0) == 2.0 * k
        assert g(step, 3.0) == 3.0 * k

    g = wg.compile(lambda f, x: f(x), cache_size=4)
    for k in range(60):
        call(g, k)
    gc.collect()
    assert 1 <= sum(r() is not None for r in seen) <= 4
    g.clear_cache()
    gc.collect()
    assert not any(r() is not None for r in seen)


@pytest.mark.parametrize("how", ["static", "argument", "key", "traced", "given up", "eager"])
def test_no_object_of_a_call_stays_for_ever(how):
    class Key:
        pass

    if how == "static":
        g = wg.compile(lambda k, x: x * 2, static_argnums=0, cache_size=3)
        call = lambda k: g(k, 1.5)  # noqa: E731
    elif how == "key":
        g = wg.compile(lambda d: next(iter(d.values())) * 2, cache_size=3)
        call = lambda k: g({k: 1.5})  # noqa: E731
    elif how == "traced":
        g = wg.compile(lambda k, x: x * 2, static_argnums=0, cache_size=3)
        call = lambda k: wg.grad(lambda x: g(k, x))(1.5)  # noqa: E731
    elif how == "given up":
        g = wg.compile(lambda k, x: (x * 2, object()), static_argnums=0, cache_size=3)
        call = lambda k: g(k, 1.5)  # noqa: E731
    elif how == "eager":
        g = wg.compile(lambda k, x: 1.0, static_argnums=0, cache_size=3)
        call = lambda k: g(k, np.ma.array([1.0]))  # noqa: E731
    else:
        g = wg.compile(lambda f, x: f(x), cache_size=3)
        call = lambda k: g((lambda x, k=k: x * 2), 1.5)  # noqa: E731
    seen = []
    for _ in range(40):
        k = Key()
        seen.append(weakref.ref(k))
        call(k)
        del k
    gc.collect()
    assert sum(r() is not None for r in seen) <= 3


def test_recursive_compiled_functions_keep_what_they_use():
    g = wg.compile(lambda f, n, x: x if n == 0 else f(g(f, n - 1, x)), static_argnums=1)
    f = lambda x: x * 2  # noqa: E731
    assert g(f, 5, 1.0) == 32.0
    assert g(f, 5, 2.0) == 64.0
    assert g.stats()["replays"] >= 1


def test_keepers_end_with_their_tapes():
    gc.collect()
    kind = type(next(k for k in gc.get_referents(vjp_rule(1)(leaf())) if type(k).__name__ == "Keeper"))
    gc.collect()
    assert not [o for o in gc.get_objects() if type(o) is kind]
    y = vjp_rule(1)(leaf())
    held = [o for o in gc.get_objects() if type(o) is kind]
    assert len(held) == 1
    del y
    gc.collect()
    assert gc.get_referents(held[0]) == [kind]  # empty, and harmless in the hands of whoever found it


def test_the_pool_of_arrays_still_serves():
    assert _core.pool_bytes() >= 0
    for _ in range(1000):
        y = vjp_rule(1)(leaf())
        y = wg.array(X) * 2
    np.testing.assert_array_equal(np.asarray(y), X * 2)
