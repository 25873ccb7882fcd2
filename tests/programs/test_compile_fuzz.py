"""Random programs, compiled and plain, call after call: branches, loops, writes in place, views, aliased arguments,
containers that change, captures that change between calls, transforms.

    python tests/programs/test_compile_fuzz.py SECONDS [SEED]    by hand, for longer
"""

from __future__ import annotations

import copy
import linecache
import random
import sys
import time

import numpy as np
import pytest
import wengert as wg
from wengert.program.verified import difference

N = 5  # elements of every array


class Writer:
    """One random program as source text: real code, so that its captures are found as a user's would be."""

    def __init__(self, rng, changes):
        self.rng, self.changes = rng, changes  # changes: it may write in place and into containers
        self.lines, self.arrays, self.owned, self.count = [], ["x", "y"], [], 0

    def new(self):
        self.count += 1
        return f"v{self.count}"

    def array(self):
        return self.rng.choice(self.arrays)

    def number(self):
        return self.rng.choice(
            [
                "0.5",
                "-0.25",
                "k",
                "self.k",
                "RATE",
                "CONFIG['rate']",
                "CONFIG['deep']['a']",
                "LIST[0]",
                "self.net.k",
                "len(LIST)",
            ]
        )

    def captured(self):
        return self.rng.choice(["w", "self.w", "WEIGHTS", "CONFIG['w']", "LAYERS[1]", "self.net.w", "helper(0.5)"])

    def expression(self):
        a, b, r = self.array(), self.array(), self.rng
        return r.choice(
            [
                f"{a} + {b}",
                f"{a} - 0.5 * {b}",
                f"np.tanh({a}) * {b}",
                f"{a} * {self.number()}",
                f"np.sin({a}) + {self.number()}",
                f"{a} * {self.captured()}",
                f"{self.captured()} - {a}",
                f"np.where({a} > {b}, {a}, {self.captured()})",
                f"np.maximum({a}, {b}) * 0.5",
                f"{a} * np.sum({b}) * 0.1",
                f"helper({a})",
                f"self.method({a})",
                f"outer({a}, {b})",
                f"{a} * np.linalg.norm({self.captured()}) * 0.1",
                f"{a}[ORDER]",
                f"np.concatenate([{a}[2:], {b}[:2]])",
                f"wg.fori_loop(0, 3, lambda i, c: np.tanh(c + {b}) * {self.number()}, {a})",
                f"wg.cond(np.sum({a}) > 0.0003141, lambda c: c * {self.number()}, lambda c: c + {b}, {a})",
                f"wg.scan(lambda c, r: (c * 0.5 + r, None), {a}, np.stack([{a}, {b}]))[0]",
            ]
        )

    def statement(self, depth):
        r, pad = self.rng, "    " * (depth + 1)
        kinds = ["let"] * 6 + ["if", "for", "while", "layers"] * (depth < 3)
        if self.changes:
            kinds += ["add", "add", "item", "slice", "view", "copy", "append", "assign", "decrease", "swap", "sort"]
        kind = r.choice(kinds)
        if kind == "let":
            e, v = self.expression(), self.new()
            self.lines.append(f"{pad}{v} = {e}")
            if depth == 1:
                self.arrays.append(v)
        elif kind == "if":  # no ties: NumPy adds up in another order
            self.lines.append(f"{pad}if np.sum({self.array()}) > {self.number()} + 0.0003141:")
            self.block(depth + 1)
            self.lines.append(f"{pad}else:")
            self.block(depth + 1)
        elif kind == "for":
            self.lines.append(f"{pad}for i in range(count):")
            self.block(depth + 1)
        elif kind == "while":
            v = self.new()
            self.lines += [
                f"{pad}{v} = {self.array()} * 1.0",
                f"{pad}while np.sum(np.abs({v})) > 3.0003141:",
                f"{pad}    {v} = {v} * 0.5",
            ]
            if depth == 1:
                self.arrays.append(v)
        elif kind == "layers":
            v = self.new()
            self.lines += [f"{pad}{v} = {self.array()}", f"{pad}for layer in LAYERS:", f"{pad}    {v} = {v} * layer"]
            if depth == 1:
                self.arrays.append(v)
        elif kind == "add":
            self.lines.append(f"{pad}{self.array()} {r.choice(['+=', '*=', '-='])} {self.array()} * {self.number()}")
        elif kind == "item":
            self.lines.append(f"{pad}{self.array()}[{r.randrange(-N, N)}] = {self.number()}")
        elif kind == "slice":
            self.lines.append(f"{pad}{self.array()}[1:] {r.choice(['=', '+='])} {self.array()}[:-1] * 0.5")
        elif kind in ("view", "copy"):
            v, a = self.new(), self.array()
            view = r.choice([f"{a}[::-1]", f"{a}[:]", f"{a}.T"]) if kind == "view" else f"{a}.copy()"
            self.lines.append(f"{pad}{v} = {view}")
            if depth == 1:
                self.arrays.append(v)
        elif kind == "append":
            self.lines.append(f"{pad}p['log'].append({r.choice([self.array() + ' * 2.0', self.number(), 'len(p)'])})")
        elif kind == "assign":
            self.lines.append(f"{pad}p['w'] = {self.expression()}")
        elif kind == "decrease":
            self.lines.append(f"{pad}p['b'] -= 0.5 * {self.number()}")
        elif kind == "swap":
            self.lines.append(f"{pad}p['log'][0], p['b'] = p['b'], p['log'][0]")
        elif kind == "sort":
            self.lines.append(f"{pad}p['pair'] = p['pair'][::-1]")

    def block(self, depth):
        for _ in range(self.rng.randrange(1, 4)):
            self.statement(depth)

    def source(self):
        self.lines = [
            "def make(w, k):",
            "    def f(self, x, y, p, count):",
        ]
        self.depth_one()
        return "\n".join(self.lines) + "\n"

    def depth_one(self):
        self.lines.append("        h = p['w'] * p['b']")
        self.arrays.append("h")
        for _ in range(self.rng.randrange(3, 9)):
            self.statement(1)
        out = [self.array() for _ in range(3)]
        more = ", p, p['log']" if self.changes else ""
        self.lines.append(f"        return np.sum({out[0]}) + np.sum({out[1]} * 0.5), {out[2]}, {out[0]}{more}")
        self.lines.append("    return f")


