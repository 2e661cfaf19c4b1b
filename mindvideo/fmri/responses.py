"""The response of each voxel to a segment, from the cleaned runs of its repetitions.

>>> runs = np.array([[[1.0, 0], [3, 0]], [[3.0, 2], [5, 4]]])  # two repetitions, volumes, voxels
>>> mean_of_living(runs)
array([[2., 2.],
       [4., 4.]])
"""

from __future__ import annotations

import numpy as np


def mean_of_living(repetitions: np.ndarray) -> np.ndarray:
    """Mean over the repetitions in which a voxel has a signal; 0 where it has none in any.

    Parameters
    ----------
    repetitions : (n_repetitions, n_volumes, n_voxels) float
        Cleaned runs, in which dead voxels are 0.

    Returns
    -------
    (n_volumes, n_voxels) float64
    """
    living = (repetitions != 0).any(axis=1).sum(axis=0)
    return repetitions.sum(axis=0, dtype=np.float64) / np.maximum(living, 1)


def responses_of_clips(repetitions: np.ndarray, n_clips: int, lag: int) -> np.ndarray:
    """The mean response that follows each clip, one volume per clip.

    Parameters
    ----------
    repetitions : (n_repetitions, n_volumes, n_voxels) float
        Cleaned runs of a segment.
    n_clips : int
        Clips of the segment.
    lag : int
        Volumes between a clip and its response.

    Returns
    -------
    (n, n_voxels) float64
        Of the first n clips: those whose response was recorded.
    """
    return mean_of_living(np.asarray(repetitions[:, lag : lag + n_clips]))
