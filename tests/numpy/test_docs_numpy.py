"""docs/numpy.md: every row names a test that exists; and the rows that no other file tests."""

from __future__ import annotations

import bisect
import contextlib
import re
from pathlib import Path

import numpy as np
import pytest
import wengert as wg

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "numpy.md").read_text()
TESTS = {file.name: file for file in (ROOT / "tests").rglob("test_*.py")}


def test_every_row_has_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "| test |" not in line]
    assert len(rows) > 20
    for row in rows:
        found = re.search(r"`(test_\w+\.py)::(test_\w+)` \|$", row)
        assert found, row
        assert f"def {found[2]}(" in TESTS[found[1]].read_text(), row


def test_iteration():
    x = wg.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    want = np.asarray(x)
    for way in (list, reversed, iter, tuple):
        np.testing.assert_array_equal([np.asarray(row) for row in way(x)], list(way(want)))
    a, b, c = x
    a += 10.0  # a row is a view
    assert x[0, 0].item() == 11.0
    assert b[1].item() == 4.0
    assert len(c) == 2
    assert [(i, float(v)) for i, v in zip(range(2), x[2], strict=True)] == [(0, 5.0), (1, 6.0)]
    assert 4.0 in list(x[1])
    assert 4.0 in x[1]
    assert 9.0 not in x[1]
    for refused in (iter, reversed, len):
        with pytest.raises(TypeError):
            refused(wg.array(1.0))
    rows = iter(x)
    del x
    assert sum(1 for _ in rows) == 3
    assert next(rows, None) is None
    g = wg.grad(lambda v: sum(k * t**2 for k, t in enumerate(reversed(v))))
    np.testing.assert_array_equal(g(np.array([1.0, 2.0, 3.0])), [4.0, 4.0, 0.0])


def test_bisect_is_refused_or_right():
    x = wg.array([0.1, 0.5, 0.9])
    with contextlib.suppress(TypeError):
        assert bisect.bisect(x, 0.6) == 2
    assert np.searchsorted(x, 0.6) == 2
