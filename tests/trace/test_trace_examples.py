"""The examples in the docstrings of the trace and problem packages run as written."""

import doctest
import importlib
import pkgutil

import pytest
import wengert.problems
import wengert.trace  # noqa: F401  (the package; wengert.trace itself is the function)

MODULES = [
    f"{package}.{module.name}"
    for package in ("wengert.trace", "wengert.problems")
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__)
]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.failed == 0


def test_the_package_is_the_function_too():
    package = importlib.import_module("wengert.trace")
    import wengert.reference as engine

    assert package(lambda x: x * x, 3.0, engine=engine)["x"].adjoint == 6
