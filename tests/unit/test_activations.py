"""Chapter 1: what its exercises accept and refuse, its map, and the linear share."""

import math

import pytest
import torch

import course_utils as cu
from course_utils import signals
from course_utils.exercises import judge

RIGHT = {
    "ch01-ex1": (lambda h: h * (1 - h), lambda h: 1 - h**2),
    "ch01-ex2": lambda z, rows: (
        int((~(z > 0)[rows].any(dim=0)).sum()),
        int((~(z > 0).any(dim=0)).sum()),
    ),
    "ch01-ex3": lambda z, h: float(torch.corrcoef(torch.stack([z, h]))[0, 1] ** 2),
    "ch01-ex4": lambda y_hat, y, loss: (
        (y_hat - y) * (y_hat * (1 - y_hat) if loss == "squared error" else 1)
    ),
    "ch01-ex5": lambda a: (1 + a) ** 2 / 4 / ((1 + a * a) / 2 - (1 - a) ** 2 / (2 * math.pi)),
}
WRONG = [
    ("ch01-ex1", (lambda h: h, lambda h: 1 - h**2), "with h alone"),
    ("ch01-ex1", (lambda h: h * (1 - h), lambda h: 1 - torch.tanh(h) ** 2), "tanh"),
    ("ch01-ex1", (lambda h: 1 - h**2, lambda h: h * (1 - h)), "in the order"),
    ("ch01-ex1", lambda h: h * (1 - h), "as a pair"),
    ("ch01-ex1", (0.25, 1.0), "as a pair"),
    ("ch01-ex1", (lambda h: h[0], lambda h: h[0]), "13 slopes"),
    ("ch01-ex2", lambda z, rows: RIGHT["ch01-ex2"](z, rows)[::-1], "wrong order"),
    ("ch01-ex2", lambda z, rows: (RIGHT["ch01-ex2"](z, rows)[0],) * 2, "Over which examples"),
    ("ch01-ex2", lambda z, rows: [n / 60 for n in RIGHT["ch01-ex2"](z, rows)], "not shares"),
    ("ch01-ex2", lambda z, rows: (int((z[rows] <= 0).sum()), int((z <= 0).sum())), "dimensions"),
    ("ch01-ex2", lambda z, rows: RIGHT["ch01-ex2"](z + 1e-9, rows), "z = 0"),
    ("ch01-ex3", lambda z, h: float(torch.corrcoef(torch.stack([z, h]))[0, 1]), "or its square"),
    ("ch01-ex3", lambda z, h: float((z * h).mean() ** 2 / (z**2).mean() / (h**2).mean()), "means"),
    ("ch01-ex3", lambda z, h: float(((z - z.mean()) * h).mean() / z.var()), "doubled"),
    ("ch01-ex4", lambda y_hat, y, loss: y_hat - y, "squared error"),
    ("ch01-ex4", lambda y_hat, y, loss: (y_hat - y) * y_hat * (1 - y_hat), "cross-entropy"),
    ("ch01-ex4", lambda y_hat, y, loss: -RIGHT["ch01-ex4"](y_hat, y, loss), "Which way"),
    (
        "ch01-ex4",
        lambda y_hat, y, loss: RIGHT["ch01-ex4"](y_hat, y, loss) * (1 + (loss[0] == "s")),
        "half the square",
    ),
    ("ch01-ex5", lambda a: (1 + a) ** 2 / 4 / ((1 + a * a) / 2), "mean of f"),
    ("ch01-ex5", lambda a: (1 + a) ** 2 / 2, "straight line"),
    ("ch01-ex5", lambda a: 0.25 / (0.5 - 1 / (2 * math.pi)) if a == 0 else 1.0, "slope is a"),
]


@pytest.mark.parametrize("exercise", list(RIGHT))
def test_right_answers_pass(exercise):
    result = judge(exercise, RIGHT[exercise])
    assert result.passed, result.hint


@pytest.mark.parametrize("exercise, answer, lead", WRONG)
def test_wrong_answers_get_a_lead(exercise, answer, lead):
    result = judge(exercise, answer)
    assert result.attempted and not result.passed
    assert lead in result.hint


@pytest.mark.parametrize("exercise", list(RIGHT))
def test_stubs_are_not_attempted(exercise):
    stub = lambda *_: ...  # noqa: E731
    answer = (stub, stub) if exercise == "ch01-ex1" else stub
    assert not judge(exercise, answer).attempted


def test_linear_share_of_a_line_and_of_noise():
    g = cu.generator(1)
    x = torch.randn(400, 20, generator=g, dtype=torch.float64)
    noise = torch.randn(400, 300, generator=g, dtype=torch.float64)
    assert signals.linear_share(x, x @ torch.randn(20, 7, generator=g).double() + 3) == (
        pytest.approx(1)
    )
    # 20 fitted numbers would explain a twentieth of the noise; corrected, nothing
    assert signals.linear_share(x, noise) == pytest.approx(0, abs=0.005)
    half = x @ torch.eye(20, 300, dtype=torch.float64)[:, :20]
    assert signals.linear_share(x, half + noise[:, :20]) == pytest.approx(0.5, abs=0.03)


def test_linear_shares_multiply():
    shares = signals.linear_shares("tanh", 1.0, 1.0, 3)
    squares = signals.mean_squares("tanh", 1.0, 1.0, 3)
    assert shares[2] / shares[1] == pytest.approx(cu.linearity("tanh", squares[2] ** 0.5))
    g = cu.generator(2)
    x = torch.randn(3000, 300, generator=g, dtype=torch.float64)
    weights = signals.random_weights(300, 3, 2 / 300**0.5, g)
    measured = signals.linear_share(x, signals.forward(x, weights, "tanh")[1][-1])
    assert measured == pytest.approx(signals.linear_shares("tanh", 4.0, 4.0, 3)[-1], abs=0.02)


@pytest.mark.parametrize(
    "call",
    [
        lambda: signals.linear_shares("relu", 1.0, 1.0, 3),
        lambda: signals.linear_share(torch.ones(4, 3), torch.ones(4, 2)),
        lambda: signals.linear_share(torch.ones(9, 3), torch.ones(8, 2)),
    ],
)
def test_what_has_no_linear_share_is_refused(call):
    with pytest.raises(ValueError, match="needs"):
        call()


def test_the_map_has_both_sides_and_meets_its_prediction():
    chart = cu.the_map("ch01-linear-map")
    for depth, gain, holds in ((1, 1.0, True), (3, 5.6, False), (12, 0.7, True), (12, 4.0, False)):
        measured = chart.measure(3, depth=depth, gain=gain)
        assert (measured >= 0.5) == holds == (chart.predict(depth, gain) >= 0.5)
        assert measured == pytest.approx(chart.predict(depth, gain), abs=0.06)
