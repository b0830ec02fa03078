"""Grading: honest, broken and hostile submissions, each with what must become of it."""

from __future__ import annotations

import csv
import json
import os
import platform
import re
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.exercises import CHECKS
from tests.chapter_factory import verdict
from tools import grade, pack
from tools.chapters import find
from tools.grading import judging, sandbox, submissions, syscalls, values
from tools.grading.sandbox import Limits, Sandbox

NO_SANDBOX = sandbox.missing()
IN_A_SANDBOX = pytest.mark.skipif(NO_SANDBOX is not None, reason=str(NO_SANDBOX))
UNSAFE = ["--unsafe"] if NO_SANDBOX else []

IDS = ["ch00-ex1", "ch00-ex2", "ch00-ex3", "ch00-ex4"]
STUDENT = pack.read(find(["00"]))[0].student
SOLUTIONS = {
    f"ch{path.name[:2]}-ex{cell.id[-1]}": cell.source
    for path in find()
    for cell in nbformat.read(path, as_version=4).cells
    if cell.id.startswith("solution-")
}
RIGHT = {id: SOLUTIONS[f"chch-ex{id[-1]}"] for id in IDS}

SLOPE = 'def slope(x, w, b, y):\n    {}\n\n\ncu.check("ch00-ex1", slope)'
VARIANCES = 'def variances(*all):\n    {}\n\n\ncu.check("ch00-ex2", variances)'


def submission(answers: Mapping[str, str], *, outputs: bool = False) -> str:
    """The pack's notebook with answers in place of stubs."""
    notebook: NotebookNode = nbformat.from_dict(dict(STUDENT))
    notebook.cells = [nbformat.from_dict(dict(cell)) for cell in STUDENT.cells]
    for cell in notebook.cells:
        if pack.is_exercise(cell):
            cell.source = "import torch\n" + answers.get(f"ch00-ex{cell.id[-1]}", cell.source)
            cell.outputs = [verdict(True)] if outputs else []
    return str(nbformat.writes(notebook))


@pytest.fixture(scope="module")
def box():
    with sandbox.made(NO_SANDBOX is None) as made:
        yield made


def judged(text: str, box: Sandbox, limits: Limits | None = None) -> dict[str, tuple[str, str]]:
    judgement = judging.judge(text, IDS, box, limits)
    print(judgement.printed, judgement.raised, judgement.trouble)
    return {id: grade.outcome(id, judgement) for id in IDS}


def words(results: Mapping[str, tuple[str, str]]) -> list[str]:
    return [results[id][0] for id in IDS]


# --- what checks may do with answers -------------------------------------------------------

# Answers that are functions of functions, models and generators, or return functions, or
# pairs, or values; and one that must not change its arguments.
EXERCISES = ["01-ex1", "02-ex3", "02-ex4", "05-ex5", "06-ex2", "06-ex3", "08-ex3"]
EXERCISES += ["10-ex2", "10-ex3", "10-ex4", "11-ex1"]
ALL_KINDS = [f"ch{exercise}" for exercise in EXERCISES]
IMPORTS = "import math\nimport torch\nfrom torch import nn\nimport course_utils as cu"


def test_solutions_pass_from_the_sandbox_whatever_they_take_and_return(box: Sandbox) -> None:
    sources = [IMPORTS, *(SOLUTIONS[id].split("\nfound_gains")[0] for id in ALL_KINDS)]
    changed = "def changes(train, test):\n    train -= 1\n    return train, test"
    freezes = "def freezes(model):\n    model.eval()\n    return model"
    sources += [f'{changed}\n\ncu.check("ch02-ex3", changes)']
    sources += [f'{freezes}\n\ncu.check("ch08-ex3", freezes)']
    text = nbformat.writes(new_notebook(cells=[new_code_cell(source) for source in sources]))
    judgement = judging.judge(text, list(CHECKS), box)
    print(judgement.printed)
    assert judgement.trouble is None and judgement.raised == []
    first = {id: results[0] for id, results in judgement.results.items()}
    assert {id: result.hint for id, result in first.items()} == dict.fromkeys(ALL_KINDS, "")
    assert all(result.passed for result in first.values())
    assert "changed the tensors" in judgement.results["ch02-ex3"][1].hint
    assert "γ and β" in judgement.results["ch08-ex3"][1].hint


