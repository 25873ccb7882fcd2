"""Making arrays. Where an argument may carry a derivative (fill values, end points), the result does too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert._core import Array, for_numpy, is_scalar, ops
from wengert._core import array as _core_array
from wengert.numpy.arrays import ArrayLike, DType, Shape, concrete, floating, is_array, lengths, operand, operands
from wengert.numpy.layout.joining import concatenate
from wengert.numpy.layout.shaping import moveaxis

__all__ = [
    "arange", "array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray", "copy", "empty", "empty_like",
    "eye", "from_dlpack", "frombuffer", "fromfunction", "fromiter", "full", "full_like", "geomspace", "identity",
    "indices", "linspace", "logspace", "meshgrid", "ones", "ones_like", "tri", "zeros", "zeros_like",
]  # fmt: skip


def array(object: ArrayLike, dtype: DType = None, *, copy: bool | None = True, ndmin: int = 0) -> Array:
    """An Array of the given values; Arrays inside keep their derivatives. See `numpy.array`."""
    result = operand(object) if is_array(object) else _core_array(np.asarray(for_numpy(object), dtype))
    if dtype is not None and result.dtype != np.dtype(dtype):
        result = ops.astype(result, dtype)
    elif copy and isinstance(object, Array):
        result = _core_array(object)
    if result.ndim < ndmin:
        result = ops.reshape(result, (1,) * (ndmin - result.ndim) + result.shape)
    return ops.reshape(result, ()) if is_scalar(result) else result


def asarray(
    a: ArrayLike, dtype: DType = None, order: Any = None, *, device: None = None, copy: bool | None = None
) -> Array:
    """`a` as an Array, itself if it is one already. See `numpy.asarray`."""
    result = array(a, dtype, copy=bool(copy))
    if order in ("C", "F") and not (result.flags.c_contiguous if order == "C" else result.flags.f_contiguous):
        return result.copy(order)
    return result


asanyarray = asarray


def ascontiguousarray(a: ArrayLike, dtype: DType = None) -> Array:
    """`a` in row-major order with at least one axis, itself if it lies so already. See `numpy.ascontiguousarray`."""
    result = asarray(a, dtype, order="C")
    return result if result.ndim else ops.reshape(result, (1,))


def asfortranarray(a: ArrayLike, dtype: DType = None) -> Array:
    """`a` in column-major order, itself if it lies so already. See `numpy.asfortranarray`."""
    return asarray(a, dtype, order="F")


def copy(a: ArrayLike, order: Any = "K", subok: bool = False) -> Array:
    """An independent copy with the same derivatives. See `numpy.copy`."""
    return array(
        _core_array(a.copy(order)) if isinstance(a, Array) else np.array(for_numpy(a), order=order), copy=False
    )


def frombuffer(buffer: Any, dtype: DType = float, count: int = -1, offset: int = 0) -> Array:
    """An Array of the bytes in a buffer. See `numpy.frombuffer`."""
    return operand(np.frombuffer(buffer, dtype, count, offset))


def fromiter(iter: Any, dtype: DType, count: int = -1) -> Array:
    """An Array of the numbers of an iterator, whose Arrays keep their derivatives. See `numpy.fromiter`."""
    return array(list(iter) if count < 0 else [x for _, x in zip(range(count), iter, strict=False)], dtype)


def fromfunction(function: Callable[..., Any], shape: Sequence[int], *, dtype: DType = float, **kwargs: Any) -> Array:
    """The function of the coordinate arrays. See `numpy.fromfunction`."""
    return operand(function(*(operand(i) for i in np.indices(lengths(shape), dtype=dtype)), **kwargs))


def from_dlpack(x: Any, /, *, device: None = None, copy: bool | None = None) -> Array:
    """An Array of the values of any object with `__dlpack__`. See `numpy.from_dlpack`."""
    return x if isinstance(x, Array) else operand(np.from_dlpack(x, copy=copy))


def zeros(shape: Shape, dtype: DType = float, order: Any = "C") -> Array:
    """Zeros. See `numpy.zeros`."""
    return array(np.zeros(lengths(shape), dtype, order), copy=False)


def ones(shape: Shape, dtype: DType = float, order: Any = "C") -> Array:
    """Ones. See `numpy.ones`."""
    return array(np.ones(lengths(shape), dtype, order), copy=False)


def empty(shape: Shape, dtype: DType = float, order: Any = "C") -> Array:
    """Zeros, to be filled: `x[i] = v`. See `numpy.empty`."""
    return zeros(shape, dtype, order)


def full(shape: Shape, fill_value: ArrayLike, dtype: DType = None, order: Any = "C") -> Array:
    """Filled with one value, whose derivative is kept. See `numpy.full`."""
    if not is_array(fill_value):
        return array(np.full(lengths(shape), for_numpy(fill_value), dtype, order), copy=False)
    fill = operand(fill_value) if dtype is None else ops.astype(operand(fill_value), dtype)
    return ops.broadcast_to(fill, lengths(shape)).copy(order)


def _like(fill: Callable[..., Array], a: ArrayLike, dtype: DType, order: str, shape: Shape | None) -> Array:
    """What `fill(shape, dtype)` makes, in the shape, dtype and order of `a` where nothing else is asked for."""
    a = operand(a)
    new_shape, dtype = (a.shape if shape is None else lengths(shape)), (a.dtype if dtype is None else dtype)
    if order == "C" or len(new_shape) != a.ndim or (order in "KA" and a.flags.c_contiguous):
        return fill(new_shape, dtype)
    if order == "A":
        order = "F" if a.flags.f_contiguous else "C"
    steps = [abs(step) for step in a.strides] if order == "K" else list(range(a.ndim))
    slowest_first = sorted(range(a.ndim), key=lambda axis: -steps[axis])
    turned = fill(tuple(new_shape[axis] for axis in slowest_first), dtype)
    return ops.transpose(turned, tuple(slowest_first.index(axis) for axis in range(a.ndim))).copy("K")


def zeros_like(
    a: ArrayLike, dtype: DType = None, order: Any = "K", subok: bool = True, shape: Shape | None = None
) -> Array:
    """Zeros with the shape and dtype of `a`. See `numpy.zeros_like`."""
    return _like(zeros, a, dtype, order, shape)


def ones_like(
    a: ArrayLike, dtype: DType = None, order: Any = "K", subok: bool = True, shape: Shape | None = None
) -> Array:
    """Ones with the shape and dtype of `a`. See `numpy.ones_like`."""
    return _like(ones, a, dtype, order, shape)


def empty_like(
    prototype: ArrayLike, dtype: DType = None, order: Any = "K", subok: bool = True, shape: Shape | None = None
) -> Array:
    """Zeros with the shape and dtype of the prototype, to be filled. See `numpy.empty_like`."""
    return _like(zeros, prototype, dtype, order, shape)


def full_like(
    a: ArrayLike,
    fill_value: ArrayLike,
    dtype: DType = None,
    order: Any = "K",
    subok: bool = True,
    shape: Shape | None = None,
) -> Array:
    """One value with the shape and dtype of `a`. See `numpy.full_like`."""
    if operand(fill_value).ndim:
        like = zeros_like(a, dtype, order, subok, shape)
        like[...] = fill_value
        return like
    return _like(lambda lengths, kind: full(lengths, fill_value, kind), a, dtype, order, shape)


def eye(N: int, M: int | None = None, k: int = 0, dtype: DType = float, order: Any = "C") -> Array:
    """Ones on a diagonal. See `numpy.eye`."""
    return operand(np.eye(N, M, k, dtype))


def identity(n: int, dtype: DType = None) -> Array:
    """The identity matrix. See `numpy.identity`."""
    return operand(np.identity(n, dtype))


def tri(N: int, M: int | None = None, k: int = 0, dtype: DType = float) -> Array:
    """Ones on and below a diagonal. See `numpy.tri`."""
    return operand(np.tri(N, M, k, dtype))


def indices(dimensions: Sequence[int], dtype: DType = int, sparse: bool = False) -> Any:
    """The coordinates of a grid. See `numpy.indices`."""
    grids = np.indices(lengths(dimensions), dtype, sparse)  # type: ignore[call-overload]
    return tuple(operand(g) for g in grids) if sparse else operand(grids)


def meshgrid(*xi: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Array, ...]:
    """Coordinate matrices from coordinate vectors. See `numpy.meshgrid`."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    vectors = operands(*xi)
    place = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) > 1:
        place[:2] = [1, 0]
    grids = [
        ops.reshape(v, tuple(-1 if i == p else 1 for i in range(len(vectors)))) if v.size else v
        for v, p in zip(vectors, place, strict=True)
    ]
    shape = np.broadcast_shapes(*(g.shape for g in grids))
    grids = [g if sparse else ops.broadcast_to(g, shape) for g in grids]
    return tuple(g.copy() for g in grids) if copy else tuple(grids)


