"""What files are, from their headers and a few samples of them: quick enough for whole data sets.

Nothing here knows what a file should be: :mod:`mindvideo.checks` compares. What is broken is an
:class:`InputError` that says how, without the file's name.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from xml.parsers import expat

import imageio_ffmpeg
import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, Cifti2HeaderError, SeriesAxis
from nibabel.cifti2.parse_cifti2 import Cifti2Parser
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from mindvideo.errors import InputError
from mindvideo.io.runs import header_tr
from mindvideo.io.spaces import CORTEX

CHUNK = 1 << 20
SAMPLE = 1 << 16
"""Bytes of a sample; where two files agree in all samples, they are compared whole."""
SAMPLES = 8
BLOCK = 4096
"""Grayordinates read at once."""
KINDS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
"""By the length of the header, which is what a file starts with."""
BROKEN = (OSError, EOFError, ValueError, zlib.error)
"""What reading a damaged file raises."""
ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")


@dataclass(frozen=True)
class Layout:
    """What the voxels of a file are."""

    shape: tuple[int, ...]
    """(i, j, k) of a volume, (n_grayordinates,) of a CIFTI file."""
    affine: tuple[float, ...] = ()
    """Of a volume: voxel indices → mm, rounded to what tools agree on."""
    axes: str = ""
    """Of a CIFTI file: digest of its brain models."""

    def __str__(self) -> str:
        if not self.affine:
            return f"{self.shape[0]} grayordinates (models {self.axes[:6]})"
        matrix = np.reshape(self.affine, (4, 4))
        size = "×".join(f"{s:.3g}" for s in nib.affines.voxel_sizes(matrix))
        origin = ", ".join(f"{o:.6g}" for o in matrix[:3, 3])
        return f"{'×'.join(map(str, self.shape))} voxels of {size} mm, origin ({origin}) mm"


@dataclass(frozen=True)
class Header:
    """What a NIfTI or CIFTI file says of itself."""

    layout: Layout
    n_volumes: int
    """0 of a 3-D map."""
    tr: float
    """[s]; 0 if the file does not say."""
    cortex: tuple[np.ndarray, np.ndarray] | None
    """Of a CIFTI file: mesh vertices of its left and right cortical grayordinates."""

    @property
    def is_cifti(self) -> bool:
        return self.cortex is not None


def read_header(path: Path) -> Header:
    """Read a file's header, and see that as much data follows as it says.

    Raises
    ------
    InputError
        If the file cannot be read, is none of the two kinds, or is cut short.
    """
    try:
        with _opened(path) as file:
            if not (raw := file.read(4)):
                raise InputError("is empty. Fetch it again")
            size = next((s for o in ORDERS if (s := int.from_bytes(raw, o)) in KINDS), 0)
            if not size:
                raise InputError("is no NIfTI or CIFTI file")
            raw += file.read(size - 4)
            if len(raw) < size:
                raise InputError(f"cut short: {len(raw)} bytes of a header. Fetch it again")
            header = KINDS[size](raw)
            raw += file.read(max(0, int(header["vox_offset"]) - size))
    except InputError:
        raise
    except (*BROKEN, HeaderDataError, WrapStructError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0][:150]
        raise InputError(f"cannot be read ({type(error).__name__}: {reason})") from error
    shape = header.get_data_shape()
    content = int(header["vox_offset"]) + int(np.prod(shape)) * header.get_data_dtype().itemsize
    _see_that_all_is_there(path, content)
    if (start := raw.find(b"<CIFTI")) >= 0:
        xml = raw[start : raw.rfind(b"</CIFTI>") + len(b"</CIFTI>")]
        return _cifti(re.sub(rb"<MetaData>.*?</MetaData>", b"", xml, flags=re.DOTALL), shape)
    if len(shape) not in (3, 4):
        raise InputError(f"is {'×'.join(map(str, shape))}: neither a 4-D run nor a 3-D map")
    affine = tuple(np.round(header.get_best_affine(), 2).ravel().tolist())
    n_volumes = shape[3] if len(shape) == 4 else 0
    tr = header_tr(header) if n_volumes else 0.0
    return Header(Layout(shape[:3], affine=affine), n_volumes, tr, None)


@lru_cache(maxsize=64)
def _cifti(xml: bytes, shape: tuple[int, ...]) -> Header:
    """What a CIFTI file's axes say; without its notes, the XML of like runs is the same."""
    parser = Cifti2Parser()
    try:
        parser.parse(string=xml)
    except (expat.ExpatError, Cifti2HeaderError, ValueError) as error:
        raise InputError(f"its description of the axes is damaged ({error})") from error
    found = [parser.header.get_axis(i) for i in range(len(parser.header.mapped_indices))]
    if [type(axis) for axis in found] != [SeriesAxis, BrainModelAxis]:
        names = " × ".join(type(axis).__name__.removesuffix("Axis") for axis in found)
        raise InputError(
            f"its axes are {names}; those of a dense series (.dtseries.nii) were needed, Series × "
            "BrainModel"
        )
    series, models = found
    if shape[-2:] != (len(series), len(models)):
        raise InputError(
            f"its data are {'×'.join(map(str, shape[-2:]))}, its axes {len(series)}×{len(models)}"
        )
    left, right = (models.vertex[models.name == side] for side in CORTEX)
    digest = hashlib.sha256(np.concatenate([models.vertex, models.voxel.ravel()]).tobytes())
    digest.update("".join(name for name, *_ in models.iter_structures()).encode())
    layout = Layout((len(models),), axes=digest.hexdigest())
    # CIFTI allows other units than time along a series; their step says nothing about TR.
    tr = series.step if series.unit == "SECOND" else 0.0
    return Header(layout, len(series), float(tr), (left, right))


