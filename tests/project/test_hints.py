"""Names and keywords of other libraries are answered with what to write instead, and a miss costs next to nothing."""

import importlib
import inspect
import re
import subprocess
import sys

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from wengert._internals import hints

X = wg.array([1.0, 2.0])
ROWS = [(module, name) for module, names in hints.NAMES.items() for name in names]


def owner(module):
    return wg.Array if module == "wengert.Array" else importlib.import_module(module)


@pytest.mark.parametrize(("module", "name"), ROWS)
def test_each_row_names_what_is_missing_and_what_is_there(module, name):
    hint = hints.NAMES[module][name]
    with pytest.raises(AttributeError, match=re.escape(f"{module} has no '{name}': {hint}")):
        getattr(owner(module), name)
    for path in re.findall(r"wengert(?:\.\w+)+", hint):  # what the hint names exists
        found = wg
        for part in path.split(".")[1:]:
            found = getattr(found, part)
    if module == "wengert.Array":
        assert not hasattr(X, name)
        for attribute in re.findall(r"\bx\.(\w+)", hint):
            assert hasattr(X, attribute)
    elif call := re.match(r"use (\w+)(\(|$| or)", hint):
        assert hasattr(owner(module), call[1])


@pytest.mark.parametrize(
    ("module", "name", "words"),
    [
        (wg, "zeros", "wengert has no 'zeros': it is wengert.numpy.zeros"),
        (wnp, "vector_norm", "it is wengert.numpy.linalg.vector_norm"),
        (wnp, "nextafter", "numpy.nextafter works on plain values"),
        (wnp, "svd", "numpy.linalg.svd works on plain values"),
        (wnp.linalg, "svd", "numpy.linalg.svd works on plain values"),
        (wnp, "complex512", "wengert.numpy has no 'complex512'$"),
        (wg.random, "foo", "wengert.random has no 'foo'$"),
        (wg.optim, "foo", "wengert.optim has no 'foo'$"),
    ],
)
def test_names_that_are_elsewhere(module, name, words):
    with pytest.raises(AttributeError, match=words):
        getattr(module, name)


def test_the_interpreter_finds_the_name_that_was_meant():
    program = "import wengert.numpy as wnp; wnp.arctann"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "wengert.numpy has no 'arctann'. Did you mean: 'arctan'?" in result.stderr


def test_hints_of_methods_are_not_listed():
    assert not set(dir(X)) & set(hints.NAMES["wengert.Array"])
    assert {"sum", "shape", "__add__"} <= set(dir(X))
    inspect.getmembers(X[None])
    inspect.getmembers(wg.Array)


def test_a_miss_looks_for_no_similar_names():
    program = (
        "import sys, wengert as wg\n"
        "for m in (wg, wg.numpy, wg.numpy.linalg, wg.random, wg.optim): assert not hasattr(m, 'complex512'), m\n"
        "assert 'difflib' not in sys.modules"  # 500 us a miss; the table takes 1.4
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_keywords():
    with pytest.raises(TypeError, match=r"sum.*'dim' \(it is called axis here\); it takes axis, keepdims"):
        X.sum(dim=0)
    with pytest.raises(TypeError, match=r"'keepdim' \(it is called keepdims here\)"):
        X.sum(axis=0, keepdim=True)
    with pytest.raises(TypeError, match=r"'dim' \(it is called axis here\)"):
        wnp.softmax(X, dim=0)
    with pytest.raises(TypeError, match=r"tanh: unknown keyword argument 'device'.*main memory"):
        wnp.tanh(X, device="cpu")
    with pytest.raises(TypeError, match=r"'create_graph' \(for derivatives of derivatives nest"):
        wg.array(1.0, requires_grad=True).backward(create_graph=True)
    with pytest.raises(TypeError, match="sum: an argument is given by position and by name; it takes axis, keepdims"):
        X.sum(0, axis=0)
    with pytest.raises(TypeError, match="unknown keyword argument 'nonsense'; it takes axis, keepdims"):
        X.sum(nonsense=0)


@pytest.mark.parametrize("transform", [wg.grad, wg.value_and_grad, wg.jacobian, wg.jacfwd, wg.jacrev, wg.hessian])
def test_keywords_of_transforms(transform):
    with pytest.raises(
        TypeError, match=rf"{transform.__name__}\(\) got an unexpected .*'argnum' \(it is called argnums"
    ):
        transform(np.sum, argnum=0)
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'nonsense'$"):
        transform(np.sum, nonsense=0)
    assert list(inspect.signature(transform).parameters)[:2] == ["f", "argnums"]


def test_keywords_of_optimisers():
    with pytest.raises(TypeError, match=r"'learning_rate' \(it is called lr here\)"):
        wg.optim.Adam(learning_rate=0.1)
