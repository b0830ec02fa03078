"""Checks for chapter 5. Each holds the answer against an independent truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.common import as_tensor, attempted


def weighted_mean_of_factors(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: σ for which w·up + (1 − w)·down is 1, in sampled linear layers."""
    for n_in, n_out, w in ((300, 300, 0.5), (400, 100, 0.5), (60, 500, 0.8), (60, 500, 0.0)):
        sigma = float(as_tensor(answer(n_in, n_out, w)))
        if not 0 < sigma < math.inf:
            return f"a standard deviation is more than 0 and finite, yours is {sigma:g}."
        g = torch.Generator().manual_seed(51)
        weights = sigma * torch.randn(n_in, n_out, generator=g, dtype=torch.float64)
        signal = torch.randn(400, n_in, generator=g, dtype=torch.float64)
        error = torch.randn(400, n_out, generator=g, dtype=torch.float64)
        up = float(((signal @ weights) ** 2).mean())
        down = float(((error @ weights.T) ** 2).mean())
        mean = w * up + (1 - w) * down
        if not abs(mean - 1) <= 0.06:
            question = "Write both factors with σ², and add them with their weights."
            if mean < 0.2:
                question = "σ is a standard deviation, not a variance."
            elif abs(mean / 3 - 1) < 0.06:
                question = "It is 3 times too large: did you give a bound instead of a spread?"
            return (
                f"from {n_in} to {n_out} units your σ = {sigma:.3g} multiplies the mean square by "
                f"{up:.3g} up and by {down:.3g} down; with w = {w:g} that makes {mean:.3g}. "
                f"{question}"
            )
    return None


def gain_of_two_slopes(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: g² E[f²] = E[z²], held against a million random numbers."""
    z = torch.randn(1_000_000, generator=torch.Generator().manual_seed(52), dtype=torch.float64)
    for below, above in ((0.0, 1.0), (0.2, 1.0), (0.5, 2.0), (-1.0, 1.0), (1.0, 0.0)):
        gain = float(as_tensor(answer(below, above)))
        square = float((torch.where(z > 0, above * z, below * z) ** 2).mean())
        if not abs(gain**2 * square - 1) <= 0.01:
            return (
                f"with slopes {below:g} and {above:g} and your gain {gain:.3g} the mean square is "
                f"multiplied by {gain**2 * square:.3g} a layer. "
                + (
                    "A gain multiplies the standard deviation of the weights."
                    if abs(gain * square - 1) < 0.01
                    else "Which part of E[z²] do the negative z bring, which the positive ones?"
                )
            )
    return None


def bound_of_a_triangle(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: the bound of a triangular density, held against its draws."""
    g = torch.Generator().manual_seed(53)
    draws = torch.rand(2, 1_000_000, generator=g, dtype=torch.float64).sum(dim=0) - 1
    for n_in, gain in ((100, 1.0), (100, 2**0.5), (30, 0.5)):
        a = float(as_tensor(answer(n_in, gain)))
        reached = n_in * float((a * draws).var())
        if not abs(reached / gain**2 - 1) <= 0.01:
            of_the_root = n_in * abs(a) * float(draws.var())
            return (
                f"for {n_in} inputs and gain {gain:.3g}, weights drawn on (−{a:.3g}, {a:.3g}) have "
                f"n·variance = {reached:.3g}; g² is {gain**2:.3g}. "
                + (
                    "Is that a² or a?"
                    if abs(of_the_root / gain**2 - 1) < 0.01
                    else "What is the variance of a sum of two independent uniform variables?"
                )
            )
    return None


def layers_until_lost(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: how many ReLU layers until the gradient is lost, counted layer by layer."""
    for gain, factor in ((1.0, 1e-3), (1.2, 1e-2), (3**-0.5, 1e-6), (1.0, 0.25)):
        square, counted = 1.0, 0
        while math.sqrt(square) >= factor:
            square *= gain**2 / 2
            counted += 1
        said = float(as_tensor(answer(gain, factor)))
        if said != counted:
            if factor == 0.25 and said == counted - 1:
                return (
                    f"for gain 1 and factor 0.25 the root mean square after {said:g} layers is the "
                    "factor itself. Is that below it?"
                )
            half = abs(said - counted / 2) <= 1
            return (
                f"for gain {gain:.3g} and factor {factor:g} counting layer by layer gives another "
                f"number than your {said:g}. "
                + (
                    "Is it the square or the root that falls by your factor a layer?"
                    if half
                    else "By which factor does the root mean square change in one ReLU layer? "
                    "And the answer is a whole number: on which side of the ratio of logarithms?"
                )
            )
    return None


def three_gains(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: forward, across-input and backward gains, held against random numbers."""
    z = torch.randn(2_000_000, generator=torch.Generator().manual_seed(55), dtype=torch.float64)

    def bent(x: Tensor) -> Tensor:
        return x + 0.2 * x**2

    def bent_slope(x: Tensor) -> Tensor:
        return 1 + 0.4 * x

    cases: list[tuple[str, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = [
        ("tanh", torch.tanh, lambda x: 1 - torch.tanh(x) ** 2),
        ("softplus", torch.nn.functional.softplus, torch.sigmoid),
        ("z + z²/5", bent, bent_slope),
    ]
    for name, f, slope in cases:
        said = [float(as_tensor(one)) for one in attempted(answer(f, slope))]
        if len(said) != 3:
            return f"three gains are asked for, you give {len(said)}."
        h = f(z)
        squares = (float((h**2).mean()), float(h.var()), float((slope(z) ** 2).mean()))
        questions = (
            "Does it keep E[f²], the mean included?",
            "Which part of E[f²] is the same for all inputs?",
            "What does a layer multiply the squared gradient by?",
        )
        for word, gain, square, question in zip(
            ("forward", "across-input", "backward"), said, squares, questions, strict=True
        ):
            if not abs(gain**2 * square - 1) < 0.02:
                return (
                    f"for {name} your {word} gain {gain:.3g} multiplies what it should keep by "
                    f"{gain**2 * square:.3g}. {question} A gain is squared there."
                )
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch05-ex1": weighted_mean_of_factors,
    "ch05-ex2": gain_of_two_slopes,
    "ch05-ex3": bound_of_a_triangle,
    "ch05-ex4": layers_until_lost,
    "ch05-ex5": three_gains,
}
FUNCTIONS = CHECKS.keys()
