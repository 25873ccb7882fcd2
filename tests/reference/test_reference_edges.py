"""wengert.reference at the points where derivatives are a convention, and what it says when it is used wrongly."""

import math

import numpy as np
import pytest
import wengert.reference as wr

wnp = wr.numpy
INF, NAN = math.inf, math.nan


def slopes(f, x):
    """Reverse, forward, and linearized derivative of a function of one number; they must agree exactly."""
    rev = wr.grad(f)(x)
    fwd = wr.jvp(f, (x,), (1.0,))[1]
    lin = wr.linearize(f, x)[1](1.0)
    assert rev == fwd == lin, (rev, fwd, lin)
    return rev


def second(f, x):
    """Second derivative in all four nestings."""
    values = [
        wr.grad(wr.grad(f))(x),
        wr.jvp(wr.grad(f), (x,), (1.0,))[1],
        wr.grad(lambda y: wr.jvp(f, (y,), (1.0,))[1])(x),
        wr.jvp(lambda y: wr.jvp(f, (y,), (1.0,))[1], (x,), (1.0,))[1],
    ]
    assert len(set(values)) == 1, values
    return values[0]


TABLE = {
    "relu": (wnp.relu, 0.0, 0.0, 0.0),
    "abs": (abs, 0.0, 0.0, 0.0),
    "maximum with a constant": (lambda x: wnp.maximum(x, 0.0), 0.0, 0.0, 0.0),
    "constant first": (lambda x: wnp.maximum(0.0, x), 0.0, 0.0, 0.0),
    "minimum with a constant": (lambda x: wnp.minimum(x, 0.0), 0.0, 0.0, 0.0),
    "maximum with itself": (lambda x: wnp.maximum(x, x), 2.0, 1.0, 0.0),
    "minimum with a copy": (lambda x: wnp.minimum(x, 1.0 * x), 2.0, 1.0, 0.0),
    "clip at the limit": (lambda x: wnp.clip(x, 0.0, 1.0), 1.0, 0.0, 0.0),
    "clip inside": (lambda x: wnp.clip(x, 0.0, 1.0), 0.5, 1.0, 0.0),
    "where": (lambda x: wnp.where(x > 0, x, 0.0), 0.0, 0.0, 0.0),
    "max of equal entries": (lambda x: wnp.max(wnp.stack([x, 2 * x, 3 * x])), 0.0, 2.0, 0.0),
    "x**0": (lambda x: x**0, 0.0, 0.0, 0.0),
    "x**0.0 at 3": (lambda x: x**0.0, 3.0, 0.0, 0.0),
    "x**1": (lambda x: x**1, 0.0, 1.0, 0.0),
    "x**2": (lambda x: x**2, 0.0, 0.0, 2.0),
    "x**3 at a negative base": (lambda x: x**3, -2.0, 12.0, -12.0),
    "0**y": (lambda y: 0.0**y, 2.0, 0.0, 0.0),
    "sqrt in a branch not taken": (lambda x: wnp.where(x > 0, wnp.sqrt(x), 0.0), 0.0, 0.0, 0.0),
    "log in a branch not taken": (lambda x: wnp.where(x > 0, wnp.log(x), 0.0), -1.0, 0.0, 0.0),
    "NaN in a branch not taken": (lambda x: wnp.where(x > 0, x, wnp.sqrt(x - 5)), 1.0, 1.0, 0.0),
    "sqrt(x**2)": (lambda x: wnp.sqrt(x**2), 0.0, 0.0, None),
    "sqrt times 0": (lambda x: 0.0 * wnp.sqrt(x), 0.0, 0.0, 0.0),
    "sqrt": (wnp.sqrt, 0.0, INF, None),
    "norm": (lambda x: wnp.linalg.norm(wnp.stack([x, -x])), 0.0, 0.0, 0.0),
    "std": (lambda x: wnp.std(wnp.stack([x, x])), 1.0, 0.0, 0.0),
    "hypot": (lambda x: wnp.hypot(x, 0.0), 0.0, 0.0, 0.0),
    "arctan2": (lambda x: wnp.arctan2(x, 0.0), 0.0, 0.0, 0.0),
    "sinc": (wnp.sinc, 0.0, 0.0, -(math.pi**2) / 3),
    "logaddexp at a tie": (lambda x: wnp.logaddexp(x, 0.0), 0.0, 0.5, 0.25),
    "logaddexp with -inf": (lambda x: wnp.logaddexp(x, -INF), 0.0, 1.0, 0.0),
    "logsumexp with -inf": (lambda x: wnp.logsumexp(wnp.stack([x, x - INF])), 0.0, 1.0, 0.0),
    "floor": (lambda x: wnp.floor(x) * x, 2.5, 2.0, 0.0),
    "remainder": (lambda x: x % 2.0, 3.5, 1.0, 0.0),
}


