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


def _see_that_it_is_mni(header: Header) -> None:
    if not (doubt := outside_mni(header)):
        return
    level, message = doubt
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
    """Write two maps of labels on the grid of `run`; a voxel with an area is taken.

    Areas are 1…360, and 361 for a voxel that is taken and has none (:mod:`mindvideo.fmri.atlas`).
    Masks limit the voxels of a volume to those that are in all of them.
    """
    with named(run):
        header = read_run_header(run, settings.space)
        if isinstance(header.grid, Grayordinates):
            check_layout(run, header.grid, cortex_vertices()[:2])
        elif settings.atlas:
            _see_that_it_is_mni(header)
    grid = header.grid
    if isinstance(grid, Grayordinates):
        rest = np.full(len(grid.models), 0 if settings.grayordinates == "cortex" else NO_AREA)
        areas, nets = rest.astype(np.int16), np.zeros_like(rest)
        areas[: grid.n_cortex] = grayordinate_labels()[: grid.n_cortex]
        nets[: grid.n_cortex] = grayordinate_networks()[: grid.n_cortex]
    elif settings.atlas:
        place = grid.affine, grid.shape, settings.max_distance
        areas, nets = project(*place), project(*place, on_vertices(grayordinate_networks()))
        if masks:
            areas[~_common(masks, grid)] = 0
            if not areas.any():
                raise InputError(
                    f"{masks[0]}: no voxel of this mask lies near the cortex in MNI space. Is it "
                    "the mask of another space? For runs in native space say regions.atlas: false."
                )
    else:
        if not masks:
            raise InputError(
                "regions.atlas is false, so the voxels are those of a brain mask, and there is "
                "none: give its path as dataset.mask, or in the column mask of the table of runs."
            )
        grid = replace(grid, mni=False)
        areas = _common(masks, grid).astype(np.int16) * NO_AREA
        nets = np.zeros_like(areas)
    space = Space(grid, areas > 0)
    log.info("%d of %d voxels are taken (%s)", len(space), areas.size, grid)
    write_labels(regions, areas[space.mask], space, name="Glasser areas", names=label_names())
    write_labels(networks, nets[space.mask], space, name="Yeo networks", names=network_names())


def _common(masks: Sequence[Path], grid: Grid) -> np.ndarray:
    """What the subject's brain masks have in common, ``grid.shape`` bool."""
    mask = read_masks(masks, grid)
    log.info("%d voxels are in all of %d brain masks", mask.sum(), len(masks))
    return mask
