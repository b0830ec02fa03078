"""Gradients over a grid around two scalar parameters: the landscape of one minibatch, or many.

Of a network's units only one or two change along the grid, up to the next linear layer;
what lies below them does not change at all. ``gradient_field`` computes no more than that.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from course_utils.gradients import (
    Index,
    Loss,
    checked,
    own_randomness,
    rehearse,
    without_running_statistics,
)
from course_utils.normalization import BatchNorm1d

DROPOUTS = ("minibatch", "point")
NUMBERS = 2**23  # in all layers that change with the point: minibatches that go together
MEMORY = 2**28  # bytes: points that go together
BATCH_NORMS = (nn.BatchNorm1d, BatchNorm1d)
ELEMENTWISE = (
    *(nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU),
    *(nn.Mish, nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Tanhshrink, nn.Softplus, nn.Softsign),
    *(nn.Softshrink, nn.Hardshrink, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish),
)


class Grid(NamedTuple):
    """Where a field is asked for, checked: M minibatches, P = G1·G2 points."""

    parameters: list[tuple[str, tuple[int, ...]]]  # the two scalars
    points: Tensor  # (P, 2): offsets of the first and the second parameter
    shape: tuple[int, int]  # (G1, G2)
    seeds: Tensor | None  # (M, 1) or (M, P): where masks come from; None without a generator


class Scalar(NamedTuple):
    """One number among the parameters of a layer."""

    layer: int  # its place in the list of layers
    kind: str  # "weight" or "bias"
    unit: int  # the unit whose column it acts on
    source: int  # the unit below that a linear layer's weight comes from


class Signal(NamedTuple):
    """What one layer hands to the next: the same at all points, but for some columns."""

    shared: Tensor  # (M, 1, B, W); (M, P, B, W) above a layer that mixed changed columns
    units: list[int]  # the C columns that differ from ``shared``
    columns: Tensor  # (M, P, B, C)

    def column(self, unit: int) -> Tensor:
        """One unit, shape (M, 1 or P, B)."""
        if unit in self.units:
            return self.columns[..., self.units.index(unit)]
        return self.shared[..., unit]

    def dense(self) -> Tensor:
        """All units at all points, (M, P, B, W)."""
        full = self.shared.expand(-1, self.columns.shape[1], -1, -1)
        if not self.units:
            return full
        full = full.clone()
        full[..., self.units] = self.columns
        return full


def gradient_field(
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
    """The gradient with respect to two scalar parameters, on a grid around their values.

    For ``nn.Sequential`` of linear layers, elementwise activations, ``BatchNorm1d`` and
    ``Dropout``, what the grid does not change is computed once for all points: the layers
    below, and in a layer all units but the one or two that the parameters act on. Batch
    norm and activations act on each unit by itself, so that the next linear layer adds to
    its pre-activation a matrix of rank two. For other modules: ``torch.func.vmap`` over the
    points; where even that fails, ``loop_field``.

    Exact but for rounding, of the field's largest entry: an entry is a sum over examples,
    and where its terms cancel (all of them, for a bias in front of batch norm in training
    mode) what is left is the rounding of the terms. Where the input of a ReLU is 0 but for
    rounding, two ways to compute it may take different sides of the kink.

    Args:
        model: any module, in the modes it is in; left as it is, as is torch's random state.
        loss: ``loss(outputs, targets)`` maps shapes (…, B, n_out) to (…), the mean loss of
            each minibatch: ``lambda y, t: (y - t).abs().mean(dim=(-2, -1))``.
        inputs: shape (M, B, n_in): M minibatches of B examples; for modules that take more
            axes (M, B, …).
        targets: shape (M, B, n_out), or (M, B) for class labels.
        parameters: two different scalars, as (name, index): ``(("2.bias", 0), ("4.weight",
            (3, 7)))``; names as in ``model.named_parameters()``.
        offsets: two tensors of shape (G1,) and (G2,), added to the two.
        dropout: ``"minibatch"``: one mask for a minibatch, held over the whole grid;
            ``"point"``: a new one at every point.
        generator: where masks come from; needed with dropout in training mode.

    Returns:
        Shape (M, G1, G2, 2): ∂L/∂(first) and ∂L/∂(second) of each minibatch at each point.

    Raises:
        ValueError: if shapes do not fit, there is no such parameter, the loss does not
            return one number for each minibatch, or there is no generator for dropout.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> loss = lambda y, t: (y - t).abs().mean(dim=(-2, -1))
        >>> x, t, around = torch.ones(5, 8, 4), torch.zeros(5, 8, 1), torch.linspace(-1, 1, 11)
        >>> gradient_field(net, loss, x, t, (("0.bias", 0), ("0.bias", 1)), (around, around)).shape
        torch.Size([5, 11, 11, 2])
    """
    grid = _grid(model, inputs, targets, parameters, offsets, dropout, generator)
    layers = _layers(model) if inputs.dim() == 3 else None
    chosen = _scalars(model, layers, grid) if layers else None
    with own_randomness(inputs.device, generator), torch.enable_grad():
        if layers and chosen:
            return _by_layers(layers, chosen, loss, inputs, targets, grid)
        try:
            return _by_vmap(model, loss, inputs, targets, grid)
        except RuntimeError:  # what vmap cannot do: branches that depend on data, .item(), …
            return _by_loop(model, loss, inputs, targets, grid)


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
    grid = _grid(model, inputs, targets, parameters, offsets, dropout, generator)
    with own_randomness(inputs.device, generator), torch.enable_grad():
        return _by_loop(model, loss, inputs, targets, grid)


def _by_loop(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    grid: Grid,
) -> Tensor:
    """One forward and one backward pass for each point, on a copy of the model."""
    model = copy.deepcopy(model).requires_grad_(True)
    tensors = [model.get_parameter(name) for name, _ in grid.parameters]
    places = [index for _, index in grid.parameters]
    starts = [tensor[place].clone() for tensor, place in zip(tensors, places, strict=True)]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    field, reseed = inputs.new_zeros(len(inputs), len(grid.points), 2), _seeding(inputs)
    for m, p in product(range(len(inputs)), range(len(grid.points))):
        with torch.no_grad():
            for k in (0, 1):
                tensors[k][places[k]] = starts[k] + grid.points[p, k]
            for buffer, start in buffers:
                buffer.copy_(start)
        if grid.seeds is not None:
            reseed(int(grid.seeds[m, p % grid.seeds.shape[1]]))
        value = checked(loss(model(inputs[m].clone()), targets[m]), ())
        found = torch.autograd.grad(value, tensors, allow_unused=True)
        for k in (0, 1):
            field[m, p, k] = 0 if found[k] is None else found[k][places[k]]
    return field.unflatten(1, grid.shape)


def _by_vmap(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    grid: Grid,
) -> Tensor:
    """All points of a minibatch at once, for any module that torch.func takes."""
    model = without_running_statistics(model)
    state = {name: one.detach() for name, one in model.named_parameters()}
    buffers = {name: one.clone() for name, one in model.named_buffers()}
    places = [
        torch.tensor(i, device=inputs.device).view(-1, 1).unbind() for _, i in grid.parameters
    ]

    def value(move: Tensor, x: Tensor, t: Tensor) -> Tensor:
        moved = {**state, **{name: one.clone() for name, one in buffers.items()}}
        for k, (name, _) in enumerate(grid.parameters):
            moved[name] = moved[name].index_put(places[k], move[k : k + 1], accumulate=True)
        return checked(loss(functional_call(model, moved, (x.clone(),)), t), ())

    own = sum(state[name].numel() for name, _ in grid.parameters) * inputs.element_size()
    generator = None if grid.seeds is None else torch.Generator()
    size = max(1, MEMORY // (2 * (own + rehearse(model, loss, inputs[0], targets[0], generator))))
    per_point = grid.seeds is not None and grid.seeds.shape[1] > 1
    gradient = vmap(
        grad(value), in_dims=(0, None, None), randomness="different" if per_point else "same"
    )
    fields, reseed = [], _seeding(inputs)
    for m, (x, t) in enumerate(zip(inputs, targets, strict=True)):
        for p, points in zip(
            range(0, len(grid.points), size), grid.points.split(size), strict=True
        ):
            if grid.seeds is not None:
                reseed(int(grid.seeds[m, p if per_point else 0]))
            with torch.no_grad():  # grad inside does not heed it: the results need no graph
                fields.append(gradient(points, x, t))
    return torch.cat(fields).view(len(inputs), *grid.shape, 2)


def _by_layers(
    layers: list[nn.Module],
    chosen: list[Scalar],
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    grid: Grid,
) -> Tensor:
    """All points of a chunk of minibatches at once, and no more than changes with the point."""
    lowest = min(scalar.layer for scalar in chosen)
    if grid.seeds is not None and grid.seeds.shape[1] > 1:
        lowest = 0  # a new mask at every point changes all layers
    widths = [layer.out_features for layer in layers[lowest:] if isinstance(layer, nn.Linear)]
    at_a_point = inputs.shape[1] * max(1, sum(widths))
    points = max(1, MEMORY // (at_a_point * inputs.element_size()))
    minibatches = max(1, NUMBERS // (at_a_point * len(grid.points)))
    field = inputs.new_empty(len(inputs), len(grid.points), 2)
    for m, p in product(range(0, len(inputs), minibatches), range(0, len(grid.points), points)):
        some, here = slice(m, m + minibatches), slice(p, p + points)
        seeds = grid.seeds
        if seeds is not None:
            seeds = seeds[some, here] if seeds.shape[1] > 1 else seeds[some]
        moves = grid.points[here].expand(len(inputs[some]), -1, -1).clone().requires_grad_()
        outputs = _forward(layers, chosen, inputs[some], moves, _masks(layers, inputs, seeds))
        wanted = targets[some, None].expand(-1, moves.shape[1], *targets.shape[1:])
        losses = checked(loss(outputs, wanted), moves.shape[:2])
        (field[some, here],) = torch.autograd.grad(losses.sum(), moves)
    return field.unflatten(1, grid.shape)


def _forward(
    layers: list[nn.Module],
    chosen: list[Scalar],
    inputs: Tensor,
    moves: Tensor,
    masks: dict[int, Tensor],
) -> Tensor:
    """Outputs of shape (M, P, B, n_out) for moves (M, P, 2) of the two scalars.

    The moves are the only tensor that asks for a gradient.
    """
    below = Signal(inputs[:, None], [], inputs.new_zeros(*moves.shape[:2], inputs.shape[1], 0))
    for n, layer in enumerate(layers):
        above = _through(layer, below, masks.get(n))
        for k, scalar in enumerate(chosen):
            if scalar.layer == n:
                along = moves[..., k, None] * _direction(layer, scalar, below)
                above = _add(above, scalar.unit, along)
        below = above
    return below.dense()


def _through(layer: nn.Module, signal: Signal, mask: Tensor | None) -> Signal:
    """A layer with the parameters that it has."""
    x, units, columns = signal
    if isinstance(layer, nn.Linear):
        weight = layer.weight.detach()
        z = F.linear(x, weight, None if layer.bias is None else layer.bias.detach())
        if units:
            z = z + (columns - x[..., units]) @ weight[:, units].T
        return Signal(z, [], columns[..., :0])
    if isinstance(layer, BATCH_NORMS):
        return Signal(_normalized(layer, x), units, _normalized(layer, columns, units))
    if isinstance(layer, nn.Dropout):
        if mask is None:
            return signal
        return Signal(x * mask, units, columns * mask[..., units])
    if getattr(layer, "inplace", False):
        x, columns = x.clone(), columns.clone()
    return Signal(layer(x), units, layer(columns))


def _normalized(
    layer: nn.BatchNorm1d | BatchNorm1d,
    z: Tensor,
    units: list[int] | slice = slice(None),
    scaled: bool = True,
) -> Tensor:
    """Batch norm of the columns of some units, or of none; before γ and β, if not ``scaled``."""
    if not z.shape[-1]:
        return z
    if layer.training or layer.running_mean is None or layer.running_var is None:
        if z.shape[-2] < 2:
            raise ValueError("batch norm in training mode needs 2 or more examples, got 1")
        variance, mean = torch.var_mean(z, dim=-2, keepdim=True, correction=0)
    else:
        mean, variance = layer.running_mean[units], layer.running_var[units]
    z = (z - mean) * torch.rsqrt(variance + layer.eps)
    if scaled and layer.weight is not None:
        z = z * layer.weight.detach()[units]
    if scaled and layer.bias is not None:
        z = z + layer.bias.detach()[units]
    return z


def _direction(layer: nn.Module, scalar: Scalar, below: Signal) -> Tensor:
    """What a unit of a layer gains for each unit that a scalar grows, (M, 1 or P, B)."""
    if scalar.kind == "bias":
        return torch.ones_like(below.shared[..., 0])
    source = below.column(scalar.source)
    if isinstance(layer, BATCH_NORMS):
        return _normalized(layer, source[..., None], [scalar.unit], scaled=False)[..., 0]
    return source


def _add(signal: Signal, unit: int, along: Tensor) -> Signal:
    """A unit's column with something added, (M, P, B); it becomes one of the changed."""
    moved = signal.column(unit) + along
    others = [k for k, own in enumerate(signal.units) if own != unit]
    columns = torch.cat([signal.columns[..., others], moved[..., None]], dim=-1)
    return Signal(signal.shared, [*(signal.units[k] for k in others), unit], columns)


