"""`Array`: what user code holds in its hands.

An `Array` is a *handle* on a value.  The values themselves (plain arrays, or boxes of some level) never change; what
changes on ``x[i] = v`` or ``x += v`` is which value the handle points to.  That is why in-place code can be
differentiated here: each update is an ordinary primitive with a new result, and whatever an earlier operation saved
stays as it was.

A slice is a view, as in NumPy: ``row = x[0]; row += 1`` changes ``x``, and a later ``x[0] = 5`` is seen in ``row``.
Every view knows its *root*, the array that owns the storage, and its *places*: the position in the root of each of its
entries.  They are arranged by the NumPy function that makes the view, so what shares memory there is a view here.
"""

from __future__ import annotations

import linecache
import math
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from .levels import Box, Level, bind, concrete, is_differentiated, is_transformed
from .methods import Methods
from .operators import Operators
from .primitive import lookup

NUMBERS = (bool, int, float)


class LostDerivative(TypeError):
    """Plain numbers were asked for where the derivative was needed."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"wengert.reference: {what} of a value that is being differentiated was asked for at {_user_line()}, and "
            "its derivative would be lost. Use the function of the same name in wengert.numpy instead of one of math "
            "or NumPy's own conversions (wnp.zeros before h[t] = ..., wnp.array), or x.detach() if no derivative is "
            "wanted"
        )


def _user_line() -> str:
    """The line that is running outside of this package."""
    frame = sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith(__package__):
        frame = frame.f_back
    file, number = frame.f_code.co_filename, frame.f_lineno
    return f"{file}:{number}: {linecache.getline(file, number).strip()}"


class Array(Operators, Methods):
    """An n-dimensional array whose history can be followed.

    Behaves like ``numpy.ndarray``: operators, broadcasting, indexing, methods, in-place updates.  Inside `grad` and its
    relatives functions receive Arrays; `wengert.reference.numpy` returns them.
    """

    __slots__ = ("__weakref__", "_born", "_places", "_root", "_seen", "_value", "_version", "scalar")
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

    # -- the handle ------------------------------------------------------------------------------------------------

    def get(self) -> Any:
        """The value (plain array or box); a view whose root has changed reads it again."""
        root = self._root
        if root is not None and root._version != self._seen:
            from .indexing import read_places

            self._value = read_places(root.get(), self.places)
            self._seen = root._version
        return self._value

    def set(self, value: Any) -> None:
        """Point to another value of the same shape; a view writes it into its root."""
        root = self._root
        _check_outer((self if root is None else root)._born, value)
        if root is None:
            _check_leaf(self._value)
            self._value = _same_leaf(self._value, value)
            self._version += 1
            return
        if not self.places.flags.writeable:
            raise ValueError("wengert.reference: this view is read-only, as in NumPy; write into a copy of it")
        from .indexing import write_places

        root.set(write_places(root.get(), self.places, value))
        self._value, self._seen = value, root._version

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
        if not self.shape:
            raise TypeError("wengert.reference: len() of a 0-d array; it is a single number, use it directly")
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    # -- leaving the traced world ----------------------------------------------------------------------------------

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a NumPy array of its own."""
        return np.array(self._plain("numpy()"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self._plain("the array"), dtype=dtype)

    def _plain(self, what: str) -> Any:
        """The plain array or number, unless its derivative would be lost."""
        if is_differentiated(self.get()):
            raise LostDerivative(what)
        return concrete(self.get())

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from .numpy_protocol import call_ufunc

        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from .numpy_protocol import call_function

        return call_function(func, args, kwargs)

    def item(self, *args: Any) -> Any:
        return np.asarray(self._number("the number, item(),", eager=True)).item(*args)

    def tolist(self) -> Any:
        return np.asarray(self._plain("tolist()")).tolist()

    def __bool__(self) -> bool:
        return bool(np.asarray(concrete(self.get())))

    def __float__(self) -> float:
        """Also what the functions of `math` and NumPy's ``out[i] = x`` call."""
        return float(np.asarray(self._number("the number, float(),")).item())

    def _number(self, what: str, eager: bool = False) -> Any:
        """The plain number.  Of a value with ``requires_grad`` it may be taken, as in PyTorch."""
        from .eager import awaits_backward

        value = self.get()
        if is_transformed(value):
            raise LostDerivative(what)
        if not eager and awaits_backward(value):
            warnings.warn(
                "wengert.reference: float() takes the number of an array that requires gradients, without its "
                f"derivative, at {_user_line()}; write x.item() or x.detach() if that is meant",
                stacklevel=3,
            )
        return concrete(value)

    def __int__(self) -> int:
        return int(np.asarray(concrete(self.get())).item())

    __trunc__ = __int__

    def __floor__(self) -> int:
        return math.floor(np.asarray(concrete(self.get())).item())

    def __ceil__(self) -> int:
        return math.ceil(np.asarray(concrete(self.get())).item())

    def __index__(self) -> int:
        return np.asarray(concrete(self.get())).__index__()

    def __format__(self, spec: str) -> str:
        return format(np.asarray(concrete(self.get())).item(), spec) if spec and self.ndim == 0 else str(self)

    def __repr__(self) -> str:
        value, traced = self.get(), ""
        while isinstance(value, Box):
            traced += f", {type(value).__name__.lower()} of level {value.level.serial}"
            value = value.primal
        text = np.array2string(np.asarray(value), separator=", ", prefix="Array(")
        dtype = "" if self.dtype in (np.dtype(float), np.dtype(int), np.dtype(bool)) else f", dtype={self.dtype}"
        return f"Array({text}{dtype}{traced})"

    def __str__(self) -> str:
        return str(np.asarray(concrete(self.get())))

    def __reduce__(self) -> Any:
        return (Array, (self.numpy(),))

    def __copy__(self) -> Array:
        return Array(self.get())

    def __deepcopy__(self, memo: Any) -> Array:
        return Array(self.get())

    # -- PyTorch style (see eager.py) ------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        from .eager import requires_grad

        return requires_grad(self)

    @property
    def grad(self) -> Array | None:
        from .eager import get_grad

        return get_grad(self)

    @grad.setter
    def grad(self, value: Any) -> None:
        from .eager import set_grad

        set_grad(self, value)

    def backward(self, cotangent: Any = None, retain_graph: bool = False) -> None:
        """Add the derivatives of this value to the ``grad`` of every array it was computed from."""
        from .eager import backward

        backward(self, cotangent, retain_graph)

    def detach(self) -> Array:
        """The same value without its history."""
        return apply("stop_gradient", self)


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
        rows = [raw(item) for item in value]
        return bind(lookup("stack"), tuple(rows), {"axis": 0})
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
    result = Array(bind(lookup(op), tuple(raw(operand) for operand in operands), params))
    result.scalar = result.shape == ()
    return result


def _check_outer(born: int, value: Any) -> None:
    """An array made before a transform began must not hold its values: they mean nothing after it has ended."""
    if isinstance(value, Box) and value.level.differentiates and value.level.serial > born:
        raise TypeError(
            f"wengert.reference: an array made outside of the transform cannot hold a value that is being "
            f"differentiated (at {_user_line()}); make it inside the function, return the value, or write x.detach()"
        )


def _check_leaf(value: Any) -> None:
    from .eager import check_in_place

    check_in_place(value)


def _same_leaf(old: Any, new: Any) -> Any:
    from .eager import keep_leaf

    return keep_leaf(old, new)
