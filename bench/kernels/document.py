"""Writes docs/kernels.md and docs/kernels.png from the rows of one run of `python -m bench.kernels`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One kernel: seconds of ours and of NumPy's (or SciPy's), and for products the share of the peak in percent."""

    name: str
    dtype: str
    threads: int
    ours: float
    theirs: float | None
    share: float | None


HEAD = """# Kernels beside NumPy

Written by `python -m bench.kernels PROGRAM --document docs`, everything in one run on {isa};
NumPy with {threads} thread(s).
{load}Ratio: NumPy's (or SciPy's) time divided by ours, above 1 we are faster. Of peak: the share of the multiply-add
peak measured in the same run, {peak:.0f} GF/s a core in double precision. Elementwise functions: 4096 elements,
in cache.

![The same as a plot](kernels.png)

| kernel | type | time (us) | NumPy (us) | ratio | of peak |
|---|---|---|---|---|---|
"""
BUSY = """**The machine was busy: load average {before:.1f} on {cores} cores before the run, {after:.1f} after it.**
Calls of more than a few milliseconds (products from n = 768, arrays of 10^7) lost time to other programs:
they are no measure of the kernels.
"""


def write(folder: Path, rows: list[Row], isa: str, peak: float, threads: int, before: float) -> None:
    """The table and the plot, into ``folder``; ``before`` is the load average when the run began."""
    after = os.getloadavg()[0]
    load = BUSY.format(before=before, after=after, cores=os.cpu_count()) if before > 1 else ""
    lines = [HEAD.format(isa=isa, threads=threads, load=load, peak=peak * 1e-9)]
    for r in rows:
        theirs, ratio = (f"{r.theirs * 1e6:.3f}", f"{r.theirs / r.ours:.2f}") if r.theirs else ("", "")
        share = f"{r.share:.0f} %" if r.share else ""
        lines.append(f"| {r.name} | {r.dtype} | {r.ours * 1e6:.3f} | {theirs} | {ratio} | {share} |\n")
    (folder / "kernels.md").write_text("".join(lines))
    plot(folder / "kernels.png", rows)


def plot(path: Path, rows: list[Row]) -> None:
    """Left: square products, share of the peak over size. Right: elementwise functions, our time over NumPy's."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 6))
    for dtype in ("float64", "float32"):
        square = [r for r in rows if r.name.startswith("matmul-NN") and r.dtype == dtype and r.share]
        points = [(int(r.name.rsplit("x", 1)[1]), r.share) for r in square if len(set(r.name[10:].split("x"))) == 1]
        left.plot(*zip(*points, strict=True), marker=".", label=dtype)
    left.set(xscale="log", xlabel="n", ylabel="% of the multiply-add peak", ylim=(0, 100), title="n x n products")
    left.legend()
    functions = [r for r in rows if r.name.startswith("elementwise-") and r.theirs]
    names = list(dict.fromkeys(r.name.split("-", 1)[1] for r in functions))
    for shift, dtype in ((-0.2, "float64"), (0.2, "float32")):
        ratio = {r.name.split("-", 1)[1]: r.ours / r.theirs for r in functions if r.dtype == dtype and r.theirs}
        shown = [n for n in names if n in ratio]
        right.barh([names.index(n) + shift for n in shown], [ratio[n] for n in shown], 0.4, label=dtype)
    right.axvline(1, color="black", linewidth=0.8)
    right.set_yticks(range(len(names)), names, fontsize=7)
    right.set(xscale="log", title="our time / NumPy's or SciPy's, 4096 elements")
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=70)
