"""Map of chapter 12: where weight decay lowers the error of a linear unit on new data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils.data import inputs_with_mean
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.seeding import generator

INPUTS = 10
EXAMPLES = 400
DATA_SETS = 16  # drawn at each point


def gain_by_decay(
    seed: int, decay: float, signal: float, inputs: str = "normal", spread: float = 1.0
) -> float:
    """Excess error on new data without weight decay, over that with it.

    A linear unit, half the squared error, noise of variance 1 in the targets. Its inputs
    have variances from 1 to ``spread``, divided by their mean; the best weights w* point in
    a random direction, so far out that N·w*ᵀHw*/n is ``signal``. The excess error is
    (w − w*)ᵀH(w − w*), summed over data sets.
    """
    g = generator(seed, f"gain by decay {decay} {signal}")
    variances = torch.logspace(0, math.log10(spread), INPUTS, dtype=torch.float64)
    variances = variances / variances.mean()
    best = torch.randn(DATA_SETS, INPUTS, 1, generator=g, dtype=torch.float64)
    explained = (variances[:, None] * best**2).sum(dim=1, keepdim=True)
    best = best * (signal * INPUTS / EXAMPLES / explained).sqrt()
    x = inputs_with_mean(0.0, (DATA_SETS, EXAMPLES, INPUTS), g, inputs) * variances.sqrt()
    y = x @ best + torch.randn(DATA_SETS, EXAMPLES, 1, generator=g, dtype=torch.float64)
    second_moment, with_targets = x.mT @ x / EXAMPLES, x.mT @ y / EXAMPLES

    def excess(strength: float) -> Tensor:
        ridge = second_moment + strength * torch.eye(INPUTS, dtype=torch.float64)
        off = torch.linalg.solve(ridge, with_targets) - best
        return (variances[:, None] * off**2).sum()

    return float(excess(0.0) / excess(decay))


def predicted(decay: float, signal: float) -> float:
    """(1 + λ)²/(1 + rλ²), for inputs of one variance, uncorrelated in the sample."""
    return (1 + decay) ** 2 / (1 + signal * decay**2)


DECAY_HELPS = ValidityMap(
    claim="ch12-decay-helps-map",
    statement="weight decay of this strength lowers the error on new data",
    assumes="a linear unit trained to the end, ten independent normal inputs of one variance",
    quantity="error without decay, over that with it",
    threshold=1.0,
    x=Axis(
        "decay", "strength of decay λ", (0.03, 0.06, 0.12, 0.25, 0.5, 1, 2, 4), logarithmic=True
    ),
    y=Axis(
        "signal",
        "signal to noise of a weight, r",
        (0.3, 0.7, 1.75, 2.5, 4, 7, 13, 25, 50, 100),
        logarithmic=True,
    ),
    measure=Measure(gain_by_decay),
    predict=predicted,
    rule="equation (12.9)",
    choices={"inputs": ("normal", "uniform", "exponential"), "spread": (1, 10, 100)},
)
