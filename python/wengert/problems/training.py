"""The training loop of the problem set: predict, loss, backward (which accumulates), a step of gradient descent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.problems.data import Problem
from wengert.problems.program import Values, evaluate


@dataclass
class TrainingRun:
    """What the loop saw: one entry per step, and the loss after the last step as the last of ``losses``."""

    losses: list[np.ndarray] = field(default_factory=list)
    predictions: list[np.ndarray] = field(default_factory=list)
    gradients: list[Values] = field(default_factory=list)
    parameters: list[Values] = field(default_factory=list)


def _copies(values: Values) -> Values:
    return {name: np.array(value) for name, value in values.items()}


def train(
    problem: Problem, engine: Any, *, zero_grad: bool = True, steps: int | None = None, backwards: int = 1
) -> TrainingRun:
    """Run plain gradient descent on the problem's parameters in the PyTorch style.

    ``zero_grad=False`` never clears the gradient buffers. ``backwards`` is the number of backward() calls before
    each step; with ``steps=0`` only these are made and the buffers recorded.
    """
    rate = problem.extra["optimizer"]["lr"]
    total = problem.extra["optimizer"]["steps"] if steps is None else steps
    prediction = problem.program[-2].name
    parameters = {name: engine.array(problem.inputs[name], requires_grad=True) for name in problem.differentiable}
    run = TrainingRun()
    for _ in range(max(total, 1)):
        if zero_grad:
            for parameter in parameters.values():
                parameter.grad = None
        for _ in range(backwards):
            nodes = evaluate(problem, engine, parameters)
            loss = nodes[problem.outputs[0]]
            loss.backward()
        run.losses.append(np.array(loss.detach()))
        run.predictions.append(np.array(nodes[prediction].detach()))
        run.gradients.append(_copies({name: parameter.grad for name, parameter in parameters.items()}))
        if steps == 0:
            return run
        with engine.no_grad():
            for name in parameters:
                parameters[name] -= rate * parameters[name].grad
            run.parameters.append(_copies({name: p.detach() for name, p in parameters.items()}))
    run.losses.append(np.array(evaluate(problem, engine, parameters)[problem.outputs[0]].detach()))
    return run
