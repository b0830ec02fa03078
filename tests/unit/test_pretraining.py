"""Autoencoders and greedy pretraining, held against PCA and against themselves."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_utils as cu
from course_utils import exercises
from course_utils import pretraining as pt
from course_utils.maps import pretraining as rescue
from tests.answers import tell_apart

MAP = "ch06-rescue-map"


def tilted(examples=60, columns=6, seed=0, dtype=torch.float32):
    """Centred data whose spread falls from direction to direction."""
    g = cu.generator(seed, "data")
    spread = 2.0 ** -torch.arange(columns, dtype=dtype)
    turn = torch.linalg.qr(torch.randn(columns, columns, generator=g).to(dtype))[0]
    data = torch.randn(examples, columns, generator=g).to(dtype) * spread @ turn
    return data - data.mean(dim=0)


def residual(data, k):
    """PCA's mean squared error with k components, by singular values."""
    return float(torch.linalg.svdvals(data)[k:].square().sum() / data.numel())


def test_a_trained_linear_autoencoder_reaches_pca_and_spans_its_subspace():
    data = tilted(dtype=torch.float64)
    model = cu.MLP([6, 2, 6], "identity", seeds=[0, 1]).double()
    for rate in (0.02, 0.002):
        pt.reconstruct(model, data, steps=600, seeds=[0, 1], rate=rate, batch=60)
    error = pt.reconstruction_error(model, data)
    assert error.tolist() == pytest.approx([residual(data, 2)] * 2, rel=0.02)
    components = torch.linalg.svd(data, full_matrices=False)[2][:2]
    for decoder in model.weights[1].detach():
        basis = torch.linalg.qr(decoder.T)[0]
        assert float(torch.linalg.svdvals(components @ basis).min()) > 0.99


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_no_linear_pair_is_better_than_pca(seed, k):
    data = tilted(seed=seed, dtype=torch.float64)
    model = cu.MLP([6, k, 6], "identity", seeds=[seed]).double()
    assert float(pt.reconstruction_error(model, data)[0]) >= residual(data, k) - 1e-12


def test_the_steps_are_those_of_torchs_adam():
    data = tilted(dtype=torch.float64)
    ours, theirs = (cu.MLP([6, 3, 6], "tanh", seeds=[4]).double() for _ in range(2))
    losses = pt.reconstruct(ours, data, steps=30, seeds=[4], rate=0.05, batch=8)[0]
    draws = cu.generator(4, "minibatches of autoencoders")
    adam = torch.optim.Adam(theirs.parameters(), lr=0.05)
    for loss, rows in zip(
        losses.tolist(), torch.randint(60, (30, 8), generator=draws), strict=True
    ):
        error = (theirs(data[rows]) - data[rows]).square().mean()
        assert loss == pytest.approx(float(error.detach()), rel=1e-6)
        adam.zero_grad()
        error.backward()
        adam.step()
    for mine, torchs in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, torchs, rtol=0, atol=1e-12)


def test_copies_are_the_same_alone_and_among_others():
    data, sizes = tilted(), [6, 4, 3]
    together = pt.greedy(sizes, data, seeds=[3, 8], steps=20, masked=0.2)
    alone = pt.greedy(sizes, data, seeds=[8], steps=20, masked=0.2)
    for two, one in zip(together, alone, strict=True):
        assert torch.allclose(two.autoencoder.weights[0][1:], one.autoencoder.weights[0], atol=1e-6)
        assert torch.allclose(two.codes[1:], one.codes, atol=1e-6)


def test_the_same_seeds_give_the_same_layers():
    first, second = (pt.greedy([6, 3], tilted(), seeds=[1], steps=10) for _ in range(2))
    assert torch.equal(first[0].codes, second[0].codes)
    assert not torch.equal(
        first[0].codes, pt.greedy([6, 3], tilted(), seeds=[2], steps=10)[0].codes
    )


def test_each_layer_learns_from_the_codes_of_the_one_before():
    data = tilted()
    stages = pt.greedy([6, 5, 4, 3], data, seeds=[0], hidden="tanh", steps=200, rate=0.01)
    net = pt.take_over(cu.MLP([6, 5, 4, 3, 2], "tanh", seeds=[0]), stages)
    signals = net.layers(data)
    for stage, signal in zip(stages, signals[1:], strict=False):
        assert torch.allclose(stage.codes, signal)
        assert stage.losses[:, -20:].mean() < 0.5 * stage.losses[:, :5].mean()
        assert not stage.codes.requires_grad


