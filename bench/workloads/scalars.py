"""S1 to S4: short arrays and scalars, where the cost of an operation is all that counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.case import Case

# S1: 1 / (2 + sin(x1 w1)^2 + cos(x2 w2))


def s1_inputs(tiny: bool) -> tuple[Any, ...]:
    return 0.7, -1.3, 0.4, 2.1


def s1(xp: Any, x1: Any, w1: Any, x2: Any, w2: Any) -> Any:
    s = xp.sin(x1 * w1)
    return 1.0 / (2.0 + s * s + xp.cos(x2 * w2))


def s1_by_hand(x1: float, w1: float, x2: float, w2: float) -> Any:
    a, b = x1 * w1, x2 * w2
    s = math.sin(a)
    y = 1.0 / (2.0 + s * s + math.cos(b))
    d = -y * y
    da, db = d * 2.0 * s * math.cos(a), -d * math.sin(b)
    return y, (da * w1, da * x1, db * w2, db * x2)


# S2: Jacobian of (exp(2 x2) + x1 sin(3 x2^2), x1 x2 + 1 / (1 + exp(-x2)))


def s2_inputs(tiny: bool) -> tuple[Any, ...]:
    return (np.array([2.0, 1.0]),)


def s2(xp: Any, x: Any) -> Any:
    x1, x2 = x[0], x[1]
    y1 = xp.exp(2.0 * x2) + x1 * xp.sin(3.0 * x2 * x2)
    y2 = x1 * x2 + 1.0 / (1.0 + xp.exp(-x2))
    return xp.stack([y1, y2])


def s2_by_hand(x: np.ndarray) -> Any:
    x1, x2 = x.tolist()
    u = 3.0 * x2 * x2
    e = math.exp(-x2)
    row1 = [math.sin(u), 2.0 * math.exp(2.0 * x2) + 6.0 * x1 * x2 * math.cos(u)]
    row2 = [x2, x1 + e / ((1.0 + e) * (1.0 + e))]
    return np.array([row1, row2])


# S3: explicit Euler steps of Lotka-Volterra, a Python loop of scalars, gradient by the four parameters


def dt_of(steps: int) -> float:
    """The same time for any number of steps above 1000: Euler's spiral leaves the plane if it goes on for long."""
    return min(0.01, 10.0 / steps)


def s3_inputs(tiny: bool) -> tuple[Any, ...]:
    return 1.5, 1.0, 3.0, 1.0, 1.0, 1.0, 20 if tiny else 1000


def s3(xp: Any, a: Any, b: Any, c: Any, d: Any, x: Any, y: Any, steps: int) -> Any:
    dt = dt_of(steps)
    for _ in range(steps):
        xy = x * y
        x, y = x + dt * (a * x - b * xy), y + dt * (d * xy - c * y)
    return x + y


def s3_long_inputs(tiny: bool) -> tuple[Any, ...]:
    return *s3_inputs(tiny)[:-1], 20 if tiny else 100_000


def s3_scanned(xp: Any, a: Any, b: Any, c: Any, d: Any, x: Any, y: Any, steps: int) -> Any:
    dt = dt_of(steps)

    def step(state: Any, _: Any) -> Any:
        x, y = state
        xy = x * y
        return (x + dt * (a * x - b * xy), y + dt * (d * xy - c * y)), None

    (x, y), _ = xp.scan(step, (x, y), None, steps)
    return x + y


def s3_by_hand(a: float, b: float, c: float, d: float, x: float, y: float, steps: int) -> Any:
    saved, dt = [], dt_of(steps)
    for _ in range(steps):
        saved.append((x, y))
        xy = x * y
        x, y = x + dt * (a * x - b * xy), y + dt * (d * xy - c * y)
    value = x + y
    ga = gb = gc = gd = 0.0
    gx = gy = 1.0
    for x, y in reversed(saved):
        xy = x * y
        hx, hy = dt * gx, dt * gy
        ga += hx * x
        gb -= hx * xy
        gc -= hy * y
        gd += hy * xy
        gxy = hy * d - hx * b
        gx, gy = gx + hx * a + gxy * y, gy - hy * c + gxy * x
    return value, (ga, gb, gc, gd)


# S4: a chain of element-wise operations on arrays of one length, four to a link

LINKS = 250


def s4_inputs(length: int) -> Callable[[bool], tuple[Any, ...]]:
    def inputs(tiny: bool) -> tuple[Any, ...]:
        rng = np.random.default_rng(4)
        a, b, c, x = (rng.uniform(low, high, length) for low, high in ((0.9, 1.1), (-0.1, 0.1), (0.9, 1.1), (-1, 1)))
        return a, b, c, x, 5 if tiny else LINKS

    return inputs


def s4(xp: Any, a: Any, b: Any, c: Any, x: Any, links: int) -> Any:
    sin = xp.sin
    for _ in range(links):
        x = (sin(x * a) + b) * c
    return xp.sum(x)


def s4_by_hand(a: np.ndarray, b: np.ndarray, c: np.ndarray, x: np.ndarray, links: int) -> Any:
    saved = []
    for _ in range(links):
        u = x * a
        w = np.sin(u) + b
        saved.append((x, u, w))
        x = w * c
    ga, gb, gc = np.zeros_like(a), np.zeros_like(b), np.zeros_like(c)
    g = np.ones_like(x)
    value = x.sum()
    for x, u, w in reversed(saved):
        gc += g * w
        g = g * c
        gb += g
        g *= np.cos(u)
        ga += g * x
        g *= a
    return value, (ga, gb, gc)


CASES = [
    Case("S1", "1 / (2 + sin(x1 w1)² + cos(x2 w2)), scalars", s1_inputs, s1, s1_by_hand, wrt=4),
    Case("S2", "2 x 2 Jacobian of a small vector function", s2_inputs, s2, s2_by_hand, what="jacobian"),
    Case(
        "S3",
        "1000 Euler steps of Lotka-Volterra, scalars",
        s3_inputs,
        s3,
        s3_by_hand,
        wrt=4,
        without=("jax",),
        scanned=s3_scanned,
    ),
    Case(
        "S3-long",
        "100,000 Euler steps of Lotka-Volterra, scalars",
        s3_long_inputs,
        s3,
        s3_by_hand,
        wrt=4,
        without=("reference", "autograd", "torch", "jax", "mlx", "casadi"),
        scanned=s3_scanned,
    ),
    *(
        Case(
            f"S4-{length}",
            f"1000 element-wise operations on length {length}, per operation",
            s4_inputs(length),
            s4,
            s4_by_hand,
            wrt=3,
            per=4 * LINKS,
            without=("jax",),
        )
        for length in (1, 10, 1000)
    ),
]
