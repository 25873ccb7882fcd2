"""`python -m bench guards`: what it costs a replay to check the answers its branches were recorded with.

Every program is timed as it is and with its branches decided beforehand; both compute the conditions the branches are
taken by, and return them, so that the checks are the only difference. Then programs of array work are replayed by one
thread and by two at once: beside the throughput stands how many cores the two threads were given.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wengert as wg

from bench import report, timing

wnp = wg.numpy
Ask = Callable[[Any], bool]


def newton(ask: Ask, x: Any) -> Any:
    """A scalar loop until convergence."""
    asked, y = [], x
    while True:
        step = (y * y * y - x) / (3.0 * y * y)
        y = y - step
        asked.append(wnp.abs(step) > 1e-12)
        if not ask(asked[-1]):
            return y, asked


def clipped(ask: Ask, w: Any, x: Any, y: Any) -> Any:
    """A gradient step with clipping by norm."""
    g = wg.grad(lambda v: wnp.mean((wnp.tanh(x @ v) - y) ** 2))(w)
    norm = wnp.sqrt(wnp.sum(g * g))
    asked = norm > 1e-3
    if ask(asked):
        g = g * (1e-3 / norm)
    return w - g, [asked]


def search(ask: Ask, x: Any) -> Any:
    """Backtracking along the gradient of Rosenbrock's function until it falls."""

    def f(z: Any) -> Any:
        return wnp.sum(100.0 * (z[1:] - z[:-1] ** 2) ** 2 + (1.0 - z[:-1]) ** 2)

    value, g = wg.value_and_grad(f)(x)
    asked, t = [], 1.0
    while True:
        asked.append(f(x - t * g) < value)
        if ask(asked[-1]):
            return x - t * g, asked
        t = 0.5 * t


def power(ask: Ask, a: Any, x: Any) -> Any:
    """The largest eigenvalue, iterated until it stands."""
    asked: list[Any] = []
    value = 0.0
    while True:
        y = a @ x
        norm = wnp.sqrt(wnp.sum(y * y))
        x, asked, value = y / norm, [*asked, wnp.abs(norm - value) > 1e-10 * norm], norm
        if not ask(asked[-1]):
            return norm, asked


def programs(tiny: bool) -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    """The programs and their arguments."""
    rng = np.random.default_rng(0)
    n, m = (4, 3) if tiny else (100, 64)
    a = rng.normal(size=(n, n))
    return {
        "newton": (newton, (2.0,)),
        "clipped step": (clipped, tuple(rng.normal(size=s) for s in ((m, m), (32, m), (32, m)))),
        "line search": (search, (rng.normal(size=n),)),
        "power iteration": (power, (a @ a.T, rng.normal(size=n))),
    }


def measurements(tiny: bool) -> dict[str, dict[str, Callable[[], Any]]]:
    """Ready calls with and without checks, and how many checks there are; results are compared."""
    calls: dict[str, dict[str, Callable[[], Any]]] = {}
    for name, (f, args) in programs(tiny).items():
        answers: list[bool] = []

        def noting(p: Any, answers: list[bool] = answers) -> bool:
            answers.append(bool(p))
            return answers[-1]

        f(noting, *args)
        left = iter(answers)
        checked = wg.compile(lambda *a, f=f: f(bool, *a))
        free = wg.compile(lambda *a, f=f, left=left: f(lambda _: next(left), *a))
        for a, b in zip(_flat(checked(*args)), _flat(free(*args)), strict=True):
            np.testing.assert_array_equal(a, b)
        # Both check that divisors which are Python numbers are not zero.
        checks = [wg._core.compiled_programs(g)[0]["guards"] for g in (checked, free)]
        if checks[0] - checks[1] != len(answers):
            raise AssertionError(
                f"{name}: not every question is checked, or something is checked though nothing was asked"
            )
        label = f"{name} ({len(answers)} checks)"
        calls[label] = {"without": _bind(free, args), "checked": _bind(checked, args)}
    return calls


def _flat(result: Any) -> list[Any]:
    return [x for part in result for x in (part if isinstance(part, list) else [part])]


def _bind(f: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[], Any]:
    return lambda: f(*args)


def array_work(tiny: bool) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Programs of array operations, for several threads to replay."""
    rng = np.random.default_rng(0)
    n = 8 if tiny else 256

    def loss(w: Any, v: Any, x: Any, y: Any) -> Any:
        return wnp.mean((wnp.tanh(x @ w) @ v - y) ** 2)

    x, big = rng.normal(size=(64, n)), rng.normal(size=100 if tiny else 200_000)
    elementwise = wg.compile(wg.value_and_grad(lambda z: wnp.sum(wnp.exp(-z * z) * wnp.sin(z))))
    perceptron = wg.compile(wg.value_and_grad(loss, argnums=(0, 1)))
    return {
        "perceptron": (perceptron, (rng.normal(size=(n, n)), rng.normal(size=(n, 8)), x, rng.normal(size=(64, 8)))),
        "elementwise": (elementwise, (big,)),
    }


def throughput(f: Callable[..., Any], args: tuple[Any, ...], threads: int, seconds: float) -> tuple[float, float]:
    """Replays a second by that many threads at once, and the cores they had."""
    start = threading.Barrier(threads + 1)
    counts = [0] * threads
    stop = False

    def work(k: int) -> None:
        start.wait()
        while not stop:
            f(*args)
            counts[k] += 1

    workers = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    for w in workers:
        w.start()
    start.wait()
    began, used = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    stop = True
    for w in workers:
        w.join()
    wall = time.perf_counter() - began
    return sum(counts) / wall, (time.process_time() - used) / wall


def scaling(tiny: bool, rounds: int, seconds: float) -> dict[str, np.ndarray]:
    """Replays a second by one thread, by two, and the cores of the two; medians, with kernels of one thread."""
    before = wg._core.num_threads()
    wg.set_num_threads(1)
    try:
        result = {}
        for name, (f, args) in array_work(tiny).items():
            f(*args)
            rates = [(throughput(f, args, 1, seconds)[0], *throughput(f, args, 2, seconds)) for _ in range(rounds)]
            result[name] = np.median(rates, axis=0)
        return result
    finally:
        wg.set_num_threads(before)


def main(argv: Sequence[str] | None = None) -> None:
    """Times the programs with and without checks, then by one thread and by two."""
    parser = argparse.ArgumentParser(prog="python -m bench guards", description=__doc__)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--tiny", action="store_true", help="small inputs, one round: does it run at all?")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    args = parser.parse_args(argv)
    rounds = 1 if args.tiny else args.rounds
    table = report.Report("A replay without and with its checks", ["without", "checked"])
    for name, calls in measurements(args.tiny).items():
        table.add(name, timing.interleaved(calls, rounds, 0.001 if args.tiny else 0.004))
    console = report.console()
    console.print(table.render())
    for name, (one, two, cores) in scaling(args.tiny, 1 if args.tiny else 7, 0.02 if args.tiny else 0.4).items():
        console.print(
            f"{name}: {one:,.0f} replays a second by one thread, {two:,.0f} by two on {cores:.2f} cores: "
            f"{two / one:.2f} times"
        )
    report.save(args.json, [table])
