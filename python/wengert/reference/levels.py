"""Levels: how one program is differentiated by several transforms at once.

A transform does not look at the source of a function.  It calls the function with *boxes* in place of numbers, and
every primitive applied to a box is told to the transform.  A box holds

* ``level``: which transform it belongs to, and
* ``primal``: the value one level further down, which is a plain array or again a box.

Plain arrays, Python numbers and boxes are the *values*: all that primitives, rules and levels know.  They never change.

``grad(grad(f))(3.0)`` calls ``f`` with ``Variable(inner, Variable(outer, 3.0))``.  Applying a primitive is always the
same three steps: find the newest level among the operands; let it take its own boxes off and apply the primitive
to what is inside; let it wrap the answer.  The middle step is the recursion, and it ends at plain arrays, in NumPy.

Why nothing is confused: each call of a transform makes a new level with a larger serial number and takes off only boxes
that carry it.  In ``d/dx [x * d/dy (x + y)]`` the inner derivative sees ``x`` as a constant, as its box
belongs to the outer level.  (Dual numbers without such marks would answer 2 at ``x = 1`` instead of 1: this
mistake is called *perturbation confusion*.)

There is no global stack of active transforms, so an exception leaves nothing behind to clean up.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .arithmetic import Arithmetic
from .primitive import Primitive, lookup

_serial = itertools.count(1)


class Level:
    """One running transform.  Later levels have larger serial numbers and are handled first."""

    opened = 0  # the largest serial number so far
    differentiates = True  # a recording (see record.py) follows values without differentiating them

    def __init__(self, serial: int | None = None) -> None:
        self.serial = next(_serial) if serial is None else serial
        Level.opened = max(Level.opened, self.serial)

    def process(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply ``primitive`` to operands of which at least one is a box of this level."""
        raise NotImplementedError

    def owns(self, value: Any) -> bool:
        return isinstance(value, Box) and value.level is self

    def lower(self, value: Any) -> Any:
        """Take this level's box off, if there is one."""
        return value.primal if isinstance(value, Box) and value.level is self else value


class Box(Arithmetic):
    """A value seen by a level.  Subclasses add what the level wants to know about it.

    It has the operators of NumPy's arrays, so that a formula can be written once for boxes and plain arrays.
    """

    __slots__ = ("level", "primal")
    __array_ufunc__ = None  # in ``array * box`` the array leaves the product to the box

    def __init__(self, level: Level, primal: Any) -> None:
        self.level = level
        self.primal = primal

    @staticmethod
    def operate(op: str, *operands: Any) -> Any:
        return evaluate(op, *operands)

    @staticmethod
    def accepts(other: Any) -> bool:
        return issubclass(type(other), (Box, np.ndarray, np.generic, bool, int, float))

    def __getitem__(self, index: Any) -> Any:
        return evaluate("getitem", self, index=index)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(concrete(self))

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.asarray(concrete(self)).dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)


def bind(primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Apply a primitive to boxes, arrays and Python numbers."""
    level = newest_level(operands)
    if level is not None:
        return level.process(primitive, operands, params)
    with np.errstate(all="ignore"):
        return np.asarray(primitive.value(*operands, **params))


def evaluate(op: str, *operands: Any, **params: Any) -> Any:
    """`bind` for the primitive of that name."""
    return bind(lookup(op), operands, params)


def newest_level(values: tuple[Any, ...]) -> Level | None:
    """The level with the largest serial number among the boxes in ``values``, or None."""
    newest: Level | None = None
    for value in values:
        if isinstance(value, Box) and (newest is None or value.level.serial > newest.serial):
            newest = value.level
    return newest


def concrete(value: Any) -> Any:
    """The plain array (or Python number) inside all boxes."""
    while isinstance(value, Box):
        value = value.primal
    return value


def carries_derivative(value: Any) -> bool:
    """Only floating-point values vary smoothly: integers and booleans have no derivative."""
    return bool(np.issubdtype(np.asarray(concrete(value)).dtype, np.inexact))


def is_transformed(value: Any) -> bool:
    """Whether a transform that is running (not ``requires_grad``, which is level 0) differentiates this value."""
    while isinstance(value, Box):
        if value.level.differentiates and value.level.serial > 0:
            return True
        value = value.primal
    return False


def is_differentiated(value: Any) -> bool:
    """Whether some transform (not merely a recording) follows this value."""
    while isinstance(value, Box):
        if value.level.differentiates:
            return True
        value = value.primal
    return False
