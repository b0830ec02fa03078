"""The site: a page shows what its notebook holds, and what is broken stops the build."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag

from tests.site.demo_book import (
    ALT,
    ROOT,
    Result,
    build,
    chapter,
    claim,
    claim_cell,
    demonstration,
    figure_cell,
    write_book,
)

Soup = Callable[[str], BeautifulSoup]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A book of two chapters, one of which holds everything that a page may hold."""
    other = chapter(claim_cell(claim(id="ch03-demo")), title="# The other chapter")
    folder = tmp_path_factory.mktemp("demo") / "book"
    return build(write_book(folder, {"demo": demonstration(), "other": other}))


@pytest.fixture(scope="module")
def soup(demo: Result) -> Soup:
    """Parsed pages of the demonstration book, by name."""
    return lambda name: BeautifulSoup(demo.page(name), "html.parser")


def one(page: BeautifulSoup | Tag, selector: str) -> Tag:
    """The only element that a selector finds."""
    found = page.select(selector)
    assert len(found) == 1, f"{selector} finds {len(found)} elements"
    return found[0]


# ------------------------------------------------------------------ what a page shows


def test_a_clean_book_builds(demo: Result) -> None:
    assert demo.code == 0, demo.output


def test_marks_stay_with_their_formula(soup: Soup) -> None:
    joined = soup("book/demo").select("p .formula-with-marks")[0]
    for copy in joined.select(".katex-mathml, .katex-html"):
        copy.decompose()
    assert joined.get_text() == "(),"


def test_of_two_equal_marks_each_stays_at_its_place(soup: Soup) -> None:
    """The first formula is too long to be joined with its comma."""
    joined = soup("book/demo").select("p .formula-with-marks")[1]
    paragraph = joined.parent
    assert paragraph is not None
    for copy in paragraph.select(".katex-mathml, .katex-html"):
        copy.decompose()
    assert paragraph.get_text() == "Two commas: , ,  stay."
    assert joined.get_text() == ","


def test_every_kind_of_mathematics_is_rendered(demo: Result, soup: Soup) -> None:
    page = soup("book/demo")
    article = one(page, "article")
    assert len(article.select("div.math .katex-display")) == 5
    assert one(article, ".tag").get_text(strip=True).startswith("(2.1)")
    for place in ("li", "td", "div.course-note", "details"):
        assert article.select(f"{place} .katex"), f"no mathematics in {place}"
    for annotation in article.select("annotation"):
        annotation.decompose()  # KaTeX keeps the TeX for screen readers
    assert not re.search(r"\$|\\frac|\\sum|katex-error", article.get_text())


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("note", "Note"),
        ("predict", "Predict"),
        ("exercise", "Exercise 2.1"),
        ("wrong", "Widely repeated, and wrong"),
        ("deeper", "Going deeper"),
    ],
)
def test_block_quotes_become_boxes(soup: Soup, name: str, title: str) -> None:
    box = one(soup("book/demo"), f"div.admonition.course-{name}")
    assert one(box, ".admonition-title").get_text() == title


def test_nested_content_of_a_box_and_ordinary_quotes_stay(soup: Soup) -> None:
    page = soup("book/demo")
    note = one(page, "div.course-note")
    assert note.select("li .katex")
    assert note.select(".katex-display")
    assert one(page, "blockquote").get_text(strip=True).startswith("An ordinary quotation")


def test_alternative_text_reaches_the_page(soup: Soup) -> None:
    assert one(soup("book/demo"), "article img")["alt"] == ALT


def test_details_hold_mathematics_and_code(soup: Soup) -> None:
    details = one(soup("book/demo"), "article details:not([class])")
    assert details.select(".katex-display")
    assert 'print("in details")' in details.get_text()


def test_tagged_cells_are_folded(soup: Soup) -> None:
    page = soup("book/demo")
    set_up, solution = page.select(".tag_hide-cell details")
    assert "import course_utils" in set_up.get_text()
    assert set_up.select("summary")[0].get_text(strip=True).startswith("Set up")
    assert "answer = 43" in solution.get_text()
    assert solution.select("summary")[0].get_text(strip=True).startswith("Solution")
    assert "answer = 42" in one(page, ".tag_hide-input details").get_text()
    assert "0.501" in one(page, ".tag_hide-input .output").get_text()


def test_links_between_chapters_point_to_pages(soup: Soup) -> None:
    assert one(soup("book/demo"), "td a")["href"] == "other.html"


def test_the_notebook_can_be_downloaded_as_it_is(demo: Result, soup: Soup) -> None:
    buttons = soup("book/demo").select("a.btn-download-source-button")
    targets = {(demo.site / "book" / str(button["href"])).resolve() for button in buttons}
    source = demo.site.parents[1] / "book" / "demo.ipynb"
    assert [target.read_bytes() for target in targets] == [source.read_bytes()]


@pytest.mark.parametrize("name", ["book/intro", "book/demo", "book/reference/claims"])
def test_the_head_of_a_page_is_complete(soup: Soup, name: str) -> None:
    page = soup(name)
    assert one(page, "html")["lang"] == "en"
    assert "Impediments to Learning" in one(page, "title").get_text()
    assert len(str(one(page, 'meta[name="description"]')["content"])) > 10
    assert str(one(page, 'link[rel="icon"]')["href"]).endswith("favicon.svg")


