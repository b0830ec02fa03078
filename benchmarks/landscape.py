"""What it saves to compute only what changes along a grid of two parameters.

Usage: python -m benchmarks.landscape

Fields of 11 × 11 points for 50 minibatches of 64, over two biases of the second and two of
the third hidden layer, for the source's network (525 inputs, 315,141 parameters) and the
one of 3.5 million that it names. The plain way is timed on two of the minibatches and
scaled to 50: once with gradients of the two parameters' tensors alone (``loop_field``), and
once of all parameters, as ``loss.backward()`` gives them. Two threads. Operations are those
of matrix products; bytes what all tensor operations read and write, views left out. The
command ends with an error if a bar is missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import course_utils as cu
from course_utils.landscape import gradient_field, loop_field

NETWORKS = {"315,141 parameters": 525, "3.5 million": 6912}
MINIBATCHES, BATCH, POINTS, TIMED = 50, 64, 11, 2
LAYERS = ("2.bias", "4.bias")
FASTER, SAME, DOUBLE = 50.0, 1e-5, 1e-10
ONE_FIELD = 0.1  # seconds for one minibatch
FEWER = 10.0  # bytes, and operations


def loss(y: Tensor, t: Tensor) -> Tensor:
    """Mean absolute error of each minibatch."""
    return (y - t).abs().mean(dim=(-2, -1))


def network(n_in: int) -> nn.Sequential:
    """The source's, with torch's default weights, from one seed."""
    sizes = [n_in, 500, 100, 20, 1]
    g = cu.generator(0, "network")
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    for one in layers[::2]:
        scheme = cu.initialization.uniform_default()
        shape = (one.out_features, one.in_features)
        one.weight.data = scheme.draw(shape, g)
        one.bias.data = scheme.draw_bias(shape, g)
    return nn.Sequential(*layers[:-1])


def fields(
    field: Callable[..., Tensor], model: nn.Module, inputs: Tensor, targets: Tensor
) -> list[Tensor]:
    """Those of both layers."""
    around = torch.linspace(-0.1, 0.1, POINTS).to(inputs)
    return [
        field(model, loss, inputs, targets, ((name, 0), (name, 1)), (around, around))
        for name in LAYERS
    ]


def whole_backward(
    model: nn.Module, loss: Any, inputs: Tensor, targets: Tensor, two: Any, offsets: Any
) -> Tensor:
    """The plain way as it is usually written: ``loss.backward()`` at each point."""
    bias = model.get_parameter(two[0][0])
    start, found = bias.detach().clone(), []
    for x, t in zip(inputs, targets, strict=True):
        for a in offsets[0]:
            for b in offsets[1]:
                with torch.no_grad():
                    bias[:2] = start[:2] + torch.stack([a, b])
                model.zero_grad()
                loss(model(x), t).backward()
                found.append(bias.grad[:2].clone())
    bias.data.copy_(start)
    return torch.stack(found).view(len(inputs), POINTS, POINTS, 2)


class Bytes(TorchDispatchMode):
    """Counts what tensor operations read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        returns = function._schema.returns
        if not any(one.alias_info is not None and not one.alias_info.is_write for one in returns):
            flat = torch.utils._pytree.tree_leaves((args, kwargs, out))
            self.count += sum(one.nbytes for one in flat if isinstance(one, Tensor))
        return out


def counts(work: Callable[[], object]) -> tuple[int, int]:
    """Operations and bytes."""
    with FlopCounterMode(display=False) as operations:
        work()
    with Bytes() as moved:
        work()
    return operations.get_total_flops(), moved.count


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """The median of a few runs."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return sorted(found)[times // 2]


def measured(n_in: int) -> bool:
    """Print one network's table; whether every bar is held."""
    model, g = network(n_in), cu.generator(0, "data")
    x = torch.rand(MINIBATCHES, BATCH, n_in, generator=g)
    t = 3 * torch.randn(MINIBATCHES, BATCH, 1, generator=g)
    few = x[:TIMED], t[:TIMED]
    scale = MINIBATCHES / TIMED
    fields(gradient_field, model, *few)  # the first call loads what later ones have
    ways = {
        "only what changes": lambda: fields(gradient_field, model, x, t),
        "loop, two gradients": lambda: fields(loop_field, model, *few),
        "loop, all gradients": lambda: fields(whole_backward, model, *few),
    }
    fast, lean, full = (
        seconds(work, 1 if k else 5) * (scale if k else 1) for k, work in enumerate(ways.values())
    )
    one = seconds(
        lambda: gradient_field(
            model,
            loss,
            x[:1],
            t[:1],
            (("2.bias", 0), ("2.bias", 1)),
            [torch.linspace(-0.1, 0.1, POINTS)] * 2,
        ),
        9,
    )
    print(f"  {fast:.2f} s; loops {lean:.0f} s and {full:.0f} s", end="; ")
    print(f"{lean / fast:.0f} and {full / fast:.0f} times faster (bar {FASTER:g} on the larger)")
    print(f"  one minibatch, one layer: {1e3 * one:.1f} ms (bar {1e3 * ONE_FIELD:g})")
    ours = counts(ways["only what changes"])
    plain = counts(lambda: fields(loop_field, model, x[:1], t[:1]))
    fewer = [MINIBATCHES * theirs / own for own, theirs in zip(ours, plain, strict=True)]
    print(
        f"  {fewer[0]:.0f} times fewer operations, {fewer[1]:.0f} times fewer bytes (bar {FEWER:g})"
    )
    apart = difference(model, few[0], few[1])
    exact = difference(model.double(), few[0].double(), few[1].double())
    print(f"  largest difference over largest entry: {apart:.0e}; in float64 {exact:.0e}")
    held = lean / fast >= FASTER or n_in == NETWORKS["315,141 parameters"]
    return held and one <= ONE_FIELD and min(fewer) >= FEWER and apart <= SAME and exact <= DOUBLE


def difference(model: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """Of the two ways, relative to the largest entry; the worse of the two layers."""
    pairs = zip(
        *(fields(f, model, inputs, targets) for f in (gradient_field, loop_field)), strict=True
    )
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def main() -> int:
    """Print all; 1 if a bar is missed."""
    torch.set_num_threads(2)
    held = True
    for name, n_in in NETWORKS.items():
        print(
            f"{name}: {MINIBATCHES} minibatches × {POINTS} × {POINTS} points × {len(LAYERS)} layers"
        )
        held = measured(n_in) and held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
