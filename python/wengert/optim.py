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
import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import wengert as wg
import wengert.numpy as wnp

from ._internals import hints
from ._internals.tree import tree_flatten, tree_unflatten


class Optimizer:
    """What every optimiser does: hold the parameters, forget their gradients, update those that have one.

    Without parameters (``Adam(lr=0.1)``) it is used through `init` and `apply`. With them, it takes a list of Arrays or
    a dict or other tree of them. Settings are numbers without a type: a rate out of ``np.linspace`` leaves float32
    parameters float32. Raises ValueError if a parameter is given twice.

    A subclass says in `update` what one step does to one parameter; what it must remember between steps it keeps in the
    dict it is given, one for each parameter, and `slots` says what is in there before the first step.
    """

    def __init__(self, params: Iterable[Any] | None, lr: float) -> None:
        self.params: list[Any] = _listed(params)
        self.lr: Any = _positive("lr", lr)
        self.state: list[dict[str, Any]] = [{} for _ in self.params]
        name = type(self).__name__
        if params is not None and not self.params:
            raise ValueError(f"{name}: there are no parameters to optimise; pass a list of Arrays")
        first: dict[int, int] = {}
        for i, p in enumerate(self.params):
            if not getattr(p, "requires_grad", False):
                raise TypeError(
                    f"{name}: parameter {i} ({type(p).__name__}) does not require a gradient; "
                    "make it with wengert.array(..., requires_grad=True), or leave params out and use init and apply"
                )
            if first.setdefault(id(p), i) != i:
                raise ValueError(
                    f"{name}: parameters {first[id(p)]} and {i} are the same Array, which would be stepped twice; pass "
                    "each parameter once"
                )

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, _without_dtype(value))

    def init(self, params: Any) -> dict[str, Any]:
        """The state of `apply` before the first step: ``{"steps": 0, "slots": a dict for each parameter}``."""
        leaves = [self._parameter(i, p) for i, p in enumerate(tree_flatten(params)[0])]
        return {"steps": wg.array(0), "slots": [self.slots(p) for p in leaves]}

    def apply(self, params: Any, grads: Any, state: dict[str, Any], lr: Any = None) -> tuple[Any, dict[str, Any]]:
        """The parameters and the state after one step; nothing is changed in place.

        `lr` takes the place of the setting, for schedules: an array computed from ``state["steps"]``, say. Raises
        ValueError if gradients or state belong to another tree of parameters, or have other shapes.
        """
        leaves, spec = tree_flatten(params)
        slopes, other = tree_flatten(grads)
        if spec != other or len(state["slots"]) != len(leaves):
            raise ValueError(
                f"{type(self).__name__}.apply: {len(leaves)} parameter(s), {len(slopes)} gradient(s) and a state for "
                f"{len(state['slots'])} do not belong together; the gradients must form the tree of the parameters"
            )
        rule = self
        if lr is not None:
            rule = copy.copy(self)
            rule.lr = lr
        rule_for = functools.cache(rule._in_type)
        after, slots = [], []
        for i, (leaf, slope, before) in enumerate(zip(leaves, slopes, state["slots"], strict=True)):
            p, g = self._parameter(i, leaf), wg.asarray(slope)
            self._check_shape(i, p, "its gradient", g)
            slot = {**before, "steps": state["steps"]}
            after.append(p - rule_for(p.dtype).update(p, g, slot))
            slots.append({name: value for name, value in slot.items() if name != "steps"})
            self._check_shape(i, p, "after a step with this state and rate", after[-1])
            for name in before:
                self._check_shape(i, before[name], f"of its state {name!r}, which becomes", slots[-1][name])
        return tree_unflatten(spec, after), {"steps": state["steps"] + 1, "slots": slots}

    def _parameter(self, i: int, leaf: Any) -> Any:
        p = wg.asarray(float(leaf) if type(leaf) is int else leaf)
        if p.dtype.kind != "f":
            raise TypeError(f"{type(self).__name__}: parameter {i} has the type {p.dtype}; make it one of floats")
        return p

    def _check_shape(self, i: int, x: Any, what: str, y: Any) -> None:
        if wnp.shape(x) != wnp.shape(y):
            raise ValueError(
                f"{type(self).__name__}: parameter {i} has the shape {wnp.shape(x)}, {what} {wnp.shape(y)}; they must "
                "agree"
            )

    def _in_type(self, dtype: Any) -> Optimizer:
        """This optimiser, its settings that are Arrays in this type: they must not widen a parameter."""
        arrays = {k: v for k, v in vars(self).items() if k not in ("params", "state") and _has_arrays(v)}
        if not arrays:
            return self
        rule = copy.copy(self)
        for name, value in arrays.items():
            leaves, spec = tree_flatten(value)
            cast = [wnp.astype(x, dtype) if isinstance(x, wg.Array) else x for x in leaves]
            setattr(rule, name, tree_unflatten(spec, cast))
        return rule

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
        rule_for = functools.cache(self._in_type)
        with wg.no_grad():
            for i, (p, state) in enumerate(zip(self.params, self.state, strict=True)):
                if p.grad is not None:
                    self._check_shape(i, p, "its .grad", p.grad)
                    # `.grad` follows the parameter; what an optimiser remembers must not.
                    p -= rule_for(p.dtype).update(p.detach(), p.grad.detach(), state)  # updates the Array itself

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
        if nesterov and (self.momentum <= 0 or dampening != 0):
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
        self.betas = tuple(betas)
        self.eps = _positive("eps", eps)
        self.weight_decay = _positive("weight_decay", weight_decay)
        if len(self.betas) != 2 or not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError(f"Adam: betas must be two numbers in [0, 1), got {betas}")

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
    limit = _positive("max_norm", max_norm)
    leaves, spec = tree_flatten(grads)
    leaves = [wg.asarray(g) for g in leaves]
    wide = [wnp.astype(g, np.float64) for g in leaves]
    # Relative to the largest entry, whose square may overflow or vanish.
    top = wg.asarray(0.0)
    for g in wide:
        top = wnp.maximum(top, wnp.max(wnp.abs(wg.stop_gradient(g)), initial=0.0))
    top = wnp.where((top > 0.0) & wnp.isfinite(top), top, 1.0)
    norm = sum((wnp.sum((g / top) ** 2) for g in wide), start=wg.asarray(0.0)) ** 0.5
    clipped = [wnp.where(norm * top > limit, g / top * (limit / norm), g) for g in wide]
    return tree_unflatten(spec, [wnp.astype(g, x.dtype) for g, x in zip(clipped, leaves, strict=True)])


