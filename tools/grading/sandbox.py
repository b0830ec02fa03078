"""The sandbox in which one submission runs: bubblewrap, and limits on time, memory and files.

In it there are Python, its packages and the course without its checks, all of them
read-only; a small empty folder in memory; no network, no other process, and no file of
anybody's. Bubblewrap comes from the distribution (``apt-get install bubblewrap``).
"""

from __future__ import annotations

import os
import platform
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib

from tools.chapters import ROOT
from tools.grading import syscalls

HOME = "/tmp/student"  # with /dev/shm all that it can write to; they end with it
COURSE = "/tmp/course"
IN_MEMORY = (HOME, "/dev/shm")
DISK = 64 << 20  # bytes, for each of them
FILES = 2_000  # open ones of all processes, and those in memory
PROCESSES = 48  # threads count, too
FIRST_USER = 200_000  # no user has numbers as high
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Limits:
    """What one submission may take."""

    seconds: int = 900
    cell_seconds: int = 180
    memory: int = 4 << 30


@dataclass(frozen=True)
class Sandbox:
    """How submissions are started; ``course`` is the folder with the course without checks."""

    course: Path
    contained: bool

    def start(self, limits: Limits, folder: str) -> subprocess.Popen[bytes]:
        """The student's side, started, with pipes to it.

        Without a sandbox ``folder`` is where the submission runs.
        """
        rules, writing = os.pipe()
        with open(writing, "wb") as pipe:
            if not syscalls.missing():
                pipe.write(syscalls.program(platform.machine()))
        try:
            return subprocess.Popen(
                self.command(limits, rules),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.environment(folder),
                cwd=folder,
                start_new_session=True,
                pass_fds=[rules],
            )
        finally:
            os.close(rules)

    def command(self, limits: Limits, rules: int) -> list[str]:
        """The command that starts the student's side; ``rules`` is where the filter is read."""
        inside = Path(COURSE) if self.contained else self.course
        python = [sys.executable, str(inside / "student_side.py")]
        python += [str(number) for number in (limits.cell_seconds, limits.memory, DISK)]
        if not self.contained:
            return python
        filtered = [] if syscalls.missing() else ["--seccomp", str(rules)]
        return [*bubblewrap(self.course), *filtered, *python, str(PROCESSES), str(_unused_user())]

    def environment(self, folder: str) -> dict[str, str]:
        """The variables that the student's side sees; nothing of the teacher's is among them."""
        inside = COURSE if self.contained else str(self.course)
        home = HOME if self.contained else folder
        threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        return {
            "HOME": home,
            "USER": "student",
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "MPLBACKEND": "agg",
            "MPLCONFIGDIR": f"{home}/matplotlib",
            "IPYTHONDIR": f"{home}/.ipython",
            "PYTHONPATH": inside,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTHONHASHSEED": "0",
            "COURSE_SEED_OFFSET": "0",
            **dict.fromkeys(threads, "1"),
        }


def _unused_user() -> int:
    """A user number for this submission alone: its limit on processes is nobody else's."""
    return FIRST_USER + int.from_bytes(os.urandom(3), "big")


def bubblewrap(course: Path) -> list[str]:
    """Bubblewrap's arguments.

    Started by root it only takes away, and the student's side becomes a user without any
    right; started by anybody else it needs the user namespaces of the kernel.
    """
    if os.geteuid() == 0:
        users = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        users = ["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
    arguments = ["bwrap", *users, "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    arguments += ["--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--new-session"]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    # Memory mapped from /dev/zero and shared would be held by no process.
    arguments += ["--dev-bind", "/dev/null", "/dev/zero"]
    for path in bound():
        arguments += _read_only(path, path)
    for folder in site.getsitepackages():  # an installed course would bring its checks
        if (installed := Path(folder) / "course_utils").is_dir():
            arguments += ["--tmpfs", str(installed), "--remount-ro", str(installed)]
    arguments += _read_only(course, Path(COURSE))
    for place in IN_MEMORY:
        arguments += ["--perms", "1777", "--size", str(DISK), "--tmpfs", place]
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]


def bound() -> list[Path]:
    """What of the system a submission can read."""
    system = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/fonts")
    python = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).parent.parent}
    return sorted({Path(name) for name in system} | python)


def _read_only(source: Path, target: Path) -> list[str]:
    """A file or folder of the system, in the sandbox; links stay links."""
    if not os.path.lexists(source):
        return []
    if source.is_symlink() and source.parent == Path("/"):  # /lib, /bin: links into /usr
        return ["--symlink", os.readlink(source), str(target)]
    arguments = []
    for parent in reversed(target.parents[:-1]):
        arguments += ["--perms", "0755", "--dir", str(parent)]
    return [*arguments, "--ro-bind", str(source), str(target)]


def missing() -> str | None:
    """Why bubblewrap cannot be used here, in a sentence; ``None`` if it can."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed (Debian, Ubuntu: sudo apt-get install bubblewrap)."
    for path in bound():
        if ROOT.is_relative_to(path):
            return f"the sandbox shows {path}, and the course with its checks lies in it: {ROOT}."
    with made(True) as box:  # an empty notebook, run as all are
        process = box.start(Limits(), "/")
        answer, errors = process.communicate(b'{"notebook": "{\\"cells\\": []}"}\n')
    if b'{"end": true}' in answer:
        return None
    said = (errors.decode("utf-8", "replace").strip().splitlines() or ["it gave no reason"])[-1]
    return f"bubblewrap is installed, and does not work on this system: {said}"


@contextmanager
def made(contained: bool) -> Iterator[Sandbox]:
    """A sandbox, as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="grading-") as name:
        course = Path(name) / "course"
        without = shutil.ignore_patterns("checks", "__pycache__")
        shutil.copytree(ROOT / "course_utils", course / "course_utils", ignore=without)
        shutil.copy(HERE / "asking.py", course / "course_utils" / "exercises.py")
        shutil.copy(HERE / "student_side.py", course)
        (course / "matplotlib").mkdir()
        fonts = sorted(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))
        for path in fonts:  # else every submission would look for fonts anew
            shutil.copy(path, course / "matplotlib")
        make_readable([course.parent, course, *course.rglob("*")])
        yield Sandbox(course, contained)


def make_readable(paths: Sequence[Path]) -> None:
    """Let everybody read, and nobody but the owner write."""
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)
