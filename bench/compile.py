"""`python -m bench compile`: the first call of a compiled gradient (trace, compile, run) beside one eager call."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import wengert as wg
import wengert.numpy as wnp

from bench import report, timing

LENGTHS = (1, 10, 1000)
NODES = (10, 1_000, 100_000)


def chain(nodes: int) -> Callable[..., Any]:
    """Value and gradients of a chain of `nodes` elementwise operations."""

    def f(a: Any, b: Any, c: Any, x: Any) -> Any:
        for _ in range(max(1, nodes // 4)):
            x = (wnp.sin(x * a) + b) * c
        return wnp.sum(x)

    return wg.value_and_grad(f, argnums=(0, 1, 2))


def _itself(f: Callable[..., Any]) -> Callable[..., Any]:
    return f


def seconds(make: Callable[[], Callable[..., Any]], args: tuple[Any, ...], rounds: int) -> timing.Timing:
    """Of the first call of what `make` returns: made anew for every round, nothing warm but the process."""
    times = []
    for _ in range(rounds):
        f = make()
        gc.collect()
        start = time.perf_counter()
        f(*args)
        times.append(time.perf_counter() - start)
    times.sort()
    return timing.Timing(times[len(times) // 2], times[0], times[-1])


def main(argv: Sequence[str] | None = None) -> None:
    """Prints one table, a row for every length and number of operations."""
    parser = argparse.ArgumentParser(prog="python -m bench compile", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="short chains: does it run at all?")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    args = parser.parse_args(argv)
    table = report.Report("First call", ["eager", "compiled, first call"], baseline="eager")
    rng = np.random.default_rng(0)
    for length in LENGTHS:
        inputs = tuple(rng.uniform(0.5, 1.0, length) for _ in range(4))
        for nodes in (10, 100) if args.tiny else NODES:
            gradient = chain(nodes)
            timings = {
                "eager": seconds(partial(_itself, gradient), inputs, args.rounds),
                "compiled, first call": seconds(partial(wg.compile, gradient), inputs, args.rounds),
            }
            table.add(f"{nodes} operations on length {length}", timings, 1)
    report.console().print(table.render())
    report.save(args.json, [table])


if __name__ == "__main__":
    main()
