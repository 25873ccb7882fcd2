"""A derivative is never lost silently: whatever asks a value that carries one for a plain number raises, naming the
line and the repair, or answers rightly. One row a program, every row in every mode."""

from __future__ import annotations

import array
import cmath
import ctypes
import decimal
import fractions
import io
import json
import math
import operator
import random
import statistics
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

HERE = Path(__file__).name
X = 0.7

MODES = {
    "grad": lambda f, x: wg.grad(f)(x),
    "value_and_grad": lambda f, x: wg.value_and_grad(f)(x)[1],
    "grad with aux": lambda f, x: wg.grad(lambda t: (f(t), None), has_aux=True)(x)[0],
    "vjp": lambda f, x: wg.vjp(f, x)[1](1.0)[0],
    "jvp": lambda f, x: wg.jvp(f, (x,), (1.0,))[1],
    "linearize": lambda f, x: wg.linearize(f, x)[1](1.0),
    "jacfwd": lambda f, x: wg.jacfwd(f)(x),
    "jacrev": lambda f, x: wg.jacrev(f)(x),
    "grad of grad": lambda f, x: wg.grad(lambda t: wg.grad(lambda u: f(u) * t)(t) * 1.0)(x) - second(f, x) * x,
    "grad inside jvp": lambda f, x: wg.jvp(lambda t: wg.value_and_grad(f)(t)[0], (x,), (1.0,))[1],
    "seen from an inner level": lambda f, x: wg.grad(lambda t: wg.value_and_grad(lambda u: u * f(t))(1.0)[0])(x),
    "checkpoint": lambda f, x: wg.grad(wg.checkpoint(f))(x),
    "compile of grad": lambda f, x: wg.compile(wg.grad(f))(x),
    "grad of compile": lambda f, x: wg.grad(wg.compile(f))(x),
    "scan": lambda f, x: wg.grad(lambda t: wg.scan(lambda c, _: (f(c), None), t, None, length=1)[0])(x),
}  # fmt: skip


def second(f, x):
    return wg.grad(wg.grad(f))(x)


def plain(f, x=X):
    return float(np.real(f(x)))


def slope(f):
    return (plain(f, X + 1e-6) - plain(f, X - 1e-6)) / 2e-6


def put(into, x):
    into[0] = x
    return into.sum()


def done(result, into):
    """The array that was written into, summed."""
    return into.sum()


def of(module, *without):
    """Every function of a module that takes floats, called with one, two or a list of them."""
    found = {}
    for name in sorted(set(dir(module)) - set(without)):
        f = getattr(module, name)
        if name.startswith("_") or not callable(f):
            continue
        for form in (
            lambda f, x: f(x),
            lambda f, x: f(x, 0.5),
            lambda f, x: f(0.25, x),
            lambda f, x: f(x, 2),
            lambda f, x: f([x, 0.5]),
            lambda f, x: f([x, 0.5, 0.2], [0.5, 0.1, 0.9]),
        ):
            try:
                form(f, X)
            except Exception:  # not the way to call it
                continue
            found[f"{module.__name__}.{name}"] = lambda x, f=f, form=form: form(f, x)
    return found


# math.prod multiplies and the others have slots of their own
MATH = of(math, "prod", "floor", "ceil", "trunc", "gcd", "lcm", "factorial", "isqrt", "comb", "perm")
CMATH = of(cmath)
STATISTICS = {
    name: f
    for name, f in of(statistics).items()
    if name.partition(".")[2] in ("fmean", "mean", "geometric_mean", "stdev", "pstdev", "variance", "pvariance")
}

