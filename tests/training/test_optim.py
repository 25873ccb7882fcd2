"""The optimisers, against the update rules of PyTorch written out in NumPy, and inside a training loop."""

import numpy as np
import pytest
import wengert as wg
from wengert.optim import SGD, Adam, Optimizer

START = np.array([[3.0, -2.0, 0.5], [1.0, 0.25, -4.0]])
SCALE = np.array([[1.0, 0.5, 2.0], [0.1, 3.0, 0.7]])


def run(optimizer_type, steps, **settings):
    """Parameter after `steps` of minimising sum(SCALE * p**4 / 4), whose gradient is SCALE * p**3."""
    p = wg.array(START, requires_grad=True)
    optimizer = optimizer_type([p], **settings)
    for _ in range(steps):
        optimizer.zero_grad()
        (wg.array(SCALE) * p * p * p * p / 4.0).sum().backward()
        optimizer.step()
    return np.asarray(p.detach())


def sgd_by_hand(steps, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    p, v = START.copy(), None
    for _ in range(steps):
        d = SCALE * p**3 + weight_decay * p
        if momentum:
            v = d.copy() if v is None else momentum * v + (1 - dampening) * d
            d = d + momentum * v if nesterov else v
        p -= lr * d
    return p


def adam_by_hand(steps, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    p, m, s = START.copy(), 0.0, 0.0
    for t in range(1, steps + 1):
        d = SCALE * p**3 + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * d
        s = betas[1] * s + (1 - betas[1]) * d**2
        p -= lr * (m / (1 - betas[0] ** t)) / (np.sqrt(s / (1 - betas[1] ** t)) + eps)
    return p


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.01},
        {"lr": 0.01, "weight_decay": 0.1},
        {"lr": 0.01, "momentum": 0.9},
        {"lr": 0.01, "momentum": 0.9, "dampening": 0.3},
        {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
    ],
    ids=lambda s: "-".join(s),
)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_sgd(settings, steps):
    np.testing.assert_allclose(run(SGD, steps, **settings), sgd_by_hand(steps, **settings), rtol=1e-13)


@pytest.mark.parametrize("settings", [{"lr": 0.1}, {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.1, "eps": 1e-3}])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_adam(settings, steps):
    np.testing.assert_allclose(run(Adam, steps, **settings), adam_by_hand(steps, **settings), rtol=1e-12)


def test_step_keeps_the_parameter_a_leaf():
    p = wg.array([1.0, 2.0], requires_grad=True)
    optimizer = SGD([p], lr=0.5, momentum=0.9)
    for _ in range(3):
        (p * p).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert p.requires_grad
    assert p.grad is None
    (p * p).sum().backward()
    np.testing.assert_allclose(np.asarray(p.grad), 2 * np.asarray(p.detach()))


def test_without_zero_grad_gradients_add_up():
    p = wg.array([1.0], requires_grad=True)
    SGD([p], lr=0.0)
    for expected in (3.0, 6.0, 9.0):
        (3.0 * p).sum().backward()
        assert np.asarray(p.grad).tolist() == [expected]


def test_a_parameter_without_gradient_is_left_alone():
    used, unused = (wg.array([1.0, -1.0], requires_grad=True) for _ in range(2))
    optimizer = SGD([used, unused], lr=0.1, weight_decay=0.5)
    used.sum().backward()
    optimizer.step()
    np.testing.assert_allclose(np.asarray(used.detach()), [1.0 - 0.15, -1.0 - 0.05])
    assert np.asarray(unused.detach()).tolist() == [1.0, -1.0]


def test_an_optimizer_of_ones_own():
    class SignDescent(Optimizer):
        def update(self, p, grad, state):
            return self.lr * np.sign(np.asarray(grad))

    np.testing.assert_allclose(run(SignDescent, 2, lr=0.1), START - 0.2 * np.sign(START), rtol=1e-15)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: SGD([], lr=0.1), ValueError, "no parameters"),
        (lambda p: SGD([np.ones(2)], lr=0.1), TypeError, "requires_grad=True"),
        (lambda p: SGD([p, wg.array([1.0])], lr=0.1), TypeError, "parameter 1"),
        (lambda p: SGD([p], lr=-1.0), ValueError, "lr must not be negative"),
        (lambda p: SGD([p], lr=float("nan")), ValueError, "lr must not be negative, got nan"),
        (lambda p: SGD([p], lr=0.1, momentum=-0.5), ValueError, "momentum"),
        (lambda p: SGD([p], lr=0.1, nesterov=True), ValueError, "nesterov needs momentum"),
        (lambda p: Adam([p], betas=(0.9, 1.0)), ValueError, "betas"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(wg.array([1.0, 2.0], requires_grad=True))
