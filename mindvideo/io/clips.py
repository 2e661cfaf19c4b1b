"""Arrays of clips: opened without reading, gathered by a table, put side by side.

A *clip* is what was on screen during one volume, uint8 (n_frames, h, w, 3); a file of them,
(n_clips, n_frames, h, w, 3), is a segment's film (:mod:`mindvideo.io.films`).

>>> np.save("seg1.npy", np.zeros((5, 6, 16, 16, 3), np.uint8))
>>> clips = load_clips(Path("seg1.npy"))
>>> clips.shape
(5, 6, 16, 16, 3)
>>> gather_clips({"seg1": clips}, ["seg1", "seg1"], [4, 0]).shape
(2, 6, 16, 16, 3)
>>> table = pd.DataFrame({"segment": ["seg1"], "clip": [2]})
>>> load_frames([Path("seg1.npy")], table)[0].shape
(6, 16, 16, 3)
>>> side_by_side(clips[0], clips[1], height=32).shape
(6, 32, 68, 3)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.tables import rows

MIN_HEIGHT = 128
"""Smaller frames are enlarged to at least this height in videos [px]."""


def load_clips(path: Path) -> np.ndarray:
    """Open clips without reading them into memory.

    Returns
    -------
    memmap, uint8, (n_clips, n_frames, h, w, 3)

    Raises
    ------
    InputError
        If the file contains anything else.
    """
    try:
        clips = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise InputError(f"{path}: not an array of clips ({error})") from error
    if clips.dtype != np.uint8 or clips.ndim != 5 or clips.shape[-1] != 3:
        raise InputError(
            f"{path}: {clips.dtype} of shape {clips.shape}; expected clips, uint8 of shape "
            "(clips, frames, height, width, 3), as the stage `clips` writes them"
        )
    return clips


def gather_clips(clips: dict[str, np.ndarray], segments: list[str], numbers: list[int]):
    """Collect the clips that a table names, in its order.

    Parameters
    ----------
    clips : dict of str to ndarray, (n_clips, n_frames, h, w, 3)
        Clips of each segment.
    segments, numbers : list
        Segment and number of each requested clip.

    Returns
    -------
    ndarray, uint8, (n, n_frames, h, w, 3)

    Raises
    ------
    InputError
        If a segment or a clip is missing, or segments differ in frames or size.
    """
    shapes = {name: array.shape[1:] for name, array in clips.items()}
    if len(set(shapes.values())) > 1:
        raise InputError(
            f"clips differ in (frames, height, width, colours): {shapes}; all segments must be "
            "cut with the same settings"
        )
    places = rows({name: len(array) for name, array in clips.items()}, segments, numbers)
    return np.stack([clips[segment][number] for segment, number in places])


def load_stimuli(reconstructions: np.ndarray, table: pd.DataFrame, clips: list[Path]) -> np.ndarray:
    """Load the clips that were reconstructed.

    Parameters
    ----------
    reconstructions : ndarray, uint8, (n, n_frames, h, w, 3)
    table : DataFrame
        `segment` and `clip` of each reconstruction.
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
    if len(reconstructions) != len(table):
        raise InputError(
            f"{len(reconstructions)} reconstructions, but {len(table)} rows in the table of "
            "windows: they come from different runs of the workflow; reconstruct again"
        )
    films = {path.stem: load_clips(path) for path in clips}
    stimuli = gather_clips(films, table["segment"].tolist(), table["clip"].tolist())
    if stimuli.shape != reconstructions.shape:
        raise InputError(
            "reconstructions of (frames, height, width, colours) "
            f"{reconstructions.shape[1:]}, but clips of {stimuli.shape[1:]}: cut the clips with "
            "the size and rate of the reconstructions"
        )
    return stimuli


class ClipFrames:
    """The frames of each example's clip; item i has shape (f, h, w, 3), uint8.

    Parameters
    ----------
    arrays : dict of array (n_clips, f, h, w, 3)
        Clips of each segment.
    table : DataFrame
        With columns `segment` and `clip`, one row per example.

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
            counts_by_segment = ", ".join(f"{s}: {array.shape[1]}" for s, array in arrays.items())
            raise InputError(
                f"clips with different numbers of frames ({counts_by_segment}): cut all again with "
                "the same fps"
            )

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, row: int) -> np.ndarray:
        segment, clip = self._keys[row]
        return self._arrays[segment][clip]

    def middles(self) -> list[np.ndarray]:
        """The middle frame of each clip, (h, w, 3), memory-mapped if the clips are."""
        clips = (self[row] for row in range(len(self)))
        return [frames[len(frames) // 2] for frames in clips]


def load_frames(paths: Iterable[Path], table: pd.DataFrame) -> ClipFrames:
    """The frames of a table's clips, from one file per segment, named after it."""
    return ClipFrames({path.stem: load_clips(path) for path in paths}, table)


def side_by_side(
    truth: np.ndarray, reconstruction: np.ndarray, *, height: int = MIN_HEIGHT
) -> np.ndarray:
    """Join ground truth (left) and reconstruction (right) in one picture, enlarged if small.

    Parameters
    ----------
    truth, reconstruction : ndarray, uint8, (n_frames, h, w, 3)
    height : int
        Frames are enlarged by a whole factor to at least this height [px].

    Returns
    -------
    ndarray, uint8, (n_frames, H, 2·W + gap, 3)
        H and the width are even, as H.264 requires. The gap is white.
    """
    pair = [_repeated(x, max(1, -(-height // truth.shape[1]))) for x in (truth, reconstruction)]
    n_frames, h = pair[0].shape[:2]
    gap = np.full((n_frames, h, 4, 3), 255, np.uint8)
    return _even(np.concatenate([pair[0], gap, pair[1]], axis=2))


def enlarge(frames: np.ndarray, *, height: int = MIN_HEIGHT) -> np.ndarray:
    """Enlarge small frames by a whole factor to at least some height.

    Parameters
    ----------
    frames : ndarray, uint8, (n_frames, h, w, 3)
    height : int
        As for :func:`side_by_side`.

    Returns
    -------
    ndarray, uint8, (n_frames, H, W, 3)
        H and W are even, as H.264 requires.
    """
    return _even(_repeated(frames, max(1, -(-height // frames.shape[1]))))


def _repeated(frames: np.ndarray, factor: int) -> np.ndarray:
    return frames.repeat(factor, axis=1).repeat(factor, axis=2)


def _even(frames: np.ndarray) -> np.ndarray:
    """Repeat the last row or column of frames whose height or width is odd."""
    h, w = frames.shape[1:3]
    return np.pad(frames, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)), mode="edge")
