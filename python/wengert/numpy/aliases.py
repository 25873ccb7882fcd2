"""NumPy's second names of primitives."""

from __future__ import annotations

ALIASES = {
    "abs": "absolute",
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "mod": "remainder",
    "pow": "power",
    "true_divide": "divide",
}
