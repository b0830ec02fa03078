"""What is wrong with *your* network: the whole course as an instrument."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from course_utils.findings import DEGREES, SERIOUS, SHARE, Finding, Numbers, findings
from course_utils.gradients import one_sign
from course_utils.initialization import fans
from course_utils.probes import (
    ATTENTION,
    INPUT_FIRST,
    LOOKUPS,
    RECURRENT,
    Layer,
    Probe,
    Sums,
    private_copy,
    randomness_kept,
)
from course_utils.recognition import recognise

MINIBATCHES, BATCH = 8, 64
# what may change steadily with depth: signals, or what of them differs between examples
COLUMNS = {"forward": ("rms", "spread"), "backward": ("gradient",)}
Loss = Callable[[Any, Any], Tensor]
_Fit = tuple[float, float, float, float]  # what _fit returns
Data = Iterable[tuple[Any, Any]] | tuple[Any, Tensor]
SHOWN = ["layer", "scheme", "input_mean", "rms", "varying", "saturated", "dead", "gradient",
         "update"]  # fmt: skip


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """What ``diagnose`` found.

    Attributes:
        table: one row for each weighted operation, in the order of the forward pass:
            ``layer``, ``kind``, ``calls``; ``scheme`` it may have been drawn from and
            ``gain`` n_in·Var W; of what it is given ``input_mean`` (rms mean over rms
            spread), ``input_spread``, ``input_length``, ``input_unequal``,
            ``conditioning`` (1 + ‖mean‖²/mean variance), ``input_rms``, ``constant`` (all
            examples alike, for no fault of a layer before), ``silent`` (share of units that
            never differ, though a layer before does); of z ``rms`` √q, ``spread`` over
            examples, ``varying`` = spread/rms; ``activation``, ``saturated``, ``dead``;
            ``gradient`` ‖∂L/∂z‖ of a minibatch; ``one_sign``; ``bias_cancels``,
            ``bias_ratio`` (rms of the biases over that of what the weights bring);
            ``update`` (rms of rate·gradient over rms of the weights).
        numbers: those of the whole network, such as ``"loss"``, ``"agreement"``,
            ``"noise_scale"``, ``"forward_factor"``, ``"forward_depth"``.
        findings: ranked, the most serious first.
    """

    table: pd.DataFrame
    numbers: Numbers
    findings: tuple[Finding, ...] = field(default=())

    @property
    def serious(self) -> tuple[Finding, ...]:
        """The serious findings alone."""
        return tuple(one for one in self.findings if one.severity == SERIOUS)

    def __repr__(self) -> str:
        with pd.option_context("display.width", 110, "display.max_columns", 20):
            table = self.table[SHOWN].to_string(index=False, float_format="{:.2g}".format)
        return "\n".join([*self._lines(), "", table])

    def _lines(self) -> list[str]:
        found = [f"{place}. {one}" for place, one in enumerate(self.findings, 1)]
        return [*(found or ["Nothing found."]), "", _sentence(self.numbers)]

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li><b>{DEGREES[one.severity]}: {html.escape(one.kind.replace('_', ' '))}</b> "
            f"({html.escape(one.where)}): {html.escape(one.text)} <i>{html.escape(one.remedy)}</i> "
            f"Chapter {int(one.chapter[:2])}.</li>"
            for one in self.findings
        )
        found = f"<ol>{items}</ol>" if items else "<p>Nothing found.</p>"
        table = self.table[SHOWN].to_html(index=False, float_format="{:.2g}".format, na_rep="")
        return f"{found}<p>{html.escape(_sentence(self.numbers))}</p>{table}"


def _sentence(n: Numbers) -> str:
    parts = [f"loss {n['loss']:.3g} (a constant answer {n['loss_constant']:.3g}, "
             f"in evaluation {n['loss_evaluation']:.3g})"]  # fmt: skip
    if math.isnan(n["learned"]) and math.isfinite(n["loss"]):
        parts.append("how much is learned is not known")
    for way in ("forward", "backward"):
        if not math.isnan(n[f"{way}_factor"]):
            depth = n[f"{way}_depth"]
            end = "lost in rounding" if n[f"{way}_lost"] else "float range left"
            leaves = f", {end} at depth {depth:.0f}" if depth < 1e4 else ""
            parts.append(f"{way} factor {n[f'{way}_factor']:.3g} a layer{leaves}")
    if not math.isnan(n["agreement"]):
        parts.append(
            f"minibatch agreement {n['agreement']:.2f}, noise scale {n['noise_scale']:.3g}"
        )
    return "; ".join(parts) + "."


def diagnose(
    model: nn.Module,
    data: Data,
    loss: Loss,
    *,
    rate: float | None = None,
    minibatches: int = MINIBATCHES,
    batch: int = BATCH,
) -> Diagnosis:
    """Examine a network on a few minibatches, without disturbing it.

    A copy of the network is examined: parameters, buffers, gradients, modes, hooks and
    random states stay exactly as they are. It is examined in the modes that its modules
    have, or in training mode if the whole network is in evaluation mode. Hooks of yours run
    on the copy too: one that collects outputs in a list of yours collects these. Operations
    inside compiled or scripted code are not heard, nor those of a method that was replaced
    by a function which calls the original's.

    Args:
        model: any module with parameters that require gradients.
        data: a pair (inputs, targets) of tensors, examples first, that is split into
            minibatches in its order; or minibatches (inputs, targets): a list, a
            ``DataLoader`` (of these some that lie evenly in it), any iterable (its first).
            Inputs that are a tuple or a dictionary are given to the model as its
            arguments. Everything is moved to the model's device.
        loss: loss(outputs, targets), one number: the mean over a minibatch.
        rate: your learning rate, of plain gradient descent; with momentum m give
            rate/(1 − m). Without it nothing is said about steps.
        minibatches: how many to look at, at least 1; agreement needs 2.
        batch: examples in a minibatch, if data is a pair.

    Returns:
        A table, numbers and ranked findings; it prints itself.
        ``cu.plots.diagnosis(result.table)`` draws it.

    Raises:
        TypeError: if the model is no module, data no pair or iterable of pairs, or the loss
            not callable or not a tensor.
        ValueError: if nothing can be trained, there is no minibatch, inputs are not finite,
            the loss is not one number or hangs on no parameter, or a number is out of range.

    Example:
        >>> torch.manual_seed(0)  # doctest: +ELLIPSIS
        <torch...>
        >>> net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
        >>> x = torch.randn(256, 5)
        >>> diagnose(net, (1000 * x, x[:, :1]), nn.functional.mse_loss).findings[0].kind
        'inputs_scale'
    """
    _check(model, loss, rate, minibatches, batch)
    inner = getattr(data, "batch_sampler", None)
    drawers = (data, getattr(data, "sampler", None), inner, getattr(inner, "sampler", None))
    generators = dict.fromkeys(getattr(one, "generator", None) for one in drawers)
    with (
        randomness_kept(*generators),
        _buffers_kept(model),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        chosen = _minibatches(data, minibatches, batch)
        examined = private_copy(model)
        device = next(examined.parameters()).device
        chosen = [_each(one, lambda part: part.detach().to(device)) for one in chosen]
        criterion = private_copy(loss).to(device) if isinstance(loss, nn.Module) else loss
        return _examine(examined, chosen, lambda z, t: criterion(z, _each(t, Tensor.clone)), rate)


@contextmanager
def _buffers_kept(model: nn.Module) -> Iterator[None]:
    """Put buffers back, since a loss may call the model itself."""
    before = {one: one.detach().clone() for one in model.buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for one, values in before.items():
                one.copy_(values)


def _examine(
    model: nn.Module, chosen: list[tuple[Any, Any]], loss: Loss, rate: float | None
) -> Diagnosis:
    tracked = _tracked(model)
    evaluation = _evaluation(model, chosen, loss)  # first: training moves running statistics
    if not model.training:
        model.train()
    probe = Probe(model)
    in_order = _gradients(model, chosen, loss, probe)
    shuffled = _shuffled(chosen)
    at_random = _gradients(model, shuffled, loss) if shuffled else None
    numbers = _numbers(in_order, at_random, _size(chosen[0]))
    numbers |= {"loss_evaluation": evaluation, "tracked": tracked}
    table = _table(model, probe, in_order, rate)
    numbers |= _profiles(table, next(model.parameters()).dtype)
    numbers["cut"] = float(_cut(model, probe, in_order))
    if rate is not None:
        old = (at_random or in_order).losses
        numbers |= _steps(model, shuffled or chosen, old, loss, rate)
        numbers["update"] = float(table["update"].max()) if len(table) else math.nan
        numbers["fall"] = _ratio(rate * numbers["squared_mean"], abs(numbers["loss"]))
    return Diagnosis(table, numbers, findings(table, numbers))


def _numbers(in_order: _Gradients, at_random: _Gradients | None, size: int) -> Numbers:
    """Numbers of the whole network: its losses, and how its gradients agree."""
    agreement, squared_mean, trace = _agreement(in_order)
    loss, constant = _mean(in_order.losses), _mean(in_order.constant)
    return {
        "loss": loss,
        "loss_constant": constant,
        "loss_zero": _mean(in_order.zero),
        # a share of a loss that may be less than 0 means nothing
        "learned": 1 - loss / constant if loss >= 0 and constant > 0 else math.nan,
        "gradient": math.sqrt(sum(in_order.squares.values()) / len(in_order.losses)),
        "agreement": agreement,
        "agreement_shuffled": _agreement(at_random)[0] if at_random else math.nan,
        "squared_mean": squared_mean if squared_mean > 0 else math.nan,
        "noise_scale": size * trace / squared_mean if squared_mean > 0 else math.inf,
        "minibatches": float(len(in_order.losses)),
        "examples": float(size * len(in_order.losses)),
        "unused": float(in_order.unused),
    }


def _tracked(model: nn.Module) -> float:
    """The fewest minibatches that any running statistics have seen; infinite without any."""
    seen = (getattr(one, "num_batches_tracked", None) for one in model.modules())
    return min((float(one) for one in seen if one is not None), default=math.inf)


def _cut(model: nn.Module, probe: Probe, found: _Gradients) -> bool:
    """Whether a layer with a gradient is given what a trainable one without makes."""
    trainable = {name for name, one in model.named_parameters() if one.requires_grad}
    without = trainable - found.squares.keys()
    return any(
        layer.weight in found.squares and any(one.weight in without for one in layer.sources)
        for layer in probe.layers.values()
    )


@dataclass
class _Gradients:
    """Sums over minibatches, so that no more than one more gradient is kept."""

    losses: list[float] = field(default_factory=list)
    constant: list[float] = field(default_factory=list)
    zero: list[float] = field(default_factory=list)
    total: dict[str, Tensor] = field(default_factory=dict)
    squares: dict[str, float] = field(default_factory=dict)
    one_sign: dict[str, float] = field(default_factory=dict)
    units_alike: dict[str, bool] = field(default_factory=dict)
    unused: int = 0


def _gradients(
    model: nn.Module, chosen: list[tuple[Any, Any]], loss: Loss, probe: Probe | None = None
) -> _Gradients:
    found = _Gradients()
    parameters = {name: one for name, one in model.named_parameters() if one.requires_grad}
    for x, t in chosen:
        if probe is None:
            outputs = _called(model, x)
        else:
            with probe:
                outputs = _called(model, x)
        value = _checked_loss(loss(outputs, t))
        parts = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
        found.losses.append(float(value.detach()))
        if probe is not None:
            found.constant.append(_answer(outputs, t, loss, _mean_of_all))
            found.zero.append(_answer(outputs, t, loss, lambda z, _: torch.zeros_like(z)))
        found.unused = sum(one is None for one in parts)
        sizes = (float(one.abs().max()) for one in parts if probe and one is not None)
        largest = max(sizes, default=0.0)
        for (name, parameter), part in zip(parameters.items(), parts, strict=True):
            if part is None:
                continue
            part = part.detach()
            norm = float(torch.linalg.vector_norm(part, dtype=torch.float64)) ** 2
            found.squares[name] = found.squares.get(name, 0.0) + norm
            if name in found.total:
                found.total[name] += part
            else:
                found.total[name] = part.clone()
            if probe is not None and parameter.dim() > 1 and norm < math.inf:
                _look_at_units(found, probe, name, part, largest, len(chosen))
    return found


def _look_at_units(
    found: _Gradients,
    probe: Probe,
    name: str,
    gradient: Tensor,
    largest: float,
    minibatches: int,
) -> None:
    """Whether each unit's weights move one way, and whether all units move alike."""
    layer = probe.by_weight.get(name)
    if layer is None:
        return
    rows = _by_unit(layer, gradient)
    share = float(one_sign(rows).double().mean()) if rows.shape[1] > 1 else 0.0
    found.one_sign[name] = found.one_sign.get(name, 0.0) + share / minibatches
    bar = max(1e-5 * float(rows.abs().max()), 1e-6 * largest)  # the latter is round-off
    alike = float((rows - rows[:1]).abs().max()) <= bar
    found.units_alike[name] = found.units_alike.get(name, True) and alike


