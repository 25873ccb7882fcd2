"""Every row of edge_cases.py, to second order, in every engine; and the table of the docs says the same."""

import itertools
import math
from pathlib import Path

import edge_cases
import pytest
import wengert as wg
import wengert.reference as wr

NAMES = [f"{row.name} at {row.at}" for row in edge_cases.ROWS]
ENGINES = {"eager": wg, "reference": wr}


def derivatives(m, f):
    """Reverse mode and forward mode."""
    return [m.grad(f), lambda x: m.jvp(f, (x,), (1.0,))[1]]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("row", edge_cases.ROWS, ids=NAMES)
def test_both_modes_and_their_nestings(row, engine):
    m = ENGINES[engine]

    def f(x):
        return row.f(m.numpy, x)

    assert [d(row.at) for d in derivatives(m, f)] == pytest.approx([row.first] * 2, nan_ok=True)
    if row.second is not None:
        found = [e(row.at) for d in derivatives(m, f) for e in derivatives(m, d)]
        assert found == pytest.approx([row.second] * 4)


@pytest.mark.parametrize("row", edge_cases.ROWS, ids=NAMES)
def test_compiled(row):
    """The program is recorded elsewhere, so that the replay meets the point as any other."""
    for derivative, expected in zip(derivatives(wg, lambda x: row.f(wg.numpy, x)), [row.first] * 2, strict=True):
        compiled = wg.compile(derivative)
        for x in (row.at + 0.25, row.at, row.at):
            value = compiled(x)
        assert value == pytest.approx(expected, nan_ok=True)


def test_the_documented_table_is_this_one():
    lines = (Path(__file__).parents[2] / "docs" / "edges.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert rows == [table_row(row) for row in edge_cases.ROWS]


def table_row(row):
    second = "" if row.second is None else number(row.second)
    return f"| `{row.name}` | {number(row.at)} | {number(row.first)} | {second} |"


def number(x):
    return "-π²/3" if math.isclose(x, -(math.pi**2) / 3) else f"{x:g}"


def test_two_spellings_agree():
    """Rows at the same point whose functions are equal around it have equal derivatives."""
    families = [
        ["relu(x)", "maximum(x, 0)", "maximum(0, x)", "where(x > 0, x, 0)", "clip(x, 0, 1)"],
        ["abs(x)", "sqrt(x**2)", "maximum(x, -x)", "hypot(x, 0)"],
        ["x**2", "power(x, 2.0)", "square(x)", "x * x"],
    ]
    at_zero = {row.name: row for row in edge_cases.ROWS if row.at == 0.0}
    for family in families:
        for a, b in itertools.pairwise(family):
            assert at_zero[a].first == at_zero[b].first, (a, b)
