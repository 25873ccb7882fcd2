"""Full Jacobians: column by column in forward mode, row by row in reverse mode.

``jacfwd`` costs one run for each *input* entry, ``jacrev`` one sweep for each *output* entry; `jacobian` chooses.
The result has the shape of the output followed by the shape of the input, without any flattening.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..array.handle import apply, raw
from ..dual import Dual, ForwardLevel
from ..levels import concrete
from .linearization import Inputs, Linearization, zeros_like
from .trees import flatten, like


def basis(values: Sequence[Any]) -> Iterator[tuple[int, list[Any]]]:
    """All directions with a single 1: (which leaf, one array for each leaf)."""
    for number, value in enumerate(values):
        for entry in range(np.asarray(concrete(value)).size):
            direction = [zeros_like(other) for other in values]
            direction[number].flat[entry] = 1
            yield number, direction


def jacfwd(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The Jacobian of ``f`` by forward mode, one column at a time.

    >>> import wengert.reference as wr, numpy as np
    >>> wr.jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        return _jacfwd(f, Inputs(args, argnums, "jacfwd"), kwargs)

    return run


def jacrev(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The Jacobian of ``f`` by reverse mode, one row at a time.

    >>> import wengert.reference as wr, numpy as np
    >>> wr.jacrev(wr.numpy.sum)(np.array([1.0, 2.0]))
    array([1., 1.])
    """

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        inputs = Inputs(args, argnums, "jacrev")
        return _rows(Linearization(f, inputs, kwargs), inputs)

    return run


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The Jacobian of ``f``, by the mode that needs fewer sweeps; output shape + input shape.

    >>> import wengert.reference as wr, numpy as np
    >>> wr.jacobian(lambda a, x: a @ x, argnums=1)(np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2))
    array([[1., 2.],
           [3., 4.]])
    """

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        inputs = Inputs(args, argnums, "jacobian")
        linear = Linearization(f, inputs, kwargs)
        size_in = sum(np.asarray(concrete(value)).size for value in inputs.values)
        size_out = sum(np.asarray(concrete(value)).size for value in linear.outputs)
        return _rows(linear, inputs) if size_out <= size_in else _columns(linear, inputs)

    return run


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """All second derivatives of ``f``: forward mode over reverse mode.

    >>> import wengert.reference as wr, numpy as np
    >>> wr.hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 2.0]))
    array([[0., 4.],
           [4., 2.]])
    """
    return jacfwd(jacrev(f, argnums), argnums)


def _jacfwd(f: Callable[..., Any], inputs: Inputs, kwargs: dict[str, Any]) -> Any:
    columns, outputs, structure = [], None, None
    for _, direction in basis(inputs.values):
        level = ForwardLevel()
        boxes = [Dual(level, value, tangent) for value, tangent in zip(inputs.values, direction, strict=True)]
        leaves, structure = flatten(f(*inputs.call_arguments(boxes), **kwargs))
        boxed = [raw(leaf) for leaf in leaves]
        outputs = [level.lower(value) for value in boxed]
        tangents = [level.tangent_of(value) for value in boxed]
        columns.append([zeros_like(o) if t is None else t for o, t in zip(outputs, tangents, strict=True)])
    if outputs is None:  # no input entries at all: the shapes of the output are still needed
        linear = Linearization(f, inputs, kwargs)
        outputs, structure = linear.outputs, linear.structure
    return _assemble(columns, outputs, structure, inputs, by_columns=True)


def _columns(linear: Linearization, inputs: Inputs) -> Any:
    columns = [linear.push_forward(direction) for _, direction in basis(inputs.values)]
    return _assemble(columns, linear.outputs, linear.structure, inputs, by_columns=True)


def _rows(linear: Linearization, inputs: Inputs) -> Any:
    rows = [linear.pull_back(direction) for _, direction in basis(linear.outputs)]
    return _assemble(rows, linear.outputs, linear.structure, inputs, by_columns=False)


def _assemble(lines: list[list[Any]], outputs: Any, structure: Any, inputs: Inputs, by_columns: bool) -> Any:
    """Columns (or rows) for all leaves together, cut into one block for each pair of output leaf and input leaf."""
    sizes = [np.asarray(concrete(value)).size for value in (inputs.values if by_columns else outputs)]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    result = []
    for i, output in enumerate(outputs):
        blocks = []
        for j, (value, model) in enumerate(zip(inputs.values, inputs.models, strict=True)):
            shape = np.shape(concrete(output)) + np.shape(concrete(value))
            many, one = (j, i) if by_columns else (i, j)
            chosen = [line[one] for line in lines[starts[many] : starts[many + 1]]]
            if chosen:
                block = apply("reshape", apply("stack", *chosen, axis=-1 if by_columns else 0), shape=shape).get()
            else:
                block = np.zeros(shape, np.asarray(concrete(output)).dtype)
            blocks.append(like(block, model))
        result.append(inputs.result(blocks))
    return structure.unflatten(result)
