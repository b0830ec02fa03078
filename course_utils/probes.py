"""Listening to a network: what every weighted operation is given, passes on and gets back.

A ``Probe`` hears each operation that torch carries out, so that it needs no module of a
certain kind and no change in the network: layers, functions of ``torch.nn.functional`` and
products of plain parameters are heard alike.
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

DENSE = {"linear", "matmul", "__matmul__", "mm", "bmm", "addmm", "baddbmm", "einsum", "bilinear"}
CONVOLUTIONS = {f"conv{kind}{d}d" for kind in ("", "_transpose") for d in (1, 2, 3)}
RECURRENT = {
    f"{kind}{end}" for kind in ("lstm", "gru", "rnn_tanh", "rnn_relu") for end in ("", "_cell")
}
LOOKUPS = {"embedding", "embedding_bag"}
ATTENTION = {"multi_head_attention_forward"}
WEIGHTED = DENSE | CONVOLUTIONS | RECURRENT | LOOKUPS | ATTENTION
INPUT_FIRST = DENSE - {"linear", "bilinear"}  # weights of shape (n_in, n_out)
RELUS = {"relu", "relu_", "relu6"}
SQUASHING = {"tanh", "tanh_", "sigmoid", "sigmoid_", "hardtanh", "hardsigmoid", "softsign"}
SMOOTH = {"gelu", "silu", "leaky_relu", "leaky_relu_", "elu", "selu", "celu", "softplus", "mish"}
ACTIVATIONS = RELUS | SQUASHING | SMOOTH
BATCH_NORMS = {"batch_norm", "instance_norm"}
NORMALISATIONS = BATCH_NORMS | {"layer_norm", "group_norm", "rms_norm"}
FLAT_SLOPE = 0.05  # τ: saturated is where |f′| is below this share of its maximum
FLAT_OUTPUT = math.sqrt(1 - FLAT_SLOPE)  # of tanh; and of 2·sigmoid − 1


@dataclass
class Sums:
    """Sums over examples and positions, one for each unit, float64."""

    count: int = 0
    total: Tensor | None = None
    squares: Tensor | None = None
    absolute: Tensor | None = None

    def add(self, signal: Tensor, units: tuple[int, ...], absolute: bool = False) -> None:
        """Take in one minibatch; ``units`` are the axes that are kept."""
        over = [axis for axis in range(signal.dim()) if axis not in units]
        if not over:
            signal, over = signal[None], [0]
        exact = signal.to(torch.float64, copy=True)
        total = exact.sum(dim=over)
        if self.total is not None and self.total.shape != total.shape:
            return  # called with signals of several shapes: the first one counts
        if absolute:
            sizes = exact.abs().sum(dim=over)
            self.absolute = sizes if self.absolute is None else self.absolute + sizes
        squares = exact.square_().sum(dim=over)  # half the time of a norm taken in float64
        self.count += math.prod(signal.shape[axis] for axis in over)
        self.total = total if self.total is None else self.total + total
        self.squares = squares if self.squares is None else self.squares + squares

    def mean(self) -> Tensor:
        """Mean of each unit."""
        assert self.total is not None
        return self.total / self.count

    def variance(self) -> Tensor:
        """Variance of each unit over examples, at least 0."""
        assert self.squares is not None
        return (self.squares / self.count - self.mean().square()).clamp(min=0)

    def differs(self) -> Tensor:
        """Whether each unit is not the same for all examples, up to float64's rounding."""
        return self.variance() > 1e-14 * self.mean().square()

    def mean_square(self) -> float:
        """Mean of the squares of all entries; NaN if there were none."""
        return float(self.squares.mean()) / self.count if self.squares is not None else math.nan


@dataclass
class Layer:
    """One weighted operation, and what was heard there.

    Attributes:
        name: of its weights, without ``.weight``.
        kind: torch's name of the operation.
        weight: name of its largest parameter; ``bias``: of another one, or None.
        given, passed, errors: sums over the inputs, over z, and over ∂L/∂z.
        activation: of z, or ``""``; ``normalised``: by what z is normalised directly.
        flat, seen: how many numbers lay where the activation is flat, of how many.
        fired: for ReLU, by unit: whether it was ever more than 0.
        first: whether it is given the network's inputs; ``sources``: the layers before;
            ``feeds``: whether a later weighted operation takes what it passed on.
    """

    name: str
    kind: str
    weight: str
    bias: str | None
    calls: int = 0
    given: Sums = field(default_factory=Sums)
    passed: Sums = field(default_factory=Sums)
    errors: Sums = field(default_factory=Sums)
    activation: str = ""
    normalised: str = ""
    flat: Any = 0
    seen: int = 0
    fired: Tensor | None = None
    first: bool = False
    sources: tuple[Layer, ...] = ()
    feeds: bool = False
    finite: Any = True
    hidden_size: int = 0


