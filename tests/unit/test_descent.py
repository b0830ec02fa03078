"""Chapter 11: the optimisers are torch's step for step, the checks lead, the map measures."""

import math

import pytest
import torch

import course_utils as cu
from course_utils import optimizers
from course_utils.checks import descent as checks
from course_utils.maps import descent
from tests.answers import tell_apart

TORCHS = {
    "gradient descent": (
        optimizers.gradient_descent,
        {"rate": 0.05},
        lambda p: torch.optim.SGD(p, lr=0.05),
    ),
    "momentum": (
        optimizers.momentum,
        {"rate": 0.02, "m": 0.8},
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.8),
    ),
    "nesterov": (
        optimizers.nesterov,
        {"rate": 0.02, "m": 0.8},
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.8, nesterov=True),
    ),
    "adagrad": (optimizers.adagrad, {"rate": 0.3}, lambda p: torch.optim.Adagrad(p, lr=0.3)),
    "rmsprop": (
        optimizers.rmsprop,
        {"rate": 0.02, "keep": 0.9, "eps": 1e-3},
        lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.9, eps=1e-3),
    ),
    "adam": (
        optimizers.adam,
        {"rate": 0.05, "betas": (0.8, 0.95), "eps": 1e-3},
        lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3),
    ),
    "adam as it comes": (optimizers.adam, {"rate": 1e-3}, lambda p: torch.optim.Adam(p)),
    "adamw": (
        optimizers.adamw,
        {"rate": 0.05, "decay": 0.4, "betas": (0.8, 0.95)},
        lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.4, betas=(0.8, 0.95)),
    ),
    "adamw as it comes": (optimizers.adamw, {"rate": 1e-3}, lambda p: torch.optim.AdamW(p)),
}


def slope(w):
    return torch.tensor([[1.0, -0.5, 20.0]], dtype=torch.float64) * w + w.sin()


@pytest.mark.parametrize("name", TORCHS)
def test_each_step_is_torchs(name):
    step, settings, make = TORCHS[name]
    w = torch.randn(4, 3, generator=cu.generator(1), dtype=torch.float64)
    ours = optimizers.path(step, slope, w, steps=40, **settings)
    parameter = w.clone().requires_grad_()
    optimizer = make([parameter])
    for point in ours[1:]:
        parameter.grad = slope(parameter.detach())
        optimizer.step()
        assert torch.allclose(point, parameter.detach(), rtol=1e-12, atol=1e-13)


def test_averaged_momentum_is_momentum_at_another_rate():
    w = torch.randn(4, 3, generator=cu.generator(2), dtype=torch.float64)
    one = optimizers.path(optimizers.averaged_momentum, slope, w, steps=30, rate=0.2, m=0.9)
    other = optimizers.path(optimizers.momentum, slope, w, steps=30, rate=0.02, m=0.9)
    assert torch.allclose(one, other, rtol=1e-12, atol=1e-13)
    quicker = optimizers.path(optimizers.momentum, slope, w, steps=30, rate=0.03, m=0.9)
    assert not torch.allclose(one, quicker, rtol=1e-3)


def test_copies_with_rates_of_their_own_go_side_by_side():
    w = torch.randn(2, 3, generator=cu.generator(3), dtype=torch.float64)
    rates = torch.tensor([[0.01], [0.05]], dtype=torch.float64)
    for step in (optimizers.adamw, optimizers.nesterov, optimizers.rmsprop):
        together = optimizers.path(step, slope, w, steps=10, rate=rates)
        for k, rate in enumerate((0.01, 0.05)):
            alone = optimizers.path(step, slope, w[k : k + 1], steps=10, rate=rate)
            assert torch.allclose(together[:, k : k + 1], alone, rtol=1e-12)


def test_a_step_changes_nothing_that_it_was_given():
    w, g = torch.ones(2), torch.full((2,), 3.0)
    for step, settings, _ in TORCHS.values():
        _, state = step(w, g, rate=settings["rate"])
        before = [part.clone() if isinstance(part, torch.Tensor) else part for part in state]
        step(w, g, state, rate=settings["rate"])
        assert w.tolist() == [1, 1] and g.tolist() == [3, 3]
        for part, was in zip(state, before, strict=True):
            assert bool(torch.as_tensor(part == was).all())


