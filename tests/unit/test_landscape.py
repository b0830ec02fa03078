"""gradient_field on every route against the plain loop, and the loop against closed forms."""

import copy

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

import course_utils as cu
from course_utils import landscape
from course_utils.landscape import gradient_field, loop_field
from course_utils.normalization import BatchNorm1d

double = torch.float64
LOSSES = {
    "squared": lambda y, t: ((y - t) ** 2).mean(dim=(-2, -1)),
    "absolute": lambda y, t: (y - t).abs().mean(dim=(-2, -1)),
    "log": lambda y, t: torch.log1p((y - t).square()).sum(dim=(-2, -1)),
}
AT = (0.0, 1.0, -1.0, 3.0, -3.0, 6.0, 0.5, -0.5)  # where these have their kinks


def draw_(model, seed):
    """Random numbers for all parameters and running statistics."""
    g = cu.generator(seed)
    for name, one in model.state_dict().items():
        if one.is_floating_point():
            drawn = torch.randn(one.shape, generator=g, dtype=double)
            one.copy_(drawn.square() + 0.5 if "var" in name else drawn)
    return model


@st.composite
def chains(draw):
    """A nested chain of layers, in a random mode, with all its numbers random."""
    width = n_in = draw(st.integers(1, 4))
    layers = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["linear", "linear", "activation", "norm", "dropout"]))
        if kind == "linear":
            layers.append(nn.Linear(width, n_out := draw(st.integers(1, 4)), draw(st.booleans())))
            width = n_out
        elif kind == "activation":
            after_linear = not layers or isinstance(layers[-1], nn.Linear)
            layers.append(draw(st.sampled_from(landscape.ELEMENTWISE))())
            if hasattr(layers[-1], "inplace"):  # torch allows it where no derivative needs z
                layers[-1].inplace = after_linear and draw(st.booleans())
        elif kind == "norm":
            norm = draw(st.sampled_from([nn.BatchNorm1d, BatchNorm1d]))
            affine, track = draw(st.booleans()), draw(st.booleans())
            layers.append(
                norm(
                    width,
                    draw(st.sampled_from([1e-5, 0.1])),
                    affine=affine,
                    track_running_stats=track,
                )
            )
        else:
            layers.append(nn.Dropout(draw(st.sampled_from([0.0, 0.3, 0.7]))))
    layers.append(nn.Linear(width, draw(st.integers(1, 2))))
    cut = draw(st.integers(0, len(layers)))
    model = nn.Sequential(nn.Sequential(*layers[:cut]), *layers[cut:])
    for one in model.modules():
        one.training = draw(st.booleans())
    return draw_(model.double(), draw(st.integers(0, 10**6))), n_in


@st.composite
def problems(draw):
    """All arguments of a field."""
    model, n_in = draw(chains())
    scalars = [
        (name, tuple(int(i) for i in place))
        for name, one in model.named_parameters()
        for place in torch.ones_like(one).nonzero()
    ]
    chosen = draw(st.permutations(range(len(scalars))))[:2]
    g = cu.generator(draw(st.integers(0, 10**6)))
    m, b = draw(st.integers(1, 3)), draw(st.integers(2, 5))
    x = torch.randn(m, b, n_in, generator=g, dtype=double)
    t = torch.randn(m, b, model[-1].out_features if len(model) > 1 else 1, generator=g).double()
    offsets = [torch.randn(draw(st.integers(1, 3)), generator=g, dtype=double) for _ in range(2)]
    loss = LOSSES[draw(st.sampled_from(list(LOSSES)))]
    how = {"dropout": draw(st.sampled_from(landscape.DROPOUTS))}
    return [model, loss, x, t, [scalars[k] for k in chosen], offsets], how


def largest(model, loss, x, t, generator):
    """The largest entry of all gradients at the centre: what rounding is measured by."""
    model = copy.deepcopy(model)
    sizes = []
    with torch.random.fork_rng():
        for one, wanted in zip(x, t, strict=True):
            torch.manual_seed(generator.initial_seed())
            parts = torch.autograd.grad(loss(model(one), wanted), list(model.parameters()))
            sizes += [float(part.abs().max()) for part in parts]
    return max(sizes)


