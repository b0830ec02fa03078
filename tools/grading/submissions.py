"""Whose notebook is it, and which chapter's: found out from names, without opening code.

submissions/ada/05_glorot_and_kaiming.ipynb            one folder a student
submissions/ada.ipynb, ada_05_glorot_and_kaiming.ipynb one file a student
submissions/Ada Lovelace_4711_assignsubmission_file_/… as Moodle gives them
submissions/lovelaceada_LATE_17_4711_05_….ipynb        as Canvas gives them
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.chapters import find, number_of

LARGEST = 50 << 20  # bytes of a file
MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_\w+")
CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<number>\d+)_\d+_.+")
EXERCISE = re.compile(r"\bch(\d\d)-ex\d+")


@dataclass(frozen=True)
class Notebook:
    """A file that was handed in. ``path`` is ``None`` where a student's folder has none."""

    student: str
    place: str  # in the folder of submissions
    path: Path | None

    def content(self) -> tuple[bytes, str | None]:
        """The file's bytes, and why they are no good, if so."""
        if self.path is None:
            return b"", "there is no notebook in the folder"
        try:
            if self.path.is_symlink():
                return b"", "a symbolic link is not followed: hand in the file itself"
            if not self.path.is_file():
                return b"", "that is not a file"
            if self.path.stat().st_size > LARGEST:
                return b"", f"the file is larger than {LARGEST >> 20} MB: clear its outputs"
            content = self.path.read_bytes()
        except OSError as error:
            return b"", f"the file cannot be read: {error.strerror}"
        return content, None if content.strip() else "the file is empty"


def plain(text: str) -> str:
    """A name or a message in one line that can be printed and stored, whatever was in it."""
    shown = text.encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in shown).split())


def chapter_of(name: str, content: bytes) -> str:
    """The number of the chapter, from the file's name or else from the exercises named in it.

    Empty if neither says.
    """
    for chapter in find():
        if chapter.stem in name:
            return number_of(chapter)
    named = Counter(EXERCISE.findall(content.decode("utf-8", "replace")))
    return min(named, key=lambda number: (-named[number], number), default="")


def student_of(place: Path) -> str:
    """The student whose file lies at that place in the folder of submissions.

    A platform's number stays with the name: two students may have the same one.
    """
    first = place.parts[0]
    if len(place.parts) > 1:
        found = MOODLE.fullmatch(first)
        return f"{found['name']} {found['number']}" if found else first
    stem = place.stem
    for chapter in find():
        for sign in "_-":
            stem = stem.removesuffix(f"{sign}{chapter.stem}")
    found = CANVAS.fullmatch(place.stem)
    return f"{found['name']} {found['number']}" if found else stem


def handed_in(folder: Path) -> list[Notebook]:
    """Everything that was handed in, in order; symbolic links are named and not followed.

    Raises:
        SystemExit: if there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise SystemExit(f"There is no folder {folder} with submissions.")
    places = sorted(_places(folder))
    if not places:
        raise SystemExit(
            f"In {folder} there is no notebook. Expected: {folder}/STUDENT/NN_topic.ipynb, "
            f"or {folder}/STUDENT.ipynb."
        )
    return [
        Notebook(plain(student_of(place)), plain(str(place)), folder / place if is_file else None)
        for place, is_file in places
    ]


def _places(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Notebooks, and links to anything; for a student's folder without one, the folder."""
    filled = set()
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        here = Path(root).relative_to(folder)
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        found = [name for name in files if name.endswith(".ipynb") and not name.startswith(".")]
        for name in found + links:
            filled.add((here / name).parts[0])
            yield here / name, True
    for student in folder.iterdir():
        if student.is_dir() and student.name not in filled and not student.name.startswith("."):
            yield Path(student.name, ""), False


def key(notebook: Notebook, content: bytes, version: str) -> str:
    """What a result is kept under: the file's place and content, and the course's version."""
    parts: Sequence[bytes] = (notebook.place.encode(), content, version.encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
