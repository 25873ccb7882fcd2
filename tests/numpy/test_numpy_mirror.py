"""Every function of the mirror has NumPy's value, called directly and through NumPy's own name."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from mirror_cases import CASES
from wengert._core import Array, ops
from wengert.numpy import elementwise, protocols


def lookup(module, name):
    for part in name.split("."):
        module = getattr(module, part)
    return module


def wrap(tree):
    """Every NumPy array of the arguments as an Array."""
    if isinstance(tree, np.ndarray):
        return wg.array(tree)
    if isinstance(tree, (list, tuple)):
        return type(tree)(map(wrap, tree))
    return {k: wrap(v) for k, v in tree.items()} if isinstance(tree, dict) else tree


def assert_same(got, want):
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            assert_same(g, w)
        return
    if isinstance(want, (np.ndarray, np.generic)) and not isinstance(want, np.dtype):
        if isinstance(got, bool):
            assert got == want
            return
        assert isinstance(got, Array), type(got)
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        tolerance = 2e-6 if want.dtype == np.float32 else 1e-12
        scale = np.max(np.abs(want), where=np.isfinite(want), initial=0.0)
        np.testing.assert_allclose(got.numpy(), want, rtol=tolerance, atol=tolerance * scale)
        return
    assert got == want


def numpy_value(name, args, kwargs):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return lookup(np, name)(*args, **kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES)
def test_value_equals_numpy(name, args, kwargs):
    assert_same(lookup(wnp, name)(*wrap(args), **wrap(kwargs)), numpy_value(name, args, kwargs))


def _leaves(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        return [leaf for item in tree for leaf in _leaves(item)]
    return [tree]


def _dispatched(name, args, kwargs):
    """NumPy hands these calls to Arrays; the others build arrays, or have no array among their arguments."""
    theirs = lookup(np, name)
    known = theirs in protocols.FUNCTIONS or theirs in protocols.UFUNCS
    has_array = any(isinstance(leaf, np.ndarray) for leaf in _leaves((args, kwargs)))
    return known and has_array and name not in ("array", "asarray", "full", "isscalar")


@pytest.mark.parametrize(("name", "args", "kwargs"), [case for case in CASES if _dispatched(*case.values)])
def test_value_through_numpys_own_name(name, args, kwargs):
    assert_same(lookup(np, name)(*wrap(args), **wrap(kwargs)), numpy_value(name, args, kwargs))


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES[::7])
def test_mirror_accepts_numpy_arrays_and_sequences(name, args, kwargs):
    assert_same(lookup(wnp, name)(*args, **kwargs), numpy_value(name, args, kwargs))


def test_every_primitive_is_exported_and_is_the_compiled_function():
    wrapped = set()
    for primitive in wg.primitives():
        public = not primitive.hidden and primitive.kind != "indexing"
        if public and getattr(wnp, primitive.name) is not getattr(ops, primitive.name):
            wrapped.add(primitive.name)
    assert wrapped <= {
        "sum", "mean", "prod", "max", "min", "any", "all", "argmax", "argmin", "cumsum", "reshape", "transpose",
        "broadcast_to", "expand_dims", "squeeze", "concatenate", "stack", "astype",
    }  # fmt: skip
    assert wnp.tanh is ops.tanh
    assert np.tanh in protocols.UFUNCS
    assert protocols.UFUNCS[np.tanh] is ops.tanh


def test_no_composition_shadows_a_primitive():
    assert not set(elementwise.__all__) & set(vars(ops)), "a primitive now: delete the composition in elementwise.py"


@pytest.mark.parametrize(
    ("alias", "name"),
    [("abs", "absolute"), ("acos", "arccos"), ("pow", "power"), ("true_divide", "divide"), ("mod", "remainder"),
     ("concat", "concatenate"), ("permute_dims", "transpose"), ("amax", "max"), ("radians", "deg2rad")],
)  # fmt: skip
def test_aliases(alias, name):
    assert getattr(wnp, alias) is getattr(wnp, name)


def _same_parameters(name):
    """Functions whose signature can be compared: not variadic, and NumPy publishes one."""
    ours, theirs = getattr(wnp, name), getattr(np, name, None)
    if not inspect.isfunction(ours) or isinstance(theirs, np.ufunc) or not callable(theirs):
        return False
    try:
        parameters = [*inspect.signature(ours).parameters.values(), *inspect.signature(theirs).parameters.values()]
    except ValueError:
        return False
    if name in ("arange", "array"):  # NumPy's own names of the first argument, and keywords for object arrays
        return False
    return not any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


# Parameters that NumPy took in 2.0 and has dropped since, and those without meaning here.
NOT_OURS = {"newshape", "interpolation", "bias", "order", "like", "device"}


@pytest.mark.parametrize("name", [n for n in wnp.__all__ if _same_parameters(n)])
def test_parameters_are_numpys_in_order(name):
    """A positional argument means the same as in NumPy, and every keyword is known (if only to be refused clearly)."""
    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (wnp, np))
    positional = [n for n, p in theirs.items() if p.kind is not p.KEYWORD_ONLY]
    mine = [n for n, p in ours.items() if p.kind is not p.KEYWORD_ONLY]
    assert mine[: len(positional)] == positional[: len(mine)]
    assert set(theirs) <= set(ours) | NOT_OURS | ({"ddof"} if name == "corrcoef" else set())


def test_descending_order_is_stable_and_puts_nan_last():
    x = np.array([1.0, np.nan, 3.0, 3.0, -0.0, 0.0, np.nan, -np.inf])  # as NumPy 2.5 has it
    np.testing.assert_array_equal(wnp.argsort(x, descending=True), [2, 3, 0, 4, 5, 7, 1, 6])
    np.testing.assert_array_equal(wnp.sort(x, descending=True), x[[2, 3, 0, 4, 5, 7, 1, 6]])
    for whole in (np.array([3, 1, 3, np.iinfo(np.int64).min]), np.array([True, False, True])):
        order = wnp.argsort(whole, descending=True)
        np.testing.assert_array_equal(order, sorted(range(len(whole)), key=lambda i, v=whole: -int(v[i])))
    weights = np.arange(6.0).reshape(3, 2)
    wg.check_grads(lambda v: wnp.sort(v, axis=0, descending=True) * weights, (np.array([[1.0, 2], [3, 0], [2, 5]]),))


def test_nested_sequences_keep_arrays():
    x = wg.array([1.0, 2.0])
    got = wnp.array([[x[0], 3], [4.0, x[1]]])
    assert_same(got, np.array([[1.0, 3.0], [4.0, 2.0]]))
    assert_same(wnp.sum([x[0], 2.0]), np.float64(3.0))