@pytest.mark.parametrize(
    "sent",
    [
        {"array": {"kind": "|O", "shape": [1], "data": "AAAAAAAAAAA="}},
        {"array": {"kind": "<f8", "shape": [10**12], "data": "AAAAAAAAAAA="}},
        {"array": {"kind": "<f8", "shape": [-1], "data": "AAAAAAAAAAA="}},
        {"array": {"kind": "<U2", "shape": [1], "data": "AAAAAAAAAAA="}},
        {"tensor": {"kind": "f8,f8", "shape": [1], "data": "AAAAAAAAAAA="}},
        {"tensor": {"kind": "<f8", "shape": [1] * 40, "data": "AAAAAAAAAAA="}},
        {"tensor": {"kind": "<f8", "shape": [10**9, 0], "data": ""}},
        {"tensor": {"kind": "<f8", "shape": [0, 10**12], "data": ""}},
        {"tensor": 3},
        {"argument": 0},
        {"function": "os.system"},
        {"list": {}},
        {"list": [], "tuple": []},
        {},
        json.loads("[" * 30 + "]" * 30),
        json.loads('{"list": [' * 30 + "]}" * 30),
    ],
)
def test_what_is_no_value_is_refused(sent: object) -> None:
    with pytest.raises(ValueError):
        values.read(sent, lambda handle: handle)


# --- honest and broken submissions ---------------------------------------------------------


def test_each_exercise_has_its_own_result(box: Sandbox) -> None:
    answers = {
        "ch00-ex1": RIGHT["ch00-ex1"].replace("(h - y)", "(y - h)"),
        "ch00-ex3": 'cu.check("ch00-ex3", lambda *all: {}["key"])',
        "ch00-ex4": "def gradients(X, W, errors:",
    }
    results = judged(submission(answers), box)
    assert words(results) == ["failed", "not attempted", "failed", "did not run"]
    assert "the sign is not" in results["ch00-ex1"][1]
    assert results["ch00-ex3"][1] == "your code raised KeyError: 'key'"
    assert "exercise-4 raised SyntaxError" in results["ch00-ex4"][1]


def test_an_endless_cell_ends_and_the_others_count(box: Sandbox) -> None:
    text = submission(RIGHT | {"ch00-ex1": 'while True:\n    pass\ncu.check("ch00-ex1", ...)'})
    results = judged(text, box, Limits(cell_seconds=6))
    assert words(results) == ["did not run", "passed", "passed", "passed"]
    assert "TimeoutError" in results["ch00-ex1"][1]


def test_one_that_cannot_be_ended_from_inside_is_ended_from_outside(box: Sandbox) -> None:
    loop = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True:\n    pass"
    results = judged(submission({"ch00-ex1": loop}), box, Limits(seconds=12, cell_seconds=1))
    assert results == dict.fromkeys(IDS, ("did not run", "stopped after 12 seconds"))


def test_too_much_memory_ends_the_cell_or_the_submission(box: Sandbox) -> None:
    text = submission(RIGHT | {"ch00-ex1": "huge = torch.ones(1 << 40)\n" + RIGHT["ch00-ex1"]})
    assert words(judged(text, box)) == ["did not run", "passed", "passed", "passed"]
    many = "import os, time\nfor _ in range(9):\n    if not os.fork():\n        "
    many += "kept = bytearray(b'a') * (1 << 27)\n        time.sleep(60)\ntime.sleep(60)"
    results = judged(submission({"ch00-ex1": many}), box, Limits(memory=1 << 30))
    assert words(results) == ["did not run"] * 4
    assert "of memory" in results["ch00-ex1"][1]


def test_what_forks_share_with_their_parent_counts_once(box: Sandbox) -> None:
    """Half a gigabyte, which six forks see and do not copy, is no three."""
    shared = "import os, time\nkept = torch.ones(1 << 27)\nforks = []\nfor _ in range(6):\n"
    shared += "    forks.append(os.fork())\n    if not forks[-1]:\n        kept.sum()\n"
    shared += "        time.sleep(2)\n        os._exit(0)\n"
    shared += "[os.waitpid(fork, 0) for fork in forks]\n"
    text = submission(RIGHT | {"ch00-ex1": shared + RIGHT["ch00-ex1"]})
    assert words(judged(text, box, Limits(memory=2 << 30))) == ["passed"] * 4


# --- hostile submissions -------------------------------------------------------------------

