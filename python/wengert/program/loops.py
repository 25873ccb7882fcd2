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
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert._internals.tree import tree_flatten, tree_unflatten
from wengert.program.batched import chosen, own, while_any
from wengert.program.rolled import NUMBERS, NotRolled, apply, body_of, in_recordings, recorder, run_in_pieces
from wengert.transforms.custom import checkpoint as checkpointed

__all__ = ["cond", "fori_loop", "scan", "while_loop"]

Function = Callable[..., Any]


@in_recordings
def scan(
    f: Function,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    checkpoint: str | int | None = None,
) -> tuple[Any, Any]:
    """``carry, y = f(carry, x)`` over the leading axis of ``xs``: the last carry, and the ``y`` stacked.

    ``xs`` is an array or a tree of arrays with one leading length, or None with ``length`` given. With ``reverse`` it
    runs from the end. ``f`` gets arrays of its own and may change them in place. ``checkpoint`` saves memory in reverse
    mode, which otherwise keeps what it needs of every step: ``k`` (an int) keeps the carry of every k-th step and runs
    each piece again during the sweep, ``"sqrt"`` takes pieces of sqrt(T) steps, ``"log"`` pieces of pieces (O(log T)
    carries for O(log T) runs of each step). ``unroll`` is JAX's and changes nothing here.
    Raises ValueError if leading lengths or shapes of outputs differ, TypeError if the carry or the outputs change their
    structure.

    >>> import numpy as np, wengert as wg
    >>> last, all_sums = wg.scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> all_sums
    Array([1., 3., 6.])
    """
    rows, spec = tree_flatten(xs)
    single = spec.is_leaf()
    n = _length(rows, length)
    checkpoint = _checked(checkpoint)
    structure = _structure(init)

    def step(carry: Any, row: list[Any]) -> tuple[Any, Any]:
        pair = f(carry, None if xs is None else row[0] if single else tree_unflatten(spec, row))
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise TypeError(f"scan: the function must return a pair (carry, y), got {type(pair).__name__}")
        if _structure(pair[0]) != structure:
            raise TypeError(f"scan: the carry changed its structure from {structure} to {_structure(pair[0])}")
        return pair

    if checkpoint is not None or _core.recording_program():
        try:
            return _rolled_scan(step, init, rows, n, reverse, checkpoint)
        except NotRolled as why:
            _note("scan", why)
    return _unrolled_scan(step, init, rows, n, reverse, checkpoint)


def _length(rows: list[Any], length: int | None) -> int:
    for x in rows:
        if not isinstance(x, (Array, np.ndarray)) or getattr(x, "ndim", 0) == 0:
            what = f"an array of shape {x.shape}" if hasattr(x, "shape") else f"a {type(x).__name__}"
            raise TypeError(
                f"scan: every leaf of xs must be an array with a leading axis, got {what}; make a list of numbers an "
                "array: np.array(xs)"
            )
    lengths = {x.shape[0] for x in rows}
    if length is not None:
        lengths.add(_index("scan", "length", length))
    if len(lengths) != 1:
        raise ValueError(
            f"scan: the arrays must have one leading length, got {sorted(lengths) or 'no arrays and no length'}"
        )
    if min(lengths) < 0:
        raise ValueError(f"scan: length must not be negative, got {length}")
    return lengths.pop()


def _index(function: str, what: str, x: Any) -> int:
    """A whole number: Python's, NumPy's or an Array of one."""
    try:
        return operator.index(x)
    except TypeError:
        raise TypeError(f"{function}: {what} must be a whole number, got {x!r}") from None


def _checked(checkpoint: Any) -> str | int | None:
    if checkpoint is None or checkpoint in ("sqrt", "log"):
        return checkpoint
    if isinstance(checkpoint, (int, np.integer)) and not isinstance(checkpoint, bool) and checkpoint >= 1:
        return int(checkpoint)
    raise ValueError(f"scan: checkpoint must be None, 'sqrt', 'log' or a number of steps, got {checkpoint!r}")


def _note(name: str, why: NotRolled) -> None:
    _core.note_recording(f"{name} runs step by step, because {why}")


def _structure(tree: Any) -> Any:
    return tree_flatten(tree)[1]


# ---- step by step ----------------------------------------------------------------------------------------------------


