"""Headers of NIfTI and CIFTI files: the one judgement of what a file is.

Stages and `check-dataset` read headers here, so that they cannot disagree. What is wrong is an
:class:`InputError` that says what to do, without the file's name, which callers put before it
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
from typing import Any, Literal, TypeAlias

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ScalarAxis, SeriesAxis
from nibabel.cifti2.parse_cifti2 import Cifti2Parser

from mindvideo.errors import InputError
from mindvideo.io.images import explained, reason
from mindvideo.io.kinds import nifti_size, unpacked
from mindvideo.io.spaces import Grayordinates, Grid

Rows: TypeAlias = SeriesAxis | ScalarAxis | LabelAxis

CIFTI_CODE = 32  # of a NIfTI header's extension
CLASSES = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
SILENT = logging.Logger("nibabel")  # of nibabel's notes on headers, which name no file
SILENT.disabled = True
SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
FLAT = 1e-6
"""Volume of a voxel against the product of its edges: below, they do not span a volume."""
REPAIR = (
    "Repair the header: copy that of a sound run on the same grid (fslcpgeom SOUND FILE -d), or "
    "set it with fslorient or nibabel (header.set_sform). Or leave the run out: dataset.exclude."
)


@dataclass(frozen=True, eq=False)
class Header:
    """What a file says of itself; its values stay on the disk."""

    path: Path
    grid: Grid | Grayordinates
    n_volumes: int
    """0 of a map."""
    tr: float
    """[s]; 0 if the file does not say."""
    stored: ArrayProxy
    """nibabel's proxy of the values, (i, j, k[, n_volumes]) or (1, 1, 1, 1, n_rows, n)."""
    rows: Rows | None = None
    """Of a CIFTI file: what its rows are."""
    codes: tuple[int, int] = (0, 0)
    """Of a volume: NIfTI's sform_code and qform_code."""
    qform: np.ndarray | None = None
    """Of a volume with a qform_code: that affine, (4, 4); None where it is none."""

    @property
    def is_cifti(self) -> bool:
        return self.rows is not None

    def __str__(self) -> str:
        return "×".join(map(str, self.stored.shape))


def read_header(path: Path) -> Header:
    """Read what a file says of itself, and see that it makes sense.

    Raises
    ------
    InputError
        If the file is missing, unreadable, of another format, neither a volume nor a dense CIFTI
        file, or its header says what cannot be.
    """
    with explained():
        header, stored = _parse(path, nifti_size(path))
    shape = stored.shape
    if min(shape, default=0) < 1:
        raise InputError(f"its header says {'×'.join(map(str, shape))} voxels. {REPAIR}")
    if stored.dtype.kind not in "iuf":
        what = "complex numbers" if stored.dtype.kind == "c" else "colours, not one value a voxel"
        raise InputError(f"it holds {what}; real numbers were needed: the magnitude, say.")
    xml = [e.content for e in header.extensions if e.get_code() == CIFTI_CODE]
    return _dense(path, stored, xml[0]) if xml else _volume(path, stored, header)


def _parse(path: Path, size: int) -> tuple[Any, ArrayProxy]:
    with warnings.catch_warnings(), unpacked(path) as file:
        warnings.simplefilter("ignore")
        try:
            header = CLASSES[size].from_fileobj(file, check=False)
            edges = header["pixdim"][1:4].copy()
            header.check_fix(SILENT)  # sets edges of 0 to 1
            if not (header["sform_code"] or (np.isfinite(edges) & (edges != 0)).all()):
                sizes = "×".join(f"{edge:g}" for edge in edges)
                raise InputError(f"its pixdim gives voxels of {sizes} mm. {REPAIR}")
            return header, ArrayProxy(str(path), header)
        except (InputError, OSError, EOFError, zlib.error):  # damaged, not odd
            raise
        except Exception as error:  # a header may hold anything, and nibabel raise anything at it
            raise InputError(f"its header is damaged ({reason(error)}). {REPAIR}") from error


# --- volumes --------------------------------------------------------------------------------------


