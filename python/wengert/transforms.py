"""Transforms of functions: derivatives in reverse and forward mode.

Every transform opens a level of the compiled core, runs the function on values of that level, closes it (also when the
function raises) and reads the derivatives. Levels nest, so transforms of transforms need no further code.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _core
from ._core import Array
from .arguments import (
    Function,
    Inputs,
    check_leaf,
    check_scalar,
    checked_argnums,
    leave_level,
    like,
    like_all,
    named_after,
    shape_of,
    split_aux,
    zeros_like,
)
from .hints import explain_keywords
from .tree import is_leaf, tree_flatten, tree_unflatten

# ---- reverse mode ----------------------------------------------------------------------------------------------------


@explain_keywords
def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """A function that returns ``(f(...), gradient)`` from one run.

    ``f`` must return a scalar (with ``has_aux``: a pair of a scalar and anything). The gradient has the tree and
    shapes of argument ``argnums`` (a tuple of them for several). Raises TypeError for non-scalar results and for
    arguments without a derivative.

    >>> import wengert as wg
    >>> wg.value_and_grad(lambda x: x**2)(3.0)
    (9.0, 6.0)
    """
    return _gradient(f, argnums, has_aux, "value_and_grad", with_value=True)


@explain_keywords
def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of the scalar function ``f``; see :func:`value_and_grad`.

    With ``has_aux`` it returns ``(gradient, auxiliary)``.

    >>> import wengert as wg
    >>> wg.grad(lambda x: x * x * x)(2.0)
    12.0
    """
    return _gradient(f, argnums, has_aux, "grad", with_value=False)


def _gradient(f: Function, argnums: int | Sequence[int], has_aux: bool, name: str, with_value: bool) -> Function:
    argnums = checked_argnums(argnums, name)
    # Whether 0 and -2 name one argument is known at the call, and not asked on the short path.
    mixed = not isinstance(argnums, int) and len({i < 0 for i in argnums}) > 1
    # Numbers, arrays and plain trees of them: one call into C++ for everything.
    short = None if has_aux or mixed else _core.Gradient(f, argnums, with_value, _after_call(name))
    maker = value_and_grad if with_value else grad

    @named_after(name, f, maker, argnums, has_aux, gradient=short)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        inputs = Inputs(name, args, argnums)
        level = _core.ReverseLevel()
        try:
            traced = [level.input(_core.shared(x)) for x in inputs.leaves]
            y, aux = split_aux(inputs.call(f, traced, kwargs), has_aux, name)
            aux = leave_level(level, aux, inputs.leaves)
            check_scalar(y, name)
        finally:
            level.close()
        value = level.primal(y) if isinstance(y, Array) else y
        if isinstance(y, Array):
            one = _core.array(1.0, dtype=y.dtype)
            cotangents = level.sweep([y], [one])
        else:
            cotangents = [None] * len(traced)
        leaves = [zeros_like(x) if ct is None else like(ct, x) for x, ct in zip(inputs.leaves, cotangents, strict=True)]
        g = inputs.gather(leaves)
        if not with_value:
            return (g, aux) if has_aux else g
        value = like_all(value, inputs.leaves)
        return ((value, aux), g) if has_aux else (value, g)

    return gradient


def _after_call(name: str) -> Function:
    """What the short path does with a result that is no scalar Array: complain, or take it as a constant."""

    def check(y: Any) -> Any:
        check_scalar(y, name)
        return y

    return check


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """``(f(*primals), pullback)``; ``pullback(cotangent)`` is the tuple of vector-Jacobian products.

    With ``has_aux`` the function returns a pair of a value and anything, and the result is
    ``(value, pullback, anything)``.

    The cotangent has the tree and shapes of the value. The pullback may be called many times, and owns what it needs:
    changing an input array afterwards does not change it. Raises ValueError if shapes do not match.

    >>> import numpy as np, wengert as wg
    >>> y, pullback = wg.vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 1.0]))
    (array([2., 4.]),)
    """
    inputs = Inputs("vjp", primals, tuple(range(len(primals))))
    level = _core.ReverseLevel()
    try:
        traced = [level.input(_core.own(x)) for x in inputs.leaves]
        y, aux = split_aux(inputs.call(f, traced, {}), has_aux, "vjp")
        aux = leave_level(level, aux, inputs.leaves)
    finally:
        level.close()
    outputs, spec = tree_flatten(y)
    values = [like_all(level.primal(v), inputs.leaves) if isinstance(v, Array) else v for v in outputs]

    value, pullback = tree_unflatten(spec, values), _Pullback(_pull_back, level, inputs, outputs, spec)
    return (value, pullback, aux) if has_aux else (value, pullback)


def _pull_back(level: Any, inputs: Inputs, outputs: list[Any], spec: Any, cotangent: Any) -> tuple[Any, ...]:
    flat, ct_spec = tree_flatten(cotangent)
    if ct_spec != spec:
        raise ValueError(f"vjp: the cotangent has the structure {ct_spec}, the value has {spec}")
    for v, c in zip(outputs, flat, strict=True):
        if shape_of(v) != shape_of(c):
            raise ValueError(
                f"vjp: a cotangent of shape {shape_of(c)} for a value of shape {shape_of(v)}; they must agree"
            )
    cts = level.sweep(outputs, flat, keep=True)
    return inputs.split([zeros_like(x) if c is None else like(c, x) for x, c in zip(inputs.leaves, cts, strict=True)])


class _Pullback(functools.partial):
    __slots__ = ()
    __name__ = "pullback"

    def __reduce__(self) -> Any:
        raise TypeError(
            "vjp: a pullback holds the tape of its run and cannot be pickled; send the function and its arguments, and "
            "call vjp where the pullback is needed"
        )

    def __deepcopy__(self, memo: Any) -> _Pullback:
        return self

    def __copy__(self) -> _Pullback:
        return self


# ---- forward mode ----------------------------------------------------------------------------------------------------


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
    level = _core.DualLevel(k)
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


def stop_gradient(x: Any) -> Any:
    """The value of ``x`` (an array or a tree) with all derivatives cut off.

    >>> import wengert as wg
    >>> wg.grad(lambda x: x * wg.stop_gradient(x))(3.0)
    3.0
    """
    if isinstance(x, Array):
        return _core.stop_gradient(x)
    if is_leaf(x):
        return x
    leaves, spec = tree_flatten(x)
    return tree_unflatten(spec, [stop_gradient(v) for v in leaves])


@explain_keywords
def elementwise_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The derivative of a function that maps arrays element by element; the result has the shape of the argument.

    >>> import numpy as np, wengert as wg
    >>> wg.elementwise_grad(np.sin)(np.array([0.0]))
    array([1.])
    """

    def summed(*args: Any, **kwargs: Any) -> Any:
        return _core.ops.sum(f(*args, **kwargs))

    gradient = _gradient(summed, argnums, False, "elementwise_grad", with_value=False)
    return named_after("elementwise_grad", f, elementwise_grad, argnums)(gradient)
