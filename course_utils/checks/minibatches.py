"""Checks for chapter 10. Each holds the answer against an independent truth."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.checks.common import NotAttempted, as_tensor, attempted


def expected_square(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: the mean of ‖ḡ‖² over all minibatches, held against all minibatches."""
    g = torch.randn(7, 3, generator=torch.Generator().manual_seed(101), dtype=torch.float64) + 0.5
    for size in (1, 3, 5, 7):
        chosen = [g[list(rows)].mean(dim=0).square().sum() for rows in combinations(range(7), size)]
        truth = float(torch.stack(chosen).mean())
        said = as_tensor(answer(g.clone(), size))
        if said.numel() != 1:
            return f"one number is asked for, yours has the shape {tuple(said.shape)}."
        if abs(float(said) / truth - 1) < 1e-9:
            continue
        mean = g.mean(dim=0).square().sum()
        trace = (g - g.mean(dim=0)).square().sum(dim=1).mean()
        known = {
            "That is the square of the mean gradient. What does scatter add to it?": mean,
            "That is right for draws with replacement. These are different examples: for B = N "
            "there is only one minibatch.": mean + trace / size,
            "You divide the spread by one less than N. Then B = 1 does not give the mean of ‖g‖². "
            "What must change?": mean + trace * 7 / 6 / size * (7 - size) / 6,
        }
        for hint, value in known.items():
            if abs(float(said) / float(value) - 1) < 1e-9:
                return hint
        return (
            f"for N = 7 and B = {size} the mean over all minibatches is not {float(said):.3g}. "
            "What must come out for B = N, where there is only one?"
        )
    return None


