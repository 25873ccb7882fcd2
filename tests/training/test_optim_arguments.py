"""What optimisers are given: shapes that do not fit, numbers of NumPy, parameters twice, gradients of any size."""

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from wengert.optim import SGD, Adam, clip_by_global_norm


def parameter(x):
    return wg.array(np.asarray(x, float), requires_grad=True)


SHAPES = [(0.0, np.ones(4)), (np.ones(4), 1.0), (np.ones(4), np.ones(1)), (np.ones(1), np.ones(4)),
          (np.ones((2, 2)), np.ones(2)),
          (np.ones((1, 4)), np.ones((4, 1)))]  # fmt: skip


RULES = {"sgd": SGD(lr=0.1), "momentum": SGD(lr=0.1, momentum=0.9), "adam": Adam(lr=0.1)}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize(("p", "g"), SHAPES)
def test_a_gradient_of_another_shape_is_refused(rule, p, g):
    for params, grads in ((p, g), ({"a": np.ones(2), "b": p}, {"a": np.ones(2), "b": g})):
        for apply in (rule.apply, wg.compile(rule.apply)):
            with pytest.raises(ValueError, match="its gradient"):
                apply(params, grads, rule.init(params))


@pytest.mark.parametrize(("p", "other"), [(np.ones(4), np.ones(1)), (np.ones(1), np.ones(4)), (1.0, np.ones(3))])
def test_a_state_of_another_shape_is_refused(p, other):
    for rule in (SGD(lr=0.1, momentum=0.9), Adam(lr=0.1)):
        with pytest.raises(ValueError, match="state"):
            rule.apply(p, p, rule.init(other))


def test_a_rate_of_another_shape_and_parameters_of_whole_numbers_are_refused():
    rule = SGD(lr=0.1)
    with pytest.raises(ValueError, match="rate"):
        rule.apply(np.ones(3), np.ones(3), rule.init(np.ones(3)), lr=np.ones((2, 3)))
    for use in (lambda: rule.init(np.arange(3)), lambda: rule.apply(np.arange(3), np.ones(3), rule.init(np.ones(3)))):
        with pytest.raises(TypeError, match="parameter 0 has the type int64"):
            use()
    after, _ = rule.apply({"b": 1}, {"b": 2}, rule.init({"b": 1}), lr=wg.array(0.5))  # a Python number is a float
    assert after["b"].item() == 0.0


