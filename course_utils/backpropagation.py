"""Backpropagation layer by layer, for chains of layers: the gradient without autograd.

Autograd's bookkeeping is a fifth of the time that the gradient of a small network takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Slope = Callable[[Tensor, Tensor], Tensor]
# From ∂L/∂(what a layer passes on), whether a parameter stands below, and where the gradients
# by its own parameters go: ∂L/∂(what the layer was given), and these gradients.
Backward = Callable[[Tensor, bool, Sequence[Tensor | None]], tuple[Tensor, list[Tensor]]]
Step = tuple[Tensor, Backward]

ATEN = torch.ops.aten  # the functions that autograd calls: the same numbers, bit for bit


def backprop(
    model: nn.Sequential,
    slope: Slope,
    inputs: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator | None = None,
    out: Sequence[Tensor] | None = None,
) -> list[Tensor]:
    """The gradient of each minibatch's loss by all parameters of a chain of layers.

    What ``torch.autograd.grad(loss, list(model.parameters()))`` gives, in four fifths of the
    time for a chain of a few hundred units and minibatches of 64.

    Args:
        model: ``nn.Sequential`` of ``nn.Linear``, ``nn.ReLU``, ``nn.Tanh``,
            ``nn.BatchNorm1d`` and ``nn.Dropout``, in the modes that they are in. Hooks are
            not called.
        slope: ∂L/∂outputs, from outputs and targets, of the outputs' shape. Of the mean
            absolute error of one output: ``lambda y, t: (y - t).sign() / y.shape[-2]``.
        inputs: shape (B, n_in), or (M, B, n_in) for M minibatches at once, which takes half
            of the time if they are small. As in a forward pass, batch norm in training mode
            moves its running statistics with one minibatch; not with M, which have no order.
        targets: shape (B, n_out) or (M, B, n_out), or what ``slope`` takes: B rows.
        generator: where dropout's masks come from; needed with dropout in training mode.
        out: tensors to write the gradients into: what an earlier call returned, say, if it
            is needed no more. New memory costs time.

    Returns:
        One gradient for each parameter, in the order of ``model.parameters()``, of its shape,
        or with M in front; the tensors of ``out``, if given.

    Raises:
        ValueError: if the model has another layer, or a parameter in two places; if inputs,
            targets, the slope or ``out`` do not fit; if there is no generator for dropout;
            or if batch norm is to normalise one example or other units than it has, or has
            no momentum.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> slope = lambda y, t: (y - t).sign() / y.numel()
        >>> [g.shape for g in backprop(net, slope, torch.ones(8, 4), torch.zeros(8, 1))][:2]
        [torch.Size([3, 4]), torch.Size([3])]
    """
    parameters = [list(layer.parameters()) for layer in model]
    rows = inputs.shape[:-1]
    if inputs.dim() not in (2, 3) or targets.shape[: len(rows)] != rows:
        raise ValueError(
            "inputs must have shape (B, n_in) or (M, B, n_in), and targets as many rows; "
            f"got {tuple(inputs.shape)} and {tuple(targets.shape)}"
        )
    into = _places(parameters, out, rows[:-1])
    backwards: list[Backward] = []
    gradients: list[Tensor] = []
    with torch.no_grad():
        signal = inputs
        for layer in model:
            if type(layer) not in LAYERS:
                known = ", ".join(kind.__name__ for kind in LAYERS)
                raise ValueError(f"the layers must be of {known}; got {type(layer).__name__}")
            signal, backward = LAYERS[type(layer)](layer, signal, generator)
            backwards.append(backward)
        error = slope(signal, targets)
        if error.shape != signal.shape:
            raise ValueError(
                f"slope must return ∂L/∂outputs of shape {tuple(signal.shape)}, "
                f"got {tuple(error.shape)}"
            )
        for backward, own in zip(reversed(backwards), reversed(parameters), strict=True):
            places = [into.pop() for _ in own][::-1]
            error, found = backward(error, bool(into), places)
            gradients[:0] = found
            if not into:
                break
    return gradients


def _places(
    parameters: Sequence[Sequence[Tensor]], out: Sequence[Tensor] | None, front: Sequence[int]
) -> list[Tensor | None]:
    """Where each gradient goes, None for a new tensor."""
    flat = [parameter for own in parameters for parameter in own]
    if len({id(parameter) for parameter in flat}) < len(flat):
        raise ValueError("a parameter stands in two places of the model; each may have one")
    if out is None:
        return [None] * len(flat)
    wanted = [(*front, *one.shape) for one in flat]
    given = [tuple(one.shape) for one in out]
    if given != wanted:
        raise ValueError(f"out must have the gradients' shapes {wanted}, got {given}")
    return list(out)


def _linear(layer: nn.Linear, x: Tensor, _: torch.Generator | None) -> Step:
    def backward(
        error: Tensor, below: bool, places: Sequence[Tensor | None]
    ) -> tuple[Tensor, list[Tensor]]:
        own = [(torch.mm if x.dim() == 2 else torch.bmm)(error.mT, x, out=places[0])]
        if layer.bias is not None:
            own.append(torch.sum(error, dim=-2, out=places[1]))
        return error @ layer.weight if below else error, own

    return F.linear(x, layer.weight, layer.bias), backward


def _relu(_: nn.ReLU, x: Tensor, __: torch.Generator | None) -> Step:
    h = x.relu()
    return h, lambda error, below, places: (ATEN.threshold_backward(error, h, 0), [])


def _tanh(_: nn.Tanh, x: Tensor, __: torch.Generator | None) -> Step:
    h = x.tanh()
    return h, lambda error, below, places: (ATEN.tanh_backward(error, h), [])


def _dropout(layer: nn.Dropout, x: Tensor, generator: torch.Generator | None) -> Step:
    if not layer.training or layer.p == 0:
        return x, lambda error, below, places: (error, [])
    if generator is None:
        raise ValueError("dropout in training mode draws masks: pass generator=")
    # Half the time of bernoulli_, the greater part of a step with dropout.
    drawn = torch.rand(x.shape, generator=generator, device=generator.device)
    mask = drawn.ge_(layer.p).to(x).div_(1 - layer.p) if layer.p < 1 else torch.zeros_like(x)
    return x * mask, lambda error, below, places: (error * mask, [])


def _batch_norm(layer: nn.BatchNorm1d, x: Tensor, _: torch.Generator | None) -> Step:
    own = layer.training or layer.running_mean is None  # the minibatch's own mean and variance
    if x.shape[-1] != layer.num_features:  # else nobody asks, and memory is read beyond
        raise ValueError(f"batch norm of {layer.num_features} units got {x.shape[-1]}")
    if own and x.shape[-2] < 2:
        raise ValueError("batch norm in training mode needs 2 or more examples, got 1")
    if layer.momentum is None:
        raise ValueError("batch norm needs a momentum for its running statistics, got None")
    known: list[Tensor | None]
    known = [layer.weight, layer.bias, layer.running_mean, layer.running_var]
    many = x.shape[:-2]  # (M,) or ()
    if many:  # each unit goes by itself: those of M minibatches as units of one
        known = [None if one is None else one.repeat(len(x)) for one in known]
    elif layer.training and layer.num_batches_tracked is not None:
        layer.num_batches_tracked.add_(1)
    weight, bias, *running = known

    def together(one: Tensor) -> Tensor:
        return one.transpose(0, 1).flatten(1) if many else one

    def apart(one: Tensor) -> Tensor:
        return one.unflatten(-1, (*many, -1)).movedim(-2, 0) if many else one

    columns = together(x)
    z, mean, scale = ATEN.native_batch_norm(
        columns, weight, bias, *running, own, layer.momentum, layer.eps
    )

    def backward(
        error: Tensor, below: bool, places: Sequence[Tensor | None]
    ) -> tuple[Tensor, list[Tensor]]:
        mask = [below, bool(places), bool(places)]
        of_x, *of_own = ATEN.native_batch_norm_backward(
            together(error), columns, weight, *running, mean, scale, own, layer.eps, mask
        )
        return apart(of_x) if below else error, [
            apart(one) if place is None else place.copy_(apart(one))
            for one, place in zip(of_own, places, strict=False)  # none without γ and β
        ]

    return apart(z), backward


LAYERS: dict[type[nn.Module], Callable[..., Step]] = {
    nn.Linear: _linear,
    nn.ReLU: _relu,
    nn.Tanh: _tanh,
    nn.BatchNorm1d: _batch_norm,
    nn.Dropout: _dropout,
}
