"""Einstein summation: parse, choose the order of the pairs, contract each pair with one matmul."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from wengert._core import Array, ops
from wengert.numpy.arrays import operand, refuse_out

__all__ = ["einsum", "einsum_path"]

Path = tuple[tuple[int, ...], ...]


def einsum(*operands: Any, out: None = None, optimize: Any = True, dtype: Any = None, **kwargs: Any) -> Array:
    """Sum of products over repeated labels, e.g. einsum("ij,jk->ik", a, b). See `numpy.einsum`."""
    refuse_out("einsum", out)
    if set(kwargs) - {"order", "casting"}:
        raise TypeError(f"einsum: unknown keywords {sorted(set(kwargs) - {'order', 'casting'})}")
    subscripts, arrays = _string_form(operands)
    if dtype is not None:
        arrays = [ops.astype(a, dtype) for a in arrays]
    inputs, output = parse(subscripts, tuple(a.ndim for a in arrays))
    _check_lengths(inputs, arrays)
    terms = [_simplified(a, labels) for a, labels in zip(arrays, inputs, strict=True)]
    for pair in _order(inputs, output, tuple(a.shape for a in arrays), optimize):
        chosen = [terms.pop(i) for i in sorted(pair, reverse=True)][::-1]
        needed = set(output).union(*(labels for _, labels in terms))
        while len(chosen) > 1:
            rest = needed.union(*(labels for _, labels in chosen[2:]))
            chosen[:2] = [_contract(chosen[0], chosen[1], rest)]
        terms.append(chosen[0])
    return _finish(*terms[0], output)


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


def _check_lengths(inputs: Sequence[str], arrays: Sequence[Array]) -> None:
    length: dict[str, int] = {}
    for labels, a in zip(inputs, arrays, strict=True):
        for label, n in zip(labels, a.shape, strict=True):
            if n != 1 and length.setdefault(label, n) != n:
                shapes = ", ".join(str(b.shape) for b in arrays)
                raise ValueError(f"einsum: label {label!r} has lengths {length[label]} and {n} in shapes {shapes}")


@lru_cache(maxsize=1024)
def _cached_order(subscripts: str, shapes: tuple[tuple[int, ...], ...], optimize: str) -> Path:
    path, _ = np.einsum_path(subscripts, *(np.broadcast_to(0.0, shape) for shape in shapes), optimize=optimize)
    return tuple(path[1:])


def _order(inputs: tuple[str, ...], output: str, shapes: tuple[tuple[int, ...], ...], optimize: Any) -> Path:
    """Which terms to contract, step by step; contracted terms go to the end."""
    if len(inputs) <= 2:
        return (tuple(range(len(inputs))),)
    if isinstance(optimize, (list, tuple)) and optimize and optimize[0] == "einsum_path":
        return tuple(optimize[1:])
    method = optimize if isinstance(optimize, str) else "greedy"
    return _cached_order(",".join(inputs) + "->" + output, shapes, method)


def _simplified(a: Array, labels: str) -> tuple[Array, str]:
    """A label repeated within one operand means its diagonal."""
    for label in sorted({c for c in labels if labels.count(c) > 1}):
        axes = [i for i, c in enumerate(labels) if c == label]
        length = max(a.shape[i] for i in axes)
        others = [i for i in range(a.ndim) if i not in axes]
        a = ops.transpose(a, (*others, *axes))
        index = tuple(np.arange(length) if n > 1 else np.zeros(length, np.int64) for n in a.shape[len(others) :])
        a = ops.getitem(a, (slice(None),) * len(others) + index)
        labels = "".join(labels[i] for i in others) + label
    return a, labels


def _contract(left: tuple[Array, str], right: tuple[Array, str], needed: set[str]) -> tuple[Array, str]:
    """The product of two terms, summed over the labels that nothing else needs."""
    (a, la), (b, lb) = _drop(left, right[1], needed), _drop(right, left[1], needed)
    shared = [c for c in la if c in lb]
    summed = "".join(c for c in shared if c not in needed)
    batch = "".join(c for c in shared if c in needed)
    rows, columns = "".join(c for c in la if c not in shared), "".join(c for c in lb if c not in shared)
    if not summed:
        order = batch + rows + columns
        return ops.multiply(_spread(a, la, order), _spread(b, lb, order)), order
    a, b = _permuted(a, la, batch + rows + summed), _permuted(b, lb, batch + summed + columns)
    n = len(batch)
    outer = np.broadcast_shapes(a.shape[:n], b.shape[:n])
    free_a, free_b = a.shape[n : n + len(rows)], b.shape[n + len(summed) :]
    length = math.prod(b.shape[n : n + len(summed)])
    a = ops.reshape(a, (*a.shape[:n], math.prod(free_a), length))
    b = ops.reshape(b, (*b.shape[:n], length, math.prod(free_b)))
    return ops.reshape(ops.matmul(a, b), (*outer, *free_a, *free_b)), batch + rows + columns


def _drop(term: tuple[Array, str], others: str, needed: set[str]) -> tuple[Array, str]:
    """Sum out the labels of this term alone, and the broadcast length-1 axes that the other term has too."""
    a, labels = term
    gone = [
        i for i, c in enumerate(labels) if (c not in others and c not in needed) or (c in others and a.shape[i] == 1)
    ]
    if not gone:
        return term
    return ops.sum(a, tuple(gone)), "".join(c for i, c in enumerate(labels) if i not in gone)


def _permuted(a: Array, labels: str, order: str) -> Array:
    return a if labels == order else ops.transpose(a, tuple(labels.index(c) for c in order))


def _spread(a: Array, labels: str, order: str) -> Array:
    """Axes in the given order, length 1 for a label the term lacks."""
    a = _permuted(a, labels, "".join(c for c in order if c in labels))
    lengths = iter(a.shape)
    shape = tuple(next(lengths) if c in labels else 1 for c in order)
    return a if shape == a.shape else ops.reshape(a, shape)


def _finish(a: Array, labels: str, output: str) -> Array:
    a, labels = _drop((a, labels), "", set(output))
    return _permuted(a, labels, output)
