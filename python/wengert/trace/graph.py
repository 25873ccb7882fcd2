"""The computational graph: nodes, edges, local Jacobians, gradients of every node, directed paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from wengert.trace import drawing
from wengert.trace.custom_rules import warn_of_custom_rules
from wengert.trace.derivatives import jacobians
from wengert.trace.paths import Paths, count_paths, list_paths
from wengert.trace.recording import Recording, record
from wengert.trace.steps import Step, Steps, has_names


class Graph:
    """The graph of one run. Nodes are the inputs, the named nodes and the outputs, or every step if nothing is named.

    An edge leads from a direct argument to the node computed from it. Unnamed steps between two named nodes belong to
    the formula of the later one. ``graph["h1"]`` is a node, with ``value``, ``shape``, ``expression``, ``args``.
    """

    def __init__(self, recording: Recording, named: bool | None = None) -> None:
        self.recording = recording
        self._steps = Steps(recording, has_names(recording) if named is None else named)
        self._jacobians: dict[str, dict[int, np.ndarray]] = {}
        self._local: dict[tuple[str, str], np.ndarray] = {}

    @property
    def nodes(self) -> tuple[Step, ...]:
        """Every node, in the order of computation."""
        return self._steps.steps

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """(argument, node) for every direct dependence."""
        return self._steps.edges

    @property
    def leaves(self) -> tuple[Step, ...]:
        """The nodes without arguments: inputs and named constants."""
        return tuple(node for node in self.nodes if not node.args)

    @property
    def inputs(self) -> tuple[Step, ...]:
        return self._steps.inputs

    @property
    def intermediates(self) -> tuple[Step, ...]:
        return tuple(node for node in self.nodes if node.args and node not in self.outputs)

    @property
    def outputs(self) -> tuple[Step, ...]:
        return self._steps.outputs

    @property
    def output(self) -> Step:
        """The only output; an error when there are several."""
        return self._steps.output(None)

    def __getitem__(self, name: str | int) -> Step:
        return self._steps[name]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def users(self, name: str) -> tuple[Step, ...]:
        """The nodes that have ``name`` as a direct argument."""
        return self._steps.users(name)

    def local_function(self, node: str, arg: str) -> Callable[[Any], Any]:
        """The node's own function of one direct argument, the others held at their values."""
        step, argument = self[node], self[arg]
        if argument.name not in step.args:
            direct = ", ".join(step.args) or "none"
            raise ValueError(f"{arg!r} is no direct argument of {node!r}; its direct arguments: {direct}")
        fixed = {self[name].node.index: self[name].value for name in step.args}

        def function(x: Any) -> Any:
            return self.recording.replay({**fixed, argument.node.index: x}, (step.node.index,))[step.node.index]

        return function

    def local_jacobian(self, node: str, arg: str) -> np.ndarray:
        """Derivative of ``node`` with respect to its direct argument ``arg``, all other arguments held fixed.

        Shape: shape(node) + shape(arg). An integer argument (a label, an index) has no derivative: TypeError.

        >>> import wengert as wg
        >>> g = wg.graph(lambda x, y: x * x * y, 3.0, 2.0)
        >>> float(g.local_jacobian("v2", "x")) # v2 = x * x
        6.0
        """
        function = self.local_function(node, arg)
        key = (self[node].name, self[arg].name)
        if key not in self._local:
            for step in (self[node], self[arg]):
                self._require_real(step)
            self._local[key] = np.asarray(self.recording.engine.jacobian(function)(self[arg].value))
        return self._local[key]

    def gradient(self, name: str, of: str | None = None) -> np.ndarray:
        """Derivative of the output (or of node ``of``) with respect to any node, of shape shape(of) + shape(name).

        >>> import wengert as wg, wengert.numpy as wnp
        >>> def f(x):
        ...     h = wg.name(wnp.sin(x), "h")
        ...     return h * h
        >>> g = wg.graph(f, 0.5)
        >>> bool(g.gradient("h") == 2 * g["h"].value)
        True
        """
        target, node = self._steps.output(of), self[name]
        self._require_real(target)
        self._require_real(node)
        if target.name not in self._jacobians:
            self._jacobians[target.name] = jacobians(self.recording, target.node.index)
        found = self._jacobians[target.name].get(node.node.index)
        return np.zeros(target.shape + node.shape, target.value.dtype) if found is None else found

    def adjoints(self, of: str | None = None) -> dict[str, np.ndarray]:
        """The derivative of the output (or of node ``of``) with respect to every real node, by name."""
        return {node.name: self.gradient(node.name, of) for node in self.nodes if node.node.differentiable}

    def count_paths(self, wrt: str, of: str | None = None) -> int:
        """The number of directed paths from ``wrt`` to the output (or to ``of``), without listing them.

        As in :meth:`paths` these are the paths along which derivatives flow: through real nodes.
        """
        return count_paths(self._steps, self[wrt].name, self._steps.output(of).name)

    def paths(self, wrt: str | list[str] | None = None, of: str | None = None, limit: int = 1000) -> Paths:
        """Every directed path from ``wrt`` (one node, several, or every real input) to the output, with its product.

        A comparison or a whole number on the way has no derivative: no path leads through it. More than ``limit`` paths
        are an error that tells how many there are.
        """
        if wrt is None:
            wrt = [step.name for step in self.inputs if step.node.differentiable]
        sources = [self[name].name for name in ([wrt] if isinstance(wrt, str) else wrt)]
        end = self._steps.output(of)
        for step in (*map(self.__getitem__, sources), end):
            self._require_real(step)
        return list_paths(self._steps, self.local_jacobian, list(dict.fromkeys(sources)), end.name, limit)

    def to_text(self, direction: str = "forward") -> str:
        """A listing of the forward graph (formulas) or of the backward graph (which adjoints flow where)."""
        return drawing.to_text(self._steps, direction)

    def to_dot(self, direction: str = "forward") -> str:
        """The forward or the backward graph in the DOT language of Graphviz."""
        return drawing.to_dot(self._steps, direction)

    def __str__(self) -> str:
        return self.to_text()

    __repr__ = __str__

    @staticmethod
    def _require_real(step: Step) -> None:
        if not step.node.differentiable:
            raise TypeError(f"node {step.name!r} holds {step.value.dtype} values and has no derivative")


