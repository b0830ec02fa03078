"""Gradients of examples and minibatches: against autograd one at a time, and by hand."""

import copy
import itertools
import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import course_utils as cu
from course_utils.gradients import (
    Noise,
    columns,
    expected_cosine,
    mean_cosine,
    noise,
    obtuse_share,
    per_example,
    per_minibatch,
    squared_norms,
)
from course_utils.normalization import BatchNorm1d

double = torch.float64


def squared(y, t):
    return ((y - t) ** 2).mean(dim=(-2, -1))


def absolute(y, t):
    return (y - t).abs().mean(dim=(-2, -1))


def cross_entropy(y, labels):
    return -y.log_softmax(dim=-1).gather(-1, labels[..., None])[..., 0].mean(dim=-1)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.norm, self.two = nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 3)

    def forward(self, x):
        h = self.one(x)
        return self.two(self.norm(F.relu_(h) + x))


class Sequence(nn.Module):
    """A linear layer that sees three axes, beside one that sees two."""

    def __init__(self):
        super().__init__()
        self.each, self.out = nn.Linear(2, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.out(self.each(x.unflatten(-1, (2, 2))).tanh().sum(dim=-2))


class Reused(nn.Module):
    """Called twice; called once and multiplied by hand as well; never called."""

    def __init__(self):
        super().__init__()
        self.twice, self.beside, self.never = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.out = nn.Linear(4, 3, bias=False)

    def forward(self, x):
        h = self.beside(self.twice(self.twice(x).tanh()))
        return self.out(h + F.linear(x, self.beside.weight))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.out = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.out(self.two(self.one(x).sigmoid()))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.out = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        s = x[:, None] * x[..., None]
        return self.out(self.attention(s, s + 1, s)[0].mean(dim=1))


def chain(*between):
    return nn.Sequential(nn.Linear(4, 5), *between, nn.Linear(5, 3))


def hooked():
    model = chain(nn.Tanh())
    model[0].register_forward_hook(lambda _, __, z: 2 * z)
    model[2].register_forward_pre_hook(lambda _, given: (given[0] + 1,))
    return model


MODELS = {
    "linear": lambda: nn.Linear(4, 3),
    "chain": lambda: chain(nn.Tanh(), nn.Sequential(nn.Linear(5, 5), nn.GELU())),
    "in place": lambda: chain(nn.ReLU(inplace=True), nn.Linear(5, 5), nn.ELU(inplace=True)),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4, 3)
    ),
    "batch norm, evaluated": lambda: chain(BatchNorm1d(5), nn.Tanh(), nn.BatchNorm1d(5)).eval(),
    "dropout, evaluated": lambda: chain(nn.Dropout(0.5)).eval(),
    "residual": Residual,
    "sequence": Sequence,
    "reused": Reused,
    "tied": Tied,
    "hooked": hooked,
    "attention": Attention,
}


def drawn(kind, seed=0):
    model = MODELS[kind]().double()
    g = cu.generator(seed, kind)
    for name, one in model.state_dict().items():
        if one.is_floating_point():
            normal = torch.randn(one.shape, generator=g, dtype=double)
            one.copy_(normal.square() + 0.5 if "var" in name else normal)
    return model


def data(n, seed=0, labels=False):
    g = cu.generator(seed, "data")
    x = torch.randn(n, 4, generator=g, dtype=double)
    t = torch.randn(n, 3, generator=g, dtype=double)
    return (x, t.argmax(dim=1)) if labels else (x, t)


def one_by_one(model, loss, inputs, targets):
    """The plain way: a loop over minibatches, autograd and a list."""
    model = copy.deepcopy(model)
    rows = []
    for x, t in zip(inputs, targets, strict=True):
        parts = torch.autograd.grad(
            loss(model(x.clone()), t),
            list(model.parameters()),
            materialize_grads=True,
            allow_unused=True,
        )
        rows.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(rows)


