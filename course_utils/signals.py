"""How signals travel through layers of random weights: measured, and predicted.

Every layer has n units and no bias: z = h W, h = f(z), W of shape (n, n) with
independent normal entries of mean 0 and standard deviation σ. Signals are batch first.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from course_utils.activations import Activation, activation, gaussian_expectation, linearity


def random_weights(
    width: int, depth: int, spread: float, generator: torch.Generator
) -> list[Tensor]:
    """One (width, width) matrix for each layer, normal with standard deviation ``spread``.

    Args:
        width: n, at least 1.
        depth: how many layers, at least 1.
        spread: σ, more than 0.
        generator: where the random numbers come from.

    Returns:
        ``depth`` float64 tensors.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> random_weights(3, 2, 0.1, torch.Generator())[1].shape
        torch.Size([3, 3])
    """
    if width < 1 or depth < 1 or not 0 < spread < math.inf:
        raise ValueError(
            "needs width and depth of at least 1 and a spread of more than 0, "
            f"got {width}, {depth} and {spread}"
        )
    return [
        spread * torch.randn(width, width, generator=generator, dtype=torch.float64)
        for _ in range(depth)
    ]


def forward(
    inputs: Tensor, weights: Sequence[Tensor], which: str | Activation
) -> tuple[list[Tensor], list[Tensor]]:
    """Send a batch through the layers.

    Args:
        inputs: shape (batch, n).
        weights: the layers' matrices.
        which: the activation after each layer.

    Returns:
        Pre-activations and activations of every layer, two lists of shape (batch, n) each.

    Raises:
        ValueError: if the inputs do not fit the first matrix, or hold NaN.

    Example:
        >>> z, h = forward(torch.ones(1, 2), [torch.eye(2)], "relu")
        >>> h[0]
        tensor([[1., 1.]])
    """
    if inputs.dim() != 2 or inputs.shape[1] != weights[0].shape[0]:
        raise ValueError(
            f"inputs must have shape (batch, {weights[0].shape[0]}), got {tuple(inputs.shape)}"
        )
    if inputs.isnan().any():
        raise ValueError("inputs must be numbers, got NaN")
    f, h = activation(which), inputs
    pre_activations, activations = [], []
    for weight in weights:
        z = h @ weight
        h = f(z)
        pre_activations.append(z)
        activations.append(h)
    return pre_activations, activations


def backward(
    gradient: Tensor,
    weights: Sequence[Tensor],
    pre_activations: Sequence[Tensor],
    which: str | Activation,
) -> list[Tensor]:
    """Send a gradient back from the last activations to the inputs.

    δ = (∂L/∂h) · f′(z), and ∂L/∂h of the layer below is δ Wᵀ.

    Args:
        gradient: ∂L/∂h of the last layer, shape (batch, n).
        weights: the layers' matrices, first layer first.
        pre_activations: from ``forward``.
        which: the activation.

    Returns:
        ∂L/∂h for the inputs, then for each layer's activations: depth + 1 tensors.

    Raises:
        ValueError: if the number of pre-activations differs from that of the matrices.

    Example:
        >>> z, h = forward(torch.ones(1, 2), [2 * torch.eye(2)], "identity")
        >>> backward(torch.ones(1, 2), [2 * torch.eye(2)], z, "identity")[0]
        tensor([[2., 2.]])
    """
    if len(weights) != len(pre_activations):
        raise ValueError(f"got {len(weights)} matrices and {len(pre_activations)} pre-activations")
    slope = activation(which).derivative
    gradients = [gradient]
    for weight, z in zip(reversed(weights), reversed(pre_activations), strict=True):
        gradient = (gradient * slope(z)) @ weight.T
        gradients.append(gradient)
    return gradients[::-1]


def mean_square(signal: Tensor) -> float:
    """Mean of the squares of all entries.

    Example:
        >>> mean_square(torch.tensor([3.0, 4.0]))
        12.5
    """
    return float((signal.double() ** 2).mean())


def next_mean_square(which: str | Activation, q: float, gain: float) -> float:
    """Mean square of the next pre-activations: n σ² E[f(√q·Z)²], Z standard normal.

    Exact in the limit of wide layers. Source: B. Poole et al. (2016), arXiv:1606.05340,
    equation 3; K. He et al. (2015), arXiv:1502.01852, equation 8, for ReLU.

    Args:
        which: the activation.
        q: mean square of these pre-activations, more than 0.
        gain: n σ², more than 0.

    Raises:
        ValueError: if a number is not more than 0.

    Example:
        >>> round(next_mean_square("relu", 3.0, 2.0), 9)
        3.0
    """
    _check_positive(q=q, gain=gain)
    f = activation(which)
    return gain * gaussian_expectation(lambda z: f(z) ** 2, math.sqrt(q))


def mean_squares(which: str | Activation, first: float, gain: float, depth: int) -> list[float]:
    """Predicted mean squares of the pre-activations of ``depth`` layers.

    Args:
        which: the activation.
        first: mean square of the first layer's pre-activations.
        gain: n σ², the same in all layers.
        depth: how many layers, at least 1.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> [round(q, 9) for q in mean_squares("identity", 1.0, 2.0, 3)]
        [1.0, 2.0, 4.0]
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    squares = [first]
    for _ in range(depth - 1):
        squares.append(next_mean_square(which, squares[-1], gain))
    return squares


