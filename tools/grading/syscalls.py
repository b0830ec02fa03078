"""Which calls of the kernel a submission may not make: a filter for ``bwrap --seccomp``.

A submission's memory is counted by what its processes hold. These calls make memory that no
process holds, or a place where it could be made; a few others no course needs. Each is
refused with EPERM, and Python, torch, numpy and multiprocessing go on without them.

The filter is a classic BPF program, which the kernel runs on every call: see its
``Documentation/userspace-api/seccomp_filter.rst``, and ``include/uapi/linux/filter.h`` and
``seccomp.h`` for the numbers. Those of the calls are in ``asm/unistd_64.h`` (x86-64) and
``asm-generic/unistd.h`` (aarch64).
"""

from __future__ import annotations

import errno
import platform
import struct
import sys
from pathlib import Path

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_…
X32 = 0x40000000  # this bit asks x86-64 for another set of calls, with the same effects

REFUSED = {  # the call's number on x86-64, and on aarch64
    "memfd_create": (319, 279),  # memory as a file without a name
    "memfd_secret": (447, 447),
    "shmget": (29, 194),  # System V: memory, messages and semaphores that outlive processes
    "msgget": (68, 186),
    "semget": (64, 190),
    "vmsplice": (278, 75),  # pages of memory that only a pipe holds
    "unshare": (272, 97),  # a namespace of one's own, to mount file systems in memory
    "add_key": (248, 217),  # the kernel's own store
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),  # ways into the kernel that no course needs
    "io_uring_setup": (425, 425),  # it makes calls past this filter
    "perf_event_open": (298, 241),
    "ptrace": (101, 117),
    "userfaultfd": (323, 282),
}
CLONE, CLONE3, MMAP, PRCTL, SOCKET = (56, 220), (435, 435), (9, 222), (157, 167), (41, 198)

NEW_USER = 0x10000000  # CLONE_NEWUSER: a namespace of one's own, as by unshare
SHARED_WITHOUT_FILE = 0x21  # MAP_SHARED and MAP_ANONYMOUS: memory that stays when unmapped
SET_DUMPABLE = 4  # PR_SET_DUMPABLE: hides from the grader what a process holds
AF_UNIX = 1  # within the machine: what multiprocessing and asyncio use

# Instructions, each with a number; jumps count the instructions that they pass over.
LOAD, AND, RETURN = 0x20, 0x54, 0x06
EQUAL, ANY_BIT = 0x15, 0x45  # jump
NUMBER, MACHINE = 0, 4  # places in struct seccomp_data
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
UNKNOWN = 0x00050000 | errno.ENOSYS

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, number


def program(machine: str) -> bytes:
    """The filter, as the kernel takes it.

    Args:
        machine: a name in ``MACHINES``.
    """
    here = list(MACHINES).index(machine)
    lines: list[Instruction] = [
        *(_load(MACHINE), (EQUAL, 1, 0, MACHINES[machine]), _return(REFUSE)),
        *(_load(NUMBER), (ANY_BIT, 0, 1, X32), _return(REFUSE)),
    ]
    for numbers in REFUSED.values():
        lines += _if_call(numbers[here], _return(REFUSE))
    # What clone3 is asked for stands where no filter can look. Libraries then use clone.
    lines += _if_call(CLONE3[here], _return(UNKNOWN))
    lines += _if_call(CLONE[here], _argument(0), (ANY_BIT, 0, 1, NEW_USER), _return(REFUSE))
    lines += _if_call(SOCKET[here], _argument(0), (EQUAL, 1, 0, AF_UNIX), _return(REFUSE))
    lines += _if_call(PRCTL[here], _argument(0), (EQUAL, 0, 1, SET_DUMPABLE), _return(REFUSE))
    both = SHARED_WITHOUT_FILE
    flags: list[Instruction] = [_argument(3), (AND, 0, 0, both)]
    lines += _if_call(MMAP[here], *flags, (EQUAL, 0, 1, both), _return(REFUSE))
    lines += [_return(ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _if_call(number: int, *body: Instruction) -> list[Instruction]:
    """What is done for one call; if that returns nothing, the call is allowed."""
    whole = [*body, _return(ALLOW)]
    return [(EQUAL, 0, len(whole), number), *whole]


def _load(place: int) -> Instruction:
    return LOAD, 0, 0, place


def _argument(index: int) -> Instruction:
    return _load(16 + 8 * index)  # its lower half, which comes first on both machines


def _return(what: int) -> Instruction:
    return RETURN, 0, 0, what


def missing() -> str | None:
    """Why calls cannot be filtered here, in a sentence; ``None`` if they can."""
    machine = platform.machine()
    if machine not in MACHINES or sys.maxsize < 2**32:
        return f"The filter knows {' and '.join(MACHINES)}; this Python runs on {machine}."
    try:
        known = Path("/proc/sys/kernel/seccomp/actions_avail").read_text(encoding="ascii")
    except OSError:
        known = ""
    return None if "errno" in known else "This kernel cannot filter calls (seccomp)."
