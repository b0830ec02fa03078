"""Paths of gradient descent on the loss of one linear unit with squared error.

The unit's output is w·x and its target w*·x, so the mean loss is
½(w − w*)ᵀH(w − w*) with H = E[xxᵀ]: everything can be followed exactly.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def second_moment(inputs: Tensor) -> Tensor:
    """H = (1/N) Σ xxᵀ, the Hessian of ½·mean squared error of a linear unit.

    Not the covariance: the mean is not subtracted, and that is the point of chapter 2.
    Source: LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, section 5.

    Args:
        inputs: shape (N, n), N ≥ 1, finite.

    Returns:
        Shape (n, n), float64.

    Raises:
        ValueError: if the shape does not fit or a value is not finite.

    Example:
        >>> second_moment(torch.tensor([[1.0, 2.0]]))
        tensor([[1., 2.],
                [2., 4.]], dtype=torch.float64)
    """
    if inputs.dim() != 2 or 0 in inputs.shape:
        raise ValueError(f"inputs must have shape (N, n) with N, n ≥ 1, got {tuple(inputs.shape)}")
    if not torch.isfinite(inputs).all():
        raise ValueError("inputs must be finite, got NaN or infinity")
    x = inputs.double()
    moment: Tensor = x.T @ x / len(x)
    return moment


def eigenvalues(inputs: Tensor) -> Tensor:
    """Eigenvalues of the second moment of the inputs, largest first, shape (n,).

    Example:
        >>> eigenvalues(torch.eye(2))
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    return torch.linalg.eigvalsh(second_moment(inputs)).flip(0)


def _check_finite(**tensors: Tensor) -> None:
    devices = {tensor.device for tensor in tensors.values()}
    if len(devices) > 1:
        raise ValueError(f"tensors must be on one device, got {sorted(map(str, devices))}")
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity")


def gradient_descent(
    hessian: Tensor,
    start: Tensor,
    optimum: Tensor,
    *,
    rate: float,
    steps: int,
    momentum: float = 0.0,
) -> Tensor:
    """The path of w ← w − η·H(w − w*), with heavy-ball momentum if asked.

    With momentum m the step is Δ ← mΔ − η·H(w − w*), w ← w + Δ (B. Polyak, 1964).

    Args:
        hessian: H, shape (n, n).
        start: first w, shape (n,) or (paths, n).
        optimum: w*, the same shape or one that broadcasts with it.
        rate: η, more than 0.
        steps: how many updates.
        momentum: m, from 0 up to (not including) 1.

    Returns:
        Shape (steps + 1, …): the start and every point after it, float64.

    Raises:
        ValueError: if a shape or a number does not fit.

    Example:
        >>> gradient_descent(torch.eye(1), torch.ones(1), torch.zeros(1), rate=0.5, steps=2)
        tensor([[1.0000],
                [0.5000],
                [0.2500]], dtype=torch.float64)
    """
    n = start.shape[-1]
    if hessian.shape != (n, n):
        raise ValueError(f"hessian must have shape ({n}, {n}), got {tuple(hessian.shape)}")
    if not 0 < rate < math.inf or steps < 1 or not 0 <= momentum < 1:
        raise ValueError(
            "needs 0 < rate, 1 ≤ steps and 0 ≤ momentum < 1, "
            f"got rate {rate}, steps {steps}, momentum {momentum}"
        )
    _check_finite(hessian=hessian, start=start, optimum=optimum)
    hessian, target = hessian.double(), optimum.double()
    w = torch.broadcast_tensors(start.double(), target)[0].clone()
    change = torch.zeros_like(w)
    path = [w]
    for _ in range(steps):
        change = momentum * change - rate * (w - target) @ hessian
        w = w + change
        path.append(w)
    return torch.stack(path)


def one_example_at_a_time(inputs: Tensor, optimum: Tensor, *, rate: float) -> Tensor:
    """Paths from 0 of w ← w − η·δ·x, one example a step, with δ = (w − w*)·x.

    Args:
        inputs: x of every step, shape (steps, paths, n).
        optimum: w*, shape (n,).
        rate: η, more than 0.

    Returns:
        Shape (steps + 1, paths, n), float64.

    Raises:
        ValueError: if the shapes do not fit or the rate is not more than 0.

    Example:
        >>> one_example_at_a_time(torch.ones(1, 1, 2), torch.ones(2), rate=0.25)[-1]
        tensor([[0.5000, 0.5000]], dtype=torch.float64)
    """
    if inputs.dim() != 3 or optimum.shape != inputs.shape[2:]:
        raise ValueError(
            "needs inputs of shape (steps, paths, n) and an optimum of shape (n,), "
            f"got {tuple(inputs.shape)} and {tuple(optimum.shape)}"
        )
    if not 0 < rate < math.inf:
        raise ValueError(f"rate must be more than 0 and finite, got {rate}")
    _check_finite(inputs=inputs, optimum=optimum)
    target = optimum.double()
    w = torch.zeros(inputs.shape[1:], dtype=torch.float64)
    path = [w]
    for x in inputs.double():
        delta = ((w - target) * x).sum(dim=1, keepdim=True)
        w = w - rate * delta * x
        path.append(w)
    return torch.stack(path)


