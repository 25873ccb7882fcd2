"""Random functions that read arrays besides their arguments, which change between calls: compiled equals plain.

    python tests/captures/fuzz_captures.py SECONDS [SEED]

Functions are written as source, since what code does with an array decides how a replay sees it (docs/compile.md).
Arrays are large or small; between calls they change in place, are bound anew (with other types, layouts, as Arrays),
and become aliases of each other and of the argument. `test_captures_fuzz.py` runs some of it.
"""

from __future__ import annotations

import random
import sys
import time
import types
from collections import Counter

import numpy as np
import wengert as wg
from wengert.program.verified import difference

HEADER = """
import numpy as np, wengert as wg

class Net:
    def __init__(self, w, layers):
        self.w, self.layers, self.b, self.k = w, layers, None, 2.0
    def affine(self, x):
        return np.tanh(x @ self.w)
    def deep(self, x):
        for w in self.layers:
            x = np.tanh(x * w)
        return x
    @property
    def sign(self):
        return 1.0 if self.w[0, 0] > 0 else -1.0
    def __call__(self, x):
        return self.affine(x) * self.k

def helper(x, w):
    return np.tanh(x - w.T)

def peeking(x, w):
    return x if w[0, 1] > 0 else -x

def chosen(k):
    return (A, B)[k]
"""


