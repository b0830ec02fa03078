"""Networks, training and activations against torch's own modules and autograd."""

import math
import pickle

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import nn
from torch.nn import functional

import course_utils as cu
from course_utils import initialization
from course_utils.activations import ACTIVATIONS
from course_utils.data import standard_digits
from course_utils.networks import NORMALIZATIONS
from course_utils.normalization import BatchNorm, LayerNorm

TORCH = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
}


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activation_is_torchs_and_its_derivative_is_autograds(name):
    z = torch.linspace(-5, 5, 101, dtype=torch.float64, requires_grad=True)
    f = cu.activation(name)
    assert torch.allclose(f(z), TORCH[name](z), rtol=0, atol=1e-15)
    (slope,) = (
        torch.autograd.grad(TORCH[name](z).sum(), z)
        if name != "identity"
        else (torch.ones_like(z),)
    )
    away_from_kink = z.detach() != 0
    assert torch.allclose(f.derivative(z)[away_from_kink], slope[away_from_kink], atol=1e-12)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("spread", [0.5, 1.0, 3.0])
def test_gaussian_moments_by_another_quadrature(name, spread):
    def expect(power):
        def integrand(z):
            y = float(cu.activation(name)(torch.tensor(z * spread, dtype=torch.float64)))
            return y**power * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

        return quad(integrand, -12, 0)[0] + quad(integrand, 0, 12)[0]

    mean, variance = cu.gaussian_moments(name, spread)
    assert mean == pytest.approx(expect(1), abs=1e-8)
    assert variance == pytest.approx(expect(2) - expect(1) ** 2, abs=1e-8)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("spread, mean", [(0.5, -1.0), (1.0, 0.5), (4.0, 3.0)])
def test_linearity_is_a_squared_correlation(name, spread, mean):
    z = mean + spread * torch.randn(1_000_000, generator=cu.generator(8), dtype=torch.float64)
    counted = float(torch.corrcoef(torch.stack([z, cu.activation(name)(z)]))[0, 1] ** 2)
    assert cu.linearity(name, spread, mean) == pytest.approx(counted, abs=0.005)


def test_linearity_closed_forms():
    assert cu.linearity("identity", 3.0, 1.0) == pytest.approx(1)
    assert cu.linearity("relu") == pytest.approx(0.25 / (0.5 - 1 / (2 * math.pi)), abs=1e-9)
    # erf-like: GELU is z Φ(z), E[GELU′] = 1/2 for a standard normal z
    assert cu.gaussian_expectation(cu.activation("gelu").derivative) == pytest.approx(0.5)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "identity"])
@pytest.mark.parametrize("spread, mean", [(0.7, -3.0), (1.0, 0.0), (10.0, 2.0)])
@pytest.mark.parametrize("below", [0.05, 0.3])
def test_saturated_share_counts_flat_places(name, spread, mean, below):
    z = mean + spread * torch.randn(1_000_000, generator=cu.generator(9), dtype=torch.float64)
    slope = cu.activation(name).derivative
    counted = float((slope(z).abs() < below * cu.steepest(name)).double().mean())
    assert cu.saturated_share(name, spread, mean, below) == pytest.approx(counted, abs=0.0025)


def test_saturated_share_closed_form():
    """The sigmoid's slope is τ/4 where z = ±2 artanh √(1 − τ)."""
    edge = 2 * math.atanh(math.sqrt(0.95))
    outside = math.erfc((edge - 1) / (3 * math.sqrt(2))) + math.erfc(
        (edge + 1) / (3 * math.sqrt(2))
    )
    assert cu.saturated_share("sigmoid", 3.0, mean=1.0) == pytest.approx(outside / 2, abs=1e-10)


def test_gaussian_expectation_far_from_zero():
    assert cu.gaussian_expectation(lambda z: z**2, 0.1, mean=5.0) == pytest.approx(25.01)


@pytest.mark.parametrize("arguments", [(0.0,), (1.0, math.nan), (1.0, 0.0, 0.0), (math.inf,)])
def test_saturated_share_refuses_what_it_cannot_use(arguments):
    with pytest.raises(ValueError, match="must be"):
        cu.saturated_share("tanh", *arguments)


