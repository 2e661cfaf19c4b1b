"""The headers of runs against what the description promises of them (`dataset.expect`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from math import prod

import nibabel as nib
import numpy as np

from mindvideo.dataset import Dataset
from mindvideo.expectations import ExpectedGrid, in_words, keeps
from mindvideo.findings import Finding, error
from mindvideo.io.headers import Header
from mindvideo.io.spaces import SAME_AFFINE, Grid


def recordings(
    dataset: Dataset, headers: Mapping[str, Header], reported: Collection[str] = ()
) -> Iterator[Finding]:
    """Runs whose length or grid is not as promised.

    Parameters
    ----------
    dataset : Dataset
    headers : mapping of str to Header
        By path, of the runs that are there.
    reported : collection of str
        Paths of runs with an error that is reported already, of which no more is said.
    """
    if dataset.expect is None:
        return
    for run in dataset.rows:
        header = headers.get(run.path)
        if header is None or run.path in reported:
            continue
        promised = dataset.expect.volumes_of(run.segment)
        if promised is not None and not keeps(promised, header.n_volumes):
            yield error(
                run.path,
                f"{header.n_volumes} volumes, but dataset.expect promises {in_words(promised)} for "
                f"{run.segment}: is this the right file, and complete? If it is, correct "
                "expect.volumes",
            )
        grid = dataset.expect.grid
        if grid and not _is_on(header, grid):
            yield error(
                run.path,
                f"is on another grid ({header.grid}) than dataset.expect promises ({grid}): is "
                "this the right file? If it is, correct expect.grid",
            )


def _is_on(header: Header, promised: ExpectedGrid) -> bool:
    """Whether a run has the promised voxels."""
    grid = header.grid
    if promised.voxels is not None and promised.voxels != prod(grid.shape):
        return False
    if promised.shape is not None and promised.shape != tuple(grid.shape):
        return False
    if promised.edges is None:
        return True
    if not isinstance(grid, Grid):
        return False
    edges = nib.affines.voxel_sizes(grid.affine)
    return np.allclose(edges, promised.edges, rtol=0, atol=SAME_AFFINE)
