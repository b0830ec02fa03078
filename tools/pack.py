"""Write what a teacher hands out: the chapters without solutions, and the teacher's own set.

    python -m tools.pack             all chapters
    python -m tools.pack 02 05       some

In _build/pack/:

    student.zip              chapters without solutions, course_utils beside them
    single-file/NN_….ipynb   each chapter with the package inside, for Colab
    teacher.zip              chapters with solutions and outputs, and the teacher's pages

Nothing is written unless it was checked: no solution is left, and every notebook of both
kinds runs from top to bottom in an empty folder, without network, with its stubs untouched.
What ran once is not run again until it changes.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import base64
import hashlib
import io
import json
import os
import re
import sys
import sysconfig
import tempfile
import textwrap
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tools.chapters import (
    BOOK,
    CELL_METADATA,
    ROOT,
    SETUP_ID,
    SETUP_METADATA,
    find,
    number_of,
    setup_source,
)
from tools.publish import chapter_for, setup_for
from tools.run import AT_ONCE, ChapterError, run_cells, to_bytes, write_whole
from tools.structure import stored_verdicts

OUT = ROOT / "_build" / "pack"
TITLE = "impediments-to-learning"
DATE = (1980, 1, 1, 0, 0, 0)  # of every file, so that equal content gives equal archives
KERNEL = "course-pack"
CELL_SECONDS = 1800  # ends endless loops; a busy or slow machine must not stop a pack

TEACHERS = {"solution", "teacher"}  # tags of cells that students do not get
ABOUT_SOLUTIONS = re.compile(
    r" ?(A (worked )?solution is folded below each (exercise|question)|The solution says)\."
)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(<?([\w./-]+\.(?:ipynb|md))>?\)")

README = """\
# Impediments to Learning

Keep `course_utils` beside the notebooks. Nothing else of the course is installed.

- **Jupyter, VS Code**: unpack this archive and open a notebook in its folder.
- **Colab**: use the single-file notebooks, which have the package inside. Or put this folder
  into your Drive, mount it, and change into the folder in a first cell: `%cd /content/drive/…`
- The notebooks need Python 3.11 or later, Jupyter, and: {packages}.

Each exercise has a check, which gives hints. `cu.progress()` shows how far you are.
Text and figures: CC BY 4.0 (`LICENSE-CONTENT`). Code: MIT (`LICENSE`).
"""

# Put before everything when a notebook is tried out: no network, and nothing is installed.
GUARD = """\
import sys

def guard(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        assert arguments[1][0] in ("127.0.0.1", "::1"), f"asks the network: {arguments[1]}"
    if event == "socket.getaddrinfo":
        assert arguments[0] in ("127.0.0.1", "localhost", None), f"asks the network: {arguments[0]}"
    if event == "subprocess.Popen":
        assert "pip" not in map(str, arguments[1]), "installs something"

sys.addaudithook(guard)"""
FOUND = "from pathlib import Path\nassert Path(cu.__file__).is_relative_to({folder!r}), cu.__file__"


class PackError(Exception):
    """Why nothing was written."""


@dataclass(frozen=True)
class Chapter:
    """One chapter, as the teacher has it and as students get it."""

    path: Path
    stored: NotebookNode
    student: NotebookNode
    single: NotebookNode


# --- notebooks -------------------------------------------------------------------------


def is_for_teachers(cell: NotebookNode) -> bool:
    """Whether a cell is a solution, a note for teachers, or a speaker's note."""
    tags = set(cell.metadata.get("tags", []))
    notes = cell.metadata.get("slideshow", {}).get("slide_type") == "notes"
    return bool(tags & TEACHERS) or notes


def without_links(text: str, kept: Sequence[str]) -> str:
    """Prose whose links lead only to files that are there."""
    return LINK.sub(lambda link: link[0] if link[2] in kept else link[1], text)


def student_notebook(stored: NotebookNode, kept: Sequence[str]) -> NotebookNode:
    """A chapter with stubs only, and without outputs: a learner predicts before seeing.

    Args:
        stored: the chapter.
        kept: the names of the files beside it.
    """
    cells = []
    for cell in stored.cells:
        if is_for_teachers(cell):
            continue
        fresh = nbformat.from_dict(dict(cell))
        fresh.metadata = nbformat.from_dict(
            {key: value for key, value in cell.metadata.items() if key in CELL_METADATA}
        )
        if cell.cell_type == "code":
            fresh.outputs, fresh.execution_count = [], None
        else:
            fresh.source = without_links(ABOUT_SOLUTIONS.sub("", cell.source), kept)
        cells.append(fresh)
    last = max((i for i, cell in enumerate(cells) if is_exercise(cell)), default=None)
    if last is not None:
        source = "cu.progress()\ncu.report()  # a summary to paste"
        cells.insert(last + 1, new_code_cell(source, id="your-report"))
    return nbformat.v4.new_notebook(cells=cells, metadata=stored.metadata)


def is_exercise(cell: NotebookNode) -> bool:
    """Whether a cell is the stub of an exercise."""
    return "exercise" in cell.metadata.get("tags", [])


def single_file(student: NotebookNode, package: bytes) -> NotebookNode:
    """A student's chapter that carries the package, in a folded cell before the set-up."""
    template = (ROOT / "tools" / "package_cell.py").read_text(encoding="utf-8").rstrip("\n")
    lines = textwrap.wrap(base64.b64encode(package).decode(), 120)
    source = template.replace('"""\n"""', '"""\n' + "\n".join(lines) + '\n"""')
    notebook = nbformat.from_dict(dict(student))
    notebook.cells = []
    for cell in student.cells:
        fresh = nbformat.from_dict(dict(cell))
        if cell.id == SETUP_ID:
            metadata = nbformat.from_dict(SETUP_METADATA)
            notebook.cells.append(new_code_cell(source, id="course-package", metadata=metadata))
        if cell.cell_type == "markdown":
            fresh.source = without_links(cell.source, ())
        notebook.cells.append(fresh)
    return notebook


# --- archives --------------------------------------------------------------------------


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip file; the same files give the same bytes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return written.getvalue()


def package_files() -> dict[str, bytes]:
    """The course's package, with its data."""
    folder = ROOT / "course_utils"
    paths = [path for path in folder.rglob("*") if path.suffix in (".py", ".json")]
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}


