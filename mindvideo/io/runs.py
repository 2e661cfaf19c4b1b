"""BOLD runs: NIfTI and CIFTI files in, one form of array out, and back.

A run in memory is (n_volumes, n_voxels) float32 on a :class:`~mindvideo.io.spaces.Space`. Every
way in which a downloaded or converted file can be wrong is an :class:`InputError` that names the
file: missing, unreadable or cut short, no run, too short or too long, on another grid, empty.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy

from mindvideo.errors import InputError
from mindvideo.io.cifti import check_layout, read_columns
from mindvideo.io.headers import Header, read_run_header
from mindvideo.io.images import named, readable
from mindvideo.io.kinds import unpacked
from mindvideo.io.spaces import Grayordinates, Grid, Space

log = logging.getLogger(__name__)

# A header's TR that differs by more than this share is worth a warning.
SAME_TR = 0.01


def check_tr(path: Path, stated: float, tr: float) -> None:
    if stated > 0 and abs(stated - tr) > SAME_TR * tr:
        log.warning(
            "%s: its header says TR %.4g s, the configuration %.4g s. The configuration's is "
            "used.", path, stated, tr,
        )  # fmt: skip


def _check_length(path: Path, found: int, keep: int, drop: tuple[int, int]) -> None:
    if found != (expected := keep + sum(drop)):
        why = (
            "is the download complete?"
            if found < expected
            else "do dataset.clips_per_segment and dataset.timing fit this segment?"
        )
        raise InputError(
            f"{path}: {found} volumes, {expected} expected ({drop[0]} dropped at the start, "
            f"{keep} kept, {drop[1]} dropped at the end): {why} Leave the run out with "
            "dataset.exclude."
        )


def read_run(
    path: Path,
    space: Space,
    *,
    keep: int,
    drop: tuple[int, int],
    tr: float,
    smooth: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """A run's voxels of a space, without the volumes to be dropped.

    The file is read once, front to back (and unpacked once): memory holds what is returned and one
    volume. In a CIFTI file a grayordinate's values lie together: only those asked for are read.

    Parameters
    ----------
    path : Path
        NIfTI file, packed or not, or ``.dtseries.nii``.
    space : Space
        Voxels to read.
    keep : int
        Volumes to return.
    drop : (int, int)
        Volumes before and after these.
    tr : float
        What the configuration says [s]; a header that says otherwise is warned of.
    smooth : callable, optional
        What is done to each volume of a NIfTI file, (i, j, k) float32, before its voxels are taken.

    Returns
    -------
    (keep, n_voxels) float32

    Raises
    ------
    InputError
        See the module's docstring.
    """
    with named(path):
        header = read_run_header(path, "volume" if isinstance(space.grid, Grid) else "cifti")
    found, here = header.n_volumes, header.grid
    _check_length(path, found, keep, drop)
    if not here.same(space.grid):
        raise InputError(
            f"{path} lies on another grid than the regions: {here}; the regions have {space.grid}. "
            "All runs of a subject must share one grid: resample the run, or leave it out with "
            "dataset.exclude."
        )
    check_tr(path, header.tr, tr)
    if header.is_cifti:
        run = read_columns(header, space.index)
    else:
        run = np.empty((found, len(space)), dtype=np.float32)
        with readable(path), np.errstate(over="ignore"):
            for number, volume in enumerate(each_volume(header)):
                run[number] = (smooth(volume.astype(np.float32)) if smooth else volume)[space.mask]
    return run[drop[0] : found - drop[1]]


def each_volume(header: Header) -> Iterator[np.ndarray]:
    """The volumes of a NIfTI run, each (i, j, k), one after the other.

    The file is opened once: else each volume would be unpacked from the start.
    """
    stored = header.stored
    with unpacked(header.path) as file:
        spec = stored.shape, stored.dtype, stored.offset, stored.slope, stored.inter
        proxy = ArrayProxy(file, spec)
        for number in range(header.n_volumes):
            yield np.asarray(proxy[..., number])
        file.read()  # gzip compares its checksum at the end


def write_run(path: Path, volumes: np.ndarray, grid: Grid, tr: float, step: float) -> None:
    """A 4-D run as scanners' converters write it: int16 with a slope, in MNI space.

    Parameters
    ----------
    path : Path
        .nii.gz: packed fast (gzip level 1), without a time stamp, so equal runs are equal files.
    volumes : (i, j, k, n_volumes) float
    grid : Grid
    tr : float
        Repetition time [s].
    step : float
        The slope: size of one integer step.
    """
    image = nib.Nifti1Image(np.round(volumes / step).astype(np.int16), grid.affine)
    image.header.set_slope_inter(step, 0)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((*nib.affines.voxel_sizes(grid.affine), tr))
    image.set_sform(grid.affine, "mni")
    image.set_qform(grid.affine, "mni")
    nib.save(image, path)


def series_length(path: Path) -> int:
    """Volumes of a dense series, from its header alone."""
    with named(path):
        return read_run_header(path, "cifti").n_volumes


def read_dtseries(
    path: Path, columns: np.ndarray, vertices: tuple[np.ndarray, np.ndarray], *, tr: float
) -> np.ndarray:
    """Some grayordinates of a whole CIFTI run on the 91k layout.

    Parameters
    ----------
    path : Path
        ``….dtseries.nii``
    columns : (n,) int
        Cortical grayordinates to read.
    vertices
        As of :func:`~mindvideo.io.cifti.check_layout`.
    tr : float
        What the configuration says [s]; a header that says otherwise is warned of.

    Returns
    -------
    (n_volumes, n) float32

    Raises
    ------
    InputError
        If the file is missing, damaged, no dense series, on another layout, or not finite.
    """
    with named(path):
        header = read_run_header(path, "cifti")
        assert isinstance(header.grid, Grayordinates)
        check_layout(path, header.grid, vertices)
    check_tr(path, header.tr, tr)
    run = read_columns(header, columns)
    if broken := int((~np.isfinite(run)).any(axis=0).sum()):
        raise InputError(
            f"{path}: {broken} of {len(columns)} grayordinates have values that are not finite "
            "numbers. Leave the run out of pretraining_data.runs, or repair it."
        )
    return run
