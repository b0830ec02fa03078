"""The doctor: it disturbs nothing, measures rightly, finds what is broken, and nothing else."""

import copy
import math
import random
import threading
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import course_utils as cu
from course_utils.diagnose import _fit
from course_utils.findings import KINDS, SERIOUS, findings, thresholds
from course_utils.maps.diagnosis import example
from course_utils.probes import private_copy
from course_utils.recognition import recognise
from tests import held_out
from tests.ailments import BROKEN, HEALTHY, Attention, LastOutput, Reader, broken, cnn, healthy
from tests.answers import tell_apart

SEEDS = cu.seeds(3)
start = cu.initialization


def some_data(n=256, n_in=64, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, n_in, generator=g), torch.randint(10, (n,), generator=g)


def relu_net(*sizes, scheme=None, seed=0, hidden=nn.ReLU):
    layers = [m for a, b in pairwise(sizes[:-1]) for m in (nn.Linear(a, b), hidden())]
    net = nn.Sequential(*layers, nn.Linear(*sizes[-2:]))
    start.initialize(net, scheme or start.kaiming(), torch.Generator().manual_seed(seed))
    return net


# What it finds


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_network_has_no_serious_finding(name, seed):
    found = cu.diagnose(**healthy(name, seed))
    assert not found.serious, found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found_first(name, seed):
    found = cu.diagnose(**broken(name, seed))
    assert found.findings[0].kind == BROKEN[name], found


def test_every_serious_kind_has_a_broken_network():
    assert {*BROKEN.values(), *held_out.BROKEN.values()} - {"exploding or loss_scale"} == set(KINDS)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", held_out.HEALTHY)
def test_a_healthy_network_that_was_held_out_has_no_serious_finding(name, seed):
    found = cu.diagnose(**held_out.healthy(name, seed))
    assert not found.serious, found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", held_out.BROKEN)
def test_a_fault_that_was_held_out_is_found_first(name, seed):
    found = cu.diagnose(**held_out.broken(name, seed)).findings
    assert found and found[0].severity > 1, found
    assert found[0].kind in held_out.BROKEN[name].split(" or "), found


def test_what_is_lost_in_rounding_vanished_and_did_not_die():
    sizes = [64] + [32] * 29 + [10]
    net = relu_net(*sizes, scheme=start.orthogonal(), hidden=nn.Sigmoid)
    found = cu.diagnose(net, some_data(), F.cross_entropy)
    assert found.findings[0].kind == "vanishing"
    assert "dead" not in {one.kind for one in found.findings}


def test_young_running_statistics_are_a_remark_that_says_so():
    (found,) = cu.diagnose(**held_out.healthy("ResNet, 5 updates", SEEDS[0])).findings
    assert found.kind == "evaluation_gap" and found.severity == 1
    assert "only 5 minibatches" in found.text


def test_the_remedy_names_the_biases_and_not_a_start_that_is_there():
    for name in ("biases + 20, tanh", "biases + 1000", "biases − 20, GELU"):
        first = cu.diagnose(**held_out.broken(name, 0)).findings[0]
        assert "biases at 0" in first.remedy, first
        assert "aiming" not in first.remedy and "lorot" not in first.remedy, first


def test_one_layer_that_does_it_is_named_and_no_depth_given():
    (found,) = cu.diagnose(**held_out.broken("layer 5 of 10 × 0.001", 0)).serious
    assert found.where == "10" and "this one layer" in found.text and "depth 1" not in found.text


def test_two_minibatches_are_too_few_for_disagreement():
    numbers = {"loss": 1.0, "agreement": 0.0, "agreement_shuffled": 0.5, "gradient": 1.0}
    kinds = [
        [one.kind for one in findings(pd.DataFrame(), numbers | {"minibatches": count})]
        for count in (2.0, 8.0)
    ]
    assert kinds == [[], ["disagreement"]]


def test_a_loss_that_is_nan_on_its_own_is_told_from_layers_that_are():
    x, y = some_data()
    net = relu_net(64, 20, 10)
    targets = torch.where(y == 3, y, -100)
    first = cu.diagnose(net, (x, targets), F.cross_entropy, batch=4).findings[0]
    assert "the loss itself" in first.remedy and "finite" in first.text
    net[0].weight.data[0, 0] = math.inf
    first = cu.diagnose(net, (x, y), F.cross_entropy).findings[0]
    assert first.where == "0" and "smaller weights" in first.remedy


def test_how_much_is_learned_is_not_known_of_a_loss_below_zero():
    x, y = some_data()
    found = cu.diagnose(relu_net(64, 20, 10), (x, y), lambda z, t: F.cross_entropy(z, t) - 5)
    assert math.isnan(found.numbers["learned"])
    assert "not known" in repr(found)


