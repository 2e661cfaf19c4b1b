"""Maps on the inflated cortex, seen from the side."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.collections import PolyCollection

SHADE = 0.45  # how much darker a face is that is seen from its edge


def draw_hemisphere(
    axis: Any,
    points: np.ndarray,
    faces: np.ndarray,
    colours: np.ndarray,
    borders: np.ndarray,
    side: Literal["left", "right"],
    view: Literal["lateral", "medial"],
) -> None:
    """Draw one hemisphere as it is seen along the x axis.

    Parameters
    ----------
    axis : matplotlib Axes
    points : (n_vertices, 3) float
        x to the right, y to the front, z up.
    faces : (n_faces, 3) int
    colours : (n_vertices, 3) float
        Red, green, blue, 0…1.
    borders : (n_vertices,) int
        Faces whose corners differ in this are dark.
    side, view
    """
    # From the left one looks along +x and has the front on the left.
    from_left = (side == "left") == (view == "lateral")
    towards = -1.0 if from_left else 1.0
    corners = points[faces]  # (n_faces, 3, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = towards * normals[:, 0] / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
    # Far faces first: near ones are painted over them.
    order = np.argsort(towards * corners[:, :, 0].mean(axis=1))
    order = order[facing[order] > 0]
    fill = colours[faces[order]].mean(axis=1) * (1 - SHADE + SHADE * facing[order, None])
    fill[np.ptp(borders[faces[order]], axis=1) > 0] = 0.25
    screen = corners[order][:, :, 1:] * [towards, 1.0]
    axis.add_collection(
        PolyCollection(screen, facecolors=fill, edgecolors=fill, linewidths=0.2, rasterized=True)
    )
    axis.autoscale_view()
    axis.set_aspect("equal")
    axis.axis("off")
