"""Headers, samples and statistics of files, fast enough for whole data sets.

:mod:`mindvideo.checks` compares them with the expected values. A broken file raises an
:class:`InputError` that does not name the file.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mindvideo.errors import InputError
from mindvideo.io.headers import Header, read_header, read_run_header
from mindvideo.io.images import UNREADABLE, explained, reason
from mindvideo.io.matrices import Matrix
from mindvideo.io.runs import each_volume
from mindvideo.io.spaces import Columns
from mindvideo.run_files import Form

CHUNK = 1 << 20
SAMPLE = 1 << 16
"""Size of a sample [bytes]; files that agree in all samples are then compared completely."""
SAMPLES = 8
BLOCK = 4096
"""Number of grayordinates to read at once."""


def inspect(path: Path) -> Header:
    """Read a file's header, and check that the file is as long as the header states.

    Raises
    ------
    InputError
        If the header is invalid (:func:`~mindvideo.io.headers.read_header`), or the file is cut
        short.
    """
    return _complete(read_header(path))


def inspect_run(path: Path, form: Form, described: Columns | Path | None = None) -> Header:
    """As :func:`inspect`, of a run of one form (:func:`~mindvideo.io.headers.read_run_header`)."""
    return _complete(read_run_header(path, form, described))


def _complete(header: Header) -> Header:
    with explained():
        _check_length(header)
    return header


def _check_length(header: Header) -> None:
    """Compare a file's length with the length that its header implies.

    A gzip file ends with the length of its content, modulo 2³². Some programs compress in blocks,
    with a length after each, so if the last length differs, the file is unpacked to make sure.

    Raises
    ------
    InputError
        If the file is shorter.
    """
    path, stored = header.path, header.stored
    if isinstance(stored, Matrix):  # the readers of these formats know the length
        return
    content = stored.offset + math.prod(stored.shape) * stored.dtype.itemsize
    if path.suffix != ".gz":
        if (size := path.stat().st_size) < content:
            raise InputError(f"cut short: {size:,} bytes instead of {content:,}. Fetch it again")
        return
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        stated = int.from_bytes(file.read(4), "little")
    if stated != content % 2**32 and not _unpacks_to(path, content):
        raise InputError("cut short or damaged: it cannot be unpacked completely. Fetch it again")


def _unpacks_to(path: Path, content: int) -> bool:
    size = 0
    try:
        with gzip.open(path) as file:
            while chunk := file.read(CHUNK):
                size += len(chunk)
    except (OSError, EOFError, zlib.error):
        return False
    return size >= content


# --- equal files ----------------------------------------------------------------------------------


def sampled_digest(path: Path) -> str:
    """Digest of a file's length and of samples spread over it.

    For a gzip file, only the end is used, which has the checksum and length of the content.
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
    """Statistics of a run's values, and a sample of them."""

    n_voxels: int
    not_finite: int
    """Number of voxels with a value that is not a finite number."""
    constant: int
    """Number of voxels that are constant."""
    sd: np.ndarray
    """SD over the run of the other voxels, (n,) float64."""
    sample: np.ndarray
    """The last volumes of some voxels, (at most `volumes`, at most `voxels`) float32."""


def read_values(header: Header, voxels: int, volumes: int) -> Values:
    """Read a whole run, and summarise its values.

    Parameters
    ----------
    header : Header
        Header of the run.
    voxels, volumes : int
        Size of the sample: voxels evenly spaced over the grid, and the last volumes.

    Raises
    ------
    InputError
        If the data are damaged.
    """
    n_voxels = math.prod(header.grid.shape)
    sampled = np.unique(np.linspace(0, n_voxels - 1, voxels).astype(int))
    sample = np.empty((min(volumes, header.n_volumes), len(sampled)), dtype=np.float32)
    n_broken = n_constant = start = 0
    sd = []
    try:
        for block in _blocks(header):  # (n_volumes, n)
            finite = np.isfinite(block).all(axis=0)
            constant = (block == block[0]).all(axis=0)
            n_broken += int((~finite).sum())
            n_constant += int(constant.sum())
            sd.append(block[:, finite & ~constant].std(axis=0, dtype=np.float64))
            here = (sampled >= start) & (sampled < start + block.shape[1])
            sample[:, here] = block[-len(sample) :, sampled[here] - start]
            start += block.shape[1]
    except UNREADABLE as error:
        raise InputError(f"damaged ({reason(error)}). Fetch it again") from error
    return Values(n_voxels, n_broken, n_constant, np.concatenate(sd), sample)


def _blocks(header: Header) -> Iterator[np.ndarray]:
    """A run's values, (n_volumes, n) at a time, in their order on the disk."""
    stored = header.stored
    if isinstance(stored, Matrix):
        values = stored.read()
        for start in range(0, stored.shape[1], BLOCK):
            yield np.asarray(values[:, start : start + BLOCK], np.float32)
        return
    if header.is_cifti:
        for start in range(0, math.prod(header.grid.shape), BLOCK):
            yield np.asarray(stored[0, 0, 0, 0, :, start : start + BLOCK])
        return
    run = np.empty((header.n_volumes, math.prod(header.grid.shape)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for t, volume in enumerate(each_volume(header)):
            run[t] = volume.ravel()
    for start in range(0, run.shape[1], BLOCK):
        yield run[:, start : start + BLOCK]
