"""From which scheme weights may have been drawn."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FEWEST = 64  # numbers below which no scheme can be told from another
CLOSE = 4.0  # standard errors of a variance and a kurtosis
MOST, ROWS = 2**18, 64  # numbers, and rows, that are looked at
SPREADS = (0.01, 0.02, 0.1, 1.0)  # that are often given as a number


@torch.no_grad()
def recognise(weight: Tensor, n_in: int, n_out: int) -> str:
    """The scheme that weights look as if drawn from, or ``"trained or unknown"``.

    Uniform and normal draws are told apart by the largest number and the kurtosis; schemes
    by the variance. Where two have the same variance, both are named.

    Args:
        weight: at least two axes, units first.
        n_in: fan-in.
        n_out: fan-out.

    Returns:
        ``"zero"``, ``"constant"``, ``"identical units"``, ``"orthogonal"``, ``"default"``
        (of torch.nn.Linear), ``"glorot"``, ``"kaiming"``, ``"lecun"`` with ``" uniform"``
        or ``" normal"``, ``"normal 0.01"`` and the like, or ``"too few to tell"``.

    Example:
        >>> recognise(torch.nn.Linear(100, 50).weight, 100, 50)
        'default'
    """
    w = weight.detach()
    special = _degenerate(w)
    if special:
        return special
    w = w.flatten(1)
    if _orthogonal(w):
        return "orthogonal"
    return _by_moments(w[: max(1, MOST // w.shape[1])].double(), n_in, n_out)


def _degenerate(w: Tensor) -> str:
    """What is no random draw, or too small to tell; else ``""``."""
    if not w.isfinite().all():
        return "not finite"
    if (w == 0).all():
        return "zero"
    if w.numel() > 1 and (w == w.flatten()[0]).all():
        return "constant"
    if len(w) > 1 and (w == w[:1]).all():
        return "identical units"
    return "too few to tell" if w.numel() < FEWEST else ""


def _by_moments(w: Tensor, n_in: int, n_out: int) -> str:
    """Uniform or normal by kurtosis and largest number, then the scheme by the variance."""
    count, square = w.numel(), float(w.square().mean())
    kurtosis = float((w**4).mean()) / square**2
    if abs(float(w.mean())) > CLOSE * math.sqrt(square / count):
        return "trained or unknown"
    for shape, moment, error in (("uniform", 1.8, 1.32), ("normal", 3.0, 24.0)):
        far = abs(kurtosis - moment) > CLOSE * math.sqrt(error / count)
        edge = float(w.abs().max()) > math.sqrt(3 * square) * (1 + CLOSE / math.sqrt(count))
        if far or edge == (shape == "uniform"):
            continue
        tolerance = CLOSE * math.sqrt((moment - 1) / count)
        names = [
            name
            for name, variance in _variances(shape, n_in, n_out).items()
            if abs(square / variance - 1) < tolerance
        ]
        if names:
            return "default" if names == ["default"] else f"{' or '.join(names)} {shape}"
        spread = [s for s in SPREADS if abs(square / s**2 - 1) < tolerance]
        if spread and shape == "normal":
            return f"normal {spread[0]}"
    return "trained or unknown"


def _variances(shape: str, n_in: int, n_out: int) -> dict[str, float]:
    named = {"kaiming": 2 / n_in, "glorot": 2 / (n_in + n_out), "lecun": 1 / n_in}
    return {"default": 1 / (3 * n_in), **named} if shape == "uniform" else named


def _orthogonal(w: Tensor) -> bool:
    """Whether rows, or columns if those are fewer, are orthogonal and of one length."""
    if min(w.shape) < 2:
        return False
    some = (w if w.shape[0] <= w.shape[1] else w.T)[:ROWS].double()
    product = some @ some.T
    scale = float(product.diagonal().mean())
    off = product / scale - torch.eye(len(product), dtype=product.dtype, device=w.device)
    return bool(off.abs().max() < 1e-4)
