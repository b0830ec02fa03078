"""Set the course's address and tag everywhere, or take them out again.

    python -m tools.publish https://github.com/you/your-fork v1.0
    python -m tools.publish --undo

Changes sources, never outputs: the lines in _config.yml from which the site makes its
buttons, CITATION.cff, the setup cell, and in every chapter the setup cell, Colab's badge
and the links to other pages. Either every file is changed or none. Publishing again to
the same address changes nothing, and this is also how the tests see that all places agree.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml  # type: ignore[import-untyped]
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from tools.chapters import ROOT, SETUP_ID, find
from tools.run import to_bytes, write_whole

REPOSITORY = re.compile(
    r"https://github\.com/([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))/(?!\.{1,2}$)([\w.-]{1,100})",
    re.ASCII,
)
TAG = re.compile(r"(?!.*\.\.)[A-Za-z0-9](?:[\w.-]*[\w-])?(?<!\.lock)", re.ASCII)

BADGE_ID = "open-in-colab"
BADGE_PICTURE = "https://colab.research.google.com/assets/colab-badge.svg"

# The target of a link or of a definition, from its opening on.
OPENING = r"(\]\(<?|^ {0,3}\[[^\]^]+\]: *<?)"
LINK_TO_FILE = re.compile(OPENING + r"([\w./-]+)\.(?:ipynb|md)(?=[>)\s]|$)", re.MULTILINE)
LINK_TO_SITE = re.compile(
    OPENING + r"https://[\w-]+\.github\.io/(?:[\w.-]+/)?(book/[\w/-]+)\.html(?=[>)\s]|$)",
    re.MULTILINE,
)


class PublishError(Exception):
    """Why nothing was changed."""


@dataclass(frozen=True)
class Address:
    """Where the course is published: a repository on GitHub, and a tag in it."""

    owner: str
    name: str
    tag: str

    @classmethod
    def parse(cls, repository: str, tag: str) -> Address:
        """An address as a person writes it.

        Raises:
            PublishError: if GitHub would not accept it.
        """
        found = REPOSITORY.fullmatch(repository.rstrip("/").removesuffix(".git"))
        if not found:
            raise PublishError(
                f"REPO must be like https://github.com/you/your-fork, got {repository!r}"
            )
        if not TAG.fullmatch(tag):
            raise PublishError(
                f"TAG must be letters, digits, points and hyphens, like v1.0, got {tag!r}"
            )
        return cls(found[1], found[2], tag)

    @property
    def repository(self) -> str:
        """The repository's address."""
        return f"https://github.com/{self.owner}/{self.name}"

    @property
    def site(self) -> str:
        """Where GitHub Pages serves the site."""
        host = f"{self.owner.lower()}.github.io"
        return f"https://{host}/" if self.name.lower() == host else f"https://{host}/{self.name}/"

    @property
    def archive(self) -> str:
        """What the setup cell installs."""
        return f"{self.repository}/archive/refs/tags/{self.tag}.zip"

    def colab(self, path: str) -> str:
        """Where Colab opens a file of the repository."""
        start = "https://colab.research.google.com/github"
        return f"{start}/{self.owner}/{self.name}/blob/{self.tag}/{path}"


# --- one file --------------------------------------------------------------------------


def replace_once(text: str, pattern: str, replacement: str, name: str) -> str:
    """Replace the only line that a pattern finds.

    Raises:
        PublishError: if it finds none, or several.
    """
    text, count = re.subn(pattern, lambda _: replacement, text, flags=re.MULTILINE)
    if count != 1:
        raise PublishError(f"{name} must have one line like {replacement.strip()!r}, has {count}")
    return text


def config_for(text: str, address: Address | None) -> str:
    """_config.yml with the address, or without one."""
    values = {
        "course_repository": address.repository if address else "",
        "course_tag": address.tag if address else "",
        "html_baseurl": address.site if address else "",
    }
    for key, value in values.items():
        text = replace_once(text, rf"^    {key}:.*$", f'    {key}: "{value}"', "_config.yml")
    return text


def citation_for(text: str, address: Address | None) -> str:
    """CITATION.cff with the address and the version, or without."""
    text = re.sub(r"^(repository-code|url|version):.*\n", "", text, flags=re.MULTILINE)
    if address:
        text += f'repository-code: "{address.repository}"\nurl: "{address.site}"\n'
        text += f'version: "{address.tag}"\n'
    return text


def setup_for(text: str, address: Address | None) -> str:
    """The setup cell with the archive that it installs, or without one."""
    archive = address.archive if address else ""
    return replace_once(text, r'^ARCHIVE = ".*?"', f'ARCHIVE = "{archive}"', "setup_cell.py")


