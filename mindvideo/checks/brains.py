"""A subject's voxels, from the headers of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np

from mindvideo.dataset import Dataset
from mindvideo.decoding.recordings import is_91k
from mindvideo.errors import InputError
from mindvideo.fmri.atlas import project
from mindvideo.fmri.labels import labels_named
from mindvideo.io.headers import read_run_header
from mindvideo.io.spaces import AnyGrid, Grid
from mindvideo.labelling import check_grid, label
from mindvideo.run_files import HEMI, files_of
from mindvideo.settings.fmri import Regions


@dataclass(frozen=True)
class Brain:
    """The voxels that `regions` selects in a subject's runs, before masks and constant voxels."""

    labels: np.ndarray
    """(n,) int16: Glasser's areas, :data:`~mindvideo.fmri.atlas.NO_AREA`, and those of `own`."""
    size: float
    """Smallest side of a voxel, or distance between grayordinates [mm]."""
    own: dict[int, str] = field(default_factory=dict)
    """Names of the areas that are not Glasser's."""
    unknown: str = ""
    """Why no voxel has an area."""
    can_be_smoothed: bool = True

    def count(self, areas: Sequence[str]) -> int:
        """Number of voxels in these areas, or in all if none is named; unknown areas have none."""
        if not areas:
            return len(self.labels)
        labels = [number for area in areas for number in self.labels_of(area)]
        return int(np.isin(self.labels, labels).sum())

    def labels_of(self, area: str) -> tuple[int, ...]:
        """Labels of an area; none if there is none of this name."""
        try:
            return labels_named(area, self.own)
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
        If no voxel is near the cortex in MNI space, or `regions.labels` cannot be used.
    """
    first = first_grid(dataset, subject) if regions.atlas else None
    if first is None:
        return None
    path, grid = first
    if isinstance(grid, Grid):
        affine = tuple(np.ravel(grid.affine))
        labels = _projected(affine, tuple(grid.shape), regions.max_distance)
        return Brain(labels, float(nib.affines.voxel_sizes(grid.affine).min()))
    named = regions.labels or ""
    files = files_of(named.format(subject=dataset.subjects[subject], hemi=HEMI))
    paths = [Path(file) for file in files] if named else []
    found = label(path, grid, regions.grayordinates == "all", paths)
    used = found.areas[found.areas > 0]
    return Brain(used, SPACING, found.own, found.unknown, is_91k(grid))


def first_grid(dataset: Dataset, subject: str) -> tuple[Path, AnyGrid] | None:
    """A subject's first run whose header can be read, and its grid; None if there is none."""
    for run in dataset.rows:
        if run.subject != subject or not all(Path(file).is_file() for file in files_of(run.path)):
            continue
            continue
        path, table = Path(run.path), dataset.voxels_path(subject)
        with suppress(InputError):
            grid = read_run_header(path, dataset.space, Path(table) if table else None).grid
            check_grid(path, grid)
            return path, grid
    return None


@lru_cache(maxsize=8)
def _projected(
    affine: tuple[float, ...], shape: tuple[int, ...], max_distance: float
) -> np.ndarray:
    areas = project(np.reshape(affine, (4, 4)), shape, max_distance)
    return areas[areas > 0]
