"""Map of chapter 13: at which depth and gain the doctor raises no alarm."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_utils.diagnose import Diagnosis, diagnose
from course_utils.findings import CHANGE
from course_utils.initialization import initialize, lecun
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.seeding import generator

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}
EXAMPLES = 64


def example(
    seed: int, depth: float, gain: float, activation: str = "relu", width: int = 100
) -> Diagnosis:
    """The diagnosis of a random network of this depth and gain."""
    g = generator(seed, "doctor")
    layers: list[nn.Module] = []
    for _ in range(int(depth)):
        layers += [nn.Linear(width, width, bias=False), ACTIVATIONS[activation]()]
    net = nn.Sequential(*layers[:-1])
    initialize(net, lecun(gain=gain), g)
    x, t = torch.randn(2, EXAMPLES, width, generator=g)

    def loss(z: Tensor, t: Tensor) -> Tensor:
        return (z * t).mean()

    return diagnose(net, (x, t), loss, minibatches=1, batch=EXAMPLES)


def decades(
    seed: int, depth: float, gain: float, activation: str = "relu", width: int = 100
) -> float:
    """Minus the powers of ten by which the gradient's length changes over the depth."""
    return -abs(example(seed, depth, gain, activation, width).numbers["backward_change"])


def predicted_decades(depth: float, gain: float) -> float:
    """−(D − 1) |log₁₀(g²/2)|/2: wide layers multiply the mean square by g²/2."""
    return -(depth - 1) * abs(math.log10(gain**2 / 2)) / 2


ALARM = ValidityMap(
    claim="ch13-alarm-map",
    statement="the doctor raises no serious alarm: gradients keep within a factor of 1000",
    assumes="wide ReLU layers without biases, normal weights of variance g²/n",
    quantity="−|change of gradients| (powers of ten)",
    threshold=-math.log10(CHANGE[1]),
    x=Axis("depth", "depth D (layers)", (6, 10, 16, 26), logarithmic=True, whole=True),
    y=Axis("gain", "gain g", (0.7, 1.0, 1.2, 1.414, 2.0, 2.8), logarithmic=True),
    measure=Measure(decades),
    predict=predicted_decades,
    choices={"activation": ("relu", "tanh", "gelu"), "width": (100, 10, 300)},
    seeds=3,
)
