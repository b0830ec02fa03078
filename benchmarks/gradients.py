"""Gradients of single examples, and their squared norms: time and memory of several ways.

Usage: python -m benchmarks.gradients

Each way runs in a process of its own, on one thread: processor time, the median of three
runs after a first one, and by how much the process's peak memory grew. Ways: a loop over
examples, ``torch.func`` used naively (all examples at once), this package's, and two public
libraries, if they are installed: opacus and BackPACK. The command ends with an error if this
package's results differ from the loop's; if its gradients are not twice as fast as the loop
on the smaller network, or need more than twice their own memory on the larger; or if its
squared norms are not 20 times as fast as the loop and 10 times as small as the naive way.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

import course_utils as cu

NETWORKS = {"digits": ([64, 50, 50, 50, 10], 2048), "source": ([525, 500, 100, 20, 1], 1024)}
WAYS = ("loop", "naive", "ours", "opacus", "backpack")
SAME = 1e-5
FASTER = {"gradients": 2.0, "norms": 20.0}  # than the loop
RESULT = 2.0  # peak memory of the gradients, in units of their own
SMALLER = 10.0  # peak memory of the squared norms, naive over ours


def loss(y: Tensor, t: Tensor) -> Tensor:
    """Mean squared error of each minibatch."""
    return ((y - t) ** 2).mean(dim=(-2, -1))


def problem(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    """A network, inputs and targets, from one seed."""
    sizes, examples = NETWORKS[name]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    model, g = nn.Sequential(*layers[:-1]), cu.generator(0)
    for one in model.parameters():
        one.data.normal_(0, one.shape[-1] ** -0.5, generator=g)
    x = torch.rand(examples, sizes[0], generator=g)
    return model, x, torch.randn(examples, sizes[-1], generator=g)


def loop(model: nn.Module, x: Tensor, t: Tensor, norms: bool) -> Tensor:
    """Autograd, one example at a time."""
    found = []
    for one, wanted in zip(x, t, strict=True):
        value = loss(model(one[None]), wanted[None])
        parts = torch.autograd.grad(value, list(model.parameters()))
        flat = torch.cat([part.flatten() for part in parts])
        found.append(flat.square().sum() if norms else flat)
    return torch.stack(found)


def naive(model: nn.Module, x: Tensor, t: Tensor, norms: bool) -> Tensor:
    """All examples at once, as the tutorials have it."""
    state = {name: one.detach() for name, one in model.named_parameters()}

    def value(parameters: dict[str, Tensor], one: Tensor, wanted: Tensor) -> Tensor:
        return loss(functional_call(model, parameters, (one[None],)), wanted[None])

    found = vmap(grad(value), in_dims=(None, 0, 0))(state, x, t)
    flat = torch.cat([part.flatten(1) for part in found.values()], dim=1)
    return flat.square().sum(dim=1) if norms else flat


def ours(model: nn.Module, x: Tensor, t: Tensor, norms: bool) -> Tensor:
    """This package."""
    if norms:
        return cu.gradients.squared_norms(model, loss, x, t)["all"]
    return cu.gradients.per_example(model, loss, x, t)


def opacus(model: nn.Module, x: Tensor, t: Tensor, norms: bool) -> Tensor:
    """Hooks and einsum; ghost norms where only norms are wanted."""
    from opacus.grad_sample import GradSampleModule, GradSampleModuleFastGradientClipping

    if norms:
        watched = GradSampleModuleFastGradientClipping(model, loss_reduction="sum")
    else:
        watched = GradSampleModule(model, loss_reduction="sum")
    loss(watched(x)[:, None], t[:, None]).sum().backward()
    if norms:
        found = watched.get_norm_sample() ** 2
    else:
        found = torch.cat([one.grad_sample.flatten(1) for one in model.parameters()], dim=1)
    watched.zero_grad()
    watched.to_standard_module()
    return found


def backpack(model: nn.Module, x: Tensor, t: Tensor, norms: bool) -> Tensor:
    """Extensions of the backward pass; it knows torch's own losses only."""
    from backpack import backpack as extended
    from backpack import extend
    from backpack.extensions import BatchGrad, BatchL2Grad

    watched, error = extend(model), extend(nn.MSELoss(reduction="sum"))
    with extended(BatchL2Grad() if norms else BatchGrad()):
        (error(watched(x), t) / t.shape[1]).backward()
    if norms:
        return torch.stack([one.batch_l2 for one in model.parameters()]).sum(dim=0)
    return torch.cat([one.grad_batch.flatten(1) for one in model.parameters()], dim=1)


def alone(name: str, way: str, kind: str) -> None:
    """Measure one way in this process, and print it."""
    torch.set_num_threads(1)
    work: Callable[..., Tensor] = globals()[way]
    given, norms = problem(name), kind == "norms"
    model, x, t = given
    try:
        found = work(model, x[:2], t[:2], norms)  # loads what later runs have
    except ImportError:
        print(json.dumps(None))
        return
    wanted = loop(model, x[:2], t[:2], norms)
    apart = float((found - wanted).abs().max() / wanted.abs().max())
    before, times = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
    for _ in range(4):
        began = time.process_time()
        found = work(model, x, t, norms)
        times.append(time.process_time() - began)
        size = found.nbytes
        del found
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    seconds = sorted(times[1:])[1]
    print(json.dumps({"s": seconds, "MB": peak, "result": size / 2**20, "apart": apart}))


def main() -> int:
    """Print all; 1 if a bar is missed."""
    if len(sys.argv) == 4:
        alone(*sys.argv[1:])
        return 0
    held = True
    for kind in ("gradients", "norms"):
        for name in NETWORKS:
            rows = {}
            for way in WAYS:
                command = [sys.executable, "-m", "benchmarks.gradients", name, way, kind]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                rows[way] = json.loads(done.stdout.splitlines()[-1])
            held = shown(kind, name, rows) and held
    return 0 if held else 1


def shown(kind: str, name: str, rows: dict[str, dict[str, float] | None]) -> bool:
    """Print one table; whether the bars are held."""
    print(f"{kind} of {NETWORKS[name][1]} examples, {name}")
    own, plain, naively = (rows[way] or {} for way in ("ours", "loop", "naive"))
    for way, row in rows.items():
        if row is None:
            print(f"  {way:9} not installed")
            continue
        ratios = f"{row['s'] / own['s']:6.1f} × our time, {row['MB'] / own['MB']:6.1f} × our memory"
        print(
            f"  {way:9} {1e3 * row['s']:7.1f} ms {row['MB']:6.0f} MB  {ratios}  {row['apart']:.0e}"
        )
    held = own["apart"] <= SAME
    if kind == "norms" or name == "digits":
        held = held and plain["s"] / own["s"] >= FASTER[kind]
    if name == "source":
        enough = {"gradients": own["MB"] <= RESULT * own["result"]}
        held = held and enough.get(kind, naively["MB"] >= SMALLER * own["MB"])
    return held


if __name__ == "__main__":
    sys.exit(main())
