"""Kinks: every spelling of a function follows docs/edges.md, and so does it inside loops and branches."""

import functools
import itertools

import numpy as np
import pytest
import wengert as wg
import wengert.reference as wr

MODES = {
    "grad": wg.grad,
    "jvp": lambda f: lambda x: wg.jvp(f, (x,), (np.ones_like(x),))[1],
    "compiled grad": lambda f: wg.compile(wg.grad(f)),
    "compiled jvp": lambda f: wg.compile(lambda x: wg.jvp(f, (x,), (np.ones_like(x),))[1]),
    "grad of compiled": lambda f: wg.grad(wg.compile(f)),
}
ALL_MODES = pytest.mark.parametrize("mode", MODES)

# ---- one function, many spellings: the derivative at 0 of ... is ... ------------------------------------------------

SPELLINGS = {
    "abs": (
        0.0,
        {
            "abs()": lambda n, x: abs(x),
            "absolute": lambda n, x: n.absolute(x),
            "fabs": lambda n, x: n.fabs(x),
            "sqrt(square)": lambda n, x: n.sqrt(n.square(x)),
            "maximum(x, -x)": lambda n, x: n.maximum(x, -x),
            "max of both": lambda n, x: n.max(n.stack([x, -x])),
            "-min of both": lambda n, x: -n.min(n.stack([x, -x])),
            "hypot": lambda n, x: n.hypot(x, 0.0),
            "x sign(x)": lambda n, x: x * n.sign(x),
            "copysign": lambda n, x: n.copysign(x, 1.0),
            "norm": lambda n, x: n.linalg.norm(n.stack([x])),
            "norm 1": lambda n, x: n.linalg.norm(n.stack([x, 0 * x]), 1),
            "norm 3": lambda n, x: n.linalg.norm(n.stack([x, 0 * x]), 3),
            "norm inf": lambda n, x: n.linalg.norm(n.stack([x]), np.inf),
            "norm fro": lambda n, x: n.linalg.norm(n.stack([n.stack([x])]), "fro"),
            "norm of an axis": lambda n, x: n.linalg.norm(n.stack([x, 0 * x]), axis=0),
            "interp": lambda n, x: n.interp(x, np.array([-1.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0])),
            "piecewise where": lambda n, x: n.where(x > 0, x, n.where(x < 0, -x, 0.0)),
            "std": lambda n, x: n.std(n.stack([x, -x])),
            "ptp": lambda n, x: n.ptp(n.stack([x, -x])) / 2,
            "sort": lambda n, x: n.sort(n.stack([x, -x]))[1],
        },
    ),
    "relu": (
        0.0,
        {
            "relu": lambda n, x: (wg.numpy if n is np else n).relu(x),
            "maximum(x, 0)": lambda n, x: n.maximum(x, 0.0),
            "maximum(0, x)": lambda n, x: n.maximum(0.0, x),
            "maximum of an array": lambda n, x: n.maximum(x, np.zeros(())),
            "fmax": lambda n, x: n.fmax(x, 0.0),
            "clip": lambda n, x: n.clip(x, 0.0, None),
            "clip method": lambda n, x: x.clip(0.0, 5.0),
            "where": lambda n, x: n.where(x > 0, x, 0.0),
            "max, initial": lambda n, x: n.max(n.stack([x]), initial=0.0),
            "interp": lambda n, x: n.interp(x, np.array([0.0, 5.0]), np.array([0.0, 5.0])),
            "x heaviside": lambda n, x: x * n.heaviside(x, 0.0),
            "-minimum": lambda n, x: -n.minimum(-x, 0.0),
        },
    ),
    "half and double": (  # slopes 0.5 on the left and 2 on the right of 0
        0.5,
        {
            "interp": lambda n, x: n.interp(x, np.array([-2.0, 0.0, 1.0]), np.array([-1.0, 0.0, 2.0])),
            "interp, falling": lambda n, x: -n.interp(-x, np.array([-1.0, 0.0, 2.0]), np.array([-2.0, 0.0, 1.0])),
            "interp, periodic": lambda n, x: n.interp(
                x, np.array([-2.0, 0.0, 1.0]), np.array([-1.0, 0.0, 2.0]), period=20.0
            ),
        },
    ),
}
ROWS = [(kind, name) for kind, (_, forms) in SPELLINGS.items() for name in forms]
NOT_IN_REFERENCE = {"fmax", "clip method", "copysign", "max, initial", "interp, periodic"}


@pytest.mark.parametrize("namespace", [np, wg.numpy, wr.numpy], ids=["np", "wnp", "reference"])
@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_every_spelling(kind, name, namespace):
    want, forms = SPELLINGS[kind]
    if namespace is np and name == "relu":
        pytest.skip("NumPy has no relu")
    if namespace is wr.numpy and name in NOT_IN_REFERENCE:
        pytest.skip(f"the reference has no {name}")
    m = wr if namespace is wr.numpy else wg
    one = functools.partial(forms[name], namespace)
    for x in (0.0, -0.0):
        assert m.grad(one)(x) == want
        assert m.jvp(one, (x,), (1.0,))[1] == want
        if m is wg:
            for mode in ("compiled grad", "compiled jvp"):
                compiled = MODES[mode](one)
                compiled(0.25)
                assert float(compiled(x)) == want


