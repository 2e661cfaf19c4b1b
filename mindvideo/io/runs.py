"""BOLD runs: NIfTI and CIFTI files in, one form of array out, and back.

A run in memory is (n_volumes, n_voxels) float32 on a :class:`~mindvideo.io.spaces.Space`. Every
way in which a downloaded or converted file can be wrong is an :class:`InputError` that names the
file: missing, unreadable or cut short, no run, too short or too long, on another grid, empty.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import nibabel as nib
import numpy as np
from nibabel.cifti2 import Cifti2Image

from mindvideo.errors import InputError
from mindvideo.io.cifti import check_layout, open_series
from mindvideo.io.images import open_image, readable
from mindvideo.io.spaces import Grayordinates, Grid, Space

log = logging.getLogger(__name__)

# A header's TR that differs by more than this share is worth a warning.
SAME_TR = 0.01


def volume_image(path: Path, ndim: int):
    image = open_image(path)
    if not isinstance(image, nib.spatialimages.SpatialImage) or len(image.shape) != ndim:
        what = "×".join(map(str, image.shape))
        wanted = "4-D run (i, j, k, volume)" if ndim == 4 else "3-D map"
        hint = (
            " It is a CIFTI file: name the volume (.nii.gz) files in dataset.run, or say "
            "dataset.space: cifti."
            if isinstance(image, Cifti2Image)
            else ""
        )
        raise InputError(f"{path} is {what}; a {wanted} was needed.{hint}")
    return image


def volume_grid(image, mni: bool = True) -> Grid:
    """Where the voxels of a volume image lie."""
    i, j, k = image.shape[:3]
    return Grid(np.asarray(image.affine, dtype=np.float64), (i, j, k), mni)


def read_grid(path: Path, space: Literal["volume", "cifti"] = "volume") -> Grid | Grayordinates:
    """Where the voxels of a run lie, from its header alone.

    Raises
    ------
    InputError
        If the file is missing, unreadable, or not a run of this kind.
    """
    if space == "volume":
        return volume_grid(volume_image(path, 4))
    return open_series(path).grid


def header_tr(header) -> float:
    """Repetition time that a run's NIfTI header states [s]; 0 if it states none."""
    seconds = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
    return float(header.get_zooms()[3]) * seconds.get(header.get_xyzt_units()[1], 0.0)


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
    if isinstance(space.grid, Grid):
        image = volume_image(path, 4)
        found, stated = image.shape[3], header_tr(image.header)
        here: Grid | Grayordinates = volume_grid(image)
    else:
        series = open_series(path)
        here = series.grid
        found, stated = len(series), series.tr
    _check_length(path, found, keep, drop)
    if not here.same(space.grid):
        raise InputError(
            f"{path} lies on another grid than the regions: {here}; the regions have {space.grid}. "
            "All runs of a subject must share one grid: resample the run, or leave it out with "
            "dataset.exclude."
        )
    check_tr(path, stated, tr)
    if isinstance(space.grid, Grid):
        run = _read_volumes(path, image, space.mask, smooth)
    else:
        run = series.read(space.index)
    return run[drop[0] : found - drop[1]]


def _read_volumes(
    path: Path, image, mask: np.ndarray, smooth: Callable[[np.ndarray], np.ndarray] | None
) -> np.ndarray:
    n_volumes = image.shape[3]
    run = np.empty((n_volumes, int(mask.sum())), dtype=np.float32)
    # One open file: else each volume would be unpacked from the start.
    with readable(path), (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        volumes = type(image).from_file_map({"image": nib.FileHolder(fileobj=file)}).dataobj
        with np.errstate(over="ignore"):
            for number in range(n_volumes):
                volume = np.asarray(volumes[..., number])
                run[number] = (smooth(volume.astype(np.float32)) if smooth else volume)[mask]
        file.read()  # gzip compares its checksum at the end
    return run


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
    return len(open_series(path))


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
    series = open_series(path)
    check_layout(path, series.grid, vertices)
    check_tr(path, series.tr, tr)
    run = series.read(columns)
    if broken := int((~np.isfinite(run)).any(axis=0).sum()):
        raise InputError(
            f"{path}: {broken} of {len(columns)} grayordinates have values that are not finite "
            "numbers. Leave the run out of pretraining_data.runs, or repair it."
        )
    return run
