"""The alternative text that is stored with a figure reaches the page.

A figure is stored with ``{"image/png": {"alt": "…"}}`` in its output's metadata.
myst-nb ignores it and would use the image's file name instead.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from stored_outputs import bundles_with_outputs


def add_alt_text(app: Sphinx, document: nodes.document) -> None:
    """Copy each stored alternative text to the image it belongs to."""
    path = app.env.doc2path(app.env.docname)
    for bundle, output in bundles_with_outputs(document, path):
        for form in bundle.children:
            stored = output.get("metadata", {}).get(form["mime_type"], {})
            for image in form.findall(nodes.image):
                if "alt" in stored:
                    image["alt"] = stored["alt"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point."""
    app.connect("doctree-read", add_alt_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
