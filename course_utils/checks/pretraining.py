"""Checks for chapter 6. Each holds the answer against an independent truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.common import as_tensor, attempted


def _tilted(seed: int, examples: int = 40, columns: int = 6) -> Tensor:
    """Data with a mean, and with a different spread in each direction."""
    g = torch.Generator().manual_seed(seed)
    shape = torch.randn(columns, columns, generator=g, dtype=torch.float64)
    return torch.randn(examples, columns, generator=g, dtype=torch.float64) @ shape + 2


def pca_error(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: the error of PCA, held against reconstructing with the components."""
    for seed, k in ((1, 0), (2, 2), (3, 5), (4, 6)):
        inputs = _tilted(seed)
        mean = inputs.mean(dim=0)
        components = torch.linalg.svd(inputs - mean, full_matrices=False)[2][:k]
        truth = float(((inputs - mean) @ components.T @ components + mean - inputs).square().mean())
        said = float(as_tensor(answer(inputs.clone(), k)))
        if math.isclose(said, truth, rel_tol=1e-6, abs_tol=1e-9):
            continue
        uncentred = torch.linalg.svdvals(inputs)[k:].square().sum() / inputs.numel()
        if math.isclose(said, float(uncentred), rel_tol=1e-6, abs_tol=1e-9):
            return "the data have a mean, and no component should be spent on it. Centre first."
        unbiased = len(inputs) / (len(inputs) - 1)
        if math.isclose(said, unbiased * truth, rel_tol=1e-6):
            return "a mean over examples divides by their number, here 40, not by one less."
        for factor, hint in ((inputs.shape[1], "inputs"), (inputs.numel(), "examples and inputs")):
            if math.isclose(said, factor * truth, rel_tol=1e-6):
                return f"it is a mean squared error: a mean over {hint} too, not a sum."
        return (
            f"40 examples of 6 inputs, {k} components: reconstructing gives an error of "
            f"{truth:.4g}, you say {said:.4g}. Which eigenvalues of the covariance are left out?"
        )
    return None


def same_code(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: an angle whose opposite has the same code, put into the code."""
    codes: tuple[tuple[str, Callable[[float], float]], ...] = (
        ("cos θ", math.cos),
        ("sin θ + cos(3θ + 1)", lambda t: math.sin(t) + math.cos(3 * t + 1)),
        ("exp(sin(θ − 2))", lambda t: math.exp(math.sin(t - 2))),
        (
            "tanh(5 cos(θ + 0.3)) + 0.2 sin θ",
            lambda t: math.tanh(5 * math.cos(t + 0.3)) + 0.2 * math.sin(t),
        ),
    )
    for words, code in codes:
        angle = float(as_tensor(answer(code)))
        if not math.isfinite(angle):
            return f"an angle is finite, yours is {angle:g}."
        apart = abs(code(angle) - code(angle + math.pi))
        if not apart <= 1e-6:
            return (
                f"for the code {words} you say θ = {angle:.4f}: there, the codes of θ and θ + π "
                f"differ by {apart:.2g}. How do they differ at 0, and how at π? And what does "
                "the sign of their difference half way say?"
            )
    return None


def interpolating_decoder(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: a decoder that knows its images by number, tried on and between them."""
    images = _tilted(5, examples=7, columns=5)
    decode = attempted(answer(images.clone()))
    if not callable(decode):
        return "return a function of one number, the code."
    for number, image in enumerate(images):
        found = as_tensor(decode(float(number)))
        if found.shape != image.shape or not torch.allclose(found, image, atol=1e-8):
            return f"the code {number} must give back image {number}, exactly."
    step = float((images.diff(dim=0).abs()).max())
    codes = torch.linspace(0, 6, 6001, dtype=torch.float64)
    between = []
    for code in codes:
        found = as_tensor(decode(float(code)))
        if found.shape != images[0].shape:
            shape = tuple(found.shape)
            return f"for the code {float(code):.3f} you return the shape {shape}, not an image's."
        between.append(found)
    decoded = torch.stack(between)
    if not float(decoded.diff(dim=0).abs().max()) <= 0.1 * step:
        return (
            "your decoder jumps between two images, and a network of ReLU or sigmoid units "
            "cannot. What could it show half way from code 2 to code 3?"
        )
    return None


def largest_angle(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: the angle between two subspaces, held against one built with that angle."""
    g = torch.Generator().manual_seed(6)
    for degrees, k in ((0.0, 2), (30.0, 1), (60.0, 3), (90.0, 2), (5.0, 2)):
        turn = math.radians(degrees)
        frame = torch.linalg.qr(torch.randn(8, 8, generator=g, dtype=torch.float64))[0]
        a, b = frame[:, :k].clone(), frame[:, :k].clone()
        b[:, 0] = math.cos(turn) * frame[:, 0] + math.sin(turn) * frame[:, k]
        for side in (a, b):  # any basis, not orthonormal
            mix = torch.randn(k, k, generator=g, dtype=torch.float64)
            side.copy_(side @ (mix + 3 * torch.eye(k, dtype=torch.float64)))
        said = float(as_tensor(answer(a, b)))
        if not abs(said - degrees) < 0.01:
            return (
                f"two subspaces of {k} dimension{'s' if k > 1 else ''} with a largest angle of "
                f"{degrees:g}°, each given by any basis: you say {said:.4g}. Make both bases "
                "orthonormal first; what are the singular values of the product of the two? "
                "And which of them belongs to the largest angle?"
            )
    return None


def ratio_by_luck(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: how far two spreads differ by luck, held against drawing them."""
    for n in (3, 5, 10, 30):
        g = torch.Generator().manual_seed(7)
        draws = torch.randn(40_000, 2, n, generator=g, dtype=torch.float64)
        first, second = draws.std(dim=2).T
        ratio = torch.maximum(first / second, second / first)
        truth = float(ratio.quantile(0.95))
        said = float(as_tensor(answer(n)))
        if not abs(said / truth - 1) < 0.06:
            return (
                f"two spreads of {n} seeds each, of the same kind: in 95 % of 40 000 pairs the "
                f"larger is at most {truth:.2f} times the smaller, you say {said:.2f}. Draw such "
                "pairs, tens of thousands; and mind which of the two you divide by."
            )
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch06-ex1": pca_error,
    "ch06-ex2": same_code,
    "ch06-ex3": interpolating_decoder,
    "ch06-ex4": largest_angle,
    "ch06-ex5": ratio_by_luck,
}
FUNCTIONS = CHECKS.keys()