class Writer:
    """The source of one function."""

    def __init__(self, rng: random.Random, n: int):
        self.rng, self.n, self.lines, self.names, self.depth = rng, n, [], 0, 1

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def fresh(self) -> str:
        self.names += 1
        return f"v{self.names}"

    def data(self, local: list[str] = []) -> str:  # noqa: B006
        """An array from outside."""
        places = [
            "A",
            "B",
            "C",
            "net.w",
            "net.layers[0]",
            "net.layers[-1]",
            'd["w"]',
            'd["deep"]["w"]',
            "chosen(1)",
            *local,
        ]
        r, x = self.rng.random(), self.rng.choice(places)
        if r < 0.6:
            return x
        return x + self.rng.choice(
            [".T", "[::-1]", "[:, ::-1]", ".reshape(-1).reshape(N, N)", "[:]", ".swapaxes(0, 1)"]
        )

    def number(self, x: str, local: list[str]) -> str:
        w = self.data(local)
        i, j = self.rng.randrange(self.n), self.rng.randrange(self.n)
        options = ["0.5", "2.0", f"{x}.shape[0] / N", "net.k", f"len({w}) / N"]
        if self.rng.random() < 0.25:
            options = [f"{w}[{i}, {j}]", f"{w}.mean()", f"float({w}[{i}, {j}])", f"np.tanh({w}.sum())", "net.sign"]
        return self.rng.choice(options)

    def plain(self, local: list[str]) -> str:
        """Computed by plain NumPy."""
        w = self.data(local)
        return self.rng.choice(
            [f"({w} * 0.5)", f"(-{w})", f"np.tanh({w})", f"{w}.copy()", f"({w} + {self.data(local)})"]
        )

    def traced(self, x: str, local: list[str], depth: int = 0) -> str:
        inner = x if depth > 1 or self.rng.random() < 0.5 else self.traced(x, local, depth + 1)
        w = self.plain(local) if self.rng.random() < 0.08 else self.data(local)
        i = self.rng.randrange(self.n)
        return self.rng.choice(
            [
                f"np.tanh({inner} @ {w} / N)", f"np.tanh({w} @ {inner} / N)", f"({inner} * {w})", f"({w} - {inner})",
                f"({inner} + {w}[{i}])", f"np.where({inner} > {w}, {inner}, {w})", f"np.maximum({inner}, {w})",
                f"np.sin({inner})", f"({inner} * {self.number(x, local)})", f"helper({inner}, {w})", f"net({inner})",
                f"net.deep({inner})", f"((np.abs({inner}) + 0.3) ** {w})", f"np.dot({inner}, {w}) / N",
                f"({inner} + np.sum({inner} * {w}, axis=0))", f"(np.cos({inner}) / (1.5 + np.square({inner} * {w})))",
                f"wg.numpy.multiply({inner}, {w})", f"np.einsum('ij,jk->ik', {inner}, {w}) / N",
            ]
            + ([f"peeking({inner}, {w})"] if self.rng.random() < 0.2 else [])
        )  # fmt: skip

    def statement(self, x: str, local: list[str]) -> None:
        kind = self.rng.choice(
            ["set"] * 6 + ["if", "if data", "for", "for zip", "def", "grad", "comp", "try", "local", "scan"]
        )
        y = self.traced(x, local)
        if kind == "set":
            self.line(f"{x} = np.clip({y}, -2.0, 2.0)")
        elif kind == "if":
            self.line(
                f"if {self.rng.choice(['net.b is None', f'{x}.sum() > 0', 'len(net.layers) > 1', 'A.ndim == 2'])}:"
            )
            self.block(x, local, 1)
        elif kind == "if data":
            w = self.data(local)
            self.line(f"if {self.rng.choice([f'{w}[0, 0] > 0', f'{w}.sum() > 0', f'({w} > 0).all()'])}:")
            self.block(x, local, 1)
        elif kind == "for":
            w = self.fresh()
            self.line(f"for {w} in {self.rng.choice(['net.layers', '(A, B)', 'net.layers[:2]', '[C, net.w]'])}:")
            self.block(x, [*local, w], 1)
        elif kind == "for zip":
            w, k = self.fresh(), self.fresh()
            self.line(f"for {k}, {w} in {self.rng.choice(['enumerate(net.layers)', 'zip((0.5, 1.5), (A, C))'])}:")
            self.block(x, [*local, w], 1)
        elif kind == "def":
            f, v = self.fresh(), self.fresh()
            self.line(f"def {f}({v}, k=A):")
            self.depth += 1
            self.line(f"return {self.traced(v, [*local, 'k'])}")
            self.depth -= 1
            self.line(f"{x} = np.clip({f}({x}), -2.0, 2.0)")
        elif kind == "grad":
            v = self.fresh()
            self.line(f"{x} = np.tanh(wg.grad(lambda {v}: np.sum({self.traced(v, local)}))({x}))")
        elif kind == "comp":
            self.line(f"{x} = np.tanh(sum([{x} * w for w in net.layers], {x} * 0.0))")
        elif kind == "try":
            self.line("try:")
            self.block(x, local, 1)
            self.line("except ZeroDivisionError:")
            self.block(x, local, 1)
        elif kind == "local":
            w = self.fresh()
            self.line(f"{w} = {self.data(local)}")
            self.line(f"{x} = np.clip({self.traced(x, [*local, w, w, w])}, -2.0, 2.0)")
        else:
            c, row = self.fresh(), self.fresh()
            body = self.rng.choice(
                [f"np.tanh({c} + {row} @ {self.data(local)} / N)", f"{c} * 0.9 + {row} * {self.data(local)}[0]"]
            )
            self.line(f"{x} = {x} + wg.scan(lambda {c}, {row}: ({body}, {c}), {x}[0], {x}[:3])[0]")

    def block(self, x: str, local: list[str], count: int) -> None:
        self.depth += 1
        for _ in range(count):
            self.statement(x, local)
        self.depth -= 1

    def source(self) -> str:
        for _ in range(self.rng.randrange(1, 5)):
            self.statement("x", [])
        returned = self.rng.choice(["x"] * 6 + ["(x, A)", "{'x': x, 'w': net.w.T}", "x.sum()"])
        return f"N = {self.n}\n{HEADER}\ndef f(x):\n" + "\n".join(self.lines) + f"\n    return {returned}\n"


