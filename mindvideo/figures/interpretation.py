"""Interpretation of the encoder in one figure (the paper's Fig. 7, and more)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mindvideo.figures.cortex import RATIO_MAP, Cortex, FlatMaps, Names, draw_inflated
from mindvideo.figures.layout import empty_figure, legend_columns, wrap
from mindvideo.figures.style import (
    CONDITIONS,
    INK,
    LAYERS,
    SMALL,
    SOFT,
    TINY,
    TRAINING_STAGES,
    style,
)

STAGES = {
    "mbm": "after masked brain modelling",
    "contrastive": "after contrastive learning",
    "cotraining": "after co-training",
}
GROUPINGS = {"network": "Yeo networks", "hierarchy": "Visual hierarchy"}

INTERVAL, UNIFORM = "95% interval", "uniform over the voxels"
RANDOM = "as many random voxels occluded"

Panel = Callable[[Any], None]
"""What draws on an axis."""


def draw_interpretation(
    cortex: Cortex,
    names: Names,
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
    """Draw maps above, bars below. What the data lack has no panel: the others close up.

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
    rows = []
    for grouping in GROUPINGS:
        panels, n_bars = _bar_panels(networks, occlusion, grouping, others_below)
        if grouping == "network" and not agreements.empty:
            panels.append(lambda axis: _agreement(axis, agreements))
        if grouping == "hierarchy" and not temporal.empty:
            panels.append(lambda axis: _temporal(axis, temporal, tr))
        if panels:
            rows.append((max(2.4, 1.0 + 0.21 * n_bars), panels))
    width = float(np.clip(1 + 3.4 * max([len(p) for _, p in rows], default=0), 11, 17.5))
    flat, last = FlatMaps(cortex, names, ratios, ceiling, width), list(ratios)[-1]
    # Each part: its height [inch], and what draws it.
    parts: list[tuple[float, Panel]] = [(flat.height, flat.draw)] if flat.height else []
    if np.isfinite(ratios[last]).any():
        title = f"{last}, on the inflated surface"
        parts.append((2.5, lambda figure: draw_inflated(figure, cortex, ratios[last], title)))
    entries: dict[str, Any] = {}
    for height, panels in rows:
        parts.append((height, partial(_row, panels=panels, entries=entries)))
    if not parts:
        return empty_figure("No voxel was selected.")
    labels = [*STAGES.values(), *(["last layer"] * len(LAYERS)), INTERVAL, UNIFORM, RANDOM]
    with style():
        room = 0.15 + 1.5 * SMALL / 72 * -(-len(labels) // legend_columns(labels, width))
        size = (width, sum(height for height, _ in parts) + room)
        figure = Figure(figsize=size, layout="constrained")
        ratios_of_heights = [*(height for height, _ in parts), room]
        places: Any = figure.subfigures(len(parts) + 1, 1, height_ratios=ratios_of_heights)
        for place, (_, draw) in zip(places, parts):
            draw(place)
        ncols = legend_columns(list(entries), width)
        places[-1].legend(entries.values(), entries.keys(), loc="center", ncols=ncols)
    return figure


def _bar_panels(
    networks: pd.DataFrame, occlusion: pd.DataFrame, grouping: str, others_below: float
) -> tuple[list[Panel], int]:
    """The panels of one grouping that have data, and how many bars the first of them has."""
    first = _first_layer(networks)
    first = first[first["grouping"] == grouping]
    attention = first[first["method"] == "attention"]
    if attention.empty:
        return [], 0
    order = _order(attention, others_below if grouping == "network" else 0)
    panels: list[tuple[str, Panel]] = [
        ("attention, first layer", _bars_of(attention, order, "fraction of attention"))
    ]
    layers = _by_layer(networks[networks["grouping"] == grouping])
    if layers is not None:
        panel = _bars_of(layers, order, "fraction of attention", by="layer")
        panels.append(("attention by layer", panel))
    attributed = first[first["method"] == "attribution"]
    if not attributed.empty:
        panel = _bars_of(attributed, order, "fraction of integrated gradients")
        panels.append(("attribution", panel))
    dropped = occlusion[occlusion["grouping"] == grouping] if len(occlusion) else occlusion
    if not dropped.empty:
        panels.append(("occlusion", lambda axis: _drops(axis, dropped, order)))

    def titled(n: int, title: str, panel: Panel) -> Panel:
        def draw(axis: Any) -> None:
            panel(axis)
            axis.set_title(title if n else f"{GROUPINGS[grouping]}: {title}")
            _groups(axis, order, named=n == 0)

        return draw

    return [titled(n, *panel) for n, panel in enumerate(panels)], len(order)


def _row(figure: Any, panels: list[Panel], entries: dict[str, Any]) -> None:
    """Draw panels next to each other, and collect the entries of their legends."""
    for axis, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        panel(axis)
        for handle, label in zip(*axis.get_legend_handles_labels()):
            entries.setdefault(label, handle)


# --- bars -----------------------------------------------------------------------------------------


def _first_layer(networks: pd.DataFrame) -> pd.DataFrame:
    layer = networks["layer"].fillna("")
    return networks[layer.str.startswith("first") | (layer == "")]


def _by_layer(networks: pd.DataFrame) -> pd.DataFrame | None:
    """The last stage's attention by layer; None where there is only one."""
    attention = networks[networks["method"] == "attention"]
    last = attention[attention["stage"] == attention["stage"].iloc[-1]]
    return last if last["layer"].nunique() > 1 else None


def _order(attention: pd.DataFrame, others_below: float) -> dict[str, list[str]]:
    """Bars from top to bottom, and the groups that each holds."""
    of = attention[attention["stage"] == attention["stage"].iloc[0]]
    small = of["uniform"] < others_below
    bars = {group: [group] for group in of.loc[~small, "group"]}
    others = f"{small.sum()} others" if small.sum() > 1 else "1 other"
    return bars | ({others: of.loc[small, "group"].tolist()} if small.any() else {})


def _bars_of(
    table: pd.DataFrame, order: Mapping[str, list[str]], label: str, by: str = "stage"
) -> Panel:
    """Bars with intervals, and a tick at what uniform values over the voxels would give."""
    kinds = list(dict.fromkeys(table[by]))
    height = 0.8 / len(kinds)

    def draw(axis: Any) -> None:
        for n, kind in enumerate(kinds):
            rows = table[table[by] == kind].set_index("group")
            named = (STAGES, TRAINING_STAGES) if by == "stage" else None
            name = named[0][kind] if named else f"{kind} layer"
            colour = named[1][kind] if named else LAYERS[n]
            for place, groups in enumerate(order.values()):
                y = place - 0.4 + (n + 0.5) * height
                summed = rows.loc[groups]
                value, uniform = summed["value"].sum(), summed["uniform"].sum()
                once = {"label": name if not place else None}
                axis.barh(y, value, 0.92 * height, color=colour, **once)
                if len(groups) == 1:  # intervals of several do not add up
                    ends = summed[["ci_low", "ci_high"]].to_numpy()[0]
                    once = {"label": INTERVAL if not place else None}
                    axis.plot(ends, [y, y], color=INK, linewidth=1, **once)
                if n == 0:
                    edges = [place - 0.44, place + 0.44]
                    once = {"label": UNIFORM if not place else None}
                    look = {"color": CONDITIONS["chance"], "linewidth": 1.6}
                    axis.plot([uniform, uniform], edges, **look, **once)
        axis.set_xlim(left=0)
        axis.set_xlabel(label)

    return draw


def _drops(axis: Any, table: pd.DataFrame, order: Mapping[str, list[str]]) -> None:
    """Drop of identification, with the range of drops for as many random voxels behind it."""
    stages = list(dict.fromkeys(table["stage"]))
    height = 0.8 / len(stages)
    for n, stage in enumerate(stages):
        rows = table[table["stage"] == stage].set_index("group")
        for place, groups in enumerate(order.values()):
            if len(groups) > 1 or groups[0] not in rows.index:
                continue  # several were occluded one by one: their drops do not add up
            row, y = rows.loc[groups[0]], place - 0.4 + (n + 0.5) * height
            colour = TRAINING_STAGES[stage]
            axis.barh(y, 100 * row["drop_value"], 0.92 * height, color=colour)
            ends = 100 * row[["drop_ci_low", "drop_ci_high"]].to_numpy(float)
            axis.plot(ends, [y, y], color=INK, linewidth=1)
            ends = 100 * row[["random_low", "random_high"]].to_numpy(float)
            axis.plot(
                ends,
                [y, y],
                color=CONDITIONS["chance"],
                linewidth=3.5,
                alpha=0.45,
                zorder=0.5,
                solid_capstyle="butt",
                label=RANDOM if not (n or place) else None,
            )
    axis.axvline(0, color=SOFT, linewidth=0.6)
    full = " and ".join(
        f"{100 * v:.0f}%" for v in table.groupby("stage", sort=False)["full"].first()
    )
    words = f"drop of identification accuracy [percentage points]; without occlusion {full}"
    axis.set_xlabel("\n".join(wrap(words, 2.6)))


def _groups(axis: Any, order: Mapping[str, list[str]], named: bool) -> None:
    axis.set_yticks(range(len(order)), list(order) if named else [])
    axis.set_ylim(len(order) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)


# --- numbers --------------------------------------------------------------------------------------


def _agreement(axis: Any, agreements: pd.DataFrame) -> None:
    """Draw the rank correlation of each map with the information that areas are known to carry."""
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
    axis.set_title("Agreement with what areas carry")
    axis.imshow(rho, cmap="PuOr_r", vmin=-1, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(rho.to_numpy()):
        if np.isfinite(value):
            mark = "*" if p.to_numpy()[i, j] < 0.05 else ""
            words = f"{round(value, 1) + 0.0:.1f}{mark}".replace("-", "\N{MINUS SIGN}")
            colour = "white" if abs(value) > 0.65 else INK  # on dark cells
            axis.text(j, i, words, ha="center", va="center", fontsize=TINY, color=colour)
    axis.set_xticks(range(rho.shape[1]), list(rho.columns), rotation=60, ha="right")
    axis.set_yticks(range(len(rho)), list(rho.index), fontsize=SMALL)
    axis.tick_params(length=0)
    axis.set_xlabel("rank correlation (* p < 0.05)")


def _temporal(axis: Any, temporal: pd.DataFrame, tr: float) -> None:
    """Draw the attention between the volumes of a window, in the first layer at the last stage."""
    axis.set_title("Attention between volumes")
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
