"""Bodies of loops and branches that change what they are given, in every spelling: plain, compiled and replayed."""

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp


def add(c, v):
    c += v
    return c, c


def set_item(c, v):
    c[0] = c[0] * v[0] + 1.0
    return c, c[0]


def give_row_back(c, v):
    v += c
    return v, v


def change_row(c, v):
    v *= 2.0
    return c + v, v


def view_of_carry(c, v):
    y = c[:1]
    c *= v
    return c, y


def multiply(c, v):
    return c.__imul__(v + 1.0), c * 1.0


def two_names(c, v):
    d = c
    d -= v
    return c, (d, c)


def ufunc_out(c, v):
    c[...] = c * c + v
    return c, {"a": c, "b": v}


STEPS = [add, set_item, give_row_back, change_row, view_of_carry, multiply, two_names, ufunc_out]


def by_hand(step, c, xs, reverse):
    """The same in plain NumPy, everything copied everywhere."""
    c, ys = c.copy(), []
    for v in xs[::-1] if reverse else xs:
        c, y = step(c.copy(), v.copy())
        c = np.array(c)
        ys.append([np.array(x) for x in (y.values() if isinstance(y, dict) else y if isinstance(y, tuple) else [y])])
    return [c, *(np.stack(column) for column in zip(*(ys[::-1] if reverse else ys), strict=True))]


def flat(result):
    c, y = result
    return [np.asarray(x) for x in (c, *(y.values() if isinstance(y, dict) else y if isinstance(y, tuple) else [y]))]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("make", [np.array, wg.array], ids=["ndarray", "Array"])
@pytest.mark.parametrize("step", STEPS, ids=lambda f: f.__name__)
def test_scan_is_what_copies_everywhere_give(step, make, reverse):
    c0, x0 = np.array([0.5, -1.5]), np.arange(8.0).reshape(4, 2) / 4
    want = by_hand(step, c0, x0, reverse)

    def f(c, x):
        return wg.scan(step, c, x, reverse=reverse)

    compiled = wg.compile(f)
    for run in (f, compiled, compiled, compiled, lambda c, x: wg.scan(step, c, x, reverse=reverse, checkpoint=2)):
        init, xs = make(c0), make(x0)
        for got, expected in zip(flat(run(init, xs)), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-14)
        np.testing.assert_array_equal(np.asarray(init), c0)
        np.testing.assert_array_equal(np.asarray(xs), x0)


