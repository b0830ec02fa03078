"""Healthy and broken networks on which no threshold of the doctor was set.

They were written by someone else than the thresholds, and after them. Mends since then are
tested on them too, so that they are no longer quite unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import course_utils as cu
from tests.ailments import Case, LastOutput, case, digits, plain, trained

start = cu.initialization


class Block(nn.Module):
    """Two convolutions with batch norm, and a way round them."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(n_out) for _ in range(2 + (stride > 1)))
        self.way = nn.Conv2d(n_in, n_out, 1, stride, bias=False) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.norms[1](self.second(F.relu(self.norms[0](self.first(x)))))
        return F.relu(h + (x if self.way is None else self.norms[2](self.way(x))))


class ResNet(nn.Module):
    """A small residual network as torchvision writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(Block(16, 16), Block(16, 32, 2), Block(32, 64, 2))
        self.readout = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.norm(self.stem(x.unflatten(1, (1, 8, 8)))))
        return self.readout(self.blocks(h).mean((2, 3)))


class UNet(nn.Module):
    """Down, up, and copies of the way down joined by cat."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.deep, self.up1 = nn.Conv2d(16, 32, 3, padding=1), nn.ConvTranspose2d(32, 16, 2, 2)
        self.c, self.up2 = nn.Conv2d(32, 16, 3, padding=1), nn.ConvTranspose2d(16, 8, 2, 2)
        self.d, self.readout = nn.Conv2d(16, 8, 3, padding=1), nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = F.relu(self.a(x.unflatten(1, (1, 8, 8))))
        b = F.relu(self.b(F.max_pool2d(a, 2)))
        h = self.up1(F.relu(self.deep(F.max_pool2d(b, 2))))
        h = self.up2(F.relu(self.c(torch.cat([h, b], 1))))
        return self.readout(F.relu(self.d(torch.cat([h, a], 1)))).flatten(1)


class GPT(nn.Module):
    """A small causal transformer whose readout has the embedding's weights."""

    def __init__(self, spread: float = 0.02, tokens: int = 30, width: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(7))
        self.attend = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(3))
        self.project = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.up = nn.ModuleList(nn.Linear(width, 4 * width) for _ in range(3))
        self.down = nn.ModuleList(nn.Linear(4 * width, width) for _ in range(3))
        for one in self.modules():
            if isinstance(one, (nn.Linear, nn.Embedding)):
                nn.init.normal_(one.weight, std=spread)
            if isinstance(one, nn.Linear):
                nn.init.zeros_(one.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        h = self.embedding(tokens)
        for i in range(3):
            parts = self.attend[i](self.norms[2 * i](h)).chunk(3, -1)
            q, k, v = (z.unflatten(-1, (4, 8)).transpose(1, 2) for z in parts)
            heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            h = h + self.project[i](heads.transpose(1, 2).flatten(2))
            h = h + self.down[i](F.gelu(self.up[i](self.norms[2 * i + 1](h))))
        return (self.norms[6](h) @ self.embedding.weight.T).transpose(1, 2)


class Siren(nn.Module):
    """Sine units, W uniform of spread near 1/ω."""

    def __init__(self, width: int = 64, omega: float = 30.0) -> None:
        super().__init__()
        self.omega, sizes = omega, [2, *[width] * 4]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.readout = nn.Linear(width, 1)
        nn.init.uniform_(self.hidden[0].weight, -0.5, 0.5)
        for one in [*self.hidden[1:], self.readout]:
            nn.init.uniform_(one.weight, -((6 / width) ** 0.5) / omega, (6 / width) ** 0.5 / omega)

    def forward(self, x: Tensor) -> Tensor:
        for one in self.hidden:
            x = torch.sin(self.omega * one(x))
        return self.readout(x)


class Shared(nn.Module):
    """One layer, six times."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.a(x))
        for _ in range(6):
            h = F.relu(self.b(h))
        return self.c(h)


class RowByRow(nn.Module):
    """A recurrent network written by hand, from a state of zeros."""

    def __init__(self, hidden: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.given, self.kept = nn.Linear(8, 32), nn.Linear(32, 32)
        self.readout, self.hidden = nn.Linear(32, 10), hidden

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(len(x), 32)
        for row in x.unflatten(1, (8, 8)).unbind(1):
            h = self.hidden(self.given(row) + self.kept(h))
        return self.readout(h)


class Branches(nn.Module):
    """Two branches joined by cat; the second one may be broken."""

    def __init__(self, hidden: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(128, 10)
        self.hidden = hidden

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.cat([self.hidden(self.a(x)), self.hidden(self.b(x))], 1))


class Conditioned(nn.Module):
    """Is told which task it is at, by a small network of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.task = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64))
        self.a, self.c = nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x: Tensor, task: Tensor) -> Tensor:
        return self.c(F.relu(self.task(task) + self.a(x)))


