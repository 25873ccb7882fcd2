"""Checking an engine against the problem set: every quantity, in every mode that computes it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from wengert.problems.comparison import Comparison
from wengert.problems.data import Problem, Quantity, load
from wengert.problems.evaluator import Evaluator
from wengert.problems.forward import Forward
from wengert.problems.recorded import Recorded
from wengert.problems.reverse import Reverse

MODES: dict[str, type[Evaluator]] = {"reverse": Reverse, "forward": Forward, "graph": Recorded}
ENGINES = {"wengert": "wengert", "reference": "wengert.reference"}


class Result(NamedTuple):
    """One checked quantity; ``error`` is the largest absolute difference, ``detail`` says what went wrong."""

    problem: str
    key: str
    ok: bool
    error: float
    detail: str


def resolve_engine(engine: Any) -> Any:
    """The engine called ``"wengert"`` (compiled) or ``"reference"`` (NumPy); a module is taken as it is."""
    if not isinstance(engine, str):
        return engine
    if engine not in ENGINES:
        raise ValueError(f"no engine is called {engine!r}; there are {sorted(ENGINES)}")
    return import_module(ENGINES[engine])


def evaluators(problem: Problem, engine: Any, mode: str) -> list[Evaluator]:
    """The ways ``mode`` computes the problem; "reference" is all of them on the NumPy reference."""
    if mode == "reference":
        return [kind(problem, resolve_engine("reference")) for kind in MODES.values()]
    if mode not in MODES:
        raise ValueError(f"no mode is called {mode!r}; there are {[*MODES, 'reference']}")
    return [MODES[mode](problem, resolve_engine(engine))]


def covered(problem: Problem, engine: Any, mode: str) -> list[Quantity]:
    """The quantities of ``problem`` that ``mode`` computes."""
    ways = evaluators(problem, engine, mode)
    return [quantity for quantity in problem.quantities if any(way.covers(quantity) for way in ways)]


def check(problem: Problem, engine: Any = "wengert", mode: str = "reverse") -> Iterator[Result]:
    """Check the quantities of one problem that ``mode`` computes, one result each.

    An exception while computing a quantity is a failed result, not the end of the check.

    >>> from wengert.problems import check, load
    >>> all(result.ok for result in check(load()["P2"], "reference", "graph"))
    True
    """
    ways = evaluators(problem, engine, mode)
    for quantity in problem.quantities:
        way = next((way for way in ways if way.covers(quantity)), None)
        if way is None:
            continue
        try:
            outcome = way.check(quantity)
        except Exception as error:
            outcome = Comparison(False, float("inf"), f"{type(error).__name__}: {error}")
        yield Result(problem.id, quantity.key, outcome.ok, outcome.error, outcome.detail)


def check_all(engine: Any = "wengert", mode: str = "reverse") -> Iterator[Result]:
    """Check the whole problem set: (problem id, key, ok, max error, detail) for every quantity of ``mode``.

    Modes: "reverse" (eager reverse mode, training included), "forward" (tangents and columns), "graph" (the recorded
    graph: local Jacobians, paths, adjoints, tangents), "reference" (all three on the NumPy reference).
    """
    for problem in load().values():
        yield from check(problem, engine, mode)
