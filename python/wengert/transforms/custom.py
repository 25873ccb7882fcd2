"""Functions with derivative rules of their own, and recomputation instead of storage.

Either rule serves both modes: the other one is found by transposition, since both are linear in what they propagate.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert._internals.tree import is_leaf, tree_flatten, tree_unflatten
from wengert.transforms.batch import on_examples
from wengert.transforms.inputs import zeros_like
from wengert.transforms.pickling import importable_name
from wengert.transforms.reverse import vjp

Function = Callable[..., Any]


def _is_number(x: Any) -> bool:
    return issubclass(type(x), float) or (isinstance(x, (Array, np.ndarray)) and _core.dtype_of(x).kind == "f")


def _is_array(x: Any) -> bool:
    return isinstance(x, (Array, np.ndarray, np.generic))


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

    @property
    def in_batch(self) -> bool:
        return self.level is not None and self.level.batch >= 0

    def tangents(self) -> list[Any]:
        """One for each operand; zeros for constants."""
        out = []
        for x in self.operands:
            t = self.level.tangent(x) if isinstance(x, Array) else None
            if t is None:
                t = _zeros(x)
                if self.level.tangents:
                    t = _core.ops.broadcast_to(t, (self.level.tangents, *_core.shape_of(t)))
            out.append(t)
        return out


class _Examples:
    """The same inside vmap: one level down, where the operands are those of all examples."""

    def __init__(self, call: _Call):
        self.level, self.leaves, self.spec = call.level, call.leaves, call.spec
        self.at = [i for i, x in enumerate(self.leaves) if _is_number(x) or self.level.owns(x)]
        self.numbers = [k for k, i in enumerate(self.at) if _is_number(self.leaves[i])]
        self.layout = call.layout

    @property
    def operands(self) -> list[Any]:
        return [self.level.examples(self.leaves[i]) for i in self.at]

    def arguments(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments of one example."""
        leaves = list(self.leaves)
        for i, x in zip(self.at, operands, strict=True):
            leaves[i] = x
        args: tuple[Any, ...] = tree_unflatten(self.spec, leaves)
        return args

    def run(self, f: Function, operands: Sequence[Any]) -> Any:
        """``f`` on the operands of each example; its results, a tree, have those of all examples."""
        leaves, spec = on_examples(f, self.level.batch, operands)
        if any(self.level.owns(x) for x in leaves if isinstance(x, Array)):
            raise RuntimeError(
                "wengert: a function with a rule of its own (custom_vjp, custom_jvp, checkpoint) uses a value inside "
                "vmap that is not among its arguments; pass it as an argument"
            )
        return tree_unflatten(spec, leaves)

    def results(self, tree: Any) -> Any:
        leaves, spec = tree_flatten(tree)
        return tree_unflatten(spec, [self.level.of_examples(x) if isinstance(x, Array) else x for x in leaves])


def _by_rule(rule: Function, *args: Any) -> Any:
    """What a rule of the user's gives, inside vmap: once for each example where it asks for numbers."""
    call = _Call(args)
    if not call.in_batch:
        return rule(*args)
    each = _Examples(call)
    return each.results(each.run(lambda *x: rule(*each.arguments(x)), each.operands))


def _transpose(linear: Function, zeros: Sequence[Any]) -> Function:
    """The transpose of a linear function of several arrays: a list of cotangents in, one for each argument out.

    Where the function asks its arguments for numbers or hands them to something else than wengert, which no level can
    follow, it is applied to the unit vectors instead.
    """
    level = _core.ReverseLevel()
    followed = True
    try:
        outputs = _core.settled(list(linear(*[level.input(z) for z in zeros])))
        followed = not level.asked
    except Exception:  # if it was no such question, the unit vectors meet the error again
        followed = False
    finally:
        level.close()
    if not followed:
        return _transpose_by_units(linear, zeros)

    def transpose(cotangents: Sequence[Any]) -> list[Any]:
        pairs = [(y, c) for y, c in zip(outputs, cotangents, strict=True) if isinstance(y, Array) and c is not None]
        found = level.sweep([y for y, _ in pairs], [c for _, c in pairs], keep=True)
        return [zeros_like(z) if r is None else r for r, z in zip(found, zeros, strict=True)]

    return transpose


def _transpose_by_units(linear: Function, zeros: Sequence[Any]) -> Function:
    columns = []  # of the matrix, for each element of each argument: a list with one array for each result
    for i, z in enumerate(zeros):
        for unit in np.eye(z.size, dtype=z.dtype):
            columns.append(linear(*zeros[:i], _core.array(unit.reshape(z.shape)), *zeros[i + 1 :]))

    def transpose(cotangents: Sequence[Any]) -> list[Any]:
        found, column = [], iter(columns)
        for z in zeros:
            elements = [_inner(next(column), cotangents) for _ in range(z.size)]
            found.append(_core.ops.reshape(_core.ops.stack(elements), z.shape) if elements else z)
        return found

    return transpose


def _inner(a: Sequence[Any], b: Sequence[Any]) -> Any:
    parts = [
        _core.ops.sum(_core.ops.multiply(x, y)) for x, y in zip(a, b, strict=True) if x is not None and y is not None
    ]
    return functools.reduce(_core.ops.add, parts, _core.array(0.0))