def test_gaussian_moments_closed_forms():
    assert cu.gaussian_moments("identity", 2.0) == pytest.approx((0, 4), abs=1e-10)
    assert cu.gaussian_moments("relu") == pytest.approx(
        (1 / math.sqrt(2 * math.pi), 0.5 - 1 / (2 * math.pi)), abs=1e-10
    )


def test_centred_has_no_mean_and_the_same_curve():
    relu = cu.centred("relu")
    z = torch.linspace(-2, 2, 9, dtype=torch.float64)
    shift = cu.activation("relu")(z) - relu(z)
    assert torch.allclose(shift, torch.full_like(z, 1 / math.sqrt(2 * math.pi)))
    assert torch.equal(relu.derivative(z), cu.activation("relu").derivative(z))
    wide = cu.centred("relu", spread=2**0.5)  # what a layer of gain √2 passes on
    assert torch.allclose(cu.activation("relu")(z) - wide(z), torch.full_like(z, math.pi**-0.5))
    doubled = cu.scaled("tanh", 2)
    assert torch.allclose(doubled(z), 2 * torch.tanh(z))
    assert torch.allclose(doubled.derivative(z), 2 * (1 - torch.tanh(z) ** 2))


def twin(net: cu.MLP, copy: int, hidden: nn.Module) -> nn.Sequential:
    """The same network made of torch's own layers."""
    layers: list[nn.Module] = []
    for weight, bias in zip(net.weights, net.biases, strict=True):
        linear = nn.Linear(*weight.shape[1:])
        linear.weight.data = weight[copy].detach().T.clone()
        linear.bias.data = bias[copy, 0].detach().clone()
        layers += [linear, hidden]
    return nn.Sequential(*layers[:-1])


def test_each_copy_is_the_network_that_torch_makes_of_its_weights():
    net = cu.MLP([6, 5, 4, 3], "tanh", seeds=[3, 4])
    x = torch.randn(7, 6)
    for copy in range(2):
        assert torch.allclose(net(x)[copy], twin(net, copy, nn.Tanh())(x), atol=1e-6)


def test_a_copy_does_not_depend_on_its_neighbours():
    alone = cu.MLP([6, 5, 3], "relu", seeds=[4])
    among = cu.MLP([6, 5, 3], "relu", seeds=[3, 4, 5])
    for one, many in zip(alone.weights, among.weights, strict=True):
        assert torch.equal(one[0], many[1])


def test_weights_have_the_fan_in_variance():
    net = cu.MLP([400, 100], "relu", seeds=range(20), gain=2**0.5)
    assert float(net.weights[0].detach().var()) == pytest.approx(
        2 / 400, rel=0.02
    )  # not 2/100: fan-in
    assert float(net.biases[0].detach().abs().max()) == 0


def test_a_seed_gives_each_purpose_its_own_stream():
    def draw(*arguments):
        return torch.rand(3, generator=cu.generator(*arguments)).tolist()

    assert draw(1, "weights") == draw(1, "weights")
    assert draw(1, "weights") != draw(1, "minibatches")
    assert draw(1) != draw(2)


def test_fit_takes_the_steps_of_torchs_sgd():
    x, y = torch.randn(30, 6), torch.randint(0, 3, (30,))
    net = cu.MLP([6, 5, 3], "tanh", seeds=[0, 1])
    twins = [twin(net, copy, nn.Tanh()) for copy in range(2)]
    seeds, rates, steps, batch = [5, 6], [0.1, 0.3], 12, 8
    losses = cu.fit(net, x, y, rates=rates, steps=steps, batch=batch, seeds=seeds)
    for copy, other in enumerate(twins):
        draws = torch.randint(
            30, (steps, batch), generator=cu.generator(seeds[copy], "minibatches")
        )
        optimizer = torch.optim.SGD(other.parameters(), lr=rates[copy])
        for step, chosen in enumerate(draws):
            loss = functional.cross_entropy(other(x[chosen]), y[chosen])
            assert float(loss) == pytest.approx(float(losses[copy, step]), rel=1e-4)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert torch.allclose(net(x)[copy], other(x), atol=1e-5)


def test_fit_gives_each_copy_its_own_data():
    x, y = torch.randn(2, 20, 4), torch.randint(0, 2, (2, 20))
    together = cu.MLP([4, 2], "relu", seeds=[0, 1])
    losses = cu.fit(together, x, y, rates=0.5, steps=5, batch=4, seeds=[2, 3])
    alone = cu.MLP([4, 2], "relu", seeds=[1])
    assert torch.allclose(
        cu.fit(alone, x[1], y[1], rates=0.5, steps=5, batch=4, seeds=[3])[0], losses[1]
    )


