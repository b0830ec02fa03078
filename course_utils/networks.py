"""Plain fully connected networks, many independent copies side by side.

A statement about training is only worth something over many random starts. Training
forty small networks one after the other wastes most of the time on overhead; here
all copies are one batched matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from course_utils.activations import Activation, activation
from course_utils.seeding import generator


class MLP(nn.Module):
    """Copies of one fully connected network, each with its own random weights.

    Weights are normal with mean 0 and variance gain²/n_in, biases 0. Copy c is drawn
    from its own seed, so that it is the same network alone or among others.

    Args:
        sizes: units per layer, inputs first: ``[64, 20, 10]``.
        hidden: the activation after every layer but the last.
        seeds: one seed per copy.
        gain: factor on the weights' standard deviation 1/√n_in.

    Raises:
        ValueError: if a size is below 1, fewer than two sizes or no seed is given,
            the activation is unknown or the gain is not more than 0.

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
        self.hidden = activation(hidden)
        generators = [generator(seed, "weights") for seed in seeds]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for n_in, n_out in pairwise(sizes):
            draws = [torch.randn(n_in, n_out, generator=g) for g in generators]
            self.weights.append(nn.Parameter(torch.stack(draws) * gain / math.sqrt(n_in)))
            self.biases.append(nn.Parameter(torch.zeros(len(seeds), 1, n_out)))

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
        signal = self._checked(inputs)
        passed = [signal]
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            pre_activation = torch.baddbmm(bias, signal, weight)
            signal = pre_activation if index == last else self.hidden(pre_activation)
            passed.append(signal)
        return passed

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of shape (copies, batch, n_out); see ``layers`` for the arguments."""
        return self.layers(inputs)[-1]

    def _checked(self, inputs: Tensor) -> Tensor:
        weight = self.weights[0]
        if inputs.device != weight.device:
            raise ValueError(f"inputs are on {inputs.device}, the network on {weight.device}")
        if inputs.dtype != weight.dtype:
            raise ValueError(f"inputs are {inputs.dtype}, the network is {weight.dtype}")
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
        if not torch.isfinite(inputs).all():
            raise ValueError("inputs must be finite, got NaN or infinity")
        return inputs
