"""Samples for masked brain modelling: a run's volumes, averaged and standardised (paper 3.2).

Drift can be regressed out before the volumes are averaged (:func:`detrend`).

>>> import numpy as np
>>> volumes = np.arange(10.0).reshape(5, 2)
>>> average(volumes, 2)  # the fifth volume is left out
array([[1., 2.],
       [5., 6.]])
>>> samples = standardise(average(volumes, 2))
>>> samples.dtype, float(samples.mean()), float(samples.std().round(3))
(dtype('float32'), 0.0, 1.0)
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.drift import polynomials
from mindvideo.fmri.variation import CONSTANT


def detrend(volumes: np.ndarray, order: int) -> np.ndarray:
    """Regress polynomials up to `order` out of each voxel; its mean stays.

    Parameters
    ----------
    volumes : (n_volumes, n_voxels)
        A run.

    Returns
    -------
    (n_volumes, n_voxels) float64

    Raises
    ------
    InputError
        If the run has too few volumes for so many polynomials.
    """
    if len(volumes) <= order + 1:
        raise InputError(
            f"{len(volumes)} volumes are too few to regress out a polynomial of order {order}: at "
            f"least {order + 2} are needed. Lower samples.detrend_order, or leave the run out of "
            "pretraining_data.runs."
        )
    basis, _ = np.linalg.qr(polynomials(len(volumes), order))
    drift = basis[:, 1:]  # the first column is the constant
    return volumes - drift @ (drift.T @ volumes)


def average(volumes: np.ndarray, n: int) -> np.ndarray:
    """Means of blocks of n consecutive volumes; a remainder shorter than n is left out.

    Parameters
    ----------
    volumes : (n_volumes, n_voxels)

    Returns
    -------
    (n_volumes // n, n_voxels)

    Raises
    ------
    InputError
        If there are fewer than n volumes.
    """
    if len(volumes) < n:
        raise InputError(
            f"{len(volumes)} volumes, but one sample averages {n}: lower samples.seconds."
        )
    n_samples = len(volumes) // n
    return volumes[: n_samples * n].reshape(n_samples, n, -1).mean(axis=1)


def standardise(samples: np.ndarray, by: Literal["run", "voxel"] = "run") -> np.ndarray:
    """Standardise the samples of a run.

    Parameters
    ----------
    samples : (n_samples, n_voxels)
    by : {"run", "voxel"}
        By one mean and one SD of the whole run, so that differences between voxels remain; or each
        voxel by its own, with zeros where it is constant.

    Returns
    -------
    (n_samples, n_voxels) float32

    Raises
    ------
    InputError
        If a value is not finite, or all are the same.
    """
    mean, sd = samples.mean(dtype=np.float64), samples.std(dtype=np.float64)
    if not np.isfinite(sd) or sd == 0:
        problem = "all the same" if sd == 0 else "not all finite numbers"
        raise InputError(
            f"The run's samples are {problem}: leave it out of pretraining_data.runs, or repair it."
        )
    if by == "run":
        return ((samples - mean) / sd).astype(np.float32)
    centred = samples - samples.mean(axis=0, dtype=np.float64)
    sds = centred.std(axis=0)
    constant = sds <= CONSTANT * sds.max()  # up to rounding; all, if there is a single sample
    return np.where(constant, 0, centred / np.where(constant, 1, sds)).astype(np.float32)
