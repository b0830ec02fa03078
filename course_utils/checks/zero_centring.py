"""Checks for chapter 2. Each holds the answer against an independent truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.common import as_tensor, attempted
from course_utils.data import inputs_with_mean


def batch_update(answer: Callable[..., Any]) -> str | None:
    """Exercise 1: −η times the gradient of the mean loss, held against autograd."""
    g = torch.Generator().manual_seed(2)
    x = torch.randn(5, 3, generator=g, dtype=torch.float64)
    w = torch.randn(3, generator=g, dtype=torch.float64, requires_grad=True)
    y = torch.randn(5, generator=g, dtype=torch.float64)
    (0.5 * (x @ w - y) ** 2).mean().backward()
    assert w.grad is not None
    truth = -0.1 * w.grad
    update = as_tensor(answer((x @ w - y).detach(), x, 0.1))
    if update.shape != truth.shape:
        return f"three weights need three updates, yours has shape {tuple(update.shape)}."
    if torch.allclose(update, as_tensor(answer((x @ w - y).detach(), x, 0.7))):
        return "your step does not depend on the learning rate."
    if torch.allclose(update, -truth):
        return "your step climbs the loss."
    if torch.allclose(update, 5 * truth):
        return "that is the step for the sum of the losses; the loss here is their mean."
    if not torch.allclose(update, truth):
        return "follow one weight: which inputs multiply which δ, and what is summed?"
    return None


def share_of_one_example(answer: Callable[..., Any]) -> str | None:
    """Exercise 2: share of one-sign inputs, held against counting 200 000 of them."""
    g = torch.Generator().manual_seed(3)
    for mean, weights in ((1.0, 1), (0.0, 2), (1.0, 2), (1.0, 5), (2.0, 20), (-1.0, 3)):
        x = inputs_with_mean(mean, (200_000, weights), g)
        counted = float(((x > 0).all(1) | (x < 0).all(1)).double().mean())
        share = float(as_tensor(answer(mean, weights)))
        if weights == 1 and not abs(share - counted) <= 0.006:
            return (
                "a single weight always has one sign, up or down, so its share is 1; "
                f"you say {share:.2f}. Check your Φ, and count both signs."
            )
        if not abs(share - counted) <= 0.006:  # more than five standard errors
            return (
                f"for μ = {mean:g} and n = {weights}, counting gives about {counted:.2f}, "
                f"you say {share:.2f}. Independent inputs: which probabilities multiply?"
            )
    return None


def centre_without_peeking(answer: Callable[..., Any]) -> str | None:
    """Exercise 3: both parts moved by the training part's means, inputs left alone."""
    g = torch.Generator().manual_seed(4)
    train = torch.rand(20, 3, generator=g) + torch.tensor([0.0, 1.0, 5.0])
    test = torch.rand(10, 3, generator=g) + torch.tensor([0.0, 1.0, 6.0])
    before = train.clone(), test.clone()
    result = attempted(answer(train, test))
    if not (isinstance(result, (tuple, list)) and len(result) == 2):
        return "return two tensors, the training part and the test part."
    if not (torch.equal(train, before[0]) and torch.equal(test, before[1])):
        return "your function changed the tensors that it was given."
    new_train, new_test = (as_tensor(part) for part in result)
    if new_train.shape != train.shape or new_test.shape != test.shape:
        return "the shapes should stay as they were."
    if not float(new_train.mean(0).abs().max()) <= 1e-5:
        return (
            "some feature of the training part still has a mean. "
            "Each feature has its own, and only the training part may say which."
        )
    if float(new_test.mean(0).abs().max()) < 1e-5:
        return "a model in use does not know the test set: where did you get its mean?"
    if not torch.allclose(new_train.std(0), train.double().std(0), atol=1e-5):
        return "only move the features, do not stretch them."
    shift = (train.double() - new_train)[0]
    if not torch.allclose(test.double() - new_test, shift.expand_as(new_test), atol=1e-5):
        return "training part and test part must be moved by the same amounts."
    return None


def south_east(answer: Any) -> str | None:
    """Exercise 4: a batch of positive inputs whose update goes south-east."""
    if not (isinstance(answer, (tuple, list)) and len(answer) == 2):
        return "give a pair: the errors δ, and the inputs, one row for each example."
    delta, x = (as_tensor(part) for part in answer)
    if x.dim() != 2 or x.shape[1] != 2 or delta.shape != x.shape[:1]:
        return "with B examples, δ has shape (B,) and the inputs have shape (B, 2)."
    if not bool(torch.isfinite(x).all() and torch.isfinite(delta).all()):
        return "errors and inputs must be finite numbers."
    if not bool((x > 0).all()):
        return "all inputs must be positive: that is the whole difficulty."
    change = -(delta @ x)
    if bool(change[0] < 0 and change[1] > 0):
        return "that goes north-west, exactly the other way: look at the minus in equation (2.1)."
    if not bool(change[0] > 0 and change[1] < 0):
        return (
            f"the weights change by ({change[0]:+.2g}, {change[1]:+.2g}) times η. "
            "One example cannot do it. What can two examples do that disagree?"
        )
    return None


def largest_step(answer: Callable[..., Any]) -> str | None:
    """Exercise 5: the largest stable rate, held against descent just below and above."""
    g = torch.Generator().manual_seed(5)
    for mean in (0.0, 0.5, 3.0):
        x = inputs_with_mean(mean, (400, 6), g)
        rate = float(as_tensor(answer(x)))
        if not 0 < rate < float("inf"):
            return f"a learning rate is more than 0 and finite, yours is {rate:g}."
        if _grows(x, 0.98 * rate):
            return (
                f"for inputs with mean {mean:g}, descent still diverges a little below your rate."
            )
        if not _grows(x, 1.02 * rate):
            return (
                f"for inputs with mean {mean:g}, descent is still stable a little above your rate."
            )
    return None


def _grows(x: Tensor, rate: float) -> bool:
    w = torch.ones(x.shape[1], dtype=torch.float64)
    for _ in range(2000):
        w = w - rate * x.T @ (x @ w) / len(x)
        if w.norm() > 1e6:
            return True
    return False


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "ch02-ex1": batch_update,
    "ch02-ex2": share_of_one_example,
    "ch02-ex3": centre_without_peeking,
    "ch02-ex4": south_east,
    "ch02-ex5": largest_step,
}
FUNCTIONS = CHECKS.keys() - {"ch02-ex4"}
