"""The teacher's pages: each chapter has one, and its plan and its names are the chapter's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from tools.chapters import BOOK, ROOT, find, number_of
from tools.check_site import pages_in
from tools.markdown import INLINE_CODE, LINK
from tools.robust import claims_in

TEACHING = BOOK / "teaching"
CHAPTERS = [path for path in find() if number_of(path) != "00"]
HEADINGS = [
    "Aims",
    "Prerequisites",
    "Plan",
    "Ask before running",
    "Misconceptions, and the figure that dispels each",
    "On the board",
    "Exercises and marking",
    "If the network or Colab is down",
]
WORDS = {"set-up"}  # hyphenated, and no cell's name


def page_of(chapter: Path) -> Path:
    return TEACHING / f"chapter_{number_of(chapter)}.md"


def sections(page: str) -> dict[str, str]:
    """The text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(table: str) -> list[list[str]]:
    """The rows of the first table of a text, without its head."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def minutes_of(chapter: Path) -> dict[str, int]:
    """The minutes of the core's sections, by the chapter's own table: puzzle, 5.1, 5.2 …"""
    source = nbformat.read(chapter, 4).cells[0].source
    if "Open in Colab" in source:
        source = nbformat.read(chapter, 4).cells[1].source
    found = re.findall(r"^\| core \|([^|]+)\| (\d+) \|$", source, re.MULTILINE)
    names = ["puzzle" if "puzzle" in section else section.split()[0] for section, _ in found]
    return {name: int(minutes) for name, (_, minutes) in zip(names, found, strict=True)}


def problems(chapter: Path, page: str) -> list[str]:
    """What is wrong with the page of a chapter, one sentence each."""
    found: list[str] = []
    parts = sections(page)
    if list(parts) != HEADINGS:
        return [f"the headings are {list(parts)}, expected {HEADINGS}"]
    if f"](../{chapter.name})" not in page:
        found.append("no link to the chapter")
    found += problems_in_plan(minutes_of(chapter), page, rows(parts["Plan"]))
    notebook = nbformat.read(chapter, 4)
    cells = {cell.id for cell in notebook.cells if cell.cell_type == "code"}
    claims = {claim["id"] for claim in claims_in(notebook)}
    for name in re.findall(r"`([a-z]+\d*(?:-[a-z0-9]+)+)`", page):
        if name not in cells | claims | WORDS:
            found.append(f"{name} is neither a cell nor a claim of the chapter")
    slips = rows(parts["Misconceptions, and the figure that dispels each"])
    if not 3 <= len(slips) <= 8:
        found.append(f"{len(slips)} misconceptions, expected 3 to 8")
    found += [f"no figure or cell against {slip[0]}" for slip in slips if "`" not in slip[1]]
    expected = [cell.id for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]
    here = [row[0] for row in rows(parts["Exercises and marking"])]
    wanted = [f"ch{number_of(chapter)}-ex{id.removeprefix('exercise-')}" for id in expected]
    if here != wanted:
        found.append(f"marks the exercises {here}, the chapter has {wanted}")
    return found


def problems_in_plan(minutes: dict[str, int], page: str, plan: list[list[str]]) -> list[str]:
    """Whether a plan goes on without a gap, and takes what the chapter's table says."""
    found, at = [], 0
    planned: dict[str, int] = {}
    for start, length, section, _ in plan:
        if int(start) != at:
            found.append(f"the row {section!r} starts at {start}, expected {at}")
        at += int(length)
        planned[section] = planned.get(section, 0) + int(length)
    if planned != minutes:
        found.append(f"plans {planned}, the chapter's table has {minutes}")
    stated = {int(number) for number in re.findall(r"\b(\d+) minutes[,.] ?", page[:4000])}
    if at not in stated:
        found.append(f"the plan takes {at} minutes; stated: {sorted(stated)}")
    return found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=number_of)
def test_each_chapter_has_its_page(chapter: Path) -> None:
    assert page_of(chapter).is_file(), f"{page_of(chapter).name} is missing"
    assert problems(chapter, page_of(chapter).read_text("utf-8")) == []


