"""Headers of runs and maps of all forms: read and checked in one place.

Stages and `check-dataset` both read headers here, so that they cannot disagree. A problem is an
:class:`InputError` that says what to do about it; callers add the file's name
(:func:`~mindvideo.io.images.named`).
"""

from __future__ import annotations

import logging
import math
import re
import warnings
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ParcelsAxis, ScalarAxis, SeriesAxis
from nibabel.cifti2.parse_cifti2 import Cifti2Parser

from mindvideo.errors import InputError
from mindvideo.io.gifti import read_pair
from mindvideo.io.images import explained, reason
from mindvideo.io.kinds import nifti_size, unpacked
from mindvideo.io.matrices import Matrix
from mindvideo.io.spaces import AnyGrid, Columns, Grayordinates, Grid, Parcels
from mindvideo.run_files import HEMI, Form

Rows: TypeAlias = SeriesAxis | ScalarAxis | LabelAxis

CIFTI_CODE = 32  # code of a NIfTI header's extension
CLASSES = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
SILENT = logging.Logger("nibabel")  # nibabel's messages about headers do not name the file
SILENT.disabled = True
SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
FLAT = 1e-6
"""A voxel whose volume is below this fraction of the product of its edge lengths is degenerate."""
REPAIR = (
    "Repair the header: copy that of a sound run on the same grid (fslcpgeom SOUND FILE -d), or "
    "set it with fslorient or nibabel (header.set_sform). Or leave the run out: dataset.exclude."
)


@dataclass(frozen=True, eq=False)
class Header:
    """The header of a file, without its values."""

    path: Path
    grid: AnyGrid
    n_volumes: int
    """Number of volumes of a run; 0 for a map."""
    tr: float
    """Repetition time [s]; 0 if the file does not state it."""
    stored: ArrayProxy | Matrix
    """nibabel's proxy of the values, (i, j, k[, n_volumes]) or (1, 1, 1, 1, n_rows, n); of other
    files, a matrix (n_volumes, n)."""
    rows: Rows | None = None
    """Axis of a CIFTI file's rows."""
    codes: tuple[int, int] = (0, 0)
    """sform_code and qform_code of a volume."""
    qform: np.ndarray | None = None
    """qform of a volume with a qform_code, (4, 4); None if it is invalid."""

    @property
    def is_cifti(self) -> bool:
        return self.rows is not None

    @property
    def is_volume(self) -> bool:
        return isinstance(self.grid, Grid)

    def __str__(self) -> str:
        return "×".join(map(str, self.stored.shape))


def read_header(path: Path) -> Header:
    """Read and check the header of a file.

    Raises
    ------
    InputError
        If the file is missing, unreadable, of another format, neither a volume nor a dense CIFTI
        file, or its header is invalid.
    """
    with explained():
        header, stored = _parse(path, nifti_size(path))
    shape = stored.shape
    if min(shape, default=0) < 1:
        raise InputError(f"its header states {'×'.join(map(str, shape))} voxels. {REPAIR}")
    if stored.dtype.kind not in "iuf":
        what = "complex numbers" if stored.dtype.kind == "c" else "colours, not one value a voxel"
        raise InputError(f"it contains {what}; expected real numbers, such as the magnitude.")
    xml = [e.content for e in header.extensions if e.get_code() == CIFTI_CODE]
    return _dense(path, stored, xml[0]) if xml else _volume(path, stored, header)


def _parse(path: Path, size: int) -> tuple[Any, ArrayProxy]:
    with warnings.catch_warnings(), unpacked(path) as file:
        warnings.simplefilter("ignore")
        try:
            header = CLASSES[size].from_fileobj(file, check=False)
            edges = header["pixdim"][1:4].copy()
            header.check_fix(SILENT)  # sets voxel sizes of 0 to 1
            if not (header["sform_code"] or (np.isfinite(edges) & (edges != 0)).all()):
                sizes = "×".join(f"{edge:g}" for edge in edges)
                raise InputError(f"its pixdim gives voxels of {sizes} mm. {REPAIR}")
            return header, ArrayProxy(str(path), header)
        except (InputError, OSError, EOFError, zlib.error):  # a damaged file
            raise
        except Exception as error:  # nibabel may raise anything at an invalid header
            raise InputError(f"its header is damaged ({reason(error)}). {REPAIR}") from error


# --- volumes --------------------------------------------------------------------------------------