def _opened(path: Path) -> io.BufferedIOBase:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _see_that_all_is_there(path: Path, content: int) -> None:
    """Compare a file's length with its header's.

    A gzip file ends with the length of what is packed in it, modulo 2³². Some programs pack in
    blocks, with a length after each: so where it differs, the file is unpacked to be sure.
    """
    if path.suffix != ".gz":
        if (found := path.stat().st_size) < content:
            raise InputError(f"cut short: {found:,} bytes, not {content:,}. Fetch it again")
        return
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        said = int.from_bytes(file.read(4), "little")
    if said != content % 2**32 and not _unpacks_to(path, content):
        raise InputError("cut short or damaged: it does not unpack to the end. Fetch it again")


def _unpacks_to(path: Path, content: int) -> bool:
    found = 0
    try:
        with gzip.open(path) as file:
            while chunk := file.read(CHUNK):
                found += len(chunk)
    except (OSError, EOFError, zlib.error):
        return False
    return found >= content


# --- equal files ----------------------------------------------------------------------------------


def sampled_digest(path: Path) -> str:
    """Digest of a file's length and of samples spread over it.

    Of packed files it is that of the end alone: a gzip file ends with checksum and length.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if path.suffix == ".gz":
            file.seek(max(0, size - 8))
            digest.update(file.read())
            return digest.hexdigest()
        for start in np.linspace(0, max(0, size - SAMPLE), SAMPLES).astype(np.int64):
            file.seek(start)
            digest.update(file.read(SAMPLE))
    return digest.hexdigest()


# --- the values -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Values:
    """What is odd in a run's values: counts of voxels."""

    n_voxels: int
    not_finite: int
    constant: int


def read_values(path: Path) -> Values:
    """Read a whole run, volume by volume, and count what is odd.

    Raises
    ------
    InputError
        If the data are damaged.
    """
    broken = still = n_voxels = 0
    try:
        for block in _blocks(path):  # (n_volumes, n)
            finite = np.isfinite(block).all(axis=0)
            constant = (block == block[0]).all(axis=0)
            broken, still = broken + int((~finite).sum()), still + int(constant.sum())
            n_voxels += block.shape[1]
    except BROKEN as error:
        reason = str(error).partition("\n")[0][:150]
        raise InputError(f"damaged ({type(error).__name__}: {reason}). Fetch it again") from error
    return Values(n_voxels, broken, still)


def _blocks(path: Path) -> Iterator[np.ndarray]:
    """A run's values, (n_volumes, n) at a time, in the order in which they lie on the disk."""
    image: Any = nib.load(path)
    if isinstance(image, nib.Cifti2Image):
        for start in range(0, image.shape[1], BLOCK):
            yield np.asarray(image.dataobj[:, start : start + BLOCK])
        return
    # One open file: else each volume would be unpacked from the start.
    with _opened(path) as file:
        data = type(image).from_file_map({"image": nib.FileHolder(fileobj=file)}).dataobj
        run = np.empty((data.shape[3], int(np.prod(data.shape[:3]))), dtype=np.float32)
        for t in range(len(run)):
            run[t] = np.asarray(data[..., t]).ravel()
        file.read()  # gzip compares its checksum at the end
    yield run


# --- films ----------------------------------------------------------------------------------------


def probe_film(path: Path) -> tuple[float, float]:
    """Duration [s] and frame rate [1/s] that a film's container states.

    Raises
    ------
    InputError
        If ffmpeg finds no film in the file.
    """
    frames = imageio_ffmpeg.read_frames(str(path), pix_fmt="gray")
    try:
        about = next(frames)
    except (OSError, RuntimeError, StopIteration, IndexError) as error:
        lines = str(error).strip().splitlines() or ["nothing decoded"]
        raise InputError(f"is no film that ffmpeg can read ({lines[-1].strip()[:150]})") from error
    finally:
        frames.close()
    return float(about["duration"]), float(about["fps"])
