"""Trim, detrend and z-score the runs of one segment."""

from __future__ import annotations

import logging

import numpy as np

from mindvideo.fmri.cleaning import clean
from mindvideo.io.runs import read_labels, read_run
from mindvideo.settings import CleanSettings
from mindvideo.stages import Input, Inputs, Output

log = logging.getLogger(__name__)


def main(*, runs: Inputs, regions: Input, cleaned: Output, settings: CleanSettings) -> None:
    """Write (n_repeats, n_volumes, n_voxels) float32: voxels = regions > 0, in C order."""
    labels, grid = read_labels(regions)
    mask = labels > 0
    out = np.lib.format.open_memmap(
        cleaned,
        mode="w+",
        dtype=np.float32,
        shape=(len(runs), settings.n_volumes, int(mask.sum())),
    )
    timing = settings.timing
    for repeat, path in enumerate(runs):
        run = read_run(
            path,
            mask,
            grid,
            keep=settings.n_volumes,
            drop=(timing.drop_start, timing.drop_end),
            tr=settings.tr,
        )
        out[repeat], dead = clean(run, settings.detrend_order)
        level = logging.WARNING if dead.any() else logging.INFO
        log.log(
            level, "%s: %d of %d voxels constant or not finite, set to 0",
            path.name, dead.sum(), dead.size,
        )  # fmt: skip
    out.flush()