# These ask in so many words: the message has the line and what to write.
PYTHON = {
    "float": (lambda x: float(x) ** 2, "leave it as it is"),
    "map float": (lambda x: sum(map(float, [x, x])), "leave it as it is"),
    "list of floats": (lambda x: sum([float(t) for t in [x]]), "leave it as it is"),
    "float method": (lambda x: x.__float__() if hasattr(x, "item") else x, "detach"),
    "complex": (lambda x: complex(x).real, "leave it as it is"),
    "complex of two": (lambda x: complex(1.0, x).imag, "leave it as it is"),
    "item": (lambda x: x.item() if hasattr(x, "item") else x, "leave it as it is"),
    "numpy": (lambda x: x.numpy() if hasattr(x, "item") else x, "leave it as it is"),
    "percent f": (lambda x: float("%f" % x), "f-string"),  # noqa: UP031
    "percent g in a tuple": (lambda x: float("%.17g" % (x,)), "f-string"),  # noqa: UP031
    "array.array": (lambda x: array.array("d", [x])[0], "detach"),
    "into array.array": (lambda x: put(Summing("d", [0.0]), x), "detach"),
    "ctypes": (lambda x: ctypes.c_double(x).value, "detach"),
    "statistics.NormalDist": (lambda x: statistics.NormalDist(x, 1.0).mean, "detach"),
    "math in map": (lambda x: sum(map(math.sin, [x, x])), "wengert.numpy.sin"),
    "math in a product": (lambda x: x * math.exp(-x), "wengert.numpy.exp"),
    "math.isnan": (lambda x: x if not math.isnan(x) else 0.0, "wengert.numpy.isnan"),
    "math.isfinite": (lambda x: x if math.isfinite(x) else 0.0, "wengert.numpy.isfinite"),
    "math.isclose": (lambda x: x if math.isclose(x, 0.7) else 0.0, "wengert.numpy.isclose"),
    "math.pow": (lambda x: math.pow(x, 2), "wengert.numpy.pow"),
    "math.fsum": (lambda x: math.fsum([x, x]), "wengert.numpy.sum"),
    "statistics.fmean": (lambda x: statistics.fmean([x, x]), "wengert.numpy.mean"),
}  # fmt: skip


class Summing(array.array):
    def sum(self):
        return sum(self)


# NumPy's functions that know nothing of Arrays.
NUMPY = {
    "float64": (lambda x: np.float64(x) * x, "numpy.float64"),
    "float32": (lambda x: float(np.float32(x) * 2), "numpy.float32"),
    "complex128": (lambda x: np.complex128(x).real, "numpy.complex128"),
    "array of one": (lambda x: np.array(x) * 2, "wengert.numpy.array"),
    "array of a list": (lambda x: np.array([x, 1.0]).sum(), "np.stack"),
    "asarray": (lambda x: np.asarray([x, 1.0]).sum(), "np.stack"),
    "fromiter": (lambda x: np.fromiter([x, x], float).sum(), "numpy.fromiter"),
    "setitem": (lambda x: put(np.zeros(2), x), "wengert.numpy.zeros"),
    "setitem of float32": (lambda x: put(np.zeros(2, np.float32), x), "wengert.numpy.zeros"),
    "setitem of complex": (lambda x: put(np.zeros(2, complex), x).real, "wengert.numpy.zeros"),
    "setitem called": (lambda x: (lambda a: done(a.__setitem__(0, x), a))(np.zeros(2)), "numpy.ndarray"),
    "operator.setitem": (lambda x: (lambda a: done(operator.setitem(a, 0, x), a))(np.zeros(2)), "detach"),
    "slice": (lambda x: (lambda a: done(operator.setitem(a, slice(None), x), a))(np.zeros(2)), "detach"),
    "mask": (lambda x: (lambda a: done(operator.setitem(a, a == 0, x), a))(np.zeros(2)), "detach"),
    "fill": (lambda x: (lambda a: done(a.fill(x), a))(np.zeros(2)), "wengert.numpy.full"),
    "full": (lambda x: np.full(2, x).sum(), "wengert.numpy.full"),
    "arange": (lambda x: np.arange(0.0, x, 0.31).sum() * x, "detach"),
    "put": (lambda x: (lambda a: done(a.put([0], x), a))(np.zeros(2)), "detach"),
    "normal": (lambda x: np.random.default_rng(0).normal(x, 0.0), "detach"),
    "uniform": (lambda x: np.random.RandomState(0).uniform(0.0, x), "detach"),
    "vectorize": (lambda x: np.vectorize(lambda t: t * t)(x)[()], "detach"),
    "poly1d": (lambda x: np.poly1d([x, 1.0])(0.5), "detach"),
    "masked": (lambda x: np.ma.array([x, 1.0]).sum(), "detach"),
}  # fmt: skip

