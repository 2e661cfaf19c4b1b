"""Average the volumes of pre-training runs into samples of the early visual cortex."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import cortex_vertices, grayordinates
from mindvideo.fmri.samples import average, detrend, standardise
from mindvideo.fmri.variation import near_constant
from mindvideo.fmri.windows import pad
from mindvideo.io.runs import read_dtseries, series_length
from mindvideo.io.tables import save_table
from mindvideo.progress import progress
from mindvideo.settings.fmri import SampleSettings
from mindvideo.stages import Inputs, Output, chapter, makes

log = logging.getLogger(__name__)


def _count(path: Path, n_volumes: int) -> int:
    length = series_length(path)
    if length < n_volumes:
        raise InputError(
            f"{path}: {length} volumes, but one sample averages {n_volumes}: lower "
            "samples.seconds, or remove this run from pretraining_data.runs."
        )
    return length // n_volumes


@chapter("fMRI")
@makes("samples", shared=True)
def main(*, runs: Inputs, samples: Output, index: Output, settings: SampleSettings) -> None:
    """Write (n_samples, n_voxels) float32: area by area, with zeros up to a multiple of the patch.

    The index has one row per sample: its run, and its start [s]. Grayordinates that vary far less
    than the others are set to their mean. Only one run is in memory at a time.
    """
    columns = grayordinates(settings.areas)
    left, right, _ = cortex_vertices()
    n_volumes = max(1, round(settings.seconds / settings.tr))
    counts = [_count(path, n_volumes) for path in runs]
    padded = len(columns) + -len(columns) % settings.patch_size
    out = np.lib.format.open_memmap(
        samples, mode="w+", dtype=np.float32, shape=(sum(counts), padded)
    )
    tables = []
    for end, path in zip(np.cumsum(counts), progress(runs, desc="samples", unit="run")):
        run = read_dtseries(path, columns, (left, right), tr=settings.tr)
        nearly = near_constant(run.std(axis=0, dtype=np.float64), len(run) - 1)
        if nearly.any():
            message = "%s: %d of %d grayordinates nearly constant: set to their mean"
            log.warning(message, path.name, nearly.sum(), len(columns))
            run[:, nearly] = run[:, nearly].mean(axis=0, dtype=np.float64)
        if settings.centre:
            run -= run.mean(axis=0, dtype=np.float64)
        try:
            if settings.detrend_order:
                run = detrend(run, settings.detrend_order)
            rows = standardise(average(run, n_volumes), settings.standardize)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        out[end - len(rows) : end] = pad(rows, settings.patch_size)
        seconds = np.arange(len(rows)) * n_volumes * settings.tr
        tables.append(pd.DataFrame({"run": path.name.partition(".")[0], "seconds": seconds}))
    out.flush()
    save_table(index, pd.concat(tables).round({"seconds": 6}))
    log.info("%d samples of %d grayordinates (padded: %d)", len(out), len(columns), padded)
