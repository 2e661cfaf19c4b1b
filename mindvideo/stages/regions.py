"""Glasser's areas on the grid of a subject's runs."""

from __future__ import annotations

import logging

from mindvideo.fmri.atlas import project
from mindvideo.io.runs import read_grid, write_map
from mindvideo.settings import Regions
from mindvideo.stages import Input, Output

log = logging.getLogger(__name__)


def main(*, run: Input, regions: Output, settings: Regions) -> None:
    """Write a map of labels 0…360 (:mod:`mindvideo.fmri.atlas`) on the grid of `run`."""
    grid = read_grid(run)
    labels = project(grid.affine, grid.shape, settings.max_distance)
    cortex = labels > 0
    log.info("%d of %d voxels are cortex (%s)", cortex.sum(), labels.size, grid)
    write_map(regions, labels[cortex], cortex, grid)
