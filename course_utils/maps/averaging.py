"""Map of chapter 9: where a minibatch's best step gains half of what the whole data's gains."""

from __future__ import annotations

import math

import torch

from course_utils.data import inputs_with_mean
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.seeding import generator

INPUTS = 10
EXAMPLES = 8192  # drawn at each point, for all its minibatches together
FEWEST = 64  # minibatches


def share_of_the_gain(
    seed: int, batch: float, left: float, inputs: str = "normal", spread: float = 1.0
) -> float:
    """Mean fall of the loss by the best step along minibatch gradients, over that along G.

    A linear unit with half the squared error and noise of variance 1 in its targets. Its
    inputs have variances from 1 to ``spread``; w is off by a random direction, so far that
    2(L − L_min) is ``left``. One rate for all minibatches, the one with the largest mean fall.
    """
    g = generator(seed, f"share of the gain {batch} {left}")
    variances = torch.logspace(0, math.log10(spread), INPUTS, dtype=torch.float64)
    off = torch.randn(INPUTS, generator=g, dtype=torch.float64)
    off = off * (left / (variances * off**2).sum()).sqrt()
    count = max(FEWEST, EXAMPLES // int(batch))
    x = inputs_with_mean(0.0, (count, int(batch), INPUTS), g, inputs) * variances.sqrt()
    noise = torch.randn(count, int(batch), generator=g, dtype=torch.float64)
    gradients = (x * (x @ off - noise)[:, :, None]).mean(dim=1)
    return _gain(gradients, variances, variances * off) / _gain(
        (variances * off)[None], variances, variances * off
    )


def _gain(gradients: torch.Tensor, variances: torch.Tensor, mean: torch.Tensor) -> float:
    """max over η of the mean of ηG·g − ½η²gᵀHg, for a diagonal H."""
    along = (gradients @ mean).mean()
    bend = (gradients**2 @ variances).mean()
    return float(along.clamp(min=0.0) ** 2 / (2 * bend))


def noise_scale(left: float) -> float:
    """tr(HΣ)/GᵀHG = n(1 + 1/left) + 1 for independent standard normal inputs."""
    return INPUTS * (1 + 1 / left) + 1


def predicted(batch: float, left: float) -> float:
    """1/(1 + B_noise/B)."""
    return 1 / (1 + noise_scale(left) / batch)


HALF_GAIN = ValidityMap(
    claim="ch09-half-gain-map",
    statement="a minibatch's best step gains at least half of what all the data's would",
    assumes="a linear unit, ten independent normal inputs of one variance",
    quantity="share of the gain",
    threshold=0.5,
    x=Axis("batch", "batch size B", (4, 8, 16, 32, 64, 128, 256), logarithmic=True, whole=True),
    y=Axis(
        "left",
        "loss left to lose, over the noise",
        (0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.2, 4.0, 8.0),
        logarithmic=True,
    ),
    measure=Measure(share_of_the_gain),
    predict=predicted,
    rule="equation (9.10)",
    choices={"inputs": ("normal", "uniform", "exponential"), "spread": (1, 10, 100)},
)