def state(model):
    """All that must not change."""
    return {
        "numbers": {name: one.clone() for name, one in model.state_dict().items()},
        "objects": [id(one) for one in (*model.parameters(), *model.buffers())],
        "gradients": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "wanted": [p.requires_grad for p in model.parameters()],
        "modes": [one.training for one in model.modules()],
        "hooks": [len(one._forward_hooks) for one in model.modules()],
        "random": torch.get_rng_state(),
    }


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(problem=problems(), numbers=st.sampled_from([1, 60, 2**23]), seed=st.integers(0, 99))
def test_any_chain_of_layers_gives_the_field_of_the_loop(problem, numbers, seed):
    arguments, how = problem
    model, loss, x, t, *_ = arguments
    was = state(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landscape, "NUMBERS", numbers)
        patch.setattr(landscape, "MEMORY", 8 * numbers)
        patch.setattr(landscape, "_by_vmap", None)
        found = gradient_field(*arguments, **how, generator=cu.generator(seed))
    wanted = loop_field(*arguments, **how, generator=cu.generator(seed))
    assert found.shape == wanted.shape and found.dtype == double and not found.requires_grad
    scale = max(float(wanted.abs().max()), 1e-3 * largest(model, loss, x, t, cu.generator(0)))
    assert float((found - wanted).abs().max()) <= 1e-10 * scale
    assert same(state(model), was)


def margins(model):
    """Hooks that note how near a signal comes to a kink, or a batch norm's σ to 0."""
    near = [1.0]

    def kink(_, given, __):
        at = torch.tensor(AT).view(-1, *[1] * given[0].dim())
        distance = (given[0].detach() - at).abs().amin(dim=0)
        off = given[0] == 0  # a unit that was off before: the same on every route
        near.append(float(torch.where(off, 1.0, distance).min()))

    def spread(_, given, __):
        near.append(float(given[0].detach().std(dim=0).min()) / 30)

    for one in model.modules():
        if isinstance(one, landscape.BATCH_NORMS):
            one.register_forward_hook(spread)
        elif isinstance(one, landscape.ELEMENTWISE):
            one.register_forward_hook(kink)
    return near


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(problem=problems(), seed=st.integers(0, 99))
def test_single_precision_is_exact_to_1e_5_away_from_kinks(problem, seed):
    """Of the largest entry, before batch norm or outputs near their targets let terms cancel."""
    (model, *rest), how = problem
    model, rest = (
        model.float(),
        [one.float() if isinstance(one, torch.Tensor) else one for one in rest],
    )
    found = gradient_field(model, *rest, **how, generator=cu.generator(seed))
    watched = copy.deepcopy(model)
    near = margins(watched)
    wanted = loop_field(watched, *rest, **how, generator=cu.generator(seed))
    assume(min(near) > 1e-3)
    still, (loss, x, t, *where) = held(model), rest
    terms = loop_field(still, loss, x, t + 1, *where, **how, generator=cu.generator(seed))
    scale = max(float(one.abs().max()) for one in (wanted, terms))
    scale = max(scale, 0.1 * largest(still, loss, x, t + 1, cu.generator(0)))
    assert found.dtype == torch.float32
    assert float((found - wanted).abs().max()) <= 1e-5 * scale


class Held(nn.Module):
    """Batch norm whose statistics are constants to autograd: its terms before they cancel."""

    def __init__(self, norm):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, z):
        variance, mean = torch.var_mean(z.detach(), dim=0, correction=0)
        z = (z - mean) * torch.rsqrt(variance + self.eps)
        return z if self.weight is None else z * self.weight + self.bias


