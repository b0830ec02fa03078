"""A training loop short enough to read, for many networks at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import embedding

from course_utils.networks import MLP
from course_utils.seeding import generator


def fit(
    model: MLP,
    inputs: Tensor,
    labels: Tensor,
    *,
    rates: float | Sequence[float],
    steps: int,
    batch: int,
    seeds: Sequence[int],
    momentum: float = 0.0,
) -> Tensor:
    """Stochastic gradient descent on the cross-entropy, every copy with its own batches.

    Args:
        model: ``MLP`` with C copies; trained in place. Parameters with
            ``requires_grad=False`` stay as they are.
        inputs: shape (examples, n_in), or (C, examples, n_in) for a data set per copy.
        labels: shape (examples,) or (C, examples), int64.
        rates: the learning rate, or one for each copy.
        steps: how many updates.
        batch: examples in a minibatch, drawn with replacement.
        seeds: one seed per copy for the draws; copies with equal seeds see equal batches.
        momentum: μ of v ← μ·v + gradient, weight ← weight − rate·v, as in torch's SGD;
            from 0 to below 1.

    Returns:
        Loss of each minibatch before its update, shape (C, steps). A diverged copy
        has infinities or NaN there; that is a result, and raises nothing.

    Raises:
        ValueError: if a rate, ``steps``, ``batch`` or ``momentum`` is out of range, the
            number of rates or seeds differs from that of the copies, or the inputs or
            labels do not fit.

    Example:
        >>> x, y = torch.randn(8, 4), torch.zeros(8, dtype=torch.int64)
        >>> fit(MLP([4, 2], "relu", seeds=[0]), x, y, rates=0.1, steps=3, batch=2, seeds=[0]).shape
        torch.Size([1, 3])
    """
    rate = _rates(rates, model.copies).to(model.weights[0].device)
    if steps < 1 or batch < 1:
        raise ValueError(f"steps and batch must be at least 1, got {steps} and {batch}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be at least 0 and below 1, got {momentum}")
    if len(seeds) != model.copies:
        raise ValueError(f"needs {model.copies} seeds, one for each copy, got {len(seeds)}")
    if inputs.dim() != 2 and inputs.shape[:-2] != (model.copies,):
        raise ValueError(
            f"inputs must have shape (examples, n_in) or ({model.copies}, examples, n_in), "
            f"got {tuple(inputs.shape)}"
        )
    examples = inputs.shape[-2]
    labels = checked_labels(labels, model.copies, examples, inputs.device)
    draws = [
        torch.randint(examples, (steps, batch), generator=generator(seed, "minibatches"))
        for seed in seeds
    ]
    batches = torch.stack(draws, dim=1).to(inputs.device)  # steps, copies, batch
    table, places = one_table(inputs, batches)
    losses = torch.empty(model.copies, steps)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    velocities = [torch.zeros_like(parameter) for parameter in parameters]
    for step in range(steps):
        outputs = model(embedding(places[step], table))
        loss = cross_entropy(outputs, labels.gather(1, batches[step]))
        gradients = torch.autograd.grad(loss.sum(), parameters)  # copies do not mix
        with torch.no_grad():
            for parameter, velocity, gradient in zip(
                parameters, velocities, gradients, strict=True
            ):
                direction = velocity.mul_(momentum).add_(gradient) if momentum else gradient
                parameter.sub_(rate * direction)
        losses[:, step] = loss.detach()
    return losses


def one_table(inputs: Tensor, batches: Tensor) -> tuple[Tensor, Tensor]:
    """All copies' examples in one table, and where in it each minibatch's examples stand.

    ``embedding(places[step], table)`` then looks up what ``inputs[copies, batches[step]]``
    would, in a fifth of the time.

    Args:
        inputs: shape (examples, n_in), or (C, examples, n_in) for a data set per copy.
        batches: examples of each minibatch, shape (steps, C, B).

    Returns:
        The table, shape (rows, n_in), and the places, shape (steps, C, B), on its device.

    Example:
        >>> table, places = one_table(torch.zeros(2, 5, 3), torch.tensor([[[4], [4]]]))
        >>> table.shape, places.flatten()
        (torch.Size([10, 3]), tensor([4, 9]))
    """
    batches = batches.to(inputs.device)
    if inputs.dim() == 2:
        return inputs, batches
    first = inputs.shape[1] * torch.arange(len(inputs), device=inputs.device)
    return inputs.flatten(0, 1), batches + first[:, None]


def checked_labels(labels: Tensor, copies: int, examples: int, device: torch.device) -> Tensor:
    """Labels of shape (copies, examples), from (examples,) or as they are.

    Raises:
        ValueError: if they are not int64, do not fit the examples, or lie elsewhere.

    Example:
        >>> checked_labels(torch.tensor([0, 1]), 3, 2, torch.device("cpu")).shape
        torch.Size([3, 2])
    """
    if labels.dtype != torch.int64:
        raise ValueError(f"labels must be int64, got {labels.dtype}")
    if labels.device != device:
        raise ValueError(f"labels are on {labels.device}, the inputs on {device}")
    labels = labels.expand(copies, -1) if labels.dim() == 1 else labels
    if labels.shape != (copies, examples):
        raise ValueError(
            f"labels must have shape ({examples},) or ({copies}, {examples}), "
            f"got {tuple(labels.shape)}"
        )
    return labels


def cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of each copy: outputs (C, B, classes), labels (B,) or (C, B) → (C,).

    Raises:
        ValueError: if the labels do not fit, see ``checked_labels``.

    Example:
        >>> cross_entropy(torch.zeros(1, 3, 2), torch.zeros(1, 3, dtype=torch.int64))
        tensor([0.6931])
    """
    labels = checked_labels(labels, outputs.shape[0], outputs.shape[1], outputs.device)
    log_share = torch.log_softmax(outputs, dim=2)
    chosen: Tensor = log_share.gather(2, labels[:, :, None])
    return -chosen.mean(dim=(1, 2))


