"""Explorers: what is stored, what is live, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from course_utils import explorer_page, explorer_stage
from course_utils.explorer import Explorer, control, explore


def draw_bar(figure: Figure):
    """A red bar; its height, the only thing that moves, can be read off the pixels."""
    axes = figure.subplots()
    (bar,) = axes.bar(["bar"], [1.0], color="red")
    axes.set_ylim(0, 10)

    def update(height=5.0, colour="red", width=0.8):
        bar.set_height(height)
        bar.set_color(colour)
        bar.set_width(width)
        return f"A {colour} bar, {height:g} high, {width:g} wide, on an axis from 0 to 10."

    return update


def heights(values=(0, 2, 5, 10), start=5):
    return control("height of the bar", values, start=start)


@pytest.fixture(scope="module")
def bar() -> Explorer:
    return explore(draw_bar, title="One bar", height=heights())


@pytest.fixture(scope="module")
def grid() -> Explorer:
    return explore(
        draw_bar,
        title="Two controls",
        height=heights((1, 4, 9), 4),
        colour=control("colour", ["red", "blue"], start="blue"),
    )


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).astype(int)


def frames(made: Explorer) -> list[Image.Image]:
    return [made.frame(state) for state in range(len(made.texts))]


def height_in(picture: Image.Image, colour=(255, 0, 0)) -> float:
    """The height of the bar, as a share of the picture, from the pixels."""
    here = (np.abs(pixels(picture) - colour).max(axis=-1) < 40).any(axis=1)
    return here.sum() / len(here)


class Parts(HTMLParser):
    """Elements of a page, each with its attributes and its ancestors."""

    VOID = ("img", "input", "meta")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.text: dict[str, str] = {}
        self.feed(page)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), list(self.open)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        name = self.found[-1][1].get("class") or self.found[-1][0] if self.found else ""
        self.text[name] = self.text.get(name, "") + data

    def all(self, tag):
        return [attrs for name, attrs, _ in self.found if name == tag]


def stored_data(made: Explorer) -> dict:
    return json.loads(re.search(r"var data=(\{.*\}), tag", made.html)[1])


# ---------------------------------------------------------------- what is stored


def test_each_value_has_a_frame_and_the_frame_shows_it(bar):
    assert len(bar.patches) == len(bar.texts) == 4
    measured = [height_in(frame) for frame in frames(bar)]
    ratios = np.array(measured) / measured[-1]
    assert ratios == pytest.approx([0, 0.2, 0.5, 1], abs=0.02)


def test_each_state_has_its_own_text(bar):
    for height, text in zip([0, 2, 5, 10], bar.texts, strict=True):
        assert f"A red bar, {height} high" in text


def test_two_controls_make_a_grid_and_the_second_runs_fastest(grid):
    assert len(grid.patches) == 6
    for state, (height, colour) in enumerate([(h, c) for h in (1, 4, 9) for c in ("red", "blue")]):
        assert f"A {colour} bar, {height} high" in grid.texts[state]
        rgb = (255, 0, 0) if colour == "red" else (0, 0, 255)
        other = (0, 0, 255) if colour == "red" else (255, 0, 0)
        assert height_in(grid.frame(state), rgb) == pytest.approx(height * 0.085, rel=0.15)
        assert height_in(grid.frame(state), other) == 0


def test_the_default_frame_is_the_one_of_the_start(bar, grid):
    assert bar.start == 2
    assert "5 high" in bar.texts[bar.start]
    assert grid.start == 3
    assert "blue bar, 4 high" in grid.texts[grid.start]
    for made in (bar, grid):
        image = Parts(made.html).all("img")[0]
        frame = base64.b64encode(made.patches[made.start]).decode()
        assert image["src"] == f"data:image/png;base64,{frame}"
        assert image["alt"] == made.texts[made.start]
        assert stored_data(made)["start"] == made.start


def test_the_script_holds_every_patch_and_text_in_order(grid):
    data = stored_data(grid)
    stored = [base64.b64decode(patch) for patch in data["patches"]]
    assert stored.pop(grid.start) == b"", "the start stands in the page already"
    assert stored == [patch for patch in grid.patches if patch != grid.patches[grid.start]]
    assert data["texts"] == grid.texts
    assert data["values"] == [["1", "4", "9"], ["red", "blue"]]


def test_the_bundle_has_html_a_picture_with_its_text_and_plain_words(bar):
    data, metadata = bar._repr_mimebundle_()
    assert data["text/html"] == bar.html
    assert base64.b64decode(data["image/png"]) == bar.patches[2]
    assert metadata["image/png"] == {"alt": bar.texts[2], "width": 640, "height": 400}
    assert data["text/plain"] == repr(bar) == "One bar\n" + bar.texts[2]


def test_patches_are_small_palette_pictures_on_white(bar):
    for patch in bar.patches:
        image = opened(patch)
        assert image.mode == "P"
        assert len(image.getcolors()) <= 64
        assert image.size == (960, 600)
    for frame in frames(bar):
        assert frame.getpixel((1, 1)) == (255, 255, 255)


def test_a_frame_is_the_figure_in_that_state(bar):
    """The patch over the start is what the figure itself looks like, but for the palette."""
    for state, height in enumerate((0, 2, 5, 10)):
        widget = explore(draw_bar, title="Live", live=True, height=heights(start=height))
        figure = pixels(opened(live_parts(widget)[1].value))
        difference = np.abs(figure - pixels(bar.frame(state))).max(axis=-1)
        assert difference.mean() < 0.3
        assert (difference > 100).sum() == 0


def test_a_patch_is_transparent_where_nothing_differs_and_opaque_around_what_does(bar):
    start = pixels(bar.frame(bar.start))
    for state in (0, 1, 3):
        alpha = np.asarray(opened(bar.patches[state]).convert("RGBA"))[..., 3]
        differs = (pixels(bar.frame(state)) != start).any(axis=-1)
        assert set(np.unique(alpha)) == {0, 255}
        assert 0.05 < (alpha == 255).mean() < 0.6
        for shift in [(4, 0), (-4, 0), (0, 4), (0, -4), (4, 4), (-4, -4)]:
            assert (alpha[np.roll(differs, shift, axis=(0, 1))] == 255).all()


def test_a_single_small_red_mark_survives_64_colours():
    def draw(figure):
        axes = figure.subplots()
        axes.imshow(np.linspace(0, 1, 400).reshape(20, 20), cmap="viridis")
        (dot,) = axes.plot([5], [5], "o", color="red", ms=4)

        def update(x):
            dot.set_xdata([x])
            return f"A red dot at {x} on a field of blue, green and yellow."

        return update

    made = explore(draw, title="Dot", x=control("position", [5, 10]))
    for frame in frames(made):
        red, green, blue = np.moveaxis(pixels(frame), -1, 0)
        assert ((red > 200) & (green < 60) & (blue < 60)).sum() > 20


def test_two_builds_are_identical_to_the_byte(grid):
    again = explore(
        draw_bar,
        title="Two controls",
        height=heights((1, 4, 9), 4),
        colour=control("colour", ["red", "blue"], start="blue"),
    )
    assert again._repr_mimebundle_() == grid._repr_mimebundle_()


def test_many_states_are_stored_less_sharp_and_remain_within_the_limit(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 1000))

    def draw(figure):
        axes = figure.subplots()
        points = axes.scatter(x, y, s=10)

        def update(turn):
            cos, sin = np.cos(turn), np.sin(turn)
            points.set_offsets(np.column_stack([cos * x - sin * y, sin * x + cos * y]))
            return f"A cloud of 1000 points, turned by {turn:.2f} radians."

        return update

    drawn = []
    picture = explorer_stage.Stage.picture
    monkeypatch.setattr(
        explorer_stage.Stage, "picture", lambda self: drawn.append(1) or picture(self)
    )
    few = explore(draw, title="Cloud", turn=control("turn", np.linspace(0, 1, 3)))
    drawn.clear()
    many = explore(draw, title="Cloud", turn=control("turn", np.linspace(0, 1, 25)))
    assert len(drawn) < 2 * 25, "all states were drawn at a sharpness that does not fit"
    sizes = [opened(made.patches[0]).size for made in (few, many)]
    assert sizes[0] == (960, 600)
    assert sizes[1] in [(800, 500), (640, 400)]
    assert len(many.html.encode()) <= 600_000


# ---------------------------------------------------------------- the page


def test_each_state_is_drawn_once_and_the_start_is_come_back_to(monkeypatch):
    drawn = []
    say = explorer_stage.Stage.say

    def noted(stage, state):
        drawn.append(state["height"])
        return say(stage, state)

    monkeypatch.setattr(explorer_stage.Stage, "say", noted)
    values = list(range(12))  # more than are tried to know how large they get
    made = explore(draw_bar, title="Bars", height=heights(values))
    assert [drawn.count(value) for value in values if value != 5] == [1] * 11
    assert drawn[-1] == 5 and drawn.count(5) == 3 + 1  # its layout, tried, all, come back to
    assert [text.split(",")[1] for text in made.texts] == [f" {value} high" for value in values]


def test_each_slider_stands_in_its_label_and_says_its_value(grid):
    parts = Parts(stored_data(grid)["controls"])
    inputs = [(attrs, above) for tag, attrs, above in parts.found if tag == "input"]
    assert [above[-1] for _, above in inputs] == ["label", "label"]
    assert len(parts.all("label")) == 2
    first, second = (attrs for attrs, _ in inputs)
    assert (first["type"], first["min"], first["max"], first["value"]) == ("range", "0", "2", "1")
    assert first["aria-valuetext"] == "4"
    assert second["aria-valuetext"] == "blue"
    assert parts.text["course-name"] == "height of the barcolour"


def test_without_scripts_there_are_no_controls_and_the_words_are_there(bar):
    parts = Parts(bar.html)
    assert not parts.all("input")
    assert not parts.all("label")
    assert parts.text["course-words"].strip() == bar.texts[2]
    assert [attrs["aria-live"] for attrs in parts.all("p") if "aria-live" in attrs] == ["polite"]


def test_the_page_asks_nobody_for_anything_and_leaks_no_style(grid):
    page = grid.html
    assert "http:" not in page
    assert "https:" not in page
    assert page.count("url(") == 1
    assert '"url("+under+")"' in page, "the start, which stands in the page"
    assert "@import" not in page
    parts = Parts(page)
    assert all(attrs["src"].startswith("data:") for _, attrs, _ in parts.found if "src" in attrs)
    assert not parts.all("link")
    name = parts.found[0][1]["id"]
    rules = re.findall(r"^(.*?)\{", parts.text["style"].replace(",\n", ","), flags=re.MULTILINE)
    assert len(rules) > 5
    assert all(rule.startswith(f"#{name}") for rule in rules)
    assert len(re.findall(r'\bid="', page)) == 1


def test_the_id_depends_on_what_is_read_and_not_on_the_pixels(bar):
    name = Parts(bar.html).found[0][1]["id"]
    other = Explorer(bar.title, bar.controls, [], bar.patches[::-1], bar.texts)
    assert Parts(other.html).found[0][1]["id"] == name
    retitled = Explorer("Another", bar.controls, [], bar.patches, bar.texts)
    assert Parts(retitled.html).found[0][1]["id"] != name


def test_words_with_markup_are_shown_as_they_stand():
    nasty = "</script><script>alert(\"x\")</script> & <b>'bold'</b> & it goes on"

    def draw(figure):
        update_bar = draw_bar(figure)

        def update(height, kind):
            update_bar(height)
            return f"{nasty} {height} {kind}"

        return update

    made = explore(
        draw,
        title='A < B & "C" <script>',
        height=control('height "h" <i> & more', [1, 2]),
        kind=control("kind", ["<b>", "a&b"]),
    )
    parts = Parts(made.html)
    assert len(parts.all("script")) == 1
    assert not parts.all("b")
    assert not parts.all("i")
    assert parts.found[0][1]["aria-label"] == 'A < B & "C" <script>'
    assert parts.all("img")[0]["alt"] == f"{nasty} 1 <b>"
    data = stored_data(made)
    controls = Parts(data["controls"])
    assert not controls.all("b")
    assert not controls.all("i")
    assert controls.text["course-name"].startswith('height "h" <i> & more')
    assert controls.all("input")[1]["aria-valuetext"] == "<b>"
    assert "<" not in re.search(r"var data=(\{.*\}), tag", made.html)[1]
    assert data["texts"][3] == f"{nasty} 2 a&b"
    assert data["values"][1] == ["<b>", "a&b"]


def three_controls(widths):
    return {
        "height": heights((1, 4), 1),
        "colour": control("colour", ["red", "blue"]),
        "width": control("width of the bar", widths, start=0.25),
    }


def test_a_third_control_moves_as_long_as_there_are_few_states():
    made = explore(draw_bar, title="Three controls", **three_controls([0.1, 0.25, 0.8]))
    assert len(made.patches) == 2 * 2 * 3
    assert ["0.1 wide" in text for text in made.texts] == [True, False, False] * 4
    assert len(Parts(stored_data(made)["controls"]).all("input")) == 3
    assert not made.note
    assert "0.25 wide" in made.texts[made.start]


def test_a_third_control_that_makes_many_states_is_fixed_and_the_figure_says_so():
    widths = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55]  # 2 · 2 · 10 states: all
    assert len(explore(draw_bar, title="Forty", **three_controls(widths)).patches) == 40
    made = explore(draw_bar, title="Three controls", **three_controls([*widths, 0.6]))
    assert len(made.patches) == 4
    assert all("0.25 wide" in text for text in made.texts)
    parts = Parts(made.html)
    assert len(Parts(stored_data(made)["controls"]).all("input")) == 2
    note = "Fixed here: width of the bar = 0.25. Run the cell with live=True to move it."
    assert note in parts.text["course-note"]
    assert note in repr(made)


def test_axes_placed_by_hand_are_left_alone_and_warn_of_nothing(recwarn):
    def draw(figure):
        (line,) = figure.add_axes((0, 0, 1, 1)).plot([0, 1], [0, 1])

        def update(top):
            line.set_ydata([0, top])
            return f"A line that rises from 0 to {top} over the whole figure."

        return update

    explore(draw, title="Line", top=control("top", [0.5, 1]))
    assert not recwarn.list


def test_axes_do_not_jump_between_states():
    def draw(figure):
        axes = figure.subplots()
        (line,) = axes.plot([0, 1], [0, 1], color="red")

        def update(top):
            line.set_ydata([0, top])
            axes.set_ylim(0, top)
            return f"A red line from 0 to {top}, corner to corner."

        return update

    made = explore(draw, title="Line", top=control("top", [1, 100_000]))
    reds = [
        (np.abs(pixels(frame) - [255, 0, 0]).max(axis=-1) < 40).any(axis=0)
        for frame in frames(made)
    ]
    lefts = [int(np.argmax(red)) for red in reds]
    assert lefts[0] == lefts[1]


def test_labels_and_titles_do_not_jump_between_states():
    def draw(figure):
        axes = figure.subplots()
        (line,) = axes.plot([0, 1], [0, 1], color="green")
        axes.set_title("red", color="red")
        axes.set_ylabel("red too", color="red")
        axes.set_xlabel("and red", color="red")

        def update(top):
            line.set_ydata([0, top])
            axes.set_ylim(0, top)
            axes.set_xticks([0, 1], ["0", "1\n." if top == 1 else "1"])
            return f"A green line from 0 to {top}, corner to corner."

        return update

    made = explore(draw, title="Line", top=control("top", [1, 10]))
    reds = [
        (np.abs(pixels(frame) - [255, 0, 0]).max(axis=-1) < 40).nonzero() for frame in frames(made)
    ]
    assert len(reds[0][0]) > 100
    assert all(np.array_equal(a, b) for a, b in zip(*reds, strict=True))


def test_labels_stand_where_matplotlib_puts_them():
    def draw(figure):
        for axes in figure.subplots(1, 2):
            axes.plot([0, 100_000])
            axes.set(xlabel="across", ylabel="up", title="Two lines")
        return lambda top: f"Two lines that rise, to {top}."

    stage = explorer_stage.Stage(draw, {"top": 1})
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    plain = Figure(figsize=explorer_stage.INCHES, dpi=stage.figure.dpi, layout=layout)
    draw(plain)
    plain.draw_without_rendering()
    for ours, theirs in zip(stage.figure.axes, plain.axes, strict=True):
        for name in ("xaxis", "yaxis"):
            place, expected = (
                getattr(axes, name).label.get_window_extent().bounds for axes in (ours, theirs)
            )
            assert place == pytest.approx(expected, abs=0.5)
        titles = (axes.title.get_window_extent().bounds for axes in (ours, theirs))
        assert next(titles) == pytest.approx(next(titles), abs=0.5)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("", [1, 2]), ValueError, "must say what is moved"),
        ((3, [1, 2]), TypeError, "must be a string, got int"),
        (("mean $\\mu$", [1, 2]), ValueError, "without TeX"),
        (("mean", [1]), ValueError, "at least two values"),
        (("mean", []), ValueError, "at least two values"),
        (("mean", [2, 1]), ValueError, "must increase"),
        (("mean", [1, 1]), ValueError, "must increase"),
        (("mean", [1.0, 1.00000001]), ValueError, "must differ as shown"),
        (("mean", ["a", "a"]), ValueError, "must differ as shown"),
        (("mean", ["a", "$b$"]), ValueError, "without TeX"),
        (("mean", [1, float("nan")]), ValueError, "must be finite"),
        (("mean", [1, float("inf")]), ValueError, "must be finite"),
        (("mean", [1, "a"]), TypeError, "all numbers or all words"),
        (("mean", [True, False]), TypeError, "numbers or words, got bool"),
        (("mean", [None, 1]), TypeError, "numbers or words, got NoneType"),
        (("mean", [1, 2], 3), ValueError, "one of \\[1, 2\\], got 3"),
    ],
)
def test_a_control_that_cannot_be_moved_is_refused(arguments, error, said):
    with pytest.raises(error, match=said):
        control(*arguments)


def test_numbers_of_numpy_become_plain_numbers():
    made = control("mean", np.array([0.5, 1.5]), start=np.float64(1.5))
    assert [type(value) for value in (*made.values, made.start)] == [float] * 3
    assert type(control("n", np.arange(3)).values[0]) is int
    assert control("mean", [-1, 2]).texts == ("−1", "2")


def test_limits_on_the_number_of_states():
    assert explorer_page.STATES_OF_ONE == 25
    assert explorer_page.STATES_AT_MOST == 40
    with pytest.raises(ValueError, match="at most 25 values, got 26"):
        explore(draw_bar, title="Long", height=heights(range(26)))
    with pytest.raises(ValueError, match="at most 40 states, got 7 × 6 = 42"):
        explore(
            draw_bar,
            title="Wide",
            height=heights(range(7)),
            width=control("width", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        )


def test_too_much_to_store_is_refused():
    noise = np.random.default_rng(0).random((26, 400, 640))

    def draw(figure):
        image = figure.add_axes((0, 0, 1, 1)).imshow(noise[0], cmap="gray")

        def update(k):
            image.set_data(noise[k])
            return f"Noise number {k}, grey all over the figure."

        return update

    with pytest.raises(ValueError, match=r"at most 600 kB, got .* in 3 states: give fewer"):
        explore(draw, title="Noise", k=control("number", [0, 1, 2]))


def say_without_drawing(figure):
    return lambda height: f"A red bar, {height} high, that nobody has drawn."


def say_nothing(figure):
    return lambda height: None


def say_little(figure):
    return lambda height: "a bar"


def say_the_same(figure):
    draw_bar(figure)
    return lambda height: "A red bar on an axis from 0 to 10."


def say_tex(figure):
    return lambda height: f"A red bar of height $h = {height}$ on an axis."


def other_name(figure):
    return lambda level: f"A red bar, {level} high, on an axis."


def forgetful(figure):
    """Sets the colour for one value and never sets it back."""
    update_bar = draw_bar(figure)
    colour = ["red"]

    def update(height):
        if height == 10:
            colour[0] = "blue"
        return update_bar(height, colour[0])

    return update


@pytest.mark.parametrize(
    ("draw", "error", "said"),
    [
        (say_without_drawing, ValueError, "white in every state"),
        (say_nothing, TypeError, "must be a string, got NoneType"),
        (say_little, ValueError, "at least 20 characters, got 5"),
        (say_the_same, ValueError, "{'height': 5} and {'height': 10} have the same"),
        (say_tex, ValueError, "without TeX"),
        (other_name, TypeError, "take the controls as arguments .height."),
        (lambda figure: None, TypeError, "must return the function update.* got NoneType"),
        ("draw", TypeError, "function of a figure, got str"),
    ],
)
def test_a_draw_that_breaks_the_contract_is_refused(draw, error, said):
    with pytest.raises(error, match=said):
        explore(draw, title="Wrong", height=heights((5, 10), 5))


def test_a_state_that_depends_on_the_way_to_it_is_refused():
    for start in (5, 11):
        with pytest.raises(ValueError, match="differs when it is come back to"):
            explore(forgetful, title="Forgetful", height=heights((5, 10, 11), start))


@pytest.mark.parametrize("live", [False, True])
def test_calls_that_cannot_work_are_refused(live):
    with pytest.raises(ValueError, match="at least one control"):
        explore(draw_bar, title="None", live=live)
    with pytest.raises(TypeError, match=r"height must be made by control.*got list"):
        explore(draw_bar, title="List", live=live, height=[1, 2])
    with pytest.raises(ValueError, match="title must be one line of text"):
        explore(draw_bar, title=" ", live=live, height=heights())


# ---------------------------------------------------------------- live


def live_parts(widget):
    """The sliders, the picture and the words of a live explorer."""
    _, *sliders, image, words = widget.children
    return sliders, image, words


def test_live_a_moved_slider_changes_the_picture_and_the_words():
    widget = explore(draw_bar, title="Live", live=True, height=heights((0.0, 10.0), 10.0))
    (slider,), image, words = live_parts(widget)
    assert slider.description == "height of the bar"
    full = height_in(opened(image.value))
    assert "10 high" in words.value
    slider.value = 2.5  # between the listed values
    assert "2.5 high" in words.value
    assert height_in(opened(image.value)) / full == pytest.approx(0.25, abs=0.02)


def test_live_every_control_moves_and_each_kind_has_its_slider():
    import ipywidgets

    widget = explore(
        draw_bar,
        title="Live",
        live=True,
        height=heights((0, 2, 10), 2),
        colour=control("colour", ["red", "blue"]),
        width=control("width", [0.001, 0.01, 0.8], start=0.01),
    )
    (height, colour, width), image, words = live_parts(widget)
    assert isinstance(height, ipywidgets.IntSlider)
    assert isinstance(colour, ipywidgets.SelectionSlider)
    assert isinstance(width, ipywidgets.FloatLogSlider)
    width.value, colour.value, height.value = 0.5, "blue", 7
    assert "A blue bar, 7 high, 0.5 wide" in words.value
    assert height_in(opened(image.value), (0, 0, 255)) > 0.4


def test_live_an_error_is_told_and_the_widget_goes_on():
    def draw(figure):
        update_bar = draw_bar(figure)

        def update(height):
            if height > 5:
                raise RuntimeError("no <bar> is higher than 5")
            return update_bar(height)

        return update

    widget = explore(draw, title="Live", live=True, height=heights((1.0, 10.0), 1.0))
    (slider,), image, words = live_parts(widget)
    before = image.value
    slider.value = 8
    assert "RuntimeError: no &lt;bar&gt; is higher than 5" in words.value
    assert image.value == before
    slider.value = 4
    assert "4 high" in words.value
    assert image.value != before


def test_live_knows_no_limit_on_the_number_of_values():
    widget = explore(draw_bar, title="Live", live=True, height=heights(range(200)))
    (slider,), _, _ = live_parts(widget)
    assert (slider.min, slider.max) == (0, 199)


def test_live_figures_are_made_once():
    made = []

    def draw(figure):
        made.append(figure)
        return draw_bar(figure)

    widget = explore(draw, title="Live", live=True, height=heights((1.0, 10.0), 1.0))
    (slider,), _, _ = live_parts(widget)
    slider.value = 2
    slider.value = 3
    assert len(made) == 1


def test_nothing_is_left_in_pyplot():
    from matplotlib import pyplot

    matplotlib.use("agg")
    before = pyplot.get_fignums()
    explore(draw_bar, title="Bar", height=heights())
    assert pyplot.get_fignums() == before
