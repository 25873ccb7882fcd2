"""Gradient descent, in the style of PyTorch.

>>> import wengert.reference as wr
>>> w = wr.array(0.0, requires_grad=True)
>>> optimizer = SGD([w], lr=0.25)
>>> for _ in range(20):
...     optimizer.zero_grad()
...     loss = (w - 3.0) ** 2
...     loss.backward()
...     optimizer.step()
>>> round(w.item(), 4)
3.0
"""

from __future__ import annotations

from collections.abc import Iterable

from .array.handle import Array, apply
from .requires_grad import leaf_of, no_grad


class SGD:
    """``w ← w - lr · v`` with ``v = momentum · v + gradient``.

    ``params`` are arrays made with ``requires_grad=True``.  Gradients add up over calls of ``backward`` until
    `zero_grad`.
    """

    def __init__(self, params: Iterable[Array], lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        self.params = list(params)
        for number, param in enumerate(self.params):
            if leaf_of(param.get()) is None:
                raise TypeError(
                    f"wengert.optim.SGD: parameter {number} collects no gradient; make it with "
                    "wengert.array(x, requires_grad=True)"
                )
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.velocities: list[Array | None] = [None] * len(self.params)

    def zero_grad(self) -> None:
        """Forget the gradients collected so far."""
        for param in self.params:
            param.grad = None

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        with no_grad():
            for number, param in enumerate(self.params):
                change = param.grad
                if change is None:
                    continue
                if self.weight_decay:
                    change = apply("add", change, apply("multiply", param, self.weight_decay))
                if self.momentum:
                    before = self.velocities[number]
                    if before is not None:
                        change = apply("add", apply("multiply", before, self.momentum), change)
                    self.velocities[number] = change
                param[...] = apply("subtract", param, apply("multiply", change, self.lr))
