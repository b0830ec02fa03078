"""Map of chapter 10: whether minibatches agree, by their size and over training."""

from __future__ import annotations

import copy
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.backpropagation import backprop
from course_utils.deliveries import deliveries
from course_utils.gradients import mean_cosine
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.seeding import generator

ROWS = 2000
SIZES = (2, 4, 16, 32, 64, 256)
TIMES = (0, 25, 50, 75, 100, 150)
COMPARED = 8  # minibatches, or as many as there are
# tr Σ/|G|² at the times of the map, geometric means over the seeds 900 to 904: from single
# examples' gradients, and not from cosines of minibatches
NOISE_SCALE = (0.28, 0.6, 2.3, 210.0, 160.0, 95.0)


def absolute(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error of each minibatch, shapes (…, B, 1) → (…).

    Example:
        >>> absolute(torch.zeros(2, 1), torch.ones(2, 1))
        tensor(1.)
    """
    return (outputs - targets).abs().mean(dim=(-2, -1))


def slope(outputs: Tensor, targets: Tensor) -> Tensor:
    """Its derivative by the outputs of each minibatch, shapes (…, B, 1) → (…, B, 1).

    Example:
        >>> slope(torch.zeros(2, 1), torch.ones(2, 1)).flatten()
        tensor([-0.5000, -0.5000])
    """
    return (outputs - targets).sign() / outputs.shape[-2]


def reader(seed: int, inputs: int) -> nn.Sequential:
    """The network of the source, inputs-500-100-20-1, from PyTorch's default start.

    Example:
        >>> sum(p.numel() for p in reader(0, 525).parameters())
        315141
    """
    sizes, parts = (inputs, 500, 100, 20), list[nn.Module]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for n_in, n_out in pairwise(sizes):
            parts += [nn.Linear(n_in, n_out), nn.ReLU()]
        return nn.Sequential(*parts, nn.Linear(20, 1))


@lru_cache(maxsize=32)
def rows_of(seed: int, targets: str) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs without the columns that are never 1, targets, and which columns are left.

    Example:
        >>> rows_of(0, "raw")[1].shape
        torch.Size([2000, 1])
    """
    data = deliveries(ROWS, generator(seed, "rows"))
    used, y = data.inputs.sum(dim=0) > 0, data.target
    if targets == "standardised":
        y = (y - y.mean()) / y.std()
    return data.inputs[:, used], y, used


@lru_cache(maxsize=256)
def trained(seed: int, updates: int, targets: str) -> nn.Sequential:
    """The network after some updates of SGD: rate 0.3, gradients clipped at 0.3, 64 rows.

    Example:
        >>> len(trained(0, 0, "raw"))
        7
    """
    x, y, used = rows_of(seed, targets)
    if updates == 0:
        model = reader(seed, len(used))
        first: nn.Linear = model[0]  # type: ignore[assignment]
        first.weight = nn.Parameter(first.weight.detach()[:, used])
        return model
    before = max(time for time in TIMES if time < updates)
    model = copy.deepcopy(trained(seed, before, targets))
    weights = [weight.detach() for weight in model.parameters()]
    draws = torch.randint(ROWS, (TIMES[-1], 64), generator=generator(seed, "minibatches"))
    for chosen in draws[before:updates]:
        steps = backprop(model, slope, x[chosen], y[chosen])
        length = float(torch.stack([step.norm() for step in steps]).norm())
        for weight, step in zip(weights, steps, strict=True):
            weight.sub_(step, alpha=0.3 * min(1.0, 0.3 / length))
    return model


def agreement(seed: int, batch: float, updates: float, targets: str = "raw") -> float:
    """Mean cosine between the gradients of disjoint minibatches of ``batch`` rows."""
    size = int(batch)
    x, y, _ = rows_of(seed, targets)
    count = min(COMPARED, ROWS // size)
    some = (part[: count * size].unflatten(0, (count, size)) for part in (x, y))
    parts = backprop(trained(seed, int(updates), targets), slope, *some)
    return mean_cosine(torch.cat([part.flatten(1) for part in parts], dim=1))


def predicted(batch: float, updates: float) -> float:
    """|G|²/(|G|² + tr Σ/B) from noise scales measured elsewhere, between them by powers.

    Example:
        >>> round(predicted(160, 100), 3)
        0.5
    """
    scale = np.exp(np.interp(updates, TIMES, np.log(NOISE_SCALE)))
    return float(1 / (1 + scale / batch))


AGREEMENT = ValidityMap(
    claim="ch10-agreement-map",
    statement="minibatches agree: their gradients have a mean cosine of at least ½",
    assumes="raw targets, the mean absolute error, rate 0.3",
    quantity="mean cosine between minibatches",
    threshold=0.5,
    x=Axis("batch", "examples in a minibatch B", SIZES, logarithmic=True, whole=True),
    y=Axis("updates", "updates", TIMES, whole=True),
    measure=Measure(agreement),
    predict=predicted,
    choices={"targets": ("raw", "standardised")},
    rule="the noise scale",
    seeds=3,
)
