"""Figures as pure functions of tables: they take axes or make them, and return them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import Tensor

from course_utils.maps.common import ValidityMap
from course_utils.notebook import COLOURS


def _colour(name: str) -> str:
    if name not in COLOURS:
        raise ValueError(f"unknown colour {name!r}; known are {', '.join(COLOURS)}")
    return COLOURS[name]


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots()[1] if ax is None else ax


def need_columns(table: pd.DataFrame, *columns: str) -> None:
    """Raise a clear error if a table lacks a column or has no rows.

    Raises:
        ValueError: naming what is missing and what there is.

    Example:
        >>> need_columns(pd.DataFrame({"x": [1]}), "x")
    """
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"the table needs the column(s) {missing}, it has {list(table)}")
    if table.empty:
        raise ValueError("the table has no rows")


def predicted_and_measured(
    table: pd.DataFrame,
    x: str,
    *,
    ax: Axes | None = None,
    label: str = "",
    colour: str = "blue",
    marker: str = "o",
) -> Axes:
    """Predicted curve and measured points with their spread, on the same axes.

    Args:
        table: columns ``x``, ``predicted``, ``measured``, ``spread`` (standard deviation
            over seeds); a missing prediction (NaN) is left out.
        x: the column for the horizontal axis.
        ax: where to draw; a new figure without it.
        label: what the points are, for the legend.
        colour: a name from ``notebook.COLOURS``.
        marker: matplotlib's name for the points' shape.

    Raises:
        ValueError: if a column is missing or there are no rows.

    Example:
        >>> t = pd.DataFrame({"n": [1, 2], "predicted": 1, "measured": 1, "spread": 0})
        >>> len(predicted_and_measured(t, "n").lines) > 0
        True
    """
    need_columns(table, x, "predicted", "measured", "spread")
    ax = _axes(ax)
    ax.plot(table[x], table["predicted"], color=_colour(colour), zorder=1)
    ax.errorbar(
        table[x],
        table["measured"],
        yerr=table["spread"],
        fmt=marker,
        markersize=5,
        color=_colour(colour),
        label=label,
        capsize=2,
        linewidth=1,
    )
    return ax


def path(points: Tensor, *, ax: Axes | None = None, label: str = "", colour: str = "blue") -> Axes:
    """One path in the plane of two weights, with a dot at each step.

    Args:
        points: shape (steps + 1, 2).
        ax: where to draw.
        label: for the legend.
        colour: a name from ``notebook.COLOURS``.

    Raises:
        ValueError: if the shape does not fit.

    Example:
        >>> import torch
        >>> path(torch.zeros(3, 2)).get_aspect()
        1.0
    """
    if points.dim() != 2 or points.shape[1] != 2:
        raise ValueError(f"points must have shape (steps + 1, 2), got {tuple(points.shape)}")
    ax = _axes(ax)
    ax.plot(
        points[:, 0],
        points[:, 1],
        ".-",
        markersize=4,
        linewidth=1,
        color=_colour(colour),
        label=label,
    )
    ax.set_aspect("equal")
    return ax


def valley(hessian: Tensor, optimum: Sequence[float], *, ax: Axes) -> Axes:
    """Contour lines of ½(w − w*)ᵀH(w − w*) over the limits that the axes have.

    Args:
        hessian: shape (2, 2).
        optimum: w*.
        ax: axes whose limits are set.

    Raises:
        ValueError: if the Hessian is not 2×2.

    Example:
        >>> import torch
        >>> len(valley(torch.eye(2), (0, 0), ax=plt.subplots()[1]).collections)
        1
    """
    if hessian.shape != (2, 2):
        raise ValueError(f"hessian must have shape (2, 2), got {tuple(hessian.shape)}")
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    first, second = np.meshgrid(np.linspace(left, right, 80), np.linspace(low, high, 80))
    offset = np.stack([first - optimum[0], second - optimum[1]], axis=-1)
    loss = 0.5 * np.einsum("yxi,ij,yxj->yx", offset, hessian.numpy(), offset)
    top = np.sqrt(loss.max())
    ax.contour(
        first,
        second,
        np.sqrt(loss),
        levels=np.linspace(0, top, 9)[1:],
        colors="#999999",
        linewidths=0.6,
    )
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
    return ax


def validity_map(table: pd.DataFrame, chart: ValidityMap, *, ax: Axes | None = None) -> Axes:
    """Where a claim holds: measured shares as colours, the predicted boundary as a line.

    Args:
        table: from ``validity.validity_map``.
        chart: the map's description.
        ax: where to draw.

    Raises:
        ValueError: if a column is missing or there are no rows.

    Example:
        >>> from course_utils.validity import MAPS, validity_map as measure
        >>> axes = validity_map(measure("ch02-one-sign-map", [0, 1]), MAPS["ch02-one-sign-map"])
        >>> axes.get_ylabel()
        'batch size B'
    """
    x, y = chart.x, chart.y
    need_columns(table, x.name, y.name, "measured", "predicted", "holds")
    ax = _axes(ax)
    measured = table.pivot(index=y.name, columns=x.name, values="measured")
    predicted = table.pivot(index=y.name, columns=x.name, values="predicted")
    low, high = measured.to_numpy().min(), measured.to_numpy().max()
    middle = chart.threshold  # white is where the claim just holds
    scale = TwoSlopeNorm(middle, vmin=min(low, middle - 0.01), vmax=max(high, middle + 0.01))
    mesh = ax.pcolormesh(
        measured.columns,
        measured.index,
        measured,
        shading="nearest",
        cmap="PuOr_r",
        norm=scale,
        edgecolors="#ffffff",
        linewidth=0.4,
    )
    ax.figure.colorbar(mesh, ax=ax, label=f"measured {chart.quantity}")
    broken = table[~table["holds"]]
    ax.plot(
        broken[x.name],
        broken[y.name],
        "x",
        color="#333333",
        markersize=4,
        label="breaks (measured)",
        path_effects=[withStroke(linewidth=2.5, foreground="#ffffff")],  # on dark violet, too
    )
    ax.contour(
        predicted.columns,
        predicted.index,
        predicted,
        levels=[chart.threshold],
        colors="#000000",
        linewidths=2,
        linestyles="solid",  # matplotlib would dash a negative threshold
    )
    ax.plot([], [], color="#000000", linewidth=2, label=f"{chart.rule}'s boundary")
    if x.logarithmic:
        ax.set_xscale("log", base=2)
        ax.set_xticks(x.values, [f"{value:g}" for value in x.values])
    if y.logarithmic:
        ax.set_yscale("log", base=2)
        ax.set_yticks(y.values, [f"{value:g}" for value in y.values])
    ax.minorticks_off()
    ax.set_xlabel(x.label)
    ax.set_ylabel(y.label)
    return ax


def mark_setting(setting: dict[str, Any], chart: ValidityMap, *, ax: Axes) -> Axes:
    """Put a star on a map: full where the map's assumptions hold, hollow where they do not.

    Args:
        setting: a value for both axes, and choices.
        chart: the map's description.
        ax: axes with the map.

    Example:
        >>> from course_utils.validity import MAPS
        >>> chart = MAPS["ch02-one-sign-map"]
        >>> len(mark_setting({"mean": 1, "batch": 2}, chart, ax=plt.subplots()[1]).lines)
        1
    """
    inside = all(
        setting.get(name, values[0]) == values[0] for name, values in chart.choices.items()
    )
    ax.plot(
        setting[chart.x.name],
        setting[chart.y.name],
        "*",
        markersize=18,
        color="#000000" if inside else "#ffffff",
        markeredgecolor="#ffffff" if inside else "#000000",
        label="your setting" if inside else "your setting, outside the map's assumptions",
    )
    return ax


def mark_counterexamples(found: Sequence[dict[str, Any]], chart: ValidityMap, *, ax: Axes) -> Axes:
    """Put counterexamples on a map, each with its finder's name.

    Args:
        found: from ``validity.counterexamples``.
        chart: the map's description.
        ax: axes with the map.

    Example:
        >>> from course_utils.validity import MAPS
        >>> mark_counterexamples([], MAPS["ch02-one-sign-map"], ax=plt.subplots()[1]).texts
        <Axes.ArtistList of 0 texts>
    """
    for entry in found:
        setting = entry["setting"]
        point = (setting[chart.x.name], setting[chart.y.name])
        ax.plot(*point, "D", color="#ffffff", markeredgecolor="#000000", markersize=7)
        extra = ", ".join(f"{n}: {setting[n]}" for n in chart.choices if n in setting)
        ax.annotate(
            f"counterexample by {entry['finder']}\n({extra})",
            point,
            xytext=(8, 12),
            textcoords="offset points",
            fontsize=8,
            bbox={"facecolor": "#ffffff", "alpha": 0.8, "pad": 1, "edgecolor": "none"},
        )
    return ax


def diagnosis(table: pd.DataFrame) -> Figure:
    """One page for the table of ``cu.diagnose``: what happens from layer to layer.

    From the top: what differs between examples, and the gradients, both on a logarithmic
    scale; shares of saturated activations and of dead units; how far from centred the
    layers' inputs are; and, if a rate was given, the size of a step against the weights.

    Args:
        table: ``Diagnosis.table``.

    Returns:
        A new figure.

    Raises:
        ValueError: if a column is missing or there are no rows.

    Example:
        >>> columns = ["layer", "spread", "gradient", "saturated", "dead", "input_mean", "update"]
        >>> len(diagnosis(pd.DataFrame([["0", 1, 1, 0, 0, 0.1, 0.01]], columns=columns)).axes)
        4
    """
    need_columns(table, "layer", "spread", "gradient", "saturated", "dead", "input_mean", "update")
    steps = bool(np.isfinite(table["update"].to_numpy(dtype=float)).any())
    figure, axes = plt.subplots(3 + steps, figsize=(5.6, 5.4 + 1.6 * steps), sharex=True)
    places = np.arange(1, len(table) + 1)
    _profile_line(axes[0], places, table["spread"], "spread of z over examples", "blue", "o")
    _profile_line(axes[0], places, table["gradient"], "length of ∂L/∂z", "vermilion", "s")
    axes[0].set(yscale="log", title="Signals and gradients, layer by layer", ylabel="size")
    for shift, (column, colour) in enumerate((("saturated", "orange"), ("dead", "purple"))):
        height = table[column].to_numpy(dtype=float)
        if (height > 0).any():  # nothing to see is nothing for the legend
            axes[1].bar(places + 0.4 * shift - 0.2, height, 0.4, label=f"{column} share",
                        color=_colour(colour))  # fmt: skip
    axes[1].set(ylim=(0, 1), title="Saturated activations and dead units", ylabel="share")
    _profile_line(axes[2], places, table["input_mean"], "mean/spread of its inputs", "green", "o")
    axes[2].axhline(1, color="grey", linewidth=0.8)
    axes[2].set(yscale="log", title="How far from centred a layer's inputs are", ylabel="ratio")
    if steps:
        _profile_line(axes[3], places, table["update"], "step/weights", "sky", "o")
        axes[3].set(yscale="log", title="One step against the weights", ylabel="ratio")
    axes[-1].set_xlabel("layer, from the inputs to the outputs")
    if len(table) <= 8:
        axes[-1].set_xticks(places, table["layer"], rotation=20)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _profile_line(
    ax: Axes, places: np.ndarray, values: pd.Series, label: str, colour: str, marker: str
) -> None:
    """Numbers by layer on a logarithmic scale: what is not more than 0 is left out."""
    heights = values.to_numpy(dtype=float)
    heights = np.where(np.isfinite(heights) & (heights > 0), heights, np.nan)
    ax.plot(places, heights, marker=marker, color=_colour(colour), label=label, markersize=4)
