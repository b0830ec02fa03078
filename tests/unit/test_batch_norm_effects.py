"""Chapter 8: its norms are torch's, its checks lead, and its map measures what it says."""

import math

import pytest
import torch
from torch import nn

import course_utils as cu
from course_utils.data import standard_digits
from course_utils.maps import batch_norm_effects as explosion
from course_utils.normalization import GroupNorm, LayerNorm, RMSNorm
from tests.answers import tell_apart


def every_norm(module, children=False):
    parts = module.children() if children else module.modules()
    return [part for part in parts if isinstance(part, nn.BatchNorm1d)]


def freeze(model):
    for part in every_norm(model):
        part.eval().requires_grad_(False)
    return model


def freeze_top_level(model):
    for part in every_norm(model, children=True):
        part.eval().requires_grad_(False)
    return model


def freeze_parameters_only(model):
    for part in every_norm(model):
        part.requires_grad_(False)
    return model


def freeze_statistics_only(model):
    for part in every_norm(model):
        part.eval()
    return model


def hold_statistics(model):
    for part in every_norm(model):
        part.requires_grad_(False)
        part.momentum = 0.0
    return model


def reset_and_freeze(model):
    for part in every_norm(model):
        part.reset_running_stats()
    return freeze(model)


def freeze_a_bias_too(model):
    model[4].bias.requires_grad_(False)
    return freeze(model)


def freeze_and_say_nothing(model):
    freeze(model)


def four(x, kind, unbiased=False, groups=3, axes=None, epsilon=1e-5):
    axes = axes or {"batch": (0, 2), "layer": (1, 2), "instance": (2,), "group": (2, 3)}
    z = x.view(len(x), groups, -1, x.shape[2]) if kind == "group" else x
    centred = z - z.mean(axes[kind], keepdim=True)
    variance = z.var(axes[kind], keepdim=True, unbiased=unbiased)
    return (centred / (variance + epsilon).sqrt()).view(x.shape)


def outside_the_root(x, kind):
    """ε added to the standard deviation."""
    exact = four(x, kind, epsilon=0.0)
    deviation = (x.std() / exact.std()).item()
    return exact * deviation / (deviation + 1e-5)


SWAPPED = {"batch": (1, 2), "layer": (0, 2), "instance": (2,), "group": (2, 3)}
BATCH_ONLY = {"batch": (0,), "layer": (1, 2), "instance": (2,), "group": (2, 3)}


def rms_of(z, epsilon):
    return (z.square().mean(dim=1, keepdim=True) + epsilon).sqrt()


def back(g, z, epsilon, power=3, mean=True):
    along = (g * z).mean(1, keepdim=True) if mean else (g * z).sum(1, keepdim=True)
    return g / rms_of(z, epsilon) - z * along / rms_of(z, epsilon) ** power


WRONG_ANSWERS = {
    "ch08-ex1": [
        (lambda s, m, q: s / q, "mean of f"),
        (lambda s, m, q: s, "squared"),
        (lambda s, m, q: (q - m**2) / s, "squared"),
    ],
    "ch08-ex2": [
        (lambda x, kind: four(x, kind, axes=SWAPPED), "one channel"),
        (lambda x, kind: four(x, kind, axes=BATCH_ONLY), "one channel"),
        (lambda x, kind: four(x, kind, unbiased=True), "one less"),
        (lambda x, kind: four(x, kind, groups=2), "which shape"),
        (lambda x, kind: four(x, kind, epsilon=0.0), "ε"),
        (lambda x, kind: four(x, kind, epsilon=1e-4), "ε"),
        (outside_the_root, "ε"),
        (lambda x, kind: x.mean(dim=0), "shape"),
    ],
    "ch08-ex3": [
        (freeze_parameters_only, "running statistics"),
        (freeze_top_level, "inner Sequential"),
        (freeze_statistics_only, "are parameters"),
        (hold_statistics, "normalises by the batch"),
        (lambda model: model.eval(), "are parameters"),
        (lambda model: model.eval().requires_grad_(False), "nothing at all"),
        (lambda model: freeze(model.eval()), "dropout"),
        (lambda model: [freeze(model), model[0].requires_grad_(False)], "not all linear"),
        (freeze_a_bias_too, "not all linear"),
        (reset_and_freeze, "running statistics"),
        (freeze_and_say_nothing, "return it"),
    ],
    "ch08-ex4": [
        (lambda eta, a: eta, "How does the gradient"),
        (lambda eta, a: eta * a, "Relative to what"),
        (lambda eta, a: eta / a**2, "How does the gradient"),
    ],
    "ch08-ex5": [
        (lambda g, z, e: g / rms_of(z, e), "held fixed"),
        (lambda g, z, e: back(g, z, e, mean=False), "orthogonal to z"),
        (lambda g, z, e: back(g, z, 0.0), "right for ε = 0"),
        (lambda g, z, e: 2 * back(g, z, e), "as it must be"),
        (lambda g, z, e: g[0], "the shape of z"),
    ],
}
RIGHT_ANSWERS = {
    "ch08-ex1": lambda s, m, q: s / (q - m**2),
    "ch08-ex2": four,
    "ch08-ex3": freeze,
    "ch08-ex4": lambda eta, a: eta * a**2,
    "ch08-ex5": back,
}


