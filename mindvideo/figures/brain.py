"""Signal quality, what voxels were selected by, and the voxels selected."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from mindvideo.figures.layout import LINE, empty_figure, legends_above, text_width
from mindvideo.figures.responsive import MEASURES, TSNR, Measure
from mindvideo.figures.style import BLUE, GROUND, INK, ORANGE, SKY, TINY, style

PIXEL = 0.8  # side of a pixel of the map [mm]
AROUND = 45.0  # margin around the visual areas [mm]
REACH = 2.5  # from a pixel to its vertex [mm]
UNIT = 3.7  # of the panels' widths [inch]
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
    measure: Measure = MEASURES["repeats"],
) -> Figure:
    """Draw flat maps of both hemispheres, of the visual areas in them, and a histogram.

    A map without any value has no panel, as where volumes are in native space.

    Parameters
    ----------
    points : (n_vertices, 2) float
        The surface laid flat [mm]; NaN where it has no place.
    areas : (n_vertices,) str
        Areas of the cortex; empty where there is none.
    tsnr : (n_vertices,) float
        Mean over SD of the raw runs; NaN where nothing was measured, as in `r`.
    r : (n_vertices,) float
        What voxels were selected by, such as the mean correlation between repetitions; NaN
        everywhere if they were not tested.
    selected : (n_vertices,) float
        Fraction of selected voxels nearby, 0…1; NaN as in `r`.
    voxels : (n_measured,) float, (n_measured,) bool
        The correlation of each voxel that was measured (or its temporal SNR, if voxels were not
        tested), and whether it was selected.
    measure : Measure
        What voxels were selected by.
    """
    laid = np.isfinite(points).all(axis=1)
    pixels, extent = raster(points[laid])
    names = painted(areas[laid], pixels, "")
    ground = np.where(pixels >= 0, 1.0, np.nan)
    maps = {"tsnr": tsnr, "r": r, "selected": selected}
    present = [name for name, values in maps.items() if np.isfinite(values[laid]).any()]
    stacked: list[str] = [name for name in ("tsnr", "r") if name in present]
    columns: list[tuple[list[str], float]] = [(stacked, 1.55)] if stacked else []
    columns += [(["selected"], 1.15)] if "selected" in present else []
    columns += [(["histogram"], 0.8)] if len(voxels[0]) else []
    if not columns:
        return empty_figure("No voxel was measured.")
    widths = [width for _, width in columns]
    with style():
        figure = Figure(figsize=(max(4.0, UNIT * sum(widths)), 4.8), layout="constrained")
        mosaic: Any = [[panels[row % len(panels)] for panels, _ in columns] for row in range(2)]
        axes = figure.subplot_mosaic(mosaic, width_ratios=widths)
        for name, cmap, lowest, ink, title, unit in (
            ("tsnr", "viridis", 0.0, "white", TSNR.title, TSNR.unit),
            ("r", "YlOrRd", 0.1, INK, measure.title, measure.unit),
        ):
            if name not in present:
                continue
            axis, values = axes[name], maps[name]
            show(axis, ground, extent, cmap=ListedColormap([GROUND]))
            options = {"cmap": cmap, "vmin": 0, "vmax": max(_top(values), lowest)}
            image = show(axis, painted(values[laid], pixels), extent, **options)
            outline(axis, names, extent, ink)
            axis.set_title(title)
            bar = figure.colorbar(image, ax=axis, shrink=0.7, pad=0.01, aspect=18)
            bar.set_label(unit)
            bar.outline.set_visible(False)  # type: ignore[operator]
        if "selected" in present:
            axis = axes["selected"]
            show(axis, ground, extent, cmap=ListedColormap([GROUND]))
            chosen = np.where(painted(selected[laid], pixels) >= 0.5, 1.0, np.nan)
            show(axis, chosen, extent, cmap=ListedColormap([SKY]))
            low, high = _visual(names, extent)
            axis.set_xlim(low, high)
            outline(axis, names, extent, INK, scale=UNIT * 1.15 / (high - low))
            axis.set_title("Selected voxels: visual areas, left and right")
        if "histogram" in axes:
            _histogram(axes["histogram"], *voxels, measure, width=UNIT * 0.8 - 0.7)
    return figure


def painted(values: np.ndarray, pixels: np.ndarray, empty: Any = np.nan) -> np.ndarray:
    """Give each pixel of a raster the value of its point, or `empty` where there is none."""
    out = np.full(pixels.shape, empty, dtype=values.dtype)
    out[pixels >= 0] = values[pixels[pixels >= 0]]
    return out


def show(axis: Any, values: np.ndarray, extent: tuple, **options: Any) -> Any:
    """Show a raster of values in the place that :func:`raster` has given it."""
    axis.axis("off")
    return axis.imshow(values, extent=extent, origin="lower", interpolation="none", **options)


def _top(values: np.ndarray) -> float:
    """The end of a colour scale: all but the largest two in a hundred fit."""
    return float(np.quantile(values[np.isfinite(values)], 0.98))


def _visual(names: np.ndarray, extent: tuple) -> tuple[float, float]:
    """From where to where the visual areas reach, and what is around them [mm]."""
    visual = np.flatnonzero(np.isin(names, sum(NAMED.values(), ())).any(axis=0))
    if not len(visual):
        return extent[:2]
    low, high = (extent[0] + PIXEL * visual[n] for n in (0, -1))
    return low - AROUND, high + AROUND


def raster(points: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Nearest point of each pixel of a raster, -1 where none is near, and the raster's extent."""
    low, high = points.min(axis=0) - REACH, points.max(axis=0) + REACH
    x, y = (np.arange(a, b, PIXEL) for a, b in zip(low, high))
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    distance, nearest = cKDTree(points).query(grid, distance_upper_bound=REACH)
    nearest[~np.isfinite(distance)] = -1
    return nearest, (low[0], high[0], low[1], high[1])


