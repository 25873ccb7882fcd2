"""Checking derivatives: by differences, and the modes against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import _core
from .transforms import _Inputs, jvp, vjp
from .tree import tree_flatten, tree_unflatten

Function = Callable[..., Any]


def _real(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(_core.stop_gradient(x) if isinstance(x, _core.Array) else x)


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
        inputs = _Inputs("numerical_gradient", args, argnums)
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
            out.append(float(g) if isinstance(inputs.leaves[k], float) else g)
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
    ``<w, J v> == <J' w, v>`` (which needs no step size), and both are applied to themselves for higher orders. NaN
    counts as wrong. ``args`` are trees of floating point arrays; the tolerances default to what central differences of
    the element type can resolve.

    >>> import numpy as np, wengert as wg
    >>> wg.check_grads(lambda x: np.sum(np.sin(x)), (np.array([0.5, 1.0]),))
    """
    unknown = set(modes) - {"fwd", "rev"}
    if unknown:
        raise ValueError(f"check_grads: modes must be 'fwd' or 'rev', got {sorted(unknown)}")
    _check(f, tuple(args), order, tuple(modes), atol, rtol, np.random.default_rng(seed), "f")


def _random_like(rng: np.random.Generator, tree: Any) -> Any:
    leaves, spec = tree_flatten(tree)
    draws = [np.asarray(rng.uniform(0.5, 1.5, np.shape(_real(x))) * rng.choice([-1, 1], np.shape(_real(x)))) for x in leaves]
    return tree_unflatten(spec, [d.astype(_real(x).dtype) for d, x in zip(draws, leaves, strict=True)])


def _dot(a: Any, b: Any) -> float:
    pairs = zip(tree_flatten(a)[0], tree_flatten(b)[0], strict=True)
    return float(sum(np.sum(np.asarray(_real(x), float) * np.asarray(_real(y), float)) for x, y in pairs))


def _compare(got: Any, want: Any, atol: float, rtol: float, what: str) -> None:
    for g, w in zip(tree_flatten(got)[0], tree_flatten(want)[0], strict=True):
        a, b = np.asarray(_real(g), float), np.asarray(_real(w), float)
        if a.shape != b.shape:
            raise AssertionError(f"check_grads: {what}: shape {a.shape}, expected {b.shape}")
        scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
        error = np.abs(a - b)
        if not np.all(error <= atol * scale + rtol * np.abs(b)):  # also false for NaN
            raise AssertionError(
                f"check_grads: {what} is wrong: largest error {np.max(error):.3g} (allowed {atol * scale:.3g})\n"
                f"got      {a.ravel()[:8]}\nexpected {b.ravel()[:8]}"
            )


def _moved(args: tuple[Any, ...], v: tuple[Any, ...], h: float) -> tuple[Any, ...]:
    leaves, spec = tree_flatten(args)
    steps = tree_flatten(v)[0]
    return tuple(tree_unflatten(spec, [_core.array(_real(x) + np.asarray(h * s, _real(x).dtype)) for x, s in zip(leaves, steps, strict=True)]))


def _difference(f: Function, args: tuple[Any, ...], v: tuple[Any, ...], h: float) -> Any:
    """Central difference along v, by Richardson's rule exact to h**4."""

    def central(step: float) -> list[np.ndarray[Any, Any]]:
        up, down = (tree_flatten(f(*_moved(args, v, s)))[0] for s in (step, -step))
        return [(np.asarray(_real(a), float) - np.asarray(_real(b), float)) / (2 * step) for a, b in zip(up, down, strict=True)]

    coarse, fine = central(h), central(h / 2)
    return [(4 * b - a) / 3 for a, b in zip(coarse, fine, strict=True)]


def _check(
    f: Function, args: tuple[Any, ...], order: int, modes: tuple[str, ...], atol: float | None, rtol: float | None,
    rng: np.random.Generator, what: str,
) -> None:
    leaves = tree_flatten(args)[0]
    single = any(_real(x).dtype == np.float32 for x in leaves)
    # float64: differences with h = 2**-10 and Richardson leave about 1e-12 h**-1; the tangent itself is exact.
    a = atol if atol is not None else (5e-3 if single else 1e-7)
    r = rtol if rtol is not None else (5e-3 if single else 1e-7)
    exact = 1e-4 if single else 1e-10
    v = _random_like(rng, args)
    y, dy = jvp(f, args, v)
    _compare(f(*args), y, exact, exact, f"the value of {what} under jvp")
    if "fwd" in modes:
        h = 2.0**-4 if single else 2.0**-10
        _compare(tree_flatten(dy)[0], _difference(f, args, v, h), a, r, f"forward mode of {what}")
    if "rev" in modes:
        value, pullback = vjp(f, *args)
        _compare(value, y, exact, exact, f"the value of {what} under vjp")
        w = _random_like(rng, y)
        ct = pullback(w)
        left, right = _dot(w, dy), _dot(ct, v)
        size = max(1.0, sum(abs(float(np.sum(np.abs(_real(c))))) for c in tree_flatten(ct)[0]))
        if not abs(left - right) <= exact * size:
            raise AssertionError(f"check_grads: reverse mode of {what} is wrong: <w, Jv> = {left!r} but <J'w, v> = {right!r}")
    if order <= 1:
        return
    if "fwd" in modes:
        _check(lambda *x: jvp(f, x, v)[1], args, order - 1, modes, atol, rtol, rng, f"jvp of {what}")
    if "rev" in modes:
        w = _random_like(rng, y)
        _check(lambda *x: vjp(f, *x)[1](w), args, order - 1, modes, atol, rtol, rng, f"vjp of {what}")