def _by_unit(layer: Layer, weight: Tensor) -> Tensor:
    """Weights as (units, n_in)."""
    if layer.kind in INPUT_FIRST and weight.dim() > 1:
        return weight.transpose(-1, -2).flatten(0, -2)
    if layer.kind.startswith("conv_transpose"):
        return weight.transpose(0, 1).flatten(1)
    return weight.flatten(1) if weight.dim() > 1 else weight[None]


def _agreement(found: _Gradients) -> tuple[float, float, float]:
    """Mean cosine of two minibatches' gradients, |G|², and tr Σ/B; by ratios of sums.

    Source: S. McCandlish et al. (2018), arXiv:1812.06162, appendix A.
    """
    count, squares = len(found.losses), sum(found.squares.values())
    whole = sum(
        float(torch.linalg.vector_norm(one, dtype=torch.float64)) ** 2
        for one in found.total.values()
    )
    if count < 2 or not 0 < squares < math.inf:
        return math.nan, math.nan, math.nan
    product = (whole - squares) / (count * (count - 1))  # of two different minibatches
    square = squares / count
    return product / square, product, square - product


def _table(model: nn.Module, probe: Probe, found: _Gradients, rate: float | None) -> pd.DataFrame:
    parameters = {**dict(model.named_buffers()), **dict(model.named_parameters())}
    rows = [
        _row(layer, parameters[layer.weight], parameters.get(layer.bias or ""), found, rate)
        for layer in probe.layers.values()
    ]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*SHOWN])


