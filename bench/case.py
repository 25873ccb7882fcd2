"""What a workload is, and how it is checked before it is timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Case:
    """One workload.

    `objective(xp, *inputs)` is written once for all libraries; `by_hand(*inputs)` is the same derivative in NumPy, as
    one would write it for speed. `inputs(tiny)` makes the data, the same on every call; the first `wrt` of them are
    differentiated. `what` is what is computed: "gradient" is value and gradients, "update" the parameters after one
    step of gradient descent, "jacobian" and "hessian" are dense and by the first input. `per` divides the time, and
    `without` names the libraries that cannot do the case in bearable time. `scanned(xp, *inputs)` is the objective with
    its loop given to `xp.scan(step, carry, xs, length)`, for the libraries whose name ends in "-scan".
    """

    name: str
    doc: str
    inputs: Callable[[bool], tuple[Any, ...]]
    objective: Callable[..., Any]
    by_hand: Callable[..., Any]
    wrt: int = 1
    what: str = "gradient"
    per: int = 1
    without: tuple[str, ...] = ()
    scanned: Callable[..., Any] | None = None


def leaves(result: Any) -> list[np.ndarray]:
    """The arrays of a result, from left to right."""
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in leaves(part)]
    return [np.asarray(result)]


def disagreement(got: Any, want: Any) -> float:
    """Largest error of any array in `got`, relative to the largest entry of its counterpart in `want`."""
    got, want = leaves(got), leaves(want)
    if len(got) != len(want):
        raise ValueError(f"{len(got)} arrays, expected {len(want)}")
    worst = 0.0
    for g, w in zip(got, want, strict=True):
        if g.size != w.size:
            raise ValueError(f"an array of shape {g.shape}, expected {w.shape}")
        error = np.abs(g.ravel().astype(np.float64) - w.ravel()).max() / max(np.abs(w).max(), 1e-300)
        worst = max(worst, float(error)) if np.isfinite(error) else np.inf
    return worst


def tolerance(inputs: tuple[Any, ...]) -> float:
    """What rounding may do to a gradient, by the precision of the inputs."""
    single = any(getattr(x, "dtype", None) == np.float32 for x in inputs)
    return 2e-4 if single else 1e-9
