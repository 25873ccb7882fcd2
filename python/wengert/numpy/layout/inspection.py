"""Questions about shape, dtype and equality: no derivative is involved."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert import _core
from wengert._core import Array, for_numpy, ops
from wengert.numpy.arrays import ArrayLike, Axis, DType, concrete, normalize_axes, operand, operands

__all__ = [
    "allclose", "array2string", "array_equal", "array_equiv", "array_repr", "array_str", "astype", "can_cast",
    "common_type", "isclose", "iscomplex", "iscomplexobj", "isreal", "isrealobj", "isscalar", "may_share_memory",
    "min_scalar_type", "ndim", "promote_types", "result_type", "shape", "shares_memory", "size",
]  # fmt: skip


def shape(a: ArrayLike) -> tuple[int, ...]:
    """The lengths of the axes. See `numpy.shape`."""
    return operand(a).shape


def ndim(a: ArrayLike) -> int:
    """The number of axes. See `numpy.ndim`."""
    return operand(a).ndim


def size(a: ArrayLike, axis: Axis = None) -> int:
    """The number of elements, in all or along axes. See `numpy.size`."""
    a = operand(a)
    return math.prod(a.shape[i] for i in normalize_axes("size", axis, a.ndim))


def astype(x: ArrayLike, dtype: DType, /, *, copy: bool = True, device: None = None) -> Array:
    """Converted to another dtype; between floating dtypes derivatives pass. See `numpy.astype`."""
    return operand(x).astype(dtype, copy=copy)


def _typed(x: Any) -> Any:
    if not isinstance(x, Array):
        return x
    return {"f": 0.0, "i": 0, "b": False}[_core.dtype_of(x).kind] if _core.is_weak(x) else x.dtype


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype that NumPy's promotion gives; Python numbers are weak. See `numpy.result_type`."""
    return np.result_type(*map(_typed, arrays_and_dtypes))


def common_type(*arrays: ArrayLike) -> type:
    """The floating type all arrays fit in. See `numpy.common_type`."""
    return np.common_type(*(np.empty(0, operand(a).dtype) for a in arrays))


def can_cast(from_: Any, to: DType, casting: Any = "safe") -> bool:
    """Whether one dtype converts to another. See `numpy.can_cast`."""
    return np.can_cast(_typed(from_), to, casting)


def min_scalar_type(a: ArrayLike, /) -> np.dtype[Any]:
    """The smallest dtype that holds the value. See `numpy.min_scalar_type`."""
    return np.min_scalar_type(concrete(a))


promote_types = np.promote_types


def iscomplexobj(x: ArrayLike) -> bool:
    """False: no dtype here is complex. See `numpy.iscomplexobj`."""
    return False if isinstance(x, Array) else np.iscomplexobj(for_numpy(x))


def isrealobj(x: ArrayLike) -> bool:
    """True: no dtype here is complex. See `numpy.isrealobj`."""
    return not iscomplexobj(x)


def iscomplex(x: ArrayLike) -> Array:
    """False everywhere. See `numpy.iscomplex`."""
    return operand(np.zeros(operand(x).shape, bool))


def isreal(x: ArrayLike) -> Array:
    """True everywhere. See `numpy.isreal`."""
    return operand(np.ones(operand(x).shape, bool))


def isscalar(element: Any) -> bool:
    """Whether it is a plain number; an Array is none. See `numpy.isscalar`."""
    return np.isscalar(element)


def may_share_memory(a: Any, b: Any, /, max_work: int | None = None) -> bool:
    """Whether writing into one can change the other: they are views of one storage. See `numpy.may_share_memory`."""
    if not (isinstance(a, Array) and isinstance(b, Array)):
        return not isinstance(a, Array) and not isinstance(b, Array) and np.may_share_memory(for_numpy(a), for_numpy(b))
    roots = [x if getattr(x, "base", None) is None else x.base for x in (a, b)]
    return a is b or bool(roots[0] is roots[1] and a.size and b.size)


shares_memory = may_share_memory


def array_repr(arr: Array, *args: Any, **kwargs: Any) -> str:
    """The repr of the Array. See `numpy.array_repr`."""
    return repr(arr)


def array_str(a: Array, *args: Any, **kwargs: Any) -> str:
    """The values as text. See `numpy.array_str`."""
    return np.array_str(concrete(a), *args, **kwargs)


def array2string(a: Array, *args: Any, **kwargs: Any) -> str:
    """The values as text, with all of NumPy's options. See `numpy.array2string`."""
    return np.array2string(concrete(a), *args, **kwargs)


def isclose(a: ArrayLike, b: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """|a - b| <= atol + rtol * |b|, elementwise. See `numpy.isclose`."""
    a, b = operands(a, b)
    near = ops.less_equal(ops.absolute(ops.subtract(a, b)), ops.add(atol, ops.multiply(rtol, ops.absolute(b))))
    close = ops.logical_or(ops.equal(a, b), ops.logical_and(near, ops.isfinite(b)))
    return ops.logical_or(close, ops.logical_and(ops.isnan(a), ops.isnan(b))) if equal_nan else close


def allclose(a: ArrayLike, b: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """True if all elements are close. See `numpy.allclose`."""
    return bool(np.allclose(concrete(a), concrete(b), rtol, atol, equal_nan))


def array_equal(a1: ArrayLike, a2: ArrayLike, equal_nan: bool = False) -> bool:
    """True if shapes and all elements are equal. See `numpy.array_equal`."""
    return bool(np.array_equal(concrete(a1), concrete(a2), equal_nan))


def array_equiv(a1: ArrayLike, a2: ArrayLike) -> bool:
    """True if all elements are equal after broadcasting. See `numpy.array_equiv`."""
    return bool(np.array_equiv(concrete(a1), concrete(a2)))
