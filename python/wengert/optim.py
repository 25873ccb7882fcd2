"""Optimisers: one object, two ways to use it.

In the PyTorch style it holds the parameters, Arrays with `requires_grad`, and finds gradients in their `.grad`:

>>> import wengert as wg
>>> w = wg.array([3.0, -2.0], requires_grad=True)
>>> optimizer = wg.optim.SGD([w], lr=0.25)
>>> for _ in range(3):
...     optimizer.zero_grad()
...     loss = (w * w).sum()
...     loss.backward()
...     optimizer.step()
>>> w.detach().tolist()
[0.375, -0.25]

As a function it holds settings only: `init` makes a state, `apply` takes parameters, gradients and state and returns
new parameters and state, trees of arrays all. So a whole training step is one compiled program:

>>> rule = wg.optim.Adam(lr=0.1)
>>> @wg.compile(donate_argnums=(0, 1))
... def step(params, state, x):
...     loss, grads = wg.value_and_grad(lambda w: wg.numpy.sum((w * x) ** 2))(params)
...     return *rule.apply(params, grads, state), loss
>>> params = wg.array([3.0, -2.0])
>>> state = rule.init(params)
>>> for _ in range(3):
...     params, state, loss = step(params, state, wg.array([1.0, 2.0]))
>>> state["steps"].item(), step.why()
(3, ['first call'])
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import wengert as wg
import wengert.numpy as wnp

from . import hints
from .tree import tree_flatten, tree_unflatten


class Optimizer:
    """What every optimiser does: hold the parameters, forget their gradients, update those that have one.

    Without parameters (``Adam(lr=0.1)``) it is used through `init` and `apply`. A subclass says in `update` what one
    step does to one parameter; what it must remember between steps it keeps in the dict it is given, one for each
    parameter, and `slots` says what is in there before the first step.
    """

    def __init__(self, params: Iterable[Any] | None, lr: float) -> None:
        self.params: list[Any] = [params] if hasattr(params, "requires_grad") else list(params or ())
        self.lr: Any = _positive("lr", lr)
        self.state: list[dict[str, Any]] = [{} for _ in self.params]
        if params is not None and not self.params:
            raise ValueError(f"{type(self).__name__}: there are no parameters to optimise; pass a list of Arrays")
        for i, p in enumerate(self.params):
            if not getattr(p, "requires_grad", False):
                raise TypeError(
                    f"{type(self).__name__}: parameter {i} ({type(p).__name__}) does not require a gradient; "
                    "make it with wengert.array(..., requires_grad=True), or leave params out and use init and apply"
                )

    def init(self, params: Any) -> dict[str, Any]:
        """The state of `apply` before the first step: ``{"steps": 0, "slots": a dict for each parameter}``."""
        leaves = [wg.asarray(p) for p in tree_flatten(params)[0]]
        return {"steps": wg.array(0), "slots": [self.slots(p) for p in leaves]}

    def apply(self, params: Any, grads: Any, state: dict[str, Any], lr: Any = None) -> tuple[Any, dict[str, Any]]:
        """The parameters and the state after one step; nothing is changed in place.

        `lr` takes the place of the setting, for schedules: an array computed from ``state["steps"]``, say. Raises
        ValueError if gradients or state belong to another tree of parameters.
        """
        leaves, spec = tree_flatten(params)
        slopes, other = tree_flatten(grads)
        if spec != other or len(state["slots"]) != len(leaves):
            raise ValueError(
                f"{type(self).__name__}.apply: {len(leaves)} parameter(s), {len(slopes)} gradient(s) and a state for "
                f"{len(state['slots'])} do not belong together; the gradients must form the tree of the parameters"
            )
        rule = copy.copy(self)
        after, slots = [], []
        for leaf, slope, slot in zip(leaves, slopes, state["slots"], strict=True):
            p = wg.asarray(leaf)
            if lr is not None:
                rule.lr = wnp.astype(wg.asarray(lr), p.dtype)  # or a float64 rate would make float32 parameters wider
            slot = {**slot, "steps": state["steps"]}
            after.append(p - rule.update(p, wg.asarray(slope), slot))
            slots.append({name: value for name, value in slot.items() if name != "steps"})
        return tree_unflatten(spec, after), {"steps": state["steps"] + 1, "slots": slots}

    def slots(self, p: Any) -> dict[str, Any]:
        """What `update` finds for parameter `p` at the first step of `apply`, besides ``"steps"``."""
        return {}

    def zero_grad(self) -> None:
        """Forgets the gradients, which `backward()` otherwise adds to."""
        for p in self.params:
            p.grad = None

    def step(self) -> None:
        """Updates every parameter that has a gradient, in place and unrecorded."""
        if not self.params:
            raise ValueError(f"{type(self).__name__}: it holds no parameters; use init and apply")
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

    @hints.explain_keywords
    def __init__(
        self,
        params: Iterable[Any] | None = None,
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

    def slots(self, p: Any) -> dict[str, Any]:
        """The velocity, if there is momentum."""
        return {"velocity": wnp.zeros_like(p)} if self.momentum else {}

    def update(self, p: Any, grad: Any, state: dict[str, Any]) -> Any:
        """`lr` times the velocity."""
        d = grad + self.weight_decay * p if self.weight_decay else grad
        if not self.momentum:
            return self.lr * d
        v = d
        if "velocity" in state:
            v = self.momentum * state["velocity"] + (1.0 - self.dampening) * d
            if self.dampening and "steps" in state:  # the velocity `apply` starts from is 0
                v = wnp.where(state["steps"] == 0, d, v)
        state["velocity"] = v
        return self.lr * (d + self.momentum * v if self.nesterov else v)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015) with bias correction; `weight_decay` adds to the gradient, as in PyTorch."""

    @hints.explain_keywords
    def __init__(
        self,
        params: Iterable[Any] | None = None,
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

    def slots(self, p: Any) -> dict[str, Any]:
        """Mean and mean square of the gradients."""
        return {"mean": wnp.zeros_like(p), "square": wnp.zeros_like(p)}

    def update(self, p: Any, grad: Any, state: dict[str, Any]) -> Any:
        """`lr` times the corrected mean over the root of the corrected mean square."""
        d = grad + self.weight_decay * p if self.weight_decay else grad
        beta1, beta2 = self.betas
        t = state["steps"] = state.get("steps", 0) + 1
        mean = state["mean"] = beta1 * state.get("mean", 0.0) + (1.0 - beta1) * d
        square = state["square"] = beta2 * state.get("square", 0.0) + (1.0 - beta2) * d * d
        root = (square / _left(beta2, t, p)) ** 0.5 + self.eps
        return self.lr / _left(beta1, t, p) * mean / root


def clip_by_global_norm(grads: Any, max_norm: float) -> Any:
    """The tree of gradients, divided by a common number if need be so that their norm is at most `max_norm`.

    The norm is that of all entries together; a norm that is not finite leaves gradients that are not finite.

    >>> import numpy as np
    >>> clip_by_global_norm([np.array([3.0]), np.array([4.0])], 1.0)
    [Array([0.6]), Array([0.8])]
    """
    _positive("max_norm", max_norm)
    leaves, spec = tree_flatten(grads)
    leaves = [wg.asarray(g) for g in leaves]
    norm = sum((wnp.sum(g * g) for g in leaves), start=wg.asarray(0.0)) ** 0.5
    factor = wnp.where(norm > max_norm, max_norm / norm, 1.0)
    return tree_unflatten(spec, [g * wnp.astype(factor, g.dtype) for g in leaves])


def _left(beta: float, t: Any, p: Any) -> Any:
    """1 - beta**t, in the type of the parameter where the counter is an array."""
    return 1.0 - beta**t if isinstance(t, int) else wnp.astype(1.0 - wnp.power(beta, t), p.dtype)


def _positive(name: str, value: float) -> float:
    if not value >= 0.0:
        raise ValueError(f"{name} must not be negative, got {value}")
    return value


if not TYPE_CHECKING:  # to a type checker a missing name stays an error

    def __getattr__(name: str) -> Any:
        raise hints.missing(__name__, name)
