"""Two things at a time: the results of one after the other, and no hang."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import pytest
import torch

import course_utils as cu
from course_utils import processes
from course_utils.data import standard_digits
from course_utils.processes import in_halves


@pytest.fixture(params=[False, True], ids=["processes", "threads"])
def two_at_a_time(request, monkeypatch):
    """Both ways to work, wherever the tests run."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: request.param)
    return request.param


@pytest.mark.usefixtures("two_at_a_time")
def test_side_by_side_keeps_the_order_and_gives_what_one_after_the_other_gives():
    def slow_first(number):
        begun = time.monotonic()
        time.sleep(0.6 if number == 0 else 0.2)
        return number, begun, time.monotonic()

    found = cu.side_by_side(slow_first, range(4))
    assert [number for number, _, _ in found] == [0, 1, 2, 3]
    assert found[1][1] < found[0][2], "the second waited for the first"
    assert found[2][1] >= found[1][2], "three at a time"

    x, y, *_ = standard_digits([0])

    def trained(seed):
        net = cu.MLP([64, 8, 10], "tanh", seeds=[seed])
        losses = cu.fit(net, x, y, rates=0.1, steps=5, batch=16, seeds=[seed])
        return net, losses

    found = cu.side_by_side(trained, [1, 2, 3])
    for (net, losses), (own, its_losses) in zip(found, map(trained, (1, 2, 3)), strict=True):
        assert torch.equal(losses, its_losses)
        for mine, theirs in zip(net.parameters(), own.parameters(), strict=True):
            assert torch.equal(mine, theirs)
            assert mine.requires_grad
    with pytest.raises(ZeroDivisionError):
        cu.side_by_side(lambda value: 1 / value, [1, 0])


@pytest.mark.usefixtures("two_at_a_time")
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_in_halves_gives_what_one_after_the_other_gives(count):
    assert in_halves(lambda value: value**2, range(count)) == [k**2 for k in range(count)]


@pytest.mark.usefixtures("two_at_a_time")
@pytest.mark.parametrize("count", [0, 1, 2, 5, processes.MOST])
def test_what_is_begun_is_fetched_in_order_as_often_as_one_likes(count):
    later = cu.begin(lambda value: value**2, range(count))
    assert later() == later() == [k**2 for k in range(count)]


@pytest.mark.usefixtures("two_at_a_time")
def test_an_error_in_what_was_begun_comes_on_each_fetch_and_not_before():
    later = cu.begin(lambda value: 1 / value, [1, 0, 2])
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            later()


def test_what_is_begun_goes_on_meanwhile_and_gives_way(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)

    def work(value):
        time.sleep(0.3)
        (tmp_path / str(value)).touch()
        return os.getpid(), os.nice(0), value

    first = cu.begin(work, range(4))
    second = cu.begin(os.path.basename, ["a/b"])
    until = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 4:
        assert time.monotonic() < until, "it did not go on meanwhile"
        time.sleep(0.05)
    found = first()
    assert second() == ["b"]
    assert len({os.getpid(), *(number for number, *_ in found)}) == 3
    assert {niceness for _, niceness, _ in found} == {min(19, os.nice(0) + 5)}
    assert [value for *_, value in found] == [0, 1, 2, 3], "each process had every other one"


def test_what_is_begun_survives_that_a_cell_is_interrupted(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)

    def work(value):
        (tmp_path / str(os.getpid())).touch()
        time.sleep(0.5)
        return value

    later = cu.begin(work, [1, 2])
    until = time.monotonic() + 60
    while len(numbers := [int(path.name) for path in tmp_path.iterdir()]) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    for number in numbers:
        os.kill(number, signal.SIGINT)  # as Jupyter does to a kernel and to its children
    assert later() == [1, 2]


def test_who_interrupts_the_fetching_may_fetch_again(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        later = cu.begin(lambda value: time.sleep(value) or value, [0.1, 2])
        signal.setitimer(signal.ITIMER_REAL, 1)  # the first has answered, the second not
        with pytest.raises(KeyboardInterrupt):
            later()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert later() == [0.1, 2]


def test_more_than_the_queue_holds_is_refused(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(ValueError, match="at most 1000 values at a time, got 1001"):
        cu.begin(abs, range(1001))


def test_what_is_begun_and_never_fetched_holds_nobody_up():
    script = (
        "import time, course_utils as cu\n"
        "cu.begin(lambda value: bytes(10**6), range(2))\n"  # more than a pipe holds
        "cu.begin(time.sleep, [60, 60])\n"
        "print('done')"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=45)
    assert (run.returncode, run.stdout) == (0, "done\n"), run.stderr


def test_in_halves_has_a_process_for_each_half_and_no_threads_where_there_are_none(two_at_a_time):
    if sys.platform != "linux" and not two_at_a_time:
        pytest.skip("no forks here")
    where = in_halves(lambda value: (os.getpid(), threading.get_ident()), range(5))
    if two_at_a_time:  # one after the other, here
        assert set(where) == {(os.getpid(), threading.get_ident())}
    else:
        pids = [pid for pid, _ in where]
        assert pids[:3] == [pids[0]] * 3 and pids[3:] == [pids[3]] * 2
        assert len({pids[0], pids[3], os.getpid()}) == 3
    with pytest.raises(ZeroDivisionError):
        in_halves(lambda value: 1 / value, [1, 2, 0])


@pytest.mark.skipif(
    sys.platform != "linux" or torch.accelerator.is_available(), reason="threads are used here"
)
def test_a_process_that_ends_or_whose_result_cannot_be_copied_is_an_error_and_no_hang():
    with pytest.raises(RuntimeError, match="without a result, with the code 7"):
        cu.side_by_side(lambda number: os._exit(7), [0])
    with pytest.raises(TypeError, match="a function cannot be copied"):
        cu.side_by_side(lambda number: lambda: number, [0])
    assert cu.side_by_side(abs, []) == []
    assert not multiprocessing.active_children()


@pytest.mark.skipif(
    sys.platform != "linux" or torch.accelerator.is_available(), reason="threads are used here"
)
def test_an_error_starts_no_further_process_and_an_interrupt_ends_those_that_run(
    tmp_path, monkeypatch
):
    def leave_a_mark(number):
        (tmp_path / str(number)).touch()
        time.sleep(0.3)
        return 1 / (number - 1)

    with pytest.raises(ZeroDivisionError):
        cu.side_by_side(leave_a_mark, [1, 2, 3, 4, 5, 6])
    assert len(list(tmp_path.iterdir())) < 4

    def interrupted(receivers):
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "wait", interrupted)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        cu.side_by_side(time.sleep, [60, 60])
    for worker in multiprocessing.active_children():
        worker.join(10)
    assert not multiprocessing.active_children()
    assert time.monotonic() - begun < 30


@pytest.mark.skipif(sys.platform != "linux", reason="no forks here")
def test_a_fork_beside_a_thread_of_the_reader_warns_of_nothing(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert cu.side_by_side(abs, [-1, -2]) == [1, 2]
    finally:
        ended.set()
        other.join()
