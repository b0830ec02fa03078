"""Signals through random layers: against autograd, other quadratures and sampling."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

import course_utils as cu
from course_utils import signals, theory
from tests.answers import tell_apart


@pytest.mark.parametrize("kind", ["identity", "tanh", "sigmoid", "relu"])
def test_backward_is_autograds(kind):
    g = cu.generator(1)
    weights = signals.random_weights(6, 4, 0.7, g)
    inputs = torch.randn(5, 6, generator=g, dtype=torch.float64, requires_grad=True)
    z, h = signals.forward(inputs, weights, kind)
    top = torch.randn(5, 6, generator=g, dtype=torch.float64)
    wanted = torch.autograd.grad((h[-1] * top).sum(), [inputs, *h[:-1]])
    found = signals.backward(top, weights, z, kind)
    assert len(found) == 5 and torch.equal(found[-1], top)
    for ours, autograds in zip(found, wanted, strict=False):
        assert torch.allclose(ours, autograds, atol=1e-12)


def test_forward_is_a_chain_of_products():
    weights = signals.random_weights(3, 2, 1.0, cu.generator(2))
    inputs = torch.randn(4, 3, dtype=torch.float64)
    z, h = signals.forward(inputs, weights, "tanh")
    assert torch.allclose(z[1], torch.tanh(inputs @ weights[0]) @ weights[1])
    assert torch.allclose(h[1], torch.tanh(z[1]))


def test_random_weights_have_the_spread():
    weights = signals.random_weights(300, 2, 0.3, cu.generator(3))
    assert float(weights[1].std()) == pytest.approx(0.3, rel=0.02)
    assert not torch.equal(*weights)


@pytest.mark.parametrize("kind", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("q", [0.01, 1.0, 100.0])
def test_predictions_are_the_expectations_that_they_say(kind, q):
    f = cu.activation(kind)

    def expect(function):
        def integrand(z):
            value = float(function(torch.tensor(z * math.sqrt(q), dtype=torch.float64)))
            return value * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

        pieces = (-10, -1, -0.1, 0, 0.1, 1, 10)
        return sum(quad(integrand, a, b)[0] for a, b in pairwise(pieces))

    assert signals.next_mean_square(kind, q, 3.0) == pytest.approx(
        3 * expect(lambda z: f(z) ** 2), rel=1e-6
    )
    assert signals.backward_factor(kind, q, 3.0) == pytest.approx(
        3 * expect(lambda z: f.derivative(z) ** 2), rel=1e-6
    )


@given(st.floats(1e-3, 1e3), st.floats(1e-2, 1e2))
def test_relu_halves_and_identity_keeps(q, gain):
    assert signals.next_mean_square("relu", q, gain) == pytest.approx(gain * q / 2, rel=1e-9)
    assert signals.backward_factor("relu", q, gain) == pytest.approx(gain / 2, rel=1e-9)
    assert signals.mean_squares("identity", q, gain, 3)[-1] == pytest.approx(q * gain**2, rel=1e-9)


def test_saturated_tanh_has_the_asymptote():
    n = 1e6
    q = signals.mean_squares("tanh", n, n, 5)[-1]
    asymptote = 4 / 3 * math.sqrt(n / (2 * math.pi))
    assert signals.backward_factor("tanh", q, n) == pytest.approx(asymptote, rel=0.01)


@pytest.mark.parametrize("q", [0.5, 4.0, 100.0])
def test_saturated_share_counts_units(q):
    z = math.sqrt(q) * torch.randn(400_000, generator=cu.generator(4), dtype=torch.float64)
    counted = float((1 - torch.tanh(z) ** 2 < 0.05).double().mean())
    assert cu.saturated_share("tanh", q**0.5) == pytest.approx(counted, abs=0.01)


@given(st.floats(-5, 5), st.floats(0, 9), st.floats(-5, 5), st.floats(0, 9))
def test_product_variance_over_two_points_each(mean_y, variance_y, mean_w, variance_w):
    ys = [mean_y - variance_y**0.5, mean_y + variance_y**0.5]
    ws = [mean_w - variance_w**0.5, mean_w + variance_w**0.5]
    products = torch.tensor([y * w for y in ys for w in ws], dtype=torch.float64)
    exact = float(products.var(correction=0))
    found = theory.product_variance(mean_y, variance_y, mean_w, variance_w)
    assert found == pytest.approx(exact, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("width", "relu"), [(10, False), (10, True), (100, True)])
def test_log_norm_step_as_sampled(width, relu):
    g = cu.generator(5)
    z = torch.randn(100_000, width, generator=g, dtype=torch.float64)
    z = z * (2 / width) ** 0.5 if relu else z * (1 / width) ** 0.5
    squares = ((torch.relu(z) if relu else z) ** 2).sum(dim=1)
    logs = squares[squares > 0].log()
    mean, variance = theory.log_norm_step(width, relu)
    assert mean == pytest.approx(float(logs.mean()), abs=0.02)
    assert variance == pytest.approx(float(logs.var()), rel=0.05)


def test_log_norm_step_of_wide_relu_layers():
    mean, variance = theory.log_norm_step(4000, relu=True)
    assert 4000 * variance == pytest.approx(5, rel=0.01)
    assert 4000 * mean == pytest.approx(-2.5, rel=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: signals.random_weights(0, 1, 1, cu.generator(0)), "got 0, 1 and 1"),
        (lambda: signals.random_weights(2, 1, 0, cu.generator(0)), "got 2, 1 and 0"),
        (lambda: signals.forward(torch.ones(1, 3), [torch.eye(2)], "tanh"), r"got \(1, 3\)"),
        (lambda: signals.forward(torch.full((1, 2), math.nan), [torch.eye(2)], "tanh"), "NaN"),
        (lambda: signals.backward(torch.ones(1, 2), [torch.eye(2)], [], "tanh"), "got 1 matrices"),
        (lambda: signals.next_mean_square("tanh", 0, 1), "q must be more than 0"),
        (lambda: signals.backward_factor("tanh", 1, -1), "gain must be more than 0"),
        (lambda: signals.mean_squares("tanh", 1, 1, 0), "depth must be at least 1, got 0"),
        (lambda: theory.product_variance(0, -1, 0, 1), "got -1 and 1"),
        (lambda: theory.log_norm_step(1), "at least 2, got 1"),
        (lambda: cu.gaussian_expectation(torch.tanh, math.inf), "got inf"),
    ],
)
def test_bad_numbers_are_refused_with_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def chi(n, sigma, q, power=2):
    z = torch.randn(200_000, generator=cu.generator(6), dtype=torch.float64) * q**0.5
    return n * sigma**2 * float(((1 - torch.tanh(z) ** 2) ** power).mean())


WRONG_ANSWERS = {
    "ch03-ex1": [(lambda my, vy, mw, vw: vy * vw, "which of the three terms".capitalize())],
    "ch03-ex2": [
        (lambda n, m, v, w: n * v * w, "Is it the variance of the inputs"),
        (lambda n, m, v, w: n**2 * (v + m**2) * w, "How does it grow with n"),
    ],
    "ch03-ex3": [
        (lambda n: 1 / n, "not a variance"),
        (lambda n: (2 / n) ** 0.5, "Which n σ² leaves"),
        (lambda n: -1, "more than 0"),
    ],
    "ch03-ex4": [(lambda n, s: 38.5 / math.log10(n * s**2), "By which factor")],
    "ch03-ex5": [(lambda n, s, q: chi(n, s, q, power=1), "Which square is averaged")],
}
RIGHT_ANSWERS = {
    "ch03-ex1": theory.product_variance,
    "ch03-ex2": lambda n, m, vy, vw: n * vw * (vy + m**2),
    "ch03-ex3": lambda n: n**-0.5,
    "ch03-ex4": lambda n, s: math.ceil(38.0 / math.log10(s * n**0.5)),
    "ch03-ex5": chi,
}


@pytest.mark.parametrize("id", list(WRONG_ANSWERS))
def test_answers_are_told_apart(id):
    tell_apart(id, RIGHT_ANSWERS[id], WRONG_ANSWERS[id])
