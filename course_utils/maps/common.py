"""What a map of validity is, and what several maps measure on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from course_utils.data import Split, standard_digits


@dataclass(frozen=True)
class Axis:
    """One axis of a map: the setting's name, its label, and the values measured.

    ``logarithmic``: drawn so. ``whole``: only whole numbers make sense.
    """

    name: str
    label: str
    values: tuple[float, ...]
    logarithmic: bool = False
    whole: bool = False


@dataclass(frozen=True)
class ValidityMap:
    """A claim of the form "this quantity is at least the threshold", and its domain.

    Attributes:
        claim: the claim's id.
        statement: what holds where the quantity reaches the threshold.
        assumes: what the prediction takes for granted, apart from the two axes.
        quantity: its name, for labels.
        threshold: the claim holds where the mean over seeds is at least this.
        x: first axis. y: second axis.
        measure: ``measure(seed, **setting)``, the quantity under one seed.
        predict: ``predict(x, y)``, the quantity by theory.
        choices: further settings that a learner may change: name and allowed values,
            the first being the one that the map is drawn for.
        rule: what the prediction is, where it is no theory.
        seeds: over how many seeds it is drawn.
        together: whether ``measure`` trains all seeds of a bet at once, for one of them.
    """

    claim: str
    statement: str
    assumes: str
    quantity: str
    threshold: float
    x: Axis
    y: Axis
    measure: Callable[..., float]
    predict: Callable[[float, float], float]
    choices: dict[str, tuple[Any, ...]]
    rule: str = "theory"
    seeds: int = 5
    together: bool = False


@lru_cache(maxsize=64)
def standard_digits_from(first: int, count: int) -> Split:
    """``data.standard_digits`` for ``count`` seeds from ``first`` on, kept for the next point.

    Example:
        >>> standard_digits_from(0, 2).train_labels.shape
        torch.Size([2, 1297])
    """
    return standard_digits(range(first, first + count))
