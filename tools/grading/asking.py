"""Stands in for ``course_utils.exercises`` where a submission runs: the grader judges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ask: list[Callable[[str, Any], None]] = []  # the student's side puts its own in


@dataclass(frozen=True)
class Result:
    """What ``judge`` gives back here: the verdict stays with the grader."""

    id: str
    attempted: bool = True
    passed: bool = False
    hint: str = "the grader judges"
    word: str = "not yet"


def judge(id: str, answer: Any) -> Result:
    """Hand an answer to the grader, as ``check`` does."""
    check(id, answer)
    return Result(id)


def check(id: str, answer: Any) -> None:
    """Hand an answer to the grader."""
    ask[-1](id, answer)


def progress() -> None:
    """Say nothing: here nobody reads it."""


def report() -> None:
    """Say nothing: here nobody reads it."""