def until(path: Tensor, optimum: Tensor, near: float) -> Tensor:
    """How many steps each path needs to come within ``near`` times its first distance.

    Args:
        path: shape (steps + 1, paths, n).
        optimum: w*, shape (n,) or (paths, n).
        near: a share of the first distance, between 0 and 1.

    Returns:
        Shape (paths,), float64; infinity where the path never comes that near.

    Raises:
        ValueError: if ``near`` is not between 0 and 1, or a path starts at its optimum.

    Example:
        >>> p = torch.tensor([4.0, 2.0, 1.0]).reshape(3, 1, 1)
        >>> until(p, torch.zeros(1), near=0.3)
        tensor([2.], dtype=torch.float64)
    """
    if not 0 < near < 1:
        raise ValueError(f"near must be between 0 and 1, got {near}")
    distance = (path - optimum).norm(dim=2)
    if not (distance[0] > 0).all():
        raise ValueError("a path must not start at its optimum")
    arrived = distance <= near * distance[0]
    first = arrived.to(torch.int64).argmax(dim=0).double()
    return torch.where(arrived.any(dim=0), first, torch.inf)


def path_ratio(path: Tensor, optimum: Tensor, near: float = 0.05) -> Tensor:
    """Length of each path, until it is near the optimum, over the progress it made.

    Args:
        path: shape (steps + 1, paths, n).
        optimum: w*, shape (n,) or (paths, n).
        near: the path counts until its distance is this share of the first distance.

    Returns:
        Shape (paths,): 1 for a straight path; infinity where it never comes near.

    Raises:
        ValueError: if ``near`` is not between 0 and 1, or a path starts at its optimum.

    Example:
        >>> p = torch.tensor([4.0, 2.0, 1.0]).reshape(3, 1, 1)
        >>> path_ratio(p, torch.zeros(1), near=0.3)
        tensor([1.], dtype=torch.float64)
    """
    path = path.double()
    steps = until(path, optimum, near)
    distance = (path - optimum).norm(dim=2)
    lengths = path.diff(dim=0).norm(dim=2).cumsum(dim=0)
    last = steps.clamp(1, len(lengths)).long() - 1
    paths = torch.arange(path.shape[1])
    progress = distance[0] - distance[last + 1, paths]
    return torch.where(steps.isfinite(), lengths[last, paths] / progress, torch.inf)


def steps_to_excess(hessian: Tensor, optimum: Tensor, excess: float) -> int:
    """Steps of descent from 0 at η = 1/λ_max until the loss is that near to its least.

    The loss above its least is ½ tr (W − W*)ᵀH(W − W*). In an eigen-direction with
    eigenvalue λ descent shrinks W − W* by 1 − ηλ a step, so it is known for every step.

    Args:
        hessian: H, shape (n, n), symmetric with no negative eigenvalue.
        optimum: W*, shape (n,) or (n, outputs).
        excess: how far above the least loss, more than 0.

    Returns:
        The first step at which the loss is no more than ``excess`` above its least.

    Raises:
        ValueError: if the excess is not more than 0, or is not reached in a million steps.

    Example:
        >>> steps_to_excess(torch.eye(1), torch.ones(1), excess=0.1)
        1
    """
    if not 0 < excess < math.inf:
        raise ValueError(f"excess must be more than 0 and finite, got {excess}")
    _check_finite(hessian=hessian, optimum=optimum)
    values, vectors = torch.linalg.eigh(hessian.double())
    squares = (vectors.T @ optimum.double().reshape(len(hessian), -1)).square().sum(dim=1)

    def above(step: int) -> bool:
        left = (1 - values / values[-1]).abs() ** (2 * step)
        return bool(0.5 * (values * squares * left).sum() > excess)

    low, high = -1, 2**20
    if above(high):
        raise ValueError(
            f"the loss is still more than {excess:g} above its least after 2**20 steps"
        )
    while high - low > 1:  # bisection: the loss only falls
        middle = (low + high) // 2
        low, high = (middle, high) if above(middle) else (low, middle)
    return high
