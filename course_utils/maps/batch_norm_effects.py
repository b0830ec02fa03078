"""Map of chapter 8: how fast gradients grow through batch-normalised layers."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from course_utils.activations import activation as named
from course_utils.maps.common import Axis, ValidityMap
from course_utils.seeding import generator

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


@lru_cache(maxsize=4096)
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
    measure=measured_growth,
    predict=lambda batch, depth: predicted_growth(depth, batch),
    choices={"activation": ("relu", "tanh", "identity", "gelu"), "bypass": (False, True)},
)
