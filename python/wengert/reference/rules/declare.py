"""How a primitive is written down.

Rules are ordinary programs on *values*: given plain arrays a rule is NumPy code, given boxes what it computes is
followed by their levels.  That is all it takes for derivatives of derivatives.

An *elementwise* operation needs only its slope ``∂y/∂a`` for each operand, as a function of the result ``y`` and the
operands.  The Jacobian is diagonal, so both modes multiply by the slope; what differs is broadcasting.  A tangent is
stretched with its operand; a cotangent is summed over the axes along which its operand was stretched.

Any other operation states its forward and reverse rules in full.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..levels import bind, concrete, evaluate
from ..primitive import REALS, Primitive, register

Operation = Callable[..., Any]  # takes values, returns a value
Slope = Callable[..., Any] | float | None  # a number when constant, None when there is no derivative


def elementwise(
    name: str,
    value: Callable[..., Any],
    forward: Slope | Sequence[Slope] = None,
    reverse: Slope | Sequence[Slope] = None,
    *,
    arity: int = 1,
    domain: tuple[tuple[float, float], ...] | None = None,
    kind: str = "elementwise",
    needs_activity: bool = False,
    internal: bool = False,
) -> Operation:
    """Declare an elementwise primitive by its value and its slopes, one for each operand.

    A slope whose factors must not be multiplied first, because that may overflow, is a tuple of them.
    ``needs_activity``: the slopes also want to know which operands are being differentiated.
    """
    forward_slopes = tuple(forward) if isinstance(forward, Sequence) else (forward,)
    reverse_slopes = tuple(reverse) if isinstance(reverse, Sequence) else (reverse,)
    differentiable = any(slope is not None for slope in forward_slopes)

    def along(slopes: Sequence[Slope], position: int, change: Any, answer: Any, operands: Any, **extra: Any) -> Any:
        slope = slopes[position]
        if slope is None:
            return evaluate("multiply", change, 0)
        if not callable(slope):
            return change if slope == 1 else -change if slope == -1 else strong(change, slope)
        found = slope(answer, *operands, **extra)
        for factor in found if isinstance(found, tuple) else (found,):
            change = strong(change, factor)
        return change

    def jvp(position: int, tangent: Any, answer: Any, operands: Any, params: Any, active: Any) -> Any:
        extra = {"active": active, **params} if needs_activity else params
        with np.errstate(all="ignore"):
            term = along(forward_slopes, position, tangent, answer, operands, **extra)
        return cast_like(stretch(term, np.shape(concrete(answer))), answer)

    def vjp(position: int, cotangent: Any, answer: Any, operands: Any, params: Any, active: Any) -> Any:
        extra = {"active": active, **params} if needs_activity else params
        with np.errstate(all="ignore"):
            share = along(reverse_slopes, position, cotangent, answer, operands, **extra)
        return cast_like(unbroadcast(share, np.shape(concrete(operands[position]))), operands[position])

    rules = {"jvp": jvp, "vjp": vjp} if differentiable else {}
    domains = domain or (REALS,) * arity
    return operation(register(Primitive(name, kind, arity, value, domain=domains, internal=internal, **rules)))


def structured(
    name: str,
    kind: str,
    value: Callable[..., Any],
    jvp: Callable[..., Any] | Sequence[Callable[..., Any] | None] | None = None,
    vjp: Callable[..., Any] | Sequence[Callable[..., Any] | None] | None = None,
    *,
    arity: int = 1,
    internal: bool = False,
) -> Operation:
    """Declare a primitive by its value and, for each operand, ``jvp(t, y, *operands, **params)`` and
    ``vjp(g, y, *operands, **params)``.  With any number of operands (``arity=-1``) there is one function of each kind
    and it gets the operand's position as its first argument.
    """

    def rule(functions: Any) -> Any:
        if functions is None:
            return None
        each = functions if isinstance(functions, Sequence) else None

        def call(position: int, change: Any, answer: Any, operands: Any, params: Any, active: Any) -> Any:
            with np.errstate(all="ignore"):
                if each is not None:
                    return each[position](change, answer, *operands, **params)
                if arity < 0:
                    return functions(position, change, answer, *operands, **params)
                return functions(change, answer, *operands, **params)

        return call

    return operation(register(Primitive(name, kind, arity, value, rule(jvp), rule(vjp), internal=internal)))


def operation(primitive: Primitive) -> Operation:
    """The function that applies a primitive to values."""

    def run(*operands: Any, **params: Any) -> Any:
        return bind(primitive, operands, params)

    run.__name__ = run.__qualname__ = primitive.name
    return run


def strong(change: Any, slope: Any) -> Any:
    """``change * slope``, but exactly zero wherever either factor is exactly zero.

    A change of exactly zero means that nothing downstream (or upstream) depends on this value here: it must not become
    NaN because the slope is infinite, as in the inactive branch of ``where(x > 0, sqrt(x), 0)``.  Taking a slope of
    exactly zero as strong too makes forward and reverse mode agree: the product along a path of the graph is zero as
    soon as one factor is, in whichever order it is multiplied out.

    Ordinary multiplication does the same unless something is not finite.
    """
    everything_finite = np.isfinite(concrete(change)).all() and np.isfinite(concrete(slope)).all()
    return evaluate("multiply" if everything_finite else "strong_multiply", change, slope)


def stretch(change: Any, shape: tuple[int, ...]) -> Any:
    """Broadcast a tangent to the shape of the result."""
    return change if change.shape == shape else evaluate("broadcast_to", change, shape=shape)


def unbroadcast(change: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of broadcasting: sum over the axes that were stretched."""
    if change.shape == shape:
        return change
    lead = change.ndim - len(shape)
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and change.shape[lead + i] != 1]
    axes = tuple(range(lead)) + tuple(stretched)
    if axes:
        change = evaluate("sum", change, axis=axes, keepdims=False)
    return change if change.shape == shape else evaluate("reshape", change, shape=shape)


def cast_like(change: Any, model: Any) -> Any:
    """A change has the dtype of what it belongs to (float32 with float32)."""
    dtype = np.asarray(concrete(model)).dtype
    return change if change.dtype == dtype else evaluate("astype", change, dtype=dtype)
