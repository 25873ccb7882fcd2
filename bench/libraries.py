"""The libraries that are compared: for each the names a workload needs, and how it takes derivatives."""

from __future__ import annotations

import importlib
import importlib.util
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


def _mean_cross_entropy(log_softmax: Callable[..., Any], mean: Callable[..., Any]) -> Callable[..., Any]:
    def cross_entropy(logits: Any, labels: Any) -> Any:
        return -mean(log_softmax(logits)[np.arange(len(labels)), labels])

    return cross_entropy


class Wengert(Library):
    """wengert itself, or its pure NumPy reference: they have the same names."""

    def __init__(self, module: str = "wengert"):
        self.wg = importlib.import_module(module)
        wnp = importlib.import_module(f"{module}.numpy")
        self.xp = SimpleNamespace(**{name: getattr(wnp, name) for name in (*NAMES, "erf")})
        self.xp.cross_entropy = _mean_cross_entropy(wnp.log_softmax, wnp.mean)

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


class Autograd(Library):
    """HIPS autograd."""

    def __init__(self) -> None:
        import autograd
        import autograd.numpy as anp
        from autograd.scipy.special import erf, logsumexp

        self.ag = autograd
        self.xp = SimpleNamespace(**{name: getattr(anp, name) for name in NAMES}, erf=erf)
        self.xp.cross_entropy = _mean_cross_entropy(lambda x: x - logsumexp(x, axis=-1, keepdims=True), anp.mean)

    def gradient(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.ag.value_and_grad(f, tuple(range(wrt)))

    def jacobian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.ag.jacobian(f)

    def hessian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.ag.hessian(f)


# What is tried, in the order of the columns: name, module that must be there, how it is made.
_KNOWN: dict[str, tuple[str, Callable[[], Library]]] = {
    "wengert": ("wengert", Wengert),
    "compiled": ("wengert", Compiled),
    "compiled-scan": ("wengert", CompiledScan),
    "reference": ("wengert", lambda: Wengert("wengert.reference")),
    "autograd": ("autograd", Autograd),
    "torch": ("torch", lambda: importlib.import_module("bench.peers").Torch()),
    "jax": ("jax", lambda: importlib.import_module("bench.peers").Jax()),
    "jax-scan": ("jax", lambda: importlib.import_module("bench.peers").JaxScan()),
    "mlx": ("mlx", lambda: importlib.import_module("bench.peers").Mlx()),
    "casadi": ("casadi", lambda: importlib.import_module("bench.peers").Casadi()),
}
PEERS = ("autograd", "torch", "jax", "jax-scan", "mlx", "casadi")


def installed() -> list[str]:
    """Names of the libraries that can be imported here."""
    return [name for name, (module, _) in _KNOWN.items() if importlib.util.find_spec(module)]


def get(name: str) -> Library:
    """The library called `name`; ModuleNotFoundError if it is not installed, KeyError if it is not known."""
    return _KNOWN[name][1]()
