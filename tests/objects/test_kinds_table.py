"""What an Array passes for inside a transform or a recording: what the same program has outside.

Every program below runs with plain NumPy and Python values, and inside transforms and their nesting; the class that
`isinstance` sees, and the element type, must be the same.
"""

from __future__ import annotations

import collections.abc
import copy
import functools
import numbers
import operator

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
import wengert.reference as wr

VALUES = {
    "float": 1.5,
    "float64": np.float64(1.5),
    "float32": np.float32(1.5),
    "0-d": np.array(1.5),
    "1-d": np.array([1.5, 2.5]),
    "float32 1-d": np.array([1.5, 2.5], np.float32),
    "Array": wg.array([1.5, 2.5]),
    "Array of one": wg.array(1.5),
}
CONSTANTS = {
    "int": 2,
    "bool": True,
    "float": 2.5,
    "float64": np.float64(2.5),
    "float32": np.float32(2.5),
    "int64": np.int64(2),
    "0-d": np.array(2.5),
    "1-d": np.array([0.5, 3.0]),
    "int 1-d": np.array([1, 2]),
    "list": [0.5, 3.0],
    "Array": wg.array([0.5, 3.0]),
}
OPERATORS = {
    name: getattr(operator, name)
    for name in (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "eq", "ne", "gt", "ge"),
        *("iadd", "isub", "imul", "itruediv", "ipow"),
    )
}
UNARY = {
    "itself": lambda x: x,
    "neg": operator.neg,
    "pos": operator.pos,
    "abs": abs,
    "square": lambda x: x**2,
    "sqrt": lambda x: x**0.5,
    "divmod": lambda x: divmod(x, 2.0)[1],
    "np.sin": np.sin,
    "np.negative": np.negative,
    "np.add": lambda x: np.add(x, 1),
    "np.sum": np.sum,
    "np.mean": np.mean,
    "np.argmax": np.argmax,
    "np.isfinite": np.isfinite,
    "np.where": lambda x: np.where(np.greater(x, 0.0), x, 0.0),
    "np.clip": lambda x: np.clip(x, 0.0, 2.0),
    "np.zeros_like": np.zeros_like,
    "np.reshape": lambda x: np.reshape(x, (-1,)),
    "np.stack": lambda x: np.stack([x, x]),
    "np.maximum": lambda x: np.maximum(x, 2.0),
    "np.hypot": lambda x: np.hypot(x, 1.0),
    "np.dot": lambda x: np.dot(x, x),
    "np.modf": lambda x: np.modf(x)[0],
    "np.atleast_1d": np.atleast_1d,
    "comparison": lambda x: x > 2.0,
    "sum of comparisons": lambda x: (x > 0.0) + (x > 1.0),
    "x - x.sum()": lambda x: x - np.sum(x),
}
METHODS = {
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "max": lambda x: x.max(),
    "argmax": lambda x: x.argmax(),
    "any": lambda x: x.any(),
    "std": lambda x: x.std(),
    "copy": lambda x: x.copy(),
    "astype": lambda x: x.astype(np.float32),
    "astype int": lambda x: x.astype(int),
    "reshape": lambda x: x.reshape(-1),
    "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(),
    "T": lambda x: x.T,
    "transpose": lambda x: x.transpose(),
    "clip": lambda x: x.clip(0.0, 2.0),
    "round": lambda x: x.round(),
    "cumsum": lambda x: x.cumsum(),
    "[...]": lambda x: x[...],
    "[()]": lambda x: x[()],
    "[None]": lambda x: x[None],
    "deepcopy": copy.deepcopy,
}
ELEMENTS = {
    "x[0]": lambda x: x[0],
    "x[0, ...]": lambda x: x[0, ...],
    "x[:1]": lambda x: x[:1],
    "x[[0]]": lambda x: x[[0]],
    "x[x > 0]": lambda x: x[x > 0],
    "of an iteration": lambda x: next(iter(x)),
    "x @ x": lambda x: x @ x,
    "x += 1": lambda x: operator.iadd(x, 1),
    "list": lambda x: operator.add(x, [1.0, 2.0]),
    "list of its elements": lambda x: operator.add(x, [x[0], x[1]]),
    "an element of an element": lambda x: x[0] * x[1],
    "argmax + 1": lambda x: x.argmax() + 1,
}


def grad(engine, f):
    total = engine.numpy.sum
    return engine.grad(lambda x: total((f(x), x)[1]))


TRANSFORMS = {
    "grad": lambda f: grad(wg, f),
    "jvp": lambda f: lambda x: wg.jvp(f, (x,), (x,)),
    "vjp": lambda f: lambda x: wg.vjp(f, x),
    "jacrev": lambda f: lambda x: wg.jacrev(f)(x),
    "compile": wg.compile,
    "trace": lambda f: lambda x: wg.trace(f, x),
    "grad of grad": lambda f: wg.grad(lambda x: wnp.sum(grad(wg, f)(x) * x)),
    "grad in jvp": lambda f: lambda x: wg.jvp(grad(wg, f), (x,), (x,)),
    "grad in compile": lambda f: wg.compile(grad(wg, f)),
    "compile in grad": lambda f: grad(wg, wg.compile(f)),
    "value_and_grad": lambda f: wg.value_and_grad(lambda x: wnp.sum((f(x), x)[1])),
    "grad of a tree": lambda f: lambda x: wg.grad(lambda t: wnp.sum((f(t["x"]), t["x"])[1]))({"x": x}),
    "the reference's grad": lambda f: grad(wr, f),
    "the reference's jvp": lambda f: lambda x: wr.jvp(f, (x,), (x,)),
}


