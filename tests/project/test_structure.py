"""The house itself: no circle of imports, no file that is too long, no folder that is too full.

The lists of exceptions are of what is left to be mended; whoever mends one takes it off.
"""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = next(parent for parent in Path(__file__).resolve().parents if (parent / "pyproject.toml").exists())

GENERATED = {"cpp/simd/math/coefficients.h"}
LONG_FILES: set[str] = set()
FULL_FOLDERS: set[str] = set()


def sources(*endings):
    """The files of the project by their path from its root."""
    found = (path for folder in ("bench", "cpp", "python", "tests") for path in (ROOT / folder).rglob("*"))
    return {path.relative_to(ROOT).as_posix(): path for path in found if path.suffix in endings}


# -- imports -----------------------------------------------------------------------------------------------------------


def modules(root):
    """Every module below a folder by its name; a folder without `__init__.py` is a place and no package."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = [] if path.stem == "__init__" else [path.stem]
        folder = path.parent
        while (folder / "__init__.py").exists():
            parts.insert(0, folder.name)
            folder = folder.parent
        found[".".join(parts)] = path
    return found


def imports(name, path, known):
    """The modules of `known` that a module imports, wherever in it: in functions and for type checkers too.

    `from package import name` needs the module of that name where there is one, otherwise the package itself.
    """
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    needed = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            needed.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            inner = {alias.name: f"{base}.{alias.name}" for alias in node.names}
            needed.update(module if module in known else base for module in inner.values())
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("import_module", "importlib.import_module"):
            given = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
            if isinstance(given[0], str):
                needed.add(importlib.util.resolve_name(given[0], *(given[1:] if any(given[1:]) else [package])))
    return (needed & known.keys()) - {name}


def circles(graph):
    """Sets of modules each of which needs all others of its set: the strongly connected components (Tarjan)."""
    number, lowest, open_, found = {}, {}, [], []

    def visit(module):
        number[module] = lowest[module] = len(number)
        open_.append(module)
        for other in sorted(graph[module]):
            if other not in number:
                visit(other)
            if other in open_:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            start = open_.index(module)
            if len(open_) - start > 1:
                found.append(sorted(open_[start:]))
            del open_[start:]

    for module in sorted(graph):
        if module not in number:
            visit(module)
    return found


def circles_below(*roots):
    known = {name: path for root in roots for name, path in modules(root).items()}
    known["wengert._core"] = None  # compiled: needs no other module
    return circles({name: imports(name, path, known) if path else set() for name, path in known.items()})


def test_no_circle_of_imports():
    roots = [ROOT / "python", ROOT / "bench", ROOT / "tests"]
    names = set().union(*map(modules, roots))
    assert {"wengert.reference.levels", "wengert.trace.graph", "wengert.problems.points", "bench.case"} <= names
    assert circles_below(*roots) == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"p/a.py": "from . import b", "p/b.py": "from .a import x"}, [["p.a", "p.b"]]),
        ({"p/a.py": "def f():\n    from .b import x", "p/b.py": "import p.a"}, [["p.a", "p.b"]]),
        ({"p/a.py": "if TYPE_CHECKING:\n    from p.b import B", "p/b.py": "from p import a"}, [["p.a", "p.b"]]),
        ({"p/a.py": "import_module('p.b')", "p/b.py": "importlib.import_module('.a', 'p')"}, [["p.a", "p.b"]]),
        ({"p/a.py": "import p.b", "p/b.py": "import p.c", "p/c.py": "import p.a"}, [["p.a", "p.b", "p.c"]]),
        ({"p/__init__.py": "from .a import x\nfrom .b import y", "p/a.py": "from .b import y", "p/b.py": ""}, []),
        ({"p/__init__.py": "from .a import x", "p/a.py": "from . import y"}, [["p", "p.a"]]),
        ({"p/q/__init__.py": "from . import a", "p/q/a.py": "from ..b import x", "p/b.py": ""}, []),
        ({"p/q/__init__.py": "from . import a", "p/q/a.py": "from ..b import x", "p/b.py": "from .q import z"},
         [["p.b", "p.q", "p.q.a"]]),
        ({"a.py": "import b", "folder/b.py": "from a import x"}, [["a", "b"]]),
    ],
)  # fmt: skip
def test_circles_are_seen(tmp_path, files, expected):
    for name, text in {"p/__init__.py": "", **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert circles_below(tmp_path) == expected


def test_the_reference_imports_at_the_top():
    """The textbook shows what a file needs where it begins; optree is not needed unless there is a tree."""
    late = {}
    for name, path in sources(".py").items():
        if name.startswith("python/wengert/reference/"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            inside = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
            late.update({f"{name}:{node.lineno}": ast.unparse(node) for node in inside if node not in tree.body})
    assert set(late.values()) == {"import optree"}, late
    assert len(late) == 1, late


def test_the_reference_is_read_in_the_order_of_need():
    """What a part of it needs stands on an earlier line of the list, or on the same."""
    listed = (ROOT / "python/wengert/reference/__init__.py").read_text(encoding="utf-8")
    lines = [re.findall(r"`(\w+)`", line) for line in listed.splitlines() if re.match(r"\d+\. ", line)]
    place = {name: number for number, names in reversed(list(enumerate(lines))) for name in names}
    known = modules(ROOT / "python")
    parts = {name: name.split(".")[2] for name in known if name.startswith("wengert.reference.")}
    assert set(parts.values()) <= place.keys()
    early = {
        (name, other)
        for name, part in parts.items()
        for other in imports(name, known[name], known)
        if place[part] < place[parts[other]]
    }
    assert {name for name, _ in early} == {"wengert.reference.array.methods"}, early


# -- sizes -------------------------------------------------------------------------------------------------------------


def test_files_are_short():
    lengths = {
        name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in sources(".py", ".cpp", ".h").items()
    }
    assert len(lengths) > 250
    assert {name for name, length in lengths.items() if length > 500} - GENERATED == LONG_FILES


def test_folders_are_not_full():
    """A module is one name: x.h and x.cpp are one."""
    folders = {}
    for name, path in sources(".py", ".cpp", ".h").items():
        if path.stem not in ("__init__", "__main__"):
            folders.setdefault(name.rpartition("/")[0], set()).add(path.stem)
    assert {folder for folder, names in folders.items() if len(names) > 14} == FULL_FOLDERS


# -- one walk over trees -----------------------------------------------------------------------------------------------


def test_one_piece_of_code_walks_over_trees():
    """Arguments, results, what is saved: whoever meets a container of the user's calls `walk` and `Structure`.

    Lists of operands (`concatenate([x, y])`, `array([[x]])`) are no trees: they are read as NumPy reads them.
    """
    goes_on = re.compile(r"\b(?:for_entries|for_items|Deeper)\b")
    walkers = {name for name, path in sources(".h", ".cpp").items() if goes_on.search(path.read_text(encoding="utf-8"))}
    operands = {f"cpp/bindings/{name}.cpp" for name in ("object/convert", "object/kinds", "call/functions")}
    keys = {"cpp/bindings/compiled/arguments.cpp"}  # what a static argument is equal to: objects, not trees
    assert walkers - operands - keys == {"cpp/bindings/call/tree.h", "cpp/bindings/call/depth.h"}
    opens = re.compile(r"optree\.tree_|tree_util")
    python = {
        n for n, path in sources(".py").items() if n.startswith("python/") and opens.search(path.read_text("utf-8"))
    }
    hints = {"python/wengert/_internals/hints.py"}  # names of other libraries
    assert python - hints == {"python/wengert/_internals/tree.py", "python/wengert/reference/transforms/trees.py"}
