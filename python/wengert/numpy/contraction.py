"""Einstein summation: parse, choose the order of the pairs, one matmul for each pair.

The result is a plan, a list of primitive calls that depends on the shapes only and is kept."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import operand, refuse_out

__all__ = ["einsum", "einsum_path"]

Step = tuple[Any, tuple[int, ...], tuple[Any, ...]]  # a primitive, the slots of its operands, its parameters


def einsum(*operands: Any, out: None = None, optimize: Any = True, dtype: Any = None, **kwargs: Any) -> Array:
    """Sum of products over repeated labels, e.g. einsum("ij,jk->ik", a, b). See `numpy.einsum`."""
    refuse_out("einsum", out)
    if set(kwargs) - {"order", "casting"}:
        raise TypeError(f"einsum: unknown keywords {sorted(set(kwargs) - {'order', 'casting'})}")
    subscripts, values = _string_form(operands)
    if dtype is not None:
        values = [ops.astype(a, dtype) for a in values]
    chosen = tuple(optimize) if isinstance(optimize, (list, tuple)) else optimize
    for function, slots, params in _plan(subscripts, tuple(a.shape for a in values), chosen):
        values.append(function(*(values[i] for i in slots), *params))
    return ops.getitem(values[-1], ...) if len(values) == 1 else values[-1]


def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> tuple[list[Any], str]:
    """The order in which einsum would contract. See `numpy.einsum_path`."""
    subscripts, arrays = _string_form(operands)
    return np.einsum_path(subscripts, *(np.broadcast_to(0.0, a.shape) for a in arrays), optimize=optimize)


def _string_form(args: Sequence[Any]) -> tuple[str, list[Array]]:
    """Both of NumPy's spellings as subscripts and arrays: ("ij,jk", a, b) and (a, [0, 1], b, [1, 2], [0, 2])."""
    if not args:
        raise TypeError("einsum: needs subscripts and arrays, e.g. einsum('ij,jk->ik', a, b)")
    if isinstance(args[0], str):
        return args[0].replace(" ", ""), [operand(a) for a in args[1:]]
    pairs = list(zip(args[::2], args[1::2], strict=False))
    subscripts = ",".join(_letters(labels) for _, labels in pairs)
    if len(args) % 2:
        subscripts += "->" + _letters(args[-1])
    return subscripts, [operand(a) for a, _ in pairs]


def _letters(labels: Sequence[Any]) -> str:
    return "".join("..." if label is Ellipsis else string.ascii_letters[label] for label in labels)


@lru_cache(maxsize=1024)
def parse(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """Labels of every operand and of the output, ellipses spelled out with spare letters."""
    left, arrow, output = subscripts.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ndims):
        raise ValueError(f"einsum: {subscripts!r} has {len(inputs)} terms for {len(ndims)} operands")
    strange = set(subscripts) - set(string.ascii_letters + ",.->")
    if strange:
        raise ValueError(f"einsum: {subscripts!r} contains {sorted(strange)}; labels are letters")
    spare = [letter for letter in string.ascii_letters if letter not in subscripts]
    widths = [ndim - len(term.replace("...", "")) for term, ndim in zip(inputs, ndims, strict=True)]
    for term, ndim, width in zip(inputs, ndims, widths, strict=True):
        if width < 0 or (width and "..." not in term) or term.replace("...", "", 1).count("."):
            raise ValueError(f"einsum: the term {term!r} of {subscripts!r} does not fit an operand with {ndim} axes")
    rest = spare[: max((w for t, w in zip(inputs, widths, strict=True) if "..." in t), default=0)]
    spelled = tuple(t.replace("...", "".join(rest[len(rest) - w :])) for t, w in zip(inputs, widths, strict=True))
    every = "".join(spelled)
    if not arrow:
        output = "".join(rest) + "".join(sorted(c for c in set(every) - set(rest) if every.count(c) == 1))
    else:
        output = output.replace("...", "".join(rest))
    if len(set(output)) != len(output) or not set(output) <= set(every):
        raise ValueError(f"einsum: every output label of {subscripts!r} must appear once, and in some operand")
    return spelled, output


