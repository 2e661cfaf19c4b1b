"""Interpretation of the encoder in one figure (the paper's Fig. 7, and more)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from mindvideo.figures.brain import AROUND, CORTEX, NAMED, outline, raster, show
from mindvideo.figures.inflated import draw_hemisphere
from mindvideo.figures.style import INK, SOFT, style

STAGES = {
    "mbm": ("after masked brain modelling", "#c9d7e3"),
    "contrastive": ("after contrastive learning", "#7fa6c6"),
    "cotraining": ("after co-training", "#2f6f9f"),
}
LAYERS = ("#f3c9a5", "#e19a5d", "#b65f20")
RATIO = TwoSlopeNorm(0, -2, 2)  # of the logarithm to base 2: from a quarter to four times uniform
RATIO_MAP = "RdBu_r"
VIEWS: tuple[tuple[Literal["left", "right"], Literal["lateral", "medial"]], ...] = (
    ("left", "lateral"),
    ("left", "medial"),
    ("right", "medial"),
    ("right", "lateral"),
)


@dataclass(frozen=True)
class Cortex:
    """The group surface, left hemisphere's vertices before the right's."""

    flat: np.ndarray
    """(n_vertices, 2) [mm]; NaN where the surface has no place."""
    inflated: tuple[np.ndarray, np.ndarray]
    """(2, n_vertices / 2, 3) points [mm], (2, n_faces, 3) faces."""
    areas: np.ndarray
    """(n_vertices,) names; empty where there is none."""
    networks: np.ndarray
    """(n_vertices,) int; 0 where there is none."""


def draw_interpretation(
    cortex: Cortex,
    names: Mapping[int, tuple[str, Sequence[float]]],
    ratios: Mapping[str, np.ndarray],
    ceiling: np.ndarray,
    networks: pd.DataFrame,
    occlusion: pd.DataFrame,
    temporal: pd.DataFrame,
    agreements: pd.DataFrame,
    *,
    others_below: float,
    tr: float,
) -> Figure:
    """Draw maps above, bars below.

    Parameters
    ----------
    cortex : Cortex
    names : mapping
        Network: its name and its colour.
    ratios : mapping of str to (n_vertices,) float
        Four maps against uniform values, 1 is uniform; NaN where nothing was selected. The last is
        also drawn on the inflated surface.
    ceiling : (n_vertices,) float
        The noise ceiling, 0…1; NaN where there is none.
    networks, occlusion, temporal, agreements : DataFrame
        Tables of the stage `interpret`.
    others_below : float
        Groups with a smaller fraction of the voxels share one bar.
    tr : float
        [s]
    """
    first = _first_layer(networks)
    layers = _by_layer(networks)
    with style():
        figure = Figure(figsize=(15 if layers is None else 17.5, 16.8), layout="constrained")
        parts: Any = figure.subfigures(3, 1, height_ratios=[7.4, 2.1, 7.4])
        top, middle, bottom = parts
        _flat_maps(top, cortex, names, ratios, ceiling)
        title = list(ratios)[-1]
        _inflated(middle, cortex, ratios[title], f"{title}, on the inflated surface")
        n_columns = 3 + (layers is not None)
        grid = bottom.subplots(2, n_columns + 1, width_ratios=[*[1.25] * n_columns, 1.0])
        for row, grouping in zip(grid, ("network", "hierarchy")):
            order = _order(first, grouping, others_below)
            cells = list(row[:n_columns])
            title = "Yeo networks" if grouping == "network" else "Visual hierarchy"
            attention = first[first["method"] == "attention"]
            _bars(cells[0], attention, grouping, order, "fraction of the attention (first layer)")
            cells[0].set_title(f"{title}: attention")
            if layers is not None:
                _bars(cells[1], layers, grouping, order, "fraction of the attention", by="layer")
                cells[1].set_title("… by layer")
            attributed = first[first["method"] == "attribution"]
            _bars(cells[-2], attributed, grouping, order, "fraction of the integrated gradients")
            cells[-2].set_title("… attribution")
            _drops(cells[-1], occlusion, grouping, order)
            for cell in cells[1:]:
                cell.set_yticklabels([])
        legend = {
            label: handle
            for cell in grid[0, :n_columns]
            for handle, label in zip(*cell.get_legend_handles_labels())
        }
        bottom.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=4)
        _agreement(grid[0, -1], agreements)
        _temporal(grid[1, -1], temporal, tr)
    return figure


# --- maps -----------------------------------------------------------------------------------------


def _flat_maps(
    figure: Any,
    cortex: Cortex,
    names: Mapping[int, tuple[str, Sequence[float]]],
    ratios: Mapping[str, np.ndarray],
    ceiling: np.ndarray,
) -> None:
    laid = np.isfinite(cortex.flat).all(axis=1)
    pixels, extent = raster(cortex.flat[laid])
    where = pixels >= 0

    def picture(values: np.ndarray, empty: Any = np.nan) -> np.ndarray:
        out = np.full(pixels.shape, empty, dtype=values.dtype)
        out[where] = values[laid][pixels[where]]
        return out

    areas = picture(cortex.areas, "")
    ground = np.where(where, 1.0, np.nan)
    selected = np.isfinite(picture(list(ratios.values())[-1]))
    axes = figure.subplots(2, 3).ravel()
    maps = [(title, np.log2(np.maximum(v, 1e-6))) for title, v in ratios.items()]
    for axis, (title, values) in zip(axes[1:5], maps[:4]):
        show(axis, ground, extent, cmap=ListedColormap([CORTEX]))
        image = show(axis, picture(values), extent, cmap=RATIO_MAP, norm=RATIO)
        axis.set_title(title)
    bar = figure.colorbar(image, ax=axes[[2]], shrink=0.8, pad=0.01, aspect=18, extend="both")
    bar.set_ticks([-2, -1, 0, 1, 2], labels=["¼", "½", "1", "2", "4"])
    bar.set_label("times uniform", color=SOFT)
    bar.outline.set_visible(False)
    show(axes[5], ground, extent, cmap=ListedColormap([CORTEX]))
    image = show(axes[5], picture(ceiling), extent, cmap="viridis", vmin=0, vmax=1)
    axes[5].set_title("Noise ceiling of the test runs' mean (correlation)")
    bar = figure.colorbar(image, ax=axes[5], shrink=0.8, pad=0.01, aspect=18)
    bar.outline.set_visible(False)
    _networks(axes[0], picture(cortex.networks, 0), extent, names, selected)
    rows, columns = np.nonzero(selected)
    for axis in axes:
        outline(axis, areas, extent, INK, named=axis is not axes[0])
        if len(columns):  # where most of what was selected lies, and what is around it
            pixel = (extent[1] - extent[0]) / selected.shape[1]
            for pixels_of_axis, start, limits in (
                (columns, extent[0], axis.set_xlim),
                (rows, extent[2], axis.set_ylim),
            ):
                low, high = start + pixel * np.quantile(pixels_of_axis, [0.01, 0.99])
                limits(low - AROUND / 3, high + AROUND / 3)


def _networks(
    axis: Any,
    picture: np.ndarray,
    extent: tuple,
    names: Mapping[int, tuple[str, Sequence[float]]],
    selected: np.ndarray,
) -> None:
    """Colour the networks, and name those in which voxels were selected."""
    colours = [(0.9, 0.9, 0.9, 0.0), *(names[n][1] for n in sorted(names))]
    show(axis, picture, extent, cmap=ListedColormap(colours), vmin=0, vmax=len(names), alpha=0.55)
    axis.set_title("Yeo's 17 networks")
    left, right, bottom, top = extent
    x = np.linspace(left, right, selected.shape[1])
    y = np.linspace(bottom, top, selected.shape[0])
    for number, (name, _) in names.items():
        rows, columns = np.nonzero((picture == number) & selected & (x < x.mean()))
        if len(rows) < max(1, 0.01 * selected.sum()):
            continue
        nearest = np.hypot(rows - np.median(rows), columns - np.median(columns)).argmin()
        axis.annotate(
            name,
            (x[columns[nearest]], y[rows[nearest]]),
            fontsize=7.5,
            color=INK,
            ha="center",
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )


def _inflated(figure: Any, cortex: Cortex, ratio: np.ndarray, title: str) -> None:
    points, faces = cortex.inflated
    colours = np.tile(mpl.colors.to_rgb(CORTEX), (len(ratio), 1))
    has_ratio = np.isfinite(ratio)
    log_ratio = np.log2(np.maximum(ratio[has_ratio], 1e-6)).clip(-2, 2)
    colours[has_ratio] = mpl.colormaps[RATIO_MAP](RATIO(log_ratio))[:, :3]
    borders = np.zeros(len(ratio), int)
    for number, members in enumerate(NAMED.values(), 1):
        borders[np.isin(cortex.areas, members)] = number
    halves = {"left": 0, "right": 1}
    axes = figure.subplots(1, 4)
    for axis, (side, view) in zip(axes, VIEWS):
        half = halves[side]
        vertices = slice(half * len(points[0]), (half + 1) * len(points[0]))
        draw_hemisphere(
            axis, points[half], faces[half], colours[vertices], borders[vertices], side, view
        )
        axis.text(0.5, 0, f"{side}, {view}", transform=axis.transAxes, ha="center", color=SOFT)
    axes[0].set_title(title)


# --- bars -----------------------------------------------------------------------------------------


def _first_layer(networks: pd.DataFrame) -> pd.DataFrame:
    layer = networks["layer"].fillna("")
    return networks[layer.str.startswith("first") | (layer == "")]


def _by_layer(networks: pd.DataFrame) -> pd.DataFrame | None:
    """The last stage's attention by layer; None where there is only one."""
    attention = networks[networks["method"] == "attention"]
    last = attention[attention["stage"] == attention["stage"].iloc[-1]]
    return last if last["layer"].nunique() > 1 else None


