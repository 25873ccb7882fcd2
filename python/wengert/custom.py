"""Functions with derivative rules of their own, and recomputation instead of storage.

Either rule serves both modes: the other one is found by transposition, since both are linear in what they propagate.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from . import _core
from ._core import Array
from .arguments import zeros_like
from .pickling import importable_name
from .transforms import vjp
from .tree import is_leaf, tree_flatten, tree_unflatten

Function = Callable[..., Any]


def _is_number(x: Any) -> bool:
    return isinstance(x, (Array, np.ndarray, float)) and (isinstance(x, float) or np.dtype(x.dtype).kind == "f")


class _Layout:
    """The tree of a call's arguments without the arguments: all that a recorded rule may hold of them.

    A rule that held differentiated values would keep alive the tape that keeps the rule, for ever.
    """

    __slots__ = ("active", "counts", "spec")

    def __init__(self, args: tuple[Any, ...], spec: Any, active: list[int]):
        self.spec, self.active = spec, active
        self.counts = [1 if is_leaf(x) else len(tree_flatten(x)[0]) for x in args]

    def fill(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments' tree with ``values`` at the operands and None elsewhere."""
        leaves: list[Any] = [None] * sum(self.counts)
        for i, v in zip(self.active, values, strict=True):
            leaves[i] = v
        args: tuple[Any, ...] = tree_unflatten(self.spec, leaves)
        return args


class _Call:
    """The arguments of one call: which leaves can carry derivatives, and at which level."""

    def __init__(self, args: tuple[Any, ...]):
        self.leaves, self.spec = tree_flatten(args)
        self.active = [i for i, x in enumerate(self.leaves) if _is_number(x)]
        self.layout = _Layout(args, self.spec, self.active)
        self.level = _core.top_level([self.leaves[i] for i in self.active])

    @property
    def operands(self) -> list[Any]:
        return [self.leaves[i] for i in self.active]

    def lowered(self) -> tuple[Any, ...]:
        """The arguments one level down."""
        leaves = [self.level.primal(x) if isinstance(x, Array) else x for x in self.leaves]
        args: tuple[Any, ...] = tree_unflatten(self.spec, leaves)
        return args

    def tangents(self) -> list[Any]:
        """One for each operand; zeros for constants."""
        out = []
        for x in self.operands:
            t = self.level.tangent(x) if isinstance(x, Array) else None
            if t is None:
                shape = np.shape(x) if not isinstance(x, Array) else x.shape
                t = _core.array(np.zeros((self.level.tangents, *shape) if self.level.tangents else shape))
            out.append(t)
        return out


