"""Networks that are healthy, and networks that are broken in one way each.

``HEALTHY`` and ``BROKEN`` map a name to a function of a seed that returns the arguments of
``cu.diagnose``; ``BROKEN`` also names the finding that must come first. All that the seed
decides is drawn in here: the caller's random state is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import course_utils as cu

Case = dict[str, Any]
start = cu.initialization


def digits(seed: int) -> tuple[Tensor, Tensor]:
    data = cu.standard_digits([seed])
    return data.train_inputs[0], data.train_labels[0]


def plain(
    seed: int,
    sizes: list[int],
    hidden: Callable[[], nn.Module],
    scheme: Any,
    between: Callable[[int], nn.Module] | None = None,
    bias: bool = True,
) -> nn.Sequential:
    """Layers of torch's own, drawn from the seed."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes[:-1]):
        layers += [
            nn.Linear(n_in, n_out, bias=bias),
            *([between(n_out)] if between else []),
            hidden(),
        ]
    net = nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))
    start.initialize(net, scheme, cu.generator(seed, "network"))
    return net


def trained(
    net: nn.Module, x: Tensor, y: Tensor, rate: float = 0.1, steps: int = 300, decay: Any = None,
    loss: Any = F.cross_entropy, momentum: float = 0.0, seed: int = 0,
) -> nn.Module:  # fmt: skip
    g = cu.generator(seed, "minibatches")
    optimiser = torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum)
    for _ in range(steps):
        part = torch.randint(len(y), (64,), generator=g)
        optimiser.zero_grad()
        value = loss(net(x[part]), y[part])
        if decay is not None:
            value = value + decay(net, x[part])
        value.backward()
        optimiser.step()
    return net


class LastOutput(nn.Module):
    """A recurrent network that reads an image row by row, and a layer on its last output."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.recurrent, self.readout = kind(8, 32, batch_first=True), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.recurrent(x.unflatten(1, (8, 8)))[0][:, -1])


class Attention(nn.Module):
    """One encoder layer over the rows of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(8, 32)
        self.encoder = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.readout = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.encoder(self.embedding(x.unflatten(1, (8, 8)))).mean(dim=1))


class Residual(nn.Module):
    """Blocks h + W₂ relu(W₁ norm(h))."""

    def __init__(self, blocks: int = 8, width: int = 64) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(blocks))
        self.inner = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.outer = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.readout = nn.Linear(width, 10)

    def forward(self, h: Tensor) -> Tensor:
        for norm, inner, outer in zip(self.norms, self.inner, self.outer, strict=True):
            h = h + outer(F.relu(inner(norm(h))))
        return self.readout(h)


class Reader(nn.Module):
    """Reads tokens with an embedding, a GRU, and the embedding's own weights at the end."""

    def __init__(self, tokens: int = 20) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, 24)
        self.recurrent = nn.GRU(24, 24, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.recurrent(self.embedding(x))[0][:, -1] @ self.embedding.weight.T / 24**0.5


class Zeroed(nn.Module):
    """Convolutional blocks h + BN(W h), where the last scale of each branch starts at 0."""

    def __init__(self, blocks: int = 6) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.convolutions = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(blocks))
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(blocks))
        self.readout = nn.Linear(8, 10)
        for norm in self.norms:
            nn.init.zeros_(norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x.unflatten(1, (1, 8, 8)))
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            h = h + norm(convolution(F.relu(h)))
        return self.readout(h.mean(dim=(2, 3)))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


def deep_cnn() -> nn.Module:
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1)]
    for _ in range(20):
        layers += [nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, padding=1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))


def case(net: nn.Module, x: Tensor, y: Tensor, **more: Any) -> Case:
    return {"model": net, "data": (x, y), "loss": F.cross_entropy, **more}


