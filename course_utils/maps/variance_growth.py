"""Map of chapter 3: where gradients grow on their way back."""

from __future__ import annotations

import math

import torch

from course_utils import signals
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.seeding import generator


def _log_backward_growth(seed: int, width: float, sigma: float, activation: str = "tanh") -> float:
    """log₁₀ of the growth of the mean squared gradient a layer, over 8 layers."""
    g = generator(seed)
    weights = signals.random_weights(int(width), DEPTH_OF_SIGNALS, sigma, g)
    inputs = torch.randn(20, int(width), generator=g, dtype=torch.float64)
    pre_activations, _ = signals.forward(inputs, weights, activation)
    top = torch.randn(inputs.shape, generator=g, dtype=torch.float64)
    gradients = signals.backward(top, weights, pre_activations, activation)
    growth = signals.mean_square(gradients[0]) / signals.mean_square(gradients[-1])
    return math.log10(max(growth, 1e-300)) / DEPTH_OF_SIGNALS


def _predicted_growth(width: float, sigma: float) -> float:
    gain = width * sigma**2
    squares = signals.mean_squares("tanh", gain, gain, DEPTH_OF_SIGNALS)
    factors = [signals.backward_factor("tanh", q, gain) for q in squares]
    return sum(math.log10(factor) for factor in factors) / DEPTH_OF_SIGNALS


DEPTH_OF_SIGNALS = 8
GROWTH = ValidityMap(
    claim="ch03-growth-map",
    statement="the gradient grows on its way back",
    assumes="eight wide layers of tanh",
    quantity="log₁₀ growth of the squared gradient",
    threshold=0.0,
    x=Axis("width", "width n", (5, 10, 20, 50, 100, 200), logarithmic=True, whole=True),
    y=Axis(
        "sigma",
        "standard deviation σ of the weights",
        (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
        logarithmic=True,
    ),
    measure=Measure(_log_backward_growth),
    predict=_predicted_growth,
    choices={"activation": ("tanh", "sigmoid", "relu")},
)
