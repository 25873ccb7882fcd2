"""Random numbers: the generator's published vectors, JAX's numbers, both engines, distributions, errors."""

import doctest
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
import wengert as wg
import wengert.reference as wr
from wengert import _core
from wengert import random as R

S = wr.random
KEY = R.key(2024)

# ---- the generator --------------------------------------------------------------------------------------------------

# Random123's kat_vectors for threefry2x32, 20 rounds: counter, key, result.
PUBLISHED = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


def words(pair):
    return np.array(pair, np.uint32).view(np.int32)


@pytest.mark.parametrize(("counter", "key", "result"), PUBLISHED)
def test_published_vectors(counter, key, result):
    got = wg.apply("random_bits", words(key), words(counter), shape=(2,), dtype=np.int32, words=True)
    assert np.asarray(got).view(np.uint32).tolist() == list(result)
    assert tuple(int(w) for w in S.threefry(key, counter)) == result


# What jax 0.10.2 gives for key 2024 (its default generator; 64-bit types enabled).
JAX = [
    ("split", (2,), {}, [[1982900149, 1742385569], [-1245793169, -1474264064]]),
    ("fold_in", (5,), {}, [46354521, -1561308793]),
    ("bits", (3, "i4"), {}, [300553748, 496906351, -651123471]),
    ("bits", (3, "i8"), {}, [8516491292930912673, -5350640915614497792, 9208545206960125922]),
    ("uniform", (3, "f4"), {}, [0.06997811794281006, 0.11569499969482422, 0.8483984470367432]),
    ("uniform", (3, "f8"), {}, [0.4616799180874789, 0.7099411747550466, 0.49919623594085727]),
    ("uniform", (3, "f8", -2.0, 5.0), {}, [1.2317594266123522, 2.969588223285326, 1.4943736515860009]),
    ("normal", (3, "f4"), {}, [-1.4759539365768433, -1.196785807609558, 1.0295886993408203]),
    ("normal", (3, "f8"), {}, [-0.09620238559419282, 0.5532128768746903, -0.002014739079807651]),
    ("exponential", (3, "f8"), {}, [0.6193019479388353, 1.237671530899766, 0.6915409431319566]),
    ("gumbel", (3, "f8"), {}, [0.25762702313185315, 1.0712700241315676, 0.3641945711195136]),
    ("truncated_normal", (-1.0, 2.0, 3), {}, [0.09183126472348567, 0.6427575247916647, 0.16949056647817659]),
    ("bernoulli", (0.3, 8), {}, [False, False, False, True, False, True, False, False]),
    ("categorical", (np.log([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]), -1, (4, 2)), {}, [[2, 1], [2, 0], [0, 0], [2, 0]]),
    ("categorical", (np.log([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]), 0), {}, [1, 1, 0]),
]


@pytest.mark.parametrize(("name", "args", "keywords", "want"), JAX, ids=lambda x: x if isinstance(x, str) else "")
def test_the_numbers_of_jax(name, args, keywords, want):
    got = np.asarray(getattr(R, name)(KEY, *args, **keywords))
    if got.dtype.kind == "f":
        np.testing.assert_allclose(got, want, rtol=8 * np.finfo(got.dtype).eps)
    else:
        assert got.tolist() == want


def test_keys_of_seeds():
    assert R.key(2**40 + 5).tolist() == [256, 5]
    assert np.asarray(R.key(-3)).view(np.uint32).tolist() == [4294967295, 4294967293]
    assert R.key(2**64 - 3).tolist() == R.key(-3).tolist()
    assert R.key(np.int32(7)).tolist() == [0, 7]
    key = R.key(1)
    assert (key.shape, key.dtype) == ((2,), np.int32)
    for seed in (0, 7, -3, 2**63, 2**64 - 1):
        assert R.key(seed).tolist() == np.asarray(S.key(seed)).tolist()


def test_keys_may_be_arrays_of_numpy_or_jax():
    want = R.uniform(KEY, 3).tolist()
    assert R.uniform(np.asarray(KEY), 3).tolist() == want
    assert R.uniform(np.asarray(KEY).view(np.uint32), 3).tolist() == want
    assert R.uniform(np.stack([np.asarray(KEY)] * 2, axis=1)[:, 0], 3).tolist() == want  # not contiguous


# ---- engines, threads, instruction sets -----------------------------------------------------------------------------

