"""`python -m bench run`: the workloads S1 to E2, checked against the hand-written derivative, then timed in turn."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.live import Live

from bench import libraries, report, timing
from bench.case import Case, disagreement, tolerance
from bench.libraries.library import Library
from bench.workloads import CASES


def contestants(case: Case, chosen: dict[str, Library], tiny: bool = False) -> dict[str, Callable[[], Any]]:
    """One ready call for NumPy by hand and for every library that does `case`.

    Raises AssertionError if a library disagrees with the hand-written derivative.
    """
    want = case.by_hand(*case.inputs(tiny))
    calls: dict[str, Callable[[], Any]] = {"numpy": partial(case.by_hand, *case.inputs(tiny))}
    for name, library in chosen.items():
        if name in case.without and not tiny:
            continue
        inputs = case.inputs(tiny)
        try:
            call = library.prepare(case, inputs)
        except NotImplementedError:
            continue
        error = disagreement(library.numpy(call()), want)
        if not error <= max(tolerance(inputs), library.accuracy):
            raise AssertionError(f"{case.name}: {name} differs from the hand-written derivative by {error:.1e}")
        calls[name] = call
    return calls


def main(argv: Sequence[str] | None = None) -> None:
    """Times the chosen workloads and prints one table."""
    parser = argparse.ArgumentParser(prog="python -m bench run", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"default: all of {' '.join(CASES)}")
    parser.add_argument("--libraries", nargs="+", default=["wengert"], metavar="NAME", help="beside NumPy by hand")
    parser.add_argument("--peers", action="store_true", help="all libraries that are installed")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--tiny", action="store_true", help="tiny inputs: does it run at all?")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    args = parser.parse_args(argv)
    unknown = set(args.cases) - set(CASES)
    if unknown:
        parser.error(f"no workload is called {', '.join(sorted(unknown))}; there are {' '.join(CASES)}")

    strange = set(args.libraries) - set(libraries.installed())
    if strange:
        parser.error(f"not installed: {', '.join(sorted(strange))}; there are {' '.join(libraries.installed())}")

    names = args.libraries + [p for p in libraries.installed() if args.peers and p in libraries.PEERS]
    chosen = {name: libraries.get(name) for name in dict.fromkeys(names)}
    table = report.Report("Workloads", ["numpy", *chosen])
    with Live(table.render(), console=report.console(), auto_refresh=False) as live:
        for name in args.cases or CASES:
            case = CASES[name]
            calls = contestants(case, chosen, args.tiny)
            table.add(name, timing.interleaved(calls, args.rounds), 1 if args.tiny else case.per)
            live.update(table.render(), refresh=True)
    report.save(args.json, [table])


if __name__ == "__main__":
    main()