@pytest.mark.parametrize("memory", [1, 20_000, 2**28])
@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("kind", MODELS)
def test_gradients_of_examples_are_those_of_autograd(kind, labels, memory):
    model, (x, t) = drawn(kind), data(7, labels=labels)
    loss = cross_entropy if labels else squared
    wanted = one_by_one(model, loss, x[:, None], t[:, None])
    was = {name: one.clone() for name, one in model.state_dict().items()}
    found = per_example(model, loss, x, t, memory=memory)
    assert found.shape == wanted.shape and found.dtype == double and not found.requires_grad
    assert torch.allclose(found, wanted, rtol=1e-10, atol=1e-12)
    norms = squared_norms(model, loss, x, t, memory=memory)
    assert list(norms) == [*(name for name, _ in model.named_parameters()), "all"]
    for name, square in norms.items():
        own = wanted if name == "all" else wanted[:, columns(model, name)]
        assert not square.requires_grad
        assert torch.allclose(square, own.square().sum(dim=1), rtol=1e-9, atol=1e-12), name
    assert all(torch.equal(was[name], one) for name, one in model.state_dict().items())
    assert all(one.grad is None and one.requires_grad for one in model.parameters())


@pytest.mark.parametrize("memory", [1, 2**28])
@pytest.mark.parametrize("kind", MODELS)
def test_gradients_of_minibatches_are_those_of_autograd(kind, memory):
    model, (x, t) = drawn(kind), data(12)
    x, t = x.view(4, 3, 4), t.view(4, 3, 3)
    wanted = one_by_one(model, absolute, x, t)
    found = per_minibatch(model, absolute, x, t, memory=memory)
    assert torch.allclose(found, wanted, rtol=1e-10, atol=1e-12)
    by_example = per_example(model, absolute, x.flatten(0, 1), t.flatten(0, 1))
    assert torch.allclose(found, by_example.view(4, 3, -1).mean(dim=1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, BatchNorm1d])
def test_batch_norm_in_training_has_gradients_of_minibatches_only(norm):
    model, (x, t) = chain(nn.Sequential(norm(5)), nn.Tanh()).double(), data(12)
    minibatches = x.view(4, 3, 4), t.view(4, 3, 3)
    was = copy.deepcopy(model.state_dict())
    wanted = one_by_one(model, squared, *minibatches)
    assert torch.allclose(per_minibatch(model, squared, *minibatches), wanted, atol=1e-10)
    assert all(torch.equal(one, was[name]) for name, one in model.state_dict().items())
    for function in (per_example, squared_norms, noise):
        with pytest.raises(ValueError, match=r"'1.0' is in training mode.*per_minibatch"):
            function(model, squared, x, t)


def test_a_loss_has_one_number_for_each_minibatch():
    model, (x, t) = drawn("chain"), data(6)
    minibatches = x.view(2, 3, 4), t.view(2, 3, 3)
    for loss in (lambda y, t: (y - t) ** 2, lambda y, t: (y - t).mean(dim=-1)):
        for function in (per_example, squared_norms, noise):
            with pytest.raises(ValueError, match="one number for each minibatch"):
                function(model, loss, x, t)
        with pytest.raises(ValueError, match="one number for each minibatch"):
            per_minibatch(model, loss, *minibatches)
    with pytest.raises(ValueError, match="one number for each minibatch"):
        squared_norms(model, nn.MSELoss(), x, t)  # one for all examples


@pytest.mark.parametrize("function", [per_example, squared_norms, noise, per_minibatch])
def test_shapes_that_do_not_fit_are_told(function):
    model, (x, t) = drawn("chain"), data(6)
    for bad in [(x[:, 0], t), (x, t[:5]), (x[:0], t[:0]), (x[None], t[:1, None])]:
        with pytest.raises(ValueError, match="shape"):
            function(model, squared, *bad)


def test_dropout_in_training_needs_a_generator():
    model, (x, t) = chain(nn.Dropout(0.5)).double(), data(64)
    minibatches = x[:, None].expand(-1, 2, -1), t[:, None].expand(-1, 2, -1)
    random = torch.get_rng_state()
    for function in (per_example, squared_norms, noise):
        with pytest.raises(ValueError, match="generator="):
            function(model, squared, x, t)
    with pytest.raises(ValueError, match="generator="):
        per_minibatch(model, squared, *minibatches)
    one, two, other = (
        per_example(
            model, squared, x[:1].expand(64, -1), t[:1].expand(64, -1), generator=cu.generator(s)
        )
        for s in (0, 0, 1)
    )
    assert torch.equal(one, two) and not torch.equal(one, other)
    kept = one[:, columns(model, "0.bias")] != 0  # each example has its own mask
    assert len(kept.unique(dim=0)) > 20 and 0.35 < float(kept.double().mean()) < 0.65
    found = per_minibatch(model, squared, *minibatches, generator=cu.generator(0))
    assert found.shape == (64, 5 * 5 + 3 * 6) and torch.equal(random, torch.get_rng_state())


