"""The evaluation trace: the textbook table of elementary steps with primal, tangent and adjoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert.trace.custom_rules import warn_of_custom_rules
from wengert.trace.derivatives import adjoints_of, tangents_of
from wengert.trace.expression import abbreviate
from wengert.trace.recording import Recording, record
from wengert.trace.steps import Step, Steps


@dataclass(frozen=True, repr=False)
class Row:
    """One line of the trace. ``tangent`` and ``adjoint`` are None for integer values and where not asked for."""

    step: Step
    tangent: np.ndarray | None
    adjoint: np.ndarray | None

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def expression(self) -> str:
        """The formula in the names of the other rows; "input" for an input."""
        return self.step.expression

    @property
    def value(self) -> np.ndarray:
        """The primal value."""
        return self.step.value

    @property
    def location(self) -> str | None:
        """The user's line, ``"file.py:12"``."""
        return self.step.location

    def __repr__(self) -> str:
        columns = {"value": self.value, "tangent": self.tangent, "adjoint": self.adjoint}
        shown = [f"{name} {abbreviate(value)}" for name, value in columns.items() if value is not None]
        return f"<{self.name}: {self.expression}; {', '.join(shown)}>"


class Trace:
    """The steps of one run in order. Prints as a table; rows are found by name or number: ``t["h1"].adjoint``."""

    def __init__(
        self,
        recording: Recording,
        named: bool,
        tangents: Mapping[int, np.ndarray] | None,
        adjoints: Mapping[int, np.ndarray] | None,
    ) -> None:
        self.recording = recording
        self._tangents, self._adjoints = tangents, adjoints
        self._steps = Steps(recording, named)
        self.rows = tuple(
            Row(step, (tangents or {}).get(step.node.index), (adjoints or {}).get(step.node.index))
            for step in self._steps
        )

    @property
    def value(self) -> Any:
        """The function's result, with NumPy arrays for leaves."""
        return self.recording.value()

    def named(self) -> Trace:
        """The same trace with the inputs, the nodes named with ``name`` and the outputs only."""
        return Trace(self.recording, True, self._tangents, self._adjoints)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: str | int) -> Row:
        return self.rows[self._steps[name].position]

    def __str__(self) -> str:
        """The table: v_i, name, expression, primal, and tangent and adjoint where they were computed."""
        header = [f"{self._steps.prefix}_i", "name", "expression", "primal"]
        header += ["tangent"] * (self._tangents is not None) + ["adjoint"] * (self._adjoints is not None)
        lines = [header, *(self._cells(row) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        text.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(line.rstrip() for line in text)

    __repr__ = __str__

    def _cells(self, row: Row) -> list[str]:
        name = "" if row.name == row.step.symbol else row.name
        cells = [row.step.symbol, name, row.expression, abbreviate(row.value)]
        if self._tangents is not None:
            cells.append(abbreviate(row.tangent))
        if self._adjoints is not None:
            cells.append(abbreviate(row.adjoint))
        return cells


def trace(
    f: Callable[..., Any],
    *args: Any,
    tangents: Any = None,
    cotangent: Any = None,
    engine: Any = None,
    **kwargs: Any,
) -> Trace:
    """The evaluation trace of ``f(*args, **kwargs)``: every elementary step with its primal, tangent and adjoint.

    Arguments that are no numbers or arrays, and keyword arguments, are passed on as they are.
    ``tangents`` gives the direction of forward mode: a tuple with one entry per argument, or a dict from input
    names to tangents (inputs left out stand still). Without it there is no tangent column. ``cotangent`` weighs the
    outputs for reverse mode and defaults to 1 for a single scalar output; for any other output there is no adjoint
    column without it. Use ``wengert.name(value, "h1")`` inside ``f`` to name a step. ``engine`` is the module that
    records and differentiates, ``wengert`` by default.

    Functions with a ``custom_vjp`` or ``custom_jvp`` rule appear as the steps inside them; where the rule gives another
    derivative than these steps, a :class:`CustomRuleWarning` says so.

    >>> import wengert as wg, wengert.numpy as wnp
    >>> def f(x1, x2):
    ...     return wnp.exp(2 * x2) + x1 * wnp.sin(3 * x2**2)
    >>> t = wg.trace(f, 2.0, 1.0, tangents={"x2": 1.0})
    >>> float(t["x2"].adjoint) == float(t.rows[-1].tangent)
    True
    """
    recording = record(f, args, engine, kwargs)
    columns = tangents_of(recording, tangents), adjoints_of(recording, cotangent)
    if columns != (None, None):
        warn_of_custom_rules(recording)
    return Trace(recording, False, *columns)
