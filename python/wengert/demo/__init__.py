"""`python -m wengert demo`: the problem set checked by every engine, then two networks trained on real digits.

Files in reading order: `models` (the networks, in wengert), `by_hand` (the same steps differentiated by hand in NumPy),
`digits` (the data), `training` (the loop that runs both side by side), `show` (what is printed and drawn).
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_EXTRAS = ("sklearn", "rich", "matplotlib")


def missing_extras() -> list[str]:
    """Names of the demo's packages that are not installed."""
    return [name for name in _EXTRAS if importlib.util.find_spec(name) is None]


def run(out: Path = Path("wengert-demo.png"), epochs: int | None = None, seed: int = 0) -> int:
    """Runs the whole demo and returns 0, or 1 if a check failed or a network learnt too little."""
    missing = missing_extras()
    if missing:
        print(
            f"The demo needs {', '.join(missing)}, not installed here. Try: pip install 'wengert[demo]'",
            file=sys.stderr,
        )
        return 1

    from wengert.demo import show

    return show.run(out, epochs, seed)
