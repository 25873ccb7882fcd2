"""`python -m bench overhead`: nanoseconds per eager operation on short arrays, against NumPy.

A chain of 100 equal operations on arrays of one length, measured without derivatives ("value"), while recording but
without a sweep ("recorded"), and with the gradient by both inputs ("value+grad"). Times are per operation of the chain.
NumPy's gradient is written by hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import libraries, report, timing
from bench.case import disagreement
from bench.libraries import Library, Wengert

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


def tanh(xp: Any, x: Any, c: Any, count: int) -> Any:
    f = xp.tanh
    x = x * c
    for _ in range(count - 1):
        x = f(x)
    return x


def tanh_by_hand(x: np.ndarray, c: np.ndarray, count: int) -> Any:
    saved = []
    y = x * c
    for _ in range(count - 1):
        y = np.tanh(y)
        saved.append(y)
    g = np.ones_like(x)
    for after in reversed(saved):
        g = g * (1.0 - after * after)
    return y.sum(), (g * c, g * x)


def sin(xp: Any, x: Any, c: Any, count: int) -> Any:
    f = xp.sin
    x = x * c
    for _ in range(count - 1):
        x = f(x)
    return x


def sin_by_hand(x: np.ndarray, c: np.ndarray, count: int) -> Any:
    saved = []
    y = x * c
    for _ in range(count - 1):
        saved.append(y)
        y = np.sin(y)
    g = np.ones_like(x)
    for before in reversed(saved):
        g = g * np.cos(before)
    return y.sum(), (g * c, g * x)


CHAINS = (
    Chain("add", add, add_by_hand),
    Chain("multiply", multiply, multiply_by_hand),
    Chain("sin", sin, sin_by_hand),
    Chain("tanh", tanh, tanh_by_hand),
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


def main(argv: Sequence[str] | None = None) -> None:
    """Times every chain on every length and prints a table for each length."""
    parser = argparse.ArgumentParser(prog="python -m bench overhead", description=__doc__)
    parser.add_argument("--libraries", nargs="+", default=["wengert"], metavar="NAME", help="beside NumPy")
    parser.add_argument("--peers", action="store_true", help="all eager libraries that are installed")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tiny", action="store_true", help="three operations, one round: does it run at all?")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    args = parser.parse_args(argv)

    eager = ("autograd", "torch", "mlx")
    names = args.libraries + [p for p in libraries.installed() if args.peers and p in eager]
    chosen = {name: libraries.get(name) for name in dict.fromkeys(names)}
    count, rounds = (3, 1) if args.tiny else (OPERATIONS, args.rounds)
    console = report.console()
    tables = []
    for length in LENGTHS:
        table = report.Report(f"An eager operation on length {length}", ["numpy", *chosen])
        for chain in CHAINS:
            with console.status(f"{chain.name}, length {length}"):
                for what, calls in measurements(chain, length, chosen, count).items():
                    if calls:
                        table.add(f"{chain.name}, {what}", timing.interleaved(calls, rounds), count)
        console.print(table.render())
        tables.append(table)
    report.save(args.json, tables)


if __name__ == "__main__":
    main()
