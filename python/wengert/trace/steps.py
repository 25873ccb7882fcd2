"""The steps of a recording that people see: all of them, or only the inputs, the named nodes and the outputs.

A step hides the unnamed nodes between itself and its direct arguments; these belong to its own formula.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wengert.trace.expression import abbreviate, formula
from wengert.trace.recording import Node, Recording, short_names


@dataclass(frozen=True, repr=False)
class Step:
    """A visible node: its name, its direct visible arguments and its formula in them."""

    position: int
    symbol: str  # v0, v1, ... in the order of the listing
    name: str  # its label, its parameter, or its symbol
    kind: str  # "input", "constant", "intermediate" or "output"
    expression: str
    args: tuple[str, ...]
    node: Node

    @property
    def value(self) -> np.ndarray:
        return self.node.value

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.value.shape

    @property
    def location(self) -> str | None:
        """The user's line that computed it, ``"file.py:12"``, when the engine knows."""
        return self.node.location

    def __repr__(self) -> str:
        return f"<{self.name}: {self.expression}; value {abbreviate(self.value)}>"


class Steps:
    """The visible steps of a recording, in order, found by name (or position)."""

    def __init__(self, recording: Recording, named: bool) -> None:
        self.recording = recording
        self.indices = _visible(recording, named)
        self.prefix = _free_prefix({node.label for node in recording.nodes if node.label} | set(recording.input_names))
        self.names = _names(recording, self.indices, named, self.prefix)
        visible = frozenset(self.indices)
        self._arguments = {index: _arguments(recording, index, visible) for index in self.indices}
        self.steps = tuple(self._step(position, index) for position, index in enumerate(self.indices))
        self._by_name = {step.name: step for step in self.steps}
        self._aliases = {**{step.symbol: step.name for step in self.steps}, **self._input_aliases()}

    def _step(self, position: int, index: int) -> Step:
        recording, node = self.recording, self.recording.nodes[index]
        if index in recording.inputs:
            kind, text = "input", "input"
        elif not self._arguments[index]:
            kind, text = "constant", "constant"
        else:
            kind = "output" if index in recording.outputs else "intermediate"
            text = formula(recording, index, self.names)
        args = tuple(self.names[arg] for arg in self._arguments[index])
        return Step(position, f"{self.prefix}{position}", self.names[index], kind, text, args, node)

    def _input_aliases(self) -> dict[str, str]:
        """Other names of inputs: the parameter's name behind a label, the last key of a leaf in a tree."""
        recording = self.recording
        aliases = {
            parameter: self.names[index]
            for parameter, index in zip(recording.input_names, recording.inputs, strict=True)
        }
        for short, parameter in short_names(recording.input_names).items():
            aliases.setdefault(short, aliases[parameter])
        return aliases

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __getitem__(self, name: str | int) -> Step:
        if isinstance(name, int | np.integer):
            return self.steps[name]
        if name not in self._by_name and name in self._aliases:
            name = self._aliases[name]
        if name not in self._by_name:
            raise KeyError(f"no node is called {name!r}; the nodes are {', '.join(self._by_name)}")
        return self._by_name[name]

    @property
    def outputs(self) -> tuple[Step, ...]:
        return tuple(self._by_name[self.names[index]] for index in dict.fromkeys(self.recording.outputs))

    @property
    def inputs(self) -> tuple[Step, ...]:
        return tuple(self._by_name[self.names[index]] for index in self.recording.inputs)

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """(argument, step) for every direct dependence."""
        return tuple((arg, step.name) for step in self.steps for arg in step.args)

    def users(self, name: str) -> tuple[Step, ...]:
        """The steps that have ``name`` as a direct argument."""
        name = self[name].name
        return tuple(step for step in self.steps if name in step.args)

    def output(self, of: str | None) -> Step:
        """The node called ``of``, or the only output."""
        if of is not None:
            return self[of]
        if len(self.outputs) != 1:
            names = ", ".join(step.name for step in self.outputs)
            raise ValueError(f"the function has {len(self.outputs)} outputs ({names}): say which with of=")
        return self.outputs[0]


def has_names(recording: Recording) -> bool:
    """Whether the function named any of its intermediate values."""
    return any(node.label is not None and node.index not in recording.inputs for node in recording.nodes)


def _visible(recording: Recording, named: bool) -> tuple[int, ...]:
    ends = {*recording.inputs, *recording.outputs}
    return tuple(
        node.index
        for node in recording.nodes
        if node.index in ends or node.label is not None or (not named and node.index in recording.active)
    )


def _arguments(recording: Recording, index: int, visible: frozenset[int]) -> tuple[int, ...]:
    """The visible nodes that ``index`` is a function of, in the order in which its formula reads them."""
    found: dict[int, None] = {}
    seen: set[int] = set()
    pending = list(reversed(recording.nodes[index].args)) if index in recording.active else []
    while pending:
        arg = pending.pop()
        if arg in visible:
            found[arg] = None
        elif arg not in seen and arg in recording.active:
            seen.add(arg)
            pending.extend(reversed(recording.nodes[arg].args))
    return tuple(found)


def _names(recording: Recording, indices: tuple[int, ...], named: bool, prefix: str) -> dict[int, str]:
    """A unique name per visible node: label, parameter name, or v0, v1, ... (``output`` among named nodes)."""
    parameters = dict(zip(recording.inputs, recording.input_names, strict=True))
    chosen = {index: recording.nodes[index].label or parameters.get(index) for index in indices}
    repeated: Counter[str] = Counter()
    names = {}
    for position, index in enumerate(indices):
        name = chosen[index]
        if name is None:
            name = _output_name(recording, index) if named else f"{prefix}{position}"
        repeated[name] += 1
        names[index] = name if repeated[name] == 1 else f"{name}#{repeated[name]}"
    return names


def _output_name(recording: Recording, index: int) -> str:
    return "output" if len(recording.outputs) == 1 else f"output[{recording.outputs.index(index)}]"


def _free_prefix(taken: set[str]) -> str:
    """The first letter such that letter + number is no name the user gave."""
    for prefix in "vwtsn":
        if not any(re.fullmatch(rf"{prefix}\d+", name) for name in taken):
            return prefix
    return "_"
