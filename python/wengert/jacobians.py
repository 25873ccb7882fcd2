"""Full derivatives: Jacobians by either mode, Hessians."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _core
from ._core import Array
from .arguments import Function, Inputs, leave_level, like, like_all, named_after, shape_of, split_aux
from .transforms import grad, jvp, push_forward
from .tree import tree_flatten, tree_unflatten


def jacfwd(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The full Jacobian by forward mode, all columns in one run (k tangents at once).

    For an output of shape ``s`` and an argument of shape ``t`` the Jacobian has shape ``s + t``. Cheaper than
    :func:`jacrev` when the arguments have fewer elements than the value.

    >>> import numpy as np, wengert as wg
    >>> wg.jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacobian_function(f, argnums, has_aux, "jacfwd")


def jacrev(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The full Jacobian by reverse mode, one sweep for each element of the value; shapes as in :func:`jacfwd`.

    >>> import numpy as np, wengert as wg
    >>> wg.jacrev(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacobian_function(f, argnums, has_aux, "jacrev")


def jacobian(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, explain: bool = False) -> Function:
    """The full Jacobian by whichever mode is cheaper; shapes as in :func:`jacfwd`.

    With ``explain=True`` the function returns ``(jacobian, reason)``, where the reason names the mode and the sizes
    that decided. Output sizes are only known by running ``f``: it runs once for reverse mode, twice where forward
    mode wins.

    >>> import numpy as np, wengert as wg
    >>> wg.jacobian(lambda x: np.sum(x**2), explain=True)(np.array([1.0, 2.0]))
    (array([2., 4.]), 'reverse mode: 1 output element(s), 2 input element(s)')
    """
    return _jacobian_function(f, argnums, has_aux, "jacobian", explain)


def _jacobian_function(f: Function, argnums: Any, has_aux: bool, name: str, explain: bool = False) -> Function:
    @named_after(name, f)
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        inputs = Inputs(name, args, argnums)
        n_in = sum(math.prod(shape_of(x)) for x in inputs.leaves)
        reason, aux = "", None
        if name == "jacfwd" or (name == "jacobian" and n_in <= 1):
            columns, aux = _forward_columns(f, inputs, kwargs, has_aux, name)
            reason = f"forward mode: {n_in} input element(s)"
        else:
            columns, aux, n_out = _reverse_rows(f, inputs, kwargs, has_aux, name, n_in if name == "jacobian" else None)
            reason = f"reverse mode: {n_out} output element(s), {n_in} input element(s)"
            if columns is None:
                columns, aux = _forward_columns(f, inputs, kwargs, has_aux, name)
                reason = f"forward mode: {n_out} output element(s), {n_in} input element(s)"
        result: Any = columns
        if explain:
            result = (result, reason)
        return (result, aux) if has_aux else result

    return jacobian_of


def _check_output(v: Any, name: str) -> None:
    if not isinstance(v, (Array, np.ndarray, np.generic, float, int)):
        raise TypeError(
            f"{name}: the function must return arrays or numbers (or trees of them), got {type(v).__name__}"
        )


# The run that tells the output's size has been recorded: so few sweeps of it are cheaper than another run.
_FEW_ROWS = 8

# Elements of one tangent batch: wider batches leave the second-level cache and gain nothing (64 … 256 columns for
# arguments of up to a few thousand elements).
_BATCH_ELEMENTS = 1 << 16


def _forward_columns(f: Function, inputs: Inputs, kwargs: dict[str, Any], has_aux: bool, name: str) -> tuple[Any, Any]:
    sizes = [math.prod(shape_of(x)) for x in inputs.leaves]
    dtypes = [np.float64 if isinstance(x, float) else x.dtype for x in inputs.leaves]
    total = sum(sizes)
    width = max(1, min(total, _BATCH_ELEMENTS // max(total, 1)))
    batches: list[list[Any]] = []
    aux: Any = None
    spec: Any = None
    values: list[Any] = []
    for start in range(0, max(total, 1), max(width, 1)):
        k = min(width, total - start)
        tangents, at = [], 0
        for x, n, dtype in zip(inputs.leaves, sizes, dtypes, strict=True):
            tangents.append(np.eye(k, n, start - at, dtype).reshape((k, *shape_of(x))))
            at += n
        seeds = tangents if k else [None] * len(sizes)
        values, out, spec, aux = push_forward(f, inputs, seeds, k, kwargs, name, has_aux)
        batches.append(out)
    return _assemble(values, spec, batches, inputs, sizes, name, width), aux


def _assemble(
    values: list[Any], spec: Any, batches: list[list[Any]], inputs: Inputs, sizes: list[int], name: str, width: int
) -> Any:
    """Jacobian blocks out of batches of columns: for each output a tree of the arguments' blocks."""
    ops = _core.ops
    total = sum(sizes)
    blocks = []
    for i, v in enumerate(values):
        _check_output(v, name)
        shape = shape_of(v)
        parts = []
        for b, out in enumerate(batches):
            k = min(width, total - b * width)
            t = out[i]
            parts.append(_core.array(np.zeros((k, *shape), getattr(v, "dtype", float))) if t is None else t)
        columns = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=0)
        row = []
        at = 0
        for x, n in zip(inputs.leaves, sizes, strict=True):
            part = ops.getitem(columns, slice(at, at + n)) if n != total else columns
            at += n
            axes = (*range(1, len(shape) + 1), 0)
            block = ops.reshape(ops.transpose(part, axes), (*shape, *shape_of(x)))
            row.append(like_all(block, [x]) if shape_of(x) or shape else like(block, x))
        blocks.append(inputs.gather(row))
    return tree_unflatten(spec, blocks)


