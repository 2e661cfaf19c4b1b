"""Trim the runs of one segment, regress out drift and confounds, z-score; map the temporal SNR."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mindvideo.decoding.recordings import cleaned_run
from mindvideo.errors import InputError
from mindvideo.fmri.copies import sampled_voxels
from mindvideo.io.maps import read_labels, write_map
from mindvideo.io.tables import save_table
from mindvideo.settings.fmri import CleanSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes
from mindvideo.stages._copies import refuse_copies

log = logging.getLogger(__name__)


@chapter("fMRI")
@makes("clean", made_from=["regions"])
def main(
    *,
    runs: Inputs,
    regions: Input,
    confounds: Inputs | None = None,
    cleaned: Output,
    tsnr: Output,
    alive: Output,
    table: Output,
    settings: CleanSettings,
) -> None:
    """Write (n_repetitions, n_volumes, n_voxels) float32: voxels that have a label in `regions`.

    Voxels that are constant, nearly constant compared with the others, or not finite are set to
    zero in their run, and counted in the table, which has one row per run. Two runs of the same
    recording are an error. With `settings.average` there is one repetition: the mean over those in
    which a voxel has a signal. The map is the temporal SNR of the volumes kept, before cleaning,
    averaged over repetitions. `alive` is the number of repetitions in which each voxel has a
    signal, (n_voxels,) int16.
    """
    space = read_labels(regions)[1]
    if settings.confounds and not confounds:
        raise InputError(
            "clean.confounds names columns, but there is no table of confounds: set "
            "dataset.confounds to its path."
        )
    tables = confounds if settings.confounds and confounds else [None] * len(runs)
    out = np.lib.format.open_memmap(
        cleaned,
        mode="w+",
        dtype=np.float32,
        shape=(1 if settings.average else len(runs), settings.n_volumes, len(space)),
    )
    buffer = np.empty(out.shape[1:], np.float32) if settings.average else None
    mean_tsnr, living, rows = np.zeros(len(space)), np.zeros(len(space), np.int16), []
    compared, samples = sampled_voxels(len(space)), []
    for repetition, (path, confound_table) in enumerate(zip(runs, tables, strict=True)):
        into = out[repetition] if buffer is None else buffer
        result = cleaned_run(path, space, settings, confound_table, out=into)
        counts = {
            name: getattr(result, name).sum()
            for name in ("constant", "near_constant", "not_finite")
        }
        if settings.average:
            out[0] += result.values
        living += ~result.dead
        samples.append(result.values[:, compared])
        mean_tsnr += result.tsnr / len(runs)
        level = logging.WARNING if result.dead.any() else logging.INFO
        message = "%s: %d of %d voxels constant, nearly constant or not finite: set to 0"
        log.log(level, message, path.name, result.dead.sum(), len(space))
        rows.append(
            {
                "repetition": repetition + 1,
                "run": path.name,
                "volumes": settings.n_volumes,
                "voxels": len(space),
                **counts,
                "tsnr": np.median(result.tsnr),
            }
        )
    refuse_copies(samples, [path.name for path in runs])
    if settings.average:
        out[0] /= np.maximum(living, 1)
    out.flush()
    np.save(alive, living)
    write_map(tsnr, mean_tsnr, space, name="temporal SNR", intent=("estimate", ()))
    save_table(table, pd.DataFrame(rows))
