"""Which Markdown survives in Colab, Jupyter, GitHub and on the site.

CommonMark, tables, ``$…$`` and ``$$…$$``, the course's five kinds of block quote,
``<details>``, fenced code, links to the web and to other chapters. All else is shown as
source in at least one of these places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ADMONITIONS = ("Note", "Predict", "Exercise", "Widely repeated, and wrong", "Going deeper")

FENCE = re.compile(r"^ *(`{3,}+|~{3,}+)(?!\{).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"(?<![`}])(`+)(?!`).+?(?<!`)\1(?!`)")

FORBIDDEN = {
    "a MyST directive": re.compile(r"^ *(`{3,}|~{3,})\{|^ *:::", re.MULTILINE),
    "a MyST role": re.compile(r"\{[a-zA-Z][\w:.+-]*\}`"),
    "a MyST target": re.compile(r"^ *\([\w:.-]+\)= *$", re.MULTILINE),
    "a MyST block break or comment": re.compile(r"^(\+\+\+|% )", re.MULTILINE),
    "a reference that only LaTeX resolves": re.compile(r"\\(label|eqref|ref|mbox|require)\b"),
    "an environment other than aligned": re.compile(
        r"\\begin\{(align|equation|eqnarray|gather|multline|flalign)\*?\}"
    ),
    "a link within the page": re.compile(r"\]\((?!https?:)[^)\s]*#"),
    "an HTML picture, style, script or frame": re.compile(
        r"<(img|style|script|iframe|svg)\b", re.IGNORECASE
    ),
    "a GitHub alert": re.compile(r"^ *> *\[!", re.MULTILINE),
}
MATHEMATICS = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]*)\)")
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|!?\[[^\]]*\](?:\([^)]*\))?)*\]\(<?([^)>\s]+)")
DEFINITION = re.compile(r"^ {0,3}\[[^\]^]+\]: *<?([^>\s]+)", re.MULTILINE)
WEB = ("https://", "http://", "mailto:")
SUMMARY = re.compile(r"<summary>.*?</summary>(.*\n?.*)", re.IGNORECASE)

ADMONITION = re.compile(rf"\*\*({'|'.join(ADMONITIONS)})( \d[\d.]*)?\.\*\*( \S.*)?")
WORDS = "|".join([*ADMONITIONS, "Warning", "Tip", "Caution", "Important", "Hint"])
NEAR_MISS = re.compile(
    rf"[*_]{{2}}|[*_]?({WORDS})[*_]?( \d[\d.]*)?[*_]?[.:!]",
    re.IGNORECASE,
)


def problems_in_markdown(source: str, folder: Path, badge: bool = False) -> list[str]:
    """What in a Markdown cell would break somewhere.

    Args:
        source: the text of the cell.
        folder: where the chapter lies; relative links start there.
        badge: whether the cell is only for Colab and may show Colab's own badge.
    """
    prose = INLINE_CODE.sub("code", FENCE.sub("", source))
    problems = [name for name, pattern in FORBIDDEN.items() if pattern.search(prose)]
    problems += problems_in_quotes(prose)
    problems += problems_in_links(prose, folder)
    for target in PICTURE.findall(prose):
        if not (badge and target.startswith("https://")):
            problems.append(f"a picture that is not an output: {target}")
    for match in SUMMARY.finditer(prose):
        if match[1].strip():
            problems.append("a <summary> without a blank line after it")
    if prose.lower().count("<summary") > len(SUMMARY.findall(prose)):
        problems.append("a <summary> that does not end on its line")
    return problems


def problems_in_links(prose: str, folder: Path) -> Iterator[str]:
    """Relative links that lead nowhere."""
    prose = MATHEMATICS.sub("", prose)
    for target in LINK.findall(prose) + DEFINITION.findall(prose):
        if target.startswith(WEB) or "#" in target:
            continue
        if target.startswith("/") or not (folder / target).is_file():
            yield f"a link to a file that does not exist: {target}"


def problems_in_quotes(prose: str) -> Iterator[str]:
    """Block quotes that look like one of the course's kinds, but are not written so."""
    before = ""
    for line in prose.splitlines():
        opens = line.lstrip().startswith(">") and not before.lstrip().startswith(">")
        before = line
        if not opens:
            continue
        text = line.lstrip()[1:]
        written = text.startswith(" ") and ADMONITION.fullmatch(text[1:].rstrip())
        if NEAR_MISS.match(text.strip()) and not written:
            yield f"a block quote that is nearly a box (write > **Note.** …): {line.strip()[:40]}"