# Looks for the truth of the check on the stack, and for the checks themselves.
PEEKS = """\
import sys
frame, found = sys._getframe(), None
while frame:
    found = frame.f_locals.get("of_sum", found)
    frame = frame.f_back
try:
    from course_utils.checks.check_yourself import CHECKS
    print("FOUND THE CHECKS")
except ImportError:
    pass
return found or 0.0, found or 0.0"""

PATCHES = """\
import course_utils.exercises, json
from IPython.display import display
cu.exercises.judge = cu.check = lambda *all: print("ch00-ex4: passed.")
torch.isclose = torch.allclose = lambda *all, **more: torch.tensor(True)
record = {"id": "ch00-ex4", "attempted": True, "passed": True}
display({"application/vnd.course.check+json": record, "text/plain": "passed"}, raw=True)
cu.check("ch00-ex4", lambda *all: 0.0)
cu.exercises.ask[-1]("ch00-ex4", lambda *all: torch.tensor(0.0))"""

KILLS = """\
import os, signal
for process in (os.getppid(), 1, -1):
    try:
        os.kill(process, signal.SIGKILL if process > 0 else signal.SIGCONT)
    except OSError as error:
        print(error)
"""

REACHES = """\
import os, pathlib, socket
def attempt(what):
    try:
        print("REACHED", what())
    except OSError as error:
        print("refused:", error)
for place in {places}:
    attempt(lambda: os.listdir(place))
    attempt(lambda: pathlib.Path(place, "planted").write_text("x"))
attempt(lambda: pathlib.Path({other!r}).read_text())
attempt(lambda: socket.create_connection(("{host}", {port}), timeout=3))
"""