def backward_factor(which: str | Activation, q: float, gain: float) -> float:
    """χ = n σ² E[f′(√q·Z)²]: what a layer multiplies the mean squared gradient by.

    Assumes wide layers, and that the weights on the way back may be taken as independent
    of those on the way forward. Source: S. Schoenholz et al. (2017), arXiv:1611.01232.

    Args:
        which: the activation.
        q: mean square of the layer's pre-activations, more than 0.
        gain: n σ², more than 0.

    Raises:
        ValueError: if a number is not more than 0.

    Example:
        >>> round(backward_factor("relu", 5.0, 2.0), 9)
        1.0
    """
    _check_positive(q=q, gain=gain)
    slope = activation(which).derivative
    return gain * gaussian_expectation(lambda z: slope(z) ** 2, math.sqrt(q))


def linear_share(inputs: Tensor, outputs: Tensor) -> float:
    """Share of the outputs' variance that the best linear map of the inputs explains.

    Least squares with a constant, R² over all outputs together, corrected for the
    degrees of freedom: n fitted numbers explain noise too.

    Args:
        inputs: shape (examples, n), float64.
        outputs: shape (examples, units), float64.

    Raises:
        ValueError: if there are not at least two more examples than inputs.

    Example:
        >>> x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)).double()
        >>> round(linear_share(x, 2 * x + 1), 9)
        1.0
    """
    examples, n = inputs.shape
    if examples < n + 2 or len(outputs) != examples:
        raise ValueError(
            f"needs at least {n + 2} examples of inputs and as many of outputs, "
            f"got {examples} and {len(outputs)}"
        )
    inputs, outputs = inputs - inputs.mean(dim=0), outputs - outputs.mean(dim=0)
    fitted = inputs @ torch.linalg.lstsq(inputs, outputs, driver="gels").solution
    unexplained = float(((outputs - fitted) ** 2).sum() / (outputs**2).sum())
    return 1 - unexplained * (examples - 1) / (examples - n - 1)


def linear_shares(which: str | Activation, first: float, gain: float, depth: int) -> list[float]:
    """Predicted ``linear_share`` of the activations of each of ``depth`` layers.

    The product of the layers' ``linearity``; for wide layers, normal inputs and odd f.

    Args:
        which: an odd activation, such as tanh.
        first: mean square of the first layer's pre-activations.
        gain: n σ², the same in all layers.
        depth: how many layers, at least 1.

    Raises:
        ValueError: if a number is out of range, or f is not odd.

    Example:
        >>> linear_shares("identity", 1.0, 2.0, 3)[-1] > 1 - 1e-9
        True
    """
    f, z = activation(which), torch.linspace(0, 3, 7, dtype=torch.float64)
    if not torch.allclose(f(-z), -f(z)):
        raise ValueError(f"needs an odd activation, f(−z) = −f(z), got {f.name}")
    squares = mean_squares(which, first, gain, depth)
    return list(accumulate((linearity(which, math.sqrt(q)) for q in squares), operator.mul))


def _check_positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not 0 < number < math.inf:
            raise ValueError(f"{name} must be more than 0 and finite, got {number}")
