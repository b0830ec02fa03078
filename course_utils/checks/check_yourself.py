"""Checks for the page before chapter 1. Each holds the answer against an independent truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.checks.common import as_tensor, attempted


def chain_rule(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: the derivative of a unit's loss by its weight, held against autograd."""
    points = ((1.5, 0.4, -0.2, 1.0), (-2.0, 0.3, 0.1, 0.5), (0.5, -1.0, 0.7, -1.0))
    for x, w, b, y in torch.tensor(points, dtype=torch.float64):
        weight = w.clone().requires_grad_()
        z = weight * x + b
        (0.5 * (torch.tanh(z) - y) ** 2).backward()
        truth = weight.grad
        assert truth is not None
        slope = as_tensor(answer(x, w, b, y))
        if slope.shape != ():
            return f"one weight has one derivative, yours has shape {tuple(slope.shape)}."
        if torch.isclose(slope, truth):
            continue
        h = torch.tanh(z).detach()
        if torch.isclose(slope, -truth):
            return "the size is right, the sign is not: which way does ½(h − y)² change with h?"
        if torch.isclose(slope, 2 * truth):
            return "twice too much: what becomes of the ½ when you differentiate the square?"
        if torch.isclose(slope * x, truth):
            return "you stop at z: how does z change with w?"
        if torch.isclose(slope, (h - y) * x):
            return "one link is missing: how does h change with z?"
        if torch.isclose(slope, truth / (h - y)):
            return "one link is missing: how does the loss change with h?"
        return (
            f"for x = {x:g}, w = {w:g}, b = {b:g}, y = {y:g} the slope is another one. Write "
            "down three factors, one for each arrow of w → z → h → ℓ, and check each alone."
        )
    return None


