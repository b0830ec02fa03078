"""What a notebook has stored, next to what the page shows of it.

myst-nb drops an output's metadata and the MIME types it does not know. The
extensions that need them read the notebook itself, through this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes

CLAIM = "application/vnd.course.claim+json"

Output = dict[str, Any]


def read_cells(path: str | Path) -> list[dict[str, Any]]:
    """The cells of a notebook; none for a page that is not a notebook."""
    if Path(path).suffix != ".ipynb":
        return []
    cells: list[dict[str, Any]] = json.loads(Path(path).read_text("utf-8"))["cells"]
    return cells


def displayed(cell: dict[str, Any]) -> list[Output]:
    """A cell's outputs that carry data (not printed text, not errors)."""
    kinds = ("display_data", "execute_result")
    return [out for out in cell.get("outputs", []) if out["output_type"] in kinds]


def is_cell(node: nodes.Node) -> bool:
    """Whether a node of a page is a code cell."""
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def is_bundle(node: nodes.Node) -> bool:
    """Whether a node of a page is one output, in all the forms it was stored in."""
    return isinstance(node, nodes.container) and node.get("nb_element") == "mime_bundle"


def bundles_with_outputs(
    document: nodes.document, path: str | Path
) -> Iterator[tuple[nodes.container, Output]]:
    """Each output shown on a page, with what the notebook stored for it.

    myst-nb makes one bundle for each stored output that it can show, in order; every
    output is stored with ``text/plain``, so all of them can be shown.
    """
    cells = read_cells(path)
    for cell in document.findall(is_cell):
        bundles = list(cell.findall(is_bundle))
        outputs = displayed(cells[cell["cell_index"]])
        if bundles:  # none where the outputs are hidden by a tag
            yield from zip(bundles, outputs, strict=True)
