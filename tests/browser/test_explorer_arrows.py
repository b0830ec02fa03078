"""Arrows of a stored explorer: the browser draws them as matplotlib does."""

from __future__ import annotations

import io
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

from course_utils.explorer import Explorer, control, explore
from tests.browser.browsing import PHONE, browser, chromium
from tests.browser.test_explorer_standalone import open_page, sliders, state

pytestmark = pytest.mark.skipif(
    chromium() is None,
    reason="there is no Chromium with its chromedriver here; `make system` installs them",
)

FRAMES = 50


def draw_fields(figure: Figure) -> Any:
    """Two panels of arrows: all directions, long ones, short ones, none; one field is clipped."""
    panels = figure.subplots(1, 2)
    places = np.linspace(-1, 1, 7)
    x, y = np.meshgrid(places, places)
    quivers = []
    for panel, colour, reach in zip(panels, ("#0072b2", "#d55e00"), (1.2, 0.8), strict=True):
        panel.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="first", ylabel="second")
        panel.plot([0], [0], "o", color="black")
        options = {"angles": "xy", "scale_units": "xy", "scale": 4, "color": colour}
        quivers.append(panel.quiver(x, y, 0 * x, 0 * y, width=0.01, **options))

    def update(frame: int, sign: str = "up") -> str:
        for number, quiver in enumerate(quivers):
            angle = frame + number + 3 * x + 2 * y
            length = np.abs(x) ** 3 * (1 if sign == "up" else -1)
            quiver.set_UVC(length * np.cos(angle), length * np.sin(angle))
        return f"Frame {frame}, {sign}: arrows in two panels, longer ones at the edges."

    return update


@pytest.fixture(scope="module")
def fields() -> Explorer:
    frames = control("frame", list(range(1, FRAMES + 1)), start=3)
    return explore(draw_fields, title="Fields", frame=frames, sign=control("sign", ["up", "down"]))


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    with browser() as started:
        yield started


def painted(driver: WebDriver, made: Explorer, folder: Path, width: int, keys: str) -> np.ndarray:
    (explorer,) = open_page(driver, folder, made.html)
    size = {"width": width, "height": 900, "deviceScaleFactor": 2, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    sliders(explorer)[0].send_keys(keys)
    shot = explorer.find_element(By.TAG_NAME, "img").screenshot_as_png
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


@pytest.mark.parametrize("width", [PHONE, 1000])
def test_the_browser_draws_what_matplotlib_draws(
    driver: WebDriver, fields: Explorer, tmp_path: Path, width: int
) -> None:
    """The last frame as the page draws it, beside a page that starts with it as a picture."""
    last = explore(draw_fields, title="Fields", frame=control("frame", [1, FRAMES], start=FRAMES))
    drawn = painted(driver, fields, tmp_path, width, Keys.END)
    truth = painted(driver, last, tmp_path, width, Keys.END)
    coloured = np.ptp(truth, axis=-1) > 60  # arrows; all else is grey
    assert coloured.mean() > 0.005
    wrong = (np.abs(drawn - truth).max(axis=-1) > 128).sum() / coloured.sum()
    assert wrong < 0.02, wrong
    assert np.abs((np.ptp(drawn, axis=-1) > 60).sum() / coloured.sum() - 1) < 0.05


def test_an_arrow_is_missed_where_it_is_not_drawn(
    driver: WebDriver, fields: Explorer, tmp_path: Path
) -> None:
    """The comparison above can fail: a neighbouring frame is not taken for the last one."""
    last = explore(draw_fields, title="Fields", frame=control("frame", [1, 49], start=49))
    drawn = painted(driver, fields, tmp_path, 1000, Keys.END)
    other = painted(driver, last, tmp_path, 1000, Keys.END)
    coloured = np.ptp(other, axis=-1) > 60
    assert (np.abs(drawn - other).max(axis=-1) > 128).sum() / coloured.sum() > 0.2


def test_each_state_has_its_own_picture_and_its_words(
    driver: WebDriver, fields: Explorer, tmp_path: Path
) -> None:
    (explorer,) = open_page(driver, tmp_path, fields.html)
    seen = [state(explorer)]
    for slider, key in ((0, Keys.RIGHT), (1, Keys.RIGHT), (0, Keys.END), (0, Keys.HOME)):
        sliders(explorer)[slider].send_keys(key)
        seen.append(state(explorer))
    assert len({one["patch"] for one in seen}) == len(seen)
    wanted = [fields.texts[number] for number in (4, 6, 7, 99, 1)]
    assert [one["words"] for one in seen] == wanted
    assert [one["alt"] for one in seen] == wanted
    assert {one["under"] for one in seen} == {fields.patches[1]}
    sliders(explorer)[0].send_keys(Keys.RIGHT * 2)
    sliders(explorer)[1].send_keys(Keys.LEFT)
    assert state(explorer)["patch"] == fields.picture
    assert driver.get_log("browser") == []
