"""Numbers that are too large are refused with a reason, before threads, arrays or recordings of that size are made."""

import os
import subprocess
import sys

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp


def run(program, **environment):
    """A program in an interpreter of its own; what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, env={**os.environ, **environment}
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("n", [0, -1, 1025, 10**6, 2**31, 2**63, -(2**70), 10**30])
def test_threads_are_bounded(n):
    before = wg.show_config(print_it=False)["threads"]
    with pytest.raises(ValueError, match=f"from 1 to 1024 threads, got {n}"):
        wg.set_num_threads(n)
    assert wg.show_config(print_it=False)["threads"] == before


@pytest.mark.parametrize("n", [1.5, "2", None, [2], np.ones(2)])
def test_threads_are_a_whole_number(n):
    with pytest.raises(TypeError):
        wg.set_num_threads(n)


def test_threads_of_the_environment_are_bounded():
    program = "import wengert as wg; print(wg.show_config(print_it=False)['threads'])"
    assert run(program, WENGERT_NUM_THREADS="1000000000") == "1024"
    assert run(program, WENGERT_NUM_THREADS="3") == "3"


COUNTING = """
import resource
import wengert as wg, wengert.numpy as wnp
f = wg.compile({f})
f(1.0)  # what is imported late
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (300 << 20), size + (300 << 20)))  # an array of the counters has 800 MB
print(wg.compile({g})(1.0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("body", "value"), [("c", 1.0), ("c + i", 1.0 + 1e8 * (1e8 - 1) / 2)])
def test_a_loop_makes_no_array_of_its_counters(body, value):
    f, g = (f"lambda x: wg.fori_loop(0, {n}, lambda i, c: {body}, x)" for n in (10, 10**8))
    assert float(run(COUNTING.format(f=f, g=g))) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("n", [1, 4, 7, 8, 9, 12, 15])  # pieces of four and what is left over
@pytest.mark.parametrize("lower", [0, -3, 5])
def test_the_counter_of_a_loop(lower, n, monkeypatch):
    monkeypatch.setattr("wengert.program.loops._BLOCK", 4)
    x = wg.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])

    def f(x):
        return wg.fori_loop(lower, lower + n, lambda i, c: c * x[i % 8] + i, wnp.sum(x) * 0.1)

    np.testing.assert_allclose(wg.compile(f)(x), f(x))
    np.testing.assert_allclose(wg.compile(wg.grad(f))(x), wg.grad(f)(x))
    np.testing.assert_allclose(wg.grad(wg.compile(f))(x), wg.grad(f)(x))
    tangent = wnp.ones_like(x)
    np.testing.assert_allclose(wg.compile(lambda x: wg.jvp(f, (x,), (tangent,)))(x), wg.jvp(f, (x,), (tangent,)))
    assert float(wg.compile(lambda x: wg.fori_loop(lower, lower + n, lambda i, c: i, 0))(x)) == lower + n - 1
    assert wg.compile(f)(x).dtype == np.float64


LONG = """
import numpy as np, wengert as wg, wengert.numpy as wnp
def f(x):
    for _ in range(100):
        x = wnp.tanh(x)  # keeps 8 MB a step
    return wnp.sum(x)
try:
    print({run})
except MemoryError as error:
    print("MemoryError", error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "transform", ["wg.grad(f)", "wg.compile(wg.grad(f))", "lambda x: f(wg.array(x, requires_grad=True))"]
)
def test_a_recording_that_does_not_fit_says_so(transform):
    program = LONG.format(run=f"np.sum(({transform})(np.ones(10**6))) > 0")
    out = run(program, WENGERT_MEMORY_SHARE="0.0001")
    assert out.startswith("MemoryError wengert: "), out
    assert "over 0 % of the memory" in out
    assert "wengert.checkpoint" in out
    assert run(program, WENGERT_MEMORY_SHARE="1") == "True"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_array_larger_than_the_memory():
    with open("/proc/meminfo") as file:
        rows = dict(line.split(":") for line in file)
    total = 1024 * (int(rows["MemTotal"].split()[0]) + int(rows["SwapTotal"].split()[0]))
    with pytest.raises(MemoryError):
        wnp.tanh(wg.array(np.broadcast_to(1.0, (total // 8,))))
