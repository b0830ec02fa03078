"""What a map of validity is, and what several maps measure on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from course_utils.data import Split, standard_digits
from course_utils.processes import in_halves


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


class Measure:
    """A quantity that is measured once for each seed and setting.

    Args:
        function: ``function(seed, **setting)``, the quantity under one seed.

    Example:
        >>> Measure(lambda seed, depth: seed + depth)(2, depth=3)
        5
    """

    def __init__(self, function: Callable[..., float]) -> None:
        self.function = function
        self.known: dict[tuple[Any, ...], float] = {}

    def __call__(self, seed: int, **setting: Any) -> float:
        """The quantity under one seed."""
        key = _key(seed, setting)
        if key not in self.known:
            self.known[key] = self.function(seed, **setting)
        return self.known[key]

    def take(self, seeds: Sequence[int], settings: Sequence[dict[str, Any]]) -> None:
        """Measure all of them, one half beside the other."""
        both = product(seeds, settings)
        new = [(seed, one) for seed, one in both if _key(seed, one) not in self.known]
        values = in_halves(lambda pair: self(pair[0], **pair[1]), new)
        self.known |= {_key(*pair): value for pair, value in zip(new, values, strict=True)}


def _key(seed: int, setting: dict[str, Any]) -> tuple[Any, ...]:
    return (seed, *sorted(setting.items()))


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
        measure: ``measure(seed, **setting)``, the quantity under one seed; once is enough.
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
    measure: Measure
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