def test_a_lower_layer_does_not_depend_on_those_above():
    short, long = (pt.greedy(sizes, tilted(), seeds=[4], steps=15) for sizes in ([6, 4], [6, 4, 2]))
    assert torch.equal(short[0].codes, long[0].codes)


def test_each_copy_may_have_its_own_data():
    data = torch.stack([tilted(seed=1), tilted(seed=2)])
    both = pt.greedy([6, 3], data, seeds=[5, 6], steps=15)[0]
    own = pt.greedy([6, 3], data[1], seeds=[6], steps=15)[0]
    assert torch.allclose(both.codes[1:], own.codes, atol=1e-6)


def test_masking_hides_inputs_and_keeps_the_targets():
    # One input, so that masking leaves 0: the best answer is then a constant, the mean.
    data = torch.tensor([[1.0], [3.0]])
    model = cu.MLP([1, 1, 1], "identity", seeds=[0])
    pt.reconstruct(model, data, steps=2000, seeds=[0], rate=0.01, batch=32, masked=0.75)
    with torch.no_grad():
        hidden = float(model(torch.zeros(1, 1)))
    assert hidden == pytest.approx(2.0, abs=0.25)


def test_stages_are_repeated_for_a_multiple_of_copies():
    stages = pt.greedy([6, 3], tilted(), seeds=[0, 1], steps=2)
    net = pt.take_over(cu.MLP([6, 3, 2], "sigmoid", seeds=range(6)), stages)
    for copy in range(6):
        assert torch.equal(net.weights[0][copy], stages[0].autoencoder.weights[0][copy % 2])
        assert torch.equal(net.biases[0][copy], stages[0].autoencoder.biases[0][copy % 2])


def test_layers_that_need_no_gradient_are_untouched_and_the_others_learn():
    net = cu.MLP([6, 5, 4, 6], "tanh", seeds=[0, 1])
    for frozen in (net.weights[0], net.biases[0]):
        frozen.requires_grad_(False)
    labels = torch.arange(60) % 2
    for train in (
        lambda: cu.fit(net, tilted(), labels, rates=0.1, steps=5, batch=8, seeds=[0, 1]),
        lambda: pt.reconstruct(net, tilted(), steps=5, seeds=[0, 1]),
    ):
        before = [parameter.detach().clone() for parameter in net.parameters()]
        train()
        same = [torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True)]
        assert same == [True, False, False, True, False, False]  # three weights, three biases


def test_greedy_hands_everything_on_to_one_layer_after_the_other():
    draw = cu.initialization
    schemes = [draw.glorot(gain=4), draw.kaiming()]
    training = {"steps": 7, "rate": 0.03, "batch": 5, "masked": 0.5}
    stages = pt.greedy(
        [6, 5, 4], tilted(), seeds=[3], scheme=schemes[0], decoder=schemes[1], **training
    )
    signal = tilted()
    for layer, (stage, shape) in enumerate(zip(stages, ([6, 5, 6], [5, 4, 5]), strict=True), 1):
        own = [cu.generator(3, f"layer {layer}").initial_seed()]
        model = cu.MLP(shape, "sigmoid", seeds=own, scheme=schemes)
        losses = pt.reconstruct(model, signal, seeds=own, **training)
        assert torch.equal(stage.losses, losses)
        for mine, theirs in zip(model.parameters(), stage.autoencoder.parameters(), strict=True):
            assert torch.equal(mine, theirs)
        signal = model.layers(signal)[1].detach()


def test_a_mask_hides_single_entries_and_leaves_the_others_as_they_are():
    model = cu.MLP([2, 2], "identity", seeds=[0])
    with torch.no_grad():
        model.weights[0].copy_(torch.eye(2))
    model.weights[0].requires_grad_(False)
    seen = []
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    pt.reconstruct(model, torch.full((8, 2), 3.0), steps=50, seeds=[0], rate=1e-6, masked=0.25)
    entries = torch.cat([one.reshape(-1, 2) for one in seen])
    assert set(entries.unique().tolist()) == {0.0, 3.0}
    hidden = (entries == 0).double()
    assert float(hidden.mean()) == pytest.approx(0.25, abs=0.04)
    assert float(hidden.prod(dim=1).mean()) == pytest.approx(0.0625, abs=0.03)


