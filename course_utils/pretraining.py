"""Autoencoders, and layer-wise pretraining: layers that learn before there are labels.

An autoencoder is a network whose targets are its inputs, so any ``MLP`` whose last size
is its first can be one. Greedy pretraining trains a chain of small ones, each on the codes
of the one before, and keeps the encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding
from torch.optim.adam import adam

from course_utils.activations import Activation
from course_utils.initialization import Scheme
from course_utils.networks import MLP
from course_utils.seeding import generator
from course_utils.training import one_table

Progress = Callable[[str], None]
MASKS = 20  # updates for which masks are drawn at once
REPORTS = 10  # how often a training tells its progress


def reconstruction_error(model: MLP, inputs: Tensor) -> Tensor:
    """Mean squared error of each copy's reconstruction, over examples and inputs, (C,).

    Args:
        model: ``MLP`` with as many outputs as inputs.
        inputs: shape (examples, n_in), or (C, examples, n_in).

    Raises:
        ValueError: if the model has another number of outputs than of inputs, or the
            inputs do not fit.

    Example:
        >>> reconstruction_error(MLP([4, 2, 4], "tanh", seeds=[0, 1]), torch.zeros(3, 4))
        tensor([0., 0.])
    """
    _check_autoencoder(model)
    with torch.no_grad():
        signals = model.layers(inputs)
    return ((signals[-1] - signals[0]) ** 2).mean(dim=(1, 2))


def reconstruct(
    model: MLP,
    inputs: Tensor,
    *,
    steps: int,
    seeds: Sequence[int],
    rate: float = 3e-3,
    batch: int = 32,
    masked: float = 0.0,
    progress: Progress | None = None,
) -> Tensor:
    """Train networks to give their inputs back: mean squared error, Adam, minibatches.

    Args:
        model: ``MLP`` with C copies and as many outputs as inputs; trained in place.
            Parameters with ``requires_grad=False`` stay as they are.
        inputs: shape (examples, n_in), or (C, examples, n_in) for a data set per copy.
        steps: how many updates.
        seeds: one seed per copy for the minibatches; copies do not mix.
        rate: Adam's learning rate.
        batch: examples in a minibatch, drawn with replacement.
        masked: share of the inputs that are set to 0 before the network sees them. The
            target stays whole: a denoising autoencoder. From 0 to below 1.
        progress: called now and then with a line of text, ``print`` for instance. Do not
            store what it prints.

    Returns:
        The loss of each minibatch before its update, shape (C, steps).

    Raises:
        ValueError: if the model has another number of outputs than of inputs, the inputs
            do not fit, or a number is out of range.

    Example:
        >>> model = MLP([4, 2, 4], "tanh", seeds=[0])
        >>> reconstruct(model, torch.randn(8, 4), steps=3, seeds=[0]).shape
        torch.Size([1, 3])
    """
    _check_autoencoder(model)
    _check_training(steps, batch, rate, masked)
    if len(seeds) != model.copies:
        raise ValueError(f"needs {model.copies} seeds, one for each copy, got {len(seeds)}")
    inputs = inputs.detach()
    model.layers(inputs)  # checks them
    streams = [generator(seed, "minibatches of autoencoders") for seed in seeds]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    step_of_adam = _adam(trained, rate)
    losses = torch.empty(model.copies, steps)
    rows = (batch, inputs.shape[-1])
    drawn = [torch.randint(inputs.shape[-2], (steps, batch), generator=g) for g in streams]
    table, places = one_table(inputs, torch.stack(drawn, dim=1))
    for step in range(steps):
        target = embedding(places[step], table)
        seen = target
        if masked:
            if step % MASKS == 0:  # many at a time, in a third of the time
                kept = [torch.rand(MASKS, *rows, generator=g) >= masked for g in streams]
                masks = torch.stack(kept, dim=1).to(target)
            seen = target * masks[step % MASKS]
        loss = ((model(seen) - target) ** 2).mean(dim=(1, 2))
        gradients = torch.autograd.grad(loss.sum(), trained)  # copies do not mix
        step_of_adam(gradients)
        losses[:, step] = loss.detach()
        if progress is not None and (step + 1) % max(1, steps // REPORTS) == 0:
            progress(f"update {step + 1} of {steps}, mean loss {float(losses[:, step].mean()):.4g}")
    return losses


class Stage(NamedTuple):
    """One layer that ``greedy`` has trained.

    Attributes:
        autoencoder: sizes [n_in, n_out, n_in]; its first layer is what is kept.
        losses: of its training, shape (C, steps).
        codes: what the layer passes on for all inputs, shape (C, examples, n_out).
    """

    autoencoder: MLP
    losses: Tensor
    codes: Tensor


def greedy(
    sizes: Sequence[int],
    inputs: Tensor,
    *,
    seeds: Sequence[int],
    hidden: str | Activation = "sigmoid",
    scheme: Scheme | None = None,
    decoder: Scheme | None = None,
    steps: int = 600,
    rate: float = 3e-3,
    batch: int = 32,
    masked: float = 0.0,
    progress: Progress | None = None,
) -> list[Stage]:
    """Layers trained one after the other, without labels.

    Layer l is the encoder of an autoencoder with one hidden layer and a linear decoder,
    which learns to give back what layer l − 1 passes on. Decoders are dropped.
    Source: Y. Bengio et al. (2007), Greedy layer-wise training of deep networks.

    Args:
        sizes: units per layer, inputs first: ``[64, 50, 50]`` trains two layers.
        inputs: shape (examples, n_in), or (C, examples, n_in) for a data set per copy.
        seeds: one seed per copy, for weights and minibatches.
        hidden: the activation of all layers.
        scheme: how encoders are drawn before their training; as in ``MLP`` without it.
        decoder: how decoders are drawn, which are linear; as the encoders without it.
        steps: updates of each layer. rate, batch, masked: as in ``reconstruct``.
        progress: as in ``reconstruct``, with the layer's number in front.

    Returns:
        A stage for each layer, from the lowest. ``take_over`` puts them into a network.

    Raises:
        ValueError: if the sizes do not fit the inputs, only ``decoder`` is given, or for what
            ``reconstruct`` and ``MLP`` raise it.

    Example:
        >>> stages = greedy([4, 3, 2], torch.randn(8, 4), seeds=[0], steps=2)
        >>> [stage.codes.shape for stage in stages]
        [torch.Size([1, 8, 3]), torch.Size([1, 8, 2])]
    """
    if scheme is None and decoder is not None:
        raise ValueError("a scheme for the decoders needs one for the encoders too")
    if len(sizes) < 2:
        raise ValueError(f"sizes needs the inputs and at least one layer, got {list(sizes)}")
    if inputs.dim() not in (2, 3) or inputs.shape[-1] != sizes[0]:
        raise ValueError(
            f"inputs must have {sizes[0]} columns, the first of sizes, got the shape "
            f"{tuple(inputs.shape)}"
        )
    stages: list[Stage] = []
    signal = inputs
    for layer in range(1, len(sizes)):
        own = [generator(seed, f"layer {layer}").initial_seed() for seed in seeds]
        shape = [sizes[layer - 1], sizes[layer], sizes[layer - 1]]
        drawn = scheme if scheme is None or decoder is None else [scheme, decoder]
        model = MLP(shape, hidden, seeds=own, scheme=drawn).to(inputs.device, inputs.dtype)
        losses = reconstruct(
            model,
            signal,
            steps=steps,
            seeds=own,
            rate=rate,
            batch=batch,
            masked=masked,
            progress=_in_layer(layer, len(sizes) - 1, progress),
        )
        with torch.no_grad():
            signal = model.layers(signal)[1]
        stages.append(Stage(model, losses, signal))
    return stages


def take_over(model: MLP, stages: Sequence[Stage]) -> MLP:
    """Copy pretrained layers into the lowest layers of a network.

    Args:
        model: ``MLP`` with the same lower sizes; changed in place. It has as many copies as
            the stages, or a multiple of that: then the stages are repeated, so that each
            can be tuned at several rates.
        stages: from ``greedy``, lowest first; at most as many as the network has layers.

    Returns:
        The network.

    Raises:
        ValueError: if there are more stages than layers, or a shape or the number of
            copies does not fit. Nothing is copied then.

    Example:
        >>> model = MLP([4, 3, 2], "sigmoid", seeds=[0])
        >>> stages = greedy([4, 3], torch.randn(8, 4), seeds=[0], steps=2)
        >>> bool((take_over(model, stages).weights[0] == stages[0].autoencoder.weights[0]).all())
        True
    """
    if len(stages) > len(model.weights):
        raise ValueError(f"{len(stages)} stages do not fit into {len(model.weights)} layers")
    for layer, stage in enumerate(stages):
        mine, theirs = model.weights[layer], stage.autoencoder.weights[0]
        if mine.shape[1:] != theirs.shape[1:] or len(mine) % len(theirs):
            raise ValueError(
                f"layer {layer + 1} has weights of the shape {tuple(mine.shape)} "
                f"(copies, n_in, n_out), the stage {tuple(theirs.shape)}"
            )
    with torch.no_grad():
        for layer, stage in enumerate(stages):
            times = model.copies // stage.autoencoder.copies
            model.weights[layer].copy_(stage.autoencoder.weights[0].repeat(times, 1, 1))
            model.biases[layer].copy_(stage.autoencoder.biases[0].repeat(times, 1, 1))
    return model


def _adam(parameters: Sequence[Tensor], rate: float) -> Callable[[Sequence[Tensor]], None]:
    """Changes the parameters in place, given their gradients, as ``torch.optim.Adam`` does.

    It calls the function under that class: to make the class's first object imports torch's
    compiler, which takes as long as a thousand steps.
    """
    values = [parameter.detach() for parameter in parameters]
    averages, squares = ([torch.zeros_like(value) for value in values] for _ in range(2))
    counts = [torch.zeros((), device=value.device) for value in values]

    def step(gradients: Sequence[Tensor]) -> None:
        adam(
            values,
            list(gradients),
            averages,
            squares,
            [],
            counts,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    return step


def _in_layer(layer: int, layers: int, progress: Progress | None) -> Progress | None:
    if progress is None:
        return None
    return lambda line: progress(f"layer {layer} of {layers}: {line}")


def _check_autoencoder(model: MLP) -> None:
    n_in, n_out = model.weights[0].shape[1], model.weights[-1].shape[2]
    if n_in != n_out:
        raise ValueError(
            f"an autoencoder has as many outputs as inputs, this network {n_out} and {n_in}"
        )


def _check_training(steps: int, batch: int, rate: float, masked: float) -> None:
    if steps < 1 or batch < 1:
        raise ValueError(f"steps and batch must be at least 1, got {steps} and {batch}")
    if not 0 < rate < float("inf"):
        raise ValueError(f"rate must be more than 0 and finite, got {rate}")
    if not 0 <= masked < 1:
        raise ValueError(f"masked must be at least 0 and below 1, got {masked}")