# ---- interp ---------------------------------------------------------------------------------------------------------

XP, FP = np.array([0.0, 1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0, 8.0])  # slopes 2, -1, 3


@pytest.mark.parametrize("m", [wg, wr], ids=["wengert", "reference"])
@pytest.mark.parametrize(
    ("x", "want"),
    [(-1.0, 0), (0.0, 0), (0.5, 2), (1.0, 0), (1.5, -1), (2.0, 0), (3.0, 3), (4.0, 0), (9.0, 0), (np.inf, 0)],
)
def test_slopes_of_interp(m, x, want):
    def f(x):
        return m.numpy.interp(x, XP, FP)

    assert m.grad(f)(x) == want
    assert m.jvp(f, (x,), (1.0,))[1] == want
    assert f(x).item() == np.interp(x, XP, FP)


@pytest.mark.parametrize("m", [wg, wr], ids=["wengert", "reference"])
def test_interp_in_all_of_its_arguments(m):
    """Away from knots against differences; at a knot the value there is the only one that counts."""
    xs = np.array([0.25, 1.0, 1.75, 3.0, 4.0])
    g = m.jacobian(lambda fp: m.numpy.interp(xs, XP, fp))(FP)
    np.testing.assert_allclose(
        g, [[0.75, 0.25, 0, 0], [0, 1, 0, 0], [0, 0.25, 0.75, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 1]]
    )
    inner = xs[[0, 2, 3]]
    found = m.jacobian(lambda xp: m.numpy.interp(inner, xp, FP))(XP)
    for j in range(4):
        d = np.eye(4)[j] * 1e-6
        want = (np.interp(inner, XP + d, FP) - np.interp(inner, XP - d, FP)) / 2e-6
        np.testing.assert_allclose(found[:, j], want, atol=1e-8)
    mixed = m.jacfwd(m.grad(lambda x, fp: m.numpy.interp(x, XP, fp)), 1)(0.25, FP)
    np.testing.assert_allclose(mixed, [-1, 1, 0, 0])


def test_interp_with_repeated_knots():
    xp, fp = np.array([0.0, 1.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0, 7.0])
    for m in (wg, wr):
        f = functools.partial(lambda m, x: m.numpy.interp(x, xp, fp), m)
        assert [m.grad(f)(x) for x in (0.5, 1.0, 1.5)] == [1.0, 1.0, 4.0]


# ---- NaN ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("namespace", [np, wg.numpy, wr.numpy], ids=["np", "wnp", "reference"])
def test_nan_is_not_flat(namespace):
    m, n = (wr if namespace is wr.numpy else wg), namespace
    forms = [lambda x: abs(x), n.absolute, n.fabs, n.median, lambda x: n.median(n.stack([x, 1 + 0 * x])), n.max, n.min]
    for f in forms:
        assert np.isnan(m.grad(f)(np.nan))
        assert np.isnan(m.jvp(f, (np.nan,), (1.0,))[1])
        if m is wg:
            compiled = wg.compile(wg.grad(f))
            compiled(0.5)
            assert np.isnan(compiled(np.nan))
    x = np.array([[1.0, np.nan, 3.0], [1.0, 2.0, 4.0]])
    for g in (m.grad(lambda x: n.sum(n.median(x, axis=1))), m.jacfwd(lambda x: n.sum(n.median(x, axis=1)))):
        np.testing.assert_array_equal(g(x), [[np.nan] * 3, [0, 1, 0]])


# ---- ties inside loops and branches ---------------------------------------------------------------------------------

CHOICES = {
    "maximum": np.maximum,
    "minimum": np.minimum,
    "maximum, turned round": lambda c, r: np.maximum(r, c),
    "clip below": lambda c, r: np.clip(r, c, 5.0),
    "clip above": lambda c, r: np.clip(r, -5.0, c),
    "against a number": lambda c, r: c + np.maximum(r, 0.0),
    "against a part": lambda c, r: np.maximum(c * 0.5, np.minimum(r, c)),
    "fmax": np.fmax,
}
STARTS = {"a constant": lambda x: np.zeros(3), "the argument": lambda x: 1.0 * x, "half of it": lambda x: 0.5 * x}


def python_loop(step, init, rows):
    for r in rows:
        init = step(init, r)
    return init


def scanned(step, init, rows, reverse=False):
    return wg.scan(lambda c, r: (step(c, r), None), init, np.stack(rows), reverse=reverse)[0]


def counted(step, init, rows):
    stacked = np.stack(rows)
    return wg.fori_loop(0, len(rows), lambda i, c: step(c, stacked[i]), init)


def awaited(step, init, rows):
    stacked = np.stack(rows)
    start = (np.asarray(0), init)
    return wg.while_loop(lambda s: s[0] < len(rows), lambda s: (s[0] + 1, step(s[1], stacked[s[0]])), start)[1]


