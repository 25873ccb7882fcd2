"""`Array`: what user code holds in its hands.

An `Array` is a *handle* on a value.  The values themselves (plain arrays, or boxes of some level) never change; what
changes on ``x[i] = v`` or ``x += v`` is which value the handle points to.  That is why in-place code can be
differentiated here: each update is an ordinary primitive with a new result, and whatever an earlier operation saved
stays as it was.

A slice is a view, as in NumPy: ``row = x[0]; row += 1`` changes ``x``, and a later ``x[0] = 5`` is seen in ``row``.
Every view knows its *root*, the array that owns the storage, and its *places*: the position in the root of each of its
entries.  They are arranged by the NumPy function that makes the view, so what shares memory there is a view here.

Values know nothing of handles: `raw` takes the value out, `apply` computes with values and puts the result into a
handle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import rules as _rules  # noqa: F401  (declares the primitives)
from ..levels import Box, Level, concrete, evaluate
from ..requires_grad import check_in_place, depends_on_leaf, keep_leaf
from . import kinds
from .conversions import Conversions, user_line
from .indexing import fitted, in_place_result, is_view, read_places, updated, write_places
from .operators import Operators

NUMBERS = (bool, int, float)


class Array(Operators, Conversions):
    """An n-dimensional array whose history can be followed.

    Behaves like ``numpy.ndarray``: operators, broadcasting, indexing, methods, in-place updates.  Inside `grad` and its
    relatives functions receive Arrays; `wengert.reference.numpy` returns them.
    """

    __slots__ = (
        "__weakref__", "_born", "_places", "_root", "_seen", "_value", "_version", "foreign", "number", "scalar",
    )  # fmt: skip
    __hash__ = None  # type: ignore[assignment]
    __array_priority__ = 1000.0

    def __init__(self, value: Any) -> None:
        self._value = value
        self._version = 0
        self._born = Level.opened
        self._root: Array | None = None
        self._places: np.ndarray[Any, Any] | None = None
        self._seen = 0
        self.scalar = False  # a number: ``s += 1`` binds ``s`` anew
        self.foreign = self.number = False  # see `kinds`

    # What is composed of functions of Arrays is put on the class by `methods.install`: x.sum(), x.T, x.backward() …
    grad: Any
    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return kinds.class_of(self, Array)

    def __getattribute__(self, name: str) -> Any:
        if name in kinds.NO_NUMBERS:
            kinds.check_present(self, name)
        return object.__getattribute__(self, name)

    # -- the handle ------------------------------------------------------------------------------------------------

    def get(self) -> Any:
        """The value (plain array or box); a view whose root has changed reads it again."""
        root = self._root
        if root is not None and root._version != self._seen:
            self._value = read_places(root.get(), self.places)
            self._seen = root._version
        return self._value

    def set(self, value: Any) -> None:
        """Point to another value of the same shape; a view writes it into its root."""
        root = self._root
        _check_outer((self if root is None else root)._born, value)
        if root is None:
            check_in_place(self._value)
            self._value = keep_leaf(self._value, value)
            self._version += 1
            return
        if not self.places.flags.writeable:
            raise ValueError("wengert.reference: this view is read-only, as in NumPy; write into a copy of it")
        root.set(write_places(root.get(), self.places, value))
        self._value, self._seen = value, root._version

    def store(self, value: Any, op: str) -> None:
        """Point to the result of an in-place operation, if shape and dtype allow it."""
        self.set(in_place_result(self.get(), value, op))

    @property
    def places(self) -> np.ndarray[Any, Any]:
        """The position of every entry in the storage, arranged as NumPy would arrange the entries."""
        if self._places is None:
            value = np.asarray(concrete(self._value))
            self._places = np.empty_like(value, int)
            self._places[...] = np.arange(value.size).reshape(value.shape)
        return self._places

    def view(self, value: Any, places: Any) -> Array:
        """A handle on ``value``, which lies at these places; one of its own where NumPy had to copy."""
        result = Array(value)
        if not self.scalar and np.may_share_memory(places, self.places):
            root = self if self._root is None else self._root
            result._root, result._places, result._seen = root, places, root._version
        return result

    # -- operators and indexing ------------------------------------------------------------------------------------

    @staticmethod
    def operate(op: str, *operands: Any) -> Array:
        result = apply(op, *kinds.promoted(operands, op in kinds.COUNTING))
        result.foreign = kinds.is_foreign(operands)
        result.number = all(map(kinds.is_number, operands))
        return result

    @staticmethod
    def accepts(other: Any) -> bool:
        return isinstance(other, (Array, np.ndarray, np.generic, bool, int, float, list, tuple))

    def __getitem__(self, index: Any) -> Array:
        index = plain_index(index)
        value = evaluate("getitem", self.get(), index=index)
        result = self.view(value, self.places[index]) if is_view(index) else Array(value)
        entries = index if isinstance(index, tuple) else (index,)
        if result.shape == () and not any(entry is Ellipsis for entry in entries):
            result = Array(value)  # an element: a number, not tied to its array
            result.scalar = True
        result.foreign = self.foreign
        return result

    def __setitem__(self, index: Any, value: Any) -> None:
        index = plain_index(index)
        if self.scalar:
            raise TypeError("wengert.reference: a number cannot be changed in place; bind the name anew")
        if isinstance(value, Array) and is_view(index) and value._root is (self if self._root is None else self._root):
            value.get()
            if np.array_equal(value.places, self.places[index]):
                return  # the end of ``x[i] += v``: the view has written itself back already
        part = raw(value)
        region = np.shape(np.asarray(concrete(self.get()))[index])
        self.set(updated(self.get(), index, fitted(part, region)))

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    # -- what NumPy's arrays tell about themselves -----------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(concrete(self.get()))

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.asarray(concrete(self.get())).dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    def __len__(self) -> int:
        shape = np.shape(concrete(self.get()))
        if not shape:
            raise TypeError("wengert.reference: len() of a 0-d array; it is a single number, use it directly")
        return shape[0]

    # -- history and copies ----------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether ``backward`` on this value, or on what is made from it, would reach an array that asked for it."""
        return depends_on_leaf(self.get())

    def detach(self) -> Array:
        """The same value without its history."""
        return kinds.stand_for(apply("stop_gradient", self), self)

    def __reduce__(self) -> Any:
        return (Array, (self.numpy(),))

    def __copy__(self) -> Array:
        return kinds.stand_for(Array(self.get()), self)

    def __deepcopy__(self, memo: Any) -> Array:
        return self.__copy__()


