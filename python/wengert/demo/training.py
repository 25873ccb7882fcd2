"""Training with stochastic gradient descent, wengert and the hand-written step side by side on the same batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.demo import by_hand, models
from wengert.demo.digits import Digits
from wengert.demo.models import Params

ValueAndGrad = Callable[[Params, np.ndarray, np.ndarray], tuple[Any, Params]]


@dataclass(frozen=True)
class Task:
    """One network of the demo: how it starts, what it computes, and what it has to reach."""

    name: str
    init: Callable[[np.random.Generator], Params]
    logits: Callable[..., Any]
    loss: Callable[..., Any]
    by_hand: ValueAndGrad
    learning_rate: float
    epochs: int
    required_accuracy: float


TASKS = (
    Task("MLP", models.mlp_init, models.mlp_logits, models.mlp_loss, by_hand.mlp_value_and_grad, 0.1, 20, 0.95),
    Task("RNN", models.rnn_init, models.rnn_logits, models.rnn_loss, by_hand.rnn_value_and_grad, 0.05, 30, 0.90),
)


@dataclass
class Run:
    """What training produced: the loss and the seconds of every step, by wengert and by hand."""

    task: Task
    params: Params
    params_by_hand: Params
    accuracy: float = 0.0
    losses: list[float] = field(default_factory=list)
    losses_by_hand: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    seconds_by_hand: list[float] = field(default_factory=list)

    @property
    def step_time(self) -> float:
        """Median seconds of a wengert step."""
        return float(np.median(self.seconds))

    @property
    def step_time_by_hand(self) -> float:
        """Median seconds of a hand-written step."""
        return float(np.median(self.seconds_by_hand))

    @property
    def largest_difference(self) -> float:
        """Largest difference between the two sets of parameters, which saw the same batches."""
        return max(float(np.abs(self.params[k] - self.params_by_hand[k]).max()) for k in self.params)


class Momentum:
    """One training step: value and gradient, then a heavy-ball update of `params` in place."""

    def __init__(self, value_and_grad: ValueAndGrad, params: Params, learning_rate: float, momentum: float = 0.9):
        self.value_and_grad = value_and_grad
        self.params = params
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.velocity = {name: np.zeros_like(p) for name, p in params.items()}

    def step(self, images: np.ndarray, labels: np.ndarray) -> float:
        """Updates the parameters on one batch and returns the loss before the update."""
        loss, grads = self.value_and_grad(self.params, images, labels)
        for name, velocity in self.velocity.items():
            velocity *= self.momentum
            velocity += grads[name]
            self.params[name] -= self.learning_rate * velocity
        return float(loss)


def batches(rng: np.random.Generator, count: int, size: int) -> Iterator[np.ndarray]:
    """Indices of one epoch: a random order cut into batches, the last one possibly short."""
    order = rng.permutation(count)
    for start in range(0, count, size):
        yield order[start : start + size]


def accuracy(task: Task, params: Params, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images whose largest logit is at their label."""
    return float(np.mean(np.argmax(np.asarray(task.logits(params, images)), axis=1) == labels))


def train(
    task: Task,
    digits: Digits,
    value_and_grad: ValueAndGrad,
    epochs: int,
    seed: int,
    batch: int = 64,
    progress: Callable[[Run, int], None] = lambda run, epoch: None,
) -> Run:
    """Trains two copies of `task` on the same batches: one by `value_and_grad`, one by the hand-written step.

    The two steps are timed in turn, first one then the other leading, so that both meet the same machine.
    """
    rng = np.random.default_rng(seed)
    params = task.init(rng)
    run = Run(task, params, {name: p.copy() for name, p in params.items()})
    ours = Momentum(value_and_grad, run.params, task.learning_rate)
    theirs = Momentum(task.by_hand, run.params_by_hand, task.learning_rate)
    contestants = [(ours, run.losses, run.seconds), (theirs, run.losses_by_hand, run.seconds_by_hand)]
    for epoch in range(epochs):
        for indices in batches(rng, len(digits.train_labels), batch):
            images, labels = digits.train_images[indices], digits.train_labels[indices]
            for optimizer, losses, seconds in contestants:
                start = time.perf_counter()
                loss = optimizer.step(images, labels)
                seconds.append(time.perf_counter() - start)
                losses.append(loss)
            contestants.reverse()
        run.accuracy = accuracy(task, run.params, digits.test_images, digits.test_labels)
        progress(run, epoch)
    return run
