"""Networks, training and activations against torch's own modules and autograd."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import nn
from torch.nn import functional

import course_utils as cu
from course_utils.activations import ACTIVATIONS

TORCH = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": functional.relu,
}


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activation_is_torchs_and_its_derivative_is_autograds(name):
    z = torch.linspace(-5, 5, 101, dtype=torch.float64, requires_grad=True)
    f = cu.activation(name)
    assert torch.equal(f(z), TORCH[name](z))
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


@pytest.mark.parametrize("count", [4, 6])
def test_fit_and_accuracy_refuse_labels_that_do_not_fit(count):
    net, inputs = cu.MLP([4, 2], "relu", seeds=[0]), torch.zeros(5, 4)
    labels = torch.zeros(count, dtype=torch.int64)
    with pytest.raises(ValueError, match=rf"shape \(5,\) or \(1, 5\), got \(1, {count}\)"):
        cu.fit(net, inputs, labels, rates=0.1, steps=1, batch=2, seeds=[0])
    with pytest.raises(ValueError, match="labels must have shape"):
        cu.accuracy(net, inputs, labels)
