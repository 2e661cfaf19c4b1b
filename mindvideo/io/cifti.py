"""CIFTI-2 files: read some grayordinates of dense files; write dense maps and series."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.cifti2 import (
    BrainModelAxis,
    Cifti2Header,
    Cifti2Matrix,
    LabelAxis,
    ScalarAxis,
    SeriesAxis,
)
from nibabel.cifti2.parse_cifti2 import Cifti2Extension

from mindvideo.errors import InputError
from mindvideo.io.headers import Header, Rows, read_header
from mindvideo.io.images import readable
from mindvideo.io.matrices import Matrix
from mindvideo.io.spaces import Grayordinates, Parcels

NEAR = 64  # grayordinates: reading over a smaller gap is faster than skipping it
INTENTS = {
    (Grayordinates, SeriesAxis): "DENSE_SERIES",
    (Grayordinates, ScalarAxis): "DENSE_SCALARS",
    (Grayordinates, LabelAxis): "DENSE_LABELS",
    (Parcels, SeriesAxis): "PARCELLATED_SERIES",
    (Parcels, ScalarAxis): "PARCELLATED_SCALAR",
    (Parcels, LabelAxis): "UNKNOWN",  # NIfTI has no code for it: the axes say what it is
}
DENSER = (("_1.6mm", ""), ("den-170k", "den-91k"))
"""Parts of the names of files on denser meshes (HCP 7T, fMRIPrep), and of their 91k versions."""


def read_columns(header: Header, columns: np.ndarray) -> np.ndarray:
    """Read some grayordinates, parcels, vertices or columns of a file that is not a volume.

    In CIFTI files, the values of a grayordinate are contiguous on disk: only the parts of the file
    with the requested ones are read.

    Parameters
    ----------
    header : Header
        Header of the file.
    columns : (n,) int
        Indices of the grayordinates.

    Returns
    -------
    (n_rows, n) float32
        The values of each grayordinate are contiguous in memory.

    Raises
    ------
    InputError
        If the file is damaged or cut short.
    """
    stored, path = header.stored, header.path
    if isinstance(stored, Matrix):
        with readable(path):
            return stored.columns(columns)
    n_rows = stored.shape[-2]
    needed = stored.offset + int(np.prod(stored.shape)) * stored.dtype.itemsize
    order = np.argsort(columns, kind="stable")
    ordered = columns[order]
    ends = np.flatnonzero(np.diff(ordered) > NEAR) + 1
    values = np.empty((len(columns), n_rows), dtype=np.float32)
    with readable(path):
        if path.suffix != ".gz" and (size := os.path.getsize(path)) < needed:
            raise EOFError(f"{size} bytes, {needed} expected")
        for here in np.split(np.arange(len(columns)), ends):
            first, last = int(ordered[here[0]]), int(ordered[here[-1]]) + 1
            stretch = np.asarray(stored[0, 0, 0, 0, :, first:last]).T
            if len(stretch) == len(columns) and (columns == np.arange(first, last)).all():
                return stretch.T.astype(np.float32, copy=False)
            values[order[here]] = stretch[ordered[here] - first]
    return values.T


def check_layout(path: Path, grid: Grayordinates, vertices: tuple[np.ndarray, np.ndarray]) -> None:
    """Check that the cortex is that of the 91k layout (HCP, fMRIPrep's fsLR 91k).

    Parameters
    ----------
    path : Path
        The file; the message names a version of it on that layout, if there is one in its folder.
    grid : Grayordinates
    vertices : ((29696,) int, (29716,) int)
        Mesh vertices of the left and right cortical grayordinates on that layout.

    Raises
    ------
    InputError
        If it is not; the message does not name the file.
    """
    if grid.follows(vertices):
        return
    if other := on_layout(path, vertices):
        advice = f"{other.name} in the same folder is on it: name that one."
    else:
        advice = (
            "Resample the run to it (wb_command -cifti-resample), or take the files that have it: "
            "HCP 7T data have them without _1.6mm in the name, fMRIPrep writes them with "
            "--cifti-output 91k."
        )
    raise InputError(
        f"{grid}; expected the 91k layout: 91282 grayordinates, {len(vertices[0])} + "
        f"{len(vertices[1])} of them cortical (32k fs_LR meshes without the medial wall). {advice}"
    )


def on_layout(path: Path, vertices: tuple[np.ndarray, np.ndarray]) -> Path | None:
    """A version of the run on the 91k layout in the same folder, by its name and its header."""
    for dense, sparse in DENSER:
        other = path.with_name(path.name.replace(dense, sparse))
        if other == path or not other.is_file():
            continue
        try:
            grid = read_header(other).grid
        except InputError:
            continue
        if isinstance(grid, Grayordinates) and grid.follows(vertices):
            return other
    return None


def save_dense(
    path: Path,
    values: np.ndarray,
    rows: Rows,
    grid: Grayordinates | Parcels,
) -> None:
    """Write values (n_rows, n) as float32: series, scalars or labels, as `rows`."""
    intent = INTENTS[type(grid), type(rows)]
    matrix = Cifti2Matrix()
    matrix.append(rows.to_mapping(0))
    matrix.append(grid.mapping)
    # Like nibabel's Cifti2Image, but without its copies of the header.
    header = nib.Nifti2Header()
    header.set_intent(f"NIFTI_INTENT_CONNECTIVITY_{intent}")
    header.extensions.append(Cifti2Extension.from_bytes(Cifti2Header(matrix).to_xml()))
    stored = values.astype(np.float32, copy=False)[None, None, None, None]
    nib.save(nib.Nifti2Image(stored, None, header), path)


def write_dtseries(path: Path, run: np.ndarray, models: BrainModelAxis, tr: float) -> None:
    """Write a dense series, float32.

    Parameters
    ----------
    path : Path
    run : (n_volumes, n_grayordinates) float
    models : BrainModelAxis
        The grayordinates.
    tr : float
        Repetition time [s].
    """
    save_dense(path, run, SeriesAxis(0, tr, len(run)), Grayordinates(models))
