"""First weights: against torch's own schemes, closed forms, sampling and wide layers."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import ks_2samp, kstest
from torch import nn
from torch.nn import functional

import course_utils as cu
from course_utils import initialization as first

LINEAR, WIDE, KERNEL, GROUPS = (150, 60), (60, 150), (40, 12, 5, 5), (48, 3, 3, 7)
SHAPES = [LINEAR, WIDE, KERNEL, GROUPS]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def many(draw, count=4):
    """Numbers of several draws, in float64 and in one row."""
    return torch.cat([draw().detach().flatten() for _ in range(count)]).double()


def same_distribution(ours, theirs):
    """Same variance and, by a two-sample Kolmogorov–Smirnov test, the same distribution."""
    assert float((ours**2).mean()) == pytest.approx(float((theirs**2).mean()), rel=0.05)
    assert ks_2samp(ours.numpy(), theirs.numpy()).pvalue > 1e-3


def counted(shape):
    """Inputs and outputs of one unit, counted by hand."""
    kernel = {LINEAR: 1, WIDE: 1, KERNEL: 25, GROUPS: 21}[shape]
    return shape[1] * kernel, shape[0] * kernel


# name: scheme, variance by n_in and n_out, torch's own
RULES = {
    "default": (
        first.uniform_default(),
        lambda i, o: 1 / (3 * i),
        lambda w, g: nn.init.kaiming_uniform_(w, a=math.sqrt(5), generator=g),
    ),
    "lecun": (first.lecun(), lambda i, o: 1 / i, None),
    "lecun 2 uniform": (first.lecun(2, "uniform"), lambda i, o: 4 / i, None),
    "glorot": (
        first.glorot(),
        lambda i, o: 2 / (i + o),
        lambda w, g: nn.init.xavier_uniform_(w, generator=g),
    ),
    "glorot 4 normal": (
        first.glorot(4, "normal"),
        lambda i, o: 32 / (i + o),
        lambda w, g: nn.init.xavier_normal_(w, gain=4, generator=g),
    ),
    "kaiming": (
        first.kaiming(),
        lambda i, o: 2 / i,
        lambda w, g: nn.init.kaiming_normal_(w, generator=g),
    ),
    "kaiming out": (
        first.kaiming(mode="fan_out"),
        lambda i, o: 2 / o,
        lambda w, g: nn.init.kaiming_normal_(w, mode="fan_out", generator=g),
    ),
    "kaiming uniform": (
        first.kaiming(distribution="uniform"),
        lambda i, o: 2 / i,
        lambda w, g: nn.init.kaiming_uniform_(w, generator=g),
    ),
    "kaiming tanh": (
        first.kaiming(5 / 3, "fan_out", "uniform"),
        lambda i, o: 25 / 9 / o,
        lambda w, g: nn.init.kaiming_uniform_(w, mode="fan_out", nonlinearity="tanh", generator=g),
    ),
    "normal": (
        first.normal(0.3),
        lambda i, o: 0.09,
        lambda w, g: nn.init.normal_(w, std=0.3, generator=g),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rule", list(RULES))
def test_variance_is_that_of_the_formula(rule, shape):
    scheme, variance, _ = RULES[rule]
    g = cu.generator(1)
    weights = many(lambda: scheme.draw(shape, g))
    assert float(weights.var()) == pytest.approx(variance(*counted(shape)), rel=0.04)
    assert abs(float(weights.mean())) < 4 * float(weights.std()) / len(weights) ** 0.5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rule", [rule for rule in RULES if RULES[rule][2]])
def test_distribution_is_torchs(rule, shape):
    scheme, _, torchs = RULES[rule]
    g, theirs = cu.generator(2), cu.generator(3)
    ours = many(lambda: scheme.draw(shape, g))
    same_distribution(ours, many(lambda: torchs(torch.empty(shape), theirs)))


@pytest.mark.parametrize("shape", SHAPES)
def test_fans_are_torchs(shape):
    wanted = nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert first.fans(shape) == wanted == counted(shape)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(20, 20_000),
        lambda: nn.Conv1d(6, 20_000, 4, stride=3),
        lambda: nn.Conv2d(8, 20_000, 3, groups=4, stride=2, dilation=2),
        lambda: nn.Conv3d(2, 20_000, 2),
    ],
)
def test_default_is_what_torch_gives_its_layers(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        theirs, ours = make(), make()
    first.initialize(ours, first.uniform_default(), cu.generator(5))
    assert not torch.equal(ours.weight, theirs.weight)
    same_distribution(many(lambda: ours.weight, 1), many(lambda: theirs.weight, 1))
    same_distribution(many(lambda: ours.bias, 1), many(lambda: theirs.bias, 1))
    bound = 1 / ours.weight[0].numel() ** 0.5
    assert 0.99 * bound < float(ours.bias.detach().abs().max()) <= bound
    assert 0.99 * bound < float(ours.weight.detach().abs().max()) <= bound


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(30, 90),
        nn.Conv1d(12, 60, 4),
        nn.Conv2d(12, 60, 3, groups=4, stride=2),
        nn.Conv3d(4, 60, 2),
    ],
)
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_fan_in_keeps_the_mean_square_of_a_linear_layer(layer, distribution):
    first.initialize(layer, first.lecun(distribution=distribution), cu.generator(6))
    spatial = [9] * (layer.weight.dim() - 2)
    channels = 30 if isinstance(layer, nn.Linear) else layer.in_channels
    inputs = torch.randn(100, channels, *spatial, generator=cu.generator(7))
    assert float((layer(inputs).detach() ** 2).mean()) == pytest.approx(1, rel=0.1)


def test_fan_out_keeps_the_mean_square_of_a_gradient():
    weight = first.kaiming(1.0, "fan_out").draw((200, 100), cu.generator(8))
    gradient = torch.randn(300, 200, generator=cu.generator(9))
    assert float(((gradient @ weight) ** 2).mean()) == pytest.approx(1, rel=0.05)


def test_zeros_constant_and_identical():
    g = cu.generator(10)
    assert not first.zeros().draw(KERNEL, g).any()
    assert torch.equal(first.constant(-0.5).draw((2, 3, 1), g), torch.full((2, 3, 1), -0.5))
    weight = first.identical(0.2).draw((5, 4000), g)
    assert torch.equal(weight, weight[:1].expand(5, -1))
    assert kstest(weight[0].numpy(), "norm", args=(0, 0.2)).pvalue > 1e-3
    kernel = first.identical(0.2).draw((5, 3, 2, 2), g)
    assert (
        torch.equal(kernel, kernel[:1].expand(5, -1, -1, -1)) and kernel[0].unique().numel() == 12
    )


@pytest.mark.parametrize("shape", [(7, 7), (5, 9), (9, 5), (4, 3, 2, 2), (20, 3, 2, 2)])
@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_orthogonal_in_the_shorter_direction(shape, gain):
    weight = first.orthogonal(gain).draw(shape, cu.generator(11), torch.float64).flatten(1)
    short = weight if weight.shape[0] <= weight.shape[1] else weight.T
    eye = torch.eye(len(short), dtype=torch.float64)
    assert torch.allclose(short @ short.T, gain**2 * eye, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (3, 2), (2, 3), (2, 3, 1)])
def test_orthogonal_is_haars(shape):
    """A coordinate of a random point on the sphere is uniform (Archimedes)."""
    g = cu.generator(12)
    drawn = torch.stack([first.orthogonal().draw(shape, g).flatten(1) for _ in range(1500)])
    for entry in drawn.flatten(1).T:
        assert kstest(entry.numpy(), "uniform", args=(-1, 2)).pvalue > 1e-3
    if shape == (3, 3):
        positive = float((torch.linalg.det(drawn) > 0).double().mean())
        assert positive == pytest.approx(0.5, abs=0.06)
        trace = drawn.diagonal(dim1=1, dim2=2).sum(1)
        assert float((trace**2).mean()) == pytest.approx(1, abs=0.15)
    # QR alone would not do: its diagonal has one sign
    alone = torch.linalg.qr(torch.randn(100, 3, 3, generator=g))[0][:, 0, 0]
    assert not 20 < int((alone > 0).sum()) < 80
    assert 0.4 < float((drawn[:, 0, 0] > 0).double().mean()) < 0.6


def test_orthogonal_is_the_one_qr_with_a_positive_diagonal():
    drawn = first.orthogonal().draw((6, 6), cu.generator(36), torch.float64)
    normal = torch.randn(6, 6, generator=cu.generator(36), dtype=torch.float64)
    r = drawn.T @ normal
    assert float(r.tril(-1).abs().max()) < 1e-12 and float(r.diagonal().min()) > 0


def test_orthogonal_is_torchs():
    ours, theirs = cu.generator(13), cu.generator(14)
    same_distribution(
        many(lambda: first.orthogonal(2).draw((6, 3, 2, 2), ours), 100),
        many(lambda: nn.init.orthogonal_(torch.empty(6, 3, 2, 2), 2, generator=theirs), 100),
    )


ALL = [
    first.zeros(),
    first.constant(0.1),
    first.identical(0.1),
    *(rule[0] for rule in RULES.values()),
    first.orthogonal(2),
]


@pytest.mark.parametrize("scheme", ALL, ids=lambda scheme: f"{scheme.name}: {scheme.formula}")
def test_a_generator_gives_one_weight_in_every_precision(scheme):
    before = torch.get_rng_state()
    exact = scheme.draw((6, 4, 3), cu.generator(15), torch.float64)
    bias = scheme.draw_bias((6, 4, 3), cu.generator(16), torch.float64)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        drawn = scheme.draw((6, 4, 3), cu.generator(15), dtype)
        assert drawn.dtype == dtype and torch.equal(drawn, exact.to(dtype))
        assert torch.equal(scheme.draw_bias((6, 4, 3), cu.generator(16), dtype), bias.to(dtype))
    assert torch.equal(torch.get_rng_state(), before)
    assert exact.shape == (6, 4, 3) and bias.shape == (6,)
    rounded = torch.equal(exact.float().double(), exact)
    assert rounded == (scheme.name == "zeros")  # drawn in float64, not widened to it
    assert bool(bias.any()) == (scheme.name == "torch's default")
    assert scheme.name and scheme.formula and scheme.source
    g = cu.generator(15)
    again = [scheme.draw((6, 4, 3), g, torch.float64) for _ in range(2)]
    assert torch.equal(again[0], exact)
    assert torch.equal(*again) == (scheme.name in ("zeros", "constant"))


def test_formulas_name_what_is_drawn():
    formulas = {
        first.kaiming(): "W ~ N(0, 2/n_in)",
        first.kaiming(1, "fan_out", "uniform"): "W ~ U(−a, a), a = √(3/n_out)",
        first.lecun(1.5): "W ~ N(0, 2.25/n_in)",
        first.glorot(): "W ~ U(−a, a), a = √(6/(n_in + n_out))",
        first.orthogonal(): "W Wᵀ = I or Wᵀ W = I, all such W equally likely",
        first.orthogonal(2): "W Wᵀ = 4·I or Wᵀ W = 4·I, all such W equally likely",
    }
    for scheme, formula in formulas.items():
        assert scheme.formula == formula


class Several(nn.Module):
    """Layers of every kind, in an order of their own."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(8, 3, bias=False)
        self.body = nn.Sequential(
            nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.ConvTranspose2d(8, 8, 2)
        )
        self.first = nn.Linear(5, 8, dtype=torch.float64)


