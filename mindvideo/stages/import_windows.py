"""Import windows, or the volumes to cut them from, that others have prepared."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.clip_times import ClipTimes
from mindvideo.errors import InputError, named
from mindvideo.fmri.windows import cut, derangement, pad, pad_by_wrapping
from mindvideo.io.given import by_segment, open_array
from mindvideo.io.tables import find_segment, save_table
from mindvideo.settings.given import GivenWindowSettings
from mindvideo.stages import Inputs, Output, chapter, imports

log = logging.getLogger(__name__)


@chapter("fMRI")
@imports("windows")
def main(
    *,
    arrays: Inputs,
    training: Inputs | None,
    windows: Output,
    table: Output,
    split: str,
    segment: str | None = None,
    settings: GivenWindowSettings,
) -> None:
    """Write windows (n_windows, size, n_voxels) float32, and the table of their clips.

    Of a segment, `arrays` have volumes (n_clips, n_voxels), from which windows are cut as by the
    stage `windows`, or windows (n_clips, size, n_voxels). `training` are the arrays of the training
    segments, which `standardize` needs. With `segment`, only its windows are written; shuffled
    windows come from all segments of the split.
    """
    segments = settings.splits[split]
    of_segment = _checked(arrays, segments)
    mean, sd = 0.0, 1.0
    if settings.standardize:
        mean, sd = _statistics(training, settings.splits["train"])
    needed = list(segments) if segment is None or settings.shuffle else [segment]
    values = np.concatenate(
        [
            _windows((of_segment[name] - np.float32(mean)) / np.float32(sd), settings)
            for name in needed
        ]
    )
    clips = pd.concat(
        pd.DataFrame({"segment": name, "clip": np.arange(segments[name])}) for name in needed
    ).reset_index(drop=True)
    if settings.shuffle:
        values = values[derangement(len(values), settings.seed)]
    if segment is not None:
        kept = find_segment(clips, segment)
        values, clips = values[kept], clips.iloc[kept]
    np.save(windows, values)
    save_table(table, clips)
    log.info("%s: %d windows of %d volumes × %d voxels", windows.stem, *values.shape)


def _checked(paths: list[Path], segments: dict[str, int]) -> dict[str, np.ndarray]:
    """The volumes or windows of each segment, finite and of one number of voxels."""
    parts = by_segment([open_array(path) for path in paths], segments, paths)
    place = paths if len(paths) == len(parts) else paths * len(parts)
    loaded = {}
    for path, (name, part) in zip(place, parts.items()):
        with named(path):
            loaded[name] = _floats(part, name)
    if len({part.shape[-1] for part in loaded.values()}) > 1:
        counts = ", ".join(f"{name} {part.shape[-1]}" for name, part in loaded.items())
        raise InputError(
            f"{paths[0]}, …: segments differ in their number of voxels ({counts}): all must have "
            "the same voxels in the same order"
        )
    return loaded


def _floats(part: np.ndarray, segment: str) -> np.ndarray:
    if part.ndim not in (2, 3) or part.dtype.kind not in "fiu":
        raise InputError(
            f"{segment}: {part.dtype} of shape {part.shape}; expected numbers, volumes (clips, "
            "voxels) or windows (clips, volumes, voxels)"
        )
    values = np.array(part, np.float32)
    if wrong := int((~np.isfinite(values)).sum()):
        axes = tuple(range(1, values.ndim))
        first = int(np.flatnonzero(~np.isfinite(values).all(axis=axes))[0])
        raise InputError(
            f"{segment}: {wrong} of {values.size} values are not finite, the first in row {first}: "
            "replace or leave out the voxels with NaN before giving the array"
        )
    return values


def _statistics(paths: list[Path] | None, segments: dict[str, int]) -> tuple[float, float]:
    """Mean and standard deviation over all values of the training array."""
    if not paths:
        raise InputError(
            "given_windows.standardize needs the array of the training segments: give it as "
            "given.windows.train, or set standardize: false"
        )
    values = np.concatenate([part.ravel() for part in _checked(paths, segments).values()])
    return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))


def _windows(part: np.ndarray, settings: GivenWindowSettings) -> np.ndarray:
    """Windows (n, size, v) of a segment, padded."""
    fill = pad if settings.padding == "zeros" else pad_by_wrapping
    padded = fill(part, settings.patch_size)
    if padded.ndim == 2:
        n, lag = len(padded), settings.lag
        times = ClipTimes(tr=1, seconds=1, size=settings.size, end=settings.end)
        if without := n - times.n_clips(n, n - lag):
            raise InputError(
                f"windows of {settings.size} volumes, {lag} after their clips: the last {without} "
                f"of {n} clips have no volumes of their own in an array of one volume per clip: "
                "give windows, or volumes that are shifted by the lag (windows.lag: 0); "
                "windows.end: repeat uses the last volume again, as the released loader does"
            )
        return cut(padded[lag:], times, n)
    if padded.shape[1] != settings.size:
        raise InputError(
            f"windows of {padded.shape[1]} volumes are given, but windows.size is {settings.size}: "
            "set it to the size that the encoder was trained with, or give other windows"
        )
    return padded
