"""Closed forms against brute force, other closed forms and known limits."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from course_utils import theory
from course_utils.gradients import one_sign, unit_updates

MEANS = st.floats(-6, 6)


@pytest.mark.parametrize(
    ("mean", "batch", "weights"), [(0.5, 2, 2), (2, 3, 2), (1.7, 16, 10), (-1, 5, 3)]
)
def test_one_sign_share_is_what_counting_gives(mean, batch, weights):
    g = torch.Generator().manual_seed(1)
    x = torch.randn(60_000, batch, weights, generator=g) + mean
    delta = torch.randn(60_000, batch, 1, generator=g)
    update = (x * delta).sum(1)
    counted = ((update > 0).all(1) | (update < 0).all(1)).double().mean()
    assert theory.one_sign_share(mean, batch, weights) == pytest.approx(float(counted), abs=0.01)


@given(MEANS)
def test_one_example_has_one_sign_when_its_inputs_have(mean):
    phi = 0.5 * math.erfc(-mean / math.sqrt(2))
    assert theory.one_sign_share(mean, 1) == pytest.approx(phi**2 + (1 - phi) ** 2, abs=1e-12)


@pytest.mark.parametrize("mean", [0, 0.3, 1, 2, 5])
def test_large_batch_limit_is_an_orthant_of_a_correlated_normal(mean):
    rho = mean**2 / (1 + mean**2)
    both_negative = multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([0, 0])
    assert theory.one_sign_share_large_batch(mean) == pytest.approx(2 * both_negative, abs=1e-6)
    assert theory.one_sign_share(mean, 10**6) == pytest.approx(2 * both_negative, abs=1e-5)


@given(MEANS, st.integers(1, 300), st.integers(1, 12))
def test_one_sign_share_is_a_probability_even_in_the_mean(mean, batch, weights):
    share = theory.one_sign_share(mean, batch, weights)
    assert 2 ** (1 - weights) - 1e-9 <= share <= 1 + 1e-9  # never below independent signs
    assert share == pytest.approx(theory.one_sign_share(-mean, batch, weights), abs=1e-12)


@given(st.floats(0.1, 5), st.integers(2, 100))
def test_the_share_falls_with_the_batch_and_stays_above_its_limit(mean, batch):
    assert theory.one_sign_share(mean, batch) <= theory.one_sign_share(mean, batch - 1) + 1e-9
    assert theory.one_sign_share(mean, batch) >= theory.one_sign_share_large_batch(mean) - 1e-9


@pytest.mark.parametrize(("mean", "batch"), [(2, 1), (2, 4), (2, 64), (5, 16), (0, 3)])
def test_a_signal_frees_the_weights_as_counted(mean, batch):
    updates = unit_updates(
        mean, batch, updates=40_000, errors="signal", generator=torch.Generator().manual_seed(6)
    )
    counted = float(one_sign(updates).double().mean())
    assert theory.one_sign_share_signal(mean, batch) == pytest.approx(counted, abs=0.01)


def test_a_signal_in_a_large_batch():
    limit = math.erfc(math.sqrt(2000 / (1 + 2 * 5**2)) / math.sqrt(2))
    assert theory.one_sign_share_signal(5, 2000) == pytest.approx(limit, rel=0.2)


def test_equal_errors_grow_surer_with_the_batch():
    g = torch.Generator().manual_seed(2)
    update = (torch.randn(100_000, 4, 2, generator=g) + 0.3).sum(1)
    counted = ((update > 0).all(1) | (update < 0).all(1)).double().mean()
    assert theory.one_sign_share_equal_errors(0.3, 4) == pytest.approx(float(counted), abs=0.008)
    assert theory.one_sign_share_equal_errors(0.3, 400) > 0.999


@pytest.mark.parametrize("mean", [0, 1, 3, 5])
def test_path_ratio_is_the_expectation_that_it_says(mean):
    g = torch.Generator().manual_seed(3)
    x = torch.randn(1_000_000, 2, generator=g, dtype=torch.float64) + mean
    across = (x[:, 0] - x[:, 1]) / math.sqrt(2)
    expected = float((across.abs() * x.norm(dim=1)).mean())
    assert theory.path_ratio_one_example(mean) == pytest.approx(expected, rel=0.005)


def test_path_ratio_limits():
    assert theory.path_ratio_one_example(0) == pytest.approx(4 / math.pi, abs=1e-5)
    assert theory.path_ratio_one_example(60) == pytest.approx(2 * 60 / math.sqrt(math.pi), rel=1e-3)


@given(st.integers(2, 12), st.floats(-4, 4))
def test_eigenvalues_of_the_population(n, mean):
    moment = np.eye(n) + mean**2
    values = np.linalg.eigvalsh(moment)
    assert theory.largest_eigenvalue(n, mean) == pytest.approx(values[-1], rel=1e-9)
    assert theory.condition_number(n, mean) == pytest.approx(values[-1] / values[0], rel=1e-9)


@given(st.integers(1, 12), st.floats(-3, 3))
def test_the_bias_squares_the_condition_number(n, mean):
    moment = np.eye(n + 1)
    moment[1:, 1:] += mean**2
    moment[0, 1:] = moment[1:, 0] = mean
    values = np.linalg.eigvalsh(moment)
    assert theory.condition_number(n, mean, bias=True) == pytest.approx(
        values[-1] / values[0], rel=1e-6
    )


@pytest.mark.parametrize(("n", "examples"), [(20, 400), (50, 1000)])
def test_smallest_eigenvalue_of_a_sample(n, examples):
    g = torch.Generator().manual_seed(4)
    x = torch.randn(examples, n, generator=g, dtype=torch.float64)
    smallest = torch.linalg.eigvalsh(x.T @ x / examples)[0]
    assert theory.smallest_eigenvalue_of_sample(n, examples) == pytest.approx(
        float(smallest), rel=0.1
    )


@given(st.floats(1.5, 1e4), st.floats(2, 1e6))
def test_steps_to_shrink_shrinks_by_the_factor(condition, factor):
    steps = theory.steps_to_shrink(condition, factor)
    assert (1 - 1 / condition) ** steps == pytest.approx(1 / factor, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.one_sign_share(1, 0), "at least 1 example, got 0"),
        (lambda: theory.one_sign_share(math.nan, 2), "mean must be a finite number, got nan"),
        (lambda: theory.one_sign_share_signal(math.inf, 2), "mean must be a finite number"),
        (lambda: theory.one_sign_share_large_batch(math.nan), "mean must be a finite number"),
        (lambda: theory.path_ratio_one_example(math.nan), "mean must be a finite number"),
        (lambda: theory.largest_eigenvalue(3, math.nan), "mean must be a finite number"),
        (lambda: theory.condition_number(3, math.nan), "mean must be a finite number"),
        (lambda: theory.steps_to_shrink(math.nan), "condition must be a finite number"),
        (lambda: theory.one_sign_share(1, 1, 0), "at least 1 weight, got 0"),
        (lambda: theory.one_sign_share_equal_errors(1, 0), "at least 1 example, got 0"),
        (lambda: theory.largest_eigenvalue(0, 1), "at least 1 input, got 0"),
        (lambda: theory.condition_number(1, 1), "at least 2 here, got 1"),
        (lambda: theory.condition_number(0, 1, bias=True), "at least 1 here, got 0"),
        (lambda: theory.smallest_eigenvalue_of_sample(5, 5), "5 inputs, 5 examples"),
        (lambda: theory.steps_to_shrink(0.5), "at least 1, got 0.5"),
        (lambda: theory.steps_to_shrink(2, 1), "more than 1, got 1"),
    ],
)
def test_bad_numbers_are_refused_with_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
