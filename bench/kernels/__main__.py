"""`python -m bench.kernels build/cpp/bench_kernels [--threads 1 2]`: every kernel beside NumPy, in one run.

Products as a share of the multiply-add peak measured in the same run and as the ratio of NumPy's time to ours (above 1:
faster than NumPy); elementwise functions and softmax as the ratio of NumPy's (or SciPy's) time to ours.
"""

from __future__ import annotations

import argparse
import os
import subprocess
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
    if kind == "matmul":
        form, _, shape = rest.partition("-")
        m, k, n = map(int, shape.split("x"))
        a, b, c = rng.random((m, k)).astype(dtype), rng.random((k, n)).astype(dtype), np.empty((m, n), dtype)
        a = np.asfortranarray(a) if form[0] == "T" else a
        b = np.asfortranarray(b) if form[1] == "T" else b
        return best_time(lambda: np.matmul(a, b, out=c))
    if kind == "batched":
        a, b = (rng.random((10000, 4, 4)).astype(dtype) for _ in range(2))
        c = np.empty_like(a)
        return best_time(lambda: np.matmul(a, b, out=c))
    if kind == "softmax":
        x = rng.random(tuple(map(int, rest.split("x")))).astype(dtype)

        def softmax() -> object:
            e = np.exp(x - x.max(axis=-1, keepdims=True))
            return e / e.sum(axis=-1, keepdims=True)

        return best_time(softmax)
    if kind == "elementwise":
        return elementwise_time(rest, dtype)
    x = rng.random(int(rest)).astype(dtype)
    y = x.copy()
    return best_time({"copy": lambda: np.copyto(y, x), "sum": x.sum, "add_to": lambda: np.add(y, x, out=y)}[kind])


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


def flops(name: str) -> float | None:
    """Multiplications and additions of a product."""
    if name.startswith("matmul"):
        m, k, n = map(int, name.rsplit("-", 1)[1].split("x"))
        return 2.0 * m * k * n
    return None


def main() -> int:
    """Run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="bench_kernels, built by tests/cpp/CMakeLists.txt")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if "OPENBLAS_NUM_THREADS" not in os.environ:  # NumPy reads it when it is imported
        os.environ["OPENBLAS_NUM_THREADS"] = str(options.threads)
        return subprocess.call([sys.executable, "-m", "bench.kernels", *sys.argv[1:]])
    peak = 0.0
    run = subprocess.Popen([options.program, str(options.threads)], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    lines = run.stdout.read().splitlines()  # to its end first: the two must not share the machine
    print(f"{'kernel':32} {'type':8} {'time':>12} {'NumPy':>12} {'ratio':>7} {'GF/s':>8} {'of peak':>8}   {lines[0]}")
    for line in lines[1:]:
        name, dtype, _, value = line.split()
        if name == "peak":
            peak = float(value)
            continue
        ours, theirs, work = float(value), numpy_time(name, dtype), flops(name)
        row = f"{name:32} {dtype:8} {ours * 1e6:9.3f} us"
        row += f" {theirs * 1e6:9.3f} us {theirs / ours:7.2f}" if theirs else " " * 21
        if work:
            limit = peak * options.threads * (1 if dtype == "float64" else 2)
            row += f" {work / ours * 1e-9:8.1f} {100 * work / ours / limit:7.1f} %"
        print(row, flush=True)
    return run.wait()


if __name__ == "__main__":
    sys.exit(main())