def _order(networks: pd.DataFrame, grouping: str, others_below: float) -> dict[str, list[str]]:
    """Bars from top to bottom, and the groups that each holds."""
    of = networks[(networks["grouping"] == grouping) & (networks["method"] == "attention")]
    of = of[of["stage"] == of["stage"].iloc[0]]
    small = of["uniform"] < (others_below if grouping == "network" else 0)
    bars = {group: [group] for group in of.loc[~small, "group"]}
    return bars | (
        {f"{small.sum()} others": of.loc[small, "group"].tolist()} if small.any() else {}
    )


def _bars(
    axis: Any,
    table: pd.DataFrame,
    grouping: str,
    order: Mapping[str, list[str]],
    label: str,
    by: str = "stage",
) -> None:
    """Bars with intervals, and a tick at what uniform values over the voxels would give."""
    table = table[table["grouping"] == grouping]
    kinds = list(dict.fromkeys(table[by]))
    height = 0.8 / len(kinds)
    for n, kind in enumerate(kinds):
        rows = table[table[by] == kind].set_index("group")
        name, colour = STAGES[kind] if by == "stage" else (f"{kind} layer", LAYERS[n])
        for place, groups in enumerate(order.values()):
            y = place - 0.4 + (n + 0.5) * height
            summed = rows.loc[groups]
            value, uniform = summed["value"].sum(), summed["uniform"].sum()
            axis.barh(y, value, 0.92 * height, color=colour, label=name if not place else None)
            if len(groups) == 1:  # intervals of several do not add up
                ends = summed[["ci_low", "ci_high"]].to_numpy()[0]
                axis.plot(ends, [y, y], color=INK, linewidth=1)
            if n == 0:
                edges = [place - 0.44, place + 0.44]
                axis.plot(
                    [uniform, uniform],
                    edges,
                    color="#c0392b",
                    linewidth=1.4,
                    label="uniform over the voxels" if not place else None,
                )
    axis.set_xlim(left=0)
    axis.set_xlabel(label)
    _groups(axis, order)


