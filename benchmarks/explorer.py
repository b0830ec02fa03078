"""How fast explorers are made and answer, and what they weigh.

Usage: python -m benchmarks.explorer

An answer within 100 ms feels instant: that is the bar, live and stored. The
stored one is timed in Chromium, from the key to the second frame of animation
after it, when the new picture has been painted. The command ends with an error if a bar is
missed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from course_utils.explorer import HTML_BYTES_AT_MOST, control, explore

BAR_MS = 100.0

# What the page does when a key moves a slider, and how long until it is painted.
TIMED_KEYS = """
const done = arguments[arguments.length - 1], times = [];
const slider = document.querySelector("input"), image = document.querySelector("img");
let pressed = 0;
slider.addEventListener("keydown", () => { pressed = performance.now(); }, true);
slider.addEventListener("input", () => {
    image.decode().then(() => requestAnimationFrame(() => requestAnimationFrame(() => {
        times.push(performance.now() - pressed);
    })));
});
window.times = times;
slider.focus();
done();
"""


def typical(figure: Figure) -> Any:
    """Curves beside a path on contours: the figure of a chapter, with two panels."""
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    x = np.linspace(-3, 3, 200)
    curves = [left.plot(x, x, label=f"layer {layer}")[0] for layer in (1, 2, 3)]
    left.set(xlabel="input x", ylabel="activation", ylim=(-1.2, 1.2))
    left.legend()
    title = left.set_title("gain")
    a, b = np.meshgrid(np.linspace(-3, 3, 60), np.linspace(-3, 3, 60))
    right.contour(a, b, a**2 + 5 * b**2 + 3 * a * b, levels=10)
    (path,) = right.plot([], [], "o-", markersize=3)
    steps = np.random.default_rng(0).normal(size=(2, 40)).cumsum(axis=1) / 4

    def update(gain: float, step: float = 1.0) -> str:
        for layer, curve in enumerate(curves, start=1):
            curve.set_ydata(np.tanh(gain * layer * x / 2))
        path.set_data(steps[0] * step * gain / 2, steps[1] * step / gain)
        title.set_text(f"gain {gain:.2f}")
        return f"Three tanh curves at gain {gain:.3f}, and a path at step {step:.3f}."

    return update


def stored() -> tuple[bool, str]:
    """Time and weight of 25 and of 40 states."""
    gain = control("gain", np.linspace(0.5, 2.9, 25))
    grid = {
        "gain": control("gain", np.linspace(0.5, 2.9, 8)),
        "step": control("step", np.linspace(0.6, 1.4, 5)),
    }
    within, page = True, ""
    for controls in ({"gain": gain}, grid):
        began = time.perf_counter()
        made = explore(typical, title="Typical", **controls)
        page = page or made.html
        seconds, size = time.perf_counter() - began, len(made.html.encode())
        width = made.frame(made.start).width
        print(f"stored, {len(made.texts)} states: {seconds:.1f} s, {size / 1e3:.0f} kB of HTML,")
        print(f"    frames {width} pixels wide")
        within = within and size <= HTML_BYTES_AT_MOST
    return within, page


def live() -> bool:
    """Time from a slider's value to the new picture, without the network."""
    gain = control("gain", [0.5, 2.9])
    widget = explore(typical, title="Typical", live=True, gain=gain)
    slider, times = widget.children[1], []
    for value in np.random.default_rng(1).uniform(0.5, 2.9, size=60):
        began = time.perf_counter()
        slider.value = value
        times.append(1e3 * (time.perf_counter() - began))
    return told("live, a slider to its picture", times)


def pressed(page: str) -> bool:
    """Time from a key to the painted frame, in Chromium."""
    try:
        from selenium.webdriver.common.keys import Keys

        from tests.browser.browsing import browser, chromium
    except ImportError as error:
        print(f"stored, a key to its frame: not timed, {error}")
        return True
    if chromium() is None:
        print("stored, a key to its frame: not timed, there is no Chromium with its driver here")
        return True
    with tempfile.TemporaryDirectory() as folder, browser() as driver:
        file = Path(folder) / "page.html"
        file.write_text(f"<!doctype html><meta charset='utf-8'>{page}", encoding="utf-8")
        driver.get(file.as_uri())
        driver.execute_async_script(TIMED_KEYS)
        slider = driver.find_element("tag name", "input")
        for key in [Keys.ARROW_RIGHT] * 24 + [Keys.ARROW_LEFT] * 24:
            slider.send_keys(key)
            time.sleep(0.1)
        return told("stored, a key to its frame", driver.execute_script("return window.times"))


def told(what: str, times: list[float]) -> bool:
    """Print median and 95 % of times in ms; whether the 95 % are below the bar."""
    high = statistics.quantiles(times, n=20)[-1]
    median = statistics.median(times)
    print(f"{what}: median {median:.0f} ms, 95 % {high:.0f} ms, of {len(times)} (bar {BAR_MS:.0f})")
    return high <= BAR_MS


def main() -> int:
    """Print all of it; 1 if a bar is missed."""
    light, page = stored()
    results = [light, live(), pressed(page)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
