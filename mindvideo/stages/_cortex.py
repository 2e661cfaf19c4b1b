"""Maps from files to the vertices of the group surface, for all stages that draw the cortex."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import on_vertices
from mindvideo.fmri.surface import flat_map, on_surface
from mindvideo.io.maps import read_map
from mindvideo.io.spaces import Grayordinates, Grid


def read_maps(paths: Sequence[Path]) -> tuple[list[np.ndarray], Grid | Grayordinates]:
    """Read maps that are on one grid.

    Returns
    -------
    values : list of arrays on the whole grid
    grid : Grid or Grayordinates

    Raises
    ------
    InputError
        If a file is unreadable, or the grids differ.
    """
    maps = [read_map(path) for path in paths]
    grid = maps[0][1]
    for path, (_, other) in zip(paths, maps):
        if not grid.same(other):
            raise InputError(
                f"{paths[0]} ({grid}) and {path} ({other}) are not on the same grid: they come "
                "from different runs of the stages that computed them; run these again"
            )
    return [values for values, _ in maps], grid


def on_cortex(values: np.ndarray, measured: np.ndarray, grid: Grid | Grayordinates) -> np.ndarray:
    """Project a map to the vertices of the group surface.

    Parameters
    ----------
    values : array on the whole grid
    measured : array of bool
        Where the map has values.
    grid : Grid or Grayordinates

    Returns
    -------
    (64984,) float
        NaN where nothing was measured, and everywhere for a volume in native space.
    """
    if isinstance(grid, Grayordinates):
        return on_vertices(np.where(measured, values, np.nan), np.nan)
    if not grid.mni:
        return np.full(len(flat_map()[0]), np.nan)
    return on_surface(values, measured, grid.affine)
