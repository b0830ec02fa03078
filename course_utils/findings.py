"""From measurements to findings in plain words, ranked.

A rule looks at the table of layers and the numbers of the whole network, and says nothing
or one finding. Rules stand in the order of causes: unscaled inputs saturate a layer, and a
saturated layer stops gradients, not the other way round.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

SERIOUS, MEND, REMARK = 3, 2, 1
DEGREES = {SERIOUS: "serious", MEND: "worth mending", REMARK: "remark"}
Numbers = dict[str, float]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: its name, one of ``KINDS``.
        severity: 3 serious, 2 worth mending, 1 a remark.
        where: the layers it was found in, or what else.
        evidence: the number that shows it.
        text: what was measured, in words.
        remedy: what to do.
        chapter: which chapter teaches it, a file of the book.
    """

    kind: str
    severity: int
    where: str
    evidence: float
    text: str
    remedy: str
    chapter: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", float(self.evidence))  # not NumPy's

    def __str__(self) -> str:
        return (
            f"[{DEGREES[self.severity]}] {self.kind.replace('_', ' ')} ({self.where}): "
            f"{self.text} Remedy: {self.remedy} (chapter {int(self.chapter[:2])})"
        )


SCALE = (5.0, 30.0)  # spread of the inputs: worth mending, serious
SMALL = (0.3, 0.05)  # length of the centred inputs
UNEQUAL = (20.0, 100.0)  # largest spread of a feature over the median one
OFF_CENTRE = (1.0, 3.0)  # rms mean over rms spread of the inputs
FLAT = (0.5, 0.7)  # share of a layer's numbers where the activation is flat
DEAD = (0.75, 0.9)  # share of a layer's units; He's layers have up to a half
CHANGE = (1e2, 1e3)  # factor over the whole depth, of a root mean square
SHARE = (1e-2, 1e-3)  # of the rms of pre-activations, what differs between examples
AGREEMENT = 0.2  # cosine lost against minibatches drawn at random
GAP = (0.2, 0.5)  # share of what was learned that evaluation loses
WORSE = (0.2, 1.0)  # rise of the loss by a few steps: at their end, and at most
SLOW = 1e-6  # update over weight, in the layer that moves most
LEARNED = 0.5  # share of the loss of a constant answer that training has removed
CANCELS = 1e-4  # bias's gradient over the sum of its parts' sizes


def findings(table: pd.DataFrame, numbers: Numbers) -> tuple[Finding, ...]:
    """All findings, the most serious first, causes before their consequences.

    Args:
        table: one row for each layer, see ``diagnose.Diagnosis``.
        numbers: those of the whole network.

    Example:
        >>> findings(pd.DataFrame(), {"loss": math.nan})[0].kind
        'exploding'
    """
    numbers = defaultdict(lambda: math.nan, numbers)  # what is not known is no finding
    found = [one for rule in RULES for one in [rule(table, numbers)] if one is not None]
    return tuple(sorted(found, key=lambda one: -one.severity))


def _degree(value: float, bars: Sequence[float]) -> int:
    """0 if harmless, 2 or 3 past the first or the second bar; bars may fall."""
    worse = (lambda a, b: a > b) if bars[1] > bars[0] else (lambda a, b: a < b)
    return SERIOUS if worse(value, bars[1]) else MEND if worse(value, bars[0]) else 0


def _softened(degree: int, numbers: Numbers) -> int:
    """One degree less in a network that has evidently learned."""
    return degree - 1 if degree and numbers.get("learned", 0) > LEARNED else degree


def _first(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["first"] & table["input_spread"].notna()] if len(table) else table


def _names(rows: pd.DataFrame) -> str:
    names = list(rows["layer"])
    return ", ".join(names) if len(names) < 4 else f"{names[0]} … {names[-1]}, {len(names)} layers"


