"""M1 to M3: tanh networks with softmax cross-entropy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from wengert.demo.by_hand import cross_entropy

from bench.case import LEARNING_RATE, Case


def inputs(sizes: tuple[int, ...], batch: int, dtype: type) -> Callable[[bool], tuple[Any, ...]]:
    """Weights and biases of every layer in turn, then the data (batch, in) and the labels (batch,)."""

    def make(tiny: bool) -> tuple[Any, ...]:
        rng = np.random.default_rng(5)
        widths = (5, *(4,) * (len(sizes) - 2), 3) if tiny else sizes
        rows = 6 if tiny else batch
        params: list[np.ndarray] = []
        for a, b in itertools.pairwise(widths):
            params += [(rng.normal(size=(a, b)) * a**-0.5).astype(dtype), (0.1 * rng.normal(size=b)).astype(dtype)]
        return *params, rng.normal(size=(rows, widths[0])).astype(dtype), rng.integers(0, widths[-1], rows)

    return make


def objective(xp: Any, *args: Any) -> Any:
    *params, h, labels = args
    last = len(params) - 2
    for i in range(0, len(params), 2):
        h = h @ params[i] + params[i + 1]
        if i < last:
            h = xp.tanh(h)
    return xp.cross_entropy(h, labels)


def by_hand(*args: Any) -> Any:
    *params, h, labels = args
    activations = [h]
    last = len(params) - 2
    for i in range(0, last, 2):
        h = np.tanh(h @ params[i] + params[i + 1])
        activations.append(h)
    loss, d = cross_entropy(h @ params[last] + params[last + 1], labels)
    grads: list[np.ndarray] = []
    for i in range(last, -1, -2):
        h = activations.pop()
        grads += [d.sum(axis=0), h.T @ d]
        if i:
            d = d @ params[i].T
            d *= 1 - h * h
    return loss, tuple(reversed(grads))


def update_by_hand(*args: Any) -> Any:
    _, grads = by_hand(*args)
    for p, g in zip(args, grads, strict=False):
        p -= LEARNING_RATE * g
    return args[: len(grads)]


def _case(name: str, sizes: tuple[int, ...], batch: int, dtype: type, what: str = "gradient") -> Case:
    doc = f"MLP {'-'.join(map(str, sizes))}, batch {batch}, {what}, {np.dtype(dtype).name}"
    manual = update_by_hand if what == "update" else by_hand
    return Case(name, doc, inputs(sizes, batch, dtype), objective, manual, wrt=2 * (len(sizes) - 1), what=what)


CASES = [
    _case("M1", (16, 32, 4), 32, np.float64),
    _case("M2-f64", (784, 256, 256, 10), 64, np.float64, "update"),
    _case("M2-f32", (784, 256, 256, 10), 64, np.float32, "update"),
    _case("M3-f32", (1024, 2048, 2048, 1000), 512, np.float32),
    _case("M3-f64", (1024, 2048, 2048, 1000), 512, np.float64),
]