def test_the_table_of_contents_and_the_first_page_list_every_page() -> None:
    listed = set(pages_in(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))))
    wanted = {f"book/teaching/{page_of(chapter).stem}" for chapter in CHAPTERS}
    assert wanted <= listed
    first = (TEACHING / "index.md").read_text("utf-8")
    assert all(f"]({page_of(chapter).name})" in first for chapter in CHAPTERS)


@pytest.mark.parametrize("path", sorted(TEACHING.glob("*.md")), ids=lambda p: p.stem)
def test_links_lead_somewhere(path: Path) -> None:
    text = INLINE_CODE.sub("", path.read_text("utf-8"))
    for target in LINK.findall(text):
        assert target.startswith("https://") or (TEACHING / target).is_file(), target


def test_every_command_on_the_pages_is_one_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for path in TEACHING.glob("*.md"):
        code = re.findall(r"`(?:``\n)?[^`]+`", path.read_text("utf-8"))
        said = {name for each in code for name in re.findall(r"\bmake ([a-z-]+)", each)}
        assert said <= targets, f"{path.name}: {said - targets}"


def syllabus_rows() -> list[tuple[str, list[str]]]:
    page = (TEACHING / "syllabus.md").read_text("utf-8")
    return [
        (heading.split(" hours")[0], row)
        for heading, text in sections(page).items()
        if " hours:" in heading
        for row in rows(text)
    ]


@pytest.mark.parametrize("hours", ["4", "8", "12"])
def test_the_syllabus_keeps_to_the_chapters_minutes(hours: str) -> None:
    by_name = {path.name: path for path in CHAPTERS}
    *lessons, together = [row for each, row in syllabus_rows() if each == hours]
    assert len(lessons) == int(hours)
    total = 0
    for number, (hour, chapter, in_class, minutes, homework) in enumerate(lessons, start=1):
        assert int(hour) == number
        (name,) = re.findall(r"\.\./(\w+\.ipynb)", chapter)
        short = minutes_of(by_name[name])
        taught = in_class.split("; ")
        assert sum(short[each] for each in taught) == int(minutes) <= 50
        rest = {each: m for each, m in short.items() if each not in taught}
        assert f"read {', '.join(rest)} ({sum(rest.values())} min)" in homework
        total += int(minutes)
    assert int(together[3]) == total


# --- negative controls ----------------------------------------------------------------

CHAPTER = CHAPTERS[0]
PAGE = page_of(CHAPTER).read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("## Aims", "## Goals", "the headings are"),
        ("## On the board", "## On the board\n\n## More", "the headings are"),
        ("](../", "](../../", "no link to the chapter"),
        ("| 3 | 6 | puzzle |", "| 3 | 7 | puzzle |", "starts at 9, expected 10"),
        ("| 1.1 |", "| 1.2 |", "the chapter's table has"),
        (", 75 minutes.", ", 70 minutes.", "stated:"),
        ("`draw-silent`", "`draw-silence`", "draw-silence is neither"),
        ("`ch01-silent-not-dead`", "`ch01-not-dead`", "ch01-not-dead is neither"),
        ("| ch01-ex5 |", "| ch01-ex6 |", "marks the exercises"),
    ],
)
def test_a_wrong_page_is_refused(old: str, new: str, said: str) -> None:
    wrong = PAGE.replace(old, new)
    if said == "stated:":
        wrong = wrong.replace("75 minutes, the core", "70 minutes, the core")
    assert wrong != PAGE
    assert said in " ".join(problems(CHAPTER, wrong))


def test_binder_installs_what_the_package_needs_as_the_lock_pins_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {re.split(r"[<>=]", each)[0] for each in project["dependencies"]} | {"ipykernel"}
    lines = (ROOT / ".binder" / "requirements.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith(("#", "--"))]
    assert {pin.split("==")[0] for pin in pins} == needed
    assert set(pins) <= set((ROOT / "requirements.txt").read_text("utf-8").splitlines())
    version = (ROOT / ".binder" / "runtime.txt").read_text("utf-8").strip()
    assert version in {"python-3.11", "python-3.12", "python-3.13"}
