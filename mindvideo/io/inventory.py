"""What files are, from their headers and a few samples of them: quick enough for whole data sets.

Nothing here knows what a file should be: :mod:`mindvideo.checks` compares. What is broken is an
:class:`InputError` that says how, without the file's name.
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
from mindvideo.io.headers import Header, read_header
from mindvideo.io.images import UNREADABLE, explained, reason
from mindvideo.io.runs import each_volume

CHUNK = 1 << 20
SAMPLE = 1 << 16
"""Bytes of a sample; where two files agree in all samples, they are compared whole."""
SAMPLES = 8
BLOCK = 4096
"""Grayordinates read at once."""


def inspect(path: Path) -> Header:
    """Read a file's header, and see that as much data follows as it says.

    Raises
    ------
    InputError
        If the header is not in order (:func:`~mindvideo.io.headers.read_header`), or the file is
        cut short.
    """
    header = read_header(path)
    with explained():
        _see_that_all_is_there(header)
    return header


def _see_that_all_is_there(header: Header) -> None:
    """Compare a file's length with its header's.

    A gzip file ends with the length of what is packed in it, modulo 2³². Some programs pack in
    blocks, with a length after each: so where it differs, the file is unpacked to be sure.

    Raises
    ------
    InputError
        If it is shorter.
    """
    path, stored = header.path, header.stored
    content = stored.offset + math.prod(stored.shape) * stored.dtype.itemsize
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
    """What a run's values are like."""

    n_voxels: int
    not_finite: int
    """Voxels with a value that is no finite number."""
    constant: int
    """Voxels whose value never changes."""
    sd: np.ndarray
    """Of the other voxels over the run, (n,) float64."""
    sample: np.ndarray
    """The last volumes of some voxels, (at most `volumes`, at most `voxels`) float32."""


def read_values(header: Header, voxels: int, volumes: int) -> Values:
    """Read a whole run, and see what is odd in it.

    Parameters
    ----------
    header : Header
        Of the run.
    voxels, volumes : int
        Size of the sample: voxels at even steps through the grid, the last volumes.

    Raises
    ------
    InputError
        If the data are damaged.
    """
    n_voxels = math.prod(header.grid.shape)
    wanted = np.unique(np.linspace(0, n_voxels - 1, voxels).astype(int))
    sample = np.empty((min(volumes, header.n_volumes), len(wanted)), dtype=np.float32)
    broken = still = start = 0
    sd = []
    try:
        for block in _blocks(header):  # (n_volumes, n)
            finite = np.isfinite(block).all(axis=0)
            constant = (block == block[0]).all(axis=0)
            broken, still = broken + int((~finite).sum()), still + int(constant.sum())
            sd.append(block[:, finite & ~constant].std(axis=0, dtype=np.float64))
            here = (wanted >= start) & (wanted < start + block.shape[1])
            sample[:, here] = block[-len(sample) :, wanted[here] - start]
            start += block.shape[1]
    except UNREADABLE as error:
        raise InputError(f"damaged ({reason(error)}). Fetch it again") from error
    return Values(n_voxels, broken, still, np.concatenate(sd), sample)


def _blocks(header: Header) -> Iterator[np.ndarray]:
    """A run's values, (n_volumes, n) at a time, in the order in which they lie on the disk."""
    if header.is_cifti:
        for start in range(0, math.prod(header.grid.shape), BLOCK):
            yield np.asarray(header.stored[0, 0, 0, 0, :, start : start + BLOCK])
        return
    run = np.empty((header.n_volumes, math.prod(header.grid.shape)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for t, volume in enumerate(each_volume(header)):
            run[t] = volume.ravel()
    for start in range(0, run.shape[1], BLOCK):
        yield run[:, start : start + BLOCK]
