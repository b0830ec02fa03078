"""Checks for chapter 8. Each holds the answer against an independent truth."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.checks.common import as_tensor, attempted


def factor_of_a_layer(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: growth of the squared gradient in one layer, held against a wide one."""
    cases: list[tuple[str, Callable[[Tensor], Tensor]]] = [
        ("ReLU", torch.relu),
        ("|z|", torch.abs),
        ("tanh(2z)", lambda z: torch.tanh(2 * z)),
        ("3z + 1", lambda z: 3 * z + 1),
    ]
    for name, f in cases:
        z = torch.randn(400_000, generator=torch.Generator().manual_seed(81), dtype=torch.float64)
        z.requires_grad_()
        (slope,) = torch.autograd.grad(f(z).sum(), z)
        h = f(z.detach())
        square, variance = float(slope.square().mean()), float(h.var())
        mean, mean_square = float(h.mean()), float(h.square().mean())
        said = float(as_tensor(answer(square, mean, mean_square)))
        if not abs(said / (square / variance) - 1) <= 0.01:
            with_the_mean = abs(said * mean_square / square - 1) < 0.01
            return (
                f"for {name}, with E[f′²] = {square:.3g}, E[f] = {mean:.3g} and "
                f"E[f²] = {mean_square:.3g}, a layer does not multiply the squared "
                f"gradient by {said:.3g}. "
                + (
                    "What becomes of the mean of f when the next layer is normalised?"
                    if with_the_mean
                    else "By what is the next layer's output divided, squared?"
                )
            )
    return None


def four_normalisations(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: the axes of batch, layer, group and instance norm, held against torch's."""
    x = torch.randn(5, 6, 7, generator=torch.Generator().manual_seed(82), dtype=torch.float64)
    x = 0.02 * x + 0.01 * torch.arange(6.0, dtype=torch.float64)[:, None]  # small, so ε counts
    torchs: dict[str, nn.Module] = {
        "batch": nn.BatchNorm1d(6, affine=False),
        "layer": nn.LayerNorm([6, 7], elementwise_affine=False),
        "instance": nn.InstanceNorm1d(6),
        "group": nn.GroupNorm(3, 6, affine=False),
    }
    questions = {
        "batch": "Which numbers belong to one channel?",
        "layer": "Which numbers belong to one example?",
        "instance": "Which numbers belong to one example and one channel?",
        "group": "There are three groups of two neighbouring channels: which shape shows them?",
    }
    for kind, module in torchs.items():
        said = as_tensor(answer(x.clone(), kind))
        if said.shape != x.shape:
            return f"{kind}: the result has the shape {tuple(said.shape)}, not {tuple(x.shape)}."
        truth = module.double()(x)
        off = float((said - truth).abs().max())
        if not off < 1e-6:
            together = {"batch": 35, "layer": 42, "instance": 7, "group": 14}[kind]
            by_one_less = math.sqrt((together - 1) / together)
            ratio = said / truth
            if float((ratio / by_one_less - 1).abs().max()) < 0.003:
                question = "Is your variance divided by the count, or by one less?"
            elif float((ratio.log()).abs().max()) < math.log(2):
                question = "The axes are right. How large is ε, and where does it stand?"
            else:
                question = questions[kind]
            return f"{kind}: yours differs from torch's by up to {off:.2g}. {question}"
    return None


def _frozen_start() -> nn.Sequential:
    g = torch.Generator().manual_seed(83)
    model = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5),
        nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6)), nn.Linear(6, 2),
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=g))
        for name, buffer in model.named_buffers():
            if "running" in name:
                buffer.copy_(torch.rand(buffer.shape, generator=g) + 0.5)
    return model


