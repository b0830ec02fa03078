"""Chapter 4: hints that lead, and a map whose theory is sampled layers'."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import course_utils as cu
from course_utils import exercises
from course_utils.maps import bad_starts
from tests.answers import tell_apart

APART = "ch04-apart-map"


@pytest.mark.parametrize("share", [1e-4, 0.1, 0.5, 1.0])
def test_next_pair_is_the_mean_over_two_correlated_inputs(share):
    g = cu.generator(1)
    a, fresh = torch.randn(2, 2_000_000, generator=g, dtype=torch.float64) * 3**0.5
    correlation = 1 - share
    b = correlation * a + math.sqrt(1 - correlation**2) * fresh
    apart = torch.relu(a) - torch.relu(b)
    q, d = bad_starts.next_pair(3.0, 3.0 * share, gain=0.7, bias_variance=0.2)
    assert q == pytest.approx(0.7 * 1.5 + 0.2)
    assert d == pytest.approx(0.7 * float((apart**2).mean()) / 2, rel=0.01)


@given(st.floats(1e-12, 1e-7), st.floats(0.01, 5))
def test_small_differences_are_halved_by_relu(share, gain):
    _, d = bad_starts.next_pair(2.0, 2.0 * share, gain, 0.1)
    assert d == pytest.approx(gain / 2 * 2.0 * share, rel=1e-3)


def test_next_pair_has_no_seam_where_its_two_formulas_meet():
    shares = [1 - math.cos(angle) for angle in (0.00999, 0.01001)]
    low, high = (bad_starts.next_pair(1.0, s, 1.0, 0.0)[1] / s for s in shares)
    assert low == pytest.approx(high, rel=1e-4)


@pytest.mark.parametrize("arguments", [(0, 0, 1, 0), (1, 3, 1, 0), (1, 1, 0, 0), (1, 1, 1, -1)])
def test_next_pair_refuses_what_is_out_of_range(arguments):
    with pytest.raises(ValueError, match="out of range"):
        bad_starts.next_pair(*arguments)


def test_far_up_torchs_default_loses_a_factor_of_six_a_layer():
    chart = cu.the_map(APART)
    layers = [chart.predict(depth, 1 / 3) for depth in (12, 13)]
    assert layers[1] - layers[0] == pytest.approx(-math.log10(6), abs=1e-3)


@pytest.mark.parametrize(("depth", "gain"), [(1, 1.0), (3, 0.2), (8, 0.5), (16, 1.0), (12, 2.0)])
def test_the_map_measures_what_it_predicts(depth, gain):
    chart = cu.the_map(APART)
    measured = [chart.measure(seed, depth=depth, gain=gain) for seed in range(6)]
    assert sum(measured) / 6 == pytest.approx(chart.predict(depth, gain), abs=0.3)


def test_without_biases_the_gain_does_not_matter():
    chart = cu.the_map(APART)
    shares = [chart.measure(3, depth=10, gain=gain, bias="none") for gain in (0.1, 2.0)]
    assert shares[0] == pytest.approx(shares[1], abs=1e-6)
    assert chart.measure(3, depth=10, gain=0.1, bias="default") < shares[0] - 3


def test_the_measured_share_is_of_a_signal_split_in_two():
    # One layer, inputs that are nearly the same: a large bias is common to all.
    chart = cu.the_map(APART)
    share = chart.measure(4, depth=1, gain=1.0, bias="large")
    assert share == pytest.approx(math.log10(1 / (1 + 0.3)), abs=0.1)


def silent(beta, batch):
    return float(torch.special.ndtr(torch.tensor(beta, dtype=torch.float64))) ** batch


def distinct(*columns):
    return len({tuple(column.tolist()) for column in torch.cat(columns).T})


def bisected(loss):
    low, high = 0.0, 20.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        cost = (math.log1p(math.exp(middle)) + math.log1p(math.exp(-middle))) / 2
        low, high = (low, middle) if cost > loss else (middle, high)
    return low


WRONG_ANSWERS = {
    "ch04-ex1": [
        (lambda w, b, v: distinct(w, b[None]), "What must two units share"),
        (lambda w, b, v: w.shape[1], "What must two units share"),
        (lambda w, b, v: distinct(w, v.T), "What must two units share"),
        (lambda w, b, v: w, "one number is asked for"),
    ],
    "ch04-ex2": [
        (lambda loss: math.sqrt(8 * (loss - math.log(2))), "approximation for small a"),
        (lambda loss: math.acosh(math.exp(loss) / 2 - 1), "under acosh at least 1"),
        (lambda loss: -1.0, "at least 0"),
        (lambda loss: math.inf, "at least 0"),
    ],
    "ch04-ex3": [
        (lambda layer, depth, hidden: 1, "what comes from below"),
        (
            lambda layer, depth, hidden: depth - layer if hidden == "sigmoid" else math.inf,
            "updates count from 1",
        ),
        (lambda layer, depth, hidden: depth - layer + 1, "never move, you say"),
        (lambda layer, depth, hidden: math.inf, "what comes from below"),
        (lambda layer, depth, hidden: layer if hidden == "sigmoid" else math.inf, "product"),
    ],
    "ch04-ex4": [
        (lambda beta, batch: silent(beta, 1), "independent things all happen"),
        (lambda beta, batch: 0.5, "1 standard deviation down"),
        (lambda beta, batch: 1 - silent(-beta, batch), "independent things all happen"),
        (lambda beta, batch: silent(-beta, batch), "one normal number below another"),
    ],
    "ch04-ex5": [
        (lambda gain, slope: gain * (1 + slope) / 2, "Which square is averaged"),
        (lambda gain, slope: gain / 2, "if it is off"),
        (lambda gain, slope: 1.0, "small difference"),
    ],
}
RIGHT_ANSWERS = {
    "ch04-ex1": lambda w, b, v: distinct(w, b[None], v.T),
    "ch04-ex2": bisected,
    "ch04-ex3": lambda layer, depth, hidden: depth + 1 - layer if hidden == "sigmoid" else math.inf,
    "ch04-ex4": silent,
    "ch04-ex5": lambda gain, slope: gain * (1 + slope**2) / 2,
}


@pytest.mark.parametrize("id", list(WRONG_ANSWERS))
def test_answers_are_told_apart(id):
    tell_apart(id, RIGHT_ANSWERS[id], WRONG_ANSWERS[id])


def test_the_maps_biases_are_those_that_torch_draws():
    with torch.random.fork_rng():
        torch.manual_seed(6)
        biases = torch.nn.Linear(bad_starts.WIDTH, 20_000).bias.detach()
    drawn = bad_starts.WIDTH * float(biases.var())
    assert drawn == pytest.approx(bad_starts.BIASES["default"], rel=0.03)


def test_every_exercise_of_the_chapter_is_tested():
    assert set(WRONG_ANSWERS) == {id for id in exercises.CHECKS if id.startswith("ch04")}
