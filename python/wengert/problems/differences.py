"""The gradient check of the problem set: the engine's derivative against central differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.problems.data import Problem
from wengert.problems.program import input_values, program_function

STEP = 2.0**-17  # a power of two, so that the dyadic data are perturbed without rounding


def gradient_error(problem: Problem, engine: Any, step: float = STEP) -> float:
    """Largest difference between the engine's gradient (reverse mode) and central differences, over all inputs."""
    f, values = program_function(problem, engine), input_values(problem)
    transform = engine.grad if np.ndim(f(*values)) == 0 else engine.jacrev
    exact = transform(f, argnums=tuple(range(len(values))))(*values)
    worst = 0.0
    for k, value in enumerate(values):
        for index in np.ndindex(value.shape):
            moved = []
            for sign in (1.0, -1.0):
                argument = value.copy()
                argument[index] += sign * step
                moved.append(np.asarray(f(*values[:k], argument, *values[k + 1 :])))
            difference = (moved[0] - moved[1]) / (2 * step)
            worst = max(worst, float(np.max(np.abs(difference - np.asarray(exact[k])[(..., *index)]))))
    return worst