CALLS = {
    "bits": ((5,), "i8"),
    "bits32": ((2, 3), "i4"),
    "uniform": ((3, 4),),
    "uniform32": ((7,), "f4", -1.0, 2.0),
    "bernoulli": (0.3, (9,)),
    "randint": ((9,), -3, 11),
    "normal": ((3, 5),),
    "normal32": ((17,), "f4"),
    "exponential": ((6,),),
    "gumbel": ((6,),),
    "truncated_normal": (-1.0, np.array([0.5, 2.0, 3.0])),
    "categorical": (np.log([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]),),
    "permutation": (11,),
    "dropout": (np.linspace(1, 2, 8), 0.25),
    "split": (5,),
    "fold_in": (77,),
}


def function(engine, name):
    return getattr(engine, name.removesuffix("32"))


def close(got, want):
    got, want = np.asarray(got), np.asarray(want)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    if want.dtype.kind == "f":
        np.testing.assert_allclose(got, want, rtol=8 * np.finfo(want.dtype).eps, atol=4 * np.finfo(want.dtype).eps)
    else:
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", CALLS)
def test_engines_agree(name):
    for seed in (0, 1, 2**50):
        key = R.key(seed)
        close(function(R, name)(key, *CALLS[name]), function(S, name)(np.asarray(key), *CALLS[name]))


@pytest.mark.parametrize("dtype", ["i4", "i8", "f4", "f8"])
def test_bits_of_every_length_are_those_of_the_reference(dtype):
    for n in [*range(36), 100, 1000, 20_000, 70_001]:
        got = np.asarray(wg.apply("random_bits", KEY, words((0, 0)), shape=(n,), dtype=np.dtype(dtype)))
        np.testing.assert_array_equal(got, S.random_bits(np.asarray(KEY), (n,), dtype))


def test_blocks_past_a_multiple_of_two_to_the_32():
    for lower in (0xFFFFFFFF, 0xFFFFFFF9, 0xFFFFFFF0, 0xFFFFFFEF, 0x7FFFFFF9):
        got = wg.apply("random_bits", KEY, words((5, lower)), shape=(50,), dtype=np.int64)
        want = S.random_bits(np.asarray(KEY), (50,), np.int64, first=(5 << 32) + lower)
        np.testing.assert_array_equal(np.asarray(got), want)


