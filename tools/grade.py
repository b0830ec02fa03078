"""Grade submissions: run each again in a sandbox, judge its answers outside, write a table.

    python -m tools.grade submissions grades.csv               all of them
    python -m tools.grade submissions grades.csv --jobs 8      eight at a time
    python -m tools.grade submissions grades.csv --shard 2/16  one share, on one of 16 machines
    python -m tools.grade submissions grades.csv --unsafe      without a sandbox

One row for each student and exercise: passed, failed (with the check's hint), not
attempted, or did not run (with the reason). What cells printed and raised is kept in a file
for each submission, in the folder grades/. Results are kept there, too: what was graded
once is not run again, unless the file or the course changes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from course_utils import exercises
from course_utils.notebook import VERSION
from tools.chapters import ROOT
from tools.grading import sandbox, syscalls
from tools.grading.judging import Judgement, judge
from tools.grading.sandbox import Limits, Sandbox
from tools.grading.submissions import Notebook, chapter_of, handed_in, key, plain
from tools.run import write_whole

COLUMNS = ("student", "chapter", "exercise", "result", "hint", "file", "log", "course")
ORDER = ("passed", "failed", "not attempted", "did not run")  # the best first
HINT = 400  # characters
RAISED = "your code raised"  # begins the hint for a function that did
LOST = "the grader's own process ended while it judged this, perhaps for lack of memory"

UNSAFE = """\
{reason}
Without it a submission runs with your rights. NOT contained: it can read and write your
files, other submissions and these results among them, use the network, and leave processes
behind that no limit counts. Contained: the time and memory of processes that do not hide; and
no code of a submission runs in the grader's process.
"""

UNFILTERED = """\
{reason}
So one thing is NOT contained: a program written to do harm can fill the machine's memory with
what belongs to none of its processes (memfd, System V shared memory). All else is contained.
"""

Row = dict[str, str]


@dataclass(frozen=True)
class Task:
    """One notebook to be graded."""

    notebook: Notebook
    key: str
    limits: Limits
    sandbox: Sandbox


def course_version() -> str:
    """The version of the course, and a digest of what grades: its package and these tools."""
    digest = hashlib.sha256()
    for folder in (ROOT / "course_utils", ROOT / "tools" / "grading"):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".json"):
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return f"{VERSION}-{digest.hexdigest()[:8]}"


# --- one submission ----------------------------------------------------------------------


def outcome(id: str, judgement: Judgement) -> tuple[str, str]:
    """What came of one exercise: the result, and a hint or a reason. The best check counts."""
    checks = judgement.results.get(id, [])
    if any(check.passed for check in checks):
        return "passed", ""
    if attempts := [check for check in checks if check.attempted]:
        return "failed", attempts[-1].hint
    for cell in judgement.raised:
        if id in cell["checks"] or cell["cell"] == f"exercise-{id.split('-ex')[1]}":
            return "did not run", f"the cell {cell['cell']} raised {cell['raised']}"
    if checks:
        return "not attempted", ""
    return "did not run", judgement.trouble or "no cell checked it"


def ids_of(chapter: str) -> list[str]:
    """The exercises of a chapter."""
    return [id for id in exercises.CHECKS if id.startswith(f"ch{chapter}-")]


def graded(task: Task, lost: str | None = None) -> dict[str, Any]:
    """Grade one notebook: its results, and what it printed, as they are kept.

    Args:
        task: the notebook.
        lost: why it is not to be run.
    """
    notebook = task.notebook
    content, wrong = notebook.content()
    chapter = chapter_of(notebook.place, content)
    ids = ids_of(chapter)
    if not ids and wrong is None:
        wrong = "the chapter is not known: neither the file's name nor an exercise in it tells"
    judgement = Judgement(trouble=wrong or lost, started=bool(wrong or lost))
    if judgement.trouble is None:
        text = content.decode("utf-8", "replace")
        judgement = judge(text, ids, task.sandbox, task.limits)
    results = {id: outcome(id, judgement) for id in ids}
    results = results or {"": ("did not run", judgement.trouble or "")}
    log = "".join(f"{cell['cell']} raised {cell['raised']}\n" for cell in judgement.raised)
    return {
        "student": notebook.student,
        "file": notebook.place,
        "chapter": chapter,
        "started": judgement.started,
        "smooth": not (judgement.trouble or judgement.raised or RAISED in str(results)),
        "limits": asdict(task.limits),
        "contained": task.sandbox.contained,
        "seconds": judgement.seconds,
        "results": {id: (said, plain(hint)[:HINT]) for id, (said, hint) in results.items()},
        "log": visible(f"{judgement.trouble or ''}\n{log}\n{judgement.printed}".strip()),
    }


# --- what is kept ------------------------------------------------------------------------


def visible(text: str) -> str:
    """A log that does nothing to the terminal that shows it."""
    return re.sub(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]", "\ufffd", text)


def kept(folder: Path, task: Task) -> dict[str, Any] | None:
    """What is kept of the same file under the same course."""
    try:
        result: dict[str, Any] = json.loads((folder / f"{task.key}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(result, dict) and {"started", "smooth", "limits", "log"} <= result.keys()
    return result if whole else None


def stands(result: dict[str, Any] | None, task: Task) -> bool:
    """Whether an earlier result need not be looked for again.

    One in which anything was raised or stopped stands for the same limits only: a limit may
    have been the reason. And what ran without a sandbox could have written its own result.
    """
    if result is None or not result["started"]:
        return False
    if task.sandbox.contained and not result["contained"]:
        return False
    return result["smooth"] is True or result["limits"] == asdict(task.limits)


def keep(folder: Path, task: Task, lost: str | None = None) -> str:
    """Grade one notebook and keep what came of it; its key."""
    result = graded(task, lost)
    name = re.sub(r"[^\w-]+", "-", result["student"], flags=re.ASCII)[:40]
    log = folder / f"{name}-{result['chapter']}-{task.key[:8]}.txt"
    write_whole(log, (result.pop("log") + "\n").encode("utf-8", "replace"))
    result["log"] = f"{folder.name}/{log.name}"
    write_whole(folder / f"{task.key}.json", json.dumps(result, indent=1).encode())
    return task.key


def rows_of(results: Iterable[dict[str, Any]], version: str) -> list[Row]:
    """The table: a row for each student and exercise; of several notebooks the best counts."""
    best: dict[tuple[str, str, str], Row] = {}
    for result in results:
        for id, (said, hint) in result["results"].items():
            row = {
                "student": result["student"],
                "chapter": result["chapter"],
                "exercise": id,
                "result": said,
                "hint": hint,
                "file": result["file"],
                "log": result["log"],
                "course": version,
            }
            place = (row["student"], row["chapter"], id)
            if place not in best or ORDER.index(said) < ORDER.index(best[place]["result"]):
                best[place] = row
    return [best[place] for place in sorted(best)]


def harmless(text: str) -> str:
    """A field that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip().startswith(tuple("=+-@＝＋－＠")) else text


