"""Large captured arrays whose elements decide what a function does: however that is written, a replay sees it."""

from __future__ import annotations

import contextlib
import copy
import functools
import operator
import pickle
import sys
import threading

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from wengert.program.verified import difference

N = 128
X = np.linspace(-1.0, 1.0, 4 * N).reshape(4, N)
DATA = np.ones((N, N))
VIEW = DATA[0]
WHERE = np.arange(N * N) % N  # positions
OURS = wnp.array(np.ones((N, N)))
BUFFER = np.empty((N, N))


class Net:
    kept = DATA

    def __init__(self):
        self.w, self.layers = DATA, [DATA, DATA[::1]]

    @property
    def mean(self):
        return self.w.mean()

    def __bool__(self):
        return bool(self.w[0, 0] > 0)

    @staticmethod
    def first():
        return DATA[0, 0]

    def scaled(self, x):
        return x * self.w.sum()


class Lazy:
    __array_ufunc__ = None

    def __init__(self, w):
        self.w = w

    def __radd__(self, x):
        return x + self.w.mean()


NET, LAZY = Net(), Lazy(DATA)
FUNCTIONS = {"data": lambda: DATA}


def helper():
    return DATA * 2.0


def given(w=DATA):
    return w


@contextlib.contextmanager
def context():
    yield DATA.mean()


def branch(x):
    if DATA[0, 0] > 0:
        return x * 2.0
    return x


def loop_over_rows(x):
    for row in DATA:
        if row[0] > 0:
            x = x + 1.0
    return x


def while_elements(x):
    n = 0
    while n < 3 and DATA[0, n] > 0:
        n += 1
    return x * n


def asserted(x):
    assert DATA[0, 0] > -1e9
    y = {True: x, False: -x}
    return y[bool(DATA[0, 0] > 0)]


def caught(x):
    try:
        [0.0][int(DATA[0, 0] > 0)]
    except IndexError:
        return x
    return -x


def in_a_thread(x):
    out = []
    t = threading.Thread(target=lambda: out.append(float(DATA.sum())))
    t.start()
    t.join()
    return x * out[0]


def nonlocal_sum(x):
    total = 0.0

    def add():
        nonlocal total
        total = float(DATA.sum())

    add()
    return x * total


def plain_operand(x):
    y = np.ones((4, N))
    return y @ DATA + x


def plain_the_second_time(x):
    y, total = x, x * 0.0
    for _ in range(2):
        total = total + y @ DATA
        y = np.ones((4, N))
    return total


def through_a_list(x):
    held = []
    held.append(DATA)
    return x * held[0][0, 0]


def functions_in_a_list(x):
    fs = [lambda: DATA, lambda: x]
    return x if fs[0]()[0, 0] > 0 else -x


def functions_in_a_dict(x):
    return x if FUNCTIONS["data"]()[0, 0] > 0 else -x


def with_context(x):
    with context() as m:
        return x * m


def generated(x):
    return x * sum(float(w[0, 0]) for w in NET.layers)


def unpacked(x):
    first, *_ = DATA
    return x * first[0]


def executed(x):
    names = {}
    exec("m = float(DATA.mean())", {"DATA": DATA}, names)
    return x * names["m"]


def walrus(x):
    return x if (m := DATA.mean()) > 0 else x * m


def stores_it(x):
    class Box:
        pass

    box = Box()
    box.w = DATA
    return x * box.w[0, 0]


def changed_by_operator(x):
    p = {"y": x}
    operator.setitem(p, "y", np.ones((4, N)))
    return p["y"] @ DATA + x


def called_with(h):
    return lambda x: h(x, DATA)


def scan_carries_it(x):
    last, _ = wg.scan(lambda c, row: (DATA[0] * 1.0, row), x[0], x)
    return last + x[0]


def reads_numbers_of_ours(x):
    return x * float(OURS[0, 0])