@pytest.mark.parametrize(
    "step",
    [
        optimizers.gradient_descent,
        optimizers.momentum,
        optimizers.averaged_momentum,
        optimizers.nesterov,
        optimizers.adagrad,
        optimizers.rmsprop,
        optimizers.adam,
        optimizers.adamw,
    ],
)
def test_a_gradient_of_another_shape_is_refused(step):
    with pytest.raises(ValueError, match=r"\(2, 1\), got \(2,\)"):
        step(torch.ones(2, 1), torch.ones(2), rate=0.1)


def test_a_path_needs_a_step():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        optimizers.path(optimizers.adam, slope, torch.ones(1, 3).double(), steps=0, rate=0.1)


def test_a_turned_valley_keeps_its_eigenvalues_and_turns_them():
    hessian = descent.turned_valley(50, 30)
    values, vectors = torch.linalg.eigh(hessian)
    assert values.tolist() == pytest.approx([1 / 50, 1])
    assert abs(float(vectors[1, 1] / vectors[0, 1])) == pytest.approx(math.tan(math.radians(30)))


@pytest.mark.parametrize("condition", [3, 10.5, 80])
def test_descent_at_its_best_rate_needs_the_steps_that_are_said(condition):
    hessian = descent.turned_valley(condition, 20)
    start = torch.randn(3, 2, generator=cu.generator(4), dtype=torch.float64)
    path = cu.gradient_descent(
        hessian, start, torch.zeros(2), rate=2 / (1 + 1 / condition), steps=500
    )
    steps = cu.until(path, torch.zeros(2, dtype=torch.float64), descent.NEAR)
    assert steps.tolist() == [descent.steps_of_descent(condition)] * 3


def test_the_prediction_is_the_condition_number_that_scaling_leaves():
    """Against gradients at sampled starts."""
    hessian = descent.turned_valley(40, 8)
    starts = torch.randn(200_000, 2, generator=cu.generator(5), dtype=torch.float64)
    divisors = (starts @ hessian).square().mean(dim=0).sqrt()
    left = torch.linalg.eigvals(hessian / divisors[:, None]).real
    sampled = 40 * float(left.min() / left.max())
    assert descent.predicted_saving(40, 8) == pytest.approx(sampled, rel=0.02)
    assert descent.predicted_saving(40, 45) == pytest.approx(1.0)
    assert descent.predicted_saving(40, 0) == pytest.approx(40.0)


def test_the_map_measures_alone_what_it_measures_side_by_side():
    chart = descent.OWN_STEPS
    for point in ((10, 4), (80, 45)):
        alone = descent._savings(3, (point,), "adagrad")[0]
        assert chart.measure(3, condition=point[0], angle=point[1]) == alone


def test_the_map_tells_the_methods_apart():
    def mean(condition, angle, method):
        return sum(descent.saving(s, condition, angle, method) for s in range(5)) / 5

    assert mean(80, 1, "adagrad") > 10
    assert mean(80, 45, "adagrad") < 1.1
    assert mean(80, 45, "momentum") == pytest.approx(mean(80, 1, "momentum"), rel=0.05)
    assert mean(80, 45, "adam") > 2 > mean(80, 45, "rmsprop")


def roll(w, slope, rate, m, steps, sign=-1, late=False, average=False):
    v = 0.0 * w
    for _ in range(steps):
        new = m * v + (1 - m if average else 1) * slope(w)
        w = w + sign * rate * (v if late else new)
        v = new
    return w


def best_rate(eigenvalues, m):
    return 2 * (1 + m) / (eigenvalues.max() + eigenvalues.min())


def nesterov(w, slope, rate, m, steps):
    return optimizers.path(optimizers.nesterov, slope, w, steps=steps, rate=rate, m=m)[-1]


