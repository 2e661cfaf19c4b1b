"""Training examples: arrays, in memory or on disk, read one batch at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from mindvideo.errors import InputError
from mindvideo.models.transfer import sent

Batch = dict[str, Tensor]
ON_THE_CPU = {"index", "motion"}
"""Values of a batch that stay on the CPU, where random numbers are drawn."""
T = TypeVar("T")


class Array(Protocol):
    """Anything indexed by an array of row numbers: an array, a memory map, or a class below."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray: ...


class Examples:
    """Named arrays of the same length. Row i of each array belongs to example i."""

    def __init__(self, **arrays: Array) -> None:
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays of different lengths: {lengths}")
        self._arrays = arrays
        self._length = next(iter(lengths.values()))

    def __len__(self) -> int:
        return self._length

    def batch(self, indices: np.ndarray) -> Batch:
        """Rows of the given examples, float32 on the CPU, and their numbers as `index`."""
        values = {
            # A copy into torch's own memory, whose alignment is always the same: with another
            # alignment BLAS may sum in another order, but resumed training must give equal sums.
            name: torch.tensor(array[indices], dtype=torch.float32)
            for name, array in self._arrays.items()
        }
        return {"index": torch.from_numpy(np.asarray(indices)), **values}


def pinned(batch: Batch, place: torch.device) -> Batch:
    """A batch in memory from which the copy to a GPU does not wait; as it is for the CPU."""
    if place.type != "cuda":
        return batch
    return {n: value if n in ON_THE_CPU else value.pin_memory() for n, value in batch.items()}


def moved(batch: Batch, place: torch.device) -> Batch:
    """A batch on a device, but for what stays on the CPU."""
    return {n: value if n in ON_THE_CPU else sent(value, place) for n, value in batch.items()}


def read_ahead(read: Callable[[int], T], numbers: Iterable[int]) -> Generator[tuple[int, T]]:
    """Yield ``number, read(number)`` in order, and read the next one in the background."""
    with ThreadPoolExecutor(1) as reader:
        waiting: deque[tuple[int, Future[T]]] = deque()
        for number in numbers:
            waiting.append((number, reader.submit(read, number)))
            if len(waiting) > 1:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


class Concatenated:
    """Several arrays as one, concatenated along the first axis; rows are read when indexed.

    Raises
    ------
    InputError
        If their rows differ in shape.
    """

    def __init__(self, arrays: Sequence[np.ndarray], names: Sequence[object]) -> None:
        for array, name in zip(arrays, names, strict=True):
            if array.shape[1:] != arrays[0].shape[1:]:
                raise InputError(
                    f"{name}: rows of shape {array.shape[1:]}, but {arrays[0].shape[1:]} in "
                    f"{names[0]}: were they computed with the same settings?"
                )
        self._arrays = arrays
        self._ends = np.cumsum(self.lengths)
        self.shape = (len(self), *arrays[0].shape[1:])

    @property
    def lengths(self) -> list[int]:
        """Number of rows of each array."""
        return [len(array) for array in self._arrays]

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        numbers = np.searchsorted(self._ends, rows, side="right")  # of the array with each row
        starts = self._ends - self.lengths
        values = np.empty((len(rows), *self.shape[1:]), self._arrays[0].dtype)
        for number in np.unique(numbers):
            here = numbers == number
            values[here] = self._arrays[number][rows[here] - starts[number]]
        return values


class Reindexed:
    """Rows of an array in another order: ``array[order]``, read when indexed."""

    def __init__(self, array: Array, order: np.ndarray) -> None:
        self._array, self._order = array, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self._array[self._order[rows]]


def load_volumes(paths: Sequence[Path]) -> Concatenated:
    """Memory-map files of volumes (n, v) or windows (n, w, v) as volumes, (n_volumes, n_voxels).

    Windows overlap: the volumes after the first of a window are the first of those that follow.
    Only the first volume of each window is used, so that an epoch has each volume once.

    Raises
    ------
    InputError
        If a file holds neither, is empty, or has another number of voxels than the first.
    """
    volumes = []
    for path in paths:
        array = np.load(path, mmap_mode="r")
        if array.ndim not in (2, 3) or not array.size:
            raise InputError(
                f"{path}: an array of shape {array.shape}; expected volumes (n, v) or windows "
                "(n, w, v), as the stages `samples` and `windows` write them"
            )
        volumes.append(array[:, 0] if array.ndim == 3 else array)
    return Concatenated(volumes, paths)


def load_latents(path: Path, channels: int, *, still: bool = False) -> np.ndarray:
    """Memory-map latents (n, f, c, h, w); if `still`, those of the middle frames, (n, 1, c, h, w).

    Raises
    ------
    InputError
        If the array is of another kind, or its number of channels c is not that of the UNet.
    """
    latents = np.load(path, mmap_mode="r")
    check_latents(path, latents, channels)
    middle = latents.shape[1] // 2
    return latents[:, middle : middle + 1] if still else latents


def check_latents(path: Path, latents: np.ndarray, channels: int) -> None:
    """Check that latents are (n, f, c, h, w), with the UNet's number of channels c.

    Raises
    ------
    InputError
    """
    if latents.ndim != 5 or latents.shape[2] != channels:
        raise InputError(
            f"{path}: an array of shape {latents.shape}; expected (clips, frames, {channels} "
            "channels, height, width): compute it again with the same stable_diffusion"
        )