def _unrolled_scan(
    step: Function, init: Any, rows: list[Any], n: int, reverse: bool, checkpoint: str | int | None
) -> tuple[Any, Any]:
    if n == 0:
        return own(init), _outputs_of_no_step(step, init, rows)
    order = list(range(n - 1, -1, -1) if reverse else range(n))

    def steps(carry: Any, rows: list[Any], part: list[int]) -> tuple[Any, list[Any]]:
        out = []
        carry = own(carry)
        for t in part:
            after, y = step(carry, [x[t].copy() for x in rows])
            out.append(own(y))
            carry = own(after, carry)
            del after, y  # or a change in place of the next step would copy the array they hold
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
    if all(y is None for y in ys):
        return None
    flat = [tree_flatten(y) for y in ys]
    spec = flat[0][1]
    for t, (_, other) in enumerate(flat):
        if other != spec:
            raise TypeError(f"scan: the outputs change their structure from {spec} to {other} in step {t}")
    columns = [list(column) for column in zip(*(leaves for leaves, _ in flat), strict=True)]
    for column in columns:
        shapes = [_core.shape_of(x) if isinstance(x, Array) else np.shape(x) for x in column]
        if len(set(shapes)) > 1:
            raise ValueError(f"scan: the outputs of all steps must have one shape, got {sorted(set(shapes))}")
    return tree_unflatten(spec, [_core.ops.stack(_of_one_type(column)) for column in columns])


def _of_one_type(column: list[Any]) -> list[Any]:
    """Python numbers, which the first steps may give, in the type of what the others give."""
    types = [_core.dtype_of(x) for x in column if not _is_weak(x)]
    if len(types) in (0, len(column)):
        return column
    numbers = [0.0 if _core.dtype_of(x).kind == "f" else 0 for x in column if _is_weak(x)]
    common = np.result_type(*types, *numbers)
    return [_core.ops.astype(x, common) if _is_weak(x) else x for x in column]


def _outputs_of_no_step(step: Function, init: Any, rows: list[Any]) -> Any:
    """Arrays of length 0, of the types that a step would give; it is recorded, nothing is computed."""
    leaves, spec = tree_flatten(init)
    with recorder() as rec:
        carry = [rec.input(x, weak=_is_weak(x)) if isinstance(x, NUMBERS) else x for x in leaves]
        y = step(tree_unflatten(spec, carry), [rec.row(_operand(x)) for x in rows])[1]
        leaves, spec = tree_flatten(y)
        types = [((0, *x.shape), x.dtype) for x in map(_operand, leaves)]
    return tree_unflatten(spec, [_core.array(np.zeros(shape, dtype)) for shape, dtype in types])


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
        self.whole: list[Array] = []  # if that is asked: whether Python's whole numbers stayed whole

    @property
    def operands(self) -> list[Any]:
        return [*self.values, *self.whole]

    def inputs(self, rec: Any) -> list[Any]:
        return [rec.input(x if w else v, weak=w) for x, v, w in zip(self.leaves, self.values, self.weak, strict=True)]

    def tree(self, leaves: Sequence[Any]) -> Any:
        return tree_unflatten(self.spec, leaves)

    def results(self, leaves: Sequence[Any]) -> Any:
        """What the loop gives back: numbers that only met numbers still take the type of what they meet."""
        if self.whole:
            *leaves, whole = leaves
            if not _core.stays_whole(whole):
                raise NotRolled("whole numbers of Python leave 64 bits in it")
        kept = zip(leaves, self.weak, self.out, strict=True)
        return self.tree([_core.as_weak(x) if w else _core.marked(x, y) for x, w, y in kept])

    def settled(self, out: Sequence[Any]) -> bool:
        """True if the results fit the values; otherwise the values take their types."""
        settled, self.out = True, out
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
        return _core.marked(_core.operand(x), x)
    if issubclass(type(x), np.ndarray) and x.dtype.kind in "bif":
        return _core.shared(x)
    if issubclass(type(x), (float, int, np.generic)):
        if type(x) is int and not -(2**63) <= x < 2**63:
            raise NotRolled("a whole number beyond 64 bits is among its values")
        return _core.marked(_core.array(x), x)
    raise NotRolled(f"a {type(x).__name__} is among its values")


