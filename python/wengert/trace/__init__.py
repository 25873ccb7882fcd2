"""The tape as people see it: evaluation traces, computational graphs, directed paths and their Jacobian products.

``trace`` lists the elementary steps of one run, ``graph`` shows how they depend on each other, ``paths`` multiplies
local Jacobians along every way from an input to the output. All of them record one run with an engine and work on the
recording; reading order: recording, steps, expression, derivatives, table, paths, drawing, graph.
"""

import sys
from types import ModuleType
from typing import Any

from wengert.trace.custom_rules import CustomRuleWarning
from wengert.trace.derivatives import adjoints_of, tangents_of
from wengert.trace.graph import Graph, adjoints, graph, paths
from wengert.trace.paths import Path, Paths, TooManyPaths
from wengert.trace.recording import Node, Recording, record
from wengert.trace.steps import Step, Steps
from wengert.trace.table import Row, Trace, trace

__all__ = [
    "CustomRuleWarning",
    "Graph",
    "Node",
    "Path",
    "Paths",
    "Recording",
    "Row",
    "Step",
    "Steps",
    "TooManyPaths",
    "Trace",
    "adjoints",
    "adjoints_of",
    "graph",
    "paths",
    "record",
    "tangents_of",
    "trace",
]


class _Callable(ModuleType):
    """``wengert.trace`` names this package and a function; whichever was bound first, a call means the function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Trace:
        return trace(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
