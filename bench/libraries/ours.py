"""wengert itself, in its several ways."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from bench.case import LEARNING_RATE
from bench.libraries.library import NAMES, Library, mean_cross_entropy


class Wengert(Library):
    """wengert itself, or its pure NumPy reference: they have the same names."""

    def __init__(self, module: str = "wengert"):
        self.wg = importlib.import_module(module)
        wnp = importlib.import_module(f"{module}.numpy")
        self.xp = SimpleNamespace(**{name: getattr(wnp, name) for name in (*NAMES, "erf")})
        self.xp.cross_entropy = mean_cross_entropy(wnp.log_softmax, wnp.mean)

    def gradient(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.wg.value_and_grad(f, argnums=tuple(range(wrt)))

    def jacobian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.wg.jacobian(f)

    def hessian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.wg.hessian(f)


class Compiled(Wengert):
    """wengert with derivatives recorded once and replayed; an update is one program that donates the parameters."""

    def gradient(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.wg.compile(super().gradient(f, wrt))

    def jacobian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.wg.compile(super().jacobian(f, wrt))

    def hessian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.wg.compile(super().hessian(f, wrt))

    def update(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        gradient = super().gradient(f, wrt)

        def step(*args: Any) -> Any:
            _, grads = gradient(*args)
            return tuple(p - LEARNING_RATE * g for p, g in zip(args, grads, strict=False))

        return self.wg.compile(step, donate_argnums=tuple(range(wrt)))


class CompiledScan(Compiled):
    """Compiled wengert, with loops as single operations."""

    scans = True

    def __init__(self) -> None:
        super().__init__()
        self.xp.scan = self.wg.scan
