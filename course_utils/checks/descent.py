"""Checks for chapter 11. Each holds the answer against an independent truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.common import as_tensor


def _near(said: Tensor, truth: Tensor) -> bool:
    return said.shape == truth.shape and bool(torch.allclose(said, truth, rtol=1e-6, atol=1e-10))


def rolling_downhill(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: momentum, held against torch.optim.SGD."""
    for rate, m, steps in ((0.1, 0.0, 2), (0.1, 0.9, 1), (0.1, 0.5, 3), (0.02, 0.9, 12)):
        start = torch.tensor([1.0, -2.0], dtype=torch.float64)
        truth = _descended(start, rate, steps, momentum=m)
        said = as_tensor(answer(start.clone(), _slope, rate, m, steps))
        if said.shape != truth.shape:
            return f"for two weights the answer has two numbers, yours has {tuple(said.shape)}."
        if _near(said, truth):
            continue
        told = f"rate {rate}, m = {m}, {steps} steps: "
        if _loss(said) > _loss(start):
            return told + "the loss rose. Which way does a gradient point?"
        if _near(said, _descended(start, (1 - m) * rate, steps, momentum=m)):
            return told + "your velocity is an average of gradients. What is it in torch?"
        if _near(said, _descended(start, rate, steps)):
            return told + "the velocity remembers nothing from step to step."
        if _near(said, _descended(start, rate, steps, late=True, momentum=m)):
            return told + "the weights moved by the velocity before this gradient entered it."
        if _near(said, _descended(start, rate, steps, momentum=m, nesterov=m > 0)):
            return told + "the newest gradient counts twice, as in Nesterov's step."
        return told + "do the first two by hand. Which velocity moves the weights in the second?"
    return None


def _slope(w: Tensor) -> Tensor:
    return torch.tensor([1.0, 3.0], dtype=torch.float64) * w + 0.1 * w**3


def _loss(w: Tensor) -> float:
    return float((torch.tensor([0.5, 1.5], dtype=torch.float64) * w**2 + w**4 / 40).sum())


def _descended(
    start: Tensor,
    rate: float,
    steps: int,
    momentum: float = 0.0,
    nesterov: bool = False,
    late: bool = False,
) -> Tensor:
    """Where torch.optim.SGD arrives; if ``late``, it gets each gradient one step after its time."""
    w = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([w], lr=rate, momentum=momentum, nesterov=nesterov)
    gradient = torch.zeros_like(start)
    for _ in range(steps):
        last, gradient = gradient, _slope(w.detach())
        w.grad = last if late else gradient
        optimizer.step()
    return w.detach()


