"""How costs grow: with the number of slices read in a loop, with the number of threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import wengert as wg
import wengert.numpy as wnp
from wengert import _core

from bench.case import disagreement
from bench.libraries.library import Library

WIDTH = 16


def _read_rows(xp: Any, x: Any) -> Any:
    h = x[0]
    for t in range(1, len(x)):
        h = xp.tanh(x[t] + h)
    return xp.sum(h)


def _read_rows_by_hand(x: np.ndarray) -> Any:
    states = [x[0]]
    for t in range(1, len(x)):
        states.append(np.tanh(x[t] + states[-1]))
    g = np.empty_like(x)
    d = np.ones(x.shape[1])
    for t in range(len(x) - 1, 0, -1):
        d = d * (1.0 - states[t] * states[t])
        g[t] = d
    g[0] = d
    return states[-1].sum(), (g,)


def slice_loops(steps: int, chosen: dict[str, Library]) -> dict[str, Callable[[], Any]]:
    """Value and gradient of a recurrence that reads row x[t] in step t; checked against the hand-written gradient."""
    x = 0.1 * np.random.default_rng(2).normal(size=(steps, WIDTH))
    want = _read_rows_by_hand(x)
    calls: dict[str, Callable[[], Any]] = {"numpy": partial(_read_rows_by_hand, x)}
    for name, library in chosen.items():
        if steps > 1000 and name not in ("wengert", "reference"):
            continue  # quadratic there: seconds a call
        derivative = library.gradient(partial(_read_rows, library.xp), 1)
        call = partial(derivative, library.array(x))
        error = disagreement(library.numpy(call()), want)
        if not error <= 1e-9:
            raise AssertionError(f"slices: {name} differs from the hand-written gradient by {error:.1e}")
        calls[name] = call
    return calls


def thread_tasks(tiny: bool) -> dict[str, dict[str, Callable[[], Any]]]:
    """For each kind of array work: two gradients one after the other, and in two threads; one kernel thread each."""
    rng = np.random.default_rng(6)
    n, batch, width = (40_000, 4, 8) if tiny else (200_000, 64, 512)
    long = rng.normal(size=n)
    x, w1, w2 = rng.normal(size=(batch, width)), *(rng.normal(size=(2, width, width)) / width**0.5)

    def elementwise(a: Any) -> Any:
        return wnp.sum(wnp.tanh(wnp.sin(a) * a) * wnp.exp(-a * a))

    def network(w1: Any) -> Any:
        return wnp.sum(wnp.tanh(wnp.tanh(x @ w1) @ w2))

    return {
        f"elementwise, {n} elements": _one_and_two(partial(wg.value_and_grad(elementwise), long)),
        f"network, {batch} x {width}": _one_and_two(partial(wg.value_and_grad(network), w1)),
    }


def _one_and_two(task: Callable[[], Any]) -> dict[str, Callable[[], Any]]:
    pool = ThreadPoolExecutor(2)

    def kernels_on_one_thread(run: Callable[[], list[Any]]) -> list[Any]:
        before = _core.num_threads()
        wg.set_num_threads(1)
        try:
            return run()
        finally:
            wg.set_num_threads(before)

    def in_turn() -> list[Any]:
        return [task() for _ in range(8)]

    def at_once() -> list[Any]:
        return [r for part in pool.map(lambda _: [task() for _ in range(4)], range(2)) for r in part]

    return {
        "one thread": partial(kernels_on_one_thread, in_turn),
        "two threads": partial(kernels_on_one_thread, at_once),
    }
