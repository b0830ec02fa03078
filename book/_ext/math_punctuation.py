"""A comma stays with its formula.

A browser may break a line between a formula and the mark that follows or opens it, so
that a line begins with a comma or ends with a bracket. Formula and marks are put into
one inline element, which the style sheet keeps on one line. A long formula must be
free to break, and stays as it is.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

BEFORE = re.compile(r"[(\[“‘]+$")
AFTER = re.compile(r"^\S+")
LONGEST = 25  # characters of TeX; narrower than a phone with any letters


def take(parent: nodes.Element, place: int, marks: re.Pattern[str]) -> str:
    """Cut the marks from the text at this place and return them."""
    text = parent[place] if 0 <= place < len(parent) else None
    found = marks.search(text.astext()) if isinstance(text, nodes.Text) else None
    if text is None or found is None:
        return ""
    words = text.astext()
    # By its place: docutils finds a text by its words, and so the first of two equal ones.
    parent[place] = nodes.Text(words[: found.start()] + words[found.end() :])
    return found[0]


class KeepPunctuation(SphinxTransform):
    """Join each inline formula of a page with the marks that touch it."""

    default_priority = 220

    def apply(self, **kwargs: Any) -> None:
        """Run on one page."""
        formulas = list(self.document.findall(nodes.math))
        for formula in (one for one in formulas if len(one.astext()) <= LONGEST):
            parent, place = formula.parent, formula.parent.index(formula)
            before = take(parent, place - 1, BEFORE)
            after = take(parent, place + 1, AFTER)
            if before or after:
                together = nodes.inline("", classes=["formula-with-marks"])
                formula.replace_self(together)
                together.extend([nodes.Text(before), formula, nodes.Text(after)])


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point."""
    app.add_transform(KeepPunctuation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
