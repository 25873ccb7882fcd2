"""Comparing a computed value with an expected one: shapes exactly, entries within a tolerance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tolerance:
    """``abs(got - want) <= atol + rtol * abs(want)``, element by element."""

    rtol: float
    atol: float


@dataclass(frozen=True)
class Comparison:
    """Outcome of one comparison: ``error`` is the largest absolute difference (inf when the shapes differ)."""

    ok: bool
    error: float
    detail: str


def compare(got: object, want: np.ndarray, tolerance: Tolerance) -> Comparison:
    """Compare ``got`` with ``want``. A wrong shape, NaN or infinity fails; nothing is broadcast.

    >>> compare(np.array([1.0, 2.0]), np.array([1.0, 2.5]), Tolerance(0.0, 0.1)).ok
    False
    """
    value = np.asarray(got)
    if value.shape != want.shape:
        return Comparison(False, float("inf"), f"shape {value.shape}, expected {want.shape}")
    if not np.all(np.isfinite(value)):
        return Comparison(False, float("inf"), f"not finite: {value.tolist()}")
    difference = np.abs(value.astype(float) - want)
    error = float(np.max(difference, initial=0.0))
    if np.all(difference <= tolerance.atol + tolerance.rtol * np.abs(want)):
        return Comparison(True, error, "")
    return Comparison(False, error, f"got {value.tolist()}, expected {want.tolist()} ({tolerance})")
