"""Functions with large captured arrays whose elements decide what they do, in every way that it can be written."""

from __future__ import annotations

import contextlib
import copy
import functools
import operator
import pickle
import sys
import threading

import numpy as np
import wengert as wg
import wengert.numpy as wnp

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


def grown_under_another_name(x):
    hs = [x]
    gs = hs
    hs += [np.ones((4, N))]
    return sum((h @ DATA for h in gs), x * 0.0)


def grown_by_a_helper(x, hs=None):
    hs = [x]
    append_one(hs)
    return sum((h @ DATA for h in hs), x * 0.0)


def append_one(hs):
    hs.append(np.ones((4, N)))


def powers_of_a_loop(x):
    n = wg.fori_loop(0, 3, lambda i, c: c + 1, 0)
    return x @ (2**n * DATA)


def positions_of_what_is_true(x):
    (k,) = np.where(x[0] > 0.99)
    return x + (k * DATA[0, 0]).sum()


def updated_by_its_class(x):
    p = {"y": x}
    dict.update(p, y=np.ones((4, N)))
    return p["y"] @ DATA + x


@functools.lru_cache
def kept(k):
    return k


def through_a_cache(x):
    return x if kept(1) * DATA[0, 0] > 0 else -x


def starred(x):
    def f(*ws, **named):
        return ws[0][0, 0] + named["w"][0, 1]

    return x * f(DATA, w=DATA)


def deleted(x):
    w = DATA
    y = x @ w
    del w
    return y if DATA[0, 0] > 0 else -y


def generator_that_is_sent(x):
    def run():
        w = yield x
        yield w[0, 0]

    r = run()
    next(r)
    return x * r.send(DATA)


def finally_looks(x):
    try:
        return x @ DATA
    finally:
        if DATA[0, 0] > 0:
            x *= 2.0


def first_recorded_then_not(x):
    out = x * 0.0
    for y in (x, np.ones((4, N))):
        out = out + y @ DATA
    return out


def by_attribute_of_a_function(x):
    return x * by_attribute_of_a_function.w.mean()


by_attribute_of_a_function.w = DATA


def matched(x):
    match (DATA, x):
        case (w, y) if w[0, 0] > 0:
            return y
        case _:
            return -x


def of_a_subclass(x):
    return x + np.asarray(DATA.view(Sub))[0]


class Sub(np.ndarray):
    pass


def decorated(f):
    @functools.wraps(f)
    def run(x):
        return f(x) if DATA[0, 0] > 0 else -f(x)

    return run


@decorated
def behind_a_decorator(x):
    return x * 2.0


class Model:
    def __init__(self):
        self.weights = {"w": DATA}

    def __getattr__(self, name):
        return self.weights[name]

    def __len__(self):
        return 1 + int(self.weights["w"][0, 0] > 0)

    def __getitem__(self, k):
        return self.weights["w"][k]

    def __contains__(self, k):
        return bool(self.weights["w"][0, 0] > 0)

    def __iter__(self):
        return iter([self.weights["w"][0, 0]])

    def __eq__(self, other):
        return bool(self.weights["w"][0, 0] > 0)

    __hash__ = None

    def __enter__(self):
        return self.weights["w"].mean()

    def __exit__(self, *_):
        return None


MODEL = Model()


def entered(x):
    with MODEL as m:
        return x * m


def iterated(x):
    for m in MODEL:
        x = x * m
    return x


CASES = {
    f.__name__: f
    for f in (
        branch, loop_over_rows, while_elements, asserted, caught, in_a_thread, nonlocal_sum, plain_operand,
        plain_the_second_time, through_a_list, functions_in_a_list, functions_in_a_dict, with_context, generated,
        unpacked, executed, walrus, stores_it, changed_by_operator, scan_carries_it, reads_numbers_of_ours,
        grown_under_another_name, grown_by_a_helper, powers_of_a_loop, positions_of_what_is_true, updated_by_its_class,
        through_a_cache, starred, deleted, generator_that_is_sent, finally_looks, first_recorded_then_not,
        by_attribute_of_a_function, matched, of_a_subclass, behind_a_decorator, entered, iterated,
    )
}  # fmt: skip
CASES |= {
    "type": lambda x: x * type(NET).kept.mean(),
    "another __getattr__": lambda x: x * MODEL.w.mean(),
    "another __getitem__": lambda x: x * MODEL[0, 0],
    "another __len__": lambda x: x * len(MODEL),
    "another __contains__": lambda x: x if 1 in MODEL else -x,
    "another __eq__": lambda x: x if MODEL == 1 else -x,
    "a lambda in a call": lambda x: (lambda w: w[0, 0])(DATA) * x,
    "a set of numbers": lambda x: x * len({DATA[0, 0] > 0, True}),
    "chained": lambda x: x if 0 < DATA[0, 0] < 10 else -x,
    "identity of parts": lambda x: x if DATA.sum() is not None and DATA[0, 0] > 0 else x * 2.0,
    "a starred call": lambda x: np.multiply(*(DATA, 2.0))[0] + x,
    "zip of rows": lambda x: x * sum(a[0] * b for a, b in zip(DATA, (1.0, 2.0))),  # noqa: B905
    "max of rows": lambda x: x * max(DATA[0]),
    "round": lambda x: x * round(DATA[0, 0]),
    "divmod": lambda x: x * divmod(DATA[0, 0], 2.0)[1],
    "bytes": lambda x: x * (DATA.tobytes()[0] + 1),
    "any of Python's": lambda x: x * any(DATA[0] > 0),
    "argsort": lambda x: x[:, np.argsort(DATA[0])],
    "choose": lambda x: x[:, : int(np.count_nonzero(DATA[0] > 0)) + 1],
    "linspace": lambda x: x + np.linspace(0.0, DATA[0, 0], N),
    "an initial value": lambda x: np.sum(x, initial=DATA[0, 0]),
    "a mask": lambda x: np.sum(x, where=DATA[:4] > 0),
    "clip": lambda x: np.clip(x, DATA[0, 0] - 1.0, DATA[0, 0] + 1.0),
    "pad": lambda x: np.pad(x, 1, constant_values=float(DATA[0, 0])),
    "full": lambda x: x + np.full((4, N), DATA[0, 0]),
    "full_like": lambda x: x + np.full_like(x, float(DATA[0, 0])),
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