def arange(
    start: ArrayLike = 0,
    /,
    stop: ArrayLike | None = None,
    step: ArrayLike = 1,
    dtype: DType = None,
    *,
    device: None = None,
) -> Array:
    """Evenly spaced values, differentiable in start and step. See `numpy.arange`."""
    if stop is None:
        start, stop = 0, start
    if not any(map(is_array, (start, stop, step))):
        return operand(np.arange(*map(for_numpy, (start, stop, step)), dtype=dtype))
    values = np.arange(*(concrete(x)[()] for x in (start, stop, step)), dtype=dtype)  # type: ignore[call-overload]
    if values.dtype.kind in "iu":
        return operand(values)
    return ops.add(start, ops.multiply(step, np.arange(values.size, dtype=values.dtype)))


def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DType = None,
    axis: int = 0,
    *,
    device: None = None,
) -> Any:
    """`num` evenly spaced values from start to stop, differentiable in both. See `numpy.linspace`."""
    if not (is_array(start) or is_array(stop)):
        found = np.linspace(for_numpy(start), for_numpy(stop), num, endpoint, retstep, dtype, axis)  # type: ignore[call-overload]
        return (operand(found[0]), operand(found[1])) if retstep else operand(found)
    if num < 0:
        raise ValueError(f"linspace: num must not be negative, got {num}")
    start, stop = floating(start), floating(stop)
    intervals = num - 1 if endpoint else num
    span = ops.subtract(stop, start)
    step = ops.divide(span, intervals) if intervals > 0 else ops.multiply(span, np.nan)
    count = np.arange(num, dtype=span.dtype).reshape((-1,) + (1,) * span.ndim)
    values = ops.add(start, ops.multiply(count, step if intervals > 0 else span))
    if endpoint and num > 1:  # the last value is `stop` itself, not start + rounding
        values = concatenate([values[:-1], ops.broadcast_to(stop, (1, *span.shape))])
    values = moveaxis(values, 0, axis) if axis else values
    values = values if dtype is None else ops.astype(values, dtype)
    return (values, step) if retstep else values


def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: DType = None,
    axis: int = 0,
) -> Array:
    """base**linspace(start, stop), differentiable in start, stop and base. See `numpy.logspace`."""
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    values = ops.power(base if issubclass(type(base), (int, float)) else floating(base), exponents)
    return values if dtype is None else ops.astype(values, dtype)


def geomspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, dtype: DType = None, axis: int = 0
) -> Array:
    """Values in constant ratio from start to stop, differentiable in both. See `numpy.geomspace`."""
    if not (is_array(start) or is_array(stop)):
        return operand(np.geomspace(for_numpy(start), for_numpy(stop), num, endpoint, dtype, axis))
    start, stop = floating(start), floating(stop)
    ratio = ops.divide(stop, start)
    if (concrete(ratio) <= 0).any():
        raise ValueError("geomspace: start and stop must have the same sign and not be zero")
    growth = ops.exp(linspace(np.zeros(ratio.shape, ratio.dtype), ops.log(ratio), num, endpoint))
    values = ops.multiply(start, growth)
    values = moveaxis(values, 0, axis) if axis else values
    return values if dtype is None else ops.astype(values, dtype)
