"""Lengths and angles.  At the origin their derivatives are 0, to every order."""

# A rule may mention the primitive it belongs to, of which mypy then knows no type.
# mypy: disable-error-code="has-type"
from __future__ import annotations

from typing import Any

import numpy as np

from .declare import elementwise
from .logical import equal, where


def quotient(a: Any, b: Any) -> Any:
    """``a / b``, and 0 (to every order) where b is 0."""
    nothing = equal(b, 0)
    return where(nothing, 0.0, a / where(nothing, 1.0, b))


arctan2 = elementwise(
    "arctan2",
    np.arctan2,
    (
        lambda y, a, b: quotient(quotient(b, hypot(a, b)), hypot(a, b)),
        lambda y, a, b: -quotient(quotient(a, hypot(a, b)), hypot(a, b)),
    ),
    (
        lambda y, a, b: quotient(b, hypot(a, b)) * quotient(1.0, hypot(a, b)),
        lambda y, a, b: quotient(-a, hypot(a, b)) * quotient(1.0, hypot(a, b)),
    ),
    arity=2,
)
hypot = elementwise(
    "hypot",
    np.hypot,
    (lambda y, a, b: quotient(a, hypot(a, b)), lambda y, a, b: quotient(b, hypot(a, b))),
    (lambda y, a, b: quotient(a, y), lambda y, a, b: quotient(b, y)),
    arity=2,
)
