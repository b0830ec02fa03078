"""What a chapter must look like, beyond what nbval sees.

    python -m tools.structure          all chapters
    python -m tools.structure 02       one chapter

Each rule is a function that takes a chapter and yields what is wrong, as
``02_zero_centring.ipynb#cell-id: what is wrong``. A new rule needs a negative control
in tests/test_structure.py: a chapter that breaks it, and nothing else.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from tools import arithmetic
from tools.chapters import (
    CELL_METADATA,
    CHECK_MIME,
    CLAIM_MIME,
    NOTEBOOK_METADATA,
    SETUP_ID,
    SETUP_METADATA,
    find,
    number_of,
    setup_source,
)
from tools.markdown import problems_in_markdown
from tools.robust import claims_in, margin

BYTES_AT_MOST = 1_500_000
COLUMNS_AT_MOST = 84
ALT_AT_LEAST = 20


@dataclass
class Chapter:
    """A stored chapter and where it lies."""

    path: Path
    notebook: NotebookNode

    @property
    def code_cells(self) -> list[NotebookNode]:
        """The code cells, in order."""
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    def outputs(self) -> Iterator[tuple[str, NotebookNode]]:
        """Each stored output with the id of its cell."""
        for cell in self.code_cells:
            for output in cell.outputs:
                yield cell.id, output


# A problem: the id of the cell ("" for the whole file), and what is wrong with it.
Problems = Iterator[tuple[str, str]]
Rule = Callable[[Chapter], Problems]


def texts(output: NotebookNode) -> Iterator[tuple[str, str]]:
    """The texts of an output with their MIME type, without embedded pictures."""
    data = {"text/plain": output.text} if output.output_type == "stream" else output.get("data", {})
    for mime, text in data.items():
        if mime.startswith("text/"):
            yield mime, re.sub(r"[A-Za-z0-9+/]{100,}={0,2}", "", text)


# --- the cells -------------------------------------------------------------------------


def executed_in_order(chapter: Chapter) -> Problems:
    """Code cells were run once, from top to bottom; none is empty."""
    for number, cell in enumerate(chapter.code_cells, start=1):
        if not cell.source.strip():
            yield cell.id, "an empty code cell"
        elif cell.execution_count != number:
            yield cell.id, f"executed as number {cell.execution_count}, expected {number}"


# Words, and numbers after them. Editors make up ids such as 3f2a91bc, pXz3kQ and cell-7.
SEMANTIC_ID = re.compile(r"[a-z]+\d{0,2}(-([a-z]+\d{0,2}|\d{1,4}))*")
RANDOM_ID = re.compile(r"[0-9a-f]{8,}|cell-?\d*")


def semantic_ids(chapter: Chapter) -> Problems:
    """Every cell has an id of its own that says what it is: ``sign-of-the-update``."""
    seen = Counter(cell.get("id", "") for cell in chapter.notebook.cells)
    for cell_id, count in seen.items():
        if not SEMANTIC_ID.fullmatch(cell_id) or RANDOM_ID.fullmatch(cell_id):
            yield cell_id, "the id is not words joined by hyphens"
        if count > 1:
            yield cell_id, f"{count} cells have this id"


def metadata_without_noise(chapter: Chapter) -> Problems:
    """Only what the course uses stands in the metadata."""
    metadata = dict(chapter.notebook.metadata)
    metadata.pop(arithmetic.KEY, None)
    if metadata != NOTEBOOK_METADATA:
        yield "", "the notebook's metadata is not the course's: run `make run`"
    for cell in chapter.notebook.cells:
        noise = set(cell.metadata) - set(CELL_METADATA)
        jupyter = set(cell.metadata.get("jupyter", {})) - {"source_hidden"}
        noise |= {f"jupyter.{key}" for key in jupyter}
        if noise:
            yield cell.id, f"noise in the metadata: {', '.join(sorted(noise))}"


def same_setup_cell(chapter: Chapter) -> Problems:
    """The first code cell is the setup cell, the same in every chapter."""
    if not chapter.code_cells or chapter.code_cells[0].id != SETUP_ID:
        yield "", f"the first code cell must have the id {SETUP_ID!r}"
        return
    cell = chapter.code_cells[0]
    if cell.source != setup_source() or cell.metadata != SETUP_METADATA:
        yield SETUP_ID, "not the course's setup cell: run `make run`"


def no_trailing_semicolon(chapter: Chapter) -> Problems:
    """nbval shows what a trailing semicolon hides in Jupyter, so the two would differ."""
    for cell in chapter.code_cells:
        lines = [line for line in cell.source.splitlines() if line.split("#")[0].strip()]
        if lines and lines[-1].split("#")[0].rstrip().endswith(";"):
            yield cell.id, "the last line ends with a semicolon"


def short_lines(chapter: Chapter) -> Problems:
    """Code that a reader sees fits beside the sidebars of a projector's screen."""
    for cell in chapter.code_cells:
        folded = {"hide-cell", "hide-input"} & set(cell.metadata.get("tags", []))
        longest = max(map(len, cell.source.splitlines()), default=0)
        if longest > COLUMNS_AT_MOST and not folded:
            yield cell.id, f"a line of {longest} characters, at most {COLUMNS_AT_MOST}"


