"""Random numbers that are explicit, and seeds that can be moved as one.

A chapter never draws from a global stream: it asks for seeds, and makes one
generator per seed. Setting the environment variable ``COURSE_SEED_OFFSET`` to
1, 2, 3, … moves every chapter to seeds that nobody has looked at.
"""

from __future__ import annotations

import os
from zlib import crc32

import numpy as np
import torch

SEEDS_PER_OFFSET = 10_000
OFFSET_VARIABLE = "COURSE_SEED_OFFSET"


def seeds(n: int) -> list[int]:
    """``n`` different seeds, disjoint for different offsets.

    Args:
        n: how many, from 1 to 10 000.

    Returns:
        A list of ``n`` consecutive integers, starting at 10 000 · offset.

    Raises:
        ValueError: if ``n`` is not in 1 … 10 000, or if the environment variable
            ``COURSE_SEED_OFFSET`` is not a whole number of at least 0.

    Example:
        >>> seeds(3)
        [0, 1, 2]
    """
    if not 1 <= n <= SEEDS_PER_OFFSET:
        raise ValueError(f"seeds(n) needs 1 ≤ n ≤ {SEEDS_PER_OFFSET}, got n = {n}")
    text = os.environ.get(OFFSET_VARIABLE, "0")
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{OFFSET_VARIABLE} must be a whole number of at least 0, got {text!r}")
    first = SEEDS_PER_OFFSET * int(text)
    return list(range(first, first + n))


def generator(seed: int, purpose: str = "") -> torch.Generator:
    """A CPU generator with its own stream of random numbers.

    Args:
        seed: a whole number of at least 0.
        purpose: what the numbers are for. One seed gives each purpose a stream of its
            own, so that weights and minibatches, say, are independent.

    Returns:
        A ``torch.Generator``, independent of torch's global one.

    Raises:
        ValueError: if ``seed`` is negative.

    Example:
        >>> torch.rand(1, generator=generator(0)) == torch.rand(1, generator=generator(0))
        tensor([True])
    """
    if seed < 0:
        raise ValueError(f"a seed must be at least 0, got {seed}")
    mixed = np.random.SeedSequence([seed, crc32(purpose.encode())]).generate_state(1)
    return torch.Generator(device="cpu").manual_seed(int(mixed[0]))