def _drawn(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(seed)
    return make()


def _healthy(seed: int) -> dict[str, Callable[[], Case]]:
    x, y = digits(seed)
    he, glorot = start.kaiming(), start.glorot()
    shallow, deep = [64, 64, 64, 10], [64, *[100] * 20, 10]

    def relu(x: Tensor, y: Tensor, **more: Any) -> Case:
        return case(plain(seed, shallow, nn.ReLU, he), x, y, **more)

    def sparse() -> Case:
        def l1(net: Any, part: Tensor) -> Tensor:
            return 0.1 * net[:2](part).mean()

        net = trained(plain(seed, [64, 200, 10], nn.ReLU, he), x, y, decay=l1, steps=500)
        return case(net, x, y, rate=0.1)

    return {
        "ReLU, He": lambda: relu(x, y, rate=0.1),
        "ReLU, He, 20 layers": lambda: case(plain(seed, deep, nn.ReLU, he), x, y, rate=0.003),
        "ReLU, torch's default": lambda: case(
            plain(seed, shallow, nn.ReLU, start.uniform_default()), x, y, rate=0.1
        ),
        "ReLU, trained": lambda: case(
            trained(plain(seed, shallow, nn.ReLU, he), x, y, steps=1500), x, y, rate=0.1
        ),
        "sparse ReLU": sparse,
        "tanh, Glorot, trained": lambda: case(
            trained(plain(seed, shallow, nn.Tanh, glorot), x, y, steps=800), x, y, rate=0.1
        ),
        "saturated outputs": lambda: case(
            trained(plain(seed, shallow, nn.ReLU, he), x, y, rate=0.3, steps=2000), x, y, rate=0.1
        ),
        "sigmoid, two layers": lambda: case(
            plain(seed, [64, 64, 10], nn.Sigmoid, start.glorot(gain=4.0)), x, y, rate=0.1
        ),
        "GELU": lambda: case(plain(seed, shallow, nn.GELU, he), x, y, rate=0.1),
        "leaky ReLU": lambda: case(plain(seed, shallow, nn.LeakyReLU, he), x, y, rate=0.1),
        "CNN, batch norm": lambda: case(_drawn(seed, cnn), x, y, rate=0.1),
        "CNN, trained": lambda: case(
            trained(_drawn(seed, cnn), x, y, steps=150), x, y, rate=0.1
        ),
        "batch norm, 20 layers": lambda: case(
            plain(seed, deep, nn.ReLU, he, nn.BatchNorm1d, bias=False), x, y, rate=0.01
        ),
        "GRU": lambda: case(_drawn(seed, lambda: LastOutput(nn.GRU)), x, y, rate=0.3),
        "LSTM, trained": lambda: case(
            trained(_drawn(seed, lambda: LastOutput(nn.LSTM)), x, y, rate=1.0), x, y, rate=0.3
        ),
        "transformer layer": lambda: case(_drawn(seed, Attention), x, y, rate=0.03),
        "transformer, trained": lambda: case(
            trained(_drawn(seed, Attention), x, y, rate=0.1, steps=200), x, y, rate=0.03
        ),
        "residual, layer norm": lambda: case(_drawn(seed, Residual), x, y, rate=0.03),
        "dropout": lambda: case(
            trained(nn.Sequential(plain(seed, [64, 100, 64], nn.ReLU, he), nn.ReLU(),
                                  nn.Dropout(0.5), _drawn(seed, lambda: nn.Linear(64, 10))), x, y),
            x, y, rate=0.1,
        ),
        "zero last layer": lambda: case(
            _zero_last(plain(seed, shallow, nn.ReLU, he)), x, y, rate=0.1),
        "regression, offset targets": lambda: {
            "model": plain(seed, [64, 64, 1], nn.ReLU, he), "data": (x, y[:, None] + 3.0),
            "loss": F.mse_loss, "rate": 0.01,
        },
        "pixels from 0 to 1": lambda: relu(
            *cu.digits(seed)[:2], rate=0.1
        ),
        "one-hot inputs": lambda: case(
            plain(seed, [200, 64, 10], nn.ReLU, start.uniform_default()),
            F.one_hot(torch.arange(1000) * 7 % 200, 200).float(), torch.arange(1000) * 7 % 200 % 10,
        ),
        "tokens, tied weights": lambda: {
            "model": _drawn(seed, Reader), "loss": F.cross_entropy, "rate": 0.3,
            "data": _tokens(seed),
        },
        "residual, scales of zero": lambda: case(_drawn(seed, Zeroed), x, y, rate=0.1),
        "autoencoder, trained": lambda: {
            "model": trained(
                plain(seed, [64, 30, 10, 30, 64], nn.Sigmoid, start.glorot(gain=4.0)), x, x,
                loss=F.mse_loss, rate=3.0, steps=600),
            "data": (x, x), "loss": F.mse_loss, "rate": 1.0,
        },
        "linear regression": lambda: {
            "model": plain(seed, [64, 1], nn.ReLU, start.uniform_default()),
            "data": (x, x @ torch.ones(64, 1)), "loss": F.mse_loss, "rate": 0.01,
        },
        "SELU, LeCun, 12 layers": lambda: case(
            plain(seed, [64, *[100] * 12, 10], nn.SELU, start.lecun()), x, y, rate=0.01
        ),
        "layer norm, 12 layers": lambda: case(
            plain(seed, [64, *[100] * 12, 10], nn.ReLU, he, nn.LayerNorm), x, y, rate=0.01
        ),
        "orthogonal tanh, 30 layers": lambda: case(
            plain(seed, [64, *[64] * 30, 10], nn.Tanh, start.orthogonal()), x, y, rate=0.01
        ),
        "twelve examples": lambda: relu(x[:12], y[:12], batch=3),
        "one example at a time": lambda: relu(
            x, y, batch=1, rate=0.01
        ),
        "our MLP, five copies": lambda: {
            "model": cu.MLP([64, 30, 30, 10], "tanh", seeds=range(5)), "data": (x, y),
            "loss": lambda z, t: cu.cross_entropy(z, t).sum(), "rate": 0.1,
        },
    }  # fmt: skip


def _tokens(seed: int) -> tuple[Tensor, Tensor]:
    """Sequences of 12 tokens; the target is the last but one."""
    x = torch.randint(20, (600, 12), generator=cu.generator(seed, "tokens"))
    return x, x[:, -2]


def _zero_last(net: Any) -> nn.Module:
    nn.init.zeros_(net[-1].weight)
    return net


def _broken(seed: int) -> dict[str, tuple[str, Callable[[], Case]]]:
    x, y = digits(seed)
    he, glorot, default = start.kaiming(), start.glorot(), start.uniform_default()
    shallow, deep, wide = [64, 64, 64, 10], [64, *[64] * 20, 10], [64, *[300] * 10, 10]
    norm = nn.BatchNorm1d
    order = y.argsort(stable=True)

    def relu(x: Tensor, y: Tensor, **more: Any) -> Case:
        return case(plain(seed, shallow, nn.ReLU, he), x, y, **more)

    def tanh(x: Tensor, y: Tensor, **more: Any) -> Case:
        return case(plain(seed, shallow, nn.Tanh, glorot), x, y, **more)

    def biased() -> Case:
        net = plain(seed, shallow, nn.ReLU, he)
        nn.init.constant_(net[2].bias, -20.0)
        return case(net, x, y)

    def stale(momentum: float) -> Case:
        net = plain(seed, shallow, nn.ReLU, start.kaiming(gain=8.0), norm, bias=False)
        for module in net.modules():
            if isinstance(module, norm):
                module.momentum = momentum
        return case(trained(net, x, y, rate=0.3), x, y)

    def old_statistics() -> Case:
        net = trained(plain(seed, shallow, nn.ReLU, he, norm, bias=False), x, y, rate=0.1)
        for module in net.modules():
            if isinstance(module, norm):
                module.running_mean += 3.0
        return case(net, x, y)

    return {
        "inputs × 255": ("inputs_scale", lambda: relu(255 * x, y)),
        "inputs × 255, tanh": ("inputs_scale", lambda: tanh(255 * x, y)),
        "inputs / 1000": ("inputs_scale", lambda: relu(x / 1000, y)),
        "one feature × 1000": ("inputs_scale", lambda: case(
            plain(seed, shallow, nn.Tanh, he), torch.cat([1000 * x[:, 20:21], x[:, 1:]], 1), y)),
        "inputs + 5": ("inputs_centre", lambda: relu(x + 5, y)),
        "inputs + 5, tanh": ("inputs_centre", lambda: tanh(x + 5, y)),
        "zero weights": ("symmetry", lambda: case(
            plain(seed, shallow, nn.ReLU, start.zeros()), x, y)),
        "constant weights": ("symmetry", lambda: case(
            plain(seed, shallow, nn.Tanh, start.constant(0.1)), x, y)),
        "identical units": ("symmetry", lambda: case(
            plain(seed, shallow, nn.ReLU, start.identical(0.1)), x, y)),
        "sigmoid, σ = 3": ("saturated", lambda: case(
            plain(seed, shallow, nn.Sigmoid, start.normal(3.0)), x, y)),
        "tanh, σ = 1": ("saturated", lambda: case(
            plain(seed, shallow, nn.Tanh, start.normal(1.0)), x, y)),
        "biases of −20": ("dead", biased),
        "ReLU, σ = 0.01, 20 layers": ("vanishing", lambda: case(
            plain(seed, deep, nn.ReLU, start.normal(0.01)), x, y)),
        "ReLU, torch's default, 20 layers": ("vanishing", lambda: case(
            plain(seed, deep, nn.ReLU, default), x, y)),
        "sigmoid, Glorot, 10 layers": ("vanishing", lambda: case(
            plain(seed, [64, *[64] * 10, 10], nn.Sigmoid, glorot), x, y)),
        "tanh, σ = 0.01, 10 layers": ("vanishing", lambda: case(
            plain(seed, wide, nn.Tanh, start.normal(0.01)), x, y)),
        "ReLU, 3 × He, 20 layers": ("exploding", lambda: case(
            plain(seed, deep, nn.ReLU, start.kaiming(gain=4.2)), x, y)),
        "ReLU, σ = 1, 40 layers": ("exploding", lambda: case(
            plain(seed, [64, *[300] * 40, 10], nn.ReLU, start.normal(1.0)), x, y)),
        "residual, no norm": ("exploding", lambda: case(_drawn(seed, lambda: Plain(30)), x, y)),
        "CNN, inputs × 255": ("inputs_scale", lambda: case(_drawn(seed, deep_cnn), 255 * x, y)),
        "LSTM, inputs + 5": ("inputs_centre", lambda: case(
            _drawn(seed, lambda: LastOutput(nn.LSTM)), x + 5, y)),
        "CNN, torch's default, 20 layers": ("vanishing", lambda: case(
            _drawn(seed, deep_cnn), x, y)),
        "transformer, sorted by class": ("disagreement", lambda: case(
            _drawn(seed, Attention), x[order], y[order])),
        "our MLP, tanh, gain 10": ("saturated", lambda: {
            "model": cu.MLP([64, 100, 100, 10], "tanh", seeds=[seed, seed + 50], gain=10.0),
            "data": (x, y), "loss": lambda z, t: cu.cross_entropy(z, t).sum()}),
        "sorted by class": ("disagreement", lambda: relu(
            x[order], y[order])),
        "sorted by class, list": ("disagreement", lambda: case(
            plain(seed, shallow, nn.Tanh, glorot), x, y) | {
            "data": list(zip(x[order].split(64), y[order].split(64), strict=True))}),
        "statistics never moved": ("evaluation_gap", lambda: stale(0.0)),
        "statistics of another network": ("evaluation_gap", old_statistics),
        "rate 3": ("rate_too_large", lambda: relu(x, y, rate=3.0)),
        "rate 100": ("rate_too_large", lambda: relu(x, y, rate=100.0)),
        "rate 3, after training": ("rate_too_large", lambda: case(
            trained(plain(seed, shallow, nn.Tanh, glorot), x, y, steps=800), x, y, rate=10.0)),
        "rate 1e-8": ("rate_too_small", lambda: relu(x, y, rate=1e-8)),
        "bias before batch norm": ("redundant_bias", lambda: case(
            plain(seed, shallow, nn.ReLU, he, norm), x, y)),
        "sigmoid units": ("one_sign", lambda: case(
            plain(seed, [64, 64, 30, 10], nn.Sigmoid, start.glorot(gain=4.0)), x, y,
            batch=4)),
    }  # fmt: skip


class Plain(nn.Module):
    """Residual blocks without normalisation: the variance doubles in each."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Linear(64, 64, bias=False) for _ in range(blocks))
        for one in self.branches:
            nn.init.kaiming_normal_(one.weight)
        self.readout = nn.Linear(64, 10)

    def forward(self, h: Tensor) -> Tensor:
        for one in self.branches:
            h = h + one(F.relu(h))
        return self.readout(h)


HEALTHY, BROKEN = tuple(_healthy(0)), {name: kind for name, (kind, _) in _broken(0).items()}


def healthy(name: str, seed: int) -> Case:
    """Arguments of ``cu.diagnose`` for a healthy network."""
    with torch.random.fork_rng():
        return _healthy(seed)[name]()


def broken(name: str, seed: int) -> Case:
    """Arguments of ``cu.diagnose`` for a network that is broken in one way."""
    with torch.random.fork_rng():
        return _broken(seed)[name][1]()
