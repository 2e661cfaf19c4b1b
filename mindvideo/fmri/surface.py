"""Maps on the group's cortical surface, flattened and inflated."""

from __future__ import annotations

from functools import cache

import nibabel as nib
import numpy as np
from scipy.ndimage import map_coordinates

from mindvideo.fmri.atlas import area_of, data_file, mesh_points, midthickness, on_vertices


@cache
def flat_map() -> tuple[np.ndarray, np.ndarray]:
    """The flattened S1200 group surface, left and right hemisphere side by side.

    Returns
    -------
    points : (64984, 2) float32
        Position of each vertex of :func:`~mindvideo.fmri.atlas.midthickness` [mm]; NaN on the
        medial wall.
    areas : (64984,) str
        Names without the hemisphere; empty on the medial wall.
    """
    labels = midthickness()[1]
    points = mesh_points("flat")[:, :2].astype(np.float32)
    points[labels == 0] = np.nan
    half = len(points) // 2
    for side, hemisphere in ((-1, points[:half]), (1, points[half:])):
        low, high = np.nanmin(hemisphere, axis=0), np.nanmax(hemisphere, axis=0)
        hemisphere -= (low + high) / 2
        hemisphere[:, 0] += side * (high - low)[0] * 0.52
    return points, np.array([area_of(label) for label in labels])


@cache
def inflated() -> tuple[np.ndarray, np.ndarray]:
    """The inflated S1200 group surface.

    Returns
    -------
    points : (2, 32492, 3) float32
        Left and right hemisphere: x to the right, y to the front, z up [mm].
    faces : (2, n_faces, 3) int
        Corners of their triangles; those of every S1200 mesh but the flat one.
    """
    name = "inflated_MSMAll"
    files = [data_file(f"S1200.{side}.{name}.32k_fs_LR.surf.gii") for side in "LR"]
    faces = np.stack([nib.GiftiImage.from_filename(file).agg_data("triangle") for file in files])
    return mesh_points(name).reshape(2, -1, 3), faces


def sulcal_depth() -> np.ndarray:
    """Mean sulcal depth of the S1200 group at each vertex, (64984,) float32.

    Negative in sulci, positive on gyri (without unit); NaN on the medial wall.
    """
    file = data_file("S1200.sulc_MSMAll.32k_fs_LR.dscalar.nii")
    with file.open("rb") as opened:
        # A check would warn in each log: the header has pixels of size 0.
        header = nib.Nifti2Header.from_fileobj(opened, check=False)
        depth = header.raw_data_from_fileobj(opened).ravel()
    return on_vertices(depth.astype(np.float32), np.nan)


def on_surface(volume: np.ndarray, mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Values at the vertices of the midthickness surface, linearly interpolated between voxels.

    Parameters
    ----------
    volume : (i, j, k)
    mask : (i, j, k) bool
        Voxels that have a value; the others are left out of the interpolation.
    affine : (4, 4)
        Voxel indices → MNI coordinates [mm].

    Returns
    -------
    (64984,) float64
        NaN on the medial wall, and where voxels of the mask have less than a quarter of the weight.
    """
    coordinates, labels = midthickness()
    places = nib.affines.apply_affine(np.linalg.inv(affine), coordinates).T
    weight, total = (
        map_coordinates(values.astype(np.float64), places, order=1, mode="constant")
        for values in (mask, np.where(mask, volume, 0))
    )
    near = (weight >= 0.25) & (labels > 0)
    return np.where(near, total / np.where(near, weight, 1), np.nan)
