"""Checks for the exercises: they lead with a hint and never tell the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from IPython.display import display

from course_utils.checks import (
    activations,
    averaging,
    bad_starts,
    batch_norm,
    batch_norm_effects,
    check_yourself,
    descent,
    diagnosis,
    glorot_and_kaiming,
    minibatches,
    pretraining,
    regularisation,
    variance_growth,
    zero_centring,
)
from course_utils.checks.common import NotAttempted

CHECK_MIME = "application/vnd.course.check+json"
Check = Callable[[Any], str | None]
CHECKS: dict[str, Check] = {
    **check_yourself.CHECKS,
    **activations.CHECKS,
    **zero_centring.CHECKS,
    **variance_growth.CHECKS,
    **bad_starts.CHECKS,
    **glorot_and_kaiming.CHECKS,
    **pretraining.CHECKS,
    **batch_norm.CHECKS,
    **batch_norm_effects.CHECKS,
    **averaging.CHECKS,
    **diagnosis.CHECKS,
    **minibatches.CHECKS,
    **regularisation.CHECKS,
    **descent.CHECKS,
}
# The exercises whose answer is a function.
FUNCTIONS = {
    *check_yourself.FUNCTIONS,
    *activations.FUNCTIONS,
    *zero_centring.FUNCTIONS,
    *variance_growth.FUNCTIONS,
    *bad_starts.FUNCTIONS,
    *glorot_and_kaiming.FUNCTIONS,
    *pretraining.FUNCTIONS,
    *batch_norm.FUNCTIONS,
    *batch_norm_effects.FUNCTIONS,
    *averaging.FUNCTIONS,
    *diagnosis.FUNCTIONS,
    *minibatches.FUNCTIONS,
    *regularisation.FUNCTIONS,
    *descent.FUNCTIONS,
}


@dataclass(frozen=True)
class Result:
    """What a check found: a hint is empty when the exercise is passed or untouched."""

    id: str
    attempted: bool
    passed: bool
    hint: str = ""


def judge(id: str, answer: Any) -> Result:
    """Hold an answer against its exercise, without showing anything.

    A check that raises counts as attempted and not passed, with the error as the hint.

    Raises:
        ValueError: if there is no such exercise.

    Example:
        >>> judge("ch02-ex2", ...).attempted
        False
    """
    if id not in CHECKS:
        raise ValueError(f"no exercise {id!r}; there are {', '.join(CHECKS)}")
    try:
        if answer is None or answer is ...:
            raise NotAttempted
        if id in FUNCTIONS and not callable(answer):
            return Result(id, True, False, "give the function itself, not what it returns.")
        hint = CHECKS[id](answer)
    except NotAttempted:
        return Result(id, attempted=False, passed=False)
    except Exception as error:  # whatever a learner's code raises
        return Result(id, True, False, f"your code raised {type(error).__name__}: {error}")
    return Result(id, attempted=True, passed=hint is None, hint=hint or "")


def check(id: str, answer: Any) -> None:
    """Check your answer to an exercise and say what came of it.

    Args:
        id: the exercise, ``chNN-exN``.
        answer: your function or value.

    Raises:
        ValueError: if there is no such exercise.

    Example:
        >>> check("ch02-ex2", ...)  # doctest: +SKIP
    """
    result = judge(id, answer)
    if result.passed:
        text = f"{id}: passed."
    elif result.attempted:
        text = f"{id}: not yet. Hint: {result.hint}"
    else:
        text = f"{id}: not attempted yet."
    record = {"id": id, "attempted": result.attempted, "passed": result.passed}
    display({CHECK_MIME: record, "text/plain": text}, raw=True)
