"""Checks for chapter 1. Each holds the answer against an independent truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from course_utils.checks.common import as_tensor, attempted


def slopes_from_outputs(answer: Any) -> str | None:
    """Exercise 1: f′ written with h, held against autograd."""
    pair = isinstance(answer, (tuple, list)) and len(answer) == 2
    if not pair or not all(callable(slope) for slope in answer):
        return "give the two functions as a pair: (sigmoid_slope, tanh_slope)."
    z = torch.linspace(-3, 3, 13, dtype=torch.float64, requires_grad=True)
    for name, f, slope, other in (
        ("sigmoid", torch.sigmoid, answer[0], answer[1]),
        ("tanh", torch.tanh, answer[1], answer[0]),
    ):
        h = f(z)
        (true,) = torch.autograd.grad(h.sum(), z)
        said = as_tensor(slope(h.detach()))
        if said.shape != true.shape:
            return f"{name}: 13 outputs have 13 slopes, you return the shape {tuple(said.shape)}."
        if torch.allclose(said, true, atol=1e-9):
            continue
        if torch.allclose(as_tensor(other(h.detach())), true, atol=1e-9):
            return "are the two in the order that the pair asks for?"
        worst = int((said - true).abs().argmax())
        return (
            f"{name}: where z = {float(z[worst].detach()):.1f}, and so h = "
            f"{float(h[worst].detach()):.3f}, autograd finds the slope {float(true[worst]):.3f}, "
            f"you say {float(said[worst]):.3f}. Differentiate f, then write it with h alone."
        )
    return None


def units_that_receive_nothing(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: silent and dead units, held against a count one by one."""
    g = torch.Generator().manual_seed(12)
    z = torch.randn(200, 60, generator=g, dtype=torch.float64) + torch.linspace(-4, 1, 60)
    z[:, 0], z[:, 1] = 0.0, -1.0  # at the kink, and below it: neither lets anything through
    rows = torch.randint(200, (8,), generator=g)
    silent = sum(all(float(z[row, unit]) <= 0 for row in rows) for unit in range(60))
    dead = sum(all(float(value) <= 0 for value in z[:, unit]) for unit in range(60))
    said = as_tensor(list(attempted(answer(z.clone(), rows.clone())))).tolist()
    if said == [silent, dead]:
        return None
    if any(number % 1 > 0 for number in said):
        return "numbers of units are asked for, not shares."
    if said == [dead, silent]:
        return "the two numbers are the right ones, in the wrong order."
    if len(said) == 2 and said[0] == silent:
        return (
            f"silent is right, but dead is not {said[1]:g}. Over which examples must it be silent?"
        )
    return (
        f"for 60 units on a batch of 8 of 200 examples, a count one by one finds other numbers "
        f"than {said}. Which of the two dimensions of z runs over the examples, and which over "
        "the units? What is a unit with z = 0 to be counted as?"
    )


def straightness(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: R² of the best line, held against least squares."""
    g = torch.Generator().manual_seed(13)
    for center, scale, f in ((0.0, 1.0, torch.relu), (2.0, 0.5, torch.sigmoid), (1.0, 3.0, abs)):
        z = center + scale * torch.randn(5000, generator=g, dtype=torch.float64)
        h = f(z)
        design = torch.stack([torch.ones_like(z), z], dim=1)
        left = h - design @ torch.linalg.lstsq(design, h[:, None]).solution[:, 0]
        true = 1 - float(left.var() / h.var())
        said = float(as_tensor(answer(z.clone(), h.clone())))
        if not abs(said - true) <= 2e-3:
            raw = float((z * h).mean() ** 2 / ((z**2).mean() * (h**2).mean()))
            if abs(said**2 - true) < 2e-3:
                lead = "Is it the correlation, or its square?"
            elif abs(said - raw) < 2e-3:
                lead = "Have the means been taken off both?"
            else:
                lead = "Is it a share of the variance of h? It must stay when h is doubled."
            return (
                f"for z with mean {center:g} and standard deviation {scale:g}, least squares "
                f"explains {true:.3f} of the variance, you say {said:.3f}. {lead}"
            )
    return None


def error_of_an_output(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: δ of a sigmoid output, held against autograd."""
    for loss in ("cross-entropy", "squared error"):
        for z_value, target in ((-4.0, 1.0), (0.5, 1.0), (2.0, 0.0), (0.0, 0.0)):
            z = torch.tensor(z_value, dtype=torch.float64, requires_grad=True)
            h = torch.sigmoid(z)
            if loss == "squared error":
                value = (h - target) ** 2 / 2
            else:
                value = -(target * torch.log(h) + (1 - target) * torch.log(1 - h))
            (true,) = torch.autograd.grad(value, z)
            said = float(as_tensor(answer(float(h.detach()), target, loss)))
            if not abs(said - float(true)) <= 1e-6:
                if abs(said - 2 * float(true)) < 1e-6:
                    lead = "The loss is half the square."
                elif abs(said + float(true)) < 1e-6:
                    lead = "Which way does the loss rise?"
                else:
                    lead = "δ is by z, not by ŷ: which slope comes in, and does it cancel?"
                return (
                    f"{loss}, output {float(h.detach()):.3f}, target {target:g}: autograd finds "
                    f"δ = {float(true):.4f}, you say {said:.4f}. {lead}"
                )
    return None


def leaky_line(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: equation (1.5) for the leaky ReLU, held against two million samples."""
    g = torch.Generator().manual_seed(15)
    z = torch.randn(2_000_000, generator=g, dtype=torch.float64)
    for a in (1.0, 0.0, -1.0, 0.3):
        h = torch.where(z > 0, z, a * z)
        true = float(torch.corrcoef(torch.stack([z, h]))[0, 1] ** 2)
        said = float(as_tensor(answer(a)))
        if not abs(said - true) <= 4e-3:
            lead = {
                1.0: "For a = 1 it is a straight line: what must come out?",
                0.0: "Is the mean of f taken off? E|z| = √(2/π), and half of z is above 0.",
            }.get(a, "Below 0 the slope is a, and the square of f is a² times that of z.")
            return f"for a = {a:g}, two million samples give {true:.3f}, you say {said:.3f}. {lead}"
    return None


CHECKS = {
    "ch01-ex1": slopes_from_outputs,
    "ch01-ex2": units_that_receive_nothing,
    "ch01-ex3": straightness,
    "ch01-ex4": error_of_an_output,
    "ch01-ex5": leaky_line,
}
FUNCTIONS = {"ch01-ex2", "ch01-ex3", "ch01-ex4", "ch01-ex5"}
