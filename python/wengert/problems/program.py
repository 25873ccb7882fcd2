"""Running a problem's program: the interpreter that turns its list of steps into NumPy code of an engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from wengert.problems.data import Problem, Step
from wengert.problems.operations import OPERATIONS

Values = dict[str, Any]


def apply_step(engine: Any, step: Step, values: Mapping[str, Any]) -> Any:
    """The value of one step, its arguments looked up in ``values`` (numbers stand for themselves)."""
    operands = [values[a] if isinstance(a, str) else a for a in step.args]
    return OPERATIONS[step.op](engine.numpy, *operands)


def evaluate(
    problem: Problem, engine: Any, values: Mapping[str, Any], offsets: Mapping[str, Any] | None = None
) -> Values:
    """Every node of the program by name, inputs included; ``values`` overrides the problem's inputs.

    ``offsets`` are added to the nodes they name as soon as these are computed. The derivative with respect to an
    offset of zero is the adjoint of its node.

    >>> import wengert.reference as engine
    >>> from wengert.problems import load
    >>> float(evaluate(load()["P2"], engine, {})["u5"])
    168.0
    """
    nodes: Values = {**problem.inputs, **values}
    for step in problem.program:
        value = engine.name(apply_step(engine, step, nodes), step.name)
        if offsets is not None and step.name in offsets:
            value = value + offsets[step.name]
        nodes[step.name] = value
    return nodes


def program_function(problem: Problem, engine: Any, wrt: tuple[str, ...] | None = None) -> Callable[..., Any]:
    """The program as a function of its differentiable inputs (or of ``wrt``), returning its output(s).

    The parameters carry the names of the inputs, so traces and graphs show them.

    >>> import wengert.reference as engine
    >>> from wengert.problems import load
    >>> float(program_function(load()["P2"], engine)(3.0, 4.0))
    168.0
    """
    names = problem.differentiable if wrt is None else wrt

    def run(*args: Any) -> Any:
        nodes = evaluate(problem, engine, dict(zip(names, args, strict=True)))
        results = tuple(nodes[name] for name in problem.outputs)
        return results[0] if len(results) == 1 else results

    run.__name__ = run.__qualname__ = problem.id.replace("-", "_").replace(".", "_")
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def step_function(problem: Problem, engine: Any, step: Step, arg: str) -> tuple[Callable[[Any], Any], np.ndarray]:
    """The function of one step in one of its arguments, the others held fixed, and that argument's value."""
    values = {name: np.asarray(value) for name, value in evaluate(problem, engine, {}).items()}
    return (lambda x: apply_step(engine, step, {**values, arg: x})), values[arg]


def input_values(problem: Problem) -> tuple[np.ndarray, ...]:
    """The differentiable inputs' values, in the order :func:`program_function` takes them."""
    return tuple(problem.inputs[name] for name in problem.differentiable)