def table(rows: Sequence[Row]) -> bytes:
    """The table as CSV. The mark in front tells spreadsheets that it is UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows({name: harmless(value) for name, value in row.items()} for row in rows)
    return ("\ufeff" + text.getvalue()).encode("utf-8", "replace")


# --- the command -------------------------------------------------------------------------


def share(text: str) -> tuple[int, int]:
    """The value of ``--shard``: ``2/16`` is the second of sixteen shares."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"expected such as 2/16, got {text!r}")
    return int(found[1]), int(found[2])


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command was asked for."""
    parser = argparse.ArgumentParser(prog="tools.grade", description="Grade submissions.")
    parser.add_argument("submissions", type=Path, help="the folder with what was handed in")
    parser.add_argument("table", type=Path, help="the table to write, such as grades.csv")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at a time")
    parser.add_argument("--shard", type=share, default=(1, 1), help="one share, such as 2/16")
    limits = Limits()
    parser.add_argument("--seconds", type=int, default=limits.seconds, help="for a notebook")
    parser.add_argument("--cell-seconds", type=int, default=limits.cell_seconds, help="for a cell")
    parser.add_argument("--memory", type=float, default=limits.memory / 2**30, help="in GB")
    parser.add_argument("--unsafe", action="store_true", help="without a sandbox, if need be")
    return parser.parse_args(arguments)


def contained(unsafe: bool) -> bool:
    """Whether submissions run in a sandbox; says loudly if they do not.

    Raises:
        SystemExit: if there is no sandbox, and nobody said ``--unsafe``.
    """
    reason = sandbox.missing()
    if reason is None:
        if unfiltered := syscalls.missing():
            print(UNFILTERED.format(reason=unfiltered), file=sys.stderr)
        return True
    warning = UNSAFE.format(reason=reason)
    if not unsafe:
        raise SystemExit(f"{warning}Nothing was run. To run them all the same: --unsafe")
    print(f"UNSAFE. {warning}", file=sys.stderr)
    return False


def tasks_in(options: argparse.Namespace, version: str, box: Sandbox) -> list[Task]:
    """The notebooks of this share."""
    memory = int(options.memory * 2**30)
    limits = Limits(options.seconds, options.cell_seconds, memory)
    tasks = []
    for notebook in handed_in(options.submissions):
        name = key(notebook, notebook.content()[0], version)
        tasks.append(Task(notebook, name, limits, box))
    number, shares = options.shard
    return [task for task in tasks if int(task.key, 16) % shares == number - 1]


def run(tasks: Sequence[Task], folder: Path, jobs: int) -> None:
    """Grade notebooks in parallel, and keep each result as soon as it is there.

    A worker that ends before its time takes the others with it. Those that were being judged
    are then judged one by one, and the one that ends its worker again is lost.
    """
    with tqdm(total=len(tasks), unit="notebook", disable=not sys.stderr.isatty()) as bar:
        left = list(tasks)
        while left:
            done = set()
            try:
                for key in in_parallel(left, folder, min(jobs, len(left)) if len(left) > 1 else 2):
                    done.add(key)
                    bar.update()
            except TerminatedWorkerError:
                left = [task for task in left if task.key not in done]
                for task in left[: 2 * jobs]:
                    alone(task, folder)
                    bar.update()
                left = left[2 * jobs :]
            else:
                return


def in_parallel(tasks: Sequence[Task], folder: Path, jobs: int) -> Iterable[str]:
    """Grade notebooks; their keys, as they are done."""
    parallel = joblib.Parallel(jobs, return_as="generator_unordered", batch_size=1)
    keys: Iterable[str] = parallel(joblib.delayed(keep)(folder, task) for task in tasks)
    return keys


def alone(task: Task, folder: Path) -> None:
    """Grade a notebook in a worker of its own; if that ends, too, the notebook is lost."""
    try:
        joblib.Parallel(2)([joblib.delayed(keep)(folder, task)])
    except TerminatedWorkerError:
        keep(folder, task, LOST)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 if every notebook has its rows, whatever they say."""
    options = options_of(arguments)
    if options.table.suffix != ".csv":
        raise SystemExit(f"The table must be named like grades.csv, got {options.table}.")
    for place in (options.submissions.resolve(), options.table.resolve()):
        for path in sandbox.bound():
            if place.is_relative_to(path):
                raise SystemExit(f"A submission can read {path}: {place} must not lie in it.")
    started, version = time.monotonic(), course_version()
    folder = options.table.with_suffix("")
    with sandbox.made(contained(options.unsafe)) as box:
        tasks = tasks_in(options, version, box)
        folder.mkdir(parents=True, exist_ok=True)
        open_tasks = [task for task in tasks if not stands(kept(folder, task), task)]
        try:
            run(open_tasks, folder, options.jobs)
        except OSError as error:
            raise SystemExit(f"A result could not be kept: {error}. Start again later.") from None
    seconds = time.monotonic() - started
    speed = f"{60 * len(open_tasks) / seconds:.1f} notebooks a minute"
    print(f"{len(open_tasks)} graded, {len(tasks) - len(open_tasks)} kept, {speed}.")
    if options.shard[1] > 1:
        print(f"Results are in {folder}/. For the table, run the command without --shard.")
        return 0
    results = [result for task in tasks if (result := kept(folder, task))]
    rows = rows_of(results, version)
    write_whole(options.table, table(rows))
    counts = Counter(row["result"] for row in rows)
    told = ", ".join(f"{counts[word]} {word}" for word in ORDER)
    print(f"{options.table}: {len({row['student'] for row in rows})} students, {told}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
