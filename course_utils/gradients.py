"""Gradients of single units: which signs their weights' updates have."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.data import inputs_with_mean
from course_utils.networks import MLP
from course_utils.training import cross_entropy

ERRORS = ("noise", "equal", "fitted", "signal")


def one_sign(updates: Tensor) -> Tensor:
    """Whether all entries along the last axis are positive, or all negative.

    An entry of exactly 0 has no sign: such an update does not count as one-signed.

    Args:
        updates: shape (…, n), n ≥ 1, finite.

    Returns:
        Shape (…), bool.

    Raises:
        ValueError: if there is no entry, or one is NaN.

    Example:
        >>> one_sign(torch.tensor([[1.0, 2.0], [1.0, -2.0], [0.0, 1.0]]))
        tensor([ True, False, False])
    """
    if updates.dim() == 0 or updates.shape[-1] == 0:
        raise ValueError(f"updates must have shape (…, n) with n ≥ 1, got {tuple(updates.shape)}")
    if updates.isnan().any():
        raise ValueError("updates must be numbers, got NaN")
    return (updates > 0).all(dim=-1) | (updates < 0).all(dim=-1)


def unit_updates(
    mean: float,
    batch: int,
    *,
    updates: int,
    generator: torch.Generator,
    weights: int = 2,
    errors: str = "noise",
    inputs: str = "normal",
) -> Tensor:
    """Updates −Σᵢ δᵢxᵢ of one unit, each from a fresh minibatch (divided by √B).

    Args:
        mean: μ of the inputs, whose variance is 1.
        batch: B, at least 1.
        updates: how many minibatches.
        generator: where the random numbers come from.
        weights: n, at least 1.
        errors: the model of δ. ``"noise"``: normal, mean 0, independent of x;
            ``"equal"``: the same for the whole batch; ``"fitted"``: noise with the
            batch's mean subtracted, so that Σδ = 0 (needs B ≥ 2); ``"signal"``: δ = v·x
            with v = (1, −1, 1, −1, …)/√n, the errors of weights whose optimum lies
            across the mean (needs an even n).
        inputs: distribution of the inputs, see ``data.inputs_with_mean``.

    Returns:
        Shape (updates, weights), float64.

    Raises:
        ValueError: for numbers out of range or an unknown model of the errors.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> unit_updates(1.0, 8, updates=3, generator=g).shape
        torch.Size([3, 2])
    """
    if batch < 1 or updates < 1 or weights < 1:
        raise ValueError(
            f"batch, updates and weights must be at least 1, got {batch}, {updates} and {weights}"
        )
    if errors not in ERRORS:
        raise ValueError(f"errors must be one of {', '.join(ERRORS)}; got {errors!r}")
    if errors == "fitted" and batch < 2:
        raise ValueError(
            "errors='fitted' subtracts the batch's mean: it needs a batch of 2 or more"
        )
    if errors == "signal" and weights % 2:
        raise ValueError(f"errors='signal' needs an even number of weights, got {weights}")
    x = inputs_with_mean(mean, (updates, batch, weights), generator, inputs)
    total: Tensor = (_errors(errors, x, generator) * x).sum(dim=1)
    return -total / batch**0.5


def _errors(model: str, x: Tensor, generator: torch.Generator) -> Tensor:
    """δ for every example: x has shape (updates, batch, n), δ (updates, batch, 1)."""
    updates, batch, weights = x.shape
    if model == "signal":
        across = torch.ones(weights, 1, dtype=x.dtype)
        across[1::2] = -1
        return x @ across / weights**0.5
    shape = (updates, 1 if model == "equal" else batch, 1)
    delta = torch.randn(shape, generator=generator, dtype=x.dtype)
    return delta - delta.mean(dim=1, keepdim=True) if model == "fitted" else delta


def unit_gradients(model: MLP, inputs: Tensor, labels: Tensor, layer: int) -> Tensor:
    """Gradient of the batch's mean cross-entropy for every unit of one layer.

    Args:
        model: ``MLP`` with C copies.
        inputs: shape (batch, n_in) or (C, batch, n_in).
        labels: shape (batch,) or (C, batch).
        layer: which weights, 0 for those that see the inputs.

    Returns:
        Shape (C, units, n): for each unit the gradient with respect to its n weights.

    Raises:
        ValueError: if there is no such layer.

    Example:
        >>> net = MLP([4, 3, 2], "tanh", seeds=[0])
        >>> unit_gradients(net, torch.ones(5, 4), torch.zeros(5, dtype=torch.int64), 1).shape
        torch.Size([1, 2, 3])
    """
    if not 0 <= layer < len(model.weights):
        raise ValueError(f"layer must be from 0 to {len(model.weights) - 1}, got {layer}")
    loss = cross_entropy(model(inputs), labels).sum()
    (gradient,) = torch.autograd.grad(loss, [model.weights[layer]])
    return gradient.transpose(1, 2)


def squared_mean_over_variance(signal: Tensor) -> Tensor:
    """How much of what a layer passes on is mean: ‖mean‖² over the mean variance, by copy.

    For n independent features with mean m and variance v this is n·m²/v, and the largest
    eigenvalue of their second moment is 1 + that, in units of the others.

    Args:
        signal: shape (C, examples, n), at least 2 examples, finite.

    Returns:
        Shape (C,), float64.

    Raises:
        ValueError: if the shape does not fit, or with fewer than 2 examples (a variance
            needs two), or if nothing varies.

    Example:
        >>> squared_mean_over_variance(torch.tensor([[[0.0], [2.0]]]))
        tensor([1.], dtype=torch.float64)
    """
    if signal.dim() != 3:
        raise ValueError(f"signal must have shape (copies, examples, n), got {tuple(signal.shape)}")
    if signal.shape[1] < 2:
        raise ValueError(f"a variance needs at least 2 examples, got {signal.shape[1]}")
    x = signal.detach().double()
    variance = x.var(dim=1, correction=0).mean(dim=1)
    if not torch.isfinite(variance).all():
        raise ValueError("the signal must be finite, got NaN or infinity")
    if not (variance > 0).all():
        raise ValueError("the signal must vary between examples, got a constant")
    squared_mean: Tensor = (x.mean(dim=1) ** 2).sum(dim=1)
    return squared_mean / variance
