"""Forms of arguments and results of the transforms: argnums, families of blocks and auxiliaries, what is refused."""

import itertools

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

X = np.array([1.0, 2.0, 0.5])
TRANSFORMS = [
    wg.grad, wg.value_and_grad, wg.jacfwd, wg.jacrev, wg.jacobian, wg.hessian, wg.elementwise_grad,
    wg.numerical_gradient,
]  # fmt: skip


def product(x, y):
    return x * y


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: t.__name__)
@pytest.mark.parametrize(
    "argnums",
    [
        "x",
        None,
        1.5,
        np.float64(1),
        True,
        (True,),
        ("a",),
        {0, 1},
        {0: 1},
        (0, (1,)),
        slice(0, 2),
        np.array(1.0),
        1j,
        (0, 0),
        (1, 1, 1),
        (0, -2),
        [-1, 1],
        np.array([0, 0]),
        (np.int64(1), 1),
    ],
    ids=repr,
)
def test_argnums_that_are_no_positions_or_name_one_twice(transform, argnums):
    with pytest.raises(TypeError, match=f"^{transform.__name__}: argnums"):
        transform(product, argnums)(3.0, 2.0)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: t.__name__)
def test_argnums_that_are_not_there(transform):
    for argnums in (5, -3, (0, 5)):
        with pytest.raises(ValueError, match=r"argnums .* 2 positional"):
            transform(product, argnums)(3.0, 2.0)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: t.__name__)
def test_positions_of_every_kind(transform):
    for argnums in (np.int64(1), np.uint8(1), -1, np.int32(-1)):
        assert transform(product, argnums)(3.0, 2.0) == transform(product, 1)(3.0, 2.0)
    want = transform(product, (0, 1))(3.0, 2.0)
    for argnums in ([0, 1], range(2), np.array([0, 1]), (0, -1), (np.int64(-2), 1)):
        assert transform(product, argnums)(3.0, 2.0) == want


ARGUMENTS = {
    "float": lambda: 2.0,
    "int": lambda: 2,
    "np.float64": lambda: np.float64(2.0),
    "np.float32": lambda: np.float32(2.0),
    "ndarray": lambda: X.copy(),
    "ndarray ()": lambda: np.array(2.0),
    "Array": lambda: wg.array(X),
    "Array ()": lambda: wg.array(2.0),
}
PLAIN = (float, np.ndarray, np.generic)


def family_of(x, *others):
    """What a derivative of any shape by x may be."""
    if isinstance(x, wg.Array):
        return wg.Array
    if isinstance(x, np.ndarray):
        return np.ndarray
    return wg.Array if any(isinstance(y, wg.Array) for y in others) else np.ndarray


def is_block(block, x, *others):
    shape = np.shape(np.asarray(block))
    if shape == () and not isinstance(x, (wg.Array, np.ndarray)):
        return type(block) is (type(x) if isinstance(x, np.generic) else float)
    return type(block) is family_of(x, *others)


@pytest.mark.parametrize("names", list(itertools.product(ARGUMENTS, ARGUMENTS)), ids=" ".join)
def test_blocks_have_the_family_of_their_argument(names):
    a, b = (ARGUMENTS[n]() for n in names)
    for transform in (wg.jacrev, wg.jacfwd, wg.jacobian):
        for f in (lambda a, b: a * b * X, lambda a, b: wnp.sum(a * b)):
            by_a, by_b = transform(f, (0, 1))(a, b)
            assert is_block(by_a, a, b)
            assert is_block(by_b, b, a)
            assert is_block(transform(f)(a, b), a)  # b is no argument of the derivative
    p = {"a": a, "b": b}

    def f(p):
        return wnp.sum(p["a"] ** 2 * p["b"] * X)

    h = wg.hessian(f)(p)
    for row, column in itertools.product("ab", "ab"):
        assert is_block(h[row][column], p[column], *p.values())
    product, gradient = wg.hvp(f, p, p), wg.grad(f)(p)
    for k in "ab":
        assert type(product[k]) is type(gradient[k])
        assert np.shape(np.asarray(product[k])) == np.shape(np.asarray(gradient[k]))
        assert type(product[k]) is (float if type(p[k]) is int else type(p[k]))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_auxiliary_results_have_the_family_of_the_arguments(name):
    x = ARGUMENTS[name]()
    plain = not isinstance(x, wg.Array)

    def aux_of(x):
        return {"a": x * X, "b": [wnp.sum(x * 2), "text", None, 3], "c": (wnp.sum(x) > 0,)}

    def f(x):
        return (wnp.sum(x * x * X), aux_of(x))

    results = [
        wg.grad(f, has_aux=True)(x)[1],
        wg.value_and_grad(f, has_aux=True)(x)[0][1],
        wg.jacfwd(f, has_aux=True)(x)[1],
        wg.jacrev(f, has_aux=True)(x)[1],
        wg.jacobian(f, has_aux=True)(x)[1],
        wg.hessian(f, has_aux=True)(x)[1],
        wg.vjp(f, x, has_aux=True)[2],
        wg.jvp(f, (x,), (x,), has_aux=True)[2],
    ]
    for aux in results:
        assert type(aux["a"]) is (np.ndarray if plain else wg.Array)
        assert isinstance(aux["b"][0], PLAIN if plain else wg.Array)
        assert aux["b"][1:] == ["text", None, 3]
        assert isinstance(aux["c"][0], (bool, np.bool_) if plain else wg.Array)
        np.testing.assert_array_equal(np.asarray(aux["a"]), np.asarray(x) * X)
    assert wg.hessian(f, has_aux=True)(2.0)[0] == 2 * X.sum()
    value, tangent, _ = wg.jvp(f, (2.0,), (1.0,), has_aux=True)
    assert (value, tangent) == (4 * X.sum(), 4 * X.sum())
    value, pullback, _ = wg.vjp(f, 2.0, has_aux=True)
    assert (value, pullback(1.0)) == (4 * X.sum(), (4 * X.sum(),))


@pytest.mark.parametrize("transform", [wg.jacfwd, wg.jacrev, wg.jacobian, wg.hessian, wg.grad])
def test_auxiliaries_have_to_come_in_a_pair(transform):
    with pytest.raises(
        TypeError, match=f"{transform.__name__ if transform is not wg.hessian else 'grad'}: with has_aux"
    ):
        transform(lambda x: x * x, has_aux=True)(2.0)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.array([X, None], dtype=object), "dtype object; only arrays of numbers"),
        (np.array(["a"]), "dtype <U1; only arrays of numbers"),
        (np.array([1j]), "dtype complex128; complex"),
        (np.arange(3), "dtype int64; integer and bool"),
        (np.array([True]), "dtype bool; integer and bool"),
        (np.array(["2020-01-01"], "M8[D]"), r"dtype datetime64\[D\]; only arrays of numbers"),
    ],
)
def test_arrays_without_a_derivative_are_called_what_they_are(x, text):
    for transform in (wg.grad, wg.jacfwd, wg.jacrev, wg.hessian):
        with pytest.raises(TypeError, match=text):
            transform(lambda x: x[0])(x)


def test_messages_name_the_transform():
    def f(x):
        return wnp.sum(x * x)

    for call, text in (
        (lambda: wg.hvp(f, X, X[:2]), "hvp: a tangent of shape"),
        (lambda: wg.hvp(f, X, {"a": X}), "hvp: the tangents"),
        (lambda: wg.hessian(f, 3)(X), "hessian: argnums 3"),
        (lambda: wg.elementwise_grad(f, 3)(X), "elementwise_grad: argnums 3"),
    ):
        with pytest.raises(ValueError, match=text):
            call()
