"""What a compiled function does to its arguments, and what tells two calls apart."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np
import pytest
import wengert as wg
from compiled_cases import V, W, same

# ---- the old value of an argument that is changed ------------------------------------------------------------------

KEEP = {
    "copy": lambda x: x.copy(),
    "np.array": np.array,
    "astype": lambda x: x.astype(np.float64),
    "flatten": lambda x: x.flatten(),
    "slice": lambda x: x[1:].copy(),
    "tree": lambda x: {"old": x.copy(), "n": [x[::2].copy()]},
    "times one": lambda x: x * 1.0,
    "sum": lambda x: x.sum(),
    "where": lambda x: np.where(x > 0, x, x),
}


@pytest.mark.parametrize("n", [1, 3, 8, 100, 20_000])
@pytest.mark.parametrize("keep", KEEP)
def test_the_old_value_stays(keep, n):
    def f(x, y):
        old = KEEP[keep](x)
        x += y
        return old

    g = same(f, lambda: (np.arange(n) + 0.5, np.full(n, 77.0)), rounds=3)
    assert g.stats()["replays"] == 2


@pytest.mark.parametrize("keep", KEEP)
def test_the_old_value_of_a_donated_argument_stays(keep):
    def f(x, y):
        return KEEP[keep](x), y * 2.0

    same(f, lambda: (np.arange(20) + 0.5, np.full(20, 77.0)), rounds=3, changed=False, donate_argnums=0)


def test_swapped_and_rotated_arguments():
    def swap(x, y):
        t = x.copy()
        x[:] = y
        y[:] = t
        return t

    def rotate(x, new):
        oldest = x[0].copy()
        x[:-1] = x[1:]
        x[-1] = new
        return oldest

    same(swap, lambda: (np.arange(20.0), np.ones(20)), rounds=3)
    same(rotate, lambda: (np.arange(60.0).reshape(5, 12), np.full(12, -1.0)), rounds=3)


@pytest.mark.parametrize("view", [lambda x: x[1:], lambda x: x.reshape(2, 2), lambda x: x[::-1]])
def test_a_view_follows_its_base(view):
    def of_argument(x):
        y = view(x)
        x *= 2.0
        return y * 1.0, y

    def of_local(x):
        z = x * 1.0
        y = view(z)
        z *= 2.0
        return y

    same(of_argument, (V,), (W,))
    same(of_local, (V,), (W,))


# ---- one array given twice -----------------------------------------------------------------------------------------


def pair(a):
    return a, a


ALIASED = {
    "the same": lambda: pair(V.copy()),
    "equal": lambda: (V.copy(), V.copy()),
    "overlapping": lambda: (lambda a: (a[:-1], a[1:]))(np.arange(5.0)),
    "overlapping backwards": lambda: (lambda a: (a[1:], a[:-1]))(np.arange(5.0)),
    "reversed": lambda: (lambda a: (a, a[::-1]))(V.copy()),
    "interleaved": lambda: (lambda a: (a[::2], a[1::2]))(np.arange(8.0)),
    "apart": lambda: (lambda a: (a[:4], a[4:]))(np.arange(8.0)),
}


def changes_first(x, y):
    x += 1.0
    return x * y


def changes_both(x, y):
    x += 1.0
    y *= 3.0
    return x.sum() + y.sum()


def reads(x, y):
    return x * 3 if x is y else x + y


def changes_last(x, y):
    y[0] = x[-1] * 2
    return x * 1.0


@pytest.mark.parametrize("first", ALIASED)
@pytest.mark.parametrize("f", [changes_first, changes_both, changes_last, reads], ids=lambda f: f.__name__)
def test_aliased_arguments(f, first):
    order = [first, *(name for name in ALIASED if name != first)]
    same(f, *(ALIASED[name] for name in order))
    trees = [lambda name=name: tuple({"a": [x]} for x in ALIASED[name]()) for name in order]
    same(lambda p, q: f(p["a"][0], q["a"][0]), *trees)


def test_many_arguments_with_one_twice():
    def f(xs):
        xs[2] += 1.0
        return sum(xs)

    def arrays(i, j):
        xs = [np.full(3, float(k)) for k in range(12)]
        xs[i] = xs[j]
        return (xs,)

    same(f, *(lambda i=i, j=j: arrays(i, j) for i, j in [(0, 0), (2, 5), (7, 2), (3, 9), (2, 5)]))


def test_aliased_arrays_of_ours():
    def f(x, y):
        x += 1.0
        return x * y

    def twice():
        return pair(wg.array(V))

    def view():
        a = wg.array(np.arange(5.0))
        return a[:-1], a[1:]

    same(f, lambda: (wg.array(V), wg.array(W)), twice, view, changed=False)


# ---- containers that the function changes --------------------------------------------------------------------------


def assigns(p, x):
    p["w"] = p["w"] * x
    return p["w"].sum()


def decreases(p, x):
    p["b"] -= 0.1 * x
    return x * 2


def appends(p, x):
    p["log"].append(x * 2)
    return len(p["log"])


def swaps(p, x):
    p["log"][0], p["log"][1] = p["log"][1], p["log"][0]
    return p["log"][0] - x


def pops(p, x):
    return p["log"].pop() * x


def adds_and_removes(p, x):
    p["new"] = {"x": x, "both": p["w"]}
    del p["b"]
    return p


def returns_what_it_changed(p, x):
    p["w"] = x + p["w"]
    return p, p["w"], p["log"]


def sorts(p, x):
    p["log"].sort()
    return p["log"][0] * x


@pytest.mark.parametrize(
    "f",
    [assigns, decreases, appends, swaps, pops, adds_and_removes, returns_what_it_changed, sorts],
    ids=lambda f: f.__name__,
)
def test_changed_containers(f):
    def call(k):
        return {"w": V * k, "b": 1.0 + k, "log": [3.0, k, 2.0]}, 3.0 + k

    g = same(f, *(lambda k=k: call(k) for k in (1.0, 2.0, 5.0)))
    assert g.stats()["eager"] == 0


def test_a_changed_container_keeps_its_identity():
    g = wg.compile(returns_what_it_changed)
    for _ in range(3):
        p = {"w": V.copy(), "b": 1.0, "log": [1.0]}
        q, w, log = g(p, 2.0)
        assert q is p
        assert p["w"] is w
        assert p["log"] is log


# ---- keys: equal is not the same -----------------------------------------------------------------------------------


class Mode(str, Enum):
    A = "a"


class Level(IntEnum):
    LOW = 1


@dataclass(frozen=True)
class Config:
    k: object


P = namedtuple("P", "d e")

STATIC = [
    0.0,
    -0.0,
    1,
    1.0,
    True,
    Level.LOW,
    "a",
    Mode.A,
    (2,),
    (2.0,),
    (True, (1,)),
    (1, (1.0,)),
    np.int32(2),
    np.int64(2),
    np.float32(2),
    frozenset({1}),
    frozenset({True}),
    Config(1),
    Config(1.0),
    None,
    float("nan"),
]


def described(k):
    if isinstance(k, Config):
        return 10.0 * described(k.k)
    if isinstance(k, (tuple, frozenset)):
        return sum((i + 1.5) * described(x) for i, x in enumerate(k)) + len(k)
    return float(sum(map(ord, type(k).__name__))) + (np.copysign(1.0, k) if isinstance(k, float) else 0.0)


def test_static_arguments_that_are_equal():
    g = same(lambda x, k: x * described(k), *((V, k) for k in STATIC), static_argnums=1)
    assert g.stats()["programs"] == len(STATIC)


def test_static_arguments_by_keyword():
    g = wg.compile(lambda x, mode: x * described(mode), static_argnums=1)
    for mode in (Config(1), Config(1.0), Config(1)):
        np.testing.assert_array_equal(g(V, mode=mode), V * described(mode))


def test_saved_and_pickled_static_arguments(tmp_path):
    g = wg.compile(lambda x, k: x * described(k), static_argnums=1)
    static = [(2,), (2.0,), 1, 1.0, True, 0.0, -0.0]
    for k in static:
        g(V, k)
    g.save(tmp_path / "p")
    h = wg.load_program(tmp_path / "p")
    for k in static:
        np.testing.assert_array_equal(h(V, k), V * described(k))


def test_keys_and_their_order():
    def f(d):
        return [np.copysign(1.0, described(k)) * v * (i + 1) + described(k) for i, (k, v) in enumerate(d.items())]

    same(f, ({1: V},), ({1.0: V},), ({True: V},), ({0.0: V},), ({-0.0: V},), ({"a": V},), ({Mode.A: V},))
    same(f, ({"a": V, "b": W},), ({"b": V, "a": W},), ({"b": W, "a": V},))


def in_defaultdict(d):
    return defaultdict(float, d)


@pytest.mark.parametrize(
    "within",
    [lambda d: d, OrderedDict, in_defaultdict, lambda d: P(d, 2.0), lambda d: P(P(d, 1.0), 2.0), lambda d: [P(d, 1.0)]],
    ids=["dict", "OrderedDict", "defaultdict", "namedtuple", "nested", "list"],
)
def test_the_order_of_dicts_in_other_containers(within):
    def first(t):
        while not isinstance(t, dict):
            t = t[0]
        return [v * (i + 1) for i, v in enumerate(t.values())]

    calls = [{"a": V, "b": W}, {"b": V, "a": W}, {"b": W, "a": V}]
    g = same(first, *((within(d),) for d in calls))
    assert g.stats()["replays"] >= 3
