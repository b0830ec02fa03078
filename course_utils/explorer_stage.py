"""What a reader can move, and the figure that it moves.

The ground of explorers: stored ones (``explorer_page``) and live ones
(``explorer_live``) share the controls, and one figure whose artists are made once.
"""

from __future__ import annotations

import inspect
import io
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from course_utils.show import check_plain, checked_alt

Value = float | int | str
Update = Callable[..., str]
Draw = Callable[[Figure], Update]

# A frame is 640 × 400 CSS pixels. The figure is 5.6 inches wide, so that text
# of 10 points is as large as the text around it, and still 8 pixels on a phone.
WIDTH, HEIGHT = 640, 400
INCHES = (5.6, 3.5)
# Device pixels for each CSS pixel, the sharpest first: phones have two or three.
SCALES = (1.5, 1.25, 1.0)


@dataclass(frozen=True)
class Control:
    """What a reader can move; made by :func:`control`."""

    label: str
    values: tuple[Value, ...]
    start: Value

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers, so that any value between makes sense."""
        return not isinstance(self.values[0], str)

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as a reader sees them."""
        return tuple(text_of(value) for value in self.values)


def text_of(value: Value) -> str:
    """A value as a reader sees it, with a true minus sign.

    Args:
        value: a number or a word.

    Returns:
        The word, or the number with at most 6 significant digits.

    Example:
        >>> text_of(-0.1), text_of(2.0), text_of("tanh")
        ('−0.1', '2', 'tanh')
    """
    return value if isinstance(value, str) else f"{value:.6g}".replace("-", "−")


def control(label: str, values: Iterable[Value], start: Value | None = None) -> Control:
    """A control of an explorer.

    Args:
        label: what the reader moves, in plain words: "mean μ of the inputs".
        values: at least two increasing numbers, or at least two different words.
        start: the value shown first, one of ``values``; the first if not given.

    Returns:
        The control, for :func:`explore`.

    Raises:
        TypeError: if the label is not a string, or values are neither all
            numbers nor all words.
        ValueError: if the label is empty or holds TeX, if values are fewer than
            two, not finite, not increasing or look the same, or if ``start`` is
            not among them.

    Example:
        >>> control("mean μ of the inputs", [0, 1, 2, 5], start=1).texts
        ('0', '1', '2', '5')
    """
    if not isinstance(label, str):
        raise TypeError(f"the label of a control must be a string, got {type(label).__name__}")
    if not label.strip():
        raise ValueError("the label of a control must say what is moved, got an empty one")
    check_plain("the label of a control", label)
    listed = tuple(_plain(value, label) for value in values)
    _check_values(listed, label)
    first = listed[0] if start is None else _plain(start, label)
    if first not in listed:
        raise ValueError(f"start of {label!r} must be one of {list(listed)}, got {start!r}")
    return Control(label.strip(), listed, first)


def _plain(value: object, label: str) -> Value:
    """A Python number or string from a Python or numpy one."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool) or not isinstance(plain, int | float | str):
        raise TypeError(
            f"values of {label!r} must be numbers or words, got {type(plain).__name__}: {plain!r}"
        )
    return plain


def _check_values(values: tuple[Value, ...], label: str) -> None:
    if len(values) < 2:
        raise ValueError(f"{label!r} needs at least two values, got {list(values)}")
    words = [isinstance(value, str) for value in values]
    if any(words) and not all(words):
        raise TypeError(f"values of {label!r} must be all numbers or all words, got {list(values)}")
    if any(words):
        for value in values:
            check_plain(f"a value of {label!r}", str(value))
    elif not all(math.isfinite(value) for value in values):  # type: ignore[arg-type]
        raise ValueError(f"values of {label!r} must be finite, got {list(values)}")
    elif any(a >= b for a, b in itertools.pairwise(values)):  # type: ignore[operator]
        raise ValueError(f"numbers of {label!r} must increase, got {list(values)}")
    if len({text_of(value) for value in values}) < len(values):
        raise ValueError(f"values of {label!r} must differ as shown, got {list(values)}")


class Stage:
    """One figure, its artists created once, and the function that moves them."""

    def __init__(self, draw: Draw, start: Mapping[str, Value]) -> None:
        # A margin of 0.08 inches: in the dark the white figure has visible edges.
        layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
        self.figure = Figure(figsize=INCHES, layout=layout, facecolor="white")
        self.canvas: Any = FigureCanvasAgg(self.figure)  # matplotlib leaves it untyped
        with rc_context({"axes.titley": 1.0}):  # titles stand still, too, see _fix_labels
            self.update = draw(self.figure)
        _check_update(self.update, start)
        self.figure.set_size_inches(INCHES)
        self.scale(SCALES[0])
        self.say(start)
        # The layout is found once: axes that jump between states hide what
        # moves, and finding it again doubles the time of a frame.
        if any(axes.get_subplotspec() for axes in self.figure.axes):
            self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")
        for axes in self.figure.axes:
            _fix_labels(axes)

    def scale(self, scale: float) -> None:
        """Set the number of device pixels for each CSS pixel."""
        self.figure.set_dpi(scale * WIDTH / INCHES[0])

    def say(self, values: Mapping[str, Value]) -> str:
        """Move the artists, and return the alternative text."""
        return checked_alt(self.update(**values))

    def picture(self) -> Image.Image:
        """What stands on the canvas, on white."""
        self.canvas.draw()
        size = self.canvas.get_width_height()
        drawn = Image.frombuffer("RGBA", size, bytes(self.canvas.buffer_rgba()))
        white = Image.new("RGBA", size, "white")
        return Image.alpha_composite(white, drawn).convert("RGB")


def _fix_labels(axes: Axes) -> None:
    """Keep labels where they are: matplotlib would look for their places in every frame.

    Without this, and without looking for the places of titles, a frame takes two thirds of
    the time.
    """
    for axis in (axes.xaxis, axes.yaxis):
        place = axis.label.get_transform().transform(axis.label.get_position())
        axis.set_label_coords(*axes.transAxes.inverted().transform(place))


def png(image: Image.Image, **options: Any) -> bytes:
    """A picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def _check_update(update: object, start: Mapping[str, Value]) -> None:
    if not callable(update):
        raise TypeError(
            "draw(figure) must return the function update(**values) -> str, "
            f"got {type(update).__name__}"
        )
    try:
        inspect.signature(update).bind(**start)
    except TypeError as error:
        raise TypeError(
            f"update must take the controls as arguments ({', '.join(start)}): {error}"
        ) from None
