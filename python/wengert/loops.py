"""Loops and branches as functions: the names of JAX, with plain Python behind them.

Python loops and `if` work everywhere, in derivatives and under :func:`wengert.compile` too; these functions are there
for long loops. Called outside :func:`wengert.compile` they run step by step. Inside it, and with ``checkpoint``, the
function is recorded once and the loop becomes one operation (`rolled.py`), so neither the time to record nor the size
of the program depends on the number of steps. Where that is not possible, because the function asks for a number
(``if x > 0``), changes the shape of its carry or calls a function with a derivative rule of its own, the loop runs step
by step there too, and ``why()`` of the compiled function says so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import _core
from ._core import Array
from .custom import checkpoint as checkpointed
from .rolled import NotRolled, apply, body_of, recorder, run_in_pieces
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
    runs from the end. ``checkpoint`` saves memory in reverse mode, which otherwise keeps what it needs of every step:
    ``k`` (an int) keeps the carry of every k-th step and runs each piece again during the sweep, ``"sqrt"`` takes
    pieces of sqrt(T) steps, ``"log"`` pieces of pieces (O(log T) carries for O(log T) runs of each step).
    Raises ValueError if leading lengths differ, TypeError if the carry changes its structure.

    >>> import numpy as np, wengert as wg
    >>> last, all_sums = wg.scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> all_sums
    Array([1., 3., 6.])
    """
    rows, spec = tree_flatten(xs) if xs is not None else ([], None)
    n = _length(rows, length)
    _check_checkpoint(checkpoint)

    def step(carry: Any, row: list[Any]) -> tuple[Any, Any]:
        pair = f(carry, None if xs is None else tree_unflatten(spec, row))
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise TypeError(f"scan: the function must return a pair (carry, y), got {type(pair).__name__}")
        if _structure(pair[0]) != _structure(init):
            raise TypeError(f"scan: the carry changed its structure from {_structure(init)} to {_structure(pair[0])}")
        return pair

    if checkpoint is not None or _core.recording_program():
        try:
            return _rolled_scan(step, init, rows, n, reverse, checkpoint)
        except NotRolled as why:
            _note("scan", why)
    return _unrolled_scan(step, init, rows, n, reverse, checkpoint)


def _length(rows: list[Any], length: int | None) -> int:
    lengths = {len(x) for x in rows}
    if length is not None:
        lengths.add(length)
    if len(lengths) != 1:
        raise ValueError(
            f"scan: the arrays must have one leading length, got {sorted(lengths) or 'no arrays and no length'}"
        )
    return lengths.pop()


def _check_checkpoint(checkpoint: str | int | None) -> None:
    if checkpoint in (None, "sqrt", "log") or (isinstance(checkpoint, int) and checkpoint >= 1):
        return
    raise ValueError(f"scan: checkpoint must be None, 'sqrt', 'log' or a number of steps, got {checkpoint!r}")


def _note(name: str, why: NotRolled) -> None:
    _core.note_recording(f"{name} runs step by step, because {why}")


def _structure(tree: Any) -> Any:
    return tree_flatten(tree)[1]


# ---- step by step ----------------------------------------------------------------------------------------------------


def _unrolled_scan(
    step: Function, init: Any, rows: list[Any], n: int, reverse: bool, checkpoint: str | int | None
) -> tuple[Any, Any]:
    order = list(range(n - 1, -1, -1) if reverse else range(n))

    def steps(carry: Any, rows: list[Any], part: list[int]) -> tuple[Any, list[Any]]:
        out = []
        for t in part:
            carry, y = step(carry, [x[t] for x in rows])
            out.append(y)
        return carry, out

    if checkpoint is None:
        carry, ys = steps(init, rows, order)
    else:
        size = checkpoint if isinstance(checkpoint, int) else max(1, round(n**0.5))
        carry, ys = init, []
        for start in range(0, n, size):
            piece = functools.partial(steps, part=order[start : start + size])
            carry, part = checkpointed(functools.update_wrapper(piece, step, updated=()))(carry, rows)
            ys.extend(part)
    if reverse:
        ys.reverse()
    return carry, _stacked(ys)


def _stacked(ys: list[Any]) -> Any:
    """A list of equal trees as one tree of stacked arrays."""
    if not ys or ys[0] is None:
        return None
    flat = [tree_flatten(y) for y in ys]
    columns = zip(*(leaves for leaves, _ in flat), strict=True)
    return tree_unflatten(flat[0][1], [_core.ops.stack(list(column)) for column in columns])


# ---- as one operation ------------------------------------------------------------------------------------------------


