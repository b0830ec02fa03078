"""Whose notebook is it, and which chapter's: found out from names, without opening code.

submissions/ada/05_glorot_and_kaiming.ipynb            one folder a student
submissions/ada.ipynb, ada_05_glorot_and_kaiming.ipynb one file a student
submissions/05_glorot_and_kaiming/ada/…, …/ada.ipynb   one folder a chapter
submissions/Ada Lovelace_4711_assignsubmission_file_/… as Moodle gives them
submissions/lovelaceada_LATE_17_4711_05_….ipynb        as Canvas gives them
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.chapters import find, number_of

LARGEST = 50 << 20  # bytes of a file
MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_\w+")
CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<number>\d+)_\d+_.+")
NOTHING = "there is no notebook in the folder"
EXERCISE = re.compile(r"\bch(\d\d)-ex\d+")


@dataclass(frozen=True)
class Notebook:
    """A file that was handed in. ``path`` is ``None`` where there is none to run."""

    student: str
    place: str  # in the folder of submissions
    path: Path | None

    def content(self) -> tuple[bytes, str | None]:
        """The file's bytes, and why they are no good, if so."""
        if self.path is None:
            kind = Path(self.place).suffix
            return b"", f"no notebook was handed in, but a {kind} file" if kind else NOTHING
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
        if chapter.stem.lower() in name.lower():
            return number_of(chapter)
    named = Counter(EXERCISE.findall(content.decode("utf-8", "replace")))
    return min(named, key=lambda number: (-named[number], number), default="")


def student_of(place: Path) -> str:
    """The student whose file lies at that place in the folder of submissions.

    A platform's number stays with the name: two students may have the same one.
    """
    stems = {chapter.stem.lower() for chapter in find()}
    if len(place.parts) > 1 and place.parts[0].lower() in stems:
        place = Path(*place.parts[1:])
    first = place.parts[0]
    if len(place.parts) > 1:
        found = MOODLE.fullmatch(first)
        return f"{found['name']} {found['number']}" if found else first
    # "ada_05_glorot_and_kaiming (1)": a browser's second download, or a "v2"
    stem = place.stem if place.suffix else first
    for name in stems:
        stem = re.sub(rf"[\s_-]+{name}[\s_-]*(\(\d+\)|v?\d+)?$", "", stem, flags=re.IGNORECASE)
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
    whole = {place: student_of(place) for place, _ in places}
    looks = Counter(plain(student) for student in set(whole.values()))
    return [
        Notebook(
            told_apart(whole[place], looks), plain(str(place)), folder / place if is_file else None
        )
        for place, is_file in places
    ]


def told_apart(student: str, looks: Mapping[str, int]) -> str:
    """A student's name in one line; names that would look alike get a mark of their own."""
    name = plain(student)
    if looks[name] == 1:
        return name
    return f"{name} [{hashlib.sha256(os.fsencode(student)).hexdigest()[:6]}]"


def _places(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Notebooks, and links to anything; for a student without one, the folder or another file."""
    filled, other = set(), []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        here = Path(root).relative_to(folder)
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        names = [name for name in files if not name.startswith(".")] + links
        for name in names:
            if name.lower().endswith(".ipynb") or (Path(root) / name).is_symlink():
                filled.add(student_of(here / name))
                yield here / name, True
            else:
                other.append(here / name)
    for place in other:
        if len(place.parts) == 1 and student_of(place) not in filled:
            yield place, False
    stems = {chapter.stem.lower() for chapter in find()}
    for student in folder.iterdir():
        if student.is_dir() and not student.name.startswith(".") and student.name not in stems:
            place = Path(student.name)
            if student_of(place / "x") not in filled:
                yield place, False


def key(notebook: Notebook, content: bytes, version: str) -> str:
    """What a result is kept under: the file's place and content, and the course's version."""
    parts: Sequence[bytes] = (notebook.place.encode(), content, version.encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
