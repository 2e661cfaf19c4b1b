"""Voxels that hardly vary: traces of resampling outside the brain."""

from __future__ import annotations

import numpy as np

# Voxels that vary by less than this share of the run's lively ones lie outside the brain, where
# resampling leaves traces of 1e-6. In the brain thermal noise alone is a tenth or more.
NEAR_CONSTANT = 0.003
LIVELY = 90  # percentile
FEWEST = 4  # degrees of freedom; with fewer, an SD says too little


def near_constant(sd: np.ndarray, degrees: int) -> np.ndarray:
    """Voxels that hardly vary, against the others of their run.

    Parameters
    ----------
    sd : (n_voxels,) float
        SD of each voxel over the run; 0 of those that are known to be constant or broken.
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
    return varies & (sd < NEAR_CONSTANT * np.percentile(sd[varies], LIVELY))
