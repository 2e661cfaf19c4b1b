"""Distributions of scores, their time courses along the films, and bars beside other methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mindvideo.figures.style import BLUE, INK, ORANGE, SOFT, metric_label, style

Level = tuple[str, float]
"""What a score is compared with: "chance" or "null", and its value (NaN: nothing)."""


def draw_distributions(
    scores: Mapping[str, np.ndarray], levels: Mapping[str, Level], *, columns: int = 4
) -> Figure:
    """Draw a histogram of the clips' scores for each metric: its mean and the level of chance.

    Parameters
    ----------
    scores : mapping of str to ndarray, (n_clips,)
        By metric; NaN where a clip has none.
    levels : mapping of str to (name, value)
        By metric.
    columns : int
    """
    with style():
        figure, axes = _grid(len(scores), columns, 2.6, 1.9)
        for axis, (name, values) in zip(axes, scores.items()):
            values = values[np.isfinite(values)]
            axis.set_title(metric_label(name))
            axis.set_yticks([])
            if not len(values):
                axis.text(0.5, 0.5, "no scores", transform=axis.transAxes, ha="center", color=SOFT)
                continue
            axis.hist(values, bins=24, color=BLUE, alpha=0.55)
            axis.axvline(values.mean(), color=INK, lw=1.6, label=f"mean {values.mean():.3g}")
            _level(axis.axvline, levels.get(name))
            axis.legend(loc="upper right", fontsize=7, handlelength=1.2)
    return figure


def draw_time_courses(
    scores: Mapping[str, Mapping[str, np.ndarray]], levels: Mapping[str, Level], *, tr: float
) -> Figure:
    """Draw scores along the films: a row for each metric, a column for each segment.

    Parameters
    ----------
    scores : mapping of str to mapping of str to ndarray, (n_clips,)
        By metric and segment, in the order shown.
    levels : mapping of str to (name, value)
        By metric.
    tr : float
        Duration of a clip [s].
    """
    segments = list(next(iter(scores.values()))) if scores else []
    n_rows, n_columns = max(1, len(scores)), max(1, len(segments))
    with style():
        figure = Figure(figsize=(0.6 + 2.6 * n_columns, 0.4 + 1.3 * n_rows), layout="constrained")
        axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey="row", sharex="col")
        for axis, segment in zip(axes[0], segments):
            axis.set_title(segment)
        for axis in axes[-1]:
            axis.set_xlabel("time [min]")
        for row, (name, by_segment) in zip(axes, scores.items()):
            row[0].set_ylabel(metric_label(name), fontsize=8)
            for axis, values in zip(row, by_segment.values()):
                minutes = np.arange(len(values)) * tr / 60
                axis.plot(minutes, values, color=BLUE, alpha=0.5, lw=0.8)
                axis.plot(minutes, _smooth(values), color=BLUE, lw=1.6)
                _level(axis.axhline, levels.get(name))
        if segments:
            legend = (
                "thin: each clip, thick: mean of five, dashed: chance, or the null's mean where "
                "chance has no formula"
            )
            figure.suptitle(legend, x=0, ha="left", fontsize=8, color=SOFT)
    return figure


def draw_bars(
    panels: Mapping[str, Sequence[tuple[str, float, float, float]]], label: str
) -> Figure:
    """Draw bars beside those of other methods, as the paper's Fig. 6.

    Parameters
    ----------
    panels : mapping of str to sequence of (name, value, low, high)
        By title. `low` and `high` end the interval; NaN where a value was published without: such
        bars are pale.
    label : str
        Of the axis.
    """
    n = [max(1, len(bars)) for bars in panels.values()]
    with style():
        figure = Figure(figsize=(1.4 + 0.62 * sum(n) + 0.8 * len(n), 3.4), layout="constrained")
        axes = figure.subplots(1, len(n), squeeze=False, sharey=True, width_ratios=n)[0]
        for axis, (title, bars) in zip(axes, panels.items()):
            axis.set_title(title)
            for x, (_, value, low, high) in enumerate(bars):
                measured = np.isfinite(low)
                axis.bar(x, value, color=ORANGE if measured else "#c9d5df", width=0.7)
                if measured:
                    axis.vlines(x, low, high, color=INK, lw=1.4)
                top = high if measured else value
                label_at = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center"}
                axis.annotate(f"{value:.3f}", (x, top), fontsize=8, **label_at)
            names = [name for name, *_ in bars]
            axis.set_xticks(range(len(bars)), names, rotation=35, ha="right", fontsize=8)
        axes[0].set_ylabel(label)
    return figure


def _smooth(values: np.ndarray, width: int = 5) -> np.ndarray:
    """Mean of each score and its neighbours, over those that have one."""
    finite = np.isfinite(values)
    window = np.ones(min(width, len(values)))
    sums = np.convolve(np.where(finite, values, 0), window, mode="same")
    counts = np.convolve(finite, window, mode="same")
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _level(draw: Any, level: Level | None) -> None:
    if level is not None and np.isfinite(level[1]):
        draw(level[1], color=ORANGE, lw=1.2, ls="--", label=f"{level[0]} {level[1]:.3g}")


def _grid(n: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    columns = max(1, min(columns, n))
    rows = max(1, -(-n // columns))
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[n:]:
        axis.axis("off")
    return figure, axes
