"""Full derivatives: Jacobians by either mode, Hessians."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert._internals.hints import explain_keywords
from wengert._internals.tree import is_leaf, tree_flatten, tree_unflatten
from wengert.transforms.forward import push_forward, pushed
from wengert.transforms.inputs import (
    Function,
    Inputs,
    check_output,
    checked_argnums,
    like,
    like_block,
    named_after,
    shape_of,
)
from wengert.transforms.reverse import grad


@explain_keywords
def jacfwd(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The full Jacobian by forward mode, all columns in one run (k tangents at once).

    For an output of shape ``s`` and an argument of shape ``t`` the Jacobian has shape ``s + t``. Cheaper than
    :func:`jacrev` when the arguments have fewer elements than the value.

    >>> import numpy as np, wengert as wg
    >>> wg.jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacobian_function(f, argnums, has_aux, "jacfwd", jacfwd)


@explain_keywords
def jacrev(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The full Jacobian by reverse mode, one sweep for each element of the value; shapes as in :func:`jacfwd`.

    >>> import numpy as np, wengert as wg
    >>> wg.jacrev(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacobian_function(f, argnums, has_aux, "jacrev", jacrev)


@explain_keywords
def jacobian(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, explain: bool = False) -> Function:
    """The full Jacobian by whichever mode is cheaper; shapes as in :func:`jacfwd`.

    With ``explain=True`` the function returns ``(jacobian, reason)``, where the reason names the mode and the sizes
    that decided. Output sizes are only known by running ``f``: where forward mode wins, the first call with an
    argument of that size runs it twice, later calls once.

    >>> import numpy as np, wengert as wg
    >>> wg.jacobian(lambda x: np.sum(x**2), explain=True)(np.array([1.0, 2.0]))
    (array([2., 4.]), 'reverse mode: 1 output element(s), 2 input element(s)')
    """
    return _jacobian_function(f, argnums, has_aux, "jacobian", jacobian, explain)


def _jacobian_function(
    f: Function, argnums: Any, has_aux: bool, mode: str, maker: Function, explain: bool = False, name: str = ""
) -> Function:
    name = name or mode
    argnums = checked_argnums(argnums, name)
    forward_sizes = {0, 1}  # sizes of the argument for which forward mode wins, as far as known

    @named_after(name, f, maker, argnums, has_aux, *([explain] if explain else []))
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        if mode == "jacrev" or (mode == "jacobian" and _size_of(args, argnums) not in forward_sizes):
            run = _core.ReverseCall(f, args, kwargs, argnums, has_aux, name)
            n_in, n_out = run.sizes
            if mode == "jacrev" or not _forward_wins(n_in, n_out):
                return _with_notes(
                    run.jacobian(), "reverse", n_out, n_in, run.aux if has_aux else None, has_aux, explain
                )
        inputs = Inputs(name, args, argnums)
        n_in = sum([math.prod(shape_of(x)) for x in inputs.leaves])
        columns, aux, n_out = _forward_columns(f, inputs, kwargs, has_aux, name)
        # The next call with an argument of this size need not run in reverse mode to learn the size of the output.
        (forward_sizes.add if _forward_wins(n_in, n_out) else forward_sizes.discard)(n_in)
        return _with_notes(columns, "forward", n_out, n_in, aux, has_aux, explain)

    return jacobian_of


def _size_of(args: tuple[Any, ...], argnums: int | tuple[int, ...]) -> int:
    n = 0
    for i in (argnums,) if isinstance(argnums, int) else argnums:
        x = args[i] if -len(args) <= i < len(args) else None
        n += getattr(x, "size", 1) if is_leaf(x) else sum([math.prod(shape_of(v)) for v in tree_flatten(x)[0]])
    return n


# A run that tells the output's size has been recorded: so few sweeps of it are cheaper than another run.
_FEW_ROWS = 8


def _forward_wins(n_in: int, n_out: int) -> bool:
    return n_in <= 1 or n_in <= n_out > _FEW_ROWS


def _with_notes(result: Any, mode: str, n_out: int, n_in: int, aux: Any, has_aux: bool, explain: bool) -> Any:
    if explain:
        result = (result, f"{mode} mode: {n_out} output element(s), {n_in} input element(s)")
    return (result, aux) if has_aux else result


# Elements of one tangent batch: wider batches leave the second-level cache and gain nothing (64 … 256 columns for
# arguments of up to a few thousand elements).
_BATCH_ELEMENTS = 1 << 16


def _forward_columns(
    f: Function, inputs: Inputs, kwargs: dict[str, Any], has_aux: bool, name: str
) -> tuple[Any, Any, int]:
    sizes = [math.prod(shape_of(x)) for x in inputs.leaves]
    dtypes = [_core.dtype_of(x) for x in inputs.leaves]
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
    n_out = sum([math.prod(shape_of(v)) for v in values])
    return _assemble(values, spec, batches, inputs, sizes, name, width), aux, n_out


def _assemble(
    values: list[Any], spec: Any, batches: list[list[Any]], inputs: Inputs, sizes: list[int], name: str, width: int
) -> Any:
    """Jacobian blocks out of batches of columns: for each output a tree of the arguments' blocks."""
    ops = _core.ops
    total = sum(sizes)
    blocks = []
    for i, v in enumerate(values):
        check_output(v, name)
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
            row.append(like_block(block, x, inputs.leaves))
        blocks.append(inputs.gather(row))
    return tree_unflatten(spec, blocks)


@explain_keywords
def hessian(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The Hessian of a scalar function: forward mode over the reverse gradient, shape ``x.shape + x.shape``.

    For several arguments (or a tree) it is a tree of trees of blocks.

    >>> import numpy as np, wengert as wg
    >>> wg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    argnums = checked_argnums(argnums, "hessian")
    gradient = grad(f, argnums, has_aux)
    second = _jacobian_function(gradient, argnums, has_aux, "jacfwd", jacfwd, name="hessian")
    return named_after("hessian", f, hessian, argnums, has_aux)(second)


def hvp(f: Function, x: Any, v: Any) -> Any:
    """The Hessian of the scalar function ``f`` at ``x`` times ``v`` (the same tree as ``x``), without the Hessian.

    >>> import numpy as np, wengert as wg
    >>> wg.hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    _, dots, spec, _, leaves = pushed(grad(f), (x,), (v,), "hvp", False)
    arrays = [t if isinstance(t, Array) else _core.array(t) for t in dots]
    return tree_unflatten(spec, [like(t, leaf) for t, leaf in zip(arrays, leaves, strict=True)])
