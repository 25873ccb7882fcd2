"""What the eager engine promises, beside what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from bench.timing import Timing


@dataclass(frozen=True)
class Goal:
    """`measured` must not exceed `limit`; None: what it is compared with is not there. Ratios have no unit."""

    what: str
    measured: float | None
    limit: float
    unit: str = ""

    @property
    def verdict(self) -> str:
        """held, missed or not measured."""
        return "not measured" if self.measured is None else "held" if self.measured <= self.limit else "missed"


def ratio(what: str, timings: dict[str, Timing], peer: str, limit: float, who: str = "wengert") -> Goal:
    """The time of `who` over that of `peer`, by the medians of one run."""
    measured = timings[who].median / timings[peer].median if peer in timings else None
    return Goal(f"{what}: time over that of {peer}", measured, limit)


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit:
        return f"{value:.4g} {unit}"
    return f"1/{1 / value:.3g}" if value < 0.5 else f"{value:.3g}"


def render(goals: list[Goal]) -> Table:
    """The table of goals."""
    table = Table(title="Goals")
    for column, justify in (("", "left"), ("measured", "right"), ("at most", "right"), ("", "left")):
        table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for g in goals:
        table.add_row(g.what, _shown(g.measured, g.unit), _shown(g.limit, g.unit), g.verdict)
    return table
