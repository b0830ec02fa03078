"""Publishing: every place that names the course's address agrees, and nothing else changes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from nbformat import NotebookNode

from tests.chapter_factory import clean_notebook
from tools import publish, run, structure
from tools.chapters import ROOT
from tools.publish import Address, PublishError, changes, current, disagreements

ADDRESS = Address.parse("https://github.com/Ada/her-fork", "v1.0")
OTHER = Address.parse("https://github.com/someone/else", "v2.0-rc1")
SITE = "https://ada.github.io/her-fork/"
COLAB = "https://colab.research.google.com/github/Ada/her-fork/blob/v1.0/book/"
FILES = ("_config.yml", "CITATION.cff", "tools/setup_cell.py")
LINKS = """\
[One](01_first.ipynb), [all](reference/claims.md "Claims"), [far](https://example.org/a.html),
and [two][two].

[two]: 02_second.ipynb
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A small course that is not published, whatever the real one is."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "book" / "reference").mkdir(parents=True)
    (tmp_path / "book" / "reference" / "claims.md").write_text("# Claims\n")
    for name in ("01_first", "02_second"):
        notebook = clean_notebook()
        notebook.cells[0].source = LINKS
        (tmp_path / "book" / f"{name}.ipynb").write_bytes(run.to_bytes(notebook))
    publish.write_all(changes(tmp_path, None))
    return tmp_path


def to(course: Path, address: Address | None) -> None:
    publish.write_all(changes(course, address))


def contents(course: Path) -> dict[str, bytes]:
    files = (path for path in course.rglob("*") if path.is_file())
    return {path.relative_to(course).as_posix(): path.read_bytes() for path in files}


def notebook(course: Path, name: str = "02_second") -> NotebookNode:
    return structure.read(course / "book" / f"{name}.ipynb").notebook


def cell(course: Path, cell_id: str) -> NotebookNode:
    return next(cell for cell in notebook(course).cells if cell.id == cell_id)


# --- the repository as it stands ---------------------------------------------------------


def test_all_places_of_the_repository_agree() -> None:
    assert disagreements() == [], "run make publish with the address that _config.yml names"


# --- what publishing does ----------------------------------------------------------------


def test_unpublished_nothing_names_an_address(course: Path) -> None:
    assert current(course) is None
    assert disagreements(course) == []
    for name, content in contents(course).items():
        text = content.decode()
        assert "github.io" not in text and "badge" not in text, name
        assert "https://github.com" not in text, name


def test_every_place_names_the_address(course: Path) -> None:
    to(course, ADDRESS)
    assert current(course) == ADDRESS
    assert disagreements(course) == []
    config = yaml.safe_load((course / "_config.yml").read_text())["sphinx"]["config"]
    assert config["course_repository"] == "https://github.com/Ada/her-fork"
    assert (config["course_tag"], config["html_baseurl"]) == ("v1.0", SITE)
    citation = yaml.safe_load((course / "CITATION.cff").read_text())
    assert citation["repository-code"] == config["course_repository"]
    assert (citation["url"], citation["version"]) == (SITE, "v1.0")
    archive = '"https://github.com/Ada/her-fork/archive/refs/tags/v1.0.zip"'
    setup = (course / "tools" / "setup_cell.py").read_text()
    assert f"ARCHIVE = {archive}" in setup
    assert cell(course, "set-up").source == setup.rstrip("\n")
    badge = notebook(course).cells[0]
    assert f"({COLAB}02_second.ipynb)" in badge.source
    assert badge.metadata.tags == ["remove-cell"]


def test_links_of_chapters_lead_to_the_site(course: Path) -> None:
    to(course, ADDRESS)
    assert cell(course, "what-it-is-about").source == (
        f'[One]({SITE}book/01_first.html), [all]({SITE}book/reference/claims.html "Claims"), '
        f"[far](https://example.org/a.html),\nand [two][two].\n\n[two]: {SITE}book/02_second.html\n"
    )


def test_neither_outputs_nor_code_nor_other_files_change(course: Path) -> None:
    before, cells = contents(course), {cell.id: cell for cell in notebook(course).cells}
    to(course, ADDRESS)
    after = contents(course)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {*FILES, "book/01_first.ipynb", "book/02_second.ipynb"}
    assert set(after) == set(before), "a file was added or left behind"
    for now in notebook(course).cells[1:]:
        was = cells[now.id]
        assert now.get("outputs") == was.get("outputs")
        assert now.get("execution_count") == was.get("execution_count")
        assert now.metadata == was.metadata
        assert now.source == was.source or now.id in ("set-up", "what-it-is-about")


def test_publishing_twice_changes_nothing(course: Path) -> None:
    to(course, ADDRESS)
    assert changes(course, ADDRESS) == {}


def test_another_address_replaces_the_first(course: Path) -> None:
    to(course, OTHER)
    at_once = contents(course)
    to(course, None)
    to(course, ADDRESS)
    to(course, OTHER)
    assert contents(course) == at_once
    assert not [name for name, content in at_once.items() if b"Ada" in content]


def test_the_way_back(course: Path) -> None:
    before = contents(course)
    to(course, ADDRESS)
    to(course, None)
    assert contents(course) == before


def test_published_chapters_keep_the_rules(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to(course, ADDRESS)
    setup = (course / "tools" / "setup_cell.py").read_text().rstrip("\n")
    monkeypatch.setattr(structure, "setup_source", lambda: setup)
    assert structure.check(structure.read(course / "book" / "02_second.ipynb")) == []


# --- negative controls: one place altered, and the check says which -----------------------


def in_text(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


def without_badge(text: str) -> str:
    data = json.loads(text)
    del data["cells"][0]
    return json.dumps(data)


ALTERED = [
    ("_config.yml", in_text('html_baseurl: "https://ada.', 'html_baseurl: "https://bob.')),
    ("CITATION.cff", in_text("v1.0", "v1.1")),
    ("CITATION.cff", in_text("Ada/her-fork", "Ada/fork")),
    ("tools/setup_cell.py", in_text("v1.0.zip", "v1.1.zip")),
    ("book/01_first.ipynb", in_text("v1.0.zip", "v1.1.zip")),
    ("book/01_first.ipynb", in_text("blob/v1.0/", "blob/main/")),
    ("book/01_first.ipynb", in_text("blob/v1.0/book/01_first", "blob/v1.0/book/02_second")),
    ("book/01_first.ipynb", in_text(f"{SITE}book/02", "https://bob.github.io/x/book/02")),
    ("book/01_first.ipynb", in_text(f"{SITE}book/02_second.html", "02_second.ipynb")),
    ("book/01_first.ipynb", without_badge),
]


@pytest.mark.parametrize(("name", "alter"), ALTERED)
def test_one_altered_place_is_seen(course: Path, name: str, alter: Callable[[str], str]) -> None:
    to(course, ADDRESS)
    path = course / name
    text = path.read_text()
    path.write_text(alter(text))
    assert path.read_text() != text
    # All chapters follow the setup cell's own file.
    assert name in disagreements(course)


@pytest.mark.parametrize("key", ["course_repository", "course_tag"])
def test_another_address_in_the_configuration_is_seen(course: Path, key: str) -> None:
    to(course, ADDRESS)
    path = course / "_config.yml"
    values = {"course_repository": OTHER.repository, "course_tag": OTHER.tag}
    config = yaml.safe_load(path.read_text())["sphinx"]["config"]
    path.write_text(path.read_text().replace(f'{key}: "{config[key]}"', f'{key}: "{values[key]}"'))
    assert "CITATION.cff" in disagreements(course)


def test_an_address_too_many_is_seen(course: Path) -> None:
    path = course / "CITATION.cff"
    path.write_text(path.read_text() + 'url: "https://ada.github.io/her-fork/"\n')
    assert disagreements(course) == ["CITATION.cff"]


# --- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "repository",
    ["", "Ada/her-fork", "http://github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a",
     "https://github.com/a/b/tree/main", "https://github.com/a/..", "https://github.com/-a/b",
     "https://github.com/a/b c", 'https://github.com/a/b"', "https://github.com/a/b\n"],
)  # fmt: skip
def test_bad_addresses_are_refused(repository: str) -> None:
    with pytest.raises(PublishError, match="REPO must be like"):
        Address.parse(repository, "v1.0")


@pytest.mark.parametrize(
    "tag", ["", "v 1", "v1/2", "-v1", ".v1", "v1.", "v1..2", "v1.lock", "v1~", 'v1"', "v1\n", "é"]
)
def test_bad_tags_are_refused(tag: str) -> None:
    with pytest.raises(PublishError, match="TAG must be"):
        Address.parse(ADDRESS.repository, tag)


@pytest.mark.parametrize("end", ["", "/", ".git"])
def test_addresses_as_people_copy_them(end: str) -> None:
    assert Address.parse(f"https://github.com/Ada/her-fork{end}", "v1.0") == ADDRESS


def test_site_of_a_repository_named_like_it() -> None:
    assert (
        Address.parse("https://github.com/Ada/ada.github.io", "1").site == "https://ada.github.io/"
    )


# --- the command ---------------------------------------------------------------------------


def test_the_command_says_what_remains(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish.main([ADDRESS.repository, "v1.0"], course) == 0
    said = capsys.readouterr().out
    assert 'git commit -m "Publish v1.0" -- _config.yml' in said
    assert "git push https://github.com/Ada/her-fork HEAD:main v1.0" in said
    assert publish.main([ADDRESS.repository, "v1.0"], course) == 0
    assert "nothing" in capsys.readouterr().out
    assert publish.main(["--undo"], course) == 0
    assert current(course) is None


@pytest.mark.parametrize("arguments", [[], ["", ""], ["https://github.com/a/b", ""], ["a", "v1"]])
def test_the_command_refuses_and_changes_nothing(
    course: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    before = contents(course)
    assert publish.main(arguments, course) == 1
    assert capsys.readouterr().err.startswith("Nothing was changed: ")
    assert contents(course) == before


def test_a_file_that_cannot_be_written_leaves_all_as_they_were(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(course)
    write = run.write_whole

    def full_disk(path: Path, content: bytes) -> None:
        if path.name == "02_second.ipynb":
            raise OSError("no space left on device")
        write(path, content)

    monkeypatch.setattr(publish, "write_whole", full_disk)
    assert publish.main([ADDRESS.repository, "v1.0"], course) == 1
    assert contents(course) == before


def test_a_missing_line_stops_the_command(course: Path) -> None:
    path = course / "_config.yml"
    path.write_text(path.read_text().replace("course_tag", "tag"))
    before = contents(course)
    assert publish.main([ADDRESS.repository, "v1.0"], course) == 1
    assert contents(course) == before


def test_make_passes_the_address_on_as_it_is() -> None:
    command = ["make", "--dry-run", "publish", "REPO=$$(touch x)", "TAG=`touch y`"]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert 'tools.publish "$REPO" "$TAG"' in recipe
    assert "touch" not in recipe