def _row(
    layer: Layer, weight: Tensor, bias: Tensor | None, found: _Gradients, rate: float | None
) -> dict[str, Any]:
    return {
        "layer": layer.name,
        "kind": layer.kind,
        "calls": layer.calls // len(found.losses),
        **_weights(layer, weight, found, rate),
        **_given(layer),
        "input_rms": math.sqrt(layer.given.mean_square()),
        "constant": _constant(layer),
        "silent": _silent(layer),
        **_passed(layer),
        "gradient": _length(layer.errors, len(found.losses)),
        "bias_cancels": _cancels(layer),
        "bias_ratio": _bias_ratio(layer, bias),
        "first": layer.first,
        "feeds": layer.feeds,
    }


def _weights(layer: Layer, weight: Tensor, found: _Gradients, rate: float | None) -> dict[str, Any]:
    """How the weights were drawn, and what one step does to them."""
    n_in, n_out = _fans(layer, weight)
    scheme = recognise(_by_unit(layer, weight), n_in, n_out) if layer.kind not in LOOKUPS else ""
    copies = n_out > 1 and scheme in ("zero", "constant", "identical units")
    step = math.nan
    if rate is not None and layer.weight in found.squares:
        step = rate * math.sqrt(found.squares[layer.weight] / len(found.losses))
    size = float(torch.linalg.vector_norm(weight.detach(), dtype=torch.float64))
    return {
        "scheme": scheme,
        "gain": n_in * float(weight.detach().var(correction=0)),
        "one_sign": found.one_sign.get(layer.weight, math.nan),
        "copies": copies and found.units_alike.get(layer.weight, False),
        "update": math.nan if math.isnan(step) else _ratio(step, size),
    }


