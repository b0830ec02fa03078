"""What a claim says, in words: the verdict and the numbers of one stored claim.

A claim is a quantitative statement of a chapter, stored by the cell that measured it
under the MIME type ``application/vnd.course.claim+json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from docutils import nodes

FIELDS = (
    "id", "statement", "source", "relation", "predicted", "measured",
    "spread", "seeds", "tolerance", "holds", "expected",
)  # fmt: skip

SIGNS = {"equal": "", "at_most": "at most ", "at_least": "at least ", "between": "between "}

# A bound is loosened to one side only.
LOOSENED = {"equal": "±", "at_most": "+", "at_least": "−", "between": "±"}


def number(value: Any, digits: int = 4) -> str:
    """A stored number with few significant digits; a pair of them as “a and b”.

    A measurement that is not finite is stored as nothing.
    """
    if isinstance(value, list):
        return " and ".join(number(each, digits) for each in value)
    return "not finite" if value is None else f"{value:.{digits}g}".replace("-", "−")


@dataclass(frozen=True)
class Claim:
    """One stored claim and the chapter that it stands in."""

    data: dict[str, Any]

    def __post_init__(self) -> None:
        missing = [field for field in FIELDS if field not in self.data]
        if missing:
            name = self.data.get("id", "without an id")
            raise ValueError(f"the claim {name} has no field {', '.join(missing)}")
        if self.data["relation"] not in SIGNS:
            raise ValueError(
                f"the claim {self.data['id']} has the relation {self.data['relation']!r}, "
                f"expected one of {', '.join(SIGNS)}"
            )

    @property
    def anchor(self) -> str:
        """The id of the claim's place in its chapter."""
        return str(nodes.make_id(f"claim-{self.data['id']}"))

    @property
    def believed(self) -> bool:
        """False for what is widely repeated and wrong."""
        return bool(self.data["expected"])

    @property
    def as_expected(self) -> bool:
        """Whether the measurement came out as the course says."""
        return bool(self.data["holds"]) == self.believed

    @property
    def verdict(self) -> str:
        """The outcome in words."""
        if self.as_expected:
            return "holds" if self.believed else "refuted"
        return "FAILS: does not hold" if self.believed else "FAILS: not refuted, it holds"

    @property
    def prediction(self) -> str:
        """What was predicted, with its tolerance."""
        relation, tolerance = self.data["relation"], self.data["tolerance"]
        text = SIGNS[relation] + number(self.data["predicted"])
        return f"{text} {LOOSENED[relation]} {number(tolerance)}" if tolerance else text

    @property
    def measurement(self) -> str:
        """What was measured: mean and standard deviation over seeds."""
        text = number(self.data["measured"])
        return f"{text} ± {number(self.data['spread'], 2)}" if self.data["spread"] else text

    @property
    def seeds(self) -> str:
        """Over how many seeds."""
        count = int(self.data["seeds"])
        return f"{count} seed" if count == 1 else f"{count} seeds"
