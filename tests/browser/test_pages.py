"""Every page of the built site, opened in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from course_utils.quiz import QUIZZES
from course_utils.quizzes.common import Wrong
from tests.browser.browsing import (
    DESKTOP,
    PAGES,
    PHONE,
    ROOT,
    browser,
    chromium,
    requests_of,
    served,
    set_width,
)
from tests.site.demo_book import build

pytestmark = pytest.mark.skipif(
    chromium() is None,
    reason="there is no Chromium with its chromedriver here; `make system` installs them",
)

CHECKS = (Path(__file__).parent / "page_checks.js").read_text("utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site: the one that the environment variable COURSE_SITE names, or a fresh one."""
    if "COURSE_SITE" in os.environ:
        return Path(os.environ["COURSE_SITE"])
    result = build(ROOT, output=tmp_path_factory.mktemp("site"))
    assert result.code == 0, result.output
    return result.site


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""
    with served(site) as where:
        yield where


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    """One browser for all tests of this module."""
    with browser() as started:
        yield started


@pytest.fixture(autouse=True)
def fresh_console(driver: WebDriver) -> Iterator[None]:
    """Each test starts at a desktop's width; no page may write an error."""
    set_width(driver, DESKTOP)
    driver.get_log("browser")
    yield
    errors = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors


def ask(driver: WebDriver, question: str, *arguments: Any) -> Any:
    """The answer of one function of page_checks.js."""
    return driver.execute_script(
        f"{CHECKS}\nreturn pageChecks.{question}(...arguments)", *arguments
    )


def open_all(driver: WebDriver) -> None:
    """Unfold what is folded, so that it is looked at too."""
    driver.execute_script(
        "document.querySelectorAll('article details').forEach(d => d.open = true)"
    )


def set_theme(driver: WebDriver, theme: str) -> None:
    """Reload the page in light or dark."""
    driver.execute_script(
        "localStorage.setItem('mode', arguments[0]); localStorage.setItem('theme', arguments[0])",
        theme,
    )
    driver.refresh()


@pytest.mark.parametrize("page", [*PAGES, "search"])
def test_a_page_asks_only_its_own_server(driver: WebDriver, address: str, page: str) -> None:
    asked = requests_of(driver, f"{address}/{page}.html")
    assert asked
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(address).netloc}


@pytest.mark.parametrize("page", PAGES)
def test_mathematics_is_shown(driver: WebDriver, address: str, page: str) -> None:
    driver.get(f"{address}/{page}.html")
    open_all(driver)
    driver.execute_async_script("document.fonts.ready.then(arguments[0])")
    prose = ask(driver, "prose")
    assert not [mark for mark in ("$$", "\\begin", "\\frac", "\\sum") if mark in prose]
    formulas = driver.find_elements(By.CSS_SELECTOR, "article .katex-html")
    assert all(formula.size["height"] > 0 for formula in formulas)
    if formulas:
        fonts = "[...document.fonts].filter(f => f.family.includes('KaTeX')).map(f => f.status)"
        assert "loaded" in driver.execute_script(f"return {fonts}")


def test_chapters_have_formulas(driver: WebDriver, address: str) -> None:
    for page in (page for page in PAGES if page.removeprefix("book/")[:2].isdigit()):
        driver.get(f"{address}/{page}.html")
        assert len(driver.find_elements(By.CSS_SELECTOR, "article .katex")) > 10, page


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_cut_off_on_a_phone(driver: WebDriver, address: str, page: str) -> None:
    set_width(driver, PHONE)
    driver.get(f"{address}/{page}.html")
    open_all(driver)
    assert driver.execute_script("return document.scrollingElement.scrollWidth") <= PHONE
    assert ask(driver, "tooWide", PHONE) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_text_has_contrast(driver: WebDriver, address: str, page: str, theme: str) -> None:
    driver.get(f"{address}/{page}.html")
    set_theme(driver, theme)
    open_all(driver)
    assert ask(driver, "faint") == []


