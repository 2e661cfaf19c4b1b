"""Average pre-training runs into samples of the early visual cortex."""

from __future__ import annotations

import logging

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import cortex_vertices, grayordinates
from mindvideo.fmri.samples import average, standardise
from mindvideo.fmri.windows import pad
from mindvideo.io.runs import read_dtseries
from mindvideo.progress import progress
from mindvideo.settings import SampleSettings
from mindvideo.stages import Inputs, Output

log = logging.getLogger(__name__)


def main(*, runs: Inputs, samples: Output, settings: SampleSettings) -> None:
    """Write (n_samples, n_voxels) float32: area by area, zeros up to a multiple of the patch."""
    columns = grayordinates(settings.areas)
    left, right, _ = cortex_vertices()
    n_volumes = max(1, round(settings.seconds / settings.tr))
    rows = []
    for path in progress(runs, desc="samples", unit="run"):
        run = read_dtseries(path, columns, (left, right), tr=settings.tr)
        if settings.centre:
            run -= run.mean(axis=0, dtype=np.float64)
        try:
            rows.append(standardise(average(run, n_volumes)))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    joined = pad(np.concatenate(rows), settings.patch_size)
    log.info("%d samples of %d grayordinates (padded: %d)", len(joined), len(columns),
             joined.shape[1])  # fmt: skip
    np.save(samples, joined)
