"""What a compiled function reads besides its arguments: changed between calls, in every place it can stand."""

from __future__ import annotations

import functools
import types
from dataclasses import dataclass, field

import numpy as np
import pytest
import wengert as wg
from compiled_cases import V, W
from wengert.program.verified import difference

SCALE = 1.0
TABLE = {"rate": 1.0, "deep": {"w": V.copy()}}


def of_module(x):
    return x * SCALE


def with_helper(x):
    return of_module(x) + 1.0


def by_key(x):
    return x * TABLE["rate"] + TABLE["deep"]["w"]


def set_global(name, value):
    globals()[name] = value


class Net:
    rate = 1.0

    def __init__(self):
        self.w, self.k, self.layers, self.unrelated = V.copy(), 2.0, [V.copy(), W.copy()], 0

    def __call__(self, x):
        return x * self.w + self.k

    def helper(self, x):
        return self(x) * self.rate

    def chain(self, x):
        for w in self.layers:
            x = x * w
        return x

    @property
    def doubled(self):
        return self.k * 2.0

    def through_property(self, x):
        return x * self.doubled


class Slotted:
    __slots__ = ("k",)

    def __init__(self, k):
        self.k = k

    def f(self, x):
        return x * self.k


@dataclass
class Config:
    rate: float = 1.0
    sizes: list = field(default_factory=lambda: [1.0, 2.0])


