"""Make an explorer live and move each of its sliders to an end.

``tools/colab.py`` puts this text before a chapter's own cell, so it imports nothing of ours.
"""

import time
from collections.abc import Callable
from typing import Any


def other_end(slider: Any) -> dict[str, Any]:
    """What a browser reports when the slider was moved to its farther end."""
    if hasattr(slider, "options"):
        return {"index": 0 if slider.index else len(slider.options) - 1}
    low, high = slider.min, slider.max
    if hasattr(slider, "base"):
        low, high = slider.base**low, slider.base**high
    return {"value": low if slider.value > (low + high) / 2 else high}


def drive(explore: Callable[..., Any], *arguments: Any, **controls: Any) -> Any:
    """The live explorer, after each slider has changed its picture and its words."""
    widget = explore(*arguments, live=True, **controls)
    _, *sliders, image, words = widget.children
    slowest = 0.0
    for slider in sliders:
        before = bytes(image.value), words.value
        started = time.perf_counter()
        slider.set_state(other_end(slider))
        slowest = max(slowest, time.perf_counter() - started)
        assert not words.value.startswith("<b>"), f"{slider.description}: {words.value}"
        assert bytes(image.value) != before[0], f"{slider.description}: the picture stays"
        assert words.value != before[1], f"{slider.description}: the words stay"
    print(f"sliders: {len(sliders)}, slowest answer {1000 * slowest:.0f} ms")
    return widget
