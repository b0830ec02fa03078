"""Data that is bundled with scikit-learn or generated here; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.seeding import generator

DIGITS_IN_TRAINING = 1297


class Split(NamedTuple):
    """A classification data set in two parts: inputs float32, labels int64."""

    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor


def digits(seed: int) -> Split:
    """The 1797 handwritten digits of scikit-learn, split at random into 1297 and 500.

    Args:
        seed: which random split.

    Returns:
        Inputs of shape (examples, 64), grey values from 0 to 1 (the stored 0 … 16,
        divided by 16); labels of shape (examples,), 0 … 9.

    Source: E. Alpaydin, C. Kaynak (1998), Optical recognition of handwritten digits,
        UCI Machine Learning Repository, doi:10.24432/C50P49.

    Example:
        >>> digits(0).train_inputs.shape
        torch.Size([1297, 64])
    """
    inputs, labels = _all_digits()
    order = torch.randperm(len(labels), generator=generator(seed, "split"))
    train, test = order[:DIGITS_IN_TRAINING], order[DIGITS_IN_TRAINING:]
    return Split(inputs[train], labels[train], inputs[test], labels[test])


@cache
def _all_digits() -> tuple[Tensor, Tensor]:
    """Read once: the file is text. Who takes a part of it by indices gets a copy."""
    from sklearn.datasets import load_digits  # here: not all chapters need its 0.6 s

    bunch = load_digits()
    inputs = torch.tensor(bunch.data, dtype=torch.float32) / 16
    return inputs, torch.tensor(bunch.target, dtype=torch.int64)


def standard_digits(seeds: Sequence[int]) -> Split:
    """Splits of the digits for several seeds, standardised: centred, and of mean square 1.

    Pixels are centred and divided by one number for each split, both taken from its
    training images. (Some pixels never change: they cannot be divided by their own spread.)

    Args:
        seeds: which random splits, one for each copy of a network.

    Returns:
        Inputs of shape (seeds, examples, 64), labels of shape (seeds, examples).

    Raises:
        ValueError: if there is no seed.

    Example:
        >>> standard_digits([0, 1]).train_inputs.shape
        torch.Size([2, 1297, 64])
    """
    if not seeds:
        raise ValueError("needs at least one seed, got none")
    splits = [digits(seed) for seed in seeds]
    x, y, x_test, y_test = (torch.stack(part) for part in zip(*splits, strict=True))
    mean = x.mean(dim=1, keepdim=True)
    scale = (x - mean).std(dim=(1, 2), keepdim=True)
    return Split((x - mean) / scale, y, (x_test - mean) / scale, y_test)


def inputs_with_mean(
    mean: float, shape: tuple[int, ...], generator: torch.Generator, kind: str = "normal"
) -> Tensor:
    """Independent inputs with the given mean and variance 1, float64.

    Args:
        mean: the mean μ, in units of the standard deviation.
        shape: shape of the result.
        generator: where the random numbers come from.
        kind: ``"normal"``; ``"uniform"`` (width √12); ``"exponential"`` (an exponential
            variable shifted to the mean: long tail upwards, nothing below μ − 1).

    Returns:
        A tensor of that shape on the CPU.

    Raises:
        ValueError: for another ``kind``, or a mean that is not finite.

    Example:
        >>> inputs_with_mean(2.0, (1000,), torch.Generator().manual_seed(0)).mean().round()
        tensor(2., dtype=torch.float64)
    """
    if not abs(mean) < float("inf"):
        raise ValueError(f"mean must be a finite number, got {mean}")
    standard = torch.empty(shape, dtype=torch.float64)
    if kind == "normal":
        standard.normal_(generator=generator)
    elif kind == "uniform":
        standard.uniform_(-(3**0.5), 3**0.5, generator=generator)
    elif kind == "exponential":
        standard.exponential_(generator=generator).sub_(1)
    else:
        raise ValueError(f"kind must be 'normal', 'uniform' or 'exponential', got {kind!r}")
    return standard + mean
