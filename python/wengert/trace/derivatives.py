"""Derivatives of every node of a recording at once: one forward pass for tangents, one sweep for adjoints.

Adjoints come from a replay in which an offset of zero is added to every node: the derivative with respect to the
offset is the derivative with respect to the node through everything downstream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wengert._internals.tree import tree_flatten
from wengert.trace.recording import Recording


def tangents_of(recording: Recording, tangents: Any) -> dict[int, np.ndarray] | None:
    """The tangent of every real node when the inputs move along ``tangents``; None when none are given."""
    if tangents is None:
        return None
    moving = [index for index in dict.fromkeys(recording.inputs) if recording.nodes[index].differentiable]
    direction = _direction(recording, tangents)
    targets = [n.index for n in recording.nodes if n.index in recording.active and n.differentiable]
    given = {index: recording.nodes[index].value for index in recording.inputs}

    def run(*values: Any) -> tuple[Any, ...]:
        replayed = recording.replay({**given, **dict(zip(moving, values, strict=True))}, targets)
        return tuple(replayed[index] for index in targets)

    primals = tuple(recording.nodes[index].value for index in moving)
    _, results = recording.engine.jvp(run, primals, tuple(direction[index] for index in moving))
    return {index: np.asarray(result) for index, result in zip(targets, results, strict=True)}


def _direction(recording: Recording, tangents: Any) -> dict[int, np.ndarray]:
    """A tangent per input node, in the node's shape and type."""
    given: dict[int, Any] = {}
    if isinstance(tangents, Mapping):
        known = dict(zip(recording.input_names, recording.inputs, strict=True))
        known.update({n.label: n.index for n in recording.nodes if n.label and n.index in recording.inputs})
        for name, tangent in tangents.items():
            if name not in known:
                raise KeyError(f"no input is called {name!r}; the inputs are {', '.join(known)}")
            given[known[name]] = tangent
    else:
        entries: Any = tangents if isinstance(tangents, tuple) else (tangents,)
        leaves, tree = tree_flatten(entries)
        if tree != recording.input_tree:
            raise ValueError(
                "tangents must be a tuple with one entry per argument, each a tree like its argument, "
                "or a dict from input names to tangents"
            )
        given = dict(zip(recording.inputs, leaves, strict=True))
    return {index: _like(recording, index, given.get(index)) for index in recording.inputs}


def _like(recording: Recording, index: int, tangent: Any) -> np.ndarray:
    value = recording.nodes[index].value
    if tangent is None:
        return np.zeros_like(value)
    result = np.asarray(tangent, dtype=value.dtype)
    if result.shape != value.shape:
        name = recording.input_names[recording.inputs.index(index)]
        raise ValueError(f"the tangent of {name} has shape {result.shape}, the input has shape {value.shape}")
    return result


def adjoints_of(recording: Recording, cotangent: Any) -> dict[int, np.ndarray] | None:
    """The adjoint of every real node for the given cotangent of the outputs (1 for a single scalar output)."""
    values = [recording.nodes[index].value for index in recording.outputs]
    if cotangent is None:
        if len(values) != 1 or values[0].ndim != 0 or not recording.nodes[recording.outputs[0]].differentiable:
            return None
        weights = [np.ones_like(values[0])]
    else:
        weights = _weights(recording, cotangent, values)
    return sweep(recording, recording.outputs, weights)


def _weights(recording: Recording, cotangent: Any, values: list[np.ndarray]) -> list[np.ndarray]:
    leaves, tree = tree_flatten(cotangent)
    if tree != recording.output_tree:
        raise ValueError("the cotangent must be a tree like the function's result")
    weights = [np.asarray(w, dtype=v.dtype) for w, v in zip(leaves, values, strict=True)]
    for weight, value in zip(weights, values, strict=True):
        if weight.shape != value.shape:
            raise ValueError(f"the cotangent has shape {weight.shape}, the output has shape {value.shape}")
    return weights


def upstream(recording: Recording, of: Sequence[int]) -> list[int]:
    """The real nodes that the nodes ``of`` depend on, themselves included, in order."""
    reached = set(of)
    for node in reversed(recording.nodes):
        if node.index in reached:
            reached.update(node.args)
    return [i for i in sorted(reached) if i in recording.active and recording.nodes[i].differentiable]


def shifted(recording: Recording, of: Sequence[int], nodes: Sequence[int]) -> Callable[..., tuple[Any, ...]]:
    """The replay up to ``of`` as a function of one offset for each of ``nodes``."""

    def run(*offsets: Any) -> tuple[Any, ...]:
        values = recording.replay({}, of, dict(zip(nodes, offsets, strict=True)))
        return tuple(values[index] for index in of)

    return run


def no_offsets(recording: Recording, nodes: Sequence[int]) -> list[np.ndarray]:
    """Offsets of -0.0, which leave every value as it is, signed zeros included."""
    return [np.full_like(recording.nodes[index].value, -0.0) for index in nodes]


def sweep(recording: Recording, of: Sequence[int], weights: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """One reverse sweep: the adjoint of every real node, zero where ``of`` does not depend on it."""
    result = {
        n.index: np.zeros_like(n.value) for n in recording.nodes if n.differentiable and n.index in recording.active
    }
    nodes = upstream(recording, of)
    if nodes:
        run, offsets = shifted(recording, of, nodes), no_offsets(recording, nodes)
        _, pullback = recording.engine.vjp(run, *offsets)
        adjoints = pullback(tuple(weights))
        result.update({index: np.asarray(a) for index, a in zip(nodes, adjoints, strict=True)})
    return result


def jacobians(recording: Recording, of: int) -> dict[int, np.ndarray]:
    """Derivative of node ``of`` with respect to every real node upstream, of shape shape(of) + shape(node)."""
    nodes = upstream(recording, (of,))
    value = recording.nodes[of].value
    if value.ndim == 0:
        found = sweep(recording, (of,), [np.ones_like(value)])
        return {index: found[index] for index in nodes}
    run = shifted(recording, (of,), nodes)
    rows = recording.engine.jacrev(lambda *offsets: run(*offsets)[0], argnums=tuple(range(len(nodes))))
    return {index: np.asarray(j) for index, j in zip(nodes, rows(*no_offsets(recording, nodes)), strict=True)}
