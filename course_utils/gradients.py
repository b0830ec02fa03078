"""Gradients of single units, examples and minibatches: their signs, noise and agreement."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from course_utils.data import inputs_with_mean
from course_utils.networks import MLP
from course_utils.normalization import BatchNorm1d
from course_utils.training import cross_entropy

ERRORS = ("noise", "equal", "fitted", "signal")
BATCH_NORMS = (nn.modules.batchnorm._BatchNorm, BatchNorm1d)
MEMORY = 2**28  # bytes

Index = int | tuple[int, ...]
Name = str | tuple[str, Index]
Loss = Callable[[Tensor, Tensor], Tensor]


def one_sign(updates: Tensor) -> Tensor:
    """Whether all entries along the last axis are positive, or all negative.

    An entry of exactly 0 has no sign: such an update does not count as one-signed.

    Args:
        updates: shape (…, n), n ≥ 1, finite.

    Returns:
        Shape (…), bool.

    Raises:
        ValueError: if there is no entry, or one is NaN.

    Example:
        >>> one_sign(torch.tensor([[1.0, 2.0], [1.0, -2.0], [0.0, 1.0]]))
        tensor([ True, False, False])
    """
    if updates.dim() == 0 or updates.shape[-1] == 0:
        raise ValueError(f"updates must have shape (…, n) with n ≥ 1, got {tuple(updates.shape)}")
    lowest, highest = updates.amin(dim=-1), updates.amax(dim=-1)  # NaN, if one is NaN
    if lowest.isnan().any():
        raise ValueError("updates must be numbers, got NaN")
    return (lowest > 0) | (highest < 0)


def unit_updates(
    mean: float,
    batch: int,
    *,
    updates: int,
    generator: torch.Generator,
    weights: int = 2,
    errors: str = "noise",
    inputs: str = "normal",
) -> Tensor:
    """Updates −Σᵢ δᵢxᵢ of one unit, each from a fresh minibatch (divided by √B).

    Args:
        mean: μ of the inputs, whose variance is 1.
        batch: B, at least 1.
        updates: how many minibatches.
        generator: where the random numbers come from.
        weights: n, at least 1.
        errors: the model of δ. ``"noise"``: normal, mean 0, independent of x;
            ``"equal"``: the same for the whole batch; ``"fitted"``: noise with the
            batch's mean subtracted, so that Σδ = 0 (needs B ≥ 2); ``"signal"``: δ = v·x
            with v = (1, −1, 1, −1, …)/√n, the errors of weights whose optimum lies
            across the mean (needs an even n).
        inputs: distribution of the inputs, see ``data.inputs_with_mean``.

    Returns:
        Shape (updates, weights), float64.

    Raises:
        ValueError: for numbers out of range or an unknown model of the errors.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> unit_updates(1.0, 8, updates=3, generator=g).shape
        torch.Size([3, 2])
    """
    if batch < 1 or updates < 1 or weights < 1:
        raise ValueError(
            f"batch, updates and weights must be at least 1, got {batch}, {updates} and {weights}"
        )
    if errors not in ERRORS:
        raise ValueError(f"errors must be one of {', '.join(ERRORS)}; got {errors!r}")
    if errors == "fitted" and batch < 2:
        raise ValueError(
            "errors='fitted' subtracts the batch's mean: it needs a batch of 2 or more"
        )
    if errors == "signal" and weights % 2:
        raise ValueError(f"errors='signal' needs an even number of weights, got {weights}")
    x = inputs_with_mean(mean, (updates, batch, weights), generator, inputs)
    total: Tensor = (_errors(errors, x, generator) * x).sum(dim=1)
    return -total / batch**0.5


def _errors(model: str, x: Tensor, generator: torch.Generator) -> Tensor:
    """δ for every example: x has shape (updates, batch, n), δ (updates, batch, 1)."""
    updates, batch, weights = x.shape
    if model == "signal":
        across = torch.ones(weights, 1, dtype=x.dtype)
        across[1::2] = -1
        return x @ across / weights**0.5
    shape = (updates, 1 if model == "equal" else batch, 1)
    delta = torch.randn(shape, generator=generator, dtype=x.dtype)
    return delta - delta.mean(dim=1, keepdim=True) if model == "fitted" else delta


def unit_gradients(model: MLP, inputs: Tensor, labels: Tensor, layer: int) -> Tensor:
    """Gradient of the batch's mean cross-entropy for every unit of one layer.

    Args:
        model: ``MLP`` with C copies.
        inputs: shape (batch, n_in) or (C, batch, n_in).
        labels: shape (batch,) or (C, batch).
        layer: which weights, 0 for those that see the inputs.

    Returns:
        Shape (C, units, n): for each unit the gradient with respect to its n weights.

    Raises:
        ValueError: if there is no such layer.

    Example:
        >>> net = MLP([4, 3, 2], "tanh", seeds=[0])
        >>> unit_gradients(net, torch.ones(5, 4), torch.zeros(5, dtype=torch.int64), 1).shape
        torch.Size([1, 2, 3])
    """
    if not 0 <= layer < len(model.weights):
        raise ValueError(f"layer must be from 0 to {len(model.weights) - 1}, got {layer}")
    loss = cross_entropy(model(inputs), labels).sum()
    (gradient,) = torch.autograd.grad(loss, [model.weights[layer]])
    return gradient.transpose(1, 2)


def squared_mean_over_variance(signal: Tensor) -> Tensor:
    """How much of what a layer passes on is mean: ‖mean‖² over the mean variance, by copy.

    For n independent features with mean m and variance v this is n·m²/v, and the largest
    eigenvalue of their second moment is 1 + that, in units of the others.

    Args:
        signal: shape (C, examples, n), at least 2 examples, finite.

    Returns:
        Shape (C,), float64.

    Raises:
        ValueError: if the shape does not fit, or with fewer than 2 examples (a variance
            needs two), or if nothing varies.

    Example:
        >>> squared_mean_over_variance(torch.tensor([[[0.0], [2.0]]]))
        tensor([1.], dtype=torch.float64)
    """
    if signal.dim() != 3:
        raise ValueError(f"signal must have shape (copies, examples, n), got {tuple(signal.shape)}")
    if signal.shape[1] < 2:
        raise ValueError(f"a variance needs at least 2 examples, got {signal.shape[1]}")
    x = signal.detach().double()
    variance = x.var(dim=1, correction=0).mean(dim=1)
    if not torch.isfinite(variance).all():
        raise ValueError("the signal must be finite, got NaN or infinity")
    if not (variance > 0).all():
        raise ValueError("the signal must vary between examples, got a constant")
    squared_mean: Tensor = (x.mean(dim=1) ** 2).sum(dim=1)
    return squared_mean / variance


def per_example(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    *,
    memory: int = MEMORY,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The gradient of every example's own loss, flat, without a loop over examples.

    ``torch.func.vmap`` over ``torch.func.grad``, in chunks that fit into ``memory``.

    Args:
        model: any module that torch.func can differentiate; left as it is.
        loss: ``loss(outputs, targets)`` maps shapes (…, B, n_out) to (…), the mean loss of
            each minibatch. It is called with B = 1, and must return one number.
        inputs: shape (N, n_in), N ≥ 1; or (N, …), if the model takes more axes.
        targets: shape (N, n_out), or (N,) for class labels.
        memory: bytes that gradients and activations of one chunk may take, about; beside
            the result, which takes N·P numbers.
        generator: where dropout's masks come from, one for each example; needed with
            dropout in training mode.

    Returns:
        Shape (N, P): P numbers in the order of ``model.parameters()``; see ``columns``.

    Raises:
        ValueError: if there is batch norm in training mode: an example's output then hangs
            on the others', so that the minibatch's loss is no mean of terms with one example
            each. Also if the shapes do not fit, the loss does not return one number, or
            there is dropout in training mode and no generator.

    Example:
        >>> net = nn.Linear(1, 1, bias=False)
        >>> square = lambda y, t: ((y - t) ** 2).mean(dim=(-2, -1))
        >>> with torch.no_grad():
        ...     _ = net.weight.fill_(3.0)
        >>> per_example(net, square, torch.ones(2, 1), torch.tensor([[2.0], [4.0]]))
        tensor([[ 2.],
                [-2.]])
    """
    _check_examples(model, inputs, targets)
    x, t = inputs[:, None], targets[:, None]
    return _flat(model, len(x), _chunks(model, loss, x, t, memory, generator))


