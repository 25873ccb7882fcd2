"""Points where a derivative is a convention: one row each, for every engine (test_edge_cases.py) and for the docs.

The rule behind them: the minimum-norm subgradient, finite wherever a finite answer is defensible; and every spelling of
a function has the same derivatives.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

INF, NAN = math.inf, math.nan
KNOTS = np.array([-1.0, 0.0, 1.0])


class Row(NamedTuple):
    """`f(m, x)` with the namespace m (wengert.numpy or the reference's), at x; None: not settled at that order."""

    name: str
    at: float
    first: float
    second: float | None
    f: Callable[[Any, Any], Any]


ROWS = [
    Row("relu(x)", 0.0, 0.0, 0.0, lambda m, x: m.relu(x)),
    Row("maximum(x, 0)", 0.0, 0.0, 0.0, lambda m, x: m.maximum(x, 0.0)),
    Row("maximum(0, x)", 0.0, 0.0, 0.0, lambda m, x: m.maximum(0.0, x)),
    Row("minimum(x, 0)", 0.0, 0.0, 0.0, lambda m, x: m.minimum(x, 0.0)),
    Row("where(x > 0, x, 0)", 0.0, 0.0, 0.0, lambda m, x: m.where(x > 0, x, 0.0)),
    Row("clip(x, 0, 1)", 0.0, 0.0, 0.0, lambda m, x: m.clip(x, 0.0, 1.0)),
    Row("clip(x, 0, 1)", 1.0, 0.0, 0.0, lambda m, x: m.clip(x, 0.0, 1.0)),
    Row("clip(x, 0, 1)", 0.5, 1.0, 0.0, lambda m, x: m.clip(x, 0.0, 1.0)),
    Row("abs(x)", 0.0, 0.0, 0.0, lambda m, x: abs(x)),
    Row("sqrt(x**2)", 0.0, 0.0, None, lambda m, x: m.sqrt(x**2)),
    Row("maximum(x, -x)", 0.0, 0.0, 0.0, lambda m, x: m.maximum(x, -x)),
    Row("maximum(x, x)", 2.0, 1.0, 0.0, lambda m, x: m.maximum(x, x)),
    Row("minimum(x, 1.0 * x)", 2.0, 1.0, 0.0, lambda m, x: m.minimum(x, 1.0 * x)),
    Row("max of x, 2x, 3x", 0.0, 2.0, 0.0, lambda m, x: m.max(m.stack([x, 2 * x, 3 * x]))),
    Row("sort([x, 1])[0]", 1.0, 0.5, 0.0, lambda m, x: m.sort(m.stack([x, m.ones_like(x)]))[0]),
    Row("sign(x)", 0.0, 0.0, 0.0, lambda m, x: m.sign(x)),
    Row("floor(x)", 2.0, 0.0, 0.0, lambda m, x: m.floor(x)),
    Row("x % 2", 3.5, 1.0, 0.0, lambda m, x: x % 2.0),
    Row("x**0", 0.0, 0.0, 0.0, lambda m, x: x**0),
    Row("x**0.0", 3.0, 0.0, 0.0, lambda m, x: x**0.0),
    Row("x**1", 0.0, 1.0, 0.0, lambda m, x: x**1),
    Row("x**2", 0.0, 0.0, 2.0, lambda m, x: x**2),
    Row("power(x, 2.0)", 0.0, 0.0, 2.0, lambda m, x: m.power(x, 2.0)),
    Row("square(x)", 0.0, 0.0, 2.0, lambda m, x: m.square(x)),
    Row("x * x", 0.0, 0.0, 2.0, lambda m, x: x * x),
    Row("x**3", -2.0, 12.0, -12.0, lambda m, x: x**3),
    Row("0**x", 2.0, 0.0, 0.0, lambda m, x: 0.0**x),
    Row("sqrt(x)", 0.0, INF, None, lambda m, x: m.sqrt(x)),
    Row("0 * sqrt(x)", 0.0, 0.0, 0.0, lambda m, x: 0.0 * m.sqrt(x)),
    Row("where(x > 0, sqrt(x), 0)", 0.0, 0.0, 0.0, lambda m, x: m.where(x > 0, m.sqrt(x), 0.0)),
    Row("where(x > 0, log(x), 0)", -1.0, 0.0, 0.0, lambda m, x: m.where(x > 0, m.log(x), 0.0)),
    Row("where(x > 0, x, sqrt(x - 5))", 1.0, 1.0, 0.0, lambda m, x: m.where(x > 0, x, m.sqrt(x - 5))),
    Row("where(x > 0, x / x, 1)", 0.0, 0.0, 0.0, lambda m, x: m.where(x > 0, x / x, 1.0)),
    Row("norm([x, -x])", 0.0, 0.0, 0.0, lambda m, x: m.linalg.norm(m.stack([x, -x]))),
    Row("std([x, x])", 1.0, 0.0, 0.0, lambda m, x: m.std(m.stack([x, x]))),
    Row("hypot(x, 0)", 0.0, 0.0, 0.0, lambda m, x: m.hypot(x, 0.0)),
    Row("arctan2(x, 0)", 0.0, 0.0, 0.0, lambda m, x: m.arctan2(x, 0.0)),
    Row("arctan2(x, 1e-200)", 1e-200, 5e199, None, lambda m, x: m.arctan2(x, 1e-200)),
    Row("sinc(x)", 0.0, 0.0, -(math.pi**2) / 3, lambda m, x: m.sinc(x)),
    Row("prod([x, 0, 3])", 2.0, 0.0, 0.0, lambda m, x: m.prod(m.stack([x, 0 * x, 3 + 0 * x]))),
    Row("prod([x, x, 3])", 0.0, 0.0, 6.0, lambda m, x: m.prod(m.stack([x, x, 3 + 0 * x]))),
    Row("logaddexp(x, 0)", 0.0, 0.5, 0.25, lambda m, x: m.logaddexp(x, 0.0)),
    Row("logaddexp(x, -inf)", 0.0, 1.0, 0.0, lambda m, x: m.logaddexp(x, -INF)),
    Row("logsumexp([x, -inf])", 0.0, 1.0, 0.0, lambda m, x: m.logsumexp(m.stack([x, x - INF]))),
    Row("logaddexp(x, 0)", INF, 1.0, 0.0, lambda m, x: m.logaddexp(x, 0.0)),
    Row("logaddexp(x, x)", -INF, 1.0, 0.0, lambda m, x: m.logaddexp(x, x)),
    Row("logaddexp2(x, x)", INF, 1.0, 0.0, lambda m, x: m.logaddexp2(x, x)),
    Row("logsumexp([x, 1])", INF, 1.0, 0.0, lambda m, x: m.logsumexp(m.stack([x, m.ones_like(x)]))),
    Row("logsumexp([x, x])", -INF, 1.0, 0.0, lambda m, x: m.logsumexp(m.stack([x, x]))),
    Row("softmax([x, 1])[0]", INF, 0.0, 0.0, lambda m, x: m.softmax(m.stack([x, m.ones_like(x)]))[0]),
    Row("softplus(x)", 800.0, 1.0, 0.0, lambda m, x: m.softplus(x)),
    Row("sigmoid(x)", -800.0, 0.0, 0.0, lambda m, x: m.sigmoid(x)),
    Row("tanh(x)", 20.0, 0.0, 0.0, lambda m, x: m.tanh(x)),
    Row("exp2(x)", 1024.0, INF, None, lambda m, x: m.exp2(x)),
    Row("abs(x)", NAN, NAN, None, lambda m, x: abs(x)),
    Row("median([x, 1, 2])", NAN, NAN, None, lambda m, x: m.median(m.stack([x, m.ones_like(x), 2 * m.ones_like(x)]))),
    Row("interp(x, [-1, 0, 1], [1, 0, 1])", 0.0, 0.0, 0.0, lambda m, x: m.interp(x, KNOTS, abs(KNOTS))),
    Row("interp(x, [-1, 0, 1], [-1, 0, 3])", 0.0, 1.0, 0.0, lambda m, x: m.interp(x, KNOTS, KNOTS + 2 * (KNOTS > 0))),
    Row("interp(x, [-1, 0, 1], [-1, 0, 3])", 1.0, 0.0, 0.0, lambda m, x: m.interp(x, KNOTS, KNOTS + 2 * (KNOTS > 0))),
]