@pytest.mark.parametrize("id", list(WRONG_ANSWERS))
def test_answers_are_told_apart(id):
    tell_apart(id, RIGHT_ANSWERS[id], WRONG_ANSWERS[id])


def test_freezing_all_but_nothing_else_is_asked():
    result = cu.exercises.judge("ch08-ex3", freeze_statistics_only)
    assert "γ and β" in result.hint


def torchs_group_norm(units):
    return nn.GroupNorm(2, units)


@pytest.mark.parametrize(
    "layer, torchs",
    [
        (GroupNorm(3, 6, groups=2), torchs_group_norm),
        (RMSNorm(3, 6), lambda units: nn.RMSNorm(units, eps=1e-5)),
    ],
)
def test_norms_are_torchs_in_each_copy(layer, torchs):
    """Outputs and gradients in each of three copies, in float64, against torch."""
    layer = layer.double()
    g = cu.generator(2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=g))
    z = torch.randn(3, 7, 6, generator=cu.generator(3), dtype=torch.float64) * 3 + 2
    above = torch.randn(3, 7, 6, generator=cu.generator(4), dtype=torch.float64)
    ours = z.clone().requires_grad_()
    outputs = layer(ours)
    (outputs * above).sum().backward()
    for copy in range(3):
        reference, theirs = torchs(6).double(), z[copy].clone().requires_grad_()
        with torch.no_grad():
            reference.weight.copy_(layer.scale[copy, 0])
            if hasattr(layer, "shift"):
                reference.bias.copy_(layer.shift[copy, 0])
        wanted = reference(theirs)
        (wanted * above[copy]).sum().backward()
        assert torch.allclose(outputs[copy], wanted, atol=1e-12)
        assert torch.allclose(ours.grad[copy], theirs.grad, atol=1e-12)
        assert torch.allclose(layer.scale.grad[copy, 0], reference.weight.grad, atol=1e-12)


def test_one_group_is_layer_norm():
    z = torch.randn(2, 5, 8, generator=cu.generator(5))
    assert torch.allclose(GroupNorm(2, 8, groups=1)(z), LayerNorm(2, 8)(z), atol=1e-6)