HELPERS = """
def helper(a):
    return a * RATE + HELP[0]

def outer(a, b):
    return helper(a) - (lambda t: t * HELP[0])(b)

class Model:
    def __init__(self, k, w, net=None):
        self.k, self.w, self.net, self.steps = k, w, net, 0

    def method(self, a):
        return a * self.k + self.part(a)

    def part(self, a):
        return a - self.w
"""


class World:
    """Everything a program can reach besides its arguments. Two of one seed are equal, and change alike."""

    def __init__(self, source, seed):
        self.rng = np.random.default_rng(seed)
        a = lambda: np.round(self.rng.normal(size=N), 3)  # noqa: E731
        self.names = {
            "np": np,
            "wg": wg,
            "RATE": 0.5,
            "CONFIG": {"rate": 0.7, "w": a(), "deep": {"a": 0.3}},
            "LIST": [0.9, 0.1],
            "LAYERS": [a(), a(), a()],
            "WEIGHTS": a(),
            "HELP": [0.2],
            "ORDER": np.array([1, 0, 3, 2, 4]),
        }
        name = f"<fuzz {seed} {id(self)}>"
        text = HELPERS + source
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        exec(compile(text, name, "exec"), self.names)
        self.model = self.names["Model"](0.4, a(), self.names["Model"](0.6, a()))
        self.w = a()
        self.f = self.names["make"](self.w, 0.8)

    def change(self):
        n, r, m = self.names, self.rng, self.model
        step = np.round(r.normal(size=N), 3)
        cells = dict(zip(self.f.__code__.co_freevars, self.f.__closure__ or (), strict=True))

        def cell():
            if "k" in cells:
                cells["k"].cell_contents = float(r.integers(1, 4)) / 4

        kind = r.integers(0, 16)
        [
            lambda: n.update(RATE=float(r.integers(1, 4)) / 4),
            lambda: n["CONFIG"].update(rate=float(r.integers(1, 4)) / 4),
            lambda: n["CONFIG"]["deep"].update(a=float(r.integers(1, 4)) / 4),
            lambda: n["CONFIG"]["w"].__iadd__(step),
            lambda: n["LIST"].append(0.5),
            lambda: n["LIST"].__setitem__(0, float(r.integers(1, 4)) / 4),
            lambda: n["LAYERS"][1].__imul__(0.5),
            lambda: n["LAYERS"].__setitem__(2, step),
            lambda: n.update(WEIGHTS=step),
            lambda: n["HELP"].__setitem__(0, float(r.integers(1, 4)) / 4),
            lambda: setattr(m, "k", float(r.integers(1, 4)) / 4),
            lambda: m.w.__iadd__(step),
            lambda: setattr(m.net, "w", step),
            lambda: setattr(m, "steps", m.steps + 1),
            lambda: self.w.__iadd__(step),
            cell,
        ][kind]()


