"""Every example in the documentation of wengert.reference is run."""

import ast
import doctest
import importlib
import pkgutil
import sys
from pathlib import Path

import pytest
import wengert.reference

MODULES = ["wengert.reference"] + [
    module.name for module in pkgutil.walk_packages(wengert.reference.__path__, "wengert.reference.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_imports_nothing_but_numpy_and_the_standard_library():
    """Independence is what makes the reference an oracle; optree may be imported late, when a tree is met."""
    for path in Path(wengert.reference.__path__[0]).rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                roots = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                roots = {str(node.module).split(".")[0]}
            else:
                continue
            late = {"optree"} if node not in tree.body else set()
            assert roots <= {"numpy", *sys.stdlib_module_names} | late, (path, roots)
