"""check_grads and numerical_gradient at every size of arguments and values accept what is right and nothing else."""

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from wengert import _core

X = np.array([0.4, 0.7, 1.2])
M = np.array([[1.0, 2.0, -1.0], [0.5, -1.0, 2.0], [3.0, 0.1, 0.2]])
SIZES = {1e-9: (1e-9, 1.0, 1e9), 1e-3: (1.0,), 1.0: (1e-9, 1e9), 1e6: (1.0,), 1e9: (1e-9, 1e9)}  # and of values


def softmax_sum(x):
    e = wnp.exp(x - wnp.max(x))
    return wnp.sum(e / wnp.sum(e))


# Value and slope, elementwise; and others, of which only the value is needed.
RULES = {
    "sin": (wnp.sin, wnp.cos),
    "log": (wnp.log, lambda x: 1 / x),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "identity": (lambda x: x * 1.0, wnp.ones_like),
    "offset": (lambda x: x + 1.0, wnp.ones_like),
    "inverse": (lambda x: 1 / x, lambda x: -1 / (x * x)),
    "exp": (wnp.exp, wnp.exp),
    "polynomial": (lambda x: x**5 - 2 * x**2, lambda x: 5 * x**4 - 4 * x),
}
OTHERS = {
    "sum of squares": lambda x: wnp.sum(x * x),
    "sqrt": wnp.sqrt,
    "norm": lambda x: wnp.sqrt(wnp.sum(x * x)),
    "layer": lambda x: wnp.tanh(M @ x),
    "softmax": softmax_sum,  # constant
    "std": wnp.std,
    "product": lambda x: x[0] * x[1] * x[2],
    "logsumexp": lambda x: wnp.log(wnp.sum(wnp.exp(x))),
    "constant": lambda x: x * 0.0 + 3.0,
}
SATURATED = {"exp", "sin", "layer", "softmax", "logsumexp"}  # for arguments that are not of their own size


def forms(name, size):
    """The function of x / size, and where it makes sense of x itself."""
    return ["scaled"] if name in SATURATED and size > 1 else ["scaled", "as it is"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*RULES, *OTHERS])
def test_what_is_right_is_accepted_at_every_size(name, size):
    g = RULES[name][0] if name in RULES else OTHERS[name]
    for form in forms(name, size):
        unit = size if form == "scaled" else 1.0
        for factor in SIZES[size]:
            wg.check_grads(lambda x, u=unit, c=factor: c * g(x / u), (X * size,))


def with_slope(value, slope):
    @wg.custom_vjp
    def f(x):
        return value(x)

    f.defvjp(lambda x: (value(x), x), lambda x, g: (g * slope(x),))
    return f


def in_mode(kind, right, wrong):
    def f(x):
        level = _core.top_level([x]) if isinstance(x, wg.Array) else None
        return (wrong if level is not None and {"dual": level.forward, "reverse": level.reverse}[kind] else right)(x)

    return f


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", RULES)
def test_planted_faults_are_found_at_every_size(name, size):
    value, slope = RULES[name]
    for form in forms(name, size):
        unit = size if form == "scaled" else 1.0
        for factor in SIZES[size]:

            def f(x, c=factor, u=unit):
                return c * value(x / u)

            right = with_slope(f, lambda x, c=factor, u=unit: c / u * slope(x / u))
            wrong = with_slope(f, lambda x, c=factor, u=unit: 1.01 * c / u * slope(x / u))
            for modes in ("fwd", "rev"):
                wg.check_grads(right, (X * size,), order=1, modes=modes)
                with pytest.raises(AssertionError, match="check_grads"):
                    wg.check_grads(wrong, (X * size,), order=1, modes=modes)
            for kind in ("dual", "reverse"):
                with pytest.raises(AssertionError, match="check_grads"):
                    wg.check_grads(in_mode(kind, right, wrong), (X * size,), order=1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [n for n in RULES if n not in ("identity", "offset")])
def test_planted_faults_of_second_order(name, size):
    value, slope = RULES[name]

    def wrong_slope(x):
        c = slope(x / size) / size
        return wg.stop_gradient(c) + 1.01 * (c - wg.stop_gradient(c))

    wrong = with_slope(lambda x: value(x / size), wrong_slope)
    wg.check_grads(wrong, (X * size,), order=1)
    with pytest.raises(AssertionError, match="check_grads"):
        wg.check_grads(wrong, (X * size,))


