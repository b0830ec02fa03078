"""The count of pages turns red when a page is missing or too many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.check_site import main, problems

TOC = """
format: jb-book
root: book/intro
parts:
  - caption: Chapters
    chapters:
      - file: book/01_first.ipynb
        sections:
          - file: book/deeper
"""
PAGES = ("index", "search", "genindex", "book/intro", "book/01_first", "book/deeper")


@pytest.fixture
def toc(tmp_path: Path) -> Path:
    """A table of contents of three pages."""
    path = tmp_path / "_toc.yml"
    path.write_text(TOC, "utf-8")
    return path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site that matches it."""
    for page in (*PAGES, "_static/part"):
        path = tmp_path / "html" / f"{page}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<html></html>", "utf-8")
    return tmp_path / "html"


def test_a_matching_site_has_no_problems(toc: Path, site: Path) -> None:
    assert problems(toc, site) == []


def test_a_missing_page_is_named(toc: Path, site: Path) -> None:
    (site / "book" / "deeper.html").unlink()
    assert problems(toc, site) == ["missing: book/deeper.html, which _toc.yml lists"]


def test_a_page_too_many_is_named(toc: Path, site: Path) -> None:
    (site / "book" / "old.html").write_text("", "utf-8")
    assert problems(toc, site) == ["not in _toc.yml: book/old.html"]


def test_an_empty_site_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nothing")]) == 1
    assert "missing: book/intro.html" in capsys.readouterr().err