@pytest.mark.parametrize("name", ["book/intro", "book/demo", "book/reference/claims", "search"])
def test_a_page_loads_nothing_from_elsewhere(demo: Result, soup: Soup, name: str) -> None:
    page = soup(name)
    # The canonical address of a published page is named, not loaded.
    tags = page.select("script, img, iframe, link:not([rel=canonical])")
    loaded = [tag.get("src") or tag.get("href") for tag in tags]
    assert not [address for address in loaded if address and re.match(r"(https?:)?//", address)]
    unwanted = "mathjax@|MathJax|require.js|html-manager|thebe|fontawesome.js"
    assert not re.search(unwanted, demo.page(name))


# -------------------------------------------------------------------------- claims


def test_claims_are_collected_by_chapter_with_links(soup: Soup) -> None:
    page = soup("book/reference/claims")
    titles = [title.get_text().rstrip("#¶") for title in page.select("article h2")]
    assert titles == ["A demonstration chapter", "The other chapter"]
    links = {str(link["href"]) for link in page.select("table.claims a[href*='#claim-']")}
    assert links == {f"../demo.html#claim-ch02-{each}" for each in ("demo", "wrong", "fails")} | {
        "../other.html#claim-ch03-demo"
    }
    for link in links:
        name, anchor = link.removeprefix("../").split(".html#")
        assert soup(f"book/{name}").find(id=anchor), f"{link} leads nowhere"


def test_a_failing_claim_is_shown_as_failing_in_words(soup: Soup) -> None:
    page = soup("book/reference/claims")
    failing = one(page, "table.claims tr.claim-fails")
    assert "This one fails." in failing.get_text()
    assert one(failing, ".claim-verdict").get_text() == "FAILS: does not hold"
    assert "FAIL: 1 (ch02-fails)" in one(page, "p.claims-summary.claim-fails").get_text()
    assert one(soup("book/demo"), ".claim.claim-fails")["id"] == "claim-ch02-fails"


def test_what_is_widely_repeated_and_wrong_stands_apart(soup: Soup) -> None:
    wrong = one(soup("book/reference/claims"), "table.claims-wrong")
    assert "Widely repeated, and wrong" in one(wrong, "caption").get_text()
    assert one(wrong, "tbody tr .claim-verdict").get_text() == "refuted"


def test_a_claim_in_its_chapter_is_text_that_wraps(soup: Soup) -> None:
    statement = one(soup("book/demo"), "#claim-ch02-demo")
    assert not statement.select("pre")
    assert "Holds (ch02-demo)" in statement.get_text()


# --------------------------------------------------------- what must stop the build


def failed_build(folder: Path, *cells: Any, title: str = "# Title\n\nText.") -> str:
    """What a build that must fail printed."""
    book = write_book(folder / "book", {"chapter": chapter(*cells, title=title)})
    result = build(book)
    assert result.code != 0, "the build is green"
    return result.output


@pytest.mark.parametrize(
    "formula",
    [r"$\frac{1}$", r"$\undefined{x}$", "$$\n\\label{here} x\n$$", "$x = é$"],
    ids=["unfinished", "unknown", "label", "not strict"],
)
def test_broken_tex_stops_the_build(tmp_path: Path, formula: str) -> None:
    output = failed_build(tmp_path, title=f"# Title\n\n{formula}\n")
    assert "in the formula:" in output


def test_a_link_to_a_missing_chapter_stops_the_build(tmp_path: Path) -> None:
    output = failed_build(tmp_path, title="# Title\n\n[Chapter 9](09_missing.ipynb)\n")
    assert "09_missing.ipynb" in output


def test_two_claims_with_one_id_stop_the_build(tmp_path: Path) -> None:
    output = failed_build(tmp_path, claim_cell(claim()), claim_cell(claim()))
    assert "ch02-demo is used 2 times" in output


def test_a_claim_without_a_field_stops_the_build(tmp_path: Path) -> None:
    cell = claim_cell(claim())
    for data in cell.outputs[0].data.values():
        if isinstance(data, dict):
            del data["tolerance"]
    assert "has no field tolerance" in failed_build(tmp_path, cell)


def test_a_figure_without_alternative_text_is_seen(tmp_path: Path) -> None:
    """The negative control of the test of alternative texts above."""
    book = write_book(tmp_path / "book", {"chapter": chapter(figure_cell(alt=None))})
    page = BeautifulSoup(build(book).page("book/chapter"), "html.parser")
    assert ALT not in str(one(page, "article img").get("alt", ""))


# --------------------------------------------------------------------- the real book


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The book itself."""
    return build(ROOT, output=tmp_path_factory.mktemp("book"))


def test_the_book_builds_and_holds_its_table_of_contents(book: Result) -> None:
    assert book.code == 0, book.output
    check = [sys.executable, str(ROOT / "tools" / "check_site.py"), str(book.site)]
    done = subprocess.run(check, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_a_teachers_page_links_to_the_cells_and_claims_that_it_names(book: Result) -> None:
    page = BeautifulSoup(book.page("book/teaching/chapter_05"), "html.parser")
    named = [code for code in page.select("article code") if "-" in code.get_text()]
    links = {code.get_text(): code.parent for code in named}
    assert "draw-rectangular" in links and "ch05-average" in links
    chapter = BeautifulSoup(book.page("book/05_glorot_and_kaiming"), "html.parser")
    for name, link in links.items():
        assert link is not None and link.name == "a", f"{name} is no link"
        where, anchor = str(link["href"]).split("#")
        assert where == "../05_glorot_and_kaiming.html"
        assert chapter.find(id=anchor), f"{name} leads nowhere"
