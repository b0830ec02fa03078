"""Map of chapter 5: at which gain a ReLU network of a given depth begins to learn."""

from __future__ import annotations

import math
from functools import lru_cache

import torch

from course_utils.data import digits
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.networks import MLP
from course_utils.training import fit

GAINS = tuple(round(2 ** (quarter / 4), 3) for quarter in range(8))  # 1 to 3.364
RATE = 0.003
# log of (gain²/2)^depth at which learning begins and ends, rounded from a pilot at depth 4,
# which is not on the map, with 5 seeds from 900 on: at gains 0.84 and 3.8, so −4.2 and +7.9.
# Chosen after some runs at other depths had been seen.
TOO_SMALL, TOO_LARGE = -4.0, 8.0
BEGINS = 0.3  # nats


def fall_of_the_loss(
    seed: int, depth: float, gain: float, activation: str = "relu", rate: float = RATE
) -> float:
    """ln 10 minus the mean loss of updates 81 to 100; −1 for a network that diverged."""
    if gain in GAINS:  # the gains of the map train side by side
        falls = _falls(seed, int(depth), GAINS, activation, rate)
        return falls[GAINS.index(gain)]
    return _falls(seed, int(depth), (gain,), activation, rate)[0]


@lru_cache(maxsize=1024)
def _falls(
    seed: int, depth: int, gains: tuple[float, ...], activation: str, rate: float
) -> tuple[float, ...]:
    inputs, labels, _, _ = digits(seed)
    inputs = inputs - inputs.mean(dim=0)
    inputs = inputs / inputs.std()
    copies = [seed] * len(gains)
    net = MLP([64] + [100] * depth + [10], activation, seeds=copies)
    with torch.no_grad():
        for weight in net.weights:  # the same draw, times the gain
            weight.mul_(torch.tensor(gains)[:, None, None])
    losses = fit(net, inputs, labels, rates=rate, steps=100, batch=16, seeds=copies, momentum=0.9)
    late = losses[:, -20:].mean(dim=1).nan_to_num(math.inf, math.inf)
    return tuple((math.log(10) - late).clamp(min=-1.0).tolist())


def position_in_the_wedge(depth: float, gain: float) -> float:
    """``BEGINS`` on the predicted boundary, more inside it, less outside. Not in nats.

    For small outputs a gain multiplies the speed of learning by (gain²/2)^depth, so the
    logarithm of that decides, whatever the depth.
    """
    logarithm = depth * math.log(gain**2 / 2)
    return BEGINS + 1.0 - logarithm / (TOO_SMALL if logarithm < 0 else TOO_LARGE)


WEDGE = ValidityMap(
    claim="ch05-wedge-map",
    statement="100 updates lower the loss by at least 0.3 nats",
    assumes="wide ReLU layers and small outputs; as a place in the wedge, not in nats: "
    f"{BEGINS} on the edge, 1.3 at the gain √2",
    quantity="fall of the loss (nats; −1: diverged)",
    threshold=BEGINS,
    x=Axis("depth", "depth (hidden layers)", (6, 10, 16), logarithmic=True, whole=True),
    y=Axis("gain", "gain g", GAINS, logarithmic=True),
    measure=Measure(fall_of_the_loss),
    predict=position_in_the_wedge,
    choices={"activation": ("relu", "tanh", "gelu"), "rate": (RATE, 0.001, 0.01, 0.03)},
)
