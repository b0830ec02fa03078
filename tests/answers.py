"""What every exercise of a chapter must do with answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from course_utils import exercises

Answer = Callable[..., Any]
MODELS = {"ch08-ex3"}  # where what counts is a model, not numbers


def tell_apart(id: str, right: Answer, wrong: Iterable[tuple[Answer, str]]) -> None:
    """The right answer passes, each wrong one gets its hint, and a stub is no attempt."""
    for answer, hint in wrong:
        result = exercises.judge(id, answer)
        assert result.attempted and not result.passed and hint in result.hint
    for number in (math.nan, math.inf, -math.inf) if id not in MODELS else ():
        result = exercises.judge(id, spoil(right, number))
        assert not result.passed, f"{number} passes"
        assert "nan" in result.hint.lower() or math.isinf(number), result.hint
    passed = exercises.judge(id, right)
    assert passed.passed, passed.hint
    assert not exercises.judge(id, lambda *arguments: None).attempted


def spoil(answer: Any, number: float) -> Any:
    """The answer with a number in place of all its numbers; in functions, of what they return."""
    if isinstance(answer, torch.nn.Module) or answer is None:
        return answer
    if isinstance(answer, torch.Tensor):
        return torch.full_like(answer.detach().double(), number)
    if isinstance(answer, (tuple, list)):
        return type(answer)(spoil(part, number) for part in answer)
    if callable(answer):
        return lambda *arguments: spoil(answer(*arguments), number)
    return number