def test_networks_take_the_new_norms():
    x = torch.randn(5, 4, generator=cu.generator(6))
    net = cu.MLP([4, 16, 3], "relu", seeds=[0, 1], normalization="rms")
    squares = net.pre_activations(x)[0].square().mean(dim=2)
    assert torch.allclose(squares, torch.ones(2, 5), atol=1e-3)
    net = cu.MLP([4, 16, 3], "relu", seeds=[0, 1], normalization="group")
    means = net.pre_activations(x)[0].unflatten(2, (8, 2)).mean(dim=3)
    assert torch.allclose(means, torch.zeros(2, 5, 8), atol=1e-5)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: GroupNorm(1, 6, groups=4), "divide the units, got 4 for 6"),
        (lambda: GroupNorm(1, 6, groups=0), "at least 1"),
        (lambda: GroupNorm(1, 8, epsilon=0), "epsilon"),
        (lambda: RMSNorm(0, 2), "copies and units"),
        (lambda: RMSNorm(1, 2, epsilon=-1), "epsilon"),
        (lambda: explosion.predicted_growth(3, 3), "more than 3"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_growth_is_predicted_by_the_derivatives():
    """π/(π − 1) is E[f′²]/Var f of ReLU, here by sampling; the batch's factor by summing 1/χ²."""
    z = torch.randn(2_000_000, generator=cu.generator(7), dtype=torch.float64)
    by_sampling = float((z > 0).double().mean() / torch.relu(z).var())
    assert 10 ** explosion.predicted_growth(1, 1e9) == pytest.approx(by_sampling, rel=0.005)
    u = torch.randn(400_000, 9, generator=cu.generator(8), dtype=torch.float64)  # B = 10
    one_over = 9 * float((1 / u.square().sum(dim=1)).mean())
    linear = explosion.predicted_growth(1, 10) - explosion.predicted_growth(1, 1e12)
    assert 10**linear == pytest.approx(one_over * 8 / 9, rel=0.01)


@pytest.mark.parametrize("batch", [6, 32])
def test_growth_is_that_through_torchs_own_layers(batch):
    """The same draws through torch's BatchNorm1d and Linear."""
    depth, width, seed = 12, explosion.WIDTH, 5
    g = cu.generator(seed, "growth")
    h = torch.randn(batch, width, generator=g, dtype=torch.float64)
    for layer in range(explosion.SETTLING + depth):
        linear = nn.Linear(width, width, bias=False).double()
        with torch.no_grad():
            drawn = torch.randn(width, width, generator=g, dtype=torch.float64)
            linear.weight.copy_(drawn.T * (2 / width) ** 0.5)
        if layer == explosion.SETTLING:
            start = h = h.detach().requires_grad_()
        h = linear(torch.relu(nn.BatchNorm1d(width, eps=1e-14).double()(h)))
    top = torch.randn(h.shape, generator=g, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(h, start, top)
    wanted = math.log10(float(gradient.square().mean() / top.square().mean()))
    assert explosion.measured_growth(seed, depth, batch) == pytest.approx(wanted, abs=1e-7)


def test_the_map_asks_for_a_hundredfold_and_reads_its_axes():
    assert explosion.EXPLOSION.threshold == math.log10(100)
    assert explosion.EXPLOSION.predict(batch=8, depth=4) == explosion.predicted_growth(4, 8)
    assert explosion.measured_growth(5, 20, 5) > explosion.measured_growth(5, 20, 64) + 1


def test_the_choices_change_what_is_measured():
    relu = explosion.measured_growth(5, 14, 16)
    assert explosion.measured_growth(5, 14, 16, activation="tanh") < relu - 0.5
    assert explosion.measured_growth(5, 14, 16, bypass=True) < relu - 0.5
    assert relu > 2


def test_the_gain_is_that_of_networks_trained_one_by_one():
    """Side by side with other rates and seeds, and by itself through ``MLP`` and ``fit``."""
    x, y, x_test, y_test = (part[0] for part in standard_digits([2]))
    found = {}
    for norm in (None, "layer"):
        net = cu.MLP(
            [64, 48, 48, 48, 10],
            "relu",
            seeds=[2],
            scheme=cu.initialization.kaiming(),
            normalization=norm,
        )
        cu.fit(net, x, y, rates=0.5, steps=100, batch=8, seeds=[2])
        found[norm] = float(cu.accuracy(net.eval(), x_test, y_test))
    gain = explosion.gain_in_accuracy(2, 8, 0.5, norm="layer")
    assert gain == pytest.approx(found["layer"] - found[None], abs=0.03)
    assert abs(gain) > 0.1


def test_the_second_map_reads_its_axes():
    chart = explosion.SPEED_UP
    low, high = explosion.rates_that_gain(16)
    assert (low, high) == pytest.approx((0.4, 3.6))
    for rate, holds in ((0.3, False), (0.5, True), (3.0, True), (5.0, False)):
        assert (chart.predict(batch=16, rate=rate) >= chart.threshold) is holds
    assert chart.predict(batch=2, rate=0.3) < chart.threshold
