"""Glasser's areas and Yeo's networks on the grid of a subject's runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import (
    NO_AREA,
    cortex_vertices,
    grayordinate_labels,
    grayordinate_networks,
    label_names,
    network_names,
    on_vertices,
    project,
)
from mindvideo.io.cifti import check_layout
from mindvideo.io.coordinates import outside_mni
from mindvideo.io.headers import Header, read_run_header
from mindvideo.io.images import named
from mindvideo.io.maps import read_masks, write_labels
from mindvideo.io.spaces import Grayordinates, Grid, Space
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
    masks: Inputs | None = None,
    regions: Output,
    networks: Output,
    settings: RegionSettings,
) -> None:
    """Write maps of areas and networks on the grid of `run`; voxels with an area label are used.

    Areas are 1…360, and 361 for a voxel that is used but belongs to no area
    (:mod:`mindvideo.fmri.atlas`). Voxels of a volume must be in all masks.
    """
    with named(run):
        header = read_run_header(run, settings.space)
        if isinstance(header.grid, Grayordinates):
            check_layout(run, header.grid, cortex_vertices()[:2])
        elif settings.atlas:
            _check_mni(header)
    grid = header.grid
    if isinstance(grid, Grayordinates):
        subcortical = 0 if settings.grayordinates == "cortex" else NO_AREA
        areas = np.full(len(grid.models), subcortical, np.int16)
        nets = np.zeros(len(grid.models), int)
        areas[: grid.n_cortex] = grayordinate_labels()[: grid.n_cortex]
        nets[: grid.n_cortex] = grayordinate_networks()[: grid.n_cortex]
    elif settings.atlas:
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
    else:
        if not masks:
            raise InputError(
                "regions.atlas is false, so a brain mask must define the voxels, but there is "
                "none: set dataset.mask, or the column mask of the table of runs, to its path."
            )
        grid = replace(grid, mni=False)
        areas = _common(masks, grid).astype(np.int16) * NO_AREA
        nets = np.zeros_like(areas)
    space = Space(grid, areas > 0)
    log.info("%d of %d voxels are used (%s)", len(space), areas.size, grid)
    write_labels(regions, areas[space.mask], space, name="Glasser areas", names=label_names())
    write_labels(networks, nets[space.mask], space, name="Yeo networks", names=network_names())


def _common(masks: Sequence[Path], grid: Grid) -> np.ndarray:
    """The intersection of the subject's brain masks, ``grid.shape`` bool."""
    mask = read_masks(masks, grid)
    log.info("%d voxels are in all of %d brain masks", mask.sum(), len(masks))
    return mask