def test_inputs_are_not_changed_and_float64_stays():
    data = tilted(dtype=torch.float64)
    kept = data.clone()
    stages = pt.greedy([6, 3], data, seeds=[0], steps=3, masked=0.5)
    assert torch.equal(data, kept) and stages[0].codes.dtype == torch.float64


def test_progress_is_told_with_the_layer():
    lines: list[str] = []
    pt.greedy([6, 4, 2], tilted(), seeds=[0], steps=20, progress=lines.append)
    assert len(lines) == 20 and lines[0].startswith("layer 1 of 2: update 2 of 20, mean loss ")
    assert lines[-1].startswith("layer 2 of 2: update 20 of 20")


AUTOENCODER = {"steps": 2, "seeds": [0]}


def narrow(n_in=6, n_out=6):
    return cu.MLP([n_in, 3, n_out], "tanh", seeds=[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: pt.reconstruct(narrow(6, 5), tilted(), **AUTOENCODER),
            "as many outputs as inputs, this network 5 and 6",
        ),
        (lambda: pt.reconstruction_error(narrow(6, 5), tilted()), "as many outputs as inputs"),
        (
            lambda: pt.reconstruct(narrow(4, 4), tilted(), **AUTOENCODER),
            r"inputs must have shape \(1, batch, 4\)",
        ),
        (
            lambda: pt.reconstruct(narrow(), tilted(), steps=2, seeds=[0, 1]),
            "needs 1 seeds, one for each copy, got 2",
        ),
        (lambda: pt.reconstruct(narrow(), tilted(), steps=0, seeds=[0]), "at least 1, got 0"),
        (
            lambda: pt.reconstruct(narrow(), tilted(), rate=0.0, **AUTOENCODER),
            "rate must be more than 0",
        ),
        (
            lambda: pt.reconstruct(narrow(), tilted(), masked=1.0, **AUTOENCODER),
            "masked must be at least 0 and below 1",
        ),
        (lambda: pt.greedy([5, 3], tilted(), seeds=[0]), "inputs must have 5 columns"),
        (lambda: pt.greedy([6], tilted(), seeds=[0]), "at least one layer"),
        (lambda: pt.greedy([6, 0], tilted(), seeds=[0]), "whole numbers of at least 1"),
        (lambda: pt.greedy([6, 3], tilted() * math.nan, seeds=[0]), "must be finite"),
        (lambda: pt.greedy([6, 3], tilted()[:, 0], seeds=[0]), "inputs must have 6 columns"),
        (
            lambda: pt.greedy([6, 3], tilted(), seeds=[0], decoder=cu.initialization.glorot()),
            "needs one for the encoders",
        ),
        (
            lambda: pt.greedy([6, 3], tilted().expand(2, -1, -1), seeds=[0]),
            "inputs must have shape",
        ),
    ],
)
def test_what_cannot_work_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("sizes", "seeds", "message"),
    [
        ([6, 3], [0, 1], "2 stages do not fit into 1 layers"),
        ([6, 4, 5, 2], [0, 1], r"layer 2 has weights of the shape \(2, 4, 5\)"),
        ([6, 4, 3, 2], [0, 1, 2], r"layer 1 has weights of the shape \(3, 6, 4\)"),
    ],
)
def test_stages_that_do_not_fit_change_nothing(sizes, seeds, message):
    stages = pt.greedy([6, 4, 3], tilted(), seeds=[0, 1], steps=1)
    net = cu.MLP(sizes, "sigmoid", seeds=seeds)
    before = [weight.detach().clone() for weight in net.weights]
    with pytest.raises(ValueError, match=message):
        pt.take_over(net, stages)
    assert all(torch.equal(a, b) for a, b in zip(before, net.weights, strict=True))


@pytest.mark.parametrize(("depth", "gain"), [(1, 1.0), (2, 4.0), (3, 1.0), (5, 2.0)])
def test_the_share_is_that_of_sampled_layers(depth, gain):
    g = cu.generator(11)
    x = torch.randn(300, 64, generator=g, dtype=torch.float64)
    shares = []
    for _ in range(8):
        h, n_in = x, 64
        for _ in range(depth):
            scale = gain * math.sqrt(2 / (n_in + rescue.WIDTH))
            h = torch.sigmoid(h @ torch.randn(n_in, rescue.WIDTH, generator=g).double() * scale)
            n_in = rescue.WIDTH
        shares.append(math.log10(float(h.var(dim=0).mean() / h.square().mean())))
    assert sum(shares) / 8 == pytest.approx(rescue.share_of_inputs(depth, gain), abs=0.1)


