"""Block quotes such as ``> **Note.** …`` become boxes.

A block quote is plain Markdown: it reads well in Colab, Jupyter and on GitHub.
On the site the quotes that open with one of the course's words get a title and a
class of their own (``course-note``, ``course-predict``, …). A number may follow the
word: ``> **Exercise 2.1.** …``.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

CLASSES = {
    "Note": "course-note",
    "Predict": "course-predict",
    "Exercise": "course-exercise",
    "Widely repeated, and wrong": "course-wrong",
    "Going deeper": "course-deeper",
}
TITLE = re.compile(rf"({'|'.join(CLASSES)})( \d[\d.]*)?\.")


def opening(quote: nodes.block_quote) -> nodes.strong | None:
    """The bold words that open a block quote, if it opens with bold words."""
    first = quote.children[0] if quote.children else None
    if not isinstance(first, nodes.paragraph):
        return None
    # The parser puts an empty Text node before the first element of a paragraph.
    content = [child for child in first.children if child.astext()]
    return content[0] if content and isinstance(content[0], nodes.strong) else None


def to_admonition(quote: nodes.block_quote) -> nodes.admonition | None:
    """The box that a block quote stands for, or None for an ordinary quote."""
    strong = opening(quote)
    match = TITLE.fullmatch(strong.astext()) if strong is not None else None
    if strong is None or match is None:
        return None
    title = nodes.title("", strong.astext().removesuffix("."))
    paragraph = strong.parent
    paragraph.remove(strong)
    remainder = next((child for child in paragraph.children if child.astext()), None)
    if remainder is None:
        quote.remove(paragraph)
    elif isinstance(remainder, nodes.Text):
        paragraph.replace(remainder, nodes.Text(remainder.astext().lstrip()))
    box = nodes.admonition("", title, *quote.children, classes=[CLASSES[match[1]]])
    box.source, box.line = quote.source, quote.line
    return box


class QuotesToAdmonitions(SphinxTransform):
    """Replace the course's block quotes on a page."""

    default_priority = 210

    def apply(self, **kwargs: Any) -> None:
        """Run on one page. Inner quotes are in the list too and keep their place."""
        for quote in list(self.document.findall(nodes.block_quote)):
            box = to_admonition(quote)
            if box is not None:
                quote.replace_self(box)


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point."""
    app.add_transform(QuotesToAdmonitions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