def raw(value: Any) -> Any:
    """What `bind` works on: the value of an Array, a copy of foreign data, or a Python number as it is.

    Python numbers stay what they are because NumPy's promotion treats them as weak: ``2.0 * x`` is float32 if ``x`` is.
    Foreign arrays are copied because an operation keeps its operands for the derivative, and the caller may overwrite
    his array in the meantime.
    """
    if isinstance(value, Array):
        return value.get()
    if isinstance(value, (bool, int, float, Box)) and not isinstance(value, np.generic):
        return value
    plain = np.array(value) if isinstance(value, (np.ndarray, np.generic)) else _from_sequence(value)
    if isinstance(plain, np.ndarray) and plain.dtype.kind not in "fiub":
        raise TypeError(
            f"wengert.reference: cannot compute with {type(value).__name__} of dtype {plain.dtype}; "
            "supported are floating-point, integer and boolean arrays (complex numbers are not)"
        )
    return plain


def _from_sequence(value: Any) -> Any:
    """A list or tuple as one array; Arrays inside it are stacked, so that their derivatives survive."""
    if isinstance(value, (list, tuple)) and any(_holds_array(item) for item in value):
        return evaluate("stack", *(raw(item) for item in value), axis=0)
    return np.array(value)


def _holds_array(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_array(item) for item in value)
    return isinstance(value, Array)


def apply(op: str, *operands: Any, **params: Any) -> Array:
    """Run a primitive by name on arrays, numbers or traced values.

    >>> import wengert.reference as wr
    >>> wr.apply("sum", wr.array([1.0, 2.0, 3.0]), axis=0)
    Array(6.)
    """
    result = Array(evaluate(op, *(raw(operand) for operand in operands), **params))
    result.scalar = result.shape == ()
    return result


def plain_index(index: Any) -> Any:
    """An index without Arrays or lists in it: integers, slices, None, Ellipsis and NumPy index arrays."""
    if isinstance(index, tuple):
        return tuple(_plain_entry(entry) for entry in index)
    return _plain_entry(index)


def _plain_entry(entry: Any) -> Any:
    if isinstance(entry, slice):
        return slice(*(None if part is None else int(part) for part in (entry.start, entry.stop, entry.step)))
    if entry is None or entry is Ellipsis or type(entry) is bool:
        return entry
    array = np.asarray(concrete(raw(entry)))
    if array.size == 0 and array.dtype.kind == "f" and not isinstance(entry, (Array, np.ndarray)):
        array = array.astype(int)  # x[[]]
    if array.dtype.kind not in "iub":
        raise IndexError(
            f"wengert.reference: an index must be integer or boolean, not {array.dtype}; "
            "an index has no derivative, so convert it with int(i) or i.astype(int)"
        )
    return int(array) if array.ndim == 0 and array.dtype != bool else array


def _check_outer(born: int, value: Any) -> None:
    """An array made before a transform began must not hold its values: they mean nothing after it has ended."""
    if isinstance(value, Box) and value.level.differentiates and value.level.serial > born:
        raise TypeError(
            f"wengert.reference: an array made outside of the transform cannot hold a value that is being "
            f"differentiated (at {user_line()}); make it inside the function, return the value, or write x.detach()"
        )