def test_a_constant_answer_of_several_outputs():
    class Wrapped(nn.Module):
        def __init__(self, way):
            super().__init__()
            self.net, self.way = relu_net(64, 20, 10), way

        def forward(self, x):
            return {"z": self.net(x)} if self.way == "z" else (self.net(x), x)

    data = some_data()
    plain = cu.diagnose(relu_net(64, 20, 10), data, F.cross_entropy).numbers
    for way in ("z", 0):
        found = cu.diagnose(Wrapped(way), data, lambda o, t, way=way: F.cross_entropy(o[way], t))
        for one in ("loss_constant", "loss_zero", "learned"):
            assert found.numbers[one] == pytest.approx(plain[one])


def test_what_differs_is_lost_in_rounding_before_floats_end():
    def sigmoid_net(depth):
        sizes = [64, *[32] * depth, 10]
        return relu_net(*sizes, scheme=start.normal(1.0), seed=1, hidden=nn.Sigmoid)

    x, y = some_data(512)
    found = cu.diagnose(sigmoid_net(30), (x, y), F.cross_entropy)
    depth = found.numbers["forward_depth"]
    assert "lost in rounding" in found.findings[0].text
    deep = sigmoid_net(70)
    zs = [module for module in deep if isinstance(module, nn.Linear)]
    differs = []
    for h, net in ((x, deep), (x.double(), copy.deepcopy(deep).double())):
        rows = []
        for module in net:
            h = module(h)
            if isinstance(module, nn.Linear):
                rows.append(h.detach().double().std(dim=0).mean())
        differs.append(torch.stack(rows))
    wrong = (differs[0] / differs[1]).log().abs() > math.log(2)
    first = int(wrong.nonzero()[0]) + 1
    assert len(zs) == 71 and abs(depth - first) < 12, (depth, first)


def test_parameters_outside_the_loss_are_told():
    net = relu_net(64, 20, 10)
    net.register_parameter("forgotten", nn.Parameter(torch.ones(3)))
    (found,) = cu.diagnose(net, some_data(), F.cross_entropy).findings
    assert found.kind == "unused" and found.evidence == 1


def test_findings_stand_in_the_order_of_seriousness_and_cause():
    found = cu.diagnose(**broken("inputs × 255, tanh", 0)).findings
    assert [one.kind for one in found[:2]] == ["inputs_scale", "saturated"]
    degrees = [one.severity for one in found]
    assert degrees == sorted(degrees, reverse=True)


def test_each_finding_has_evidence_remedy_and_a_chapter():
    for name in BROKEN:
        for one in cu.diagnose(**broken(name, 0)).findings:
            assert one.text and one.remedy and one.chapter.endswith(".ipynb"), one
            assert isinstance(one.evidence, float) and not math.isnan(one.evidence), one


# It disturbs nothing


