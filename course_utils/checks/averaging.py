"""Checks for chapter 9. Each holds the answer against an independent truth."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.common import as_tensor, attempted


def _near(said: Tensor, truth: Tensor) -> bool:
    return said.shape == truth.shape and bool(torch.allclose(said, truth, rtol=1e-6, atol=1e-10))


def _normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def from_pieces(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: weighted by the pieces' shares, held against one pass over all examples."""
    for case, counts in enumerate(((4, 4), (1, 2, 9), (7, 1))):
        pieces = [2 + _normal(91 + case + 10 * k, size, 3) for k, size in enumerate(counts)]
        truth = torch.cat(pieces).mean(dim=0)
        means = torch.stack([piece.mean(dim=0) for piece in pieces])
        sizes = torch.tensor(counts, dtype=torch.float64)
        said = as_tensor(answer(means.clone(), sizes))
        if _near(said, truth):
            continue
        if said.shape != truth.shape:
            return f"the gradient has {len(truth)} entries, yours the shape {tuple(said.shape)}."
        if _near(said, means.mean(dim=0)):
            return (
                f"for pieces of {', '.join(map(str, counts))} an example of the smallest piece "
                "now counts more than one of the largest. How much should each example count?"
            )
        if _near(said, means.sum(dim=0)):
            return "for two equal pieces that is twice as long as either. What is a mean of both?"
        if _near(said, (means * sizes[:, None]).sum(dim=0)):
            return "that is the gradient of the sum of the losses. And of their mean?"
        return (
            f"for pieces of {', '.join(map(str, counts))} it is not what one pass over all "
            f"{sum(counts)} gives. With which factor does each single example enter?"
        )
    return None


