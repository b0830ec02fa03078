"""Markdown of a chapter as HTML that needs no script: for slides.

The mathematics is rendered by the same KaTeX as on the site (``book/_ext/strict_katex.py``),
and broken TeX is an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any, TypeVar

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from tools.chapters import BOOK

sys.path.append(str(BOOK / "_ext"))
from strict_katex import Renderer

KATEX = Renderer()
T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """A top-level piece of a text cell: its kind and its Markdown."""

    kind: str  # heading, paragraph, math, quote, list, table, fence, html
    source: str


KINDS = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "math_block": "math",
    "blockquote_open": "quote",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "table_open": "table",
    "fence": "fence",
    "html_block": "html",
}


@cache
def formula(tex: str, display: bool, output: str) -> str:
    """A formula in KaTeX's output ``htmlAndMathml``, or ``mathml`` alone."""
    page: str = KATEX.render(tex.strip(), {"displayMode": display, "output": output})
    # Without a font for mathematics Chromium draws MathML's accents into the letter below.
    return page.replace(' accent="true"', "") if output == "mathml" else page


# A comma stays with its formula, as on the site (book/_ext/math_punctuation.py).
OPENING, CLOSING = re.compile(r"[(\[“‘]+$"), re.compile(r"^[^\s]+")
LONGEST = 50  # characters of TeX; a longer formula must be free to break


def keep_together(state: StateCore) -> None:
    """Join each inline formula with the marks that touch it."""
    for paragraph in state.tokens:
        children = paragraph.children or []
        for place, token in enumerate(children):
            if token.type != "math_inline" or len(token.content) > LONGEST:
                continue
            before = children[place - 1] if place else None
            after = children[place + 1] if place + 1 < len(children) else None
            marks = [take(before, OPENING), take(after, CLOSING)]
            token.meta["marks"] = marks


def take(token: Token | None, marks: re.Pattern[str]) -> str:
    """Cut the marks from the text beside a formula and return them."""
    found = marks.search(token.content) if token and token.type == "text" else None
    if token is None or found is None:
        return ""
    token.content = token.content[: found.start()] + token.content[found.end() :]
    return found[0]


def parser(output: str) -> MarkdownIt:
    """CommonMark with tables and mathematics between dollars, as chapters are written."""

    def block(tex: str, options: dict[str, bool]) -> str:
        """What stands for a formula."""
        return formula(tex, options["display_mode"], output)

    def inside(self: RendererHTML, tokens: Sequence[Token], n: int, *_: Any) -> str:
        """What stands for a formula in a line, between its marks."""
        before, after = tokens[n].meta.get("marks", ("", ""))
        drawn = f"{escape(before)}{formula(tokens[n].content, False, output)}{escape(after)}"
        return f'<span class="together">{drawn}</span>' if before or after else drawn

    made = MarkdownIt("commonmark", {"html": True}).enable("table")
    made.use(dollarmath_plugin, allow_labels=False, renderer=block)
    made.core.ruler.push("keep_together", keep_together)
    made.add_render_rule("math_inline", inside)
    return made


PARSER = parser("htmlAndMathml")
# The window with the speaker's notes has no style sheet; a browser draws MathML without one.
PLAIN_PARSER = parser("mathml")


def blocks_of(source: str) -> list[Block]:
    """The top-level pieces of a text, in order."""
    lines = source.splitlines()
    return [
        Block(KINDS[token.type], "\n".join(lines[token.map[0] : token.map[1]]).strip())
        for token in PARSER.parse(source)
        if token.level == 0 and token.map and token.type in KINDS
    ]


def items_of(source: str) -> list[str]:
    """The Markdown of each item of a list, without its marker."""
    parsed = [t for t in PARSER.parse(source) if t.type == "list_item_open" and t.level == 1]
    lines = source.splitlines()
    items = ["\n".join(lines[t.map[0] : t.map[1]]) for t in parsed if t.map]
    return [re.sub(r"^\s*([-*+]|\d+[.)])\s+", "", item).strip() for item in items]


def inside_quote(source: str) -> str:
    """The Markdown inside a block quote."""
    return re.sub(r"^ *> ?", "", source, flags=re.MULTILINE)


LINK = re.compile(r'<a href="(?!https?:|mailto:)([^"#]*?)(\.ipynb|\.md)(#[^"]*)?">(.*?)</a>')


def local_links(page: str) -> str:
    """Links to other chapters lead to their decks; other pages of the book are only named."""

    def local(match: re.Match[str]) -> str:
        target, suffix, _, words = match.groups()
        chapter = suffix == ".ipynb" and re.fullmatch(r"\d\d_\w+", target)
        return f'<a href="{target}.html">{words}</a>' if chapter else words

    return LINK.sub(local, page)


def to_html(source: str) -> str:
    """Markdown as HTML."""
    return local_links(PARSER.render(source))


