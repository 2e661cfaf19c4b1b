"""Retinotopy of V1–V4: a schematic map of the visual field on the group surface.

Rests on: eccentricity grows from the occipital pole forwards, with more cortex for the centre; the
left hemisphere represents the right half; the lower field lies above the calcarine sulcus, the
upper below; angles run from one vertical meridian to the other across V1 and turn at the borders of
V2, V3 and V4 (Wandell, Dumoulin & Brewer 2007); receptive fields grow with eccentricity and along
the hierarchy (Dumoulin & Wandell 2008).
Leaves out: the foveal confluence, differences between people, the maps of higher areas (their
receptive fields lie at random on the opposite side), and any surround.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from mindvideo.fmri.atlas import labels_of, mesh_points, midthickness

EARLY = ("V1", "V2", "V3", "V4")

# Eccentricity = relative rank ** MAGNIFICATION: the inner half of the field takes two thirds.
MAGNIFICATION = 1.7

# Size of a receptive field (SD) = a + b × eccentricity, in half-widths of the film.
FIELD_SIZE = {"V1": (0.07, 0.10), "V2": (0.09, 0.14), "V3": (0.12, 0.20), "V4": (0.18, 0.30)}
LARGE_FIELD = (0.35, 0.25)


def _relative_rank(values: np.ndarray) -> np.ndarray:
    """Ranks scaled to 0…1; equal values share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    return (mean_rank[place] - 0.5) / len(values)


@cache
def field_centres() -> np.ndarray:
    """Centre of the receptive field of each vertex of the midthickness surface.

    Returns
    -------
    (64984, 2) float64
        x to the right and y upwards, in half-widths of the film; NaN outside V1–V4.
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
                angle = np.pi / 2 - np.pi * _relative_rank(height)
                eccentricity = _relative_rank(y) ** MAGNIFICATION
            else:
                distance, _ = v1.query(sphere[vertices])
                angle, eccentricity = np.empty(len(vertices)), np.empty(len(vertices))
                for quadrant, sign in ((height > 0, -1), (height <= 0, 1)):
                    # From the vertical meridian at V1's border to the horizontal, and back in V3.
                    turn = _relative_rank(distance[quadrant])
                    part = turn if area == "V3" else 1 - turn
                    angle[quadrant] = sign * np.pi / 2 * part
                    eccentricity[quadrant] = _relative_rank(y[quadrant]) ** MAGNIFICATION
            opposite = 1 if side == 0 else -1
            centres[vertices, 0] = opposite * eccentricity * np.cos(angle)
            centres[vertices, 1] = eccentricity * np.sin(angle)
    centres.setflags(write=False)
    return centres


def field_sizes(centres: np.ndarray, area: str) -> np.ndarray:
    """SD of the receptive fields of an area at these centres (n, 2), (n,)."""
    a, b = FIELD_SIZE.get(area, LARGE_FIELD)
    return a + b * np.hypot(*centres.T)


def cells(n: int) -> np.ndarray:
    """Centres of the cells of an n × n grid on the film, row by row from the top, (n², 2)."""
    places = (np.arange(n) + 0.5) * 2 / n - 1
    x, y = np.meshgrid(places, -places)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def receptive_fields(centres: np.ndarray, sizes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Gaussian weights of points in the visual field; those of each field sum to 1.

    Parameters
    ----------
    centres : (n_voxels, 2) float
    sizes : (n_voxels,) float
    points : (n_points, 2) float
        As the centres: x to the right, y upwards, in half-widths of the film.

    Returns
    -------
    (n_voxels, n_points) float64
    """
    square = ((points - centres[:, None]) ** 2).sum(axis=2) / sizes[:, None] ** 2
    # The nearest point keeps a weight even if all are far.
    fields = np.exp(-0.5 * (square - square.min(axis=1, keepdims=True)))
    return fields / fields.sum(axis=1, keepdims=True)
