"""The operations of the problem programs, written as anyone would write them in NumPy.

Every function takes the NumPy-like namespace first (``wengert.numpy``, ``wengert.reference.numpy``), then its
arguments. Class labels are plain integers: they index, and have no derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

Operation = Callable[..., Any]


def relu3(np: Any, a: Any) -> Any:
    """3 max(a, 0), with derivative 0 at 0."""
    return 3 * np.maximum(a, 0.0)


def softmax_b(np: Any, e: Any, b: Any) -> Any:
    """(1/b) log sum_i exp(b e_i), the smooth maximum."""
    return np.logsumexp(b * e) / b


def softargmax_b(np: Any, e: Any, b: Any) -> Any:
    """exp(b e_i) / sum_j exp(b e_j)."""
    return np.softmax(b * e)


def cross_entropy_with_logits(np: Any, logits: Any, label: Any) -> Any:
    """-log softmax(logits)[label]."""
    return -np.log_softmax(logits)[int(label)]


def bce_with_logits(np: Any, z: Any, y: Any) -> Any:
    """Binary cross-entropy of sigmoid(z) against y; both terms are one-signed, so nothing cancels."""
    return y * np.softplus(-z) + (1 - y) * np.softplus(z)


def bce(np: Any, p: Any, y: Any) -> Any:
    """-sum_i (y_i log p_i + (1 - y_i) log(1 - p_i))."""
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))


def nll_sum(np: Any, *pairs: Any) -> Any:
    """-(q1[y1] + q2[y2] + ...) for arguments q1, y1, q2, y2, ..."""
    picked = [q[int(y)] for q, y in zip(pairs[::2], pairs[1::2], strict=True)]
    return -reduce(lambda a, b: a + b, picked)


# identity multiplies by one, so that its result is a node of its own and not a second name of its argument
OPERATIONS: dict[str, Operation] = {
    "identity": lambda np, a: 1.0 * a,
    "add": lambda np, *terms: reduce(lambda a, b: a + b, terms),
    "sub": lambda np, a, b: a - b,
    "mul": lambda np, *factors: reduce(lambda a, b: a * b, factors),
    "neg": lambda np, a: -a,
    "recip": lambda np, a: 1 / a,
    "square": lambda np, a: a**2,
    "exp": lambda np, a: np.exp(a),
    "sin": lambda np, a: np.sin(a),
    "cos": lambda np, a: np.cos(a),
    "sin_sq": lambda np, a: np.sin(a) ** 2,
    "tanh": lambda np, a: np.tanh(a),
    "sigmoid": lambda np, a: np.sigmoid(a),
    "relu": lambda np, a: np.maximum(a, 0.0),
    "relu3": relu3,
    "matvec": lambda np, A, x: A @ x,
    "dot": lambda np, a, b: a @ b,
    "affine": lambda np, A, x, b: A @ x + b,
    "affineT": lambda np, A, x, b: A.T @ x + b,
    "affine2": lambda np, W, h, U, x, b: W @ h + U @ x + b,
    "stack_affine": lambda np, W, x1, x2, b: np.stack([W @ x1 + b, W @ x2 + b]),
    "rows_affine": lambda np, V, H, g: H @ V.T + g,
    "rows_affineT": lambda np, A, X, b: X @ A + b,
    "sum_sq": lambda np, a: np.sum(a**2),
    "sqdist": lambda np, a, b: np.sum((a - b) ** 2),
    "half_sqdist": lambda np, a, b: 0.5 * np.sum((a - b) ** 2),
    "mean_row_sqdist": lambda np, A, B: np.sum((A - B) ** 2) / A.shape[0],
    "bce": bce,
    "log_softmax": lambda np, a: np.log_softmax(a, axis=-1),
    "softmax": lambda np, a: np.softmax(a, axis=-1),
    "nll_sum": nll_sum,
    "nll_rows": lambda np, Q, y1, y2: -(Q[0, int(y1)] + Q[1, int(y2)]),
    "cross_entropy": lambda np, y, p: -np.sum(y * np.log(p)),
    "mean": lambda np, *terms: reduce(lambda a, b: a + b, terms) / len(terms),
    "softmax_b": softmax_b,
    "softargmax_b": softargmax_b,
    "stack_scalars": lambda np, *scalars: np.stack(scalars),
    "cross_entropy_with_logits": cross_entropy_with_logits,
    "bce_with_logits": bce_with_logits,
}
