"""Modules of course_utils are floors: each imports only what stands before it."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import course_utils
from course_utils.notebook import VERSION

FOLDER = Path(course_utils.__file__).parent
ORDER = re.findall(r"``(\w+)``", course_utils.__doc__ or "")


def imported(module: str) -> set[str]:
    """The modules of ours that a module, or a folder of modules, imports."""
    path = FOLDER / f"{module}.py"
    files = [path] if path.exists() else sorted((FOLDER / module).glob("*.py"))
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils"):
                parts = (node.module or "").split(".")
                found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found - {module}


def test_every_module_has_its_floor():
    modules = {path.stem for path in FOLDER.glob("*.py")} | {"checks", "maps", "quizzes"}
    assert set(ORDER) == modules - {"__init__"}


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_down(module):
    below = set(ORDER[: ORDER.index(module)])
    assert imported(module) <= below, f"{module} imports what does not stand before it"


def test_an_import_that_points_up_would_be_seen():
    assert "maps" in imported("plots") and "descent" not in imported("theory")


def test_the_version_is_one():
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION
