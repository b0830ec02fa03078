"""One figure with sliders, alive everywhere.

The same few lines draw the frames that are stored with a chapter and the
figure that answers a kernel. Stored, an explorer is one piece of HTML that
asks nobody for anything: it moves on the site, in Colab and offline, by
keyboard and by touch, and says in words what each state shows.
"""

from __future__ import annotations

import base64
import hashlib
import html
import inspect
import io
import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray
from PIL import Image

from course_utils.show import check_plain, checked_alt

Value = float | int | str
Update = Callable[..., str]
Draw = Callable[[Figure], Update]

STATES_OF_ONE = 25
STATES_AT_MOST = 40
HTML_BYTES_AT_MOST = 600_000

# A frame is 640 × 400 CSS pixels. The figure is 5.6 inches wide, so that text
# of 10 points is as large as the text around it, and still 8 pixels on a phone.
WIDTH, HEIGHT = 640, 400
INCHES = (5.6, 3.5)
# Phones have two or three device pixels for each CSS pixel: the sharpest frames
# that keep the page light are taken.
SCALES = (1.5, 1.25, 1.0)
HTML_BYTES_OF_SHARP = 500_000
# Full-colour PNG is three times as large. Median cut keeps greys grey; maximum
# coverage is smaller and faster, but tints grids and frames.
COLOURS = 64
# A state stores only what differs from the start, which lies under it: axes and
# words that stand still are stored once. Curves with a legend, at 1.5: 12 kB
# instead of 18; a path on contours: 8 kB instead of 22. What differs is taken
# in blocks and with all neighbouring blocks, so that no mark of the start shines
# through at the edges when the browser scales the picture.
BLOCK = 4
NOTHING = COLOURS - 1


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


class _Stage:
    """One figure, its artists created once, and the function that moves them."""

    def __init__(self, draw: Draw, start: Mapping[str, Value]) -> None:
        # A margin of 0.08 inches: in the dark the white figure has visible edges.
        layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
        self.figure = Figure(figsize=INCHES, layout=layout, facecolor="white")
        self.canvas: Any = FigureCanvasAgg(self.figure)  # matplotlib leaves it untyped
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


def _png(image: Image.Image, **options: Any) -> bytes:
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


class Explorer:
    """A stored explorer: what Jupyter displays as the output of the cell.

    Args:
        title: one line above the figure.
        controls: those stored, in the order of the states (the last runs fastest).
        fixed: those that only a live figure moves; each is stored at its start.
        patches: one PNG for each state: the start whole, the others as what to lay
            over it, transparent where nothing differs.
        texts: one alternative text for each state.
    """

    def __init__(
        self,
        title: str,
        controls: list[Control],
        fixed: list[Control],
        patches: list[bytes],
        texts: list[str],
    ) -> None:
        self.title, self.controls, self.fixed = title, controls, fixed
        self.patches, self.texts = patches, texts

    @property
    def start(self) -> int:
        """The number of the state shown first."""
        state = 0
        for one in self.controls:
            state = state * len(one.values) + one.values.index(one.start)
        return state

    def frame(self, state: int) -> Image.Image:
        """What a reader sees in a state, as a picture."""
        start, patch = (
            Image.open(io.BytesIO(self.patches[number])).convert("RGBA")
            for number in (self.start, state)
        )
        return Image.alpha_composite(start, patch).convert("RGB")

    @property
    def note(self) -> str:
        """What the stored figure does not move, in words; empty if nothing."""
        if not self.fixed:
            return ""
        parts = ", ".join(f"{one.label} = {text_of(one.start)}" for one in self.fixed)
        return f"Fixed here: {parts}. Run the cell with live=True to move it."

    @property
    def html(self) -> str:
        """The explorer as self-contained HTML."""
        return _page(self)

    def __repr__(self) -> str:
        return "\n".join(filter(None, [self.title, self.texts[self.start], self.note]))

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, dict[str, object]]]:
        data = {
            "text/html": self.html,
            "image/png": base64.b64encode(self.patches[self.start]).decode("ascii"),
            "text/plain": repr(self),
        }
        size = {"width": WIDTH, "height": HEIGHT}
        return data, {"image/png": {"alt": self.texts[self.start], **size}}


