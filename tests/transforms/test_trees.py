"""Trees of arguments and results: every kind of container, in every transform, in and out."""

import collections
import dataclasses
import typing

import numpy as np
import optree
import pytest
import wengert as wg
from wengert import _core
from wengert._internals.tree import tree_flatten, tree_unflatten


class Pair(typing.NamedTuple):
    w: typing.Any
    b: typing.Any


class Sub(Pair):
    """A class derived from a named tuple."""


@optree.dataclasses.dataclass(namespace="")
class Data:
    w: typing.Any
    b: typing.Any


X, Y = np.array([1.0, -2.0]), np.array([0.5, 3.0, 1.0])

# name: a container of w and b, and how to take the two out.
KINDS = {
    "tuple": (lambda w, b: (w, b), lambda t: (t[0], t[1])),
    "list": (lambda w, b: [w, b], lambda t: (t[0], t[1])),
    "dict": (lambda w, b: {"w": w, "b": b}, lambda t: (t["w"], t["b"])),
    "dict of numbers": (lambda w, b: {2: w, 1: b}, lambda t: (t[2], t[1])),
    "dict of mixed keys": (lambda w, b: {"w": w, 1: b}, lambda t: (t["w"], t[1])),
    "named tuple": (Pair, lambda t: (t.w, t.b)),
    "derived named tuple": (Sub, lambda t: (t.w, t.b)),
    "ordered dict": (lambda w, b: collections.OrderedDict(w=w, b=b), lambda t: (t["w"], t["b"])),
    "default dict": (lambda w, b: collections.defaultdict(list, w=w, b=b), lambda t: (t["w"], t["b"])),
    "deque": (lambda w, b: collections.deque([w, b], maxlen=3), lambda t: (t[0], t[1])),
    "dataclass": (Data, lambda t: (t.w, t.b)),
    "nested": (lambda w, b: {"a": [Pair(w, None), ()], "z": ({}, {"b": b})}, lambda t: (t["a"][0].w, t["z"][1]["b"])),
}


@pytest.fixture(params=KINDS, ids=lambda k: k.replace(" ", "_"))
def kind(request):
    return KINDS[request.param]


