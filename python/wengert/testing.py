"""Checking derivatives: by differences, and the modes against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._internals.tree import tree_flatten, tree_unflatten
from .transforms.forward import jvp
from .transforms.inputs import Inputs, check_scalar, checked_argnums, like
from .transforms.reverse import vjp

Function = Callable[..., Any]


def _real(x: Any) -> np.ndarray[Any, Any]:
    if isinstance(x, _core.Array):
        return np.asarray(_core.stop_gradient(x))
    return np.asarray(float(x) if type(x) is int else x)  # a Python int counts as a float, as in the transforms


def numerical_gradient(f: Function, argnums: int | Sequence[int] = 0, step: float | None = None) -> Function:
    """The gradient of a scalar function by differences.

    Each element is moved by three steps in both directions and the differences are extrapolated (six calls); where
    their own estimate of the error is bad, because the function is steep or the argument small, other steps are tried.
    With ``step``, a number relative to ``max(1, |x|)``, it is one central difference (two calls), with an error of
    about step**2 times the third derivative plus rounding/step. TypeError if the function returns no scalar.

    >>> import wengert as wg
    >>> round(wg.numerical_gradient(lambda x: x**3)(2.0), 6)
    12.0
    """
    argnums = checked_argnums(argnums, "numerical_gradient")

    def gradient(*args: Any, **kwargs: Any) -> Any:
        inputs = Inputs("numerical_gradient", args, argnums)
        leaves = [np.array(_real(x)) for x in inputs.leaves]

        def at(*values: Any) -> Any:
            y = inputs.call(f, list(values), kwargs)
            check_scalar(y, "numerical_gradient")
            return y

        out = []
        for k, x in enumerate(leaves):
            g = np.zeros_like(x)
            for i in np.ndindex(x.shape):
                g[i] = _slope(at, leaves, k, i, step)
            out.append(like(_core.array(g), inputs.leaves[k]))
        return inputs.gather(out)

    return gradient


def _slope(f: Function, leaves: list[Any], k: int, i: tuple[int, ...], step: float | None) -> float:
    """The derivative of a scalar function by one element."""

    def along(size: float) -> tuple[Any, ...]:
        v = [np.zeros_like(x) for x in leaves]
        v[k][i] = size
        return tuple(v)

    x = float(leaves[k][i])
    single = leaves[k].dtype == np.float32
    sizes = dict.fromkeys([max(1.0, abs(x)), abs(x) or 1.0])
    if step is None:
        best = _best_difference(f, tuple(leaves), [along(size) for size in sizes], single)
        size = float(best.direction[k][i])
        return float(best.values[0]) / size
    (value,) = _central(f, tuple(leaves), along(max(1.0, abs(x))), step)
    return float(value) / max(1.0, abs(x))


def check_grads(
    f: Function,
    args: Sequence[Any],
    order: int = 2,
    modes: str | Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    seed: int = 0,
) -> None:
    """Raises AssertionError unless the derivatives of ``f`` at ``args`` are right, up to ``order``.

    Forward mode is compared with central differences along a random direction, reverse mode with forward mode through
    ``<w, J v> == <J' w, v>`` (with the differences, if ``modes`` is only ``"rev"``); both are applied to
    themselves for higher orders. NaN counts as wrong. ``args`` is a tuple of trees of floating point arrays, one for
    each argument. The differences take steps that suit the size of the arguments, are extrapolated and estimate their
    own error, which by default is what may be missing (and 1e-9 of the largest element, 1e-4 in float32, and the
    rounding of the values of ``f``): enough to tell a float64 derivative from one computed in float32, whatever the
    size of arguments and values. With ``atol`` or ``rtol`` given, those are allowed instead.

    >>> import numpy as np, wengert as wg
    >>> wg.check_grads(lambda x: np.sum(np.sin(x)), (np.array([0.5, 1.0]),))
    """
    if not isinstance(args, (tuple, list)):
        raise TypeError(
            "check_grads: args must be a tuple with one entry for each argument, got "
            f"{type(args).__name__}: write check_grads(f, (x,))"
        )
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    unknown = set(modes) - {"fwd", "rev"}
    if unknown or not modes:
        raise ValueError(f"check_grads: modes must be 'fwd' or 'rev' or both, got {sorted(unknown)}")
    single = any(_real(x).dtype == np.float32 for x in tree_flatten(tuple(args))[0])
    _Check(modes, atol, rtol, single, np.random.default_rng(seed)).run(f, tuple(args), order, [], "f")


# ---- differences -----------------------------------------------------------------------------------------------------


def _central(f: Function, args: tuple[Any, ...], v: tuple[Any, ...], step: float) -> list[np.ndarray[Any, Any]]:
    """The leaves of (f(args + step v) - f(args - step v)) / (2 step)."""
    up, down = (tree_flatten(f(*_moved(args, v, s)))[0] for s in (step, -step))
    return [(_wide(a) - _wide(b)) / (2 * step) for a, b in zip(up, down, strict=True)]


def _moved(args: tuple[Any, ...], v: tuple[Any, ...], h: float) -> tuple[Any, ...]:
    leaves, spec = tree_flatten(args)
    steps = tree_flatten(v)[0]
    moved = [_real(x) + np.asarray(h * _real(s), _real(x).dtype) for x, s in zip(leaves, steps, strict=True)]
    return tuple(tree_unflatten(spec, [_core.array(x) for x in moved]))


def _wide(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(_real(x), float)


def _largest(x: Any) -> float:
    return float(np.max(np.abs(_wide(x)), initial=0.0))


@dataclass
class _Difference:
    """A derivative along a direction by differences: for each leaf of the value what it is and how well it is known."""

    direction: tuple[Any, ...]
    values: list[np.ndarray[Any, Any]]
    errors: list[np.ndarray[Any, Any]]  # what the three steps disagree by
    rounding: list[Any]  # what the rounding of f's values makes of it
    single: bool

    @property
    def ceiling(self) -> float:
        return 5e-3 if self.single else 1e-7

    def limits(self) -> list[np.ndarray[Any, Any]]:
        """The error that each element may have: what the differences cannot resolve, within bounds."""
        floor = 1e-4 if self.single else 1e-9
        sizes = [_largest(w) for w in self.values]
        found = zip(sizes, self.errors, self.rounding, strict=True)
        return [np.minimum(floor * size + e, self.ceiling * size) + r for size, e, r in found]

    def doubt(self) -> tuple[float, float]:
        """How many leaves of the value are lost in rounding, and the largest relative error of the others."""
        lost, worst = 0.0, 0.0
        for w, e, r in zip(self.values, self.errors, self.rounding, strict=True):
            size, error, least = _largest(w), _largest(e), _largest(r)
            if not np.isfinite(size + error):
                return np.inf, np.inf
            if size <= least:
                lost += 1
            else:
                bad = 1.0 if error > self.ceiling * size else 0.0
                worst = max(worst, bad + error / size, least / size)
        return lost, worst


_CERTAIN = {False: 1e-10, True: 1e-5}  # relative errors of differences that need no other steps, by single
_STEPS = {False: (9, 4, 16, 23, 30, 37), True: (4, 2, 7, 11)}  # their sizes, as exponents of 1/2


def _best_difference(
    f: Function,
    args: tuple[Any, ...],
    directions: Sequence[tuple[Any, ...]],
    single: bool,
    noise: Sequence[Any] = (),
) -> _Difference:
    """The differences with the least doubt, along one of the directions and with one of the steps.

    ``noise`` is the rounding of f's values where it is more than that of their size: a number or an array for each
    leaf.
    """
    best: _Difference | None = None
    failure: Exception | None = None
    for exponent in _STEPS[single]:
        for v in directions:
            try:
                found = _difference(f, args, v, 2.0**-exponent, single, noise)
            except Exception as error:  # outside of the domain of f, say
                failure = failure or error
                continue
            # Of equals the last, along the smallest direction: a function that is constant far away is zero there too.
            if (
                best is None
                or found.doubt() < best.doubt()
                or (found.doubt() == best.doubt() and v is not directions[0])
            ):
                best = found
        if best is not None and best.doubt()[1] <= _CERTAIN[single]:
            return best
    if best is None:
        assert failure is not None
        raise failure
    return best


def _difference(
    f: Function, args: tuple[Any, ...], v: tuple[Any, ...], h: float, single: bool, noise: Sequence[Any]
) -> _Difference:
    """Central differences with three steps, extrapolated to step**6, and the estimate of their error."""
    sizes: list[float] = []

    def watched(*moved: Any) -> list[Any]:
        leaves = tree_flatten(f(*moved))[0]
        sizes[:] = [max(a, _largest(y)) for a, y in zip(sizes or [0.0] * len(leaves), leaves, strict=True)]
        return leaves

    values, errors = [], []
    for coarse, middle, fine in zip(*(_central(watched, args, v, h / s) for s in (1, 2, 4)), strict=True):
        first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
        values.append((16 * second - first) / 15)
        errors.append(np.abs(values[-1] - second))
    epsilon = float(np.finfo(np.float32 if single else np.float64).eps)
    least = list(noise) or [0.0] * len(sizes)
    # Of the values of f, and of the arguments' distance.
    known = zip(sizes, values, least, strict=True)
    rounding = [np.maximum(epsilon * max(size, _largest(w)), n) * 16 / h for size, w, n in known]
    return _Difference(v, values, errors, rounding, single)


# ---- checks ----------------------------------------------------------------------------------------------------------


def _random_like(rng: np.random.Generator, tree: Any) -> Any:
    leaves, spec = tree_flatten(tree)

    def draw(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1, 1], x.shape), x.dtype)

    return tree_unflatten(spec, [draw(_real(x)) for x in leaves])


def _directions(v: tuple[Any, ...], args: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The direction in units of max(1, |x|), and where that is another one in units of |x|."""
    steps, spec = tree_flatten(v)
    xs = [_real(x) for x in tree_flatten(args)[0]]
    found = [[s * np.maximum(1.0, np.abs(x)).astype(x.dtype) for s, x in zip(steps, xs, strict=True)]]
    if any(np.any(np.abs(x) < 1 / 64) for x in xs):
        typical = [np.mean(np.abs(x)) if np.any(x) else 1.0 for x in xs]
        small = [np.where(x == 0, t, np.abs(x)).astype(x.dtype) for x, t in zip(xs, typical, strict=True)]
        found.append([np.asarray(s * t, x.dtype) for s, t, x in zip(steps, small, xs, strict=True)])
    return [tuple(tree_unflatten(spec, leaves)) for leaves in found]