def size(chapter: Chapter) -> Problems:
    """A chapter stays light enough for a phone, and for Colab."""
    bytes_stored = chapter.path.stat().st_size
    if bytes_stored > BYTES_AT_MOST:
        yield "", f"{bytes_stored / 1e6:.2f} MB, at most {BYTES_AT_MOST / 1e6} MB"


# --- the text --------------------------------------------------------------------------


def portable_markdown(chapter: Chapter) -> Problems:
    """Only Markdown that Colab, Jupyter, GitHub and the site all show."""
    for cell in chapter.notebook.cells:
        if cell.cell_type == "markdown":
            badge = "remove-cell" in cell.metadata.get("tags", [])
            for problem in problems_in_markdown(cell.source, chapter.path.parent, badge):
                yield cell.id, problem
            if cell.get("attachments"):
                yield cell.id, "an attached picture"


# --- the outputs -----------------------------------------------------------------------


def no_error_output(chapter: Chapter) -> Problems:
    """Neither an error nor a warning is stored."""
    for cell_id, output in chapter.outputs():
        if output.output_type == "error":
            yield cell_id, f"a stored error: {output.ename}"
        elif output.output_type == "stream" and output.name == "stderr":
            yield cell_id, f"stored stderr: {output.text[:60]!r}"


# A quiz has a script and no picture: where scripts are stripped its questions stand as text.
QUIZ_PAGE = re.compile(r'<div class="course-quiz".*?</script>\n</div>', re.DOTALL)


def alternative_text(chapter: Chapter) -> Problems:
    """Every picture says in words what it shows."""
    for cell_id, output in chapter.outputs():
        data = output.get("data", {})
        if "image/png" in data:
            alt = output.metadata.get("image/png", {}).get("alt", "")
            if len(alt.strip()) < ALT_AT_LEAST:
                yield cell_id, f"a picture without alternative text: {alt!r}"
        page = QUIZ_PAGE.sub("", data.get("text/html", ""))
        if re.search(r"<(script|canvas|img)\b", page):
            if not re.search(rf'\b(alt|aria-label)="[^"]{{{ALT_AT_LEAST},}}"', page):
                yield cell_id, "an explorer without alternative text"
            if "image/png" not in data:
                yield cell_id, "an explorer without a picture for where scripts are stripped"


FORBIDDEN_MIME = ("image/svg+xml", "application/javascript", "application/vnd.jupyter.widget")
ANIMATION = re.compile(r"<video\b|new Animation\(|class=\"animation\"")
THIRD_PARTY = re.compile(r"<link\b|@import|url\(['\"]?https?:|\bsrc=['\"]?(https?:)?//|\bfetch\(")


def portable_outputs(chapter: Chapter) -> Problems:
    """No widget, SVG or video is stored, and nothing that asks a third party for a file."""
    for cell_id, output in chapter.outputs():
        for mime in output.get("data", {}):
            if mime.startswith(FORBIDDEN_MIME):
                yield cell_id, f"a stored output of type {mime}"
        page = output.get("data", {}).get("text/html", "")
        if ANIMATION.search(page):
            yield cell_id, "a stored animation"
        if THIRD_PARTY.search(page):
            yield cell_id, "an output that asks a third party for a file"