def accuracy(model: MLP, inputs: Tensor, labels: Tensor) -> Tensor:
    """Share of examples classified rightly by each copy, shape (C,).

    Args:
        model: the networks.
        inputs: shape (examples, n_in), or (C, examples, n_in).
        labels: shape (examples,) or (C, examples).

    Example:
        >>> accuracy(MLP([2, 2], "relu", seeds=[0]), torch.ones(4, 2), torch.zeros(4).long()).shape
        torch.Size([1])
    """
    with torch.no_grad():
        answers = model(inputs).argmax(dim=2)
        labels = checked_labels(labels, answers.shape[0], answers.shape[1], answers.device)
        return (answers == labels).float().mean(dim=1)


def steps_to_loss(losses: Tensor, target: float, window: int = 20) -> Tensor:
    """First step at which the mean loss of the last ``window`` steps is below ``target``.

    Args:
        losses: shape (C, steps).
        target: the loss to reach.
        window: how many minibatch losses are averaged.

    Returns:
        Number of updates made by then, shape (C,); infinity where it never happens.

    Raises:
        ValueError: if the window is not between 1 and the number of steps.

    Example:
        >>> steps_to_loss(torch.tensor([[3.0, 2.0, 1.0]]), target=1.6, window=2)
        tensor([3.])
    """
    if not 1 <= window <= losses.shape[1]:
        raise ValueError(f"window must be from 1 to {losses.shape[1]}, got {window}")
    reached = losses.unfold(1, window, 1).mean(dim=2) < target
    first = reached.to(torch.int64).argmax(dim=1) + window
    return torch.where(reached.any(dim=1), first.to(losses.dtype), torch.inf)


def _rates(rates: float | Sequence[float], copies: int) -> Tensor:
    rate = torch.as_tensor(rates, dtype=torch.float32).reshape(-1, 1, 1)
    if len(rate) not in (1, copies):
        raise ValueError(f"needs 1 or {copies} learning rates, got {len(rate)}")
    if not (torch.isfinite(rate) & (rate > 0)).all():
        raise ValueError(f"learning rates must be more than 0 and finite, got {rates}")
    return rate
