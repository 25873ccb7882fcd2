"""R1 to R4: tanh RNNs with an output and a label at every step; `h` means products hoisted out of the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wengert.demo.by_hand import cross_entropy

from bench.case import Case


def inputs(steps: int, batch: int, sizes: tuple[int, int, int], dtype: type) -> Callable[[bool], tuple[Any, ...]]:
    """Parameters U, W, b, V, c, then data x (steps, batch, in), labels (steps, batch) and the initial state."""

    def make(tiny: bool) -> tuple[Any, ...]:
        rng = np.random.default_rng(7)
        t, m, (n_in, n, n_out) = (3, 2, (4, 5, 3)) if tiny else (steps, batch, sizes)

        def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
            return (scale * rng.normal(size=shape)).astype(dtype)

        u, w, v = (normal(a, b, scale=a**-0.5) for a, b in ((n_in, n), (n, n), (n, n_out)))
        b, c = normal(n, scale=0.1), normal(n_out, scale=0.1)
        return u, w, b, v, c, normal(t, m, n_in), rng.integers(0, n_out, (t, m)), np.zeros((m, n), dtype)

    return make


def step_by_step(xp: Any, u: Any, w: Any, b: Any, v: Any, c: Any, x: Any, labels: Any, h: Any) -> Any:
    loss = 0.0
    for t in range(len(x)):
        h = xp.tanh(x[t] @ u + h @ w + b)
        loss = loss + xp.cross_entropy(h @ v + c, labels[t])
    return loss / len(x)


def scanned(xp: Any, u: Any, w: Any, b: Any, v: Any, c: Any, x: Any, labels: Any, h: Any) -> Any:
    def step(h: Any, row: Any) -> Any:
        x, labels = row
        h = xp.tanh(x @ u + h @ w + b)
        return h, xp.cross_entropy(h @ v + c, labels)

    _, losses = xp.scan(step, h, (x, labels))
    return xp.sum(losses) / len(x)


def step_by_step_by_hand(u: Any, w: Any, b: Any, v: Any, c: Any, x: Any, labels: Any, h: Any) -> Any:
    steps = len(x)
    states, cotangents, loss = [h], [], 0.0
    for t in range(steps):
        h = np.tanh(x[t] @ u + h @ w + b)
        step_loss, d_logits = cross_entropy(h @ v + c, labels[t])
        d_logits /= steps
        loss += step_loss
        states.append(h)
        cotangents.append(d_logits)
    du, dw, db, dv, dc = (np.zeros_like(p) for p in (u, w, b, v, c))
    dh = np.zeros_like(h)
    for t in reversed(range(steps)):
        h, d_logits = states[t + 1], cotangents[t]
        dv += h.T @ d_logits
        dc += d_logits.sum(axis=0)
        dz = (dh + d_logits @ v.T) * (1 - h * h)
        du += x[t].T @ dz
        dw += states[t].T @ dz
        db += dz.sum(axis=0)
        dh = dz @ w.T
    return loss / steps, (du, dw, db, dv, dc)


def hoisted(xp: Any, u: Any, w: Any, b: Any, v: Any, c: Any, x: Any, labels: Any, h: Any) -> Any:
    steps, batch, width = x.shape
    driven = xp.reshape(xp.reshape(x, (steps * batch, width)) @ u + b, (steps, batch, -1))
    states = []
    for t in range(steps):
        h = xp.tanh(driven[t] + h @ w)
        states.append(h)
    logits = xp.reshape(xp.stack(states), (steps * batch, -1)) @ v + c
    return xp.cross_entropy(logits, labels.reshape(-1))


def hoisted_by_hand(u: Any, w: Any, b: Any, v: Any, c: Any, x: Any, labels: Any, h: Any) -> Any:
    steps, batch, width = x.shape
    rows = x.reshape(steps * batch, width)
    driven = (rows @ u + b).reshape(steps, batch, -1)
    states = np.empty((steps + 1, batch, len(b)), x.dtype)
    states[0] = h
    for t in range(steps):
        np.tanh(driven[t] + states[t] @ w, out=states[t + 1])
    after = states[1:].reshape(steps * batch, -1)
    loss, d_logits = cross_entropy(after @ v + c, labels.reshape(-1))
    dh_out = (d_logits @ v.T).reshape(states[1:].shape)
    slopes = 1 - states[1:] * states[1:]
    dz = np.empty_like(slopes)
    dh = np.zeros_like(h)
    for t in reversed(range(steps)):
        np.multiply(dh + dh_out[t], slopes[t], out=dz[t])
        dh = dz[t] @ w.T
    flat = dz.reshape(steps * batch, -1)
    before = states[:-1].reshape(steps * batch, -1)
    return loss, (rows.T @ flat, before.T @ flat, flat.sum(axis=0), after.T @ d_logits, d_logits.sum(axis=0))


def _case(name: str, steps: int, batch: int, sizes: tuple[int, int, int], dtype: type, hoist: bool) -> Case:
    kind = np.dtype(dtype).name
    doc = f"RNN T={steps}, batch {batch}, {'-'.join(map(str, sizes))}, {kind}" + (", hoisted" if hoist else "")
    objective, by_hand = (hoisted, hoisted_by_hand) if hoist else (step_by_step, step_by_step_by_hand)
    # Compiling the unrolled loop takes JAX from ten seconds upwards.
    without = ("jax",) if steps > 50 else ()
    return Case(
        name,
        doc,
        inputs(steps, batch, sizes, dtype),
        objective,
        by_hand,
        wrt=5,
        without=without,
        scanned=None if hoist else scanned,
    )


CASES = [
    _case("R1", 3, 1, (3, 3, 3), np.float64, False),
    _case("R2", 50, 1, (16, 32, 8), np.float64, False),
    _case("R3-f64", 100, 32, (64, 128, 32), np.float64, False),
    _case("R3-f32", 100, 32, (64, 128, 32), np.float32, False),
    _case("R3h-f64", 100, 32, (64, 128, 32), np.float64, True),
    _case("R3h-f32", 100, 32, (64, 128, 32), np.float32, True),
    _case("R4-f32", 200, 64, (128, 512, 64), np.float32, False),
    _case("R4h-f32", 200, 64, (128, 512, 64), np.float32, True),
]
