"""What is written down of an Array: its text, its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _core


def plain(x: Any) -> Any:
    """A NumPy array to write down, also of a parameter: what is written down has no derivative to lose.

    Values that are being differentiated are refused as everywhere.
    """
    return np.asarray(x.detach() if x.requires_grad else x)


def tolist(self: Any) -> Any:
    """The numbers as nested Python lists; the numbers of a value that carries a derivative carry theirs."""
    return _numbers(self.astype(float)) if _core.is_differentiated(self) else plain(self).tolist()


def _numbers(x: Any) -> Any:
    return [_numbers(part) for part in x] if _core.shape_of(x) else _core.as_weak(x)


def array_repr(value: Any, note: str) -> str:
    text = np.array2string(value, separator=", ", prefix="Array(")
    if value.dtype not in (np.float64, np.int64, np.bool_):
        text += f", dtype={value.dtype}"
    return f"Array({text}{', ' + note if note else ''})"


def array_str(self: Any) -> str:
    return repr(self) if _core.is_batched(self) else str(_core.stop_gradient(self).numpy())


def array_format(self: Any, spec: str) -> str:
    return format(_core.stop_gradient(self).item(), spec) if spec else str(self)
