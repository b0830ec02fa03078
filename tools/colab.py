"""Run every chapter as Colab would, without Colab.

    python -m tools.colab            all chapters
    python -m tools.colab 02         one chapter
    python -m tools.colab --env      make the environment only
    python -m tools.colab --single-file 00
                                     the notebook of the student pack that carries the package

Each chapter runs alone in an empty folder, with Colab's versions of all that the course
imports and without the course: the setup cell installs it, from an archive of this
repository. Every cell must run, every claim come out as expected, every explorer show
itself and answer live, and nothing that Colab has may be replaced.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools import pack
from tools.chapters import ROOT, SETUP_ID, find
from tools.robust import claims_in
from tools.run import AT_ONCE, ChapterError, run_cells

COLABS_PYTHON = "python3.13"
ENVIRONMENT = ROOT / ".venv-colab"
STAMP = ENVIRONMENT / "made-for"
PINS = ROOT / "tools" / "colab-requirements.txt"
DRIVER = ROOT / "tools" / "drive_explorer.py"
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"

Run = Callable[[Path, Path, Path, asyncio.Semaphore], Awaitable[bool]]

KERNEL_ENVIRONMENT = {
    "PYTHONPATH": "",
    "PYTHONNOUSERSITE": "1",
    # Nothing is asked of the network. pip would fetch setuptools to build the course in
    # isolation; the environment has it. (pip reads 0 as: no isolation.)
    "PIP_NO_INDEX": "1",
    "PIP_NO_BUILD_ISOLATION": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else each old kernel remarks on its debugger
}


class NoWheelError(Exception):
    """Colab's versions do not exist for the Python at hand; the message is pip's."""


# --- the environment -------------------------------------------------------------------


def output_of(*command: str | Path) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def interpreter() -> str:
    """Colab's Python if there is one, else the Python that runs this."""
    try:
        output_of(COLABS_PYTHON, "-c", "")
    except (OSError, subprocess.CalledProcessError):
        return sys.executable
    return COLABS_PYTHON


def python_in(environment: Path) -> str:
    """The Python of a virtual environment."""
    return str(environment / "bin" / "python")


def make_environment() -> None:
    """Make the environment with Colab's versions, unless it is there.

    Raises:
        NoWheelError: if a version has no wheel for the Python at hand.
    """
    python = interpreter()
    locked = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    torch = next(line for line in locked.splitlines() if line.startswith("torch=="))
    wanted = output_of(python, "--version") + torch + "\n" + PINS.read_text(encoding="utf-8")
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    print(f"Making the environment in {ENVIRONMENT.name}: about a minute, once.", flush=True)
    output_of(python, "-m", "venv", "--clear", ENVIRONMENT)
    pip = [python_in(ENVIRONMENT), "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    result = subprocess.run(
        [*pip, "--requirement", str(PINS), torch], stderr=subprocess.PIPE, text=True
    )
    if "No matching distribution" in result.stderr or "ResolutionImpossible" in result.stderr:
        raise NoWheelError(f"{output_of(python, '--version').strip()}\n{result.stderr}")
    if result.returncode:
        raise SystemExit(f"The environment could not be made:\n{result.stderr}")
    STAMP.write_text(wanted, encoding="utf-8")


def throw_away(folder: Path) -> str:
    """A Python that has all of the environment, and installs into a folder of its own."""
    output_of(python_in(ENVIRONMENT), "-m", "venv", "--without-pip", folder)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    python = python_in(folder)
    shared = output_of(python_in(ENVIRONMENT), "-c", where)
    (Path(output_of(python, "-c", where).strip()) / "colab.pth").write_text(shared)
    return python


def freeze(python: str) -> set[str]:
    """The packages that a Python has, with their versions."""
    return set(output_of(python, "-m", "pip", "freeze", "--all").splitlines())


def archive(path: Path) -> None:
    """Write the repository as a zip file, as GitHub gives it: all in one folder."""
    listed = ("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others")
    names = output_of(*listed, "--exclude-standard").split("\0")
    with zipfile.ZipFile(path, "w") as packed:
        for name in sorted(names):
            if (ROOT / name).is_file():
                packed.write(ROOT / name, f"course-main/{name}")


# --- a chapter -------------------------------------------------------------------------


def shows_explorer(cell: NotebookNode) -> bool:
    """Whether a stored explorer is among the outputs of a cell."""
    pages = [output.get("data", {}).get("text/html", "") for output in cell.get("outputs", [])]
    return any("course-explorer" in page for page in pages)


def is_live(cell: NotebookNode) -> bool:
    """Whether a widget is among the outputs of a cell."""
    return any(WIDGET_MIME in output.get("data", {}) for output in cell.get("outputs", []))


def as_in_colab(stored: NotebookNode, published: Path) -> NotebookNode:
    """A chapter that installs the course from an archive; nothing else is changed.

    After each cell with an explorer stands one more, which makes it live and drives it.
    """
    cells = []
    for cell in stored.cells:
        fresh = nbformat.from_dict({**cell, "outputs": []} if "outputs" in cell else cell)
        if cell.id == SETUP_ID:
            address = f"ARCHIVE = {str(published)!r}"
            fresh.source = re.sub(r"^ARCHIVE = \S+", address, cell.source, flags=re.MULTILINE)
        cells.append(fresh)
        if shows_explorer(cell):
            live = cell.source.replace("cu.explore(", "drive(cu.explore, ")
            source = f"{DRIVER.read_text(encoding='utf-8')}\n\n{live}"
            cells.append(nbformat.v4.new_code_cell(source, id=f"{cell.id}-live"))
    return nbformat.v4.new_notebook(cells=cells)