def test_accuracy_counts_right_answers():
    net = cu.MLP([3, 3], "relu", seeds=[0])
    net.weights[0].data = torch.eye(3)[None]
    x, y = torch.eye(3)[[0, 1, 2, 2]], torch.tensor([0, 1, 2, 0])
    assert cu.accuracy(net, x, y).tolist() == [0.75]


def test_steps_to_loss_averages_over_the_window():
    losses = torch.tensor([[4.0, 0.0, 4.0, 1.0, 1.0], [9.0, 9.0, 9.0, 9.0, 9.0]])
    assert cu.steps_to_loss(losses, target=1.5, window=2).tolist() == [5.0, math.inf]
    assert cu.steps_to_loss(losses, target=2.5, window=2).tolist()[0] == 2.0


def test_seeds_can_be_moved_and_do_not_overlap(monkeypatch):
    first = cu.seeds(10_000)
    monkeypatch.setenv("COURSE_SEED_OFFSET", "1")
    assert not set(first) & set(cu.seeds(10_000))
    monkeypatch.setenv("COURSE_SEED_OFFSET", "-1")
    with pytest.raises(ValueError, match="whole number of at least 0, got '-1'"):
        cu.seeds(1)


def test_digits_are_split_without_overlap_or_loss():
    parts = cu.digits(7)
    rows = torch.cat([parts.train_inputs, parts.test_inputs])
    labels = torch.cat([parts.train_labels, parts.test_labels])
    assert rows.shape == (1797, 64) and parts.test_labels.shape == (500,)
    assert float(rows.min()) == 0 and float(rows.max()) == 1
    from sklearn.datasets import load_digits

    bunch = load_digits()
    kept = sorted(map(tuple, torch.cat([rows * 16, labels[:, None]], dim=1).long().tolist()))
    assert kept == sorted(
        map(tuple, np.column_stack([bunch.data, bunch.target]).astype(int).tolist())
    )
    assert not torch.equal(parts.train_labels, cu.digits(8).train_labels)


@pytest.mark.parametrize("kind", ["normal", "uniform", "exponential"])
def test_inputs_have_the_mean_and_variance_1(kind):
    x = cu.inputs_with_mean(2.5, (200_000,), cu.generator(0), kind)
    assert float(x.mean()) == pytest.approx(2.5, abs=0.02)
    assert float(x.var()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cu.MLP([4, 0, 2], "relu", seeds=[0]), r"at least 1, got \[4, 0, 2\]"),
        (lambda: cu.MLP([4], "relu", seeds=[0]), "two or more"),
        (lambda: cu.MLP([4, 2], "swoosh", seeds=[0]), "unknown activation 'swoosh'; known are"),
        (lambda: cu.MLP([4, 2], "relu", seeds=[]), "got none"),
        (lambda: cu.MLP([4, 2], "relu", seeds=[0], gain=0), "gain must be more than 0"),
        (lambda: cu.MLP([4, 2], "relu", seeds=[0])(torch.full((1, 3, 4), math.nan)), "got NaN"),
        (
            lambda: cu.MLP([4, 2], "relu", seeds=[0])(torch.zeros(1, 3, 5)),
            r"\(1, batch, 4\), got \(1, 3, 5\)",
        ),
        (
            lambda: cu.MLP([4, 2], "relu", seeds=[0])(torch.zeros(1, 3, 4, device="meta")),
            "inputs are on meta, the network on cpu",
        ),
        (
            lambda: cu.MLP([4, 2.5], "relu", seeds=[0]),
            r"whole numbers of at least 1, got \[4, 2.5\]",
        ),
        (
            lambda: cu.MLP([4, 2], "relu", seeds=[0])(torch.zeros(1, 3, 4, dtype=torch.float64)),
            "inputs are torch.float64, the network is torch.float32",
        ),
        (lambda: cu.cross_entropy(torch.zeros(1, 3, 2), torch.zeros(2).long()), r"got \(1, 2\)"),
        (
            lambda: cu.cross_entropy(torch.zeros(1, 3, 2), torch.zeros(3)),
            "int64, got torch.float32",
        ),
        (
            lambda: cu.cross_entropy(torch.zeros(1, 3, 2), torch.zeros(3, device="meta").long()),
            "labels are on meta, the inputs on cpu",
        ),
        (lambda: cu.gaussian_moments("tanh", 0), "spread must be more than 0"),
        (lambda: cu.scaled("tanh", 0), "not 0, got 0"),
        (lambda: cu.seeds(0), "got n = 0"),
        (lambda: cu.generator(-1), "at least 0, got -1"),
        (lambda: cu.inputs_with_mean(math.nan, (2,), cu.generator(0)), "finite number, got nan"),
        (lambda: cu.inputs_with_mean(0, (2,), cu.generator(0), "cauchy"), "got 'cauchy'"),
    ],
)
def test_bad_input_is_refused_with_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rates": 0.0}, "learning rates must be more than 0"),
        ({"rates": [0.1, 0.1]}, "needs 1 or 1 learning rates, got 2"),
        ({"steps": 0}, "steps and batch must be at least 1, got 0"),
        ({"batch": 0}, "at least 1, got 2 and 0"),
        ({"seeds": [1, 2]}, "needs 1 seeds, one for each copy, got 2"),
    ],
)
def test_fit_refuses_bad_settings(change, message):
    settings = {"rates": 0.1, "steps": 2, "batch": 2, "seeds": [0], **change}
    net = cu.MLP([4, 2], "relu", seeds=[0])
    with pytest.raises(ValueError, match=message):
        cu.fit(net, torch.zeros(5, 4), torch.zeros(5, dtype=torch.int64), **settings)