def unit_axes(kind: str, signal: Tensor) -> tuple[int, ...]:
    """The axes along which units lie, for what an operation is given or passes on.

    Example:
        >>> unit_axes("conv2d", torch.ones(5, 3, 8, 8)), unit_axes("linear", torch.ones(5, 3))
        ((1,), (1,))
    """
    last = signal.dim() - 1
    if kind in CONVOLUTIONS:
        return (1 if last >= int(kind[-2]) + 1 else 0,)
    if kind in ("baddbmm", "bmm") and last == 2:
        return (0, 2)  # copies of a network side by side
    return (last,)


class Probe(TorchFunctionMode):
    """Hears the weighted operations of a network while it is active.

    Args:
        model: the network; its parameters get a mark that stays, so give it a copy.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> with Probe(net) as probe:
        ...     out = net(torch.ones(4, 2))
        >>> [(layer.name, layer.activation) for layer in probe.layers.values()]
        [('0', 'relu'), ('2', '')]
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.layers: dict[tuple[str, str], Layer] = {}
        self.by_weight: dict[str, Layer] = {}  # without lookups: their units are rows
        for name, one in chain(model.named_parameters(), model.named_buffers()):
            one._weight_name = name  # type: ignore[attr-defined]

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        tensors = list(_tensors(chain(args, kwargs.values())))
        weights = [one for one in tensors if hasattr(one, "_weight_name")]
        signals = [one for one in tensors if not hasattr(one, "_weight_name")]
        sources = {id(one): getattr(one, "_layers", ()) for one in signals}
        straight = bool(signals) and getattr(signals[0], "_is_z", False)
        if name == "clamp" and (kwargs.get("min", args[1:2]) in (0, (0,), (0.0,))):
            name = "relu"
        result = function(*args, **kwargs)
        found = [one for one in _tensors([result]) if one.is_floating_point()]
        if not found:
            return result
        if name in WEIGHTED and weights and signals:
            self._weighted(name, weights, signals, sources, found[0])
            return result
        if not signals:
            for one in found if weights else ():
                if not hasattr(one, "_weight_name"):  # computed from weights: named for them
                    largest = _largest(weights)
                    one._weight_name = largest._weight_name  # type: ignore[attr-defined]
            return result
        layers = _joined(sources.values())
        if not layers:
            return result
        if name in NORMALISATIONS and straight:
            layers[0].normalised = layers[0].normalised or name
        if name in ACTIVATIONS:
            _activated(layers[0], name, found[0])
        for one in found:
            one._layers, one._is_z = layers, False  # type: ignore[attr-defined]
        return result

    def _weighted(
        self,
        kind: str,
        weights: list[Tensor],
        signals: list[Tensor],
        sources: dict[int, tuple[Layer, ...]],
        z: Tensor,
    ) -> None:
        largest = _largest(weights)
        if kind in RECURRENT:  # the weights from hidden to hidden units
            largest = next(
                (one for one in weights if one.dim() == 2 and one is not weights[0]), largest
            )
        weight = largest._weight_name  # type: ignore[attr-defined]
        bias = _bias(kind, [one for one in weights if one is not largest], z.shape[-1])
        layer = self.layers.setdefault(
            (weight, kind), Layer(_short(weight) or kind, kind, weight, bias)
        )
        if kind not in LOOKUPS:
            self.by_weight[weight] = layer
        layer.calls += 1
        layer.hidden_size = z.shape[-1]
        given = next((one for one in signals if one.is_floating_point()), None)
        layer.sources = sources[id(given)] if given is not None else ()
        for source in layer.sources:
            source.feeds = True
        if given is not None and not layer.sources and layer.calls == 1:
            layer.first = True
        with torch.no_grad():
            if given is not None:
                layer.given.add(given.detach(), unit_axes(kind, given))
            layer.passed.add(z.detach(), unit_axes(kind, z))
            # one sum: a number that is not finite makes it so
            layer.finite = layer.finite & z.detach().sum(dtype=torch.float64).isfinite()
            if kind.startswith("rnn_tanh"):  # of an LSTM or GRU the gates are not to be seen
                _flat(layer, z.detach(), kind)
        if z.requires_grad:
            z.register_hook(
                lambda error: layer.errors.add(error, unit_axes(kind, error), absolute=True)
            )
        z._layers, z._is_z = (layer,), True  # type: ignore[attr-defined]


def _bias(kind: str, others: list[Tensor], units: int) -> str | None:
    """Name of the first other weight that may be added to z."""
    if kind not in DENSE | CONVOLUTIONS:
        return None
    fitting = [one for one in others if one.numel() == units]
    if kind in CONVOLUTIONS or kind == "baddbmm":
        fitting += others
    return fitting[0]._weight_name if fitting else None  # type: ignore[attr-defined]


def _short(weight: str) -> str:
    """A weight's name without what every weight is called."""
    for end in (".weight", ".weight_hh_l0", ".parametrizations", ".original"):
        weight = weight.removesuffix(end)
    return weight


