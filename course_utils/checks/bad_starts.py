"""Checks for chapter 4. Each holds the answer against an independent truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.common import as_tensor, attempted


def _units_after_training(incoming: Tensor, biases: Tensor, outgoing: Tensor) -> int:
    """Train a hidden layer of tanh with autograd, and count its different units."""
    g = torch.Generator().manual_seed(41)
    parameters = [p.clone().requires_grad_() for p in (incoming, biases, outgoing)]
    x = torch.randn(30, len(incoming), generator=g, dtype=torch.float64)
    y = torch.randn(30, outgoing.shape[1], generator=g, dtype=torch.float64)
    for _ in range(5):
        w, b, v = parameters
        loss = ((torch.tanh(x @ w + b) @ v - y) ** 2).mean()
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(0.1 * gradient)
    units = torch.cat([parameters[0], parameters[1][None]]).detach().T  # a row each
    seen: list[Tensor] = []
    for unit in units:
        if all(float((unit - other).abs().max()) > 1e-9 for other in seen):
            seen.append(unit)
    return len(seen)


def different_units(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: how many units a layer has for ever, held against training it."""
    g = torch.Generator().manual_seed(42)
    w = torch.randn(3, 6, generator=g, dtype=torch.float64)
    b = torch.zeros(6, dtype=torch.float64)
    v = torch.randn(6, 2, generator=g, dtype=torch.float64)
    pairs = torch.tensor([0, 0, 1, 1, 2, 2])
    cases = (
        ("different incoming and outgoing weights", w, b, v),
        ("one column of incoming weights for all, and different outgoing ones", w[:, :1], b, v),
        ("one column and one row for all", w[:, :1], b, v[:1]),
        ("three pairs of equal incoming and equal outgoing weights", w[:, pairs], b, v[pairs]),
        (
            "one column and one row for all, and a bias of its own for one unit",
            w[:, :1],
            None,
            v[:1],
        ),
    )
    for words, incoming, biases, outgoing in cases:
        if biases is None:
            biases = torch.tensor([0, 0, 0, 0, 0, 0.5], dtype=torch.float64)
        incoming, outgoing = incoming.expand(-1, 6).clone(), outgoing.expand(6, -1).clone()
        counted = _units_after_training(incoming, biases, outgoing)
        said = as_tensor(answer(incoming.clone(), biases.clone(), outgoing.clone()))
        if said.numel() != 1:
            return f"one number is asked for, your answer has the shape {tuple(said.shape)}."
        if float(said) != counted:
            return (
                f"six units with {words}: after training they are of {counted} kind"
                f"{'s' if counted > 1 else ''}, you say {float(said):g}. "
                "What must two units share to be twins?"
            )
    return None


def common_logit(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: the logit behind a starting loss, put into the loss."""
    for loss in (0.70, 0.72, 1.5, 3.0):
        try:
            logit = float(as_tensor(answer(loss)))
        except ValueError as error:  # math.acosh and math.log outside their domain
            return f"for the loss {loss:g}: {error}. Is your number under acosh at least 1?"
        if not 0 <= logit < math.inf:
            return f"an absolute value is at least 0 and finite, yours is {logit:g}."
        pair = torch.tensor([logit, -logit], dtype=torch.float64)
        back = float(torch.nn.functional.softplus(pair).mean())
        if not abs(back - loss) <= 1e-3:
            return (
                f"a logit of {logit:.3f} for all examples costs {back:.3f}, not {loss:g}. "
                "Multiply the two factors under the logarithm, or search for the logit: "
                "the a²/8 is an approximation for small a."
            )
    return None


def _moves(depth: int, hidden: Callable[[Tensor], Tensor], updates: int) -> list[float]:
    """For each layer, the first update that moves its weights, by autograd."""
    weights = [torch.zeros(2, 2, dtype=torch.float64, requires_grad=True) for _ in range(depth)]
    biases = [torch.zeros(2, dtype=torch.float64, requires_grad=True) for _ in range(depth)]
    g = torch.Generator().manual_seed(43)
    x = torch.randn(20, 2, generator=g, dtype=torch.float64)
    y = (torch.arange(20) < 6).long()
    first = [math.inf] * depth
    for update in range(1, updates + 1):
        h = x
        for index, (w, b) in enumerate(zip(weights, biases, strict=True)):
            z = h @ w + b
            h = hidden(z) if index < depth - 1 else z
        loss = torch.nn.functional.cross_entropy(h, y)
        gradients = torch.autograd.grad(loss, [*weights, *biases])
        with torch.no_grad():
            for parameter, gradient in zip([*weights, *biases], gradients, strict=True):
                parameter.sub_(0.5 * gradient)
        for index, w in enumerate(weights):
            if first[index] == math.inf and bool((w != 0).any()):
                first[index] = update
    return first


def first_update(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: when a layer first moves, held against autograd."""
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
    }
    for hidden, depth in (("sigmoid", 3), ("tanh", 3), ("relu", 4), ("sigmoid", 5)):
        counted = _moves(depth, functions[hidden], depth + 3)
        for layer in range(depth, 0, -1):
            said = float(as_tensor(answer(layer, depth, hidden)))
            truth = counted[layer - 1]
            if said != truth:
                when = "never move" if truth == math.inf else f"first move at update {truth:g}"
                return (
                    f"{hidden}, {depth} layers of weights: those of layer {layer} {when}, "
                    f"you say {said:g} (updates count from 1). The gradient is a "
                    "product: what comes from below, and what comes from above? "
                    "Which of the two is 0, and until when?"
                )
    return None