def _dot(a: Any, b: Any) -> tuple[float, float]:
    """The product of two trees, and the sum of its terms' sizes."""
    pairs = zip(tree_flatten(a)[0], tree_flatten(b)[0], strict=True)
    terms = [_wide(x) * _wide(y) for x, y in pairs]
    return float(sum(np.sum(t) for t in terms)), float(sum(np.sum(np.abs(t)) for t in terms))


def _compare(got: Any, want: Any, allowed: Sequence[Any], what: str) -> None:
    """``allowed``: the largest error, a number or an array of them for each leaf."""
    leaves, others = tree_flatten(got)[0], tree_flatten(want)[0]
    if len(leaves) != len(others):
        raise AssertionError(f"check_grads: {what}: {len(leaves)} arrays, expected {len(others)}")
    for g, w, most in zip(leaves, others, allowed, strict=True):
        a, b = _wide(g), _wide(w)
        if a.shape != b.shape:
            raise AssertionError(f"check_grads: {what}: shape {a.shape}, expected {b.shape}")
        error = np.abs(a - b)
        if not np.all(error <= most):  # also false for NaN
            worst = int(np.argmax(np.where(error <= most, 0.0, 1.0)))
            raise AssertionError(
                f"check_grads: {what} is wrong: error {error.ravel()[worst]:.3g} "
                f"(allowed {np.broadcast_to(most, error.shape).ravel()[worst]:.3g}) in element {worst}\n"
                f"got      {a.ravel()[:8]}\nexpected {b.ravel()[:8]}"
            )


