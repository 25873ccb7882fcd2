"""Random numbers as functions of a key: Threefry-2x32-20 in NumPy.

A counter-based generator is a function, not a machine with a state: block number ``c`` of the stream of key ``k`` is
``threefry(k, c)``, a bijection of 64 bits that mixes ``c`` beyond recognition.  Adding, rotating and exclusive or,
twenty times, with the key added in between, is enough (Salmon, Moraes, Dror and Shaw, SC'11).  Whatever needs random
numbers asks for blocks 0, 1, 2, … of a key of its own.

Bounds and probabilities may be differentiated: the numbers drawn are constants, so ``minval + u (maxval - minval)`` has
the derivatives one expects (the reparameterisation of the literature).

>>> import wengert.reference as wr
>>> wr.random.uniform(wr.random.key(42), (2,))
Array([0.42672757, 0.01501007])
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import numpy as rnp
from .array.handle import Array, apply, raw
from .levels import concrete

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA


def threefry(key: Any, counter: Any) -> tuple[Any, Any]:
    """Two words for each counter, given and returned as (upper, lower) pairs of uint32 arrays."""
    k0, k1 = (np.uint32(word) for word in key)
    schedule = (k0, k1, np.uint32(PARITY) ^ k0 ^ k1)
    x, y = (np.array(word, np.uint32) for word in counter)
    with np.errstate(over="ignore"):
        x += schedule[0]
        y += schedule[1]
        for turn in range(20):
            x += y
            rotation = ROTATIONS[turn % 8]
            y = (y << np.uint32(rotation) | y >> np.uint32(32 - rotation)) ^ x
            if turn % 4 == 3:
                number = turn // 4 + 1
                x += schedule[number % 3]
                y += schedule[(number + 1) % 3] + np.uint32(number)
    return x, y


def blocks(key: Any, shape: Any, first: int = 0) -> tuple[Any, Any]:
    """The words of blocks ``first``, ``first + 1``, … in row-major order."""
    words = np.asarray(concrete(raw(key)))
    if words.dtype != np.int32 or words.shape != (2,):
        raise TypeError(
            f"wengert.reference.random: a key is an int32 array of shape (2,), got {words.dtype} of shape {words.shape}"
        )
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    number = np.arange(math.prod(shape), dtype=np.uint64).reshape(shape) + np.uint64(first)
    return threefry(words.view(np.uint32), (number >> np.uint64(32), number & np.uint64(0xFFFFFFFF)))


def random_bits(key: Any, shape: Any, dtype: Any, words: bool = False, first: int = 0) -> Any:
    """What the compiled engine's primitive of that name gives, as a NumPy array."""
    t = np.dtype(dtype)
    if words:
        return np.stack(blocks(key, shape[:-1], first), axis=-1).view(np.int32)
    x, y = blocks(key, shape, first)
    if t.itemsize == 4:
        bits = x ^ y
        number = (bits >> np.uint32(9)).astype(np.float32) * np.float32(2.0**-23)
    else:
        bits = x.astype(np.uint64) << np.uint64(32) | y
        number = (bits >> np.uint64(12)).astype(np.float64) * 2.0**-52
    return number if t.kind == "f" else bits.view(t)


def key(seed: int) -> Array:
    """The two words of a whole number."""
    return Array(np.array([seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF], np.uint32).view(np.int32))


def split(key: Any, num: int = 2) -> Array:
    """Keys from the blocks of a key: a (num, 2) array."""
    return Array(random_bits(key, (num, 2), np.int32, words=True))


def fold_in(key: Any, data: int) -> Array:
    """The key of number ``data``: row ``data`` of a split."""
    return Array(random_bits(key, (2,), np.int32, words=True, first=int(data) % 2**32))


def bits(key: Any, shape: Any = (), dtype: Any = np.int64) -> Array:
    """Whole numbers whose bits are all random."""
    return Array(random_bits(key, shape, dtype))


def uniform(key: Any, shape: Any = (), dtype: Any = float, minval: Any = 0.0, maxval: Any = 1.0) -> Array:
    """``minval + u (maxval - minval)`` with ``u`` in [0, 1)."""
    u = Array(random_bits(key, shape, dtype))
    low, high = (rnp.astype(rnp.asarray(bound), u.dtype) for bound in (minval, maxval))
    return apply("add", apply("multiply", u, apply("subtract", high, low)), low)


def bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Array:
    """True with probability ``p``."""
    p = rnp.asarray(p)
    return apply("less", uniform(key, p.shape if shape is None else shape, p.dtype), p)


def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = np.int64) -> Array:
    """Whole numbers in [minval, maxval): remainders of 64 bits."""
    low, span = np.asarray(minval), np.asarray(maxval) - np.asarray(minval)
    return Array((low + random_bits(key, shape, np.int64) % span).astype(dtype))


def normal(key: Any, shape: Any = (), dtype: Any = float) -> Array:
    """Numbers of the normal distribution: its quantiles at uniform numbers."""
    t = np.dtype(dtype)
    u = uniform(key, shape, t, np.nextafter(t.type(-1), t.type(0)), 1.0)
    return apply("multiply", apply("erfinv", u), t.type(math.sqrt(2)))


def truncated_normal(key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = float) -> Array:
    """Quantiles of the normal distribution between two bounds."""
    t = np.dtype(dtype)
    low, high = (rnp.astype(rnp.asarray(bound), t) for bound in (lower, upper))
    shape = np.broadcast_shapes(low.shape, high.shape) if shape is None else shape
    half = t.type(math.sqrt(0.5))
    ends = (apply("erf", apply("multiply", bound, half)) for bound in (low, high))
    x = apply("multiply", apply("erfinv", uniform(key, shape, t, *ends)), t.type(math.sqrt(2)))
    lowest, highest = (Array(np.asarray(concrete(bound.get()))) for bound in (low, high))
    return apply("minimum", apply("maximum", x, lowest), highest)


def exponential(key: Any, shape: Any = (), dtype: Any = float) -> Array:
    """``-log(1 - u)``."""
    return apply("negative", apply("log", apply("subtract", 1.0, uniform(key, shape, dtype))))


def gumbel(key: Any, shape: Any = (), dtype: Any = float) -> Array:
    """``-log(-log(u))``."""
    u = apply("add", uniform(key, shape, dtype), np.finfo(dtype).tiny)
    return apply("negative", apply("log", apply("negative", apply("log", u))))


def categorical(key: Any, logits: Any, axis: int = -1) -> Array:
    """The position of the largest of logits + gumbel: it has the probabilities softmax(logits)."""
    logits = rnp.asarray(logits)
    return apply("argmax", apply("add", gumbel(key, logits.shape, logits.dtype), logits), axis=axis)


def permutation(key: Any, x: Any, axis: int = 0) -> Array:
    """``x``, or the numbers below it, in the order of random bits."""
    x = rnp.asarray(np.arange(x) if type(x) is int else x)
    order = np.argsort(random_bits(key, (x.shape[axis],), np.int64), kind="stable")
    return apply("getitem", x, index=(slice(None),) * (axis % x.ndim) + (order,))


def dropout(key: Any, x: Any, rate: float) -> Array:
    """``x`` with elements set to 0 with probability ``rate``, the others divided by ``1 - rate``."""
    x = rnp.asarray(x)
    kept = random_bits(key, x.shape, np.float32) < np.float32(1 - rate)
    return apply("where", kept, apply("multiply", x, 1 / (1 - rate)), 0.0)
