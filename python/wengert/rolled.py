"""Loops and branches as single operations, and their derivatives.

The body of a loop is recorded once, as a graph (`_core.Body`); arrays of levels around it become additional inputs, its
*constants*. A `_core.Loop` runs that graph step after step. Its derivative is a loop again, whose body is found by
replaying the graph under another level of differentiation, so derivatives of every order and nesting follow:

* forward mode: a loop over pairs (carry, tangent);
* reverse mode: the loop keeps what its cotangents need (or, with ``recompute``, only the carries), and a loop in the
  other direction carries cotangents, and sums those of the constants (Griewank and Walther, Evaluating Derivatives,
  2nd ed. 2008, chapter 12).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import _core
from ._core import Array

__all__ = ["NotRolled", "apply", "recorder", "run_in_pieces"]


class NotRolled(Exception):
    """Why a loop has to run step by step."""


@contextlib.contextmanager
def recorder() -> Iterator[Any]:
    """A level that records the body of a loop."""
    r = _core.BodyRecorder()
    try:
        yield r
    finally:
        r.close()


def body_of(rec: Any, outputs: Sequence[Any]) -> Any:
    """The graph that was recorded, or NotRolled."""
    body = rec.body(list(outputs))
    if body is None:
        raise NotRolled(rec.refusal)
    return body


def apply(loop: Any, operands: Sequence[Any]) -> list[Any]:
    """The results of a loop for operands of any level."""
    level = _core.top_level(operands)
    kind = None if level is None else level.kind
    if kind == "listing":
        raise NotRolled("its operations are being listed")
    if kind == "dual":
        return {"scan": _scan_tangents, "while": _while_tangents, "cond": _branch_tangents}[loop.kind](
            loop, operands, level
        )
    if kind == "reverse":
        return {"scan": _scan_cotangents, "while": _while_cotangents, "cond": _branch_cotangents}[loop.kind](
            loop, operands, level
        )
    return list(loop(list(operands)))


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


def _zeros(shape: Sequence[int], dtype: Any) -> Any:
    return _core.array(np.zeros(tuple(shape), dtype))


# ---- forward mode ----------------------------------------------------------------------------------------------------


def _pushed(body: Any, primals: list[Any], tangents: dict[int, Any], k: int) -> tuple[list[Any], list[Any]]:
    """The outputs of a body and their tangents (None where there is none)."""
    level = _core.DualLevel(k)
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


def _scan_tangents(loop: Any, operands: Sequence[Any], level: Any) -> list[Any]:
    k, body, nc, nx = level.tangents, loop.body, loop.carries, loop.rows
    lead = [k] if k else []
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
        values, out = _pushed(body, ins, tangents, k)
        carry = [c for c in range(nc) if active[c]]
        ys = [i for i in range(nc, body.outputs) if out_active[i]]
        out = _filled(out, values, k)
        outputs = [*values[:nc], *(out[c] for c in carry), *values[nc:], *(out[i] for i in ys)]
        made = body_of(rec, outputs)
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
    results = apply(_core.scan_loop(made, nc + len(carry), rows, loop.length, loop.reverse, loop.recompute), given)
    first = nc + len(carry)
    values = [*results[:nc], *results[first : first + body.outputs - nc]]
    found = dict(zip(carry, results[nc:first], strict=True))
    last = results[first + body.outputs - nc :]
    found.update({i: _swapped(t) if k else t for i, t in zip(ys, last, strict=True)})
    return _lifted(level, values, found)


def _while_tangents(loop: Any, operands: Sequence[Any], level: Any) -> list[Any]:
    k, body, nc = level.tangents, loop.body, loop.carries
    lead = [k] if k else []
    primals, dots = _lowered(level, operands), _dots(level, operands)
    active = [d is not None for d in dots]
    _closed(body, active, nc)
    parts = [range(nc), range(nc, body.inputs)]
    with recorder() as rec:
        ins: list[Any] = [None] * body.inputs
        tangents: dict[int, Any] = {}
        for part in parts:
            for i in part:
                ins[i] = body.input_like(rec, i, [])
            tangents.update({i: body.input_like(rec, i, lead) for i in part if active[i]})
        (again,) = loop.other(ins, apply)
        values, out = _pushed(body, ins, tangents, k)
        carry = [c for c in range(nc) if active[c]]
        out = _filled(out, values, k)
        made = body_of(rec, [again, *values, *(out[c] for c in carry)])
    given: list[Any] = []
    for part in parts:
        given.extend(primals[i] for i in part)
        given.extend(
            _zeros((*lead, *operands[i].shape), operands[i].dtype) if dots[i] is None else dots[i]
            for i in part
            if active[i]
        )
    step = made.selected(list(range(1, 1 + nc + len(carry))))
    results = apply(_core.while_loop(made.selected([0]), step, nc + len(carry)), given)
    return _lifted(level, results[:nc], dict(zip(carry, results[nc:], strict=True)))


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
        out = body(traced, apply)
    finally:
        level.close()
    cts = level.sweep([out[i] for i in seeds], list(seeds.values()))
    found = [_zeros(primals[i].shape, primals[i].dtype) if g is None else g for i, g in zip(active, cts, strict=True)]
    return [level.primal(y) for y in out], found


def _scan_cotangents(loop: Any, operands: Sequence[Any], level: Any) -> list[Any]:
    body, nc, nx = loop.body, loop.carries, loop.rows
    nk = body.inputs - nc - nx
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
        nc, nx, nk, body.outputs, carried, loop.recompute
    )
    lowered = _lowered(level, operands)
    there = _core.scan_loop(forward, nc, nx, loop.length, loop.reverse, loop.recompute)
    back = _core.scan_loop(
        backward, carried, residuals + len(rows_used) + len(ys), loop.length, not loop.reverse, loop.recompute
    )
    results = apply(there, lowered)
    kept = results[body.outputs :]
    kept += [lowered[nc + i] for i in rows_used]
    used = [lowered[nc + nx + i] for i in constants_used]
    shapes = [(np.shape(_core.stop_gradient(lowered[i])), lowered[i].dtype) for i in constants]

    def pullback(cts: list[Any]) -> list[Any]:
        sums = [_zeros(*s) for s in shapes]
        out = apply(back, [*(cts[c] for c in carry), *sums, *kept, *(cts[i] for i in ys), *used])
        found: list[Any] = [None] * len(active)
        for i, g in zip([*carry, *constants, *rows], out, strict=True):
            found[i] = g
        return found

    return list(level.record(list(operands), results[: body.outputs], pullback))


def _while_cotangents(loop: Any, operands: Sequence[Any], level: Any) -> list[Any]:
    raise NotRolled("reverse mode needs the number of steps of a while_loop")


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
        out = apply(back, [*lowered, *(cts[i] for i in ys)])
        found: list[Any] = [None] * len(operands)
        for i, g in zip(active, out, strict=True):
            found[i + 1] = g
        return found

    return list(level.record(list(operands), results, pullback))


# ---- checkpoints -----------------------------------------------------------------------------------------------------

_BASE = 16  # steps whose values are kept at once by "log"
_FANOUT = 4  # pieces of each piece


def run_in_pieces(loop: Any, operands: Sequence[Any], checkpoint: str | int) -> list[Any]:
    """A scan as a scan over pieces, of which reverse mode keeps the first carries and repeats the rest.

    An int: pieces of so many steps; ``"sqrt"``: about sqrt(T) of them; ``"log"``: pieces of pieces down to a few steps,
    which keeps O(log T) carries and costs O(log T) runs (binomial checkpointing keeps as many; Griewank and Walther,
    Algorithm 799: revolve, 2000).
    """
    n = loop.length
    if checkpoint == "log":
        size = n if n <= _BASE else -(-n // _FANOUT)
    else:
        size = max(1, round(n**0.5)) if checkpoint == "sqrt" else min(int(checkpoint), n)
    whole = n // size if size else 0
    if size == n or n == 0:
        return apply(loop, operands)
    nc, nx = loop.carries, loop.rows
    body = loop.body
    inner = _with_length(loop, size)
    with recorder() as rec:
        ins = [body.input_like(rec, i, [size] if nc <= i < nc + nx else []) for i in range(body.inputs)]
        out = run_in_pieces(inner, ins, "log") if checkpoint == "log" else apply(inner, ins)
        piece = body_of(rec, out)
    outer = _core.scan_loop(piece, nc, nx, whole, loop.reverse, True)
    main, rest = (n - whole * size, 0) if loop.reverse else (0, whole * size)
    carry, xs, constants = list(operands[:nc]), operands[nc : nc + nx], list(operands[nc + nx :])

    def run_main(carry: list[Any]) -> tuple[list[Any], list[Any]]:
        rows = [_part(x, main, whole * size) for x in xs]
        rows = [_core.ops.reshape(x, (whole, size, *x.shape[1:])) for x in rows]
        out = apply(outer, [*carry, *rows, *constants])
        return out[:nc], [_core.ops.reshape(y, (whole * size, *y.shape[2:])) for y in out[nc:]]

    def run_rest(carry: list[Any]) -> tuple[list[Any], list[Any]]:
        tail = _with_length(loop, n - whole * size)
        out = [*carry, *(_part(x, rest, tail.length) for x in xs), *constants]
        out = run_in_pieces(tail, out, checkpoint) if checkpoint == "log" else apply(tail, out)
        return out[:nc], out[nc:]

    if n == whole * size:
        carry, ys = run_main(carry)
        return [*carry, *ys]
    carry, early = run_main(carry)
    carry, late = run_rest(carry)
    low, high = (late, early) if loop.reverse else (early, late)
    return [*carry, *(_core.ops.concatenate([a, b]) for a, b in zip(low, high, strict=True))]


def _with_length(loop: Any, n: int) -> Any:
    return _core.scan_loop(loop.body, loop.carries, loop.rows, n, loop.reverse, loop.recompute)


def _part(x: Any, start: int, count: int) -> Any:
    return x if start == 0 and count == x.shape[0] else x[start : start + count]
