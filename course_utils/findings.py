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


# Worth mending, and serious. Round numbers, set by hand between the healthy and the broken
# networks of tests/ailments.py; tests/held_out.py has others.
SCALE = (5.0, 30.0)  # spread of the inputs
SHORT = (0.3, 0.05)  # length of the centred inputs
UNEQUAL = (20.0, 100.0)  # largest spread of a feature over the median one
OFF_CENTRE = (1.0, 3.0)  # rms mean over rms spread of the inputs
FLAT = (0.5, 0.7)  # share of a layer's numbers where the activation is flat
DEAD = (0.75, 0.9)  # share of a layer's units; He's layers have up to a half
SIGNALS = {"forward": "signals", "backward": "gradients"}
CHANGE = (1e2, 1e3)  # factor over the whole depth, of a root mean square
SHRINKS = (1 / 30, 1 / 300)  # rms of the first pre-activations over that of the inputs
START = (3.0, 10.0)  # loss over that of outputs 0
SHARE = (1e-2, 1e-3)  # of the rms of pre-activations, what differs between examples
FEWEST = 4  # minibatches without which their agreement says nothing
AGREEMENT = 0.2  # cosine lost against minibatches drawn at random
GAP = (0.2, 0.5)  # share of what was learned that evaluation loses
YOUNG = 30  # minibatches that running statistics have seen: at momentum 0.1, 0.9³⁰ = 4 % is left
WORSE = (0.2, 1.0)  # rise of the loss by a few steps: at their end, and at most
SLOW = (1e-4, 1e-5)  # share of the loss that one step removes, rate·|G|²/loss
STILL = 1e-4  # and update over weight in the layer that moves most
LEARNED = 0.5  # share of the loss of a constant answer that training has removed
CANCELS = 1e-4  # bias's gradient over the sum of its parts' sizes


def thresholds() -> pd.DataFrame:
    """Beyond what a rule says *worth mending*, and *serious*; "share" is one of 1.

    Example:
        >>> float(thresholds().set_index("finding").loc["dead", "serious"])
        0.9
    """
    bars = [
        ("inputs_scale", "spread of the inputs", SCALE),
        ("inputs_scale", "length of the centred inputs, below", SHORT),
        ("inputs_scale", "largest spread over the median one", UNEQUAL),
        ("inputs_centre", "mean over spread", OFF_CENTRE),
        ("first_layer", "√q over rms of the inputs, below", SHRINKS),
        ("saturated", "share where the slope is under 5 %", FLAT),
        ("dead", "share that never fires", DEAD),
        ("exploding, vanishing", "factor over the depth", CHANGE),
        ("vanishing", "share that differs, below", SHARE),
        ("loss_scale", "loss over that of outputs 0", START),
        ("disagreement", "cosine lost by the order", (math.nan, AGREEMENT)),
        ("evaluation_gap", "share of what was learned", GAP),
        ("rate_too_large", "rise of the loss in a few steps", (math.nan, WORSE[0])),
        ("rate_too_small", "share of the loss a step, below", SLOW),
    ]
    rows = [(finding, number, *pair) for finding, number, pair in bars]
    return pd.DataFrame(rows, columns=["finding", "number", "worth mending", "serious"])


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
    """Inputs much too large, too small, of very unequal spreads, or all equal."""
    equal = _equal_inputs(table, numbers)
    if equal is not None:
        return equal
    for _, row in _first(table).iterrows():
        spread, length, unequal = row["input_spread"], row["input_length"], row["input_unequal"]
        degree = max(_degree(spread, SCALE), _degree(length, SHORT) if length > 0 else 0)
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