def common_files() -> dict[str, bytes]:
    """What lies beside the notebooks: the package, how to begin, the licences."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[><=]", dependency)[0] for dependency in project["dependencies"]]
    files = {**package_files(), "README.md": README.format(packages=", ".join(names)).encode()}
    for name in ("LICENSE", "LICENSE-CONTENT"):
        files[name] = (ROOT / name).read_bytes()
    return files


def teachers_files(chapters: Sequence[Chapter]) -> dict[str, bytes]:
    """The teacher's own set: chapters as they are stored, and the teacher's pages."""
    files = {chapter.path.name: chapter.path.read_bytes() for chapter in chapters}
    for path in sorted((BOOK / "teaching").rglob("*.md")):
        files[path.relative_to(BOOK).as_posix()] = path.read_bytes()
    return {**files, **common_files()}


def read(paths: Sequence[Path]) -> list[Chapter]:
    """The chapters in their three forms. They are not tied to the place of publication."""
    package, kept = archive(package_files()), [path.name for path in paths]
    setup = setup_for(setup_source(), None)
    chapters = []
    for path in paths:
        text = chapter_for(path.read_text(encoding="utf-8"), path, ROOT, setup, None)
        stored = nbformat.reads(text, as_version=4)
        student = student_notebook(stored, kept)
        chapters.append(Chapter(path, stored, student, single_file(student, package)))
    return chapters


# --- nothing of the solutions is left --------------------------------------------------


def squeezed(text: str) -> str:
    """A text without any space."""
    return re.sub(r"\s+", "", text)


def telling_lines(chapter: Chapter) -> Iterator[tuple[str, list[str]]]:
    """For each solution its lines that say something, without spaces."""
    stubs = squeezed("\n".join(cell.source for cell in chapter.stored.cells if is_exercise(cell)))
    for cell in chapter.stored.cells:
        if "solution" in cell.metadata.get("tags", []):
            lines = [squeezed(line) for line in cell.source.splitlines()]
            lines = [line for line in lines if len(line) >= 10 and line not in stubs]
            dull = ("#@title", "import", "from", "for", "while")  # anybody writes such
            yield cell.id, [line for line in lines if not line.startswith(dull)]


class Erased(ast.NodeTransformer):
    """Numbers names in the order of their first use, and takes ``torch.`` and ``float()`` away."""

    def __init__(self) -> None:
        """No name is known yet."""
        self.names: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A name becomes its number."""
        return ast.Name(self.names.setdefault(node.id, str(len(self.names))))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """``torch.sqrt`` becomes ``sqrt``."""
        if isinstance(node.value, ast.Name) and node.value.id in ("torch", "math"):
            return ast.Name(node.attr)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """``float(x)`` becomes ``x``."""
        converts = isinstance(node.func, ast.Name) and node.func.id in ("float", "int", "bool")
        if converts and len(node.args) == 1:
            return self.visit(node.args[0])
        return self.generic_visit(node)