def _masks(layers: list[nn.Module], inputs: Tensor, seeds: Tensor | None) -> dict[int, Tensor]:
    """Dropout's masks, (M, 1 or P, B, W): those that the layers draw one after the other."""
    wanted, width = {}, inputs.shape[2]
    for n, layer in enumerate(layers):
        width = getattr(layer, "out_features", width)
        if isinstance(layer, nn.Dropout) and layer.training and layer.p > 0:
            wanted[n] = inputs.new_ones(inputs.shape[1], width), layer.p
    if not wanted:
        return {}
    if seeds is None:
        raise ValueError("dropout in training mode draws masks: pass generator=")

    reseed = _seeding(inputs)

    def draw(seed: int) -> list[Tensor]:
        reseed(seed)
        return [F.dropout(ones, p) for ones, p in wanted.values()]

    drawn = [[draw(seed) for seed in row] for row in seeds.tolist()]
    return {
        n: torch.stack([torch.stack([masks[k] for masks in row]) for row in drawn])
        for k, n in enumerate(wanted)
    }


def _seeding(inputs: Tensor) -> Callable[[int], object]:
    """What starts anew the generator from which layers draw their masks."""
    # On the CPU the one generator that counts: torch.manual_seed sees to every device, and
    # took longer than a small network's pass.
    return torch.default_generator.manual_seed if inputs.is_cpu else torch.manual_seed