@pytest.mark.parametrize("device", DEVICES)
def test_initialize_draws_in_order_and_leaves_the_rest(device):
    module = Several().to(device)
    parameters = list(module.parameters())
    kept = {k: v.clone() for k, v in module.state_dict().items() if "body.1" in k or "body.2" in k}
    scheme = first.uniform_default()
    first.initialize(module, scheme, cu.generator(17))
    g = cu.generator(17)
    for layer in (module.last, module.body[0], module.first):
        weight = scheme.draw(layer.weight.shape, g, layer.weight.dtype)
        assert torch.equal(layer.weight.cpu(), weight) and layer.weight.device.type == device
        if layer.bias is not None:
            bias = scheme.draw_bias(layer.weight.shape, g, layer.bias.dtype)
            assert torch.equal(layer.bias.cpu(), bias)
    assert all(torch.equal(module.state_dict()[k], v) for k, v in kept.items())
    assert all(a is b for a, b in zip(parameters, module.parameters(), strict=True))
    assert all(p.requires_grad and p.grad_fn is None for p in parameters)


def test_a_shared_weight_is_drawn_once():
    one, two, three = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
    two.weight = one.weight
    module = nn.Sequential(one, two, one, three)
    first.initialize(module, first.uniform_default(), cu.generator(18))
    g, scheme = cu.generator(18), first.uniform_default()
    assert torch.equal(one.weight, scheme.draw((4, 4), g))
    assert torch.equal(one.bias, scheme.draw_bias((4, 4), g))
    assert two.weight is one.weight and torch.equal(two.bias, scheme.draw_bias((4, 4), g))
    assert torch.equal(three.weight, scheme.draw((4, 4), g))