def test_linear_regression_by_hand():
    model, (x, t) = drawn("linear"), data(9)
    error = x @ model.weight.detach().T + model.bias.detach() - t
    by_hand = 2 / 3 * torch.cat([(error[:, :, None] * x[:, None]).flatten(1), error], dim=1)
    assert torch.allclose(per_example(model, squared, x, t), by_hand, atol=1e-12)
    found = noise(model, squared, x, t)
    for name, place in [("weight", slice(12)), ("bias", slice(12, 15)), ("all", slice(15))]:
        own = by_hand[:, place]
        assert math.isclose(found[name].squared_mean, float(own.mean(dim=0).square().sum()))
        trace = float(own.var(dim=0, correction=0).sum())
        assert math.isclose(found[name].trace, trace, rel_tol=1e-9)
        assert math.isclose(found[name].scale, trace / found[name].squared_mean, rel_tol=1e-9)


@pytest.mark.parametrize("memory", [1, 2**28])
@pytest.mark.parametrize("kind", MODELS)
def test_noise_is_the_covariance_of_examples(kind, memory):
    model, (x, t) = drawn(kind), data(8)
    gradients = one_by_one(model, squared, x[:, None], t[:, None])
    found = noise(model, squared, x, t, memory=memory)
    assert list(found) == [*(name for name, _ in model.named_parameters()), "all"]
    for name, one in found.items():
        own = gradients if name == "all" else gradients[:, columns(model, name)]
        covariance = torch.cov(own.T, correction=0)
        trace = covariance.trace() if covariance.dim() else covariance
        assert math.isclose(one.trace, float(trace), rel_tol=1e-8, abs_tol=1e-12)
        mean = float(own.mean(dim=0).square().sum())
        assert math.isclose(one.squared_mean, mean, rel_tol=1e-8, abs_tol=1e-20)


def test_examples_that_agree_have_no_noise():
    model, (x, t) = drawn("chain").float(), (one[:1].float().expand(9, -1) for one in data(1))
    assert all(
        0 <= one.trace <= 1e-6 * one.squared_mean for one in noise(model, squared, x, t).values()
    )
    assert Noise(0.0, 1.0).scale == math.inf


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(list(MODELS)),
    n=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    labels=st.booleans(),
)
def test_laws_of_means_and_noise(kind, n, seed, labels):
    model, (x, t) = drawn(kind, seed), data(n, seed, labels)
    loss = cross_entropy if labels else absolute
    gradients = per_example(model, loss, x, t)
    whole = per_minibatch(model, loss, x[None], t[None])[0]
    size = float(gradients.abs().max())
    assert torch.allclose(gradients.mean(dim=0), whole, rtol=1e-9, atol=1e-12 * size)
    parts = noise(model, loss, x, t)
    assert all(one.trace >= 0 and one.squared_mean >= 0 for one in parts.values())
    everything = parts.pop("all")
    assert math.isclose(sum(p.squared_mean for p in parts.values()), everything.squared_mean)
    total = float(gradients.square().sum(dim=1).mean())
    assert math.isclose(everything.squared_mean + everything.trace, total, rel_tol=1e-9)


def test_columns_find_layers_tensors_and_numbers():
    model = drawn("chain")
    flat = torch.cat([one.detach().flatten() for one in model.parameters()])
    for name, wanted in [
        ("0.bias", model[0].bias),
        (("2.0.weight", (3, -1)), model[2][0].weight[3, -1]),
        (("3.bias", 2), model[3].bias[2]),
        ("2", torch.cat([model[2][0].weight.flatten(), model[2][0].bias])),
    ]:
        assert torch.equal(flat[columns(model, [name])], wanted.detach().flatten())
    assert torch.equal(flat[columns(model, "0")], flat[:25])
    near = nn.ModuleDict({"out": nn.Linear(1, 1), "outer": nn.Linear(1, 2)})
    assert columns(near, "out").tolist() == [0, 1]
    two = columns(model, ["3.bias", ("0.weight", (0, 0))])
    assert two.tolist() == [*range(len(flat) - 3, len(flat)), 0]
    for bad, message in [
        ("7.bias", "'7.bias'; there are 0.weight"),
        (("0", 1), "nothing is named '0'"),
        (("0.bias", 5), r"\(5,\), and no entry 5"),
        (("0.weight", 1), r"\(5, 4\), and no entry 1"),
        (("0.weight", (0, 1, 0)), "no entry"),
    ]:
        with pytest.raises(ValueError, match=message):
            columns(model, [bad])