def arguments(rng):
    a = lambda: np.round(rng.normal(size=N), 3)  # noqa: E731
    x, y = a(), a()
    how = rng.integers(0, 6)
    if how == 1:
        y = x
    elif how == 2:
        base = np.round(rng.normal(size=N + 2), 3)
        x, y = base[:N], base[2:]
    p = {"w": a(), "b": float(rng.integers(-2, 3)), "log": [1.0, 2.0], "pair": [a(), a()]}
    if how == 3:
        p["w"] = x
    return x, y, p, int(rng.integers(0, 4))


def first(f):
    return lambda *args: f(*args)[0]


def tangent(f):
    return lambda m, x, y, p, n: wg.jvp(lambda a: f(m, a, y, p, n)[0], (x,), (np.ones(N),))


TRANSFORMS = {
    "plain": lambda f: f,
    "value_and_grad": lambda f: wg.value_and_grad(first(f), argnums=(1, 2)),
    "jvp": tangent,
    "hvp": lambda f: lambda m, x, y, p, n: wg.hvp(lambda a: first(f)(m, a, y, p, n), x, np.ones(N)),
    "jacrev": lambda f: lambda m, x, y, p, n: wg.jacrev(lambda a: f(m, a, y, p, n)[1])(x),
}


def outcome(f, *args):
    try:
        return f(*args), None
    except Exception as e:
        return None, e


def run(seed, verify=False):
    """One program: what it was, how often it was replayed."""
    rng = random.Random(seed)
    transform = rng.choice([*TRANSFORMS, "plain", "plain", "plain"])
    source = Writer(rng, transform == "plain").source()
    plain, compiled = World(source, seed), World(source, seed)
    f, h = TRANSFORMS[transform](plain.f), TRANSFORMS[transform](compiled.f)
    g = wg.compile(h, static_argnums=0)
    check = wg.compile(TRANSFORMS[transform](plain.f), static_argnums=0, verify=True) if verify else None
    draws = np.random.default_rng(seed)
    for call in range(9):
        state = draws.bit_generator.state
        a = arguments(draws)
        draws.bit_generator.state = state
        b = arguments(draws)
        if check is not None and transform != "plain":
            outcome(check, plain.model, *copy.deepcopy(a))
        (expected, error), (got, other) = outcome(f, plain.model, *a), outcome(g, compiled.model, *b)
        assert type(error) is type(other), (seed, call, transform, source, error, other, g.why())
        if isinstance(error, AssertionError):
            raise error
        d = None if error else difference(expected, got) or difference(a, b, "the arguments")
        assert d is None, f"seed {seed}, call {call}, {transform}: {d}\n{source}\n{g.why()}"
        if call % 3 == 2:
            plain.change(), compiled.change()
    return g.stats()


@pytest.mark.parametrize("block", range(12))
def test_random_programs(block):
    replays = sum(run(seed, verify=seed % 3 == 0)["replays"] for seed in range(10 * block, 10 * block + 10))
    assert replays > 10


def main(argv):
    end, seed, counts = time.time() + float(argv[0]), int(argv[1]) if len(argv) > 1 else 10**6, [0, 0, 0, 0]
    start = seed
    while time.time() < end:
        stats = run(seed, verify=seed % 3 == 0)
        counts = [c + stats[k] for c, k in zip(counts, ("replays", "recordings", "misses", "eager"), strict=True)]
        seed += 1
    print(f"seeds {start} to {seed - 1}: no difference; replays, recordings, misses, plain calls: {counts}")


if __name__ == "__main__":
    main(sys.argv[1:])
