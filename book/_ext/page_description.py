"""Each page describes itself to search engines by its first paragraph."""

from __future__ import annotations

from html import escape
from textwrap import shorten
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 160
DEFAULT = "Impediments to Learning: a hands-on course on why deep networks resist training."


def first_paragraph(document: nodes.document | None) -> str:
    """The page's first paragraph of its own (not in a box or a list), shortened."""
    if document is None:
        return DEFAULT
    for paragraph in document.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section) and not list(paragraph.findall(nodes.math)):
            return shorten(paragraph.astext(), LONGEST, placeholder=" …")
    return DEFAULT


def add_description(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    document: nodes.document | None,
) -> None:
    """Add the description to the page's head."""
    text = escape(first_paragraph(document))
    context["metatags"] = context.get("metatags", "") + (
        f'<meta name="description" content="{text}" />\n'
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point."""
    app.connect("html-page-context", add_description)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
