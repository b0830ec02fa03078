"""A folded cell says what is in it.

Its title is the one that Colab shows, from a first line ``# @title …``; a cell tagged
``solution`` is called so. Others keep myst-nb's own words.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from stored_outputs import is_cell, read_cells

TITLE = re.compile(r"# @title +(.+?) *(\{.*\})?$", re.MULTILINE)


def title_of(cell: dict[str, Any]) -> str | None:
    """The title of a stored cell, if it has one."""
    found = TITLE.match("".join(cell["source"]))
    if found:
        return found[1]
    return "Solution" if "solution" in cell["metadata"].get("tags", []) else None


def name_folded_cells(app: Sphinx, document: nodes.document) -> None:
    """Put its title on each folded cell of a page."""
    cells = read_cells(app.env.doc2path(app.env.docname))
    for node in document.findall(is_cell):
        title = title_of(cells[node["cell_index"]]) if "hide_mode" in node else None
        if title:
            node["prompt_show"] = node["prompt_hide"] = title


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point."""
    app.connect("doctree-read", name_folded_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