def _settled_body(carry: _Carry, run: Callable[[Any, Any], tuple[Any, Any]]) -> tuple[Any, Any, Any]:
    """The body of a loop: its recorder, its graph, and the structure of what it returns besides the carry.

    ``run(recorder, carry)`` returns the next carry and a tree of other results; it is recorded again until the types of
    the carry settle.
    """
    for _ in range(_TRIES + 1):
        with recorder(examples=False) as rec:
            given = carry.tree(carry.inputs(rec))
            before = rec.input(carry.whole[0]) if carry.whole else None
            value, others = run(rec, given)
            if _structure(value) != carry.spec:
                raise NotRolled(f"its value changes its structure from {carry.spec} to {_structure(value)}")
            out = tree_flatten(value)[0]
            leaves, spec = tree_flatten(others)
            if carry.settled(out):
                whole = rec.whole(out, before)
                if carry.whole or whole is None:
                    made = [*out, whole] if carry.whole else out
                    return rec, body_of(rec, [*map(_operand, made), *map(_operand, leaves)]), spec
                carry.whole = [_core.array(True)]
    raise NotRolled("the types of its carry do not settle")


def _rolled_scan(
    step: Function, init: Any, rows: list[Any], n: int, reverse: bool, checkpoint: str | int | None
) -> tuple[Any, Any]:
    carry, xs = _Carry(init), [_operand(x) for x in rows]
    rec, body, spec = _settled_body(carry, lambda rec, value: step(value, [rec.row(x) for x in xs]))
    k = len(carry.operands)
    loop = _core.scan_loop(body, k, len(xs), n, reverse, False)
    operands = [*carry.operands, *xs, *rec.captured()]
    results = apply(loop, operands) if checkpoint is None else run_in_pieces(loop, operands, checkpoint)
    return carry.results(results[:k]), tree_unflatten(spec, results[k:])


_BLOCK = 2**20  # so many values of a counter become an array (a counter that is carried costs 160 ns a step)


def _rolled_fori(body: Function, init: Any, lower: int, upper: int) -> Any:
    blocks, rest = divmod(upper - lower, _BLOCK)
    limit = float(max(abs(lower), abs(upper)))
    if blocks > 1:
        offsets = _core.array(np.arange(_BLOCK))

        def block(carry: Any, _: Any) -> tuple[Any, Any]:
            first, value = carry
            return (first + _BLOCK, _counted(body, value, first + offsets, limit)), None

        _, init = _rolled_scan(block, (lower, init), [], blocks, False, None)[0]
        lower = upper - rest
    return _counted(body, init, _core.array(np.arange(lower, upper)), limit) if lower < upper else init


def _counted(body: Function, init: Any, counter: Array, limit: float) -> Any:
    carry = _Carry(init)
    rec, made, _ = _settled_body(carry, lambda rec, value: (body(rec.row(counter, True, limit), value), None))
    # The graph has the carry, then the counter, as a scan does.
    loop = _core.scan_loop(made, len(carry.operands), 1, len(counter), False, False)
    return carry.results(apply(loop, [*carry.operands, counter, *rec.captured()]))


def _rolled_while(condition: Function, body: Function, init: Any) -> Any:
    carry = _Carry(init)

    def step(rec: Any, value: Any) -> tuple[Any, Any]:
        again = _truth(condition(own(value)))
        if rec.asks_whole:  # which nobody would check in the last step
            raise NotRolled("its condition computes with whole numbers of Python that may leave 64 bits")
        return _attempt(body, value), again

    rec, made, _ = _settled_body(carry, step)
    n = len(carry.operands)
    loop = _core.while_loop(made.selected([n]), made.selected(list(range(n))), n)
    return carry.results(apply(loop, [*carry.operands, *rec.captured()])[:n])


def _rolled_cond(predicate: Any, branches: Sequence[Function], operands: Sequence[Any]) -> Any:
    leaves, spec = tree_flatten(tuple(operands))
    numbers = [i for i, x in enumerate(leaves) if isinstance(x, NUMBERS) and not issubclass(type(x), int)]
    given = [_operand(leaves[i]) for i in numbers]
    with recorder(examples=False) as rec:
        inputs = list(leaves)
        for i in numbers:
            inputs[i] = rec.input(leaves[i], weak=type(leaves[i]) is float or _core.is_weak(leaves[i]))
        results = [tree_flatten(_attempt(f, *own(tree_unflatten(spec, inputs)))) for f in branches]
        (first, structure), (second, other) = results
        if structure != other:
            raise NotRolled(f"its branches return different structures, {structure} and {other}")
        pairs = [_alike(a, b) for a, b in zip(first, second, strict=True)]
        if rec.asks_whole:
            raise NotRolled("its branches compute with whole numbers of Python that may leave 64 bits")
        made = body_of(rec, [a for a, _ in pairs] + [b for _, b in pairs])
    n = len(pairs)
    if n == 0:
        raise NotRolled("its branches return no arrays")
    both = _core.branch(made.selected(list(range(n))), made.selected(list(range(n, 2 * n))))
    found = apply(both, [predicate, *given, *rec.captured()])
    return tree_unflatten(structure, [_core.marked(y, a) for y, a in zip(found, first, strict=True)])


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


