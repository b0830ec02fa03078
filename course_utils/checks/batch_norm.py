"""Checks for chapter 7. Each holds the answer against torch, autograd or counting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.checks.common import as_tensor, attempted


def _batch(seed: int, examples: int = 40, features: int = 3) -> Tensor:
    """Features of different means and spreads, one of them small."""
    g = torch.Generator().manual_seed(seed)
    z = torch.randn(examples, features, generator=g, dtype=torch.float64)
    return z * torch.tensor([3.0, 0.5, 0.05]) + torch.tensor([1.0, -4.0, 2.0])


def undone(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: γ and β with which torch's batch norm changes nothing."""
    z = _batch(71)
    for epsilon in (1e-5, 1e-2):
        gamma, beta = (as_tensor(part) for part in attempted(answer(z, epsilon)))
        if gamma.shape != (3,) or beta.shape != (3,):
            return (
                f"γ and β are one number for each of the 3 features, yours have the shapes "
                f"{tuple(gamma.shape)} and {tuple(beta.shape)}. Over which axis is the mean?"
            )
        out = nn.functional.batch_norm(z, None, None, gamma, beta, True, 0.1, epsilon)
        if not (out.mean(dim=0) - z.mean(dim=0)).abs().max() <= 1e-9:
            return "the output's means are not those of z. Which of the two numbers sets them?"
        ratio = out.std(dim=0) / z.std(dim=0)
        if not (ratio - 1).abs().max() <= 1e-9:
            variance = z.var(dim=0, unbiased=False)
            squared = torch.allclose(gamma, variance) or torch.allclose(gamma, variance + epsilon)
            return (
                f"with ε = {epsilon:g} the output's spreads are "
                f"{', '.join(f'{r:.4g}' for r in ratio.tolist())} times those of z. "
                + (
                    "A scale multiplies the spread, not the variance."
                    if squared
                    else "What exactly was z − μ divided by? B or B − 1, and what stands "
                    "under the root beside the variance?"
                )
            )
        if not (out - z).abs().max() <= 1e-9:
            return (
                "means and spreads are those of z, and yet the output is not z. Where in the "
                "batch does each have its largest value?"
            )
    return None


