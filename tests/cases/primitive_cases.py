"""What the tests know about primitives beyond the registry: operands, and cases for the structured ones.

Elementwise primitives need no entry unless NumPy lacks a function of the same name (primitive_oracles.py): their
operands are drawn from the registry's `domain`. A structured primitive needs a row in `STRUCTURED`;
`test_primitives.py` fails without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.special
import wengert as wg
import wengert.reference as wr
from primitive_oracles import oracle, reference

REGISTRY = {p.name: p for p in wg.primitives()}
ELEMENTWISE = [
    p for p in REGISTRY.values() if p.kind == "elementwise" and p.arity in (1, 2) and not p.params
]  # the rest: where

# ---- operands -------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator, domain: tuple[float, float], shape: tuple[int, ...], dtype: Any = float) -> Any:
    """Numbers inside an open interval, away from its ends and of moderate size: differences are trustworthy there."""
    lo, hi = domain
    if math.isinf(lo) and math.isinf(hi):
        x = rng.uniform(0.2, 1.8, shape) * rng.choice([-1.0, 1.0], shape)
    elif math.isinf(hi):
        x = lo + rng.uniform(0.3, 2.3, shape)
    else:
        x = lo + (hi - lo) * rng.uniform(0.1, 0.9, shape)
    return np.asarray(x, dtype)


def spread(rng: np.random.Generator, domain: tuple[float, float], n: int, dtype: Any) -> Any:
    """Numbers of every magnitude inside an interval, dense at its finite ends and about 0 and 1."""
    info = np.finfo(dtype)
    lo, hi = domain
    top = math.log10(float(info.max))
    magnitude = np.concatenate([10 ** rng.uniform(-top, top, n), 10 ** rng.uniform(-8, 3, n)])
    x = [magnitude, -magnitude, rng.uniform(-30, 30, n), 1 + magnitude[n:] * 1e-3, 1 - 10 ** rng.uniform(-8, -1, n)]
    for end, sign in ((lo, 1), (hi, -1)):
        if not math.isinf(end):
            x.append(end + sign * 10 ** rng.uniform(-7, 0, n))
    with np.errstate(over="ignore"):
        out = np.concatenate(x).astype(dtype)
    return out[(out > lo) & (out < hi) & np.isfinite(out)]


#: pairs of shapes: equal, both directions of broadcasting, 0-d, empty
BINARY_SHAPES = [
    ((5,), (5,)),
    ((), ()),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((), (4,)),
    ((4,), ()),
    ((0,), (1,)),
    ((2, 0), (2, 1)),
    ((2, 1, 3), (4, 1)),
]
UNARY_SHAPES = [(5,), (), (2, 3), (0,), (2, 0, 3), (1,), (17,)]


@dataclass
class Case:
    """One call of a primitive, and what other libraries say about it."""

    name: str
    operands: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)
    numpy: Callable[..., Any] | None = None
    reference: Callable[..., Any] | None = None
    active: tuple[int, ...] | None = None  # operands that carry a derivative; by default all
    smooth: bool = True  # differences may be taken here

    def __str__(self) -> str:
        shapes = " ".join(str(np.shape(x)).replace(" ", "") for x in self.operands)
        params = ",".join(f"{k}={v}" for k, v in self.params.items())
        return f"{self.name}[{shapes}]{params}"

    @property
    def varied(self) -> tuple[int, ...]:
        return tuple(range(len(self.operands))) if self.active is None else self.active

    def run(self, *xs: Any) -> Any:
        """The primitive on these differentiated operands."""
        return wg.apply(self.name, *self._filled(xs), **self.params)

    def run_reference(self, *xs: Any) -> Any:
        return (self.reference or reference(self.name))(*self._filled(xs), **self.params)

    def run_numpy(self, *xs: Any) -> Any:
        return (self.numpy or oracle(self.name))(*self._filled(xs), **self.params)

    def point(self, dtype: Any = float) -> tuple[Any, ...]:
        return tuple(np.asarray(self.operands[i], dtype) for i in self.varied)

    def _filled(self, xs: tuple[Any, ...]) -> list[Any]:
        dtype = getattr(xs[0], "dtype", None) if xs else None  # what does not vary has the type of what does
        operands = [
            x.astype(dtype) if dtype is not None and isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
            for x in self.operands
        ]
        for i, x in zip(self.varied, xs, strict=True):
            operands[i] = x
        return operands


def elementwise_cases(p: wg.Primitive) -> list[Case]:
    rng = np.random.default_rng(len(p.name) * 7919 + p.arity)
    shapes = [(s,) for s in UNARY_SHAPES] if p.arity == 1 else BINARY_SHAPES
    return [Case(p.name, tuple(draw(rng, d, s) for d, s in zip(p.domain, t, strict=True))) for t in shapes]


# ---- structured primitives ------------------------------------------------------------------------------------------

_rng = np.random.default_rng(20)


def _real(*shape: int) -> Any:
    return draw(_rng, (-math.inf, math.inf), shape)


def _distinct(*shape: int) -> Any:
    """No two elements closer than 0.1: the largest stays the largest while differences are taken."""
    n = int(np.prod(shape))
    return (_rng.permutation(n) * 0.1 - 0.05 * n + 0.02).reshape(shape)


def _slices(start, step, count, **_):
    return tuple(slice(s, s + d * n if s + d * n >= 0 else None, d) for s, d, n in zip(start, step, count, strict=True))


def _np_slice(x, *, shape, **where):
    return x[_slices(**where)].reshape(shape)


def _changed(x, index, v, add):
    y = x.copy()
    if add:
        np.add.at(y, index, v)
    else:
        y[index] = v
    return y


def _lead(x, indices, lead):
    """Positions in the flattened leading axes, as one index array for each of them."""
    return tuple(np.unravel_index(np.asarray(indices), x.shape[:lead]))


def _reductions(name, axes, shape=(2, 3, 4), **more):
    numbers = _distinct if name in {"max", "min"} else _real
    return [Case(name, (numbers(*shape),), {"axis": a, "keepdims": k}, **more) for a in axes for k in (False, True)]


def _np_logsumexp(x, axis=None, keepdims=False):
    return scipy.special.logsumexp(x, axis=axis, keepdims=keepdims)


def _joined(function):
    return lambda *xs, axis=0: function(xs, axis=axis)


def _np_polygamma(x, n):
    return scipy.special.polygamma(n, x)


def _wr_polygamma(x, n):
    return wr.apply("polygamma", x, n=n)


def _softmax_sweep(g, y, axis):
    return (g - (g * y).sum(axis=axis, keepdims=True)) * y


def _log_softmax_sweep(g, y, axis):
    return g - np.exp(y) * g.sum(axis=axis, keepdims=True)


def _np_cumsum(x, axis, reverse=False):
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis) if reverse else np.cumsum(x, axis)


def _wr_cumsum(x, axis, reverse=False):
    n = wr.numpy
    return n.flip(n.cumsum(n.flip(x, axis), axis), axis) if reverse else n.cumsum(x, axis)


def _slice_cases():
    rows = [
        ((5, 3), (1, 0), (2, 1), (2, 3), (2, 3)),
        ((5, 3), (4, 2), (-1, -2), (5, 2), (5, 2)),
        ((5, 3), (2, 0), (1, 1), (1, 3), (3,)),
        ((5, 3), (2, 1), (1, 1), (1, 1), ()),
        ((4,), (0,), (1,), (4,), (1, 4, 1)),
        ((4,), (2,), (1,), (0,), (0,)),
    ]
    for shape, start, step, count, out in rows:
        params = {"start": start, "step": step, "count": count, "shape": out}
        where = {"start": start, "step": step, "count": count}
        index = _slices(**where)
        x, v = _real(*shape), _real(*out)
        yield Case(
            "slice",
            (x,),
            params,
            _np_slice,
            lambda x, *, shape, index=index, **_: wr.numpy.reshape(wr.apply("getitem", x, index=index), shape),
        )
        for add in (False, True):
            yield Case(
                "slice_add" if add else "slice_update",
                (x, v),
                params,
                lambda x, v, index=index, add=add, count=count, **_: _changed(x, index, v.reshape(count), add),
                lambda x, v, index=index, add=add, count=count, **_: wr.apply(
                    "index_add" if add else "index_update", x, wr.numpy.reshape(v, count), index=index
                ),
            )


def _storage(x, layout):
    """The elements in the order in which an array with these strides keeps them, and how to bring them back."""
    order = sorted(range(x.ndim), key=lambda axis: -layout[axis])
    lengths = [x.shape[axis] for axis in order]
    back = np.argsort(order) if order else ()
    return x.transpose(order).ravel(), lambda flat: flat.reshape(lengths).transpose(back)


def _places(shape, strides, offset):
    places = np.full(shape, offset)
    for axis, (length, step) in enumerate(zip(shape, strides, strict=True)):
        places += (np.arange(length) * step).reshape((length,) + (1,) * (len(shape) - axis - 1))
    return places


def _np_strided(x, shape, strides, offset, layout):
    return _storage(x, layout)[0][_places(shape, strides, offset)]


def _np_strided_changed(x, v, shape, strides, offset, layout, add):
    flat, back = _storage(x, layout)
    return back(_changed(flat, _places(shape, strides, offset), v, add))


def _strided_cases():
    rows = [  # of x its shape and layout, then the part
        ((3, 4), (4, 1), (4, 3), (1, 4), 0),  # transposed
        ((3, 4), (1, 3), (2, 2), (3, 2), 3),  # of a column-major array
        ((2, 3, 4), (4, 8, 1), (3, 2), (8, 5), 1),  # diagonals of one in another order still
        ((3, 4), (4, 1), (2, 2), (-8, -2), 11),  # reversed, with steps
        ((2, 6), (6, 1), (2, 3, 2), (6, 2, 1), 0),
        ((2, 3), (3, 1), (0, 2), (3, 1), 5),
        ((4,), (1,), (), (), 2),
        ((1, 3), (7, 1), (3, 1), (1, 5), 0),
    ]
    overlapping = [
        ((4,), (1,), (2, 3), (1, 1), 0),  # windows
        ((3,), (1,), (2, 3), (0, 1), 0),  # broadcast
    ]
    for shape, layout, part, strides, offset in rows + overlapping:
        params = {"shape": part, "strides": strides, "offset": offset, "layout": layout}
        x, v = _real(*shape), _real(*part)
        elements = _np_strided(np.arange(x.size).reshape(shape), **params)
        index = np.unravel_index(elements, shape)
        yield Case(
            "strided", (x,), params, _np_strided, lambda x, index=index, **_: wr.apply("getitem", x, index=index)
        )
        for add in (True,) if (shape, layout, part, strides, offset) in overlapping else (False, True):
            yield Case(
                "strided_add" if add else "strided_update",
                (x, v),
                params,
                lambda x, v, add=add, **p: _np_strided_changed(x, v, add=add, **p),
                lambda x, v, index=index, add=add, **_: wr.apply(
                    "index_add" if add else "index_update", x, v, index=index
                ),
            )


def _gather_cases():
    rows = [
        ((4, 3), [3, 0, 3], 1),  # repeated
        ((4, 3), [[1, 2], [2, 0]], 1),
        ((4, 3), [11, 0, 5, 0], 2),
        ((4, 3), [], 1),
        ((4,), 2, 1),
    ]
    for shape, indices, lead in rows:
        indices = np.asarray(indices, np.int64)
        x = _real(*shape)
        index = _lead(x, indices, lead)
        params = {"indices": indices, "lead": lead}
        yield Case(
            "gather",
            (x,),
            params,
            lambda x, index=index, **_: x[index],
            lambda x, index=index, **_: wr.apply("getitem", x, index=index),
        )
        v = _real(*indices.shape, *shape[lead:])
        for add in (False, True):
            yield Case(
                "gather_add" if add else "gather_update",
                (x, v),
                params,
                lambda x, v, index=index, add=add, **_: _changed(x, index, v, add),
                lambda x, v, index=index, add=add, **_: wr.apply(
                    "index_add" if add else "index_update", x, v, index=index
                ),
            )


def _np_random_bits(key, first, shape, dtype, words=False):
    number = int(first.view(np.uint32)[0]) << 32 | int(first.view(np.uint32)[1])
    return wr.random.random_bits(key, shape, dtype, words, number)


def _random_cases():
    keys = np.array([[0, 0], [-1, 7], [2**31 - 1, -(2**31)]], np.int32)
    starts = np.array([[0, 0], [3, -5], [-1, -40]], np.int32)  # the last two pass a multiple of 2**32
    for key, first, shape in zip(keys, starts, [(), (3, 0), (9, 7)], strict=True):
        for dtype in ("i4", "i8", "f4", "f8"):
            yield Case(
                "random_bits", (key, first), {"shape": shape, "dtype": np.dtype(dtype)}, _np_random_bits, active=()
            )
        params = {"shape": (*shape, 2), "dtype": np.dtype("i4"), "words": True}
        yield Case("random_bits", (key, first), params, _np_random_bits, active=())


def _structured() -> list[Case]:
    axes = (None, 1, (0, 2), (-1, 0, 1), ())
    cases: list[Case] = []
    for name in ("sum", "mean", "prod", "max", "min"):
        cases += _reductions(name, axes)
        cases += _reductions(name, (None,), ())
        cases += _reductions(name, (1,), (0, 3))
    cases += _reductions("sum", (0, None), (0, 3)) + _reductions("prod", (0, None), (0, 3))
    cases += _reductions("logsumexp", axes, numpy=_np_logsumexp)
    for name in ("any", "all"):
        cases += _reductions(name, axes, active=())
        cases.append(Case(name, (np.array([[0.0, 1.0], [np.nan, -0.0]]),), {"axis": 0}, active=()))
    for name in ("argmax", "argmin"):
        tied = np.array([[2.0, 2.0], [1.0, 3.0]])
        cases += [
            Case(name, (x,), {"axis": a, "keepdims": k}, active=())
            for x in (_real(3, 4), tied)
            for a in (None, 0, -1)
            for k in (False, True)
        ]
    zeros = [np.array([2.0, 0.0, 3.0]), np.array([0.0, 2.0, 0.0]), np.array([[0.0, 1.5], [2.0, 3.0]])]
    cases += [Case("prod", (x,), {"axis": a}) for x in zeros for a in (None, 0)]
    cases += [
        Case("polygamma", (draw(_rng, (0, math.inf), s),), {"n": n}, _np_polygamma, _wr_polygamma)
        for s in ((), (3,), (0,), (2, 3))
        for n in (1, 2, 4)
    ]
    cases += [
        Case("cumsum", (_real(*s),), {"axis": a, "reverse": r}, _np_cumsum, _wr_cumsum)
        for s, a in (((3, 4), 0), ((3, 4), -1), ((5,), 0), ((0, 2), 0))
        for r in (False, True)
    ]
    cases += [
        Case("softmax", (_real(*s),), {"axis": a}, scipy.special.softmax)
        for s, a in (((3, 4), -1), ((3, 4), 0), ((5,), 0), ((2, 3, 2), 1))
    ]
    cases += [
        Case("log_softmax", (_real(*s),), {"axis": a}, scipy.special.log_softmax)
        for s, a in (((3, 4), -1), ((3, 4), 0), ((5,), 0), ((2, 3, 2), 1))
    ]
    # The derivatives by y hold where it is a softmax: second orders of the two primitives before are made of them.
    cases += [
        Case(f"{name}_sweep", (_real(*s), np.asarray(f(_real(*s), axis=a))), {"axis": a}, sweep, sweep, active=(0,))
        for s, a in (((3, 4), -1), ((3, 4), 0), ((5,), 0), ((2, 3, 2), 1))
        for name, f, sweep in (
            ("softmax", scipy.special.softmax, _softmax_sweep),
            ("log_softmax", scipy.special.log_softmax, _log_softmax_sweep),
        )
    ]
    ranks = [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((1, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 2)),
        ((4, 1, 2, 3), (5, 3, 2)),
        ((2, 0), (0, 3)),
        ((0, 3), (3, 2)),
        ((17, 33), (33, 9)),
    ]
    cases += [Case("matmul", (_real(*a), _real(*b))) for a, b in ranks]
    cases += [Case("strong_matmul", (_real(*a), _real(*b)), {}, np.matmul) for a, b in ranks]
    cases += [
        Case("reshape", (_real(*a),), {"shape": b}, lambda x, shape: x.reshape(shape))
        for a, b in (((2, 6), (3, 4)), ((4,), (-1, 2)), ((), (1, 1)), ((0, 3), (3, 0)))
    ]
    cases += [
        Case("transpose", (_real(*s),), {"axes": a})
        for s, a in (((2, 3, 4), None), ((2, 3, 4), (2, 0, 1)), ((2, 3), (-1, 0)), ((), None))
    ]
    cases += [
        Case("broadcast_to", (_real(*a),), {"shape": b})
        for a, b in (((3, 1), (2, 3, 4)), ((), (2, 3)), ((1,), (0,)), ((3,), (3,)))
    ]
    cases += [Case("astype", (_real(3),), {"dtype": d}, lambda x, dtype: x.astype(dtype)) for d in (np.dtype(float),)]
    cases += [
        Case("astype", (_real(3),), {"dtype": np.dtype(d)}, lambda x, dtype: x.astype(dtype), active=())
        for d in ("f4", "i4", "i8", "?")
    ]
    cases += [
        Case("concatenate", tuple(_real(*s) for s in shapes), {"axis": a}, _joined(np.concatenate))
        for shapes, a in ((((2, 3), (1, 3), (4, 3)), 0), (((2, 3), (2, 1)), -1), (((2,), (0,), (3,)), 0), (((2,),), 0))
    ]
    cases += [Case("stack", (_real(2, 3), _real(2, 3)), {"axis": a}, _joined(np.stack)) for a in (0, 1, -1)]
    cases += [
        Case("where", (c, _real(*a), _real(*b)), active=(1, 2))
        for c, a, b in (
            (np.array([True, False, True]), (2, 3), (3,)),
            (np.array([[True], [False]]), (), (2, 3)),
            (np.array(True), (2,), (2,)),
        )
    ]
    cases += _slice_cases()
    cases += _strided_cases()
    cases += _gather_cases()
    cases += _random_cases()
    return cases


STRUCTURED: dict[str, list[Case]] = {}
for _case in _structured():
    STRUCTURED.setdefault(_case.name, []).append(_case)


def cases(p: wg.Primitive) -> list[Case]:
    """Every case of a primitive; empty if it is structured and has no row."""
    return elementwise_cases(p) if p in ELEMENTWISE else STRUCTURED.get(p.name, [])
