"""BOLD runs and voxel maps: NIfTI and CIFTI files in, arrays out, and back.

Every way in which a downloaded or converted file can be wrong is an :class:`InputError` that names
the file: missing, unreadable or cut short, not 4-D, too short or too long, on another grid, empty.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, SeriesAxis

from mindvideo.errors import InputError

log = logging.getLogger(__name__)

# Headers store affines in single precision, and tools round them: closer is the same grid [mm].
SAME_AFFINE = 0.01
# A header's TR that differs by more than this share is worth a warning.
SAME_TR = 0.01
# With more of its voxels broken, a run is not worth cleaning.
MOST_BROKEN = 0.5

UNREADABLE = (OSError, EOFError, ValueError, zlib.error, nib.filebasedimages.ImageFileError)


@dataclass(frozen=True)
class Grid:
    """A volume grid: where voxel (i, j, k) lies."""

    affine: np.ndarray
    """(4, 4) float64, voxel indices → mm."""
    shape: tuple[int, int, int]

    def same(self, other: Grid) -> bool:
        return self.shape == other.shape and np.allclose(
            self.affine, other.affine, rtol=0, atol=SAME_AFFINE
        )

    def __str__(self) -> str:
        size = "×".join(f"{s:.3g}" for s in nib.affines.voxel_sizes(self.affine))
        origin = ", ".join(f"{o:.6g}" for o in self.affine[:3, 3])
        return f"{'×'.join(map(str, self.shape))} voxels of {size} mm, origin ({origin}) mm"


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what nibabel and gzip raise at a broken file into a message with its name."""
    try:
        yield
    except UNREADABLE as error:
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}: {str(error).splitlines()[0][:200]}): "
            "the file is damaged or its download incomplete. Fetch it again, or leave it out with "
            "dataset.exclude."
        ) from error


def _open(path: Path):
    if not path.is_file():
        raise InputError(
            f"{path} does not exist. Check the path templates in `dataset`, or leave the run out "
            "with dataset.exclude."
        )
    with _readable(path):
        return nib.load(path)


def _volume_image(path: Path, ndim: int):
    image = _open(path)
    if not isinstance(image, nib.spatialimages.SpatialImage) or len(image.shape) != ndim:
        what = "×".join(map(str, image.shape))
        wanted = "4-D run (i, j, k, volume)" if ndim == 4 else "3-D map"
        hint = (
            " It is a CIFTI file: name the volume (.nii.gz) files in dataset.run."
            if isinstance(image, Cifti2Image)
            else ""
        )
        raise InputError(f"{path} is {what}; a {wanted} was needed.{hint}")
    return image


def _grid(image) -> Grid:
    i, j, k = image.shape[:3]
    return Grid(np.asarray(image.affine, dtype=np.float64), (i, j, k))


def read_grid(path: Path) -> Grid:
    """Grid of a 4-D run, from its header alone.

    Raises
    ------
    InputError
        If the file is missing, unreadable, or not 4-D.
    """
    return _grid(_volume_image(path, 4))


def header_tr(image) -> float:
    """Repetition time that a NIfTI header states [s]; 0 if it states none."""
    seconds = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
    return float(image.header.get_zooms()[3]) * seconds.get(image.header.get_xyzt_units()[1], 0.0)


def _check_tr(path: Path, stated: float, tr: float) -> None:
    if stated > 0 and abs(stated - tr) > SAME_TR * tr:
        log.warning(
            "%s: its header says TR %.4g s, the configuration %.4g s. The configuration's is "
            "used.", path, stated, tr,
        )  # fmt: skip


