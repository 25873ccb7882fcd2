"""Random programs of everyday NumPy: views, writes in place, numbers, swaps, unpacking, other names, branches.

A program is Python source, written line by line while NumPy runs it: a line that NumPy refuses is left out. Then it
runs on Arrays (by the mirror and by `np`), inside a transform, compiled (also with other numbers) and on the reference.
Every variable at its end, and the arguments, are what NumPy has, and the gradients of all of them agree; or the engine
refuses, which is counted: a refusal is no wrong number, but most programs must run.

`python tests/programs/test_semantics_fuzz.py 1800 [seed]` goes on for half an hour.
"""

import collections
import random
import sys
import time
import warnings

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
import wengert.reference as wr
import wengert.reference.numpy as wrn

SHAPES = [(3,), (4,), (2, 3), (3, 3), (2, 2, 2)]
UNARY = ["np.sin({})", "np.tanh({})", "np.square({})", "-{}", "+{}", "abs({})", "np.cos({})", "2.0 * {}", "{} - 1"]
BINARY = ["{} + {}", "{} - {}", "{} * {}", "np.maximum({}, {})", "np.minimum({}, {})", "np.where({} > 0.1, {}, 0.5)"]
WHOLE = ["np.sum({})", "np.max({})", "{}.mean()", "np.prod({})", "{}.min()"]
ALONG = ["np.sum({}, axis=0)", "np.cumsum({}, axis=0)", "np.sort({}, axis=0)", "{}.max(axis=-1)", "np.mean({}, axis=0)"]
VIEWS = [
    "{}.T", "{}[::-1]", "{}[1:]", "{}[..., 0]", "{}[0]", "{}[-1]", "{}[None]", "{}.ravel()", "{}.reshape(-1)",
    "np.swapaxes({}, 0, -1)", "{}[...]", "{}[::2]", "np.atleast_2d({})", "np.squeeze({})", "{}.transpose()",
    "np.moveaxis({}, 0, -1)", "{}[:, 1:]", "{}[:, 0]", "np.flip({}, 0)", "np.reshape({}, (-1,))", "{}.copy()",
    "np.roll({}, 1)", "np.diagonal({})", "np.array({})", "np.asarray({})",
    "np.concatenate([{}, {}])", "np.stack([{}, {}])",
    "np.expand_dims({}, -1)", "np.rot90({})", "np.tile({}, 2)", "np.where({} > 0)[0] * 1.0", "{}[{} > 0]",
]  # fmt: skip
WRITES = [
    "{}[0] = 0.25", "{}[-1] = {e}", "{}[1:] *= 2.0", "{} += 1.0", "{} *= {e}", "{} -= {b}", "{}[::-1] = {b}",
    "{}[...] = {e}", "{}[{} > 0] = 0.0", "{}.sort()", "{}.fill(0.5)", "{}[:, 0] = {e}", "{}[0] += {e}", "{} /= 2.0",
    "{}[1:] = {}[:-1].copy()", "{}[1:] = {}[:-1]", "{}[[0, 1]] = {}[[1, 0]]", "{}[0], {}[1] = {}[1], {}[0]",
    "{}[0], {}[-1] = {}[-1].copy(), {}[0].copy()", "for r in {}: r *= 2.0", "for r in {}: r += 1.0", "{}[0] **= 2",
    "np.add({b}, 1.0, out={})", "{}.flat[0] = 2.0",
]  # fmt: skip


