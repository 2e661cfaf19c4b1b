"""Samples of masked brain modelling: a run's volumes, averaged and standardised (paper 3.2)."""

from __future__ import annotations

import numpy as np

from mindvideo.errors import InputError


def average(volumes: np.ndarray, n: int) -> np.ndarray:
    """Means of each n consecutive volumes; a rest shorter than n is left out.

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
            f"{len(volumes)} volumes, and one sample averages {n}: lower samples.seconds."
        )
    n_samples = len(volumes) // n
    return volumes[: n_samples * n].reshape(n_samples, n, -1).mean(axis=1)


def standardise(samples: np.ndarray) -> np.ndarray:
    """One mean and one SD for the whole run: differences between voxels and volumes stay.

    Raises
    ------
    InputError
        If a value is not finite, or all are the same.
    """
    mean, sd = samples.mean(dtype=np.float64), samples.std(dtype=np.float64)
    if not np.isfinite(sd) or sd == 0:
        raise InputError(
            "The run's samples are "
            + ("all the same" if sd == 0 else "not all finite numbers")
            + ": leave it out of pretraining_data.runs, or repair it."
        )
    return ((samples - mean) / sd).astype(np.float32)
