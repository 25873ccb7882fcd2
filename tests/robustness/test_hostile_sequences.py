"""Sequences of axes and lengths that lie about their length or never end, enormous counts, and lists of numbers that
one of their items empties while NumPy reads them."""

import contextlib
import inspect
import time

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
import wengert.random
from hostile_processes import ended
from test_hostile_containers import EVIL

READ = 10_000  # items are more than any axes or lengths
NAMES = {
    "argnums", "axes", "axis", "axisa", "axisb", "axisc", "axis1", "axis2", "destination", "dimensions", "diff_argnums",
    "newshape", "new_shape", "num", "reps", "shape", "size", "source", "static_argnums", "N", "M",
}  # fmt: skip


class Liar:
    """Says it is 2**62 items long, and has none."""

    def __len__(self):
        return 2**62

    def __getitem__(self, i):
        raise IndexError


class Hinting(Liar):
    """The same, of an iterator."""

    __len__ = None

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration

    def __length_hint__(self):
        return 2**62


class Short(Liar):
    """Has one item, which is a good one."""

    def __getitem__(self, i):
        return [0][i]


class Endless:
    """Has always one more."""

    def __init__(self):
        self.read = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.read += 1
        assert self.read < READ, "read without an end"
        return 0


def _cases():
    """Every parameter of those names, of everything public."""
    for module in (wg, wnp, wnp.linalg, wengert.random, wg.Array):
        for name in sorted(getattr(module, "__all__", dir(module))):
            function = getattr(module, name, None)
            if name.startswith("_") or not callable(function):
                continue
            try:
                parameters = inspect.signature(function).parameters
            except (ValueError, TypeError):
                continue
            for parameter in NAMES.intersection(parameters):
                yield f"{module.__name__}.{name}, {parameter}", function, parameter


def _first(name, function):
    if name.startswith("wengert.random."):
        return wengert.random.key(0)
    if name.startswith("wengert.") and not name.startswith("wengert.numpy"):
        return wnp.sum
    return [wg.array(np.ones((2, 3)))] if "stack" in name or "concat" in name else wg.array(np.ones((2, 3)))


def _call(name, function, parameter, value):
    """With `value` for the parameter and something good for the others without a default."""
    good = _first(name, function)
    arguments, keywords = [], {}
    for p in inspect.signature(function).parameters.values():
        given = value if p.name == parameter else good
        if p.name == parameter or (p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)):
            if p.kind == p.POSITIONAL_ONLY:
                arguments.append(given)
            elif p.kind != p.VAR_POSITIONAL:
                keywords[p.name] = given
    result = function(*arguments, **keywords)
    if function in (wg.grad, wg.jacrev, wg.value_and_grad, wg.compile):
        result(wg.array(np.ones(3)))


CASES = sorted(_cases(), key=lambda c: c[0])


@pytest.mark.parametrize("kind", [Liar, Hinting, Short, Endless])
@pytest.mark.parametrize(("name", "function", "parameter"), CASES, ids=[c[0] for c in CASES])
def test_a_sequence_is_not_believed(name, function, parameter, kind):
    with contextlib.suppress(ValueError, TypeError, IndexError, NotImplementedError):
        _call(name, function, parameter, kind())


ENORMOUS = {
    "diff": lambda x, n: wnp.diff(x, n),
    "diff, bool": lambda x, n: wnp.diff(x > 0, n),
    "vander": lambda x, n: wnp.vander(x[0], n),
    "repeat": lambda x, n: wnp.repeat(x, n),
    "tile": lambda x, n: wnp.tile(x, n),
    "tri": lambda x, n: wnp.tri(n),
    "eye": lambda x, n: wnp.eye(n),
    "linspace": lambda x, n: wnp.linspace(0.0, 1.0, n),
    "geomspace": lambda x, n: wnp.geomspace(1.0, 2.0, n),
    "pad": lambda x, n: wnp.pad(x, n),
    "pad, wrap": lambda x, n: wnp.pad(x, n, mode="wrap"),
    "resize": lambda x, n: wnp.resize(x, n),
    "indices": lambda x, n: wnp.indices((n,)),
    "array_split": lambda x, n: wnp.array_split(x, n),
    "bincount": lambda x, n: wnp.bincount(np.array([1]), minlength=n),
    "bincount, weights": lambda x, n: wnp.bincount(np.array([1]), x[0, :1], n),
    "take": lambda x, n: wnp.take(x, n),
    "rot90": lambda x, n: wnp.rot90(x, n),
    "matrix_power": lambda x, n: wnp.linalg.matrix_power(wnp.eye(2), n),
    "diag": lambda x, n: wnp.diag(x, n),
    "diagonal": lambda x, n: wnp.diagonal(x, n),
    "tril": lambda x, n: wnp.tril(x, n),
    "roll": lambda x, n: wnp.roll(x, n),
    "polygamma": lambda x, n: wnp.polygamma(n, x),
    "split": lambda x, n: wengert.random.split(wengert.random.key(0), n),
    "normal": lambda x, n: wengert.random.normal(wengert.random.key(0), (n,)),
    "choice": lambda x, n: wengert.random.choice(wengert.random.key(0), n, (3,), replace=False),
    "permutation": lambda x, n: wengert.random.permutation(wengert.random.key(0), n),
}


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")  # of NumPy's, before it says what is wrong
@pytest.mark.parametrize("n", [2**50, 2**62, -(2**62)])
@pytest.mark.parametrize("name", ENORMOUS)
def test_an_enormous_count_is_answered_at_once(name, n):
    start = time.perf_counter()
    with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError, MemoryError, NotImplementedError):
        ENORMOUS[name](wg.array(np.ones((2, 3))), n)
    assert time.perf_counter() - start < 5


# NumPy by itself reads such a list beyond its end. Among the arguments there is no Array, or it would not see the list.
EMPTIED = """
for arguments in (lambda: (l,), lambda: (l, l), lambda: (x, l), lambda: (l, x), lambda: ([[1.0] * 21, l],),
                  lambda: ((l, l),), lambda: (l, 1, l), lambda: (x, l, l), lambda: (x, [l, l], 0)):
    l[:] = [Evil()] + [1] * 20
    try:
        {}(*arguments())
    except Exception:
        pass
"""


def test_a_list_may_be_emptied_while_numpy_reads_it():
    own = [n for n in wnp.__all__ if getattr(wnp, n) is not getattr(np, n, None)]  # not types and their like
    names = [f"wnp.{n}" for n in own if callable(getattr(wnp, n))]
    names += [f"wnp.linalg.{n}" for n in wnp.linalg.__all__] + ["wg.array", "x.__getitem__", "x.__add__", "x.put"]
    report = ended({name: EVIL + EMPTIED.format(name) for name in names})
    assert len(report) > 300
    assert not (bad := {name: how for name, how in report.items() if how}), "\n".join(map(str, bad.items()))
