"""Every primitive of the registry under vmap equals a loop over the examples: values, both modes, second order, every
axis, operands that all examples share, inside compile."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from primitive_cases import ELEMENTWISE, REGISTRY, cases, draw

SMALL = [c for p in REGISTRY.values() for c in cases(p) if sum(np.size(x) for x in c.operands) <= 60]
DIFFERENTIABLE = [c for c in SMALL if REGISTRY[c.name].differentiable and c.varied]
NAMES = {p.name for p in ELEMENTWISE}


def several(case, i, n):
    """Examples of operand i: n of them along a new first axis."""
    x, rng = np.asarray(case.operands[i]), np.random.default_rng(100 * i + n)
    if x.dtype.kind == "b":
        return np.stack([x ^ bool(k % 2) for k in range(n)]) if n else np.zeros((0, *x.shape), bool)
    if x.dtype.kind != "f":
        return np.stack([x + k for k in range(n)]).astype(x.dtype) if n else np.zeros((0, *x.shape), x.dtype)
    if case.name in NAMES:
        return draw(rng, REGISTRY[case.name].domain[i], (n, *x.shape))
    return np.stack([x + 0.013 * k for k in range(n)]) if n else np.zeros((0, *x.shape))


def choices(operands):
    """Which operands have examples: each alone, and all."""
    everything = tuple(operands)
    return list(dict.fromkeys([*[(i,) for i in operands], everything]))


def in_axes(count, which, axis, ranks):
    """An axis of each operand that has examples, in turn from the front and from the back."""
    return [(axis - i) % (ranks[k] + 1) if k in which else None for i, k in enumerate(range(count))]


def looped(f, xs, which, n):
    runs = [f(*[x[k] if i in which else x for i, x in enumerate(xs)]) for k in range(n)]
    return [np.stack([np.asarray(r) for r in column]) for column in zip(*runs, strict=True)]


def moved(xs, which, axes):
    return [np.moveaxis(x, 0, a) if i in which else x for i, (x, a) in enumerate(zip(xs, axes, strict=True))]


def check(f, xs, which, axis=0, n=3, rtol=1e-11):
    """``f`` returns a list of arrays. In one call for all examples, and in one for each."""
    ranks = [np.ndim(x) - (i in which) for i, x in enumerate(xs)]
    axes = in_axes(len(xs), which, axis, ranks)
    got = wg.vmap(f, in_axes=axes)(*moved(xs, which, axes))
    for g, w in zip(got, looped(f, xs, which, n), strict=True):
        close(g, w, rtol)


def close(g, w, rtol=1e-11):
    g, w = np.asarray(g), np.asarray(w)
    assert g.shape == w.shape
    assert g.dtype == w.dtype
    np.testing.assert_allclose(g, w, rtol=rtol, atol=1e-12 * max(1.0, np.max(np.abs(w), initial=0.0)))


def arrays(case):
    return [i for i, x in enumerate(case.operands) if isinstance(x, np.ndarray) or np.ndim(x) == 0]


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_values(case):
    def f(*xs):
        return [wg.apply(case.name, *xs, **case.params)]

    for which in choices(arrays(case)):
        xs = [several(case, i, 3) if i in which else np.asarray(x) for i, x in enumerate(case.operands)]
        check(f, xs, which)
    rank = max(np.ndim(x) for x in case.operands)
    for axis in range(1, rank + 1):
        check(f, [several(case, i, 3) for i in range(len(case.operands))], arrays(case), axis)


@pytest.mark.parametrize("case", SMALL, ids=str)
@pytest.mark.parametrize("n", [0, 1])
def test_no_example_and_one(case, n):
    def f(*xs):
        return wg.apply(case.name, *xs, **case.params)

    one = np.asarray(f(*map(np.asarray, case.operands)))
    got = wg.vmap(f)(*[several(case, i, n) for i in range(len(case.operands))])
    assert got.shape == (n, *one.shape)
    assert got.dtype == one.dtype


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
def test_both_modes_inside_and_around(case):
    rng = np.random.default_rng(7)
    weights = rng.normal(size=(3, *np.shape(case.run(*case.point()))))

    def value(*xs):
        return wnp.sum(case.run(*xs) * weights[0])

    def reverse(*xs):
        return list(wg.grad(value, argnums=tuple(range(len(xs))))(*xs))

    def forward(*xs):
        return list(wg.jvp(case.run, xs, tuple(0.3 * wnp.ones_like(x) + 0.1 * x for x in xs)))

    for which in choices(range(len(case.varied))):
        xs = [several(case, i, 3) if k in which else case.point()[k] for k, i in enumerate(case.varied)]
        check(reverse, xs, which)
        check(forward, xs, which)
        axes = [0 if k in which else None for k in range(len(xs))]
        mapped = wg.vmap(case.run, in_axes=axes)
        around = wg.grad(lambda *xs, mapped=mapped: wnp.sum(mapped(*xs) * weights), argnums=tuple(range(len(xs))))(*xs)
        one = [
            wg.grad(lambda *xs, w=w: wnp.sum(case.run(*xs) * w), argnums=tuple(range(len(xs))))(
                *[x[k] if i in which else x for i, x in enumerate(xs)]
            )
            for k, w in enumerate(weights)
        ]
        for i, g in enumerate(around):
            parts = np.stack([np.asarray(o[i]) for o in one])
            close(g, parts if i in which else parts.sum(0))
        ts = tuple(0.3 + 0.1 * x for x in xs)
        together = wg.jvp(mapped, tuple(xs), ts)[1]
        apart = [
            wg.jvp(case.run, *[tuple(x[k] if i in which else x for i, x in enumerate(part)) for part in (xs, ts)])[1]
            for k in range(3)
        ]
        close(together, np.stack([np.asarray(t) for t in apart]))


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
def test_second_order(case):
    def slope(*xs):
        def value(*xs):
            return wnp.sum(case.run(*xs) * 1.3)

        return sum(
            wnp.sum(g * (0.7 + 0.1 * x)) for g, x in zip(wg.grad(value, tuple(range(len(xs))))(*xs), xs, strict=True)
        )

    def second(*xs):
        return list(wg.grad(slope, argnums=tuple(range(len(xs))))(*xs))

    xs = [several(case, i, 2) for i in case.varied]
    check(second, xs, tuple(range(len(xs))), n=2, rtol=1e-9)


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
def test_compiled(case):
    def value(*xs):
        return wnp.sum(case.run(*xs) * 1.3)

    n = len(case.varied)
    for f in (case.run, wg.grad(value, argnums=tuple(range(n)))):
        compiled = wg.compile(wg.vmap(f))
        for k in (3, 4, 3):
            xs = [several(case, i, k)[:3] for i in case.varied]
            got, want = compiled(*xs), wg.vmap(f)(*xs)
            for g, w in zip(got, want, strict=True) if isinstance(got, tuple) else [(got, want)]:
                close(g, w)


@pytest.mark.parametrize(("first", "second"), list(itertools.product([0, 1, None], repeat=2)))
def test_nested(first, second):
    def f(x, w):
        return wnp.sum(wnp.tanh(x * w))

    x, w = np.arange(6.0).reshape(2, 3) / 5, np.arange(12.0).reshape(3, 4) / 7
    if first is None and second is None:
        with pytest.raises(ValueError, match="no argument has examples"):
            wg.vmap(f, in_axes=(first, second))(x, w)
        return
    inner = wg.vmap(f, in_axes=(0, None))
    got = wg.vmap(inner, in_axes=(None, 1))(x[:, 0], w)
    want = [[float(f(a, w[:, k])) for a in x[:, 0]] for k in range(4)]
    np.testing.assert_allclose(got, want, rtol=1e-13)
