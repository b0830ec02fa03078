"""Map of chapter 4: where deep layers can still tell their inputs apart."""

from __future__ import annotations

import math

import torch

from course_utils.activations import activation as named
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.seeding import generator

WIDTH = 100
INPUTS = 40
BIASES = {"default": 1 / 3, "none": 0.0, "large": 30.0}  # n · Var b


def next_pair(q: float, d: float, gain: float, bias_variance: float) -> tuple[float, float]:
    """One ReLU layer further: mean square q, and half the mean squared difference d.

    q is the mean square of the pre-activations, d that of the difference between two
    inputs, halved: d/q is 1 for unrelated inputs and 0 for equal ones. Exact in wide
    layers. Source: Y. Cho, L. Saul (2009), Kernel methods for deep learning, for the
    product of two ReLUs whose inputs have the correlation cos θ = 1 − d/q.

    Args:
        q: more than 0.
        d: from 0 to 2q.
        gain: n · Var W.
        bias_variance: Var b.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> q, d = next_pair(1.0, 1e-6, gain=2.0, bias_variance=0.0)
        >>> round(q, 3), round(d * 1e6, 3)
        (1.0, 1.0)
    """
    if not (0 < q < math.inf and 0 <= d <= 2 * q and gain > 0 and bias_variance >= 0):
        raise ValueError(f"out of range: q = {q}, d = {d}, {gain} and {bias_variance}")
    angle = 2 * math.asin(math.sqrt(d / (2 * q)))
    # sin θ − θ cos θ, without loss of digits where θ is small
    rest = math.sin(angle) - angle * math.cos(angle) if angle > 1e-2 else angle**3 / 3
    apart = (math.pi * d / q - rest) * q / (2 * math.pi)
    return gain * q / 2 + bias_variance, gain * apart


def _predicted_share(depth: float, gain: float) -> float:
    bias_variance = BIASES["default"] / WIDTH
    q, d = gain + bias_variance, gain  # the first layer's inputs are unrelated
    for _ in range(int(depth) - 1):
        q, d = next_pair(q, d, gain, bias_variance)
    return math.log10(d / q)


def _measured_share(
    seed: int, depth: float, gain: float, bias: str = "default", activation: str = "relu"
) -> float:
    """log₁₀ of the share of the last layer's mean square that differs between inputs."""
    g, f = generator(seed), named(activation)
    h = torch.randn(INPUTS, WIDTH, generator=g, dtype=torch.float64)
    spread, bias_spread = math.sqrt(gain / WIDTH), math.sqrt(BIASES[bias] / WIDTH)
    for _ in range(int(depth)):
        weight = torch.randn(WIDTH, WIDTH, generator=g, dtype=torch.float64)
        z = h @ (spread * weight)
        z = z + bias_spread * torch.randn(WIDTH, generator=g, dtype=torch.float64)
        h = f(z)
    differing = float(z.var(dim=0).mean())  # over inputs, for one unit
    common = float((z.mean(dim=0) ** 2).mean()) - differing / INPUTS
    return math.log10(max(differing, 1e-300) / max(differing + common, 1e-300))


APART = ValidityMap(
    claim="ch04-apart-map",
    statement="at least a hundredth of the signal still differs between inputs",
    assumes="wide layers of ReLU, and biases as torch draws them",
    quantity="log₁₀ share that differs between inputs",
    threshold=-2.0,
    x=Axis("depth", "layer", (1, 2, 4, 6, 8, 12, 16, 20), whole=True),
    y=Axis("gain", "n · Var W", (0.05, 0.1, 0.2, 0.33, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0), True),
    measure=Measure(_measured_share),
    predict=_predicted_share,
    choices={"bias": tuple(BIASES), "activation": ("relu", "tanh", "sigmoid")},
)
