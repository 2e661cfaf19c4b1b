"""Maps from files to the vertices of the group surface, for all stages that draw the cortex."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.surface import GroupMaps, fsaverage5, on_surface, s1200
from mindvideo.io.maps import read_map
from mindvideo.io.spaces import AnyGrid, Grayordinates, Grid

FSLR_32K, FSAVERAGE5 = 32_492, 10_242
NESTED = (FSAVERAGE5, 40_962, 163_842)
"""Meshes whose first vertices are those of fsaverage5."""


def read_maps(paths: Sequence[Path]) -> tuple[list[np.ndarray], AnyGrid]:
    """Read maps that are on one grid.

    Returns
    -------
    values : list of arrays on the whole grid
    grid : Grid, Grayordinates, Parcels or Columns

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


def is_drawn(grid: AnyGrid) -> bool:
    """Whether there is a surface on which maps of a grid are drawn."""
    if isinstance(grid, Grid):
        return grid.mni
    return isinstance(grid, Grayordinates) and grid.n_mesh in (FSLR_32K, *NESTED)


def surface_of(grid: AnyGrid) -> GroupMaps:
    """The surface on which maps of a grid are drawn; the S1200 group's where there is none."""
    return fsaverage5() if isinstance(grid, Grayordinates) and grid.n_mesh in NESTED else s1200()


def on_cortex(values: np.ndarray, measured: np.ndarray, grid: AnyGrid) -> np.ndarray:
    """Project a map to the vertices of :func:`surface_of`.

    Parameters
    ----------
    values : array on the whole grid
    measured : array of bool
        Where the map has values.
    grid : Grid, Grayordinates, Parcels or Columns

    Returns
    -------
    (n_vertices,) float
        NaN where nothing was measured, and everywhere if the grid is on no surface.
    """
    n_vertices = len(surface_of(grid).flat)
    if not is_drawn(grid):
        return np.full(n_vertices, np.nan)
    if isinstance(grid, Grid):
        return on_surface(values, measured, grid.affine)
    assert isinstance(grid, Grayordinates)
    shown = np.where(measured, values, np.nan)[grid.cortex]
    on_mesh = np.full(2 * grid.n_mesh, np.nan, shown.dtype)
    on_mesh[grid.on_mesh] = shown
    return on_mesh.reshape(2, -1)[:, : n_vertices // 2].ravel()
