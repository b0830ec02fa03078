"""What a chapter is, as a file: where chapters lie, their setup cell, the metadata they keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
CHAPTER_NAME = "[0-9][0-9]_*.ipynb"
CHECK_YOURSELF = "check_yourself.ipynb"  # comes before chapter 1, and is number 00

NOTEBOOK_METADATA: dict[str, Any] = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

# What a cell may keep in its metadata; editors and kernels leave more.
CELL_METADATA = ("tags", "cellView", "jupyter", "slideshow")

SETUP_ID = "set-up"
SETUP_METADATA: dict[str, Any] = {
    "cellView": "form",
    "jupyter": {"source_hidden": True},
    "tags": ["hide-cell", "nbval-ignore-output"],
}

CLAIM_MIME = "application/vnd.course.claim+json"
CHECK_MIME = "application/vnd.course.check+json"


def setup_source() -> str:
    """The setup cell of every chapter: the text of tools/setup_cell.py."""
    return (ROOT / "tools" / "setup_cell.py").read_text(encoding="utf-8").rstrip("\n")


def number_of(chapter: Path) -> str:
    """The number of a chapter, as its claims and exercises have it: ``02``."""
    return "00" if chapter.name == CHECK_YOURSELF else chapter.name[:2]


def find(chapters: Sequence[str] = (), book: Path = BOOK) -> list[Path]:
    """The chapters asked for, by number (``02``) or by path; all of them if none is named.

    ``00`` is the page on which learners check themselves.

    Raises:
        SystemExit: if there is no such chapter.
    """
    everything = [*book.glob(CHECK_YOURSELF), *sorted(book.glob(CHAPTER_NAME))]
    if not chapters:
        return everything
    found = []
    for chapter in chapters:
        if chapter.isdigit():
            matches = [path for path in everything if number_of(path) == f"{int(chapter):02d}"]
        else:
            matches = [Path(chapter)]
        if len(matches) != 1 or not matches[0].is_file():
            raise SystemExit(f"There is no chapter {chapter!r} in {book.name}/.")
        found.append(matches[0].resolve())
    return found