def test_steps_to_loss_refuses_a_window_that_does_not_fit():
    with pytest.raises(ValueError, match="from 1 to 3, got 4"):
        cu.steps_to_loss(torch.zeros(1, 3), target=1, window=4)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_one_number_that_is_not_finite_is_refused(wrong):
    net, inputs = cu.MLP([4, 2], "relu", seeds=[0]), torch.zeros(5, 4)
    inputs[3, 1] = wrong
    with pytest.raises(ValueError, match="inputs must be finite"):
        net(inputs)


@pytest.mark.parametrize("shape", [(4,), (3, 5, 4), (1, 1, 5, 4)])
def test_fit_refuses_inputs_that_do_not_fit(shape):
    net, labels = cu.MLP([4, 2], "relu", seeds=[0, 1]), torch.zeros(5, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"or \(2, examples, n_in\), got \("):
        cu.fit(net, torch.zeros(shape), labels, rates=0.1, steps=1, batch=2, seeds=[0, 1])


@pytest.mark.parametrize("count", [4, 6])
def test_fit_and_accuracy_refuse_labels_that_do_not_fit(count):
    net, inputs = cu.MLP([4, 2], "relu", seeds=[0]), torch.zeros(5, 4)
    labels = torch.zeros(count, dtype=torch.int64)
    with pytest.raises(ValueError, match=rf"shape \(5,\) or \(1, 5\), got \(1, {count}\)"):
        cu.fit(net, inputs, labels, rates=0.1, steps=1, batch=2, seeds=[0])
    with pytest.raises(ValueError, match="labels must have shape"):
        cu.accuracy(net, inputs, labels)


@pytest.mark.parametrize("name, torchs", [("batch", nn.BatchNorm1d), ("layer", nn.LayerNorm)])
def test_normalization_is_torchs_in_each_copy(name, torchs):
    """Outputs and gradients in training, then outputs in evaluation, against torch."""
    layer = NORMALIZATIONS[name](3, 5).double()
    z = torch.randn(3, 7, 5, generator=cu.generator(3), dtype=torch.float64) * 3 + 2
    weight = torch.randn(3, 7, 5, generator=cu.generator(4), dtype=torch.float64)
    ours = z.clone().requires_grad_()
    (layer(ours) * weight).sum().backward()
    layer.eval()
    for copy in range(3):
        reference, theirs = torchs(5).double(), z[copy].clone().requires_grad_()
        (reference(theirs) * weight[copy]).sum().backward()
        assert torch.allclose(ours.grad[copy], theirs.grad, atol=1e-12)
        assert torch.allclose(layer.scale.grad[copy, 0], reference.weight.grad, atol=1e-12)
        assert torch.allclose(layer.shift.grad[copy, 0], reference.bias.grad, atol=1e-12)
        reference.eval()
        assert torch.allclose(layer(z)[copy], reference(z[copy]), atol=1e-12)


