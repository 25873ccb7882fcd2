"""Matrix products.  Bilinear: the derivative in one factor is the product with the other one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..levels import concrete
from .declare import cast_like, strong, structured, unbroadcast
from .reduce import sum
from .shaping import reshape, transpose


def matmul_value(a: Any, b: Any) -> Any:
    try:
        return np.matmul(a, b)
    except ValueError:
        raise ValueError(
            f"wengert.reference.matmul: shapes {np.shape(a)} and {np.shape(b)} do not fit: the last axis of the first "
            "factor must equal the last but one of the second (its only one if it is a vector); for a product of "
            "numbers use *, for a transposed factor use a.T"
        ) from None


def finite(x: Any) -> bool:
    return bool(np.isfinite(concrete(x)).all())


def strong_matmul(a: Any, b: Any) -> Any:
    """``a @ b`` in which a zero entry annihilates infinity and NaN (see `declare.strong`)."""
    if finite(a) and finite(b):
        return matmul(a, b)
    left = as_matrix(a, first=True)
    right = as_matrix(b, first=False)
    terms = strong(left[..., :, :, None], right[..., None, :, :])
    product = sum(terms, axis=-2, keepdims=False)
    shape = product.shape
    return reshape(product, shape=shape[: len(shape) - 2] + shape[-2:-1] * (a.ndim > 1) + shape[-1:] * (b.ndim > 1))


def as_matrix(x: Any, first: bool) -> Any:
    """A vector is a row when it is the first factor and a column when it is the second."""
    if x.ndim > 1:
        return x
    return reshape(x, shape=(1, *x.shape) if first else (*x.shape, 1))


def swap_last(x: Any) -> Any:
    return transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def as_product(g: Any, a: Any, b: Any) -> Any:
    """The cotangent of ``a @ b`` with the axes that vectors lost put back."""
    batch = g.shape[: g.ndim - (a.ndim > 1) - (b.ndim > 1)]
    rows = (a.shape[-2],) if a.ndim > 1 else (1,)
    columns = (b.shape[-1],) if b.ndim > 1 else (1,)
    return reshape(g, shape=batch + rows + columns)


def first_cotangent(g: Any, y: Any, a: Any, b: Any) -> Any:
    """ā = ȳ bᵀ"""
    full = strong_matmul(as_product(g, a, b), swap_last(as_matrix(b, first=False)))
    return cast_like(reshape(unbroadcast(full, as_matrix(a, first=True).shape), shape=a.shape), a)


def second_cotangent(g: Any, y: Any, a: Any, b: Any) -> Any:
    """b̄ = aᵀ ȳ"""
    full = strong_matmul(swap_last(as_matrix(a, first=True)), as_product(g, a, b))
    return cast_like(reshape(unbroadcast(full, as_matrix(b, first=False).shape), shape=b.shape), b)


matmul = structured(
    "matmul",
    "linalg",
    matmul_value,
    jvp=(
        lambda t, y, a, b: cast_like(strong_matmul(t, b), y),
        lambda t, y, a, b: cast_like(strong_matmul(a, t), y),
    ),
    vjp=(first_cotangent, second_cotangent),
    arity=2,
)