def _passed(layer: Layer) -> dict[str, Any]:
    """What a layer passes on, and what its activation makes of it."""
    rms = math.sqrt(layer.passed.mean_square())
    spread = math.sqrt(float(layer.passed.variance().mean()))
    finite = bool(layer.finite)
    fired = layer.fired if finite else None
    return {
        "rms": rms,
        "spread": spread,
        "varying": spread / rms if rms > 0 else math.nan,
        "activation": layer.activation,
        "normalised": layer.normalised,
        "saturated": float(layer.flat) / layer.seen if layer.seen and finite else math.nan,
        "dead": 1 - float(fired.double().mean()) if fired is not None else math.nan,
        "finite": finite,
    }


def _length(errors: Sums, minibatches: int) -> float:
    """Length of a minibatch's ∂L/∂z, a root mean square over minibatches."""
    if errors.squares is None:
        return math.nan
    return math.sqrt(float(errors.squares.sum()) / minibatches)


def _constant(layer: Layer) -> bool:
    """Whether all examples give it the same, and the layers before could not differ."""
    told = layer.given.count > 1 and not bool(layer.given.differs().any())
    return told and not any(bool(one.passed.differs().any()) for one in layer.sources)


def _silent(layer: Layer) -> float:
    """Share of the units it is given that never differ, although a layer before does, and not
    so little that it is lost in rounding: that is called vanishing."""
    told = any(
        float(one.passed.variance().mean()) > SHARE[0] ** 2 * one.passed.mean_square()
        for one in layer.sources
    )
    if layer.given.count < 2 or not told:
        return math.nan
    return 1 - float(layer.given.differs().double().mean())


