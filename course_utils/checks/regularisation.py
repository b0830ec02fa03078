"""Checks for chapter 12. Each holds the answer against an independent truth."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.common import as_tensor


def _normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _all_masks(units: int, drop: float) -> list[tuple[Tensor, float]]:
    """Every mask of kept units, with its probability."""
    masks = [torch.tensor(kept) for kept in product((False, True), repeat=units)]
    return [(m, float((1 - drop) ** int(m.sum()) * drop ** int((~m).sum()))) for m in masks]


def inverted_dropout(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: the mean over all masks is the layer without dropout."""
    h = 1 + _normal(121, 2, 3).abs()
    for drop in (0.2, 0.5, 0.75):
        mean = torch.zeros_like(h)
        for mask, chance in _all_masks(3, drop):
            kept = mask.expand(2, 3)
            none_kept = "`kept` may be False for all units. Then?"
            said = as_tensor(answer(h.clone(), kept.clone(), drop), none_kept)
            if said.shape != h.shape:
                return f"h has the shape {tuple(h.shape)}, what you return {tuple(said.shape)}."
            if not torch.isfinite(said).all():
                return f"not all of it is finite. {none_kept}"
            if said[~kept].any():
                return (
                    "a unit that is dropped passes on 0. Yours passes on something else. "
                    "Which units are dropped is for `kept` to say; nothing is drawn here."
                )
            mean += chance * said
        if torch.allclose(mean, h):
            continue
        factor = float((mean / h).mean())
        told = f"p = {drop}: on the mean over all masks you pass on {factor:.3g} times h. "
        if abs(factor - (1 - drop)) < 1e-9:
            return told + "So something would be left to do at test."
        if abs(factor * drop - (1 - drop)) < 1e-9:
            return told + "Which of the two shares is p?"
        if abs(factor - (1 - drop) ** 2) < 1e-9:
            return told + "Are the units that are left made larger, or smaller still?"
        return told + "It should be 1."
    return None


