"""A real browser on the built site, and what a page asks for when it is opened.

Usage: python -m tests.browser.browsing [BUILT_SITE]

prints every request that each page of the table of contents makes.
"""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

from tools.check_site import pages_in

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(pages_in(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))))
PHONE, DESKTOP = 360, 1280

# Without these Chromium talks to its makers by itself while a page is tested.
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


def chromium() -> str | None:
    """The path of a Chromium, if there is one together with its driver."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = [path for path in map(shutil.which, names) if path]
    return found[0] if found and shutil.which("chromedriver") else None


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line in the terminal for each."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve a folder on 127.0.0.1, on any free port; gives the address."""
    handler = functools.partial(QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


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
        driver.set_page_load_timeout(60)
        try:
            yield driver
        finally:
            driver.quit()


def set_width(driver: WebDriver, width: int) -> None:
    """Make the window as wide as a phone or a desktop screen."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def requests_of(driver: WebDriver, address: str) -> list[str]:
    """Open a page, wait until it is still, and list the addresses that it asked for."""
    driver.get("about:blank")
    driver.get_log("performance")  # forget what came before
    driver.get(address)
    driver.execute_async_script("document.fonts.ready.then(arguments[0])")
    time.sleep(0.3)  # late requests of scripts
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in asked if not url.startswith(("data:", "blob:", "about:"))]


def main(arguments: list[str]) -> int:
    """Print the requests of each page."""
    site = Path(arguments[0]) if arguments else ROOT / "_build" / "html"
    if chromium() is None:
        print("Chromium and chromedriver are needed to list requests.", file=sys.stderr)
        return 1
    with served(site) as address, browser() as driver:
        for page in PAGES:
            asked = requests_of(driver, f"{address}/{page}.html")
            print(f"{page}: {len(asked)} requests", *asked, sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
