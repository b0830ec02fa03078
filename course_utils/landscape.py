"""Gradients over a grid around two scalar parameters: the landscape of one minibatch, or many."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.gradients import Index, Loss, own_randomness

DROPOUTS = ("minibatch", "point")


class Grid(NamedTuple):
    """What a field is asked of, checked: the points and their seeds, both as flat lists."""

    points: Tensor  # (P, 2): offsets of the first and the second parameter
    shape: tuple[int, int]  # (G1, G2), with G1·G2 = P
    seeds: list[list[int]] | None  # (M, P): where masks come from; None without a generator


def loop_field(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    parameters: Sequence[tuple[str, Index]],
    offsets: Sequence[Tensor],
    *,
    dropout: str = "minibatch",
    generator: torch.Generator | None = None,
) -> Tensor:
    """``gradient_field`` the plain way: one forward and one backward pass for each point.

    Arguments, result and errors are those of ``gradient_field``, and so are the masks of
    dropout that a generator leads to.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 1))
        >>> mean = lambda y, t: (y - t).mean(dim=(-2, -1))
        >>> x, t, here = torch.ones(1, 3, 2), torch.zeros(1, 3, 1), torch.zeros(1)
        >>> loop_field(net, mean, x, t, (("0.bias", 0), ("0.weight", (0, 1))), (here, here))
        tensor([[[[1., 1.]]]])
    """
    grid = _grid(inputs, targets, offsets, dropout, generator)
    model = copy.deepcopy(model).requires_grad_(True)
    tensors = [_parameter(model, *parameter) for parameter in parameters]
    indices = [index for _, index in parameters]
    starts = [tensor[i].clone() for tensor, i in zip(tensors, indices, strict=True)]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    field = inputs.new_zeros(len(inputs), len(grid.points), 2)
    with own_randomness(inputs.device, generator):
        for m, p in product(range(len(inputs)), range(len(grid.points))):
            with torch.no_grad():
                for k in (0, 1):
                    tensors[k][indices[k]] = starts[k] + grid.points[p, k]
                for buffer, start in buffers:
                    buffer.copy_(start)
            if grid.seeds is not None:
                torch.manual_seed(grid.seeds[m][p])
            value = _checked(loss(model(inputs[m]), targets[m]), ())
            found = torch.autograd.grad(value, tensors, allow_unused=True)
            for k in (0, 1):
                field[m, p, k] = 0 if found[k] is None else found[k][indices[k]]
    return field.unflatten(1, grid.shape)


gradient_field = loop_field


def _grid(
    inputs: Tensor,
    targets: Tensor,
    offsets: Sequence[Tensor],
    dropout: str,
    generator: torch.Generator | None,
) -> Grid:
    """Check what every route is given, and draw a seed for each minibatch or point."""
    if inputs.dim() < 3:
        raise ValueError(f"inputs must have shape (M, B, n_in), got {tuple(inputs.shape)}")
    if targets.shape[:2] != inputs.shape[:2]:
        raise ValueError(
            f"targets must have shape (M, B, n_out) with (M, B) = {tuple(inputs.shape[:2])}, "
            f"got {tuple(targets.shape)}"
        )
    if len(offsets) != 2 or any(axis.dim() != 1 or not len(axis) for axis in offsets):
        shapes = [tuple(axis.shape) for axis in offsets]
        raise ValueError(f"offsets must be two tensors of shape (G1,) and (G2,), got {shapes}")
    if dropout not in DROPOUTS:
        raise ValueError(f"dropout must be one of {', '.join(DROPOUTS)}; got {dropout!r}")
    points = torch.cartesian_prod(*(axis.to(inputs) for axis in offsets))
    seeds = None
    if generator is not None:
        shape = len(inputs), len(points) if dropout == "point" else 1
        drawn = torch.randint(2**62, shape, generator=generator, device=generator.device)
        seeds = drawn.expand(-1, len(points)).tolist()
    return Grid(points, (len(offsets[0]), len(offsets[1])), seeds)


def _parameter(model: nn.Module, name: str, index: Index) -> Tensor:
    """The tensor that a scalar parameter stands in."""
    found = dict(model.named_parameters(remove_duplicate=False)).get(name)
    if found is None:
        known = ", ".join(name for name, _ in model.named_parameters())
        raise ValueError(f"the model has no parameter {name!r}; it has {known}")
    axes = index if isinstance(index, tuple) else (index,)
    fits = len(axes) == found.dim() and all(
        -n <= axis < n for axis, n in zip(axes, found.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name!r} has shape {tuple(found.shape)}, and no entry {index}")
    return found


def _checked(losses: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Losses, if there is one for each minibatch."""
    if losses.shape != shape:
        raise ValueError(
            f"loss must return one number for each minibatch, shape {shape}, "
            f"got {tuple(losses.shape)}: let it average over the last two axes only"
        )
    return losses