def _volume(path: Path, stored: ArrayProxy, header: Any) -> Header:
    shape = stored.shape
    if len(shape) == 6 and shape[:4] == (1, 1, 1, 1):
        raise InputError(
            f"is {'×'.join(map(str, shape))}, as CIFTI files are, and does not say what its axes "
            "are. Write it anew with the program that made it."
        )
    if len(shape) not in (3, 4):
        hint = (
            " Take out its axes of length 1: numpy.squeeze, then save it with nibabel."
            if len(shape) > 4 and sum(n > 1 for n in shape) <= 4
            else ""
        )
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
    except Exception as error:  # a header may hold anything
        quaternion = ", ".join(f"{float(header[f'quatern_{q}']):.4g}" for q in "bcd")
        raise InputError(
            f"its {name} is no rotation (quaternion b, c, d = {quaternion}: {reason(error)}), so "
            f"where its voxels lie is unknown. {REPAIR}"
        ) from error
    if not np.isfinite(affine).all():
        raise InputError(
            f"its {name} has values that are no finite numbers, so where its voxels lie is "
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
    except Exception:  # a broken qform is harmless where there is an sform
        return None


def _tr(header: Any) -> float:
    """Repetition time that a run's NIfTI header states [s]; 0 if it states none."""
    try:
        unit = header.get_xyzt_units()[1]
    except KeyError:  # a code that is none
        return 0.0
    tr = float(header.get_zooms()[3]) * SECONDS.get(unit, 0.0)
    return tr if 0 < tr < math.inf else 0.0


# --- CIFTI ----------------------------------------------------------------------------------------


def _dense(path: Path, stored: ArrayProxy, xml: bytes) -> Header:
    if version := re.search(rb"<CIFTI[^>]*\bVersion\s*=\s*[\"'](1[^\"']*)", xml):
        raise InputError(
            f"is a CIFTI-1 file (version {version[1].decode('ascii', 'replace')}), an older form "
            "that is not read. Convert it: wb_command -file-convert -cifti-version-convert FILE 2 "
            "NEW.dtseries.nii"
        )
    # Notes differ from run to run; without them, the XML of like runs is the same.
    axes = _axes(re.sub(rb"<MetaData>.*?</MetaData>", b"", xml, flags=re.DOTALL))
    kinds = " × ".join(_kind(axis) for axis in axes)
    if len(axes) != 2 or not isinstance(axes[1], Grayordinates) or not isinstance(axes[0], Rows):
        raise InputError(
            f"is no dense series (.dtseries.nii): series × grayordinates were needed, its axes "
            f"are {kinds}. Name the file of grayordinates."
        )
    rows, grid = axes
    shape = stored.shape
    if len(shape) != 6 or shape[-2:] != (len(rows), len(grid.models)):
        raise InputError(
            f"its data are {'×'.join(map(str, shape[-2:]))}, its axes {len(rows)}×"
            f"{len(grid.models)}. Write it anew with the program that made it."
        )
    # CIFTI allows other units than time along a series; their step says nothing about TR.
    series = isinstance(rows, SeriesAxis)
    tr = float(rows.step) if series and rows.unit == "SECOND" else 0.0
    return Header(path, grid, len(rows) if series else 0, tr, stored, rows)


def _kind(axis: Any) -> str:
    return type(axis).__name__.removesuffix("Axis").lower()


@lru_cache(maxsize=16)
def _axes(xml: bytes) -> tuple[Any, ...]:
    """What the rows and columns of a file are; grayordinates as a grid.

    nibabel parses a file's header, a megabyte of XML, in more time than reading a run takes: here
    equal headers are parsed once.
    """
    parser = Cifti2Parser()
    try:
        parser.parse(string=xml)
        matrix = parser.header.matrix
        axes = [parser.header.get_axis(i) for i in sorted(matrix.mapped_indices)]
    except Exception as error:  # XML may hold anything
        raise InputError(
            f"its description of the axes is damaged ({reason(error)}). Fetch the file again, or "
            "write it anew with the program that made it."
        ) from error
    return tuple(Grayordinates(a) if isinstance(a, BrainModelAxis) else a for a in axes)


# --- what was needed ------------------------------------------------------------------------------


def read_run_header(path: Path, space: Literal["volume", "cifti"]) -> Header:
    """The header of a run of one kind.

    Raises
    ------
    InputError
        As :func:`read_header` and :func:`as_run`.
    """
    return as_run(read_header(path), space)


def as_run(header: Header, space: Literal["volume", "cifti"]) -> Header:
    """See that a file is a run of one kind.

    Raises
    ------
    InputError
        If it is not.
    """
    if space == "volume":
        return volume_header(header, 4)
    if not header.is_cifti:
        raise InputError(
            f"is no dense series (.dtseries.nii) but a volume ({header}). Name the CIFTI files. "
            "Only the runs of a data set, not those for pre-training, may be volumes "
            "(dataset.space: volume)."
        )
    if not isinstance(header.rows, SeriesAxis):
        raise InputError(
            "is no dense series (.dtseries.nii): series × grayordinates were needed, it is a map "
            f"of grayordinates ({_kind(header.rows)} × grayordinates). Name the right files."
        )
    return header


def volume_header(header: Header, ndim: int) -> Header:
    """See that a file is a volume of so many dimensions.

    Raises
    ------
    InputError
        If it is not.
    """
    wanted = "4-D run (i, j, k, volume)" if ndim == 4 else "3-D map"
    if header.is_cifti:
        raise InputError(
            f"is a CIFTI file; a {wanted} was needed. Name the volume (.nii.gz) files in "
            "dataset.run, or say dataset.space: cifti."
        )
    if (found := len(header.stored.shape)) != ndim:
        what = "a 3-D map" if found == 3 else "a 4-D run"
        raise InputError(f"is {header}, {what}; a {wanted} was needed.")
    return header
