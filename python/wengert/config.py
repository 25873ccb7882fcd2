"""What this installation of wengert is made of."""

from __future__ import annotations

import platform
import sys
from typing import Any

from . import _core
from ._internals import version


def show_config(print_it: bool = True) -> dict[str, Any]:
    """Prints (and returns) versions, instruction sets and threads: what to put into a bug report.

    >>> import wengert as wg
    >>> wg.show_config(print_it=False)["wengert"]
    '0.1.0'
    """
    import numpy
    import optree

    config = {
        "wengert": version,
        "python": sys.version.split()[0],
        "numpy": numpy.__version__,
        "optree": optree.__version__,
        "machine": platform.machine(),
        "instruction set": _core.active_isa(),
        "threads": _core.num_threads(),
        "supported": _core.supported_isas(),
    }
    problem = _core.dispatch_error()
    if problem:
        config["WENGERT_ISA"] = problem
    if print_it:
        for key, value in config.items():
            print(f"{key:16} {value}")
    return config


def set_num_threads(n: int) -> None:
    """At most ``n`` threads for one operation, the calling one included. Results do not depend on it, bit for bit.

    The environment variable ``WENGERT_NUM_THREADS`` sets it at start. Raises ValueError for ``n < 1`` and
    ``n > 1024``.

    >>> import wengert as wg
    >>> wg.set_num_threads(2)
    """
    _core.set_num_threads(n)