CASES = {
    f.__name__: f
    for f in (
        branch, loop_over_rows, while_elements, asserted, caught, in_a_thread, nonlocal_sum, plain_operand,
        plain_the_second_time, through_a_list, functions_in_a_list, functions_in_a_dict, with_context, generated,
        unpacked, executed, walrus, stores_it, changed_by_operator, scan_carries_it, reads_numbers_of_ours,
    )
}  # fmt: skip
CASES |= {
    "conditional expression": lambda x: x if DATA[0, 0] > 0 else -x,
    "or": lambda x: x * ((DATA[0, 0] > 0) or 2.0),
    "all": lambda x: x if (DATA > 0).all() else -x,
    "a method": lambda x: x * DATA.mean(),
    "a function": lambda x: x * np.mean(DATA),
    "derived": lambda x: x @ (DATA * 2.0),
    "derived in a helper": lambda x: x @ helper(),
    "negated": lambda x: x @ -DATA,
    "two of them": lambda x: x @ (DATA @ DATA),
    "an element": lambda x: x * DATA[0, 0],
    "elements by a list": lambda x: x * DATA[[0, 1, 2, 3]],
    "elements by a mask": lambda x: x[0] * DATA[DATA[:, 0] > 0].sum(),
    "float": lambda x: x * float(DATA[0, 0]),
    "a position": lambda x: x[:, : 1 + int(DATA[0].argmax())],
    "positions": lambda x: x.reshape(-1)[WHERE],
    "another dtype": lambda x: x @ DATA.astype(np.float32),
    "a copy": lambda x: x @ DATA.copy(),
    "asarray": lambda x: x @ np.asarray(DATA),
    "ascontiguousarray": lambda x: x @ np.ascontiguousarray(DATA.T),
    "as another type": lambda x: x if DATA.view(np.int64)[0, 0] > 0 else -x,
    "flat": lambda x: x * DATA.flat[0],
    "tolist": lambda x: x * DATA.tolist()[0][0],
    "memoryview": lambda x: x * memoryview(DATA)[0, 0],
    "real": lambda x: x * DATA.real[0, 0],
    "getattr": lambda x: x * getattr(NET, "w").mean(),  # noqa: B009
    "vars": lambda x: x * vars(NET)["w"].mean(),
    "globals": lambda x: x * globals()["DATA"].mean(),
    "eval": lambda x: x * eval("DATA.mean()"),
    "modules": lambda x: x * sys.modules[__name__].DATA.mean(),
    "property": lambda x: x * NET.mean,
    "truth": lambda x: x if NET else -x,
    "static method": lambda x: x * NET.first(),
    "method": lambda x: NET.scaled(x),
    "class attribute": lambda x: x * Net.kept.mean(),
    "other operators": lambda x: x + LAZY,
    "in a format": lambda x: x if f"{DATA[0, 0] > 0}" == "True" else -x,
    "sorted by it": lambda x: x[:, sorted(range(4), key=lambda k: -DATA[0, k])],
    "map": lambda x: x * list(map(lambda w: w.mean(), NET.layers))[0],  # noqa: RUF015
    "reduce": lambda x: x * functools.reduce(lambda a, w: a + w[0, 0], NET.layers, 0.0),
    "partial": functools.partial(lambda w, x: x * w.mean(), DATA),
    "partial inside": lambda x: functools.partial(np.multiply, DATA)(2.0)[0] + x,
    "default": lambda x, w=DATA: x * w.mean(),
    "default of a helper": lambda x: x * given().mean(),
    "operator": lambda x: x @ operator.mul(DATA, 2.0),
    "attrgetter": lambda x: x * operator.attrgetter("w")(NET).mean(),
    "dict of functions": lambda x: x + {"mul": np.multiply}["mul"](2.0, DATA)[0],
    "where": lambda x: np.where(DATA > 0, x[0], 0.0),
    "reduced": lambda x: x + np.add.reduce(DATA),
    "norm": lambda x: x / np.linalg.norm(DATA),
    "out": lambda x: x @ np.multiply(DATA, 2.0, out=BUFFER),
    "sorting": lambda x: x + np.sort(DATA, axis=None)[0],
    "searched": lambda x: x * np.searchsorted(DATA[0], 0.5),
    "interpolated": lambda x: np.interp(x[0], np.cumsum(np.abs(DATA[0])), DATA[1]),
    "a view": lambda x: x * VIEW[0] + VIEW,
    "chosen": lambda x: x @ (DATA if DATA[0, 0] > 0 else DATA.T),
    "deepcopy": lambda x: x * copy.deepcopy(NET).w.mean(),
    "pickle": lambda x: x * pickle.loads(pickle.dumps(DATA)).mean(),
    "given on": called_with(lambda x, w: x * w.mean()),
    "a leaf": lambda x: wg.grad(lambda w: np.sum(x @ w))(DATA) + np.sum(DATA),
    "differentiated": lambda x: wg.grad(lambda w: np.sum((x @ w) ** 2))(DATA),
    "jvp": lambda x: wg.jvp(lambda w: x @ w, (DATA,), (DATA,)),
    "wengert's functions": lambda x: x + wnp.mean(DATA),
    "wengert's operators": lambda x: x @ (OURS * 2.0),
    "numbers of an Array": lambda x: x * np.asarray(OURS)[0, 0],
    "a branch of an Array": lambda x: x if OURS[0, 0] > 0 else -x,
    "a mean of an Array": lambda x: x * OURS.mean(),
}


def change(rng):
    DATA[...] = rng.standard_normal((N, N))
    OURS[...] = rng.standard_normal((N, N))
    WHERE[...] = rng.integers(0, N, N * N)


@pytest.mark.parametrize("name", CASES)
def test_elements_that_decide(name):
    f = CASES[name]
    rng = np.random.default_rng(len(name))
    change(rng)
    g = wg.compile(f)
    for k in range(8):
        if k % 3:
            change(rng)
        assert difference(f(X.copy()), g(X.copy())) is None, g.why()


@pytest.mark.parametrize("name", ["branch", "a method", "an element", "property"])
def test_why_names_the_place(name):
    g = wg.compile(CASES[name])
    g(X)
    assert "bytes that is no argument" in g.why()[0]
    assert "test_captures_exposed.py" in g.why()[0]


def test_a_counter_in_a_large_array():
    counter = np.zeros(N * N)

    def f(x):
        counter[0] += 1.0
        return x + counter[0]

    g = wg.compile(f)
    assert [float(g(0.0)) for _ in range(5)] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_local_that_only_looks_recorded():
    held = {"w": np.ones((N, N)), "x": None}

    def f(x):
        y = x
        for _ in range(2):
            z = y @ held["w"]
            y = z if held["x"] is None else held["x"]
        return z

    g = wg.compile(f)
    for k in range(6):
        held["w"][...] = k
        held["x"] = np.ones((4, N)) if k > 2 else None
        assert difference(f(X), g(X)) is None
