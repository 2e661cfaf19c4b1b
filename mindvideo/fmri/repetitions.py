"""The mean over the repetitions of a segment: each voxel and volume over those that have it.

>>> import numpy as np
>>> runs = np.array([[[1.0, 2], [3, 4]], [[3, 0], [5, 0]]])  # a dead voxel in the second
>>> mean_of_repetitions(runs)
array([[2., 2.],
       [4., 4.]])
"""

from __future__ import annotations

import numpy as np


def mean_of_repetitions(runs: np.ndarray) -> np.ndarray:
    """Mean over the repetitions in which a voxel is alive and a volume is not masked.

    Dead voxels and masked volumes of cleaned runs are zero throughout, by which they are known.

    Parameters
    ----------
    runs : (n_repetitions, n_volumes, n_voxels) float
        Cleaned runs of one segment, all of its voxels or some.

    Returns
    -------
    (n_volumes, n_voxels) of the same type
        Zero where no repetition has a value.
    """
    alive, valued = runs.any(axis=1), runs.any(axis=2)
    if alive.all() and valued.all():
        return runs.mean(axis=0)
    n = np.einsum("rt,rv->tv", valued, alive, dtype=runs.dtype)
    return runs.sum(axis=0) / np.maximum(n, 1)
