"""Make decks of slides from chapters.

    python -m tools.slides              a deck of each chapter, in _build/slides
    python -m tools.slides 05           one chapter
    python -m tools.slides --solutions  with the solutions, below their exercises
    python -m tools.slides --mark       store in each cell what becomes of it

A deck is one file and needs nothing else: reveal.js, fonts, formulas and figures are in it.
Where there is a Chromium, every slide of every deck is measured, and a deck with a slide
that does not hold its content is not written.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import nbformat
from pygments.formatters import HtmlFormatter
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.support.wait import WebDriverWait

from tools.chapters import BOOK, ROOT, SETUP_ID, find
from tools.chromium import MISSING, browser, chromium, set_size
from tools.deck import Deck, deck_of, slide_types, slides_html
from tools.run import to_bytes, write_whole
from tools.typeset import plain

OUTPUT = ROOT / "_build" / "slides"
ASSETS = Path(__file__).parent / "assets"
Size = tuple[int, int]
PROJECTOR: Size = (1280, 720)
KEYS = "→ next, ↓ below: code and claims, S: notes, T: light or dark, Esc: all slides"
FONT = re.compile(r"url\(fonts/([^)]+\.woff2)\)")
OTHER_FONTS = re.compile(r',url\(fonts/[^)]+\.(?:woff|ttf)\) format\("[^"]+"\)')


def katex_style() -> str:
    """KaTeX's style sheet with its fonts inside."""
    folder = BOOK / "_assets" / "katex"
    style = OTHER_FONTS.sub("", (folder / "katex.min.css").read_text("utf-8"))

    def inside(match: re.Match[str]) -> str:
        font = base64.b64encode((folder / "fonts" / match[1]).read_bytes()).decode("ascii")
        return f"url(data:font/woff2;base64,{font})"

    return FONT.sub(inside, style)


def code_style() -> str:
    """Colours of code, light and dark."""
    light = HtmlFormatter(style="a11y-high-contrast-light")
    dark = HtmlFormatter(style="a11y-high-contrast-dark")
    rules = [
        *light.get_style_defs('[data-theme="light"] pre.code').splitlines(),
        *dark.get_style_defs('[data-theme="dark"] pre.code').splitlines(),
    ]
    # The style's own background and line numbers are not the deck's.
    return "\n".join(rule for rule in rules if re.search(r"pre\.code \.\w+ \{", rule))


def page_of(deck: Deck) -> str:
    """The one file of a deck."""
    reveal = ASSETS / "reveal"
    style = "\n".join(
        [
            (reveal / "reveal.css").read_text("utf-8"),
            katex_style(),
            (ASSETS / "deck.css").read_text("utf-8"),
            code_style(),
        ]
    )
    scripts = [
        (reveal / "reveal.js").read_text("utf-8"),
        (reveal / "notes.js").read_text("utf-8"),
        (ASSETS / "deck.js").read_text("utf-8"),
    ]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en" data-theme="light">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(plain(deck.title))}</title>\n<style>\n{style}\n</style>\n</head>\n<body>",
            f'<div class="reveal">\n<div class="slides">\n{slides_html(deck)}\n</div>',
            f'<p class="help">{KEYS}</p>\n</div>',
            *(f"<script>\n{script}\n</script>" for script in scripts),
            "</body>\n</html>\n",
        ]
    )


def open_deck(driver: WebDriver, path: Path) -> None:
    """Open a deck and wait until its slides have their sizes."""
    driver.get(path.resolve().as_uri())
    WebDriverWait(driver, 300).until(
        lambda one: one.execute_script("return document.documentElement.dataset.ready === 'yes'")
    )


def problems_in(
    driver: WebDriver, path: Path, size: Size = PROJECTOR, shown: bool = False
) -> list[str]:
    """What of a deck does not fit its slides, one sentence each.

    Args:
        driver: a browser.
        path: the deck.
        size: of the window.
        shown: whether to go through the deck slide by slide, as a class sees it; slower.
    """
    set_size(driver, *size)
    driver.set_script_timeout(300)
    open_deck(driver, path)
    found: list[str] = driver.execute_script((ASSETS / "measure.js").read_text("utf-8"), shown)
    return found


def write_deck(chapter: Path, folder: Path, solutions: bool, driver: WebDriver | None) -> bool:
    """Write the deck of a chapter if all of it fits, and report. True if all is well."""
    deck = deck_of(nbformat.read(chapter, as_version=4), solutions)
    path = folder / f"{chapter.stem}.html"
    draft = folder / f".{chapter.stem}.draft.html"
    draft.write_text(page_of(deck), "utf-8")
    try:
        found = problems_in(driver, draft) if driver else []
        if found:
            print(f"{path.name} is not written: {len(found)} faults", *found, sep="\n  ")
            return False
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    along = sum(not slide.below for slide in deck.slides)
    size = path.stat().st_size / 1e6
    below = len(deck.slides) - along
    print(f"{path.name}: {along} slides, {below} below, {size:.1f} MB", flush=True)
    return True


def write_index(folder: Path) -> None:
    """A page that lists the decks in a folder."""
    names = sorted(path.stem for path in folder.glob("[0-9][0-9]_*.html"))
    rows = "".join(f'<li><a href="{n}.html">{n[3:].replace("_", " ")}</a></li>' for n in names)
    page = (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Decks</title>'
        f'<body style="font: 1.3em/1.6 system-ui; margin: 2em"><h1>Decks</h1><ol>{rows}</ol>'
        f"<p>Keys: {KEYS}.</p></body></html>\n"
    )
    write_whole(folder / "index.html", page.encode())


def write_decks(chapters: Sequence[Path], folder: Path, solutions: bool) -> bool:
    """Write the decks of chapters; with a Chromium, only those that fit. True if all is well."""
    folder.mkdir(parents=True, exist_ok=True)
    if chromium() is None:
        print(f"{MISSING} The decks are written, and not measured.", file=sys.stderr)
        written = [write_deck(chapter, folder, solutions, None) for chapter in chapters]
    else:
        with browser() as driver:
            written = [write_deck(chapter, folder, solutions, driver) for chapter in chapters]
    write_index(folder)
    return all(written)


def mark(chapter: Path) -> int:
    """Store in each cell that has no slide type the one that the rule gives; how many.

    The set-up cell stays as it is in every chapter: it has to be run, on a slide too.
    """
    notebook = nbformat.v4.reads(chapter.read_text("utf-8"))
    marked = 0
    for cell, kind in zip(notebook.cells, slide_types(notebook), strict=True):
        if cell.id != SETUP_ID and not cell.metadata.get("slideshow"):
            cell.metadata["slideshow"] = nbformat.from_dict({"slide_type": kind})
            marked += 1
    if marked:
        write_whole(chapter, to_bytes(notebook))
    return marked


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 if every deck was written."""
    parser = argparse.ArgumentParser(prog="tools.slides", description="Decks from chapters.")
    parser.add_argument("chapter", nargs="*", help="a number such as 05, or a path; none means all")
    parser.add_argument("--solutions", action="store_true", help="show the exercises' solutions")
    parser.add_argument("--mark", action="store_true", help="only store slide types in the cells")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the folder for the decks")
    options = parser.parse_args(arguments)
    chapters = find(options.chapter)
    if options.mark:
        for chapter in chapters:
            print(f"{chapter.name}: {mark(chapter)} cells marked")
        return 0
    good = write_decks(chapters, options.output, options.solutions)
    if good:
        print(f"Open {options.output / 'index.html'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