LOOPS = {
    "scan": scanned,
    "scan, reversed": functools.partial(scanned, reverse=True),
    "fori_loop": counted,
    "while_loop": awaited,
}
AT_TIES = [np.zeros(3), np.array([0.0, 1.0, -1.0])]


@ALL_MODES
@pytest.mark.parametrize(("loop", "choice", "start"), list(itertools.product(LOOPS, CHOICES, STARTS)))
def test_ties_in_loops(loop, choice, start, mode):
    def program(run):
        return lambda x: np.sum(run(CHOICES[choice], STARTS[start](x), [x, x, 2 * x]) * np.array([1.0, 2.0, 3.0]))

    reverse = "reversed" in loop
    plain = MODES["grad" if "grad" in mode else "jvp"](
        program(lambda step, init, rows: python_loop(step, init, rows[::-1] if reverse else rows))
    )
    found = MODES[mode](program(LOOPS[loop]))
    for x in AT_TIES:
        for _ in range(2):
            np.testing.assert_array_equal(found(x), plain(x))


@ALL_MODES
def test_two_carries_that_wake_one_after_the_other(mode):
    """The second carry is constant for two steps: the first steps differ from the later ones twice."""

    def step(c, r):
        a, b = c
        return np.maximum(a, r), np.maximum(b, a)

    def program(run):
        def f(x):
            c = (np.zeros(3), np.zeros(3))
            if run == "python":
                for r in (x, x, x, x):
                    c = step(c, r)
            else:
                c = wg.scan(lambda c, r: (step(c, r), None), c, np.stack([x, x, x, x]))[0]
            return np.sum(c[0] + 3 * c[1])

        return f

    plain = MODES["grad" if "grad" in mode else "jvp"](program("python"))
    found = MODES[mode](program("scan"))
    for x in AT_TIES:
        np.testing.assert_array_equal(found(x), plain(x))


def test_outputs_of_every_step():
    def f(x):
        def step(c, r):
            c = np.maximum(c, r)
            return c, c * r

        return np.sum(wg.scan(step, np.zeros(3), np.stack([x, 2 * x, 3 * x]))[1])

    def g(x):
        c, total = np.zeros(3), 0.0
        for r in (x, 2 * x, 3 * x):
            c = np.maximum(c, r)
            total = total + np.sum(c * r)
        return total

    for x in AT_TIES:
        for d in (wg.grad, wg.hessian, wg.jacfwd):
            np.testing.assert_array_equal(wg.compile(d(f))(x), d(g)(x))
            np.testing.assert_array_equal(d(f)(x), d(g)(x))


def test_a_loop_whose_carries_change_places():
    """The activity of its carries never settles: it is still a loop, and right away from ties."""

    def f(x):
        def step(c, _):
            a, b = c
            return (b, np.maximum(a, b) * 1.5), None

        return np.sum(wg.scan(step, (x, np.ones(3)), None, length=40)[0][1])

    x = np.array([0.3, 2.0, 1.5])
    h = 1e-6
    want = [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(wg.compile(wg.grad(f))(x), np.array(want, float), rtol=1e-6)


BRANCHES = {
    "a number": lambda x: wg.cond(x[0] > 5, lambda y: 0.0, lambda y: 0.0, x),
    "an array": lambda x: wg.cond(x[0] > 5, lambda y: np.zeros(3), lambda y: np.zeros(3), x),
    "floor": lambda x: wg.cond(np.sum(x) > 0.1, np.floor, lambda y: np.floor(y) * 2, x),
    "the argument": lambda x: wg.cond(x[0] > 5, lambda y: y, lambda y: 2 * y, x),
}
EAGER_BRANCHES = {
    "a number": lambda x: 0.0,
    "an array": lambda x: np.zeros(3),
    "floor": lambda x: np.floor(x) * (1 if float(np.sum(wg.stop_gradient(x))) > 0.1 else 2),
    "the argument": lambda x: 2 * x,
}


@ALL_MODES
@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("choice", ["maximum", "minimum"])
def test_ties_with_the_result_of_a_branch(choice, branch, mode):
    def program(branches):
        return lambda x: np.sum(CHOICES[choice](x, branches[branch](x)))

    plain = MODES["grad" if "grad" in mode else "jvp"](program(EAGER_BRANCHES))
    found = MODES[mode](program(BRANCHES))
    for x in AT_TIES:
        np.testing.assert_array_equal(found(x), plain(x))


@ALL_MODES
@pytest.mark.parametrize("choice", ["maximum", "minimum", "clip below", "against a number"])
def test_ties_inside_a_branch(choice, mode):
    def program(run):
        return lambda x: np.sum(run(lambda y: CHOICES[choice](np.zeros(3), y) * 2, x))

    plain = MODES["grad" if "grad" in mode else "jvp"](program(lambda f, x: f(x)))
    found = MODES[mode](program(lambda f, x: wg.cond(np.sum(x) < 5, f, lambda y: y, x)))
    for x in AT_TIES:
        np.testing.assert_array_equal(found(x), plain(x))