@pytest.mark.parametrize("row", TABLE)
def test_conventions(row):
    f, x, first, curvature = TABLE[row]
    assert slopes(f, x) == pytest.approx(first)
    if curvature is not None:
        assert second(f, x) == pytest.approx(curvature)


def test_logsumexp_of_minus_infinity():
    x = np.array([-INF, -INF])
    assert wnp.logsumexp(x).item() == -INF
    np.testing.assert_array_equal(wr.grad(wnp.logsumexp)(x), [0.5, 0.5])  # as in logaddexp
    np.testing.assert_array_equal(wr.jacfwd(wnp.logsumexp)(x), [0.5, 0.5])


def test_ties_are_shared_evenly_in_reductions():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(wr.grad(lambda x: wnp.sum(wnp.max(x, axis=1)))(x), [[0, 0.5, 0.5], [1 / 3] * 3])
    np.testing.assert_array_equal(wr.grad(wnp.min)(x), [[1, 0, 0], [0, 0, 0]])
    assert wr.grad(wnp.maximum, argnums=(0, 1))(1.0, 1.0) == (0.5, 0.5)


def test_strong_zeros_in_products():
    """A row that nobody uses does not spread the NaN of the other factor."""
    a = np.array([[1.0, INF], [NAN, 2.0]])

    def f(x):
        y = a @ x
        return wnp.sum(wnp.where(np.isfinite(y.detach().numpy()), y, 0.0))

    np.testing.assert_array_equal(wr.grad(f)(np.ones(2)), [0.0, 0.0])
    np.testing.assert_array_equal(wr.grad(lambda x: (a @ x)[1] * 0.0 + x[0])(np.ones(2)), [1.0, 0.0])
    np.testing.assert_array_equal(wr.jvp(lambda x: a @ x, (np.ones(2),), (np.array([0.0, 1.0]),))[1], [INF, 2.0])


def test_zero_sized_and_scalar_arrays():
    x = np.zeros((0, 3))
    assert wr.grad(lambda x: wnp.sum(wnp.tanh(x) @ np.ones(3)))(x).shape == (0, 3)
    assert np.isnan(wnp.mean(np.zeros(0)).item())
    assert wr.grad(wnp.mean)(np.zeros(0)).shape == (0,)
    assert wr.grad(wnp.prod)(np.array([5.0])) == 1.0
    assert wr.grad(lambda x: wnp.sum(x))(np.array(2.0)).shape == ()


def test_integers_and_comparisons_carry_no_derivative():
    x = np.array([0.2, 1.7, 1.7])
    assert wnp.argmax(x).dtype == np.int64
    np.testing.assert_array_equal(wr.grad(lambda x: wnp.sum((x > 1) * x))(x), [0, 1, 1])
    np.testing.assert_array_equal(wr.grad(lambda x: x[wnp.argmax(x)])(x), [0, 1, 0])
    np.testing.assert_array_equal(wr.grad(lambda x: wnp.sum(x.astype(int) * x))(x), [0, 1, 1])
    labels = np.array([2, 0])
    g = wr.grad(lambda q: -wnp.sum(wnp.take_along_axis(q, labels[:, None], axis=1)))(np.zeros((2, 3)))
    np.testing.assert_array_equal(g, [[0, 0, -1], [-1, 0, 0]])


