"""Executing chapters: in place and to the byte, or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from tests.chapter_factory import cell, write
from tools import arithmetic, chapters, run

ENVIRONMENT = """\
import os
assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
assert os.environ["PYTHONHASHSEED"] == "0" and os.environ["COURSE_SEED_OFFSET"] == "0"
print(os.path.basename(os.getcwd()))"""
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"


@pytest.fixture
def chapter(tmp_path: Path) -> Path:
    cells = [
        new_markdown_cell("# Text", id="title"),
        cell("environment", ENVIRONMENT),
        cell("figure", FIGURE),
    ]
    cells[1].metadata = {"execution": {"iopub.status.busy": "now"}, "tags": ["kept"]}
    (tmp_path / "book").mkdir()
    metadata = {"language_info": {"name": "python", "version": "3.1"}, "colab": {}}
    return write(new_notebook(cells=cells, metadata=metadata), tmp_path / "book" / "02_a.ipynb")


def test_chapter_is_stored_once_and_then_stays_to_the_byte(
    chapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main([str(chapter)]) == 0
    first = chapter.read_bytes()
    notebook = nbformat.reads(first.decode(), as_version=4)
    assert [each.id for each in notebook.cells] == ["title", "environment", "figure"]
    assert notebook.cells[1].outputs[0].text == "book\n"
    assert notebook.cells[1].execution_count == 1
    assert notebook.cells[1].metadata == {"tags": ["kept"]}
    assert "image/png" in notebook.cells[2].outputs[0].data
    here = {arithmetic.KEY: arithmetic.name(run.KERNEL_ENVIRONMENT)}
    assert notebook.metadata == chapters.NOTEBOOK_METADATA | here
    written = chapter.stat().st_mtime_ns

    assert run.main(["--check", str(chapter)]) == 0
    assert run.main([str(chapter)]) == 0
    assert chapter.read_bytes() == first
    assert chapter.stat().st_mtime_ns == written
    assert capsys.readouterr().out.count("identical") == 2
    assert list(chapter.parent.iterdir()) == [chapter], "a draft was left behind"


def test_check_writes_nothing_and_says_what_would_change(
    chapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = chapter.read_bytes()
    assert run.main(["--check", str(chapter)]) == 1
    assert chapter.read_bytes() == before
    assert "would change" in capsys.readouterr().out


@pytest.mark.parametrize("source", ["1 / 0", "import os\nos._exit(1)"], ids=["raises", "dies"])
def test_failing_chapter_is_left_alone_and_its_cell_is_named(
    tmp_path: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [cell("fine", "print(1)"), cell("broken-here", source), cell("after")]
    chapter = write(new_notebook(cells=cells), tmp_path / "02_a.ipynb")
    before = chapter.read_bytes()
    assert run.main([str(chapter)]) == 1
    assert chapter.read_bytes() == before
    error = capsys.readouterr().err
    assert "02_a.ipynb#broken-here" in error
    assert "ZeroDivisionError" in error or "died" in error


def test_a_cell_has_the_time_that_it_is_given(tmp_path: Path) -> None:
    endless = new_notebook(cells=[cell("endless", "while True:\n    pass")])
    with pytest.raises(run.ChapterError, match="endless failed"):
        asyncio.run(run.run_cells(endless, tmp_path / "02_a.ipynb", {}, cell_seconds=1))


def test_setup_cell_becomes_the_canonical_one() -> None:
    notebook = new_notebook(cells=[cell(chapters.SETUP_ID, "old")])
    run.tidy(notebook)
    assert notebook.cells[0].source == chapters.setup_source()
    assert notebook.cells[0].metadata == chapters.SETUP_METADATA


def test_chapters_are_found_by_number(tmp_path: Path) -> None:
    for name in ("01_a.ipynb", "02_b.ipynb", "notes.ipynb"):
        (tmp_path / name).touch()
    assert [path.name for path in chapters.find(book=tmp_path)] == ["01_a.ipynb", "02_b.ipynb"]
    assert [path.name for path in chapters.find(["2"], tmp_path)] == ["02_b.ipynb"]
    with pytest.raises(SystemExit, match="no chapter '03'"):
        chapters.find(["03"], tmp_path)


def test_the_page_before_chapter_1_is_found_first_and_as_number_00(tmp_path: Path) -> None:
    for name in ("01_a.ipynb", chapters.CHECK_YOURSELF, "notes.ipynb"):
        (tmp_path / name).touch()
    first, second = chapters.find(book=tmp_path)
    assert (first.name, second.name) == (chapters.CHECK_YOURSELF, "01_a.ipynb")
    assert chapters.find(["00"], tmp_path) == [first.resolve()]
    assert [chapters.number_of(path) for path in (first, second)] == ["00", "01"]


def test_interrupted_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.write_whole(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