def forms(code: str) -> dict[str, int]:
    """What a program computes, in other words or not: its expressions, and how long each is.

    What is too short to tell, such as a sum of two, is left out; all of what is not Python.
    """
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except SyntaxError:
        return {}
    steps = (ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare, ast.Subscript, ast.Attribute, ast.IfExp)
    found = {}
    for node in nodes:
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)) and node.value:
            length = sum(isinstance(part, steps) for part in ast.walk(node.value))
            if length >= 3:
                found[ast.dump(Erased().visit(node.value))] = length
    return found


def telling_forms(chapter: Chapter) -> Iterator[tuple[str, dict[str, int]]]:
    """For each solution what it computes."""
    for cell in chapter.stored.cells:
        if "solution" in cell.metadata.get("tags", []):
            yield cell.id, forms(cell.source)


def leaks(chapters: Sequence[Chapter], files: Mapping[str, str]) -> list[str]:
    """The solutions of which most stands in some file, word for word or with other names.

    Single lines may: a loop, or a step that the chapter itself shows.
    """
    texts = {name: squeezed(text) for name, text in files.items()}
    programs = {name: forms(text) for name, text in files.items()}
    found = []
    for chapter in chapters:
        for (name, lines), (_, said) in zip(
            telling_lines(chapter), telling_forms(chapter), strict=True
        ):
            for file, text in texts.items():
                share = sum(len(line) for line in lines if line in text)
                same = sum(length for form, length in said.items() if form in programs[file])
                if share > sum(map(len, lines)) / 2 or same > sum(said.values()) / 2:
                    found.append(f"{chapter.path.name}#{name} stands in {file}")
    return found


def problems_in(chapter: Chapter, notebook: NotebookNode) -> list[str]:
    """What a student's notebook has that it should not have, or lacks."""
    problems = []
    for cell in notebook.cells:
        if is_for_teachers(cell) or cell.id.startswith("solution"):
            problems.append(f"{cell.id}: a cell for teachers")
        if cell.get("outputs") or cell.get("execution_count"):
            problems.append(f"{cell.id}: an output")
        if cell.cell_type == "markdown" and re.search(
            r"solutions? (\w+ )?(folded|below)", cell.source
        ):
            problems.append(f"{cell.id}: speaks of a solution that is not there")
    stubs = {cell.id: cell.source for cell in notebook.cells if is_exercise(cell)}
    wanted = {cell.id: cell.source for cell in chapter.stored.cells if is_exercise(cell)}
    if stubs != wanted or not wanted:
        problems.append(f"stubs {sorted(stubs)}, expected those of the chapter, {sorted(wanted)}")
    return [f"{chapter.path.name}: {problem}" for problem in problems]


def check_content(chapters: Sequence[Chapter]) -> list[str]:
    """Check what students get; the notes are on formulas that the package itself has.

    Raises:
        PackError: if anything of a solution is left where students look.
    """
    problems, files = [], {}
    for chapter in chapters:
        problems += problems_in(chapter, chapter.student) + problems_in(chapter, chapter.single)
        files[chapter.path.name] = "\n".join(cell.source for cell in chapter.student.cells)
    package = {name: content.decode() for name, content in package_files().items()}
    checks = {name: text for name, text in package.items() if "/checks/" in name}
    library = {name: text for name, text in package.items() if name not in checks}
    problems += leaks(chapters, {**files, **checks})
    if problems:
        raise PackError("\n".join(problems))
    return leaks(chapters, library)


# --- every notebook runs ---------------------------------------------------------------


def ready_to_run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """A notebook that fails if it asks the network, installs, or finds another course."""
    tried = nbformat.reads(nbformat.writes(notebook), as_version=4)
    place = next(i for i, cell in enumerate(tried.cells) if cell.id == SETUP_ID)
    tried.cells.insert(place + 1, new_code_cell(FOUND.format(folder=str(folder)), id="found"))
    tried.cells.insert(0, new_code_cell(GUARD, id="guard"))
    return tried


