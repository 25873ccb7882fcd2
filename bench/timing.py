"""Interleaved timing: the contestants take turns, so that all of them meet the same machine."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds per call: the median over the rounds, and the fastest and the slowest round."""

    median: float
    fastest: float
    slowest: float


def interleaved(
    contestants: Mapping[str, Callable[[], object]], rounds: int = 15, sample: float = 0.04
) -> dict[str, Timing]:
    """Times every contestant `rounds` times in turn, each turn long enough to last `sample` seconds.

    Every round starts with another contestant. Garbage is collected before a round and not during it. Each turn begins
    when the threads of the one before are at rest: OpenBLAS's look for work for 100 ms after a product of NumPy, on one
    of the processors that the next contestant would be timed on.
    """
    calls = {name: _calls_for(f, sample) for name, f in contestants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    collecting = gc.isenabled()
    try:
        for _ in range(rounds):
            gc.collect()
            gc.disable()
            for name in order:
                settle()
                seconds[name].append(_time(contestants[name], calls[name]))
            gc.enable()
            order.append(order.pop(0))
    finally:
        if collecting:
            gc.enable()
    return {name: Timing(statistics.median(s), min(s), max(s)) for name, s in seconds.items()}


def settle(longest: float = 1.0) -> None:
    """Waits until no thread of this process is running, at most `longest` seconds."""
    pause = 0.02  # Linux adds up the time of running threads with every tick only, 10 ms
    end = time.perf_counter() + longest
    while time.perf_counter() < end:
        busy = time.process_time()
        time.sleep(pause)
        if time.process_time() - busy < pause / 4:
            return


def _time(f: Callable[[], object], calls: int) -> float:
    repeats = range(calls)
    start = time.perf_counter()
    for _ in repeats:
        f()
    return (time.perf_counter() - start) / calls


def _calls_for(f: Callable[[], object], sample: float) -> int:
    """How many calls last `sample` seconds; the first, untimed, warms caches, pools and compilers."""
    f()
    calls = 1
    while True:
        seconds = _time(f, calls) * calls
        if seconds >= sample:
            return calls
        calls = max(2 * calls, min(10 * calls, int(1.2 * calls * sample / max(seconds, 1e-9))))
