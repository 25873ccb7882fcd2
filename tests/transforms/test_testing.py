"""The checker is itself checked: it must accept what is right and reject every planted fault."""

import numpy as np
import pytest
import wengert as wg
from wengert import _core

X = np.array([0.4, -0.7, 1.2])
wnp = wg.numpy


def with_slope(value, slope):
    """A function with this value and, in both modes and all orders, this slope."""

    @wg.custom_vjp
    def f(x):
        return value(x)

    f.defvjp(lambda x: (value(x), x), lambda x, g: (g * slope(x),))
    return f


def mode_of(x):
    level = _core.top_level([x]) if isinstance(x, wg.Array) else None
    return ("reverse" if level.reverse else "dual") if level else None


def only_in(mode, right, wrong):
    """``wrong`` where x is differentiated by this mode, else ``right``; the values agree."""
    return lambda x: (wrong if mode_of(x) == mode else right)(x)


def rejected(f, *args, **options):
    with pytest.raises(AssertionError, match="check_grads") as error:
        wg.check_grads(f, args, **options)
    return str(error.value)


RIGHT = with_slope(wnp.sin, wnp.cos)


def test_accepts_a_right_custom_rule_to_third_order():
    wg.check_grads(RIGHT, (X,), order=3)


@pytest.mark.parametrize("factor", [1.001, 0.999, 1 + 1e-6])
def test_rejects_a_derivative_wrong_by_a_small_factor(factor):
    rejected(with_slope(wnp.sin, lambda x: factor * wnp.cos(x)), X, order=1)


def test_rejects_a_thousandth_in_float32_too():
    rejected(with_slope(wnp.sin, lambda x: 1.001 * wnp.cos(x)), X.astype(np.float32), order=1)


@pytest.mark.parametrize("x", [0.4, np.float32(0.4), np.array(0.4), np.array([0.4]), X])
@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_rejects_a_thousandth_of_numbers_of_any_size_and_rank(x, size):
    right = with_slope(lambda x: size * wnp.sin(x), lambda x: size * wnp.cos(x))
    wrong = with_slope(lambda x: size * wnp.sin(x), lambda x: 1.001 * size * wnp.cos(x))
    wg.check_grads(right, (x,))
    rejected(wrong, x, order=1)
    rejected(wrong, x, order=1, modes=("rev",))


def test_rejects_one_wrong_element_among_many():
    x = np.linspace(0.1, 1.0, 1000)
    one = np.where(np.arange(1000) == 123, 1.001, 1.0)
    message = rejected(with_slope(wnp.sin, lambda x: wnp.cos(x) * one), x, order=1)
    assert "element 123" in message


