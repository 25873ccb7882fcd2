"""The quantities from the recorded graph: local Jacobians, paths, adjoints and tangents as people see them."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import numpy as np

from wengert.problems.data import Quantity
from wengert.problems.evaluator import Evaluator
from wengert.problems.program import input_values, program_function
from wengert.trace import Graph, Trace, graph, trace


class Recorded(Evaluator):
    """One recording of the program, read as an evaluation trace and as a computational graph of its named nodes."""

    def __init__(self, problem: Any, engine: Any) -> None:
        super().__init__(problem, engine)
        self._traces: dict[str, Trace] = {}

    @cached_property
    def graph(self) -> Graph:
        return graph(program_function(self.problem, self.engine), *input_values(self.problem), engine=self.engine)

    def traced(self, direction: dict[str, Any]) -> Trace:
        key = json.dumps(direction, sort_keys=True)
        if key not in self._traces:
            tangents = tuple(
                np.asarray(direction.get(name, np.zeros_like(value)), dtype=float)
                for name, value in self.differentiable_inputs().items()
            )
            f = program_function(self.problem, self.engine)
            self._traces[key] = trace(f, *input_values(self.problem), tangents=tangents, engine=self.engine)
        return self._traces[key]

    def primal(self, quantity: Quantity) -> Any:
        return self.graph[quantity["node"]].value

    def local_jacobian(self, quantity: Quantity) -> Any:
        return self.graph.local_jacobian(quantity["node"], quantity["arg"])

    def derivative_of(self, of: str, wrt: str) -> Any:
        return self.graph.gradient(wrt, of=of)

    def path_count(self, quantity: Quantity) -> Any:
        return self.graph.count_paths(quantity["wrt"], of=quantity["of"])

    def path_product(self, quantity: Quantity) -> Any:
        paths = self.graph.paths(quantity["wrt"], of=quantity["of"])
        return next(path.product for path in paths if list(path.nodes) == quantity["path"])

    def gradient_part(self, quantity: Quantity) -> Any:
        """One use of the shared U: the sum of the paths that enter the network at step t."""
        t = quantity.key.rsplit("/", 1)[1]
        paths = self.graph.paths(quantity["wrt"], of=quantity["of"])
        return sum(path.product for path in paths if path.nodes[1] == f"hbar{t}")

    def tangent(self, quantity: Quantity) -> Any:
        return self.traced(quantity["direction"])[quantity["node"]].tangent

    def jvp(self, quantity: Quantity) -> Any:
        return self.traced(quantity["direction"])[quantity["of"]].tangent
