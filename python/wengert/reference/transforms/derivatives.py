"""The derivatives users ask for: `grad`, `value_and_grad`, `vjp`, `jvp`, `linearize`, `hvp`, `elementwise_grad`.

One rule for types: what goes in comes out.  A Python float gives a float, a NumPy array a NumPy array, an `Array` an
`Array`, a dict of arrays a dict of arrays.  Inside the function, values are Arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..array.handle import Array, apply, raw
from ..dual import Dual, ForwardLevel
from ..levels import concrete
from .linearization import Inputs, Linearization, changes, lower_tree, split_aux, zeros_like
from .trees import flatten, like, like_tree


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """A function that returns ``f``'s value and its gradient, from one run and one reverse sweep.

    ``f`` must return a single number (shape ``()``); with ``has_aux`` a pair of it and anything else, which is returned
    beside the value as ``((value, aux), gradient)``.  ``argnums`` says which arguments to differentiate.

    >>> import wengert.reference as wr
    >>> wr.value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return _value_and_grad(f, argnums, has_aux, "value_and_grad", args, kwargs)

    return run


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of ``f``; see `value_and_grad`.

    >>> import wengert.reference as wr
    >>> wr.grad(wr.grad(wr.numpy.sin))(0.0)
    -0.0
    >>> wr.grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 5.0)
    (5.0, 2.0)
    """

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        value, gradient = _value_and_grad(f, argnums, has_aux, "grad", args, kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return run


def _value_and_grad(f: Any, argnums: Any, has_aux: bool, transform: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
    inputs = Inputs(args, argnums, transform)
    linear = Linearization(f, inputs, kwargs, has_aux)
    require_scalar(linear, transform)
    gradient = inputs.gradients(linear.pull_back([np.ones((), np.asarray(concrete(linear.outputs[0])).dtype)]))
    return ((linear.value, linear.aux) if has_aux else linear.value), gradient


def require_scalar(linear: Linearization, transform: str) -> None:
    if len(linear.outputs) != 1:
        raise TypeError(
            f"wengert.{transform}: the function must return one number, it returned {linear.structure}; "
            "use has_aux=True for further results, or jacobian for several outputs"
        )
    output = np.asarray(concrete(linear.outputs[0]))
    if output.shape != ():
        raise TypeError(
            f"wengert.{transform}: the function must return a scalar, it returned an array of shape {output.shape}; "
            "use wengert.jacobian for all its derivatives, or sum it first"
        )
    if output.dtype.kind != "f":
        raise TypeError(
            f"wengert.{transform}: the function returned a value of dtype {output.dtype}, which has no derivative; "
            "return a floating-point value"
        )


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """``f(*primals)`` and its pullback: ``pullback(cotangent)`` is a tuple with one cotangent for each primal.

    The pullback multiplies by the transposed Jacobian.  It can be called any number of times and owns all it needs.

    >>> import wengert.reference as wr
    >>> value, pullback = wr.vjp(lambda x, y: x * y, 2.0, 5.0)
    >>> value, pullback(1.0)
    (10.0, (5.0, 2.0))
    """
    inputs = Inputs(primals, range(len(primals)), "vjp")
    linear = Linearization(f, inputs, has_aux=has_aux)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        return inputs.gradients(
            linear.pull_back(changes(cotangent, linear.structure, linear.outputs, "vjp", "cotangent"))
        )

    return (linear.value, pullback, linear.aux) if has_aux else (linear.value, pullback)


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """``f(*primals)`` and its pushforward: ``pushforward(*tangents)`` multiplies by the Jacobian without running ``f``.

    >>> import wengert.reference as wr
    >>> value, pushforward = wr.linearize(lambda x: x**2, 3.0)
    >>> value, pushforward(1.0), pushforward(10.0)
    (9.0, 6.0, 60.0)
    """
    inputs = Inputs(primals, range(len(primals)), "linearize")
    linear = Linearization(f, inputs)

    def pushforward(*tangents: Any) -> Any:
        results = linear.push_forward(_tangents(inputs, tangents, "linearize"))
        return linear.structure.unflatten([like(result, inputs.model) for result in results])

    return linear.value, pushforward


def _tangents(inputs: Inputs, tangents: Sequence[Any], transform: str) -> list[Any]:
    if len(tangents) != len(inputs.structures):
        raise ValueError(
            f"wengert.{transform}: {len(inputs.structures)} primal(s) but {len(tangents)} tangent(s); give one for each"
        )
    result: list[Any] = []
    for tree, structure in zip(tangents, inputs.structures, strict=True):
        values = inputs.values[len(result) : len(result) + structure.num_leaves]
        result += changes(tree, structure, values, transform, "tangent")
    return result


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """``f(*primals)`` and its derivative in the direction ``tangents``, by dual numbers.

    >>> import wengert.reference as wr
    >>> wr.jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 0.0))
    (10.0, 5.0)
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError("wengert.jvp: primals and tangents are tuples, one entry an argument: jvp(f, (x,), (v,))")
    inputs = Inputs(tuple(primals), range(len(primals)), "jvp")
    directions = _tangents(inputs, tangents, "jvp")
    level = ForwardLevel()
    boxes = [Dual(level, value, direction) for value, direction in zip(inputs.values, directions, strict=True)]
    result = f(*inputs.call_arguments(boxes))
    result, aux = split_aux(result, "jvp") if has_aux else (result, None)
    leaves, structure = flatten(result)
    values, slopes = [], []
    for leaf in leaves:
        boxed = raw(leaf)
        tangent = level.tangent_of(boxed)
        values.append(like(level.lower(boxed), inputs.model))
        slopes.append(like(zeros_like(boxed) if tangent is None else tangent, inputs.model))
    outcome = structure.unflatten(values), structure.unflatten(slopes)
    return (*outcome, like_tree(lower_tree(aux, level), inputs.model)) if has_aux else outcome


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """The Hessian of ``f`` at ``x`` times ``v`` (same tree as ``x``), by forward over reverse mode.

    >>> import wengert.reference as wr
    >>> wr.hvp(lambda x: x**3, 2.0, 1.0)
    12.0
    """
    return jvp(grad(f), (x,), (v,))[1]


def elementwise_grad(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The derivative of a function that acts on each entry by itself: result and argument have the same shape.

    >>> import wengert.reference as wr, numpy as np
    >>> wr.elementwise_grad(lambda x: x**2)(np.array([1.0, 2.0]))
    array([2., 4.])
    """

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        inputs = Inputs(args, argnums, "elementwise_grad")
        linear = Linearization(f, inputs, kwargs)
        shapes = [np.shape(concrete(value)) for value in (*linear.outputs, *inputs.values)]
        if len(shapes) != 2 or shapes[0] != shapes[1]:
            raise TypeError(
                f"wengert.elementwise_grad: result and argument must have the same shape, got {shapes}; "
                "use wengert.jacobian"
            )
        return inputs.gradients(linear.pull_back([np.ones(shapes[0], np.asarray(concrete(linear.outputs[0])).dtype)]))

    return run


def stop_gradient(x: Any) -> Any:
    """``x``, as a constant for every derivative.  ``x`` may be a tree."""
    leaves, structure = flatten(x)
    return structure.unflatten([apply("stop_gradient", leaf) if isinstance(leaf, Array) else leaf for leaf in leaves])


__all__ = [
    "elementwise_grad",
    "grad",
    "hvp",
    "jvp",
    "linearize",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
