"""Random programs over the registry: reverse = forward = reference = differences, nested to third order.

A program is a list of steps on a growing list of values: every elementwise primitive that is smooth, broadcasting,
reductions, matrix products, views, writes in place, gathers with repeated positions, branches on values, constants of
both precisions. It is data, so the same program runs on either engine and prints itself when it fails.
"""

import math
from dataclasses import dataclass

import hypothesis
import numpy as np
import pytest
import wengert as wg
import wengert.reference as wr
from hypothesis import strategies as st
from primitive_cases import ELEMENTWISE, REGISTRY
from wengert import _core

# The same examples on every run and machine; no deadline, since machines differ.
hypothesis.settings.register_profile(
    "wengert",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("wengert")

SMOOTH = {p.name: p for p in ELEMENTWISE if p.differentiable and not p.hidden}
#: not smooth everywhere: their operands are kept apart from the kink in `squash`
KINKED = {"absolute", "relu", "maximum", "minimum", "remainder"}
#: parameters that the reference or the range of the values do not allow here
LEFT_OUT = {"silu", "polygamma"}
UNARY = sorted(
    n for n, p in SMOOTH.items() if p.arity == 1 and n not in KINKED | LEFT_OUT and n in dict(wr.primitives())
)
BINARY = sorted(
    n for n, p in SMOOTH.items() if p.arity == 2 and n not in KINKED | LEFT_OUT and n in dict(wr.primitives())
)
REDUCTIONS = ["sum", "mean", "prod", "logsumexp"]

INPUT_SHAPES = [(), (3,), (2, 3), (2, 1), (1, 3), (3, 2), (1,), (2, 2, 3)]


@dataclass(frozen=True)
class Step:
    kind: str
    name: str = ""
    a: int = 0
    b: int = 0
    pick: int = 0
    flag: bool = False

    def __repr__(self):
        return f"{self.kind}({self.name}, a={self.a}, b={self.b}, pick={self.pick}, flag={self.flag})"


def squash(n, x, domain):
    """x smoothly mapped into the middle of a domain, so that every program is smooth and of moderate size."""
    lo, hi = domain
    t = n.tanh(x * 0.7)
    if math.isinf(lo) and math.isinf(hi):
        return t * 1.5
    if math.isinf(hi):
        return t * 0.8 + (lo + 1.3)
    return t * (0.35 * (hi - lo)) + 0.5 * (lo + hi)


def step_elementwise(engine, values, s):
    p = REGISTRY[s.name]
    operands = [values[s.a % len(values)], values[s.b % len(values)]][: p.arity]
    try:
        np.broadcast_shapes(*(x.shape for x in operands))
    except ValueError:
        operands = [operands[0]] * p.arity
    return engine.apply(s.name, *(squash(engine.numpy, x, d) for x, d in zip(operands, p.domain, strict=True)))


def step_reduce(engine, values, s):
    x = values[s.a % len(values)]
    axis = None if x.ndim == 0 or s.pick % (x.ndim + 1) == x.ndim else s.pick % (x.ndim + 1)
    return engine.apply(s.name, squash(engine.numpy, x, (-math.inf, math.inf)), axis=axis, keepdims=s.flag)


def step_matmul(engine, values, s):
    a, b = values[s.a % len(values)], values[s.b % len(values)]
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if s.flag and b.ndim > 1:
        b = engine.numpy.swapaxes(b, -1, -2)
    try:
        np.matmul(np.zeros(a.shape), np.zeros(b.shape))
    except ValueError:
        return engine.numpy.sum(a) * b
    return engine.numpy.tanh(a @ b)


def step_view(engine, values, s):
    x = values[s.a % len(values)]
    views = [
        lambda: x.T,
        lambda: x.reshape(-1),
        lambda: x[..., ::-1] if x.ndim else x[None],
        lambda: x[0] if x.ndim else x,
        lambda: x[..., None],
        lambda: x[-1:, ...] if x.ndim else x[None, None],
        lambda: engine.numpy.concatenate([x.reshape(-1), x.reshape(-1)[::2]]),
        lambda: engine.numpy.stack([x, x * 0.5]) if x.ndim < 3 else x,
        lambda: engine.apply("broadcast_to", x, shape=(2, *x.shape)) if x.ndim < 3 else x,
        lambda: engine.apply("cumsum", x, axis=-1) if x.ndim else x,
        lambda: engine.apply("softmax", x, axis=-1) if x.ndim else x,
        lambda: engine.apply("log_softmax", x, axis=0) if x.ndim else x,
    ]
    return views[s.pick % len(views)]()


def step_gather(engine, values, s):
    x = values[s.a % len(values)]
    if x.ndim == 0:
        return x * 1.0
    n = x.shape[0]
    return x[np.array([s.pick % n, s.b % n, s.pick % n])]


def step_write(engine, values, s):
    """A copy, written to in place from another value: at a slice, through a view, or at repeated positions."""
    x, v = values[s.a % len(values)], engine.numpy.mean(values[s.b % len(values)])
    y = x.copy() if s.flag else x * 1.0
    if y.ndim == 0:
        y = engine.numpy.array(y)  # of a number
        y[()] = v
        return y
    n = y.shape[0]
    if s.pick % 5 == 0:
        y[s.b % n] = v
    elif s.pick % 5 == 1:
        y[..., ::2] += v
    elif s.pick % 5 == 2:
        row = y[s.b % n :]
        row *= v
    elif s.pick % 5 == 3:
        y[np.array([0, s.b % n, 0])] = y[0] * v
    else:
        y[:] = y[::-1] * v
    return y


def step_where(engine, values, s):
    x = values[s.a % len(values)]
    mask = np.resize(np.array([True, False, False, True, True]), x.shape)
    n = engine.numpy
    return n.where(mask, n.sin(x), n.sqrt(x * x + 0.5) if s.flag else values[s.b % len(values)].sum())


def step_branch(engine, values, s):
    """Python's own if: which way it goes must not depend on the mode."""
    x = values[s.a % len(values)]
    return x * 2.0 if float(engine.numpy.sum(engine.stop_gradient(x))) > 0 else engine.numpy.sin(x)


def step_constant(engine, values, s):
    x = values[s.a % len(values)]
    c = np.linspace(-1.0, 1.5, max(1, x.size)).reshape(x.shape)
    if s.flag:
        c = np.float32(s.pick / 8) if s.pick % 2 else s.pick // 4 - 1
    return [x + c, c - x, x * c, c * engine.numpy.square(engine.numpy.tanh(x))][s.b % 4]  # never large: see squash


def step_kink(engine, values, s):
    """Functions with kinks, away from them by construction."""
    n, x = engine.numpy, values[s.a % len(values)]
    inside = n.tanh(x) * 0.4  # in (-0.4, 0.4)
    return [
        lambda: n.abs(inside - 1.0),
        lambda: engine.apply("relu", inside + 1.0),
        lambda: n.maximum(inside, inside * 0.1 + 1.0),
        lambda: n.minimum(inside + 2.0, 0.5 - inside),
        lambda: n.maximum(inside, -1.0),
        lambda: n.max(n.stack([inside + 1.0, inside * 0.3])),
        lambda: n.min(n.stack([inside + 1.0, inside * 0.3]), axis=0),
        lambda: n.remainder(inside + 2.5, 1.0 + 0.0 * inside),
        lambda: inside * n.sign(inside - 1.0) + n.floor(inside * 0.1 + 0.5),
    ][s.pick % 9]()


STEPS = {
    "elementwise": step_elementwise,
    "reduce": step_reduce,
    "matmul": step_matmul,
    "view": step_view,
    "gather": step_gather,
    "write": step_write,
    "where": step_where,
    "branch": step_branch,
    "constant": step_constant,
    "kink": step_kink,
}

small = st.integers(0, 11)
steps = st.one_of(
    st.builds(Step, st.just("elementwise"), st.sampled_from(UNARY + BINARY), small, small),
    st.builds(Step, st.just("elementwise"), st.sampled_from(BINARY), small, small),
    st.builds(Step, st.just("reduce"), st.sampled_from(REDUCTIONS), small, small, small, st.booleans()),
    *(
        st.builds(Step, st.just(kind), st.just(""), small, small, small, st.booleans())
        for kind in ("matmul", "view", "gather", "write", "where", "branch", "constant", "kink")
    ),
)
programs = st.lists(steps, min_size=1, max_size=8)
shapes = st.lists(st.sampled_from(INPUT_SHAPES), min_size=1, max_size=3)


def run(engine, program, inputs, limit=64):
    """The sum of all values, weighted: nothing that was computed is left out."""
    n = engine.numpy
    values = [n.asarray(x) for x in inputs]
    for s in program:
        y = STEPS[s.kind](engine, values, s)
        if y.size <= limit:
            values.append(y)
    total = 0.0
    for i, y in enumerate(values):
        total = total + n.mean(n.sin(y)) * (0.5 + 0.25 * i)
    return total


def inputs_of(shapes, dtype=float):
    rng = np.random.default_rng(len(shapes) * 31 + sum(map(sum, shapes)))
    return tuple(np.asarray(rng.uniform(0.2, 1.4, s) * rng.choice([-1.0, 1.0], s), dtype) for s in shapes)


def tangents_of(xs):
    return tuple(np.asarray(np.cos(np.arange(1.0, x.size + 1)).reshape(x.shape), x.dtype) for x in xs)


def dot(xs, ys):
    return float(sum(np.sum(np.asarray(x, float) * np.asarray(y, float)) for x, y in zip(xs, ys, strict=True)))


def close(got, want, rtol, atol):
    for g, w in zip(got, want, strict=True):
        g, w = np.asarray(g), np.asarray(w)
        assert g.shape == w.shape
        assert g.dtype == w.dtype
        np.testing.assert_allclose(g, w, rtol=rtol, atol=atol * max(1.0, float(np.max(np.abs(w), initial=0.0))))


def bound(engine, program):
    return lambda *xs: run(engine, program, xs)


@hypothesis.settings(max_examples=1500)
@hypothesis.given(programs, shapes)
def test_first_order(program, shapes):
    xs = inputs_of(shapes)
    vs = tangents_of(xs)
    f, f_ref = bound(wg, program), bound(wr, program)
    nums = tuple(range(len(xs)))
    value, gradient = wg.value_and_grad(f, nums)(*xs)
    hypothesis.assume(math.isfinite(value))
    want, gradient_ref = wr.value_and_grad(f_ref, nums)(*xs)
    assert value == pytest.approx(float(want), rel=1e-12, abs=1e-12)
    close(gradient, gradient_ref, 1e-9, 1e-11)
    # Forward mode, one tangent and all of them, and the reference's.
    primal, tangent = wg.jvp(f, xs, vs)
    assert float(primal) == pytest.approx(value, rel=1e-14)
    scale = max(1.0, max(float(np.max(np.abs(g), initial=0.0)) for g in gradient))
    assert float(tangent) == pytest.approx(dot(gradient, vs), rel=1e-9, abs=1e-10 * scale)
    close(wg.jacfwd(f, nums)(*xs), gradient, 1e-9, 1e-11)
    # Plain evaluation, without any level.
    assert float(f(*(wg.array(x) for x in xs))) == pytest.approx(value, rel=1e-14)
    assert _core.depth() == 0


@hypothesis.settings(max_examples=500)
@hypothesis.given(programs, shapes)
def test_differences(program, shapes):
    xs = inputs_of(shapes)
    wg.check_grads(bound(wg, program), xs, order=2 if len(program) <= 4 else 1)


@hypothesis.settings(max_examples=400)
@hypothesis.given(programs, shapes)
def test_float32(program, shapes):
    """The same program in float32: every result float32, as accurate as its conditioning allows."""
    xs = inputs_of(shapes, np.float32)
    wide = tuple(x.astype(float) for x in xs)
    f = bound(wg, program)
    nums = tuple(range(len(xs)))
    g = wg.grad(f, nums)(*xs)
    g64 = wg.grad(f, nums)(*wide)
    strong = any(s.kind == "constant" and not s.flag for s in program)  # a float64 array among the operands
    scale = max(1.0, max(float(np.max(np.abs(w), initial=0.0)) for w in g64))
    for a, b in zip(g, g64, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4 * scale)
    value = wg.value_and_grad(f)(*xs)[0]
    if not strong and not any(s.kind in {"where", "write"} for s in program):
        assert np.asarray(value).dtype == np.float32
    want = wr.grad(bound(wr, program), nums)(*xs)
    close(g, want, 2e-3, 2e-4)


@hypothesis.settings(max_examples=150)
@hypothesis.given(
    st.lists(steps, min_size=1, max_size=5), st.lists(st.sampled_from([(), (2,), (2, 2)]), min_size=1, max_size=2)
)
def test_second_order_by_every_pair_of_modes(program, shapes):
    xs = inputs_of(shapes)
    vs = tangents_of(xs)
    nums = tuple(range(len(xs)))

    def products(engine):
        f = bound(engine, program)
        gradient = engine.grad(f, nums)

        def along(*x):
            return engine.jvp(f, x, vs)[1]

        def slope(*x):
            return sum(engine.numpy.sum(g * v) for g, v in zip(gradient(*x), vs, strict=True))

        return (
            engine.jvp(gradient, xs, vs)[1],
            engine.grad(along, nums)(*xs),
            engine.grad(slope, nums)(*xs),
            engine.jacfwd(along, nums)(*xs),
        )

    want = products(wr)[0]
    for got in products(wg):
        close(got, want, 1e-8, 1e-10)
    assert _core.depth() == 0


@hypothesis.settings(max_examples=200)
@hypothesis.given(st.lists(steps, min_size=1, max_size=4), st.lists(st.sampled_from([0, 1]), min_size=3, max_size=3))
def test_third_order_by_random_modes(program, modes):
    def derivative(engine, f, mode):
        return engine.grad(f) if mode else lambda x: engine.jvp(f, (x,), (1.0,))[1]

    def third(engine, modes):
        def f(x):
            return run(engine, program, (x, x * 0.5))

        for m in modes:
            f = derivative(engine, f, m)
        return float(f(0.6))

    want = third(wr, (0, 0, 0))
    assert third(wg, modes) == pytest.approx(want, rel=1e-7, abs=1e-8)
    assert third(wg, (1, 1, 1)) == pytest.approx(want, rel=1e-7, abs=1e-8)


@hypothesis.settings(max_examples=300)
@hypothesis.given(programs, shapes)
def test_backward_and_checkpoint_and_pullbacks_agree_with_grad(program, shapes):
    xs = inputs_of(shapes)
    f = bound(wg, program)
    nums = tuple(range(len(xs)))
    want = wg.grad(f, nums)(*xs)
    leaves = [wg.array(x, requires_grad=True) for x in xs]
    loss = f(*leaves)
    loss.backward(retain_graph=True)
    grads = [
        np.zeros(x.shape) if leaf.grad is None else np.asarray(leaf.grad) for x, leaf in zip(xs, leaves, strict=True)
    ]
    close(grads, want, 1e-12, 1e-13)
    loss.backward()
    close(
        [np.zeros(x.shape) if l.grad is None else np.asarray(l.grad) for x, l in zip(xs, leaves, strict=True)],
        [2 * np.asarray(g) for g in want],
        1e-12,
        1e-13,
    )
    close(wg.grad(wg.checkpoint(f), nums)(*xs), want, 1e-12, 1e-13)
    held = tuple(x.copy() for x in xs)
    _, pullback = wg.vjp(f, *held)
    _, push = wg.linearize(f, *held)
    for x in held:
        x[...] = np.nan
    for _ in range(2):
        close(pullback(1.0), want, 1e-12, 1e-13)
    vs = tangents_of(xs)
    scale = max(1.0, max(float(np.max(np.abs(g), initial=0.0)) for g in want))
    assert float(push(*vs)) == pytest.approx(dot(want, vs), rel=1e-9, abs=1e-10 * scale)


@hypothesis.settings(max_examples=300)
@hypothesis.given(programs, shapes)
def test_recordings_replay_to_the_same_value(program, shapes):
    """Every recorded operation, run again by name on the recorded operands, gives the recorded value."""
    xs = inputs_of(shapes)
    rec = wg.record(bound(wg, program), xs)
    for node in rec.nodes:
        if node.op in {"input", "constant"}:
            continue
        operands = [rec.nodes[i].value for i in node.args]
        assert all(i < node.index for i in node.args)
        again = np.asarray(wg.apply(node.op, *operands, **node.params))
        assert again.dtype == node.value.dtype
        # Sums over a transposed operand run in the order of its memory; the recorded operands are row-major.
        tolerance = 1e-13 if again.dtype == np.float64 else 1e-5
        np.testing.assert_allclose(again, node.value, rtol=tolerance, atol=tolerance, err_msg=node.op)


def test_programs_reach_every_smooth_elementwise_primitive():
    """The strategy draws from all of them; this keeps the lists honest."""
    smooth = {n for n, p in SMOOTH.items() if p.arity in (1, 2)}
    assert smooth <= set(UNARY) | set(BINARY) | KINKED | LEFT_OUT


@hypothesis.settings(max_examples=150)
@hypothesis.given(programs, shapes)
def test_compiled_programs_equal_eager_ones(program, shapes):
    """Values and gradients, on the point that was recorded and on others; branches are found anew."""
    nums = tuple(range(len(shapes)))
    eager = wg.value_and_grad(bound(wg, program), nums)
    compiled = wg.compile(eager)
    for factor in (1.0, 0.9, -1.1, 1.0):
        xs = tuple(x * factor for x in inputs_of(shapes))
        value, gradient = eager(*xs)
        hypothesis.assume(math.isfinite(value))
        replayed, g = compiled(*xs)
        assert float(replayed) == pytest.approx(float(value), rel=1e-12, abs=1e-13)
        close(g, gradient, 1e-10, 1e-12)
    assert _core.depth() == 0