@overload
def explore(
    draw: Draw, *, title: str, live: Literal[False] = False, **controls: Control
) -> Explorer: ...
@overload
def explore(draw: Draw, *, title: str, live: bool, **controls: Control) -> Any: ...
def explore(draw: Draw, *, title: str, live: bool = False, **controls: Control) -> Any:
    """A figure with sliders: stored with the chapter, or live.

    Stored, the first control has at most 25 values; a second one makes a grid
    of at most 40 states; any further control is live only, and the stored figure
    says where it is fixed. Live, numbers take any value between the listed ones.

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
    stage = _Stage(draw, {name: one.start for name, one in controls.items()})
    return _live(stage, title, controls) if live else _stored(stage, title, controls)


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


# ---------------------------------------------------------------- stored


def _stored(stage: _Stage, title: str, controls: Mapping[str, Control]) -> Explorer:
    moved = dict(itertools.islice(controls.items(), 2))
    rest = [one for name, one in controls.items() if name not in moved]
    _check_states(list(moved.values()))
    start = {name: one.start for name, one in controls.items()}
    grid = itertools.product(*(one.values for one in moved.values()))
    states = [start | dict(zip(moved, values, strict=True)) for values in grid]
    expected, last, size = HTML_BYTES_OF_SHARP / SCALES[0], SCALES[-1], 0
    for scale in SCALES:
        if scale * expected > HTML_BYTES_OF_SHARP and scale != last:
            continue
        pictures, texts = _frames(stage, states, states.index(start), scale)
        patches = _patches(pictures, states.index(start))
        made = Explorer(title.strip(), list(moved.values()), rest, patches, texts)
        size = len(made.html.encode())
        if size <= HTML_BYTES_OF_SHARP:
            break
        expected = size / scale  # the size goes about as the scale
    if size > HTML_BYTES_AT_MOST:
        raise ValueError(
            f"an explorer stores at most {HTML_BYTES_AT_MOST // 1000} kB, got {size // 1000} kB "
            f"in {len(states)} states: give fewer values, or draw fewer marks and colours"
        )
    return made


def _frames(
    stage: _Stage, states: list[dict[str, Value]], start: int, scale: float
) -> tuple[list[Image.Image], list[str]]:
    """The picture and the text of each state; the start is drawn first and again."""
    stage.scale(scale)
    drawn = [(stage.say(state), stage.picture()) for state in [states[start], *states]]
    (first_text, first), *rest = drawn
    if (first_text, first.tobytes()) != (rest[start][0], rest[start][1].tobytes()):
        raise ValueError(
            f"the start {states[start]} differs when it is come back to: "
            "update must set all that depends on its values, and draw no random numbers"
        )
    texts = [text for text, _ in rest]
    _check_texts(texts, states)
    return [picture for _, picture in rest], texts


def _check_texts(texts: list[str], states: list[dict[str, Value]]) -> None:
    seen: dict[str, dict[str, Value]] = {}
    for text, state in zip(texts, states, strict=True):
        if text in seen:
            raise ValueError(
                f"{seen[text]} and {state} have the same alternative text {text!r}: "
                "say what differs, at least the value"
            )
        seen[text] = state


def _patches(pictures: list[Image.Image], start: int) -> list[bytes]:
    """The start as a whole PNG, the others as what differs from it."""
    # One palette for all: what stands still has the same colour in every state.
    palette = _palette(pictures)
    indices = [_indices(picture, palette) for picture in pictures]
    patches = []
    for number, here in enumerate(indices):
        same = {} if number == start else {"transparency": NOTHING}
        if same:
            here = np.where(_surroundings(here != indices[start]), here, np.uint8(NOTHING))
        image = Image.fromarray(here)
        image.putpalette(palette.getpalette() or [])
        patches.append(_png(image, optimize=True, **same))
    return patches


def _palette(pictures: list[Image.Image]) -> Image.Image:
    """White, then the colours of the pictures, then one that stands for nothing."""
    # Every second row is enough, in half of the time. White stays out: it is most
    # of a figure, and would be mixed with pale greys.
    rows = np.concatenate([np.asarray(picture)[::2].reshape(-1, 3) for picture in pictures])
    marks = rows[(rows < 255).any(axis=1)][:, np.newaxis]
    if not marks.size:
        raise ValueError("update must draw something, got a figure that is white in every state")
    cut = Image.fromarray(marks).quantize(COLOURS - 2, Image.Quantize.MEDIANCUT)
    colours = [255] * 3 + (cut.getpalette() or [])[: 3 * (COLOURS - 2)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours + [255] * (3 * COLOURS - len(colours)))
    return palette


def _indices(picture: Image.Image, palette: Image.Image) -> NDArray[np.uint8]:
    """The number of each pixel's colour in the palette."""
    few = picture.quantize(palette=palette, dither=Image.Dither.NONE)
    indices = np.array(few, dtype=np.uint8)
    # Pillow looks colours up to within 4 levels: pale grey is not good enough for white.
    indices[(np.asarray(picture) == 255).all(axis=-1)] = 0
    return indices