class _Carry:
    """The values a loop carries, as arrays of types that the body keeps.

    A Python number takes the type of what it meets first: where the body makes a float32 of a carry that was 0.0, the
    loop starts from a float32 zero.
    """

    def __init__(self, init: Any):
        self.leaves, self.spec = tree_flatten(init)
        self.values = [_operand(x) for x in self.leaves]
        self.weak = [_is_weak(x) for x in self.leaves]

    def inputs(self, rec: Any) -> list[Any]:
        return [rec.input(x if w else v, weak=w) for x, v, w in zip(self.leaves, self.values, self.weak, strict=True)]

    def tree(self, leaves: Sequence[Any]) -> Any:
        return tree_unflatten(self.spec, leaves)

    def results(self, leaves: Sequence[Any]) -> Any:
        """What the loop gives back: numbers that only met numbers still take the type of what they meet."""
        return self.tree([_core.as_weak(x) if w else x for x, w in zip(leaves, self.weak, strict=True)])

    def settled(self, out: Sequence[Any]) -> bool:
        """True if the results fit the values; otherwise the values take their types."""
        settled = True
        for i, (v, y) in enumerate(zip(self.values, out, strict=True)):
            weak, y = _is_weak(y), _operand(y)
            if y.shape != v.shape:
                raise NotRolled(f"its carry changes from the shape {v.shape} to {y.shape}")
            if y.dtype == v.dtype and self.weak[i] == weak:
                continue
            if y.dtype != v.dtype and not self.weak[i] and np.promote_types(y.dtype, v.dtype) != y.dtype:
                raise NotRolled(f"its carry changes from {v.dtype} to {y.dtype}")
            self.values[i], self.weak[i], settled = v.astype(y.dtype), self.weak[i] and weak, False
        return settled


_TRIES = 4  # recordings until the types of a carry must have settled


def _operand(x: Any) -> Any:
    """A leaf as an Array; a tree may also hold what is no number."""
    if isinstance(x, Array):
        return x
    if isinstance(x, np.ndarray) and x.dtype.kind in "bif":
        return _core.shared(x)
    if isinstance(x, (float, int, np.generic)):
        return _core.array(x)
    raise NotRolled(f"a {type(x).__name__} is among its values")


def _rolled_scan(
    step: Function, init: Any, rows: list[Any], n: int, reverse: bool, checkpoint: str | int | None
) -> tuple[Any, Any]:
    carry, xs = _Carry(init), [_operand(x) for x in rows]
    for _ in range(_TRIES):
        with recorder(examples=False) as rec:
            last, y = step(carry.tree(carry.inputs(rec)), [rec.row(x) for x in xs])
            out = tree_flatten(last)[0]
            ys, spec = tree_flatten(y)
            if carry.settled(out):
                body = body_of(rec, [*map(_operand, out), *map(_operand, ys)])
                break
    else:
        raise NotRolled("the types of its carry do not settle")
    loop = _core.scan_loop(body, len(out), len(xs), n, reverse, False)
    operands = [*carry.values, *xs, *rec.captured()]
    results = apply(loop, operands) if checkpoint is None else run_in_pieces(loop, operands, checkpoint)
    return carry.results(results[: len(out)]), tree_unflatten(spec, results[len(out) :]) if ys else None


_BLOCK = 2**20  # so many values of a counter become an array (a counter that is carried costs 160 ns a step)


def _rolled_fori(body: Function, init: Any, lower: int, upper: int) -> Any:
    blocks, rest = divmod(upper - lower, _BLOCK)
    if blocks > 1:
        offsets = _core.array(np.arange(_BLOCK))

        def block(carry: Any, _: Any) -> tuple[Any, Any]:
            first, value = carry
            return (first + _BLOCK, _counted(body, value, first + offsets)), None

        _, init = _rolled_scan(block, (lower, init), [], blocks, False, None)[0]
        lower = upper - rest
    return _counted(body, init, _core.array(np.arange(lower, upper))) if lower < upper else init


def _counted(body: Function, init: Any, counter: Array) -> Any:
    carry = _Carry(init)
    for _ in range(_TRIES):
        with recorder(examples=False) as rec:
            value = carry.tree(carry.inputs(rec))
            value = body(rec.row(counter, weak=True), value)
            _same_structure("fori_loop", init, value)
            out = tree_flatten(value)[0]
            if carry.settled(out):
                made = body_of(rec, list(map(_operand, out)))
                break
    else:
        raise NotRolled("the types of its carry do not settle")
    # The graph has the carry, then the counter, as a scan does.
    loop = _core.scan_loop(made, len(out), 1, len(counter), False, False)
    return carry.results(apply(loop, [*carry.values, counter, *rec.captured()]))


def _rolled_while(condition: Function, body: Function, init: Any) -> Any:
    carry = _Carry(init)
    for _ in range(_TRIES):
        with recorder(examples=False) as rec:
            ins = carry.inputs(rec)
            again = _truth(condition(carry.tree(ins)))
            value = _attempt(body, carry.tree(ins))
            _same_structure("while_loop", init, value)
            out = tree_flatten(value)[0]
            if carry.settled(out):
                made = body_of(rec, [again, *map(_operand, out)])
                break
    else:
        raise NotRolled("the types of its carry do not settle")
    step = made.selected(list(range(1, 1 + len(out))))
    loop = _core.while_loop(made.selected([0]), step, len(out))
    return carry.results(apply(loop, [*carry.values, *rec.captured()])[: len(out)])