def _drops(axis: Any, occlusion: pd.DataFrame, grouping: str, order: Mapping) -> None:
    """Drop of identification, beside the range of drops for as many random voxels."""
    table = occlusion[occlusion["grouping"] == grouping]
    if table.empty:
        axis.axis("off")
        axis.text(0, 0.95, "Not occluded (interpretation.occlude).", va="top")
        return
    stages = list(dict.fromkeys(table["stage"]))
    height = 0.8 / len(stages)
    for n, stage in enumerate(stages):
        rows = table[table["stage"] == stage].set_index("group")
        for place, groups in enumerate(order.values()):
            if len(groups) > 1:  # occluded one by one: their drops do not add up
                continue
            row, y = rows.loc[groups[0]], place - 0.4 + (n + 0.5) * height
            axis.barh(y, 100 * row["drop_value"], 0.92 * height, color=STAGES[stage][1])
            ends = 100 * row[["drop_ci_low", "drop_ci_high"]].to_numpy(float)
            axis.plot(ends, [y, y], color=INK, linewidth=1)
            ends = 100 * row[["random_low", "random_high"]].to_numpy(float)
            axis.plot(
                ends,
                [y, y],
                color="#c0392b",
                linewidth=3.5,
                alpha=0.45,
                zorder=0.5,
                solid_capstyle="butt",
                label="as many random voxels" if not (n or place) else None,
            )
    axis.axvline(0, color=SOFT, linewidth=0.6)
    axis.set_xlabel("drop of identification [points]")
    full = ", ".join(f"{100 * v:.0f}%" for v in table.groupby("stage", sort=False)["full"].first())
    axis.set_title(f"… occluded (whole: {full})")
    _groups(axis, order)


