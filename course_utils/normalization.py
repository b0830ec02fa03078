"""Normalisation of pre-activations: layers for many networks, and drop-in ones for torch."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

Foldable = nn.Linear | nn.Conv1d | nn.Conv2d


def _statistics(z: Tensor, axes: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, biased and unbiased variance over some axes, which are kept."""
    count = math.prod(z.shape[axis] for axis in axes)
    if count < 2:
        what = "examples" if len(axes) == 1 else "numbers for each feature"
        raise ValueError(f"a variance over the batch needs 2 or more {what}, got {count}")
    mean = z.mean(dim=tuple(axes), keepdim=True)
    variance = z.var(dim=tuple(axes), keepdim=True, unbiased=False)
    return mean, variance, variance.detach() * count / (count - 1)


def _check_momentum(momentum: float) -> None:
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum must be from 0 to 1, got {momentum}")


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
        _check_momentum(momentum)
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
        mean, variance, unbiased = _statistics(z, [1])
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_variance.lerp_(unbiased, self.momentum)
        return self._scaled(z, mean, variance)

    def _scaled(self, z: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return (z - mean) * torch.rsqrt(variance + self.epsilon) * self.scale + self.shift


class BatchNorm1d(nn.Module):
    """Batch normalisation that takes the place of ``torch.nn.BatchNorm1d``.

    The same arguments, the same names in ``state_dict``, the same numbers; plain tensor
    operations, so that autograd derives the backward pass. Source: S. Ioffe, C. Szegedy
    (2015), arXiv:1502.03167, algorithms 1 and 2.

    Args:
        num_features: units or channels, the second axis of the inputs.
        eps: ε, added to the variance, more than 0.
        momentum: weight of the newest batch in the running statistics, from 0 to 1;
            ``None``: the plain mean over all batches so far.
        affine: whether γ (``weight``) and β (``bias``) are learned.
        track_running_stats: if not, the batch's own statistics serve in evaluation too.
            Set to ``False`` later, training leaves the running statistics as they are.
        device: where parameters and buffers lie.
        dtype: their type.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> BatchNorm1d(2)(torch.tensor([[1.0, 5.0], [3.0, 5.0]])).detach().round(decimals=3)
        tensor([[-1.,  0.],
                [ 1.,  0.]])
    """

    shapes: ClassVar = {2: "(batch, {})", 3: "(batch, {}, length)"}  # by number of axes
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if num_features < 1:
            raise ValueError(f"num_features must be at least 1, got {num_features}")
        if not 0 < eps < math.inf:
            raise ValueError(f"eps must be more than 0 and finite, got {eps}")
        if momentum is not None:
            _check_momentum(momentum)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        ones = torch.ones(num_features, device=device, dtype=dtype)
        zeros = torch.zeros_like(ones)
        self.weight = nn.Parameter(ones) if affine else None
        self.bias = nn.Parameter(zeros) if affine else None
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros.clone() if tracked else None)
        self.register_buffer("running_var", ones.clone() if tracked else None)
        count = torch.zeros((), dtype=torch.int64, device=device)
        self.register_buffer("num_batches_tracked", count if tracked else None)

    def forward(self, z: Tensor) -> Tensor:
        """Normalise each feature over the batch, and over positions if there are any.

        Raises:
            ValueError: if the shape, the number of features or the type does not fit, or
                a variance is asked of a single number for each feature.
        """
        self._check(z)
        mean, variance = self._mean_and_variance(z)
        along = (1, -1) + (1,) * (z.dim() - 2)  # features are the second axis
        normalised = (z - mean.view(along)) * torch.rsqrt(variance + self.eps).view(along)
        if self.weight is None or self.bias is None:
            return normalised
        return normalised * self.weight.view(along) + self.bias.view(along)

    def _mean_and_variance(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Of the batch, noting them, or the running ones."""
        running_mean, running_var = self.running_mean, self.running_var
        if running_mean is not None and running_var is not None and not self.training:
            return running_mean, running_var
        mean, variance, unbiased = (
            part.flatten() for part in _statistics(z, [a for a in range(z.dim()) if a != 1])
        )
        if not self.track_running_stats:  # an attribute that may be set later, as in torch
            return mean, variance
        if running_mean is not None and running_var is not None:
            with torch.no_grad():
                self.num_batches_tracked += 1
                count = float(self.num_batches_tracked)
                newest = 1 / count if self.momentum is None else self.momentum
                running_mean.lerp_(mean, newest)
                running_var.lerp_(unbiased, newest)
        return mean, variance

    def extra_repr(self) -> str:
        """What ``print`` shows of the layer, as torch's does."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )

    def _check(self, z: Tensor) -> None:
        if z.dim() not in self.shapes or z.shape[1] != self.num_features:
            shapes = " or ".join(one.format(self.num_features) for one in self.shapes.values())
            raise ValueError(f"inputs must have shape {shapes}, got {tuple(z.shape)}")
        for own in (self.weight, self.running_mean):
            if own is not None and (own.dtype, own.device) != (z.dtype, z.device):
                raise ValueError(
                    f"inputs are {z.dtype} on {z.device}, the layer is {own.dtype} on {own.device}"
                )


class BatchNorm2d(BatchNorm1d):
    """Batch normalisation of pictures, in the place of ``torch.nn.BatchNorm2d``.

    One mean and one variance for each channel, over the batch and all positions; see
    ``BatchNorm1d`` for arguments and errors.

    Example:
        >>> BatchNorm2d(3)(torch.rand(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """

    shapes: ClassVar = {4: "(batch, {}, height, width)"}


def fold(layer: Foldable, norm: BatchNorm1d | nn.BatchNorm1d | nn.BatchNorm2d) -> Foldable:
    """One layer that does what a layer and the batch normalisation after it do in evaluation.

    With s = γ/√(variance + ε) the weights of output k are multiplied by s_k, and the bias
    becomes (b − mean)·s + β.

    Args:
        layer: ``nn.Linear``, ``nn.Conv1d`` or ``nn.Conv2d``; left as it is.
        norm: batch normalisation of this module or of torch, in evaluation mode.

    Returns:
        A new layer of the same kind, with a bias that is trained if the weights are.

    Raises:
        TypeError: if the layer or the norm is of another kind, or one is for pictures
            and the other not.
        ValueError: if ``norm`` is in training mode, has no running statistics, or has
            another number of features than the layer has outputs, or another type.

    Example:
        >>> layer, norm = nn.Linear(3, 2), BatchNorm1d(2).eval()
        >>> x = torch.rand(4, 3)
        >>> bool(torch.allclose(fold(layer, norm)(x), norm(layer(x)), atol=1e-6))
        True
    """
    if not isinstance(layer, Foldable):
        raise TypeError(f"needs nn.Linear, nn.Conv1d or nn.Conv2d, got {type(layer).__name__}")
    if not isinstance(norm, BatchNorm1d | nn.BatchNorm1d | nn.BatchNorm2d):
        raise TypeError(f"needs BatchNorm1d or BatchNorm2d, got {type(norm).__name__}")
    fitting = 2 if isinstance(layer, nn.Conv2d) else 1
    if fitting != (2 if isinstance(norm, BatchNorm2d | nn.BatchNorm2d) else 1):
        raise TypeError(
            f"behind {type(layer).__name__} stands BatchNorm{fitting}d, got {type(norm).__name__}"
        )
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError(f"{type(norm).__name__} has no running statistics to fold")
    if norm.training:
        raise ValueError("in training mode the statistics are the batch's: call eval() first")
    if len(mean) != len(layer.weight):
        raise ValueError(f"the layer has {len(layer.weight)} outputs, the norm {len(mean)}")
    if (mean.dtype, mean.device) != (layer.weight.dtype, layer.weight.device):
        raise ValueError(
            f"the layer is {layer.weight.dtype} on {layer.weight.device}, "
            f"the norm {mean.dtype} on {mean.device}"
        )
    with torch.no_grad():
        scale = torch.rsqrt(variance + float(norm.eps))
        scale = scale if norm.weight is None else scale * norm.weight
        bias = -mean if layer.bias is None else layer.bias - mean
        bias = bias * scale if norm.bias is None else bias * scale + norm.bias
        folded = copy.deepcopy(layer)
        folded.weight.mul_(scale.view(-1, *[1] * (layer.weight.dim() - 1)))
        folded.bias = nn.Parameter(bias, requires_grad=layer.weight.requires_grad)
    return folded


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
