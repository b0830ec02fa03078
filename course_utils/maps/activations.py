"""Map of chapter 1: where a deep network does little that is not linear."""

from __future__ import annotations

import torch

from course_utils import signals
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.seeding import generator

WIDTH = 100
EXAMPLES = 400


def _linear_share(seed: int, depth: float, gain: float, activation: str = "tanh") -> float:
    g = generator(seed)
    inputs = torch.randn(EXAMPLES, WIDTH, generator=g, dtype=torch.float64)
    weights = signals.random_weights(WIDTH, int(depth), gain / WIDTH**0.5, g)
    _, activations = signals.forward(inputs, weights, activation)
    return signals.linear_share(inputs, activations[-1])


LINEAR = ValidityMap(
    claim="ch01-linear-map",
    statement="a linear map of the inputs explains at least half of what the network does",
    assumes="wide layers of tanh, and many independent normal inputs",
    quantity="share that a linear map explains",
    threshold=0.5,
    x=Axis("depth", "depth D", (1, 2, 3, 4, 6, 8, 12), logarithmic=True, whole=True),
    y=Axis(
        "gain",
        "gain of the weights σ√n",
        (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6),
        logarithmic=True,
    ),
    measure=Measure(_linear_share),
    predict=lambda depth, gain: signals.linear_shares("tanh", gain**2, gain**2, int(depth))[-1],
    choices={"activation": ("tanh", "sigmoid", "relu", "gelu")},
)
