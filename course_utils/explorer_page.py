"""A stored explorer: frames and words in one piece of HTML that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import itertools
import json
import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from course_utils.explorer_arrows import Arrows, arrows_of
from course_utils.explorer_stage import HEIGHT, SCALES, WIDTH, Control, Stage, Value, png, text_of
from course_utils.processes import in_halves

STATES_OF_ONE = 25
STATES_AT_MOST = 40
# Where only arrows change, a state is numbers and not a picture.
ARROWS_OF_ONE = 50
ARROWS_AT_MOST = 400
HTML_BYTES_AT_MOST = 600_000

# Of several sharpnesses, the highest that keeps the page light is taken.
HTML_BYTES_OF_SHARP = 500_000
# So many states are drawn to find that out, instead of all. They tell it to within a tenth.
STATES_TRIED = 5
TRUST = 1.1
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

Frame = tuple[str, Image.Image]  # the text and the picture of a state


class Explorer:
    """A stored explorer: what Jupyter displays as the output of the cell.

    Args:
        title: one line above the figure.
        controls: those stored, in the order of the states (the last runs fastest).
        fixed: those that only a live figure moves; each is stored at its start.
        patches: one PNG for each state: the start whole, the others as what to lay
            over it, transparent where nothing differs.
        texts: one alternative text for each state.
        arrows: what changes, where only arrows do. There are two patches then, both
            whole: the start, and the same without its arrows.
    """

    def __init__(
        self,
        title: str,
        controls: list[Control],
        fixed: list[Control],
        patches: list[bytes],
        texts: list[str],
        arrows: Arrows | None = None,
    ) -> None:
        self.title, self.controls, self.fixed = title, controls, fixed
        self.patches, self.texts, self.arrows = patches, texts, arrows

    @property
    def start(self) -> int:
        """The number of the state shown first."""
        state = 0
        for one in self.controls:
            state = state * len(one.values) + one.values.index(one.start)
        return state

    @property
    def picture(self) -> bytes:
        """The state shown first, as PNG."""
        return self.patches[0 if self.arrows else self.start]

    def frame(self, state: int) -> Image.Image:
        """What a reader sees in a state, as a picture (arrows are drawn by the page)."""
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
            "image/png": base64.b64encode(self.picture).decode("ascii"),
            "text/plain": repr(self),
        }
        size = {"width": WIDTH, "height": HEIGHT}
        return data, {"image/png": {"alt": self.texts[self.start], **size}}


def stored(stage: Stage, title: str, controls: Mapping[str, Control]) -> Explorer:
    """The stored explorer: every state of the controls that it moves, see ``_moved``.

    Arrows are stored as numbers where nothing else changes, all else as pictures, as
    sharp as fits.
    """
    moved = _moved(controls)
    shown, rest = list(moved.values()), [one for name, one in controls.items() if name not in moved]
    _check_states(shown, ARROWS_OF_ONE, ARROWS_AT_MOST)
    start = {name: one.start for name, one in controls.items()}
    grid = itertools.product(*(one.values for one in shown))
    states = [start | dict(zip(moved, values, strict=True)) for values in grid]
    first = states.index(start)
    found = arrows_of(stage, states, first)
    if found is None:
        _check_states(shown, STATES_OF_ONE, STATES_AT_MOST)
        return _of_pictures(stage, title.strip(), shown, rest, states, first)
    arrows, texts = found
    _check_texts(texts, states)
    patches = [_patches([picture], 0)[0] for picture in (stage.picture(), arrows.base)]
    made = Explorer(title.strip(), shown, rest, patches, texts, arrows)
    _check_size(made)
    return made


def _moved(controls: Mapping[str, Control]) -> dict[str, Control]:
    """The first two controls, and the next ones as long as there are few states."""
    count, states = 0, 1
    for number, one in enumerate(controls.values(), start=1):
        states *= len(one.values)
        if number <= 2 or states <= STATES_AT_MOST:
            count = number
    return dict(itertools.islice(controls.items(), count))


def _of_pictures(
    stage: Stage,
    title: str,
    shown: list[Control],
    rest: list[Control],
    states: list[dict[str, Value]],
    start: int,
) -> Explorer:
    expected, sharpest = _bytes_expected(stage, states, start)
    for scale in SCALES:
        light = expected * scale / SCALES[0] <= TRUST * HTML_BYTES_OF_SHARP
        if not light and scale != SCALES[-1]:
            continue
        stage.scale(scale)
        known = sharpest if scale == SCALES[0] else {}
        frames = _frames(stage, states, range(len(states)), start, known)
        texts, pictures = [text for text, _ in frames], [picture for _, picture in frames]
        _check_texts(texts, states)
        made = Explorer(title, shown, rest, _patches(pictures, start), texts)
        if len(made.html.encode()) <= HTML_BYTES_OF_SHARP:
            break
    _check_size(made)
    return made


def _bytes_expected(
    stage: Stage, states: list[dict[str, Value]], start: int
) -> tuple[float, dict[int, Frame]]:
    """What all pictures will take in the page at the highest sharpness, by a few; and these."""
    stage.scale(SCALES[0])
    rest = [number for number in range(len(states)) if number != start]
    few = rest[:: -(-len(rest) // STATES_TRIED)]
    known: dict[int, Frame] = {}
    pictures = [picture for _, picture in _frames(stage, states, [start, *few], start, known)]
    first, *others = map(len, _patches(pictures, 0))
    return 4 / 3 * (first + len(rest) * sum(others) / len(others)), known  # in base 64


def _check_size(made: Explorer) -> None:
    size = len(made.html.encode())
    if size > HTML_BYTES_AT_MOST:
        raise ValueError(
            f"an explorer stores at most {HTML_BYTES_AT_MOST // 1000} kB, got {size // 1000} kB "
            f"in {len(made.texts)} states: give fewer values, or draw fewer marks and colours"
        )


def _frames(
    stage: Stage,
    states: list[dict[str, Value]],
    wanted: Iterable[int],
    start: int,
    known: dict[int, Frame],
) -> list[Frame]:
    """The text and the picture of states, drawn if not known; the start is drawn once more."""
    # Not in two processes: a fork shares the open files of the fonts with its parent, and
    # the places at which they are read.
    wanted = list(wanted)
    for number in dict.fromkeys([start, *wanted]):
        if number not in known:
            known[number] = stage.say(states[number]), stage.picture()
    text, picture = known[start]
    if (text, picture.tobytes()) != (stage.say(states[start]), stage.picture().tobytes()):
        raise ValueError(
            f"the start {states[start]} differs when it is come back to: "
            "update must set all that depends on its values, and draw no random numbers"
        )
    return [known[number] for number in wanted]


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
    under = _indices(pictures[start], palette)

    def patch(number: int) -> bytes:
        here = _indices(pictures[number], palette)
        same = {} if number == start else {"transparency": NOTHING}
        if same:
            here = np.where(_surroundings(here != under), here, np.uint8(NOTHING))
        image = Image.fromarray(here)
        image.putpalette(palette.getpalette() or [])
        return png(image, optimize=True, **same)

    return in_halves(patch, range(len(pictures)))


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


def _check_states(moved: list[Control], of_one: int, at_most: int) -> None:
    for one in moved:
        if len(one.values) > of_one:
            raise ValueError(
                f"a stored control has at most {of_one} values, "
                f"got {len(one.values)} for {one.label!r}"
            )
    states = math.prod(len(one.values) for one in moved)
    if states > at_most:
        raise ValueError(
            f"an explorer stores at most {at_most} states, got "
            f"{' × '.join(str(len(one.values)) for one in moved)} = {states}: make the grid coarser"
        )


# Everything is scoped by the id. The script makes the controls: where it does not
# run, the frame of the start remains, and no slider that moves nothing (JupyterLab
# strips scripts, styles and the attribute "hidden" until an output is trusted). The
# selector with an id is stronger than the themes' rules that dim pictures in the dark.
_STYLE = """
#@ID@{max-width:640px;margin:1em 0}
#@ID@ p{margin:.4em 0;padding:0}
#@ID@ img{display:block;width:100%;max-width:640px;height:auto;margin:0;padding:0;border:0;
background:#fff 0 0/100% 100%;filter:none;border-radius:4px;
-webkit-print-color-adjust:exact;print-color-adjust:exact}
#@ID@ .course-controls{display:grid;gap:.25em 1.5em;align-items:end;margin:.6em 0 .2em;
grid-template-columns:repeat(auto-fit,minmax(min(15em,100%),1fr))}
#@ID@ label{display:block;margin:0}
#@ID@ .course-value{display:inline-block;margin-left:.75em;font-weight:600;
font-variant-numeric:tabular-nums}
#@ID@ input{display:block;box-sizing:border-box;width:100%;height:2em;margin:0;padding:0;
cursor:pointer;accent-color:#2b7bba}
#@ID@ .course-words{font-size:.9em;min-height:4.6em}
"""

# `reserve` keeps room for the longest words, so that nothing below moves with a slider: how
# many lines they need, only the reader's fonts and screen say.
_SCRIPT = """
(function(){
var data=@DATA@, tag=document.currentScript, one=tag&&tag.closest&&tag.closest("#@ID@");
var roots=one?[one]:[].slice.call(document.querySelectorAll("#@ID@"));
roots.forEach(function(root){
if(root.courseReady)return;
root.courseReady=true;
var all=function(what){return [].slice.call(root.querySelectorAll(what))};
all(".course-controls")[0].innerHTML=data.controls;
var image=all("img")[0], words=all(".course-words")[0], values=all(".course-value");
var inputs=all("input"), now=data.start, under=image.src;
image.style.backgroundImage="url("+under+")";
@DRAWN@function move(){
var state=0;
inputs.forEach(function(input,i){
var k=+input.value, text=data.values[i][k];
state=state*data.values[i].length+k;
input.setAttribute("aria-valuetext",text);
values[i].textContent=text;
});
if(state===now)return;
now=state;
image.src=state===data.start?under:@STATE@;
image.alt=words.textContent=data.texts[state];
}
function reserve(){
var copy=words.cloneNode(), most=0;
copy.removeAttribute("aria-live");
copy.style.cssText="position:absolute;visibility:hidden;min-height:0;width:"+words.clientWidth+"px";
root.appendChild(copy);
data.texts.slice().sort(function(a,b){return b.length-a.length}).slice(0,9).forEach(function(text){
copy.textContent=text;
most=Math.max(most,copy.offsetHeight);
});
root.removeChild(copy);
if(most)words.style.minHeight=most+"px";
}
reserve();
addEventListener("resize",reserve);
inputs.forEach(function(input){
input.addEventListener("input",move);
input.addEventListener("keydown",function(event){event.stopPropagation()});
});
move();
});
})();
"""

# An arrow as matplotlib draws it: a shaft of width w, a head 3w wide and 5w long, all
# smaller where the arrow is shorter than its head, and a dot where it is shorter than w.
_PICTURE = '"data:image/png;base64,"+data.patches[state]'
_DRAWN = """
image.style.backgroundImage="url(data:image/png;base64,"+data.base+")";
var vectors=new Int16Array(Uint8Array.from(atob(data.arrows.vectors),
function(c){return c.charCodeAt(0)}).buffer);
function drawn(state){
var canvas=document.createElement("canvas"), pen=canvas.getContext("2d"), k=0;
var arrows=data.arrows.fields.reduce(function(n,field){return n+field.tails.length},0);
canvas.width=1280;
canvas.height=800;
pen.scale(2,2);
data.arrows.fields.forEach(function(field){
pen.save();
pen.beginPath();
pen.rect.apply(pen,field.box);
pen.clip();
pen.fillStyle=field.colour;
for(var i=0;i<field.tails.length;i+=2,k+=2){
var x=vectors[state*arrows+k], y=vectors[state*arrows+k+1], w=10*field.width;
var long=Math.sqrt(x*x+y*y), s=Math.min(1,long/(5*w))*w;
pen.save();
pen.scale(.1,.1);
pen.translate(field.tails[i],field.tails[i+1]);
pen.beginPath();
if(long<w)pen.arc(0,0,w/2,0,7);
else{
pen.rotate(Math.atan2(y,x));
[[0,.5*s],[long-4.5*s,.5*s],[long-5*s,1.5*s],[long,0],
[long-5*s,-1.5*s],[long-4.5*s,-.5*s],[0,-.5*s]].forEach(function(p){pen.lineTo(p[0],p[1])});
}
pen.fill();
pen.restore();
}
pen.restore();
});
return canvas.toDataURL();
}
"""


def _page(made: Explorer) -> str:
    """The self-contained HTML of an explorer."""
    name, start = _identity(made), made.start
    first = base64.b64encode(made.picture).decode("ascii")  # not stored a second time
    data: dict[str, object] = {
        "start": start,
        "controls": "".join(map(_row, made.controls)),
        "values": [one.texts for one in made.controls],
        "texts": made.texts,
    }
    if made.arrows:
        data["arrows"] = made.arrows.data
        data["base"] = base64.b64encode(made.patches[1]).decode("ascii")
        script = _SCRIPT.replace("@STATE@", "drawn(state)").replace("@DRAWN@", _DRAWN)
    else:
        patches = (base64.b64encode(patch).decode("ascii") for patch in made.patches)
        data["patches"] = ["" if n == start else patch for n, patch in enumerate(patches)]
        script = _SCRIPT.replace("@STATE@", _PICTURE).replace("@DRAWN@", "")
    style = _STYLE.replace("@ID@", name)
    script = script.replace("@ID@", name).replace("@DATA@", for_script(data))
    note = f'<p class="course-note">{html.escape(made.note)}</p>\n' if made.note else ""
    return (
        f'<div class="course-explorer" id="{name}" role="group" '
        f'aria-label="{html.escape(made.title)}">\n<style>{style}</style>\n'
        f"<p><strong>{html.escape(made.title)}</strong></p>\n"
        f'<img width="{WIDTH}" height="{HEIGHT}" decoding="sync" '
        f'alt="{html.escape(made.texts[start])}" '
        f'src="data:image/png;base64,{first}">\n'
        f'<div class="course-controls"></div>\n{note}'
        f'<p class="course-words" aria-live="polite">{html.escape(made.texts[start])}</p>\n'
        f"<script>{script}</script>\n</div>"
    )


def _row(one: Control) -> str:
    """A slider inside its label, so that no second explorer can take the label."""
    start = one.values.index(one.start)
    text = html.escape(one.texts[start])
    room = max(map(len, one.texts))  # so that a longer value does not break the line
    return (
        f'<label><span class="course-name">{html.escape(one.label)}</span>'
        f'<span class="course-value" style="min-width:{room}ch" aria-hidden="true">{text}</span>'
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


def for_script(data: object) -> str:
    """JSON that cannot end a script, in ASCII."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