def _attempt(f: Function, *args: Any) -> Any:
    """``f(*args)`` where a run step by step might not call it at all: an error of its own is no error of the loop."""
    try:
        return f(*args)
    except Exception as error:
        raise NotRolled(f"{getattr(f, '__name__', 'a function')} raised {type(error).__name__}: {error}") from error


def _truth(x: Any) -> Any:
    """A truth value that is computed, as an array of no dimensions."""
    if not isinstance(x, Array) or getattr(x, "size", 1) != 1:
        raise NotRolled("its condition is no array of one element")
    x = _core.operand(_core.stop_gradient(x))
    x = x if x.dtype == bool else x != 0
    return x if x.shape == () else _core.ops.reshape(x, ())


# ---- the other loops -------------------------------------------------------------------------------------------------


@in_recordings
def fori_loop(lower: int, upper: int, body_fun: Function, init_val: Any, *, unroll: int | bool | None = None) -> Any:
    """``for i in range(lower, upper): value = body_fun(i, value)``, from ``init_val``.

    As one operation (see :func:`scan`) ``i`` is an Array of one whole number. ``body_fun`` gets arrays of its own and
    may change them in place. ``unroll`` is JAX's and changes nothing here.

    >>> import wengert as wg
    >>> wg.fori_loop(0, 3, lambda i, v: v * 2.0, 1.0)
    8.0
    """
    lower, upper = _index("fori_loop", "lower", lower), _index("fori_loop", "upper", upper)
    if lower < upper and _core.recording_program():
        try:
            return _rolled_fori(body_fun, init_val, lower, upper)
        except NotRolled as why:
            _note("fori_loop", why)
    value = own(init_val)
    for i in range(lower, upper):
        value = own(body_fun(i, value), value)
    return value


@in_recordings
def while_loop(cond_fun: Function, body_fun: Function, init_val: Any) -> Any:
    """``while cond_fun(value): value = body_fun(value)``, from ``init_val``; derivatives are those of the steps taken.

    Both get arrays of their own and may change them in place. As one operation (see :func:`scan`) its reverse
    mode keeps what it needs of the first steps, and of later ones carries from which it runs them again
    (docs/compile.md): memory grows with the logarithm of their number.

    >>> import wengert as wg
    >>> wg.while_loop(lambda v: v < 100.0, lambda v: v * 3.0, 1.0)
    243.0
    """
    if _core.recording_program():
        try:
            return _rolled_while(cond_fun, body_fun, init_val)
        except NotRolled as why:
            _note("while_loop", why)
    value = own(init_val)
    while True:
        again = cond_fun(own(value))
        if _core.is_batched(again):
            return while_any(cond_fun, body_fun, value, again)
        if not again:
            return value
        value = own(body_fun(value), value)


@in_recordings
def cond(pred: Any, true_fun: Function, false_fun: Function, *operands: Any) -> Any:
    """``true_fun(*operands)`` or ``false_fun(*operands)``.

    Only the branch that is taken runs; under :func:`wengert.compile`, where the predicate is computed, both are
    recorded, once. They get arrays of their own and may change them in place. Raises TypeError if the predicate has
    more than one element.

    >>> import wengert as wg
    >>> wg.cond(1.0 > 0.0, lambda x: x, lambda x: -x, 3.0)
    3.0
    """
    if isinstance(pred, (Array, np.ndarray)) and getattr(pred, "size", 1) != 1:
        raise TypeError(f"cond: the predicate must be one truth value, got shape {pred.shape}; use where for arrays")
    if _core.is_batched(pred):
        pred = _core.ops.reshape(pred, ())
        return chosen(pred, true_fun(*own(operands)), false_fun(*own(operands)), "cond")
    if isinstance(pred, Array) and _core.recording_program() and _core.is_traced(pred):
        try:
            return _rolled_cond(_truth(pred), (true_fun, false_fun), operands)
        except NotRolled as why:
            _note("cond", why)
    return (true_fun if pred else false_fun)(*own(operands))