def places():
    """name: (function, change)"""
    out = {}

    def add(name):
        return lambda make: out.update({name: make()})

    @add("global")
    def _():
        set_global("SCALE", 1.0)
        return of_module, lambda: set_global("SCALE", SCALE + 1.0)

    @add("global of a helper")
    def _():
        set_global("SCALE", 1.0)
        return with_helper, lambda: set_global("SCALE", SCALE + 1.0)

    @add("key")
    def _():
        return by_key, lambda: TABLE.update(rate=TABLE["rate"] + 1.0)

    @add("key of a key, in place")
    def _():
        return by_key, lambda: TABLE["deep"]["w"].__iadd__(1.0)

    @add("cell")
    def _():
        k = 1.0

        def f(x):
            return x * k

        def change():
            nonlocal k
            k += 1.0

        return f, change

    @add("cell of a function inside")
    def _():
        w = V.copy()
        return lambda x: (lambda y: y * w)(x), lambda: w.__iadd__(1.0)

    @add("comprehension")
    def _():
        ws = [1.0, 2.0]
        return lambda x: sum([x * w for w in ws]), lambda: ws.append(5.0)

    @add("default")
    def _():
        def f(x, w=V.copy(), *, k=[1.0]):  # noqa: B006, B008
            return x * w + k[0]

        return f, lambda: f.__kwdefaults__["k"].__setitem__(0, f.__kwdefaults__["k"][0] + 1)

    @add("default array in place")
    def _():
        def f(x, w=V.copy()):  # noqa: B008
            return x * w

        return f, lambda: f.__defaults__[0].__iadd__(1.0)

    @add("defaults replaced")
    def _():
        def f(x, k=1.0):
            return x * k

        return f, lambda: setattr(f, "__defaults__", (f.__defaults__[0] + 1.0,))

    @add("code replaced")
    def _():
        def f(x):
            return x * 2.0

        def other(x):
            return x * 3.0

        return f, lambda: setattr(f, "__code__", other.__code__)

    @add("module attribute")
    def _():
        module = types.ModuleType("settings")
        module.rate = 1.0
        return lambda x: x * module.rate, lambda: setattr(module, "rate", module.rate + 1.0)

    for name, f in {
        "call": lambda m: m,
        "method": lambda m: m.helper,
        "bound": lambda m: functools.partial(m.helper),
        "closure": lambda m: lambda x: m.helper(x),
    }.items():

        @add(f"attribute, {name}")
        def _(f=f):
            m = Net()
            return f(m), lambda: setattr(m, "k", m.k + 1.0)

        @add(f"array attribute in place, {name}")
        def _(f=f):
            m = Net()
            return f(m), lambda: m.w.__iadd__(1.0)

        @add(f"array attribute replaced, {name}")
        def _(f=f):
            m = Net()
            return f(m), lambda: setattr(m, "w", m.w + 1.0)

    @add("class attribute")
    def _():
        m = Net()
        return m.helper, lambda: setattr(Net, "rate", Net.rate + 1.0)

    @add("class attribute of what is iterated")
    def _():
        layers = [Net(), Net()]
        return lambda x: sum(layer.rate * x for layer in layers), lambda: setattr(Net, "rate", Net.rate + 1.0)

    @add("class attribute of what is made inside")
    def _():
        def f(x):
            m = Net()
            return x * m.rate + m.helper(x)

        return f, lambda: setattr(Net, "rate", Net.rate + 1.0)

    @add("method of what is iterated")
    def _():
        class Own(Net):
            def part(self, x):
                return x * 2.0

        layers = [Own()]
        return lambda x: sum(layer.part(x) for layer in layers), lambda: setattr(Own, "part", lambda self, x: x * 3.0)

    @add("shadowed class attribute")
    def _():
        m = Net()
        return m.helper, lambda: setattr(m, "rate", m.rate + 1.0)

    @add("method replaced")
    def _():
        class Own(Net):
            def part(self, x):
                return x * 2.0

            def whole(self, x):
                return self.part(x)

        return Own().whole, lambda: setattr(Own, "part", lambda self, x: x * 3.0)

    @add("list of layers")
    def _():
        m = Net()
        return m.chain, lambda: m.layers.append(W)

    @add("layer in place")
    def _():
        m = Net()
        return m.chain, lambda: m.layers[1].__iadd__(1.0)

    @add("layer replaced")
    def _():
        m = Net()
        return m.chain, lambda: m.layers.__setitem__(0, m.layers[0] + 1)

    @add("property")
    def _():
        m = Net()
        return m.through_property, lambda: setattr(m, "k", m.k + 1.0)

    @add("slots")
    def _():
        m = Slotted(1.0)
        return m.f, lambda: setattr(m, "k", m.k + 1.0)

    @add("dataclass")
    def _():
        c = Config()
        return lambda x: x * c.rate + c.sizes[1], lambda: c.sizes.__setitem__(1, c.sizes[1] + 1.0)

    @add("key by a variable")
    def _():
        d = {"a": 1.0, "b": V.copy()}

        def f(x):
            for name in ("a", "b"):
                x = x * d[name]
            return x

        return f, lambda: d["b"].__iadd__(1.0)

    @add("length")
    def _():
        xs = [1.0]
        return lambda x: x * len(xs), lambda: xs.append(1.0)

    @add("set")
    def _():
        names = {"a"}
        return lambda x: x * len(names), lambda: names.add(f"x{len(names)}")

    @add("getattr")
    def _():
        m = Net()
        return lambda x: x * getattr(m, "k"), lambda: setattr(m, "k", m.k + 1.0)  # noqa: B009

    @add("missing attribute")
    def _():
        m = Net()
        return lambda x: x * 2 if hasattr(m, "extra") else x, lambda: setattr(m, "extra", 1)

    @add("missing key")
    def _():
        d = {}
        return lambda x: x * d.get("k", 2.0), lambda: d.update(k=d.get("k", 2.0) + 1.0)

    @add("partial")
    def _():
        w = V.copy()
        return functools.partial(lambda w, x: x * w, w), lambda: w.__iadd__(1.0)

    @add("plain NumPy out of sight")
    def _():
        a = np.eye(4) * 2.0
        return lambda x: np.linalg.inv(a) @ x, lambda: a.__iadd__(np.eye(4))

    @add("condition out of sight")
    def _():
        a = V.copy()
        return lambda x: x * 2 if a.sum() > 6.0 else x, lambda: a.__iadd__(1.0)

    @add("number out of an array")
    def _():
        a = V.copy()
        return lambda x: x * float(a[0]), lambda: a.__iadd__(1.0)

    @add("array of ours")
    def _():
        a = wg.array(V)
        return lambda x: x * a, lambda: a.__iadd__(1.0)

    @add("derivative")
    def _():
        w = V.copy()
        return wg.grad(lambda x: np.sum(np.sin(x) * w)), lambda: w.__iadd__(1.0)

    @add("derivative through a method")
    def _():
        m = Net()
        return wg.value_and_grad(lambda x: np.sum(m(x))), lambda: setattr(m, "w", m.w * 2.0)

    @add("body of a loop")
    def _():
        w = V.copy()
        return lambda x: wg.fori_loop(0, 3, lambda i, c: c * w, x), lambda: w.__iadd__(1.0)

    @add("compiled function inside")
    def _():
        w = V.copy()
        inner = wg.compile(lambda x: x * w)
        return lambda x: inner(x) + inner(np.ones(4)), lambda: w.__iadd__(1.0)

    @add("integer table")
    def _():
        order = np.array([3, 1, 0, 2])
        return lambda x: x[order], lambda: order.__setitem__(slice(None), order[::-1].copy())

    @add("object as a static argument")
    def _():
        m = Net()
        g = functools.partial(wg.compile, static_argnums=0)(lambda self, x: self.helper(x))
        return (lambda x: m.helper(x)), (lambda: setattr(m, "k", m.k + 1.0)), (lambda x: g(m, x))

    @add("function as an argument")
    def _():
        k = [2.0]

        def h(t):
            return t * k[0]

        g = wg.compile(lambda x, h: h(x))
        return h, (lambda: k.__setitem__(0, k[0] + 1.0)), (lambda x: g(x, h))

    return out