# What has no line of its own in the message (NumPy or SciPy speak, or our own refusal of a function), or is right.
ELSEWHERE = {
    "nditer": lambda x: sum(float(t) for t in np.nditer(x)),
    "flat": lambda x: (lambda a: done(operator.setitem(a.flat, 0, x), a))(np.zeros(2)),
    "statistics.mean": lambda x: statistics.mean([x, x]),
    "struct.pack": lambda x: struct.unpack("d", struct.pack("d", x))[0],
    "math.prod": lambda x: math.prod([x, x]),
    "round": lambda x: round(x, 1) * x,
    "round to an integer": lambda x: round(x) * x,
    "divmod": lambda x: divmod(x, 0.3)[1],
    "sum, max, sorted": lambda x: sum([x, x]) + max(x, 0.1) + sorted([x, 0.2])[1],
    "decimal": lambda x: float(decimal.Decimal(x)),
    "fraction": lambda x: float(fractions.Fraction(x)),
    "json": lambda x: float(json.dumps(x)),
    "random": lambda x: random.Random(0).uniform(0.0, x),
    "gauss": lambda x: random.Random(0).gauss(x, 1.0),
    "np.put": lambda x: (lambda a: done(np.put(a, [0], x), a))(np.zeros(2)),
    "np.copyto": lambda x: (lambda a: done(np.copyto(a, x), a))(np.zeros(2)),
    "np.place": lambda x: (lambda a: done(np.place(a, a == 0, [x]), a))(np.zeros(2)),
    "np.putmask": lambda x: (lambda a: done(np.putmask(a, a == 0, x), a))(np.zeros(2)),
    "np.fill_diagonal": lambda x: (lambda a: done(np.fill_diagonal(a, x), a))(np.zeros((2, 2))),
    "np.add.at": lambda x: (lambda a: done(np.add.at(a, [0], x), a))(np.zeros(2)),
    "out=": lambda x: (lambda a: done(np.sin(x, out=a), a))(np.zeros(1)),
    "imul": lambda x: operator.imul(np.ones(2), x).sum(),
    "full_like": lambda x: np.full_like(np.ones(2), x).sum(),
    "frompyfunc": lambda x: np.frompyfunc(lambda t: t * t, 1, 1)(x),
    "linspace": lambda x: np.linspace(0, x, 3).sum(),
    "repeat": lambda x: np.repeat(x, 2).sum(),
    "interp": lambda x: np.interp(x, [0.0, 1.0], [0.0, 3.0]),
    "object setitem": lambda x: put(np.zeros(2, object), x),
    "savetxt": lambda x: float((lambda f: (np.savetxt(f, [x]), f.getvalue())[1])(io.StringIO())),
    "polynomial": lambda x: np.polynomial.Polynomial([x, 1.0])(0.5),
    "polyfit": lambda x: np.polyfit([0.0, 1.0, 2.0], np.array([0.0, 1.0, 2.0]) * x, 1)[0],
    "det of a list": lambda x: np.linalg.det([[x, 1.0], [1.0, 2.0]]),
    "histogram": lambda x: np.histogram([0.1, 0.2], weights=[x, x])[0].sum(),
    "format_float": lambda x: float(np.format_float_positional(x)),
    "average": lambda x: np.average([x, 1.0], weights=[2.0, x]),
}  # fmt: skip


def quoted(error):
    """Where the message says the line is."""
    return f"{HERE}:" in str(error)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [*PYTHON, *NUMPY])