def test_dark_mode_toggles_and_stays(driver: WebDriver, address: str) -> None:
    driver.get(f"{address}/{PAGES[0]}.html")
    set_theme(driver, "light")
    brightness = "return getComputedStyle(document.body).backgroundColor"
    light = driver.execute_script(brightness)
    button = driver.find_element(By.CSS_SELECTOR, ".theme-switch-button")
    theme = "return document.documentElement.dataset.theme"
    for _ in range(3):  # light, dark and the system's own take turns
        if driver.execute_script(theme) == "dark":
            break
        button.click()
    assert driver.execute_script(theme) == "dark"
    assert driver.execute_script(brightness) != light
    driver.refresh()
    assert driver.execute_script(theme) == "dark"


def test_the_search_finds_pages(driver: WebDriver, address: str) -> None:
    driver.get(f"{address}/search.html?q=claim")
    results = (By.CSS_SELECTOR, "#search-results ul.search li a")
    WebDriverWait(driver, 10).until(lambda found: found.find_elements(*results))


def test_icons_come_from_the_small_font(driver: WebDriver, address: str) -> None:
    asked = requests_of(driver, f"{address}/{PAGES[0]}.html")
    assert [url for url in asked if url.endswith("course-icons.woff")]
    assert not [url for url in asked if "fontawesome" in url]


def test_reduced_motion_is_respected(driver: WebDriver, address: str) -> None:
    wish = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)
    driver.get(f"{address}/{PAGES[0]}.html")
    moving = """return [...document.querySelectorAll("*")].filter(element => {
      const style = getComputedStyle(element);
      return style.transitionDuration.split(", ").some(time => parseFloat(time) > 0)
        || style.animationName !== "none" || style.scrollBehavior === "smooth";
    }).length"""
    assert driver.execute_script(moving) == 0
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("page", PAGES)
def test_explorers_move_by_keyboard(driver: WebDriver, address: str, page: str) -> None:
    driver.get(f"{address}/{page}.html")
    open_all(driver)
    for explorer in driver.find_elements(By.CSS_SELECTOR, ".course-explorer"):
        sliders = explorer.find_elements(By.CSS_SELECTOR, "input[type=range]")
        assert sliders, "an explorer without a slider"
        for slider in sliders:
            at_end = slider.get_property("value") == slider.get_property("max")
            before = ask(driver, "state", explorer)
            slider.send_keys(Keys.ARROW_LEFT if at_end else Keys.ARROW_RIGHT)
            after = ask(driver, "state", explorer)
            assert after["shown"] != before["shown"], "the figure stands still"
            assert after["said"] != before["said"], "the text alternative stays the same"


def test_there_is_an_explorer(driver: WebDriver, address: str) -> None:
    """So that the test above has something to move."""
    found = 0
    for page in PAGES:
        driver.get(f"{address}/{page}.html")
        found += len(driver.find_elements(By.CSS_SELECTOR, ".course-explorer"))
    assert found


def test_a_quiz_answers_on_a_page_of_the_site(driver: WebDriver, address: str) -> None:
    """On a phone, in the dark, by keyboard; what is said can be read."""
    set_width(driver, PHONE)
    driver.get(f"{address}/book/05_glorot_and_kaiming.html")
    set_theme(driver, "dark")
    field = driver.find_element(By.CSS_SELECTOR, ".course-quiz fieldset")
    driver.execute_script("arguments[0].querySelector('input').focus()", field)
    ActionChains(driver).send_keys(Keys.SPACE, Keys.TAB, Keys.SPACE).perform()
    said = field.find_element(By.CSS_SELECTOR, "[aria-live=polite]")
    slip = next(one for one in QUIZZES["ch05"].questions[0].answers[:1] if isinstance(one, Wrong))
    assert said.text.startswith(f"Not this one. The slip: {slip.misconception}.")
    assert ask(driver, "faint") == []
    assert ask(driver, "tooWide", PHONE) == []
    set_theme(driver, "light")
