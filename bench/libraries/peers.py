"""Other libraries, each imported only when asked for. All are given two threads and double precision."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.case import LEARNING_RATE, Case
from bench.libraries.library import NAMES, Library, mean_cross_entropy, split


class Autograd(Library):
    """HIPS autograd."""

    def __init__(self) -> None:
        import autograd
        import autograd.numpy as anp
        from autograd.scipy.special import erf, logsumexp

        self.ag = autograd
        self.xp = SimpleNamespace(**{name: getattr(anp, name) for name in NAMES}, erf=erf)
        self.xp.cross_entropy = mean_cross_entropy(lambda x: x - logsumexp(x, axis=-1, keepdims=True), anp.mean)

    def gradient(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.ag.value_and_grad(f, tuple(range(wrt)))

    def jacobian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.ag.jacobian(f)

    def hessian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.ag.hessian(f)


class Torch(Library):
    """PyTorch, eager."""

    def __init__(self) -> None:
        import torch

        self.torch = torch
        self.xp = SimpleNamespace(**{name: getattr(torch, name) for name in (*NAMES, "erf")})
        self.xp.cross_entropy = torch.nn.functional.cross_entropy

    def array(self, x: Any) -> Any:
        return self.torch.as_tensor(x) if isinstance(x, np.ndarray) else self.torch.tensor(x, dtype=self.torch.float64)

    def gradient(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        def value_and_grad(*args: Any) -> Any:
            variables = [x.detach().requires_grad_() for x in args[:wrt]]
            value = f(*variables, *args[wrt:])
            return value.detach(), self.torch.autograd.grad(value, variables)

        return value_and_grad

    def jacobian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.torch.func.jacrev(f)

    def hessian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.torch.func.hessian(f)


class Jax(Library):
    """JAX, compiled by `jit`."""

    def __init__(self) -> None:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        self.jax, self.jnp = jax, jnp
        self.xp = SimpleNamespace(**{name: getattr(jnp, name) for name in NAMES}, erf=jax.scipy.special.erf)

        def cross_entropy(logits: Any, labels: Any) -> Any:
            return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels])

        self.xp.cross_entropy = cross_entropy

    def array(self, x: Any) -> Any:
        return self.jnp.asarray(x)

    def wait(self, result: Any) -> Any:
        return self.jax.block_until_ready(result)

    def gradient(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.jax.jit(self.jax.value_and_grad(f, tuple(range(wrt))))

    def jacobian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.jax.jit(self.jax.jacrev(f))

    def hessian(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.jax.jit(self.jax.hessian(f))

    def update(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        def step(*args: Any) -> Any:
            grads = self.jax.grad(f, tuple(range(wrt)))(*args)
            return [p - LEARNING_RATE * g for p, g in zip(args, grads, strict=False)]

        return self.jax.jit(step)


class JaxScan(Jax):
    """JAX, compiled by `jit`, with loops given to `jax.lax.scan`."""

    scans = True

    def __init__(self) -> None:
        super().__init__()
        self.xp.scan = self.jax.lax.scan


class Mlx(Library):
    """MLX on the CPU, eager. It has no dense Jacobians; its float64 functions are accurate to single precision only."""

    accuracy = 1e-5

    def __init__(self) -> None:
        import mlx.core as mx

        mx.set_default_device(mx.cpu)
        self.mx = mx
        self.xp = SimpleNamespace(**{name: getattr(mx, name) for name in (*NAMES, "erf")})

        def cross_entropy(logits: Any, labels: Any) -> Any:
            picked = mx.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
            return mx.mean(mx.logsumexp(logits, axis=1) - picked)

        self.xp.cross_entropy = cross_entropy

    def array(self, x: Any) -> Any:
        x = np.asarray(x)
        kind = {"float64": self.mx.float64, "float32": self.mx.float32}.get(x.dtype.name, self.mx.int32)
        return self.mx.array(x, dtype=kind)

    def numpy(self, result: Any) -> Any:
        if isinstance(result, tuple | list):
            return [self.numpy(part) for part in result]
        return np.array(result)

    def wait(self, result: Any) -> Any:
        self.mx.eval(result)
        return result

    def gradient(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        return self.mx.value_and_grad(f, tuple(range(wrt)))

    def update(self, f: Callable[..., Any], wrt: int) -> Callable[..., Any]:
        gradient = self.gradient(f, wrt)

        def step(*args: Any) -> Any:
            _, grads = gradient(*args)
            return [p - LEARNING_RATE * g for p, g in zip(args, grads, strict=False)]

        return step

    def prepare(self, case: Case, inputs: tuple[Any, ...]) -> Callable[[], Any]:
        if case.what in ("jacobian", "hessian"):
            raise NotImplementedError(f"MLX has no dense {case.what}")
        return super().prepare(case, inputs)


class Casadi(Library):
    """CasADi's interpreted SX functions, for the scalar workloads; matrices of its kind are at most two-dimensional."""

    CASES = ("S1", "S2", "S3", "J1g", "J1h")

    def __init__(self) -> None:
        import casadi

        self.ca = casadi
        self.xp = SimpleNamespace(
            **{name: getattr(casadi, name) for name in ("sin", "cos", "tanh", "exp", "log", "sqrt")}
        )
        self.xp.sum = casadi.sum1
        self.xp.stack = lambda parts: casadi.vertcat(*parts)

    def numpy(self, result: Any) -> Any:
        return [np.asarray(part) for part in result]

    def prepare(self, case: Case, inputs: tuple[Any, ...]) -> Callable[[], Any]:
        if case.name not in self.CASES:
            raise NotImplementedError(f"CasADi does not do {case.name}")
        ca = self.ca
        arrays, counts = split(inputs)
        symbols = [ca.SX.sym(f"x{i}", np.size(x)) for i, x in enumerate(arrays)]
        y = case.objective(self.xp, *symbols, *counts)
        variables = symbols[: case.wrt]
        if case.what == "gradient":
            outputs = [y, *(ca.gradient(y, v) for v in variables)]
        elif case.what == "jacobian":
            outputs = [ca.jacobian(y, variables[0])]
        else:
            outputs = [ca.hessian(y, variables[0])[0]]
        compiled = ca.Function("f", symbols, outputs)
        args = [ca.DM(np.atleast_1d(np.asarray(x, dtype=np.float64))) for x in arrays]
        return lambda: compiled.call(args)
