"""Maps of chapter 8: gradients through batch-normalised layers, and what the norm adds."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from course_utils.activations import activation as named
from course_utils.initialization import kaiming
from course_utils.maps.common import Axis, Measure, ValidityMap, standard_digits_from
from course_utils.networks import MLP
from course_utils.seeding import generator
from course_utils.training import accuracy, fit

WIDTH = 100
SETTLING = 3  # layers below the counted ones, where inputs' distances are still theirs
BATCHES = (4, 5, 6, 8, 12, 16, 32, 64)
DEPTHS = (2, 4, 6, 8, 10, 12, 15, 20)


def predicted_growth(depth: float, batch: float) -> float:
    """log₁₀ of the factor on the squared gradient over ``depth`` layers of ReLU.

    π/(π − 1) a layer is exact for wide layers and large batches, (B − 2)/(B − 3) for linear
    layers at any batch; their product is a guess for ReLU at small batches.

    Raises:
        ValueError: for a batch of 3 or fewer, for which the second factor has no value.

    Example:
        >>> round(10 ** predicted_growth(1, 1e9), 3)
        1.467
    """
    if batch <= 3:
        raise ValueError(f"needs a batch of more than 3, got {batch}")
    return depth * math.log10(math.pi / (math.pi - 1) * (batch - 2) / (batch - 3))


def _normalised(h: Tensor) -> Tensor:
    centred = h - h.mean(dim=0)
    return centred / centred.square().mean(dim=0).sqrt()


def measured_growth(
    seed: int, depth: float, batch: float, activation: str = "relu", bypass: bool = False
) -> float:
    """log₁₀ of the squared gradient ``depth`` layers down over that at the top."""
    g, f = generator(seed, "growth"), named(activation)
    h = torch.randn(int(batch), WIDTH, generator=g, dtype=torch.float64)
    layers = SETTLING + int(depth)
    below = h
    for layer in range(layers):
        if layer == SETTLING:
            below = h = h.detach().requires_grad_()
        weight = torch.randn(WIDTH, WIDTH, generator=g, dtype=torch.float64)
        branch = f(_normalised(h)) @ weight * math.sqrt(2 / WIDTH)
        h = h + branch if bypass else branch
    top = torch.randn(h.shape, generator=g, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(h, below, top)
    return math.log10(float(gradient.square().mean() / top.square().mean()))


EXPLOSION = ValidityMap(
    claim="ch08-explosion-map",
    statement="the squared gradient grows at least a hundredfold",
    assumes="wide layers of ReLU without a bypass",
    quantity="log₁₀ growth of the squared gradient",
    threshold=2.0,
    x=Axis("batch", "batch B", BATCHES, logarithmic=True, whole=True),
    y=Axis("depth", "layers", DEPTHS, whole=True),
    measure=Measure(measured_growth),
    predict=lambda batch, depth: predicted_growth(depth, batch),
    choices={"activation": ("relu", "tanh", "identity", "gelu"), "bypass": (False, True)},
)


RATES = (0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
SIZES = (2, 4, 8, 32, 64)
TOGETHER = 5  # seeds that are trained side by side
BETTER = 0.05


def gain_in_accuracy(seed: int, batch: float, rate: float, norm: str = "batch") -> float:
    """Test accuracy after 100 updates with a norm minus that without, three ReLU layers."""
    first = seed - seed % TOGETHER
    rates = RATES if rate in RATES else (rate,)  # the map's rates train side by side
    row = rates.index(rate)
    with_norm, without = (_accuracies(first, int(batch), rates, kind) for kind in (norm, None))
    return float((with_norm - without)[row, seed - first])


@lru_cache(maxsize=256)
def _accuracies(first: int, batch: int, rates: tuple[float, ...], norm: str | None) -> Tensor:
    """Shape (rates, seeds)."""
    seeds, n = list(range(first, first + TOGETHER)), len(rates)
    x, y, x_test, y_test = (
        part.repeat(n, *[1] * (part.dim() - 1)) for part in standard_digits_from(first, TOGETHER)
    )
    net = MLP([64, 48, 48, 48, 10], "relu", seeds=seeds * n, scheme=kaiming(), normalization=norm)
    each = [rate for rate in rates for _ in seeds]
    fit(net, x, y, rates=each, steps=100, batch=batch, seeds=seeds * n)
    return accuracy(net.eval(), x_test, y_test).view(n, TOGETHER)


def rates_that_gain(batch: float) -> tuple[float, float]:
    """From which learning rate on batch norm helps, and up to which, by a rule of thumb.

    Below the first the plain network keeps up; above the second batch norm fails too. No
    theory: measured once with the seeds 900 to 904 at batches of 3, 6, 12, 24 and 48, which
    are not on the map, and joined by powers of the batch.

    Example:
        >>> [round(rate, 2) for rate in rates_that_gain(16)]
        [0.4, 3.6]
    """
    return 0.1 * batch**0.5, 0.45 * batch**0.75


def position(batch: float, rate: float) -> float:
    """``BETTER`` at either rate of ``rates_that_gain``, more between; less at batches of 2."""
    if batch <= 2:  # only the order of the two is left of a unit, whatever the rate
        return BETTER - 0.1
    low, high = rates_that_gain(batch)
    return BETTER + 0.1 * math.log10(min(rate / low, high / rate))


SPEED_UP = ValidityMap(
    claim="ch08-speed-up-map",
    statement="batch norm adds 0.05 to the accuracy after 100 updates",
    assumes="three ReLU layers of 48 units, Kaiming's start",
    quantity="accuracy with minus without batch norm",
    threshold=BETTER,
    x=Axis("batch", "examples in a batch B", SIZES, logarithmic=True, whole=True),
    y=Axis("rate", "learning rate η", RATES, logarithmic=True),
    measure=Measure(gain_in_accuracy),
    predict=position,
    choices={"norm": ("batch", "layer", "group", "rms")},
    rule="the rule of thumb",
)
