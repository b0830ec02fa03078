"""Chapters as in Colab: what would go wrong there is found out here."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from course_utils.explorer import control, explore
from tests.chapter_factory import CLAIM, cell, display
from tools import colab
from tools.chapters import CLAIM_MIME, SETUP_ID, setup_source
from tools.drive_explorer import drive

BEFORE = {"numpy==2.1.3", "torch==2.13.0"}
COURSE = {"course_utils @ file:///course.zip"}


def chapter(**claim: Any) -> NotebookNode:
    """A chapter with a set-up cell, an explorer and a claim."""
    setup, explorer, claims = cell(SETUP_ID, setup_source()), cell("signs"), cell("claims")
    explorer.source = "cu.explore(draw, title='A')"
    explorer.outputs = [display({"text/html": '<div class="course-explorer">'})]
    claims.outputs = [display({CLAIM_MIME: {**CLAIM, **claim}})]
    return new_notebook(cells=[setup, explorer, claims])


def run_of(stored: NotebookNode) -> NotebookNode:
    """The same as it comes out of a good run."""
    run = colab.as_in_colab(stored, Path("/course.zip"))
    for each in stored.cells:
        place = next(one for one in run.cells if one.id == each.id)
        place.outputs = copy.deepcopy(each.outputs)
    live = next(one for one in run.cells if one.id == "signs-live")
    live.outputs = [display({colab.WIDGET_MIME: {"model_id": "a"}})]
    return run


def outputs(run: NotebookNode, cell_id: str) -> list[Any]:
    return next(one for one in run.cells if one.id == cell_id).outputs


def test_only_the_address_is_changed_and_live_cells_are_added() -> None:
    stored = chapter()
    run = colab.as_in_colab(stored, Path("/course.zip"))
    assert [one.id for one in run.cells] == [SETUP_ID, "signs", "signs-live", "claims"]
    before, after = stored.cells[0].source.splitlines(), run.cells[0].source.splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 1
    assert changed[0].startswith("ARCHIVE = '/course.zip'")
    assert run.cells[1].source == stored.cells[1].source
    assert run.cells[2].source.endswith("drive(cu.explore, draw, title='A')")
    assert not any(one.outputs for one in run.cells)
    assert stored == chapter()


def test_a_good_run_has_no_problems() -> None:
    stored = chapter()
    assert colab.problems_in(stored, run_of(stored)) == []
    assert colab.problems_with_packages(BEFORE, BEFORE | COURSE) == []


def test_a_claim_that_comes_out_otherwise_is_told() -> None:
    stored = chapter(holds=False)
    problems = colab.problems_in(stored, run_of(stored))
    assert problems == ["ch02-half: holds is False, expected True"]


def test_what_a_run_lacks_is_told() -> None:
    stored = chapter()
    for cell_id, problem in [
        ("claims", "the claim ch02-half was not made"),
        ("signs", "signs: the explorer does not show itself"),
        ("signs-live", "signs: the explorer does not come live"),
    ]:
        run = run_of(stored)
        outputs(run, cell_id).clear()
        assert colab.problems_in(stored, run) == [problem]


@pytest.mark.parametrize(
    ("after", "problems"),
    [
        (BEFORE, ["the setup cell did not install the course"]),
        (BEFORE | COURSE | {"tqdm==4.67"}, ["installed: tqdm==4.67"]),
        (
            {"numpy==2.4.6", "torch==2.13.0"} | COURSE,
            ["installed: numpy==2.4.6", "gone or replaced: numpy==2.1.3"],
        ),
    ],
)
def test_what_happens_to_the_packages_is_told(after: set[str], problems: list[str]) -> None:
    assert colab.problems_with_packages(BEFORE, after) == problems


def draw(moving: bool, raising: bool = False) -> Callable[[Figure], Callable[..., str]]:
    """A bar that can be made to stand still, or to fail."""

    def drawn(figure: Figure) -> Callable[..., str]:
        (bar,) = figure.subplots().bar(["bar"], [1.0])

        def update(height: float) -> str:
            if raising and height > 1:
                raise ZeroDivisionError("no height")
            bar.set_height(height if moving else 1.0)
            return f"One bar, {height:g} high, on an axis of its own."

        return update

    return drawn


def test_the_driver_moves_each_kind_of_slider(capsys: pytest.CaptureFixture[str]) -> None:
    def drawn(figure: Figure) -> Callable[..., str]:
        (bar,) = figure.subplots().bar(["bar"], [1.0])
        axes = bar.axes

        def update(height: float, width: float, colour: str) -> str:
            bar.set(height=height, width=width, color=colour)
            axes.set_ylim(0, 100)
            return f"One {colour} bar, {height:g} high and {width:g} wide, on an axis to 100."

        return update

    drive(
        explore,
        drawn,
        title="Bar",
        height=control("height", [1.0, 10.0, 100.0], start=100.0),
        width=control("width", [0.1, 0.3, 0.8]),
        colour=control("colour", ["red", "blue"], start="blue"),
    )
    assert capsys.readouterr().out.startswith("sliders: 3, ")


def test_the_driver_sees_a_picture_that_stays_and_an_error() -> None:
    heights = control("height", [1.0, 2.0, 3.0])
    with pytest.raises(AssertionError, match="the picture stays"):
        drive(explore, draw(moving=False), title="Still", height=heights)
    with pytest.raises(AssertionError, match="no height"):
        drive(explore, draw(moving=True, raising=True), title="Fails", height=heights)


def test_versions_that_cannot_be_had_are_skipped_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("numpy==0.0.1\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(colab, "PINS", pins)
    monkeypatch.setattr(colab, "ENVIRONMENT", tmp_path / "environment")
    monkeypatch.setattr(colab, "STAMP", tmp_path / "environment" / "made-for")
    assert colab.main([]) == 0
    printed = capsys.readouterr().out
    assert "SKIPPED, nothing was run as in Colab" in printed
    assert "No matching distribution found for numpy==0.0.1" in printed
    assert not colab.STAMP.exists()


def test_the_environment_is_made_anew_when_its_versions_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    real = colab.subprocess.run

    def run(given: Sequence[object], **options: Any) -> Any:
        command = [str(part) for part in given]
        asked.append(command)
        quick = "--version" in command or command[-2:] == ["-c", ""]
        return real(command if quick else ["true"], **options)

    pins = tmp_path / "pins.txt"
    pins.write_text("numpy==2.1.3\n")
    monkeypatch.setattr(colab.subprocess, "run", run)
    monkeypatch.setattr(colab, "PINS", pins)
    monkeypatch.setattr(colab, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(colab, "STAMP", tmp_path / "made-for")
    for change, made in [("", True), ("", False), ("seaborn==0.13.2\n", True)]:
        pins.write_text(pins.read_text() + change)
        asked.clear()
        colab.make_environment()
        assert any("install" in command for command in asked) == made
