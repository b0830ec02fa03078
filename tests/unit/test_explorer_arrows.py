"""Explorers in which only arrows move: what is stored, and when something else moves."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

from course_utils.explorer import Explorer, control, explore

FRAMES = list(range(50))


def draw_arrows(figure, *, also=None, **options):
    axes = figure.subplots()
    axes.set(xlim=(0, 4), ylim=(0, 2), title="two arrows")
    (line,) = axes.plot([0, 4], [0, 0], color="black")
    options = {"angles": "xy", "scale_units": "xy", "scale": 1, "color": "#0072b2"} | options
    quiver = axes.quiver([1, 2], [1, 1], [0, 0], [0, 0], **options)

    def update(frame):
        quiver.set_UVC([frame / 100, 0.5], [0.0, -frame / 100])
        if also == "line":
            line.set_ydata([0, frame / 50])
        if also == "title":
            axes.set_title(f"frame {frame}")
        if also == "limits":
            axes.set_xlim(0, 4 + frame)
        if also == "hidden":
            line.set_visible(frame < 10)
        if also == "new":
            axes.axhline(frame / 50)
        return f"Frame {frame}: two arrows, one to the right and one down."

    return update


def made(values=FRAMES, **changes) -> Explorer:
    return explore(
        lambda figure: draw_arrows(figure, **changes),
        title="Arrows",
        frame=control("frame", values, start=values[2]),
    )


def test_the_numbers_are_the_arrows_in_css_pixels():
    drawn = made()
    assert drawn.arrows is not None
    (field,) = drawn.arrows.fields
    left, top, width, height = field.box
    tails = np.array(field.tails).reshape(2, 2) / 10
    np.testing.assert_allclose(tails[:, 0], [left + width / 4, left + width / 2], atol=0.15)
    np.testing.assert_allclose(tails[:, 1], top + height / 2, atol=0.15)
    for frame in (0, 7, 49):
        along = drawn.arrows.vectors[frame] / 10
        right, down = frame / 100 * width / 4, frame / 100 * height / 2
        np.testing.assert_allclose(along, [[right, 0], [width / 8, down]], atol=0.15)
    assert field.colour == "#0072b2"


def test_the_page_holds_them_as_numbers_and_is_small():
    drawn = made()
    data = json.loads(re.search(r"var data=(\{.*\}), tag", drawn.html).group(1))
    stored = np.frombuffer(base64.b64decode(data["arrows"]["vectors"]), "<i2")
    np.testing.assert_array_equal(stored.reshape(50, 2, 2), drawn.arrows.vectors)
    assert "patches" not in data
    assert len(data["texts"]) == 50
    assert len(drawn.html) < 100_000
    assert drawn.html == made().html


def test_the_start_is_a_whole_picture_for_those_without_scripts():
    drawn = made()
    bundle, _ = drawn._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == drawn.patches[0] == drawn.picture
    assert drawn.patches[0] != drawn.patches[1]
    assert bundle["text/plain"].endswith(drawn.texts[2])


@pytest.mark.parametrize("also", ["line", "title", "limits", "hidden"])
def test_where_something_else_moves_pictures_are_stored(also):
    assert made(FRAMES[::5], also=also).arrows is None
    with pytest.raises(ValueError, match="at most 25 values"):
        made(also=also)


@pytest.mark.parametrize(
    "options",
    [{"angles": "uv"}, {"headwidth": 5}, {"pivot": "mid"}, {"units": "xy"}],
)
def test_other_arrows_are_stored_as_pictures(options):
    assert made(FRAMES[::5], **options).arrows is None


def test_limits_of_arrows():
    with pytest.raises(ValueError, match="at most 50 values"):
        made(list(range(51)))
    with pytest.raises(ValueError, match="arrows must be finite"):
        explore(draw_broken, title="Arrows", frame=control("frame", [1, 2]))
    with pytest.raises(ValueError, match="longer than any page"):
        made(scale=1e-6)


def draw_broken(figure):
    update = draw_arrows(figure)
    (quiver,) = [one for one in figure.axes[0].collections if hasattr(one, "set_UVC")]

    def with_a_hole(frame):
        text = update(frame)
        quiver.U = np.full(2, np.nan)
        return text

    return with_a_hole


def test_arrows_that_depend_on_the_way_are_refused():
    with pytest.raises(ValueError, match="differs when it is come back to"):
        made(FRAMES[::5], also="new")

    def draw(figure):
        update, count = draw_arrows(figure), iter(range(1000))
        return lambda frame: update(frame + next(count) * 0.5)

    with pytest.raises(ValueError, match="differs when it is come back to"):
        explore(draw, title="Arrows", frame=control("frame", [1, 2, 3]))
