"""Transforms of wengert.reference: nesting, trees, types, in-place code, PyTorch style, recording."""

import math
import threading

import numpy as np
import pytest
import wengert.reference as wr

wnp = wr.numpy
rng = np.random.default_rng(3)

# -- nesting -----------------------------------------------------------------------------------------------------------


def test_perturbation_confusion_classics():
    """d/dx [x · d/dy (x + y)] at x = 1 is 1, whichever modes are nested."""

    def derivative(mode):
        if mode == "rev":
            return lambda f, x: wr.grad(f)(x)
        return lambda f, x: wr.jvp(f, (x,), (1.0,))[1]

    for outer in map(derivative, ("fwd", "rev")):
        for inner in map(derivative, ("fwd", "rev")):
            assert float(outer(lambda x: x * inner(lambda y: x + y, 1.0), 1.0)) == 1.0  # noqa: B023
            # Siskind and Pearlmutter: d/dx [x · d/dy (x·y)] at (3, 2) is 2x = 6
            assert float(outer(lambda x: x * inner(lambda y: x * y, 2.0), 3.0)) == 6.0  # noqa: B023


def test_amazing_bug_of_returned_closures():
    """Manzyuk et al.: the derivative of a function-valued function must not mix its own levels."""

    def shift(u):
        return lambda g: lambda x: g(x + u)

    def d(f):
        return lambda x: wr.jvp(f, (x,), (1.0,))[1]

    def shifted_derivative(g):
        return lambda x: d(lambda u: shift(u)(g)(x))(0.0)

    third = shifted_derivative(shifted_derivative(wnp.exp))(1.0)
    assert float(third) == pytest.approx(math.e, rel=1e-14)


def test_all_orders_of_sine():
    f, expected = wnp.sin, [math.sin, math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x)]
    for order in range(6):
        assert float(f(0.7)) == pytest.approx(expected[order % 4](0.7), abs=1e-13)
        previous = f
        f = wr.grad(f) if order % 2 else lambda x, g=previous: wr.jvp(g, (x,), (1.0,))[1]