def _surroundings(differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks in which something differs, and all their neighbours."""
    height, width = differs.shape
    blocks = differs.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).any(axis=(1, 3))
    wide = np.pad(blocks, 1)
    near = [
        wide[i : i + blocks.shape[0], j : j + blocks.shape[1]] for i in range(3) for j in range(3)
    ]
    return np.logical_or.reduce(near).repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)


def _check_states(moved: list[Control]) -> None:
    for one in moved:
        if len(one.values) > STATES_OF_ONE:
            raise ValueError(
                f"a stored control has at most {STATES_OF_ONE} values, "
                f"got {len(one.values)} for {one.label!r}"
            )
    states = math.prod(len(one.values) for one in moved)
    if states > STATES_AT_MOST:
        raise ValueError(
            f"an explorer stores at most {STATES_AT_MOST} states, got "
            f"{' × '.join(str(len(one.values)) for one in moved)} = {states}: make the grid coarser"
        )


# Everything is scoped by the id. Without scripts the controls stay hidden and
# the frame of the start remains. The selector with an id is stronger than the
# themes' rules that dim pictures in the dark.
_STYLE = """
#@ID@{max-width:640px;margin:1em 0}
#@ID@ [hidden]{display:none!important}
#@ID@ p{margin:.4em 0;padding:0}
#@ID@ img{display:block;width:100%;max-width:640px;height:auto;margin:0;padding:0;border:0;
background:#fff 0 0/100% 100%;filter:none;border-radius:4px;
-webkit-print-color-adjust:exact;print-color-adjust:exact}
#@ID@ .course-controls{display:grid;gap:.25em 1.5em;align-items:end;margin:.6em 0 .2em;
grid-template-columns:repeat(auto-fit,minmax(min(15em,100%),1fr))}
#@ID@ label{display:block;margin:0}
#@ID@ .course-value{margin-left:.75em;font-weight:600;font-variant-numeric:tabular-nums}
#@ID@ input{display:block;box-sizing:border-box;width:100%;height:2em;margin:0;padding:0;
cursor:pointer;accent-color:#2b7bba}
#@ID@ .course-words{font-size:.9em;min-height:4.6em}
"""

_SCRIPT = """
(function(){
var data=@DATA@, tag=document.currentScript, one=tag&&tag.closest&&tag.closest("#@ID@");
var roots=one?[one]:[].slice.call(document.querySelectorAll("#@ID@"));
roots.forEach(function(root){
if(root.courseReady)return;
root.courseReady=true;
var all=function(what){return [].slice.call(root.querySelectorAll(what))};
var image=all("img")[0], words=all(".course-words")[0], values=all(".course-value");
var inputs=all("input"), now=data.start, under=image.src;
image.style.backgroundImage="url("+under+")";
function move(){
var state=0;
inputs.forEach(function(input,i){
var k=+input.value, text=data.values[i][k];
state=state*data.values[i].length+k;
input.setAttribute("aria-valuetext",text);
values[i].textContent=text;
});
if(state===now)return;
now=state;
image.src=state===data.start?under:"data:image/png;base64,"+data.patches[state];
image.alt=words.textContent=data.texts[state];
}
inputs.forEach(function(input){
input.addEventListener("input",move);
input.addEventListener("keydown",function(event){event.stopPropagation()});
});
all(".course-controls")[0].hidden=false;
move();
});
})();
"""


def _page(made: Explorer) -> str:
    """The self-contained HTML of an explorer."""
    name, start = _identity(made), made.start
    patches = [base64.b64encode(patch).decode("ascii") for patch in made.patches]
    first, patches[start] = patches[start], ""  # stands in the page already
    data = {
        "start": start,
        "values": [one.texts for one in made.controls],
        "texts": made.texts,
        "patches": patches,
    }
    style = _STYLE.replace("@ID@", name)
    script = _SCRIPT.replace("@ID@", name).replace("@DATA@", _for_script(data))
    note = f'<p class="course-note">{html.escape(made.note)}</p>\n' if made.note else ""
    return (
        f'<div class="course-explorer" id="{name}" role="group" '
        f'aria-label="{html.escape(made.title)}">\n<style>{style}</style>\n'
        f"<p><strong>{html.escape(made.title)}</strong></p>\n"
        f'<img width="{WIDTH}" height="{HEIGHT}" decoding="sync" '
        f'alt="{html.escape(made.texts[start])}" '
        f'src="data:image/png;base64,{first}">\n'
        f'<div class="course-controls" hidden>\n{"".join(map(_row, made.controls))}</div>\n{note}'
        f'<p class="course-words" aria-live="polite">{html.escape(made.texts[start])}</p>\n'
        f"<script>{script}</script>\n</div>"
    )


def _row(one: Control) -> str:
    """A slider inside its label, so that no second explorer can take the label."""
    start = one.values.index(one.start)
    text = html.escape(one.texts[start])
    return (
        f'<label><span class="course-name">{html.escape(one.label)}</span>'
        f'<span class="course-value" aria-hidden="true">{text}</span>'
        f'<input type="range" min="0" max="{len(one.values) - 1}" step="1" value="{start}" '
        f'autocomplete="off" aria-valuetext="{text}"></label>\n'
    )


def _identity(made: Explorer) -> str:
    """An id from the title and the controls.

    Pictures and their texts are left out: they may differ in a pixel or a digit
    from machine to machine, and the id in a stored output must not.
    """
    words = [made.title, *([one.label, *one.texts, text_of(one.start)] for one in made.controls)]
    return "course-" + hashlib.sha256(json.dumps(words).encode()).hexdigest()[:12]


def _for_script(data: object) -> str:
    """JSON that cannot end a script, in ASCII."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


# ------------------------------------------------------------------ live


def _live(stage: _Stage, title: str, controls: Mapping[str, Control]) -> Any:
    import ipywidgets as widgets  # late: a stored explorer needs no widgets

    sliders = {name: _slider(one) for name, one in controls.items()}
    layout = widgets.Layout(max_width="100%")
    image = widgets.Image(format="png", width=WIDTH, layout=layout)
    words = widgets.HTML(layout=widgets.Layout(max_width=f"{WIDTH}px"))

    def answer() -> None:
        text = stage.say({name: slider.value for name, slider in sliders.items()})
        image.value, words.value = _png(stage.picture(), compress_level=1), html.escape(text)

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
