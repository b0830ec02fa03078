"""The files by which others join: licences, citation, workflows."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from tools.chapters import ROOT
from tools.markdown import INLINE_CODE

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
RUN_MAKE = re.compile(r"make ([a-z-]+)")


def schema_errors(schema: str, *paths: Path) -> str:
    """What a published schema says against files; empty if it accepts them."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0"])
def test_every_pinned_package_admits_every_python_of_the_course(python):
    # Debian 12 has Python 3.11.2: packages that ask for 3.11.5 cannot be installed there.
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pinned = [line.split("==")[0] for line in lines if "==" in line and ";" not in line]
    needs = {name: metadata(name)["Requires-Python"] for name in pinned}
    assert len(needs) > 100
    assert [name for name, need in needs.items() if need and python not in SpecifierSet(need)] == []


def workflow(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key "on" as true; as text it stays.
    data: dict[str, Any] = yaml.load(path.read_text(), yaml.BaseLoader)
    return data


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def test_there_are_workflows_and_their_schema_accepts_them() -> None:
    assert [path.stem for path in WORKFLOWS] == ["pages", "test"]
    assert schema_errors("github-workflows", *WORKFLOWS) == ""


def test_the_schema_refuses_a_wrong_workflow(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs:"))
    assert "runs" in schema_errors("github-workflows", wrong)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_make_and_nothing_else(path: Path) -> None:
    commands = [step["run"] for step in steps(path) if "run" in step]
    assert commands
    for command in commands:
        found = RUN_MAKE.fullmatch(command)
        assert found, f"not one make command: {command}"
        assert found[1] in TARGETS, f"there is no such target: {command}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_only_read_unless_a_job_says_otherwise(path: Path) -> None:
    data = workflow(path)
    assert data["permissions"] == {"contents": "read"}
    more = {name: job["permissions"] for name, job in data["jobs"].items() if "permissions" in job}
    assert more in ({}, {"deploy": {"pages": "write", "id-token": "write"}})
    for step in steps(path):
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v1"))


def test_the_workflow_tests_the_oldest_and_the_newest_python() -> None:
    tested = workflow(ROOT / ".github/workflows/test.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert tested["python"] == ["3.11", "3.13"]
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / "Makefile").read_text()


def test_the_citation_is_valid() -> None:
    assert schema_errors("citation-file-format", ROOT / "CITATION.cff") == ""


def test_the_schema_refuses_a_wrong_citation(tmp_path: Path) -> None:
    wrong = tmp_path / "CITATION.cff"
    wrong.write_text((ROOT / "CITATION.cff").read_text().replace("authors:", "author:"))
    assert "authors" in schema_errors("citation-file-format", wrong)


def test_code_and_text_have_their_licences() -> None:
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    content = (ROOT / "LICENSE-CONTENT").read_text()
    assert content.startswith("Creative Commons Attribution 4.0 International")
    for section in range(1, 9):
        assert f"\nSection {section} – " in content
    assert 'license = "MIT"' in (ROOT / "pyproject.toml").read_text()


NAMED = re.compile(r"`((?:\.github|book|course_utils|tests|tools)/[\w./-]*[\w/])`")
EXAMPLES = {
    "book/NN_topic.ipynb",
    "book/teaching/chapter_NN.md",
    "course_utils/maps/topic.py",
    "course_utils/counterexamples/some-words.json",
}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_files_and_commands_that_a_page_names_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", INLINE_CODE.sub("", text))
    names = set(NAMED.findall(text)) | set(links)
    assert {name for name in names if not (ROOT / name).exists()} <= EXAMPLES
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= TARGETS
