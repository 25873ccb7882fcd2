"""Some of the functions of `fuzz_captures.py`."""

from __future__ import annotations

from collections import Counter

import pytest
from fuzz_captures import one


@pytest.mark.parametrize("seed", range(0, 400, 40))
def test_captures_that_change_between_calls(seed):
    counts: Counter = Counter()
    for k in range(seed, seed + 40):
        one(k, counts)
    assert counts["replays"] > 50
