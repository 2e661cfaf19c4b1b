"""Where in the visual field each part of V1–V4 looks: a schematic map on the group surface.

Rests on: eccentricity grows from the occipital pole forwards, with more cortex for the centre; the
left hemisphere sees the right half; above the calcarine sulcus lies the lower field, below it the
upper; angles run from one vertical meridian to the other across V1 and turn at the borders of V2,
V3 and V4 (Wandell, Dumoulin & Brewer 2007); receptive fields grow with eccentricity and along the
hierarchy (Dumoulin & Wandell 2008).
Leaves out: the foveal confluence, differences between people, the maps of higher areas (their
centres are drawn at random, on the opposite side), and any surround.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from mindvideo.fmri.atlas import labels_of, mesh_points, midthickness

EARLY = ("V1", "V2", "V3", "V4")

# Eccentricity = share of the map, to this power: the inner half of the field takes two thirds.
MAGNIFICATION = 1.7

# Size of a receptive field (SD) = a + b × eccentricity; half the film's width is 1.
FIELD_SIZE = {"V1": (0.07, 0.10), "V2": (0.09, 0.14), "V3": (0.12, 0.20), "V4": (0.18, 0.30)}
LARGE_FIELD = (0.35, 0.25)


def _share(values: np.ndarray) -> np.ndarray:
    """Ranks as shares, 0…1."""
    return (rankdata(values) - 0.5) / len(values)


@cache
def field_centres() -> np.ndarray:
    """Centre of the receptive field of each vertex of the midthickness surface.

    Returns
    -------
    (64984, 2) float64
        x to the right and y upwards, in halves of the film's width; NaN outside V1–V4.
    """
    coordinates, labels = midthickness()
    sphere = mesh_points("sphere")
    centres = np.full((len(labels), 2), np.nan)
    for side in (0, 1):
        in_v1 = np.flatnonzero(labels == labels_of("V1")[side])
        _, y1, z1 = coordinates[in_v1].T
        calcarine = np.polynomial.Polynomial.fit(y1, z1, 2)
        v1 = cKDTree(sphere[in_v1])
        for area in EARLY:
            vertices = np.flatnonzero(labels == labels_of(area)[side])
            _, y, z = coordinates[vertices].T
            height = z - calcarine(y)
            if area == "V1":
                angle = np.pi / 2 - np.pi * _share(height)
                eccentricity = _share(y) ** MAGNIFICATION
            else:
                distance, _ = v1.query(sphere[vertices])
                angle, eccentricity = np.empty(len(vertices)), np.empty(len(vertices))
                for quadrant, sign in ((height > 0, -1), (height <= 0, 1)):
                    # From the vertical meridian at V1's border to the horizontal, and back in V3.
                    turn = _share(distance[quadrant])
                    part = turn if area == "V3" else 1 - turn
                    angle[quadrant] = sign * np.pi / 2 * part
                    eccentricity[quadrant] = _share(y[quadrant]) ** MAGNIFICATION
            opposite = 1 if side == 0 else -1
            centres[vertices, 0] = opposite * eccentricity * np.cos(angle)
            centres[vertices, 1] = eccentricity * np.sin(angle)
    centres.setflags(write=False)
    return centres


def field_sizes(centres: np.ndarray, area: str) -> np.ndarray:
    """SD of the receptive fields at these centres (n, 2) in an area, (n,)."""
    a, b = FIELD_SIZE.get(area, LARGE_FIELD)
    return a + b * np.hypot(*centres.T)


def cells(n: int) -> np.ndarray:
    """Middles of the cells of an n × n grid on the film, row by row from the top, (n², 2)."""
    places = (np.arange(n) + 0.5) * 2 / n - 1
    x, y = np.meshgrid(places, -places)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def receptive_fields(centres: np.ndarray, sizes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Gaussian weights of points in the visual field, each field's with sum 1.

    Parameters
    ----------
    centres : (n_voxels, 2) float
    sizes : (n_voxels,) float
    points : (n_points, 2) float
        As the centres: x to the right, y upwards, in halves of the film's width.

    Returns
    -------
    (n_voxels, n_points) float64
    """
    square = ((points - centres[:, None]) ** 2).sum(axis=2) / sizes[:, None] ** 2
    # The nearest point counts even where all are far.
    fields = np.exp(-0.5 * (square - square.min(axis=1, keepdims=True)))
    return fields / fields.sum(axis=1, keepdims=True)
