"""Samples for masked brain modelling: a run's volumes, averaged and standardised (paper 3.2).

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

import numpy as np

from mindvideo.errors import InputError


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


def standardise(samples: np.ndarray) -> np.ndarray:
    """Standardise by one mean and one SD of the whole run: differences between voxels remain.

    Parameters
    ----------
    samples : (n_samples, n_voxels)

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
    return ((samples - mean) / sd).astype(np.float32)
