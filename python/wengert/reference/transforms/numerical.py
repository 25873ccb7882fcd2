"""Derivatives by differences: approximate, slow, and independent of every rule.  For checking, not for computing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..array.handle import raw
from ..levels import concrete
from .linearization import Inputs
from .trees import flatten, like


def numerical_gradient(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, step: float | None = None
) -> Callable[..., Any]:
    """A function that returns the derivatives of ``f`` by central differences: output shape + input shape.

    ``(f(x + h) - f(x - h)) / 2h`` has an error of order h² from the curve and of order ε/h from rounding; the default
    ``h = ε^(1/3) max(1, |x|)`` balances them, which leaves about ten correct digits.
    float32 arguments are evaluated in float64.

    >>> import wengert.reference as wr
    >>> abs(wr.numerical_gradient(lambda x: x**3)(2.0) - 12.0) < 1e-8
    True
    """

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        inputs = Inputs(args, argnums, "numerical_gradient")
        points = [np.array(concrete(value), float) for value in inputs.values]
        _, structure = flatten(f(*inputs.call_arguments(points), **kwargs))

        def outputs() -> list[Any]:
            leaves, _ = flatten(f(*inputs.call_arguments([point.copy() for point in points]), **kwargs))
            return [np.array(concrete(raw(leaf)), float) for leaf in leaves]

        shapes = [output.shape for output in outputs()]
        blocks = [[np.zeros(shape + point.shape) for point in points] for shape in shapes]
        for j, point in enumerate(points):
            for entry in np.ndindex(point.shape):
                center = point[entry]
                h = step if step is not None else np.cbrt(np.finfo(float).eps) * max(1.0, abs(center))
                upper, lower = center + h, center - h
                point[entry] = upper
                above = outputs()
                point[entry] = lower
                below = outputs()
                point[entry] = center
                for i in range(len(shapes)):
                    blocks[i][j][(..., *entry)] = (above[i] - below[i]) / (upper - lower)
        results = [
            inputs.result([like(block, model) for block, model in zip(row, inputs.models, strict=True)])
            for row in blocks
        ]
        return structure.unflatten(results)

    return run
