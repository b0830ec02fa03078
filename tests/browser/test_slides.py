"""Decks as a class sees them, in a real browser and without a network."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook
from pypdf import PdfReader
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.browsing import ROOT, browser, chromium
from tests.chapter_factory import write
from tools import slides
from tools.chapters import find

pytestmark = pytest.mark.skipif(
    chromium() is None,
    reason="there is no Chromium with its chromedriver here; `make system` installs them",
)

CHECKS = (Path(__file__).parent / "page_checks.js").read_text("utf-8")
CHAPTER = "02"


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    """One browser for all tests of this module."""
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short deck with every kind of slide, from cells of a real chapter."""
    where = tmp_path_factory.mktemp("slides")
    notebook = nbformat.read(find([CHAPTER])[0], as_version=4)
    kept = ("explorer", "exercises", "wrong-and-open", "going-deeper")
    cells = [
        cell
        for place, cell in enumerate(notebook.cells)
        if place < 14 or cell.id in kept or "course-explorer" in str(cell.get("outputs", ""))
    ]
    chapter = write(new_notebook(cells=cells), where / "02_short.ipynb")
    assert slides.main([str(chapter), "--output", str(where)]) == 0
    return where / "02_short.html"


def place(driver: WebDriver) -> list[int]:
    """Where the deck stands: column and row."""
    found: list[int] = driver.execute_script("const {h, v} = Reveal.getIndices(); return [h, v]")
    return found


def press(driver: WebDriver, key: str) -> None:
    """Press a key on the deck."""
    driver.find_element(By.TAG_NAME, "body").send_keys(key)


def go_to(driver: WebDriver, selector: str) -> Any:
    """Show the first slide of a kind, and return it."""
    return driver.execute_script(
        "const slide = document.querySelector(arguments[0]);"
        "const {h, v} = Reveal.getIndices(slide); Reveal.slide(h, v); return slide",
        selector,
    )


def test_all_of_a_chapter_fits(driver: WebDriver, tmp_path: Path) -> None:
    assert slides.write_deck(find([CHAPTER])[0], tmp_path, False, driver)


def test_nothing_overflows_slide_by_slide_on_a_large_projector(
    driver: WebDriver, path: Path
) -> None:
    assert slides.problems_in(driver, path, (1920, 1080), shown=True) == []


def test_a_deck_asks_nobody_for_anything_and_writes_no_error(driver: WebDriver, path: Path) -> None:
    driver.get("about:blank")
    driver.get_log("performance")
    driver.get_log("browser")
    slides.open_deck(driver, path)
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [path.as_uri()]
    assert not [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_keyboard_goes_along_and_below(driver: WebDriver, path: Path) -> None:
    slides.open_deck(driver, path)
    assert place(driver) == [0, 0]
    press(driver, Keys.ARROW_RIGHT)
    assert place(driver) == [1, 0]
    go_to(driver, "section.code")
    column, row = place(driver)
    assert row > 0
    press(driver, Keys.ARROW_UP)
    assert place(driver) == [column, row - 1]
    press(driver, Keys.ARROW_RIGHT)
    assert place(driver) == [column + 1, 0]


def test_an_explorer_moves_by_keyboard_and_the_deck_stays(driver: WebDriver, path: Path) -> None:
    slides.open_deck(driver, path)
    go_to(driver, "section.explorer")
    here = place(driver)
    slide = driver.find_element(By.CSS_SELECTOR, "section.explorer.present")
    image = slide.find_element(By.TAG_NAME, "img")
    slider = slide.find_element(By.CSS_SELECTOR, "input[type=range]")
    while slider.get_property("value") != slider.get_property("max"):
        before = image.get_property("src"), image.get_property("alt")
        slider.send_keys(Keys.ARROW_RIGHT)
        assert (image.get_property("src"), image.get_property("alt")) != before
    assert place(driver) == here
    box = slide.find_element(By.CSS_SELECTOR, ".box")
    content = slide.find_element(By.CSS_SELECTOR, ".content")
    assert content.rect["height"] <= box.rect["height"], "longer words push it off the slide"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_can_be_read(driver: WebDriver, path: Path, theme: str) -> None:
    slides.open_deck(driver, path)
    driver.get(f"{path.as_uri()}?theme={theme}")
    wait = WebDriverWait(driver, 60)
    wait.until(lambda d: d.execute_script("return document.documentElement.dataset.ready"))
    kinds = ("title", "section", "formula", "predict", "table", "code", "claims", "wrong")
    for kind in (*kinds, "points", "figure", "explorer", "exercise", "deeper"):
        go_to(driver, f"section.{kind}")
        faint = driver.execute_script(f"{CHECKS}\nreturn pageChecks.faint()")
        assert not faint, f"{kind}: {faint}"
    colours = "return getComputedStyle(document.body).backgroundColor"
    light = driver.execute_script(colours)
    press(driver, "t")
    assert driver.execute_script(colours) != light


def test_the_speaker_view_shows_the_notes(driver: WebDriver, path: Path) -> None:
    slides.open_deck(driver, path)
    slide = go_to(driver, "section.section:has(aside.notes p)")
    notes = driver.execute_script(
        "return arguments[0].querySelector('aside.notes p').textContent", slide
    )
    # The window never ends loading, so the driver cannot ask it; the deck can.
    driver.execute_script(
        "const open = window.open; window.open = (...a) => window.speaker = open(...a)"
    )
    press(driver, "s")
    said = "return speaker.document.querySelector('.speaker-controls-notes').textContent"
    try:
        WebDriverWait(driver, 60).until(lambda d: notes.strip() in d.execute_script(said))
    finally:
        driver.execute_script("speaker.close()")


def test_a_printed_deck_has_a_page_for_each_slide(driver: WebDriver, path: Path) -> None:
    driver.get(f"{path.as_uri()}?print-pdf")
    # The pages come a little after the deck is ready.
    wait = WebDriverWait(driver, 60)
    wait.until(lambda d: d.execute_script("return document.querySelector('.pdf-page')"))
    titles = driver.execute_script("return Reveal.getSlides().map(s => s.innerText.trim())")
    sheet = driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    printed = PdfReader(io.BytesIO(base64.b64decode(sheet["data"]))).pages
    assert len(printed) == len(titles), "an empty page, or a slide on two"
    assert {round(page.mediabox.width / page.mediabox.height, 2) for page in printed} == {1.78}
    for page, text in zip(printed, titles, strict=True):
        assert text.split()[0] in page.extract_text() if text else page.images


WIDE = "# 1. Too wide\n\nWords.\n\n$$" + " + ".join(f"a_{{{n}}}" for n in range(60)) + "$$\n"
MUCH = "# 1. Too much\n\nWords.\n\n> **Predict.** " + "Donaudampfschifffahrt" * 60 + "?\n"


@pytest.mark.parametrize("text", [WIDE, MUCH])
def test_a_deck_that_does_not_fit_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    notebook = new_notebook(cells=[new_markdown_cell(text, id="title")])
    chapter = write(notebook, tmp_path / "01_too.ipynb")
    assert slides.main([str(chapter), "--output", str(tmp_path / "out")]) == 1
    assert "01_too.html is not written: 1 faults" in capsys.readouterr().out
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["index.html"]


def test_reveal_keeps_its_licence() -> None:
    text = (ROOT / "tools" / "assets" / "reveal" / "LICENSE").read_text("utf-8")
    assert "Hakim El Hattab" in text and "Permission is hereby granted" in text