def _transposed(linear: Function, zeros: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
    """The transpose of a linear function of several arrays, applied to ``cotangents``."""
    level = _core.ReverseLevel()
    try:
        inputs = [level.input(z) for z in zeros]
        out = list(linear(*inputs))
    finally:
        level.close()
    pairs = [(y, c) for y, c in zip(out, cotangents, strict=True) if isinstance(y, Array) and c is not None]
    results = level.sweep([y for y, _ in pairs], [c for _, c in pairs])
    return [zeros_like(z) if r is None else r for r, z in zip(results, zeros, strict=True)]


def _each_tangent(level: Any, push: Function, tangents: list[Any]) -> list[Any]:
    """Runs ``push`` on one tangent, or on each of k and stacks the results."""
    k = level.tangents
    if not k:
        return list(push(tangents))
    runs = [push([_core.ops.getitem(t, i) for t in tangents]) for i in range(k)]
    return [_core.ops.stack(list(column)) for column in zip(*runs, strict=True)]


def _flat_cotangents(grads: Any, layout: _Layout, name: str) -> list[Any]:
    """What a vjp rule returned, one entry for each operand."""
    if not isinstance(grads, (tuple, list)):
        grads = (grads,)
    if len(grads) != len(layout.counts):
        raise TypeError(
            f"{name}: the backward rule returned {len(grads)} cotangents for {len(layout.counts)} arguments; return a "
            "tuple with one for each (None for no derivative)"
        )
    flat: list[Any] = []
    for g, n in zip(grads, layout.counts, strict=True):
        part = [None] * n if g is None else tree_flatten(g)[0]
        if len(part) != n:
            raise TypeError(
                f"{name}: the backward rule returned a cotangent with {len(part)} leaves for an argument with {n}"
            )
        flat.extend(part)
    return [flat[i] for i in layout.active]


class _Custom:
    __name__: str

    def __init__(self, f: Function):
        _core.expect_rules()
        self.f = f
        functools.update_wrapper(cast("Function", self), f)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __reduce__(self) -> Any:
        return importable_name(self) or super().__reduce__()

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if not kwargs:
            return args
        import inspect

        bound = inspect.signature(self.f).bind(*args, **kwargs)
        bound.apply_defaults()
        return (*bound.args, *bound.kwargs.values())


class custom_vjp(_Custom):
    """Decorator: a function with its own reverse rule, as in JAX.

    ``f.defvjp(fwd, bwd)``: ``fwd(*args)`` returns ``(value, residuals)`` and ``bwd(residuals, cotangent)`` a tuple with
    one cotangent (or None) for each argument. Forward mode uses the transpose of ``bwd``, which must be linear in the
    cotangent.

    >>> import wengert as wg
    >>> @wg.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, g: (wg.numpy.clip(g, -1.0, 1.0),))
    >>> wg.grad(lambda x: 5.0 * clipped(x))(2.0)
    1.0
    """

    def defvjp(self, fwd: Function, bwd: Function) -> None:
        self.fwd, self.bwd = fwd, bwd

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self._positional(args, kwargs)
        call = _Call(args)
        if call.level is None or call.level.kind in ("listing", "program"):
            if call.level is not None:
                call.level.refuse(f"{self.__name__} has a derivative rule of its own")
            return self.f(*args)
        if not hasattr(self, "fwd"):
            raise AttributeError(
                f"custom_vjp: no rule for {self.__name__}; give it with {self.__name__}.defvjp(fwd, bwd)"
            )
        value, residuals = self.fwd(*call.lowered())
        results, spec = tree_flatten(value)
        layout = call.layout

        def backward(cts: list[Any]) -> list[Any]:
            return _flat_cotangents(self.bwd(residuals, tree_unflatten(spec, cts)), layout, self.__name__)

        if call.level.kind == "reverse":
            return tree_unflatten(spec, call.level.record(call.operands, results, backward))
        zeros = [_core.array(np.zeros(np.shape(_core.stop_gradient(y)))) for y in results]

        def push(tangents: list[Any]) -> list[Any]:
            return _transposed(lambda *g: backward(list(g)), zeros, tangents)

        dots = _each_tangent(call.level, push, call.tangents())
        return tree_unflatten(spec, [call.level.lift(y, t) for y, t in zip(results, dots, strict=True)])


class custom_jvp(_Custom):
    """Decorator: a function with its own forward rule, as in JAX.

    ``f.defjvp(rule)``: ``rule(primals, tangents)`` returns ``(value, tangent)``. Reverse mode uses the transpose of the
    rule, which must be linear in the tangents.

    >>> import wengert as wg
    >>> @wg.custom_jvp
    ... def square(x):
    ...     return x * x
    >>> @square.defjvp
    ... def rule(primals, tangents):
    ...     return square(primals[0]), 2.0 * primals[0] * tangents[0]
    >>> wg.grad(square)(3.0)
    6.0
    """

    def defjvp(self, rule: Function) -> Function:
        self.rule = rule
        return rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self._positional(args, kwargs)
        call = _Call(args)
        if call.level is None or call.level.kind in ("listing", "program"):
            if call.level is not None:
                call.level.refuse(f"{self.__name__} has a derivative rule of its own")
            return self.f(*args)
        if not hasattr(self, "rule"):
            raise AttributeError(f"custom_jvp: no rule for {self.__name__}; give it with {self.__name__}.defjvp(rule)")
        primals, layout = call.lowered(), call.layout
        if call.level.kind == "reverse":
            results, spec = tree_flatten(self.f(*primals))
            zeros = [_core.array(np.zeros(np.shape(_core.stop_gradient(x)))) for x in call.operands]

            def linear(*tangents: Any) -> list[Any]:
                return tree_flatten(self.rule(primals, layout.fill(tangents))[1])[0]

            def backward(cts: list[Any]) -> list[Any]:
                return _transposed(linear, zeros, cts)

            return tree_unflatten(spec, call.level.record(call.operands, results, backward))
        values: Any = None

        def push(tangents: list[Any]) -> list[Any]:
            nonlocal values
            values, dot = self.rule(primals, layout.fill(tangents))
            return tree_flatten(dot)[0]

        dots = _each_tangent(call.level, push, call.tangents())
        results, spec = tree_flatten(values)
        return tree_unflatten(spec, [call.level.lift(y, t) for y, t in zip(results, dots, strict=True)])


def checkpoint(f: Function) -> Function:
    """``f`` with recomputation: reverse mode keeps only the arguments and runs ``f`` again during the sweep.

    Differentiated values must reach ``f`` through its arguments (RuntimeError otherwise). Forward mode is not changed:
    it stores nothing anyway.

    >>> import wengert as wg
    >>> wg.grad(wg.checkpoint(lambda x: wg.numpy.sin(x) ** 2))(0.0)
    0.0
    """

    _core.expect_rules()

    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        call = _Call(args)
        if call.level is None or call.level.kind != "reverse":
            return f(*args, **kwargs)
        layout = call.layout
        results, spec = tree_flatten(f(*call.lowered(), **kwargs))
        flat = tree_flatten(call.lowered())[0]  # again: f may have written into the others

        def of_operands(*operands: Any) -> Any:
            leaves = list(flat)
            for i, v in zip(layout.active, operands, strict=True):
                leaves[i] = v
            return tuple(tree_flatten(f(*tree_unflatten(layout.spec, leaves), **kwargs))[0])

        def backward(cts: list[Any]) -> list[Any]:
            _, pullback = vjp(of_operands, *[flat[i] for i in layout.active])
            return list(pullback(tuple(cts)))

        return tree_unflatten(spec, call.level.record(call.operands, results, backward))

    t: Any = _core.new_transform(checkpointed, None, (checkpoint, (f,)))
    return functools.update_wrapper(t, f)
