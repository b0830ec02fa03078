"""What training many seeds side by side saves, on the heart of chapter 6's main table.

Usage: python -m benchmarks.pretraining

A two-by-two table is made twice, {default, Glorot × 4} × {random, pretrained} for eight
seeds at three rates with fifty labels: once with all copies of a network in one model,
once a seed at a time. One thread. The command ends with an error if side by side is
not at least twice as fast, or if the two tables differ by more than rounding explains.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import torch

import course_utils as cu

SIZES = [64, 50, 50, 50, 50, 50]
RATES = (0.03, 0.15, 0.75)
SEEDS = 8
AT_LEAST = 2.0
SAME = 0.03  # of mean accuracy


def digits(seeds: Sequence[int]) -> list[torch.Tensor]:
    """Standardised digits, a split for each seed."""
    parts = zip(*(cu.digits(seed) for seed in seeds), strict=True)
    x, y, x_test, y_test = (torch.stack(part) for part in parts)
    mean = x.mean(dim=1, keepdim=True)
    scale = (x - mean).std(dim=(1, 2), keepdim=True)
    return [(x - mean) / scale, y, (x_test - mean) / scale, y_test]


def row(
    seeds: Sequence[int], rates: Sequence[float], gain: float | None, pretrained: bool
) -> float:
    """Mean accuracy over seeds and rates of one line of the table."""
    draw = cu.initialization
    scheme = draw.glorot(gain=gain) if gain else draw.uniform_default()
    x, y, x_test, y_test = digits(seeds)
    n, copies = len(rates), list(seeds) * len(rates)
    net = cu.MLP([*SIZES, 10], "sigmoid", seeds=copies, scheme=scheme)
    if pretrained:
        decoder = draw.glorot() if gain else scheme
        stages = cu.pretraining.greedy(
            SIZES, x, seeds=seeds, scheme=scheme, decoder=decoder, steps=600, rate=0.02
        )
        cu.pretraining.take_over(net, stages)
    few = torch.stack([torch.cat([(own == c).nonzero()[:5, 0] for c in range(10)]) for own in y])
    own = torch.arange(len(seeds))[:, None]
    cu.fit(
        net,
        x[own, few].repeat(n, 1, 1),
        y[own, few].repeat(n, 1),
        rates=[rate for rate in rates for _ in seeds],
        steps=300,
        batch=32,
        seeds=copies,
        momentum=0.9,
    )
    right = cu.accuracy(net, x_test.repeat(n, 1, 1), y_test.repeat(n, 1))
    return float(right.mean())


def table(together: bool) -> tuple[float, list[float]]:
    """Seconds of processor time, and the four lines."""
    seeds = cu.seeds(SEEDS)
    began, lines = time.process_time(), []
    for gain in (None, 4.0):
        for pretrained in (False, True):
            if together:
                lines.append(row(seeds, RATES, gain, pretrained))
                continue
            alone = []
            for seed in seeds:
                alone.append(row([seed], RATES, gain, pretrained))
            lines.append(sum(alone) / len(alone))
    return time.process_time() - began, lines


def main() -> int:
    """Print both; 1 if the bar is missed."""
    torch.set_num_threads(1)
    table(True)  # the first call loads what later ones have
    seconds, lines = table(True)
    one_by_one, same_lines = table(False)
    print(f"side by side: {seconds:.1f} s; a seed at a time: {one_by_one:.1f} s")
    apart = max(abs(a - b) for a, b in zip(lines, same_lines, strict=True))
    print(
        f"{one_by_one / seconds:.1f} times faster (bar {AT_LEAST:g}); tables differ by {apart:.3f}"
    )
    return 0 if one_by_one / seconds >= AT_LEAST and apart <= SAME else 1


if __name__ == "__main__":
    sys.exit(main())
