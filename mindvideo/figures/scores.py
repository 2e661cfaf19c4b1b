"""Distributions of scores, their courses along the films, and bars next to other methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mindvideo.figures.layout import (
    LINE,
    empty_figure,
    legend_below,
    legends_above,
    panel_grid,
    starts_row,
    text_width,
    wrap,
)
from mindvideo.figures.style import (
    CONDITIONS,
    INK,
    SIZE,
    SMALL,
    metric_axis,
    metric_label,
    style,
)

Level = tuple[str, float]
"""What a score is compared with: "chance" or "null", and its value (NaN: nothing)."""
NO_SCORES = "No clip has a score."


def draw_distributions(scores: Mapping[str, np.ndarray], levels: Mapping[str, Level]) -> Figure:
    """Draw a histogram of the clips' scores for each metric: its mean and the level of chance.

    Parameters
    ----------
    scores : mapping of str to ndarray, (n_clips,)
        By metric; NaN where a clip has none. A metric without any has no panel.
    levels : mapping of str to (name, value)
        By metric.
    """
    finite = {name: values[np.isfinite(values)] for name, values in scores.items()}
    panels = {name: values for name, values in finite.items() if len(values)}
    width = 2.7  # [inch]
    with style():
        if not panels:
            return empty_figure(NO_SCORES)
        figure, axes = panel_grid(len(panels), 4, width, 2.2)
        for axis, (name, values) in zip(axes, panels.items()):
            axis.set_title(metric_label(name))
            axis.hist(values, bins=24, color=CONDITIONS["reconstruction"], alpha=0.5)
            axis.axvline(values.mean(), color=INK, lw=1.6, label=f"mean {values.mean():.3g}")
            _level(axis.axvline, levels.get(name))
            axis.set_xlabel(f"score{metric_axis(name).removeprefix(metric_label(name))}")
            axis.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
            if starts_row(axis):
                axis.set_ylabel("clips")
        legends_above(axes, width - 0.6)
    return figure


def draw_time_courses(
    scores: Mapping[str, Mapping[str, np.ndarray]], levels: Mapping[str, Level], *, tr: float
) -> Figure:
    """Draw scores along the films: a row for each metric, a column for each segment.

    Parameters
    ----------
    scores : mapping of str to mapping of str to ndarray, (n_clips,)
        By metric and segment, in the order of the columns. A metric without any score has no row.
    levels : mapping of str to (name, value)
        By metric.
    tr : float
        Duration of a clip [s].
    """
    rows = {
        name: by_segment
        for name, by_segment in scores.items()
        if any(np.isfinite(values).any() for values in by_segment.values())
    }
    with style():
        if not rows:
            return empty_figure(NO_SCORES)
        segments = list(next(iter(rows.values())))
        column = float(np.clip(14 / len(segments), 1.3, 2.8))  # [inch]
        titles = [wrap(segment, column - 0.35, weight="bold") for segment in segments]
        names = {name: wrap(metric_axis(name), 1.1, SMALL) for name in rows}
        left = 0.6 + LINE * SMALL * max(map(len, names.values()))
        top = 0.7 + LINE * SIZE * max(map(len, titles))
        size = (left + column * len(segments), top + 1.3 * len(rows))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(rows), len(segments), squeeze=False, sharey="row", sharex=True)
        for axis, title in zip(axes[0], titles):
            axis.set_title("\n".join(title))
        for axis in axes[-1]:
            axis.set_xlabel("time [min]")
            axis.xaxis.set_major_locator(MaxNLocator(nbins=4))
        entries: dict[str, Any] = {}
        colour = CONDITIONS["reconstruction"]
        for row, (name, by_segment) in zip(axes, rows.items()):
            row[0].set_ylabel("\n".join(names[name]), fontsize=SMALL)
            for axis, values in zip(row, by_segment.values()):
                minutes = np.arange(len(values)) * tr / 60
                thin, thick = {"alpha": 0.5, "lw": 0.8}, {"lw": 1.6}
                one = {"marker": "o", "ms": 3} if len(values) < 4 else {}
                (entries["each clip"],) = axis.plot(minutes, values, color=colour, **thin, **one)
                (entries["mean of five clips"],) = axis.plot(
                    minutes, _smooth(values), color=colour, **thick
                )
                if line := _level(axis.axhline, levels.get(name)):
                    entries["chance, or the mean of the null distribution"] = line
        legend_below(figure, entries)
    return figure


def draw_bars(
    panels: Mapping[str, Sequence[tuple[str, float, float, float]]], label: str
) -> Figure:
    """Draw bars next to those of other methods, as the paper's Fig. 6.

    Parameters
    ----------
    panels : mapping of str to sequence of (name, value, low, high)
        By title. `low` and `high` end the interval; NaN where a value was published without: such
        bars are pale.
    label : str
        Of the axis.
    """
    size = (7.2, 0.0)
    bars_of = {title: list(bars) for title, bars in panels.items() if bars}
    with style():
        if not bars_of:
            return empty_figure("No method has a value.")
        names = {t: [wrap(name, 2.4, SMALL) for name, *_ in bars] for t, bars in bars_of.items()}
        titles = [wrap(title, size[0] - 2.8, weight="bold") for title in bars_of]
        rows = [sum(max(0.3, LINE * SMALL * len(n) + 0.08) for n in ns) for ns in names.values()]
        height = sum(rows) + sum(LINE * SIZE * len(t) + 0.2 for t in titles) + 0.9
        figure = Figure(figsize=(size[0], height), layout="constrained")
        axes = figure.subplots(len(rows), 1, squeeze=False, sharex=True, height_ratios=rows)[:, 0]
        entries: dict[str, Any] = {}
        for axis, title, (key, bars) in zip(axes, titles, bars_of.items()):
            axis.set_title("\n".join(title))
            for y, (_, value, low, high) in enumerate(bars):
                measured = bool(np.isfinite(low))
                kind = "reconstruction" if measured else "published"
                bar = axis.barh(y, value, color=CONDITIONS[kind], height=0.7)
                if measured:
                    entries["these reconstructions"] = bar
                    interval = axis.hlines(y, low, high, color=INK, lw=1.4)
                    entries["95% interval"] = interval
                else:
                    entries["published, on the films of Wen et al. (2018)"] = bar
                place = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
                at = (high if measured else value, y)
                axis.annotate(f"{value:.3f}", at, fontsize=SMALL, **place)
            axis.set_yticks(range(len(bars)), ["\n".join(n) for n in names[key]], fontsize=SMALL)
            axis.set_ylim(len(bars) - 0.5, -0.5)
            axis.tick_params(axis="y", length=0)
        ends = [v for bars in bars_of.values() for _, *v in bars]
        room = text_width("0.000", SMALL) / (size[0] - 3.2)  # for the number after the longest bar
        axes[-1].set_xlim(right=float(np.nanmax(ends)) * (1 + 2 * room))
        axes[-1].set_xlabel(label)
        legend_below(figure, entries)
    return figure


def _smooth(values: np.ndarray, width: int = 5) -> np.ndarray:
    """Mean of each score and its neighbours, over those that have one."""
    finite = np.isfinite(values)
    window = np.ones(min(width, len(values)))
    sums = np.convolve(np.where(finite, values, 0), window, mode="same")
    counts = np.convolve(finite, window, mode="same")
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _level(draw: Any, level: Level | None) -> Any:
    if level is None or not np.isfinite(level[1]):
        return None
    label = f"{level[0]} {level[1]:.3g}"
    return draw(level[1], color=CONDITIONS["chance"], lw=1.2, ls="--", label=label)
