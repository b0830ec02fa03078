"""From the cells of a chapter to the slides of a deck.

A chapter is prose, and a slide is not a page. So a slide shows one thing: a formula with
the sentence that leads to it, a figure, a table, a question, the first sentences of an
explanation. The whole text stands in the speaker notes; nothing is lost.

The slides of the argument follow each other to the right. Below some of them lie others
that a class may skip: the code that made the figure, and the claims that it settles.

What becomes of a cell says its slide type, ``slideshow.slide_type`` in its metadata, as
Jupyter has it; where it has none, ``rule`` below says it.

========  ==================================================================
slide     slides of the argument, to the right
subslide  slides below the one before
fragment  words below what the slide before shows, where there is room
notes     in the speaker notes of the slide before
skip      not in the deck
========  ==================================================================
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from struct import unpack
from typing import Any

from bs4 import BeautifulSoup, Tag
from nbformat import NotebookNode

from tools.chapters import CHECK_MIME, CLAIM_MIME, SETUP_ID
from tools.markdown import ADMONITIONS
from tools.typeset import (
    SHORT,
    Block,
    blocks_of,
    characters,
    code_html,
    inline,
    inside_quote,
    items_of,
    lead,
    notes_html,
    packed,
    plain,
    sentences,
    text_html,
    to_html,
)

SLIDE_TYPES = ("slide", "subslide", "fragment", "notes", "skip")

# Characters, about as many as can be read from the last row.
CONTEXT = 230  # beside a formula, or under a heading
TEXT = 380  # on a slide of text
CAPTION = 170  # below a table
CODE_LINES = 14
PRINTED_LINES, PRINTED_WIDTH = 18, 80
CLAIMS_A_SLIDE = 4
ROWS = 11  # of a table
CHARACTERS_A_ROW, CHARACTERS_A_CELL = 70, 30


@dataclass
class Slide:
    """One slide: what it shows, as HTML, and what is said with it, as Markdown."""

    kind: str
    body: str
    section: str = ""  # Markdown of the section's heading, in the slide's corner
    notes: list[str] = field(default_factory=list)
    below: bool = False  # lies under the slide before

    def __post_init__(self) -> None:
        self.caption = ""  # Markdown below a table


@dataclass
class Deck:
    """A chapter as slides, and the minutes that its sections take."""

    title: str
    slides: list[Slide] = field(default_factory=list)
    section: str = ""
    minutes: dict[str, str] = field(default_factory=dict)
    solutions: bool = False

    def add(self, kind: str, body: str, *notes: str, below: bool = False) -> Slide:
        """Append a slide of the present section."""
        below = below and bool(self.slides)
        self.slides.append(Slide(kind, body, self.section, [n for n in notes if n], below))
        return self.slides[-1]

    def say(self, text: str) -> None:
        """Put words into the notes of the last slide."""
        if self.slides:
            self.slides[-1].notes.append(text)


# --- what a cell is ----------------------------------------------------------------------


def tags_of(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def folded(cell: NotebookNode) -> bool:
    """Whether the code of a cell is folded away in the chapter."""
    return bool(tags_of(cell) & {"hide-cell", "hide-input"})


def claims_of(cell: NotebookNode) -> list[dict[str, Any]]:
    """The claims that a cell stored."""
    found = (output.get("data", {}).get(CLAIM_MIME) for output in cell.get("outputs", []))
    return [claim for claim in found if claim]


FORMS = {"image/png", "text/html", "text/plain"}


def shown(cell: NotebookNode) -> list[NotebookNode]:
    """The outputs of a cell that a slide can show: figures, tables and printed text."""
    return [
        output
        for output in cell.get("outputs", [])
        if output.output_type == "stream" or FORMS & set(output.get("data", {}))
        if not {CLAIM_MIME, CHECK_MIME} & set(output.get("data", {}))
    ]


def few_words(cell: NotebookNode) -> bool:
    """Whether a text cell is a remark, and no slide of its own."""
    blocks = blocks_of(cell.source)
    words = all(block.kind == "paragraph" for block in blocks)
    return words and characters(cell.source) <= CAPTION


def rule(cell: NotebookNode, above: str) -> str:
    """The slide type of a cell that has none.

    Set-up and helpers, empty exercises and their solutions, and the sources stay out.
    Code without a picture or a table, and claims, lie below. A remark goes to the picture
    or the table that it follows.

    Args:
        cell: the cell.
        above: the kind of the last cell that became a slide of the argument.
    """
    if cell.cell_type == "markdown":
        if "remove-cell" in tags_of(cell) or cell.source.startswith("## Sources"):
            return "skip"
        return "fragment" if above == "code" and few_words(cell) else "slide"
    if cell.id == SETUP_ID or tags_of(cell) & {"exercise", "solution"}:
        return "skip"
    if claims_of(cell):
        return "subslide"
    if shown(cell):
        return "slide"
    return "skip" if folded(cell) else "subslide"


def slide_types(notebook: NotebookNode) -> list[str]:
    """What becomes of each cell: its own metadata say it, or else the rule."""
    types: list[str] = []
    above = ""
    for cell in notebook.cells:
        own = cell.metadata.get("slideshow", {}).get("slide_type", "")
        types.append(own if own in SLIDE_TYPES else rule(cell, above))
        if types[-1] == "slide":
            above = cell.cell_type
    return types


# --- text ----------------------------------------------------------------------------------

# The course's word, a remark such as (5 minutes), and a topic in bold.
QUOTE = re.compile(
    rf"\*\*({'|'.join(ADMONITIONS)})( \d[\d.]*)?\.\*\*\s*"
    r"(\(([^)]*)\)\s*)?(\*\*([^*]+?)\.?\*\*)?\s*"
)
BOLD = re.compile(r"\*\*([^*]{25,})\*\*")
KIND_CLASS = {
    "Note": "note",
    "Predict": "predict",
    "Exercise": "exercise",
    "Widely repeated, and wrong": "wrong",
    "Going deeper": "deeper",
}


def paragraph(source: str) -> str:
    """A paragraph as HTML."""
    return f"<p>{inline(source)}</p>"


def leading_to(text: str) -> str:
    """The last sentence before a formula; if it is "Then" or "Hence", also what it follows."""
    parts = sentences(text)
    first = len(parts) - 1
    while first > 0 and characters(" ".join(parts[first:])) < SHORT:
        if characters(" ".join(parts[first - 1 :])) > CONTEXT:
            break
        first -= 1
    return " ".join(parts[first:])


def context_of(text: str, last: str) -> str:
    """What leads to a formula: the statement in bold, and the last words."""
    before = sentences(" ".join(text.split()).removesuffix(last))
    bold = [part for part in before if BOLD.search(part)][-1:]
    chosen = " ".join([*bold, last])
    return chosen if characters(chosen) <= CONTEXT + 60 else last


@dataclass
class Said:
    """A paragraph, and what of it no slide shows yet."""

    full: str
    rest: str


class Text:
    """Slides for the pieces of a text cell, one after the other."""

    def __init__(self, deck: Deck, heading: Slide | None = None) -> None:
        self.deck = deck
        self.heading = heading  # waits for the first words below it
        self.waiting: list[Said] = []  # paragraphs that no slide shows yet
        self.folded: list[str] = []  # what lies between <details> and </details>

    def add(self, blocks: list[Block]) -> None:
        """Make the slides."""
        for block in blocks:
            if self.folded or block.source.startswith("<details"):
                self.add_folded(block.source)
            elif block.kind == "paragraph":
                self.add_paragraph(block.source)
            elif block.kind == "heading":
                self.flush()
                self.heading = heading_slide(self.deck, block.source)
            elif block.kind == "math":
                self.add_formula(block.source)
            elif block.kind == "list":
                self.add_list(block.source)
            elif block.kind == "quote":
                self.flush()
                self.heading = None  # it stands in the corner
                add_quote(self.deck, block.source)
            else:
                self.flush()
                page = to_html(block.source)
                if block.kind == "table":
                    add_table(self.deck, page)
                else:
                    self.deck.add("points", page)
        self.flush()

    def add_paragraph(self, source: str) -> None:
        """Take a paragraph; the end of a formula's sentence goes to the formula."""
        self.waiting.append(Said(source, source))
        last = self.deck.slides[-1] if self.deck.slides else None
        first = sentences(source)[0]
        goes_on = source[0].islower() and len(self.waiting) == 1 and self.heading is None
        if goes_on and last and last.kind == "formula" and len(plain(first)) <= CONTEXT:
            last.body += paragraph(first)
            self.waiting[0].rest = " ".join(sentences(source)[1:])

    def add_folded(self, source: str) -> None:
        """Folded text goes to the notes, and a folded solution only where it is asked for."""
        self.folded.append(source)
        if "</details>" not in source:
            return
        self.flush()
        solution = re.search(r"<summary>\s*(Solution|Answer)", self.folded[0])
        if self.deck.solutions or not solution:
            self.deck.say(re.sub(r"</?details[^>]*>", "", "\n\n".join(self.folded)))
        self.folded = []

    def open(self, last: str = "") -> None:
        """The slide with the heading, and the first words below it.

        Args:
            last: the sentence that belongs to what follows.
        """
        if self.heading is None or not self.waiting:
            return
        slide, said = self.heading, self.waiting[0]
        text = said.rest.removesuffix(last).strip() if len(self.waiting) == 1 else said.rest
        if not text:
            return
        first = lead(text, CONTEXT)
        slide.body += paragraph(first)
        slide.notes.append(said.full)
        self.deck.slides.append(slide)
        self.heading = None
        self.waiting[0] = Said("", " ".join(said.rest.split()).removeprefix(first).strip())
        if not self.waiting[0].rest:
            self.waiting.pop(0)

    def flush(self) -> None:
        """Slides with the first sentences of the paragraphs that wait."""
        self.open()
        texts, self.waiting = [said for said in self.waiting if said.rest], []
        if sum(len(plain(said.rest)) for said in texts) > CAPTION:
            add_points(self.deck, texts)
        else:
            for said in texts:
                self.deck.say(said.full)

    def add_formula(self, tex: str) -> None:
        """A slide for a displayed formula, below the words that lead to it."""
        before = self.waiting[-1].rest if self.waiting else ""
        slide = self.deck.slides[-1] if self.deck.slides else None
        nothing_new = not self.heading and not any(said.rest for said in self.waiting)
        if slide and slide.kind == "formula" and nothing_new:
            slide.body += to_html(tex)  # the same sentence goes on
            slide.notes += [said.full for said in self.waiting]
            self.waiting = []
            return
        last = leading_to(before) if before else ""
        if self.heading and len(self.waiting) == 1:
            last = sentences(before)[-1]  # the rest opens the section
        context = context_of(before, last) if before else ""
        self.open(last)
        for said in self.waiting:
            self.deck.say(said.full)
        self.waiting = []
        heading = self.heading.body if self.heading else ""
        self.heading = None
        above = paragraph(context) if context else ""
        self.deck.add("formula", heading + above + to_html(tex))

    def add_list(self, source: str) -> None:
        """Slides with the items of a list; long ones are shortened and stand in the notes."""
        before = self.waiting[-1].rest if self.waiting else ""
        belongs = before.endswith(":") or (before.startswith("**") and before.endswith("**"))
        last = sentences(before)[-1] if belongs else ""
        self.open(last)
        if belongs and self.waiting:
            said = self.waiting.pop()
            rest = said.rest.removesuffix(last).strip()
            if rest:
                self.waiting.append(Said(said.full, rest))
        heading = self.heading.body if self.heading else ""
        if not heading:
            self.flush()
        self.heading = None
        short = {lead(item, 240): item for item in items_of(source)}
        for group in packed(list(short), TEXT + 60, characters):
            listed = "".join(f"<li>{inline(item)}</li>" for item in group)
            notes = [short[item] for item in group if short[item] != item]
            title = paragraph(last) if last else ""
            self.deck.add("points", f"{heading}{title}<ul>{listed}</ul>", *notes)


