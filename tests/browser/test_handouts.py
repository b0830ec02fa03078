"""Handouts: what is on the paper, read from the PDF."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell
from pypdf import PdfReader
from selenium.webdriver.chrome.webdriver import WebDriver

from tests.browser.browsing import ROOT, browser, chromium
from tests.site.demo_book import build, chapter, code_cell, demonstration, write_book
from tools import pdf

pytestmark = pytest.mark.skipif(
    chromium() is None,
    reason="there is no Chromium with its chromedriver here; `make system` installs them",
)

DEMO = pdf.Page("book/demo", "Chapters")
OTHER = pdf.Page("book/other", "Chapters")
CLAIMS = pdf.Page("book/reference/claims", "Reference")
LINKS = "See [the demonstration](demo.ipynb) and [a page](https://example.org/some/page)."


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small book, built, with an explorer of a real chapter."""
    real = nbformat.read(ROOT / "book" / "03_variance_growth.ipynb", as_version=4)
    explorer = next(cell for cell in real.cells if "explore-" in cell.id and cell.get("outputs"))
    stub = code_cell("stub = ...  # for you", *explorer.outputs[:0], tags=("exercise",))
    other = chapter(new_markdown_cell(LINKS), explorer, stub, title="# 3. Another & a last one")
    folder = tmp_path_factory.mktemp("book")
    result = build(write_book(folder / "b", {"demo": demonstration(), "other": other}))
    assert result.code == 0, result.output
    return result.site


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    """One browser for all tests of this module."""
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def folder(driver: WebDriver, site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A handout without solutions, one with them, and a book."""
    where = tmp_path_factory.mktemp("handouts")
    pdf.make(driver, [DEMO], where / "demo.pdf", False, site)
    pdf.make(driver, [DEMO], where / "solved.pdf", True, site)
    pdf.make(driver, [DEMO, OTHER, CLAIMS], where / "book.pdf", False, site)
    return where


def text_of(path: Path) -> str:
    """All words of a PDF, without the spaces that depend on the font."""
    return "".join("".join(page.extract_text() for page in PdfReader(path).pages).split())


def test_each_page_has_its_number_and_the_chapters_name(folder: Path) -> None:
    pages = PdfReader(folder / "demo.pdf").pages
    assert len(pages) >= 2
    for number, page in enumerate(pages, start=1):
        text = page.extract_text()
        assert f"{number} / {len(pages)}" in text
        assert "A demonstration chapter" in text.splitlines()[0]


def test_solutions_are_there_only_if_asked_for(folder: Path) -> None:
    plain, solved = text_of(folder / "demo.pdf"), text_of(folder / "solved.pdf")
    for solution in ("answer=43", "Hidden"):
        assert solution not in plain
        assert solution in solved
    for text in (plain, solved):
        assert "importcourse_utils" not in text  # the set-up
        assert "answer=42" not in text  # folded code


def test_formulas_are_set_and_not_printed_as_source(folder: Path) -> None:
    text = text_of(folder / "demo.pdf")
    assert "(2.1)" in text
    assert not re.search(r"\\(sum|eta|Delta|frac|begin)|\$", text)


def test_every_figure_is_there_and_says_what_it_shows(folder: Path) -> None:
    images = [image for page in PdfReader(folder / "demo.pdf").pages for image in page.images]
    assert [image.image.size for image in images if image.image] == [(640, 300)]
    assert b"A grey square that stands for a figure" in structure_of(folder / "demo.pdf")


def structure_of(path: Path) -> bytes:
    """The alternative texts of a tagged PDF."""
    reader = PdfReader(path)
    found = []
    for number in range(1, len(reader.xref[0]) + 1) if reader.xref else []:
        entry = reader.get_object(number)
        if isinstance(entry, dict) and "/Alt" in entry:
            found.append(str(entry["/Alt"]))
    return "\n".join(found).encode()


def test_an_explorer_stands_still_and_says_where_it_moves(folder: Path) -> None:
    text = text_of(folder / "book.pdf")
    assert "Moveitonthecourse’ssite,orinother.ipynb" in text.replace("'", "’")
    assert "stub=..." in text


def test_links_can_be_used_on_paper_and_in_the_file(folder: Path) -> None:
    reader = PdfReader(folder / "book.pdf")
    assert "apage(example.org/some/page)" in text_of(folder / "book.pdf")
    links = [note.get_object() for page in reader.pages for note in page.get("/Annots", [])]
    addresses = {link["/A"]["/URI"] for link in links if "/URI" in link.get("/A", {})}
    assert "https://example.org/some/page" in addresses
    assert not [address for address in addresses if address.startswith("file:")]


def test_the_book_has_contents_with_page_numbers_and_bookmarks(folder: Path) -> None:
    reader = PdfReader(folder / "book.pdf")
    contents = reader.pages[1].extract_text()
    titles = {"A demonstration chapter": DEMO, "3. Another & a last one": OTHER}
    for title, page in titles.items():
        first = int(re.search(re.escape(title) + r"\s*(\d+)", contents)[1])  # type: ignore[index]
        assert title in reader.pages[first - 1].extract_text().split("Impediments", 1)[1], page
    outline = [entry.title for entry in flat(reader.outline)]
    assert {"Contents", *titles} <= set(outline)
    assert "Mathematics" in outline


def flat(outline: list) -> Iterator:  # type: ignore[type-arg]
    """All bookmarks, of every level."""
    for entry in outline:
        if isinstance(entry, list):
            yield from flat(entry)
        else:
            yield entry


def test_what_would_be_cut_is_an_error(driver: WebDriver, tmp_path: Path) -> None:
    page = (
        '<!DOCTYPE html><style>body {width: 174mm; margin: 0 auto}</style><div class="page" id="x">'
    )
    wide = f'{page}<p style="width: 300mm">Words that run off.</p></div>'
    with pytest.raises(SystemExit, match='Too wide for the paper:\n  x: p "Words that run off'):
        pdf.printed(driver, wide, tmp_path / "draft.html")
    assert not list(tmp_path.iterdir())
    shrunk = f'{page}<table style="width: 220mm"><tr><td>1</td></tr></table></div>'
    made = pdf.printed(driver, shrunk, tmp_path / "draft.html")
    assert len(PdfReader(io.BytesIO(made)).pages) == 1


def test_without_chromium_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pdf, "chromium", lambda: None)
    with pytest.raises(SystemExit, match=r"There is no Chromium .* there are no handouts\.$"):
        pdf.main(["02", "--output", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_without_a_site_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="build the site with `make book`"):
        pdf.document([DEMO], site=tmp_path)
