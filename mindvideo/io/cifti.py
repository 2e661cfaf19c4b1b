"""CIFTI-2 files: dense series in, some of their grayordinates out; dense maps in and out.

nibabel reads them; but its ``load`` parses a file's header, a megabyte of XML, whether or not it
has just parsed the same one, which takes longer than reading a run. Here equal headers are parsed
once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

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
from nibabel.cifti2.parse_cifti2 import Cifti2Extension, Cifti2Parser

from mindvideo.errors import InputError
from mindvideo.io.images import open_image, readable
from mindvideo.io.spaces import Grayordinates

CIFTI_CODE = 32  # of a NIfTI header's extension
NEAR = 64  # grayordinates: to read over a smaller gap is faster than to skip it
DENSE = (".dtseries.nii", ".dscalar.nii", ".dlabel.nii")


@lru_cache(maxsize=8)
def _axes(xml: bytes) -> tuple[Any, ...]:
    """What the rows and columns of a file are, from its header's XML; grayordinates as a grid."""
    parser = Cifti2Parser()
    parser.parse(string=xml)
    matrix = parser.header.matrix
    axes = [parser.header.get_axis(i) for i in sorted(matrix.mapped_indices)]
    return tuple(Grayordinates(a) if isinstance(a, BrainModelAxis) else a for a in axes)


@dataclass(frozen=True)
class Dense:
    """A file of values of grayordinates, which stay on disk."""

    path: Path
    rows: SeriesAxis | ScalarAxis | LabelAxis
    grid: Grayordinates
    stored: Any
    """nibabel's proxy of the values, (1, 1, 1, 1, n_rows, n_grayordinates)."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def tr(self) -> float:
        """Step of a series [s]; 0 where it is not one of time."""
        rows = self.rows
        return rows.step if isinstance(rows, SeriesAxis) and rows.unit == "SECOND" else 0.0

    def read(self, columns: np.ndarray) -> np.ndarray:
        """Some grayordinates, (n_rows, n) float32; the values of each lie together in memory.

        On disk they lie together too: read are the stretches in which those asked for lie.
        """
        stored = self.stored
        needed = stored.offset + int(np.prod(stored.shape)) * stored.dtype.itemsize
        order = np.argsort(columns, kind="stable")
        ordered = columns[order]
        ends = np.flatnonzero(np.diff(ordered) > NEAR) + 1
        values = np.empty((len(columns), len(self)), dtype=np.float32)
        with readable(self.path):
            if self.path.suffix != ".gz" and (size := os.path.getsize(self.path)) < needed:
                raise EOFError(f"{size} bytes, {needed} expected")
            for here in np.split(np.arange(len(columns)), ends):
                first, last = int(ordered[here[0]]), int(ordered[here[-1]]) + 1
                stretch = np.asarray(stored[0, 0, 0, 0, :, first:last]).T
                if len(stretch) == len(columns) and (columns == np.arange(first, last)).all():
                    return stretch.T.astype(np.float32, copy=False)
                values[order[here]] = stretch[ordered[here] - first]
        return values.T


def open_dense(path: Path) -> Dense | str:
    """Header of a file of grayordinates; or in a word what else it is.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    with readable(path):
        if not (path.is_file() and nib.Nifti2Image.path_maybe_image(path)[0]):
            open_image(path)
            return "a volume"
        image = nib.Nifti2Image.from_filename(path)
        xml = [e.content for e in image.header.extensions if e.get_code() == CIFTI_CODE]
        axes = _axes(xml[0]) if xml else ()
    kinds = [type(axis).__name__.removesuffix("Axis").lower() for axis in axes]
    if len(axes) != 2 or not isinstance(axes[1], Grayordinates) or kinds[0] == "grayordinates":
        return " × ".join(kinds) or "a volume"
    return Dense(path, *axes, image.dataobj)


def open_series(path: Path) -> Dense:
    """A run: volumes × grayordinates.

    Raises
    ------
    InputError
        If the file is missing, damaged, or not that.
    """
    found = open_dense(path)
    if isinstance(found, str) or not isinstance(found.rows, SeriesAxis):
        what = found if isinstance(found, str) else "a map of grayordinates"
        raise InputError(
            f"{path} is no dense series (.dtseries.nii): series × grayordinates were needed, it is "
            f"{what}. Name the right files, or for volumes say dataset.space: volume."
        )
    return found


def check_layout(path: Path, grid: Grayordinates, vertices: tuple[np.ndarray, np.ndarray]) -> None:
    """See that the cortex is that of the 91k layout (HCP, fMRIPrep's fsLR 91k).

    Parameters
    ----------
    path : Path
        Of the file, for the message.
    grid : Grayordinates
    vertices : ((29696,) int, (29716,) int)
        Mesh vertices that the left and right cortical grayordinates must be.

    Raises
    ------
    InputError
        If it is another.
    """
    if not grid.follows(vertices):
        raise InputError(
            f"{path}: {grid}; the 91k layout has {len(vertices[0])} + {len(vertices[1])}, first of "
            "91282 (32k fs_LR meshes without the medial wall). Resample the run to it, e.g. with "
            "fMRIPrep's --cifti-output 91k."
        )


def save_dense(
    path: Path,
    values: np.ndarray,
    rows: SeriesAxis | ScalarAxis | LabelAxis,
    grid: Grayordinates,
) -> None:
    """Write (n_rows, n_grayordinates) values as float32, as the dense kind that `rows` makes."""
    kind = {SeriesAxis: "SERIES", ScalarAxis: "SCALARS", LabelAxis: "LABELS"}[type(rows)]
    matrix = Cifti2Matrix()
    matrix.append(rows.to_mapping(0))
    matrix.append(grid.mapping)
    # What nibabel's Cifti2Image writes, without its copies of the header.
    header = nib.Nifti2Header()
    header.set_intent(f"NIFTI_INTENT_CONNECTIVITY_DENSE_{kind}")
    header.extensions.append(Cifti2Extension.from_bytes(Cifti2Header(matrix).to_xml()))
    stored = values.astype(np.float32, copy=False)[None, None, None, None]
    nib.save(nib.Nifti2Image(stored, None, header), path)


def write_dtseries(path: Path, run: np.ndarray, models: BrainModelAxis, tr: float) -> None:
    """A dense series, float32.

    Parameters
    ----------
    path : Path
    run : (n_volumes, n_grayordinates) float
    models : BrainModelAxis
        What the grayordinates are.
    tr : float
        [s]
    """
    save_dense(path, run, SeriesAxis(0, tr, len(run)), Grayordinates(models))
