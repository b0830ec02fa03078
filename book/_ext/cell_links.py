"""A code cell can be linked to by its id; the teacher's pages do so.

In ``book/teaching/`` a name in code type that is the id of a cell, or of a claim, of the
chapter that the page is about becomes a link to the place. A page is about the first
chapter that it links to.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from claims import Claim
from docutils import nodes
from sphinx.application import Sphinx
from stored_outputs import CLAIM, displayed, is_cell, read_cells

TEACHING = "book/teaching/"
CHAPTER = re.compile(r"\]\(\.\./(\w+)\.ipynb\)")


def anchor_of(cell_id: str) -> str:
    """The anchor of a cell on its page."""
    return str(nodes.make_id(f"cell-{cell_id}"))


def add_anchors(app: Sphinx, document: nodes.document) -> None:
    """Give each code cell of a chapter an anchor with its id."""
    cells = read_cells(app.env.doc2path(app.env.docname))
    for node in document.findall(is_cell):
        cell = cells[node["cell_index"]]
        if "id" in cell:
            node["ids"].append(anchor_of(cell["id"]))


def anchors_of(chapter: Path) -> dict[str, str]:
    """The anchors of a chapter's code cells and claims, by their ids."""
    found = {}
    for cell in read_cells(chapter):
        if cell["cell_type"] == "code":
            found[cell["id"]] = anchor_of(cell["id"])
            stored = [
                output["data"][CLAIM] for output in displayed(cell) if CLAIM in output["data"]
            ]
            found |= {claim["id"]: Claim(claim).anchor for claim in stored}
    return found


def add_links(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Turn the names of cells and claims on a teacher's page into links."""
    if not docname.startswith(TEACHING):
        return
    about = CHAPTER.search(Path(app.env.doc2path(docname)).read_text("utf-8"))
    if about is None:
        return
    chapter = f"book/{about[1]}"
    anchors = anchors_of(Path(app.env.doc2path(chapter)))
    page = app.builder.get_relative_uri(docname, chapter)
    for name in list(document.findall(nodes.literal)):
        anchor = anchors.get(name.astext())
        if anchor and not isinstance(name.parent, nodes.reference):
            link = nodes.reference("", "", internal=True, refuri=f"{page}#{anchor}")
            name.replace_self(link)
            link += name


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point."""
    app.connect("doctree-read", add_anchors)
    app.connect("doctree-resolved", add_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