def problems_in(stored: NotebookNode, run: NotebookNode) -> list[str]:
    """What a chapter lacks, or claims otherwise, when it was run as in Colab."""
    claims = {claim["id"]: claim for claim in claims_in(run)}
    missing = {claim["id"] for claim in claims_in(stored)} - set(claims)
    problems = [f"the claim {name} was not made" for name in sorted(missing)]
    for name, claim in claims.items():
        if claim["holds"] != claim["expected"]:
            problems.append(f"{name}: holds is {claim['holds']}, expected {claim['expected']}")
    cells = {cell.id: cell for cell in run.cells}
    for cell in stored.cells:
        if shows_explorer(cell) and not shows_explorer(cells[cell.id]):
            problems.append(f"{cell.id}: the explorer does not show itself")
        if shows_explorer(cell) and not is_live(cells[f"{cell.id}-live"]):
            problems.append(f"{cell.id}: the explorer does not come live")
    return problems


def problems_with_packages(before: set[str], after: set[str]) -> list[str]:
    """What a chapter did to the packages besides installing the course."""
    added = [line for line in after - before if not line.startswith("course_utils")]
    problems = [f"installed: {line}" for line in sorted(added)]
    problems += [f"gone or replaced: {line}" for line in sorted(before - after)]
    if len(after - before) == len(added):
        problems.append("the setup cell did not install the course")
    return problems


def answers(run: NotebookNode) -> list[str]:
    """What the live explorers of a chapter printed."""
    return [
        f"{cell.id}: {output.text.strip()}"
        for cell in run.cells
        for output in cell.get("outputs", [])
        if is_live(cell) and output.output_type == "stream"
    ]


def install_kernel(name: str, folder: Path) -> tuple[str, str]:
    """A throw-away Python and the name of its kernel."""
    python = throw_away(folder / "environments" / name)
    kernel = folder / "kernels" / name.lower()
    kernel.mkdir(parents=True)
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": name, "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    return python, kernel.name


async def run_chapter(path: Path, folder: Path, published: Path, turn: asyncio.Semaphore) -> bool:
    """Run one chapter as in Colab, and report. True if all is well."""
    async with turn:
        python, kernel = install_kernel(path.stem, folder)
        stored = nbformat.read(path, as_version=4)
        run = as_in_colab(stored, published)
        alone = folder / "empty" / path.stem / path.name
        alone.parent.mkdir(parents=True)
        nbformat.write(run, alone)
        before = freeze(python)
        try:
            seconds = await run_cells(run, alone, KERNEL_ENVIRONMENT, kernel)
        except ChapterError as error:
            print(error, file=sys.stderr)
            return False
        problems = problems_in(stored, run) + problems_with_packages(before, freeze(python))
    print(f"{path.name}: {seconds:.1f} s, {len(claims_in(run))} claims", flush=True)
    print("".join(f"  {line}\n" for line in answers(run)), end="")
    print("".join(f"{path.name}: {problem}\n" for problem in problems), end="", file=sys.stderr)
    return not problems


async def run_single_file(path: Path, folder: Path, _: Path, turn: asyncio.Semaphore) -> bool:
    """Run the notebook that carries the package as in Colab, and report. True if all is well."""
    async with turn:
        python, kernel = install_kernel(path.stem, folder)
        (chapter,) = pack.read([path])
        alone = folder / "empty" / path.stem / path.name
        alone.parent.mkdir(parents=True)
        run = pack.ready_to_run(chapter.single, alone.parent)  # asks the network for nothing
        environment = {**KERNEL_ENVIRONMENT, "TMPDIR": str(alone.parent)}  # where it unpacks
        before = freeze(python)
        try:
            seconds = await run_cells(run, alone, environment, kernel)
        except ChapterError as error:
            print(error, file=sys.stderr)
            return False
        changed = before ^ freeze(python)
    print(f"{path.name}: single file, {seconds:.1f} s", flush=True)
    print("".join(f"{path.name}: changed {line}\n" for line in changed), end="", file=sys.stderr)
    return not changed


async def run_chapters(paths: Sequence[Path], run: Run = run_chapter) -> bool:
    """Run chapters as in Colab, ``AT_ONCE`` at a time. True if all is well."""
    turn = asyncio.Semaphore(AT_ONCE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        os.environ["JUPYTER_PATH"] = str(folder)  # where Jupyter looks for kernels
        published = folder / "course-main.zip"
        archive(published)
        runs = (run(path, folder, published, turn) for path in paths)
        return all(await asyncio.gather(*runs))


def versions() -> str:
    """The versions that chapters run with, in one line."""
    python = python_in(ENVIRONMENT)
    names = re.findall(r"^[a-z-]+(?===)", PINS.read_text(encoding="utf-8"), re.MULTILINE)
    pinned = [line for line in freeze(python) if line.split("==")[0] in (*names, "torch")]
    return ", ".join([output_of(python, "--version").strip(), *sorted(pinned)])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 if every chapter runs as in Colab, or if that cannot be tried here."""
    parser = argparse.ArgumentParser(prog="tools.colab", description="Chapters as in Colab.")
    parser.add_argument("chapter", nargs="*", help="a number such as 02, or a path; none means all")
    parser.add_argument("--env", action="store_true", help="make the environment, run nothing")
    parser.add_argument(
        "--single-file", action="store_true", help="run what the pack has for Colab instead"
    )
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        make_environment()
    except NoWheelError as error:
        print(f"SKIPPED, nothing was run as in Colab: pip lacks versions for {error}")
        return 0
    print(versions())
    good = options.env or asyncio.run(
        run_chapters(find(options.chapter), run_single_file if options.single_file else run_chapter)
    )
    print(f"As in Colab: {time.perf_counter() - started:.0f} s in all.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
