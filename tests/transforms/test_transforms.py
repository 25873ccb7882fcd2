"""The transforms: arguments, trees, families of types, auxiliary results; the same in wengert and in the reference."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import numpy as np
import optree
import pytest
import wengert as wg
import wengert.reference as wr
from wengert import _core

Point = namedtuple("Point", "x y")
X = np.array([0.5, -1.0, 2.0])


@optree.dataclasses.dataclass(namespace="")
class Layer:
    w: np.ndarray
    b: float


@pytest.fixture(params=[wg, wr], ids=["wengert", "reference"])
def engine(request):
    yield request.param
    assert _core.depth() == 0


def close(got, want, **kw):
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12, atol=1e-14, **kw)


def total(x):
    return np.sum(np.sin(x) * x)


def slope(x):
    return np.cos(x) * x + np.sin(x)


# ---- what goes in comes out -----------------------------------------------------------------------------------------

FAMILIES = [
    (2.0, float),
    (2, float),
    (np.float64(2), np.float64),
    (np.float32(2), np.float32),
    (np.array(2.0), np.ndarray),
    (X, np.ndarray),
    (X.astype(np.float32), np.ndarray),
    (X.reshape(3, 1)[::-1], np.ndarray),
    (np.zeros((0, 2)), np.ndarray),
]


@pytest.mark.parametrize(("x", "kind"), FAMILIES)
def test_the_gradient_has_the_family_of_its_argument(engine, x, kind):
    g = engine.grad(total)(x)
    assert type(g) is kind
    assert getattr(g, "dtype", float) == (float if isinstance(x, int) else getattr(x, "dtype", float))
    assert np.shape(g) == np.shape(x)
    np.testing.assert_allclose(
        g, slope(np.asarray(x, float)), rtol=1e-6 if "32" in str(getattr(x, "dtype", "")) else 1e-13
    )


@pytest.mark.parametrize(("x", "kind"), FAMILIES)
def test_every_transform_keeps_the_family(engine, x, kind):
    one = 1.0 if isinstance(x, (int, float)) and not isinstance(x, np.generic) else np.ones_like(x)
    if isinstance(x, np.generic):
        one = type(x)(1)
    value, g = engine.value_and_grad(total)(x)
    assert type(g) is kind
    assert np.ndim(value) == 0
    # Tangents are of the value's family, and NumPy itself turns 0-d arrays into scalars.
    of_value = (kind, np.float64) if np.shape(x) == () else (kind,)
    assert type(engine.jvp(lambda x: x * x, (x,), (one,))[1]) in of_value
    assert type(engine.vjp(lambda x: x * x, x)[1](one)[0]) is kind
    assert type(engine.hvp(total, x, one)) in of_value
    assert type(engine.elementwise_grad(np.sin)(x)) is kind
    assert type(engine.linearize(lambda x: x * x, x)[1](one)) in of_value
    assert engine.hessian(total)(x).__class__ in (kind, np.ndarray)


@pytest.mark.parametrize("x", [wg.array(2.0), wg.array(X), wg.array(X, dtype=np.float32)])
def test_arrays_give_arrays(x):
    for g in (wg.grad(total)(x), wg.value_and_grad(total)(x)[0], wg.jvp(total, (x,), (x,))[1], wg.hessian(total)(x)):
        assert type(g) is wg.Array
        assert g.dtype == x.dtype
    assert type(wg.vjp(np.sin, x)[1](x)[0]) is wg.Array


def test_values_have_the_family_of_the_arguments(engine):
    assert type(engine.value_and_grad(lambda x: x * x)(3.0)[0]) is float
    assert isinstance(engine.value_and_grad(total)(X)[0], (np.float64, np.ndarray, float))
    assert type(engine.vjp(np.sin, X)[0]) is np.ndarray
    assert type(engine.jvp(np.sin, (X,), (X,))[0]) is np.ndarray


# ---- trees ----------------------------------------------------------------------------------------------------------


def test_trees_of_every_kind(engine):
    tree = {
        "dict": {"b": X, "a": 1.5},
        "tuple": (X * 2, np.float32(0.25)),
        "list": [0.5, [X]],
        "named": Point(1.0, X),
        "ordered": OrderedDict(z=2.0, a=X),
        "none": None,
        "empty": (),
    }

    def f(t):
        assert t["none"] is None
        assert type(t["named"]) is Point
        s = np.sum(t["dict"]["b"] ** 2) * t["dict"]["a"] + np.sum(t["tuple"][0]) * t["tuple"][1]
        s = s + t["list"][0] * np.sum(t["list"][1][0]) + t["named"].x * np.sum(t["named"].y)
        return s + t["ordered"]["z"] * np.sum(t["ordered"]["a"])

    g = engine.grad(f)(tree)
    assert optree.tree_structure(g) == optree.tree_structure(tree)
    close(g["dict"]["b"], 2 * X * 1.5)
    close(g["dict"]["a"], np.sum(X**2))
    close(g["tuple"][0], np.full(3, 0.25))
    assert type(g["tuple"][1]) is np.float32
    assert type(g["named"]) is Point
    close(g["named"].x, np.sum(X))
    assert list(g["ordered"]) == ["z", "a"]
    assert g["none"] is None


def test_a_registered_dataclass(engine):
    layer = Layer(X, 2.0)
    g = engine.grad(lambda l: np.sum(l.w * l.b))(layer)
    assert type(g) is Layer
    close(g.w, np.full(3, 2.0))
    assert type(g.b) is float
    close(g.b, np.sum(X))
    value, pullback = engine.vjp(lambda l: Layer(l.w * l.b, l.b**2), layer)
    assert type(value) is Layer
    close(pullback(Layer(np.ones(3), 1.0))[0].b, np.sum(X) + 4.0)


def test_an_unregistered_class_is_named(engine):
    @dataclass
    class Plain:
        w: float

    with pytest.raises(TypeError, match="Plain"):
        engine.grad(lambda p: p.w)(Plain(1.0))


def test_tree_valued_functions(engine):
    def f(x):
        return {"s": np.sin(x), "p": (x * x, 3.0)}

    y, dy = engine.jvp(f, (X,), (np.ones(3),))
    close(dy["s"], np.cos(X))
    close(dy["p"][0], 2 * X)
    close(dy["p"][1], 0.0)
    close(y["p"][1], 3.0)
    _, pullback = engine.vjp(f, X)
    close(pullback({"s": np.ones(3), "p": (X, 5.0)})[0], np.cos(X) + 2 * X * X)
    jac = engine.jacrev(f)(X)
    close(jac["s"], np.diag(np.cos(X)))
    close(jac["p"][1], np.zeros(3))
    forward = engine.jacfwd(f)(X)
    close(forward["p"][0], np.diag(2 * X))
    close(forward["p"][1], np.zeros(3))


# ---- argnums, keywords, auxiliary results ---------------------------------------------------------------------------


def weighted(a, b, c=1.0):
    return np.sum(a * b) * c


def test_argnums(engine):
    a, b = X, X[::-1].copy()
    close(engine.grad(weighted)(a, b), b)
    close(engine.grad(weighted, argnums=1)(a, b), a)
    close(engine.grad(weighted, 1)(a, b, c=2.0), 2 * a)
    close(engine.grad(weighted, -1)(a, b), a)
    both = engine.grad(weighted, argnums=(1, 0))(a, b)
    assert type(both) is tuple
    close(both[0], a)
    close(both[1], b)
    (only,) = engine.grad(weighted, argnums=(0,))(a, b)
    close(only, b)
    close(engine.grad(weighted, argnums=2)(a, b, 3.0), np.sum(a * b))
    value, g = engine.value_and_grad(weighted, argnums=(0, 1))(a, b)
    close(value, np.sum(a * b))
    close(g[1], a)


@pytest.mark.parametrize(
    "transform",
    ["grad", "value_and_grad", "jacfwd", "jacrev", "jacobian", "hessian", "elementwise_grad", "numerical_gradient"],
)
def test_argnums_out_of_range(engine, transform):
    with pytest.raises((ValueError, IndexError, TypeError), match=r"argument"):
        getattr(engine, transform)(weighted, argnums=5)(X, X)


def test_other_arguments_pass_through_untouched(engine):
    marker = object()
    seen = []

    def f(x, flag, *, also):
        seen.extend([flag, also])
        return x * x

    assert engine.grad(f)(3.0, marker, also="text") == 6.0
    assert seen == [marker, "text"]


def test_has_aux(engine):
    def f(x):
        y = np.sin(x)
        return np.sum(y), {"y": y, "note": "kept", "n": 3}

    g, aux = engine.grad(f, has_aux=True)(X)
    close(g, np.cos(X))
    close(aux["y"], np.sin(X))
    assert aux["note"] == "kept"
    assert aux["n"] == 3
    (value, aux), g = engine.value_and_grad(f, has_aux=True)(X)
    close(value, np.sum(np.sin(X)))


@pytest.mark.parametrize("transform", ["jacfwd", "jacrev", "jacobian"])
def test_has_aux_of_jacobians(transform):
    jac, aux = getattr(wg, transform)(lambda x: (np.sin(x), {"y": x * x, "n": 3}), has_aux=True)(X)
    close(jac, np.diag(np.cos(X)))
    close(aux["y"], X * X)
    assert aux["n"] == 3


def test_auxiliary_values_carry_outer_derivatives(engine):
    """What leaves an inner transform still depends on the outer variable."""

    def outer(x):
        _, aux = engine.grad(lambda y: (y * x, y * x * x), has_aux=True)(2.0)
        return aux

    close(engine.grad(outer)(3.0), 12.0)


@pytest.mark.parametrize("transform", ["grad", "value_and_grad", "jacfwd", "jacrev"])
def test_has_aux_needs_a_pair(transform):
    with pytest.raises((TypeError, ValueError), match="aux"):
        getattr(wg, transform)(lambda x: x * x, has_aux=True)(2.0)


# ---- constants and integers -----------------------------------------------------------------------------------------


def test_functions_that_do_not_depend_on_their_argument(engine):
    for f in (lambda x: 3.0, lambda x: np.float64(3.0), lambda x: np.sum(X)):
        close(engine.grad(f)(X), np.zeros(3))
        _, g = engine.value_and_grad(f)(2.0)
        assert type(g) is float
        assert g == 0.0
        close(engine.jvp(f, (X,), (X,))[1], 0.0)
        close(engine.jacfwd(f)(X), np.zeros(3))
        close(engine.jacrev(f)(X), np.zeros(3))
        close(engine.hessian(f)(X), np.zeros((3, 3)))
        close(engine.vjp(f, X)[1](1.0)[0], np.zeros(3))
    close(engine.grad(lambda x, y: np.sum(x), argnums=1)(X, X), np.zeros(3))


def test_linear_functions_have_zero_second_derivatives(engine):
    close(engine.hessian(np.sum)(X), np.zeros((3, 3)))
    close(engine.hvp(np.sum, X, X), np.zeros(3))
    close(engine.grad(engine.grad(lambda x: 3.0 * x))(1.0), 0.0)


def test_the_identity(engine):
    assert engine.grad(lambda x: x)(3.0) == 1.0
    close(engine.jacrev(lambda x: x)(X), np.eye(3))
    close(engine.jacfwd(lambda x: x)(X), np.eye(3))
    close(engine.vjp(lambda x: x, X)[1](X)[0], X)
    close(engine.jvp(lambda x: x, (X,), (2 * X,))[1], 2 * X)


def test_a_python_int_counts_as_a_float(engine):
    g = engine.grad(lambda x: x**3)(2)
    assert type(g) is float
    assert g == 12.0
    assert engine.jvp(lambda x: x * x, (3,), (1,)) == (9.0, 6.0)


@pytest.mark.parametrize("bad", [np.arange(3), np.int64(2), np.array([True]), True, "text", 1j, np.ones(2, complex)])
@pytest.mark.parametrize(
    "transform", ["grad", "value_and_grad", "jacfwd", "jacrev", "jacobian", "hessian", "elementwise_grad"]
)
def test_arguments_without_a_derivative_are_refused(engine, transform, bad):
    with pytest.raises(TypeError, match=r"argument|complex"):
        getattr(engine, transform)(lambda a, b: np.sum(b * 1.0), argnums=1)(1.0, bad)


def test_integer_leaves_of_trees_are_named(engine):
    with pytest.raises(TypeError, match="int"):
        engine.grad(lambda t: t["a"] * 2.0)({"a": 1.0, "n": np.arange(3)})


def test_integer_arguments_may_be_left_out(engine):
    close(engine.grad(lambda x, i: x[i] * 2.0)(X, 1), [0.0, 2.0, 0.0])
    close(engine.grad(lambda x, i: np.sum(x[i]))(X, np.array([0, 0, 2])), [2.0, 0.0, 1.0])


# ---- Jacobians ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", ["jacfwd", "jacrev", "jacobian"])
@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (0,)])
@pytest.mark.parametrize("out", [(), (4,), (2, 2), (0,)])
def test_jacobians_have_the_shape_of_the_value_then_of_the_argument(engine, transform, shape, out):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(*out, *shape))
    x = rng.normal(size=shape)

    def f(x):
        n = len(shape)
        axes = tuple(range(-n, 0)) if n else ()
        return np.sum(a * np.sin(x), axis=axes) if n else a * np.sin(x)

    jac = getattr(engine, transform)(f)(x)
    assert np.shape(jac) == out + shape
    close(jac, a * np.cos(x))


def test_jacobian_explains_its_choice():
    wide, tall = np.ones((2, 5)), np.ones((12, 2))
    jac, why = wg.jacobian(lambda x: wide @ x, explain=True)(np.ones(5))
    assert why.startswith("reverse mode: 2 output")
    close(jac, wide)
    jac, why = wg.jacobian(lambda x: tall @ x, explain=True)(np.ones(2))
    assert why.startswith("forward mode: 12 output")
    close(jac, tall)


def test_jacobian_of_several_arguments_and_trees(engine):
    def f(p, s):
        return np.sin(p["w"]) * s + p["b"]

    p = {"w": X, "b": 0.5}
    for transform in (engine.jacfwd, engine.jacrev, engine.jacobian):
        jp, js = transform(f, argnums=(0, 1))(p, 2.0)
        close(jp["w"], np.diag(2 * np.cos(X)))
        close(jp["b"], np.ones(3))
        close(js, np.sin(X))


def test_hessian_of_several_arguments(engine):
    h = engine.hessian(lambda x, y: np.sum(x * x) * y, argnums=(0, 1))(X, 3.0)
    close(h[0][0], 6 * np.eye(3))
    close(h[0][1], 2 * X)
    close(h[1][0], 2 * X)
    close(h[1][1], 0.0)


def test_wide_jacobians_are_made_in_batches():
    n = 300  # more columns than fit one batch of tangents
    x = np.linspace(0, 1, n)
    close(wg.jacfwd(lambda x: np.sin(x) * x)(x), np.diag(slope(x)))
    h = wg.hessian(lambda x: np.sum(x**3))(x)
    close(h, np.diag(6 * x))


# ---- names and documentation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transform", ["grad", "value_and_grad", "jacfwd", "jacrev", "jacobian", "hessian", "elementwise_grad"]
)
def test_transformed_functions_are_named_after_the_function(transform):
    def loss(x):
        """The loss."""
        return x * x

    g = getattr(wg, transform)(loss)
    assert transform in g.__name__
    assert "loss" in g.__name__
    assert g.__doc__ == "The loss."


def test_jacobian_learns_the_size_of_the_output_once():
    tall, runs = np.arange(24.0).reshape(12, 2), []

    def f(x):
        runs.append(1)
        return np.asarray(tall) @ x

    jacobian = wg.jacobian(f)
    for count in (2, 3, 4):
        np.testing.assert_array_equal(jacobian(np.ones(2)), tall)
        assert len(runs) == count
    # The same argument size, another output size: right the first time, cheaper the second.
    sizes = wg.jacobian(lambda x, n: tall[:n] @ x, explain=True)
    for n, mode in ((12, "forward"), (2, "forward"), (2, "reverse"), (12, "forward")):
        jac, why = sizes(np.ones(2), n)
        np.testing.assert_array_equal(jac, tall[:n])
        assert why == f"{mode} mode: {n} output element(s), 2 input element(s)"


@pytest.mark.parametrize("transform", [wg.jacobian, wg.jacrev, wg.jacfwd])
def test_jacobians_of_one_array(transform):
    x = np.array([[1.0, 2.0, 3.0]])
    for given in (x, wg.array(x), x.astype(np.float32)):
        jac = transform(lambda x: np.stack([x[0, 0] * x[0, 1], x[0, 2] ** 2]))(given)
        assert type(jac) is type(given)
        assert jac.dtype == given.dtype
        np.testing.assert_array_equal(np.asarray(jac), [[[2, 1, 0]], [[0, 0, 6]]])
    scalar = transform(lambda x: np.sum(x * x))(x)
    assert scalar.shape == (1, 3)
    np.testing.assert_array_equal(transform(lambda y, x: y * x, argnums=-1)(2.0, x).reshape(3, 3), 2 * np.eye(3))
    np.testing.assert_array_equal(transform(lambda x: np.ones(2))(x), np.zeros((2, 1, 3)))  # a constant
    pair = transform(lambda x: (x[0, :2], {"a": x[0, 2]}))(x)
    np.testing.assert_array_equal(pair[0], np.eye(3)[:2].reshape(2, 1, 3))
    np.testing.assert_array_equal(pair[1]["a"], [[0, 0, 1]])
    assert transform(lambda x: x * x)(3.0) == 6.0
    with pytest.raises(TypeError, match="must return arrays or numbers"):
        transform(lambda x: "text")(x)
    with pytest.raises(ValueError, match="names argument 1"):
        transform(lambda x: x, argnums=1)(x)
    with pytest.raises(TypeError, match="argument 0 is an array of dtype int64"):
        transform(lambda x: x)(np.arange(3))
    with pytest.raises(ZeroDivisionError):
        transform(lambda x: 1 / 0)(x)
    assert wg._core.depth() == 0


def test_gradients_of_plain_trees():
    tree = {"w": [2.0, (np.array([1.0, 2.0]), None)], "b": wg.array([3.0]), 1: 4}
    keys = list(tree)

    def f(t, scale):
        assert isinstance(t["w"][1], tuple)
        assert t["w"][1][1] is None
        y = t["w"][0] * np.sum(t["w"][1][0] ** 2) + np.sum(t["b"]) * t[1]
        t.clear()  # a copy of the caller's
        return y * scale

    value, g = wg.value_and_grad(f)(tree, scale=10.0)
    assert list(tree) == list(g) == keys
    assert float(value) == 220.0
    assert g["w"][0] == 50.0
    np.testing.assert_array_equal(g["w"][1][0], [40.0, 80.0])
    assert g["w"][1][1] is None
    assert isinstance(g["b"], wg.Array)
    assert float(g["b"][0]) == 40.0
    assert g[1] == 30.0
    assert type(g["w"]) is list
    assert type(g["w"][1]) is tuple
    assert wg.grad(lambda t: 1.0)({}) == {}
    both = wg.grad(lambda a, b: a["x"] * b[0], argnums=(0, 1))({"x": 2.0}, [3.0])
    assert both == ({"x": 3.0}, [2.0])


def test_a_tree_that_contains_itself_is_an_error():
    loop = [1.0]
    loop.append(loop)
    with pytest.raises(RecursionError):
        wg.grad(lambda t: t[0] * 1.0)(loop)


def test_containers_of_a_class_keep_it():
    import collections

    pair = collections.namedtuple("pair", "a b")
    g = wg.grad(lambda t: t.a * t.b)(pair(2.0, 3.0))
    assert g == pair(3.0, 2.0)
    assert type(g) is pair
    ordered = collections.OrderedDict(b=2.0, a=3.0)
    assert type(wg.grad(lambda t: t["a"] * t["b"])(ordered)) is collections.OrderedDict
