"""Leaving the traced world: plain numbers and text from an `Array`, and the error where a derivative would be lost."""

from __future__ import annotations

import linecache
import math
import sys
import warnings
from typing import Any

import numpy as np

from ..levels import Box, concrete, is_differentiated, is_transformed
from ..requires_grad import awaits_backward


class LostDerivative(TypeError):
    """Plain numbers were asked for where the derivative was needed."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"wengert.reference: {what} of a value that is being differentiated was asked for at {user_line()}, and "
            "its derivative would be lost. Use the function of the same name in wengert.numpy instead of one of math "
            "or NumPy's own conversions (wnp.zeros before h[t] = ..., wnp.array), or x.detach() if no derivative is "
            "wanted"
        )


def user_line() -> str:
    """The line that is running outside of this package."""
    frame = sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("wengert.reference"):
        frame = frame.f_back
    file, number = frame.f_code.co_filename, frame.f_lineno
    return f"{file}:{number}: {linecache.getline(file, number).strip()}"


class Conversions:
    """Mixin: ``float(x)``, ``x.numpy()``, ``if x:``, ``print(x)`` …"""

    __slots__ = ()

    def get(self) -> Any:
        """The value."""
        raise NotImplementedError

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a NumPy array of its own."""
        return np.array(self._plain("numpy()"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self._plain("the array"), dtype=dtype)

    def tolist(self) -> Any:
        return np.asarray(self._plain("tolist()")).tolist()

    def _plain(self, what: str) -> Any:
        """The plain array or number, unless its derivative would be lost."""
        if is_differentiated(self.get()):
            raise LostDerivative(what)
        return concrete(self.get())

    def item(self, *args: Any) -> Any:
        return np.asarray(self._number("the number, item(),", eager=True)).item(*args)

    def __float__(self) -> float:
        """Also what the functions of `math` and NumPy's ``out[i] = x`` call."""
        return float(np.asarray(self._number("the number, float(),")).item())

    def _number(self, what: str, eager: bool = False) -> Any:
        """The plain number.  Of a value with ``requires_grad`` it may be taken, as in PyTorch."""
        value = self.get()
        if is_transformed(value):
            raise LostDerivative(what)
        if not eager and awaits_backward(value):
            warnings.warn(
                "wengert.reference: float() takes the number of an array that requires gradients, without its "
                f"derivative, at {user_line()}; write x.item() or x.detach() if that is meant",
                stacklevel=3,
            )
        return concrete(value)

    def _entries(self) -> np.ndarray[Any, Any]:
        """The plain array for what has no derivative anyway: whole numbers, truth, text."""
        return np.asarray(concrete(self.get()))

    def __bool__(self) -> bool:
        return bool(self._entries())

    def __int__(self) -> int:
        return int(self._entries().item())

    __trunc__ = __int__

    def __floor__(self) -> int:
        return math.floor(self._entries().item())

    def __ceil__(self) -> int:
        return math.ceil(self._entries().item())

    def __index__(self) -> int:
        return self._entries().__index__()

    def __format__(self, spec: str) -> str:
        return format(self._entries().item(), spec) if spec and self._entries().ndim == 0 else str(self)

    def __str__(self) -> str:
        return str(self._entries())

    def __repr__(self) -> str:
        value, traced = self.get(), ""
        while isinstance(value, Box):
            traced += f", {type(value).__name__.lower()} of level {value.level.serial}"
            value = value.primal
        array = np.asarray(value)
        text = np.array2string(array, separator=", ", prefix="Array(")
        dtype = "" if array.dtype in (np.dtype(float), np.dtype(int), np.dtype(bool)) else f", dtype={array.dtype}"
        return f"Array({text}{dtype}{traced})"
