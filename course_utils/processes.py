"""Two things at a time: on two cores, in processes where these can be forked."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from typing import TypeVar, cast

import torch

Value = TypeVar("Value")
Result = TypeVar("Result")


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
    call = partial(_in_a_process, function) if _can_fork() else function
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(call, values))


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
        lambda half: list(map(function, half)), [values[:middle], values[middle:]]
    )
    return [result for half in halves for result in half]


def _can_fork() -> bool:
    """Whether there are forks, and one can compute: it cannot use an accelerator."""
    return sys.platform == "linux" and not torch.accelerator.is_available()


def _in_a_process(function: Callable[[Value], Result], value: Value) -> Result:
    """The function of a value, in a fork of this process: nothing but the result is copied."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    worker = fork.Process(target=_send, args=(sender, function, value))
    worker.start()
    sender.close()
    try:
        answer = receiver.recv_bytes()
    except EOFError:
        worker.join()
        raise RuntimeError(
            f"a process ended without a result, with the code {worker.exitcode}"
        ) from None
    worker.join()
    result, error = pickle.loads(answer)
    if error is not None:
        raise error
    return cast(Result, result)


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
