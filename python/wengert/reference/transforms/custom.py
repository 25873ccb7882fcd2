"""Rules written by users, and checkpoints.

A custom rule is given for one mode and serves both.  A reverse rule maps cotangents to cotangents *linearly*, and the
forward rule is the transpose of that map; transposing a linear map is exactly what reverse mode does.  So the forward
rule is the reverse-mode derivative of the reverse rule with respect to its cotangent, and the other way round.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..array.handle import Array, raw
from ..array.kinds import stand_for
from ..levels import Box, concrete, newest_level
from ..primitive import Primitive
from ..tape import Tape
from .derivatives import jvp
from .linearization import Inputs, Linearization, changes, zeros_like
from .trees import LEAF_TYPES, flatten


class Call:
    """One call of a function with a custom rule: its arguments one level down, and its results.

    `push` and `pull` are filled in by the kind of rule: products with the Jacobian and with its transpose, from a list
    with one entry for each leaf to such a list.
    """

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.name = getattr(f, "__name__", type(f).__name__)
        self.leaves, self.structure = flatten(args)
        self.operands = tuple(raw(leaf) if isinstance(leaf, LEAF_TYPES) else leaf for leaf in self.leaves)
        self.level: Any = newest_level(self.operands)
        self.push: Callable[[list[Any]], list[Any]]
        self.pull: Callable[[list[Any]], list[Any]]

    @property
    def traced(self) -> bool:
        return self.level is not None and bool(self.level.differentiates)

    def lower(self) -> None:
        """Take the arguments one level down."""
        self.primals = tuple(self.level.lower(operand) for operand in self.operands)
        self.lowered = self.structure.unflatten(
            [
                stand_for(Array(p), leaf) if isinstance(p, (Box, np.ndarray)) else p
                for p, leaf in zip(self.primals, self.leaves, strict=True)
            ]
        )

    def finish(self, result: Any) -> Any:
        """The result of the call, with the custom rule attached to each of its leaves."""
        leaves, structure = flatten(result)
        self.outputs = [raw(leaf) for leaf in leaves]
        attached = []
        for number, output in enumerate(self.outputs):
            rules = self._jvp(number), self._vjp(number)
            primitive = Primitive(self.name, "custom", len(self.operands), _no_value, *rules)
            value = self.level.attach(output, primitive, self.operands, self.primals, {})
            attached.append(stand_for(Array(value), leaves[number]))
        return structure.unflatten(attached)

    def closed_over(self, result: Any) -> bool:
        """Whether the result depends on this level by another way than through the arguments."""
        for leaf in flatten(result)[0]:
            value = raw(leaf)
            while isinstance(value, Box):
                if value.level.serial >= self.level.serial and value.level.differentiates:
                    return True
                value = value.primal
        return False

    def _jvp(self, number: int) -> Any:
        def rule(position: int, tangent: Any, answer: Any, operands: Any, params: Any, active: Any) -> Any:
            tangents = [zeros_like(p) if isinstance(p, (Box, np.ndarray, float, int)) else None for p in self.primals]
            tangents[position] = tangent
            return self.push(tangents)[number]

        return rule

    def _vjp(self, number: int) -> Any:
        last: list[Any] = [None, None]  # one sweep hands the same cotangent to each operand in turn

        def rule(position: int, cotangent: Any, answer: Any, operands: Any, params: Any, active: Any) -> Any:
            if last[0] is not cotangent:
                cotangents = [zeros_like(output) for output in self.outputs]
                cotangents[number] = cotangent
                last[:] = [cotangent, self.pull(cotangents)]
            return last[1][position]

        return rule


def _no_value(*operands: Any, **params: Any) -> Any:
    raise NotImplementedError("a custom rule has no value of its own")


def _transposed(linear: Callable[[list[Any]], list[Any]], examples: Sequence[Any]) -> Callable[[list[Any]], list[Any]]:
    """The transpose of a linear map between lists of raw values, by reverse mode at zero."""

    def run(changes_out: list[Any]) -> list[Any]:
        chosen = [i for i, example in enumerate(examples) if _is_float(example)]

        def apply_linear(*parts: Any) -> list[Any]:
            full: list[Any] = [None] * len(examples)
            for i, part in zip(chosen, parts, strict=True):
                full[i] = raw(part)
            return [Array(value) for value in linear(full) if value is not None]

        start = tuple(Array(zeros_like(examples[i])) for i in chosen)
        recorded = Linearization(apply_linear, Inputs(start, range(len(start)), "custom rule"))
        found = recorded.pull_back([change for change in changes_out if change is not None])
        result: list[Any] = [zeros_like(e) if isinstance(e, (Box, np.ndarray)) else None for e in examples]
        for i, value in zip(chosen, found, strict=True):
            result[i] = value
        return result

    return run


def _is_float(value: Any) -> bool:
    return isinstance(value, (Box, np.ndarray, float)) and np.asarray(concrete(value)).dtype.kind == "f"


class _Ruled:
    """A function with a rule of its own: the part that does not depend on the mode of the rule."""

    def __call__(self, *args: Any) -> Any:
        raise NotImplementedError

    def __init__(self, f: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        functools.update_wrapper(self, f)
        self.f = f
        self.nondiff_argnums = tuple(nondiff_argnums)

    def begin(self, args: tuple[Any, ...]) -> tuple[Call, list[Any]]:
        """The call, and where it is traced all arguments with the differentiable ones taken one level down."""
        free = [i for i in range(len(args)) if i not in self.nondiff_argnums]
        call = Call(self.f, tuple(args[i] for i in free))
        full = list(args)
        if call.traced:
            call.lower()
            for i, arg in zip(free, call.lowered, strict=True):
                full[i] = arg
        return call, full

    def refuse_closure(self, call: Call, value: Any) -> None:
        if call.closed_over(value):
            raise ValueError(
                f"wengert.{type(self).__name__}: {self.f.__name__} uses a differentiated value that is not an "
                "argument, so its rule cannot give the derivative for it; pass it as an argument"
            )


class custom_vjp(_Ruled):
    """A function with its own reverse rule, as in JAX; forward mode uses the transpose of that rule.

    ``f.defvjp(fwd, bwd)``: ``fwd(*args)`` returns ``(value, residuals)``; ``bwd(residuals, cotangent)`` returns a tuple
    with one cotangent for each argument (None for none).  Arguments in ``nondiff_argnums`` are handed to ``bwd`` first.

    >>> import wengert.reference as wr
    >>> @wr.custom_vjp
    ... def clipped(x):  # the identity, with a gradient limited to 1
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, g: (wr.numpy.clip(g, -1.0, 1.0),))
    >>> wr.grad(lambda x: clipped(x) ** 2)(3.0)
    1.0
    """

    fwd: Callable[..., Any] | None = None
    bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rule."""
        self.fwd, self.bwd = fwd, bwd

    def __call__(self, *args: Any) -> Any:
        if self.fwd is None or self.bwd is None:
            raise TypeError(f"wengert.custom_vjp: {self.f.__name__} has no rule yet; call its defvjp(fwd, bwd)")
        bwd = self.bwd
        static = [args[i] for i in self.nondiff_argnums]
        call, full = self.begin(args)
        if not call.traced:
            return self.f(*args)
        value, residuals = self.fwd(*full)
        self.refuse_closure(call, value)
        _, structure = flatten(value)

        def pull(cotangents: list[Any]) -> list[Any]:
            given = bwd(*static, residuals, structure.unflatten([Array(g) for g in cotangents]))
            return _check_cotangents(given, call, self.f.__name__)

        def pull_floats(cotangents: list[Any]) -> list[Any]:
            return [g for g, p in zip(pull(cotangents), call.primals, strict=True) if _is_float(p)]

        def push(tangents: list[Any]) -> list[Any]:
            floats = [t for t, p in zip(tangents, call.primals, strict=True) if _is_float(p)]
            return _transposed(pull_floats, call.outputs)(floats)

        call.pull, call.push = pull, push
        return call.finish(value)