def held(model):
    model = copy.deepcopy(model)
    for chain in [one for one in model.modules() if isinstance(one, nn.Sequential)]:
        for n, layer in enumerate(chain):
            if isinstance(layer, landscape.BATCH_NORMS) and (
                layer.training or layer.running_mean is None
            ):
                chain[n] = Held(layer)
    return model


def around(n=3, width=0.5):
    return torch.linspace(-width, width, n, dtype=double)


def data(m=2, b=6, n_in=4, n_out=1, seed=0):
    g = cu.generator(seed, "data")
    return [torch.randn(m, b, n, generator=g, dtype=double) for n in (n_in, n_out)]


@pytest.mark.parametrize("field", [loop_field, gradient_field])
def test_linear_regression_has_the_field_of_its_closed_form(field):
    model = draw_(nn.Sequential(nn.Linear(4, 1)).double(), 1)
    (x, t), (a, b) = data(), (around(3), around(5, 2.0))
    found = field(model, LOSSES["squared"], x, t, (("0.weight", (0, 2)), ("0.bias", 0)), (a, b))
    weight, bias = model[0].weight.detach()[0], model[0].bias.detach()
    error = ((x @ weight + bias - t[..., 0])[:, None, None] + b[:, None]) + (
        a[:, None, None] * x[:, None, None, :, 2]
    )
    wanted = torch.stack([(2 * error * x[:, None, None, :, 2]).mean(-1), (2 * error).mean(-1)], -1)
    assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("field", [loop_field, gradient_field])
def test_the_field_is_the_slope_of_the_loss(field):
    """Central differences along the grid itself, fourth order, of a smooth network."""
    layers = [nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 2), nn.Sigmoid()]
    model = draw_(nn.Sequential(*layers, nn.Linear(2, 1)).double(), 2)
    (x, t), step = data(), 1e-3
    scalars = (("0.weight", (1, 2)), ("3.bias", 0))
    found = field(model, LOSSES["squared"], x, t, scalars, (torch.zeros(1), torch.zeros(1)))

    def value(a, b):
        moved = copy.deepcopy(model)
        with torch.no_grad():
            moved[0].weight[1, 2] += a
            moved[3].bias[0] += b
            return torch.stack([LOSSES["squared"](moved(one), t[m]) for m, one in enumerate(x)])

    for k, (i, j) in enumerate([(1, 0), (0, 1)]):
        near = value(i * step, j * step) - value(-i * step, -j * step)
        far = value(2 * i * step, 2 * j * step) - value(-2 * i * step, -2 * j * step)
        slope = (8 * near - far) / (12 * step)
        assert torch.allclose(found[:, 0, 0, k], slope, rtol=1e-8, atol=1e-10)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Dropout(0.4))
        self.norm, self.out = nn.LayerNorm(4), nn.Linear(4, 1)

    def forward(self, x):
        return self.out(self.norm(x + self.inner(x)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.out = nn.Linear(4, 1)

    def forward(self, x):
        return self.out(
            self.attention(
                x[:, None] * x[..., None], x[..., None] + x[:, None], x[:, None] + 0 * x[..., None]
            )[0].mean(dim=1)
        )


class Normed(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), norm, nn.Tanh(), nn.Linear(4, 1))

    def forward(self, x):
        return self.inner(x) + x[:, :1]


class Branching(nn.Module):
    """What vmap cannot do: which way it goes depends on the numbers."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, x):
        return self.one(x) if float(self.two(x).detach().sum()) > 0 else self.one(x).square() * 3


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.chain = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 1))
        self.chain[2].weight = self.chain[0].weight

    def forward(self, x):
        return self.chain(x)


class Doubled(nn.Sequential):
    """A chain with a forward pass of its own."""

    def forward(self, x):
        return 2 * super().forward(x) + x[:, :1]


class Counting(nn.Sequential):
    """What it does depends on how often it was called in training mode."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.register_buffer("calls", torch.ones(()))

    def forward(self, x):
        if self.training:
            self.calls += 1
        return super().forward(x) * self.calls


def twice():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(4, 1))