@pytest.mark.parametrize("checkpoint", [None, 1, 2, "sqrt", "log"])
@pytest.mark.parametrize("step", STEPS, ids=lambda f: f.__name__)
def test_derivatives_of_scans_that_change_their_carry(step, checkpoint):
    c0, x0 = np.array([0.5, -1.5]), np.arange(8.0).reshape(4, 2) / 4 + 0.1

    def loss(c, x):
        last, ys = wg.scan(step, c, x, checkpoint=checkpoint)
        ys = ys.values() if isinstance(ys, dict) else ys if isinstance(ys, tuple) else [ys]
        return wnp.sum(last * last) + sum(wnp.sum(wnp.sin(y)) for y in ys)

    def plain(c, x):  # step by step on copies, as a loop of one's own
        total = 0.0
        for t in range(4):
            c, ys = step(c.copy(), x[t].copy())
            ys = ys.values() if isinstance(ys, dict) else ys if isinstance(ys, tuple) else [ys]
            total = total + sum(wnp.sum(wnp.sin(y)) for y in ys)
            c = c.copy()
        return wnp.sum(c * c) + total

    want = wg.grad(plain, (0, 1))(c0, x0)
    g = wg.grad(loss, (0, 1))
    compiled = wg.compile(g)
    for run in (g, compiled, compiled, wg.jacfwd(loss, (0, 1))):
        for got, expected in zip(run(c0, x0), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_the_rows_of_a_carry_that_is_returned_twice_are_two_values():
    def step(c, _):
        a, b = c
        a += 1.0
        return (b, b), a * b

    one = np.ones(2)
    for init in ((one, one), (wg.array(one), wg.array(one))):

        def f(init):
            return wg.scan(step, init, None, length=3)

        plain, compiled = f(init), wg.compile(f)(init)
        np.testing.assert_array_equal(np.asarray(plain[1]), [[2.0, 2.0]] * 3)
        np.testing.assert_array_equal(np.asarray(compiled[1]), np.asarray(plain[1]))
        np.testing.assert_array_equal(np.asarray(init[0]), one)


@pytest.mark.parametrize("make", [np.array, wg.array], ids=["ndarray", "Array"])
def test_captured_arrays_are_left_alone(make):
    w = make([1.0, 2.0])

    def step(c, _):
        c += 1.0
        return w, c

    last, ys = wg.scan(step, make([0.0, 0.0]), None, length=3)
    np.testing.assert_array_equal(np.asarray(ys), [[1, 1], [2, 3], [2, 3]])
    last += 1.0
    np.testing.assert_array_equal(np.asarray(w), [1.0, 2.0])


@pytest.mark.parametrize("make", [np.array, wg.array], ids=["ndarray", "Array"])
def test_a_buffer_that_is_filled_and_returned_as_output(make):
    buffer = make([0.0, 0.0])

    def step(c, v):
        buffer[0] = c
        return c + v, buffer

    _, ys = wg.scan(step, 1.0, make([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(np.asarray(ys)[:, 0], [1.0, 2.0, 4.0])


def fill(i, c):
    c[i] = c[i - 1] * 2.0 + i
    return c


def in_trees(i, c):
    c["a"] += 1.0
    c["b"][0] -= c["a"]
    return c


@pytest.mark.parametrize("make", [np.array, wg.array], ids=["ndarray", "Array"])
def test_other_loops_leave_their_start_alone(make):
    def f(c):
        return wg.fori_loop(1, 4, fill, c)

    def g(c):
        return wg.while_loop(lambda c: c[0] < 10, lambda c: c.__imul__(2.0), c)

    for h, want in ((f, [1.0, 3.0, 8.0, 19.0]), (g, [16.0] * 4)):
        compiled = wg.compile(h)
        for run in (h, compiled, compiled):
            init = make(np.ones(4))
            np.testing.assert_array_equal(np.asarray(run(init)), want)
            np.testing.assert_array_equal(np.asarray(init), np.ones(4))


@pytest.mark.parametrize("make", [np.array, wg.array], ids=["ndarray", "Array"])
def test_trees_of_carries(make):
    def f(a, b):
        return wg.fori_loop(0, 3, in_trees, {"a": a, "b": [b]})

    compiled = wg.compile(f)
    for run in (f, compiled, compiled):
        a, b = make([0.0, 1.0]), make([0.0, 0.0])
        got = run(a, b)
        np.testing.assert_array_equal(np.asarray(got["a"]), [3.0, 4.0])
        np.testing.assert_array_equal(np.asarray(got["b"][0]), [-6.0, -9.0])
        np.testing.assert_array_equal(np.asarray(a), [0.0, 1.0])
        np.testing.assert_array_equal(np.asarray(b), [0.0, 0.0])


@pytest.mark.parametrize("make", [np.array, wg.array], ids=["ndarray", "Array"])
def test_loops_without_a_step_return_values_of_their_own(make):
    for f in (
        lambda c: wg.fori_loop(3, 3, fill, c),
        lambda c: wg.fori_loop(5, 3, fill, c),
        lambda c: wg.while_loop(lambda c: c[0] > 10, lambda c: c, c),
        lambda c: wg.scan(add, c, np.zeros((0, 2)))[0],
    ):
        init = make([1.0, 2.0])
        got = f(init)
        got += 1.0
        np.testing.assert_array_equal(np.asarray(init), [1.0, 2.0])


def test_a_buffer_is_filled_in_constant_time_per_step():
    seen = []

    def step(i, c):
        seen.append(c.ctypes.data)
        c[i] = i
        return c

    wg.fori_loop(0, 20, step, np.zeros(1000))
    assert len(set(seen)) == 1  # one array all along


@pytest.mark.parametrize("make", [np.array, wg.array], ids=["ndarray", "Array"])
def test_branches_do_not_see_each_other(make):
    def up(v):
        v += 1.0
        return v

    def down(v):
        v *= 3.0
        return v - 1.0

    def f(x):
        return wg.cond(wnp.sum(x) > 0, up, down, x)

    compiled, g = wg.compile(f), wg.grad(lambda x: wnp.sum(f(x)))
    for run in (f, compiled, compiled):
        for sign, want in ((1.0, 2.0), (-1.0, -4.0)):
            x = make([sign, sign])
            np.testing.assert_array_equal(np.asarray(run(x)), [want, want])
            np.testing.assert_array_equal(np.asarray(x), [sign, sign])
    for run in (g, wg.compile(g)):
        np.testing.assert_array_equal(np.asarray(run(make([1.0, 1.0]))), [1.0, 1.0])
        np.testing.assert_array_equal(np.asarray(run(make([-1.0, -1.0]))), [3.0, 3.0])


def test_arrays_that_require_gradients():
    w = wg.array([1.0, 2.0], requires_grad=True)
    last, ys = wg.scan(add, w, np.ones((3, 2)))
    (wnp.sum(last) + wnp.sum(ys)).backward()
    np.testing.assert_array_equal(np.asarray(w.grad), [4.0, 4.0])
    np.testing.assert_array_equal(np.asarray(w.detach()), [1.0, 2.0])