def _check_cotangents(given: Any, call: Call, name: str) -> list[Any]:
    """One raw cotangent for each leaf of the arguments, from what a user's rule returned."""
    args = call.lowered
    if not isinstance(given, (tuple, list)) or len(given) != len(args):
        found = len(given) if isinstance(given, (tuple, list)) else type(given).__name__
        raise ValueError(
            f"wengert.custom_vjp: the reverse rule of {name} must return a tuple with one cotangent for each of "
            f"{len(args)} argument(s), it returned {found}"
        )
    result: list[Any] = []
    for cotangent, arg in zip(given, args, strict=True):
        leaves, structure = flatten(arg)
        primals = call.primals[len(result) : len(result) + len(leaves)]
        if cotangent is None:
            result += [zeros_like(p) if isinstance(p, (Box, np.ndarray, float, int)) else None for p in primals]
        else:
            result += changes(cotangent, structure, primals, f"custom_vjp ({name})", "cotangent")
    return result


class custom_jvp(_Ruled):
    """A function with its own forward rule, as in JAX; reverse mode uses the transpose of that rule.

    ``f.defjvp(rule)``: ``rule(primals, tangents)`` returns ``(value, tangent)`` and must be linear in the tangents.

    >>> import wengert.reference as wr
    >>> @wr.custom_jvp
    ... def cube(x):
    ...     return x * x * x
    >>> @cube.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return cube(x), 3 * x * x * t
    >>> wr.grad(cube)(2.0)
    12.0
    """

    rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule; can be used as a decorator."""
        self.rule = rule
        return rule

    def __call__(self, *args: Any) -> Any:
        if self.rule is None:
            raise TypeError(f"wengert.custom_jvp: {self.f.__name__} has no rule yet; call its defjvp(rule)")
        rule = self.rule
        static = [args[i] for i in self.nondiff_argnums]
        call, _ = self.begin(args)
        if not call.traced:
            return self.f(*args)
        primals = tuple(call.lowered)

        def ruled(tangents: list[Any]) -> Any:
            changed = call.structure.unflatten([None if t is None else Array(t) for t in tangents])
            return rule(*static, primals, tuple(changed))

        value, _ = ruled(_filled([None] * len(call.primals), call.primals))  # that of f may have another derivative
        self.refuse_closure(call, value)
        leaves, structure = flatten(value)

        def push(tangents: list[Any]) -> list[Any]:
            _, tangent = ruled(tangents)
            return changes(tangent, structure, call.outputs, f"custom_jvp ({self.f.__name__})", "tangent")

        call.outputs = [raw(leaf) for leaf in leaves]
        call.push = push
        call.pull = _transposed(lambda tangents: push(_filled(tangents, call.primals)), call.primals)
        return call.finish(value)


def _filled(tangents: list[Any], primals: Sequence[Any]) -> list[Any]:
    """Zero tangents for the numbers and integer arrays that have none."""
    return [
        zeros_like(p) if t is None and isinstance(p, (Box, np.ndarray, float, int)) else t
        for t, p in zip(tangents, primals, strict=True)
    ]


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f``, of which reverse mode keeps only the arguments: its inside is computed again during the sweep.

    Memory is exchanged for time.  Value and derivatives of every order are those of ``f``.

    >>> import wengert.reference as wr
    >>> wr.grad(wr.checkpoint(lambda x: wr.numpy.sin(wr.numpy.exp(x))))(0.0) == wr.numpy.cos(1.0).item()
    True
    """

    @functools.wraps(f)
    def run(*args: Any) -> Any:
        call = Call(f, args)
        if not isinstance(call.level, Tape):
            return f(*args)
        call.lower()
        value = f(*call.lowered)
        if call.closed_over(value):  # values from outside are differentiated too: then nothing can be saved
            return f(*args)
        active = [i for i, primal in enumerate(call.primals) if _is_float(primal)]

        def of_floats(*parts: Any) -> Any:
            leaves = list(flatten(call.lowered)[0])
            for i, part in zip(active, parts, strict=True):
                leaves[i] = part
            return f(*call.structure.unflatten(leaves))

        points = tuple(stand_for(Array(call.primals[i]), call.leaves[i]) for i in active)

        def pull(cotangents: list[Any]) -> list[Any]:
            recomputed = Linearization(of_floats, Inputs(points, range(len(points)), "checkpoint"))
            result: list[Any] = [None] * len(call.primals)
            for i, share in zip(active, recomputed.pull_back(cotangents), strict=True):
                result[i] = share
            return result

        def push(tangents: list[Any]) -> list[Any]:
            _, tangent = jvp(of_floats, points, tuple(Array(tangents[i]) for i in active))
            return [raw(leaf) for leaf in flatten(tangent)[0]]

        call.pull, call.push = pull, push
        return call.finish(value)

    return run
