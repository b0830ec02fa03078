"""The rules for chapters: the book keeps them, and each is seen to refuse what breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_output

from tests.chapter_factory import CLAIM, clean_notebook, display, verdict, write
from tools import structure
from tools.chapters import CLAIM_MIME, find

CHAPTERS = find()


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.name)
def test_chapter_keeps_the_rules(path: Path) -> None:
    assert structure.check(structure.read(path)) == []


def test_no_claim_stands_twice_in_the_book() -> None:
    assert structure.repeated_claims([structure.read(path) for path in CHAPTERS]) == []


def chapter_of(notebook: NotebookNode, folder: Path) -> structure.Chapter:
    (folder / "01_first.ipynb").write_text("{}")
    return structure.read(write(notebook, folder / "02_second.ipynb"))


def by_id(notebook: NotebookNode, cell_id: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == cell_id)


def test_clean_chapter_passes(tmp_path: Path) -> None:
    assert structure.check(chapter_of(clean_notebook(), tmp_path)) == []


# --- negative controls: each breaks one rule, and that rule alone says so ---------------

Break = Callable[[NotebookNode], object]
BREAKS: list[tuple[structure.Rule, str, Break]] = []


def breaks(rule: structure.Rule, name: str) -> Callable[[Break], Break]:
    """Register a function that spoils a clean notebook as a control for ``rule``."""

    def register(spoil: Break) -> Break:
        BREAKS.append((rule, name, spoil))
        return spoil

    return register


def add(rule: structure.Rule, name: str, spoil: Break) -> None:
    """The same as ``breaks``, for one line."""
    BREAKS.append((rule, name, spoil))


def figure(notebook: NotebookNode) -> NotebookNode:
    return by_id(notebook, "loss-over-steps")


def rename(notebook: NotebookNode, cell_id: str) -> None:
    figure(notebook).id = cell_id


def print_out(text: str) -> Break:
    """A spoiler that stores a printed text."""
    return lambda nb: figure(nb).outputs.append(new_output("stream", name="stdout", text=text))


def show_html(page: str) -> Break:
    """A spoiler that stores an HTML output."""
    return lambda nb: figure(nb).outputs.append(display({"text/html": page}))


def write_text(text: str) -> Break:
    """A spoiler that adds to the chapter's prose."""

    def spoil(notebook: NotebookNode) -> None:
        notebook.cells[0].source += f"\n\n{text}\n"

    return spoil


def change_claim(**fields: Any) -> Break:
    """A spoiler that changes fields of the stored claim."""

    def spoil(notebook: NotebookNode) -> None:
        by_id(notebook, "claim-half").outputs[0].data[CLAIM_MIME].update(fields)

    return spoil


rule = structure.executed_in_order
add(rule, "not executed", lambda nb: figure(nb).update(execution_count=None))
add(rule, "out of order", lambda nb: figure(nb).update(execution_count=7))
add(rule, "empty", lambda nb: figure(nb).update(source=" \n"))

rule = structure.semantic_ids
for bad in ("3f2a91bc", "a1b2c3d4-e5f6", "pXz3kQ", "deadbeef", "cell-7", "Loss", "loss_falls"):
    add(rule, bad, lambda nb, bad=bad: rename(nb, bad))
add(rule, "twice", lambda nb: rename(nb, "what-it-is-about"))

rule = structure.metadata_without_noise
add(rule, "kernel", lambda nb: nb.metadata.kernelspec.update(display_name="mine"))
add(rule, "language", lambda nb: nb.metadata.language_info.update(version="3.11.7"))
add(rule, "timings", lambda nb: figure(nb).metadata.update(execution={"iopub.status.busy": "1"}))
add(rule, "folding", lambda nb: figure(nb).metadata.update(jupyter={"outputs_hidden": True}))

rule = structure.same_setup_cell
add(rule, "source", lambda nb: nb.cells[1].update(source=nb.cells[1].source + "\n# mine"))
add(rule, "tags", lambda nb: nb.cells[1].metadata.update(tags=["hide-cell"]))
add(rule, "id", lambda nb: nb.cells[1].update(id="start"))

rule = structure.no_trailing_semicolon
add(rule, "plain", lambda nb: figure(nb).update(source="f();"))
add(rule, "comment", lambda nb: figure(nb).update(source="f();  # quiet\n\n# end"))

rule = structure.short_lines
add(rule, "too long", lambda nb: figure(nb).update(source="f()  # " + "x" * 80))

rule = structure.size
add(rule, "too large", lambda nb: figure(nb).update(source="# x\n" * 400_000))