def _rolled_cond(predicate: Any, branches: Sequence[Function], operands: Sequence[Any]) -> Any:
    leaves, spec = tree_flatten(tuple(operands))
    numbers = [i for i, x in enumerate(leaves) if isinstance(x, (Array, np.ndarray, np.generic, float))]
    given = [_operand(leaves[i]) for i in numbers]
    with recorder(examples=False) as rec:
        inputs = list(leaves)
        for i in numbers:
            inputs[i] = rec.input(leaves[i], weak=type(leaves[i]) is float or _core.is_weak(leaves[i]))
        results = [tree_flatten(_attempt(f, *tree_unflatten(spec, inputs))) for f in branches]
        (first, structure), (second, other) = results
        if structure != other:
            raise NotRolled(f"its branches return different structures, {structure} and {other}")
        pairs = [_alike(a, b) for a, b in zip(first, second, strict=True)]
        made = body_of(rec, [a for a, _ in pairs] + [b for _, b in pairs])
    n = len(pairs)
    if n == 0:
        raise NotRolled("its branches return no arrays")
    both = _core.branch(made.selected(list(range(n))), made.selected(list(range(n, 2 * n))))
    return tree_unflatten(structure, apply(both, [predicate, *given, *rec.captured()]))


def _is_weak(x: Any) -> bool:
    return type(x) in (float, int) or _core.is_weak(x)


def _alike(first: Any, second: Any) -> tuple[Any, Any]:
    """The results of two branches in one type: a Python number takes that of the other."""
    a, b = _operand(first), _operand(second)
    if a.shape != b.shape:
        raise NotRolled(f"its branches return different shapes, {a.shape} and {b.shape}")
    if a.dtype == b.dtype:
        return a, b
    if _is_weak(first) == _is_weak(second):
        raise NotRolled(f"its branches return different types, {a.dtype} and {b.dtype}")
    return (a.astype(b.dtype), b) if _is_weak(first) else (a, b.astype(a.dtype))


def _same_structure(name: str, init: Any, value: Any) -> None:
    if _structure(init) != _structure(value):
        raise NotRolled(f"its value changes its structure from {_structure(init)} to {_structure(value)}")


def _attempt(f: Function, *args: Any) -> Any:
    """``f(*args)`` where a run step by step might not call it at all: an error of its own is no error of the loop."""
    try:
        return f(*args)
    except Exception as error:
        raise NotRolled(f"{getattr(f, '__name__', 'a function')} raised {type(error).__name__}: {error}") from error


def _truth(x: Any) -> Any:
    """A truth value that is computed, as an array of no dimensions."""
    if not isinstance(x, Array) or x.size != 1:
        raise NotRolled("its condition is no array of one element")
    x = _core.stop_gradient(x)
    x = x if x.dtype == bool else x != 0
    return x if x.shape == () else _core.ops.reshape(x, ())


# ---- the other loops -------------------------------------------------------------------------------------------------


def fori_loop(lower: int, upper: int, body: Function, init: Any) -> Any:
    """``for i in range(lower, upper): value = body(i, value)``.

    As one operation (see :func:`scan`) ``i`` is an Array of one whole number.

    >>> import wengert as wg
    >>> wg.fori_loop(0, 3, lambda i, v: v * 2.0, 1.0)
    8.0
    """
    lower, upper = int(lower), int(upper)
    if lower < upper and _core.recording_program():
        try:
            return _rolled_fori(body, init, lower, upper)
        except NotRolled as why:
            _note("fori_loop", why)
    value = init
    for i in range(lower, upper):
        value = body(i, value)
    return value


def while_loop(condition: Function, body: Function, init: Any) -> Any:
    """``while condition(value): value = body(value)``. Derivatives are those of the steps that were taken.

    As one operation (see :func:`scan`) its reverse mode keeps what it needs of the first steps, and of later ones
    carries from which it runs them again (docs/compile.md): memory grows with the logarithm of their number.

    >>> import wengert as wg
    >>> wg.while_loop(lambda v: v < 100.0, lambda v: v * 3.0, 1.0)
    243.0
    """
    if _core.recording_program():
        try:
            return _rolled_while(condition, body, init)
        except NotRolled as why:
            _note("while_loop", why)
    value = init
    while condition(value):
        value = body(value)
    return value


def cond(predicate: Any, if_true: Function, if_false: Function, *operands: Any) -> Any:
    """``if_true(*operands)`` or ``if_false(*operands)``.

    Only the branch that is taken runs; under :func:`wengert.compile`, where the predicate is computed, both are
    recorded, once. Raises TypeError if the predicate has more than one element.

    >>> import wengert as wg
    >>> wg.cond(1.0 > 0.0, lambda x: x, lambda x: -x, 3.0)
    3.0
    """
    if isinstance(predicate, (Array, np.ndarray)) and predicate.size != 1:
        raise TypeError(
            f"cond: the predicate must be one truth value, got shape {predicate.shape}; use where for arrays"
        )
    if isinstance(predicate, Array) and _core.recording_program() and _core.is_traced(predicate):
        try:
            return _rolled_cond(_truth(predicate), (if_true, if_false), operands)
        except NotRolled as why:
            _note("cond", why)
    return if_true(*operands) if predicate else if_false(*operands)
