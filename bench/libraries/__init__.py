"""The libraries that are compared: wengert in its several ways, and its peers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from bench.libraries import ours, peers
from bench.libraries.library import Library

# What is tried, in the order of the columns: name, module that must be there, how it is made.
_KNOWN: dict[str, tuple[str, Callable[[], Library]]] = {
    "wengert": ("wengert", ours.Wengert),
    "compiled": ("wengert", ours.Compiled),
    "compiled-scan": ("wengert", ours.CompiledScan),
    "reference": ("wengert", lambda: ours.Wengert("wengert.reference")),
    "autograd": ("autograd", peers.Autograd),
    "torch": ("torch", peers.Torch),
    "jax": ("jax", peers.Jax),
    "jax-scan": ("jax", peers.JaxScan),
    "mlx": ("mlx", peers.Mlx),
    "casadi": ("casadi", peers.Casadi),
}
PEERS = ("autograd", "torch", "jax", "jax-scan", "mlx", "casadi")


def installed() -> list[str]:
    """Names of the libraries that can be imported here."""
    return [name for name, (module, _) in _KNOWN.items() if importlib.util.find_spec(module)]


def get(name: str) -> Library:
    """The library called `name`; ModuleNotFoundError if it is not installed, KeyError if it is not known."""
    return _KNOWN[name][1]()