def test_who_asks_for_a_number_is_told_the_line_and_the_repair(name, mode):
    f, repair = (PYTHON | NUMPY)[name]
    plain(f)  # a program that is right without derivatives
    with pytest.raises(TypeError, match=r"^wengert: ") as caught:
        MODES[mode](f, X)
    message = str(caught.value)
    assert quoted(message)
    assert repair in message
    assert "x.detach()" in message
    assert "\n" not in message


@pytest.mark.parametrize("mode", ["grad", "jvp", "compile of grad"])
@pytest.mark.parametrize("name", [*MATH, *CMATH, *STATISTICS])
def test_every_function_of_math_names_itself(name, mode):
    f = (MATH | CMATH | STATISTICS)[name]
    with pytest.raises(TypeError, match=r"^wengert: ") as caught:
        MODES[mode](f, X)
    assert quoted(caught.value)


def test_the_tables_are_not_empty():
    assert len(MATH) > 35
    assert len(CMATH) > 20
    assert len(STATISTICS) > 5


def test_the_first_line_names_the_function_the_line_and_the_replacement():
    def stores(x):
        out = np.zeros(3)
        out[0] = x
        return out.sum()

    def collects(x):
        return np.array([x, x * x]).sum()

    def calls(x):
        return math.sin(x)

    for f, line, words in (
        (stores, 2, ("numpy.ndarray.__setitem__", "out[0]", "wengert.numpy.zeros", "np.stack")),
        (collects, 1, ("numpy.array", "np.array([x, x * x])", "wengert.numpy.array", "np.stack")),
        (calls, 1, ("math.sin", "math.sin(x)", "wengert.numpy.sin")),
    ):
        for mode in MODES.values():
            with pytest.raises(TypeError) as caught:
                mode(f, X)
            first = str(caught.value).splitlines()[0]
            assert f"{__file__}:{f.__code__.co_firstlineno + line}" in first
            assert all(w in first for w in words), first


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ELSEWHERE)
def test_others_raise_or_are_right(name, mode):
    f = ELSEWHERE[name]
    try:
        got = float(MODES[mode](f, X))
    except (TypeError, ValueError, RuntimeError, struct.error):
        return
    assert got == pytest.approx(slope(f), abs=1e-4)


SCIPY = {
    "quad": lambda x: _scipy("integrate").quad(lambda s: s * x, 0, 1)[0],
    "quad to x": lambda x: _scipy("integrate").quad(lambda s: s, 0, x)[0],
    "brentq": lambda x: _scipy("optimize").brentq(lambda s: s - x, -10, 10),
    "bisect": lambda x: _scipy("optimize").bisect(lambda s: s - x, -10, 10),
    "ridder": lambda x: _scipy("optimize").ridder(lambda s: s - x, -10, 10),
    "newton": lambda x: _scipy("optimize").newton(lambda s: s * s - x, 1.0),
    "root_scalar": lambda x: _scipy("optimize").root_scalar(lambda s: s - x, bracket=(-10, 10)).root,
    "fsolve": lambda x: _scipy("optimize").fsolve(lambda s: s - x, 0.1)[0],
    "minimize": lambda x: _scipy("optimize").minimize(lambda s: (s[0] - x) ** 2, np.zeros(1)).x[0],
    "minimize_scalar": lambda x: _scipy("optimize").minimize_scalar(lambda s: (s - x) ** 2).x,
    "odeint": lambda x: _scipy("integrate").odeint(lambda s, t: -x * s, [1.0], [0.0, 1.0])[-1, 0],
    "solve_ivp": lambda x: _scipy("integrate").solve_ivp(lambda t, s: -x * s, (0, 1), [1.0]).y[0, -1],
    "interp1d": lambda x: _scipy("interpolate").interp1d([0.0, 2.0], [0.0, 4.0])(x)[()],
    "CubicSpline": lambda x: _scipy("interpolate").CubicSpline([0.0, 1.0, 2.0], [0.0, 1.0, 4.0])(x),
    "gammainc": lambda x: _scipy("special").gammainc(2.0, x),
    "logsumexp": lambda x: _scipy("special").logsumexp([x, 1.0]),
    "norm.pdf": lambda x: _scipy("stats").norm.pdf(x),
    "expm": lambda x: _scipy("linalg").expm(np.eye(2) * x).sum(),
    "lfilter": lambda x: _scipy("signal").lfilter([1.0], [1.0, x], np.ones(4)).sum(),
    "fft": lambda x: abs(_scipy("fft").fft([x, 1.0])).sum(),
    "csr_matrix": lambda x: _scipy("sparse").csr_matrix([[x, 1.0]]).sum(),
    "euclidean": lambda x: _scipy("spatial.distance").euclidean([x, 1.0], [0.0, 1.0]),
    "gaussian_filter": lambda x: _scipy("ndimage").gaussian_filter([x, 1.0, 2.0], 1.0).sum(),
}  # fmt: skip


