"""Sizes, strides, steps and counts that overflow, are negative, or ask for more than there is are refused."""

import math

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from hostile_processes import ended
from hypothesis import example, given, settings
from hypothesis import strategies as st

MOST = 2**46  # bytes of an array, where empty axes count as one; NumPy takes more
HUGE = (2, 13, 419, 691, 823, 2977518503)  # the product is 10 modulo 2**64

# Expressions in x, refused eagerly, in grad, in jvp and in a compiled function.
REFUSED = {
    "reshape to 10 modulo 2**64": f"x.reshape({HUGE})",
    "reshape to 0 modulo 2**64": "x[:0].reshape(2**32, 2**32)",
    "reshape to 0 of 0": "x[:0].reshape(2**40, 2**40, 0)",
    "reshape with -1 beside an overflow": f"x.reshape({HUGE} + (-1,))",
    "reshape two negative": "x.reshape(-2, -5)",
    "reshape negative and -1": "x.reshape(-5, -1)",
    "reshape one negative": "x.reshape(-10)",
    "reshape least": "x.reshape(-(2**63))",
    "reshape beyond 64 bits": "x.reshape(2**64)",
    "reshape -1 beside 0": "x[:0].reshape(0, -1)",
    "wnp.reshape, Fortran": f"wnp.reshape(x, {HUGE}, order='F')",
    "np.reshape": f"np.reshape(x, {HUGE})",
    "broadcast_to, overflow": "wnp.broadcast_to(x, (2**40, 2**40, 10))",
    "broadcast_to, negative": "wnp.broadcast_to(x, (-3, 10))",
    "broadcast_to, negative of one": "wnp.broadcast_to(x[:1], (-3,))",
    "broadcast_to, much": "wnp.broadcast_to(x[0], (2**46,))",
    "broadcast_to, just what no pool holds": "wnp.broadcast_to(x[0], (2**43,)) + 1.0",
    "broadcast_to, 40 axes": "wnp.broadcast_to(x, (1,) * 40 + (10,))",
    "tile": "wnp.tile(x, 2**60)",
    "tile, wraps to few": "wnp.tile(x, (2**32, 2**32))",
    "tile, negative": "wnp.tile(x, -1)",
    "tile, many axes": "wnp.tile(x, (1,) * 40)",
    "repeat": "wnp.repeat(x, 2**60)",
    "repeat, negative": "wnp.repeat(x, -1)",
    "repeat, one negative": "wnp.repeat(x, [1] * 9 + [-1])",
    "resize": "wnp.resize(x, (2**40, 2**40))",
    "resize, negative": "wnp.resize(x, (-2, 5))",
    "pad": "wnp.pad(x, 2**62)",
    "pad, sum overflows": "wnp.pad(x, (2**62, 2**62))",
    "pad, negative": "wnp.pad(x, -1)",
    "pad, edge": "wnp.pad(x, 2**62, mode='edge')",
    "full": "wnp.full((2**40, 2**40), x[0])",
    "full, negative": "wnp.full((-1,), x[0])",
    "full_like": "wnp.full_like(x, x[0], shape=(2**62,))",
    "zeros_like": "wnp.zeros_like(x, shape=(2**62, 2)) + x[0]",
    "linspace": "wnp.linspace(x[0], x[1], 2**60)",
    "linspace, negative": "wnp.linspace(x[0], x[1], -1)",
    "linspace, beyond 64 bits": "wnp.linspace(x[0], x[1], 2**70)",
    "geomspace": "wnp.geomspace(x[0] + 1, x[1] + 2, 2**60)",
    "outer of broadcasts": "wnp.outer(wnp.broadcast_to(x[0], (2**24,)), wnp.broadcast_to(x[0], (2**24,)))",
    "matmul of broadcasts": "wnp.broadcast_to(x[0], (2**24, 1)) @ wnp.broadcast_to(x[0], (1, 2**24))",
    "sum of broadcasts": "wnp.broadcast_to(x[0], (2**24, 1)) + wnp.broadcast_to(x[0], (1, 2**24))",
    "kron": "wnp.kron(wnp.broadcast_to(x[0], (2**23,)), wnp.broadcast_to(x[0], (2**23,)))",
    "concatenate of broadcasts": "wnp.concatenate([wnp.broadcast_to(x[0], (2**42,))] * 4)",
    "stack of broadcasts": "wnp.stack([wnp.broadcast_to(x[0], (2**40,))] * 20)",
    "gather of broadcasts": "x[np.broadcast_to(np.int64(0), (2**42,))]",
    "index, far": "x[2**62]",
    "index, far to the left": "x[-(2**63)]",
    "index, beyond 64 bits": "x[2**64]",
    "expand_dims, far": "wnp.expand_dims(x, 2**62)",
    "expand_dims, many": "wnp.expand_dims(x, tuple(range(40)))",
    "squeeze, far": "wnp.squeeze(x, -(2**62))",
    "sum, far axis": "wnp.sum(x, axis=2**62)",
    "transpose, far": "x.transpose(2**62)",
    "moveaxis, far": "wnp.moveaxis(x, 2**62, 0)",
    "swapaxes, far": "wnp.swapaxes(x, -(2**63), 0)",
    "apply slice, negative count": "wg.apply('slice', x, start=(0,), step=(1,), count=(-1,), shape=(-1,))",
    "apply slice, step overflows": "wg.apply('slice', x, start=(0,), step=(2**62,), count=(4,), shape=(4,))",
    "apply slice, start and step overflow": "wg.apply('slice', x, (9,), (2**63 - 1,), (2,), (2,))",
    "apply slice, shape of more": "wg.apply('slice', x, start=(0,), step=(1,), count=(4,), shape=(2**62,))",
    "apply slice, shape wraps": "wg.apply('slice', x, start=(0,), step=(1,), count=(0,), shape=(2**32, 2**32))",
    "apply slice_update": "wg.apply('slice_update', x, x, start=(5,), step=(1,), count=(10,), shape=(10,))",
    "apply gather, far": "wg.apply('gather', x, indices=np.array([2**62]), lead=1)",
    "apply gather, negative": "wg.apply('gather', x, indices=np.array([-1]), lead=1)",
    "apply gather, lead": "wg.apply('gather', x, indices=np.array([0]), lead=-(2**62))",
    "apply gather_add, lead": "wg.apply('gather_add', x, x, indices=np.array([0]), lead=2**33)",
    "apply random_bits": "wg.apply('random_bits', wg.random.key(0), np.zeros(2, 'i4'), (2**62, 4), float, False)",
    "random, wraps": "wg.random.normal(wg.random.key(0), (2**32, 2**32)) + x[0]",
    "random, negative": "wg.random.uniform(wg.random.key(0), (-5,)) + x[0]",
    "split, negative": "wnp.split(x, -3)",
    "split, none": "wnp.split(x, 0)",
    "one_hot of more": "wg.nn.one_hot(x.astype(int), 2**60) if hasattr(wg, 'nn') else x.reshape(3)",
    "diag": "wnp.diag(wnp.broadcast_to(x[0], (2**24,)))",
    "scan, many rows": "wg.scan(lambda c, _: (c, c), x, None, length=2**60)[1]",
    "vander": "wnp.vander(x, 2**60)",
}
HOW = {
    "eager": "x = wg.array(np.ones(10))\nrefused(lambda: {0})",
    "grad": "refused(lambda: wg.grad(lambda x: np.sum({0}))(np.ones(10)))",
    "jvp": "refused(lambda: wg.jvp(lambda x: {0}, (np.ones(10),), (np.ones(10),)))",
    "compiled": "refused(lambda: wg.compile(lambda x: {0})(np.ones(10)))",
}
SLOW = {"scan, many rows": ("compiled",)}  # a loop of Python in the other cases

