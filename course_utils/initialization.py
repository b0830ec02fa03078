"""Where training starts: schemes that draw first weights, each with its formula and source.

A weight has the shape (n_out, n_in, …kernel), as torch lays it out. All draws are made in
float64 from a generator on the CPU and then rounded, so that one seed gives the same
network in every precision and on every device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from course_utils.activations import Activation, activation, gaussian_expectation, gaussian_moments

Draw = Callable[[tuple[int, ...], torch.Generator], Tensor]
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d

DEFAULT_SOURCE = "torch.nn.Linear; X. Glorot and Y. Bengio (2010), equation 1"
GLOROT_SOURCE = "X. Glorot and Y. Bengio (2010), equations 12 and 16"
KAIMING_SOURCE = "K. He et al. (2015), arXiv:1502.01852, equations 10 and 14"
LECUN_SOURCE = "Y. LeCun et al. (1998), Efficient BackProp, equation 16"
NORMAL_SOURCE = "A. Krizhevsky et al. (2012), section 5, with spread 0.01"
ORTHOGONAL_SOURCE = "A. Saxe et al. (2014), arXiv:1312.6120; F. Mezzadri (2007), math-ph/0609050"
SYMMETRY_SOURCE = "D. Rumelhart, G. Hinton and R. Williams (1986), PDP volume 1, page 330"


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """(n_in, n_out) of a weight, each multiplied by the size of the kernel.

    As in ``torch.nn.init``: stride and dilation do not count. For a convolution in groups,
    ``shape`` holds the inputs of one group, so n_in is right; n_out counts all groups.

    Args:
        shape: (n_out, n_in, …kernel), whole numbers of at least 1.

    Raises:
        ValueError: if the shape is not of that form.

    Example:
        >>> fans((20, 10)), fans((16, 3, 5, 5))
        ((10, 20), (75, 400))
    """
    checked = _checked_shape(shape)
    kernel = math.prod(checked[2:])
    return checked[1] * kernel, checked[0] * kernel


@dataclass(frozen=True)
class Scheme:
    """A rule that draws a layer's first weights and biases.

    Attributes:
        name: the field's name for it.
        formula: the distribution of the weights, as plain text.
        source: where it comes from.
        weights: the rule itself, from shape and generator to a float64 tensor.
        biases: the same for biases, from the shape of the layer's weight; None for zeros.
    """

    name: str
    formula: str
    source: str
    weights: Draw = field(repr=False)
    biases: Draw | None = field(default=None, repr=False)

    def draw(
        self,
        shape: Sequence[int],
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """A weight.

        Args:
            shape: (n_out, n_in, …kernel).
            generator: where the random numbers come from, on the CPU.
            dtype: a floating-point type.

        Raises:
            ValueError: if an argument is not as said, or a weight is too large for ``dtype``.

        Example:
            >>> identical(1.0).draw((2, 3), torch.Generator()).shape
            torch.Size([2, 3])
        """
        return self._drawn(self.weights, shape, generator, dtype)

    def draw_bias(
        self,
        shape: Sequence[int],
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """The bias that goes with a weight of that shape: n_out numbers.

        Args:
            shape: of the weight, (n_out, n_in, …kernel).
            generator: where the random numbers come from, on the CPU.
            dtype: a floating-point type.

        Raises:
            ValueError: if an argument is not as said.

        Example:
            >>> lecun().draw_bias((2, 3), torch.Generator())
            tensor([0., 0.])
        """
        return self._drawn(self.biases or _zero_bias, shape, generator, dtype)

    def _drawn(
        self, rule: Draw, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype
    ) -> Tensor:
        checked = _checked_shape(shape)
        _check_generator(generator)
        if not dtype.is_floating_point:
            raise ValueError(f"dtype must be a floating-point type, got {dtype}")
        drawn = rule(checked, generator).to(dtype)
        if not torch.isfinite(drawn).all():
            raise ValueError(f"{self.name}: {self.formula} is too large for {dtype}")
        return drawn


def zeros() -> Scheme:
    """All weights 0.

    Example:
        >>> zeros().draw((1, 2), torch.Generator())
        tensor([[0., 0.]])
    """
    return Scheme("zeros", "W = 0", SYMMETRY_SOURCE, lambda shape, _: _filled(shape, 0.0))


def constant(value: float) -> Scheme:
    """All weights the same number.

    Raises:
        ValueError: if the value is not finite.

    Example:
        >>> constant(0.5).draw((1, 2), torch.Generator())
        tensor([[0.5000, 0.5000]])
    """
    if not math.isfinite(value):
        raise ValueError(f"value must be finite, got {value}")
    formula = f"W = {value:g}"
    return Scheme("constant", formula, SYMMETRY_SOURCE, lambda shape, _: _filled(shape, value))


def identical(spread: float) -> Scheme:
    """Random weights, the same for all units of a layer: one row drawn, and repeated.

    Args:
        spread: standard deviation of the row's entries, more than 0.

    Raises:
        ValueError: if the spread is not more than 0 and finite.

    Example:
        >>> weight = identical(0.1).draw((4, 3), torch.Generator())
        >>> bool((weight == weight[0]).all())
        True
    """
    _check_positive(spread=spread)

    def draw(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        row = _normal((1, *shape[1:]), spread**2, generator)
        return row.expand(shape).clone()

    formula = f"w ~ N(0, {spread:g}²), the same w for all units of a layer"
    return Scheme("identical", formula, SYMMETRY_SOURCE, draw)


def normal(spread: float) -> Scheme:
    """Independent normal weights of one standard deviation, whatever the layer's width.

    Args:
        spread: σ_W, more than 0.

    Raises:
        ValueError: if the spread is not more than 0 and finite.

    Example:
        >>> normal(0.01).formula
        'W ~ N(0, 0.01²)'
    """
    _check_positive(spread=spread)
    return Scheme(
        "normal",
        f"W ~ N(0, {spread:g}²)",
        NORMAL_SOURCE,
        lambda shape, generator: _normal(shape, spread**2, generator),
    )


def uniform_default() -> Scheme:
    """What torch gives ``nn.Linear`` and ``nn.Conv1d`` to ``nn.Conv3d`` unless told otherwise.

    Weights and biases are uniform on (−1/√n_in, 1/√n_in), so n_in · Var W = 1/3. Torch
    writes it as ``kaiming_uniform_`` with a = √5.

    Example:
        >>> float(uniform_default().draw_bias((50, 4), torch.Generator()).abs().max()) < 0.5
        True
    """

    def weights(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return _uniform(shape, 1 / (3 * fans(shape)[0]), generator)

    def biases(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return _uniform(shape[:1], 1 / (3 * fans(shape)[0]), generator)

    formula = "W, b ~ U(−1/√n_in, 1/√n_in)"
    return Scheme("torch's default", formula, DEFAULT_SOURCE, weights, biases)


def lecun(gain: float = 1.0, distribution: str = "normal") -> Scheme:
    """Variance gain²/n_in: a linear layer keeps the mean square of what it gets.

    Args:
        gain: more than 0.
        distribution: ``"normal"`` or ``"uniform"``.

    Raises:
        ValueError: if an argument is not as said.

    Example:
        >>> lecun().formula
        'W ~ N(0, 1/n_in)'
    """
    return _by_fan("LeCun", LECUN_SOURCE, gain, "n_in", 1, distribution, lambda n_in, n_out: n_in)


def glorot(gain: float = 1.0, distribution: str = "uniform") -> Scheme:
    """Variance 2·gain²/(n_in + n_out): a compromise between forward and backward.

    Args:
        gain: more than 0.
        distribution: ``"normal"`` or ``"uniform"``.

    Raises:
        ValueError: if an argument is not as said.

    Example:
        >>> glorot().formula
        'W ~ U(−a, a), a = √(6/(n_in + n_out))'
    """
    return _by_fan(
        "Glorot", GLOROT_SOURCE, gain, "(n_in + n_out)", 2, distribution, lambda i, o: i + o
    )


def kaiming(
    gain: float = math.sqrt(2), mode: str = "fan_in", distribution: str = "normal"
) -> Scheme:
    """Variance gain²/n_in or gain²/n_out; with the gain √2, made for ReLU.

    Args:
        gain: more than 0.
        mode: ``"fan_in"`` keeps the forward signal, ``"fan_out"`` the gradient.
        distribution: ``"normal"`` or ``"uniform"``.

    Raises:
        ValueError: if an argument is not as said.

    Example:
        >>> kaiming().formula
        'W ~ N(0, 2/n_in)'
    """
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    which = 0 if mode == "fan_in" else 1
    fan = ("n_in", "n_out")[which]
    return _by_fan("Kaiming", KAIMING_SOURCE, gain, fan, 1, distribution, lambda *both: both[which])


def orthogonal(gain: float = 1.0) -> Scheme:
    """gain times a random matrix with orthonormal rows, or columns if those are fewer.

    All such matrices are equally likely (Haar's measure): the QR decomposition of a normal
    matrix, with the signs of R's diagonal moved into Q. A kernel is flattened to
    (n_out, rest). The mean square of the entries is gain² / max(n_out, n_in).

    Args:
        gain: more than 0.

    Raises:
        ValueError: if the gain is not more than 0 and finite.

    Example:
        >>> weight = orthogonal().draw((2, 3), torch.Generator(), torch.float64)
        >>> torch.allclose(weight @ weight.T, torch.eye(2, dtype=torch.float64))
        True
    """
    _check_positive(gain=gain)

    def draw(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        rows, columns = shape[0], math.prod(shape[1:])
        tall = _normal((max(rows, columns), min(rows, columns)), 1.0, generator)
        q, r = torch.linalg.qr(tall)
        q = q * torch.where(r.diagonal() < 0, -1.0, 1.0)
        return gain * (q if rows >= columns else q.T).reshape(shape)

    square = "I" if gain == 1 else f"{gain**2:g}·I"
    formula = f"W Wᵀ = {square} or Wᵀ W = {square}, all such W equally likely"
    return Scheme("orthogonal", formula, ORTHOGONAL_SOURCE, draw)


def initialize(module: nn.Module, scheme: Scheme, generator: torch.Generator) -> None:
    """Draw the weights and biases of all linear and convolutional layers anew.

    Layers are taken in the order of ``module.modules()``, each its weight first, then its
    bias. A weight or bias that several layers share is drawn once, for the first of them.
    All is drawn before anything is written. Other layers stay as they are, transposed
    convolutions too: torch's n_in for them is in truth the number of outputs.

    Args:
        module: holds ``nn.Linear``, ``nn.Conv1d``, ``nn.Conv2d`` or ``nn.Conv3d``, or is
            one, of any precision and on any device.
        scheme: what to draw.
        generator: where the random numbers come from, on the CPU.

    Raises:
        ValueError: if there is no such layer, a weight cannot be written (because it has
            no size yet, or is computed from others), or the generator is not on the CPU.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> initialize(layer, zeros(), torch.Generator())
        >>> layer.bias.tolist()
        [0.0, 0.0]
    """
    _check_generator(generator)
    drawn: dict[Tensor, Tensor] = {}  # parameters are told apart by identity
    for _, layer in _layers(module):
        weight, bias = layer.weight, layer.bias
        shape = tuple(weight.shape)
        if weight not in drawn:
            drawn[weight] = scheme.draw(shape, generator, weight.dtype)
        if bias is not None and bias not in drawn:
            drawn[bias] = scheme.draw_bias(shape, generator, bias.dtype)
    _write(drawn.items())


class Rescaled(NamedTuple):
    """What ``lsuv`` did to one layer.

    Attributes:
        layer: its name in the module.
        variance: of its outputs, over all inputs and units, at the end.
        rescalings: how often its weights were divided.
    """

    layer: str
    variance: float
    rescalings: int


def lsuv(
    module: nn.Module,
    inputs: Tensor,
    *,
    generator: torch.Generator,
    tolerance: float = 0.1,
    steps: int = 10,
) -> list[Rescaled]:
    """Layer-sequential unit variance: measure each layer's outputs, and rescale.

    Weights are drawn orthogonal and biases set to 0. Then, in the order in which the
    inputs reach the layers, each layer's weights are divided by the standard deviation of
    its outputs, until their variance is within ``tolerance`` of 1 or ``steps`` divisions
    are done. The variance is over inputs and units together, so it may be 1 where all
    inputs give nearly the same output. Measured as in ``module.eval()``: without dropout,
    and with batch normalisation's stored statistics; the modes are put back at the end.

    Source: D. Mishkin and J. Matas (2016), arXiv:1511.06422, algorithm 1.

    Args:
        module: called as ``module(inputs)``.
        inputs: a batch.
        generator: where the random numbers come from, on the CPU.
        tolerance: how far from 1 a variance may stay, more than 0.
        steps: how many divisions a layer may get, at least 1.

    Returns:
        For each layer, in that order: name, variance reached, number of divisions.

    Raises:
        ValueError: for what ``initialize`` raises it; if a layer is not reached exactly
            once, shares its weight, or its outputs' variance is 0 or not finite. The
            weights are then as they were before.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> layer = nn.Linear(10, 5)
        >>> [done] = lsuv(layer, 3 * torch.randn(100, 10, generator=g), generator=g)
        >>> abs(done.variance - 1) < 0.1, done.rescalings
        (True, 1)
    """
    _check_positive(tolerance=tolerance)
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not torch.isfinite(inputs).all():
        raise ValueError("inputs must be finite, got NaN or infinity")
    layers = dict(_layers(module))
    before = {p: p.detach().clone() for layer in layers.values() for p in layer.parameters()}
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        initialize(module, orthogonal(), generator)
        return _rescale(module, inputs, layers, tolerance, steps)
    except BaseException:
        _write(before.items())
        raise
    finally:
        for part, mode in modes:
            part.training = mode


class Gains(NamedTuple):
    """Gains g = √(n_in · Var W) that keep three different things; see ``gains``."""

    forward: float
    across: float
    backward: float


def gains(which: str | Activation, spread: float = 1.0) -> Gains:
    """The gains that keep what layers of one activation pass on, in the limit of wide layers.

    A layer gets pre-activations z, normal with mean 0 and standard deviation ``spread``,
    and makes the next ones, z′ = W f(z), with weights of mean 0 and variance g²/n_in.

    - ``forward``: the mean square over inputs and units together stays,
      g² E[f(z)²] = E[z²]. The part that is the same for all inputs counts.
    - ``across``: for two inputs whose pre-activations are independent, the variance
      between the inputs, at fixed weights, stays: g² Var f(z) = Var z. It holds for this
      one layer. Where f has a mean, z′ has a part common to all inputs, its mean square is
      above that of z by g² E[f(z)]², and inputs are not independent any more. For inputs
      that are nearly the same, the factor on their differences' variance is χ = g² E[f′²].
    - ``backward``: the mean squared gradient stays for layers of the same width,
      g² E[f′(z)²] = 1. Assumes that weights on the way back may be taken as independent.

    All three are 1 for the identity. Sources: K. He et al. (2015), arXiv:1502.01852;
    B. Poole et al. (2016), arXiv:1606.05340; S. Schoenholz et al. (2017), arXiv:1611.01232.

    Args:
        which: the activation.
        spread: standard deviation of z, more than 0.

    Raises:
        ValueError: for an unknown activation, a spread that is not more than 0 and finite,
            or an activation that is constant where z falls, so that no gain will do.

    Example:
        >>> [round(g, 3) for g in gains("relu")]
        [1.414, 1.713, 1.414]
    """
    f = activation(which)
    _, variance = gaussian_moments(f, spread)
    mean_square = gaussian_expectation(lambda z: f(z) ** 2, spread)
    slope_square = gaussian_expectation(lambda z: f.derivative(z) ** 2, spread)
    if not min(variance, mean_square, slope_square) > 0:
        raise ValueError(
            f"no gain will do for {f.name} at spread {spread}: its mean square, variance and "
            f"mean squared slope must be more than 0, got {mean_square}, {variance} and "
            f"{slope_square}"
        )
    return Gains(
        forward=spread / math.sqrt(mean_square),
        across=spread / math.sqrt(variance),
        backward=1 / math.sqrt(slope_square),
    )


def _by_fan(
    name: str,
    source: str,
    gain: float,
    fan: str,
    factor: int,
    distribution: str,
    count: Callable[[int, int], int],
) -> Scheme:
    """Variance factor · gain² / fan, where ``count`` makes the fan of (n_in, n_out)."""
    _check_positive(gain=gain)
    if distribution not in ("normal", "uniform"):
        raise ValueError(f"distribution must be 'normal' or 'uniform', got {distribution!r}")
    rule, numerator = (_normal, factor * gain**2)
    formula = f"W ~ N(0, {numerator:g}/{fan})"
    if distribution == "uniform":
        rule = _uniform
        formula = f"W ~ U(−a, a), a = √({3 * numerator:g}/{fan})"

    def draw(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return rule(shape, numerator / count(*fans(shape)), generator)

    return Scheme(name, formula, source, draw)


def _normal(shape: tuple[int, ...], variance: float, generator: torch.Generator) -> Tensor:
    return math.sqrt(variance) * torch.randn(shape, generator=generator, dtype=torch.float64)


def _uniform(shape: tuple[int, ...], variance: float, generator: torch.Generator) -> Tensor:
    bound = math.sqrt(3 * variance)
    return bound * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)


def _filled(shape: tuple[int, ...], value: float) -> Tensor:
    return torch.full(shape, value, dtype=torch.float64)


def _zero_bias(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return _filled(shape[:1], 0.0)


def _rescale(
    module: nn.Module, inputs: Tensor, layers: dict[str, Layer], tolerance: float, steps: int
) -> list[Rescaled]:
    """The loop of ``lsuv``: one pass through the module for each division."""
    variances = _output_variances(module, inputs, layers)
    done = []
    for name in list(variances):
        rescalings = 0
        while True:
            variance = variances[name]
            if not 0 < variance < math.inf:
                raise ValueError(
                    f"the outputs of layer {name!r} must have a variance of more than 0 and "
                    f"finite, got {variance}"
                )
            if abs(variance - 1) < tolerance or rescalings == steps:
                break
            with torch.no_grad():
                layers[name].weight.div_(math.sqrt(variance))
            rescalings += 1
            variances = _output_variances(module, inputs, layers)
        done.append(Rescaled(name, variance, rescalings))
    return done


def _output_variances(
    module: nn.Module, inputs: Tensor, layers: dict[str, Layer]
) -> dict[str, float]:
    """The variance of each layer's outputs, in the order in which the inputs reach them."""
    seen: list[tuple[str, float]] = []
    hooks = []
    try:
        for name, layer in layers.items():

            def record(_: nn.Module, __: object, output: Tensor, name: str = name) -> None:
                exact = output.to(torch.promote_types(output.dtype, torch.float32))
                seen.append((name, float(exact.var(correction=0))))

            hooks.append(layer.register_forward_hook(record))
        with torch.no_grad():
            module(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    for name in layers:
        times = sum(name == other for other, _ in seen)
        if times != 1:
            raise ValueError(f"the inputs must reach layer {name!r} once, got {times} times")
    weights = [layer.weight for layer in layers.values()]
    if len(set(weights)) < len(weights):
        raise ValueError("each layer must have a weight of its own, got one that is shared")
    return dict(seen)


def _layers(module: nn.Module) -> list[tuple[str, Layer]]:
    """Names and layers whose weights we draw; refuses what cannot be written."""
    found = []
    for path, layer in module.named_modules():
        if not isinstance(layer, LAYERS):
            continue
        name = path or type(layer).__name__
        for kind in ("weight", "bias"):
            _check_writable(f"{kind} of layer {name!r}", layer, kind)
        found.append((name, layer))
    if not found:
        raise ValueError(
            "module must hold a linear or convolutional layer (nn.Linear, nn.Conv1d to "
            f"nn.Conv3d), got {type(module).__name__} without one"
        )
    return found


def _check_writable(what: str, layer: nn.Module, kind: str) -> None:
    if kind not in layer._parameters:
        raise ValueError(f"the {what} must be a parameter, got one computed from others")
    parameter = layer._parameters[kind]
    if parameter is None and kind == "bias":
        return
    if parameter is None or is_lazy(parameter) or parameter.is_meta:
        raise ValueError(f"the {what} must have numbers to write to, got one without")


def _write(pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    with torch.no_grad():
        for parameter, value in pairs:
            parameter.copy_(value)


def _checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    if len(shape) < 2 or any(not isinstance(size, int) or size < 1 for size in shape):
        raise ValueError(
            f"shape must be (n_out, n_in, …kernel), whole numbers of at least 1, got {tuple(shape)}"
        )
    return tuple(shape)


def _check_generator(generator: torch.Generator) -> None:
    if not isinstance(generator, torch.Generator) or generator.device.type != "cpu":
        found = getattr(generator, "device", generator)
        raise ValueError(f"generator must be a torch.Generator on the CPU, got {found}")


def _check_positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not 0 < number < math.inf:
            raise ValueError(f"{name} must be more than 0 and finite, got {number}")
