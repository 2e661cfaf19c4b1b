"""Read a run, trim, smooth and clean it: for the stage `clean`, and for runs to be decoded."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from mindvideo.clip_times import Trim, trim
from mindvideo.errors import InputError
from mindvideo.fmri.atlas import cortex_vertices
from mindvideo.fmri.censoring import clean_kept
from mindvideo.fmri.cleaning import MOST_BROKEN, Cleaned, standardise
from mindvideo.fmri.smoothing import smooth_cortex, smooth_volume
from mindvideo.fmri.windows import resample
from mindvideo.io.events import read_onset
from mindvideo.io.images import named
from mindvideo.io.runs import header_on, read_run
from mindvideo.io.spaces import AnyGrid, Grayordinates, Grid, Space
from mindvideo.regressors import projection
from mindvideo.settings.base import RunTiming
from mindvideo.settings.fmri import CleanSettings
from mindvideo.sizes import check_length


def cleaned_run(
    path: Path,
    space: Space,
    settings: CleanSettings,
    timing: RunTiming,
    *,
    confounds: Path | None = None,
    events: Path | None = None,
    out: np.ndarray | None = None,
) -> Cleaned:
    """Read a run, trim, smooth and clean it.

    If the film does not start with a volume, the cleaned values at its own times are interpolated
    (`settings.interpolation`), and standardised again.

    Parameters
    ----------
    path : Path
    space : Space
        Its voxels, which have a label in the regions.
    settings : CleanSettings
    timing : RunTiming
        When its film starts.
    confounds, events : Path, optional
        The run's tables of confounds, and of events.
    out : (n_volumes, n_voxels) float32, optional
        Array that the values are written to.

    Raises
    ------
    InputError
        If the run or a table cannot be read or does not fit, most voxels are not finite, or none
        varies.
    """
    n_recorded = header_on(path, space).n_volumes
    kept = trim_of(timing, settings, events)
    with named(path):
        ends = timing.drop_start, timing.drop_end
        check_length(n_recorded, ends, settings.n_volumes_of_film, kept.start + kept.n_read)
    run = _read(path, space, settings, kept)
    removed = projection(confounds, settings, kept, n_recorded)
    direct = None if kept.shift else out
    result = clean_kept(run, removed.basis, removed.kept, settings.censored, out=direct)
    if kept.shift:
        result = _at_times_of_film(result, kept.shift, settings, out)
    if (broken := result.not_finite.sum()) > MOST_BROKEN * len(space):
        raise InputError(
            f"{path}: {broken} of {len(space)} voxels have values that are not "
            "finite numbers. The file or its scaling is damaged: fetch it again, or leave it "
            "out with dataset.exclude."
        )
    if result.dead.all():
        raise InputError(
            f"{path}: none of its {len(space)} voxels varies over the volumes that are kept, "
            "so it contains no recording. Fetch it again, or leave it out with "
            "dataset.exclude."
        )
    return result


def is_91k(grid: AnyGrid) -> bool:
    """Whether a grid is that of the 91k layout, whose neighbours on the cortex are known."""
    return isinstance(grid, Grayordinates) and grid.follows(cortex_vertices()[:2])


def trim_of(timing: RunTiming, settings: CleanSettings, events: Path | None = None) -> Trim:
    """The volumes of a run that are read.

    Raises
    ------
    InputError
        If the table of events cannot be read, or does not have the onset of the film.
    """
    start = timing.start(settings.tr)
    if start is None:
        if events is None:
            raise InputError(
                "it is not known when the film starts: give drop_start, onset, or events"
            )
        start = read_onset(events, settings.event) / settings.tr
    return trim(start + settings.lag, settings.n_volumes, settings.interpolation)


def _at_times_of_film(
    result: Cleaned, shift: float, settings: CleanSettings, out: np.ndarray | None
) -> Cleaned:
    """The cleaned values `shift` volumes later, one volume fewer; masked if a neighbour is."""
    times = shift + np.arange(settings.n_volumes)
    valued, kept = (volumes[:-1] & volumes[1:] for volumes in (result.valued, result.kept))
    values = np.zeros((len(times), result.values.shape[1]), np.float32) if out is None else out
    values[:] = 0
    values[valued] = standardise(resample(result.values, times[valued], settings.interpolation))
    return replace(result, values=values, valued=valued, kept=kept)


def _read(path: Path, space: Space, settings: CleanSettings, kept: Trim) -> np.ndarray:
    """Read a run, trimmed and smoothed."""
    grid, fwhm = space.grid, settings.smooth
    smooth = None
    if fwhm and isinstance(grid, Grid):
        smooth = partial(smooth_volume, affine=grid.affine, fwhm=fwhm)
    elif fwhm and not is_91k(grid):
        raise InputError(
            f"{path} has {grid}, and clean.smooth smooths volumes and the 91k layout only: set it "
            "to null, or smooth the runs first (wb_command -cifti-smoothing)."
        )
    run = read_run(path, space, start=kept.start, keep=kept.n_read, tr=settings.tr, smooth=smooth)
    return smooth_cortex(run, fwhm) if fwhm and not isinstance(grid, Grid) else run
