"""Judging one submission: its process in the sandbox, and the course's checks out here.

The checks get stand-ins for the submission's functions. A stand-in sends its arguments in,
and what comes back is a value, or an error. No code of the submission runs out here.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import select
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import IO, Any

import cloudpickle
import psutil

import course_utils.checks
from course_utils import exercises
from tools.grading import values
from tools.grading.sandbox import FILES, IN_MEMORY, PROCESSES, Limits, Sandbox

LINE = 24 << 20  # bytes of one message
PARTS = 400_000  # of one message: each is an object out here
ANSWER = 64 << 20  # bytes for one answer
ALL = 256 << 20  # bytes for all answers
CALLS = 20_000  # of functions, for one answer
MESSAGES = 2_000
HINT = 1_000  # characters kept of a hint or an error
LOG = 200_000  # bytes kept of what a submission printed
OWN_MEMORY = 3 << 30  # bytes that this process may take for judging a submission
WATCH_SECONDS = 0.2

# The checks do not exist where a submission runs: functions from them go there whole.
cloudpickle.register_pickle_by_value(course_utils.checks)


class EndedError(BaseException):
    """The submission's process is gone, or is not understood. No check may catch it."""


@dataclass
class Judgement:
    """What came of one submission."""

    results: dict[str, list[exercises.Result]] = field(default_factory=dict)
    raised: list[dict[str, Any]] = field(default_factory=list)  # cells that failed
    trouble: str | None = None  # why it did not come to its end
    started: bool = False
    printed: str = ""
    seconds: float = 0.0