def add_points(deck: Deck, texts: list[Said]) -> None:
    """Slides with the first sentences of each paragraph; the paragraphs are the notes."""
    room = TEXT if len(texts) == 1 else TEXT // 2
    short = {lead(said.rest, room): said for said in texts}
    for group in packed(list(short), TEXT + 40, characters):
        if len(group) == 1:
            body = paragraph(group[0])
        else:
            body = "<ul>" + "".join(f"<li>{inline(item)}</li>" for item in group) + "</ul>"
        deck.add("points", body, *(short[item].full for item in group))


def add_quote(deck: Deck, source: str) -> None:
    """Slides for a block quote of one of the course's kinds."""
    text = inside_quote(source)
    match = QUOTE.match(text)
    if match is None:
        deck.add("points", to_html(source))
        return
    word, remark, topic = match[1], match[4], match[6]
    kind = KIND_CLASS[word]
    label = f'<p class="label">{word}{f" ({escape(remark)})" if remark else ""}</p>'
    heading = label + (f"<h3>{inline(topic)}</h3>" if topic else "")
    rest = text[match.end() :]
    if kind in ("deeper", "note"):
        Text(deck, Slide(kind, heading, deck.section)).add(blocks_of(rest))
    elif kind == "wrong":
        deck.add(kind, heading + paragraph(lead(rest, TEXT)), rest)
    else:
        add_question(deck, kind, heading, rest)