def same_containers(a, b):
    if isinstance(b, (float, np.ndarray, np.generic, wg.Array)):
        return
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        a, b = list(a.values()), list(b.values())
    elif dataclasses.is_dataclass(a):
        a, b = list(vars(a).values()), list(vars(b).values())
    if isinstance(a, (list, tuple, collections.deque)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same_containers(x, y)


def test_what_goes_in_comes_out(kind):
    """Gradients, values and auxiliary results are trees of the class and order that came in."""
    make, take = kind
    tree = make(X, Y)

    def loss(t):
        w, b = take(t)
        return np.sum(w**2) + np.sum(b**3)

    expected = make(2 * X, 3 * Y**2)
    for g in (
        wg.grad(loss)(tree),
        wg.value_and_grad(loss)(tree)[1],
        wg.grad(lambda t: (loss(t), t), has_aux=True)(tree)[0],
        wg.vjp(loss, tree)[1](1.0)[0],
        wg.jacrev(loss)(tree),
        wg.jacfwd(loss)(tree),
        wg.compile(wg.grad(loss))(tree),
        wg.grad(wg.compile(loss))(tree),
        wg.grad(wg.checkpoint(loss))(tree),
    ):
        same_containers(g, expected)
        for got, right in zip(take(g), take(expected), strict=True):
            assert type(got) is np.ndarray
            np.testing.assert_allclose(got, right)
    np.testing.assert_allclose(wg.jvp(loss, (tree,), (make(X, Y),))[1], 2 * X @ X + 3 * np.sum(Y**3))


def test_results_are_trees(kind):
    make, take = kind

    def f(x):
        return make(x * X, np.sum(x))

    for y in (wg.compile(f)(2.0), f(2.0), wg.vjp(f, 2.0)[0], wg.jvp(f, (2.0,), (1.0,))[0]):
        same_containers(y, f(2.0))
        np.testing.assert_allclose(take(y)[0], 2 * X)
    g = wg.compile(f)
    g(1.0)
    same_containers(g(3.0), f(3.0))  # of a replay
    np.testing.assert_allclose(take(g(3.0))[0], 3 * X)
    (pulled,) = wg.vjp(f, 2.0)[1](make(np.ones(2), 1.0))
    assert pulled == np.sum(X) + 1
    aux = wg.grad(lambda x: (x * x, f(x)), has_aux=True)(2.0)[1]
    same_containers(aux, f(2.0))
    assert not any(isinstance(v, wg.Array) for v in take(aux))


def test_leaves_of_equal_dicts_come_in_one_order():
    one, other = {"b": 1.0, "a": 2.0}, {"a": 3.0, "b": 4.0}
    leaves, spec = tree_flatten(one)
    others, other_spec = tree_flatten(other)
    assert (leaves, others) == ([2.0, 1.0], [3.0, 4.0])
    assert spec == other_spec
    assert list(tree_unflatten(spec, leaves)) == ["b", "a"]
    # so tangents and gradients may be written down in another order than the arguments
    assert wg.jvp(lambda p: p["a"] ** 2 * p["b"], (one,), (other,))[1] == 3.0 * 4 + 4.0 * 4
    rule = wg.optim.SGD(lr=0.5)
    assert rule.apply(one, other, rule.init(one))[0] == {"b": -1.0, "a": 0.5}


def test_structures_differ():
    trees = [
        1.0, None, (), [], {}, (1.0,), [1.0], {"a": 1.0}, {"b": 1.0}, {"a": None}, (1.0, 2.0), ((1.0, 2.0),),
        Pair(1.0, 2.0), Sub(1.0, 2.0), Data(1.0, 2.0), collections.deque([1.0]), {1: 1.0}, {"a": (1.0,)},
        collections.OrderedDict(a=1.0),
    ]  # fmt: skip
    specs = [tree_flatten(t)[1] for t in trees]
    for i, a in enumerate(specs):
        assert [a == b for b in specs] == [i == k for k in range(len(specs))]
        assert a != "a structure"
    assert tree_flatten({1: 1.0})[1] == tree_flatten({True: 5.0})[1]  # keys are equal as Python says


def test_structures_as_text():
    tree = {"b": [1.0, (2.0, None)], "a": Pair(3.0, collections.deque([4.0]))}
    spec = tree_flatten(tree)[1]
    assert repr(spec) == "{'b': [*, (*, None)], 'a': Pair(w=*, b=deque([*]))}"
    assert spec.paths("p") == ["p['a'].w", "p['a'].b[0]", "p['b'][0]", "p['b'][1][0]"]
    assert tree_flatten(Data(1.0, 2.0))[1].paths("d") == ["d.w", "d.b"]
    assert tree_flatten(1.0)[1].paths("x") == ["x"]
    assert len(spec) == 4
    assert not spec.is_leaf()


def test_a_wrong_number_of_leaves_is_an_error():
    spec = tree_flatten((1.0, 2.0))[1]
    for leaves in ([], [1.0], [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match="a tree of 2 leaves cannot be made of"):
            tree_unflatten(spec, leaves)
    with pytest.raises(TypeError):
        tree_unflatten(spec, 3)


def test_containers_that_change_while_they_are_read():
    class Key:
        def __hash__(self):
            return 1

        def __gt__(self, other):
            d.clear()
            return True

    d = {}
    d[Key()] = 1.0
    d[2] = 2.0
    with pytest.raises(RuntimeError, match="changed"):
        _core.flatten(d)


def test_arguments_that_cannot_be_differentiated_are_named():
    f = wg.grad(lambda a, b: a, argnums=1)
    cases = {
        "grad: argument 1 is a bool": True,
        "grad: a leaf of argument 1 is a str": ["x"],
        "grad: a leaf of argument 1 is an array of dtype int64": {"a": np.arange(3)},
        "grad: argument 1 is a function": lambda: 0,
        "grad: a leaf of argument 1 is an array of dtype complex128": (np.ones(2) * 1j,),
    }
    for text, value in cases.items():
        with pytest.raises(TypeError, match=text):
            f(1.0, value)


def test_numbers_of_every_class():
    """A float, an int, an IntEnum, NumPy's scalars: as arguments of grad and jacobian, alone and in trees."""
    import enum

    class E(enum.IntEnum):
        three = 3

    class F(float):
        pass

    kinds = [(3.0, float), (3, float), (E.three, float), (F(3), float)]
    for x, result in [*kinds, (np.float64(3), np.float64), (np.float32(3), np.float32)]:
        found = wg.grad(lambda x: x * x)(x), wg.grad(lambda p: p[0] ** 2)([x])[0], wg.jacrev(lambda x: x * x)(x)
        assert [(type(g), g) for g in found] == [(result, 6.0)] * 3