def test_hessian_in_every_combination_of_modes():
    a = rng.normal(size=(3, 3))

    def f(x):
        return wnp.logsumexp(wnp.tanh(a @ x) * x) + wnp.prod(x)

    x = rng.normal(size=3)
    combinations = [one(two(f)) for one in (wr.jacfwd, wr.jacrev) for two in (wr.jacfwd, wr.jacrev)]
    results = [h(x) for h in [*combinations, wr.hessian(f), wr.jacobian(wr.jacobian(f))]]
    for h in results:
        np.testing.assert_allclose(h, results[0], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(results[0], results[0].T, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(results[0], wr.numerical_gradient(wr.grad(f))(x), rtol=1e-6, atol=1e-8)
    v = rng.normal(size=3)
    np.testing.assert_allclose(wr.hvp(f, x, v), results[0] @ v, rtol=1e-12)
    hv = wr.grad(lambda x: wnp.sum(wr.grad(f)(x) * v))(x)  # reverse over reverse
    np.testing.assert_allclose(hv, results[0] @ v, rtol=1e-12)


def test_hessian_of_vector_function_has_output_shape_plus_input_shape_twice():
    x = rng.normal(size=3)
    h = wr.hessian(lambda x: wnp.stack([x[0] * x[1], x[2] ** 3]))(x)
    assert h.shape == (2, 3, 3)
    assert h[1, 2, 2] == pytest.approx(6 * x[2])
    assert wr.hessian(lambda x, y: x * y**2, argnums=(0, 1))(2.0, 3.0) == ((0.0, 6.0), (6.0, 4.0))


def test_transforms_of_pullback_and_pushforward():
    """A pullback is a program like any other."""
    _, pullback = wr.vjp(lambda x: x**3, 2.0)
    assert wr.grad(lambda g: pullback(g)[0])(1.0) == 12.0
    second = wr.jvp(lambda x: wr.vjp(lambda y: y**3, x)[1](1.0)[0], (2.0,), (1.0,))[1]
    assert float(second) == 12.0
    assert wr.grad(lambda x: wr.linearize(lambda y: y**3, x)[1](1.0))(2.0) == 12.0
    assert wr.grad(lambda x: wr.jacfwd(lambda y: wnp.sum(y**3))(x * wnp.ones(2))[0])(2.0) == 12.0


def test_value_from_outside_is_a_constant():
    assert wr.grad(lambda x: wr.stop_gradient(x) * x)(3.0) == 3.0
    assert wr.jvp(lambda x: wr.stop_gradient({"a": x})["a"] * x, (3.0,), (1.0,)) == (9.0, 3.0)
    assert wr.grad(lambda x: 5.0)(3.0) == 0.0


# -- types and trees ---------------------------------------------------------------------------------------------------


def test_what_goes_in_comes_out():
    assert type(wr.grad(lambda x: x * x)(3.0)) is float
    assert type(wr.grad(lambda x: x * x)(3)) is float
    assert type(wr.grad(lambda x: x * x)(np.float32(3))) is np.float32
    value, gradient = wr.value_and_grad(lambda x: wnp.sum(x * x))(np.ones(2, np.float32))
    assert type(value) is type(gradient) is np.ndarray
    assert value.dtype == gradient.dtype == np.float32
    assert isinstance(wr.grad(lambda x: wnp.sum(x * x))(wr.array([1.0, 2.0])), wr.Array)
    value, tangent = wr.jvp(lambda x: wnp.stack([x, x]), (1.0,), (2.0,))
    assert value.shape == tangent.shape == (2,)


def test_trees_of_arguments_and_results():
    params = {"w": np.ones((2, 3)), "b": [1.0, np.zeros(2)]}

    def f(p, x):
        return {"y": p["w"] @ x + p["b"][1] * p["b"][0]}

    x = np.array([1.0, 2.0, 3.0])
    g = wr.grad(lambda p: wnp.sum(f(p, x)["y"] ** 2))(params)
    assert g["w"].shape == (2, 3)
    assert g["b"][0] == 0.0
    np.testing.assert_array_equal(g["b"][1], [12.0, 12.0])
    _, pullback = wr.vjp(f, params, x)
    cotangents = pullback({"y": np.ones(2)})
    assert len(cotangents) == 2
    np.testing.assert_array_equal(cotangents[1], [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(wr.jvp(f, (params, x), (params, x))[1]["y"], [12.0, 12.0])
    jacobian = wr.jacobian(f)(params, x)
    assert jacobian["y"]["w"].shape == (2, 2, 3)
    assert wr.jacfwd(f, argnums=(0, 1))(params, x)["y"][0]["b"][1].shape == (2, 2)
    v = {"w": np.ones((2, 3)), "b": [2.0, np.ones(2)]}
    assert wr.hvp(lambda p: wnp.sum(f(p, x)["y"] ** 2), params, v)["w"].shape == (2, 3)


def test_argnums_aux_and_keywords():
    def f(x, n, *, scale=1.0):
        return scale * x**n, {"square": x * x, "note": n}

    (value, aux), gradient = wr.value_and_grad(f, has_aux=True)(3.0, 2, scale=10.0)
    assert (value, gradient, aux["note"], aux["square"]) == (90.0, 60.0, 2, 9.0)
    assert type(aux["square"]) is float
    assert wr.grad(f, has_aux=True)(3.0, 2)[0] == 6.0
    assert wr.grad(lambda x, y: x * y**2, argnums=-1)(2.0, 3.0) == 12.0
    assert wr.grad(lambda x, y: x * y**2, argnums=(1, 0))(2.0, 3.0) == (12.0, 9.0)


def test_jacobian_shapes_including_empty():
    x = rng.normal(size=(2, 3))
    for jacobian in (wr.jacfwd, wr.jacrev, wr.jacobian):
        assert jacobian(lambda x: x[0])(x).shape == (3, 2, 3)
        assert jacobian(lambda x: x.sum())(x).shape == (2, 3)
        assert jacobian(lambda x: x[:0])(x).shape == (0, 3, 2, 3)
        assert jacobian(lambda x: x.sum())(np.zeros((0, 3))).shape == (0, 3)
        assert jacobian(lambda x: x * 2)(3.0) == 2.0


# -- in-place code -----------------------------------------------------------------------------------------------------


def test_loop_that_fills_an_array():
    def f(x):
        h = wnp.zeros(4)
        for t in range(3):
            h[t + 1] = wnp.sin(h[t]) + x[t]
        h[1:3] *= 2
        h[h > 0.5] += x[0]
        return wnp.sum(h * h)

    x = np.array([0.3, -0.2, 0.9])
    np.testing.assert_allclose(wr.grad(f)(x), wr.numerical_gradient(f)(x), rtol=1e-8)
    np.testing.assert_allclose(wr.jacfwd(f)(x), wr.grad(f)(x), rtol=1e-13)
    np.testing.assert_allclose(wr.hessian(f)(x), wr.numerical_gradient(wr.grad(f))(x), rtol=1e-7, atol=1e-8)


def test_views_write_through_as_in_numpy():
    def program(np_like, x):
        a = np_like.array(x)
        row, column = a[0], a[:, 1]
        part = a[1:][0]
        row += 10
        column *= 3
        part[0] = -1
        a[0, 2] = 7
        a.T[0, 1] += 100
        a.reshape(-1)[5] = 0.5
        alias = a
        alias -= 1
        return [a, row, column, part]

    x = np.arange(6.0).reshape(2, 3)
    for got, want in zip(program(wnp, x), program(np, x), strict=True):
        np.testing.assert_array_equal(got, want)


def test_caller_keeps_his_array_and_the_closure_its_own():
    x, w = np.array([1.0, 2.0]), np.array([3.0, 4.0])

    def f(x):
        x += 1
        return wnp.sum(x * x * w)

    _, pullback = wr.vjp(f, x)
    np.testing.assert_array_equal(x, [1.0, 2.0])
    before = pullback(1.0)[0]
    x[:], w[:] = 99.0, -99.0
    np.testing.assert_array_equal(pullback(1.0)[0], before)


def test_repeated_indices_in_assignment_keep_the_last():
    def f(v):
        x = wnp.zeros(3)
        x[[0, 1, 0]] = v
        return wnp.sum(x * np.array([1.0, 10.0, 100.0]))

    np.testing.assert_array_equal(wr.grad(f)(np.ones(3)), [0.0, 10.0, 1.0])
    np.testing.assert_array_equal(wr.jacfwd(f)(np.ones(3)), [0.0, 10.0, 1.0])


# -- unmodified NumPy code ---------------------------------------------------------------------------------------------


def test_plain_numpy_functions_are_followed():
    w = rng.normal(size=(3, 3))

    def f(x, xp):
        h = xp.tanh(w @ x + np.ones(3))
        y = xp.concatenate([h, xp.where(x > 0, x, 0.0)]) / 2.0
        return xp.sum(xp.maximum(y, 0.1) ** 2) + xp.mean(np.float64(2.0) * y) + xp.linalg.norm(x) + xp.dot(x, x)

    x = rng.normal(size=3)
    np.testing.assert_array_equal(wr.grad(f)(x, np), wr.grad(f)(x, wnp))
    with pytest.raises(TypeError, match=r"numpy\.fft\.fft|numpy\.fft has no|fft has no derivative rule"):
        wr.grad(lambda x: np.fft.fft(x))(x)
    with pytest.raises(TypeError, match="cannot write a traced result into a NumPy array"):
        wr.grad(lambda x: np.add(np.zeros(3), x, out=np.zeros(3)).sum())(x)


def test_assigning_into_a_numpy_array_is_an_error_not_a_lost_derivative():
    def f(x):
        h = np.zeros(2)
        h[0] = x * 2
        return h.sum()

    with pytest.raises((TypeError, ValueError)) as caught:
        wr.grad(f)(1.0)
    error = caught.value
    assert "derivative would be lost" in str(error) or "derivative would be lost" in str(error.__cause__)


def test_numbers_do_not_leave_with_a_derivative():
    for ask in (
        float,
        complex,
        math.sin,
        np.float64,
        np.asarray,
        "%f".__mod__,
        lambda x: x.item(),
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: (h := np.zeros(2)).fill(x) or h,
    ):
        for d in (wr.grad, lambda f: lambda x: wr.jvp(f, (x,), (1.0,)), wr.jacrev):
            with pytest.raises((TypeError, ValueError)) as caught:
                d(lambda x: x * ask(x))(1.0)  # noqa: B023
            text = str(caught.value) + str(caught.value.__cause__)
            assert "derivative would be lost" in text
            assert "test_reference.py" in text
    assert wr.grad(lambda x: x * x.detach().item() + float(wr.stop_gradient(x)))(3.0) == 3.0
    seen = []

    def f(x):
        seen.append((bool(x), int(x), math.floor(x), math.ceil(x), math.trunc(x), round(x), f"{x:.1f}", str(x), x > 2))
        return round(x, 1) + 2.0 * x

    assert wr.grad(f)(2.5) == 2.0
    assert seen[0][:8] == (True, 2, 2, 3, 2, 2, "2.5", "2.5")
    assert seen[0][8]


def test_numbers_of_an_array_that_requires_gradients():
    w = wr.array(2.0, requires_grad=True)
    loss = w * w
    assert loss.item() == 4.0
    assert f"{loss:.1f}" == "4.0"
    with pytest.warns(UserWarning, match=r"requires gradients.*item\(\)"):
        float(loss)
    with wr.no_grad():
        float(loss)
    loss.backward()
    assert float(loss) == 4.0
    assert float(w.grad) == 4.0
    with pytest.raises(TypeError, match="derivative would be lost"):
        np.asarray(w * w)


# -- PyTorch style -----------------------------------------------------------------------------------------------------


def test_backward_accumulates_and_forgets():
    x = wr.array([1.0, 2.0], requires_grad=True)
    y = wnp.sum(x * x)
    y.backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()
    z = wnp.exp(x)
    z.backward(np.array([1.0, 0.0]), retain_graph=True)
    z.backward(np.array([0.0, 1.0]))
    np.testing.assert_allclose(x.grad.numpy(), [2.0 + math.e, 4.0 + math.exp(2)])
    x.grad = None
    assert x.grad is None
    assert not x.detach().requires_grad
    with wr.no_grad():
        assert not (x * 2).requires_grad
    with pytest.raises(RuntimeError, match="no_grad"):
        x[0] = 1.0
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not depend"):
        wr.array(1.0).backward()
    with pytest.raises(TypeError, match="floating-point"):
        wr.array([1, 2], requires_grad=True)


def test_training_loop_with_sgd():
    features = rng.normal(size=(20, 3))
    targets = features @ np.array([1.0, -2.0, 0.5])
    w = wr.array(np.zeros(3), requires_grad=True)
    optimizer = wr.optim.SGD([w], lr=0.1, momentum=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        loss = wnp.mean((features @ w - targets) ** 2)
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), [1.0, -2.0, 0.5], atol=1e-6)
    assert w.requires_grad


def test_long_chain_does_not_recurse():
    x = wr.array(1.0, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    y.backward()
    assert float(x.grad) == 1.0
    del y


def test_grad_inside_of_a_requires_grad_program():
    x = wr.array(2.0, requires_grad=True)
    slope = wr.grad(lambda y: y**3 * x)(x)
    slope.backward()
    assert float(x.grad) == 3 * 3 * 4.0  # d/dx [3x² · x]


def test_threads_do_not_disturb_each_other():
    results = {}

    def work(n):
        with wr.no_grad():
            results[n] = [wr.grad(lambda x: x**n)(1.0) for _ in range(50)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2, 6)]
    for thread in threads:
        thread.start()
    x = wr.array(1.0, requires_grad=True)
    assert (x * 2).requires_grad
    for thread in threads:
        thread.join()
    assert all(set(values) == {float(n)} for n, values in results.items())
