"""The rows of `python -m bench.kernels`, and docs/kernels.md and docs/kernels.png of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

PARTS = ("functions", "products", "rows")


class Row(NamedTuple):
    """One kernel: seconds of ours, of NumPy as installed and with its best forced core type; NaN for none."""

    part: str
    name: str
    dtype: str
    threads: int
    ours: float
    numpy: float
    forced: float
    peak: float  # of all threads, in double precision
    isa: str

    @property
    def shape(self) -> tuple[int, ...]:
        """m, k, n of a product, the sizes of the others."""
        return tuple(map(int, self.name.rsplit("-", 1)[1].split("x")))

    @property
    def is_product(self) -> bool:
        """Whether it is measured against the peak."""
        return self.name.startswith("matmul")

    @property
    def share(self) -> float:
        """The share of the multiply-add peak; NaN for what is no product."""
        if not self.is_product:
            return math.nan
        m, k, n = self.shape
        return 2.0 * m * k * n / self.ours / (self.peak * (1 if self.dtype == "float64" else 2))

    @property
    def bandwidth(self) -> float:
        """Bytes read and written a second; NaN where the arithmetic counts."""
        kind = self.name.split("-")[0]
        passes = {"copy": 2, "sum": 1, "add_to": 3, "dot": 1, "gemv": 1, "outer": 1}.get(kind)
        if not passes:
            return math.nan
        size = self.shape[0] ** (2 if kind in {"gemv", "outer"} else 1)
        return passes * size * (8 if self.dtype == "float64" else 4) / self.ours

    def line(self) -> str:
        """For the terminal."""
        text = f"{self.name:28} {self.dtype:8} {self.threads} {self.ours * 1e6:11.3f} us"
        text += f"  NumPy {self.numpy * 1e6:11.3f} us {self.numpy / self.ours:6.2f}"
        if self.is_product:
            return text + f"  forced {self.forced / self.ours:5.2f}  of peak {self.share:6.1%}"
        return text + (f" {self.bandwidth * 1e-9:6.1f} GB/s" if self.bandwidth > 0 else "")


class Claim(NamedTuple):
    """A line of the page's first table: of all values the worst must be at least `least`."""

    text: str
    values: list[tuple[float, Row]]
    least: float

    def line(self) -> str:
        """As a row of Markdown."""
        if not self.values:
            return f"| {self.text} | not measured | |\n"
        worst, row = min(self.values, key=lambda v: v[0])
        missed = sum(value < self.least for value, _ in self.values)
        verdict = f"missed by {missed} of {len(self.values)}" if missed else f"held by {len(self.values)}"
        return f"| {self.text} | {verdict} | {worst:.2f}, {row.name} {row.dtype}, threads {row.threads} |\n"


def claims(rows: list[Row]) -> list[Claim]:
    """What is asked of the kernels."""

    def each(wanted: Callable[[Row], bool], value: Callable[[Row], float]) -> list[tuple[float, Row]]:
        return [(value(r), r) for r in rows if wanted(r)]

    def beside(r: Row, name: str) -> Row:
        return next(s for s in rows if (s.name, s.dtype, s.threads) == (name, r.dtype, r.threads))

    def plain(r: Row) -> Row:
        return beside(r, f"matmul-NN-{r.name.rsplit('-', 1)[1]}")

    def copy(r: Row) -> Row:
        return beside(r, f"copy-{r.shape[0]}")

    def square(r: Row) -> bool:
        return r.name.startswith("matmul-NN") and len(set(r.shape)) == 1

    def transposed(r: Row) -> bool:
        return r.is_product and "-NN-" not in r.name

    return [
        Claim("products n x n, n ≥ 512: share of the peak ≥ 0.85", each(
            lambda r: r.is_product and len(set(r.shape)) == 1 and r.shape[0] >= 512, lambda r: r.share), 0.85),
        Claim("products: faster than NumPy as installed, every size and shape", each(
            lambda r: r.is_product or r.name.startswith("batched"), lambda r: r.numpy / r.ours), 1.0),
        Claim("products n x n, n ≥ 64: not slower than NumPy with its best core type", each(
            lambda r: r.is_product and len(set(r.shape)) == 1 and r.shape[0] >= 64, lambda r: r.forced / r.ours), 1.0),
        Claim("transposed operands, n ≥ 64: time of NN / time ≥ 0.9", each(
            lambda r: transposed(r) and r.shape[0] >= 64, lambda r: plain(r).ours / r.ours), 0.9),
        Claim("transposed operands, n < 64: the same", each(
            lambda r: transposed(r) and r.shape[0] < 64, lambda r: plain(r).ours / r.ours), 0.9),
        Claim("softmax of rows: NumPy's time / ours ≥ 3", each(
            lambda r: r.name.startswith("softmax"), lambda r: r.numpy / r.ours), 3.0),
        Claim("sums: bandwidth / copy's ≥ 0.8", each(
            lambda r: r.name.startswith("sum"), lambda r: r.bandwidth / copy(r).bandwidth), 0.8),
        Claim("additions: bandwidth / copy's ≥ 0.8", each(
            lambda r: r.name.startswith("add_to"), lambda r: r.bandwidth / copy(r).bandwidth), 0.8),
        Claim("handing a loop to the second thread: 1.5 us / time ≥ 1", each(
            lambda r: r.name == "fork-join", lambda r: 1.5e-6 / r.ours), 1.0),
    ]  # fmt: skip


