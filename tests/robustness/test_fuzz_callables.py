"""A slice of fuzz_callables.py; minutes of it are run by hand, see CONTRIBUTING.md."""

import pathlib
import subprocess
import sys


def test_ten_seconds_of_calls_with_bad_arguments():
    script = pathlib.Path(__file__).parent / "fuzz_callables.py"
    command = [sys.executable, str(script), "10"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "calls in" in result.stdout
