"""Arguments for fuzz_callables.py: good ones, wrong ones and hostile ones, each with a text that shows it."""

from __future__ import annotations

import collections
import contextlib
import datetime
import decimal
import fractions
import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import wengert as wg
import wengert.numpy as wnp
import wengert.random

_DTYPES = ["f8", "f8", "f8", "f4", "i8", "i4", "?", "f2", "c16", "u1", "u8", "i2", "g", "O", "S3", "U2", "M8[s]",
           "m8[D]", ">f8", "<i4", "V3", [("a", "f8"), ("b", "i4")]]  # fmt: skip
_INTEGERS = [0, 1, -1, 2, 3, -2, 5, 7, 63, 64, -64, 255, 256]
_LARGE = [
    2**15,
    10**5,
    10**6,
    2**31 - 1,
    2**31,
    2**32,
    -(2**31),
    2**40,
    2**62,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64,
    10**30,
]
_FLOATS = [0.0, -0.0, 0.5, 1.0, -1.5, 1e-300, 5e-324, 1e300, float("nan"), float("inf"), float("-inf")]
_STRINGS = ["", "abc", "ij,jk->ik", "ii", "...i->i", "i,i", "float64", "f4", "int", "C", "K", "same", "valid", "linear",
            "reflect", "constant", "left", "fro", "nuc", "sqrt", "log", "\0", "é" * 3, "x" * 1000]  # fmt: skip
_KEYWORDS = ["axis", "axes", "keepdims", "dtype", "out", "where", "shape", "argnums", "initial", "x", "ord", "mode",
             "requires_grad", "has_aux", "dim", "casting", "order", "copy", "nonsense"]  # fmt: skip
_ERRORS = [ValueError, TypeError, KeyError, IndexError, AttributeError, SystemExit, KeyboardInterrupt,
           StopIteration, GeneratorExit, RuntimeError]  # fmt: skip


@dataclass
class Made:
    """A value, and how to write it."""

    value: Any
    text: str


class Hostile:
    """Answers questions of Python's and NumPy's as it was told: by an error, by nonsense, or by a change of `box`."""

    def __init__(self, answer: Callable[[], Any]):
        self.answer = answer


def _ask(self: Hostile, *_args: Any, **_keywords: Any) -> Any:
    return self.answer()


_QUESTIONS = ["__array__", "__index__", "__int__", "__float__", "__bool__", "__len__", "__iter__", "__getitem__",
              "__eq__", "__hash__", "__repr__", "__str__", "__call__", "__array_priority__", "__enter__", "__exit__",
              "__radd__", "__rmul__", "__rmatmul__", "__array_function__", "__array_ufunc__", "__contains__",
              "__dlpack__", "__dlpack_device__", "__complex__", "__length_hint__", "__next__", "__getattr__",
              "__class__", "__reduce__", "__copy__", "__deepcopy__", "__fspath__"]  # fmt: skip


