"""Loops and branches as single operations, and their derivatives.

The body of a loop is recorded once, as a graph (`_core.Body`); arrays of levels around it become additional inputs, its
*constants*. A `_core.Loop` runs that graph step after step. Its derivative is a loop again, whose body is found by
replaying the graph under another level of differentiation, so derivatives of every order and nesting follow:

* forward mode: a loop over pairs (carry, tangent);
* reverse mode: the loop keeps what its cotangents need (or, with ``recompute``, only the carries), and a loop in the
  other direction carries cotangents, and sums those of the constants (Griewank and Walther, Evaluating Derivatives,
  2nd ed. 2008, chapter 12). A while_loop becomes loops of limited length, which say how many steps they took; the
  loops in the other direction take as many.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from wengert import _core
from wengert._core import Array
from wengert._internals.tree import tree_flatten, tree_unflatten

__all__ = ["NotRolled", "apply", "in_recordings", "recorder", "run_in_pieces"]

NUMBERS = (Array, np.ndarray, np.generic, float, int)
_Loop = TypeVar("_Loop", bound=Callable[..., Any])


class NotRolled(Exception):
    """Why a loop has to run step by step."""


@contextlib.contextmanager
def recorder(examples: bool = True) -> Iterator[Any]:
    """A level that records the body of a loop; with ``examples`` only types and shapes count, nothing is computed."""
    r = _core.BodyRecorder(examples)
    try:
        yield r
    except Exception as error:
        if r.refusal and not isinstance(error, NotRolled):
            raise NotRolled(r.refusal) from error
        raise
    finally:
        r.close()


def in_recordings(loop: _Loop) -> _Loop:
    """Results of loops belong to the recording around them, whatever their functions return (see `uses`)."""

    @functools.wraps(loop)
    def run(*args: Any, **kwargs: Any) -> Any:
        y = loop(*args, **kwargs)
        if not _core.lifting():
            return y
        leaves, spec = tree_flatten(y)
        return tree_unflatten(spec, [_core.as_recorded(x) if isinstance(x, NUMBERS) else x for x in leaves])

    return cast(_Loop, run)


def body_of(rec: Any, outputs: Sequence[Any]) -> Any:
    """The graph that was recorded, or NotRolled."""
    body = rec.body(list(outputs))
    if body is None:
        raise NotRolled(rec.refusal)
    return body


def apply(loop: Any, operands: Sequence[Any], apart: int | None = None) -> list[Any]:
    """The results of a loop for operands of any level; ``apart``: so many first steps may still be taken apart."""
    operands = [_core.operand(x) for x in operands]
    level = _core.top_level(operands)
    if level is not None and level.listing:
        raise NotRolled("its operations are being listed")
    if level is not None and level.batch >= 0:
        raise NotRolled("it runs inside vmap")
    forward, reverse = (level.forward, level.reverse) if level is not None else (False, False)
    if (forward or reverse) and loop.kind != "cond" and apart != 0 and _first_step_differs(loop, operands, level):
        return _first_step_apart(loop, list(operands), (loop.carries if apart is None else apart) - 1)
    if forward:
        return (_branch_tangents if loop.kind == "cond" else _loop_tangents)(loop, operands, level)
    if reverse:
        return (_branch_cotangents if loop.kind == "cond" else _loop_cotangents)(loop, operands, level)
    try:
        return list(loop(list(operands)))
    except OverflowError as error:
        raise NotRolled(str(error)) from error


def _lowered(level: Any, operands: Sequence[Any]) -> list[Any]:
    return [level.primal(x) if isinstance(x, Array) else x for x in operands]


def _closed(body: Any, active: list[bool], carries: int) -> list[bool]:
    """Which inputs are active once active results have come back as carries; then, which outputs."""
    while True:
        out = body.active(active)
        new = [c for c in range(carries) if out[c] and not active[c]]
        if not new:
            return list(out)
        for c in new:
            active[c] = True


def _first_step_differs(loop: Any, operands: Sequence[Any], level: Any) -> bool:
    """Whether maximum or minimum meets a constant in the first step and an active value later.

    At a tie its derivative depends on that (docs/edges.md), and a loop has one body for all steps.
    """
    if loop.length == (0 if loop.kind == "scan" else -1) or (loop.kind == "while" and loop.length) or loop.counted:
        return False
    body = loop.body
    first = [level.owns(x) for x in operands[: body.inputs]]
    later = list(first)
    _closed(body, later, loop.carries)
    return later != first and body.choices(first) != body.choices(later)


def _first_step_apart(loop: Any, operands: list[Any], apart: int) -> list[Any]:
    body, nc, nx, n = loop.body, loop.carries, loop.rows, loop.length
    carry, xs, constants = operands[:nc], operands[nc : nc + nx], operands[nc + nx :]
    if loop.kind == "while":
        with recorder() as rec:
            ins = [body.input_like(rec, i, []) for i in range(body.inputs)]
            unchanged = body_of(rec, ins[:nc])
        go = loop.other([*carry, *constants], apply)[0]
        carry = apply(_core.branch(body, unchanged), [go, *carry, *constants])
        return apply(loop, [*carry, *constants], apart)
    at = n - 1 if loop.reverse else 0
    out = body([*carry, *(_core.ops.getitem(x, at) for x in xs), *constants], apply)
    ys = [_core.ops.expand_dims(y, 0) for y in out[nc:]]
    if n == 1:
        return [*out[:nc], *ys]
    rows = [_part(x, 0 if loop.reverse else 1, n - 1) for x in xs]
    rest = apply(_with_length(loop, n - 1), [*out[:nc], *rows, *constants], apart)
    pairs = [(b, a) if loop.reverse else (a, b) for a, b in zip(ys, rest[nc:], strict=True)]
    return [*rest[:nc], *(_core.ops.concatenate(list(p)) for p in pairs)]


def _zeros(shape: Sequence[int], dtype: Any) -> Any:
    return _core.array(np.zeros(tuple(shape), dtype))


# ---- forward mode ----------------------------------------------------------------------------------------------------


def _pushed(body: Any, primals: list[Any], tangents: dict[int, Any], k: int) -> tuple[list[Any], list[Any]]:
    """The outputs of a body and their tangents (None where there is none)."""
    level = _core.ForwardLevel(k)
    try:
        duals = [level.input(x, tangents[i]) if i in tangents else x for i, x in enumerate(primals)]
        out = body(duals, apply)
        return [level.primal(y) for y in out], [level.tangent(y) for y in out]
    finally:
        level.close()


def _filled(tangents: Sequence[Any], values: Sequence[Any], k: int) -> list[Any]:
    lead = (k,) if k else ()
    return [_zeros(lead + y.shape, y.dtype) if t is None else t for t, y in zip(tangents, values, strict=True)]


def _dots(level: Any, operands: Sequence[Any]) -> list[Any]:
    return [level.tangent(x) if isinstance(x, Array) else None for x in operands]


def _swapped(x: Any) -> Any:
    """The first two axes exchanged: of k tangents and of T steps."""
    return _core.ops.transpose(x, (1, 0, *range(2, x.ndim)))


def _lifted(level: Any, values: Sequence[Any], tangents: dict[int, Any]) -> list[Any]:
    return [level.lift(y, tangents[i]) if i in tangents else y for i, y in enumerate(values)]


def _loop_tangents(loop: Any, operands: Sequence[Any], level: Any) -> list[Any]:
    k, body, nc, nx = level.tangents, loop.body, loop.carries, loop.rows
    lead = [k] if k else []
    operands, count = operands[: body.inputs], operands[body.inputs :]
    primals, dots = _lowered(level, operands), _dots(level, operands)
    active = [d is not None for d in dots]
    out_active = _closed(body, active, nc)
    parts = [range(nc), range(nc, nc + nx), range(nc + nx, body.inputs)]
    with recorder() as rec:
        ins: list[Any] = [None] * body.inputs
        tangents: dict[int, Any] = {}
        for part in parts:
            for i in part:
                ins[i] = body.input_like(rec, i, [])
            tangents.update({i: body.input_like(rec, i, lead) for i in part if active[i]})
        again = loop.other(ins, apply) if loop.kind == "while" else []
        values, out = _pushed(body, ins, tangents, k)
        carry = [c for c in range(nc) if active[c]]
        ys = [i for i in range(nc, body.outputs) if out_active[i]]
        out = _filled(out, values, k)
        outputs = [*values[:nc], *(out[c] for c in carry), *values[nc:], *(out[i] for i in ys)]
        made = body_of(rec, [*again, *outputs])
    given: list[Any] = []
    for part in parts:
        given.extend(primals[i] for i in part)
        for i in part:
            if not active[i]:
                continue
            d = dots[i]
            if d is None:
                d = _zeros((*lead, *np.shape(_core.stop_gradient(operands[i]))), operands[i].dtype)
            given.append(_swapped(d) if k and part is parts[1] else d)
    rows = nx + sum(active[i] for i in parts[1])
    step = made.selected(list(range(len(again), len(again) + len(outputs))))
    pairs = loop.over(step, nc + len(carry), rows, made.selected([0]) if again else None)
    results = apply(pairs, [*given, *_lowered(level, count)])
    first, last = nc + len(carry), nc + len(carry) + body.outputs - nc
    found = dict(zip(carry, results[nc:first], strict=True))
    dots_of_ys = results[last : last + len(ys)]
    found.update({i: _swapped(t) if k else t for i, t in zip(ys, dots_of_ys, strict=True)})
    return _lifted(level, [*results[:nc], *results[first:last], *results[last + len(ys) :]], found)


def _branch_tangents(loop: Any, operands: Sequence[Any], level: Any) -> list[Any]:
    k, bodies = level.tangents, (loop.body, loop.other)
    lead = [k] if k else []
    predicate = level.primal(operands[0])
    primals, dots = _lowered(level, operands[1:]), _dots(level, operands[1:])
    active = [i for i, d in enumerate(dots) if d is not None]
    flags = [d is not None for d in dots]
    ys = [i for i, a in enumerate(zip(*(b.active(flags) for b in bodies), strict=True)) if any(a)]
    with recorder() as rec:
        ins = [bodies[0].input_like(rec, i, []) for i in range(bodies[0].inputs)]
        tangents = {i: bodies[0].input_like(rec, i, lead) for i in active}
        outputs: list[Any] = []
        for b in bodies:
            values, out = _pushed(b, ins, tangents, k)
            out = _filled(out, values, k)
            outputs += [*values, *(out[i] for i in ys)]
        made = body_of(rec, outputs)
    half = len(outputs) // 2
    both = _core.branch(made.selected(list(range(half))), made.selected(list(range(half, 2 * half))))
    results = apply(both, [predicate, *primals, *(dots[i] for i in active)])
    n = bodies[0].outputs
    return _lifted(level, results[:n], dict(zip(ys, results[n:], strict=True)))


# ---- reverse mode ----------------------------------------------------------------------------------------------------


def _pulled(body: Any, primals: list[Any], active: list[int], seeds: dict[int, Any]) -> tuple[list[Any], list[Any]]:
    """The outputs of a body, and the cotangents of its active inputs for those of the outputs."""
    level = _core.ReverseLevel()
    try:
        traced = list(primals)
        for i in active:
            traced[i] = level.input(primals[i])
        out = _core.settled(body(traced, apply))
    finally:
        level.close()
    cts = level.sweep([out[i] for i in seeds], list(seeds.values()))
    found = [_zeros(primals[i].shape, primals[i].dtype) if g is None else g for i, g in zip(active, cts, strict=True)]
    return [level.primal(y) for y in out], found


def _loop_cotangents(loop: Any, operands: Sequence[Any], level: Any) -> list[Any]:
    if loop.kind == "while" and loop.length == 0:
        return _in_stages(loop, operands)
    body, nc, nx = loop.body, loop.carries, loop.rows
    nk = body.inputs - nc - nx
    all_operands, lowered = list(operands), _lowered(level, operands)
    operands, count = all_operands[: body.inputs], lowered[body.inputs :]
    active = [level.owns(x) for x in operands]
    out_active = _closed(body, active, nc)
    on = [i for i in range(body.inputs) if active[i]]
    carry, rows, constants = (
        [i for i in on if i < nc],
        [i for i in on if nc <= i < nc + nx],
        [i for i in on if i >= nc + nx],
    )
    ys = [i for i in range(nc, body.outputs) if out_active[i]]
    carried = len(carry) + len(constants)
    with recorder() as rec:
        ins = [body.input_like(rec, i, []) for i in range(body.inputs)]
        seeds = {c: body.output_like(rec, c, []) for c in carry}
        sums = [body.input_like(rec, i, []) for i in constants]
        seeds.update({i: body.output_like(rec, i, []) for i in ys})
        values, cts = _pulled(body, ins, on, seeds)
        at = dict(zip(on, cts, strict=True))
        added = [s + at[i] for s, i in zip(sums, constants, strict=True)]
        made = body_of(rec, [*values, *(at[i] for i in carry), *added, *(at[i] for i in rows)])
    forward, backward, residuals, rows_used, constants_used = made.split(
        nc, nx, nk, body.outputs, carried, len(constants), loop.recompute
    )
    # As many steps back as there were: a while_loop says how many.
    counted = loop.kind == "while" or loop.counted
    back_rows = residuals + len(rows_used) + len(ys)
    back = _core.scan_loop(backward, carried, back_rows, loop.length, not loop.reverse, loop.recompute, counted)
    results = apply(loop.over(forward, nc, nx, None), lowered)
    kept = results[body.outputs : body.outputs + residuals]
    kept += [lowered[nc + i] for i in rows_used]
    used = [lowered[nc + nx + i] for i in constants_used]
    steps = results[-1:] if loop.kind == "while" else count
    shapes = [(np.shape(_core.stop_gradient(lowered[i])), lowered[i].dtype) for i in constants]

    def pullback(cts: list[Any]) -> list[Any]:
        sums = [_zeros(*s) for s in shapes]
        out = apply(back, [*cts[: len(carry)], *sums, *kept, *cts[len(carry) :], *used, *steps])
        found: list[Any] = [None] * len(all_operands)
        for i, g in zip([*carry, *constants, *rows], out, strict=True):
            found[i] = g
        return found

    recorded = _recorded(level, all_operands, results[: body.outputs], [*carry, *ys], pullback)
    return [*recorded, *(steps if loop.kind == "while" else [])]


def _recorded(level: Any, operands: list[Any], results: list[Any], active: list[int], pullback: Any) -> list[Any]:
    """The results, those that are active with a rule for their cotangents; the others are constants."""
    if active:
        for i, y in zip(active, level.record(operands, [results[i] for i in active], pullback), strict=True):
            results[i] = y
    return results


def _in_stages(loop: Any, operands: Sequence[Any]) -> list[Any]:
    """A while_loop for reverse mode: loops of limited length, one after the other.

    The first keeps what the sweep needs of every step. Where it is not enough, the next take pieces of as many steps as
    the one before has, keep the first carry of each and run the piece again, so memory grows with the logarithm of the
    number of steps (as in `run_in_pieces`), and a short loop runs nothing twice.
    """
    body, nc = loop.body, loop.carries
    if not _core.open_bodies():
        return _stages(loop, operands)
    # Another loop around would keep all of this for each of its steps: a scan of one step keeps the first carry only.
    with recorder() as rec:
        whole = body_of(rec, _stages(loop, [body.input_like(rec, i, []) for i in range(body.inputs)])[:nc])
    return apply(_core.scan_loop(whole, nc, 0, 1, recompute=True), operands)


def _stages(loop: Any, operands: Sequence[Any]) -> list[Any]:
    body, nc = loop.body, loop.carries
    steps = _between(_FIRST_BYTES, body.bytes)
    pieces = _between(_PIECES_BYTES, sum(x.size * x.dtype.itemsize for x in operands[:nc]))
    carry, constants = list(operands[:nc]), list(operands[nc:])
    stage, room = _core.while_loop(loop.other, body, nc, steps), steps
    while True:
        out = apply(stage, [*carry, *constants])
        carry = out[:nc]
        if stage.must_end:
            return out
        with recorder() as rec:
            ins = [body.input_like(rec, i, []) for i in range(body.inputs)]
            piece = body_of(rec, apply(stage, ins)[:nc])
        room *= pieces
        stage = _core.while_loop(loop.other, piece, nc, pieces, True, room >= _ROOM)


def _branch_cotangents(loop: Any, operands: Sequence[Any], level: Any) -> list[Any]:
    bodies, active = (loop.body, loop.other), [i - 1 for i, x in enumerate(operands) if i and level.owns(x)]
    n = loop.body.inputs
    flags = [i in active for i in range(n)]
    ys = [i for i, a in enumerate(zip(*(b.active(flags) for b in bodies), strict=True)) if any(a)]
    with recorder() as rec:
        ins = [bodies[0].input_like(rec, i, []) for i in range(n)]
        seeds = {i: bodies[0].output_like(rec, i, []) for i in ys}
        both = [g for b in bodies for g in _pulled(b, ins, active, seeds)[1]]
        made = body_of(rec, both)
    half = len(active)
    back = _core.branch(made.selected(list(range(half))), made.selected(list(range(half, 2 * half))))
    lowered = _lowered(level, operands)
    results = apply(loop, lowered)

    def pullback(cts: list[Any]) -> list[Any]:
        out = apply(back, [*lowered, *cts])
        found: list[Any] = [None] * len(operands)
        for i, g in zip(active, out, strict=True):
            found[i + 1] = g
        return found

    return _recorded(level, list(operands), list(results), ys, pullback)


# ---- checkpoints -----------------------------------------------------------------------------------------------------

_FEWEST_STEPS, _MOST_STEPS = 32, 1024  # of a while_loop that are kept at once
_FIRST_BYTES, _PIECES_BYTES = 1 << 20, 1 << 22  # of values in these steps, of first carries of pieces, or the fewest
_ROOM = 10_000_000  # steps of a while_loop that reverse mode is made for

_BASE = 16  # steps of the smallest pieces of "log"
_FANOUT = 4  # pieces of each piece


def run_in_pieces(loop: Any, operands: Sequence[Any], checkpoint: str | int) -> list[Any]:
    """A scan as a scan over pieces, of which reverse mode keeps the first carries and repeats the rest.

    An int: pieces of so many steps; ``"sqrt"``: of about sqrt(T); ``"log"``: pieces of pieces down to a few steps,
    which keeps O(log T) carries and costs O(log T) runs of each step (binomial checkpointing has the same orders;
    Griewank and Walther, Algorithm 799: revolve, 2000).
    """
    n = loop.length
    sizes = [max(1, round(n**0.5)) if checkpoint == "sqrt" else _BASE if checkpoint == "log" else int(checkpoint)]
    while checkpoint == "log" and sizes[-1] * _FANOUT < n:
        sizes.append(sizes[-1] * _FANOUT)
    return _pieces(loop, list(operands), sizes)


def _pieces(loop: Any, operands: list[Any], sizes: list[int]) -> list[Any]:
    """Pieces of the last size, each run in pieces of the sizes before; then the steps that are left."""
    n, nc, nx = loop.length, loop.carries, loop.rows
    if not sizes or n == 0:
        return apply(loop, operands)
    size = sizes[-1]
    whole = n // size
    if whole == 0 or (whole == 1 and n == size):
        return _pieces(loop, operands, sizes[:-1])
    body, inner = loop.body, _with_length(loop, size)
    with recorder() as rec:
        ins = [body.input_like(rec, i, [size] if nc <= i < nc + nx else []) for i in range(body.inputs)]
        piece = body_of(rec, _pieces(inner, ins, sizes[:-1]))
    outer = _core.scan_loop(piece, nc, nx, whole, loop.reverse, True)
    xs, constants = operands[nc : nc + nx], operands[nc + nx :]
    # The steps that run first are whole pieces: those at the end if the loop runs backwards.
    rest = n - whole * size
    start = rest if loop.reverse else 0
    rows = [_core.ops.reshape(_part(x, start, whole * size), (whole, size, *x.shape[1:])) for x in xs]
    out = apply(outer, [*operands[:nc], *rows, *constants])
    ys = [_core.ops.reshape(y, (whole * size, *y.shape[2:])) for y in out[nc:]]
    if rest == 0:
        return [*out[:nc], *ys]
    left = [_part(x, 0 if loop.reverse else whole * size, rest) for x in xs]
    last = _pieces(_with_length(loop, rest), [*out[:nc], *left, *constants], sizes[:-1])
    pairs = [(b, a) if loop.reverse else (a, b) for a, b in zip(ys, last[nc:], strict=True)]
    return [*last[:nc], *(_core.ops.concatenate(list(p)) for p in pairs)]


def _with_length(loop: Any, n: int) -> Any:
    return _core.scan_loop(loop.body, loop.carries, loop.rows, n, loop.reverse, loop.recompute)


def _between(most_bytes: int, step_bytes: int) -> int:
    return min(_MOST_STEPS, max(_FEWEST_STEPS, most_bytes // max(step_bytes, 1)))


def _part(x: Any, start: int, count: int) -> Any:
    return x if start == 0 and count == x.shape[0] else x[start : start + count]
