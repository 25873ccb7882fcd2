"""The quantities by forward mode: a tangent trace per direction, derivatives by columns."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from wengert.problems.data import Quantity
from wengert.problems.evaluator import Evaluator
from wengert.problems.program import Values, evaluate, step_function


class Forward(Evaluator):
    """Tangents of every node in one pass per direction; gradients, adjoints and Jacobians by columns."""

    def __init__(self, problem: Any, engine: Any) -> None:
        super().__init__(problem, engine)
        self._tangents: dict[str, Values] = {}
        self._columns: dict[str, Values] = {}

    def derivative(self, f: Any, x: Any) -> Any:
        return self.engine.jacfwd(f)(x)

    def tangents(self, direction: dict[str, Any]) -> Values:
        """Tangent of every node when the inputs move along ``direction`` (inputs not named stand still)."""
        key = json.dumps(direction, sort_keys=True)
        if key not in self._tangents:
            primals = self.differentiable_inputs()
            tangents = {
                name: np.asarray(direction.get(name, np.zeros_like(value)), dtype=float).reshape(value.shape)
                for name, value in primals.items()
            }
            steps = [step.name for step in self.problem.program]

            def f(inputs: Values) -> Values:
                nodes = evaluate(self.problem, self.engine, inputs)
                return {name: nodes[name] for name in steps}

            _, self._tangents[key] = self.engine.jvp(f, (primals,), (tangents,))
        return self._tangents[key]

    def columns(self, of: str) -> Values:
        """Derivative of node ``of`` with respect to every differentiable input and every node, column by column."""
        if of not in self._columns:

            def f(inputs: Values, offsets: Values) -> Any:
                return evaluate(self.problem, self.engine, inputs, offsets)[of]

            by_input, by_node = self.engine.jacfwd(f, argnums=(0, 1))(self.differentiable_inputs(), self.zero_offsets())
            self._columns[of] = {**by_input, **by_node}
        return self._columns[of]

    def tangent(self, quantity: Quantity) -> Any:
        return self.tangents(quantity["direction"])[quantity["node"]]

    def jvp(self, quantity: Quantity) -> Any:
        return self.tangents(quantity["direction"])[quantity["of"]]

    def derivative_of(self, of: str, wrt: str) -> Any:
        return self.columns(of)[wrt]

    def local_jacobian(self, quantity: Quantity) -> Any:
        f, x = step_function(self.problem, self.engine, self.problem.step(quantity["node"]), quantity["arg"])
        return self.engine.jacfwd(f)(x)
