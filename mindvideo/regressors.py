"""The regressors that are removed from a run: drift and confounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mindvideo.clip_times import Trim
from mindvideo.errors import InputError
from mindvideo.fmri.cleaning import cosines, nuisance, polynomials
from mindvideo.io.confounds import read_confounds
from mindvideo.settings.fmri import CleanSettings


def drifts(settings: CleanSettings, n_volumes: int) -> np.ndarray:
    """Drift regressors of a run, on the volumes read, (n_volumes, n_regressors)."""
    if settings.high_pass is None:
        return polynomials(n_volumes, settings.detrend_order)
    return cosines(n_volumes, settings.tr, settings.high_pass)


def regressors(
    confounds: Path | None, settings: CleanSettings, trim: Trim, n_volumes: int | None
) -> np.ndarray:
    """Orthonormal basis of the drift and confound regressors, on the volumes read.

    Parameters
    ----------
    confounds : Path, optional
        The run's table.
    settings : CleanSettings
    trim : Trim
        The volumes read.
    n_volumes : int or None
        Volumes of the whole run, if that is known.

    Returns
    -------
    (trim.n_read, rank) float64

    Raises
    ------
    InputError
        If the table is damaged or lacks a column, or the regressors would leave nothing of the run.
    """
    drift = drifts(settings, trim.n_read)
    if confounds is None:
        return nuisance(drift)
    table = read_confounds(confounds, settings.confounds, n_volumes)
    if len(table) < (end := trim.start + trim.n_read):
        raise InputError(
            f"{confounds}: {len(table)} rows, but {end} volumes of the run are read: does the "
            "table belong to another run? Check dataset.confounds."
        )
    return nuisance(drift, table[trim.start : trim.start + trim.n_read])
