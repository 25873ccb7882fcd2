"""A slice of fuzz_callables.py; minutes of it are run by hand, see CONTRIBUTING.md."""

import pathlib
import subprocess
import sys

# Words of calls that are passed over: lists that contain themselves or are emptied by their own items.
AVOID = ["itself", "emptier", "__array_ufunc__"]


def test_ten_seconds_of_calls_with_bad_arguments():
    script = pathlib.Path(__file__).parent / "fuzz_callables.py"
    command = [sys.executable, str(script), "10", "--avoid", *AVOID]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "calls in" in result.stdout
