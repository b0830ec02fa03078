"""Activation functions with their derivatives.

``centred`` and ``scaled`` make new activations out of old ones, so that an experiment
can change the mean or the size of what a layer passes on, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


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


ACTIVATIONS = {
    "identity": Activation("identity", lambda z: z, torch.ones_like),
    "sigmoid": Activation("sigmoid", torch.sigmoid, _sigmoid_derivative),
    "tanh": Activation("tanh", torch.tanh, lambda z: 1 - torch.tanh(z) ** 2),
    "relu": Activation("relu", torch.relu, lambda z: (z > 0).to(z.dtype)),
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


def gaussian_moments(which: str | Activation, spread: float = 1.0) -> tuple[float, float]:
    """Mean and variance of f(z) for normal z with mean 0.

    Integrated numerically (Gauss–Legendre on each side of 0, where ReLU has its kink);
    the error is below 1e-10 for the activations of this module.

    Args:
        which: the activation.
        spread: standard deviation of z, more than 0.

    Returns:
        (mean, variance) of f(z).

    Raises:
        ValueError: for an unknown activation or a spread that is not more than 0.

    Example:
        >>> mean, variance = gaussian_moments("relu")
        >>> round(mean - 1 / math.sqrt(2 * math.pi), 9)
        0.0
    """
    if not 0 < spread < math.inf:
        raise ValueError(f"spread must be more than 0 and finite, got {spread}")
    nodes, weights = np.polynomial.legendre.leggauss(200)
    half = torch.tensor(6 * (nodes + 1))  # 0 … 12 standard deviations
    density = torch.tensor(6 * weights) * torch.exp(-(half**2) / 2) / math.sqrt(2 * math.pi)
    z = torch.cat([half, -half])
    density = torch.cat([density, density])
    y = activation(which)(spread * z)
    mean = float((density * y).sum())
    return mean, float((density * (y - mean) ** 2).sum())


def centred(which: str | Activation, spread: float = 1.0) -> Activation:
    """f minus its mean for normal z with mean 0: the same curve, moved down or up.

    Args:
        which: the activation.
        spread: standard deviation of z, more than 0.

    Raises:
        ValueError: for an unknown activation or a spread that is not more than 0.

    Example:
        >>> round(gaussian_moments(centred("sigmoid"))[0], 9)
        0.0
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
