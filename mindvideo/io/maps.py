"""Voxel maps: NIfTI on a volume grid, CIFTI on grayordinates and parcels, tables of columns.

Each file describes its values.

Volumes have a NIfTI intent (t test with its degrees of freedom, p value, label …). CIFTI files are
``.dscalar.nii`` with a named map, or ``.dlabel.nii`` with a table of names and colours, for FSLeyes
and Connectome Workbench; of parcels, ``.pscalar.nii`` and ``.plabel.nii``. A map of an array's
columns is their table, with a column `value`.

>>> from mindvideo.io.spaces import Grid, Space
>>> mask = np.zeros((4, 4, 4), bool)
>>> mask[1:3, 1:3, 1:3] = True
>>> space = Space(Grid(np.diag([3.0, 3, 3, 1]), mask.shape), mask)
>>> write_map(Path("r.nii.gz"), np.full(len(space), 0.5), space, name="r")
>>> values, grid = read_map(Path("r.nii.gz"))
>>> float(values.sum()), grid.same(space.grid)
(4.0, True)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.cifti2 import LabelAxis, ScalarAxis

from mindvideo.errors import InputError
from mindvideo.io.arrays import read_table_map, write_table_map
from mindvideo.io.cifti import read_columns, save_dense
from mindvideo.io.coordinates import MNI, SCANNER
from mindvideo.io.headers import Header, read_header, volume_header
from mindvideo.io.images import named, readable
from mindvideo.io.spaces import AnyGrid, Columns, Grid, Space

STORED = {"f": np.float32, "i": np.int16, "u": np.uint8, "b": np.uint8}

Names = Mapping[int, tuple[str, Sequence[float]]]
"""Label → name and colour (red, green, blue, opacity, each 0…1)."""


def read_map(path: Path) -> tuple[np.ndarray, AnyGrid]:
    """Read the values of a map on its whole grid, and the grid.

    Raises
    ------
    InputError
        If the file is missing, unreadable, or not a map.
    """
    with named(path):
        return _map(path)


def _map(path: Path) -> tuple[np.ndarray, AnyGrid]:
    """As :func:`read_map`; messages do not name the file."""
    if path.suffix == Columns.endings[0]:
        values, columns, _ = read_table_map(path)
        return values, columns
    header = read_header(path)
    grid = header.grid
    if isinstance(grid, Grid):
        volume_header(header, 3)
        grid = replace(grid, mni=header.codes[0] == MNI)
    elif header.stored.shape[-2] != 1:
        raise InputError(
            "is not a map, one value per grayordinate or parcel (.dscalar.nii, .dlabel.nii)."
        )
    return _values(header), grid


def _values(header: Header) -> np.ndarray:
    """Values of a map on its whole grid."""
    if isinstance(header.grid, Grid):
        with readable(header.path):
            return np.asarray(header.stored)
    return read_columns(header, np.arange(header.grid.shape[0]))[0]


def read_labels(path: Path) -> tuple[np.ndarray, Space]:
    """Read the labels of the voxels that have one, and the positions of these voxels.

    Returns
    -------
    labels : (n_voxels,) int16
    space : Space
        Space of the voxels with a label above 0.

    Raises
    ------
    InputError
        If the file is missing, unreadable, not a map, or has no voxel above 0.
    """
    labels, grid = read_map(path)
    if not (labels > 0).any():
        raise InputError(f"{path}: no voxel has a label. Run the stage `regions` again.")
    return labels[labels > 0].astype(np.int16), Space(grid, labels > 0)


def read_label_names(path: Path) -> dict[int, str]:
    """Names of the labels of a map, by number; a volume has none.

    Raises
    ------
    InputError
        If the file is missing, unreadable, or not a map.
    """
    with named(path):
        if path.suffix == Columns.endings[0]:
            return read_table_map(path)[2]
        rows = read_header(path).rows
        return {} if rows is None or not isinstance(rows, LabelAxis) else _names(rows)


def _names(rows: LabelAxis) -> dict[int, str]:
    return {int(number): name for number, (name, _) in rows.label[0].items() if number > 0}


def read_masks(paths: Sequence[Path], grid: AnyGrid) -> np.ndarray:
    """Read the intersection of a subject's brain masks, ``grid.shape`` bool.

    Raises
    ------
    InputError
        If one is missing, unreadable, empty, or not on the grid of the runs; or if no voxel is in
        all of them.
    """
    common = np.ones(grid.shape, dtype=bool)
    for path in paths:
        common &= read_mask(path, grid)
        if not common.any():
            raise InputError(
                f"{path}: no voxel is both in this mask and in all {len(paths)} of this subject. "
                "Is it a mask of another subject? mindvideo check-dataset compares them."
            )
    return common


def read_mask(path: Path, grid: AnyGrid, setting: str = "dataset.mask") -> np.ndarray:
    """Read a mask on the grid of the runs, ``grid.shape`` bool; `setting` names it in messages.

    Raises
    ------
    InputError
        If it is missing, unreadable, on another grid, or empty.
    """
    with named(path):
        return mask_on(grid, path, setting)


def mask_on(grid: AnyGrid, path: Path, setting: str = "dataset.mask") -> np.ndarray:
    """As :func:`read_mask`; messages do not name the file."""
    values, mask_grid = _map(path)
    if not grid.same(mask_grid):
        raise InputError(
            f"this mask has {mask_grid}, but the runs have {grid}. Resample it to the runs' grid "
            "(nearest neighbour), e.g. with nilearn.image.resample_to_img."
        )
    mask = np.nan_to_num(values) > 0
    if not mask.any():
        raise InputError(f"this mask is empty. Set {setting} to the subject's mask.")
    return mask


def write_map(
    path: Path,
    values: np.ndarray,
    space: Space,
    *,
    name: str,
    intent: tuple[str, tuple[float, ...]] = ("none", ()),
) -> None:
    """Write a map of one value per voxel, zero elsewhere.

    Parameters
    ----------
    path : Path
        With the ending of the grid's maps (:attr:`~mindvideo.io.spaces.Grid.endings`).
    values : (n_voxels,) float, int or bool
        Stored as float32, int16 or uint8 in a volume, as float32 in CIFTI, as text in a table.
    space : Space
    name : str
        What the values are.
    intent : (str, tuple)
        NIfTI's intent, and its parameters.
    """
    whole = np.zeros(space.grid.shape, dtype=STORED[values.dtype.kind])
    whole[space.mask] = values
    if isinstance(space.grid, Grid):
        _save_volume(path, whole, space.grid, name, intent)
    elif isinstance(space.grid, Columns):
        write_table_map(path, whole, space.grid)
    else:
        save_dense(path, whole[None], ScalarAxis([name]), space.grid)


def write_labels(path: Path, labels: np.ndarray, space: Space, *, name: str, names: Names) -> None:
    """Write one label per voxel, 0 elsewhere; in a volume without the names.

    Parameters
    ----------
    path : Path
    labels : (n_voxels,) int
    space : Space
    name : str
        Name of the parcellation.
    names : mapping
        Label → its name and colour.
    """
    whole = np.zeros(space.grid.shape, dtype=np.int16)
    whole[space.mask] = labels
    if isinstance(space.grid, Grid):
        _save_volume(path, whole, space.grid, name, ("label", ()))
    elif isinstance(space.grid, Columns):
        write_table_map(path, whole, space.grid, {n: text for n, (text, _) in names.items()})
    else:
        table: dict[int, tuple[str, tuple[float, ...]]] = {0: ("???", (0.0, 0.0, 0.0, 0.0))}
        table |= {label: (text, tuple(colour)) for label, (text, colour) in names.items()}
        save_dense(path, whole[None], LabelAxis([name], [table]), space.grid)


def _save_volume(
    path: Path, volume: np.ndarray, grid: Grid, name: str, intent: tuple[str, tuple[float, ...]]
) -> None:
    image = nib.Nifti1Image(volume, grid.affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_intent(intent[0], intent[1], name=name[:15])
    code = MNI if grid.mni else SCANNER
    image.set_sform(grid.affine, code)
    image.set_qform(grid.affine, code)
    nib.save(image, path)
