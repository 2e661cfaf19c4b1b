"""Training curves, reconstructed patches, retrieval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mindvideo.figures.layout import (
    empty_figure,
    end_labels,
    legend_below,
    panel_grid,
    starts_row,
    wrap,
)
from mindvideo.figures.style import (
    CONDITIONS,
    INK,
    MODALITIES,
    SIZE,
    TINY,
    style,
)

Curve = tuple[np.ndarray, np.ndarray]
"""Steps and values, each (n,)."""
CURVE, VALIDATION = CONDITIONS["reconstruction"], CONDITIONS["control"]
NO_STEPS = "No training run has recorded a step."
RANGE = 2.5  # of the colours of volumes [SD]


def draw_training(
    histories: Mapping[str, Curve], validation: Mapping[str, Curve] | None = None
) -> Figure:
    """Draw a panel for each training run: its loss at each step, and a running mean.

    Parameters
    ----------
    histories : mapping of str to (steps, losses), each (n,)
        By title. Losses that are not finite are left out, and so is a run without any; all that
        are there decide the axis but for the highest 1%, as the first steps would flatten the rest.
    validation : mapping of str to (steps, losses), optional
        Of the titles that have losses on validation segments.
    """
    curves = {title: c for title, curve in histories.items() if len((c := _finite(curve))[0])}
    width, height = 2.8, 2.2  # [inch]
    with style():
        if not curves:
            return empty_figure(NO_STEPS)
        figure, axes = panel_grid(len(curves), 3, width, height)
        for axis, (title, curve) in zip(axes, curves.items()):
            axis.set_title("\n".join(wrap(title, width - 0.9, weight="bold")))
            losses = {"": (curve, CURVE)}
            held_out = _finite((validation or {}).get(title, (curve[0][:0], curve[1][:0])))
            if len(held_out[0]):
                losses = {"training": (curve, CURVE), "validation": (held_out, VALIDATION)}
            _curves(axis, losses, height - 0.8)
            if starts_row(axis):
                axis.set_ylabel("loss")
    return figure


def draw_rebuilt(runs: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Draw a row for each run of masked brain modelling: its correlation, and volumes.

    Parameters
    ----------
    runs : mapping of str to (steps (n,), correlations (n,), examples (m, 3, v))
        By title. Examples are z-scored volumes, the same with NaN where they were masked, and
        reconstructed. Voxels are in their order, side by side.
    """
    if not runs:
        with style():
            return empty_figure(NO_STEPS)
    height = 0.8 + max(0.145 * 4 * len(examples) for *_, examples in runs.values())  # [inch]
    with style():
        figure = Figure(figsize=(10.5, height * len(runs)), layout="constrained")
        rows = figure.subplots(len(runs), 2, squeeze=False, width_ratios=[1, 2.4])
        for (curve, picture), (title, (steps, values, examples)) in zip(rows, runs.items()):
            curve.set_title("\n".join(wrap(title, 2.4, weight="bold")))
            finite = _finite((steps, values))
            if len(finite[0]):
                _curves(curve, {"": (finite, CURVE)}, height - 0.8)
            curve.set_ylabel("correlation, masked voxels")
            picture.set_title("Volumes")
            _volumes(picture, examples)
        shades = ScalarMappable(Normalize(-RANGE, RANGE), "RdBu_r")
        bar = figure.colorbar(shades, ax=rows[:, 1], shrink=0.8, pad=0.01, aspect=25, extend="both")
        bar.set_label("z-score")
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def _volumes(axis: Axes, examples: np.ndarray) -> None:
    """Paint examples (m, 3, v) as rows of colours, with white between them."""
    shades = colormaps["RdBu_r"].with_extremes(bad="#d6d9dd")
    gap = np.full((1, examples.shape[2]), np.inf)
    bars = np.concatenate([np.concatenate([example, gap]) for example in examples])[:-1]
    colours = shades((np.ma.masked_invalid(bars) + RANGE) / (2 * RANGE))
    colours[np.isinf(bars)] = 1.0
    # Few rows, stretched: where the viewer of a PDF scales them, it blurs them.
    axis.imshow(colours, aspect="auto", interpolation="nearest")
    places = [n for n in range(len(bars)) if n % 4 < 3]
    names = ["measured", "masked", "reconstructed"] * len(examples)
    axis.set_yticks(places, names, fontsize=TINY)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("voxel")
    axis.spines[:].set_visible(False)


