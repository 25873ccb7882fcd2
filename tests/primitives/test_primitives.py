"""Derivatives of every primitive of the registry: both modes, both orders, all shapes; nothing can be forgotten.

Values (ulp, special values, dtypes, instruction sets) are in test_primitives_values.py, refusals in
test_primitives_errors.py.
"""

import numpy as np
import pytest
import wengert as wg
import wengert.reference as wr
from primitive_cases import ELEMENTWISE, REGISTRY, STRUCTURED, Case, cases, draw

DIFFERENTIABLE = [c for p in REGISTRY.values() if p.differentiable for c in cases(p) if c.varied]
# What hypothesis and the mirror's own tests cover in breadth needs no second order at every shape here.
TO_SECOND_ORDER = [c for c in DIFFERENTIABLE if sum(np.size(x) for x in c.operands) <= 60]
FLAT = [p for p in ELEMENTWISE if not p.differentiable]


def draw_like(x, seed):
    return draw(np.random.default_rng(seed), (-np.inf, np.inf), np.shape(x), np.asarray(x).dtype)


def directions(xs, seed):
    return tuple(draw_like(x, seed + i) for i, x in enumerate(xs))


def close(got, want, rtol=1e-11, atol=1e-12):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol * max(1.0, np.max(np.abs(want), initial=0.0)))


def all_close(got, want, **tolerance):
    for g, w in zip(got, want, strict=True):
        close(g, w, **tolerance)


# ---- nothing escapes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REGISTRY)
def test_every_primitive_has_cases(name):
    p = REGISTRY[name]
    assert cases(p), f"{name} is structured and has no row in primitive_cases.STRUCTURED"
    assert not p.differentiable or any(c.varied for c in cases(p)), f"no case of {name} varies an operand"


@pytest.mark.parametrize("name", REGISTRY)
def test_every_parameter_takes_two_values(name):
    """A parameter that is the same in every case is not tested."""
    for parameter, kind in REGISTRY[name].params:
        values = {repr(c.params.get(parameter)) for c in cases(REGISTRY[name])}
        assert len(values) > 1, f"{name}: parameter {parameter} ({kind}) never varies"


def test_no_case_is_for_a_primitive_that_does_not_exist():
    assert set(STRUCTURED) <= set(REGISTRY)


def test_the_registry_describes_itself():
    for p in wg.primitives():
        assert p.doc.endswith(".")
        assert p.kind in {"elementwise", "reduction", "linalg", "shaping", "indexing", "nn", "random"}
        assert p.types in {"floats", "numeric", "logical"}
        assert all(lo < hi for lo, hi in p.domain)
        assert len(p.domain) == max(p.arity, 1)
        assert p.max_ulp >= 0
    assert len(REGISTRY) == len(wg.primitives())  # names are unique


# ---- first and second order -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", TO_SECOND_ORDER, ids=str)
def test_modes_agree_with_each_other_and_with_differences(case):
    wg.check_grads(case.run, case.point(), order=2)


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
def test_both_modes_equal_the_reference(case):
    xs = case.point()
    vs = directions(xs, 1)
    y, dy = wg.jvp(case.run, xs, vs)
    y_ref, dy_ref = wr.jvp(case.run_reference, xs, vs)
    close(y, y_ref)
    close(dy, dy_ref)
    w = draw_like(y_ref, 2)
    value, pullback = wg.vjp(case.run, *xs)
    close(value, y_ref)
    all_close(pullback(w), wr.vjp(case.run_reference, *xs)[1](w))


