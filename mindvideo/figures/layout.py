"""Room for text and panels: what stands in a figure is measured, not guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from mindvideo.figures.style import FONT, SIZE, SMALL, SOFT, TINY

LINE = 1.3 / 72
"""Height of a line of text, per point of its size [inch]."""


# --- text -----------------------------------------------------------------------------------------


@lru_cache(4096)
def text_width(text: str, size: float = SIZE, weight: str = "normal") -> float:
    """Measure a line of text [inch]."""
    font = FontProperties(family=FONT, size=size, weight=weight)
    return TextToPath().get_text_width_height_descent(text, font, ismath=False)[0] / 72


def wrap(
    text: str, width: float, size: float = SIZE, *, weight: str = "normal", most: int = 99
) -> list[str]:
    """Break a text into lines that fit.

    Parameters
    ----------
    text : str
        Broken at spaces; a word that does not fit by itself also after "_", "-" and "/", or
        anywhere.
    width : float
        [inch]
    size : float
        [point]
    weight : str
    most : int
        Lines; what is left is cut, and "…" says so.
    """

    def fits(line: str) -> bool:
        return text_width(line.rstrip(" "), size, weight) <= width

    lines = [""]
    for word in re.findall(r"[^ ]+ *", text):
        for part in [word] if fits(word) else _parts(word, fits):
            if lines[-1] and not fits(lines[-1] + part):
                lines.append("")
            lines[-1] += part
    lines = [line.rstrip(" ") for line in lines]
    if len(lines) > most:
        last = lines[most - 1]
        while last and not fits(f"{last}…"):
            last = last[:-1]
        lines = [*lines[: most - 1], f"{last}…"]
    return lines


def _parts(word: str, fits: Callable[[str], bool]) -> list[str]:
    parts = re.findall(r"[^_\-/]+[_\-/]*|[_\-/]+", word)
    return [piece for part in parts for piece in ([part] if fits(part) else part)]


# --- panels ---------------------------------------------------------------------------------------


def even_columns(n: int, around: int) -> int:
    """Count the columns of a grid of `n` panels, so that its last row is as full as can be.

    >>> even_columns(15, around=4), even_columns(5, around=4), even_columns(13, around=4)
    (5, 5, 7)
    """
    if n <= around + 1:
        return max(1, n)
    choices = range(3 * around // 4, 2 * around + 1)
    return min(choices, key=lambda c: (-n % c / c, abs(c - around), -c))


def panel_grid(n: int, around: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Make a figure of `n` panels of this size [inch], row by row."""
    columns = even_columns(n, around)
    rows = max(1, -(-n // columns))
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[n:]:
        axis.remove()
    return figure, list(axes[:n])


def starts_row(axis: Any) -> bool:
    """Whether a panel is the first of its row."""
    return axis.get_subplotspec().is_first_col()


def empty_figure(reason: str) -> Figure:
    """Make a figure that says why it has no panel: a stage writes all its figures."""
    lines = wrap(reason, 4.6)
    figure = Figure(figsize=(5, 0.4 + LINE * SIZE * len(lines)))
    figure.text(0.04, 0.5, "\n".join(lines), color=SOFT, va="center")
    return figure


# --- legends --------------------------------------------------------------------------------------


def legend_columns(labels: Sequence[str], width: float, size: float = SMALL) -> int:
    """Count the columns of a legend that is no wider than `width` [inch]."""
    em = size / 72
    for columns in range(len(labels), 1, -1):
        by_column = np.array_split(np.array(labels, object), columns)  # as matplotlib does
        texts = [max(text_width(text, size) for text in column) for column in by_column]
        # Handles of 2 em, 0.8 em between handle and text, 2 em between columns, and a margin.
        if sum(texts) + (2.8 * columns + 2 * (columns - 1) + 2) * em <= width:
            return columns
    return 1


def legends_above(axes: Sequence[Axes], width: float, size: float = TINY) -> None:
    """Put the legends of panels between their titles and their axes, where they hide nothing.

    Parameters
    ----------
    axes : sequence of Axes
        They get legends of equally many columns.
    width : float
        Of the axes [inch].
    size : float
        [point]
    """
    labels = [axis.get_legend_handles_labels()[1] for axis in axes]
    columns = min(legend_columns(of_axis, width, size) for of_axis in labels)
    rows = max(-(-len(of_axis) // columns) for of_axis in labels)
    for axis in axes:
        axis.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=columns,
            fontsize=size,
            borderaxespad=0.2,
            borderpad=0.2,
            labelspacing=0.2,
        )
        axis.set_title(axis.get_title(loc="left"), pad=1.5 * rows * size + 5)


def legend_below(figure: Any, entries: dict[str, Any]) -> None:
    """Put a legend below all panels, in as many columns as fit the figure.

    Parameters
    ----------
    figure : Figure or SubFigure
    entries : dict of str to Artist
        By label.
    """
    labels, width = list(entries), figure.bbox.width / figure.dpi
    columns = legend_columns(labels, width)
    if columns == 1:
        labels = ["\n".join(wrap(label, width - 4 * SMALL / 72, SMALL)) for label in labels]
    figure.legend(entries.values(), labels, loc="outside lower left", ncols=columns)


def end_labels(
    axis: Axes, labels: Sequence[tuple[float, str, str]], height: float, size: float = SMALL
) -> None:
    """Write a label for each curve to the right of the axes, at the height at which it ends.

    Parameters
    ----------
    axis : Axes
        Its limits are set.
    labels : sequence of (y, text, colour)
    height : float
        Of the axes [inch]: labels that would overlap are moved apart.
    size : float
        [point]
    """
    low, high = axis.get_ylim()
    places = np.array([(y - low) / (high - low) for y, *_ in labels])
    for (_, text, colour), place in zip(labels, spread(places, LINE * size / height)):
        axis.annotate(
            text,
            (1, place),
            xytext=(6, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            color=colour,
            fontsize=size,
            va="center",
            annotation_clip=False,
        )


def spread(places: np.ndarray, gap: float) -> np.ndarray:
    """Move places (n,) apart until neighbours have at least this gap, by as little as possible.

    >>> spread(np.array([0.5, 0.5, 0.9]), 0.2).round(2).tolist()
    [0.4, 0.6, 0.9]
    """
    order = np.argsort(places, kind="stable")
    # Without the gaps, what is left is to make the places increase: pool neighbours that do not.
    steps = gap * np.arange(len(places))
    pools: list[list[float]] = []
    for value in places[order] - steps:
        pools.append([float(value)])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    moved = np.empty(len(places))
    moved[order] = np.array([np.mean(pool) for pool in pools for _ in pool]) + steps
    return moved
