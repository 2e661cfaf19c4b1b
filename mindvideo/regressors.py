"""The regressors that are removed from a run: drift and confounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mindvideo.fmri.cleaning import cosines, nuisance, polynomials
from mindvideo.io.confounds import read_confounds
from mindvideo.settings.fmri import CleanSettings


def drifts(settings: CleanSettings) -> np.ndarray:
    """Drift regressors of a run, on the volumes kept, (n_volumes, n_regressors)."""
    if settings.high_pass is None:
        return polynomials(settings.n_volumes, settings.detrend_order)
    return cosines(settings.n_volumes, settings.tr, settings.high_pass)


def regressors(confounds: Path | None, settings: CleanSettings) -> np.ndarray:
    """Orthonormal basis of the drift and confound regressors, on the volumes kept.

    Parameters
    ----------
    confounds : Path, optional
        The run's table.
    settings : CleanSettings

    Returns
    -------
    (n_volumes, rank) float64

    Raises
    ------
    InputError
        If the table is damaged or lacks a column, or the regressors would leave nothing of the run.
    """
    if confounds is None:
        return nuisance(drifts(settings))
    timing = settings.timing
    recorded = timing.drop_start + settings.n_volumes + timing.drop_end
    table = read_confounds(confounds, settings.confounds, recorded)
    return nuisance(drifts(settings), table[timing.drop_start : recorded - timing.drop_end])
