"""Chapter 7: batch norm behaves as torch's, its folding is exact, its checks lead."""

import math

import pytest
import torch
from torch import nn

import course_utils as cu
from course_utils.maps import batch_norm as leaning
from course_utils.normalization import BatchNorm, BatchNorm1d, BatchNorm2d, fold
from tests.answers import tell_apart

double = torch.float64
KINDS = {
    "units": (BatchNorm1d, nn.BatchNorm1d, (7, 3)),
    "sequences": (BatchNorm1d, nn.BatchNorm1d, (4, 3, 5)),
    "one sequence": (BatchNorm1d, nn.BatchNorm1d, (1, 3, 5)),
    "pictures": (BatchNorm2d, nn.BatchNorm2d, (4, 3, 5, 2)),
}
SETTINGS = {
    "default": {},
    "eps and momentum": {"eps": 0.1, "momentum": 0.3},
    "momentum 0": {"momentum": 0.0},
    "momentum None": {"momentum": None},
    "affine off": {"affine": False},
    "no running statistics": {"track_running_stats": False},
    "neither": {"affine": False, "track_running_stats": False},
}


def batch(shape, seed, dtype=double):
    z = torch.randn(shape, generator=cu.generator(seed), dtype=dtype)
    along = (1, -1) + (1,) * (len(shape) - 2)
    offset = torch.tensor([2.0, 0.0, -30.0], dtype=dtype).view(along)
    return z * torch.tensor([3.0, 1e-3, 1.0], dtype=dtype).view(along) + offset


