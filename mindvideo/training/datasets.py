"""Examples of a training: arrays, in memory or on disk, that are read a batch at a time."""

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

Batch = dict[str, Tensor]
T = TypeVar("T")


class Array(Protocol):
    """Whatever gives rows for an array of their numbers: an array, a memory map, or one below."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray: ...


class Examples:
    """Named arrays of the same length; row i of all of them is example i."""

    def __init__(self, **arrays: Array) -> None:
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays of different lengths: {lengths}")
        self._arrays = arrays
        self._length = next(iter(lengths.values()))

    def __len__(self) -> int:
        return self._length

    def batch(self, indices: np.ndarray) -> Batch:
        """The rows of some examples, float32, on the CPU; and `index`, the examples' numbers."""
        values = {
            # A copy into torch's own memory, whose alignment is always the same: BLAS may sum in
            # another order where it is not, and a resumed training must add up to the same.
            name: torch.tensor(array[indices], dtype=torch.float32)
            for name, array in self._arrays.items()
        }
        return {"index": torch.from_numpy(np.asarray(indices)), **values}


def read_ahead(read: Callable[[int], T], numbers: Iterable[int]) -> Generator[tuple[int, T]]:
    """Each number with what `read` makes of it; the next is read while this one is worked on."""
    with ThreadPoolExecutor(1) as reader:
        waiting: deque[tuple[int, Future[T]]] = deque()
        for number in numbers:
            waiting.append((number, reader.submit(read, number)))
            if len(waiting) > 1:
                done, found = waiting.popleft()
                yield done, found.result()
        for done, found in waiting:
            yield done, found.result()


class Stacked:
    """Several arrays, one below the other, none of them read before it is asked for.

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
                    f"{names[0]}: were they made with the same settings?"
                )
        self._arrays = arrays
        self._ends = np.cumsum([len(array) for array in arrays])
        self.shape = (len(self), *arrays[0].shape[1:])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        which = np.searchsorted(self._ends, rows, side="right")
        starts = self._ends - [len(array) for array in self._arrays]
        found = np.empty((len(rows), *self.shape[1:]), self._arrays[0].dtype)
        for number in np.unique(which):
            here = which == number
            found[here] = self._arrays[number][rows[here] - starts[number]]
        return found


class Taken:
    """Rows of an array in another order, as ``array[order]`` would be if it were read."""

    def __init__(self, array: Array, order: np.ndarray) -> None:
        self._array, self._order = array, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self._array[self._order[rows]]


def load_volumes(paths: Sequence[Path]) -> Stacked:
    """Map files of volumes ``(n, v)`` or windows ``(n, w, v)`` as volumes, shape (n_volumes, v).

    Raises
    ------
    InputError
        If a file is neither, is empty, or has another number of voxels than the first.
    """
    volumes = []
    for path in paths:
        array = np.load(path, mmap_mode="r")
        if array.ndim not in (2, 3) or not array.size:
            raise InputError(
                f"{path}: an array of shape {array.shape}, but volumes (n, v) or windows "
                "(n, w, v) are needed: make it with the stage `samples` or `windows`"
            )
        volumes.append(array.reshape(-1, array.shape[-1]))
    return Stacked(volumes, paths)


def check_latents(path: Path, latents: np.ndarray, channels: int) -> None:
    """Refuse latents that are not (n, f, c, h, w) with a UNet's number of channels c.

    Raises
    ------
    InputError
    """
    if latents.ndim != 5 or latents.shape[2] != channels:
        raise InputError(
            f"{path}: an array of shape {latents.shape}, but (clips, frames, {channels} channels, "
            "height, width) is needed: make it again with the same stable_diffusion"
        )
