"""Activation functions with their derivatives.

``centred`` and ``scaled`` make new activations out of old ones, so that an experiment
can change the mean or the size of what a layer passes on, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_utils.quadrature import gauss_legendre


@dataclass(frozen=True)
class Activation:
    """An activation f and its derivative f′, both elementwise.

    Attributes:
        name: the field's name for it.
        f: the function, tensor to tensor of the same shape.
        derivative: f′, tensor to tensor of the same shape.
    """

    name: str
    f: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]

    def __call__(self, z: Tensor) -> Tensor:
        """f(z), elementwise."""
        return self.f(z)


def _sigmoid_derivative(z: Tensor) -> Tensor:
    y = torch.sigmoid(z)
    return y * (1 - y)


def _gelu_derivative(z: Tensor) -> Tensor:
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return (1 + torch.erf(z / math.sqrt(2))) / 2 + z * density


def _silu_derivative(z: Tensor) -> Tensor:
    y = torch.sigmoid(z)
    return y * (1 + z * (1 - y))


LEAK = 0.01  # slope of the leaky ReLU for negative z: torch's default


# Functions with names, so that a network can be copied from one process to another.
def _identity(z: Tensor) -> Tensor:
    return z


def _tanh_derivative(z: Tensor) -> Tensor:
    return 1 - torch.tanh(z) ** 2


def _relu_derivative(z: Tensor) -> Tensor:
    return (z > 0).to(z.dtype)


def _leaky_relu(z: Tensor) -> Tensor:
    return torch.where(z > 0, z, LEAK * z)


def _leaky_relu_derivative(z: Tensor) -> Tensor:
    return torch.where(z > 0, 1.0, LEAK).to(z.dtype)


ACTIVATIONS = {
    "identity": Activation("identity", _identity, torch.ones_like),
    "sigmoid": Activation("sigmoid", torch.sigmoid, _sigmoid_derivative),
    "tanh": Activation("tanh", torch.tanh, _tanh_derivative),
    "relu": Activation("relu", torch.relu, _relu_derivative),
    "leaky_relu": Activation("leaky_relu", _leaky_relu, _leaky_relu_derivative),
    "gelu": Activation("gelu", functional.gelu, _gelu_derivative),
    "silu": Activation("silu", functional.silu, _silu_derivative),
}


def activation(which: str | Activation) -> Activation:
    """The activation of that name; an ``Activation`` is returned as it is.

    Raises:
        ValueError: if the name is not known; the message lists the known ones.

    Example:
        >>> activation("relu")(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    if isinstance(which, Activation):
        return which
    if which not in ACTIVATIONS:
        raise ValueError(f"unknown activation {which!r}; known are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[which]


def gaussian_expectation(
    g: Callable[[Tensor], Tensor], spread: float = 1.0, mean: float = 0.0
) -> float:
    """E[g(z)] for normal z, by Gauss–Legendre quadrature.

    The range is cut at 0, where ReLU has its kink, and into pieces that are short where
    the sigmoid and tanh bend: the error is below 1e-9 for the activations of this
    module and their derivatives, for spreads from 1e-6 to 1e6.

    Args:
        g: elementwise, smooth but for a kink or step at 0.
        spread: standard deviation of z, more than 0 and finite.
        mean: mean of z, finite.

    Raises:
        ValueError: if the spread is not more than 0, or the mean is not finite.

    Example:
        >>> round(gaussian_expectation(lambda z: z**2, 3.0, mean=1.0), 9)
        10.0
    """
    _check_normal(spread, mean)
    nodes, weights = gauss_legendre(40)
    low, high = mean - 12 * spread, mean + 12 * spread  # beyond, the density is nothing
    bends = [sign * bend for bend in (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0) for sign in (-1, 1)]
    edges = sorted({*(bend for bend in bends if low < bend < high), *np.linspace(low, high, 17)})
    total = 0.0
    for left, right in pairwise(edges):
        z = torch.tensor(left + (right - left) * (nodes + 1) / 2)
        density = torch.exp(-(((z - mean) / spread) ** 2) / 2) / (spread * math.sqrt(2 * math.pi))
        total += float((torch.tensor(weights * (right - left) / 2) * density * g(z)).sum())
    return total


def gaussian_moments(
    which: str | Activation, spread: float = 1.0, mean: float = 0.0
) -> tuple[float, float]:
    """Mean and variance of f(z) for normal z.

    Args:
        which: the activation.
        spread: standard deviation of z, more than 0.
        mean: mean of z.

    Returns:
        (mean, variance) of f(z).

    Raises:
        ValueError: for an unknown activation, a spread that is not more than 0, or a
            mean that is not finite.

    Example:
        >>> middle, variance = gaussian_moments("relu")
        >>> abs(middle - 1 / math.sqrt(2 * math.pi)) < 1e-9
        True
    """
    f = activation(which)
    middle = gaussian_expectation(f, spread, mean)
    return middle, gaussian_expectation(lambda z: (f(z) - middle) ** 2, spread, mean)


def linearity(which: str | Activation, spread: float = 1.0, mean: float = 0.0) -> float:
    """Squared correlation of z and f(z) for normal z: s² E[f′(z)]² / Var f(z).

    It is the share of the variance of f(z) that the best straight line explains: 1 for a
    straight line. That Cov(z, f) = s² E[f′] is Stein's lemma (C. Stein, 1981).

    Args:
        which: the activation.
        spread: standard deviation s of z, more than 0.
        mean: mean of z.

    Returns:
        A number from 0 to 1; NaN where f(z) does not vary at all in float64.

    Raises:
        ValueError: as ``gaussian_moments``.

    Example:
        >>> round(linearity("relu"), 4)
        0.7335
    """
    slope = gaussian_expectation(activation(which).derivative, spread, mean)
    _, variance = gaussian_moments(which, spread, mean)
    return spread**2 * slope**2 / variance if variance > 0 else math.nan


def steepest(which: str | Activation) -> float:
    """The largest |f′| of an activation.

    Example:
        >>> steepest("sigmoid")
        0.25
    """
    slope = activation(which).derivative
    return float(slope(torch.linspace(-20, 20, 40_001, dtype=torch.float64)).abs().max())


def saturated_share(
    which: str | Activation, spread: float = 1.0, mean: float = 0.0, below: float = 0.05
) -> float:
    """Share of units with |f′(z)| below ``below`` times its maximum, for normal z.

    Args:
        which: the activation.
        spread: standard deviation of z, more than 0.
        mean: mean of z.
        below: the threshold τ, more than 0.

    Raises:
        ValueError: for an unknown activation, a spread or threshold that is not more
            than 0, or a mean that is not finite.

    Example:
        >>> round(saturated_share("relu"), 9)
        0.5
    """
    _check_normal(spread, mean)
    if not 0 < below < math.inf:
        raise ValueError(f"below must be more than 0 and finite, got {below}")
    slope, threshold = activation(which).derivative, below * steepest(which)

    def flat(z: Tensor) -> Tensor:
        return slope(z).abs() < threshold

    grid = torch.linspace(-20, 20, 4001, dtype=torch.float64)  # beyond, f′ is at its limit
    changes = (flat(grid)[1:] != flat(grid)[:-1]).nonzero()[:, 0]
    left, right = grid[changes], grid[changes + 1]
    for _ in range(40):  # bisection: flat(left) stays as it is
        middle = (left + right) / 2
        same = flat(middle) == flat(left)
        left, right = torch.where(same, middle, left), torch.where(same, right, middle)
    edges = torch.cat([torch.tensor([-math.inf]), right, torch.tensor([math.inf])])
    below_edge = torch.special.ndtr((edges - mean) / spread)
    pieces = flat(torch.cat([grid[:1], right + 1e-6]))
    return float((below_edge.diff() * pieces).sum())


def centred(which: str | Activation, spread: float = 1.0) -> Activation:
    """f minus its mean for normal z with mean 0: the same curve, moved down or up.

    Args:
        which: the activation.
        spread: standard deviation of z, more than 0.

    Raises:
        ValueError: for an unknown activation or a spread that is not more than 0.

    Example:
        >>> abs(gaussian_moments(centred("sigmoid"))[0]) < 1e-9
        True
    """
    original = activation(which)
    mean, _ = gaussian_moments(original, spread)
    return Activation(f"centred {original.name}", lambda z: original(z) - mean, original.derivative)


def scaled(which: str | Activation, factor: float) -> Activation:
    """factor · f: the same curve, stretched upwards.

    Raises:
        ValueError: if the factor is 0 or not finite.

    Example:
        >>> scaled("sigmoid", 4)(torch.zeros(1))
        tensor([2.])
    """
    if factor == 0 or not math.isfinite(factor):
        raise ValueError(f"factor must be finite and not 0, got {factor}")
    original = activation(which)
    return Activation(
        f"{factor:g}·{original.name}",
        lambda z: factor * original(z),
        lambda z: factor * original.derivative(z),
    )


def _check_normal(spread: float, mean: float) -> None:
    if not 0 < spread < math.inf:
        raise ValueError(f"spread must be more than 0 and finite, got {spread}")
    if not math.isfinite(mean):
        raise ValueError(f"mean must be finite, got {mean}")
