"""Cleaning: regress drift and confounds out of a run, then z-score its voxels (Wen et al. 2018).

Order of operations, from the raw run to its z-scores; the stage `clean` does 1, 2 and 7:

1. The volumes at the start and the end of the run that are not needed are dropped, as are their
   rows in the table of confounds.
2. If `clean.smooth` is set, each volume is smoothed (:mod:`mindvideo.fmri.smoothing`), before the
   mean is subtracted.
3. The drift's basis (:mod:`mindvideo.fmri.drift`): Legendre polynomials up to
   `clean.detrend_order`; or, if `clean.high_pass` is set, discrete cosines. Both contain the
   constant.
4. If `clean.confounds` names any, drift is regressed out of the confounds; those that then hardly
   vary are dropped, the rest standardised, and an orthonormal basis of them is added to the
   drift's (:func:`nuisance`).
5. If volumes are censored, they leave the basis and the run
   (:mod:`mindvideo.fmri.censoring`), which then are those of the volumes kept.
6. In each voxel (:func:`clean`): the mean is subtracted; drift and confounds are regressed out in
   one step; the residual is divided by its SD; dead voxels are set to 0.
7. If `clean.average` is set, the z-scores of a segment's repetitions are averaged.

Drift and confounds are regressed out in a single step, by projection onto the orthogonal complement
of all of them: with two steps, the second would reintroduce some of what the first removed
(Lindquist et al. 2019).

>>> import numpy as np
>>> from mindvideo.fmri.drift import polynomials
>>> run = np.random.default_rng(0).normal(size=(50, 2))
>>> run[:, 1] += np.linspace(0, 100, 50)  # a strong drift
>>> cleaned = clean(run, nuisance(polynomials(50, order=2)))
>>> cleaned.values.std(axis=0).round(3)
array([1., 1.], dtype=float32)
>>> bool(abs(np.corrcoef(cleaned.values[:, 1], np.arange(50))[0, 1]) < 1e-6)
True
>>> cleaned.dead
array([False, False])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.variation import CONSTANT, near_constant

# Singular values of the regressors up to this fraction of the largest are rounding errors.
DEPENDENT = 1e-6
MOST_BROKEN = 0.5
"""A larger fraction of voxels that are not finite in a run is an error."""


def nuisance(drift: np.ndarray, confounds: np.ndarray | None = None, spare: int = 1) -> np.ndarray:
    """Orthonormal basis of all regressors to remove from a run.

    Parameters
    ----------
    drift : (n_volumes, n_drift)
        From :mod:`mindvideo.fmri.drift`, including the constant.
    confounds : (n_volumes, n_confounds), optional
        Of any scale. Columns that are constant, or depend linearly on others, are allowed.
    spare : int
        How many more volumes than regressors are needed.

    Returns
    -------
    (n_volumes, rank)

    Raises
    ------
    InputError
        If the run has too few volumes for so many regressors.
    """
    basis, _ = np.linalg.qr(drift)
    if confounds is not None and confounds.size:
        rest = confounds - basis @ (basis.T @ confounds)
        size = np.linalg.norm(confounds, axis=0)
        rest = rest[:, np.linalg.norm(rest, axis=0) > DEPENDENT * size]
        if rest.shape[1]:
            left, singular, _ = np.linalg.svd(rest / rest.std(axis=0), full_matrices=False)
            basis = np.hstack([basis, left[:, singular > DEPENDENT * singular[0]]])
    n_volumes, n_regressors = basis.shape
    if n_volumes < n_regressors + spare:
        raise InputError(
            f"{n_volumes} volumes are too few to regress out {n_regressors} regressors (drift and "
            f"confounds): at least {n_regressors + spare} are needed. Lower "
            "clean.detrend_order, raise clean.high_pass, or name fewer clean.confounds."
        )
    return basis


@dataclass(frozen=True)
class Cleaned:
    """A run's voxels as z-scores, which of them are dead and why, and their temporal SNR."""

    values: np.ndarray
    """(n_volumes, n_voxels) float32: mean 0, SD 1; all zero where dead."""
    constant: np.ndarray
    """(n_voxels,) bool: constant, or only drift and confounds."""
    near_constant: np.ndarray
    """(n_voxels,) bool: varies far less than the run's other voxels (:func:`near_constant`)."""
    not_finite: np.ndarray
    """(n_voxels,) bool: some value is not a finite number."""
    tsnr: np.ndarray
    """(n_voxels,) float64: mean over SD (n - 1) of the run before cleaning; 0 if dead."""
    kept: np.ndarray
    """(n_volumes,) bool: not censored (:mod:`mindvideo.fmri.censoring`)."""
    valued: np.ndarray
    """(n_volumes,) bool: kept or interpolated; the others are zero in every voxel."""

    @property
    def dead(self) -> np.ndarray:
        """(n_voxels,) bool: any of the three."""
        return self.constant | self.near_constant | self.not_finite

    @property
    def present(self) -> np.ndarray:
        """(1 or n_volumes, n_voxels) bool: where there is a signal, to average over."""
        alive = ~self.dead[None]
        return alive if self.valued.all() else alive & self.valued[:, None]