def run(layer, shape, dtype):
    """All that can be seen of a layer: outputs, gradients, state, in both modes."""
    for index, parameter in enumerate(layer.parameters()):
        drawn = torch.randn(parameter.shape, generator=cu.generator(index), dtype=dtype)
        parameter.data.copy_(drawn)
    seen = []
    for step in range(3):
        z = batch(shape, step, dtype).requires_grad_()
        weight = torch.randn(shape, generator=cu.generator(step + 50), dtype=dtype)
        out = layer(z)
        seen += [out, *torch.autograd.grad((out * weight).sum(), [z, *layer.parameters()])]
    layer.eval()
    z = batch(shape, 9, dtype).requires_grad_()
    out = layer(z)
    seen += [out, *torch.autograd.grad((out**2).sum(), [z, *layer.parameters()])]
    return seen + [value.to(dtype) for value in layer.state_dict().values()]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_does_what_torchs_does(kind, setting):
    ours, theirs, shape = KINDS[kind]
    made = [cls(3, **SETTINGS[setting], dtype=double) for cls in (ours, theirs)]
    assert list(made[0].state_dict()) == list(made[1].state_dict())
    for a, b in zip(*(run(layer, shape, double) for layer in made), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_does_what_torchs_does_in_single_precision(kind):
    ours, theirs, shape = KINDS[kind]
    layers = [cls(3, eps=1e-3) for cls in (ours, theirs)]
    for a, b in zip(*(run(layer, shape, torch.float32) for layer in layers), strict=True):
        assert a.dtype == b.dtype == torch.float32
        assert torch.allclose(a, b, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_state_goes_to_torch_and_back(kind, setting):
    ours, theirs, shape = KINDS[kind]
    mine, other = ours(3, **SETTINGS[setting]).double(), theirs(3, **SETTINGS[setting]).double()
    run(mine, shape, double)
    other.load_state_dict(mine.state_dict())
    again = ours(3, **SETTINGS[setting]).double()
    again.load_state_dict(other.state_dict())
    z = batch(shape, 77)
    for mode in (False, True):
        first, second, third = (layer.train(mode)(z) for layer in (mine, other, again))
        assert torch.allclose(first, second, atol=1e-9) and torch.equal(first, third)
    assert all(torch.equal(a, again.state_dict()[k]) for k, a in mine.state_dict().items())


def test_the_copies_of_many_networks_are_this_layer():
    many, one = BatchNorm(2, 3).double(), BatchNorm1d(3, dtype=double)
    z = batch((7, 3), 5)
    assert torch.allclose(many(torch.stack([z, z]))[1], one(z), atol=1e-12)
    inputs = z.clone().requires_grad_()
    weight = torch.randn(z.shape, generator=cu.generator(6), dtype=double)
    outs = BatchNorm(1, 3).double()(inputs[None])[0], BatchNorm1d(3, dtype=double)(inputs)
    gradients = [torch.autograd.grad((out * weight).sum(), inputs)[0] for out in outs]
    assert torch.allclose(*gradients, rtol=1e-9, atol=1e-12)
    assert torch.allclose(many.eval()(z.expand(2, -1, -1))[0], one.eval()(z), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_tracking_can_be_switched_off_later(kind):
    """As in torch: training leaves the running statistics alone, evaluation uses them."""
    ours, theirs, shape = KINDS[kind]
    made = [cls(3, dtype=double) for cls in (ours, theirs)]
    for layer in made:
        layer(batch(shape, 1))
        layer.track_running_stats = False
    for mode in (True, False):
        out = [layer.train(mode)(batch(shape, 2)) for layer in made]
        assert torch.allclose(*out, rtol=1e-9, atol=1e-9)
    for name, value in made[1].state_dict().items():
        assert torch.allclose(made[0].state_dict()[name], value)


@pytest.mark.parametrize("setting", SETTINGS)
def test_prints_as_torchs(setting):
    made = [cls(3, **SETTINGS[setting]) for cls in (BatchNorm1d, nn.BatchNorm1d)]
    ours, theirs = (layer.extra_repr().split(", ") for layer in made)
    assert ours == [part for part in theirs if not part.startswith("bias=")]  # newer torch


def test_numbers_of_the_paper():
    """Running statistics begin at 0 and 1; the noted variance is the unbiased one."""
    layer = BatchNorm1d(1)
    layer(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
    assert layer.running_mean.item() == pytest.approx(0.25)
    assert layer.running_var.item() == pytest.approx(0.9 + 0.1 * 5 / 3)
    assert layer.num_batches_tracked.item() == 1


def test_momentum_none_is_the_plain_mean():
    layer, parts = BatchNorm1d(3, momentum=None, dtype=double), [batch((7, 3), s) for s in range(4)]
    for z in parts:
        layer(z)
    assert torch.allclose(layer.running_mean, torch.stack(parts).mean(dim=(0, 1)))
    assert torch.allclose(layer.running_var, torch.stack(parts).var(dim=1).mean(dim=0))


@pytest.mark.parametrize(
    "make, shape, message",
    [
        (BatchNorm1d, (1, 3), "2 or more examples, got 1"),
        (BatchNorm1d, (0, 3), "2 or more examples, got 0"),
        (BatchNorm1d, (1, 3, 1), "2 or more numbers for each feature, got 1"),
        (BatchNorm1d, (4, 2), r"\(batch, 3\) or \(batch, 3, length\), got \(4, 2\)"),
        (BatchNorm1d, (3,), r"got \(3,\)"),
        (BatchNorm1d, (4, 3, 2, 2), r"got \(4, 3, 2, 2\)"),
        (BatchNorm2d, (1, 3, 1, 1), "2 or more numbers for each feature, got 1"),
        (BatchNorm2d, (4, 3), r"\(batch, 3, height, width\), got \(4, 3\)"),
        (BatchNorm2d, (4, 5, 2, 2), r"got \(4, 5, 2, 2\)"),
    ],
)
def test_wrong_shapes_are_refused_as_torch_refuses_them(make, shape, message):
    layer = make(3)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        layer(torch.zeros(shape))
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())
    if 0 not in shape:  # torch warns and divides by 0 there
        with pytest.raises((ValueError, RuntimeError)):
            {BatchNorm1d: nn.BatchNorm1d, BatchNorm2d: nn.BatchNorm2d}[make](3)(torch.zeros(shape))


def test_one_example_is_welcome_in_evaluation_only_with_statistics():
    assert BatchNorm1d(3).eval()(torch.zeros(1, 3)).shape == (1, 3)
    with pytest.raises(ValueError, match="2 or more examples"):
        BatchNorm1d(3, track_running_stats=False).eval()(torch.zeros(1, 3))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: BatchNorm1d(0), "num_features must be at least 1, got 0"),
        (lambda: BatchNorm1d(3, eps=0), "eps must be more than 0 and finite, got 0"),
        (lambda: BatchNorm2d(3, eps=math.inf), "eps must be more than 0"),
        (lambda: BatchNorm1d(3, momentum=1.5), "momentum must be from 0 to 1, got 1.5"),
        (lambda: BatchNorm1d(3)(torch.zeros(4, 3, dtype=double)), "inputs are torch.float64 on"),
        (
            lambda: BatchNorm1d(3, affine=False)(torch.zeros(4, 3, dtype=double)),
            "the layer is torch.float32 on",
        ),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), (6, 4), nn.BatchNorm1d),
    "linear without bias": (lambda: nn.Linear(4, 3, bias=False), (6, 4), BatchNorm1d),
    "conv1d": (lambda: nn.Conv1d(4, 3, 2), (6, 4, 5), BatchNorm1d),
    "conv2d in groups": (
        lambda: nn.Conv2d(6, 3, 2, groups=3, padding=1, bias=False),
        (2, 6, 5, 5),
        BatchNorm2d,
    ),
    "conv2d, torch's norm": (lambda: nn.Conv2d(4, 3, 3, stride=2), (2, 4, 7, 7), nn.BatchNorm2d),
}


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_a_folded_layer_answers_as_the_two(name, affine):
    make, shape, norm = LAYERS[name]
    torch.manual_seed(3)
    layer, after = make().double(), norm(3, eps=1e-2, affine=affine).double()
    z = torch.randn(shape, generator=cu.generator(1), dtype=double) + 1
    for parameter in after.parameters():
        parameter.data.normal_()
    after(layer(z))
    after.eval()
    before = [parameter.clone() for parameter in layer.parameters()]
    folded = fold(layer, after)
    assert torch.allclose(folded(z), after(layer(z)), atol=1e-12)
    assert type(folded) is type(layer) and folded.bias.requires_grad
    assert not fold(make().double().requires_grad_(False), after).bias.requires_grad
    assert folded.weight.dtype == folded.bias.dtype == double
    assert all(torch.equal(a, b) for a, b in zip(before, layer.parameters(), strict=True))