def computed():
    return nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(
    ("second", "scheme", "message"),
    [
        (lambda: nn.LazyLinear(3), first.zeros(), "weight of layer '1' must have numbers"),
        (lambda: nn.Linear(2, 2, device="meta"), first.zeros(), "weight of layer '1' must have"),
        (computed, first.zeros(), "weight of layer '1' must be a parameter, got one computed"),
        (lambda: nn.Linear(2, 2).half(), first.constant(1e6), "too large for torch.float16"),
        (lambda: nn.Linear(2, 0), first.lecun(), r"at least 1, got \(0, 2\)"),
    ],
)
def test_nothing_is_half_written(second, scheme, message):
    one = nn.Linear(2, 2)
    before = one.weight.clone(), one.bias.clone()
    module = nn.Sequential(one, second())
    with pytest.raises(ValueError, match=message):
        first.initialize(module, scheme, cu.generator(19))
    assert torch.equal(one.weight, before[0]) and torch.equal(one.bias, before[1])


# ---- LSUV


def stack(kind, depth=12, width=40):
    make = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[kind]
    layers = [[nn.Linear(width, width), make()] for _ in range(depth)]
    return nn.Sequential(*(part for pair in layers for part in pair), nn.Linear(width, 10))


def convolutions(kind):
    make = {"relu": lambda: nn.ReLU(inplace=True), "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[kind]
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), make(), nn.Conv2d(8, 16, 3, stride=2, groups=2), make(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def reached(module, inputs):
    """Variances of a chain's layers, computed part by part."""
    variances = []
    with torch.no_grad():
        for part in module:
            inputs = part(inputs)
            if isinstance(part, first.LAYERS):
                variances.append(float(inputs.double().var(correction=0)))
    return variances


def hooks(module):
    return sum(len(part._forward_hooks) for part in module.modules())


@pytest.mark.parametrize("kind", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("shape", [(200, 40), (60, 1, 12, 12)])
@pytest.mark.parametrize("device", DEVICES)
def test_lsuv_reaches_unit_variance(kind, shape, device):
    module = (stack(kind) if len(shape) == 2 else convolutions(kind)).to(device)
    inputs = 3 * torch.randn(shape, generator=cu.generator(20)).to(device) + 0.5
    done = first.lsuv(module, inputs, generator=cu.generator(21), tolerance=0.01)
    layers = [(n, p) for n, p in module.named_modules() if isinstance(p, first.LAYERS)]
    assert [name for name, _, _ in done] == [name for name, _ in layers]
    wanted = reached(module, inputs)
    for (name, variance, rescalings), exact in zip(done, wanted, strict=True):
        assert variance == pytest.approx(exact, rel=1e-4), name
        assert abs(exact - 1) < 0.01 and rescalings <= 1  # the outputs are linear in W
    assert done[0].rescalings == 1  # inputs of variance 9
    for _, layer in layers:
        weight = layer.weight.detach().flatten(1)
        short = weight if weight.shape[0] <= weight.shape[1] else weight.T
        square = short @ short.T
        assert torch.allclose(square, square[0, 0] * torch.eye(len(square)).to(device), atol=1e-3)
        assert not layer.bias.any()
    assert hooks(module) == 0


def test_lsuv_stops_within_tolerance_and_after_its_steps():
    class Root(nn.Linear):
        def forward(self, x):
            z = super().forward(x)
            return z.sign() * z.abs() ** 0.5  # dividing W by s divides the variance by s

    inputs = torch.randn(4000, 30, generator=cu.generator(22)) * 1e4
    [first_try] = first.lsuv(Root(30, 20), inputs, generator=cu.generator(23), steps=1)
    assert first_try.rescalings == 1 and first_try.variance > 50
    [done] = first.lsuv(Root(30, 20), inputs, generator=cu.generator(23), steps=10)
    # each division takes the square root of the variance
    needed = math.ceil(math.log2(2 * math.log(first_try.variance) / math.log(1.1)))
    assert done.rescalings == needed and 1 <= done.variance < 1.1
    [easy] = first.lsuv(nn.Linear(30, 20), inputs / 1e4, generator=cu.generator(23))
    assert easy.rescalings == 0 and abs(easy.variance - 1) < 0.1


class Crossed(nn.Module):
    """Layers that are used in another order than they were named; one maybe never, or twice."""

    def __init__(self, second_times=1):
        super().__init__()
        self.top = nn.Linear(6, 6)
        self.bottom = nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.9)
        self.second_times = second_times

    def forward(self, x):
        h = self.drop(self.norm(torch.relu(self.bottom(x))))
        for _ in range(self.second_times):
            h = self.top(h)
        return h


def test_lsuv_follows_the_forward_pass_and_restores_every_mode():
    module = Crossed()
    module.norm.eval()
    stored = {name: buffer.clone() for name, buffer in module.named_buffers()}
    inputs = torch.randn(50, 6, generator=cu.generator(24))
    done = first.lsuv(module, inputs, generator=cu.generator(25), tolerance=1e-3)
    assert [name for name, _, _ in done] == ["bottom", "top"]
    assert module.training and module.drop.training and not module.norm.training
    assert all(torch.equal(stored[name], buffer) for name, buffer in module.named_buffers())
    module.eval()
    assert float(module(inputs).detach().var(correction=0)) == pytest.approx(1, abs=2e-3)
    first.lsuv(module, inputs, generator=cu.generator(25))
    assert not any(part.training for part in module.modules())


def test_lsuv_is_determined_by_its_generator():
    inputs = torch.randn(50, 40, generator=cu.generator(26))
    one, two, other = stack("tanh", 2), stack("tanh", 2), stack("tanh", 2)
    first.lsuv(one, inputs, generator=cu.generator(27))
    first.lsuv(two, inputs, generator=cu.generator(27))
    first.lsuv(other, inputs, generator=cu.generator(28))
    assert torch.equal(one[4].weight, two[4].weight)
    assert not torch.equal(one[4].weight, other[4].weight)


class Broken(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.bottom, self.top, self.how = nn.Linear(6, 6), nn.Linear(6, 6), how

    def forward(self, x):
        h = self.bottom(x)
        if self.how == "raises":
            raise RuntimeError("no forward")
        return self.top(h * {"zero": 0.0, "nan": math.nan, "inf": math.inf}[self.how])


def tied():
    module = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    module[1].weight = module[0].weight
    return module


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Crossed(0), ValueError, "must reach layer 'top' once, got 0 times"),
        (lambda: Crossed(2), ValueError, "must reach layer 'top' once, got 2 times"),
        (lambda: Broken("zero"), ValueError, "layer 'top' must have a variance .* got 0.0"),
        (lambda: Broken("nan"), ValueError, "layer 'top' must have a variance .* got nan"),
        (lambda: Broken("inf"), ValueError, "layer 'top' must have a variance .* got nan"),
        (lambda: Broken("raises"), RuntimeError, "no forward"),
        (tied, ValueError, "a weight of its own"),
    ],
)
def test_lsuv_that_fails_leaves_no_trace(make, error, message):
    module = make()
    next(iter(module.children())).eval()
    modes = [part.training for part in module.modules()]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    inputs = 5 * torch.randn(20, 6, generator=cu.generator(29))
    with pytest.raises(error, match=message):
        first.lsuv(module, inputs, generator=cu.generator(30))
    assert hooks(module) == 0
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


