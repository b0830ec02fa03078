"""Exercises: every solution passes its check, every untouched stub fails it.

The verdicts are those stored with the chapter; nbval executes the chapter again and
refuses verdicts that differ from the stored ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import structure
from tools.chapters import find


@pytest.mark.parametrize("path", find(), ids=lambda path: path.name)
def test_stubs_fail_and_solutions_pass(path: Path) -> None:
    chapter = structure.read(path)
    verdicts = {
        cell.id: structure.stored_verdicts(cell)
        for cell in chapter.code_cells
        if {"exercise", "solution"} & set(cell.metadata.get("tags", []))
    }
    stubs = {name: said for name, said in verdicts.items() if name.startswith("exercise-")}
    solutions = {name: said for name, said in verdicts.items() if name.startswith("solution-")}
    assert len(stubs) >= 4
    assert stubs == {name: [False] for name in stubs}
    assert solutions == {name.replace("exercise", "solution"): [True] for name in stubs}
