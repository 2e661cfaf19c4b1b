"""Smoothing of runs: a Gaussian in the volume, diffusion along the cortex.

Values that are not finite are left out of the averages of their neighbours, and do not change.

>>> import numpy as np
>>> volume = np.zeros((21, 21, 21), np.float32)
>>> volume[10, 10, 10] = 1
>>> smooth = smooth_volume(volume, np.diag([2, 2, 2, 1]), fwhm=6)
>>> round(float(smooth.sum()), 3)
1.0
>>> round(float(smooth[10, 10, 10] / smooth[13, 10, 10]))  # half of the FWHM is 1.5 voxels
16
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from mindvideo.fmri.atlas import N_LEFT, N_RIGHT, cortex_vertices, data_file, mesh_points

if TYPE_CHECKING:
    from scipy import sparse

FWHM_PER_SD = np.sqrt(8 * np.log(2))


def smooth_volume(volume: np.ndarray, affine: np.ndarray, fwhm: float) -> np.ndarray:
    """Gaussian smoothing of one volume, by nilearn.

    Parameters
    ----------
    volume : (i, j, k) float
    affine : (4, 4)
        Voxel indices → mm.
    fwhm : float
        Full width at half maximum of the Gaussian [mm].

    Returns
    -------
    (i, j, k) float
    """
    # Imported here since it takes a second, and most runs are not smoothed.
    from nilearn.image.image import smooth_array

    finite = np.isfinite(volume)
    if finite.all():
        return smooth_array(volume, affine, fwhm, ensure_finite=False)
    total, weight = (
        smooth_array(values.astype(np.float32), affine, fwhm, ensure_finite=False)
        for values in (np.where(finite, volume, 0), finite)
    )
    return np.where(finite, total / np.where(finite, weight, 1), volume)


@cache
def _cortex() -> tuple[sparse.csr_array, float]:
    """Operator that averages over a grayordinate's neighbours, and the variance that it adds.

    Returns
    -------
    neighbours : (59412, 59412) sparse
        Rows sum to 1.
    spread : float
        Mean variance along one direction [mm²]: half the squared length of an edge.
    """
    from scipy import sparse  # 0.2 s, and most runs are not smoothed

    with np.load(data_file("cortical_adjacency.npz")) as file:
        links = sparse.csr_array(
            (file["data"].astype(np.float32), file["indices"], file["indptr"]),
            shape=tuple(file["shape"]),
        )
    left, right, n_vertices = cortex_vertices()
    points = mesh_points("midthickness_MSMAll")[np.r_[left, right + n_vertices]]
    ends = links.tocoo()
    lengths = np.linalg.norm(points[ends.coords[0]] - points[ends.coords[1]], axis=1)
    neighbours = sparse.diags_array(1 / np.maximum(links.sum(axis=1), 1)).astype(np.float32) @ links
    return neighbours.tocsr(), float((lengths**2).mean() / 2)


def smooth_cortex(run: np.ndarray, fwhm: float) -> np.ndarray:
    """Smoothing along the cortical surface (S1200 midthickness) by diffusion.

    Each step moves a fraction of a value to its neighbours on the mesh; the variances of the steps
    add up to that of a Gaussian of this FWHM. Subcortical grayordinates are not smoothed.

    Parameters
    ----------
    run : (n_volumes, 59412…) float32
        Grayordinates of the 91k layout, the cortical ones first.
    fwhm : float
        Full width at half maximum of the Gaussian [mm].

    Returns
    -------
    (n_volumes, 59412…) float32
        The values of each grayordinate are contiguous in memory.
    """
    neighbours, spread = _cortex()
    variance = (fwhm / FWHM_PER_SD) ** 2
    n_steps = max(1, int(np.ceil(2 * variance / spread)))  # a step moves half at most
    moved = np.float32(variance / (n_steps * spread))
    n_cortex = N_LEFT + N_RIGHT
    values = np.ascontiguousarray(run.T)
    cortex = values[:n_cortex]
    finite = np.isfinite(cortex).all(axis=1, keepdims=True)
    weight = finite.astype(np.float32)
    total = np.where(finite, cortex, np.float32(0))
    for _ in range(n_steps):
        total = (1 - moved) * total + moved * (neighbours @ total)
        weight = (1 - moved) * weight + moved * (neighbours @ weight)
    smoothed = np.where(finite, total / np.maximum(weight, 1e-6), cortex)
    return np.vstack([smoothed, values[n_cortex:]]).T