def best_rate(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: the long-run factor, held against the least that a search finds."""
    cases = ([1.0, 100.0], 0.5), ([9.0, 0.04, 1.0], 0.6), ([5.0, 0.5, 3.0], 0.1), ([4.0, 1.0], 0.7)
    for values, m in cases:
        eigenvalues = torch.tensor(values, dtype=torch.float64)
        result = as_tensor(answer(eigenvalues.clone(), m))
        if result.numel() != 1:
            return f"return one number, the rate; yours has shape {tuple(result.shape)}."
        rate, least = float(result), _least_factor(eigenvalues, m)
        said = _factor(eigenvalues, rate, m)
        if said < least + 1e-9:
            continue
        told = (
            f"for {values} and m = {m} it shrinks by {said:.4f} a step; {least:.4f} is possible. "
        )
        low, high = float(eigenvalues.min()), float(eigenvalues.max())
        if not _same(rate, float(as_tensor(answer(eigenvalues.sort().values, m)))):
            return told + "Are the eigenvalues in order?"
        if _same(rate, 2 / (high + low)):
            return told + "That is the best rate without momentum."
        if _same(rate, 4 / (high**0.5 + low**0.5) ** 2):
            return told + "That is the rate of (11.5), which is for one m only."
        if said >= 1:
            return told + "That rate is too large for the steepest direction, or not positive."
        return (
            told + "At which of the eigenvalues is |1 + m − ηλ| largest? Can another be made equal?"
        )
    return None


def _least_factor(eigenvalues: Tensor, m: float) -> float:
    """By a search: the factor falls and then rises with the rate, and rests at its least only."""
    low, high = 0.0, 2 * (1 + m) / float(eigenvalues.max())  # from there on it diverges
    for _ in range(200):
        third = (high - low) / 3
        lower, upper = _factor(eigenvalues, low + third, m), _factor(eigenvalues, high - third, m)
        low, high = (low, high - third) if lower <= upper else (low + third, high)
    return _factor(eigenvalues, (low + high) / 2, m)


def _same(said: float, other: float) -> bool:
    return abs(said - other) < 1e-9 * other


def _factor(eigenvalues: Tensor, rate: float, m: float) -> float:
    """Largest modulus of the roots of (11.3)."""
    middle = (1 + m - rate * eigenvalues).to(torch.complex128)
    root = (middle**2 - 4 * m).sqrt()
    return float(torch.stack([middle + root, middle - root]).abs().max() / 2)


def first_step_of_adam(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: held against torch.optim.Adam."""
    gradient = torch.tensor([3.0, -1e-3, 1e-8, -1e-12], dtype=torch.float64)
    for rate, eps in ((0.1, 1e-8), (0.01, 1e-3), (2.0, 1.0)):
        w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.Adam([w], lr=rate, eps=eps)
        w.grad = gradient.clone()
        optimizer.step()
        truth = w.detach()
        said = as_tensor(answer(gradient.clone(), rate, eps))
        if said.shape != truth.shape:
            return f"one step for each of the 4 gradients, yours has shape {tuple(said.shape)}."
        relative = ((said - truth) / truth).abs()
        if bool((relative < 1e-6).all()):
            continue
        told = f"η = {rate}, ε = {eps:g}: "
        if bool(((said + truth) / truth).abs().max() < 1e-6):
            return told + "the size is right. And the direction?"
        if bool(((said + rate * gradient.sign()) / rate).abs().max() < 1e-9):
            return told + "that is the step without ε. What if the gradient is as small as ε?"
        if _near(said, -rate * gradient / (gradient**2 + eps).sqrt()):
            return told + "does ε stand under the root?"
        if _near(said, -rate * 0.1 * gradient / ((0.001 * gradient**2).sqrt() + eps)):
            return told + "both averages start at 0. What corrects them?"
        return told + "after one gradient, what are the two corrected averages?"
    return None


def growing_restarts(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: held against torch's CosineAnnealingWarmRestarts."""
    for first in (10, 7):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, first, T_mult=2)
        for t in range(8 * first):
            truth = float(optimizer.param_groups[0]["lr"])
            said = float(as_tensor(answer(t, first)))
            if not abs(said - truth) <= 1e-6:
                told = f"first = {first}, t = {t}: torch has {truth:.4f}, you {said:.4f}. "
                if t < first:
                    return told + "The first cosine goes from 1 at t = 0 towards 0 at t = first."
                if t == first:
                    return told + "Here it starts anew."
                if abs(said - (1 + math.cos(math.pi * (t % first) / first)) / 2) < 1e-6:
                    return told + "How long is the second cosine?"
                return told + "When does the third cosine start, and how long is it?"
            optimizer.step()
            scheduler.step()
    return None


def rate_for_a_floor(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: the mean square is iterated until it rests, at the rate that was given."""
    for floor, curvature, noise in ((0.01, 1.0, 1.0), (0.3, 2.0, 0.5), (2.0, 0.5, 1.5)):
        said = float(as_tensor(answer(floor, curvature, noise)))
        told = f"λ = {curvature}, s = {noise}, floor {floor}: your rate is {said:.4g}"
        if not 0 < said < 2 / curvature:
            return f"{told}. Stable rates lie between 0 and {2 / curvature:g}."
        square = 0.0
        for _ in range(20_000):
            square = (1 - said * curvature) ** 2 * square + said**2 * noise**2
        reached = curvature * square / 2
        if abs(reached / floor - 1) < 1e-6:
            continue
        told += f", and the loss settles at {reached:.4g}. "
        if abs(said - 4 * floor / (noise + 2 * floor * curvature)) < 1e-6 * said and noise != 1:
            return told + "`noise` is a standard deviation."
        if abs(said * noise**2 / (4 * floor) - 1) < 1e-6:
            return told + "That holds for low floors, where 2 − ηλ is about 2."
        return told + "Solve (11.8) for η."
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch11-ex1": rolling_downhill,
    "ch11-ex2": best_rate,
    "ch11-ex3": first_step_of_adam,
    "ch11-ex4": growing_restarts,
    "ch11-ex5": rate_for_a_floor,
}
FUNCTIONS = CHECKS.keys()
