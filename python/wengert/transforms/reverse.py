"""Derivatives in reverse mode: ``grad``, ``value_and_grad``, ``elementwise_grad`` and ``vjp``.

Every transform opens a level of the compiled core, runs the function on values of that level, closes it (also when the
function raises) and reads the derivatives. Levels nest, so transforms of transforms need no further code.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from wengert import _core
from wengert._core import Array
from wengert._internals.hints import explain_keywords
from wengert._internals.tree import tree_flatten, tree_unflatten
from wengert.transforms.inputs import (
    Function,
    Inputs,
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
            one = _core.array(1.0, dtype=_core.dtype_of(y))
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
