"""The page of all claims: the directive ``claims-table``.

It reads the outputs that are stored in the chapters of the table of contents, so
the page can only show what was measured. The table is written as HTML, because on a
phone each row becomes a small card and every cell must then name its column.
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from typing import Any

from claims import Claim
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from stored_outputs import CLAIM, displayed, read_cells

COLUMNS = ("Claim", "Predicted", "Measured", "Verdict")
ADDRESS = re.compile(r"https?://[^\s<>)\],;]*[^\s<>)\],;.]")

logger = logging.getLogger(__name__)


def claims_of(cells: list[dict[str, Any]]) -> list[Claim]:
    """The claims stored in a chapter, in its order."""
    stored = [out["data"].get(CLAIM) for cell in cells for out in displayed(cell)]
    return [Claim(data) for data in stored if data is not None]


def chapter_title(cells: list[dict[str, Any]], otherwise: str) -> str:
    """The first heading of a chapter, without its markup."""
    for cell in cells:
        found = re.search(r"^# +(.+)$", "".join(cell["source"]), re.MULTILINE)
        if cell["cell_type"] == "markdown" and found:
            return re.sub(r"[*_`$]", "", found[1]).strip()
    return otherwise


def linked(text: str) -> str:
    """Escaped text whose web addresses are links."""
    parts, end = [], 0
    for found in ADDRESS.finditer(text):
        address = escape(found[0])
        parts += [escape(text[end : found.start()]), f'<a href="{address}">{address}</a>']
        end = found.end()
    return "".join(parts) + escape(text[end:])


def row(claim: Claim, chapter: str) -> str:
    """One claim as a row; its statement links to the place in the chapter."""
    cells = (
        f'<a href="{chapter}#{claim.anchor}">{escape(str(claim.data["statement"]))}</a>'
        f'<span class="claim-source">{linked(str(claim.data["source"]))}</span>'
        f"<code>{escape(str(claim.data['id']))}</code>",
        f'<span class="claim-numbers">{escape(claim.prediction)}</span>',
        f'<span class="claim-numbers">{escape(claim.measurement)}</span>'
        f'<span class="claim-seeds">{claim.seeds}</span>',
        f'<strong class="claim-verdict">{escape(claim.verdict)}</strong>',
    )
    outcome = "claim-as-expected" if claim.as_expected else "claim-fails"
    columns = "".join(
        f'<td data-label="{label}"><div>{cell}</div></td>'
        for label, cell in zip(COLUMNS, cells, strict=True)
    )
    return f'<tr class="{outcome}">{columns}</tr>'


def table(claims: list[Claim], chapter: str, caption: str, kind: str) -> str:
    """A table of claims; an empty string where there are none."""
    if not claims:
        return ""
    head = "".join(f'<th scope="col">{label}</th>' for label in COLUMNS)
    body = "\n".join(row(claim, chapter) for claim in claims)
    return (
        f'<table class="claims {kind}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
    )


def summary(claims: list[Claim]) -> str:
    """How many claims there are, and loudly how many fail."""
    failing = [str(claim.data["id"]) for claim in claims if not claim.as_expected]
    held = sum(claim.as_expected and claim.believed for claim in claims)
    refuted = sum(claim.as_expected and not claim.believed for claim in claims)
    text = f"Claims: {len(claims)}. Hold: {held}. Refuted, as expected: {refuted}. "
    text += f"FAIL: {len(failing)} ({', '.join(failing)})." if failing else "Fail: none."
    outcome = "claim-fails" if failing else "claim-as-expected"
    return f'<p class="claims-summary {outcome}">{escape(text)}</p>'


class ClaimsTable(SphinxDirective):
    """One section for each chapter that makes claims."""

    def run(self) -> list[nodes.Node]:
        """Read the stored outputs of all chapters, in the order of their names."""
        self.env.note_reread()  # chapters may change while this page does not
        chapters = {
            docname: read_cells(self.env.doc2path(docname))
            for docname in sorted(self.env.found_docs)
        }
        claims = {docname: claims_of(cells) for docname, cells in chapters.items()}
        everything = [claim for found in claims.values() for claim in found]
        self.refuse_repeated_ids(everything)
        sections = [
            self.section(chapter_title(chapters[docname], docname), docname, found)
            for docname, found in claims.items()
            if found
        ]
        return [nodes.raw("", summary(everything), format="html"), *sections]

    def refuse_repeated_ids(self, claims: list[Claim]) -> None:
        """Two claims with one id could not be told apart."""
        for name, count in Counter(str(claim.data["id"]) for claim in claims).items():
            if count > 1:
                logger.warning("the claim id %s is used %d times", name, count)

    def section(self, title: str, docname: str, claims: list[Claim]) -> nodes.section:
        """A chapter's claims, and apart from them what is widely repeated and wrong."""
        chapter = self.env.app.builder.get_relative_uri(self.env.docname, docname)
        believed = [claim for claim in claims if claim.believed]
        wrong = [claim for claim in claims if not claim.believed]
        html = table(believed, chapter, "What the chapter claims", "claims-believed")
        html += table(wrong, chapter, "Widely repeated, and wrong", "claims-wrong")
        section = nodes.section("", nodes.title("", title))
        section["names"].append(nodes.fully_normalize_name(title))
        self.state.document.note_implicit_target(section, section)
        section += nodes.raw("", html, format="html")
        return section


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point."""
    app.add_directive("claims-table", ClaimsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
