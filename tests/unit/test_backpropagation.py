"""backprop against autograd, in float64, for all layers and modes."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import course_utils as cu
from course_utils.backpropagation import backprop

double = torch.float64


def slope(outputs, targets):
    """Of the mean absolute error."""
    return (outputs - targets).sign() / outputs.shape[-1] / outputs.shape[-2]


def by_autograd(model, inputs, targets):
    loss = (model(inputs) - targets).abs().mean()
    return torch.autograd.grad(loss, list(model.parameters()))


@st.composite
def chains(draw):
    """A chain of layers in random modes, all its numbers random, and examples."""
    width = n_in = draw(st.integers(1, 4))
    layers = []
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["linear", "relu", "tanh", "norm", "dropout"]))
        if kind == "linear":
            layers.append(nn.Linear(width, n_out := draw(st.integers(1, 4)), draw(st.booleans())))
            width = n_out
        elif kind == "norm":
            layers.append(
                nn.BatchNorm1d(
                    width,
                    draw(st.sampled_from([1e-5, 0.1])),
                    draw(st.sampled_from([0.1, 0.5])),
                    affine=draw(st.booleans()),
                    track_running_stats=draw(st.booleans()),
                )
            )
        else:
            layers.append({"relu": nn.ReLU, "tanh": nn.Tanh, "dropout": nn.Dropout}[kind]())
    layers.append(nn.Linear(width, draw(st.integers(1, 2))))
    model = nn.Sequential(*layers).double()
    g = cu.generator(draw(st.integers(0, 10**6)))
    for name, one in model.state_dict().items():
        if one.is_floating_point():
            drawn = torch.randn(one.shape, generator=g, dtype=double)
            one.copy_(drawn.square() + 0.5 if "var" in name else drawn)
    for one in model:
        one.training = draw(st.booleans()) and not isinstance(one, nn.Dropout)
    examples = draw(st.integers(2, 5))
    inputs = torch.randn(examples, n_in, generator=g, dtype=double)
    return model, inputs, torch.randn(examples, layers[-1].out_features, generator=g, dtype=double)


@settings(deadline=None, max_examples=150)
@given(chains())
def test_gradients_and_running_statistics_are_those_of_autograd(problem):
    model, inputs, targets = problem
    other = copy.deepcopy(model)
    wanted = by_autograd(other, inputs, targets)
    found = backprop(model, slope, inputs, targets)
    assert [g.shape for g in found] == [p.shape for p in model.parameters()]
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    out = [torch.full_like(p, torch.nan) for p in model.parameters()]
    again = backprop(copy.deepcopy(model), slope, inputs, targets, out=out)
    for a, b, place in zip(again, found, out, strict=True):
        assert a is place and torch.equal(a, b)
    for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=150)
@given(chains(), st.integers(1, 3))
def test_minibatches_at_once_are_those_one_by_one_and_move_no_statistics(problem, count):
    model, inputs, targets = problem
    g = cu.generator(count)
    many = [
        torch.randn(count, *part.shape, generator=g, dtype=double) for part in (inputs, targets)
    ]
    state = copy.deepcopy(model.state_dict())
    found = backprop(model, slope, *many)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name])
    one_by_one = [by_autograd(copy.deepcopy(model), *one) for one in zip(*many, strict=True)]
    for a, *b in zip(found, *one_by_one, strict=True):
        torch.testing.assert_close(a, torch.stack(b), rtol=1e-9, atol=1e-12)
    sizes = [p.numel() for p in model.parameters()]
    flat = torch.full((count, sum(sizes)), torch.nan, dtype=double)
    parts = zip(flat.split(sizes, dim=1), model.parameters(), strict=True)
    backprop(model, slope, *many, out=[part.unflatten(1, p.shape) for part, p in parts])
    assert torch.equal(flat, torch.cat([part.flatten(1) for part in found], dim=1))


@pytest.mark.parametrize("norm", [None, nn.BatchNorm1d])
def test_in_float32_bit_for_bit(norm):
    parts = [nn.Linear(30, 40), *([norm(40)] if norm else []), nn.ReLU(), nn.Linear(40, 1)]
    model, g = nn.Sequential(*parts), cu.generator(0)
    inputs, targets = torch.randn(64, 30, generator=g), torch.randn(64, 1, generator=g)
    wanted = by_autograd(copy.deepcopy(model), inputs, targets)
    found = backprop(model, slope, inputs, targets)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def drawn_masks(model, inputs, seed):
    """The layers' dropout as layers that multiply by the masks that a generator leads to."""
    g, x, parts = cu.generator(seed), inputs, []
    for layer in model:
        if isinstance(layer, nn.Dropout):
            mask = (torch.rand(x.shape, generator=g) >= layer.p).to(x) / (1 - layer.p)
            parts.append(lambda h, mask=mask: h * mask)
        else:
            parts.append(layer)
        x = parts[-1](x)
    return x


