"""Compiled functions beside the functions themselves, call by call: results, changed arguments, errors."""

from __future__ import annotations

import copy

import numpy as np
import wengert as wg
from wengert.program.verified import difference

V = np.array([0.5, -1.5, 2.0, 3.25])
W = np.array([1.0, 2.0, -3.0, 0.25])


def outcome(f, args):
    try:
        return "value", f(*args)
    except Exception as e:
        return "error", type(e)


def same(f, *calls, rounds=2, changed=True, g=None, **options):
    """`f` and `compile(f)` on equal arguments. A call is a tuple, or a function that makes one (for arrays that share
    memory, which copies would not)."""
    g = g or wg.compile(f, **options)
    for k in range(rounds):
        for i, call in enumerate(calls):
            a, b = (call(), call()) if callable(call) else (copy.deepcopy(call), copy.deepcopy(call))
            expected, got = outcome(f, a), outcome(g, b)
            d = difference(expected, got, f"call {i} of round {k}")
            assert d is None, (d, g.why())
            if changed and expected[0] == "value":
                d = difference(a, b, f"the arguments of call {i} in round {k}")
                assert d is None, (d, g.why())
    return g


def close(a, b, tol=1e-12):
    import optree

    x, sx = optree.tree_flatten(a)
    y, sy = optree.tree_flatten(b)
    assert sx == sy
    for p, q in zip(x, y, strict=True):
        if isinstance(q, str):
            assert p == q
            continue
        p, q = np.asarray(p), np.asarray(q)
        assert p.shape == q.shape
        assert p.dtype == q.dtype
        tolerance = 2e-5 if p.dtype == np.float32 else tol
        np.testing.assert_allclose(
            p, q, rtol=tolerance, atol=tolerance * max(1.0, np.abs(q[np.isfinite(q)]).max(initial=0))
        )


def agree(f, *calls, tol=1e-12):
    """Compiled agrees with eager, up to rounding, on every call, and on a second round (replayed)."""
    g = wg.compile(f)
    for args in (*calls, *calls):
        close(g(*args), f(*args), tol)
    return g
