"""NumPy's (or SciPy's) time for the work of a kernel, by the kernel's name.

Reads lines of name and type, prints a line of seconds (or nan) for each. A process of its own, because OpenBLAS
reads its thread count and core type when it is loaded.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def best_time(f: Callable[[], object]) -> float:
    """The best of several batches, each long enough for the clock."""
    start = time.perf_counter()
    f()
    once = time.perf_counter() - start
    repeats, best = max(1, int(1e-3 / once)), once
    for _ in range(5 if once > 0.05 else 15):
        start = time.perf_counter()
        for _ in range(repeats):
            f()
        best = min(best, (time.perf_counter() - start) / repeats)
    return best


def numpy_time(name: str, dtype: str) -> float | None:
    """The same work in NumPy; None where it has no such function."""
    import numpy as np

    kind, _, rest = name.partition("-")
    rng = np.random.default_rng(0)

    def real(*shape: int) -> np.ndarray:
        return rng.random(shape).astype(dtype)

    if kind == "matmul":
        form, _, shape = rest.partition("-")
        m, k, n = map(int, shape.split("x"))
        a, b, c = real(m, k), real(k, n), np.empty((m, n), dtype)
        a = np.asfortranarray(a) if form[0] == "T" else a
        b = np.asfortranarray(b) if form[1] == "T" else b
        return best_time(lambda: np.matmul(a, b, out=c))
    if kind == "batched":
        a, b = real(10000, 4, 4), real(10000, 4, 4)
        c = np.empty_like(a)
        return best_time(lambda: np.matmul(a, b, out=c))
    if kind == "gemv":
        form, _, size = rest.partition("-")
        a, x, y = real(int(size), int(size)), real(int(size)), np.empty(int(size), dtype)
        a = a.T if form == "T" else a
        return best_time(lambda: np.matmul(a, x, out=y))
    if kind == "outer":
        x, c = real(int(rest)), np.empty((int(rest), int(rest)), dtype)
        return best_time(lambda: np.multiply.outer(x, x, out=c))
    if kind == "softmax":
        x = real(*map(int, rest.split("x")))

        def softmax() -> object:
            e = np.exp(x - x.max(axis=-1, keepdims=True))
            return e / e.sum(axis=-1, keepdims=True)

        return best_time(softmax)
    if kind == "elementwise":
        return elementwise_time(rest, dtype)
    if kind in {"copy", "sum", "add_to", "dot"}:
        x = real(int(rest))
        y = x.copy()
        todo: dict[str, Callable[[], object]] = {
            "copy": lambda: np.copyto(y, x),
            "sum": x.sum,
            "add_to": lambda: np.add(y, x, out=y),
            "dot": lambda: np.dot(x, x),
        }
        return best_time(todo[kind])
    return None


def elementwise_time(name: str, dtype: str) -> float | None:
    """4096 elements through NumPy's or SciPy's function, or the usual NumPy expression."""
    import numpy as np

    aliases = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh"}
    aliases |= {"atanh": "arctanh", "atan2": "arctan2", "pow": "power"}
    x = np.linspace(0.05, 0.95, 4096).astype(dtype)
    out = np.empty_like(x)
    if name == "sigmoid":
        return best_time(lambda: 1 / (1 + np.exp(-x)))
    if name == "softplus":
        return best_time(lambda: np.logaddexp(x, 0))
    f = getattr(np, aliases.get(name, name), None)
    if f is None:
        try:
            import scipy.special
        except ImportError:
            return None
        f = getattr(scipy.special, {"lgamma": "gammaln", "digamma": "digamma"}.get(name, name), None)
    if not isinstance(f, np.ufunc):
        return None
    args = (x, x) if f.nin == 2 else (x,)
    with np.errstate(all="ignore"):
        return best_time(lambda: f(*args, out=out))


if __name__ == "__main__":
    for line in sys.stdin:
        kernel, kind = line.split()
        print(numpy_time(kernel, kind) or "nan", flush=True)
