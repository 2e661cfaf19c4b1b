"""Training curves, reconstructed patches, retrieval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mindvideo.figures.style import BLUE, INK, ORANGE, SOFT, style


def draw_training(histories: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw a panel for each training run: its loss at each step, and a running mean.

    Parameters
    ----------
    histories : mapping of str to (steps, losses), each (n,)
        By title. Losses that are not finite are left out; all that are there decide the axis but
        for the highest 1%, as the first steps would flatten the rest.
    """
    columns = max(1, min(3, len(histories)))
    n_rows = max(1, -(-len(histories) // columns))
    with style():
        figure = Figure(figsize=(3.3 * columns, 2.2 * n_rows), layout="constrained")
        axes = figure.subplots(n_rows, columns, squeeze=False)
        for axis in axes.flat[len(histories) :]:
            axis.axis("off")
        for axis, (title, (steps, losses)) in zip(axes.flat, histories.items()):
            axis.set_title(title)
            _curve(axis, steps, losses, BLUE)
            axis.set_xlabel("step")
        for row in axes:
            row[0].set_ylabel("loss")
    return figure


def draw_rebuilt(runs: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Draw a row for each run of masked brain modelling: its correlation, and volumes.

    Parameters
    ----------
    runs : mapping of str to (steps (n,), correlations (n,), examples (m, 3, v))
        By title. Examples are volumes, the same with NaN where they were masked, and reconstructed.
        Voxels are in their order, side by side; colours are those of -2.5 … 2.5.
    """
    n = len(runs)
    with style():
        figure = Figure(figsize=(9.5, 2.6 * n), layout="constrained")
        rows = figure.subplots(n, 2, squeeze=False, width_ratios=[1, 2.4])
        for (curve, picture), (title, (steps, values, examples)) in zip(rows, runs.items()):
            curve.set_title(title)
            _curve(curve, steps, values, BLUE)
            curve.set_ylabel("correlation, masked voxels")
            curve.set_xlabel("step")
            picture.set_title("volumes: measured, masked, reconstructed")
            shades = colormaps["RdBu_r"].with_extremes(bad="#d6d9dd")
            gap = np.full((1, examples.shape[2]), np.inf)
            bars = np.concatenate([np.concatenate([example, gap]) for example in examples])[:-1]
            colours = shades((np.ma.masked_invalid(bars) + 2.5) / 5)
            colours[np.isinf(bars)] = 1.0  # white between the examples
            picture.imshow(colours, aspect="auto", interpolation="none")
            picture.set_yticks([])
            picture.set_xlabel("voxel")
            picture.spines[:].set_visible(False)
    return figure


def draw_retrieval(
    batches: Mapping[str, tuple[np.ndarray, np.ndarray]],
    batch_chance: float,
    retrieval: Sequence[tuple[str, float, float, float, float]],
) -> Figure:
    """Draw retrieval within the batches of a training, and among the test clips.

    Parameters
    ----------
    batches : mapping of str to (steps, accuracies), each (n,)
        Top-1 accuracy by modality.
    batch_chance : float
    retrieval : sequence of (label, accuracy, low, high, chance)
        Among the test clips, with the ends of the interval.
    """
    with style():
        figure = Figure(figsize=(9.5, 2.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.set_title("top-1 within a training batch")
        for (name, (steps, accuracies)), colour in zip(batches.items(), (BLUE, ORANGE)):
            _curve(left, steps, accuracies, colour, label=name)
        left.axhline(batch_chance, color=SOFT, ls=":", lw=1)
        left.annotate(
            "chance",
            (1, batch_chance),
            (-2, 2),
            ("axes fraction", "data"),
            "offset points",
            color=SOFT,
            ha="right",
        )
        left.set_ylim(0, 1)
        left.set_xlabel("step")
        if batches:
            left.legend(loc=(0.55, 0.15))
        right.set_title("among the test clips")
        for place, (_, accuracy, low, high, chance) in enumerate(retrieval):
            right.barh(place, accuracy, height=0.6, color=BLUE)
            right.plot([low, high], [place, place], color=INK, lw=1)
            right.plot([chance, chance], [place - 0.4, place + 0.4], color=ORANGE, lw=2)
        right.set_yticks(range(len(retrieval)), [label for label, *_ in retrieval])
        right.invert_yaxis()
        right.set_xlim(0, 1)
        right.set_xlabel("fraction of windows (orange: chance; line: 95% interval)")
    return figure


def _curve(
    axis: Axes, steps: np.ndarray, values: np.ndarray, colour: str, label: str | None = None
) -> None:
    """Plot values and their running mean, whose last value is written beside it."""
    finite = np.isfinite(values)
    steps, values = steps[finite], values[finite]
    if not len(values):
        axis.text(0.5, 0.5, "no steps", transform=axis.transAxes, ha="center", color=SOFT)
        return
    smooth = running_mean(values, max(1, len(values) // 20))
    axis.plot(steps, values, color=colour, alpha=0.35, lw=0.8)
    axis.plot(steps, smooth, color=colour, lw=1.6, label=label)
    low, high = values.min(), np.quantile(values, 0.99)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    axis.set_ylim(low - margin, max(high, smooth.max()) + margin)
    axis.plot(steps[-1], smooth[-1], "o", ms=4, color=colour)
    axis.annotate(
        f"{smooth[-1]:.3g}",
        (steps[-1], smooth[-1]),
        xytext=(0, 6),
        textcoords="offset points",
        ha="right",
        color=colour,
    )


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Average each value with up to `width` − 1 before it."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=float)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)