def _bias_ratio(layer: Layer, bias: Tensor | None) -> float:
    """Rms of the biases over that of what the weights bring; NaN without biases."""
    shape = layer.passed.mean().shape
    if bias is None or bias.shape != shape:
        return math.nan
    b = bias.detach().double()
    rest = (layer.passed.mean() - b).square() + layer.passed.variance()
    return _ratio(float(b.square().mean().sqrt()), float(rest.mean().sqrt()))


def _ratio(step: float, size: float) -> float:
    """Step over size; infinite for weights of 0 that move."""
    return step / size if size else math.inf if step else math.nan


def _fans(layer: Layer, weight: Tensor) -> tuple[int, int]:
    if layer.kind in RECURRENT:
        return layer.hidden_size, layer.hidden_size
    if weight.dim() < 2:
        return max(1, weight.numel()), 1
    if layer.kind in INPUT_FIRST:
        return weight.shape[-2], weight.shape[-1]
    return fans(weight.shape)


def _given(layer: Layer) -> dict[str, float]:
    """Mean, spread and conditioning of what a layer is given."""
    names = ("input_mean", "input_spread", "input_length", "input_unequal", "conditioning")
    if not layer.given.count or (layer.kind in ATTENTION and not layer.first):
        return dict.fromkeys(names, math.nan)
    mean, variance = layer.given.mean().flatten(), layer.given.variance().flatten()
    spreads = variance[variance > 1e-12 * float(layer.given.mean_square())].sqrt()
    if not len(spreads):
        return dict.fromkeys(names, math.nan)
    average = float(variance.mean())
    values = (
        math.sqrt(float(mean.square().mean()) / average),
        math.sqrt(average),
        math.sqrt(float(variance.sum())),
        float(spreads.max() / spreads.median()),
        1 + float(mean.square().sum()) / average,
    )
    return dict(zip(names, values, strict=True))


