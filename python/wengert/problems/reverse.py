"""The quantities by eager reverse mode: one sweep per output gives every gradient and every adjoint."""

from __future__ import annotations

import re
from functools import reduce
from typing import Any

import numpy as np

from wengert.problems.data import Quantity
from wengert.problems.evaluator import Evaluator
from wengert.problems.operations import bce
from wengert.problems.program import Values, evaluate, program_function, step_function
from wengert.problems.training import TrainingRun, train


class Reverse(Evaluator):
    """Gradients, adjoints, Jacobians by rows, path products of pulled-back Jacobians, training with backward()."""

    def __init__(self, problem: Any, engine: Any) -> None:
        super().__init__(problem, engine)
        self._sweeps: dict[str, Values] = {}
        self._runs: dict[bool, TrainingRun] = {}

    def derivative(self, f: Any, x: Any) -> Any:
        transform = self.engine.grad if np.ndim(f(x)) == 0 else self.engine.jacrev
        return transform(f)(x)

    def sweep(self, of: str) -> Values:
        """Derivative of node ``of`` with respect to every differentiable input and every node."""
        if of not in self._sweeps:

            def f(inputs: Values, offsets: Values) -> Any:
                return evaluate(self.problem, self.engine, inputs, offsets)[of]

            transform = self.engine.grad if self.nodes[of].ndim == 0 else self.engine.jacrev
            by_input, by_node = transform(f, argnums=(0, 1))(self.differentiable_inputs(), self.zero_offsets())
            self._sweeps[of] = {**by_input, **by_node}
        return self._sweeps[of]

    def derivative_of(self, of: str, wrt: str) -> Any:
        return self.sweep(of)[wrt]

    def local_jacobian(self, quantity: Quantity) -> Any:
        return self._local(quantity["node"], quantity["arg"])

    def _local(self, node: str, arg: str) -> Any:
        return self.engine.jacrev(step_function(self.problem, self.engine, self.problem.step(node), arg)[0])(
            self.nodes[arg]
        )

    def path_product(self, quantity: Quantity) -> Any:
        """The local Jacobians along the path, multiplied from the output back to the input."""
        nodes = quantity["path"]
        product = np.asarray(self._local(nodes[-1], nodes[-2]))
        for node, arg in zip(nodes[-2:0:-1], nodes[-3::-1], strict=True):
            product = np.tensordot(product, np.asarray(self._local(node, arg)), axes=self.nodes[node].ndim)
        return product

    def vjp(self, quantity: Quantity) -> Any:
        f = program_function(self.problem, self.engine, tuple(quantity["wrt"]))
        _, pullback = self.engine.vjp(f, *(self.problem.inputs[name] for name in quantity["wrt"]))
        return np.stack([np.asarray(entry) for entry in pullback(np.array(quantity["cotangent"]))])

    def gradient_part(self, quantity: Quantity) -> Any:
        """One use of the shared U: outer(dL/dhbar_t, x_t), with the engine's adjoint."""
        t = quantity.key.rsplit("/", 1)[1]
        return np.multiply.outer(np.asarray(self.sweep(quantity["of"])[f"hbar{t}"]), self.problem.inputs[f"x{t}"])

    def info_gradient(self, quantity: Quantity) -> Any:
        """The gradient of binary cross-entropy averaged over its K terms, with respect to the predictions."""
        y = self.problem.inputs["y"]
        return self.engine.grad(lambda p: bce(self.engine.numpy, p, y) / y.size)(self.nodes["yt"])

    def info_value(self, quantity: Quantity) -> Any:
        """Softmax_b(e) - max(e)."""
        return self.nodes["S"] - np.max(self.problem.inputs["e"])

    def primal_part(self, quantity: Quantity) -> Any:
        """A sub-expression of the program: a product ``U @ x0``, a sum ``l0 + l1``, or ``log_softmax(mu1)``."""
        np_like, expression = self.engine.numpy, quantity["expr"]
        if match := re.fullmatch(r"log_softmax\((\w+)\)", expression):
            return np_like.log_softmax(self.nodes[match[1]])
        operator, function = (" @ ", np_like.matmul) if "@" in expression else (" + ", np_like.add)
        return reduce(function, (self.nodes[name] for name in expression.split(operator)))

    def run(self, zero_grad: bool) -> TrainingRun:
        if zero_grad not in self._runs:
            self._runs[zero_grad] = train(self.problem, self.engine, zero_grad=zero_grad)
        return self._runs[zero_grad]

    def train_loss(self, quantity: Quantity) -> Any:
        return self.run(True).losses[quantity["step"]]

    def train_prediction(self, quantity: Quantity) -> Any:
        return self.run(True).predictions[quantity["step"]]

    def train_grad(self, quantity: Quantity) -> Any:
        return self.run(True).gradients[quantity["step"]][quantity["wrt"]]

    def train_param(self, quantity: Quantity) -> Any:
        return self.run(True).parameters[quantity["step"]][quantity["wrt"]]

    def train_loss_no_zero_grad(self, quantity: Quantity) -> Any:
        return self.run(False).losses[quantity["step"]]

    def train_grad_no_zero_grad(self, quantity: Quantity) -> Any:
        return self.run(False).gradients[quantity["step"]][quantity["wrt"]]

    def train_param_no_zero_grad(self, quantity: Quantity) -> Any:
        return self.run(False).parameters[quantity["step"]][quantity["wrt"]]

    def accumulate_twice(self, quantity: Quantity) -> Any:
        return train(self.problem, self.engine, zero_grad=False, steps=0, backwards=2).gradients[0][quantity["wrt"]]