def hooked():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    model[1].register_forward_hook(lambda _, __, h: 2 * h)
    return model


def convolution():
    return nn.Sequential(
        nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4, 1)
    )


OTHERS = {
    "convolution": (convolution, ("1.weight", (1, 0, 2)), ("4.bias", 0)),
    "residual, layer norm, dropout": (Residual, ("inner.0.bias", 1), ("norm.weight", 3)),
    "attention": (Attention, ("attention.in_proj_weight", (9, 1)), ("out.bias", 0)),
    "torch's batch norm": (
        lambda: Normed(nn.BatchNorm1d(4)),
        ("inner.0.weight", (0, 1)),
        ("inner.1.bias", 2),
    ),
    "the course's batch norm": (
        lambda: Normed(BatchNorm1d(4)),
        ("inner.0.weight", (0, 1)),
        ("inner.1.weight", 2),
    ),
    "shared weights": (Tied, ("chain.2.weight", (0, 1)), ("chain.0.bias", -1)),
    "a layer used twice": (twice, ("0.weight", (0, 1)), ("0.weight", (3, 3))),
    "its own forward": (
        lambda: Doubled(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)),
        *(("0.weight", (0, 1)), ("2.bias", 0)),
    ),
    "a state that changes": (
        lambda: Counting(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)),
        *(("0.weight", (0, 1)), ("2.bias", 0)),
    ),
    "a hook": (hooked, ("0.weight", (0, 1)), ("2.bias", 0)),
    "an activation with parameters": (
        lambda: nn.Sequential(nn.Linear(4, 3), nn.PReLU(3), nn.Linear(3, 1)),
        *(("1.weight", 1), ("0.bias", 2)),
    ),
}


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("kind", OTHERS)
def test_other_modules_go_the_general_route(kind, mode, monkeypatch):
    make, *scalars = OTHERS[kind]
    model = draw_(make().double().train(mode == "train"), 3)
    monkeypatch.setattr(landscape, "MEMORY", 3000)  # several chunks
    (x, t), offsets, was = data(), (around(3), around(4)), state(model)
    given = (model, LOSSES["squared"], x, t, scalars, offsets)
    wanted = loop_field(*given, generator=cu.generator(5))
    monkeypatch.setattr(landscape, "_by_loop", None)
    monkeypatch.setattr(landscape, "_by_layers", None)
    found = gradient_field(*given, generator=cu.generator(5))
    assert torch.allclose(found, wanted, rtol=1e-10, atol=1e-10 * float(wanted.abs().max()))
    assert float(wanted.abs().min()) > 0 and same(state(model), was)


def test_what_vmap_cannot_do_goes_the_way_of_the_loop():
    model, (x, t) = draw_(Branching().double(), 3), data()
    given = (
        model,
        LOSSES["squared"],
        x,
        t,
        (("one.bias", 0), ("two.bias", 0)),
        (around(), around(4, 9.0)),
    )
    assert torch.equal(gradient_field(*given), loop_field(*given))
    assert (loop_field(*given)[..., 1] == 0).all()  # two only decides which way


def dropped(p=0.5):
    return draw_(nn.Sequential(nn.Linear(4, 50), nn.Dropout(p), nn.Linear(50, 1)).double(), 4)