PLACES = list(places())


@pytest.mark.parametrize("name", PLACES)
def test_it_is_what_it_is_now(name):
    made = places()[name]
    f, change = made[:2]
    g = made[2] if len(made) > 2 else wg.compile(f)
    for _ in range(3):
        for x in (W, V):
            assert difference(f(x), g(x)) is None
        change()
    assert difference(f(W), g(W)) is None


@pytest.mark.parametrize(
    "name", [n for n in PLACES if n not in ("object as a static argument", "function as an argument")]
)
def test_what_stays_is_replayed(name):
    f, change = places()[name][:2]
    g = wg.compile(f)
    for _ in range(5):
        g(W)
    assert g.stats()["recordings"] == 1, g.why()
    assert g.stats()["replays"] == 4
    change()
    g(W)
    assert g.stats()["recordings"] == 2
    assert "is not what it was" in g.why()[-1]


def test_what_is_not_read_does_not_count():
    m = Net()
    g = wg.compile(m.helper)
    for k in range(4):
        m.unrelated = k
        m.log = [k]
        g(W)
    assert g.stats()["recordings"] == 1


def test_back_and_forth_is_recorded_once_each():
    m = Net()
    g = wg.compile(m.helper)
    for k in (1.0, 2.0, 1.0, 2.0, 1.0):
        m.k = k
        np.testing.assert_allclose(g(W), m.helper(W))
    assert g.stats()["recordings"] == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0),
        (1, 1.0),
        (1, True),
        (np.float32(1), np.float64(1)),
        ("a", np.str_("a")),
        (1.0, np.float64(1.0)),
        (2, 2j),
    ],
)
def test_equal_captures_that_are_not_the_same(one, other):
    box = {"k": one}

    def f(x):
        k = box["k"]
        return (
            x * 2 if type(k) is type(one) and (k != k or np.copysign(1, k) if isinstance(k, float) else 1) == 1 else x
        )

    g = wg.compile(f)
    for k in (one, other, one):
        box["k"] = k
        np.testing.assert_array_equal(g(V), f(V))