class Submission:
    """The process in which a submission runs. Use it as a context manager."""

    def __init__(self, sandbox: Sandbox, limits: Limits) -> None:
        """Start the student's side."""
        self.limits = limits
        self.trouble: str | None = None
        self.calls = self.answered = self.received = 0  # calls, and bytes
        self.line = bytearray()  # what came after the last whole line
        self.deadline = time.monotonic() + limits.seconds
        self.folder = tempfile.TemporaryDirectory(prefix="submission-")
        self.contained = sandbox.contained
        self.process = sandbox.start(limits, self.folder.name)
        self.printed: deque[bytes] = deque()
        self.over = threading.Event()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            os.set_blocking(_there(pipe).fileno(), False)
        runs = (self._watch, self._collect)
        self.threads = [threading.Thread(target=run, daemon=True) for run in runs]

    def __enter__(self) -> Submission:
        """Start watching it."""
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it, with all that it started."""
        self.over.set()
        self._kill()
        self.process.wait()
        for thread in self.threads:
            thread.join(timeout=5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                _there(pipe).close()
        self.folder.cleanup()

    # --- watching ----------------------------------------------------------------------

    def _watch(self) -> None:
        """End the process when it takes too much time, memory, processes or files."""
        while not self.over.wait(WATCH_SECONDS):
            if time.monotonic() > self.deadline:
                self._stop(f"stopped after {self.limits.seconds} seconds")
            memory, processes, files = self._taken()
            if memory > self.limits.memory:
                memory = self._held()
            if memory > self.limits.memory:
                self._stop(f"stopped at {memory / 2**30:.1f} GB of memory")
            if processes > PROCESSES:
                self._stop(f"stopped at {processes} processes")
            if files > FILES:
                self._stop(f"stopped at {files} files")

    def _family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        return []

    def _taken(self) -> tuple[int, int, int]:
        """Memory, shared pages counted in each process, processes, and files.

        Files are open ones and those in its folders in memory.

        For each file the kernel keeps something that is in no process's memory.
        """
        memory, files, family = 0, 0, self._family()
        for process in family:
            with contextlib.suppress(psutil.Error):
                memory += process.memory_info().rss
                files += process.num_fds()
        if (
            family and self.contained and self.received
        ):  # else what is seen may be the machine's folders
            for place in IN_MEMORY:
                with contextlib.suppress(OSError):
                    there = os.statvfs(f"/proc/{family[-1].pid}/root{place}")
                    files += there.f_files - there.f_ffree
        return memory, len(family), files

    def _held(self) -> int:
        """Memory, with a page that several of the processes share counted once.

        A fork shares all pages with its parent until one of them writes. To ask for shares
        takes the system longer, so it is asked only when the plain sum is too much.
        """
        memory = 0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                try:
                    memory += process.memory_full_info().pss
                except psutil.AccessDenied:  # then each counts it
                    memory += process.memory_info().rss
        return memory

    def _stop(self, why: str) -> None:
        if self.trouble is None:
            self.trouble = why
        self._kill()

    def _kill(self) -> None:
        """End the process and its descendants; in a sandbox the first takes all with it."""
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _collect(self) -> None:
        """Keep the last of what is printed; whoever holds the pipe, it ends with the process."""
        pipe, size = _there(self.process.stderr).fileno(), 0
        for part in self._parts(pipe):
            self.printed.append(part)
            size += len(part)
            while size > LOG and len(self.printed) > 1:
                size -= len(self.printed.popleft())

    def _parts(self, pipe: int) -> Iterator[bytes]:
        """What comes through a pipe, until it ends or there is nothing left of a process."""
        last_words = LOG
        while last_words > 0:
            if not _ready(pipe, select.POLLIN):
                if self.over.is_set():
                    return
                continue
            part = os.read(pipe, 65536)
            if not part:
                return
            last_words -= len(part) if self.over.is_set() else 0
            yield part

    # --- talking -----------------------------------------------------------------------

    def send(self, message: dict[str, Any]) -> None:
        """One line to the student's side.

        Raises:
            EndedError: if nobody reads it.
        """
        data = memoryview(json.dumps(message).encode() + b"\n")
        pipe = _there(self.process.stdin).fileno()
        while data:
            self._wait(pipe, select.POLLOUT)
            try:
                data = data[os.write(pipe, data) :]
            except BlockingIOError:
                continue
            except OSError:
                raise EndedError("ended itself") from None

    def receive(self) -> dict[str, Any]:
        """One line from the student's side.

        Raises:
            EndedError: if there is none, or none that the grader understands.
        """
        line = self._next_line()
        try:
            if sum(line.count(sign) for sign in (b",", b"{", b"[")) > PARTS:
                raise ValueError("a line of too many parts")
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise EndedError("wrote something else to the grader than values")
        return message

    def _next_line(self) -> bytes:
        pipe, searched = _there(self.process.stdout).fileno(), 0
        while (end := self.line.find(b"\n", searched)) < 0:
            searched = len(self.line)
            if searched > LINE:
                raise EndedError("wrote something else to the grader than values")
            self._wait(pipe, select.POLLIN)
            part = os.read(pipe, 1 << 20)
            if not part:
                raise EndedError("ended itself")
            self.line += part
            self.answered += len(part)
            self.received += len(part)
            if self.answered > ANSWER or self.received > ALL:
                raise EndedError(f"sent more than {ANSWER >> 20} MB, or {ALL >> 20} MB in all")
        line = bytes(self.line[:end])
        del self.line[: end + 1]
        return line

    def _wait(self, pipe: int, event: int) -> None:
        """Wait for a pipe, as long as there is a process, and time.

        A process that it left behind may hold the pipe: that is nothing to wait for.
        """
        while not _ready(pipe, event):
            if time.monotonic() > self.deadline:
                self._stop(f"stopped after {self.limits.seconds} seconds")
            if self.process.poll() is not None and not _ready(pipe, event):
                raise EndedError("ended itself")

    def call(self, handle: int, arguments: tuple[Any, ...]) -> Any:
        """Call a function of the submission, there.

        Raises:
            Exception: as the function did.
            EndedError: if the process is gone.
        """
        self.calls += 1
        if self.calls > CALLS:
            raise EndedError("needs too many calls for one answer")
        pickled = base64.b64encode(cloudpickle.dumps(arguments)).decode()
        self.send({"call": handle, "arguments": pickled})
        answer = self.receive()
        match answer:
            case {"returned": value, "changed": dict(changed)}:
                for place, image in changed.items():
                    if place.isdecimal() and int(place) < len(arguments):
                        values.change(arguments[int(place)], image)
                return values.read(value, self.function, arguments)
            case {"raised": [str(name), str(message)]}:
                raise values.raised(name, message[:HINT])
        raise EndedError("wrote something else to the grader than values")

    def function(self, handle: int) -> Any:
        """A stand-in for a function of the submission."""

        def stand_in(*arguments: Any) -> Any:
            return self.call(handle, arguments)

        return stand_in


def _ready(pipe: int, event: int) -> bool:
    """Whether a pipe can be read or written, or is at its end; waits for a moment."""
    poll = select.poll()
    poll.register(pipe, event)
    return bool(poll.poll(1000 * WATCH_SECONDS))


def _there(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def judge(
    text: str, ids: Collection[str], sandbox: Sandbox, limits: Limits | None = None
) -> Judgement:
    """Run a notebook in a sandbox, and judge its answers as they come.

    Args:
        text: the notebook's file.
        ids: the exercises that count.
        sandbox: where it runs.
        limits: what it may take.
    """
    limits, judgement, started = limits or Limits(), Judgement(), time.monotonic()
    with own_memory(OWN_MEMORY), Submission(sandbox, limits) as submission:
        try:
            submission.send({"notebook": text})
            judgement.started = submission.receive() == {"ready": True}
            for _ in range(MESSAGES):
                if _understood(submission, judgement, ids):
                    break
            else:
                raise EndedError("sent too many messages")
        except EndedError as ended:
            judgement.trouble = submission.trouble or f"the notebook {ended}"
        except MemoryError:
            judgement.trouble = "what the notebook sent needs too much memory"
    judgement.printed = b"".join(submission.printed).decode("utf-8", "replace")
    judgement.seconds = round(time.monotonic() - started, 1)
    return judgement


@contextlib.contextmanager
def own_memory(more: int) -> Iterator[None]:
    """Let this process take that many bytes more: beyond, there is a ``MemoryError``.

    Where the system does not say what a process has, there is no limit.
    """
    has = getattr(psutil.Process().memory_info(), "data", None)
    if has is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    known = [limit for limit in (has + more, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(known), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _understood(submission: Submission, judgement: Judgement, ids: Collection[str]) -> bool:
    """Read one message and answer it. True if it was the last."""
    submission.calls = submission.answered = 0
    match submission.receive():
        case {"check": str(id), "answer": sent}:
            if id in ids:
                judgement.results.setdefault(id, []).append(_judged(submission, id, sent))
            submission.send({"judged": True})
        case {"cell": str(cell), "raised": str(why), "checks": list(checks)}:
            named = [str(check)[:20] for check in checks[:20]]
            judgement.raised.append({"cell": cell[:80], "raised": why[:HINT], "checks": named})
        case {"unreadable": str(why)}:
            judgement.trouble = f"the file is not a notebook: {why[:HINT]}"
            return True
        case {"end": True}:
            return True
        case _:
            raise EndedError("wrote something else to the grader than values")
    return False


def _judged(submission: Submission, id: str, sent: Any) -> exercises.Result:
    try:
        answer = values.read(sent, submission.function)
        result = exercises.judge(id, answer)
    except Exception as error:
        hint = f"your answer cannot be read: {error}."
        return exercises.Result(id, True, False, hint[:HINT])
    return replace(result, hint=result.hint[:HINT])
