"""Chapter 5: its checks lead, and its map measures what it says."""

import math

import pytest
import torch

import course_utils as cu
from course_utils.maps import glorot_and_kaiming as wedge
from tests.answers import tell_apart


def gains_by_sampling(f, slope):
    z = torch.randn(1_000_000, generator=cu.generator(5), dtype=torch.float64)
    h = f(z)
    return (
        float((h**2).mean()) ** -0.5,
        float(h.var()) ** -0.5,
        float((slope(z) ** 2).mean()) ** -0.5,
    )


def swapped(f, slope):
    forward, _, backward = gains_by_sampling(f, slope)
    return forward, forward, backward


def slope_not_squared(f, slope):
    forward, across, _ = gains_by_sampling(f, slope)
    z = torch.randn(1_000_000, generator=cu.generator(5), dtype=torch.float64)
    return forward, across, 1 / float(slope(z).mean())


WRONG_ANSWERS = {
    "ch05-ex1": [
        (lambda i, o, w: 1 / (w * i + (1 - w) * o), "not a variance"),
        (lambda i, o, w: (w / i + (1 - w) / o) ** 0.5, "Write both factors"),
        (lambda i, o, w: (2 / (i + o)) ** 0.5, "Write both factors"),
        (lambda i, o, w: (w * o + (1 - w) * i) ** -0.5, "Write both factors"),
        (lambda i, o, w: (3 / (w * i + (1 - w) * o)) ** 0.5, "a bound instead of a spread"),
        (lambda i, o, w: 0, "more than 0"),
    ],
    "ch05-ex2": [
        (lambda a, b: 2**0.5, "negative z"),
        (lambda a, b: 2 / (a**2 + b**2), "multiplies the standard deviation"),
        (lambda a, b: (2 / (1 + a**2)) ** 0.5, "negative z"),
        (lambda a, b: 2**0.5 / abs(b - a), "negative z"),
    ],
    "ch05-ex3": [
        (lambda n, g: g / n**0.5, "sum of two independent uniform"),
        (lambda n, g: g * (3 / n) ** 0.5, "sum of two independent uniform"),
        (lambda n, g: 6 * g**2 / n, "Is that a² or a?"),
    ],
    "ch05-ex4": [
        (lambda g, f: math.ceil(math.log(f) / math.log(g**2 / 2)), "the square or the root"),
        (lambda g, f: math.floor(2 * math.log(f) / math.log(g**2 / 2)), "which side"),
        (lambda g, f: math.ceil(math.log(f) / math.log(g / 3)), "root mean square change"),
        (lambda g, f: math.ceil(2 * math.log(f) / math.log(g**2 / 2)), "Is that below it?"),
    ],
    "ch05-ex5": [
        (swapped, "the same for all inputs"),
        (slope_not_squared, "squared gradient"),
        (lambda f, s: gains_by_sampling(f, s)[:2], "three gains are asked for"),
        (lambda f, s: [g**2 for g in gains_by_sampling(f, s)], "A gain is squared"),
    ],
}
RIGHT_ANSWERS = {
    "ch05-ex1": lambda i, o, w: 1 / math.sqrt(w * i + (1 - w) * o),
    "ch05-ex2": lambda a, b: math.sqrt(2) / math.hypot(a, b),
    "ch05-ex3": lambda n, g: g * math.sqrt(6 / n),
    "ch05-ex4": lambda g, f: math.floor(2 * math.log(f) / math.log(g**2 / 2)) + 1,
    "ch05-ex5": gains_by_sampling,
}


@pytest.mark.parametrize("id", list(WRONG_ANSWERS))
def test_answers_are_told_apart(id):
    tell_apart(id, RIGHT_ANSWERS[id], WRONG_ANSWERS[id])


def test_the_boundary_is_where_the_pilot_put_it():
    for depth in (6, 24):
        for edge in (wedge.TOO_SMALL, wedge.TOO_LARGE):
            gain = math.sqrt(2 * math.exp(edge / depth))
            assert wedge.position_in_the_wedge(depth, gain) == pytest.approx(wedge.BEGINS)
    assert wedge.position_in_the_wedge(24, 2**0.5) > wedge.BEGINS + 0.99
    assert wedge.position_in_the_wedge(24, 1.0) < wedge.BEGINS
    assert wedge.position_in_the_wedge(24, 2.4) < wedge.BEGINS


def test_the_wedge_has_an_inside_and_an_outside():
    chart = cu.the_map("ch05-wedge-map")
    falls = {g: chart.measure(3, depth=16, gain=g) for g in (1.0, 1.414, 3.364)}
    assert falls[1.414] > 1
    assert abs(falls[1.0]) < 0.05
    assert falls[3.364] == -1  # diverged


def test_a_gain_measures_the_same_alone_and_among_the_others():
    among = wedge.fall_of_the_loss(4, 6, 1.189)
    (alone,) = wedge._falls(4, 6, (1.189,), "relu", wedge.RATE)
    assert alone == pytest.approx(among, abs=1e-3)


def test_the_choices_change_what_is_measured():
    relu = wedge.fall_of_the_loss(5, 6, 1.05)
    assert wedge.fall_of_the_loss(5, 6, 1.05, activation="tanh") > relu
    assert wedge.fall_of_the_loss(5, 6, 1.05, rate=0.01) > relu