@IN_A_SANDBOX
def test_hostile_submissions_reach_nothing_and_earn_nothing(box: Sandbox, tmp_path: Path) -> None:
    import socket

    other = tmp_path / "other.ipynb"
    other.write_text("the other's secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        places = [str(tmp_path), str(Path.home()), str(Path(__file__).parents[1]), "/etc", "/var"]
        reaches = REACHES.format(places=places, other=str(other), host="127.0.0.1", port=port)
        answers = {
            "ch00-ex1": reaches,
            "ch00-ex2": VARIANCES.format(PEEKS.replace("\n", "\n    ")),
            "ch00-ex3": KILLS + 'print("still here")',
            "ch00-ex4": PATCHES,
        }
        judgement = judging.judge(submission(answers), IDS, box)
    print(judgement.printed)
    results = [grade.outcome(id, judgement)[0] for id in IDS]
    assert results == ["did not run", "failed", "did not run", "failed"]
    assert "secret" not in judgement.printed and "FOUND" not in judgement.printed
    reached = [line for line in judgement.printed.splitlines() if line.startswith("REACHED")]
    assert not any(set(line.split("'")) & {"passwd", ".ssh", "book", "planted"} for line in reached)
    assert judgement.printed.count("refused:") == 12 - len(reached)
    assert "planted: 1" not in judgement.printed and "Operation not permitted" in judgement.printed
    assert "still here" in judgement.printed
    assert [path.name for path in tmp_path.iterdir()] == ["other.ipynb"]


# Memory that no process holds: none of it is counted, nor ended with a process.
HOARDS = """\
import ctypes, mmap, os, socket
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype, libc.shmdt.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
kept = []
def shared():
    lines = open("/proc/meminfo").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Shmem:")) / 1024
def called(function, *arguments):
    if (result := function(*arguments)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def memfd():
    kept.append(os.memfd_create("x"))
    for _ in range(63):
        os.write(kept[-1], b"a" * (1 << 20))
def system_v():
    place = libc.shmat(called(libc.shmget, 0, ctypes.c_size_t(128 << 20), 0o1600), None, 0)
    ctypes.memset(place, 1, 128 << 20)
    libc.shmdt(place)
def dropped(file):
    kept.append(mmap.mmap(file, 128 << 20))
    for start in range(0, 128 << 20, 1 << 20):
        kept[-1][start : start + (1 << 20)] = b"a" * (1 << 20)
        kept[-1].madvise(mmap.MADV_DONTNEED)
attempts = [memfd] * 12 + [system_v] * 6
attempts += [lambda: called(libc.msgget, 0, 0o1600), lambda: called(libc.semget, 0, 1, 0o1600)]
attempts += [lambda: dropped(-1), lambda: dropped(os.open("/dev/zero", os.O_RDWR))]
attempts += [lambda: called(libc.unshare, 0x10000000), lambda: called(libc.prctl, 4, 0)]
attempts += [lambda: called(libc.syscall, CLONE, 0x10000000 | 17, 0, 0, 0, 0) or os._exit(0)]
attempts += [lambda: called(libc.syscall, 0x40000000 | 39), socket.socket]
attempts += [lambda: called(libc.vmsplice, 0, None, 0, 0), lambda: called(libc.ptrace, 0, 0, 0, 0)]
before = shared()
for attempt in attempts:
    try:
        attempt()
        print("DONE", attempt)
    except OSError as error:
        print("refused:", error.strerror)
print("SHARED", shared() - before)
"""

ORDINARY = """\
import asyncio, multiprocessing, subprocess, sys, threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.shared_memory import SharedMemory
import joblib, numpy, torch
def double(x):
    return 2 * x
def at_home(queue, tensor):
    queue.put(float(tensor.sum()))
async def later():
    await asyncio.sleep(0)
    return 8
with multiprocessing.Pool(2) as pool, ProcessPoolExecutor(2) as more:
    print("SAID", pool.map(double, [1, 2]), list(more.map(double, [3])))
with multiprocessing.Manager() as manager:
    print("SAID", manager.list([4]))
print("SAID", joblib.Parallel(2)(joblib.delayed(abs)(-x) for x in [5, 6]))
queue, shared = torch.multiprocessing.Queue(), torch.ones(7).share_memory_()
process = torch.multiprocessing.Process(target=at_home, args=(queue, shared))
process.start()
print("SAID", queue.get(), asyncio.new_event_loop().run_until_complete(later()))
process.join()
data = torch.utils.data.DataLoader(list(range(4)), batch_size=2, num_workers=2)
print("SAID", [batch.tolist() for batch in data])
block = SharedMemory(create=True, size=100)
print("SAID", block.size, subprocess.check_output([sys.executable, "-c", "print(9)"]))
block.unlink()
thread = threading.Thread(target=lambda: print("SAID", numpy.linalg.inv(numpy.eye(2)).sum()))
thread.start()
thread.join()
"""


@IN_A_SANDBOX
@pytest.mark.skipif(syscalls.missing() is not None, reason=str(syscalls.missing()))
def test_memory_that_no_process_holds_is_refused_and_ordinary_work_goes_on(box: Sandbox) -> None:
    clone = syscalls.CLONE[list(syscalls.MACHINES).index(platform.machine())]
    sources = (HOARDS.replace("CLONE", str(clone)), ORDINARY)
    cells = [new_code_cell(source) for source in sources]
    judgement = judging.judge(nbformat.writes(new_notebook(cells=cells)), IDS, box)
    print(judgement.printed)
    assert judgement.trouble is None and judgement.raised == []
    lines = judgement.printed.splitlines()
    refused = [line for line in lines if line.startswith(("refused:", "DONE"))]
    assert Counter(refused) == {
        "refused: Operation not permitted": 28,
        "refused: No such device": 1,  # /dev/zero
    }
    assert max(float(line.split()[1]) for line in lines if line.startswith("SHARED")) < 100
    assert [line.split(" ", 1)[1] for line in lines if line.startswith("SAID")] == [
        "[2, 4] [6]",
        "[4]",
        "[5, 6]",
        "7.0 8",
        "[[0, 1], [2, 3]]",
        "100 b'9\\n'",
        "2.0",
    ]


@IN_A_SANDBOX
@pytest.mark.parametrize(
    "many",
    [
        "for number in range(20_000):\n    open(str(number), 'w').close()",
        "for _ in range(10):\n    if not os.fork():\n        while True:\n"
        "            try:\n                kept.append(socket.socketpair())\n"
        "            except OSError:\n                time.sleep(9)",
    ],
)
def test_more_files_than_anybody_needs_end_the_submission(box: Sandbox, many: str) -> None:
    cell = new_code_cell(f"import os, socket, time\nkept = []\n{many}\ntime.sleep(9)")
    judgement = judging.judge(nbformat.writes(new_notebook(cells=[cell])), IDS, box)
    assert "files" in str(judgement.trouble)


def ruled(machine: str, number: int, *arguments: int, runs_on: int | None = None) -> int:
    """What a filter says to a call, as the kernel would run it."""
    where = syscalls.MACHINES[machine] if runs_on is None else runs_on
    words = (*arguments, *[0] * (6 - len(arguments)))
    call, value, at = struct.pack("=IIQ6Q", number, where, 0, *words), 0, 0
    lines = list(struct.iter_unpack("=HBBI", syscalls.program(machine)))
    while True:
        code, true, false, k = lines[at]
        at += 1
        match code:
            case 0x20:
                (value,) = struct.unpack_from("=I", call, k)
            case 0x54:
                value &= k
            case 0x15 | 0x45:
                at += true if (value == k if code == 0x15 else value & k) else false
            case 0x06:
                return int(k)


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_the_filter_knows_the_calls_of_both_machines(machine: str) -> None:
    if not HEADERS[machine].is_file():
        pytest.skip("the kernel's headers are not installed")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text())
    numbers = {name: int(number) for name, number in found}
    allow, refuse, unknown = 0x7FFF0000, 0x00050001, 0x00050026
    for name, number in numbers.items():
        said = {"clone3": unknown, "socket": refuse} | dict.fromkeys(syscalls.REFUSED, refuse)
        assert ruled(machine, number) == said.get(name, allow), name
        assert ruled(machine, number, runs_on=0x40000003) == refuse  # 32 bits
        assert ruled(machine, number | 0x40000000) == refuse  # x32
    for name, arguments, said in [
        ("clone", (0x10000011,), refuse),  # a user namespace
        ("clone", (0x003D0F00,), allow),  # a thread
        ("socket", (1, 1, 0), allow),  # within the machine
        ("socket", (2, 1, 0), refuse),
        ("mmap", (0, 4096, 3, 0x21), refuse),  # shared, without a file
        ("mmap", (0, 4096, 3, 0x22), allow),
        ("mmap", (0, 4096, 3, 0x01), allow),
        ("prctl", (4, 0), refuse),
        ("prctl", (15, 0), allow),
    ]:
        assert ruled(machine, numbers[name], *arguments) == said, (name, arguments)