def own(x):
    """A value of its own, which a program may write into."""
    return x.copy() if type(x) in (np.ndarray, wg.Array) else x


def for_engine(x, name):
    return wr.array(np.asarray(x)) if type(x) is wg.Array and "reference" in name else x


def kind(x):
    """Class and element type, as seen where it stands."""
    seen = x.__class__
    seen = wg.Array if seen is wr.Array else seen
    return seen, None if seen in (float, int, bool) else np.dtype(x.dtype)


def kind_inside(transform, program, x, name):
    found = []

    def f(x):
        try:
            found.append(kind(program(x)))
        except Exception as e:
            found.append(type(e))
        return x * 1.0

    TRANSFORMS[transform](f)(for_engine(own(x), name))
    return found[0]


def round_to_digits(x):
    return round(x, 1)


def table():
    for transform in TRANSFORMS:
        for name, x in VALUES.items():
            programs = dict(UNARY)
            if "reference" in transform:
                del programs["np.modf"]  # it has none
            if name != "float":
                programs |= METHODS
            if getattr(x, "shape", ()):
                programs |= ELEMENTS
            elif type(x) is not np.ndarray:  # an ndarray has no __round__
                programs["round to digits"] = round_to_digits
            yield pytest.param(transform, x, programs, id=f"{transform}-{name}")


@pytest.mark.parametrize(("transform", "x", "programs"), list(table()))
def test_results_pass_for_what_they_are_outside(transform, x, programs):
    wrong = []
    for label, program in programs.items():
        want = kind(program(own(x)))
        got = kind_inside(transform, program, x, transform)
        if got != want:
            wrong.append(f"{label}: {got}, plain {want}")
    assert not wrong, "\n".join(wrong)


def pairs(op, c):
    """The operator with a constant on either side; in place the constant is on the right."""
    yield "x op c", lambda x: op(x, own(c))
    if not op.__name__.startswith("i"):
        yield "c op x", lambda x: op(own(c), x)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", VALUES)
def test_operators(transform, name):
    wrong, x = [], VALUES[name]
    for label, op in OPERATORS.items():
        for other, c in CONSTANTS.items():
            for way, program in pairs(op, for_engine(c, transform)):
                try:
                    want = kind(program(for_engine(own(x), transform)))
                except Exception:
                    continue  # in place, of another shape or type
                got = kind_inside(transform, program, x, transform)
                if got != want:
                    wrong.append(f"{label}, {way}, c = {other}: {got}, plain {want}")
    assert not wrong, "\n".join(wrong)


QUESTIONS = {
    "np.ndarray": lambda x: isinstance(x, np.ndarray),
    "float": lambda x: isinstance(x, float),
    "int": lambda x: isinstance(x, int),
    "numbers": lambda x: isinstance(x, (int, float, np.floating)),
    "np.generic": lambda x: isinstance(x, np.generic),
    "Number": lambda x: isinstance(x, numbers.Number),
    "Real": lambda x: isinstance(x, numbers.Real),
    "isscalar": np.isscalar,
    "shape": lambda x: hasattr(x, "shape"),
    "dtype": lambda x: hasattr(x, "dtype"),
    "ndim": lambda x: hasattr(x, "ndim"),
    "flags": lambda x: hasattr(x, "flags"),
    "T": lambda x: hasattr(x, "T"),
    "len": lambda x: hasattr(x, "__len__"),
    "iter": lambda x: hasattr(x, "__iter__"),
    "getattr": lambda x: getattr(x, "ndim", "none"),
    "np.ndim": np.ndim,
    "np.shape": np.shape,
    "np.size": np.size,
    "np.iterable": np.iterable,
    "Sequence": lambda x: isinstance(x, collections.abc.Sequence),
    "issubclass": lambda x: issubclass(x.__class__, np.floating),
}


def case_of(x):
    match x:
        case float():
            return "a float"
        case np.ndarray():
            return "an array"
        case [_, _]:
            return "a pair"
        case {"a": _}:
            return "a dict"
    return "something else"


@functools.singledispatch
def dispatched(x):
    return "something else"


dispatched.register(float)(lambda x: "a float")
dispatched.register(np.ndarray)(lambda x: "an array")
QUESTIONS |= {"match": case_of, "singledispatch": dispatched}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", VALUES)
def test_questions(transform, name):
    if "reference" in transform and "Array" in name:
        pytest.skip("its Array is another class")
    x = VALUES[name]
    for label, ask in QUESTIONS.items():
        if "reference" in transform and label == "flags":
            continue  # it has none
        answers = []

        def f(x):
            answers.append(ask(x))  # noqa: B023
            return x * 1.0

        TRANSFORMS[transform](f)(own(x))
        assert answers[0] == ask(x), label