class Forgetful(nn.Module):
    """Counts its calls, remembers an activation with its graph, and has a buffer."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm, self.drop = nn.Linear(64, 10), nn.BatchNorm1d(10), nn.Dropout(0.5)
        self.calls, self.last = 0, None
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        self.seen += 1
        self.last = self.layer(x)
        return self.drop(self.norm(self.last))


def state_of(model):
    return {
        "tensors": {k: v.detach().clone() for k, v in model.state_dict(keep_vars=True).items()},
        "grads": {
            k: v.grad if v.grad is None else v.grad.clone() for k, v in model.named_parameters()
        },
        "needs": {k: v.requires_grad for k, v in model.named_parameters()},
        "ids": [id(one) for one in model.parameters()],
        "modes": [one.training for one in model.modules()],
        "hooks": [
            [list(v) for k, v in sorted(vars(one).items()) if "hooks" in k and v is not None]
            for one in model.modules()
        ],
        "marks": [sorted(vars(one)) for one in model.parameters()],
    }


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def random_states():
    name, keys, *rest = np.random.get_state()
    states = [torch.get_rng_state(), random.getstate(), (name, keys.tolist(), *rest)]
    if torch.cuda.is_available():
        states.append(torch.cuda.get_rng_state())
    return states


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_nothing_is_disturbed_even_by_an_error(training, fails):
    x, y = some_data()
    net = Forgetful().train(training)
    net.norm.eval()
    net.layer.bias.requires_grad_(False)
    net.layer.weight.grad = torch.ones(10, 64)
    net.layer.register_forward_hook(lambda *_: None)
    torch.manual_seed(5)
    random.seed(6)
    np.random.seed(7)
    net(x)  # it now remembers an activation with its graph
    before, calls, last, states = state_of(net), net.calls, net.last, random_states()
    x_before = x.clone()

    def loss(z, t):
        if fails and z.requires_grad:
            raise RuntimeError("mine")
        return F.cross_entropy(z, t)

    if fails:
        with pytest.raises(RuntimeError, match="mine"):
            cu.diagnose(net, (x, y), loss, rate=0.1)
    else:
        cu.diagnose(net, (x, y), loss, rate=0.1)
    assert same(before, state_of(net))
    assert net.calls == calls and net.last is last and torch.equal(x, x_before)
    assert all(same(a, b) for a, b in zip(states, random_states(), strict=True))
    assert torch.is_grad_enabled()
    assert not hasattr(torch.ones(1) + 1, "_layer")


def test_a_loader_and_its_generator_are_as_before():
    x, y = some_data()
    g = torch.Generator().manual_seed(5)
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True, generator=g)
    before = g.get_state()
    cu.diagnose(relu_net(64, 20, 10), loader, F.cross_entropy)
    assert torch.equal(before, g.get_state())


def test_a_batch_samplers_own_generator_is_as_before():
    x, y = some_data()
    g = torch.Generator().manual_seed(5)
    order = torch.utils.data.RandomSampler(x, generator=g)
    own = torch.utils.data.BatchSampler(order, 32, False)
    before = g.get_state()
    loader = DataLoader(TensorDataset(x, y), batch_sampler=own)
    cu.diagnose(relu_net(64, 20, 10), loader, F.cross_entropy)
    assert torch.equal(before, g.get_state())


def test_several_inputs_and_targets_are_as_before_though_changed_in_place():
    class Adds(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = relu_net(64, 20, 1)

        def forward(self, a, b):
            a += b
            return self.net(a)

    def loss(z, t):
        t += 1
        return F.mse_loss(z[:, 0], t)

    x, y = some_data()
    t = y.float()
    cu.diagnose(Adds(), ((x, x.clone()), t), loss, rate=0.01)
    assert torch.equal(x, some_data()[0]) and torch.equal(t, y.float())


def test_a_loss_that_calls_the_model_leaves_its_statistics():
    x, y = some_data()
    net = nn.Sequential(nn.Linear(64, 10), nn.BatchNorm1d(10))
    before = state_of(net)
    cu.diagnose(net, (x, y), lambda z, t: F.cross_entropy(z, t) + net(x).square().mean())
    assert same(before, state_of(net))


def test_it_works_without_gradients_switched_on():
    x, y = some_data()
    with torch.no_grad():
        found = cu.diagnose(relu_net(64, 20, 10), (x, y), F.cross_entropy)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        again = cu.diagnose(relu_net(64, 20, 10), (x, y), F.cross_entropy)
    assert found.numbers["loss"] == again.numbers["loss"]


def test_a_module_in_evaluation_stays_there_while_the_rest_trains():
    x, y = some_data(64)
    net = nn.Sequential(nn.Linear(64, 30), nn.Dropout(0.9), nn.Linear(30, 10))
    net[1].eval()
    found = cu.diagnose(net, (x, y), F.cross_entropy, minibatches=1).numbers
    assert found["loss"] == pytest.approx(found["loss_evaluation"])
    net[1].train()
    found = cu.diagnose(net, (x, y), F.cross_entropy, minibatches=1).numbers
    assert found["loss"] != pytest.approx(found["loss_evaluation"])


def test_batch_norm_after_the_first_layer_softens_the_scale_of_the_inputs():
    x, y = some_data()
    plain = relu_net(64, 30, 10)
    normed = nn.Sequential(
        nn.Linear(64, 30, bias=False), nn.BatchNorm1d(30), *relu_net(64, 30, 10)[1:]
    )
    severity = [
        [one.severity for one in cu.diagnose(net, (100 * x, y), F.cross_entropy).findings
         if one.kind == "inputs_scale"]
        for net in (plain, normed)
    ]  # fmt: skip
    assert severity == [[3], [2]]


def test_it_says_the_same_twice_with_dropout():
    x, y = some_data()
    net = nn.Sequential(nn.Linear(64, 30), nn.Dropout(0.5), nn.ReLU(), nn.Linear(30, 10))
    torch.manual_seed(1)
    first = cu.diagnose(net, (x, y), F.cross_entropy)
    torch.manual_seed(2)
    second = cu.diagnose(net, (x, y), F.cross_entropy)
    assert first.numbers == pytest.approx(second.numbers, nan_ok=True)


# What it measures, against independent truths


def by_hand(net, x, y):
    """Pre-activations and their gradients, layer by layer."""
    zs, h = [], x
    for module in net:
        h = module(h)
        if isinstance(module, nn.Linear):
            h.retain_grad()
            zs.append(h)
    F.cross_entropy(h, y).backward()
    return zs


def test_signals_and_gradients_are_those_by_hand():
    net, (x, y) = relu_net(64, 30, 20, 10), some_data(64)
    table = cu.diagnose(net, (x, y), F.cross_entropy, minibatches=1).table
    zs = by_hand(copy.deepcopy(net).double(), x.double(), y)
    for (_, row), z in zip(table.iterrows(), zs, strict=True):
        z, error = z.detach(), z.grad
        assert row["rms"] == pytest.approx(float(z.square().mean().sqrt()), rel=1e-5)
        assert row["spread"] == pytest.approx(float(z.var(0, correction=0).mean().sqrt()), rel=1e-5)
        assert row["gradient"] == pytest.approx(float(error.norm()), rel=1e-4)
        cancels = float(error.sum(0).norm() / error.abs().sum(0).norm())
        assert row["bias_cancels"] == pytest.approx(cancels, rel=1e-3)
    assert table["dead"][1] == pytest.approx(float((zs[1] <= 0).all(0).double().mean()))
    mean, spread = x.double().mean(0), x.double().var(0, correction=0).mean().sqrt()
    assert table["input_mean"][0] == pytest.approx(
        float(mean.square().mean().sqrt() / spread), rel=1e-4
    )
    expected = 1 + float(mean.square().sum() / spread**2)
    assert table["conditioning"][0] == pytest.approx(expected, rel=1e-4)


def test_statistics_run_over_all_minibatches():
    net, (x, y) = relu_net(64, 30, 10), some_data(512)
    table = cu.diagnose(net, (x, y), F.cross_entropy).table
    z = net[0](x).detach().double()
    assert table["spread"][0] == pytest.approx(
        float(z.var(0, correction=0).mean().sqrt()), rel=1e-5
    )


def test_agreement_and_noise_scale_are_those_of_the_minibatches_gradients():
    net, (x, y) = relu_net(64, 30, 10).double(), some_data(512)
    x = x.double()
    found = cu.diagnose(net, (x, y), F.cross_entropy).numbers

    def loss(z, t):
        return -z.log_softmax(-1).gather(-1, t[..., None]).mean(dim=(-2, -1))

    g = cu.gradients.per_minibatch(net, loss, x.view(8, 64, 64), y.view(8, 64))
    pairs = [float(g[i] @ g[j]) for i in range(8) for j in range(i)]
    squares = float(g.square().sum(1).mean())
    product = sum(pairs) / len(pairs)
    assert found["agreement"] == pytest.approx(product / squares)
    assert found["noise_scale"] == pytest.approx(64 * (squares - product) / product)
    assert found["agreement"] == pytest.approx(cu.gradients.mean_cosine(g), abs=0.05)


def test_one_sign_and_update_are_those_of_the_gradient():
    net, (x, y) = relu_net(6, 30, 10), some_data(64, 6)
    table = cu.diagnose(net, (x + 3, y), F.cross_entropy, rate=0.2, minibatches=1).table
    own = copy.deepcopy(net)
    F.cross_entropy(own(x + 3), y).backward()
    for (_, row), layer in zip(table.iterrows(), (own[0], own[2]), strict=True):
        share = float(cu.one_sign(layer.weight.grad).double().mean())
        assert row["one_sign"] == pytest.approx(share)
        ratio = float(0.2 * layer.weight.grad.norm() / layer.weight.detach().norm())
        assert row["update"] == pytest.approx(ratio, rel=1e-5)
    assert table["one_sign"][0] > 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_saturation_is_that_of_a_wide_layer(seed):
    net = relu_net(300, 2000, 10, scheme=start.lecun(gain=2.0), seed=seed, hidden=nn.Tanh)
    x = torch.randn(256, 300, generator=torch.Generator().manual_seed(seed))
    y = torch.zeros(256, dtype=torch.int64)
    table = cu.diagnose(net, (x, y), F.cross_entropy).table
    assert table["saturated"][0] == pytest.approx(cu.saturated_share("tanh", 2.0), abs=0.01)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gain", [0.5, 3.0])
def test_factors_and_the_depth_of_overflow_are_those_of_theory(gain, seed):
    net = relu_net(*[400] * 13, scheme=start.lecun(gain=gain**0.5), seed=seed, hidden=nn.Identity)
    x = torch.randn(256, 400, generator=torch.Generator().manual_seed(seed))
    t = torch.randn(256, 400, generator=torch.Generator().manual_seed(seed + 99))
    found = cu.diagnose(net, (x, t), lambda z, t: (z * t).mean()).numbers
    factor = cu.signals.next_mean_square("identity", 1.0, gain) ** 0.5
    assert found["forward_factor"] == pytest.approx(factor, rel=0.03)
    assert found["backward_factor"] == pytest.approx(factor, rel=0.03)
    limit = math.log(torch.finfo(torch.float32).max if gain > 1 else 2**-126)
    depth = limit / math.log(factor)
    assert found["forward_depth"] == pytest.approx(depth, rel=0.06)


def test_one_odd_layer_makes_no_trend():
    def change(*values):
        return _fit(pd.DataFrame({"rms": values}), "rms", "forward")[1]

    def jump(way, *values):
        return _fit(pd.DataFrame({"rms": values}), "rms", way)[3]

    assert change(1, 10, 100, 1000) == pytest.approx(3)
    assert change(1, 1, 1, 1, 1, 1, 1, 1, 1, 1e-9) > -5  # the ends alone say −9
    assert 0 < change(1, 1e9, 1e9, 1e9, 1e9, 10) <= 1  # the ends say 1
    assert change(10, 1, 1e6, 1e6, 1e6, 1) == 0  # line and ends disagree
    assert change(1, 2, 3) == 0  # too few
    assert jump("forward", 1, 1, 1e-4, 1e-4, 1e-4) == 2
    assert jump("backward", 1, 1, 1e4, 1e4, 1e4) == 2  # its weights shrink what comes back
    assert math.isnan(jump("forward", 1, 10, 100, 1000))


def test_a_relu_layer_halves_the_mean_square():
    net = relu_net(64, *[1000] * 8, 10, scheme=start.lecun())
    net = net[:-1]
    x, _ = some_data(256)
    found = cu.diagnose(net, (x, torch.zeros(256, 1000)), F.mse_loss)
    rms = found.table["rms"].to_numpy()
    assert rms[1:] / rms[:-1] == pytest.approx(np.full(7, 0.5**0.5), rel=0.05)


def test_the_gap_and_the_constant_answer():
    x, y = some_data(64)
    net = nn.Sequential(nn.Linear(64, 10), nn.BatchNorm1d(10)).eval()
    net[1].running_mean += 2
    found = cu.diagnose(net, (x, y), F.cross_entropy, minibatches=1).numbers
    assert found["loss_evaluation"] == pytest.approx(F.cross_entropy(net(x), y).item(), rel=1e-5)
    outputs = net.train()(x)
    assert found["loss"] == pytest.approx(F.cross_entropy(outputs, y).item(), rel=1e-5)
    constant = F.cross_entropy(outputs.mean(0, keepdim=True).expand(64, 10), y)
    assert found["loss_constant"] == pytest.approx(constant.item(), rel=1e-5)


def test_the_steps_are_those_of_gradient_descent():
    x, y = some_data(128)
    net = relu_net(64, 20, 10)
    batches = [(x, y), (x, y)]
    found = cu.diagnose(net, batches, F.cross_entropy, rate=0.1).numbers
    own, losses = copy.deepcopy(net), []
    optimiser = torch.optim.SGD(own.parameters(), lr=0.1)
    both = torch.cat([x, x]), torch.cat([y, y])
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    parts = list(zip(both[0][order].split(128), both[1][order].split(128), strict=True))
    before = [F.cross_entropy(net(a), b).item() for a, b in parts]
    for a, b in [*parts, parts[0]]:
        optimiser.zero_grad()
        value = F.cross_entropy(own(a), b)
        losses.append(value.item())
        value.backward()
        optimiser.step()
    rises = np.array(losses) - np.array([*before, before[0]])
    assert found["step_after"] == pytest.approx(rises[1:].mean(), rel=1e-3)
    assert found["step_worst"] == pytest.approx(rises.max(), abs=1e-6)


# Any module, written in any way


class ByHand(nn.Module):
    """The same network written with plain parameters and functions."""

    def __init__(self, net, way):
        super().__init__()
        self.a, self.b = (
            nn.Parameter(net[0].weight.detach().clone()),
            nn.Parameter(net[2].weight.detach().clone()),
        )
        self.way = way

    def forward(self, x):
        if self.way == "functions":
            return F.linear(F.relu(F.linear(x, self.a)), self.b)
        if self.way == "products":
            return (x @ self.a.T).relu() @ self.b.T
        if self.way == "clamp":
            return torch.matmul(torch.mm(x, self.a.t()).clamp(min=0), self.b.T)
        return torch.einsum("bi,oi->bo", torch.relu_(F.linear(x, self.a)), self.b)


@pytest.mark.parametrize("way", ["functions", "products", "clamp", "in place, einsum"])
def test_it_hears_a_network_however_it_is_written(way):
    x, y = some_data()
    net = nn.Sequential(nn.Linear(64, 30, bias=False), nn.ReLU(), nn.Linear(30, 10, bias=False))
    a = cu.diagnose(net, (x, y), F.cross_entropy).table
    b = cu.diagnose(ByHand(net, way), (x, y), F.cross_entropy).table
    columns = ["rms", "spread", "dead", "gradient", "input_mean"]
    np.testing.assert_allclose(a[columns].to_numpy(float), b[columns].to_numpy(float), rtol=1e-4)
    assert list(b["layer"]) == ["a", "b"] and b["feeds"].tolist() == [True, False]


def test_our_copies_side_by_side_are_heard():
    x, y = some_data()
    mlp = cu.MLP([64, 30, 10], "relu", seeds=[3, 4])
    with torch.no_grad():
        mlp.biases[0][0, 0, :12] = -100.0  # dead in one copy only
    table = cu.diagnose(mlp, (x, y), lambda z, t: cu.cross_entropy(z, t).sum()).table
    zs = mlp.pre_activations(x)
    assert table["rms"].tolist() == pytest.approx(
        [float(z.detach().square().mean()) ** 0.5 for z in zs], rel=1e-5
    )
    dead = float((zs[0] <= 0).all(dim=1).double().mean())
    assert dead > 0.19 and table["dead"][0] == pytest.approx(dead)


@pytest.mark.parametrize(
    "net, layers",
    [
        (lambda: LastOutput(nn.LSTM), ["recurrent", "readout"]),
        (lambda: LastOutput(nn.RNN), ["recurrent", "readout"]),
        (Attention, ["embedding", "encoder.self_attn.in_proj_weight", "encoder.linear1",
                     "encoder.linear2", "readout"]),
        (cnn, ["1", "4", "8", "13"]),
    ],
)  # fmt: skip
def test_layers_of_any_kind_are_heard(net, layers):
    x, y = some_data()
    table = cu.diagnose(net(), (x, y), F.cross_entropy).table
    assert list(table["layer"]) == layers
    assert (table[["rms", "spread", "gradient"]] > 0).all(axis=None)


def test_channels_are_units():
    net = cnn()
    with torch.no_grad():
        net[2].bias[:3] = -100.0
    x, y = some_data()
    table = cu.diagnose(net, (x, y), F.cross_entropy).table
    assert table["dead"][0] == pytest.approx(3 / 8)


def test_weights_computed_from_parameters_are_named():
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(64, 10)))
    table = cu.diagnose(net, some_data(), F.cross_entropy).table
    assert table["layer"][0].startswith("0") and table["gradient"][0] > 0


def test_a_weight_under_a_mask_is_named_for_the_weight():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mask", torch.tril(torch.ones(64, 64)))
            self.w, self.readout = nn.Parameter(torch.randn(64, 64) / 8), nn.Linear(64, 10)

        def forward(self, x):
            return self.readout(F.relu(F.linear(x, self.mask * self.w)))

    row = cu.diagnose(Masked(), some_data(), F.cross_entropy, rate=0.1).table.iloc[0]
    assert row["layer"] == "w" and row["update"] > 0


def test_weights_of_one_axis_and_weights_divided_by_their_norm():
    class Vector(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(64))

        def forward(self, x):
            return x @ self.w

    x, y = some_data()
    assert list(cu.diagnose(Vector(), (x, y.float()), F.mse_loss).table["layer"]) == ["w"]
    normed = nn.utils.parametrizations.spectral_norm(nn.Linear(64, 10))
    table = cu.diagnose(nn.Sequential(normed), (x, y), F.cross_entropy).table
    assert table["bias_cancels"].notna().all() and len(table) == 1


def test_inputs_of_several_kinds():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(128, 10)

        def forward(self, a, b):
            return self.layer(torch.cat([a, b], dim=1))

    x, y = some_data()
    loss = F.cross_entropy
    as_tuple = cu.diagnose(Two(), ((x, x), y), loss)
    as_dictionary = cu.diagnose(Two(), ({"a": x, "b": x}, y), loss)
    assert len(as_tuple.table) == len(as_dictionary.table) == 1
    tokens = torch.randint(20, (200, 6), generator=torch.Generator().manual_seed(0))
    assert len(cu.diagnose(Reader(), (tokens, tokens[:, 0]), loss).table) == 3


def test_minibatches_lie_evenly_in_the_data():
    x = torch.arange(1000.0)[:, None]
    seen = []

    def loss(z, t):
        seen.append(t[0].item())
        return F.mse_loss(z, t)

    expected = [0.0, 140.0, 290.0, 430.0, 570.0, 710.0, 860.0, 990.0]
    loader = DataLoader(TensorDataset(x, x), batch_size=10)
    batches = list(zip(x.split(10), x.split(10), strict=True))
    for data in ((x, x), loader, batches):
        seen.clear()
        cu.diagnose(nn.Linear(1, 1), data, loss, batch=10)
        assert seen[:8] == pytest.approx(expected, abs=10.0), type(data)
    seen.clear()
    cu.diagnose(nn.Linear(1, 1), iter(batches), loss)
    assert seen[:8] == [10.0 * place for place in range(8)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_says_what_it_says_on_the_cpu():
    x, y = some_data()
    net = relu_net(64, 30, 10)
    a = cu.diagnose(net, (x, y), F.cross_entropy, rate=0.1)
    before = torch.cuda.get_rng_state()
    b = cu.diagnose(copy.deepcopy(net).cuda(), (x, y), F.cross_entropy, rate=0.1)
    assert torch.equal(before, torch.cuda.get_rng_state())
    assert a.numbers == pytest.approx(b.numbers, rel=1e-2, nan_ok=True)


# Initialisations


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", [(100, 300), (64, 16, 3, 3)])
@pytest.mark.parametrize(
    "scheme, name",
    [
        (start.uniform_default(), "default"),
        (start.glorot(), "glorot uniform"),
        (start.glorot(distribution="normal"), "glorot normal"),
        (start.kaiming(), "kaiming normal"),
        (start.kaiming(distribution="uniform"), "kaiming uniform"),
        (start.lecun(), "lecun normal"),
        (start.orthogonal(), "orthogonal"),
        (start.normal(0.01), "normal 0.01"),
        (start.zeros(), "zero"),
        (start.constant(0.3), "constant"),
        (start.identical(0.1), "identical units"),
    ],
)  # fmt: skip
def test_schemes_are_recognised(scheme, name, shape, seed):
    w = scheme.draw(shape, torch.Generator().manual_seed(seed))
    assert recognise(w, *start.fans(shape)) == name


def test_torchs_own_layers_are_recognised_and_trained_ones_are_not():
    torch.manual_seed(0)
    assert recognise(nn.Conv2d(16, 32, 3).weight, 144, 288) == "default"
    mixture = torch.randn(100, 100) * (1 + torch.arange(100.0) / 30)
    assert recognise(mixture, 100, 100) == "trained or unknown"
    assert recognise(torch.randn(100, 100) * 0.123 + 0.05, 100, 100) == "trained or unknown"
    assert recognise(torch.randn(4, 4), 4, 4) == "too few to tell"


def test_a_square_layer_is_named_for_both():
    w = start.lecun().draw((100, 100), torch.Generator().manual_seed(0))
    assert recognise(w, 100, 100) == "glorot or lecun normal"


# Bad input


def locked():
    """A network that keeps what nobody can copy."""
    net = nn.Linear(64, 10)
    net.lock = threading.Lock()
    return net


def test_arguments_that_are_no_tensors_go_into_minibatches_of_ones_own():
    class Optional(nn.Linear):
        def forward(self, x, mask=None):
            return super().forward(x)

    x, y = some_data()
    found = cu.diagnose(Optional(64, 10), [((x, None), y)], F.cross_entropy)
    assert len(found.table) == 1


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"model": F.relu}, TypeError, "torch.nn.Module"),
        ({"model": nn.ReLU()}, ValueError, "nothing can be trained"),
        ({"model": nn.Linear(64, 10).requires_grad_(False)}, ValueError, "nothing can be trained"),
        ({"model": nn.LazyLinear(10)}, ValueError, "lazy"),
        ({"data": 3}, TypeError, "pair"),
        ({"data": torch.ones(3, 64)}, TypeError, "pair"),
        ({"data": []}, ValueError, "no minibatch"),
        ({"data": ((some_data()[0], None), some_data()[1])}, TypeError, "NoneType; what cannot"),
        ({"model": locked()}, TypeError, "cannot be copied.*lock"),
        ({"data": [torch.ones(3, 64)]}, TypeError, "each minibatch"),
        ({"data": (torch.ones(3, 64), torch.zeros(4).long())}, ValueError, "as many targets"),
        ({"data": (torch.full((3, 64), math.nan), torch.zeros(3).long())}, ValueError, "finite"),
        ({"loss": 3}, TypeError, "callable"),
        ({"loss": lambda z, t: 1.0}, TypeError, "tensor"),
        ({"loss": lambda z, t: z.mean(dim=0)}, ValueError, "one number"),
        ({"loss": lambda z, t: z.detach().mean()}, ValueError, "no parameter"),
        ({"rate": 0.0}, ValueError, "rate"),
        ({"minibatches": 0}, ValueError, "at least 1"),
        ({"batch": 0}, ValueError, "at least 1"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_clearly(change, error, words):
    good = {"model": nn.Linear(64, 10), "data": some_data(), "loss": F.cross_entropy}
    with pytest.raises(error, match=words):
        cu.diagnose(**good | change)


# How it is shown


def test_it_prints_itself_and_is_shown_as_html():
    found = cu.diagnose(**broken("sorted by class", 0))
    assert "1. [serious] disagreement" in repr(found) and "(chapter 10)" in repr(found)
    page = found._repr_html_()
    assert page.count("<li>") == len(found.findings) and "<table" in page
    assert "Nothing found." in repr(cu.diagnose(**healthy("ReLU, He", 0)))


def test_the_picture_is_drawn_from_the_table_alone():
    table = cu.diagnose(**broken("inputs × 255, tanh", 0)).table
    before = table.copy()
    figure = cu.plots.diagnosis(table)
    assert len(figure.axes) == 3
    line = figure.axes[0].lines[0]
    assert line.get_ydata() == pytest.approx(table["spread"].to_numpy())
    assert before.equals(table)
    assert len(cu.plots.diagnosis(cu.diagnose(**healthy("GRU", 0)).table).axes) == 4
    with pytest.raises(ValueError, match="column"):
        cu.plots.diagnosis(table.drop(columns="spread"))


def test_rules_look_at_the_table_and_numbers_only():
    found = cu.diagnose(**broken("biases of −20", 0))
    assert findings(found.table, found.numbers) == found.findings
    assert found.findings[0].severity == SERIOUS


def test_a_private_copy_shares_nothing():
    net = relu_net(4, 3, 2)
    own = private_copy(net)
    with torch.no_grad():
        own[0].weight += 1
    assert not torch.equal(own[0].weight, net[0].weight)


# The exercises of the chapter


def hooked(measure, remove=True):
    def answer(net, x):
        found, handles = [], []
        for one in net.modules():
            if isinstance(one, nn.Linear):
                handles.append(
                    one.register_forward_hook(lambda _, g, z: found.append(measure(z.detach())))
                )
        net(x)
        for handle in handles if remove else ():
            handle.remove()
        return found

    return answer


def test_exercise_listen():
    right = hooked(lambda z: z.square().mean().sqrt())
    tell_apart(
        "ch13-ex1",
        right,
        [
            (hooked(lambda z: z.square().mean().sqrt(), remove=False), "hooks are still there"),
            (hooked(lambda z: z.square().mean()), "or its root"),
            (hooked(lambda z: z.relu().square().mean().sqrt()), "what the activation makes"),
            (lambda net, x: right(net, x)[:2], "3 linear layers"),
            (lambda net, x: [1.0 for one in net if isinstance(one, nn.Linear)], "3 linear layers"),
        ],
    )


def test_exercise_how_deep():
    def beyond(first, last, layers, limit, steps=1, off=2):
        factor = (last / first) ** (1 / (layers - steps))
        return off + math.floor(math.log(limit / first) / math.log(factor))

    tell_apart(
        "ch13-ex2",
        beyond,
        [
            (lambda *a: beyond(*a, off=1), "one layer off"),
            (lambda *a: beyond(*a, steps=0), "How many steps"),
        ],
    )


def test_exercise_agreement():
    def agree(total, squares, count, own=True):
        product = float(total @ total) - squares * own
        return product / (count * (count - own)) / (squares / count)

    tell_apart(
        "ch13-ex3",
        agree,
        [
            (lambda *a: agree(*a, own=False), "with itself"),
            (lambda *a: 0.5, "Multiply out"),
        ],
    )


def test_exercise_dead_or_sparse():
    def dead(minibatches):
        return (torch.cat(minibatches) == 0).all(dim=0).double().mean()

    tell_apart(
        "ch13-ex4",
        dead,
        [
            (lambda hs: (torch.cat(hs) == 0).double().mean(), "a sparse unit"),
            (lambda hs: sum(dead([h]) for h in hs) / len(hs), "silent in one minibatch"),
            (lambda hs: 1.0, "Go through one unit"),
        ],
    )


def test_exercise_without_a_trace():
    def answer(net, x, put_back=True, always=True, quiet=False):
        modes = {one: one.training for one in net.modules()}
        net.eval()
        try:
            outputs = net(x)
        except ArithmeticError:
            if quiet:
                return x
            if not always:
                raise
            for one, mode in modes.items():
                one.training = mode
            raise
        for one, mode in modes.items() if put_back else ():
            one.training = mode
        if not put_back:
            net.train()
        return outputs

    tell_apart(
        "ch13-ex5",
        answer,
        [
            (lambda net, x: net(x), "dropout still at work"),
            (lambda *a: answer(*a, put_back=False), "does train() know"),
            (lambda *a: answer(*a, always=False), "always runs"),
            (lambda *a: answer(*a, quiet=True), "nobody heard"),
        ],
    )


def test_the_map_is_predicted_and_measured():
    chart = cu.the_map("ch13-alarm-map")
    assert chart.predict(31, 2.0) == pytest.approx(-30 * math.log10(2**0.5))
    assert chart.measure(0, depth=12, gain=1.0, width=300) == pytest.approx(
        chart.predict(12, 1.0), abs=0.15
    )


@pytest.mark.parametrize("gain", [0.7, 1.2, 1.414, 2.0, 2.8])
def test_the_maps_number_is_what_the_alarm_hangs_on(gain):
    chart = cu.the_map("ch13-alarm-map")
    for depth in (6, 16):
        found = example(1, depth, gain)
        alarm = any(one.kind in ("vanishing", "exploding") for one in found.serious)
        assert alarm == (chart.measure(1, depth=depth, gain=gain) < chart.threshold)


def test_thresholds_are_those_of_the_rules():
    table = thresholds()
    assert {kind for kinds in table["finding"] for kind in kinds.split(", ")} <= set(KINDS)
    bar = float(table.set_index("finding").loc["loss_scale", "serious"])
    for loss, severity in ((0.99 * bar, 2), (1.01 * bar, 3)):
        numbers = {"loss": loss, "loss_zero": 1.0, "gradient": 1.0}
        assert [one.severity for one in findings(pd.DataFrame(), numbers)] == [severity]