@pytest.mark.parametrize(
    "layer, norm, error, message",
    [
        (nn.Linear(2, 3), BatchNorm1d(3), ValueError, "call eval"),
        (nn.Linear(2, 3), nn.BatchNorm1d(3), ValueError, "call eval"),
        (nn.Linear(2, 3), BatchNorm1d(4).eval(), ValueError, "3 outputs, the norm 4"),
        (
            nn.Linear(2, 3),
            BatchNorm1d(3, track_running_stats=False).eval(),
            ValueError,
            "no running statistics",
        ),
        (nn.ConvTranspose2d(2, 3, 2), BatchNorm2d(3).eval(), TypeError, "got ConvTranspose2d"),
        (nn.ReLU(), BatchNorm1d(3).eval(), TypeError, "got ReLU"),
        (nn.Linear(2, 3), BatchNorm2d(3).eval(), TypeError, "behind Linear stands BatchNorm1d"),
        (nn.Linear(2, 3), nn.BatchNorm2d(3).eval(), TypeError, "behind Linear stands BatchNorm1d"),
        (nn.Conv1d(2, 3, 1), BatchNorm2d(3).eval(), TypeError, "behind Conv1d stands BatchNorm1d"),
        (nn.Conv2d(2, 3, 1), BatchNorm1d(3).eval(), TypeError, "behind Conv2d stands BatchNorm2d"),
        (nn.Linear(2, 3), BatchNorm(1, 3).eval(), TypeError, "or BatchNorm2d, got BatchNorm"),
        (nn.Linear(2, 3), nn.LayerNorm(3).eval(), TypeError, "or BatchNorm2d, got LayerNorm"),
        (nn.Linear(2, 3), BatchNorm1d(3).double().eval(), ValueError, "norm torch.float64"),
    ],
)
def test_what_cannot_be_folded_is_refused(layer, norm, error, message):
    with pytest.raises(error, match=message):
        fold(layer, norm)


