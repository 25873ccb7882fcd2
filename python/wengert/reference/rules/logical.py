"""What programs decide by: comparisons and logic, which have no derivative, and `where`, which has."""

# A rule may mention the primitive it belongs to, of which mypy then knows no type.
# mypy: disable-error-code="has-type"
from __future__ import annotations

from typing import Any

import numpy as np

from .declare import cast_like, elementwise, stretch, structured, unbroadcast

equal = elementwise("equal", np.equal, arity=2)
not_equal = elementwise("not_equal", np.not_equal, arity=2)
less = elementwise("less", np.less, arity=2)
less_equal = elementwise("less_equal", np.less_equal, arity=2)
greater = elementwise("greater", np.greater, arity=2)
greater_equal = elementwise("greater_equal", np.greater_equal, arity=2)
logical_and = elementwise("logical_and", np.logical_and, arity=2)
logical_or = elementwise("logical_or", np.logical_or, arity=2)
logical_xor = elementwise("logical_xor", np.logical_xor, arity=2)


def select(change: Any, y: Any, condition: Any, branch: bool) -> Any:
    """The change where this branch was taken, exactly zero elsewhere."""
    zero = np.zeros((), change.dtype)
    return where(condition, change, zero) if branch else where(condition, zero, change)


where = structured(
    "where",
    "elementwise",
    np.where,
    jvp=(
        None,
        lambda t, y, c, a, b: cast_like(stretch(select(t, y, c, True), y.shape), y),
        lambda t, y, c, a, b: cast_like(stretch(select(t, y, c, False), y.shape), y),
    ),
    vjp=(
        None,
        lambda g, y, c, a, b: cast_like(unbroadcast(select(g, y, c, True), a.shape), a),
        lambda g, y, c, a, b: cast_like(unbroadcast(select(g, y, c, False), b.shape), b),
    ),
    arity=3,
)
