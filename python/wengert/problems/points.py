"""Quantities without a program: function values and derivatives at one argument, limits, the kink of 3ReLU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.problems.comparison import Comparison, compare
from wengert.problems.data import Quantity
from wengert.problems.operations import OPERATIONS, relu3, softargmax_b, softmax_b

Derivative = Callable[[Any, Any], Any]  # of a function at a point, in the mode that is checked

TINY = 2.0**-1000  # the smallest distance from the kink that the set uses
HUGE_B = 2.0**1000  # b -> infinity: at this b the limits of the smooth maximum are reached exactly


def check_point(np_like: Any, derivative: Derivative, quantity: Quantity) -> Comparison:
    """Value and derivative (scalar derivative, gradient or Jacobian) of a function in its first argument."""
    operation = OPERATIONS[quantity["fn"]]
    first, *rest = quantity["args"]
    x = np.array(first, dtype=float)

    def f(t: Any) -> Any:
        return operation(np_like, t, *rest)

    value = compare(f(x), quantity.value, quantity.tolerance)
    if not value.ok:
        return value
    name = next(name for name in ("derivative", "gradient", "jacobian") if name in quantity.fields)
    outcome = compare(derivative(f, x), np.asarray(quantity[name]), quantity.derivative_tolerance)
    return Comparison(outcome.ok, max(value.error, outcome.error), outcome.detail and f"{name}: {outcome.detail}")


def limit(np_like: Any, quantity: Quantity) -> Any:
    """Softmax_b or Softargmax_b at a b so large that the limit is attained."""
    operation = softargmax_b if quantity.key.endswith("softargmax") else softmax_b
    return operation(np_like, np.array(quantity["args"]["e"]), HUGE_B)


def check_kink(np_like: Any, derivative: Derivative, quantity: Quantity) -> Comparison:
    """The one-sided derivatives of 3ReLU, its central difference at 0, and 0 inside the subdifferential."""

    def f(t: Any) -> Any:
        return relu3(np_like, t)

    left, right, middle = (float(derivative(f, np.array(at))) for at in (-TINY, TINY, 0.0))
    central = float(f(np.array(TINY)) - f(np.array(-TINY))) / (2 * TINY)
    low, high = quantity["subdifferential"]
    got = (left, right, central)
    want = (quantity["left_derivative"], quantity["right_derivative"], quantity["central_difference_any_h"])
    ok = got == want and low <= middle <= high
    error = float(max(abs(g - w) for g, w in zip(got, want, strict=True)))
    return Comparison(ok, error, "" if ok else f"got {got} and {middle} at 0, expected {want} and a value in [0, 3]")
