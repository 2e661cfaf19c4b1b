"""Arrays that a stage computes row by row, kept in its state folder so that they survive a kill.

>>> with KeptRows(Path(), 5) as kept:
...     kept.put(range(0, 2), squares=np.arange(2) ** 2)  # then the process ends
>>> again = KeptRows(Path(), 5)
>>> again.done
2
>>> for rows in again.missing(size=2):
...     again.put(rows, squares=np.array(rows) ** 2)
>>> again.array("squares")
array([ 0,  1,  4,  9, 16])
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from mindvideo.progress import progress

SECONDS = 20.0
"""Time between two writes to the disk [s]: at most this much work is repeated after a kill."""


class KeptRows:
    """Named arrays of `n` rows each, computed from the first row to the last.

    Rows are safe after a flush, every `SECONDS` and at the end of the ``with`` block, even after an
    error or a SIGTERM. A later process reads the rows that are done and computes the rest::

        with KeptRows(state, len(windows)) as kept:
            for rows in kept.missing(batch_size):
                kept.put(rows, clips=pipeline(windows[rows.start : rows.stop]))
            kept.publish("clips", output)

    Parameters
    ----------
    folder : Path
        The state folder, for one set of settings, code and inputs.
    n : int
        Rows of each array.
    name : str
        Name of this set of rows in the folder.
    """

    def __init__(self, folder: Path, n: int, name: str = "rows") -> None:
        self._folder, self.n, self._name = folder, n, name
        self._count = folder / f"{name}.done"
        self.done = int(self._count.read_text()) if self._count.exists() else 0
        self._arrays: dict[str, np.memmap] = {}
        self._flushed = time.monotonic()

    def missing(self, size: int) -> Iterator[range]:
        """The rows that are not done, at most `size` at a time."""
        while self.done < self.n:
            yield range(self.done, min(self.done + size, self.n))

    def put(self, rows: range, **values: np.ndarray) -> None:
        """Keep the next rows of every array: each of `values` has as many rows as `rows`.

        The first rows determine shapes and types.

        Raises
        ------
        ValueError
            If these are not the next rows, or their shape differs from that of earlier rows.
        """
        if rows.start != self.done:
            raise ValueError(f"rows from {rows.start} on, but {self.done} rows are done")
        for name, value in values.items():
            array = self._open(name, value)
            if value.shape != (len(rows), *array.shape[1:]):
                raise ValueError(
                    f"{name}: expected {len(rows)} rows of shape {array.shape[1:]}; found an "
                    f"array of shape {value.shape}"
                )
            array[rows.start : rows.stop] = value
        self.done = rows.stop
        if time.monotonic() - self._flushed >= SECONDS:
            self.flush()

    def rewind(self, rows: int) -> None:
        """Forget all but the first rows, so that the others are recomputed.

        For rows that depend on a saved state, of which a kill can leave an older version.

        Raises
        ------
        ValueError
            If fewer rows are done.
        """
        if rows > self.done:
            raise ValueError(f"back to {rows} rows, but only {self.done} are done")
        self.done = rows

    def flush(self) -> None:
        """Write everything to the disk, and only then that it is done."""
        for array in self._arrays.values():
            array.flush()
        partial = self._count.with_suffix(".part")
        partial.write_text(str(self.done))
        os.replace(partial, self._count)
        self._flushed = time.monotonic()

    def array(self, name: str) -> np.ndarray:
        """An array of all rows, memory-mapped.

        Raises
        ------
        ValueError
            If rows are missing.
        """
        if self.done < self.n:
            raise ValueError(f"{name}: {self.done} of {self.n} rows are done")
        return np.asarray(np.load(self._path(name), mmap_mode="r"))

    def publish(self, name: str, output: Path) -> None:
        """Copy an array whose rows are all done to an output.

        The state folder keeps its array until the outputs are in place, and editing the output
        does not change the state.
        """
        self.array(name)
        self.flush()
        shutil.copyfile(self._path(name), output)

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._name}-{name}.npy"

    def _open(self, name: str, like: np.ndarray) -> np.memmap:
        if name not in self._arrays:
            if self.done:
                self._arrays[name] = np.lib.format.open_memmap(self._path(name), mode="r+")
            else:
                shape = (self.n, *like.shape[1:])
                self._arrays[name] = np.lib.format.open_memmap(
                    self._path(name), mode="w+", dtype=like.dtype, shape=shape
                )
                _allocate(self._path(name))
        return self._arrays[name]

    def __enter__(self) -> KeptRows:
        return self

    def __exit__(self, *error: object) -> None:
        self.flush()


def _allocate(path: Path) -> None:
    """Allocate a file's disk space: on a full disk, writing to its memory map kills the process.

    Raises
    ------
    OSError
        If the disk is full, with the file's name.
    """
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OSError(error.errno, error.strerror, str(path)) from None


def compute_rows(
    folder: Path,
    name: str,
    n: int,
    compute: Callable[[range], Mapping[str, np.ndarray]],
    *,
    size: int = 1,
    desc: str | None = None,
    unit: str = "batch",
) -> KeptRows:
    """Compute all rows of some arrays in batches, with a progress bar, and save them.

    Parameters
    ----------
    folder, name, n
        As in :class:`KeptRows`. Rows that an earlier process saved are not recomputed.
    compute : callable
        Some rows → the named arrays of these rows. The result must depend only on the rows.
    size : int
        Rows per batch. An interruption changes no batch if the size stays the same.
    desc, unit : str
        For the progress bar: what is computed (default: `name`), and what a batch is.

    Returns
    -------
    KeptRows
        All of its rows are done.
    """
    with KeptRows(folder, n, name) as kept:
        bar = progress(
            kept.missing(size),
            desc=desc or name,
            total=-(-n // size),
            unit=unit,
            initial=-(-kept.done // size),
        )
        for rows in bar:
            kept.put(rows, **compute(rows))
    return kept


def keep_array(folder: Path, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Compute one array and save it as a whole, or load it if an earlier process saved it."""
    path = folder / f"{name}.npy"
    if not path.exists():
        partial = folder / f"{name}.part"
        with partial.open("wb") as out:
            np.save(out, compute())
            out.flush()
            os.fsync(out.fileno())
        os.replace(partial, path)
    return np.load(path)