# --- the map ---------------------------------------------------------------------------


def test_batches_lean_as_much_as_they_should():
    labels = torch.arange(10).repeat_interleave(torch.arange(5, 15))
    for lean in (0.0, 0.4, 1.0):
        rows = leaning.mixed_batches(labels, 6, lean, 4000, cu.generator(1))
        classes = labels[rows]
        same = (classes[:, 1:] == classes[:, :1]).double().mean()
        assert float(same) == pytest.approx(lean**2 + (1 - lean**2) / 10, abs=0.02)
        counts = torch.bincount(classes.flatten(), minlength=10) / classes.numel()
        assert counts.numpy() == pytest.approx(0.1, abs=0.02)
        # examples of a class are drawn alike
        of_last = rows[classes == 9]
        assert torch.bincount(of_last)[-14:].min() > 0.7 * len(of_last) / 14


def test_independent_examples_in_limits():
    assert leaning.independent_examples(64, 0) == 64
    rho = leaning._rho()
    assert 0.3 < rho < 0.5
    assert leaning.independent_examples(10**9, 0.5) == pytest.approx(4 / rho, rel=1e-6)
    assert leaning.predicted(10, 0) == pytest.approx(leaning.ENOUGH)


@pytest.mark.parametrize("batch_size, lean", [(4, 0.0), (64, 0.3), (256, 1.0)])
def test_the_prediction_is_what_one_measures(batch_size, lean):
    measured = [leaning.counts_as(seed, batch_size, lean) for seed in range(40, 46)]
    assert sum(measured) / 6 == pytest.approx(leaning.predicted(batch_size, lean), abs=0.06)


def test_deeper_layers_lean_less():
    first = [leaning.counts_as(seed, 256, 0.6) for seed in range(5)]
    third = [leaning.counts_as(seed, 256, 0.6, layer=3) for seed in range(5)]
    assert sum(third) > sum(first) + 0.2


# --- the exercises ---------------------------------------------------------------------


def right_undo(z, epsilon):
    return torch.sqrt(((z - z.mean(0)) ** 2).mean(0) + epsilon), z.mean(0)


def right_updates(momentum, share):
    return next(t for t in range(10_000) if momentum**t < share)


def right_fold(weight, bias, gamma, beta, mean, variance, epsilon):
    layer = nn.Linear(weight.shape[1], 3).double()
    layer.load_state_dict({"weight": weight, "bias": bias})
    norm = nn.BatchNorm1d(3, eps=epsilon).double().eval()
    for part, value in zip(
        (norm.weight, norm.bias, norm.running_mean, norm.running_var),
        (gamma, beta, mean, variance),
        strict=True,
    ):
        part.data.copy_(value)
    whole = nn.utils.fusion.fuse_linear_bn_eval(layer.eval(), norm)
    return whole.weight, whole.bias


def wrong_fold(kind):
    def answer(weight, bias, gamma, beta, mean, variance, epsilon):
        scale = gamma / (variance + epsilon).sqrt()
        if kind == "no epsilon":
            return weight * (gamma / variance.sqrt())[:, None], (bias - mean) * scale + beta
        if kind == "columns":
            return weight * scale, (bias - mean) * scale + beta
        if kind == "mean forgotten":
            return weight * scale[:, None], bias * scale + beta
        if kind == "square only":
            return (weight * scale[:, None])[:, :3], (bias - mean) * scale + beta
        if kind == "bias forgotten":
            return weight * scale[:, None], beta - mean * scale
        return (weight * scale[:, None]).T, (bias - mean) * scale + beta

    return answer


