"""Stands in for ``course_utils.exercises`` where a submission runs: the grader judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ask: list[Callable[[str, Any], None]] = []  # the student's side puts its own in


def check(id: str, answer: Any) -> None:
    """Hand an answer to the grader."""
    ask[-1](id, answer)


def progress() -> None:
    """Say nothing: here nobody reads it."""


def report() -> None:
    """Say nothing: here nobody reads it."""
