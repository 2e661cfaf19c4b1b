"""The figure of the curves: scores against noise, and against the amount of fMRI."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mindvideo.figures.layout import LINE, empty_figure, legend_below, wrap
from mindvideo.figures.style import CONDITIONS, SIZE, style

PANELS = {
    "identification_frame": "identification, image",
    "kind_accuracy": "kind accuracy",
    "scene_accuracy": "scene accuracy",
    "frame_top5": "frame in the top 5",
}
"""Metrics, a row each, with the labels of their axes."""
WIDTH, ROW = 5.6, 1.75  # [inch]


class Look(NamedTuple):
    """How the points of a model are marked."""

    label: str
    colour: str
    marker: str


LOOKS = {
    "MinD-Video": Look("MinD-Video (last row: its encoder)", CONDITIONS["reconstruction"], "o"),
    "linear": Look("linear (last row: ridge regression)", CONDITIONS["baseline"], "s"),
}
DODGE = 0.012
"""Distance of the models from the place of their point, as a fraction of the axis: intervals then
do not hide each other."""


def draw_curves(table: pd.DataFrame, snr: float, segments: int) -> Figure:
    """Draw a column of panels for each way in which the points differ.

    Parameters
    ----------
    table : DataFrame
        One row for each point, model and metric, as :mod:`benchmarks.curves` writes them.
    snr, segments : float, int
        The point that both columns have: the noise varies with as many segments, the number of
        segments with this signal-to-noise ratio.
    """
    noise = table[table["segments"] == segments]
    amount = table[table["snr"] == snr]
    scored = table[table["metric"].isin(PANELS)]
    with style():
        if not len(scored):
            return empty_figure("No point is measured.")
        figure = Figure(figsize=(WIDTH, 0.9 + ROW * len(PANELS)), layout="constrained")
        grid = figure.subplots(len(PANELS), 2, squeeze=False, sharey="row", sharex="col")
        subject, split, n = scored[["subject", "split", "n_clips"]].iloc[0]
        figure.suptitle(
            f"Subject {subject}, {n:.0f} {split} clips", x=0.01, ha="left", fontsize=SIZE
        )
        minutes = (amount["minutes"] / amount["segments"]).max()
        columns = (
            (
                noise,
                "held_out_r",
                f"Noise ({segments} segments)",
                "median r of the selected voxels, in segments left out of the selection",
            ),
            (
                amount,
                "segments",
                f"Amount of data (SNR {snr:g})",
                f"training segments, {minutes:.1f} min of fMRI each",
            ),
        )
        entries: dict[str, Any] = {}
        for axes, (rows, x, title, label) in zip(grid.T, columns):
            axes[0].set_title("\n".join(wrap(title, WIDTH / 2 - 0.6, weight="bold")))
            axes[-1].set_xlabel("\n".join(wrap(label, WIDTH / 2 - 0.4)))
            axes[-1].set_xlim(0, 1.08 * rows[x].max())
            if x == "segments":
                axes[-1].set_xticks(sorted(rows[x].unique()))
            for axis, metric in zip(axes, PANELS):
                entries |= _panel(axis, rows[rows["metric"] == metric], x)
        for axis, label in zip(grid[:, 0], PANELS.values()):
            axis.set_ylabel("\n".join(wrap(label, ROW - 2 * LINE * SIZE)))
        legend_below(figure, entries)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, x: str) -> dict[str, Any]:
    """Plot the models' values with their intervals, and the levels of chance."""
    entries: dict[str, Any] = {}
    span = 1.08 * rows[x].max()
    for side, (model, look) in zip((-1, 1), LOOKS.items()):
        of_model = rows[rows["model"] == model].sort_values(x)
        ends = [of_model["value"] - of_model["ci_low"], of_model["ci_high"] - of_model["value"]]
        entries[look.label] = axis.errorbar(
            of_model[x] + side * DODGE * span,
            of_model["value"],
            yerr=[end.clip(lower=0) for end in ends],
            color=look.colour,
            marker=look.marker,
            ms=4.5,
            lw=1.4,
            elinewidth=1,
            capsize=2,
        )
    for chance in rows["chance"].dropna().unique():
        entries["chance"] = axis.axhline(chance, color=CONDITIONS["chance"], ls="--", lw=1)
    axis.set_ylim(0, 1.03)
    return entries
