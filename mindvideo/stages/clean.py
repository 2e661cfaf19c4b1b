"""Trim the runs of one segment, regress out drift and confounds, z-score; map the temporal SNR."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.decoding.recordings import cleaned_run
from mindvideo.errors import InputError
from mindvideo.fmri.copies import sampled_voxels
from mindvideo.io.maps import read_labels, write_map
from mindvideo.io.tables import save_table
from mindvideo.run_files import run_path
from mindvideo.settings.fmri import CleanSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes
from mindvideo.stages._copies import refuse_copies

log = logging.getLogger(__name__)


@chapter("fMRI")
@makes("clean", made_from=["regions"])
def main(
    *,
    runs: Inputs,
    right: Inputs | None = None,
    regions: Input,
    confounds: Inputs | None = None,
    events: Inputs | None = None,
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
    which a voxel has a signal and the volume is not masked. The table counts censored volumes if
    there is a rule to censor. The map is the temporal SNR of the volumes kept, before cleaning,
    averaged over repetitions. `alive` is the number of repetitions in which each voxel has a
    signal, (n_voxels,) int16. `right` are the right hemispheres of GIFTI runs.
    """
    if right and len(right) != len(runs):
        raise InputError(f"{len(runs)} left and {len(right)} right hemispheres: name pairs.")
    others: list[Path | None] = [*right] if right else [None] * len(runs)
    keys = settings.keys or [""] * len(runs)
    runs = [run_path(*names) for names in zip(runs, others, keys, strict=True)]
    space = read_labels(regions)[1]
    if settings.reads_confounds and not confounds:
        raise InputError(
            "clean.confounds or clean.censor needs a table of confounds, but there is none: set "
            "dataset.confounds to its path."
        )
    tables = confounds if settings.reads_confounds and confounds else [None] * len(runs)
    timing = settings.timing
    if len(timing) != len(runs):
        raise InputError(
            f"{len(runs)} runs, but settings.timing has {len(timing)} entries: one is needed for "
            "each run"
        )
    from_table = [t for t in timing if t.start(settings.tr) is None]
    if len(from_table) != len(events or []):
        raise InputError(
            f"{len(from_table)} runs start at an event, but there are {len(events or [])} tables "
            "of events: set dataset.events to their path"
        )
    onsets = iter(events or [])
    out = np.lib.format.open_memmap(
        cleaned,
        mode="w+",
        dtype=np.float32,
        shape=(1 if settings.average else len(runs), settings.n_volumes, len(space)),
    )
    buffer = np.empty(out.shape[1:], np.float32) if settings.average else None
    mean_tsnr, living, rows = np.zeros(len(space)), np.zeros(len(space), np.int16), []
    n_present = np.zeros((1, len(space)), np.float32)
    compared, samples = sampled_voxels(len(space)), []
    for repetition, (path, confound_table) in enumerate(zip(runs, tables, strict=True)):
        into = out[repetition] if buffer is None else buffer
        of_run = timing[repetition]
        result = cleaned_run(
            path,
            space,
            settings,
            of_run,
            confounds=confound_table,
            events=next(onsets) if of_run.start(settings.tr) is None else None,
            out=into,
        )
        counts = {
            name: getattr(result, name).sum()
            for name in ("constant", "near_constant", "not_finite")
        }
        if settings.average:
            out[0] += result.values
            n_present = n_present + result.present
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
                **({"censored": (~result.kept).sum()} if settings.censoring else {}),
                **counts,
                "tsnr": np.median(result.tsnr),
            }
        )
    refuse_copies(samples, [path.name for path in runs])
    if settings.average:
        out[0] /= np.maximum(n_present, 1)
    out.flush()
    np.save(alive, living)
    write_map(tsnr, mean_tsnr, space, name="temporal SNR", intent=("estimate", ()))
    save_table(table, pd.DataFrame(rows))
