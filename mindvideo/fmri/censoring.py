"""Censoring (scrubbing): volumes of much motion leave the regression (Power et al. 2012).

As in ``nilearn.signal.clean`` with a `sample_mask`: drift is defined on all volumes; then the
censored volumes leave the run and the regressors, and the volumes kept are cleaned. They are not
cut out here, since windows are consecutive volumes: they are interpolated between the cleaned
volumes or masked.

>>> import numpy as np
>>> marked = np.array([False, False, True, False, True, False, False, False])
>>> kept_volumes(marked, min_segment=2).astype(int)
array([1, 1, 0, 0, 0, 1, 1, 1])
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from mindvideo.fmri.cleaning import Cleaned, clean


def kept_volumes(
    marked: np.ndarray, before: int = 0, after: int = 0, min_segment: int = 0
) -> np.ndarray:
    """Volumes that stay after censoring.

    Parameters
    ----------
    marked : (n_volumes,) bool
        Volumes of a whole run to censor.
    before, after : int
        So many volumes before and after each of them are censored, too.
    min_segment : int
        Volumes between censored ones, and at the ends of the run, are censored, too, where there
        are fewer than this in a row.

    Returns
    -------
    (n_volumes,) bool
    """
    n = len(marked)
    censored = np.zeros(n, dtype=bool)
    for shift in range(-before, after + 1):
        reached = np.flatnonzero(marked) + shift
        censored[reached[(reached >= 0) & (reached < n)]] = True
    if min_segment and censored.any():
        # Imported here since it takes a second, and most runs are not censored.
        from nilearn.interfaces.fmriprep.load_confounds_scrub import optimize_scrub

        censored[optimize_scrub(np.flatnonzero(censored), n, min_segment)] = True
    return ~censored


def clean_kept(
    run: np.ndarray,
    basis: np.ndarray,
    kept: np.ndarray,
    censored: Literal["interpolate", "mask"] = "interpolate",
    out: np.ndarray | None = None,
) -> Cleaned:
    """Clean the volumes kept (:func:`.cleaning.clean`), and interpolate or mask the others.

    Parameters
    ----------
    run : (n_volumes, n_voxels) float
        One run, already trimmed.
    basis : (n_kept, n_regressors)
        From :func:`.cleaning.nuisance`, of the volumes kept.
    kept : (n_volumes,) bool
        Volumes that are not censored.
    censored : {"interpolate", "mask"}
        Censored volumes between volumes kept are interpolated by cubic splines, as nilearn does
        before its filters; those at the ends of the run, and all with ``"mask"``, are zero.
    out : (n_volumes, n_voxels) float32, optional
        Array that the values are written to.

    Returns
    -------
    Cleaned
        Mean and SD are 0 and 1 over the volumes kept.
    """
    if kept.all():
        return clean(run, basis, out=out)
    result = clean(run[kept], basis)
    values = np.empty(run.shape, dtype=np.float32) if out is None else out
    values[:] = 0
    values[kept] = result.values
    valued = kept.copy()
    times = np.flatnonzero(kept)
    if censored == "interpolate":
        from scipy.interpolate import CubicSpline

        gaps = np.flatnonzero(~kept)
        gaps = gaps[(gaps > times[0]) & (gaps < times[-1])]
        values[gaps] = CubicSpline(times, result.values.astype(np.float64))(gaps)
        valued[gaps] = True
    return replace(result, values=values, kept=kept, valued=valued)
