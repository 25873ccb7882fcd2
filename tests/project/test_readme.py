"""What the README says is true: its commands are the ones that are tested, its code runs, its table is the real one."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_two_commands_come_after_one_example():
    first, second = blocks("bash")[:2]
    assert "pip install '.[demo]' && python -m wengert demo" in first
    assert second == "pip install '.[test]' && pytest\n"
    assert README[: README.index(second)].count("```python") == 1


def test_continuous_integration_runs_the_second_command():
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("not a clone")
    pattern = re.search(r"grep -m 1 -E \"(.*?)\" README\.md", script.read_text(encoding="utf-8"))
    assert [line for line in README.splitlines() if re.search(pattern[1], line)] == ["pip install '.[test]' && pytest"]


@pytest.fixture(scope="module")
def session():
    """Every Python block of the README, run in order: the names they define and what each printed."""
    names, printed = {"__name__": "readme"}, []
    for number, code in enumerate(blocks("python"), start=1):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, f"README.md, block {number}", "exec"), names)
        printed.append(out.getvalue())
    return names, printed


def test_the_gradient_takes_less_than_eight_lines(session):
    assert len([line for line in blocks("python")[0].splitlines() if line]) < 8
    numbers = [float(x) for x in session[1][0].strip().strip("[]").split()]
    # d/dx (tanh(x) x²) = (1 - tanh(x)²) x² + 2 x tanh(x)
    assert numbers == pytest.approx([0.65873, 1.94316, 4.13871], abs=1e-4)


def test_both_training_loops_learn(session):
    names, _ = session
    assert float(names["value"]) < names["loss"]({"w": [0.0] * 3, "b": 0.0})
    best = float(names["value"])
    assert float(names["error"].item()) == pytest.approx(best, rel=0.05)


def test_forward_mode(session):
    names, _ = session
    assert names["velocity"] == pytest.approx(names["jacobian"][:, 0])


def test_the_trace_is_printed_as_shown(session):
    shown = blocks("text")[0]
    assert shown.strip() in "\n".join(line.rstrip() for line in session[1][-1].splitlines())
