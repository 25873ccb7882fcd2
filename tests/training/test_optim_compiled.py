"""A whole training step as one program: every optimiser, dropout by a key, a schedule, clipping, donated arrays."""

import doctest

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from wengert import optim
from wengert import random as R
from wengert.optim import SGD, Adam, Optimizer


class Signs(Optimizer):
    """One of the user's own, without a state."""

    def __init__(self, params=None, lr=0.01):
        super().__init__(params, lr)

    def update(self, p, grad, state):
        return self.lr * wnp.sign(grad)


RULES = {
    "sgd": (SGD, {"lr": 0.05}),
    "sgd-decay": (SGD, {"lr": 0.05, "weight_decay": 0.1}),
    "momentum": (SGD, {"lr": 0.05, "momentum": 0.9}),
    "dampened": (SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    "nesterov": (SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
    "adam": (Adam, {"lr": 0.05}),
    "adam-decay": (Adam, {"lr": 0.05, "betas": (0.5, 0.9), "weight_decay": 0.1, "eps": 1e-3}),
    "own": (Signs, {"lr": 0.01}),
}
STEPS = 6
RNG = np.random.default_rng(3)
START = {"w": RNG.normal(size=(4, 5)), "b": RNG.normal(size=5), "last": [RNG.normal(size=(5, 2))]}
BATCHES = [(RNG.normal(size=(8, 4)), RNG.normal(size=(8, 2))) for _ in range(STEPS)]


def params_of(dtype):
    return {
        "w": wg.array(START["w"].astype(dtype)),
        "b": wg.array(START["b"].astype(dtype)),
        "last": [wg.array(START["last"][0].astype(dtype))],
    }


def loss(params, key, x, y):
    h = R.dropout(key, wnp.tanh(x @ params["w"] + params["b"]), 0.25)
    return wnp.mean((h @ params["last"][0] - y) ** 2)


def leaves(tree):
    from wengert._internals.tree import tree_flatten

    return [np.asarray(x) for x in tree_flatten(tree)[0]]


def training_step(rule, clip=None, schedule=None):
    def step(params, state, key, x, y):
        key, sub = R.split(key)
        value, grads = wg.value_and_grad(loss)(params, sub, x, y)
        if clip is not None:
            grads = optim.clip_by_global_norm(grads, clip)
        rate = None if schedule is None else schedule(state["steps"])
        params, state = rule.apply(params, grads, state, lr=rate)
        return params, state, key, value

    return step


def run(step, rule, dtype=np.float64):
    params = params_of(dtype)
    state, key = rule.init(params), R.key(5)
    losses = []
    for x, y in BATCHES:
        params, state, key, value = step(params, state, key, wg.array(x.astype(dtype)), wg.array(y.astype(dtype)))
        losses.append(float(value))
    return params, state, losses


def assert_trees_equal(got, want, rtol):
    for g, w in zip(leaves(got), leaves(want), strict=True):
        assert (g.shape, g.dtype) == (w.shape, w.dtype)
        np.testing.assert_allclose(g, w, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("donate", [(), (0, 1, 2)], ids=["kept", "donated"])
@pytest.mark.parametrize("name", RULES)
def test_one_program_equals_eager_steps(name, donate, dtype):
    kind, settings = RULES[name]
    rule = kind(**settings)
    step = training_step(rule)
    compiled = wg.compile(step, donate_argnums=donate)
    got, want = run(compiled, rule, dtype), run(step, rule, dtype)
    for g, w in zip(got, want, strict=True):
        assert_trees_equal(g, w, 200 * np.finfo(dtype).eps)
    assert compiled.why() == ["first call"]
    assert compiled.stats()["replays"] == STEPS - 1
    assert int(got[1]["steps"]) == STEPS
    assert all(x.dtype == dtype for x in leaves(got[0]))


@pytest.mark.parametrize("name", RULES)
def test_init_and_apply_equal_the_pytorch_style(name):
    kind, settings = RULES[name]
    params, _, losses = run(training_step(kind(**settings)), kind(**settings))
    w, b, last = (wg.array(x, requires_grad=True) for x in (START["w"], START["b"], START["last"][0]))
    optimizer = kind([w, b, last], **settings)
    key = R.key(5)
    for (x, y), expected in zip(BATCHES, losses, strict=True):
        key, sub = R.split(key)
        optimizer.zero_grad()
        value = loss({"w": w, "b": b, "last": [last]}, sub, x, y)
        value.backward()
        optimizer.step()
        assert value.item() == pytest.approx(expected, rel=1e-12)
    assert_trees_equal({"w": w.detach(), "b": b.detach(), "last": [last.detach()]}, params, 1e-13)


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_schedule_and_clipping_in_one_program(name):
    kind, settings = RULES[name]
    rule = kind(**settings)

    def schedule(steps):  # warm up over three steps, then decay
        return 0.1 * wnp.minimum((steps + 1) / 3, 0.5 ** (steps / 4))

    step = training_step(rule, clip=0.5, schedule=schedule)
    compiled = wg.compile(step, donate_argnums=(0, 1, 2))
    for dtype in (np.float64, np.float32):
        got, want = run(compiled, rule, dtype), run(step, rule, dtype)
        for g, w in zip(got, want, strict=True):
            assert_trees_equal(g, w, 200 * np.finfo(dtype).eps)
    assert compiled.stats()["recordings"] == 2
    assert rule.lr == settings["lr"]
    plain = run(training_step(rule), rule)
    assert not np.allclose(leaves(plain[0])[0], leaves(run(compiled, rule)[0])[0])


def test_many_steps_in_one_program():
    """The loop over batches too: a scan that carries parameters, state and key."""
    rule = Adam(lr=0.05)
    step = training_step(rule)
    xs, ys = (np.stack([batch[i] for batch in BATCHES]) for i in (0, 1))

    def train(params, state, key, xs, ys):
        def body(carry, batch):
            *carry, value = step(*carry, *batch)
            return tuple(carry), value

        return wg.scan(body, (params, state, key), (xs, ys))

    params = params_of(np.float64)
    compiled = wg.compile(train)
    for _ in range(2):
        (got, state, _), losses = compiled(params, rule.init(params), R.key(5), wg.array(xs), wg.array(ys))
        want = run(step, rule)
        assert_trees_equal(got, want[0], 1e-12)
        np.testing.assert_allclose(np.asarray(losses), want[2], rtol=1e-12)
        assert int(state["steps"]) == STEPS
    assert compiled.why() == ["first call"]


def test_donated_state_stays_where_it_is():
    rule = Adam(lr=0.1)
    step = wg.compile(lambda p, s, g: rule.apply(p, g, s), donate_argnums=(0, 1))
    params = wg.array(np.ones(1000))
    state = rule.init(params)
    step(params, state, wg.array(np.ones(1000)))
    after, new = step(params, state, wg.array(np.ones(1000)))
    assert after is params
    assert new["slots"][0]["mean"] is state["slots"][0]["mean"]
    assert new["slots"][0]["square"] is state["slots"][0]["square"]


def test_clip_by_global_norm():
    grads = {"a": wg.array([3.0, 0.0]), "b": [wg.array(np.array([[4.0]], np.float32))]}
    clipped = optim.clip_by_global_norm(grads, 2.5)
    assert clipped["a"].tolist() == [1.5, 0.0]
    assert clipped["b"][0].tolist() == [[2.0]]
    assert clipped["b"][0].dtype == np.float32
    assert leaves(optim.clip_by_global_norm(grads, 100.0))[0].tolist() == [3.0, 0.0]
    zeros = optim.clip_by_global_norm([wg.array([0.0])], 1.0)
    assert zeros[0].tolist() == [0.0]
    with pytest.raises(ValueError, match="max_norm must not be negative"):
        optim.clip_by_global_norm(grads, -1.0)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: Adam(lr=0.1).step(), ValueError, "Adam: it holds no parameters; use init and apply"),
        (
            lambda: SGD().apply([np.ones(2)], (np.ones(2),), SGD().init([np.ones(2)])),
            ValueError,
            "the gradients must form the tree of the parameters",
        ),
        (lambda: SGD().apply([np.ones(2)], [np.ones(2)], SGD().init([])), ValueError, "a state for 0"),
        (lambda: Adam(lr=-1.0), ValueError, "lr must not be negative"),
    ],
)
def test_errors(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_examples():
    assert doctest.testmod(optim).failed == 0
