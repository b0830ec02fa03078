"""From cells to slides: nothing is lost, solutions stay out, metadata decides."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.chapter_factory import clean_notebook, write
from tools import deck, slides, structure, typeset
from tools.chapters import find

CHAPTERS = find()


def names(path: Path) -> str:
    """How a chapter is called in the list of tests."""
    return path.stem


@pytest.mark.parametrize("chapter", CHAPTERS, ids=names)
def test_no_figure_formula_or_sentence_is_lost(chapter: Path) -> None:
    notebook = nbformat.read(chapter, as_version=4)
    made = deck.deck_of(notebook)
    bodies = "\n".join(slide.body + slide.caption for slide in made.slides)
    words = re.sub(r"base64,[^\"]*", "", bodies)
    notes = {" ".join(note.split()) for slide in made.slides for note in slide.notes}
    for cell, kind in zip(notebook.cells, deck.slide_types(notebook), strict=True):
        if kind == "skip":
            continue
        for output in cell.get("outputs", []):
            picture = "".join(output.get("data", {}).get("image/png", "").split())
            assert not picture or f"base64,{picture}" in bodies or "course-explorer" in bodies
        for block in typeset.blocks_of(cell.source) if cell.cell_type == "markdown" else []:
            if block.kind == "math":
                assert typeset.to_html(block.source).strip() in words, block.source
            if block.kind == "paragraph" and " ".join(block.source.split()) not in notes:
                for sentence in typeset.sentences(block.source):
                    assert typeset.inline(sentence) in words, sentence


@pytest.mark.parametrize("chapter", CHAPTERS, ids=names)
def test_solutions_are_in_the_deck_only_if_asked_for(chapter: Path) -> None:
    notebook = nbformat.read(chapter, as_version=4)
    solutions = [c.source for c in notebook.cells if "solution" in c.metadata.get("tags", [])]
    for cell in notebook.cells:
        cell.metadata.pop("slideshow", None)  # the rule has to know it too
    codes = [deck.parts_of(re.sub(r"^# @title.*\n", "", source))[0] for source in solutions]
    assert codes
    without = "".join(slide.body for slide in deck.deck_of(notebook).slides)
    with_them = "".join(slide.body for slide in deck.deck_of(notebook, solutions=True).slides)
    for code in codes:
        assert typeset.code_html(code) in with_them
        assert typeset.code_html(code) not in without


def test_a_slide_is_not_a_page() -> None:
    """No slide of text holds more than can be read, and none only a heading."""
    for chapter in CHAPTERS:
        for slide in deck.deck_of(nbformat.read(chapter, as_version=4)).slides:
            words = re.sub(r"<annotation.*?</annotation>|<[^>]+>", "", slide.body, flags=re.DOTALL)
            if slide.kind in ("section", "points", "title", "wrong", "predict"):
                assert "<p>" in slide.body or "<li>" in slide.body, f"{chapter.stem}: {words}"
                assert len(words) < 900, f"{chapter.stem}: {words}"
            assert words.count("\n") <= 20 or slide.kind not in ("code",), words


@pytest.mark.parametrize(
    "paragraph, expected",
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        (
            "He et al. Said so. **Is (A) true?** Yes.",
            ["He et al. Said so.", "**Is (A) true?**", "Yes."],
        ),
        ("**What is kept. And what not.** Then.", ["**What is kept. And what not.**", "Then."]),
        ("At $z = 1. A$ it is 0.5 high. So.", ["At $z = 1. A$ it is 0.5 high.", "So."]),
        ("See (5.1. And this) there. $x$ is 1.", ["See (5.1. And this) there.", "$x$ is 1."]),
    ],
)
def test_sentences(paragraph: str, expected: list[str]) -> None:
    assert typeset.sentences(paragraph) == expected


def test_a_lead_does_not_end_with_a_question_that_is_answered() -> None:
    text = "Something is said here, long enough. Why is that? Because it is."
    assert typeset.lead(text, 60, 30) == "Something is said here, long enough."
    assert typeset.lead(text, 100, 45).endswith("Because it is.")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("**Folding.** " + "Long words. " * 12, "**Folding.** Long words."),
        (
            "It hardly notices: *Going deeper*. Then more is said.",
            "It hardly notices: *Going deeper*.",
        ),
        ("Few words. " + "And then a long sentence" * 4 + ".", "Few words. And then"),
    ],
)
def test_a_lead_does_not_end_in_the_air(text: str, expected: str) -> None:
    assert typeset.lead(text, 30, 12).startswith(expected)


def formulas_of(text: str) -> list[str]:
    """The words on the slides of formulas."""
    cell = new_markdown_cell(
        f"# 1. A title\n\nWords.\n\n## 1.1 S\n\nOpening.\n\n{text}", id="title"
    )
    made = deck.deck_of(new_notebook(cells=[cell])).slides
    return [re.sub(r"<span.*</span>", "=", s.body) for s in made if s.kind == "formula"]


def test_a_formula_is_not_alone_with_then_or_hence() -> None:
    (words,) = formulas_of("First this is said. Let $u$ be that.\n\nMore is true. Then\n\n$$a$$")
    assert "<p>More is true. Then</p>" in words


def test_a_sentence_with_two_formulas_is_one_slide() -> None:
    (words,) = formulas_of("For each unit, over all of the examples,\n\n$$a,$$\n\n$$b.$$")
    assert words.count("<p>") == 1


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ([4, 4, 4, 2], [[4, 4], [4, 2]]),  # and not [4, 4, 2] after a lonely 4
        ([3, 3, 3, 3, 3], [[3, 3], [3, 3, 3]]),
        ([20, 1, 1], [[20], [1, 1]]),
        ([5, 5], [[5, 5]]),
        ([], []),
    ],
)
def test_pieces_come_in_few_groups_and_none_is_left_over(
    sizes: list[int], expected: list[list[int]]
) -> None:
    assert typeset.packed(sizes, 10, lambda size: size) == expected


def test_a_bar_in_the_notes_lies_above_its_letter() -> None:
    """As an accent it is drawn into the letter where no font has the mathematics."""
    page = typeset.notes_html(r"The mean $\bar y$ moves.")
    assert "<mover><mi>y</mi><mo>ˉ</mo></mover>" in page


def test_a_formula_that_ends_a_sentence_is_not_alone() -> None:
    text = "For each unit, over all of the examples,\n\n$$a,$$\n\nand so the mean is\n\n$$b.$$"
    (words,) = formulas_of(text)
    assert words.count("<p>") == 2
    assert "<p>and so the mean is</p>" in words


def test_a_number_in_a_table_is_not_broken_at_its_hyphen() -> None:
    made = deck.Deck("t")
    deck.add_table(made, "<table><tbody><tr><th>1e-2</th><td>two words</td></tr></tbody></table>")
    assert '<th class="word">1e-2</th><td>two words</td>' in made.slides[0].body


def test_long_printed_text_goes_on_and_is_cut_at_empty_lines() -> None:
    visit = "\n".join(["line"] * 5)
    made = deck.Deck("t")
    deck.add_printed(made, "\n\n".join([visit] * 6))
    assert [slide.body.count("line") for slide in made.slides] == [15, 15]
    deck.add_printed(made, visit)
    assert made.slides[-1].body == f'<pre class="printed">{visit}</pre>'


def small(slide_type: str | None) -> deck.Deck:
    """A deck of a title, a table and a remark with a slide type."""
    page = "<table><tbody><tr><td>1</td></tr></tbody></table>"
    table = new_code_cell("table", id="table", metadata={"tags": ["hide-input"]})
    table.outputs = [new_output("display_data", {"text/html": page, "text/plain": "1"})]
    metadata = {"slideshow": {"slide_type": slide_type}} if slide_type else {}
    remark = new_markdown_cell("A remark.", id="remark", metadata=metadata)
    title = new_markdown_cell("# 1. A title\n\nWords.", id="title")
    return deck.deck_of(new_notebook(cells=[title, table, remark]))


@pytest.mark.parametrize(
    "slide_type, along, below, caption, notes",
    [
        (None, 2, 0, "A remark.", []),
        ("slide", 2, 0, "", ["A remark."]),
        ("fragment", 2, 0, "A remark.", []),
        ("notes", 2, 0, "", ["A remark."]),
        ("skip", 2, 0, "", []),
    ],
)
def test_the_metadata_decide(
    slide_type: str | None, along: int, below: int, caption: str, notes: list[str]
) -> None:
    made = small(slide_type)
    assert [slide.below for slide in made.slides].count(False) == along
    assert [slide.below for slide in made.slides].count(True) == below
    assert typeset.plain(re.sub(r"<[^>]+>", "", made.slides[1].caption)).strip() == caption
    assert made.slides[1].notes == notes


def test_code_lies_below_unless_the_metadata_say_otherwise() -> None:
    code = new_code_cell("x = 1", id="code")
    title = new_markdown_cell("# 1. A title\n\nWords.", id="title")
    notebook = new_notebook(cells=[title, code])
    assert [slide.below for slide in deck.deck_of(notebook).slides] == [False, True]
    code.metadata["slideshow"] = {"slide_type": "slide"}
    assert [slide.below for slide in deck.deck_of(notebook).slides] == [False, False]


def test_folded_text_is_in_the_notes_and_a_folded_solution_nowhere() -> None:
    text = "# 1. A title\n\nWords.\n\n<details><summary>{}</summary>\n\nHidden.\n\n</details>"
    for summary, expected in (("More", True), ("Solution", False)):
        cell = new_markdown_cell(text.format(summary), id="title")
        made = deck.deck_of(new_notebook(cells=[cell]))
        assert "Hidden." not in made.slides[0].body
        assert ("Hidden." in deck.slides_html(made)) == expected


def test_a_long_table_goes_on_and_keeps_its_groups() -> None:
    group = '<tr><th rowspan="3">g</th><td>a</td></tr>' + "<tr><td>b</td></tr>" * 2
    rows = group * 7
    made = deck.Deck("t")
    deck.add_table(made, f"<table><thead><tr><th>h</th></tr></thead><tbody>{rows}</tbody></table>")
    assert [slide.body.count("<td") for slide in made.slides] == [6, 6, 9]
    assert all(slide.body.count("<thead>") == 1 for slide in made.slides)


def test_marking_changes_only_the_slide_types(tmp_path: Path) -> None:
    path = write(clean_notebook(), tmp_path / "02_chapter.ipynb")
    before = nbformat.read(path, as_version=4)
    assert slides.mark(path) == len(before.cells) - 1  # all but the set-up cell
    after = nbformat.read(path, as_version=4)
    assert deck.slide_types(after) == deck.slide_types(before)
    assert not list(structure.metadata_without_noise(structure.read(path)))
    for cell in after.cells:
        cell.metadata.pop("slideshow", None)
    assert after == before
    content = path.read_bytes()
    assert slides.mark(path) == 0
    assert path.read_bytes() == content
