"""Random numbers as functions of a key, with the names of `jax.random`.

A key is two int32 words: an ordinary array, passed like any other. The same key gives the same numbers, on every
machine, for every number of threads, eager or compiled; other numbers need another key, and `split` makes as many as
one likes. Whoever uses one key twice gets the same numbers twice: split first.

>>> import wengert as wg
>>> key, sub = wg.random.split(wg.random.key(0))
>>> wg.random.uniform(sub, (3,))
Array([0.08062437, 0.92394884, 0.73395235])

The generator is Threefry-2x32-20, counter-based (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
1, 2, 3", SC'11). Keys, bits, uniform numbers and what is composed of them are those of `jax.random` for the same seed,
to rounding; `randint`, `permutation` and `choice` are drawn in other ways. Bounds, probabilities and logits may carry
derivatives; none goes through a key.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import numpy as wnp
from ._core import Array, ops
from ._internals import hints
from .numpy.arrays import ArrayLike, DType, Shape, floating, is_array, lengths, normalize_axis, operand

__all__ = [
    "bernoulli", "bits", "categorical", "choice", "dropout", "exponential", "fold_in", "gumbel", "key", "normal",
    "permutation", "randint", "split", "truncated_normal", "uniform",
]  # fmt: skip

_START = operand(np.zeros(2, np.int32))  # the first block of every stream

# ---- keys -----------------------------------------------------------------------------------------------------------


def key(seed: int) -> Array:
    """The key of a whole number of at most 64 bits: an int32 array of shape (2,).

    >>> import wengert as wg
    >>> wg.random.key(42).tolist()
    [0, 42]
    """
    if not isinstance(seed, (int, np.integer, Array)) or issubclass(type(seed), bool):
        raise TypeError(f"key: the seed must be a whole number, got {type(seed).__name__}")
    number = operator.index(seed)
    if not -(2**63) <= number < 2**64:
        raise ValueError(f"key: the seed must have at most 64 bits, got {number}")
    return operand(_words(number))


def split(key: ArrayLike, num: int | tuple[int, ...] = 2) -> Array:
    """`num` keys, independent of each other and of the streams of `key`, as rows: shape (num, 2).

    >>> import wengert as wg
    >>> first, second = wg.random.split(wg.random.key(42))
    """
    return _bits("split", key, (*lengths(num), 2), np.int32, words=True)


def fold_in(key: ArrayLike, data: ArrayLike) -> Array:
    """The key of number `data` under `key`: ``split(key, n)[data]``, for any whole number below 2**32.

    `data` may be a step counter of a compiled function: ``fold_in(key, step)`` is another key in every step.

    >>> import wengert as wg
    >>> (wg.random.fold_in(wg.random.key(0), 3) == wg.random.split(wg.random.key(0), 4)[3]).tolist()
    [True, True]
    """
    if issubclass(type(data), (int, np.integer)):
        first = operand(_words(int(data) % 2**32))
    else:
        number = operand(data)
        if number.dtype.kind != "i" or number.ndim:
            raise TypeError(f"fold_in: data must be one whole number, got {number.dtype} of shape {number.shape}")
        first = ops.stack([operand(np.int32(0)), ops.astype(number, np.int32)])
    return ops.random_bits(_checked("fold_in", key), first, shape=(2,), dtype=np.int32, words=True)


# ---- bits and uniform numbers ---------------------------------------------------------------------------------------


def bits(key: ArrayLike, shape: Shape = (), dtype: DType = np.int64) -> Array:
    """Whole numbers whose bits are all random, int64 or int32: half of them are negative."""
    if np.dtype(dtype) not in (np.int32, np.int64):
        raise TypeError(f"bits: dtype must be int32 or int64, got {np.dtype(dtype)}")
    return _bits("bits", key, shape, dtype)


def uniform(
    key: ArrayLike,
    shape: Shape = (),
    dtype: DType = float,
    minval: ArrayLike = 0.0,
    maxval: ArrayLike = 1.0,
) -> Array:
    """Numbers in [minval, maxval), uniformly distributed; the bounds broadcast to `shape`.

    In [0, 1) they are multiples of 2**-52 (float32: 2**-23). Derivatives by the bounds keep the draws fixed.
    Raises TypeError unless `dtype` is float32 or float64, ValueError if a bound does not broadcast to `shape`.

    >>> import wengert as wg
    >>> k = wg.random.key(0)
    >>> u = wg.random.uniform(k)
    >>> wg.grad(lambda top: wg.random.uniform(k, maxval=top))(3.0) == u.item()
    True
    """
    return _between("uniform", _unit("uniform", key, shape, dtype), minval, maxval)


def bernoulli(key: ArrayLike, p: ArrayLike = 0.5, shape: Shape | None = None) -> Array:
    """True with probability `p`, which broadcasts to `shape` (by default its own)."""
    p = floating(p)
    return ops.less(
        _unit("bernoulli", key, p.shape if shape is None else shape, p.dtype), _fits("bernoulli", "p", p, shape)
    )


def randint(key: ArrayLike, shape: Shape, minval: ArrayLike, maxval: ArrayLike, dtype: DType = np.int64) -> Array:
    """Whole numbers in [minval, maxval).

    Remainders of 64 random bits: no number is likelier than another by more than (maxval - minval) / 2**64.
    Raises ValueError if the range is empty or reaches 2**63 numbers (checked where the bounds are plain numbers).
    """
    if np.dtype(dtype) not in (np.int32, np.int64):
        raise TypeError(f"randint: dtype must be int32 or int64, got {np.dtype(dtype)}")
    if not (is_array(minval) or is_array(maxval)):
        _check_range(np.asarray(minval), np.asarray(maxval), np.dtype(dtype))
    numbers = _bits("randint", key, shape, np.int64)
    low, high = (ops.astype(_fits("randint", n, x, numbers.shape), np.int64) for n, x in
                 (("minval", minval), ("maxval", maxval)))  # fmt: skip
    return ops.astype(ops.add(ops.remainder(numbers, ops.subtract(high, low)), low), dtype)


def _check_range(low: Any, high: Any, dtype: Any) -> None:
    if low.dtype.kind not in "iu" or high.dtype.kind not in "iu":
        raise TypeError(f"randint: the bounds must be whole numbers, got {low.dtype} and {high.dtype}")
    info = np.iinfo(dtype)
    if (high <= low).any() or (low < info.min).any() or (high > info.max + 1).any():
        raise ValueError(f"randint: there is no {dtype} in [{low}, {high})")
    if np.any(high.astype(object) - low >= 2**63):
        raise ValueError(f"randint: [{low}, {high}) has 2**63 numbers or more; use bits")


# ---- other distributions --------------------------------------------------------------------------------------------


def normal(key: ArrayLike, shape: Shape = (), dtype: DType = float) -> Array:
    """Numbers of the standard normal distribution, by the inverse of its distribution function.

    ``mean + scale * normal(key, shape)`` has the derivatives by mean and scale one expects.
    """
    u = _unit("normal", key, shape, dtype)
    t = u.dtype.type
    return ops.multiply(ops.erfinv(_between("normal", u, np.nextafter(t(-1), t(0)), 1.0)), t(math.sqrt(2)))


def truncated_normal(
    key: ArrayLike, lower: ArrayLike, upper: ArrayLike, shape: Shape | None = None, dtype: DType = float
) -> Array:
    """Numbers of the standard normal distribution between two bounds, which carry derivatives.

    Beyond about 5 (float32) or 8 (float64) from 0 no number is left between erf and 1: keep the bounds inside.
    """
    name = "truncated_normal"
    t = _float(name, dtype)
    low, high = ops.astype(floating(lower), t), ops.astype(floating(upper), t)
    shape = np.broadcast_shapes(low.shape, high.shape) if shape is None else shape
    half = t.type(math.sqrt(0.5))
    ends = (ops.erf(ops.multiply(bound, half)) for bound in (low, high))
    u = _between(name, _unit(name, key, shape, t), *ends)
    x = ops.multiply(ops.erfinv(u), t.type(math.sqrt(2)))
    return ops.minimum(ops.maximum(x, low.detach()), high.detach())


def exponential(key: ArrayLike, shape: Shape = (), dtype: DType = float) -> Array:
    """Numbers of the exponential distribution with mean 1."""
    u = _unit("exponential", key, shape, dtype)
    return ops.negative(ops.log(ops.subtract(1.0, u)))  # 1 - u is exact


def gumbel(key: ArrayLike, shape: Shape = (), dtype: DType = float) -> Array:
    """Numbers of the standard Gumbel distribution, -log(-log(u))."""
    u = _unit("gumbel", key, shape, dtype)
    u = ops.add(u, np.finfo(u.dtype).tiny)  # 0 has no logarithm; all others stay
    return ops.negative(ops.log(ops.negative(ops.log(u))))


def categorical(key: ArrayLike, logits: ArrayLike, axis: int = -1, shape: Shape | None = None) -> Array:
    """Positions along `axis`, drawn with probabilities softmax(logits): the largest of logits + gumbel.

    `shape` is that of the result; it must end in the shape of `logits` without `axis`, its default.
    """
    logits = floating(logits)
    axis = normalize_axis("categorical", axis, logits.ndim) - logits.ndim
    batch = list(logits.shape)
    n = batch.pop(axis)
    out = list(batch if shape is None else lengths(shape))
    if n == 0 or out[len(out) - len(batch) :] != batch:
        raise ValueError(
            f"categorical: shape {tuple(out)} must end in {tuple(batch)}, that of logits {logits.shape} without axis "
            f"{axis}, which must not be empty"
        )
    full = list(out)
    full.insert(len(out) + axis + 1, n)
    return ops.argmax(ops.add(gumbel(key, tuple(full), logits.dtype), logits), axis=axis)


# ---- orders and samples ---------------------------------------------------------------------------------------------


def permutation(key: ArrayLike, x: int | ArrayLike, axis: int = 0) -> Array:
    """`x` (an array, or the numbers 0 to x - 1) in a random order along `axis`, with derivatives.

    The order is found on values: under :func:`wengert.compile` it is recorded anew for another key. Draw it outside
    and pass it as an argument there: ``x[order]`` is replayed.
    """
    x = operand(np.arange(x) if issubclass(type(x), (int, np.integer)) else x)
    axis = normalize_axis("permutation", axis, x.ndim)
    return wnp.take(x, wnp.argsort(bits(key, (x.shape[axis],))), axis=axis)


def choice(
    key: ArrayLike,
    a: int | ArrayLike,
    shape: Shape = (),
    replace: bool = True,
    p: ArrayLike | None = None,
    axis: int = 0,
) -> Array:
    """Elements of `a` (or of the numbers 0 to a - 1) along `axis`, with the probabilities `p`, all alike by default.

    Raises ValueError if there are too few to choose from. With `p`, or without replacement, the choice is made on
    values: see `permutation`; `categorical` chooses inside compiled functions.
    """
    a = operand(np.arange(a) if issubclass(type(a), (int, np.integer)) else a)
    axis = normalize_axis("choice", axis, a.ndim)
    n, shape = a.shape[axis], lengths(shape)
    count = math.prod(shape)
    if (n == 0 and count) or (not replace and count > n):
        raise ValueError(f"choice: {count} elements of {n} cannot be chosen with replace={replace}")
    if p is not None and np.shape(p) != (n,):
        raise ValueError(f"choice: p must have shape ({n},), one probability for each element, got {np.shape(p)}")
    if count == 0:
        return wnp.take(a, np.zeros(shape, np.int64), axis=axis) if n else wnp.zeros(shape, a.dtype)
    if p is None and replace:
        at = randint(key, shape, 0, n)
    elif p is None:
        at = wnp.argsort(bits(key, (n,)))[:count].reshape(shape)
    elif replace:
        total = wnp.cumsum(floating(p))
        at = wnp.searchsorted(total, total[-1] * (1 - uniform(key, shape, total.dtype)))
    else:
        at = wnp.argsort(-(gumbel(key, (n,)) + wnp.log(floating(p))))[:count].reshape(shape)
    return wnp.take(a, at, axis=axis)


def dropout(key: ArrayLike, x: ArrayLike, rate: float) -> Array:
    """`x` with elements set to 0 with probability `rate`, the others divided by 1 - rate: the mean stays.

    >>> import numpy as np, wengert as wg
    >>> wg.random.dropout(wg.random.key(1), np.ones(6), 0.5)
    Array([2., 0., 2., 2., 0., 0.])
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate must lie in [0, 1), got {rate}")
    x = floating(x)
    kept = ops.less(_unit("dropout", key, x.shape, np.float32), np.float32(1 - rate))
    return ops.where(kept, ops.multiply(x, 1 / (1 - rate)), 0.0)