def read_run(
    path: Path, mask: np.ndarray, grid: Grid, *, keep: int, drop: tuple[int, int], tr: float
) -> np.ndarray:
    """The voxels of a mask in a 4-D run, without the volumes to be dropped.

    The file is read volume by volume: memory holds what is returned and one volume.

    Parameters
    ----------
    path : Path
        NIfTI file, packed or not.
    mask : (i, j, k) bool
        Voxels to read.
    grid : Grid
        The grid of `mask`.
    keep : int
        Volumes to return.
    drop : (int, int)
        Volumes before and after these.
    tr : float
        What the configuration says [s]; a header that says otherwise is warned of.

    Returns
    -------
    (keep, n_voxels) float32
        Voxels in C order of the grid.

    Raises
    ------
    InputError
        See the module's docstring.
    """
    image = _volume_image(path, 4)
    found, expected = image.shape[3], keep + sum(drop)
    if found != expected:
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
    if not (here := _grid(image)).same(grid):
        raise InputError(
            f"{path} lies on another grid than the regions: {here}; the regions have {grid}. All "
            "runs of a subject must share one grid: resample the run, or leave it out with "
            "dataset.exclude."
        )
    _check_tr(path, header_tr(image), tr)
    run = np.empty((found, int(mask.sum())), dtype=np.float32)
    # One open file: else each volume would be unpacked from the start.
    with _readable(path), (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        volumes = type(image).from_file_map({"image": nib.FileHolder(fileobj=file)}).dataobj
        with np.errstate(over="ignore"):
            for volume in range(found):
                run[volume] = np.asarray(volumes[..., volume])[mask]
        file.read()  # gzip compares its checksum at the end
    n_broken = int((~np.isfinite(run)).any(axis=0).sum())
    if n_broken > MOST_BROKEN * run.shape[1]:
        raise InputError(
            f"{path}: {n_broken} of {run.shape[1]} voxels have values that are not finite "
            "numbers. The file is damaged, or its scaling is: fetch it again, or leave it out with "
            "dataset.exclude."
        )
    return run[drop[0] : found - drop[1]]


def read_labels(path: Path) -> tuple[np.ndarray, Grid]:
    """A map of integer labels and its grid.

    Raises
    ------
    InputError
        If the file is missing, unreadable, not 3-D, or has no voxel above 0.
    """
    image = _volume_image(path, 3)
    with _readable(path):
        labels = np.asarray(image.dataobj)
    if not (labels > 0).any():
        raise InputError(f"{path}: no voxel has a label. Make the regions anew.")
    return labels.astype(np.int16), _grid(image)


def write_map(path: Path, values: np.ndarray, mask: np.ndarray, grid: Grid) -> None:
    """One value a voxel as a 3-D NIfTI map in MNI space, zero outside the mask.

    Parameters
    ----------
    path : Path
    values : (n_voxels,) float, int or bool
        Stored as float32, int16 or uint8.
    mask : (i, j, k) bool
        Their voxels, in C order.
    grid : Grid
    """
    kind = {"f": np.float32, "i": np.int16, "u": np.uint8, "b": np.uint8}[values.dtype.kind]
    volume = np.zeros(grid.shape, dtype=kind)
    volume[mask] = values
    image = nib.Nifti1Image(volume, grid.affine)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(grid.affine, "mni")
    image.set_qform(grid.affine, "mni")
    nib.save(image, path)


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


def read_dtseries(
    path: Path, columns: np.ndarray, vertices: tuple[np.ndarray, np.ndarray], *, tr: float
) -> np.ndarray:
    """Some grayordinates of a CIFTI run on the 91k layout (HCP, fMRIPrep's fsLR 91k).

    Parameters
    ----------
    path : Path
        ``….dtseries.nii``
    columns : (n,) int
        Cortical grayordinates to read.
    vertices : ((29696,) int, (29716,) int)
        Mesh vertices that the left and right cortical grayordinates must be.
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
    image = _open(path)
    axes = [image.header.get_axis(i) for i in range(2)] if isinstance(image, Cifti2Image) else []
    if [type(axis) for axis in axes] != [SeriesAxis, BrainModelAxis]:
        raise InputError(f"{path} is no dense series (.dtseries.nii): volumes × grayordinates.")
    series, models = axes
    left, right = (
        models.vertex[models.name == f"CIFTI_STRUCTURE_CORTEX_{side}"] for side in ("LEFT", "RIGHT")
    )
    if not (np.array_equal(left, vertices[0]) and np.array_equal(right, vertices[1])):
        raise InputError(
            f"{path}: {len(left)} + {len(right)} cortical grayordinates on {len(models)}; the 91k "
            f"layout has {len(vertices[0])} + {len(vertices[1])} on 91282 (32k fs_LR meshes "
            "without the medial wall). Resample the run to it, e.g. with fMRIPrep's "
            "--cifti-output 91k."
        )
    # CIFTI allows other units than time along a series; their step says nothing about TR.
    _check_tr(path, series.step if series.unit == "SECOND" else 0.0, tr)
    with _readable(path):
        # On disk a grayordinate's values lie together: this reads only those asked for.
        run = np.asanyarray(image.dataobj)[:, columns].astype(np.float32)
    if broken := int((~np.isfinite(run)).any(axis=0).sum()):
        raise InputError(
            f"{path}: {broken} of {len(columns)} grayordinates have values that are not finite "
            "numbers. Leave the run out of pretraining_data.runs, or repair it."
        )
    return run


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
    image = Cifti2Image(run.astype(np.float32), (SeriesAxis(0, tr, len(run)), models))
    image.nifti_header.set_intent("NIFTI_INTENT_CONNECTIVITY_DENSE_SERIES")
    nib.save(image, path)
