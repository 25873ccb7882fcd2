"""Directed paths through a graph, and the product of the local Jacobians along each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from wengert.trace.expression import abbreviate
from wengert.trace.steps import Steps

LocalJacobian = Callable[[str, str], np.ndarray]  # of a node by one of its direct arguments


class TooManyPaths(ValueError):
    """There are more paths than the limit."""


@dataclass(frozen=True)
class Path:
    """One directed path: the names of its nodes from input to output, and its Jacobian product."""

    nodes: tuple[str, ...]
    product: np.ndarray

    def __str__(self) -> str:
        return f"{' -> '.join(self.nodes)}  {abbreviate(self.product)}"


class Paths(Sequence[Path]):
    """The paths from some nodes to one output. Their products add up to the derivative: :meth:`sum`."""

    def __init__(self, paths: Sequence[Path], zeros: Mapping[str, np.ndarray]) -> None:
        self._paths = tuple(paths)
        self._zeros = dict(zeros)

    @property
    def counts(self) -> dict[str, int]:
        """The number of paths from each starting node."""
        return {name: len(self.starting_at(name)) for name in self._zeros}

    def starting_at(self, name: str) -> tuple[Path, ...]:
        """The paths that start at ``name``."""
        if name not in self._zeros:
            raise KeyError(f"no path was asked for from {name!r}; the starting nodes are {', '.join(self._zeros)}")
        return tuple(path for path in self._paths if path.nodes[0] == name)

    def sum(self) -> Any:
        """The sum of the products: an array for one starting node, otherwise a dict of arrays by name."""
        totals = {
            name: np.add.reduce([path.product for path in self.starting_at(name)] or [zero])
            for name, zero in self._zeros.items()
        }
        return next(iter(totals.values())) if len(totals) == 1 else totals

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._paths)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Path, ...]: ...
    def __getitem__(self, index: int | slice) -> Path | tuple[Path, ...]:
        return self._paths[index]

    def __str__(self) -> str:
        width = max((len(" -> ".join(path.nodes)) for path in self._paths), default=0)
        return "\n".join(f"{' -> '.join(path.nodes):{width}}  {abbreviate(path.product)}" for path in self._paths)

    __repr__ = __str__


def count_paths(steps: Steps, wrt: str, of: str) -> int:
    """Number of directed paths from ``wrt`` to ``of``: the counts of the arguments, added up node by node."""
    counts: dict[str, int] = {}
    for node in steps:
        found = 1 if node.name == wrt else sum(counts[arg] for arg in node.args)
        counts[node.name] = found if node.node.differentiable else 0
        if node.name == of:
            break
    return counts.get(of, 0)


def list_paths(steps: Steps, local_jacobian: LocalJacobian, sources: list[str], of: str, limit: int) -> Paths:
    """The paths from each of ``sources`` to ``of`` with their products."""
    total = sum(count_paths(steps, source, of) for source in sources)
    if total > limit:
        raise TooManyPaths(
            f"there are {total} paths from {', '.join(sources)} to {of}, more than limit={limit}: pass a larger limit, "
            "or use count_paths and gradient, which need no list"
        )
    found = [path for source in sources for path in _walk(steps, local_jacobian, source, of)]
    zeros = {source: np.zeros(steps[of].shape + steps[source].shape) for source in sources}
    return Paths(found, zeros)


def _walk(steps: Steps, local_jacobian: LocalJacobian, source: str, of: str) -> Iterator[Path]:
    """Every path back from ``of`` to ``source``, depth first; the product grows by one local Jacobian a step."""
    reachable = _downstream(steps, source)
    shape = steps[of].shape
    identity = np.eye(steps[of].value.size).reshape(shape + shape)
    pending: list[tuple[tuple[str, ...], np.ndarray]] = [((of,), identity)] if of in reachable else []
    while pending:
        nodes, product = pending.pop()
        last = steps[nodes[0]]
        if last.name == source:
            yield Path(nodes, product)
            continue
        for arg in reversed(last.args):
            if arg in reachable:
                local = local_jacobian(last.name, arg)
                pending.append(((arg, *nodes), np.tensordot(product, local, axes=len(last.shape))))


def _downstream(steps: Steps, source: str) -> set[str]:
    """The real nodes that depend on ``source`` through real nodes, and itself."""
    reachable = {source}
    for node in steps:
        if node.node.differentiable and not reachable.isdisjoint(node.args):
            reachable.add(node.name)
    return reachable
