"""Ways to take a step downhill, each in a few lines, as torch.optim takes it.

Every optimiser is a pure function ``step(w, gradient, state, *, rate, …)`` that returns the new
weights and the new state; the first state is ``()``. All are elementwise, so copies
with rates of their own go side by side: ``rate`` may be a tensor that broadcasts with ``w``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

State = tuple[Any, ...]
Stepped = tuple[Tensor, State]
Rate = float | Tensor


def gradient_descent(w: Tensor, gradient: Tensor, state: State = (), *, rate: Rate) -> Stepped:
    """w ← w − ηg (``torch.optim.SGD``).

    Args:
        w: weights, any shape.
        gradient: g, of the same shape.
        state: not used; here so that all steps are called alike.
        rate: η, a number or a tensor that broadcasts with ``w``.

    Returns:
        The new weights and the new state.

    Raises:
        ValueError: if the gradient's shape is not that of the weights.

    Example:
        >>> gradient_descent(torch.ones(1), torch.ones(1), rate=0.5)[0]
        tensor([0.5000])
    """
    _check(w, gradient)
    return w - rate * gradient, ()


def momentum(
    w: Tensor, gradient: Tensor, state: State = (), *, rate: Rate, m: Rate = 0.9
) -> Stepped:
    """v ← mv + g, w ← w − ηv (``torch.optim.SGD(momentum=m)``).

    Polyak (1964) with Δ = −ηv. Arguments as for ``gradient_descent``; ``m`` is the share
    of the velocity that is kept.

    Example:
        >>> w, state = momentum(torch.ones(1), torch.ones(1), rate=0.1)
        >>> momentum(w, torch.ones(1), state, rate=0.1)[0]
        tensor([0.7100])
    """
    _check(w, gradient)
    (v,) = state or (torch.zeros_like(w),)
    v = m * v + gradient
    return w - rate * v, (v,)


def averaged_momentum(
    w: Tensor, gradient: Tensor, state: State = (), *, rate: Rate, m: Rate = 0.9
) -> Stepped:
    """v ← mv + (1 − m)g, w ← w − ηv: v is an average of gradients, not a sum.

    The path of ``momentum`` at the rate (1 − m)η. Arguments as for ``momentum``.

    Example:
        >>> averaged_momentum(torch.ones(1), torch.ones(1), rate=1.0)[0]
        tensor([0.9000])
    """
    _check(w, gradient)
    (v,) = state or (torch.zeros_like(w),)
    v = m * v + (1 - m) * gradient
    return w - rate * v, (v,)


def nesterov(
    w: Tensor, gradient: Tensor, state: State = (), *, rate: Rate, m: Rate = 0.9
) -> Stepped:
    """v ← mv + g, w ← w − η(g + mv) (``torch.optim.SGD(momentum=m, nesterov=True)``).

    Nesterov (1983) in the form of Sutskever et al. (2013), with w the point at which the
    gradient is taken. Arguments as for ``momentum``.

    Example:
        >>> nesterov(torch.ones(1), torch.ones(1), rate=0.1)[0]
        tensor([0.8100])
    """
    _check(w, gradient)
    (v,) = state or (torch.zeros_like(w),)
    v = m * v + gradient
    return w - rate * (gradient + m * v), (v,)


def adagrad(
    w: Tensor, gradient: Tensor, state: State = (), *, rate: Rate, eps: float = 1e-10
) -> Stepped:
    """s ← s + g², w ← w − ηg/(√s + ε) (``torch.optim.Adagrad``; Duchi et al. 2011).

    Arguments as for ``gradient_descent``; ``eps`` keeps the quotient finite.

    Example:
        >>> adagrad(torch.ones(2), torch.tensor([1.0, 100.0]), rate=0.5)[0]
        tensor([0.5000, 0.5000])
    """
    _check(w, gradient)
    (s,) = state or (torch.zeros_like(w),)
    s = s + gradient**2
    return w - rate * gradient / (s.sqrt() + eps), (s,)


def rmsprop(
    w: Tensor,
    gradient: Tensor,
    state: State = (),
    *,
    rate: Rate,
    keep: float = 0.99,
    eps: float = 1e-8,
) -> Stepped:
    """s ← βs + (1 − β)g², w ← w − ηg/(√s + ε) (``torch.optim.RMSprop``; Hinton 2012).

    Arguments as for ``gradient_descent``; ``keep`` is β (torch's ``alpha``).

    Example:
        >>> rmsprop(torch.ones(1), torch.full((1,), 7.0), rate=0.01)[0]
        tensor([0.9000])
    """
    _check(w, gradient)
    (s,) = state or (torch.zeros_like(w),)
    s = keep * s + (1 - keep) * gradient**2
    return w - rate * gradient / (s.sqrt() + eps), (s,)


def adam(
    w: Tensor,
    gradient: Tensor,
    state: State = (),
    *,
    rate: Rate,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Stepped:
    """Averages of g and of g², both with bias correction (``torch.optim.Adam``).

    Source: Kingma and Ba (2015), arXiv:1412.6980, algorithm 1. Arguments as for
    ``gradient_descent``; ``betas`` are the shares kept of the two averages.

    Example:
        >>> adam(torch.ones(2), torch.tensor([1e-3, -1e3]), rate=0.1)[0]
        tensor([0.9000, 1.1000])
    """
    _check(w, gradient)
    t, v, s = state or (0, torch.zeros_like(w), torch.zeros_like(w))
    t = t + 1
    v = betas[0] * v + (1 - betas[0]) * gradient
    s = betas[1] * s + (1 - betas[1]) * gradient**2
    mean, square = v / (1 - betas[0] ** t), s / (1 - betas[1] ** t)
    return w - rate * mean / (square.sqrt() + eps), (t, v, s)


def adamw(
    w: Tensor, gradient: Tensor, state: State = (), *, rate: Rate, decay: float = 0.01, **more: Any
) -> Stepped:
    """Adam, and w shrinks by the factor 1 − ηλ beside it (``torch.optim.AdamW``).

    Source: Loshchilov and Hutter (2019), arXiv:1711.05101. ``decay`` is λ; the rest as for
    ``adam``.

    Example:
        >>> adamw(torch.ones(1), torch.zeros(1), rate=0.1, decay=0.5)[0]
        tensor([0.9500])
    """
    return adam(w * (1 - rate * decay), gradient, state, rate=rate, **more)


Step = Callable[..., Stepped]


def path(
    step: Step, gradient: Callable[[Tensor], Tensor], start: Tensor, *, steps: int, **settings: Any
) -> Tensor:
    """The points that a step leads to, one after the other.

    Args:
        step: one of the functions above, or one like them.
        gradient: ``gradient(w)``, of the shape of w.
        start: the first w, any shape.
        steps: how many, at least 1.
        settings: ``rate`` and whatever else the step takes.

    Returns:
        Shape (steps + 1, …): the start and every point after it.

    Raises:
        ValueError: if ``steps`` is below 1, or the gradient's shape is not that of w.

    Example:
        >>> path(gradient_descent, lambda w: w, torch.ones(1), steps=2, rate=0.5)
        tensor([[1.0000],
                [0.5000],
                [0.2500]])
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    w, points = start, [start]
    state: State = ()
    for _ in range(steps):
        w, state = step(w, gradient(w), state, **settings)
        points.append(w)
    return torch.stack(points)


def _check(w: Tensor, gradient: Tensor) -> None:
    if w.shape != gradient.shape:
        raise ValueError(
            "the gradient must have the shape of the weights, "
            f"{tuple(w.shape)}, got {tuple(gradient.shape)}"
        )