def draw_retrieval(
    batches: Mapping[str, Curve],
    batch_chance: float,
    retrieval: Sequence[tuple[str, float, float, float, float]],
    evaluated: str = "test",
) -> Figure:
    """Draw retrieval within the batches of a training, and among the evaluated clips.

    Parameters
    ----------
    batches : mapping of str to (steps, accuracies), each (n,)
        Top-1 accuracy by modality.
    batch_chance : float
    retrieval : sequence of (label, accuracy, low, high, chance)
        Among the evaluated clips, with the ends of the interval.
    evaluated : {"test", "validation"}
        The split of these clips.
    """
    curves = {
        name: (curve, MODALITIES.get(name, CURVE))
        for name, of_name in batches.items()
        if len((curve := _finite(of_name))[0])
    }
    n_panels, height = bool(curves) + bool(retrieval), max(2.9, 0.45 * len(retrieval))
    with style():
        if not n_panels:
            return empty_figure("Nothing was retrieved.")
        figure = Figure(figsize=(4.9 * n_panels, height), layout="constrained")
        axes = figure.subplots(1, n_panels, squeeze=False)[0]
        if curves:
            axes[0].set_title("Within a training batch")
            level = {"chance": (batch_chance, CONDITIONS["chance"])}
            _curves(axes[0], curves, height - 0.8, level, limits=(0, 1))
            axes[0].set_ylabel("top-1 accuracy")
        if retrieval:
            axes[-1].set_title(f"Among the {evaluated} clips")
            _retrieved(figure, axes[-1], retrieval)
    return figure


def _retrieved(
    figure: Figure, axis: Axes, retrieval: Sequence[tuple[str, float, float, float, float]]
) -> None:
    entries = {}
    for place, (_, accuracy, low, high, chance) in enumerate(retrieval):
        axis.barh(place, accuracy, height=0.6, color=CURVE)
        (entries["95% interval"],) = axis.plot([low, high], [place, place], color=INK, lw=1)
        (entries["chance"],) = axis.plot(
            [chance, chance], [place - 0.4, place + 0.4], color=CONDITIONS["chance"], lw=2
        )
    names = ["\n".join(wrap(label, 1.5)) for label, *_ in retrieval]
    axis.set_yticks(range(len(retrieval)), names)
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_xlabel("fraction of windows")
    legend_below(figure, entries)


# --- curves ---------------------------------------------------------------------------------------


def _finite(curve: Curve) -> Curve:
    steps, values = curve
    finite = np.isfinite(values)
    return steps[finite], values[finite]


def _curves(
    axis: Axes,
    curves: Mapping[str, tuple[Curve, str]],
    height: float,
    levels: Mapping[str, tuple[float, str]] | None = None,
    limits: tuple[float, float] | None = None,
) -> None:
    """Plot curves and their running means, with name and last value to the right of the axes.

    Parameters
    ----------
    axis : Axes
    curves : mapping of str to ((steps, values), colour)
        By name; finite, with one step or more.
    height : float
        Of the axes [inch].
    levels : mapping of str to (value, colour), optional
        Lines that go across.
    limits : (low, high), optional
        Of the values; by default those of the curves.
    """
    labels, lows, highs = [], [], []
    first = min(curve[0].min() for curve, _ in curves.values())
    last = max(curve[0].max() for curve, _ in curves.values())
    for name, ((steps, values), colour) in curves.items():
        smooth = running_mean(values, max(1, len(values) // 20))
        axis.plot(steps, values, color=colour, alpha=0.35, lw=0.8)
        axis.plot(steps, smooth, color=colour, lw=1.6)
        axis.plot(steps[-1], smooth[-1], "o", ms=4, color=colour, clip_on=False)
        labels.append((float(smooth[-1]), f"{name} {smooth[-1]:.3g}".strip(), colour))
        lows.append(values.min())
        highs.append(max(np.quantile(values, 0.99), smooth.max()))
    for name, (value, colour) in (levels or {}).items():
        axis.axhline(value, color=colour, ls="--", lw=1)
        labels.append((value, f"{name} {value:.3g}", colour))
    low, high = min(lows), max(highs)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    axis.set_ylim(limits or (low - margin, high + margin))
    axis.set_xlim(min(0, first), last)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axis.set_xlabel("step")
    end_labels(axis, labels, height, SIZE)


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Average each value with up to `width` − 1 before it."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=float)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)