def freeze(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: batch norms frozen for good, all else as it was; tried on a network."""
    model = _frozen_start()
    model.train()
    before = copy.deepcopy(model.state_dict())
    returned = answer(model)
    untouched = all(part.training for part in model.modules()) and all(
        parameter.requires_grad for parameter in model.parameters()
    )
    if returned is None and not untouched:
        return "you changed the model; now return it."
    attempted(returned)
    g = torch.Generator().manual_seed(84)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        return "now nothing at all can be trained. Only the batch norms are to be frozen."
    optimizer = torch.optim.SGD(trainable, lr=0.1)
    for _ in range(3):
        loss = model(5 + torch.randn(8, 4, generator=g)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = model.state_dict()
    names = [name for name in before if "tracked" not in name]
    changed = [name for name in names if not torch.equal(before[name], after[name])]
    in_norms = [name for name in changed if name.split(".")[-2] == "1"]
    if running := [name for name in in_norms if "running" in name]:
        return (
            f"three updates later {running[0]} has changed. Which switch decides whether the "
            "running statistics are collected? And does your loop reach the batch norm in the "
            "inner Sequential?"
        )
    if in_norms:
        return f"three updates later {in_norms[0]} has changed: γ and β are parameters."
    if not model[2].training:
        return "dropout has been switched off, too. Only the batch norms are to be frozen."
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm1d)]
    if any(part.training for part in norms):
        return "the statistics stay, yet the layer still normalises by the batch that it is given."
    linear = {f"{place}.{name}" for place in ("0", "3.0", "4") for name in ("weight", "bias")}
    if not linear <= set(changed):
        return "not all linear layers learn any more. Freeze the batch norms only."
    return None


def rate_of_the_larger(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: the rate at which weights a times as large learn the same function."""
    for eta, a in ((0.1, 2.0), (0.3, 10.0), (0.05, 0.5)):
        theirs = float(as_tensor(answer(eta, a)))
        outputs = [_trained_unit(eta, 1.0), _trained_unit(theirs, a)]
        if not float((outputs[0] - outputs[1]).abs().max()) < 1e-6:
            question = "How does the gradient change when the weights are multiplied by a?"
            if abs(theirs / (eta * a) - 1) < 1e-6:
                question = (
                    "That makes the *steps* equally long. Relative to what must they be equal?"
                )
            return (
                f"with rate {eta:g} for w and your {theirs:.3g} for {a:g}·w the two networks "
                f"differ after ten updates. {question}"
            )
    return None


def _trained_unit(rate: float, factor: float) -> Tensor:
    g = torch.Generator().manual_seed(85)
    x, y = torch.randn(2, 20, 5, generator=g, dtype=torch.float64)
    w = factor * torch.randn(5, 3, generator=g, dtype=torch.float64)
    mix = torch.randn(3, 5, generator=g, dtype=torch.float64)

    def outputs(w: Tensor) -> Tensor:
        z = x @ w
        z = z - z.mean(dim=0)
        return torch.tanh(z / z.square().mean(dim=0).sqrt()) @ mix

    for _ in range(10):
        w = w.detach().requires_grad_()
        (gradient,) = torch.autograd.grad((outputs(w) - y).square().mean(), w)
        w = w - rate * gradient
    return outputs(w.detach())


def backward_of_rms(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: the gradient through RMSNorm, held against autograd."""
    g = torch.Generator().manual_seed(86)
    for n, epsilon in ((5, 0.0), (8, 0.0), (4, 0.3)):
        z = torch.randn(3, n, generator=g, dtype=torch.float64, requires_grad=True)
        above = torch.randn(3, n, generator=g, dtype=torch.float64)
        normalised = z / (z.square().mean(dim=1, keepdim=True) + epsilon).sqrt()
        (truth,) = torch.autograd.grad(normalised, z, above)
        said = as_tensor(answer(above, z.detach(), epsilon))
        if said.shape != truth.shape:
            return f"the gradient has the shape of z, {tuple(z.shape)}, yours {tuple(said.shape)}."
        if not float((said - truth).abs().max()) < 1e-8:
            rms = (z.detach().square().mean(dim=1, keepdim=True) + epsilon).sqrt()
            if float((said - above / rms).abs().max()) < 1e-8:
                return "that is the part with the root mean square held fixed. Does it depend on z?"
            if epsilon:
                return f"right for ε = 0, not for ε = {epsilon:g}. In which places does ε stand?"
            along = float((said * z.detach()).sum(dim=1).abs().max())
            hint = "How does rms change with one of the z?"
            if not along <= 1e-8:
                hint = (
                    "Multiplying z by a number near 1 changes nothing, so the gradient must be "
                    f"orthogonal to z; yours is off by {along:.2g}. " + hint
                )
            elif math.isfinite(along):
                hint = "It is orthogonal to z, as it must be. " + hint
            return f"for {n} units: yours differs from autograd's. {hint}"
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch08-ex1": factor_of_a_layer,
    "ch08-ex2": four_normalisations,
    "ch08-ex3": freeze,
    "ch08-ex4": rate_of_the_larger,
    "ch08-ex5": backward_of_rms,
}
FUNCTIONS = CHECKS.keys()