# ---- gains


def expected(function, spread):
    def integrand(z):
        value = float(function(torch.tensor(z * spread, dtype=torch.float64)))
        return value * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    pieces = (-10, -1, -0.1, 0, 0.1, 1, 10)
    return sum(quad(integrand, a, b)[0] for a, b in pairwise(pieces))


@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0])
def test_gains_of_identity_and_relu_have_closed_forms(spread):
    assert first.gains("identity", spread) == pytest.approx((1, 1, 1), rel=1e-9)
    across = 1 / math.sqrt(1 / 2 - 1 / (2 * math.pi))
    relu = first.gains("relu", spread)
    assert relu == pytest.approx((math.sqrt(2), across, math.sqrt(2)), rel=1e-9)
    assert relu.forward == relu[0] and relu.across == relu[1] and relu.backward == relu[2]


@pytest.mark.parametrize("kind", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_gains_keep_what_they_say(kind, spread):
    f, g = cu.activation(kind), first.gains(kind, spread)
    mean = expected(f, spread)
    square = expected(lambda z: f(z) ** 2, spread)
    slope = expected(lambda z: f.derivative(z) ** 2, spread)
    assert g.forward**2 * square == pytest.approx(spread**2, rel=1e-6)
    assert g.across**2 * (square - mean**2) == pytest.approx(spread**2, rel=1e-5)
    assert g.backward**2 * slope == pytest.approx(1, rel=1e-6)


def test_gains_of_a_nearly_linear_sigmoid():
    g = first.gains("sigmoid", 1e-3)
    assert g.forward == pytest.approx(2e-3, rel=1e-3)
    assert (g.across, g.backward) == pytest.approx((4, 4), rel=1e-5)
    assert first.gains("tanh", 1e-3) == pytest.approx((1, 1, 1), rel=1e-5)


@pytest.mark.parametrize("kind", ["tanh", "sigmoid", "relu"])
def test_gains_in_a_wide_layer(kind):
    """What the three gains keep, in a layer of 2000 units that saw 50 independent inputs."""
    f, spread = cu.activation(kind), 1.5
    g = first.gains(kind, spread)
    z = spread * torch.randn(50, 2000, generator=cu.generator(31))
    weight = first.lecun().draw((2000, 2000), cu.generator(32))
    after = f(z) @ weight.T
    error = torch.randn(50, 2000, generator=cu.generator(33))
    back = (error @ weight) * f.derivative(z)
    assert g.forward**2 * float((after**2).mean()) == pytest.approx(spread**2, rel=0.05)
    assert g.across**2 * float(after.var(dim=0).mean()) == pytest.approx(spread**2, rel=0.05)
    assert g.backward**2 * float((back**2).mean()) == pytest.approx(1, rel=0.05)
    # inputs that are nearly the same: χ
    near = f(z + 1e-2 * torch.randn(50, 2000, generator=cu.generator(34))) @ weight.T
    chi = expected(lambda z: f.derivative(z) ** 2, spread)
    assert float(((near - after) ** 2).mean()) / 1e-4 == pytest.approx(chi, rel=0.1)


STEP = cu.activations.Activation("step", lambda z: (z > 0).to(z.dtype), torch.zeros_like)
GENERATOR = cu.generator(0)


def run_lsuv(module=None, inputs=None, **more):
    module = nn.Linear(2, 2) if module is None else module
    inputs = torch.randn(9, 2) if inputs is None else inputs
    return first.lsuv(module, inputs, **{"generator": GENERATOR, **more})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: first.constant(math.nan), "value must be finite, got nan"),
        (lambda: first.identical(0), "spread must be more than 0 and finite, got 0"),
        (lambda: first.normal(math.inf), "spread must be more than 0 and finite, got inf"),
        (lambda: first.lecun(-1), "gain must be more than 0 and finite, got -1"),
        (lambda: first.lecun(distribution="cauchy"), "'normal' or 'uniform', got 'cauchy'"),
        (lambda: first.glorot(0), "gain must be more than 0 and finite, got 0"),
        (lambda: first.kaiming(mode="fan_avg"), "'fan_in' or 'fan_out', got 'fan_avg'"),
        (lambda: first.orthogonal(math.nan), "gain must be more than 0 and finite, got nan"),
        (lambda: first.fans((3,)), r"\(n_out, n_in, …kernel\).*got \(3,\)"),
        (lambda: first.fans((3, 0)), r"at least 1, got \(3, 0\)"),
        (lambda: first.lecun().draw((3, 2.5), GENERATOR), r"got \(3, 2.5\)"),
        (lambda: first.zeros().draw((3, 2), None), "torch.Generator on the CPU, got None"),
        (lambda: first.zeros().draw((3, 2), GENERATOR, torch.int32), "got torch.int32"),
        (lambda: first.lecun().draw_bias((3,), GENERATOR), r"got \(3,\)"),
        (lambda: first.constant(1e5).draw((1, 1), GENERATOR, torch.float16), "too large"),
        (lambda: first.initialize(nn.Tanh(), first.zeros(), GENERATOR), "got Tanh without"),
        (lambda: first.initialize(nn.Linear(1, 1), first.zeros(), 0), "on the CPU, got 0"),
        (lambda: run_lsuv(nn.ConvTranspose2d(1, 1, 1)), "got ConvTranspose2d without"),
        (lambda: run_lsuv(tolerance=0), "tolerance must be more than 0 and finite, got 0"),
        (lambda: run_lsuv(steps=0), "steps must be at least 1, got 0"),
        (lambda: run_lsuv(inputs=torch.full((2, 2), math.nan)), "inputs must be finite"),
        (lambda: run_lsuv(inputs=torch.zeros(2, 2)), "'Linear' must have a variance"),
        (lambda: run_lsuv(generator=None), "torch.Generator on the CPU, got None"),
        (lambda: first.gains("softmax"), "unknown activation 'softmax'"),
        (lambda: first.gains("tanh", 0), "spread must be more than 0 and finite, got 0"),
        (lambda: first.gains(STEP), "no gain will do for step at spread 1.0"),
    ],
)
def test_bad_arguments_are_refused_with_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_linear_layer_gives_what_its_parameters_say():
    """The names of the axes: (n_out, n_in) is the layout that torch multiplies by."""
    layer = nn.Linear(3, 2)
    first.initialize(layer, first.uniform_default(), cu.generator(35))
    g = cu.generator(35)
    weight = first.uniform_default().draw((2, 3), g)
    bias = first.uniform_default().draw_bias((2, 3), g)
    assert torch.equal(layer(torch.eye(3)), functional.linear(torch.eye(3), weight, bias))