def _cancels(layer: Layer) -> float:
    """|Σδ| over Σ|δ|, over all units: 0 for a bias that does nothing; NaN without a bias."""
    errors = layer.errors
    if layer.bias is None or errors.total is None or errors.absolute is None:
        return math.nan
    size = float(torch.linalg.vector_norm(errors.absolute))
    return float(torch.linalg.vector_norm(errors.total)) / size if size else math.nan


def _profiles(table: pd.DataFrame, dtype: torch.dtype) -> Numbers:
    """How signals and gradients change with depth, and where that would end.

    Numbers end with the range of floats; what differs between examples is lost before, in
    the rounding of what does not.
    """
    limits = torch.finfo(dtype)
    found: Numbers = {}
    for way in ("forward", "backward"):
        fits = {column: _fit(table, column, way) for column in COLUMNS[way] if len(table)}
        column = max(fits, key=lambda column: abs(fits[column][1]), default="")
        slope, change, last, jump = fits.get(column, (math.nan, 0.0, 0.0, math.nan))
        found |= {
            f"{way}_factor": 10**slope, f"{way}_change": change, f"{way}_depth": math.inf,
            f"{way}_jump": jump, f"{way}_lost": 0.0,
        }  # fmt: skip
        if abs(slope) > 0.01 and math.isnan(jump):
            limit = math.log10(limits.max if slope > 0 else limits.smallest_normal)
            found[f"{way}_depth"] = len(table) + max(0.0, (limit - last) / slope)
            if column != "spread":
                continue
            lost = len(table) + _until_lost(fits, math.log10(limits.eps))
            if lost < found[f"{way}_depth"]:
                found |= {f"{way}_depth": lost, f"{way}_lost": 1.0}
    return found


def _until_lost(fits: dict[str, _Fit], limit: float) -> float:
    """In how many more layers what differs falls below a share of the root mean square."""
    (slope, _, spread, _), (steady, _, rms, _) = fits["spread"], fits["rms"]
    away = slope - steady
    return max(0.0, (limit + rms - spread) / away) if away < -0.01 else math.inf


def _fit(table: pd.DataFrame, column: str, way: str) -> _Fit:
    """Slope of the logarithm by layer, the change over the depth, the last logarithm, and the
    row in which more than half of the change happens, or NaN.

    The change is the smaller one of the fitted line's and of that between the ends; 0 if
    they have different signs. Without four numbers more than 0 there is no slope.
    """
    values = table[column].to_numpy(dtype=float)
    values = values if way == "forward" else values[::-1]
    places = np.flatnonzero(np.isfinite(values) & (values > 0))
    if len(places) < 4:
        return math.nan, 0.0, 0.0, math.nan
    logs = np.log10(values[places])
    slope = float(np.polyfit(places, logs, 1)[0])
    total, ends = slope * float(places[-1] - places[0]), float(logs[-1] - logs[0])
    change = min(total, ends, key=abs) if total * ends > 0 else 0.0
    steps = np.diff(logs) * np.sign(ends)
    most = int(steps.argmax())
    row = int(places[most + 1]) if way == "forward" else len(values) - 1 - int(places[most])
    jump = float(row) if steps[most] > abs(ends) / 2 else math.nan
    return slope, change, float(logs[-1]), jump


def _steps(
    model: nn.Module,
    chosen: list[tuple[Any, Any]],
    before: list[float],
    loss: Loss,
    rate: float,
) -> Numbers:
    """One step of gradient descent on each minibatch in turn; the model is moved.

    Each minibatch's loss is held against its own loss before all steps.

    Returns:
        The mean loss before, the largest rise on the way, and that of the last three.
    """
    parameters = [one for one in model.parameters() if one.requires_grad]
    rises: list[float] = []
    for (x, t), old in zip([*chosen, chosen[0]], [*before, before[0]], strict=True):
        value = loss(_called(model, x), t)
        rises.append(float(value.detach()) - old)
        if not math.isfinite(rises[-1]):
            break
        parts = torch.autograd.grad(value, parameters, allow_unused=True)
        for one, part in zip(parameters, parts, strict=True):
            if part is not None:
                one.data -= rate * part
    return {
        "step_before": _mean(before),
        "step_worst": max(rises),
        "step_after": _mean(rises[-min(3, len(rises) - 1) :]),
    }


