"""One operation again and again on short arrays: what an eager operation costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.case import disagreement
from bench.libraries.library import Library
from bench.libraries.ours import Wengert

LENGTHS = (1, 10, 1000)
OPERATIONS = 100


@dataclass(frozen=True)
class Chain:
    """x = op(x, c), again and again, then summed; `by_hand` adds the gradients by x and c."""

    name: str
    run: Callable[[Any, Any, Any, int], Any]
    by_hand: Callable[[np.ndarray, np.ndarray, int], Any]


def add(xp: Any, x: Any, c: Any, count: int) -> Any:
    for _ in range(count):
        x = x + c
    return x


def add_by_hand(x: np.ndarray, c: np.ndarray, count: int) -> Any:
    for _ in range(count):
        x = x + c
    g, gc = np.ones_like(x), np.zeros_like(c)
    for _ in range(count):
        gc += g
    return x.sum(), (g, gc)


def multiply(xp: Any, x: Any, c: Any, count: int) -> Any:
    for _ in range(count):
        x = x * c
    return x


def multiply_by_hand(x: np.ndarray, c: np.ndarray, count: int) -> Any:
    saved = []
    for _ in range(count):
        saved.append(x)
        x = x * c
    g, gc = np.ones_like(x), np.zeros_like(c)
    for before in reversed(saved):
        gc += g * before
        g = g * c
    return x.sum(), (g, gc)


def unary(name: str, slope: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Chain:
    """f(f(… f(x c))); `slope` of the operand and the result."""
    of_numpy = getattr(np, name)

    def run(xp: Any, x: Any, c: Any, count: int) -> Any:
        f = getattr(xp, name)
        x = x * c
        for _ in range(count - 1):
            x = f(x)
        return x

    def by_hand(x: np.ndarray, c: np.ndarray, count: int) -> Any:
        saved = []
        y = x * c
        for _ in range(count - 1):
            before, y = y, of_numpy(y)
            saved.append((before, y))
        g = np.ones_like(x)
        for before, after in reversed(saved):
            g = g * slope(before, after)
        return y.sum(), (g * c, g * x)

    return Chain(name, run, by_hand)


CHAINS = (
    Chain("add", add, add_by_hand),
    Chain("multiply", multiply, multiply_by_hand),
    unary("sin", lambda before, after: np.cos(before)),
    unary("tanh", lambda before, after: 1.0 - after * after),
)


def inputs(length: int) -> tuple[np.ndarray, np.ndarray]:
    """x and c; c is close to one, so that no chain leaves the normal numbers."""
    rng = np.random.default_rng(0)
    return rng.uniform(0.5, 1.0, length), rng.uniform(0.98, 1.02, length)


def measurements(
    chain: Chain, length: int, chosen: dict[str, Library], count: int = OPERATIONS
) -> dict[str, dict[str, Callable[[], Any]]]:
    """For "value", "recorded" and "value+grad" a call for each library, NumPy among them; gradients are checked."""
    x, c = inputs(length)
    want = chain.by_hand(x, c, count)
    calls: dict[str, dict[str, Callable[[], Any]]] = {
        "value": {"numpy": lambda: chain.run(np, x, c, count)},
        "recorded": {},
        "value+grad": {"numpy": lambda: chain.by_hand(x, c, count)},
    }
    for name, library in chosen.items():
        own = _calls(chain, library, x, c, count)
        error = disagreement(library.numpy(own["value+grad"]()), want)
        if not error <= max(1e-10, library.accuracy):
            raise AssertionError(f"{chain.name}: {name} differs from the hand-written gradient by {error:.1e}")
        for what, call in own.items():
            calls[what][name] = call
    return calls


def _calls(chain: Chain, library: Library, x: np.ndarray, c: np.ndarray, count: int) -> dict[str, Callable[[], Any]]:
    """What one library is timed on; only wengert can record without differentiating."""
    xp = library.xp
    make = library.wg.array if isinstance(library, Wengert) else library.array
    a, b = make(x), make(c)
    derivative = library.gradient(lambda x, c: xp.sum(chain.run(xp, x, c, count)), 2)
    calls = {
        "value": lambda: library.wait(chain.run(xp, a, b, count)),
        "value+grad": lambda: library.wait(derivative(a, b)),
    }
    if isinstance(library, Wengert):
        vjp = library.wg.vjp
        calls["recorded"] = lambda: vjp(lambda x, c: chain.run(xp, x, c, count), a, b)
    return calls