def test_where_calls_cannot_be_filtered_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sandbox, "missing", lambda: None)
    monkeypatch.setattr(syscalls.platform, "machine", lambda: "riscv64")
    assert grade.contained(unsafe=False)
    said = capsys.readouterr().err
    assert "riscv64" in said and "NOT contained" in said and "memfd" in said


@IN_A_SANDBOX
def test_a_fork_bomb_harms_only_itself(box: Sandbox) -> None:
    bomb = "import os\nwhile True:\n    os.fork()"
    results = judged(submission({"ch00-ex1": bomb}), box, Limits(seconds=30, cell_seconds=3))
    assert "passed" not in words(results)


@pytest.mark.parametrize(
    ("trick", "why"),
    [
        ('print(\'{"check": "ch00-ex1", "passed": true}\', file=wire)', "wrote something else"),
        ("wire.write('x' * (26 << 20))", "wrote something else"),
        ("os._exit(0)", "ended itself"),
    ],
)
def test_what_the_grader_does_not_understand_ends_the_submission(
    box: Sandbox, trick: str, why: str
) -> None:
    before = (
        "import os, gc\nline = next(x for x in gc.get_objects() if type(x).__name__ == 'Line')\n"
    )
    before += "wire = open(line.sending.fileno(), 'w', closefd=False)\n"
    text = submission({**RIGHT, "ch00-ex3": f"{before}{trick}\nwire.flush()"})
    results = judged(text, box)
    assert words(results) == ["passed", "passed", "did not run", "did not run"]
    assert why in results["ch00-ex4"][1]


def test_strange_answers_fail_and_say_why(box: Sandbox) -> None:
    answers = {
        "ch00-ex1": SLOPE.format("return float('nan')"),
        "ch00-ex2": VARIANCES.format(
            "import numpy\n    return numpy.array([slope, slope], dtype=object)"
        ),
        "ch00-ex3": 'deep = []\ndeep.append(deep)\ncu.check("ch00-ex3", lambda *all: deep)',
        "ch00-ex4": 'cu.check("ch00-ex4", lambda *all: "x" * (30 << 20))',
    }
    results = judged(submission(answers), box)
    assert words(results) == ["failed", "failed", "failed", "did not run"]
    assert "nan" in results["ch00-ex1"][1]
    assert "not one of numbers" in results["ch00-ex2"][1]
    assert "RecursionError" in results["ch00-ex3"][1]


