"""Curves of trainings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from mindvideo.figures.style import BLUE, ORANGE, SOFT, style


def draw_training(histories: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw a panel a training: its loss at each step, and a running mean.

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
            finite = np.isfinite(losses)
            steps, losses = steps[finite], losses[finite]
            axis.set_title(title)
            if not len(losses):
                axis.text(0.5, 0.5, "no steps", transform=axis.transAxes, ha="center", color=SOFT)
                continue
            smooth = running_mean(losses, max(1, len(losses) // 20))
            axis.plot(steps, losses, color=BLUE, alpha=0.35, lw=0.8)
            axis.plot(steps, smooth, color=BLUE, lw=1.6)
            low, high = losses.min(), np.quantile(losses, 0.99)
            margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
            axis.set_ylim(low - margin, max(high, smooth.max()) + margin)
            axis.plot(steps[-1], smooth[-1], "o", ms=4, color=ORANGE)
            axis.annotate(
                f"{smooth[-1]:.3g}",
                (steps[-1], smooth[-1]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="right",
                color=ORANGE,
            )
            axis.set_xlabel("step")
        for row in axes:
            row[0].set_ylabel("loss")
    return figure


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Average each value with up to `width` − 1 before it."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=float)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)
