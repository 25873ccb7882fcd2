"""Checking derivatives: by differences, and the modes against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from .arguments import Inputs, like
from .transforms import jvp, vjp
from .tree import tree_flatten, tree_unflatten

Function = Callable[..., Any]


def _real(x: Any) -> np.ndarray[Any, Any]:
    if isinstance(x, _core.Array):
        return np.asarray(_core.stop_gradient(x))
    return np.asarray(float(x) if type(x) is int else x)  # a Python int counts as a float, as in the transforms


def _step(dtype: np.dtype[Any]) -> float:
    """The step of a central difference: a cube root of the rounding error, as a power of two."""
    return 2.0**-7 if dtype == np.float32 else 2.0**-17


def numerical_gradient(f: Function, argnums: int | Sequence[int] = 0, step: float | None = None) -> Function:
    """The gradient of a scalar function by central differences: two calls for each element.

    ``step`` is relative to ``max(1, |x|)``; by default 2**-17 for float64 and 2**-7 for float32. The error is about
    step**2 times the third derivative plus rounding/step.

    >>> import wengert as wg
    >>> round(wg.numerical_gradient(lambda x: x**3)(2.0), 6)
    12.0
    """

    def gradient(*args: Any, **kwargs: Any) -> Any:
        inputs = Inputs("numerical_gradient", args, argnums)
        leaves = [np.array(_real(x)) for x in inputs.leaves]
        out = []
        for k, x in enumerate(leaves):
            g = np.zeros_like(x)
            for i in np.ndindex(x.shape):
                h = (step or _step(x.dtype)) * max(1.0, abs(float(x[i])))
                value = []
                for sign in (1, -1):
                    moved = list(leaves)
                    moved[k] = x.copy()
                    moved[k][i] += sign * h
                    value.append((float(inputs.call(f, [_core.array(v) for v in moved], kwargs)), float(moved[k][i])))
                g[i] = (value[0][0] - value[1][0]) / (value[0][1] - value[1][1])
            out.append(like(_core.array(g), inputs.leaves[k]))
        return inputs.gather(out)

    return gradient


def check_grads(
    f: Function,
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    seed: int = 0,
) -> None:
    """Raises AssertionError unless the derivatives of ``f`` at ``args`` are right, up to ``order``.

    Forward mode is compared with central differences along a random direction, reverse mode with forward mode through
    ``<w, J v> == <J' w, v>`` (with the differences, if ``modes`` is only ``("rev",)``); both are applied to
    themselves for higher orders. NaN counts as wrong. ``args`` are trees of floating point arrays. The differences
    are extrapolated and estimate their own error, which by default is what may be missing (and 1e-9 of the largest
    element, 1e-4 in float32): enough to tell a float64 derivative from one computed in float32. With ``atol`` or
    ``rtol`` given, those are allowed instead.

    >>> import numpy as np, wengert as wg
    >>> wg.check_grads(lambda x: np.sum(np.sin(x)), (np.array([0.5, 1.0]),))
    """
    unknown = set(modes) - {"fwd", "rev"}
    if unknown:
        raise ValueError(f"check_grads: modes must be 'fwd' or 'rev', got {sorted(unknown)}")
    single = any(_real(x).dtype == np.float32 for x in tree_flatten(tuple(args))[0])
    tolerance = _Tolerance(atol, rtol, single)
    _check(f, tuple(args), order, tuple(modes), tolerance, np.random.default_rng(seed), "f")


def _random_like(rng: np.random.Generator, tree: Any) -> Any:
    leaves, spec = tree_flatten(tree)

    def draw(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1, 1], x.shape), x.dtype)

    return tree_unflatten(spec, [draw(_real(x)) for x in leaves])


def _dot(a: Any, b: Any) -> float:
    pairs = zip(tree_flatten(a)[0], tree_flatten(b)[0], strict=True)
    return float(sum(np.sum(np.asarray(_real(x), float) * np.asarray(_real(y), float)) for x, y in pairs))


def _compare(got: Any, want: Any, allowed: Sequence[Any] | float, what: str) -> None:
    """``allowed``: the largest error, as a multiple of max(1, largest element), or one array of it for each leaf."""
    pairs = list(zip(tree_flatten(got)[0], tree_flatten(want)[0], strict=True))
    relative = isinstance(allowed, float)
    limits = [allowed] * len(pairs) if isinstance(allowed, float) else allowed
    for (g, w), limit in zip(pairs, limits, strict=True):
        a, b = np.asarray(_real(g), float), np.asarray(_real(w), float)
        if a.shape != b.shape:
            raise AssertionError(f"check_grads: {what}: shape {a.shape}, expected {b.shape}")
        most = limit * max(1.0, float(np.max(np.abs(b), initial=0.0))) if relative else limit
        error = np.abs(a - b)
        if not np.all(error <= most):  # also false for NaN
            worst = int(np.argmax(np.where(error <= most, 0.0, 1.0)))
            raise AssertionError(
                f"check_grads: {what} is wrong: error {error.ravel()[worst]:.3g} "
                f"(allowed {np.broadcast_to(most, error.shape).ravel()[worst]:.3g}) in element {worst}\n"
                f"got      {a.ravel()[:8]}\nexpected {b.ravel()[:8]}"
            )


def _moved(args: tuple[Any, ...], v: tuple[Any, ...], h: float) -> tuple[Any, ...]:
    leaves, spec = tree_flatten(args)
    steps = tree_flatten(v)[0]
    moved = [_real(x) + np.asarray(h * _real(s), _real(x).dtype) for x, s in zip(leaves, steps, strict=True)]
    return tuple(tree_unflatten(spec, [_core.array(x) for x in moved]))


def _difference(f: Function, args: tuple[Any, ...], v: tuple[Any, ...], single: bool) -> tuple[list[Any], list[Any]]:
    """Derivative along v by central differences with three steps, extrapolated to step**6, and its estimated error."""

    def central(step: float) -> list[np.ndarray[Any, Any]]:
        up, down = (tree_flatten(f(*_moved(args, v, s)))[0] for s in (step, -step))
        pairs = zip(up, down, strict=True)
        return [(np.asarray(_real(a), float) - np.asarray(_real(b), float)) / (2 * step) for a, b in pairs]

    h = 2.0**-4 if single else 2.0**-9
    runs = zip(*(central(h / s) for s in (1, 2, 4)), strict=True)
    values, errors = [], []
    for coarse, middle, fine in runs:
        first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
        values.append((16 * second - first) / 15)
        errors.append(np.abs(values[-1] - second))
    return values, errors


@dataclass(frozen=True)
class _Tolerance:
    """What may be missing between forward mode and differences, and between values that should be the same."""

    atol: float | None
    rtol: float | None
    single: bool

    @property
    def exact(self) -> float:
        return 1e-4 if self.single else 1e-10

    def of(self, values: Sequence[Any], errors: Sequence[Any]) -> list[Any]:
        """For each element: what the differences cannot resolve, within bounds."""
        most = []
        for w, e in zip(values, errors, strict=True):
            scale = max(1.0, float(np.max(np.abs(w), initial=0.0)))
            if self.atol is not None or self.rtol is not None:
                most.append((self.atol or 0.0) * scale + (self.rtol or 0.0) * np.abs(w))
            else:
                floor, ceiling = (1e-4, 5e-3) if self.single else (1e-9, 1e-7)
                most.append(np.minimum(floor * scale + e, ceiling * scale))
        return most


def _check(
    f: Function, args: tuple[Any, ...], order: int, modes: tuple[str, ...], tolerance: _Tolerance, rng: Any, what: str
) -> None:
    exact = tolerance.exact
    v = _random_like(rng, args)
    values, errors = _difference(f, args, v, tolerance.single)
    allowed = tolerance.of(values, errors)
    y = f(*args)
    tangent, slack = values, allowed  # what reverse mode is compared with
    if "fwd" in modes:
        primal, dy = jvp(f, args, v)
        _compare(primal, y, exact, f"the value of {what} under jvp")
        _compare(tree_flatten(dy)[0], values, allowed, f"forward mode of {what}")
        tangent, slack = tree_flatten(dy)[0], []
    if "rev" in modes:
        primal, pullback = vjp(f, *args)
        _compare(primal, y, exact, f"the value of {what} under vjp")
        w = _random_like(rng, y)
        ct = pullback(w)
        left, right = _dot(w, tangent), _dot(ct, v)
        most = exact * max(1.0, sum(float(np.sum(np.abs(_real(c)))) for c in tree_flatten(ct)[0]))
        most += sum(float(np.sum(np.abs(_real(u)) * e)) for u, e in zip(tree_flatten(w)[0], slack, strict=False))
        if not abs(left - right) <= most < np.inf:  # also false for NaN
            raise AssertionError(
                f"check_grads: reverse mode of {what} is wrong: <w, J v> = {left!r} but <J' w, v> = {right!r} "
                f"(allowed difference {most:.3g})"
            )
    if order <= 1:
        return
    if "fwd" in modes:
        _check(lambda *x: jvp(f, x, v)[1], args, order - 1, modes, tolerance, rng, f"jvp of {what}")
    if "rev" in modes:
        w = _random_like(rng, y)
        _check(lambda *x: vjp(f, *x)[1](w), args, order - 1, modes, tolerance, rng, f"vjp of {what}")