def per_minibatch(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    *,
    memory: int = MEMORY,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The gradient of each minibatch's mean loss, flat, without a loop over minibatches.

    Args:
        model: as for ``per_example``; batch norm in training mode is welcome, since a
            minibatch's gradient has a meaning. Running statistics stay as they are.
        loss: as for ``per_example``; called for one minibatch of B examples.
        inputs: shape (M, B, n_in), or (M, B, …).
        targets: shape (M, B, n_out), or (M, B) for class labels.
        memory: as for ``per_example``.
        generator: where dropout's masks come from, one for each minibatch.

    Returns:
        Shape (M, P), see ``per_example``.

    Raises:
        ValueError: as ``per_example``, but for batch norm.

    Example:
        >>> net = nn.Linear(1, 1, bias=False)
        >>> mean = lambda y, t: (y - t).mean(dim=(-2, -1))
        >>> per_minibatch(net, mean, torch.tensor([[[1.0], [2.0]]]), torch.zeros(1, 2, 1))
        tensor([[1.5000]])
    """
    if inputs.dim() < 3 or not inputs.numel() or targets.shape[:2] != inputs.shape[:2]:
        raise ValueError(
            "needs inputs of shape (M, B, n_in) and targets of shape (M, B, n_out) or (M, B), "
            f"got {tuple(inputs.shape)} and {tuple(targets.shape)}"
        )
    chunks = _chunks(model, loss, inputs, targets, memory, generator)
    return _flat(model, len(inputs), chunks)


def _flat(model: nn.Module, rows: int, chunks: Iterable[dict[str, Tensor]]) -> Tensor:
    """Gradients by parameter, written side by side into one matrix."""
    parameters = dict(model.named_parameters())
    sizes = [one.numel() for one in parameters.values()]
    flat = next(iter(parameters.values())).new_empty(rows, sum(sizes))
    places, done = flat.split(sizes, dim=1), 0
    for found in chunks:
        for name, place in zip(parameters, places, strict=True):
            place[done : done + len(found[name])] = found[name].flatten(1)
        done += len(found[name])
    return flat


def columns(model: nn.Module, names: str | Sequence[Name]) -> Tensor:
    """Which of the P columns of flat gradients belong to some parameters.

    Args:
        model: whose gradients they are.
        names: one or more of: a parameter, ``"2.bias"``; one of its numbers,
            ``("2.bias", 0)`` or ``("2.weight", (3, 7))``; all parameters of a module, ``"2"``.

    Returns:
        Indices, int64, in the order of ``names``.

    Raises:
        ValueError: if there is no such parameter, module or entry.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
        >>> columns(net, ["0.bias", ("1.weight", (0, 2))])
        tensor([ 6,  7,  8, 11])
    """
    asked = [names] if isinstance(names, str) else names
    parameters = dict(model.named_parameters())
    numbers = torch.arange(sum(one.numel() for one in parameters.values()))
    parts = numbers.split([one.numel() for one in parameters.values()])
    flat = {
        name: part.view(one.shape)
        for (name, one), part in zip(parameters.items(), parts, strict=True)
    }
    return torch.cat([_named(flat, name) for name in asked])


def _named(flat: dict[str, Tensor], name: Name) -> Tensor:
    """The columns of one parameter, one entry or one module."""
    whole, index = (name, None) if isinstance(name, str) else name
    found = [part for own, part in flat.items() if own == whole]
    if index is None:
        found = found or [part for own, part in flat.items() if own.startswith(f"{whole}.")]
    if not found:
        raise ValueError(f"nothing is named {whole!r}; there are {', '.join(flat)}")
    if index is None:
        return torch.cat([part.flatten() for part in found])
    try:
        entry = found[0][index]
    except IndexError:
        entry = found[0]
    if entry.dim():
        raise ValueError(f"{whole!r} has shape {tuple(found[0].shape)}, and no entry {index}")
    return entry[None]


def squared_norms(
    model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, *, memory: int = MEMORY
) -> dict[str, Tensor]:
    """‖gᵢ‖² of every example's gradient, for each parameter and for all, without keeping gᵢ.

    The gradient of a linear layer's weights is the product δxᵀ, so that ‖δ‖²‖x‖² is its
    squared norm, and ‖δ‖² the bias's: one pass forward and one back for all examples. Source:
    I. Goodfellow (2015), arXiv:1510.01799. Parameters of other layers, and of linear ones
    that are used more than once or see more than two axes, go the way of ``per_example``.

    Arguments and errors are those of ``per_example``; dropout must be in evaluation mode.

    Returns:
        Shape (N,) for each name of ``model.named_parameters()``, and their sum ``"all"``.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> mean = lambda y, t: (y - t).mean(dim=(-2, -1))
        >>> squared_norms(net, mean, torch.tensor([[3.0, 4.0]]), torch.zeros(1, 1))
        {'weight': tensor([25.]), 'bias': tensor([1.]), 'all': tensor([26.])}
    """
    _check_examples(model, inputs, targets)
    model = copy.deepcopy(model).requires_grad_(True)
    x, t = inputs[:, None], targets[:, None]
    size = max(1, memory // (2 * rehearse(model, loss, x[0], t[0], None) + 1))
    pieces = zip(inputs.split(size), targets.split(size), strict=True)
    found = [_product_form(model, loss, *piece) for piece in pieces]
    rest = {name for name, _ in model.named_parameters()} - set(found[0])
    others = [
        {name: part.flatten(1).square().sum(dim=1) for name, part in chunk.items()}
        for chunk in (_chunks(model, loss, x, t, memory, only=rest) if rest else [])
    ]
    norms = {
        name: torch.cat([chunk[name] for chunk in (others if name in rest else found)])
        for name, _ in model.named_parameters()
    }
    return {**norms, "all": torch.stack(list(norms.values())).sum(dim=0)}


def _product_form(
    model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor
) -> dict[str, Tensor]:
    """‖gᵢ‖² of the linear layers whose parameters enter the loss once, by one backward pass."""
    calls: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def listen(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def hook(_: nn.Module, given: tuple[Tensor, ...], z: Tensor) -> Tensor:
            zeros = torch.zeros_like(z).requires_grad_()  # δ is the gradient with respect to it
            calls.setdefault(name, []).append((given[0].detach().square().sum(dim=-1), zeros))
            return z + zeros

        return hook

    linear = {name: one for name, one in model.named_modules() if type(one) is nn.Linear}
    handles = [
        one.register_forward_hook(listen(name), prepend=True) for name, one in linear.items()
    ]
    try:
        with torch.enable_grad():
            losses = checked(loss(model(inputs.clone())[:, None], targets[:, None]), (len(inputs),))
    finally:
        for handle in handles:
            handle.remove()
    uses = _uses(losses)
    once = [
        name
        for name, found in calls.items()
        if found[0][1].dim() == 2 and all(uses[one] <= 1 for one in linear[name].parameters())
    ]
    zeros = [calls[name][0][1] for name in once]
    errors = torch.autograd.grad(losses.sum(), zeros, materialize_grads=True) if once else ()
    norms = {}
    for name, error in zip(once, errors, strict=True):
        prefix, square = f"{name}." if name else "", error.square().sum(dim=1)
        norms[f"{prefix}weight"] = square * calls[name][0][0]
        if linear[name].bias is not None:
            norms[f"{prefix}bias"] = square
    return norms


def _uses(losses: Tensor) -> Counter[Tensor]:
    """How often each parameter enters the graph of the losses."""
    uses: Counter[Tensor] = Counter()
    seen, waiting = set(), [losses.grad_fn]
    while waiting:
        node = waiting.pop()
        for below, _ in () if node is None else node.next_functions:
            parameter = getattr(below, "variable", None)
            if parameter is not None:
                uses[parameter] += 1
            elif below not in seen:
                seen.add(below)
                waiting.append(below)
    return uses


@dataclass(frozen=True)
class Noise:
    """How far examples' gradients gᵢ scatter around their mean G, over N examples.

    Args:
        squared_mean: |G|².
        trace: tr Σ = mean ‖gᵢ‖² − |G|², the trace of the covariance, divided by N.

    Example:
        >>> Noise(squared_mean=2.0, trace=100.0).scale
        50.0
    """

    squared_mean: float
    trace: float

    @property
    def scale(self) -> float:
        """tr Σ/|G|², the batch size at which noise is as large as signal; inf if G is 0."""
        return self.trace / self.squared_mean if self.squared_mean else math.inf


def noise(
    model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, *, memory: int = MEMORY
) -> dict[str, Noise]:
    """|G|², tr Σ and their ratio, for each parameter and for all of them.

    Source: S. McCandlish, J. Kaplan, D. Amodei (2018), arXiv:1812.06162, equation 2.9 (the
    simple noise scale). Arguments and errors are those of ``squared_norms``.

    Returns:
        A ``Noise`` for each name of ``model.named_parameters()``, and for ``"all"``.

    Example:
        >>> net = nn.Linear(1, 1, bias=False)
        >>> mean = lambda y, t: (y - t).mean(dim=(-2, -1))
        >>> noise(net, mean, torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1))["all"]
        Noise(squared_mean=4.0, trace=1.0)
    """
    squares = squared_norms(model, loss, inputs, targets, memory=memory)
    flat = _mean_gradient(model, loss, inputs, targets, memory).double().square()
    means = {name: float(flat[columns(model, name)].sum()) for name in squares if name != "all"}
    means["all"] = sum(means.values())
    return {
        name: Noise(mean, max(0.0, float(squares[name].double().mean()) - mean))
        for name, mean in means.items()
    }


def _mean_gradient(
    model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, memory: int
) -> Tensor:
    """G of the mean over all examples, flat, summed up in chunks."""
    model = copy.deepcopy(model).requires_grad_(True)
    parameters = list(model.parameters())
    size = max(1, memory // (2 * rehearse(model, loss, inputs[:1], targets[:1], None) + 1))
    total = torch.cat([torch.zeros_like(one).flatten() for one in parameters])
    for x, t in zip(inputs.split(size), targets.split(size), strict=True):
        with torch.enable_grad():
            losses = loss(model(x.clone())[:, None], t[:, None])
            found = torch.autograd.grad(losses.sum(), parameters, materialize_grads=True)
        total += torch.cat([part.flatten() for part in found])
    return total / len(inputs)


def expected_cosine(
    squared_mean: float | Tensor,
    trace: float | Tensor,
    batch: int,
    examples: int,
    *,
    disjoint: bool = False,
) -> float | Tensor:
    """The cosine that two minibatches' gradients are expected to have, about.

    Of M among N examples, drawn without replacement, the mean gradient has the expected
    square |G|² + (tr Σ/M)(N − M)/(N − 1). Two minibatches drawn independently have the
    expected product |G|², disjoint ones |G|² − tr Σ/(N − 1). This is product over square:
    the ratio of the expectations, where a cosine's expectation is that of the ratio; they
    agree where the length of a minibatch's gradient hardly varies.

    Args:
        squared_mean: |G|², at least 0, and not 0 where the trace is.
        trace: tr Σ, divided by N, at least 0.
        batch: M, from 1 to N; if disjoint to N/2.
        examples: N, at least 2.
        disjoint: whether the two minibatches have no example in common.

    Raises:
        ValueError: if batch or examples are out of range.

    Example:
        >>> expected_cosine(1.0, 99.0, batch=33, examples=100)
        0.33
    """
    most = examples // 2 if disjoint else examples
    if examples < 2 or not 1 <= batch <= most:
        raise ValueError(
            f"batch must be from 1 to {most} and examples at least 2, got {batch} and {examples}"
        )
    spread = trace / batch * (examples - batch) / (examples - 1)
    common = squared_mean - trace / (examples - 1) if disjoint else squared_mean
    return common / (squared_mean + spread)


def mean_cosine(gradients: Tensor) -> float:
    """Mean over all pairs of rows of the cosine between them.

    Rows that are exactly 0 have no direction, and are left out.

    Args:
        gradients: shape (M, P).

    Raises:
        ValueError: if the shape does not fit, a number is not finite, or fewer than two
            rows differ from 0.

    Example:
        >>> round(mean_cosine(torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [3.0, 0.0]])), 3)
        0.333
    """
    return float(_cosines(gradients).mean())


def obtuse_share(gradients: Tensor) -> float:
    """Share of the pairs of rows with more than 90° between them; see ``mean_cosine``.

    Example:
        >>> obtuse_share(torch.tensor([[1.0, 0.0], [-1.0, 1.0], [-1.0, 2.0]])) > 0.6
        True
    """
    return float((_cosines(gradients) < 0).double().mean())


def _cosines(gradients: Tensor) -> Tensor:
    """Cosines of all pairs of rows that are not 0."""
    if gradients.dim() != 2:
        raise ValueError(f"gradients must have shape (M, P), got {tuple(gradients.shape)}")
    products = gradients @ gradients.T
    squares = products.diagonal()
    if len(squares) < 2 or not ((squares > 1e-18) & (squares < 1e18)).all():
        products = _products_of_directions(gradients)
    length = products.diagonal().sqrt()
    first, second = torch.triu_indices(len(products), len(products), 1)
    return (products / length / length[:, None])[first, second]


def _products_of_directions(gradients: Tensor) -> Tensor:
    """Inner products of the rows that are not 0, each scaled so that no square underflows."""
    size = torch.linalg.vector_norm(gradients, ord=math.inf, dim=1)
    if not size.isfinite().all():
        raise ValueError("gradients must be finite, got NaN or infinity")
    moving = gradients[size > 0] / size[size > 0, None]
    if len(moving) < 2:
        raise ValueError(
            f"a cosine needs two gradients with a direction: of {len(gradients)} rows "
            f"{len(moving)} are not exactly 0"
        )
    return moving @ moving.T


def _check_examples(model: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """Whether every example has a loss of its own."""
    if inputs.dim() < 2 or not inputs.numel() or targets.shape[:1] != inputs.shape[:1]:
        raise ValueError(
            "needs inputs of shape (N, n_in) and targets of shape (N, n_out) or (N,), "
            f"got {tuple(inputs.shape)} and {tuple(targets.shape)}"
        )
    for name, module in model.named_modules():
        if isinstance(module, BATCH_NORMS) and module.training:
            raise ValueError(
                f"batch norm {name!r} is in training mode: an example's output hangs on the rest "
                "of its minibatch, so that it has no gradient of its own; call eval() or ask "
                "per_minibatch"
            )


def _chunks(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    memory: int,
    generator: torch.Generator | None = None,
    only: set[str] | None = None,
) -> Iterator[dict[str, Tensor]]:
    """Gradients by parameter, each of shape (chunk, …), for minibatches (M, B, …)."""
    model = without_running_statistics(model)
    state = {
        name: one.detach() for name, one in model.named_parameters() if only is None or name in only
    }

    buffers = {name: one.clone() for name, one in model.named_buffers()}

    def value(parameters: dict[str, Tensor], x: Tensor, t: Tensor) -> Tensor:
        used = {**parameters, **{name: one.clone() for name, one in buffers.items()}}
        return checked(loss(functional_call(model, used, (x.clone(),)), t), ())

    own = sum(one.numel() * one.element_size() for one in state.values())
    kept = rehearse(model, loss, inputs[0], targets[0], generator)
    size = max(1, memory // (2 * (own + kept)))
    with own_randomness(inputs.device, generator):
        if generator is not None:
            torch.manual_seed(
                int(torch.randint(2**62, (), generator=generator, device=generator.device))
            )
        for x, t in zip(inputs.split(size), targets.split(size), strict=True):
            with torch.no_grad():  # grad inside does not heed it: the results need no graph
                found = vmap(grad(value), in_dims=(None, 0, 0), randomness="different")(state, x, t)
            yield found


def without_running_statistics(model: nn.Module) -> nn.Module:
    """A copy whose batch norms in training mode keep no running statistics.

    In training mode these do not act on the outputs, and vmap cannot update them.
    """
    model = copy.deepcopy(model).requires_grad_(True)
    for module in model.modules():
        if isinstance(module, BATCH_NORMS) and module.training:
            module.running_mean = module.running_var = module.num_batches_tracked = None
    return model


def rehearse(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    generator: torch.Generator | None,
) -> int:
    """Try one minibatch, and tell the bytes that autograd keeps of it beside the parameters."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    listening = torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one)
    with own_randomness(inputs.device, generator), torch.enable_grad(), listening:
        checked(loss(model(inputs.clone()), targets), ())
    for one in model.parameters():
        kept.pop(one.data_ptr(), None)
    return sum(kept.values())


def checked(losses: Tensor, shape: Sequence[int]) -> Tensor:
    """Losses, if there is one for each minibatch."""
    if losses.shape != torch.Size(shape):
        raise ValueError(
            f"loss must return one number for each minibatch, shape {tuple(shape)}, "
            f"got {tuple(losses.shape)}: let it average over the last two axes only"
        )
    return losses


@contextmanager
def own_randomness(device: torch.device, generator: torch.Generator | None) -> Iterator[None]:
    """Leave torch's global random state as it was; without a generator nothing may be drawn."""
    state = torch.cuda.get_rng_state if device.type == "cuda" else torch.get_rng_state
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        before = state()
        yield
        if generator is None and not torch.equal(before, state()):
            raise ValueError(
                "the model draws random numbers (dropout in training mode): pass generator="
            )