HEAD = """# Kernels beside NumPy

Written by `python -m bench.kernels PROGRAM --threads 1 2 --document docs` on {isa}, with as many threads for NumPy.
Ratio: NumPy's (or SciPy's) time divided by ours, above 1 we are faster; "forced" is NumPy with
`OPENBLAS_CORETYPE=SKYLAKEX`. Of peak: the share of the multiply-add peak measured in the same run, {peaks}.
GB/s: bytes read and written. Elementwise functions: 4096 elements, in cache, one thread.

| asked | | worst |
|---|---|---|
{claims}
![The same as a plot](kernels.png)

| kernel | type | threads | time (us) | NumPy (us) | ratio | forced | of peak | GB/s |
|---|---|---|---|---|---|---|---|---|
"""


def cells(r: Row) -> Iterable[str]:
    """The columns of a row; empty where there is no such number."""

    def shown(value: float, text: str) -> str:
        return "" if math.isnan(value) else text.format(value)

    yield from (r.name, r.dtype, str(r.threads), f"{r.ours * 1e6:.3f}", shown(r.numpy * 1e6, "{:.3f}"))
    yield from (shown(r.numpy / r.ours, "{:.2f}"), shown(r.forced / r.ours, "{:.2f}"))
    yield from (shown(r.share, "{:.0%}"), shown(r.bandwidth * 1e-9, "{:.0f}"))


def write(folder: Path, rows: list[Row]) -> None:
    """The page and the plot, into ``folder``."""
    best = {t: max(r.peak for r in rows if r.threads == t) for t in sorted({r.threads for r in rows})}
    peaks = ", ".join(f"{peak * 1e-9:.0f} GF/s with {t} thread(s)" for t, peak in best.items())
    text = HEAD.format(isa=rows[0].isa, peaks=peaks, claims="".join(c.line() for c in claims(rows)))
    order = {part: i for i, part in enumerate(PARTS)}
    for r in sorted(rows, key=lambda r: (order[r.part], r.threads)):
        text += f"| {' | '.join(cells(r))} |\n"
    (folder / "kernels.md").write_text(text)
    plot(folder / "kernels.png", rows)


def plot(path: Path, rows: list[Row]) -> None:
    """Left: square products, share of the peak over size. Right: elementwise functions, our time over NumPy's."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 6))
    for dtype, threads in sorted({(r.dtype, r.threads) for r in rows if r.is_product}):
        square = [r for r in rows if r.name.startswith("matmul-NN") and (r.dtype, r.threads) == (dtype, threads)]
        points = [(r.shape[0], 100 * r.share) for r in square if len(set(r.shape)) == 1]
        left.plot(*zip(*points, strict=True), marker=".", label=f"{dtype}, {threads} thread(s)")
    left.set(xscale="log", xlabel="n", ylabel="% of the multiply-add peak", ylim=(0, 100), title="n x n products")
    left.legend()
    functions = [r for r in rows if r.name.startswith("elementwise-") and not math.isnan(r.numpy)]
    names = list(dict.fromkeys(r.name.split("-", 1)[1] for r in functions))
    for shift, dtype in ((-0.2, "float64"), (0.2, "float32")):
        ratio = {r.name.split("-", 1)[1]: r.ours / r.numpy for r in functions if r.dtype == dtype}
        shown = [n for n in names if n in ratio]
        right.barh([names.index(n) + shift for n in shown], [ratio[n] for n in shown], 0.4, label=dtype)
    right.axvline(1, color="black", linewidth=0.8)
    right.set_yticks(range(len(names)), names, fontsize=7)
    right.set(xscale="log", title="our time / NumPy's or SciPy's, 4096 elements")
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=70)
