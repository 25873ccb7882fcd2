"""Makes the pool of threads visible to threadpoolctl, whichever of the two is imported first."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

from . import _core


def register(threadpoolctl: Any) -> None:
    """Gives threadpoolctl a controller: ``threadpool_limits`` and ``threadpool_info`` then include wengert."""

    class WengertController(threadpoolctl.LibController):
        user_api = "wengert"
        internal_api = "wengert"
        filename_prefixes = ("_core.",)  # others have a module of this name: the symbol tells
        check_symbols = ("wengert_num_threads",)

        def get_num_threads(self) -> int:
            return _core.num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            _core.set_num_threads(num_threads)

        def get_version(self) -> str:
            from . import __version__

            return __version__

    threadpoolctl.register(WengertController)


class _Watch:
    """Sees threadpoolctl being imported, lets it, and registers; then it is gone."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "threadpoolctl":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            if hasattr(module, "register"):  # since 3.2
                register(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Registers now, or when threadpoolctl is imported. It is never imported for that."""
    loaded = sys.modules.get("threadpoolctl")
    if loaded is None:
        sys.meta_path.insert(0, _Watch())
    elif hasattr(loaded, "register"):
        register(loaded)
