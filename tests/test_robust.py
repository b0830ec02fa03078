"""Claims under other seeds: what holds by luck is found out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_notebook

from tests.chapter_factory import CLAIM, cell, write
from tools import robust
from tools.chapters import CLAIM_MIME

SOURCE = f"""\
import os
from IPython.display import display
offset = int(os.environ["COURSE_SEED_OFFSET"])
claim = {CLAIM!r}
claim["measured"] = 0.49 + 0.01 * offset
display({{"{CLAIM_MIME}": claim}}, raw=True)
lucky = claim | {{"id": "ch02-lucky", "holds": offset != 2}}
display({{"{CLAIM_MIME}": lucky}}, raw=True)"""


def test_claim_that_fails_under_one_offset_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chapter = write(new_notebook(cells=[cell("claims", SOURCE)]), tmp_path / "02_a.ipynb")
    before = chapter.read_bytes()
    assert robust.main(["--offsets", "2", str(chapter)]) == 1
    assert chapter.read_bytes() == before
    lines = capsys.readouterr().out.splitlines()
    table = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("ch02")}
    assert table["ch02-half"] == ["holds", "2", "of", "2", "0.09"]
    assert table["ch02-lucky"][:4] == ["holds", "1", "of", "2"]
    assert any(line.startswith("ch02-lucky, offset 2: does not hold") for line in lines)


def run_with(**changed: Any) -> robust.Run:
    return robust.Run("02_a.ipynb", 1, [CLAIM | changed])


def test_what_is_widely_repeated_and_wrong_must_fail() -> None:
    assert robust.report([run_with(expected=False, holds=False, measured=0.8)])[1]
    assert not robust.report([run_with(expected=False, holds=True)])[1]


def test_chapter_that_does_not_run_is_a_fault() -> None:
    text, good = robust.report([run_with(), robust.Run("03_b.ipynb", 4, [], "no memory")])
    assert not good
    assert "03_b.ipynb, offset 4: no memory" in text


def test_claim_that_is_missing_under_one_offset_is_a_fault() -> None:
    text, good = robust.report([run_with(), robust.Run("02_a.ipynb", 2, [])])
    assert not good
    assert "ch02-half" in text


@pytest.mark.parametrize(
    ("relation", "predicted", "measured", "inside"),
    [
        ("equal", 0.5, 0.55, 0.05),
        ("equal", 0.5, 0.35, -0.05),
        ("at_most", 0.5, 0.3, 0.3),
        ("at_most", 0.5, 0.7, -0.1),
        ("at_least", 0.5, 0.7, 0.3),
        ("at_least", 0.5, 0.3, -0.1),
        ("between", [0.2, 0.4], 0.35, 0.15),
        ("between", [0.2, 0.4], 0.05, -0.05),
        ("equal", 0.5, None, float("-inf")),
    ],
)
def test_margin(relation: str, predicted: Any, measured: float, inside: float) -> None:
    claim = CLAIM | {"relation": relation, "predicted": predicted, "measured": measured}
    assert robust.margin(claim) == pytest.approx(inside)


def test_random_start_is_a_whole_number() -> None:
    assert robust.first_offset("random") >= 1_000
    assert robust.first_offset("7") == 7
