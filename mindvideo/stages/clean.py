"""Trim, detrend and z-score the runs of one segment; map how steady they are."""

from __future__ import annotations

import logging

import numpy as np

from mindvideo.fmri.cleaning import clean, temporal_snr
from mindvideo.io.runs import read_labels, read_run, write_map
from mindvideo.settings import CleanSettings
from mindvideo.stages import Input, Inputs, Output

log = logging.getLogger(__name__)


def main(
    *, runs: Inputs, regions: Input, cleaned: Output, tsnr: Output, settings: CleanSettings
) -> None:
    """Write (n_repeats, n_volumes, n_voxels) float32: voxels = regions > 0, in C order.

    And a map of the temporal SNR of the volumes kept, before cleaning: mean over the repeats.
    """
    labels, grid = read_labels(regions)
    mask = labels > 0
    out = np.lib.format.open_memmap(
        cleaned,
        mode="w+",
        dtype=np.float32,
        shape=(len(runs), settings.n_volumes, int(mask.sum())),
    )
    timing = settings.timing
    steadiness = np.zeros(int(mask.sum()))
    for repeat, path in enumerate(runs):
        run = read_run(
            path,
            mask,
            grid,
            keep=settings.n_volumes,
            drop=(timing.drop_start, timing.drop_end),
            tr=settings.tr,
        )
        steadiness += temporal_snr(run) / len(runs)
        out[repeat], dead = clean(run, settings.detrend_order)
        level = logging.WARNING if dead.any() else logging.INFO
        log.log(
            level, "%s: %d of %d voxels constant or not finite, set to 0",
            path.name, dead.sum(), dead.size,
        )  # fmt: skip
    out.flush()
    write_map(tsnr, steadiness, mask, grid)