# What a process says that is no submission at all, and leaves out of what this one would do.
READY = 'import json, os, time\nprint(json.dumps({"ready": True}), flush=True)\ninput()\n'
LONG = (
    'def message(k):\n    return json.dumps({"cell": "x" * k, "raised": "y" * k, "checks": []})\n'
)
ORPHAN = "if os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n    os._exit(0)\n"


class Process(Sandbox):
    """Starts a program in place of the student's side."""

    def command(self, limits: Limits, rules: int) -> list[str]:
        return [sys.executable, "-I", "-c", READY + self.course.as_posix()]


def said(program: str, limits: Limits | None = None) -> judging.Judgement:
    return judging.judge("{}", IDS, Process(Path(program), contained=False), limits)


@pytest.mark.parametrize(
    ("program", "seconds", "why"),
    [(ORPHAN, 60, "ended itself"), (ORPHAN + "time.sleep(60)", 2, "stopped after 2 seconds")],
)
def test_what_a_submission_leaves_behind_holds_up_nobody(
    program: str, seconds: int, why: str
) -> None:
    started = time.monotonic()
    assert why in str(said(program, Limits(seconds=seconds)).trouble)
    assert time.monotonic() - started < 30


def test_the_grader_keeps_little_of_what_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    judgement = said(f"{LONG}print(message(1 << 20))\nprint('{{\"end\": true}}')")
    assert judgement.started and judgement.trouble is None
    assert [len(cell["raised"]) for cell in judgement.raised] == [judging.HINT]
    parts = 'print(\'{"check": "ch00-ex1", "answer": {"list": [\' + "{}," * 400_000 + "{}]}}")'
    assert "something else" in str(said(parts).trouble)
    monkeypatch.setattr(judging, "ALL", 8 << 20)
    flood = said(f"{LONG}for _ in range(20):\n    print(message(1 << 20))")
    assert len(flood.raised) < 5 and "MB in all" in str(flood.trouble)


def test_judging_has_a_limit_of_its_own() -> None:
    with judging.own_memory(200 << 20), pytest.raises(MemoryError):
        bytearray(1 << 30)
    assert len(bytearray(300 << 20)) == 300 << 20


def test_a_notebook_may_do_what_notebooks_do(box: Sandbox) -> None:
    begins = "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n"
    by_name = RIGHT["ch00-ex4"].replace("cu.check(", "check(")
    answers = {
        "ch00-ex1": begins + RIGHT["ch00-ex1"],
        "ch00-ex2": RIGHT["ch00-ex2"].replace("cu.check(", "cu.exercises.judge("),
        "ch00-ex3": 'cu.check("ch00-ex3", lambda *all: cu.check("ch00-ex4", ...))',
        "ch00-ex4": f"from course_utils.exercises import check\n{by_name}",
    }
    results = judged(submission(answers), box)
    assert words(results) == ["passed", "passed", "failed", "passed"]
    assert "one answer at a time" in results["ch00-ex3"][1]


# --- a folder of submissions ---------------------------------------------------------------


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def started(commands: Iterable[Sequence[str]]) -> list[subprocess.Popen[bytes]]:
    """The command as a teacher starts it, each time at once."""
    grades = [sys.executable, "-m", "tools.grade"]
    return [
        subprocess.Popen([*grades, *command], cwd=sandbox.ROOT, start_new_session=True)
        for command in commands
    ]