def links_for(text: str, folder: Path, root: Path, address: Address | None) -> str:
    """Prose whose links to pages of the course lead to the site, or to files beside it."""

    def to_file(found: re.Match[str]) -> str:
        for suffix in (".ipynb", ".md"):
            file = root / f"{found[2]}{suffix}"
            if file.is_file():
                return found[1] + Path(os.path.relpath(file, folder)).as_posix()
        return found[0]

    def to_site(found: re.Match[str]) -> str:
        page = Path(os.path.relpath(folder / found[2], root)).as_posix()
        if address is None or not page.startswith("book/"):
            return found[0]
        return f"{found[1]}{address.site}{page}.html"

    return LINK_TO_FILE.sub(to_site, LINK_TO_SITE.sub(to_file, text))


def badge(path: str, address: Address) -> NotebookNode:
    """The cell with Colab's badge, which the site leaves out."""
    source = f"[![Open in Colab]({BADGE_PICTURE})]({address.colab(path)})"
    return new_markdown_cell(source, id=BADGE_ID, metadata={"tags": ["remove-cell"]})


def chapter_for(text: str, path: Path, root: Path, setup: str, address: Address | None) -> str:
    """A chapter with its badge, setup cell and links; the very same text if they are right."""
    notebook = nbformat.v4.reads(text)
    before = nbformat.v4.writes(notebook)
    notebook.cells = [cell for cell in notebook.cells if cell.get("id") != BADGE_ID]
    for cell in notebook.cells:
        if cell.get("id") == SETUP_ID:
            cell.source = setup.rstrip("\n")
        elif cell.cell_type == "markdown":
            cell.source = links_for(cell.source, path.parent, root, address)
    if address:
        notebook.cells.insert(0, badge(path.relative_to(root).as_posix(), address))
    return text if nbformat.v4.writes(notebook) == before else to_bytes(notebook).decode()


# --- all files -------------------------------------------------------------------------


def changes(root: Path, address: Address | None) -> dict[Path, str]:
    """The files that are not yet as the address wants them, with their new text."""
    names = {
        "_config.yml": config_for,
        "CITATION.cff": citation_for,
        "tools/setup_cell.py": setup_for,
    }
    before = {root / name: (root / name).read_text("utf-8") for name in names}
    after = {root / name: edit(before[root / name], address) for name, edit in names.items()}
    setup = after[root / "tools" / "setup_cell.py"]
    for path in find(book=root / "book"):
        before[path] = path.read_text("utf-8")
        after[path] = chapter_for(before[path], path, root, setup, address)
    return {path: text for path, text in after.items() if text != before[path]}


def current(root: Path) -> Address | None:
    """The address that _config.yml names, if the course is published."""
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))["sphinx"]["config"]
    repository, tag = config["course_repository"], config["course_tag"]
    return Address.parse(repository, tag) if repository or tag else None


def disagreements(root: Path = ROOT) -> list[str]:
    """The files that name another address than _config.yml, or name one too many."""
    return [path.relative_to(root).as_posix() for path in changes(root, current(root))]


def write_all(contents: Mapping[Path, str]) -> None:
    """Write all files; if one cannot be written, all are as they were."""
    before = {path: path.read_bytes() for path in contents}
    written: list[Path] = []
    try:
        for path, text in contents.items():
            write_whole(path, text.encode())
            written.append(path)
    except BaseException:
        for path in written:
            write_whole(path, before[path])
        raise


# --- the command -----------------------------------------------------------------------


def what_remains(changed: Sequence[str], address: Address) -> str:
    """What is left to do by hand, once the files name the address."""
    commit = [f'git commit -m "Publish {address.tag}" -- {" ".join(changed)}'] if changed else []
    commands = [
        *commit,
        f"git tag {address.tag}",
        f"git push {address.repository} HEAD:main {address.tag}",
    ]
    return (
        "What remains:\n\n  "
        + "\n  ".join(commands)
        + f"\n\nOnce, on {address.repository}/settings/pages: set the source to GitHub Actions."
        f"\nThe site will be at {address.site}"
    )


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """The command: 0 if the files are now as asked for."""
    undo = list(arguments) == ["--undo"]
    try:
        if not undo and not (len(arguments) == 2 and all(arguments)):
            raise PublishError("make publish REPO=https://github.com/you/your-fork TAG=v1.0")
        address = None if undo else Address.parse(*arguments)
        contents = changes(root, address)
        write_all(contents)
    except (PublishError, OSError) as error:
        print(f"Nothing was changed: {error}", file=sys.stderr)
        return 1
    changed = [path.relative_to(root).as_posix() for path in contents]
    print("Changed: " + (", ".join(changed) or "nothing, all files are so already"))
    if address:
        print(what_remains(changed, address))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
