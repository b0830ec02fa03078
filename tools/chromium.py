"""A headless Chromium, for slides, handouts and the tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.remote.remote_connection import RemoteConnection

# Without these Chromium talks to its makers by itself while a page is looked at.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MISSING = "There is no Chromium with its chromedriver here; on Debian `sudo make system` has them."


def chromium() -> str | None:
    """The path of a Chromium, if there is one together with its driver."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = [path for path in map(shutil.which, names) if path]
    return found[0] if found and shutil.which("chromedriver") else None


@contextmanager
def browser() -> Iterator[WebDriver]:
    """A fresh headless Chromium that logs its requests and its console."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium() or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        if isinstance(driver.command_executor, RemoteConnection):
            # Printing the book takes minutes on a busy machine.
            driver.command_executor.client_config.timeout = 1200
        driver.set_page_load_timeout(300)
        try:
            yield driver
        finally:
            driver.quit()


def set_size(driver: WebDriver, width: int, height: int, mobile: bool = False) -> None:
    """Make the window this large, one pixel a pixel."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