@torch.no_grad()
def _evaluation(model: nn.Module, chosen: list[tuple[Any, Any]], loss: Loss) -> float:
    """Mean loss in evaluation mode; the modes are put back."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    values = [float(_checked_loss(loss(_called(model, x), t), graph=False)) for x, t in chosen]
    for module, mode in modes.items():
        module.training = mode
    return _mean(values)


@torch.no_grad()
def _answer(
    outputs: Any, t: Any, loss: Loss, instead: Callable[[Tensor, int | None], Tensor]
) -> float:
    """The loss with other outputs; NaN if it cannot be had."""
    size = t.shape[0] if isinstance(t, Tensor) and t.dim() else None

    def changed(z: Tensor) -> Tensor:
        return instead(z.detach(), size) if z.is_floating_point() and z.dim() else z

    try:
        return float(loss(_each(outputs, changed), t))
    except (TypeError, ValueError, RuntimeError, AttributeError):  # a loss that wants more
        return math.nan


def _mean_of_all(z: Tensor, size: int | None) -> Tensor:
    """Each example gets the minibatch's mean output: of knowing nothing."""
    axis = next((a for a, n in enumerate(z.shape) if n == (size or z.shape[0])), 0)
    return z.mean(dim=axis, keepdim=True).expand_as(z)


def _shuffled(chosen: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """The same examples, dealt out at random to minibatches of the same sizes."""
    if len(chosen) < 2 or any(
        not isinstance(x, Tensor) or not isinstance(t, Tensor) or not t.dim()
        or x.shape[:1] != t.shape[:1]
        or x.shape[1:] != chosen[0][0].shape[1:] or t.shape[1:] != chosen[0][1].shape[1:]
        for x, t in chosen
    ):  # fmt: skip
        return []
    sizes = [len(x) for x, _ in chosen]
    order = torch.randperm(sum(sizes), generator=torch.Generator().manual_seed(0))
    x, t = torch.cat([x for x, _ in chosen]), torch.cat([t for _, t in chosen])
    order = order.to(x.device)
    return list(zip(x[order].split(sizes), t[order].split(sizes), strict=True))


def _minibatches(data: Data, count: int, size: int) -> list[tuple[Any, Any]]:
    """Some minibatches that lie evenly in the data, if its length is known."""
    chosen: Sequence[Any]
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[1], Tensor):
        chosen = _split(data[0], data[1], count, size)
    elif (
        isinstance(data, torch.utils.data.DataLoader)
        and data.batch_sampler is not None
        and (not isinstance(data.dataset, torch.utils.data.IterableDataset))
    ):
        wanted = _even(list(data.batch_sampler), count)
        chosen = [data.collate_fn([data.dataset[i] for i in indices]) for indices in wanted]
    elif isinstance(data, Sequence):
        chosen = _even(data, count)
    elif isinstance(data, Iterable) and not isinstance(data, (Tensor, dict)):
        chosen = list(itertools.islice(data, count))
    else:
        raise TypeError(
            "data must be a pair (inputs, targets) of tensors, or an iterable of such "
            f"minibatches, got {type(data).__name__}"
        )
    return _checked_minibatches(chosen)


def _split(x: Any, t: Tensor, count: int, size: int) -> list[tuple[Any, Tensor]]:
    """Minibatches of a pair (inputs, targets), in its order."""
    first = x if isinstance(x, Tensor) else None
    if first is not None and (not first.dim() or first.shape[:1] != t.shape[:1] or not len(t)):
        raise ValueError(
            "a pair (inputs, targets) needs as many targets as inputs, at least one, "
            f"got {tuple(first.shape)} and {tuple(t.shape)}"
        )
    parts = _even(range(0, max(1, len(t) - size + 1), size), count, size)
    return [(_piece(x, part), t[part]) for part in parts]