def field_of(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: gradients over a grid, held against a loss with a known gradient."""

    def loss(b: Tensor) -> Tensor:
        return b[0] ** 2 * b[1] + torch.sin(b[0]) + 2 * b[1]

    b = torch.tensor([0.4, -0.3], dtype=torch.float64)
    offsets = torch.tensor([-0.2, 0.1, 0.3, 0.5], dtype=torch.float64)
    given = b.clone()
    said = as_tensor(answer(loss, given, offsets))
    if not torch.equal(given, b):
        return "afterwards b must be what it was before."
    if said.shape != (4, 4, 2):
        return f"for 4 offsets the result has the shape (4, 4, 2), yours {tuple(said.shape)}."
    first, second = torch.meshgrid(b[0] + offsets, b[1] + offsets, indexing="ij")
    truth = torch.stack([2 * first * second + torch.cos(first), first**2 + 2], dim=-1)
    if torch.allclose(said, truth, atol=1e-4):
        return None
    if torch.allclose(said, -truth, atol=1e-4):
        return "these point the way that descent goes. Which way does a gradient point?"
    if torch.allclose(said, truth.transpose(0, 1), atol=1e-4):
        return "the two axes of the grid are swapped: the first belongs to i, so to b₁."
    if torch.allclose(said, truth.flip(-1), atol=1e-4):
        return "the two numbers of each arrow are swapped."
    if torch.allclose(said.diagonal().T, truth.diagonal().T, atol=1e-4):
        return "right where i = j, and only there. Do both biases move by themselves?"
    here = torch.stack([2 * b[0] * b[1] + torch.cos(b[0]), b[0] ** 2 + 2])
    if torch.allclose(said, here.expand(4, 4, 2), atol=1e-4):
        return "that is the gradient at b, at every point. Where do the offsets come in?"
    return "the arrows are not the gradients of the loss at b₁ + ε_i, b₂ + ε_j."


def two_minibatches(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: two minibatches that oppose each other, tried on six small networks."""
    for seed in range(6):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = nn.Sequential(nn.Linear(6, 30), nn.ReLU(), nn.Linear(30, 1)).double()
            x = torch.rand(400, 6, dtype=torch.float64)
            y = torch.randn(400, 1, dtype=torch.float64)
        outputs = model(x)
        near = outputs.detach()  # the network has learned some: targets follow outputs
        y = near + 0.5 * near.std() * y
        result = attempted(answer(outputs.detach().clone(), y.clone(), 32))
        if len(result) != 2:
            return f"two lists of rows are asked for, not {len(result)}."
        if any(rows is None or rows is ... for rows in result):
            raise NotAttempted
        lists = [[int(row) for row in rows] for rows in result]
        if any(len(rows) != 32 for rows in lists):
            return f"each list has B = 32 rows, yours {[len(rows) for rows in lists]}."
        if any(not 0 <= row < 400 for rows in lists for row in rows):
            return "there are rows that do not exist."
        if any(len(set(rows)) != 32 for rows in lists):
            return "a row stands twice in one minibatch."
        gradients = []
        for rows in lists:
            loss = (outputs[rows] - y[rows]).abs().mean()
            found = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
            gradients.append(torch.cat([part.flatten() for part in found]))
        cosine = float(torch.cosine_similarity(gradients[0], gradients[1], dim=0))
        if not cosine < -0.9:
            errors = (outputs - y).detach()
            signs = [float(errors[rows].sign().mean()) for rows in lists]
            return (
                f"on network {seed + 1} of six the cosine of your two gradients is {cosine:.2f}. "
                f"The mean signs of the errors in your two minibatches are {signs[0]:.2f} and "
                f"{signs[1]:.2f}: what does (10.3) ask of them?"
            )
    return None


def one_mask(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: dropout with one mask for all points of a grid; its mean and its masks."""
    g = torch.Generator().manual_seed(104)
    h = torch.rand(5, 400, 60, generator=g, dtype=torch.float64) + 0.5
    for p in (0.3, 0.6):
        said = as_tensor(answer(h.clone(), p, torch.Generator().manual_seed(7)))
        if said.shape != h.shape:
            return f"the shape is that of h, {tuple(h.shape)}, yours has {tuple(said.shape)}."
        kept = said != 0
        share = float(kept.double().mean())
        if not bool((kept == kept[0]).all()):
            return "the masks differ between the points of the grid."
        if bool((kept[0] == kept[0, 0]).all()):
            return "all examples have the same mask: the same units are off in all of them."
        if not abs(share - (1 - p)) <= 0.02:
            return f"p = {p:g}, and a share {share:.2f} of the units is left. What is p a share of?"
        factor = (said / h)[kept]
        if not float((factor - 1 / (1 - p)).abs().max()) <= 1e-6:
            return (
                f"with p = {p:g} what is left is multiplied by {float(factor.mean()):.2f}; then "
                f"the mean over masks is {float(factor.mean()) * (1 - p):.2f}·h."
            )
        again = as_tensor(answer(h.clone(), p, torch.Generator().manual_seed(8)))
        if bool((again == said).all()):
            return "another generator gives the same mask. Do you draw with g?"
        repeated = as_tensor(answer(h.clone(), p, torch.Generator().manual_seed(7)))
        if not bool((repeated == said).all()):
            return "the same generator gives another mask. Do you draw with g?"
    return None


def order_gap(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: the gap between two orders, held against four steps."""
    g = torch.Generator().manual_seed(105)
    theta, a, b = torch.randn(3, 4, generator=g, dtype=torch.float64)
    roots = torch.randn(2, 4, 4, generator=g, dtype=torch.float64)
    H_A, H_B = (root @ root.T for root in roots)

    def step(point: Tensor, H: Tensor, centre: Tensor, eta: float) -> Tensor:
        return point - eta * H @ (point - centre)

    for eta in (0.1, 0.02):
        ab = step(step(theta, H_A, a, eta), H_B, b, eta)
        truth = ab - step(step(theta, H_B, b, eta), H_A, a, eta)
        said = as_tensor(answer(theta.clone(), a, H_A, b, H_B, eta))
        if said.shape != truth.shape:
            return f"a vector like θ is asked for, yours has the shape {tuple(said.shape)}."
        if torch.allclose(said, truth, rtol=1e-8, atol=1e-12):
            continue
        if torch.allclose(said, -truth, rtol=1e-8, atol=1e-12):
            return "the sign is wrong. A first: at which point is the gradient of B then taken?"
        if torch.allclose(said * eta, truth, rtol=1e-8, atol=1e-12):
            return "one factor η is missing: one for the step, one for what moved the other."
        known = eta**2 * (H_B @ H_A - H_A @ H_B) @ theta
        if torch.allclose(said, known, rtol=1e-8, atol=1e-12):
            return "that is right if both minima lie at 0. Where are yours?"
        swapped = eta**2 * (H_A @ H_A @ (theta - a) - H_B @ H_B @ (theta - b))
        if torch.allclose(said.abs(), swapped.abs(), rtol=1e-8, atol=1e-12):
            return "whose second derivatives act on whose gradient?"
        return (
            f"four steps with η = {eta:g} give a gap of length {float(truth.norm()):.3g}, yours is "
            f"{float(said.norm()):.3g} long. Write both orders out, and subtract."
        )
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch10-ex1": expected_square,
    "ch10-ex2": field_of,
    "ch10-ex3": two_minibatches,
    "ch10-ex4": one_mask,
    "ch10-ex5": order_gap,
}
FUNCTIONS = CHECKS.keys()