def _volume(path: Path, stored: ArrayProxy, header: Any) -> Header:
    shape = stored.shape
    if len(shape) == 6 and shape[:4] == (1, 1, 1, 1):
        raise InputError(
            f"is {'×'.join(map(str, shape))}, like a CIFTI file, but does not describe its axes. "
            "Write it again with the program that wrote it."
        )
    if len(shape) not in (3, 4):
        hint = ""
        if len(shape) > 4 and sum(n > 1 for n in shape) <= 4:
            hint = " Remove its axes of length 1: numpy.squeeze, then save it with nibabel."
        raise InputError(
            f"is {'×'.join(map(str, shape))}: neither a 4-D run (i, j, k, volume) nor a 3-D map."
            + hint
        )
    affine = _affine(header)
    n_volumes = shape[3] if len(shape) == 4 else 0
    codes = int(header["sform_code"]), int(header["qform_code"])
    return Header(
        path,
        Grid(affine, (shape[0], shape[1], shape[2])),
        n_volumes,
        _tr(header) if n_volumes else 0.0,
        stored,
        codes=codes,
        qform=_qform(header) if codes[1] else None,
    )


def _affine(header: Any) -> np.ndarray:
    """Voxel indices → mm, (4, 4) float64: the sform, else the qform."""
    name = "sform" if header["sform_code"] else "qform" if header["qform_code"] else "pixdim"
    try:
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    except Exception as error:  # nibabel may raise anything at an invalid header
        quaternion = ", ".join(f"{float(header[f'quatern_{q}']):.4g}" for q in "bcd")
        raise InputError(
            f"its {name} is not a rotation (quaternion b, c, d = {quaternion}: {reason(error)}): "
            f"the position of its voxels is unknown. {REPAIR}"
        ) from error
    if not np.isfinite(affine).all():
        raise InputError(
            f"its {name} has values that are not finite numbers, so the position of its voxels is "
            f"unknown. {REPAIR}"
        )
    edges = nib.affines.voxel_sizes(affine)
    if abs(np.linalg.det(affine[:3, :3])) <= FLAT * np.prod(edges):
        sizes = "×".join(f"{edge:.3g}" for edge in edges)
        raise InputError(f"its {name} gives voxels without a volume ({sizes} mm). {REPAIR}")
    return affine


def _qform(header: Any) -> np.ndarray | None:
    try:
        return np.asarray(header.get_qform(), dtype=np.float64)
    except Exception:  # a broken qform does not matter if there is an sform
        return None


def _tr(header: Any) -> float:
    """Repetition time in a run's NIfTI header [s]; 0 if there is none."""
    try:
        unit = header.get_xyzt_units()[1]
    except KeyError:  # an invalid code
        return 0.0
    tr = float(header.get_zooms()[3]) * SECONDS.get(unit, 0.0)
    return tr if 0 < tr < math.inf else 0.0


# --- CIFTI ----------------------------------------------------------------------------------------


def _dense(path: Path, stored: ArrayProxy, xml: bytes) -> Header:
    if version := re.search(rb"<CIFTI[^>]*\bVersion\s*=\s*[\"'](1[^\"']*)", xml):
        raise InputError(
            f"is a CIFTI-1 file (version {version[1].decode('ascii', 'replace')}), an older format "
            "that is not supported. Convert it: wb_command -file-convert -cifti-version-convert "
            "FILE 2 NEW.dtseries.nii"
        )
    # Metadata differ from run to run; without them, runs on the same grayordinates have equal XML.
    axes = _axes(re.sub(rb"<MetaData>.*?</MetaData>", b"", xml, flags=re.DOTALL))
    kinds = " × ".join(_kind(axis) for axis in axes)
    forms = Grayordinates | Parcels
    if len(axes) != 2 or not isinstance(axes[1], forms) or not isinstance(axes[0], Rows):
        raise InputError(
            f"is not a dense series (.dtseries.nii): expected series × grayordinates, but axes "
            f"are {kinds}. Use the file of grayordinates, or of parcels (.ptseries.nii)."
        )
    rows, grid = axes
    shape, n = stored.shape, grid.shape[0]
    if len(shape) != 6 or shape[-2:] != (len(rows), n):
        raise InputError(
            f"its data are {'×'.join(map(str, shape[-2:]))}, but its axes are {len(rows)}×"
            f"{n}. Write it again with the program that wrote it."
        )
    # CIFTI allows units other than time along a series; their step is not a TR.
    series = isinstance(rows, SeriesAxis)
    tr = float(rows.step) if series and rows.unit == "SECOND" else 0.0
    return Header(path, grid, len(rows) if series else 0, tr, stored, rows)