class World:
    """The module the function lives in, and what happens to it between calls."""

    def __init__(self, seed: int):
        self.rng, self.random = random.Random(seed), np.random.default_rng(seed)
        self.n = self.rng.choice([3, 5, 96, 96])
        self.source = Writer(self.rng, self.n).source()
        self.module = types.ModuleType(f"fuzzed_{seed}")
        sys.modules[self.module.__name__] = self.module
        names = vars(self.module)
        names.update({k: self.array() for k in "ABC"})
        exec(compile(self.source, f"fuzzed_{seed}.py", "exec"), names)
        names["net"] = names["Net"](self.array(), [self.array() for _ in range(2)])
        names["d"] = {"w": self.array(), "deep": {"w": self.array()}}

    def array(self):
        return self.random.uniform(-1.0, 1.0, (self.n, self.n))

    def places(self):
        m = vars(self.module)
        return [(m, "A"), (m, "B"), (m, "C"), (m["d"], "w"), (m["d"]["deep"], "w"), (vars(m["net"]), "w")] + [
            (m["net"].layers, k) for k in range(len(m["net"].layers))
        ]

    def change(self) -> str:
        rng = self.rng
        owner, key = rng.choice(self.places())
        kind = rng.choice(
            ["fill"] * 5
            + ["one"] * 4
            + ["new"] * 4
            + ["alias", "view", "type", "order", "ours", "list", "number", "none"]
        )
        old = owner[key]
        if kind == "fill":
            old[...] = self.array().astype(np.asarray(old).dtype)
        elif kind == "one":
            i, j = rng.randrange(self.n), rng.randrange(self.n)
            old[i, j] = -old[i, j]
        elif kind == "new":
            owner[key] = self.array()
        elif kind == "alias":
            other, place = rng.choice(self.places())
            owner[key] = other[place]
        elif kind == "view":
            other, place = rng.choice(self.places())
            owner[key] = other[place].T
        elif kind == "type":
            owner[key] = self.array().astype(np.float32)
        elif kind == "order":
            owner[key] = np.asfortranarray(self.array())
        elif kind == "ours":
            owner[key] = wg.array(self.array())
        elif kind == "list":
            layers = vars(self.module)["net"].layers
            layers.reverse() if rng.random() < 0.5 or len(layers) > 3 else layers.append(self.array())
        elif kind == "number":
            vars(self.module)["net"].k = rng.choice([2.0, 3.0, -1.0])
        else:
            vars(self.module)["net"].b = rng.choice([None, 1.0])
        return kind


def plain(y):
    if isinstance(y, (tuple, list)):
        return type(y)(map(plain, y))
    if isinstance(y, dict):
        return {k: plain(v) for k, v in y.items()}
    return np.asarray(y, dtype=np.float64)


def distance(expected, got, narrow: bool):
    """How they differ; float32 rounds otherwise in other orders, and a comparison may fall on the other side then."""
    if narrow and isinstance(expected, np.ndarray) and expected.shape == got.shape:
        near = np.isclose(expected, got, rtol=1e-2, atol=1e-2, equal_nan=True)
        return None if near.size < 2 or near.mean() > 0.9 else f"{got}, expected {expected}"
    return difference(expected, got) if not narrow else None


def result(f, x):
    with np.errstate(all="ignore"):
        try:
            return plain(f(x))
        except (ValueError, TypeError, AttributeError, IndexError) as e:
            return f"{type(e).__name__}"


def one(seed: int, counts: Counter, calls: int = 10) -> None:
    world = World(seed)
    f = world.module.f
    g = wg.compile(f)
    done = []
    try:
        for _ in range(calls):
            for _ in range(world.rng.choice([0, 1, 1, 1, 2])):
                done.append(world.change())
            x = world.array()
            if world.rng.random() < 0.08:  # in the memory of a capture
                x = np.asarray(vars(world.module)["A"])
            expected, got = result(f, x), result(g, x)
            if isinstance(expected, str) or isinstance(got, str):
                # What NumPy has an answer for and we have none is an error of ours that says so, never another value.
                counts["raised by us only"] += isinstance(got, str) and not isinstance(expected, str)
                wrong = isinstance(expected, str) and expected != got
                found = f"{got if isinstance(got, str) else 'a value'}, expected {expected}" if wrong else None
            else:
                held = [np.asarray(owner[key]) for owner, key in world.places()]
                found = distance(expected, got, x.dtype != np.float64 or any(a.dtype != np.float64 for a in held))
            if found:
                raise AssertionError(f"seed {seed}: {found}\n{world.source}\n{done}\n{g.why()}")
            counts["calls"] += 1
    finally:
        del sys.modules[world.module.__name__]
    s = g.stats()
    counts["functions"] += 1
    for k in ("replays", "recordings", "eager"):
        counts[k] += s[k]
    counts["large"] += world.n > 90
    counts["large and replayed"] += world.n > 90 and s["replays"] > 0


def main() -> None:
    seconds, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    counts: Counter = Counter()
    end = time.monotonic() + seconds
    first = seed
    while time.monotonic() < end:
        one(seed, counts)
        seed += 1
    print(f"seeds {first} to {seed - 1}: {dict(counts)}")


if __name__ == "__main__":
    main()
