"""Arguments that fail half-way leave everything as it was; x[True] adds an axis as in NumPy; the mode of rounding."""

import itertools

import numpy as np
import pytest
import wengert as wg
from hostile_processes import ended

# ---- boolean scalars in indices --------------------------------------------------------------------------------------

TRUTHS = {
    "True": True,
    "False": False,
    "np.True_": np.True_,
    "np.False_": np.False_,
    "0-d True": np.array(True),
    "0-d False": np.array(False),
    "Array True": wg.array(True),
    "Array False": wg.array(False),
}
OTHERS = {
    "0": 0,
    ":": slice(None),
    "1:": slice(1, None),
    "None": None,
    "...": ...,
    "[0, 1]": [0, 1],
    "[[1], [0]]": [[1], [0]],
}
SHAPES = [(), (3,), (2, 3), (2, 3, 2)]


def indices():
    for name, truth in TRUTHS.items():
        yield name, truth
        yield f"({name},)", (truth,)
    for first, second in itertools.product(TRUTHS.items(), [*OTHERS.items(), *TRUTHS.items()]):
        yield f"({first[0]}, {second[0]})", (first[1], second[1])
        yield f"({second[0]}, {first[0]})", (second[1], first[1])
    few = {**dict(list(TRUTHS.items())[:2]), **OTHERS}
    for three in itertools.product(few.items(), repeat=3):
        if any(name in TRUTHS for name, _ in three):
            yield str([name for name, _ in three]), tuple(i for _, i in three)


def plain(index):
    if isinstance(index, tuple):
        return tuple(map(plain, index))
    return np.asarray(index) if isinstance(index, wg.Array) else index


@pytest.mark.parametrize("shape", SHAPES)
def test_truths_in_indices_are_numpys(shape):
    count = 0
    for name, index in indices():
        n = np.arange(float(np.prod(shape, dtype=int))).reshape(shape)
        try:
            expected = n[plain(index)]
        except IndexError:
            with pytest.raises((IndexError, ValueError)):
                wg.array(n)[index]
            continue
        got = wg.array(n)[index]
        assert got.shape == expected.shape, name
        assert (np.asarray(got) == expected).all(), name
        changed, x = n.copy(), wg.array(n)
        changed[plain(index)] = 9.0
        x[index] = 9.0
        assert (np.asarray(x) == changed).all(), name
        count += 1
    assert count > 50


@pytest.mark.parametrize("index", [True, False, (True, 0), (slice(None), True), (None, False), (True, [0, 1])])
def test_truths_in_indices_have_derivatives(index):
    x = np.arange(6.0).reshape(2, 3) + 1
    plan = np.zeros((2, 3))
    np.add.at(plan, index, 1.0)

    def f(x):
        return (x[index] * 3.0).sum()

    assert (wg.grad(f)(x) == 3 * plan).all()
    assert (wg.compile(wg.grad(f))(x) == 3 * plan).all()
    assert wg.jvp(f, (x,), (np.ones((2, 3)),))[1] == 3 * plan.sum()
    assert (np.asarray(wg.hessian(lambda x: (x[index] ** 2).sum())(x)).sum((0, 1)) == 2 * plan).all()


# ---- arguments that fail ---------------------------------------------------------------------------------------------


class Refuses:
    def __bool__(self):
        raise ZeroDivisionError

    def __array__(self, dtype=None, copy=None):
        raise ZeroDivisionError