def first_step(gradient, rate, eps):
    return -rate * gradient / (gradient.abs() + eps)


def factor(t, first, times=2):
    length = first
    while t >= length:
        t, length = t - length, times * length
    return (1 + math.cos(math.pi * t / length)) / 2


def rate_for(floor, curvature, noise):
    return 4 * floor / (noise**2 + 2 * floor * curvature)


WRONG_ANSWERS = {
    "ch11-ex1": [
        (lambda *a: roll(*a, sign=1), "Which way"),
        (lambda *a: roll(*a, average=True), "What is it in torch"),
        (lambda w, s, r, m, n: roll(w, s, r, 0.0, n), "remembers nothing"),
        (lambda *a: roll(*a, late=True), "before this gradient"),
        (nesterov, "Nesterov"),
        (lambda w, s, r, m, n: roll(w, s, r, m, n + 1), "by hand"),
        (lambda *a: roll(*a).norm(), "two numbers"),
    ],
    "ch11-ex2": [
        (lambda e, m: (best_rate(e, m), m), "one number"),
        (lambda e, m: 2 * (1 + m) / e, "one number"),
        (lambda e, m: 2 * (1 + m) / (e[0] + e[-1]), "in order"),
        (lambda e, m: 2 / (e.max() + e.min()), "without momentum"),
        (lambda e, m: 4 / (e.max().sqrt() + e.min().sqrt()) ** 2, "one m only"),
        (lambda e, m: 2 * (1 + m) / e.max(), "too large"),
        (lambda e, m: (1 + m) / e.max(), "made equal"),
    ],
    "ch11-ex3": [
        (lambda *a: -first_step(*a), "And the direction"),
        (lambda g, r, e: -r * g.sign(), "without ε"),
        (lambda g, r, e: -r * g / (g**2 + e).sqrt(), "under the root"),
        (lambda g, r, e: -r * 0.1 * g / ((0.001 * g**2).sqrt() + e), "What corrects"),
        (lambda g, r, e: -r * g, "two corrected averages"),
        (lambda g, r, e: -r, "each of the 4"),
    ],
    "ch11-ex4": [
        (lambda t, f: 1 - t / f, "from 1 at t = 0"),
        (lambda t, f: factor(t, f) if t < f else 0.0, "starts anew"),
        (lambda t, f: factor(t, f, times=1), "second cosine"),
        (lambda t, f: factor(t, f, times=3), "third cosine"),
    ],
    "ch11-ex5": [
        (lambda f, c, s: 4 * f / (s + 2 * f * c), "standard deviation"),
        (lambda f, c, s: 4 * f / s**2, "low floors"),
        (lambda f, c, s: 3.0 / c, "Stable rates"),
        (lambda f, c, s: f / c, "Solve"),
    ],
}
RIGHT_ANSWERS = {
    "ch11-ex1": roll,
    "ch11-ex2": best_rate,
    "ch11-ex3": first_step,
    "ch11-ex4": factor,
    "ch11-ex5": rate_for,
}


@pytest.mark.parametrize("id", list(WRONG_ANSWERS))
def test_answers_are_told_apart(id):
    tell_apart(id, RIGHT_ANSWERS[id], WRONG_ANSWERS[id])


@pytest.mark.parametrize("m", [0.0, 0.3, 0.6, 0.9])
def test_no_rate_on_a_grid_shrinks_faster_than_the_closed_form(m):
    eigenvalues = torch.tensor([9.0, 1.0, 0.5], dtype=torch.float64)
    grid = [checks._factor(eigenvalues, rate / 1000, m) for rate in range(1, 450)]
    least = checks._least_factor(eigenvalues, m)
    assert least - 1e-6 < min(grid) < least + 0.02  # the search ends within 1e-7 or so


def test_where_all_directions_swing_many_rates_are_best():
    """With m = 0.7 every eigenvalue from 1 to 4 may lie inside (11.4)."""
    answer = lambda e, m: best_rate(e, m) * (0.9 if m == 0.7 else 1.0)  # noqa: E731
    assert checks.best_rate(answer) is None