@dataclass(frozen=True)
class _Check:
    modes: tuple[str, ...]
    atol: float | None
    rtol: float | None
    single: bool
    rng: np.random.Generator

    @property
    def exact(self) -> float:
        """The relative error between values that should be the same."""
        return 1e-4 if self.single else 1e-10

    def allowed(self, found: _Difference) -> list[Any]:
        if self.atol is None and self.rtol is None:
            return found.limits()
        return [(self.atol or 0.0) * max(1.0, _largest(w)) + (self.rtol or 0.0) * np.abs(w) for w in found.values]

    def run(self, f: Function, args: tuple[Any, ...], order: int, noise: Sequence[Any], what: str) -> None:
        """``noise``: see `_best_difference`."""
        y = f(*args)
        directions = _directions(_random_like(self.rng, args), args)
        found = _best_difference(f, args, directions, self.single, noise)
        v, values = found.direction, found.values
        epsilon = float(np.finfo(np.float32 if self.single else np.float64).eps)
        ys = tree_flatten(y)[0]
        sizes = [_largest(u) for u in ys]
        noise = [np.maximum(epsilon * s, n) for s, n in zip(sizes, noise or [0.0] * len(sizes), strict=True)]
        same = [self.exact * s + 16 * n for s, n in zip(sizes, noise, strict=True)]
        tangent, slack = values, self.allowed(found)  # what reverse mode is compared with
        if "fwd" in self.modes:
            primal, dy = jvp(f, args, v)
            _compare(primal, y, same, f"the value of {what} under jvp")
            _compare(tree_flatten(dy)[0], values, slack, f"forward mode of {what}")
            tangent, slack = (
                tree_flatten(dy)[0],
                [self.exact * _largest(t) + n for t, n in zip(values, noise, strict=True)],
            )
        w = _random_like(self.rng, y)
        if "rev" in self.modes:
            primal, pullback = vjp(f, *args)
            _compare(primal, y, same, f"the value of {what} under vjp")
            ct = pullback(w)
            (left, terms), (right, others) = _dot(w, tangent), _dot(ct, v)
            most = self.exact * max(terms, others)
            most += sum(float(np.sum(np.abs(_real(u)) * e)) for u, e in zip(tree_flatten(w)[0], slack, strict=True))
            if not abs(left - right) <= most < np.inf:  # also false for NaN
                raise AssertionError(
                    f"check_grads: reverse mode of {what} is wrong: <w, J v> = {left!r} but <J' w, v> = {right!r} "
                    f"(allowed difference {most:.3g})"
                )
        if order <= 1:
            return
        if "fwd" in self.modes:
            self.run(lambda *x: jvp(f, x, v)[1], args, order - 1, noise, f"jvp of {what}")
        if "rev" in self.modes:
            total = sum(float(np.sum(n * np.ones(np.shape(_wide(u))))) for n, u in zip(noise, ys, strict=True))
            units = [total / np.abs(_wide(s)) for s in tree_flatten(v)[0]]
            self.run(lambda *x: vjp(f, *x)[1](w), args, order - 1, units, f"vjp of {what}")
