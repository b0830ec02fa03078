"""Make handouts from the built site: a PDF of each chapter, and one of the whole book.

    python -m tools.pdf                 all of them, in _build/handouts
    python -m tools.pdf 05              one chapter
    python -m tools.pdf --solutions     with the solutions of the exercises

A handout holds the text, formulas, tables, claims and figures of a page. It leaves out
what only a screen can use: the set-up, folded code, and sliders, which stand in their first
position. Chromium prints it; what does not fit the width of the paper is made smaller, and
what would still be cut is an error.
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import yaml  # type: ignore[import-untyped]
from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader
from selenium.webdriver.chrome.webdriver import WebDriver

from tools.chapters import CHECK_YOURSELF, ROOT, find
from tools.check_site import pages_in
from tools.chromium import MISSING, browser, chromium
from tools.run import write_whole

SITE = ROOT / "_build" / "html"
OUTPUT = ROOT / "_build" / "handouts"
ASSETS = Path(__file__).parent / "assets"
BOOK_NAME = "impediments_to_learning"


@dataclass(frozen=True)
class Page:
    """A page of the book: its name in the table of contents, and the part it belongs to."""

    name: str
    part: str = ""

    @property
    def key(self) -> str:
        """Its file's name without the ending."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def anchor(self) -> str:
        """What its anchors begin with, and the name of its kind of paper in CSS."""
        return f"page-{self.key}"


def config() -> dict[str, Any]:
    """The site's configuration."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    return read


def pages_of_book() -> list[Page]:
    """All pages in the order of the table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    pages = [Page(toc["root"])]
    for part in toc["parts"]:
        pages += [Page(name, part["caption"]) for name in pages_in(part["chapters"])]
    return pages


# --- what is printed -------------------------------------------------------------------------


def article_of(page: Page, solutions: bool, site: Path = SITE) -> Tag:
    """The text of a built page as it is printed, with anchors that are its own."""
    path = site / f"{page.name}.html"
    if not path.is_file():
        raise SystemExit(
            f"There is no {page.name}.html in {site}: build the site with `make book`."
        )
    article = BeautifulSoup(path.read_text("utf-8"), "html.parser").find("article")
    assert isinstance(article, Tag)
    for unwanted in article.select("a.headerlink, script, style, .course-controls, button"):
        unwanted.decompose()
    for image in article.find_all("img"):
        if not str(image["src"]).startswith("data:"):
            image["src"] = (path.parent / str(image["src"])).resolve().as_uri()
    leave_out(article, solutions)
    stand_still(article, page)
    for element in article.find_all(id=True):
        element["id"] = f"{page.anchor}--{element['id']}"
    return article


def leave_out(article: Tag, solutions: bool) -> None:
    """Take out the set-up, folded code, what stubs print, and solutions unless asked for."""
    for cell in article.select("div.cell"):
        classes = cell.get_attribute_list("class")
        if "tag_solution" in classes:
            show_solution(cell) if solutions else cell.decompose()
        elif "tag_hide-cell" in classes:
            cell.decompose()
        elif "tag_hide-input" in classes:
            for code in cell.select("details:has(.cell_input)"):
                code.decompose()
        elif "tag_exercise" in classes:
            for output in cell.select(".cell_output"):
                output.decompose()
    for details in article.find_all("details"):
        summary = details.find("summary")
        words = summary.get_text().strip().lower() if summary else ""
        if words.startswith(("solution", "answer")) and not solutions:
            details.decompose()
        else:
            details["open"] = ""


def show_solution(cell: Tag) -> None:
    """Unfold a solution: its code, under a heading, without the line that folds it in Colab."""
    cell["class"] = "cell solution"
    for folded in cell.find_all("details"):
        label = BeautifulSoup('<p class="label">Solution</p>', "html.parser")
        code = [each.extract() for each in folded.select(".cell_input")]
        for comment in (c for one in code for c in one.select(".c1")):
            if comment.get_text().startswith("# @title"):
                comment.decompose()
        for one in code:
            for pre in one.find_all("pre"):
                first = pre.find(string=lambda text: text == "\n")
                if first is not None:
                    first.extract()
        folded.replace_with(label, *code)


def stand_still(article: Tag, page: Page) -> None:
    """An explorer becomes its first picture, with a word on where it moves."""
    address = str(config()["sphinx"]["config"].get("html_baseurl") or "")
    where = urljoin(address, f"{page.name}.html") if address else ""
    note = f"at {where}" if where else f"on the course's site, or in {page.key}.ipynb"
    for explorer in article.select(".course-explorer"):
        explorer["class"] = "picture"
        say = BeautifulSoup(f'<p class="address">Move it {escape(note)}.</p>', "html.parser")
        explorer.append(say)


