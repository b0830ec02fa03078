"""Try and break a claim: your setting on its map, and how sure you were."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from course_utils import plots
from course_utils.maps.common import ValidityMap
from course_utils.processes import in_halves
from course_utils.seeding import seeds
from course_utils.show import show
from course_utils.validity import (
    checked_setting,
    the_map,
    validity_map,
    verdict,
)

BETS = Path("bets.jsonl")
FRESH_SEEDS = 20


def break_it(claim: str, *, sure: float | None = None, **setting: Any) -> None:
    """Try a claim at a setting of your own: run it, and see the point land on the map.

    Args:
        claim: the claim's id.
        sure: how sure you are that the claim holds at your setting, from 0 (it
            breaks) to 1 (it holds). The bet is added to ``bets.jsonl`` in the working
            folder, and your score so far is printed; without it nothing is written.
        **setting: a value for both axes of the map, and for further choices if you like.

    Raises:
        ValueError: if the claim has no map, a setting is missing, unknown or out of the
            map's domain, or ``sure`` is not from 0 to 1.

    Example:
        >>> break_it("ch02-one-sign-map", mean=5, batch=1)  # doctest: +SKIP
    """
    chart = the_map(claim)
    _check_sure(sure)
    setting = checked_setting(chart, setting)
    fresh = seeds(chart.seeds + FRESH_SEEDS)[chart.seeds :]  # not those of the map
    result = verdict(chart, setting, fresh, map if chart.together else in_halves)
    print(_sentence(chart, result))
    if sure is not None:
        _record_bet(claim, setting, sure, bool(result["holds"]))
    figure, axes = plt.subplots(figsize=(5.6, 4.2))
    plots.validity_map(validity_map(claim, seeds(chart.seeds)), chart, ax=axes)
    plots.mark_setting(setting, chart, ax=axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    word = "holds" if result["holds"] else "breaks"
    show(figure, alt=f"The map of {claim} with your setting as a star; the claim {word} there.")


def _check_sure(sure: Any) -> None:
    if sure is None:
        return
    if isinstance(sure, bool) or not isinstance(sure, (int, float)) or not 0 <= sure <= 1:
        raise ValueError(f"sure must be a number from 0 to 1 (80 % is 0.8), got {sure!r}")


def _sentence(chart: ValidityMap, result: dict[str, Any]) -> str:
    word = "holds" if result["holds"] else "breaks"
    close = abs(result["measured"] - chart.threshold) < 2 * result["error"]
    return (
        f"The claim {word} here{', but it is too close to call' if close else ''}: "
        f"{chart.quantity} {result['measured']:.3f} ± {result['spread']:.2g} over "
        f"{FRESH_SEEDS} seeds, threshold {chart.threshold:g}.\n"
        f"{chart.rule.capitalize()} (for {chart.assumes}) said {result['predicted']:.3f}: "
        f"it should {'hold' if result['predicted_holds'] else 'break'}."
    )


def _record_bet(claim: str, setting: dict[str, Any], sure: float, holds: bool) -> None:
    bet = {"claim": claim, "setting": setting, "sure": sure, "holds": holds}
    with BETS.open("a", encoding="utf-8") as file:  # one line, one write: never half a bet
        file.write(json.dumps(bet) + "\n")
    bets = load_bets()
    print(
        f"You were {sure:.0%} sure that it holds, and it {'holds' if holds else 'breaks'}: "
        f"this bet costs {(sure - holds) ** 2:.2f}.\nYour mean over {len(bets)} "
        f"bet{'s' if len(bets) > 1 else ''} (Brier score) is {brier_score(bets):.3f}; "
        "0 is perfect, and always saying 50 % gives 0.25."
    )


def load_bets() -> list[dict[str, Any]]:
    """All bets made in this folder, oldest first; an empty list if there are none.

    Raises:
        ValueError: if ``bets.jsonl`` has a line that is not a bet; it says which.

    Example:
        >>> isinstance(load_bets(), list)
        True
    """
    if not BETS.exists():
        return []
    bets = []
    for number, line in enumerate(BETS.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            bet = json.loads(line)
            bets.append({key: bet[key] for key in ("claim", "setting", "sure", "holds")})
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"{BETS}, line {number} is not a bet: {line!r}") from error
    return bets


def brier_score(bets: Sequence[dict[str, Any]]) -> float:
    """Mean of (sure − outcome)²: 0 for a prophet, ¼ for one who always says 50 %.

    Source: G. W. Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    Raises:
        ValueError: if there are no bets.

    Example:
        >>> brier_score([{"sure": 0.5, "holds": True}])
        0.25
    """
    if not bets:
        raise ValueError("a score needs at least one bet, got none")
    return statistics.fmean((bet["sure"] - bool(bet["holds"])) ** 2 for bet in bets)