def test_a_fault_in_the_small_leaf_beside_a_large_one():
    wrong = with_slope(lambda x: 1e-9 * wnp.sin(x), lambda x: 1.01e-9 * wnp.cos(x))
    for order in (1, 2):
        wg.check_grads(lambda x: {"a": 1e9 * x, "b": 1e-9 * wnp.sin(x)}, (X,), order=order)
    with pytest.raises(AssertionError, match="check_grads"):
        wg.check_grads(lambda x: {"a": 1e9 * x, "b": wrong(x)}, (X,), order=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steep_functions(dtype):
    x = X.astype(dtype)
    for k in (10.0, 100.0) if dtype == np.float32 else (10.0, 1e3, 1e6):
        wg.check_grads(lambda x, k=k: wnp.sin(k * x), (x,), order=1)
        wrong = with_slope(lambda x, k=k: wnp.sin(k * x), lambda x, k=k: 1.01 * k * wnp.cos(k * x))
        with pytest.raises(AssertionError, match="check_grads"):
            wg.check_grads(wrong, (x,), order=1)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("name", ["sin", "square", "inverse", "log", "identity"])
def test_float32_at_every_size(name, size):
    value, slope = RULES[name]
    u = np.float32(size)
    right = with_slope(lambda x: value(x / u), lambda x: slope(x / u) / u)
    wrong = with_slope(lambda x: value(x / u), lambda x: np.float32(1.05) * slope(x / u) / u)
    wg.check_grads(right, ((X * size).astype(np.float32),))
    with pytest.raises(AssertionError, match="check_grads"):
        wg.check_grads(wrong, ((X * size).astype(np.float32),), order=1)


def test_functions_that_raise_outside_of_their_domain():
    def f(x):
        if np.any(np.asarray(wg.stop_gradient(x)) <= 0):
            raise ValueError("negative")
        return wnp.log(x)

    wg.check_grads(f, (X * 1e-9,), order=1)
    with pytest.raises(ValueError, match="negative"):
        wg.check_grads(f, (-X,), order=1)


BAD_CALLS = [
    (lambda: wg.check_grads(wnp.sin, X), TypeError, r"check_grads: args must be a tuple .* check_grads\(f, \(x,\)\)"),
    (lambda: wg.check_grads(wnp.sin, 0.5), TypeError, "check_grads: args"),
    (lambda: wg.check_grads(wnp.sin, wg.array(X)), TypeError, "check_grads: args"),
    (lambda: wg.check_grads(lambda p: p["a"], {"a": X}), TypeError, "check_grads: args"),
    (lambda: wg.check_grads(wnp.sin, (X,), modes="forward"), ValueError, "check_grads: modes"),
    (lambda: wg.check_grads(wnp.sin, (X,), modes=()), ValueError, "check_grads: modes"),
    (lambda: wg.numerical_gradient(lambda x: x * x)(X), TypeError, "numerical_gradient: .* scalar"),
    (lambda: wg.numerical_gradient(lambda x: (x, x))(2.0), TypeError, "numerical_gradient: .* scalar"),
    (lambda: wg.numerical_gradient(lambda x: "text")(2.0), TypeError, "numerical_gradient: .* scalar"),
    (lambda: wg.numerical_gradient(lambda x: x)(np.arange(3)), TypeError, "numerical_gradient: .* int64"),
]


@pytest.mark.parametrize("case", range(len(BAD_CALLS)))
def test_wrong_calls_are_named(case):
    call, kind, text = BAD_CALLS[case]
    with pytest.raises(kind, match=text):
        call()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", RULES)
def test_numerical_gradient_at_every_size(name, size):
    value, slope = RULES[name]
    for form in forms(name, size):
        unit = size if form == "scaled" else 1.0
        for factor in SIZES[size]:
            got = wg.numerical_gradient(lambda x, u=unit, c=factor: c * wnp.sum(value(x / u)))(X * size)
            want = factor / unit * np.asarray(slope(X * size / unit))
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9 * np.abs(want).max())


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_numerical_gradient_in_float32(size):
    x = (X * size).astype(np.float32)
    got = wg.numerical_gradient(lambda x: wnp.sum(wnp.sin(x / np.float32(size))))(x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, np.cos(X) / size, rtol=1e-3)