def outline(
    axis: Any, names: np.ndarray, extent: tuple, colour: str, scale: float | None = None
) -> None:
    """Draw the borders of :data:`NAMED`, and its names in each half of the picture.

    Parameters
    ----------
    axis : Axes
    names : (n_rows, n_columns) str
        Areas.
    extent : tuple of float
        [mm]
    colour : str
    scale : float, optional
        [inch/mm], by which names are placed so that none hides another; by default there are none.
    """
    left, right, bottom, top = extent
    x = np.linspace(left, right, names.shape[1])
    y = np.linspace(bottom, top, names.shape[0])
    middle = names.shape[1] // 2
    labels: list[tuple[float, str, tuple[float, float]]] = []
    for name, members in NAMED.items():
        inside = np.isin(names, members)
        if not inside.any():
            continue
        axis.contour(x, y, inside, [0.5], colors=colour, linewidths=0.6, alpha=0.9)
        for start, half in ((0, inside[:, :middle]), (middle, inside[:, middle:])):
            if half.any():
                depth = distance_transform_edt(half)  # the name stands where there is most room
                row, column = np.unravel_index(depth.argmax(), depth.shape)
                place = (float(x[start + column]), float(y[row]))
                labels.append((float(depth.max()), name, place))
    if scale:
        write_names(axis, [label[1:] for label in sorted(labels, reverse=True)], scale)


def write_names(
    axis: Any, labels: list[tuple[str, tuple[float, float]]], scale: float, size: float = TINY
) -> None:
    """Write names at their places, but for those that would hide one before.

    Parameters
    ----------
    axis : Axes
        Names outside its limits are left out; those at its edge are moved inside.
    labels : list of (name, (x, y))
        [mm]
    scale : float
        [inch/mm]
    size : float
        [point]
    """
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    boxes: list[tuple[float, float, float]] = []
    for name, (x, y) in labels:
        half = text_width(name, size) / scale / 2
        tall = 0.8 * LINE * size / scale
        if not (left <= x <= right and bottom <= y <= top):
            continue
        x = min(max(x, left + half), right - half)
        y = min(max(y, bottom + tall / 2), top - tall / 2)
        if any(abs(x - a) < half + b and abs(y - c) < tall for a, c, b in boxes):
            continue
        boxes.append((x, y, half))
        halo = [withStroke(linewidth=1.8, foreground="white")]
        look = {"fontsize": size, "ha": "center", "va": "center", "path_effects": halo}
        axis.annotate(name, (x, y), color=INK, **look)


def _histogram(
    axis: Any, values: np.ndarray, selected: np.ndarray, measure: Measure, width: float
) -> None:
    axis.set_title(measure.histogram)
    edges = np.linspace(values.min(), values.max(), 50)
    axis.hist(values, edges, color=BLUE, alpha=0.45, label=f"measured ({len(values):,})")
    axis.hist(values[selected], edges, color=ORANGE, label=f"selected ({selected.sum():,})")
    axis.set_yscale("log")
    axis.set_xlabel(measure.axis)
    axis.set_ylabel("voxels")
    legends_above([axis], width)