@pytest.mark.parametrize("front", [(), (3,)])
def test_with_dropout_the_masks_are_those_of_the_generator(front):
    model = nn.Sequential(
        *(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 4), nn.Tanh(), nn.Dropout(0.6)),
        nn.Linear(4, 1),
    ).double()
    inputs, targets = torch.randn(*front, 6, 5, dtype=double), torch.randn(*front, 6, 1).double()
    before = torch.get_rng_state()
    found = backprop(model, slope, inputs, targets, generator=cu.generator(3))
    assert torch.equal(torch.get_rng_state(), before)  # torch's own generator was not used
    losses = (drawn_masks(model, inputs, 3) - targets).abs().mean(dim=(-2, -1)).view(-1)
    wanted = [
        torch.autograd.grad(one, list(model.parameters()), retain_graph=True) for one in losses
    ]
    for a, *b in zip(found, *wanted, strict=True):
        torch.testing.assert_close(a, torch.stack(b).view_as(a))


def test_dropout_keeps_each_unit_with_its_probability_and_the_mean():
    model = nn.Sequential(nn.Dropout(0.3), nn.Linear(200, 1, bias=False))
    nn.init.ones_(model[1].weight)

    def one(outputs, _):
        return torch.ones_like(outputs)

    # the gradient by the weight is the sum over examples of what the dropout let through
    (found,) = backprop(
        model, one, torch.ones(400, 200), torch.zeros(400, 1), generator=cu.generator(0)
    )
    kept = found / 400 * 0.7  # each entry: a mean of 400 independent draws, over 0.7
    assert abs(float(kept.mean()) - 0.7) < 5 * math.sqrt(0.21 / 80_000)
    model[0].p = 1.0
    (found,) = backprop(
        model, one, torch.ones(400, 200), torch.zeros(400, 1), generator=cu.generator(0)
    )
    assert (found == 0).all()


def test_other_losses_come_in_by_their_slope():
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    inputs, labels = torch.randn(7, 4, dtype=double), torch.tensor([0, 1, 2, 0, 1, 2, 0])

    def of_cross_entropy(outputs, labels):
        return (outputs.softmax(dim=1) - F.one_hot(labels, 3)) / len(labels)

    loss = F.cross_entropy(model(inputs), labels)
    wanted = torch.autograd.grad(loss, list(model.parameters()))
    for a, b in zip(backprop(model, of_cross_entropy, inputs, labels), wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_it_leaves_no_graph_and_takes_frozen_parameters():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)).requires_grad_(False)
    found = backprop(model, slope, torch.ones(3, 2), torch.zeros(3, 1))
    assert len(found) == 4 and not any(g.requires_grad for g in found)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    ("model", "inputs", "targets", "said"),
    [
        (nn.Sequential(nn.Linear(2, 1), nn.GELU()), (3, 2), (3, 1), "got GELU"),
        (nn.Sequential(nn.Sequential(nn.Linear(2, 1))), (3, 2), (3, 1), "got Sequential"),
        (nn.Sequential(nn.Linear(2, 1)), (1, 4, 3, 2), (1, 4, 3, 1), "shape .B, n_in."),
        (nn.Sequential(nn.Linear(2, 1)), (3, 2), (4, 1), "as many rows; got .3, 2. and .4, 1."),
        (nn.Sequential(nn.Linear(2, 1)), (4, 3, 2), (4, 2, 1), "as many rows; got .4, 3, 2. and"),
        (nn.Sequential(nn.Linear(2, 1)), (3, 2), (3, 2), "of shape .3, 1., got .3, 2."),
        (nn.Sequential(nn.Dropout(), nn.Linear(2, 1)), (3, 2), (3, 1), "pass generator="),
        (nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1)), (1, 2), (1, 1), "2 or more"),
        (nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1)), (5, 1, 2), (5, 1, 1), "2 or more"),
        (nn.Sequential(nn.BatchNorm1d(2, momentum=None)), (3, 2), (3, 2), "momentum"),
        (nn.Sequential(nn.BatchNorm1d(9)), (3, 2), (3, 2), "of 9 units got 2"),
        (nn.Sequential(nn.BatchNorm1d(9)), (4, 3, 2), (4, 3, 2), "of 9 units got 2"),
        (nn.Sequential(nn.BatchNorm1d(1).eval()), (3, 2), (3, 2), "of 1 units got 2"),
    ],
)
def test_what_does_not_fit_is_refused(model, inputs, targets, said):
    with pytest.raises(ValueError, match=said):
        backprop(model, slope, torch.ones(inputs), torch.zeros(targets))


def test_out_of_other_shapes_is_refused():
    model, x, t = nn.Sequential(nn.Linear(2, 3)), torch.ones(4, 2), torch.zeros(4, 3)
    right = [torch.ones(3, 2), torch.ones(3)]
    for out in ([torch.ones(3, 2)], [torch.ones(2, 3), torch.ones(3)], [p[None] for p in right]):
        with pytest.raises(ValueError, match="out must have the gradients' shapes"):
            backprop(model, slope, x, t, out=out)
    with pytest.raises(ValueError, match="out must have the gradients' shapes"):
        backprop(model, slope, x[None], t[None], out=right)


def test_a_layer_in_two_places_is_refused():
    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="two places"):
        backprop(nn.Sequential(layer, nn.ReLU(), layer), slope, torch.ones(3, 2), torch.ones(3, 2))