def _scipy(name):
    return pytest.importorskip(f"scipy.{name}")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SCIPY)
def test_functions_of_scipy_raise_or_are_right(name, mode, capsys):
    f = SCIPY[name]
    plain(f)
    error = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            got = float(MODES[mode](f, X))
    except Exception as e:
        error = e
    if error is None:
        assert got == pytest.approx(slope(f), abs=1e-4)
    elif name in ("quad", "quad to x", "brentq", "bisect", "ridder", "root_scalar"):
        if isinstance(error, ValueError) and "different signs" in str(error):
            return  # SciPy's C code calls f again with the error set, and now and then the interpreter drops it there
        assert isinstance(error, TypeError)
        assert quoted(error)
        assert "custom_vjp" in str(error)


def test_lambdified_functions_of_sympy_name_numpy():
    sympy = pytest.importorskip("sympy")
    t = sympy.Symbol("t")
    f = sympy.lambdify(t, sympy.sin(t) * t, modules="math")
    with pytest.raises(TypeError, match=r'modules="numpy"') as caught:
        wg.grad(f)(X)
    assert quoted(caught.value)
    g = sympy.lambdify(t, sympy.sin(t) * t, modules="numpy")
    assert wg.grad(g)(X) == pytest.approx(math.sin(X) + X * math.cos(X))


# ---- what answers ---------------------------------------------------------------------------------------------------

ANSWERS = {
    "bool": bool,
    "int": int,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": round,
    "less": lambda x: bool(x < 1.0),
    "between": lambda x: bool(0.0 < x < 1.0 and not x > 2.0),
    "equal": lambda x: bool(x == 2.5),
    "in": lambda x: x in (0.25, 2.5),
    "format": lambda x: format(x, ".3f"),
    "f-string": lambda x: f"{x}|{x:8.3f}|{x:.2e}",
    "str": str,
    "print": lambda x: print(x, file=io.StringIO()),
    "percent d": lambda x: "%d" % x,  # noqa: UP031
    "percent s": lambda x: "%s" % x,  # noqa: UP031
    "range": lambda x: list(range(int(x))),
    "max": lambda x: bool(max(x, 1.0) == x),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ANSWERS)
def test_questions_with_whole_or_written_answers(name, mode):
    ask, seen = ANSWERS[name], []

    def f(x):
        seen.append(ask(x))
        assert type(repr(x)) is str
        return x * x

    for x in (2.5, -1.5, 0.25):
        seen.clear()
        assert float(MODES[mode](f, x)) == pytest.approx(2 * x)
        assert all(answer == ask(x) and type(answer) is type(ask(x)) for answer in seen), (seen, ask(x))


def test_round_to_digits_is_the_traced_function():
    assert wg.grad(lambda x: round(x, 1) + 2.0 * x)(X) == 2.0
    assert wg.jvp(lambda x: round(x, 2) * x, (0.713,), (1.0,)) == pytest.approx((0.71 * 0.713, 0.71))
    np.testing.assert_array_equal(np.asarray(round(wg.array([0.14, 2.36]), 1)), [0.1, 2.4])


# ---- values that carry no derivative --------------------------------------------------------------------------------