class Cut(nn.Module):
    """Gradients are cut off in the middle."""

    def __init__(self, net: nn.Sequential) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net[4:](self.net[:4](x).detach())


class Written(nn.Module):
    """An activation that is no function of torch's with a name of its own."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


RECTIFIERS: dict[str, Callable[[Tensor], Tensor]] = {
    "maximum": lambda z: torch.maximum(z, torch.zeros(())),
    "where": lambda z: torch.where(z > 0, z, 0.0),
    "z·(z > 0)": lambda z: z * (z > 0),
    "clamp_min": lambda z: z.clamp_min(0),
    "threshold": lambda z: F.threshold(z, 0.0, 0.0),
}


def drawn(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(seed)
    return make()


def tokens(seed: int) -> tuple[Tensor, Tensor]:
    """Sequences that count on in steps of three."""
    first = torch.randint(30, (600, 1), generator=cu.generator(seed, "tokens"))
    x = (first + 3 * torch.arange(17)) % 30
    return x[:, :-1], x[:, 1:]


def changed(net: nn.Module, layer: int, weight: float = 1.0, bias: float = 0.0) -> nn.Module:
    """Its weights in one layer times ``weight``, its biases + ``bias``."""
    one = [m for m in net.modules() if isinstance(m, nn.Linear)][layer]
    with torch.no_grad():
        one.weight *= weight
        one.bias += bias
    return net


def all_biases(net: nn.Module, bias: float) -> nn.Module:
    for place in range(sum(isinstance(m, nn.Linear) for m in net.modules())):
        changed(net, place, bias=bias)
    return net


def _healthy(seed: int) -> dict[str, Callable[[], Case]]:
    x, y = digits(seed)
    he = start.kaiming()
    task = torch.zeros(len(x), 4).index_fill(1, torch.tensor([1]), 1.0)
    places = 2 * torch.rand(1000, 2, generator=cu.generator(seed, "places")) - 1
    waves = torch.sin(6 * places[:, :1]) * torch.cos(9 * places[:, 1:])

    def net(make: Callable[[], nn.Module], **more: float) -> Case:
        return case(drawn(seed, make), x, y, **more)

    def young(updates: int) -> Case:
        return case(trained(drawn(seed, ResNet), x, y, rate=0.1, steps=updates), x, y)

    return {
        "ResNet": lambda: net(ResNet, rate=0.1),
        "ResNet, 5 updates": lambda: young(5),
        "ResNet, 20 updates": lambda: young(20),
        "ResNet, 60 updates": lambda: young(60),
        "U-Net": lambda: net(UNet, rate=0.1) | {"data": (x, x), "loss": F.mse_loss},
        "GPT, spread 0.02": lambda: {
            "model": drawn(seed, GPT), "data": tokens(seed), "loss": F.cross_entropy, "rate": 0.1},
        "sine units": lambda: {
            "model": drawn(seed, Siren), "data": (places, waves), "loss": F.mse_loss,
            "rate": 1e-4},
        "one layer six times": lambda: net(Shared, rate=0.1),
        "recurrent by hand, tanh": lambda: net(lambda: RowByRow(torch.tanh), rate=0.1),
        "recurrent by hand, ReLU": lambda: net(lambda: RowByRow(torch.relu), rate=0.1),
        "two branches": lambda: net(Branches, rate=0.1),
        "one task for all": lambda: net(Conditioned, rate=0.1) | {"data": ((x, task), y)},
        "autoencoder, ReLU": lambda: {
            "model": plain(seed, [64, 32, 4, 32, 64], nn.ReLU, he), "data": (x, x),
            "loss": F.mse_loss, "rate": 0.1},
        "dropout of 0.8": lambda: net(lambda: nn.Sequential(
            nn.Linear(64, 200), nn.ReLU(), nn.Dropout(0.8), nn.Linear(200, 10)), rate=0.05),
        "four minibatches of 4": lambda: net(Shared, minibatches=2, batch=4),
        "PReLU, 10 layers": lambda: case(
            plain(seed, [64, *[100] * 10, 10], nn.PReLU, he), x, y, rate=0.01),
        "SiLU": lambda: case(plain(seed, [64, 100, 100, 10], nn.SiLU, he), x, y, rate=0.01),
    }  # fmt: skip


def _broken(seed: int) -> dict[str, tuple[str, Callable[[], Case]]]:
    x, y = digits(seed)
    he, glorot = start.kaiming(), start.glorot()

    def net(depth: int, hidden: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
        scheme = glorot if hidden is nn.Tanh else he
        return plain(seed, [64, *[64] * depth, 10], hidden, scheme)

    def branches(function: Callable[[Tensor], Tensor], **change: float) -> nn.Module:
        return changed(drawn(seed, lambda: Branches(function)), 1, **change)

    def recurrent() -> nn.Module:
        made = LastOutput(nn.RNN)
        with torch.no_grad():
            for one in made.recurrent.parameters():
                one *= 100
        return made

    dead = {
        f"dead, {name}": ("dead", lambda f=f: case(changed(
            plain(seed, [64, 64, 10], lambda: Written(f), he), 0, bias=-20.0), x, y))
        for name, f in RECTIFIERS.items()
    }  # fmt: skip
    scales = {
        f"{name} layer × {factor:g}, depth {depth}": (kind, lambda a=(depth, place, factor): case(
            changed(net(a[0]), a[1], weight=a[2]), x, y))
        for depth in (4, 10, 20)
        for name, place, factor, kind in (
            ("first", 0, 1e-3, "first_layer"), ("first", 0, 100.0, "loss_scale"),
            ("last", -1, 100.0, "loss_scale"),
        )
    }  # fmt: skip
    return dead | scales | {
        "first layer × 0.001, tanh": ("first_layer", lambda: case(
            changed(net(10, nn.Tanh), 0, weight=1e-3), x, y)),
        "last layer × 10": ("loss_scale", lambda: case(changed(net(4), -1, weight=10.0), x, y)),
        "GPT, spread 1": ("exploding or loss_scale", lambda: {
            "model": drawn(seed, lambda: GPT(1.0)), "data": tokens(seed),
            "loss": F.cross_entropy}),
        "second branch dead": ("dead", lambda: case(branches(F.relu, bias=-20.0), x, y)),
        "second branch saturated": ("saturated", lambda: case(
            branches(torch.tanh, weight=100.0), x, y)),
        "softsign, weights × 100": ("saturated", lambda: case(
            changed(net(2, nn.Softsign), 0, weight=100.0), x, y)),
        "RNN, weights × 100": ("saturated", lambda: case(drawn(seed, recurrent), x, y)),
        "biases + 20, tanh": ("saturated", lambda: case(all_biases(net(4, nn.Tanh), 20.0), x, y)),
        "biases + 1000": ("vanishing", lambda: case(all_biases(net(4), 1000.0), x, y)),
        "biases − 20, GELU": ("dead", lambda: case(all_biases(net(3, nn.GELU), -20.0), x, y)),
        "outputs dead": ("no_gradient", lambda: case(changed(
            nn.Sequential(*net(3), nn.ReLU()), -1, bias=-200.0), x, y, rate=0.1)),
        "rate 1e-5": ("rate_too_small", lambda: case(net(3), x, y, rate=1e-5)),
        "cut in the middle": ("unused", lambda: case(Cut(net(4)), x, y)),
        "all inputs equal": ("inputs_scale", lambda: case(
            net(3), x[:1].expand(len(x), -1), y)),
        "layer 5 of 10 × 0.001": ("vanishing", lambda: case(
            changed(net(10), 5, weight=1e-3), x, y)),
    }  # fmt: skip


HEALTHY, BROKEN = tuple(_healthy(0)), {name: kind for name, (kind, _) in _broken(0).items()}


def healthy(name: str, seed: int) -> Case:
    """Arguments of ``cu.diagnose`` for a healthy network."""
    with torch.random.fork_rng():
        return _healthy(seed)[name]()


def broken(name: str, seed: int) -> Case:
    """Arguments of ``cu.diagnose`` for a network that is broken in one way."""
    with torch.random.fork_rng():
        return _broken(seed)[name][1]()
