"""Elementwise functions of two operands.  Broadcasting is handled in `declare`."""

# A rule may mention the primitive it belongs to, of which mypy then knows no type.
# mypy: disable-error-code="has-type"
from __future__ import annotations

from typing import Any

import numpy as np

from .declare import elementwise, strong
from .elementwise import floor, isinf, log, sigmoid
from .logical import equal, greater, logical_and, where

# fmt: off
add = elementwise("add", np.add, (1, 1), (1, 1), arity=2)
subtract = elementwise("subtract", np.subtract, (1, -1), (1, -1), arity=2)
multiply = elementwise("multiply", np.multiply, (lambda y, a, b: b, lambda y, a, b: a),
                       (lambda y, a, b: b, lambda y, a, b: a), arity=2)
divide = elementwise("divide", np.true_divide, (lambda y, a, b: 1 / b, lambda y, a, b: (1 / b, -(a / b))),
                     (lambda y, a, b: 1 / b, lambda y, a, b: (1 / b, -y)), arity=2)
# fmt: on


def strong_product(a: Any, b: Any) -> Any:
    return np.where((np.asarray(a) == 0) | (np.asarray(b) == 0), 0, np.multiply(a, b)).astype(np.result_type(a, b))


strong_multiply = elementwise(
    "strong_multiply",
    strong_product,
    (lambda y, a, b: b, lambda y, a, b: a),
    (lambda y, a, b: b, lambda y, a, b: a),
    arity=2,
    internal=True,
)


# -- powers ------------------------------------------------------------------------------------------------------------
#
# The polynomial rule b·a**(b-1) with a strong product: for b = 0 it is 0 even at a = 0.  The slope in the exponent is
# a**b·log(a); where a = 0 it is taken as 0, which is exact for b > 0.


def power_value(a: Any, b: Any) -> Any:
    """``a**b``; a negative whole exponent of an integer array is an error in NumPy, so say what to do."""
    try:
        return np.power(a, b)
    except ValueError:
        raise ValueError(
            "wengert.reference.power: integers to negative integer powers are not integers; use a float base"
        ) from None


def log_or_zero(a: Any) -> Any:
    return log(where(equal(a, 0), 1.0, a))


power = elementwise(
    "power",
    power_value,
    (lambda y, a, b: strong(b, power(a, b - 1)), lambda y, a, b: strong(power(a, b), log_or_zero(a))),
    (lambda y, a, b: strong(power(a, b - 1), b), lambda y, a, b: strong(log_or_zero(a), y)),
    arity=2,
    domain=((0.0, float("inf")), (-float("inf"), float("inf"))),
)


# -- maximum and minimum -----------------------------------------------------------------------------------------------
#
# At a tie the derivative is shared: one half each when both operands are differentiated.  When the other operand is a
# constant the derivative is 0, the smallest element of the subdifferential, so that maximum(x, 0) equals relu(x).


def choice(first: Any, second: Any, mine: int, active: tuple[bool, ...]) -> Any:
    """Share of the operand ``mine``, here ``first``: 1 where it is chosen, the convention at a tie, else 0."""
    tie = 0.5 if active[1 - mine] else 0.0
    return where(greater(first, second), 1.0, where(equal(first, second), tie, 0.0))


def choice_by_result(y: Any, first: Any, second: Any, mine: int, active: tuple[bool, ...]) -> Any:
    """The same read off the result: the operand that equals it was chosen."""
    tie = 0.5 if active[1 - mine] else 0.0
    return where(equal(first, y), where(equal(second, y), tie, 1.0), 0.0)


CHOSEN_BY_RESULT = (
    lambda y, a, b, active: choice_by_result(y, a, b, 0, active),
    lambda y, a, b, active: choice_by_result(y, b, a, 1, active),
)
maximum = elementwise(
    "maximum",
    np.maximum,
    (lambda y, a, b, active: choice(a, b, 0, active), lambda y, a, b, active: choice(b, a, 1, active)),
    CHOSEN_BY_RESULT,
    arity=2,
    needs_activity=True,
)
minimum = elementwise(
    "minimum",
    np.minimum,
    (lambda y, a, b, active: choice(b, a, 0, active), lambda y, a, b, active: choice(a, b, 1, active)),
    CHOSEN_BY_RESULT,
    arity=2,
    needs_activity=True,
)


# -- sums of exponentials, remainders ----------------------------------------------------------------------------------


def share(a: Any, b: Any) -> Any:
    """``exp(a) / (exp(a) + exp(b))``; one half where both are the same infinity."""
    return sigmoid(where(logical_and(isinf(a), equal(a, b)), 0.0, a - b))


logaddexp = elementwise(
    "logaddexp",
    np.logaddexp,
    (lambda y, a, b: share(a, b), lambda y, a, b: share(b, a)),
    (lambda y, a, b: share(a, b), lambda y, a, b: share(b, a)),
    arity=2,
)

remainder = elementwise(
    "remainder",
    np.remainder,
    (1, lambda y, a, b: -floor(a / b)),
    (1, lambda y, a, b: -1.0 * floor_divide(a, b)),
    arity=2,
    domain=((-float("inf"), float("inf")), (0.0, float("inf"))),
)
floor_divide = elementwise("floor_divide", np.floor_divide, arity=2)
