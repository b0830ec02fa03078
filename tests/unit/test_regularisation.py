"""Chapter 12: its checks lead, and its map measures what weight decay does to new data."""

import math
from itertools import pairwise

import pytest
import torch

from course_utils.maps import regularisation
from tests.answers import tell_apart


def dropout(h, kept, p):
    return h * kept / (1 - p)


def over_masks(x, y, w, p, factor=None):
    factor = p / (1 - p) / 2 if factor is None else factor
    return ((x @ w - y) ** 2).mean() / 2 + factor * (w**2 * (x**2).mean(dim=0)).sum()


def proximal(u, l1, l2):
    return u.sign() * (u.abs() - l1).clamp(min=0) / (1 + l2)


def strengths(w, noise, count):
    return noise / (count * w**2)


def rates(rate, decay, steps, stop, power=lambda t: -2 * t - 1, after=lambda stop: -2 * stop):
    c = 1 - rate * decay
    return [rate * c ** (power(t) if t < stop else after(stop)) for t in range(steps)]


RIGHT_ANSWERS = {
    "ch12-ex1": dropout,
    "ch12-ex2": over_masks,
    "ch12-ex3": proximal,
    "ch12-ex4": strengths,
    "ch12-ex5": rates,
}
WRONG_ANSWERS = {
    "ch12-ex1": [
        (lambda h, kept, p: h * kept / p, "Which of the two shares"),
        (lambda h, kept, p: h * kept, "left to do at test"),
        (lambda h, kept, p: h * kept * (1 - p), "smaller still"),
        (lambda h, kept, p: h * kept * 3, "It should be 1"),
        (lambda h, kept, p: h, "Yours passes on something else"),
        (lambda h, kept, p: torch.nn.functional.dropout(h, p), "nothing is drawn here"),
        (lambda h, kept, p: h * kept / kept.double().mean(), "False for all units"),
        (lambda h, kept, p: h[0], "the shape"),
    ],
    "ch12-ex2": [
        (lambda x, y, w, p: over_masks(x, y, w, 0.0), "the loss without dropout"),
        (lambda x, y, w, p: over_masks(x, y, w, p, p / (1 - p)), "Has all of it"),
        (lambda x, y, w, p: over_masks(x, y, w, p, p * (1 - p) / 2), "zeros and ones"),
        (lambda x, y, w, p: over_masks(x, y, w, p, p / 2), "one entry of the mask"),
        (
            lambda x, y, w, p: (
                over_masks(x, y, w, 0.0) + p / (1 - p) / 2 * (w * x.mean(0)).square().sum()
            ),
            "an input's mean",
        ),
        (
            lambda x, y, w, p: over_masks(x, y, w, 0.0) + p / (1 - p) / 2 * (w**2).sum(),
            "large input",
        ),
        (lambda x, y, w, p: over_masks(x, y, w, p) + 1, "mean and variance"),
        (lambda x, y, w, p: w, "one number"),
    ],
    "ch12-ex3": [
        (lambda u, l1, l2: (u - l1 * u.sign()) / (1 + l2), "beyond 0"),
        (lambda u, l1, l2: u / (1 + l1), "Where is the derivative 0 for w > 0?"),
        (lambda u, l1, l2: u.sign() * (u.abs() - l1).clamp(min=0), "a parabola"),
        (
            lambda u, l1, l2: (u / (1 + l2)).sign() * ((u / (1 + l2)).abs() - l1).clamp(min=0),
            "Each penalty alone",
        ),
        (lambda u, l1, l2: proximal(u, l1, l2) + 1e-6, "not exactly 0"),
        (lambda u, l1, l2: u[:2], "the shape"),
    ],
    "ch12-ex4": [
        (lambda w, noise, count: noise / w**2, "more data"),
        (lambda w, noise, count: len(w) * strengths(w, noise, count), "in all of them"),
        (lambda w, noise, count: strengths(w, noise**0.5, count), "standard deviation"),
        (lambda w, noise, count: noise / (count * w.abs()), "a weight's size"),
        (lambda w, noise, count: noise / (count * w), "a weight's size"),
        (lambda w, noise, count: 1 / strengths(w, noise, count), "Upside down"),
        (
            lambda w, noise, count: (len(w) * noise / (count * (w**2).sum())).expand(len(w)),
            "weight by weight",
        ),
        (lambda w, noise, count: len(w) * noise / (count * (w**2).sum()), "the shape"),
        (lambda w, noise, count: w.abs(), "as a function of its λ"),
    ],
    "ch12-ex5": [
        (lambda r, d, n, s: [r] * n, "rise or to fall"),
        (lambda r, d, n, s: rates(r, d, n, s, lambda t: 2 * t + 1), "rise or to fall"),
        (lambda r, d, n, s: rates(r, d, n, s, lambda t: -2 * t), "first step"),
        (lambda r, d, n, s: rates(r, d, n, s, lambda t: -t - 1), "first power"),
        (lambda r, d, n, s: rates(r, d, n, s, lambda t: -3 * t - 1), "Which v_t"),
        (lambda r, d, n, s: rates(r, d, n, s, after=lambda stop: 0), "the length of w"),
        (lambda r, d, n, s: rates(r, d, n, s, after=lambda stop: 1 - 2 * stop), "still change"),
        (lambda r, d, n, s: rates(r, d, n, n), "still change"),
        (lambda r, d, n, s: [math.inf] * n, "finite"),
        (lambda r, d, n, s: rates(r, d, n + 1, s), "one a step"),
    ],
}


