"""Operations that move entries without computing: linear, and the reverse rule moves the cotangents back."""

# A rule may mention the primitive it belongs to, of which mypy then knows no type.
# mypy: disable-error-code="has-type"
from __future__ import annotations

from typing import Any

import numpy as np

from .declare import cast_like, structured, unbroadcast
from .indexing import getitem, index_update, zeros_like

reshape = structured(
    "reshape",
    "shaping",
    lambda x, shape: np.reshape(x, shape),
    jvp=lambda t, y, x, shape: reshape(t, shape=y.shape),
    vjp=lambda g, y, x, shape: reshape(g, shape=x.shape),
)


def inverse_permutation(axes: Any) -> Any:
    return None if axes is None else tuple(int(i) for i in np.argsort([axis % len(axes) for axis in axes]))


transpose = structured(
    "transpose",
    "shaping",
    lambda x, axes=None: np.transpose(x, axes),
    jvp=lambda t, y, x, axes=None: transpose(t, axes=axes),
    vjp=lambda g, y, x, axes=None: transpose(g, axes=inverse_permutation(axes)),
)
broadcast_to = structured(
    "broadcast_to",
    "shaping",
    lambda x, shape: np.broadcast_to(x, shape),
    jvp=lambda t, y, x, shape: broadcast_to(t, shape=shape),
    vjp=lambda g, y, x, shape: unbroadcast(g, x.shape),
)
expand_dims = structured(
    "expand_dims",
    "shaping",
    lambda x, axis: np.expand_dims(x, axis),
    jvp=lambda t, y, x, axis: expand_dims(t, axis=axis),
    vjp=lambda g, y, x, axis: reshape(g, shape=x.shape),
)
squeeze = structured(
    "squeeze",
    "shaping",
    lambda x, axis=None: np.squeeze(x, axis=axis),
    jvp=lambda t, y, x, axis=None: squeeze(t, axis=axis),
    vjp=lambda g, y, x, axis=None: reshape(g, shape=x.shape),
)
astype = structured(
    "astype",
    "shaping",
    lambda x, dtype: np.asarray(x).astype(dtype),
    jvp=lambda t, y, x, dtype: astype(t, dtype=dtype),
    vjp=lambda g, y, x, dtype: astype(g, dtype=x.dtype),
)
#: Cuts the derivative: an identity that has none.
stop_gradient = structured("stop_gradient", "shaping", np.asarray, internal=True)


# -- joining -----------------------------------------------------------------------------------------------------------


def part(position: int, pieces: Any, axis: int) -> tuple[slice, ...]:
    """Where piece number ``position`` lies in the concatenation of all pieces along ``axis``."""
    start = sum(piece.shape[axis] for piece in pieces[:position])
    axis %= pieces[0].ndim
    return (slice(None),) * axis + (slice(start, start + pieces[position].shape[axis]),)


def concatenate_tangent(position: int, t: Any, y: Any, *pieces: Any, axis: int = 0) -> Any:
    return index_update(zeros_like(y), cast_like(t, y), index=part(position, pieces, axis))


def concatenate_cotangent(position: int, g: Any, y: Any, *pieces: Any, axis: int = 0) -> Any:
    return cast_like(getitem(g, index=part(position, pieces, axis)), pieces[position])


concatenate = structured(
    "concatenate",
    "shaping",
    lambda *pieces, axis=0: np.concatenate(pieces, axis=axis),
    jvp=concatenate_tangent,
    vjp=concatenate_cotangent,
    arity=-1,
)


def layer(position: int, y: Any, axis: int) -> tuple[Any, ...]:
    return (slice(None),) * (axis % y.ndim) + (position,)


def stack_tangent(position: int, t: Any, y: Any, *pieces: Any, axis: int = 0) -> Any:
    return index_update(zeros_like(y), cast_like(t, y), index=layer(position, y, axis))


def stack_cotangent(position: int, g: Any, y: Any, *pieces: Any, axis: int = 0) -> Any:
    return cast_like(getitem(g, index=layer(position, y, axis)), pieces[position])


stack = structured(
    "stack",
    "shaping",
    lambda *pieces, axis=0: np.stack([np.asarray(piece) for piece in pieces], axis=axis),
    jvp=stack_tangent,
    vjp=stack_cotangent,
    arity=-1,
)