def link(article: Tag, page: Page, pages: Sequence[Page]) -> None:
    """Links as paper can use them: to pages of this PDF, to the web with their address."""
    base = str(config()["sphinx"]["config"].get("html_baseurl") or "")
    inside = {f"{each.name}.html": each for each in pages}
    for anchor in article.find_all("a", href=True):
        target = str(anchor["href"])
        if target.startswith(("http:", "https:")):
            show_address(anchor, target)
            continue
        path, _, mark = urljoin(f"/{page.name}.html", target).lstrip("/").partition("#")
        to = inside.get(path)
        if to is not None:
            anchor["href"] = f"#{to.anchor}--{mark}" if mark else f"#{to.anchor}"
        elif base and not target.startswith("#"):
            anchor["href"] = urljoin(base, path + (f"#{mark}" if mark else ""))
        else:
            anchor.unwrap()


def show_address(anchor: Tag, target: str) -> None:
    """Print a web address behind a link whose words do not say it."""
    short = target.split("://", 1)[1].removeprefix("www.").rstrip("/")
    words = anchor.get_text()
    if not any(sign in words for sign in ("arXiv:", "doi:", short.split("/")[0])):
        shown = BeautifulSoup(f'<span class="address"> ({escape(short)})</span>', "html.parser")
        anchor.insert_after(shown)


def title_of(article: Tag) -> str:
    """The heading of a page, as plain text."""
    heading = article.find("h1")
    return "" if heading is None else plain_text(heading)


def plain_text(element: Tag) -> str:
    """The words of an element; a formula is read from its MathML, not twice."""
    copy = BeautifulSoup(str(element), "html.parser")
    for drawn in copy.select(".katex-html, annotation"):
        drawn.decompose()
    return " ".join(copy.get_text().split())


