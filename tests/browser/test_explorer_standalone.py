"""A stored explorer alone in a page: moved by keyboard, read aloud, and without scripts."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from course_utils.explorer import Explorer, control, explore
from tests.browser.browsing import DESKTOP, PHONE, browser, chromium, set_width

pytestmark = pytest.mark.skipif(
    chromium() is None,
    reason="there is no Chromium with its chromedriver here; `make system` installs them",
)

HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Explorers</title>'
    '<link rel="icon" href="data:,">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><body>'
)


def draw_bar(figure: Figure) -> Any:
    """A bar of which the height and the colour move."""
    axes = figure.subplots()
    (bar,) = axes.bar(["bar"], [1.0])
    axes.set_ylim(0, 10)

    def update(height: float, colour: str = "red") -> str:
        bar.set_height(height)
        bar.set_color(colour)
        more = " It reaches the upper end, and no bar can be higher here." if height == 10 else ""
        return f"A {colour} bar, {height:g} high, on an axis from 0 to 10.{more}"

    return update


HEIGHT = control("height of the bar, in units of its width", [-1.5, 2, 5, 10], start=2)
COLOUR = control("colour", ["red", "blue"], start="blue")


@pytest.fixture(scope="module")
def one() -> Explorer:
    return explore(draw_bar, title="One control", height=HEIGHT)


@pytest.fixture(scope="module")
def two() -> Explorer:
    return explore(draw_bar, title="Two controls", height=HEIGHT, colour=COLOUR)


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    with browser() as started:
        yield started


@pytest.fixture
def opened(driver: WebDriver, one: Explorer, two: Explorer, tmp_path: Path) -> list[WebElement]:
    """Both explorers on one page, and the first a second time."""
    return open_page(driver, tmp_path, one.html + two.html + one.html)


def open_page(driver: WebDriver, folder: Path, body: str) -> list[WebElement]:
    page = folder / "page.html"
    page.write_text(HEAD + body, encoding="utf-8")
    set_width(driver, DESKTOP)
    driver.get_log("browser")
    driver.get(page.as_uri())
    return driver.find_elements(By.CSS_SELECTOR, ".course-explorer")


def sliders(explorer: WebElement) -> list[WebElement]:
    return explorer.find_elements(By.TAG_NAME, "input")


def state(explorer: WebElement) -> dict[str, Any]:
    """What a reader sees and what a listener hears."""
    image = explorer.find_element(By.TAG_NAME, "img")
    source = str(image.get_dom_attribute("src"))
    under = image.value_of_css_property("background-image")
    return {
        "patch": decoded(source),
        "under": decoded(under.removeprefix('url("').removesuffix('")')),
        "alt": image.get_dom_attribute("alt"),
        "words": explorer.find_element(By.CSS_SELECTOR, "[aria-live=polite]").text,
        "heard": [slider.get_dom_attribute("aria-valuetext") for slider in sliders(explorer)],
        "seen": [value.text for value in explorer.find_elements(By.CSS_SELECTOR, ".course-value")],
    }


def decoded(address: str) -> bytes:
    return base64.b64decode(address.removeprefix("data:image/png;base64,"))


def expected(made: Explorer, number: int, *values: str) -> dict[str, Any]:
    text = made.texts[number]
    return {
        "patch": made.patches[number],
        "under": made.patches[made.start],
        "alt": text,
        "words": text,
        "heard": list(values),
        "seen": list(values),
    }


def test_it_starts_at_the_start(opened: list[WebElement], one: Explorer, two: Explorer) -> None:
    assert state(opened[0]) == expected(one, 1, "2")
    assert state(opened[1]) == expected(two, 3, "2", "blue")


def test_each_key_moves_the_frame_and_all_its_words(
    opened: list[WebElement], one: Explorer
) -> None:
    slider = sliders(opened[0])[0]
    for key, number, value in [
        (Keys.ARROW_RIGHT, 2, "5"),
        (Keys.ARROW_LEFT, 1, "2"),
        (Keys.END, 3, "10"),
        (Keys.ARROW_RIGHT, 3, "10"),
        (Keys.HOME, 0, "−1.5"),
        (Keys.ARROW_UP, 1, "2"),
        (Keys.ARROW_DOWN, 0, "−1.5"),
    ]:
        slider.send_keys(key)
        assert state(opened[0]) == expected(one, number, value)


def test_two_controls_reach_every_state(opened: list[WebElement], two: Explorer) -> None:
    height, colour = sliders(opened[1])
    reached = []
    for column, name in enumerate(["red", "blue"]):
        colour.send_keys(Keys.HOME if name == "red" else Keys.END)
        height.send_keys(Keys.HOME)
        for row, value in enumerate(["−1.5", "2", "5", "10"]):
            assert state(opened[1]) == expected(two, 2 * row + column, value, name)
            reached.append(2 * row + column)
            height.send_keys(Keys.ARROW_RIGHT)
    assert sorted(reached) == list(range(8))


@pytest.mark.parametrize(("width", "sharp"), [(PHONE, 3), (PHONE, 2), (DESKTOP, 1)])
def test_what_is_seen_is_the_frame_with_no_trace_of_the_start(
    driver: WebDriver, two: Explorer, tmp_path: Path, width: int, sharp: int
) -> None:
    """The page as the browser paints it, beside a page that holds each frame whole."""
    whole = []
    for number in range(8):
        buffer = io.BytesIO()
        two.frame(number).save(buffer, "PNG")
        whole.append(buffer.getvalue())
    alone = Explorer(two.title, two.controls, [], whole, two.texts)
    painted = []
    for page in (two.html, alone.html):
        (explorer,) = open_page(driver, tmp_path, page)
        size = {"width": width, "height": 900, "deviceScaleFactor": sharp, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        sliders(explorer)[0].send_keys(Keys.END)
        sliders(explorer)[1].send_keys(Keys.HOME)
        shot = explorer.find_element(By.TAG_NAME, "img").screenshot_as_png
        painted.append(np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int))
    difference = np.abs(painted[0] - painted[1])
    assert painted[0].shape[1] > 300 * sharp
    assert (np.abs(painted[1] - [255, 0, 0]).max(axis=-1) < 10).mean() > 0.3, "a red bar"
    assert difference.max() <= 8


def test_explorers_on_one_page_do_not_disturb_each_other(
    opened: list[WebElement], one: Explorer, two: Explorer
) -> None:
    sliders(opened[2])[0].send_keys(Keys.END)
    assert state(opened[0]) == expected(one, 1, "2")
    assert state(opened[1]) == expected(two, 3, "2", "blue")
    assert state(opened[2]) == expected(one, 3, "10")
    sliders(opened[0])[0].send_keys(Keys.HOME)
    assert state(opened[0]) == expected(one, 0, "−1.5")
    assert state(opened[2]) == expected(one, 3, "10")


def test_touch_moves_it(driver: WebDriver, opened: list[WebElement], one: Explorer) -> None:
    box = sliders(opened[0])[0].rect
    x, y = box["x"] + box["width"] - 4, box["y"] + box["height"] / 2
    point = {"x": x, "y": y}
    driver.execute_cdp_cmd(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]}
    )
    driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert state(opened[0]) == expected(one, 3, "10")


def test_a_listener_gets_the_name_and_the_value(opened: list[WebElement]) -> None:
    first, second = sliders(opened[1])
    assert first.accessible_name == HEIGHT.label
    assert second.accessible_name == COLOUR.label
    assert first.aria_role == "slider"
    assert opened[1].accessible_name == "Two controls"


def test_a_finger_finds_each_slider(driver: WebDriver, opened: list[WebElement]) -> None:
    for width in (PHONE, DESKTOP):
        set_width(driver, width)
        for slider in [slider for explorer in opened for slider in sliders(explorer)]:
            assert slider.size["height"] >= 24
            assert slider.size["width"] >= 100


def test_a_phone_shows_all_of_it(driver: WebDriver, opened: list[WebElement]) -> None:
    set_width(driver, PHONE)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE
    for explorer in opened:
        image = explorer.find_element(By.TAG_NAME, "img")
        assert image.size["width"] > 300
        assert image.size["width"] / image.size["height"] == pytest.approx(1.6, abs=0.01)
        for part in [image, *sliders(explorer)]:
            assert part.rect["x"] + part.rect["width"] <= PHONE


def test_nothing_below_moves_when_the_state_changes(
    driver: WebDriver, opened: list[WebElement]
) -> None:
    for width in (PHONE, DESKTOP):
        set_width(driver, width)
        driver.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 100))")
        before = opened[1].rect["y"]
        sliders(opened[0])[0].send_keys(Keys.END)
        assert opened[1].rect["y"] == before
        sliders(opened[0])[0].send_keys(Keys.HOME)
        assert opened[1].rect["y"] == before


def test_the_console_is_silent(driver: WebDriver, opened: list[WebElement]) -> None:
    for explorer in opened:
        sliders(explorer)[0].send_keys(Keys.END)
    assert driver.get_log("browser") == []


def test_without_scripts_the_default_frame_remains(
    driver: WebDriver, one: Explorer, two: Explorer, tmp_path: Path
) -> None:
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        explorers = open_page(driver, tmp_path, one.html + two.html)
        assert [without_scripts(e) for e in explorers] == [
            (one.patches[1], one.texts[1]),
            (two.patches[3], two.texts[3]),
        ]
        for explorer in explorers:
            assert explorer.find_element(By.TAG_NAME, "img").is_displayed()
            assert not sliders(explorer)
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def without_scripts(explorer: WebElement) -> tuple[bytes, str]:
    image = explorer.find_element(By.TAG_NAME, "img")
    words = explorer.find_element(By.CSS_SELECTOR, "[aria-live=polite]").text
    assert image.get_dom_attribute("alt") == words
    return decoded(str(image.get_dom_attribute("src"))), words


def test_where_scripts_and_styles_are_stripped_the_default_frame_remains(
    driver: WebDriver, one: Explorer, tmp_path: Path
) -> None:
    stripped = re.sub(r"<(style|script)>.*?</\1>", "", one.html, flags=re.DOTALL)
    (explorer,) = open_page(driver, tmp_path, stripped)
    assert explorer.find_element(By.TAG_NAME, "img").is_displayed()
    assert not sliders(explorer)


@pytest.mark.parametrize("attached", [True, False])
def test_it_lives_when_a_front_end_inserts_it(
    driver: WebDriver, one: Explorer, two: Explorer, tmp_path: Path, attached: bool
) -> None:
    """As Jupyter's front ends do: markup first, then each script anew, in the page or before."""
    edited = Explorer(one.title, one.controls, [], one.patches, [f"{t} New." for t in one.texts])
    open_page(driver, tmp_path, '<main id="out"></main>')
    driver.execute_script(
        """
        const [markup, attached] = arguments, out = document.getElementById("out");
        const host = document.createElement("div");
        if (attached) out.append(host);
        host.innerHTML = markup;
        for (const old of host.querySelectorAll("script")) {
            const script = document.createElement("script");
            script.textContent = old.textContent;
            old.replaceWith(script);
        }
        if (!attached) out.append(host);
        """,
        two.html + one.html + edited.html,
        attached,
    )
    explorers = driver.find_elements(By.CSS_SELECTOR, ".course-explorer")
    sliders(explorers[0])[0].send_keys(Keys.END)
    sliders(explorers[1])[0].send_keys(Keys.HOME)
    assert state(explorers[0]) == expected(two, 7, "10", "blue")
    assert state(explorers[1]) == expected(one, 0, "−1.5")
    sliders(explorers[2])[0].send_keys(Keys.HOME)
    assert state(explorers[2]) == expected(edited, 0, "−1.5")


def test_it_lives_where_the_script_runs_outside_its_place(
    driver: WebDriver, one: Explorer, tmp_path: Path
) -> None:
    """As jQuery does it: the script is run in the head, where it has no neighbours."""
    open_page(driver, tmp_path, '<main id="out"></main>')
    driver.execute_script(
        """
        const out = document.getElementById("out");
        out.innerHTML = arguments[0];
        for (const old of out.querySelectorAll("script")) {
            const script = document.createElement("script");
            script.textContent = old.textContent;
            document.head.append(script);
            script.remove();
        }
        """,
        one.html,
    )
    (explorer,) = driver.find_elements(By.CSS_SELECTOR, ".course-explorer")
    sliders(explorer)[0].send_keys(Keys.END)
    assert state(explorer) == expected(one, 3, "10")
