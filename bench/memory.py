"""Peak memory, each measurement in a fresh process; `python -m bench.memory LIBRARY TASK SIZE` is such a process."""

from __future__ import annotations

import gc
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import libraries, report
from bench.goals import Goal
from bench.libraries.library import Library, split
from bench.timing import Timing
from bench.workloads import CASES

FACTOR = 1.0 + 2.0**-30


def chain(library: Library, size: int) -> Callable[[], Any]:
    """x times a constant, `size` times: value and gradient of one node after the other."""

    def f(x: Any) -> Any:
        for _ in range(size):
            x = x * FACTOR
        return x

    derivative = library.gradient(f, 1)
    x = library.array(1.0)

    def call() -> Any:
        value, (gradient,) = derivative(x)
        want = math.exp(size * math.log1p(FACTOR - 1.0))
        if not abs(float(value) - want) <= 1e-6 * want >= abs(float(gradient) - want):
            raise AssertionError(f"chain of {size}: {float(value)}, {float(gradient)} instead of {want}")

    return call


def rnn(library: Library, size: int) -> Callable[[], Any]:
    """Value and gradients of workload R4-f32; `size` 0: its tiny form."""
    case = CASES["R4-f32"]
    arrays, _ = split(case.inputs(size == 0))
    derivative = library.gradient(lambda *args: case.objective(library.xp, *args), case.wrt)
    args = tuple(library.array(x) for x in arrays)
    return lambda: library.wait(derivative(*args))


TASKS = {"chain": chain, "rnn": rnn}


def resident() -> tuple[int, int]:
    """Bytes held now, and the most that were ever held."""
    try:
        status = Path("/proc/self/status").read_text().splitlines()
        kib = {line.split(":")[0]: line.split()[1] for line in status if line.startswith(("VmRSS", "VmHWM"))}
        return int(kib["VmRSS"]) * 1024, int(kib["VmHWM"]) * 1024
    except OSError:  # not Linux: only the peak is known
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return peak, peak


def main(argv: Sequence[str]) -> None:
    """One measurement, as JSON: seconds of the call, bytes before it and at the peak."""
    name, task, size = argv
    library = libraries.get(name)
    TASKS[task](library, 0 if task == "rnn" else 10)()  # imports, first-use tables
    call = TASKS[task](library, int(size))
    gc.collect()
    gc.disable()
    before, _ = resident()
    start = time.perf_counter()
    call()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "before": before, "peak": resident()[1]}))


def measured(library: str, task: str, size: int) -> dict[str, float]:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "bench.memory", library, task, str(size)]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def long_chains(sizes: Sequence[int]) -> tuple[list[report.Report], list[Goal]]:
    """Time of a node for each length, and the memory it takes."""
    table = report.Report("A chain of n scalar operations, value and gradient, per node", ["wengert"], "wengert")
    goals, per_node = [], []
    for size in sizes:
        m = measured("wengert", "chain", size)
        bytes_per_node = (m["peak"] - m["before"]) / size
        per_node.append(m["seconds"] / size)
        table.add(f"n = {size:,}: {bytes_per_node:.0f} bytes a node", {"wengert": Timing(*[per_node[-1]] * 3)})
    growth = per_node[-1] / per_node[0]
    goals.append(Goal(f"time of a node at n = {sizes[-1]:,} over that at n = {sizes[0]:,}", growth, 1.5))
    return [table], goals


def peaks(names: Sequence[str], tiny: bool) -> tuple[list[report.MemoryReport], list[Goal]]:
    """Peak memory above what the process held before, for a chain of 10⁶ nodes and for a recurrent network."""
    tables, goals = [], []
    for title, task, size in (
        ("a chain of n scalar operations", "chain", 100 if tiny else 1_000_000),
        ("an RNN (R4-f32)", "rnn", 0 if tiny else 1),
    ):
        found = {name: measured(name, task, size) for name in names}
        table = report.MemoryReport(f"Peak memory of {title}".replace(" n ", f" {size:,} "))
        for name, m in found.items():
            table.add(name, m["before"], m["peak"])
        tables.append(table)
        if "wengert" in found and "torch" in found:
            used = {name: m["peak"] - m["before"] for name, m in found.items()}
            goals.append(Goal(f"peak memory over that of torch, {task}", used["wengert"] / used["torch"], 1.0))
    return tables, goals


if __name__ == "__main__":
    main(sys.argv[1:])
