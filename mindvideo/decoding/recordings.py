"""Read a run, trim, smooth and clean it: for the stage `clean`, and for runs to be decoded."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.censoring import clean_kept
from mindvideo.fmri.cleaning import MOST_BROKEN, Cleaned
from mindvideo.fmri.smoothing import smooth_cortex, smooth_volume
from mindvideo.io.runs import read_run
from mindvideo.io.spaces import Grid, Space
from mindvideo.regressors import projection
from mindvideo.settings.fmri import CleanSettings


def cleaned_run(
    path: Path,
    space: Space,
    settings: CleanSettings,
    confounds: Path | None = None,
    out: np.ndarray | None = None,
) -> Cleaned:
    """Read a run, trim, smooth and clean it.

    Parameters
    ----------
    path : Path
    space : Space
        Its voxels, which have a label in the regions.
    settings : CleanSettings
    confounds : Path, optional
        The run's table of confounds.
    out : (n_volumes, n_voxels) float32, optional
        Array that the values are written to.

    Raises
    ------
    InputError
        If the run or the table cannot be read or does not fit, most voxels are not finite, or none
        varies.
    """
    run, removed = _read(path, space, settings), projection(confounds, settings)
    result = clean_kept(run, removed.basis, removed.kept, settings.censored, out=out)
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


def _read(path: Path, space: Space, settings: CleanSettings) -> np.ndarray:
    """Read a run, trimmed and smoothed."""
    grid, fwhm = space.grid, settings.smooth
    smooth = None
    if fwhm and isinstance(grid, Grid):
        smooth = partial(smooth_volume, affine=grid.affine, fwhm=fwhm)
    run = read_run(
        path,
        space,
        keep=settings.n_volumes,
        drop=(settings.timing.drop_start, settings.timing.drop_end),
        tr=settings.tr,
        smooth=smooth,
    )
    return smooth_cortex(run, fwhm) if fwhm and not isinstance(grid, Grid) else run
