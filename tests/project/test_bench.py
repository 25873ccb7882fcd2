"""Every benchmark runs once, with tiny inputs, and every derivative that is timed is right."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rich")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import chains, compile, guards, libraries, memory, overhead, report, run, scaling, steps, timing
from bench.case import Case, disagreement, leaves
from bench.goals import Goal, ratio
from bench.kernels import document, numpy_times
from bench.libraries.library import split
from bench.workloads import CASES

OURS = {name: libraries.get(name) for name in ("wengert", "reference")}


def by_differences(case, inputs):
    """The derivative of a case by central differences of its objective, evaluated by NumPy through the reference."""
    arrays, counts = split(inputs)
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
    ours = OURS | {name: libraries.get(name) for name in ("compiled", "compiled-scan")}
    calls = run.contestants(case, ours, tiny=True)  # raises AssertionError if they differ
    assert list(calls) == ["numpy", *OURS, "compiled"] + ["compiled-scan"] * (case.scanned is not None)
    for call in calls.values():
        assert all(np.isfinite(leaf).all() for leaf in leaves(call()))


@pytest.mark.filterwarnings("ignore")  # theirs, not ours
@pytest.mark.parametrize("peer", libraries.PEERS)
def test_peers_agree_where_they_are_installed(peer):
    if peer not in libraries.installed():
        pytest.skip(f"{peer} is not installed")
    library = libraries.get(peer)
    done = [name for name, case in CASES.items() if peer in run.contestants(case, {peer: library}, tiny=True)]
    wanted = {"S3", "R1"} if getattr(library, "scans", False) else {"S1", "J1g"}
    assert wanted <= set(done)


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


@pytest.mark.parametrize("chain", chains.CHAINS, ids=lambda c: c.name)
@pytest.mark.parametrize("length", chains.LENGTHS)
def test_overhead_measures_what_it_says(chain, length):
    calls = chains.measurements(chain, length, OURS, count=4)
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
    printed = capsys.readouterr().out
    assert "J1g" in printed
    assert "10 operations on length 1000" in printed


def test_every_section_of_overhead_runs(tmp_path, capsys):
    out = tmp_path / "out.json"
    overhead.main(["--tiny", "--json", str(out)])
    printed = "".join(capsys.readouterr().out.split())  # titles are broken where the tables are narrow
    document = json.loads(out.read_text())
    titles = [r["title"] for r in document["reports"]]
    assert all("".join(title.split()) in printed for title in titles)
    assert len(titles) == 12
    assert {g["verdict"] for g in document["goals"]} <= {"held", "missed", "not measured"}
    assert sum("recorded" in g["what"] for g in document["goals"]) == 4
    with pytest.raises(SystemExit):
        overhead.main(["slicse"])
    assert "no section is called slicse" in capsys.readouterr().err


def test_goals():
    goal = Goal("something", 2.0, 1.0)
    assert goal.verdict == "missed"
    assert Goal("something", 1.0, 1.0).verdict == "held"
    assert Goal("something", None, 1.0).verdict == "not measured"
    slow, fast = (timing.Timing(*[t] * 3) for t in (2.0, 1.0))
    assert ratio("x", {"wengert": fast, "torch": slow}, "torch", 0.5).measured == 0.5
    assert ratio("x", {"wengert": fast}, "torch", 0.5).measured is None


def test_slices_and_threads_are_right():
    calls = scaling.slice_loops(6, OURS)
    assert list(calls) == ["numpy", "wengert", "reference"]  # checked against the hand-written gradient
    assert disagreement(calls["wengert"](), by_differences_of_rows(6)) <= 1e-6
    for tasks in scaling.thread_tasks(tiny=True).values():
        (value, grad), *others = [*tasks["one thread"](), *tasks["two threads"]()]
        assert len(others) == 15
        for v, g in others:
            assert v == value
            np.testing.assert_array_equal(g, grad)


def by_differences_of_rows(steps):
    """Value and gradient of the recurrence of bench.scaling, the gradient by central differences."""
    x = 0.1 * np.random.default_rng(2).normal(size=(steps, scaling.WIDTH))

    def f(x):
        return float(scaling._read_rows(OURS["reference"].xp, x))

    grad = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-6
        grad[index] = (f(x + step) - f(x - step)) / 2e-6
    return f(x), (grad,)


def test_memory_is_measured_in_another_process():
    m = memory.measured("wengert", "chain", 1000)
    assert 0 < m["before"] <= m["peak"]
    with pytest.raises(RuntimeError, match="nonsense"):
        memory.measured("nonsense", "chain", 10)


def test_unknown_workloads_are_named(capsys):
    with pytest.raises(SystemExit):
        run.main(["S1", "Z9"])
    assert "no workload is called Z9" in capsys.readouterr().err


def kernel_rows(**seconds):
    part = {"softmax": "rows", "copy": "rows", "sum": "rows"}
    names = {"nn": "matmul-NN-512x512x512", "nt": "matmul-NT-512x512x512", "copy": "copy-1000000", "sum": "sum-1000000"}
    rows = [(names.get(n, n), t) for n, t in seconds.items()]
    return [
        document.Row(
            part.get(name.split("-")[0], "products"), name, "float64", 1, t, 1.0, 1.0, 2.0 * 512**3, "x86-64-v4", 0.0
        )
        for name, t in rows
    ]


def test_the_page_of_kernels_says_what_is_held_and_what_is_missed(tmp_path):
    pytest.importorskip("matplotlib")
    held = {c.text.split(":")[0]: c.line() for c in document.claims(kernel_rows(nn=0.9, nt=0.95, copy=2e-6, sum=1e-6))}
    assert "held by 2" in held["products n x n, n ≥ 512"]
    assert "held by 1" in held["transposed operands, n ≥ 64"]
    assert "held by 1 | 1.00, sum-1000000" in held["sums of 10⁶ and more"]
    assert "not measured" in held["softmax of rows"]
    rows = kernel_rows(nn=1.2, nt=1.5, copy=1e-6, sum=1e-6)
    missed = {c.text.split(":")[0]: c.line() for c in document.claims(rows)}
    assert "missed by 2 of 2 | 0.67, matmul-NT" in missed["products n x n, n ≥ 512"]
    assert "missed by 2 of 2" in missed["products"]
    assert "missed by 1 of 1 | 0.80" in missed["transposed operands, n ≥ 64"]
    assert "missed by 1 of 1 | 0.50" in missed["sums of 10⁶ and more"]
    document.write(tmp_path, rows)
    assert "| matmul-NT-512x512x512 | float64 | 1 | 1500000.000 |" in (tmp_path / "kernels.md").read_text()


@pytest.mark.parametrize(
    "name", ["matmul-TN-3x4x5", "batched-10x4x4", "gemv-T-5", "outer-4", "softmax-3x4", "sum-7", "dot-7", "copy-7"]
)
def test_numpy_has_the_work_of_every_kernel(name):
    assert numpy_times.numpy_time(name, "float32") > 0


def test_what_numpy_lacks_is_left_out():
    assert numpy_times.numpy_time("elementwise-gelu", "float64") is None
    assert numpy_times.numpy_time("fork-join", "float64") is None


def test_checks_and_threads():
    for calls in guards.measurements(tiny=True).values():  # raises AssertionError if they differ
        assert all(call() is not None for call in calls.values())
    for one, two, cores in guards.scaling(tiny=True, rounds=1, seconds=0.01).values():
        assert min(one, two, cores) > 0
