"""Fields of arrows in an explorer: stored as numbers, drawn in the reader's browser.

Where only arrows change between the states, a state is two numbers for each arrow
instead of a picture: fifty frames of 242 arrows take 60 kB.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from numpy.typing import NDArray
from PIL import Image

from course_utils.explorer_stage import WIDTH, Stage, Value

PARTS = 10  # lengths are stored in tenths of a CSS pixel
LONGEST = 32_000  # of 16 bits
# Matplotlib's arrows: head width, length and length along the shaft, in shaft widths.
HEAD = (3.0, 5.0, 4.5)


@dataclass(frozen=True)
class Field:
    """The arrows of one quiver: all that stands still.

    Attributes:
        colour: as ``#rrggbb``.
        width: of a shaft, in CSS pixels.
        box: left, top, width and height of the axes that clip the arrows.
        tails: x and y of each tail, in tenths of a CSS pixel from the left upper corner.
    """

    colour: str
    width: float
    box: tuple[float, float, float, float]
    tails: tuple[int, ...]


@dataclass(frozen=True)
class Arrows:
    """All arrows of an explorer.

    Attributes:
        base: the figure without arrows.
        fields: one for each quiver.
        vectors: x and y of each arrow in each state, shape (states, arrows, 2), in tenths
            of a CSS pixel, y downwards.
    """

    base: Image.Image
    fields: tuple[Field, ...]
    vectors: NDArray[np.int16]

    @property
    def data(self) -> dict[str, object]:
        """What the page's script needs, ready for JSON."""
        return {
            "fields": [vars(field) for field in self.fields],
            "vectors": base64.b64encode(self.vectors.astype("<i2").tobytes()).decode("ascii"),
        }


def arrows_of(
    stage: Stage, states: Sequence[dict[str, Value]], start: int
) -> tuple[Arrows, list[str]] | None:
    """The arrows and the texts of all states; None where something else changes, too.

    Args:
        stage: the figure; left in the state of the start.
        states: the values of the controls in each state.
        start: the number of the state shown first.

    Raises:
        ValueError: if the start differs when it is come back to, or an arrow is not
            finite or too long to draw.
    """
    quivers = [one for one in stage.figure.findobj(Quiver) if isinstance(one, Quiver)]
    if not quivers or not all(map(_plain, quivers)):
        return None
    stage.say(states[start])
    stage.picture()
    marks = _marks(stage)
    texts, vectors = [], []
    for state in [*states, states[start]]:
        for mark in marks:
            mark.stale = False
        texts.append(stage.say(state))
        vectors.append(np.concatenate([_vectors(one, stage) for one in quivers]))
        if len(found := _marks(stage)) != len(marks) or any(mark.stale for mark in found):
            return None
    if texts[-1] != texts[start] or not np.array_equal(vectors[-1], vectors[start]):
        raise ValueError(
            f"the start {states[start]} differs when it is come back to: "
            "update must set all that depends on its values, and draw no random numbers"
        )
    fields = tuple(_field(one, stage) for one in quivers)
    return Arrows(_base(stage, quivers), fields, np.stack(vectors[:-1])), texts[:-1]


def _marks(stage: Stage) -> list[Artist]:
    """All but arrows and what holds them; those changed since they were drawn are stale."""
    return stage.figure.findobj(lambda one: not isinstance(one, Quiver | Axes | Figure))


def _plain(quiver: Quiver) -> bool:
    """Whether the arrows are in the axes' own units, and all of one colour."""
    own_units = quiver.angles == "xy" and quiver.scale_units == "xy" and quiver.scale is not None
    head = (quiver.headwidth, quiver.headlength, quiver.headaxislength)
    usual = head == HEAD and quiver.pivot == "tail" and quiver.units in ("width", "inches")
    return own_units and usual and quiver.get_array() is None


def _axes(quiver: Quiver) -> Axes:
    assert isinstance(quiver.axes, Axes)  # it was found in a figure
    return quiver.axes


def _css(quiver: Quiver, stage: Stage, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places in data coordinates as CSS pixels from the left upper corner."""
    shown = np.asarray(_axes(quiver).transData.transform(points))
    shown[:, 1] = stage.figure.bbox.height - shown[:, 1]
    return shown / _device_pixels(stage)


def _device_pixels(stage: Stage) -> float:
    """Of each CSS pixel."""
    return float(stage.figure.bbox.width) / WIDTH


def _vectors(quiver: Quiver, stage: Stage) -> NDArray[np.int16]:
    tails = np.column_stack([quiver.X, quiver.Y]).astype(float)
    along = np.column_stack([np.ravel(quiver.U), np.ravel(quiver.V)]) / quiver.scale
    if not np.isfinite(along).all():
        raise ValueError("arrows must be finite, got NaN or infinity")
    pixels = PARTS * (_css(quiver, stage, tails + along) - _css(quiver, stage, tails))
    if np.abs(pixels).max(initial=0) > LONGEST:
        raise ValueError(
            f"an arrow is {np.abs(pixels).max() / PARTS:.3g} pixels long, longer than any "
            "page: give the quiver a larger scale"
        )
    return np.round(pixels).astype(np.int16)


def _field(quiver: Quiver, stage: Stage) -> Field:
    pixels = _device_pixels(stage)
    box = _axes(quiver).bbox
    unit = box.width if quiver.units == "width" else stage.figure.dpi
    top = stage.figure.bbox.height - box.y1
    edges = [round(float(edge) / pixels, 1) for edge in (box.x0, top, box.width, box.height)]
    tails = _css(quiver, stage, np.column_stack([quiver.X, quiver.Y]).astype(float))
    return Field(
        to_hex(np.asarray(quiver.get_facecolor())[0]),
        round(float(quiver.width or 0) * unit / pixels, 2),
        (edges[0], edges[1], edges[2], edges[3]),
        tuple(int(place) for place in np.round(PARTS * tails).ravel()),
    )


def _base(stage: Stage, quivers: list[Quiver]) -> Image.Image:
    """The figure without its arrows, which are visible again afterwards."""
    for quiver in quivers:
        quiver.set_visible(False)
    try:
        return stage.picture()
    finally:
        for quiver in quivers:
            quiver.set_visible(True)