def _largest(weights: list[Tensor]) -> Tensor:
    """The largest of those that learn, or of all if none does."""
    return max(weights, key=lambda one: (one.requires_grad, one.numel()))


def _joined(sources: Iterable[tuple[Layer, ...]]) -> tuple[Layer, ...]:
    """The first layer, and all others of which it is not yet known whether they feed one."""
    layers = list({id(one): one for some in sources for one in some}.values())
    return (*layers[:1], *(one for one in layers[1:] if not one.feeds))


@torch.no_grad()
def _activated(layer: Layer, name: str, h: Tensor) -> None:
    """Take in what an activation passed on."""
    layer.activation = name.rstrip("_")
    h = h.detach()
    if name in RELUS:
        axes = unit_axes(layer.kind, h)
        over = [axis for axis in range(h.dim()) if axis not in axes]
        fired = (h > 0).any(dim=over[0], keepdim=True) if over else h > 0
        for axis in over[1:]:
            fired = fired.any(dim=axis, keepdim=True)
        fired = fired.flatten()
        if layer.fired is None or layer.fired.shape == fired.shape:
            layer.fired = fired if layer.fired is None else layer.fired | fired
    if name in SQUASHING:
        _flat(layer, 2 * h - 1 if "sigmoid" in name else h, name)


def _flat(layer: Layer, h: Tensor, name: str) -> None:
    """Count outputs near ±1, where the slope is below ``FLAT_SLOPE`` of its maximum."""
    edge = 1 - math.sqrt(FLAT_SLOPE) if name == "softsign" else FLAT_OUTPUT
    layer.flat = layer.flat + (h.abs() > edge).sum()
    layer.seen += h.numel()


def _tensors(things: Iterable[Any]) -> Iterator[Tensor]:
    """All tensors in nested lists, tuples and dictionaries."""
    for one in things:
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, (list, tuple)):
            yield from _tensors(one)
        elif isinstance(one, dict):
            yield from _tensors(one.values())


def private_copy(model: nn.Module) -> nn.Module:
    """A deep copy that shares nothing with the model, whatever tensors it keeps.

    Tensors in the midst of a graph, such as an activation that a module remembers, cannot
    be copied by ``copy.deepcopy``: they are detached.

    Raises:
        TypeError: if something else in it cannot be copied.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> private_copy(net).weight is net.weight
        False
    """
    model = getattr(model, "_orig_mod", model)  # torch.compile
    memo: dict[int, Any] = {}
    for module in model.modules():
        for one in _tensors(v for k, v in vars(module).items() if k != "_modules"):
            if not one.is_leaf:
                memo[id(one)] = one.detach().clone()
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        raise TypeError(
            f"{type(model).__name__} cannot be copied by copy.deepcopy, and only a copy is "
            f"examined: {error}. Does it keep a lock, an open file or a generator?"
        ) from error


@contextmanager
def randomness_kept(*generators: torch.Generator | None) -> Iterator[None]:
    """Leave all random states as they were, also after an error: torch's, CUDA's, NumPy's,
    Python's and the generators given; inside, they start from fixed seeds.

    Example:
        >>> before = torch.get_rng_state()
        >>> with randomness_kept():
        ...     number = torch.rand(1)
        >>> torch.equal(before, torch.get_rng_state())
        True
    """
    own = [one for one in generators if one is not None]
    states, python, numpy = (
        [one.get_state() for one in own],
        random.getstate(),
        np.random.get_state(),
    )
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            torch.manual_seed(0)
            random.seed(0)
            np.random.seed(0)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            for one, state in zip(own, states, strict=True):
                one.set_state(state)
