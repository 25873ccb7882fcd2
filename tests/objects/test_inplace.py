"""x[i] = v, x += v and views: NumPy's meaning, exact derivatives, and no copy where nobody looks."""

import numpy as np
import pytest
import wengert as wg
import wengert.reference as wr
from wengert import _core

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


@pytest.fixture(params=[wg, wr], ids=["wengert", "reference"])
def engine(request):
    return request.param


INDICES = {
    "number": 1,
    "negative": -1,
    "pair": (1, 2),
    "slice": slice(0, 1),
    "steps": (slice(None), slice(None, None, 2)),
    "backwards": (slice(None, None, -1), slice(2, None, -2)),
    "column": (slice(None), 1),
    "ellipsis": (..., 0),
    "new axis": (None, 1),
    "empty slice": slice(2, 2),
    "all": slice(None),
    "integers": np.array([1, 0, 1]),
    "list": [0, 1],
    "pairs": (np.array([0, 1]), np.array([2, 0])),
    "mixed": (slice(None), np.array([2, 0])),
    "number and integers": (1, np.array([2, 0])),
    "mask": X > 0,
    "row mask": np.array([False, True]),
    "no true": np.zeros((2, 3), bool),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_reading_and_writing_mean_what_they_mean_to_numpy(engine, index):
    want = X[index]
    v = np.linspace(1.0, 2.0, want.size).reshape(want.shape)
    w = np.linspace(0.5, 1.5, X.size).reshape(X.shape)
    changed = X.copy()
    changed[index] = v
    np.testing.assert_array_equal(np.asarray(engine.array(X)[index]), want)

    def write(x, v):
        y = x * 1.0
        y[index] = v * 1.0
        return y

    np.testing.assert_array_equal(np.asarray(write(engine.array(X), engine.array(v))), changed)
    wg.check_grads(lambda x, v: _with_engine(write, x, v), (X, v), order=2)
    # A repeated position is written last by the last: only that value has a derivative.
    seen = np.zeros(X.shape)
    order = np.arange(1.0, want.size + 1).reshape(want.shape)
    seen[index] = order
    gx, gv = engine.vjp(write, X, v)[1](w)
    np.testing.assert_allclose(gx, np.where(seen > 0, 0.0, w))
    expected = np.where(np.isin(order, seen), 1.0, 0.0) * w[index]
    np.testing.assert_allclose(gv, expected)


def _with_engine(f, *args):
    return f(*args)


@pytest.mark.parametrize("index", [1, slice(0, 1), np.array([1, 0, 1]), (slice(None), [0, 2])], ids=str)
def test_adding_at_an_index(engine, index):
    """x[i] += v reads, adds and writes: repeated positions count once, as in NumPy."""

    def f(x, v):
        y = x * 1.0
        y[index] += v
        return y

    want = X.copy()
    want[index] += 2.5
    np.testing.assert_array_equal(np.asarray(f(engine.array(X), engine.array(2.5))), want)
    wg.check_grads(lambda x, v: f(x, v), (X, 2.5))
    np.testing.assert_allclose(
        engine.grad(lambda v: np.sum(f(X * engine.numpy.ones_like(X), v) * X))(0.5), np.sum(X[_positions_once(index)])
    )


def _positions_once(index):
    hit = np.zeros(X.shape, bool)
    hit[index] = True
    return hit


@pytest.mark.parametrize(
    ("operator", "other"),
    [("__iadd__", 2.0), ("__isub__", X[0]), ("__imul__", X), ("__itruediv__", 4.0)],
)
def test_augmented_assignment(operator, other):
    def f(x):
        y = np.sin(x)
        z = y
        z = getattr(z, operator)(other)
        return z * y  # the same object: both names see the change

    plain = X.copy()
    plain = np.sin(plain)
    getattr(plain, operator)(other)
    np.testing.assert_allclose(np.asarray(f(wg.array(X))), plain * plain)
    wg.check_grads(f, (X,))


def test_augmented_assignment_keeps_shape_and_type():
    a = wg.array(np.ones(3, np.float32))
    a += 1.5
    a *= np.float64(2)
    assert a.dtype == np.float32
    np.testing.assert_array_equal(a, np.full(3, 5.0))
    with pytest.raises(ValueError, match=r"\(3,\).*\(2, 3\)"):
        a += np.ones((2, 3))
    n = wg.array(np.arange(3))
    with pytest.raises(TypeError, match="int64"):
        n += 0.5
    with pytest.raises(TypeError, match="int64"):
        n /= 2
    np.testing.assert_array_equal(n, [0, 1, 2])
    n[1] = 7.9  # NumPy truncates
    np.testing.assert_array_equal(n, [0, 7, 2])


def test_copies_of_leaves_may_be_written():
    for copy in (lambda w: w.copy(), lambda w: +w, lambda w: w.astype(float), lambda w: wg.array(w)):
        w = wg.array([1.0, 2.0, 3.0], requires_grad=True)
        y = copy(w)
        y[0] = 5.0
        y += 1.0
        (y * y).sum().backward()
        np.testing.assert_array_equal(w.grad, [0.0, 6.0, 8.0])
        np.testing.assert_array_equal(w.detach(), [1.0, 2.0, 3.0])


def views_of(w):
    return [w[1:], w.reshape(3, 1), w.T, w[::-1][1:], w.reshape(1, 3).T[1:]]


def test_views_of_leaves_are_not_written_while_recording():
    for i in range(5):
        w = wg.array([1.0, 2.0, 3.0], requires_grad=True)
        view = views_of(w)[i]
        before = np.asarray(view.detach())
        with pytest.raises(RuntimeError, match=r"view.*no_grad"):
            view[0] = 5.0
        with pytest.raises(RuntimeError, match=r"view.*no_grad"):
            view += 1.0
        np.testing.assert_array_equal(view.detach(), before)
        np.testing.assert_array_equal(w.detach(), [1.0, 2.0, 3.0])
        (w * w).sum().backward()
        np.testing.assert_array_equal(w.grad, [2.0, 4.0, 6.0])


def test_leaves_stay_leaves_when_written_through_views_without_recording():
    for i in range(5):
        w = wg.array([1.0, 2.0, 3.0], requires_grad=True)
        plain = np.array([1.0, 2.0, 3.0])
        with wg.no_grad():
            for x in (w, plain):
                view = views_of(x)[i]
                view += 1.0
                view[0] = 7.0
                x[1:2] *= 2.0
        np.testing.assert_array_equal(w.detach(), plain)
        assert w.requires_grad
        (w * w).sum().backward()
        np.testing.assert_array_equal(w.grad, 2 * plain)


def test_plus_makes_a_copy(engine):
    a = engine.array(X)
    b = +a
    b[0] = 9.0
    b += 1.0
    np.testing.assert_array_equal(np.asarray(a), X)


# ---- views ----------------------------------------------------------------------------------------------------------


def test_writing_through_a_view_changes_its_base(engine):
    for x in (engine.array(X), X.copy()):
        view = x[1]
        deeper = view[::2]
        deeper[0] = 9.0
        view[1] = 8.0
        np.testing.assert_array_equal(np.asarray(x)[1], [9.0, 8.0, -0.75])
        x[1, 2] = 7.0
        np.testing.assert_array_equal(np.asarray(deeper), [9.0, 7.0])
        flat = x.reshape(6)
        flat[0] = 5.0
        assert float(np.asarray(x)[0, 0]) == 5.0
        x.T[2, 0] = 4.0
        assert float(np.asarray(x)[0, 2]) == 4.0


def test_copies_are_not_views(engine):
    x = engine.array(X)
    for other in (x.copy(), x[[0, 1]], x * 1.0, x[X > 0]):
        other[...] = 0.0
    np.testing.assert_array_equal(np.asarray(x), X)
    y = x.copy()
    x[0] = 1.0
    np.testing.assert_array_equal(np.asarray(y), X)


def test_views_carry_derivatives_both_ways(engine):
    def f(x):
        base = engine.numpy.zeros((2, 3))
        row = base[0]
        row[:] = x * x
        base[1] = row * 2.0
        row += x
        base.T[0] *= 3.0
        return np.sum(base * X)

    def by_hand(x):
        first = x * x + x
        rows = np.stack([first, 2 * x * x])
        rows[:, 0] *= 3.0
        return np.sum(rows * X)

    x = np.array([0.3, -0.7, 1.1])
    np.testing.assert_allclose(np.asarray(f(engine.array(x))), by_hand(x))
    np.testing.assert_allclose(engine.grad(f)(x), wg.numerical_gradient(by_hand_of_arrays(by_hand))(x), rtol=1e-8)
    np.testing.assert_allclose(engine.jvp(f, (x,), (np.ones(3),))[1], np.sum(engine.grad(f)(x)))


def by_hand_of_arrays(f):
    return lambda x: float(f(np.asarray(x)))


def test_overlapping_copies_within_one_array(engine):
    x = np.arange(6.0)
    want = x.copy()
    want[1:] = want[:-1]
    y = engine.array(x)
    y[1:] = y[:-1]
    np.testing.assert_array_equal(np.asarray(y), want)
    want[::-1] = want.copy()
    y[::-1] = y
    np.testing.assert_array_equal(np.asarray(y), want)
    y[:] = y[::-1]
    np.testing.assert_array_equal(np.asarray(y), want[::-1])

    def shift(x):
        z = x * 1.0
        z[1:] = z[:-1]
        return z

    np.testing.assert_array_equal(engine.jacrev(shift)(x), np.eye(6, k=-1) + np.diag([1.0, 0, 0, 0, 0, 0]))


def test_a_function_cannot_change_its_callers_array(engine):
    mine = engine.array(X)

    def f(x):
        x[0] = 0.0
        x += 1.0
        return np.sum(x * x)

    engine.grad(f)(mine)
    engine.jvp(f, (mine,), (mine,))
    np.testing.assert_array_equal(np.asarray(mine), X)


def test_a_value_written_twice(engine):
    def f(x):
        y = engine.numpy.zeros(3)
        y[0] = x[0] * 100.0
        y[0] = x[1] * 2.0
        y[1:] = y[0]
        return np.sum(y)

    np.testing.assert_allclose(engine.grad(f)(np.array([1.0, 2.0])), [0.0, 6.0])


def test_a_constant_array_becomes_active_when_written_to(engine):
    table = engine.array(np.zeros(3))

    def f(x):
        local = table.copy()
        local[1] = x * x
        return np.sum(local) + local[0]

    assert float(engine.grad(f)(3.0)) == 6.0
    np.testing.assert_array_equal(np.asarray(table), np.zeros(3))


def test_old_values_stay_what_they_were(engine):
    """The tape keeps what an operation saw, whatever is written later."""

    def f(x):
        y = x * 1.0
        s = np.sum(y * y)
        y[:] = 0.0
        return s + np.sum(np.exp(y))

    np.testing.assert_allclose(engine.grad(f)(X), 2 * X)

    def g(x):
        y = np.exp(x)  # keeps its result
        z = y
        z *= 3.0
        return np.sum(z)

    np.testing.assert_allclose(engine.grad(g)(X), 3 * np.exp(X))


def test_writing_into_the_numpy_view_is_refused():
    a = wg.array(X)
    view = np.asarray(a)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1.0
    copy = a.numpy()
    copy[0] = 1.0
    np.testing.assert_array_equal(a, X)


def test_a_numpy_view_does_not_change_under_its_reader():
    a = wg.array(np.arange(100.0))
    view = np.asarray(a)
    before = view.copy()
    a[3] = 77.0
    a += 1.0
    np.testing.assert_array_equal(view, before)


@pytest.mark.parametrize(
    ("index", "value", "kind"),
    [
        (2, 1.0, IndexError),
        ((0, 5), 1.0, IndexError),
        ((0, 0, 0), 1.0, IndexError),
        ("a", 1.0, (IndexError, TypeError)),
        (1.0, 1.0, (IndexError, TypeError)),
        ([0.5], 1.0, (IndexError, TypeError)),
        (np.array([True, False, True]), 1.0, IndexError),
        (slice(None, None, 0), 1.0, ValueError),
        ((..., ...), 1.0, IndexError),
        (0, np.ones(2), ValueError),
        (np.array([5]), 1.0, IndexError),
        (0, "text", (TypeError, ValueError)),
        (0, None, TypeError),
    ],
)
def test_bad_indices_and_values_leave_the_array_as_it_was(index, value, kind):
    a = wg.array(X)
    with pytest.raises(kind):
        a[index] = value
    if not isinstance(index, int) or index > 1:
        with pytest.raises(kind):
            a[index]
    np.testing.assert_array_equal(a, X)

    def f(x):
        y = x * 1.0
        with pytest.raises(kind):
            y[index] = value
        return np.sum(y * y)

    np.testing.assert_allclose(wg.grad(f)(X), 2 * X)
    assert _core.depth() == 0


def test_elements_cannot_be_deleted():
    a = wg.array(X)
    with pytest.raises(TypeError, match="delete"):
        del a[0]


def test_integer_arrays_do_not_swallow_derivatives():
    def f(x):
        counts = wg.array([0, 0])
        counts[0] = x
        return counts[0] * 1.0

    with pytest.raises(TypeError, match="int64"):
        wg.grad(f)(1.5)
