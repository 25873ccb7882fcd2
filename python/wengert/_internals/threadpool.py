"""Makes the pool of threads visible to threadpoolctl.

Automatically if threadpoolctl was imported before wengert, else with ``wengert.threadpool.register(threadpoolctl)``.
"""

from __future__ import annotations

import sys
from typing import Any

from wengert import _core
from wengert._internals import version


def register(threadpoolctl: Any) -> None:
    """Gives threadpoolctl a controller: ``threadpool_limits`` and ``threadpool_info`` then include wengert."""

    class WengertController(threadpoolctl.LibController):  # type: ignore[misc]
        user_api = "wengert"
        internal_api = "wengert"
        filename_prefixes = ("_core.",)  # others have a module of this name: the symbol tells
        check_symbols = ("wengert_num_threads",)

        def get_num_threads(self) -> int:
            return _core.num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            _core.set_num_threads(num_threads)

        def get_version(self) -> str:
            return version

    threadpoolctl.register(WengertController)


def install() -> None:
    """Registers with threadpoolctl if it has been imported; it is never imported for that."""
    loaded = sys.modules.get("threadpoolctl")
    if loaded is not None and hasattr(loaded, "register"):  # since 3.2
        register(loaded)
