"""What the page of claims says about one claim."""

from __future__ import annotations

from typing import Any

import pytest

from book._ext.claims import Claim
from tests.site.demo_book import claim


@pytest.mark.parametrize(
    ("holds", "expected", "verdict"),
    [
        (True, True, "holds"),
        (False, True, "FAILS: does not hold"),
        (False, False, "refuted"),
        (True, False, "FAILS: not refuted, it holds"),
    ],
)
def test_verdict(holds: bool, expected: bool, verdict: str) -> None:
    made = Claim(claim(holds=holds, expected=expected))
    assert made.verdict == verdict
    assert made.as_expected == (holds == expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "0.5 ± 0.02"),
        ({"tolerance": 0}, "0.5"),
        ({"relation": "at_most"}, "at most 0.5 + 0.02"),
        ({"relation": "between", "predicted": [-1.0, 2.5]}, "between −1 and 2.5 ± 0.02"),
    ],
)
def test_prediction(changes: dict[str, Any], words: str) -> None:
    assert Claim(claim(**changes)).prediction == words


def test_measurement() -> None:
    assert Claim(claim(measured=0.50123, spread=0.01234)).measurement == "0.5012 ± 0.012"
    assert Claim(claim(measured=None, spread=None)).measurement == "not finite"
    assert Claim(claim(seeds=1)).seeds == "1 seed"


def test_a_claim_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="relation 'near'"):
        Claim(claim(relation="near"))
    with pytest.raises(ValueError, match="no field statement"):
        Claim({key: value for key, value in claim().items() if key != "statement"})