@pytest.mark.parametrize("general", [False, True])
def test_a_mask_is_held_over_the_grid_or_drawn_at_every_point(general):
    """The slope of a mean of outputs, linear in every parameter, tells the mask."""
    model, scalars = dropped(), (("2.weight", (0, 7)), ("2.weight", (0, 8)))
    if general:
        model.register_forward_hook(lambda *_: None)
    x, t = torch.ones(4, 1, 4, dtype=double), torch.zeros(4, 1, 1, dtype=double)
    mean = lambda y, t: (y - t).mean(dim=(-2, -1))  # noqa: E731
    fields = {
        dropout: gradient_field(
            model,
            mean,
            x,
            t,
            scalars,
            (around(9), around(9)),
            dropout=dropout,
            generator=cu.generator(1),
        )
        for dropout in landscape.DROPOUTS
    }
    h = model[0](x).detach()[0, 0, 7:9]
    kept = fields["minibatch"] / h
    assert torch.allclose(kept, kept[:, :1, :1].expand_as(kept))  # one mask for all points
    assert len({tuple(row) for row in kept[:, 0, 0].tolist()}) > 1  # not one for all minibatches
    for entry in (fields["point"] / h).flatten(0, 2).unbind(-1):
        assert set(entry.round(decimals=9).tolist()) == {0.0, 2.0}
        assert 0.35 < float((entry > 0).double().mean()) < 0.65
    off = gradient_field(model.eval(), mean, x, t, scalars, (around(2), around(2)))
    assert torch.allclose(off, h.expand_as(off))


def test_a_bias_in_front_of_batch_norm_has_no_gradient():
    layers = [nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 1)]
    model, (x, t) = draw_(nn.Sequential(*layers).double(), 1), data()
    given = (LOSSES["squared"], x, t, (("0.bias", 0), ("0.weight", (0, 0))), (around(), around()))
    assert float(gradient_field(model, *given)[..., 0].abs().max()) < 1e-13
    assert float(gradient_field(model, *given)[..., 1].abs().max()) > 1e-3
    assert float(gradient_field(model.eval(), *given)[..., 0].abs().max()) > 1e-3


def test_class_labels_and_inputs_of_several_axes():
    def cross_entropy(y, labels):
        return -y.log_softmax(dim=-1).gather(-1, labels[..., None])[..., 0].mean(dim=-1)

    labels = torch.tensor([[0, 2, 1], [1, 1, 0]])
    chain = draw_(nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3)).double(), 1)
    pictures = draw_(nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 3)).double(), 1)
    for model, x, name in [
        (chain, data(2, 3)[0], "0.bias"),
        (pictures, torch.randn(2, 3, 1, 3, 3, dtype=double), "0.bias"),
    ]:
        given = (model, cross_entropy, x, labels, ((name, 0), ("2.bias", 1)), (around(), around()))
        assert torch.allclose(gradient_field(*given), loop_field(*given), atol=1e-12)


@pytest.mark.parametrize("make", [dropped, Residual, Branching])
@pytest.mark.parametrize("field", [loop_field, gradient_field])
def test_nothing_changes_also_after_an_error_in_the_loss(field, make):
    model, (x, t) = make().double(), data()
    model(x[0]).sum().backward()
    next(iter(model.parameters())).requires_grad_(False)
    was, given = state(model), (x.clone(), t.clone())
    calls = []

    def failing(y, t):
        calls.append(0)
        if len(calls) > 1 or not isinstance(model, Branching):
            raise KeyError("mine")
        return LOSSES["squared"](y, t)

    (first, one), (second, other) = list(model.named_parameters())[:2]
    scalars = ((first, (0,) * one.dim()), (second, (0,) * other.dim()))
    arguments = (x, t, scalars, (around(), around()))
    with pytest.raises(KeyError, match="mine"):
        field(model, failing, *arguments, generator=cu.generator(0))
    assert same(state(model), was)
    with torch.no_grad():
        found = field(model, LOSSES["squared"], *arguments, generator=cu.generator(0))
    assert not found.requires_grad and float(found.abs().max()) > 0
    assert same(state(model), was) and torch.equal(x, given[0]) and torch.equal(t, given[1])


