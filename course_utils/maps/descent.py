"""Map of chapter 11: where a step of its own for each weight saves half of the steps."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from course_utils import optimizers
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.seeding import generator

CONDITIONS = (6, 10, 20, 40, 80)
ANGLES = (1, 2, 4, 8, 11, 15, 21, 30, 45)
RATES = tuple(2 ** (half / 2) for half in range(-14, 5))
NEAR = 0.01  # of the first distance
STARTS = 10
METHODS: dict[str, optimizers.Step] = {
    "adagrad": optimizers.adagrad,
    "rmsprop": optimizers.rmsprop,
    "adam": optimizers.adam,
    "momentum": optimizers.momentum,
}


def turned_valley(condition: float, angle: float) -> Tensor:
    """H with eigenvalues 1 and 1/κ, its shallow direction turned by ``angle`` degrees, float64.

    Example:
        >>> turned_valley(100, 0)
        tensor([[1.0000, 0.0000],
                [0.0000, 0.0100]], dtype=torch.float64)
    """
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turn = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    return turn @ torch.diag(torch.tensor([1.0, 1 / condition], dtype=torch.float64)) @ turn.T


def steps_of_descent(condition: float) -> int:
    """Steps of gradient descent at its best rate, 2/(λ_max + λ_min), from any start.

    Each step shrinks both eigen-coordinates by (κ − 1)/(κ + 1).

    Example:
        >>> steps_of_descent(3)
        7
    """
    return math.ceil(math.log(NEAR) / math.log((condition - 1) / (condition + 1)))


def saving(seed: int, condition: float, angle: float, method: str = "adagrad") -> float:
    """Steps of gradient descent over those of the method, each at its best rate.

    Steps until the distance is ``NEAR`` times the first; median over starts in random
    directions, the best of ``RATES``. 0.5 or less if the method needs twice as many.
    """
    point = (condition, angle)
    grid = tuple((k, a) for k in CONDITIONS for a in ANGLES)
    if point in grid:  # the points of the map go side by side
        return _savings(seed, grid, method)[grid.index(point)]
    return _savings(seed, (point,), method)[0]


@lru_cache(maxsize=256)
def _savings(seed: int, points: tuple[tuple[float, float], ...], method: str) -> tuple[float, ...]:
    start = torch.randn(STARTS, 2, generator=generator(seed, "starts"), dtype=torch.float64)
    start = start / start.norm(dim=1, keepdim=True)
    hessians = torch.stack([turned_valley(*point) for point in points])[:, None]
    rate = torch.tensor(RATES, dtype=torch.float64)[:, None, None]
    w = start.expand(len(points), len(RATES), -1, -1)
    plain = [steps_of_descent(condition) for condition, _ in points]
    arrived = torch.full(w.shape[:-1], math.inf, dtype=torch.float64)
    state: optimizers.State = ()
    for step in range(1, 2 * max(plain) + 1):
        w, state = METHODS[method](w, w @ hessians, state, rate=rate)
        now = (w.norm(dim=-1) <= NEAR) & arrived.isinf()
        arrived = torch.where(now, float(step), arrived)
        best = arrived.median(dim=2).values.amin(dim=1)
        if best.isfinite().all():
            break  # a later arrival is no better
    return tuple(
        steps / min(steps_of_best, 2.0 * steps)
        for steps, steps_of_best in zip(plain, best.tolist(), strict=True)
    )


def predicted_saving(condition: float, angle: float) -> float:
    """κ over what is left of it when each weight's step is divided by its rms gradient.

    At random starts E[gᵢ²] ∝ (H²)ᵢᵢ. With P the diagonal matrix of 1/√(H²)ᵢᵢ, what is left is
    the condition number of P^½HP^½.
    """
    hessian = turned_valley(condition, angle)
    root = (hessian @ hessian).diagonal() ** -0.25
    values = torch.linalg.eigvalsh(root[:, None] * hessian * root)
    return condition * float(values[0] / values[-1])


OWN_STEPS = ValidityMap(
    claim="ch11-own-steps-map",
    statement="a step of its own for each weight needs at most half of the steps",
    assumes="a valley in two weights, AdaGrad, gradients as large as at a random start",
    quantity="steps of gradient descent / of AdaGrad",
    threshold=2.0,
    x=Axis("condition", "condition number κ", CONDITIONS, logarithmic=True),
    y=Axis("angle", "angle to the axes (degrees)", ANGLES, logarithmic=True),
    measure=Measure(saving),
    predict=predicted_saving,
    rule="equation (11.9)",
    choices={"method": tuple(METHODS)},
)
