"""Claims, maps of validity, bets and checks: what they accept, and what they must refuse."""

import dataclasses
import json
import math
import os
import random
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

import course_utils as cu
from course_utils import bets, claims, exercises, plots, validity
from course_utils.maps.common import Measure

BASE = {
    "statement": "One is one.", "source": "arithmetic", "predicted": 1.0, "measured": [0.9, 1.1],
    "tolerance": 0.0, "relation": "equal", "expected": True,
}  # fmt: skip


def judge(**changes):
    return claims.judge("ch02-one", **{**BASE, **changes})


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({"measured": [0.9, 1.1], "tolerance": 1e-9}, True),
        ({"measured": [1.2, 1.2], "tolerance": 0.1}, False),
        ({"measured": [-1.0, -1.0], "tolerance": 0.1}, False),  # the sign counts
        ({"relation": "at_most", "measured": [0.2]}, True),
        ({"relation": "at_most", "measured": [1.2]}, False),
        ({"relation": "at_least", "measured": [1.2]}, True),
        ({"relation": "at_least", "measured": [0.8]}, False),
        ({"relation": "between", "predicted": (1, 2), "measured": [1.5]}, True),
        ({"relation": "between", "predicted": (1, 2), "measured": [2.5]}, False),
        ({"measured": [1.0, math.nan]}, False),
        ({"relation": "at_least", "measured": [math.inf]}, False),
    ],
)
def test_a_claim_holds_when_its_relation_does(changes, holds):
    record = judge(**changes)
    assert record["holds"] is holds
    json.dumps(record, allow_nan=False)  # can be stored


def test_numpy_numbers_make_a_claim_that_can_be_stored():
    record = judge(predicted=np.float64(1), measured=np.array([1.0]), tolerance=np.float64(0.1))
    assert json.loads(json.dumps(record)) == record and record["holds"] is True


def test_a_claims_record_is_mean_and_standard_deviation_over_seeds():
    record = judge(measured=[1.0, 2.0, 6.0])
    assert (record["measured"], record["spread"], record["seeds"]) == (3.0, 2.646, 3)


def test_a_claim_displays_its_record_and_one_line(monkeypatch):
    shown = []
    monkeypatch.setattr(claims, "display", lambda data, raw: shown.append(data))
    cu.claim(
        "ch02-said",
        "All swans are white.",
        source="hearsay",
        predicted=1.0,
        measured=[0.5],
        expected=False,
    )
    record, line = shown[0][claims.CLAIM_MIME], shown[0]["text/plain"]
    assert record["holds"] is False and record["expected"] is False
    assert line.startswith("Widely repeated; does not hold (ch02-said)") and "\n" not in line


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measured": []}, "at least one measurement"),
        ({"tolerance": -1}, "at least 0 and finite, got -1"),
        ({"relation": "about"}, "got 'about'"),
        ({"predicted": (0, 1)}, "a number otherwise"),
        ({"relation": "between"}, "must be a pair"),
        ({"relation": "between", "predicted": (2, 1)}, "in order"),
        ({"predicted": math.nan}, "finite"),
        ({"statement": "No full stop"}, "full stop"),
    ],
)
def test_a_claim_that_says_nothing_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        judge(**changes)


def test_a_claims_id_names_its_chapter():
    with pytest.raises(ValueError, match="looks like"):
        claims.judge("zigzag", **BASE)


def test_the_map_is_theory_and_measurement_point_by_point():
    table = cu.validity_map("ch02-one-sign-map", cu.seeds(4))
    assert (table["measured"] - table["predicted"]).abs().max() < 0.06
    chart = cu.the_map("ch02-one-sign-map")
    assert set(zip(table["mean"], table["batch"], strict=True)) == {
        (x, y) for x in chart.x.values for y in chart.y.values
    }
    assert table["holds"].any() and not table["holds"].all()


def test_a_measure_is_taken_once_and_what_is_taken_in_halves_is_kept():
    asked = []

    def measured(seed, **setting):
        asked.append((seed, setting))
        return seed + setting["depth"] / setting["gain"]

    measure = Measure(measured)
    assert measure(1, depth=3, gain=2.0) == measure(1, gain=2.0, depth=3) == 2.5
    assert asked == [(1, {"depth": 3, "gain": 2.0})]
    points = [{"depth": 3, "gain": 2.0}, {"depth": 4, "gain": 1.0}]
    measure.take([1, 5, 9], points)
    asked.clear()
    assert [[measure(seed, **at) for at in points] for seed in (1, 5, 9)] == [
        [2.5, 5.0],
        [6.5, 9.0],
        [10.5, 13.0],
    ]
    assert measure(5, gain=4.0, depth=2) == 5.5
    assert asked == [(5, {"gain": 4.0, "depth": 2})]


