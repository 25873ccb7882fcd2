"""J1 and J3: Rosenbrock's gradient and dense Hessian, the Jacobian of a small network by its input."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.case import Case


def rosenbrock_inputs(tiny: bool) -> tuple[Any, ...]:
    return (np.random.default_rng(1).normal(size=6 if tiny else 100),)


def rosenbrock(xp: Any, x: Any) -> Any:
    head, tail = x[:-1], x[1:]
    return xp.sum(100.0 * (tail - head * head) ** 2 + (1.0 - head) ** 2)


def rosenbrock_by_hand(x: np.ndarray) -> Any:
    head = x[:-1]
    r = x[1:] - head * head
    s = 1.0 - head
    grad = np.zeros_like(x)
    grad[1:] = 200.0 * r
    grad[:-1] -= 400.0 * head * r + 2.0 * s
    return 100.0 * (r @ r) + s @ s, (grad,)


def rosenbrock_hessian_by_hand(x: np.ndarray) -> Any:
    n = len(x)
    head = x[:-1]
    hessian = np.zeros((n, n))
    diagonal = hessian.reshape(-1)[:: n + 1]
    diagonal[:-1] = 1200.0 * head * head - 400.0 * x[1:] + 2.0
    diagonal[1:] += 200.0
    off = -400.0 * head
    hessian.reshape(-1)[1 :: n + 1] = off
    hessian.reshape(-1)[n :: n + 1] = off
    return hessian


def net_inputs(tiny: bool) -> tuple[Any, ...]:
    rng = np.random.default_rng(3)
    n = 4 if tiny else 64
    w1, w2 = rng.normal(size=(2, n, n)) * n**-0.5
    b1, b2 = 0.1 * rng.normal(size=(2, n))
    return rng.normal(size=n), w1, b1, w2, b2


def net(xp: Any, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return xp.tanh(w2 @ xp.tanh(w1 @ x + b1) + b2)


def net_jacobian_by_hand(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    h = np.tanh(w1 @ x + b1)
    y = np.tanh(w2 @ h + b2)
    jacobian = (w2 * (1 - h * h)) @ w1
    jacobian *= (1 - y * y)[:, None]
    return jacobian


CASES = [
    Case("J1g", "Rosenbrock n=100, value and gradient", rosenbrock_inputs, rosenbrock, rosenbrock_by_hand),
    Case(
        "J1h",
        "Rosenbrock n=100, dense Hessian",
        rosenbrock_inputs,
        rosenbrock,
        rosenbrock_hessian_by_hand,
        what="hessian",
        without=("mlx",),
    ),
    Case(
        "J3",
        "Jacobian of a 64-64-64 tanh net by its input",
        net_inputs,
        net,
        net_jacobian_by_hand,
        what="jacobian",
        without=("mlx",),
    ),
]