def test_plain_arrays_and_values_after_a_transform_answer():
    kept = []
    wg.grad(lambda x: (kept.append(x * 2.0), x)[1])(X)
    wg.jvp(lambda x: (kept.append(x * 2.0), x)[1], (X,), (1.0,))
    for x in (*kept, wg.array(2 * X), wg.stop_gradient(wg.array(2 * X))):
        assert float(x) == x.item() == complex(x) == np.float64(x) == 2 * X
        assert math.sin(x) == math.sin(2 * X)
        assert "%.2f" % x == "1.40"  # noqa: UP031
        out = np.zeros(1)
        out[0] = x
        assert out[0] == 2 * X == np.asarray(x)
    assert statistics.fmean([wg.array(1.0), wg.array(2.0)]) == 1.5


def test_detached_values_answer_inside_a_transform():
    def f(x):
        y = x.detach()
        assert type(y) is type(x)
        assert y.item() == float(y) == X
        assert not np.asarray(y).shape
        return x * math.sin(x.detach()) + float(wg.stop_gradient(x))

    for mode in ("grad", "jvp", "vjp", "compile of grad"):
        assert MODES[mode](f, X) == pytest.approx(math.sin(X))


def test_integers_and_truth_values_carry_none():
    def f(x):
        above, position = x > 0.5, wnp.argmax(x)
        assert float(above.sum()) == 2.0
        assert position.item() == 2
        assert float(position) == 2.0
        return (x * np.asarray(above)).sum()

    x = np.array([0.1, 0.6, 0.9])
    np.testing.assert_array_equal(wg.grad(f)(x), [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(wg.jacfwd(f)(x), [0.0, 1.0, 1.0])


def test_compiled_without_derivative_a_number_is_a_guard():
    g = wg.compile(lambda x: x * math.sin(x) + float(x) ** 2)
    for x in (0.5, 0.5, 2.0, 0.5):
        assert g(x) == pytest.approx(x * math.sin(x) + x * x, rel=1e-15)
    assert any("number taken out" in line for line in g.why())


# ---- requires_grad: as in PyTorch -----------------------------------------------------------------------------------


def test_item_of_an_array_that_requires_gradients_answers():
    w = wg.array(X, requires_grad=True)
    loss = (w * w).sum()
    assert w.item() == X
    assert loss.item() == pytest.approx(X * X)
    assert f"{loss:.2f}" == "0.49"
    assert int(w) == 0


@pytest.mark.parametrize("ask", [float, math.sin, np.float64, lambda w: put(np.zeros(1), w), lambda w: "%f" % w])  # noqa: UP031
def test_float_of_an_array_that_requires_gradients_warns(ask):
    w = wg.array(X, requires_grad=True)
    for value in (w, w * w, (w * w).sum()):
        with pytest.warns(UserWarning, match=r"requires gradients.*item\(\)"):
            ask(value)
        with wg.no_grad():
            ask(value)
        ask(value.detach())


def test_a_loss_answers_after_backward():
    w, losses = wg.array([1.0, 2.0], requires_grad=True), []
    for _ in range(3):
        w.grad = None
        loss = (w * w).sum()
        loss.backward()
        losses.append(float(loss))
        with wg.no_grad():
            w -= 0.1 * w.grad
    assert losses == pytest.approx([5.0, 3.2, 2.048])
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    with pytest.warns(UserWarning, match="requires gradients"):
        float(loss)


def test_conversions_of_an_array_that_requires_gradients_raise():
    w = wg.array(X, requires_grad=True)
    for convert in (np.asarray, np.array, lambda v: v.numpy(), lambda v: np.array([v, v])):
        with pytest.raises(TypeError, match=r"requires gradients.*detach"):
            convert(w * w)


def test_inside_a_transform_outer_levels_count_too():
    w = wg.array(X, requires_grad=True)
    with pytest.raises(TypeError, match=r"float"):
        wg.grad(lambda x: float(x * w))(2.0)
    with pytest.warns(UserWarning, match="requires gradients"):
        wg.grad(lambda x: x * float(w))(2.0)
