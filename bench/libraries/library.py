"""What a library that is compared has to do: take derivatives of a workload, with the names the workload needs."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.case import LEARNING_RATE, Case

NAMES = ("sin", "cos", "tanh", "exp", "log", "sqrt", "sum", "stack", "reshape")


class Library:
    """Derivatives by one library. `xp` holds the functions a workload calls; inputs pass through `array` first."""

    xp: SimpleNamespace
    scans = False  # loops are given to its `scan`
    accuracy = 0.0  # what the library itself states or is known for, where it is less than the arrays' precision

    def array(self, x: Any) -> Any:
        """The library's own kind of array."""
        return x

    def numpy(self, result: Any) -> Any:
        """A result with its arrays turned into NumPy's."""
        if isinstance(result, tuple | list):
            return [self.numpy(part) for part in result]
        return np.asarray(result)

    def wait(self, result: Any) -> Any:
        """The result, computed: for libraries that are lazy or asynchronous."""
        return result

    def gradient(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        """Value and gradients by the first `wrt` arguments."""
        raise NotImplementedError

    def jacobian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        """The dense Jacobian by the first argument."""
        raise NotImplementedError

    def hessian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        """The dense Hessian by the first argument."""
        raise NotImplementedError

    def update(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        """Arguments after a step of gradient descent, updated in place where the library allows it."""
        gradient = self.gradient(f, wrt)

        def step(*args: Any) -> Any:
            _, grads = gradient(*args)
            for p, g in zip(args, grads, strict=False):
                p -= LEARNING_RATE * g
            return args[:wrt]

        return step

    def prepare(self, case: Case, inputs: tuple[Any, ...]) -> Callable[[], Any]:
        """A call without arguments that computes `case` once."""
        objective = case.scanned if self.scans else case.objective
        if objective is None:
            raise NotImplementedError(f"{case.name} has no loop to be scanned")
        arrays, counts = split(inputs)
        derivative = getattr(self, case.what)(lambda *args: objective(self.xp, *args, *counts), case.wrt)
        args = tuple(self.array(x) for x in arrays)
        return lambda: self.wait(derivative(*args))


def split(inputs: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """The inputs without, and only, the Python ints: those count loops and are no data."""
    return tuple(x for x in inputs if type(x) is not int), tuple(x for x in inputs if type(x) is int)


def mean_cross_entropy(log_softmax: Callable[..., Any], mean: Callable[..., Any]) -> Callable[..., Any]:
    """The loss of a classifier, of the functions of a library that indexes as NumPy does."""

    def cross_entropy(logits: Any, labels: Any) -> Any:
        return -mean(log_softmax(logits)[np.arange(len(labels)), labels])

    return cross_entropy