def graph(f: Callable[..., Any], *args: Any, named: bool | None = None, engine: Any = None, **kwargs: Any) -> Graph:
    """The computational graph of ``f(*args, **kwargs)``; only numbers and arrays among ``args`` become inputs.

    ``named=None`` shows the inputs, the nodes named with ``wengert.name`` and the outputs, or every elementary step
    when nothing is named; True and False force one or the other.

    >>> import wengert as wg
    >>> def f(u1, u2):
    ...     u3 = wg.name(u1 * u2, "u3")
    ...     u4 = wg.name(u1 + u2, "u4")
    ...     return wg.name(2 * u3 * u4, "u5")
    >>> g = wg.graph(f, 3.0, 4.0)
    >>> float(g.local_jacobian("u5", "u3")), g.count_paths("u1")
    (14.0, 2)
    """
    recording = record(f, args, engine, kwargs)
    warn_of_custom_rules(recording)
    return Graph(recording, named)


def paths(
    f: Callable[..., Any],
    *args: Any,
    wrt: str | list[str] | None = None,
    of: str | None = None,
    limit: int = 1000,
    engine: Any = None,
    **kwargs: Any,
) -> Paths:
    """Every directed path from the inputs of ``f(*args, **kwargs)`` to its output, with the product of local Jacobians.

    ``wrt`` restricts the starting nodes (any named node may be one), ``of`` names another end. Paths run through the
    named nodes when there are any, otherwise through every elementary step. Products have the shape
    shape(of) + shape(start) and add up to the derivative.

    >>> import wengert as wg
    >>> def f(u1, u2):
    ...     return 2 * wg.name(u1 * u2, "u3") * wg.name(u1 + u2, "u4")
    >>> p = wg.paths(f, 3.0, 4.0, wrt="u1")
    >>> [float(path.product) for path in p], float(p.sum())
    ([56.0, 24.0], 80.0)
    """
    return graph(f, *args, engine=engine, **kwargs).paths(wrt, of, limit)


def adjoints(
    f: Callable[..., Any], *args: Any, of: str | None = None, engine: Any = None, **kwargs: Any
) -> dict[str, np.ndarray]:
    """The adjoint of every input and every named node of ``f(*args, **kwargs)``, by name.

    >>> import wengert as wg, wengert.numpy as wnp
    >>> from wengert.trace import adjoints
    >>> float(adjoints(lambda x: wg.name(x * x, "square") * 3.0, 2.0)["square"])
    3.0
    """
    return graph(f, *args, engine=engine, **kwargs).adjoints(of)
