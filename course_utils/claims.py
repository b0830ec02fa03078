"""Claims: statements with a prediction, a measurement over seeds, and a verdict.

A claim prints one line and stores the same machine-readably in the cell's output, from
where the site collects all of them on one page.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from typing import Any

from IPython.display import display

CLAIM_MIME = "application/vnd.course.claim+json"
RELATIONS = ("equal", "at_most", "at_least", "between")
Number = float | int


def claim(
    id: str,
    statement: str,
    *,
    source: str,
    predicted: Number | tuple[Number, Number],
    measured: Sequence[Number],
    tolerance: Number = 0.0,
    relation: str = "equal",
    expected: bool = True,
) -> None:
    """Hold a prediction against measurements, print the verdict and store it.

    ``equal``: |measured − predicted| ≤ tolerance; ``at_most``: measured ≤ predicted +
    tolerance; ``at_least``: measured ≥ predicted − tolerance; ``between``: from the
    lower prediction − tolerance to the upper + tolerance. ``measured`` in these is the
    mean over seeds. A measurement that is not finite makes the claim fail.

    Args:
        id: ``chNN-words-with-hyphens``, unique in the course.
        statement: one sentence.
        source: where the prediction comes from: a paper with its equation, or "derived here".
        predicted: a number; for ``between`` a pair (low, high).
        measured: one number for each seed.
        tolerance: absolute, in the units of ``measured``, fixed before looking.
        relation: ``equal``, ``at_most``, ``at_least`` or ``between``.
        expected: ``False`` for what is widely repeated and wrong: it should not hold.

    Raises:
        ValueError: if an argument is not of the form above.

    Example:
        >>> claim("ch02-half", "A coin shows heads half the time.", source="symmetry",
        ...       predicted=0.5, measured=[0.4, 0.6], tolerance=0.1)  # doctest: +SKIP
    """
    record = judge(
        id,
        statement,
        source=source,
        predicted=predicted,
        measured=measured,
        tolerance=tolerance,
        relation=relation,
        expected=expected,
    )
    display({CLAIM_MIME: record, "text/plain": sentence(record)}, raw=True)


def judge(
    id: str,
    statement: str,
    *,
    source: str,
    predicted: Number | tuple[Number, Number],
    measured: Sequence[Number],
    tolerance: Number,
    relation: str,
    expected: bool,
) -> dict[str, Any]:
    """The claim's record, without showing it; arguments and errors as for ``claim``.

    Example:
        >>> judge("ch02-one", "One is one.", source="-", predicted=1, measured=[1.0],
        ...       tolerance=0, relation="equal", expected=True)["holds"]
        True
    """
    values = [float(value) for value in measured]
    _check(id, statement, source, relation, values, tolerance)
    low, high = _bounds(predicted, relation, tolerance)
    finite = all(math.isfinite(value) for value in values)
    mean = statistics.fmean(values) if finite else None
    spread = (statistics.stdev(values) if len(values) > 1 else 0.0) if finite else None
    return {
        "id": id,
        "statement": statement,
        "source": source,
        "relation": relation,
        "predicted": _four_digits(predicted),
        "measured": _four_digits(mean),
        "spread": _four_digits(spread),
        "seeds": len(values),
        "tolerance": _four_digits(tolerance),
        "holds": bool(mean is not None and low <= mean <= high),
        "expected": bool(expected),
    }


def sentence(record: dict[str, Any]) -> str:
    """The one line that a claim prints.

    Example:
        >>> sentence(judge("ch02-one", "One is one.", source="-", predicted=1, measured=[1.0],
        ...                tolerance=0, relation="equal", expected=True))
        'Holds (ch02-one): One is one. Predicted 1; measured 1 (1 seed).'
    """
    verdict = "Holds" if record["holds"] else "Does not hold"
    if not record["expected"]:
        verdict = "Widely repeated; " + ("held here" if record["holds"] else "does not hold")
    relation = {"at_most": "at most ", "at_least": "at least ", "between": "", "equal": ""}
    predicted = record["predicted"]
    if isinstance(predicted, list):
        said = f"between {predicted[0]:g} and {predicted[1]:g}"
    else:
        said = f"{relation[record['relation']]}{predicted:g}"
    found = "not finite"
    if record["measured"] is not None:
        found = _with_spread(record["measured"], record["spread"])
    tolerance = f"; tolerance {record['tolerance']:g}" if record["tolerance"] else ""
    seeds = f"{record['seeds']} seed{'s' if record['seeds'] > 1 else ''}"
    return (
        f"{verdict} ({record['id']}): {record['statement']} Predicted {said}; "
        f"measured {found} ({seeds}){tolerance}."
    )


def _with_spread(mean: float, spread: float) -> str:
    """The mean to as many digits as its spread tells."""
    if not spread:
        return f"{mean:.4g}"
    decimals = 1 - math.floor(math.log10(spread))
    if 0 <= decimals <= 4:
        return f"{mean:.{decimals}f} ± {spread:.{decimals}f}"
    return f"{mean:.4g} ± {spread:.2g}"


def _check(
    id: str, statement: str, source: str, relation: str, values: list[float], tolerance: Number
) -> None:
    if not re.fullmatch(r"ch\d\d(-[a-z0-9]+)+", id):
        raise ValueError(f"a claim's id looks like 'ch02-one-sign', got {id!r}")
    if not statement.endswith(".") or not source:
        raise ValueError(f"claim {id} needs a statement ending in a full stop, and a source")
    if relation not in RELATIONS:
        raise ValueError(f"relation must be one of {', '.join(RELATIONS)}; got {relation!r}")
    if not values:
        raise ValueError(f"claim {id} needs at least one measurement, got none")
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance must be at least 0 and finite, got {tolerance}")


def _bounds(
    predicted: Number | tuple[Number, Number], relation: str, tolerance: Number
) -> tuple[float, float]:
    if isinstance(predicted, tuple) != (relation == "between"):
        raise ValueError(
            f"predicted must be a pair for 'between' and a number otherwise, got {predicted!r}"
        )
    low, high = predicted if isinstance(predicted, tuple) else (predicted, predicted)
    low, high = float(low), float(high)  # NumPy numbers would not go into JSON
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"predicted must be finite and in order, got {predicted!r}")
    return (
        -math.inf if relation == "at_most" else low - tolerance,
        math.inf if relation == "at_least" else high + tolerance,
    )


def _four_digits(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, tuple):
        return [_four_digits(part) for part in value]
    return float(f"{float(value):.4g}")