def add_question(deck: Deck, kind: str, heading: str, text: str) -> None:
    """A question with all of its words."""
    pieces = blocks_of(text)
    if any(piece.kind != "paragraph" for piece in pieces):
        deck.add(kind, heading + to_html(text))
        return
    words = [sentence for piece in pieces for sentence in sentences(piece.source)]
    for group in packed(words, TEXT + 100, characters):
        deck.add(kind, heading + paragraph(" ".join(group)))


def heading_slide(deck: Deck, source: str) -> Slide:
    """The slide that opens a section, still without words."""
    level = len(source) - len(source.lstrip("#"))
    title = source.lstrip("# ").strip()
    deck.section = title if level > 1 else ""
    minutes = deck.minutes.get(plain(title), "")
    kind = "title" if level == 1 else "section"
    notes = [f"*{minutes} minutes.*"] if minutes else []
    return Slide(kind, f"<h2>{inline(title)}</h2>", deck.section, notes)


def minutes_of(source: str) -> dict[str, str]:
    """The minutes of each section, from the table at the chapter's beginning."""
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for block in blocks_of(source)
        if block.kind == "table"
        for line in block.source.splitlines()
    ]
    return {plain(row[-2]): row[-1] for row in rows if len(row) > 1 and row[-1].isdigit()}


