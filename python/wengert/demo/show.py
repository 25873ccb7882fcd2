"""What the demo prints and draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

import wengert as wg
from wengert import problems
from wengert.demo import digits, training

# The columns of the problem set: title, engine, mode.
_CHECKS = (
    ("reverse", "wengert", "reverse"),
    ("forward", "wengert", "forward"),
    ("graph", "wengert", "graph"),
    ("reference", "reference", "reference"),
)
_SHOWN_FAILURES = 20


@dataclass
class Tally:
    """How the quantities of one problem came out for one engine."""

    passed: int = 0
    total: int = 0
    error: float = 0.0

    def __str__(self) -> str:
        return f"{self.passed}/{self.total}" if self.total else "-"


def tally(engine: str, mode: str) -> tuple[dict[str, Tally], list[str]]:
    """Checks every quantity that applies to `engine` and `mode`: a tally per problem, a line per failure."""
    # Values that a known mistake gives are there to be missed: how far is no error.
    data = problems.load().values()
    missed = {(problem.id, q.key) for problem in data for q in problem.quantities if q.kind == "must_differ"}
    tallies: dict[str, Tally] = {}
    failures: list[str] = []
    for problem, key, ok, error, detail in problems.check_all(engine, mode):
        entry = tallies.setdefault(problem, Tally())
        entry.total += 1
        entry.passed += ok
        if (problem, key) not in missed:
            entry.error = max(entry.error, error)
        if not ok:
            failures.append(f"{problem} {key} ({mode}): {detail}")
    return tallies, failures


def check_problems(console: Console) -> bool:
    """Prints one line a problem: how many of its quantities each engine gets right, and the largest error."""
    columns = []
    failures: list[str] = []
    for title, engine, mode in _CHECKS:
        with console.status(f"checking the problem set: {title}"):
            tallies, failed = tally(engine, mode)
        columns.append(tallies)
        failures += [f"{title}: {line}" for line in failed]

    table = Table("problem", *(title for title, _, _ in _CHECKS), "largest error", title="The problem set", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for problem in dict.fromkeys(name for column in columns for name in column):
        entries = [column.get(problem, Tally()) for column in columns]
        table.add_row(problem, *map(str, entries), f"{max(entry.error for entry in entries):.1e}")
    console.print(table)
    count = sum(entry.total for column in columns for entry in column.values())
    for line in failures[:_SHOWN_FAILURES]:
        console.print("failed:", line, style="red", markup=False, soft_wrap=True)
    if len(failures) > _SHOWN_FAILURES:
        console.print(f"… and {len(failures) - _SHOWN_FAILURES} more", style="red")
    console.print(f"{count - len(failures)} of {count} quantities agree with the exact values.\n")
    return not failures


def train_tasks(console: Console, epochs: int | None, seed: int) -> list[training.Run]:
    """Trains every network of the demo under a progress bar."""
    data = digits.load(seed)
    runs = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(
            "loss {task.fields[loss]:.4f}, held-out {task.fields[accuracy]:.1%}, {task.fields[step]:.0f} µs a step"
        ),
    )
    with Progress(*columns, console=console) as progress:
        for task in training.TASKS:
            total = epochs or task.epochs
            bar = progress.add_task(task.name, total=total, loss=float("nan"), accuracy=0.0, step=0.0)
            report = _reporter(progress, bar)
            runs.append(training.train(task, data, wg.value_and_grad(task.loss), total, seed, progress=report))
    return runs


def _reporter(progress: Progress, bar: int) -> Callable[[training.Run, int], None]:
    def report(run: training.Run, epoch: int) -> None:
        fields = {"loss": run.losses[-1], "accuracy": run.accuracy, "step": 1e6 * run.step_time}
        progress.update(bar, completed=epoch + 1, **fields)  # type: ignore[arg-type]

    return report


def summary(runs: list[training.Run]) -> Table:
    """The networks, what they learnt, and the time of a step beside the hand-written one."""
    table = Table(title="Handwritten digits, 1437 to learn from, 360 held out", box=None)
    table.add_column("network")
    for title in ("parameters", "loss", "held-out", "wengert", "by hand", "ratio", "difference"):
        table.add_column(title, justify="right")
    for run in runs:
        table.add_row(
            run.task.name,
            f"{sum(p.size for p in run.params.values())}",
            f"{run.losses[-1]:.4f}",
            f"{run.accuracy:.1%}",
            f"{1e6 * run.step_time:.0f} µs",
            f"{1e6 * run.step_time_by_hand:.0f} µs",
            f"{run.step_time / run.step_time_by_hand:.2f}",
            f"{run.largest_difference:.0e}",
        )
    table.caption = (
        "wengert, by hand: median time of a training step on 64 images, measured in turn in this run\n"
        "difference: the largest between the parameters trained by the one and by the other"
    )
    return table


def draw(runs: list[training.Run], out: Path) -> None:
    """Saves the loss curves, step by step, as a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * len(runs), 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(runs), squeeze=False, sharey=True)[0]
    for ax, run in zip(axes, runs, strict=True):
        ax.semilogy(run.losses, linewidth=2, label="wengert")
        ax.semilogy(run.losses_by_hand, linewidth=0.8, linestyle="--", color="black", label="by hand")
        ax.set(
            title=f"{run.task.name}: {run.accuracy:.1%} held out", xlabel="step", ylabel="cross-entropy of the batch"
        )
        ax.legend()
    figure.savefig(out, dpi=120)


def run(out: Path, epochs: int | None, seed: int) -> int:
    """The demo from end to end; 0 if all is well."""
    console = Console()
    fine = check_problems(console)
    runs = train_tasks(console, epochs, seed)
    console.print(summary(runs))
    for trained in runs:
        if trained.accuracy < trained.task.required_accuracy:
            console.print(f"[red]{trained.task.name} should reach {trained.task.required_accuracy:.0%} held out[/]")
            fine = False
    draw(runs, out)
    console.print(f"Loss curves: {out.resolve()}")
    return 0 if fine else 1
