"""Plain fully connected networks, many independent copies side by side.

A statement about training is only worth something over many random starts. Training
forty small networks one after the other wastes most of the time on overhead; here
all copies are one batched matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from course_utils.activations import Activation, activation
from course_utils.initialization import Scheme
from course_utils.normalization import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from course_utils.seeding import generator

NORMALIZATIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "batch": BatchNorm,
    "layer": LayerNorm,
    "group": GroupNorm,
    "rms": RMSNorm,
}


class MLP(nn.Module):
    """Copies of one fully connected network, each with its own random weights.

    Weights are normal with mean 0 and variance gain²/n_in, biases 0, unless a scheme of
    ``initialization`` says otherwise. Copy c is drawn from its own seed, so that it is
    the same network alone or among others.

    Args:
        sizes: units per layer, inputs first: ``[64, 20, 10]``.
        hidden: the activation after every layer but the last.
        seeds: one seed per copy.
        gain: factor on the weights' standard deviation 1/√n_in.
        scheme: how weights and biases are drawn, instead of ``gain``; one for all
            layers, or a list with one for each layer.
        normalization: ``"batch"``, ``"layer"``, ``"group"`` (8 groups of units) or
            ``"rms"`` normalises the pre-activations of all layers but the last.

    Raises:
        ValueError: if a size is below 1, fewer than two sizes or no seed is given,
            the activation or normalisation is unknown, the gain is not more than 0, or
            the number of schemes is not that of the layers.

    Example:
        >>> MLP([4, 3, 2], "tanh", seeds=[0, 1])(torch.zeros(2, 5, 4)).shape
        torch.Size([2, 5, 2])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        hidden: str | Activation,
        *,
        seeds: Sequence[int],
        gain: float = 1.0,
        scheme: Scheme | Sequence[Scheme] | None = None,
        normalization: str | None = None,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or any(not isinstance(size, int) or size < 1 for size in sizes):
            raise ValueError(
                f"sizes needs two or more whole numbers of at least 1, got {list(sizes)}"
            )
        if not seeds:
            raise ValueError("seeds needs one seed for each copy, got none")
        if not 0 < gain < math.inf:
            raise ValueError(f"gain must be more than 0 and finite, got {gain}")
        if normalization not in (None, *NORMALIZATIONS):
            known = ", ".join(NORMALIZATIONS)
            raise ValueError(f"unknown normalization {normalization!r}; known are {known}")
        schemes = _schemes(scheme, len(sizes) - 1)
        self.hidden = activation(hidden)
        generators = [generator(seed, "weights") for seed in seeds]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for (n_in, n_out), drawn_by in zip(pairwise(sizes), schemes, strict=True):
            weights, biases = [], []
            for g in generators:
                if drawn_by is None:
                    weights.append(torch.randn(n_in, n_out, generator=g) * gain / math.sqrt(n_in))
                    biases.append(torch.zeros(n_out))
                else:
                    shape = (n_out, n_in)  # as torch lays weights out
                    weights.append(drawn_by.draw(shape, g).T)
                    biases.append(drawn_by.draw_bias(shape, g))
            self.weights.append(nn.Parameter(torch.stack(weights)))
            self.biases.append(nn.Parameter(torch.stack(biases)[:, None]))
        self.normalizations = nn.ModuleList()
        if normalization is not None:
            layer = NORMALIZATIONS[normalization]
            self.normalizations.extend(layer(len(seeds), units) for units in sizes[1:-1])

    @property
    def copies(self) -> int:
        """How many networks stand side by side."""
        return len(self.weights[0])

    def layers(self, inputs: Tensor) -> list[Tensor]:
        """What each layer passes on, from the inputs to the outputs.

        Args:
            inputs: shape (copies, batch, n_in), or (batch, n_in) for the same to all.

        Returns:
            ``[inputs, h₁, …, h_{D−1}, outputs]``, each of shape (copies, batch, units);
            the outputs are pre-activations (no activation after the last layer).

        Raises:
            ValueError: if the shape does not fit, the inputs are not finite, or they
                are of another type or lie on another device than the weights.
        """
        return self._signals(inputs)[0]

    def pre_activations(self, inputs: Tensor) -> list[Tensor]:
        """What each layer's activation is given, ``[z₁, …, z_D]``; see ``layers``.

        With normalisation these are the normalised ones; the last are the outputs.
        """
        return self._signals(inputs)[1]

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of shape (copies, batch, n_out); see ``layers`` for the arguments."""
        return self.layers(inputs)[-1]

    def _signals(self, inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        signal = self._checked(inputs)
        passed, pre_activations = [signal], []
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = torch.baddbmm(bias, signal, weight)
            if self.normalizations and index < last:
                z = self.normalizations[index](z)
            signal = z if index == last else self.hidden(z)
            pre_activations.append(z)
            passed.append(signal)
        return passed, pre_activations

    def _checked(self, inputs: Tensor) -> Tensor:
        weight = self.weights[0]
        if inputs.device != weight.device:
            raise ValueError(f"inputs are on {inputs.device}, the network on {weight.device}")
        if inputs.dtype != weight.dtype:
            raise ValueError(f"inputs are {inputs.dtype}, the network is {weight.dtype}")
        given = inputs
        if inputs.dim() == 2:
            inputs = inputs.expand(self.copies, -1, -1)
        if (
            inputs.dim() != 3
            or inputs.shape[0] != self.copies
            or inputs.shape[2] != weight.shape[1]
        ):
            raise ValueError(
                f"inputs must have shape ({self.copies}, batch, {weight.shape[1]}), "
                f"got {tuple(inputs.shape)}"
            )
        if given.numel():
            low, high = given.aminmax()  # NaN if there is one; isfinite takes ten times as long
            if not (low > -torch.inf and high < torch.inf):
                raise ValueError("inputs must be finite, got NaN or infinity")
        return inputs


def _schemes(scheme: Scheme | Sequence[Scheme] | None, layers: int) -> Sequence[Scheme | None]:
    if scheme is None or isinstance(scheme, Scheme):
        return [scheme] * layers
    if len(scheme) != layers:
        raise ValueError(f"needs 1 or {layers} schemes, got {len(scheme)}")
    return scheme
