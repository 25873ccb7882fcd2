"""Values of the primitives: accuracy against mpmath, special values, element types, every instruction set."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import wengert as wg
from primitive_cases import ELEMENTWISE, REGISTRY, cases, draw, spread
from primitive_oracles import EXACT, VALUE_DOMAIN, oracle
from wengert import _core

FLOATS = [np.float64, np.float32]
PROMISING = [p for p in ELEMENTWISE if p.name in EXACT]
ULP_SAMPLES = 60


def value(name, *xs, **params):
    return np.asarray(wg.apply(name, *xs, **params))


# ---- accuracy -------------------------------------------------------------------------------------------------------


def exact_values(f, xs):
    with mpmath.workdps(60):
        for x in zip(*xs, strict=True):
            try:
                yield f(*(mpmath.mpf(float(v)) for v in x))
            except (OverflowError, mpmath.libmp.ComplexResult, ZeroDivisionError):
                yield None


def ulp_errors(got, exact):
    """Distances from the exact values in units in the last place of the exact values, as rounded to this type."""
    info = np.finfo(got.dtype)
    for g, e in zip(got, exact, strict=True):
        if e is None or isinstance(e, mpmath.mpc):
            continue
        size = abs(e)
        if size > mpmath.mpf(float(info.max)):
            # Beyond the largest number: infinity, or (within the promise) the largest number.
            yield (
                0.0
                if np.isinf(g) and (g > 0) == (e > 0)
                else (size - abs(mpmath.mpf(float(g)))) / mpmath.mpf(float(np.spacing(info.max)))
            )
            continue
        unit = (
            mpmath.mpf(2) ** max(mpmath.frexp(size)[1] - info.nmant - 1, info.minexp - info.nmant)
            if size
            else (mpmath.mpf(float(info.smallest_subnormal)))
        )
        yield float(abs(mpmath.mpf(float(g)) - e) / unit)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", PROMISING, ids=lambda p: p.name)
def test_the_promised_accuracy(p, dtype):
    rng = np.random.default_rng(1)
    domains = VALUE_DOMAIN.get(p.name, p.domain)
    if p.arity == 1:
        xs = [spread(rng, domains[0], ULP_SAMPLES, dtype)]
    else:
        drawn = [rng.permutation(spread(rng, d, 2 * ULP_SAMPLES, dtype)) for d in domains]
        n = min(map(len, drawn))
        xs = [x[:n] for x in drawn]
        xs[1][: n // 3] = rng.uniform(-3, 3, n // 3) if domains[1][0] < 0 else rng.uniform(0.1, 3, n // 3)
    got = value(p.name, *xs)
    assert got.dtype == dtype
    allowed = p.max_ulp or 0.5  # 0 promises the rounding of IEEE 754
    errors = list(ulp_errors(got, exact_values(EXACT[p.name], xs)))
    assert len(errors) > ULP_SAMPLES
    worst = int(np.argmax(errors))
    assert errors[worst] <= allowed, f"{errors[worst]:.3g} ulp at {[x[worst] for x in xs]}: got {got[worst]!r}"


def test_every_inexact_elementwise_primitive_is_measured():
    assert {p.name for p in ELEMENTWISE if p.max_ulp} <= set(EXACT)


@pytest.mark.parametrize("dtype", FLOATS)
def test_sums_of_any_length_stay_accurate(dtype):
    rng = np.random.default_rng(2)
    for n in (1, 7, 8, 63, 64, 1000, 4097, 100_003):
        x = rng.normal(size=n).astype(dtype)
        exact = math.fsum(x.astype(float))
        bound = (
            float(np.finfo(dtype).eps) * 8 * math.log2(n + 1) * float(np.sum(np.abs(x), dtype=float)) / max(1, n) ** 0.5
        )
        assert abs(float(value("sum", x)) - exact) <= bound
        assert abs(float(value("mean", x)) * n - exact) <= bound


# ---- special values -------------------------------------------------------------------------------------------------


def specials(dtype):
    info = np.finfo(dtype)
    tiny, top = info.smallest_subnormal, info.max
    numbers = [0.0, 1.0, 0.5, 2.0, 3.0, 1e-3, 30.0, info.smallest_normal, tiny, tiny * 3, top, np.inf]
    return np.array([*numbers, *(-v for v in numbers), np.nan], dtype)


#: where SciPy or NumPy lose the result although it can be represented; checked against mpmath above
WEAKER_ORACLE = {"gelu": 1000, "log_sigmoid": 8, "softplus": 8, "rsqrt": 8, "hypot": 8}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", ELEMENTWISE, ids=lambda p: p.name)
def test_special_values_are_numpys(p, dtype):
    s = specials(dtype)
    xs = (s,) if p.arity == 1 else tuple(np.array(list(itertools.product(s, s)), dtype).T)
    got, want = value(p.name, *xs), np.asarray(oracle(p.name)(*xs))
    if p.name == "gelu":  # the limit; SciPy's factors give -inf * 0
        assert value("gelu", dtype(-np.inf)) == 0
        got, want, xs = got[~np.isneginf(s)], want[~np.isneginf(s)], (s[~np.isneginf(s)],)
    if p.types != "logical":
        assert got.dtype == want.dtype == dtype
    for group in (np.isnan, np.isposinf, np.isneginf) if p.types != "logical" else (np.asarray,):
        different = group(got) != group(want)
        assert not different.any(), [(*(x[i] for x in xs), got[i], want[i]) for i in np.flatnonzero(different)[:5]]
    if p.types == "logical":
        return
    finite = np.isfinite(want)
    zero = finite & (want == 0) & (got == 0)
    different = zero & (np.signbit(got) != np.signbit(want))
    assert not different.any(), [(*(x[i] for x in xs), got[i], want[i]) for i in np.flatnonzero(different)[:5]]
    units = 2 * p.max_ulp + WEAKER_ORACLE.get(p.name, 2) if p.max_ulp else 0.5
    tolerance = units * np.spacing(np.abs(want[finite]))
    error = np.abs(got[finite].astype(float) - want[finite])
    worst = np.flatnonzero(~(error <= tolerance))
    assert not worst.size, [(*(x[finite][i] for x in xs), got[finite][i], want[finite][i]) for i in worst[:5]]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["max", "min", "sum", "prod", "mean"])
def test_nan_and_infinity_in_reductions(name, dtype):
    for n in (1, 3, 8, 33):
        for bad in (np.nan, np.inf, -np.inf):
            for at in {0, n // 2, n - 1}:
                x = np.ones(n, dtype)
                x[at] = bad
                np.testing.assert_array_equal(value(name, x), getattr(np, name)(x))
                np.testing.assert_array_equal(value(name, np.stack([x, x]), axis=1), getattr(np, name)([x, x], axis=1))


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_nan_is_found_by_argument_reductions(name):
    for x in ([1.0, np.nan, 3.0, np.nan], [np.nan], [np.inf, -np.inf, 0.0], [-np.inf, -np.inf], [0.0, -0.0]):
        assert value(name, np.array(x)) == getattr(np, name)(x)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_extremes_of_the_softmax_family(name):
    import scipy.special

    rows = [[1e3, 0.0, -1e3], [-np.inf, 0.0, 1.0], [-np.inf, -np.inf, 0.0], [1e308, 1e308, 0.0], [np.nan, 0.0, 1.0]]
    want = {"logsumexp": lambda x: scipy.special.logsumexp(x, axis=-1)}.get(name) or (
        lambda x: getattr(scipy.special, name)(x, axis=-1)
    )
    for row in rows:
        x = np.array(row)
        np.testing.assert_allclose(value(name, x, axis=-1), want(x), rtol=1e-14)
    if name == "logsumexp":
        assert value(name, np.full(3, -np.inf)) == -np.inf
        assert value(name, np.array([np.inf, 0.0])) == np.inf


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_no_identity_for_an_empty_reduction(name):
    with pytest.raises(ValueError, match=name):
        wg.apply(name, np.zeros((0,)))
    with pytest.raises(ValueError, match=name):
        wg.apply(name, np.zeros((2, 0)), axis=1)


# ---- element types --------------------------------------------------------------------------------------------------

OPERANDS = {
    "bool": np.array([True, True, False]),
    "int32": np.array([1, 2, 3], np.int32),
    "int64": np.array([1, 2, 3], np.int64),
    "float32": np.array([0.5, 0.25, 0.75], np.float32),
    "float64": np.array([0.5, 0.25, 0.75]),
    "True": True,
    "2": 2,
    "0.5": 0.5,
}
#: NumPy has small types for operations on bools; here the answer is the smallest type the library has
AS_HERE = {np.dtype(np.float16): np.dtype(float), np.dtype(np.int8): np.dtype(np.int64)}


def numpys_type(f, *xs):
    with np.errstate(all="ignore"):
        got = np.asarray(f(*xs))
    return AS_HERE.get(got.dtype, got.dtype), got


@pytest.mark.parametrize("p", [p for p in ELEMENTWISE if p.arity == 2 and not p.hidden], ids=lambda p: p.name)
def test_result_types_of_pairs_are_numpys(p):
    for (a, x), (b, y) in itertools.product(OPERANDS.items(), OPERANDS.items()):
        if isinstance(x, (bool, int, float)) and isinstance(y, (bool, int, float)):
            continue
        try:
            want, numbers = numpys_type(oracle(p.name), x, y)
        except (TypeError, ValueError):
            with pytest.raises((TypeError, ValueError), match=p.name):
                wg.apply(p.name, x, y)
            continue
        got = value(p.name, x, y)
        assert got.dtype == want, f"{p.name}({a}, {b})"
        np.testing.assert_allclose(got, numbers, rtol=1e-3 if numbers.dtype == np.float16 else 1e-6)


#: NumPy 2.0 rounds whole numbers to floats, 2.1 to whole numbers; 1/x of whole numbers is 0 or 1 to NumPy. Floats here.
FLOATS_HERE = {"floor", "ceil", "trunc", "reciprocal"}


@pytest.mark.parametrize("p", [p for p in ELEMENTWISE if p.arity == 1], ids=lambda p: p.name)
def test_result_types_of_one_operand_are_numpys(p):
    for x in list(OPERANDS.values())[:5]:
        narrow = x.dtype == bool and p.types == "numeric"
        if narrow or not hasattr(np, p.name):
            continue
        want = numpys_type(oracle(p.name), x)[0]
        if p.name in FLOATS_HERE and x.dtype.kind != "f":
            want = np.dtype(float)
        assert value(p.name, x).dtype == want, (p.name, x.dtype)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min", "any", "all", "argmax", "argmin", "cumsum"])
@pytest.mark.parametrize("kind", list(OPERANDS)[:5])
def test_result_types_of_reductions_are_numpys(name, kind):
    x = np.stack([OPERANDS[kind], OPERANDS[kind]])
    params = {"axis": 1}
    want = getattr(np, name)(x, **params)
    got = value(name, x, **params)
    # NumPy adds int32 in the machine's long, which is int64 wherever this library runs.
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("name", ["matmul", "where", "concatenate", "stack"])
def test_result_types_of_joined_operands_are_numpys(name):
    for (a, x), (b, y) in itertools.product(list(OPERANDS.items())[:5], list(OPERANDS.items())[:5]):
        if name == "where":
            got, want = value(name, np.array([True, False, True]), x, y), np.where([True, False, True], x, y)
        elif name == "matmul":
            got, want = value(name, x, y), np.matmul(x, y)
        else:
            got, want = value(name, x, y, axis=0), getattr(np, name)((x, y), axis=0)
        assert got.dtype == want.dtype, (name, a, b)
        np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("dtype", [bool, np.int32, np.int64, np.float32, np.float64])
def test_shaping_and_indexing_keep_the_type(dtype):
    for name, p in REGISTRY.items():
        if p.kind not in {"shaping", "indexing"} or name == "astype":
            continue
        for case in cases(p):
            xs = [np.asarray(x > 0, dtype) for x in case.operands]
            if dtype is bool and "add" in name:
                continue  # NumPy's add.at on bools is a logical or
            got, want = value(name, *xs, **case.params), np.asarray(case.run_numpy(*xs))
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_whole_numbers_wrap_round_as_numpys(dtype):
    info = np.iinfo(dtype)
    x = np.array([info.min, info.max, -1, 0, 1, 7, -7], dtype)
    y = np.array([-1, 2, 3, 5, -2, -3, 3], dtype)
    with np.errstate(all="ignore"):
        for name in ("add", "subtract", "multiply", "floor_divide", "remainder", "maximum", "minimum"):
            np.testing.assert_array_equal(value(name, x, y), getattr(np, name)(x, y), name)
            np.testing.assert_array_equal(value(name, x, dtype(0)), getattr(np, name)(x, dtype(0)), name)
        for name in ("negative", "absolute", "square", "sign"):
            np.testing.assert_array_equal(value(name, x), getattr(np, name)(x), name)
        np.testing.assert_array_equal(value("power", x, np.abs(y)), np.power(x, np.abs(y)))


def test_int64_is_not_computed_through_float():
    big = np.array([2**62 + 1, 2**53 + 1])
    for got, want in ((value("add", big, 1), big + 1), (value("max", big), big.max()), (value("sum", big[1:]), big[1])):
        np.testing.assert_array_equal(got, want)
    assert value("equal", big, big - 1).tolist() == [False, False]
    assert value("cumsum", big[1:], axis=0).tolist() == [2**53 + 1]


# ---- instruction sets -----------------------------------------------------------------------------------------------

TARGETS = [name for name in _core.supported_isas().split(",") if name != "scalar"]


@pytest.fixture
def target(request):
    before = _core.active_isa()

    def use(name):
        _core.set_isa(name)
        assert _core.active_isa() == name

    yield use
    _core.set_isa(before)


def test_an_unknown_instruction_set_is_refused():
    before = _core.active_isa()
    assert not _core.set_isa("vax")
    assert _core.active_isa() == before


@pytest.mark.parametrize("isa", TARGETS)
@pytest.mark.parametrize("p", ELEMENTWISE, ids=lambda p: p.name)
def test_every_target_computes_what_the_scalar_one_does(p, isa, target):
    rng = np.random.default_rng(3)
    for dtype, n in itertools.product(FLOATS, (1, 2, 3, 5, 8, 15, 16, 17, 33, 100)):
        xs = tuple(draw(rng, d, (n,), dtype) for d in p.domain)
        w = draw(rng, (-math.inf, math.inf), (n,), dtype)
        results = []
        for name in ("scalar", isa):
            target(name)
            results.append([value(p.name, *xs)])
            if p.differentiable:
                results[-1] += wg.vjp(lambda *x: wg.apply(p.name, *x), *xs)[1](w)
                results[-1].append(wg.jvp(lambda *x: wg.apply(p.name, *x), xs, xs)[1])
        # Both keep the promise, so they differ by at most twice it; a derivative is a few operations more.
        # The tangent is a sum, whose terms may cancel: their size counts.
        (y, *slopes), (z, *others) = results
        np.testing.assert_allclose(z.astype(float), y.astype(float), rtol=2 * p.max_ulp * np.finfo(dtype).eps)
        terms = sum(np.abs(np.asarray(s) / w * x) for s, x in zip(slopes, xs, strict=False))
        rtol = (4 * p.max_ulp + 8) * np.finfo(dtype).eps
        for i, (a, b) in enumerate(zip(slopes, others, strict=True)):
            a, b = np.asarray(a), np.asarray(b)
            size = np.maximum(np.abs(a), terms) if i == len(xs) else np.abs(a)
            assert (np.abs(b - a) <= rtol * size + 8 * np.finfo(dtype).eps).all(), (a, b)


@pytest.mark.parametrize("isa", TARGETS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_every_target_reduces_and_multiplies_as_the_scalar_one(isa, dtype, target):
    rng = np.random.default_rng(4)
    eps = float(np.finfo(dtype).eps)
    for m, k, n in ((1, 1, 1), (3, 5, 2), (8, 17, 9), (33, 64, 31), (70, 129, 65)):
        a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
        calls = [("matmul", (a, b), {}), ("matmul", (a, b[:, 0]), {}), ("matmul", (b.T, a.T), {})]
        calls += [
            (name, (a,), {"axis": axis}) for axis in (0, 1, None) for name in ("sum", "mean", "max", "min", "logsumexp")
        ]
        calls += [
            (name, (a,), {"axis": axis}) for axis in (0, 1) for name in ("softmax", "log_softmax", "cumsum", "argmax")
        ]
        for name, operands, params in calls:
            got = []
            for use in ("scalar", isa):
                target(use)
                got.append(value(name, *operands, **params))
            np.testing.assert_allclose(got[1], got[0], rtol=16 * eps, atol=4 * eps * k * m**0.5, err_msg=name)