def _zeros(like: Any) -> Array:
    like = _core.stop_gradient(like)
    return _core.array(np.zeros(_core.shape_of(like), _core.dtype_of(like)))


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
        if call.in_batch and hasattr(self, "fwd"):
            return self._batched(call)
        if call.level is None or not (call.level.reverse or call.level.forward):
            if call.level is not None:
                call.level.refuse(f"{self.__name__} has a derivative rule of its own")
            return self.f(*args)
        if not hasattr(self, "fwd"):
            raise AttributeError(
                f"custom_vjp: no rule for {self.__name__}; give it with {self.__name__}.defvjp(fwd, bwd)"
            )
        value, residuals = _by_rule(self.fwd, *call.lowered())
        results, spec = tree_flatten(value)
        layout = call.layout

        def backward(cts: list[Any]) -> list[Any]:
            return _flat_cotangents(_by_rule(self.bwd, residuals, tree_unflatten(spec, cts)), layout, self.__name__)

        if call.level.reverse:
            return tree_unflatten(spec, call.level.record(call.operands, results, backward))
        zeros = [_zeros(x) for x in call.operands]

        def linear(*cotangents: Any) -> list[Any]:
            return [z if g is None else g for g, z in zip(backward(list(cotangents)), zeros, strict=True)]

        push = _transpose(linear, [_zeros(y) for y in results])
        dots = _each_tangent(call.level, push, call.tangents())
        return tree_unflatten(spec, [call.level.lift(y, t) for y, t in zip(results, dots, strict=True)])

    def _batched(self, call: _Call) -> Any:
        each = _Examples(call)

        def forward(*operands: Any) -> Any:
            return each.run(lambda *x: self.fwd(*each.arguments(x)), operands)

        def backward(residuals: Any, cotangents: Any) -> Any:
            held, spec = tree_flatten((residuals, cotangents))
            arrays = [i for i, x in enumerate(held) if _is_array(x)]

            def of_one(*xs: Any) -> Any:
                leaves = list(held)
                for i, x in zip(arrays, xs, strict=True):
                    leaves[i] = x
                grads = _flat_cotangents(self.bwd(*tree_unflatten(spec, leaves)), each.layout, self.__name__)
                return tuple(grads)

            found: list[Any] = [None] * len(each.at)
            for k, g in zip(each.numbers, each.run(of_one, [held[i] for i in arrays]), strict=True):
                found[k] = g
            return tuple(found)

        batched = custom_vjp(lambda *x: each.run(lambda *y: self.f(*each.arguments(y)), x))
        batched.defvjp(forward, backward)
        return each.results(batched(*each.operands))


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
        if call.in_batch and hasattr(self, "rule"):
            return self._batched(call)
        if call.level is None or not (call.level.reverse or call.level.forward):
            if call.level is not None:
                call.level.refuse(f"{self.__name__} has a derivative rule of its own")
            return self.f(*args)
        if not hasattr(self, "rule"):
            raise AttributeError(f"custom_jvp: no rule for {self.__name__}; give it with {self.__name__}.defjvp(rule)")
        primals, layout = call.lowered(), call.layout
        values: list[Any] = []
        spec: Any = None

        def push(*tangents: Any) -> list[Any]:  # the values come with it: those of f itself have another derivative
            nonlocal values, spec
            value, dot = _by_rule(self.rule, primals, layout.fill(tangents))
            values, spec = tree_flatten(value)
            dots = tree_flatten(dot)[0]
            if len(dots) != len(values):
                raise TypeError(
                    f"{self.__name__}: the rule returned {len(values)} values and {len(dots)} tangents; return one "
                    "tangent of the same shape for each value"
                )
            return dots

        if call.level.reverse:
            pull = _transpose(push, [_zeros(x) for x in call.operands])
            return tree_unflatten(spec, call.level.record(call.operands, values, pull))
        dots = _each_tangent(call.level, lambda tangents: push(*tangents), call.tangents())
        return tree_unflatten(spec, [call.level.lift(y, t) for y, t in zip(values, dots, strict=True)])

    def _batched(self, call: _Call) -> Any:
        each = _Examples(call)

        def rule(primals: Any, tangents: Any) -> Any:
            def of_one(*xs: Any) -> Any:
                n = len(primals)
                return self.rule(each.arguments(xs[:n]), each.layout.fill(xs[n:]))

            return each.run(of_one, [*primals, *(tangents[k] for k in each.numbers)])

        batched = custom_jvp(lambda *x: each.run(lambda *y: self.f(*each.arguments(y)), x))
        batched.defjvp(rule)
        return each.results(batched(*each.operands))


def checkpoint(f: Function) -> Function:
    """``f`` with recomputation: reverse mode keeps only the arguments and runs ``f`` again during the sweep.

    Differentiated values must reach ``f`` through its arguments (RuntimeError otherwise). Forward mode is not changed:
    it stores nothing anyway.

    >>> import wengert as wg
    >>> wg.grad(wg.checkpoint(lambda x: wg.numpy.sin(x) ** 2))(0.0)
    0.0
    """

    _core.expect_rules()

    def batched(call: _Call, kwargs: dict[str, Any]) -> Any:
        each = _Examples(call)
        of_all = checkpoint(lambda *x: each.run(lambda *y: f(*each.arguments(y), **kwargs), x))
        return each.results(of_all(*each.operands))

    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        call = _Call(args)
        if call.in_batch:
            return batched(call, kwargs)
        if call.level is None or not call.level.reverse:
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

    t: Any = _core.new_transform(checkpointed, (checkpoint, (f,)))
    return functools.update_wrapper(t, f)
