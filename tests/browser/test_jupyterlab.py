"""Explorers in a real JupyterLab: live ones answer, stored ones move once they were run."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from urllib3 import PoolManager
from urllib3.util import Retry

from tests.browser.browsing import DESKTOP, ROOT, browser, chromium, set_width
from tests.chapter_factory import write
from tools.chapters import NOTEBOOK_METADATA

pytestmark = [
    pytest.mark.skipif(
        chromium() is None,
        reason="there is no Chromium with its chromedriver here; `make system` installs them",
    ),
    pytest.mark.skipif(
        importlib.util.find_spec("jupyterlab") is None,
        reason="there is no JupyterLab here; requirements.txt names it",
    ),
]

SECONDS = 60  # a kernel that imports torch on a busy machine

SOURCE = """\
import course_utils as cu

def draw(figure):
    axes = figure.subplots()
    (bar,) = axes.bar(["bar"], [1.0])
    axes.set_ylim(0, 10)

    def update(height):
        bar.set_height(height)
        return f"A bar, {height:g} high, on an axis from 0 to 10."

    return update

heights = cu.control("height of the bar", [1.0, 2.0, 5.0, 10.0], start=2.0)
"""
LIVE = SOURCE + 'cu.explore(draw, title="Live", live=True, height=heights)'
STORED = SOURCE + 'cu.explore(draw, title="Stored", height=heights)'


def notebook() -> NotebookNode:
    """A live explorer that was never run, and a stored one."""
    names: dict[str, Any] = {}
    exec(STORED.replace("cu.explore(", "made = cu.explore("), names)
    data, metadata = names["made"]._repr_mimebundle_()
    stored = new_code_cell(STORED, id="stored", execution_count=2)
    stored.outputs = [new_output("execute_result", data, metadata=metadata, execution_count=2)]
    cells = [new_code_cell(LIVE, id="live"), stored]
    return new_notebook(cells=cells, metadata=NOTEBOOK_METADATA)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def jupyterlab(folder: Path, settings: Path) -> Iterator[str]:
    """JupyterLab on a folder, with settings of its own; gives the address of a notebook there."""
    config = settings / "JUPYTER_CONFIG_DIR" / "labconfig"
    config.mkdir(parents=True)
    news = {"@jupyterlab/apputils-extension:announcements": True}  # it asks for news on the web
    (config / "page_config.json").write_text(json.dumps({"disabledExtensions": news}))
    kinds = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    kinds += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    places = {kind: str(settings / kind) for kind in kinds}
    port, token = free_port(), secrets.token_hex()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    environment = {**os.environ, **places, "PYTHONPATH": str(ROOT)}
    with (settings / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            again = Retry(connect=12, backoff_factor=0.1, backoff_max=5)  # half a minute
            PoolManager(retries=again).request("GET", f"{address}/api")
            yield f"{address}/lab/tree/explorers.ipynb?token={token}"
        finally:
            server.terminate()
            server.wait(timeout=SECONDS)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebDriver, str]]:
    folder = tmp_path_factory.mktemp("notebooks")
    write(notebook(), folder / "explorers.ipynb")
    with jupyterlab(folder, tmp_path_factory.mktemp("settings")) as address, browser() as driver:
        yield driver, address


@pytest.fixture
def driver(lab: tuple[WebDriver, str]) -> WebDriver:
    """A browser in which JupyterLab shows the notebook."""
    driver, address = lab
    set_width(driver, DESKTOP)
    driver.get(address)
    seen(driver, ".jp-CodeCell .cm-content")
    # A cell that is run before its kernel is there waits for a dialog that nobody answers.
    present(driver, ".jp-Notebook-ExecutionIndicator[data-status=idle]")
    driver.get_log("browser")  # what JupyterLab itself has to say when it opens
    return driver


def wait(driver: WebDriver) -> WebDriverWait[WebDriver]:
    return WebDriverWait(driver, SECONDS, ignored_exceptions=[StaleElementReferenceException])


def seen(driver: WebDriver, selector: str) -> list[WebElement]:
    """The elements of a selector, once one of them is shown."""

    def shown(driver: WebDriver) -> list[WebElement]:
        found = driver.find_elements(By.CSS_SELECTOR, selector)
        return [one for one in found if one.is_displayed()]

    return wait(driver).until(shown)


def present(driver: WebDriver, selector: str) -> None:
    """Wait until an element is there, shown or not."""
    wait(driver).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, selector))


def run(driver: WebDriver, number: int) -> None:
    """Run a cell as a learner does: click into it, Ctrl-Enter."""
    seen(driver, ".jp-CodeCell .cm-content")[number].click()
    keys = ActionChains(driver).key_down(Keys.CONTROL).send_keys(Keys.ENTER)
    keys.key_up(Keys.CONTROL).perform()


def run_until_seen(driver: WebDriver, number: int, selector: str) -> WebElement:
    """Run a cell until its output is shown; on a busy machine JupyterLab may lose a run."""
    for _ in range(2):
        run(driver, number)
        try:
            return seen(driver, selector)[0]
        except TimeoutException:
            continue
    run(driver, number)
    return seen(driver, selector)[0]


def errors(driver: WebDriver) -> list[str]:
    """What the notebook or the console shows as an error."""
    shown = driver.find_elements(By.CSS_SELECTOR, "[data-mime-type*=stderr], .jp-Dialog")
    console = [
        entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"
    ]
    return [one.text for one in shown] + console


def dark(driver: WebDriver, selector: str) -> float:
    """How much of a picture, as the browser paints it, is not white."""
    shot = seen(driver, selector)[-1].screenshot_as_png
    return float((np.asarray(Image.open(io.BytesIO(shot)).convert("L")) < 200).mean())


def test_a_live_explorer_answers_each_key(driver: WebDriver) -> None:
    slider = run_until_seen(driver, 0, ".jupyter-widgets [role=slider]")
    low = dark(driver, "img.widget-image")
    for key, height in [
        (Keys.END, "10"),
        (Keys.ARROW_LEFT, "9.955"),
        (Keys.HOME, "1"),
        (Keys.ARROW_RIGHT, "1.045"),
        (Keys.END, "10"),
    ]:
        slider.send_keys(key)
        words = f"A bar, {height} high, on an axis from 0 to 10."
        wait(driver).until(lambda _, words=words: words in texts(driver))
    wait(driver).until(lambda _: dark(driver, "img.widget-image") > 2 * low)
    assert errors(driver) == []


def texts(driver: WebDriver) -> list[str]:
    """The words below live explorers."""
    found = driver.find_elements(By.CSS_SELECTOR, ".jupyter-widgets .widget-html-content")
    return [one.text for one in found]


def test_a_stored_explorer_shows_its_frame_before_it_is_trusted(driver: WebDriver) -> None:
    assert dark(driver, ".course-explorer img") > 0.05
    assert "A bar, 2 high" in seen(driver, ".course-words")[0].text
    assert not driver.find_elements(By.CSS_SELECTOR, ".course-explorer input")
    assert errors(driver) == []


def test_a_stored_explorer_moves_once_it_was_run(driver: WebDriver) -> None:
    slider = run_until_seen(driver, 1, ".course-explorer input")
    low = dark(driver, ".course-explorer img")
    slider.click()  # in the middle; the keys go where a learner clicked, past JupyterLab's own
    for key, height in [
        (Keys.HOME, 1),
        (Keys.ARROW_RIGHT, 2),
        (Keys.ARROW_UP, 5),
        (Keys.ARROW_LEFT, 2),
        (Keys.ARROW_DOWN, 1),
        (Keys.END, 10),
    ]:
        ActionChains(driver).send_keys(key).perform()
        assert f"A bar, {height} high" in seen(driver, ".course-words")[0].text
    assert dark(driver, ".course-explorer img") > 2 * low
    assert errors(driver) == []