ADDRESS = re.compile(r"\b(?:at |=)?0x[0-9a-f]{8,}")
FOLDERS = "content|etc|home|mnt|opt|private|root|tmp|usr|Users|var|work"
ABSOLUTE_PATH = re.compile(rf"(?<![\w/.:<-])/(?:{FOLDERS})/|\b[A-Z]:\\")
TIMING = re.compile(
    r"\b\d+(?:\.\d+)?(?:e[-+]?\d+)? ?(?:s|ms|[µμ]s|us|ns|sec|secs|seconds?|minutes?|it/s)(?![\w/])"
)


def nothing_of_this_machine(chapter: Chapter) -> Problems:
    """No address in memory, no path and no time: they differ at every run."""
    for cell_id, output in chapter.outputs():
        for mime, text in texts(output):
            if found := ADDRESS.search(text):
                yield cell_id, f"an address in memory: {found[0]!r}"
            if found := ABSOLUTE_PATH.search(text):
                yield cell_id, f"an absolute path: {found[0]!r}"
            if mime == "text/plain" and (found := TIMING.search(text)):
                yield cell_id, f"a time: {found[0]!r}"


# --- claims ----------------------------------------------------------------------------

NUMBER = (int, float)
CLAIM_FIELDS: dict[str, Any] = {
    "id": str,
    "statement": str,
    "source": str,
    "relation": str,
    "predicted": (int, float, list),
    "measured": NUMBER,
    "spread": NUMBER,
    "seeds": int,
    "tolerance": NUMBER,
    "holds": bool,
    "expected": bool,
}
RELATIONS = ("equal", "at_most", "at_least", "between")


def problems_in_claim(claim: dict[str, Any], number: str) -> Iterator[str]:
    """What is wrong with one claim of chapter ``number`` (``02``)."""
    wrong = [name for name, kind in CLAIM_FIELDS.items() if not isinstance(claim.get(name), kind)]
    wrong += sorted(set(claim) - set(CLAIM_FIELDS))
    wrong += [name for name in ("statement", "source") if not claim.get(name)]
    if wrong:
        yield f"a claim with missing, wrong or unknown fields: {', '.join(wrong)}"
        return
    if not re.fullmatch(rf"ch{number}(-[a-z0-9]+)+", claim["id"]):
        yield f"the claim's id {claim['id']!r} does not begin with 'ch{number}-'"
    if claim["relation"] not in RELATIONS:
        yield f"{claim['id']}: unknown relation {claim['relation']!r}"
        return
    pair = isinstance(claim["predicted"], list)
    if pair != (claim["relation"] == "between") or claim["seeds"] < 1 or claim["tolerance"] < 0:
        yield f"{claim['id']}: predicted, seeds or tolerance do not fit the relation"
        return
    inside = margin(claim)
    rounding = 1e-3 * abs(claim["measured"]) + 1e-3 * claim["tolerance"]
    if abs(inside) > rounding and (inside > 0) != claim["holds"]:
        yield f"{claim['id']}: its numbers contradict holds = {claim['holds']}"
    if claim["holds"] != claim["expected"]:
        yield f"{claim['id']}: holds is {claim['holds']}, expected {claim['expected']}"


def complete_claims(chapter: Chapter) -> Problems:
    """Each claim is complete, belongs to its chapter, and came out as expected."""
    for cell_id, output in chapter.outputs():
        claim = output.get("data", {}).get(CLAIM_MIME)
        if claim is not None:
            for problem in problems_in_claim(claim, number_of(chapter.path)):
                yield cell_id, problem


# --- exercises -------------------------------------------------------------------------

CHECK = re.compile(r"""cu\.check\(\s*["']([^"']+)["']""")


def stored_verdicts(cell: NotebookNode) -> list[bool]:
    """What the checks of a cell said when it was executed."""
    return [
        output.data[CHECK_MIME]["passed"]
        for output in cell.outputs
        if CHECK_MIME in output.get("data", {})
    ]


def problems_in_exercise(cell: NotebookNode, kind: str, number: str) -> Iterator[str]:
    """What is wrong with a stub (``kind`` is "exercise") or a solution."""
    match = re.fullmatch(rf"{kind}-(\d+)", cell.id)
    if not match:
        yield f"a cell with the tag {kind!r} has an id such as {kind}-1"
        return
    expected = [f"ch{number}-ex{match[1]}"]
    if CHECK.findall(cell.source) != expected:
        yield f'must call cu.check("{expected[0]}", …) once'
    if kind == "solution" and "hide-cell" not in cell.metadata.tags:
        yield "a solution needs the tag 'hide-cell'"
    passed = stored_verdicts(cell)
    if kind == "exercise" and passed != [False]:
        yield f"the untouched stub must not pass its check; stored: {passed}"
    if kind == "solution" and passed != [True]:
        yield f"the solution must pass its check; stored: {passed}"


