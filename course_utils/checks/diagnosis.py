"""Checks for chapter 13. Each holds the answer against an independent truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.checks.common import as_tensor, attempted


def _net(width: int = 7) -> nn.Sequential:
    g = torch.Generator().manual_seed(131)
    net = nn.Sequential(
        nn.Linear(5, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3)
    )
    with torch.no_grad():
        for one in net.parameters():
            one.copy_(torch.randn(one.shape, generator=g))
    return net


def _hooks(net: nn.Module) -> int:
    return sum(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in net.modules())


def rms_of_layers(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: root mean squares heard by hooks, that are gone afterwards."""
    flat = _net()
    net = nn.Sequential(flat[:2], nn.Sequential(flat[2:4], flat[4]))  # layers within layers
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(132))
    said = [float(as_tensor(one)) for one in attempted(answer(net, x))]
    h, expected = x, []
    for module in flat:
        h = module(h)
        if isinstance(module, nn.Linear):
            expected.append(float(h.detach().double().square().mean().sqrt()))
    if len(said) != len(expected):
        return f"the network has {len(expected)} linear layers, you give {len(said)} numbers."
    worst = max(abs(a / b - 1) for a, b in zip(said, expected, strict=True))
    if not worst <= 1e-4:
        squares = max(abs(a / b**2 - 1) for a, b in zip(said, expected, strict=True))
        return "the numbers are not those of z. " + (
            "Is that the mean square or its root?"
            if squares < 1e-4
            else "What do you take the mean of, and is it z or what the activation makes of it?"
        )
    if _hooks(net):
        return f"{_hooks(net)} hooks are still there afterwards: what removes one?"
    return None


def depth_of_overflow(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: the first layer beyond the limit, counted layer by layer."""
    for first, factor, limit in ((1.0, 2.0, 1000.0), (3.0, 1.7, 1e38), (0.5, 1.05, 7.0)):
        tenth = first * factor**9  # layers 1 and 10 are measured
        layer, rms = 1, first
        while rms <= limit:
            layer, rms = layer + 1, rms * factor
        said = float(as_tensor(answer(first, tenth, 10, limit)))
        if said != layer:
            off = "It is one layer off." if abs(said - layer) == 1 else ""
            return (
                f"with √q = {first:g} at layer 1 and {tenth:.3g} at layer 10, counting layer by "
                f"layer does not reach {limit:g} where you say, {said:g}. {off} How many steps lie "
                "between layer 1 and layer 10, and from which layer do you go on counting?"
            )
    return None


def agreement_of_sums(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: mean product over mean square, all pairs counted out."""
    for seed, count, shift in ((1, 5, 0.5), (2, 3, 0.0), (3, 8, 2.0)):
        g = torch.randn(count, 11, generator=torch.Generator().manual_seed(seed)).double() + shift
        products = [float(g[i] @ g[j]) for i in range(count) for j in range(i)]
        squares = float(g.square().sum(dim=1).mean())
        expected = sum(products) / len(products) / squares
        said = float(as_tensor(answer(g.sum(dim=0), float(g.square().sum()), count)))
        if not abs(said - expected) < 1e-6:
            whole = float(g.sum(dim=0).square().sum()) / count**2 / squares
            return (
                f"for {count} gradients all pairs counted out give another number than your "
                f"{said:.4g}. "
                + (
                    "Your sum over pairs includes each gradient with itself."
                    if abs(said - whole) < 1e-6
                    else "Multiply out the square of the sum: which products are in it, and how "
                    "many of each kind?"
                )
            )
    return None


def share_of_dead(answer: Callable[..., Any]) -> str | None:
    """Exercise 4: units that never fire, over several minibatches, by a loop."""
    g = torch.Generator().manual_seed(134)
    cases: list[list[Tensor]] = []
    for units in (10, 40):
        shift = torch.linspace(-4, 1, units)
        cases.append([(torch.randn(n, units, generator=g) + shift).relu() for n in (30, 30, 7)])
    for minibatches in cases:
        units = minibatches[0].shape[1]
        dead = sum(
            all(float(row[unit]) == 0 for h in minibatches for row in h) for unit in range(units)
        )
        said = float(as_tensor(answer(minibatches)))
        if not abs(said - dead / units) < 1e-6:
            each = [float((h == 0).all(dim=0).double().mean()) for h in minibatches]
            zeros = float(torch.cat(minibatches).eq(0).double().mean())
            if abs(said - zeros) < 1e-6:
                question = "That is the share of zeros: a sparse unit is not a dead one."
            elif abs(said - sum(each) / len(each)) < 1e-6:
                question = "A unit that is silent in one minibatch may fire in the next."
            else:
                question = "Go through one unit: for which examples must it be 0?"
            return f"you say {said:.3g} for {units} units. {question}"
    return None


class _Broken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(4), nn.Dropout(0.5)
        self.fails = False

    def forward(self, x: Tensor) -> Tensor:
        if self.fails:
            raise ArithmeticError("the network fails, on purpose")
        return self.drop(self.norm(x))


def in_evaluation(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: outputs in evaluation mode, all modes as before, also after an error."""
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(135)) + 3
    for fails in (False, True):
        net = _Broken()
        net.norm.eval()  # frozen on purpose, while the rest is in training mode
        net.fails = fails
        before = [one.training for one in net.modules()]
        try:
            outputs = as_tensor(answer(net, x))
        except ArithmeticError:
            if not fails:
                raise
        else:
            if fails:
                return "the network raised an error, and nobody heard of it."
            if not math.isclose(float((outputs - x).abs().max()), 0.0, abs_tol=1e-3):
                return "these are not the outputs in evaluation mode: is dropout still at work?"
        after = [one.training for one in net.modules()]
        if after != before:
            if fails:
                return "after an error the modes are not as before: which statement always runs?"
            return (
                "afterwards a module is in another mode than before. One of them was in evaluation "
                "mode while the rest was not: does train() know?"
            )
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch13-ex1": rms_of_layers,
    "ch13-ex2": depth_of_overflow,
    "ch13-ex3": agreement_of_sums,
    "ch13-ex4": share_of_dead,
    "ch13-ex5": in_evaluation,
}
FUNCTIONS = CHECKS.keys()