def variances(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: two variances, counted over the four outcomes of two coins."""
    settings = ((0.0, 2.0, 0.0, 1.5), (1.0, 0.5, 3.0, 2.0), (-2.0, 1.0, 0.5, 0.25))
    for mean_a, sd_a, mean_b, sd_b in settings:
        # A coin that shows mean − sd or mean + sd has this mean and this deviation.
        outcomes = list(product((mean_a - sd_a, mean_a + sd_a), (mean_b - sd_b, mean_b + sd_b)))
        of_sum = _variance([2 * a - b for a, b in outcomes])
        of_product = _variance([a * b for a, b in outcomes])
        result = attempted(answer(mean_a, sd_a, mean_b, sd_b))
        if not (isinstance(result, tuple | list) and len(result) == 2):
            return "return two numbers: the variance of 2a − b, and the variance of ab."
        said_sum, said_product = (float(as_tensor(part)) for part in result)
        hint = _hint_on_sum(said_sum, of_sum, sd_a, sd_b)
        if hint is None and not np.isclose(said_product, of_product):
            hint = _hint_on_product(said_product, of_product, sd_a, sd_b)
        if hint is not None:
            return hint
    return None


def _variance(outcomes: Sequence[float]) -> float:
    """Variance of outcomes that are equally likely."""
    return float(np.mean(np.square(outcomes)) - np.mean(outcomes) ** 2)


def _hint_on_sum(said: float, truth: float, sd_a: float, sd_b: float) -> str | None:
    if np.isclose(said, truth):
        return None
    if np.isclose(said, truth**0.5):
        return "2a − b: that is the standard deviation; the variance is its square."
    if np.isclose(said, 4 * sd_a**2 - sd_b**2):
        return "2a − b: does subtracting something that varies make the result vary less?"
    if np.isclose(said, 2 * sd_a**2 + sd_b**2) or np.isclose(said, 2 * sd_a**2 - sd_b**2):
        return "2a − b: if a is twice as large, so is its deviation. And its variance?"
    if np.isclose(said, (2 * sd_a + sd_b) ** 2) or np.isclose(said, (2 * sd_a - sd_b) ** 2):
        return "2a − b: for independent variables the variances add up, not the deviations."
    return "2a − b: what does the factor do to a variance, and what the sign?"


def _hint_on_product(said: float, truth: float, sd_a: float, sd_b: float) -> str:
    if np.isclose(said, truth**0.5):
        return "ab: that is the standard deviation; the variance is its square."
    if np.isclose(said, sd_a**2 * sd_b**2):
        return "ab: that is right for means of 0. If b were always 3, what would ab vary by?"
    return "ab: begin with E[(ab)²] − E[ab]². What do E[a²] and E[b²] come to?"


def largest_eigenvalues(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: two largest eigenvalues, held against numpy's."""
    settings = ((2.0, 1.0, 2.0, 4, 2.0), (1.0, 2.0, 5.0, 10, 0.5), (3.0, -1.0, 0.5, 7, 3.0))
    for a, b, c, n, mean in settings:
        small, large = (float(value) for value in np.linalg.eigvalsh([[a, b], [b, c]]))
        of_ones = float(np.linalg.eigvalsh(np.eye(n) + mean**2 * np.ones((n, n)))[-1])
        result = attempted(answer(a, b, c, n, mean))
        if not (isinstance(result, tuple | list) and len(result) == 2):
            return "return two numbers: one for the 2 × 2 matrix, one for I + μ²11ᵀ."
        first, second = (float(as_tensor(part)) for part in result)
        matrix = f"the matrix with rows ({a:g}, {b:g}) and ({b:g}, {c:g})"
        if np.isclose(first, small):
            return f"{matrix}: that is the smaller of its two eigenvalues."
        if np.isclose(first, max(a, c)):
            return f"{matrix}: the diagonal alone would do if the other entries were 0."
        if not np.isclose(first, large):
            return f"{matrix}: which two numbers add up to its trace and multiply to its det?"
        if np.isclose(second, of_ones - 1):
            return "I + μ²11ᵀ: that is the eigenvalue of the second part. What does I add?"
        if np.isclose(second, 1 + mean**2):
            return "I + μ²11ᵀ: multiply it with the vector of n ones, row by row."
        if not np.isclose(second, of_ones):
            return f"I + μ²11ᵀ for n = {n}, μ = {mean:g}: what does it make of n ones?"
    return None


def matrix_gradients(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: gradients of a layer, held against autograd; the last case is square."""
    g = torch.Generator().manual_seed(7)
    for batch, n_in, n_out in ((5, 3, 2), (4, 4, 4)):
        x, w, b = (
            torch.randn(shape, generator=g, dtype=torch.float64)
            for shape in ((batch, n_in), (n_in, n_out), (n_out,))
        )
        errors = torch.randn(batch, n_out, generator=g, dtype=torch.float64)
        parts = [part.clone().requires_grad_() for part in (w, b, x)]
        z = parts[2] @ parts[0] + parts[1]
        (errors * z).sum(dim=1).mean().backward()  # a mean loss whose ∂ℓᵢ/∂zᵢ is errors[i]
        result = attempted(answer(x, w, errors))
        if not (isinstance(result, tuple | list) and len(result) == 3):
            return "return three tensors: the gradients by W, by b and by X."
        for name, part, said in zip("WbX", parts, result, strict=True):
            assert part.grad is not None
            if hint := _hint_on_gradient(name, part.grad, as_tensor(said), batch):
                return hint
    return None


def _hint_on_gradient(name: str, truth: Tensor, said: Tensor, batch: int) -> str | None:
    if said.shape != truth.shape:
        return (
            f"{name} has shape {tuple(truth.shape)}, so its gradient has too; "
            f"yours has {tuple(said.shape)}."
        )
    if torch.allclose(said, truth):
        return None
    if torch.allclose(said, batch * truth):
        return f"{name}: that is the gradient of the sum of the losses; L is their mean."
    if truth.dim() == 2 and len(truth) == len(truth.T) and torch.allclose(said, truth.T):
        return f"{name}: the right numbers, transposed. In a square case shapes do not warn you."
    return f"{name}: the shape is right. Write one entry as a sum: over which index does it run?"


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch00-ex1": chain_rule,
    "ch00-ex2": variances,
    "ch00-ex3": largest_eigenvalues,
    "ch00-ex4": matrix_gradients,
}
FUNCTIONS = CHECKS.keys()
