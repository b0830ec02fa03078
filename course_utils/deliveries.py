"""Synthetic rows of a delivery service, as characters: the data of chapter 10.

The source regresses a number on a line of text: nine fields of one delivery, written one
after the other without a separator, each character one-hot. Its rows are not public in the
form it used, so these are drawn, from the marginals of the public table behind it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.special import betaincinv, ndtr
from torch import Tensor

FIELDS = {
    "store": 4,
    "market": 1,
    "made": 8,
    "cost": 5,
    "deliverers": 3,
    "busy": 3,
    "orders": 3,
    "transit": 4,
    "estimate": 4,
}
SYMBOLS = "0123456789. -:_"
WIDE = 6  # characters of every field in the wide layout
ASCII = "".join(map(chr, range(128)))
MARKET_EFFECT = (0.0, -493.85, -194.30, -438.69, -278.51, -335.83)
MARKET_SHARE = (0.206, 0.305, 0.130, 0.259, 0.095, 0.005)
# lowest, highest, mean and standard deviation of a field that is drawn from a beta law
RANGES = {
    "deliverers": (-1, 175, 49.1, 37.6),
    "busy": (-4, 169, 43.5, 34.0),
    "orders": (-9, 292, 62.6, 56.0),
    "transit": (0, 1550, 548.0, 220.0),
}
IN_COMMON = 0.95  # correlation of the normals behind deliverers, busy and orders


class Deliveries(NamedTuple):
    """Rows of one table: as numbers, as text, as inputs, with two targets."""

    fields: pd.DataFrame
    text: list[str]
    inputs: Tensor
    target: Tensor
    second_target: Tensor


def deliveries(
    rows: int, generator: torch.Generator, *, justify: str = "left", layout: str = "narrow"
) -> Deliveries:
    """Draw rows of nine fields, and write each as 35 characters, one-hot.

    The fields, with their characters: store (4), market (1), the first 8 characters of the
    time of the order, cost in cents (5), deliverers on shift (3), busy ones (3), open
    orders (3), estimated transit in seconds (4), and the whole-number prediction of a linear
    model (4), computed from the others by its published coefficients. All drawn, to the
    ranges, means and spreads of the public table; deliverers, busy and orders go together,
    as much as gives the linear prediction its spread. Rows without a count of
    deliverers have no target and are left out, so market 6 is rare. Half a per cent of
    the markets are missing, and written as nothing.

    Args:
        rows: how many, at least 1.
        generator: where the random numbers come from.
        justify: ``"left"`` fills a field up with ``_`` on its right, ``"right"`` on its left.
        layout: ``"narrow"``, 35 characters of 15 symbols; ``"wide"``, 6 characters for every
            field, so 54, of the 128 of ASCII: 6912 inputs, and a network of 3.5 million
            parameters in place of 315,141.

    Returns:
        ``fields``, a table of nine columns; ``text``, one line a row; ``inputs``, shape
        (rows, 525) or (rows, 6912), float32, one 1 for each character; ``target``
        10·deliverers and ``second_target`` (cost/100)·busy, shape (rows, 1), float32.

    Raises:
        ValueError: for fewer than one row, another ``justify`` or another ``layout``.

    Source: B. L. Badger (2022), Small Language Models for Tabular Data, arXiv:2211.02941,
        and the code beside it; the table is DoorDash's public take-home exercise.

    Example:
        >>> deliveries(2, torch.Generator().manual_seed(0)).inputs.sum(dim=1)
        tensor([35., 35.])
    """
    if rows < 1:
        raise ValueError(f"needs at least 1 row, got {rows}")
    if justify not in ("left", "right"):
        raise ValueError(f"justify must be 'left' or 'right', got {justify!r}")
    if layout not in ("narrow", "wide"):
        raise ValueError(f"layout must be 'narrow' or 'wide', got {layout!r}")
    fields = _drawn(rows, generator)
    lengths, symbols = list(FIELDS.values()), SYMBOLS
    if layout == "wide":
        lengths, symbols = [WIDE] * len(FIELDS), ASCII
    columns = (
        _filled(fields[name].tolist(), length, justify)
        for name, length in zip(fields, lengths, strict=True)
    )
    text = ["".join(row) for row in zip(*columns, strict=True)]
    places = np.frombuffer("".join(text).encode("ascii"), dtype=np.uint8)
    known = np.zeros(128, dtype=np.int64)
    known[[ord(symbol) for symbol in symbols]] = range(len(symbols))
    inputs = torch.zeros(rows, sum(lengths), len(symbols))
    inputs.scatter_(2, torch.from_numpy(known[places]).view(rows, -1, 1), 1.0)
    numbers = torch.tensor(fields[["deliverers", "cost", "busy"]].to_numpy(dtype=np.float32))
    return Deliveries(
        fields, text, inputs.flatten(1), 10 * numbers[:, :1], numbers[:, 1:2] / 100 * numbers[:, 2:]
    )


def _drawn(rows: int, generator: torch.Generator) -> pd.DataFrame:
    def uniform() -> np.ndarray:
        return torch.rand(rows, generator=generator, dtype=torch.float64).numpy()

    def normal() -> np.ndarray:
        return torch.randn(rows, generator=generator, dtype=torch.float64).numpy()

    store = np.floor(2 + 6985 * uniform()).astype(int)
    market = 1 + np.searchsorted(np.cumsum(MARKET_SHARE)[:-1], uniform(), side="right")
    january = uniform() < 11 / 29
    cost = np.clip(2220 * np.exp(0.64 * normal()), 0, 29925).round().astype(int)
    together = normal()
    drawn = {}
    for name, (low, high, mean, deviation) in RANGES.items():
        own = normal()
        if name != "transit":
            own = IN_COMMON**0.5 * together + (1 - IN_COMMON) ** 0.5 * own
        m, s = (mean - low) / (high - low), deviation / (high - low)
        total = m * (1 - m) / s**2 - 1
        share = betaincinv(total * m, total * (1 - m), ndtr(own))
        drawn[name] = (low + (high - low) * share).round().astype(int)
    estimate = (
        2438.2339 + np.array(MARKET_EFFECT)[market - 1] - 19.6609 * drawn["deliverers"]
        - 7.1418 * drawn["busy"] + 21.3535 * drawn["orders"] + 1.2551 * drawn["transit"]
    )  # fmt: skip
    shown = pd.Series(market.astype(str)).where(uniform() >= 0.005, "")
    return pd.DataFrame(
        {
            "store": store,
            "market": shown,
            "made": np.where(january, "2015-01-", "2015-02-"),
            "cost": cost,
            **drawn,
            "estimate": np.floor(estimate).astype(int),
        }
    )


def _filled(values: list[object], length: int, justify: str) -> list[str]:
    """What is written in a field: cut or filled up with _ to its length."""
    side = "<" if justify == "left" else ">"
    return [f"{value!s:_{side}{length}.{length}}" for value in values]