# Whole programs.
PROGRAMS = {
    "arange": "refused(wnp.arange, 2**62)",
    "zeros": "refused(wnp.zeros, (2**32, 2**32))",
    "zeros, negative": "refused(wnp.zeros, -3)",
    "ones": "refused(wnp.ones, (2**62, 2))",
    "empty, negative": "refused(wnp.empty, (3, -1))",
    "eye": "refused(wnp.eye, 2**40)",
    "eye, negative": "refused(wnp.eye, -1)",
    "tri": "refused(wnp.tri, 2**40)",
    "indices": "refused(wnp.indices, (2**40, 2**40))",
    "identity": "refused(wnp.identity, -2)",
    "meshgrid": "refused(wnp.meshgrid, *[wnp.zeros(2**13)] * 5)",
    "a broadcast of NumPy's, larger than any array": "refused(wg.array, np.broadcast_to(1.0, (2**59,)))",
    "such an operand": "refused(lambda: wg.array(1.0) + np.broadcast_to(1.0, (2**59,)))",
    "such an argument": "refused(lambda: wg.grad(lambda x: x[0])(np.broadcast_to(1.0, (2**59,))))",
    "such an argument, compiled": "refused(lambda: wg.compile(lambda x: x + 1)(np.broadcast_to(1.0, (2**59,))))",
    "strides of an empty array": (
        "a = np.lib.stride_tricks.as_strided(np.zeros(0), (5, 0), (2**62, 8))\n"
        "assert (wg.array(a)[::2] + 1).shape == (3, 0); assert wg.array(a).T.sum() == 0\n"
        "assert wg.compile(lambda x: x[::2].T)(a).shape == (0, 3)"
    ),
    "strides of an axis of one": (
        "a = np.lib.stride_tricks.as_strided(np.arange(3.0), (1, 3, 1), (2**62, 8, -(2**62)))\n"
        "for f in (lambda x: x[::-1, ::-1, ::-1], lambda x: x.T.sum((0, 1)), lambda x: x.reshape(3) * 2,\n"
        "          lambda x: x + x.T):\n"
        "  for g in (f, wg.compile(f), lambda x: wg.grad(lambda x: np.sum(f(x)))(x)):\n"
        "    g(a)\n"
        "  assert (np.asarray(f(wg.array(a))) == f(a)).all()"
    ),
    "a recording that needs more memory than there is": (
        "def f(x):\n"
        "  for _ in range(200): x = wnp.broadcast_to(x[0], (2**37,)) * 2.0\n"
        "  return x[0]\n"
        "refused(wg.compile(f), np.ones(3))"
    ),
    "loop of a file's length": (
        "refused(lambda: wg.compile(lambda x: wg.scan(lambda c, _: (c, c * x), x, None, length=2**50))(np.ones(1000)))"
    ),
    "scan, negative": "f = lambda x: wg.scan(lambda c, _: (c, c), x, None, length=-5)\nrefused(wg.compile(f), 1.0)",
    "scan, length beyond 64 bits": (
        "refused(lambda: wg.compile(lambda x: wg.scan(lambda c, _: (c, c), x, None, length=2**70))(1.0))"
    ),
    "random key, split": "refused(wg.random.split, wg.random.key(0), 2**60)",
    "random key, split, negative": "refused(wg.random.split, wg.random.key(0), -2)",
    "random integers": "refused(wg.random.randint, wg.random.key(0), (2**33, 2**33), 0, 5)",
    "jvp with many tangents": "refused(wg.jacfwd(lambda x: x), np.broadcast_to(1.0, (2**30,)))",
    "frombuffer": "refused(wnp.frombuffer, b'12345678', float, 2**60)",
    "fromiter": "refused(lambda: wnp.fromiter(iter([1.0]), float, -(2**62)).reshape(5))",
}


