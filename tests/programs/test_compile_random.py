"""Random programs: compiled equals eager in values, gradients and Hessian products, whichever branches inputs take."""

from __future__ import annotations

import numpy as np
import wengert as wg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wengert import _core
from wengert.program.compiled import _loaded

wnp = wg.numpy

UNARY = ["tanh", "sin", "exp", "square", "negative", "absolute", "sigmoid", "relu"]
BINARY = ["add", "subtract", "multiply", "maximum"]
STEPS = st.tuples(
    st.sampled_from(
        [
            "unary",
            "binary",
            "binary",
            "row",
            "column",
            "scalar",
            "matmul",
            "sum",
            "mean",
            "slice",
            "join",
            "put",
            "gather",
            "transpose",
            "reshape",
            "where",
            "branch",
            "while",
            "count",
            "softmax",
            "repeat",
            "divide",
        ]
    ),
    st.integers(0, 1000),
    st.integers(0, 1000),
    st.integers(0, 1000),
)


def program(steps, rows, cols):
    """A function of two (rows, cols) arrays and an index array; every value keeps that shape."""

    def f(x, y, index):
        values = [wg.asarray(x), wg.asarray(y)]
        for kind, a, b, c in steps:
            u, v = values[a % len(values)], values[b % len(values)]
            if kind == "unary":
                r = getattr(wnp, UNARY[c % len(UNARY)])(u * 0.5)
            elif kind == "binary":
                r = getattr(wnp, BINARY[c % len(BINARY)])(u, v)
            elif kind == "divide":
                r = u / (1.5 + v * v)
            elif kind == "row":
                r = u + v[c % rows] * 0.5
            elif kind == "column":
                r = u * v[:, c % cols : c % cols + 1]
            elif kind == "scalar":
                r = u * v[c % rows, b % cols] + 0.0
            elif kind == "matmul":
                r = (u @ wnp.transpose(v)) @ u * 0.1
            elif kind == "sum":
                r = u + wnp.sum(v, axis=c % 2, keepdims=True) * 0.1
            elif kind == "mean":
                r = u - wnp.mean(v)
            elif kind == "slice":
                r = u[::-1] * v[:, ::-1]
            elif kind == "join":
                r = wnp.concatenate([u[: c % rows], v[c % rows :]], axis=0)
            elif kind == "put":
                r = u * 1.0
                r[c % rows] = v[a % rows] * 2.0
                r[:, b % cols] += 1.0
            elif kind == "gather":
                r = u[index] + v
            elif kind == "transpose":
                r = wnp.transpose(wnp.transpose(u) * 2.0)
            elif kind == "reshape":
                r = wnp.reshape(wnp.reshape(u, (cols, rows)) * 0.5, (rows, cols))
            elif kind == "where":
                r = wnp.where(u > v, u * 0.5, wnp.sqrt(wnp.abs(v)))
            elif kind == "branch":
                r = wnp.sin(u) if u[c % rows, b % cols] > 0.3 else u * v
            elif kind == "while":  # a loop whose length depends on values
                r = u
                while wnp.sum(r * r) > 0.5 * rows * cols:
                    r = r * 0.8 + 0.01 * v
            elif kind == "count":
                r = u
                for k in range(int(wnp.abs(v[c % rows, b % cols]) * 2.0)):
                    r = wnp.sin(r) + v * (0.1 * k)
            elif kind == "softmax":
                r = wnp.softmax(u, axis=c % 2) + wnp.log_softmax(v, axis=-1) * 0.1
            else:
                r = u
                for _ in range(c % 4 + 1):
                    r = wnp.tanh(r + v)
            values.append(wnp.clip(r, -3.0, 3.0) if c % 5 == 0 else wnp.tanh(r) * 2.0)
        total = wnp.sum(values[-1] * 1.0)
        for v in values[2:-1:3]:
            total = total + wnp.sum(v) * 0.25
        return total

    return f


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(STEPS, min_size=1, max_size=14), st.integers(1, 5), st.integers(1, 5), st.booleans(), st.integers(0, 2**31)
)
def test_random_programs(steps, rows, cols, wide, seed):
    if wide:
        rows, cols = rows * 7, cols * 40
    rng = np.random.default_rng(seed)
    f = program(steps, rows, cols)
    gradient = wg.value_and_grad(f, argnums=(0, 1))
    compiled, compiled_gradient = wg.compile(f), wg.compile(gradient)
    product = lambda x, y, i: wg.jvp(lambda z: wg.grad(f)(z, y, i), (x,), (y,))[1]  # noqa: E731
    compiled_product = wg.compile(product)
    for _ in range(3):
        args = (rng.normal(size=(rows, cols)), rng.normal(size=(rows, cols)), rng.integers(-rows, rows, rows))
        for _ in range(2):
            scale = 1 + abs(float(f(*args)))
            np.testing.assert_allclose(float(compiled(*args)), float(f(*args)), rtol=1e-9, atol=1e-9 * scale)
            v, g = gradient(*args)
            w, h = compiled_gradient(*args)
            np.testing.assert_allclose(float(w), float(v), rtol=1e-9, atol=1e-9 * scale)
            for p, q in zip(h, g, strict=True):
                np.testing.assert_allclose(p, q, rtol=1e-8, atol=1e-8 * (1 + np.abs(q).max()))
            loaded = _loaded(_core.compiled_bytes(compiled_gradient, "f", True), 2**30)
            again, derivatives = loaded(*args)
            np.testing.assert_allclose(float(again), float(w), rtol=1e-12, atol=1e-12 * scale)
            for p, q in zip(derivatives, h, strict=True):
                np.testing.assert_allclose(p, q, rtol=1e-10, atol=1e-10 * (1 + np.abs(q).max()))
        if not wide:
            q = np.asarray(product(*args))
            np.testing.assert_allclose(
                np.asarray(compiled_product(*args)), q, rtol=1e-7, atol=1e-7 * (1 + np.abs(q).max())
            )
