"""Normalisation of pre-activations, for many networks side by side."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class BatchNorm(nn.Module):
    """Batch normalisation over the examples, one for each copy of a network.

    In training each unit is centred and scaled by the mean and the biased variance of
    its minibatch; in evaluation by running averages of the means and of the *unbiased*
    variances. Then ``scale`` (γ) and ``shift`` (β) are learned. Source: S. Ioffe,
    C. Szegedy (2015), arXiv:1502.03167, algorithms 1 and 2; momentum as in torch.

    Args:
        copies: how many networks.
        units: units of the layer.
        epsilon: added to the variance, more than 0.
        momentum: weight of the newest minibatch in the running averages, from 0 to 1.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> y = BatchNorm(1, 2)(torch.tensor([[[1.0, 5.0], [3.0, 5.0]]]))
        >>> y.detach().round(decimals=3)
        tensor([[[-1.,  0.],
                 [ 1.,  0.]]])
    """

    def __init__(
        self, copies: int, units: int, *, epsilon: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        _check(copies=copies, units=units, epsilon=epsilon)
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be from 0 to 1, got {momentum}")
        self.epsilon, self.momentum = epsilon, momentum
        self.scale = nn.Parameter(torch.ones(copies, 1, units))
        self.shift = nn.Parameter(torch.zeros(copies, 1, units))
        self.register_buffer("running_mean", torch.zeros(copies, 1, units))
        self.register_buffer("running_variance", torch.ones(copies, 1, units))

    running_mean: Tensor
    running_variance: Tensor

    def forward(self, z: Tensor) -> Tensor:
        """Normalise pre-activations of shape (copies, batch, units).

        Raises:
            ValueError: in training, if the batch has fewer than 2 examples: a variance
                over one example is 0 whatever the example.
        """
        if not self.training:
            return self._scaled(z, self.running_mean, self.running_variance)
        examples = z.shape[1]
        if examples < 2:
            raise ValueError(f"training needs 2 or more examples in a batch, got {examples}")
        mean = z.mean(dim=1, keepdim=True)
        variance = z.var(dim=1, keepdim=True, unbiased=False)
        with torch.no_grad():
            unbiased = variance * examples / (examples - 1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_variance.lerp_(unbiased, self.momentum)
        return self._scaled(z, mean, variance)

    def _scaled(self, z: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return (z - mean) * torch.rsqrt(variance + self.epsilon) * self.scale + self.shift


class LayerNorm(nn.Module):
    """Layer normalisation over the units of each example, one for each copy.

    Source: J. L. Ba, J. R. Kiros, G. Hinton (2016), arXiv:1607.06450, equations 3 and 4.

    Args:
        copies: how many networks.
        units: units of the layer.
        epsilon: added to the variance, more than 0.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> LayerNorm(1, 2)(torch.tensor([[[1.0, 3.0]]])).detach().round(decimals=3)
        tensor([[[-1.,  1.]]])
    """

    def __init__(self, copies: int, units: int, *, epsilon: float = 1e-5) -> None:
        super().__init__()
        _check(copies=copies, units=units, epsilon=epsilon)
        self.epsilon = epsilon
        self.scale = nn.Parameter(torch.ones(copies, 1, units))
        self.shift = nn.Parameter(torch.zeros(copies, 1, units))

    def forward(self, z: Tensor) -> Tensor:
        """Normalise pre-activations of shape (copies, batch, units)."""
        mean = z.mean(dim=2, keepdim=True)
        variance = z.var(dim=2, keepdim=True, unbiased=False)
        return (z - mean) * torch.rsqrt(variance + self.epsilon) * self.scale + self.shift


class GroupNorm(nn.Module):
    """Group normalisation: each example's units in groups, each group by itself.

    Groups are neighbouring units. Source: Y. Wu, K. He (2018), arXiv:1803.08494,
    equations 1 to 3 and 7.

    Args:
        copies: how many networks.
        units: units of the layer, a multiple of ``groups``.
        groups: how many groups; 1 is layer normalisation.
        epsilon: added to the variance, more than 0.

    Raises:
        ValueError: if a number is out of range, or the groups would not be of equal size.

    Example:
        >>> z = torch.tensor([[[1.0, 3.0, 10.0, 30.0]]])
        >>> GroupNorm(1, 4, groups=2)(z).detach().round(decimals=3)
        tensor([[[-1.,  1., -1.,  1.]]])
    """

    def __init__(self, copies: int, units: int, *, groups: int = 8, epsilon: float = 1e-5) -> None:
        super().__init__()
        _check(copies=copies, units=units, epsilon=epsilon)
        if groups < 1 or units % groups:
            raise ValueError(
                f"groups must be at least 1 and divide the units, got {groups} for {units} units"
            )
        self.groups, self.epsilon = groups, epsilon
        self.scale = nn.Parameter(torch.ones(copies, 1, units))
        self.shift = nn.Parameter(torch.zeros(copies, 1, units))

    def forward(self, z: Tensor) -> Tensor:
        """Normalise pre-activations of shape (copies, batch, units)."""
        grouped = z.unflatten(2, (self.groups, -1))
        mean = grouped.mean(dim=3, keepdim=True)
        variance = grouped.var(dim=3, keepdim=True, unbiased=False)
        standard = (grouped - mean) * torch.rsqrt(variance + self.epsilon)
        return standard.flatten(2) * self.scale + self.shift


class RMSNorm(nn.Module):
    """Each example divided by the root mean square of its units; no mean is taken off.

    Source: B. Zhang, R. Sennrich (2019), arXiv:1910.07467, equation 4.

    Args:
        copies: how many networks.
        units: units of the layer.
        epsilon: added to the mean square, more than 0.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> RMSNorm(1, 2)(torch.tensor([[[3.0, 3.0]]])).detach().round(decimals=3)
        tensor([[[1., 1.]]])
    """

    def __init__(self, copies: int, units: int, *, epsilon: float = 1e-5) -> None:
        super().__init__()
        _check(copies=copies, units=units, epsilon=epsilon)
        self.epsilon = epsilon
        self.scale = nn.Parameter(torch.ones(copies, 1, units))

    def forward(self, z: Tensor) -> Tensor:
        """Divide pre-activations of shape (copies, batch, units)."""
        square = z.square().mean(dim=2, keepdim=True)
        return z * torch.rsqrt(square + self.epsilon) * self.scale


def _check(*, copies: int, units: int, epsilon: float) -> None:
    if copies < 1 or units < 1:
        raise ValueError(f"copies and units must be at least 1, got {copies} and {units}")
    if not 0 < epsilon < math.inf:
        raise ValueError(f"epsilon must be more than 0 and finite, got {epsilon}")