def test_the_same_bits_for_every_number_of_threads():
    before = wg.show_config()["threads"]
    runs = []
    try:
        for threads in (1, 2, 5):
            wg.set_num_threads(threads)
            runs.append([np.asarray(f(KEY, 200_003)) for f in (R.uniform, R.normal, R.gumbel, R.bits)])
    finally:
        wg.set_num_threads(int(before))
    for other in runs[1:]:
        for a, b in zip(runs[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


SCRIPT = """
import sys, numpy as np, wengert as wg
R, k = wg.random, wg.random.key(9)
arrays = [R.bits(k, 1003), R.uniform(k, 1003), R.uniform(k, 1003, "f4"), R.split(k, 101), R.normal(k, 5000)]
sys.stdout.buffer.write(b"".join(np.asarray(a).tobytes() for a in arrays))
"""


def test_the_same_bits_for_every_instruction_set():
    outputs = {}
    for isa in wg.show_config()["supported"].split(","):
        env = {**os.environ, "WENGERT_ISA": isa.replace("-", "_"), "PYTHONPATH": os.pathsep.join(sys.path)}
        outputs[isa] = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, check=True).stdout
    first = next(iter(outputs.values()))
    exact = len(first) - 5000 * 8
    for out in outputs.values():
        assert out[:exact] == first[:exact]
        np.testing.assert_allclose(np.frombuffer(out[exact:]), np.frombuffer(first[exact:]), rtol=1e-15)


# ---- distributions (fixed keys: nothing here can fail by chance) ----------------------------------------------------

N = 50_000


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("name", "args", "distribution"),
    [
        ("uniform", (), scipy.stats.uniform()),
        ("uniform", (-2.0, 6.0), scipy.stats.uniform(-2, 8)),
        ("normal", (), scipy.stats.norm()),
        ("exponential", (), scipy.stats.expon()),
        ("gumbel", (), scipy.stats.gumbel_r()),
        ("truncated_normal", (-0.5, 2.5), scipy.stats.truncnorm(-0.5, 2.5)),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_kolmogorov_smirnov(name, args, distribution, dtype):
    first = args if name == "truncated_normal" else ()
    last = args if name == "uniform" else ()
    for seed in (1, 2, 3):
        x = np.asarray(getattr(R, name)(R.key(seed), *first, (N,), dtype, *last))
        assert x.dtype == dtype
        assert scipy.stats.kstest(x.astype(float), distribution.cdf).pvalue > 1e-3
        assert abs(x.mean(dtype=float) - distribution.mean()) < 5 * distribution.std() / N**0.5
        assert x.var(dtype=float) == pytest.approx(distribution.var(), rel=0.05)


def test_ranges():
    u = np.asarray(R.uniform(KEY, 10**6))
    assert 0 <= u.min() < 1e-5
    assert 1 - 1e-5 < u.max() < 1
    assert (u * 2**52 == np.rint(u * 2**52)).all()
    u = np.asarray(R.uniform(KEY, 10**6, np.float32))
    assert 0 <= u.min() < 1e-5
    assert 1 - 1e-5 < u.max() < 1
    z = np.asarray(R.normal(KEY, 10**6, np.float32))
    assert np.isfinite(z).all()
    assert 4.5 < np.abs(z).max() < 6
    assert np.isfinite(np.asarray(R.gumbel(KEY, 10**6, np.float32))).all()
    t = np.asarray(R.truncated_normal(KEY, 2.0, 2.125, 10**5))
    assert ((t >= 2.0) & (t <= 2.125)).all()


def test_discrete_frequencies():
    p = np.array([0.1, 0.2, 0.7])
    drawn = np.asarray(R.categorical(KEY, np.log(p), shape=(N,)))
    assert scipy.stats.chisquare(np.bincount(drawn), N * p).pvalue > 1e-3
    drawn = np.asarray(R.randint(KEY, (N,), 3, 10))
    assert scipy.stats.chisquare(np.bincount(drawn)[3:]).pvalue > 1e-3
    assert np.asarray(R.bernoulli(KEY, 0.3, (N,))).mean() == pytest.approx(0.3, abs=0.01)
    drawn = np.asarray(R.choice(KEY, 3, (N,), p=p))
    assert scipy.stats.chisquare(np.bincount(drawn), N * p).pvalue > 1e-3
    firsts = [int(R.permutation(k, 4)[0].item()) for k in R.split(KEY, 2000)]
    assert scipy.stats.chisquare(np.bincount(firsts)).pvalue > 1e-3


def test_split_keys_are_independent():
    keys = np.asarray(R.split(KEY, 200))
    assert len({tuple(k) for k in keys}) == 200
    streams = np.stack([np.asarray(R.normal(k, (2000,))) for k in keys[:40]])
    off_diagonal = np.corrcoef(streams)[np.triu_indices(40, 1)]
    assert np.abs(off_diagonal).max() < 5 / 2000**0.5
    children = np.asarray(R.split(keys[0], 200))
    assert not {tuple(k) for k in keys} & {tuple(k) for k in children}
    for i, k in enumerate(keys):
        assert R.fold_in(KEY, i).tolist() == k.tolist()
    assert R.split(KEY, (10, 20)).tolist() == keys.reshape(10, 20, 2).tolist()


def test_every_bit_is_even():
    bits = np.asarray(R.bits(KEY, (20_000,))).view(np.uint64)
    ones = np.array([((bits >> np.uint64(i)) & np.uint64(1)).sum(dtype=float) for i in range(64)])
    assert np.abs(ones - 10_000).max() < 5 * 20_000**0.5 / 2


def test_permutation_and_choice():
    x = np.arange(12.0).reshape(4, 3)
    rows = np.asarray(R.permutation(KEY, x))
    assert sorted(rows.tolist()) == x.tolist()
    columns = np.asarray(R.permutation(KEY, x, axis=1))
    assert np.sort(columns, axis=1).tolist() == x.tolist()
    without = np.asarray(R.choice(KEY, 10, (3, 3), replace=False))
    assert len(set(without.ravel().tolist())) == 9
    p = np.array([0.5, 0.5, 0.0, 0.0])
    assert sorted(R.choice(KEY, 4, (2,), replace=False, p=p).tolist()) == [0, 1]
    assert R.choice(KEY, x, (5,), axis=1).shape == (4, 5)
    assert R.choice(KEY, x, (0,)).shape == (0, 3)
    assert set(R.choice(KEY, np.array([2.5, 4.5]), (20,)).tolist()) == {2.5, 4.5}


def test_shapes_and_dtypes():
    assert R.uniform(KEY).shape == ()
    assert R.uniform(KEY, 0).shape == (0,)
    assert R.uniform(KEY, (2, 0)).shape == (2, 0)
    assert R.bernoulli(KEY, np.full((2, 3), 0.5)).shape == (2, 3)
    assert R.randint(KEY, 4, 0, 2**31, np.int32).dtype == np.int32
    assert R.randint(KEY, (2, 3), np.array([0, 10, 20]), 30).shape == (2, 3)
    assert R.dropout(KEY, np.ones(4, np.float32), 0.5).dtype == np.float32
    assert R.dropout(KEY, np.ones(4), 0.0).tolist() == [1.0] * 4
    big = np.asarray(R.randint(KEY, 1000, -(2**62), 2**62 - 1))
    assert big.min() < -(2**61)
    assert big.max() > 2**61


# ---- errors ---------------------------------------------------------------------------------------------------------

ERRORS = [
    (lambda: R.uniform(7, 3), TypeError, r"uniform: a key is an int32 array of shape \(2,\), got int64.*key\(seed\)"),
    (lambda: R.normal(np.zeros(2), 3), TypeError, "normal: .*got float64"),
    (lambda: R.normal(R.split(KEY), 3), TypeError, r"shape \(2, 2\); take one of its rows"),
    (lambda: R.split(np.zeros(3, np.int32)), TypeError, r"split: .*shape \(3,\)"),
    (lambda: R.uniform(KEY, (3, -1)), ValueError, r"uniform: sizes must not be negative, got shape \(3, -1\)"),
    (lambda: R.uniform(KEY, 3, np.int32), TypeError, "uniform: dtype must be float32 or float64, got int32"),
    (lambda: R.uniform(KEY, 3, minval=np.zeros(4)), ValueError, r"minval of shape \(4,\) .*shape \(3,\)"),
    (lambda: R.uniform(KEY, (), maxval=np.ones(4)), ValueError, r"maxval of shape \(4,\) .*shape \(\)"),
    (lambda: R.bernoulli(KEY, np.ones(3), (2,)), ValueError, r"bernoulli: p of shape \(3,\)"),
    (lambda: R.bits(KEY, 3, np.float64), TypeError, "bits: dtype must be int32 or int64"),
    (lambda: R.randint(KEY, 3, 5, 5), ValueError, r"randint: there is no int64 in \[5, 5\)"),
    (lambda: R.randint(KEY, 3, 0, 2**32, np.int32), ValueError, "there is no int32"),
    (lambda: R.randint(KEY, 3, -(2**63), 2**63 - 1), ValueError, "use bits"),
    (lambda: R.randint(KEY, 3, 0.5, 2), TypeError, "randint: the bounds must be whole numbers"),
    (lambda: R.randint(KEY, 3, 0, 2, np.float32), TypeError, "randint: dtype"),
    (lambda: R.key(1.5), TypeError, "key: the seed must be a whole number, got float"),
    (lambda: R.key(2**64), ValueError, "64 bits"),
    (lambda: R.fold_in(KEY, 1.5), TypeError, "fold_in: data must be one whole number, got float64"),
    (lambda: R.fold_in(KEY, np.arange(3)), TypeError, r"fold_in: .*shape \(3,\)"),
    (lambda: R.categorical(KEY, np.zeros((2, 3)), shape=(3,)), ValueError, r"must end in \(2,\)"),
    (lambda: R.categorical(KEY, np.zeros((2, 0))), ValueError, "must not be empty"),
    (lambda: R.choice(KEY, 3, (4,), replace=False), ValueError, "4 elements of 3"),
    (lambda: R.choice(KEY, 3, (4,), p=np.ones(2)), ValueError, r"p must have shape \(3,\)"),
    (lambda: R.dropout(KEY, np.ones(3), 1.0), ValueError, r"rate must lie in \[0, 1\), got 1.0"),
    (lambda: R.dropout(KEY, np.ones(3), float("nan")), ValueError, "rate"),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS, ids=lambda x: x if isinstance(x, str) else "")
def test_errors(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
    assert _core.depth() == 0


@pytest.mark.parametrize(
    ("key", "first", "params", "kind", "message"),
    [
        (np.zeros(2), words((0, 0)), {"dtype": np.int32}, TypeError, "float64 of shape"),
        (words((0, 0)), np.zeros(3, np.int32), {"dtype": np.int32}, TypeError, r"first block must be .*\(3,\)"),
        (words((0, 0)), words((0, 0)), {"dtype": np.bool_}, TypeError, "dtype must be"),
        (words((0, 0)), words((0, 0)), {"dtype": np.int64, "words": True}, ValueError, "last axis of 2"),
        (words((0, 0)), words((0, 0)), {"dtype": np.int32, "words": True}, ValueError, "last axis of 2"),
        (words((0, 0)), words((0, 0)), {"dtype": np.int32, "shape": (-1,)}, ValueError, "negative"),
        (words((0, 0)), words((0, 0)), {"dtype": np.int32, "shape": (2**40, 2**40)}, ValueError, "no array of shape"),
    ],
)
def test_errors_of_the_primitive(key, first, params, kind, message):
    with pytest.raises(kind, match=message):
        wg.apply("random_bits", key, first, **{"shape": (3,), **params})


def test_no_derivative_through_a_key():
    with pytest.raises(TypeError, match="int32"):
        wg.grad(lambda k: R.uniform(k))(KEY)


def test_examples():
    result = doctest.testmod(R)
    assert result.attempted > 5
    assert result.failed == 0
