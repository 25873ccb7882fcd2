"""Large captured arrays whose elements decide what a function does: however that is written, a replay sees it."""

from __future__ import annotations

import numpy as np
import pytest
import wengert as wg
from exposed_programs import CASES, DATA, OURS, WHERE, N, X
from wengert.program.verified import difference


def change(rng):
    DATA[...] = rng.standard_normal((N, N))
    OURS[...] = rng.standard_normal((N, N))
    WHERE[...] = rng.integers(0, N, N * N)


@pytest.mark.parametrize("name", CASES)
def test_elements_that_decide(name):
    f = CASES[name]
    rng = np.random.default_rng(len(name))
    change(rng)
    g = wg.compile(f)
    for k in range(8):
        if k % 3:
            change(rng)
        assert difference(f(X.copy()), g(X.copy())) is None, g.why()


@pytest.mark.parametrize("name", ["branch", "a method", "an element", "property"])
def test_why_names_the_place(name):
    g = wg.compile(CASES[name])
    g(X)
    assert "bytes that is no argument" in g.why()[0]
    assert "exposed_programs.py" in g.why()[0]


def test_a_counter_in_a_large_array():
    counter = np.zeros(N * N)

    def f(x):
        counter[0] += 1.0
        return x + counter[0]

    g = wg.compile(f)
    assert [float(g(0.0)) for _ in range(5)] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_local_that_only_looks_recorded():
    held = {"w": np.ones((N, N)), "x": None}

    def f(x):
        y = x
        for _ in range(2):
            z = y @ held["w"]
            y = z if held["x"] is None else held["x"]
        return z

    g = wg.compile(f)
    for k in range(6):
        held["w"][...] = k
        held["x"] = np.ones((4, N)) if k > 2 else None
        assert difference(f(X), g(X)) is None