def test_the_halves_of_a_map_are_as_many_points_also_with_an_odd_number_of_seeds(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    measure = Measure(lambda seed, depth: os.getpid())
    points = [{"depth": depth} for depth in range(4)]
    measure.take([1, 5, 9], points)
    where = [measure(seed, **at) for seed in (1, 5, 9) for at in points]
    if sys.platform == "linux":  # elsewhere nothing is forked
        assert len(set(where[:6])) == len(set(where[6:])) == 1 and where[0] != where[6]


def test_a_map_is_measured_in_halves_unless_all_its_seeds_are_trained_together(monkeypatch):
    taken = []
    monkeypatch.setattr(Measure, "take", lambda self, seeds, points: taken.append(seeds))
    cu.validity_map("ch02-one-sign-map", [0, 1])
    chart = dataclasses.replace(cu.the_map("ch02-one-sign-map"), together=True)
    monkeypatch.setitem(validity.MAPS, "together", chart)
    cu.validity_map("together", [0, 1])
    assert taken == [[0, 1]]


def test_submitted_counterexamples_survive_seeds_that_nobody_has_seen():
    first = random.SystemRandom().randrange(10**6, 10**9)
    for claim in validity.MAPS:
        for found in validity.counterexamples(claim):
            assert validity.survives(found, range(first, first + 20)), f"{found}, from seed {first}"


def test_a_counterexample_inside_the_theory_does_not_survive():
    ordinary = {"claim": "ch02-one-sign-map", "finder": "-", "setting": {"mean": 1.2, "batch": 1}}
    assert not validity.survives(ordinary, range(20))


def test_a_broken_counterexample_is_named(tmp_path):
    (tmp_path / "far.json").write_text(
        '{"claim": "ch02-one-sign-map", "finder": "Ada", "setting": {"mean": 99, "batch": 1}}'
    )
    with pytest.raises(
        ValueError, match=r"far.json is not a counterexample: mean must be from 0 to 8, got 99"
    ):
        validity.counterexamples("ch02-one-sign-map", tmp_path)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"mean": 1}, "needs a value for batch"),
        ({"mean": "2", "batch": 1}, "mean must be a number, got '2'"),
        ({"mean": 1, "batch": 1, "sure": "80%"}, "80 % is 0.8"),
        (
            {"mean": 1, "batch": 1, "depth": 3},
            "no setting 'depth' here; there are batch, errors, inputs, mean",
        ),
        ({"mean": 1, "batch": 2.5}, "whole number, got 2.5"),
        ({"mean": 1, "batch": 1, "inputs": "odd"}, "got 'odd'"),
        ({"mean": 1, "batch": 1, "sure": 2}, "from 0 to 1 .80 % is 0.8., got 2"),
    ],
)
def test_break_it_says_what_it_needs(setting, message):
    with pytest.raises(ValueError, match=message):
        cu.break_it("ch02-one-sign-map", **setting)
    with pytest.raises(ValueError, match="there are maps for ch01-linear-map"):
        cu.break_it("ch02-nothing", **setting)


@pytest.mark.parametrize(("claim", "of_the_map"), [("ch02-one-sign-map", 5), ("few", 3)])
def test_a_bet_is_on_seeds_that_the_map_does_not_have(monkeypatch, claim, of_the_map):
    asked = []
    own = cu.the_map("ch02-one-sign-map")

    def measured(seed, **setting):
        asked.append(seed)
        return own.measure(seed, **setting)

    few = {} if of_the_map == 5 else {"seeds": of_the_map}
    # Together: in this process, which sees what is asked.
    chart = dataclasses.replace(own, claim=claim, measure=measured, together=True, **few)
    monkeypatch.setitem(validity.MAPS, claim, chart)
    cu.break_it(claim, mean=5, batch=1)
    bet, drawn = asked[:20], set(asked[20:])
    assert len(set(bet)) == 20
    assert drawn == set(cu.seeds(of_the_map))
    assert not drawn & set(bet)


def test_a_bet_says_the_same_in_two_processes_and_in_one(monkeypatch, capsys):
    said = []
    for together in (False, True):
        chart = dataclasses.replace(cu.the_map("ch02-one-sign-map"), together=together)
        monkeypatch.setitem(validity.MAPS, "ch02-one-sign-map", chart)
        cu.break_it("ch02-one-sign-map", mean=1, batch=3)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "over 20 seeds" in said[0]


def test_break_it_keeps_a_scored_bet(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bets, "show", lambda figure, alt: plt.close(figure))
    cu.break_it("ch02-one-sign-map", mean=5, batch=1)
    assert not bets.BETS.exists()  # without a bet nothing is written
    cu.break_it("ch02-one-sign-map", mean=5, batch=1, sure=0.9)
    cu.break_it("ch02-one-sign-map", mean=0, batch=1, sure=0.4)
    assert [bet["holds"] for bet in cu.load_bets()] == [True, False]
    assert cu.brier_score(cu.load_bets()) == pytest.approx((0.1**2 + 0.4**2) / 2)
    assert "Your mean over 2 bets (Brier score) is 0.085" in capsys.readouterr().out
    bets.BETS.write_text('{"claim": 1}\n')
    with pytest.raises(ValueError, match="line 1 is not a bet"):
        cu.load_bets()


