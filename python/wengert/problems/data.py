"""The problem set as data: inputs, programs and expected values, read from ``problems.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from wengert.problems.comparison import Tolerance

Argument = str | int | float


@dataclass(frozen=True)
class Step:
    """One line of a program: ``name = op(args)``; an argument is an input, an earlier step or a number."""

    name: str
    op: str
    args: tuple[Argument, ...]

    @property
    def parents(self) -> tuple[str, ...]:
        """The arguments that are nodes, each once, in order."""
        return tuple(dict.fromkeys(a for a in self.args if isinstance(a, str)))


@dataclass(frozen=True)
class Quantity:
    """One expected value: its key (unique in its problem), its kind, and what it refers to (``fields``)."""

    key: str
    kind: str
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    @property
    def value(self) -> np.ndarray:
        return np.asarray(self.fields["value"])

    @property
    def tolerance(self) -> Tolerance:
        """The tolerance of ``value``: the strict one where the problem set tells a stable implementation apart."""
        return Tolerance(self.fields.get("rtol_stable", self.fields.get("rtol", 0.0)), self.fields.get("atol", 0.0))

    @property
    def derivative_tolerance(self) -> Tolerance:
        """The tolerance of a ``point``'s derivative, gradient or Jacobian.

        The strict one for all functions but tanh, whose rule (1 - y)(1 + y) is written in the result y and so loses
        the digits that 1 - y loses: it has an absolute error of one unit in the last place of 1.
        """
        strict = "derivative_atol" if self.fields.get("fn") == "tanh" else "derivative_atol_stable"
        atol = self.fields.get(strict, self.fields.get("atol", 0.0))
        return Tolerance(self.fields.get("derivative_rtol", self.fields.get("rtol", 0.0)), atol)


@dataclass(frozen=True)
class Problem:
    """One problem: exact inputs, a program over them (or none, for function values) and its quantities."""

    id: str
    title: str
    inputs: Mapping[str, np.ndarray]
    differentiable: tuple[str, ...]
    program: tuple[Step, ...]
    outputs: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def step(self, name: str) -> Step:
        return next(step for step in self.program if step.name == name)

    def quantity(self, key: str) -> Quantity:
        """The quantity called ``key``; KeyError names the nearest ones otherwise."""
        for quantity in self.quantities:
            if quantity.key == key:
                return quantity
        raise KeyError(f"problem {self.id} has no quantity {key!r}; it has {[q.key for q in self.quantities]}")


def _parse(entry: Mapping[str, Any]) -> Problem:
    inputs = {
        name: np.array(spec["value"], dtype=spec["dtype"]).reshape(spec["shape"])
        for name, spec in entry.get("inputs", {}).items()
    }
    for value in inputs.values():
        value.setflags(write=False)
    known = {"id", "title", "inputs", "program", "outputs", "quantities"}
    return Problem(
        id=entry["id"],
        title=entry["title"],
        inputs=inputs,
        differentiable=tuple(name for name, spec in entry.get("inputs", {}).items() if spec["differentiable"]),
        program=tuple(Step(s["name"], s["op"], tuple(s["args"])) for s in entry.get("program", ())),
        outputs=tuple(entry.get("outputs", ())),
        quantities=tuple(Quantity(q["key"], q["kind"], q) for q in entry["quantities"]),
        extra={key: value for key, value in entry.items() if key not in known},
    )


@cache
def load() -> Mapping[str, Problem]:
    """Every problem by its id, in the order of the set.

    >>> from wengert.problems import load
    >>> load()["P2"].inputs["u1"].item()
    3.0
    """
    document = json.loads(files("wengert.problems").joinpath("problems.json").read_text(encoding="utf-8"))
    return {entry["id"]: _parse(entry) for entry in document["problems"]}


@cache
def meta() -> Mapping[str, Any]:
    """Conventions of the set: what each kind of quantity and each operation means."""
    document = json.loads(files("wengert.problems").joinpath("problems.json").read_text(encoding="utf-8"))
    return document["meta"]
