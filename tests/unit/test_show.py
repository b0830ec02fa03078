"""A figure is stored with its words, once, and always as the same bytes."""

from __future__ import annotations

import base64
import importlib
import io
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from course_utils.show import show

ALT = "Two bars: the left one is half as high as the right one."

# The package's name ``show`` is the function: the module stands behind it.
module = importlib.import_module("course_utils.show")
matplotlib.use("agg")


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    seen: list[Any] = []
    monkeypatch.setattr(module, "display", seen.append)
    return seen


def bars() -> Figure:
    figure, axes = pyplot.subplots()
    axes.bar(["a", "b"], [1, 2], color="red")
    return figure


def test_the_alternative_text_is_the_pictures_metadata_and_its_plain_text(displayed):
    show(bars(), ALT)
    data, metadata = displayed[0]._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == ALT
    assert data["text/plain"] == repr(displayed[0]) == ALT
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB"))
    assert (pixels == [255, 0, 0]).all(axis=-1).sum() > 1000


def test_the_figure_is_closed_so_that_it_is_not_shown_twice(displayed):
    figure = bars()
    assert pyplot.fignum_exists(figure.number)
    show(figure, ALT)
    assert not pyplot.fignum_exists(figure.number)


def test_the_same_figure_gives_the_same_bytes(displayed):
    show(bars(), ALT)
    show(bars(), ALT)
    first, second = (one._repr_mimebundle_() for one in displayed)
    assert first == second
    assert b"Software" not in displayed[0].png


@pytest.mark.parametrize("left", [0.5, 0.95, 1.2, -0.05, -0.5])
@pytest.mark.parametrize("layout", [None, "constrained"])
def test_all_is_shown_with_a_white_margin_also_what_stands_over_the_edge(displayed, left, layout):
    figure = Figure(figsize=(4, 3), dpi=100, layout=layout)
    figure.add_artist(Rectangle((left, 0.5), 0.1, 0.1, facecolor="red"))
    figure.add_artist(Rectangle((0.4, 0.2), 0.2, 0.1, facecolor="blue"))
    show(figure, ALT)
    pixels = np.asarray(Image.open(io.BytesIO(displayed[0].png)).convert("RGB")).astype(int)
    red = (pixels[..., 0] - pixels[..., 2] > 200).sum()
    assert red == pytest.approx(40 * 30, rel=0.05)
    drawn = np.argwhere((pixels < 255).any(axis=-1))
    shape = np.array(pixels.shape[:2])
    assert (drawn.min(axis=0) >= 9).all() and (shape - 1 - drawn.max(axis=0) >= 9).all()
    assert (drawn.min(axis=0) <= 12).all() and (shape - 1 - drawn.max(axis=0) <= 12).all()


def test_a_figure_stands_on_white_also_where_a_style_is_dark(displayed):
    figure = Figure(facecolor="black")
    figure.subplots().plot([1, 2])
    show(figure, ALT)
    pixels = np.asarray(Image.open(io.BytesIO(displayed[0].png)).convert("RGB"))
    assert (pixels == 255).all(axis=-1).mean() > 0.9


def test_axes_and_subfigures_stand_for_their_whole_figure(displayed):
    show(bars().axes[0], ALT)
    show(bars(), ALT)
    nested = Figure().subfigures(1, 2)[0].subplots()
    show(nested, ALT)
    assert displayed[0].png == displayed[1].png
    assert len(displayed) == 3


def test_a_text_over_several_lines_becomes_one_line(displayed):
    show(bars(), "Two bars:\n    the left one is lower.")
    assert displayed[0].alt == "Two bars: the left one is lower."


def test_outside_jupyter_the_words_are_printed(capsys):
    show(bars(), ALT)
    assert capsys.readouterr().out.strip() == ALT


@pytest.mark.parametrize(
    ("alt", "error", "said"),
    [
        ("", ValueError, "at least 20 characters, got 0"),
        (" " * 30, ValueError, "at least 20 characters, got 0"),
        ("nineteen characters", ValueError, "got 19"),
        ("The loss falls with $\\sigma$ here.", ValueError, "without TeX"),
        (None, TypeError, "must be a string, got NoneType"),
        (b"the loss falls from 2 to 1", TypeError, "got bytes"),
    ],
)
def test_a_text_that_says_nothing_is_refused(displayed, alt, error, said):
    with pytest.raises(error, match=said):
        show(bars(), alt)
    assert displayed == []


@pytest.mark.parametrize("wrong", [None, "figure", [1, 2], np.zeros(3), pyplot])
def test_what_is_no_figure_is_refused(displayed, wrong):
    with pytest.raises(TypeError, match=f"Figure or Axes, got {type(wrong).__name__}"):
        show(wrong, ALT)
    assert displayed == []