def _checked_minibatches(chosen: Sequence[Any]) -> list[tuple[Any, Any]]:
    if not chosen:
        raise ValueError("data holds no minibatch")
    for one in chosen:
        if not isinstance(one, (tuple, list)) or len(one) != 2:
            raise TypeError(
                f"each minibatch must be a pair (inputs, targets), got {type(one).__name__}"
                + (f" of {len(one)}" if isinstance(one, (tuple, list)) else "")
            )
        _check_finite(one[0])
    return [(one[0], one[1]) for one in chosen]


def _even(things: Sequence[Any], count: int, size: int | None = None) -> list[Any]:
    """``count`` of the things, evenly spaced; starts of slices become slices."""
    places = sorted({round(i) for i in np.linspace(0, len(things) - 1, min(count, len(things)))})
    chosen = [things[i] for i in places] if len(things) else []
    return chosen if size is None else [slice(one, one + size) for one in chosen]


def _piece(x: Any, part: slice) -> Any:
    if isinstance(x, Tensor):
        return x[part]
    if isinstance(x, dict):
        return {key: _piece(value, part) for key, value in x.items()}
    if not isinstance(x, (tuple, list)):
        raise TypeError(
            "inputs must be a tensor, or a tuple or dictionary of tensors, got "
            f"{type(x).__name__}; what cannot be cut into minibatches goes into minibatches of "
            "your own, a list of pairs (inputs, targets)"
        )
    return tuple(_piece(value, part) for value in x)


def _each(x: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same lists, tuples and dictionaries with each tensor changed."""
    if isinstance(x, Tensor):
        return change(x)
    if isinstance(x, dict):
        changed = {key: _each(value, change) for key, value in x.items()}
        return changed if type(x) is dict else type(x)(**changed)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(_each(value, change) for value in x))
    return type(x)(_each(value, change) for value in x) if type(x) in (tuple, list) else x


def _called(model: nn.Module, x: Any) -> Any:
    """The outputs; a layer that works in place gets inputs of its own."""
    x = _each(x, Tensor.clone)
    if isinstance(x, dict):
        return model(**x)
    return model(*x) if isinstance(x, (tuple, list)) else model(x)


def _size(minibatch: tuple[Any, Any]) -> int:
    x, t = minibatch
    for one in (t, x):
        if isinstance(one, Tensor) and one.dim():
            return len(one)
    return 1


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _checked_loss(value: Any, graph: bool = True) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"loss must return a tensor, got {type(value).__name__}")
    if value.numel() != 1:
        raise ValueError(
            f"loss must return one number for a minibatch, got shape {tuple(value.shape)}"
        )
    if graph and not value.requires_grad:
        raise ValueError("the loss hangs on no parameter: is there a detach() or no_grad()?")
    return value.reshape(())


def _check_finite(x: Any) -> None:
    values = x.values() if isinstance(x, dict) else x if isinstance(x, (tuple, list)) else [x]
    for one in values:
        if isinstance(one, Tensor) and one.is_floating_point() and not one.isfinite().all():
            raise ValueError("inputs must be finite, got NaN or infinity")


def _check(model: nn.Module, loss: Loss, rate: float | None, minibatches: int, batch: int) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    if not any(one.requires_grad for one in model.parameters()):
        raise ValueError("model has no parameter that requires a gradient: nothing can be trained")
    if any(isinstance(one, nn.parameter.UninitializedParameter) for one in model.parameters()):
        raise ValueError("model has lazy parameters: call it once before")
    if not callable(loss):
        raise TypeError(f"loss must be callable, loss(outputs, targets), got {type(loss).__name__}")
    if rate is not None and not 0 < rate < math.inf:
        raise ValueError(f"rate must be more than 0 and finite, got {rate}")
    if minibatches < 1 or batch < 1:
        raise ValueError(f"minibatches and batch must be at least 1, got {minibatches}, {batch}")