def times(folder: Path) -> dict[str, int]:
    """When each result was kept."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("grades/*.json")}


def test_a_folder_is_graded_once_and_its_table_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "submissions", tmp_path / "grades.csv"
    files = {
        "ada/check_yourself.ipynb": submission(RIGHT),
        "ada/check_yourself (1).ipynb": "",
        "=HYPERLINK(1).ipynb": submission({}, outputs=True),
        "broken_check_yourself.ipynb": submission({})[:200],
        "nobody knows.ipynb": '{"cells": []}',
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "absent").mkdir()
    (folder / "eve.ipynb").symlink_to(folder / "ada" / "check_yourself.ipynb")
    command = [str(folder), str(out), "--jobs", "2", *UNSAFE]

    # Ended without warning, it leaves whole results. Two machines at the same time do the
    # rest, and the table comes from what all have kept.
    (ended,) = started([command])
    while not (kept := times(tmp_path)) and ended.poll() is None:
        time.sleep(0.1)
    os.killpg(ended.pid, signal.SIGKILL)
    assert ended.wait() == -signal.SIGKILL and 0 < len(kept) < 7
    shards = started([*command, "--jobs", "1", "--shard", f"{number}/2"] for number in (1, 2))
    assert [shard.wait() for shard in shards] == [0, 0]
    assert not out.exists() and len(times(tmp_path)) == 7
    assert kept.items() <= times(tmp_path).items()
    assert grade.main(command) == 0
    assert "0 graded, 7 kept" in capsys.readouterr().out
    rows = read_table(out)
    said = {(row["student"], row["exercise"]): row["result"] for row in rows}
    assert said == {
        ("'=HYPERLINK(1)", "ch00-ex1"): "not attempted",
        **{("'=HYPERLINK(1)", id): "not attempted" for id in IDS},
        **{("ada", id): "passed" for id in IDS},
        **{("broken", id): "did not run" for id in IDS},
        ("absent", ""): "did not run",
        ("eve", ""): "did not run",
        ("nobody knows", ""): "did not run",
    }
    why = {row["student"]: row["hint"] for row in rows}
    assert "not a notebook" in why["broken"] and "no notebook" in why["absent"]
    assert "link" in why["eve"] and "chapter" in why["nobody knows"]
    assert all((tmp_path / row["log"]).is_file() for row in rows)

    # What changes is graded again, and nothing else.
    (folder / "ada" / "check_yourself.ipynb").write_text(submission({}))
    assert grade.main(command) == 0
    assert "1 graded, 6 kept" in capsys.readouterr().out
    assert {row["result"] for row in read_table(out) if row["student"] == "ada"} == {
        "not attempted"
    }


def test_one_that_ends_the_graders_own_process_spoils_only_its_own_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = grade.keep

    def keep_or_die(folder: Path, task: grade.Task, lost: str | None = None) -> str:
        """Keeps a result without running anything, but one student's ends the worker."""
        if task.notebook.student == "dies" and lost is None:
            os._exit(1)
        return keep(folder, task, lost or "not run here")

    monkeypatch.setattr(sandbox, "missing", lambda: "There is none.")
    monkeypatch.setattr(grade, "keep", keep_or_die)
    folder, out = tmp_path / "in", tmp_path / "grades.csv"
    folder.mkdir()
    for student in ("ada", "bob", "dies", "eve"):
        (folder / f"{student}_check_yourself.ipynb").write_text(submission({}))
    assert grade.main([str(folder), str(out), "--unsafe", "--jobs", "2"]) == 0
    hints = {row["student"]: row["hint"] for row in read_table(out)}
    assert "ended while it judged" in hints.pop("dies")
    assert hints == dict.fromkeys(("ada", "bob", "eve"), "not run here")


def test_what_may_be_due_to_limits_or_is_not_to_be_trusted_is_graded_again(tmp_path: Path) -> None:
    notebook = submissions.Notebook("ada", "ada.ipynb", None)

    def task(contained: bool = True, limits: Limits | None = None) -> grade.Task:
        box = Sandbox(tmp_path, contained)
        return grade.Task(notebook, "k", limits or Limits(), box)

    def kept(contained: bool = True, started: bool = True, smooth: bool = True) -> dict[str, Any]:
        limits = {"seconds": 900, "cell_seconds": 180, "memory": 4 << 30}
        return {"contained": contained, "started": started, "smooth": smooth, "limits": limits}

    longer = Limits(cell_seconds=500)
    assert grade.stands(kept(), task()) and grade.stands(kept(), task(limits=longer))
    assert grade.stands(kept(smooth=False), task())
    assert not grade.stands(kept(smooth=False), task(limits=longer))
    assert not grade.stands(kept(started=False), task())
    assert not grade.stands(kept(contained=False), task())
    assert grade.stands(kept(contained=False), task(contained=False))
    (tmp_path / "k.json").write_text('{"results": {}}')
    assert grade.kept(tmp_path, task()) is None


