"""A real browser on the built site, and what a page asks for when it is opened.

Usage: python -m tests.browser.browsing [BUILT_SITE]

prints every request that each page of the table of contents makes.
"""

from __future__ import annotations

import functools
import http.server
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from selenium.webdriver.chrome.webdriver import WebDriver

from tools.check_site import pages_in
from tools.chromium import browser, chromium, set_size

__all__ = ["browser", "chromium", "requests_of", "served", "set_width"]

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(pages_in(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))))
PHONE, DESKTOP = 360, 1280


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


def set_width(driver: WebDriver, width: int) -> None:
    """Make the window as wide as a phone or a desktop screen."""
    set_size(driver, width, 800, mobile=width < 600)


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