def silent_share(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: silent on a minibatch, held against counting."""
    for beta, batch in ((0.0, 1), (1.0, 1), (1.0, 8), (2.0, 32), (2.5, 100)):
        g = torch.Generator().manual_seed(44)
        z = torch.randn(20_000, batch, generator=g) - beta
        counted = float((z <= 0).all(dim=1).double().mean())
        said = float(as_tensor(answer(beta, batch)))
        if not abs(said - counted) <= 0.02:
            return (
                f"with a bias {beta:g} standard deviation{'' if beta == 1 else 's'} down, "
                f"{counted:.3f} of 20 000 units are silent on {batch} example"
                f"{'s' if batch > 1 else ''}, you say {said:.3f}. "
                + (
                    "With which probability is one normal number below another one?"
                    if batch == 1
                    else "What is the probability that independent things all happen?"
                )
            )
    return None


def share_factor(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: the factor for a leaky ReLU, held against random layers."""
    for gain, slope in ((1 / 3, 0.0), (1 / 3, 0.5), (1.0, 0.2), (0.5, 1.0)):
        shares = _shares_of_leaky_layers(gain, slope)
        counted = (shares[-1] / shares[0]) ** (1 / (len(shares) - 1))
        said = float(as_tensor(attempted(answer(gain, slope))))
        if not abs(said / counted - 1) <= 0.08:
            return (
                f"for n·Var W = {gain:.3g} and slope {slope:g} the share falls by the factor "
                f"{counted:.3g} a layer, you say {said:.3g}. What does a unit make of a small "
                "difference if it is on, and what if it is off? Which square is averaged?"
            )
    return None


def _shares_of_leaky_layers(gain: float, slope: float) -> Sequence[float]:
    """Share that differs between two inputs, in layers where q has settled."""
    n, g = 400, torch.Generator().manual_seed(45)
    a = torch.randn(4, n, generator=g, dtype=torch.float64)
    settled, shares = 14, []
    b = a
    for layer in range(settled + 7):
        w = (gain / n) ** 0.5 * torch.randn(n, n, generator=g, dtype=torch.float64)
        bias = torch.randn(n, generator=g, dtype=torch.float64)
        za, zb = a @ w + bias, b @ w + bias
        if layer == settled:
            zb = za + 1e-6 * torch.randn(za.shape, generator=g, dtype=torch.float64)
        if layer >= settled:
            shares.append(float(((za - zb) ** 2).mean() / (za**2).mean()))
        a = torch.where(za > 0, za, slope * za)
        b = torch.where(zb > 0, zb, slope * zb)
    return shares


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch04-ex1": different_units,
    "ch04-ex2": common_logit,
    "ch04-ex3": first_update,
    "ch04-ex4": silent_share,
    "ch04-ex5": share_factor,
}
FUNCTIONS = CHECKS.keys()
