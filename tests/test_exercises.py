"""Exercises: every solution passes its check, every untouched stub fails it.

The verdicts are those stored with the chapter; nbval executes the chapter again and
refuses verdicts that differ from the stored ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from course_utils import exercises
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


NAN = math.nan


@pytest.mark.parametrize("id", exercises.CHECKS)
def test_what_is_not_a_number_passes_nowhere(id: str) -> None:
    """The tests of each chapter spoil its right answers; these are the lazy ones."""
    for said in (NAN, math.inf, (NAN, NAN), torch.full((3,), NAN)):
        function: Callable[..., Any] = lambda *arguments, said=said: said  # noqa: E731
        answers = [function] if id in exercises.FUNCTIONS else [said, (function, function)]
        for answer in answers:
            result = exercises.judge(id, answer)
            assert result.attempted and not result.passed and result.hint


def test_progress_and_report_say_what_was_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exercises, "_checked", {})
    exercises.progress()
    exercises.report()
    assert capsys.readouterr().out == f"{exercises.NOTHING}\n" * 2
    exercises.check("ch02-ex2", lambda mean, weights: 0.5)
    exercises.check("ch02-ex3", lambda train, test: (train - train.mean(0), test - train.mean(0)))
    exercises.check("ch02-ex3", lambda train, test: None)
    exercises.check("ch02-ex3", lambda train, test: (train - train.mean(0), test - train.mean(0)))
    exercises.check("ch00-ex1", ...)
    capsys.readouterr()
    exercises.progress()
    legend = "(■ passed, □ not yet, · not attempted)"
    assert capsys.readouterr().out.splitlines() == [
        f"Chapter 0   · · · ·   0 of 4 passed   {legend}",
        f"Chapter 2   · □ ■ · ·   1 of 5 passed   {legend}",
    ]
    exercises.report()
    assert capsys.readouterr().out.splitlines()[2:] == [
        f"course_utils {exercises.VERSION}, chapter 2: 1 of 5 passed",
        "passed: ch02-ex3; not yet: ch02-ex2; not attempted: ch02-ex1, ch02-ex4, ch02-ex5",
    ]
