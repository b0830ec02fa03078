"""What a map of validity is, and what several maps measure on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from course_utils.data import digits


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


@lru_cache(maxsize=64)
def standard_digits(first: int, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Splits of the digits for ``count`` seeds from ``first`` on, stacked.

    Pixels are centred and divided by one number for each split, so that the training
    inputs have the mean square 1.

    Example:
        >>> inputs, labels, fresh_inputs, fresh_labels = standard_digits(0, 2)
        >>> inputs.shape, labels.shape
        (torch.Size([2, 1297, 64]), torch.Size([2, 1297]))
    """
    splits = [digits(first + more) for more in range(count)]
    x, y, x_test, y_test = (torch.stack(part) for part in zip(*splits, strict=True))
    mean = x.mean(dim=1, keepdim=True)
    scale = (x - mean).std(dim=(1, 2), keepdim=True)
    return (x - mean) / scale, y, (x_test - mean) / scale, y_test
