"""Tables for people, JSON for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.goals import Goal
from bench.timing import Timing

# What other programs do: measured when nothing of ours has run yet.
LOAD = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def duration(seconds: float) -> str:
    """Three digits and a unit: 12.3 µs."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1.0:
            return f"{_digits(seconds * scale)} {unit}"
    return f"{_digits(seconds * 1e9)} ns"


def _digits(x: float) -> str:
    return f"{x:.2f}" if x < 10 else f"{x:.1f}" if x < 100 else f"{x:.0f}"


def console() -> Console:
    """A console wide enough for the tables where the output is no terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=160)


class Report:
    """Collects rows of timings by contestant and prints them beside a baseline."""

    def __init__(self, title: str, contestants: list[str], baseline: str = "numpy"):
        self.title = title
        self.contestants = contestants
        self.baseline = baseline
        self.rows: list[dict[str, Any]] = []

    def add(self, name: str, timings: dict[str, Timing], per: int = 1) -> None:
        """One row; `per` divides the times, for workloads reported per operation."""
        seconds = {
            who: {"median": t.median / per, "fastest": t.fastest / per, "slowest": t.slowest / per}
            for who, t in timings.items()
        }
        self.rows.append({"name": name, "seconds": seconds})

    def cell(self, row: dict[str, Any], who: str) -> str:
        """The median, and in brackets the ratio to the baseline."""
        seconds = row["seconds"]
        if who not in seconds:
            return "-"
        text = duration(seconds[who]["median"])
        if who != self.baseline and self.baseline in seconds:
            ratio = seconds[who]["median"] / seconds[self.baseline]["median"]
            text += f" ({ratio:.2f}x)" if ratio < 100 else f" ({ratio:.0f}x)"
        return text

    def caption(self) -> str:
        """How to read the table, and whether to trust it."""
        text = f"median; in brackets the ratio to {self.baseline}: less is faster"
        if LOAD > 0.5:
            text += f"\nother programs kept {LOAD:.1f} cores busy when this began: the times are upper bounds"
        return text

    def render(self) -> Table:
        """The table: medians, and in brackets the ratio to the baseline."""
        table = Table(title=self.title, caption=self.caption())
        table.add_column("", no_wrap=True)
        for who in self.contestants:
            table.add_column(who, justify="right", no_wrap=True)
        for row in self.rows:
            table.add_row(row["name"], *(self.cell(row, who) for who in self.contestants))
        return table


class MemoryReport:
    """Bytes by library: held before, at the peak, and the difference."""

    def __init__(self, title: str):
        self.title = title
        self.rows: list[dict[str, Any]] = []

    def add(self, name: str, before: float, peak: float) -> None:
        self.rows.append({"name": name, "bytes": {"before": before, "peak": peak}})

    def render(self) -> Table:
        """The table, in MB."""
        table = Table(title=self.title)
        for column in ("", "before (MB)", "peak (MB)", "difference (MB)"):
            table.add_column(column, justify="right" if column else "left", no_wrap=True)
        for row in self.rows:
            before, peak = row["bytes"]["before"], row["bytes"]["peak"]
            table.add_row(row["name"], *(f"{b / 1e6:.0f}" for b in (before, peak, peak - before)))
        return table


def save(path: Path | None, reports: Sequence[Report | MemoryReport], goals: Sequence[Goal] = ()) -> None:
    """Writes all rows, the goals, the machine and the versions to a JSON file; nothing if `path` is None."""
    if path is None:
        return
    document: dict[str, Any] = {"machine": machine()}
    document["reports"] = [{"title": r.title, "rows": r.rows} for r in reports]
    document["goals"] = [{**asdict(g), "verdict": g.verdict} for g in goals]
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    versions = {}
    for package in ("wengert", "numpy", "scipy", "autograd", "torch", "jax", "mlx", "casadi"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": LOAD,
        "python": platform.python_version(),
        "versions": versions,
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