def test_a_cell_that_took_too_long_is_not_settled(box: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "ada_check_yourself.ipynb"
    cells = ['raise TimeoutError("\x1b[31m")', 'print("\x1b[2J")']
    path.write_text(nbformat.writes(new_notebook(cells=[new_code_cell(cell) for cell in cells])))
    notebook = submissions.Notebook("ada", path.name, path)
    result = grade.graded(grade.Task(notebook, "k", Limits(), box))
    assert result["started"] and not result["smooth"]
    assert "\x1b" not in result["log"] and "TimeoutError" in result["log"]


def test_without_a_sandbox_it_is_said_loudly_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sandbox, "missing", lambda: "There is none.")
    (tmp_path / "ada_check_yourself.ipynb").write_text(submission(RIGHT))
    out = tmp_path / "grades.csv"
    with pytest.raises(SystemExit, match="NOT contained(.|\n)*--unsafe"):
        grade.main([str(tmp_path), str(out)])
    assert not out.exists()
    assert grade.main([str(tmp_path), str(out), "--unsafe"]) == 0
    assert "UNSAFE" in capsys.readouterr().err
    assert {row["result"] for row in read_table(out)} == {"passed"}


@pytest.mark.parametrize(
    ("place", "student"),
    [
        ("ada/05_glorot_and_kaiming.ipynb", "ada"),
        ("ada/homework/x.ipynb", "ada"),
        ("ada.ipynb", "ada"),
        ("ada_05_glorot_and_kaiming (1).ipynb", "ada"),
        ("Ada_05_Glorot_And_Kaiming-1.IPYNB", "Ada"),
        ("ada_check_yourself_v2.ipynb", "ada"),
        ("05_glorot_and_kaiming/ada.ipynb", "ada"),
        ("05_glorot_and_kaiming/ada/x.ipynb", "ada"),
        ("05_glorot_and_kaiming.ipynb", "05_glorot_and_kaiming"),
        ("ada_05_glorot_and_kaiming.ipynb", "ada"),
        ("Ada Lovelace_4711_assignsubmission_file_/x.ipynb", "Ada Lovelace 4711"),
        ("lovelaceada_LATE_17_4711_05_glorot_and_kaiming-1.ipynb", "lovelaceada 17"),
        ("lovelaceada_17_4711_x.ipynb", "lovelaceada 17"),
    ],
)
def test_whose_it_is_follows_from_the_name(place: str, student: str) -> None:
    assert submissions.student_of(Path(place)) == student


def test_the_chapter_follows_from_the_name_or_else_from_the_exercises() -> None:
    assert submissions.chapter_of("ada_05_glorot_and_kaiming (1).ipynb", b"ch02-ex1") == "05"
    assert submissions.chapter_of("x.ipynb", b'cu.check("ch02-ex1") ch02-ex2 ch05-ex1') == "02"
    assert submissions.chapter_of("x.ipynb", b"{") == ""


def test_nobody_is_lost_or_taken_for_another(tmp_path: Path) -> None:
    for name in ("ada.zip", "bob.html", "bob.ipynb", "cid.IPYNB", "d e.ipynb", "d\u200be.ipynb"):
        (tmp_path / name).write_text("{}")
    chapter = tmp_path / "05_glorot_and_kaiming"
    chapter.mkdir()
    (chapter / "eve.ipynb").write_text("{}")
    found = {one.student: one for one in submissions.handed_in(tmp_path)}
    assert len(found) == 6 and {"ada", "bob", "cid", "eve"} < found.keys()
    assert sum(name.startswith("d e [") for name in found) == 2
    assert "a .zip file" in str(found["ada"].content()[1])
    assert submissions.chapter_of(found["eve"].place, b"") == "05"


@IN_A_SANDBOX
def test_what_a_submission_could_read_lies_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "bound", lambda: [tmp_path])
    with pytest.raises(SystemExit, match="must not lie in it"):
        grade.main([str(tmp_path / "in"), "grades.csv"])
    monkeypatch.setattr(sandbox, "bound", lambda: [sandbox.ROOT.parent])
    assert "the course with its checks" in str(sandbox.missing())


def test_a_folder_without_notebooks_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no notebook"):
        submissions.handed_in(tmp_path)
    with pytest.raises(SystemExit, match="no folder"):
        submissions.handed_in(tmp_path / "away")


def test_names_and_fields_are_made_harmless() -> None:
    assert submissions.plain("a\nb\x1b[31m\udcff") == "a b [31m?"
    signs = "=+-@＝＋－＠"
    assert all(grade.harmless(f"{sign}1") == f"'{sign}1" for sign in signs)
    assert [grade.harmless(field) for field in (" =1", "a", "")] == ["' =1", "a", ""]
