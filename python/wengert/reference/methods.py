"""The methods `Array` shares with ``numpy.ndarray``: each calls the function of the same name in the NumPy mirror."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .array import Array


def _mirror(name: str) -> Any:
    return getattr(importlib.import_module("wengert.reference.numpy"), name)


def _method(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _mirror(name)(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"As ``numpy.ndarray.{name}``."
    return method


class Methods:
    """Mixin: ``x.sum()``, ``x.reshape(2, 3)``, ``x.T`` …"""

    __slots__ = ()

    @property
    def T(self) -> Array:
        return _mirror("transpose")(self)

    @property
    def mT(self) -> Array:
        return _mirror("matrix_transpose")(self)

    @property
    def flat(self) -> Any:
        return iter(_mirror("ravel")(self))

    def reshape(self, *shape: Any, **kwargs: Any) -> Array:
        return _mirror("reshape")(self, *([shape] if len(shape) != 1 and not kwargs else shape), **kwargs)

    def transpose(self, *axes: Any) -> Array:
        return _mirror("transpose")(self, (axes[0] if len(axes) == 1 else axes) if axes else None)

    def flatten(self) -> Array:
        return _mirror("copy")(_mirror("ravel")(self))

    def fill(self, value: Any) -> None:
        self[...] = value  # type: ignore[index]

    def sort(self, axis: int = -1) -> None:
        self[...] = _mirror("sort")(self, axis=axis)  # type: ignore[index]


SAME_AS_FUNCTION = (
    "sum mean prod max min any all argmax argmin argsort cumsum cumprod var std clip dot ravel squeeze swapaxes take "
    "repeat trace diagonal round astype copy nonzero"
)
for _name in SAME_AS_FUNCTION.split():
    setattr(Methods, _name, _method(_name))
