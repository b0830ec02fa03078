"""The start of every chapter: figure style, seed, versions."""

from __future__ import annotations

import platform
from typing import Any

import matplotlib
import torch
from cycler import cycler

VERSION = "0.1.0"

# Okabe and Ito's palette, made to be told apart with any kind of colour vision
# (https://jfly.uni-koeln.de/color/), without its black and its yellow, which is too
# pale for lines on white.
COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
}
STYLE: Any = {
    "axes.prop_cycle": cycler(color=list(COLOURS.values())),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "figure.dpi": 150,  # sharp on a phone, too
    "figure.figsize": (5.6, 3.6),  # text of 10 points is still 8 pixels on a phone
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
}


def start() -> str:
    """Set the course's figure style and torch's global seed; say which versions run.

    The chapters draw from generators of their own (see ``generator``). The global seed is
    for the cells that a learner adds.

    Returns:
        One line with the versions of the course, torch, matplotlib and Python.

    Example:
        >>> start().startswith("course_utils")
        True
    """
    matplotlib.rcParams.update(STYLE)
    torch.manual_seed(0)
    return (
        f"course_utils {VERSION}, torch {torch.__version__.split('+')[0]}, "
        f"matplotlib {matplotlib.__version__}, Python {platform.python_version()}"
    )
