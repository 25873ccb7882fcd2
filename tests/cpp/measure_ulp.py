"""Measure the largest error of every elementwise kernel against mpmath, in units of the last place.

    python tests/cpp/measure_ulp.py build/cpp/evaluate            # the table, to standard output
    python tests/cpp/measure_ulp.py build/cpp/evaluate --write docs/ulp.md

Exit status 1 if a function breaks its contract (2 ulp; 4 for pow, erfinv, lgamma, digamma).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mpmath as mp
import numpy as np

mp.mp.prec = 160
mp.mp.dps = 60

SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 1.5, 3.0, 10.0, 0.55, 0.66, 0.85, 1.4616, 8.0, 700.0, -700.0]
CONTRACT = {"pow": 4.0, "erfinv": 4.0, "lgamma": 4.0, "digamma": 4.0}
# The doubles found nearest to zeros of digamma: of all down to -2^23, and of all multiples of 2^-20 down to -2^46.
NEAREST = [-0.5040830082644554, -87.80536027839507, -2977.8808777877402, -6066919.936815942, -60.79246998985628]
NEAREST += [-163103138241.96146, -22128151158.95826, -10775906060323.967, -3405080959.9547462, -51417573706.95967]


def sigmoid(x: mp.mpf) -> mp.mpf:
    return 1 / (1 + mp.exp(-x))


def softplus(x: mp.mpf) -> mp.mpf:
    return mp.log1p(mp.exp(-abs(x))) + max(x, 0)


def lgamma(x: mp.mpf) -> mp.mpf:
    return mp.loggamma(x) if x > 0 else mp.log(mp.pi / abs(mp.sinpi(x))) - mp.loggamma(1 - x)


def digamma(x: mp.mpf) -> mp.mpf:
    return mp.digamma(x) if x > 0 else mp.digamma(1 - x) - mp.pi * mp.cospi(x) / mp.sinpi(x)


def trigamma(x: mp.mpf) -> mp.mpf:  # mpmath's own takes |x| steps left of 0
    return mp.psi(1, x) if x > 0 else (mp.pi / mp.sinpi(x)) ** 2 - mp.psi(1, 1 - x)


def logaddexp(a: mp.mpf, b: mp.mpf) -> mp.mpf:
    top, low = max(a, b), min(a, b)
    return mp.log1p(mp.expm1(top) + mp.exp(low)) if abs(top) < 1 else top + mp.log1p(mp.exp(low - top))


REFERENCE: dict[str, Callable] = {
    "exp": mp.exp,
    "exp2": lambda x: mp.power(2, x),
    "expm1": mp.expm1,
    "log": mp.log,
    "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10,
    "log1p": mp.log1p,
    "sqrt": mp.sqrt,
    "rsqrt": lambda x: 1 / mp.sqrt(x),
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "log_sigmoid": lambda x: -softplus(-x),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "sinpi": mp.sinpi,
    "cospi": mp.cospi,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "erfinv": lambda x: mp.sign(x) * mp.inf if abs(x) == 1 else mp.erfinv(x),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "lgamma": lgamma,
    "digamma": digamma,
    "trigamma": trigamma,
    "atan2": mp.atan2,
    "pow": mp.power,
    "hypot": mp.hypot,
    "logaddexp": logaddexp,
}
# Where the sample is taken; elsewhere the result is NaN or another row of the function's special values.
DOMAIN = {
    "log": (0, np.inf),
    "log2": (0, np.inf),
    "log10": (0, np.inf),
    "sqrt": (0, np.inf),
    "rsqrt": (0, np.inf),
    "log1p": (-1, np.inf),
    "acosh": (1, np.inf),
    "atanh": (-1, 1),
    "asin": (-1, 1),
    "acos": (-1, 1),
    "erfinv": (-1, 1),
    "digamma": (-1e15, 1e15),
    "trigamma": (-1e15, 1e15),
}
# Functions that only huge arguments make slow in mpmath.
MODEST = {"exp", "exp2", "expm1", "sinh", "cosh", "tanh", "sigmoid", "erf", "erfc", "gelu", "softplus", "log_sigmoid"}


def sample(name: str, dtype: type, n: int, rng: np.random.Generator) -> np.ndarray:
    """Arguments of every size the type has, dense where functions bend, and special ones."""
    info = np.finfo(dtype)
    bits = rng.integers(0, 2**info.bits, n // 4, dtype=np.uint64).astype(f"u{info.bits // 8}").view(dtype)
    sign = rng.choice([-1.0, 1.0], n)
    u = rng.random(n)
    parts = [
        bits,
        2 * (sign * u),
        40 * (sign * u),
        750 * (sign * u),
        sign * np.exp(-40 * u),
        1 + sign * np.exp(-36 * u),
    ]
    with np.errstate(invalid="ignore", over="ignore"):
        x = np.concatenate([p[: n // 4].astype(dtype) for p in parts] + [np.array(SPECIAL, dtype)])
    lo, hi = DOMAIN.get(name, (-np.inf, np.inf))
    x = x[np.isfinite(x)]
    if name in ("lgamma", "digamma"):
        x = np.concatenate([x, beside_zeros(name, dtype)])
    if name in ("lgamma", "digamma", "trigamma"):  # the poles have their own values
        x = x[(x > 0) | (x != np.trunc(x))]
    if name == "atan2":  # mpmath has no signed zero
        x = x[x != 0]
    if name in MODEST:
        x = x[np.abs(x) < 1e5]
    if name in ("pow", "logaddexp"):
        x = x[(np.abs(x) < 1e3) & (np.abs(x) > 1e-30)]
    if name == "pow":
        x = np.abs(x)
    inside = (x > lo) & (x < hi)
    return x[inside | ((x == lo) & (name not in ("lgamma", "digamma", "trigamma", "log", "log2", "log10", "rsqrt")))]


def digamma_zero(n: int) -> mp.mpf:
    """The zero of digamma between the poles -n - 1 and -n, from about where pi cot(pi x) = log(1 - x)."""
    z = -n - 1 + mp.acot(mp.log(n + 1) / mp.pi) / mp.pi
    for _ in range(8):
        step = digamma(z) / trigamma(z)
        z -= step
        if abs(step) < mp.mpf(2) ** -80:
            break
    return z


def lgamma_zeros(n: int) -> list[mp.mpf]:
    """The zeros of lgamma between the poles -n - 1 and -n, by bisection of the two sides of the minimum between."""
    middle, near, found = digamma_zero(n), mp.mpf(10) ** -30, []
    for lo, hi in ((-n - 1 + near, middle), (-n - near, middle)):
        for _ in range(150):
            t = (lo + hi) / 2
            lo, hi = (t, hi) if lgamma(t) > 0 else (lo, t)
        found.append(lo)
    return found


def beside_zeros(name: str, dtype: type) -> np.ndarray:
    """Arguments at every distance from the first zeros, and the numbers nearest to many more."""
    if name == "lgamma":  # beyond -18 the zeros are nearer to the poles than any number
        zeros = [mp.mpf(1), mp.mpf(2)] + [z for n in range(2, 20) for z in lgamma_zeros(n)]
    else:
        zeros = [mp.findroot(mp.digamma, 1.46)] + [digamma_zero(n) for n in range(200)]
    x = [z * (1 + side * mp.mpf(2) ** -k) for z in zeros[:14] for k in range(5, 55) for side in (-1, 1)]
    near = np.array([float(z) for z in zeros] + (NEAREST if name == "digamma" else [])).astype(dtype)
    below = above = near
    parts = [np.array([float(v) for v in x]).astype(dtype), near]
    for _ in range(3):
        below, above = np.nextafter(below, dtype(-np.inf)), np.nextafter(above, dtype(np.inf))
        parts += [below, above]
    return np.concatenate(parts)


def beside_curve(n: int, dtype: type, rng: np.random.Generator) -> list[np.ndarray]:
    """Pairs at every distance from the curve exp(a) + exp(b) = 1, where logaddexp is 0, and a little left of 0."""
    tiny = -np.exp(-rng.uniform(0, 100 if dtype is np.float32 else 740, n))
    a = np.concatenate([-rng.random(n), -np.exp(-rng.uniform(0, 30, n)), tiny])
    b = np.log(-np.expm1(a)) * (1 + rng.choice([-1, 1], 3 * n) * 2.0 ** -rng.uniform(0, 60, 3 * n))
    below = -1.5 * rng.random(n)
    a, b = np.append(a, below), np.append(b, below - np.exp(rng.uniform(-3, 3, n)))
    return [x.astype(dtype) for x in (a, b)]


def evaluate(program: str, isa: str, name: str, dtype: type, arguments: list[np.ndarray]) -> np.ndarray:
    kind = "f64" if dtype is np.float64 else "f32"
    data = b"".join(a.astype(dtype).tobytes() for a in arguments)
    out = subprocess.run([program, isa, name, kind], input=data, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(out, dtype)


def error_in_ulp(expected: mp.mpf, got: float, dtype: type) -> float:
    info = np.finfo(dtype)
    largest = mp.mpf(float(info.max))
    if abs(expected) > largest:
        beyond = abs(expected) >= largest * (1 + mp.mpf(float(info.eps)) / 4)
        return 0.0 if (np.isinf(got) and mp.sign(expected) == np.sign(got)) or not beyond else np.inf
    if not np.isfinite(got):
        return np.inf
    exponent = int(mp.floor(mp.log(abs(expected), 2))) if expected != 0 else info.minexp
    unit = mp.mpf(2) ** (max(exponent, info.minexp) - info.nmant)
    return float(abs(mp.mpf(got) - expected) / unit)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluate", help="the program built from evaluate.cpp")
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--only", nargs="*", help="names of functions")
    parser.add_argument("--write", type=Path, help="write the table to this file")
    options = parser.parse_args()
    listing = subprocess.run([options.evaluate], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    isas, functions = listing[0].split(","), [line.split() for line in listing[1:]]
    rows, failures = [], 0
    for name, arity in functions:
        if options.only and name not in options.only:
            continue
        row = []
        for dtype in (np.float64, np.float32):
            rng = np.random.default_rng(5)
            arguments = [sample(name, dtype, options.samples, rng) for _ in range(int(arity))]
            n = min(map(len, arguments))
            arguments = [a[:n] for a in arguments]
            if name == "pow":
                arguments[1] = arguments[1] * rng.choice([-1, 1], n).astype(dtype)
            if name == "logaddexp":
                more = beside_curve(options.samples // 4, dtype, rng)
                arguments = [np.concatenate(pair) for pair in zip(arguments, more, strict=True)]
            expected = [mp.mpf(REFERENCE[name](*(mp.mpf(float(a)) for a in at))) for at in zip(*arguments, strict=True)]
            for isa in isas:
                results = evaluate(options.evaluate, isa, name, dtype, arguments)
                error = max(error_in_ulp(e, float(r), dtype) for e, r in zip(expected, results, strict=True))
                failures += error > CONTRACT.get(name, 2.0)
                row.append(f"{error:.2f}")
        half = len(isas)
        rows.append((name, [x for pair in zip(row[:half], row[half:], strict=True) for x in pair]))
        print(name, *row, file=sys.stderr, flush=True)
    columns = [f"{isa} f64 | f32" for isa in isas]
    text = "# Accuracy of the elementwise kernels\n\n"
    text += "Largest error found against mpmath, in units of the last place (0.5: correctly rounded), for each\n"
    text += f"instruction set. {options.samples} samples a region and special arguments; written by\n"
    text += "`python tests/cpp/measure_ulp.py`. The contract is 2 ulp; 4 for pow, erfinv, lgamma and digamma.\n\n"
    text += "| function | " + " | ".join(columns) + " |\n" + "|---" * (1 + 2 * half) + "|\n"
    for name, values in rows:
        text += f"| {name} | " + " | ".join(values) + " |\n"
    if options.write:
        options.write.write_text(text)
    else:
        print(text)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
