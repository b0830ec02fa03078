"""Paths and gradients of units, against autograd, torch's optimisers and brute force."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import course_utils as cu


def test_second_moment_is_the_hessian_of_half_the_mean_squared_error():
    x = torch.randn(30, 4, dtype=torch.float64) + 2
    y = torch.randn(30, dtype=torch.float64)
    loss = lambda w: 0.5 * ((x @ w - y) ** 2).mean()  # noqa: E731
    hessian = torch.autograd.functional.hessian(loss, torch.zeros(4, dtype=torch.float64))
    assert torch.allclose(cu.second_moment(x), hessian, atol=1e-12)
    assert torch.allclose(cu.eigenvalues(x), torch.linalg.eigvalsh(hessian).flip(0), atol=1e-10)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_gradient_descent_takes_the_steps_of_torchs_sgd(momentum):
    x = torch.randn(40, 3, dtype=torch.float64) + 1
    hessian, optimum = cu.second_moment(x), torch.randn(3, dtype=torch.float64)
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.05, momentum=momentum)
    path = cu.gradient_descent(
        hessian, torch.zeros(3), optimum, rate=0.05, steps=25, momentum=momentum
    )
    for point in path[1:]:
        optimizer.zero_grad()
        (0.5 * (w - optimum) @ hessian @ (w - optimum)).backward()
        optimizer.step()
        assert torch.allclose(point, w.detach(), atol=1e-10)


def test_one_example_at_a_time_follows_autograd():
    inputs = cu.inputs_with_mean(1.5, (10, 1, 3), cu.generator(0))
    optimum = torch.tensor([1.0, -1.0, 0.5], dtype=torch.float64)
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    path = cu.one_example_at_a_time(inputs, optimum, rate=0.05)
    for x, point in zip(inputs[:, 0], path[1:, 0], strict=True):
        (gradient,) = torch.autograd.grad(0.5 * (w @ x - optimum @ x) ** 2, w)
        w = (w - 0.05 * gradient).detach().requires_grad_()
        assert torch.allclose(point, w.detach(), atol=1e-12)


def test_steps_to_excess_are_those_of_descent():
    x = cu.inputs_with_mean(1.0, (50, 4), cu.generator(8))
    hessian, optimum = cu.second_moment(x), torch.randn(4, dtype=torch.float64)
    rate = 1 / float(cu.eigenvalues(x)[0])
    path = cu.gradient_descent(hessian, torch.zeros(4), optimum, rate=rate, steps=2000)
    losses = 0.5 * (((path - optimum) @ hessian) * (path - optimum)).sum(dim=1)
    for excess in (0.5 * float(losses[0]), 1e-3, 1e-6):
        first = int((losses <= excess).to(torch.int64).argmax())
        assert cu.steps_to_excess(hessian, optimum, excess) == first
    two = torch.stack([optimum, optimum], dim=1)
    assert cu.steps_to_excess(hessian, two, 2e-3) == cu.steps_to_excess(hessian, optimum, 1e-3)
    assert cu.steps_to_excess(hessian, optimum, 1e9) == 0
    with pytest.raises(ValueError, match="more than 0 and finite, got 0"):
        cu.steps_to_excess(hessian, optimum, 0)


def test_path_ratio_of_known_paths():
    straight = torch.tensor([[8.0, 0.0], [4.0, 0.0], [1.0, 0.0], [0.1, 0.0]])
    detour = torch.tensor([[8.0, 0.0], [8.0, 6.0], [0.0, 6.0], [0.0, 0.0]])
    never = torch.tensor([[8.0, 0.0], [8.0, 1.0], [8.0, 2.0], [8.0, 3.0]])
    paths, origin = torch.stack([straight, detour, never], dim=1), torch.zeros(2)
    assert cu.until(paths, origin, near=0.2).tolist() == [2, 3, math.inf]
    assert cu.path_ratio(paths, origin, near=0.2).tolist() == [1.0, 20 / 8, math.inf]


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=6))
def test_one_sign_says_what_python_says(values):
    truth = all(v > 0 for v in values) or all(v < 0 for v in values)
    assert bool(cu.one_sign(torch.tensor(values, dtype=torch.float64))) == truth


def test_unit_updates_are_sums_of_errors_times_inputs():
    update = cu.unit_updates(2.0, 5, updates=3, weights=4, generator=cu.generator(9))
    g = cu.generator(9)
    x = cu.inputs_with_mean(2.0, (3, 5, 4), g)
    delta = torch.randn(3, 5, 1, generator=g, dtype=torch.float64)
    by_hand = [
        [sum(-delta[u, i, 0] * x[u, i, j] for i in range(5)) / 5**0.5 for j in range(4)]
        for u in range(3)
    ]
    assert torch.allclose(update, torch.tensor(by_hand, dtype=torch.float64))


def test_models_of_the_errors():
    big = {"updates": 4000, "generator": cu.generator(1)}
    fitted = cu.unit_updates(50.0, 4, errors="fitted", **big)
    assert float(fitted.std()) == pytest.approx(
        math.sqrt(3 / 4), rel=0.05
    )  # the mean of 50 is gone
    x = cu.inputs_with_mean(3.0, (2, 5, 2), cu.generator(3))
    signal = cu.unit_updates(3.0, 5, updates=2, errors="signal", generator=cu.generator(3))
    across = (x[..., :1] - x[..., 1:]) / math.sqrt(2)
    assert torch.allclose(signal, -(across * x).sum(1) / 5**0.5)
    equal = cu.unit_updates(50.0, 4, errors="equal", **big)
    assert bool(cu.one_sign(equal).all())


def test_unit_gradients_are_autograds_for_each_unit():
    net = cu.MLP([5, 4, 3], "sigmoid", seeds=[0, 1])
    x, y = torch.randn(6, 5), torch.randint(0, 3, (6,))
    gradients = cu.unit_gradients(net, x, y, layer=1)
    assert gradients.shape == (2, 3, 4)
    for copy in range(2):
        loss = torch.nn.functional.cross_entropy(net(x)[copy], y)
        (whole,) = torch.autograd.grad(loss, [net.weights[1]])
        assert torch.allclose(gradients[copy], whole[copy].T, atol=1e-7)


def test_squared_mean_over_variance_is_the_excess_eigenvalue():
    x = cu.inputs_with_mean(1.5, (1, 40_000, 20), cu.generator(2))
    assert float(cu.squared_mean_over_variance(x)[0]) == pytest.approx(20 * 1.5**2, rel=0.02)
    scaled = 3 * x
    assert torch.allclose(cu.squared_mean_over_variance(scaled), cu.squared_mean_over_variance(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cu.second_moment(torch.zeros(0, 3)), r"got \(0, 3\)"),
        (lambda: cu.second_moment(torch.tensor([[math.inf]])), "finite"),
        (
            lambda: cu.gradient_descent(
                torch.eye(2), torch.zeros(3), torch.zeros(3), rate=1, steps=1
            ),
            r"\(3, 3\), got \(2, 2\)",
        ),
        (
            lambda: cu.gradient_descent(
                torch.eye(1), torch.zeros(1), torch.zeros(1), rate=0, steps=1
            ),
            "got rate 0",
        ),
        (
            lambda: cu.gradient_descent(
                torch.eye(1), torch.zeros(1), torch.zeros(1), rate=1, steps=0
            ),
            "steps 0",
        ),
        (
            lambda: cu.gradient_descent(
                torch.eye(1), torch.zeros(1), torch.zeros(1), rate=1, steps=1, momentum=1
            ),
            "momentum 1",
        ),
        (
            lambda: cu.one_example_at_a_time(torch.zeros(2, 2), torch.zeros(2), rate=1),
            r"got \(2, 2\) and \(2,\)",
        ),
        (lambda: cu.one_example_at_a_time(torch.zeros(2, 1, 2), torch.zeros(2), rate=-1), "got -1"),
        (lambda: cu.until(torch.zeros(2, 1, 1), torch.zeros(1), near=1), "between 0 and 1, got 1"),
        (lambda: cu.until(torch.zeros(2, 1, 1), torch.zeros(1), near=0.5), "start at its optimum"),
        (
            lambda: cu.gradient_descent(
                torch.eye(1), torch.full((1,), math.nan), torch.zeros(1), rate=1, steps=1
            ),
            "start must be finite, got NaN",
        ),
        (
            lambda: cu.gradient_descent(
                torch.eye(1, device="meta"), torch.zeros(1), torch.zeros(1), rate=1, steps=1
            ),
            "on one device, got .'cpu', 'meta'.",
        ),
        (
            lambda: cu.one_example_at_a_time(
                torch.full((1, 1, 1), math.nan), torch.ones(1), rate=1
            ),
            "inputs must be finite",
        ),
        (lambda: cu.squared_mean_over_variance(torch.full((1, 3, 1), math.nan)), "got NaN"),
        (lambda: cu.one_sign(torch.zeros(3, 0)), r"got \(3, 0\)"),
        (lambda: cu.one_sign(torch.tensor([math.nan])), "got NaN"),
        (lambda: cu.unit_updates(1, 0, updates=1, generator=cu.generator(0)), "got 0, 1 and 2"),
        (
            lambda: cu.unit_updates(1, 2, updates=1, generator=cu.generator(0), errors="kind"),
            "got 'kind'",
        ),
        (
            lambda: cu.unit_updates(1, 1, updates=1, generator=cu.generator(0), errors="fitted"),
            "batch of 2 or more",
        ),
        (
            lambda: cu.unit_updates(
                1, 2, updates=1, weights=3, generator=cu.generator(0), errors="signal"
            ),
            "even number of weights, got 3",
        ),
        (
            lambda: cu.unit_gradients(
                cu.MLP([2, 2], "relu", seeds=[0]), torch.zeros(1, 2), torch.zeros(1).long(), 1
            ),
            "from 0 to 0, got 1",
        ),
        (lambda: cu.squared_mean_over_variance(torch.zeros(2, 2)), r"got \(2, 2\)"),
        (lambda: cu.squared_mean_over_variance(torch.zeros(1, 1, 2)), "at least 2 examples, got 1"),
        (lambda: cu.squared_mean_over_variance(torch.zeros(1, 5, 2)), "must vary"),
    ],
)
def test_bad_input_is_refused_with_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