def standardise(values: np.ndarray) -> np.ndarray:
    """Give each voxel mean 0 and SD 1 (over n); constant ones become 0.

    Parameters
    ----------
    values : (n_volumes, n_voxels) float

    Returns
    -------
    (n_volumes, n_voxels) float32
    """
    centred = values - values.mean(axis=0, dtype=np.float64)
    sd = centred.std(axis=0)
    return (centred / np.where(sd > 0, sd, 1)).astype(np.float32)


def clean(
    run: np.ndarray, basis: np.ndarray, out: np.ndarray | None = None, chunk: int = 1024
) -> Cleaned:
    """Regress a basis out of each voxel, then z-score it.

    Order of operations, in double precision: the mean is subtracted; the projection onto the basis
    is subtracted; the residual is divided by its SD (over n, not n - 1); dead voxels are set to 0.
    `run` is not changed.

    Parameters
    ----------
    run : (n_volumes, n_voxels) float
        One run, already trimmed.
    basis : (n_volumes, n_regressors)
        From :func:`nuisance`: orthonormal, spans the constant.
    out : (n_volumes, n_voxels) float32, optional
        Array that the values are written to.
    chunk : int
        Voxels at a time, which limits memory and keeps them in the processor's cache.

    Returns
    -------
    Cleaned
    """
    n_volumes, n_voxels = run.shape
    values = np.empty(run.shape, dtype=np.float32) if out is None else out
    constant, not_finite = np.zeros((2, n_voxels), dtype=bool)
    tsnr, residual_sd = np.zeros((2, n_voxels))
    for start in range(0, n_voxels, chunk):
        here = slice(start, min(start + chunk, n_voxels))
        block = run[:, here].T.astype(np.float64, order="C")  # one row per voxel
        with np.errstate(invalid="ignore", over="ignore"):
            mean = block.mean(axis=1)
        broken = ~np.isfinite(mean)
        block[broken], mean[broken] = 0, 0
        block -= mean[:, None]
        raw = np.sqrt(np.einsum("vt,vt->v", block, block) / (n_volumes - 1))
        block -= (block @ basis) @ basis.T
        sd = np.sqrt(np.einsum("vt,vt->v", block, block) / n_volumes)
        flat = sd <= CONSTANT * np.hypot(mean, raw)
        block[flat] = 0
        block /= np.where(flat, 1, sd)[:, None]
        values[:, here] = block.T
        constant[here], not_finite[here] = flat & ~broken, broken
        residual_sd[here] = np.where(flat, 0, sd)
        varies = raw > CONSTANT * np.abs(mean)
        tsnr[here][varies] = mean[varies] / raw[varies]
    nearly = near_constant(residual_sd, n_volumes - basis.shape[1])
    values[:, nearly], tsnr[nearly] = 0, 0
    every = np.ones(n_volumes, dtype=bool)
    return Cleaned(values, constant, nearly, not_finite, tsnr, kept=every, valued=every)