def _layers(model: nn.Module) -> list[nn.Module] | None:
    """The layers of a plain chain, or None if there is anything else in it."""
    layers = [layer for layer in _walk(model) if layer is not None]
    return layers if len(layers) == len(list(_walk(model))) else None


def _walk(module: nn.Module) -> Iterator[nn.Module | None]:
    """The layers of nested ``nn.Sequential``; None for each thing that may do something else."""
    hooked = module._forward_hooks or module._forward_pre_hooks
    if hooked or module._backward_hooks or module._backward_pre_hooks:
        yield None
    elif type(module) is nn.Sequential:
        for part in module:
            yield from _walk(part)
    elif type(module) in (nn.Linear, nn.Dropout, *BATCH_NORMS, *ELEMENTWISE):
        yield module
    else:
        yield None


def _scalars(model: nn.Module, layers: list[nn.Module], grid: Grid) -> list[Scalar] | None:
    """Where two parameters stand, or None if one stands in several places."""
    scalars = []
    for name, place in grid.parameters:
        tensor = model.get_parameter(name)
        found = [
            (n, kind)
            for n, layer in enumerate(layers)
            for kind, one in layer.named_parameters()
            if one is tensor
        ]
        if len(found) != 1:
            return None
        scalars.append(Scalar(*found[0], place[0], place[-1]))
    return scalars