@pytest.mark.parametrize("batch", [1, 2, 3, 6])
def test_expected_cosine_is_the_ratio_over_all_minibatches(batch):
    """Every minibatch of M out of 6 examples, and every pair of them."""
    g = torch.randn(6, 3, generator=cu.generator(3), dtype=double) + 0.5
    squared_mean = float(g.mean(dim=0).square().sum())
    trace = float(g.var(dim=0, correction=0).sum())
    choices = list(itertools.combinations(range(6), batch))
    means = torch.stack([g[list(one)].mean(dim=0) for one in choices])
    square = float(means.square().sum(dim=1).mean())
    product = float((means @ means.T).mean())
    assert math.isclose(expected_cosine(squared_mean, trace, batch, 6), product / square)
    apart = [
        float(means[i] @ means[j])
        for (i, a), (j, b) in itertools.permutations(enumerate(choices), 2)
        if not set(a) & set(b)
    ]
    if apart:
        found = expected_cosine(squared_mean, trace, batch, 6, disjoint=True)
        assert math.isclose(found, sum(apart) / len(apart) / square)


@given(
    squared_mean=st.floats(1e-6, 1e6),
    trace=st.floats(0, 1e6),
    examples=st.integers(2, 1000),
    data=st.data(),
)
def test_expected_cosine_grows_from_single_examples_to_all(squared_mean, trace, examples, data):
    of = lambda m: expected_cosine(squared_mean, trace, m, examples)  # noqa: E731
    batch = data.draw(st.integers(1, examples - 1))
    assert math.isclose(of(1), squared_mean / (squared_mean + trace))
    assert of(examples) == 1 and 0 <= of(batch) <= of(batch + 1) * (1 + 1e-12)


def test_expected_cosine_of_many_and_out_of_range():
    many = expected_cosine(torch.tensor([1.0, 2.0]), torch.tensor([9.0, 0.0]), 1, 10)
    assert torch.allclose(many, torch.tensor([0.1, 1.0]))
    for batch, examples, disjoint in [(0, 5, False), (6, 5, False), (1, 1, False), (3, 5, True)]:
        with pytest.raises(ValueError, match=f"got {batch} and {examples}"):
            expected_cosine(1.0, 1.0, batch, examples, disjoint=disjoint)


@given(
    seed=st.integers(0, 10**6),
    m=st.integers(2, 7),
    p=st.integers(1, 5),
    size=st.sampled_from([1e-30, 1.0, 1e30]),
)
def test_cosines_by_brute_force(seed, m, p, size):
    g = torch.randn(m, p, generator=cu.generator(seed), dtype=double)
    scaled = g * size * torch.rand(m, 1, generator=cu.generator(seed), dtype=double)
    pairs = list(itertools.combinations(range(m), 2))
    cosines = [float(F.cosine_similarity(g[i], g[j], dim=0)) for i, j in pairs]
    with_zeros = torch.cat([torch.zeros(2, p), scaled.float()])
    assert math.isclose(mean_cosine(with_zeros), sum(cosines) / len(pairs), abs_tol=1e-5)
    assert math.isclose(mean_cosine(scaled), sum(cosines) / len(pairs), abs_tol=1e-12)
    share = sum(cosine < 0 for cosine in cosines) / len(pairs)
    assert math.isclose(obtuse_share(scaled), share) or min(map(abs, cosines)) < 1e-9


@pytest.mark.parametrize("function", [mean_cosine, obtuse_share])
def test_cosines_need_two_directions(function):
    for bad, message in [
        (torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), "of 3 rows 1 are not exactly 0"),
        (torch.zeros(4, 2), "of 4 rows 0"),
        (torch.ones(1, 2), "of 1 rows 1"),
        (torch.ones(3), r"\(M, P\)"),
        (torch.tensor([[1.0], [math.nan]]), "finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            function(bad)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("kind", MODELS)
def test_a_gpu_gives_the_same(kind):
    model, (x, t) = drawn(kind), data(6)
    there = copy.deepcopy(model).cuda(), squared, x.cuda(), t.cuda()
    for function in (per_example, squared_norms, noise):
        here, found = function(model, squared, x, t), function(*there)
        if function is per_example:
            assert torch.allclose(found.cpu(), here, rtol=1e-9, atol=1e-12)
        elif function is noise:
            assert all(math.isclose(found[k].trace, here[k].trace, rel_tol=1e-8) for k in here)
        else:
            assert all(torch.allclose(found[k].cpu(), here[k], rtol=1e-9) for k in here)
