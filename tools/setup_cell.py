# @title Set up: run this cell first {display-mode: "form"}
import importlib.util
import subprocess
import sys
from pathlib import Path

ARCHIVE = ""  # where the course is published; empty as long as it is not


def find_course() -> None:
    """Make course_utils importable: from here, from a folder above, or from ARCHIVE."""
    found = importlib.util.find_spec("course_utils")
    if found and found.origin:  # a folder without files is found, but has no origin
        return
    for folder in [Path.cwd(), *Path.cwd().parents]:
        if (folder / "course_utils" / "__init__.py").is_file():
            sys.path.append(str(folder))
            return
    if not ARCHIVE:
        raise SystemExit(
            "The folder course_utils is not here, and the course is not published yet: put "
            "course_utils beside this notebook, or open the notebook in the course's own folder."
        )
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", ARCHIVE]
    result = subprocess.run(pip, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"The course could not be installed from {ARCHIVE}:\n{result.stderr}")
    importlib.invalidate_caches()


find_course()
import course_utils as cu

print(cu.start())