def test_rejects_a_wrong_sign():
    rejected(with_slope(wnp.sin, lambda x: -wnp.cos(x)), X, order=1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("modes", [("fwd",), ("rev",)])
def test_rejects_nan_and_infinity(bad, modes):
    # Added, not multiplied: a product with an exact zero cotangent would be zero.
    rejected(with_slope(wnp.sin, lambda x: wnp.cos(x) + np.array([0, 0, bad])), X, order=1, modes=modes)


def test_rejects_a_nan_value():
    rejected(lambda x: wnp.sqrt(x), X, order=1)


@pytest.mark.parametrize("modes", [("fwd",), ("rev",), ("fwd", "rev")])
def test_rejects_float32_accuracy_of_the_derivative(modes):
    narrow = with_slope(wnp.sin, lambda x: wnp.cos(x).astype(np.float32).astype(np.float64))
    rejected(narrow, X, order=1, modes=modes)


def test_rejects_float32_accuracy_of_the_value():
    rejected(lambda x: wnp.sin(x.astype(np.float32)).astype(np.float64), X, order=1)


@pytest.mark.parametrize(("mode", "name"), [("dual", "forward mode"), ("reverse", "reverse mode")])
def test_rejects_a_fault_in_one_mode_only(mode, name):
    wrong = with_slope(wnp.sin, lambda x: 1.001 * wnp.cos(x))
    message = rejected(only_in(mode, RIGHT, wrong), X, order=1)
    assert name in message


def test_a_fault_in_one_mode_passes_where_only_the_other_is_asked_for():
    wrong = with_slope(wnp.sin, lambda x: 1.001 * wnp.cos(x))
    wg.check_grads(only_in("reverse", RIGHT, wrong), (X,), order=1, modes=("fwd",))


@pytest.mark.parametrize("modes", [("fwd",), ("rev",), ("fwd", "rev")])
def test_rejects_a_wrong_second_order_only(modes):
    blind = with_slope(wnp.sin, lambda x: wnp.cos(wg.stop_gradient(x)))
    wg.check_grads(blind, (X,), order=1, modes=modes)
    message = rejected(blind, X, order=2, modes=modes)
    assert "of f" in message


def test_rejects_a_second_order_wrong_by_a_thousandth():
    def slope(x):
        c = wnp.cos(x)
        return wg.stop_gradient(c) + 1.001 * (c - wg.stop_gradient(c))

    almost = with_slope(wnp.sin, slope)
    wg.check_grads(almost, (X,), order=1)
    rejected(almost, X, order=2)


def test_rejects_a_missing_dependence():
    rejected(lambda x: x * wg.stop_gradient(x), X, order=1)
    rejected(lambda x: wg.stop_gradient(x), X, order=1)


def test_rejects_a_value_that_differs_under_differentiation():
    rejected(lambda x: x * (1.0 if mode_of(x) is None else 2.0), X, order=1)


def test_rejects_a_fault_in_one_leaf_of_a_tree():
    wrong = with_slope(wnp.sin, lambda x: 1.001 * wnp.cos(x))
    tree = {"a": X, "b": (X + 1, 0.5)}
    wg.check_grads(lambda t: RIGHT(t["a"]) * t["b"][0] + t["b"][1], (tree,))
    rejected(lambda t: wrong(t["a"]) * t["b"][0] + t["b"][1], tree, order=1)


@pytest.mark.parametrize("x", [2.0, 2, np.float32(2), np.array([1.5, 2.0]), np.zeros((0,)), wg.array([1.0, 3.0])])
def test_accepts_every_family_of_argument(x):
    wg.check_grads(lambda x: x * x * 3.0, (x,))


def test_accepts_functions_that_are_steep_or_strongly_curved():
    wg.check_grads(lambda x: 1 / x, (np.array([0.3, 0.5]),))
    wg.check_grads(lambda x: wnp.exp(5 * x), (np.array([0.3, 0.5]),))
    wg.check_grads(lambda x: 1e6 * wnp.sin(x), (X,))


def test_given_tolerances_are_used():
    wrong = with_slope(wnp.sin, lambda x: 1.001 * wnp.cos(x))
    wg.check_grads(wrong, (X,), order=1, atol=1e-2)
    wg.check_grads(wrong, (X,), order=1, rtol=1e-2)
    rejected(wrong, X, order=1, atol=1e-5)


def test_unknown_mode():
    with pytest.raises(ValueError, match="'fwd' or 'rev'"):
        wg.check_grads(wnp.sin, (X,), modes=("forward",))


def test_integer_arrays_are_named():
    with pytest.raises(TypeError, match="dtype int64"):
        wg.check_grads(lambda x: x * 1.0, (np.arange(3),))


# ---- numerical_gradient ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        (2.0, float),
        (2, float),
        (np.float32(2), np.float32),
        (np.array([2.0, 3.0]), np.ndarray),
        (wg.array([2.0]), wg.Array),
    ],
)
def test_numerical_gradient_gives_what_it_was_given(x, kind):
    g = wg.numerical_gradient(lambda x: wnp.sum(x * x * x))(x)
    assert type(g) is kind
    narrow = getattr(x, "dtype", None) == np.float32
    np.testing.assert_allclose(np.asarray(g), 3 * np.asarray(x, float) ** 2, rtol=1e-3 if narrow else 1e-8)


def test_numerical_gradient_of_trees_and_several_arguments():
    def f(p, s, scale=1.0):
        return scale * wnp.sum(p["w"] * s + p["b"] ** 2)

    p = {"w": np.array([1.0, 2.0]), "b": 0.5}
    g, s = wg.numerical_gradient(f, argnums=(0, 1))(p, 3.0, scale=2.0)
    np.testing.assert_allclose(g["w"], [6.0, 6.0], rtol=1e-8)
    np.testing.assert_allclose([g["b"], s], [4.0, 6.0], rtol=1e-8)
    np.testing.assert_array_equal(p["w"], [1.0, 2.0])  # the arguments are left alone
    assert type(g["b"]) is float


def test_numerical_gradient_step():
    coarse = wg.numerical_gradient(lambda x: x**3, step=0.5)(1.0)
    assert coarse == pytest.approx(3.25)  # exact for a cubic: 3x**2 + h**2
