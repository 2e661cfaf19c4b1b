"""What is removed from a run: drift, confounds and censored volumes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.clip_times import Trim
from mindvideo.errors import InputError
from mindvideo.fmri.censoring import kept_volumes
from mindvideo.fmri.cleaning import nuisance
from mindvideo.fmri.drift import cosines, polynomials
from mindvideo.io.confounds import exceeding, load_confound_table, values_of
from mindvideo.settings.fmri import CleanSettings

SPARE = 10
"""How many more volumes than regressors censoring must keep: z-scores of fewer are noise."""


def drifts(settings: CleanSettings, n_volumes: int) -> np.ndarray:
    """Drift regressors of a run, on the volumes read, (n_volumes, n_regressors)."""
    if settings.high_pass is None:
        return polynomials(n_volumes, settings.detrend_order)
    return cosines(n_volumes, settings.tr, settings.high_pass)


@dataclass(frozen=True)
class Projection:
    """What is removed from a run, and from which of its volumes."""

    basis: np.ndarray
    """(n_kept, rank) float64: orthonormal, drift and confounds on the volumes kept."""
    kept: np.ndarray
    """(n_volumes,) bool: not censored, of the volumes that are read."""

    @property
    def n_left(self) -> int:
        """Degrees of freedom that are left of the run."""
        return int(self.kept.sum()) - self.basis.shape[1]


def projection(
    confounds: Path | None, settings: CleanSettings, trim: Trim, n_volumes: int | None
) -> Projection:
    """Which volumes of a run are kept, and the drift and confounds to remove from them.

    Parameters
    ----------
    confounds : Path, optional
        The run's table.
    settings : CleanSettings
    trim : Trim
        The volumes read.
    n_volumes : int or None
        Volumes of the whole run, if that is known.


    Raises
    ------
    InputError
        If the table is damaged or lacks a column, or the regressors would leave nothing of the
        volumes kept.
    """
    drift, every = drifts(settings, trim.n_read), np.ones(trim.n_read, dtype=bool)
    if confounds is None or not settings.reads_confounds:
        return Projection(nuisance(drift), every)
    table = load_confound_table(confounds, n_volumes)
    if len(table) < (end := trim.start + trim.n_read):
        raise InputError(
            f"{confounds}: {len(table)} rows, but {end} volumes of the run are read: does the "
            "table belong to another run? Check dataset.confounds."
        )
    volumes = slice(trim.start, end)
    values = values_of(confounds, table, settings.confounds)[volumes]
    kept = _kept(confounds, table, settings)[volumes]
    if kept.all():
        return Projection(nuisance(drift, values), kept)
    try:
        return Projection(nuisance(drift[kept], values[kept], spare=SPARE), kept)
    except InputError as error:
        names = ", ".join(name for name, _ in settings.censoring)
        raise InputError(
            f"{confounds}: {np.sum(~kept)} of {len(kept)} volumes are censored ({names}). {error} "
            "Or censor fewer volumes, or leave the run out with dataset.exclude."
        ) from error


def _kept(path: Path, table: pd.DataFrame, settings: CleanSettings) -> np.ndarray:
    """The volumes of a whole run that nothing censors, (n_recorded,) bool."""
    kept = np.ones(len(table), dtype=bool)
    for name, censor in settings.censoring:
        marked = exceeding(path, table, censor, name)
        kept &= kept_volumes(marked, censor.before, censor.after, censor.min_segment)
    return kept