def solved_exercises(chapter: Chapter) -> Problems:
    """Each stub fails its check, has a solution, and each solution passes."""
    numbers: dict[str, list[str]] = {"exercise": [], "solution": []}
    for cell in chapter.code_cells:
        kinds = [kind for kind in numbers if kind in cell.metadata.get("tags", [])]
        if not kinds and CHECK.search(cell.source):
            yield cell.id, "calls cu.check, but has neither the tag 'exercise' nor 'solution'"
        for kind in kinds:
            numbers[kind].append(cell.id.removeprefix(f"{kind}-"))
            for problem in problems_in_exercise(cell, kind, number_of(chapter.path)):
                yield cell.id, problem
    for number in numbers["exercise"]:
        if number not in numbers["solution"]:
            yield f"exercise-{number}", "an exercise without a solution"
    for number in numbers["solution"]:
        if number not in numbers["exercise"]:
            yield f"solution-{number}", "a solution without an exercise"


# --- the quiz --------------------------------------------------------------------------


def one_quiz(chapter: Chapter) -> Problems:
    """One quiz of three to five questions stands before the exercises.

    The page on which learners check themselves has none: it is one.
    """
    number = number_of(chapter.path)
    quizzes = [cell for cell in chapter.code_cells if "cu.quiz(" in cell.source]
    expected = 0 if number == "00" else 1
    if len(quizzes) != expected:
        yield "", f"{len(quizzes)} quizzes, expected {expected}"
    for cell in quizzes:
        if cell.source.strip() != f'cu.quiz("ch{number}")':
            yield cell.id, f'a quiz\'s cell is cu.quiz("ch{number}") and nothing else'
        here = chapter.code_cells.index(cell)
        if any("exercise" in each.metadata.get("tags", []) for each in chapter.code_cells[:here]):
            yield cell.id, "the quiz stands behind an exercise"
        pages = [output.get("data", {}).get("text/html", "") for output in cell.outputs]
        questions = "".join(QUIZ_PAGE.findall("".join(pages))).count("<details>")
        if not 3 <= questions <= 5:
            yield cell.id, f"{questions} stored questions with folded answers, expected 3 to 5"


# --- all of them -----------------------------------------------------------------------

RULES: tuple[Rule, ...] = (
    executed_in_order,
    semantic_ids,
    metadata_without_noise,
    same_setup_cell,
    no_trailing_semicolon,
    short_lines,
    size,
    portable_markdown,
    no_error_output,
    alternative_text,
    portable_outputs,
    nothing_of_this_machine,
    complete_claims,
    solved_exercises,
    one_quiz,
)


def read(path: Path) -> Chapter:
    """A chapter from its file, as it stands: ``nbformat.read`` would mend repeated ids."""
    return Chapter(path, nbformat.v4.reads(path.read_text(encoding="utf-8")))


def check(chapter: Chapter, rules: Sequence[Rule] = RULES) -> list[str]:
    """What is wrong with one chapter."""
    return [
        f"{chapter.path.name}#{cell_id}: {problem}"
        for rule in rules
        for cell_id, problem in rule(chapter)
    ]


def repeated_claims(chapters: Sequence[Chapter]) -> list[str]:
    """Claims whose id stands more than once in the book."""
    where: dict[str, list[str]] = {}
    for chapter in chapters:
        for claim in claims_in(chapter.notebook):
            where.setdefault(claim.get("id", ""), []).append(chapter.path.name)
    return [
        f"{names[-1]}#: the claim {claim_id!r} stands {len(names)} times in the book"
        for claim_id, names in where.items()
        if len(names) > 1
    ]


def main(arguments: Sequence[str]) -> int:
    """The command: 0 if nothing is wrong."""
    chapters = [read(path) for path in find(arguments)]
    problems = [problem for chapter in chapters for problem in check(chapter)]
    problems += repeated_claims(chapters)
    print("\n".join(problems) or f"{len(chapters)} chapter(s): nothing is wrong.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
