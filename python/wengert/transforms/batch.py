"""``vmap``: a function of one example, on many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert._internals.hints import explain_keywords
from wengert._internals.tree import is_leaf, tree_flatten, tree_unflatten
from wengert.transforms.inputs import Function, check_output, like_all, named_after

_ARRAYS = (Array, np.ndarray, np.generic)


@explain_keywords
def vmap(f: Function, in_axes: Any = 0, out_axes: Any = 0, axis_size: int | None = None) -> Function:
    """``f`` of one example as a function of many, which lie along an axis of every argument.

    The operations of ``f`` run once, on all examples together: a loop without its price. ``in_axes`` is the axis of the
    arguments along which the examples lie: one for all, a list or tuple with one for each argument, or a tree of them
    that fits the arguments; None for what all examples share. Keyword arguments have their examples along axis 0.
    ``out_axes`` is the axis of the results in which they are stacked: one for all, or a tree; None asks for a result
    that is the same for all of them. ``axis_size`` is their number where no argument tells it.

    It nests with every transform: ``vmap(grad(loss), (None, 0, 0))`` gives the gradient of each example. Inside ``f``
    arrays have the shape of one example. Their numbers are no Python numbers: ``if x > 0`` raises TypeError; write
    ``wengert.numpy.where`` or ``wengert.cond``. Raises ValueError if the examples are not equally many, or an axis is
    none of an argument's. As ``jax.vmap``.

    >>> import numpy as np, wengert as wg
    >>> wg.vmap(lambda x, w: x @ w, in_axes=(0, None))(np.ones((3, 2)), np.array([1.0, 2.0]))
    array([3., 3., 3.])
    >>> wg.vmap(wg.grad(lambda x: x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    in_axes = list(in_axes) if isinstance(in_axes, tuple) else in_axes  # a list fits the arguments of a call as well

    @named_after("vmap", f, vmap, in_axes, out_axes, axis_size)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        inputs = _Examples(in_axes, args, kwargs, axis_size)
        level = _core.BatchLevel(inputs.size)
        try:
            y = _core.settled(inputs.call(f, level))
            leaves, spec = tree_flatten(y)
            axes = _fitted(out_axes, y, "out_axes", "result")
            return tree_unflatten(
                spec, [like_all(_result(level, v, a), inputs.leaves) for v, a in zip(leaves, axes, strict=True)]
            )
        finally:
            level.close()

    return mapped


class _Examples:
    """The arguments of one call, the axes along which their examples lie, and how many there are."""

    def __init__(self, in_axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any], axis_size: Any):
        self.leaves, self.spec = tree_flatten((list(args), kwargs))
        if isinstance(in_axes, list) and len(in_axes) != len(args):
            raise ValueError(
                f"vmap: in_axes has {len(in_axes)} entries, but the function was called with {len(args)} positional "
                "argument(s); give one axis for each, or one for all"
            )
        given = in_axes if isinstance(in_axes, list) else [in_axes] * len(args)
        self.axes: list[int | None] = []
        for i, (axis, x) in enumerate(zip(given, args, strict=True)):
            self.axes += _fitted(axis, x, "in_axes", f"argument {i}")
        self.axes += [0] * len(tree_flatten(kwargs)[0])
        self.axes = [
            None if a is None else _axis(a, _shape(x), "in_axes") for a, x in zip(self.axes, self.leaves, strict=True)
        ]
        self.size = self._size(axis_size)

    def _size(self, axis_size: Any) -> int:
        sizes = {_shape(x)[a]: x for x, a in zip(self.leaves, self.axes, strict=True) if a is not None}
        if axis_size is not None:
            sizes.setdefault(int(axis_size), None)
        if len(sizes) > 1:
            found = ", ".join(
                f"{n} in an argument of shape {_shape(x)}" if x is not None else f"axis_size {n}"
                for n, x in sizes.items()
            )
            raise ValueError(
                f"vmap: the arguments must have equally many examples along their mapped axes, got {found}"
            )
        if not sizes:
            raise ValueError(
                "vmap: no argument has examples (every entry of in_axes is None); give axis_size, or an axis in in_axes"
            )
        return next(iter(sizes))

    def call(self, f: Function, level: Any) -> Any:
        inside = [
            (_core.own(x) if isinstance(x, (Array, np.ndarray)) else x)
            if a is None
            else level.input(_core.shared(x), a)
            for x, a in zip(self.leaves, self.axes, strict=True)
        ]
        args, kwargs = tree_unflatten(self.spec, inside)
        return f(*args, **kwargs)


def _fitted(axes: Any, tree: Any, what: str, where: str) -> list[Any]:
    """One axis for each leaf of the tree; `axes` is one for all of them, or a tree that stops where all have one."""
    if axes is None or issubclass(type(axes), (int, np.integer)):
        return [axes] * len(tree_flatten(tree)[0])
    if is_leaf(axes) or (is_leaf(tree) and tree is not None):
        raise TypeError(f"vmap: {what} must hold whole numbers or None in the structure of the {where}, got {axes!r}")
    own, parts = _opened(axes), _opened(tree)
    if own is None or parts is None or own.keys() != parts.keys():
        raise ValueError(f"vmap: {what} {axes!r} does not fit the structure of the {where}, {tree_flatten(tree)[1]}")
    return [a for key, part in parts.items() for a in _fitted(own[key], part, what, where)]


def _opened(tree: Any) -> dict[Any, Any] | None:
    """One level of a container, in the order of its leaves."""
    if type(tree) is dict:
        from wengert._internals.tree import sorted_keys

        return {key: tree[key] for key in sorted_keys(list(tree))}
    return dict(enumerate(tree)) if isinstance(tree, (list, tuple)) else None


def _shape(x: Any) -> tuple[int, ...]:
    return _core.shape_of(x) if isinstance(x, _ARRAYS) else ()


def _axis(axis: Any, shape: tuple[int, ...], what: str) -> int:
    if not -len(shape) <= axis < len(shape):
        raise ValueError(
            f"vmap: {what} names axis {axis} of an argument of shape {shape}; give one that it has, or None if all "
            "examples share the argument"
        )
    return int(axis) % len(shape)


def _result(level: Any, y: Any, axis: int | None) -> Any:
    check_output(y, "vmap")
    if axis is None:
        if level.owns(y):
            raise ValueError("vmap: out_axes is None for a result that differs from example to example; give an axis")
        return y
    n = len(_shape(y)) + 1
    if not -n <= axis < n:
        raise ValueError(f"vmap: out_axes names axis {axis} of a result with {n} axes")
    return level.result(y, axis % n)


def on_examples(f: Function, n: int, operands: Sequence[Any]) -> tuple[list[Any], Any]:
    """Leaves and structure of ``f(*operands)``, a function of one of n examples, which lie along the first axes; in the
    leaves, too. It is called once for each where it asks for a number.
    """
    level = _core.BatchLevel(n)
    try:
        leaves, spec = tree_flatten(_core.settled(f(*[level.input(x, 0) for x in operands])))
        return [level.result(v, 0) if isinstance(v, (*_ARRAYS, float, int)) else v for v in leaves], spec
    except Exception:
        if not level.asked or n == 0:
            raise
    finally:
        level.close()
    runs = [tree_flatten(f(*[x[i] for x in operands])) for i in range(n)]
    columns = zip(*(leaves for leaves, _ in runs), strict=True)
    return [_core.ops.stack(list(c)) if isinstance(c[0], (*_ARRAYS, float, int)) else c[0] for c in columns], runs[0][1]