class Values:
    """Makes arguments from one source of randomness."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.large = False  # something was made that may rightly need much memory
        self.long = False  # something was made that takes long to walk over
        self.mild = rng.random() < 0.5  # arguments that many functions accept
        self.numbers = np.random.default_rng(rng.getrandbits(32))

    # ---- numbers and words -----------------------------------------------------------------------------------------

    def integer(self) -> Made:
        if self.rng.random() < 0.15:
            self.large = True
            value = self.rng.choice(_LARGE)
        else:
            value = self.rng.choice(_INTEGERS)
        return Made(value, repr(value))

    def scalar(self) -> Made:
        rng = self.rng
        kind = rng.randrange(12)
        if kind <= 3:
            return self.integer()
        if kind <= 6:
            value: Any = rng.choice(_FLOATS)
        elif kind == 7:
            value = rng.choice([True, False, None, Ellipsis, NotImplemented, 1j, complex("nan"), np.nan])
        elif kind == 8:
            kinds = [np.float64, np.float32, np.float16, np.int64, np.int8, np.uint64, np.bool_, np.complex64]
            value = rng.choice(kinds)(rng.choice([0, 1, 3]))
        elif kind == 9:
            value = rng.choice(_STRINGS)
        elif kind == 10:
            value = rng.choice([b"", b"abc", bytearray(8), memoryview(b"\1\2\3"), memoryview(np.ones((2, 2)))])
        else:
            value = rng.choice(
                [int, float, bool, str, object, np.float32, np.int64, np.dtype("f4"), np.dtype("O"), np.newaxis,
                 slice(None), slice(-1, None, -2), slice(2**62, -(2**62), -(2**62)), slice("a"), range(3), np, wg,
                 decimal.Decimal("1.5"), fractions.Fraction(1, 3), datetime.date(2020, 1, 1), np.datetime64("2020"),
                 np.timedelta64(3, "D")]
            )  # fmt: skip
        return Made(value, repr(value)[:60])

    def keyword(self, function: Callable[..., Any]) -> str:
        if self.rng.random() < 0.8:
            with contextlib.suppress(ValueError, TypeError):
                names = [p.name for p in inspect.signature(function).parameters.values() if p.kind in (1, 3)]
                if names:
                    return self.rng.choice(names)
        return self.rng.choice(_KEYWORDS)

    # ---- arrays ----------------------------------------------------------------------------------------------------

    def shape(self) -> tuple[int, ...]:
        return tuple(
            self.rng.choice((0, 1, 2, 2, 3, 3, 4, 5, 17)) for _ in range(self.rng.choice((0, 1, 1, 1, 2, 2, 2, 3, 4)))
        )

    def good_ndarray(self) -> Made:
        shape, dtype = self.shape(), self.rng.choice(("f8", "f8", "f8", "f4", "i8", "i4", "?"))
        value = np.asarray(self.numbers.normal(size=shape) * self.rng.choice((1, 1, 3, 100))).astype(dtype)
        if self.rng.random() < 0.15 and value.dtype.kind == "f" and value.size:
            value.flat[self.rng.randrange(value.size)] = self.rng.choice(_FLOATS)
        return Made(value, f"ndarray({shape}, {dtype})")

    def ndarray(self) -> Made:
        rng = self.rng
        if rng.random() < 0.6:
            return self.good_ndarray()
        kind = rng.randrange(8)
        base = self.good_ndarray()
        if kind == 0:
            dtype = rng.choice(_DTYPES)
            with contextlib.suppress(ValueError, TypeError):
                return Made(np.zeros(self.shape(), dtype), f"zeros(?, {dtype})")
        elif kind == 1:
            # No more elements than NumPy walks over at once, and once only: products of two take hours.
            many = [] if self.long else [(2**22, 4), (2**24,)]
            self.large = self.long = True
            shape = rng.choice([*many, (0, 2**62), (2**40, 0, 2**20)])
            return Made(np.broadcast_to(np.float64(1.0), shape), f"broadcast_to(1.0, {shape})")
        elif kind == 2:
            return Made(base.value[..., ::-1] if base.value.ndim else base.value, f"{base.text}[..., ::-1]")
        elif kind == 3:
            odd = np.frombuffer(bytes(range(1, 42)), np.uint8)[1:41].view("f8")
            return Made(odd, "unaligned(5)")
        elif kind == 4:
            return Made(
                base.value.view(rng.choice([np.matrix, np.recarray]) if base.value.ndim == 2 else Subclass), "subclass"
            )
        elif kind == 5:
            return Made(np.ma.masked_array(base.value, mask=False), "masked")
        elif kind == 6:
            box: list[Any] = []
            array = np.empty(3, dtype=object)
            array[:] = [1.0, self.hostile(box).value, None]
            return Made(array, "objects")
        return Made(base.value.T, f"{base.text}.T")

    def wengert_array(self) -> Made:
        rng = self.rng
        base = self.good_ndarray()
        leaf = rng.random() < 0.25 and base.value.dtype.kind == "f"
        value, text = wg.array(base.value, requires_grad=leaf), f"Array{base.text[7:]}{' leaf' if leaf else ''}"
        if rng.random() < 0.25 and value.ndim:
            index = rng.choice([slice(None, None, -1), slice(1, None), None, slice(None, None, 2), Ellipsis])
            return Made(value[index], f"{text}[{index}]")
        if rng.random() < 0.1:
            return Made(value.T, f"{text}.T")
        if leaf and rng.random() < 0.5:
            return Made(value * 2.0, f"2 {text}")
        if leaf and rng.random() < 0.3:
            (value * value).sum().backward()
            return Made(value.grad, f"{text}.grad")
        return Made(value, text)

    def array(self) -> Made:
        return self.wengert_array() if self.rng.random() < 0.6 else self.ndarray()

    # ---- containers ------------------------------------------------------------------------------------------------

    def container(self, depth: int) -> Made:
        rng = self.rng
        items = [self.any(depth + 1) for _ in range(rng.choice((0, 1, 2, 2, 3, 3, 5)))]
        values, texts = [m.value for m in items], ", ".join(m.text for m in items)
        kind = rng.randrange(12)
        if kind <= 3:
            return Made(tuple(values), f"({texts},)")
        if kind <= 6:
            if values and rng.random() < 0.3:  # emptied by one of its own items
                values.insert(rng.randrange(len(values)), self.hostile(values).value)
                texts += ", emptier"
            return Made(values, f"[{texts}]")
        if kind == 7:
            return Made({f"k{i}": v for i, v in enumerate(values)}, f"{{{texts}}}")
        if kind == 8:
            return Made((v for v in values), f"generator({texts})")
        if kind == 9:
            values.append(values)
            return Made(values, f"[{texts}, itself]")
        if kind == 10:
            deep: Any = 1.0
            levels = rng.choice((30, 70, 2_000, 50_000))
            wrap = rng.choice(("list", "tuple", "dict"))
            for _ in range(levels):
                deep = [deep] if wrap == "list" else (deep,) if wrap == "tuple" else {"a": deep}
            return Made(deep, f"deep {wrap} of {levels} levels")
        if kind == 11 and len(values) == 2:
            return Made(Pair(*values), f"Pair({texts})")
        numbers = [self.integer() for _ in range(rng.choice((1, 2, 3, 70)))]
        return Made(tuple(m.value for m in numbers), f"({', '.join(m.text for m in numbers)},)"[:200])

    # ---- what does not want to be used -----------------------------------------------------------------------------

    def hostile(self, box: list[Any]) -> Made:
        rng = self.rng
        kind = rng.randrange(5)
        error = rng.choice(_ERRORS)
        junk = rng.choice(
            [None, -1, 2**62, 2**64, "abc", np.ones(3), np.ones((2, 2)), 1.5, NotImplemented, (), [1.0], object()]
        )
        if kind == 0:

            def answer() -> Any:
                raise error("hostile")
        elif kind == 1:

            def answer() -> Any:
                return junk
        elif kind == 2:

            def answer() -> Any:
                box.clear()
                return np.ones(3)
        elif kind == 3:

            def answer() -> Any:
                box.extend([wg.array(1.0)] * 100)
                return junk
        else:

            def answer() -> Any:
                box.clear()
                return junk

        questions = rng.sample(_QUESTIONS, rng.choice((1, 1, 2, 3, 6)))
        if {"__class__", "__array_ufunc__"} <= set(questions):
            questions.remove("__class__")  # NumPy asks the second with the error of the first still set: SystemError
        self.large |= kind == 1 and bool({"__len__", "__length_hint__"}.intersection(questions))  # for a list of it
        members = {q: (property(_ask) if q in ("__class__", "__array_priority__") else _ask) for q in questions}
        bases: tuple[type, ...] = (Hostile,)
        if rng.random() < 0.25:
            bases = (Hostile, rng.choice([int, float, str, list, tuple, dict]))
        try:
            value = type("Hostile", bases, members)(answer) if len(bases) == 1 else type("Hostile", bases, members)()
        except TypeError:
            value = type("Hostile", (Hostile,), members)(answer)
        if len(bases) > 1:
            value.answer = answer  # type: ignore[attr-defined]
        how = ("raises " + error.__name__, f"gives {str(junk)[:20]}", "clears", "extends", "clears, gives junk")[kind]
        return Made(value, f"Hostile({'/'.join(b.__name__ for b in bases)}; {', '.join(questions)}: {how})")

    # ---- functions -------------------------------------------------------------------------------------------------

    def wants_function(self, name: str) -> bool:
        wanting = ("grad", "jac", "hess", "hvp", "jvp", "vjp", "linear", "compile", "scan", "loop", "cond", "custom",
                   "checkpoint", "record", "trace", "graph", "paths", "check_grads", "numerical", "apply_along",
                   "piecewise", "fromfunction", "apply_over")  # fmt: skip
        return "." in name and any(w in name.rpartition(".")[2] for w in wanting) and self.rng.random() < 0.85

    def function(self) -> Made:
        rng = self.rng
        kind = rng.randrange(12)
        other = self.any(2)
        elementwise = rng.choice(["tanh", "exp", "sum", "sort", "softmax", "cumsum", "ravel", "transpose", "sqrt"])
        box: list[Any] = []

        def total(*args: Any, **_: Any) -> Any:
            return wnp.sum(getattr(wnp, elementwise)(args[0]))

        def pair(*args: Any, **_: Any) -> Any:
            return args[0] * 1.0, wnp.sin(args[-1])

        def constant(*_args: Any, **_: Any) -> Any:
            return other.value

        def nested(*args: Any, **_: Any) -> Any:
            return wnp.sum(wg.grad(lambda y: wnp.sum(y * y * y))(args[0]))

        def leaking(*args: Any, **_: Any) -> Any:
            box.extend(args)
            return wnp.sum(args[0] * box[0])

        def raising(*_args: Any, **_: Any) -> Any:
            raise rng.choice(_ERRORS)("function")

        def changing(*args: Any, **_: Any) -> Any:
            args[0][...] = 2.0
            return wnp.sum(args[0])

        def collecting(*args: Any, **_: Any) -> Any:
            import gc

            gc.collect()
            return wnp.sum(args[0])

        def branching(*args: Any, **_: Any) -> Any:
            return args[0] * 2.0 if np.sum(args[0]) > 0 else -args[0]

        def compiled(*args: Any, **_: Any) -> Any:
            return wg.compile(total)(args[0])

        def elements(*args: Any, **_: Any) -> Any:
            return [v for v in args[0]]

        def identity(*args: Any, **_: Any) -> Any:
            return args

        f = (
            total,
            pair,
            constant,
            nested,
            leaking,
            raising,
            changing,
            collecting,
            branching,
            compiled,
            elements,
            identity,
        )[kind]
        return Made(f, f"{f.__name__}:{elementwise if f is total else other.text if f is constant else ''}")

    # ---- all of them -----------------------------------------------------------------------------------------------

    def any(self, depth: int = 0) -> Made:
        if self.mild and self.rng.random() < 0.9:
            return self.reasonable()
        kind = self.rng.random()
        if kind < 0.36:
            return self.scalar()
        if kind < 0.60:
            return self.array()
        if kind < 0.80 and depth < 3:
            return self.container(depth)
        if kind < 0.88:
            return self.hostile([])
        if kind < 0.93:
            return self.function() if depth < 2 else self.integer()
        if kind < 0.96:
            return Made(
                self.rng.choice([wg.grad, wg.compile, wnp.sum, np.add, len, wg.random.key]), "a function of a library"
            )
        return self.integer()

    def reasonable(self) -> Made:
        rng = self.rng
        kind = rng.randrange(10)
        if kind <= 2:
            value: Any = rng.choice((0, 0, 1, 1, -1, 2, 3))
        elif kind == 3:
            value = rng.choice((None, True, False, 0.5, 2.0, float))
        elif kind == 4:
            value = rng.choice(((0,), (1, 0), (-1,), (2, 3), (3,), (), [0, 1], [True, False]))
        elif kind == 5:
            return Made([1.0, 2.0], "[1.0, 2.0]")
        elif kind == 6:
            return self.function()
        else:
            return self.good_ndarray() if kind == 7 else self.wengert_array()
        return Made(value, repr(value))

    def required(self, function: Callable[..., Any]) -> int:
        """How many arguments it wants."""
        with contextlib.suppress(ValueError, TypeError):
            return sum(
                p.kind in (0, 1) and p.default is p.empty for p in inspect.signature(function).parameters.values()
            )
        return self.rng.choice((1, 2))


class Subclass(np.ndarray):
    """An ndarray that says no more than that it is one."""


Pair = collections.namedtuple("Pair", ["first", "second"])
