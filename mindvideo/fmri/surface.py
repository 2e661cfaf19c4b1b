"""Maps on a group's cortical surface, flattened and inflated: HCP's S1200, or fsaverage5."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import map_coordinates

from mindvideo.fmri.atlas import (
    area_of,
    data_file,
    grayordinate_networks,
    mesh_points,
    midthickness,
    on_vertices,
)

MESHES = {
    "inflated": "inflated_MSMAll",
    "very inflated": "very_inflated_MSMAll",
    "midthickness": "midthickness_MSMAll",
}
SIDES = ("left", "right")


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
    return _side_by_side(points), np.array([area_of(label) for label in labels])


def _side_by_side(points: np.ndarray) -> np.ndarray:
    """Move the flat maps of the left and the right hemisphere next to each other, in place."""
    half = len(points) // 2
    for side, hemisphere in ((-1, points[:half]), (1, points[half:])):
        low, high = np.nanmin(hemisphere, axis=0), np.nanmax(hemisphere, axis=0)
        hemisphere -= (low + high) / 2
        hemisphere[:, 0] += side * (high - low)[0] * 0.52
    return points


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


@dataclass(frozen=True)
class GroupMaps:
    """A group's surface as figures need it, left hemisphere's vertices before the right's."""

    flat: np.ndarray
    """(n_vertices, 2) [mm]; NaN where the surface has no place."""
    meshes: dict[str, np.ndarray]
    """Name of a mesh: (2, n_vertices / 2, 3) [mm]; has "inflated"."""
    faces: np.ndarray
    """(2, n_faces, 3) int, of all meshes."""
    depth: np.ndarray
    """(n_vertices,) sulcal depth; NaN on the medial wall."""
    areas: np.ndarray
    """(n_vertices,) str; empty where there is none."""
    networks: np.ndarray
    """(n_vertices,) int; 0 where there is none."""


def s1200() -> GroupMaps:
    """The S1200 group surface, on the fsLR 32k meshes."""
    points, faces = inflated()
    meshes = {name: mesh_points(file).reshape(points.shape) for name, file in MESHES.items()}
    networks = on_vertices(grayordinate_networks())
    flat, areas = flat_map()
    return GroupMaps(flat, meshes, faces, sulcal_depth(), areas, networks)


@cache
def fsaverage5() -> GroupMaps:
    """FreeSurfer's average surface as nilearn ships it, without areas.

    Its vertices are the first of fsaverage6 and of fsaverage, so that it shows their maps, too.
    """
    points = [_fsaverage5(f"flat_{side}").agg_data("pointset") for side in SIDES]
    flat = np.concatenate(points)[:, :2].astype(np.float32)
    laid = np.zeros(len(flat), bool)
    start = 0
    for side, of_side in zip(SIDES, points):
        laid[start + np.unique(_fsaverage5(f"flat_{side}").agg_data("triangle"))] = True
        start += len(of_side)
    flat[~laid] = np.nan
    meshes = {
        name: np.stack([_fsaverage5(f"{file}_{side}").agg_data("pointset") for side in SIDES])
        for name, file in (("inflated", "infl"), ("white", "white"))
    }
    faces = np.stack([_fsaverage5(f"infl_{side}").agg_data("triangle") for side in SIDES])
    depth = np.concatenate([_fsaverage5(f"sulc_{side}").agg_data() for side in SIDES])
    # FreeSurfer's depth is positive in sulci, that of the Human Connectome Project on gyri.
    none = np.full(len(flat), "", dtype="<U1")
    return GroupMaps(_side_by_side(flat), meshes, faces, -depth, none, np.zeros(len(flat), int))


def _fsaverage5(name: str) -> nib.GiftiImage:
    spec = find_spec("nilearn")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "fsaverage5"
    with gzip.open(folder / f"{name}.gii.gz") as file:
        return nib.GiftiImage.from_bytes(file.read())


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
