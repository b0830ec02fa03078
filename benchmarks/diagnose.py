"""What a diagnosis costs, against forward and backward passes; and what it finds.

Usage: python -m benchmarks.diagnose            the cost
       python -m benchmarks.diagnose --matrix   networks × findings, over seeds

The cost is that of ``cu.diagnose`` over that of one forward and one backward pass through
each of the same minibatches, the median of several runs, on one thread (and on a GPU where
there is one). The command ends with an error if a bar is missed: 2 seconds for a network
of 10,000 parameters, and a ratio of at most 8 for those whose passes take long.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import course_utils as cu
from course_utils.findings import KINDS, SERIOUS

SMALL, LARGE, MINIBATCHES, BATCH = 2.0, 8.0, 8, 64
SEEDS = range(10)


def mlp(width: int, depth: int) -> nn.Sequential:
    """64 inputs, ReLU, He."""
    sizes = [64, *[width] * depth]
    layers = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.ReLU())]
    net = nn.Sequential(*layers, nn.Linear(width, 10))
    cu.initialization.initialize(net, cu.initialization.kaiming(), cu.generator(0, "network"))
    return net


def cnn(channels: int) -> nn.Sequential:
    """Six convolutions with batch norm on 32 × 32 pixels."""
    layers: list[nn.Module] = []
    for a in (3, *[channels] * 5):
        layers += [
            nn.Conv2d(a, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def transformer(width: int, layers: int) -> nn.Module:
    """Encoder layers over 16 tokens, and the mean of their outputs."""
    layer = nn.TransformerEncoderLayer(width, 8, 4 * width, batch_first=True)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
            self.readout = nn.Linear(width, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.readout(self.encoder(x).mean(dim=1))

    return Net()


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], bool]] = {
    "MLP, 4 × 64": (lambda: mlp(64, 3), (64,), False),
    "MLP, 30 × 64": (lambda: mlp(64, 29), (64,), False),
    "MLP, 6 × 500": (lambda: mlp(500, 5), (64,), True),
    "MLP, 6 × 2000": (lambda: mlp(2000, 5), (64,), True),
    "CNN, 32 channels": (lambda: cnn(32), (3, 32, 32), True),
    "CNN, 64 channels": (lambda: cnn(64), (3, 32, 32), True),
    "transformer, 2 × 256": (lambda: transformer(256, 2), (16, 256), True),
}


def seconds(run: Callable[[], object], device: str, times: int = 3) -> float:
    """Median time of a few runs."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def cost(device: str) -> bool:
    """Print one line for each network; tell whether all bars are kept."""
    print(f"{device}, {torch.get_num_threads()} thread(s)")
    print(f"{'network':24s}{'parameters':>12s}{'passes, s':>11s}{'diagnose, s':>13s}{'ratio':>8s}")
    kept = True
    for name, (make, shape, large) in NETWORKS.items():
        net = make().to(device)
        count = sum(one.numel() for one in net.parameters())
        g = torch.Generator().manual_seed(0)
        x = torch.randn(MINIBATCHES * BATCH, *shape, generator=g).to(device)
        y = torch.randint(10, (len(x),), generator=g).to(device)

        def passes(net: nn.Module = net, x: Tensor = x, y: Tensor = y) -> None:
            for part, labels in zip(x.split(BATCH), y.split(BATCH), strict=True):
                torch.autograd.grad(F.cross_entropy(net(part), labels), list(net.parameters()))

        def whole(net: nn.Module = net, x: Tensor = x, y: Tensor = y) -> object:
            return cu.diagnose(net, (x, y), F.cross_entropy, rate=0.01)

        passes()
        plain, all_of_it = seconds(passes, device), seconds(whole, device)
        ratio = all_of_it / plain
        kept &= all_of_it < SMALL if not large else ratio < LARGE
        print(f"{name:24s}{count:12,d}{plain:11.3f}{all_of_it:13.3f}{ratio:8.1f}", flush=True)
    return kept


def matrix() -> None:
    """How often each finding is made, by network, over seeds; capitals where it is serious."""
    from tests.ailments import BROKEN, HEALTHY, broken, healthy

    print("columns:", ", ".join(f"{place} {kind}" for place, kind in enumerate(KINDS, 1)))
    print("entries: in how many of", len(SEEDS), "seeds; * serious; [ ] comes first, as it must")
    print(f"{'network':36s}" + "".join(f"{place:>6d}" for place in range(1, len(KINDS) + 1)))
    for name in (*HEALTHY, *BROKEN):
        wanted = BROKEN.get(name)
        make = healthy if wanted is None else broken
        found = [cu.diagnose(**make(name, seed)).findings for seed in SEEDS]
        cells = []
        for kind in KINDS:
            those = [one for some in found for one in some if one.kind == kind]
            serious = any(one.severity == SERIOUS for one in those)
            text = f"{len(those)}{'*' * serious}" if those else "."
            if kind == wanted:
                first = sum(bool(some) and some[0].kind == kind for some in found)
                text = f"[{first}{'*' * serious}]"
            cells.append(f"{text:>6s}")
        print(f"{name:36s}" + "".join(cells), flush=True)


def main() -> None:
    if sys.argv[1:] == ["--matrix"]:
        return matrix()
    torch.set_num_threads(1)
    kept = cost("cpu")
    if torch.cuda.is_available():
        kept &= cost("cuda")
    if not kept:
        sys.exit("a bar is missed")
    return None


if __name__ == "__main__":
    main()