MANY = np.ones(3)
BACKWARD = {
    "an array for retain_graph": (ValueError, {"retain_graph": MANY}),
    "an Array for retain_graph": (ValueError, {"retain_graph": wg.array(MANY)}),
    "retain_graph raises": (ZeroDivisionError, {"retain_graph": Refuses()}),
    "cotangent raises": (ZeroDivisionError, {"cotangent": Refuses()}),
    "cotangent of another shape": (ValueError, {"cotangent": np.ones(5)}),
    "cotangent of text": (TypeError, {"cotangent": "text"}),
    "cotangent of objects": (TypeError, {"cotangent": np.array([None])}),
    "unknown": (TypeError, {"create_graph": True}),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_fails_before_it_writes(name):
    kind, keywords = BACKWARD[name]
    w = wg.array(MANY, requires_grad=True)
    y = (w * w).sum()
    with pytest.raises(kind):
        y.backward(**keywords)
    assert w.grad is None
    y.backward()  # the graph is still whole
    assert (w.grad.numpy() == 2).all()


@pytest.mark.parametrize("args", [(None, MANY), (None, Refuses()), (None, False, 1), (1, 2, 3, 4)])
def test_backward_by_position_fails_before_it_writes(args):
    w = wg.array(MANY, requires_grad=True)
    y = (w * w).sum()
    with pytest.raises((ValueError, TypeError, ZeroDivisionError)):
        y.backward(*args)
    assert w.grad is None


CHANGES = {
    "assignment": lambda x: x.__setitem__(0, np.ones(7)),
    "assignment raises": lambda x: x.__setitem__(0, Refuses()),
    "assignment at what raises": lambda x: x.__setitem__(Refuses(), 1.0),
    "assignment out of bounds": lambda x: x.__setitem__(10, 1.0),
    "assignment at an array out of bounds": lambda x: x.__setitem__([0, 1, 10], 1.0),
    "assignment at a mask of another size": lambda x: x.__setitem__(np.ones(7, bool), 1.0),
    "assignment of text": lambda x: x.__setitem__(0, "text"),
    "assignment of too many at False": lambda x: x.__setitem__(False, np.ones((2, 3))),
    "in place, shape": lambda x: x.__iadd__(np.ones((2, 3))),
    "in place, raises": lambda x: x.__iadd__(Refuses()),
    "in place, misfit": lambda x: x.__imul__(np.ones(7)),
    "requires_grad": lambda x: setattr(x, "requires_grad", Refuses()),
    "grad": lambda x: setattr(x, "grad", Refuses()),
    "deletion": lambda x: x.__delitem__(0),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_fails_changes_nothing(name):
    x = wg.array([1.0, 2.0, 3.0])
    view = x[1:]
    with pytest.raises((ValueError, TypeError, IndexError, ZeroDivisionError)):
        CHANGES[name](x)
    assert (x.numpy() == [1, 2, 3]).all()
    assert (view.numpy() == [2, 3]).all()
    assert not x.requires_grad


# ---- the mode of rounding --------------------------------------------------------------------------------------------

ROUNDING = """
import ctypes
m = ctypes.CDLL("libm.so.6")
MODES = {"down": 0x400, "up": 0x800, "towards zero": 0xC00}
def in_every_mode(f, note=""):
    # f() gives the same bits in every mode, and the mode stays.
    expected = f()
    for name, mode in MODES.items():
        m.fesetround(mode)
        got = f()
        after = m.fegetround()
        m.fesetround(0)
        assert after == mode, (name, after)
        for a, b in zip(expected, got, strict=True):
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes(), (name, a, b, note)
rng = np.random.default_rng(0)
def operand(p, k, n, t):
    lo, hi = p.domain[k]
    x = rng.uniform(max(lo, -30.0) + 0.01, min(hi, 300.0) - 0.01, n).astype(t)
    return x
"""
ELEMENTWISE = """
for p in wg.primitives():
    if p.kind != "elementwise" or p.params or p.arity not in (1, 2): continue
    for n in (1, 5, 1000):
        for t in (np.float64, np.float32):
            args = [operand(p, k, n, t) for k in range(p.arity)]
            if n == 1: args = [a[0] for a in args]
            values = [wg.array(a) for a in args]
            in_every_mode(lambda: [wg.apply(p.name, *values)], p.name)
            if p.differentiable:
                def f(*a): return np.sum(wg.apply(p.name, *a))
                in_every_mode(lambda: wg.value_and_grad(f, argnums=tuple(range(len(args))))(*args)[1], p.name)
                in_every_mode(lambda: wg.jvp(f, tuple(args), tuple(np.ones_like(a) for a in args)), p.name)
"""
COMPILED = """
for p in wg.primitives():
    if p.kind != "elementwise" or p.params or p.arity not in (1, 2): continue
    for n in (0, 5):
        args = [operand(p, k, n or 1, float) for k in range(p.arity)]
        if not n: args = [float(a[0]) for a in args]
        f = wg.compile(lambda *a: wg.apply(p.name, *a))
        f(*args)
        in_every_mode(lambda: [f(*args)])
        def fresh():
            g = wg.compile(lambda *a: wg.apply(p.name, *a) + wg.apply(p.name, *args))  # constants as well
            g(*args)
            return [g(*args)]
        in_every_mode(fresh)
"""
MODES = {
    "elementwise": ROUNDING + ELEMENTWISE,
    "compiled": ROUNDING + COMPILED,
    "numbers": ROUNDING + "in_every_mode(lambda: [float(np.exp(wg.array(300.0)))])",
    "numbers that become float32": ROUNDING + "x = wg.array(np.ones(3, np.float32))\nbig = wg.array([2**62 + 1])\n"
    "in_every_mode(lambda: [x * 0.1, 0.1 + x, wnp.maximum(x * 0, 0.3), big.astype(np.float32), big * 1.0])",
    "long arrays, on all threads": ROUNDING + "wg.set_num_threads(2)\nx = wg.array(rng.normal(size=200_000) * 50)\n"
    "in_every_mode(lambda: [np.exp(x), np.sin(x), np.tanh(x), np.sum(x), x @ x])",
    "threads made in another mode": ROUNDING
    + "x = wg.array(rng.normal(size=400_000) * 50)\nm.fesetround(0xC00)\nwg.set_num_threads(3)\n"
    "wg.array(np.ones(10**6)) * 2\nnp.exp(x)\nm.fesetround(0)\n"
    "ys = [np.asarray(np.exp(x)).tobytes() for _ in range(20)]\nwg.set_num_threads(1)\n"
    "assert set(ys) == {np.asarray(np.exp(x)).tobytes()}",
    "rows": ROUNDING + "x = rng.normal(size=(7, 33)) * 20\n"
    "for name in ('softmax', 'log_softmax', 'logsumexp'):\n"
    "  in_every_mode(lambda: [wg.apply(name, x, axis=-1)])\n"
    "  in_every_mode(lambda: [wg.grad(lambda x: np.sum(wg.apply(name, x, axis=-1) ** 2))(x)])",
    "reductions and products": ROUNDING
    + "x = wg.array(rng.normal(size=(40, 40)))\nin_every_mode(lambda: [np.sum(x), x @ x, np.cumsum(x),"
    " np.mean(x, 0), np.prod(x, 1)])",
    "random numbers": ROUNDING + "in_every_mode(lambda: [wg.random.uniform(wg.random.key(1), (100,), maxval=3.0)])",
    "loops": ROUNDING + "rows = wg.array(np.linspace(0, 5, 9))\n"
    "f = lambda x: wg.scan(lambda c, r: (np.exp(np.sin(c * r)), c), x, rows)[1]\n"
    "g = wg.compile(wg.grad(lambda x: np.sum(f(x))))\ng(1.5)\nin_every_mode(lambda: [f(1.5), g(1.5)])",
    "backward": ROUNDING + "xs = np.linspace(0, 3, 20)\ndef f():\n  w = wg.array(xs, requires_grad=True)\n"
    "  np.sum(np.exp(w) * np.sin(w)).backward()\n"
    "  return [w.grad]\nin_every_mode(f)",
    "a rule of the user's own finds his mode": ROUNDING + "@wg.custom_vjp\ndef f(x): return x * 2\n"
    "f.defvjp(lambda x: (x * 2, x), lambda r, g: (g * np.exp(r),))\nin_every_mode(lambda: [wg.grad(f)(1.5)])",
    "after an exception": ROUNDING + "m.fesetround(0x800)\nrefused(lambda: wg.array(np.ones(3)) + np.ones(4))\n"
    "refused(lambda: wg.apply('matmul', np.ones(3), np.ones(4)))\n"
    "refused(wg.grad(lambda x: x.reshape(7)), np.ones(3))\n"
    "mode = m.fegetround()\nm.fesetround(0)\nassert mode == 0x800",
}


def test_results_do_not_depend_on_the_mode_of_rounding():
    report = ended(MODES)
    assert not {name: how for name, how in report.items() if how}
