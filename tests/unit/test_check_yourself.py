"""The checks of the page before chapter 1: wrong answers get the hint that fits them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from course_utils import exercises
from course_utils.checks import check_yourself


def slope(x: Any, w: Any, b: Any, y: Any) -> Any:
    h = torch.tanh(w * x + b)
    return (h - y) * (1 - h**2) * x


def variances(m: float, s: float, n: float, t: float) -> tuple[float, float]:
    return 4 * s**2 + t**2, (s**2 + m**2) * (t**2 + n**2) - (m * n) ** 2


def two_by_two(a: float, b: float, c: float) -> float:
    return float((a + c) / 2 + (((a - c) / 2) ** 2 + b**2) ** 0.5)


def largest(a: float, b: float, c: float, n: int, m: float) -> tuple[float, float]:
    return two_by_two(a, b, c), 1 + n * m**2


def gradients(x: Any, w: Any, e: Any) -> tuple[Any, Any, Any]:
    return x.T @ e / len(x), e.mean(dim=0), e @ w.T / len(x)


RIGHT_ANSWERS: dict[str, list[Callable[..., Any]]] = {
    "ch00-ex1": [slope, lambda *numbers: float(slope(*numbers))],
    "ch00-ex2": [variances, lambda *numbers: np.array(variances(*numbers)).tolist()],
    "ch00-ex3": [largest, lambda *numbers: torch.tensor(largest(*numbers)).double().tolist()],
    "ch00-ex4": [gradients, lambda *tensors: list(gradients(*tensors))],
}

WRONG_ANSWERS: dict[str, list[tuple[Any, str]]] = {
    "ch00-ex1": [
        (lambda *a: -slope(*a), "the sign is not"),
        (lambda *a: 2 * slope(*a), "twice too much"),
        (lambda x, w, b, y: slope(x, w, b, y) / x, "stop at z"),
        (lambda x, w, b, y: (torch.tanh(w * x + b) - y) * x, "how does h change with z"),
        (lambda x, w, b, y: (1 - torch.tanh(w * x + b) ** 2) * x, "how does the loss change"),
        (lambda x, w, b, y: slope(x, w, b, y) * w, "three factors"),
        (lambda x, w, b, y: (torch.tanh(w * x + b) - y) * (1 - (w * x + b) ** 2) * x, "three"),
        (lambda x, w, b, y: slope(x, w, b, y).expand(2), "one derivative"),
        (torch.tensor(1.0), "give the function itself"),
    ],
    "ch00-ex2": [
        (lambda *a: sum(variances(*a)), "return two numbers"),
        (lambda *a: tuple(v**0.5 for v in variances(*a)), "2a − b: that is the standard"),
        (lambda m, s, n, t: (4 * s**2 - t**2, 0), "make the result vary less"),
        (lambda m, s, n, t: (2 * s**2 + t**2, 0), "twice as large"),
        (lambda m, s, n, t: (2 * s**2 - t**2, 0), "twice as large"),
        (lambda m, s, n, t: ((2 * s + t) ** 2, 0), "not the deviations"),
        (lambda m, s, n, t: (s + t, 0), "what does the factor do"),
        (lambda *a: (variances(*a)[0], variances(*a)[1] ** 0.5), "ab: that is the standard"),
        (lambda m, s, n, t: (4 * s**2 + t**2, s**2 * t**2), "right for means of 0"),
        (lambda m, s, n, t: (4 * s**2 + t**2, s**2 + t**2), "E[(ab)²]"),
    ],
    "ch00-ex3": [
        (lambda a, b, c, n, m: two_by_two(a, b, c), "return two numbers"),
        (lambda a, b, c, n, m: (a + c - two_by_two(a, b, c), 0), "the smaller"),
        (lambda a, b, c, n, m: (max(a, c), 0), "the diagonal alone"),
        (lambda a, b, c, n, m: (a + c, 0), "trace"),
        (lambda a, b, c, n, m: (max(a, c) + b, 1 + n * m**2), "trace"),  # right only if a = c
        (lambda a, b, c, n, m: (two_by_two(a, b, c), n * m**2), "What does I add"),
        (lambda a, b, c, n, m: (two_by_two(a, b, c), 1 + m**2), "row by row"),
        (lambda a, b, c, n, m: (two_by_two(a, b, c), 1 + n * m), "what does it make of n ones"),
    ],
    "ch00-ex4": [
        (lambda x, w, e: gradients(x, w, e)[0], "return three tensors"),
        (lambda x, w, e: [len(x) * part for part in gradients(x, w, e)], "sum of the losses"),
        (lambda x, w, e: (gradients(x, w, e)[0].T, *gradients(x, w, e)[1:]), "W has shape (3, 2)"),
        (lambda x, w, e: (*gradients(x, w, e)[:1], e, e @ w.T), "b has shape (2,)"),
        (lambda x, w, e: (*gradients(x, w, e)[:2], e @ w.T), "X: that is the gradient of the sum"),
        (lambda x, w, e: (*gradients(x, w, e)[:2], x), "over which index"),
        (
            lambda x, w, e: (
                gradients(x, w, e)[0] if len(x) == 5 else gradients(x, w, e)[0].T,
                *gradients(x, w, e)[1:],
            ),
            "transposed",
        ),
    ],
}


def test_every_check_has_right_and_wrong_answers() -> None:
    assert RIGHT_ANSWERS.keys() == WRONG_ANSWERS.keys() == check_yourself.CHECKS.keys()
    assert check_yourself.CHECKS.items() <= exercises.CHECKS.items()


@pytest.mark.parametrize("id", RIGHT_ANSWERS)
def test_a_right_answer_passes(id: str) -> None:
    for answer in RIGHT_ANSWERS[id]:
        assert exercises.judge(id, answer) == exercises.Result(id, attempted=True, passed=True)


@pytest.mark.parametrize("id", WRONG_ANSWERS)
def test_a_wrong_answer_gets_a_hint_and_an_untouched_stub_none(id: str) -> None:
    for answer, hint in WRONG_ANSWERS[id]:
        result = exercises.judge(id, answer)
        assert result.attempted and not result.passed and hint in result.hint
    for untouched in (..., lambda *arguments: None):
        assert not exercises.judge(id, untouched).attempted
