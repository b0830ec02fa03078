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
from course_utils.checks.common import NotANumber, NotAttempted
from course_utils.notebook import VERSION

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


WORDS = {"passed": "■", "not yet": "□", "not attempted": "·"}


@dataclass(frozen=True)
class Result:
    """What a check found: a hint is empty when the exercise is passed or untouched."""

    id: str
    attempted: bool
    passed: bool
    hint: str = ""

    @property
    def word(self) -> str:
        """One of ``WORDS``."""
        return "passed" if self.passed else "not yet" if self.attempted else "not attempted"


_checked: dict[str, Result] = {}  # the last check of each exercise in this session


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
    except NotANumber as error:
        hint = f"there is a nan in what you return: it is not a number. {error}"
        return Result(id, True, False, hint.strip())
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
    _checked[id] = result
    if result.passed:
        text = f"{id}: passed."
    elif result.attempted:
        text = f"{id}: not yet. Hint: {result.hint}"
    else:
        text = f"{id}: not attempted yet."
    record = {"id": id, "attempted": result.attempted, "passed": result.passed}
    display({CHECK_MIME: record, "text/plain": text}, raw=True)


def _by_chapter() -> dict[str, dict[str, str]]:
    """For each chapter with a check in this session: what came of each of its exercises."""
    chapters = sorted({id.split("-")[0] for id in _checked})
    untouched = Result("", attempted=False, passed=False)
    return {
        chapter: {
            id: _checked.get(id, untouched).word for id in CHECKS if id.startswith(f"{chapter}-")
        }
        for chapter in chapters
    }


def _score(words: dict[str, str]) -> str:
    return f"{list(words.values()).count('passed')} of {len(words)} passed"


NOTHING = "No exercise has been checked in this session yet."


def progress() -> None:
    """Print your exercises at a glance: one mark each, in the order of the chapter.

    It counts what was checked since the notebook was started.

    Example:
        >>> progress()  # doctest: +SKIP
        Chapter 5   ■ ■ □ · ·   2 of 5 passed   (■ passed, □ not yet, · not attempted)
    """
    legend = ", ".join(f"{mark} {word}" for word, mark in WORDS.items())
    for chapter, words in _by_chapter().items():
        marks = " ".join(WORDS[word] for word in words.values())
        print(f"Chapter {int(chapter[2:])}   {marks}   {_score(words)}   ({legend})")
    if not _checked:
        print(NOTHING)


def report() -> None:
    """Print a summary to paste into a mail or a form.

    It is a message, not a proof: grading runs the notebook again.

    Example:
        >>> report()  # doctest: +SKIP
        course_utils 0.1.0, chapter 5: 2 of 5 passed
        passed: ch05-ex1, ch05-ex2; not yet: ch05-ex3; not attempted: ch05-ex4, ch05-ex5
    """
    for chapter, words in _by_chapter().items():
        print(f"course_utils {VERSION}, chapter {int(chapter[2:])}: {_score(words)}")
        groups = {word: [id for id in words if words[id] == word] for word in WORDS}
        print("; ".join(f"{word}: {', '.join(ids)}" for word, ids in groups.items() if ids))
    if not _checked:
        print(NOTHING)
