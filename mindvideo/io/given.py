"""Arrays that others have prepared: opened without reading, and taken apart by segment.

>>> arrays = [np.zeros((2, 5, 7))]  # two segments of five volumes of seven voxels
>>> parts = by_segment(arrays, {"test1": 5, "test2": 5}, ["volumes.npy"])
>>> parts["test2"].shape
(5, 7)
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table


def open_array(path: Path) -> np.ndarray:
    """Open an array without reading it into memory.

    Raises
    ------
    InputError
        If the file contains anything else, or Python objects.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(
            f"{path}: not an array of numbers ({error}): expected a file that numpy.save has "
            "written. Is the download complete?"
        ) from error


def load_texts(path: Path) -> np.ndarray:
    """Read an array of strings (``.npy``), or the captions of a table (``.tsv``).

    The released captions may be stored as Python objects. They are read as strings, and no code in
    the file is run.

    Returns
    -------
    ndarray of str
        Of a table, (clips, frames): its columns ``frame_1``, …, or else its column ``caption``.

    Raises
    ------
    InputError
        If the file contains anything else.
    """
    if path.suffix == ".tsv":
        table = load_table(path)
        frames = [name for name in table.columns if str(name).startswith("frame_")]
        columns = frames or ["caption"]
        return load_table(path, columns)[columns].fillna("").astype(str).to_numpy()
    try:
        texts = _load(path)
    except (ValueError, EOFError, OSError, pickle.UnpicklingError) as error:
        if isinstance(error, OSError) and error.filename:
            raise
        raise InputError(f"{path}: not an array of strings ({error})") from error
    if texts.dtype == object:
        wrong = [type(text).__name__ for text in texts.ravel() if not isinstance(text, str)]
        if wrong:
            raise InputError(f"{path}: contains {wrong[0]} objects; expected strings")
        texts = texts.astype(str)
    if texts.dtype.kind == "S":
        texts = np.char.decode(texts, "utf-8")
    if texts.dtype.kind != "U":
        raise InputError(f"{path}: contains {texts.dtype}; expected strings, the captions")
    return texts


class _Strings(pickle.Unpickler):
    """Reads an array of strings, and refuses everything else."""

    ALLOWED = ("_reconstruct", "ndarray", "dtype", "scalar", "str_")

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "numpy" and name in self.ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"refused: reading it would run {module}.{name}")


def _load(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            header = np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        if not dtype.hasobject:
            return np.load(path, allow_pickle=False)
        return np.asarray(_Strings(file).load(), dtype=object).reshape(shape)


def by_segment(
    arrays: Sequence[np.ndarray], segments: Mapping[str, int], names: Sequence[Any]
) -> dict[str, np.ndarray]:
    """The part of each segment in arrays of all segments.

    Parameters
    ----------
    arrays
        One array with the segments along its first axis and the clips along its second; one with
        the clips of all segments along its first axis; or one for each segment, with its clips
        along the first axis.
    segments
        Number of clips of each segment, in order.
    names
        Of the arrays, for messages.

    Raises
    ------
    InputError
        If the arrays fit none of these.
    """
    lengths = list(segments.values())
    first = arrays[0]
    if len(arrays) == 1 and first.ndim > 1:
        if first.shape[:2] == (len(lengths), lengths[0]) and len(set(lengths)) == 1:
            return dict(zip(segments, first))
        if first.shape[0] == sum(lengths):
            ends = np.cumsum(lengths)
            parts = (first[end - n : end] for end, n in zip(ends, lengths))
            return dict(zip(segments, parts))
    if [len(array) if array.ndim else 0 for array in arrays] == lengths:
        return dict(zip(segments, arrays))
    found = ", ".join(f"{name} {array.shape}" for name, array in zip(names, arrays))
    listed = ", ".join(f"{name} {n}" for name, n in list(segments.items())[:6])
    more = ", …" if len(segments) > 6 else ""
    equal = len(set(lengths)) == 1
    stacked = f"({len(lengths)}, {lengths[0]}, …) for segments × clips, " if equal else ""
    raise InputError(
        f"{found}: does not fit the {len(lengths)} segments of the data set (clips: {listed}{more})"
        f"; expected {stacked}({sum(lengths)}, …) for all clips in order, or one file for each "
        "segment ({segment} in its path). Is it the array of another split or subject?"
    )


def frames_of_captions(texts: np.ndarray, n_frames: int, name: Any) -> pd.DataFrame:
    """The table of captions of a segment, from an array.

    Parameters
    ----------
    texts : (n_clips, n_frames) or (n_clips,) of str
        One caption for each frame, or for each clip.
    n_frames
        Frames of a clip.
    name
        Of the array, for messages.

    Returns
    -------
    DataFrame
        Columns ``clip``, ``frame_1``, …

    Raises
    ------
    InputError
        If the number of captions of a clip is neither 1 nor that of its frames.
    """
    if texts.ndim == 1:
        texts = texts[:, None]
    if texts.ndim != 2 or texts.shape[1] not in (1, n_frames):
        raise InputError(
            f"{name}: captions of shape {texts.shape} for a segment; expected (clips, {n_frames}), "
            "one for each frame, or (clips,)"
        )
    texts = np.broadcast_to(texts, (len(texts), n_frames))
    columns = {f"frame_{f + 1}": texts[:, f] for f in range(n_frames)}
    return pd.DataFrame({"clip": range(len(texts)), **columns})