# ---- arguments ------------------------------------------------------------------------------------------------------


def _words(number: int) -> Any:
    return np.array([number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF], np.uint32).view(np.int32)


def _checked(name: str, key: ArrayLike) -> Array:
    if issubclass(type(key), np.ndarray) and key.dtype == np.uint32:  # what jax.random.key_data gives
        key = key.view(np.int32)
    k = key if isinstance(key, Array) else operand(key)
    if k.dtype != np.int32 or k.shape != (2,):
        repair = "take one of its rows" if k.dtype == np.int32 and k.shape[-1:] == (2,) else "make one with key(seed)"
        raise TypeError(f"{name}: a key is an int32 array of shape (2,), got {k.dtype} of shape {k.shape}; {repair}")
    return k


def _bits(name: str, key: ArrayLike, shape: Shape, dtype: DType, words: bool = False) -> Array:
    shape = lengths(shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"{name}: sizes must not be negative, got shape {shape}")
    return ops.random_bits(_checked(name, key), _START, shape=shape, dtype=dtype, words=words)


def _unit(name: str, key: ArrayLike, shape: Shape, dtype: DType) -> Array:
    return _bits(name, key, shape, _float(name, dtype))


def _between(name: str, u: Array, minval: ArrayLike, maxval: ArrayLike) -> Array:
    if _is(minval, 0) and _is(maxval, 1):
        return u
    low, high = _cast(name, "minval", minval, u), _cast(name, "maxval", maxval, u)
    scaled = ops.multiply(u, ops.subtract(high, low))
    return scaled if _is(minval, 0) else ops.add(scaled, low)


def _float(name: str, dtype: DType) -> Any:
    t = np.dtype(dtype)
    if t not in (np.float32, np.float64):
        raise TypeError(f"{name}: dtype must be float32 or float64, got {t}")
    return t


def _is(x: ArrayLike, number: float) -> bool:
    return issubclass(type(x), (int, float)) and x == number


def _fits(name: str, argument: str, x: ArrayLike, shape: Shape | None) -> Array:
    """`x` as an Array that broadcasts to `shape`."""
    x = operand(x)
    if shape is not None and x.ndim:
        shape = lengths(shape)
        trailing = zip(reversed(x.shape), reversed(shape), strict=False)
        if x.ndim > len(shape) or any(n not in (1, m) for n, m in trailing):
            raise ValueError(f"{name}: {argument} of shape {x.shape} does not broadcast to shape {shape}")
    return x


def _cast(name: str, argument: str, x: ArrayLike, like: Array) -> Array:
    return ops.astype(_fits(name, argument, floating(x), like.shape), like.dtype)


if not TYPE_CHECKING:  # to a type checker a missing name stays an error

    def __getattr__(name: str) -> Any:
        raise hints.missing(__name__, name)
