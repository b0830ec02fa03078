"""What students get: no solution is in it, and it runs where nothing of the course is."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.chapter_factory import cell, clean_notebook
from tools import pack
from tools.chapters import SETUP_ID, find
from tools.pack import PackError


@pytest.fixture(scope="module")
def chapters() -> list[pack.Chapter]:
    return pack.read(find())


def with_cell(chapter: pack.Chapter, extra: NotebookNode) -> pack.Chapter:
    """The same, with one more cell in the student's notebook."""
    student = nbformat.from_dict(dict(chapter.student))
    student.cells = [*chapter.student.cells, extra]
    return replace(chapter, student=student)


def test_no_chapter_shows_a_solution(chapters: list[pack.Chapter]) -> None:
    notes = pack.check_content(chapters)
    assert all(" stands in course_utils/" in note for note in notes)
    for chapter in chapters:
        for notebook in (chapter.student, chapter.single):
            texts = [each.source for each in notebook.cells if each.cell_type == "markdown"]
            assert not any("folded below" in text or "solution says" in text for text in texts)
            assert sum(pack.is_exercise(each) for each in notebook.cells) >= 4
            assert [each.id for each in notebook.cells].count("your-report") == 1


def test_the_teachers_set_keeps_solutions_and_outputs(chapters: list[pack.Chapter]) -> None:
    for name, content in pack.teachers_files(chapters[:2]).items():
        if name.endswith(".ipynb"):
            kept = nbformat.reads(content.decode(), as_version=4)
            assert any(each.id == "solution-1" and each.outputs for each in kept.cells)


def test_what_is_for_teachers_goes_and_the_rest_stays() -> None:
    stored = clean_notebook()
    stored.cells.append(new_markdown_cell("Ask.", id="a", metadata={"tags": ["teacher"]}))
    notes = {"slideshow": {"slide_type": "notes"}}
    stored.cells.append(new_markdown_cell("Say.", id="b", metadata=notes))
    student = pack.student_notebook(stored, ["01_first.ipynb"])
    ids = [each.id for each in stored.cells if each.id not in ("solution-1", "a", "b")]
    assert [each.id for each in student.cells] == [*ids, "your-report"]
    assert "[a chapter](01_first.ipynb)" in student.cells[0].source
    alone = pack.student_notebook(stored, [])
    assert "and a chapter." in alone.cells[0].source
    assert "[link](https://example.org/a#b)" in alone.cells[0].source
    assert not any(each.get("outputs") or each.get("execution_count") for each in student.cells)


@pytest.mark.parametrize("where", ["text", "tag", "output"])
def test_a_solution_that_is_left_is_found(chapters: list[pack.Chapter], where: str) -> None:
    chapter = chapters[0]
    solution = next(each for each in chapter.stored.cells if each.id == "solution-1")
    if where == "text":
        extra = new_markdown_cell(f"```python\n{solution.source}\n```", id="hint")
    elif where == "tag":
        extra = cell("hint", "1", tags=("solution",))
    else:
        extra = cell("hint")
        extra.execution_count = 3
    with pytest.raises(PackError, match="hint|solution-1 stands in check_yourself.ipynb"):
        pack.check_content([with_cell(chapter, extra)])


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def _best(all, m): return 2 * (1 + m) / (float(all.max()) + float(all.min()))", True),
        ("def _best(all, m): return 2 * (1 - m) / (float(all.max()) + float(all.min()))", False),
        ("def _best(all, m): return 2 * (1 + all) / (float(all.max()) + float(all.min()))", False),
    ],
)
def test_a_solution_in_other_names_is_found(
    chapters: list[pack.Chapter], code: str, found: bool
) -> None:
    chapter = next(each for each in chapters if each.path.stem == "11_descent")
    leaks = pack.leaks([chapter], {"course_utils/checks/descent.py": code})
    assert [leak.split("#")[1].split()[0] for leak in leaks] == ["solution-2"] * found


def test_a_stub_that_was_changed_is_found(chapters: list[pack.Chapter]) -> None:
    with pytest.raises(PackError, match="stubs"):
        pack.check_content([with_cell(chapters[0], cell("exercise-9", tags=("exercise",)))])


def test_both_packs_run_in_an_empty_folder_and_stay_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pack.main(["00"], tmp_path) == 0
    assert capsys.readouterr().out.count("check_yourself.ipynb: runs") == 2
    first = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(first) == {"student-00.zip", "teacher-00.zip", "check_yourself.ipynb", "ran.txt"}
    with zipfile.ZipFile(io.BytesIO(first["student-00.zip"])) as packed:
        names = set(packed.namelist())
        assert {name.split("/")[0] for name in names} == {pack.TITLE}
        assert f"{pack.TITLE}/course_utils/counterexamples/one-sign-long-tail.json" in names
        assert b"course_utils" in packed.read(f"{pack.TITLE}/README.md")
    assert pack.main(["00"], tmp_path) == 0
    assert capsys.readouterr().out.count("check_yourself.ipynb: ran before") == 2
    assert first == {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


NETWORK = 'import socket\nsocket.create_connection(("192.0.2.1", 80))'
PIP = "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip'])"


@pytest.mark.parametrize(("source", "why"), [(NETWORK, "asks the network"), (PIP, "installs")])
def test_the_guard_refuses_network_and_installation(source: str, why: str) -> None:
    command = [sys.executable, "-c", f"{pack.GUARD}\n{source}"]
    assert why in subprocess.run(command, capture_output=True, text=True).stderr


def test_a_notebook_that_needs_more_than_the_pack_is_refused(
    chapters: list[pack.Chapter], tmp_path: Path
) -> None:
    setup = next(each for each in chapters[0].student.cells if each.id == SETUP_ID)
    demanding = new_notebook(cells=[setup, new_code_cell(NETWORK, id="demanding")])
    chapter = replace(chapters[0], student=demanding, single=chapters[0].single)
    with pytest.raises(PackError, match="check_yourself.ipynb#demanding (.|\n)*asks the network"):
        asyncio.run(pack.run_all([chapter], tmp_path / "ran.txt"))
    chapter = replace(chapter, student=new_notebook(cells=[setup]), single=demanding)
    with pytest.raises(PackError, match="course_utils is not here"):
        asyncio.run(pack.run_all([chapter], tmp_path / "ran.txt"))