def _left(beta: float, t: Any, p: Any) -> Any:
    """1 - beta**t, in the type of the parameter where the counter is an array."""
    return 1.0 - beta**t if issubclass(type(t), int) else wnp.astype(1.0 - wnp.power(beta, t), p.dtype)


def _positive(name: str, value: Any) -> Any:
    value = _without_dtype(value)
    if not value >= 0.0:
        raise ValueError(f"{name} must not be negative, got {value}")
    return value


def _without_dtype(value: Any) -> Any:
    """NumPy's numbers as Python's, also in a tuple."""
    if issubclass(type(value), (np.generic, np.ndarray)) and value.ndim == 0:
        return value.item()
    return tuple(map(_without_dtype, value)) if type(value) is tuple else value


def _has_arrays(value: Any) -> bool:
    return isinstance(value, wg.Array) or (type(value) is tuple and any(isinstance(x, wg.Array) for x in value))


def _listed(params: Any) -> list[Any]:
    """Parameters as a list: those of a tree, or of an iterable."""
    if params is None:
        return []
    if isinstance(params, (Mapping, list, tuple)) or hasattr(params, "requires_grad"):
        return tree_flatten(params)[0]
    return list(params)


if not TYPE_CHECKING:  # to a type checker a missing name stays an error

    def __getattr__(name: str) -> Any:
        raise hints.missing(__name__, name)
