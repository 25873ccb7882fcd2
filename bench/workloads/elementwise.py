"""E1 and E2: long arrays, where memory traffic and the mathematical functions count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.case import Case


def black_scholes_inputs(tiny: bool) -> tuple[Any, ...]:
    """Spot, volatility, rate (differentiated), then strike and time to expiry."""
    rng = np.random.default_rng(2)
    n = 10 if tiny else 1_000_000
    bounds = ((80, 120), (0.1, 0.5), (0.0, 0.05), (80, 120), (0.2, 2.0))
    return tuple(rng.uniform(low, high, n) for low, high in bounds)


def black_scholes(xp: Any, spot: Any, vol: Any, rate: Any, strike: Any, time: Any) -> Any:
    """Sum of the prices of European calls."""
    spread = vol * xp.sqrt(time)
    d1 = (xp.log(spot / strike) + (rate + 0.5 * vol * vol) * time) / spread
    d2 = d1 - spread
    return xp.sum(spot * _normal_cdf(xp, d1) - strike * xp.exp(-rate * time) * _normal_cdf(xp, d2))


def _normal_cdf(xp: Any, x: Any) -> Any:
    return 0.5 + 0.5 * xp.erf(0.5**0.5 * x)


def black_scholes_by_hand(spot: Any, vol: Any, rate: Any, strike: Any, time: Any) -> Any:
    """The closed form: delta, vega and rho."""
    from scipy.special import ndtr

    root = np.sqrt(time)
    spread = vol * root
    d1 = (np.log(spot / strike) + (rate + 0.5 * vol * vol) * time) / spread
    delta = ndtr(d1)
    discounted = strike * np.exp(-rate * time) * ndtr(d1 - spread)
    vega = spot * root * np.exp(-0.5 * d1 * d1) * (2 * np.pi) ** -0.5
    return (spot * delta - discounted).sum(), (delta, vega, time * discounted)


def bump_inputs(dtype: type) -> Callable[[bool], tuple[Any, ...]]:
    def make(tiny: bool) -> tuple[Any, ...]:
        return (np.random.default_rng(6).normal(size=10 if tiny else 1_000_000).astype(dtype),)

    return make


def bump(xp: Any, x: Any) -> Any:
    return xp.sum(xp.tanh(x) * xp.exp(-(x * x)))


def bump_by_hand(x: np.ndarray) -> Any:
    t = np.tanh(x)
    e = np.exp(-(x * x))
    return (t * e).sum(), ((1 - t * t - 2 * x * t) * e,)


CASES = [
    Case("E1", "Black-Scholes, 10^6 calls", black_scholes_inputs, black_scholes, black_scholes_by_hand, wrt=3),
    Case("E2-f64", "sum(tanh(x) exp(-x²)), 10^6 elements, float64", bump_inputs(np.float64), bump, bump_by_hand),
    Case("E2-f32", "sum(tanh(x) exp(-x²)), 10^6 elements, float32", bump_inputs(np.float32), bump, bump_by_hand),
]
