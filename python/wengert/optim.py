"""Optimisers for the PyTorch style: parameters are Arrays with `requires_grad`, gradients are found in `.grad`.

>>> import wengert as wg
>>> w = wg.array([3.0, -2.0], requires_grad=True)
>>> optimizer = wg.optim.SGD([w], lr=0.25)
>>> for _ in range(3):
...     optimizer.zero_grad()
...     loss = (w * w).sum()
...     loss.backward()
...     optimizer.step()
>>> w.tolist()
[0.375, -0.25]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import wengert as wg


class Optimizer:
    """What every optimiser does: hold the parameters, forget their gradients, update those that have one.

    A subclass says in `update` what one step does to one parameter; what it must remember between steps it keeps in
    the dict it is given, one for each parameter.
    """

    def __init__(self, params: Iterable[Any], lr: float) -> None:
        self.params: list[Any] = [params] if hasattr(params, "requires_grad") else list(params)
        self.lr = _positive("lr", lr)
        self.state: list[dict[str, Any]] = [{} for _ in self.params]
        if not self.params:
            raise ValueError(f"{type(self).__name__}: there are no parameters to optimise; pass a list of Arrays")
        for i, p in enumerate(self.params):
            if not getattr(p, "requires_grad", False):
                raise TypeError(
                    f"{type(self).__name__}: parameter {i} ({type(p).__name__}) does not require a gradient; "
                    "make it with wengert.array(..., requires_grad=True)"
                )

    def zero_grad(self) -> None:
        """Forgets the gradients, which `backward()` otherwise adds to."""
        for p in self.params:
            p.grad = None

    def step(self) -> None:
        """Updates every parameter that has a gradient, in place and unrecorded."""
        with wg.no_grad():
            for p, state in zip(self.params, self.state, strict=True):
                if p.grad is not None:
                    # `.grad` follows the parameter; what an optimiser remembers must not.
                    p -= self.update(p.detach(), p.grad.detach(), state)  # updates the Array itself

    def update(self, p: Any, grad: Any, state: dict[str, Any]) -> Any:
        """What to subtract from parameter `p`, whose gradient is `grad`."""
        raise NotImplementedError


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, in PyTorch's convention.

        d = grad + weight_decay * p
        v = momentum * v + (1 - dampening) * d        (v = d at the first step)
        p = p - lr * v                                (with nesterov: p - lr * (d + momentum * v))

    Raises ValueError for negative settings and for `nesterov` without momentum or with dampening.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr)
        self.momentum = _positive("momentum", momentum)
        self.weight_decay = _positive("weight_decay", weight_decay)
        self.dampening = dampening
        self.nesterov = nesterov
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs momentum > 0 and dampening = 0")

    def update(self, p: Any, grad: Any, state: dict[str, Any]) -> Any:
        """`lr` times the velocity."""
        d = grad + self.weight_decay * p if self.weight_decay else grad
        if not self.momentum:
            return self.lr * d
        v = self.momentum * state["velocity"] + (1.0 - self.dampening) * d if state else d
        state["velocity"] = v
        return self.lr * (d + self.momentum * v if self.nesterov else v)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015) with bias correction; `weight_decay` adds to the gradient, as in PyTorch."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr)
        self.betas = betas
        self.eps = _positive("eps", eps)
        self.weight_decay = _positive("weight_decay", weight_decay)
        if not all(0.0 <= beta < 1.0 for beta in betas):
            raise ValueError(f"Adam: betas must lie in [0, 1), got {betas}")

    def update(self, p: Any, grad: Any, state: dict[str, Any]) -> Any:
        """`lr` times the corrected mean over the root of the corrected mean square."""
        d = grad + self.weight_decay * p if self.weight_decay else grad
        beta1, beta2 = self.betas
        t = state["steps"] = state.get("steps", 0) + 1
        mean = state["mean"] = beta1 * state.get("mean", 0.0) + (1.0 - beta1) * d
        square = state["square"] = beta2 * state.get("square", 0.0) + (1.0 - beta2) * d * d
        root = (square / (1.0 - beta2**t)) ** 0.5 + self.eps
        return self.lr / (1.0 - beta1**t) * mean / root


def _positive(name: str, value: float) -> float:
    if not value >= 0.0:
        raise ValueError(f"{name} must not be negative, got {value}")
    return value
