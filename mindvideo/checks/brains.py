"""A subject's voxels, from the headers of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np

from mindvideo.dataset import Dataset
from mindvideo.errors import InputError
from mindvideo.fmri.atlas import NO_AREA, grayordinate_labels, labels_of, project
from mindvideo.io.headers import read_run_header
from mindvideo.io.spaces import Grayordinates, Grid
from mindvideo.settings.fmri import Regions


@dataclass(frozen=True)
class Brain:
    """The voxels that `regions` selects in a subject's runs, before masks and constant voxels."""

    labels: np.ndarray
    """(n,) int16: Glasser's areas, and :data:`~mindvideo.fmri.atlas.NO_AREA`."""
    size: float
    """Smallest side of a voxel, or distance between grayordinates [mm]."""

    def count(self, areas: Sequence[str]) -> int:
        """Number of voxels in these areas, or in all if none is named; unknown areas have none."""
        if not areas:
            return len(self.labels)
        labels = [label for area in areas for label in _labels(area)]
        return int(np.isin(self.labels, labels).sum())


def _labels(area: str) -> tuple[int, ...]:
    try:
        return labels_of(area)
    except InputError:
        return ()


SPACING = 2.0
"""Distance between the vertices of the 32k meshes [mm]."""


def brain(dataset: Dataset, subject: str, regions: Regions) -> Brain | None:
    """A subject's voxels, from the first run whose header can be read.

    None if there is no such run, or the voxels are those of a mask. Other checks report problems of
    runs and masks.

    Raises
    ------
    InputError
        If no voxel is near the cortex in MNI space.
    """
    grid = first_grid(dataset, subject) if regions.atlas else None
    if grid is None:
        return None
    if isinstance(grid, Grid):
        affine = tuple(np.ravel(grid.affine))
        labels = _projected(affine, tuple(grid.shape), regions.max_distance)
        return Brain(labels, float(nib.affines.voxel_sizes(grid.affine).min()))
    cortex = grayordinate_labels()[: grid.n_cortex]
    rest = np.full(len(grid.models) - grid.n_cortex, NO_AREA, np.int16)
    parts = [cortex[cortex > 0], *([rest] if regions.grayordinates == "all" else [])]
    return Brain(np.concatenate(parts), SPACING)


def first_grid(dataset: Dataset, subject: str) -> Grid | Grayordinates | None:
    """The grid of a subject's first run whose header can be read; None if there is no such run."""
    for run in dataset.rows:
        if run.subject != subject or not Path(run.path).is_file():
            continue
        with suppress(InputError):
            return read_run_header(Path(run.path), dataset.space).grid
    return None


@lru_cache(maxsize=8)
def _projected(
    affine: tuple[float, ...], shape: tuple[int, ...], max_distance: float
) -> np.ndarray:
    areas = project(np.reshape(affine, (4, 4)), shape, max_distance)
    return areas[areas > 0]
