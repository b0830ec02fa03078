"""Two things at a time: on two cores, in processes where these can be forked."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar, cast

import torch

Value = TypeVar("Value")
Result = TypeVar("Result")
MOST = 1000  # numbers wait in a pipe, which holds a few thousand


def side_by_side(function: Callable[[Value], Result], values: Iterable[Value]) -> list[Result]:
    """The function of each value, two at a time.

    For trainings that do not fit into one ``MLP`` of many copies. Two cores share the
    work; the results are those of one after the other, if the function draws its random
    numbers from generators of its own.

    On Linux without an accelerator each value has a process of its own, made by fork. What
    the function changes outside of its result is lost there. Elsewhere the values share two
    threads; layers such as ``nn.Linear``, which draw their start from torch's one global
    generator, are then made beforehand.

    Args:
        function: of one value.
        values: what it is called with.

    Returns:
        The results, in the order of the values.

    Raises:
        Exception: what the function raises, the first in the order of the values.
        RuntimeError: if a process ends without a result, for want of memory, say.

    Example:
        >>> side_by_side(abs, [-1, 2, -3])
        [1, 2, 3]
    """
    # Threads share Python's lock: two trainings of small networks take 0.6 to 1 times as
    # long as one after the other. Processes take half.
    if _can_fork():
        return _in_processes(function, list(values))
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(function, values))


def begin(
    function: Callable[[Value], Result], values: Iterable[Value]
) -> Callable[[], list[Result]]:
    """The function of each value, begun now and fetched later: the work goes on meanwhile.

    For trainings that a later cell needs. On Linux without an accelerator two processes
    begin at once, and each takes the next value when it is done with one. They leave other
    work the larger share of the processors, and go on if a cell is interrupted. Elsewhere the
    work is done when it is fetched.

    Args:
        function: of one value; as for ``side_by_side``, and it may not fork by itself.
        values: what it is called with.

    Returns:
        A function without arguments: it waits for the results and returns them, in the order
        of the values. Called again, it returns the same.

    Raises:
        ValueError: if there are more than a thousand values.
        Exception: on fetching, what ``side_by_side`` raises.

    Example:
        >>> later = begin(abs, [-1, 2, -3])
        >>> later()
        [1, 2, 3]
    """
    values = list(values)
    if not _can_fork():
        return cache(lambda: side_by_side(function, values))
    if len(values) > MOST:
        raise ValueError(f"begins at most {MOST} values at a time, got {len(values)}")
    # One queue, and no halves: two cores seldom keep step.
    numbers = multiprocessing.get_context("fork").SimpleQueue()
    for number in (*range(len(values)), None, None):
        numbers.put(number)

    def work(_: int) -> dict[int, Result]:
        # An interrupt reaches all processes of a kernel; it is meant for the cell that runs.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.nice(5)  # a third of the time of others; of 19 a busy machine leaves next to none
        return {number: function(values[number]) for number in iter(numbers.get, None)}

    # Daemons: left behind unfetched, they end with this process, which else would wait for them.
    running = [_forked(work, worker, daemon=True) for worker in range(2)]
    # Each answer is kept: who interrupts the waiting for the second may ask again.
    answers = [cache(partial(_answer, receiver, worker)) for receiver, worker in running]

    def fetch() -> list[Result]:
        for answer in answers:
            _, error = answer()
            if error:
                raise error
        found = {number: result for answer in answers for number, result in answer()[0].items()}
        return [found[number] for number in range(len(values))]

    return fetch


def in_halves(function: Callable[[Value], Result], values: Sequence[Value]) -> list[Result]:
    """The function of each value: one half of the values in a fork, beside the other half.

    For many short calls, and for a function that no two threads can share: where no process
    can be forked, the values are taken one after the other.

    Args:
        function: of one value; what it changes outside of its result may be lost.
        values: what it is called with.

    Returns:
        The results, in the order of the values.

    Raises:
        Exception: what ``side_by_side`` raises.

    Example:
        >>> in_halves(abs, [-1, 2, -3])
        [1, 2, 3]
    """
    if not _can_fork():
        return [function(value) for value in values]
    middle = (len(values) + 1) // 2
    halves = side_by_side(
        lambda half: list(map(function, half)),
        [half for half in (values[:middle], values[middle:]) if half],
    )
    return [result for half in halves for result in half]


def _can_fork() -> bool:
    """Whether there are forks, and one can compute: it cannot use an accelerator."""
    return sys.platform == "linux" and not torch.accelerator.is_available()


def _in_processes(function: Callable[[Value], Result], values: Sequence[Value]) -> list[Result]:
    """The function of each value, each in a fork of this process, two at a time."""
    waiting = deque(enumerate(values))
    running: dict[Connection, tuple[int, BaseProcess]] = {}
    answers: dict[int, tuple[Result, Exception | None]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < 2:
                number, value = waiting.popleft()
                receiver, worker = _forked(function, value)
                running[receiver] = number, worker
            for receiver in cast(list[Connection], wait(running)):
                number, worker = running.pop(receiver)
                answers[number] = _answer(receiver, worker)
                if answers[number][1]:
                    waiting.clear()
    finally:  # also when the reader interrupts
        for _, worker in running.values():
            worker.terminate()
    for number in sorted(answers):
        error = answers[number][1]
        if error:
            raise error
    return [answers[number][0] for number in range(len(values))]


def _forked(
    function: Callable[[Value], Result], value: Value, *, daemon: bool = False
) -> tuple[Connection, BaseProcess]:
    """A process that computes the function of a value, and where its answer comes out."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    worker = fork.Process(target=_send, args=(sender, function, value), daemon=daemon)
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside other threads: a lock that one of them holds
        # stays shut in the child. Ours waits for no other thread: it computes, answers, ends.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        worker.start()
    sender.close()
    return receiver, worker


def _answer(receiver: Connection, worker: BaseProcess) -> tuple[Any, Exception | None]:
    """The result or the error of a process; nothing else is copied."""
    try:
        answer = receiver.recv_bytes()
    except EOFError:
        worker.join()
        said = f"a process ended without a result, with the code {worker.exitcode}"
        return None, RuntimeError(said)
    worker.join()
    return cast(tuple[Any, Exception | None], pickle.loads(answer))


def _send(sender: Connection, function: Callable[[Value], Result], value: Value) -> None:
    torch.set_num_threads(1)  # a fork has none of the threads that its parent had
    try:
        result, error = function(value), None
    except Exception as raised:
        result, error = None, raised
    try:
        answer = pickle.dumps((result, error))
    except Exception as raised:
        kind = type(error or result).__name__
        answer = pickle.dumps((None, TypeError(f"a {kind} cannot be copied: {raised}")))
    sender.send_bytes(answer)