def test_batch_norm_refuses_one_example_in_training():
    layer = BatchNorm(1, 2)
    with pytest.raises(ValueError, match="2 or more examples"):
        layer(torch.ones(1, 1, 2))
    layer.eval()(torch.ones(1, 1, 2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: BatchNorm(0, 2),
        lambda: LayerNorm(1, 2, epsilon=0),
        lambda: BatchNorm(1, 2, momentum=2),
        lambda: cu.MLP([2, 2, 2], "relu", seeds=[0], normalization="instance"),
        lambda: cu.MLP([2, 2, 2], "relu", seeds=[0], scheme=[initialization.zeros()]),
        lambda: fit_with(momentum=1.0),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(ValueError, match="must be|unknown|needs"):
        make()


def fit_with(**settings):
    net = cu.MLP([4, 6, 3], "tanh", seeds=[0, 1], normalization=settings.pop("normalization", None))
    g = cu.generator(5)
    x, y = torch.randn(40, 4, generator=g), torch.randint(3, (40,), generator=g)
    options = {"rates": 0.1, "steps": 20, "batch": 8, "seeds": [3, 4]}
    return net, cu.fit(net, x, y, **(options | settings)), x, y


def test_momentum_is_torchs():
    """The second copy against torch.optim.SGD on the same minibatches."""
    net, losses, x, y = fit_with(momentum=0.9)
    alone = cu.MLP([4, 6, 3], "tanh", seeds=[1])
    optimiser = torch.optim.SGD(alone.parameters(), lr=0.1, momentum=0.9)
    draws = torch.randint(40, (20, 8), generator=cu.generator(4, "minibatches"))
    for step, chosen in enumerate(draws):
        loss = functional.cross_entropy(alone(x[chosen])[0], y[chosen])
        assert loss.item() == pytest.approx(losses[1, step].item(), rel=1e-4)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert torch.allclose(net.weights[0][1], alone.weights[0][0], atol=1e-5)


def test_normalized_networks_normalise_before_the_activation():
    net = cu.MLP([4, 6, 3], "tanh", seeds=[0, 1], normalization="batch")
    x = 5 + torch.randn(50, 4, generator=cu.generator(6))
    first = net.pre_activations(x)[0]
    assert torch.allclose(first.mean(dim=1), torch.zeros(2, 6), atol=1e-5)
    assert torch.allclose(first.var(dim=1, unbiased=False), torch.ones(2, 6), atol=1e-3)
    assert torch.equal(torch.tanh(first), net.eval().train().layers(x)[1])


def test_a_scheme_draws_each_copy_alone():
    scheme = initialization.uniform_default()
    many = cu.MLP([4, 6, 3], "relu", seeds=[5, 9], scheme=scheme)
    alone = cu.MLP([4, 6, 3], "relu", seeds=[9], scheme=scheme)
    for ours, its in zip(many.parameters(), alone.parameters(), strict=True):
        assert torch.equal(ours[1:], its)
    assert float(many.weights[0].detach().abs().max()) <= 0.5  # 1/√n_in
    assert float(many.biases[0].detach().abs().max()) > 0
    assert [tuple(weight.shape) for weight in many.weights] == [(2, 4, 6), (2, 6, 3)]


def test_standard_digits_are_centred_and_of_mean_square_one_in_each_split():
    x, y, x_test, y_test = standard_digits([0, 5])
    assert float(x.mean(dim=1).abs().max()) < 1e-5
    assert (x**2).mean(dim=(1, 2)).tolist() == pytest.approx([1, 1], rel=1e-4)
    assert (x_test**2).mean(dim=(1, 2)).tolist() == pytest.approx([1, 1], rel=0.05)
    alone = standard_digits([5])
    for together, own in zip((x, y, x_test, y_test), alone, strict=True):
        assert torch.equal(together[1], own[0])
    with pytest.raises(ValueError, match="at least one seed"):
        standard_digits([])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_network_can_be_copied_to_another_process(name):
    net = cu.MLP([4, 3, 2], name, seeds=[0, 1])
    x = torch.randn(5, 4)
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), net(x))
