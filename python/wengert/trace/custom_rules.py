"""Functions with rules of their own (``custom_vjp``, ``custom_jvp``) in a recording.

A recording holds the elementary steps inside such a function, and derivatives of a recording are the derivatives of
these steps. Where the user's rule says something else, that must not pass in silence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.trace.recording import Recording


class CustomRuleWarning(UserWarning):
    """The function's own derivative is not the derivative of its recorded steps."""


def warn_of_custom_rules(recording: Recording) -> None:
    """Compare the engine's reverse mode on the function itself with reverse mode on the recorded steps."""
    function = recording.function
    inputs = [k for k, index in enumerate(recording.inputs) if recording.nodes[index].differentiable]
    outputs = [
        k
        for k, index in enumerate(recording.outputs)
        if recording.nodes[index].differentiable and index in recording.active
    ]
    if function is None or not inputs or not outputs:
        return
    leaves = list(recording.arguments)

    def direct(*values: Any) -> tuple[Any, ...]:
        arguments = list(leaves)
        for k, value in zip(inputs, values, strict=True):
            arguments[k] = value
        results = function(*arguments)
        return tuple(results[k] for k in outputs)

    def replayed(*values: Any) -> tuple[Any, ...]:
        given = dict(zip(recording.inputs, leaves, strict=True))
        given.update({recording.inputs[k]: value for k, value in zip(inputs, values, strict=True)})
        targets = [recording.outputs[k] for k in outputs]
        values_at = recording.replay(given, targets)
        return tuple(values_at[index] for index in targets)

    starts = [leaves[k] for k in inputs]
    weights = tuple(_weights(recording.nodes[recording.outputs[k]].value) for k in outputs)
    pairs = zip(_pulled(recording, direct, starts, weights), _pulled(recording, replayed, starts, weights), strict=True)
    if not all(_agree(one, other) for one, other in pairs):
        warnings.warn(
            "the derivative of the function differs from the derivative of its recorded steps: it uses custom_vjp or "
            "custom_jvp (or is not deterministic). This trace or graph shows the steps inside and their derivatives; "
            "use grad or vjp for the derivative with the custom rule",
            CustomRuleWarning,
            stacklevel=2,
        )


def _weights(value: np.ndarray) -> np.ndarray:
    """A cotangent without symmetry, so that differences do not cancel."""
    return np.cos(np.arange(value.size)).reshape(value.shape).astype(value.dtype)


def _pulled(
    recording: Recording, f: Callable[..., Any], starts: list[np.ndarray], weights: tuple[np.ndarray, ...]
) -> list[np.ndarray]:
    _, pullback = recording.engine.vjp(f, *starts)
    # An array that requires gradients may be captured: this is no place to record into its graph.
    return [np.asarray(recording.engine.stop_gradient(entry)) for entry in pullback(weights)]


def _agree(one: np.ndarray, other: np.ndarray) -> bool:
    accuracy = np.finfo(one.dtype).eps ** 0.5
    largest = np.max(np.abs(one), initial=0.0, where=np.isfinite(one))
    return bool(np.allclose(one, other, rtol=accuracy, atol=accuracy * largest, equal_nan=True))
