"""The source's two networks: what leaving inputs out saves, and what one arrow costs.

Usage: python -m benchmarks.who_is_in_the_batch

For the network that the source used (525 inputs, 315,141 parameters) and the one that
it names (6912 inputs, 3.5 million): training with all inputs and with those that are 1 in
some row, in one run; gradients by autograd and by ``backprop``, and by this of fifty
minibatches one by one and at once; the agreement of fifty minibatches at the start and after
ten epochs; the fields of one minibatch in two layers, plain way and ``gradient_field``. One
thread, one seed. The command ends with an error if the two trainings differ by more than
rounding explains, if the large network does not train at least 5 times faster, if ``backprop``
takes longer than autograd or gives other numbers, or if the fields are not at least 10 times
faster or differ.
"""

from __future__ import annotations

import copy
import sys
import time

import torch
from torch import Tensor, nn

import course_utils as cu
from course_utils.maps.minibatches import absolute, reader, slope

ROWS, SIZE, EPOCHS = 8000, 64, 10
COMPARED = 16  # updates of which the times are compared
FASTER_TRAINING, FASTER_FIELD = 5.0, 10.0
SAME = 1e-4


def trim(model: nn.Sequential, used: Tensor) -> nn.Sequential:
    """The network without some inputs."""
    model = copy.deepcopy(model)
    first: nn.Linear = model[0]  # type: ignore[assignment]
    first.weight = nn.Parameter(first.weight.detach()[:, used])
    return model


def train(model: nn.Module, x: Tensor, y: Tensor, updates: int) -> float:
    """Seconds of processor time for some updates of clipped SGD, in place."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    g, left, began = cu.generator(0, "order"), updates, time.process_time()
    while left:
        for chosen in torch.randperm(len(x), generator=g).split(SIZE)[:left]:
            optimizer.zero_grad()
            absolute(model(x[chosen]), y[chosen]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.3)
            optimizer.step()
            left -= 1
    return time.process_time() - began


def agreement(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Mean cosine of fifty minibatches."""
    pieces = [part[: 50 * SIZE].unflatten(0, (50, SIZE)) for part in (x, y)]
    return cu.gradients.mean_cosine(
        cu.gradients.per_minibatch(model, absolute, pieces[0], pieces[1])
    )


def by_layers(model: nn.Sequential, x: Tensor, y: Tensor) -> tuple[float, bool]:
    """How many times as long autograd takes as ``backprop``, and whether they agree."""
    weights, same = list(model.parameters()), True
    autograd = backprop = 0.0
    steps = None
    for inputs, targets in zip(x.split(SIZE), y.split(SIZE), strict=True):
        began = time.process_time()
        theirs = torch.autograd.grad(absolute(model(inputs), targets), weights)
        between = time.process_time()
        steps = cu.backprop(model, slope, inputs, targets, out=steps)
        autograd += between - began
        backprop += time.process_time() - between
        same = same and all(torch.equal(a, b) for a, b in zip(theirs, steps, strict=True))
    return autograd / backprop, same


def at_once(model: nn.Sequential, x: Tensor, y: Tensor, size: int) -> float:
    """How many times as long fifty minibatches take ``backprop`` one by one as at once."""
    many = [part[: 50 * size].unflatten(0, (50, size)) for part in (x, y)]
    began = time.process_time()
    apart = [cu.backprop(model, slope, *one) for one in zip(*many, strict=True)]
    between = time.process_time()
    together = cu.backprop(model, slope, *many)
    ended = time.process_time()
    for found, *wanted in zip(together, *apart, strict=True):
        torch.testing.assert_close(found, torch.stack(wanted))
    return (between - began) / (ended - between)


def fields(way: str, model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, list[Tensor]]:
    """Seconds for the fields of one minibatch, 11 × 11 points, two layers."""
    offsets, found = torch.linspace(-0.1, 0.1, 11), []
    began = time.process_time()
    for layer in ("2", "4"):
        where = [(f"{layer}.bias", 0), (f"{layer}.bias", 1)]
        route = getattr(cu.landscape, way)
        found.append(route(model, absolute, x[None, :SIZE], y[None, :SIZE], where, (offsets,) * 2))
    return time.process_time() - began, found


def measure(layout: str) -> bool:
    """Print one network's numbers; whether they keep the bars."""
    data = cu.deliveries(ROWS, cu.generator(0, "rows"), layout=layout)
    whole = reader(0, data.inputs.shape[1])
    size = sum(p.numel() for p in whole.parameters())
    used = data.inputs.sum(dim=0) > 0
    part, x, y = trim(whole, used), data.inputs[:, used], data.target
    print(f"{layout}: {size:,} parameters, {int(used.sum())} of {len(used)} inputs used")

    slow, fast = train(whole, data.inputs, y, COMPARED), train(part, x, y, COMPARED)
    with torch.no_grad():
        apart = float((whole(data.inputs) - part(x)).abs().max() / whole(data.inputs).abs().max())
    gain = slow / fast
    print(f"  {COMPARED} updates: {slow:.2f} s, used inputs only {fast:.2f} s: {gain:.1f} times")
    print(f"  outputs then differ by {apart:.0e}, relatively")

    times, same = by_layers(part, x, y)
    print(f"  autograd takes {times:.2f} times as long as backprop; equal, bit for bit: {same}")

    ratios = ", ".join(f"{at_once(part, x, y, size):.1f} of {size} rows" for size in (4, 16, 64))
    print(f"  fifty minibatches one by one take so many times as long as at once: {ratios}")

    part = trim(reader(0, len(used)), used)
    before = agreement(part, x, y)
    train(part, x, y, EPOCHS * ROWS // SIZE)
    print(f"  mean cosine: {before:.3f} at the start, {agreement(part, x, y):.3f} after ten epochs")

    fields("gradient_field", whole, data.inputs, y)  # the first call loads what later ones have
    plain, truth = fields("loop_field", whole, data.inputs, y)
    quick, found = fields("gradient_field", whole, data.inputs, y)
    off = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, truth, strict=True))
    print(f"  two fields: {plain:.2f} s, gradient_field {1000 * quick:.0f} ms", end="")
    print(f": {plain / quick:.0f} times; they differ by {off:.0e}")
    kept = apart < SAME and off < SAME and plain / quick >= FASTER_FIELD and same and times > 1
    return kept and (layout == "narrow" or gain >= FASTER_TRAINING)


def main() -> int:
    """Both networks; 1 if a bar is missed."""
    torch.set_num_threads(1)
    return 0 if all([measure("narrow"), measure("wide")]) else 1


if __name__ == "__main__":
    sys.exit(main())
