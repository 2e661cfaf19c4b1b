"""Drift out, scale out: a run's voxels as z-scores (Wen et al. 2018, "fMRI preprocessing")."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre

from mindvideo.errors import InputError

# What is left of a constant voxel by rounding, relative to its size.
CONSTANT = 1e-6


def drift_basis(n_volumes: int, order: int) -> np.ndarray:
    """Orthonormal polynomials up to `order` on the volumes' grid, (n_volumes, order + 1).

    Legendre polynomials are near to orthogonal there already; QR makes them so.

    Raises
    ------
    InputError
        If the run is too short for anything to be left.
    """
    if n_volumes <= order + 1:
        raise InputError(
            f"{n_volumes} volumes are too few for a detrend of order {order}: at least "
            f"{order + 2} are needed. Lower clean.detrend_order."
        )
    basis, _ = np.linalg.qr(legendre.legvander(np.linspace(-1, 1, n_volumes), order))
    return basis


def clean(run: np.ndarray, order: int, chunk: int = 16_384) -> tuple[np.ndarray, np.ndarray]:
    """Remove each voxel's polynomial drift, then z-score it.

    Order of operations: least-squares polynomial (with its constant) subtracted, then divided by
    the SD (over n, not n - 1) of what is left. `run` is not changed.

    Parameters
    ----------
    run : (n_volumes, n_voxels) float
        One run, already trimmed.
    order : int
        Of the polynomial.
    chunk : int
        Voxels at a time in double precision: bounds the memory.

    Returns
    -------
    cleaned : (n_volumes, n_voxels) float32
        Mean 0, SD 1; all zero where `dead`.
    dead : (n_voxels,) bool
        Voxels that are constant (or nothing but drift) or have a value that is not finite.
    """
    basis = drift_basis(len(run), order)
    cleaned = np.zeros(run.shape, dtype=np.float32)
    dead = ~np.isfinite(run).all(axis=0)
    for start in range(0, run.shape[1], chunk):
        columns = np.flatnonzero(~dead[start : start + chunk]) + start
        values = run[:, columns].astype(np.float64)
        size = np.abs(values).max(axis=0, initial=0)
        values -= basis @ (basis.T @ values)
        sd = values.std(axis=0)
        alive = sd > CONSTANT * size
        cleaned[:, columns[alive]] = values[:, alive] / sd[alive]
        dead[columns[~alive]] = True
    return cleaned, dead


def temporal_snr(run: np.ndarray) -> np.ndarray:
    """Temporal signal-to-noise ratio of a run as it was recorded: mean over SD, drift and all.

    Parameters
    ----------
    run : (n_volumes, n_voxels) float
        One run, already trimmed, not cleaned.

    Returns
    -------
    (n_voxels,) float64
        0 where a voxel is constant or has a value that is not finite.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        mean, sd = run.mean(axis=0, dtype=np.float64), run.std(axis=0, dtype=np.float64, ddof=1)
        alive = np.isfinite(mean) & np.isfinite(sd) & (sd > CONSTANT * np.abs(mean))
    return np.where(alive, mean, 0) / np.where(alive, sd, 1)