def _reverse_rows(
    f: Function, inputs: Inputs, kwargs: dict[str, Any], has_aux: bool, name: str, forward_below: int | None
) -> tuple[Any, Any, int]:
    """One sweep for each output element. Gives up (None) if forward mode is cheaper: no more
    inputs than outputs, and not just a few of these."""
    level = _core.ReverseLevel()
    try:
        traced = [level.input(_core.array(x)) for x in inputs.leaves]
        y, aux = split_aux(inputs.call(f, traced, kwargs), has_aux, name)
        aux = leave_level(level, aux)
    finally:
        level.close()
    outputs, spec = tree_flatten(y)
    n_out = sum(math.prod(shape_of(v)) for v in outputs)
    if forward_below is not None and forward_below <= n_out > _FEW_ROWS:
        return None, aux, n_out
    ops = _core.ops
    blocks = []
    for v in outputs:
        _check_output(v, name)
        shape = shape_of(v)
        rows = level.rows(v) if isinstance(v, Array) else [None] * len(inputs.leaves)
        row = []
        for x, r in zip(inputs.leaves, rows, strict=True):
            full = (*shape, *shape_of(x))
            block = _core.array(np.zeros(full, getattr(x, "dtype", float))) if r is None else ops.reshape(r, full)
            row.append(like_all(block, [x]) if full else like(block, x))
        blocks.append(inputs.gather(row))
    return tree_unflatten(spec, blocks), aux, n_out


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The Hessian of a scalar function: forward mode over the reverse gradient, shape ``x.shape + x.shape``.

    For several arguments (or a tree) it is a tree of trees of blocks.

    >>> import numpy as np, wengert as wg
    >>> wg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return named_after("hessian", f)(jacfwd(grad(f, argnums), argnums))


def hvp(f: Function, x: Any, v: Any) -> Any:
    """The Hessian of the scalar function ``f`` at ``x`` times ``v`` (the same tree as ``x``), without the Hessian.

    >>> import numpy as np, wengert as wg
    >>> wg.hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    return jvp(grad(f), (x,), (v,))[1]