def one_layer(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: (1/B)hᵀΔ and the mean of Δ, held against autograd."""
    h, mix = 1 + _normal(94, 6, 4), _normal(95, 6, 3)
    w, b = _normal(96, 4, 3).requires_grad_(), torch.zeros(3, dtype=torch.float64).requires_grad_()
    z = h @ w + b
    losses = (torch.tanh(z) * mix).sum(dim=1)
    (delta,) = torch.autograd.grad(losses.sum(), z, retain_graph=True)
    truth_w, truth_b = torch.autograd.grad(losses.mean(), [w, b])
    result = attempted(answer(h.clone(), delta.clone()))
    if not isinstance(result, tuple | list) or len(result) != 2:
        return "return two things: the gradient by the weights, and that by the bias."
    said_w, said_b = as_tensor(result[0]), as_tensor(result[1])
    if said_w.shape != (4, 3):
        shape = tuple(said_w.shape)
        return f"for 4 inputs and 3 units the weights' gradient is 4 × 3, yours has shape {shape}."
    if _near(said_w, h.mean(0)[:, None] * delta.mean(0)):
        return "you averaged first. Which inputs went with which errors is lost."
    if _near(said_w, 6 * truth_w):
        return "that is the gradient of the *sum* of the losses, for the weights."
    if not _near(said_w, truth_w):
        return "the weights' gradient differs from autograd's. What does one example contribute?"
    if _near(said_b.reshape(-1), 6 * truth_b):
        return "the weights are right; for the bias you have the sum over the examples."
    if not _near(said_b.reshape(-1), truth_b):
        return "the weights are right. What is the input that the bias is multiplied by?"
    return None


def distance_of_a_minibatch(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: the mean squared error of a minibatch's gradient, held against all of them."""
    gradients = 1 + _normal(97, 6, 3)
    centre, n = gradients.mean(dim=0), len(gradients)
    for replacement, batch in ((True, 1), (True, 3), (False, 1), (False, 4), (False, 6)):
        draws = product(range(n), repeat=batch) if replacement else combinations(range(n), batch)
        means = torch.stack([gradients[list(draw)].mean(dim=0) for draw in draws])
        truth = (means - centre).square().sum(dim=1).mean()
        said = as_tensor(answer(gradients.clone(), batch, replacement))
        if said.numel() != 1:
            return f"one number is asked for, the trace; yours has the shape {tuple(said.shape)}."
        if abs(float(said) - float(truth)) < 1e-9:
            continue
        kind = "with" if replacement else "without"
        told = (
            f"over all {len(means)} minibatches of {batch} of {n}, {kind} replacement, it is "
            f"{float(truth):.3g}, and yours is {float(said):.3g}. "
        )
        single = float((gradients - centre).square().sum(dim=1).mean())
        if abs(float(said) - single * n / (n - 1) / batch) < 1e-9:
            return told + "Is Σ, here, divided by N or by N − 1?"
        if not replacement and abs(float(said) - single / batch) < 1e-9:
            return told + "What is left to chance if the minibatch is all the data?"
        if not replacement and abs(float(said) - single / batch * (n - batch) / n) < 1e-9:
            return told + "It should be exact for B = 1, too. By what is N − B divided?"
        if abs(float(said) - float(truth) / gradients.shape[1]) < 1e-9:
            return told + "The squares are summed over which axis, and averaged over which?"
        other = 1.0 if not replacement else (n - batch) / (n - 1)
        if batch > 1 and abs(float(said) - single / batch * other) < 1e-9:
            return told + "Which of the two kinds of drawing is that?"
        if abs(float(said) ** 2 - float(truth)) < 1e-9:
            return told + "The mean *squared* distance is asked for."
        return told + "How does it go with B?"
    return None


def scale_from_two_sizes(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: tr Σ/|G|² from lengths at two batch sizes, held against all minibatches."""
    for seed, b, big in ((98, 1, 3), (99, 2, 3), (100, 1, 2)):
        gradients = 0.7 + _normal(seed, 5, 4)
        centre = gradients.mean(dim=0)
        truth = float((gradients - centre).square().sum(dim=1).mean() / (centre @ centre))
        squares = {}
        for size in (b, big):
            draws = product(range(5), repeat=size)
            means = torch.stack([gradients[list(draw)].mean(dim=0) for draw in draws])
            squares[size] = float(means.square().sum(dim=1).mean())
        said = float(as_tensor(answer(squares[b], b, squares[big], big)))
        if abs(said / truth - 1) < 1e-6:
            continue
        told = f"with sizes {b} and {big} it is {truth:.3g}, not {said:.3g}. "
        trace = (squares[b] - squares[big]) / (1 / b - 1 / big)
        if abs(said * squares[big] / trace - 1) < 1e-6:
            return told + "tr Σ is right. But a minibatch's squared length is not ‖G‖², on average."
        if abs(said / trace - 1) < 1e-6:
            return told + "That is tr Σ. Over what?"
        if abs(said * truth - 1) < 1e-6:
            return told + "Upside down?"
        if said < 0:
            return told + "Which minibatches have the longer gradients, small or large ones?"
        return told + "Write the mean of ‖ĝ‖² with ‖G‖², tr Σ and B, once for each size."
    return None


def lengths_of_gradients(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: ‖gᵢ‖ of one layer by the product form, held against autograd."""
    h, delta = _normal(101, 5, 4), _normal(102, 5, 3)
    each = torch.cat([(h[:, :, None] * delta[:, None, :]).flatten(1), delta], dim=1)
    truth = each.norm(dim=1)
    said = as_tensor(answer(h.clone(), delta.clone()))
    if said.shape != truth.shape:
        return f"one length for each of the 5 examples is asked for, yours: {tuple(said.shape)}."
    if _near(said, truth):
        return None
    if _near(said, h.norm(dim=1) * delta.norm(dim=1)):
        return "that is right for the weights. What is the bias's input?"
    if _near(said, truth**2):
        return "these are the squared lengths."
    if _near(said, (h.norm(dim=1) + 1) * delta.norm(dim=1)):
        return "do lengths add, or their squares?"
    return (
        "the entries of an example's gradient are products of one entry of h and one of δ. "
        "What is the sum of all their squares?"
    )


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch09-ex1": from_pieces,
    "ch09-ex2": one_layer,
    "ch09-ex3": distance_of_a_minibatch,
    "ch09-ex4": scale_from_two_sizes,
    "ch09-ex5": lengths_of_gradients,
}
FUNCTIONS = CHECKS.keys()
