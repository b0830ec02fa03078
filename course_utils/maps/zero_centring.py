"""Map of chapter 2: whose weights move the same way."""

from __future__ import annotations

from typing import Any

from course_utils import theory
from course_utils.gradients import one_sign, unit_updates
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.seeding import generator


def _one_sign_share(seed: int, mean: float, batch: float, **choices: Any) -> float:
    updates = unit_updates(
        mean, int(batch), updates=UPDATES_PER_SEED, generator=generator(seed), **choices
    )
    return float(one_sign(updates).double().mean())


UPDATES_PER_SEED = 400
ONE_SIGN = ValidityMap(
    claim="ch02-one-sign-map",
    statement="at least 9 updates in 10 move both weights the same way",
    assumes="normal inputs, and errors that are noise",
    quantity="share of one-sign updates",
    threshold=0.9,
    x=Axis(
        "mean",
        "mean of the inputs μ (in standard deviations)",
        (0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    ),
    y=Axis("batch", "batch size B", (1, 2, 4, 8, 16, 32, 64, 128), logarithmic=True, whole=True),
    measure=Measure(_one_sign_share),
    predict=lambda mean, batch: theory.one_sign_share(mean, int(batch)),
    choices={
        "inputs": ("normal", "uniform", "exponential"),
        "errors": ("noise", "equal", "fitted", "signal"),
    },
)