def _equal_inputs(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    fed = table[table["first"]] if len(table) else table
    if not (len(fed) and fed["constant"].all() and numbers["examples"] > 1):
        return None
    return Finding(
        "inputs_scale",
        SERIOUS,
        _names(fed),
        0.0,
        "the inputs do not differ from one example to the next.",
        "look at what the data loader gives.",
        "02_zero_centring.ipynb",
    )


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


def first_layer(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """A first layer that makes scaled inputs tiny: no trend over the layers shows it."""
    rows = _first(table)
    rows = rows[rows["normalised"] == ""] if len(rows) else rows
    if not len(rows):
        return None
    ratios = rows["rms"] / rows["input_rms"]
    row, ratio = rows.loc[ratios.idxmin()], ratios.min()
    degree = _softened(_degree(ratio, SHRINKS), numbers)
    if not degree:
        return None
    return Finding(
        "first_layer",
        degree,
        row["layer"],
        ratio,
        f"it makes inputs of rms {row['input_rms']:.3g} into pre-activations of "
        f"{row['rms']:.2g}: all later layers work with numbers as small.",
        f"draw its weights larger ({_start(rows)}).",
        "03_variance_growth.ipynb",
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
        f"smaller pre-activations ({_start(rows)}), or normalise them.",
        "04_bad_starts.ipynb",
    )


def _start(rows: pd.DataFrame) -> str:
    """How to draw the weights, unless the biases are what is wrong, or they are so drawn."""
    kind = rows["activation"].mode()
    kind = kind.iloc[0] if len(kind) else ""
    names, words = {
        "relu": ("kaiming", "Kaiming: variance 2/n_in"),
        "tanh": ("glorot orthogonal", "Glorot: variance 2/(n_in + n_out), or orthogonal"),
        "sigmoid": ("", "tanh instead of sigmoid, and Glorot's start"),
    }.get(kind, ("lecun", "variance near 1/n_in"))
    looks = rows["scheme"].mode()
    now = looks.iloc[0] if len(looks) else ""
    if any(name in now for name in names.split()):
        return _biases(rows) or f"the weights look as they should: {now}"
    return ", ".join(part for part in (_biases(rows), words) if part) + (now and f"; now: {now}")


def _biases(rows: pd.DataFrame) -> str:
    """A word on biases that are larger than all that the weights bring, or none."""
    ratio = rows["bias_ratio"].max()
    return f"biases at 0 (now up to {ratio:.2g} × what the weights bring)" if ratio > 5 else ""


def dead(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Units that fire for no example, or are the same for all."""
    if not len(table):
        return None
    rows, share = table[table["feeds"] & (table["dead"] > DEAD[0])], "dead"
    if not len(rows):
        rows, share = table[table["silent"] > DEAD[0]], "silent"
    if not len(rows):
        return None
    worst = rows[share].max()
    return Finding(
        "dead",
        _softened(_degree(worst, DEAD), numbers),
        _names(rows),
        worst,
        f"{worst:.0%} of the units are 0 for every example seen, and get no gradient."
        if share == "dead"
        else f"{worst:.0%} of the units it is given are the same for every example, although "
        "the layer before differs.",
        f"{_biases(rows) or 'biases at 0'}, a smaller rate, or an activation with a slope on "
        "the left (leaky ReLU).",
        "01_activations.ipynb",
    )


def exploding(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Signals or gradients that grow with depth, up to numbers that are none."""
    if not math.isfinite(numbers["loss"]):
        broken = table[~table["finite"]] if len(table) else table
        return Finding(
            "exploding",
            SERIOUS,
            broken["layer"].iloc[0] if len(broken) else "the loss",
            math.inf,
            f"numbers are no longer finite: the loss is {numbers['loss']}"
            + ("." if len(broken) else ", although the numbers in all layers are finite."),
            "look at the layer before: smaller weights, scaled inputs, a smaller rate."
            if len(broken)
            else "look at the loss itself: 0/0, a log of 0, a minibatch without a target?",
            "03_variance_growth.ipynb",
        )
    return _trend("exploding", table, numbers, 1)


def vanishing(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Signals, what distinguishes examples, or gradients that shrink with depth."""
    found = _trend("vanishing", table, numbers, -1)
    if found is None or found.severity < SERIOUS:
        hidden = table[_alike(table)] if len(table) else table
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


def _alike(table: pd.DataFrame) -> pd.Series:
    """Hidden layers that say nearly the same to all; not those that are told the same."""
    return table["feeds"] & (table["varying"] < SHARE[0]) & ~table["constant"]


def _trend(kind: str, table: pd.DataFrame, numbers: Numbers, sign: int) -> Finding | None:
    changes = {way: sign * numbers.get(f"{way}_change", 0.0) for way in SIGNALS}
    way = max(changes, key=lambda way: changes[way])
    worst = max(0.0, changes[way])
    degree = _softened(_degree(10**worst if worst < 300 else math.inf, CHANGE), numbers)
    if not degree:
        return None
    jump = numbers[f"{way}_jump"]  # the row after which most of it happens
    text = f"{SIGNALS[way]} change by a factor of 10^{sign * worst:.1f} over the depth, "
    return Finding(
        kind,
        degree,
        _names(table if math.isnan(jump) else table.iloc[[int(jump)]]),
        10.0 ** (sign * min(worst, 300.0)),
        text + (_steady(numbers, way) if math.isnan(jump) else "most of it in this one layer."),
        f"{_start(table)}; or normalise, or scale residual branches down.",
        "05_glorot_and_kaiming.ipynb" if sign < 0 else "03_variance_growth.ipynb",
    )


def _steady(numbers: Numbers, way: str) -> str:
    """The factor a layer, and the depth at which it would end."""
    depth, lost = numbers[f"{way}_depth"], numbers[f"{way}_lost"]
    end = "be lost in rounding" if lost else "leave float range"
    end = f"; at depth {depth:.0f} they would {end}" if depth < 1e4 else ""
    return f"{numbers[f'{way}_factor']:.3g} a layer{end}."


def loss_scale(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """A network that starts far worse than one whose outputs are all 0."""
    ratio = numbers["loss"] / numbers["loss_zero"] if numbers["loss_zero"] > 0 else math.nan
    degree = _degree(ratio, START)
    if not degree:
        return None
    return Finding(
        "loss_scale",
        degree,
        "the outputs",
        ratio,
        f"the loss is {numbers['loss']:.3g}; outputs of 0 would cost "
        f"{numbers['loss_zero']:.3g}. The outputs are far too large.",
        "smaller weights in the last layer, or in the one before which the table's rms jumps.",
        "03_variance_growth.ipynb",
    )


def disagreement(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Minibatches that agree less than the same examples dealt out at random."""
    given, shuffled = numbers["agreement"], numbers["agreement_shuffled"]
    if numbers["minibatches"] < FEWEST:  # a mean over too few pairs
        return None
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
    young = numbers["tracked"] < YOUNG
    seen = f" The running statistics have seen only {numbers['tracked']:.0f} minibatches."
    return Finding(
        "evaluation_gap",
        REMARK if young else degree,
        "eval() against train()",
        share,
        f"the same examples cost {numbers['loss']:.3g} in training mode and "
        f"{numbers['loss_evaluation']:.3g} in evaluation.{seen if young else ''}",
        "train on and look again."
        if young
        else "check the running statistics: their momentum, how many minibatches they saw, and "
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


def no_gradient(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """A loss that changes with no parameter."""
    if numbers["gradient"] != 0:
        return None
    return Finding(
        "no_gradient",
        SERIOUS,
        "all parameters",
        0.0,
        "the gradient is exactly 0 in all parameters: no rate can help.",
        "look at the outputs and the loss: is the last activation flat there, a unit dead?",
        "01_activations.ipynb",
    )


def rate_too_small(table: pd.DataFrame, numbers: Numbers) -> Finding | None:
    """Steps that would take for ever, in a network that has not learned."""
    fall = numbers["fall"]
    degree = _degree(fall, SLOW) if numbers["update"] < STILL else 0
    if not degree or numbers["learned"] > 0.2:
        return None
    return Finding(
        "rate_too_small",
        degree,
        "the step",
        fall,
        f"a thousand steps like this one lower the loss by {1000 * fall:.1g} of itself; the "
        f"layer that moves most by {numbers['update']:.1g} of its weights each.",
        "multiply the rate by 10 until a few steps are too large, and go one back.",
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
    count, cut = numbers["unused"], numbers["cut"] > 0
    if not count > 0:
        return None
    return Finding(
        "unused",
        SERIOUS if cut else REMARK,
        "parameters",
        count,
        f"no gradient arrives at {count:.0f} trainable parameter tensors"
        + (", although layers that learn are given what they make." if cut else "."),
        "look for a detach(), .data or no_grad() in forward()."
        if cut
        else "look for a layer that forward() or the loss forgets.",
        "09_what_is_averaged.ipynb",
    )


RULES: tuple[Callable[[pd.DataFrame, Numbers], Finding | None], ...] = (
    inputs_scale, inputs_centre, symmetry, first_layer, saturated, dead, exploding, vanishing,
    loss_scale, no_gradient, unused, disagreement, evaluation_gap, rate_too_large, rate_too_small,
    redundant_bias, one_sign,
)  # fmt: skip
KINDS = tuple(rule.__name__ for rule in RULES)