class Writer:
    """Lines of a program, and the variables that they have made so far."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.shapes = [self.rng.choice(SHAPES) for _ in range(2)]
        self.lines, self.names = [], 0
        self.scope = {"np": np, **dict(zip("xyk", self.arguments(seed), strict=True))}
        for _ in range(self.rng.randint(3, 9)):
            self.line()

    def arguments(self, seed):
        draws = np.random.default_rng(seed)
        return [*(draws.normal(size=s) for s in self.shapes), float(draws.normal())]

    def variables(self):
        return [name for name in self.scope if name not in ("np", "r", "__builtins__")]

    def new(self):
        self.names += 1
        return f"v{self.names}"

    def filled(self, text):
        a, e = self.rng.choice(self.variables()), self.rng.choice(self.variables())
        while "{}" in text:
            text = text.replace("{}", a, 1)
        return text.replace("{e}", e).replace("{b}", self.rng.choice(self.variables()))

    def statement(self):
        rng = self.rng
        pick = rng.random()
        if pick < 0.25:
            return f"{self.new()} = {self.filled(rng.choice(VIEWS))}"
        if pick < 0.5:
            return self.filled(rng.choice(WRITES))
        if pick < 0.6:
            text = rng.choice(BINARY)
            return f"{self.new()} = " + text.format(*(rng.choice(self.variables()) for _ in range(text.count("{}"))))
        if pick < 0.75:
            return f"{self.new()} = {self.filled(rng.choice([*UNARY, *WHOLE, *ALONG]))}"
        if pick < 0.82:
            return f"{self.new()} = {rng.choice(self.variables())}"  # another name
        if pick < 0.9:
            a, b = rng.choice(self.variables()), rng.choice(self.variables())
            first, rest = self.new(), self.new()
            return rng.choice([f"{a}, {b} = {b}, {a}", f"{first}, *{rest} = {a}", f"{first}, {rest} = {a}"])
        then, otherwise = self.filled(rng.choice(WRITES)), self.filled(rng.choice(WRITES))
        return f"if {self.filled(rng.choice(WHOLE))} > 0:\n    {then}\nelse:\n    {otherwise}"

    def line(self):
        text = self.statement()
        scope = dict(self.scope)
        before = {name: np.array(v) for name, v in scope.items() if isinstance(v, np.ndarray)}
        try:
            exec(text, scope)
            if any(isinstance(v, dict) for name, v in scope.items() if name != "__builtins__"):
                raise TypeError("no array")
        except Exception:  # of NumPy: what it has changed until then is put back
            for name, value in before.items():
                if self.scope[name].flags.writeable:
                    self.scope[name][...] = value
            return
        if all(np.all(np.isfinite(v)) and np.max(np.abs(v), initial=0) < 1e6 for v in numbers(scope)):
            self.scope = scope
            self.lines.append(text)
            return
        for name, value in before.items():
            if self.scope[name].flags.writeable:
                self.scope[name][...] = value

    def source(self):
        body = "\n".join(self.lines) or "pass"
        names = ", ".join(name for name in self.variables())
        return "def f(np, x, y, k):\n    " + body.replace("\n", "\n    ") + f"\n    return [{names}]\n"


def numbers(scope):
    values = [v for name, v in scope.items() if name not in ("np", "r", "__builtins__")]
    return [np.asarray(v, float) for v in values if not isinstance(v, (list, dict))]


def plain(v):
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    if isinstance(v, wr.Array):
        v = v.numpy() if hasattr(v, "numpy") else np.asarray(v)
    return np.array(v)


def same(a, b):
    if isinstance(a, list) or isinstance(b, list):
        return isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, rtol=1e-12, atol=1e-12, equal_nan=True)


# What numbers and lists have no method or operator for, Arrays in their place may have.
NO_METHOD = (AttributeError, TypeError, RecursionError)
REFUSALS = (TypeError, ValueError, NotImplementedError, AttributeError, RuntimeError, IndexError, NameError)


class Difference(AssertionError):
    pass


def run(seed):
    """One program on every engine; the number of engines that refused it, by name."""
    writer = Writer(seed)
    source = writer.source()
    space = {}
    exec(source, space)
    f = space["f"]
    refused, ran = collections.Counter(), 0

    def compare(engine, call, draw=seed, writes_through=True):
        nonlocal ran
        mine, error = writer.arguments(draw), None
        try:
            expected = plain(f(np, *mine))
        except Exception as e:  # a branch or a length that another draw did not have
            error = e
        try:
            got, given = call(*writer.arguments(draw))
        except REFUSALS as e:
            if error is None:
                refused[engine, type(e).__name__, str(e).split("\n")[0][:100]] += 1
            return
        ran += 1
        if isinstance(error, NO_METHOD):
            return
        if error is not None:
            raise Difference(f"seed {seed}, {engine}: no {error!r}\n{source}")
        for name, a, b in zip(writer.variables(), expected, plain(got), strict=True):
            if not same(a, b):
                raise Difference(f"seed {seed}, {engine}, {name}: {b!r}, expected {a!r}\n{source}")
        if writes_through and not all(map(same, plain(mine[:2]), plain(given[:2]))):
            raise Difference(f"seed {seed}, {engine}: arguments {given}, expected {mine}\n{source}")

    def on(array, module):
        def call(x, y, k):
            given = [array(x), array(y)]
            return f(module, *given, k), given

        return call

    def replay(x, y, k):
        return compiled(x, y, k), [x, y]

    compare("mirror", on(wg.array, wnp))
    if "np.asarray(" not in source:  # of an Array it has the numbers of then (docs/numpy.md)
        compare("np on Arrays", on(wg.array, np))
    compare("reference", on(wr.array, wrn))
    compare("vjp", lambda *a: (wg.vjp(lambda *b: f(np, *b), *a)[0], None), writes_through=False)
    compiled = wg.compile(lambda x, y, k: f(np, x, y, k))
    for draw in (seed, seed + 1, seed):
        compare("compiled", replay, draw)
    engines = {"np": (wg, np), "mirror": (wg, wnp), "reference": (wr, wrn)}
    slopes = {name: outcome(slope(f, *engine), writer.arguments(seed)) for name, engine in engines.items()}
    replayed = wg.compile(slope(f, wg, np))
    slopes.update({f"compiled, {n}": outcome(replayed, writer.arguments(seed)) for n in ("recorded", "replayed")})
    found = {name: g for name, g in slopes.items() if g is not None}
    for name, g in found.items():
        if not all(map(close, g, next(iter(found.values())))):
            raise Difference(f"seed {seed}, gradients: {found}\n{source}")
        ran += name != "np"
    return refused, ran


def slope(f, engine, module):
    """The gradient of a sum of everything that the program ends with."""

    def total(x, y, k):
        values = [module.sum(v * v) for v in leaves(f(module, x, y, k))]
        return sum(values) + 0.0 * k

    return engine.grad(total, argnums=(0, 1, 2))


def leaves(value):
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in leaves(v)]
    return [value]


def outcome(f, arguments):
    try:
        return f(*arguments)
    except REFUSALS:
        return None


def close(a, b):
    return np.allclose(a, b, rtol=1e-9, atol=1e-9 * (1 + np.max(np.abs(b), initial=0)), equal_nan=True)


@pytest.mark.parametrize("block", range(20))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_programs_are_numpys(block):
    ran = refused = 0
    for seed in range(20 * block, 20 * block + 20):
        reasons, runs = run(seed)
        ran, refused = ran + runs, refused + sum(reasons.values())
    assert ran > 2 * refused


def main(argv):
    warnings.simplefilter("ignore")
    end, seed = time.time() + float(argv[0]), int(argv[1]) if len(argv) > 1 else 10**6
    start, ran, refused, findings = seed, 0, collections.Counter(), 0
    while time.time() < end:
        try:
            reasons, runs = run(seed)
            ran, refused = ran + runs, refused + reasons
        except Difference as e:
            findings += 1
            print(e, flush=True)
        seed += 1
    print(f"seeds {start} to {seed - 1}: {findings} differences, {ran} runs, {sum(refused.values())} refused:")
    for (engine, kind, text), n in refused.most_common(40):
        print(f"{n:6d} {engine}: {kind}: {text}")


if __name__ == "__main__":
    main(sys.argv[1:])
