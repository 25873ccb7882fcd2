"""`python -m bench overhead [SECTION …]`: what eager differentiation costs, and whether its goals hold.

operations  ns per operation on short arrays: value; recorded but not swept; value and gradient
chain       1000 element-wise operations on lengths 1 and 10, per operation, beside NumPy's value alone
scalars     S1, S2, S3, R1, R2: where the cost of an operation is all that counts
networks    R3, M2, M3: recurrent and dense networks
jacobians   J1h, J3
slices      the gradient through x[t], read in a loop of T steps
long        a chain of up to ten million nodes: time and memory of a node
threads     independent gradients in two Python threads
memory      peak memory of a chain and of a recurrent network
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import chains, libraries, memory, report, scaling, timing
from bench.goals import Goal, ratio, render
from bench.libraries.library import Library
from bench.run import contestants
from bench.timing import Timing
from bench.workloads import CASES


@dataclass(frozen=True)
class Options:
    """What a section is run with."""

    chosen: dict[str, Library]
    rounds: int
    tiny: bool


Result = tuple[Sequence[report.Report | report.MemoryReport], list[Goal]]


def operations(options: Options) -> Result:
    """One table for each length."""
    count = 3 if options.tiny else chains.OPERATIONS
    tables, goals = [], []
    for length in chains.LENGTHS:
        table = report.Report(f"An eager operation on length {length}", ["numpy", *options.chosen])
        for chain in chains.CHAINS:
            for what, calls in chains.measurements(chain, length, options.chosen, count).items():
                if not calls:
                    continue
                timings = timing.interleaved(calls, options.rounds)
                table.add(f"{chain.name}, {what}", timings, count)
                if what == "recorded" and length == 1 and "wengert" in timings:
                    ns = timings["wengert"].median / count * 1e9
                    goals.append(Goal(f"{chain.name} on length 1, recorded", ns, 100.0, "ns"))
        tables.append(table)
    return tables, goals


def _workloads(options: Options, title: str, names: Sequence[str], judge: Callable[[str, Any], list[Goal]]) -> Result:
    """Workloads of `python -m bench run`, and the goals that `judge` finds in the timings of each."""
    table, goals = report.Report(title, ["numpy", *options.chosen]), []
    for name in names:
        case = CASES[name]
        timings = timing.interleaved(contestants(case, options.chosen, options.tiny), options.rounds)
        table.add(name, timings, 1 if options.tiny else case.per)
        goals += judge(name, timings) if "wengert" in timings else []
    return [table], goals


def chain(options: Options) -> Result:
    """S4, beside the value alone in NumPy."""
    table = report.Report("A chain of 1000 element-wise operations", ["numpy", "numpy, value only", *options.chosen])
    goals = []
    for name in ("S4-1", "S4-10"):
        case = CASES[name]
        arrays = case.inputs(options.tiny)
        calls = contestants(case, options.chosen, options.tiny)
        calls["numpy, value only"] = lambda case=case, arrays=arrays: case.objective(np, *arrays)
        timings = timing.interleaved(calls, options.rounds)
        table.add(name, timings, 1 if options.tiny else case.per)
        if "wengert" in timings:
            ns = timings["wengert"].median / case.per * 1e9
            goals.append(Goal(f"{name}: value and gradient of an operation", ns, 250.0, "ns"))
            goals += [ratio(name, timings, p, 1 / n) for p, n in (("torch", 20), ("autograd", 100))]
            goals.append(ratio(name, timings, "numpy, value only", 1.0))
    return [table], goals


def against_torch(limits: dict[str, float]) -> Callable[[Options], Result]:
    """A section of workloads that PyTorch must take at least so many times as long for."""

    def section(options: Options) -> Result:
        return _workloads(
            options, "Workloads", list(limits), lambda name, t: [ratio(name, t, "torch", 1 / limits[name])]
        )

    return section


def slices(options: Options) -> Result:
    """x[t] read in a loop of T steps."""
    table = report.Report(
        "The gradient through rows read one by one in a loop of T steps, per step", ["numpy", *options.chosen]
    )
    steps = (5, 10) if options.tiny else (50, 500, 5000)
    seconds: list[tuple[int, Timing]] = []
    for count in steps:
        calls = scaling.slice_loops(count, options.chosen)
        timings = timing.interleaved(calls, min(options.rounds, 5))
        table.add(f"T = {count}", timings, count)
        if "wengert" in timings:
            seconds.append((count, timings["wengert"]))
    goals = []
    for (few, short), (many, long) in itertools.pairwise(seconds):
        growth = (long.median / many) / (short.median / few)
        goals.append(Goal(f"time of a step at T = {many} over that at T = {few}", growth, 1.5))
    return [table], goals


def threads(options: Options) -> Result:
    """The same gradients, one after the other and in two threads."""
    table, goals = report.Report("Two gradients of array work", ["one thread", "two threads"], "one thread"), []
    for name, calls in scaling.thread_tasks(options.tiny).items():
        timings = timing.interleaved(calls, options.rounds)
        table.add(name, timings)
        goals.append(ratio(name, timings, "one thread", 1 / 1.8, "two threads"))
    return [table], goals


def long(options: Options) -> Result:
    """Each length in a process of its own."""
    return memory.long_chains((100, 1000) if options.tiny else (100_000, 1_000_000, 10_000_000))


def peak_memory(options: Options) -> Result:
    """Each library in a process of its own."""
    return memory.peaks(list(options.chosen), options.tiny)


SECTIONS: dict[str, Callable[[Options], Result]] = {
    "operations": operations,
    "chain": chain,
    "scalars": against_torch({"S1": 20, "S2": 20, "S3": 40, "R1": 8, "R2": 8}),
    "networks": against_torch({"R3-f64": 2, "R3-f32": 2, "M2-f64": 1.3, "M2-f32": 1.3, "M3-f64": 1.3, "M3-f32": 1.3}),
    "jacobians": against_torch({"J1h": 5, "J3": 5}),
    "slices": slices,
    "long": long,
    "threads": threads,
    "memory": peak_memory,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the chosen sections and prints their tables, then the goals."""
    parser = argparse.ArgumentParser(
        prog="python -m bench overhead", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=" ".join(SECTIONS))
    parser.add_argument("--libraries", nargs="+", default=["wengert"], metavar="NAME", help="beside NumPy")
    parser.add_argument("--peers", action="store_true", help="autograd and PyTorch too, if they are installed")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--tiny", action="store_true", help="tiny inputs, one round: does it run at all?")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    args = parser.parse_args(argv)
    unknown = set(args.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section is called {', '.join(sorted(unknown))}; there are {' '.join(SECTIONS)}")

    names = args.libraries + [p for p in libraries.installed() if args.peers and p in ("autograd", "torch")]
    chosen = {name: libraries.get(name) for name in dict.fromkeys(names)}
    options = Options(chosen, 1 if args.tiny else args.rounds, args.tiny)
    console = report.console()
    tables: list[report.Report | report.MemoryReport] = []
    goals: list[Goal] = []
    for name in args.sections or SECTIONS:
        with console.status(name):
            new_tables, new_goals = SECTIONS[name](options)
        for table in new_tables:
            console.print(table.render())
        tables += new_tables
        goals += new_goals
    if goals:
        console.print(render(goals))
    report.save(args.json, tables, goals)


if __name__ == "__main__":
    main()