rule = structure.portable_markdown
for name, text in {
    "directive": "```{note}\nText\n```",
    "long fence": "````{note}\nText\n````",
    "colon fence": ":::{note}\nText\n:::",
    "role": "See {ref}`there`.",
    "target": "(there)=\n## There",
    "label": "$$a \\label{a}$$",
    "eqref": "$\\eqref{a}$",
    "mbox": "$\\mbox{a}$",
    "require": "$\\require{cancel}$",
    "align": "\\begin{align}\na\n\\end{align}",
    "align in dollars": "$$\\begin{align*}a\\end{align*}$$",
    "link in page": "[up](#a-chapter)",
    "link into page": "[there](01_first.ipynb#part)",
    "no such chapter": "[next](03_missing.ipynb)",
    "no such definition": "[next][n]\n\n[n]: 03_missing.ipynb",
    "picture": "![a](a.png)",
    "foreign picture": "![a](https://example.org/a.png)",
    "img": '<img src="https://example.org/a.png" alt="a">',
    "no stop": "> **Note** that this is wrong.",
    "small letter": "> **note.** Wrong.",
    "no blank": ">**Note.** Wrong.",
    "colon": "> **Note:** Wrong.",
    "stop outside": "> **Note**. Wrong.",
    "not bold": "> Note: wrong.",
    "underscores": "> __Note.__ Wrong.",
    "unknown word": "> **Warning.** Wrong.",
    "alert": "> [!NOTE]\n> Wrong.",
    "summary": "<details><summary>More</summary>\nText\n</details>",
    "open summary": "<details><summary>More\n</summary>\n\nText\n</details>",
}.items():
    add(rule, name, write_text(text))
add(rule, "attachment", lambda nb: nb.cells[0].update(attachments={"a": {"image/png": ""}}))

rule = structure.no_error_output
error = {"ename": "ValueError", "evalue": "", "traceback": []}
add(rule, "error", lambda nb: figure(nb).outputs.append(new_output("error", **error)))
warning = {"name": "stderr", "text": "UserWarning"}
add(rule, "stderr", lambda nb: figure(nb).outputs.append(new_output("stream", **warning)))

rule = structure.alternative_text
add(rule, "none", lambda nb: figure(nb).outputs[0].update(metadata={}))
short = {"image/png": {"alt": "A plot."}}
add(rule, "short", lambda nb: figure(nb).outputs[0].update(metadata=short))
page = "<div><script>draw()</script></div>"
add(
    rule,
    "explorer",
    lambda nb: by_id(nb, "explorer").outputs[0].data.update({"text/html": page}),
)
add(
    rule,
    "explorer without picture",
    lambda nb: by_id(nb, "explorer").outputs[0].data.pop("image/png"),
)

add(
    rule,
    "picture beside a quiz",
    lambda nb: (
        by_id(nb, "quiz")
        .outputs[0]
        .data.update({"text/html": quiz_page(nb)["text/html"] + "<img src='data:'>"})
    ),
)

rule = structure.portable_outputs
for mime in ("image/svg+xml", "application/vnd.jupyter.widget-view+json"):
    add(rule, mime, lambda nb, mime=mime: figure(nb).outputs.append(display({mime: ""})))
add(rule, "video", show_html("<video src='data:'></video>"))
add(rule, "to_jshtml", show_html('<div class="animation"></div>'))
add(rule, "style sheet", show_html("<link rel=stylesheet href=a.css>"))
add(rule, "foreign frame", show_html("<iframe src='https://example.org'></iframe>"))

rule = structure.nothing_of_this_machine
add(rule, "address", print_out("<Hook object at 0x7f3a5c0b1d90>"))
add(rule, "linux path", print_out("saved to /home/ada/a.pt"))
add(rule, "mac path", show_html("<p>/Users/ada/a.pt</p>"))
add(rule, "temporary", print_out("'/tmp/a.pt'"))
add(rule, "windows path", print_out("C:\\Users\\ada"))
for text in ("took 1.25 s", "1.2e-3s", "12 ms", "3 seconds", "2.1 µs per step", "100 it/s"):
    add(rule, text, print_out(text))

rule = structure.complete_claims
for field in CLAIM:
    add(rule, f"no {field}", lambda nb, field=field: change_claim(**{field: None})(nb))
add(rule, "of another chapter", change_claim(id="ch03-half"))
add(rule, "relation", change_claim(relation="about"))
add(rule, "not a pair", change_claim(relation="between"))
add(rule, "unknown field", change_claim(comment="mine"))
add(rule, "numbers contradict", change_claim(measured=0.75))
add(rule, "wrong sign", change_claim(predicted=-0.5))
add(rule, "failed", change_claim(measured=0.75, holds=False))
add(rule, "false one holds", change_claim(expected=False))

