"""Map of chapter 7: for how many independent examples a batch counts."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from course_utils.data import digits
from course_utils.initialization import kaiming
from course_utils.maps.common import Axis, Measure, ValidityMap
from course_utils.networks import MLP
from course_utils.seeding import generator

CLASSES = 10
UNITS = 40
BATCHES = 200
ENOUGH = 1.0  # log₁₀ of 10 examples


def mixed_batches(
    labels: Tensor, batch: int, lean: float, count: int, generator: torch.Generator
) -> Tensor:
    """Rows of examples for batches that lean to one class, shape (count, batch).

    Each batch has a main class, drawn uniformly. Each of its examples is of that class
    with probability ``lean``, else of a class drawn uniformly from all.
    """
    rows = [torch.nonzero(labels == c).flatten() for c in range(CLASSES)]
    table = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    sizes = torch.tensor([len(of_class) for of_class in rows])
    main = torch.randint(CLASSES, (count, 1), generator=generator)
    other = torch.randint(CLASSES, (count, batch), generator=generator)
    leans = torch.rand(count, batch, generator=generator) < lean
    chosen = torch.where(leans, main, other)
    place = (torch.rand(count, batch, generator=generator) * sizes[chosen]).long()
    return table[chosen, place]


def counts_as(seed: int, batch: float, lean: float, layer: int = 1) -> float:
    """log₁₀ of σ² over the variance of a batch's mean, for pre-activations of the digits."""
    z, labels = _pre_activations(seed, layer)
    within, between = _parts(z, labels)
    g = generator(seed, f"batches {batch} {lean}")
    rows = mixed_batches(labels, int(batch), lean, BATCHES, g)
    middle = torch.stack([z[labels == c].mean(dim=0) for c in range(CLASSES)]).mean(dim=0)
    squared = ((z[rows].mean(dim=1) - middle) ** 2).mean(dim=0)
    return -math.log10((squared / (within + between)).mean())


def independent_examples(batch: float, lean: float) -> float:
    """B/(1 + (B − 1)ρ·lean²), with ρ from the inputs' variances within and between classes."""
    return batch / (1 + (batch - 1) * _rho() * lean**2)


def predicted(batch: float, lean: float) -> float:
    """log₁₀ of ``independent_examples``."""
    return math.log10(independent_examples(batch, lean))


@lru_cache(maxsize=256)
def _pre_activations(seed: int, layer: int) -> tuple[Tensor, Tensor]:
    inputs, labels, _, _ = digits(seed)
    net = MLP([64] + [UNITS] * layer, "relu", seeds=[seed], scheme=kaiming())
    with torch.no_grad():
        return net.pre_activations(inputs - inputs.mean(dim=0))[-1][0], labels


def _parts(z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Variance within and between classes, of each feature, all classes counting alike."""
    groups = [z[labels == c] for c in range(CLASSES)]
    within = torch.stack([group.var(dim=0, unbiased=False) for group in groups]).mean(dim=0)
    between = torch.stack([group.mean(dim=0) for group in groups]).var(dim=0, unbiased=False)
    return within, between


@lru_cache(maxsize=1)
def _rho() -> float:
    """Share of the inputs' variance that lies between classes, one split for all seeds."""
    inputs, labels, _, _ = digits(0)
    within, between = _parts(inputs, labels)
    return float(between.sum() / (within + between).sum())


COUNTS_AS = ValidityMap(
    claim="ch07-counts-as-map",
    statement="a batch counts as at least 10 independent examples",
    assumes="a first layer with random weights",
    quantity="log₁₀ of the examples that a batch counts as",
    threshold=ENOUGH,
    x=Axis("batch", "batch size B", (4, 8, 16, 32, 64, 128, 256), logarithmic=True, whole=True),
    y=Axis("lean", "lean p of the batches", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)),
    measure=Measure(counts_as),
    predict=predicted,
    choices={"layer": (1, 2, 3)},
)