def add_text(deck: Deck, cell: NotebookNode, kind: str) -> None:
    """Slides for a text cell, or words to a slide that is there."""
    if kind in ("fragment", "notes"):
        along = next((slide for slide in reversed(deck.slides) if not slide.below), None)
        if along is None:
            return
        if kind == "fragment" and along.kind in ("table", "printed"):
            along.caption += to_html(cell.source)
        else:
            along.notes.append(cell.source)
        return
    first = len(deck.slides)
    Text(deck).add(blocks_of(cell.source))
    for slide in deck.slides[first:]:
        slide.below = kind == "subslide" and first > 0


# --- code and outputs -------------------------------------------------------------------------


def parts_of(source: str) -> list[str]:
    """Code in parts that fit on a slide, cut between statements where that is possible."""
    lines = source.strip("\n").splitlines()
    parts: list[list[str]] = []
    while lines:
        count = len(lines) if len(lines) <= CODE_LINES else best_cut(lines)
        parts.append(lines[:count])
        lines = lines[count:]
        while lines and not lines[0].strip():
            lines.pop(0)
    return ["\n".join(part).rstrip() for part in parts]


def best_cut(lines: list[str]) -> int:
    """After how many lines to cut: before a blank line, or else before a shallow one."""

    def cost(count: int) -> tuple[float, int]:
        line = lines[count]
        indent = len(line) - len(line.lstrip())
        closing = line.lstrip()[:1] in (")", "]", "}")
        rank = indent if line.strip() else -1
        return (rank + 100 * closing, -count)

    pieces = -(-len(lines) // CODE_LINES)
    even = -(-len(lines) // pieces)
    least = max(3, len(lines) - (pieces - 1) * CODE_LINES, even - 5)
    return min(range(min(least, CODE_LINES), CODE_LINES + 1), key=cost)


def add_code(deck: Deck, cell: NotebookNode, below: bool) -> None:
    """Slides with the code of a cell."""
    source = re.sub(r"^# @title.*\n", "", cell.source)
    parts = parts_of(source)
    for number, part in enumerate(parts, start=1):
        count = f'<p class="label">{number} of {len(parts)}</p>' if len(parts) > 1 else ""
        body = f'{count}<pre class="code"><code>{code_html(part)}</code></pre>'
        deck.add("code", body, below=below or number > 1)


def add_claims(deck: Deck, cell: NotebookNode) -> None:
    """A slide with the claims of a cell; if there are many, those refuted and the first."""
    claims = claims_of(cell)
    wrong = [claim for claim in claims if not claim["expected"]]
    right = [claim for claim in claims if claim["expected"]]
    kept = [*right[: max(1, CLAIMS_A_SLIDE - len(wrong))], *wrong][:CLAIMS_A_SLIDE]
    rows = "".join(map(claim_row, (claim for claim in claims if claim in kept)))
    more = len(claims) - len(kept)
    said = f"<p>And {more} more, in the notes.</p>" if more > 1 else ""
    said = "<p>And one more, in the notes.</p>" if more == 1 else said
    head = "<tr><th>Claim</th><th>predicted</th><th>measured</th><th></th></tr>"
    notes = [f"- {escape(claim['statement'])} {verdict(claim)}." for claim in claims]
    body = f'<h3>Predicted and measured</h3><table class="claims">{head}{rows}</table>{said}'
    deck.add("claims", body, "\n".join(notes), below=True)


RELATIONS = {"at_most": "≤ ", "at_least": "≥ ", "equal": "", "between": ""}


def number(value: float) -> str:
    """A number of a claim, with three digits."""
    return f"{value:.3g}".replace("e-0", "e-").replace("-", "−")


def verdict(claim: dict[str, Any]) -> str:
    """Whether a claim came out, in words."""
    if claim["holds"] == claim["expected"]:
        return "holds" if claim["holds"] else "refuted, as expected"
    return "holds, against expectation" if claim["holds"] else "does not hold"


def claim_row(claim: dict[str, Any]) -> str:
    """One line of the table of claims."""
    predicted = claim["predicted"]
    if isinstance(predicted, list):
        words = " to ".join(map(number, predicted))
    else:
        words = RELATIONS[claim["relation"]] + number(predicted)
    good = "good" if claim["holds"] == claim["expected"] else "bad"
    measured = "—" if claim["measured"] is None else number(claim["measured"])
    return (
        f"<tr><td>{escape(claim['statement'])}</td><td>{words}</td><td>{measured}</td>"
        f'<td class="{good}">{verdict(claim)}</td></tr>'
    )


def size_of(png: str) -> tuple[int, int]:
    """Width and height of a stored picture."""
    width, height = unpack(">II", base64.b64decode(png[:64])[16:24])
    return width, height


def add_output(deck: Deck, output: NotebookNode) -> None:
    """Slides with one output."""
    if output.output_type == "stream":
        add_printed(deck, output.text)
        return
    data = output.data
    page = data.get("text/html", "")
    if "course-explorer" in page:
        deck.add("explorer", f'<div class="explorer">{page}</div>')
    elif "course-quiz" in page:
        add_quiz(deck, page)
    elif "image/png" in data:
        add_figure(deck, output)
    elif "<table" in page:
        add_table(deck, page)
    else:
        add_printed(deck, data["text/plain"])


def add_printed(deck: Deck, text: str) -> None:
    """Slides with printed text; a long one goes on, cut at empty lines where it has any."""

    def height(part: str) -> int:
        return sum(1 + len(line) // PRINTED_WIDTH for line in part.splitlines() or [""])

    text = text.strip("\n")
    parts, between = [text], ""
    if height(text) > PRINTED_LINES:
        between = "\n\n" if "\n\n" in text else "\n"
        parts = text.split(between)
    for group in packed(parts, PRINTED_LINES, height):
        words = between.join(group)
        deck.add("printed", f'<pre class="printed">{text_html(words)}</pre>')


def add_figure(deck: Deck, output: NotebookNode) -> None:
    """A slide with a figure and nothing else."""
    png = "".join(output.data["image/png"].split())
    width, height = size_of(png)
    alt = escape(output.metadata.get("image/png", {}).get("alt", ""))
    size = f'width="{width}" height="{height}"'
    image = f'<img src="data:image/png;base64,{png}" alt="{alt}" {size}>'
    deck.add("figure" if width > 1.3 * height else "figure tall", image)


def units_of(rows: list[Tag]) -> Iterator[list[Tag]]:
    """Rows of a table that may not be torn apart: those under one heading."""
    rows = list(rows)
    while rows:
        spans = [int(str(cell.get("rowspan") or 1)) for cell in rows[0].find_all(["th", "td"])]
        count = max(spans, default=1)
        yield rows[:count]
        rows = rows[count:]


def lines_of(unit: list[Tag]) -> int:
    """About how many lines rows take on a slide."""
    return sum(1 + len(row.get_text()) // CHARACTERS_A_ROW for row in unit)


def add_class(tag: Tag, name: str) -> None:
    """Give an element one more class."""
    classes = [each for each in tag.get_attribute_list("class") if each]
    tag["class"] = " ".join([*classes, name])


def add_table(deck: Deck, page: str) -> None:
    """Slides with a table; a long one goes on under the same heading."""
    table = BeautifulSoup(page, "html.parser").table
    assert table is not None
    del table["border"]
    rows = table.tbody.find_all("tr") if table.tbody else []
    cells = [cell for row in rows for cell in row.find_all(["th", "td"])]
    for cell in table.find_all(["th", "td"]):
        if len(cell.get_text().split()) == 1:  # such as 1e-2, which has a hyphen
            add_class(cell, "word")
    if all(len(cell.get_text()) <= CHARACTERS_A_CELL for cell in cells):
        add_class(table, "short-cells")
    if table.tbody is None or not rows:
        deck.add("table", str(table))
        return
    for units in packed(list(units_of(rows)), ROWS, lines_of):
        table.tbody.clear()
        table.tbody.extend(row for unit in units for row in unit)
        deck.add("table", str(table))


def add_quiz(deck: Deck, page: str) -> None:
    """A slide for each question of a quiz; its answer stands in the notes."""
    quiz = BeautifulSoup(page, "html.parser")
    for answer in quiz.find_all("details"):
        asked = list(reversed(answer.find_previous_siblings()))
        question = [each for each in asked if each.name in ("p", "ol", "ul")][-2:]
        body = '<p class="label">Question</p>' + "".join(map(str, question))
        deck.add("quiz", body, answer.decode_contents())


def add_results(deck: Deck, cell: NotebookNode) -> None:
    """Slides with what a cell shows; beside a picture, printed words go to the notes."""
    outputs = shown(cell)
    pictures = [output for output in outputs if output.output_type != "stream"]
    for output in pictures or outputs:
        add_output(deck, output)
    for output in outputs:
        if pictures and output.output_type == "stream":
            deck.say(f"```\n{output.text.rstrip()}\n```")


def add_cell(deck: Deck, cell: NotebookNode, kind: str) -> None:
    """Slides for one cell of a slide type."""
    if kind == "skip":
        return
    if cell.cell_type == "markdown":
        add_text(deck, cell, kind)
        return
    if cell.cell_type != "code":
        return
    if kind == "notes":
        deck.say(f"```python\n{cell.source}\n```")
        return
    first = len(deck.slides)
    if claims_of(cell):
        add_claims(deck, cell)
    add_results(deck, cell)
    for slide in deck.slides[first:]:
        slide.below = kind != "slide" and first > 0
    if not folded(cell) or "solution" in tags_of(cell):
        add_code(deck, cell, below=kind != "slide" or len(deck.slides) > first)


def deck_of(notebook: NotebookNode, solutions: bool = False) -> Deck:
    """The deck of a chapter.

    Args:
        notebook: the chapter.
        solutions: whether the solutions of the exercises lie below their questions.
    """
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    title = next((t.splitlines()[0][2:] for t in texts if t.startswith("# ")), "Untitled")
    deck = Deck(title, minutes=minutes_of(texts[0]) if texts else {}, solutions=solutions)
    for cell, kind in zip(notebook.cells, slide_types(notebook), strict=True):
        solved = solutions and "solution" in tags_of(cell)
        add_cell(deck, cell, "subslide" if solved else kind)
    return deck


# --- HTML ---------------------------------------------------------------------------------------


def slide_html(slide: Slide) -> str:
    """One slide as reveal.js reads it."""
    head = f'<p class="running">{inline(slide.section)}</p>' if slide.kind != "section" else ""
    notes = "".join(notes_html(note) for note in slide.notes)
    aside = f'<aside class="notes">{notes}</aside>' if notes else ""
    caption = f'<div class="caption">{slide.caption}</div>' if slide.caption else ""
    return (
        f'<section class="{slide.kind}">{head}<div class="box"><div class="content">'
        f"{slide.body}{caption}</div></div>{aside}</section>"
    )


def columns(slides: list[Slide]) -> Iterator[list[Slide]]:
    """The slides of the argument, each with those that lie below it."""
    column: list[Slide] = []
    for slide in slides:
        if column and not slide.below:
            yield column
            column = []
        column.append(slide)
    if column:
        yield column


def slides_html(deck: Deck) -> str:
    """All slides of a deck."""
    return "\n".join(
        f"<section>\n{''.join(map(slide_html, column))}\n</section>"
        if len(column) > 1
        else slide_html(column[0])
        for column in columns(deck.slides)
    )
