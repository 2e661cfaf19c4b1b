"""Arrays of clips: opened without reading, gathered by a table, put side by side.

A *clip* is what was on screen during one volume, uint8 (n_frames, h, w, 3); a file of them,
(n_clips, n_frames, h, w, 3), is a segment's film (:mod:`mindvideo.io.films`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.tables import rows

SHOWN = 128
"""Height that smaller frames are enlarged to in videos, at least [px]."""


def load_clips(path: Path) -> np.ndarray:
    """Open clips without reading them into memory.

    Returns
    -------
    memmap, uint8, (n_clips, n_frames, h, w, 3)

    Raises
    ------
    InputError
        If the file holds anything else.
    """
    try:
        clips = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise InputError(f"{path}: no array of clips ({error})") from error
    if clips.dtype != np.uint8 or clips.ndim != 5 or clips.shape[-1] != 3:
        raise InputError(
            f"{path}: {clips.dtype} of shape {clips.shape}, clips are uint8 of shape "
            "(clips, frames, height, width, 3): was it made by the stage `clips`?"
        )
    return clips


def gather_clips(clips: dict[str, np.ndarray], segments: list[str], numbers: list[int]):
    """Collect the clips that a table names, in its order.

    Parameters
    ----------
    clips : dict of str to ndarray, (n_clips, n_frames, h, w, 3)
        By segment.
    segments, numbers : list
        Segment and number of each clip wanted.

    Returns
    -------
    ndarray, uint8, (n, n_frames, h, w, 3)

    Raises
    ------
    InputError
        If a segment or a clip of it is not there, or segments differ in frames or size.
    """
    shapes = {name: array.shape[1:] for name, array in clips.items()}
    if len(set(shapes.values())) > 1:
        raise InputError(
            f"clips differ in (frames, height, width, colours): {shapes}; all segments must be "
            "cut with the same settings"
        )
    places = rows({name: len(array) for name, array in clips.items()}, segments, numbers)
    return np.stack([clips[segment][number] for segment, number in places])


def load_shown(made: np.ndarray, listing: pd.DataFrame, clips: list[Path]) -> np.ndarray:
    """Load the clips that reconstructions should look like.

    Parameters
    ----------
    made : ndarray, uint8, (n, n_frames, h, w, 3)
        Reconstructions.
    listing : DataFrame
        Their `segment` and `clip`.
    clips : list of Path
        Files of clips, named after their segments.

    Returns
    -------
    ndarray, uint8, of the reconstructions' shape

    Raises
    ------
    InputError
        If counts, frames or sizes differ, or clips are missing.
    """
    if len(made) != len(listing):
        raise InputError(
            f"{len(made)} reconstructions, but {len(listing)} rows in the table of windows: "
            "they come from different runs; reconstruct again"
        )
    films = {path.stem: load_clips(path) for path in clips}
    shown = gather_clips(films, listing["segment"].tolist(), listing["clip"].tolist())
    if shown.shape != made.shape:
        raise InputError(
            "reconstructions of (frames, height, width, colours) "
            f"{made.shape[1:]}, clips of {shown.shape[1:]}: cut the clips with the size and rate "
            "of the reconstructions"
        )
    return shown


class ClipFrames:
    """The frames of each example's clip: row i, of shape (f, h, w, 3), uint8.

    Parameters
    ----------
    arrays : dict of array (n_clips, f, h, w, 3)
        Clips of each segment.
    table : DataFrame
        With columns `segment` and `clip`, one row an example.

    Raises
    ------
    InputError
        If a segment or a clip is missing, or clips differ in their number of frames.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], table: pd.DataFrame) -> None:
        self._arrays = arrays
        counts = {segment: len(array) for segment, array in arrays.items()}
        self._keys = rows(counts, table["segment"].tolist(), table["clip"].tolist())
        if len({array.shape[1] for array in arrays.values()}) > 1:
            found = ", ".join(f"{name}: {array.shape[1]}" for name, array in arrays.items())
            raise InputError(
                f"clips with different numbers of frames ({found}): make all of them again with "
                "the same fps"
            )

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, row: int) -> np.ndarray:
        segment, clip = self._keys[row]
        return self._arrays[segment][clip]

    def middles(self) -> list[np.ndarray]:
        """The frame in the middle of each clip, (h, w, 3), mapped where the clips are."""
        clips = (self[row] for row in range(len(self)))
        return [frames[len(frames) // 2] for frames in clips]


def load_frames(paths: Iterable[Path], table: pd.DataFrame) -> ClipFrames:
    """The frames of a table's clips, from a file a segment, named after it."""
    return ClipFrames({path.stem: load_clips(path) for path in paths}, table)


def side_by_side(
    truth: np.ndarray, reconstruction: np.ndarray, *, height: int = SHOWN
) -> np.ndarray:
    """Put ground truth (left) and reconstruction (right) into one picture, large enough to see.

    Parameters
    ----------
    truth, reconstruction : ndarray, uint8, (n_frames, h, w, 3)
    height : int
        Frames are repeated pixel by pixel, a whole number of times, to at least this height [px].

    Returns
    -------
    ndarray, uint8, (n_frames, H, 2·W + gap, 3)
        H and the width are even, as H.264 wants. The gap is white.
    """
    factor = max(1, -(-height // truth.shape[1]))
    pair = [x.repeat(factor, axis=1).repeat(factor, axis=2) for x in (truth, reconstruction)]
    n_frames, h = pair[0].shape[:2]
    gap = np.full((n_frames, h, 4, 3), 255, np.uint8)
    picture = np.concatenate([pair[0], gap, pair[1]], axis=2)
    return np.pad(picture, ((0, 0), (0, h % 2), (0, 0), (0, 0)), mode="edge")
