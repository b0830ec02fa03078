"""What every exercise of a chapter must do with answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from course_utils import exercises

Answer = Callable[..., Any]


def tell_apart(id: str, right: Answer, wrong: Iterable[tuple[Answer, str]]) -> None:
    """The right answer passes, each wrong one gets its hint, and a stub is no attempt."""
    for answer, hint in wrong:
        result = exercises.judge(id, answer)
        assert result.attempted and not result.passed and hint in result.hint
    passed = exercises.judge(id, right)
    assert passed.passed, passed.hint
    assert not exercises.judge(id, lambda *arguments: None).attempted
