"""Results do not depend on the number of threads, bit for bit: every primitive, values and derivatives."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import wengert as wg
from primitive_cases import ELEMENTWISE, REGISTRY, draw
from wengert import _core

THREADS = (1, 2, 4)
LARGE = 100_003  # above every limit for elementwise work, and no multiple of a block


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    before = _core.num_threads()
    yield
    wg.set_num_threads(before)


def bits(result: Any) -> list[bytes]:
    results = result if isinstance(result, tuple) else (result,)
    return [np.ascontiguousarray(r).tobytes() for r in results]


def assert_same_bits(f: Any) -> None:
    """f() has the same bits for any number of threads."""
    wg.set_num_threads(THREADS[0])
    want = bits(f())
    for n in THREADS[1:]:
        wg.set_num_threads(n)
        assert bits(f()) == want, f"{n} threads"


def structured(name: str, dtype: Any) -> list[tuple[tuple[Any, ...], dict[str, Any], tuple[int, ...]]]:
    """Large calls of a structured primitive: operands, parameters, and which operands carry a derivative."""
    rng = np.random.default_rng(5)

    def real(*shape: int) -> Any:
        return draw(rng, (-np.inf, np.inf), shape, dtype)

    rows, cube, line = real(701, 503), real(61, 67, 71), real(300_007)
    if name in {"sum", "mean", "prod", "max", "min", "logsumexp"}:
        calls = [(line, None), (rows, 0), (rows, 1), (cube, 1), (cube, (0, 2)), (rows.T, 0), (rows.T, None)]
        # A product of many numbers about 1 stays a number.
        calls = [(np.asarray(1 + x * dtype(1e-4), dtype) if name == "prod" else x, a) for x, a in calls]
        return [((x,), {"axis": a}, (0,)) for x, a in calls]
    if name in {"any", "all", "argmax", "argmin"}:
        return [((x,), {"axis": a}, ()) for x, a in ((line, None), (rows, 0), (rows, 1))]
    if name in {"softmax", "log_softmax"}:
        return [((x,), {"axis": a}, (0,)) for x, a in ((rows, -1), (rows, 0), (line, 0))]
    if name in {"softmax_sweep", "log_softmax_sweep"}:
        weights = getattr(wg.numpy, name.removesuffix("_sweep"))
        pairs = [(x, np.asarray(weights(x, axis=a)), a) for x, a in ((rows, -1), (rows, 0), (line, 0))]
        return [((x, y), {"axis": a}, (0, 1)) for x, y, a in pairs]
    if name == "cumsum":
        return [((x,), {"axis": a, "reverse": r}, (0,)) for x, a in ((rows, 0), (rows, 1), (line, 0)) for r in (0, 1)]
    if name in ("matmul", "strong_matmul"):
        shapes = [((300, 211), (211, 257)), ((211, 300), (300, 17)), ((2001, 4, 4), (2001, 4, 4)), ((703, 701), (701,))]
        pairs = [(real(*a), real(*b)) for a, b in shapes] + [(real(5, 130, 90), real(90, 70))]
        pairs += [(real(256, 192).T, real(256, 128)), (real(256, 192), real(128, 192).T)]
        return [(p, {}, (0, 1)) for p in pairs]
    if name in {"gather", "gather_add", "gather_update"}:
        where = rng.permutation(701)[:600] if name == "gather_update" else rng.integers(0, 701, 900)
        params = {"indices": where, "lead": 1}
        if name == "gather":
            return [((rows,), params, (0,))]
        return [((rows, real(len(where), 503)), params, (0, 1))]
    if name in {"slice", "slice_add", "slice_update"}:
        params = {"start": (1, 2), "step": (2, 1), "count": (350, 500), "shape": (350, 500)}
        return [((rows,), params, (0,))] if name == "slice" else [((rows, real(350, 500)), params, (0, 1))]
    if name in {"strided", "strided_add", "strided_update"}:
        params = {"shape": (500, 350), "strides": (1, 1006), "offset": 505, "layout": (503, 1)}
        return [((rows,), params, (0,))] if name == "strided" else [((rows, real(500, 350)), params, (0, 1))]
    if name == "where":
        return [((rows > 0, rows, real(503)), {}, (1, 2)), ((rows > 0, rows, real(701, 503)), {}, (1, 2))]
    if name == "polygamma":
        return [((abs(rows[:70]) + 1,), {"n": n}, (0,)) for n in (1, 2)]  # 30 times slower than the others
    if name == "reshape":
        return [((rows.T,), {"shape": (-1,)}, (0,))]
    if name == "transpose":
        return [((cube,), {"axes": (2, 0, 1)}, (0,))]
    if name == "broadcast_to":
        return [((real(503),), {"shape": (701, 503)}, (0,)), ((real(701, 1),), {"shape": (701, 503)}, (0,))]
    if name == "astype":
        return [((rows,), {"dtype": np.dtype(d)}, (0,)) for d in ("f4", "f8")]
    if name in {"concatenate", "stack"}:
        return [((rows, real(701, 503)), {"axis": a}, (0, 1)) for a in (0, 1)]
    if name == "random_bits":
        key, first = np.array([3, 5], np.int32), np.array([0, -7], np.int32)
        return [((key, first), {"shape": (701, 503), "dtype": np.dtype(dtype), "words": False}, ())]
    raise KeyError(f"{name}: give it a large call here")


def check(name: str, operands: tuple[Any, ...], params: dict[str, Any], active: tuple[int, ...]) -> None:
    def f(*xs: Any) -> Any:
        filled = list(operands)
        for i, x in zip(active, xs, strict=True):
            filled[i] = x
        return wg.apply(name, *filled, **params)

    xs = tuple(operands[i] for i in active)
    with np.errstate(all="ignore"):
        assert_same_bits(lambda: np.asarray(f(*xs)))
        if not active:
            return
        y = np.asarray(f(*xs))
        g = np.random.default_rng(6).uniform(0.5, 1.5, y.shape).astype(y.dtype)
        assert_same_bits(lambda: tuple(np.asarray(t) for t in wg.vjp(f, *xs)[1](g)))
        assert_same_bits(lambda: tuple(np.asarray(t) for t in wg.jvp(f, xs, xs)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("p", ELEMENTWISE, ids=lambda p: p.name)
def test_elementwise(p: wg.Primitive, dtype: Any) -> None:
    rng = np.random.default_rng(4)
    shapes = [(LARGE,)] * p.arity
    operands = tuple(draw(rng, d, s, dtype) for d, s in zip(p.domain, shapes, strict=True))
    active = tuple(range(p.arity)) if p.differentiable else ()
    check(p.name, operands, {}, active)
    if p.arity == 2:  # the broadcast of a row
        pair = tuple(draw(rng, d, s, dtype) for d, s in zip(p.domain, ((331, 307), (307,)), strict=True))
        check(p.name, pair, {}, active)
    else:
        check(p.name, (draw(rng, p.domain[0], (331, 307), dtype).T,), {}, active)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [p.name for p in REGISTRY.values() if p not in ELEMENTWISE])
def test_structured(name: str, dtype: Any) -> None:
    for operands, params, active in structured(name, dtype):
        check(name, operands, params, active)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_compiled(dtype: Any) -> None:
    """Replays too: fused groups, products with what follows them, sums, softmax."""
    rng = np.random.default_rng(7)
    x, w, v = (rng.normal(size=s).astype(dtype) for s in ((300, 150), (150, 130), (130, 90)))
    bias = rng.normal(size=130).astype(dtype)

    def loss(w: Any, bias: Any, v: Any) -> Any:
        hidden = np.tanh(x @ w + bias) * 1.5 + np.exp(-(w @ v).sum())
        return -np.mean(wg.numpy.log_softmax(hidden @ v, axis=1)[:, 0])

    for f in (loss, wg.value_and_grad(loss, (0, 1, 2))):
        compiled = wg.compile(f)

        def run(compiled: Any = compiled) -> tuple[Any, ...]:
            result = compiled(w, bias, v)
            return (result[0], *result[1]) if isinstance(result, tuple) else (result,)

        run()
        assert_same_bits(run)