def right_scale(g, z, epsilon):
    z = z.clone().requires_grad_()
    out = z / torch.sqrt((z**2).mean(0) + epsilon)
    return torch.autograd.grad((out * g).sum(), z)[0]


def scale_as_constant(g, z, epsilon):
    return g / torch.sqrt((z**2).mean(0) + epsilon)


def scale_and_mean(g, z, epsilon):
    s = torch.rsqrt((z**2).mean(0) + epsilon)
    return s * (g - g.mean(0) - s * z * (g * s * z).mean(0))


def plus_sign(g, z, epsilon):
    s = torch.rsqrt((z**2).mean(0) + epsilon)
    return s * (g + s * z * (g * s * z).mean(0))


def scale_by(kind):
    def answer(g, z, epsilon):
        inside = z.var(0, correction=0) if kind == "deviation" else (z**2).mean(0)
        s = torch.rsqrt(inside + (0 if kind == "no epsilon" else epsilon))
        along = (g * s * z).sum(0) if kind == "sum" else (g * s * z).mean(0)
        return s * (g - s * z * along)

    return answer


WRONG_ANSWERS = {
    "ch07-ex1": [
        (lambda z, e: (z.var(0, correction=0), z.mean(0)), "not the variance"),
        (lambda z, e: (z.var(0, correction=0) + e, z.mean(0)), "not the variance"),
        (lambda z, e: (z.std(0, correction=0), z.mean(0)), "beside the variance"),
        (lambda z, e: ((z.var(0) + e).sqrt(), z.mean(0)), "B or B − 1"),
        (lambda z, e: ((z.var(0, correction=0) + e).sqrt(), 0 * z.mean(0)), "means are not"),
        (lambda z, e: (z.std(1), z.mean(1)), "Over which axis"),
        (lambda z, e: (-(z.var(0, correction=0) + e).sqrt(), z.mean(0)), "yet the output is not z"),
    ],
    "ch07-ex2": [
        (lambda m, s: right_updates(1 - m, s), "Whose weight"),
        (lambda m, s: math.ceil(math.log(s) / math.log(m)), "excludes equality"),
        (lambda m, s: 1 / (1 - m), "whole number"),
    ],
    "ch07-ex3": [
        (wrong_fold("no epsilon"), "multiply"),
        (wrong_fold("columns"), "a row or a column"),
        (wrong_fold("bias forgotten"), "Send x = 0 through both"),
        (wrong_fold("mean forgotten"), "write down each number it meets"),
        (wrong_fold("transposed"), "a row or a column"),
        (wrong_fold("square only"), "the shapes (3, 4)"),
    ],
    "ch07-ex4": [
        (scale_as_constant, "took the root for a constant"),
        (scale_and_mean, "Which of the three terms"),
        (plus_sign, "Differentiate the quotient"),
        (scale_by("sum"), "up to the factor B"),
        (scale_by("no epsilon"), "Where does ε enter"),
        (scale_by("deviation"), "deviation from the mean"),
        (lambda g, z, e: right_scale(g, z, e).sum(0), "the shape of z"),
    ],
    "ch07-ex5": [
        (lambda m, v: (m.mean(0), v.mean(0)), "lie far apart"),
        (lambda m, v: (m.mean(0), v.mean(0) + m.var(0)), "divide by the count"),
        (lambda m, v: (m[0], v.mean(0)), "mean of all examples differs"),
        (lambda m, v: (m.mean(), v.mean()), "one number for each"),
    ],
}
RIGHT_ANSWERS = {
    "ch07-ex1": right_undo,
    "ch07-ex2": right_updates,
    "ch07-ex3": right_fold,
    "ch07-ex4": right_scale,
    "ch07-ex5": lambda m, v: (m.mean(0), (v + m**2).mean(0) - m.mean(0) ** 2),
}


@pytest.mark.parametrize("id", list(WRONG_ANSWERS))
def test_answers_are_told_apart(id):
    tell_apart(id, RIGHT_ANSWERS[id], WRONG_ANSWERS[id])
