"""Chapter 10: its rows have the source's marginals, its checks lead, its map measures."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import course_utils as cu
from course_utils.deliveries import FIELDS, SYMBOLS
from course_utils.maps import minibatches as agreement
from tests.answers import tell_apart

# --- the rows --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    return cu.deliveries(20_000, cu.generator(1))


@pytest.mark.parametrize(
    "field, low, median, mean, deviation, high",
    [
        ("deliverers", -1, 41, 49.1, 37.6, 175),
        ("busy", -4, 36, 43.5, 34.0, 169),
        ("orders", -9, 45, 62.6, 56.0, 292),
        ("transit", 0, 544, 548.0, 220.0, 1550),
        ("cost", 0, 2220, 2716.0, None, 29925),
        ("estimate", 1121, 2823, 2865.0, 480.0, 5613),
        ("store", 2, 3494, 3494.0, 2016.0, 6986),
    ],
)
def test_a_field_has_the_marginals_of_the_public_table(
    rows, field, low, median, mean, deviation, high
):
    values = rows.fields[field]
    slack = 0.05 * (high - low) if field == "estimate" else 0  # it is computed, not cut
    assert low - slack <= values.min() and values.max() <= high + slack
    assert values.median() == pytest.approx(median, rel=0.12)
    assert values.mean() == pytest.approx(mean, rel=0.04)
    if deviation:
        assert values.std() == pytest.approx(deviation, rel=0.12)


def test_markets_months_and_what_goes_together(rows):
    markets = rows.fields["market"]
    assert set(markets) == {"1", "2", "3", "4", "5", "6", ""}
    assert (markets == "").mean() == pytest.approx(0.005, abs=0.002)
    assert (markets == "6").mean() < 0.02
    assert set(rows.fields["made"]) == {"2015-01-", "2015-02-"}
    together = rows.fields[["deliverers", "busy", "orders"]].corr().to_numpy()
    assert together.min() > 0.9
    assert (
        abs(rows.fields[["deliverers", "store", "transit", "cost"]].corr().iloc[0, 1:]).max() < 0.05
    )


def test_the_estimate_is_the_published_formula(rows):
    effect = {"1": 0, "2": -493.85, "3": -194.30, "4": -438.69, "5": -278.51, "6": -335.83}
    known = rows.fields[rows.fields["market"] != ""]
    wanted = (
        2438.2339
        + known["market"].map(effect)
        - 19.6609 * known["deliverers"]
        - 7.1418 * known["busy"]
        + 21.3535 * known["orders"]
        + 1.2551 * known["transit"]
    )
    assert (known["estimate"] == np.floor(wanted)).all()


def test_each_line_is_read_back_from_its_inputs(rows):
    """35 ones in a row; the fields, cut out of the line, are those of the table."""
    assert rows.inputs.shape == (20_000, 525) and set(rows.inputs.unique().tolist()) == {0.0, 1.0}
    blocks = rows.inputs.view(-1, 35, 15)
    assert (blocks.sum(dim=2) == 1).all()
    for number in (0, 7, 19_999):
        line = "".join(SYMBOLS[place] for place in blocks[number].argmax(dim=1))
        assert line == rows.text[number] and len(line) == sum(FIELDS.values()) == 35
        start = 0
        for field, length in FIELDS.items():
            part = line[start : start + length]
            assert part.rstrip("_") == str(rows.fields[field][number])[:length]
            start += length


def test_targets_come_from_their_fields(rows):
    fields = rows.fields
    assert (rows.target[:, 0].numpy() == 10 * fields["deliverers"]).all()
    second = fields["cost"] / 100 * fields["busy"]
    assert rows.second_target[:, 0].numpy() == pytest.approx(second.to_numpy(), rel=1e-5)


def test_right_justified_are_the_same_rows():
    left, right = (cu.deliveries(50, cu.generator(2), justify=side) for side in ("left", "right"))
    assert left.fields.equals(right.fields)
    spans = np.cumsum([0, *FIELDS.values()])
    for one, other in zip(left.text, right.text, strict=True):
        for start, end in itertools.pairwise(spans):
            assert one[start:end].strip("_").rjust(end - start, "_") == other[start:end]


def test_the_wide_layout_makes_the_network_of_the_source():
    wide = cu.deliveries(20, cu.generator(2), layout="wide")
    assert wide.inputs.shape == (20, 54 * 128) and (wide.inputs.sum(dim=1) == 54).all()
    network = agreement.reader(0, 54 * 128)
    assert sum(p.numel() for p in network.parameters()) == 3_508_641


def test_the_same_generator_gives_the_same_rows():
    one, same, other = (cu.deliveries(30, cu.generator(seed)) for seed in (3, 3, 4))
    assert one.text == same.text and one.text != other.text


@pytest.mark.parametrize(
    "how, words",
    [
        ({"rows": 0}, "at least 1 row"),
        ({"rows": 2, "justify": "centre"}, "justify"),
        ({"rows": 2, "layout": "long"}, "layout"),
    ],
)
def test_impossible_rows_are_refused(how, words):
    with pytest.raises(ValueError, match=words):
        cu.deliveries(generator=cu.generator(0), **how)


# --- the map ---------------------------------------------------------------------------


def test_the_network_starts_as_torch_does():
    torch.manual_seed(5)
    ours, state = agreement.reader(5, 525), torch.get_rng_state()
    torch.manual_seed(5)
    assert torch.equal(state, torch.get_rng_state())  # the global stream is left alone
    sizes = [525, 500, 100, 20, 1]
    theirs = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    for layer, other in zip(ours[::2], theirs, strict=True):
        assert torch.equal(layer.weight, other.weight) and torch.equal(layer.bias, other.bias)


@pytest.mark.parametrize("front", [(), (3,)])
def test_the_slope_is_the_derivative_of_the_loss(front):
    outputs, targets = torch.randn(2, *front, 5, 1, generator=cu.generator(0))
    losses = agreement.absolute(outputs.requires_grad_(), targets)
    (wanted,) = torch.autograd.grad(losses.sum(), outputs)
    torch.testing.assert_close(agreement.slope(outputs, targets), wanted)


def test_a_trained_network_is_that_of_one_plain_loop():
    """All inputs, used or not, one loop from 0; the map goes through its times."""
    seed, updates = 3, 60
    data = cu.deliveries(agreement.ROWS, cu.generator(seed, "rows"))
    model = agreement.reader(seed, 525)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    draws = torch.randint(agreement.ROWS, (150, 64), generator=cu.generator(seed, "minibatches"))
    for chosen in draws[:updates]:
        optimizer.zero_grad()
        (model(data.inputs[chosen]) - data.target[chosen]).abs().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.3)
        optimizer.step()
    x, y, used = agreement.rows_of(seed, "raw")
    ours = agreement.trained(seed, updates, "raw")
    assert torch.equal(y, data.target) and int(used.sum()) == x.shape[1]
    assert torch.allclose(ours(x), model(data.inputs), rtol=1e-3, atol=1e-2)
    gradients = []
    for number in range(agreement.COMPARED):
        rows = slice(16 * number, 16 * number + 16)
        loss = (model(data.inputs[rows]) - data.target[rows]).abs().mean()
        found = torch.autograd.grad(loss, list(model.parameters()))
        gradients.append(torch.cat([part.flatten() for part in found]).double())
    cosines = [
        float(torch.cosine_similarity(a, b, dim=0))
        for number, a in enumerate(gradients)
        for b in gradients[:number]
    ]
    assert agreement.agreement(seed, 16, updates) == pytest.approx(np.mean(cosines), abs=0.01)


def test_between_its_times_the_map_trains_on():
    one, later = (agreement.trained(3, updates, "raw") for updates in (25, 27))
    assert not torch.equal(one[0].weight, later[0].weight)
    x, y, _ = agreement.rows_of(3, "raw")
    assert agreement.absolute(later(x), y) < agreement.absolute(one(x), y)


def test_the_prediction_is_that_of_noise_scales_measured_elsewhere():
    """tr Σ/|G|² from one gradient for each example, under the seeds that the table names."""
    logs = []
    for seed in range(900, 905):
        x, y, _ = agreement.rows_of(seed, "raw")
        noise = cu.gradients.noise(agreement.trained(seed, 100, "raw"), agreement.absolute, x, y)
        logs.append(np.log(noise["all"].scale))
    scale = float(np.exp(np.mean(logs)))
    assert agreement.predicted(64, 100) == pytest.approx(1 / (1 + scale / 64), abs=0.02)
    assert agreement.AGREEMENT.predict(batch=160, updates=100) == pytest.approx(0.5)
    assert agreement.predicted(64, 0) > agreement.predicted(64, 55) > agreement.predicted(64, 80)


def test_the_choice_changes_what_is_measured():
    raw = agreement.agreement(3, 64, 0)
    assert raw > 0.9 > agreement.agreement(3, 64, 0, targets="standardised") + 0.1


# --- the exercises ---------------------------------------------------------------------


def square(g, B, correction=True, spread=True, unbiased=False):
    N, mean = len(g), g.mean(0).square().sum()
    trace = (g - g.mean(0)).square().sum(1).sum() / (N - unbiased)
    return mean + spread * trace / B * ((N - B) / (N - 1) if correction else 1)


def field(loss, b, offsets, sign=1, swap=False, diagonal=False, flip=False, still=False):
    found = torch.zeros(len(offsets), len(offsets), 2, dtype=b.dtype)
    for i, first in enumerate(offsets):
        for j, second in enumerate(offsets):
            here = b + torch.stack([first, first if diagonal else second]) * (not still)
            (g,) = torch.autograd.grad(loss(here.requires_grad_()), here)
            found[(j, i) if swap else (i, j)] = sign * (g.flip(0) if flip else g)
    return found


def field_in_place(loss, b, offsets):
    found = field(loss, b, offsets)
    b += 1
    return found


def extremes(outputs, targets, B):
    order = (outputs - targets)[:, 0].argsort()
    return order[:B], order[-B:]


def by_target(outputs, targets, B):
    return targets[:, 0].sort().indices[180 : 180 + B], targets[:, 0].sort().indices[200 : 200 + B]


def mask(h, p, g, keep=False, scale=True, each=False, shared=False, wrong=False):
    shape = h.shape if each else h.shape[2:] if shared else h.shape[1:]
    drawn = torch.rand(shape, generator=None if wrong else g)
    return h * (drawn < p if keep else drawn >= p) / ((1 - p) if scale else 1)


def gap(theta, a, H_A, b, H_B, eta):
    return eta**2 * (H_B @ H_A @ (theta - a) - H_A @ H_B @ (theta - b))


WRONG_ANSWERS = {
    "ch10-ex1": [
        (lambda g, B: square(g, B, spread=False), "What does scatter add"),
        (lambda g, B: square(g, B, correction=False), "with replacement"),
        (lambda g, B: square(g, B, unbiased=True), "one less than N"),
        (lambda g, B: g.square().sum(1).mean(), "B = N"),
        (lambda g, B: g.mean(0), "one number"),
    ],
    "ch10-ex2": [
        (lambda *a: field(*a, sign=-1), "Which way"),
        (lambda *a: field(*a, swap=True), "axes of the grid"),
        (lambda *a: field(*a, flip=True), "two numbers of each arrow"),
        (lambda *a: field(*a, diagonal=True), "by themselves"),
        (lambda *a: field(*a, still=True), "Where do the offsets"),
        (lambda *a: field(*a)[0], "shape"),
        (lambda *a: field(*a) + 1, "not the gradients"),
        (field_in_place, "afterwards"),
    ],
    "ch10-ex3": [
        (lambda o, t, B: (range(B), range(B, 2 * B)), "mean signs"),
        (by_target, "mean signs"),
        (lambda o, t, B: extremes(0 * o, t, B), "mean signs"),
        (lambda o, t, B: extremes(o, 0 * t, B), "mean signs"),
        (lambda o, t, B: (extremes(o, t, B)[0],) * 2, "mean signs"),
        (lambda o, t, B: extremes(o, t, B // 2), "each list has"),
        (lambda o, t, B: ([0] * B, range(B)), "twice"),
        (lambda o, t, B: (range(B), range(390, 390 + B)), "do not exist"),
        (lambda o, t, B: extremes(o, t, B)[:1], "two lists"),
    ],
    "ch10-ex4": [
        (lambda *a: mask(*a, keep=True), "What is p a share of"),
        (lambda *a: mask(*a, scale=False), "the mean over masks"),
        (lambda *a: mask(*a, each=True), "differ between the points"),
        (lambda *a: mask(*a, shared=True), "all examples have the same"),
        (lambda *a: mask(*a, wrong=True), "draw with g"),
        (lambda h, p, g: mask(h, p, torch.Generator().manual_seed(0)), "another generator"),
        (lambda *a: mask(*a)[0], "shape"),
    ],
    "ch10-ex5": [
        (lambda *a: -gap(*a), "sign"),
        (lambda *a: gap(*a) / a[-1], "one factor η"),
        (lambda t, a, H, b, K, e: gap(t, 0 * a, H, 0 * b, K, e), "Where are yours"),
        (
            lambda t, a, H, b, K, e: e**2 * (H @ H @ (t - a) - K @ K @ (t - b)),
            "whose gradient",
        ),
        (lambda t, a, H, b, K, e: t, "Write both orders out"),
        (lambda *a: gap(*a).norm(), "vector"),
    ],
}
RIGHT_ANSWERS = {
    "ch10-ex1": square,
    "ch10-ex2": field,
    "ch10-ex3": extremes,
    "ch10-ex4": mask,
    "ch10-ex5": gap,
}


@pytest.mark.parametrize("id", list(WRONG_ANSWERS))
def test_answers_are_told_apart(id):
    tell_apart(id, RIGHT_ANSWERS[id], WRONG_ANSWERS[id])
