"""What the documents name exists: files, folders, modules, and the names of ARCHITECTURE.md in the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bench/*.md")])
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
SOURCES = (".h", ".cpp", ".py")
PATH = r"(?<![\w./-])(?:{})/[\w./*-]*"
FOLDERS = r"cpp|python|tests|bench|docs" + (r"|\.ci" if (ROOT / ".ci").exists() else "")  # not in an sdist


def exists(name, base):
    """A file or folder, a module without its ending, or a pattern that some file fits."""
    name = name.rstrip(".")
    return any(True for _ in base.glob(name)) or (not name.endswith("/") and any(True for _ in base.glob(f"{name}.*")))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_path_exists(path):
    if path.name == "CHANGELOG.md":
        pytest.skip("history names what was")
    text = path.read_text(encoding="utf-8")
    named = re.findall(PATH.format(FOLDERS), text)
    assert [name for name in named if not exists(name, ROOT)] == []
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_path_of_the_pictures_exists():
    pictures = "".join(re.findall(r"^```text\n(.*?)^```$", ARCHITECTURE, re.MULTILINE | re.DOTALL))
    named = re.findall(PATH.format("core|simd|ops|ad|program|bindings"), pictures)
    assert len(named) > 20
    assert [name for name in named if not exists(name, ROOT / "cpp")] == []


def listed():
    """Folder -> modules, from the list of ARCHITECTURE.md: two spaces, names, two spaces, what they are."""
    found = {}
    block = re.search(r"^```text\n(cpp/core/.*?)^```$", ARCHITECTURE, re.MULTILINE | re.DOTALL)[1]
    modules: list[str] = []
    for line in block.splitlines():
        names = re.split(r"\s{2,}", line.strip())[0]
        if line.startswith("  "):
            modules += names.split()
        else:
            modules = found[names.rstrip("/")] = []
    return found


def test_every_module_is_listed_once():
    folders = {}
    for top in ("cpp", "python/wengert"):
        for path in (ROOT / top).rglob("*"):
            if path.suffix in SOURCES and path.stem not in ("__init__", "__main__"):
                folders.setdefault(path.parent.relative_to(ROOT).as_posix(), set()).add(path.stem)
    named = listed()
    assert {folder: sorted(names) for folder, names in named.items() if names} == {
        folder: sorted(names) for folder, names in folders.items()
    }


def test_every_name_is_in_the_code():
    files = [p for top in ("cpp", "python", "tests", "bench") for p in (ROOT / top).rglob("*") if p.suffix in SOURCES]
    files += [*ROOT.rglob("cpp/**/*.cmake"), ROOT / "CMakeLists.txt"]
    words = set(re.findall(r"\w+", "\n".join(p.read_text(encoding="utf-8") for p in files)))
    text = re.sub(r"^```.*?^```$", "", ARCHITECTURE, flags=re.MULTILINE | re.DOTALL)
    named = {part for name in re.findall(r"`(\w+(?:::\w+)*)`", text) for part in name.split("::")}
    assert len(named) > 60
    assert sorted(named - words) == []
