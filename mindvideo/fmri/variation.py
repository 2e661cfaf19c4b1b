"""Voxels that hardly vary: traces of resampling outside the brain.

>>> import numpy as np
>>> near_constant(np.array([1.0, 0.9, 1e-6, 0.0]), degrees=100)
array([False, False,  True, False])
"""

from __future__ import annotations

import numpy as np

# A voxel whose SD is at most this fraction of its size is constant up to rounding.
CONSTANT = 1e-6
# Voxels whose SD is below this fraction of the 90th percentile are outside the brain, where
# resampling leaves traces of 1e-6. In the brain, thermal noise alone is at least a tenth.
NEAR_CONSTANT = 0.003
PERCENTILE = 90
FEWEST = 4  # degrees of freedom: with fewer, an SD is too uncertain


def near_constant(sd: np.ndarray, degrees: int) -> np.ndarray:
    """Voxels that vary far less than the others of their run.

    Parameters
    ----------
    sd : (n_voxels,) float
        SD of each voxel over the run; 0 for those that are constant or not finite.
    degrees : int
        Degrees of freedom of the SDs.

    Returns
    -------
    (n_voxels,) bool
        Those with 0 < SD < 0.3% of the 90th percentile of all SDs above 0.
    """
    varies = sd > 0
    if degrees < FEWEST or not varies.any():
        return np.zeros(len(sd), dtype=bool)
    return varies & (sd < NEAR_CONSTANT * np.percentile(sd[varies], PERCENTILE))