NUMBERS = [float, np.float64, np.float32, np.array, lambda x: np.linspace(x, 1.0, 3)[0], wg.array]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_settings_are_numbers_without_a_type(number, dtype):
    rules = [
        SGD(lr=number(0.1)),
        SGD(lr=number(0.1), momentum=number(0.5), weight_decay=number(0.1), dampening=number(0.2)),
        SGD(lr=number(0.1), momentum=number(0.5), nesterov=True),
        Adam(lr=number(0.1), betas=(number(0.5), number(0.9)), eps=number(1e-3), weight_decay=number(0.1)),
        Adam(lr=number(0.1), betas=[number(0.5), number(0.9)]),
    ]
    start = np.array([1.0, -2.0], dtype)
    for rule in rules:
        settings = {k: v for k, v in vars(rule).items() if k not in ("params", "state")}
        plain = type(rule)(**{k: tuple(map(float, v)) if k == "betas" else float(v) for k, v in settings.items()})
        results = []
        for r in (rule, plain):
            for lr in (None, number(0.05)):
                p, s = start, r.init(start)
                step = wg.compile(r.apply)
                for apply in (r.apply, r.apply, step, step):
                    p, s = apply(p, p, s, lr=lr if lr is None or r is rule else float(lr))
                    assert p.dtype == dtype
                    assert {v.dtype for slot in s["slots"] for v in slot.values()} <= {np.dtype(dtype)}
                results.append(np.asarray(p))
            w = wg.array(start, requires_grad=True)
            o = type(r)([w], **{k: v for k, v in vars(r).items() if k not in ("params", "state")})
            for k in range(3):
                if k == 1:
                    o.lr = number(0.02) if r is rule else 0.02  # a schedule of one's own
                o.zero_grad()
                (w * w).sum().backward()
                o.step()
            assert w.dtype == dtype
            assert {v.dtype for k, v in o.state[0].items() if k != "steps"} <= {np.dtype(dtype)}
            results.append(np.asarray(w.detach()))
        for a, b in zip(results[:3], results[3:], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_one_parameter_given_twice():
    v, w = parameter([1.0]), parameter([2.0])
    for params in ([w, w], [w, v, w], (x for x in (w, w)), {"a": w, "b": [v, w]}):
        with pytest.raises(ValueError, match="are the same Array"):
            SGD(params, lr=0.1)
    SGD([v, w, parameter([1.0])], lr=0.1)


def test_parameters_in_a_tree():
    w = {"a": parameter([1.0, 2.0]), "b": [parameter(3.0)]}
    o = SGD(w, lr=0.5)
    (wnp.sum(w["a"]) * w["b"][0]).backward()
    o.step()
    np.testing.assert_array_equal(np.asarray(w["a"].detach()), [-0.5, 0.5])
    assert w["b"][0].item() == 1.5


def test_adam_wants_two_betas():
    for betas in ((0.9,), (0.9, 0.99, 0.999), (0.9, 1.0), (-0.1, 0.9)):
        with pytest.raises(ValueError, match="Adam: betas"):
            Adam(lr=0.1, betas=betas)


@pytest.mark.parametrize("power", [-320, -300, -200, -160, -30, -9, 0, 9, 30, 160, 200, 300, 307])
@pytest.mark.parametrize("limit", [1e-300, 1e-9, 1.0, 1e9, 1e300])
def test_clipping_at_every_scale(power, limit):
    direction = np.array([0.6, 0.8])
    g = direction * 10.0**power
    for clip in (clip_by_global_norm, wg.compile(lambda g, m=limit: clip_by_global_norm(g, m), static_argnums=(1,))):
        (got,) = clip([g], limit)
        want = g if 10.0**power <= limit * (1 + 1e-12) else direction * limit
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12 if power > -310 else 1e-3)


@pytest.mark.parametrize("power", [-44, -38, -30, -20, -5, 0, 5, 19, 20, 30, 37])
def test_clipping_of_float32_at_every_scale(power):
    g = (np.array([0.6, 0.8]) * 10.0**power).astype(np.float32)
    (got,) = clip_by_global_norm([g], 1.0)
    assert got.dtype == np.float32
    norm = np.linalg.norm(g.astype(float))
    np.testing.assert_allclose(np.asarray(got), g / max(norm, 1.0), rtol=1e-6)


def test_clipping_of_what_has_no_norm():
    assert np.asarray(clip_by_global_norm([np.full(2, 1.7e308)], 1.0)[0]) == pytest.approx([0.5**0.5] * 2)
    assert not np.isfinite(np.asarray(clip_by_global_norm([np.array([np.inf, 1.0])], 1.0)[0])).all()
    assert not np.isfinite(np.asarray(clip_by_global_norm([np.array([np.nan, 1.0])], 1.0)[0])).all()
    assert clip_by_global_norm([], 1.0) == []
    assert np.asarray(clip_by_global_norm([np.zeros(0)], 1.0)[0]).shape == (0,)
    np.testing.assert_array_equal(np.asarray(clip_by_global_norm([np.zeros(3)], 0.0)[0]), np.zeros(3))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9, 1e200])
def test_the_derivative_of_clipping(scale):
    weights = np.array([1.0, 2.0])
    x = np.array([3.0, 4.0]) * scale
    g = wg.grad(lambda x: wnp.sum(clip_by_global_norm([x], 1e-10)[0] * weights))(x)
    n, u = 5.0 * scale, np.array([0.6, 0.8])
    np.testing.assert_allclose(g, 1e-10 / n * (weights - u * (u @ weights)), rtol=1e-12)
    np.testing.assert_array_equal(
        wg.grad(lambda x: wnp.sum(clip_by_global_norm([x], 1.0)[0] * weights))(np.zeros(2)), weights
    )