def inputs_scale(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Inputs much too large, too small, or of very unequal spreads."""
    for _, row in _first(table).iterrows():
        spread, length, unequal = row["input_spread"], row["input_length"], row["input_unequal"]
        degree = max(_degree(spread, SCALE), _degree(length, SMALL) if length > 0 else 0)
        if row["normalised"]:
            degree = max(0, degree - 1)
        if _degree(unequal, UNEQUAL) > degree:
            return Finding(
                "inputs_scale",
                _degree(unequal, UNEQUAL),
                row["layer"],
                unequal,
                f"one input's spread is {unequal:.0f} times the median one.",
                "divide each feature by its standard deviation over the training data.",
                "02_zero_centring.ipynb",
            )
        if degree:
            return Finding(
                "inputs_scale",
                degree,
                row["layer"],
                spread,
                f"the inputs' standard deviation is {spread:.3g}, their centred length "
                f"{length:.3g}: the first layer's pre-activations have "
                f"√q = {row['rms']:.3g}.",
                "subtract the mean and divide by the standard deviation, both from the "
                "training data.",
                "02_zero_centring.ipynb",
            )
    return None


def inputs_centre(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Inputs whose mean is large against their spread."""
    for _, row in _first(table).iterrows():
        off = row["input_mean"]
        degree = _degree(off, OFF_CENTRE)
        if row["normalised"] == "batch_norm":
            degree = max(0, degree - 1)
        if degree:
            return Finding(
                "inputs_centre",
                degree,
                row["layer"],
                off,
                f"the inputs' mean is {off:.2g} standard deviations from 0; along it the loss "
                f"bends about {row['conditioning']:.3g} times as much as elsewhere.",
                "subtract the mean over the training data from each feature.",
                "02_zero_centring.ipynb",
            )
    return None


def symmetry(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Units that are copies of each other, and get the same gradient."""
    rows = table[table["copies"]] if len(table) else table
    if not len(rows):
        return None
    return Finding(
        "symmetry",
        SERIOUS,
        _names(rows),
        len(rows),
        f"in {len(rows)} layer(s) all units have equal weights ({rows['scheme'].iloc[0]}) and "
        "get equal gradients: they stay copies of one unit.",
        "draw the weights at random.",
        "04_bad_starts.ipynb",
    )


def saturated(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Hidden tanh or sigmoid units where the activation is flat."""
    rows = table[table["feeds"] & (table["saturated"] > FLAT[0])] if len(table) else table
    if not len(rows):
        return None
    worst = rows["saturated"].max()
    return Finding(
        "saturated",
        _softened(_degree(worst, FLAT), numbers),
        _names(rows),
        worst,
        f"{worst:.0%} of the activations lie where the slope is below 5 % of its maximum "
        f"(√q up to {rows['rms'].max():.3g}).",
        f"scale the weights down ({_start(rows)}), or normalise the pre-activations.",
        "04_bad_starts.ipynb",
    )


def _start(rows: pd.DataFrame) -> str:
    kind = rows["activation"].mode()
    kind = kind.iloc[0] if len(kind) else ""
    start = {
        "relu": "Kaiming: variance 2/n_in",
        "tanh": "Glorot: variance 2/(n_in + n_out), or orthogonal",
        "sigmoid": "Glorot with a gain of 4, or tanh instead",
    }
    looks = rows["scheme"].mode()
    now = f"; now: {looks.iloc[0]}" if len(looks) else ""
    return start.get(kind, "variance near 1/n_in") + now


def dead(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """ReLU units that fire for no example."""
    rows = table[table["feeds"] & (table["dead"] > DEAD[0])] if len(table) else table
    if not len(rows):
        return None
    worst = rows["dead"].max()
    return Finding(
        "dead",
        _softened(_degree(worst, DEAD), numbers),
        _names(rows),
        worst,
        f"{worst:.0%} of the units are 0 for every example seen, and get no gradient.",
        "biases at 0, a smaller rate, or an activation with a slope on the left (leaky ReLU).",
        "01_activations.ipynb",
    )


def exploding(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Signals or gradients that grow with depth, up to numbers that are none."""
    if not math.isfinite(numbers["loss"]):
        broken = table[~table["finite"]] if len(table) else table
        where = broken["layer"].iloc[0] if len(broken) else "the loss"
        return Finding(
            "exploding",
            SERIOUS,
            where,
            math.inf,
            f"numbers are no longer finite: the loss is {numbers['loss']}.",
            "look at the layer before: smaller weights, scaled inputs, a smaller rate.",
            "03_variance_growth.ipynb",
        )
    return _profile("exploding", table, numbers, 1)


def vanishing(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Signals, what distinguishes examples, or gradients that shrink with depth."""
    found = _profile("vanishing", table, numbers, -1)
    if found is None or found.severity < SERIOUS:
        hidden = table[table["feeds"] & (table["varying"] < SHARE[0])] if len(table) else table
        if len(hidden):
            least = hidden["varying"].min()
            degree = _softened(_degree(least, SHARE), numbers)
            if found is None or degree > found.severity:
                return Finding(
                    "vanishing",
                    degree,
                    _names(hidden),
                    least,
                    f"all examples look alike: of the pre-activations' rms only {least:.1g} "
                    "differs from one example to the next.",
                    f"{_start(table)}, or batch norm.",
                    "03_variance_growth.ipynb",
                )
    return found


def _profile(kind: str, table: pd.DataFrame, numbers: Numbers, sign: int) -> Finding | None:
    worst, text = 0.0, ""
    for way, words in (("forward", "signals"), ("backward", "gradients")):
        change = sign * numbers.get(f"{way}_change", 0.0)
        if change > worst:
            worst = change
            depth = numbers[f"{way}_depth"]
            leave = f"; at depth {depth:.0f} they would leave float range" if depth < 1e4 else ""
            text = (
                f"{words} change by a factor of 10^{sign * change:.1f} over the depth, "
                f"{numbers[f'{way}_factor']:.3g} a layer{leave}."
            )
    degree = _softened(_degree(10**worst if worst < 300 else math.inf, CHANGE), numbers)
    if not degree:
        return None
    return Finding(
        kind,
        degree,
        _names(table),
        10.0 ** (sign * min(worst, 300.0)),
        text,
        f"{_start(table)}; or normalise, or scale residual branches down.",
        "05_glorot_and_kaiming.ipynb" if sign < 0 else "03_variance_growth.ipynb",
    )


def disagreement(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Minibatches that agree less than the same examples dealt out at random."""
    given, shuffled = numbers["agreement"], numbers["agreement_shuffled"]
    if not (shuffled - given > AGREEMENT and given < shuffled / 2):
        return None
    return Finding(
        "disagreement",
        SERIOUS,
        "the data's order",
        given,
        f"two minibatches' gradients have a mean cosine of {given:.2f}; the same examples "
        f"dealt out at random {shuffled:.2f}.",
        "shuffle the examples before each epoch.",
        "10_who_is_in_the_batch.ipynb",
    )


def evaluation_gap(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """A network that is worse in evaluation than in training, on the same examples."""
    learned = numbers["loss_constant"] - numbers["loss"]
    if not learned > 0.1 * abs(numbers["loss_constant"]):
        return None
    share = (numbers["loss_evaluation"] - numbers["loss"]) / learned
    share = share if math.isfinite(numbers["loss_evaluation"]) else math.inf
    degree = _degree(share, GAP)
    if not degree:
        return None
    return Finding(
        "evaluation_gap",
        degree,
        "eval() against train()",
        share,
        f"the same examples cost {numbers['loss']:.3g} in training mode and "
        f"{numbers['loss_evaluation']:.3g} in evaluation.",
        "check the running statistics: their momentum, how many minibatches they saw, and "
        "whether those had today's weights.",
        "07_batch_norm.ipynb",
    )


def rate_too_large(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """A few steps of gradient descent that make the loss larger."""
    before, worst, after = (
        numbers.get(f"step_{which}", math.nan) for which in ("before", "worst", "after")
    )
    if not math.isfinite(before):
        return None
    scale = max(abs(before), _or_zero(numbers["loss_constant"]))
    if after <= WORSE[0] * scale and worst <= WORSE[1] * scale:
        return None
    return Finding(
        "rate_too_large",
        SERIOUS,
        "the step",
        numbers["update"],
        f"a few steps at this rate raise the loss of {before:.3g} by {after:.3g}, on the "
        f"way by up to {worst:.3g}; a step is up to {numbers['update']:.2g} of the weights.",
        "divide the rate by 10 until the loss falls.",
        "11_descent.ipynb",
    )


def _or_zero(value: float) -> float:
    return abs(value) if math.isfinite(value) else 0.0


def rate_too_small(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Steps that would take for ever, in a network that has not learned."""
    update = numbers.get("update", math.nan)
    if not update < SLOW or numbers["learned"] > 0.2:
        return None
    return Finding(
        "rate_too_small",
        SERIOUS,
        "the step",
        update,
        f"in the layer that moves most, a step changes weights by {update:.1g} of their size.",
        "a larger rate: about 0.001 of the weights a step is usual.",
        "11_descent.ipynb",
    )


def redundant_bias(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Biases whose gradient cancels, since what follows subtracts the mean."""
    rows = table[table["bias_cancels"] < CANCELS] if len(table) else table
    if not len(rows):
        return None
    worst = rows["bias_cancels"].max()
    return Finding(
        "redundant_bias",
        REMARK,
        _names(rows),
        worst,
        f"the biases' gradients cancel to {worst:.1g} of their parts: what follows takes the "
        "mean away.",
        "bias=False before batch norm; it has a shift of its own.",
        "07_batch_norm.ipynb",
    )


def one_sign(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Units whose weights all move up, or all move down, in one update."""
    rows = table[~table["first"] & (table["one_sign"] > 0.5)] if len(table) else table
    if not len(rows):
        return None
    share = rows["one_sign"].max()
    return Finding(
        "one_sign",
        REMARK,
        _names(rows),
        share,
        f"in a minibatch's update {share:.0%} of the units move all their weights one way: "
        "what they are given is far from centred.",
        "an activation with mean near 0 (tanh, a centred one), or normalisation.",
        "02_zero_centring.ipynb",
    )


def unused(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Parameters that do not enter the loss."""
    count = numbers["unused"]
    if not count > 0:
        return None
    return Finding(
        "unused",
        REMARK,
        "parameters",
        count,
        f"{count:.0f} trainable parameter tensors do not enter the loss at all.",
        "look for a layer that forward() forgets, or a detach().",
        "09_what_is_averaged.ipynb",
    )


RULES: tuple[Callable[[pd.DataFrame, Numbers], Finding | None], ...] = (
    inputs_scale, inputs_centre, symmetry, saturated, dead, exploding, vanishing,
    disagreement, evaluation_gap, rate_too_large, rate_too_small, redundant_bias, one_sign, unused,
)  # fmt: skip
KINDS = tuple(rule.__name__ for rule in RULES)