ERRORS = [
    (lambda: wr.grad(lambda x: x * 2)(np.ones(3)), TypeError, r"wengert\.grad: .*shape \(3,\).*jacobian"),
    (lambda: wr.grad(lambda x: x * 2)(np.ones(1)), TypeError, r"shape \(1,\)"),
    (lambda: wr.grad(wnp.sum)(np.arange(3)), TypeError, r"argument 0 has dtype int64.*astype\(float\)"),
    (
        lambda: wr.grad(lambda x, p: x, argnums=1)(1.0, {"a": 1.0, "n": np.array([1, 2])}),
        TypeError,
        r"argument 1 \(leaf 1\)",
    ),
    (lambda: wr.grad(wnp.sum)(True), TypeError, r"argument 0 is a bool"),
    (lambda: wr.grad(wnp.sum)("text"), TypeError, r"argument 0 is a str"),
    (lambda: wr.grad(wnp.sum)(np.ones(2, complex)), TypeError, r"complex"),
    (lambda: wr.grad(wnp.sum, argnums=2)(1.0), ValueError, r"argnums=2.*1 positional"),
    (lambda: wr.grad(lambda x: (x, x))(1.0), TypeError, r"must return one number.*jacobian"),
    (lambda: wr.grad(lambda x: x, has_aux=True)(1.0), TypeError, r"has_aux=True.*pair"),
    (lambda: wr.grad(lambda x: wnp.argmax(x))(np.ones(3)), TypeError, r"dtype int64, which has no derivative"),
    (lambda: wr.vjp(wnp.sin, np.ones(3))[1](np.ones(2)), ValueError, r"cotangent has shape \(2,\).*\(3,\)"),
    (lambda: wr.vjp(lambda x: {"a": x}, 1.0)[1](1.0), ValueError, r"cotangent must have the structure"),
    (lambda: wr.jvp(wnp.sin, (np.ones(3),), (np.ones(2),)), ValueError, r"tangent has shape \(2,\).*\(3,\)"),
    (lambda: wr.jvp(wnp.sin, (1.0,), (1.0, 2.0)), ValueError, r"1 primal\(s\) but 2 tangent\(s\)"),
    (lambda: wr.jvp(wnp.sin, 1.0, 1.0), TypeError, r"tuples"),
    (lambda: wr.elementwise_grad(wnp.sum)(np.ones(3)), TypeError, r"same shape.*jacobian"),
    (lambda: wnp.matmul(np.ones((2, 3)), np.ones((4, 5))), ValueError, r"matmul: shapes \(2, 3\) and \(4, 5\)"),
    (lambda: wnp.matmul(2.0, np.ones(3)), ValueError, r"use \* instead"),
    (lambda: wnp.reshape(np.ones(6), (4, 2)), ValueError, r"6 entries of shape \(6,\) do not fit into shape \(4, 2\)"),
    (lambda: wnp.split(np.ones(5), 2), ValueError, r"length 5 cannot be cut into 2"),
    (lambda: wnp.einsum("ij,jk->ik", np.ones((2, 2))), ValueError, r"one term for each operand"),
    (lambda: wr.apply("no such thing", 1.0), KeyError, r"no primitive is called"),
    (lambda: wr.grad(lambda x: np.ones(3)[x])(1.0), TypeError, r"derivative would be lost"),
    (lambda: wr.grad(lambda x: wnp.ones(3)[x])(1.0), IndexError, r"index must be integer or boolean, not float64"),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_error_messages_name_operation_shapes_and_repair(number):
    call, error, text = ERRORS[number]
    with pytest.raises(error, match=text):
        call()


def test_in_place_errors():
    x = wnp.zeros(3)
    with pytest.raises(ValueError, match=r"in-place add would change the shape \(3,\) to \(2, 3\)"):
        x += np.ones((2, 3))
    with pytest.raises(ValueError, match=r"shape \(2,\) to a region of shape \(3,\)"):
        x[:] = np.ones(2)
    n = wnp.array([1, 2])
    with pytest.raises(TypeError, match=r"in-place add gives float64.*int64"):
        n += 0.5
    with pytest.raises(TypeError, match="loses its derivative"):
        wr.grad(lambda t: wnp.sum(wr.numpy.zeros(2, int).__setitem__(0, t)))(1.0)


def test_nothing_is_left_behind_by_an_exception():
    def f(x):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wr.grad(lambda x: wr.jvp(f, (x,), (1.0,))[1])(1.0)
    with pytest.raises(ZeroDivisionError), wr.no_grad():
        f(1.0)
    assert wr.grad(wr.grad(lambda x: x**3))(2.0) == 12.0
    assert (wr.array(1.0, requires_grad=True) * 2).requires_grad