def _kind(axis: Any) -> str:
    return type(axis).__name__.removesuffix("Axis").lower()


@lru_cache(maxsize=16)
def _axes(xml: bytes) -> tuple[Any, ...]:
    """Axes of the rows and columns of a file; grayordinates as :class:`Grayordinates`.

    Parsing a header, a megabyte of XML, takes nibabel longer than reading a run: equal headers are
    parsed once.
    """
    parser = Cifti2Parser()
    try:
        parser.parse(string=xml)
        matrix = parser.header.matrix
        axes = [parser.header.get_axis(i) for i in sorted(matrix.mapped_indices)]
    except Exception as error:  # nibabel may raise anything at invalid XML
        raise InputError(
            f"its description of the axes is damaged ({reason(error)}). Fetch the file again, or "
            "write it again with the program that wrote it."
        ) from error
    grids: dict[Any, Any] = {BrainModelAxis: Grayordinates, ParcelsAxis: Parcels}
    return tuple(grids[type(a)](a) if type(a) in grids else a for a in axes)


# --- the expected kind of file --------------------------------------------------------------------


def read_run_header(path: Path, form: Form, described: Columns | Path | None = None) -> Header:
    """Read the header of a run of one form.

    Parameters
    ----------
    path : Path
        A run (:mod:`mindvideo.run_files`).
    form : {"volume", "cifti", "gifti", "parcels", "array"}
    described : Columns or Path, optional
        The columns of an array, or their table.

    Raises
    ------
    InputError
        As :func:`read_header` and :func:`as_run`.
    """
    if form == "array":
        from mindvideo.io.arrays import read_array  # pandas, which images do without: 0.2 s

        columns, matrix = read_array(path, described)
        return Header(path, columns, matrix.shape[0], 0.0, matrix)
    if form == "gifti":
        vertices, matrix, tr = read_pair(path)
        return Header(path, vertices, matrix.shape[0], tr, matrix)
    return as_run(read_header(path), form)


def form_of(path: Path, grid: AnyGrid) -> Form:
    """The form of a run on a grid."""
    if isinstance(grid, Grayordinates):
        return "gifti" if HEMI in str(path) else "cifti"
    if isinstance(grid, Grid):
        return "volume"
    return "parcels" if isinstance(grid, Parcels) else "array"


def as_run(header: Header, form: Form) -> Header:
    """Check that a NIfTI or CIFTI file is a run of one form.

    Raises
    ------
    InputError
        If it is not.
    """
    if form == "volume":
        return volume_header(header, 4)
    series, elements = (
        ("a parcellated series (.ptseries.nii", "parcels")
        if form == "parcels"
        else ("a dense series (.dtseries.nii", "grayordinates")
    )
    if not header.is_cifti:
        raise InputError(
            f"is a volume ({header}), not {series}). Use the CIFTI files. Only the runs of a data "
            "set may be volumes (dataset.space: volume), not those for pre-training."
        )
    if isinstance(header.grid, Parcels) != (form == "parcels"):
        other = "cifti" if form == "parcels" else "parcels"
        raise InputError(
            f"is of {header.grid}, not {series}). Set dataset.space: {other}, or use the files of "
            f"{elements}."
        )
    if not isinstance(header.rows, SeriesAxis):
        raise InputError(
            f"is not {series}, series × {elements}) but a map "
            f"({_kind(header.rows)} × {elements}). Use the files of the runs."
        )
    return header


def volume_header(header: Header, ndim: int) -> Header:
    """Check that a file is a volume of `ndim` dimensions.

    Raises
    ------
    InputError
        If it is not.
    """
    expected = "4-D run (i, j, k, volume)" if ndim == 4 else "3-D map"
    if header.is_cifti:
        raise InputError(
            f"is a CIFTI file; expected a {expected}. Use the volume (.nii.gz) files in "
            "dataset.run, or set dataset.space: cifti."
        )
    if len(header.stored.shape) != ndim:
        actual = "a 3-D map" if len(header.stored.shape) == 3 else "a 4-D run"
        raise InputError(f"is {header}, {actual}; expected a {expected}.")
    return header