def quoted(text: str) -> str:
    """A text as a string of CSS."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def page_style(name: str, title: str, book: str) -> str:
    """Header and footer of the pages of one chapter."""
    small = 'color: #51606d; font: 8pt "Noto Sans", "Liberation Sans", "DejaVu Sans", sans-serif;'
    left = f"@top-left {{ content: {quoted(title)}; {small} }}"
    right = f"@top-right {{ content: {quoted(book)}; {small} }}"
    number = f'@bottom-center {{ content: counter(page) " / " counter(pages); {small} }}'
    return f"@page {name} {{ {left} {right} {number} }}\n.{name} {{ page: {name}; }}"


@dataclass
class Entry:
    """A line of the contents."""

    kind: str  # part, chapter or section
    words: str
    target: str = ""


def contents(pages: Sequence[Page], articles: Sequence[Tag]) -> Iterator[Entry]:
    """Parts, pages, and the sections of pages."""
    part = ""
    for page, article in zip(pages, articles, strict=True):
        if page.part != part:
            part = page.part
            yield Entry("part", part)
        yield Entry("chapter", title_of(article), page.anchor)
        for heading in article.select("section > section > h2"):
            section = heading.parent
            if section is not None and section.get("id"):
                yield Entry("section", plain_text(heading), str(section["id"]))


def contents_html(entries: Sequence[Entry], numbers: dict[str, int]) -> str:
    """The contents, with page numbers as far as they are known."""
    rows = []
    for entry in entries:
        words = escape(entry.words)
        if entry.target:
            number = numbers.get(entry.target, "")
            words = (
                f'<a href="#{entry.target}"><span>{words}</span>'
                f'<span class="dots"></span><span>{number}</span></a>'
            )
        rows.append(f'<li class="{entry.kind}">{words}</li>')
    return f'<nav class="front"><h1>Contents</h1><ol>{"".join(rows)}</ol></nav>'


def document(
    pages: Sequence[Page],
    solutions: bool = False,
    site: Path = SITE,
    numbers: dict[str, int] | None = None,
) -> str:
    """The page that Chromium prints: one chapter, or the book with a cover and contents."""
    settings = config()
    book, whole = str(settings["title"]), len(pages) > 1
    articles = [article_of(page, solutions, site) for page in pages]
    for page, article in zip(pages, articles, strict=True):
        link(article, page, pages)
    titles = [title_of(article) for article in articles]
    styles = [
        page_style(page.anchor, title, book) for page, title in zip(pages, titles, strict=True)
    ]
    front = ""
    if whole:
        styles.append(page_style("front", "", book))
        cover = f"<h1>{escape(book)}</h1><p>{escape(settings['author'])}</p>"
        kept = "With the solutions of the exercises." if solutions else ""
        cover += f"<p>{kept}</p><p>Text and figures: CC BY 4.0. Code: MIT.</p>"
        entries = list(contents(pages, articles))
        front = f'<div class="cover">{cover}</div>{contents_html(entries, numbers or {})}'
    bodies = "\n".join(
        f'<div class="page {page.anchor}" id="{page.anchor}">{article.decode_contents()}</div>'
        for page, article in zip(pages, articles, strict=True)
    )
    sheets = [site / "_static" / name for name in ("katex/katex.min.css", "pygments.css")]
    links = "".join(f'<link rel="stylesheet" href="{s.resolve().as_uri()}">' for s in sheets)
    style = (ASSETS / "handout.css").read_text("utf-8") + "\n".join(styles)
    return (
        f'<!DOCTYPE html>\n<html lang="en" data-theme="light"><head><meta charset="utf-8">{links}'
        f"<title>{escape(book if whole else titles[0])}</title><style>{style}</style></head>"
        f"<body>{front}{bodies}</body></html>\n"
    )


# --- printing ------------------------------------------------------------------------------


def printed(driver: WebDriver, page: str, draft: Path) -> bytes:
    """The PDF of a page.

    Raises:
        SystemExit: if something would be cut at the edge of the paper.
    """
    draft.write_text(page, "utf-8")
    try:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        driver.set_script_timeout(300)
        driver.get(draft.resolve().as_uri())
        cut = driver.execute_script((ASSETS / "paper.js").read_text("utf-8"))
        if cut:
            raise SystemExit("Too wide for the paper:\n  " + "\n  ".join(cut))
        wish = {
            "preferCSSPageSize": True,
            "printBackground": True,
            "generateTaggedPDF": True,
            "generateDocumentOutline": True,
        }
        answer = driver.execute_cdp_cmd("Page.printToPDF", wish)
    finally:
        draft.unlink(missing_ok=True)
    return base64.b64decode(answer["data"])


def page_numbers(pdf: bytes) -> dict[str, int]:
    """On which page each anchor lies that a link leads to."""
    reader = PdfReader(io.BytesIO(pdf))
    return {
        name.lstrip("/"): (reader.get_destination_page_number(place) or 0) + 1
        for name, place in reader.named_destinations.items()
    }


def make(driver: WebDriver, pages: Sequence[Page], path: Path, solutions: bool, site: Path) -> None:
    """Print pages into one file; the book twice, because its contents need page numbers."""
    draft = path.with_name(f".{path.stem}.draft.html")
    pdf = printed(driver, document(pages, solutions, site), draft)
    if len(pages) > 1:
        pdf = printed(driver, document(pages, solutions, site, page_numbers(pdf)), draft)
    write_whole(path, pdf)
    count = len(PdfReader(io.BytesIO(pdf)).pages)
    print(f"{path.name}: {count} pages, {len(pdf) / 1e6:.1f} MB", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 if every handout was written."""
    parser = argparse.ArgumentParser(prog="tools.pdf", description="Handouts as PDF.")
    parser.add_argument(
        "chapter", nargs="*", help="a number such as 05; none means all, and a book"
    )
    parser.add_argument("--solutions", action="store_true", help="print the solutions too")
    parser.add_argument("--site", type=Path, default=SITE, help="the built site")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the folder for the handouts")
    options = parser.parse_args(arguments)
    if chromium() is None:
        raise SystemExit(f"{MISSING} Without it there are no handouts.")
    options.output.mkdir(parents=True, exist_ok=True)
    everything = pages_of_book()
    wanted = {path.stem for path in find(options.chapter)}
    if not options.chapter:
        wanted.discard(Path(CHECK_YOURSELF).stem)  # it is in the book
    ending = "_solutions" if options.solutions else ""
    with browser() as driver:
        for page in everything:
            if page.key in wanted:
                path = options.output / f"{page.key}{ending}.pdf"
                make(driver, [page], path, options.solutions, options.site)
        if not options.chapter:
            path = options.output / f"{BOOK_NAME}{ending}.pdf"
            make(driver, everything, path, options.solutions, options.site)
    print(f"They are in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