def updates_until_forgotten(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: after how many updates the initial running mean weighs less than a share."""
    for momentum, share in ((0.9, 0.5), (0.99, 0.1), (0.999, 0.01), (0.5, 0.25)):
        running, counted = 1.0, 0  # batches of mean 0 from here on
        while running >= share:
            running = momentum * running + (1 - momentum) * 0.0
            counted += 1
        said = float(as_tensor(answer(momentum, share)))
        if said != counted:
            other, steps = 1.0, 0
            while other >= share and steps < counted:
                other *= 1 - momentum
                steps += 1
            turned = said == steps and steps != counted
            return (
                f"with Keras's momentum {momentum:g}, counting update by update gives another "
                f"number than your {said:g} for a share of {share:g}. "
                + (
                    "Whose weight is the momentum in Keras: the old value's or the batch's?"
                    if turned
                    else "What is left of the initial value after one update, after two? "
                    "The answer is a whole number, and 'less than' excludes equality."
                )
            )
    return None


def folded(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: a linear layer and the batch norm after it as one linear layer."""
    # as many inputs as outputs first: there rows and columns fit equally well
    return _folded(answer, inputs=3) or _folded(answer, inputs=4)


def _folded(answer: Callable[..., Any], *, inputs: int) -> str | None:
    g = torch.Generator().manual_seed(73)
    layer = nn.Linear(inputs, 3).double()
    norm = nn.BatchNorm1d(3, eps=1e-2).double()
    with torch.no_grad():
        for part in (layer.weight, layer.bias, norm.weight, norm.bias):
            part.copy_(torch.randn(part.shape, generator=g, dtype=torch.float64))
        norm(3 * torch.randn(50, 3, generator=g, dtype=torch.float64) + 1)
    norm.eval()
    parts = [*layer.state_dict().values(), *norm.state_dict().values()][:6]
    said = attempted(answer(*(part.clone() for part in parts), norm.eps))
    weight, bias = (as_tensor(part) for part in said)
    if weight.shape != (3, inputs) or bias.shape != (3,):
        return (
            f"the new weights and bias have the shapes (3, {inputs}) and (3,) as the old ones, "
            f"yours {tuple(weight.shape)} and {tuple(bias.shape)}."
        )
    x = torch.randn(20, inputs, generator=g, dtype=torch.float64)
    zero = torch.zeros(1, inputs, dtype=torch.float64)
    with torch.no_grad():
        slopes = norm(layer(x)) - norm(layer(zero)) - x @ weight.T
        offset = norm(layer(zero))[0] - bias
    if not slopes.abs().max() <= 1e-9:
        return (
            "the part that depends on x differs from torch's. By what does batch norm multiply "
            "unit k in evaluation, and is that a row or a column of torch's weights?"
        )
    if not offset.abs().max() <= 1e-9:
        return (
            "the weights are right. For x = 0 the output differs. Send x = 0 through both "
            "layers and write down each number it meets."
        )
    return None


def backward_of_a_scale(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: the backward pass of z over its root mean square, against autograd."""
    z, epsilon = _batch(74).requires_grad_(), 1e-2
    g = torch.randn(z.shape, generator=torch.Generator().manual_seed(75), dtype=torch.float64)
    scaled = z / torch.sqrt((z**2).mean(dim=0) + epsilon)
    (truth,) = torch.autograd.grad((scaled * g).sum(), z)
    said = as_tensor(answer(g.clone(), z.detach().clone(), epsilon))
    if said.shape != z.shape:
        return f"the gradient has the shape of z, {tuple(z.shape)}, yours {tuple(said.shape)}."
    if torch.allclose(said, truth, atol=1e-9):
        return None
    scale = torch.rsqrt((z**2).mean(dim=0) + epsilon).detach()
    bare = z.detach()

    def formula(s: Tensor, times: float = 1.0, centred: float = 0.0) -> Tensor:
        out = s * bare
        return s * (g - centred * g.mean(0) - times * out * (g * out).mean(0))

    slips = {
        "You took the root for a constant: it depends on every z.": scale * g,
        "That is batch norm's. Which of the three terms comes from subtracting the mean?": formula(
            scale, centred=1.0
        ),
        "The term that comes from the root is right up to the factor B. Which power of B "
        "stands under the root?": formula(scale, times=len(z)),
        "It would be right for ε = 0. Where does ε enter ẑ?": formula(
            torch.rsqrt((bare**2).mean(dim=0))
        ),
        "It would be right if z were divided by its deviation from the mean. What is it "
        "divided by here?": formula(torch.rsqrt(bare.var(dim=0, unbiased=False) + epsilon)),
    }
    hint = "Differentiate the quotient: how does the root depend on one z?"
    for named, slip in slips.items():
        if torch.allclose(said, slip, atol=1e-9):
            hint = named
    wrong = float((said - truth).abs().max() / truth.abs().max())
    return f"autograd differs from yours by up to {wrong:.2g} of the largest entry. {hint}"


def pooled(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: mean and variance of all examples from those of equal batches."""
    z = _batch(76, examples=60)
    shifts = torch.arange(6, dtype=torch.float64).repeat_interleave(10)[:, None]
    for case, batches in (("alike", z), ("shifted against each other", z + shifts)):
        parts = batches.view(6, 10, 3)
        means, variances = parts.mean(dim=1), parts.var(dim=1, unbiased=False)
        said = attempted(answer(means, variances))
        mean, variance = (as_tensor(part) for part in said)
        if mean.shape != (3,) or variance.shape != (3,):
            return (
                f"mean and variance are one number for each of the 3 features, yours have the "
                f"shapes {tuple(mean.shape)} and {tuple(variance.shape)}."
            )
        if not torch.allclose(mean, batches.mean(dim=0), atol=1e-9):
            return "the mean of all examples differs. The batches are equally large."
        truth = batches.var(dim=0, unbiased=False)
        if not torch.allclose(variance, truth, atol=1e-9):
            ratio = float((variance / truth)[0])
            return (
                f"for batches {case} your variance of the first feature is {ratio:.3g} times the "
                "true one. Two batches may be narrow and lie far apart: where is that counted? "
                "And all variances here divide by the count, not by one less."
            )
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch07-ex1": undone,
    "ch07-ex2": updates_until_forgotten,
    "ch07-ex3": folded,
    "ch07-ex4": backward_of_a_scale,
    "ch07-ex5": pooled,
}
FUNCTIONS = CHECKS.keys()
