"""Checks for chapter 3. Each holds the answer against an independent truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from course_utils import signals
from course_utils.checks.common import as_tensor


def variance_of_a_product(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: Var(XW) of independent variables, held against a million products."""
    g = torch.Generator().manual_seed(31)
    for mean_x, spread_x, mean_w, spread_w in ((0, 1, 0, 2), (3, 1, 0, 2), (3, 1, 2, 0.5)):
        x = mean_x + spread_x * torch.randn(1_000_000, generator=g, dtype=torch.float64)
        w = mean_w + spread_w * torch.randn(1_000_000, generator=g, dtype=torch.float64)
        counted = float((x * w).var())
        said = float(as_tensor(answer(mean_x, spread_x**2, mean_w, spread_w**2)))
        if not abs(said / counted - 1) <= 0.02:  # more than five standard errors
            return (
                f"for E[X] = {mean_x}, Var X = {spread_x**2:g}, E[W] = {mean_w}, Var W = "
                f"{spread_w**2:g} a million products have the variance {counted:.2f}, you say "
                f"{said:.2f}. Which of the three terms is missing or too many?"
            )
    return None


def variance_of_a_dot_product(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: n σ² E[x²], held against sampled dot products."""
    g = torch.Generator().manual_seed(32)
    for n, mean, spread, sigma in ((50, 0.0, 1.0, 0.3), (50, 2.0, 1.0, 0.3), (20, -1.0, 0.5, 1.0)):
        x = mean + spread * torch.randn(100_000, n, generator=g, dtype=torch.float64)
        w = sigma * torch.randn(100_000, n, generator=g, dtype=torch.float64)
        counted = float((x * w).sum(dim=1).var())
        said = float(as_tensor(answer(n, mean, spread**2, sigma**2)))
        if not abs(said / counted - 1) <= 0.03:
            return (
                f"for {n} inputs with mean {mean:g} and variance {spread**2:g}, and weights with "
                f"variance {sigma**2:g}, sampling gives {counted:.2f}, you say {said:.2f}. "
                + (
                    "Is it the variance of the inputs that counts?"
                    if mean
                    else "How does it grow with n? You are given variances, not deviations."
                )
            )
    return None


def spread_that_keeps_one(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: σ for which linear layers keep the mean square, held against layers."""
    for n in (30, 400):
        sigma = float(as_tensor(answer(n)))
        if not 0 < sigma < math.inf:
            return f"a standard deviation is more than 0 and finite, yours is {sigma:g}."
        g = torch.Generator().manual_seed(33)
        weights = signals.random_weights(n, 10, sigma, g)
        inputs = torch.randn(400, n, generator=g, dtype=torch.float64)
        z, _ = signals.forward(inputs, weights, "identity")
        a_layer = signals.mean_square(z[-1]) ** 0.1
        if not abs(a_layer - 1) <= 0.1:
            return (
                f"with n = {n} your σ = {sigma:.3g} multiplies the mean square by about "
                f"{a_layer:.2g} a layer. "
                + (
                    "σ is a standard deviation, not a variance."
                    if a_layer < 0.3
                    else "Which n σ² leaves the mean square of a linear layer as it is?"
                )
            )
    return None


def layer_of_overflow(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: the layer at which float32 overflows, held against float32."""
    for n, sigma in ((100, 1.0), (400, 0.5), (50, 3.0)):
        g = torch.Generator().manual_seed(34)
        h = torch.randn(8, n, generator=g)
        layer = 0
        while bool(torch.isfinite(h).all()):
            h = h @ (sigma * torch.randn(n, n, generator=g))
            layer += 1
        said = float(as_tensor(answer(n, sigma)))
        if not abs(said - layer) <= 1.5:
            return (
                f"for n = {n} and σ = {sigma:g} float32 gave up at layer {layer}, you say "
                f"{said:g}. By which factor does the standard deviation grow a layer?"
            )
    return None


def backward_factor(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: χ for tanh, held against gradients through random layers."""
    for n, sigma in ((200, 0.05), (200, 0.2), (200, 1.0)):
        g = torch.Generator().manual_seed(35)
        growth = []
        for _ in range(20):
            weights = signals.random_weights(n, 6, sigma, g)
            inputs = torch.randn(20, n, generator=g, dtype=torch.float64)
            z, _ = signals.forward(inputs, weights, "tanh")
            top = torch.randn(20, n, generator=g, dtype=torch.float64)
            back = signals.backward(top, weights, z, "tanh")
            growth.append(signals.mean_square(back[-2]) / signals.mean_square(back[-1]))
        counted, q = sum(growth) / len(growth), signals.mean_square(z[-1])
        said = float(as_tensor(answer(n, sigma, q)))
        if not abs(said / counted - 1) <= 0.12:
            return (
                f"for n = {n}, σ = {sigma:g} and mean square q = {q:.3g} gradients grow by "
                f"{counted:.3g} a layer, you say {said:.3g}. Which square is averaged? q is a "
                "variance; and random numbers must be enough to meet those where f′ is not 0."
            )
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch03-ex1": variance_of_a_product,
    "ch03-ex2": variance_of_a_dot_product,
    "ch03-ex3": spread_that_keeps_one,
    "ch03-ex4": layer_of_overflow,
    "ch03-ex5": backward_factor,
}
FUNCTIONS = CHECKS.keys()
