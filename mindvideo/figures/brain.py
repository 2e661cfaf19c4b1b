"""Signal quality, reproducibility of responses, and the voxels selected for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from mindvideo.figures.style import BLUE, INK, ORANGE, style

CORTEX = "#e7e9ec"  # where there is no value
PIXEL = 0.8  # side of a pixel of the map [mm]
AROUND = 45.0  # margin around the visual areas [mm]
SELECTED = "#5b9bd0"
REACH = 2.5  # from a pixel to its vertex [mm]
# Names on the map, and the areas of the Glasser parcellation that they outline.
NAMED: dict[str, tuple[str, ...]] = {
    "V1": ("V1",),
    "V2": ("V2",),
    "V3": ("V3",),
    "V4": ("V4",),
    "MT": ("MT",),
    "LO": ("LO1", "LO2", "LO3"),
    "FFC": ("FFC",),
    "PHA": ("PHA1", "PHA2", "PHA3"),
}


def draw_brain(
    points: np.ndarray,
    areas: np.ndarray,
    tsnr: np.ndarray,
    r: np.ndarray,
    selected: np.ndarray,
    voxels: tuple[np.ndarray, np.ndarray],
) -> Figure:
    """Draw flat maps of both hemispheres, of the visual areas in them, and a histogram.

    Parameters
    ----------
    points : (n_vertices, 2) float
        The surface laid flat [mm]; NaN where it has no place.
    areas : (n_vertices,) str
        Areas of the cortex; empty where there is none.
    tsnr : (n_vertices,) float
        Mean over SD of the raw runs; NaN where nothing was measured, as in `r`.
    r : (n_vertices,) float
        Mean correlation between repetitions.
    selected : (n_vertices,) float
        Fraction of selected voxels nearby, 0…1; NaN as in `r`.
    voxels : (n_measured,) float, (n_measured,) bool
        The correlation of each voxel that was measured, and whether it was selected.
    """
    laid = np.isfinite(points).all(axis=1)
    pixels, extent = raster(points[laid])
    where = pixels >= 0

    def picture(values: np.ndarray, empty: Any = np.nan) -> np.ndarray:
        out = np.full(pixels.shape, empty, dtype=values.dtype)
        out[where] = values[laid][pixels[where]]
        return out

    names = picture(areas, "")
    ground = np.where(where, 1.0, np.nan)
    chosen = np.where(picture(selected) >= 0.5, 1.0, np.nan)
    visual = np.flatnonzero(np.isin(names, sum(NAMED.values(), ())).any(axis=0))
    with style():
        figure = Figure(figsize=(13, 4.8), layout="constrained")
        axes = figure.subplot_mosaic(
            [["tsnr", "selected", "histogram"], ["r", "selected", "histogram"]],
            width_ratios=[1.55, 1.15, 0.8],
        )
        for axis, values, cmap, limit, ink, title in (
            (axes["tsnr"], tsnr, "viridis", _top(tsnr), "white", "Temporal SNR of the raw runs"),
            (axes["r"], r, "YlOrRd", max(_top(r), 0.1), INK, "Correlation r between repetitions"),
        ):
            show(axis, ground, extent, cmap=ListedColormap([CORTEX]))
            image = show(axis, picture(values), extent, cmap=cmap, vmin=0, vmax=limit)
            outline(axis, names, extent, ink)
            axis.set_title(title)
            bar = figure.colorbar(image, ax=axis, shrink=0.7, pad=0.01, aspect=18)
            bar.outline.set_visible(False)  # type: ignore[operator]
        axis = axes["selected"]
        show(axis, ground, extent, cmap=ListedColormap([CORTEX]))
        show(axis, chosen, extent, cmap=ListedColormap([SELECTED]))
        outline(axis, names, extent, INK, named=True)
        if len(visual):
            low, high = (extent[0] + PIXEL * visual[n] for n in (0, -1))
            axis.set_xlim(low - AROUND, high + AROUND)
        axis.set_title("Selected voxels: visual areas, left and right")
        _histogram(axes["histogram"], *voxels)
    return figure


def show(axis: Any, values: np.ndarray, extent: tuple, **options: Any) -> Any:
    """Show a raster of values in the place that :func:`raster` has given it."""
    axis.axis("off")
    return axis.imshow(values, extent=extent, origin="lower", interpolation="nearest", **options)


def _top(values: np.ndarray) -> float:
    """The end of a colour scale: all but the largest two in a hundred fit."""
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, 0.98)) if len(finite) else 1.0


def raster(points: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Nearest point of each pixel of a raster, -1 where none is near, and the raster's extent."""
    low, high = points.min(axis=0) - REACH, points.max(axis=0) + REACH
    x, y = (np.arange(a, b, PIXEL) for a, b in zip(low, high))
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    distance, nearest = cKDTree(points).query(grid, distance_upper_bound=REACH)
    nearest[~np.isfinite(distance)] = -1
    return nearest, (low[0], high[0], low[1], high[1])


def outline(axis: Any, names: np.ndarray, extent: tuple, colour: str, named: bool = False) -> None:
    """Draw the borders of :data:`NAMED`, and its names in each half of the picture."""
    left, right, bottom, top = extent
    x = np.linspace(left, right, names.shape[1])
    y = np.linspace(bottom, top, names.shape[0])
    middle = names.shape[1] // 2
    for name, members in NAMED.items():
        inside = np.isin(names, members)
        if not inside.any():
            continue
        axis.contour(x, y, inside, [0.5], colors=colour, linewidths=0.6, alpha=0.9)
        for start, half in ((0, inside[:, :middle]), (middle, inside[:, middle:])):
            if named and half.any():
                depth = distance_transform_edt(half)  # the name stands where there is most room
                row, column = np.unravel_index(depth.argmax(), depth.shape)
                axis.annotate(
                    name,
                    (x[start + column], y[row]),
                    color=INK,
                    fontsize=7,
                    ha="center",
                    va="center",
                    path_effects=[withStroke(linewidth=1.5, foreground="white")],
                )


def _histogram(axis: Any, values: np.ndarray, selected: np.ndarray) -> None:
    axis.set_title("Reproducibility")
    if not len(values):
        return
    edges = np.linspace(values.min(), values.max(), 50)
    axis.hist(values, edges, color=BLUE, alpha=0.45, label=f"measured ({len(values):,})")
    axis.hist(values[selected], edges, color=ORANGE, label=f"selected ({selected.sum():,})")
    axis.set_yscale("log")
    axis.set_xlabel("r between repetitions")
    axis.set_ylabel("voxels")
    axis.legend(loc="upper right", fontsize=8)
