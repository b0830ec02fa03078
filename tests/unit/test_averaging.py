"""Chapter 9: its checks lead, and its map measures what a step really gains."""

import math

import pytest
import torch

import course_utils as cu
from course_utils.maps import averaging
from tests.answers import tell_apart


def pieces(gradients, sizes):
    return (gradients * sizes[:, None]).sum(0) / sizes.sum()


def layer(h, delta):
    return h.T @ delta / len(h), delta.mean(dim=0)


def distance(gradients, batch, replacement, correction=0, bend=lambda n, b: (n - b) / (n - 1)):
    trace = gradients.var(dim=0, correction=correction).sum()
    return trace / batch * (1.0 if replacement else bend(len(gradients), batch))


def scale(small, b, large, big):
    trace = (small - large) / (1 / b - 1 / big)
    return trace / ((big * large - b * small) / (big - b))


def lengths(h, delta):
    return ((h**2).sum(1) + 1).sqrt() * delta.norm(dim=1)


WRONG_ANSWERS = {
    "ch09-ex1": [
        (lambda g, s: g.mean(dim=0), "How much should each example count"),
        (lambda g, s: g.sum(dim=0), "mean of both"),
        (lambda g, s: (g * s[:, None]).sum(dim=0), "sum of the losses"),
        (lambda g, s: (g / s[:, None]).sum(dim=0), "With which factor"),
        (lambda g, s: g, "the shape"),
    ],
    "ch09-ex2": [
        (lambda h, d: (h.mean(0)[:, None] * d.mean(0), d.mean(0)), "averaged first"),
        (lambda h, d: (h.T @ d, d.sum(0)), "*sum* of the losses"),
        (lambda h, d: (h.T @ d / len(h), d.sum(0)), "the sum over the examples"),
        (lambda h, d: (h.T @ d / len(h), d.norm(dim=0)), "input that the bias"),
        (lambda h, d: (d.T @ h / len(h), d.mean(0)), "4 × 3"),
        (lambda h, d: (2 * h.T @ d / len(h), d.mean(0)), "one example contribute"),
        (lambda h, d: h.T @ d / len(h), "two things"),
    ],
    "ch09-ex3": [
        (lambda g, b, r: distance(g, b, True), "all the data"),
        (lambda g, b, r: distance(g, b, r, correction=1), "N − 1"),
        (lambda g, b, r: distance(g, b, r, bend=lambda n, b: (n - b) / n), "exact for B = 1"),
        (lambda g, b, r: distance(g, b, r).sqrt(), "*squared*"),
        (lambda g, b, r: distance(g, b, r) / g.shape[1], "which axis"),
        (lambda g, b, r: distance(g, b, not r), "Which of the two kinds"),
        (lambda g, b, r: distance(g, 1, r), "How does it go with B"),
        (lambda g, b, r: g.var(dim=0, correction=0), "one number"),
    ],
    "ch09-ex4": [
        (lambda s, b, t, c: (s - t) / (1 / b - 1 / c) / t, "not ‖G‖²"),
        (lambda s, b, t, c: (s - t) / (1 / b - 1 / c), "Over what"),
        (lambda s, b, t, c: 1 / scale(s, b, t, c), "Upside down"),
        (lambda s, b, t, c: -scale(s, b, t, c), "longer gradients"),
        (lambda s, b, t, c: s / t, "once for each size"),
    ],
    "ch09-ex5": [
        (lambda h, d: h.norm(dim=1) * d.norm(dim=1), "the bias's input"),
        (lambda h, d: lengths(h, d) ** 2, "squared lengths"),
        (lambda h, d: (h.norm(dim=1) + 1) * d.norm(dim=1), "lengths add"),
        (lambda h, d: h.norm(dim=1) + d.norm(dim=1), "products"),
        (lambda h, d: lengths(h, d).sum(), "each of the 5"),
    ],
}
RIGHT_ANSWERS = {
    "ch09-ex1": pieces,
    "ch09-ex2": layer,
    "ch09-ex3": distance,
    "ch09-ex4": scale,
    "ch09-ex5": lengths,
}


@pytest.mark.parametrize("id", list(WRONG_ANSWERS))
def test_answers_are_told_apart(id):
    tell_apart(id, RIGHT_ANSWERS[id], WRONG_ANSWERS[id])


def test_the_noise_scale_is_that_of_a_linear_unit():
    """tr(HΣ)/GᵀHG from autograd's gradients of many examples, H the identity."""
    n, count, noise, e = averaging.INPUTS, 400_000, 1.0, 0.8
    g = cu.generator(90)
    x = torch.randn(count, n, generator=g, dtype=torch.float64)
    off = torch.zeros(n, dtype=torch.float64)
    off[0] = e
    target = noise * torch.randn(count, generator=g, dtype=torch.float64)
    outputs = (x @ off).requires_grad_()
    (delta,) = torch.autograd.grad(((outputs - target) ** 2).sum() / 2, outputs)
    gradients = x * delta[:, None]
    mean = gradients.mean(dim=0)
    by_sampling = float((gradients - mean).square().sum(dim=1).mean() / (mean @ mean))
    assert averaging.noise_scale(e**2 / noise**2) == pytest.approx(by_sampling, rel=0.02)
    assert averaging.noise_scale(math.inf) == n + 1


@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_a_gain_is_the_fall_of_the_loss_by_the_best_step(spread):
    """The loss itself, before and after steps at rates of a grid."""
    variances = torch.logspace(0, math.log10(spread), 4, dtype=torch.float64)
    g = cu.generator(91)
    off = torch.randn(4, generator=g, dtype=torch.float64)
    gradients = variances * off + torch.randn(500, 4, generator=g, dtype=torch.float64)

    def mean_loss(rate):
        after = off - rate * gradients
        return float((after**2 @ variances).mean() / 2)

    rates = torch.linspace(0, 2, 4001, dtype=torch.float64) / spread
    best = max(mean_loss(0.0) - mean_loss(rate) for rate in rates)
    assert averaging._gain(gradients, variances, variances * off) == pytest.approx(best, rel=1e-3)


def test_the_map_measures_what_theory_says_and_its_choices_matter():
    chart = averaging.HALF_GAIN
    at = {"batch": 32, "left": 0.5}

    def mean(**more):
        return sum(chart.measure(seed, **at, **more) for seed in range(20)) / 20

    assert mean() == pytest.approx(chart.predict(**at), abs=0.02)
    assert mean(inputs="exponential") < chart.predict(**at) - 0.01
    assert mean(spread=100) > chart.predict(**at) + 0.05
    assert chart.threshold == chart.predict(averaging.noise_scale(3.0), 3.0)


def test_all_the_data_gain_all_there_is():
    assert averaging.share_of_the_gain(3, 4096, 2.0) == pytest.approx(1.0, abs=0.02)