def test_sizes_are_refused():
    table = {
        f"{name}: {how}": code.format(text)
        for name, text in REFUSED.items()
        for how, code in HOW.items()
        if how in SLOW.get(name, HOW)
    }
    report = ended({**table, **PROGRAMS})
    assert not {name: how for name, how in report.items() if how}


sizes = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 12) | st.sampled_from([2**k for k in range(20, 63)])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 24), st.lists(sizes, max_size=6))
@example(0, [0, 2**43 + 1])
def test_reshape_is_numpys_or_refused(n, shape):
    x = np.arange(float(n))
    try:
        expected = x.reshape(shape)
    except ValueError:
        for f in (lambda x: wg.array(x).reshape(shape), wg.compile(lambda x: x.reshape(shape))):
            with pytest.raises((ValueError, OverflowError)):
                f(x)
        return
    if any(d < -1 for d in shape):  # NumPy takes any negative size for -1
        with pytest.raises(ValueError, match="negative"):
            wg.array(x).reshape(shape)
        return
    if 8 * math.prod(d or 1 for d in expected.shape) > MOST:
        with pytest.raises(ValueError, match="too large"):
            wg.array(x).reshape(shape)
        return
    got = wg.array(x).reshape(shape)
    assert got.shape == expected.shape
    assert (np.asarray(got) == expected).all()


@settings(max_examples=300, deadline=None)
@given(st.lists(sizes, max_size=5), st.lists(st.tuples(*[st.none() | sizes] * 3), max_size=3))
def test_slices_are_numpys_or_refused(shape, cuts):
    """Of arrays that repeat one number, as large as they may be."""
    try:
        x = np.broadcast_to(1.0, shape)
        wg_x = wnp.broadcast_to(wg.array(np.ones(50))[2:3], shape)
    except (ValueError, MemoryError):
        return
    index = tuple(slice(*cut) for cut in cuts)
    try:
        expected = x[index]
    except (ValueError, IndexError):
        with pytest.raises((ValueError, IndexError)):
            wg_x[index]
        return
    assert wg_x[index].shape == expected.shape
