"""How this machine rounds: a short name for the digits that its arithmetic ends in.

Libraries sum in another order on another kind of processor. The last digit differs then,
and a training that runs long enough makes it the second. A chapter therefore stores the
name of the arithmetic that its outputs come from, and numbers are compared closely only
where it is the same (``conftest.py``).

    python -m tools.arithmetic       prints the name
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache

from tools.chapters import ROOT

KEY = "arithmetic"  # in a chapter's metadata


def digits() -> str:
    """Eight signs from the bits of what the chapters compute with, in this process."""
    import numpy as np  # here, since torch takes two seconds, and keeps its number of threads
    import torch

    g = torch.Generator().manual_seed(0)
    signal = torch.randn(24, 32, 50, generator=g)
    weights = torch.randn(24, 50, 50, generator=g) / 7
    wide = torch.randn(64, 525, generator=g) @ torch.randn(525, 500, generator=g)
    for bend in (torch.sigmoid, torch.tanh, torch.relu, torch.exp, torch.erf):
        signal = bend(torch.bmm(signal, weights))
    square = wide.double().T @ wide.double()
    found = [signal, wide, wide.softmax(dim=1), wide.var(dim=0)]
    found += [torch.linalg.eigvalsh(square[:50, :50]), torch.linalg.qr(square[:64, :8])[0]]
    arrays = [part.numpy() for part in found]
    arrays += [square.numpy() @ square.numpy(), np.linalg.svd(wide.numpy()[:, :64])[1]]
    return hashlib.md5(b"".join(array.tobytes() for array in arrays)).hexdigest()[:8]


@cache
def of_kernels(environment: tuple[tuple[str, str], ...]) -> str:
    """The same in a process of its own, with the variables that kernels have."""
    return subprocess.run(
        [sys.executable, "-m", "tools.arithmetic"],
        cwd=ROOT,
        env={**os.environ, **dict(environment)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def name(environment: Mapping[str, str]) -> str:
    """The name of the arithmetic in kernels that have these variables.

    Args:
        environment: variables beside those of this process; how many threads, above all.
    """
    return of_kernels(tuple(sorted(environment.items())))


if __name__ == "__main__":
    print(digits())
