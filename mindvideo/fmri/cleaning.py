"""Drift and confounds out, scale out: a run's voxels as z-scores (Wen et al. 2018).

Both are taken out in one least-squares step, by projection onto what is orthogonal to all of them:
one after the other, the second would bring back some of the first (Lindquist et al. 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from mindvideo.errors import InputError
from mindvideo.fmri.variation import near_constant

# What is left of a constant voxel by rounding, relative to its size.
CONSTANT = 1e-6
# Directions that regressors span by no more than this share of the largest are rounding.
DEPENDENT = 1e-6
MOST_BROKEN = 0.5
"""A run with a larger share of its voxels not finite is not worth cleaning."""


def polynomials(n_volumes: int, order: int) -> np.ndarray:
    """Legendre polynomials up to `order` on the volumes' times, (n_volumes, order + 1)."""
    return legendre.legvander(np.linspace(-1, 1, n_volumes), order)


def cosines(n_volumes: int, tr: float, cutoff: float) -> np.ndarray:
    """Discrete cosines of periods down to `cutoff` [s], and a constant (SPM's high-pass filter).

    Returns
    -------
    (n_volumes, n)
    """
    # A second to import, and most runs have no high-pass.
    from nilearn.glm.first_level.design_matrix import create_cosine_drift

    return create_cosine_drift(1 / cutoff, np.arange(n_volumes) * tr)


def nuisance(drift: np.ndarray, confounds: np.ndarray | None = None) -> np.ndarray:
    """Orthonormal basis of all that is to be taken out of a run.

    Parameters
    ----------
    drift : (n_volumes, n_drift)
        From :func:`polynomials` or :func:`cosines`: holds the constant.
    confounds : (n_volumes, n_confounds), optional
        Any scale; columns that depend on others, or do not change, are no error.

    Returns
    -------
    (n_volumes, rank)

    Raises
    ------
    InputError
        If they leave nothing of the run.
    """
    basis, _ = np.linalg.qr(drift)
    if confounds is not None and confounds.size:
        rest = confounds - basis @ (basis.T @ confounds)
        size = np.linalg.norm(confounds, axis=0)
        rest = rest[:, np.linalg.norm(rest, axis=0) > DEPENDENT * size]
        if rest.shape[1]:
            left, share, _ = np.linalg.svd(rest / rest.std(axis=0), full_matrices=False)
            basis = np.hstack([basis, left[:, share > DEPENDENT * share[0]]])
    n_volumes, n_regressors = basis.shape
    if n_volumes <= n_regressors:
        raise InputError(
            f"{n_volumes} volumes are too few to take {n_regressors} regressors (drift and "
            f"confounds) out of: at least {n_regressors + 1} are needed. Lower "
            "clean.detrend_order, raise clean.high_pass, or name fewer clean.confounds."
        )
    return basis


@dataclass(frozen=True)
class Cleaned:
    """A run's voxels as z-scores, and what was wrong with them."""

    values: np.ndarray
    """(n_volumes, n_voxels) float32: mean 0, SD 1; all zero where dead."""
    constant: np.ndarray
    """(n_voxels,) bool: constant, or nothing but drift and confounds."""
    near_constant: np.ndarray
    """(n_voxels,) bool: varies, but hardly against the run's others (:func:`near_constant`)."""
    not_finite: np.ndarray
    """(n_voxels,) bool: some value is not a finite number."""
    tsnr: np.ndarray
    """(n_voxels,) float64: mean over SD (n - 1) of what was recorded, drift and all; 0 if dead."""

    @property
    def dead(self) -> np.ndarray:
        return self.constant | self.near_constant | self.not_finite


def clean(
    run: np.ndarray, basis: np.ndarray, out: np.ndarray | None = None, chunk: int = 1024
) -> Cleaned:
    """Take a basis out of each voxel, then z-score it.

    Order of operations, in double precision: mean subtracted; projection onto the basis subtracted;
    divided by the SD (over n, not n - 1) of what is left; what is dead is set to 0. `run` is not
    changed.

    Parameters
    ----------
    run : (n_volumes, n_voxels) float
        One run, already trimmed.
    basis : (n_volumes, n_regressors)
        From :func:`nuisance`: orthonormal, spans the constant.
    out : (n_volumes, n_voxels) float32, optional
        Where to put the values.
    chunk : int
        Voxels at a time: bounds the memory, and lets them stay in the processor's cache.
    """
    n_volumes, n_voxels = run.shape
    values = np.empty(run.shape, dtype=np.float32) if out is None else out
    constant, not_finite = np.zeros((2, n_voxels), dtype=bool)
    tsnr, left = np.zeros((2, n_voxels))
    for start in range(0, n_voxels, chunk):
        here = slice(start, min(start + chunk, n_voxels))
        block = run[:, here].T.astype(np.float64, order="C")  # a row a voxel
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
        left[here] = np.where(flat, 0, sd)
        steady = raw > CONSTANT * np.abs(mean)
        tsnr[here][steady] = mean[steady] / raw[steady]
    hardly = near_constant(left, n_volumes - basis.shape[1])
    values[:, hardly], tsnr[hardly] = 0, 0
    return Cleaned(values, constant, hardly, not_finite, tsnr)