def test_plots_are_functions_of_their_table():
    table = pd.DataFrame(
        {"n": [1, 2], "predicted": [3.0, 4.0], "measured": [3.5, 4.5], "spread": [0.1, 0.1]}
    )
    axes = plots.predicted_and_measured(table, "n")
    drawn = [line.get_ydata().tolist() for line in axes.lines]
    assert [3.0, 4.0] in drawn and [3.5, 4.5] in drawn
    with pytest.raises(ValueError, match=r"needs the column\(s\) \['spread'\]"):
        plots.predicted_and_measured(table.drop(columns="spread"), "n")
    with pytest.raises(ValueError, match="unknown colour 'red'; known are blue"):
        plots.predicted_and_measured(table, "n", colour="red")
    with pytest.raises(ValueError, match="no rows"):
        plots.predicted_and_measured(table[:0], "n")
    with pytest.raises(ValueError, match=r"got \(3, 3\)"):
        plots.path(torch.zeros(3, 3))
    with pytest.raises(ValueError, match=r"\(2, 2\), got \(3, 3\)"):
        plots.valley(torch.eye(3), (0, 0), ax=axes)
    plt.close("all")


def test_start_sets_the_style_and_says_the_versions():
    assert torch.__version__.split("+")[0] in cu.start()
    assert plt.rcParams["axes.spines.top"] is False


WRONG_ANSWERS = {
    "ch02-ex1": [
        (lambda d, x, r: r * (d[:, None] * x).mean(0), "climbs"),
        (lambda d, x, r: -r * (d[:, None] * x).sum(0), "sum of the losses"),
        (lambda d, x, r: -r * d.mean() * x.mean(0), "follow one weight"),
        (lambda d, x, r: -r * d, "three updates"),
        (lambda d, x, r: -0.3 * (d[:, None] * x).mean(0), "does not depend on the learning rate"),
        (torch.zeros(3), "give the function itself"),
    ],
    "ch02-ex2": [
        (lambda m, n: torch.special.ndtr(torch.tensor(m)) ** n, "count both signs"),
        (lambda m, n: 1.0, "counting gives"),
    ],
    "ch02-ex3": [
        (lambda a, b: (a - a.mean(0), b - b.mean(0)), "does not know the test set"),
        (lambda a, b: (a - a.mean(), b - a.mean()), "still has a mean"),
        (lambda a, b: (a.sub_(a.mean(0)), b), "changed the tensors"),
        (lambda a, b: (a - a.mean(0), b - 1), "same amounts"),
        (lambda a, b: a - a.mean(0), "two tensors"),
        (lambda a, b: ((a - a.mean(0)) / a.std(0), b - a.mean(0)), "do not stretch"),
    ],
    "ch02-ex4": [
        (([1.0, -1.0], [[3.0, 1.0], [1.0, 3.0]]), "north-west"),
        (([1.0, 1.0], [[3.0, 1.0], [1.0, 3.0]]), "weights change by"),
        (([1.0, math.nan], [[3.0, 1.0], [1.0, 3.0]]), "there is a nan"),
        (([1.0, math.inf], [[3.0, 1.0], [1.0, 3.0]]), "finite numbers"),
        (([-1.0, 1.0], [[3.0, -1.0], [1.0, 3.0]]), "must be positive"),
        (([-1.0], [[3.0, 1.0], [1.0, 3.0]]), "shape"),
        ([1.0], "give a pair"),  # a list of two would do
    ],
    "ch02-ex5": [
        (lambda x: 1 / torch.linalg.eigvalsh(x.T @ x / len(x))[-1], "still stable"),
        (lambda x: 2 / torch.linalg.eigvalsh(torch.cov(x.T))[-1], "diverges"),
        (lambda x: 2 / torch.linalg.eigvalsh(x.T @ x)[-1], "still stable"),
        (lambda x: 3 / torch.linalg.eigvalsh(x.T @ x / len(x))[-1], "diverges"),
        (lambda x: -1, "more than 0"),
    ],
}


# Those of other chapters stand in tests of their own.
@pytest.mark.parametrize("id", [id for id in exercises.CHECKS if id.startswith("ch02")])
def test_a_wrong_answer_gets_a_hint_and_an_untouched_stub_none(id):
    assert WRONG_ANSWERS[id]
    for answer, hint in WRONG_ANSWERS[id]:
        result = exercises.judge(id, answer)
        assert result.attempted and not result.passed and hint in result.hint
    untouched = exercises.judge(id, lambda *arguments: None if id != "ch02-ex4" else ...)
    if id != "ch02-ex4":
        assert not untouched.attempted and not untouched.passed
    assert not exercises.judge(id, ...).attempted


def test_code_that_raises_is_an_attempt_with_the_error_as_hint():
    result = exercises.judge("ch02-ex2", lambda mean, weights: 1 / 0)
    assert result.attempted and not result.passed and "ZeroDivisionError" in result.hint
    with pytest.raises(ValueError, match="no exercise"):
        exercises.judge("ch99-ex1", ...)