def notes_html(source: str) -> str:
    """Markdown as HTML that needs no style sheet."""
    return local_links(PLAIN_PARSER.render(source))


def inline(source: str) -> str:
    """The Markdown of a line as HTML: no heading, list or paragraph is seen in it."""
    return local_links(PARSER.renderInline(" ".join(source.split())))


def plain(source: str) -> str:
    """About what a reader sees of a text, to measure its length."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", source)
    text = re.sub(r"\\(text|mathrm|mathbb|operatorname)\b|\\[,;:!]|[{}]", "", text)
    text = re.sub(r"\\[a-zA-Z]+", "x", text)
    return re.sub(r"[*`$_^]", "", text)


SENTENCE = re.compile(r"(?<=[.?!:…])([\"”’)*_]{0,3}) +(?=[\"“‘(*_`\[]{0,3}[A-ZΑ-Ω½0-9$])")
ABBREVIATION = re.compile(r"\b(al|cf|vs|e\.g|i\.e|Fig|fig|Eq|eq|no|p|pp|St|[A-Z])\.$")
FORMULA = re.compile(r"\$[^$]+\$|`[^`]+`")


def whole(text: str) -> bool:
    """Whether no emphasis, bracket or quotation is left open."""
    bare = FORMULA.sub("", text)
    stars = bare.replace("**", "")
    return (
        bare.count("**") % 2 == 0
        and stars.count("*") % 2 == 0
        and bare.count("(") == bare.count(")")
        and bare.count("“") == bare.count("”")
        and bare.count('"') % 2 == 0
    )


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph; formulas and emphasis are never cut."""
    text = " ".join(paragraph.split())
    hidden: list[str] = []

    def hide(match: re.Match[str]) -> str:
        hidden.append(match[0])
        return f"${len(hidden) - 1}$"

    masked = FORMULA.sub(hide, text)
    found, begin = [], 0
    for match in SENTENCE.finditer(masked):
        piece = masked[begin : match.end()].strip()
        if whole(piece) and not ABBREVIATION.search(masked[begin : match.start()]):
            found.append(piece)
            begin = match.end()
    found.append(masked[begin:].strip())
    show = re.compile(r"\$(\d+)\$")
    return [show.sub(lambda m: hidden[int(m[1])], piece) for piece in found if piece]


ALL_EMPHASISED = re.compile(r"(\*+|_+)[^*_]+\1\W?")
SHORT = 60  # characters: fewer seldom say anything by themselves
MORE = 160  # characters beyond the limit, where the words would end in the air


def dangles(sentence: str) -> bool:
    """Whether a sentence waits for the next: a question, a colon, a heading within the line."""
    return sentence.rstrip('*_”"').endswith(("?", ":")) or bool(ALL_EMPHASISED.fullmatch(sentence))


def lead(paragraph: str, at_most: int, at_least: int | None = None) -> str:
    """The first sentences of a paragraph: one at least, and more while there is room.

    It does not end with words that the next sentence answers, and it is not only a few words.

    Args:
        paragraph: the text.
        at_most: characters, unless the words would end in the air.
        at_least: from how many characters on it may end; two thirds of ``at_most`` by default.
    """
    enough = 2 * at_most // 3 if at_least is None else at_least
    parts = sentences(paragraph)
    count = 1
    while count < len(parts):
        taken, longer = " ".join(parts[:count]), " ".join(parts[: count + 1])
        in_the_air = dangles(parts[count - 1])
        more = MORE * (in_the_air or characters(taken) < SHORT)
        if characters(longer) > at_most + more:
            count -= in_the_air and count > 1
            break
        if characters(taken) >= enough and not in_the_air:
            break
        count += 1
    return " ".join(parts[:count])


def characters(text: str) -> int:
    """How long a text looks."""
    return len(plain(text))


def packed(pieces: Sequence[T], at_most: int, size: Callable[[T], int]) -> list[list[T]]:
    """Pieces in as few groups as possible, and these as equal as possible.

    Args:
        pieces: what is packed, in order; one that is too large is alone in its group.
        at_most: the size of a group.
        size: the size of a piece.
    """
    sizes = [size(piece) for piece in pieces]
    # Of the first pieces, none, one, two and so on: how many groups, the sum of the squares
    # of their sizes, and where they end.
    best: list[tuple[int, int, list[int]]] = [(0, 0, [])]
    for end in range(1, len(sizes) + 1):
        ways = []
        for start in range(end):
            filled = sum(sizes[start:end])
            if filled <= at_most or start == end - 1:
                count, squares, ends = best[start]
                ways.append((count + 1, squares + filled**2, [*ends, end]))
        best.append(min(ways))
    ends = best[-1][2]
    return [list(pieces[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def code_html(source: str) -> str:
    """Python with its syntax in colour, by classes."""
    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))


def text_html(text: str) -> str:
    """Printed text as it stands."""
    return escape(text.rstrip())
