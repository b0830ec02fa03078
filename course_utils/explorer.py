"""One figure with sliders, alive everywhere.

The same few lines draw the frames that are stored with a chapter and the
figure that answers a kernel. Stored, an explorer is one piece of HTML that
asks nobody for anything: it moves on the site, in Colab and offline, by
keyboard and by touch, and says in words what each state shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

from course_utils.explorer_live import live as live_explorer
from course_utils.explorer_page import Explorer, stored
from course_utils.explorer_stage import Control, Draw, Stage, control
from course_utils.show import check_plain

__all__ = ["Control", "Explorer", "control", "explore"]


@overload
def explore(
    draw: Draw, *, title: str, live: Literal[False] = False, **controls: Control
) -> Explorer: ...
@overload
def explore(draw: Draw, *, title: str, live: bool, **controls: Control) -> Any: ...
def explore(draw: Draw, *, title: str, live: bool = False, **controls: Control) -> Any:
    """A figure with sliders: stored with the chapter, or live.

    Stored, a control has at most 25 values, and the first two make a grid of at most
    40 states. Further controls move too if all the states are no more than that; else
    they are live only, and the stored figure says where they are fixed. Where only the
    arrows of quivers change (``angles="xy"``, ``scale_units="xy"``, a fixed scale, one
    colour), a control has 50 values, and the first two 400 states.
    Live, numbers take any value between the listed ones.

    Args:
        draw: called once with an empty figure of 5.6 × 3.5 inches. It creates all
            artists and returns ``update``, which takes the controls' values by
            name, moves the artists in place, and returns the alternative text of
            what is then shown. ``update`` must set all that depends on its values.
        title: one line above the figure, plain text.
        live: whether to return a widget that a kernel answers.
        controls: made by :func:`control`; their names are ``update``'s arguments.

    Returns:
        An :class:`Explorer`, or an ``ipywidgets.VBox`` if ``live``.

    Raises:
        TypeError: if ``draw`` returns no function, ``update`` does not take the
            controls or returns no string, or a control is not a :class:`Control`.
        ValueError: if there is no control, too many states, or too much to store;
            if an alternative text is too short, holds TeX, or repeats another
            state's; or if a state looks different when it is come back to.

    Example:
        >>> def draw(figure):
        ...     (bar,) = figure.subplots().bar(["a"], [1.0])
        ...     def update(height):
        ...         bar.set_height(height)
        ...         return f"One bar, {height} high, on an axis from 0 to 1."
        ...     return update
        >>> explore(draw, title="A bar", height=control("height", [0.2, 0.8]))
        A bar
        One bar, 0.2 high, on an axis from 0 to 1.
    """
    _check_call(draw, title, controls)
    stage = Stage(draw, {name: one.start for name, one in controls.items()})
    return live_explorer(stage, title, controls) if live else stored(stage, title, controls)


def _check_call(draw: object, title: object, controls: Mapping[str, object]) -> None:
    if not callable(draw):
        raise TypeError(f"draw must be a function of a figure, got {type(draw).__name__}")
    if not isinstance(title, str) or not title.strip():
        raise ValueError(f"the title must be one line of text, got {title!r}")
    check_plain("the title", title)
    if not controls:
        raise ValueError("explore needs at least one control: mu=control('mean μ', [0, 1, 2])")
    for name, one in controls.items():
        if not isinstance(one, Control):
            raise TypeError(f"{name} must be made by control(…), got {type(one).__name__}")
