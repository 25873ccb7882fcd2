"""Products of vectors and matrices: all of them are one `matmul` between suitable reshapings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..array.handle import Array, apply
from .elementwise import multiply
from .reductions import sum as _sum
from .shaping import array_of, moveaxis, ravel, reshape, transpose
from .sorting import diagonal


def matmul(a: Any, b: Any) -> Array:
    """``a @ b`` with NumPy's rules for vectors and stacks of matrices."""
    a, b = array_of(a), array_of(b)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("wengert.reference.numpy.matmul: a factor is a single number; use * instead")
    return apply("matmul", a, b)


def dot(a: Any, b: Any) -> Array:
    """Vectors: inner product; matrices: product; otherwise the last axis of ``a`` with the last but one of ``b``."""
    a, b = array_of(a), array_of(b)
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        return matmul(a, b)
    return tensordot(a, b, axes=([a.ndim - 1], [max(b.ndim - 2, 0)]))


def inner(a: Any, b: Any) -> Array:
    """The sum over the last axes of both."""
    a, b = array_of(a), array_of(b)
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    return tensordot(a, b, axes=([a.ndim - 1], [b.ndim - 1]))


def outer(a: Any, b: Any) -> Array:
    """``a[i] * b[j]``"""
    return multiply(reshape(array_of(a), (-1, 1)), reshape(array_of(b), (1, -1)))


def vdot(a: Any, b: Any) -> Array:
    return matmul(ravel(a), ravel(b))


def vecdot(a: Any, b: Any, axis: int = -1) -> Array:
    return _sum(multiply(a, b), axis=axis, keepdims=False)


def tensordot(a: Any, b: Any, axes: Any = 2) -> Array:
    """The sum over pairs of axes of ``a`` and ``b``."""
    a, b = array_of(a), array_of(b)
    if isinstance(axes, (int, np.integer)):
        left, right = list(range(a.ndim - int(axes), a.ndim)), list(range(int(axes)))
    else:
        left, right = ([int(i)] if isinstance(i, (int, np.integer)) else [int(j) for j in i] for i in axes)
    left, right = [i % a.ndim for i in left], [i % b.ndim for i in right]
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise ValueError(
            f"wengert.reference.numpy.tensordot: axes {left} of shape {a.shape} and axes {right} of shape {b.shape} "
            "have different lengths"
        )
    rows = [i for i in range(a.ndim) if i not in left]
    columns = [i for i in range(b.ndim) if i not in right]
    m, k, n = (
        math.prod(shape)
        for shape in ([a.shape[i] for i in rows], [a.shape[i] for i in left], [b.shape[i] for i in columns])
    )
    product = matmul(reshape(transpose(a, rows + left), (m, k)), reshape(transpose(b, right + columns), (k, n)))
    return reshape(product, tuple(a.shape[i] for i in rows) + tuple(b.shape[i] for i in columns))


def kron(a: Any, b: Any) -> Array:
    """The Kronecker product."""
    a, b = array_of(a), array_of(b)
    ndim = max(a.ndim, b.ndim)
    left, right = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    a = reshape(a, [n for length in left for n in (length, 1)])
    b = reshape(b, [n for length in right for n in (1, length)])
    return reshape(multiply(a, b), [m * n for m, n in zip(left, right, strict=True)])


def cross(a: Any, b: Any, axis: int = -1) -> Array:
    """The vector product in three dimensions."""
    a, b = moveaxis(a, axis, -1), moveaxis(b, axis, -1)
    forward, backward = [1, 2, 0], [2, 0, 1]
    product = a[..., forward] * b[..., backward] - a[..., backward] * b[..., forward]
    return moveaxis(product, -1, axis)


def einsum(subscripts: str, *operands: Any) -> Array:
    """Einstein summation with one letter an axis: ``einsum("ij,jk->ik", a, b)``; no ellipsis.

    Every operand is stretched over all letters, the entries are multiplied, and the letters missing on the right are
    summed: the definition, not the fastest way.
    """
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if "." in subscripts or len(terms) != len(operands):
        raise ValueError(
            f"wengert.reference.numpy.einsum: {subscripts!r} needs one term for each operand and no ellipsis"
        )
    if not arrow:
        right = "".join(sorted(letter for letter in set(left) - {","} if left.count(letter) == 1))
    letters = right + "".join(sorted(set(left) - set(right) - {","}))
    product: Any = None
    for term, operand in zip(terms, operands, strict=True):
        factor = _over_letters(array_of(operand), term, letters, subscripts)
        product = factor if product is None else multiply(product, factor)
    return _sum(product, axis=tuple(range(len(right), len(letters))), keepdims=False)


def _over_letters(x: Array, term: str, letters: str, subscripts: str) -> Array:
    """``x`` with its axes in the order of ``letters`` and length 1 for those it does not have."""
    if len(term) != x.ndim:
        raise ValueError(
            f"wengert.reference.numpy.einsum: {term!r} in {subscripts!r} names {len(term)} axes, but the operand has "
            f"shape {x.shape}"
        )
    while len(set(term)) < len(term):  # "ii": a repeated letter is a diagonal
        letter = next(c for c in term if term.count(c) > 1)
        first, second = [i for i, c in enumerate(term) if c == letter][:2]
        x = diagonal(x, 0, first, second)
        term = "".join(c for i, c in enumerate(term) if i not in (first, second)) + letter
    order = sorted(range(len(term)), key=lambda i: letters.index(term[i]))
    x = transpose(x, order)
    lengths = dict(zip([term[i] for i in order], x.shape, strict=True))
    return reshape(x, tuple(lengths.get(letter, 1) for letter in letters))


__all__ = ["cross", "dot", "einsum", "inner", "kron", "matmul", "outer", "tensordot", "vdot", "vecdot"]