def _groups(axis: Any, order: Mapping[str, list[str]]) -> None:
    axis.set_yticks(range(len(order)), list(order))
    axis.set_ylim(len(order) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)


# --- numbers --------------------------------------------------------------------------------------


def _agreement(axis: Any, agreements: pd.DataFrame) -> None:
    """Draw the rank correlation of each map with the information that areas are known to carry."""
    axis.set_title("Against what areas carry")
    if agreements.empty:
        axis.axis("off")
        axis.text(0, 0.95, "Unknown for these data\n(interpretation.truth).", va="top")
        return
    layer = agreements["layer"].fillna("")
    first = agreements[layer.str.startswith("first") | (layer == "")]
    short = {"mbm": "MBM", "contrastive": "contrastive", "cotraining": "co-training"}
    stage = first["stage"].map(short).fillna("")
    rows = (first["method"] + ", " + stage).str.removesuffix(", ")
    order = first.assign(row=rows).sort_values("method", kind="stable")
    table = order.pivot_table(
        index="row", columns="property", values=["rho", "p"], sort=False, dropna=False
    )
    rho, p = table["rho"], table["p"]
    axis.imshow(rho, cmap="PuOr_r", vmin=-1, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(rho.to_numpy()):
        if np.isfinite(value):
            mark = "*" if p.to_numpy()[i, j] < 0.05 else ""
            words = f"{round(value, 1) + 0.0:.1f}{mark}".replace("-", "\N{MINUS SIGN}")
            axis.text(j, i, words, ha="center", va="center", fontsize=7, color=INK)
    axis.set_xticks(range(rho.shape[1]), list(rho.columns), rotation=60, ha="right")
    axis.set_yticks(range(len(rho)), list(rho.index), fontsize=7.5)
    axis.tick_params(length=0)
    axis.set_xlabel("rank correlation (* p < 0.05)")


def _temporal(axis: Any, temporal: pd.DataFrame, tr: float) -> None:
    """Draw the attention between the volumes of a window, in the first layer at the last stage."""
    axis.set_title("Attention in time")
    if temporal.empty:
        axis.axis("off")
        axis.text(0, 0.95, "No temporal attention.", va="top")
        return
    last = temporal[temporal["stage"] == temporal["stage"].iloc[-1]]
    last = last[last["layer"] == last["layer"].iloc[0]]
    attention = last.pivot_table(index="volume", columns="attends", values="value")
    half = (last["ci_high"] - last["ci_low"]).max() / 2
    axis.imshow(attention, cmap=RATIO_MAP, vmin=0, vmax=2 / len(attention), aspect="auto")
    for (i, j), value in np.ndenumerate(attention.to_numpy()):
        axis.text(j, i, f"{value:.3f}", ha="center", va="center", color=INK)
    ticks = [f"+{tr * n:g} s" for n in range(len(attention))]
    axis.set_xticks(range(len(attention)), ticks)
    axis.set_yticks(range(len(attention)), ticks)
    axis.set_ylabel("volume")
    axis.set_xlabel(f"attends to (even {1 / len(attention):.2f}, ± {half:.3f})")