def _grid(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    parameters: Sequence[tuple[str, Index]],
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
    scalars = [_canonical(model, *parameter) for parameter in parameters]
    if len(scalars) != 2 or scalars[0] == scalars[1]:
        raise ValueError(f"parameters must be two different scalars, got {list(parameters)}")
    points = torch.cartesian_prod(*(axis.to(inputs) for axis in offsets))
    seeds = None
    if generator is not None:
        shape = len(inputs), len(points) if dropout == "point" else 1
        seeds = torch.randint(2**62, shape, generator=generator, device=generator.device)
    return Grid(scalars, points, (len(offsets[0]), len(offsets[1])), seeds)


def _canonical(model: nn.Module, name: str, index: Index) -> tuple[str, tuple[int, ...]]:
    """A scalar parameter, under its first name and with an index from 0 up."""
    everyone = dict(model.named_parameters(remove_duplicate=False))
    if name not in everyone:
        raise ValueError(f"the model has no parameter {name!r}; it has {', '.join(everyone)}")
    tensor = everyone[name]
    place = index if isinstance(index, tuple) else (index,)
    if len(place) != tensor.dim() or any(
        not -n <= i < n for i, n in zip(place, tensor.shape, strict=True)
    ):
        raise ValueError(f"{name!r} has shape {tuple(tensor.shape)}, and no entry {index}")
    first = next(own for own, one in model.named_parameters() if one is tensor)
    return first, tuple(i % n for i, n in zip(place, tensor.shape, strict=True))
