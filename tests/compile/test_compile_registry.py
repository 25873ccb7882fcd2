"""Every primitive of the registry and every problem of the problem set, compiled: the function and its derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import wengert as wg
from compiled_cases import agree
from wengert.problems import load
from wengert.problems.program import input_values, program_function

wnp = wg.numpy
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", sorted(load()))
def test_the_problem_set(name):
    problem = load()[name]
    f = program_function(problem, wg)
    x = input_values(problem)
    shifted = tuple(v * 1.01 for v in x)
    agree(f, x, shifted, tol=1e-10)
    if len(problem.outputs) == 1 and np.ndim(f(*x)) == 0:
        agree(wg.value_and_grad(f, argnums=tuple(range(len(x)))), x, shifted, tol=1e-10)
        if sum(np.size(v) for v in x) < 40:
            agree(wg.hessian(lambda *a: f(*a)), x, tol=1e-9)


def operands(p, shape, rng):
    out = []
    for lo, hi in p.domain:
        lo, hi = max(lo, -2.0), min(hi, 2.0 if lo < 1 else lo + 2.0)
        out.append(rng.uniform(lo + 0.05, hi - 0.05, shape))
    return out


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((4, 5), (5,)), ((40, 20), (40, 1)), ((6, 50), ())])
@pytest.mark.parametrize(
    "p",
    [p for p in wg.primitives() if p.kind == "elementwise" and not p.params and p.arity in (1, 2)],
    ids=lambda p: p.name,
)
def test_elementwise_registry(p, shapes):
    rng = np.random.default_rng(3)
    args = [
        a if np.ndim(a) else float(a)
        for a in (operands(p, s, rng)[min(k, p.arity - 1)] for k, s in enumerate(shapes[: p.arity]))
    ]
    other = [a * 0.97 for a in args]
    f = lambda *a: wg.apply(p.name, *a)  # noqa: E731
    agree(f, tuple(args), tuple(other))
    if p.differentiable:
        loss = lambda *a: wnp.sum(f(*a) * 0.5)  # noqa: E731
        agree(wg.value_and_grad(loss, argnums=tuple(range(len(args)))), tuple(args), tuple(other), tol=1e-10)
        g = wg.grad(loss)
        agree(wg.grad(lambda *a: wnp.sum(g(*a) ** 2)), tuple(args), tol=1e-9)


@pytest.mark.parametrize("shape", [(), (40, 1), (50,), (1, 1)])
def test_functions_of_what_was_spread(shape):
    """A broadcast operand is read where it lies: also by functions of one operand."""
    f = lambda x: (wnp.tanh(wnp.broadcast_to(x, (40, 50))), wnp.broadcast_to(x > 0, (40, 50)).astype(float))  # noqa: E731
    agree(f, (RNG.normal(size=shape),), (RNG.normal(size=shape),))


STRUCTURED = {
    "where": lambda x: wnp.where(x > 0.2, x * x, -x),
    "sum": lambda x: (x.sum(), x.sum(axis=0), x.sum(axis=1, keepdims=True)),
    "mean": lambda x: (x.mean(), x.mean(axis=0), x.mean(axis=-1)),
    "prod": lambda x: x.prod(axis=1),
    "max": lambda x: (x.max(), x.max(axis=0), x.min(axis=1)),
    "logsumexp": lambda x: (wnp.logsumexp(x), wnp.logsumexp(x, axis=1)),
    "any": lambda x: ((x > 1).any(), (x > -9).all(axis=0)),
    "argmax": lambda x: (x.argmax(), x.argmin(axis=1)),
    "cumsum": lambda x: (x.cumsum(axis=0), x.cumsum(axis=1)),
    "softmax": lambda x: (wnp.softmax(x), wnp.softmax(x, axis=0)),
    "log_softmax": lambda x: (wnp.log_softmax(x), wnp.log_softmax(x, axis=0)),
    "matmul": lambda x: (x @ x.T, x[0] @ x.T, x @ x[1], x[0] @ x[1], (x[None] @ x.T)),
    "reshape": lambda x: (x.reshape(-1) * 2.0, x.T.reshape(-1), x.T.reshape(2, -1) + 1.0),
    "transpose": lambda x: (x.T * 1.5, x.T, wnp.tanh(x.T)),
    "broadcast_to": lambda x: wnp.broadcast_to(x[0], (3, *x.shape)) * 2.0,
    "astype": lambda x: (x.astype(np.float32) * 3, (x * 4).astype(np.int64) + 1),
    "concatenate": lambda x: wnp.concatenate([x, x * 2.0, x[:1]], axis=0),
    "stack": lambda x: (wnp.stack([x, x + 1.0]), wnp.stack([x, x], axis=1)),
    "slice": lambda x: (x[1:, ::2], x[0], x[..., -1], x[::-1] * 2.0),
    "gather": lambda x: x[np.array([0, 1, 0])] * x[np.array([[0, 1]]), np.array([[1, 0]])].sum(),
    "empty": lambda x: (x[:0], x[:0].sum(axis=0)),
    "flips": lambda x: wnp.flip(x, 0) + wnp.roll(x, 1, axis=1),
}


@pytest.mark.parametrize("shape", [(2, 3), (4, 40), (31, 130)])
@pytest.mark.parametrize("name", STRUCTURED)
def test_structured_registry(name, shape):
    f = STRUCTURED[name]
    x, y = RNG.normal(size=shape), RNG.normal(size=shape)
    agree(f, (x,), (y,))
    if name in ("any", "argmax"):
        return

    def loss(x):
        import optree

        total = 0.0
        for k, v in enumerate(optree.tree_leaves(f(x))):
            total = total + wnp.sum(wnp.sin(v * (k + 1.0)))
        return total

    agree(wg.value_and_grad(loss), (x,), (y,), tol=1e-10)
    if x.size < 20:
        agree(wg.hessian(loss), (x,), (y,), tol=1e-9)
    agree(lambda x: wg.jvp(loss, (x,), (wnp.cos(x),)), (x,), (y,), tol=1e-10)
