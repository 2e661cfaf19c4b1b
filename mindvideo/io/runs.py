"""BOLD runs: read NIfTI and CIFTI files into arrays of one form, and write them.

A run in memory is (n_volumes, n_voxels) float32 on a :class:`~mindvideo.io.spaces.Space`. A problem
with a file is an :class:`InputError` that names it: the file is missing, unreadable or cut short,
not a run, on another grid, or empty.

>>> rng = np.random.default_rng(0)
>>> grid = Grid(np.diag([3.0, 3, 3, 1]), (4, 4, 4))
>>> volumes = rng.normal(100, 5, (4, 4, 4, 10))
>>> write_run(Path("run.nii.gz"), volumes, grid, tr=2.0, step=0.01)
>>> space = Space(grid, volumes.mean(axis=3) > 100)
>>> run = read_run(Path("run.nii.gz"), space, start=2, keep=7, tr=2.0)
>>> run.shape == (7, len(space))
True
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy

from mindvideo.errors import InputError
from mindvideo.io.cifti import check_layout, read_columns
from mindvideo.io.headers import Header, form_of, read_run_header
from mindvideo.io.images import named, readable
from mindvideo.io.kinds import unpacked
from mindvideo.io.spaces import Columns, Grayordinates, Grid, Space

log = logging.getLogger(__name__)

# A header's TR that differs from the configuration's by more than this fraction gives a warning.
SAME_TR = 0.01


def check_tr(path: Path, stated: float, tr: float) -> None:
    """Warn if the TR that a header states [s] is not that of the configuration, `tr` [s]."""
    if stated > 0 and abs(stated - tr) > SAME_TR * tr:
        message = "%s: its header says TR %.4g s, the configuration %.4g s. The latter is used."
        log.warning(message, path, stated, tr)


def header_on(path: Path, space: Space) -> Header:
    """Read the header of a run that should be on a space's grid.

    Raises
    ------
    InputError
        Naming the file, if it is missing, unreadable or of another form. The grid is not compared.
    """
    described = space.grid if isinstance(space.grid, Columns) else None
    with named(path):
        return read_run_header(path, form_of(path, space.grid), described)


def read_run(
    path: Path,
    space: Space,
    *,
    start: int,
    keep: int,
    tr: float,
    smooth: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Read some consecutive volumes of a run, at the voxels of a space.

    The file is read (and unpacked) once, front to back: memory holds the result and one volume. In
    a CIFTI file the values of a grayordinate are contiguous: only the requested ones are read.

    Parameters
    ----------
    path : Path
        NIfTI file, packed or not, ``.dtseries.nii``, ``.ptseries.nii``, a pair of GIFTI files, or
        an array (:mod:`mindvideo.run_files`).
    space : Space
        Voxels to read.
    start, keep : int
        First volume to return, counted from 0, and number of volumes; the run must have them.
    tr : float
        Repetition time of the configuration [s]; if the header has another one, a warning says so.
    smooth : callable, optional
        Applied to each volume of a NIfTI file, (i, j, k) float32, before its voxels are selected.

    Returns
    -------
    (keep, n_voxels) float32

    Raises
    ------
    InputError
        See the module's docstring.
    """
    header = header_on(path, space)
    if not header.grid.same(space.grid):
        raise InputError(
            f"{path} is on another grid than the regions: {header.grid}; the regions have "
            f"{space.grid}. All runs of a subject must share one grid: resample the run, or leave "
            "it out with dataset.exclude."
        )
    check_tr(path, header.tr, tr)
    if not header.is_volume:
        run = read_columns(header, space.index)
    else:
        run = np.empty((header.n_volumes, len(space)), dtype=np.float32)
        with readable(path), np.errstate(over="ignore"):
            for number, volume in enumerate(each_volume(header)):
                run[number] = (smooth(volume.astype(np.float32)) if smooth else volume)[space.mask]
    return run[start : start + keep]


def each_volume(header: Header) -> Iterator[np.ndarray]:
    """Yield the volumes of a NIfTI run, each (i, j, k).

    The file is opened once; otherwise it would be unpacked from its start for each volume.
    """
    stored = header.stored
    assert isinstance(stored, ArrayProxy)
    with unpacked(header.path) as file:
        spec = stored.shape, stored.dtype, stored.offset, stored.slope, stored.inter
        proxy = ArrayProxy(file, spec)
        for number in range(header.n_volumes):
            yield np.asarray(proxy[..., number])
        file.read()  # gzip compares the checksum at the end


def write_run(path: Path, volumes: np.ndarray, grid: Grid, tr: float, step: float) -> None:
    """Write a 4-D run as converters of scanner data do: int16 with a slope, in MNI space.

    Parameters
    ----------
    path : Path
        .nii, or .nii.gz: stored, not compressed (which takes a simulation's noise to two thirds,
        and half the time of simulating it), and without a time stamp, so that equal runs give equal
        files.
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
    packed = path.suffix == ".gz"
    with gzip.GzipFile(path, "wb", 0, mtime=0) if packed else path.open("wb") as file:
        image.to_stream(file)


def series_length(path: Path) -> int:
    """Number of volumes of a dense series, from its header."""
    with named(path):
        return read_run_header(path, "cifti").n_volumes


def read_dtseries(
    path: Path, columns: np.ndarray, vertices: tuple[np.ndarray, np.ndarray], *, tr: float
) -> np.ndarray:
    """Read some grayordinates of a whole CIFTI run on the 91k layout.

    Parameters
    ----------
    path : Path
        ``….dtseries.nii``
    columns : (n,) int
        Cortical grayordinates to read.
    vertices
        As in :func:`~mindvideo.io.cifti.check_layout`.
    tr : float
        Repetition time of the configuration [s]; if the header has another one, a warning says so.

    Returns
    -------
    (n_volumes, n) float32

    Raises
    ------
    InputError
        If the file is missing, damaged, not a dense series, on another layout, or not finite.
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
