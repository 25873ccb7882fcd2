"""Derivatives in forward mode: ``jvp`` and ``linearize``, by dual numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert._internals.tree import tree_flatten, tree_unflatten
from wengert.transforms.inputs import (
    Function,
    Inputs,
    check_leaf,
    leave_level,
    like_all,
    shape_of,
    split_aux,
    zeros_like,
)


def push_forward(
    f: Function,
    inputs: Inputs,
    tangents: Sequence[Any],
    k: int,
    kwargs: dict[str, Any],
    name: str = "jvp",
    has_aux: bool = False,
) -> tuple[list[Any], list[Any], Any, Any]:
    """Runs f on duals: (leaves of the value, their tangents or None, structure, auxiliary)."""
    level = _core.ForwardLevel(k)
    try:
        duals = [
            _core.own(x) if t is None else level.input(_core.shared(x), t)
            for x, t in zip(inputs.leaves, tangents, strict=True)
        ]
        y, aux = split_aux(inputs.call(f, duals, kwargs), has_aux, name)
        flat, spec = tree_flatten(y)
        values = [level.primal(v) if isinstance(v, Array) else v for v in flat]
        out = [level.tangent(v) if isinstance(v, Array) else None for v in flat]
        aux = leave_level(level, aux, inputs.leaves)
    finally:
        level.close()
    return values, out, spec, aux


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple[Any, ...]:
    """``(f(*primals), tangent)``: the value and its derivative along ``tangents``, by dual numbers in one forward run.

    ``primals`` and ``tangents`` are tuples of the same trees and shapes. Memory does not grow with the length of the
    program. With ``has_aux`` the function returns a pair of a value and anything, and the result is
    ``(value, tangent, anything)``. Raises ValueError if primals and tangents do not match.

    >>> import wengert as wg
    >>> wg.jvp(lambda x: x**3, (2.0,), (1.0,))
    (8.0, 12.0)
    """
    values, dots, spec, aux, leaves = pushed(f, primals, tangents, "jvp", has_aux)
    pair = tuple(tree_unflatten(spec, [like_all(v, leaves) for v in part]) for part in (values, dots))
    return (*pair, aux) if has_aux else pair


def pushed(
    f: Function, primals: Sequence[Any], tangents: Sequence[Any], name: str, has_aux: bool
) -> tuple[list[Any], list[Any], Any, Any, list[Any]]:
    """Leaves of the value and their tangents, the structure, the auxiliary, and the leaves of the arguments."""
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError("jvp: primals and tangents must be tuples, one entry for each argument: jvp(f, (x,), (v,))")
    if len(primals) != len(tangents):
        raise ValueError(f"{name}: {len(primals)} primals but {len(tangents)} tangents; they must agree")
    inputs = Inputs(name, tuple(primals), tuple(range(len(primals))))
    flat, spec = tree_flatten(tuple(tangents))
    if spec != tree_flatten(tuple(primals))[1]:
        raise ValueError(f"{name}: the tangents must have the tree structure of the primals")
    for x, t in zip(inputs.leaves, flat, strict=True):
        if shape_of(x) != shape_of(t):
            raise ValueError(
                f"{name}: a tangent of shape {shape_of(t)} for a primal of shape {shape_of(x)}; they must agree"
            )
    values, out, y_spec, aux = push_forward(f, inputs, flat, 0, {}, name, has_aux)
    dots = [zeros_like(v) if t is None else t for v, t in zip(values, out, strict=True)]
    return values, dots, y_spec, aux, inputs.leaves


def linearize(f: Function, *primals: Any) -> tuple[Any, Function]:
    """``(f(*primals), pushforward)``; ``pushforward(*tangents)`` applies the Jacobian at ``primals``.

    The primals are copied: changing an input array afterwards does not change the pushforward.

    >>> import wengert as wg
    >>> y, push = wg.linearize(lambda x: x**2, 3.0)
    >>> push(1.0)
    6.0
    """
    held = tuple(_copied(x) for x in primals)
    value = jvp(f, held, tuple(_tree_zeros(x) for x in held))[0]

    return value, _Pushforward(f, held)


class _Pushforward:
    __slots__ = ("__weakref__", "f", "primals")
    __name__ = "pushforward"

    def __init__(self, f: Function, primals: tuple[Any, ...]):
        self.f, self.primals = f, primals

    def __call__(self, *tangents: Any) -> Any:
        return jvp(self.f, self.primals, tangents)[1]

    def __getstate__(self) -> tuple[Any, ...]:
        return self.f, self.primals

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.f, self.primals = state


def _copied(tree: Any) -> Any:
    leaves, spec = tree_flatten(tree)
    return tree_unflatten(spec, [x.copy() if isinstance(x, (Array, np.ndarray)) else x for x in leaves])


def _tree_zeros(tree: Any) -> Any:
    leaves, spec = tree_flatten(tree)
    return tree_unflatten(spec, [zeros_like(check_leaf(x, "linearize: a leaf")) for x in leaves])
