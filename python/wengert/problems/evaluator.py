"""What every way of computing a problem's quantities shares: one method per kind, and the trap values."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from wengert.problems import points
from wengert.problems.comparison import Comparison, compare
from wengert.problems.data import Problem, Quantity
from wengert.problems.program import Values, evaluate

# The engine's own result that each trap value must not be: (problem, trap) -> key of the right quantity.
COUNTERPARTS = {
    ("P3", "wrong/o_concat_log_softmax"): "primal/o",
    ("P4", "wrong/o_concat_log_softmax"): "primal/o",
    ("P5", "wrong/v3_exp_v5"): "primal/v3",
    ("P5", "wrong/v8_v5_plus_v7"): "primal/v8",
    ("P5", "wrong/adjoint_v2_exp4"): "adjoint/v2",
    ("P5", "wrong/adjoint_v5_cos_v5"): "adjoint/v5",
    ("P6", "wrong/tangent_v7_printed_rule"): "tangent/dx2/v7",
    ("P15", "wrong/dC_dyt_printed"): "adjoint/yt",
    ("P15", "wrong/dC_dW2_3relu_factor"): "grad/W2",
    ("P18", "wrong/product_order"): "grad/x",
    ("P18-equal", "wrong/elementwise_square"): "grad/x",
    ("P22", "wrong/dl1_dU_displayed_factors"): "jvp_eye/l1",
}


class Evaluator:
    """Computes the quantities of one problem with one engine; a method named as a kind computes that kind.

    Subclasses are the modes: what they have no method for, they do not cover.
    """

    def __init__(self, problem: Problem, engine: Any) -> None:
        self.problem = problem
        self.engine = engine

    def covers(self, quantity: Quantity) -> bool:
        """Whether this mode computes the quantity (a trap is covered where its counterpart is)."""
        if quantity.kind == "must_differ":
            return self.covers(self.counterpart(quantity))
        if quantity.kind in ("point", "info"):
            return type(self).derivative is not Evaluator.derivative
        return hasattr(self, quantity.kind)

    def counterpart(self, quantity: Quantity) -> Quantity:
        return self.problem.quantity(COUNTERPARTS[self.problem.id, quantity.key])

    def check(self, quantity: Quantity) -> Comparison:
        """Compute one quantity and compare it with its expected value."""
        if quantity.kind == "must_differ":
            got = self.compute(self.counterpart(quantity))
            same = compare(got, quantity.value, quantity.tolerance)
            return Comparison(not same.ok, same.error, f"equals the trap: {quantity['why']}" if same.ok else "")
        if quantity.kind == "point":
            return points.check_point(self.engine.numpy, self.derivative, quantity)
        if quantity.kind == "info":
            return points.check_kink(self.engine.numpy, self.derivative, quantity)
        return compare(self.compute(quantity), quantity.value, quantity.tolerance)

    def compute(self, quantity: Quantity) -> Any:
        return getattr(self, quantity.kind)(quantity)

    def derivative(self, f: Any, x: Any) -> Any:
        """Derivative of ``f`` at ``x`` in this mode, of shape shape(f(x)) + shape(x)."""
        raise NotImplementedError

    def derivative_of(self, of: str, wrt: str) -> Any:
        """Derivative of node ``of`` with respect to an input or node, of shape shape(of) + shape(wrt)."""
        raise NotImplementedError

    @cached_property
    def nodes(self) -> Values:
        """Every node's value."""
        return {name: np.asarray(value) for name, value in evaluate(self.problem, self.engine, {}).items()}

    def differentiable_inputs(self) -> Values:
        return {name: self.problem.inputs[name] for name in self.problem.differentiable}

    def zero_offsets(self) -> Values:
        """Offsets of -0.0, which leave every value as it is, signed zeros included."""
        return {step.name: np.full_like(self.nodes[step.name], -0.0) for step in self.problem.program}

    def limit(self, quantity: Quantity) -> Any:
        return points.limit(self.engine.numpy, quantity)

    def primal(self, quantity: Quantity) -> Any:
        return self.nodes[quantity["node"]]

    def gradient(self, quantity: Quantity) -> Any:
        return self.derivative_of(quantity["of"], quantity["wrt"])

    def jacobian(self, quantity: Quantity) -> Any:
        """As gradient; with respect to a list of scalars, one column each."""
        if isinstance(quantity["wrt"], str):
            return self.gradient(quantity)
        columns = [np.asarray(self.derivative_of(quantity["of"], name)) for name in quantity["wrt"]]
        return np.stack(columns, axis=-1)

    def adjoint(self, quantity: Quantity) -> Any:
        return self.derivative_of(quantity["of"], quantity["node"])

    adjoint_closed_form = adjoint

    def shape(self, quantity: Quantity) -> Any:
        return np.shape(self.gradient(quantity))
