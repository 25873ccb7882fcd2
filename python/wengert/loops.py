"""Loops and branches as functions: the names of JAX, with plain Python behind them.

Python loops and `if` work everywhere, in derivatives and under :func:`wengert.compile` too; these functions are there
for code that is written with them. They run step by step, so every transform sees the operations of each step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _core
from ._core import Array
from .custom import checkpoint as checkpointed
from .tree import tree_flatten, tree_unflatten

__all__ = ["cond", "fori_loop", "scan", "while_loop"]

Function = Callable[..., Any]


def scan(
    f: Function,
    init: Any,
    xs: Any,
    length: int | None = None,
    reverse: bool = False,
    checkpoint: str | int | None = None,
) -> tuple[Any, Any]:
    """``carry, y = f(carry, x)`` over the leading axis of ``xs``: the last carry, and the ``y`` stacked.

    ``xs`` is an array or a tree of arrays with one leading length, or None with ``length`` given. With ``reverse`` it
    runs from the end. ``checkpoint`` saves memory in reverse mode: ``"sqrt"`` keeps about 2 sqrt(T) of T steps'
    values and computes the rest again during the sweep, ``k`` (an int) does so in pieces of k steps; differentiated
    values that ``f`` uses must then be part of the carry or of ``xs``. Raises ValueError if leading lengths differ,
    TypeError if the carry changes its structure.

    >>> import numpy as np, wengert as wg
    >>> last, all_sums = wg.scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> all_sums
    Array([1., 3., 6.])
    """
    leaves, spec = tree_flatten(xs) if xs is not None else ([], None)
    lengths = {len(x) for x in leaves}
    if length is not None:
        lengths.add(length)
    if len(lengths) != 1:
        raise ValueError(
            f"scan: the arrays must have one leading length, got {sorted(lengths) or 'no arrays and no length'}"
        )
    n = lengths.pop()

    order = list(range(n - 1, -1, -1) if reverse else range(n))
    structure = _structure(init)

    def steps(carry: Any, rows: list[Any], part: list[int]) -> tuple[Any, list[Any]]:
        out = []
        for t in part:
            pair = f(carry, None if xs is None else tree_unflatten(spec, [x[t] for x in rows]))
            if not (isinstance(pair, tuple) and len(pair) == 2):
                raise TypeError(f"scan: the function must return a pair (carry, y), got {type(pair).__name__}")
            carry, y = pair
            if _structure(carry) != structure:
                raise TypeError(
                    f"scan: the carry changed its structure from {structure} to {_structure(carry)} at step {t}"
                )
            out.append(y)
        return carry, out

    size = _piece(checkpoint, n)
    carry = init
    ys: list[Any] = []
    if size is None:
        carry, ys = steps(carry, leaves, order)
    else:
        for start in range(0, n, size):
            piece = functools.partial(steps, part=order[start : start + size])
            carry, part = checkpointed(functools.update_wrapper(piece, f, updated=()))(carry, leaves)
            ys.extend(part)
    if reverse:
        ys.reverse()
    return carry, _stacked(ys)


def _piece(checkpoint: str | int | None, n: int) -> int | None:
    if checkpoint is None:
        return None
    if checkpoint == "sqrt":
        return max(1, round(n**0.5))
    if isinstance(checkpoint, int) and checkpoint >= 1:
        return checkpoint
    raise ValueError(f"scan: checkpoint must be None, 'sqrt' or a number of steps, got {checkpoint!r}")


def _structure(tree: Any) -> Any:
    return tree_flatten(tree)[1]


def _stacked(ys: list[Any]) -> Any:
    """A list of equal trees as one tree of stacked arrays."""
    if not ys or ys[0] is None:
        return None
    flat = [tree_flatten(y) for y in ys]
    columns = zip(*(leaves for leaves, _ in flat), strict=True)
    return tree_unflatten(flat[0][1], [_core.ops.stack(list(column)) for column in columns])


def fori_loop(lower: int, upper: int, body: Function, init: Any) -> Any:
    """``for i in range(lower, upper): value = body(i, value)``.

    >>> import wengert as wg
    >>> wg.fori_loop(0, 3, lambda i, v: v * 2.0, 1.0)
    8.0
    """
    value = init
    for i in range(int(lower), int(upper)):
        value = body(i, value)
    return value


def while_loop(condition: Function, body: Function, init: Any) -> Any:
    """``while condition(value): value = body(value)``. Derivatives are those of the steps that were taken.

    >>> import wengert as wg
    >>> wg.while_loop(lambda v: v < 100.0, lambda v: v * 3.0, 1.0)
    243.0
    """
    value = init
    while condition(value):
        value = body(value)
    return value


def cond(predicate: Any, if_true: Function, if_false: Function, *operands: Any) -> Any:
    """``if_true(*operands)`` or ``if_false(*operands)``; only the branch that is taken runs.

    >>> import wengert as wg
    >>> wg.cond(1.0 > 0.0, lambda x: x, lambda x: -x, 3.0)
    3.0
    """
    if isinstance(predicate, (Array, np.ndarray)) and predicate.size != 1:
        raise TypeError(
            f"cond: the predicate must be one truth value, got shape {predicate.shape}; use where for arrays"
        )
    return if_true(*operands) if predicate else if_false(*operands)