@pytest.mark.parametrize("case", TO_SECOND_ORDER, ids=str)
def test_second_order_equals_the_reference(case):
    xs = case.point()
    vs = directions(xs, 3)
    w = draw_like(case.run_numpy(*xs), 4)

    def forward_over_reverse(engine, f):
        return engine.jvp(lambda *x: engine.vjp(f, *x)[1](w), xs, vs)[1]

    def reverse_over_forward(engine, f):
        return engine.vjp(lambda *x: engine.jvp(f, x, vs)[1], *xs)[1](w)

    def reverse_over_reverse(engine, f):
        return engine.vjp(lambda *x: engine.vjp(f, *x)[1](w), *xs)[1](vs)

    want = forward_over_reverse(wr, case.run_reference)
    for second in (forward_over_reverse, reverse_over_forward, reverse_over_reverse):
        all_close(second(wg, case.run), want, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("case", [c for c in DIFFERENTIABLE if sum(map(np.size, c.point())) <= 60], ids=str)
def test_many_tangents_at_once_equal_one_at_a_time(case):
    xs = case.point()
    argnums = tuple(range(len(xs)))
    together = wg.jacfwd(case.run, argnums)(*xs)
    by_rows = wg.jacrev(case.run, argnums)(*xs)
    for i, x in enumerate(xs):
        columns = []
        for k in range(np.size(x)):
            vs = [np.zeros_like(u) for u in xs]
            vs[i].reshape(-1)[k] = 1
            columns.append(np.asarray(wg.jvp(case.run, xs, tuple(vs))[1]))
        shape = np.shape(case.run_numpy(*xs))
        want = np.stack(columns, -1).reshape(shape + np.shape(x)) if columns else np.zeros(shape + np.shape(x))
        close(together[i], want, rtol=1e-14, atol=1e-15)
        close(by_rows[i], want, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("case", [c for c in DIFFERENTIABLE if len(c.varied) == 2], ids=str)
def test_each_operand_alone(case):
    """The other operand is a constant: rules may not need its node, nor give it a derivative."""
    xs = case.point()
    for i in (0, 1):

        def alone(x, i=i, f=case.run):
            return f(*(x if k == i else other for k, other in enumerate(xs)))

        def alone_reference(x, i=i):
            return case.run_reference(*(x if k == i else other for k, other in enumerate(xs)))

        if case.name not in {"maximum_of_constant", "minimum_of_constant"}:
            w = draw_like(case.run_numpy(*xs), 5)
            all_close(wg.vjp(alone, xs[i])[1](w), wr.vjp(alone_reference, xs[i])[1](w))
        wg.check_grads(alone, (xs[i],), order=1)


#: at equal operands these have a tie or a jump
NOT_SMOOTH_ON_THE_DIAGONAL = {"maximum", "minimum", "maximum_of_constant", "minimum_of_constant", "remainder"}
SQUARE = [
    c
    for c in DIFFERENTIABLE
    if len(c.varied) == 2
    and np.shape(c.operands[c.varied[0]]) == np.shape(c.operands[c.varied[1]])
    and c.name not in NOT_SMOOTH_ON_THE_DIAGONAL
]


@pytest.mark.parametrize("case", SQUARE, ids=str)
def test_the_same_value_as_both_operands(case):
    x = np.abs(case.point()[0]) + 0.1
    wg.check_grads(lambda x: case.run(x, x), (x,), order=1)


# ---- float32 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [c for c in DIFFERENTIABLE if c.name != "astype"], ids=str)
def test_float32_in_float32_out_and_as_accurate(case):
    xs = case.point(np.float32)
    wide = tuple(x.astype(float) for x in xs)
    vs = directions(xs, 6)
    y, dy = wg.jvp(case.run, xs, vs)
    w = draw_like(np.asarray(y), 7)
    cts = wg.vjp(case.run, *xs)[1](w)
    for array in (y, dy, *cts):
        assert np.asarray(array).dtype == np.float32
    y64, dy64 = wg.jvp(case.run, wide, tuple(v.astype(float) for v in vs))
    cts64 = wg.vjp(case.run, *wide)[1](w.astype(float))
    # 32 roundings of 6e-8: the longest sums here have 33 terms.
    for got, want in zip((y, dy, *cts), (y64, dy64, *cts64), strict=True):
        want = np.asarray(want)
        scale = max(1.0, np.max(np.abs(want), initial=0.0))
        np.testing.assert_allclose(np.asarray(got, float), want, rtol=4e-6, atol=2e-6 * scale)


# ---- memory layout --------------------------------------------------------------------------------------------------


def layouts(x):
    """The same numbers in other layouts."""
    wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan) if x.ndim else None
    if x.ndim:
        wide[..., ::2] = x
        yield wide[..., ::2]
        yield np.ascontiguousarray(x[::-1])[::-1]
        yield np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    if x.ndim > 1:
        yield np.asfortranarray(x)
        yield np.ascontiguousarray(x.swapaxes(0, -1)).swapaxes(0, -1)
    if x.ndim and (x == x[:1]).all():
        yield np.broadcast_to(x[:1], x.shape)


@pytest.mark.parametrize("case", [c for c in DIFFERENTIABLE if np.ndim(c.point()[0])], ids=str)
def test_strided_operands_give_the_same_numbers(case):
    xs = case.point()
    vs = directions(xs, 8)
    want, d_want = wg.jvp(case.run, xs, vs)
    w = draw_like(np.asarray(want), 9)
    c_want = wg.vjp(case.run, *xs)[1](w)
    exact = (
        {"rtol": 0, "atol": 0}
        if REGISTRY[case.name].kind in {"elementwise", "shaping", "indexing"}
        else {"rtol": 1e-14, "atol": 1e-15}
    )
    for i in range(len(xs)):
        for x in layouts(xs[i]):
            ys = (*xs[:i], x, *xs[i + 1 :])
            for given in (ys, tuple(wg.array(u) for u in ys)):
                y, dy = wg.jvp(case.run, given, vs)
                close(y, want, **exact)
                close(dy, d_want, **exact)
                all_close(wg.vjp(case.run, *given)[1](w), c_want, **exact)
    for strided in layouts(w):  # cotangents and tangents too may come in any layout
        all_close(wg.vjp(case.run, *xs)[1](strided), c_want, **exact)
    for v in layouts(vs[0]):
        close(wg.jvp(case.run, xs, (v, *vs[1:]))[1], d_want, **exact)


@pytest.mark.parametrize("name", [p.name for p in ELEMENTWISE])
def test_views_of_arrays_inside_a_program(name):
    """Transposed, reversed and sliced values of the library itself, not only of NumPy."""
    p = REGISTRY[name]
    rng = np.random.default_rng(10)
    xs = [draw(rng, d, (4, 6)) for d in p.domain]

    def f(*ops):
        return wg.apply(name, *(x.T[::-1, 1::2] for x in ops))

    def contiguous(*ops):
        return wg.apply(name, *ops)

    parts = [np.ascontiguousarray(x.T[::-1, 1::2]) for x in xs]
    arrays = [wg.array(x) for x in xs]
    np.testing.assert_array_equal(np.asarray(f(*arrays)), np.asarray(contiguous(*parts)))
    if not p.differentiable:
        return
    w = draw_like(parts[0], 11)
    for got, want in zip(wg.vjp(f, *xs)[1](w), wg.vjp(contiguous, *parts)[1](w), strict=True):
        full = np.zeros((4, 6))
        full.T[::-1, 1::2] = want
        np.testing.assert_array_equal(got, full)


# ---- flat functions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", FLAT, ids=lambda p: p.name)
def test_flat_functions_are_constants_to_both_modes(p):
    rng = np.random.default_rng(12)
    xs = tuple(draw(rng, d, (4,)) for d in p.domain)

    def f(*x):
        return x[0] * wg.apply(p.name, *x)

    value = np.asarray(wg.apply(p.name, *xs), float)
    close(wg.jvp(f, xs, tuple(np.ones(4) for _ in xs))[1], value)
    gradient = wg.vjp(f, *xs)[1](np.ones(4))
    close(gradient[0], value)
    for g in gradient[1:]:
        close(g, np.zeros(4))


@pytest.mark.parametrize("name", [p.name for p in REGISTRY.values() if not p.differentiable and p.kind == "reduction"])
def test_flat_reductions_are_constants_to_both_modes(name):
    x = np.array([1.0, 3.0, 2.0])
    value = float(np.asarray(wg.apply(name, x)))

    def f(x):
        return wg.apply("sum", x * wg.apply(name, x))

    close(wg.grad(f)(x), np.full(3, value))
    close(wg.jvp(f, (x,), (np.ones(3),))[1], np.float64(3 * value))


def test_every_case_prints_its_name():
    assert str(Case("sum", (np.zeros((2, 3)),), {"axis": 0})) == "sum[(2,3)]axis=0"