rule = structure.solved_exercises


def drop(notebook: NotebookNode, cell_id: str) -> None:
    """Remove the last or last but one cell without leaving a gap in the order."""
    notebook.cells = [cell for cell in notebook.cells if cell.id != cell_id]
    for number, cell in enumerate(notebook.cells[1:], start=1):
        cell.execution_count = number


add(rule, "no solution", lambda nb: drop(nb, "solution-1"))
add(rule, "no exercise", lambda nb: drop(nb, "exercise-1"))
add(rule, "stub passes", lambda nb: by_id(nb, "exercise-1").update(outputs=[verdict(True)]))
add(rule, "solution fails", lambda nb: by_id(nb, "solution-1").update(outputs=[verdict(False)]))
add(rule, "no verdict", lambda nb: by_id(nb, "solution-1").update(outputs=[]))
add(rule, "open solution", lambda nb: by_id(nb, "solution-1").metadata.tags.remove("hide-cell"))
add(rule, "no tag", lambda nb: figure(nb).update(source='cu.check("ch02-ex9", 1)'))
add(rule, "no check", lambda nb: by_id(nb, "solution-1").update(source="x = 1"))
add(rule, "id", lambda nb: by_id(nb, "exercise-1").update(id="first-exercise"))

rule = structure.one_quiz


def repeat_quiz(notebook: NotebookNode) -> None:
    """A second quiz, in place of the figure."""
    figure(notebook).update(source='cu.quiz("ch02")', outputs=by_id(notebook, "quiz").outputs)


def quiz_last(notebook: NotebookNode) -> None:
    """The quiz behind the exercises, with all cells executed in order."""
    notebook.cells.append(notebook.cells.pop(notebook.cells.index(by_id(notebook, "quiz"))))
    for number, cell in enumerate(notebook.cells[1:], start=1):
        cell.execution_count = number


def quiz_page(notebook: NotebookNode) -> Any:
    return by_id(notebook, "quiz").outputs[0].data


def two_questions(notebook: NotebookNode) -> None:
    """A quiz of two questions."""
    data = quiz_page(notebook)
    data["text/html"] = data["text/html"].replace("<details>", "<p>", 1)


add(rule, "none", lambda nb: by_id(nb, "quiz").update(source="1", outputs=[]))
add(rule, "two", repeat_quiz)
add(rule, "of another chapter", lambda nb: by_id(nb, "quiz").update(source='cu.quiz("ch03")'))
add(rule, "more in its cell", lambda nb: by_id(nb, "quiz").update(source='cu.quiz("ch02")\n1'))
add(rule, "behind an exercise", quiz_last)
add(rule, "two questions", two_questions)
add(rule, "not executed", lambda nb: by_id(nb, "quiz").update(outputs=[]))


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        pytest.param(rule, spoil, id=f"{rule.__name__}: {name}")  # type: ignore[attr-defined]
        for rule, name, spoil in BREAKS
    ],
)
def test_rule_refuses(rule: structure.Rule, spoil: Break, tmp_path: Path) -> None:
    notebook = clean_notebook()
    spoil(notebook)
    chapter = chapter_of(notebook, tmp_path)
    assert structure.check(chapter, [rule]), "the rule did not see it"
    others = [other for other in structure.RULES if other is not rule]
    assert structure.check(chapter, others) == [], "another rule was broken as well"


def test_every_rule_has_a_negative_control() -> None:
    assert {rule for rule, _, _ in BREAKS} == set(structure.RULES)


def test_claim_that_stands_twice_is_refused(tmp_path: Path) -> None:
    chapter = chapter_of(clean_notebook(), tmp_path)
    assert len(structure.repeated_claims([chapter, chapter])) == 1


@pytest.mark.parametrize(
    "text",
    [
        "3 steps, 20 examples, 4 seeds, 12 states",
        "a mean of 0.5 shared by 7 units",
        "0x1f",
        "and/or, km/h, https://example.org/home/a",
    ],
)
def test_what_is_no_trace_of_a_machine(text: str, tmp_path: Path) -> None:
    notebook = clean_notebook()
    print_out(text)(notebook)
    assert structure.check(chapter_of(notebook, tmp_path)) == []


def test_badge_is_allowed_where_the_site_does_not_show_it(tmp_path: Path) -> None:
    notebook = clean_notebook()
    write_text("[![Open](https://example.org/badge.svg)](https://example.org)")(notebook)
    notebook.cells[0].metadata["tags"] = ["remove-cell"]
    assert structure.check(chapter_of(notebook, tmp_path)) == []
