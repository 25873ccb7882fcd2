"""Inside wengert nobody asks an Array what it passes for: `isinstance(x, np.ndarray)` is true of one in a transform.

What asks has to look at `type(x)`: `issubclass(type(x), np.ndarray)`, or to ask for Arrays, too. (The reference asks
for its Array first.)
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PASSED_FOR = re.compile(r"\bnp\.(ndarray|generic)\b")
OTHERS = {"reference", "problems", "demo"}  # the first has its own; the others are users


def fooled(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    groups = {  # _LEAVES = (Array, np.ndarray, …)
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        and PASSED_FOR.search(ast.unparse(node.value))
        and "Array" not in ast.unparse(node)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            asked = ast.unparse(node.args[1])
            named = groups & set(re.findall(r"\w+", asked))
            if "Array" not in asked and (PASSED_FOR.search(asked) or named):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"


def test_python_asks_for_types():
    files = [p for p in (ROOT / "python" / "wengert").rglob("*.py") if not OTHERS & set(p.parts)]
    assert len(files) > 50
    assert [line for path in files for line in fooled(path)] == []


def test_cpp_asks_for_types():
    """`py::isinstance<T>(o)` looks at the type of o, `py::isinstance(o, type)` at its class."""
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / "cpp").rglob("*.[ch]*")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"py::isinstance\(|PyObject_IsInstance\(", line)
    ]
    assert found == []
