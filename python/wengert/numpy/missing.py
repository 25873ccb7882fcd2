"""What a name that the mirror lacks answers."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np


def missing_name(prefix: str, name: str, existing: Iterable[str]) -> AttributeError:
    """The error for `wengert.numpy.<prefix><name>`, with the names that come close."""
    message = f"wengert.numpy has no '{prefix}{name}'"
    if name.startswith("__"):
        return AttributeError(message)
    owner = np.linalg if prefix else np
    if hasattr(owner, name):
        message += f"; numpy.{prefix}{name} works on plain values (x.detach().numpy()), without derivatives"
    close = get_close_matches(name, list(existing), 3)
    if close:
        message += f"; there is {', '.join(prefix + c for c in close)}"
    return AttributeError(message)