BAD = {
    "needs inputs of three axes": ({"inputs": torch.zeros(6, 4)}, r"\(M, B, n_in\), got \(6, 4\)"),
    "other minibatches": ({"targets": torch.zeros(3, 6, 1)}, r"\(2, 6\), got \(3, 6, 1\)"),
    "one axis": ({"offsets": (around(),)}, r"two tensors.*\[\(3,\)\]"),
    "a scalar axis": ({"offsets": (around(), torch.tensor(1.0))}, "two tensors"),
    "an empty axis": ({"offsets": (around(), around(0))}, "two tensors"),
    "no such parameter": (
        {"parameters": (("9.bias", 0), ("0.bias", 0))},
        "no parameter '9.bias'.*2.bias",
    ),
    "no such entry": (
        {"parameters": (("0.bias", 50), ("0.bias", 0))},
        r"shape \(50,\), and no entry 50",
    ),
    "a row": ({"parameters": (("0.weight", 1), ("0.bias", 0))}, r"\(50, 4\), and no entry 1"),
    "the same": ({"parameters": (("0.bias", 0), ("0.bias", -50))}, "two different"),
    "three": ({"parameters": (("0.bias", 0), ("0.bias", 1), ("0.bias", 2))}, "two different"),
    "another dropout": ({"dropout": "never"}, "minibatch, point; got 'never'"),
    "no generator": ({"generator": None}, "generator="),
    "a loss over all": ({"loss": nn.MSELoss()}, r"one number for each minibatch"),
    "a loss of each example": ({"loss": lambda y, t: (y - t).mean(-1)}, r"one number for each"),
}


@pytest.mark.parametrize(
    "make", [dropped, lambda: nn.ModuleList([dropped()])[0], lambda: Wrapped(dropped())]
)
@pytest.mark.parametrize("field", [loop_field, gradient_field])
@pytest.mark.parametrize("bad", BAD)
def test_bad_arguments_are_told(bad, field, make):
    x, t = data()
    given = {
        "model": make(),
        "loss": LOSSES["squared"],
        "inputs": x,
        "targets": t,
        "parameters": (("0.bias", 0), ("0.bias", 1)),
        "offsets": (around(), around()),
        "generator": cu.generator(0),
    }
    change, message = BAD[bad]
    if bad == "a loss over all" and (field is loop_field or type(given["model"]) is Wrapped):
        return  # of one minibatch it is what it should be
    with pytest.raises(ValueError, match=message):
        field(**{**given, **change})


class Wrapped(nn.Sequential):
    """A chain that may do something else: the general route."""

    def __init__(self, chain):
        super().__init__(*chain)


def test_a_single_example_has_no_batch_to_normalise_by():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).double()
    given = (model, LOSSES["squared"], *data(1, 1, 4, 3), (("0.bias", 0), ("0.bias", 1)))
    for field in (loop_field, gradient_field):
        with pytest.raises(ValueError, match="more than 1 value|2 or more examples"):
            field(*given, (around(), around()))


def test_every_point_starts_from_the_same_state():
    model, (x, t) = draw_(Counting(nn.Linear(4, 1)).double().train(), 1), data()
    two = (("0.weight", (0, 1)), ("0.bias", 0))
    mean = lambda y, t: (y - t).mean(dim=(-2, -1))  # noqa: E731
    for field in (loop_field, gradient_field):
        found = field(model, mean, x, t, two, (around(), around()))
        assert torch.allclose(found[..., 1], model.calls.double() + 1, rtol=1e-12)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("dropout", landscape.DROPOUTS)
def test_a_gpu_gives_the_same(dropout):
    layers = [nn.Linear(4, 50), nn.BatchNorm1d(50), nn.Tanh(), nn.Dropout(0.3), nn.Linear(50, 1)]
    model = draw_(nn.Sequential(*layers).double(), 4).cuda()
    given = (model, LOSSES["squared"], *(one.cuda() for one in data()))
    given = (*given, (("0.weight", (0, 1)), ("4.bias", 0)), (around(), around()))
    fields = [
        f(*given, dropout=dropout, generator=cu.generator(0)) for f in (gradient_field, loop_field)
    ]
    assert fields[0].is_cuda and torch.allclose(*fields, rtol=1e-9, atol=1e-12)
    random = torch.cuda.get_rng_state()
    gradient_field(*given, generator=cu.generator(0))
    assert torch.equal(random, torch.cuda.get_rng_state())
