"""A live explorer: widgets that a kernel answers, for any value between the listed ones."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import Any

from course_utils.explorer_stage import WIDTH, Control, Stage, png


def live(stage: Stage, title: str, controls: Mapping[str, Control]) -> Any:
    """The live explorer, as a box of sliders, a picture and its words."""
    import ipywidgets as widgets  # late: a stored explorer needs no widgets

    sliders = {name: _slider(one) for name, one in controls.items()}
    layout = widgets.Layout(max_width="100%")
    image = widgets.Image(format="png", width=WIDTH, layout=layout)
    words = widgets.HTML(layout=widgets.Layout(max_width=f"{WIDTH}px"))

    def answer() -> None:
        text = stage.say({name: slider.value for name, slider in sliders.items()})
        image.value, words.value = png(stage.picture(), compress_level=1), html.escape(text)

    def moved(_: object) -> None:
        try:
            answer()
        except Exception as error:  # whatever a learner's code raises is told, not fatal
            words.value = f"<b>{html.escape(f'{type(error).__name__}: {error}')}</b>"

    answer()
    for slider in sliders.values():
        slider.observe(moved, names="value")
    heading = widgets.HTML(f"<b>{html.escape(title.strip())}</b>")
    return widgets.VBox([heading, *sliders.values(), image, words])


def _slider(one: Control) -> Any:
    """A slider over all that lies between the values.

    Words are a list, whole numbers stay whole, and positive numbers over two
    decades or more move by their ratio.
    """
    import ipywidgets as widgets

    wide = {"layout": widgets.Layout(width=f"{WIDTH}px", max_width="100%")}
    wide |= {"style": {"description_width": "initial"}, "description": one.label}
    if not one.numeric:
        return widgets.SelectionSlider(options=list(one.values), value=one.start, **wide)
    low, high = one.values[0], one.values[-1]
    if all(isinstance(value, int) for value in one.values):
        return widgets.IntSlider(value=one.start, min=low, max=high, **wide)
    assert not isinstance(low, str) and not isinstance(high, str)
    if low > 0 and high >= 100 * low:
        ends = {"min": math.log10(low), "max": math.log10(high), "step": 0.01}
        return widgets.FloatLogSlider(value=one.start, readout_format=".3g", **ends, **wide)
    step = (high - low) / 200
    return widgets.FloatSlider(
        value=one.start, min=low, max=high, step=step, readout_format=".3g", **wide
    )
