"""Maps on the cortex: flat maps of both hemispheres, and the inflated surface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap, TwoSlopeNorm

from mindvideo.figures.brain import AROUND, NAMED, outline, painted, raster, show, write_names
from mindvideo.figures.inflated import draw_hemisphere
from mindvideo.figures.layout import LINE, even_columns, wrap
from mindvideo.figures.style import GROUND, INK, SIZE, SMALL, SOFT

Names = Mapping[int, tuple[str, Sequence[float]]]
"""Network: its name and its colour."""
RATIO = TwoSlopeNorm(0, -2, 2)  # of the logarithm to base 2: from a quarter to four times uniform
RATIO_MAP = "RdBu_r"
VIEWS: tuple[tuple[Literal["left", "right"], Literal["lateral", "medial"]], ...] = (
    ("left", "lateral"),
    ("left", "medial"),
    ("right", "medial"),
    ("right", "lateral"),
)
BAR = 1.0  # width of the colour bars [inch]
NETWORKS, CEILING = "Yeo's 17 networks", "Noise ceiling of the runs' mean"


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


class FlatMaps:
    """Panels of flat maps, next to each other, in a figure of a given width.

    Parameters
    ----------
    cortex : Cortex
    names : mapping
        Network: its name and its colour.
    ratios : mapping of str to (n_vertices,) float
        Maps by title, relative to uniform values; NaN where nothing was selected. Maps without any
        value have no panel.
    ceiling : (n_vertices,) float
        The noise ceiling, 0…1; NaN where there is none.
    width : float
        [inch]
    """

    def __init__(
        self,
        cortex: Cortex,
        names: Names,
        ratios: Mapping[str, np.ndarray],
        ceiling: np.ndarray,
        width: float,
    ) -> None:
        self._cortex, self._names, self._width = cortex, names, width
        self._laid = np.isfinite(cortex.flat).all(axis=1)
        with_values = {t: v for t, v in ratios.items() if np.isfinite(v[self._laid]).any()}
        self._ratios = {t: np.log2(np.maximum(v, 1e-6)) for t, v in with_values.items()}
        self._ceiling = ceiling if np.isfinite(ceiling[self._laid]).any() else None
        self._n = bool(self._ratios) + len(self._ratios) + (self._ceiling is not None)
        self._columns = even_columns(self._n, 3) if self._n > 3 else max(self._n, 2)

    @cached_property
    def _raster(self) -> tuple[np.ndarray, tuple[float, float, float, float]]:
        return raster(self._cortex.flat[self._laid])

    def _painted(self, values: np.ndarray, empty: Any = np.nan) -> np.ndarray:
        return painted(values[self._laid], self._raster[0], empty)

    @cached_property
    def _selected(self) -> np.ndarray:
        if not self._ratios:
            return np.zeros(self._raster[0].shape, bool)
        return np.isfinite(self._painted(list(self._ratios.values())[-1]))

    @cached_property
    def _limits(self) -> tuple[float, float, float, float]:
        """Where most of what was selected is, and what is around it [mm]."""
        extent = self._raster[1]
        places = np.nonzero(self._selected)
        if not len(places[0]):
            return extent
        limits: list[float] = []
        for of_axis, start, end in ((1, *extent[:2]), (0, *extent[2:])):
            pixel = (end - start) / self._selected.shape[of_axis]
            low, high = start + pixel * np.quantile(places[of_axis], [0.01, 0.99])
            limits += [max(start, low - AROUND / 3), min(end, high + AROUND / 3)]
        return limits[0], limits[1], limits[2], limits[3]

    @property
    def _cell(self) -> tuple[float, float]:
        """Width and height of a map [inch]."""
        left, right, bottom, top = self._limits
        width = (self._width - BAR) / self._columns
        return width, min(0.96 * width * (top - bottom) / (right - left), 6)

    def _wrapped(self, title: str) -> list[str]:
        return wrap(title, 0.96 * self._cell[0], weight="bold")

    @property
    def _row(self) -> float:
        """Height of a row of maps with their titles [inch]."""
        lines = max(len(self._wrapped(t)) for t in (NETWORKS, CEILING, *self._ratios))
        return self._cell[1] + LINE * SIZE * lines + 0.12

    @property
    def height(self) -> float:
        """Height of all maps [inch]; 0 without any."""
        return self._row * -(-self._n // self._columns) if self._n else 0.0

    def draw(self, figure: Any) -> None:
        """Draw the maps on a figure of this width and height."""
        (wide, tall), height, extent = self._cell, self.height, self._raster[1]
        ground = np.where(self._raster[0] >= 0, 1.0, np.nan)
        areas = self._painted(self._cortex.areas, "")
        left, right, bottom, top = self._limits
        scale = min(0.96 * wide / (right - left), tall / (top - bottom))

        def axis_of(n: int, title: str) -> Any:
            row, column = divmod(n, self._columns)
            y = height - (row + 1) * self._row
            place = (column * wide / self._width, y / height, 0.96 * wide / self._width)
            axis = figure.add_axes((*place, tall / height))
            show(axis, ground, extent, cmap=ListedColormap([GROUND]))
            axis.set(xlim=(left, right), ylim=(bottom, top), anchor="NW")
            axis.set_title("\n".join(self._wrapped(title)))
            return axis

        if self._ratios:
            axis = axis_of(0, NETWORKS)
            self._draw_networks(axis, extent, scale)
            outline(axis, areas, extent, INK)
        for n, (title, values) in enumerate(self._ratios.items(), 1):
            axis = axis_of(n, title)
            image = show(axis, self._painted(values), extent, cmap=RATIO_MAP, norm=RATIO)
            outline(axis, areas, extent, INK, scale)
            if n == 1:
                bar = self._bar(figure, image, 0.56, "times uniform", extend="both")
                bar.set_ticks([-2, -1, 0, 1, 2], labels=["¼", "½", "1", "2", "4"])
        if self._ceiling is not None:
            axis = axis_of(self._n - 1, CEILING)
            values = self._painted(self._ceiling)
            image = show(axis, values, extent, cmap="viridis", vmin=0, vmax=1)
            outline(axis, areas, extent, INK, scale)
            self._bar(figure, image, 0.06, "correlation")

    def _bar(self, figure: Any, image: Any, bottom: float, label: str, **options: Any) -> Any:
        place = (1 - 0.8 * BAR / self._width, bottom, 0.14 / self._width, 0.3)
        bar = figure.colorbar(image, cax=figure.add_axes(place), **options)
        bar.ax.set_title(label, color=SOFT, fontsize=SMALL, weight="normal")
        bar.outline.set_visible(False)
        return bar

    def _draw_networks(self, axis: Any, extent: tuple, scale: float) -> None:
        """Colour the networks, and name those in which voxels were selected."""
        picture, selected = self._painted(self._cortex.networks, 0), self._selected
        colours = [(0.9, 0.9, 0.9, 0.0), *(self._names[n][1] for n in sorted(self._names))]
        options = {"vmin": 0, "vmax": len(self._names), "alpha": 0.55}
        show(axis, picture, extent, cmap=ListedColormap(colours), **options)
        x = np.linspace(extent[0], extent[1], selected.shape[1])
        y = np.linspace(extent[2], extent[3], selected.shape[0])
        half = x < x.mean() if selected[:, x < x.mean()].any() else x >= x.mean()
        labels = []
        for number, (name, _) in self._names.items():
            rows, columns = np.nonzero((picture == number) & selected & half)
            if len(rows) < max(1, 0.01 * selected.sum()):
                continue
            nearest = np.hypot(rows - np.median(rows), columns - np.median(columns)).argmin()
            labels.append((len(rows), name, (x[columns[nearest]], y[rows[nearest]])))
        write_names(axis, [label[1:] for label in sorted(labels, reverse=True)], scale)


def has_hemisphere(ratio: np.ndarray) -> dict[str, bool]:
    """Tell which hemispheres have values in a map (n_vertices,)."""
    left, right = np.isfinite(ratio.reshape(2, -1)).any(axis=1)
    return {"left": bool(left), "right": bool(right)}


def draw_inflated(figure: Any, cortex: Cortex, ratio: np.ndarray, title: str) -> None:
    """Draw a map of ratios (n_vertices,) on the inflated surface of the hemispheres that have any.

    Parameters
    ----------
    figure : Figure or SubFigure
    cortex : Cortex
    ratio : (n_vertices,) float
    title : str
    """
    points, faces = cortex.inflated
    colours = np.tile(mpl.colors.to_rgb(GROUND), (len(ratio), 1))
    has_ratio = np.isfinite(ratio)
    log_ratio = np.log2(np.maximum(ratio[has_ratio], 1e-6)).clip(-2, 2)
    colours[has_ratio] = mpl.colormaps[RATIO_MAP](RATIO(log_ratio))[:, :3]
    borders = np.zeros(len(ratio), int)
    for number, members in enumerate(NAMED.values(), 1):
        borders[np.isin(cortex.areas, members)] = number
    present = has_hemisphere(ratio)
    views = [(side, view) for side, view in VIEWS if present[side]]
    axes = figure.subplots(1, len(views), squeeze=False)[0]
    for axis, (side, view) in zip(axes, views):
        half = ("left", "right").index(side)
        vertices = slice(half * len(points[0]), (half + 1) * len(points[0]))
        draw_hemisphere(
            axis, points[half], faces[half], colours[vertices], borders[vertices], side, view
        )
        place = {"transform": axis.transAxes, "ha": "center", "va": "top"}
        axis.text(0.5, -0.02, f"{side}, {view}", color=SOFT, fontsize=SMALL, **place)
    figure.suptitle(title, x=0.005, ha="left", fontsize="medium", weight="bold")