def test_the_map_holds_where_the_start_is_bad_and_breaks_where_it_is_good():
    chart = cu.the_map(MAP)
    bad = [chart.measure(seed, depth=3, gain=0.6) for seed in range(5)]
    good = [chart.measure(seed, depth=1, gain=1.5) for seed in range(5)]
    assert min(bad) > 0.2 and abs(sum(good) / 5) < 0.05
    assert chart.predict(3, 0.6) > chart.threshold > chart.predict(1, 1.5)


def test_a_seed_measures_the_same_whoever_was_asked_before():
    chart = cu.the_map(MAP)
    point = {"depth": 2, "gain": 0.55, "labels": "one"}
    late = chart.measure(7, **point)
    rescue._advantages.cache_clear()
    assert [chart.measure(seed, **point) for seed in (9, 7)][1] == late


def angle(a, b):
    q, r = (torch.linalg.qr(side)[0] for side in (a, b))
    return math.degrees(math.acos(min(1.0, float(torch.linalg.svdvals(q.T @ r).min()))))


def bisect(code, start=0.0):
    low, high = start, start + math.pi
    for _ in range(60):
        middle = (low + high) / 2
        rising = code(low) - code(low + math.pi)
        below = rising * (code(middle) - code(middle + math.pi)) > 0
        low, high = (middle, high) if below else (low, middle)
    return low


def walk(images):
    def decode(code):
        below = min(int(code), len(images) - 2)
        return images[below].lerp(images[below + 1], code - below)

    return decode


def quantile(n, share=0.95):
    from scipy.stats import f

    return math.sqrt(f.ppf((1 + share) / 2, n - 1, n - 1))


def residual_of(inputs, k, centre=True, divide=None):
    values = torch.linalg.svdvals(inputs - inputs.mean(dim=0) if centre else inputs)
    return values[k:].square().sum() / (divide or inputs.numel())


WRONG_ANSWERS = {
    "ch06-ex1": [
        (lambda x, k: residual_of(x, k, centre=False), "Centre first"),
        (lambda x, k: residual_of(x, k, divide=len(x)), "not a sum"),
        (lambda x, k: residual_of(x, k, divide=1), "not a sum"),
        (lambda x, k: residual_of(x, k, divide=(len(x) - 1) * x.shape[1]), "not by one less"),
        (lambda x, k: residual_of(x, k + 1), "Which eigenvalues"),
    ],
    "ch06-ex2": [
        (lambda code: 0.0, "what does the sign of their difference half way say"),
        (lambda code: math.inf, "is finite"),
        (lambda code: math.pi / 2, "How do they differ at 0"),
    ],
    "ch06-ex3": [
        (lambda images: images[0], "return a function"),
        (lambda images: lambda code: images[round(code)], "jumps between"),
        (lambda images: lambda code: images[0], "exactly"),
    ],
    "ch06-ex4": [
        (lambda a, b: math.degrees(math.atan(float(torch.linalg.svdvals(a.T @ b).min()))),
         "Make both bases orthonormal"),
        (lambda a, b: math.radians(angle(a, b)), "largest angle"),
        (lambda a, b: 0.0, "singular values"),
    ],
    "ch06-ex5": [
        (lambda n: 1.0, "Draw such pairs"),
        (lambda n: quantile(n) ** 2, "Draw such pairs"),
        (lambda n: quantile(n, 0.5), "which of the two you divide by"),
    ],
}  # fmt: skip
RIGHT_ANSWERS = {
    "ch06-ex1": residual_of,
    "ch06-ex2": lambda code: bisect(code, 1.0),
    "ch06-ex3": walk,
    "ch06-ex4": angle,
    "ch06-ex5": quantile,
}


@pytest.mark.parametrize("id", list(WRONG_ANSWERS))
def test_answers_are_told_apart(id):
    tell_apart(id, RIGHT_ANSWERS[id], WRONG_ANSWERS[id])


def test_every_exercise_of_the_chapter_is_tested():
    assert set(WRONG_ANSWERS) == {id for id in exercises.CHECKS if id.startswith("ch06")}


def test_a_point_of_the_map_is_what_it_is_alone(monkeypatch):
    """Its gains are trained side by side, the pretrained start among them."""
    on_the_map = rescue.advantage(3, depth=1, gain=2.0)
    monkeypatch.setattr(rescue, "GAINS", ())
    assert on_the_map == pytest.approx(rescue.advantage(3, depth=1, gain=2.0), abs=0.01)
