"""Write requirements.txt: every package that the book and its tests need, pinned.

    python -m tools.lock

Asks pip what it would install into an empty environment for the groups ``book`` and
``test`` of pyproject.toml, and keeps the names and versions. Nothing is installed. It
asks for the oldest Python that the course supports: the newest versions of some packages
do not admit it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OLDEST = "3.11.0"

HEADER = """\
# Every package that the book and its tests need, pinned: Python 3.11 to 3.13.
# Made by `make lock` from the groups "book" and "test" in pyproject.toml; do not edit by hand.
"""

# Needed on macOS only, so pip on Linux does not report it.
ELSEWHERE = ['appnope==0.1.4; sys_platform == "darwin"']

# Torch itself names the exact versions of these on Linux, and only there.
CUDA = ("nvidia-", "cuda-", "triton")


def resolve() -> dict[str, Any]:
    """pip's report on what it would install into an empty environment."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    command += ["--no-build-isolation", "--quiet", "--report", "-", f"{ROOT}[book,test]"]
    command += ["--python-version", OLDEST, "--only-binary=:all:"]
    with TemporaryDirectory() as target:  # pip wants one where it is told the Python
        done = subprocess.run([*command, "--target", target], check=True, stdout=subprocess.PIPE)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def pins(report: dict[str, Any]) -> list[str]:
    """One ``name==version`` a package, without the course's own and without local versions.

    A local version such as ``2.13.0+cpu`` names one build; the public ``2.13.0`` accepts it.
    """
    found = {
        package["metadata"]["name"]: package["metadata"]["version"].split("+")[0]
        for package in report["install"]
    }
    kept = [
        f"{name}=={version}"
        for name, version in found.items()
        if name != "course_utils" and not name.startswith(CUDA)
    ]
    return sorted([*kept, *ELSEWHERE], key=str.lower)


def main() -> None:
    (ROOT / "requirements.txt").write_text(HEADER + "\n".join(pins(resolve())) + "\n")


if __name__ == "__main__":
    main()
