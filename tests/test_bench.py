"""Every benchmark runs once, with tiny inputs, and every derivative that is timed is right."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rich")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import compile, libraries, overhead, report, run, steps, timing
from bench.case import Case, disagreement, leaves
from bench.workloads import CASES

OURS = {name: libraries.get(name) for name in ("wengert", "reference")}


def by_differences(case, inputs):
    """The derivative of a case by central differences of its objective, evaluated by NumPy through the reference."""
    arrays, counts = libraries.split(inputs)
    xp = OURS["reference"].xp

    def f(*args):
        return np.asarray(case.objective(xp, *args, *counts), dtype=np.float64)

    gradients = []
    for k in range(case.wrt):
        x = np.asarray(arrays[k], dtype=np.float64)
        columns = []
        for index in np.ndindex(x.shape):
            values = []
            for sign in (1, -1):
                moved = x.copy()
                moved[index] += sign * 1e-6
                values.append(f(*arrays[:k], moved, *arrays[k + 1 :]))
            columns.append((values[0] - values[1]) / 2e-6)
        gradients.append(np.stack(columns, axis=-1).reshape(columns[0].shape + x.shape))
    return (f(*arrays), tuple(gradients)) if case.what == "gradient" else gradients[0]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_workload_agrees_with_the_hand_written_derivative(case):
    calls = run.contestants(case, OURS, tiny=True)  # raises AssertionError if they differ
    assert list(calls) == ["numpy", "wengert", "reference"]
    for call in calls.values():
        assert all(np.isfinite(leaf).all() for leaf in leaves(call()))


@pytest.mark.filterwarnings("ignore")  # theirs, not ours
@pytest.mark.parametrize("peer", libraries.PEERS)
def test_peers_agree_where_they_are_installed(peer):
    if peer not in libraries.installed():
        pytest.skip(f"{peer} is not installed")
    library = libraries.get(peer)
    done = [name for name, case in CASES.items() if peer in run.contestants(case, {peer: library}, tiny=True)]
    assert "S1" in done
    assert "J1g" in done


@pytest.mark.parametrize("name", ["S1", "S2", "S3", "S4-10", "R1", "R3h-f64", "M1", "J1g", "J3", "E1", "E2-f64"])
def test_hand_written_derivatives_agree_with_differences(name):
    case = CASES[name]
    inputs = case.inputs(True)
    assert disagreement(case.by_hand(*inputs), by_differences(case, inputs)) <= 1e-6


def test_a_wrong_derivative_is_not_timed():
    good = CASES["J1g"]

    def wrong(x):
        value, (grad,) = good.by_hand(x)
        return value, (grad * 1.001,)

    case = Case("wrong", "off by 0.1 %", good.inputs, good.objective, wrong)
    with pytest.raises(AssertionError, match="wengert differs"):
        run.contestants(case, {"wengert": OURS["wengert"]}, tiny=True)


@pytest.mark.parametrize("chain", overhead.CHAINS, ids=lambda c: c.name)
@pytest.mark.parametrize("length", overhead.LENGTHS)
def test_overhead_measures_what_it_says(chain, length):
    calls = overhead.measurements(chain, length, OURS, count=4)
    assert {what: list(by) for what, by in calls.items()} == {
        "value": ["numpy", "wengert", "reference"],
        "recorded": ["wengert", "reference"],
        "value+grad": ["numpy", "wengert", "reference"],
    }
    want = calls["value"]["numpy"]()
    for name in OURS:
        np.testing.assert_allclose(np.asarray(calls["value"][name]()), want, rtol=1e-12)
        np.testing.assert_allclose(np.asarray(calls["recorded"][name]()[0]), want, rtol=1e-12)


@pytest.mark.parametrize("task", steps.TASKS, ids=lambda t: t.name)
def test_steps(task):
    pytest.importorskip("sklearn")
    calls = steps.measurements(task, 3)
    for what in ("gradient", "step"):
        assert list(calls[what]) == ["numpy", "wengert"]
    # Two steps on one batch: both optimisers move, and alike.
    first, second = ([calls["step"][who]() for who in ("numpy", "wengert")] for _ in range(2))
    np.testing.assert_allclose(first[0], first[1], rtol=1e-10)
    np.testing.assert_allclose(second[0], second[1], rtol=1e-10)
    assert second[0] < first[0]


def test_timing_takes_turns(monkeypatch):
    turns = []
    contestants = {"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}
    result = timing.interleaved(contestants, rounds=3, sample=0.0)
    assert re.fullmatch("(aa)(bb)abbaab", "".join(turns))
    assert list(result) == ["a", "b"]
    assert 0 < result["a"].fastest <= result["a"].median <= result["a"].slowest


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.50 s"), (0.0123, "12.3 ms"), (4.44e-7, "444 ns"), (9e-6, "9.00 µs")]
)
def test_durations(seconds, text):
    assert report.duration(seconds) == text


def test_the_commands_print_a_table_and_write_json(tmp_path, capsys):
    out = tmp_path / "out.json"
    run.main(["S1", "J1g", "--tiny", "--rounds", "1", "--json", str(out)])
    document = json.loads(out.read_text())
    assert [row["name"] for row in document["reports"][0]["rows"]] == ["S1", "J1g"]
    assert document["machine"]["versions"]["numpy"] == np.__version__
    assert set(document["reports"][0]["rows"][0]["seconds"]) == {"numpy", "wengert"}
    compile.main(["--tiny", "--rounds", "1"])
    overhead.main(["--tiny"])
    printed = capsys.readouterr().out
    assert "J1g" in printed
    assert "10 operations on length 1000" in printed
    assert "length 1000" in printed


def test_unknown_workloads_are_named(capsys):
    with pytest.raises(SystemExit):
        run.main(["S1", "Z9"])
    assert "no workload is called Z9" in capsys.readouterr().err
