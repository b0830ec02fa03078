"""The setup cell, run as a learner would run it: in real processes, in real folders.

``python -S`` leaves out the editable installation of the course, and PYTHONPATH gives
back what Colab has: everything except the course.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tools.chapters import ROOT, setup_source

LIBRARIES = sysconfig.get_path("purelib")


Result = subprocess.CompletedProcess[str]


def set_up(folder: Path, *, archive: str = "", **environment: str) -> Result:
    """Run the setup cell in a folder, where the course is not installed."""
    source, found = re.subn(
        '^ARCHIVE = ".*?"', f"ARCHIVE = {archive!r}", setup_source(), flags=re.M
    )
    assert found == 1
    source += '\nprint("from", cu.__file__)'
    paths = [path for path in (environment.get("PIP_TARGET"), LIBRARIES) if path]
    return subprocess.run(
        [sys.executable, "-S", "-c", source],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def copy_of_the_package(folder: Path) -> Path:
    shutil.copytree(
        ROOT / "course_utils",
        folder / "course_utils",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course as it would be published: a zip file of its sources."""
    sources = copy_of_the_package(tmp_path_factory.mktemp("archive") / "course-main")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, sources)
    return Path(shutil.make_archive(str(sources), "zip", sources.parent, sources.name))


def test_importable_course_is_used_and_versions_are_printed(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", setup_source()], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "torch" in result.stdout
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


@pytest.mark.parametrize("where", [".", "my/own/notes"])
def test_copy_is_found_beside_and_above(tmp_path: Path, where: str) -> None:
    copy_of_the_package(tmp_path)
    folder = tmp_path / where
    folder.mkdir(parents=True, exist_ok=True)
    result = set_up(folder)
    assert result.returncode == 0, result.stderr
    assert f"from {tmp_path / 'course_utils' / '__init__.py'}" in result.stdout


def test_without_course_and_address_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    result = set_up(tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "put course_utils beside this notebook" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_empty_folder_of_that_name_is_not_the_course(tmp_path: Path) -> None:
    (tmp_path / "course_utils").mkdir()  # an upload that did not finish
    result = set_up(tmp_path)
    assert result.returncode == 1
    assert "put course_utils beside this notebook" in result.stderr


def test_published_archive_is_installed_alone(tmp_path: Path, archive: Path) -> None:
    target = tmp_path / "installed"
    empty = tmp_path / "empty"
    empty.mkdir()
    # Nothing is asked of the network: setuptools, which builds the package, is at hand.
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_TARGET": str(target)}
    result = set_up(empty, archive=str(archive), **offline)
    assert result.returncode == 0, result.stderr
    assert f"from {target / 'course_utils' / '__init__.py'}" in result.stdout
    names = {path.name.split("-")[0] for path in target.iterdir()}
    assert names == {"course_utils"}, "something else was installed as well"
    data = [path.relative_to(ROOT) for path in (ROOT / "course_utils").rglob("*.json")]
    assert [path for path in data if not (target / path).is_file()] == []


def test_failing_installation_says_why(tmp_path: Path) -> None:
    missing = str(tmp_path / "no-such.zip")
    result = set_up(tmp_path, archive=missing, PIP_NO_INDEX="1")
    assert result.returncode == 1
    assert f"could not be installed from {missing}" in result.stderr
    assert "ERROR" in result.stderr, "pip's own reason is missing"
    assert "Traceback" not in result.stderr
