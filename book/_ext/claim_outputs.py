"""A claim in its chapter: a quiet line of text that wraps and can be linked to."""

from __future__ import annotations

from typing import Any

from claims import Claim
from docutils import nodes
from sphinx.application import Sphinx
from stored_outputs import CLAIM, bundles_with_outputs


def statement(claim: Claim, text: str) -> nodes.container:
    """The printed lines of a claim as ordinary text."""
    outcome = "claim-as-expected" if claim.as_expected else "claim-fails"
    lines = [nodes.paragraph("", line) for line in text.splitlines() if line.strip()]
    return nodes.container("", *lines, classes=["claim", outcome], ids=[claim.anchor])


def mark_claims(app: Sphinx, document: nodes.document) -> None:
    """Turn the ``text/plain`` of each claim on a page into a statement."""
    path = app.env.doc2path(app.env.docname)
    for bundle, output in bundles_with_outputs(document, path):
        if CLAIM not in output["data"]:
            continue
        claim = Claim(output["data"][CLAIM])
        for form in bundle.children:
            if form["mime_type"] == "text/plain":
                form.children = []
                form.append(statement(claim, "".join(output["data"]["text/plain"])))


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point."""
    app.connect("doctree-read", mark_claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
