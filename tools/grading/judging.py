"""Judging one submission: its process in the sandbox, and the course's checks out here.

The checks get stand-ins for the submission's functions. A stand-in sends its arguments in,
and what comes back is a value, or an error. No code of the submission runs out here.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import IO, Any

import cloudpickle
import psutil

import course_utils.checks
from course_utils import exercises
from tools.grading import values
from tools.grading.sandbox import PROCESSES, Limits, Sandbox

LINE = 24 << 20  # bytes of one message
CALLS = 20_000  # of functions, for one answer
MESSAGES = 2_000
LOG = 200_000  # bytes kept of what a submission printed
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
    printed: str = ""
    seconds: float = 0.0


class Submission:
    """The process in which a submission runs. Use it as a context manager."""

    def __init__(self, sandbox: Sandbox, limits: Limits) -> None:
        """Start the student's side."""
        self.limits = limits
        self.trouble: str | None = None
        self.calls = 0
        self.folder = tempfile.TemporaryDirectory(prefix="submission-")
        self.process = subprocess.Popen(
            sandbox.command(limits),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=sandbox.environment(self.folder.name),
            cwd=self.folder.name,
            start_new_session=True,
        )
        self.printed: deque[bytes] = deque()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=run) for run in (self._watch, self._collect)]

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
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                _there(pipe).close()
        self.folder.cleanup()

    # --- watching ----------------------------------------------------------------------

    def _watch(self) -> None:
        """End the process when it takes too much time, memory or too many processes."""
        deadline = time.monotonic() + self.limits.seconds
        while not self.over.wait(WATCH_SECONDS):
            if time.monotonic() > deadline:
                self._stop(f"stopped after {self.limits.seconds} seconds")
            memory, processes = self._taken()
            if memory > self.limits.memory:
                self._stop(f"stopped at {memory / 2**30:.1f} GB of memory")
            if processes > PROCESSES:
                self._stop(f"stopped at {processes} processes")

    def _family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        return []

    def _taken(self) -> tuple[int, int]:
        memory, family = 0, self._family()
        for process in family:
            with contextlib.suppress(psutil.Error):
                memory += process.memory_info().rss
        return memory, len(family)

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
        """Keep the last of what is printed."""
        pipe, size = _there(self.process.stderr), 0
        with contextlib.suppress(OSError, ValueError):
            while part := os.read(pipe.fileno(), 65536):
                self.printed.append(part)
                size += len(part)
                while size > LOG and len(self.printed) > 1:
                    size -= len(self.printed.popleft())
        with contextlib.suppress(OSError):
            pipe.close()

    # --- talking -----------------------------------------------------------------------

    def send(self, message: dict[str, Any]) -> None:
        """One line to the student's side.

        Raises:
            EndedError: if nobody reads it.
        """
        pipe = _there(self.process.stdin)
        try:
            pipe.write(json.dumps(message).encode() + b"\n")
            pipe.flush()
        except OSError:
            raise EndedError("ended itself") from None

    def receive(self) -> dict[str, Any]:
        """One line from the student's side.

        Raises:
            EndedError: if there is none, or none that the grader understands.
        """
        line = _there(self.process.stdout).readline(LINE)
        if not line:
            raise EndedError("ended itself")
        try:
            if not line.endswith(b"\n"):
                raise ValueError("a line too long")
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise EndedError("wrote something else to the grader than values")
        return message

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
                raise values.raised(name, message)
        raise EndedError("wrote something else to the grader than values")

    def function(self, handle: int) -> Any:
        """A stand-in for a function of the submission."""

        def stand_in(*arguments: Any) -> Any:
            return self.call(handle, arguments)

        return stand_in


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
    with Submission(sandbox, limits) as submission:
        try:
            submission.send({"notebook": text})
            for _ in range(MESSAGES):
                if _understood(submission, judgement, ids):
                    break
            else:
                raise EndedError("sent too many messages")
        except EndedError as ended:
            judgement.trouble = submission.trouble or f"the notebook {ended}"
    judgement.printed = b"".join(submission.printed).decode("utf-8", "replace")
    judgement.seconds = round(time.monotonic() - started, 1)
    return judgement


def _understood(submission: Submission, judgement: Judgement, ids: Collection[str]) -> bool:
    """Read one message and answer it. True if it was the last."""
    match submission.receive():
        case {"check": str(id), "answer": sent}:
            if id in ids:
                judgement.results.setdefault(id, []).append(_judged(submission, id, sent))
            submission.send({"judged": True})
        case {"cell": str(), "raised": str(), "checks": list()} as failed:
            judgement.raised.append(failed)
        case {"unreadable": str(why)}:
            judgement.trouble = f"the file is not a notebook: {why}"
            return True
        case {"end": True}:
            return True
        case _:
            raise EndedError("wrote something else to the grader than values")
    return False


def _judged(submission: Submission, id: str, sent: Any) -> exercises.Result:
    submission.calls = 0
    try:
        answer = values.read(sent, submission.function)
    except Exception as error:
        return exercises.Result(id, True, False, f"your answer cannot be read: {error}.")
    return exercises.judge(id, answer)
