"""The problem set: worked problems with exact inputs and every expected value, and the harness that checks an engine.

The same data and code serve the tests and ``python -m wengert demo``::

    from wengert.problems import check_all
    failures = [result for result in check_all("wengert", "reverse") if not result.ok]
"""

from wengert.problems.check import MODES, Result, check, check_all, covered, resolve_engine
from wengert.problems.comparison import Comparison, Tolerance, compare
from wengert.problems.data import Problem, Quantity, Step, load, meta
from wengert.problems.differences import gradient_error
from wengert.problems.program import evaluate, input_values, program_function

__all__ = [
    "MODES",
    "Comparison",
    "Problem",
    "Quantity",
    "Result",
    "Step",
    "Tolerance",
    "check",
    "check_all",
    "compare",
    "covered",
    "evaluate",
    "gradient_error",
    "input_values",
    "load",
    "meta",
    "program_function",
    "resolve_engine",
]