@pytest.mark.parametrize("id", list(WRONG_ANSWERS))
def test_answers_are_told_apart(id):
    tell_apart(id, RIGHT_ANSWERS[id], WRONG_ANSWERS[id])


@pytest.mark.parametrize(("decay", "signal"), [(0.2, 5.0), (1.0, 1.0), (3.0, 0.4)])
def test_the_prediction_is_that_of_an_orthonormal_design(decay, signal):
    """By sampling: inputs exactly uncorrelated, weights by torch's own solver."""
    count, n, draws = 50, 5, 40_000
    g = torch.Generator().manual_seed(120)
    x, _ = torch.linalg.qr(torch.randn(count, n, generator=g, dtype=torch.float64))
    x = x * count**0.5
    best = torch.full((n, 1), (signal / count) ** 0.5, dtype=torch.float64)
    y = x @ best + torch.randn(draws, count, 1, generator=g, dtype=torch.float64)
    plain = torch.linalg.lstsq(x.expand(draws, -1, -1), y).solution
    penalty = (count * decay) ** 0.5 * torch.eye(n, dtype=torch.float64)
    rows, zeros = torch.cat([x, penalty]), torch.zeros(draws, n, 1, dtype=torch.float64)
    ridge = torch.linalg.lstsq(rows.expand(draws, -1, -1), torch.cat([y, zeros], dim=1)).solution
    ratio = float(((plain - best) ** 2).sum() / ((ridge - best) ** 2).sum())
    assert regularisation.predicted(decay, signal) == pytest.approx(ratio, rel=0.02)


@pytest.mark.parametrize("decay", [0.1, 1.0, 4.0])
def test_the_boundary_is_the_rule(decay):
    edge = 1 + 2 / decay
    assert regularisation.predicted(decay, edge) == pytest.approx(1.0)
    assert regularisation.predicted(decay, 0.9 * edge) > 1
    assert regularisation.predicted(decay, 1.1 * edge) < 1


@pytest.mark.parametrize("signal", [0.5, 3.0])
def test_the_best_strength_is_one_over_the_signal(signal):
    strengths = [k / 1000 for k in range(1, 5000)]
    gains = [regularisation.predicted(decay, signal) for decay in strengths]
    assert strengths[gains.index(max(gains))] == pytest.approx(1 / signal, abs=0.002)
    assert max(gains) == pytest.approx(1 + 1 / signal, rel=1e-5)


def test_the_map_measures_what_theory_says_and_its_choices_matter():
    chart = regularisation.DECAY_HELPS
    at = {"decay": 2, "signal": 2.5}

    def mean(**more):
        return sum(chart.measure(seed, **at, **more) for seed in range(40)) / 40

    assert mean() == pytest.approx(chart.predict(**at), rel=0.06)
    assert mean() < 1 < mean(spread=100)
    assert mean(inputs="exponential") != mean()


def test_without_decay_nothing_is_gained_and_strong_decay_forgets_all():
    assert regularisation.gain_by_decay(0, 0.0, 2.0) == 1.0
    gains = [regularisation.gain_by_decay(0, decay, 50.0) for decay in (0.5, 2.0, 8.0, 1e6)]
    assert all(before > after for before, after in pairwise(gains))
    assert gains[-1] == pytest.approx(1 / 50, rel=0.2)  # all of the signal is lost