def _check_lengths(inputs: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> None:
    length: dict[str, int] = {}
    for labels, shape in zip(inputs, shapes, strict=True):
        for label, n in zip(labels, shape, strict=True):
            if n != 1 and length.setdefault(label, n) != n:
                every = ", ".join(map(str, shapes))
                raise ValueError(f"einsum: label {label!r} has lengths {length[label]} and {n} in shapes {every}")


@lru_cache(maxsize=1024)
def _plan(subscripts: str, shapes: tuple[tuple[int, ...], ...], optimize: Any) -> list[Step]:
    """The primitive calls that compute the sum, for operands of these shapes."""
    inputs, output = parse(subscripts, tuple(map(len, shapes)))
    _check_lengths(inputs, shapes)
    planner = _Planner(len(inputs))
    terms = [planner.diagonal(Term(i, *pair)) for i, pair in enumerate(zip(inputs, shapes, strict=True))]
    for group in _order(inputs, output, shapes, optimize):
        chosen = [terms.pop(i) for i in sorted(group, reverse=True)][::-1]
        needed = set(output).union(*(term.labels for term in terms))
        while len(chosen) > 1:
            rest = needed.union(*(term.labels for term in chosen[2:]))
            chosen[:2] = [planner.contract(chosen[0], chosen[1], rest)]
        terms.append(chosen[0])
    planner.permute(planner.drop(terms[0], "", set(output)), output)
    return planner.steps


def _order(inputs: tuple[str, ...], output: str, shapes: Sequence[tuple[int, ...]], optimize: Any) -> Sequence[Any]:
    """Which terms to contract, step by step; contracted terms go to the end."""
    if len(inputs) <= 2:
        return (tuple(range(len(inputs))),)
    if isinstance(optimize, tuple) and optimize and optimize[0] == "einsum_path":
        return optimize[1:]
    method = optimize if isinstance(optimize, str) else "greedy"
    models = (np.broadcast_to(0.0, shape) for shape in shapes)
    return np.einsum_path(",".join(inputs) + "->" + output, *models, optimize=method)[0][1:]


class Term(NamedTuple):
    """A value of the running computation: its slot, the labels of its axes, its shape."""

    slot: int
    labels: str
    shape: tuple[int, ...]


class _Planner:
    """Turns operations on terms into primitive calls; a call that would change nothing is left out."""

    def __init__(self, operands: int) -> None:
        self.steps: list[Step] = []
        self.slots = operands

    def emit(self, function: Any, terms: Sequence[Term], params: tuple[Any, ...], labels: str, shape: Any) -> Term:
        self.steps.append((function, tuple(term.slot for term in terms), params))
        self.slots += 1
        return Term(self.slots - 1, labels, tuple(shape))

    def permute(self, term: Term, labels: str) -> Term:
        if term.labels == labels:
            return term
        order = tuple(term.labels.index(c) for c in labels)
        return self.emit(ops.transpose, [term], (order,), labels, (term.shape[i] for i in order))

    def reshape(self, term: Term, shape: tuple[int, ...], labels: str) -> Term:
        if term.shape == shape:
            return term._replace(labels=labels)
        return self.emit(ops.reshape, [term], (shape,), labels, shape)

    def diagonal(self, term: Term) -> Term:
        """A label repeated within one operand means its diagonal."""
        for label in sorted({c for c in term.labels if term.labels.count(c) > 1}):
            axes = [i for i, c in enumerate(term.labels) if c == label]
            while len(axes) > 1 and len({term.shape[i] for i in axes}) == 1:  # a view, as in NumPy
                first, second = axes[:2]
                kept = [i for i in range(len(term.labels)) if i not in (first, second)]
                labels = "".join(term.labels[i] for i in kept) + label
                shape = (*(term.shape[i] for i in kept), term.shape[first])
                term = self.emit(ops.diagonal, [term], (0, first, second, False), labels, shape)
                axes = [i for i, c in enumerate(term.labels) if c == label]
            if len(axes) == 1:
                continue
            others = [i for i, c in enumerate(term.labels) if c != label]
            length = max(term.shape[i] for i in axes)
            positions = [np.arange(length) if term.shape[i] > 1 else np.zeros(length, np.int64) for i in axes]
            outer = tuple(term.shape[i] for i in others)
            term = self.emit(ops.transpose, [term], ((*others, *axes),), term.labels, ())
            labels = "".join(c for c in term.labels if c != label) + label
            index = (*(slice(None) for _ in others), *positions)
            term = self.emit(ops.getitem, [term], (index,), labels, (*outer, length))
        return term

    def drop(self, term: Term, others: str, needed: set[str]) -> Term:
        """Sum out the labels of this term alone, and the broadcast length-1 axes that the other term has too."""
        gone = tuple(
            i
            for i, c in enumerate(term.labels)
            if (c in others and term.shape[i] == 1) or (c not in others and c not in needed)
        )
        if not gone:
            return term
        kept = [i for i in range(len(term.labels)) if i not in gone]
        labels = "".join(term.labels[i] for i in kept)
        return self.emit(ops.sum, [term], (gone,), labels, (term.shape[i] for i in kept))

    def contract(self, left: Term, right: Term, needed: set[str]) -> Term:
        """The product of two terms, summed over the labels that nothing else needs."""
        a, b = self.drop(left, right.labels, needed), self.drop(right, left.labels, needed)
        shared = [c for c in a.labels if c in b.labels]
        summed = "".join(c for c in shared if c not in needed)
        batch = "".join(c for c in shared if c in needed)
        rows = "".join(c for c in a.labels if c not in shared)
        columns = "".join(c for c in b.labels if c not in shared)
        if not summed:
            return self.multiply(a, b, batch + rows + columns)
        a, b = self.permute(a, batch + rows + summed), self.permute(b, batch + summed + columns)
        n, m = len(batch), len(rows)
        outer, free_a, free_b = a.shape[:n], a.shape[n : n + m], b.shape[n + len(summed) :]
        length = math.prod(a.shape[n + m :])
        a = self.reshape(a, (*outer, math.prod(free_a), length), a.labels)
        b = self.reshape(b, (*outer, length, math.prod(free_b)), b.labels)
        flat = (*outer, math.prod(free_a), math.prod(free_b))
        product = self.emit(ops.matmul, [a, b], (), "", flat)
        return self.reshape(product, (*outer, *free_a, *free_b), batch + rows + columns)

    def multiply(self, a: Term, b: Term, labels: str) -> Term:
        a, b = self.spread(a, labels), self.spread(b, labels)
        return self.emit(ops.multiply, [a, b], (), labels, np.broadcast_shapes(a.shape, b.shape))

    def spread(self, term: Term, labels: str) -> Term:
        """Axes in the given order, length 1 for a label the term lacks."""
        term = self.permute(term, "".join(c for c in labels if c in term.labels))
        lengths = dict(zip(term.labels, term.shape, strict=True))
        return self.reshape(term, tuple(lengths.get(c, 1) for c in labels), labels)
