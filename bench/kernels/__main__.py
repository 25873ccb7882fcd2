"""`python -m bench.kernels PROGRAM [--threads 1 2] [--parts functions products rows]`: every kernel beside NumPy.

Our kernels, NumPy as installed and, for products, NumPy with OpenBLAS's best core type for this machine take turns; the
best of the rounds is kept. Products are also a share of the multiply-add peak measured in the same run, sums and
additions of the copy bandwidth. `--rows FILE` keeps the rows of several runs together (a run of everything takes
minutes), and `--document docs` writes `kernels.md` and `kernels.png` of all rows in the file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from .document import PARTS, Row, write

BEST_CORE = "SKYLAKEX"  # OpenBLAS's kernels for AVX-512, which it does not choose by itself everywhere


def ours(program: str, threads: int, part: str) -> tuple[str, float, dict[tuple[str, str], float]]:
    """The instruction set, the peak of all threads and the seconds of every kernel."""
    lines = subprocess.run(
        [program, str(threads), part], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    peak, times = 0.0, {}
    for line in lines[1:]:
        name, dtype, _, value = line.split()
        if name == "peak":
            peak = max(peak, float(value))
        else:
            times[name, dtype] = float(value)
    return lines[0].lstrip("# "), peak, times


def theirs(names: list[tuple[str, str]], threads: int, core: str = "") -> dict[tuple[str, str], float]:
    """NumPy's seconds, NaN where it has no such function."""
    environment = dict(os.environ, OPENBLAS_NUM_THREADS=str(threads), **({"OPENBLAS_CORETYPE": core} if core else {}))
    text = "".join(f"{name} {dtype}\n" for name, dtype in names)
    command = [sys.executable, "-m", "bench.kernels.numpy_times"]
    out = subprocess.run(command, check=True, input=text, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return dict(zip(names, map(float, out.split()), strict=True))


def smaller(a: dict[tuple[str, str], float], b: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """The best of two rounds."""
    return {name: min(seconds, a.get(name, seconds)) for name, seconds in b.items()}


def measure(program: str, threads: int, part: str, rounds: int) -> list[Row]:
    """The rows of one part, the contestants taking turns."""
    peak, mine, numpy, forced = 0.0, {}, {}, {}
    for _ in range(rounds):
        isa, seen, times = ours(program, threads, part)
        peak, mine = max(peak, seen), smaller(mine, times)
        numpy = smaller(numpy, theirs(list(mine), threads))
        if part == "products":
            forced = smaller(forced, theirs([n for n in mine if n[0].startswith("matmul")], threads, BEST_CORE))
    return [
        Row(part, name, dtype, threads, seconds, numpy[name, dtype], forced.get((name, dtype), float("nan")), peak, isa)
        for (name, dtype), seconds in mine.items()
    ]


def main() -> int:
    """Measure, print, keep, document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="bench_kernels, built by tests/cpp/CMakeLists.txt")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rows", type=Path, help="a file of rows: those of this run replace or join it")
    parser.add_argument("--document", type=Path, help="write kernels.md and kernels.png into this folder")
    options = parser.parse_args()
    kept: list[Row] = []
    if options.rows and options.rows.exists():
        kept = [Row(*row) for row in json.loads(options.rows.read_text())]
    for threads in options.threads:
        for part in options.parts:
            rows = measure(options.program, threads, part, options.rounds)
            print(f"# {part}, {threads} thread(s), peak {rows[0].peak * 1e-9:.1f} GF/s on {rows[0].isa}")
            for row in rows:
                print(row.line(), flush=True)
            kept = [row for row in kept if (row.part, row.threads) != (part, threads)] + rows
    if options.rows:
        options.rows.write_text(json.dumps(kept))
    if options.document:
        write(options.document, kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
