"""Maps of validity: where a claim holds, measured and predicted.

A map belongs to a claim. Two axes span its domain; at each point the claim's quantity
is measured over seeds and compared with a threshold, and theory says beforehand where
the boundary lies. Counterexamples are one-line JSON files in ``counterexamples/``: a
setting at which theory's verdict is wrong. They are run again under fresh seeds by the
tests, and those that survive stand on the map with their finder's name.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils.maps import (
    activations,
    averaging,
    bad_starts,
    batch_norm,
    batch_norm_effects,
    descent,
    diagnosis,
    glorot_and_kaiming,
    minibatches,
    pretraining,
    regularisation,
    variance_growth,
    zero_centring,
)
from course_utils.maps.common import ValidityMap

COUNTEREXAMPLES = Path(__file__).parent / "counterexamples"


MAPS = {
    chart.claim: chart
    for chart in (
        activations.LINEAR,
        zero_centring.ONE_SIGN,
        variance_growth.GROWTH,
        bad_starts.APART,
        glorot_and_kaiming.WEDGE,
        pretraining.RESCUE,
        batch_norm.COUNTS_AS,
        batch_norm_effects.EXPLOSION,
        batch_norm_effects.SPEED_UP,
        averaging.HALF_GAIN,
        diagnosis.ALARM,
        minibatches.AGREEMENT,
        regularisation.DECAY_HELPS,
        descent.OWN_STEPS,
    )
}


def the_map(claim: str) -> ValidityMap:
    """The map that belongs to a claim.

    Raises:
        ValueError: if the claim has no map; the message lists those that have.

    Example:
        >>> the_map("ch02-one-sign-map").threshold
        0.9
    """
    if claim not in MAPS:
        raise ValueError(f"no map for claim {claim!r}; there are maps for {', '.join(MAPS)}")
    return MAPS[claim]


def validity_map(claim: str, seeds: Sequence[int]) -> pd.DataFrame:
    """Measure a claim's quantity at every point of its map, over seeds.

    Args:
        claim: the claim's id.
        seeds: under which seeds.

    Returns:
        One row for each point: the two settings, ``measured`` (mean over seeds),
        ``spread`` (their standard deviation), ``error``
        (standard error of the mean), ``predicted``, ``holds``, ``predicted_holds``.

    Raises:
        ValueError: if the claim has no map, or for fewer than 2 seeds.

    Example:
        >>> len(validity_map("ch02-one-sign-map", [0, 1]))
        88
    """
    if len(seeds) < 2:
        raise ValueError(f"a spread over seeds needs at least 2 seeds, got {len(seeds)}")
    chart = the_map(claim)
    points = [{chart.x.name: x, chart.y.name: y} for y in chart.y.values for x in chart.x.values]
    if not chart.together:
        chart.measure.take(seeds, points)
    return pd.DataFrame([{**point, **verdict(chart, point, seeds)} for point in points])


def verdict(
    chart: ValidityMap,
    setting: dict[str, Any],
    seeds: Sequence[int],
    apply: Callable[[Callable[[int], float], Sequence[int]], Iterable[float]] = map,
) -> dict[str, Any]:
    """Measure and predict one point of the map; the columns of ``validity_map``.

    Args:
        chart: the map.
        setting: both axes, and choices if wanted (see ``checked_setting``).
        seeds: at least 2.
        apply: how the seeds are gone through: ``map``, or ``in_halves`` for many of them.

    Example:
        >>> chart = the_map("ch02-one-sign-map")
        >>> verdict(chart, {"mean": 5, "batch": 1}, [0, 1])["holds"]
        True
    """
    values = list(apply(partial(chart.measure, **setting), seeds))
    measured = statistics.fmean(values)
    predicted = chart.predict(setting[chart.x.name], setting[chart.y.name])
    return {
        "measured": measured,
        "spread": statistics.stdev(values),
        "predicted": predicted,
        "error": statistics.stdev(values) / math.sqrt(len(values)),
        "holds": measured >= chart.threshold,
        "predicted_holds": predicted >= chart.threshold,
    }


def checked_setting(chart: ValidityMap, setting: dict[str, Any]) -> dict[str, Any]:
    """The setting, if it lies in the map's domain.

    Raises:
        ValueError: if an axis is missing or out of range, or a choice is not known.

    Example:
        >>> checked_setting(the_map("ch02-one-sign-map"), {"mean": 2, "batch": 4})
        {'mean': 2, 'batch': 4}
    """
    needed = {chart.x.name, chart.y.name}
    known = needed | set(chart.choices)
    for name in setting:
        if name not in known:
            raise ValueError(f"no setting {name!r} here; there are {', '.join(sorted(known))}")
    if missing := needed - set(setting):
        raise ValueError(f"{chart.claim} needs a value for {' and '.join(sorted(missing))}")
    for axis in (chart.x, chart.y):
        low, high = min(axis.values), max(axis.values)
        value = setting[axis.name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{axis.name} must be a number, got {value!r}")
        if not low <= value <= high:
            raise ValueError(f"{axis.name} must be from {low:g} to {high:g}, got {value!r}")
        if axis.whole and value != int(value):
            raise ValueError(f"{axis.name} must be a whole number, got {value!r}")
    for name, allowed in chart.choices.items():
        if name in setting and setting[name] not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, got {setting[name]!r}")
    return dict(setting)


def counterexamples(claim: str, folder: Path = COUNTEREXAMPLES) -> list[dict[str, Any]]:
    """The counterexamples submitted for a claim, in the order of their files' names.

    A file holds one line such as
    ``{"claim": "…", "finder": "Ada", "setting": {"mean": 1, "batch": 1, "inputs": "uniform"}}``.

    Raises:
        ValueError: if a file is not of that form or its setting is outside the domain.

    Example:
        >>> [sorted(found) for found in counterexamples("ch02-one-sign-map")][:1]
        [['claim', 'finder', 'setting']]
    """
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            entry = json.loads(file.read_text(encoding="utf-8"))
            entry = {key: entry[key] for key in ("claim", "finder", "setting")}
            checked_setting(the_map(entry["claim"]), entry["setting"])
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{file.name} is not a counterexample: {error}") from error
        if entry["claim"] == claim:
            found.append(entry)
    return found


def survives(counterexample: dict[str, Any], seeds: Sequence[int]) -> bool:
    """Whether theory's verdict is wrong at this setting, beyond chance.

    The measured mean must lie on the other side of the threshold than the prediction,
    and at least 4 standard errors away from the threshold.

    Args:
        counterexample: as ``counterexamples`` returns it.
        seeds: fresh ones, at least 2.

    Example:
        >>> all(survives(c, range(7_000, 7_020)) for c in counterexamples("ch02-one-sign-map"))
        True
    """
    chart = the_map(counterexample["claim"])
    result = verdict(chart, counterexample["setting"], seeds)
    beyond_chance = abs(result["measured"] - chart.threshold) >= 4 * result["error"]
    return bool(result["holds"] != result["predicted_holds"] and beyond_chance)