def loss_over_masks(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: the mean loss of a linear unit with dropout, held against all masks."""
    for seed, drop in ((122, 0.5), (124, 0.2), (126, 0.8)):
        x, y, w = 0.5 + _normal(seed, 6, 4), _normal(seed + 1, 6), _normal(seed + 2, 4)
        plain = float((x @ w - y).square().mean() / 2)
        truth = sum(
            chance * float(((x * mask / (1 - drop)) @ w - y).square().mean() / 2)
            for mask, chance in _all_masks(4, drop)
        )
        said = as_tensor(answer(x.clone(), y.clone(), w.clone(), drop))
        if said.numel() != 1:
            return f"one number is asked for, yours has the shape {tuple(said.shape)}."
        if abs(float(said) - truth) < 1e-9:
            continue
        told = (
            f"p = {drop}: over all 16 masks the mean is {truth:.4g}, and yours is {float(said):.4g}"
        )
        penalty, odds = float(said) - plain, drop / (1 - drop)
        squares = float((w**2 * (x**2).mean(dim=0)).sum())
        if abs(penalty) < 1e-9:
            return told + ": the loss without dropout. What do the masks add to a squared error?"
        if abs(penalty - odds * squares) < 1e-9:
            return told + ". The loss has a factor ½. Has all of it?"
        if abs(penalty - drop * (1 - drop) / 2 * squares) < 1e-9:
            return told + ". So varies a mask of zeros and ones. And divided by 1 − p?"
        if abs(penalty - drop / 2 * squares) < 1e-9:
            return told + ". How large is the variance of one entry of the mask?"
        if abs(penalty - odds / 2 * float((w * x.mean(dim=0)).square().sum())) < 1e-9:
            return told + ". Is it the square of an input's mean that is needed?"
        if abs(penalty - odds / 2 * float((w**2).sum())) < 1e-9:
            return told + ". Does a mask do the same to a large input and to a small one?"
        return told + ". What are mean and variance of the unit's output over the masks?"
    return None


def proximal_step(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: the minimiser with both penalties, held against a search."""
    u = torch.tensor([-2.0, -0.6, -0.1, 0.0, 0.3, 0.7, 1.9], dtype=torch.float64)
    grid = torch.linspace(-3, 3, 60_001, dtype=torch.float64)[:, None]
    for l1, l2 in ((0.5, 0.0), (0.0, 0.5), (0.4, 1.5)):
        cost = (grid - u) ** 2 / 2 + l1 * grid.abs() + l2 / 2 * grid**2
        truth = grid[cost.argmin(dim=0), 0]
        said = as_tensor(answer(u.clone(), l1, l2))
        if said.shape != u.shape:
            return f"u has the shape {tuple(u.shape)}, what you return {tuple(said.shape)}."
        if torch.allclose(said, truth, atol=2e-4):
            if l1 and int((said == 0).sum()) < int((u.abs() <= l1).sum()):
                return "close, but the zeros are not exactly 0."
            continue
        told = f"λ₁ = {l1}, λ₂ = {l2}: "
        far = int((said - truth).abs().argmax())
        told += f"for u = {float(u[far]):g} a search finds {float(truth[far]):.3g}, "
        told += f"and you {float(said[far]):.3g}. "
        if l1 and bool(((said * u) < -1e-9).any()):
            return told + "Can it pay to go beyond 0?"
        if l1 and not l2:
            return told + "Where is the derivative 0 for w > 0? And if no such w is above 0?"
        if not l1:
            return told + "With λ₁ = 0 the cost is a parabola. Where is its lowest point?"
        return told + "Each penalty alone is right. Set the derivative to 0 for w > 0, with both."
    return None


def strengths_of_decay(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: each weight's strength with the lowest expected error, held against a search."""
    strengths = torch.logspace(-4, 3, 70_001, dtype=torch.float64)[:, None]
    for w, noise, count in (([1.0, -2.0], 9.0, 10), ([0.3, 0.1, 0.5, -0.2], 1.0, 50)):
        best = torch.tensor(w, dtype=torch.float64)
        error = ((strengths * best) ** 2 + noise / count) / (1 + strengths) ** 2
        truth = strengths[error.argmin(dim=0), 0]
        said = as_tensor(answer(best.clone(), noise, count))
        if said.shape != best.shape:
            told = f"one strength for each of the {len(w)} weights is asked for, "
            return told + f"yours has the shape {tuple(said.shape)}."
        ratio = said / truth
        if _all_near(ratio, 1.0):
            continue
        listed = ", ".join(f"{value:.3g}" for value in truth.tolist())
        yours = ", ".join(f"{value:.3g}" for value in said.tolist())
        told = f"w* = {w}, σ² = {noise:g}, N = {count}: a search finds {listed}, and you {yours}. "
        if _all_near(ratio, float(count)):
            return told + "Should more data not change it?"
        if _all_near(ratio, float(len(w))):
            return told + "How much of the noise is in one weight? And in all of them?"
        if _all_near(ratio, noise**-0.5):
            return told + "Is `noise` the variance or the standard deviation?"
        if _all_near(ratio / best.abs(), 1.0) or _all_near(ratio / best, 1.0):
            return told + "Is it a weight's size that noise of variance σ²/N is held against?"
        if _all_near(said * truth, 1.0):
            return told + "Upside down?"
        if _all_near(said / said[0], 1.0):
            return (
                told + "That is the same for all. Does the excess not fall apart, weight by weight?"
            )
        return told + "What does one weight add to the excess (12.2), as a function of its λ?"
    return None


def _all_near(values: Tensor, number: float) -> bool:
    return bool(torch.isfinite(values).all()) and bool(((values / number - 1).abs() < 2e-3).all())


def rates_without_decay(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: the same directions without decay, held against two runs."""
    matrix = torch.diag(torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64))

    def directions(rates: Tensor, shrinks: list[float]) -> Tensor:
        w, path = torch.tensor([1.0, 1.0, 1.5], dtype=torch.float64), []
        for rate, shrink in zip(rates, shrinks, strict=True):
            u = w / w.norm()
            gradient = (matrix @ u - u * (u @ matrix @ u)) / w.norm()
            w = (1 - shrink) * w - rate * gradient
            path.append(w / w.norm())
        return torch.stack(path)

    for rate, decay, steps, stop in ((0.1, 0.5, 6, 3), (0.2, 0.3, 7, 2), (0.1, 0.4, 4, 4)):
        shrinks = [rate * decay if t < stop else 0.0 for t in range(steps)]
        truth = directions(torch.full((steps,), rate), shrinks)
        said = as_tensor(answer(rate, decay, steps, stop))
        if said.shape != (steps,):
            return f"{steps} rates are asked for, one a step; yours: {tuple(said.shape)}."
        if not torch.isfinite(said).all() or not (said > 0).all():
            return "a rate must be a finite number above 0."
        path = directions(said, [0.0] * steps)
        if torch.allclose(path, truth, atol=1e-6):
            continue
        told, c = f"η = {rate}, λ = {decay}, stop = {stop}: ", 1 - rate * decay
        if torch.allclose(path[:stop], truth[:stop], atol=1e-6):
            told += f"right as long as there is decay; from step {stop} on the directions part. "
            if torch.allclose(said[stop:], torch.full_like(said[stop:], rate), rtol=1e-5):
                return told + "Does v, the weights of your run, then have the length of w?"
            return told + "How long is v then, against w? Does that still change?"
        if bool((said[:stop].diff() <= 0).all()):
            return told + "decay makes weights shorter. Are the rates then to rise or to fall?"
        if abs(float(said[0]) / rate - 1) < 1e-5:
            return told + (
                "the directions part at the first step. With decay the gradient is added to "
                "which weights, those before the shrinking or those after it?"
            )
        if abs(float(said[1] / said[0]) * c - 1) < 1e-5:
            return told + "of the length's factor you have the first power. What is η/‖w‖²?"
        return told + "the directions part. Put w_t = cᵗ v_t, with c = 1 − ηλ. Which v_t follows?"
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch12-ex1": inverted_dropout,
    "ch12-ex2": loss_over_masks,
    "ch12-ex3": proximal_step,
    "ch12-ex4": strengths_of_decay,
    "ch12-ex5": rates_without_decay,
}
FUNCTIONS = CHECKS.keys()
