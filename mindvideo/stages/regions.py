"""Areas and networks on the grid of a subject's runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import NO_AREA, grayordinate_networks, on_vertices, project
from mindvideo.fmri.labels import Labelling, label_table, network_table
from mindvideo.io.coordinates import outside_mni
from mindvideo.io.headers import Header, read_run_header
from mindvideo.io.images import named
from mindvideo.io.maps import read_masks, write_labels
from mindvideo.io.spaces import Grid, Space
from mindvideo.labelling import check_grid, label
from mindvideo.run_files import run_path
from mindvideo.settings.fmri import RegionSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes

log = logging.getLogger(__name__)


def _check_mni(header: Header) -> None:
    problem = outside_mni(header)
    if problem is None:
        return
    level, message = problem
    if level == "error":
        raise InputError(message)
    log.warning("%s: %s", header.path, message)


@chapter("fMRI")
@makes("regions")
def main(
    *,
    run: Input,
    right: Input | None = None,
    masks: Inputs | None = None,
    voxels: Input | None = None,
    labels: Inputs | None = None,
    regions: Output,
    networks: Output,
    settings: RegionSettings,
) -> None:
    """Write maps of areas and networks on the grid of `run`; voxels with an area label are used.

    Areas are 1…360, and 361 for a voxel that is used but belongs to no area
    (:mod:`mindvideo.fmri.atlas`); further numbers are areas that are not Glasser's, whose names are
    in the map. Voxels of a volume must be in all masks. `right` is the right hemisphere of a GIFTI
    run, `voxels` the table of an array's columns, `labels` a file of areas on the grid of the run.
    """
    path = run_path(run, right, settings.key)
    with named(path):
        header = read_run_header(path, settings.space, voxels)
        check_grid(path, header.grid)
        if isinstance(header.grid, Grid) and settings.atlas:
            _check_mni(header)
    grid = header.grid
    if isinstance(grid, Grid):
        grid = replace(grid, mni=settings.atlas)
        found = _in_volume(grid, masks, settings)
    else:
        found = label(path, grid, settings.grayordinates == "all", labels or ())
        if found.unknown:
            log.warning("%s: %s", path, found.unknown)
    space = Space(grid, found.areas > 0)
    log.info("%d of %d voxels are used (%s)", len(space), found.areas.size, grid)
    areas, nets = found.areas[space.mask], found.networks[space.mask]
    name = "areas" if labels or found.own else "Glasser areas"
    write_labels(regions, areas, space, name=name, names=label_table(found.own))
    write_labels(networks, nets, space, name="Yeo networks", names=network_table(nets))


def _in_volume(grid: Grid, masks: Sequence[Path] | None, settings: RegionSettings) -> Labelling:
    if not settings.atlas:
        if not masks:
            raise InputError(
                "regions.atlas is false, so a brain mask must define the voxels, but there is "
                "none: set dataset.mask, or the column mask of the table of runs, to its path."
            )
        areas = _common(masks, grid).astype(np.int16) * NO_AREA
        return Labelling(areas, np.zeros_like(areas))
    on_mesh = on_vertices(grayordinate_networks())
    areas = project(grid.affine, grid.shape, settings.max_distance)
    nets = project(grid.affine, grid.shape, settings.max_distance, on_mesh)
    if masks:
        areas[~_common(masks, grid)] = 0
        if not areas.any():
            raise InputError(
                f"{masks[0]}: no voxel of this mask is near the cortex in MNI space. Is it a "
                "mask in another space? For runs in native space, set regions.atlas: false."
            )
    return Labelling(areas, nets)


def _common(masks: Sequence[Path], grid: Grid) -> np.ndarray:
    """The intersection of the subject's brain masks, ``grid.shape`` bool."""
    mask = read_masks(masks, grid)
    log.info("%d voxels are in all of %d brain masks", mask.sum(), len(masks))
    return mask
