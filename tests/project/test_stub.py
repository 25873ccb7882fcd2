"""The stub of the compiled module says what the module says."""

import ast
from pathlib import Path
from types import ModuleType

import pytest
from wengert import _core
from wengert._internals import stubs

SOURCE = Path(__file__).resolve().parents[2] / "python" / "wengert" / "_core.pyi"


def test_the_stub_is_up_to_date():
    assert SOURCE.read_text(encoding="utf-8") == stubs.generate(), (
        "run: python -m wengert stubs --out python/wengert/_core.pyi"
    )


def test_the_stub_is_installed_with_the_package():
    assert stubs.default_path().exists()
    assert stubs.default_path().with_name("py.typed").exists()


def names(body):
    """Names defined by the statements of a stub."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign):
            yield node.target.id


def test_nothing_public_is_left_out():
    tree = ast.parse(stubs.generate())
    assert set(names(tree.body)) >= {name for name in vars(_core) if not name.startswith("_")}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for name in ("Array", "ops"):
        public = {member for member in vars(getattr(_core, name)) if not member.startswith("_")}
        assert set(names(classes[name].body)) >= public


def test_every_primitive_has_its_parameters():
    tree = ast.parse(stubs.generate())
    ops = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "ops")
    functions = {node.name: node for node in ops.body if isinstance(node, ast.FunctionDef)}
    records = _core.registry()
    assert records
    for record in records:
        function = functions[record["name"]]
        arguments = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        operands = record["arity"] if record["arity"] >= 0 else 1
        assert arguments[operands:] == [name for name, _ in record["params"]]
        assert ast.get_docstring(function)
        assert ast.unparse(function.returns) == "Array"


def test_check_tells_when_the_file_is_stale(tmp_path, capsys):
    path = tmp_path / "_core.pyi"
    assert stubs.run(path, check=True) == 1
    assert "python -m wengert stubs" in capsys.readouterr().err
    assert stubs.run(path) == 0
    assert stubs.run(path, check=True) == 0
    path.write_text(path.read_text() + "extra: int\n")
    assert stubs.run(path, check=True) == 1


class Sample:
    """A class as pybind11 makes them.

    More text, which does not go into the stub.
    """

    def method(self):
        """method(self: sample.Sample, x: object, n: int = 3) -> sample.Sample

        Does something."""

    def overloaded(self):
        """overloaded(*args, **kwargs)
        Overloaded function.

        1. overloaded(self: sample.Sample, x: int) -> int

        2. overloaded(self: sample.Sample, x: str) -> str
        """

    def broken(self):
        """broken(self: sample.Sample, f: std::function<void()>) -> None"""

    @property
    def width(self):
        """(self: sample.Sample) -> int"""

    __hash__ = None

    def __len__(self):
        return 0


def clip(x, /, low=0, high=1):
    """Clips."""


def stack(arrays, axis=0, *, out=None):
    """Stacks."""


@pytest.fixture
def sample():
    module = ModuleType("wengert._core", "A sample.")
    Sample.__module__ = "wengert._core"
    module.Sample = Sample
    module.answer = 42
    module.__dict__["_private"] = 1
    module.ops = ModuleType("wengert._core.ops", "Primitives.")
    module.ops.clip = clip
    module.ops.stack = stack
    module.registry = lambda: [
        {"name": "clip", "params": [("low", "unheard of"), ("high", "integer")]},
        {"name": "stack", "params": [("axis", "axis")]},
    ]
    return module


@pytest.mark.parametrize(
    "text",
    [
        '"""A sample.\n',
        "answer: int\n",
        'class Sample:\n    """A class as pybind11 makes them."""\n',
        'def method(self, x: Any, n: int = 3) -> Sample:\n        """Does something."""\n',
        "@typing.overload\n    def overloaded(self, x: int) -> int: ...\n",
        "@typing.overload\n    def overloaded(self, x: str) -> str: ...\n",
        "def broken(self, *args: Any, **kwargs: Any) -> Any: ...\n",
        "@property\n    def width(self) -> int: ...\n",
        "__hash__: typing.ClassVar[None]",
        "def __len__(self) -> int: ...\n",
        'class ops:\n    """Primitives."""\n    @staticmethod\n    def clip(',
        "def clip(x: ArrayLike, /, low: Any = ..., high: int = ...) -> Array:\n",
        "def stack(arrays: collections.abc.Sequence[ArrayLike], axis: int | None = ..., *, out: Any = ...) -> Array:\n",
    ],
)
def test_what_the_generator_understands(sample, text):
    sample_text = stubs.generate(sample).replace("sample.Sample", "Sample")
    assert text in sample_text
    assert "_private" not in sample_text
    assert "More text" not in sample_text