async def try_out(path: Path, package_in: Path, turn: asyncio.Semaphore) -> None:
    """Run a notebook where it lies.

    Raises:
        PackError: if a cell fails, or an untouched stub counts as an attempt.
    """
    async with turn:
        notebook = ready_to_run(nbformat.read(path, as_version=4), package_in)
        libraries = os.pathsep.join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
        environment = {"PYTHONPATH": libraries, "TMPDIR": str(package_in)}
        try:
            seconds = await run_cells(notebook, path, environment, KERNEL, CELL_SECONDS)
        except ChapterError as error:
            raise PackError(str(error)) from None
    print(f"{path.parent.name}/{path.name}: runs, {seconds:.1f} s", flush=True)
    for cell in notebook.cells:
        if is_exercise(cell) and stored_verdicts(cell) != [False]:
            raise PackError(f"{path.name}#{cell.id}: the untouched stub passes its check")


def digest(notebook: NotebookNode) -> str:
    """What a notebook that ran is remembered by: its bytes, and those of the package."""
    return hashlib.sha256(to_bytes(notebook) + archive(package_files())).hexdigest()


async def run_all(chapters: Sequence[Chapter], ran: Path) -> None:
    """Run both kinds of notebooks, each in a folder with nothing of the course around it."""
    before = set(ran.read_text().split()) if ran.exists() else set()
    turn = asyncio.Semaphore(AT_ONCE)

    async def once(notebook: NotebookNode, path: Path, package_in: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_bytes(notebook))
        name = digest(notebook)
        if name in before:
            print(f"{path.parent.name}/{path.name}: ran before")
            return
        await try_out(path, package_in, turn)
        with ran.open("a") as file:
            file.write(f"{name}\n")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        install_kernel(folder)
        beside, alone = folder / "student", folder / "single-file"
        with zipfile.ZipFile(io.BytesIO(archive(package_files()))) as package:
            package.extractall(beside)
        runs = [once(one.student, beside / one.path.name, beside) for one in chapters]
        for one in chapters:
            temporary = alone / one.path.stem  # where this notebook unpacks the course
            runs.append(once(one.single, temporary / one.path.name, temporary))
        results = await asyncio.gather(*runs, return_exceptions=True)
    if errors := [result for result in results if isinstance(result, BaseException)]:
        raise PackError("\n".join(map(str, errors)))


def install_kernel(folder: Path) -> None:
    """A kernel without site: it sees libraries, and no course that is installed as editable."""
    kernel = folder / "kernels" / KERNEL
    kernel.mkdir(parents=True)
    argv = [sys.executable, "-S", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": KERNEL, "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    os.environ["JUPYTER_PATH"] = str(folder)  # where Jupyter looks for kernels


# --- the command -----------------------------------------------------------------------


def write(chapters: Sequence[Chapter], name: str, out: Path) -> None:
    """Write archives and single files, each as a whole."""
    (out / "single-file").mkdir(parents=True, exist_ok=True)
    notebooks = {one.path.name: to_bytes(one.student) for one in chapters}
    sets = {"student": {**notebooks, **common_files()}, "teacher": teachers_files(chapters)}
    for kind, files in sets.items():
        path = out / f"{kind}{name}.zip"
        content = archive({f"{TITLE}/{place}": data for place, data in files.items()})
        write_whole(path, content)
        print(f"{path}: {len(content) / 1e6:.1f} MB, {len(files)} files")
    for one in chapters:
        write_whole(out / "single-file" / one.path.name, to_bytes(one.single))
    print(f"{out / 'single-file'}/: {', '.join(one.path.name for one in chapters)}")


def main(arguments: Sequence[str] | None = None, out: Path = OUT) -> int:
    """The command: 0 if the packs are written."""
    parser = argparse.ArgumentParser(prog="tools.pack", description="What students get.")
    parser.add_argument("chapter", nargs="*", help="a number such as 02, or a path; none means all")
    paths = find(parser.parse_args(arguments).chapter)
    name = "".join(f"-{number_of(path)}" for path in paths) if len(paths) < len(find()) else ""
    try:
        chapters = read(paths)
        for note in check_content(chapters):
            print(f"Note: {note}, which the package needs.")
        out.mkdir(parents=True, exist_ok=True)
        asyncio.run(run_all(chapters, out / "ran.txt"))
    except PackError as error:
        print(f"{error}\nNothing was written.", file=sys.stderr)
        return 1
    write(chapters, name, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
