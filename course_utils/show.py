"""A figure and what it says: no picture of the course goes without words."""

from __future__ import annotations

import base64
import io
from math import ceil, floor

import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageOps

ALT_AT_LEAST = 20
MARGIN = 0.1  # inches of white around a figure


def checked_alt(alt: str) -> str:
    r"""The alternative text on one line, if it can serve as one.

    Args:
        alt: what the figure shows, in plain words; line breaks become spaces.

    Returns:
        The text on one line.

    Raises:
        TypeError: if ``alt`` is not a string.
        ValueError: if it is shorter than 20 characters, or holds ``$`` or a
            backslash: it is read aloud, so "sigma" or "σ" and not TeX.

    Example:
        >>> checked_alt("The loss falls \n from 2.3 to 0.1 in 50 steps.")
        'The loss falls from 2.3 to 0.1 in 50 steps.'
    """
    if not isinstance(alt, str):
        raise TypeError(f"the alternative text must be a string, got {type(alt).__name__}")
    text = " ".join(alt.split())
    if len(text) < ALT_AT_LEAST:
        raise ValueError(
            f"the alternative text must say what the figure shows, in at least "
            f"{ALT_AT_LEAST} characters, got {len(text)}: {text!r}"
        )
    check_plain("the alternative text", text)
    return text


def check_plain(what: str, text: str) -> None:
    """Refuse TeX where text is shown as it stands or read aloud.

    Args:
        what: the name of the text, for the message.
        text: the text.

    Raises:
        ValueError: if ``text`` holds ``$`` or a backslash.

    Example:
        >>> check_plain("the label", "mean μ of the inputs")
    """
    if "$" in text or "\\" in text:
        raise ValueError(f"{what} must be plain text (σ, x², √n), without TeX, got {text!r}")


def _whole_figure(figure_or_axes: Figure | Axes) -> Figure:
    if isinstance(figure_or_axes, Figure):
        return figure_or_axes
    figure = figure_or_axes.get_figure(root=True) if isinstance(figure_or_axes, Axes) else None
    if figure is None:
        raise TypeError(
            f"show needs a matplotlib Figure or Axes, got {type(figure_or_axes).__name__}"
        )
    return figure


def show(figure_or_axes: Figure | Axes, alt: str) -> None:
    """Display a figure with its alternative text, then close it.

    The text stands in the metadata of the stored picture, and as the picture's
    plain text. The figure is closed so that Jupyter does not show it again at
    the end of the cell. The same figure gives the same bytes.

    Args:
        figure_or_axes: a matplotlib figure, or one of its axes.
        alt: what the figure shows, in plain words, at least 20 characters.

    Raises:
        TypeError: if either argument is of another type.
        ValueError: if ``alt`` is too short, or holds TeX.

    Example:
        >>> from matplotlib.figure import Figure
        >>> figure = Figure()
        >>> line = figure.subplots().plot([2.3, 0.9, 0.1])
        >>> show(figure, "The loss falls from 2.3 to 0.1 in two steps.")
        The loss falls from 2.3 to 0.1 in two steps.
    """
    figure = _whole_figure(figure_or_axes)
    text = checked_alt(alt)
    display(_Picture(_png(figure), text))
    from matplotlib import pyplot  # late: only a figure made by pyplot needs it

    pyplot.close(figure)


class _Picture:
    """A picture and its alternative text, for any front end."""

    def __init__(self, png: bytes, alt: str) -> None:
        self.png, self.alt = png, alt

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        data = {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}


def _png(figure: Figure) -> bytes:
    """The figure as PNG of at most 256 colours: a third of the size, and no eye sees it.

    Without the note on matplotlib's version, the same figure gives the same bytes.
    """
    few = _drawn(figure).quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    stored = io.BytesIO()
    few.save(stored, "PNG", optimize=True)
    return stored.getvalue()


def _drawn(figure: Figure) -> Image.Image:
    """All that the figure shows, on white, with a margin."""
    figure.set_facecolor("white")
    before, canvas = figure.canvas, FigureCanvasAgg(figure)
    # Drawn once, and cut: savefig with bbox_inches="tight" draws twice and takes a third longer.
    canvas.draw()
    figure.set_canvas(before)
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    box = figure.get_tightbbox(canvas.get_renderer()).transformed(figure.dpi_scale_trans)
    top, bottom = picture.height - box.y1, picture.height - box.y0
    seen = (floor(box.x0), floor(top), ceil(box.x1), ceil(bottom))
    if min(seen) >= 0 and seen[2] <= picture.width and seen[3] <= picture.height:
        return ImageOps.expand(picture.crop(seen), round(MARGIN * figure.dpi), "white")
    drawn = io.BytesIO()  # something stands out over the edge
    figure.savefig(drawn, format="png", bbox_inches="tight", pad_inches=MARGIN)
    return Image.open(drawn).convert("RGB")
