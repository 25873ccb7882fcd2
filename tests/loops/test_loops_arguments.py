"""How loops are called: no steps at all, JAX's keywords, NumPy's numbers, and what is refused by name."""

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

EMPTY = [
    (lambda c, v: (c + v, v * 2.0), 0.0, np.zeros(0), [((0,), float)]),
    (lambda c, v: (c, (v, c)), np.zeros(2, np.float32), np.zeros((0, 3)), [((0, 3), float), ((0, 2), np.float32)]),
    (lambda c, v: (c, {"a": wnp.sum(v) > 0, "b": None}), 0.0, np.zeros((0, 3)), [((0,), bool)]),
    (lambda c, v: (c, 1), 0.0, np.zeros((0, 3)), [((0,), int)]),
    (lambda c, v: (c, c if c > 0 else -c), 1.0, np.zeros(0), [((0,), float)]),  # asks for a number
    (lambda c, v: (c, wnp.outer(v["x"], v["y"])), 1.0, {"x": np.zeros((0, 2)), "y": np.zeros((0, 3))},
     [((0, 2, 3), float)]),
    (lambda c, v: (c, None), "text", np.zeros(0), []),
]  # fmt: skip


def leaves(y):
    return [] if y is None else [x for v in y for x in leaves(v)] if isinstance(y, tuple) else (
        [x for v in y.values() for x in leaves(v)] if isinstance(y, dict) else [y]
    )  # fmt: skip


@pytest.mark.parametrize(("step", "init", "xs", "types"), EMPTY)
@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_over_nothing_gives_arrays(step, init, xs, types, reverse):
    def f(xs):
        return wg.scan(step, init, xs, reverse=reverse)[1]

    compiled = wg.compile(f)
    for run in (f, compiled, compiled):
        got = leaves(run(xs))
        assert [(x.shape, x.dtype) for x in got] == [(s, np.dtype(t)) for s, t in types]


def test_no_steps_by_length_and_their_derivative():
    last, ys = wg.scan(lambda c, _: (c * 2.0, c), np.ones(3), None, length=0)
    assert ys.shape == (0, 3)
    np.testing.assert_array_equal(np.asarray(last), np.ones(3))

    def f(c, xs):
        last, ys = wg.scan(lambda c, v: (c * v, v), c, xs)
        return last * 3.0 + wnp.sum(ys)

    for g in (wg.grad(f, (0, 1)), wg.compile(wg.grad(f, (0, 1))), wg.jacfwd(f, (0, 1))):
        a, b = g(2.0, np.zeros(0))
        assert a == 3.0
        assert np.shape(b) == (0,)


def test_keywords_of_jax():
    xs = np.array([1.0, 2.0, 3.0])

    def f(c, v):
        return (c + v, None)

    for unroll in (1, 2, True):
        assert wg.scan(f=f, init=0.0, xs=xs, length=3, reverse=False, unroll=unroll)[0] == 6.0
    assert wg.scan(f, 0.0, xs, 3, True, 1)[0] == 6.0  # positions, too
    assert wg.scan(lambda c, _: (c + 1.0, None), 0.0, length=4)[0] == 4.0
    assert wg.fori_loop(lower=0, upper=3, body_fun=lambda i, c: c + 1.0, init_val=0.0, unroll=2) == 3.0
    assert wg.while_loop(cond_fun=lambda c: c < 5.0, body_fun=lambda c: c + 2.0, init_val=0.0) == 6.0
    assert wg.cond(pred=False, true_fun=lambda: 1.0, false_fun=lambda: 2.0) == 2.0


@pytest.mark.parametrize("kind", [int, np.int64, np.int32, np.uint8, wg.array, np.array])
def test_whole_numbers_of_any_kind(kind):
    assert wg.scan(lambda c, _: (c + 1.0, None), 0.0, None, length=kind(3))[0] == 3.0
    assert wg.fori_loop(kind(1), kind(4), lambda i, c: c + i, 0.0) == 6.0

    def g(x):
        return wg.scan(lambda c, v: (c * v, None), x, np.arange(1.0, 5), checkpoint=int(kind(2)))[0]

    assert wg.grad(g)(1.0) == 24.0
    if kind not in (wg.array, np.array):
        assert wg.scan(lambda c, v: (c + v, None), 0.0, np.ones(5), checkpoint=kind(2))[0] == 5.0


def keep(c, v):
    return c, v


REFUSED = [
    (lambda: wg.scan(keep, 0.0, [1.0, 2.0]), TypeError, "scan: every leaf of xs .* float"),
    (lambda: wg.scan(keep, 0.0, 3.0), TypeError, "scan: every leaf of xs .* float"),
    (lambda: wg.scan(keep, 0.0, np.array(3.0)), TypeError, r"scan: .* shape \(\)"),
    (lambda: wg.scan(keep, 0.0, wg.array(3.0)), TypeError, r"scan: .* shape \(\)"),
    (lambda: wg.scan(keep, 0.0, {"a": np.ones(2), "b": "text"}), TypeError, "scan: .* str"),
    (lambda: wg.scan(keep, 0.0, (np.ones(2), np.ones(3))), ValueError, "scan: .* one leading length"),
    (lambda: wg.scan(keep, 0.0, np.ones(2), length=3), ValueError, "scan: .* one leading length"),
    (lambda: wg.scan(keep, 0.0, None), ValueError, "scan: .* no length"),
    (lambda: wg.scan(keep, 0.0, None, length=2.0), TypeError, "scan: length .* 2.0"),
    (lambda: wg.scan(keep, 0.0, None, length=-1), ValueError, "scan: length .* -1"),
    (lambda: wg.scan(keep, 0.0, np.ones(2), checkpoint=0), ValueError, "scan: checkpoint"),
    (lambda: wg.scan(keep, 0.0, np.ones(2), checkpoint=True), ValueError, "scan: checkpoint"),
    (lambda: wg.scan(keep, 0.0, np.ones(2), checkpoint=1.5), ValueError, "scan: checkpoint"),
    (lambda: wg.scan(lambda c, v: c, 0.0, np.ones(2)), TypeError, "scan: .* pair"),
    (lambda: wg.scan(lambda c, v: ((c, c), v), 0.0, np.ones(2)), TypeError, "scan: the carry"),
    (lambda: wg.scan(lambda c, v: (c, None if v > 1 else v), 0.0, np.arange(3.0)), TypeError, "scan: the outputs"),
    (lambda: wg.scan(lambda c, v: (c, v if v > 1 else None), 0.0, np.arange(3.0)), TypeError, "scan: the outputs"),
    (lambda: wg.scan(lambda c, v: (c, {"a": v} if v > 0 else {"b": v}), 0.0, np.arange(3.0)), TypeError, "scan: the o"),
    (lambda: wg.scan(lambda c, v: (c, np.ones(int(v))), 0.0, np.arange(3.0)), ValueError, "scan: the outputs .* shape"),
    (lambda: wg.fori_loop(0, 2.5, lambda i, c: c, 0.0), TypeError, "fori_loop: upper .* 2.5"),
    (lambda: wg.fori_loop("a", 2, lambda i, c: c, 0.0), TypeError, "fori_loop: lower"),
    (lambda: wg.cond(np.ones(2), lambda: 1, lambda: 2), TypeError, "cond: .* where"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_refusals_name_the_function(case):
    call, kind, text = REFUSED[case]
    with pytest.raises(kind, match=text):
        call()
